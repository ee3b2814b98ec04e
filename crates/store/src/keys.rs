//! Table `api_keys`: what is known of a key. The key itself is never stored.
//!
//! Rows are written by [`crate::access`] alone, but for the columns that tell of use, which [`crate::usage`] has.

use accrual_access::key::{KeyEnv, KeyId};
use accrual_access::record::{Brownout, KeyRecord, Validity};
use accrual_access::scope::Scopes;
use accrual_rewards::unit::UnixSeconds;

use crate::cell::{Row, bigint, bound};
use crate::db::{Tx, on, within};
use crate::{Db, StoreError};

/// Every column, named: a server refuses a prepared `*` once a migration adds a column.
macro_rules! columns {
    () => {
        "id, client_id, env, secret_mac, pepper_version, scopes, created_at, expires_at, state, overlap_ends_at,
        revoked_at, replaces_id, replaced_by_id, generation, note, allowed_networks, brownout_at, brownout_ends_at,
        noticed_percent, epoch, first_used_at, last_used_at, last_used_network, last_used_agent"
    };
}

const BY_ID: &str = concat!("select ", columns!(), " from api_keys where id = $1");

/// The key with that id.
///
/// # Errors
/// [`StoreError::Damaged`], or the database's own.
pub async fn by_id(db: &Db, id: &str) -> Result<Option<KeyRecord>, StoreError> {
    let cells: Option<Cells> = on!(db, pool => sqlx::query_as(BY_ID).bind(id).fetch_optional(pool).await)?;
    cells.map(|cells| row(db, cells)).transpose()
}

const LIST: &str = concat!("select ", columns!(), " from api_keys where client_id = coalesce($1, client_id)");

/// The keys of one client, or of all of them, oldest first.
///
/// # Errors
/// As [`by_id`].
pub async fn list(db: &Db, client_id: Option<&str>) -> Result<Vec<KeyRecord>, StoreError> {
    let rows: Vec<Cells> = on!(db, pool => sqlx::query_as(LIST).bind(client_id).fetch_all(pool).await)?;
    sorted(db, rows)
}

const SINCE: &str = concat!("select ", columns!(), " from api_keys where epoch > $1");

/// The keys that were changed after `epoch`; all of them when there is none.
///
/// # Errors
/// As [`by_id`].
pub async fn since(db: &Db, epoch: Option<u64>) -> Result<Vec<KeyRecord>, StoreError> {
    let epoch = epoch.map_or(-1, bound);
    let rows: Vec<Cells> = on!(db, pool => sqlx::query_as(SINCE).bind(epoch).fetch_all(pool).await)?;
    rows.into_iter().map(|cells| row(db, cells)).collect()
}

pub(crate) async fn list_in(tx: &mut Tx<'_>, client_id: &str) -> Result<Vec<KeyRecord>, StoreError> {
    let rows: Vec<Cells> =
        within!(tx, conn => sqlx::query_as(LIST).bind(Some(client_id)).fetch_all(conn).await)?;
    sorted(tx.db, rows)
}

fn sorted(db: &Db, rows: Vec<Cells>) -> Result<Vec<KeyRecord>, StoreError> {
    let mut keys: Vec<KeyRecord> = rows.into_iter().map(|cells| row(db, cells)).collect::<Result<_, _>>()?;
    keys.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
    Ok(keys)
}

const WRITE: &str = "
    insert into api_keys (id, client_id, env, secret_mac, pepper_version, scopes, created_at, expires_at, state,
        overlap_ends_at, revoked_at, replaces_id, replaced_by_id, generation, note, allowed_networks, brownout_at,
        brownout_ends_at, noticed_percent, epoch)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)
    on conflict (id) do update set secret_mac = excluded.secret_mac, pepper_version = excluded.pepper_version,
        scopes = excluded.scopes, expires_at = excluded.expires_at,
        state = excluded.state, overlap_ends_at = excluded.overlap_ends_at, revoked_at = excluded.revoked_at,
        replaced_by_id = excluded.replaced_by_id, note = excluded.note,
        allowed_networks = excluded.allowed_networks, brownout_at = excluded.brownout_at,
        brownout_ends_at = excluded.brownout_ends_at, noticed_percent = excluded.noticed_percent,
        epoch = excluded.epoch";

/// Writes the key as it shall be. What it was made with (client, environment, generation) stays, and so does what use has
/// noted.
pub(crate) async fn write(tx: &mut Tx<'_>, key: &KeyRecord, epoch: u64) -> Result<(), StoreError> {
    let time = |at: UnixSeconds| bigint("time", at.0);
    let validity = &key.validity;
    let created_at = time(key.created_at)?;
    let expires_at = validity.expires_at.map(time).transpose()?;
    let overlap_ends_at = validity.overlap_ends_at.map(time).transpose()?;
    let revoked_at = key.revoked_at.map(time).transpose()?;
    let brownout_at = validity.brownout.map(|brownout| time(brownout.at)).transpose()?;
    let brownout_ends_at = validity.brownout.map(|brownout| time(brownout.ends_at)).transpose()?;
    let (generation, epoch) = (bigint("generation", key.generation)?, bigint("epoch", epoch)?);
    within!(tx, conn => sqlx::query(WRITE)
        .bind(key.id.as_str())
        .bind(key.client_id.as_str())
        .bind(key.env.as_str())
        .bind(key.secret_mac.as_str())
        .bind(i64::from(key.pepper_version))
        .bind(key.scopes.join())
        .bind(created_at)
        .bind(expires_at)
        .bind(validity.state.as_str())
        .bind(overlap_ends_at)
        .bind(revoked_at)
        .bind(key.replaces.as_ref().map(KeyId::as_str))
        .bind(key.replaced_by.as_ref().map(KeyId::as_str))
        .bind(generation)
        .bind(key.note.as_str())
        .bind(key.networks.join())
        .bind(brownout_at)
        .bind(brownout_ends_at)
        .bind(i64::from(key.noticed_percent))
        .bind(epoch)
        .execute(conn).await.map(|_| ()))
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
    note: String,
    allowed_networks: String,
    brownout_at: Option<i64>,
    brownout_ends_at: Option<i64>,
    noticed_percent: i64,
    epoch: i64,
    first_used_at: Option<i64>,
    last_used_at: Option<i64>,
    last_used_network: Option<String>,
    last_used_agent: Option<String>,
}

fn row(db: &Db, cells: Cells) -> Result<KeyRecord, StoreError> {
    let row = Row { db, table: "api_keys", key: &cells.id };
    let time = |column, cell| row.number(column, cell).map(UnixSeconds);
    let maybe = |column, cell: Option<i64>| cell.map(|cell| time(column, cell)).transpose();
    let small = |column, cell: i64| -> Result<u32, StoreError> {
        u32::try_from(cell).map_err(|_| row.damaged(format!("{column} is {cell}")))
    };
    let name = |column, cell: Option<String>| cell.map(|text| row.text::<KeyId>(column, &text)).transpose();
    let brownout = maybe("brownout_at", cells.brownout_at)?
        .zip(maybe("brownout_ends_at", cells.brownout_ends_at)?)
        .map(|(at, ends_at)| Brownout { at, ends_at });
    Ok(KeyRecord {
        id: row.text("id", &cells.id)?,
        env: row.text::<KeyEnv>("env", &cells.env)?,
        pepper_version: small("pepper_version", cells.pepper_version)?,
        scopes: Scopes::split(&cells.scopes),
        networks: row.text("allowed_networks", &cells.allowed_networks)?,
        created_at: time("created_at", cells.created_at)?,
        validity: Validity {
            state: row.text("state", &cells.state)?,
            expires_at: maybe("expires_at", cells.expires_at)?,
            overlap_ends_at: maybe("overlap_ends_at", cells.overlap_ends_at)?,
            brownout,
        },
        revoked_at: maybe("revoked_at", cells.revoked_at)?,
        replaces: name("replaces_id", cells.replaces_id)?,
        replaced_by: name("replaced_by_id", cells.replaced_by_id)?,
        generation: row.number("generation", cells.generation)?,
        first_used_at: maybe("first_used_at", cells.first_used_at)?,
        last_used_at: maybe("last_used_at", cells.last_used_at)?,
        noticed_percent: u8::try_from(small("noticed_percent", cells.noticed_percent)?).unwrap_or(u8::MAX),
        epoch: row.number("epoch", cells.epoch)?,
        client_id: cells.client_id,
        secret_mac: cells.secret_mac,
        last_used_network: cells.last_used_network,
        last_used_agent: cells.last_used_agent,
        note: cells.note,
    })
}

const BY_PEPPER: &str = "
    select pepper_version, count(*) from api_keys
    where state not in ('revoked', 'ended') and (expires_at is null or expires_at > $1)
        and (state <> 'ending' or overlap_ends_at > $1)
    group by pepper_version order by pepper_version";

/// How many keys that can still be used are stored under each pepper, the lowest version first.
///
/// # Errors
/// [`StoreError::Damaged`], or the database's own.
pub async fn by_pepper(db: &Db, now: UnixSeconds) -> Result<Vec<(u32, u64)>, StoreError> {
    let rows: Vec<(i64, i64)> =
        on!(db, pool => sqlx::query_as(BY_PEPPER).bind(bound(now.0)).fetch_all(pool).await)?;
    let row = Row { db, table: "api_keys", key: "by pepper" };
    let read = |(version, keys): (i64, i64)| {
        let known =
            u32::try_from(version).map_err(|_| row.damaged(format!("pepper_version is {version}")))?;
        Ok((known, row.number("count", keys)?))
    };
    rows.into_iter().map(read).collect()
}

const TOUCH: &str = "
    update api_keys set last_used_at = $2 where id = $1 and (last_used_at is null or last_used_at < $2)";

/// Notes when a key was last accepted; an earlier time than the noted one changes nothing.
///
/// # Errors
/// The database's own.
pub async fn touch(db: &Db, id: &str, at: UnixSeconds) -> Result<bool, StoreError> {
    let mut tx = db.begin().await?;
    let changed = within!(&mut tx, conn => sqlx::query(TOUCH)
        .bind(id).bind(bound(at.0)).execute(conn).await.map(|done| done.rows_affected()))?;
    tx.commit().await?;
    Ok(changed > 0)
}
