//! Tables `readings` and `answers`: what a source of Merkl's figures said, word for word, so that a comparison can be made
//! again later.

use std::collections::BTreeMap;

use accrual_rewards::id::CampaignId;
use accrual_rewards::unit::UnixSeconds;

use crate::cell::{Row, bigint, bound};
use crate::db::{on, within};
use crate::{Db, StoreError};

/// The longest answer that is kept. A page of rewards has some hundred kilobytes.
pub const ANSWER_BYTES_MAX: usize = 8 << 20;

/// One reading of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// Its name.
    pub reading_id: String,
    /// For which campaign.
    pub campaign: CampaignId,
    /// Where: a URL, or a file's path.
    pub source: String,
    /// When it began.
    pub started_at: UnixSeconds,
    /// When it was complete; `None` when it broke off.
    pub finished_at: Option<UnixSeconds>,
}

/// One answer, as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerRow {
    /// What was asked, from the base URL on.
    pub path: String,
    /// When it came.
    pub at: UnixSeconds,
    /// Its HTTP status.
    pub status: u16,
    /// Its text.
    pub body: String,
}

const BEGIN: &str = "
    insert into readings (reading_id, campaign_id, source, started_at, finished_at) values ($1, $2, $3, $4, $5)";

/// Begins a reading.
///
/// # Errors
/// The database's own, also when there is one of that name.
pub async fn begin(db: &Db, reading: &Reading) -> Result<(), StoreError> {
    let started_at = bigint("time", reading.started_at.0)?;
    let finished_at = reading.finished_at.map(|at| bigint("time", at.0)).transpose()?;
    let mut tx = db.begin().await?;
    within!(&mut tx, conn => sqlx::query(BEGIN)
        .bind(reading.reading_id.as_str())
        .bind(reading.campaign.as_str())
        .bind(reading.source.as_str())
        .bind(started_at)
        .bind(finished_at)
        .execute(conn).await.map(|_| ()))?;
    tx.commit().await
}

const KEEP: &str = "
    insert into answers (reading_id, path, at, status, body) values ($1, $2, $3, $4, $5)
    on conflict (reading_id, path) do update set at = excluded.at, status = excluded.status, body = excluded.body";

/// Keeps an answer of a reading; a later one to the same question takes its place.
///
/// # Errors
/// [`StoreError::TooLarge`] for one longer than [`ANSWER_BYTES_MAX`], or the database's own.
pub async fn keep(db: &Db, reading_id: &str, answer: &AnswerRow) -> Result<(), StoreError> {
    if answer.body.len() > ANSWER_BYTES_MAX {
        let value = u64::try_from(answer.body.len()).unwrap_or(u64::MAX);
        return Err(StoreError::TooLarge { what: "length of an answer", value });
    }
    let at = bigint("time", answer.at.0)?;
    // A text of PostgreSQL's holds no zero byte, and no answer that could be read has one.
    let body = answer.body.replace('\0', "\u{fffd}");
    let mut tx = db.begin().await?;
    within!(&mut tx, conn => sqlx::query(KEEP)
        .bind(reading_id)
        .bind(answer.path.as_str())
        .bind(at)
        .bind(i64::from(answer.status))
        .bind(body)
        .execute(conn).await.map(|_| ()))?;
    tx.commit().await
}

const FINISH: &str = "update readings set finished_at = $2 where reading_id = $1";

/// Says that a reading is complete.
///
/// # Errors
/// The database's own.
pub async fn finish(db: &Db, reading_id: &str, at: UnixSeconds) -> Result<(), StoreError> {
    let at = bigint("time", at.0)?;
    let mut tx = db.begin().await?;
    within!(&mut tx, conn => sqlx::query(FINISH).bind(reading_id).bind(at).execute(conn).await.map(|_| ()))?;
    tx.commit().await
}

const DROP_ANSWERS: &str = "delete from answers where reading_id = $1";

/// Forgets the answers of a reading that has to be begun anew, since what it reads changed meanwhile.
///
/// # Errors
/// The database's own.
pub async fn start_over(db: &Db, reading_id: &str) -> Result<(), StoreError> {
    let mut tx = db.begin().await?;
    within!(&mut tx, conn => sqlx::query(DROP_ANSWERS).bind(reading_id).execute(conn).await.map(|_| ()))?;
    tx.commit().await
}

type Cells = (String, String, String, i64, Option<i64>);

const NEWEST: &str = "
    select reading_id, campaign_id, source, started_at, finished_at from readings
    where campaign_id = $1 and source = $2 order by started_at desc, reading_id desc limit 1";

/// The newest reading of a campaign from a source, finished or not.
///
/// # Errors
/// [`StoreError::Damaged`], or the database's own.
pub async fn newest(db: &Db, campaign: &CampaignId, source: &str) -> Result<Option<Reading>, StoreError> {
    let cells: Option<Cells> = on!(db, pool => sqlx::query_as(NEWEST)
        .bind(campaign.as_str()).bind(source).fetch_optional(pool).await)?;
    cells.map(|cells| row(db, cells)).transpose()
}

const ANSWERED: &str = "
    select campaign_id, max(finished_at) from readings
    where source = $1 and finished_at is not null group by campaign_id";

/// When a source last answered all that was asked of it, by campaign.
///
/// # Errors
/// [`StoreError::Damaged`], or the database's own.
pub async fn answered(db: &Db, source: &str) -> Result<BTreeMap<CampaignId, UnixSeconds>, StoreError> {
    let rows: Vec<(String, i64)> =
        on!(db, pool => sqlx::query_as(ANSWERED).bind(source).fetch_all(pool).await)?;
    let answered = |(campaign, at): (String, i64)| {
        let row = Row { db, table: "readings", key: &campaign };
        Ok((row.text("campaign_id", &campaign)?, UnixSeconds(row.number("finished_at", at)?)))
    };
    rows.into_iter().map(answered).collect()
}

const GET: &str =
    "select reading_id, campaign_id, source, started_at, finished_at from readings where reading_id = $1";

/// The reading of that name.
///
/// # Errors
/// [`StoreError::Damaged`], or the database's own.
pub async fn get(db: &Db, reading_id: &str) -> Result<Option<Reading>, StoreError> {
    let cells: Option<Cells> =
        on!(db, pool => sqlx::query_as(GET).bind(reading_id).fetch_optional(pool).await)?;
    cells.map(|cells| row(db, cells)).transpose()
}

const ANSWER: &str = "select path, at, status, body from answers where reading_id = $1 and path = $2";

/// What a reading was answered to a question, if it asked it.
///
/// # Errors
/// [`StoreError::Damaged`], or the database's own.
pub async fn answer(db: &Db, reading_id: &str, path: &str) -> Result<Option<AnswerRow>, StoreError> {
    let cells: Option<(String, i64, i64, String)> =
        on!(db, pool => sqlx::query_as(ANSWER).bind(reading_id).bind(path).fetch_optional(pool).await)?;
    let Some((path, at, status, body)) = cells else { return Ok(None) };
    let row = Row { db, table: "answers", key: reading_id };
    let at = UnixSeconds(row.number("at", at)?);
    let status = u16::try_from(status).map_err(|_| row.damaged(format!("status is {status}")))?;
    Ok(Some(AnswerRow { path, at, status, body }))
}

const FORGET_ANSWERS: &str = "
    delete from answers where reading_id in (select reading_id from readings where started_at < $1)";

/// Deletes the answers of readings that began before `before`; how many. Comparisons stay.
///
/// # Errors
/// The database's own.
pub async fn forget(db: &Db, before: UnixSeconds) -> Result<u64, StoreError> {
    let mut tx = db.begin().await?;
    let gone = within!(&mut tx, conn => sqlx::query(FORGET_ANSWERS)
        .bind(bound(before.0)).execute(conn).await.map(|done| done.rows_affected()))?;
    tx.commit().await?;
    Ok(gone)
}

fn row(
    db: &Db,
    (reading_id, campaign, source, started_at, finished_at): Cells,
) -> Result<Reading, StoreError> {
    let row = Row { db, table: "readings", key: &reading_id };
    let started_at = UnixSeconds(row.number("started_at", started_at)?);
    let finished_at = finished_at.map(|at| row.number("finished_at", at)).transpose()?.map(UnixSeconds);
    let campaign = row.text("campaign_id", &campaign)?;
    Ok(Reading { campaign, source, started_at, finished_at, reading_id })
}
