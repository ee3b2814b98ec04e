//! A run through a fork and back leaves what a run leaves that never saw it, row for row.

use accrual_indexer::IndexError;
use accrual_indexer::follow::{Finality, Target};
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
        }
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
