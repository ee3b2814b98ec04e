//! The follower's part of the pools: those that its worker holds, taken up and let go between batches.

use accrual_rewards::campaign::Campaign;
use accrual_rewards::tracker::Pool;
use accrual_store::{Db, Lease};
use tokio::sync::watch;

use super::state::State;
use crate::error::IndexError;
use crate::workers::{HEAD, Held, Worker};

/// All pools that may come, and which are held.
pub(super) struct Part {
    pools: Vec<Pool>,
    held: watch::Receiver<Held>,
    must_hold_all: bool,
}

impl Part {
    pub(super) fn new(pools: Vec<Pool>, worker: &Worker) -> Self {
        let mut held = worker.held();
        held.mark_changed();
        Self { pools, held, must_hold_all: worker.takes_all() }
    }

    /// Whether what is held is no longer what was taken up.
    pub(super) fn has_changed(&self) -> bool {
        self.held.has_changed().unwrap_or(false)
    }

    /// The lease on telling where the chain ends.
    pub(super) fn head(&self) -> Option<Lease> {
        self.held.borrow().task(HEAD)
    }

    /// Makes `state` what is held. A pool that was taken from another worker is taken up where that one left it.
    pub(super) async fn take_up(
        &mut self,
        state: &mut State,
        db: &Db,
        campaigns: &[Campaign],
    ) -> Result<(), IndexError> {
        let held = self.held.borrow_and_update().clone();
        state.keep_held(&held);
        for pool in &self.pools {
            match held.pool(&pool.id) {
                Some(lease) if !state.has(&pool.id) => {
                    state.take_up(db, pool.clone(), campaigns, lease).await?;
                }
                None if self.must_hold_all => return Err(IndexError::PoolHeld { pool: pool.id.clone() }),
                _ => {}
            }
        }
        Ok(())
    }
}

/// Waits until other pools are held than before; for ever where there are no leases.
pub(super) async fn changed(part: Option<&Part>) {
    let Some(part) = part else { return std::future::pending().await };
    let mut held = part.held.clone();
    if held.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}
