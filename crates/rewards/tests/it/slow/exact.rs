//! Fractions without end.

use alloy_primitives::{U256, U512};
use num_bigint::{BigInt, Sign};
use num_integer::Integer;
use num_rational::BigRational;
use num_traits::Zero;

pub(crate) fn whole(number: impl Into<BigInt>) -> BigRational {
    BigRational::from(number.into())
}

pub(crate) fn big(number: U256) -> BigInt {
    BigInt::from_bytes_le(Sign::Plus, &number.to_le_bytes::<32>())
}

pub(crate) fn big_512(number: U512) -> BigInt {
    BigInt::from_bytes_le(Sign::Plus, &number.to_le_bytes::<64>())
}

pub(crate) fn floor(fraction: &BigRational) -> BigInt {
    fraction.numer().div_floor(fraction.denom())
}

/// A fraction that is not reduced: a plain sum would spend its time on common divisors.
pub(crate) fn raw(numerator: BigInt, denominator: BigInt) -> BigRational {
    BigRational::new_raw(numerator, denominator)
}

/// Halves first, and without reducing.
pub(crate) fn sum(terms: &[BigRational]) -> BigRational {
    match terms {
        [] => BigRational::zero(),
        [one] => one.clone(),
        many => {
            let (left, right) = many.split_at(many.len() / 2);
            let (left, right) = (sum(left), sum(right));
            if left.denom() == right.denom() {
                return raw(left.numer() + right.numer(), left.denom().clone());
            }
            let numerator = left.numer() * right.denom() + right.numer() * left.denom();
            raw(numerator, left.denom() * right.denom())
        }
    }
}
