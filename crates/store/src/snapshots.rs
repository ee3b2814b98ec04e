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
    pub state: State,
}

/// Bytes of a state in one piece and one row, so that a large one needs no room of its size at once.
const PART_BYTES: usize = 192 * 1024;

/// A state's bytes, in pieces of one size but for the last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State(Vec<Vec<u8>>);

impl State {
    /// Adds bytes at the end.
    pub fn push(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let part = match self.0.last_mut() {
                // A few, as nearly all are.
                Some(part) if part.len() + bytes.len() < PART_BYTES => return part.extend_from_slice(bytes),
                Some(part) if part.len() < PART_BYTES => part,
                _ => self.0.push_mut(Vec::with_capacity(PART_BYTES)),
            };
            let (fits, rest) = bytes.split_at(bytes.len().min(PART_BYTES - part.len()));
            part.extend_from_slice(fits);
            bytes = rest;
        }
    }

    /// All of it in one piece.
    pub fn whole(&self) -> Vec<u8> {
        self.0.concat()
    }
}

impl From<&[u8]> for State {
    fn from(bytes: &[u8]) -> Self {
        let mut state = Self::default();
        state.push(bytes);
        state
    }
}

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
    let parts: Vec<(i64, Vec<u8>)> = on!(db, conn => sqlx::query_as(NEWEST)
        .bind(pool.as_str()).bind(fingerprint).bind(bound(at_most.0)).fetch_all(conn).await)?;
    let Some((number, _)) = parts.first() else { return Ok(None) };
    let row = Row { db, table: "snapshots", key: format_args!("{pool}, {fingerprint}, block {number}") };
    let block_number = BlockNumber(row.number("block_number", *number)?);
    let mut state = State::default();
    parts.iter().for_each(|(_, part)| state.push(part));
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
    for (part, bytes) in (0_i64..).zip(&snapshot.state.0) {
        written += within!(tx, conn => sqlx::query(text)
            .bind(pool.as_str())
            .bind(fingerprint)
            .bind(number)
            .bind(part)
            .bind(bytes.as_slice())
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

const ALL: &str = "select pool_id, fingerprint, block_number, part, state from snapshots";

/// Every part of every state as cells: pool, fingerprint, block, part, and its bytes in base64.
pub(crate) async fn cells(db: &Db) -> Result<Vec<Vec<String>>, StoreError> {
    let rows: Vec<(String, String, i64, i64, Vec<u8>)> =
        on!(db, conn => sqlx::query_as(ALL).fetch_all(conn).await)?;
    let cells = |(pool, fingerprint, block, part, state): (String, String, i64, i64, Vec<u8>)| {
        vec![pool, fingerprint, block.to_string(), part.to_string(), BASE64.encode(state)]
    };
    Ok(rows.into_iter().map(cells).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_its_bytes_however_they_came() {
        let bytes: Vec<u8> = (0..=u8::MAX).cycle().take(2 * PART_BYTES + 5).collect();
        for step in [1_000, PART_BYTES - 1, PART_BYTES, PART_BYTES + 1, 3 * PART_BYTES] {
            let mut state = State::default();
            bytes.chunks(step).for_each(|bytes| state.push(bytes));
            assert_eq!(state.whole(), bytes, "by {step}");
            assert_eq!(state, State::from(bytes.as_slice()), "by {step}");
            let lengths: Vec<usize> = state.0.iter().map(Vec::len).collect();
            assert_eq!(lengths, [PART_BYTES, PART_BYTES, 5], "by {step}");
        }
        assert!(State::from(&[][..]).0.is_empty());
    }
}
