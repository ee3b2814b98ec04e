//! Table `clients`: who may ask, and on which plan.

use accrual_rewards::unit::UnixSeconds;

use crate::cell::{Row, bigint};
use crate::db::{on, within};
use crate::{Db, StoreError};

/// One client. Limits and quota are a client's, never a key's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientRow {
    /// Its id.
    pub client_id: String,
    /// Its name, which no other client has.
    pub name: String,
    /// The name of its plan.
    pub plan: String,
    /// When it was made.
    pub created_at: UnixSeconds,
}

type Cells = (String, String, String, i64);

const INSERT: &str = "
    insert into clients (client_id, name, plan, created_at) values ($1, $2, $3, $4)
    on conflict (name) do nothing";

const BY_NAME: &str = "select client_id, name, plan, created_at from clients where name = $1";

/// The client of that name: the stored one where there is one, else `client` itself, which is then stored.
///
/// # Errors
/// The database's own.
pub async fn get_or_create(db: &Db, client: &ClientRow) -> Result<ClientRow, StoreError> {
    let created_at = bigint("time", client.created_at.0)?;
    let mut tx = db.begin().await?;
    within!(&mut tx, conn => sqlx::query(INSERT)
        .bind(client.client_id.as_str()).bind(client.name.as_str()).bind(client.plan.as_str()).bind(created_at)
        .execute(conn).await.map(|_| ()))?;
    let cells: Cells =
        within!(&mut tx, conn => sqlx::query_as(BY_NAME).bind(client.name.as_str()).fetch_one(conn).await)?;
    tx.commit().await?;
    row(db, cells)
}

const BY_ID: &str = "select client_id, name, plan, created_at from clients where client_id = $1";

/// The client with that id.
///
/// # Errors
/// [`StoreError::Damaged`], or the database's own.
pub async fn by_id(db: &Db, client_id: &str) -> Result<Option<ClientRow>, StoreError> {
    let cells: Option<Cells> =
        on!(db, pool => sqlx::query_as(BY_ID).bind(client_id).fetch_optional(pool).await)?;
    cells.map(|cells| row(db, cells)).transpose()
}

const LIST: &str = "select client_id, name, plan, created_at from clients";

/// Every client, by name.
///
/// # Errors
/// As [`by_id`].
pub async fn list(db: &Db) -> Result<Vec<ClientRow>, StoreError> {
    let rows: Vec<Cells> = on!(db, pool => sqlx::query_as(LIST).fetch_all(pool).await)?;
    let mut clients: Vec<ClientRow> =
        rows.into_iter().map(|cells| row(db, cells)).collect::<Result<_, _>>()?;
    clients.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(clients)
}

fn row(db: &Db, (client_id, name, plan, created_at): Cells) -> Result<ClientRow, StoreError> {
    let at = Row { db, table: "clients", key: &client_id }.number("created_at", created_at)?;
    Ok(ClientRow { client_id, name, plan, created_at: UnixSeconds(at) })
}
