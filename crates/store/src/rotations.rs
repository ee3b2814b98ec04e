//! Table `rotations`: exchanges of an old key for a new one, open and over.

use accrual_access::key::KeyEnv;
use accrual_access::rotation::Rotation;
use accrual_rewards::unit::UnixSeconds;

use crate::cell::{Row, bigint};
use crate::db::{Tx, on, within};
use crate::{Db, StoreError};

macro_rules! columns {
    () => {
        "rotation_id, client_id, env, old_key_id, new_key_id, kind, stage, created_at, started_at, ends_at, closed_at,
        auto_finish, quiet_seconds, is_drained, noticed_percent, epoch"
    };
}

const BY_ID: &str = concat!("select ", columns!(), " from rotations where rotation_id = $1");

/// The rotation of that name.
///
/// # Errors
/// [`StoreError::Damaged`], or the database's own.
pub async fn by_id(db: &Db, id: &str) -> Result<Option<Rotation>, StoreError> {
    let cells: Option<Cells> = on!(db, pool => sqlx::query_as(BY_ID).bind(id).fetch_optional(pool).await)?;
    cells.map(|cells| row(db, cells)).transpose()
}

const OF_KEY: &str = concat!(
    "select ",
    columns!(),
    " from rotations where old_key_id = $1 or new_key_id = $1 order by created_at desc, epoch desc limit 1"
);

/// The newest rotation that the key is part of, open or over.
///
/// # Errors
/// As [`by_id`].
pub async fn of_key(db: &Db, key_id: &str) -> Result<Option<Rotation>, StoreError> {
    let cells: Option<Cells> =
        on!(db, pool => sqlx::query_as(OF_KEY).bind(key_id).fetch_optional(pool).await)?;
    cells.map(|cells| row(db, cells)).transpose()
}

const OPEN: &str = concat!(
    "select ",
    columns!(),
    " from rotations where client_id = $1 and stage in ('staged', 'overlap') order by created_at, rotation_id"
);

/// A client's open rotations.
///
/// # Errors
/// As [`by_id`].
pub async fn open(db: &Db, client_id: &str) -> Result<Vec<Rotation>, StoreError> {
    let rows: Vec<Cells> = on!(db, pool => sqlx::query_as(OPEN).bind(client_id).fetch_all(pool).await)?;
    rows.into_iter().map(|cells| row(db, cells)).collect()
}

pub(crate) async fn open_in(tx: &mut Tx<'_>, client_id: &str) -> Result<Vec<Rotation>, StoreError> {
    let rows: Vec<Cells> = within!(tx, conn => sqlx::query_as(OPEN).bind(client_id).fetch_all(conn).await)?;
    rows.into_iter().map(|cells| row(tx.db, cells)).collect()
}

const WRITE: &str = concat!(
    "insert into rotations (",
    columns!(),
    ") values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
    on conflict (rotation_id) do update set stage = excluded.stage, kind = excluded.kind,
        started_at = excluded.started_at, ends_at = excluded.ends_at, closed_at = excluded.closed_at,
        is_drained = excluded.is_drained, noticed_percent = excluded.noticed_percent, epoch = excluded.epoch"
);

/// Writes the rotation as it shall be.
pub(crate) async fn write(tx: &mut Tx<'_>, rotation: &Rotation, epoch: u64) -> Result<(), StoreError> {
    let time = |at: UnixSeconds| bigint("time", at.0);
    let created_at = time(rotation.created_at)?;
    let started_at = rotation.started_at.map(time).transpose()?;
    let ends_at = rotation.ends_at.map(time).transpose()?;
    let closed_at = rotation.closed_at.map(time).transpose()?;
    let (quiet_seconds, epoch) = (bigint("quiet seconds", rotation.quiet_seconds)?, bigint("epoch", epoch)?);
    within!(tx, conn => sqlx::query(WRITE)
        .bind(rotation.id.as_str())
        .bind(rotation.client_id.as_str())
        .bind(rotation.env.as_str())
        .bind(rotation.old.as_str())
        .bind(rotation.new.as_str())
        .bind(rotation.kind.as_str())
        .bind(rotation.stage.as_str())
        .bind(created_at)
        .bind(started_at)
        .bind(ends_at)
        .bind(closed_at)
        .bind(rotation.auto_finish)
        .bind(quiet_seconds)
        .bind(rotation.is_drained)
        .bind(i64::from(rotation.noticed_percent))
        .bind(epoch)
        .execute(conn).await.map(|_| ()))
}

#[derive(sqlx::FromRow)]
struct Cells {
    rotation_id: String,
    client_id: String,
    env: String,
    old_key_id: String,
    new_key_id: String,
    kind: String,
    stage: String,
    created_at: i64,
    started_at: Option<i64>,
    ends_at: Option<i64>,
    closed_at: Option<i64>,
    auto_finish: bool,
    quiet_seconds: i64,
    is_drained: bool,
    noticed_percent: i64,
    epoch: i64,
}

fn row(db: &Db, cells: Cells) -> Result<Rotation, StoreError> {
    let row = Row { db, table: "rotations", key: &cells.rotation_id };
    let time = |column, cell| row.number(column, cell).map(UnixSeconds);
    let maybe = |column, cell: Option<i64>| cell.map(|cell| time(column, cell)).transpose();
    let percent = row.number("noticed_percent", cells.noticed_percent)?;
    Ok(Rotation {
        env: row.text::<KeyEnv>("env", &cells.env)?,
        old: row.text("old_key_id", &cells.old_key_id)?,
        new: row.text("new_key_id", &cells.new_key_id)?,
        kind: row.text("kind", &cells.kind)?,
        stage: row.text("stage", &cells.stage)?,
        created_at: time("created_at", cells.created_at)?,
        started_at: maybe("started_at", cells.started_at)?,
        ends_at: maybe("ends_at", cells.ends_at)?,
        closed_at: maybe("closed_at", cells.closed_at)?,
        auto_finish: cells.auto_finish,
        quiet_seconds: row.number("quiet_seconds", cells.quiet_seconds)?,
        is_drained: cells.is_drained,
        noticed_percent: u8::try_from(percent).unwrap_or(u8::MAX),
        epoch: row.number("epoch", cells.epoch)?,
        id: cells.rotation_id,
        client_id: cells.client_id,
    })
}
