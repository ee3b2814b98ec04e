//! States that were published and are no longer: once nobody looks at one, the next block is folded into it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use accrual_rewards::id::PoolId;
use accrual_rewards::unit::BlockNumber;

use super::{PoolState, State};

/// More than this many are not kept for a pool, whoever may still look at them.
const EACH_MAX: usize = 10;

/// By pool, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Spares(Mutex<BTreeMap<PoolId, Vec<Arc<PoolState>>>>);

impl Spares {
    /// Takes up those pools' states of `old` that `new` no longer has. Answers what is to be dropped instead.
    pub(super) fn retire(&self, old: &State, new: &State) -> Vec<Arc<PoolState>> {
        let mut spares = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut dropped = Vec::new();
        for (id, state) in &old.pools {
            if new.pool(id).is_some_and(|newer| Arc::ptr_eq(newer, state)) {
                continue;
            }
            let own = spares.entry(id.clone()).or_default();
            own.push(Arc::clone(state));
            if own.len() > EACH_MAX {
                dropped.push(own.remove(0));
            }
        }
        dropped
    }

    /// A pool at a block that was published not long ago, for somebody to look at once more.
    pub(super) fn find(&self, pool: &PoolId, block: BlockNumber, rewinds: u64) -> Option<Arc<PoolState>> {
        let spares = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_it = |spare: &&Arc<PoolState>| spare.moment.number == block && spare.rewinds == rewinds;
        spares.get(pool)?.iter().find(is_it).cloned()
    }

    /// The newest state before `old`, of the same chain, that nobody looks at. Those before it are of no use any more.
    pub(super) fn take(&self, old: &PoolState) -> Option<PoolState> {
        let mut spares = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let own = spares.get_mut(&old.info.pool.id)?;
        own.retain(|spare| spare.rewinds == old.rewinds && spare.moment.number <= old.moment.number);
        let at = own.iter().rposition(|spare| Arc::strong_count(spare) == 1)?;
        let found = own.remove(at);
        own.drain(..at);
        Arc::into_inner(found)
    }
}
