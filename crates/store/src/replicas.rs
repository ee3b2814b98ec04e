//! Tables `auth_epoch`, `key_changes` and `replicas`: which change every server has read, and so how fast a change is
//! everywhere.

use crate::cell::{Row, bigint, bound};
use crate::db::{on, within};
use crate::{Db, StoreError};

/// A server that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplicaRow {
    /// Its name.
    pub replica_id: String,
    /// The newest change that it has read.
    pub epoch: u64,
    /// When it was last heard of, in milliseconds since 1970.
    pub seen_at_ms: u64,
}

/// A change, and when it was everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyChange {
    /// Its number.
    pub epoch: u64,
    /// When it was made, in milliseconds since 1970.
    pub made_at_ms: u64,
    /// When the last server had read it; `None` until then.
    pub everywhere_at_ms: Option<u64>,
}

const EPOCH: &str = "select epoch from auth_epoch where one = 1";

/// The newest change's number.
///
/// # Errors
/// The database's own.
pub async fn epoch(db: &Db) -> Result<u64, StoreError> {
    let (epoch,): (i64,) = on!(db, pool => sqlx::query_as(EPOCH).fetch_one(pool).await)?;
    Row { db, table: "auth_epoch", key: 1 }.number("epoch", epoch)
}

/// What a server says of itself.
#[derive(Debug, Clone, Copy)]
pub struct Beat<'a> {
    /// Its name.
    pub replica_id: &'a str,
    /// The newest change that it has read.
    pub epoch: u64,
    /// The versions of the peppers that it can check keys with.
    pub peppers: &'a [u32],
    /// Now, in milliseconds since 1970.
    pub now_ms: u64,
}

const BEAT: &str = "
    insert into replicas (replica_id, epoch, started_at, seen_at_ms, usage_batch, peppers)
    values ($1, $2, $3 / 1000, $3, 0, $4)
    on conflict (replica_id) do update
    set epoch = excluded.epoch, seen_at_ms = excluded.seen_at_ms, peppers = excluded.peppers";
const SETTLE: &str = "
    update key_changes set everywhere_at_ms = $1 where everywhere_at_ms is null
    and epoch <= (select min(epoch) from replicas where seen_at_ms > $2)";
const LIVE: &str = "select count(*) from replicas where seen_at_ms > $1";

/// Says that a server runs and how far it has read, and notes which changes are everywhere by now: read by every server
/// that was heard of after `live_since_ms`. How many those are.
///
/// # Errors
/// The database's own.
pub async fn beat(db: &Db, beat: &Beat<'_>, live_since_ms: u64) -> Result<usize, StoreError> {
    let (epoch, now_ms) = (bigint("epoch", beat.epoch)?, bigint("time", beat.now_ms)?);
    let peppers = beat.peppers.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
    let live_since_ms = bound(live_since_ms);
    let mut tx = db.begin().await?;
    within!(&mut tx, conn => sqlx::query(BEAT)
        .bind(beat.replica_id).bind(epoch).bind(now_ms).bind(peppers.as_str()).execute(conn).await.map(|_| ()))?;
    within!(&mut tx, conn => sqlx::query(SETTLE)
        .bind(now_ms).bind(live_since_ms).execute(conn).await.map(|_| ()))?;
    let (live,): (i64,) =
        within!(&mut tx, conn => sqlx::query_as(LIVE).bind(live_since_ms).fetch_one(conn).await)?;
    tx.commit().await?;
    Ok(usize::try_from(live).unwrap_or(1))
}

const LEAVE: &str = "delete from replicas where replica_id = $1";

/// A server stops: nobody waits for it any longer.
///
/// # Errors
/// The database's own.
pub async fn leave(db: &Db, replica_id: &str) -> Result<(), StoreError> {
    let mut tx = db.begin().await?;
    within!(&mut tx, conn => sqlx::query(LEAVE).bind(replica_id).execute(conn).await.map(|_| ()))?;
    tx.commit().await
}

const LIST: &str = "select replica_id, epoch, seen_at_ms from replicas order by replica_id";

/// Every server that was not seen to stop.
///
/// # Errors
/// [`StoreError::Damaged`], or the database's own.
pub async fn list(db: &Db) -> Result<Vec<ReplicaRow>, StoreError> {
    let rows: Vec<(String, i64, i64)> = on!(db, pool => sqlx::query_as(LIST).fetch_all(pool).await)?;
    let row = |(replica_id, epoch, seen_at_ms): (String, i64, i64)| {
        let row = Row { db, table: "replicas", key: &replica_id };
        let (epoch, seen_at_ms) = (row.number("epoch", epoch)?, row.number("seen_at_ms", seen_at_ms)?);
        Ok(ReplicaRow { replica_id, epoch, seen_at_ms })
    };
    rows.into_iter().map(row).collect()
}

const PEPPERS: &str = "select peppers from replicas where seen_at_ms > $1";

/// Whether every server that was heard of after `since_ms` can check keys with the pepper of that version.
///
/// # Errors
/// The database's own.
pub async fn all_know(db: &Db, pepper_version: u32, since_ms: u64) -> Result<bool, StoreError> {
    let rows: Vec<(String,)> =
        on!(db, pool => sqlx::query_as(PEPPERS).bind(bound(since_ms)).fetch_all(pool).await)?;
    let wanted = pepper_version.to_string();
    Ok(rows.iter().all(|(known,)| known.split(',').any(|version| version == wanted)))
}

const CHANGE: &str = "select made_at_ms, everywhere_at_ms from key_changes where epoch = $1";

/// When a change was made and when it was everywhere.
///
/// # Errors
/// [`StoreError::Damaged`], or the database's own.
pub async fn key_change(db: &Db, epoch: u64) -> Result<Option<KeyChange>, StoreError> {
    let found: Option<(i64, Option<i64>)> =
        on!(db, pool => sqlx::query_as(CHANGE).bind(bound(epoch)).fetch_optional(pool).await)?;
    let Some((made_at_ms, everywhere_at_ms)) = found else { return Ok(None) };
    let row = Row { db, table: "key_changes", key: epoch };
    Ok(Some(KeyChange {
        epoch,
        made_at_ms: row.number("made_at_ms", made_at_ms)?,
        everywhere_at_ms: everywhere_at_ms.map(|at| row.number("everywhere_at_ms", at)).transpose()?,
    }))
}

const SINCE: &str = "
    select epoch, made_at_ms, everywhere_at_ms from key_changes where epoch > $1 order by epoch limit $2";

/// The changes after `epoch`, oldest first, `limit` at most.
///
/// # Errors
/// [`StoreError::Damaged`], or the database's own.
pub async fn changes_since(db: &Db, epoch: u64, limit: u32) -> Result<Vec<KeyChange>, StoreError> {
    let rows: Vec<(i64, i64, Option<i64>)> = on!(db, pool => sqlx::query_as(SINCE)
        .bind(bound(epoch)).bind(i64::from(limit)).fetch_all(pool).await)?;
    let change = |(epoch, made_at_ms, everywhere_at_ms): (i64, i64, Option<i64>)| {
        let row = Row { db, table: "key_changes", key: epoch };
        Ok(KeyChange {
            epoch: row.number("epoch", epoch)?,
            made_at_ms: row.number("made_at_ms", made_at_ms)?,
            everywhere_at_ms: everywhere_at_ms.map(|at| row.number("everywhere_at_ms", at)).transpose()?,
        })
    };
    rows.into_iter().map(change).collect()
}

const UNSETTLED: &str = "select min(made_at_ms) from key_changes where everywhere_at_ms is null";

/// When the oldest change was made that is not everywhere yet, in milliseconds since 1970; `None` when all are.
///
/// # Errors
/// [`StoreError::Damaged`], or the database's own.
pub async fn oldest_unsettled(db: &Db) -> Result<Option<u64>, StoreError> {
    let (oldest,): (Option<i64>,) = on!(db, pool => sqlx::query_as(UNSETTLED).fetch_one(pool).await)?;
    let row = Row { db, table: "key_changes", key: "oldest" };
    oldest.map(|at| row.number("made_at_ms", at)).transpose()
}

const NEEDS_UPKEEP: &str = "
    select client_id from rotations where stage in ('staged', 'overlap')
    union
    select client_id from api_keys where state = 'active'
        and (expires_at is not null and noticed_percent < 80 or created_at <= $1)";

/// The clients in whose families something may be due: an open rotation, a key that will end, or one that was made at or
/// before `aged_at`.
///
/// # Errors
/// The database's own.
pub async fn needing_upkeep(db: &Db, aged_at: Option<u64>) -> Result<Vec<String>, StoreError> {
    let aged_at = aged_at.map_or(-1, bound);
    let rows: Vec<(String,)> =
        on!(db, pool => sqlx::query_as(NEEDS_UPKEEP).bind(aged_at).fetch_all(pool).await)?;
    Ok(rows.into_iter().map(|(client,)| client).collect())
}
