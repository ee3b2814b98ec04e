//! From the moment that a node has a block to the moment that the API answers with it, and what it costs to follow a chain.
//!
//! `accrual run` follows 21 pools (the rehearsal's three under seven names each) of a node on loopback that shows one block after
//! the other: by polling every 50 ms, and by subscription. A call counts as answered when a stream that is open tells the
//! block's `head`; a plain call must then have the block too.
//!
//! `cargo build --release && cargo bench --profile dev -p accrual-tests --bench live`, with `ACCRUAL_BINARY` as the path of
//! the binary that was built. What is measured is that program; this one only looks on.

mod socket;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use accrual_recording::NodeOptions;
use accrual_tests::binary::{self, Running, command};
use accrual_tests::config;
use accrual_tests::liar::{Faults, Liar};
use accrual_tests::played::{Played, play};
use serde_json::Value;
use socket::Socket;
use tokio::time::{sleep, timeout};

/// The rehearsal's three pools under so many names each.
const COPIES: usize = 7;
const BLOCKS: u64 = 120;
/// At the chain's own pace.
const BLOCKS_AT_EASE: u64 = 20;
const BLOCK_TIME: Duration = Duration::from_secs(2);
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::main]
async fn main() {
    let played = play(NodeOptions::default()).await;
    println!(
        "| how it follows | blocks | median, ms | p99, ms | slowest, ms | busy at a block every 2 s, % of two cores |"
    );
    println!("|---|---|---|---|---|---|");
    for subscribes in [false, true] {
        measure(&played, subscribes).await;
    }
}

async fn measure(played: &Played, subscribes: bool) {
    let last = played.recording.blocks.last().expect("a chain has blocks").header.number;
    let mut shown = last - BLOCKS - BLOCKS_AT_EASE;
    let node = Arc::new(Liar::before(&played.url, head(shown)).await);
    let socket = Socket::before(Arc::clone(&node)).await;
    let url = if subscribes { &socket.url } else { &node.url };
    let folder = tempfile::tempdir().expect("a folder");
    let config = write(folder.path(), played, url);
    let (server, api) = run(&config).await;
    let may = ["--plan", "vip", "--scopes", "read:public,stream"];
    let create =
        [&["keys", "create", "--client", "bench", "--config", binary::text(&config)][..], &may].concat();
    let key = binary::run(&create).await.stdout.trim().to_owned();
    let mut stream = Stream::open(&api, &key).await;
    stream.until(shown).await;

    let mut took = Vec::new();
    for turn in 0..BLOCKS {
        // At no fixed place between two polls.
        sleep(Duration::from_millis(200 + turn * 37 % 100)).await;
        shown += 1;
        node.set(head(shown));
        socket.tell(shown);
        let begun = Instant::now();
        stream.until(shown).await;
        took.push(begun.elapsed());
        if turn % 10 == 0 {
            assert!(newest(&api, &key).await >= shown, "a call has what the stream told");
        }
    }
    let (begun, busy) = (Instant::now(), busy_of(&server));
    for _ in 0..BLOCKS_AT_EASE {
        sleep(BLOCK_TIME).await;
        shown += 1;
        node.set(head(shown));
        socket.tell(shown);
    }
    sleep(BLOCK_TIME).await;
    let worked = (busy_of(&server) - busy).as_micros() * 1_000 / begun.elapsed().as_micros() / 2;
    took.sort_unstable();
    let at =
        |percent: usize| tenths(took[(took.len() * percent / 100).min(took.len() - 1)].as_micros() / 100);
    let how = if subscribes { "by subscription" } else { "polling every 50 ms" };
    println!("| {how} | {BLOCKS} | {} | {} | {} | {} |", at(50), at(99), at(100), tenths(worked));
    server.terminate().await;
}

/// A node that shows no block above this one.
fn head(number: u64) -> Faults {
    Faults { head: Some(number), ..Faults::default() }
}

/// A configuration with each pool under several names; only the first has campaigns. Pools of one contract must look behind it
/// differently, so each further one takes one stranger for another.
fn write(folder: &Path, played: &Played, node: &str) -> std::path::PathBuf {
    let database = format!("sqlite://{}", folder.join("live.db").display());
    let pepper = folder.join("pepper");
    std::fs::write(&pepper, "0123456789abcdef0123456789abcdef").expect("a folder that can be written");
    let text = config::text(&database, played).replace(&played.url, node);
    let text = text.replace("[index]", &format!("[keys]\npepper_file = \"{}\"\n[index]", pepper.display()));
    let (first, last) =
        (text.find("[[pools]]").expect("pools"), text.find("[[campaigns]]").expect("campaigns"));
    let mut copies = String::new();
    for copy in 1..COPIES {
        for pool in text[first..last].split("[[pools]]").skip(1) {
            let own = pool.split("[[pools.wrappers]]").next().expect("a pool");
            let (head, id_on) = own.split_once("\nid = \"").expect("an id");
            let (id, tail) = id_on.split_once('"').expect("a text");
            copies.push_str(&format!(
                "[[pools]]{head}\nid = \"{id}-{copy}\"{tail}\n[[pools.wrappers]]\nkind = \"remap\"\n"
            ));
            copies.push_str(&format!("address = \"{copy:#042x}\"\nto = \"{:#042x}\"\n\n", copy + 100));
        }
    }
    config::write_text(folder, &format!("{}{copies}{}", &text[..last], &text[last..]))
}

async fn run(config: &Path) -> (Running, String) {
    let mut server = binary::start(command(&["run", "--config", binary::text(config)]));
    let line = server.line_with("API and page: ").await;
    (server, line.split_once("page: ").expect("its address").1.to_owned())
}

/// The block that a plain call is answered with.
async fn newest(api: &str, key: &str) -> u64 {
    let asked = reqwest::Client::new().get(format!("{api}v1/pools")).header("x-api-key", key).send().await;
    let answer: Value = asked.expect("an answer").json().await.expect("it is JSON");
    answer["meta"]["as_of"]["block_number"].as_u64().expect("a block")
}

/// What a stream tells.
struct Stream {
    answer: reqwest::Response,
    text: String,
}

impl Stream {
    async fn open(api: &str, key: &str) -> Self {
        let asked = reqwest::Client::new()
            .get(format!("{api}v1/stream"))
            .header("x-api-key", key)
            .header("accept", "text/event-stream");
        let answer = asked.send().await.expect("an answer");
        assert!(answer.status().is_success(), "{}", answer.status());
        Self { answer, text: String::new() }
    }

    /// Reads on until it has told this block.
    async fn until(&mut self, number: u64) {
        let told = async {
            loop {
                while let Some(end) = self.text.find("\n\n") {
                    let event: String = self.text.drain(..end + 2).collect();
                    if event.starts_with("event: head") && block(&event) >= number {
                        return;
                    }
                }
                let piece = self.answer.chunk().await.expect("it goes on").expect("it goes on");
                self.text.push_str(std::str::from_utf8(&piece).expect("events are text"));
            }
        };
        timeout(PATIENCE, told).await.unwrap_or_else(|_| panic!("block {number} is not told"));
    }
}

fn block(event: &str) -> u64 {
    let data = event.split_once("data: ").expect("an event has data").1.trim();
    let data: Value = serde_json::from_str(data).expect("it is JSON");
    data["as_of"]["block_number"].as_u64().expect("a block")
}

/// The processor's time that a process has used: utime and stime of proc(5), in hundredths of a second.
fn busy_of(server: &Running) -> Duration {
    let text = std::fs::read_to_string(format!("/proc/{}/stat", server.id())).expect("it runs");
    let fields = text.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(2);
    Duration::from_millis(fields.filter_map(|field| field.parse::<u64>().ok()).sum::<u64>() * 10)
}

/// Tenths as a decimal.
fn tenths(count: u128) -> String {
    format!("{}.{}", count / 10, count % 10)
}
