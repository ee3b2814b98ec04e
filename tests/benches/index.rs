//! From a node's first log to a report: `accrual index`, and `accrual report` after it, over real HTTP.
//!
//! The node is the simulated chain of the fault tests without its weather: blocks of every kind with real headers, blooms and
//! receipts. Beside each way of indexing, in turn with it, the logs' raw download by the same questions.
//!
//! `cargo build --release && cargo bench -p accrual-tests --bench index`, with `ACCRUAL_BINARY` as the path of the binary that
//! was built. With `ACCRUAL_TEST_POSTGRES_URL` it measures PostgreSQL too.

use std::path::Path;
use std::time::Duration;

use accrual_store::Engine;
use accrual_tests::binary::{path, text};
use accrual_tests::quiet::Served;
use accrual_tests::watched::{Spent, median, ratio, spread, watch};
use accrual_tests::{config, db};

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
    println!("| {blocks} | {logs} | raw download, logs only | {} | 1.0 | | | |", spread(&downloads));
    for (way, runs) in WAYS.iter().zip(&runs).filter(|(_, runs)| !runs.is_empty()) {
        let index: Vec<Duration> = runs.iter().map(|run| run.index.wall).collect();
        let report: Vec<Duration> = runs.iter().map(|run| run.report.wall).collect();
        println!(
            "| {blocks} | {logs} | accrual, {} | {} | {} | {} | {} | {} |",
            way.name,
            spread(&index),
            ratio(median(&index), median(&downloads)),
            spread(&report),
            runs.iter().map(|run| run.index.peak_mb).max().unwrap_or(0),
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

/// Waited for on a thread of its own: the node is in this process.
async fn accrual(arguments: &[&str], config: &Path) -> Spent {
    let mut command = std::process::Command::new(path());
    command.args(arguments).args(["--config", text(config)]).env_remove("ACCRUAL_PEPPER");
    let watched = tokio::task::spawn_blocking(|| watch(command)).await;
    watched.expect("nobody aborts it").unwrap_or_else(|why| panic!("{why}"))
}
