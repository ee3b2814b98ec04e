//! How fast events are stored and read again, and how many bytes each takes, on both engines.
//!
//! `cargo bench -p accrual-tests --bench store`; PostgreSQL is measured where `ACCRUAL_TEST_POSTGRES_URL` names a server. Stores
//! 1,000,000 swaps of one pool in batches of 50,000, one transaction each, then reads them all, in turn on each engine.

use std::time::{Duration, Instant};

use accrual_rewards::event::{PlacedEvent, PoolEvent};
use accrual_rewards::id::{PoolId, Venue};
use accrual_rewards::unit::{BlockNumber, Liquidity, SignedAmount, SqrtPriceX96, Tick, UnixSeconds};
use accrual_store::{Db, Engine, Extension, Header, Pack, PoolExtension, PoolRow, StoreError};
use accrual_store::{commit, events, pools};
use accrual_tests::db;
use alloy::primitives::{Address, B256, I256, U256};

const RUNS: usize = 5;
const BATCHES: u64 = 20;
const BATCH_EVENTS: u64 = 50_000;
const BLOCK_EVENTS: u64 = 5;

/// What one run took, and left behind.
struct Run {
    storing: Duration,
    reading: Duration,
    bytes: u64,
}

#[tokio::main]
async fn main() {
    let engines = [Engine::Sqlite, Engine::Postgres];
    let mut runs = [Vec::new(), Vec::new()];
    for _ in 0..RUNS {
        for (engine, runs) in engines.into_iter().zip(&mut runs) {
            runs.extend(run(engine).await);
        }
    }
    println!("| engine | events stored a second | events read and decoded a second | bytes an event |");
    println!("|---|---|---|---|");
    for (engine, runs) in engines.iter().zip(&runs).filter(|(_, runs)| !runs.is_empty()) {
        let bytes = runs.iter().map(|run| run.bytes).max().unwrap_or(0) / (BATCHES * BATCH_EVENTS);
        let (storing, reading) = (rates(runs, |run| run.storing), rates(runs, |run| run.reading));
        println!("| {engine} | {storing} | {reading} | {bytes} |");
    }
}

/// `None` where there is no server.
async fn run(engine: Engine) -> Option<Run> {
    let fresh = db::fresh(engine).await?;
    let pool: PoolId = "speed".parse().expect("a good id");
    pools::register(&fresh.db, &row(&pool)).await.expect("a pool is registered");
    let before = fresh.bytes().await;
    let storing = store(&fresh.db, &pool).await.expect("events are stored");
    let bytes = fresh.bytes().await - before;
    let reading = read(&fresh.db, &pool).await.expect("events are read");
    fresh.remove().await;
    Some(Run { storing, reading, bytes })
}

async fn store(db: &Db, pool: &PoolId) -> Result<Duration, StoreError> {
    let mut after = None;
    let mut spent = Duration::ZERO;
    for batch in 0..BATCHES {
        let events: Vec<PlacedEvent> = (batch * BATCH_EVENTS..(batch + 1) * BATCH_EVENTS).map(swap).collect();
        let through = header(events.last().expect("a batch has events").block_number);
        let started = Instant::now();
        let packs = Pack::of(&events);
        let pools = [PoolExtension { pool, after, packs: &packs, snapshots: &[], series: None }];
        commit::extend(db, &Extension { chain_id: 8453, through, headers: &[], pools: &pools }).await?;
        spent += started.elapsed();
        after = Some(through.block());
    }
    Ok(spent)
}

async fn read(db: &Db, pool: &PoolId) -> Result<Duration, StoreError> {
    let started = Instant::now();
    let mut after = None;
    loop {
        let page = events::page(db, pool, after, BlockNumber(u64::MAX), events::PAGE_PACKS).await?;
        let Some(last) = page.last() else { return Ok(started.elapsed()) };
        after = Some(last.block_number);
    }
}

/// Events a second: the median, the lowest and the highest.
fn rates(runs: &[Run], of: impl Fn(&Run) -> Duration) -> String {
    let rate = |run| u128::from(BATCHES * BATCH_EVENTS) * 1000 / of(run).as_millis().max(1);
    let mut rates: Vec<u128> = runs.iter().map(rate).collect();
    rates.sort_unstable();
    let [lowest, .., highest] = rates[..] else { return String::new() };
    format!("{} ({lowest} to {highest})", rates[rates.len() / 2])
}

fn row(pool: &PoolId) -> PoolRow {
    PoolRow {
        pool: pool.clone(),
        chain_id: 8453,
        venue: Venue::UniswapV3,
        address: Address::repeat_byte(1),
        position_manager: None,
        created_block: BlockNumber(1),
        token0: None,
        token1: None,
    }
}

fn header(number: BlockNumber) -> Header {
    let hash = |number| B256::from(U256::from(number));
    Header { number, hash: hash(number.0), parent_hash: hash(number.0 - 1), at: UnixSeconds(number.0 * 2) }
}

fn swap(index: u64) -> PlacedEvent {
    let number = 31_000_000 + index / BLOCK_EVENTS;
    let amount = |units: u64| I256::try_from(U256::from(units)).expect("64 bits fit");
    PlacedEvent {
        block_number: BlockNumber(number),
        block_at: UnixSeconds(number * 2),
        log_index: u32::try_from(index % BLOCK_EVENTS * 7).expect("a small number"),
        event: PoolEvent::Swapped {
            amount0: SignedAmount(-amount(123_456_789_012 + index)),
            amount1: SignedAmount(amount(9_876_543_210_987_654_321 - index)),
            sqrt_price_x96: SqrtPriceX96(U256::from(
                79_228_162_514_264_337_593_543_950_336_u128 + u128::from(index),
            )),
            liquidity: Liquidity(1_234_567_890_123_456_789_012 + u128::from(index)),
            tick: Tick(-193_284),
        },
    }
}
