//! Table `account_days`: what an account had earned in a campaign at the full hours of one day.
//!
//! Only hours in which that changed are noted, `HOUR EARNED STAKE` one after another in one text: a row for each of them would
//! be most of a database's rows. A day ends with its last hour, midnight, so that whoever asks for days needs the end of a row.

use std::collections::BTreeMap;

use accrual_rewards::id::{CampaignId, PoolId};
use accrual_rewards::unit::{Amount, UnixSeconds};
use alloy_primitives::Address;

use crate::bulk::Bulk;
use crate::cell::{Row, bound};
use crate::db::{Tx, on, within};
use crate::series::{AccountPointRow, Hours};
use crate::{Db, StoreError};

const DAY_SECONDS: u64 = 86_400;
/// So many days are rolled up in one transaction.
const PAGE: i64 = 2_000;

/// Of a row: the account, the end of the day, and the hours.
type Cells = (String, i64, String);
/// By the hour: what was earned by then, and whether there was a stake.
type Noted = BTreeMap<UnixSeconds, (Amount, bool)>;

/// The midnight at or after `at`.
fn end_of_day(at: UnixSeconds) -> i64 {
    bound(at.0.div_ceil(DAY_SECONDS).saturating_mul(DAY_SECONDS))
}

const BETWEEN: &str = "
    select account, day_at, body from account_days
    where campaign_id = $1 and account = $2 and day_at >= $3 and day_at <= $4 order by day_at";

/// The hours in which what `account` had earned in `campaign` changed, rising.
///
/// # Errors
/// [`StoreError::Damaged`], or the database's own.
pub async fn between(
    db: &Db,
    campaign: &CampaignId,
    account: Address,
    hours: Hours,
) -> Result<Vec<AccountPointRow>, StoreError> {
    let days: Vec<Cells> = on!(db, conn => sqlx::query_as(BETWEEN)
        .bind(campaign.as_str()).bind(format!("{account:#x}"))
        .bind(end_of_day(hours.from)).bind(end_of_day(hours.to)).fetch_all(conn).await)?;
    let mut rows = Vec::new();
    for day in days {
        rows.extend(points(campaign, account, &read(db, campaign, &day)?));
    }
    rows.retain(|row| hours.from <= row.at && row.at <= hours.to);
    Ok(rows)
}

// Of the day that `before` lies in there may be nothing earlier.
const BEFORE: &str = "
    select account, day_at, body from account_days
    where campaign_id = $1 and account = $2 and day_at <= $3 order by day_at desc limit 2";

/// The account's newest hour before `at`; `None` when it had earned nothing.
///
/// # Errors
/// [`StoreError::Damaged`], or the database's own.
pub async fn before(
    db: &Db,
    campaign: &CampaignId,
    account: Address,
    at: UnixSeconds,
) -> Result<Option<AccountPointRow>, StoreError> {
    let days: Vec<Cells> = on!(db, conn => sqlx::query_as(BEFORE)
        .bind(campaign.as_str()).bind(format!("{account:#x}")).bind(end_of_day(at))
        .fetch_all(conn).await)?;
    for day in days {
        let mut noted = read(db, campaign, &day)?;
        noted.retain(|hour, _| *hour < at);
        if let Some(newest) = points(campaign, account, &noted).last() {
            return Ok(Some(newest));
        }
    }
    Ok(None)
}

// The outer rows come out of the primary key alone, and each inner maximum is one look into it.
const NEWEST_DAYS: &str = "
    select p.account, p.day_at, p.body from account_days p
    where p.campaign_id = $1 and p.day_at = (
        select max(q.day_at) from account_days q
        where q.campaign_id = $1 and q.account = p.account and q.day_at <= $2)";

/// Each account of `campaign` as it was at `at`, by its newest hour up to then.
///
/// # Errors
/// [`StoreError::Damaged`], or the database's own.
pub async fn all_at(
    db: &Db,
    campaign: &CampaignId,
    at: UnixSeconds,
) -> Result<BTreeMap<Address, AccountPointRow>, StoreError> {
    let mut found = BTreeMap::new();
    let mut is_missing = false;
    let today = end_of_day(at);
    for day in newest_days(db, campaign, today).await? {
        is_missing |= !take_newest(db, campaign, at, &day, &mut found)?;
    }
    if is_missing {
        // Of some the day has later hours only: the day before is all earlier.
        let yesterday = today.saturating_sub(bound(DAY_SECONDS));
        for day in newest_days(db, campaign, yesterday).await? {
            take_newest(db, campaign, at, &day, &mut found)?;
        }
    }
    Ok(found)
}

async fn newest_days(db: &Db, campaign: &CampaignId, last: i64) -> Result<Vec<Cells>, StoreError> {
    on!(db, conn => sqlx::query_as(NEWEST_DAYS).bind(campaign.as_str()).bind(last).fetch_all(conn).await)
}

/// Notes the newest hour up to `at` of a day's account that has none yet; whether there is one.
fn take_newest(
    db: &Db,
    campaign: &CampaignId,
    at: UnixSeconds,
    day: &Cells,
    found: &mut BTreeMap<Address, AccountPointRow>,
) -> Result<bool, StoreError> {
    let account = account_of(db, campaign, day)?;
    let mut noted = read(db, campaign, day)?;
    noted.retain(|hour, _| *hour <= at);
    let Some(newest) = points(campaign, account, &noted).last() else { return Ok(false) };
    found.entry(account).or_insert(newest);
    Ok(true)
}

static ADD: Bulk = Bulk::new(
    "insert into account_days (campaign_id, account, day_at, last_at, hours, body) values",
    6,
    "on conflict (campaign_id, account, day_at) do update set
        last_at = excluded.last_at, hours = account_days.hours + excluded.hours,
        body = account_days.body || ';' || excluded.body",
);

/// Adds hours, which are newer than those that are noted.
pub(crate) async fn insert(tx: &mut Tx<'_>, rows: &[AccountPointRow]) -> Result<(), StoreError> {
    let mut days: BTreeMap<(&CampaignId, Address, i64), Noted> = BTreeMap::new();
    for row in rows {
        let noted = days.entry((&row.campaign, row.account, end_of_day(row.at))).or_default();
        noted.insert(row.at, (row.earned, row.has_stake));
    }
    let days: Vec<_> = days.into_iter().collect();
    for (text, days) in ADD.statements(tx.db.engine(), &days) {
        within!(&mut *tx, conn => {
            let mut query = sqlx::query(text);
            for ((campaign, account, day), noted) in days {
                let (last, count, body) = written(noted);
                query = query.bind(campaign.as_str()).bind(format!("{account:#x}")).bind(*day);
                query = query.bind(last).bind(count).bind(body);
            }
            query.execute(conn).await.map(|_| ())
        })?;
    }
    Ok(())
}

const FORGET: &str = "
    delete from account_days where day_at - 86400 >= $2
    and campaign_id in (select distinct campaign_id from campaign_points where pool_id = $1)";

const ACROSS: &str = "
    select campaign_id, account, day_at, body from account_days where last_at >= $2
    and campaign_id in (select distinct campaign_id from campaign_points where pool_id = $1)";

/// Forgets the hours of `pool`'s campaigns from the instant `at` on.
pub(crate) async fn delete_from(tx: &mut Tx<'_>, pool: &PoolId, at: UnixSeconds) -> Result<(), StoreError> {
    within!(&mut *tx, conn => sqlx::query(FORGET)
        .bind(pool.as_str()).bind(bound(at.0)).execute(conn).await.map(|_| ()))?;
    let across: Vec<(String, String, i64, String)> = within!(&mut *tx, conn => sqlx::query_as(ACROSS)
        .bind(pool.as_str()).bind(bound(at.0)).fetch_all(conn).await)?;
    for (campaign, account, day, body) in across {
        let day = (account, day, body);
        let campaign = campaign_of(tx.db, &campaign, &day)?;
        let mut noted = read(tx.db, &campaign, &day)?;
        noted.retain(|hour, _| *hour < at);
        replace(tx, &campaign, &day, &noted).await?;
    }
    Ok(())
}

const OLD_DAYS: &str = "
    select account, day_at, body from account_days
    where campaign_id = $1 and day_at <= $2 and hours > 1 and (account, day_at) > ($3, $4)
    order by account, day_at limit $5";

/// Of each account's days up to `before`, a midnight, keeps the hours that no later one of the same day stands in for: the last,
/// and the last up to the hour of the day at which the campaign ends, `phase_seconds` after midnight. How many hours went.
pub(crate) async fn roll_up(
    db: &Db,
    campaign: &CampaignId,
    before: UnixSeconds,
    phase_seconds: u64,
) -> Result<u64, StoreError> {
    let (mut account, mut day_at, mut gone) = (String::new(), -1, 0);
    loop {
        let days: Vec<Cells> = on!(db, conn => sqlx::query_as(OLD_DAYS)
            .bind(campaign.as_str()).bind(bound(before.0)).bind(account.as_str()).bind(day_at).bind(PAGE)
            .fetch_all(conn).await)?;
        let Some(last) = days.last() else { return Ok(gone) };
        (account, day_at) = (last.0.clone(), last.1);
        let mut tx = db.begin().await?;
        for day in &days {
            let noted = read(db, campaign, day)?;
            let kept = thinned(&noted, phase_seconds);
            if kept.len() < noted.len() {
                gone += u64::try_from(noted.len() - kept.len()).unwrap_or(u64::MAX);
                replace(&mut tx, campaign, day, &kept).await?;
            }
        }
        tx.commit().await?;
    }
}

/// An hour stands until the next one. It goes when the next comes no later than the end of the day, and no later than the
/// hour of the day at which the campaign ends: then no end of either kind lies between the two.
fn thinned(noted: &Noted, phase_seconds: u64) -> Noted {
    let end = |at: UnixSeconds| {
        let past = at.0 + DAY_SECONDS - phase_seconds;
        UnixSeconds(past.div_ceil(DAY_SECONDS) * DAY_SECONDS - DAY_SECONDS + phase_seconds)
    };
    let mut later = noted.keys().skip(1);
    let mut kept = noted.clone();
    kept.retain(|at, _| later.next().is_none_or(|next| *next > end(*at)));
    kept
}

const REPLACE: &str = "
    update account_days set last_at = $4, hours = $5, body = $6
    where campaign_id = $1 and account = $2 and day_at = $3";

const REMOVE: &str = "delete from account_days where campaign_id = $1 and account = $2 and day_at = $3";

async fn replace(
    tx: &mut Tx<'_>,
    campaign: &CampaignId,
    (account, day, _): &Cells,
    noted: &Noted,
) -> Result<(), StoreError> {
    if noted.is_empty() {
        return within!(tx, conn => sqlx::query(REMOVE)
            .bind(campaign.as_str()).bind(account.as_str()).bind(*day).execute(conn).await.map(|_| ()));
    }
    let (last, count, body) = written(noted);
    within!(tx, conn => sqlx::query(REPLACE)
        .bind(campaign.as_str()).bind(account.as_str()).bind(*day).bind(last).bind(count).bind(body.as_str())
        .execute(conn).await.map(|_| ()))
}

/// The newest hour, how many there are, and their text.
fn written(noted: &Noted) -> (i64, i64, String) {
    let hour = |(at, (earned, has_stake)): (&UnixSeconds, &(Amount, bool))| {
        format!("{} {earned} {}", at.0, u8::from(*has_stake))
    };
    let texts: Vec<String> = noted.iter().map(hour).collect();
    let last = noted.keys().next_back().map_or(0, |at| bound(at.0));
    (last, i64::try_from(noted.len()).unwrap_or(i64::MAX), texts.join(";"))
}

/// The hours of a row; of one that was noted twice, what was noted last.
fn read(db: &Db, campaign: &CampaignId, (account, day, body): &Cells) -> Result<Noted, StoreError> {
    let row = Row { db, table: "account_days", key: format_args!("{campaign}, {account}, {day}") };
    let hour = |text: &str| {
        let mut parts = text.split(' ');
        let (at, earned, stake) = (parts.next()?, parts.next()?, parts.next()?);
        let has_stake = [("0", false), ("1", true)].into_iter().find(|(name, _)| *name == stake)?.1;
        let at = at.parse().ok().map(UnixSeconds).filter(|at| end_of_day(*at) == *day)?;
        parts.next().is_none().then_some((at, (earned.parse().ok()?, has_stake)))
    };
    let hours: Option<Noted> = body.split(';').map(hour).collect();
    hours.ok_or_else(|| row.damaged(format!("body is {body:?}, and not the hours of a day")))
}

fn campaign_of(db: &Db, campaign: &str, (account, day, _): &Cells) -> Result<CampaignId, StoreError> {
    let row = Row { db, table: "account_days", key: format_args!("{campaign}, {account}, {day}") };
    row.text("campaign_id", campaign)
}

fn account_of(db: &Db, campaign: &CampaignId, (account, day, _): &Cells) -> Result<Address, StoreError> {
    let row = Row { db, table: "account_days", key: format_args!("{campaign}, {account}, {day}") };
    row.text("account", account)
}

fn points(
    campaign: &CampaignId,
    account: Address,
    noted: &Noted,
) -> impl DoubleEndedIterator<Item = AccountPointRow> {
    noted.iter().map(move |(at, (earned, has_stake))| AccountPointRow {
        campaign: campaign.clone(),
        account,
        at: *at,
        earned: *earned,
        has_stake: *has_stake,
    })
}

const ALL: &str = "select campaign_id, account, day_at, body from account_days";

/// Every hour of every account as cells: campaign, account, hour, earned, stake.
pub(crate) async fn cells(db: &Db) -> Result<Vec<Vec<String>>, StoreError> {
    let days: Vec<(String, String, i64, String)> =
        on!(db, conn => sqlx::query_as(ALL).fetch_all(conn).await)?;
    let mut all = Vec::new();
    for (campaign, account, day, body) in days {
        let day = (account, day, body);
        let campaign = campaign_of(db, &campaign, &day)?;
        for (at, (earned, has_stake)) in read(db, &campaign, &day)? {
            let (hour, earned, stake) = (at.0.to_string(), earned.to_string(), has_stake.to_string());
            all.push(vec![campaign.to_string(), day.0.clone(), hour, earned, stake]);
        }
    }
    Ok(all)
}
