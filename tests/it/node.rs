//! The follower against a real EVM node with Uniswap's own contracts.
//!
//! - `crowd`: seeded people who do everything that a provider may do, in two pools of one manager.
//! - `against_chain`: every figure of the ledger against what the contracts answer at the same block.
//! - `aerodrome`, `slipstream`, `balancer`: the same for the other venues, with gauges and vaults; `venues` helps.
//! - `complete`: a node that leaves logs out, or invents some.
//! - `discover`: campaigns that were announced on the chain.
//! - `distributor`: our tree paid by a Distributor-like contract, and its logs read behind the pools.
//! - `killed`: the process ends at any moment while blocks are made.
//! - `parts`: two workers on one database.
//! - `reorgs`: the chain changes its mind.
//! - `verify`: what is stored against the contracts, with and without Multicall3, and a changed row.
//! - `heads`: how a new block is noticed, and a node that is behind.

mod aerodrome;
mod against_chain;
mod balancer;
mod complete;
mod crowd;
mod discover;
mod distributor;
mod heads;
mod killed;
mod parts;
mod reorgs;
mod slipstream;
mod venues;
mod verify;

use accrual_indexer::complete::Completeness;
use accrual_indexer::follow::{Finality, FollowOptions, Follower, Target};
use accrual_indexer::rpc::{RpcOptions, RpcSource};
use accrual_rewards::campaign::{Campaign, Scoring, Weights, Window};
use accrual_rewards::id::Venue;
use accrual_rewards::tracker::Pool;
use accrual_rewards::unit::{BlockNumber, UnixSeconds};
use accrual_store::Db;

use crowd::Crowd;

/// The pools as the follower is told of them.
fn pools(crowd: &Crowd) -> Vec<Pool> {
    let pool = |(pool, id): (&accrual_rehearsal::Pool, &str)| Pool {
        id: id.parse().unwrap(),
        venue: Venue::UniswapV3,
        address: pool.address,
        position_manager: Some(crowd.stage.manager),
        created_block: BlockNumber(pool.created_block),
        vault: None,
        feeds: Vec::new(),
        wrappers: Vec::new(),
        facts: Default::default(),
    };
    crowd.pools.iter().zip(["wide", "narrow"]).map(pool).collect()
}

/// A campaign on the first pool that runs all the while, so that snapshots hold accruals too.
fn campaigns(crowd: &Crowd) -> Vec<Campaign> {
    let campaign = Campaign {
        id: "live".parse().unwrap(),
        pool: "wide".parse().unwrap(),
        merkl_campaign_id: None,
        reward_token: crowd.stage.reward,
        budget: "1000000000000000000000000".parse().unwrap(),
        fee_ppm: 0,
        window: Window { starts_at: UnixSeconds(1_749_056_400), ends_at: UnixSeconds(1_749_060_000) },
        scoring: Scoring::PerBlock,
        run_seconds: None,
        weights: Weights { fees: 4000, token0: 3000, token1: 3000 },
        out_of_range: false,
        blacklist: [].into(),
        whitelist: [].into(),
        value_min_usd: None,
        versions: Vec::new(),
    };
    vec![campaign.checked().unwrap()]
}

fn options(finality: Finality) -> FollowOptions {
    FollowOptions {
        chain_id: 8453,
        finality,
        block_seconds: Some(2),
        log_range_blocks_max: 25,
        ranges_in_flight_max: 3,
        completeness: Completeness::Bloom,
        commit_events_max: 30,
        snapshot_events: 40,
        now: || UnixSeconds(1_749_060_000),
    }
}

/// A follower of the crowd's node, over `http` or `ws`.
async fn follower(crowd: &Crowd, db: &Db, scheme: &str, finality: Finality) -> Follower {
    let url = crowd.stage.anvil.url().replacen("http", scheme, 1);
    let rpc = RpcOptions { poll_interval: std::time::Duration::from_secs(60), ..RpcOptions::default() };
    let source = RpcSource::new(&[url], rpc);
    Follower::open(source, db.clone(), pools(crowd), campaigns(crowd), options(finality)).await.unwrap()
}

/// Brings `db` to the head, with a follower of its own.
async fn sync(crowd: &Crowd, db: &Db, finality: Finality) {
    follower(crowd, db, "http", finality).await.sync(Target::Head, &|_| {}).await.unwrap();
}
