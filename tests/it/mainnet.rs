//! A recorded day of Ethereum mainnet decodes without loss, and every amount in it agrees with our arithmetic.

use std::collections::BTreeMap;
use std::path::PathBuf;

use accrual_indexer::decode::join::{self, KnownIds};
use accrual_indexer::decode::route::Routes;
use accrual_indexer::decode::uniswap_v3::{ManagerLog, PoolLog, manager_log, pool_log};
use accrual_indexer::source::RawLog;
use accrual_rewards::event::PoolEvent;
use accrual_rewards::id::{Holding, Venue};
use accrual_rewards::math::amounts::{Rounding, holdings};
use accrual_rewards::tracker::Pool;
use accrual_rewards::unit::{BlockNumber, SqrtPriceX96, Tick, UnixSeconds};
use alloy::primitives::{Address, B256, Bytes, address};

const MANAGER: Address = address!("C36442b4a4522E871399CD717aBDD847Ab11FE88");
const FILES: [(&str, Address); 2] = [
    (
        "ethereum-0x82c427adfdf2d245ec51d8046b41c4ee87f0d29c-2024-01-05.raw.csv",
        address!("82c427adfdf2d245ec51d8046b41c4ee87f0d29c"),
    ),
    (
        "ethereum-0x8ad599c3a0ff1de082011efddc58f1908eb6e6d8-2024-01-05.raw.csv",
        address!("8ad599c3a0ff1de082011efddc58f1908eb6e6d8"),
    ),
];
const MANAGER_FILE: &str = "ethereum-uniswap-proxy-lp-2024-01-05.raw.csv";

fn folder() -> Option<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/univ3_eth_2024-01-05");
    if folder.exists() {
        return Some(folder);
    }
    eprintln!(
        "skipped: {} is not there; it comes with the workplace, not with the project",
        folder.display()
    );
    None
}

fn logs(path: PathBuf, address: Address) -> Vec<RawLog> {
    let text = std::fs::read_to_string(&path).unwrap();
    text.lines().skip(1).filter(|line| !line.is_empty()).map(|line| log(line, address)).collect()
}

/// `block,time,transaction,index,log,"['topic', ...]",data`
fn log(line: &str, address: Address) -> RawLog {
    let (head, rest) = line.split_once(",\"[").unwrap();
    let (topics, data) = rest.split_once("]\",").unwrap();
    let head: Vec<&str> = head.split(',').collect();
    let topic = |text: &str| text.trim().trim_matches('\'').parse::<B256>().unwrap();
    RawLog {
        address,
        topics: topics.split(',').map(topic).collect(),
        data: data.trim().parse::<Bytes>().unwrap(),
        block_number: head[0].parse().unwrap(),
        block_hash: B256::ZERO,
        block_timestamp: Some(1),
        transaction_hash: head[2].parse().unwrap(),
        log_index: head[4].parse().unwrap(),
        removed: false,
    }
}

fn pool(address: Address) -> Pool {
    Pool {
        id: "p".parse().unwrap(),
        venue: Venue::UniswapV3,
        address,
        position_manager: Some(MANAGER),
        created_block: BlockNumber(0),
        vault: None,
        feeds: Vec::new(),
        wrappers: Vec::new(),
        facts: Default::default(),
    }
}

#[test]
fn every_mint_and_burn_agrees_to_the_unit() {
    let Some(folder) = folder() else { return };
    let (mut checked, mut before_first_price) = (0, 0);
    for (file, address) in FILES {
        let mut price: Option<(SqrtPriceX96, Tick)> = None;
        for log in logs(folder.join(file), address) {
            let read = pool_log(&log).unwrap();
            let (range, flow, rounding) = match read {
                Some(PoolLog::Swap { sqrt_price_x96, tick, .. }) => {
                    price = Some((sqrt_price_x96, tick));
                    continue;
                }
                Some(PoolLog::Mint { range, flow, .. }) => (range, flow, Rounding::Up),
                Some(PoolLog::Burn { range, flow, .. }) => (range, flow, Rounding::Down),
                Some(PoolLog::Collect { .. }) => continue,
                other => panic!("{}: {other:?} was not expected", log.log_index),
            };
            // The day's file does not say the price before its first swap.
            let Some((sqrt_price_x96, tick)) = price else {
                before_first_price += 1;
                continue;
            };
            let counted = holdings(flow.liquidity, range, tick, sqrt_price_x96, rounding).unwrap();
            assert_eq!(
                counted,
                (flow.amount0, flow.amount1),
                "block {} log {}",
                log.block_number,
                log.log_index
            );
            checked += 1;
        }
    }
    // All that the two files hold.
    assert_eq!((checked, before_first_price), (23, 0));
}

#[test]
fn every_manager_log_joins_the_right_pool_log() {
    let Some(folder) = folder() else { return };
    let pools: Vec<Pool> = FILES.iter().map(|(_, address)| pool(*address)).collect();
    let mut all: Vec<RawLog> =
        FILES.iter().flat_map(|(file, address)| logs(folder.join(file), *address)).collect();
    let pool_logs = all.clone();
    all.extend(logs(folder.join(MANAGER_FILE), MANAGER));
    all.sort_by_key(|log| (log.block_number, log.log_index));

    let mut known = KnownIds::default();
    let routes = Routes::new(&pools);
    let read = routes.read_all(all.clone()).unwrap();
    for (manager, id, pool) in join::learn(&routes, &read) {
        known.insert(manager, id, pool);
    }
    let events = join::events(&routes, &known, &read, |_| UnixSeconds(1)).unwrap();

    let mut ranges = BTreeMap::new();
    let mut joined = 0;
    for event in events.iter().flatten() {
        if let PoolEvent::LiquidityAdded { holding: holding @ Holding::Nft { .. }, range, .. }
        | PoolEvent::LiquidityRemoved { holding: holding @ Holding::Nft { .. }, range, .. } = &event.event
        {
            joined += 1;
            assert_eq!(ranges.entry(*holding).or_insert(*range), range, "an NFT keeps its range");
        }
    }
    assert_eq!(joined, through_manager(&pool_logs), "each flow through the manager has its NFT");
    assert_eq!(joined, flows_of_known(&all, &known), "each manager log of a known NFT has its pool log");
    // All that the two pools' files hold.
    assert_eq!(joined, 15);
}

/// How many mints and burns of liquidity the manager made.
fn through_manager(logs: &[RawLog]) -> usize {
    let moves = |log: &&RawLog| match pool_log(log).unwrap() {
        Some(PoolLog::Mint { sender, owner, .. }) => owner == MANAGER && sender == MANAGER,
        Some(PoolLog::Burn { owner, flow, .. }) => owner == MANAGER && flow.liquidity.0 > 0,
        _ => false,
    };
    logs.iter().filter(moves).count()
}

fn flows_of_known(logs: &[RawLog], known: &KnownIds) -> usize {
    let flow = |log: &&RawLog| {
        log.address == MANAGER
            && match manager_log(log).unwrap() {
                Some(ManagerLog::Increase { id, flow } | ManagerLog::Decrease { id, flow }) => {
                    flow.liquidity.0 > 0 && known.pool(MANAGER, id).is_some()
                }
                _ => false,
            }
    };
    logs.iter().filter(flow).count()
}
