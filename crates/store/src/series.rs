//! Tables `pool_points`, `campaign_points` and `series`: what was at each full hour. Accounts' rows are in [`crate::account_days`].
//!
//! Derived state: [`crate::commit`] writes it with the events that it follows from and takes it back with them, and
//! [`crate::record`] makes it again. Bodies are texts to this module, as whoever folded them writes them.

use accrual_rewards::id::{CampaignId, PoolId};
use accrual_rewards::unit::{Amount, BlockNumber, UnixSeconds};
use alloy_primitives::Address;

use crate::bulk::Bulk;
use crate::cell::{Row, bound};
use crate::db::{Tx, on, within};
use crate::{Db, StoreError, account_days};

/// A pool at a full hour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolPointRow {
    /// The hour.
    pub at: UnixSeconds,
    /// The last block at or before it that had an event.
    pub block_number: BlockNumber,
    /// The state, as JSON.
    pub body: String,
}

/// A campaign at a full hour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CampaignPointRow {
    /// The campaign.
    pub campaign: CampaignId,
    /// The hour.
    pub at: UnixSeconds,
    /// The state, as JSON.
    pub body: String,
}

/// An account in a campaign at a full hour in which it changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountPointRow {
    /// The campaign.
    pub campaign: CampaignId,
    /// The account.
    pub account: Address,
    /// The hour.
    pub at: UnixSeconds,
    /// Earned in all, up to then.
    pub earned: Amount,
    /// Whether it held a stake in the pool then.
    pub has_stake: bool,
}

/// Rows of one pool, with the settings that made them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SeriesRows {
    /// The pool's hours, rising.
    pub pools: Vec<PoolPointRow>,
    /// Its campaigns' hours.
    pub campaigns: Vec<CampaignPointRow>,
    /// Their accounts'.
    pub accounts: Vec<AccountPointRow>,
}

/// How far a pool's rows reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeriesRow {
    /// Which settings made them.
    pub fingerprint: String,
    /// The newest hour; `None` while there is none.
    pub at: Option<UnixSeconds>,
}

/// From `from` to `to`, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hours {
    /// The first hour.
    pub from: UnixSeconds,
    /// The last.
    pub to: UnixSeconds,
}

impl SeriesRows {
    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.pools.is_empty() && self.campaigns.is_empty() && self.accounts.is_empty()
    }
}

const GET: &str = "select fingerprint, at from series where pool_id = $1";

/// How far the rows of `pool` reach; `None` when none were made yet, or they are being made.
///
/// # Errors
/// [`StoreError::Damaged`], or the database's own.
pub async fn get(db: &Db, pool: &PoolId) -> Result<Option<SeriesRow>, StoreError> {
    let cells: Option<(String, Option<i64>)> =
        on!(db, conn => sqlx::query_as(GET).bind(pool.as_str()).fetch_optional(conn).await)?;
    let Some((fingerprint, at)) = cells else { return Ok(None) };
    let row = Row { db, table: "series", key: pool };
    let at = at.map(|at| row.number("at", at).map(UnixSeconds)).transpose()?;
    Ok(Some(SeriesRow { fingerprint, at }))
}

const POOL_POINTS: &str = "
    select at, block_number, body from pool_points
    where pool_id = $1 and at >= $2 and at <= $3 and at % $4 = 0 order by at limit $5";

/// At most `limit` of a pool's hours that are multiples of `step_seconds`, rising.
///
/// # Errors
/// [`StoreError::Damaged`], or the database's own.
pub async fn pool_points(
    db: &Db,
    pool: &PoolId,
    hours: Hours,
    step_seconds: u64,
    limit: u32,
) -> Result<Vec<PoolPointRow>, StoreError> {
    let rows: Vec<(i64, i64, String)> = on!(db, conn => sqlx::query_as(POOL_POINTS)
        .bind(pool.as_str()).bind(bound(hours.from.0)).bind(bound(hours.to.0)).bind(bound(step_seconds.max(1)))
        .bind(i64::from(limit))
        .fetch_all(conn).await)?;
    let point = |(at, block, body): (i64, i64, String)| {
        let row = Row { db, table: "pool_points", key: format_args!("{pool}, {at}") };
        let block_number = BlockNumber(row.number("block_number", block)?);
        Ok(PoolPointRow { at: UnixSeconds(row.number("at", at)?), block_number, body })
    };
    rows.into_iter().map(point).collect()
}

const CAMPAIGN_POINTS: &str = "
    select at, body from campaign_points
    where campaign_id = $1 and at >= $2 and at <= $3 and at % $4 = 0 order by at limit $5";

/// At most `limit` of a campaign's hours that are multiples of `step_seconds`, rising.
///
/// # Errors
/// [`StoreError::Damaged`], or the database's own.
pub async fn campaign_points(
    db: &Db,
    campaign: &CampaignId,
    hours: Hours,
    step_seconds: u64,
    limit: u32,
) -> Result<Vec<CampaignPointRow>, StoreError> {
    let rows: Vec<(i64, String)> = on!(db, conn => sqlx::query_as(CAMPAIGN_POINTS)
        .bind(campaign.as_str()).bind(bound(hours.from.0)).bind(bound(hours.to.0)).bind(bound(step_seconds.max(1)))
        .bind(i64::from(limit))
        .fetch_all(conn).await)?;
    let point = |(at, body): (i64, String)| {
        let row = Row { db, table: "campaign_points", key: format_args!("{campaign}, {at}") };
        let at = UnixSeconds(row.number("at", at)?);
        Ok(CampaignPointRow { campaign: campaign.clone(), at, body })
    };
    rows.into_iter().map(point).collect()
}

static INSERT_POOLS: Bulk = Bulk::new(
    "insert into pool_points (pool_id, at, block_number, body) values",
    4,
    "on conflict (pool_id, at) do update set block_number = excluded.block_number, body = excluded.body",
);

static INSERT_CAMPAIGNS: Bulk = Bulk::new(
    "insert into campaign_points (pool_id, campaign_id, at, body) values",
    4,
    "on conflict (pool_id, campaign_id, at) do update set body = excluded.body",
);

/// Stores rows of `pool`, over ones of the same hours.
pub(crate) async fn insert(tx: &mut Tx<'_>, pool: &PoolId, rows: &SeriesRows) -> Result<(), StoreError> {
    for (text, points) in INSERT_POOLS.statements(tx.db.engine(), &rows.pools) {
        within!(&mut *tx, conn => {
            let mut query = sqlx::query(text);
            for point in points {
                query = query.bind(pool.as_str()).bind(bound(point.at.0)).bind(bound(point.block_number.0));
                query = query.bind(point.body.as_str());
            }
            query.execute(conn).await.map(|_| ())
        })?;
    }
    for (text, points) in INSERT_CAMPAIGNS.statements(tx.db.engine(), &rows.campaigns) {
        within!(&mut *tx, conn => {
            let mut query = sqlx::query(text);
            for point in points {
                query = query.bind(pool.as_str()).bind(point.campaign.as_str()).bind(bound(point.at.0));
                query = query.bind(point.body.as_str());
            }
            query.execute(conn).await.map(|_| ())
        })?;
    }
    account_days::insert(tx, &rows.accounts).await
}

const SETTLE: &str = "
    insert into series (pool_id, fingerprint, at)
    values ($1, $2, (select max(at) from pool_points where pool_id = $1))
    on conflict (pool_id) do update set fingerprint = excluded.fingerprint, at = excluded.at";

/// Says that the rows of `pool` are whole up to the newest, and which settings made them.
pub(crate) async fn settle(tx: &mut Tx<'_>, pool: &PoolId, fingerprint: &str) -> Result<(), StoreError> {
    within!(tx, conn => sqlx::query(SETTLE)
        .bind(pool.as_str()).bind(fingerprint).execute(conn).await.map(|_| ()))
}

const FORGET: [&str; 2] = [
    "delete from campaign_points where pool_id = $1 and at >= $2",
    "delete from pool_points where pool_id = $1 and at >= $2",
];

const SHORTEN: &str =
    "update series set at = (select max(at) from pool_points where pool_id = $1) where pool_id = $1";

/// Forgets the rows of `pool` from the instant `at` on: a block at `at` may be followed by another of the same time.
pub(crate) async fn delete_from(tx: &mut Tx<'_>, pool: &PoolId, at: UnixSeconds) -> Result<(), StoreError> {
    // First the accounts: whose campaigns they are follows from the campaigns' rows.
    account_days::delete_from(tx, pool, at).await?;
    for text in FORGET {
        within!(&mut *tx, conn => sqlx::query(text)
            .bind(pool.as_str()).bind(bound(at.0)).execute(conn).await.map(|_| ()))?;
    }
    within!(tx, conn => sqlx::query(SHORTEN).bind(pool.as_str()).execute(conn).await.map(|_| ()))
}

const FORGET_SERIES: &str = "delete from series where pool_id = $1";

/// Forgets all rows of `pool`, and that there were any.
///
/// # Errors
/// The database's own.
pub async fn delete_all(db: &Db, pool: &PoolId) -> Result<(), StoreError> {
    let mut tx = db.begin().await?;
    delete_from(&mut tx, pool, UnixSeconds(0)).await?;
    within!(&mut tx, conn => sqlx::query(FORGET_SERIES).bind(pool.as_str()).execute(conn).await.map(|_| ()))?;
    tx.commit().await
}

/// Stores rows that were made outside of a batch; `fingerprint` with the last ones, which makes them count as whole.
///
/// # Errors
/// [`StoreError::TooLarge`], or the database's own.
pub async fn put(
    db: &Db,
    pool: &PoolId,
    rows: &SeriesRows,
    fingerprint: Option<&str>,
) -> Result<(), StoreError> {
    let mut tx = db.begin().await?;
    insert(&mut tx, pool, rows).await?;
    if let Some(fingerprint) = fingerprint {
        settle(&mut tx, pool, fingerprint).await?;
    }
    tx.commit().await
}
