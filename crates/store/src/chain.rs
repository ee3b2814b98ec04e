//! Table `chain`: what the node said last.

use accrual_rewards::unit::{BlockNumber, UnixSeconds};
use alloy_primitives::B256;

use crate::cell::{Row, bigint, bound};
use crate::db::{Tx, on, within};
use crate::{Db, StoreError};

/// One chain, as its node described it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChainRow {
    /// The chain's id.
    pub chain_id: u64,
    /// The newest block.
    pub latest_number: BlockNumber,
    /// Its hash.
    pub latest_hash: B256,
    /// Its time.
    pub latest_at: UnixSeconds,
    /// The newest safe block, where the node knows one.
    pub safe_number: Option<BlockNumber>,
    /// The newest final block, where the node knows one.
    pub finalized_number: Option<BlockNumber>,
    /// When the node said so, by our own clock.
    pub seen_at: UnixSeconds,
}

const RECORD: &str = "
    insert into chain (chain_id, latest_number, latest_hash, latest_at, safe_number, finalized_number, seen_at)
    values ($1, $2, $3, $4, $5, $6, $7)
    on conflict (chain_id) do update set
        latest_number = excluded.latest_number, latest_hash = excluded.latest_hash,
        latest_at = excluded.latest_at, safe_number = excluded.safe_number,
        finalized_number = excluded.finalized_number, seen_at = excluded.seen_at";

/// Stores what the node says now, over what it said before.
///
/// # Errors
/// The database's own.
pub async fn record(db: &Db, row: &ChainRow) -> Result<(), StoreError> {
    let height = |number: BlockNumber| bigint("block number", number.0);
    let time = |at: UnixSeconds| bigint("time", at.0);
    let (chain_id, latest_number) = (bigint("chain id", row.chain_id)?, height(row.latest_number)?);
    let (latest_at, seen_at) = (time(row.latest_at)?, time(row.seen_at)?);
    let safe_number = row.safe_number.map(height).transpose()?;
    let finalized_number = row.finalized_number.map(height).transpose()?;
    let mut tx = db.begin_lightly().await?;
    within!(&mut tx, conn => sqlx::query(RECORD)
        .bind(chain_id)
        .bind(latest_number)
        .bind(format!("{:#x}", row.latest_hash))
        .bind(latest_at)
        .bind(safe_number)
        .bind(finalized_number)
        .bind(seen_at)
        .execute(conn).await.map(|_| ()))?;
    tx.commit().await
}

const LOCK: &str = "update chain set chain_id = chain_id where chain_id = $1";

/// Waits for whoever holds the chain, and holds it until the transaction ends.
pub(crate) async fn lock(tx: &mut Tx<'_>, chain_id: u64) -> Result<(), StoreError> {
    within!(tx, conn => sqlx::query(LOCK).bind(bound(chain_id)).execute(conn).await.map(|_| ()))
}

const GET: &str = "
    select latest_number, latest_hash, latest_at, safe_number, finalized_number, seen_at from chain
    where chain_id = $1";

/// What the node said last; `None` before it said anything.
///
/// # Errors
/// [`StoreError::Damaged`], or the database's own.
pub async fn get(db: &Db, chain_id: u64) -> Result<Option<ChainRow>, StoreError> {
    type Cells = (i64, String, i64, Option<i64>, Option<i64>, i64);
    let cells: Option<Cells> =
        on!(db, pool => sqlx::query_as(GET).bind(bound(chain_id)).fetch_optional(pool).await)?;
    let Some((latest_number, latest_hash, latest_at, safe_number, finalized_number, seen_at)) = cells else {
        return Ok(None);
    };
    let row = Row { db, table: "chain", key: chain_id };
    let height = |column, cell| row.number(column, cell).map(BlockNumber);
    Ok(Some(ChainRow {
        chain_id,
        latest_number: height("latest_number", latest_number)?,
        latest_hash: row.text("latest_hash", &latest_hash)?,
        latest_at: UnixSeconds(row.number("latest_at", latest_at)?),
        safe_number: safe_number.map(|cell| height("safe_number", cell)).transpose()?,
        finalized_number: finalized_number.map(|cell| height("finalized_number", cell)).transpose()?,
        seen_at: UnixSeconds(row.number("seen_at", seen_at)?),
    }))
}
