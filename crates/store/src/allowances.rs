//! Tables `month_quota` and `minute_slots`: how much of a client's month and minute each server may serve by itself.
//!
//! A slot of the minute has one holder at a time, and goes to another only when it served nothing in the last 60 seconds.
//! A server that falls silent may go on serving from its slots for [`LEASE_MS`] and must then stop, so nobody takes them
//! before [`SILENT_MS`].
//!
//! Nobody can tell a server that was killed from one that is merely cut off from the database, and the second goes on
//! serving: a minute without the database must stop nobody. Counted from when it was last heard of: up to 3 s later it may
//! have read the epoch once more (each second, a beat every second or third of them), which begins its lease; 65 s after that
//! it may serve its last call; 60 s after that the call leaves the minute. That is 128 s, and 2 s are for clocks that
//! differ. Any less breaks the exact minute or the promise of the minute without the database. What a killed server costs
//! meanwhile is bounded by what it held: alone, at most half of the plan until it needs more.
//!
//! All that concerns a client's slots is done under the lock of one row, whatever the month.

use accrual_access::quota::next_block;
use accrual_rewards::unit::UnixSeconds;

use crate::cell::{Row, bigint, bound};
use crate::db::{Tx, on, within};
use crate::{Db, StoreError};

/// For so long a server may serve from what it holds without having reached the database: a minute, and some seconds for
/// the beat before it.
pub const LEASE_MS: u64 = 65_000;
/// From a server that was silent for so long its slots are taken: its lease is over, then a minute, then some seconds
/// for what it read after its last beat and for clocks that differ. The module's words have the sum.
pub const SILENT_MS: u64 = LEASE_MS + MINUTE_MS + 5_000;
const MINUTE_MS: u64 = 60_000;

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
    /// How many slots the server holds by its own count. What the table says beyond it was given in an answer that was
    /// lost.
    pub slots_held: u32,
    /// Servers that were not heard of since do not share.
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
    /// The slots of the minute that the server has from now on: fewer than it held when they were taken from it.
    pub slots: u32,
    /// Slots that nobody has.
    pub slots_free: u32,
}

/// Takes the client's lock: a row of its own, since two servers may be on either side of a month's end.
const LOCK_SLOTS: &str = "
    insert into minute_slots (client_id, replica_id, slots, taken_at_ms) values ($1, '', 0, 0)
    on conflict (client_id, replica_id) do update set slots = 0";

const BEGIN: &str = "
    insert into month_quota (client_id, month_at, reserved, noticed_percent) values ($1, $2, 0, 0)
    on conflict (client_id, month_at) do nothing";
/// Takes the row's lock on a server, so that two who ask for the same client come one after the other.
const LOCK: &str =
    "update month_quota set reserved = reserved where client_id = $1 and month_at = $2 returning reserved";
const RESERVE: &str = "update month_quota set reserved = $3 where client_id = $1 and month_at = $2";
const RECLAIM: &str = "
    delete from minute_slots where client_id = $1 and replica_id <> '' and replica_id <> $2 and taken_at_ms < $3
    and not exists (select 1 from replicas
        where replicas.replica_id = minute_slots.replica_id and replicas.seen_at_ms >= $3)";
const OTHERS: &str = "select slots from minute_slots where client_id = $1 and replica_id <> $2";
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
    lock_slots(&mut tx, want.client_id).await?;
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
    let (slots, slots_free) = slots(&mut tx, want, live_since).await?;
    within!(&mut tx, conn => sqlx::query(SET)
        .bind(want.client_id).bind(want.replica_id).bind(i64::from(slots)).bind(now_ms)
        .execute(conn).await.map(|_| ()))?;
    tx.commit().await?;
    Ok(Grant { calls, reserved: reserved + calls, slots, slots_free })
}

async fn lock_slots(tx: &mut Tx<'_>, client_id: &str) -> Result<(), StoreError> {
    within!(tx, conn => sqlx::query(LOCK_SLOTS).bind(client_id).execute(conn).await.map(|_| ()))
}

/// The slots that the server is given, and how many are free then.
async fn slots(tx: &mut Tx<'_>, want: &Want<'_>, live_since: i64) -> Result<(u32, u32), StoreError> {
    let silent_since = bound(want.now_ms.saturating_sub(SILENT_MS));
    within!(tx, conn => sqlx::query(RECLAIM)
        .bind(want.client_id).bind(want.replica_id).bind(silent_since).execute(conn).await.map(|_| ()))?;
    let others: Vec<(i64,)> = within!(tx, conn => sqlx::query_as(OTHERS)
        .bind(want.client_id).bind(want.replica_id).fetch_all(conn).await)?;
    let (live,): (i64,) = within!(tx, conn => sqlx::query_as(LIVE)
        .bind(live_since).bind(want.replica_id).fetch_one(conn).await)?;
    let mine: Option<(i64,)> = within!(tx, conn => sqlx::query_as(MINE)
        .bind(want.client_id).bind(want.replica_id).fetch_optional(conn).await)?;
    let small = |slots: i64| u32::try_from(slots).unwrap_or(0);
    let others = others.into_iter().map(|(slots,)| small(slots)).fold(0_u32, u32::saturating_add);
    // No row: they were taken from this server while it was silent.
    let mine = mine.map_or(0, |(slots,)| small(slots)).min(want.slots_held);
    let servers = u32::try_from(live).unwrap_or(0).saturating_add(1);
    let slots = share(want.calls_per_minute, others, mine, servers);
    Ok((slots, want.calls_per_minute.saturating_sub(others).saturating_sub(slots)))
}

/// The slots that a server has of `plan` when the others have `others` and it has `mine`. Where it is alone, half of what
/// nobody else has and then all, so that whoever comes after a crash, or after several in a row, need not wait for them;
/// else its equal part and then half of what is free. A plan that shrank takes back what is too much.
fn share(plan: u32, others: u32, mine: u32, servers: u32) -> u32 {
    let room = plan.saturating_sub(others);
    let equal = (plan / servers.max(1)).max(1);
    let wanted = match servers {
        0 | 1 if mine < room.div_ceil(2) => room.div_ceil(2),
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
    lock_slots(&mut tx, client_id).await?;
    within!(&mut tx, conn => sqlx::query(KEEP)
        .bind(client_id).bind(replica_id).bind(i64::from(slots)).execute(conn).await.map(|_| ()))?;
    tx.commit().await
}

const RETURN: &str = "
    update month_quota set reserved = reserved - $3 where client_id = $1 and month_at = $2 and reserved >= $3";
const LEAVE: &str = "update minute_slots set slots = $3, taken_at_ms = $4 where client_id = $1 and replica_id = $2 and slots >= $3";
const DROP: &str = "delete from minute_slots where client_id = $1 and replica_id = $2";

/// What a server that stops has of one client.
#[derive(Debug, Clone, Copy)]
pub struct Leaving<'a> {
    /// Whose it is.
    pub client_id: &'a str,
    /// The server.
    pub replica_id: &'a str,
    /// The month's first instant.
    pub month_at: UnixSeconds,
    /// Calls that it has reserved and not served.
    pub calls: u64,
    /// Slots that it used in the last minute. Nobody may have these for a minute more.
    pub slots_used: u32,
    /// Now.
    pub now_ms: u64,
}

/// Gives back what a server that stops has reserved and not served.
///
/// # Errors
/// The database's own.
pub async fn give_back(db: &Db, leaving: &Leaving<'_>) -> Result<(), StoreError> {
    let (client_id, replica_id) = (leaving.client_id, leaving.replica_id);
    let (month_at, calls) = (bound(leaving.month_at.0), bound(leaving.calls));
    // As if it had been silent already, but for one minute.
    let taken_at_ms = bound(leaving.now_ms.saturating_sub(SILENT_MS - MINUTE_MS));
    let mut tx = db.begin().await?;
    lock_slots(&mut tx, client_id).await?;
    within!(&mut tx, conn => sqlx::query(RETURN)
        .bind(client_id).bind(month_at).bind(calls).execute(conn).await.map(|_| ()))?;
    if leaving.slots_used == 0 {
        within!(&mut tx, conn => sqlx::query(DROP)
            .bind(client_id).bind(replica_id).execute(conn).await.map(|_| ()))?;
    } else {
        within!(&mut tx, conn => sqlx::query(LEAVE)
            .bind(client_id).bind(replica_id).bind(i64::from(leaving.slots_used)).bind(taken_at_ms)
            .execute(conn).await.map(|_| ()))?;
    }
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
            ("alone", (20, 0, 0, 1), 10),
            ("alone, and busy", (20, 0, 10, 1), 20),
            ("alone, after one that died", (20, 14, 0, 1), 3),
            ("alone and busy, after one that died", (20, 14, 3, 1), 6),
            ("alone on an odd plan", (1, 0, 0, 1), 1),
            ("alone, just below half", (5, 0, 2, 1), 3),
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
