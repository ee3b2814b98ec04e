//! What is added up over the positions at the price, and what one position brings to it.

use serde::{Deserialize, Serialize};

use crate::accrue::growth::{Growth, NetWeight, Weight, times};
use crate::unit::{Tick, TickRange};

/// `sum L`, `sum L * a` and `sum L / b`, as [`crate::accrue`] names them. Wrapping: with `out_of_range` the last two
/// go below zero, and the divisors made of them never do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::accrue) struct Sums {
    pub(in crate::accrue) liquidity: NetWeight,
    pub(in crate::accrue) lower: Growth,
    pub(in crate::accrue) upper: Growth,
}

impl Sums {
    pub(super) fn plus(&self, other: &Self) -> Self {
        Self {
            liquidity: self.liquidity.wrapping_add(other.liquidity),
            lower: self.lower.wrapping_add(other.lower),
            upper: self.upper.wrapping_add(other.upper),
        }
    }

    pub(super) fn less(&self, other: &Self) -> Self {
        Self {
            liquidity: self.liquidity.wrapping_sub(other.liquidity),
            lower: self.lower.wrapping_sub(other.lower),
            upper: self.upper.wrapping_sub(other.upper),
        }
    }
}

/// What a position of some liquidity brings to the sums where the price is in its range, and with `out_of_range` beside it.
pub(super) struct Contribution {
    pub(super) inside: Sums,
    pub(super) below: Option<Sums>,
    pub(super) above: Option<Sums>,
}

impl Contribution {
    pub(super) fn of(
        liquidity: Weight,
        ends: ((Growth, Growth), (Growth, Growth)),
        out_of_range: bool,
    ) -> Self {
        let ((a, inverse_a), (b, inverse_b)) = ends;
        let weighed = |x: Growth| times(x.as_limbs(), liquidity.as_limbs());
        let nothing = Sums::default();
        let inside =
            Sums { liquidity: NetWeight::from(liquidity), lower: weighed(a), upper: weighed(inverse_b) };
        let token0 = || Sums { upper: weighed(inverse_a.wrapping_sub(inverse_b)), ..nothing };
        let token1 = || Sums { lower: weighed(b.wrapping_sub(a)), ..nothing };
        Self {
            inside,
            below: out_of_range.then(|| nothing.less(&token0())),
            above: out_of_range.then(|| nothing.less(&token1())),
        }
    }

    /// What it brings where the price is.
    pub(super) fn active(&self, range: TickRange, price_tick: Tick) -> Option<&Sums> {
        if price_tick < range.lower {
            self.below.as_ref()
        } else if price_tick < range.upper {
            Some(&self.inside)
        } else {
            self.above.as_ref()
        }
    }
}
