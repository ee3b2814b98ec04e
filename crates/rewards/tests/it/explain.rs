//! Timelines known by hand: every reason, with its blocks.

use std::collections::BTreeSet;

use accrual_rewards::apr::{AprUnknown, Held, TokenPrice};
use accrual_rewards::campaign::{Campaign, Scoring, Weights};
use accrual_rewards::event::{PlacedEvent, PoolEvent};
use accrual_rewards::explain::{Timeline, explain, exposure};
use accrual_rewards::pool::{Wrapper, WrapperKind};
use accrual_rewards::unit::{Amount, UnixSeconds};
use alloy_primitives::Address;
use rust_decimal::Decimal;

use crate::small::{self, ALICE, BOB, ONE, Small, campaign, key, range, units};

/// (first block, first second, end block, end second, how it stood, whole tokens earned); an end of 0 lasts.
type Told = (u64, u64, u64, u64, &'static str, Option<u64>);

fn told(timeline: &Timeline) -> Vec<Told> {
    let whole = |earned: Amount| u64::try_from(earned.0).unwrap() / ONE;
    let row = |stretch: &accrual_rewards::explain::Stretch| {
        let to = stretch.to.unwrap_or_default();
        let earned = stretch.earned.map(whole);
        let (from, standing) = (stretch.from, stretch.standing.as_str());
        (from.block.0, from.at.0, to.block.0, to.at.0, standing, earned)
    };
    timeline.stretches.iter().map(row).collect()
}

fn timeline(small: &Small, campaign: &Campaign, until: u64) -> Timeline {
    let pool = small.tracker.pool().clone();
    let events = small.events.iter().cloned();
    explain(pool, campaign.clone(), &key(ALICE, range(-600, 600)), events, UnixSeconds(until)).unwrap()
}

/// Alice is in [-600, 600) from 200 on; Bob is everywhere, with as much.
fn played(campaign: &Campaign) -> Small {
    let mut small = Small::new(vec![campaign.clone()], Vec::new(), 100, 0);
    small.add(BOB, range(-6000, 6000), 1_000_000);
    small.at(200).add(ALICE, range(-600, 600), 1_000_000);
    small.at(1100).swap(1).swap(700).at(1200).swap(-700).at(1250).swap(700).at(1300).swap(0);
    small.at(1400).remove(ALICE, range(-600, 600), 1_000_000);
    small.at(1500).add(BOB, range(-600, 600), 5);
    small.at(1600).add(ALICE, range(-600, 600), 1_000_000).at(1700).swap(3);
    small
}

#[test]
fn a_life_in_stretches() {
    let campaign = campaign(1000, 1000);
    let whole = timeline(&played(&campaign), &campaign, 5000);
    let expected = [
        (200, 200, 200, 1000, "not_started", Some(0)),
        (200, 1000, 1100, 1100, "earning", Some(50)),
        (1100, 1100, 1200, 1200, "above_range", Some(0)),
        (1200, 1200, 1250, 1250, "below_range", Some(0)),
        (1250, 1250, 1300, 1300, "above_range", Some(0)),
        // C08: the last block that earns is that of the burn.
        (1300, 1300, 1400, 1400, "earning", Some(50)),
        (1400, 1400, 1600, 1600, "no_liquidity", Some(0)),
        (1600, 1600, 1700, 2000, "earning", Some(199)),
        (1700, 2000, 0, 0, "campaign_over", Some(0)),
    ];
    assert_eq!(told(&whole), expected);
    let early = timeline(&played(&campaign), &campaign, 1150);
    assert_eq!(told(&early), [expected[0], expected[1], (1100, 1100, 0, 0, "above_range", Some(0))]);
    let unborn = timeline(&played(&campaign), &campaign, 150);
    assert_eq!(told(&unborn), [], "before it exists");
}

#[test]
fn what_it_earned_adds_up() {
    let campaign = campaign(1000, 1000);
    let small = played(&campaign);
    let figures = small.tracker.figures(&campaign.id, UnixSeconds(1900)).unwrap().unwrap();
    let alice: Amount = figures.rows.iter().find(|row| row.account == ALICE).unwrap().earned;
    let stretches = timeline(&small, &campaign, 1900).stretches;
    let sum = stretches.iter().try_fold(Amount::ZERO, |sum, one| sum.checked_add(one.earned.unwrap()));
    assert_eq!(sum, Some(alice));
}

#[test]
fn each_other_reason() {
    let basic = campaign(100, 10_000);
    let out = Campaign { out_of_range: true, ..basic.clone() };
    let weigh = |fees, token0, token1| Weights { fees, token0, token1 };
    type Case<'a> = (&'a str, Campaign, i32, Option<Wrapper>, &'a str);
    let gauge = |kind| Wrapper { kind, address: Address::repeat_byte(9), holder: ALICE, to: None };
    let cases: [Case<'_>; 11] = [
        ("in range", basic.clone(), 0, None, "earning"),
        (
            "on the blacklist",
            Campaign { blacklist: BTreeSet::from([ALICE]), ..basic.clone() },
            0,
            None,
            "excluded_account",
        ),
        (
            "not on the whitelist",
            Campaign { whitelist: BTreeSet::from([BOB]), ..basic.clone() },
            0,
            None,
            "excluded_account",
        ),
        ("a gauge without a deposit", basic.clone(), 0, Some(gauge(WrapperKind::ClGauge)), "held_by_wrapper"),
        ("a name of its own", basic.clone(), 0, Some(gauge(WrapperKind::Remap)), "earning"),
        (
            "only token0 is paid, at the upper end",
            Campaign { weights: weigh(0, 1, 0), ..basic.clone() },
            599,
            None,
            "earning",
        ),
        (
            "only token1 is paid, at the lower end itself",
            Campaign { weights: weigh(0, 0, 1), ..basic.clone() },
            -600,
            None,
            "no_weight",
        ),
        (
            "out of range, which is paid",
            Campaign { weights: weigh(1, 1, 0), ..out.clone() },
            -700,
            None,
            "earning",
        ),
        (
            "out of range on the wrong side",
            Campaign { weights: weigh(1, 1, 0), ..out.clone() },
            700,
            None,
            "no_weight",
        ),
        ("out of range with fees only", out, 700, None, "above_range"),
        ("out of range", Campaign { weights: weigh(1, 1, 1), ..basic }, -700, None, "below_range"),
    ];
    for (name, campaign, tick, wrapper, expected) in cases {
        let mut small = Small::new(vec![campaign.clone()], wrapper.into_iter().collect(), 100, tick);
        small.add(ALICE, range(-600, 600), 1_000_000);
        let standing = timeline(&small, &campaign, 200).stretches[0].standing;
        assert_eq!(standing.as_str(), expected, "{name}");
        let earned = small.tracker.figures(&campaign.id, UnixSeconds(200)).unwrap().unwrap().earned;
        let paid = standing.is_earning() || expected == "held_by_wrapper";
        assert_eq!(earned > Amount::ZERO, paid, "{name}: the accrual agrees");
    }
}

#[test]
fn runs_without_a_trade_wait() {
    let campaign =
        Campaign { scoring: Scoring::SwapWeighted, run_seconds: Some(100), ..campaign(1000, 1000) };
    let expected = [
        (200, 200, 200, 1000, "not_started", None),
        (200, 1000, 200, 1100, "waiting_for_trade", None),
        (200, 1100, 1250, 1250, "earning", None),
        (1250, 1250, 1350, 1350, "above_range", None),
        (1350, 1350, 1350, 1400, "earning", None),
        (1350, 1400, 1350, 1900, "waiting_for_trade", None),
        (1350, 1900, 1990, 2000, "earning", None),
        (1990, 2000, 0, 0, "campaign_over", None),
    ];
    let base = Campaign { scoring: Scoring::PerBlock, ..campaign.clone() };
    let mut small = Small::new(vec![base], Vec::new(), 100, 0);
    small.add(BOB, range(-6000, 6000), 1_000_000);
    small.at(200).add(ALICE, range(-600, 600), 1_000_000);
    small.at(1150).swap(5).at(1250).swap(700).at(1350).swap(1).at(1990).swap(7);
    assert_eq!(told(&timeline(&small, &campaign, 3000)), expected);
}

#[test]
fn what_was_put_in_follows_the_liquidity() {
    let campaign = campaign(1000, 1000);
    let mut small = Small::new(vec![campaign.clone()], Vec::new(), 100, 0);
    let range = range(-600, 600);
    small.add(ALICE, range, 1_000_000_000);
    let first = timeline(&small, &campaign, 100);
    assert_eq!(first.held, first.put_in);
    small.at(200).remove(ALICE, range, 250_000_000).add(BOB, range, 7).at(300).swap(500);
    let then = timeline(&small, &campaign, 300);
    let three_quarters = |units: Amount| units.mul_div(3.try_into().unwrap(), 4.try_into().unwrap()).unwrap();
    assert_eq!(then.put_in.token0(), three_quarters(first.put_in.token0()));
    assert!(then.held.token0() < then.put_in.token0() && then.held.token1() > then.put_in.token1());
}

#[test]
fn loss_against_holding() {
    let dollar: TokenPrice = Some((6, Decimal::ONE));
    let four: TokenPrice = Some((6, Decimal::from(4)));
    let held = |token0: u64, token1: u64| Held(vec![units(token0 * ONE), units(token1 * ONE)]);
    type Case<'a> = (&'a str, Held, Held, [TokenPrice; 2], Result<(&'a str, Option<&'a str>), AprUnknown>);
    let cases: [Case<'_>; 5] = [
        // 100 and 100 became 50 and 200 when token0 went from 1 to 4 (full range): 400 for 500.
        ("the price times four", held(50, 200), held(100, 100), [four, dollar], Ok(("50", Some("20")))),
        ("no move", held(100, 100), held(100, 100), [dollar, dollar], Ok(("50", Some("0")))),
        ("a gain", held(110, 110), held(100, 100), [dollar, dollar], Ok(("50", Some("-10")))),
        ("nothing put in", held(1, 3), held(0, 0), [dollar, dollar], Ok(("25", None))),
        ("no price", held(1, 3), held(1, 3), [dollar, None], Err(AprUnknown::NoPrice)),
    ];
    for (name, held, put_in, prices, expected) in cases {
        let text = |percent: Decimal| percent.normalize().to_string();
        let told = exposure(&held, &put_in, &prices);
        let told = told.map(|told| (text(told.token0_percent.unwrap()), told.loss_percent.map(text)));
        let expected = expected.map(|(part, loss)| (part.to_owned(), loss.map(str::to_owned)));
        assert_eq!(told, expected, "{name}");
    }
}

#[test]
fn a_hole_in_the_events_is_an_error() {
    let campaign = campaign(1000, 1000);
    let mut events: Vec<PlacedEvent> = played(&campaign).events;
    let burn = events.iter().position(|event| matches!(event.event, PoolEvent::LiquidityAdded { .. }));
    events.remove(burn.unwrap());
    let pool = small::pool(Vec::new());
    assert!(explain(pool, campaign, &key(ALICE, range(-600, 600)), events, UnixSeconds(5000)).is_err());
}
