//! The tokens that liquidity stands for, rounded as v3-core's `SqrtPriceMath` rounds them.

use alloy_primitives::{U128, U256, U512, Uint};

use crate::math::inverse::inverse_x512;
use crate::math::tick::sqrt_ratio;
use crate::unit::{Amount, Liquidity, SqrtPriceX96, Tick, TickRange};

/// Which way a division goes: the pool rounds what it takes up and what it gives down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rounding {
    /// Toward zero.
    Down,
    /// Away from zero.
    Up,
}

/// token0 and token1 that `liquidity` in `range` stands for at `tick` and `price`; `None` when a tick of the range
/// does not exist or an amount does not fit 256 bits.
pub fn holdings(
    liquidity: Liquidity,
    range: TickRange,
    tick: Tick,
    price: SqrtPriceX96,
    rounding: Rounding,
) -> Option<(Amount, Amount)> {
    let ends = (sqrt_ratio(range.lower)?, sqrt_ratio(range.upper)?);
    let Between { token0, token1 } = Between::of(range, ends, tick, price);
    let amount0 = token0.map_or(Some(Amount::ZERO), |(low, high)| amount0(liquidity, low, high, rounding))?;
    let amount1 = token1.map_or(Some(Amount::ZERO), |(low, high)| amount1(liquidity, low, high, rounding))?;
    Some((amount0, amount1))
}

/// Between which prices a range holds each token; `None` where it holds none of it.
struct Between<P> {
    token0: Option<(P, P)>,
    token1: Option<(P, P)>,
}

impl<P: Copy> Between<P> {
    /// Of a range with such ends.
    fn of(range: TickRange, (lower, upper): (P, P), tick: Tick, price: P) -> Self {
        if tick < range.lower {
            Self { token0: Some((lower, upper)), token1: None }
        } else if tick < range.upper {
            Self { token0: Some((price, upper)), token1: Some((lower, price)) }
        } else {
            Self { token0: None, token1: Some((lower, upper)) }
        }
    }
}

/// What a unit of liquidity in a range stands for at a price, for whoever asks of many positions in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnitHoldings {
    /// token0 times 2^192; see [`UnitHoldings::of`].
    token0_x192: U256,
    /// token1 times 2^96, exact.
    token1_x96: U256,
}

/// A price with its inverse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inverted {
    price: SqrtPriceX96,
    inverse_x512: U512,
}

impl Inverted {
    /// `None` of zero, which no pool has.
    pub fn of(price: SqrtPriceX96) -> Option<Self> {
        Some(Self { price, inverse_x512: inverse_x512(price.0)? })
    }
}

/// Both ends of a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvertedRange {
    lower: Inverted,
    upper: Inverted,
}

impl InvertedRange {
    /// `None` when one of them does not exist.
    pub fn of(range: TickRange) -> Option<Self> {
        let end = |tick| Inverted::of(sqrt_ratio(tick)?);
        Some(Self { lower: end(range.lower)?, upper: end(range.upper)? })
    }
}

impl UnitHoldings {
    /// `None` at a price that the tick does not have.
    ///
    /// The inverses are low by one 2^-512 at most, so their difference is off by less than that, and what is cut off of it
    /// makes it low: token0 is told to less than one 2^-192 down and two up.
    pub fn of(range: TickRange, ends: &InvertedRange, tick: Tick, price: &Inverted) -> Option<Self> {
        let token0_x192 = |(low, high): (&Inverted, &Inverted)| {
            let apart = low.inverse_x512.checked_sub(high.inverse_x512)?;
            let apart_x192: U512 = apart >> (512 - 96 - 192);
            U256::checked_from_limbs_slice(apart_x192.as_limbs())
        };
        let token1_x96 = |(low, high): (&Inverted, &Inverted)| high.price.0.checked_sub(low.price.0);
        let Between { token0, token1 } = Between::of(range, (&ends.lower, &ends.upper), tick, price);
        Some(Self {
            token0_x192: token0.map_or(Some(U256::ZERO), token0_x192)?,
            token1_x96: token1.map_or(Some(U256::ZERO), token1_x96)?,
        })
    }

    /// What so much liquidity stands for, as [`holdings`] rounds it down; `None` where that takes the division itself, or does not
    /// fit 256 bits.
    ///
    /// token0 is `liquidity * 2^96 (1/low - 1/high)`, from which the product is off by less than one `liquidity / 2^192` down
    /// and two up. Liquidity is below 2^128, so that takes at most one off the 64 bits below the units, or adds two to them: unless
    /// they are next to none or to all ones, the units are known.
    pub fn times(&self, liquidity: Liquidity) -> Option<(Amount, Amount)> {
        let liquidity = U128::from(liquidity.0);
        let product: Uint<384, 6> = liquidity.widening_mul(self.token0_x192);
        let [_, _, below, a, b, c] = *product.as_limbs();
        if below > u64::MAX - 2 || below == 0 && a | b | c != 0 {
            return None;
        }
        let amount0 = U256::from_limbs([a, b, c, 0]);
        let product: Uint<384, 6> = liquidity.widening_mul(self.token1_x96);
        let amount1: Uint<384, 6> = product >> 96;
        Some((Amount(amount0), U256::checked_from_limbs_slice(amount1.as_limbs()).map(Amount)?))
    }
}

/// token0 between two prices: `L * 2^96 * (high - low) / high / low`, each division rounded.
pub fn amount0(
    liquidity: Liquidity,
    low: SqrtPriceX96,
    high: SqrtPriceX96,
    rounding: Rounding,
) -> Option<Amount> {
    let liquidity_x96: U256 = U256::from(liquidity.0) << 96;
    let numerator: U512 = liquidity_x96.widening_mul(high.0.checked_sub(low.0)?);
    if low.0.is_zero() {
        return None;
    }
    // Rounded twice the same way is rounded once by both: one division for two.
    let (quotient, remainder) = numerator.div_rem(high.0.widening_mul(low.0));
    let up = rounding == Rounding::Up && remainder.as_limbs().iter().any(|limb| *limb != 0);
    narrow(quotient + U512::from(u8::from(up)))
}

/// token1 between two prices: `L * (high - low) / 2^96`, rounded.
pub fn amount1(
    liquidity: Liquidity,
    low: SqrtPriceX96,
    high: SqrtPriceX96,
    rounding: Rounding,
) -> Option<Amount> {
    let product: U512 = U256::from(liquidity.0).widening_mul(high.0.checked_sub(low.0)?);
    let (quotient, cut_off): (U512, U512) = (product >> 96, product & U512::from(MASK_X96));
    let up = rounding == Rounding::Up && !cut_off.is_zero();
    narrow(quotient + U512::from(u8::from(up)))
}

/// The 96 fractional bits of a price.
const MASK_X96: u128 = (1 << 96) - 1;

fn narrow(wide: U512) -> Option<Amount> {
    U256::checked_from_limbs_slice(wide.as_limbs()).map(Amount)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is off by one unit of liquidity down and two up may be another amount where the bits below the units are few or many.
    #[test]
    fn a_product_next_to_a_whole_amount_is_not_told() {
        let (one, below): (U256, U256) = (U256::ONE << 192, U256::ONE << 128);
        let cases = [
            ("one", one, None),
            ("one, and less than liquidity may take off", one + below - U256::ONE, None),
            ("one, and what it may not take away", one + below, Some(1)),
            ("two, but for what liquidity may add", one + one - below - below, None),
            ("two, but for more than that", one + one - below - below - below, Some(1)),
            ("nothing", U256::ZERO, Some(0)),
            ("hardly anything", below - U256::ONE, Some(0)),
            ("all but one", one - below - below, None),
        ];
        for (name, token0_x192, expected) in cases {
            let told = UnitHoldings { token0_x192, token1_x96: U256::ZERO }.times(Liquidity(1));
            let expected = expected.map(|units: u64| (Amount(U256::from(units)), Amount::ZERO));
            assert_eq!(told, expected, "{name}");
        }
    }

    #[test]
    fn an_amount_of_more_than_256_bits_is_not_told() {
        let most = UnitHoldings { token0_x192: U256::ZERO, token1_x96: U256::MAX };
        assert_eq!(most.times(Liquidity(u128::MAX)), None);
        assert!(most.times(Liquidity(1)).is_some());
    }
}
