//! What the ledger says at a block, and what the contracts answer at that block.

use std::collections::BTreeMap;

use accrual_indexer::follow::{Finality, Target};
use accrual_rehearsal::{Pool as PoolOnStage, RehearsalError, Stage, abi};
use accrual_rewards::id::Holding;
use accrual_rewards::tracker::PoolTracker;
use accrual_rewards::unit::{Amount, BlockNumber, SqrtPriceX96, Tick, TickRange};
use accrual_store::rebuild;
use accrual_tests::db::{Fresh, on_each_engine};
use alloy::primitives::aliases::I24;
use alloy::primitives::{Address, B256, Bytes, U256, keccak256};
use alloy::sol_types::SolCall;
use serde_json::json;

use super::crowd::Crowd;
use super::{campaigns, follower, pools, sync};

const FINALITY: Finality = Finality::Confirmations(20);

#[tokio::test(flavor = "multi_thread")]
async fn the_ledger_is_what_the_contracts_say_at_every_block_asked() {
    let mut crowd = Crowd::gather(7).await;
    let fresh = accrual_tests::db::fresh(accrual_store::Engine::Sqlite).await.unwrap();
    let mut live = follower(&crowd, &fresh.db, "http", FINALITY).await;
    let mut heights = Vec::new();
    for blocks in [1, 9, 20, 1, 40, 60, 3, 66, 100, 120] {
        crowd.play(blocks).await;
        let head = live.sync(Target::Head, &|_| {}).await.unwrap();
        heights.extend([head.0 - blocks / 2, head.0]);
    }
    assert_eq!(crowd.missing(), [""; 0], "some acts never went through");
    on_each_engine(async |at_once| {
        sync(&crowd, &at_once.db, FINALITY).await;
        let mut counts = Counts::default();
        for height in &heights {
            compare(&crowd, at_once, *height, &mut counts).await;
        }
        println!("{}: {counts:?} at {} blocks", at_once.engine, heights.len());
        assert!(counts.ticks > 600 && counts.nfts > 900 && counts.shared > 1200, "{counts:?}");
        assert!(counts.burnt > 100, "{counts:?}");
        // Following live, block by block as they came, leaves the same events.
        for table in ["events", "checkpoints"] {
            let rows = async |db| accrual_store::dump::table(db, table).await.unwrap();
            assert!(rows(&fresh.db).await == rows(&at_once.db).await, "{table} differ");
        }
    })
    .await;
    println!("{:?}", crowd.done);
    assert!(crowd.burnt() > 0);
    fresh.remove().await;
}

/// What was compared.
#[derive(Debug, Default)]
struct Counts {
    pools: usize,
    ticks: usize,
    nfts: usize,
    burnt: usize,
    /// Pool positions by owner and range.
    shared: usize,
}

async fn compare(crowd: &Crowd, fresh: &Fresh, height: u64, counts: &mut Counts) {
    let chain = Chain { stage: &crowd.stage, height };
    let campaigns = campaigns(crowd);
    let mut nfts = 0;
    for (pool, on_stage) in pools(crowd).iter().zip(&crowd.pools) {
        let at = BlockNumber(height);
        let tracker = rebuild::tracker_at(&fresh.db, pool, &campaigns, at).await.unwrap();
        compare_price(&chain, &tracker).await;
        counts.pools += 1;
        counts.ticks += compare_ticks(&chain, on_stage, &tracker).await;
        counts.shared += compare_pool_positions(&chain, &tracker).await;
        let (alive, burnt) = compare_nfts(&chain, on_stage, &tracker).await;
        nfts += alive;
        counts.burnt += burnt;
    }
    // Both pools' NFTs are all that the manager has: none is missing from the ledgers.
    let supply = chain.read(crowd.stage.manager, &abi::Manager::totalSupplyCall {}).await.unwrap();
    assert_eq!(U256::from(nfts), supply, "NFTs at block {height}");
    counts.nfts += nfts;
}

async fn compare_price(chain: &Chain<'_>, tracker: &PoolTracker) {
    let (pool, height) = (tracker.pool().address, chain.height);
    let price = tracker.ledger().price().unwrap();
    let slot0 = chain.read(pool, &abi::Pool::slot0Call {}).await.unwrap();
    assert_eq!(price.sqrt_price_x96, SqrtPriceX96(slot0.sqrtPriceX96.to()), "price of {pool} at {height}");
    assert_eq!(price.tick, Tick(slot0.tick.as_i32()), "tick of {pool} at {height}");
    let liquidity = chain.read(pool, &abi::Pool::liquidityCall {}).await.unwrap();
    assert_eq!(tracker.ledger().liquidity().0, liquidity, "liquidity of {pool} at {height}");
    compare_fees(chain, tracker).await;
}

/// Replayed from the swaps' logs, bit for bit.
async fn compare_fees(chain: &Chain<'_>, tracker: &PoolTracker) {
    let (pool, height) = (tracker.pool().address, chain.height);
    let fees = tracker.ledger().concentrated().unwrap().fees();
    let growth0 = chain.read(pool, &abi::Pool::feeGrowthGlobal0X128Call {}).await.unwrap();
    let growth1 = chain.read(pool, &abi::Pool::feeGrowthGlobal1X128Call {}).await.unwrap();
    assert_eq!(fees.growth_global_x128(), Some((growth0, growth1)), "fee growth of {pool} at {height}");
    let owed = chain.read(pool, &abi::Pool::protocolFeesCall {}).await.unwrap();
    let owed = [owed.token0, owed.token1].map(|units| Amount(U256::from(units)));
    assert_eq!(fees.protocol_owed(), Some(owed.into()), "protocol fees of {pool} at {height}");
}

/// Every tick of the ledger, and that the pool's bitmap has no other.
async fn compare_ticks(chain: &Chain<'_>, on_stage: &PoolOnStage, tracker: &PoolTracker) -> usize {
    let ticks = tracker.ledger().concentrated().unwrap().ticks();
    for (tick, ours) in ticks {
        let theirs =
            chain.read(on_stage.address, &abi::Pool::ticksCall { tick: tick24(*tick) }).await.unwrap();
        assert!(theirs.initialized, "tick {tick} at {}", chain.height);
        assert_eq!(ours.gross, theirs.liquidityGross, "gross of tick {tick} at {}", chain.height);
        assert_eq!(ours.net, theirs.liquidityNet, "net of tick {tick} at {}", chain.height);
    }
    let word = |tick: Tick| i16::try_from(tick.0.div_euclid(on_stage.tick_spacing * 256)).unwrap();
    let ends = ticks.first_key_value().zip(ticks.last_key_value());
    let Some(((first, _), (last, _))) = ends else { return 0 };
    let mut set = 0;
    for word in word(*first) - 4..=word(*last) + 4 {
        let bits = chain.read(on_stage.address, &abi::Pool::tickBitmapCall { word }).await.unwrap();
        set += bits.count_ones();
    }
    assert_eq!(set, ticks.len(), "initialized ticks of {} at {}", on_stage.address, chain.height);
    ticks.len()
}

/// The pool knows owners and ranges only: an NFT counts for its manager, beside what others gave the manager.
async fn compare_pool_positions(chain: &Chain<'_>, tracker: &PoolTracker) -> usize {
    let mut ours: BTreeMap<(Address, TickRange), u128> = BTreeMap::new();
    for position in tracker.ledger().positions() {
        let owner = match position.holding {
            Holding::Nft { manager, .. } => manager,
            Holding::Own { owner, .. } | Holding::Share { owner } => owner,
        };
        *ours.entry((owner, position.range)).or_default() += position.liquidity.0;
    }
    for ((owner, range), liquidity) in &ours {
        let call = abi::Pool::positionsCall { key: position_key(*owner, *range) };
        let theirs = chain.read(tracker.pool().address, &call).await.unwrap();
        assert_eq!(*liquidity, theirs.liquidity, "{owner} in {range} at {}", chain.height);
    }
    ours.len()
}

/// Every NFT of the ledger: how many live, and how many are burnt.
async fn compare_nfts(chain: &Chain<'_>, on_stage: &PoolOnStage, tracker: &PoolTracker) -> (usize, usize) {
    let (mut alive, mut burnt) = (0, 0);
    for position in tracker.ledger().positions() {
        let Holding::Nft { manager, id } = position.holding else { continue };
        let owner = chain.read(manager, &abi::Manager::ownerOfCall { tokenId: id }).await;
        if position.holder.is_zero() {
            assert!(owner.is_err(), "NFT {id} is burnt in the ledger, and alive at {}", chain.height);
            assert_eq!(position.liquidity.0, 0, "NFT {id}");
            burnt += 1;
            continue;
        }
        assert_eq!(owner.ok(), Some(position.holder), "owner of NFT {id} at {}", chain.height);
        let theirs = chain.read(manager, &abi::Manager::positionsCall { tokenId: id }).await.unwrap();
        let range =
            TickRange { lower: Tick(theirs.tickLower.as_i32()), upper: Tick(theirs.tickUpper.as_i32()) };
        assert_eq!(u32::try_from(theirs.fee).unwrap(), on_stage.fee_ppm, "pool of NFT {id}");
        assert_eq!(position.range, range, "range of NFT {id}");
        assert_eq!(position.liquidity.0, theirs.liquidity, "liquidity of NFT {id} at {}", chain.height);
        alive += 1;
    }
    (alive, burnt)
}

/// The contracts at one block.
struct Chain<'a> {
    stage: &'a Stage,
    height: u64,
}

impl Chain<'_> {
    async fn read<C: SolCall>(&self, to: Address, call: &C) -> Result<C::Return, RehearsalError> {
        let question = json!([{ "to": to, "data": Bytes::from(call.abi_encode()) }, U256::from(self.height)]);
        let answer: Bytes = self.stage.anvil.ask("eth_call", question).await?;
        Ok(C::abi_decode_returns(&answer).unwrap())
    }
}

fn tick24(Tick(tick): Tick) -> I24 {
    I24::try_from(tick).unwrap()
}

fn position_key(owner: Address, range: TickRange) -> B256 {
    let ends = [tick24(range.lower), tick24(range.upper)].map(|tick| tick.to_be_bytes::<3>());
    keccak256([owner.as_slice(), &ends[0], &ends[1]].concat())
}
