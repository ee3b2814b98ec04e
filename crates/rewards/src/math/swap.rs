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
    if let Some(scaled) = in_128_bits(amount_in, fee_ppm) {
        return Some(U256::from(scaled.div_ceil(u128::from(left))));
    }
    let scaled = amount_in.checked_mul(U256::from(fee_ppm))?;
    Some(scaled.div_ceil(U256::from(left)))
}

/// Whether the price comes to `to` when `gross` comes in and the step is not stopped: the fee goes off first, rounded up,
/// and the price is rounded so that the pool gives less. Not so where the pool itself would give up.
///
/// A product tells whether a quotient is the one that is stated, at a fraction of what dividing costs.
pub fn comes_to(
    to: SqrtPriceX96,
    from: SqrtPriceX96,
    liquidity: Liquidity,
    gross: U256,
    fee_ppm: u32,
    falls: bool,
) -> bool {
    let Some(net) = net_of(gross, fee_ppm).filter(|_| liquidity.0 > 0) else { return false };
    if falls {
        token0_moves(from.0, to.0, liquidity, net)
    } else {
        token1_moves(from.0, to.0, liquidity, net)
    }
}

/// `floor(gross * (10^6 - fee) / 10^6)`.
fn net_of(gross: U256, fee_ppm: u32) -> Option<U256> {
    let left = WHOLE_PPM.checked_sub(fee_ppm)?;
    if let Some(scaled) = in_128_bits(gross, left) {
        return Some(U256::from(scaled / u128::from(WHOLE_PPM)));
    }
    let net: U512 = gross.widening_mul::<256, 4, 512, 8>(U256::from(left)) / U512::from(WHOLE_PPM);
    U256::checked_from_limbs_slice(net.as_limbs())
}

/// So much of an amount as a processor's own words hold, which those of most swaps do.
fn in_128_bits(amount: U256, by: u32) -> Option<u128> {
    u128::try_from(amount).ok()?.checked_mul(u128::from(by))
}

/// Whether `to` is `ceil(L * 2^96 * s / (L * 2^96 + net * s))`, or v3-core's coarser form where `net * s` passes 256 bits.
fn token0_moves(from: U256, to: U256, liquidity: Liquidity, net: U256) -> bool {
    let liquidity_x96: U256 = U256::from(liquidity.0) << 96;
    let product = net.checked_mul(from);
    if let Some(denominator) = product.and_then(|product| liquidity_x96.checked_add(product)) {
        let numerator: U512 = liquidity_x96.widening_mul(from);
        let reached: U512 = to.widening_mul(denominator);
        let above = reached.checked_sub(numerator);
        return above.is_some_and(|above| above < U512::from(denominator));
    }
    let denominator = (liquidity_x96 / from).checked_add(net);
    denominator.is_some_and(|denominator| liquidity_x96.div_ceil(denominator) == to)
}

/// Whether `to` is `s + floor(net * 2^96 / L)`.
fn token1_moves(from: U256, to: U256, liquidity: Liquidity, net: U256) -> bool {
    let Some(moved) = to.checked_sub(from) else { return false };
    let liquidity = U256::from(liquidity.0);
    let reached: U512 = moved.widening_mul(liquidity);
    let left = (U512::from(net) << 96_usize).checked_sub(reached);
    left.is_some_and(|left| left < U512::from(liquidity))
}

/// `floor(fee * 2^128 / liquidity)`, what each unit of liquidity earns in 2^-128 units; zero where there is no
/// liquidity, `None` past 256 bits.
pub fn growth_x128(fee: U256, liquidity: Liquidity) -> Option<U256> {
    let bits = fee.bit_len();
    if liquidity.0 == 0 || bits == 0 {
        return Some(U256::ZERO);
    }
    if bits <= 128 {
        return Some((fee << 128) / U256::from(liquidity.0));
    }
    let wide: U512 = (U512::from(fee) << 128) / U512::from(liquidity.0);
    U256::checked_from_limbs_slice(wide.as_limbs())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `ceil(a b / c)` or `floor(a b / c)`, in words that hold them.
    fn divided(a: U256, b: U256, c: U512, rounding: Rounding) -> U256 {
        let product: U512 = a.widening_mul(b);
        let quotient = if rounding == Rounding::Up { product.div_ceil(c) } else { product / c };
        U256::checked_from_limbs_slice(quotient.as_limbs()).unwrap()
    }

    #[test]
    fn fees_are_the_same_in_few_words_and_in_many() {
        let (fee_ppm, left) = (3_000, 997_000);
        for bits in [1, 60, 116, 117, 127, 128, 129, 200] {
            for amount in [U256::ONE << bits, (U256::ONE << bits) - U256::ONE] {
                let fee = divided(amount, U256::from(fee_ppm), U512::from(left), Rounding::Up);
                assert_eq!(fee_of_net(amount, fee_ppm), Some(fee), "of {amount}");
                let net = divided(amount, U256::from(left), U512::from(WHOLE_PPM), Rounding::Down);
                assert_eq!(net_of(amount, fee_ppm), Some(net), "of {amount}");
            }
        }
        assert_eq!(fee_of_net(U256::ONE, WHOLE_PPM), None);
        assert_eq!(net_of(U256::ONE, WHOLE_PPM + 1), None);
    }

    #[test]
    fn only_the_price_that_division_tells_is_come_to() {
        let one: U256 = U256::ONE << 96;
        let low = one / U256::from(1_000_003);
        for (from, liquidity, gross) in [
            (one, 1_000_000, 1_000),
            (one + U256::from(7), u128::MAX, u128::MAX),
            (low, 10_u128.pow(18), 10_u128.pow(9)),
            (one << 60, 3, 10_u128.pow(20)),
        ] {
            let (fee_ppm, liquidity_x96) = (500, U256::from(liquidity) << 96_usize);
            let net = net_of(U256::from(gross), fee_ppm).unwrap();
            let moved: U512 = net.widening_mul(from);
            let down = divided(liquidity_x96, from, U512::from(liquidity_x96) + moved, Rounding::Up);
            let up = from + divided(net, one, U512::from(liquidity), Rounding::Down);
            for (falls, to) in [(true, down), (false, up)] {
                let comes_to = |to: U256| {
                    let (to, from) = (SqrtPriceX96(to), SqrtPriceX96(from));
                    comes_to(to, from, Liquidity(liquidity), U256::from(gross), fee_ppm, falls)
                };
                assert!(comes_to(to), "{from} to {to}");
                assert!(!comes_to(to + U256::ONE) && !comes_to(to - U256::ONE), "next to {to}");
            }
        }
        let price = SqrtPriceX96(one);
        assert!(
            !comes_to(price, price, Liquidity(0), U256::ONE, 500, true),
            "no pool moves without liquidity"
        );
    }

    #[test]
    fn where_a_product_passes_256_bits_the_price_is_the_coarser_one() {
        let (from, liquidity): (U256, _) = (U256::ONE << 159, Liquidity(1 << 100));
        let gross: U256 = U256::ONE << 120;
        let liquidity_x96: U256 = U256::from(liquidity.0) << 96;
        let to = liquidity_x96.div_ceil((liquidity_x96 / from) + gross);
        let comes_to = |to| comes_to(SqrtPriceX96(to), SqrtPriceX96(from), liquidity, gross, 0, true);
        assert!(comes_to(to) && !comes_to(to + U256::ONE));
    }
}
