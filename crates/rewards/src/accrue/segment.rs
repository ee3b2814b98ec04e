//! One version of a campaign: what it pays, from when to when, and to whom so far.

use std::borrow::Cow;

use alloy_primitives::U128;
use serde::{Deserialize, Serialize};

use super::board::{Board, Divisors, Growths, Payment};
use super::growth::{Growth, Units, part_of, times, weight};
use super::holders::Holders;
use super::rate::{Emission, Rate};
use super::run::Run;
use super::{Behind, Shape, When};
use crate::campaign::{Campaign, Scoring, Stretch, Weights};
use crate::ledger::Change;
use crate::ownership::{Move, Owner, StakeIndex};
use crate::unit::{Liquidity, UnixSeconds};

/// A stretch of a campaign with what was earned in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Segment {
    pub(super) terms: Terms,
    /// Paid up to `at`; for scorings by run up to the beginning of the run, and where runs are walked they stand there.
    pub(super) holders: Holders,
    pub(super) at: UnixSeconds,
    /// What was emitted while nobody was eligible for it.
    pub(super) idle: Units,
    pub(super) run: Option<Run>,
}

/// What a stretch of a campaign promises.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Terms {
    pub(super) stretch: Stretch,
    pub(super) scoring: Scoring,
    pub(super) weights: Weights,
    /// What a second emits for a weight of one.
    rate: Units,
}

impl Segment {
    pub(super) fn new(campaign: &Campaign, stretch: Stretch, (shape, behind): (Shape, Behind)) -> Self {
        let weights = match shape {
            Shape::Concentrated => stretch.weights,
            Shape::Pooled => Weights { fees: 1, token0: 0, token1: 0 },
        };
        let filters = campaign.value_min_usd.is_some();
        let by_run = campaign.run_seconds.filter(|_| campaign.is_by_run());
        let is_walked = filters || behind == Behind::Vaults;
        let holders = match by_run {
            Some(_) if !is_walked => Holders::of_runs(stretch.out_of_range),
            _ => Holders::new(Board::new(stretch.out_of_range)),
        };
        let run = by_run.map(|seconds| Run::new(seconds, filters, is_walked.then(|| holders.clone())));
        let terms = Terms::new(stretch, campaign.scoring, weights);
        Self { terms, holders, at: UnixSeconds(0), idle: Units::ZERO, run }
    }

    /// Folds in a move of the block `when`.
    pub(super) fn apply(&mut self, when: When, what: &Move) {
        match &mut self.run {
            Some(run) => run.apply(&self.terms, &mut self.holders, &mut self.idle, when, what),
            None => {
                self.pay_by_state(when.at);
                fold(&mut self.holders, &self.terms, what);
            }
        }
        self.at = when.at;
    }

    /// A copy to be closed at `at`.
    pub(super) fn to_close(&self, at: UnixSeconds) -> Self {
        let run = self.run.as_ref().map(|run| run.to_close(at));
        Self { terms: self.terms.clone(), holders: self.holders.clone(), at: self.at, idle: self.idle, run }
    }

    /// Pays up to `at`; nothing may be folded in afterwards.
    pub(super) fn close(&mut self, at: UnixSeconds) {
        match &mut self.run {
            Some(run) => run.close_at(&self.terms, &mut self.holders, &mut self.idle, at),
            None => self.pay_by_state(at),
        }
        self.at = at;
    }

    /// See [`super::CampaignAccrual::eligible_among`].
    pub(super) fn eligible<'a>(
        &'a self,
        wanted: impl Fn(StakeIndex) -> bool + 'a,
    ) -> Box<dyn Iterator<Item = (StakeIndex, Liquidity)> + 'a> {
        let now = match &self.run {
            Some(run) => run.holders_now(&self.terms, &self.holders),
            None => Cow::Borrowed(&self.holders),
        };
        match now {
            Cow::Borrowed(holders) => Box::new(holders.eligible(wanted)),
            Cow::Owned(holders) => Box::new(holders.eligible(wanted).collect::<Vec<_>>().into_iter()),
        }
    }

    /// See [`super::CampaignAccrual::leaves_nobody_out`].
    pub(super) fn leaves_nobody_out(&self, in_range: Liquidity) -> bool {
        // No stake weighs more than its liquidity, so where the sums are the same each is.
        self.run.is_none() && self.holders.board.liquidity() == Growth::from(weight(in_range))
    }

    /// What waits for a run with a swap.
    pub(super) fn waiting(&self) -> Units {
        self.run.as_ref().map_or(Units::ZERO, Run::waiting)
    }

    /// When this stretch is over, gives away what waits: a later version's run pays it.
    pub(super) fn give_waiting(&mut self, later: &mut Self) {
        let over = self.terms.stretch.until.is_some_and(|until| until <= self.at);
        if let (true, Some(run), Some(later)) = (over, &mut self.run, &mut later.run) {
            later.wait_for(run.give_waiting(self.terms.stretch.until));
        }
    }

    /// What has grown in all by `at`, and what nobody was eligible for, where all is paid by the state that holds.
    pub(super) fn by_state(&self, at: UnixSeconds) -> (Growths, Units) {
        let seconds = self.terms.stretch.paid_seconds(self.at, at);
        let (paid, idle) = self.terms.payment_by_state(&self.holders.board, seconds);
        (self.holders.board.global_after(&paid), self.idle + idle)
    }

    /// Pays the time since the last move by the state that held in it.
    fn pay_by_state(&mut self, at: UnixSeconds) {
        let seconds = self.terms.stretch.paid_seconds(self.at, at);
        if seconds > 0 {
            self.idle += self.terms.pay_by_state(&mut self.holders.board, seconds);
        }
    }
}

impl Terms {
    fn new(stretch: Stretch, scoring: Scoring, weights: Weights) -> Self {
        let weighted_seconds = weights.sum() * stretch.window.duration_seconds();
        let rate = part_of(stretch.budget, 1, weighted_seconds);
        Self { stretch, scoring, weights, rate }
    }

    /// Pays so many seconds by the state that holds; answers what found nobody.
    pub(super) fn pay_by_state(&self, board: &mut Board, seconds: u64) -> Units {
        let (paid, idle) = self.payment_by_state(board, seconds);
        board.pay(&paid);
        idle
    }

    /// What so many seconds pay by the state that holds, and what finds nobody.
    fn payment_by_state(&self, board: &Board, seconds: u64) -> (Payment<Rate>, Units) {
        if seconds == 0 {
            return (Payment::default(), Units::ZERO);
        }
        let Divisors { fees, token1, token0 } = board.divisors();
        let rate = Emission::of(self.rate.as_limbs());
        let part = |weight: u32, divisor: Growth| {
            let emission = rate.and_then(|rate| rate.times(weighted(weight, seconds)));
            (weight > 0).then(|| Rate::of(emission, divisor.as_limbs())).flatten()
        };
        let paid = Payment {
            fees: part(self.weights.fees, fees),
            token1: part(self.weights.token1, token1),
            token0: part(self.weights.token0, token0),
        };
        let idle = self.idle(&paid, |weight| self.emission(weight, seconds));
        (paid, idle)
    }

    /// What so many seconds emit for a weight.
    pub(super) fn emission(&self, weight: u32, seconds: u64) -> Units {
        times(self.rate.as_limbs(), U128::from(weighted(weight, seconds)).as_limbs())
    }

    /// What the parts that found nobody would have paid.
    pub(super) fn idle(&self, paid: &Payment<Rate>, emission: impl Fn(u32) -> Units) -> Units {
        let Weights { fees, token0, token1 } = self.weights;
        let parts = [(fees, &paid.fees), (token0, &paid.token0), (token1, &paid.token1)];
        let idle = parts.into_iter().filter(|(weight, paid)| *weight > 0 && paid.is_none());
        idle.fold(Units::ZERO, |sum, (weight, _)| sum + emission(weight))
    }
}

/// So many seconds, each as often as the weight says.
fn weighted(weight: u32, seconds: u64) -> u128 {
    u128::from(weight) * u128::from(seconds)
}

/// Folds a move into the holders, whatever the scoring; a trade goes to its end at once.
pub(super) fn fold(holders: &mut Holders, terms: &Terms, what: &Move) {
    let admits = |account| terms.stretch.admits(account);
    match what {
        Move::Pool(Change::Price(price)) => {
            holders.board.move_price(price);
        }
        Move::Pool(Change::Trade(trade)) => holders.board.move_price(&trade.price),
        Move::Pool(_) => {}
        Move::Stake { stake, range, liquidity, owner } => {
            holders.set_stake(*stake, *range, *liquidity, *owner, &admits);
        }
        Move::Shares { vault, member, shares } => {
            debug_assert!(*member != Owner::Vault(*vault), "no vault is behind itself");
            holders.set_shares(*vault, *member, shares.0, &admits);
        }
    }
}
