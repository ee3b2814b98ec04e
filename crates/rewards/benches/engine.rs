//! What a whole campaign costs: 604,800 blocks and 1,000,000 events, with few and with many positions.
//!
//! `cargo bench -p accrual-rewards --bench engine` prints a table, a process for each size so that the peak of
//! memory is its own. Setting the positions up is not counted. Nothing here is random: the walk repeats.

use std::hint::black_box;
use std::process::Command;
use std::time::{Duration, Instant};

use accrual_rewards::campaign::{Campaign, Scoring, Weights, Window};
use accrual_rewards::event::{PlacedEvent, PoolEvent};
use accrual_rewards::id::{Holding, Venue};
use accrual_rewards::math::amounts::{Rounding, holdings};
use accrual_rewards::math::tick::sqrt_ratio;
use accrual_rewards::tracker::{Pool, PoolTracker};
use accrual_rewards::unit::{
    Amount, BlockNumber, Liquidity, SignedAmount, SqrtPriceX96, Tick, TickRange, UnixSeconds,
};
use alloy_primitives::{Address, U256};

const BLOCKS: u64 = 604_800;
const EVENTS: u64 = 1_000_000;
const POSITION_COUNTS: [u64; 3] = [10_000, 100_000, 1_000_000];
const SPACING: i32 = 10;
const START_TICK: i32 = -276_320;
const BORN_AT_SECONDS: u64 = 1_749_000_000;

fn main() {
    match std::env::var("ACCRUAL_BENCH_POSITIONS") {
        Ok(positions) => {
            measure(positions.parse().expect("ACCRUAL_BENCH_POSITIONS is a number of positions"))
        }
        Err(_) => {
            println!(
                "positions  fold s  ns/event  events/s  swap ns  stake ns  holder ns  report ms  peak MB  bytes/position"
            );
            POSITION_COUNTS.into_iter().for_each(in_its_own_process);
        }
    }
}

fn in_its_own_process(positions: u64) {
    let program = std::env::current_exe().expect("the bench knows its own file");
    let status = Command::new(program).env("ACCRUAL_BENCH_POSITIONS", positions.to_string()).status();
    assert!(status.expect("the bench can start itself").success(), "measuring {positions} positions failed");
}

fn measure(positions: u64) {
    let mut scene = Scene::new();
    let before_bytes = resident_bytes("VmRSS");
    (0..positions).for_each(|id| scene.open(id));
    let settled_bytes = resident_bytes("VmRSS");
    let mut spent = Spent::default();
    for number in 0..EVENTS {
        let (kind, event) = scene.next(number, positions);
        let begun = Instant::now();
        scene.tracker.apply(&event).expect("the scene is honest");
        spent.count(kind, begun.elapsed());
    }
    let begun = Instant::now();
    black_box(scene.tracker.campaigns()[0].figures(scene.end()).expect("not the past"));
    let report = begun.elapsed();
    let total = spent.total();
    println!(
        "{positions:>9}  {:>6}  {:>8}  {:>8}  {:>7}  {:>8}  {:>9}  {:>9}  {:>7}  {:>14}",
        format!("{}.{:03}", total.as_secs(), total.subsec_millis()),
        total.as_nanos() / u128::from(EVENTS),
        u128::from(EVENTS) * 1_000_000_000 / total.as_nanos(),
        spent.each(Kind::Swap),
        spent.each(Kind::Stake),
        spent.each(Kind::Holder),
        report.as_millis(),
        resident_bytes("VmHWM") / 1_000_000,
        settled_bytes.saturating_sub(before_bytes) / positions,
    );
}

#[derive(Clone, Copy)]
enum Kind {
    Swap,
    Stake,
    Holder,
}

/// Time and events of each kind. Reading the clock costs about 40 ns an event, which is counted too.
#[derive(Default)]
struct Spent([(Duration, u32); 3]);

impl Spent {
    fn count(&mut self, kind: Kind, spent: Duration) {
        let (sum, events) = &mut self.0[kind as usize];
        *sum += spent;
        *events += 1;
    }

    fn each(&self, kind: Kind) -> u128 {
        let (sum, events) = self.0[kind as usize];
        sum.as_nanos() / u128::from(events.max(1))
    }

    fn total(&self) -> Duration {
        self.0.iter().map(|(sum, _)| *sum).sum()
    }
}

/// A pool whose price walks at random, and people who add, remove and hand over around it.
struct Scene {
    tracker: PoolTracker,
    random: u64,
    block: u64,
    log_index: u32,
    tick: i32,
}

impl Scene {
    fn new() -> Self {
        let tracker = PoolTracker::new(pool(), [campaign()]);
        let mut scene =
            Self { tracker, random: 0x9e37_79b9_7f4a_7c15, block: 0, log_index: 0, tick: START_TICK };
        let first = PoolEvent::Initialized { sqrt_price_x96: ratio(START_TICK), tick: Tick(START_TICK) };
        let first = scene.place(first);
        scene.tracker.apply(&first).expect("the scene is honest");
        scene
    }

    fn end(&self) -> UnixSeconds {
        UnixSeconds(BORN_AT_SECONDS + 2 * BLOCKS)
    }

    /// Mints one position and hands it to its holder, in the first block.
    fn open(&mut self, id: u64) {
        let (range, liquidity) = (self.range(), Liquidity(10_u128.pow(15) + u128::from(self.below(1 << 60))));
        let (amount0, amount1) = self.amounts(range, liquidity, Rounding::Up);
        let holding = nft(id);
        let minted = PoolEvent::LiquidityAdded { holding, range, liquidity, amount0, amount1 };
        let named = PoolEvent::HolderChanged { holding, from: Address::ZERO, to: account(id) };
        for event in [minted, named] {
            let event = self.place(event);
            self.tracker.apply(&event).expect("the scene is honest");
        }
    }

    /// The event of this number: 85 % swaps, 10 % adds and removes, 5 % transfers.
    fn next(&mut self, number: u64, positions: u64) -> (Kind, PlacedEvent) {
        let block = 1 + number * (BLOCKS - 1) / EVENTS;
        if block != self.block {
            (self.block, self.log_index) = (block, 0);
        }
        let id = self.below(positions);
        let (kind, event) = match self.below(100) {
            0..85 => (Kind::Swap, self.swap()),
            85..95 => (Kind::Stake, self.stake(id)),
            _ => (Kind::Holder, self.hand_over(id)),
        };
        (kind, self.place(event))
    }

    /// A step of up to 6 ticks either way, drawn back to the middle.
    fn swap(&mut self) -> PoolEvent {
        let step = i32::try_from(self.below(13)).expect("below 13") - 6;
        self.tick += step - (self.tick - START_TICK) / 400;
        let (from, to) = (ratio(self.tick).0, ratio(self.tick + 1).0);
        let sqrt_price_x96 =
            SqrtPriceX96(from + (to - from) * U256::from(self.below(1000)) / U256::from(1000));
        PoolEvent::Swapped {
            amount0: SignedAmount::default(),
            amount1: SignedAmount::default(),
            sqrt_price_x96,
            liquidity: self.liquidity_at(self.tick),
            tick: Tick(self.tick),
        }
    }

    fn liquidity_at(&self, to: i32) -> Liquidity {
        let ledger = self.tracker.ledger().concentrated().expect("a concentrated pool");
        let from = ledger.price().expect("the pool has a price").tick.0;
        let crossed = ledger.ticks().range(Tick(from.min(to) + 1)..Tick(from.max(to) + 1));
        let net: i128 = crossed.map(|(_, tick)| tick.net).sum();
        let net = if from <= to { net } else { -net };
        Liquidity(ledger.liquidity().0.checked_add_signed(net).expect("the scene is honest"))
    }

    fn stake(&mut self, id: u64) -> PoolEvent {
        let holding = nft(id);
        let position = self
            .tracker
            .ledger()
            .concentrated()
            .expect("a concentrated pool")
            .find(&holding)
            .expect("every id was opened")
            .1;
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
        let from = self
            .tracker
            .ledger()
            .concentrated()
            .expect("a concentrated pool")
            .find(&holding)
            .expect("every id was opened")
            .1
            .holder;
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
        let block_at = UnixSeconds(BORN_AT_SECONDS + 2 * self.block);
        PlacedEvent { block_number: BlockNumber(self.block), block_at, log_index: self.log_index, event }
    }

    /// A number below `bound`, by xorshift; its small bias does not matter here.
    fn below(&mut self, bound: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 3) % bound
    }
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
        facts: Default::default(),
    }
}

fn campaign() -> Campaign {
    let window = Window {
        starts_at: UnixSeconds(BORN_AT_SECONDS),
        ends_at: UnixSeconds(BORN_AT_SECONDS + 2 * BLOCKS),
    };
    let campaign = Campaign {
        id: "campaign".parse().expect("a good id"),
        pool: "pool".parse().expect("a good id"),
        merkl_campaign_id: None,
        reward_token: Address::repeat_byte(0xbb),
        budget: Amount(U256::from(14_920_000_u64) * U256::from(10_u64.pow(18))),
        fee_ppm: 30_000,
        window,
        scoring: Scoring::PerBlock,
        run_seconds: None,
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

/// A line of `/proc/self/status`, in bytes; zero where there is none.
fn resident_bytes(line: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let found = status.lines().find_map(|text| text.strip_prefix(line)?.strip_prefix(':'));
    let kilobytes = found.and_then(|text| text.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}
