//! Table `verifications`: what came of holding each pool against its contracts last.

use std::collections::BTreeMap;

use accrual_rewards::id::PoolId;
use accrual_rewards::unit::{BlockNumber, UnixSeconds};

use crate::cell::{Row, bigint};
use crate::db::{on, within};
use crate::{Db, StoreError};

/// One pool's last verification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verification {
    /// The block that it stood at.
    pub block_number: BlockNumber,
    /// When it was made, by our own clock.
    pub verified_at: UnixSeconds,
    /// How many values were compared.
    pub compared: u64,
    /// How many of them differed.
    pub differences: u64,
    /// The first that did, as a sentence.
    pub first_difference: Option<String>,
}

const RECORD: &str = "
    insert into verifications (pool_id, block_number, verified_at, compared, differences, first_difference)
    values ($1, $2, $3, $4, $5, $6)
    on conflict (pool_id) do update set block_number = excluded.block_number, verified_at = excluded.verified_at,
        compared = excluded.compared, differences = excluded.differences,
        first_difference = excluded.first_difference";

/// Keeps what came of verifying `pool`, over what came of it before.
///
/// # Errors
/// [`StoreError::TooLarge`], or the database's own.
pub async fn record(db: &Db, pool: &PoolId, row: &Verification) -> Result<(), StoreError> {
    let number = bigint("block number", row.block_number.0)?;
    let verified_at = bigint("time", row.verified_at.0)?;
    let (compared, differences) = (bigint("values", row.compared)?, bigint("values", row.differences)?);
    let mut tx = db.begin().await?;
    within!(&mut tx, conn => sqlx::query(RECORD)
        .bind(pool.as_str()).bind(number).bind(verified_at).bind(compared).bind(differences)
        .bind(row.first_difference.as_deref())
        .execute(conn).await.map(|_| ()))?;
    tx.commit().await
}

const ALL: &str =
    "select pool_id, block_number, verified_at, compared, differences, first_difference from verifications";

/// What came of verifying each pool last; nothing of pools that never were.
///
/// # Errors
/// [`StoreError::Damaged`], or the database's own.
pub async fn all(db: &Db) -> Result<BTreeMap<PoolId, Verification>, StoreError> {
    type Cells = (String, i64, i64, i64, i64, Option<String>);
    let rows: Vec<Cells> = on!(db, conn => sqlx::query_as(ALL).fetch_all(conn).await)?;
    let row = |(pool, number, at, compared, differences, first_difference): Cells| {
        let row = Row { db, table: "verifications", key: &pool };
        let verification = Verification {
            block_number: BlockNumber(row.number("block_number", number)?),
            verified_at: UnixSeconds(row.number("verified_at", at)?),
            compared: row.number("compared", compared)?,
            differences: row.number("differences", differences)?,
            first_difference,
        };
        Ok((row.text("pool_id", &pool)?, verification))
    };
    rows.into_iter().map(row).collect()
}
