//! The simulated chain on a real port, without weather: what is measured over HTTP when nobody's recording is there.
//!
//! Headers, blooms and receipts are real ones, so that every way of proving a range complete has its work.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderName, StatusCode, header};
use axum::response::IntoResponse;
use axum::{Router, body, routing};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::chain::{Chain, FIRST, Shape, born_at};
use crate::node::{self, Manner};
use crate::world::POOLS;

const BLOCK_SECONDS: u64 = 2;
const FINALITY_BLOCKS: u64 = 10;
/// A question for every header of a wide range comes as one batch.
const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;

/// A chain that is there in whole, and how often its node was asked.
#[derive(Debug)]
pub struct Quiet {
    chain: Chain,
    calls: AtomicU64,
}

impl Quiet {
    /// A chain of so many blocks. The same seed gives the same chain.
    pub fn new(seed: u64, blocks: u64) -> Self {
        let shape = Shape {
            before: blocks.saturating_sub(1).max(1),
            after: 1,
            block_seconds: Some(BLOCK_SECONDS),
            finality_blocks: FINALITY_BLOCKS,
            forks: 0,
        };
        Self { chain: Chain::new(seed, shape), calls: AtomicU64::new(0) }
    }

    /// Its first and its last block's height.
    pub fn heights(&self) -> (u64, u64) {
        (FIRST, self.chain.last().header.number)
    }

    /// When its first and its last block come, in seconds of Unix time.
    pub fn times_seconds(&self) -> (u64, u64) {
        let last = &self.chain.last().header;
        let first = self.chain.settled(FIRST).map_or(last.timestamp, |block| block.header.timestamp);
        (first, last.timestamp)
    }

    /// Its pool like Uniswap's: the address in hexadecimal, and the block that it begins with.
    pub fn pool(&self) -> (String, u64) {
        (POOLS[0].to_string(), born_at(0))
    }

    /// The contract whose NFTs stand for the pool's positions.
    pub fn position_manager(&self) -> String {
        crate::world::MANAGER.to_string()
    }

    /// What a campaign of the pool pays in.
    pub fn reward_token(&self) -> String {
        node::REWARD_TOKEN.to_string()
    }

    /// Calls answered so far, each of a batch for itself.
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    /// Answers JSON-RPC over HTTP until it is dropped.
    ///
    /// # Errors
    /// When the listener breaks.
    pub async fn serve(self: Arc<Self>, listener: TcpListener) -> std::io::Result<()> {
        let route = routing::post(post).layer(DefaultBodyLimit::max(BODY_BYTES_MAX));
        axum::serve(listener, Router::new().route("/", route).with_state(self)).await
    }

    fn answer(&self, request: &Value) -> String {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let method = request["method"].as_str().unwrap_or_default();
        let said = node::answer(&self.chain, self.chain.whole(), Manner::quiet(), method, &request["params"]);
        let id = &request["id"];
        match said {
            Ok(result) => format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#),
            Err((code, message)) => {
                json!({"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": message}}).to_string()
            }
        }
    }
}

async fn post(State(quiet): State<Arc<Quiet>>, body: body::Bytes) -> impl IntoResponse {
    const JSON: [(HeaderName, &str); 1] = [(header::CONTENT_TYPE, "application/json")];
    match serde_json::from_slice(&body) {
        Ok(Value::Array(requests)) => {
            let answers: Vec<String> = requests.iter().map(|request| quiet.answer(request)).collect();
            (StatusCode::OK, JSON, format!("[{}]", answers.join(",")))
        }
        Ok(request) => (StatusCode::OK, JSON, quiet.answer(&request)),
        Err(error) => (StatusCode::BAD_REQUEST, JSON, json!({ "error": error.to_string() }).to_string()),
    }
}
