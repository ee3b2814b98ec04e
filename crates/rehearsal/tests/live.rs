//! A small scenario on a live node, and its recording served beside it.
//!
//! Needs node and npm on Linux x86-64; the first run installs what the lock file of `node/` names.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::sync::Arc;

use accrual_recording::{NodeOptions, Recording, serve};
use accrual_rehearsal::{
    Anvil, AnvilOptions, Described, Mined, Npm, Pool, Stage, Swap, abi, account, ensure_npm, range, record,
    tkn, usd,
};
use accrual_rewards::unit::Tick;
use alloy::primitives::{U256, keccak256};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

const TICK: Tick = Tick(283_200);

async fn set_up(npm: &Npm) -> (Stage, Pool) {
    let anvil = Anvil::start(npm, AnvilOptions::default()).await.unwrap();
    let mut stage = Stage::set_up(anvil.into(), npm).await.unwrap();
    let pool = stage.open_pool(3000, TICK).await.unwrap();
    stage.enroll(&[account("ann"), account("bob")]).await.unwrap();
    (stage, pool)
}

#[tokio::test]
async fn acts_do_what_they_say() {
    let npm = ensure_npm().unwrap();
    let (mut stage, pool) = set_up(&npm).await;
    let (ann, bob, holder) = (account("ann"), account("bob"), stage.holder);
    let near = range(TICK.0 - 600, TICK.0 + 600);

    let mint = stage.mint(&pool, ann, bob, near, usd(1000), tkn(2000));
    let liquidity = stage.preview_mint(&mint).await.unwrap();
    let minted = stage.play(&[stage.multicall(ann, &[mint.clone(), mint])]).await.unwrap();
    let ids = minted.minted_ids(&stage);
    assert_eq!(ids, [1, 2], "two NFTs in one transaction");

    let inner = range(TICK.0 - 120, TICK.0 + 120);
    let direct = stage.pool_mint(&pool, ann, holder, inner, 1_000_000_000_000);
    let later = stage.now + 3601;
    let boundary = inner.lower;
    let down = stage.swap(&pool, bob, Swap::exact_in(0, usd(1_000_000)).until(boundary));
    let mined = stage.play_at(later, &[direct, down]).await.unwrap();
    assert_eq!((mined.unix, stage.now), (later, later), "a block comes when it is told to");
    let swap = last_swap(&mined, &pool);
    assert_eq!(
        swap.tick.as_i32(),
        boundary.0 - 1,
        "a swap down that stops on a range's end has left the range"
    );
    assert_eq!(swap.liquidity, 2 * liquidity);

    let again = stage.swap(&pool, bob, Swap::exact_in(0, usd(1)).until(boundary));
    assert!(stage.play(std::slice::from_ref(&again)).await.is_err(), "the price is there already");
    let acts = [
        again.or_revert(),
        stage.decrease(bob, 1, liquidity),
        stage.transfer_nft(bob, ann, 2),
        stage.flash(&pool, ann, usd(10), 0, 0),
        stage.pool_burn(&pool, ann, inner, 1_000_000_000_000),
    ];
    let mined = stage.play(&acts).await.unwrap();
    assert!(!mined.receipts[0].status());
    let owner =
        stage.read(stage.manager, &abi::Manager::ownerOfCall { tokenId: U256::from(2) }).await.unwrap();
    assert_eq!(owner, ann);
    assert_eq!(stage.read(pool.address, &abi::Pool::liquidityCall {}).await.unwrap(), liquidity);
}

#[tokio::test]
async fn a_reorg_replaces_the_newest_blocks() {
    let npm = ensure_npm().unwrap();
    let (mut stage, pool) = set_up(&npm).await;
    let ann = account("ann");
    let mint = stage.mint(&pool, ann, ann, range(TICK.0 - 600, TICK.0 + 600), usd(1000), tkn(2000));
    let minted = stage.play(&[mint]).await.unwrap();
    assert!(stage.read(pool.address, &abi::Pool::liquidityCall {}).await.unwrap() > 0);
    stage.reorg(1).await.unwrap();
    assert_eq!(stage.anvil.block_number().await.unwrap(), minted.number);
    assert_eq!(stage.read(pool.address, &abi::Pool::liquidityCall {}).await.unwrap(), 0);
    // The chain goes on, and the new blocks are later than those that took the old ones' places.
    assert_eq!(stage.play(&[]).await.unwrap().number, minted.number + 1);
}

#[tokio::test]
async fn the_served_recording_answers_as_the_node_does() {
    let npm = ensure_npm().unwrap();
    let (mut stage, pool) = set_up(&npm).await;
    let (ann, bob) = (account("ann"), account("bob"));
    let mint = stage.mint(&pool, ann, ann, range(TICK.0 - 600, TICK.0 + 600), usd(1000), tkn(2000));
    let first = stage.play(&[mint]).await.unwrap();
    let swaps =
        [Swap::exact_in(0, usd(20)), Swap::exact_out(0, usd(5))].map(|swap| stage.swap(&pool, bob, swap));
    let second = stage.play(&swaps).await.unwrap();
    stage.play(&[stage.collect(ann, 1)]).await.unwrap();

    let described = Described {
        seed: 0,
        title: "A test".to_owned(),
        config_toml: String::new(),
        pools: vec![pool.clone()],
        beside: None,
        state_blocks: vec![first.number],
    };
    let recording = record(&stage, &npm, described).await.unwrap();
    let file = recording.write().unwrap();
    let served = Served::start(Recording::read(&file).unwrap()).await;

    let (from, to) = (format!("{:#x}", pool.created_block), format!("{:#x}", second.number));
    let swap_topic = keccak256("Swap(address,address,int256,int256,uint160,uint128,int24)");
    let slot0 = json!({ "to": pool.address, "data": "0x3850c7bd" });
    let head = format!("{:#x}", stage.anvil.block_number().await.unwrap());
    let queries = [
        ("eth_chainId", json!([])),
        ("eth_blockNumber", json!([])),
        ("eth_getLogs", json!([{ "fromBlock": from, "toBlock": to }])),
        ("eth_getLogs", json!([{ "fromBlock": from, "address": [pool.address, stage.manager] }])),
        ("eth_getLogs", json!([{ "fromBlock": from, "toBlock": head, "topics": [swap_topic] }])),
        ("eth_getLogs", json!([{ "fromBlock": from, "topics": [null, stage.manager.into_word()] }])),
        ("eth_getLogs", json!([{ "blockHash": second.receipts[0].block_hash }])),
        ("eth_getBlockByNumber", json!([to, false])),
        ("eth_getBlockByNumber", json!([from, false])),
        ("eth_getBlockByHash", json!([second.receipts[0].block_hash, false])),
        ("eth_getBlockReceipts", json!([from])),
        ("eth_getBlockReceipts", json!([to])),
        ("eth_getTransactionReceipt", json!([second.receipts[1].transaction_hash])),
        (
            "eth_getTransactionReceipt",
            json!([U256::from(1).to_be_bytes::<32>().map(|byte| format!("{byte:02x}")).concat()]),
        ),
        ("eth_getCode", json!([pool.address, "latest"])),
        ("eth_call", json!([slot0, "latest"])),
        ("eth_call", json!([slot0, format!("{:#x}", first.number)])),
    ];
    for (method, params) in queries {
        let live: Result<Value, _> = stage.anvil.ask(method, params.clone()).await;
        let replayed = served.ask(method, &params).await;
        match live {
            Ok(live) => {
                let (replayed, live) = (comparable(replayed["result"].clone()), comparable(live));
                assert!(replayed == live, "{method} {params}: {}", difference(&replayed, &live));
            }
            Err(_) => assert!(!replayed["error"].is_null(), "{method} {params}"),
        }
    }
    served.stop().await;
}

fn last_swap(mined: &Mined, pool: &Pool) -> abi::Pool::Swap {
    mined.events::<abi::Pool::Swap>(pool.address).pop().expect("the block has a swap")
}

/// Without what is no part of the chain: a block's size in bytes, prices of blobs that nobody sent, and the time that
/// this node adds to a receipt (as a number, unlike that of a log).
fn comparable(mut answer: Value) -> Value {
    let strip = |value: &mut Value| {
        if let Some(object) = value.as_object_mut() {
            for beside in ["size", "totalDifficulty", "blobGasPrice", "withdrawals"] {
                object.remove(beside);
            }
            object.retain(|name, value| name != "blockTimestamp" || !value.is_number());
        }
    };
    strip(&mut answer);
    answer.as_array_mut().into_iter().flatten().for_each(strip);
    answer
}

/// Where two answers differ, in a line.
fn difference(replayed: &Value, live: &Value) -> String {
    match (replayed, live) {
        (Value::Array(ours), Value::Array(theirs)) if ours.len() == theirs.len() => {
            ours.iter().zip(theirs).filter(|(a, b)| a != b).map(|(a, b)| difference(a, b)).collect()
        }
        (Value::Object(ours), Value::Object(theirs)) => {
            let keys: std::collections::BTreeSet<_> = ours.keys().chain(theirs.keys()).collect();
            let differ = keys.into_iter().filter(|key| ours.get(*key) != theirs.get(*key));
            differ
                .map(|key| format!("{key}: {:.90?} recorded, {:.90?} live; ", ours.get(key), theirs.get(key)))
                .collect()
        }
        (ours, theirs) => format!("{ours:.90} recorded, {theirs:.90} live; "),
    }
}

/// A recording at its own port.
struct Served {
    url: String,
    shutdown: CancellationToken,
    node: tokio::task::JoinHandle<std::io::Result<()>>,
}

impl Served {
    async fn start(recording: Recording) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shutdown = CancellationToken::new();
        let node =
            tokio::spawn(serve(Arc::new(recording), listener, NodeOptions::default(), shutdown.clone()));
        Self { url, shutdown, node }
    }

    async fn ask(&self, method: &str, params: &Value) -> Value {
        let request = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        reqwest::Client::new().post(&self.url).json(&request).send().await.unwrap().json().await.unwrap()
    }

    async fn stop(self) {
        self.shutdown.cancel();
        self.node.await.unwrap().unwrap();
    }
}
