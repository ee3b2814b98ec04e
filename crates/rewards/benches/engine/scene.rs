//! The pool that the engine is measured on, and the people in it. Nothing here is random: the walk repeats.

use accrual_rewards::campaign::{Campaign, Scoring, Weights, Window};
use accrual_rewards::event::{PlacedEvent, PoolEvent};
use accrual_rewards::id::{Holding, Venue};
use accrual_rewards::ledger::concentrated::ConcentratedLedger;
use accrual_rewards::math::amounts::{Rounding, amount0, amount1, holdings};
use accrual_rewards::math::bitmap::next_tick;
use accrual_rewards::math::swap::{amount_in, fee_of_net};
use accrual_rewards::math::tick::sqrt_ratio;
use accrual_rewards::pool::PoolFacts;
use accrual_rewards::tracker::{Pool, PoolTracker};
use accrual_rewards::unit::{
    Amount, BlockNumber, Liquidity, SignedAmount, SqrtPriceX96, Tick, TickRange, UnixSeconds,
};
use alloy_primitives::{Address, I256, U256};

pub(crate) const BLOCKS: u64 = 604_800;
pub(crate) const EVENTS: u64 = 1_000_000;
const SPACING: i32 = 10;
const FEE_PPM: u32 = 500;
const START_TICK: i32 = -276_320;
const BORN_AT_SECONDS: u64 = 1_749_000_000;
/// Positions are set up so long before the first block that is measured: a run, and the next has begun.
const SETTING_UP_SECONDS: u64 = 2 * RUN_SECONDS as u64;
const RUN_SECONDS: u32 = 7200;

#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Swap,
    Stake,
    Holder,
}

/// A pool whose price walks at random, and people who add, remove and hand over around it.
pub(crate) struct Scene {
    pub(crate) tracker: PoolTracker,
    positions: u64,
    random: u64,
    block: u64,
    block_at: UnixSeconds,
    log_index: u32,
    tick: i32,
}

impl Scene {
    /// The pool with its positions, in the first run that is measured.
    pub(crate) fn new(scorings: &[Scoring], positions: u64) -> Self {
        let tracker = PoolTracker::new(pool(), scorings.iter().map(|scoring| campaign(*scoring)));
        let mut scene = Self {
            tracker,
            positions,
            random: 0x9e37_79b9_7f4a_7c15,
            block_at: UnixSeconds(BORN_AT_SECONDS - SETTING_UP_SECONDS),
            block: 0,
            log_index: 0,
            tick: START_TICK,
        };
        scene.play(PoolEvent::Initialized { sqrt_price_x96: ratio(START_TICK), tick: Tick(START_TICK) });
        (0..positions).for_each(|id| scene.open(id));
        scene.enter(1);
        let swap = scene.swap();
        scene.play(swap);
        scene
    }

    /// When the last block ends.
    pub(crate) fn end(&self) -> UnixSeconds {
        UnixSeconds(BORN_AT_SECONDS + 2 * BLOCKS)
    }

    /// Mints one position and hands it to its holder, in the first block.
    fn open(&mut self, id: u64) {
        let (range, liquidity) = (self.range(), Liquidity(10_u128.pow(15) + u128::from(self.below(1 << 60))));
        let (amount0, amount1) = self.amounts(range, liquidity, Rounding::Up);
        let holding = nft(id);
        self.play(PoolEvent::LiquidityAdded { holding, range, liquidity, amount0, amount1 });
        self.play(PoolEvent::HolderChanged { holding, from: Address::ZERO, to: account(id) });
    }

    fn play(&mut self, event: PoolEvent) {
        let event = self.place(event);
        self.tracker.apply(&event).expect("the scene is honest");
    }

    /// The event of this number: 85 % swaps, 10 % adds and removes, 5 % transfers.
    pub(crate) fn next(&mut self, number: u64) -> (Kind, PlacedEvent) {
        self.enter(1 + number * (BLOCKS - 1) / EVENTS);
        let id = self.below(self.positions);
        let (kind, event) = match self.below(100) {
            0..85 => (Kind::Swap, self.swap()),
            85..95 => (Kind::Stake, self.stake(id)),
            _ => (Kind::Holder, self.hand_over(id)),
        };
        (kind, self.place(event))
    }

    fn enter(&mut self, block: u64) {
        if block != self.block {
            (self.block, self.log_index) = (block, 0);
            self.block_at = UnixSeconds(BORN_AT_SECONDS + 2 * block);
        }
    }

    /// A step of up to 6 ticks either way, drawn back to the middle; what comes in is what the pool would take.
    fn swap(&mut self) -> PoolEvent {
        let step = i32::try_from(self.below(13)).expect("below 13") - 6;
        self.tick += step - (self.tick - START_TICK) / 400;
        let (from, to) = (ratio(self.tick).0, ratio(self.tick + 1).0);
        let sqrt_price_x96 =
            SqrtPriceX96(from + (to - from) * U256::from(1 + self.below(998)) / U256::from(1000));
        let ledger = concentrated(&self.tracker);
        let Traded { amount0, amount1, liquidity } = trade(ledger, sqrt_price_x96);
        PoolEvent::Swapped { amount0, amount1, sqrt_price_x96, liquidity, tick: Tick(self.tick) }
    }

    fn stake(&mut self, id: u64) -> PoolEvent {
        let holding = nft(id);
        let position = concentrated(&self.tracker).find(&holding).expect("every id was opened").1;
        let (range, held) = (position.range, position.liquidity);
        if self.below(2) == 0 || held.0 < 10 {
            let liquidity = Liquidity(10_u128.pow(15) + u128::from(self.below(1 << 58)));
            let (amount0, amount1) = self.amounts(range, liquidity, Rounding::Up);
            return PoolEvent::LiquidityAdded { holding, range, liquidity, amount0, amount1 };
        }
        let liquidity = if self.below(3) == 0 { held } else { Liquidity(held.0 / 2) };
        let (amount0, amount1) = self.amounts(range, liquidity, Rounding::Down);
        PoolEvent::LiquidityRemoved { holding, range, liquidity, amount0, amount1 }
    }

    fn hand_over(&mut self, id: u64) -> PoolEvent {
        let holding = nft(id);
        let from = concentrated(&self.tracker).find(&holding).expect("every id was opened").1.holder;
        PoolEvent::HolderChanged { holding, from, to: account(self.below(1 << 40)) }
    }

    /// Around the price, from one spacing wide to some thousands of ticks, on the grid.
    fn range(&mut self) -> TickRange {
        let width = [1, 5, 20, 60, 200, 600][usize::try_from(self.below(6)).expect("below 6")];
        let shift = i32::try_from(self.below(121)).expect("below 121") - 60;
        let middle = START_TICK / SPACING + shift;
        TickRange { lower: Tick((middle - width) * SPACING), upper: Tick((middle + width) * SPACING) }
    }

    fn amounts(&self, range: TickRange, liquidity: Liquidity, rounding: Rounding) -> (Amount, Amount) {
        let price = self.tracker.ledger().price().expect("the pool has a price");
        holdings(liquidity, range, price.tick, price.sqrt_price_x96, rounding).expect("a range that exists")
    }

    fn place(&mut self, event: PoolEvent) -> PlacedEvent {
        self.log_index += 1;
        let (block_number, block_at) = (BlockNumber(self.block), self.block_at);
        PlacedEvent { block_number, block_at, log_index: self.log_index, event }
    }

    /// A number below `bound`, by xorshift; its small bias does not matter here.
    fn below(&mut self, bound: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 3) % bound
    }
}

fn concentrated(tracker: &PoolTracker) -> &ConcentratedLedger {
    tracker.ledger().concentrated().expect("a concentrated pool")
}

/// What a swap's log says beside the price.
struct Traded {
    amount0: SignedAmount,
    amount1: SignedAmount,
    liquidity: Liquidity,
}

/// A swap to `to` as the pool makes it, step by step.
fn trade(ledger: &ConcentratedLedger, to: SqrtPriceX96) -> Traded {
    let start = ledger.price().expect("the pool has a price");
    let falls = to < start.sqrt_price_x96;
    let (mut from, mut tick) = (start.sqrt_price_x96, start.tick);
    let mut liquidity = ledger.liquidity();
    let (mut input, mut output) = (U256::ZERO, U256::ZERO);
    while from != to {
        let next = next_tick(ledger.ticks(), tick, SPACING, falls);
        let end = ratio(next.tick.0);
        let is_full = if falls { end >= to } else { end <= to };
        let reached = if is_full { end } else { to };
        let net = amount_in(liquidity, from, reached).expect("the pool is small");
        input += net + fee_of_net(net, FEE_PPM).expect("the pool is small");
        output += amount_out(liquidity, from, reached);
        if is_full {
            let crossed = ledger.ticks().get(&next.tick).map_or(0, |tick| tick.net);
            let crossed = if falls { -crossed } else { crossed };
            liquidity = Liquidity(liquidity.0.checked_add_signed(crossed).expect("the scene is honest"));
            tick = if falls { Tick(next.tick.0 - 1) } else { next.tick };
        }
        from = reached;
    }
    let (input, output) = (SignedAmount(I256::from_raw(input)), SignedAmount(-I256::from_raw(output)));
    let (amount0, amount1) = if falls { (input, output) } else { (output, input) };
    Traded { amount0, amount1, liquidity }
}

fn amount_out(liquidity: Liquidity, from: SqrtPriceX96, to: SqrtPriceX96) -> U256 {
    let out = if to < from {
        amount1(liquidity, to, from, Rounding::Down)
    } else {
        amount0(liquidity, from, to, Rounding::Down)
    };
    out.expect("the pool is small").0
}

fn pool() -> Pool {
    Pool {
        id: "pool".parse().expect("a good id"),
        venue: Venue::UniswapV3,
        address: Address::repeat_byte(0xaa),
        position_manager: None,
        created_block: BlockNumber(0),
        vault: None,
        feeds: Vec::new(),
        wrappers: Vec::new(),
        facts: PoolFacts { tick_spacing: Some(SPACING), fee_ppm: Some(FEE_PPM), ..PoolFacts::default() },
    }
}

fn campaign(scoring: Scoring) -> Campaign {
    let window = Window {
        starts_at: UnixSeconds(BORN_AT_SECONDS),
        ends_at: UnixSeconds(BORN_AT_SECONDS + 2 * BLOCKS),
    };
    let campaign = Campaign {
        id: scoring.as_str().parse().expect("a good id"),
        pool: "pool".parse().expect("a good id"),
        merkl_campaign_id: None,
        reward_token: Address::repeat_byte(0xbb),
        budget: Amount(U256::from(14_920_000_u64) * U256::from(10_u64.pow(18))),
        fee_ppm: 30_000,
        window,
        scoring,
        run_seconds: scoring.is_by_run().then_some(RUN_SECONDS),
        weights: Weights { fees: 4000, token0: 3000, token1: 3000 },
        out_of_range: false,
        blacklist: [account(1)].into(),
        whitelist: [].into(),
        value_min_usd: None,
        versions: Vec::new(),
    };
    campaign.checked().expect("a payable campaign")
}

fn nft(id: u64) -> Holding {
    Holding::Nft { manager: Address::repeat_byte(0xee), id: U256::from(id) }
}

fn account(number: u64) -> Address {
    let mut bytes = [0x11; 20];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    Address::from(bytes)
}

fn ratio(tick: i32) -> SqrtPriceX96 {
    sqrt_ratio(Tick(tick)).expect("the walk stays near its middle")
}
