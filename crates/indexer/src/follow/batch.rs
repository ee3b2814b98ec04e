//! What was fetched and folded and waits for its transaction.

use accrual_rewards::event::PlacedEvent;
use accrual_rewards::id::PoolId;
use accrual_rewards::ledger::LedgerError;
use accrual_rewards::unit::BlockNumber;
use accrual_store::series::SeriesRows;
use accrual_store::{BlockRef, Header, Pack, Packer, PoolExtension, Snapshot};

use super::state::State;
use crate::error::IndexError;
use crate::fetch::Fetched;

/// Ranges that follow each other, to be committed as one.
pub(super) struct Batch {
    /// Of each pool.
    events: Vec<Packer>,
    snapshots: Vec<Vec<Snapshot>>,
    headers: Vec<Header>,
    through: Option<Header>,
    ranges: usize,
    /// All that the ranges have.
    blocks: u64,
    events_max: usize,
}

const RANGES_MAX: usize = 32;

/// So many times as much a batch holds at most, where the one before takes longer to be written than it to be folded.
const GROWS_TO: usize = 3;

/// A whole batch, ready for its transaction.
pub(super) struct Closed {
    pub(super) through: Header,
    pub(super) headers: Vec<Header>,
    pub(super) pools: Vec<ClosedPool>,
}

/// One pool's part of it.
pub(super) struct ClosedPool {
    id: PoolId,
    after: Option<BlockRef>,
    packs: Vec<Pack>,
    snapshots: Vec<Snapshot>,
    fingerprint: String,
    rows: SeriesRows,
}

impl ClosedPool {
    pub(super) fn events_count(&self) -> usize {
        self.packs.iter().map(Pack::count).sum()
    }

    pub(super) fn extension(&self) -> PoolExtension<'_> {
        PoolExtension {
            pool: &self.id,
            after: self.after,
            packs: &self.packs,
            snapshots: &self.snapshots,
            series: Some((&self.fingerprint, &self.rows)),
        }
    }
}

impl Batch {
    /// An empty batch for so many pools, full once it holds `events_max` events.
    pub(super) fn new(pools: usize, events_max: usize) -> Self {
        Self {
            events: vec![Packer::default(); pools],
            snapshots: vec![Vec::new(); pools],
            headers: Vec::new(),
            through: None,
            ranges: 0,
            blocks: 0,
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
            self.events[pool].push(&events);
        }
        self.headers.extend(fetched.headers);
        self.through = Some(fetched.through);
        self.ranges += 1;
        self.blocks += fetched.blocks.width();
        Ok(())
    }

    /// Whether it has all that it is to hold, where blocks are read up to `last`. While the batch before `is_written` still, it may
    /// grow, so that folding does not wait for that. Otherwise a state in it, which is large, goes at once; and so does the
    /// whole where less is left to read than it has, since nothing is read any more while the last batch is written.
    pub(super) fn is_full(&self, is_written: bool, last: BlockNumber) -> bool {
        let Some(through) = &self.through else { return false };
        let left = last.0.saturating_sub(through.number.0);
        let goes_at_once = left < self.blocks || self.snapshots.iter().any(|states| !states.is_empty());
        if left == 0 || !is_written && goes_at_once {
            return true;
        }
        let times = if is_written { GROWS_TO } else { 1 };
        let events: usize = self.events.iter().map(Packer::count).sum();
        self.ranges >= times * RANGES_MAX || events >= self.events_max.saturating_mul(times)
    }

    /// Closes the batch, to be written, and moves `state` on as if it were; the batch is empty afterwards.
    pub(super) fn close(&mut self, pools: &[usize], state: &mut State) -> Result<Closed, IndexError> {
        let empty = Self::new(self.events.len(), self.events_max);
        let Self { events, snapshots, headers, through, .. } = std::mem::replace(self, empty);
        let through = through.expect("a batch is closed after a range was pushed");
        check_continues(&headers, pools, state, &through)?;
        let mut closed = Vec::with_capacity(pools.len());
        for (pool, (events, snapshots)) in pools.iter().copied().zip(events.into_iter().zip(snapshots)) {
            let rows = state.take_rows(pool, through.at);
            let (id, fingerprint) = (state.pool_id(pool).clone(), state.series_fingerprint(pool).to_owned());
            let after = state.checkpoint(pool);
            let packs = events.finish();
            closed.push(ClosedPool { id, after, packs, snapshots, fingerprint, rows });
            state.advance(pool, &through);
        }
        Ok(Closed { through, headers, pools: closed })
    }
}

/// Where the first new header is the child of a checkpoint's block, it must say so.
fn check_continues(
    headers: &[Header],
    pools: &[usize],
    state: &State,
    through: &Header,
) -> Result<(), IndexError> {
    let Some(first) = headers.first() else { return Ok(()) };
    let broken = pools
        .iter()
        .filter_map(|pool| state.checkpoint(*pool))
        .any(|checkpoint| first.number == checkpoint.number.next() && first.parent_hash != checkpoint.hash);
    if broken {
        return Err(IndexError::Unsteady { first: first.number, last: through.number });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use accrual_rewards::event::PoolEvent;
    use accrual_rewards::unit::UnixSeconds;
    use accrual_store::snapshots::State;
    use alloy::primitives::B256;

    use super::*;
    use crate::source::BlockRange;

    fn hash(number: u64) -> B256 {
        B256::repeat_byte(u8::try_from(number).expect("heights are small"))
    }

    /// One block, with so many events.
    fn range(number: u64, parent_hash: B256, events: u32) -> Fetched {
        let (height, at) = (BlockNumber(number), UnixSeconds(number));
        let header = Header { number: height, hash: hash(number), parent_hash, at };
        let event = PoolEvent::ProtocolFeeChanged { denominator0: 0, denominator1: 0 };
        let placed =
            |log_index| PlacedEvent { block_number: height, block_at: at, log_index, event: event.clone() };
        let blocks = BlockRange { first: height, last: height };
        let events = vec![(0..events).map(placed).collect()];
        Fetched { blocks, through: header, headers: vec![header], events }
    }

    /// The blocks of one range after the other, whose headers name `parent` below the second.
    fn pushed(parent: B256) -> Result<(), IndexError> {
        let mut batch = Batch::new(1, 10);
        batch.push(range(5, hash(4), 0), |_, _| Ok(None))?;
        batch.push(range(6, parent, 0), |_, _| Ok(None))
    }

    const FAR: BlockNumber = BlockNumber(1_000_000);

    /// Blocks of so many events each, of those up to `last`, until the batch is full.
    fn full_after(events: u32, is_written: bool, last: BlockNumber) -> u64 {
        let mut batch = Batch::new(1, 10);
        assert!(!batch.is_full(is_written, last), "nothing is in it");
        for number in 1.. {
            batch.push(range(number, hash(number - 1), events), |_, _| Ok(None)).unwrap();
            if batch.is_full(is_written, last) {
                return number;
            }
        }
        unreachable!("a batch is full some day")
    }

    #[test]
    fn a_batch_grows_while_the_one_before_is_written_and_no_further() {
        assert_eq!((full_after(5, false, FAR), full_after(5, true, FAR)), (2, 6), "by events");
        assert_eq!((full_after(0, false, FAR), full_after(0, true, FAR)), (32, 96), "by ranges");
    }

    #[test]
    fn a_batch_goes_where_less_is_left_than_it_has() {
        for (last, alone) in [(1, 1), (2, 2), (3, 2), (9, 5), (10, 6)] {
            let last = BlockNumber(last);
            assert_eq!((full_after(0, false, last), full_after(0, true, last)), (alone, last.0), "{last}");
        }
    }

    #[test]
    fn a_state_is_written_at_once_where_nothing_else_is() {
        let mut batch = Batch::new(1, 10);
        let state = |_, _: &PlacedEvent| {
            let fingerprint = "f".to_owned();
            Ok(Some(Snapshot { fingerprint, block_number: BlockNumber(4), state: State::default() }))
        };
        batch.push(range(5, hash(4), 1), state).unwrap();
        assert!(batch.is_full(false, FAR) && !batch.is_full(true, FAR));
    }

    #[test]
    fn a_range_of_another_branch_is_not_taken() {
        assert!(pushed(B256::repeat_byte(5)).is_ok());
        let error = pushed(B256::repeat_byte(9)).unwrap_err();
        assert!(matches!(error, IndexError::Unsteady { .. }), "{error}");
    }
}
