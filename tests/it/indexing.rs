//! The recorded rehearsal, indexed over JSON-RPC on both engines: whatever the way, the same rows.

use accrual_indexer::complete::Completeness;
use accrual_indexer::follow::{Finality, FollowOptions, Follower, Target};
use accrual_indexer::rpc::{RpcOptions, RpcSource};
use accrual_recording::NodeOptions;
use accrual_rewards::campaign::{Campaign, Scoring, Weights, Window};
use accrual_rewards::event::PoolEvent;
use accrual_rewards::id::{Holding, Venue};
use accrual_rewards::pool::{PoolFacts, Wrapper, WrapperKind};
use accrual_rewards::tracker::{Pool, PoolTracker};
use accrual_rewards::unit::{BlockNumber, UnixSeconds};
use accrual_store::{Db, checkpoints, events, pools, rebuild};
use accrual_tests::db::{Fresh, on_each_engine};
use accrual_tests::played::{Played, play};
use alloy::primitives::Address;

/// What must be the same however the chain was cut. Headers are not among it: which are kept follows the ranges.
const TABLES: [&str; 7] =
    ["checkpoints", "events", "snapshots", "pool_points", "campaign_points", "account_points", "series"];

fn pool(played: &Played) -> Pool {
    let text = &played.recording.meta.config_toml;
    let value = |key: &str| {
        let line = text.lines().find(|line| line.starts_with(key)).unwrap_or_else(|| panic!("{key}"));
        line.split('=').nth(1).unwrap().split('#').next().unwrap().trim().trim_matches('"').to_owned()
    };
    let pools = text.find("[[pools]]").unwrap();
    let in_pool = |key: &str| {
        let line = text[pools..].lines().find(|line| line.trim_start().starts_with(key)).unwrap();
        line.split('=').nth(1).unwrap().split('#').next().unwrap().trim().trim_matches('"').to_owned()
    };
    Pool {
        id: in_pool("id").parse().unwrap(),
        venue: Venue::UniswapV3,
        address: in_pool("address").parse().unwrap(),
        position_manager: Some(value("position_manager").parse().unwrap()),
        created_block: BlockNumber(value("created_block").parse().unwrap()),
        vault: None,
        feeds: Vec::new(),
        wrappers: Vec::new(),
        facts: Default::default(),
    }
}

fn campaign(pool: &Pool) -> Campaign {
    Campaign {
        id: "c".parse().unwrap(),
        pool: pool.id.clone(),
        merkl_campaign_id: None,
        reward_token: Address::repeat_byte(7),
        budget: "14920000000000000000000000".parse().unwrap(),
        fee_ppm: 0,
        window: Window { starts_at: UnixSeconds(1_749_142_800), ends_at: UnixSeconds(1_750_352_400) },
        scoring: Scoring::PerBlock,
        run_seconds: None,
        weights: Weights { fees: 4000, token0: 3000, token1: 3000 },
        out_of_range: false,
        blacklist: [].into(),
        whitelist: [].into(),
        value_min_usd: None,
        versions: Vec::new(),
    }
    .checked()
    .unwrap()
}

fn options(played: &Played, log_range_blocks_max: u32, ranges_in_flight_max: usize) -> FollowOptions {
    FollowOptions {
        chain_id: played.recording.meta.chain_id,
        finality: Finality::Finalized,
        block_seconds: Some(2),
        log_range_blocks_max,
        ranges_in_flight_max,
        completeness: Completeness::Bloom,
        commit_events_max: 300,
        snapshot_events: 700,
        now: || UnixSeconds(1_750_600_000),
    }
}

async fn follower(played: &Played, db: &Db, options: FollowOptions) -> Follower {
    let pool = pool(played);
    let campaigns = vec![campaign(&pool)];
    let source = RpcSource::new(std::slice::from_ref(&played.url), RpcOptions::default());
    Follower::open(source, db.clone(), vec![pool], campaigns, options).await.unwrap()
}

async fn rows(fresh: &Fresh) -> Vec<(&'static str, Vec<Vec<String>>)> {
    let mut dump = fresh.dump().await;
    dump.retain(|(name, _)| TABLES.contains(name));
    dump
}

#[tokio::test(flavor = "multi_thread")]
async fn however_it_is_cut_the_rows_are_the_same() {
    struct Cut {
        name: &'static str,
        log_range_blocks_max: u32,
        in_flight: usize,
        node_range_blocks_max: u64,
        batch_requests_max: usize,
        block_timestamp: bool,
    }
    let cuts = [
        Cut {
            name: "as it comes",
            log_range_blocks_max: 10_000,
            in_flight: 4,
            node_range_blocks_max: 10_000,
            batch_requests_max: 1000,
            block_timestamp: true,
        },
        Cut {
            name: "one by one",
            log_range_blocks_max: 500,
            in_flight: 1,
            node_range_blocks_max: 10_000,
            batch_requests_max: 1000,
            block_timestamp: true,
        },
        Cut {
            name: "the node refuses",
            log_range_blocks_max: 10_000,
            in_flight: 3,
            node_range_blocks_max: 113,
            batch_requests_max: 1000,
            block_timestamp: true,
        },
        Cut {
            name: "no times in logs, and small batches",
            log_range_blocks_max: 1000,
            in_flight: 4,
            node_range_blocks_max: 10_000,
            batch_requests_max: 7,
            block_timestamp: false,
        },
    ];
    let mut first: Option<Vec<_>> = None;
    for cut in cuts {
        let node = NodeOptions {
            log_range_blocks_max: cut.node_range_blocks_max,
            batch_requests_max: cut.batch_requests_max,
            block_timestamp: cut.block_timestamp,
            ..NodeOptions::default()
        };
        let played = play(node).await;
        let fresh = accrual_tests::db::fresh(accrual_store::Engine::Sqlite).await.unwrap();
        let options = options(&played, cut.log_range_blocks_max, cut.in_flight);
        follower(&played, &fresh.db, options).await.sync(Target::Head, &|_| {}).await.unwrap();
        let rows = rows(&fresh).await;
        fresh.remove().await;
        assert!(rows.iter().all(|(name, rows)| !rows.is_empty() || panic!("{name} is empty")));
        match &first {
            None => first = Some(rows),
            Some(first) => assert!(*first == rows, "{}: other rows than as it comes", cut.name),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn both_engines_hold_the_same() {
    let played = play(NodeOptions::default()).await;
    let dumps = std::sync::Mutex::new(Vec::new());
    on_each_engine(async |fresh| {
        let mut follower = follower(&played, &fresh.db, options(&played, 2000, 4)).await;
        follower.sync(Target::Head, &|_| {}).await.unwrap();
        let rows = fresh.dump().await;
        dumps.lock().unwrap().push(rows);
    })
    .await;
    let dumps = dumps.into_inner().unwrap();
    assert!(dumps.windows(2).all(|pair| pair[0] == pair[1]), "an engine holds other rows");
}

#[tokio::test(flavor = "multi_thread")]
async fn in_steps_or_at_once_and_replayed() {
    let played = play(NodeOptions::default()).await;
    on_each_engine(async |fresh| {
        let (first, last) = ends(&played);
        for step in 1..=7 {
            // A new follower each time: it takes up where the database stands.
            let target = Target::Block(BlockNumber(first + (last - first) * step / 7));
            follower(&played, &fresh.db, options(&played, 900, 4)).await.sync(target, &|_| {}).await.unwrap();
        }
        let stepped = rows(fresh).await;

        let at_once = accrual_tests::db::fresh(accrual_store::Engine::Sqlite).await.unwrap();
        let mut whole = follower(&played, &at_once.db, options(&played, 10_000, 4)).await;
        whole.sync(Target::Head, &|_| {}).await.unwrap();
        assert!(stepped == rows(&at_once).await, "steps left other rows");
        at_once.remove().await;

        let pool = pool(&played);
        let campaigns = [campaign(&pool)];
        let checkpoint = checkpoints::get(&fresh.db, &pool.id).await.unwrap().unwrap();
        rebuild::replay(&fresh.db, &pool, &campaigns, checkpoint.number, 700).await.unwrap();
        assert!(stepped == rows(fresh).await, "a replay left other rows");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_at_any_block_come_out_of_snapshots_and_of_events_alike() {
    let played = play(NodeOptions::default()).await;
    on_each_engine(async |fresh| {
        let mut follower = follower(&played, &fresh.db, options(&played, 2000, 4)).await;
        follower.sync(Target::Head, &|_| {}).await.unwrap();
        let pool = rebuild::with_facts(&fresh.db, &pool(&played)).await.unwrap();
        let campaigns = [campaign(&pool)];
        let all =
            events::page(&fresh.db, &pool.id, None, BlockNumber(i64::MAX as u64 / 2), 100_000).await.unwrap();
        let (first, last) = ends(&played);
        for part in [0, 1, 13, 50, 77, 99, 100] {
            let at = BlockNumber(first + (last - first) * part / 100);
            let from_store = rebuild::tracker_at(&fresh.db, &pool, &campaigns, at).await.unwrap();
            let mut from_events = PoolTracker::new(pool.clone(), campaigns.clone());
            let mut time = UnixSeconds(0);
            for event in all.iter().filter(|event| event.block_number <= at) {
                from_events.apply(event).unwrap();
                time = event.block_at;
            }
            assert!(from_store == from_events, "block {at}");
            let figures = from_store.figures(&campaigns[0].id, time).unwrap().unwrap();
            let sum = figures.earned.checked_add(figures.undistributed.total).unwrap();
            assert_eq!(sum, figures.emitted, "block {at}");
        }
    })
    .await;
}

/// The manager serves a second pool in the recording. None of its NFTs may be among ours.
#[tokio::test(flavor = "multi_thread")]
async fn only_this_pools_nfts_are_learnt() {
    let played = play(NodeOptions::default()).await;
    on_each_engine(async |fresh| {
        let mut follower = follower(&played, &fresh.db, options(&played, 2000, 4)).await;
        follower.sync(Target::Head, &|_| {}).await.unwrap();
        let pool = pool(&played);
        let all = events::page(&fresh.db, &pool.id, None, BlockNumber(u64::MAX / 4), 100_000).await.unwrap();
        let moved = |holding: &Holding| {
            all.iter().any(|event| {
                matches!(&event.event, PoolEvent::LiquidityAdded { holding: added, .. } if added == holding)
            })
        };
        let mut handed_over = 0;
        for event in &all {
            if let PoolEvent::HolderChanged { holding, .. } = &event.event {
                handed_over += 1;
                assert!(moved(holding), "{holding:?} never had liquidity in this pool");
            }
        }
        assert!(handed_over > 50, "{handed_over}");
    })
    .await;
}

/// The state at an instant is that after the last block at or before it, and before the pool there is none.
#[tokio::test(flavor = "multi_thread")]
async fn up_to_an_instant() {
    let played = play(NodeOptions::default()).await;
    let fresh = accrual_tests::db::fresh(accrual_store::Engine::Sqlite).await.unwrap();
    let pool = pool(&played);
    let mut follower = follower(&played, &fresh.db, options(&played, 2000, 4)).await;

    let born = |block: &&accrual_recording::Block| block.header.number == pool.created_block.0;
    let born_at = played.recording.blocks.iter().find(born).unwrap().header.timestamp;
    follower.sync(Target::Time(UnixSeconds(born_at - 1)), &|_| {}).await.unwrap();
    assert_eq!(checkpoints::get(&fresh.db, &pool.id).await.unwrap(), None, "the pool is not there yet");

    let noon = UnixSeconds(1_749_556_800);
    follower.sync(Target::Time(noon), &|_| {}).await.unwrap();
    let reached = checkpoints::get(&fresh.db, &pool.id).await.unwrap().unwrap();
    let next = played.recording.blocks.iter().find(|block| block.header.timestamp > noon.0).unwrap();
    assert_eq!(reached.number.next().0, next.header.number);
    fresh.remove().await;
}

/// A node that is too busy for us gives way to the next URL.
#[tokio::test(flavor = "multi_thread")]
async fn a_busy_node_gives_way() {
    let busy = axum::Router::new().fallback(|| async { axum::http::StatusCode::TOO_MANY_REQUESTS });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let busy_url = format!("http://{}", listener.local_addr().unwrap());
    let serving = tokio::spawn(async move { axum::serve(listener, busy).await });

    let played = play(NodeOptions::default()).await;
    let fresh = accrual_tests::db::fresh(accrual_store::Engine::Sqlite).await.unwrap();
    let pool = pool(&played);
    let source = RpcSource::new(&[busy_url, played.url.clone()], RpcOptions::default());
    let options = options(&played, 10_000, 4);
    let mut follower =
        Follower::open(source, fresh.db.clone(), vec![pool.clone()], vec![], options).await.unwrap();
    follower.sync(Target::Head, &|_| {}).await.unwrap();
    let reached = checkpoints::get(&fresh.db, &pool.id).await.unwrap().unwrap();
    assert_eq!(reached.number.0, ends(&played).1);
    fresh.remove().await;
    serving.abort();
}

fn ends(played: &Played) -> (u64, u64) {
    let blocks = &played.recording.blocks;
    (pool(played).created_block.0, blocks[blocks.len() - 1].header.number)
}

/// What a contract says of itself is stored before the first block, and what was not followed from there on is refused.
#[tokio::test(flavor = "multi_thread")]
async fn facts_are_kept_and_a_late_wrapper_is_refused() {
    let played = play(NodeOptions::default()).await;
    on_each_engine(async |fresh| {
        let options = || options(&played, 10_000, 4);
        let mut follower = follower(&played, &fresh.db, options()).await;
        let known = rebuild::with_facts(&fresh.db, &pool(&played)).await.unwrap();
        assert_eq!(known.facts.tokens.len(), 2);
        assert_eq!(known.facts.tick_spacing, known.facts.fee_ppm.map(|fee| i32::try_from(fee / 50).unwrap()));
        let open = async |change: &dyn Fn(&mut Pool)| {
            let mut pool = pool(&played);
            change(&mut pool);
            let source = RpcSource::new(std::slice::from_ref(&played.url), RpcOptions::default());
            Follower::open(source, fresh.db.clone(), vec![pool], vec![], options()).await.map(|_| ())
        };
        let address = known.facts.tokens[0];
        let wrap = |pool: &mut Pool| {
            let kind = WrapperKind::Erc20Vault;
            pool.wrappers.push(Wrapper { kind, address, holder: address, to: None });
        };
        follower.sync(Target::Head, &|_| {}).await.unwrap();
        open(&|_| {}).await.unwrap();
        let error = open(&wrap).await.unwrap_err().to_string();
        assert!(error.contains("give the pool a new pools.id"), "{error}");
        let other = PoolFacts { tick_spacing: Some(1), ..known.facts.clone() };
        pools::set_facts(&fresh.db, &known.id, &other).await.unwrap();
        let error = open(&|_| {}).await.unwrap_err().to_string();
        assert!(error.contains("its tick spacing is"), "{error}");
    })
    .await;
}

/// Hours that other settings made are made again from the stored events, and are those of a run that had them all along.
#[tokio::test(flavor = "multi_thread")]
async fn a_changed_campaign_makes_the_hours_again() {
    let played = play(NodeOptions::default()).await;
    let pool = pool(&played);
    let changed = Campaign { out_of_range: true, ..campaign(&pool) };
    let mut told = Vec::new();
    for had_other in [true, false] {
        let fresh = accrual_tests::db::fresh(accrual_store::Engine::Sqlite).await.unwrap();
        if had_other {
            let mut before = follower(&played, &fresh.db, options(&played, 10_000, 4)).await;
            before.sync(Target::Head, &|_| {}).await.unwrap();
        }
        let source = RpcSource::new(std::slice::from_ref(&played.url), RpcOptions::default());
        let (pools, campaigns) = (vec![pool.clone()], vec![changed.clone()]);
        let options = options(&played, 10_000, 4);
        let mut follower = Follower::open(source, fresh.db.clone(), pools, campaigns, options).await.unwrap();
        if !had_other {
            follower.sync(Target::Head, &|_| {}).await.unwrap();
        }
        let mut rows = rows(&fresh).await;
        rows.retain(|(name, _)| name.ends_with("_points") || *name == "series");
        told.push(rows);
        fresh.remove().await;
    }
    assert!(told[0] == told[1], "the hours are not those of a run that had the settings all along");
    assert!(told[0].iter().all(|(_, rows)| !rows.is_empty()));
}
