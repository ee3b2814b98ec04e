//! Scorings by run: `time_weighted` and `swap_weighted`.
//!
//! What a part of a run's emission is divided by is known when the run is over. So the board counts what is paid for as it
//! comes ([`super::tally`], `run/counted.rs`), and is paid at the end: nobody is visited, whoever did not move. The divisors
//! follow from what was counted. What a block's trades are worth is known when it is over, and those of the instant that is
//! asked about belong to no run yet, so the newest second's moves wait.
//!
//! Two things do not go so, and there a run is walked: its moves are kept, a scout that is one block behind adds up the
//! divisors (`run/scouted.rs`), and at the end the moves are walked again over the real board, paying at each point what the
//! sums say.
//!
//! - With a minimum of value, who shares in a run is known at its end only, and `per_block` divides each interval by them.
//! - What a vault's stake earns is divided by the shares behind it, which takes a rounding: sums cannot be paid later.
//!
//! ```text
//! time_weighted   point: a stretch of dt seconds      whole = sum over the run of dt D   (dt D1, dt D0)
//! swap_weighted   fees: a step of a trade, V = growth0 * price at the block's end + growth1     whole = sum of V D
//!                 tokens: the state after a trade, v = (|amount1| + |amount0| * price after it) whole = sum of v D1, v D0
//! ```
//!
//! A point pays `E * (dt, V or v) / whole` per unit, `E` being the part's emission of the run: over its points everybody's
//! payments add up to `E`. Prices are X192, so V and v are integers; the two halves of a swap's value
//! are left whole, since only ratios count.
//!
//! A minimum of value is looked at when a run ends: stakes below it are left out of the whole run, which is then scouted
//! again without them. `per_block` with such a minimum waits for the end of each run too, and pays as ever.
//!
//! With `swap_weighted`, a run without a trade, or in which no eligible liquidity earned a fee, pays nobody: its emission
//! waits for the next run that does, also past an override.

mod counted;
mod scouted;
mod wages;
mod walk;

use std::borrow::Cow;
use std::collections::BTreeSet;

use alloy_primitives::U512;
use serde::{Deserialize, Serialize};

use super::When;
use super::board::Board;
use super::growth::Units;
use super::holders::Holders;
use super::segment::{Terms, fold};
use crate::campaign::Scoring;
use crate::ownership::{Move, StakeIndex};
use crate::unit::{BlockNumber, UnixSeconds};
use wages::{Sums, Wages};
use walk::{Block, Point, walk};

/// The run that is under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Run {
    seconds: u32,
    /// The stakes that this run leaves out, where the campaign has a minimum of value.
    left_out: Option<BTreeSet<StakeIndex>>,
    /// Where it began.
    starts_at: UnixSeconds,
    /// Up to when runs were paid, or left to wait.
    paid_to: UnixSeconds,
    /// Its moves, block by block: where the run is walked all of them, else those of the newest second.
    blocks: Vec<Block>,
    /// The scout, where the run is walked: all blocks but the newest are in it, and in the sums.
    scout: Option<Holders>,
    scouted_at: UnixSeconds,
    sums: Sums,
    /// The price before the newest block, and before the run.
    price_x192: Option<U512>,
    first_price_x192: Option<U512>,
    /// What earlier runs emitted and nobody was paid.
    waiting: Units,
    /// The first block of a trade whose fees cannot be known: of earlier runs, and of this one.
    unknown: Option<BlockNumber>,
    unknown_here: Option<BlockNumber>,
}

impl Run {
    /// Of so many seconds. It is counted as it comes, or walked if there is a scout, as it must be if it `filters`.
    pub(super) fn new(seconds: u32, filters: bool, scout: Option<Holders>) -> Self {
        assert!(scout.is_some() || !filters, "who is left out is known when a run is over: it is walked");
        Self {
            seconds: seconds.max(1),
            left_out: filters.then(BTreeSet::new),
            starts_at: UnixSeconds(0),
            paid_to: UnixSeconds(0),
            blocks: Vec::new(),
            scout,
            scouted_at: UnixSeconds(0),
            sums: Sums::default(),
            price_x192: None,
            first_price_x192: None,
            waiting: Units::ZERO,
            unknown: None,
            unknown_here: None,
        }
    }

    /// A copy to be closed at `at`. Within the run the scout begins again, so that it need not be copied.
    pub(super) fn to_close(&self, at: UnixSeconds) -> Self {
        if at >= self.ends_at() {
            return self.clone();
        }
        let (left_out, blocks) = (self.left_out.clone(), self.blocks.clone());
        let scout = self.scout.as_ref().map(|_| Holders::new(Board::new(false)));
        Self { left_out, blocks, scout, ..*self }
    }

    /// Takes up a move; runs that ended before it are paid.
    pub(super) fn apply(
        &mut self,
        terms: &Terms,
        holders: &mut Holders,
        idle: &mut Units,
        when: When,
        what: &Move,
    ) {
        let run_starts_at = UnixSeconds(when.at.0 - when.at.0 % u64::from(self.seconds));
        if run_starts_at > self.starts_at {
            self.end(terms, holders, idle, self.ends_at());
            // Runs in which nothing moved are like one.
            self.end(terms, holders, idle, run_starts_at);
        }
        if self.scout.is_none() && self.blocks.last().is_none_or(|block| block.when.at < when.at) {
            self.count(terms, holders, UnixSeconds(u64::MAX));
        }
        if self.scout.is_none() && terms.scoring == Scoring::TimeWeighted {
            // It asks for no trade, so nothing has to wait.
            self.count_seconds(terms, holders, when.at);
            return fold(holders, terms, what);
        }
        match self.blocks.last_mut() {
            Some(block) if block.when == when => block.moves.push(what.clone()),
            _ => {
                self.scout_newest(terms);
                self.blocks.push(Block { when, moves: vec![what.clone()] });
            }
        }
    }

    /// Pays what is known of the run at `at`, as if it ended there; trades at `at` itself belong to no run yet.
    pub(super) fn close_at(
        &mut self,
        terms: &Terms,
        holders: &mut Holders,
        idle: &mut Units,
        at: UnixSeconds,
    ) {
        let run_starts_at = UnixSeconds(at.0 - at.0 % u64::from(self.seconds));
        if run_starts_at > self.starts_at {
            self.end(terms, holders, idle, self.ends_at());
            self.end(terms, holders, idle, run_starts_at);
        }
        if self.scout.is_none() {
            self.count(terms, holders, at);
        } else {
            // The scout may have counted a block of the time `at`, where blocks share a second: it begins again.
            self.scout_again(terms, holders, at);
        }
        self.pay(terms, holders, idle, at);
    }

    /// When the run that is under way ends.
    pub(super) fn ends_at(&self) -> UnixSeconds {
        UnixSeconds(self.starts_at.0 + u64::from(self.seconds))
    }

    /// Leaves these stakes out of the run that is under way, where the campaign has a minimum of value.
    pub(super) fn leave_out(&mut self, stakes: &BTreeSet<StakeIndex>) {
        if let Some(left_out) = &mut self.left_out {
            left_out.clone_from(stakes);
        }
    }

    /// The holders as the newest move left them; `holders` are those of its segment. Where a move that waits changed any,
    /// they are a copy.
    pub(super) fn holders_now<'a>(&'a self, terms: &Terms, holders: &'a Holders) -> Cow<'a, Holders> {
        let behind = self.scout.as_ref().unwrap_or(holders);
        let waiting = if self.scout.is_some() { self.blocks.len().saturating_sub(1) } else { 0 };
        let moves = || self.blocks[waiting..].iter().flat_map(|block| &block.moves);
        if moves().all(|what| matches!(what, Move::Pool(_))) {
            return Cow::Borrowed(behind);
        }
        let mut holders = behind.clone();
        moves().for_each(|what| fold(&mut holders, terms, what));
        Cow::Owned(holders)
    }

    /// What waits for a run with a swap.
    pub(super) fn waiting(&self) -> Units {
        self.waiting
    }

    /// Gives away what waits, once no run of it that ends at `until` is under way.
    pub(super) fn give_waiting(&mut self, until: Option<UnixSeconds>) -> Units {
        if until.is_some_and(|until| self.paid_to >= until) {
            std::mem::take(&mut self.waiting)
        } else {
            Units::ZERO
        }
    }

    /// Takes over what waited in an earlier version.
    pub(super) fn wait_for(&mut self, earlier: Units) {
        self.waiting += earlier;
    }

    /// The first block of a trade whose fees cannot be known.
    pub(super) fn unknown(&self) -> Option<BlockNumber> {
        self.unknown.or(self.unknown_here)
    }

    /// Ends the run at `ends_at` and begins the next there.
    fn end(&mut self, terms: &Terms, holders: &mut Holders, idle: &mut Units, ends_at: UnixSeconds) {
        if self.scout.is_none() {
            self.count(terms, holders, UnixSeconds(u64::MAX));
        } else if self.left_out.is_some() {
            self.scout_again(terms, holders, UnixSeconds(u64::MAX));
        } else {
            self.scout_newest(terms);
        }
        self.pay(terms, holders, idle, ends_at);
        self.blocks.clear();
        self.unknown = self.unknown.or(self.unknown_here.take());
        self.sums = Sums::default();
        (self.starts_at, self.scouted_at, self.first_price_x192) = (ends_at, ends_at, self.price_x192);
    }

    /// Pays the run's emission, if there is anybody to pay by its rule.
    fn pay(&mut self, terms: &Terms, holders: &mut Holders, idle: &mut Units, ends_at: UnixSeconds) {
        let seconds = terms.stretch.paid_seconds(self.starts_at, ends_at);
        let emission = terms.emission(1, seconds) * Units::from(terms.weights.sum());
        self.paid_to = ends_at;
        if terms.scoring == Scoring::PerBlock {
            return self.pay_by_state(terms, holders, idle, ends_at);
        }
        if terms.scoring == Scoring::TimeWeighted {
            self.count_rest(terms, holders, ends_at);
        }
        if self.scout.is_none() {
            self.sums.whole = holders.board.counted();
        }
        if terms.scoring == Scoring::SwapWeighted && (self.sums.trades == 0 || self.sums.whole.fees.is_zero())
        {
            self.waiting += emission;
            return self.leave_unpaid(terms, holders);
        }
        let emission = emission + std::mem::take(&mut self.waiting);
        let wages = Wages::new(terms, emission, &self.sums.whole);
        *idle += terms.idle(&wages.worth().0, |weight| wages.emission(weight));
        if self.scout.is_none() {
            return holders.pay_run(wages.worth());
        }
        let (mut at, mut price) = (self.starts_at, self.first_price_x192);
        for block in &self.blocks {
            wages.pay(&mut holders.board, Point::Time(terms.stretch.paid_seconds(at, block.when.at)));
            at = block.when.at;
            price = block.last_price().or(price);
            let counts = terms.counts(at) && at < ends_at;
            walk(holders, terms, block, price, counts, &mut |board, point| wages.pay(board, point));
        }
        wages.pay(&mut holders.board, Point::Time(terms.stretch.paid_seconds(at, ends_at)));
    }

    /// Counts the time that is left of the run.
    fn count_rest(&mut self, terms: &Terms, holders: &mut Holders, ends_at: UnixSeconds) {
        let Some(scout) = &self.scout else { return self.count_seconds(terms, holders, ends_at) };
        let rest = terms.stretch.paid_seconds(self.scouted_at.max(self.starts_at), ends_at);
        self.sums.add_time(&scout.board, rest);
    }

    /// Ends a run whose emission waits.
    fn leave_unpaid(&self, terms: &Terms, holders: &mut Holders) {
        if self.scout.is_none() {
            holders.drop_run();
        }
        let moves = self.blocks.iter().flat_map(|block| &block.moves);
        moves.for_each(|what| fold(holders, terms, what));
    }

    /// Pays each interval of the run by the state that held in it.
    fn pay_by_state(&self, terms: &Terms, holders: &mut Holders, idle: &mut Units, ends_at: UnixSeconds) {
        let mut at = self.starts_at;
        for block in &self.blocks {
            *idle += terms.pay_by_state(&mut holders.board, terms.stretch.paid_seconds(at, block.when.at));
            at = block.when.at;
            block.moves.iter().for_each(|what| fold(holders, terms, what));
        }
        *idle += terms.pay_by_state(&mut holders.board, terms.stretch.paid_seconds(at, ends_at));
    }
}
