//! What a run's emission is divided by, and what its points are paid.

use serde::{Deserialize, Serialize};

use super::walk::Point;
use crate::accrue::board::{Board, Divisors, Payment};
use crate::accrue::growth::{Count, Growth, Units, add_product, part_of};
use crate::accrue::rate::{Leading, Rate};
use crate::accrue::segment::Terms;
use crate::accrue::tally::{Parts, Worth};
use crate::campaign::{Scoring, Weights};

/// What the parts of a run's emission are divided by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Sums {
    pub(super) whole: Parts<Count>,
    pub(super) trades: u64,
}

impl Sums {
    /// Something that is paid for, in the state that holds.
    pub(super) fn add(&mut self, board: &Board, point: Point) {
        match point {
            Point::Time(seconds) => self.add_time(board, seconds),
            Point::Fees(value) => {
                add_product(&mut self.whole.fees, board.liquidity().as_limbs(), value.as_limbs());
            }
            Point::Tokens(value) => {
                let Divisors { token1, token0, .. } = board.divisors();
                self.trades += 1;
                add_product(&mut self.whole.token1, token1.as_limbs(), value.as_limbs());
                add_product(&mut self.whole.token0, token0.as_limbs(), value.as_limbs());
            }
        }
    }

    /// So many seconds in the state that holds.
    pub(super) fn add_time(&mut self, board: &Board, seconds: u64) {
        if seconds == 0 {
            return;
        }
        let (whole, divisors) = (&mut self.whole, board.divisors());
        add_product(&mut whole.fees, divisors.fees.as_limbs(), &[seconds]);
        add_product(&mut whole.token1, divisors.token1.as_limbs(), &[seconds]);
        add_product(&mut whole.token0, divisors.token0.as_limbs(), &[seconds]);
    }
}

/// What a run pays at its points.
pub(super) struct Wages<'a> {
    terms: &'a Terms,
    emission: Units,
    worth: Worth,
}

impl<'a> Wages<'a> {
    /// Of what all points of the run add up to.
    pub(super) fn new(terms: &'a Terms, emission: Units, whole: &Parts<Count>) -> Self {
        let Weights { fees, token0, token1 } = terms.weights;
        let one = |weight: u32, whole: &Count| {
            let emission = Leading::of(emission_of(terms, emission, weight).as_limbs());
            (weight > 0).then(|| Rate::of(emission, whole.as_limbs())).flatten()
        };
        let worth = Worth(Parts {
            fees: one(fees, &whole.fees),
            token1: one(token1, &whole.token1),
            token0: one(token0, &whole.token0),
        });
        Self { terms, emission, worth }
    }

    /// What is paid for what was counted of each part; which parts find somebody in this run.
    pub(super) fn worth(&self) -> &Worth {
        &self.worth
    }

    /// Pays a point.
    pub(super) fn pay(&self, board: &mut Board, point: Point) {
        let by_time = self.terms.scoring == Scoring::TimeWeighted;
        let paid = match point {
            Point::Time(seconds) if by_time && seconds > 0 => self.payment(&[seconds], true, true),
            Point::Fees(value) if !by_time => self.payment(value.as_limbs(), true, false),
            Point::Tokens(value) if !by_time => self.payment(value.as_limbs(), false, true),
            _ => return,
        };
        board.pay(&paid);
    }

    fn payment<const N: usize>(&self, part: &[u64; N], fees: bool, tokens: bool) -> Payment<Growth> {
        let one = |wanted: bool, rate: Option<Rate>| rate.filter(|_| wanted).map(|rate| rate.share(part));
        let Worth(rates) = self.worth;
        Payment {
            fees: one(fees, rates.fees),
            token1: one(tokens, rates.token1),
            token0: one(tokens, rates.token0),
        }
    }

    /// What a part of this weight pays in the run.
    pub(super) fn emission(&self, weight: u32) -> Units {
        emission_of(self.terms, self.emission, weight)
    }
}

fn emission_of(terms: &Terms, emission: Units, weight: u32) -> Units {
    part_of(emission, u64::from(weight), terms.weights.sum())
}
