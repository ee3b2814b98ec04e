//! Indexing with accruals on the workload that peers' figures were measured on, beside its lower bounds, in one run.

mod node;
#[path = "../../../tests/watched.rs"]
#[allow(unreachable_pub, reason = "it is a module of the tests' library as well")]
mod watched;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::shell::{Failed, output, run, run_command, target};
use node::{Node, PORT};
use watched::Spent;

pub(super) const TITLE: &str = "Indexing with accruals, beside the raw download";

pub(super) const ABOUT: &str = "A node on loopback with a synthetic chain (`bench/canned-rpc` of the shared facts, which is not part \
    of this repository), default configuration, every event decoded, checked by the ledger, keyed and durable, and one campaign \
    accrued over the lot. Seconds of wall time, alternating in one run: median (lowest to highest); the ratio is to the raw \
    download of the same logs. `verify` is how completeness is proved, `late` that every answer comes 100 ms later. The report \
    comes right after: both together are what it takes from a new machine to an answer. Below, the stored events of the large \
    chain are read and folded anew.";

const FIRST: u64 = 10_000_000;

/// A chain of the workload.
struct Chain {
    blocks: u64,
    logs: u64,
}

const SMALL: Chain = Chain { blocks: 100_000, logs: 100_000 };
const LARGE: Chain = Chain { blocks: 604_800, logs: 1_000_000 };

/// What one way of indexing took in one run, and left behind.
struct Run {
    index: Spent,
    report: Spent,
    requests: u64,
    database_bytes: u64,
}

/// Who indexes, and how.
struct Row {
    name: &'static str,
    engine: Engine,
    extra: &'static str,
    latency_ms: u32,
}

#[derive(Clone, Copy, PartialEq)]
enum Engine {
    Sqlite,
    Postgres,
}

const ROWS: &[Row] = &[
    Row { name: "SQLite", engine: Engine::Sqlite, extra: "verify = \"off\"\n", latency_ms: 0 },
    Row {
        name: "SQLite, verify bloom",
        engine: Engine::Sqlite,
        extra: "verify = \"bloom\"\n",
        latency_ms: 0,
    },
    Row {
        name: "SQLite, verify receipts",
        engine: Engine::Sqlite,
        extra: "verify = \"receipts\"\n",
        latency_ms: 0,
    },
    Row { name: "PostgreSQL", engine: Engine::Postgres, extra: "verify = \"off\"\n", latency_ms: 0 },
    Row { name: "SQLite, late", engine: Engine::Sqlite, extra: "verify = \"off\"\n", latency_ms: 100 },
];

pub(super) fn measure(folder: &str, runs: usize, postgres: Option<&str>) -> Result<String, Failed> {
    let built = build(folder)?;
    let mut table =
        "| chain | who | wall, s | ratio | peak memory, MB | requests | then report, s | database, bytes a log |\n\
         |---|---|---|---|---|---|---|---|\n"
            .to_owned();
    print!("{table}");
    for chain in [SMALL, LARGE] {
        for latency_ms in [0, 100] {
            let rows = rows(&built, &chain, latency_ms, runs, postgres)?;
            print!("{rows}");
            table.push_str(&rows);
        }
    }
    let node = Node::start(&built, &LARGE, 0)?;
    Ok(format!("{table}\n{}", replay(&node)?))
}

/// The rows of one chain: each way of indexing in turn with its lower bounds.
fn rows(
    built: &Path,
    chain: &Chain,
    latency_ms: u32,
    runs: usize,
    postgres: Option<&str>,
) -> Result<String, Failed> {
    let rows: Vec<&Row> = ROWS
        .iter()
        .filter(|row| row.latency_ms == latency_ms)
        .filter(|row| row.engine == Engine::Sqlite || postgres.is_some())
        .collect();
    let node = Node::start(built, chain, latency_ms)?;
    let (mut raw, mut decoded) = (Vec::new(), Vec::new());
    let mut done: Vec<Vec<Run>> = rows.iter().map(|_| Vec::new()).collect();
    for _ in 0..runs {
        raw.push(bound(built, "rawdl", chain, "10000")?);
        decoded.push(bound(built, "bare-alloy", chain, "2000")?);
        for (row, done) in rows.iter().zip(&mut done) {
            done.push(one(row, &node, postgres)?);
        }
    }
    let raw_wall = watched::median(&walls(&raw));
    let mut text = line(chain, &named("raw download, logs only", latency_ms), &raw, raw_wall, " | | ");
    text.push_str(&line(
        chain,
        &named("alloy, decode and count only", latency_ms),
        &decoded,
        raw_wall,
        " | | ",
    ));
    for (row, done) in rows.iter().zip(&done) {
        let spent: Vec<Spent> = done.iter().map(|run| run.index).collect();
        let reports: Vec<Duration> = done.iter().map(|run| run.report.wall).collect();
        let last = done.last().map_or((0, 0), |run| (run.requests, run.database_bytes / chain.logs));
        let more = format!("{} | {} | {}", last.0, watched::seconds(watched::median(&reports)), last.1);
        text.push_str(&line(chain, &format!("accrual, {}", row.name), &spent, raw_wall, &more));
    }
    Ok(text)
}

fn named(what: &str, latency_ms: u32) -> String {
    if latency_ms == 0 { what.to_owned() } else { format!("{what}, late") }
}

fn line(chain: &Chain, who: &str, spent: &[Spent], raw: Duration, more: &str) -> String {
    let walls = walls(spent);
    format!(
        "| {} blocks, {} logs | {who} | {} | {} | {} | {more} |\n",
        chain.blocks,
        chain.logs,
        watched::spread(&walls),
        watched::ratio(watched::median(&walls), raw),
        spent.iter().map(|one| one.peak_mb).max().unwrap_or(0),
    )
}

fn walls(spent: &[Spent]) -> Vec<Duration> {
    spent.iter().map(|one| one.wall).collect()
}

/// Builds the workload's programs from a copy, since the shared folder is not ours to write to.
fn build(folder: &str) -> Result<PathBuf, Failed> {
    if !Path::new(folder).join("Cargo.toml").exists() {
        return Err(Failed(format!(
            "--workload {folder}: no Cargo.toml is there; it is the folder bench/canned-rpc"
        )));
    }
    let copy = PathBuf::from(target("canned-rpc"));
    std::fs::create_dir_all(&copy).map_err(|error| Failed(format!("{}: {error}", copy.display())))?;
    run("cp", ["-r", "--no-preserve=mode", &format!("{folder}/."), &copy.display().to_string()])?;
    let manifest = copy.join("Cargo.toml");
    // Below our own folder cargo would take it for a part of our workspace.
    let text = std::fs::read_to_string(&manifest).map(|text| format!("{text}\n[workspace]\n"));
    text.and_then(|text| std::fs::write(&manifest, text))
        .map_err(|error| Failed(format!("{}: {error}", manifest.display())))?;
    let mut command = Command::new("cargo");
    command.args(["build", "--release", "--manifest-path", &manifest.display().to_string()]);
    command.env("CARGO_TARGET_DIR", copy.join("target"));
    run_command(command)?;
    Ok(copy.join("target/release"))
}

fn bound(built: &Path, program: &str, chain: &Chain, width: &str) -> Result<Spent, Failed> {
    let in_flight = if program == "rawdl" { "2" } else { "4" };
    let (first, blocks) = (FIRST.to_string(), chain.blocks.to_string());
    let mut command = Command::new(built.join(program));
    command.args([PORT, &first, &blocks, width, in_flight]);
    watched::watch(command).map_err(Failed)
}

/// `accrual index` from nothing to the head, and `accrual report`.
fn one(row: &Row, node: &Node, postgres: Option<&str>) -> Result<Run, Failed> {
    let folder = PathBuf::from(target("bench-index"));
    let _ = std::fs::remove_dir_all(&folder);
    let failed = |error: std::io::Error| Failed(format!("{}: {error}", folder.display()));
    std::fs::create_dir_all(&folder).map_err(failed)?;
    let server = postgres.filter(|_| row.engine == Engine::Postgres);
    let database = server.map_or_else(|| Ok("sqlite://bench.db".to_owned()), fresh_database)?;
    std::fs::write(folder.join("bench.toml"), configuration(&database, row.extra)).map_err(failed)?;
    let accrual = |arguments: &[&str]| {
        let mut command = Command::new(super::binary());
        command.current_dir(&folder).args(arguments).args(["--config", "bench.toml"]);
        watched::watch(command).map_err(Failed)
    };
    let before = node.requests();
    let index = accrual(&["index", "--to", "head", "--progress", "off"])?;
    let requests = node.requests().saturating_sub(before);
    let report = accrual(&["report", "--campaign", "bench"])?;
    let database_bytes = match server {
        Some(_) => database_bytes(&database)?,
        None => std::fs::metadata(folder.join("bench.db")).map_err(failed)?.len(),
    };
    Ok(Run { index, report, requests, database_bytes })
}

/// Indexes the large chain once more and folds what is stored, by each scoring.
fn replay(node: &Node) -> Result<String, Failed> {
    one(&ROWS[0], node, None)?;
    let url = format!("sqlite://{}", target("bench-index/bench.db"));
    let example = ["run", "--release", "--package", "accrual-store", "--example", "replay_speed", "--"];
    super::table(&[&example[..], &[&url, "usdc-weth"]].concat(), None)
}

/// The database `bench` of a server, made anew.
fn fresh_database(url: &str) -> Result<String, Failed> {
    for statement in ["drop database if exists accrual_bench with (force)", "create database accrual_bench"] {
        run("psql", [url, "--quiet", "--command", statement])?;
    }
    let (server, _) = url.rsplit_once('/').unwrap_or((url, ""));
    Ok(format!("{server}/accrual_bench"))
}

/// How much room a server's database takes.
fn database_bytes(url: &str) -> Result<u64, Failed> {
    let size = ["--tuples-only", "--command", "select pg_database_size(current_database())"];
    output("psql", [&[url][..], &size].concat())
        .and_then(|text| text.trim().parse().ok())
        .ok_or_else(|| Failed("psql does not say how large the database is".to_owned()))
}

/// The pool and the position manager that the workload's chain has, and a campaign over all of it.
fn configuration(database: &str, extra: &str) -> String {
    include_str!("workload.toml").replace("DATABASE", database).replace("EXTRA", extra.trim_end())
}
