//! The tokens that liquidity stands for, rounded as v3-core's `SqrtPriceMath` rounds them.

use alloy_primitives::{U256, U512};

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
    holdings_between(liquidity, range, ends(range)?, tick, price, rounding)
}

/// The sqrt prices at both ends of a range; `None` when a tick does not exist.
pub fn ends(range: TickRange) -> Option<(SqrtPriceX96, SqrtPriceX96)> {
    Some((sqrt_ratio(range.lower)?, sqrt_ratio(range.upper)?))
}

/// As [`holdings`], for whoever asks of many positions in one range: with its [`ends`].
pub fn holdings_between(
    liquidity: Liquidity,
    range: TickRange,
    (lower, upper): (SqrtPriceX96, SqrtPriceX96),
    tick: Tick,
    price: SqrtPriceX96,
    rounding: Rounding,
) -> Option<(Amount, Amount)> {
    if tick < range.lower {
        Some((amount0(liquidity, lower, upper, rounding)?, Amount::ZERO))
    } else if tick < range.upper {
        Some((amount0(liquidity, price, upper, rounding)?, amount1(liquidity, lower, price, rounding)?))
    } else {
        Some((Amount::ZERO, amount1(liquidity, lower, upper, rounding)?))
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
    if rounding == Rounding::Down {
        // Rounded down twice is rounded down once by both: one division for two.
        let both: U512 = high.0.widening_mul(low.0);
        return numerator.checked_div(both).and_then(narrow);
    }
    let by_high = divide(numerator, high.0, rounding)?;
    divide(by_high, low.0, rounding).and_then(narrow)
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

fn divide(numerator: U512, denominator: U256, rounding: Rounding) -> Option<U512> {
    if denominator.is_zero() {
        return None;
    }
    let (quotient, remainder) = numerator.div_rem(U512::from(denominator));
    let up = rounding == Rounding::Up && !remainder.is_zero();
    Some(quotient + U512::from(u8::from(up)))
}

fn narrow(wide: U512) -> Option<Amount> {
    U256::checked_from_limbs_slice(wide.as_limbs()).map(Amount)
}
