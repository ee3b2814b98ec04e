//! Tables `sign_in_nonces` and `sign_in_wallets`: what keeps a wallet's signature from being used twice, and two
//! requests of one wallet from making two keys. Times are Unix seconds.

use accrual_rewards::unit::UnixSeconds;

use crate::cell::{bigint, bound};
use crate::db::within;
use crate::{Db, StoreError};

const ISSUE: &str = "insert into sign_in_nonces (nonce, issued_at) values ($1, $2)";

/// Keeps a nonce that somebody was given.
///
/// # Errors
/// [`StoreError::Query`] when it was given before, which chance does not do; or the database's own.
pub async fn issue(db: &Db, nonce: &str, at: UnixSeconds) -> Result<(), StoreError> {
    let at = bigint("time", at.0)?;
    let mut tx = db.begin().await?;
    within!(&mut tx, conn => sqlx::query(ISSUE).bind(nonce).bind(at).execute(conn).await.map(|_| ()))?;
    tx.commit().await
}

const USE_ONCE: &str = "
    update sign_in_nonces set used_at = $2 where nonce = $1 and used_at is null and issued_at > $3";

/// Uses up a nonce that was issued after `issued_after`; whether it was there and unused. Of several who ask at once,
/// on any replica, one is told yes: the row itself decides.
///
/// # Errors
/// The database's own.
pub async fn use_once(
    db: &Db,
    nonce: &str,
    now: UnixSeconds,
    issued_after: UnixSeconds,
) -> Result<bool, StoreError> {
    let mut tx = db.begin().await?;
    let used = within!(&mut tx, conn => sqlx::query(USE_ONCE)
        .bind(nonce).bind(bound(now.0)).bind(bound(issued_after.0))
        .execute(conn).await.map(|done| done.rows_affected()))?;
    tx.commit().await?;
    Ok(used == 1)
}

const PRUNE: &str = "delete from sign_in_nonces where issued_at <= $1";

/// Forgets nonces that were issued at or before `issued_by` and are good for nothing more; how many.
///
/// # Errors
/// The database's own.
pub async fn prune(db: &Db, issued_by: UnixSeconds) -> Result<u64, StoreError> {
    let mut tx = db.begin().await?;
    let gone = within!(&mut tx, conn => sqlx::query(PRUNE)
        .bind(bound(issued_by.0)).execute(conn).await.map(|done| done.rows_affected()))?;
    tx.commit().await?;
    Ok(gone)
}

const CLAIM: &str = "
    insert into sign_in_wallets (wallet, busy_until) values ($1, $3)
    on conflict (wallet) do update set busy_until = excluded.busy_until where sign_in_wallets.busy_until <= $2";

/// Claims `wallet` until `until`, unless somebody else has it at `now`; whether it is ours. A claim whose holder was
/// killed ends by itself.
///
/// # Errors
/// The database's own.
pub async fn claim(db: &Db, wallet: &str, now: UnixSeconds, until: UnixSeconds) -> Result<bool, StoreError> {
    let until = bigint("time", until.0)?;
    let mut tx = db.begin().await?;
    let claimed = within!(&mut tx, conn => sqlx::query(CLAIM)
        .bind(wallet).bind(bound(now.0)).bind(until)
        .execute(conn).await.map(|done| done.rows_affected()))?;
    tx.commit().await?;
    Ok(claimed == 1)
}

const RELEASE: &str = "delete from sign_in_wallets where wallet = $1 and busy_until = $2";

/// Gives back a claim that was made until `until`; one that has passed to somebody else stays theirs.
///
/// # Errors
/// The database's own.
pub async fn release(db: &Db, wallet: &str, until: UnixSeconds) -> Result<(), StoreError> {
    let mut tx = db.begin().await?;
    within!(&mut tx, conn => sqlx::query(RELEASE)
        .bind(wallet).bind(bound(until.0)).execute(conn).await.map(|_| ()))?;
    tx.commit().await
}
