//! Table `notices`: what happened, to be told to whoever asked for it.
//!
//! A notice is posted in the transaction of the change that it tells of, so neither is there without the other. Its
//! name is made of what happened, so posting it again does nothing, whichever server does.

use accrual_access::notice::{Happening, Notice, NoticeKind};
use accrual_rewards::unit::UnixSeconds;

use crate::cell::{Row, bigint, bound};
use crate::db::{Tx, on, within};
use crate::{Db, StoreError, webhooks};

/// One notice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoticeRow {
    /// Its name, the same for the same happening.
    pub notice_id: String,
    /// Its kind, as [`NoticeKind`] names it.
    pub kind: String,
    /// The client that it speaks of.
    pub client_id: Option<String>,
    /// When it happened.
    pub at: UnixSeconds,
    /// The JSON that is sent.
    pub body: String,
}

impl From<Notice> for NoticeRow {
    fn from(notice: Notice) -> Self {
        let Notice { id, kind, client, at, body } = notice;
        Self { notice_id: id, kind: kind.as_str().to_owned(), client_id: client, at, body }
    }
}

const POST: &str = "
    insert into notices (notice_id, kind, client_id, at, body, is_fanned_out) values ($1, $2, $3, $4, $5, $6)
    on conflict (notice_id) do nothing";

/// Posts a notice within somebody's transaction; whether it is new.
///
/// # Errors
/// The database's own.
pub(crate) async fn post(tx: &mut Tx<'_>, notice: &NoticeRow) -> Result<bool, StoreError> {
    insert(tx, notice, false).await
}

async fn insert(tx: &mut Tx<'_>, notice: &NoticeRow, is_fanned_out: bool) -> Result<bool, StoreError> {
    let at = bigint("time", notice.at.0)?;
    let posted = within!(tx, conn => sqlx::query(POST)
        .bind(notice.notice_id.as_str())
        .bind(notice.kind.as_str())
        .bind(notice.client_id.as_deref())
        .bind(at)
        .bind(notice.body.as_str())
        .bind(is_fanned_out)
        .execute(conn).await.map(|done| done.rows_affected()))?;
    Ok(posted > 0)
}

/// Posts what a change tells, in the change's own transaction.
pub(crate) async fn post_told(
    tx: &mut Tx<'_>,
    told: &Happening,
    at: UnixSeconds,
) -> Result<bool, StoreError> {
    post(tx, &Notice::new(told, at).into()).await
}

/// Posts notices that belong to no other change, in one transaction; how many were new.
///
/// # Errors
/// The database's own.
pub async fn post_now(db: &Db, notices: &[NoticeRow]) -> Result<usize, StoreError> {
    if notices.is_empty() {
        return Ok(0);
    }
    let mut tx = db.begin().await?;
    let mut new = 0;
    for notice in notices {
        new += usize::from(post(&mut tx, notice).await?);
    }
    tx.commit().await?;
    Ok(new)
}

const DELIVER: &str = "
    insert into deliveries (notice_id, webhook_id, state, attempts, next_at) values ($1, $2, 'pending', 0, $3)
    on conflict (notice_id, webhook_id) do nothing";

/// Posts a notice to one webhook and no other, due at once.
///
/// # Errors
/// The database's own.
pub async fn post_to(db: &Db, notice: &NoticeRow, webhook_id: &str) -> Result<(), StoreError> {
    let mut tx = db.begin().await?;
    insert(&mut tx, notice, true).await?;
    deliver(&mut tx, &notice.notice_id, webhook_id, notice.at).await?;
    tx.commit().await
}

async fn deliver(
    tx: &mut Tx<'_>,
    notice_id: &str,
    webhook_id: &str,
    due_at: UnixSeconds,
) -> Result<(), StoreError> {
    let due_at = bigint("time", due_at.0)?;
    within!(tx, conn => sqlx::query(DELIVER)
        .bind(notice_id).bind(webhook_id).bind(due_at).execute(conn).await.map(|_| ()))
}

const WAITING: &str = "
    select notice_id, kind, client_id, at, body from notices
    where is_fanned_out = false order by at, notice_id limit $1";

const TAKE: &str = "update notices set is_fanned_out = true where notice_id = $1 and is_fanned_out = false";

/// Makes a delivery of every posted notice for each active webhook that asked for its kind, due at `now`; how many
/// notices these were, `limit` at most. A server that another one overtakes does nothing.
///
/// # Errors
/// [`StoreError::Damaged`], or the database's own.
pub async fn fan_out(db: &Db, now: UnixSeconds, limit: u32) -> Result<usize, StoreError> {
    let rows: Vec<Cells> =
        on!(db, pool => sqlx::query_as(WAITING).bind(i64::from(limit)).fetch_all(pool).await)?;
    let notices: Vec<NoticeRow> = rows.into_iter().map(|cells| row(db, cells)).collect::<Result<_, _>>()?;
    if notices.is_empty() {
        return Ok(0);
    }
    let receivers = webhooks::list(db, None).await?;
    for notice in &notices {
        let mut tx = db.begin().await?;
        let taken = within!(&mut tx, conn => sqlx::query(TAKE)
            .bind(notice.notice_id.as_str()).execute(conn).await.map(|done| done.rows_affected()))?;
        if taken > 0 {
            for webhook in receivers.iter().filter(|webhook| is_for(notice, webhook)) {
                deliver(&mut tx, &notice.notice_id, &webhook.webhook_id, now).await?;
            }
        }
        tx.commit().await?;
    }
    Ok(notices.len())
}

/// Whether `webhook` is told of `notice`: it asked for the kind, is not stopped, and the notice speaks of its client,
/// or of something that everybody may know, or it is an operator's.
fn is_for(notice: &NoticeRow, webhook: &webhooks::WebhookRow) -> bool {
    let asked = webhook.events.split(',').any(|event| event == notice.kind);
    let public = notice.kind.parse::<NoticeKind>().is_ok_and(NoticeKind::is_public);
    let own = notice.client_id.as_ref() == Some(&webhook.client_id);
    webhook.state == "active" && asked && (webhook.is_operator || public || own)
}

const FORGET_DELIVERIES: &str = "
    delete from deliveries where notice_id in (select notice_id from notices where at < $1 and is_fanned_out = true)";
const FORGET: &str = "delete from notices where at < $1 and is_fanned_out = true";

/// Deletes what was posted before `before`, with its deliveries; how many notices these were.
///
/// # Errors
/// The database's own.
pub async fn forget(db: &Db, before: UnixSeconds) -> Result<u64, StoreError> {
    let before = bound(before.0);
    let mut tx = db.begin().await?;
    within!(&mut tx, conn => sqlx::query(FORGET_DELIVERIES).bind(before).execute(conn).await.map(|_| ()))?;
    let forgotten = within!(&mut tx, conn => sqlx::query(FORGET)
        .bind(before).execute(conn).await.map(|done| done.rows_affected()))?;
    tx.commit().await?;
    Ok(forgotten)
}

type Cells = (String, String, Option<String>, i64, String);

fn row(db: &Db, (notice_id, kind, client_id, at, body): Cells) -> Result<NoticeRow, StoreError> {
    let at = UnixSeconds(Row { db, table: "notices", key: &notice_id }.number("at", at)?);
    Ok(NoticeRow { notice_id, kind, client_id, at, body })
}
