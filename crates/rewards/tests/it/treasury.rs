//! What a campaign bought, known by hand, and each reason for which it is not known.

use accrual_rewards::apr::{Held, Usd, worth};
use accrual_rewards::campaign::Window;
use accrual_rewards::ledger::Totals;
use accrual_rewards::series::{AccountPoint, CampaignPoint, PoolPoint, points};
use accrual_rewards::treasury::{Hours, Treasury, TreasuryUnknown, budget_sum, treasury};
use accrual_rewards::unit::{Amount, UnixSeconds};
use alloy_primitives::Address;
use rust_decimal::Decimal;

use crate::small::{self, ALICE, BOB, CAROL, ONE, Small, units};

const HOUR: u64 = 3600;

/// From half past nine to half past eleven: the rows that matter are those of 9, 10, 11, 12, and 36 a day after.
const WINDOW: Window =
    Window { starts_at: UnixSeconds(9 * HOUR + 1800), ends_at: UnixSeconds(11 * HOUR + 1800) };

#[derive(Clone)]
struct Rows {
    pool: Vec<PoolPoint>,
    campaign: Vec<CampaignPoint>,
    accounts: Vec<AccountPoint>,
}

fn pool(hour: u64, held: u64, volume: u64) -> PoolPoint {
    let small = Small::new(Vec::new(), Vec::new(), 10, 0);
    let mut row = points(&small.tracker, UnixSeconds(hour * HOUR)).unwrap().unwrap().pool;
    row.held = Held(vec![units(held * ONE)]);
    row.totals = Totals { trades: hour, volume_in: vec![units(volume * ONE)], fees: None };
    row
}

fn paid(hour: u64, earned: u64) -> CampaignPoint {
    CampaignPoint {
        campaign: "june".parse().unwrap(),
        at: UnixSeconds(hour * HOUR),
        emitted: units(earned * ONE),
        earned: units(earned * ONE),
        undistributed: Amount::ZERO,
        nobody_eligible: Amount::ZERO,
        waiting: Amount::ZERO,
        eligible: Held::default(),
        accounts: 0,
        wallets: 0,
    }
}

fn staked(hour: u64, account: Address, has_stake: bool) -> AccountPoint {
    let (campaign, at) = ("june".parse().unwrap(), UnixSeconds(hour * HOUR));
    AccountPoint { campaign, at, account, earned: units(1), has_stake }
}

fn rows() -> Rows {
    Rows {
        pool: vec![
            pool(8, 1, 0),
            pool(9, 1000, 5),
            pool(10, 2000, 25),
            pool(11, 3000, 45),
            pool(12, 5000, 105),
            pool(36, 1400, 105),
        ],
        campaign: vec![paid(10, 10), paid(11, 30), paid(12, 40), paid(36, 40)],
        accounts: vec![
            staked(12, ALICE, true),
            staked(12, BOB, true),
            staked(12, CAROL, false),
            staked(36, ALICE, false),
            staked(36, BOB, true),
            staked(36, CAROL, true),
        ],
    }
}

fn view(rows: &Rows, days_after: u16, priced: bool) -> Treasury {
    let hours = Hours { pool: &rows.pool, campaign: &rows.campaign, accounts: &rows.accounts };
    let worth = |_: &PoolPoint, held: &Held| worth(held, &[priced.then_some((6, Decimal::ONE))]);
    // The reward is worth two dollars at eleven, else one.
    let reward = |at: UnixSeconds, units: Amount| {
        let price = if at.0 == 11 * HOUR { Decimal::TWO } else { Decimal::ONE };
        accrual_rewards::apr::worth(&Held(vec![units]), &[Some((6, price))])
    };
    treasury(WINDOW, days_after, hours, worth, reward)
}

fn dollars(usd: Result<Usd, TreasuryUnknown>) -> Result<String, TreasuryUnknown> {
    usd.map(|usd| usd.to_decimal(2).unwrap().to_string())
}

#[test]
fn a_view_known_by_hand() {
    let told = view(&rows(), 1, true);
    assert_eq!(dollars(told.paid_usd).as_deref(), Ok("60.00"), "10, 20 at two dollars, 10");
    assert_eq!(dollars(told.tvl_before_usd).as_deref(), Ok("1000.00"));
    assert_eq!(dollars(told.tvl_after_usd).as_deref(), Ok("1400.00"));
    assert_eq!(dollars(told.volume_usd).as_deref(), Ok("100.00"));
    assert_eq!(told.cost_per_retained_usd, Ok("0.15".parse().unwrap()));
    assert_eq!(told.cost_per_volume_usd, Ok("0.6".parse().unwrap()));
    assert_eq!((told.wallets_at_end, told.wallets_stayed), (Ok(2), Ok(1)));
    let at_once = view(&rows(), 0, true);
    assert_eq!(at_once.cost_per_retained_usd, Ok("0.015".parse().unwrap()));
    assert_eq!(at_once.wallets_stayed, Ok(2));
}

#[test]
fn what_is_not_known_has_a_reason() {
    type Change = fn(&mut Rows);
    type Told = (&'static str, &'static str);
    let cases: [(&str, Change, u16, Told); 9] = [
        ("too early to say", |_| (), 2, ("no_hour_after", "0.6")),
        (
            "younger than the campaign",
            |rows| drop(rows.pool.drain(..2)),
            1,
            ("no_hour_before", "no_hour_before"),
        ),
        ("not over", |rows| rows.campaign.truncate(2), 1, ("no_hour_after", "no_hour_after")),
        (
            "an hour of the campaign is missing",
            |rows| drop(rows.campaign.remove(1)),
            1,
            ("hours_missing", "hours_missing"),
        ),
        ("an hour of the pool is missing", |rows| drop(rows.pool.remove(2)), 1, ("0.15", "hours_missing")),
        ("it all left", |rows| rows.pool[5] = pool(36, 1000, 105), 1, ("nothing_retained", "0.6")),
        ("more than all", |rows| rows.pool[5] = pool(36, 900, 105), 1, ("nothing_retained", "0.6")),
        (
            "nobody traded",
            |rows| rows.pool.iter_mut().for_each(|row| row.totals.volume_in.clear()),
            1,
            ("0.15", "no_volume"),
        ),
        ("the volume fell", |rows| rows.pool[3] = pool(11, 3000, 1), 1, ("0.15", "hours_missing")),
    ];
    for (name, change, days_after, (retained, volume)) in cases {
        let mut rows = rows();
        change(&mut rows);
        let told = view(&rows, days_after, true);
        let text = |cost: Result<Decimal, TreasuryUnknown>| match cost {
            Ok(cost) => cost.normalize().to_string(),
            Err(unknown) => unknown.as_str().to_owned(),
        };
        assert_eq!(text(told.cost_per_retained_usd), retained, "{name}: TVL");
        assert_eq!(text(told.cost_per_volume_usd), volume, "{name}: volume");
    }
    let unpriced = view(&rows(), 1, false);
    assert_eq!(unpriced.cost_per_retained_usd, Err(TreasuryUnknown::NoPrice));
    assert_eq!(unpriced.cost_per_volume_usd, Err(TreasuryUnknown::NoPrice));
    assert_eq!(unpriced.wallets_stayed, Ok(1), "wallets need no price");
    assert_eq!(view(&rows(), 9, true).wallets_stayed, Err(TreasuryUnknown::NoHourAfter));
}

#[test]
fn budgets_of_one_token_add_up() {
    let (june, july) = (small::campaign(0, 10), small::campaign(10, 5));
    let other = accrual_rewards::campaign::Campaign { reward_token: ALICE, ..june.clone() };
    assert_eq!(budget_sum([&june, &july, &other], small::REWARD), Some(units(15 * ONE)));
    assert_eq!(budget_sum([&june], BOB), Some(Amount::ZERO));
}
