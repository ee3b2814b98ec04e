//! How a new block is noticed, and a node that has fewer blocks than the database.

use std::time::{Duration, Instant};

use accrual_indexer::follow::Finality;
use accrual_recording::{HeadRule, NodeOptions};
use accrual_store::{Db, checkpoints};
use accrual_tests::db::{dump_of_chain, on_each_engine};
use accrual_tests::played::play;
use accrual_tests::{binary, config};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::crowd::Crowd;
use super::follower;

/// The poll interval is a minute, so only the subscription can tell so soon.
#[tokio::test(flavor = "multi_thread")]
async fn a_websocket_tells_of_a_new_block() {
    let mut crowd = Crowd::gather(17).await;
    crowd.play(5).await;
    let fresh = accrual_tests::db::fresh(accrual_store::Engine::Sqlite).await.unwrap();
    let mut live = follower(&crowd, &fresh.db, "ws", Finality::Confirmations(20)).await;
    let stop = CancellationToken::new();
    let stopped = stop.clone();
    let following = tokio::spawn(async move { live.follow(&stopped, &|_| {}).await });
    reaches(&fresh.db, crowd.stage.anvil.block_number().await.unwrap()).await;
    // A block between the last look and the subscription would be noticed with the next one only.
    sleep(Duration::from_secs(1)).await;
    for _ in 0..3 {
        crowd.play(1).await;
        let begun = Instant::now();
        reaches(&fresh.db, crowd.stage.anvil.block_number().await.unwrap()).await;
        println!("noticed and committed after {} ms", begun.elapsed().as_millis());
    }
    stop.cancel();
    timeout(Duration::from_secs(5), following).await.expect("it stops when asked").unwrap();
    fresh.remove().await;
}

async fn reaches(db: &Db, block: u64) {
    let all_there = async {
        loop {
            let all = checkpoints::all(db).await.unwrap();
            if !all.is_empty() && all.iter().all(|checkpoint| checkpoint.number.0 >= block) {
                return;
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(5), all_there).await.expect("a new block is committed within 5 s");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_behind_is_named_and_nothing_is_taken_back() {
    let whole = play(NodeOptions::default()).await;
    let behind = play(NodeOptions { head: HeadRule::Paced { speed: 1 }, ..NodeOptions::default() }).await;
    on_each_engine(async |fresh| {
        let folder = tempfile::tempdir().unwrap();
        let index = async |node| {
            let config = config::write(folder.path(), &fresh.url_text, node);
            binary::run(&["index", "--config", binary::text(&config), "--to", "head"]).await
        };
        let ended = index(&whole).await;
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        let stored = dump_of_chain(&fresh.db).await;

        let ended = index(&behind).await;
        assert_eq!(ended.code, 1, "{}", ended.stderr);
        assert!(ended.stderr.contains("the node is behind"), "{}", ended.stderr);
        assert!(stored == dump_of_chain(&fresh.db).await, "the database changed");
    })
    .await;
}
