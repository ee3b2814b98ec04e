//! What a run has counted, before anybody knows what it is worth.
//!
//! What a part of a run's emission is divided by is known when the run is over. Until then the board counts what is paid
//! for, seconds or values of trades, as it comes and as it counts growth: a sum for all, and at each tick that was crossed
//! the part of it on the other side. When the run is over these are few numbers to be paid: those of the whole, of the
//! ticks that were crossed in it, and of the stakes that changed in it.
//!
//! What was counted of a part over everybody, its divisor, is linear in the same sums: over points that count `v` it is
//! `sum v D1 = sum over stakes of L * sum v (s - a)`, the inner sum over the points in the stake's range. So the crossed ticks
//! tell it when the run is over, by the liquidity that begins and ends there then; a stake whose weight changed on the way had
//! counted so far by another, and that difference is added up when it changes.

use alloy_primitives::U256;
use serde::{Deserialize, Serialize};

use super::board::{Growths, Sums};
use super::growth::{Count, Growth, Inverse, NetWeight, Units, Weight, add_product, add_times};
use super::rate::Rate;

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

/// A run's tally, beside what was counted on the other sides of the ticks that were crossed in it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Tallies {
    pub(super) global: Tally,
    /// What those whose weight changed had counted until then, by the weight before less the one after. Wraps.
    by_change: Parts<Count>,
}

/// What a run's parts are worth: each pays its emission for all that was counted of it; `None` where that is nothing.
#[derive(Debug, Clone, Copy)]
pub(super) struct Worth(pub(super) Parts<Option<Rate>>);

impl Tallies {
    /// Weights changed by so much of what was counted so far.
    pub(super) fn weigh(&mut self, by: &Parts<Count>) {
        self.by_change = self.by_change.less(by);
    }

    /// What was counted of each part over everybody who shared. `active` are those who share now; of each tick that was crossed
    /// it takes what was counted on its other side, those who join when the price crosses it upward, and whether it is below
    /// the price or at it.
    pub(super) fn whole<'a>(
        &self,
        active: &Sums,
        crossed: impl Iterator<Item = (&'a Tally, &'a Sums, bool)>,
    ) -> Parts<Count> {
        let mut whole = self.by_change;
        self.global.over(active, false, &mut whole);
        crossed.for_each(|(counted, net, is_below)| counted.over(net, is_below, &mut whole));
        whole
    }
}

impl Tally {
    /// Counts so much for the part by liquidity.
    pub(super) fn add_fees<const N: usize>(&mut self, counted: &[u64; N]) {
        add_times(&mut self.fees, counted, &[1]);
    }

    /// Counts so much for the parts by tokens.
    pub(super) fn add_tokens<const N: usize>(&mut self, counted: &[u64; N], sqrt: &U256, inverse: &Inverse) {
        add_times(&mut self.tokens, counted, &[1]);
        add_times(&mut self.sqrt, sqrt.as_limbs(), counted);
        add_times(&mut self.inverse, inverse.as_limbs(), counted);
    }

    /// Adds what was counted at these points over `those` who shared in them, or takes it off.
    fn over(&self, those: &Sums, is_taken_off: bool, whole: &mut Parts<Count>) {
        let by_liquidity = |counted: &Growth, sum: &mut Count| {
            let joins = those.liquidity;
            let leaves = joins.bit(NetWeight::BITS - 1);
            let magnitude = if leaves { joins.wrapping_neg() } else { joins };
            Counted::of(counted, is_taken_off != leaves).times(magnitude.as_limbs(), sum);
        };
        by_liquidity(&self.fees, &mut whole.fees);
        for (sum, price, ends) in
            [(&mut whole.token1, &self.sqrt, &those.lower), (&mut whole.token0, &self.inverse, &those.upper)]
        {
            by_liquidity(price, sum);
            Counted::of(ends, !is_taken_off).times(self.tokens.as_limbs(), sum);
        }
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

/// A number of counts with its sign.
struct Counted {
    magnitude: Growth,
    is_below_zero: bool,
}

impl Counted {
    /// Of a number modulo 2^1024 whose magnitude is far below that.
    fn of(wrapped: &Growth, is_taken_off: bool) -> Self {
        let is_below_zero = wrapped.bit(Growth::BITS - 1);
        let magnitude = if is_below_zero { wrapped.wrapping_neg() } else { *wrapped };
        Self { magnitude, is_below_zero: is_below_zero != is_taken_off }
    }

    /// Adds so many times it to `sum`, which wraps.
    fn times<const N: usize>(&self, factor: &[u64; N], sum: &mut Count) {
        if self.is_below_zero {
            let mut product = Count::ZERO;
            add_product(&mut product, self.magnitude.as_limbs(), factor);
            *sum = sum.wrapping_sub(product);
        } else {
            add_product(sum, self.magnitude.as_limbs(), factor);
        }
    }
}

impl Parts<Growth> {
    /// What a weight has of it after a change, less what it had before. Wraps.
    pub(super) fn of_change(&self, before: Weight, after: Weight) -> Parts<Count> {
        let is_less = after < before;
        let weight = if is_less { before - after } else { after - before };
        let one = |counted: &Growth| {
            let mut sum = Count::ZERO;
            Counted::of(counted, is_less).times(weight.as_limbs(), &mut sum);
            sum
        };
        Parts { fees: one(&self.fees), token1: one(&self.token1), token0: one(&self.token0) }
    }
}

impl Parts<Count> {
    pub(super) fn plus(&self, other: &Self) -> Self {
        Self {
            fees: self.fees.wrapping_add(other.fees),
            token1: self.token1.wrapping_add(other.token1),
            token0: self.token0.wrapping_add(other.token0),
        }
    }

    pub(super) fn less(&self, other: &Self) -> Self {
        Self {
            fees: self.fees.wrapping_sub(other.fees),
            token1: self.token1.wrapping_sub(other.token1),
            token0: self.token0.wrapping_sub(other.token0),
        }
    }
}

impl Worth {
    /// What counts over a weight come to, rounded down; those below zero modulo 2^1024.
    pub(super) fn units(&self, counted: &Parts<Count>) -> Units {
        let Self(Parts { fees, token1, token0 }) = self;
        let parts = [(fees, &counted.fees), (token1, &counted.token1), (token0, &counted.token0)];
        parts.into_iter().fold(Units::ZERO, |sum, (rate, counted)| match rate {
            // Below zero, down is away from it.
            Some(rate) if counted.bit(Count::BITS - 1) => {
                let paid = rate.share(counted.wrapping_neg().as_limbs());
                sum.wrapping_sub(paid).wrapping_sub(Units::ONE)
            }
            rate => sum.wrapping_add(of(rate, counted.as_limbs())),
        })
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

fn of<const N: usize>(rate: &Option<Rate>, counted: &[u64; N]) -> Growth {
    rate.map(|rate| rate.share(counted)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accrue::growth::{floor, whole};
    use crate::accrue::rate::Leading;

    /// A budget of 1000 over so much that was counted.
    fn worth(counted: u64) -> Worth {
        let budget = whole("1000".parse().unwrap());
        let rate = Rate::of(Leading::of(budget.as_limbs()), &[counted]);
        Worth(Parts { fees: rate, token1: None, token0: None })
    }

    fn counts(fees: i64) -> Parts<Count> {
        let magnitude = Count::from(fees.unsigned_abs());
        let fees = if fees < 0 { magnitude.wrapping_neg() } else { magnitude };
        Parts { fees, token1: magnitude, token0: magnitude }
    }

    #[test]
    fn what_was_not_an_owners_is_taken_off_rounded_away_from_it() {
        for (all, begun, left) in [(4, 0, "1000"), (4, 1, "750"), (3, 1, "666"), (3, 3, "0"), (7, 7, "0")] {
            let worth = worth(all);
            let paid = worth.units(&counts(i64::try_from(all).unwrap()));
            let left_units = paid.wrapping_add(worth.units(&counts(-begun)));
            assert_eq!(floor(left_units).to_string(), left, "{begun} of {all}");
        }
        let exact = worth(4);
        assert!(exact.units(&counts(-1)).wrapping_add(exact.units(&counts(1))) == Units::MAX, "rounded down");
        // A part that nobody is paid takes nothing off.
        assert_eq!(worth(0).units(&counts(-5)), Units::ZERO);
    }

    #[test]
    fn a_change_of_weight_is_told_with_its_sign() {
        let five = Parts { fees: Growth::from(5), token1: Growth::ZERO, token0: Growth::ZERO };
        let below = Parts { fees: Growth::from(5).wrapping_neg(), ..five };
        let (two, nine) = (Weight::from(2), Weight::from(9));
        let cases =
            [(five, two, nine, 35), (five, nine, two, -35), (below, two, nine, -35), (below, nine, two, 35)];
        for (counted, before, after, expected) in cases {
            assert_eq!(counted.of_change(before, after).fees, counts(expected).fees, "{before} to {after}");
        }
        assert_eq!(five.of_change(two, two), Parts::default());
    }
}
