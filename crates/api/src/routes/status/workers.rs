//! Who follows the chain: each index worker and what it holds, under names that tell nothing of the machines.

use std::collections::BTreeMap;

use accrual_rewards::unit::UnixSeconds;
use accrual_store::leases::{Standing, is_pool};
use serde::Serialize;
use utoipa::ToSchema;

use crate::view::Rfc3339;

/// An index worker.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = StatusWorker)]
pub(crate) struct WorkerView {
    /// Its name, made up when it began.
    #[schema(example = "9f2c41d07ab3")]
    worker: String,
    /// When it was last heard of, by the database's clock.
    seen_at: Rfc3339,
    /// For how many seconds it has been silent. Past the lease (`index.lease_seconds`) the others take what it holds.
    #[schema(example = 1)]
    silent_seconds: u64,
    /// How many pools it holds.
    #[schema(example = 3)]
    pools: u64,
    /// What it does for all pools.
    #[schema(example = json!(["head"]))]
    tasks: Vec<String>,
}

/// Each worker once, by name.
pub(super) fn views(standing: &Standing) -> Vec<WorkerView> {
    let mut held: BTreeMap<&str, (u64, Vec<String>)> = BTreeMap::new();
    for row in &standing.leases {
        let Some(worker) = &row.worker else { continue };
        let (pools, tasks) = held.entry(worker).or_default();
        match row.name.split_once(':') {
            Some((_, task)) if !is_pool(&row.name) => tasks.push(task.to_owned()),
            _ => *pools += 1,
        }
    }
    let view = |worker: &accrual_store::leases::WorkerRow| {
        let (pools, tasks) = held.remove(worker.worker.as_str()).unwrap_or_default();
        WorkerView {
            worker: worker.worker.clone(),
            seen_at: Rfc3339(UnixSeconds(worker.seen_at_ms / 1_000)),
            silent_seconds: standing.now_ms.saturating_sub(worker.seen_at_ms) / 1_000,
            pools,
            tasks,
        }
    };
    standing.workers.iter().map(view).collect()
}
