//! Table `snapshots`: derived state, to start from without folding every event again.

use accrual_rewards::id::PoolId;
use accrual_rewards::unit::BlockNumber;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::cell::{Row, bigint, bound};
use crate::db::{Tx, on, within};
use crate::{Db, StoreError};

/// A pool's folded state after a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// What folded it, and with which settings: another fingerprint's state means nothing to it.
    pub fingerprint: String,
    /// The block.
    pub block_number: BlockNumber,
    /// The state, as whoever folded it writes it.
    pub state: Vec<u8>,
}

/// Bytes of a state in one row, so that a large one is not held as one text on its way: a multiple of three, which base64
/// needs no filling for.
const PART_BYTES: usize = 192 * 1024;

const NEWEST: &str = "
    select block_number, state from snapshots
    where pool_id = $1 and fingerprint = $2 and block_number = (
        select max(block_number) from snapshots where pool_id = $1 and fingerprint = $2 and block_number <= $3)
    order by part";

/// The newest state of `pool` under `fingerprint` that is not above block `at_most`.
///
/// # Errors
/// [`StoreError::Damaged`], or the database's own.
pub async fn newest(
    db: &Db,
    pool: &PoolId,
    fingerprint: &str,
    at_most: BlockNumber,
) -> Result<Option<Snapshot>, StoreError> {
    let parts: Vec<(i64, String)> = on!(db, conn => sqlx::query_as(NEWEST)
        .bind(pool.as_str()).bind(fingerprint).bind(bound(at_most.0)).fetch_all(conn).await)?;
    let Some((number, _)) = parts.first() else { return Ok(None) };
    let row = Row { db, table: "snapshots", key: format_args!("{pool}, {fingerprint}, block {number}") };
    let block_number = BlockNumber(row.number("block_number", *number)?);
    let mut state = Vec::with_capacity(parts.len() * PART_BYTES);
    for (_, part) in &parts {
        BASE64
            .decode_vec(part, &mut state)
            .map_err(|error| row.damaged(format!("state is no base64 ({error})")))?;
    }
    Ok(Some(Snapshot { fingerprint: fingerprint.to_owned(), block_number, state }))
}

const DELETE_ALL: &str = "delete from snapshots where pool_id = $1";

/// Drops every state of `pool`; it is folded again when it is needed.
///
/// # Errors
/// The database's own.
pub async fn delete_all(db: &Db, pool: &PoolId) -> Result<(), StoreError> {
    let mut tx = db.begin().await?;
    within!(&mut tx, conn => sqlx::query(DELETE_ALL).bind(pool.as_str()).execute(conn).await.map(|_| ()))?;
    tx.commit().await
}

// Only up to the checkpoint: the blocks may have been taken back while the state was folded.
const PUT: &str = "
    insert into snapshots (pool_id, fingerprint, block_number, part, state)
    select $1, $2, $3, $4, $5 where exists (select 1 from checkpoints where pool_id = $1 and block_number >= $3)
    on conflict (pool_id, fingerprint, block_number, part) do update set state = excluded.state";

/// Stores a state that was folded outside of a batch, over one of the same place; whether it was kept, which
/// it is not when it lies above the pool's checkpoint.
///
/// # Errors
/// The database's own.
pub async fn put(db: &Db, pool: &PoolId, snapshot: &Snapshot) -> Result<bool, StoreError> {
    let mut tx = db.begin().await?;
    let kept = write(&mut tx, PUT, pool, snapshot).await?;
    tx.commit().await?;
    Ok(kept)
}

const INSERT: &str = "
    insert into snapshots (pool_id, fingerprint, block_number, part, state) values ($1, $2, $3, $4, $5)
    on conflict (pool_id, fingerprint, block_number, part) do update set state = excluded.state";

/// Stores one state of a batch, over one of the same place.
pub(crate) async fn insert(tx: &mut Tx<'_>, pool: &PoolId, snapshot: &Snapshot) -> Result<(), StoreError> {
    write(tx, INSERT, pool, snapshot).await.map(|_| ())
}

// What is written may be shorter than what stood there. Two who write at once write the same.
const DELETE: &str = "delete from snapshots where pool_id = $1 and fingerprint = $2 and block_number = $3";

async fn write(
    tx: &mut Tx<'_>,
    text: &'static str,
    pool: &PoolId,
    snapshot: &Snapshot,
) -> Result<bool, StoreError> {
    let number = bigint("block number", snapshot.block_number.0)?;
    let fingerprint = snapshot.fingerprint.as_str();
    within!(tx, conn => sqlx::query(DELETE)
        .bind(pool.as_str()).bind(fingerprint).bind(number).execute(conn).await.map(|_| ()))?;
    let mut written = 0;
    for (part, bytes) in (0_i64..).zip(snapshot.state.chunks(PART_BYTES)) {
        written += within!(tx, conn => sqlx::query(text)
            .bind(pool.as_str())
            .bind(fingerprint)
            .bind(number)
            .bind(part)
            .bind(BASE64.encode(bytes))
            .execute(conn).await.map(|done| done.rows_affected()))?;
    }
    Ok(written > 0)
}

const DELETE_ABOVE: &str = "delete from snapshots where pool_id = $1 and block_number > $2";

/// Drops the states above block `number`.
pub(crate) async fn delete_above(
    tx: &mut Tx<'_>,
    pool: &PoolId,
    number: BlockNumber,
) -> Result<(), StoreError> {
    within!(tx, conn => sqlx::query(DELETE_ABOVE)
        .bind(pool.as_str()).bind(bound(number.0)).execute(conn).await.map(|_| ()))
}
