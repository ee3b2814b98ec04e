//! Hourly rows: written with their batch, taken back with it, made again alike.

use accrual_rewards::id::CampaignId;
use accrual_rewards::unit::{Amount, BlockNumber, UnixSeconds};
use accrual_store::series::{self, AccountPointRow, CampaignPointRow, Hours, PoolPointRow, SeriesRows};
use accrual_store::{BlockRef, Db, Extension, PoolExtension, StoreError, accounts, commit};
use accrual_tests::db::on_each_engine;
use alloy::primitives::{Address, U256};

use super::samples::{CHAIN, header, pool, register};

const ALL: Hours = Hours { from: UnixSeconds(0), to: UnixSeconds(u64::MAX) };

fn campaign() -> CampaignId {
    "c".parse().unwrap()
}

fn account(byte: u8) -> Address {
    Address::repeat_byte(byte)
}

fn rows(hours: &[u64]) -> SeriesRows {
    let at = |hour: &u64| UnixSeconds(hour * 3_600);
    let pools = hours.iter().map(|hour| PoolPointRow {
        at: at(hour),
        block_number: BlockNumber(*hour),
        body: format!("{{\"p\":{hour}}}"),
    });
    let campaigns = hours.iter().map(|hour| CampaignPointRow {
        campaign: campaign(),
        at: at(hour),
        body: format!("{{\"c\":{hour}}}"),
    });
    // The second account changes every other hour only.
    let changed = hours
        .iter()
        .flat_map(|hour| [(1, *hour), (2, hour / 2 * 2)])
        .filter(|(_, hour)| hours.contains(hour));
    let mut accounts: Vec<_> = changed
        .map(|(byte, hour)| AccountPointRow {
            campaign: campaign(),
            account: account(byte),
            at: at(&hour),
            earned: Amount(U256::from(hour)),
            has_stake: byte == 1,
        })
        .collect();
    accounts.sort_by_key(|row| (row.account, row.at));
    accounts.dedup();
    SeriesRows { pools: pools.collect(), campaigns: campaigns.collect(), accounts }
}

/// A batch of pool `a` to block `through`, two seconds a block, with these hours.
async fn extend(db: &Db, after: Option<u64>, through: u64, rows: &SeriesRows) -> Result<(), StoreError> {
    let after = after.map(|number| BlockRef { number: BlockNumber(number), hash: header(number).hash });
    let id = pool("a");
    let series = Some(("f1", rows));
    let part = PoolExtension { pool: &id, after, events: &[], snapshots: &[], series };
    let batch = Extension { chain_id: CHAIN, through: header(through), headers: &[], pools: &[part] };
    commit::extend(db, &batch).await
}

#[tokio::test]
async fn hours_come_out_as_they_went_in() {
    on_each_engine(async |fresh| {
        let db = &fresh.db;
        register(db, &["a"]).await;
        assert_eq!(series::get(db, &pool("a")).await.unwrap(), None);
        let stored = rows(&[1, 2, 3, 4, 24, 25]);
        extend(db, None, 50_000, &stored).await.unwrap();
        let told = series::get(db, &pool("a")).await.unwrap().unwrap();
        assert_eq!((told.fingerprint.as_str(), told.at), ("f1", Some(UnixSeconds(25 * 3_600))));
        assert_eq!(series::pool_points(db, &pool("a"), ALL, 3_600, 100).await.unwrap(), stored.pools);
        assert_eq!(series::pool_points(db, &pool("a"), ALL, 3_600, 2).await.unwrap(), stored.pools[..2]);
        assert_eq!(series::pool_points(db, &pool("a"), ALL, 86_400, 9).await.unwrap(), stored.pools[4..5]);
        let some = Hours { from: UnixSeconds(2 * 3_600), to: UnixSeconds(3 * 3_600) };
        assert_eq!(
            series::campaign_points(db, &campaign(), some, 1, 9).await.unwrap(),
            stored.campaigns[1..3]
        );
        assert_eq!(series::campaign_points(db, &"d".parse().unwrap(), ALL, 1, 9).await.unwrap(), []);
        let of = |byte| stored.accounts.iter().filter(move |row| row.account == account(byte)).cloned();
        for byte in [1, 2, 3] {
            let told = series::account_points(db, &campaign(), account(byte), ALL).await.unwrap();
            assert_eq!(told, of(byte).collect::<Vec<_>>(), "{byte}");
            let before = series::account_before(db, &campaign(), account(byte), UnixSeconds(4 * 3_600)).await;
            assert_eq!(before.unwrap(), of(byte).rfind(|row| row.at < UnixSeconds(4 * 3_600)), "{byte}");
        }
        let at = series::accounts_at(db, &campaign(), UnixSeconds(3 * 3_600)).await.unwrap();
        let earned: Vec<_> = at.values().map(|row| row.earned.to_string()).collect();
        assert_eq!(earned, ["3", "2"]);
    })
    .await;
}

#[tokio::test]
async fn a_rewind_takes_hours_back_and_they_come_again() {
    on_each_engine(async |fresh| {
        let db = &fresh.db;
        register(db, &["a"]).await;
        // Block 5400 has the time of hour 3, so the hour is not told before a later block.
        extend(db, None, 5_400, &rows(&[1, 2])).await.unwrap();
        let at_fork = fresh.dump().await;
        extend(db, Some(5_400), 9_000, &rows(&[3, 4])).await.unwrap();
        commit::rewind(db, CHAIN, &[pool("a")], &header(5_400)).await.unwrap();
        for ((name, before), (_, after)) in at_fork.iter().zip(fresh.dump().await) {
            assert!(*name == "checkpoints" || *before == after, "{name}: {before:?} became {after:?}");
        }
        extend(db, Some(5_400), 9_000, &rows(&[3, 4])).await.unwrap();
        let told = series::pool_points(db, &pool("a"), ALL, 1, 9).await.unwrap();
        assert_eq!(told, rows(&[1, 2, 3, 4]).pools);
        series::delete_all(db, &pool("a")).await.unwrap();
        assert_eq!(series::get(db, &pool("a")).await.unwrap(), None);
        assert_eq!(series::accounts_at(db, &campaign(), ALL.to).await.unwrap().len(), 0);
    })
    .await;
}

#[tokio::test]
async fn a_batch_that_fails_keeps_no_hour() {
    on_each_engine(async |fresh| {
        register(&fresh.db, &["a"]).await;
        extend(&fresh.db, None, 2_000, &rows(&[1])).await.unwrap();
        let before = fresh.dump().await;
        let error = extend(&fresh.db, Some(1_999), 5_000, &rows(&[2])).await.unwrap_err();
        assert!(matches!(error, StoreError::CheckpointMoved { .. }), "{error}");
        assert_eq!(fresh.dump().await, before);
    })
    .await;
}

#[tokio::test]
async fn which_accounts_are_contracts() {
    on_each_engine(async |fresh| {
        for (byte, has_code) in [(1, true), (2, false), (1, false)] {
            accounts::learn(&fresh.db, CHAIN, account(byte), has_code).await.unwrap();
        }
        let known = accounts::all(&fresh.db, CHAIN).await.unwrap();
        assert_eq!(known.into_iter().collect::<Vec<_>>(), [(account(1), false), (account(2), false)]);
        assert!(accounts::all(&fresh.db, CHAIN + 1).await.unwrap().is_empty());
    })
    .await;
}
