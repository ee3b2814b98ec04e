//! Table `accounts`: which earners are contracts. One that is no wrapper we know may hold for others.

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::Address;

use crate::cell::{Row, bigint, bound};
use crate::db::{on, within};
use crate::{Db, StoreError};

const ALL: &str = "select address, has_code from accounts where chain_id = $1";

/// What is known: whether there is code, by address.
///
/// # Errors
/// [`StoreError::Damaged`], or the database's own.
pub async fn all(db: &Db, chain_id: u64) -> Result<BTreeMap<Address, bool>, StoreError> {
    let rows: Vec<(String, bool)> =
        on!(db, conn => sqlx::query_as(ALL).bind(bound(chain_id)).fetch_all(conn).await)?;
    let known = |(address, has_code): (String, bool)| {
        let row = Row { db, table: "accounts", key: &address };
        Ok((row.text("address", &address)?, has_code))
    };
    rows.into_iter().map(known).collect()
}

const CONTRACTS: &str = "select address from accounts where chain_id = $1 and has_code";

/// The addresses that are known to have code.
///
/// # Errors
/// [`StoreError::Damaged`], or the database's own.
pub async fn contracts(db: &Db, chain_id: u64) -> Result<BTreeSet<Address>, StoreError> {
    let rows: Vec<(String,)> =
        on!(db, conn => sqlx::query_as(CONTRACTS).bind(bound(chain_id)).fetch_all(conn).await)?;
    let address =
        |(address,): (String,)| Row { db, table: "accounts", key: &address }.text("address", &address);
    rows.into_iter().map(address).collect()
}

const LEARN: &str = "
    insert into accounts (chain_id, address, has_code) values ($1, $2, $3)
    on conflict (chain_id, address) do update set has_code = excluded.has_code";

/// Keeps what the chain says of an address.
///
/// # Errors
/// The database's own.
pub async fn learn(db: &Db, chain_id: u64, address: Address, has_code: bool) -> Result<(), StoreError> {
    let chain_id = bigint("chain id", chain_id)?;
    let mut tx = db.begin().await?;
    within!(&mut tx, conn => sqlx::query(LEARN)
        .bind(chain_id).bind(format!("{address:#x}")).bind(has_code).execute(conn).await.map(|_| ()))?;
    tx.commit().await
}
