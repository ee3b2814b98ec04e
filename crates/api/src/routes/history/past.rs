//! Rows of a pool's hours that are over, told once for all who ask: only the hour that runs is told anew at each block.
//!
//! They say the same until a pool behind them has stored another hour, or has taken blocks back, or has its hours made again, or
//! something becomes known of a token. All of that is looked up each time, and costs a few lookups in place of all the rows.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use accrual_rewards::id::PoolId;
use accrual_rewards::series::PoolPoint;
use accrual_rewards::unit::UnixSeconds;
use accrual_store::series::{self, SeriesRow};
use accrual_store::{Db, StoreError, checkpoints};

use super::Span;
use super::pool::{Shared, Sources};
use crate::book::Tokens;

/// Of so many charts.
const KEPT: usize = 8;

/// The charts that were asked for last, newest first.
#[derive(Debug, Default)]
pub(crate) struct PastHours(Mutex<VecDeque<(Chart, Arc<Past>)>>);

/// The rows of a stretch's stored hours.
#[derive(Debug)]
pub(super) struct Past {
    /// Oldest first; one more than was asked for, where there is one.
    pub(super) rows: Vec<Shared>,
    /// What the hour after them is held against.
    pub(super) last: Option<PoolPoint>,
}

/// Which rows, and all that they are made of.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Chart {
    pool: PoolId,
    step: u64,
    first: UnixSeconds,
    /// `None` for all that is stored.
    to: Option<UnixSeconds>,
    limit: usize,
    stored: Vec<Stored>,
    tokens: Arc<Tokens>,
    newest: Sources,
}

/// The state of a pool's stored hours.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stored {
    pool: PoolId,
    rewinds: u64,
    row: SeriesRow,
}

impl Chart {
    /// The chart of `pool`, whose rows are made of the hours of all `pools` too; `None` while some of those are being made.
    pub(super) async fn of(
        db: &Db,
        pool: &PoolId,
        pools: &BTreeSet<PoolId>,
        span: &Span,
        (tokens, newest): (Arc<Tokens>, Sources),
    ) -> Result<Option<Self>, StoreError> {
        let checkpoints = checkpoints::all(db).await?;
        let mut stored = Vec::new();
        for pool in std::iter::once(pool).chain(pools) {
            let checkpoint = checkpoints.iter().find(|checkpoint| checkpoint.pool == *pool);
            let row = series::get(db, pool).await?;
            let Some((checkpoint, row)) = checkpoint.zip(row) else { return Ok(None) };
            stored.push(Stored { pool: pool.clone(), rewinds: checkpoint.rewinds, row });
        }
        let reach = stored[0].row.at;
        let to = reach.is_none_or(|reach| reach > span.to).then_some(span.to);
        let (step, first, limit) = (span.step, span.first, span.limit);
        Ok(Some(Self { pool: pool.clone(), step, first, to, limit, stored, tokens, newest }))
    }

    /// Which rows, whatever they are made of.
    fn stretch(&self) -> (&PoolId, u64, UnixSeconds, Option<UnixSeconds>, usize) {
        (&self.pool, self.step, self.first, self.to, self.limit)
    }
}

impl PastHours {
    pub(super) fn get(&self, chart: &Chart) -> Option<Arc<Past>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().find(|(of, _)| of == chart).map(|(_, past)| Arc::clone(past))
    }

    pub(super) fn put(&self, chart: Chart, past: &Arc<Past>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Of one stretch only what holds now is kept.
        kept.retain(|(of, _)| of.stretch() != chart.stretch());
        kept.push_front((chart, Arc::clone(past)));
        kept.truncate(KEPT);
    }
}
