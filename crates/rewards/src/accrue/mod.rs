//! The split of a campaign's budget over positions, block by block, at a cost that does not grow with the positions.
//!
//! # What is computed
//!
//! The state after block `b` holds from `time(b)` to `time(b+1)`. Over such an interval of `dt` paid seconds the
//! campaign emits `budget * dt / duration`, cut by the weights `wf`, `w0`, `w1` (out of their sum `W`) into three
//! parts. With `s` the sqrt price, `a` and `b` the sqrt ratios at a position's lower and upper tick, `L` its
//! liquidity, and sums over the eligible positions in range (`lower <= tick < upper`), its share of each part is
//!
//! ```text
//! fees:    L / D       D  = sum L
//! token1:  L * (s - a)     / D1    D1 = s * sum L - sum L * a
//! token0:  L * (1/s - 1/b) / D0    D0 = (1/s) * sum L - sum L / b
//! ```
//!
//! since the token amounts that it holds are `L (s - a) / 2^96` and `L 2^96 (1/s - 1/b)`.
//!
//! # Growth per unit of liquidity
//!
//! `s` is the same for all positions, `a` and `b` are constants of one position. So over any stretch of intervals
//! a position's shares, times `dt` and weights, add up to `L * (P - a * A1 - A0 / b)` with three sums that know no position:
//!
//! ```text
//! P  = sum over intervals of  wf dt / D  +  s * w1 dt / D1  +  (1/s) * w0 dt / D0
//! A1 = sum of w1 dt / D1        A0 = sum of w0 dt / D0
//! ```
//!
//! taken over the intervals in which the price was in its range. As Uniswap does with fee growth, each tick keeps
//! the three sums "of the other side" and flips them when crossed; inside = global - below - above. An event costs
//! the ticks that it touches, an idle block costs nothing, a position costs a constant when asked for.
//!
//! With `out_of_range`, a position keeps its token amounts when the price has left: `L (b - a)` of token1 above its
//! range and `L (1/a - 1/b)` of token0 below it. That adds `(b - a) * A1(above upper) + (1/a - 1/b) * A0(below lower)`
//! to a position, and `L` times the same to the sums `D1` and `D0`.
//!
//! An excluded account's positions are in none of the sums; a position is added to and taken out of them as its
//! liquidity and holder change. A position of a vault, some of whose shareholders are excluded, counts with the rest of
//! them ([`holders`]).
//!
//! # Scorings
//!
//! `per_block` pays each interval by the sums that hold in it, as above. The scorings by run put the sums of a whole run
//! in place of `D`, `D1` and `D0`; [`run`] derives it, and [`tally`] counts it. What follows is the same for all.
//!
//! # Scales and rounding
//!
//! A weight is liquidity with [`growth::WEIGHT_BITS`] fractional bits ([`growth::Weight`]); only a vault's part of it ever
//! has a fraction, rounded down, which moves a share by less than `2^-128 / L` of itself, `L` being all that is eligible.
//! `P`, `A1`, `A0` are [`growth::Growth`], integers of [`growth::GROWTH_BITS`] fractional bits, wrapping: only
//! differences count, and those of one stake fit by a wide margin. `1/x` is `floor((2^512 - 1) / x)`
//! ([`growth::Inverse`]). The one rounding per interval and part is `q`, at most `E 2^864 / D`, `E` being the part's emission in
//! units: its leading [`rate::RATE_BITS`] bits and no place below the last of growth ([`rate::Rate`]). `s * q` is then
//! exact, so what the stakes get of an interval never exceeds it. A share is short by at most 2^-192 for the last place, since
//! every `D` is below 2^736 (the ledger holds the sum of all liquidity below 2^128, 2^256 as weights, and an inverse is below
//! 2^480), by less than 2^-189 for the leading bits, and off by at most 2^-191 for the inverse, since two prices that differ do
//! so by one at least. With a budget below 2^128 units that is less than 0.7 * 2^-60 units over a whole campaign, whatever its
//! length. A run that was counted as it came ([`tally`]) rounds its rates alike, and at its end: once for all, once at each tick
//! that was crossed in it, and for each stake that changed in it once or twice, by less than 2^-864 of a unit a part. A stake's
//! share of a run is made of three such numbers a part (global, below, above), each short by less than 2^-864 of growth; the
//! widest of them is multiplied by an inverse below 2^480 and a weight below 2^256, so the share is off by less than
//! 3 * 2^-128 units, and over 2^32 runs by less than 2^-94.
//! Counts stay below 2^1024: a trade's value is below 2^513, or is not known ([`run`]), and is multiplied by an `s` below 2^160 or
//! a `1/s` or `1/b` below 2^480: less than 2^993, and less than 2^1023 over fewer than 2^30 trades of a run, so the highest bit
//! of a count is its sign ([`tally`]).
//!
//! Earnings of all versions of a campaign are added up in units of as many fractional bits, and rounded down once, when
//! asked, after adding 2^-60 of a unit: whoever earned a whole number of units exactly gets it, nobody gets more than the
//! exact rational rounded down but with a chance of 2^-60, and the sum of all stays at or below what was emitted, because
//! emission is a multiple of `1 / duration`, far coarser than that margin; after an override, of `1 /` the product of both
//! durations. Behind a vault, earnings are kept per eligible share, rounded down to 2^-928; with fewer than 2^128 shares a
//! shareholder is short by 2^-672 of a weighted second at each change.

mod board;
mod figures;
pub mod growth;
mod holders;
mod rate;
mod run;
mod segment;
mod tally;

pub use figures::{Earned, Figures, FiguresError, Sums, Undistributed};
pub use holders::Earnings;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::campaign::Campaign;
use crate::event::PlacedEvent;
use crate::ownership::{Move, StakeIndex};
use crate::unit::{BlockNumber, Liquidity, Tick, TickRange, UnixSeconds};
use segment::Segment;

/// One campaign's accrual: what the moves of its pool come to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CampaignAccrual {
    campaign: Campaign,
    /// One for each version of the campaign; each folds all moves and pays its own stretch.
    segments: Vec<Segment>,
    at: UnixSeconds,
}

/// What a pool's liquidity is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Shape {
    /// Ranges of ticks: a campaign's emission is cut by its weights.
    Concentrated,
    /// Shares of the whole: all of it goes by shares.
    Pooled,
}

/// Who may stand behind a stake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Behind {
    Accounts,
    Vaults,
}

/// The block of a move.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct When {
    /// Its number.
    pub block: BlockNumber,
    /// Its time.
    pub at: UnixSeconds,
}

impl When {
    /// The block of an event.
    pub(crate) fn of(event: &PlacedEvent) -> Self {
        Self { block: event.block_number, at: event.block_at }
    }
}

impl CampaignAccrual {
    /// A campaign before the first event of its pool.
    pub fn new(campaign: Campaign, shape: Shape) -> Self {
        Self::of(campaign, shape, Behind::Vaults)
    }

    /// The same of a pool without vaults: runs are then counted as they come, and no move is kept until their end.
    ///
    /// A move of a vault must not be folded in.
    pub fn without_vaults(campaign: Campaign, shape: Shape) -> Self {
        Self::of(campaign, shape, Behind::Accounts)
    }

    fn of(campaign: Campaign, shape: Shape, behind: Behind) -> Self {
        let stretches = campaign.stretches().into_iter();
        let segments = stretches.map(|stretch| Segment::new(&campaign, stretch, (shape, behind))).collect();
        Self { campaign, segments, at: UnixSeconds(0) }
    }

    /// What the campaign promises.
    pub fn campaign(&self) -> &Campaign {
        &self.campaign
    }

    /// The time of the newest move folded in.
    pub fn at(&self) -> UnixSeconds {
        self.at
    }

    /// Folds in a move of the block `when`.
    ///
    /// # Panics
    /// When time runs backwards: the tracker has refused such events before.
    pub fn apply(&mut self, when: When, what: &Move) {
        assert!(when.at >= self.at, "events arrive in chain order, and block times never fall");
        each_after_the_other(&mut self.segments, |segment| segment.apply(when, what));
        self.at = when.at;
    }

    /// When the run that is under way ends; `None` where nothing goes by runs, and before the first move.
    pub fn run_ends_at(&self) -> Option<UnixSeconds> {
        let run = self.segments.first()?.run.as_ref()?;
        (self.at > UnixSeconds(0)).then(|| run.ends_at())
    }

    /// Leaves these stakes out of the run that is under way: those worth less than the campaign's minimum.
    pub(crate) fn leave_out(&mut self, stakes: &BTreeSet<StakeIndex>) {
        self.segments
            .iter_mut()
            .filter_map(|segment| segment.run.as_mut())
            .for_each(|run| run.leave_out(stakes));
    }

    /// The stakes that have a share by the version that holds at the newest move, in range or not, each with its
    /// eligible liquidity after that move, rounded down.
    pub fn eligible(&self) -> impl Iterator<Item = (StakeIndex, Liquidity)> + '_ {
        self.eligible_among(|_| true)
    }

    /// The same of those that are wanted; of the others nothing is looked at.
    pub fn eligible_among<'a>(
        &'a self,
        wanted: impl Fn(StakeIndex) -> bool + 'a,
    ) -> impl Iterator<Item = (StakeIndex, Liquidity)> + 'a {
        self.holding().map(|one| one.eligible(wanted)).into_iter().flatten()
    }

    /// Whether nobody in range is left out, where all positions in range have so much liquidity: eligible is all of it then.
    /// `false` also where that takes looking at each.
    pub fn leaves_nobody_out(&self, in_range: Liquidity) -> bool {
        self.holding().is_some_and(|one| one.leaves_nobody_out(in_range))
    }

    /// The version that holds at the newest move.
    fn holding(&self) -> Option<&Segment> {
        let begun = |segment: &&Segment| segment.terms.stretch.window.starts_at <= self.at;
        self.segments.iter().rev().find(begun).or(self.segments.first())
    }
}

/// Lets each version do something, and hands on what waits when it is over.
fn each_after_the_other(segments: &mut [Segment], mut act: impl FnMut(&mut Segment)) {
    for index in 0..segments.len() {
        act(&mut segments[index]);
        if let [earlier, later, ..] = &mut segments[index..] {
            earlier.give_waiting(later);
        }
    }
}

impl Default for TickRange {
    fn default() -> Self {
        Self { lower: Tick(0), upper: Tick(0) }
    }
}
