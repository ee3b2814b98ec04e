//! What a campaign has paid up to an instant: every figure rounded down once, and the sum that always holds.

use std::borrow::Cow;
use std::collections::BTreeMap;

use alloy_primitives::Address;

use super::board::Growths;
use super::growth::{self, Units};
use super::holders::{Earner, Earnings, Holders};
use super::segment::Segment;
use super::{CampaignAccrual, each_after_the_other};
use crate::ownership::{StakeIndex, VaultIndex};
use crate::unit::{Amount, BlockNumber, UnixSeconds};

/// What a campaign has paid up to `at`. `earned + undistributed.total == emitted`, to the unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figures {
    /// The instant.
    pub at: UnixSeconds,
    /// What the campaign hands out in all.
    pub budget: Amount,
    /// What time has set free, rounded down.
    pub emitted: Amount,
    /// The sum of the rows.
    pub earned: Amount,
    /// What nobody earned.
    pub undistributed: Undistributed,
    /// Who earned what with which stake; rows of nothing are left out.
    pub rows: Vec<Earned>,
}

/// What a campaign has paid, without saying to whom. `earned + undistributed.total == emitted`, to the unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sums {
    /// What time has set free, rounded down.
    pub emitted: Amount,
    /// What accounts earned, each figure rounded down.
    pub earned: Amount,
    /// What nobody earned.
    pub undistributed: Undistributed,
}

/// What one account earned with one stake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Earned {
    /// The stake; [`crate::ownership::Ownership::stakes`] says of which position.
    pub stake: StakeIndex,
    /// The account.
    pub account: Address,
    /// The vault whose shareholder the account is; `None` where it owns the stake itself.
    pub through: Option<VaultIndex>,
    /// The exact rational, rounded down.
    pub earned: Amount,
}

/// Emission that reached nobody, by reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Undistributed {
    /// All of it.
    pub total: Amount,
    /// Of stretches in which no eligible position was there to share a part, rounded down.
    pub nobody_eligible: Amount,
    /// Of runs without a swap, which wait for the next with one, rounded down.
    pub waiting: Amount,
    /// What rounding each figure down left.
    pub rounding: Amount,
}

/// Figures that this accrual cannot tell.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FiguresError {
    /// An instant before the newest event folded in.
    #[error(
        "asked for figures at {asked} (Unix seconds), but events up to {folded} are folded in: fold fewer of them"
    )]
    Past {
        /// The instant.
        asked: UnixSeconds,
        /// The newest event's time.
        folded: UnixSeconds,
    },
    /// A trade whose fees do not follow from what is known.
    #[error(
        "the fees or the value of a trade in block {block} cannot be known, so swap_weighted cannot be told: the pool's fee, tick spacing or decimals are missing, or the trade states more than a pool can hold (index it again with a node that answers for the pool), or choose another scoring"
    )]
    FeesUnknown {
        /// Its block.
        block: BlockNumber,
    },
}

impl CampaignAccrual {
    /// The figures at `at`, by the state that holds since the last event; a run that is under way counts as far as it
    /// has come.
    ///
    /// # Errors
    /// `at` is before the newest event folded in, or the fees of a trade cannot be known.
    pub fn figures(&self, at: UnixSeconds) -> Result<Figures, FiguresError> {
        let closed = self.closed(at)?;
        let rows = rows(&closed);
        let earned = rows
            .iter()
            .try_fold(Amount::ZERO, |sum, row| sum.checked_add(row.earned))
            .expect("what is earned stays below the budget");
        let Sums { emitted, earned, undistributed } = Sums::of(&closed, earned);
        Ok(Figures { at, budget: self.campaign.budget, emitted, earned, undistributed, rows })
    }

    /// The sums of the same figures, and in `known` what each account has earned. Where all is paid by the state that
    /// holds, only what has changed since `known` was last brought up to date is counted.
    ///
    /// # Errors
    /// As [`CampaignAccrual::figures`].
    pub fn earnings(&self, at: UnixSeconds, known: &mut Earnings) -> Result<Sums, FiguresError> {
        let closed = self.closed(at)?;
        match &closed[..] {
            [Closed { holders: Cow::Borrowed(holders), global, .. }] if !holders.has_vaults() => {
                known.bring_up_to_date(holders, global);
                debug_assert!(
                    known.by_account().eq(counted_whole(&closed).by_account()),
                    "what stands still is known"
                );
            }
            closed => known.take(&rows(closed)),
        }
        Ok(Sums::of(&closed, known.total()))
    }

    /// What each segment comes to at `at`. Runs are paid to their ends first, on a copy.
    fn closed(&self, at: UnixSeconds) -> Result<Vec<Closed<'_>>, FiguresError> {
        if at < self.at {
            return Err(FiguresError::Past { asked: at, folded: self.at });
        }
        if self.segments.iter().all(|segment| segment.run.is_none()) {
            return Ok(self.segments.iter().map(|segment| Closed::by_state(segment, at)).collect());
        }
        let mut segments: Vec<Segment> = self.segments.iter().map(|segment| segment.to_close(at)).collect();
        each_after_the_other(&mut segments, |segment| segment.close(at));
        segments.into_iter().map(|segment| Closed::of(segment, at)).collect()
    }
}

/// What a segment comes to at an instant.
struct Closed<'a> {
    emitted: Units,
    idle: Units,
    waiting: Units,
    holders: Cow<'a, Holders>,
    /// What has grown in all on their board.
    global: Growths,
}

impl<'a> Closed<'a> {
    fn by_state(segment: &'a Segment, at: UnixSeconds) -> Self {
        let (global, idle) = segment.by_state(at);
        let (emitted, holders) = (segment.terms.stretch.emitted(at), Cow::Borrowed(&segment.holders));
        Self { emitted, idle, waiting: Units::ZERO, holders, global }
    }

    fn of(segment: Segment, at: UnixSeconds) -> Result<Self, FiguresError> {
        if let Some(block) = segment.run.as_ref().and_then(super::run::Run::unknown) {
            return Err(FiguresError::FeesUnknown { block });
        }
        let waiting = segment.waiting();
        let Segment { terms, holders, idle, .. } = segment;
        let global = holders.board.global();
        Ok(Self { emitted: terms.stretch.emitted(at), idle, waiting, holders: Cow::Owned(holders), global })
    }
}

/// All segments' earnings added up, each rounded down once.
fn rows(closed: &[Closed<'_>]) -> Vec<Earned> {
    // Grown to step by step it would be copied, and take twice the room.
    let mut rows = Vec::with_capacity(closed.iter().map(|one| one.holders.earners_max()).max().unwrap_or(0));
    let mut push = |earner: Earner, earned: Amount| {
        let Earner { stake, through, account } = earner;
        if earned > Amount::ZERO {
            rows.push(Earned { stake, account, through, earned });
        }
    };
    if let [one] = closed {
        one.holders.each_figure(&one.global, push);
        return rows;
    }
    let mut sums: BTreeMap<Earner, Units> = BTreeMap::new();
    for one in closed {
        one.holders.each_earned(&one.global, |earner, units| {
            if !units.is_zero() {
                *sums.entry(earner).or_default() += units;
            }
        });
    }
    sums.into_iter().for_each(|(earner, units)| push(earner, growth::floor(units)));
    rows
}

fn counted_whole(closed: &[Closed<'_>]) -> Earnings {
    let mut known = Earnings::default();
    known.take(&rows(closed));
    known
}

impl Figures {
    /// The same without the rows.
    pub fn sums(&self) -> Sums {
        Sums { emitted: self.emitted, earned: self.earned, undistributed: self.undistributed }
    }
}

impl Sums {
    fn of(closed: &[Closed<'_>], earned: Amount) -> Self {
        let sum = |part: fn(&Closed<'_>) -> Units| {
            growth::floor(closed.iter().map(part).fold(Units::ZERO, |sum, one| sum + one))
        };
        let emitted = sum(|closed| closed.emitted);
        let total = emitted.checked_sub(earned).expect("what is earned never exceeds what is emitted");
        let undistributed = Undistributed::of(total, sum(|closed| closed.idle), sum(|closed| closed.waiting));
        Self { emitted, earned, undistributed }
    }
}

impl Undistributed {
    fn of(total: Amount, nobody_eligible: Amount, waiting: Amount) -> Self {
        let nobody_eligible = nobody_eligible.min(total);
        let rest = total.checked_sub(nobody_eligible).expect("the smaller of the two was taken");
        let waiting = waiting.min(rest);
        let rounding = rest.checked_sub(waiting).expect("the smaller of the two was taken");
        Self { total, nobody_eligible, waiting, rounding }
    }
}
