//! The ledger: every contradiction is told as a sentence with its place, and honest events go through.

use accrual_rewards::event::{PlacedEvent, PoolEvent};
use accrual_rewards::id::{Holding, Venue};
use accrual_rewards::ledger::Fault;
use accrual_rewards::math::amounts::{Rounding, holdings};
use accrual_rewards::math::tick::sqrt_ratio;
use accrual_rewards::tracker::{Pool, PoolTracker};
use accrual_rewards::unit::{
    Amount, BlockNumber, Liquidity, SignedAmount, SqrtPriceX96, Tick, TickRange, UnixSeconds,
};
use alloy_primitives::{Address, I256, U256};

const ALICE: Address = Address::repeat_byte(0xa1);
const BOB: Address = Address::repeat_byte(0xb0);
const NFT: Holding = Holding::Nft { manager: Address::repeat_byte(0xee), id: U256::from_limbs([7, 0, 0, 0]) };

struct Case {
    name: &'static str,
    /// Log index 0, 1, 2 of blocks 10, 20, 30 and so on; the last one is at fault.
    events: Vec<PoolEvent>,
    is: fn(&Fault) -> bool,
    says: &'static [&'static str],
}

#[test]
fn each_contradiction_is_a_sentence() {
    for Case { name, events, is, says } in contradictions() {
        let mut tracker = tracker();
        let (last, before) = events.split_last().unwrap();
        for (index, event) in before.iter().enumerate() {
            tracker.apply(&placed(index, event.clone())).unwrap_or_else(|error| panic!("{name}: {error}"));
        }
        let ledger = tracker.ledger().clone();
        let error = tracker.apply(&placed(before.len(), last.clone())).expect_err(name);
        assert!(is(&error.fault), "{name}: {:?}", error.fault);
        assert_eq!(*tracker.ledger(), ledger, "{name}: nothing is counted");
        let (text, place) = (
            error.to_string(),
            format!("pool usdc-tmai at block {}, log {}: ", before.len() * 10 + 10, before.len()),
        );
        assert!(text.starts_with(&place), "{name}: {text}");
        for part in says {
            assert!(text.contains(part), "{name}: {part:?} is not in {text:?}");
        }
    }
}

fn contradictions() -> Vec<Case> {
    let off = |by0: u8, by1: u8| {
        let (amount0, amount1) = stands_for(1000, 0, 60, Rounding::Up);
        let more = |amount: Amount, by: u8| Amount(amount.0 + U256::from(by));
        let (amount0, amount1) = (more(amount0, by0), more(amount1, by1));
        PoolEvent::LiquidityAdded {
            holding: NFT,
            range: range(0, 60),
            liquidity: Liquidity(1000),
            amount0,
            amount1,
        }
    };
    vec![
        Case {
            name: "a second first price",
            events: vec![first(), first()],
            is: |fault| matches!(fault, Fault::InitializedTwice),
            says: &["first price for the second time", "read the pool again from its created_block"],
        },
        Case {
            name: "a swap before the first price",
            events: vec![swap(0, 0)],
            is: |fault| matches!(fault, Fault::NotInitialized),
            says: &["no price yet"],
        },
        Case {
            name: "a mint before the first price",
            events: vec![add(1000, 0, 60)],
            is: |fault| matches!(fault, Fault::NotInitialized),
            says: &["no price yet"],
        },
        Case {
            name: "a first price of another tick",
            events: vec![PoolEvent::Initialized { sqrt_price_x96: price(0), tick: Tick(1) }],
            is: |fault| matches!(fault, Fault::PriceOffTick { tick: Tick(1), .. }),
            says: &["price 79228162514264337593543950336", "tick 1"],
        },
        Case {
            name: "a swap to a price of another tick",
            events: vec![first(), swap_to(price(5), 0, 3)],
            is: |fault| matches!(fault, Fault::PriceOffTick { tick: Tick(3), .. }),
            says: &["does not belong to tick 3"],
        },
        Case {
            name: "a swap that gives out more than a pool holds",
            events: vec![
                first(),
                PoolEvent::Swapped {
                    amount0: SignedAmount(I256::ONE),
                    amount1: SignedAmount(-I256::from_raw(U256::ONE << 192)),
                    sqrt_price_x96: price(0),
                    liquidity: Liquidity(0),
                    tick: Tick(0),
                },
            ],
            is: |fault| matches!(fault, Fault::StateMismatch { what: "what a swap moved", .. }),
            says: &["-6277101735386680763835789423207666416102355444464034512896 token1", "less than 2^192"],
        },
        Case {
            name: "a range of nothing",
            events: vec![first(), add_stating(range(60, 60), Amount::ZERO)],
            is: |fault| matches!(fault, Fault::NoSuchRange { .. }),
            says: &["range [60, 60)"],
        },
        Case {
            name: "a range that runs backwards",
            events: vec![first(), add_stating(range(60, 0), Amount::ZERO)],
            is: |fault| matches!(fault, Fault::NoSuchRange { .. }),
            says: &["range [60, 0)"],
        },
        Case {
            name: "a range past the last tick",
            events: vec![first(), add_stating(range(0, 887_273), Amount::ZERO)],
            is: |fault| matches!(fault, Fault::NoSuchRange { .. }),
            says: &["range [0, 887273)"],
        },
        Case {
            name: "an NFT that adds to another range",
            events: vec![first(), add(1000, 0, 60), add(1000, 0, 120)],
            is: |fault| matches!(fault, Fault::RangeMoved { .. }),
            says: &["[0, 60)", "[0, 120)", "id: 7"],
        },
        Case {
            name: "an NFT that takes out of another range",
            events: vec![first(), add(1000, 0, 60), remove(1000, 0, 120)],
            is: |fault| matches!(fault, Fault::RangeMoved { .. }),
            says: &["[0, 60)", "[0, 120)"],
        },
        Case {
            name: "a burn of what was never minted",
            events: vec![first(), remove(1000, 0, 60)],
            is: |fault| matches!(fault, Fault::UnknownPosition { .. }),
            says: &["id: 7", "is not known"],
        },
        Case {
            name: "a hand-over of what was never minted",
            events: vec![first(), hand_over(ALICE, BOB)],
            is: |fault| matches!(fault, Fault::UnknownPosition { .. }),
            says: &["id: 7", "is not known"],
        },
        Case {
            name: "a burn of too much",
            events: vec![first(), add(1000, 0, 60), remove(1001, 0, 60)],
            is: |fault| {
                matches!(
                    fault,
                    Fault::BurnExceedsLiquidity { asked: Liquidity(1001), held: Liquidity(1000), .. }
                )
            },
            says: &["gives up 1001", "holds 1000"],
        },
        Case {
            name: "liquidity past what a tick can count",
            events: vec![first(), add(1 << 127, 0, 60)],
            is: |fault| matches!(fault, Fault::LiquidityOverflow),
            says: &["passes 128 bits"],
        },
        Case {
            name: "liquidity that together is past what a tick can count",
            events: vec![first(), add((1 << 127) - 1, 0, 60), add(1, 0, 60)],
            is: |fault| matches!(fault, Fault::LiquidityOverflow),
            says: &["passes 128 bits"],
        },
        Case {
            name: "a swap that states other liquidity",
            events: vec![first(), add(1000, 0, 60), swap(1, 999)],
            is: |fault| {
                matches!(fault, Fault::LiquidityMismatch { stated: Liquidity(999), counted: Liquidity(1000) })
            },
            says: &["states 999", "our count is 1000"],
        },
        Case {
            name: "a swap that forgets the ticks it crossed",
            events: vec![first(), add(1000, 0, 60), swap(60, 1000)],
            is: |fault| matches!(fault, Fault::LiquidityMismatch { counted: Liquidity(0), .. }),
            says: &["states 1000", "our count is 0"],
        },
        Case {
            name: "a mint that states a unit more of token0",
            events: vec![first(), off(1, 0)],
            is: |fault| matches!(fault, Fault::AmountsMismatch { .. }),
            says: &[
                "1000 of liquidity in [0, 60)",
                "stands for (3 token0, 0 token1)",
                "states (4 token0, 0 token1)",
            ],
        },
        Case {
            name: "a mint that states a unit more of token1",
            events: vec![first(), off(0, 1)],
            is: |fault| matches!(fault, Fault::AmountsMismatch { .. }),
            says: &["stands for (3 token0, 0 token1)", "states (3 token0, 1 token1)"],
        },
        Case {
            name: "a hand-over by somebody else",
            events: vec![first(), add(1000, 0, 60), hand_over(Address::ZERO, ALICE), hand_over(BOB, ALICE)],
            is: |fault| matches!(fault, Fault::HolderMismatch { held: ALICE, stated: BOB, .. }),
            says: &["handed over by 0xB0B0", "but 0xA1A1"],
        },
        Case {
            name: "a mint twice of the same NFT",
            events: vec![
                first(),
                add(1000, 0, 60),
                hand_over(Address::ZERO, ALICE),
                hand_over(Address::ZERO, BOB),
            ],
            is: |fault| matches!(fault, Fault::HolderMismatch { held: ALICE, stated: Address::ZERO, .. }),
            says: &["handed over by 0x0000"],
        },
    ]
}

#[test]
fn events_only_run_forward() {
    let last = (20, 5, 2000);
    let cases = [
        ("the next log", (20, 6, 2000), true),
        ("the next block", (21, 0, 2002), true),
        ("the next block at the same time", (21, 0, 2000), true),
        ("the same log again", (20, 5, 2000), false),
        ("an earlier log", (20, 4, 2000), false),
        ("an earlier block", (19, 9, 2000), false),
        ("a later block at an earlier time", (21, 0, 1999), false),
        ("the same block at another time", (20, 6, 2001), false),
    ];
    let at = |(block, log_index, seconds): (u64, u32, u64), event| PlacedEvent {
        block_number: BlockNumber(block),
        block_at: UnixSeconds(seconds),
        log_index,
        event,
    };
    for (name, place, runs_on) in cases {
        let mut tracker = tracker();
        tracker.apply(&at(last, first())).unwrap();
        let outcome = tracker.apply(&at(place, swap(1, 0)));
        assert_eq!(outcome.is_ok(), runs_on, "{name}");
        if let Err(error) = outcome {
            assert!(matches!(*error.fault, Fault::OutOfOrder { .. }), "{name}: {error}");
            assert!(error.to_string().contains("follow block 20, log 5, time 2000"), "{name}: {error}");
        }
    }
}

#[test]
fn swaps_cross_ticks_in_their_order() {
    let cases: [(&str, &[(i32, u128)]); 5] = [
        ("down over a whole range at once", &[(70, 0), (-10, 0)]),
        ("up over a whole range at once", &[(-10, 0), (70, 0)]),
        ("in and out", &[(30, 1000), (59, 1000), (60, 0), (59, 1000), (0, 1000), (-1, 0)]),
        ("to the ends of the world", &[(887_271, 0), (-887_272, 0), (0, 1000)]),
        ("on the spot", &[(0, 1000), (0, 1000)]),
    ];
    for (name, swaps) in cases {
        let mut tracker = tracker();
        let swaps = swaps.iter().map(|(tick, liquidity)| swap(*tick, *liquidity));
        for (index, event) in [first(), add(1000, 0, 60)].into_iter().chain(swaps).enumerate() {
            tracker.apply(&placed(index, event)).unwrap_or_else(|error| panic!("{name}: {error}"));
        }
    }
}

#[test]
fn a_position_taken_out_leaves_no_tick_behind() {
    let mut tracker = tracker();
    let events = [first(), add(1000, 0, 60), add(500, 0, 60), remove(1500, 0, 60), remove(0, 0, 60)];
    for (index, event) in events.into_iter().enumerate() {
        tracker.apply(&placed(index, event)).unwrap();
    }
    assert!(tracker.ledger().concentrated().unwrap().ticks().is_empty());
    assert_eq!(tracker.ledger().liquidity(), Liquidity(0));
    let (_, position) = tracker.ledger().concentrated().unwrap().find(&NFT).unwrap();
    assert_eq!((position.liquidity, position.range), (Liquidity(0), range(0, 60)));
    assert_eq!((tracker.events(), tracker.events_before_last_block()), (5, 4));
}

fn tracker() -> PoolTracker {
    let pool = Pool {
        id: "usdc-tmai".parse().expect("a good id"),
        venue: Venue::UniswapV3,
        address: Address::repeat_byte(0xaa),
        position_manager: None,
        created_block: BlockNumber(1),
        vault: None,
        feeds: Vec::new(),
        wrappers: Vec::new(),
        facts: Default::default(),
    };
    PoolTracker::new(pool, [])
}

fn placed(index: usize, event: PoolEvent) -> PlacedEvent {
    let log_index = u32::try_from(index).expect("few events");
    let block = u64::from(log_index) * 10 + 10;
    PlacedEvent { block_number: BlockNumber(block), block_at: UnixSeconds(block), log_index, event }
}

fn range(lower: i32, upper: i32) -> TickRange {
    TickRange { lower: Tick(lower), upper: Tick(upper) }
}

fn price(tick: i32) -> SqrtPriceX96 {
    sqrt_ratio(Tick(tick)).expect("a tick that exists")
}

/// At the price of tick 0.
fn stands_for(liquidity: u128, lower: i32, upper: i32, rounding: Rounding) -> (Amount, Amount) {
    holdings(Liquidity(liquidity), range(lower, upper), Tick(0), price(0), rounding)
        .expect("a range that exists")
}

fn first() -> PoolEvent {
    PoolEvent::Initialized { sqrt_price_x96: price(0), tick: Tick(0) }
}

fn add(liquidity: u128, lower: i32, upper: i32) -> PoolEvent {
    let (amount0, amount1) = stands_for(liquidity, lower, upper, Rounding::Up);
    let (range, liquidity) = (range(lower, upper), Liquidity(liquidity));
    PoolEvent::LiquidityAdded { holding: NFT, range, liquidity, amount0, amount1 }
}

fn add_stating(range: TickRange, amount: Amount) -> PoolEvent {
    PoolEvent::LiquidityAdded {
        holding: NFT,
        range,
        liquidity: Liquidity(1),
        amount0: amount,
        amount1: amount,
    }
}

fn remove(liquidity: u128, lower: i32, upper: i32) -> PoolEvent {
    let (amount0, amount1) = stands_for(liquidity, lower, upper, Rounding::Down);
    let (range, liquidity) = (range(lower, upper), Liquidity(liquidity));
    PoolEvent::LiquidityRemoved { holding: NFT, range, liquidity, amount0, amount1 }
}

fn hand_over(from: Address, to: Address) -> PoolEvent {
    PoolEvent::HolderChanged { holding: NFT, from, to }
}

fn swap(tick: i32, liquidity: u128) -> PoolEvent {
    swap_to(price(tick), liquidity, tick)
}

fn swap_to(sqrt_price_x96: SqrtPriceX96, liquidity: u128, tick: i32) -> PoolEvent {
    let (amount0, amount1) = (SignedAmount::default(), SignedAmount::default());
    PoolEvent::Swapped { amount0, amount1, sqrt_price_x96, liquidity: Liquidity(liquidity), tick: Tick(tick) }
}
