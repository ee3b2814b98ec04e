//! Tables `usage_minutes`, `usage_hours`, `key_callers` and `auth_failures`: who called what, how often, from where.
//!
//! Servers count in memory and add a batch each second. A batch has a number; one whose answer was lost is sent again and
//! added once.

use accrual_rewards::unit::UnixSeconds;

use crate::cell::{Row, bigint, bound};
use crate::db::{on, within};
use crate::{Db, StoreError};

/// What a server has counted since its last batch: each list in the order of its key, so that two servers that add to the
/// same rows never wait for each other in a circle.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    /// Calls by key and minute.
    pub minutes: Vec<(String, UnixSeconds, u64)>,
    /// Calls by key, hour, endpoint and status.
    pub hours: Vec<HourRow>,
    /// Who calls.
    pub callers: Vec<CallerRow>,
    /// Refused calls by hour, code and key; the key is empty where none was known.
    pub failures: Vec<(UnixSeconds, String, String, u64)>,
    /// When each key was accepted: its id, first, last, network and agent.
    pub uses: Vec<UseRow>,
}

/// Calls of a key within an hour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HourRow {
    /// The key.
    pub key_id: String,
    /// Whose it is.
    pub client_id: String,
    /// The hour's first second.
    pub at: UnixSeconds,
    /// The route, not the path.
    pub endpoint: String,
    /// The answer's status.
    pub status: u64,
    /// How many.
    pub calls: u64,
    /// How many of them count against the month.
    pub counted: u64,
}

/// Somebody who uses a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallerRow {
    /// The key.
    pub key_id: String,
    /// A /24 or a /48.
    pub network: String,
    /// What calls itself its user.
    pub agent: String,
    /// The route.
    pub endpoint: String,
    /// The first call.
    pub first_at: UnixSeconds,
    /// The last call.
    pub last_at: UnixSeconds,
    /// How many.
    pub calls: u64,
}

/// The last uses of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UseRow {
    /// The key.
    pub key_id: String,
    /// The first that is not written yet.
    pub first_at: UnixSeconds,
    /// The last.
    pub last_at: UnixSeconds,
    /// Whence the last came.
    pub network: String,
    /// What the last called itself.
    pub agent: String,
}

const CLAIM: &str = "
    insert into replicas (replica_id, epoch, started_at, seen_at_ms, usage_batch) values ($1, 0, 0, 0, $2)
    on conflict (replica_id) do update set usage_batch = excluded.usage_batch
    where replicas.usage_batch < excluded.usage_batch";
const MINUTE: &str = "
    insert into usage_minutes (key_id, at, calls) values ($1, $2, $3)
    on conflict (key_id, at) do update set calls = usage_minutes.calls + excluded.calls";
const HOUR: &str = "
    insert into usage_hours (key_id, at, endpoint, status, client_id, calls, counted)
    values ($1, $2, $3, $4, $5, $6, $7)
    on conflict (key_id, at, endpoint, status) do update
        set calls = usage_hours.calls + excluded.calls, counted = usage_hours.counted + excluded.counted";
const CALLER: &str = "
    insert into key_callers (key_id, network, agent, endpoint, first_at, last_at, calls)
    values ($1, $2, $3, $4, $5, $6, $7)
    on conflict (key_id, network, agent, endpoint) do update
        set calls = key_callers.calls + excluded.calls,
            last_at = case when excluded.last_at > key_callers.last_at then excluded.last_at else key_callers.last_at end";
const FAILURE: &str = "
    insert into auth_failures (at, reason, key_id, calls) values ($1, $2, $3, $4)
    on conflict (at, reason, key_id) do update set calls = auth_failures.calls + excluded.calls";
const USE: &str = "
    update api_keys set first_used_at = coalesce(first_used_at, $2), last_used_at = $3, last_used_network = $4,
        last_used_agent = $5 where id = $1 and (last_used_at is null or last_used_at <= $3)";

/// Adds a batch; false when it was added before.
///
/// # Errors
/// The database's own; the batch may have been added all the same, so it is to be sent again under its number.
pub async fn add(db: &Db, replica_id: &str, number: u64, batch: &Batch) -> Result<bool, StoreError> {
    let is_new = add_counts(db, replica_id, bigint("batch", number)?, batch).await?;
    // Each alone: a change of keys holds several of these rows, and neither shall wait for the other twice. Twice is as
    // good as once, so a batch that was cut short here is brought to its end when it is sent again.
    for row in &batch.uses {
        let mut tx = db.begin().await?;
        within!(&mut tx, conn => sqlx::query(USE)
            .bind(row.key_id.as_str()).bind(bound(row.first_at.0)).bind(bound(row.last_at.0))
            .bind(row.network.as_str()).bind(row.agent.as_str()).execute(conn).await.map(|_| ()))?;
        tx.commit().await?;
    }
    Ok(is_new)
}

async fn add_counts(db: &Db, replica_id: &str, number: i64, batch: &Batch) -> Result<bool, StoreError> {
    let mut tx = db.begin().await?;
    let new = within!(&mut tx, conn => sqlx::query(CLAIM)
        .bind(replica_id).bind(number).execute(conn).await.map(|done| done.rows_affected()))?;
    if new == 0 {
        return Ok(false);
    }
    for (key_id, at, calls) in &batch.minutes {
        within!(&mut tx, conn => sqlx::query(MINUTE)
            .bind(key_id.as_str()).bind(bound(at.0)).bind(bound(*calls)).execute(conn).await.map(|_| ()))?;
    }
    for row in &batch.hours {
        within!(&mut tx, conn => sqlx::query(HOUR)
            .bind(row.key_id.as_str()).bind(bound(row.at.0)).bind(row.endpoint.as_str()).bind(bound(row.status))
            .bind(row.client_id.as_str()).bind(bound(row.calls)).bind(bound(row.counted))
            .execute(conn).await.map(|_| ()))?;
    }
    for row in &batch.callers {
        within!(&mut tx, conn => sqlx::query(CALLER)
            .bind(row.key_id.as_str()).bind(row.network.as_str()).bind(row.agent.as_str())
            .bind(row.endpoint.as_str()).bind(bound(row.first_at.0)).bind(bound(row.last_at.0))
            .bind(bound(row.calls)).execute(conn).await.map(|_| ()))?;
    }
    for (at, reason, key_id, calls) in &batch.failures {
        within!(&mut tx, conn => sqlx::query(FAILURE)
            .bind(bound(at.0)).bind(reason.as_str()).bind(key_id.as_str()).bind(bound(*calls))
            .execute(conn).await.map(|_| ()))?;
    }
    tx.commit().await?;
    Ok(true)
}

const HOURS: &str = "
    select key_id, at, endpoint, status, client_id, calls, counted from usage_hours
    where client_id = $1 and at >= $2 and at < $3 order by at, key_id, endpoint, status";

/// A client's calls from `from`, included, to `to`, excluded.
///
/// # Errors
/// [`StoreError::Damaged`], or the database's own.
pub async fn hours(
    db: &Db,
    client_id: &str,
    from: UnixSeconds,
    to: UnixSeconds,
) -> Result<Vec<HourRow>, StoreError> {
    let rows: Vec<(String, i64, String, i64, String, i64, i64)> = on!(db, pool => sqlx::query_as(HOURS)
        .bind(client_id).bind(bound(from.0)).bind(bound(to.0)).fetch_all(pool).await)?;
    let row = |(key_id, at, endpoint, status, client_id, calls, counted)| {
        let row = Row { db, table: "usage_hours", key: &key_id };
        let (at, status) = (UnixSeconds(row.number("at", at)?), row.number("status", status)?);
        let (calls, counted) = (row.number("calls", calls)?, row.number("counted", counted)?);
        Ok(HourRow { key_id, client_id, at, endpoint, status, calls, counted })
    };
    rows.into_iter().map(row).collect()
}

const OF_KEY: &str = "select at, calls from usage_hours where key_id = $1 and at >= $2 order by at";

/// A key's calls by hour since `since`.
///
/// # Errors
/// [`StoreError::Damaged`], or the database's own.
pub async fn of_key(
    db: &Db,
    key_id: &str,
    since: UnixSeconds,
) -> Result<Vec<(UnixSeconds, u64)>, StoreError> {
    by_hour(db, OF_KEY, key_id, since).await
}

const REFUSED_OF_KEY: &str = "
    select at, calls from usage_hours
    where key_id = $1 and at >= $2 and status >= 400 and status < 500 and status <> 429 order by at";

/// A key's calls by hour since `since` that were refused for what they asked: 4xx but 429.
///
/// # Errors
/// [`StoreError::Damaged`], or the database's own.
pub async fn refused_of_key(
    db: &Db,
    key_id: &str,
    since: UnixSeconds,
) -> Result<Vec<(UnixSeconds, u64)>, StoreError> {
    by_hour(db, REFUSED_OF_KEY, key_id, since).await
}

async fn by_hour(
    db: &Db,
    statement: &'static str,
    key_id: &str,
    since: UnixSeconds,
) -> Result<Vec<(UnixSeconds, u64)>, StoreError> {
    let rows: Vec<(i64, i64)> = on!(db, pool => sqlx::query_as(statement)
        .bind(key_id).bind(bound(since.0)).fetch_all(pool).await)?;
    let row = Row { db, table: "usage_hours", key: key_id };
    let mut hours: Vec<(UnixSeconds, u64)> = Vec::new();
    for (at, calls) in rows {
        let (at, calls) = (UnixSeconds(row.number("at", at)?), row.number("calls", calls)?);
        match hours.last_mut() {
            Some((last, sum)) if *last == at => *sum += calls,
            _ => hours.push((at, calls)),
        }
    }
    Ok(hours)
}

const CALLERS: &str = "
    select network, agent, endpoint, first_at, last_at, calls from key_callers
    where key_id = $1 and last_at >= $2 order by last_at desc, network, agent, endpoint limit 500";

/// Who has used a key since `since`, the last first, 500 at most.
///
/// # Errors
/// [`StoreError::Damaged`], or the database's own.
pub async fn callers(db: &Db, key_id: &str, since: UnixSeconds) -> Result<Vec<CallerRow>, StoreError> {
    let rows: Vec<(String, String, String, i64, i64, i64)> = on!(db, pool => sqlx::query_as(CALLERS)
        .bind(key_id).bind(bound(since.0)).fetch_all(pool).await)?;
    let row = |(network, agent, endpoint, first_at, last_at, calls)| {
        let row = Row { db, table: "key_callers", key: key_id };
        let time = |column, cell| row.number(column, cell).map(UnixSeconds);
        let (first_at, last_at) = (time("first_at", first_at)?, time("last_at", last_at)?);
        let calls = row.number("calls", calls)?;
        Ok(CallerRow { key_id: key_id.to_owned(), network, agent, endpoint, first_at, last_at, calls })
    };
    rows.into_iter().map(row).collect()
}

const BUSY: &str = "select distinct key_id, client_id from usage_hours where at = $1 order by key_id";

/// The keys that were used within the hour that begins at `at`, each with its client.
///
/// # Errors
/// The database's own.
pub async fn busy(db: &Db, at: UnixSeconds) -> Result<Vec<(String, String)>, StoreError> {
    on!(db, pool => sqlx::query_as(BUSY).bind(bound(at.0)).fetch_all(pool).await)
}

const FAILED: &str = "select reason, key_id, calls from auth_failures where at = $1 order by reason, key_id";

/// The refused calls of the hour that begins at `at`: code, key and how many.
///
/// # Errors
/// [`StoreError::Damaged`], or the database's own.
pub async fn failures(db: &Db, at: UnixSeconds) -> Result<Vec<(String, String, u64)>, StoreError> {
    let rows: Vec<(String, String, i64)> =
        on!(db, pool => sqlx::query_as(FAILED).bind(bound(at.0)).fetch_all(pool).await)?;
    let row = |(reason, key_id, calls)| {
        let calls = Row { db, table: "auth_failures", key: &reason }.number("calls", calls)?;
        Ok((reason, key_id, calls))
    };
    rows.into_iter().map(row).collect()
}

const PRUNE_MINUTES: &str = "delete from usage_minutes where at < $1";
const PRUNE_CALLERS: &str = "delete from key_callers where last_at < $1";

/// Forgets minutes from before `minutes` and callers who were not seen since `callers`.
///
/// # Errors
/// The database's own.
pub async fn prune(db: &Db, minutes: UnixSeconds, callers: UnixSeconds) -> Result<(), StoreError> {
    let mut tx = db.begin().await?;
    within!(&mut tx, conn => sqlx::query(PRUNE_MINUTES).bind(bound(minutes.0)).execute(conn).await.map(|_| ()))?;
    within!(&mut tx, conn => sqlx::query(PRUNE_CALLERS).bind(bound(callers.0)).execute(conn).await.map(|_| ()))?;
    tx.commit().await
}
