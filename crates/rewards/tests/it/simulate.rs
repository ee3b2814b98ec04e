//! What a new position would earn, held against what it does earn when it is really added.

use accrual_rewards::apr::{AprUnknown, TokenPrice, Usd};
use accrual_rewards::campaign::{Campaign, Weights};
use accrual_rewards::ledger::PositionIndex;
use accrual_rewards::simulate::{Present, Proposal, SimulationError, simulate};
use accrual_rewards::unit::{Amount, TickRange, UnixSeconds};
use alloy_primitives::U256;
use rust_decimal::Decimal;

use crate::small::{self, ALICE, BOB, CAROL, Small, campaign, range};

const DAY: u64 = 86_400;
const DOLLAR: TokenPrice = Some((6, Decimal::ONE));

fn proposal<'a>(prices: &'a [TokenPrice], range: TickRange, dollars: &str) -> Proposal<'a> {
    let pool_fees_per_day = Err(AprUnknown::FeesUnknown);
    Proposal {
        amount_usd: dollars.parse().unwrap(),
        range,
        prices,
        reward: DOLLAR,
        pool_fees_per_day,
        leaving: None,
    }
}

/// Alice and Bob have stakes; the price is at tick 5.
fn played(campaign: &Campaign) -> Small {
    let mut small = Small::new(vec![campaign.clone()], Vec::new(), 1000, 0);
    small.add(ALICE, range(-6000, 6000), 40_000_000_000).add(BOB, range(0, 1200), 70_000_000_000);
    small.add(BOB, range(-3000, -1200), 9_000_000_000).at(1500).swap(5);
    small
}

#[test]
fn a_day_pays_what_was_foretold() {
    let basic = campaign(2000, 10 * DAY);
    let weighted = Campaign { weights: Weights { fees: 4, token0: 3, token1: 3 }, ..basic.clone() };
    let everywhere = Campaign { out_of_range: true, ..weighted.clone() };
    let cases = [
        ("fees only", &basic, range(-600, 600)),
        ("fees only, out of range", &basic, range(600, 1200)),
        ("all parts", &weighted, range(-100, 300)),
        ("all parts, out of range", &weighted, range(-300, 0)),
        ("all parts, everywhere", &everywhere, range(-100, 300)),
        ("below the price, everywhere", &everywhere, range(-300, 0)),
        ("above the price, everywhere", &everywhere, range(600, 900)),
    ];
    for (name, campaign, range) in cases {
        let small = played(campaign);
        let accrual = small.tracker.campaign(&campaign.id).unwrap();
        let foretold =
            simulate(&small.tracker, accrual, &proposal(&[DOLLAR, DOLLAR], range, "250"), UnixSeconds(2000))
                .unwrap();
        assert_eq!(foretold.put_in_usd.to_decimal(3).unwrap().to_string(), "249.999", "{name}");
        let mut really = small.clone();
        really.at(2000).add(CAROL, range, foretold.liquidity.0);
        let figures = really.tracker.figures(&campaign.id, UnixSeconds(2000 + DAY)).unwrap().unwrap();
        let earned = figures.rows.iter().find(|row| row.account == CAROL).map(|row| row.earned);
        let (earned, told) = (earned.unwrap_or_default(), foretold.reward_units_per_day.unwrap());
        // Others' tokens are rounded down position by position: a part in 10^9 of the day's 86,400,000,000 units.
        let off = earned.0.max(told.0) - earned.0.min(told.0);
        assert!(off <= U256::from(200), "{name}: {told} foretold, {earned} earned");
        // 1 USD a unit of 10^6: percent = units / 10^6 * 365 / 250 * 100.
        let percent =
            Decimal::from(u64::try_from(told.0).unwrap()) * Decimal::from(146) / Decimal::from(1_000_000);
        let near = (foretold.reward_percent.unwrap() - percent).abs() * Decimal::from(1_000_000) <= percent;
        assert!(near, "{name}: {percent}");
    }
}

#[test]
fn a_day_pays_each_position_what_is_told_of_it() {
    let basic = campaign(2000, 10 * DAY);
    let weighted = Campaign { weights: Weights { fees: 4, token0: 3, token1: 3 }, ..basic.clone() };
    let everywhere = Campaign { out_of_range: true, ..weighted.clone() };
    for campaign in [&basic, &weighted, &everywhere] {
        let small = played(campaign);
        let accrual = small.tracker.campaign(&campaign.id).unwrap();
        let figures = small.tracker.figures(&campaign.id, UnixSeconds(2000 + DAY)).unwrap().unwrap();
        let present = Present::of(&small.tracker, accrual);
        let mut shares = 0;
        for index in (0..3).map(PositionIndex) {
            let told = present.rate(index, &[DOLLAR, DOLLAR], DOLLAR, UnixSeconds(2000)).unwrap();
            let rows = figures
                .rows
                .iter()
                .filter(|row| small.tracker.ownership().stakes()[row.stake.as_usize()].position == index);
            let earned = rows.fold(U256::ZERO, |sum, row| sum + row.earned.0);
            let told_units = told.reward_units_per_day.0;
            let off = earned.max(told_units) - earned.min(told_units);
            assert!(off <= U256::from(200), "{index:?}: {told_units} told, {earned} earned");
            let idle = told_units.is_zero();
            assert_eq!(told.reward_percent.unwrap().is_zero(), idle);
            shares += told.share_ppm;
        }
        assert!((999_997..=1_000_000).contains(&shares), "{shares}");
        let before = present.rate(PositionIndex(0), &[DOLLAR, DOLLAR], DOLLAR, UnixSeconds(1999));
        assert_eq!(before.unwrap_err(), AprUnknown::NotRunning);
        let unpriced = present.rate(PositionIndex(0), &[DOLLAR, None], DOLLAR, UnixSeconds(2000)).unwrap();
        assert_eq!(unpriced.reward_percent, Err(AprUnknown::NoPrice));
        assert!(unpriced.share_ppm > 0, "a share needs no price");
    }
}

#[test]
fn what_leaves_is_no_longer_among_the_others() {
    let campaign = campaign(2000, 10 * DAY);
    let small = played(&campaign);
    let accrual = small.tracker.campaign(&campaign.id).unwrap();
    let leaving = |leaving| {
        let fees = Ok(Usd::from_decimal(Decimal::from(100)).unwrap());
        let proposal = Proposal {
            leaving,
            pool_fees_per_day: fees,
            ..proposal(&[DOLLAR, DOLLAR], range(-6000, 6000), "1000")
        };
        let told = simulate(&small.tracker, accrual, &proposal, UnixSeconds(2000)).unwrap();
        let day = U256::from(DAY) * U256::from(1_000_000);
        (told.liquidity.0, told.reward_units_per_day.unwrap(), told.fee_percent.unwrap(), day)
    };
    // Alice's position, the first, takes its 40 * 10^9 with it.
    for (index, others) in [(None, 110_000_000_000_u128), (Some(PositionIndex(0)), 70_000_000_000)] {
        let (own, units, fees, day) = leaving(index);
        assert_eq!(units, Amount(day * U256::from(own) / U256::from(own + others)));
        let part = Decimal::from(own) / Decimal::from(own + others);
        assert!((fees - part * Decimal::from(3650)).abs() < "0.0001".parse().unwrap(), "{fees}");
    }
    // One that is out of range took no part.
    assert_eq!(leaving(Some(PositionIndex(2))).1, leaving(None).1);
}

#[test]
fn it_thins_out_as_others_join() {
    let campaign = campaign(2000, 10 * DAY);
    let small = played(&campaign);
    let accrual = small.tracker.campaign(&campaign.id).unwrap();
    let told = simulate(
        &small.tracker,
        accrual,
        &proposal(&[DOLLAR, DOLLAR], range(-600, 600), "1"),
        UnixSeconds(2000),
    );
    let told = told.unwrap();
    let own = u64::try_from(told.liquidity.0).unwrap();
    let mut before = Amount(U256::MAX);
    for (row, tenths) in told.curve.iter().zip([5_u64, 10, 20, 50, 100]) {
        assert_eq!(u64::from(row.others_tenths), tenths);
        let others = 110_000_000_000 / 10 * tenths;
        let expected =
            Amount(U256::from(DAY) * U256::from(1_000_000) * U256::from(own) / U256::from(others + own));
        assert_eq!(row.reward_units_per_day, Some(expected), "{tenths} tenths");
        assert!(expected < before);
        before = expected;
    }
    assert_eq!(told.curve[1].reward_units_per_day, told.reward_units_per_day);
}

#[test]
fn its_part_of_the_fees() {
    let campaign = campaign(2000, DAY);
    let small = played(&campaign);
    let accrual = small.tracker.campaign(&campaign.id).unwrap();
    let fees = Ok(Usd::from_decimal(Decimal::from(100)).unwrap());
    let ask = |range, pool_fees_per_day| {
        let asked = Proposal { pool_fees_per_day, ..proposal(&[DOLLAR, DOLLAR], range, "1000") };
        let told = simulate(&small.tracker, accrual, &asked, UnixSeconds(1500)).unwrap();
        (told.liquidity.0, told.in_range, told.fee_percent, told.reward_percent)
    };
    let (liquidity, in_range, percent, reward) = ask(range(-600, 600), fees);
    // 100 USD a day * L / (110 * 10^9 + L) * 365 on 1000 USD.
    let part = Decimal::from(liquidity) / Decimal::from(110_000_000_000 + liquidity);
    let off = (percent.unwrap() - part * Decimal::from(3650)).abs();
    assert!(in_range && off < "0.0001".parse().unwrap(), "{percent:?}");
    assert_eq!(reward, Err(AprUnknown::NotRunning), "it begins at 2000");
    assert_eq!(ask(range(600, 1200), fees).2, Ok(Decimal::ZERO.trunc_with_scale(6)), "out of range");
    assert_eq!(ask(range(-600, 600), Err(AprUnknown::WindowNotCovered)).2, Err(AprUnknown::WindowNotCovered));
}

#[test]
fn what_cannot_be_simulated() {
    let campaign = campaign(2000, DAY);
    let mut pool = small::pool(Vec::new());
    pool.facts.tick_spacing = Some(10);
    let small = Small::of(pool, vec![campaign.clone()], 1000, 5);
    let both: &[TokenPrice] = &[DOLLAR, DOLLAR];
    let dust: [TokenPrice; 2] = [Some((6, "0.000001".parse().unwrap())); 2];
    let inside = range(-600, 600);
    let cases: [(&str, Proposal<'_>, &str); 7] = [
        ("backwards", proposal(both, range(600, -600), "1"), "does not exist"),
        ("too high", proposal(both, range(0, 887_280), "1"), "does not exist"),
        ("off the ticks", proposal(both, range(-600, 605), "1"), "multiples of 10"),
        ("no price", proposal(&[DOLLAR, None], inside, "1"), "no USD price"),
        ("no money", proposal(both, inside, "0"), "buys no liquidity"),
        ("less than none", proposal(both, inside, "-1"), "buys no liquidity"),
        ("all the money", proposal(&dust, range(0, 10), "79228162514264337593543950335"), "more than 2^128"),
    ];
    let accrual = small.tracker.campaign(&campaign.id).unwrap();
    for (name, asked, says) in cases {
        let error: SimulationError =
            simulate(&small.tracker, accrual, &asked, UnixSeconds(2000)).unwrap_err();
        assert!(error.to_string().contains(says), "{name}: {error}");
    }
    let one_sided = proposal(&[None, DOLLAR], range(-600, 0), "1");
    assert!(simulate(&small.tracker, accrual, &one_sided, UnixSeconds(2000)).is_ok(), "token0 is not needed");
    let nameless = Proposal { reward: None, ..proposal(both, inside, "1") };
    let told = simulate(&small.tracker, accrual, &nameless, UnixSeconds(2000)).unwrap();
    assert_eq!(told.reward_percent, Err(AprUnknown::NoPrice));
    assert!(told.reward_units_per_day.unwrap() > Amount::ZERO, "units need no price");
}
