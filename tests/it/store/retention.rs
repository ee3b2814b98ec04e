//! What is old goes, and every sum stays.

use std::collections::BTreeMap;

use accrual_rehearsal::Rng;
use accrual_rewards::id::CampaignId;
use accrual_rewards::unit::{Amount, BlockNumber, UnixSeconds};
use accrual_store::replicas::Beat;
use accrual_store::series::{self, AccountPointRow, CampaignPointRow, Hours, PoolPointRow, SeriesRows};
use accrual_store::usage::{self, Batch, HourRow};
use accrual_store::{account_days, dump, replicas, retention, snapshots};
use accrual_tests::db::{Fresh, on_each_engine};

use alloy::primitives::{Address, U256};

use super::samples::{extend, header, pool, register, snapshot};

const DAY: u64 = 86_400;

fn hour(key: &str, at: u64, status: u64, calls: u64) -> HourRow {
    HourRow {
        key_id: key.to_owned(),
        client_id: "ann".to_owned(),
        at: UnixSeconds(at),
        endpoint: "/v1/pools".to_owned(),
        status,
        calls,
        counted: calls / 2,
    }
}

/// Calls and counted calls by key, status and day.
async fn sums(fresh: &Fresh) -> BTreeMap<(String, String, u64), (u64, u64)> {
    let mut sums = BTreeMap::new();
    for row in dump::table(&fresh.db, "usage_hours").await.unwrap() {
        let number = |column: usize| row[column].parse::<u64>().unwrap();
        let (at, calls, counted) = (number(1), number(5), number(6));
        let sum: &mut (u64, u64) = sums.entry((row[0].clone(), row[3].clone(), at / DAY)).or_default();
        *sum = (sum.0 + calls, sum.1 + counted);
    }
    sums
}

#[tokio::test]
async fn hours_of_calls_become_days_with_the_same_sums() {
    on_each_engine(async |fresh| {
        let db = &fresh.db;
        let beat = Beat { replica_id: "server", epoch: 0, peppers: &[1], now_ms: 1_000 };
        replicas::beat(db, &beat, 0).await.unwrap();
        let mut hours = Vec::new();
        for key in ["k1", "k2"] {
            for at in (100 * DAY..104 * DAY).step_by(3_600) {
                hours.extend(
                    [(200, at % 7), (429, 1)].map(|(status, calls)| hour(key, at, status, calls + 1)),
                );
            }
        }
        hours.sort_by(|a, b| (&a.key_id, a.at, a.status).cmp(&(&b.key_id, b.at, b.status)));
        let batch = Batch { hours, ..Batch::default() };
        assert!(usage::add(db, "server", 1, &batch).await.unwrap());
        let before = sums(fresh).await;
        // In the middle of the third day: two whole days become one row each, by key and status.
        let moved = retention::roll_up_usage(db, UnixSeconds(102 * DAY + 40_000)).await.unwrap();
        assert_eq!(moved, 2 * 2 * 2 * 23, "all but each day's first hour");
        assert_eq!(sums(fresh).await, before);
        let rows = dump::table(db, "usage_hours").await.unwrap();
        assert_eq!(rows.len(), 2 * 2 * (2 + 2 * 24));
        // Again is nothing, and what a server adds late to an old hour is taken up with the rest.
        assert_eq!(retention::roll_up_usage(db, UnixSeconds(102 * DAY)).await.unwrap(), 0);
        let late = Batch { hours: vec![hour("k1", 100 * DAY + 7_200, 200, 9)], ..Batch::default() };
        assert!(usage::add(db, "server", 2, &late).await.unwrap());
        let before = sums(fresh).await;
        assert_eq!(retention::roll_up_usage(db, UnixSeconds(102 * DAY)).await.unwrap(), 1);
        assert_eq!(sums(fresh).await, before);
    })
    .await;
}

/// Whatever is asked of the end of a day, or of the campaign's hour, is answered as before, for every account.
#[tokio::test]
async fn hours_of_accounts_become_days_and_the_ends_of_days_stay() {
    const HOUR: u64 = 3_600;
    on_each_engine(async |fresh| {
        let db = &fresh.db;
        register(db, &["a"]).await;
        let campaign: CampaignId = "c".parse().unwrap();
        let (begins, ends, before) = (100 * DAY, 110 * DAY, 107 * DAY + 5_000);
        let ends_at = UnixSeconds(109 * DAY + 17 * HOUR - 100);
        let accounts: Vec<Address> = (1..=8).map(Address::repeat_byte).collect();
        let mut rng = Rng::new(5);
        let mut rows = SeriesRows::default();
        for account in &accounts {
            // From one that changes at every hour to one that changes once in days.
            let often = rng.between(1, 40);
            let mut earned = 0;
            for at in (begins..ends).step_by(3_600) {
                if rng.between(1, 40) < often {
                    continue;
                }
                earned += rng.between(1, 1_000);
                rows.accounts.push(AccountPointRow {
                    campaign: campaign.clone(),
                    account: *account,
                    at: UnixSeconds(at),
                    earned: Amount(U256::from(earned)),
                    has_stake: rng.between(0, 1) == 1,
                });
            }
        }
        series::put(db, &pool("a"), &rows, Some("f")).await.unwrap();
        let told = async || {
            let mut told = Vec::new();
            for at in (begins..=ends + DAY).step_by(3_600) {
                let is_kept = at >= before / DAY * DAY || at % DAY == 0 || at % DAY == 17 * HOUR;
                if is_kept {
                    told.push((at, account_days::all_at(db, &campaign, UnixSeconds(at)).await.unwrap()));
                }
            }
            told
        };
        let (full, all) = (told().await, rows.accounts.len());
        assert_eq!(retention::accounts_by_day_before(db, &campaign).await.unwrap(), None);
        let gone = retention::roll_up_accounts(db, &campaign, ends_at, UnixSeconds(before)).await.unwrap();
        let left = dump::table(db, "account_points").await.unwrap().len();
        assert_eq!(left + usize::try_from(gone).unwrap(), all);
        assert!(gone > 300, "most hours of seven days went: {gone} of {all}");
        assert!(told().await == full, "an answer changed");
        let by_day = retention::accounts_by_day_before(db, &campaign).await.unwrap();
        assert_eq!(by_day, Some(UnixSeconds(107 * DAY)));
        let again =
            retention::roll_up_accounts(db, &campaign, ends_at, UnixSeconds(106 * DAY)).await.unwrap();
        assert_eq!(again, 0);
        assert_eq!(retention::accounts_by_day_before(db, &campaign).await.unwrap(), by_day, "never back");
    })
    .await;
}

/// Each midnight's row stays as it was, which is all that is asked of days; nothing goes of the last days or of other pools.
#[tokio::test]
async fn hours_of_pools_become_days_and_every_midnight_stays() {
    const ALL: Hours = Hours { from: UnixSeconds(0), to: UnixSeconds(u64::MAX) };
    on_each_engine(async |fresh| {
        let db = &fresh.db;
        register(db, &["a", "b"]).await;
        assert_eq!(retention::roll_up_pool(db, &pool("a"), 7).await.unwrap(), 0, "nothing is stored");
        for (id, campaign) in [("a", "c"), ("b", "d")] {
            let hours =
                (100 * 24 + 2..=110 * 24 + 7).map(|hour| (UnixSeconds(hour * 3_600), hour.to_string()));
            let pools = hours.clone().map(|(at, body)| {
                let block_number = BlockNumber(at.0 / 2);
                PoolPointRow { at, block_number, body }
            });
            let campaign: CampaignId = campaign.parse().unwrap();
            let of = |(at, body)| CampaignPointRow { campaign: campaign.clone(), at, body };
            let campaigns = hours.map(of).collect();
            let rows = SeriesRows { pools: pools.collect(), campaigns, accounts: Vec::new() };
            series::put(db, &pool(id), &rows, Some("f")).await.unwrap();
        }
        let told = async |id: &str, campaign: &str, step: u64| {
            let pools = series::pool_points(db, &pool(id), ALL, step, 999).await.unwrap();
            let campaign = campaign.parse().unwrap();
            (pools, series::campaign_points(db, &campaign, ALL, step, 999).await.unwrap())
        };
        let (days, hours, others) =
            (told("a", "c", DAY).await, told("a", "c", 3_600).await, told("b", "d", 3_600).await);
        let newest = series::get(db, &pool("a")).await.unwrap();
        assert_eq!(retention::pool_by_day_before(db, &pool("a")).await.unwrap(), None);

        let gone = retention::roll_up_pool(db, &pool("a"), 7).await.unwrap();
        println!("{gone} of {} rows went", hours.0.len() + hours.1.len());
        assert_eq!(gone, 2 * (22 + 23 + 23), "all but the midnights before day 103");
        assert_eq!(told("a", "c", DAY).await, days);
        let by_day = UnixSeconds(103 * DAY);
        let is_kept = |at: UnixSeconds| at >= by_day || at.0.is_multiple_of(DAY);
        let (mut pools, mut campaigns) = hours;
        pools.retain(|row| is_kept(row.at));
        campaigns.retain(|row| is_kept(row.at));
        assert_eq!(told("a", "c", 3_600).await, (pools, campaigns));
        assert_eq!(told("b", "d", 3_600).await, others);
        assert_eq!(series::get(db, &pool("a")).await.unwrap(), newest);
        assert_eq!(retention::pool_by_day_before(db, &pool("a")).await.unwrap(), Some(by_day));
        assert_eq!(retention::pool_by_day_before(db, &pool("b")).await.unwrap(), None);

        assert_eq!(retention::roll_up_pool(db, &pool("a"), 7).await.unwrap(), 0, "again is nothing");
        assert_eq!(retention::roll_up_pool(db, &pool("a"), 9).await.unwrap(), 0);
        assert_eq!(retention::pool_by_day_before(db, &pool("a")).await.unwrap(), Some(by_day), "never back");
    })
    .await;
}

#[tokio::test]
async fn the_newest_snapshots_stay() {
    on_each_engine(async |fresh| {
        let db = &fresh.db;
        register(db, &["a", "b"]).await;
        for id in ["a", "b"] {
            let mut after = None;
            for number in [110, 120, 130, 140] {
                extend(db, id, after, header(number), &[]).await.unwrap();
                after = Some(header(number).block());
            }
        }
        assert_eq!(retention::thin_snapshots(db, &pool("a"), 3).await.unwrap(), 1);
        assert_eq!(retention::thin_snapshots(db, &pool("a"), 3).await.unwrap(), 0);
        let newest = snapshots::newest(db, &pool("a"), "f1", BlockNumber(125)).await.unwrap();
        assert_eq!(newest, Some(snapshot(120, b"a")));
        assert_eq!(snapshots::newest(db, &pool("a"), "f1", BlockNumber(115)).await.unwrap(), None);
        assert!(snapshots::newest(db, &pool("b"), "f1", BlockNumber(115)).await.unwrap().is_some());
    })
    .await;
}
