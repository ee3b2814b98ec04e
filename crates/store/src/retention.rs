//! What is kept for how long, where not for ever: hours become days, and old snapshots go.
//!
//! Events, audit and money are never among it. Sums of calls stay what they were; an account's figure at the end of each
//! day, and at the hour at which its campaign ends, stays as it was, and so does each midnight's row of a pool and its
//! campaigns, which holds sums since the beginning; snapshots only save time.

use accrual_rewards::id::{CampaignId, PoolId};
use accrual_rewards::unit::UnixSeconds;

use crate::cell::{Row, bound};
use crate::db::{Tx, on, within};
use crate::{Db, StoreError, account_days, series};

const DAY_SECONDS: u64 = 86_400;
/// So many rows are rolled up in one transaction.
const PAGE: i64 = 2_000;

type Hour = (String, i64, String, i64, String, i64, i64);

const OLD_HOURS: &str = "
    select key_id, at, endpoint, status, client_id, calls, counted from usage_hours
    where at < $1 and at % 86400 <> 0 order by at, key_id, endpoint, status limit $2";

// Only as it was read: calls that were added meanwhile are taken up the next time.
const DELETE_HOUR: &str = "
    delete from usage_hours where key_id = $1 and at = $2 and endpoint = $3 and status = $4
    and calls = $5 and counted = $6";

const ADD_TO_DAY: &str = "
    insert into usage_hours (key_id, at, endpoint, status, client_id, calls, counted)
    values ($1, $2, $3, $4, $5, $6, $7)
    on conflict (key_id, at, endpoint, status) do update set
        calls = usage_hours.calls + excluded.calls, counted = usage_hours.counted + excluded.counted";

/// Adds the hours of calls of whole days before `before` to their days' first hours, by key, endpoint and status. How many
/// rows went.
///
/// # Errors
/// The database's own; what was rolled up before stays so.
pub async fn roll_up_usage(db: &Db, before: UnixSeconds) -> Result<u64, StoreError> {
    let before = bound(before.0 / DAY_SECONDS * DAY_SECONDS);
    let mut gone = 0;
    loop {
        let hours: Vec<Hour> = on!(db, pool => sqlx::query_as(OLD_HOURS)
            .bind(before).bind(PAGE).fetch_all(pool).await)?;
        let mut tx = db.begin().await?;
        let mut moved = 0;
        for hour in &hours {
            moved += roll_up(&mut tx, hour).await?;
        }
        tx.commit().await?;
        gone += moved;
        // A page of which nothing moved is being written to: the next time.
        if moved == 0 {
            return Ok(gone);
        }
    }
}

async fn roll_up(tx: &mut Tx<'_>, hour: &Hour) -> Result<u64, StoreError> {
    let (key_id, at, endpoint, status, client_id, calls, counted) = hour;
    let deleted = within!(&mut *tx, conn => sqlx::query(DELETE_HOUR)
        .bind(key_id.as_str()).bind(*at).bind(endpoint.as_str()).bind(*status).bind(*calls).bind(*counted)
        .execute(conn).await.map(|done| done.rows_affected()))?;
    if deleted > 0 {
        let day = at - at.rem_euclid(bound(DAY_SECONDS));
        within!(&mut *tx, conn => sqlx::query(ADD_TO_DAY)
            .bind(key_id.as_str()).bind(day).bind(endpoint.as_str()).bind(*status).bind(client_id.as_str())
            .bind(*calls).bind(*counted)
            .execute(conn).await.map(|_| ()))?;
    }
    Ok(deleted)
}

const NOTE: &str = "
    insert into rolled_up (campaign_id, before_at) values ($1, $2)
    on conflict (campaign_id) do update set before_at = excluded.before_at
    where rolled_up.before_at < excluded.before_at";

/// Of each account's hours in `campaign` before the day of `before`, keeps what it had at the end of each day and at the
/// hour of the day of `ends_at`, to which questions of whole days after the campaign refer. How many hours went.
///
/// # Errors
/// The database's own.
pub async fn roll_up_accounts(
    db: &Db,
    campaign: &CampaignId,
    ends_at: UnixSeconds,
    before: UnixSeconds,
) -> Result<u64, StoreError> {
    const HOUR_SECONDS: u64 = 3_600;
    let before = UnixSeconds(before.0 / DAY_SECONDS * DAY_SECONDS);
    let phase_seconds = (ends_at.0.div_ceil(HOUR_SECONDS).saturating_mul(HOUR_SECONDS)) % DAY_SECONDS;
    let mut tx = db.begin().await?;
    // First the note, so that nobody takes a missing hour for one in which nothing changed.
    within!(&mut tx, conn => sqlx::query(NOTE)
        .bind(campaign.as_str()).bind(bound(before.0)).execute(conn).await.map(|_| ()))?;
    tx.commit().await?;
    account_days::roll_up(db, campaign, before, phase_seconds).await
}

const BY_DAY_BEFORE: &str = "select before_at from rolled_up where campaign_id = $1";

/// The instant before which only days are kept of accounts in `campaign`; `None` where every hour is.
///
/// # Errors
/// [`StoreError::Damaged`], or the database's own.
pub async fn accounts_by_day_before(
    db: &Db,
    campaign: &CampaignId,
) -> Result<Option<UnixSeconds>, StoreError> {
    let before: Option<i64> = on!(db, pool => sqlx::query_scalar(BY_DAY_BEFORE)
        .bind(campaign.as_str()).fetch_optional(pool).await)?;
    let row = Row { db, table: "rolled_up", key: campaign };
    before.map(|before| row.number("before_at", before).map(UnixSeconds)).transpose()
}

const NOTE_POOL: &str = "
    insert into rolled_up_pools (pool_id, before_at) values ($1, $2)
    on conflict (pool_id) do update set before_at = excluded.before_at
    where rolled_up_pools.before_at < excluded.before_at";

const FORGET_HOURS: [&str; 2] = [
    "delete from pool_points where pool_id = $1 and at < $2 and at % 86400 <> 0",
    "delete from campaign_points where pool_id = $1 and at < $2 and at % 86400 <> 0",
];

/// Of the hours of `pool` and its campaigns before the day that lies `days` before its newest hour, keeps each midnight's.
/// A row holds the state at its hour and sums since the beginning, so a day between two of them flows what its hours did.
/// How many hours went.
///
/// Counted from the newest hour, so that a pool that stands still loses nothing more.
///
/// # Errors
/// [`StoreError::Damaged`], or the database's own.
pub async fn roll_up_pool(db: &Db, pool: &PoolId, days: u32) -> Result<u64, StoreError> {
    let newest = series::get(db, pool).await?.and_then(|row| row.at).unwrap_or_default();
    let before = bound(newest.0.saturating_sub(u64::from(days) * DAY_SECONDS) / DAY_SECONDS * DAY_SECONDS);
    let mut tx = db.begin().await?;
    let mut gone = 0;
    for text in FORGET_HOURS {
        gone += within!(&mut tx, conn => sqlx::query(text)
            .bind(pool.as_str()).bind(before).execute(conn).await.map(|done| done.rows_affected()))?;
    }
    if gone > 0 {
        within!(&mut tx, conn => sqlx::query(NOTE_POOL)
            .bind(pool.as_str()).bind(before).execute(conn).await.map(|_| ()))?;
    }
    tx.commit().await?;
    Ok(gone)
}

const POOL_BY_DAY_BEFORE: &str = "select before_at from rolled_up_pools where pool_id = $1";

/// The instant before which only days are kept of `pool` and its campaigns; `None` where every hour is.
///
/// # Errors
/// [`StoreError::Damaged`], or the database's own.
pub async fn pool_by_day_before(db: &Db, pool: &PoolId) -> Result<Option<UnixSeconds>, StoreError> {
    let before: Option<i64> = on!(db, conn => sqlx::query_scalar(POOL_BY_DAY_BEFORE)
        .bind(pool.as_str()).fetch_optional(conn).await)?;
    let row = Row { db, table: "rolled_up_pools", key: pool };
    before.map(|before| row.number("before_at", before).map(UnixSeconds)).transpose()
}

const OLD_SNAPSHOTS: &str = "
    select distinct block_number from snapshots where pool_id = $1 and block_number < (
        select min(block_number) from (
            select distinct block_number from snapshots where pool_id = $1
            order by block_number desc limit $2) newest)";
const FORGET_SNAPSHOTS: &str = "delete from snapshots where pool_id = $1 and block_number <= $2";

/// Forgets the snapshots of `pool` but the newest `kept`. How many went.
///
/// # Errors
/// The database's own.
pub async fn thin_snapshots(db: &Db, pool: &PoolId, kept: u32) -> Result<u64, StoreError> {
    let mut tx = db.begin().await?;
    let old: Vec<i64> = within!(&mut tx, conn => sqlx::query_scalar(OLD_SNAPSHOTS)
        .bind(pool.as_str()).bind(i64::from(kept)).fetch_all(conn).await)?;
    let Some(newest) = old.iter().max() else { return Ok(0) };
    within!(&mut tx, conn => sqlx::query(FORGET_SNAPSHOTS)
        .bind(pool.as_str()).bind(*newest).execute(conn).await.map(|_| ()))?;
    tx.commit().await?;
    Ok(u64::try_from(old.len()).unwrap_or(u64::MAX))
}
