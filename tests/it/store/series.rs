//! Hourly rows: written with their batch, taken back with it, made again alike.

use accrual_rewards::id::CampaignId;
use accrual_rewards::unit::{Amount, BlockNumber, UnixSeconds};
use accrual_store::series::{self, AccountPointRow, CampaignPointRow, Hours, PoolPointRow, SeriesRows};
use accrual_store::{BlockRef, Db, Extension, PoolExtension, StoreError, account_days, accounts, commit};
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
    let part = PoolExtension { pool: &id, after, packs: &[], snapshots: &[], series };
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
            let told = account_days::between(db, &campaign(), account(byte), ALL).await.unwrap();
            assert_eq!(told, of(byte).collect::<Vec<_>>(), "{byte}");
            let before = account_days::before(db, &campaign(), account(byte), UnixSeconds(4 * 3_600)).await;
            assert_eq!(before.unwrap(), of(byte).rfind(|row| row.at < UnixSeconds(4 * 3_600)), "{byte}");
        }
        let at = account_days::all_at(db, &campaign(), UnixSeconds(3 * 3_600)).await.unwrap();
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
        assert_eq!(account_days::all_at(db, &campaign(), ALL.to).await.unwrap().len(), 0);
    })
    .await;
}

/// Days hold hours after one midnight up to the next: what is asked for lies before, in and after them, on either side.
#[tokio::test]
async fn every_question_about_accounts_is_answered_from_their_days() {
    on_each_engine(async |fresh| {
        let db = &fresh.db;
        register(db, &["a"]).await;
        // In batches that begin and end within days.
        let batches: [&[u64]; 4] = [&[1, 5, 23], &[24], &[25, 47, 48], &[49, 71, 73, 96]];
        let (mut after, mut all) = (None, Vec::new());
        for hours in batches {
            let through = hours[hours.len() - 1] * 1_800 + 1;
            let rows = rows(hours);
            extend(db, after, through, &rows).await.unwrap();
            after = Some(through);
            all.extend(rows.accounts);
        }
        check_accounts(db, &all).await;
        for back_to in [85, 72, 48, 47, 25, 24, 23, 2, 1] {
            let at = UnixSeconds(back_to * 3_600);
            commit::rewind(db, CHAIN, &[pool("a")], &header(at.0 / 2)).await.unwrap();
            all.retain(|row| row.at < at);
            check_accounts(db, &all).await;
        }
    })
    .await;
}

async fn check_accounts(db: &Db, all: &[AccountPointRow]) {
    let of = |byte: u8| all.iter().filter(move |row| row.account == account(byte));
    for at in (0..100).map(|hour| UnixSeconds(hour * 3_600)) {
        let mut known = Vec::new();
        for byte in [1, 2] {
            let told = account_days::before(db, &campaign(), account(byte), at).await.unwrap();
            let expected = of(byte).filter(|row| row.at < at).max_by_key(|row| row.at);
            assert_eq!(told.as_ref(), expected, "{byte} before {at}");
            let hours = Hours { from: at, to: UnixSeconds(at.0 + 30 * 3_600) };
            let told = account_days::between(db, &campaign(), account(byte), hours).await.unwrap();
            let mut expected: Vec<_> =
                of(byte).filter(|row| hours.from <= row.at && row.at <= hours.to).cloned().collect();
            expected.sort_by_key(|row| row.at);
            assert_eq!(told, expected, "{byte} from {at}");
            known.extend(of(byte).filter(|row| row.at <= at).max_by_key(|row| row.at).cloned());
        }
        let told = account_days::all_at(db, &campaign(), at).await.unwrap();
        assert_eq!(told.into_values().collect::<Vec<_>>(), known, "at {at}");
    }
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
