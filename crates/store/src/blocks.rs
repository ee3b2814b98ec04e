//! Table `blocks`: the headers that were seen.

use accrual_rewards::unit::{BlockNumber, UnixSeconds};
use alloy_primitives::B256;

use crate::bulk::Bulk;
use crate::cell::{Row, bigint, bound};
use crate::db::{Tx, on, within};
use crate::{Db, StoreError};

/// What is kept of a block's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Its height.
    pub number: BlockNumber,
    /// Its hash.
    pub hash: B256,
    /// The hash of the block below.
    pub parent_hash: B256,
    /// Its time.
    pub at: UnixSeconds,
}

type Cells = (i64, String, String, i64);

const GET: &str = "
    select block_number, block_hash, parent_hash, block_at from blocks
    where chain_id = $1 and block_number = $2";

/// The header at `number`.
///
/// # Errors
/// [`StoreError::Damaged`], or the database's own.
pub async fn get(db: &Db, chain_id: u64, number: BlockNumber) -> Result<Option<Header>, StoreError> {
    one(db, GET, chain_id, number.0).await
}

const AT_OR_BEFORE: &str = "
    select block_number, block_hash, parent_hash, block_at from blocks
    where chain_id = $1 and block_number <= $2 order by block_number desc limit 1";

/// The highest header not above `number`.
///
/// # Errors
/// As [`get`].
pub async fn at_or_before(db: &Db, chain_id: u64, number: BlockNumber) -> Result<Option<Header>, StoreError> {
    one(db, AT_OR_BEFORE, chain_id, number.0).await
}

const AT_OR_AFTER: &str = "
    select block_number, block_hash, parent_hash, block_at from blocks
    where chain_id = $1 and block_number >= $2 order by block_number limit 1";

/// The lowest header not below `number`.
///
/// # Errors
/// As [`get`].
pub async fn at_or_after(db: &Db, chain_id: u64, number: BlockNumber) -> Result<Option<Header>, StoreError> {
    one(db, AT_OR_AFTER, chain_id, number.0).await
}

const NEWEST_AT_OR_BEFORE_TIME: &str = "
    select block_number, block_hash, parent_hash, block_at from blocks
    where chain_id = $1 and block_at <= $2 order by block_at desc, block_number desc limit 1";

/// The highest header that is not later than `time`.
///
/// # Errors
/// As [`get`].
pub async fn newest_at_or_before_time(
    db: &Db,
    chain_id: u64,
    time: UnixSeconds,
) -> Result<Option<Header>, StoreError> {
    one(db, NEWEST_AT_OR_BEFORE_TIME, chain_id, time.0).await
}

const AFTER_TIME: &str = "
    select block_number, block_hash, parent_hash, block_at from blocks
    where chain_id = $1 and block_at > $2 order by block_at, block_number limit 1";

/// The lowest header that is later than `time`.
///
/// # Errors
/// As [`get`].
pub async fn after_time(db: &Db, chain_id: u64, time: UnixSeconds) -> Result<Option<Header>, StoreError> {
    one(db, AFTER_TIME, chain_id, time.0).await
}

const DESCENDING_FROM: &str = "
    select block_number, block_hash, parent_hash, block_at from blocks
    where chain_id = $1 and block_number <= $2 order by block_number desc limit $3";

/// At most `limit` headers from `number` downwards, highest first: for the search of a common ancestor.
///
/// # Errors
/// As [`get`].
pub async fn descending_from(
    db: &Db,
    chain_id: u64,
    number: BlockNumber,
    limit: u32,
) -> Result<Vec<Header>, StoreError> {
    let rows: Vec<Cells> = on!(db, pool => sqlx::query_as(DESCENDING_FROM)
        .bind(bound(chain_id)).bind(bound(number.0)).bind(i64::from(limit)).fetch_all(pool).await)?;
    rows.into_iter().map(|row| header(db, row)).collect()
}

/// Stores one header; to store it again is fine.
///
/// # Errors
/// [`StoreError::BlockChanged`] when another block is stored at its height.
pub async fn insert(db: &Db, chain_id: u64, header: &Header) -> Result<(), StoreError> {
    let mut tx = db.begin().await?;
    insert_all(&mut tx, chain_id, std::slice::from_ref(header)).await?;
    tx.commit().await
}

// A row that says the same is written again, so that it counts; a row that differs is not, and is missed.
static INSERT: Bulk = Bulk::new(
    "insert into blocks (chain_id, block_number, block_hash, parent_hash, block_at) values",
    5,
    "on conflict (chain_id, block_number) do update set block_hash = excluded.block_hash
     where blocks.block_hash = excluded.block_hash",
);

/// Stores headers, whose heights rise.
pub(crate) async fn insert_all(tx: &mut Tx<'_>, chain_id: u64, headers: &[Header]) -> Result<(), StoreError> {
    assert!(headers.is_sorted_by(|a, b| a.number < b.number), "headers are in chain order, each height once");
    let chain = bigint("chain id", chain_id)?;
    for (text, headers) in INSERT.statements(tx.db.engine(), headers) {
        let mut rows = Vec::with_capacity(headers.len());
        for header in headers {
            rows.push((bigint("block number", header.number.0)?, header, bigint("block time", header.at.0)?));
        }
        let kept = within!(tx, conn => {
            let mut query = sqlx::query(text);
            for (number, header, at) in rows {
                query = query.bind(chain).bind(number).bind(format!("{:#x}", header.hash));
                query = query.bind(format!("{:#x}", header.parent_hash)).bind(at);
            }
            query.execute(conn).await.map(|done| done.rows_affected())
        })?;
        if usize::try_from(kept).is_ok_and(|kept| kept < headers.len()) {
            return Err(first_changed(tx, chain_id, headers).await?);
        }
    }
    Ok(())
}

/// Which of `headers` the table holds another block for.
async fn first_changed(tx: &mut Tx<'_>, chain_id: u64, headers: &[Header]) -> Result<StoreError, StoreError> {
    for given in headers {
        let row: Option<Cells> = within!(&mut *tx, conn => sqlx::query_as(GET)
            .bind(bound(chain_id)).bind(bound(given.number.0)).fetch_optional(conn).await)?;
        let stored = row.map(|row| header(tx.db, row)).transpose()?;
        if let Some(stored) = stored.filter(|stored| stored.hash != given.hash) {
            let (number, stored, given) = (given.number, stored.hash, given.hash);
            return Ok(StoreError::BlockChanged { at: tx.db.at(), chain_id, number, stored, given });
        }
    }
    unreachable!("a header that was not written differs from the stored one");
}

const DELETE_ABOVE: &str = "delete from blocks where chain_id = $1 and block_number > $2";

/// Forgets the headers above `number`.
pub(crate) async fn delete_above(
    tx: &mut Tx<'_>,
    chain_id: u64,
    number: BlockNumber,
) -> Result<(), StoreError> {
    within!(tx, conn => sqlx::query(DELETE_ABOVE)
        .bind(bound(chain_id)).bind(bound(number.0)).execute(conn).await.map(|_| ()))
}

async fn one(db: &Db, text: &'static str, chain_id: u64, bind: u64) -> Result<Option<Header>, StoreError> {
    let row: Option<Cells> = on!(db, pool => sqlx::query_as(text)
        .bind(bound(chain_id)).bind(bound(bind)).fetch_optional(pool).await)?;
    row.map(|row| header(db, row)).transpose()
}

fn header(db: &Db, (number, hash, parent_hash, at): Cells) -> Result<Header, StoreError> {
    let row = Row { db, table: "blocks", key: number };
    Ok(Header {
        number: BlockNumber(row.number("block_number", number)?),
        hash: row.text("block_hash", &hash)?,
        parent_hash: row.text("parent_hash", &parent_hash)?,
        at: UnixSeconds(row.number("block_at", at)?),
    })
}
