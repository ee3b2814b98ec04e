//! The fixed-point numbers of the accrual; [`crate::accrue`] derives their sizes.

use alloy_primitives::{U256, U512, Uint};

use crate::math::inverse::inverse_x512;
use crate::unit::{Amount, Liquidity};

/// Units of the reward token per [`Weight`] (or times it: earned), with [`GROWTH_BITS`] fractional bits. Wraps: only
/// differences count.
pub type Growth = Uint<1024, 16>;

/// Fractional bits of a [`Growth`].
pub const GROWTH_BITS: usize = 864;

/// Units of the reward token with [`GROWTH_BITS`] fractional bits; below 2^128 units, as budgets are.
pub type Units = Growth;

/// Eligible liquidity, with [`WEIGHT_BITS`] fractional bits: a vault's counts in part when some behind it are excluded.
pub type Weight = U256;

/// Fractional bits of a [`Weight`].
pub const WEIGHT_BITS: usize = 128;

/// `1 / x` of a sqrt price, as [`inverse_x512`] has it.
pub type Inverse = U512;

/// Room for a weight times a price times a trade, and for what is divided by it.
pub(crate) type Wide = Uint<2048, 32>;

/// Bits kept when rounding down once: `2^-60` of a unit is added first.
pub(crate) const MARGIN_BITS: usize = 60;

/// Liquidity that is eligible as a whole.
pub(crate) fn weight(liquidity: Liquidity) -> Weight {
    Weight::from(liquidity.0) << WEIGHT_BITS
}

/// [`inverse_x512`]; zero for a price of zero, which no pool has.
pub fn inverse(x: U256) -> Inverse {
    inverse_x512(x).unwrap_or_default()
}

/// `a * b`, modulo 2^1024. Only limbs that are not zero cost anything, and weights, prices and inverses have few of them.
pub(crate) fn times(a: &[u64], b: &[u64]) -> Growth {
    let mut limbs = [0; Growth::LIMBS];
    multiply(&mut limbs, a, b);
    Growth::from_limbs(limbs)
}

/// `a * b`, whole.
pub(crate) fn product(a: &[u64], b: &[u64]) -> Wide {
    let mut limbs = [0; Wide::LIMBS];
    multiply(&mut limbs, a, b);
    Wide::from_limbs(limbs)
}

/// Adds `a * b` to `sum`, which is zero, as far as it has room.
pub(crate) fn multiply(sum: &mut [u64], a: &[u64], b: &[u64]) {
    let (a_place, a) = filled(a);
    let (b_place, b) = filled(b);
    for (place, limb) in (a_place + b_place..).zip(b).filter(|(_, limb)| **limb != 0) {
        let Some(sum) = sum.get_mut(place..) else { return };
        let mut carry = 0;
        let (within, beyond) = sum.split_at_mut(a.len().min(sum.len()));
        for (sum, part) in within.iter_mut().zip(a) {
            (*sum, carry) = part.carrying_mul_add(*limb, carry, *sum);
        }
        // No later row has reached this limb yet.
        if let Some(next) = beyond.first_mut() {
            *next = carry;
        }
    }
}

/// A number's limbs without the zeros at both ends, and how many were cut off at the lower one.
fn filled(limbs: &[u64]) -> (usize, &[u64]) {
    let end = limbs.iter().rposition(|limb| *limb != 0).map_or(0, |last| last + 1);
    let start = limbs[..end].iter().position(|limb| *limb != 0).unwrap_or(end);
    (start, &limbs[start..end])
}

/// Whole units.
pub(crate) fn whole(amount: Amount) -> Units {
    Units::from(amount.0) << GROWTH_BITS
}

/// `units * part / all`, rounded down; nothing of nothing.
pub(crate) fn part_of(units: Units, part: u64, all: u64) -> Units {
    if all == 0 {
        return Units::ZERO;
    }
    Units::from(Wide::from(units) * Wide::from(part) / Wide::from(all))
}

/// `floor(units + 2^-60)`. The margin is a bit of the upper quarter, which no lower bit carries into.
pub(crate) fn floor(units: Units) -> Amount {
    const LOWER_LIMBS: usize = 12;
    const LOWER_BITS: usize = LOWER_LIMBS * 64;
    let [.., a, b, c, d] = *units.as_limbs();
    let margin = U256::ONE << (GROWTH_BITS - MARGIN_BITS - LOWER_BITS);
    Amount((U256::from_limbs([a, b, c, d]) + margin) >> (GROWTH_BITS - LOWER_BITS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_rounded_down() {
        let budget = whole("1000".parse().unwrap());
        let cases = [
            ("all", budget, "1000"),
            ("half of the time", part_of(budget, 5, 10), "500"),
            ("a third", part_of(budget, 1, 3), "333"),
            ("three thirds", part_of(budget, 1, 3) * Growth::from(3), "1000"),
            ("of nothing", part_of(budget, 1, 0), "0"),
        ];
        for (name, earned, expected) in cases {
            assert_eq!(floor(earned).to_string(), expected, "{name}");
        }
    }

    #[test]
    fn products_are_those_of_the_whole() {
        let (high, low) = (Growth::MAX << 512_usize, Growth::MAX >> 512_usize);
        let some = [
            Growth::ZERO,
            Growth::ONE,
            Growth::MAX,
            high,
            low,
            Growth::from(0x1234_5678_9abc_def0_u64) << 700_usize,
            Growth::from(u128::MAX) << 128_usize,
            Growth::MAX / Growth::from(3),
        ];
        for a in some {
            for b in some {
                assert_eq!(times(a.as_limbs(), b.as_limbs()), a.wrapping_mul(b), "{a} * {b}");
                assert_eq!(product(a.as_limbs(), b.as_limbs()), Wide::from(a) * Wide::from(b), "{a} * {b}");
            }
        }
    }
}
