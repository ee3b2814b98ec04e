//! Table `webhooks`: who wants to be told of what, and where. No secret is in it.

use accrual_rewards::unit::UnixSeconds;

use crate::cell::{Row, bigint};
use crate::db::{on, within};
use crate::{Db, StoreError};

/// One webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookRow {
    /// Its id.
    pub webhook_id: String,
    /// Whose it is.
    pub client_id: String,
    /// Where it is sent to.
    pub url: String,
    /// The kinds of notices it is for, with commas.
    pub events: String,
    /// `active`, `paused` by its owner, or `disabled` by the receiver.
    pub state: String,
    /// When it was made.
    pub created_at: UnixSeconds,
    /// Which secret signs, counted from 1.
    pub secret_generation: u64,
    /// The pepper that this secret is made from.
    pub pepper_version: u64,
    /// Until when the generation before signs too.
    pub previous_ends_at: Option<UnixSeconds>,
    /// The pepper that the one before was made from.
    pub previous_pepper_version: Option<u64>,
    /// Whether it is told of every client.
    pub is_operator: bool,
    /// What its owner noted.
    pub note: String,
    /// How often it was changed, counted from 1.
    pub version: u64,
}

macro_rules! columns {
    () => {
        "webhook_id, client_id, url, events, state, created_at, secret_generation, pepper_version,
        previous_ends_at, previous_pepper_version, is_operator, note, version"
    };
}

const INSERT: &str = concat!(
    "insert into webhooks (",
    columns!(),
    ") values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)"
);

/// Stores a new webhook.
///
/// # Errors
/// [`StoreError::Query`] when its id is taken or its client unknown.
pub async fn insert(db: &Db, webhook: &WebhookRow) -> Result<(), StoreError> {
    let Changing { generation, pepper_version, previous_ends_at, previous_pepper_version, version } =
        changing(webhook)?;
    let created_at = bigint("time", webhook.created_at.0)?;
    let mut tx = db.begin().await?;
    within!(&mut tx, conn => sqlx::query(INSERT)
        .bind(webhook.webhook_id.as_str())
        .bind(webhook.client_id.as_str())
        .bind(webhook.url.as_str())
        .bind(webhook.events.as_str())
        .bind(webhook.state.as_str())
        .bind(created_at)
        .bind(generation)
        .bind(pepper_version)
        .bind(previous_ends_at)
        .bind(previous_pepper_version)
        .bind(webhook.is_operator)
        .bind(webhook.note.as_str())
        .bind(version)
        .execute(conn).await.map(|_| ()))?;
    tx.commit().await
}

const BY_ID: &str = concat!("select ", columns!(), " from webhooks where webhook_id = $1");

/// The webhook with that id.
///
/// # Errors
/// [`StoreError::Damaged`], or the database's own.
pub async fn by_id(db: &Db, webhook_id: &str) -> Result<Option<WebhookRow>, StoreError> {
    let cells: Option<Cells> =
        on!(db, pool => sqlx::query_as(BY_ID).bind(webhook_id).fetch_optional(pool).await)?;
    cells.map(|cells| row(db, cells)).transpose()
}

const LIST: &str = concat!("select ", columns!(), " from webhooks where client_id = coalesce($1, client_id)");

/// The webhooks of one client, or of all of them, oldest first.
///
/// # Errors
/// As [`by_id`].
pub async fn list(db: &Db, client_id: Option<&str>) -> Result<Vec<WebhookRow>, StoreError> {
    let rows: Vec<Cells> = on!(db, pool => sqlx::query_as(LIST).bind(client_id).fetch_all(pool).await)?;
    let mut webhooks: Vec<WebhookRow> =
        rows.into_iter().map(|cells| row(db, cells)).collect::<Result<_, _>>()?;
    webhooks.sort_by(|a, b| (a.created_at, &a.webhook_id).cmp(&(b.created_at, &b.webhook_id)));
    Ok(webhooks)
}

const CHANGE: &str = "
    update webhooks set url = $3, events = $4, state = $5, note = $6, secret_generation = $7, pepper_version = $8,
        previous_ends_at = $9, previous_pepper_version = $10, version = $2 + 1
    where webhook_id = $1 and version = $2";

/// Stores `webhook` as it now is, if nobody changed it since it was read; whether it was stored. Its version is then
/// one more. Whose it is and when it was made stay.
///
/// # Errors
/// The database's own.
pub async fn change(db: &Db, webhook: &WebhookRow) -> Result<bool, StoreError> {
    let Changing { generation, pepper_version, previous_ends_at, previous_pepper_version, version } =
        changing(webhook)?;
    let mut tx = db.begin().await?;
    let changed = within!(&mut tx, conn => sqlx::query(CHANGE)
        .bind(webhook.webhook_id.as_str())
        .bind(version)
        .bind(webhook.url.as_str())
        .bind(webhook.events.as_str())
        .bind(webhook.state.as_str())
        .bind(webhook.note.as_str())
        .bind(generation)
        .bind(pepper_version)
        .bind(previous_ends_at)
        .bind(previous_pepper_version)
        .execute(conn).await.map(|done| done.rows_affected()))?;
    tx.commit().await?;
    Ok(changed > 0)
}

const DISABLE: &str = "
    update webhooks set state = 'disabled', version = version + 1 where webhook_id = $1 and state = 'active'";
const DROP_PENDING: &str =
    "update deliveries set state = 'dropped' where webhook_id = $1 and state = 'pending'";

/// Stops a webhook whose receiver is gone, with all that was still to be sent; whether it was active.
///
/// # Errors
/// The database's own.
pub async fn disable(db: &Db, webhook_id: &str) -> Result<bool, StoreError> {
    let mut tx = db.begin().await?;
    let disabled = within!(&mut tx, conn => sqlx::query(DISABLE)
        .bind(webhook_id).execute(conn).await.map(|done| done.rows_affected()))?;
    if disabled > 0 {
        within!(&mut tx, conn => sqlx::query(DROP_PENDING).bind(webhook_id).execute(conn).await.map(|_| ()))?;
    }
    tx.commit().await?;
    Ok(disabled > 0)
}

const DELETE: &str = "delete from webhooks where webhook_id = $1 and version = $2";
const DELETE_DELIVERIES: &str = "delete from deliveries where webhook_id = $1";

/// Deletes a webhook with its history, if nobody changed it since `version`; whether it was deleted.
///
/// # Errors
/// The database's own.
pub async fn delete(db: &Db, webhook_id: &str, version: u64) -> Result<bool, StoreError> {
    let version = bigint("version", version)?;
    let mut tx = db.begin().await?;
    let deleted = within!(&mut tx, conn => sqlx::query(DELETE)
        .bind(webhook_id).bind(version).execute(conn).await.map(|done| done.rows_affected()))?;
    if deleted > 0 {
        within!(&mut tx, conn => sqlx::query(DELETE_DELIVERIES)
            .bind(webhook_id).execute(conn).await.map(|_| ()))?;
    }
    tx.commit().await?;
    Ok(deleted > 0)
}

/// The numbers of a row as the database takes them.
struct Changing {
    generation: i64,
    pepper_version: i64,
    previous_ends_at: Option<i64>,
    previous_pepper_version: Option<i64>,
    version: i64,
}

fn changing(webhook: &WebhookRow) -> Result<Changing, StoreError> {
    let pepper = |version| bigint("pepper version", version);
    Ok(Changing {
        generation: bigint("generation", webhook.secret_generation)?,
        pepper_version: pepper(webhook.pepper_version)?,
        previous_ends_at: webhook.previous_ends_at.map(|at| bigint("time", at.0)).transpose()?,
        previous_pepper_version: webhook.previous_pepper_version.map(pepper).transpose()?,
        version: bigint("version", webhook.version)?,
    })
}

#[derive(sqlx::FromRow)]
struct Cells {
    webhook_id: String,
    client_id: String,
    url: String,
    events: String,
    state: String,
    created_at: i64,
    secret_generation: i64,
    pepper_version: i64,
    previous_ends_at: Option<i64>,
    previous_pepper_version: Option<i64>,
    is_operator: bool,
    note: String,
    version: i64,
}

fn row(db: &Db, cells: Cells) -> Result<WebhookRow, StoreError> {
    let row = Row { db, table: "webhooks", key: &cells.webhook_id };
    let previous_ends_at = cells.previous_ends_at.map(|cell| row.number("previous_ends_at", cell));
    let previous_pepper =
        cells.previous_pepper_version.map(|cell| row.number("previous_pepper_version", cell));
    Ok(WebhookRow {
        created_at: UnixSeconds(row.number("created_at", cells.created_at)?),
        secret_generation: row.number("secret_generation", cells.secret_generation)?,
        pepper_version: row.number("pepper_version", cells.pepper_version)?,
        previous_ends_at: previous_ends_at.transpose()?.map(UnixSeconds),
        previous_pepper_version: previous_pepper.transpose()?,
        version: row.number("version", cells.version)?,
        webhook_id: cells.webhook_id,
        client_id: cells.client_id,
        url: cells.url,
        events: cells.events,
        state: cells.state,
        is_operator: cells.is_operator,
        note: cells.note,
    })
}
