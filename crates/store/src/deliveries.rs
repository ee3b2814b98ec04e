//! Table `deliveries`: each notice for each webhook, and how far it got.
//!
//! A delivery is attempted by one server at a time: [`claim`] moves its time into the future, and of several servers
//! that try to, one succeeds. A server that dies meanwhile leaves a delivery that is due again once that time is over.

use accrual_rewards::unit::UnixSeconds;

use crate::cell::{Row, bigint, bound};
use crate::db::{on, within};
use crate::{Db, StoreError};

/// A delivery whose time has come, with all that is needed to send it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueRow {
    /// The notice.
    pub notice_id: String,
    /// The webhook.
    pub webhook_id: String,
    /// How often it was tried.
    pub attempts: u64,
    /// Since when it is due.
    pub next_at: UnixSeconds,
    /// The JSON to send.
    pub body: String,
    /// Where to.
    pub url: String,
    /// Which secret signs.
    pub secret_generation: u64,
    /// The pepper that it is made from.
    pub pepper_version: u64,
    /// Until when the generation before signs too.
    pub previous_ends_at: Option<UnixSeconds>,
    /// The pepper that the one before was made from.
    pub previous_pepper_version: Option<u64>,
}

const DUE: &str = "
    select notice_id, webhook_id, attempts, next_at, body, url, secret_generation, pepper_version,
        previous_ends_at, previous_pepper_version
    from (
        select d.notice_id, d.webhook_id, d.attempts, d.next_at, n.body, w.url, w.secret_generation,
            w.pepper_version, w.previous_ends_at, w.previous_pepper_version,
            row_number() over (partition by d.webhook_id order by d.next_at, d.notice_id) as place
        from deliveries d
        join webhooks w on w.webhook_id = d.webhook_id
        join notices n on n.notice_id = d.notice_id
        where d.state = 'pending' and d.next_at <= $1 and w.state = 'active'
    ) as due
    where place <= $2 order by next_at, notice_id, webhook_id limit $3";

/// What is due at `now`, the longest first: `each` at most of one webhook, so that none keeps the others waiting.
///
/// # Errors
/// [`StoreError::Damaged`], or the database's own.
pub async fn due(db: &Db, now: UnixSeconds, each: u32, limit: u32) -> Result<Vec<DueRow>, StoreError> {
    let rows: Vec<DueCells> = on!(db, pool => sqlx::query_as(DUE)
        .bind(bound(now.0)).bind(i64::from(each)).bind(i64::from(limit)).fetch_all(pool).await)?;
    rows.into_iter().map(|cells| due_row(db, cells)).collect()
}

const CLAIM: &str = "
    update deliveries set next_at = $4, attempts = attempts + 1
    where notice_id = $1 and webhook_id = $2 and state = 'pending' and next_at = $3";

/// Takes a due delivery until `until`, which counts as a try; whether it was still there to take.
///
/// # Errors
/// The database's own.
pub async fn claim(db: &Db, due: &DueRow, until: UnixSeconds) -> Result<bool, StoreError> {
    let (since, until) = (bigint("time", due.next_at.0)?, bigint("time", until.0)?);
    let mut tx = db.begin().await?;
    let taken = within!(&mut tx, conn => sqlx::query(CLAIM)
        .bind(due.notice_id.as_str())
        .bind(due.webhook_id.as_str())
        .bind(since)
        .bind(until)
        .execute(conn).await.map(|done| done.rows_affected()))?;
    tx.commit().await?;
    Ok(taken > 0)
}

/// How much waits to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    /// Messages to be sent, whenever they are due.
    pub pending: u64,
    /// Since when the longest of them is due; `None` when there is none.
    pub due_since: Option<UnixSeconds>,
}

const WAITING: &str = "
    select count(*), min(d.next_at) from deliveries d join webhooks w on w.webhook_id = d.webhook_id
    where d.state = 'pending' and w.state = 'active'";

/// How much waits to be sent to webhooks that are not stopped.
///
/// # Errors
/// [`StoreError::Damaged`], or the database's own.
pub async fn waiting(db: &Db) -> Result<Waiting, StoreError> {
    let (pending, due): (i64, Option<i64>) = on!(db, pool => sqlx::query_as(WAITING).fetch_one(pool).await)?;
    let row = Row { db, table: "deliveries", key: "pending" };
    let due_since = due.map(|due| row.number("next_at", due).map(UnixSeconds)).transpose()?;
    Ok(Waiting { pending: row.number("count", pending)?, due_since })
}

/// What a try came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tried {
    /// `pending` for another try, else `delivered`, `failed` for good, or `dropped`.
    pub state: &'static str,
    /// When the next try is due.
    pub next_at: UnixSeconds,
    /// When this one ended.
    pub at: UnixSeconds,
    /// What the receiver answered, if it did.
    pub status: Option<u16>,
    /// What went wrong.
    pub error: Option<String>,
}

const SETTLE: &str = "
    update deliveries set state = $4, next_at = $5, last_at = $6, last_status = $7, last_error = $8
    where notice_id = $1 and webhook_id = $2 and state = 'pending' and next_at = $3";

/// Notes what a try came to that was claimed until `until`; whether the claim still held.
///
/// # Errors
/// The database's own.
pub async fn settle(db: &Db, due: &DueRow, until: UnixSeconds, tried: &Tried) -> Result<bool, StoreError> {
    let time = |at: UnixSeconds| bigint("time", at.0);
    let (until, next_at, at) = (time(until)?, time(tried.next_at)?, time(tried.at)?);
    let mut tx = db.begin().await?;
    let settled = within!(&mut tx, conn => sqlx::query(SETTLE)
        .bind(due.notice_id.as_str())
        .bind(due.webhook_id.as_str())
        .bind(until)
        .bind(tried.state)
        .bind(next_at)
        .bind(at)
        .bind(tried.status.map(i64::from))
        .bind(tried.error.as_deref())
        .execute(conn).await.map(|done| done.rows_affected()))?;
    tx.commit().await?;
    Ok(settled > 0)
}

/// A delivery as its owner may see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryRow {
    /// The notice, which is the message's `webhook-id`.
    pub notice_id: String,
    /// The notice's kind.
    pub kind: String,
    /// When it happened.
    pub at: UnixSeconds,
    /// `pending`, `delivered`, `failed` or `dropped`.
    pub state: String,
    /// How often it was tried.
    pub attempts: u64,
    /// When it is tried next, while it is pending.
    pub next_at: UnixSeconds,
    /// When the last try ended.
    pub last_at: Option<UnixSeconds>,
    /// What the receiver answered to the last try.
    pub last_status: Option<u64>,
    /// What went wrong in it.
    pub last_error: Option<String>,
}

macro_rules! of_webhook {
    () => {
        "select d.notice_id, n.kind, n.at, d.state, d.attempts, d.next_at, d.last_at, d.last_status, d.last_error
        from deliveries d join notices n on n.notice_id = d.notice_id
        where d.webhook_id = $1 "
    };
}

const ONE: &str = concat!(of_webhook!(), "and d.notice_id = $2");

/// The delivery of a notice to a webhook.
///
/// # Errors
/// [`StoreError::Damaged`], or the database's own.
pub async fn one(db: &Db, webhook_id: &str, notice_id: &str) -> Result<Option<DeliveryRow>, StoreError> {
    let cells: Option<Cells> =
        on!(db, pool => sqlx::query_as(ONE).bind(webhook_id).bind(notice_id).fetch_optional(pool).await)?;
    cells.map(|cells| row(db, cells)).transpose()
}

const HISTORY: &str = concat!(of_webhook!(), "order by n.at desc, d.notice_id limit $2");

/// The newest deliveries to a webhook, newest first.
///
/// # Errors
/// [`StoreError::Damaged`], or the database's own.
pub async fn history(db: &Db, webhook_id: &str, limit: u32) -> Result<Vec<DeliveryRow>, StoreError> {
    let rows: Vec<Cells> = on!(db, pool => sqlx::query_as(HISTORY)
        .bind(webhook_id).bind(i64::from(limit)).fetch_all(pool).await)?;
    rows.into_iter().map(|cells| row(db, cells)).collect()
}

#[derive(sqlx::FromRow)]
struct DueCells {
    notice_id: String,
    webhook_id: String,
    attempts: i64,
    next_at: i64,
    body: String,
    url: String,
    secret_generation: i64,
    pepper_version: i64,
    previous_ends_at: Option<i64>,
    previous_pepper_version: Option<i64>,
}

fn due_row(db: &Db, cells: DueCells) -> Result<DueRow, StoreError> {
    let key = format_args!("{}, {}", cells.notice_id, cells.webhook_id);
    let row = Row { db, table: "deliveries", key };
    let previous_ends_at = cells.previous_ends_at.map(|cell| row.number("previous_ends_at", cell));
    let previous_pepper =
        cells.previous_pepper_version.map(|cell| row.number("previous_pepper_version", cell));
    Ok(DueRow {
        attempts: row.number("attempts", cells.attempts)?,
        next_at: UnixSeconds(row.number("next_at", cells.next_at)?),
        secret_generation: row.number("secret_generation", cells.secret_generation)?,
        pepper_version: row.number("pepper_version", cells.pepper_version)?,
        previous_ends_at: previous_ends_at.transpose()?.map(UnixSeconds),
        previous_pepper_version: previous_pepper.transpose()?,
        body: cells.body,
        url: cells.url,
        notice_id: cells.notice_id.clone(),
        webhook_id: cells.webhook_id.clone(),
    })
}

#[derive(sqlx::FromRow)]
struct Cells {
    notice_id: String,
    kind: String,
    at: i64,
    state: String,
    attempts: i64,
    next_at: i64,
    last_at: Option<i64>,
    last_status: Option<i64>,
    last_error: Option<String>,
}

fn row(db: &Db, cells: Cells) -> Result<DeliveryRow, StoreError> {
    let row = Row { db, table: "deliveries", key: &cells.notice_id };
    let time = |column, cell| row.number(column, cell).map(UnixSeconds);
    Ok(DeliveryRow {
        at: time("at", cells.at)?,
        attempts: row.number("attempts", cells.attempts)?,
        next_at: time("next_at", cells.next_at)?,
        last_at: cells.last_at.map(|cell| time("last_at", cell)).transpose()?,
        last_status: cells.last_status.map(|cell| row.number("last_status", cell)).transpose()?,
        kind: cells.kind,
        state: cells.state,
        last_error: cells.last_error,
        notice_id: cells.notice_id,
    })
}
