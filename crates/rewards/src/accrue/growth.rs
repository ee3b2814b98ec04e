//! The fixed-point numbers of the accrual; [`crate::accrue`] derives their sizes.

use alloy_primitives::{U256, U512, Uint};

use crate::unit::Amount;

/// Weighted seconds of emission per unit of liquidity (or times liquidity: earned), with [`GROWTH_BITS`] fractional
/// bits. Wraps: only differences count.
pub type Growth = Uint<896, 14>;

/// Fractional bits of a [`Growth`].
pub const GROWTH_BITS: usize = 800;

/// `1 / x` of a sqrt price, as `floor((2^512 - 1) / x)`.
pub type Inverse = U512;

/// Bits kept when rounding down once: `2^-60` of a unit is added first.
const MARGIN_BITS: usize = 60;

/// `floor((2^512 - 1) / x)`; zero for a price of zero, which no pool has.
pub fn inverse(x: U256) -> Inverse {
    if x.is_zero() { Inverse::ZERO } else { Inverse::MAX / Inverse::from(x) }
}

/// `floor(weight * seconds * 2^800 / divisor)`; `None` when nobody shares, i.e. the divisor is zero.
pub(crate) fn quotient(weight: u32, seconds: u64, divisor: Growth) -> Option<Growth> {
    if divisor.is_zero() {
        return None;
    }
    Some((Growth::from(u128::from(weight) * u128::from(seconds)) << GROWTH_BITS) / divisor)
}

/// `earned` weighted seconds of a `budget` that lasts `weighted_seconds`, in units: `floor(budget * earned /
/// weighted_seconds + 2^-60)`.
pub(crate) fn units(budget: Amount, earned: Growth, weighted_seconds: u128) -> Amount {
    type Wide = Uint<1152, 18>;
    let whole = Wide::from(weighted_seconds);
    let product =
        Wide::from(budget.0).wrapping_mul(Wide::from(earned)) + (whole << (GROWTH_BITS - MARGIN_BITS));
    let floor = (product >> GROWTH_BITS) / whole;
    Amount(U256::from(floor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_share_is_the_whole_budget() {
        let third = quotient(1, 1, Growth::from(3)).unwrap();
        let cases = [
            ("one of one", quotient(1, 10, Growth::from(1)).unwrap(), 10, "1000"),
            ("three thirds", third * Growth::from(3), 1, "1000"),
            ("one third", third, 1, "333"),
            ("nothing", Growth::ZERO, 7, "0"),
        ];
        for (name, earned, weighted_seconds, expected) in cases {
            let budget = "1000".parse().unwrap();
            assert_eq!(units(budget, earned, weighted_seconds).to_string(), expected, "{name}");
        }
    }

    #[test]
    fn nobody_to_share_is_none() {
        assert_eq!(quotient(1, 1, Growth::ZERO), None);
    }
}
