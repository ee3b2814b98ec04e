//! What a run's emission is divided by, and what its points are paid.

use serde::{Deserialize, Serialize};

use super::walk::Point;
use crate::accrue::board::{Board, Divisors, Payment};
use crate::accrue::growth::{Growth, Units, Wide, part_of, portion, product};
use crate::accrue::segment::Terms;
use crate::accrue::tally::{Parts, Worth};
use crate::campaign::Scoring;

/// What the parts of a run's emission are divided by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Sums {
    pub(super) fees: Wide,
    pub(super) token1: Wide,
    pub(super) token0: Wide,
    pub(super) trades: u64,
}

impl Sums {
    /// Something that is paid for, in the state that holds.
    pub(super) fn add(&mut self, board: &Board, point: Point) {
        match point {
            Point::Time(seconds) => self.add_time(board, seconds),
            Point::Fees(value) => self.fees += product(board.liquidity(), value),
            Point::Tokens(value) => {
                let Divisors { token1, token0, .. } = board.divisors();
                self.trades += 1;
                self.token1 += product(token1, value);
                self.token0 += product(token0, value);
            }
        }
    }

    /// So many seconds in the state that holds.
    pub(super) fn add_time(&mut self, board: &Board, seconds: u64) {
        if seconds == 0 {
            return;
        }
        let Divisors { fees, token1, token0 } = board.divisors();
        for (sum, divisor) in [(&mut self.fees, fees), (&mut self.token1, token1), (&mut self.token0, token0)]
        {
            *sum += product(divisor, Growth::from(seconds));
        }
    }
}

/// What a run pays at its points.
pub(super) struct Wages<'a> {
    pub(super) terms: &'a Terms,
    pub(super) emission: Units,
    pub(super) sums: Sums,
}

impl Wages<'_> {
    /// Which parts find somebody in this run.
    pub(super) fn parts(&self) -> Payment {
        self.payment(Growth::ONE, true, true)
    }

    /// What is paid for all that was counted of each part.
    pub(super) fn worth(&self) -> Worth {
        let Sums { fees, token1, token0, .. } = self.sums;
        let weights = self.terms.weights;
        let one = |weight: u32, whole: Wide| (weight > 0).then(|| (self.emission(weight), whole));
        Worth(Parts {
            fees: one(weights.fees, fees),
            token1: one(weights.token1, token1),
            token0: one(weights.token0, token0),
        })
    }

    /// Pays a point.
    pub(super) fn pay(&self, board: &mut Board, point: Point) {
        let by_time = self.terms.scoring == Scoring::TimeWeighted;
        let paid = match point {
            Point::Time(seconds) if by_time && seconds > 0 => self.payment(Growth::from(seconds), true, true),
            Point::Fees(value) if !by_time => self.payment(value, true, false),
            Point::Tokens(value) if !by_time => self.payment(value, false, true),
            _ => return,
        };
        board.pay(paid);
    }

    fn payment(&self, part: Growth, fees: bool, tokens: bool) -> Payment {
        let weights = self.terms.weights;
        let one = |wanted: bool, weight: u32, whole: Wide| {
            (wanted && weight > 0).then(|| portion(self.emission(weight), Wide::from(part), whole)).flatten()
        };
        Payment {
            fees: one(fees, weights.fees, self.sums.fees),
            token1: one(tokens, weights.token1, self.sums.token1),
            token0: one(tokens, weights.token0, self.sums.token0),
        }
    }

    /// What a part of this weight pays in the run.
    pub(super) fn emission(&self, weight: u32) -> Units {
        part_of(self.emission, u64::from(weight), self.terms.weights.sum())
    }
}
