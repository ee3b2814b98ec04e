//! From events to figures: a pool with a gauge, whose depositors earn what the gauge holds.

use accrual_rewards::campaign::{Campaign, Scoring, Weights, Window};
use accrual_rewards::event::{PlacedEvent, PoolEvent};
use accrual_rewards::id::Venue;
use accrual_rewards::ledger::LedgerError;
use accrual_rewards::math::amounts::{Rounding, holdings};
use accrual_rewards::pool::{Pool, PoolFacts};
use accrual_rewards::tracker::PoolTracker;
use accrual_rewards::unit::{Amount, BlockNumber, Liquidity, SqrtPriceX96, Tick, UnixSeconds};
use alloy_primitives::{Address, U256};

use super::seen::*;

const PRICE: SqrtPriceX96 = SqrtPriceX96(U256::from_limbs([0, 1 << 32, 0, 0]));

fn pool() -> Pool {
    Pool {
        id: "pool".parse().expect("an id"),
        venue: Venue::AerodromeCl,
        address: CAT,
        position_manager: Some(MANAGER),
        created_block: BlockNumber(1),
        vault: None,
        feeds: Vec::new(),
        wrappers: vec![nft_gauge()],
        facts: PoolFacts::default(),
    }
}

/// One unit a second for 100 seconds.
fn campaign() -> Campaign {
    let campaign = Campaign {
        id: "hundred".parse().expect("an id"),
        pool: "pool".parse().expect("an id"),
        merkl_campaign_id: None,
        reward_token: CAT,
        budget: Amount(U256::from(100)),
        fee_ppm: 0,
        window: Window { starts_at: UnixSeconds(0), ends_at: UnixSeconds(100) },
        scoring: Scoring::PerBlock,
        run_seconds: None,
        weights: Weights { fees: 1, token0: 0, token1: 0 },
        out_of_range: false,
        blacklist: [GAUGE].into(),
        whitelist: [].into(),
        value_min_usd: None,
        versions: Vec::new(),
    };
    campaign.checked().expect("a good campaign")
}

fn added(id: u32, liquidity: u128) -> PoolEvent {
    let liquidity = Liquidity(liquidity);
    let (amount0, amount1) =
        holdings(liquidity, RANGE, Tick(0), PRICE, Rounding::Up).expect("amounts of a small position");
    PoolEvent::LiquidityAdded { holding: nft(id), range: RANGE, liquidity, amount0, amount1 }
}

fn moved(id: u32, from: Address, to: Address) -> PoolEvent {
    PoolEvent::HolderChanged { holding: nft(id), from, to }
}

fn staked(id: u32, depositor: Address) -> PoolEvent {
    PoolEvent::NftStaked { wrapper: GAUGE, holding: nft(id), depositor }
}

fn unstaked(id: u32, depositor: Address) -> PoolEvent {
    PoolEvent::NftUnstaked { wrapper: GAUGE, holding: nft(id), depositor }
}

/// Folds events in, each at its second, which is its block's number too.
fn track(events: Vec<(u64, PoolEvent)>) -> Result<PoolTracker, Box<LedgerError>> {
    let mut tracker = PoolTracker::new(pool(), [campaign()]);
    for (log_index, (seconds, event)) in (0..).zip(events) {
        let (block_number, block_at) = (BlockNumber(seconds), UnixSeconds(seconds));
        tracker.apply(&PlacedEvent { block_number, block_at, log_index, event })?;
    }
    Ok(tracker)
}

/// Ann and Bob have an NFT each from the start on; Ann stakes hers at once.
fn both() -> Vec<(u64, PoolEvent)> {
    vec![
        (0, PoolEvent::Initialized { sqrt_price_x96: PRICE, tick: Tick(0) }),
        (0, added(1, 1_000)),
        (0, moved(1, NOBODY, ANN)),
        (0, added(2, 1_000)),
        (0, moved(2, NOBODY, BOB)),
        (0, moved(1, ANN, GAUGE)),
        (0, staked(1, ANN)),
    ]
}

#[test]
fn depositors_earn_what_the_gauge_holds() {
    let more = vec![(40, moved(1, GAUGE, ANN)), (40, unstaked(1, ANN)), (60, moved(2, BOB, GAUGE))];
    let tracker = track([both(), more].concat()).unwrap();
    let figures = tracker.figures(&campaign().id, UnixSeconds(100)).unwrap().unwrap();
    let rows: Vec<_> = figures
        .rows
        .iter()
        .map(|row| (tracker.stake_key(row.stake).holding, row.account, row.earned, tracker.via(row)))
        .collect();
    let units = |units| Amount(U256::from(units));
    let expected = vec![(nft(1), ANN, units(70), vec![]), (nft(2), BOB, units(30), vec![])];
    assert_eq!(rows, expected, "Ann staked or not, Bob until he sent his to the gauge without a deposit");
}

#[test]
fn while_it_is_staked_the_way_names_the_gauge() {
    let tracker = track(both()).unwrap();
    let figures = tracker.figures(&campaign().id, UnixSeconds(10)).unwrap().unwrap();
    let ways: Vec<_> = figures.rows.iter().map(|row| (row.account, tracker.via(row))).collect();
    assert_eq!(ways, [(ANN, vec![GAUGE]), (BOB, vec![])]);
}

#[test]
fn a_lost_log_of_the_gauge_is_noticed_at_the_next_block() {
    let more = vec![(40, moved(1, GAUGE, ANN)), (41, added(2, 5))];
    let fault = track([both(), more].concat()).unwrap_err().to_string();
    assert!(fault.starts_with("pool pool at block 41, log 8: Nft"), "{fault}");
    assert!(fault.contains("is staked in gauge") && fault.contains("holds it"), "{fault}");
}
