//! Table `tokens`: what tokens say of themselves, as far as they say it.

use alloy_primitives::Address;

use crate::cell::{Row, bigint, bound};
use crate::db::{on, within};
use crate::{Db, StoreError};

/// What one token says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRow {
    /// Its chain.
    pub chain_id: u64,
    /// Its contract.
    pub address: Address,
    /// Its symbol, made harmless: a stranger's choice still. `None` while unknown.
    pub symbol: Option<String>,
    /// Its decimals; `None` while unknown.
    pub decimals: Option<u8>,
}

const LEARN: &str = "
    insert into tokens (chain_id, address, symbol, decimals) values ($1, $2, $3, $4)
    on conflict (chain_id, address) do update set
        symbol = coalesce(tokens.symbol, excluded.symbol), decimals = coalesce(tokens.decimals, excluded.decimals)";

/// Stores what was learnt of tokens. What is known already stays: amounts must not change their scale one day.
///
/// # Errors
/// [`StoreError::TooLarge`] for a chain id from 2^63 on, or the database's own.
pub async fn learn(db: &Db, tokens: &[TokenRow]) -> Result<(), StoreError> {
    let mut tx = db.begin_lightly().await?;
    for token in tokens {
        let chain_id = bigint("chain id", token.chain_id)?;
        within!(&mut tx, conn => sqlx::query(LEARN)
            .bind(chain_id)
            .bind(format!("{:#x}", token.address))
            .bind(token.symbol.as_deref())
            .bind(token.decimals.map(i64::from))
            .execute(conn).await.map(|_| ()))?;
    }
    tx.commit().await
}

type Cells = (i64, String, Option<String>, Option<i64>);

const LIST: &str = "select chain_id, address, symbol, decimals from tokens where chain_id = $1";

/// Every token of a chain that was ever learnt, by address.
///
/// # Errors
/// [`StoreError::Damaged`], or the database's own.
pub async fn list(db: &Db, chain_id: u64) -> Result<Vec<TokenRow>, StoreError> {
    let rows: Vec<Cells> = on!(db, pool => sqlx::query_as(LIST).bind(bound(chain_id)).fetch_all(pool).await)?;
    let mut tokens: Vec<TokenRow> = rows.into_iter().map(|cells| row(db, cells)).collect::<Result<_, _>>()?;
    tokens.sort_by_key(|token| token.address);
    Ok(tokens)
}

fn row(db: &Db, (chain_id, address, symbol, decimals): Cells) -> Result<TokenRow, StoreError> {
    let row = Row { db, table: "tokens", key: &address };
    let count = |cell: i64| {
        u8::try_from(cell).map_err(|_| row.damaged(format!("decimals is {cell}, no number of decimals")))
    };
    Ok(TokenRow {
        chain_id: row.number("chain_id", chain_id)?,
        address: row.text("address", &address)?,
        symbol,
        decimals: decimals.map(count).transpose()?,
    })
}
