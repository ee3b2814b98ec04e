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

/// A sum of weights that may be below zero, modulo 2^320: weights add up to less than 2^256.
pub(crate) type NetWeight = Uint<320, 5>;

/// What a trade is worth, or its fees for a unit of liquidity: in token1, times 2^192. A price of 512 bits times an amount of
/// 256, and one bit more.
pub(crate) type Value = Uint<832, 13>;

/// `1 / x` of a sqrt price, as [`inverse_x512`] has it.
pub type Inverse = U512;

/// What was counted over weights: weights add up to less than 2^256 and counts stay below 2^1023, so that the highest bit is left
/// for a sign.
pub(crate) type Count = Uint<1280, 20>;

/// Room for a growth times a weight, and for what is divided by it.
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

/// `a * b`, modulo 2^1024.
pub(crate) fn times<const A: usize, const B: usize>(a: &[u64; A], b: &[u64; B]) -> Growth {
    let mut limbs = [0; Growth::LIMBS];
    multiply(&mut limbs, a, b);
    Growth::from_limbs(limbs)
}

/// Adds `a * b` to `sum`, modulo 2^1024.
pub(crate) fn add_times<const A: usize, const B: usize>(sum: &mut Growth, a: &[u64; A], b: &[u64; B]) {
    let mut limbs = sum.into_limbs();
    multiply(&mut limbs, a, b);
    *sum = Growth::from_limbs(limbs);
}

/// Adds `a * b` to `sum`, modulo 2^1280.
pub(crate) fn add_product<const A: usize, const B: usize>(sum: &mut Count, a: &[u64; A], b: &[u64; B]) {
    let mut limbs = sum.into_limbs();
    multiply(&mut limbs, a, b);
    *sum = Count::from_limbs(limbs);
}

/// Adds `a * b` to `sum`, as far as it has room. Limbs of `b` that are zero cost nothing: weights, prices and what was counted
/// have many of them. How many there are is never asked for, since no processor can guess where a number ends.
pub(crate) fn multiply<const SUM: usize, const A: usize, const B: usize>(
    sum: &mut [u64; SUM],
    a: &[u64; A],
    b: &[u64; B],
) {
    for (place, limb) in b.iter().enumerate().filter(|(_, limb)| **limb != 0) {
        let Some(sum) = sum.get_mut(place..) else { return };
        match sum.split_first_chunk_mut::<A>() {
            // Of a length that is known, so that nothing but the product is counted.
            Some((within, beyond)) => carry_on(beyond, add_row(within, a, *limb)),
            None => _ = add_row(sum, a, *limb),
        }
    }
}

/// Adds `a * limb` to `sum`, as far as the shorter of both goes; answers what is carried. By fours, so that where the length is
/// not known either little is counted beside the products.
#[inline(always)]
fn add_row(sum: &mut [u64], a: &[u64], limb: u64) -> u64 {
    let length = sum.len().min(a.len());
    let (fours, last) = sum[..length].as_chunks_mut::<4>();
    let (a_fours, a_last) = a[..length].as_chunks::<4>();
    let mut carry = 0;
    for (four, a_four) in fours.iter_mut().zip(a_fours) {
        for (sum, part) in four.iter_mut().zip(a_four) {
            (*sum, carry) = part.carrying_mul_add(limb, carry, *sum);
        }
    }
    for (sum, part) in last.iter_mut().zip(a_last) {
        (*sum, carry) = part.carrying_mul_add(limb, carry, *sum);
    }
    carry
}

fn carry_on(sum: &mut [u64], mut carry: u64) {
    for next in sum {
        let overflows;
        (*next, overflows) = next.overflowing_add(carry);
        if !overflows {
            return;
        }
        carry = 1;
    }
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
                let mut whole = [0; Wide::LIMBS];
                multiply(&mut whole, a.as_limbs(), b.as_limbs());
                assert_eq!(Wide::from_limbs(whole), Wide::from(a) * Wide::from(b), "{a} * {b}");
                let mut sum = Growth::MAX;
                add_times(&mut sum, a.as_limbs(), b.as_limbs());
                assert_eq!(sum, Growth::MAX.wrapping_add(a.wrapping_mul(b)), "{a} * {b}");
            }
        }
    }
}
