//! Several index workers on one database: each says that it is alive, holds its part of the pools by leases, and is told
//! when that changes.
//!
//! ```text
//! beat -> how everything stands -> share -> take, give back -> Held -> follower, Distributor, verification
//! ```
//!
//! A worker that is paused, or cut off from the database, keeps what it has in memory; whether it may write is for the
//! database to say, in each transaction ([`Db::under`]).

mod share;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use accrual_rewards::id::PoolId;
use accrual_store::leases::{self, Beat, of_pool, of_task};
use accrual_store::{Db, Lease, StoreError};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use share::share;

/// Keeps what the node says of the chain's ends.
pub const HEAD: &str = "head";
/// Reads Merkl's Distributor.
pub const DISTRIBUTOR: &str = "distributor";
/// Holds our figures against Merkl's.
pub const COMPARISON: &str = "comparison";

/// Thins out what is not kept for ever.
pub const RETENTION: &str = "retention";

/// Beats in a lease: two may be lost.
const BEATS_PER_LEASE: u32 = 3;
/// So long a worker that takes everything waits for whoever is writing at that moment.
const TAKE_ALL_PATIENCE: Duration = Duration::from_secs(15);

/// Who a worker is and what it may hold.
#[derive(Debug, Clone)]
pub struct WorkerOptions {
    /// Its name, which no other one ever had.
    pub worker: String,
    /// The machine that it runs on, for people.
    pub host: String,
    /// Whether it shares with nobody: it takes everything at once, from whoever holds it.
    pub takes_all: bool,
    /// Silent for so long, it is taken for dead.
    pub lease: Duration,
    /// The pools.
    pub pools: Vec<PoolId>,
    /// What is done once for all pools.
    pub tasks: Vec<&'static str>,
}

/// What a worker holds at a moment.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Held(Arc<BTreeMap<String, Lease>>);

impl Held {
    /// The lease on `pool`.
    pub fn pool(&self, pool: &PoolId) -> Option<Lease> {
        self.0.get(&of_pool(pool)).cloned()
    }

    /// The lease on a task.
    pub fn task(&self, task: &str) -> Option<Lease> {
        self.0.get(&of_task(task)).cloned()
    }

    /// How many pools are held.
    pub fn pool_count(&self) -> usize {
        self.0.keys().filter(|name| leases::is_pool(name)).count()
    }
}

/// A worker among others.
#[derive(Debug)]
pub struct Worker {
    db: Db,
    options: WorkerOptions,
    names: BTreeSet<String>,
    held: watch::Sender<Held>,
}

impl Worker {
    /// Says that the worker is there, and takes its part of what is free; one that takes all holds everything afterwards.
    ///
    /// # Errors
    /// The database does not answer, or somebody writes for so long that not everything can be taken.
    pub async fn join(db: Db, options: WorkerOptions) -> Result<Self, StoreError> {
        let pools = options.pools.iter().map(of_pool);
        let names: BTreeSet<String> = pools.chain(options.tasks.iter().map(|task| of_task(task))).collect();
        let listed: Vec<String> = names.iter().cloned().collect();
        leases::register(&db, &listed).await?;
        let worker = Self { db, options, names, held: watch::Sender::default() };
        worker.beat().await?;
        if worker.options.takes_all {
            worker.take_all().await?;
        }
        Ok(worker)
    }

    /// What is held, now and after each change.
    pub fn held(&self) -> watch::Receiver<Held> {
        self.held.subscribe()
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.options.worker
    }

    /// Whether it shares with nobody.
    pub fn takes_all(&self) -> bool {
        self.options.takes_all
    }

    /// Beats until `shutdown`. While the database does not answer, what was held stays in memory.
    pub async fn keep(&self, shutdown: &CancellationToken) {
        let pause = self.options.lease / BEATS_PER_LEASE;
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = sleep(pause) => {}
            }
            match timeout(self.options.lease, self.beat()).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::warn!(%error, "this worker cannot say that it is alive"),
                Err(_) => tracing::warn!("this worker cannot say that it is alive: the database is silent"),
            }
        }
    }

    /// Gives everything up, so that others take it at their next beat.
    ///
    /// # Errors
    /// The database's own; what was held is free once the lease is over.
    pub async fn leave(&self) -> Result<(), StoreError> {
        self.held.send_replace(Held::default());
        leases::leave(&self.db, &self.options.worker).await
    }

    async fn beat(&self) -> Result<(), StoreError> {
        let WorkerOptions { worker, host, takes_all, lease, .. } = &self.options;
        let beat = Beat { worker, host, takes_all: *takes_all };
        let standing = leases::beat(&self.db, &beat).await?;
        let lease_ms = u64::try_from(lease.as_millis()).unwrap_or(u64::MAX);
        let share = share(worker, &self.names, &standing, lease_ms);
        let mut held: BTreeMap<String, Lease> =
            share.held.into_iter().map(|lease| (lease.name.clone(), lease)).collect();
        if !share.give_back.is_empty() {
            // Out of the follower's hands first. What it is writing at this moment stays until the next beat.
            held.retain(|_, lease| !share.give_back.contains(lease));
            self.publish(Held(Arc::new(held.clone())), &share.give_back);
            let given = leases::give_back(&self.db, &share.give_back).await?;
            tracing::info!(leases = given.len(), "given back, for others to have their part");
        }
        if !share.take.is_empty() {
            let taken = leases::take(&self.db, worker, &share.take).await?;
            metrics::counter!("accrual_index_leases_taken_total")
                .increment(u64::try_from(taken.len()).unwrap_or(u64::MAX));
            if !taken.is_empty() && !takes_all {
                tracing::info!(leases = taken.len(), worker, "taken");
            }
            held.extend(taken.into_iter().map(|lease| (lease.name.clone(), lease)));
        }
        self.publish(Held(Arc::new(held)), &share.give_back);
        Ok(())
    }

    fn publish(&self, held: Held, given_back: &[Lease]) {
        let count = u32::try_from(held.pool_count()).unwrap_or(u32::MAX);
        metrics::gauge!("accrual_index_pools_held").set(f64::from(count));
        self.held.send_if_modified(|before| {
            let is_lost =
                |lease: &&Lease| held.0.get(&lease.name) != Some(lease) && !given_back.contains(lease);
            let lost = before.0.values().filter(is_lost).count();
            if lost > 0 {
                tracing::warn!(leases = lost, "no longer this worker's");
            }
            let is_other = *before != held;
            *before = held;
            is_other
        });
    }

    async fn take_all(&self) -> Result<(), StoreError> {
        let all = async {
            while self.held.borrow().0.len() < self.names.len() {
                sleep(Duration::from_millis(50)).await;
                self.beat().await?;
            }
            Ok(())
        };
        timeout(TAKE_ALL_PATIENCE, all).await.unwrap_or_else(|_| {
            let held = self.held.borrow();
            let missing = self.names.iter().find(|name| !held.0.contains_key(*name));
            let name = missing.cloned().unwrap_or_default();
            Err(StoreError::LeaseLost {
                at: self.db.url().to_string(),
                name,
                holder: "a worker that is writing, or that began later and takes all too".to_owned(),
            })
        })
    }
}

/// Runs `work` for as long as `task` is held, again each time that it is taken, until `shutdown`. The token that it is
/// given ends when the lease does.
pub async fn while_held<F>(
    mut held: watch::Receiver<Held>,
    task: &str,
    shutdown: &CancellationToken,
    mut work: impl FnMut(Lease, CancellationToken) -> F,
) where
    F: Future<Output = ()>,
{
    while !shutdown.is_cancelled() {
        let lease = held.borrow_and_update().task(task);
        let changed = async {
            while held.changed().await.is_ok() {
                if held.borrow_and_update().task(task) != lease {
                    return;
                }
            }
            // The worker goes last.
            std::future::pending().await
        };
        tokio::pin!(changed);
        let stop = shutdown.child_token();
        if let Some(mine) = lease.clone() {
            let working = work(mine, stop.clone());
            tokio::pin!(working);
            tokio::select! {
                () = &mut working => {}
                () = &mut changed => {
                    stop.cancel();
                    working.await;
                    continue;
                }
            }
        }
        // Nothing to do until it is somebody else's turn.
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = changed => {}
        }
    }
}
