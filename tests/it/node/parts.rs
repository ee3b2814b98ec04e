//! Two workers on one database, each with its part of the pools, while the chain changes its mind and one of them is paused.

use std::time::Duration;

use accrual_indexer::IndexError;
use accrual_indexer::follow::{Finality, Follower, Target};
use accrual_indexer::rpc::{RpcOptions, RpcSource};
use accrual_indexer::workers::{HEAD, Worker, WorkerOptions};
use accrual_store::{Db, StoreError, checkpoints};
use accrual_tests::db::{Fresh, fresh, on_each_engine};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::crowd::Crowd;
use super::{campaigns, options, pools, sync};

const DEEP: Finality = Finality::Confirmations(50);
const LEASE: Duration = Duration::from_secs(1);

/// A worker with its follower. It beats until it is paused.
struct Part {
    worker: std::sync::Arc<Worker>,
    follower: Follower,
    beating: Option<DropGuard>,
}

impl Part {
    async fn join(crowd: &Crowd, db: &Db, name: &str) -> Self {
        let options_of = WorkerOptions {
            worker: name.to_owned(),
            host: "here".to_owned(),
            takes_all: false,
            lease: LEASE,
            pools: pools(crowd).into_iter().map(|pool| pool.id).collect(),
            tasks: vec![HEAD],
        };
        let worker = std::sync::Arc::new(Worker::join(db.clone(), options_of).await.unwrap());
        let url = crowd.stage.anvil.url().to_owned();
        let source = RpcSource::new(&[url], RpcOptions::default());
        let (pools, campaigns) = (pools(crowd), campaigns(crowd));
        let follower =
            Follower::open_part(source, db.clone(), pools, campaigns, options(DEEP), &worker).await.unwrap();
        let mut part = Self { worker, follower, beating: None };
        part.resume();
        part
    }

    fn resume(&mut self) {
        let stop = CancellationToken::new();
        let (worker, until) = (self.worker.clone(), stop.clone());
        tokio::spawn(async move { worker.keep(&until).await });
        self.beating = Some(stop.drop_guard());
    }

    async fn holds(&self, count: usize) {
        let held = async {
            while self.worker.held().borrow().pool_count() != count {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let in_time = tokio::time::timeout(Duration::from_secs(20), held).await;
        in_time.unwrap_or_else(|_| panic!("{} does not come to hold {count}", self.worker.name()));
    }

    /// As the loop does: what failed for the other worker's sake is read again from where the database stands.
    async fn sync_to_the_head(&mut self) {
        for _ in 0..5 {
            match self.follower.sync(Target::Head, &|_| {}).await {
                Ok(_) => return,
                Err(error) => {
                    println!("{}: {error}", self.worker.name());
                    self.follower.reload().await.unwrap();
                }
            }
        }
        panic!("{} does not come to the head", self.worker.name());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_workers_through_a_fork_leave_the_rows_of_one() {
    on_each_engine(async |seen| {
        let mut crowd = Crowd::gather(17).await;
        crowd.play(20).await;
        let mut one = Part::join(&crowd, &seen.db, "one").await;
        let mut two = Part::join(&crowd, &seen.db, "two").await;
        one.holds(1).await;
        two.holds(1).await;
        for (depth, instead, first_sees) in [(6, 8, true), (9, 3, false), (4, 12, true)] {
            let before = crowd.memory.clone();
            crowd.play(depth).await;
            one.sync_to_the_head().await;
            two.sync_to_the_head().await;
            crowd.forget(depth, &before).await;
            crowd.play(instead).await;
            if first_sees {
                one.sync_to_the_head().await;
                two.sync_to_the_head().await;
            } else {
                // Both at once: one rewinds, the other finds it done.
                tokio::join!(one.sync_to_the_head(), two.sync_to_the_head());
                // Whoever was rewound after it had gone on goes on once more.
                one.sync_to_the_head().await;
                two.sync_to_the_head().await;
            }
            let alone = fresh(seen.engine).await.unwrap();
            sync(&crowd, &alone.db, DEEP).await;
            let (ours, theirs) = (rows(seen).await, rows(&alone).await);
            alone.remove().await;
            for ((table, ours), (_, theirs)) in ours.iter().zip(&theirs) {
                assert!(ours == theirs, "fork of {depth}: table {table} holds other rows");
            }
            let rows: usize = ours.iter().map(|(_, rows)| rows.len()).sum();
            println!("{}: fork of {depth}: {rows} rows, 0 differ", seen.engine);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_worker_comes_back_and_writes_nothing() {
    on_each_engine(async |seen| {
        let mut crowd = Crowd::gather(19).await;
        crowd.play(12).await;
        let mut one = Part::join(&crowd, &seen.db, "one").await;
        one.holds(2).await;
        one.sync_to_the_head().await;
        // It stops beating, as a machine does that was put to sleep; another one has everything after the lease.
        drop(one.beating.take());
        let mut two = Part::join(&crowd, &seen.db, "two").await;
        two.holds(2).await;
        let before = rows(seen).await;
        crowd.play(6).await;
        let error = one.follower.sync(Target::Head, &|_| {}).await.unwrap_err();
        assert!(matches!(error, IndexError::Store(StoreError::LeaseLost { .. })), "{error}");
        assert!(rows(seen).await == before, "the paused worker wrote");
        two.sync_to_the_head().await;
        let after = rows(seen).await;
        assert!(after != before, "the other one goes on");

        // Awake again it has a part, and takes it up where the other one left it.
        one.resume();
        one.holds(1).await;
        two.holds(1).await;
        crowd.play(5).await;
        one.sync_to_the_head().await;
        two.sync_to_the_head().await;
        let alone = fresh(seen.engine).await.unwrap();
        sync(&crowd, &alone.db, DEEP).await;
        let (ours, theirs) = (rows(seen).await, rows(&alone).await);
        alone.remove().await;
        assert!(ours == theirs, "two workers left other rows than one");
        let rows: usize = ours.iter().map(|(_, rows)| rows.len()).sum();
        println!("{}: {rows} rows, 0 differ", seen.engine);
        let head = crowd.stage.anvil.block_number().await.unwrap();
        let stored = checkpoints::all(&seen.db).await.unwrap();
        assert!(stored.len() == 2 && stored.iter().all(|checkpoint| checkpoint.number.0 == head));
    })
    .await;
}

/// What must be the same whoever followed which pool, and how often blocks were taken back.
async fn rows(of: &Fresh) -> Vec<(&'static str, Vec<Vec<String>>)> {
    const TABLES: [&str; 6] =
        ["checkpoints", "events", "snapshots", "pool_points", "campaign_points", "account_points"];
    let mut tables = of.dump().await;
    tables.retain(|(table, _)| TABLES.contains(table));
    for (table, rows) in &mut tables {
        if *table == "checkpoints" {
            rows.iter_mut().for_each(|row| drop(row.pop()));
        }
    }
    tables
}
