//! What a run has counted, before anybody knows what it is worth.
//!
//! What a part of a run's emission is divided by is known when the run is over. Until then the board counts what is paid
//! for, seconds or values of trades, as it comes and as it counts growth: a sum for all, and at each tick that was crossed
//! the part of it on the other side. When the run is over these are few numbers to be paid: those of the whole, of the
//! ticks that were crossed in it, and of the stakes that changed in it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::board::Growths;
use super::growth::{Growth, Units, Weight, Wide, product, times};
use super::rate::Rate;
use crate::unit::Tick;

/// Something of each part of the emission.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Parts<T> {
    /// Of the part by liquidity in range.
    pub(super) fees: T,
    /// Of the part by token1 held.
    pub(super) token1: T,
    /// Of the part by token0 held.
    pub(super) token0: T,
}

/// What was counted at points of a run; `s` is the sqrt price at each. Wraps as growth does: only differences count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Tally {
    /// For the part by liquidity.
    pub(super) fees: Growth,
    /// For the parts by tokens.
    pub(super) tokens: Growth,
    /// The same times `s`, and times `1/s`.
    pub(super) sqrt: Growth,
    pub(super) inverse: Growth,
}

/// A run's tally over the ticks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Tallies {
    pub(super) global: Tally,
    /// Of the ticks that were crossed in this run: what was counted on the side that the price is not on. Of others nothing.
    pub(super) outside: BTreeMap<Tick, Tally>,
}

/// What a run's parts are worth: each pays its emission for all that was counted of it; `None` where that is nothing.
#[derive(Debug, Clone, Copy)]
pub(super) struct Worth(pub(super) Parts<Option<Rate>>);

impl Tallies {
    pub(super) fn outside(&self, tick: Tick) -> Tally {
        self.outside.get(&tick).copied().unwrap_or_default()
    }

    /// The price crosses a tick.
    pub(super) fn cross(&mut self, tick: Tick) {
        let outside = self.outside.entry(tick).or_default();
        *outside = self.global.less(outside);
    }

    /// A tick below the price, or at it, comes to be: all that was counted so far is taken to be below it.
    pub(super) fn open_below(&mut self, tick: Tick) {
        self.outside.insert(tick, self.global);
    }
}

impl Tally {
    /// Counts so much for the part by liquidity.
    pub(super) fn add_fees(&mut self, counted: Growth) {
        self.fees = self.fees.wrapping_add(counted);
    }

    /// Counts so much for the parts by tokens.
    pub(super) fn add_tokens(&mut self, counted: Growth, sqrt: &[u64], inverse: &[u64]) {
        self.tokens = self.tokens.wrapping_add(counted);
        self.sqrt = self.sqrt.wrapping_add(times(counted.as_limbs(), sqrt));
        self.inverse = self.inverse.wrapping_add(times(counted.as_limbs(), inverse));
    }

    pub(super) fn less(&self, other: &Self) -> Self {
        Self {
            fees: self.fees.wrapping_sub(other.fees),
            tokens: self.tokens.wrapping_sub(other.tokens),
            sqrt: self.sqrt.wrapping_sub(other.sqrt),
            inverse: self.inverse.wrapping_sub(other.inverse),
        }
    }
}

impl Parts<Growth> {
    /// What a weight has of what was counted between `before` and now.
    pub(super) fn since(&self, before: &Self, weight: Weight) -> Parts<Wide> {
        let one =
            |now: Growth, before: Growth| product(now.wrapping_sub(before).as_limbs(), weight.as_limbs());
        Parts {
            fees: one(self.fees, before.fees),
            token1: one(self.token1, before.token1),
            token0: one(self.token0, before.token0),
        }
    }
}

impl Parts<Wide> {
    pub(super) fn plus(&self, other: &Self) -> Self {
        Self {
            fees: self.fees + other.fees,
            token1: self.token1 + other.token1,
            token0: self.token0 + other.token0,
        }
    }
}

impl Worth {
    /// What a stake's counts come to.
    pub(super) fn units(&self, counted: &Parts<Wide>) -> Units {
        let Self(Parts { fees, token1, token0 }) = self;
        let [fees, token1, token0] =
            [(fees, counted.fees), (token1, counted.token1), (token0, counted.token0)]
                .map(|(rate, counted)| of(rate, counted.as_limbs()));
        fees.wrapping_add(token1).wrapping_add(token0)
    }

    /// What a tally comes to as growth: `P`, `A1` and `A0`.
    pub(super) fn growths(&self, counted: &Tally) -> Growths {
        let Self(Parts { fees, token1, token0 }) = self;
        let shared = of(fees, counted.fees.as_limbs())
            .wrapping_add(of(token1, counted.sqrt.as_limbs()))
            .wrapping_add(of(token0, counted.inverse.as_limbs()));
        let tokens = counted.tokens.as_limbs();
        Growths { shared, token1: of(token1, tokens), token0: of(token0, tokens) }
    }
}

fn of(rate: &Option<Rate>, counted: &[u64]) -> Growth {
    rate.map(|rate| rate.share(counted)).unwrap_or_default()
}
