//! From a node's first log to a report: `accrual index`, and `accrual report` after it, over real HTTP.
//!
//! The node is the simulated chain of the fault tests without its weather: blocks of every kind with real headers, blooms and
//! receipts. Beside each way of indexing, in turn with it, the logs' raw download by the same questions.
//!
//! `cargo build --release && cargo bench -p accrual-tests --bench index`, with `ACCRUAL_BINARY` as the path of the binary that
//! was built. With `ACCRUAL_TEST_POSTGRES_URL` it measures PostgreSQL too.

mod chain;
mod watched;

use std::path::Path;
use std::time::Duration;

use accrual_store::Engine;
use accrual_tests::binary::{command, text};
use accrual_tests::{config, db};
use chain::Served;
use watched::{Spent, watch};

const LENGTHS_BLOCKS: [u64; 2] = [50_000, 150_000];
const RUNS: usize = 5;

/// A way of indexing: its name, where it stores, and how it proves that nothing is left out.
struct Way {
    name: &'static str,
    engine: Engine,
    verify: &'static str,
}

const WAYS: [Way; 4] = [
    Way { name: "SQLite", engine: Engine::Sqlite, verify: "off" },
    Way { name: "SQLite, verify bloom", engine: Engine::Sqlite, verify: "bloom" },
    Way { name: "SQLite, verify receipts", engine: Engine::Sqlite, verify: "receipts" },
    Way { name: "PostgreSQL", engine: Engine::Postgres, verify: "off" },
];

/// What one way took in one run.
struct Run {
    index: Spent,
    report: Spent,
    calls: u64,
}

#[tokio::main]
async fn main() {
    println!(
        "| blocks | logs | who | index, s | of the download | then report, s | peak memory, MB | calls |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for blocks in LENGTHS_BLOCKS {
        measure(blocks).await;
    }
}

async fn measure(blocks: u64) {
    let served = Served::start(blocks).await;
    // The node writes each answer's text when it is first asked for.
    let logs = served.download().await.logs;
    let mut downloads = Vec::new();
    let mut runs: Vec<Vec<Run>> = WAYS.iter().map(|_| Vec::new()).collect();
    for _ in 0..RUNS {
        downloads.push(served.download().await.wall);
        for (way, runs) in WAYS.iter().zip(&mut runs) {
            runs.extend(index(&served, way).await);
        }
    }
    let raw = median(&downloads);
    println!("| {blocks} | {logs} | raw download, logs only | {} | 1.0 | | | |", spread(&downloads));
    for (way, runs) in WAYS.iter().zip(&runs).filter(|(_, runs)| !runs.is_empty()) {
        let index: Vec<Duration> = runs.iter().map(|run| run.index.wall).collect();
        let report: Vec<Duration> = runs.iter().map(|run| run.report.wall).collect();
        let tenths = 10 * median(&index).as_millis() / raw.as_millis().max(1);
        println!(
            "| {blocks} | {logs} | accrual, {} | {} | {}.{} | {} | {} | {} |",
            way.name,
            spread(&index),
            tenths / 10,
            tenths % 10,
            spread(&report),
            runs.iter().map(|run| run.index.peak_kb / 1000).max().unwrap_or(0),
            runs.last().map_or(0, |run| run.calls),
        );
    }
}

/// From nothing to the head, and one report; `None` where there is no server to store in.
async fn index(served: &Served, way: &Way) -> Option<Run> {
    let fresh = db::fresh(way.engine).await?;
    let folder = tempfile::tempdir().expect("a folder");
    let config = config::write_text(folder.path(), &served.configuration(&fresh.url_text, way.verify));
    let before = served.quiet.calls();
    let index = accrual(&["index", "--to", "head", "--progress", "off"], &config).await;
    let calls = served.quiet.calls() - before;
    let report = accrual(&["report", "--campaign", "bench"], &config).await;
    fresh.remove().await;
    Some(Run { index, report, calls })
}

async fn accrual(arguments: &[&str], config: &Path) -> Spent {
    watch(command(&[arguments, &["--config", text(config)]].concat())).await
}

fn median(times: &[Duration]) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    sorted[sorted.len() / 2]
}

/// The median, the lowest and the highest.
fn spread(times: &[Duration]) -> String {
    let (lowest, highest) = (times.iter().min(), times.iter().max());
    let [middle, lowest, highest] =
        [Some(&median(times)), lowest, highest].map(|time| seconds(*time.expect("it ran")));
    format!("{middle} ({lowest} to {highest})")
}

/// Hundredths are enough on a noisy machine.
fn seconds(time: Duration) -> String {
    format!("{}.{:02}", time.as_secs(), time.subsec_millis() / 10)
}
