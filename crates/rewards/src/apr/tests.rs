//! Values and rates, known by hand.

use std::collections::BTreeSet;

use alloy_primitives::Address;

use super::*;
use crate::campaign::{Scoring, Weights};

fn campaign(budget: &str, duration_seconds: u64) -> Campaign {
    Campaign {
        id: "c".parse().unwrap(),
        pool: "p".parse().unwrap(),
        merkl_campaign_id: None,
        reward_token: Address::ZERO,
        budget: budget.parse().unwrap(),
        fee_ppm: 0,
        window: Window { starts_at: UnixSeconds(1000), ends_at: UnixSeconds(1000 + duration_seconds) },
        scoring: Scoring::PerBlock,
        run_seconds: None,
        weights: Weights { fees: 1, token0: 0, token1: 0 },
        out_of_range: false,
        blacklist: BTreeSet::new(),
        whitelist: BTreeSet::new(),
        value_min_usd: None,
        versions: Vec::new(),
    }
}

fn usd(units: &str, decimals: u8, price: &str) -> Option<Usd> {
    value(Priced { units: units.parse().unwrap(), decimals, price_usd: price.parse().unwrap() })
}

#[test]
fn values_round_down() {
    let cases = [
        ("a whole token", "1000000", 6, "1.5", "1.500000"),
        ("a large balance", "14920000000000000000000000", 18, "0.0001234567", "1841.973964"),
        ("two thirds of the last place", "2", 0, "0.0000003", "0.000000"),
        ("free", "1000000", 6, "0", "0.000000"),
    ];
    for (name, units, decimals, price, expected) in cases {
        let told = usd(units, decimals, price).and_then(|usd| usd.to_decimal(6)).unwrap();
        assert_eq!(told.to_string(), expected, "{name}");
    }
    assert_eq!(usd("1", 61, "1"), None, "no token has 61 decimals");
    assert_eq!(usd("1", 18, "-1"), None, "no price is below zero");
}

#[test]
fn a_year_of_emission_over_what_is_held() {
    let year = campaign("100000000", YEAR_SECONDS);
    let half = campaign("100000000", YEAR_SECONDS / 2);
    let huge = campaign("340282366920938463463374607431768211455", 1);
    let reward = |price: &str| Some((6, price.parse().unwrap()));
    let held = |dollars: &str| usd(dollars, 0, "1");
    let now = 1000;
    let cases = [
        ("100 USD a year on 1000", &year, reward("1"), held("1000"), now, Ok("10.000000")),
        ("twice the pace", &half, reward("1"), held("1000"), now, Ok("20.000000")),
        ("thirds round down", &year, reward("1"), held("3"), now, Ok("3333.333333")),
        ("a free reward", &year, reward("0"), held("3"), now, Ok("0.000000")),
        ("not begun", &year, reward("1"), held("3"), now - 1, Err(AprUnknown::NotRunning)),
        ("over", &year, reward("1"), held("3"), now + YEAR_SECONDS, Err(AprUnknown::NotRunning)),
        ("no reward price", &year, None, held("3"), now, Err(AprUnknown::NoPrice)),
        ("no pool price", &year, reward("1"), None, now, Err(AprUnknown::NoPrice)),
        ("nobody", &year, reward("1"), held("0"), now, Err(AprUnknown::NobodyEligible)),
        ("too much", &huge, reward("1"), held("1"), now, Err(AprUnknown::OutOfBounds)),
    ];
    for (name, campaign, reward, eligible, at, expected) in cases {
        let told = reward_percent(campaign, reward, eligible, UnixSeconds(at));
        assert_eq!(told.map(|percent| percent.to_string()), expected.map(str::to_owned), "{name}");
    }
}

#[test]
fn a_weighted_pool_is_known_by_its_priced_leg() {
    let weth = Some((18, Decimal::from(2_500)));
    let held = Held(vec!["190000000000000000".parse().unwrap(), "7000000000000000000000".parse().unwrap()]);
    let weights: [Amount; 2] = ["50000000000000000".parse().unwrap(), "950000000000000000".parse().unwrap()];
    let tmai = Some((18, "0.001".parse().unwrap()));
    type Case<'a> = (&'a str, [TokenPrice; 2], &'a [Amount], Result<(&'a str, TvlMethod), AprUnknown>);
    let cases: [Case<'_>; 5] = [
        // 0.19 WETH at 2500 is 475 USD, 5 % of 9500.
        ("one leg", [weth, None], &weights, Ok(("9500.00", TvlMethod::WeightedLeg))),
        // 7000 TMAI at 0.001 is 7 USD, 95 % of 7.368...
        ("the other leg", [None, tmai], &weights, Ok(("7.36", TvlMethod::WeightedLeg))),
        ("both", [weth, tmai], &weights, Ok(("482.00", TvlMethod::Holdings))),
        ("no weights", [weth, None], &[], Err(AprUnknown::NoPrice)),
        ("no prices", [None, None], &weights, Err(AprUnknown::NoPrice)),
    ];
    for (name, prices, weights, expected) in cases {
        let told =
            tvl(&held, &prices, weights).map(|tvl| (tvl.usd.to_decimal(2).unwrap().to_string(), tvl.method));
        assert_eq!(told, expected.map(|(usd, method)| (usd.to_owned(), method)), "{name}");
    }
    let nothing_of_one = Held(vec![held.token0(), Amount::ZERO]);
    assert!(worth(&nothing_of_one, &[weth, None]).is_some(), "what is not held needs no price");
}

#[test]
fn a_total_needs_its_parts() {
    let (two, three) = (Decimal::from(2), Decimal::from(3));
    let parts = |reward, fees| AprParts { reward, fees, estimate: false }.total();
    assert_eq!(parts(Ok(two), Ok(three)), Ok(Decimal::from(5)));
    assert_eq!(parts(Err(AprUnknown::NotRunning), Ok(three)), Ok(three));
    assert_eq!(parts(Err(AprUnknown::NoPrice), Ok(three)), Err(AprUnknown::NoPrice));
    assert_eq!(parts(Ok(two), Err(AprUnknown::FeesUnknown)), Err(AprUnknown::FeesUnknown));
}

#[test]
fn the_first_day_is_an_estimate() {
    let campaign = campaign("1", 200_000);
    for (at, expected) in [(999, false), (1000, true), (87_399, true), (87_400, false)] {
        assert_eq!(is_estimate(&campaign, UnixSeconds(at)), expected, "{at}");
    }
}
