//! Pools at earlier blocks: rebuilt from what is stored, the last few kept.
//!
//! A state is large, and while it is kept the next block cannot be folded into it. So it is kept once somebody goes on with a
//! list, not when a list is begun: most are not gone on with, and whoever does comes soon enough to find the block that was the
//! newest a moment ago.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use accrual_rewards::id::PoolId;
use accrual_rewards::unit::BlockNumber;
use accrual_store::moment::{self, Asked, Moment, MomentError};
use accrual_store::rebuild::{self, RebuildError};
use accrual_store::{blocks, checkpoints};

use super::{Book, PoolState, State};
use crate::app::PoolInfo;
use crate::cursor::Cursor;
use crate::error::ApiError;

const KEPT: usize = 8;

/// The pool states that were asked for last, newest first.
#[derive(Debug, Default)]
pub(super) struct History(Mutex<VecDeque<Arc<PoolState>>>);

impl Book {
    /// A pool at its checkpoint.
    ///
    /// # Errors
    /// `behind_chain` before its first.
    pub fn newest(&self, info: &PoolInfo) -> Result<Arc<PoolState>, ApiError> {
        self.state().pool(&info.pool.id).cloned().ok_or_else(|| ApiError::not_indexed(&info.pool.id))
    }

    /// A pool as it was at `asked`.
    ///
    /// # Errors
    /// `not_found` when that moment is not stored or not reached.
    pub async fn at(&self, info: &Arc<PoolInfo>, asked: Asked) -> Result<Arc<PoolState>, ApiError> {
        let newest = self.newest(info)?;
        if asked == Asked::Block(newest.moment.number) || asked == Asked::Time(newest.moment.at) {
            return Ok(newest);
        }
        let moment =
            moment::resolve(self.covering(&newest).await?, self.chain_id, self.block_seconds, asked).await;
        self.at_moment(info, &newest, moment.map_err(not_stored)?).await
    }

    /// A pool as it was when `cursor` was made.
    ///
    /// # Errors
    /// `bad_cursor` when that block is no longer part of the chain.
    pub async fn pinned(&self, info: &Arc<PoolInfo>, cursor: &Cursor) -> Result<Arc<PoolState>, ApiError> {
        let newest = self.newest(info)?;
        if newest.rewinds != cursor.rewinds {
            self.check_on_chain(cursor).await?;
            if newest.moment.number < cursor.block {
                return Err(ApiError::BadCursor("points into blocks that have left the chain"));
            }
        }
        let moment = Moment { number: cursor.block, hash: cursor.hash, at: cursor.at };
        let pinned = self.at_moment(info, &newest, moment).await?;
        self.history.put(Arc::clone(&pinned));
        Ok(pinned)
    }

    /// All pools as they were when `cursor` was made; one that had not come so far then stays as it is.
    ///
    /// # Errors
    /// `bad_cursor` when that block is no longer part of the chain.
    pub async fn all_pinned(&self, cursor: &Cursor) -> Result<Arc<State>, ApiError> {
        let newest = self.state();
        if newest.rewinds() != cursor.rewinds {
            self.check_on_chain(cursor).await?;
        }
        let is_there = |pool: &Arc<PoolState>| pool.moment.number <= cursor.block;
        let mut pools = newest.pools.clone();
        for pool in pools.values_mut().filter(|pool| !is_there(pool)) {
            let moment = Moment { number: cursor.block, hash: cursor.hash, at: cursor.at };
            *pool = self.at_moment(&pool.info, pool, moment).await?;
        }
        pools.values().for_each(|pool| self.history.put(Arc::clone(pool)));
        Ok(if newest.pools.values().all(is_there) { newest } else { Arc::new(newest.with_pools(pools)) })
    }

    async fn check_on_chain(&self, cursor: &Cursor) -> Result<(), ApiError> {
        let stored = blocks::get(self.reading.primary(), self.chain_id, cursor.block).await?;
        let hash = stored.map(|header| header.hash);
        if hash.is_some() && hash == cursor.hash {
            return Ok(());
        }
        Err(ApiError::BadCursor("points into blocks that have left the chain"))
    }

    async fn at_moment(
        &self,
        info: &Arc<PoolInfo>,
        newest: &Arc<PoolState>,
        moment: Moment,
    ) -> Result<Arc<PoolState>, ApiError> {
        if moment == newest.moment {
            return Ok(Arc::clone(newest));
        }
        if newest.moment.number < moment.number {
            return Err(not_reached(newest));
        }
        let (pool, rewinds) = (&info.pool.id, newest.rewinds);
        if let Some(kept) = self.history.get(pool, moment.number, rewinds) {
            return Ok(kept);
        }
        if let Some(recent) = self.spares.find(pool, moment.number, rewinds) {
            return Ok(recent);
        }
        let db = self.covering(newest).await?;
        let tracker = rebuild::tracker_at(db, &info.pool, &self.campaigns, moment.number).await?;
        let checkpoint = checkpoints::get(db, &info.pool.id).await?;
        if checkpoint.map(|checkpoint| checkpoint.rewinds) != Some(newest.rewinds) {
            return Err(ApiError::BehindChain("The chain was rewound just now: ask again.".to_owned()));
        }
        let state = Arc::new(PoolState::new(Arc::clone(info), moment, newest.rewinds, tracker));
        self.history.put(Arc::clone(&state));
        Ok(state)
    }
}

fn not_stored(error: MomentError) -> ApiError {
    match error {
        MomentError::Store(error) => error.into(),
        error => ApiError::NotFound(format!("{error}.")),
    }
}

fn not_reached(newest: &PoolState) -> ApiError {
    let Moment { number, at, .. } = newest.moment;
    let (pool, at) = (&newest.info.pool.id, crate::view::Rfc3339(at));
    ApiError::NotFound(format!("Pool {pool} is indexed up to block {number} ({at}), and no further yet."))
}

impl From<RebuildError> for ApiError {
    fn from(error: RebuildError) -> Self {
        tracing::error!(%error, "a pool could not be rebuilt");
        Self::Internal
    }
}

impl History {
    fn get(&self, pool: &PoolId, block: BlockNumber, rewinds: u64) -> Option<Arc<PoolState>> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_it = |state: &Arc<PoolState>| {
            state.info.pool.id == *pool && state.moment.number == block && state.rewinds == rewinds
        };
        let found = kept.iter().position(is_it).and_then(|at| kept.remove(at))?;
        kept.push_front(Arc::clone(&found));
        Some(found)
    }

    fn put(&self, state: Arc<PoolState>) {
        let (pool, block, rewinds) = (&state.info.pool.id, state.moment.number, state.rewinds);
        if self.get(pool, block, rewinds).is_none() {
            let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            kept.push_front(state);
            kept.truncate(KEPT);
        }
    }
}
