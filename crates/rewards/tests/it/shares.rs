//! Rows, explanations and simulations of a pool with shares, and of those behind a vault.

use accrual_rewards::apr::{AprUnknown, Held, TokenPrice};
use accrual_rewards::event::{PlacedEvent, PoolEvent};
use accrual_rewards::explain::explain;
use accrual_rewards::id::{Holding, PositionKey, Venue};
use accrual_rewards::pool::{Wrapper, WrapperKind};
use accrual_rewards::series::{accounts_with_stake, points};
use accrual_rewards::simulate::{Proposal, simulate};
use accrual_rewards::tracker::PoolTracker;
use accrual_rewards::unit::{Amount, BlockNumber, SignedAmount, UnixSeconds};
use alloy_primitives::{Address, I256};
use rust_decimal::Decimal;

use crate::small::{self, ALICE, BOB, CAROL, ONE, campaign, range, units};

const DAY: u64 = 86_400;
const VAULT: Address = Address::repeat_byte(0x77);

fn events(list: &[(u64, PoolEvent)]) -> Vec<PlacedEvent> {
    let placed = |(index, (at, event)): (u32, &(u64, PoolEvent))| PlacedEvent {
        block_number: BlockNumber(*at),
        block_at: UnixSeconds(*at),
        log_index: index,
        event: event.clone(),
    };
    (0..).zip(list).map(placed).collect()
}

fn moved(from: Address, to: Address, shares: u64) -> PoolEvent {
    PoolEvent::SharesMoved { from, to, shares: units(shares) }
}

/// A join that brings so many of both tokens.
fn joined(token0: u64, token1: u64) -> PoolEvent {
    let delta = |whole: u64| SignedAmount(I256::try_from(whole * ONE).unwrap());
    PoolEvent::BalancesChanged {
        deltas: vec![delta(token0), delta(token1)],
        fees: vec![],
        total_supply: None,
    }
}

/// 1000 of token0 and 4000 of token1 behind 1000 shares; a vault holds 250 of them.
fn played() -> Vec<PlacedEvent> {
    events(&[
        (100, moved(Address::ZERO, ALICE, 750)),
        (100, moved(Address::ZERO, VAULT, 250)),
        (100, joined(1000, 4000)),
        (
            100,
            PoolEvent::WrapperSharesMoved { wrapper: VAULT, from: Address::ZERO, to: BOB, shares: units(5) },
        ),
        (3000, moved(ALICE, Address::ZERO, 750)),
    ])
}

fn pool() -> accrual_rewards::pool::Pool {
    let vault = Wrapper { kind: WrapperKind::Erc20Vault, address: VAULT, holder: VAULT, to: None };
    let mut pool = small::pool(vec![vault]);
    pool.venue = Venue::BalancerV2;
    pool.facts.weights_e18 = vec![units(500_000_000_000_000_000); 2];
    pool
}

fn tracker(campaign: &accrual_rewards::campaign::Campaign, events: &[PlacedEvent]) -> PoolTracker {
    let mut tracker = PoolTracker::new(pool(), [campaign.clone()]);
    events.iter().for_each(|event| tracker.apply(event).unwrap());
    tracker
}

#[test]
fn rows_of_reserves_and_of_those_behind_a_vault() {
    let campaign = campaign(1000, DAY);
    let before = tracker(&campaign, &played()[..4]);
    assert_eq!(accounts_with_stake(&before), [ALICE, BOB]);
    let row = points(&before, UnixSeconds(3600)).unwrap().unwrap();
    assert_eq!(row.pool.held, Held(vec![units(1000 * ONE), units(4000 * ONE)]));
    assert_eq!((row.pool.tick, row.pool.wallets, row.pool.held_in_range), (None, 2, row.pool.held.clone()));
    let earned: Vec<_> = row.accounts.iter().map(|row| (row.account, row.earned, row.has_stake)).collect();
    assert_eq!(earned, [(ALICE, units(1950 * ONE), true), (BOB, units(650 * ONE), true)]);
    assert_eq!(accounts_with_stake(&tracker(&campaign, &played())), [BOB]);
}

#[test]
fn stretches_of_shares() {
    let basic = campaign(1000, 10 * DAY);
    let no_bob = accrual_rewards::campaign::Campaign { blacklist: [BOB].into(), ..basic.clone() };
    let cases = [
        ("its own", &basic, ALICE, vec!["not_started", "earning", "no_liquidity"]),
        ("a vault's", &basic, VAULT, vec!["not_started", "earning"]),
        ("a vault whose only member is left out", &no_bob, VAULT, vec!["not_started", "excluded_account"]),
    ];
    for (name, campaign, owner, expected) in cases {
        let pool = pool();
        let holding = Holding::Share { owner };
        let key = PositionKey { venue: pool.venue, pool: pool.address, holding };
        let timeline = explain(pool, campaign.clone(), &key, played(), UnixSeconds(5000)).unwrap();
        let told: Vec<_> = timeline.stretches.iter().map(|stretch| stretch.standing.as_str()).collect();
        assert_eq!(told, expected, "{name}");
    }
}

#[test]
fn a_day_of_shares_pays_what_was_foretold() {
    let campaign = campaign(2000, 10 * DAY);
    let tracker = tracker(&campaign, &played()[..4]);
    let accrual = tracker.campaign(&campaign.id).unwrap();
    let prices: [TokenPrice; 2] = [Some((6, Decimal::from(4))), Some((6, Decimal::ONE))];
    // The pool is worth 8000 USD, so 2000 buy 250 shares: a fifth of all with them.
    let asked = Proposal {
        amount_usd: Decimal::from(2000),
        range: range(0, 0),
        prices: &prices,
        reward: Some((6, Decimal::ONE)),
        pool_fees_per_day: Err(AprUnknown::FeesUnknown),
        leaving: None,
    };
    let told = simulate(&tracker, accrual, &asked, UnixSeconds(2000)).unwrap();
    assert_eq!((told.liquidity.0, told.in_range), (250, true));
    assert_eq!(told.put_in, Held(vec![units(250 * ONE), units(1000 * ONE)]));
    assert_eq!(told.reward_units_per_day, Some(units(DAY * ONE / 5)));
    let mut really = tracker.clone();
    for event in events(&[(2000, moved(Address::ZERO, CAROL, 250)), (2000, joined(250, 1000))]) {
        really.apply(&PlacedEvent { log_index: event.log_index + 10, ..event }).unwrap();
    }
    let figures = really.figures(&campaign.id, UnixSeconds(2000 + DAY)).unwrap().unwrap();
    let carol: Option<Amount> = figures.rows.iter().find(|row| row.account == CAROL).map(|row| row.earned);
    assert_eq!(carol, told.reward_units_per_day);
}
