//! Pools with shares: honest logs go through with the numbers worked out by hand, and a missing one is told.

use accrual_rewards::event::PoolEvent;
use accrual_rewards::id::Venue;
use accrual_rewards::ledger::pooled::PooledLedger;
use accrual_rewards::ledger::{Change, Fault};
use accrual_rewards::pool::PoolFacts;
use accrual_rewards::unit::{Amount, SignedAmount};
use alloy_primitives::{Address, I256, U256, U512};

const NOBODY: Address = Address::ZERO;
const LOCKED: Address = Address::with_last_byte(1);
const ALICE: Address = Address::repeat_byte(0xa1);
const POOL: Address = Address::repeat_byte(0x99);
const E18: u128 = 1_000_000_000_000_000_000;

fn units(amount: u128) -> Amount {
    Amount(U256::from(amount))
}

fn moved(from: Address, to: Address, shares: u128) -> PoolEvent {
    PoolEvent::SharesMoved { from, to, shares: units(shares) }
}

fn sync(reserve0: u128, reserve1: u128) -> PoolEvent {
    PoolEvent::ReservesStated { reserve0: units(reserve0), reserve1: units(reserve1) }
}

fn mint(amount0: u128, amount1: u128) -> PoolEvent {
    PoolEvent::ReservesAdded { amount0: units(amount0), amount1: units(amount1) }
}

fn burn(amount0: u128, amount1: u128) -> PoolEvent {
    PoolEvent::ReservesTaken { amount0: units(amount0), amount1: units(amount1) }
}

fn fees(amount0: u128, amount1: u128) -> PoolEvent {
    PoolEvent::FeesTaken { amount0: units(amount0), amount1: units(amount1) }
}

fn swap(in0: u128, in1: u128, out0: u128, out1: u128) -> PoolEvent {
    PoolEvent::PairSwapped { in0: units(in0), in1: units(in1), out0: units(out0), out1: units(out1) }
}

fn join(deltas: [i128; 2], fees: &[u128], total_supply: Option<u128>) -> PoolEvent {
    PoolEvent::BalancesChanged {
        deltas: deltas.map(|delta| SignedAmount(I256::try_from(delta).unwrap())).to_vec(),
        fees: fees.iter().map(|fee| units(*fee)).collect(),
        total_supply: total_supply.map(units),
    }
}

fn traded(token_in: u8, amount_in: u128, amount_out: u128, fee: Option<u128>) -> PoolEvent {
    let (token_out, fee) = (1 - token_in, fee.map(units));
    PoolEvent::TokenSwapped {
        token_in,
        token_out,
        amount_in: units(amount_in),
        amount_out: units(amount_out),
        fee,
    }
}

fn facts() -> PoolFacts {
    PoolFacts {
        tokens: vec![Address::repeat_byte(1), Address::repeat_byte(2)],
        decimals: vec![Some(18), Some(18)],
        weights_e18: vec![units(E18 / 2), units(E18 / 2)],
        aggregate_fee_e18: Some(units(E18 / 2)),
        ..PoolFacts::default()
    }
}

/// Reserves 1 000 000 and 4 000 000, then a swap of 10 000 token0 with a fee of 30, a second mint, a burn, a donation.
fn aerodrome() -> Vec<PoolEvent> {
    vec![
        moved(NOBODY, LOCKED, 1000),
        moved(NOBODY, ALICE, 1_999_000),
        sync(1_000_000, 4_000_000),
        mint(1_000_000, 4_000_000),
        fees(30, 0),
        sync(1_009_970, 3_960_514),
        swap(10_000, 0, 0, 39_486),
        // min(1000 * 2000000 / 1009970, 4000 * 2000000 / 3960514) = min(1980.2, 2019.9)
        moved(NOBODY, ALICE, 1980),
        sync(1_010_970, 3_964_514),
        mint(1000, 4000),
        moved(ALICE, POOL, 1980),
        moved(POOL, NOBODY, 1980),
        // 1980 * 1010970 / 2001980 = 999.87, 1980 * 3964514 / 2001980 = 3920.99
        sync(1_009_971, 3_960_594),
        burn(999, 3920),
        sync(1_009_981, 3_960_594),
        fees(0, 3),
        sync(1_009_731, 3_961_591),
        swap(0, 1000, 250, 0),
    ]
}

/// Halves of 1 000 000 each, 1 % fee; half of the fee leaves the third Vault at once.
fn balancer(is_third: bool) -> Vec<PoolEvent> {
    let stated = |supply: u128| is_third.then_some(supply);
    let fee = |fee: u128| is_third.then_some(fee);
    // 10000 less 100: 1000000 * (1 - 1000000 / 1009900) = 9802.95
    let held = if is_third { 1_009_950 } else { 1_010_000 };
    // Then 20000 less 200, of token1.
    let out = bought(held, 990_198, 19_800);
    let (held0, held1) = (held - out - 250_000, 990_198 + if is_third { 19_900 } else { 20_000 } - 250_000);
    vec![
        PoolEvent::SwapFeeSet { fraction_e18: units(E18 / 100) },
        moved(NOBODY, NOBODY, 1_000_000),
        moved(NOBODY, ALICE, 1_000_000),
        join([1_000_000, 1_000_000], &[0, 0], stated(2_000_000)),
        traded(0, 10_000, 9_802, fee(100)),
        traded(1, 20_000, out, fee(200)),
        moved(ALICE, NOBODY, 500_000),
        join([-250_000, -250_000], &[0, 0], stated(1_500_000)),
        traded(0, 10_000, bought(held1, held0, 9_900), fee(100)),
    ]
}

/// What `net` of one half buys of the other, less a unit.
fn bought(held_out: u128, held_in: u128, net: u128) -> u128 {
    held_out - held_out * held_in / (held_in + net) - 1
}

fn play(venue: Venue, facts: &PoolFacts, events: &[PoolEvent]) -> Result<PooledLedger, Box<Fault>> {
    let mut ledger = PooledLedger::new(venue, facts);
    for event in events {
        let before = ledger.clone();
        ledger.apply(event).map_err(|fault| {
            assert_eq!(ledger, before, "nothing is counted of {event:?}");
            Box::new(fault)
        })?;
    }
    Ok(ledger)
}

#[test]
fn an_aerodrome_pool_adds_up() {
    let ledger = play(Venue::AerodromeBasic, &facts(), &aerodrome()).unwrap();
    assert_eq!(ledger.supply().0, 2_000_000);
    assert_eq!(ledger.reserves(), [units(1_009_731), units(3_961_591)]);
    assert_eq!(ledger.totals().volume_in, [units(10_000), units(1000)]);
    assert_eq!(ledger.totals().fees, Some(vec![units(30), units(3)]));
    assert_eq!(ledger.totals().trades, 2);
    let price: U512 = U512::from(3_961_591) << 192;
    assert_eq!(ledger.price_x192(), Some(price / U512::from(1_009_731)));
}

#[test]
fn each_missing_aerodrome_log_is_seen() {
    let events = aerodrome();
    // The donation's Sync, at 14: the next Sync then does not follow from what is known.
    for hole in 0..events.len() {
        let mut rest = events.clone();
        let gone = rest.remove(hole);
        // What ends the history: without an event after it nothing can tell.
        rest.extend([sync(1_009_731, 3_961_591), sync(1_009_731, 3_961_591)]);
        let seen = play(Venue::AerodromeBasic, &facts(), &rest).is_err();
        assert!(seen, "{hole}: {gone:?}");
    }
}

#[test]
fn a_stable_price_counts_at_the_margin() {
    let stable = |decimals: [u8; 2], reserves: (u128, u128)| {
        let facts = PoolFacts { is_stable: true, decimals: decimals.map(Some).to_vec(), ..facts() };
        play(Venue::AerodromeBasic, &facts, &[sync(reserves.0, reserves.1)]).unwrap().price_x192()
    };
    let one: U512 = U512::from(1) << 192;
    assert_eq!(stable([18, 18], (E18, E18)), Some(one));
    assert_eq!(stable([18, 6], (E18, 1_000_000)), Some(one / U512::from(1_000_000_000_000_u64)));
    // x = 1, y = 2: (3 * 2 + 8) / (1 + 3 * 4) = 14 / 13
    assert_eq!(stable([6, 6], (1, 2)), Some(one * U512::from(14) / U512::from(13)));
    assert_eq!(stable([6, 6], (0, 2)), None);
}

#[test]
fn balancer_pools_add_up() {
    let second = play(Venue::BalancerV2, &facts(), &balancer(false)).unwrap();
    let held0 = 1_010_000 - bought(1_010_000, 990_198, 19_800) - 250_000;
    let expected = [units(held0 + 10_000), units(760_198 - bought(760_198, held0, 9_900))];
    assert_eq!(second.reserves(), expected);
    assert_eq!(second.totals().fees, Some(vec![units(200), units(200)]));
    let third = play(Venue::BalancerV3, &facts(), &balancer(true)).unwrap();
    let held0 = 1_009_950 - bought(1_009_950, 990_198, 19_800) - 250_000;
    let expected = [units(held0 + 9_950), units(760_098 - bought(760_098, held0, 9_900))];
    assert_eq!(third.reserves(), expected);
    assert_eq!(third.totals().fees, Some(vec![units(100), units(100)]));
    assert_eq!(third.supply().0, 1_500_000);
    let nobody = third.positions().iter().find(|position| position.holder == NOBODY).unwrap();
    assert_eq!(nobody.liquidity.0, 1_000_000, "shares of the zero address count and are nobody's");
}

#[test]
fn missing_balancer_logs_are_seen() {
    // The last trade is the end; the second Vault says neither supply nor fees, so a burn or a mint to nobody and
    // the fee's setting cannot be missed there.
    let unseen_third = [0, 8];
    let unseen_second = [0, 1, 6, 8];
    for (venue, is_third, unseen) in
        [(Venue::BalancerV2, false, unseen_second.as_slice()), (Venue::BalancerV3, true, &unseen_third)]
    {
        let events = balancer(is_third);
        for hole in (0..events.len()).filter(|hole| !unseen.contains(hole)) {
            let mut rest = events.clone();
            let gone = rest.remove(hole);
            assert!(play(venue, &facts(), &rest).is_err(), "{venue:?} {hole}: {gone:?}");
        }
    }
}

#[test]
fn events_of_others_and_impossible_moves_are_faults() {
    type Is = fn(&Fault) -> bool;
    let cases: [(Venue, Vec<PoolEvent>, Is); 6] = [
        (Venue::Erc20, vec![sync(1, 1)], |fault| matches!(fault, Fault::NotOfThisVenue)),
        (Venue::BalancerV2, vec![sync(1, 1)], |fault| matches!(fault, Fault::NotOfThisVenue)),
        (Venue::AerodromeBasic, vec![join([1, 1], &[], None)], |fault| {
            matches!(fault, Fault::NotOfThisVenue)
        }),
        (Venue::Erc20, vec![moved(NOBODY, ALICE, 5), moved(ALICE, POOL, 6)], |fault| {
            matches!(fault, Fault::SharesExceedBalance { from: ALICE, .. })
        }),
        (Venue::Erc20, vec![moved(NOBODY, ALICE, u128::MAX), moved(NOBODY, ALICE, 1)], |fault| {
            matches!(fault, Fault::LiquidityOverflow)
        }),
        (Venue::BalancerV3, vec![join([-1, 0], &[0, 0], None)], |fault| {
            matches!(fault, Fault::StateMismatch { .. })
        }),
    ];
    for (venue, events, is) in cases {
        let fault = play(venue, &facts(), &events).unwrap_err();
        assert!(is(&fault), "{venue:?}: {fault}");
    }
}

#[test]
fn shares_move_on_both_sides() {
    let mut ledger = PooledLedger::new(Venue::Erc20, &PoolFacts::default());
    ledger.apply(&moved(NOBODY, ALICE, 5)).unwrap();
    let Change::Stakes(stakes) = ledger.apply(&moved(ALICE, POOL, 2)).unwrap() else { panic!("no stakes") };
    let held: Vec<_> = stakes.iter().map(|stake| (stake.holder, stake.liquidity.0)).collect();
    assert_eq!(held, [(ALICE, 3), (POOL, 2)]);
    ledger.apply(&moved(ALICE, ALICE, 3)).unwrap();
    assert_eq!(ledger.positions()[0].liquidity.0, 3, "a transfer to oneself changes nothing");
}
