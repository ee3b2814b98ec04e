//! Table `api_keys`: what is known of a key. The key itself is never stored.

use accrual_rewards::unit::UnixSeconds;

use crate::cell::{Row, bigint, bound};
use crate::db::{on, within};
use crate::{Db, StoreError};

/// One key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRow {
    /// Its public name.
    pub id: String,
    /// Whose it is.
    pub client_id: String,
    /// `live` or `test`.
    pub env: String,
    /// The MAC of its secret under a pepper, in hexadecimal.
    pub secret_mac: String,
    /// Which pepper.
    pub pepper_version: u64,
    /// What it may do.
    pub scopes: String,
    /// When it was made.
    pub created_at: UnixSeconds,
    /// When it ends by itself, if ever.
    pub expires_at: Option<UnixSeconds>,
    /// `active`, `ending`, `ended`, `paused`, `revoked` or `expired`.
    pub state: String,
    /// When it stops being accepted beside its successor.
    pub overlap_ends_at: Option<UnixSeconds>,
    /// When it was revoked.
    pub revoked_at: Option<UnixSeconds>,
    /// The key that it succeeds.
    pub replaces_id: Option<String>,
    /// The key that succeeds it.
    pub replaced_by_id: Option<String>,
    /// How many keys came before it in its line.
    pub generation: u64,
    /// When it was last accepted.
    pub last_used_at: Option<UnixSeconds>,
    /// What its owner noted.
    pub note: String,
    /// Whence it may be used; empty for anywhere.
    pub allowed_networks: String,
}

/// Every column, named: a server refuses a prepared `*` once a migration adds a column.
macro_rules! columns {
    () => {
        "id, client_id, env, secret_mac, pepper_version, scopes, created_at, expires_at, state, overlap_ends_at,
        revoked_at, replaces_id, replaced_by_id, generation, last_used_at, note, allowed_networks"
    };
}

const INSERT: &str = concat!(
    "insert into api_keys (",
    columns!(),
    ") values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)"
);

/// Stores a new key.
///
/// # Errors
/// [`StoreError::Query`] when its id is taken or its client unknown.
pub async fn insert(db: &Db, key: &KeyRow) -> Result<(), StoreError> {
    let time = |at: UnixSeconds| bigint("time", at.0);
    let (pepper_version, generation) =
        (bigint("pepper version", key.pepper_version)?, bigint("generation", key.generation)?);
    let created_at = time(key.created_at)?;
    let expires_at = key.expires_at.map(time).transpose()?;
    let overlap_ends_at = key.overlap_ends_at.map(time).transpose()?;
    let revoked_at = key.revoked_at.map(time).transpose()?;
    let last_used_at = key.last_used_at.map(time).transpose()?;
    let mut tx = db.begin().await?;
    within!(&mut tx, conn => sqlx::query(INSERT)
        .bind(key.id.as_str())
        .bind(key.client_id.as_str())
        .bind(key.env.as_str())
        .bind(key.secret_mac.as_str())
        .bind(pepper_version)
        .bind(key.scopes.as_str())
        .bind(created_at)
        .bind(expires_at)
        .bind(key.state.as_str())
        .bind(overlap_ends_at)
        .bind(revoked_at)
        .bind(key.replaces_id.as_deref())
        .bind(key.replaced_by_id.as_deref())
        .bind(generation)
        .bind(last_used_at)
        .bind(key.note.as_str())
        .bind(key.allowed_networks.as_str())
        .execute(conn).await.map(|_| ()))?;
    tx.commit().await
}

const BY_ID: &str = concat!("select ", columns!(), " from api_keys where id = $1");

/// The key with that id.
///
/// # Errors
/// [`StoreError::Damaged`], or the database's own.
pub async fn by_id(db: &Db, id: &str) -> Result<Option<KeyRow>, StoreError> {
    let cells: Option<Cells> = on!(db, pool => sqlx::query_as(BY_ID).bind(id).fetch_optional(pool).await)?;
    cells.map(|cells| row(db, cells)).transpose()
}

const LIST: &str = concat!("select ", columns!(), " from api_keys where client_id = coalesce($1, client_id)");

/// The keys of one client, or of all of them, oldest first.
///
/// # Errors
/// As [`by_id`].
pub async fn list(db: &Db, client_id: Option<&str>) -> Result<Vec<KeyRow>, StoreError> {
    let rows: Vec<Cells> = on!(db, pool => sqlx::query_as(LIST).bind(client_id).fetch_all(pool).await)?;
    let mut keys: Vec<KeyRow> = rows.into_iter().map(|cells| row(db, cells)).collect::<Result<_, _>>()?;
    keys.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
    Ok(keys)
}

const REVOKE: &str = "
    update api_keys set state = 'revoked', revoked_at = $2 where id = $1 and state <> 'revoked'";

/// Ends a key at once and for good; whether it was not revoked before.
///
/// # Errors
/// The database's own.
pub async fn revoke(db: &Db, id: &str, at: UnixSeconds) -> Result<bool, StoreError> {
    change(db, REVOKE, id, at).await
}

const TOUCH: &str = "
    update api_keys set last_used_at = $2 where id = $1 and (last_used_at is null or last_used_at < $2)";

/// Notes when a key was last accepted; an earlier time than the noted one changes nothing.
///
/// # Errors
/// The database's own.
pub async fn touch(db: &Db, id: &str, at: UnixSeconds) -> Result<bool, StoreError> {
    change(db, TOUCH, id, at).await
}

async fn change(db: &Db, text: &'static str, id: &str, at: UnixSeconds) -> Result<bool, StoreError> {
    let mut tx = db.begin().await?;
    let changed = within!(&mut tx, conn => sqlx::query(text)
        .bind(id).bind(bound(at.0)).execute(conn).await.map(|done| done.rows_affected()))?;
    tx.commit().await?;
    Ok(changed > 0)
}

#[derive(sqlx::FromRow)]
struct Cells {
    id: String,
    client_id: String,
    env: String,
    secret_mac: String,
    pepper_version: i64,
    scopes: String,
    created_at: i64,
    expires_at: Option<i64>,
    state: String,
    overlap_ends_at: Option<i64>,
    revoked_at: Option<i64>,
    replaces_id: Option<String>,
    replaced_by_id: Option<String>,
    generation: i64,
    last_used_at: Option<i64>,
    note: String,
    allowed_networks: String,
}

fn row(db: &Db, cells: Cells) -> Result<KeyRow, StoreError> {
    let row = Row { db, table: "api_keys", key: &cells.id };
    let time = |column, cell| row.number(column, cell).map(UnixSeconds);
    Ok(KeyRow {
        pepper_version: row.number("pepper_version", cells.pepper_version)?,
        created_at: time("created_at", cells.created_at)?,
        expires_at: cells.expires_at.map(|cell| time("expires_at", cell)).transpose()?,
        overlap_ends_at: cells.overlap_ends_at.map(|cell| time("overlap_ends_at", cell)).transpose()?,
        revoked_at: cells.revoked_at.map(|cell| time("revoked_at", cell)).transpose()?,
        generation: row.number("generation", cells.generation)?,
        last_used_at: cells.last_used_at.map(|cell| time("last_used_at", cell)).transpose()?,
        id: cells.id,
        client_id: cells.client_id,
        env: cells.env,
        secret_mac: cells.secret_mac,
        scopes: cells.scopes,
        state: cells.state,
        replaces_id: cells.replaces_id,
        replaced_by_id: cells.replaced_by_id,
        note: cells.note,
        allowed_networks: cells.allowed_networks,
    })
}
