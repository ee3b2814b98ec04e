//! One batch is written while the next is fetched and folded.
//!
//! The loop's state is then one batch ahead of the database. Nobody else sees it: what fails to be written is said by the
//! next call, after which the loop takes up where the database stands.

use accrual_store::{Db, Header, PoolExtension, StoreError, commit};
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio_util::task::AbortOnDropHandle;

use super::batch::{Closed, ClosedPool};
use crate::error::IndexError;

/// A batch that is in the database.
pub(super) struct Written {
    /// Its last block.
    pub(super) through: Header,
    /// How many events it held.
    pub(super) events: u64,
}

/// The writer of one chain's batches, in order. Dropped, it gives up what it has not written yet.
pub(super) struct Writer<'a> {
    db: &'a Db,
    chain_id: u64,
    running: Option<AbortOnDropHandle<Result<Written, StoreError>>>,
}

impl<'a> Writer<'a> {
    pub(super) fn new(db: &'a Db, chain_id: u64) -> Self {
        Self { db, chain_id, running: None }
    }

    /// Begins to write a batch, after the one before is written: that one is answered. With a single thread nothing could
    /// go on meanwhile, so the batch itself is written and answered.
    pub(super) async fn begin(&mut self, batch: Closed) -> Result<Option<Written>, IndexError> {
        let (db, chain_id) = (self.db.clone(), self.chain_id);
        if Handle::current().runtime_flavor() == RuntimeFlavor::CurrentThread {
            return Ok(Some(write(&db, chain_id, &batch).await?));
        }
        let before = self.finish().await?;
        let write = async move { write(&db, chain_id, &batch).await };
        self.running = Some(AbortOnDropHandle::new(tokio::spawn(write)));
        Ok(before)
    }

    /// Whether a batch is still being written.
    pub(super) fn is_busy(&self) -> bool {
        self.running.as_ref().is_some_and(|running| !running.is_finished())
    }

    /// Waits for the batch that is being written.
    pub(super) async fn finish(&mut self) -> Result<Option<Written>, IndexError> {
        let Some(running) = self.running.take() else { return Ok(None) };
        match running.await {
            Ok(written) => Ok(Some(written?)),
            Err(ended) if ended.is_panic() => std::panic::resume_unwind(ended.into_panic()),
            // Nobody aborts it but the runtime's own end.
            Err(_) => std::future::pending().await,
        }
    }
}

/// One batch, one transaction, with its checkpoints.
async fn write(db: &Db, chain_id: u64, batch: &Closed) -> Result<Written, StoreError> {
    let pools: Vec<PoolExtension<'_>> = batch.pools.iter().map(ClosedPool::extension).collect();
    let through = batch.through;
    let extension = accrual_store::Extension { chain_id, through, headers: &batch.headers, pools: &pools };
    commit::extend(db, &extension).await?;
    let events: usize = batch.pools.iter().map(ClosedPool::events_count).sum();
    Ok(Written { through, events: u64::try_from(events).unwrap_or(u64::MAX) })
}
