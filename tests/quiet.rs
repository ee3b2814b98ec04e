//! The simulated chain as a node without weather, a configuration for it, and its logs downloaded without anything else.

use std::sync::Arc;
use std::time::{Duration, Instant};

use accrual_simulation::Quiet;
use futures::{StreamExt, stream};
use jiff::Timestamp;
use reqwest::Client;
use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;

const SEED: u64 = 9;
const RANGE_BLOCKS: u64 = 10_000;
const IN_FLIGHT: usize = 2;

/// A quiet chain that is served until it is dropped.
#[derive(Debug)]
pub struct Served {
    /// The chain.
    pub quiet: Arc<Quiet>,
    url: String,
    _serving: AbortOnDropHandle<std::io::Result<()>>,
}

/// What a raw download brought.
#[derive(Debug)]
pub struct Downloaded {
    /// How many logs.
    pub logs: usize,
    /// How long it took.
    pub wall: Duration,
}

impl Served {
    /// A chain of so many blocks, on a free port of loopback.
    ///
    /// # Panics
    /// When nothing can be listened on.
    pub async fn start(blocks: u64) -> Self {
        let quiet = Arc::new(Quiet::new(SEED, blocks));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
        let url = format!("http://{}", listener.local_addr().expect("it listens"));
        let serving = AbortOnDropHandle::new(tokio::spawn(Arc::clone(&quiet).serve(listener)));
        Self { quiet, url, _serving: serving }
    }

    /// A configuration that follows the pool, with one campaign over all of the chain.
    pub fn configuration(&self, database: &str, verify: &str) -> String {
        let (pool, born) = self.quiet.pool();
        let (starts_at, ends_at) = self.quiet.times_seconds();
        format!(
            include_str!("quiet.toml"),
            database = database,
            url = self.url,
            verify = verify,
            pool = pool,
            manager = self.quiet.position_manager(),
            born = born,
            token = self.quiet.reward_token(),
            starts_at = instant(starts_at),
            ends_at = instant(ends_at),
        )
    }

    /// Asks for all logs of the pool and its manager, reads the bytes, and counts the logs by a word that each has once.
    ///
    /// # Panics
    /// When the node does not answer.
    pub async fn download(&self) -> Downloaded {
        let (first, last) = self.quiet.heights();
        let client = Client::new();
        let begun = Instant::now();
        let ranges: Vec<u64> =
            (first..=last).step_by(usize::try_from(RANGE_BLOCKS).expect("it fits")).collect();
        let answers = stream::iter(ranges)
            .map(|from| self.ask(&client, from, (from + RANGE_BLOCKS - 1).min(last)))
            .buffer_unordered(IN_FLIGHT);
        let bodies: Vec<_> = answers.collect().await;
        let wall = begun.elapsed();
        let logs = bodies
            .iter()
            .map(|body| std::str::from_utf8(body).expect("JSON is text").matches("\"removed\"").count());
        Downloaded { logs: logs.sum(), wall }
    }

    async fn ask(&self, client: &Client, from: u64, to: u64) -> Vec<u8> {
        let filter = json!({
            "fromBlock": format!("{from:#x}"),
            "toBlock": format!("{to:#x}"),
            "address": [self.quiet.pool().0, self.quiet.position_manager()],
            "topics": [],
        });
        let question = json!({"jsonrpc": "2.0", "id": 1, "method": "eth_getLogs", "params": [filter]});
        let answer = client.post(&self.url).json(&question).send().await.expect("the node answers");
        answer.bytes().await.expect("the answer comes in whole").into()
    }
}

fn instant(seconds: u64) -> Timestamp {
    let seconds = i64::try_from(seconds).expect("a chain's time fits");
    Timestamp::from_second(seconds).expect("a chain's time is one")
}
