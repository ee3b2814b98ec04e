//! Tables `workers` and `leases`: who is alive and who may write what, when several index workers share a database.
//!
//! Time only says when a silent worker's leases may be taken. What keeps rows right is the token: it grows whenever a lease
//! changes hands, and [`Db::under`] makes sure of it in the same transaction as the rows.

use accrual_rewards::id::PoolId;

use crate::cell::{Row, bigint, bound};
use crate::db::{Open, Tx, on, within};
use crate::{Db, StoreError};

/// Whether `worker` may write what `name` stands for: while its row has this token.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lease {
    /// What it is for, as [`of_pool`] or [`of_task`] names it.
    pub name: String,
    /// Who holds it.
    pub worker: String,
    /// How often it had changed hands when it was taken.
    pub token: u64,
}

/// A lease as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseRow {
    /// What it is for.
    pub name: String,
    /// Who holds it; that worker may be silent.
    pub worker: Option<String>,
    /// How often it changed hands.
    pub token: u64,
    /// Since when it is held, in milliseconds since 1970 by the database's clock.
    pub since_ms: Option<u64>,
}

/// An index worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerRow {
    /// Its name, which no other one ever had.
    pub worker: String,
    /// The machine that it runs on.
    pub host: String,
    /// Whether it shares with nobody.
    pub takes_all: bool,
    /// When it began, in milliseconds since 1970 by the database's clock.
    pub started_at_ms: u64,
    /// When it was last heard of.
    pub seen_at_ms: u64,
}

/// Everything about leases at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The moment, by the database's clock, in milliseconds since 1970.
    pub now_ms: u64,
    /// Every worker that was not seen to stop, also those that went silent.
    pub workers: Vec<WorkerRow>,
    /// Every lease, by name.
    pub leases: Vec<LeaseRow>,
}

/// A worker that says that it is alive.
#[derive(Debug, Clone, Copy)]
pub struct Beat<'a> {
    /// Its name.
    pub worker: &'a str,
    /// The machine that it runs on.
    pub host: &'a str,
    /// Whether it shares with nobody.
    pub takes_all: bool,
}

const POOL: &str = "pool:";
const TASK: &str = "task:";

/// Silent for so long, a worker's row goes; what it held was free long before.
const FORGOTTEN_AFTER_MS: u64 = 3_600_000;

/// The name of the lease on a pool.
pub fn of_pool(pool: &PoolId) -> String {
    format!("{POOL}{pool}")
}

/// The name of the lease on something that is done once for all pools.
pub fn of_task(task: &str) -> String {
    format!("{TASK}{task}")
}

/// Whether `name` is a pool's.
pub fn is_pool(name: &str) -> bool {
    name.starts_with(POOL)
}

impl WorkerRow {
    /// Whether it was heard of within `lease_ms` before `now_ms`.
    pub fn is_live(&self, now_ms: u64, lease_ms: u64) -> bool {
        now_ms.saturating_sub(self.seen_at_ms) <= lease_ms
    }
}

const ADD: &str = "insert into leases (name, token) values ($1, 0) on conflict (name) do nothing";

/// Makes a lease for each name that has none.
///
/// # Errors
/// The database's own.
pub async fn register(db: &Db, names: &[String]) -> Result<(), StoreError> {
    let mut tx = db.begin_lightly().await?;
    for name in names {
        within!(&mut tx, conn => sqlx::query(ADD).bind(name.as_str()).execute(conn).await.map(|_| ()))?;
    }
    tx.commit().await
}

const BEAT: &str = "
    insert into workers (worker_id, host, takes_all, started_at_ms, seen_at_ms) values ($1, $2, $3, $4, $4)
    on conflict (worker_id) do update set seen_at_ms = excluded.seen_at_ms";
const FORGET: &str = "delete from workers where seen_at_ms < $1";
const WORKERS: &str =
    "select worker_id, host, takes_all, started_at_ms, seen_at_ms from workers order by worker_id";
const LEASES: &str = "select name, worker_id, token, since_ms from leases order by name";

type WorkerCells = (String, String, bool, i64, i64);
type LeaseCells = (String, Option<String>, i64, Option<i64>);

/// Says that a worker is alive, and answers how everything stands.
///
/// # Errors
/// [`StoreError::Damaged`], or the database's own.
pub async fn beat(db: &Db, beat: &Beat<'_>) -> Result<Standing, StoreError> {
    let mut tx = db.begin_lightly().await?;
    let now_ms = now_ms(&mut tx).await?;
    let now = bigint("time", now_ms)?;
    within!(&mut tx, conn => sqlx::query(BEAT)
        .bind(beat.worker).bind(beat.host).bind(beat.takes_all).bind(now).execute(conn).await.map(|_| ()))?;
    let forgotten = bound(now_ms.saturating_sub(FORGOTTEN_AFTER_MS));
    within!(&mut tx, conn => sqlx::query(FORGET).bind(forgotten).execute(conn).await.map(|_| ()))?;
    tx.commit().await?;
    let (_, workers, leases) = rows(db).await?;
    Ok(Standing { now_ms, workers, leases })
}

/// How everything stands, for those who only look.
///
/// # Errors
/// [`StoreError::Damaged`], or the database's own.
pub async fn standing(db: &Db) -> Result<Standing, StoreError> {
    let (now_ms, workers, leases) = rows(db).await?;
    Ok(Standing { now_ms, workers, leases })
}

async fn rows(db: &Db) -> Result<(u64, Vec<WorkerRow>, Vec<LeaseRow>), StoreError> {
    let now: i64 = on!(db, pool => sqlx::query_scalar(clock(db)).fetch_one(pool).await)?;
    let workers: Vec<WorkerCells> = on!(db, pool => sqlx::query_as(WORKERS).fetch_all(pool).await)?;
    let leases: Vec<LeaseCells> = on!(db, pool => sqlx::query_as(LEASES).fetch_all(pool).await)?;
    let worker = |(worker, host, takes_all, started, seen): WorkerCells| {
        let row = Row { db, table: "workers", key: &worker };
        let (started_at_ms, seen_at_ms) =
            (row.number("started_at_ms", started)?, row.number("seen_at_ms", seen)?);
        Ok(WorkerRow { worker, host, takes_all, started_at_ms, seen_at_ms })
    };
    let lease = |(name, worker, token, since): LeaseCells| {
        let row = Row { db, table: "leases", key: &name };
        let since_ms = since.map(|since| row.number("since_ms", since)).transpose()?;
        Ok(LeaseRow { token: row.number("token", token)?, name, worker, since_ms })
    };
    let now_ms = Row { db, table: "workers", key: "clock" }.number("now", now)?;
    let workers = workers.into_iter().map(worker).collect::<Result<_, StoreError>>()?;
    Ok((now_ms, workers, leases.into_iter().map(lease).collect::<Result<_, StoreError>>()?))
}

/// The database's clock: each engine has its own word for it.
fn clock(db: &Db) -> &'static str {
    match db {
        Db::Sqlite(_) => "select cast(unixepoch('subsec') * 1000 as integer)",
        Db::Postgres(_) => "select cast(extract(epoch from clock_timestamp()) * 1000 as bigint)",
    }
}

async fn now_ms(tx: &mut Tx<'_>) -> Result<u64, StoreError> {
    let text = clock(tx.db);
    let now: i64 = within!(&mut *tx, conn => sqlx::query_scalar(text).fetch_one(conn).await)?;
    Row { db: tx.db, table: "workers", key: "clock" }.number("now", now)
}

// Whoever writes under a lease holds its row until it has committed. Nobody waits for that here, since a worker that waits
// cannot beat: it is taken at the next beat. SQLite has one writer and knows no such words.
const TAKE: &str =
    "update leases set worker_id = $2, token = token + 1, since_ms = $4 where name = $1 and token = $3";
const TAKE_FREE: &str = "
    update leases set worker_id = $2, token = token + 1, since_ms = $4 where name = $1 and token = $3
    and name in (select name from leases where name = $1 for update skip locked)";
const GIVE_BACK: &str = "
    update leases set worker_id = null, since_ms = null where name = $1 and worker_id = $2 and token = $3";
const GIVE_BACK_FREE: &str = "
    update leases set worker_id = null, since_ms = null where name = $1 and worker_id = $2 and token = $3
    and name in (select name from leases where name = $1 for update skip locked)";

/// Takes each of `wanted`, a name with the token that was seen, unless somebody else took it since or is writing under it.
/// What was taken.
///
/// # Errors
/// The database's own.
pub async fn take(db: &Db, worker: &str, wanted: &[(String, u64)]) -> Result<Vec<Lease>, StoreError> {
    let text = match db {
        Db::Sqlite(_) => TAKE,
        Db::Postgres(_) => TAKE_FREE,
    };
    let mut taken = Vec::with_capacity(wanted.len());
    let mut tx = db.begin_lightly().await?;
    let now = bigint("time", now_ms(&mut tx).await?)?;
    for (name, token) in wanted {
        let seen = bigint("token", *token)?;
        let changed = within!(&mut tx, conn => sqlx::query(text)
            .bind(name.as_str()).bind(worker).bind(seen).bind(now)
            .execute(conn).await.map(|done| done.rows_affected()))?;
        if changed > 0 {
            taken.push(Lease { name: name.clone(), worker: worker.to_owned(), token: token + 1 });
        }
    }
    tx.commit().await?;
    Ok(taken)
}

/// Gives `leases` up to whoever takes them next; one that is being written under stays until another time. What was given.
///
/// # Errors
/// The database's own.
pub async fn give_back(db: &Db, leases: &[Lease]) -> Result<Vec<Lease>, StoreError> {
    let text = match db {
        Db::Sqlite(_) => GIVE_BACK,
        Db::Postgres(_) => GIVE_BACK_FREE,
    };
    let mut given = Vec::new();
    let mut tx = db.begin_lightly().await?;
    for lease in leases {
        let token = bigint("token", lease.token)?;
        let changed = within!(&mut tx, conn => sqlx::query(text)
            .bind(lease.name.as_str()).bind(lease.worker.as_str()).bind(token)
            .execute(conn).await.map(|done| done.rows_affected()))?;
        if changed > 0 {
            given.push(lease.clone());
        }
    }
    tx.commit().await?;
    Ok(given)
}

const LEAVE: [&str; 2] = [
    "update leases set worker_id = null, since_ms = null where worker_id = $1",
    "delete from workers where worker_id = $1",
];

/// A worker stops: all that it held is free at once.
///
/// # Errors
/// The database's own.
pub async fn leave(db: &Db, worker: &str) -> Result<(), StoreError> {
    let mut tx = db.begin_lightly().await?;
    for text in LEAVE {
        within!(&mut tx, conn => sqlx::query(text).bind(worker).execute(conn).await.map(|_| ()))?;
    }
    tx.commit().await
}

// On PostgreSQL the rows are kept from changing hands until the transaction ends; SQLite has one writer.
const ONE: &str = "select name, token from leases where worker_id = $1 and name = $2";
const ONE_KEPT: &str = "select name, token from leases where worker_id = $1 and name = $2 for share";
const MINE: &str = "select name, token from leases where worker_id = $1";
const MINE_KEPT: &str = "select name, token from leases where worker_id = $1 order by name for share";

/// Whether the leases that the database is written under are held still.
pub(crate) async fn make_sure(tx: &mut Tx<'_>) -> Result<(), StoreError> {
    let db = tx.db;
    let leases = db.leases();
    let Some(first) = leases.first() else { return Ok(()) };
    let (one, mine) = match &tx.open {
        Open::Sqlite(_) => (ONE, MINE),
        Open::Postgres(_) => (ONE_KEPT, MINE_KEPT),
    };
    let held: Vec<(String, i64)> = match leases.len() {
        1 => within!(&mut *tx, conn => sqlx::query_as(one)
            .bind(first.worker.as_str()).bind(first.name.as_str()).fetch_all(conn).await)?,
        _ => within!(&mut *tx, conn => sqlx::query_as(mine)
            .bind(first.worker.as_str()).fetch_all(conn).await)?,
    };
    let held: std::collections::BTreeMap<String, i64> = held.into_iter().collect();
    let is_held = |lease: &&Lease| held.get(&lease.name).copied() == Some(bound(lease.token));
    match leases.iter().find(|lease| !is_held(lease)) {
        None => Ok(()),
        Some(lost) => Err(lost_to(tx, lost).await?),
    }
}

const HOLDER: &str = "select worker_id from leases where name = $1";

async fn lost_to(tx: &mut Tx<'_>, lost: &Lease) -> Result<StoreError, StoreError> {
    let holder: Option<Option<String>> = within!(&mut *tx, conn => sqlx::query_scalar(HOLDER)
        .bind(lost.name.as_str()).fetch_optional(conn).await)?;
    let holder = match holder.flatten() {
        Some(worker) if worker == lost.worker => "a later lease of the same worker".to_owned(),
        Some(worker) => format!("worker {worker}"),
        None => "nobody".to_owned(),
    };
    Ok(StoreError::LeaseLost { at: tx.db.at(), name: lost.name.clone(), holder })
}

const KEEP_ALL: &str = "select name from leases order by name for update";

/// Waits for everybody who writes under a lease, and keeps all leases until the transaction ends. On SQLite there is one
/// writer as it is.
pub(crate) async fn keep_all(tx: &mut Tx<'_>) -> Result<(), StoreError> {
    let Open::Postgres(open) = &mut tx.open else { return Ok(()) };
    let kept: Result<Vec<(String,)>, sqlx::Error> = sqlx::query_as(KEEP_ALL).fetch_all(&mut **open).await;
    kept.map(|_| ()).map_err(|error| tx.db.explain(error))
}
