//! Rows by the hour: which are due, what they say, and what lies between two.

use accrual_rewards::campaign::{Campaign, Scoring};
use accrual_rewards::ledger::Totals;
use accrual_rewards::price::{Quotes, Source, Sources, usd};
use accrual_rewards::series::{Hours, Points, PoolPoint, boundaries, daily, points};
use accrual_rewards::tracker::PoolTracker;
use accrual_rewards::unit::{Amount, UnixSeconds};

use crate::small::{self, ALICE, BOB, CAROL, ONE, Small, TOKEN0, TOKEN1, campaign, range, units};

#[test]
fn hours_that_are_due() {
    let cases: [(&str, Option<u64>, u64, &[u64]); 9] = [
        ("before the first event", None, 10_000, &[]),
        ("within an hour", Some(3601), 7199, &[]),
        ("up to the hour itself, which may get more logs", Some(3601), 7200, &[]),
        ("past it", Some(3601), 7201, &[7200]),
        ("from the hour itself on", Some(7200), 7201, &[7200]),
        ("the same block", Some(7200), 7200, &[]),
        ("over several", Some(3599), 10_801, &[3600, 7200, 10_800]),
        ("time that runs backwards", Some(7200), 100, &[]),
        ("the end of time", Some(u64::MAX), u64::MAX, &[]),
    ];
    for (name, after, before, expected) in cases {
        let due: Vec<u64> = boundaries(after.map(UnixSeconds), UnixSeconds(before)).map(|at| at.0).collect();
        assert_eq!(due, expected, "{name}");
    }
}

/// The rows of a small history, however its events are cut into batches.
fn rows(small: &Small, campaigns: Vec<accrual_rewards::campaign::Campaign>) -> Vec<Points> {
    let mut tracker = PoolTracker::new(small::pool(Vec::new()), campaigns);
    let (mut rows, mut hours) = (Vec::new(), Hours::default());
    for event in &small.events {
        for at in boundaries(tracker.last_at(), event.block_at) {
            let counted = points(&tracker, at).unwrap();
            assert_eq!(hours.points(&tracker, at).unwrap(), counted, "what stands still is known");
            rows.extend(counted);
        }
        tracker.apply(event).unwrap();
    }
    rows
}

#[test]
fn a_tracker_that_was_stored_tells_the_same_hour() {
    let campaign = campaign(7200, 7200);
    let mut small = Small::new(vec![campaign.clone()], Vec::new(), 3000, 0);
    small.add(ALICE, range(-600, 600), 1_000_000).at(8000).add(BOB, range(600, 1200), 1_000_000).swap(10);
    let mut tracker = PoolTracker::new(small::pool(Vec::new()), vec![campaign]);
    small.events.iter().for_each(|event| tracker.apply(event).unwrap());
    let stored: PoolTracker = postcard::from_bytes(&postcard::to_stdvec(&tracker).unwrap()).unwrap();
    let hour = points(&tracker, UnixSeconds(10_800)).unwrap().unwrap();
    assert_eq!(hour.pool.positions, 2);
    assert_eq!(points(&stored, UnixSeconds(10_800)).unwrap().unwrap(), hour);
}

#[test]
fn rows_known_by_hand() {
    let campaign = campaign(7200, 7200);
    let mut small = Small::new(vec![campaign.clone()], Vec::new(), 3000, 0);
    let (wide, high) = (range(-600, 600), range(600, 1200));
    small.add(ALICE, wide, 1_000_000).at(3600).add(BOB, high, 1_000_000);
    small.at(9000).add(BOB, wide, 3_000_000);
    small.at(15_000).remove(ALICE, wide, 1_000_000).at(20_000).swap(10);
    let rows = rows(&small, vec![campaign]);
    let told: Vec<_> = rows
        .iter()
        .map(|row| {
            let campaign = row.campaigns.first();
            let paid = campaign.map(|row| (row.emitted, row.earned, row.accounts, row.wallets));
            (row.pool.at.0, row.pool.block_number.0, row.pool.positions, row.pool.wallets, paid)
        })
        .collect();
    let paid = |seconds: u64, accounts, wallets| {
        Some((units(seconds * ONE), units(seconds * ONE), accounts, wallets))
    };
    let expected = [
        (3600, 3600, 2, 2, None),
        (7200, 3600, 2, 2, paid(0, 0, 2)),
        (10_800, 9000, 3, 2, paid(3600, 2, 2)),
        (14_400, 9000, 3, 2, paid(7200, 2, 2)),
        (18_000, 15_000, 2, 1, paid(7200, 2, 1)),
    ];
    assert_eq!(told, expected);
    // Alice alone for 1800 s, then one quarter for 5400 s: 1800 + 1350.
    let last: Vec<_> = rows[4].accounts.iter().map(|row| (row.account, row.earned, row.has_stake)).collect();
    assert_eq!(last, [(ALICE, units(3150 * ONE), false), (BOB, units(4050 * ONE), true)]);
    assert!(last.iter().all(|row| row.0 != CAROL));
    let (of_all, in_range) = (&rows[0].pool.held, &rows[0].pool.held_in_range);
    assert!(of_all.token0() > in_range.token0() && of_all.token1() == in_range.token1());
    let hour = rows[3].campaigns[0].since(&rows[2].campaigns[0]).unwrap();
    assert_eq!((hour.emitted, hour.earned), (units(3600 * ONE), units(3600 * ONE)));
    assert!(rows[2].campaigns[0].since(&rows[3].campaigns[0]).is_err(), "time does not run backwards");
}

#[test]
fn who_left_with_the_newest_block_is_not_eligible() {
    let scorings = [Scoring::PerBlock, Scoring::SwapWeighted, Scoring::TimeWeighted];
    let campaigns = scorings.map(|scoring| Campaign {
        id: format!("{scoring:?}").to_lowercase().parse().unwrap(),
        scoring,
        run_seconds: (scoring != Scoring::PerBlock).then_some(7200),
        ..campaign(3600, 360_000)
    });
    let wide = range(-600, 600);
    let mut small = Small::new(campaigns.to_vec(), Vec::new(), 3000, 0);
    small.add(ALICE, wide, 1_000_000).at(3700).add(BOB, wide, 3_000_000);
    small.at(8000).remove(BOB, wide, 3_000_000).at(15_000).swap(10);
    for row in rows(&small, campaigns.to_vec()).iter().filter(|row| row.pool.at.0 > 8000) {
        for campaign in &row.campaigns {
            assert_eq!(campaign.eligible, row.pool.held_in_range, "{} at {}", campaign.campaign, campaign.at);
        }
    }
}

#[test]
fn rows_are_the_same_as_json_and_after() {
    let mut small = Small::new(vec![campaign(3600, 7200)], Vec::new(), 3000, 77);
    small.add(ALICE, range(-600, 600), 1_000_000);
    let row = points(&small.tracker, UnixSeconds(7200)).unwrap().unwrap();
    let text = serde_json::to_string(&row).unwrap();
    assert_eq!(serde_json::from_str::<Points>(&text).unwrap(), row);
    let price = row.pool.price_x192.unwrap().to_string();
    assert!(text.contains(&format!("\"price_x192\":\"{price}\"")), "{text}");
    assert!(points(&small.tracker, UnixSeconds(2999)).is_err(), "events of later are folded in");
    let unborn = accrual_rewards::tracker::PoolTracker::new(small::pool(Vec::new()), []);
    assert_eq!(points(&unborn, UnixSeconds(3600)), Ok(None));
}

#[test]
fn a_row_prices_what_its_hour_did() {
    let mut small = Small::new(Vec::new(), Vec::new(), 1800, 0);
    small.add(ALICE, range(-6000, 6000), 1_000_000);
    let row = points(&small.tracker, UnixSeconds(3600)).unwrap().unwrap();
    let sources = Sources::from([
        (TOKEN1, Source::Pool { pool: "pool".parse().unwrap(), window_seconds: 1800 }),
        (TOKEN0, Source::Fixed { usd: 3.into() }),
    ]);
    let mut quotes = Quotes::default();
    quotes.add_row(small.tracker.pool(), &row.pool);
    let quote = usd(TOKEN1, &sources, &quotes, row.pool.at).unwrap();
    assert_eq!(quote.usd, 3.into());
    let now = Quotes::of([&small.tracker], &sources, UnixSeconds(3600));
    assert_eq!(usd(TOKEN1, &sources, &now, row.pool.at), Ok(quote));
    assert_eq!(row.pool.means.keys().max(), Some(&1800), "no longer than it is covered");
}

fn totals(at: u64, trades: u64, volume: &[u64], fees: Option<&[u64]>) -> PoolPoint {
    let small = Small::new(Vec::new(), Vec::new(), 10, 0);
    let list = |list: &[u64]| list.iter().copied().map(units).collect::<Vec<Amount>>();
    let mut row = points(&small.tracker, UnixSeconds(at)).unwrap().unwrap().pool;
    row.totals = Totals { trades, volume_in: list(volume), fees: fees.map(list) };
    row
}

#[test]
fn what_lies_between_two_rows() {
    let from = totals(3600, 2, &[10], Some(&[1]));
    type Flow<'a> = (u64, &'a [u64], Option<&'a [u64]>);
    let cases: [(&str, PoolPoint, Option<Flow<'_>>); 5] = [
        ("more", totals(7200, 5, &[12, 7], Some(&[1, 2])), Some((3, &[2, 7], Some(&[0, 2])))),
        ("nothing", totals(7200, 2, &[10], Some(&[1])), Some((0, &[0], Some(&[0])))),
        ("a fee that is not known", totals(7200, 3, &[11], None), Some((1, &[1], None))),
        ("fewer trades", totals(7200, 1, &[10], Some(&[1])), None),
        ("less volume", totals(7200, 2, &[9], Some(&[1])), None),
    ];
    for (name, to, expected) in cases {
        let told = to.since(&from).ok().map(|hour| (hour.trades, hour.volume_in, hour.fees));
        let list = |list: &[u64]| list.iter().copied().map(units).collect::<Vec<Amount>>();
        let expected = expected.map(|(trades, volume, fees)| (trades, list(volume), fees.map(list)));
        assert_eq!(told, expected, "{name}");
    }
}

#[test]
fn a_day_is_its_last_hour() {
    let hours: Vec<PoolPoint> = (20..50).map(|hour| totals(hour * 3600, hour, &[], None)).collect();
    let days: Vec<u64> = daily(&hours).iter().map(|row| row.at.0).collect();
    assert_eq!(days, [86_400, 172_800]);
}
