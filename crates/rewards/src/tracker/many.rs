//! Many events at once. The ledger asks no campaign for anything, and campaigns do not ask each other: while the ledger folds
//! the next events in, each campaign takes up what the events before moved.

use super::PoolTracker;
use crate::accrue::{CampaignAccrual, When};
use crate::event::PlacedEvent;
use crate::helpers;
use crate::ledger::LedgerError;
use crate::ownership::Move;

/// So many events' moves wait for the campaigns: enough that handing them over costs little beside, and few enough that they
/// are still in the processor's cache.
const EVENTS_AT_ONCE: usize = 256;

/// The moves of so many may come to wait for a single campaign, which is slower than the ledger: some megabytes.
const EVENTS_WAITING_MAX: usize = 16_384;

/// With fewer events, a thread would cost more than it saves.
const EVENTS_WORTH_A_THREAD: usize = 32;

/// What events moved, in order.
#[derive(Default)]
struct Moved {
    moves: Vec<Move>,
    /// Each block, with how many moves there are up to its end.
    blocks: Vec<(When, usize)>,
}

impl PoolTracker {
    /// Folds events in, in order; all comes to the same as by [`PoolTracker::apply`].
    ///
    /// # Errors
    /// An event contradicts what was folded in before. The tracker must not be used afterwards.
    pub fn apply_all(&mut self, events: &[PlacedEvent]) -> Result<(), LedgerError> {
        // Who has a minimum of value asks the whole tracker when a run ends.
        let asks = |one: &CampaignAccrual| one.campaign().value_min_usd.is_some();
        let is_short = events.len() < EVENTS_WORTH_A_THREAD;
        if is_short || self.campaigns.is_empty() || self.campaigns.iter().any(asks) {
            return events.iter().try_for_each(|event| self.apply(event));
        }
        let mut campaigns = std::mem::take(&mut self.campaigns);
        let folded = self.apply_in_parts(&mut campaigns, events);
        self.campaigns = campaigns;
        folded
    }

    fn apply_in_parts(
        &mut self,
        campaigns: &mut [CampaignAccrual],
        events: &[PlacedEvent],
    ) -> Result<(), LedgerError> {
        events.chunks(EVENTS_WAITING_MAX).try_for_each(|events| {
            let parts = events.chunks(EVENTS_AT_ONCE).map(|part| self.moves_of(part));
            helpers::feed(campaigns, take_up, parts)
        })
    }

    fn moves_of(&mut self, events: &[PlacedEvent]) -> Result<Moved, LedgerError> {
        let mut moved = Moved { moves: Vec::with_capacity(events.len()), ..Moved::default() };
        for event in events {
            self.moves(event, &mut moved.moves)?;
            let (when, count) = (When::of(event), moved.moves.len());
            match moved.blocks.last_mut() {
                Some((last, up_to)) if *last == when => *up_to = count,
                _ => moved.blocks.push((when, count)),
            }
        }
        Ok(moved)
    }
}

fn take_up(campaign: &mut CampaignAccrual, moved: &Moved) {
    let mut from = 0;
    for (when, up_to) in &moved.blocks {
        moved.moves[from..*up_to].iter().for_each(|one| campaign.apply(*when, one));
        from = *up_to;
    }
}
