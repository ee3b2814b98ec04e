//! Derived state from stored events: the newest snapshot that fits, and the events after it.
//!
//! Snapshots only save time. They carry a fingerprint of everything that shaped them beside the events (the pool, its
//! campaigns, the layout of the state), so a changed configuration never meets an old one.

use accrual_rewards::campaign::Campaign;
use accrual_rewards::event::PlacedEvent;
use accrual_rewards::id::PoolId;
use accrual_rewards::ledger::LedgerError;
use accrual_rewards::tracker::{Pool, PoolTracker};
use accrual_rewards::unit::BlockNumber;
use alloy_primitives::keccak256;
use postcard::ser_flavors::Flavor;

use crate::snapshots::State;
use crate::{Db, Snapshot, StoreError, checkpoints, events, pools, record, snapshots};

/// Raised when the layout of the derived state changes, so that older snapshots are passed over.
const LAYOUT: u32 = 10;

/// Why derived state could not be rebuilt.
#[derive(Debug, thiserror::Error)]
pub enum RebuildError {
    /// The database did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The stored events contradict each other.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// Blocks left the chain while the events were folded again.
    #[error("blocks of pool {pool} were taken back while it was replayed: run `accrual replay` again")]
    Rewound {
        /// The pool.
        pool: PoolId,
    },
}

/// A pool with its campaigns after the last event at or before `at`.
///
/// # Errors
/// The database does not answer, or its events contradict each other.
pub async fn tracker_at(
    db: &Db,
    pool: &Pool,
    campaigns: &[Campaign],
    at: BlockNumber,
) -> Result<PoolTracker, RebuildError> {
    let pool = &with_facts(db, pool).await?;
    let fingerprint = fingerprint(pool, campaigns);
    let snapshot = snapshots::newest(db, &pool.id, &fingerprint, at).await?;
    let from_snapshot = snapshot.and_then(|snapshot| from_state(&snapshot.state));
    let mut tracker =
        from_snapshot.unwrap_or_else(|| PoolTracker::new(pool.clone(), campaigns.iter().cloned()));
    extend(db, &mut tracker, at).await?;
    Ok(tracker)
}

/// The pool with what is stored of its contract's own words; as it is where nothing is stored.
///
/// # Errors
/// The database does not answer, or holds something else.
pub async fn with_facts(db: &Db, pool: &Pool) -> Result<Pool, StoreError> {
    let facts = pools::facts(db, pool).await?.unwrap_or_else(|| pool.facts.clone());
    Ok(Pool { facts, ..pool.clone() })
}

/// Folds in the stored events after the tracker's last block, up to `through`.
///
/// # Errors
/// The database does not answer, or its events contradict each other.
pub async fn extend(db: &Db, tracker: &mut PoolTracker, through: BlockNumber) -> Result<(), RebuildError> {
    let pool = tracker.pool().id.clone();
    let mut after = tracker.last_block();
    loop {
        let page = events::page(db, &pool, after, through, events::PAGE_PACKS).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.block_number);
        tracker.apply_all(&page)?;
    }
}

/// Folds a pool's stored events again from the first, and puts its snapshots and hourly rows anew. Answers how many events there were.
///
/// # Errors
/// The database does not answer, its events contradict each other, or blocks were taken back meanwhile; the snapshots
/// are then gone, the events stay.
pub async fn replay(
    db: &Db,
    pool: &Pool,
    campaigns: &[Campaign],
    through: BlockNumber,
    snapshot_events: u64,
) -> Result<u64, RebuildError> {
    let pool = &with_facts(db, pool).await?;
    let before = rewinds(db, pool).await?;
    snapshots::delete_all(db, &pool.id).await?;
    let events = fold_again(db, pool, campaigns, through, snapshot_events).await?;
    record::rewrite(db, pool, campaigns).await?;
    if rewinds(db, pool).await? == before {
        return Ok(events);
    }
    // Some of these states may hold events that are no longer on the chain.
    snapshots::delete_all(db, &pool.id).await?;
    Err(RebuildError::Rewound { pool: pool.id.clone() })
}

async fn rewinds(db: &Db, pool: &Pool) -> Result<Option<u64>, StoreError> {
    Ok(checkpoints::get(db, &pool.id).await?.map(|checkpoint| checkpoint.rewinds))
}

async fn fold_again(
    db: &Db,
    pool: &Pool,
    campaigns: &[Campaign],
    through: BlockNumber,
    snapshot_events: u64,
) -> Result<u64, RebuildError> {
    let fingerprint = fingerprint(pool, campaigns);
    let mut tracker = PoolTracker::new(pool.clone(), campaigns.iter().cloned());
    let mut after = None;
    loop {
        let page = events::page(db, &pool.id, after, through, events::PAGE_PACKS).await?;
        let Some(last) = page.last() else { return Ok(tracker.events()) };
        after = Some(last.block_number);
        let mut left = page.as_slice();
        while let Some(next) = left.first() {
            if let Some(snapshot) = due_snapshot(&tracker, &fingerprint, next.block_number, snapshot_events) {
                snapshots::put(db, &pool.id, &snapshot).await?;
            }
            let (together, later) = left.split_at(none_due(left, tracker.events(), snapshot_events));
            tracker.apply_all(together)?;
            left = later;
        }
    }
}

/// The snapshot that falls due before an event of the block `next` is folded in, if any.
///
/// Snapshots stand at the end of the block in which the count of events passed a multiple of a step: `every`, and with many
/// positions so much more of it that no state is written for fewer events than it is worth. That depends on the chain
/// alone, not on how it was cut into batches.
pub fn due_snapshot(
    tracker: &PoolTracker,
    fingerprint: &str,
    next: BlockNumber,
    every: u64,
) -> Option<Snapshot> {
    let block_number = tracker.last_block().filter(|last| *last < next)?;
    let step = step(tracker.ledger().positions().len(), every);
    if tracker.events() / step == tracker.events_before_last_block() / step {
        return None;
    }
    Some(Snapshot { fingerprint: fingerprint.to_owned(), block_number, state: to_state(tracker) })
}

/// A state is written for no fewer events a position, of those above [`POSITIONS_FREE`]. To write and read a position's costs
/// about as much as to fold four events, so that states take a fourth of the time that all takes, and no more; and a restart
/// folds so many again, or twice as many.
const EVENTS_PER_POSITION: u64 = 12;

/// A state of so many positions is small.
const POSITIONS_FREE: usize = 1_000;

/// How many of the next events can be folded at once after so many, since no snapshot falls due between them: to the end of the
/// block in which their count passes a multiple of `every`, as each step is one.
fn none_due(next: &[PlacedEvent], folded: u64, every: u64) -> usize {
    let to_multiple = usize::try_from(every - folded % every).unwrap_or(usize::MAX);
    let Some(passing) = next.get(to_multiple - 1) else { return next.len() };
    let later = next[to_multiple..].iter().take_while(|event| event.block_number == passing.block_number);
    to_multiple + later.count()
}

/// The least `every * 2^k` that is worth a state of so many positions.
fn step(positions: usize, every: u64) -> u64 {
    let counted = u64::try_from(positions.saturating_sub(POSITIONS_FREE)).unwrap_or(u64::MAX);
    let worth = counted.saturating_mul(EVENTS_PER_POSITION);
    every.saturating_mul(worth.div_ceil(every).next_power_of_two())
}

/// What a snapshot depends on beside the events, as a short text; of a pool with its stored facts ([`with_facts`]).
pub fn fingerprint(pool: &Pool, campaigns: &[Campaign]) -> String {
    let own: Vec<&Campaign> = campaigns.iter().filter(|campaign| campaign.pool == pool.id).collect();
    let shaped_by = serde_json::to_vec(&(LAYOUT, pool, own)).expect("pools and campaigns are plain data");
    keccak256(shaped_by).to_string()
}

/// A tracker as a snapshot keeps it; the same state gives the same bytes.
fn to_state(tracker: &PoolTracker) -> State {
    postcard::serialize_with_flavor(tracker, Writing(State::default())).expect("a tracker is plain data")
}

/// The tracker again; `None` when the bytes are of another layout or damaged, which costs a rebuild from the events.
fn from_state(state: &State) -> Option<PoolTracker> {
    postcard::from_bytes(&state.whole()).ok()
}

/// Writes into a state, so that no list of its size is made.
struct Writing(State);

impl Flavor for Writing {
    type Output = State;

    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.try_extend(&[byte])
    }

    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        self.0.push(bytes);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<State> {
        Ok(self.0)
    }
}

#[cfg(test)]
mod tests {
    use accrual_rewards::event::PoolEvent;
    use accrual_rewards::unit::UnixSeconds;

    use super::*;

    #[test]
    fn what_is_folded_at_once_ends_where_a_snapshot_may_fall_due() {
        // Blocks of three, one and two events.
        let events: Vec<PlacedEvent> = [1, 1, 1, 2, 3, 3].into_iter().zip(0..).map(placed).collect();
        let cases = [
            ("within a block", 0, 2, 3),
            ("at the end of one", 0, 3, 3),
            ("in the next", 0, 4, 4),
            ("in the last", 0, 5, 6),
            ("beyond the page", 0, 7, 6),
            ("after others, at the first event", 6, 7, 3),
            ("after others, at the fourth", 3, 7, 4),
            ("after a multiple", 8, 4, 4),
        ];
        for (name, folded, every, expected) in cases {
            assert_eq!(none_due(&events, folded, every), expected, "{name}");
        }
    }

    fn placed((block, log_index): (u64, u32)) -> PlacedEvent {
        let event = PoolEvent::ProtocolFeeChanged { denominator0: 0, denominator1: 0 };
        PlacedEvent { block_number: BlockNumber(block), block_at: UnixSeconds(block), log_index, event }
    }

    #[test]
    fn a_state_is_worth_its_events() {
        let cases = [
            ("no position", 0, 50_000, 50_000),
            ("few", 5_166, 50_000, 50_000),
            ("one more than a twelfth above a thousand", 5_167, 50_000, 100_000),
            ("many", 32_434, 50_000, 400_000),
            ("each event", 1_000, 1, 1),
            ("each event, and three positions more", 1_003, 1, 64),
        ];
        for (name, positions, every, expected) in cases {
            assert_eq!(step(positions, every), expected, "{name}");
        }
    }
}
