//! The whole way from a node's logs to stored figures, in one small program to profile:
//! `cargo run --release -p accrual-indexer --example backfill -- RPC_URL DATABASE_URL POOL MANAGER FIRST_BLOCK [off|bloom|receipts [RANGE_BLOCKS_MAX]]`.
//!
//! It does what `accrual index --to head` does for one Uniswap v3 pool and one campaign over all of the chain's time.

use std::error::Error;
use std::time::Instant;

use accrual_indexer::complete::Completeness;
use accrual_indexer::follow::{Finality, FollowOptions, Follower, Target};
use accrual_indexer::rpc::{RpcOptions, RpcSource};
use accrual_indexer::source::LogSource;
use accrual_rewards::campaign::{Campaign, Scoring, Weights, Window};
use accrual_rewards::id::Venue;
use accrual_rewards::pool::PoolFacts;
use accrual_rewards::tracker::Pool;
use accrual_rewards::unit::{Amount, BlockNumber, UnixSeconds};
use accrual_store::{Db, Mode};
use alloy::primitives::{Address, U256};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [node, database, address, manager, first, rest @ ..] = &arguments[..] else {
        return Err(
            "it takes RPC_URL DATABASE_URL POOL MANAGER FIRST_BLOCK [off|bloom|receipts [RANGE_BLOCKS_MAX]]"
                .into(),
        );
    };
    let completeness = match rest.first().map(String::as_str) {
        None | Some("off") => Completeness::Off,
        Some("bloom") => Completeness::Bloom,
        Some(_) => Completeness::Receipts,
    };
    let source = RpcSource::new(std::slice::from_ref(node), RpcOptions::default());
    let pool = Pool {
        id: "pool".parse()?,
        venue: Venue::UniswapV3,
        address: address.parse()?,
        position_manager: Some(manager.parse()?),
        created_block: BlockNumber(first.parse()?),
        vault: None,
        feeds: Vec::new(),
        wrappers: Vec::new(),
        facts: PoolFacts::default(),
    };
    let campaign = campaign(&source, &pool).await?;
    let chain_id = source.chain_id().await?;
    let db = Db::open(&database.parse()?, Mode::Write).await?;
    db.migrate().await?;
    let options = FollowOptions {
        chain_id,
        finality: Finality::Finalized,
        log_range_blocks_max: rest.get(1).map_or(Ok(10_000), |text| text.parse())?,
        block_seconds: Some(2),
        ranges_in_flight_max: 4,
        completeness,
        commit_events_max: 15_000,
        snapshot_events: 50_000,
        now: || UnixSeconds(0),
    };
    let begun = Instant::now();
    let mut follower = Follower::open(source, db.clone(), vec![pool], vec![campaign], options).await?;
    let reached = follower.sync(Target::Head, &|_| {}).await?;
    db.close().await;
    println!("block {} after {} ms", reached.0, begun.elapsed().as_millis());
    Ok(())
}

/// A campaign from the first block to past the last.
async fn campaign(source: &RpcSource, pool: &Pool) -> Result<Campaign, Box<dyn Error>> {
    let head = source.heads().await?.latest;
    let first = source.headers(&[pool.created_block]).await?.pop().flatten().ok_or("no first block")?;
    Ok(Campaign {
        id: "campaign".parse()?,
        pool: pool.id.clone(),
        merkl_campaign_id: None,
        reward_token: Address::repeat_byte(2),
        budget: Amount(U256::from(14_920_000_u64) * U256::from(10_u64).pow(U256::from(18))),
        fee_ppm: 30_000,
        window: Window { starts_at: first.at, ends_at: UnixSeconds(head.at.0 + 2) },
        scoring: Scoring::PerBlock,
        run_seconds: None,
        weights: Weights { fees: 4_000, token0: 3_000, token1: 3_000 },
        out_of_range: false,
        blacklist: [].into(),
        whitelist: [].into(),
        value_min_usd: None,
        versions: Vec::new(),
    })
}
