//! When a position earned, when it stood idle, and why: its stretches, from the pool's events.
//!
//! The state after a block holds until the next block with an event, so a stretch begins with the block that brought
//! its state about and ends with the block that changed it: the last block of an earning stretch that liquidity's
//! removal ended is the block of the burn. The campaign's own start and end cut stretches between blocks; their block
//! is then the one whose state held.

mod exposure;
mod runs;
mod standing;

pub use exposure::{Exposure, exposure};
pub use standing::{Standing, standing};

use serde::{Deserialize, Serialize};

use crate::accrue::When;
use crate::apr::{Held, holdings_of};
use crate::campaign::Campaign;
use crate::event::{PlacedEvent, PoolEvent};
use crate::id::PositionKey;
use crate::ledger::{LedgerError, PositionIndex};
use crate::pool::Pool;
use crate::tracker::PoolTracker;
use crate::unit::{Amount, Liquidity, UnixSeconds};
use runs::Runs;

/// At how many ends of stretches it is asked what was earned.
const EARNED_LOOKS_MAX: usize = 100;

/// A position's time in a campaign.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timeline {
    /// The stretches, without gaps, from the position's first event; neighbours differ. Empty while it is unknown.
    pub stretches: Vec<Stretch>,
    /// What its liquidity stands for at the end, rounded down.
    pub held: Held,
    /// The tokens that went in for the liquidity that is in it at the end: each increase at what it stood for then,
    /// each decrease in proportion.
    pub put_in: Held,
}

/// A time in which a position stood alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stretch {
    /// Its first instant, and the block whose state held then.
    pub from: When,
    /// Its end, excluded, and the block that ended it or whose state held then; `None` while it lasts.
    pub to: Option<When>,
    /// How it stood.
    pub standing: Standing,
    /// What it earned in it, for whomever, rounded down at both ends and account by account; `None` with scorings by
    /// run, which pay a run as a whole, and past the first hundred stretches, since each costs a step per account.
    pub earned: Option<Amount>,
}

/// The timeline of `position` in `campaign` up to `until`, from the events of `pool` in chain order; later ones are not
/// asked for. One fold over the pool: a step per event.
///
/// # Errors
/// The events contradict each other.
pub fn explain(
    pool: Pool,
    campaign: Campaign,
    position: &PositionKey,
    events: impl IntoIterator<Item = PlacedEvent>,
    until: UnixSeconds,
) -> Result<Timeline, LedgerError> {
    let mut fold = Fold::new(PoolTracker::new(pool, [campaign]), *position);
    for event in events.into_iter().take_while(|event| event.block_at <= until) {
        fold.apply(&event)?;
    }
    Ok(fold.finish(until))
}

struct Fold {
    tracker: PoolTracker,
    key: PositionKey,
    position: Option<PositionIndex>,
    /// How many of the ledger's positions were looked at for it.
    searched: usize,
    /// The block whose events are being folded in.
    block: Option<When>,
    runs: Runs,
    stretches: Vec<Open>,
    looks: usize,
    liquidity: Liquidity,
    put_in: Held,
}

/// A stretch that lasts, with what was earned before it.
struct Open {
    from: When,
    standing: Standing,
    earned: Option<Amount>,
}

impl Fold {
    fn new(tracker: PoolTracker, key: PositionKey) -> Self {
        Self {
            tracker,
            key,
            position: None,
            searched: 0,
            block: None,
            runs: Runs::default(),
            stretches: Vec::new(),
            looks: 0,
            liquidity: Liquidity(0),
            put_in: Held::default(),
        }
    }

    fn apply(&mut self, event: &PlacedEvent) -> Result<(), LedgerError> {
        let when = When { block: event.block_number, at: event.block_at };
        if self.block.is_some_and(|block| block.block != when.block) {
            self.look(when.at);
        }
        self.tracker.apply(event)?;
        self.block = Some(when);
        self.runs.note(when, is_trade(&event.event));
        if self.position.is_none() {
            self.position = self.find();
        }
        self.follow_tokens();
        Ok(())
    }

    /// Looks at the positions that are new.
    fn find(&mut self) -> Option<PositionIndex> {
        let positions = self.tracker.ledger().positions();
        let mut new = positions.iter().enumerate().skip(self.searched);
        self.searched = positions.len();
        let (found, _) = new.find(|(_, position)| position.holding == self.key.holding)?;
        u32::try_from(found).ok().map(PositionIndex)
    }

    fn follow_tokens(&mut self) {
        let Some(index) = self.position else { return };
        let position = &self.tracker.ledger().positions()[index.as_usize()];
        let (before, after) = (self.liquidity, position.liquidity);
        if before < after {
            let added = holdings_of(self.tracker.ledger(), position.range, Liquidity(after.0 - before.0));
            self.put_in = std::mem::take(&mut self.put_in).plus(added);
        } else if after < before {
            self.put_in = exposure::part(&self.put_in, after, before);
        }
        self.liquidity = after;
    }

    /// Notes how the position stands after the block that is folded in, which holds until `next`.
    fn look(&mut self, next: UnixSeconds) {
        let (Some(block), Some(position)) = (self.block, self.position) else { return };
        let window = self.tracker.campaigns()[0].campaign().window;
        for at in [window.starts_at, window.ends_at] {
            // The state also holds across the campaign's own start and end.
            if block.at < at && at < next {
                self.note(When { block: block.block, at: block.at }, position);
                self.note(When { block: block.block, at }, position);
            }
        }
        self.note(block, position);
    }

    fn note(&mut self, from: When, position: PositionIndex) {
        if self.stretches.last().is_some_and(|last| last.from.at > from.at) {
            return;
        }
        let accrual = &self.tracker.campaigns()[0];
        let standing = standing(&self.tracker, accrual, position, from.at);
        if self.stretches.last().is_some_and(|last| last.standing == standing) {
            return;
        }
        let earned = self.earned(position, from.at);
        self.stretches.push(Open { from, standing, earned });
    }

    /// What the position has earned so far, for whomever; `None` once it was asked for too often.
    fn earned(&mut self, position: PositionIndex, at: UnixSeconds) -> Option<Amount> {
        let accrual = &self.tracker.campaigns()[0];
        if accrual.campaign().is_by_run() || self.looks == EARNED_LOOKS_MAX {
            return None;
        }
        self.looks += 1;
        let stakes = self.tracker.ownership().stakes();
        let figures = accrual.figures(at.max(accrual.at())).ok()?;
        let own = figures.rows.iter().filter(|row| stakes[row.stake.as_usize()].position == position);
        own.map(|row| row.earned).try_fold(Amount::ZERO, Amount::checked_add)
    }

    fn finish(mut self, until: UnixSeconds) -> Timeline {
        self.look(UnixSeconds(until.0.saturating_add(1)));
        let position = self.position;
        let last = position.and_then(|position| self.earned(position, until));
        let held = self.position.map_or_else(Held::default, |index| {
            let position = &self.tracker.ledger().positions()[index.as_usize()];
            holdings_of(self.tracker.ledger(), position.range, position.liquidity)
        });
        let ends: Vec<_> = self.stretches.iter().skip(1).map(|next| (next.from, next.earned)).collect();
        let ends = ends.into_iter().map(Some).chain([None]);
        let closed = self.stretches.iter().zip(ends).map(|(open, end)| {
            let earned = end.map_or(last, |(_, earned)| earned).zip(open.earned);
            let earned = earned.and_then(|(after, before)| after.checked_sub(before));
            Stretch { from: open.from, to: end.map(|(from, _)| from), standing: open.standing, earned }
        });
        let stretches = self.runs.waiting(closed.collect(), self.tracker.campaigns()[0].campaign(), until);
        Timeline { stretches, held, put_in: self.put_in }
    }
}

fn is_trade(event: &PoolEvent) -> bool {
    matches!(
        event,
        PoolEvent::Swapped { .. } | PoolEvent::PairSwapped { .. } | PoolEvent::TokenSwapped { .. }
    )
}
