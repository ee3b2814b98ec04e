//! Three index workers and two API servers, each a process of its own, on one PostgreSQL: one worker is paused, one cut off,
//! one killed, then all are started anew. What is stored and answered is what a single process stores and answers.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use accrual_recording::{HeadRule, NodeOptions};
use accrual_store::leases::{self, Standing, is_pool};
use accrual_store::{Db, Engine, Mode, checkpoints, dump};
use accrual_tests::binary::{self, Ended, Running, command};
use accrual_tests::config;
use accrual_tests::db::fresh;
use accrual_tests::played::{Played, play};
use accrual_tests::proxy::Proxy;
use serde_json::Value;
use tokio::time::{sleep, timeout};

use crate::outage::{by_way_of, server_of};

/// What must be the same whoever followed which pool. Which headers are kept follows the ranges.
const TABLES: [&str; 7] =
    ["checkpoints", "events", "snapshots", "pool_points", "campaign_points", "account_points", "series"];
/// From the moment a worker is lost to its pools' next block, stored by others.
const TAKEOVER: Duration = Duration::from_secs(10);
const LEASE_MS: u64 = 5_000;
/// The rehearsal's pools are followed under so many names each, so that there is something to split.
const COPIES: usize = 4;
const PATIENCE: Duration = Duration::from_secs(60);
/// The recorded weeks pass in about two minutes, so that blocks come while workers go.
const SPEED: u32 = 8_000;

/// A configuration over `database` with each pool under several names; only the first has campaigns. Pools of one contract
/// must look behind it differently, so each further one takes one stranger for another.
fn text(database: &str, played: &Played) -> String {
    let text = config::text(database, played);
    let (first, last) = (text.find("[[pools]]").unwrap(), text.find("[[campaigns]]").unwrap());
    let mut copies = String::new();
    for copy in 1..COPIES {
        for pool in text[first..last].split("[[pools]]").skip(1) {
            let own = pool.split("[[pools.wrappers]]").next().unwrap();
            let (head, id_on) = own.split_once("\nid = \"").unwrap();
            let (id, tail) = id_on.split_once('"').unwrap();
            copies.push_str(&format!(
                "[[pools]]{head}\nid = \"{id}-{copy}\"{tail}\n[[pools.wrappers]]\nkind = \"remap\"\n"
            ));
            copies.push_str(&format!("address = \"{copy:#042x}\"\nto = \"{:#042x}\"\n\n", copy + 100));
        }
    }
    format!("{}{copies}{}", &text[..last], &text[last..])
}

fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

fn index(config: &Path) -> Running {
    binary::start(command(&["index", "--config", binary::text(config), "--progress", "off"]))
}

/// What a single process leaves in a database of its own, as the rows of `TABLES` and as its report.
async fn alone(folder: &Path) -> (Vec<Vec<Vec<String>>>, Value) {
    let played = play(NodeOptions::default()).await;
    let url = format!("sqlite://{}", folder.join("alone.db").display());
    let path = write(folder, "alone.toml", &text(&url, &played));
    let ended = binary::run(&["index", "--config", binary::text(&path), "--to", "head"]).await;
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let db = Db::open(&url.parse().unwrap(), Mode::Read).await.unwrap();
    let rows = rows(&db).await;
    db.close().await;
    (rows, report(&path).await)
}

async fn rows(db: &Db) -> Vec<Vec<Vec<String>>> {
    let mut all = Vec::new();
    for table in TABLES {
        all.push(dump::table(db, table).await.unwrap());
    }
    all
}

/// Fails with the first rows that differ, told from both sides.
fn the_same(found: &[Vec<Vec<String>>], expected: &[Vec<Vec<String>>]) {
    let only_in = |rows: &[Vec<String>], others: &[Vec<String>]| -> Vec<Vec<String>> {
        let others: HashSet<&Vec<String>> = others.iter().collect();
        rows.iter().filter(|row| !others.contains(row)).take(3).cloned().collect()
    };
    for ((table, found), expected) in TABLES.iter().zip(found).zip(expected) {
        assert!(!expected.is_empty(), "{table} is empty");
        if found != expected {
            let (differ, missing) = (only_in(found, expected), only_in(expected, found));
            panic!("table {table}: other rows than one process alone leaves: {differ:?}, not {missing:?}");
        }
        println!("table {table}: {} rows, 0 differ", found.len());
    }
}

async fn report(config: &Path) -> Value {
    let arguments = ["report", "--campaign", "rehearsal-usd-tkn", "--format", "json", "--config"];
    let ended = binary::run(&[&arguments[..], &[binary::text(config)]].concat()).await;
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let mut report: Value = serde_json::from_str(&ended.stdout).unwrap();
    // The paced node's last blocks are not final yet.
    report["as_of"]["finality"] = Value::Null;
    // Whether an earner has code is asked at the head, at most once a minute: who stops before does not know it.
    for row in report["data"].as_array_mut().unwrap() {
        let row = row.as_object_mut().unwrap();
        row.retain(|field, _| field != "flags" && field != "probable_miss");
    }
    report
}

/// The pools that each live worker holds.
fn split(standing: &Standing) -> BTreeMap<String, Vec<String>> {
    let live = standing.workers.iter().filter(|worker| worker.is_live(standing.now_ms, LEASE_MS));
    let mut split: BTreeMap<String, Vec<String>> =
        live.map(|worker| (worker.worker.clone(), Vec::new())).collect();
    for row in standing.leases.iter().filter(|row| is_pool(&row.name)) {
        if let Some(pools) = row.worker.as_ref().and_then(|worker| split.get_mut(worker)) {
            pools.push(row.name.clone());
        }
    }
    split
}

/// Waits until so many workers share all pools evenly.
async fn shared_by(db: &Db, workers: usize) -> BTreeMap<String, Vec<String>> {
    let pools = 3 * COPIES;
    let even = async {
        loop {
            let split = split(&leases::standing(db).await.unwrap());
            let counts: Vec<usize> = split.values().map(Vec::len).collect();
            let fair = counts.iter().all(|count| *count <= pools.div_ceil(workers));
            if counts.len() == workers && counts.iter().sum::<usize>() == pools && fair {
                return split;
            }
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(PATIENCE, even).await.unwrap_or_else(|_| panic!("{workers} workers do not come to an even split"))
}

/// How far the pools of these leases are stored.
async fn heights(db: &Db, names: &[String]) -> BTreeMap<String, u64> {
    let stored = checkpoints::all(db).await.unwrap();
    let named = |name: &String| {
        let pool = name.strip_prefix("pool:").unwrap();
        let checkpoint = stored.iter().find(|checkpoint| checkpoint.pool.as_str() == pool);
        (name.clone(), checkpoint.map_or(0, |checkpoint| checkpoint.number.0))
    };
    names.iter().map(named).collect()
}

/// How long it takes from now until every one of `lost` is held by a live worker other than `worker` and has moved on.
async fn taken_over(db: &Db, worker: &str, lost: &[String]) -> Duration {
    let begun = Instant::now();
    let before = heights(db, lost).await;
    let moved = async {
        loop {
            let others = split(&leases::standing(db).await.unwrap());
            let held =
                |name: &String| others.iter().any(|(other, pools)| other != worker && pools.contains(name));
            let now = heights(db, lost).await;
            if lost.iter().all(|name| held(name) && now[name] > before[name]) {
                return;
            }
            sleep(Duration::from_millis(25)).await;
        }
    };
    timeout(PATIENCE, moved).await.expect("the lost worker's pools go on");
    begun.elapsed()
}

/// Which of the workers' names came with the process that was just started.
fn newcomer(before: &BTreeMap<String, Vec<String>>, after: &BTreeMap<String, Vec<String>>) -> String {
    after.keys().find(|worker| !before.contains_key(*worker)).expect("a new worker").clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn three_workers_and_two_servers_leave_what_one_process_leaves() {
    let Some(shared) = fresh(Engine::Postgres).await else { return };
    let folder = tempfile::tempdir().unwrap();
    let (expected, expected_report) = alone(folder.path()).await;
    let played = play(NodeOptions { head: HeadRule::Paced { speed: SPEED }, ..NodeOptions::default() }).await;
    std::fs::write(folder.path().join("pepper"), "0123456789abcdef0123456789abcdef").unwrap();
    let pepper = format!("[keys]\npepper_file = \"{}\"\n", folder.path().join("pepper").display());
    let with_pepper = |url: &str| text(url, &played).replace("[index]", &format!("{pepper}[index]"));
    let direct = write(folder.path(), "direct.toml", &with_pepper(&shared.url_text));
    let proxy = Proxy::to(server_of(&shared)).await;
    let url = by_way_of(&shared, proxy.address);
    let by_proxy = write(folder.path(), "by-proxy.toml", &with_pepper(&url));
    let db = &shared.db;

    // One after the other, so that each one's name is known.
    let first = index(&direct);
    let one = shared_by(db, 1).await;
    let second = index(&by_proxy);
    let two = shared_by(db, 2).await;
    let third = index(&direct);
    let three = shared_by(db, 3).await;
    let (paused, cut_off, killed) =
        (newcomer(&BTreeMap::new(), &one), newcomer(&one, &two), newcomer(&two, &three));
    let servers = [serve(&direct).await, serve(&by_proxy).await];
    println!("split: {:?}", three.values().map(Vec::len).collect::<Vec<_>>());

    first.signal("STOP").await;
    let took = taken_over(db, &paused, &three[&paused]).await;
    println!("paused: its pools go on elsewhere after {took:?}");
    assert!(took < TAKEOVER, "paused: {took:?}");
    first.signal("CONT").await;
    let three = shared_by(db, 3).await;

    proxy.cut();
    let took = taken_over(db, &cut_off, &three[&cut_off]).await;
    println!("cut off: its pools go on elsewhere after {took:?}");
    assert!(took < TAKEOVER, "cut off: {took:?}");
    proxy.mend();
    let three = shared_by(db, 3).await;

    third.kill().await;
    let took = taken_over(db, &killed, &three[&killed]).await;
    println!("killed: its pools go on elsewhere after {took:?}");
    assert!(took < TAKEOVER, "killed: {took:?}");
    shared_by(db, 2).await;

    // All at once: each gives back what it held, so that nobody waits for a lease to end.
    for worker in [first, second] {
        let Ended { code, stderr, .. } = worker.terminate().await;
        assert_eq!(code, 0, "{stderr}");
        assert!(!stderr.contains("panicked"), "{stderr}");
    }
    let left = leases::standing(db).await.unwrap();
    assert!(
        left.leases.iter().all(|row| row.worker.as_ref().is_none_or(|worker| *worker == killed)),
        "{left:?}"
    );
    let workers = [index(&direct), index(&by_proxy), index(&direct)];
    shared_by(db, 3).await;

    let last = played.recording.blocks.last().unwrap().header.number;
    let there = async {
        while !checkpoints::all(db).await.unwrap().iter().all(|checkpoint| checkpoint.number.0 == last) {
            sleep(Duration::from_millis(200)).await;
        }
    };
    timeout(Duration::from_secs(240), there).await.expect("all pools come to the last block");
    // A worker that took a pool up may be making its hours again, from what a contract said of itself only later.
    let begun = Instant::now();
    while rows(db).await != expected && begun.elapsed() < PATIENCE {
        sleep(Duration::from_millis(500)).await;
    }
    println!("settled {:?} after the last block", begun.elapsed());
    the_same(&rows(db).await, &expected);
    assert_eq!(report(&direct).await, expected_report);
    the_servers_answer_so(&direct, &servers, &expected_report).await;
    for process in workers.into_iter().chain(servers.into_iter().map(|(process, _)| process)) {
        assert_eq!(process.terminate().await.code, 0);
    }
    shared.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_goes_away_and_returns_loses_nothing() {
    const AWAY: Duration = Duration::from_secs(12);
    let Some(shared) = fresh(Engine::Postgres).await else { return };
    let folder = tempfile::tempdir().unwrap();
    let (expected, _) = alone(folder.path()).await;
    let played =
        play(NodeOptions { head: HeadRule::Paced { speed: 2 * SPEED }, ..NodeOptions::default() }).await;
    let proxy = Proxy::to(server_of(&shared)).await;
    let path = write(folder.path(), "away.toml", &text(&by_way_of(&shared, proxy.address), &played));
    let mut worker = index(&path);
    let db = &shared.db;
    let last = played.recording.blocks.last().unwrap().header.number;
    for _ in 0..2 {
        let names: Vec<String> = shared_by(db, 1).await.into_values().flatten().collect();
        let before = heights(db, &names).await;
        let goes_on = async {
            while heights(db, &names).await == before {
                sleep(Duration::from_millis(50)).await;
            }
        };
        timeout(PATIENCE, goes_on).await.expect("it follows");
        proxy.cut();
        sleep(AWAY).await;
        assert!(worker.is_alive(), "it waits for its database");
        proxy.mend();
    }
    let there = async {
        while !checkpoints::all(db).await.unwrap().iter().all(|checkpoint| checkpoint.number.0 == last) {
            sleep(Duration::from_millis(200)).await;
        }
    };
    timeout(Duration::from_secs(120), there).await.expect("all pools come to the last block");
    assert_eq!(worker.terminate().await.code, 0);
    the_same(&rows(db).await, &expected);
    shared.remove().await;
}

async fn serve(config: &Path) -> (Running, String) {
    let mut process = binary::start(command(&["serve", "--config", binary::text(config)]));
    let line = process.line_with("API and page: ").await;
    let url = line.split_once("page: ").unwrap().1.to_owned();
    (process, url)
}

/// Every account's figure, on each server, is the report's.
async fn the_servers_answer_so(config: &Path, servers: &[(Running, String)], report: &Value) {
    let create = ["keys", "create", "--client", "reader", "--plan", "vip", "--config", binary::text(config)];
    let key = binary::run(&create).await.stdout.trim().to_owned();
    let earned = |rows: &Value, amount: &str| -> BTreeMap<String, String> {
        let row = |row: &Value| {
            (row["account"].as_str().unwrap().to_owned(), row[amount].as_str().unwrap().to_owned())
        };
        rows.as_array().unwrap().iter().map(row).collect()
    };
    let expected = earned(&report["data"], "earned_units");
    for (_, url) in servers {
        let url = format!("{url}v1/campaigns/rehearsal-usd-tkn/accruals?limit=500");
        let asked = async {
            loop {
                let answer = reqwest::Client::new().get(&url).header("x-api-key", &key).send().await.unwrap();
                let answer: Value = answer.json().await.unwrap();
                if earned(&answer["data"], "earned_units") == expected {
                    return;
                }
                sleep(Duration::from_millis(100)).await;
            }
        };
        timeout(Duration::from_secs(10), asked).await.expect("each server answers what one process reports");
    }
}
