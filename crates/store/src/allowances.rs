//! Tables `month_quota` and `minute_slots`: how much of a client's month and minute each server may serve by itself.

use accrual_access::quota::next_block;
use accrual_rewards::unit::UnixSeconds;

use crate::cell::{Row, bigint, bound};
use crate::db::{on, within};
use crate::{Db, StoreError};

/// What a server asks for.
#[derive(Debug, Clone, Copy)]
pub struct Want<'a> {
    /// For whom.
    pub client_id: &'a str,
    /// Which server.
    pub replica_id: &'a str,
    /// The month's first instant.
    pub month_at: UnixSeconds,
    /// Calls that all servers together may serve in the month; `None` when somebody else counts the month, or when the
    /// server has enough.
    pub calls_allowed: Option<u64>,
    /// The plan's calls a minute.
    pub calls_per_minute: u32,
    /// How many slots the server has used in the last minute: with fewer it would have served too much.
    pub slots_needed: u32,
    /// Servers that were not heard of since have no slots.
    pub live_since_ms: u64,
    /// Now.
    pub now_ms: u64,
}

/// What a server was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant {
    /// More calls of the month.
    pub calls: u64,
    /// Calls of the month that are reserved now, by all servers.
    pub reserved: u64,
    /// The slots of the minute that the server has from now on.
    pub slots: u32,
}

const BEGIN: &str = "
    insert into month_quota (client_id, month_at, reserved, noticed_percent) values ($1, $2, 0, 0)
    on conflict (client_id, month_at) do nothing";
/// Takes the row's lock on a server, so that two who ask for the same client come one after the other.
const LOCK: &str =
    "update month_quota set reserved = reserved where client_id = $1 and month_at = $2 returning reserved";
const RESERVE: &str = "update month_quota set reserved = $3 where client_id = $1 and month_at = $2";
const OTHERS: &str = "
    select minute_slots.slots from minute_slots
    join replicas on replicas.replica_id = minute_slots.replica_id and replicas.seen_at_ms > $3
    where minute_slots.client_id = $1 and minute_slots.replica_id <> $2";
const LIVE: &str = "select count(*) from replicas where seen_at_ms > $1 and replica_id <> $2";
const MINE: &str = "select slots from minute_slots where client_id = $1 and replica_id = $2";
const SET: &str = "
    insert into minute_slots (client_id, replica_id, slots, taken_at_ms) values ($1, $2, $3, $4)
    on conflict (client_id, replica_id) do update set slots = excluded.slots, taken_at_ms = excluded.taken_at_ms";

/// Gives a server what it asks for, as far as there is any: never do all servers hold more than the plan allows.
///
/// # Errors
/// [`StoreError::Damaged`], or the database's own.
pub async fn take(db: &Db, want: &Want<'_>) -> Result<Grant, StoreError> {
    let month_at = bigint("time", want.month_at.0)?;
    let (live_since, now_ms) = (bound(want.live_since_ms), bigint("time", want.now_ms)?);
    let mut tx = db.begin().await?;
    within!(&mut tx, conn => sqlx::query(BEGIN)
        .bind(want.client_id).bind(month_at).execute(conn).await.map(|_| ()))?;
    let (reserved,): (i64,) = within!(&mut tx, conn => sqlx::query_as(LOCK)
        .bind(want.client_id).bind(month_at).fetch_one(conn).await)?;
    let row = Row { db, table: "month_quota", key: want.client_id };
    let reserved = row.number("reserved", reserved)?;
    let calls = want.calls_allowed.map_or(0, |allowed| next_block(allowed, reserved, want.calls_per_minute));
    if calls > 0 {
        let reserved = bigint("reserved calls", reserved + calls)?;
        within!(&mut tx, conn => sqlx::query(RESERVE)
            .bind(want.client_id).bind(month_at).bind(reserved).execute(conn).await.map(|_| ()))?;
    }
    let others: Vec<(i64,)> = within!(&mut tx, conn => sqlx::query_as(OTHERS)
        .bind(want.client_id).bind(want.replica_id).bind(live_since).fetch_all(conn).await)?;
    let (live,): (i64,) = within!(&mut tx, conn => sqlx::query_as(LIVE)
        .bind(live_since).bind(want.replica_id).fetch_one(conn).await)?;
    let mine: Option<(i64,)> = within!(&mut tx, conn => sqlx::query_as(MINE)
        .bind(want.client_id).bind(want.replica_id).fetch_optional(conn).await)?;
    let small = |slots: i64| u32::try_from(slots).unwrap_or(0);
    let others = others.into_iter().map(|(slots,)| small(slots)).fold(0_u32, u32::saturating_add);
    let mine = mine.map_or(0, |(slots,)| small(slots));
    let servers = u32::try_from(live).unwrap_or(0).saturating_add(1);
    let slots = share(want.calls_per_minute, others, mine.max(want.slots_needed), servers);
    within!(&mut tx, conn => sqlx::query(SET)
        .bind(want.client_id).bind(want.replica_id).bind(i64::from(slots)).bind(now_ms)
        .execute(conn).await.map(|_| ()))?;
    tx.commit().await?;
    Ok(Grant { calls, reserved: reserved + calls, slots })
}

/// The slots that a server has of `plan` when the others have `others` and it has `mine`: all where it is alone, else its
/// equal part first and then half of what is free. A plan that shrank takes back what is too much.
fn share(plan: u32, others: u32, mine: u32, servers: u32) -> u32 {
    let room = plan.saturating_sub(others);
    let equal = (plan / servers.max(1)).max(1);
    let wanted = match servers {
        0 | 1 => room,
        _ if mine < equal => equal,
        _ => mine.saturating_add(room.saturating_sub(mine).div_ceil(2)),
    };
    wanted.min(room)
}

const KEEP: &str =
    "update minute_slots set slots = $3 where client_id = $1 and replica_id = $2 and slots > $3";

/// Gives slots back that a server has not used: it keeps `slots`.
///
/// # Errors
/// The database's own.
pub async fn keep_slots(db: &Db, client_id: &str, replica_id: &str, slots: u32) -> Result<(), StoreError> {
    let mut tx = db.begin().await?;
    within!(&mut tx, conn => sqlx::query(KEEP)
        .bind(client_id).bind(replica_id).bind(i64::from(slots)).execute(conn).await.map(|_| ()))?;
    tx.commit().await
}

const RETURN: &str = "
    update month_quota set reserved = reserved - $3 where client_id = $1 and month_at = $2 and reserved >= $3";
const DROP: &str = "delete from minute_slots where client_id = $1 and replica_id = $2";

/// Gives back what a server that stops has reserved and not served.
///
/// # Errors
/// The database's own.
pub async fn give_back(
    db: &Db,
    client_id: &str,
    replica_id: &str,
    month_at: UnixSeconds,
    calls: u64,
) -> Result<(), StoreError> {
    let (month_at, calls) = (bound(month_at.0), bound(calls));
    let mut tx = db.begin().await?;
    within!(&mut tx, conn => sqlx::query(RETURN)
        .bind(client_id).bind(month_at).bind(calls).execute(conn).await.map(|_| ()))?;
    within!(&mut tx, conn => sqlx::query(DROP).bind(client_id).bind(replica_id).execute(conn).await.map(|_| ()))?;
    tx.commit().await
}

const RESERVED: &str = "select reserved from month_quota where client_id = $1 and month_at = $2";

/// Calls of the month that servers have reserved for a client.
///
/// # Errors
/// [`StoreError::Damaged`], or the database's own.
pub async fn reserved(db: &Db, client_id: &str, month_at: UnixSeconds) -> Result<u64, StoreError> {
    let found: Option<(i64,)> = on!(db, pool => sqlx::query_as(RESERVED)
        .bind(client_id).bind(bound(month_at.0)).fetch_optional(pool).await)?;
    let row = Row { db, table: "month_quota", key: client_id };
    found.map_or(Ok(0), |(reserved,)| row.number("reserved", reserved))
}

const NOTICED: &str = "
    update month_quota set noticed_percent = $3
    where client_id = $1 and month_at = $2 and noticed_percent < $3";

/// Whether this is the first time that `percent` of a month is reported: true once, however many servers ask.
///
/// # Errors
/// The database's own.
pub async fn notice_once(
    db: &Db,
    client_id: &str,
    month_at: UnixSeconds,
    percent: u8,
) -> Result<bool, StoreError> {
    let mut tx = db.begin().await?;
    let changed = within!(&mut tx, conn => sqlx::query(NOTICED)
        .bind(client_id).bind(bound(month_at.0)).bind(i64::from(percent))
        .execute(conn).await.map(|done| done.rows_affected()))?;
    tx.commit().await?;
    Ok(changed > 0)
}

#[cfg(test)]
mod tests {
    use super::share;

    #[test]
    fn parts_of_a_minute() {
        let cases = [
            ("alone", (20, 0, 0, 1), 20),
            ("alone, after one that died", (20, 0, 7, 1), 20),
            ("the first of three", (20, 0, 0, 3), 6),
            ("growing", (20, 0, 6, 3), 13),
            ("growing on", (20, 0, 13, 3), 17),
            ("the second of three", (20, 17, 0, 3), 3),
            ("nothing is free", (20, 17, 3, 3), 3),
            ("a plan of one", (1, 0, 0, 3), 1),
            ("a plan of one, taken", (1, 1, 0, 3), 0),
            ("a plan that shrank", (10, 8, 9, 2), 2),
        ];
        for (name, (plan, others, mine, servers), expected) in cases {
            assert_eq!(share(plan, others, mine, servers), expected, "{name}");
        }
    }
}
