//! What `cargo xtask test` counts instructions of: `counted engine|decoder|key_check TIMES` does the same work so many times
//! over, and prints how many events, logs or checks one time is.
//!
//! Logs and events are those of the bundled rehearsal. Instructions hardly depend on what else a machine does, so that they
//! tell in CI when one of the three has become slower.

use std::hint::black_box;

use accrual_access::key::{ApiKey, KeyEnv, Pepper};
use accrual_indexer::decode::join::{self, KnownIds};
use accrual_indexer::decode::route::Routes;
use accrual_indexer::source::RawLog;
use accrual_recording::{REHEARSAL, Recording};
use accrual_rewards::campaign::{Campaign, Scoring, Weights, Window};
use accrual_rewards::event::PlacedEvent;
use accrual_rewards::id::Venue;
use accrual_rewards::pool::PoolFacts;
use accrual_rewards::tracker::{Pool, PoolTracker};
use accrual_rewards::unit::{BlockNumber, UnixSeconds};
use alloy::primitives::Address;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use toml_edit::DocumentMut;

const KEY_CHECKS: usize = 200;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let what = arguments.next().expect("what to count");
    let times: usize = arguments.next().and_then(|text| text.parse().ok()).expect("how many times");
    let count = match what.as_str() {
        "engine" => engine(times),
        "decoder" => decoder(times),
        "key_check" => key_check(times),
        other => panic!("{other} is not counted"),
    };
    println!("{count}");
}

fn engine(times: usize) -> usize {
    let rehearsed = Rehearsed::new();
    let events = rehearsed.events();
    (0..times).for_each(|_| fold(&rehearsed.pool, &events));
    events.len()
}

fn decoder(times: usize) -> usize {
    let Rehearsed { routes, text, count, .. } = Rehearsed::new();
    for _ in 0..times {
        black_box(routes.read_all(read(&text)).expect("recorded logs decode"));
    }
    count
}

/// The rehearsal's first pool, and what a node answers for its logs and its manager's.
struct Rehearsed {
    pool: Pool,
    routes: Routes,
    text: String,
    count: usize,
}

impl Rehearsed {
    fn new() -> Self {
        let recording = Recording::read(REHEARSAL).expect("the bundled rehearsal reads");
        let pool = pool(&recording);
        let routes = Routes::new(std::slice::from_ref(&pool));
        let (text, count) = answer(&recording, &pool);
        Self { pool, routes, text, count }
    }

    fn events(&self) -> Vec<PlacedEvent> {
        let logs = self.routes.read_all(read(&self.text)).expect("recorded logs decode");
        let mut known = KnownIds::default();
        for (manager, id, pool) in join::learn(&self.routes, &logs) {
            known.insert(manager, id, pool);
        }
        let time = |log: &RawLog| UnixSeconds(log.block_timestamp.expect("it was written"));
        join::events(&self.routes, &known, &logs, time).expect("recorded logs fit each other").remove(0)
    }
}

/// The first pool of the rehearsal's configuration.
fn pool(recording: &Recording) -> Pool {
    let config: DocumentMut =
        recording.meta.config_toml.parse().expect("the rehearsal's configuration reads");
    let table = config["pools"].as_array_of_tables().and_then(|pools| pools.get(0)).expect("it has a pool");
    let text = |key: &str| table[key].as_str().unwrap_or_else(|| panic!("a pool has {key}"));
    Pool {
        id: text("id").parse().expect("an id"),
        venue: Venue::UniswapV3,
        address: text("address").parse().expect("an address"),
        position_manager: Some(text("position_manager").parse().expect("an address")),
        created_block: BlockNumber(0),
        vault: None,
        feeds: Vec::new(),
        wrappers: Vec::new(),
        facts: PoolFacts::default(),
    }
}

/// What a node answers for the logs of the pool and its manager, and how many they are.
fn answer(recording: &Recording, pool: &Pool) -> (String, usize) {
    let mut logs: Vec<Value> = Vec::new();
    for block in &recording.blocks {
        let of_block = block.transactions.iter().flat_map(|tx| tx.logs.iter().map(move |log| (tx, log)));
        for (index, (transaction, log)) in of_block.enumerate() {
            if log.address == pool.address || Some(log.address) == pool.position_manager {
                logs.push(json!({
                    "address": log.address, "topics": log.topics, "data": log.data,
                    "blockNumber": format!("{:#x}", block.header.number), "blockHash": block.header.hash,
                    "blockTimestamp": format!("{:#x}", block.header.timestamp),
                    "transactionHash": transaction.hash, "transactionIndex": "0x0",
                    "logIndex": format!("{index:#x}"), "removed": false,
                }));
            }
        }
    }
    let count = logs.len();
    (Value::Array(logs).to_string(), count)
}

fn read(text: &str) -> Vec<RawLog> {
    serde_json::from_str(text).expect("what was written reads")
}

/// Folds the events into the pool with a campaign over all of their time, and tells the figures.
fn fold(pool: &Pool, events: &[PlacedEvent]) {
    let at = |event: Option<&PlacedEvent>| event.expect("there are events").block_at;
    let (starts_at, ends_at) = (at(events.first()), UnixSeconds(at(events.last()).0 + 1));
    let campaign = Campaign {
        id: "counted".parse().expect("an id"),
        pool: pool.id.clone(),
        merkl_campaign_id: None,
        reward_token: Address::repeat_byte(7),
        budget: "14920000000000000000000000".parse().expect("an amount"),
        fee_ppm: 0,
        window: Window { starts_at, ends_at },
        scoring: Scoring::PerBlock,
        run_seconds: None,
        weights: Weights { fees: 4000, token0: 3000, token1: 3000 },
        out_of_range: false,
        blacklist: [].into(),
        whitelist: [].into(),
        value_min_usd: None,
        versions: Vec::new(),
    };
    let id = campaign.id.clone();
    let mut tracker = PoolTracker::new(pool.clone(), [campaign]);
    events.iter().for_each(|event| tracker.apply(event).expect("recorded events fit each other"));
    let figures = tracker.figures(&id, ends_at).expect("it is the pool's").expect("no event is later");
    assert!(!black_box(figures).rows.is_empty(), "somebody earns in the rehearsal");
}

/// Reads keys from their text and makes their MACs, as a call to the API does.
fn key_check(times: usize) -> usize {
    let pepper = Pepper::new(1, vec![7; 32]).expect("a pepper");
    let mut next = 0_u8;
    let mut bytes = |fill: &mut [u8]| {
        for byte in fill {
            next = next.wrapping_mul(31).wrapping_add(7);
            *byte = next;
        }
    };
    let key = ApiKey::generate(KeyEnv::Live, &mut bytes);
    let text = key.reveal();
    for _ in 0..times * KEY_CHECKS {
        let key: ApiKey = black_box(text.expose_secret()).parse().expect("a key");
        black_box(pepper.secret_mac_bytes(&key));
    }
    KEY_CHECKS
}
