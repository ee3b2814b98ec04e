//! Indexing with accruals on the workload that peers' figures were measured on, beside its lower bounds, in one run.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::shell::{Failed, run, run_command, target};

pub(super) const TITLE: &str = "Indexing with accruals, beside the raw download";

pub(super) const ABOUT: &str = "A node on loopback with a synthetic chain (`bench/canned-rpc` of the shared facts, which is not part \
    of this repository), default configuration, every event decoded, checked by the ledger, keyed and durable, and one campaign \
    accrued over the lot. Seconds of wall time, alternating in one run: median (lowest to highest); the ratio is to the raw \
    download of the same logs. `verify` is how completeness is proved, `late` that every answer comes 100 ms later.";

const PORT: &str = "18545";
const FIRST: u64 = 10_000_000;

/// A chain of the workload.
struct Chain {
    blocks: u64,
    logs: u64,
}

const SMALL: Chain = Chain { blocks: 100_000, logs: 100_000 };
const LARGE: Chain = Chain { blocks: 604_800, logs: 1_000_000 };

/// What one run took.
#[derive(Clone, Copy)]
struct Spent {
    ms: u128,
    peak_mb: u64,
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
    run("cargo", ["build", "--release", "--package", "accrual"])?;
    let mut table =
        "| chain | who | wall, s | ratio | peak memory, MB | requests |\n|---|---|---|---|---|---|\n"
            .to_owned();
    for chain in [SMALL, LARGE] {
        for latency_ms in [0, 100] {
            let rows: Vec<&Row> = ROWS
                .iter()
                .filter(|row| row.latency_ms == latency_ms)
                .filter(|row| row.engine == Engine::Sqlite || postgres.is_some())
                .collect();
            let node = Node::start(&built, &chain, latency_ms)?;
            let mut bounds = vec![Vec::new(); 2];
            let mut spent = vec![Vec::new(); rows.len()];
            let mut requests = vec![0; rows.len()];
            for _ in 0..runs {
                bounds[0].push(bound(&built, "rawdl", &chain, "10000")?);
                bounds[1].push(bound(&built, "bare-alloy", &chain, "2000")?);
                for (place, row) in rows.iter().enumerate() {
                    let before = node.requests();
                    spent[place].push(index(row, postgres)?);
                    requests[place] = node.requests().saturating_sub(before);
                }
            }
            let raw = median(&bounds[0]).ms;
            let mut add = |who: &str, spent: &[Spent], requests: Option<u64>| {
                let requests = requests.map(|count| count.to_string()).unwrap_or_default();
                table.push_str(&line(&chain, who, spent, raw, &requests));
            };
            add(&named("raw download, logs only", latency_ms), &bounds[0], None);
            add(&named("alloy, decode and count only", latency_ms), &bounds[1], None);
            for (place, row) in rows.iter().enumerate() {
                add(&format!("accrual, {}", row.name), &spent[place], Some(requests[place]));
            }
        }
    }
    Ok(table.trim_end().to_owned())
}

fn named(what: &str, latency_ms: u32) -> String {
    if latency_ms == 0 { what.to_owned() } else { format!("{what}, late") }
}

fn line(chain: &Chain, who: &str, spent: &[Spent], raw_ms: u128, requests: &str) -> String {
    let middle = median(spent).ms;
    let (lowest, highest) = (spent.iter().map(|one| one.ms).min(), spent.iter().map(|one| one.ms).max());
    let tenths = 10 * middle / raw_ms.max(1);
    format!(
        "| {} blocks, {} logs | {who} | {} ({} to {}) | {}.{} | {} | {requests} |\n",
        chain.blocks,
        chain.logs,
        seconds(middle),
        seconds(lowest.unwrap_or(0)),
        seconds(highest.unwrap_or(0)),
        tenths / 10,
        tenths % 10,
        spent.iter().map(|one| one.peak_mb).max().unwrap_or(0),
    )
}

/// Hundredths are enough on a noisy machine.
fn seconds(ms: u128) -> String {
    format!("{}.{:02}", ms / 1000, ms % 1000 / 10)
}

fn median(spent: &[Spent]) -> Spent {
    let mut sorted = spent.to_vec();
    sorted.sort_by_key(|one| one.ms);
    sorted[sorted.len() / 2]
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
    let mut command = Command::new("cargo");
    command.args(["build", "--release", "--manifest-path", &copy.join("Cargo.toml").display().to_string()]);
    command.env("CARGO_TARGET_DIR", copy.join("target"));
    run_command(command)?;
    Ok(copy.join("target/release"))
}

/// The workload's node, ended with its owner.
struct Node(Child);

impl Node {
    fn start(built: &Path, chain: &Chain, latency_ms: u32) -> Result<Self, Failed> {
        let numbers = [chain.blocks.to_string(), chain.logs.to_string(), latency_ms.to_string()];
        let mut command = Command::new(built.join("canned-rpc"));
        command.args(["--blocks", &numbers[0], "--logs", &numbers[1], "--latency-ms", &numbers[2]]);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let node = Self(child.map_err(|error| Failed(format!("canned-rpc cannot be started ({error})")))?);
        let begun = Instant::now();
        while get("/").is_none() {
            if begun.elapsed() > Duration::from_secs(120) {
                return Err(Failed("canned-rpc does not answer on its port".to_owned()));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(node)
    }

    /// Questions answered so far, by the node's own count.
    fn requests(&self) -> u64 {
        let text = get("/").unwrap_or_default();
        let calls = text.split("\"calls\"").nth(1).unwrap_or_default();
        let calls = calls.split('}').next().unwrap_or_default();
        calls.split(|c: char| !c.is_ascii_digit()).filter_map(|word| word.parse::<u64>().ok()).sum()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The body of a page of the node.
fn get(path: &str) -> Option<String> {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(format!("127.0.0.1:{PORT}")).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    text.split_once("\r\n\r\n").map(|(_, body)| body.to_owned())
}

fn bound(built: &Path, program: &str, chain: &Chain, width: &str) -> Result<Spent, Failed> {
    let in_flight = if program == "rawdl" { "2" } else { "4" };
    let (first, blocks) = (FIRST.to_string(), chain.blocks.to_string());
    let mut command = Command::new(built.join(program));
    command.args([PORT, &first, &blocks, width, in_flight]);
    watched(command)
}

/// `accrual index` from nothing to the head.
fn index(row: &Row, postgres: Option<&str>) -> Result<Spent, Failed> {
    let folder = PathBuf::from(target("bench-index"));
    let _ = std::fs::remove_dir_all(&folder);
    let failed = |error: std::io::Error| Failed(format!("{}: {error}", folder.display()));
    std::fs::create_dir_all(&folder).map_err(failed)?;
    let database = match (row.engine, postgres) {
        (Engine::Postgres, Some(url)) => fresh_database(url)?,
        _ => "sqlite://bench.db".to_owned(),
    };
    let config = folder.join("bench.toml");
    std::fs::write(&config, configuration(&database, row.extra)).map_err(failed)?;
    let mut command = Command::new(target("release/accrual"));
    command.current_dir(&folder).args([
        "index",
        "--config",
        "bench.toml",
        "--to",
        "head",
        "--progress",
        "off",
    ]);
    watched(command)
}

/// The database `bench` of a server, made anew.
fn fresh_database(url: &str) -> Result<String, Failed> {
    for statement in ["drop database if exists accrual_bench with (force)", "create database accrual_bench"] {
        run("psql", [url, "--quiet", "--command", statement])?;
    }
    let (server, _) = url.rsplit_once('/').unwrap_or((url, ""));
    Ok(format!("{server}/accrual_bench"))
}

/// The pool and the position manager that the workload's chain has, and a campaign over all of it.
fn configuration(database: &str, extra: &str) -> String {
    include_str!("workload.toml").replace("DATABASE", database).replace("EXTRA", extra.trim_end())
}

/// Runs a program to its end, and looks every few milliseconds how much memory it took at most.
fn watched(mut command: Command) -> Result<Spent, Failed> {
    let what = format!("{command:?}");
    let begun = Instant::now();
    let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
    let mut child = child.map_err(|error| Failed(format!("{what}: cannot be started ({error})")))?;
    let status = format!("/proc/{}/status", child.id());
    let mut peak_kb = 0;
    let ended = loop {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kb = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
        peak_kb = peak_kb.max(kb.unwrap_or(0));
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) => std::thread::sleep(Duration::from_millis(5)),
            Err(error) => return Err(Failed(format!("{what}: {error}"))),
        }
    };
    let ms = begun.elapsed().as_millis();
    if !ended.success() {
        let lines = child
            .stderr
            .take()
            .map(|stderr| BufReader::new(stderr).lines().map_while(Result::ok).collect::<Vec<_>>());
        return Err(Failed(format!("{what}: failed ({ended}): {}", lines.unwrap_or_default().join("\n"))));
    }
    Ok(Spent { ms, peak_mb: peak_kb / 1000 })
}
