//! A small concentrated pool that plays what it is told, and keeps the events that a real one would have written.

use std::collections::BTreeSet;

use accrual_rewards::campaign::{Campaign, Scoring, Weights, Window};
use accrual_rewards::event::{PlacedEvent, PoolEvent};
use accrual_rewards::id::{Holding, PositionKey, Venue};
use accrual_rewards::math::amounts::{Rounding, holdings};
use accrual_rewards::math::tick::sqrt_ratio;
use accrual_rewards::pool::{FeedFacts, Pool, PoolFacts, Wrapper};
use accrual_rewards::tracker::PoolTracker;
use accrual_rewards::unit::{Amount, BlockNumber, Liquidity, SignedAmount, Tick, TickRange, UnixSeconds};
use alloy_primitives::{Address, I256, U256};

pub(crate) const ALICE: Address = Address::repeat_byte(0xa1);
pub(crate) const BOB: Address = Address::repeat_byte(0xb0);
pub(crate) const CAROL: Address = Address::repeat_byte(0xca);
pub(crate) const TOKEN0: Address = Address::repeat_byte(0x10);
pub(crate) const TOKEN1: Address = Address::repeat_byte(0x11);
pub(crate) const REWARD: Address = Address::repeat_byte(0x99);
pub(crate) const FEED: Address = Address::repeat_byte(0xfe);

/// A whole token's units: both have 6 decimals.
pub(crate) const ONE: u64 = 1_000_000;

pub(crate) fn range(lower: i32, upper: i32) -> TickRange {
    TickRange { lower: Tick(lower), upper: Tick(upper) }
}

pub(crate) fn units(units: u64) -> Amount {
    Amount(U256::from(units))
}

/// Pays 1 whole token a second for `seconds`, by range liquidity.
pub(crate) fn campaign(starts_at: u64, seconds: u64) -> Campaign {
    Campaign {
        id: "june".parse().unwrap(),
        pool: "pool".parse().unwrap(),
        merkl_campaign_id: None,
        reward_token: REWARD,
        budget: units(seconds * ONE),
        fee_ppm: 0,
        window: Window { starts_at: UnixSeconds(starts_at), ends_at: UnixSeconds(starts_at + seconds) },
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

/// What was played, and the tracker that folded it.
#[derive(Clone)]
pub(crate) struct Small {
    pub(crate) tracker: PoolTracker,
    pub(crate) events: Vec<PlacedEvent>,
    at: u64,
    log_index: u32,
}

impl Small {
    /// A pool that gets the price of `tick` at `at`.
    pub(crate) fn new(campaigns: Vec<Campaign>, wrappers: Vec<Wrapper>, at: u64, tick: i32) -> Self {
        Self::of(pool(wrappers), campaigns, at, tick)
    }

    pub(crate) fn of(pool: Pool, campaigns: Vec<Campaign>, at: u64, tick: i32) -> Self {
        let tracker = PoolTracker::new(pool, campaigns);
        let mut small = Self { tracker, events: Vec::new(), at, log_index: 0 };
        small.play(PoolEvent::Initialized {
            sqrt_price_x96: sqrt_ratio(Tick(tick)).unwrap(),
            tick: Tick(tick),
        });
        small
    }

    /// The next block is at `at`.
    pub(crate) fn at(&mut self, at: u64) -> &mut Self {
        self.at = at;
        self
    }

    pub(crate) fn add(&mut self, owner: Address, range: TickRange, liquidity: u128) -> &mut Self {
        let (amount0, amount1) = self.amounts(range, liquidity, Rounding::Up);
        let (holding, liquidity) = (Holding::Own { owner, range }, Liquidity(liquidity));
        self.play(PoolEvent::LiquidityAdded { holding, range, liquidity, amount0, amount1 })
    }

    pub(crate) fn remove(&mut self, owner: Address, range: TickRange, liquidity: u128) -> &mut Self {
        let (amount0, amount1) = self.amounts(range, liquidity, Rounding::Down);
        let (holding, liquidity) = (Holding::Own { owner, range }, Liquidity(liquidity));
        self.play(PoolEvent::LiquidityRemoved { holding, range, liquidity, amount0, amount1 })
    }

    /// A swap up to the price of `tick`.
    pub(crate) fn swap(&mut self, tick: i32) -> &mut Self {
        let positions = self.tracker.ledger().positions().iter();
        let active = positions.filter(|position| position.range.contains(Tick(tick)));
        let liquidity = Liquidity(active.map(|position| position.liquidity.0).sum());
        let amount = SignedAmount(I256::ONE);
        self.play(PoolEvent::Swapped {
            amount0: amount,
            amount1: SignedAmount(-amount.0),
            sqrt_price_x96: sqrt_ratio(Tick(tick)).unwrap(),
            liquidity,
            tick: Tick(tick),
        })
    }

    pub(crate) fn play(&mut self, event: PoolEvent) -> &mut Self {
        self.log_index += 1;
        let placed = PlacedEvent {
            // A block every second.
            block_number: BlockNumber(self.at),
            block_at: UnixSeconds(self.at),
            log_index: self.log_index,
            event,
        };
        self.tracker.apply(&placed).unwrap();
        self.events.push(placed);
        self
    }

    fn amounts(&self, range: TickRange, liquidity: u128, rounding: Rounding) -> (Amount, Amount) {
        let price = self.tracker.ledger().price().unwrap();
        holdings(Liquidity(liquidity), range, price.tick, price.sqrt_price_x96, rounding).unwrap()
    }
}

pub(crate) fn key(owner: Address, range: TickRange) -> PositionKey {
    PositionKey {
        venue: Venue::UniswapV3,
        pool: Address::repeat_byte(0xaa),
        holding: Holding::Own { owner, range },
    }
}

pub(crate) fn pool(wrappers: Vec<Wrapper>) -> Pool {
    Pool {
        id: "pool".parse().unwrap(),
        venue: Venue::UniswapV3,
        address: Address::repeat_byte(0xaa),
        position_manager: None,
        created_block: BlockNumber(1),
        vault: None,
        feeds: vec![FEED],
        wrappers,
        facts: PoolFacts {
            tokens: vec![TOKEN0, TOKEN1],
            decimals: vec![Some(6), Some(6)],
            // Neither is known, so that swaps of made-up amounts pass.
            tick_spacing: None,
            fee_ppm: None,
            feeds: vec![FeedFacts { feed: FEED, aggregators: vec![FEED], decimals: 8 }],
            ..PoolFacts::default()
        },
    }
}
