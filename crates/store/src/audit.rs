//! Table `audit`: what was done, in a chain of hashes; rows are only ever added.

use accrual_access::audit::{AuditRow, GENESIS};

use crate::cell::{Row, bigint, bound};
use crate::db::{Tx, on, within};
use crate::{Db, StoreError};

macro_rules! columns {
    () => {
        "seq, at, actor, action, client_id, key_id, before_json, after_json, reason, request_id, prev_hash, hash"
    };
}

/// Which entries are asked for: those that fit all that is named, and all where nothing is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Which<'a> {
    /// Whose keys, by the client's id.
    pub client_id: Option<&'a str>,
    /// Which key it was done to.
    pub key_id: Option<&'a str>,
    /// Who did it, as the audit names them.
    pub actor: Option<&'a str>,
}

const AFTER: &str = concat!(
    "select ",
    columns!(),
    " from audit where seq > $1 and ($2 = '' or client_id = $2) and ($3 = '' or key_id = $3)",
    " and ($4 = '' or actor = $4) order by seq limit $5"
);

/// The entries after `seq`, oldest first.
///
/// # Errors
/// [`StoreError::Damaged`], or the database's own.
pub async fn after(db: &Db, seq: u64, which: Which<'_>, limit: usize) -> Result<Vec<AuditRow>, StoreError> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let Which { client_id, key_id, actor } = which;
    let rows: Vec<Cells> = on!(db, pool => sqlx::query_as(AFTER)
        .bind(bound(seq))
        .bind(client_id.unwrap_or_default())
        .bind(key_id.unwrap_or_default())
        .bind(actor.unwrap_or_default())
        .bind(limit)
        .fetch_all(pool)
        .await)?;
    rows.into_iter().map(|cells| row(db, cells)).collect()
}

const HEAD: &str = "select seq, hash from audit order by seq desc limit 1";

/// The newest entry's place and hash; 0 and [`GENESIS`] before the first.
pub(crate) async fn head(tx: &mut Tx<'_>) -> Result<(u64, String), StoreError> {
    let found: Option<(i64, String)> = within!(tx, conn => sqlx::query_as(HEAD).fetch_optional(conn).await)?;
    match found {
        None => Ok((0, GENESIS.to_owned())),
        Some((seq, hash)) => Ok((Row { db: tx.db, table: "audit", key: seq }.number("seq", seq)?, hash)),
    }
}

const INSERT: &str = concat!(
    "insert into audit (",
    columns!(),
    ") values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"
);

/// The newest entry's place and hash; 0 and [`GENESIS`] before the first.
///
/// # Errors
/// [`StoreError::Damaged`], or the database's own.
pub async fn newest(db: &Db) -> Result<(u64, String), StoreError> {
    let found: Option<(i64, String)> = on!(db, pool => sqlx::query_as(HEAD).fetch_optional(pool).await)?;
    match found {
        None => Ok((0, GENESIS.to_owned())),
        Some((seq, hash)) => Ok((Row { db, table: "audit", key: seq }.number("seq", seq)?, hash)),
    }
}

/// Adds an entry, which is bound to the one before it.
pub(crate) async fn insert(tx: &mut Tx<'_>, row: &AuditRow) -> Result<(), StoreError> {
    let (seq, at) = (bigint("audit entry", row.seq)?, bigint("time", row.at)?);
    within!(tx, conn => sqlx::query(INSERT)
        .bind(seq)
        .bind(at)
        .bind(row.actor.as_str())
        .bind(row.action.as_str())
        .bind(row.client_id.as_deref())
        .bind(row.key_id.as_deref())
        .bind(row.before_json.as_str())
        .bind(row.after_json.as_str())
        .bind(row.reason.as_str())
        .bind(row.request_id.as_str())
        .bind(row.prev_hash.as_str())
        .bind(row.hash.as_str())
        .execute(conn).await.map(|_| ()))
}

#[derive(sqlx::FromRow)]
struct Cells {
    seq: i64,
    at: i64,
    actor: String,
    action: String,
    client_id: Option<String>,
    key_id: Option<String>,
    before_json: String,
    after_json: String,
    reason: String,
    request_id: String,
    prev_hash: String,
    hash: String,
}

fn row(db: &Db, cells: Cells) -> Result<AuditRow, StoreError> {
    let row = Row { db, table: "audit", key: cells.seq };
    Ok(AuditRow {
        seq: row.number("seq", cells.seq)?,
        at: row.number("at", cells.at)?,
        actor: cells.actor,
        action: cells.action,
        client_id: cells.client_id,
        key_id: cells.key_id,
        before_json: cells.before_json,
        after_json: cells.after_json,
        reason: cells.reason,
        request_id: cells.request_id,
        prev_hash: cells.prev_hash,
        hash: cells.hash,
    })
}
