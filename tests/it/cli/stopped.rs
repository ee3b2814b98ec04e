//! Killed, or told to stop, in the middle of indexing: what was committed is whole, and the next run goes on from it.

use std::path::Path;
use std::time::{Duration, Instant};

use accrual_recording::NodeOptions;
use accrual_rehearsal::Rng;
use accrual_store::{Db, Engine, Mode, checkpoints, dump};
use accrual_tests::binary::{self, Ended, command};
use accrual_tests::config;
use accrual_tests::db::{Fresh, fresh, on_each_engine};
use accrual_tests::played::{Played, play};
use tokio::process::Command;
use tokio::time::sleep;

/// What must be the same however the run was cut. Which headers are kept follows the ranges.
const TABLES: [&str; 3] = ["events", "checkpoints", "snapshots"];
const HITS: usize = 8;
const ATTEMPTS_MAX: usize = 200;

type Rows = Vec<Vec<Vec<String>>>;

/// Small ranges and small transactions, so that there are many moments to be killed at.
fn index(config: &Path, to_head: bool) -> Command {
    let mut arguments = vec!["index", "--config", binary::text(config), "--progress", "off"];
    arguments.extend(to_head.then_some(["--to", "head"]).into_iter().flatten());
    let mut index = command(&arguments);
    index
        .env("ACCRUAL__CHAIN__LOG_RANGE_BLOCKS_MAX", "40")
        .env("ACCRUAL__INDEX__COMMIT_EVENTS_MAX", "50")
        .env("ACCRUAL__INDEX__SNAPSHOT_EVENTS", "700");
    index
}

/// The rows that an undisturbed run leaves, and how long it takes.
async fn undisturbed(played: &Played) -> (Rows, Duration) {
    let folder = tempfile::tempdir().unwrap();
    let url = super::sqlite_url(folder.path());
    let begun = Instant::now();
    to_the_end(&config::write(folder.path(), &url, played)).await;
    let took = begun.elapsed();
    let db = Db::open(&url.parse().unwrap(), Mode::Read).await.unwrap();
    let rows = rows(&db).await;
    db.close().await;
    assert!(rows.iter().all(|rows| !rows.is_empty()), "an undisturbed run fills every table");
    (rows, took)
}

async fn to_the_end(config: &Path) {
    let ended = binary::ended(index(config, true)).await;
    assert_eq!(ended.code, 0, "{}", ended.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_moment_it_goes_on_and_leaves_the_same_rows() {
    let played = play(NodeOptions::default()).await;
    let (whole, took) = undisturbed(&played).await;
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let mut rng = Rng::new(42);
        let mut hits = 0;
        let mut attempts = 0;
        while hits < HITS {
            let Some(fresh) = fresh(engine).await else { break };
            // No connection of ours stays open: the files are as a power cut leaves them.
            fresh.db.clone().close().await;
            let folder = tempfile::tempdir().unwrap();
            let config = config::write(folder.path(), &fresh.url_text, &played);
            loop {
                attempts += 1;
                assert!(attempts < ATTEMPTS_MAX, "{engine}: only {hits} kills in {attempts} runs hit");
                if !kill_in_the_middle(&config, took, &mut rng).await {
                    break;
                }
                hits += usize::from(is_half_filled(&fresh, &played).await);
            }
            to_the_end(&config).await;
            assert!(whole == reopened(&fresh).await, "{engine}: killed {attempts} times, other rows");
            fresh.remove().await;
        }
        println!("{engine}: {hits} kills in {attempts} runs hit a half-filled database");
    }
}

/// Starts indexing and kills it after a while; whether it ran still.
async fn kill_in_the_middle(config: &Path, took: Duration, rng: &mut Rng) -> bool {
    let mut running = binary::start(index(config, true));
    sleep(took * u32::try_from(rng.between(10, 60)).unwrap() / 100).await;
    let alive = running.is_alive();
    running.kill().await;
    alive
}

/// Whether some blocks are stored and some not; nothing lies above the checkpoint in any case.
async fn is_half_filled(fresh: &Fresh, played: &Played) -> bool {
    let reached = reached(fresh).await;
    0 < reached && reached < played.recording.blocks.last().unwrap().header.number
}

/// The newest stored block, 0 before the first.
async fn reached(fresh: &Fresh) -> u64 {
    let db = Db::open(&fresh.url, Mode::Read).await.unwrap();
    // The events first: a running process may store more in between.
    let events = dump::table(&db, "events").await.unwrap();
    let checkpoint = checkpoints::all(&db).await.unwrap().pop();
    db.close().await;
    let reached = checkpoint.map_or(0, |checkpoint| checkpoint.number.0);
    assert!(
        events.iter().all(|row| row[1].parse::<u64>().unwrap() <= reached),
        "events above the checkpoint"
    );
    reached
}

#[tokio::test(flavor = "multi_thread")]
async fn told_to_stop_it_stops_and_loses_nothing() {
    let played = play(NodeOptions::default()).await;
    let (whole, took) = undisturbed(&played).await;
    on_each_engine(async |fresh| {
        fresh.db.clone().close().await;
        let folder = tempfile::tempdir().unwrap();
        let config = config::write(folder.path(), &fresh.url_text, &played);
        for (to_head, code) in [(true, 1), (false, 0)] {
            let before = reached(fresh).await;
            let running = binary::start(index(&config, to_head));
            let begun = Instant::now();
            while reached(fresh).await == before {
                assert!(begun.elapsed() < Duration::from_secs(20), "it stores something");
                sleep(Duration::from_millis(5)).await;
            }
            let ended = running.terminate().await;
            assert_eq!(ended.code, code, "{}", ended.stderr);
            assert_eq!(ended.stderr.contains("run it again to go on"), to_head, "{}", ended.stderr);
            assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
            assert!(is_half_filled(fresh, &played).await, "it was stopped on the way");
        }
        to_the_end(&config).await;
        assert!(whole == reopened(fresh).await, "stopped, it left other rows");

        // At the head it waits for blocks, and stops as well.
        let running = binary::start(index(&config, false));
        sleep(took).await;
        let Ended { code, stderr, .. } = running.terminate().await;
        assert_eq!(code, 0, "{stderr}");
        assert!(whole == reopened(fresh).await, "stopped at the head, it left other rows");
    })
    .await;
}

/// With no node to ask it waits for one, and stops when told to as well; the API is up meanwhile.
#[tokio::test]
async fn without_a_node_it_stops_when_told_to() {
    let folder = tempfile::tempdir().unwrap();
    let played = play(NodeOptions::default()).await;
    let text = config::text(&super::sqlite_url(folder.path()), &played);
    let path = config::write_text(folder.path(), &text.replace(&played.url, "http://127.0.0.1:1"));
    let mut running = binary::start(command(&["run", "--config", binary::text(&path)]));
    let line = running.line_with("API and page: ").await;
    let live = format!("{}health/live", line.split_once("page: ").unwrap().1);
    assert!(reqwest::get(live).await.unwrap().status().is_success());
    let ended = running.terminate().await;
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    for (to_head, code) in [(false, 0), (true, 1)] {
        let running = binary::start(index(&path, to_head));
        sleep(Duration::from_secs(1)).await;
        let ended = running.terminate().await;
        assert_eq!(ended.code, code, "{}", ended.stderr);
    }
}

async fn reopened(fresh: &Fresh) -> Rows {
    let db = Db::open(&fresh.url, Mode::Read).await.unwrap();
    let rows = rows(&db).await;
    db.close().await;
    rows
}

async fn rows(db: &Db) -> Rows {
    let mut all = Vec::new();
    for table in TABLES {
        all.push(dump::table(db, table).await.unwrap());
    }
    all
}
