//! One step of a swap in a concentrated pool, as v3-core's `SwapMath` and `SqrtPriceMath` count it.

use alloy_primitives::{U256, U512};

use crate::math::amounts::{Rounding, amount0, amount1};
use crate::unit::{Liquidity, SqrtPriceX96};

/// What a fee of all that comes in is called: parts of a million.
const WHOLE_PPM: u32 = 1_000_000;

/// What comes in while the price moves from `from` to `to`, without the fee, rounded up; token0 when it falls and
/// token1 when it rises. `None` when it does not fit 256 bits.
pub fn amount_in(liquidity: Liquidity, from: SqrtPriceX96, to: SqrtPriceX96) -> Option<U256> {
    if from == to || liquidity.0 == 0 {
        return Some(U256::ZERO);
    }
    let amount = if to < from {
        amount0(liquidity, to, from, Rounding::Up)
    } else {
        amount1(liquidity, from, to, Rounding::Up)
    };
    amount.map(|amount| amount.0)
}

/// The fee of a step that reached where it was going: `ceil(amount_in * fee / (10^6 - fee))`; `None` for a fee of
/// 100 % and beyond, and past 256 bits.
pub fn fee_of_net(amount_in: U256, fee_ppm: u32) -> Option<U256> {
    let left = WHOLE_PPM.checked_sub(fee_ppm).filter(|left| *left > 0)?;
    let scaled = amount_in.checked_mul(U256::from(fee_ppm))?;
    Some(scaled.div_ceil(U256::from(left)))
}

/// Where the price comes to when `gross` comes in and the step is not stopped: the fee goes off first, rounded up,
/// and the price is rounded so that the pool gives less. `None` where the pool itself would give up.
pub fn price_after_input(
    from: SqrtPriceX96,
    liquidity: Liquidity,
    gross: U256,
    fee_ppm: u32,
    falls: bool,
) -> Option<SqrtPriceX96> {
    let left = WHOLE_PPM.checked_sub(fee_ppm)?;
    let net: U512 = gross.widening_mul::<256, 4, 512, 8>(U256::from(left)) / U512::from(WHOLE_PPM);
    let net = U256::checked_from_limbs_slice(net.as_limbs())?;
    if liquidity.0 == 0 {
        return None;
    }
    let price =
        if falls { after_token0(from.0, liquidity, net) } else { after_token1(from.0, liquidity, net) };
    price.map(SqrtPriceX96)
}

/// `ceil(L * 2^96 * s / (L * 2^96 + net * s))`, or v3-core's coarser form where `net * s` passes 256 bits.
fn after_token0(from: U256, liquidity: Liquidity, net: U256) -> Option<U256> {
    let liquidity_x96: U256 = U256::from(liquidity.0) << 96;
    if let Some(product) = net.checked_mul(from)
        && let Some(denominator) = liquidity_x96.checked_add(product)
    {
        let numerator: U512 = liquidity_x96.widening_mul(from);
        return U256::checked_from_limbs_slice(numerator.div_ceil(U512::from(denominator)).as_limbs());
    }
    let denominator = (liquidity_x96 / from).checked_add(net)?;
    Some(liquidity_x96.div_ceil(denominator))
}

/// `s + floor(net * 2^96 / L)`.
fn after_token1(from: U256, liquidity: Liquidity, net: U256) -> Option<U256> {
    let moved: U512 = (U512::from(net) << 96) / U512::from(liquidity.0);
    from.checked_add(U256::checked_from_limbs_slice(moved.as_limbs())?)
}

/// `floor(fee * 2^128 / liquidity)`, what each unit of liquidity earns in 2^-128 units; zero where there is no
/// liquidity, `None` past 256 bits.
pub fn growth_x128(fee: U256, liquidity: Liquidity) -> Option<U256> {
    if liquidity.0 == 0 || fee.is_zero() {
        return Some(U256::ZERO);
    }
    if fee.bit_len() <= 128 {
        return Some((fee << 128) / U256::from(liquidity.0));
    }
    let wide: U512 = (U512::from(fee) << 128) / U512::from(liquidity.0);
    U256::checked_from_limbs_slice(wide.as_limbs())
}
