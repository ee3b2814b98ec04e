//! One over a price.

use alloy_primitives::{U256, U512};

/// `1 / x` times 2^512, as `floor((2^512 - 1) / x)`: low by one at most. `None` of zero, which is no price.
pub fn inverse_x512(x: U256) -> Option<U512> {
    (!x.is_zero()).then(|| U512::MAX / U512::from(x))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_inverse_is_low_by_one_at_most() {
        assert_eq!(inverse_x512(U256::ZERO), None);
        let numbers = [1_u128, 2, 3, 1 << 96, (1 << 96) + 1, u128::MAX].map(U256::from);
        for x in numbers.into_iter().chain([U256::MAX, U256::MAX >> 95]) {
            let inverse = inverse_x512(x).unwrap();
            let left = U512::MAX - inverse * U512::from(x);
            assert!(left < U512::from(x), "1 / {x}");
        }
    }
}
