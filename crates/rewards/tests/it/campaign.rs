//! Campaigns as tables: which can be paid, whom they pay, what they emit, and small pools whose split is known by hand.

use std::collections::BTreeSet;

use accrual_rewards::accrue::{CampaignAccrual, Earned, Figures, Shape, Undistributed, When};
use accrual_rewards::campaign::{Campaign, CampaignError, Scoring, Weights, Window};
use accrual_rewards::ledger::{Change, PriceChange};
use accrual_rewards::math::tick::sqrt_ratio;
use accrual_rewards::ownership::{Move, Owner, StakeIndex};
use accrual_rewards::report::{by_account, share_ppm};
use accrual_rewards::unit::{Amount, BlockNumber, Liquidity, Tick, TickRange, UnixSeconds};
use alloy_primitives::{Address, U256};

const ALICE: Address = Address::repeat_byte(0xa1);
const BOB: Address = Address::repeat_byte(0xb0);
const CAROL: Address = Address::repeat_byte(0xca);
const NOBODY: Address = Address::ZERO;

#[test]
fn a_campaign_that_cannot_be_paid_is_refused_with_a_reason() {
    let budget = |bits: usize| Amount(U256::ONE << bits);
    let cases: [(&str, Campaign, &str); 9] = [
        ("backwards", in_window(20, 10), "ends at 10 but starts at 20 (Unix seconds): ends_at must be later"),
        ("empty", in_window(10, 10), "ends at 10 but starts at 10"),
        ("no weight", weighing(0, 0, 0), "weights fees, token0 and token1 are all zero"),
        ("fees too heavy", weighing(1_000_001, 1, 1), "a weight is above 1000000"),
        ("token0 too heavy", weighing(1, 1_000_001, 1), "a weight is above 1000000"),
        ("token1 too heavy", weighing(1, 1, 1_000_001), "a weight is above 1000000"),
        ("too much", Campaign { budget: budget(128), ..campaign() }, "budget_units is 2^128 or more"),
        ("nothing", Campaign { budget: Amount::ZERO, ..campaign() }, "budget_units is 0"),
        ("too long", in_window(0, 1 << 32), "2^32 seconds or longer"),
    ];
    for (name, campaign, says) in cases {
        let error: CampaignError = campaign.checked().expect_err(name);
        let text = error.to_string();
        assert!(text.starts_with("campaign june") && text.contains(says), "{name}: {text}");
    }
}

#[test]
fn a_campaign_at_the_bounds_is_paid() {
    let most = Amount((U256::ONE << 128) - U256::ONE);
    for campaign in [
        campaign(),
        in_window(0, (1 << 32) - 1),
        weighing(1_000_000, 1_000_000, 1_000_000),
        weighing(0, 0, 1),
        Campaign { budget: most, ..campaign() },
        Campaign { budget: units(1), ..campaign() },
    ] {
        assert_eq!(campaign.clone().checked(), Ok(campaign));
    }
}

#[test]
fn who_has_a_share() {
    type Accounts = &'static [Address];
    let cases: [(&str, Accounts, Accounts, Accounts); 5] = [
        ("no lists", &[], &[], &[ALICE, BOB, CAROL]),
        ("a blacklist", &[ALICE], &[], &[BOB, CAROL]),
        ("a whitelist", &[], &[ALICE], &[ALICE]),
        ("a whitelist, and the blacklist is not asked", &[ALICE], &[ALICE, BOB], &[ALICE, BOB]),
        ("a whitelist of nobody", &[], &[NOBODY], &[]),
    ];
    for (name, blacklist, whitelist, admitted) in cases {
        let campaign = listing(blacklist, whitelist);
        for account in [ALICE, BOB, CAROL, NOBODY] {
            assert_eq!(campaign.admits(account), admitted.contains(&account), "{name}: {account}");
        }
    }
}

#[test]
fn emission_is_rounded_down() {
    let cases = [
        ("before the start", 0, 0),
        ("at the start", 100, 0),
        ("a second later", 101, 333),
        ("two", 102, 666),
        ("at the end", 103, 1000),
        ("long after", 1_000_000, 1000),
    ];
    let campaign = in_window(100, 103);
    for (name, at, expected) in cases {
        assert_eq!(campaign.emitted(UnixSeconds(at)), units(expected), "{name}");
    }
}

#[test]
fn paid_seconds_are_those_in_the_window() {
    let window = Window { starts_at: UnixSeconds(100), ends_at: UnixSeconds(200) };
    let cases = [
        (0, 50, 0),
        (0, 100, 0),
        (0, 150, 50),
        (120, 150, 30),
        (150, 300, 50),
        (200, 300, 0),
        (150, 120, 0),
        (0, 999, 100),
    ];
    for (from, to, expected) in cases {
        assert_eq!(window.paid_seconds(UnixSeconds(from), UnixSeconds(to)), expected, "{from} to {to}");
    }
    assert_eq!((window.duration_seconds(), window.elapsed_seconds(UnixSeconds(101))), (100, 1));
}

/// Positions of (holder, lower, upper, liquidity) at one tick, for the 10 seconds and 1000 units of a campaign.
struct Split {
    name: &'static str,
    campaign: Campaign,
    tick: i32,
    positions: &'static [(Address, i32, i32, u128)],
    earned: &'static [u64],
    nobody_eligible: u64,
}

#[test]
fn splits_known_by_hand() {
    const WHOLE: (i32, i32) = (-600, 600);
    const ALL: &[(Address, i32, i32, u128)] =
        &[(ALICE, WHOLE.0, WHOLE.1, 1), (BOB, WHOLE.0, WHOLE.1, 1), (CAROL, WHOLE.0, WHOLE.1, 1)];
    let fees = || weighing(1, 0, 0);
    let cases = [
        Split {
            name: "nobody",
            campaign: campaign(),
            tick: 0,
            positions: &[],
            earned: &[],
            nobody_eligible: 1000,
        },
        Split {
            name: "alone",
            campaign: campaign(),
            tick: 0,
            positions: &[(ALICE, -60, 60, 9)],
            earned: &[1000],
            nobody_eligible: 0,
        },
        Split {
            name: "thirds leave one unit",
            campaign: campaign(),
            tick: 0,
            positions: ALL,
            earned: &[333, 333, 333],
            nobody_eligible: 0,
        },
        Split {
            name: "by liquidity",
            campaign: fees(),
            tick: 0,
            positions: &[(ALICE, -60, 60, 1), (BOB, 0, 60, 3)],
            earned: &[250, 750],
            nobody_eligible: 0,
        },
        Split {
            name: "the lower end is inside",
            campaign: fees(),
            tick: 60,
            positions: &[(ALICE, 60, 120, 1)],
            earned: &[1000],
            nobody_eligible: 0,
        },
        Split {
            name: "the upper end is outside",
            campaign: fees(),
            tick: 60,
            positions: &[(ALICE, 0, 60, 1)],
            earned: &[],
            nobody_eligible: 1000,
        },
        Split {
            name: "on its lower tick it holds no token1",
            campaign: weighing(1, 0, 1),
            tick: 60,
            positions: &[(ALICE, 60, 120, 1)],
            earned: &[500],
            nobody_eligible: 500,
        },
        Split {
            name: "the excluded share goes to others",
            campaign: listing(&[ALICE], &[]),
            tick: 0,
            positions: ALL,
            earned: &[500, 500],
            nobody_eligible: 0,
        },
        Split {
            name: "only the listed",
            campaign: listing(&[], &[CAROL]),
            tick: 0,
            positions: ALL,
            earned: &[1000],
            nobody_eligible: 0,
        },
        Split {
            name: "an unknown holder",
            campaign: campaign(),
            tick: 0,
            positions: &[(NOBODY, -60, 60, 1)],
            earned: &[],
            nobody_eligible: 1000,
        },
        Split {
            name: "out of range is out",
            campaign: campaign(),
            tick: 60,
            positions: &[(ALICE, 0, 60, 1)],
            earned: &[],
            nobody_eligible: 1000,
        },
        Split {
            name: "out of range keeps its token1",
            campaign: out_of_range(),
            tick: 60,
            positions: &[(ALICE, 0, 60, 1)],
            earned: &[300],
            nobody_eligible: 700,
        },
        Split {
            name: "out of range keeps its token0",
            campaign: out_of_range(),
            tick: -1,
            positions: &[(ALICE, 0, 60, 1)],
            earned: &[300],
            nobody_eligible: 700,
        },
    ];
    for Split { name, campaign, tick, positions, earned, nobody_eligible } in cases {
        let figures = settle(campaign, tick, positions);
        let rows: Vec<Amount> = figures.rows.iter().map(|row| row.earned).collect();
        assert_eq!(rows, earned.iter().copied().map(units).collect::<Vec<_>>(), "{name}");
        assert_eq!(figures.undistributed.nobody_eligible, units(nobody_eligible), "{name}");
        assert_eq!(figures.earned.checked_add(figures.undistributed.total), Some(units(1000)), "{name}");
    }
}

#[test]
fn nobody_asks_about_the_past() {
    let mut accrual = CampaignAccrual::new(campaign(), Shape::Concentrated);
    accrual.apply(when(105), &Move::Pool(Change::None));
    let error = accrual.figures(UnixSeconds(104)).unwrap_err().to_string();
    assert!(error.contains("asked for figures at 104") && error.contains("up to 105"), "{error}");
    assert!(accrual.figures(UnixSeconds(105)).is_ok());
}

#[test]
fn accounts_stand_largest_first_with_their_share() {
    let row = |stake, account, earned| Earned {
        stake: StakeIndex(stake),
        account,
        through: None,
        earned: units(earned),
    };
    let rows =
        vec![row(0, ALICE, 100), row(1, BOB, 350), row(2, ALICE, 250), row(3, CAROL, 300), row(4, BOB, 0)];
    let undistributed =
        Undistributed { total: units(0), nobody_eligible: units(0), waiting: units(0), rounding: units(0) };
    let at = UnixSeconds(110);
    let figures =
        Figures { at, budget: units(1000), emitted: units(1000), earned: units(1000), undistributed, rows };
    let accounts = by_account(&figures);
    let seen: Vec<_> = accounts.iter().map(|row| (row.account, row.earned, row.share_ppm)).collect();
    assert_eq!(
        seen,
        [(ALICE, units(350), 350_000), (BOB, units(350), 350_000), (CAROL, units(300), 300_000)]
    );
    let stakes: Vec<_> = accounts[0].positions.iter().map(|row| row.stake).collect();
    assert_eq!(stakes, [StakeIndex(2), StakeIndex(0)]);
}

#[test]
fn shares_in_millionths_are_rounded_down() {
    let most = Amount((U256::ONE << 128) - U256::ONE);
    let cases = [
        ("nothing of nothing", Amount::ZERO, Amount::ZERO, 0),
        ("a third", units(1), units(3), 333_333),
        ("two thirds", units(2), units(3), 666_666),
        ("all", most, most, 1_000_000),
        ("all but one", units(999_999_999), units(1_000_000_000), 999_999),
        ("next to nothing", units(1), most, 0),
    ];
    for (name, part, whole, expected) in cases {
        assert_eq!(share_ppm(part, whole), expected, "{name}");
    }
}

fn settle(campaign: Campaign, tick: i32, positions: &[(Address, i32, i32, u128)]) -> Figures {
    let mut accrual =
        CampaignAccrual::new(campaign.checked().expect("a payable campaign"), Shape::Concentrated);
    let sqrt_price_x96 = sqrt_ratio(Tick(tick)).expect("a tick that exists");
    let price = PriceChange::new(None, Tick(tick), sqrt_price_x96, None);
    accrual.apply(when(50), &Move::Pool(Change::Price(price.into())));
    for (stake, (holder, lower, upper, liquidity)) in (0..).map(StakeIndex).zip(positions) {
        let range = TickRange { lower: Tick(*lower), upper: Tick(*upper) };
        let owner = Owner::Account(*holder);
        accrual.apply(when(60), &Move::Stake { stake, range, liquidity: Liquidity(*liquidity), owner });
    }
    accrual.figures(UnixSeconds(500)).expect("not the past")
}

fn when(at: u64) -> When {
    When { block: BlockNumber(at), at: UnixSeconds(at) }
}

fn units(number: u64) -> Amount {
    Amount(U256::from(number))
}

fn campaign() -> Campaign {
    Campaign {
        id: "june".parse().expect("a good id"),
        pool: "usdc-tmai".parse().expect("a good id"),
        merkl_campaign_id: None,
        reward_token: Address::repeat_byte(0xcc),
        budget: units(1000),
        fee_ppm: 30_000,
        window: Window { starts_at: UnixSeconds(100), ends_at: UnixSeconds(110) },
        scoring: Scoring::PerBlock,
        run_seconds: None,
        weights: Weights { fees: 4000, token0: 3000, token1: 3000 },
        out_of_range: false,
        blacklist: BTreeSet::new(),
        whitelist: BTreeSet::new(),
        value_min_usd: None,
        versions: Vec::new(),
    }
}

fn in_window(starts_at: u64, ends_at: u64) -> Campaign {
    Campaign {
        window: Window { starts_at: UnixSeconds(starts_at), ends_at: UnixSeconds(ends_at) },
        ..campaign()
    }
}

fn weighing(fees: u32, token0: u32, token1: u32) -> Campaign {
    Campaign { weights: Weights { fees, token0, token1 }, ..campaign() }
}

fn listing(blacklist: &[Address], whitelist: &[Address]) -> Campaign {
    let set = |accounts: &[Address]| accounts.iter().copied().collect();
    Campaign { blacklist: set(blacklist), whitelist: set(whitelist), ..campaign() }
}

fn out_of_range() -> Campaign {
    Campaign { out_of_range: true, ..campaign() }
}
