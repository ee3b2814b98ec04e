//! Table `idempotency`: which change a request has made, so that the same request again makes no other.

use accrual_rewards::unit::UnixSeconds;

use crate::Db;
use crate::StoreError;
use crate::access::Repeat;
use crate::cell::{bigint, bound};
use crate::db::{Tx, on, within};

const GET: &str = "select request_hash, body from idempotency where actor = $1 and idempotency_key = $2";

/// The hash of the request of that name, and the id of what it made.
pub(crate) async fn get(
    tx: &mut Tx<'_>,
    actor: &str,
    key: &str,
) -> Result<Option<(String, String)>, StoreError> {
    within!(tx, conn => sqlx::query_as(GET).bind(actor).bind(key).fetch_optional(conn).await)
}

const INSERT: &str = "
    insert into idempotency (actor, idempotency_key, request_hash, created_at, body) values ($1, $2, $3, $4, $5)";

/// Notes what a request has made.
pub(crate) async fn insert(
    tx: &mut Tx<'_>,
    actor: &str,
    repeat: &Repeat<'_>,
    made: &str,
    at: UnixSeconds,
) -> Result<(), StoreError> {
    let at = bigint("time", at.0)?;
    within!(tx, conn => sqlx::query(INSERT)
        .bind(actor).bind(repeat.key).bind(repeat.request_hash).bind(at).bind(made)
        .execute(conn).await.map(|_| ()))
}

const FORGET: &str = "delete from idempotency where created_at < $1";

/// Forgets requests from before `at`: nobody repeats them any more.
///
/// # Errors
/// The database's own.
pub async fn forget(db: &Db, at: UnixSeconds) -> Result<(), StoreError> {
    let mut tx = db.begin().await?;
    within!(&mut tx, conn => sqlx::query(FORGET).bind(bound(at.0)).execute(conn).await.map(|_| ()))?;
    tx.commit().await
}

const COUNT: &str = "select count(*) from idempotency where created_at < $1";

/// Whether there is anything to forget.
///
/// # Errors
/// The database's own.
pub async fn has_older(db: &Db, at: UnixSeconds) -> Result<bool, StoreError> {
    let (count,): (i64,) = on!(db, pool => sqlx::query_as(COUNT).bind(bound(at.0)).fetch_one(pool).await)?;
    Ok(count > 0)
}
