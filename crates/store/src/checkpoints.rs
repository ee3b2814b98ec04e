//! Table `checkpoints`: how far each pool is stored.

use std::fmt;

use accrual_rewards::id::PoolId;
use accrual_rewards::unit::{BlockNumber, UnixSeconds};
use alloy_primitives::B256;

use crate::cell::{Row, bigint, bound};
use crate::db::{Tx, on, within};
use crate::{Db, Header, StoreError};

/// A pool's newest stored block: everything up to and with it is stored, and nothing above it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The pool.
    pub pool: PoolId,
    /// The block's height.
    pub number: BlockNumber,
    /// Its hash.
    pub hash: B256,
    /// Its time.
    pub at: UnixSeconds,
    /// How often blocks of this pool were taken back.
    pub rewinds: u64,
}

/// A block, by height and hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockRef {
    /// Its height.
    pub number: BlockNumber,
    /// Its hash.
    pub hash: B256,
}

impl fmt::Display for BlockRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "block {} ({})", self.number, self.hash)
    }
}

impl Checkpoint {
    /// The block that it stands at.
    pub fn block(&self) -> BlockRef {
        BlockRef { number: self.number, hash: self.hash }
    }
}

impl Header {
    /// The block that it heads.
    pub fn block(&self) -> BlockRef {
        BlockRef { number: self.number, hash: self.hash }
    }
}

type Cells = (String, i64, String, i64, i64);

const ALL: &str = "select pool_id, block_number, block_hash, block_at, rewinds from checkpoints";

/// Every pool's checkpoint, by pool.
///
/// # Errors
/// [`StoreError::Damaged`], or the database's own.
pub async fn all(db: &Db) -> Result<Vec<Checkpoint>, StoreError> {
    let rows: Vec<Cells> = on!(db, pool => sqlx::query_as(ALL).fetch_all(pool).await)?;
    let mut all: Vec<Checkpoint> = rows.into_iter().map(|cells| row(db, cells)).collect::<Result<_, _>>()?;
    all.sort_by(|a, b| a.pool.cmp(&b.pool));
    Ok(all)
}

const GET: &str = "
    select pool_id, block_number, block_hash, block_at, rewinds from checkpoints where pool_id = $1";

/// One pool's checkpoint; `None` before its first block.
///
/// # Errors
/// As [`all`].
pub async fn get(db: &Db, pool: &PoolId) -> Result<Option<Checkpoint>, StoreError> {
    let cells: Option<Cells> =
        on!(db, conn => sqlx::query_as(GET).bind(pool.as_str()).fetch_optional(conn).await)?;
    cells.map(|cells| row(db, cells)).transpose()
}

const CREATE: &str = "
    insert into checkpoints (pool_id, block_number, block_hash, block_at, rewinds)
    values ($1, $2, $3, $4, 0) on conflict (pool_id) do nothing";

const ADVANCE: &str = "
    update checkpoints set block_number = $2, block_hash = $3, block_at = $4
    where pool_id = $1 and block_number = $5 and block_hash = $6";

/// Moves a checkpoint from `after` to `to`, if it still stands at `after`. The row stays locked until the
/// transaction ends, so a second writer waits here and then finds that it moved.
pub(crate) async fn advance(
    tx: &mut Tx<'_>,
    pool: &PoolId,
    after: Option<BlockRef>,
    to: &Header,
) -> Result<(), StoreError> {
    let (number, at) = (bigint("block number", to.number.0)?, bigint("block time", to.at.0)?);
    let moved = within!(&mut *tx, conn => {
        let query = sqlx::query(if after.is_some() { ADVANCE } else { CREATE })
            .bind(pool.as_str()).bind(number).bind(format!("{:#x}", to.hash)).bind(at);
        let query = match after {
            Some(after) => query.bind(bound(after.number.0)).bind(format!("{:#x}", after.hash)),
            None => query,
        };
        query.execute(conn).await.map(|done| done.rows_affected())
    });
    match moved {
        Ok(0) => Err(elsewhere(tx, pool, after).await?),
        Ok(_) => Ok(()),
        Err(StoreError::Query { source, .. }) if is_foreign_key(&source) => {
            Err(StoreError::UnknownPool { at: tx.db.at(), pool: pool.clone() })
        }
        Err(error) => Err(error),
    }
}

fn is_foreign_key(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|said| said.is_foreign_key_violation())
}

async fn elsewhere(
    tx: &mut Tx<'_>,
    pool: &PoolId,
    after: Option<BlockRef>,
) -> Result<StoreError, StoreError> {
    let cells: Option<Cells> =
        within!(&mut *tx, conn => sqlx::query_as(GET).bind(pool.as_str()).fetch_optional(conn).await)?;
    let found = cells.map(|cells| row(tx.db, cells)).transpose()?.map(|checkpoint| checkpoint.block());
    let text = |block: Option<BlockRef>| block.map_or("no block".to_owned(), |block| block.to_string());
    Ok(StoreError::CheckpointMoved {
        at: tx.db.at(),
        pool: pool.clone(),
        expected: text(after),
        found: text(found),
    })
}

const TAKE_BACK: &str = "
    update checkpoints set block_number = $2, block_hash = $3, block_at = $4, rewinds = rewinds + 1
    where pool_id = $1 and block_number > $2";

/// Moves a checkpoint that is above `to` back to it; whether it was above.
pub(crate) async fn take_back(tx: &mut Tx<'_>, pool: &PoolId, to: &Header) -> Result<bool, StoreError> {
    let (number, at) = (bigint("block number", to.number.0)?, bigint("block time", to.at.0)?);
    let moved = within!(tx, conn => sqlx::query(TAKE_BACK)
        .bind(pool.as_str()).bind(number).bind(format!("{:#x}", to.hash)).bind(at)
        .execute(conn).await.map(|done| done.rows_affected()))?;
    Ok(moved > 0)
}

fn row(db: &Db, (pool_id, number, hash, at, rewinds): Cells) -> Result<Checkpoint, StoreError> {
    let row = Row { db, table: "checkpoints", key: &pool_id };
    Ok(Checkpoint {
        pool: row.text("pool_id", &pool_id)?,
        number: BlockNumber(row.number("block_number", number)?),
        hash: row.text("block_hash", &hash)?,
        at: UnixSeconds(row.number("block_at", at)?),
        rewinds: row.number("rewinds", rewinds)?,
    })
}
