//! A minimum of what a position is worth.

use accrual_rewards::campaign::{Campaign, Scoring, ValueMin};
use accrual_rewards::explain::{Standing, standing};
use accrual_rewards::ledger::PositionIndex;
use accrual_rewards::price::{Source, Sources};
use accrual_rewards::tracker::PoolTracker;
use accrual_rewards::unit::{Amount, UnixSeconds};
use alloy_primitives::Address;

use crate::small::{ALICE, BOB, ONE, Small, TOKEN0, TOKEN1, campaign, range, units};

const RUN_SECONDS: u32 = 100;
/// At tick 0 each token of a position from -600 to 600 is 2.955 % of its liquidity: a billion is worth 59.1 USD.
const BILLION: u128 = 1_000_000_000;

fn dollar_tokens() -> Sources {
    let one = || Source::Fixed { usd: "1".parse().unwrap() };
    [(TOKEN0, one()), (TOKEN1, one())].into()
}

/// A token a second from 1000 to 1300, in three runs.
fn with_minimum(scoring: Scoring, usd: &str, sources: Sources) -> Campaign {
    Campaign {
        scoring,
        run_seconds: Some(RUN_SECONDS),
        value_min_usd: Some(ValueMin { usd: usd.parse().unwrap(), sources }),
        ..campaign(1000, 300)
    }
    .checked()
    .unwrap()
}

fn earned(tracker: &PoolTracker, account: Address, at: u64) -> Amount {
    let figures = tracker.figures(&tracker.campaigns()[0].campaign().id, UnixSeconds(at)).unwrap().unwrap();
    let whole = figures.earned.checked_add(figures.undistributed.total);
    assert_eq!(whole, Some(figures.emitted));
    figures.rows.iter().find(|row| row.account == account).map_or(Amount::ZERO, |row| row.earned)
}

#[test]
fn a_position_below_it_has_no_share_in_its_run() {
    for scoring in [Scoring::PerBlock, Scoring::TimeWeighted] {
        let mut pool = Small::new(vec![with_minimum(scoring, "10", dollar_tokens())], vec![], 900, 0);
        pool.add(ALICE, range(-600, 600), BILLION).add(BOB, range(-600, 600), BILLION / 10);
        assert_eq!(earned(&pool.tracker, ALICE, 1050), units(50 * ONE), "a run under way looks at now");
        // In the second run Bob comes to be worth as much as Alice, and keeps that to its end.
        pool.at(1100).add(BOB, range(-600, 600), BILLION - BILLION / 10);
        for at in [1200, 1300] {
            let seconds = at - 1100;
            assert_eq!(earned(&pool.tracker, BOB, at), units(seconds * ONE / 2), "{scoring:?} at {at}");
            assert_eq!(earned(&pool.tracker, ALICE, at), units(100 * ONE + seconds * ONE / 2));
        }
        // Within the last run he takes nearly all of it back: he has no share in that run at all.
        pool.at(1250).remove(BOB, range(-600, 600), BILLION - BILLION / 10);
        assert_eq!(earned(&pool.tracker, BOB, 1300), units(50 * ONE), "{scoring:?}");
        assert_eq!(earned(&pool.tracker, ALICE, 1300), units(250 * ONE), "{scoring:?}");
    }
}

#[test]
fn a_position_below_it_is_told_why() {
    let minimum = with_minimum(Scoring::PerBlock, "10", dollar_tokens());
    let mut pool = Small::new(vec![minimum], vec![], 900, 0);
    pool.add(ALICE, range(-600, 600), BILLION).add(BOB, range(-600, 600), BILLION / 10);
    let stands = |pool: &Small, place: u32| {
        let accrual = &pool.tracker.campaigns()[0];
        standing(&pool.tracker, accrual, PositionIndex(place), UnixSeconds(1050))
    };
    assert_eq!((stands(&pool, 0), stands(&pool, 1)), (Standing::Earning, Standing::BelowMinimum));
    assert_eq!(
        (Standing::BelowMinimum.as_str(), Standing::BelowMinimum.is_earning()),
        ("below_minimum", false)
    );
    pool.at(1040).add(BOB, range(-600, 600), BILLION);
    assert_eq!(stands(&pool, 1), Standing::Earning);
}

#[test]
fn without_a_price_nobody_is_left_out() {
    let half: Sources = dollar_tokens().into_iter().filter(|(token, _)| *token == TOKEN0).collect();
    for (name, sources, bob) in
        [("both prices", dollar_tokens(), 0), ("one of two", half, 150), ("no price", Sources::new(), 150)]
    {
        let minimum = with_minimum(Scoring::PerBlock, "100", sources);
        let mut pool = Small::new(vec![minimum], vec![], 900, 0);
        pool.add(ALICE, range(-600, 600), BILLION).add(BOB, range(-600, 600), BILLION);
        assert_eq!(earned(&pool.tracker, BOB, 1300), units(bob * ONE), "{name}");
    }
}

#[test]
fn a_minimum_goes_by_runs() {
    let sources = dollar_tokens();
    let minimum = ValueMin { usd: "10".parse().unwrap(), sources };
    let without = Campaign { value_min_usd: Some(minimum), run_seconds: None, ..campaign(1000, 300) };
    assert!(without.checked().unwrap_err().to_string().contains("run_seconds"));
}

/// Who is below it is asked of the whole pool when a run ends, so these events must not be folded ahead of the campaign.
#[test]
fn many_events_at_once_are_as_one_after_the_other() {
    for scoring in Scoring::ALL {
        let minimum = with_minimum(scoring, "10", dollar_tokens());
        let mut pool = Small::new(vec![minimum.clone()], vec![], 900, 0);
        pool.add(ALICE, range(-600, 600), BILLION);
        for step in 0..40 {
            // Now above it, now below.
            pool.at(1000 + 10 * step).add(BOB, range(-600, 600), BILLION);
            pool.at(1005 + 10 * step).remove(BOB, range(-600, 600), BILLION - 1);
        }
        let mut at_once = PoolTracker::new(pool.tracker.pool().clone(), [minimum]);
        at_once.apply_all(&pool.events).unwrap();
        assert_eq!(at_once, pool.tracker, "{scoring:?}");
    }
}
