//! The pool's own arithmetic, bit for bit: ticks, prices and the amounts that liquidity stands for.

pub mod amounts;
pub mod bitmap;
pub mod inverse;
pub(crate) mod memo;
pub mod swap;
pub mod tick;
pub mod weighted;

use alloy_primitives::Uint;

/// `10^places`; the type has room for it.
pub(crate) fn power_of_ten<const BITS: usize, const LIMBS: usize>(places: u32) -> Uint<BITS, LIMBS> {
    /// Of 128 bits.
    const PLACES_MAX: u32 = 38;
    let first = Uint::from(10_u128.pow(places % PLACES_MAX));
    (0..places / PLACES_MAX).fold(first, |power, _| power * Uint::from(10_u128.pow(PLACES_MAX)))
}

#[cfg(test)]
mod tests {
    use alloy_primitives::U512;

    use super::*;

    #[test]
    fn powers_of_ten_are_what_repeated_multiplication_gives() {
        let mut expected = U512::ONE;
        for places in 0..=154 {
            assert_eq!(power_of_ten::<512, 8>(places), expected, "10^{places}");
            expected = expected.saturating_mul(U512::from(10));
        }
    }
}
