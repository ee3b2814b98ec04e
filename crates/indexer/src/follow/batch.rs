//! What was fetched and folded and waits for its transaction.

use accrual_rewards::event::PlacedEvent;
use accrual_rewards::ledger::LedgerError;
use accrual_rewards::unit::BlockNumber;
use accrual_store::series::SeriesRows;
use accrual_store::{Db, Extension, Header, PoolExtension, Snapshot, commit};

use super::state::State;
use crate::error::IndexError;
use crate::fetch::Fetched;

/// Ranges that follow each other, to be committed as one.
pub(super) struct Batch {
    events: Vec<Vec<PlacedEvent>>,
    snapshots: Vec<Vec<Snapshot>>,
    headers: Vec<Header>,
    through: Option<Header>,
    ranges: usize,
    events_max: usize,
}

const RANGES_MAX: usize = 32;

impl Batch {
    /// An empty batch for so many pools, full once it holds `events_max` events.
    pub(super) fn new(pools: usize, events_max: usize) -> Self {
        Self {
            events: vec![Vec::new(); pools],
            snapshots: vec![Vec::new(); pools],
            headers: Vec::new(),
            through: None,
            ranges: 0,
            events_max,
        }
    }

    /// Folds a range's events in by `fold` and takes them up.
    pub(super) fn push(
        &mut self,
        fetched: Fetched,
        mut fold: impl FnMut(usize, &PlacedEvent) -> Result<Option<Snapshot>, LedgerError>,
    ) -> Result<(), IndexError> {
        let first = fetched.headers.first();
        let linked = match (&self.through, first) {
            (Some(before), Some(first)) if first.number == before.number.next() => {
                first.parent_hash == before.hash
            }
            _ => true,
        };
        if !linked {
            return Err(IndexError::Unsteady { first: fetched.blocks.first, last: fetched.blocks.last });
        }
        for (pool, events) in fetched.events.into_iter().enumerate() {
            for event in &events {
                self.snapshots[pool].extend(fold(pool, event)?);
            }
            self.events[pool].extend(events);
        }
        self.headers.extend(fetched.headers);
        self.through = Some(fetched.through);
        self.ranges += 1;
        Ok(())
    }

    pub(super) fn is_full(&self) -> bool {
        self.ranges >= RANGES_MAX || self.events.iter().map(Vec::len).sum::<usize>() >= self.events_max
    }

    pub(super) fn reaches(&self, last: BlockNumber) -> bool {
        self.through.as_ref().is_some_and(|through| through.number == last)
    }

    /// One batch, one transaction, with its checkpoints. Answers how many events were kept.
    pub(super) async fn commit(
        &self,
        db: &Db,
        chain_id: u64,
        pools: &[usize],
        state: &mut State,
    ) -> Result<u64, IndexError> {
        let through = self.through.as_ref().expect("a batch is committed after a range was pushed");
        self.check_continues(pools, state, through)?;
        let rows: Vec<SeriesRows> = pools.iter().map(|pool| state.take_rows(*pool, through.at)).collect();
        let extensions: Vec<PoolExtension<'_>> = pools
            .iter()
            .zip(self.events.iter().zip(&self.snapshots).zip(&rows))
            .map(|(pool, ((events, snapshots), rows))| PoolExtension {
                pool: state.pool_id(*pool),
                after: state.checkpoint(*pool),
                events,
                snapshots,
                series: Some((state.series_fingerprint(*pool), rows)),
            })
            .collect();
        let extension = Extension { chain_id, through: *through, headers: &self.headers, pools: &extensions };
        commit::extend(db, &extension).await?;
        for pool in pools {
            state.advance(*pool, through);
        }
        let count: usize = self.events.iter().map(Vec::len).sum();
        Ok(u64::try_from(count).unwrap_or(u64::MAX))
    }

    /// Where the first new header is the child of a checkpoint's block, it must say so.
    fn check_continues(&self, pools: &[usize], state: &State, through: &Header) -> Result<(), IndexError> {
        let Some(first) = self.headers.first() else { return Ok(()) };
        let broken = pools.iter().filter_map(|pool| state.checkpoint(*pool)).any(|checkpoint| {
            first.number == checkpoint.number.next() && first.parent_hash != checkpoint.hash
        });
        if broken {
            return Err(IndexError::Unsteady { first: first.number, last: through.number });
        }
        Ok(())
    }

    /// Empties the batch and answers the block that it reached.
    pub(super) fn clear(&mut self) -> BlockNumber {
        let block = self.through.as_ref().map_or(BlockNumber(0), |through| through.number);
        *self = Self::new(self.events.len(), self.events_max);
        block
    }
}
