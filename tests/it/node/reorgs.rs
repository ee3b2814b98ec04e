//! A run through a fork and back leaves what a run leaves that never saw it, row for row.

use accrual_indexer::IndexError;
use std::sync::atomic::{AtomicBool, Ordering};

use accrual_indexer::follow::{Finality, Target};
use accrual_store::Engine;
use accrual_tests::binary;
use accrual_tests::db::{Fresh, fresh, on_each_engine};

use super::crowd::Crowd;
use super::{follower, sync};

const DEEP: Finality = Finality::Confirmations(50);

#[tokio::test(flavor = "multi_thread")]
async fn through_a_fork_and_back_leaves_the_same_rows() {
    on_each_engine(async |seen| {
        let mut crowd = Crowd::gather(11).await;
        crowd.play(30).await;
        let mut live = follower(&crowd, &seen.db, "http", DEEP).await;
        live.sync(Target::Head, &|_| {}).await.unwrap();

        // (blocks that go, blocks that come instead, whether the process was stopped in between)
        let forks = [(1, 0, false), (7, 9, false), (5, 0, true), (12, 4, true), (20, 15, false)];
        for (rewinds, (depth, instead, stopped)) in (1..).zip(forks) {
            let before = crowd.memory.clone();
            let fork = crowd.stage.anvil.block_number().await.unwrap();
            crowd.play(depth).await;
            live.sync(Target::Head, &|_| {}).await.unwrap();
            let old = rows(seen, fork).await;
            crowd.forget(depth, &before).await;
            crowd.play(instead).await;
            if stopped {
                live = follower(&crowd, &seen.db, "http", DEEP).await;
            }
            live.sync(Target::Head, &|_| {}).await.unwrap();

            let never_saw = fresh(seen.engine).await.unwrap();
            sync(&crowd, &never_saw.db, DEEP).await;
            let (ours, theirs) = (rows(seen, fork).await, rows(&never_saw, fork).await);
            never_saw.remove().await;
            for ((table, ours), (_, theirs)) in ours.iter().zip(&theirs) {
                assert!(ours == theirs, "fork of {depth} at {fork}: table {table} holds other rows");
            }
            assert!(old != ours, "fork of {depth}: nothing changed");
            let counted = accrual_store::checkpoints::all(&seen.db).await.unwrap();
            assert!(counted.iter().all(|checkpoint| checkpoint.rewinds == rewinds), "{counted:?}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fork_below_finality_stops_and_changes_nothing() {
    on_each_engine(async |seen| {
        let mut crowd = Crowd::gather(13).await;
        crowd.play(20).await;
        let before = crowd.memory.clone();
        crowd.play(6).await;
        let shallow = Finality::Confirmations(2);
        let mut live = follower(&crowd, &seen.db, "http", shallow).await;
        live.sync(Target::Head, &|_| {}).await.unwrap();
        let stored = seen.dump().await;
        crowd.forget(6, &before).await;
        for grown in [0, 3] {
            crowd.play(grown).await;
            let again = follower(&crowd, &seen.db, "http", shallow).await.sync(Target::Head, &|_| {}).await;
            for outcome in [live.sync(Target::Head, &|_| {}).await, again] {
                let error = outcome.unwrap_err();
                assert!(matches!(error, IndexError::FinalBlockChanged { .. }), "{error}");
                assert!(error.to_string().contains("changed below finality"), "{error}");
            }
            assert!(stored == seen.dump().await, "the database changed");
            let rows: usize = stored.iter().map(|(_, rows)| rows.len()).sum();
            println!("{}: refused twice, {rows} rows unchanged", seen.engine);
        }
    })
    .await;
}

/// Deeper than what is compared at once, live and with the process down meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn a_fork_of_any_depth_above_finality_is_followed() {
    let very_deep = Finality::Confirmations(400);
    for stopped in [false, true] {
        let stored = fresh(Engine::Sqlite).await.unwrap();
        let mut crowd = Crowd::gather(14).await;
        crowd.play(10).await;
        let (before, fork) = (crowd.memory.clone(), crowd.stage.anvil.block_number().await.unwrap());
        crowd.play(150).await;
        let mut live = follower(&crowd, &stored.db, "http", very_deep).await;
        live.sync(Target::Head, &|_| {}).await.unwrap();
        crowd.forget(150, &before).await;
        crowd.play(20).await;
        if stopped {
            live = follower(&crowd, &stored.db, "http", very_deep).await;
        }
        live.sync(Target::Head, &|_| {}).await.unwrap();
        let never_saw = fresh(Engine::Sqlite).await.unwrap();
        sync(&crowd, &never_saw.db, very_deep).await;
        assert!(rows(&stored, fork).await == rows(&never_saw, fork).await, "stopped: {stopped}");
        never_saw.remove().await;
        stored.remove().await;
    }
}

/// The chain changes after some batches were committed and others were asked for.
#[tokio::test(flavor = "multi_thread")]
async fn a_fork_while_catching_up_leaves_the_same_rows() {
    on_each_engine(async |seen| {
        let mut crowd = Crowd::gather(15).await;
        crowd.play(20).await;
        let (before, fork) = (crowd.memory.clone(), crowd.stage.anvil.block_number().await.unwrap());
        crowd.play(90).await;
        let mut live = follower(&crowd, &seen.db, "http", Finality::Confirmations(150)).await;
        let (changed, other) = (AtomicBool::new(false), tokio::sync::Mutex::new(&mut crowd));
        let change = |progress: accrual_indexer::follow::Progress| {
            if progress.block.0 > fork && !changed.swap(true, Ordering::SeqCst) {
                tokio::task::block_in_place(|| {
                    tokio::runtime::Handle::current().block_on(async {
                        let mut crowd = other.lock().await;
                        crowd.forget(90, &before).await;
                        crowd.play(95).await;
                    });
                });
            }
        };
        // As the loop does: what was not steady is read again.
        let mut rounds = 0;
        while let Err(error) = live.sync(Target::Head, &change).await {
            rounds += 1;
            assert!(rounds < 5, "{error}");
            live.reload().await.unwrap();
        }
        live.sync(Target::Head, &change).await.unwrap();
        assert!(changed.into_inner(), "the chain changed while it was read");
        let never_saw = fresh(seen.engine).await.unwrap();
        sync(&crowd, &never_saw.db, Finality::Confirmations(150)).await;
        let (ours, theirs) = (rows(seen, fork).await, rows(&never_saw, fork).await);
        never_saw.remove().await;
        assert!(ours == theirs, "other rows than of a run that never saw it");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_in_the_sentence_repairs_a_fork_below_finality() {
    on_each_engine(async |seen| {
        let mut crowd = Crowd::gather(16).await;
        crowd.play(20).await;
        let (before, fork) = (crowd.memory.clone(), crowd.stage.anvil.block_number().await.unwrap());
        crowd.play(40).await;
        let folder = tempfile::tempdir().unwrap();
        let path = super::verify::config(folder.path(), &crowd, seen, "");
        let index = async |more: &[&str]| {
            let always = ["index", "--config", binary::text(&path), "--to", "head"];
            binary::run(&[&always[..], more].concat()).await
        };
        let ended = index(&[]).await;
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        crowd.forget(40, &before).await;
        crowd.play(45).await;
        let ended = index(&[]).await;
        assert!(ended.code == 1 && ended.stderr.contains("changed below finality"), "{}", ended.stderr);
        // The sentence names the block; what lies above it is forgotten and read again.
        let named = ended.stderr.split("accrual index --rewind-to ").nth(1).expect("a command is named");
        let block: String = named.chars().take_while(char::is_ascii_digit).collect();
        assert!(block.parse::<u64>().unwrap() <= fork, "{block}");
        let ended = index(&["--rewind-to", &block]).await;
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        let never_saw = fresh(seen.engine).await.unwrap();
        let other = super::verify::config(folder.path(), &crowd, &never_saw, "");
        let ended = binary::run(&["index", "--config", binary::text(&other), "--to", "head"]).await;
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        for table in ["events", "pool_points"] {
            let of = async |db| accrual_store::dump::table(db, table).await.unwrap();
            let (ours, theirs) = (of(&seen.db).await, of(&never_saw.db).await);
            assert!(ours == theirs, "{table}");
            println!("{}: {table}: {} rows, 0 differ", seen.engine, ours.len());
        }
        never_saw.remove().await;

        let path = super::verify::config(folder.path(), &crowd, seen, "");
        let ended =
            binary::run(&["index", "--config", binary::text(&path), "--to", "head", "--rewind-to", "5"])
                .await;
        assert!(
            ended.code == 1 && ended.stderr.contains("no block at or below 5 to go back to"),
            "{}",
            ended.stderr
        );
    })
    .await;
}

/// Everything that a fork may touch, but how often it happened: of `blocks`, those above the fork, since which older
/// headers are kept follows the ranges that were asked for.
async fn rows(of: &Fresh, fork: u64) -> Vec<(&'static str, Vec<Vec<String>>)> {
    let mut tables = Vec::new();
    for (table, mut rows) in of.dump().await {
        match table {
            "events" | "snapshots" => {}
            "checkpoints" => rows.iter_mut().for_each(|row| drop(row.pop())),
            "blocks" => rows.retain(|row| row[1].parse::<u64>().unwrap() > fork),
            _ => continue,
        }
        assert!(!rows.is_empty(), "{table} is empty");
        tables.push((table, rows));
    }
    assert_eq!(tables.len(), 4);
    tables
}
