//! Table `clients`: who may ask, and on which plan.

use accrual_access::record::ClientRecord;
use accrual_rewards::unit::UnixSeconds;

use crate::cell::{Row, bigint, bound};
use crate::db::{Tx, on, within};
use crate::{Db, StoreError};

macro_rules! columns {
    () => {
        "client_id, name, plan, created_at, spend_cap_microusd, pays_in_tmai, stake_tier, epoch"
    };
}

const BY_ID: &str = concat!("select ", columns!(), " from clients where client_id = $1");

/// The client with that id.
///
/// # Errors
/// [`StoreError::Damaged`], or the database's own.
pub async fn by_id(db: &Db, client_id: &str) -> Result<Option<ClientRecord>, StoreError> {
    let cells: Option<Cells> =
        on!(db, pool => sqlx::query_as(BY_ID).bind(client_id).fetch_optional(pool).await)?;
    cells.map(|cells| row(db, cells)).transpose()
}

const BY_NAME: &str = concat!("select ", columns!(), " from clients where name = $1");

/// The client of that name.
///
/// # Errors
/// As [`by_id`].
pub async fn by_name(db: &Db, name: &str) -> Result<Option<ClientRecord>, StoreError> {
    let cells: Option<Cells> =
        on!(db, pool => sqlx::query_as(BY_NAME).bind(name).fetch_optional(pool).await)?;
    cells.map(|cells| row(db, cells)).transpose()
}

const SINCE: &str = concat!("select ", columns!(), " from clients where epoch > $1");

/// The clients that were changed after `epoch`; all of them when there is none.
///
/// # Errors
/// As [`by_id`].
pub async fn since(db: &Db, epoch: Option<u64>) -> Result<Vec<ClientRecord>, StoreError> {
    let epoch = epoch.map_or(-1, bound);
    let rows: Vec<Cells> = on!(db, pool => sqlx::query_as(SINCE).bind(epoch).fetch_all(pool).await)?;
    rows.into_iter().map(|cells| row(db, cells)).collect()
}

/// Every client, by name.
///
/// # Errors
/// As [`by_id`].
pub async fn list(db: &Db) -> Result<Vec<ClientRecord>, StoreError> {
    let mut clients = since(db, None).await?;
    clients.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(clients)
}

pub(crate) async fn by_id_in(tx: &mut Tx<'_>, client_id: &str) -> Result<Option<ClientRecord>, StoreError> {
    let cells: Option<Cells> =
        within!(tx, conn => sqlx::query_as(BY_ID).bind(client_id).fetch_optional(conn).await)?;
    cells.map(|cells| row(tx.db, cells)).transpose()
}

pub(crate) async fn by_name_in(tx: &mut Tx<'_>, name: &str) -> Result<Option<ClientRecord>, StoreError> {
    let cells: Option<Cells> =
        within!(tx, conn => sqlx::query_as(BY_NAME).bind(name).fetch_optional(conn).await)?;
    cells.map(|cells| row(tx.db, cells)).transpose()
}

const WRITE: &str = concat!(
    "insert into clients (",
    columns!(),
    ") values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict (client_id) do update set plan = excluded.plan,
    spend_cap_microusd = excluded.spend_cap_microusd, pays_in_tmai = excluded.pays_in_tmai,
    stake_tier = excluded.stake_tier, epoch = excluded.epoch"
);

/// Writes the client as it shall be.
pub(crate) async fn write(tx: &mut Tx<'_>, client: &ClientRecord, epoch: u64) -> Result<(), StoreError> {
    let created_at = bigint("time", client.created_at.0)?;
    let spend_cap = client.spend_cap_microusd.map(|cap| bigint("spend cap", cap)).transpose()?;
    let epoch = bigint("epoch", epoch)?;
    within!(tx, conn => sqlx::query(WRITE)
        .bind(client.client_id.as_str()).bind(client.name.as_str()).bind(client.plan.as_str()).bind(created_at)
        .bind(spend_cap).bind(client.pays_in_tmai).bind(client.stake_tier.as_str()).bind(epoch)
        .execute(conn).await.map(|_| ()))
}

#[derive(sqlx::FromRow)]
struct Cells {
    client_id: String,
    name: String,
    plan: String,
    created_at: i64,
    spend_cap_microusd: Option<i64>,
    pays_in_tmai: bool,
    stake_tier: String,
    epoch: i64,
}

fn row(db: &Db, cells: Cells) -> Result<ClientRecord, StoreError> {
    let row = Row { db, table: "clients", key: &cells.client_id };
    let cap = |cell| row.number("spend_cap_microusd", cell);
    Ok(ClientRecord {
        created_at: UnixSeconds(row.number("created_at", cells.created_at)?),
        spend_cap_microusd: cells.spend_cap_microusd.map(cap).transpose()?,
        epoch: row.number("epoch", cells.epoch)?,
        client_id: cells.client_id,
        name: cells.name,
        plan: cells.plan,
        pays_in_tmai: cells.pays_in_tmai,
        stake_tier: cells.stake_tier,
    })
}
