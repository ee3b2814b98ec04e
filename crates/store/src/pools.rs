//! Table `pools`: what is followed, under the name that the configuration gives it.

use accrual_rewards::id::{PoolId, Venue};
use accrual_rewards::pool::{Pool, PoolFacts};
use accrual_rewards::unit::BlockNumber;
use alloy_primitives::Address;

use crate::cell::{Row, bigint};
use crate::db::{on, within};
use crate::{Db, StoreError};

/// One pool that is followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolRow {
    /// Its name here.
    pub pool: PoolId,
    /// Its chain.
    pub chain_id: u64,
    /// What kind of contract it is.
    pub venue: Venue,
    /// The contract.
    pub address: Address,
    /// Who makes its positions NFTs, if anyone.
    pub position_manager: Option<Address>,
    /// Where its events begin.
    pub created_block: BlockNumber,
    /// The token that the price is told of, once [`set_tokens`] has stored it.
    pub token0: Option<Address>,
    /// The token that the price is told in, once [`set_tokens`] has stored it.
    pub token1: Option<Address>,
}

const INSERT: &str = "
    insert into pools (pool_id, chain_id, venue, address, position_manager, created_block)
    values ($1, $2, $3, $4, $5, $6) on conflict (pool_id) do nothing";

/// Stores a pool that is followed; to store it again is fine. Its tokens are left to [`set_tokens`].
///
/// # Errors
/// [`StoreError::PoolChanged`] when the same id is stored and stands for anything else.
pub async fn register(db: &Db, pool: &PoolRow) -> Result<(), StoreError> {
    let chain_id = bigint("chain id", pool.chain_id)?;
    let created_block = bigint("created block", pool.created_block.0)?;
    let mut tx = db.begin_lightly().await?;
    within!(&mut tx, conn => sqlx::query(INSERT)
        .bind(pool.pool.as_str())
        .bind(chain_id)
        .bind(pool.venue.as_str())
        .bind(format!("{:#x}", pool.address))
        .bind(pool.position_manager.map(|address| format!("{address:#x}")))
        .bind(created_block)
        .execute(conn).await.map(|_| ()))?;
    let rows: Vec<Cells> = within!(&mut tx, conn => sqlx::query_as(LIST).fetch_all(conn).await)?;
    let stored = rows.into_iter().find(|cells| cells.pool_id == pool.pool.as_str());
    let stored = row(db, stored.expect("the row was just inserted or was there before"))?;
    if let Some((what, stored, given)) = difference(&stored, pool) {
        return Err(StoreError::PoolChanged { at: db.at(), pool: pool.pool.clone(), what, stored, given });
    }
    tx.commit().await
}

const SET_TOKENS: &str = "update pools set token0 = $2, token1 = $3 where pool_id = $1";

/// Stores which tokens a registered pool holds, as the pool itself says.
///
/// # Errors
/// [`StoreError::UnknownPool`], or the database's own.
pub async fn set_tokens(db: &Db, pool: &PoolId, token0: Address, token1: Address) -> Result<(), StoreError> {
    let mut tx = db.begin_lightly().await?;
    let changed = within!(&mut tx, conn => sqlx::query(SET_TOKENS)
        .bind(pool.as_str()).bind(format!("{token0:#x}")).bind(format!("{token1:#x}"))
        .execute(conn).await.map(|done| done.rows_affected()))?;
    if changed == 0 {
        return Err(StoreError::UnknownPool { at: db.at(), pool: pool.clone() });
    }
    tx.commit().await
}

const SET_FACTS: &str = "update pools set facts = $2 where pool_id = $1";

/// Stores what a registered pool's contract says of itself.
///
/// # Errors
/// [`StoreError::UnknownPool`], or the database's own.
pub async fn set_facts(db: &Db, pool: &PoolId, facts: &PoolFacts) -> Result<(), StoreError> {
    let text = serde_json::to_string(facts).expect("facts are plain data with text keys");
    let mut tx = db.begin_lightly().await?;
    let changed = within!(&mut tx, conn => sqlx::query(SET_FACTS)
        .bind(pool.as_str()).bind(text)
        .execute(conn).await.map(|done| done.rows_affected()))?;
    if changed == 0 {
        return Err(StoreError::UnknownPool { at: db.at(), pool: pool.clone() });
    }
    tx.commit().await
}

const FACTS: &str = "select facts from pools where pool_id = $1 and address = $2 and venue = $3";

/// What a pool's contract said of itself; `None` while it was not asked, or where the id stands for another contract.
///
/// # Errors
/// [`StoreError::Damaged`], or the database's own.
pub async fn facts(db: &Db, pool: &Pool) -> Result<Option<PoolFacts>, StoreError> {
    let (id, venue) = (pool.id.as_str(), pool.venue.as_str());
    let address = format!("{:#x}", pool.address);
    let cell: Option<Option<String>> = on!(db, open => sqlx::query_scalar(FACTS)
        .bind(id).bind(&address).bind(venue).fetch_optional(open).await)?;
    let row = Row { db, table: "pools", key: id };
    let read = |text: String| {
        serde_json::from_str(&text).map_err(|error| row.damaged(format!("facts are none ({error})")))
    };
    cell.flatten().map(read).transpose()
}

#[derive(sqlx::FromRow)]
struct Cells {
    pool_id: String,
    chain_id: i64,
    venue: String,
    address: String,
    position_manager: Option<String>,
    created_block: i64,
    token0: Option<String>,
    token1: Option<String>,
}

const LIST: &str = "
    select pool_id, chain_id, venue, address, position_manager, created_block, token0, token1 from pools";

/// Every pool that was ever registered, by id.
///
/// # Errors
/// [`StoreError::Damaged`], or the database's own.
pub async fn list(db: &Db) -> Result<Vec<PoolRow>, StoreError> {
    let rows: Vec<Cells> = on!(db, pool => sqlx::query_as(LIST).fetch_all(pool).await)?;
    let mut pools: Vec<PoolRow> = rows.into_iter().map(|cells| row(db, cells)).collect::<Result<_, _>>()?;
    // Servers sort text by the rules of a language, each by its own.
    pools.sort_by(|a, b| a.pool.cmp(&b.pool));
    Ok(pools)
}

/// The first property by which two rows of one id differ. Tokens are no property: they follow from the address.
fn difference(stored: &PoolRow, given: &PoolRow) -> Option<(&'static str, String, String)> {
    let texts = |row: &PoolRow| {
        [
            ("chain", row.chain_id.to_string()),
            ("venue", row.venue.to_string()),
            ("address", row.address.to_string()),
            (
                "position manager",
                row.position_manager.map_or("none".to_owned(), |address| address.to_string()),
            ),
            ("created block", row.created_block.to_string()),
        ]
    };
    let pairs = texts(stored).into_iter().zip(texts(given));
    pairs.into_iter().find(|(stored, given)| stored != given).map(|((what, a), (_, b))| (what, a, b))
}

fn row(db: &Db, cells: Cells) -> Result<PoolRow, StoreError> {
    let row = Row { db, table: "pools", key: &cells.pool_id };
    let address =
        |column, cell: Option<String>| cell.map(|cell| row.text::<Address>(column, &cell)).transpose();
    Ok(PoolRow {
        pool: row.text("pool_id", &cells.pool_id)?,
        chain_id: row.number("chain_id", cells.chain_id)?,
        venue: row.text("venue", &cells.venue)?,
        address: row.text("address", &cells.address)?,
        position_manager: address("position_manager", cells.position_manager)?,
        created_block: BlockNumber(row.number("created_block", cells.created_block)?),
        token0: address("token0", cells.token0)?,
        token1: address("token1", cells.token1)?,
    })
}
