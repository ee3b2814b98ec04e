//! Killed at random moments while a real node makes blocks: what is left is what a run leaves that nothing stopped.

use std::path::Path;
use std::time::Duration;

use accrual_rehearsal::Rng;
use accrual_store::{Db, Mode, checkpoints, dump};
use accrual_tests::db::{Fresh, fresh, on_each_engine};
use accrual_tests::{binary, config};
use tokio::process::Command;
use tokio::time::sleep;

use super::crowd::Crowd;

/// What must be the same however the run was cut. Which headers are kept follows the ranges.
const TABLES: [&str; 6] =
    ["events", "checkpoints", "snapshots", "pool_points", "campaign_points", "account_points"];
const KILLS: u32 = 12;
/// A busy machine takes its time to start a process: so many of them must have stored something.
const MOVED_MIN: u32 = 3;
const ATTEMPTS_MAX: u64 = 80;

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_the_chain_grows_it_leaves_the_same_rows() {
    on_each_engine(async |seen| {
        let mut crowd = Crowd::gather(19).await;
        crowd.play(20).await;
        // No connection of ours stays open: the files are as a power cut leaves them.
        seen.db.clone().close().await;
        let folder = tempfile::tempdir().unwrap();
        let path = write(folder.path(), &seen.url_text, &crowd);
        let mut rng = Rng::new(23);
        let (mut kills, mut moved) = (0, 0);
        let (mut stood, mut attempts) = (0, 0);
        while kills < KILLS || moved < MOVED_MIN {
            attempts += 1;
            assert!(attempts < ATTEMPTS_MAX, "only {moved} of {attempts} processes stored something");
            let mut running = binary::start(index(&path, false));
            for _ in 0..rng.between(1, 4) {
                sleep(Duration::from_millis(rng.between(5, 150 + 10 * attempts))).await;
                crowd.play(1).await;
            }
            kills += u32::from(running.is_alive());
            running.kill().await;
            let stands = stands(seen).await;
            moved += u32::from(stands > stood);
            stood = stands;
        }
        let ended = binary::ended(index(&path, true)).await;
        assert_eq!(ended.code, 0, "{}", ended.stderr);

        let never_killed = fresh(seen.engine).await.unwrap();
        never_killed.db.clone().close().await;
        let path = write(folder.path(), &never_killed.url_text, &crowd);
        let ended = binary::ended(index(&path, true)).await;
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        let (ours, theirs) = (rows(seen).await, rows(&never_killed).await);
        never_killed.remove().await;
        for (table, (ours, theirs)) in TABLES.iter().zip(ours.iter().zip(&theirs)) {
            assert!(ours == theirs, "killed {kills} times, table {table} holds other rows");
        }
        assert!(ours[0].len() > 50, "{} events", ours[0].len());
        println!("{}: {kills} kills, {moved} of the runs had stored something", seen.engine);
    })
    .await;
}

fn index(config: &Path, to_head: bool) -> Command {
    let mut arguments = vec!["index", "--config", binary::text(config), "--progress", "off"];
    arguments.extend(to_head.then_some(["--to", "head"]).into_iter().flatten());
    let mut index = binary::command(&arguments);
    index
        .env("ACCRUAL__CHAIN__LOG_RANGE_BLOCKS_MAX", "3")
        .env("ACCRUAL__INDEX__COMMIT_EVENTS_MAX", "3")
        .env("ACCRUAL__INDEX__SNAPSHOT_EVENTS", "20");
    index
}

fn write(folder: &Path, database: &str, crowd: &Crowd) -> std::path::PathBuf {
    let mut text = config::head(database, 8453, crowd.stage.anvil.url());
    for (pool, id) in crowd.pools.iter().zip(["wide", "narrow"]) {
        text += &format!(
            "[[pools]]\nid = \"{id}\"\nvenue = \"uniswap_v3\"\naddress = \"{}\"\nposition_manager = \"{}\"\ncreated_block = {}\n",
            pool.address, crowd.stage.manager, pool.created_block
        );
    }
    text += &format!(
        "[[campaigns]]\nid = \"live\"\npool = \"wide\"\nreward_token = \"{}\"\nbudget_units = \"1000000000000000000000000\"\n\
         starts_at = \"2025-06-04T17:00:00Z\"\nends_at = \"2025-06-04T18:00:00Z\"\n\
         weights = {{ fees = 4000, token0 = 3000, token1 = 3000 }}\n",
        crowd.stage.reward
    );
    config::write_text(folder, &text)
}

/// The newest stored block, 0 before the first.
async fn stands(of: &Fresh) -> u64 {
    let db = Db::open(&of.url, Mode::Read).await.unwrap();
    let all = checkpoints::all(&db).await.unwrap();
    db.close().await;
    all.iter().map(|checkpoint| checkpoint.number.0).max().unwrap_or(0)
}

async fn rows(of: &Fresh) -> Vec<Vec<Vec<String>>> {
    let db = Db::open(&of.url, Mode::Read).await.unwrap();
    let mut all = Vec::new();
    for table in TABLES {
        all.push(dump::table(&db, table).await.unwrap());
    }
    db.close().await;
    all
}
