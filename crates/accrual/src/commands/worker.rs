//! This process as one of the index workers on its database, and all of them for people to read.

use std::sync::Arc;
use std::time::Duration;

use accrual_indexer::workers::{Worker, WorkerOptions};
use accrual_store::leases::{Standing, is_pool};
use accrual_store::{Db, Engine};
use anyhow::anyhow;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::failure::Failure;

/// A worker that beats in a task of its own: nothing that the process is busy with may make it look dead.
pub(super) struct Joined {
    worker: Arc<Worker>,
    stop: CancellationToken,
    beating: JoinHandle<()>,
}

impl Joined {
    /// Joins the workers on `db`. An SQLite file is one machine's: there, whoever began last has everything.
    pub(super) async fn join(
        config: &Config,
        db: &Db,
        takes_all: bool,
        tasks: &[&'static str],
    ) -> Result<Self, Failure> {
        let options = WorkerOptions {
            worker: random_name()?,
            host: host(),
            takes_all: takes_all || db.engine() == Engine::Sqlite,
            lease: config.lease,
            pools: config.pools.iter().map(|entry| entry.pool.id.clone()).collect(),
            tasks: tasks.to_vec(),
        };
        let worker = Arc::new(Worker::join(db.clone(), options).await?);
        let stop = CancellationToken::new();
        let (beats, until) = (worker.clone(), stop.clone());
        let beating = tokio::spawn(async move { beats.keep(&until).await });
        Ok(Self { worker, stop, beating })
    }

    /// For a task of its own.
    pub(super) fn shared(&self) -> Arc<Worker> {
        self.worker.clone()
    }

    /// Gives everything back. A database that does not answer frees it by itself once the lease is over.
    pub(super) async fn leave(self) {
        const PATIENCE: Duration = Duration::from_secs(1);
        self.stop.cancel();
        if let Err(error) = self.beating.await {
            tracing::error!(%error, "the worker's beat ended badly");
        }
        match tokio::time::timeout(PATIENCE, self.worker.leave()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "what was held is free once the lease is over"),
            Err(_) => tracing::warn!("the database is silent: what was held is free once the lease is over"),
        }
    }
}

impl std::ops::Deref for Joined {
    type Target = Worker;

    fn deref(&self) -> &Worker {
        &self.worker
    }
}

fn random_name() -> Result<String, Failure> {
    let mut bytes = [0_u8; 6];
    getrandom::fill(&mut bytes).map_err(|error| anyhow!("the system has no random numbers ({error})"))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn host() -> String {
    let named = std::env::var("HOSTNAME").or_else(|_| std::fs::read_to_string("/proc/sys/kernel/hostname"));
    named.map(|name| name.trim().to_owned()).unwrap_or_default()
}

/// A line a worker, and one for what nobody holds.
pub(super) fn lines(standing: &Standing, lease: Duration) -> Vec<String> {
    let lease_ms = u64::try_from(lease.as_millis()).unwrap_or(u64::MAX);
    let mut lines = Vec::new();
    for worker in &standing.workers {
        let held = standing.leases.iter().filter(|row| row.worker.as_ref() == Some(&worker.worker));
        let names: Vec<&str> = held.map(|row| row.name.as_str()).collect();
        let silent_ms = standing.now_ms.saturating_sub(worker.seen_at_ms);
        let state = if worker.is_live(standing.now_ms, lease_ms) { "holds" } else { "is silent and held" };
        let what = if names.is_empty() { "nothing".to_owned() } else { names.join(", ") };
        lines.push(format!(
            "worker {} on {} {state} {what}; last heard of {silent_ms} ms ago",
            worker.worker, worker.host
        ));
    }
    let is_known = |holder: &String| standing.workers.iter().any(|worker| worker.worker == *holder);
    let free = standing.leases.iter().filter(|row| !row.worker.as_ref().is_some_and(is_known));
    let free: Vec<&str> = free.filter(|row| is_pool(&row.name)).map(|row| row.name.as_str()).collect();
    if !free.is_empty() {
        lines.push(format!("nobody follows {}", free.join(", ")));
    }
    lines
}
