//! Table `watched`: what was last seen of a thing, so that a change of it is noticed once, by whichever server.

use crate::cell::{Row, bigint, bound};
use crate::db::within;
use crate::notices::{self, NoticeRow};
use crate::{Db, StoreError};

const QUIET: &str = "
    insert into watched (subject, value) values ($1, $2)
    on conflict (subject) do update set value = excluded.value where watched.value <= $3";

/// Posts `notice` unless one about `subject` was posted this way less than `quiet_seconds` before it; whether it was.
///
/// # Errors
/// The database's own.
pub async fn post_after_quiet(
    db: &Db,
    subject: &str,
    quiet_seconds: u64,
    notice: &NoticeRow,
) -> Result<bool, StoreError> {
    let (at, latest) = (bigint("time", notice.at.0)?, bound(notice.at.0.saturating_sub(quiet_seconds)));
    let mut tx = db.begin().await?;
    let is_quiet = within!(&mut tx, conn => sqlx::query(QUIET)
        .bind(subject).bind(at).bind(latest).execute(conn).await.map(|done| done.rows_affected()))?;
    let posted = is_quiet > 0 && notices::post(&mut tx, notice).await?;
    tx.commit().await?;
    Ok(posted)
}

const SEEN: &str = "select value from watched where subject = $1";
const FIRST: &str = "insert into watched (subject, value) values ($1, $2) on conflict (subject) do nothing";
const RAISE: &str = "update watched set value = $2 where subject = $1 and value = $3";

/// Notes that `subject` has reached `value`, and posts what `notice` makes of the value before, when that was smaller.
/// The first look at a thing is no change of it. Whether a notice was posted.
///
/// # Errors
/// [`StoreError::Damaged`], or the database's own.
pub async fn post_when_raised(
    db: &Db,
    subject: &str,
    value: u64,
    notice: impl FnOnce(u64) -> NoticeRow,
) -> Result<bool, StoreError> {
    let new = bigint("value", value)?;
    let mut tx = db.begin().await?;
    let seen: Option<(i64,)> =
        within!(&mut tx, conn => sqlx::query_as(SEEN).bind(subject).fetch_optional(conn).await)?;
    let posted = match seen {
        None => {
            within!(&mut tx, conn => sqlx::query(FIRST)
                .bind(subject).bind(new).execute(conn).await.map(|_| ()))?;
            false
        }
        Some((old,)) if old < new => {
            let raised = within!(&mut tx, conn => sqlx::query(RAISE)
                .bind(subject).bind(new).bind(old).execute(conn).await.map(|done| done.rows_affected()))?;
            let old = Row { db, table: "watched", key: subject }.number("value", old)?;
            raised > 0 && notices::post(&mut tx, &notice(old)).await?
        }
        Some(_) => false,
    };
    tx.commit().await?;
    Ok(posted)
}
