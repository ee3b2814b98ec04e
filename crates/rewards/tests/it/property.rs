//! The engine against the plain reference, over generated histories.
//!
//! Each property tells its cases to a fixed generator, so that a run repeats; `PROPTEST_RNG_SEED` gives it another.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use accrual_rewards::accrue::{CampaignAccrual, Figures};
use accrual_rewards::campaign::{Campaign, Scoring};
use accrual_rewards::id::Holding;
use accrual_rewards::report::by_account;
use accrual_rewards::series::{Hours, points};
use accrual_rewards::tracker::PoolTracker;
use accrual_rewards::unit::{Amount, UnixSeconds};
use alloy_primitives::{Address, U256};
use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::One;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};

use crate::pool::Edge;
use crate::pool::history::{History, histories};
use crate::reference::{Reference, big};

/// How often a figure was compared, and how often it was not the exact floor.
#[derive(Default)]
struct Tally {
    compared: Cell<u64>,
    above: Cell<u64>,
}

#[test]
fn figures_are_exact_in_range_only() {
    figures_are_exact(6000, false);
}

#[test]
fn figures_are_exact_out_of_range_too() {
    figures_are_exact(6000, true);
}

fn figures_are_exact(cases: u32, out_of_range: bool) {
    let tally = Tally::default();
    check(cases, histories(36, out_of_range), |history| {
        let mut tracker = history.tracker();
        let mut reference = Reference::new(&history.campaign);
        for (index, event) in history.events.iter().enumerate() {
            tracker.apply(event).expect("the pool is honest");
            reference.apply(event);
            for later in history.asks_after(index) {
                compare(&tracker, &reference, event.block_at.0 + later, &tally);
            }
        }
        for at_seconds in last_instants(&history) {
            compare(&tracker, &reference, at_seconds, &tally);
        }
    });
    println!("{} figures compared, {} above the exact floor", tally.compared.get(), tally.above.get());
}

/// The newest event's time, and instants after it up to past the campaign's end.
fn last_instants(history: &History) -> Vec<u64> {
    let (last, end) = (history.last_at_seconds(), history.campaign.window.ends_at.0);
    let mut instants = vec![last, last + 7, end, end + 1000];
    instants.retain(|at_seconds| *at_seconds >= last);
    instants
}

fn compare(tracker: &PoolTracker, reference: &Reference<'_>, at_seconds: u64, tally: &Tally) {
    let accrual = &tracker.campaigns()[0];
    let figures = accrual.figures(UnixSeconds(at_seconds)).expect("nobody asks about the past");
    check_sums(accrual, &figures);
    let exact = reference.exact(at_seconds);
    let mut rows: BTreeMap<(Holding, Address), Amount> = figures
        .rows
        .iter()
        .map(|row| ((tracker.stake_key(row.stake).holding, row.account), row.earned))
        .collect();
    assert_eq!(rows.len(), figures.rows.len(), "a position has one row for each account");
    for (who, exact) in &exact.earned {
        let earned = rows.remove(who).unwrap_or_default();
        check_figure(&big(earned.0), exact, tally);
    }
    assert_eq!(rows, BTreeMap::new(), "nobody is paid whom the reference does not pay");
    check_idle(figures.undistributed.nobody_eligible, &exact.nobody_eligible, figures.undistributed.total);
}

/// The exact figure rounded down; the next unit only for who is within 2^-59 of it.
fn check_figure(earned: &BigInt, exact: &BigRational, tally: &Tally) {
    tally.compared.set(tally.compared.get() + 1);
    let floor = floor(exact);
    if *earned == floor {
        return;
    }
    tally.above.set(tally.above.get() + 1);
    assert_eq!(*earned, floor + 1, "at most one unit above the exact floor, never below it");
    let missing = BigRational::from(earned.clone()) - exact;
    assert!(missing < BigRational::new(BigInt::one(), BigInt::one() << 59_u32), "a unit too much: {missing}");
}

/// Rounded down too, but never above all that is left: a figure may have been given the last 2^-60 of a unit.
fn check_idle(idle: Amount, exact: &BigRational, total: Amount) {
    let expected = floor(exact);
    assert!(
        big(idle.0) == expected || (idle == total && big(idle.0) + 1 == expected),
        "{idle} for {expected}"
    );
}

fn floor(exact: &BigRational) -> BigInt {
    num_integer::Integer::div_floor(exact.numer(), exact.denom())
}

/// What holds without knowing who should get what.
fn check_sums(accrual: &CampaignAccrual, figures: &Figures) {
    let sum =
        |amounts: &mut dyn Iterator<Item = Amount>| amounts.fold(U256::ZERO, |sum, amount| sum + amount.0);
    let undistributed = figures.undistributed;
    assert_eq!(figures.emitted, accrual.campaign().emitted(figures.at));
    assert_eq!(sum(&mut figures.rows.iter().map(|row| row.earned)), figures.earned.0);
    assert_eq!(figures.earned.0 + undistributed.total.0, figures.emitted.0, "the sum rule");
    assert_eq!(
        undistributed.nobody_eligible.0 + undistributed.waiting.0 + undistributed.rounding.0,
        undistributed.total.0
    );
    assert!(figures.emitted <= figures.budget && figures.budget == accrual.campaign().budget);
    assert!(
        figures.rows.iter().all(|row| accrual.campaign().admits(row.account) && row.earned > Amount::ZERO)
    );
    let accounts = by_account(figures);
    assert_eq!(sum(&mut accounts.iter().map(|account| account.earned)), figures.earned.0);
    assert!(accounts.iter().map(|account| u64::from(account.share_ppm)).sum::<u64>() <= 1_000_000);
}

#[test]
fn the_sums_hold_after_every_event() {
    check(300, prop_oneof![histories(120, false), histories(120, true)], |history| {
        let mut tracker = history.tracker();
        for event in &history.events {
            tracker.apply(event).expect("the pool is honest");
            for later in [0, 13] {
                let accrual = &tracker.campaigns()[0];
                let figures = accrual.figures(UnixSeconds(event.block_at.0 + later)).expect("not the past");
                check_sums(accrual, &figures);
            }
        }
    });
}

#[test]
fn asking_changes_nothing() {
    check(300, prop_oneof![histories(40, false), histories(40, true)], |history| {
        let (mut asked, mut silent) = (history.tracker(), history.tracker());
        for event in &history.events {
            asked.apply(event).expect("the pool is honest");
            silent.apply(event).expect("the pool is honest");
            for later in [5, 0] {
                asked.campaigns()[0].figures(UnixSeconds(event.block_at.0 + later)).expect("not the past");
            }
        }
        assert_eq!(asked, silent);
    });
}

/// The history's pool with its campaign scored by run in both ways, and by block.
fn by_each_scoring(history: &History) -> PoolTracker {
    let by_run = |scoring| Campaign {
        id: format!("{scoring:?}").to_lowercase().parse().expect("a name"),
        scoring,
        run_seconds: Some(600),
        ..history.campaign.clone()
    };
    let others = [Scoring::SwapWeighted, Scoring::TimeWeighted].map(by_run);
    let campaigns = others.into_iter().chain([history.campaign.clone()]);
    PoolTracker::new(history.tracker().pool().clone(), campaigns)
}

/// Long enough to be folded in several parts.
#[test]
fn many_events_at_once_are_as_one_after_the_other() {
    let histories = prop_oneof![histories(4_000, false), histories(4_000, true)];
    check(8, (histories, 1..6_000_usize), |(history, together)| {
        let (mut one_by_one, mut at_once) = (by_each_scoring(&history), by_each_scoring(&history));
        history.events.iter().for_each(|event| one_by_one.apply(event).expect("the pool is honest"));
        for events in history.events.chunks(together) {
            at_once.apply_all(events).expect("the pool is honest");
        }
        assert_eq!(one_by_one, at_once);
    });
}

#[test]
fn an_event_that_contradicts_the_others_is_refused_among_many() {
    check(20, histories(400, false), |history| {
        let contradicted = history.events.iter().chain(history.events.last()).cloned().collect::<Vec<_>>();
        let (mut one_by_one, mut at_once) = (by_each_scoring(&history), by_each_scoring(&history));
        let refused = contradicted.iter().try_for_each(|event| one_by_one.apply(event)).unwrap_err();
        assert_eq!(at_once.apply_all(&contradicted), Err(refused));
        assert_eq!(at_once.campaigns().len(), 3, "nothing is lost");
    });
}

/// The scorings by run are told a block late whom they pay; who is eligible is not.
#[test]
fn who_is_eligible_does_not_depend_on_the_scoring() {
    check(300, prop_oneof![histories(60, false), histories(60, true)], |history| {
        let mut tracker = by_each_scoring(&history);
        let mut hours = Hours::default();
        for event in &history.events {
            tracker.apply(event).expect("the pool is honest");
            let told = hours.points(&tracker, event.block_at).expect("not the past").expect("it has begun");
            assert_eq!(
                points(&tracker, event.block_at).expect("not the past"),
                Some(told),
                "what stands still is known"
            );
            let [swaps, time, block] = tracker.campaigns() else { panic!("three campaigns") };
            let expected: Vec<_> = block.eligible().collect();
            assert_eq!(swaps.eligible().collect::<Vec<_>>(), expected);
            assert_eq!(time.eligible().collect::<Vec<_>>(), expected);
        }
    });
}

#[test]
fn a_stored_tracker_goes_on_as_if_never_stored() {
    let histories = prop_oneof![histories(40, false), histories(40, true)];
    check(300, (histories, 0..1000_usize), |(history, thousandths)| {
        let (before, after) = history.events.split_at(history.events.len() * thousandths / 1000);
        let mut tracker = history.tracker();
        before.iter().for_each(|event| tracker.apply(event).expect("the pool is honest"));
        let bytes = postcard::to_stdvec(&tracker).expect("a tracker is plain data");
        let mut stored: PoolTracker = postcard::from_bytes(&bytes).expect("what was written can be read");
        for event in after {
            for tracker in [&mut tracker, &mut stored] {
                tracker.apply(event).expect("the pool is honest");
            }
        }
        assert_eq!(tracker, stored);
    });
}

#[test]
fn every_edge_is_generated() {
    let met: RefCell<BTreeMap<Edge, u32>> = RefCell::default();
    check(600, prop_oneof![histories(36, false), histories(36, true)], |history| {
        for edge in history.edges {
            *met.borrow_mut().entry(edge).or_default() += 1;
        }
    });
    let met = met.into_inner();
    println!("{met:#?}");
    let rare: Vec<_> = met.iter().filter(|(_, count)| **count < 10).collect();
    assert!(rare.is_empty(), "met in fewer than 10 of 600 histories: {rare:?}");
    assert_eq!(met.len(), usize::from(Edge::LAST as u8) + 1, "an edge was never met: {met:?}");
}

/// Runs `property` over generated values; a panic in it is shrunk to a small case.
fn check<S: Strategy>(cases: u32, strategy: S, property: impl Fn(S::Value)) {
    let mut config = Config { failure_persistence: None, ..Config::with_cases(cases) };
    if matches!(config.rng_seed, RngSeed::Random) {
        config.rng_seed = RngSeed::Fixed(0x000a_cc2a_a100);
    }
    let outcome = TestRunner::new(config).run(&strategy, |value| {
        property(value);
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}
