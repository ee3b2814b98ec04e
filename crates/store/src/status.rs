//! Tables `status_clock`, `status_hours` and `status_incidents`: what each part of the service was like, for 90 days.
//!
//! Time is accounted for once, however many servers look: [`account`] moves the clock from where the server saw it, and of
//! several that try to, one succeeds.

use std::collections::BTreeMap;

use accrual_rewards::unit::UnixSeconds;

use crate::cell::{Row, bigint, bound};
use crate::db::{Tx, on, within};
use crate::{Db, StoreError};

/// Up to when time is accounted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatusClock {
    /// Where the account begins.
    pub since: UnixSeconds,
    /// Up to where it goes.
    pub told_to: UnixSeconds,
}

/// Seconds in each state.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct StateSeconds {
    /// As it should be.
    pub operational: u64,
    /// Serving, and not as it should be.
    pub degraded: u64,
    /// Not serving.
    pub down: u64,
}

/// A stretch of one hour in which a component's state was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HourSeconds {
    /// The component.
    pub component: &'static str,
    /// The hour's first second.
    pub hour: UnixSeconds,
    /// How long it was how.
    pub seconds: StateSeconds,
}

/// What a component is like from now on, for the account of what went wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The component.
    pub component: &'static str,
    /// Since when.
    pub at: UnixSeconds,
    /// `degraded` or `down` with a sentence; `None` when all is well.
    pub trouble: Option<(&'static str, String)>,
}

/// A time in which a component was not well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IncidentRow {
    /// The component.
    pub component: String,
    /// Since when.
    pub began_at: UnixSeconds,
    /// Until when; `None` while it lasts.
    pub ended_at: Option<UnixSeconds>,
    /// `degraded` or `down`.
    pub state: String,
    /// What was the matter when it began.
    pub reason: String,
}

const CLOCK: &str = "select since_at, told_to from status_clock where one = 1";

/// Up to when time is accounted for; `None` before the first look.
///
/// # Errors
/// [`StoreError::Damaged`], or the database's own.
pub async fn clock(db: &Db) -> Result<Option<StatusClock>, StoreError> {
    let found: Option<(i64, i64)> = on!(db, pool => sqlx::query_as(CLOCK).fetch_optional(pool).await)?;
    let Some((since, told_to)) = found else { return Ok(None) };
    let row = Row { db, table: "status_clock", key: 1 };
    let (since, told_to) = (row.number("since_at", since)?, row.number("told_to", told_to)?);
    Ok(Some(StatusClock { since: UnixSeconds(since), told_to: UnixSeconds(told_to) }))
}

const BEGIN: &str = "
    insert into status_clock (one, since_at, told_to) values (1, $1, $1) on conflict (one) do nothing";

/// Begins the account at `now`, unless it has begun.
///
/// # Errors
/// The database's own.
pub async fn begin(db: &Db, now: UnixSeconds) -> Result<(), StoreError> {
    let now = bigint("time", now.0)?;
    let mut tx = db.begin().await?;
    within!(&mut tx, conn => sqlx::query(BEGIN).bind(now).execute(conn).await.map(|_| ()))?;
    tx.commit().await
}

const MOVE: &str = "update status_clock set told_to = $1 where one = 1 and told_to = $2";
const ADD: &str = "
    insert into status_hours (component, at, operational_seconds, degraded_seconds, down_seconds)
    values ($1, $2, $3, $4, $5)
    on conflict (component, at) do update set
        operational_seconds = status_hours.operational_seconds + excluded.operational_seconds,
        degraded_seconds = status_hours.degraded_seconds + excluded.degraded_seconds,
        down_seconds = status_hours.down_seconds + excluded.down_seconds";

/// Accounts for the time from `from` to `to`: adds what each component was like, and notes where one of `standings` became
/// another. Whether this server did: one that another overtakes writes nothing.
///
/// # Errors
/// [`StoreError::Damaged`], or the database's own.
pub async fn account(
    db: &Db,
    (from, to): (UnixSeconds, UnixSeconds),
    hours: &[HourSeconds],
    standings: &[Standing],
) -> Result<bool, StoreError> {
    let mut tx = db.begin().await?;
    let (from, to) = (bigint("time", from.0)?, bigint("time", to.0)?);
    let moved = within!(&mut tx, conn => sqlx::query(MOVE)
        .bind(to).bind(from).execute(conn).await.map(|done| done.rows_affected()))?;
    if moved == 0 {
        return Ok(false);
    }
    for HourSeconds { component, hour, seconds } in hours {
        let [at, operational, degraded, down] =
            [hour.0, seconds.operational, seconds.degraded, seconds.down].map(bound);
        within!(&mut tx, conn => sqlx::query(ADD)
            .bind(*component).bind(at).bind(operational).bind(degraded).bind(down)
            .execute(conn).await.map(|_| ()))?;
    }
    for standing in standings {
        note(&mut tx, standing).await?;
    }
    tx.commit().await?;
    Ok(true)
}

const OPEN: &str = "select state from status_incidents where component = $1 and ended_at is null";
const CLOSE: &str = "update status_incidents set ended_at = $2 where component = $1 and ended_at is null";
const TROUBLE: &str = "
    insert into status_incidents (component, began_at, ended_at, state, reason) values ($1, $2, null, $3, $4)
    on conflict (component, began_at) do update set
        ended_at = null, state = excluded.state, reason = excluded.reason";

/// Ends what is over, begins what is new. The same trouble, however it is worded, goes on.
async fn note(tx: &mut Tx<'_>, standing: &Standing) -> Result<(), StoreError> {
    let at = bigint("time", standing.at.0)?;
    let open: Option<(String,)> = within!(tx, conn => sqlx::query_as(OPEN)
        .bind(standing.component).fetch_optional(conn).await)?;
    let state = standing.trouble.as_ref().map(|(state, _)| *state);
    if open.as_ref().map(|(open,)| open.as_str()) == state {
        return Ok(());
    }
    if open.is_some() {
        within!(tx, conn => sqlx::query(CLOSE)
            .bind(standing.component).bind(at).execute(conn).await.map(|_| ()))?;
    }
    if let Some((state, reason)) = &standing.trouble {
        within!(tx, conn => sqlx::query(TROUBLE)
            .bind(standing.component).bind(at).bind(*state).bind(reason.as_str())
            .execute(conn).await.map(|_| ()))?;
    }
    Ok(())
}

const DAYS: &str = "
    select component, at / 86400 * 86400, cast(sum(operational_seconds) as bigint),
        cast(sum(degraded_seconds) as bigint), cast(sum(down_seconds) as bigint)
    from status_hours where at >= $1 group by component, at / 86400 * 86400";

/// Seconds in each state by component and day (its first second, UTC), from the hour `from` on.
///
/// # Errors
/// [`StoreError::Damaged`], or the database's own.
pub async fn days(
    db: &Db,
    from: UnixSeconds,
) -> Result<BTreeMap<String, BTreeMap<UnixSeconds, StateSeconds>>, StoreError> {
    let rows: Vec<(String, i64, i64, i64, i64)> =
        on!(db, pool => sqlx::query_as(DAYS).bind(bound(from.0)).fetch_all(pool).await)?;
    let mut days: BTreeMap<String, BTreeMap<UnixSeconds, StateSeconds>> = BTreeMap::new();
    for (component, day, operational, degraded, down) in rows {
        let row = Row { db, table: "status_hours", key: &component };
        let day = UnixSeconds(row.number("at", day)?);
        let seconds = StateSeconds {
            operational: row.number("operational_seconds", operational)?,
            degraded: row.number("degraded_seconds", degraded)?,
            down: row.number("down_seconds", down)?,
        };
        days.entry(component).or_default().insert(day, seconds);
    }
    Ok(days)
}

const SUM: &str = "
    select coalesce(cast(sum(operational_seconds) as bigint), 0), coalesce(cast(sum(degraded_seconds) as bigint), 0),
        coalesce(cast(sum(down_seconds) as bigint), 0)
    from status_hours where component = $1 and at >= $2";

/// Seconds in each state of one component, from the hour `from` on.
///
/// # Errors
/// [`StoreError::Damaged`], or the database's own.
pub async fn sum(db: &Db, component: &str, from: UnixSeconds) -> Result<StateSeconds, StoreError> {
    let (operational, degraded, down): (i64, i64, i64) = on!(db, pool => sqlx::query_as(SUM)
        .bind(component).bind(bound(from.0)).fetch_one(pool).await)?;
    let row = Row { db, table: "status_hours", key: component };
    Ok(StateSeconds {
        operational: row.number("operational_seconds", operational)?,
        degraded: row.number("degraded_seconds", degraded)?,
        down: row.number("down_seconds", down)?,
    })
}

const INCIDENTS: &str = "
    select component, began_at, ended_at, state, reason from status_incidents
    where ended_at is null or ended_at >= $1 order by began_at desc, component limit $2";

/// What went wrong and had not ended before `from`, the newest first.
///
/// # Errors
/// [`StoreError::Damaged`], or the database's own.
pub async fn incidents(db: &Db, from: UnixSeconds, limit: u32) -> Result<Vec<IncidentRow>, StoreError> {
    type Cells = (String, i64, Option<i64>, String, String);
    let rows: Vec<Cells> = on!(db, pool => sqlx::query_as(INCIDENTS)
        .bind(bound(from.0)).bind(i64::from(limit)).fetch_all(pool).await)?;
    let incident = |(component, began_at, ended_at, state, reason): Cells| {
        let row = Row { db, table: "status_incidents", key: &component };
        let began_at = UnixSeconds(row.number("began_at", began_at)?);
        let ended_at = ended_at.map(|at| row.number("ended_at", at).map(UnixSeconds)).transpose()?;
        Ok(IncidentRow { component, began_at, ended_at, state, reason })
    };
    rows.into_iter().map(incident).collect()
}

const FORGET_HOURS: &str = "delete from status_hours where at < $1";
const FORGET_INCIDENTS: &str = "delete from status_incidents where ended_at < $1";

/// Forgets what lies before `before`.
///
/// # Errors
/// The database's own.
pub async fn forget(db: &Db, before: UnixSeconds) -> Result<(), StoreError> {
    let before = bound(before.0);
    let mut tx = db.begin().await?;
    for statement in [FORGET_HOURS, FORGET_INCIDENTS] {
        within!(&mut tx, conn => sqlx::query(statement).bind(before).execute(conn).await.map(|_| ()))?;
    }
    tx.commit().await
}
