//! Large integers in binary forms: their bytes without leading zeros, since amounts and prices fill few of their 32.
//!
//! Forms that people read keep the type's own.

use alloy_primitives::{I256, Uint};
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The longest is a growth.
const BYTES_MAX: usize = 128;

/// Writes `number` most significant byte first; nothing for zero.
pub(crate) fn serialize<S: Serializer, const BITS: usize, const LIMBS: usize>(
    number: &Uint<BITS, LIMBS>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    if serializer.is_human_readable() {
        return number.serialize(serializer);
    }
    // Of no number that is kept there are more; a list would be made and dropped for each.
    let mut bytes = [0; BYTES_MAX];
    let bytes = &mut bytes[..8 * LIMBS];
    for (place, limb) in bytes.chunks_exact_mut(8).zip(number.as_limbs().iter().rev()) {
        place.copy_from_slice(&limb.to_be_bytes());
    }
    serializer.serialize_bytes(&bytes[8 * LIMBS - number.byte_len()..])
}

/// Reads what [`serialize`] wrote.
pub(crate) fn deserialize<'de, D: Deserializer<'de>, const BITS: usize, const LIMBS: usize>(
    deserializer: D,
) -> Result<Uint<BITS, LIMBS>, D::Error> {
    if deserializer.is_human_readable() {
        return Uint::deserialize(deserializer);
    }
    deserializer.deserialize_bytes(Bytes)
}

/// As [`mod@self`], of numbers below zero too: twice the number, or one less than twice its opposite.
pub(crate) mod signed {
    use super::*;

    /// Writes `number`.
    pub(crate) fn serialize<S: Serializer>(number: &I256, serializer: S) -> Result<S::Ok, S::Error> {
        wrapping::serialize(&number.into_raw(), serializer)
    }

    /// Reads what [`serialize`] wrote.
    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<I256, D::Error> {
        wrapping::deserialize(deserializer).map(I256::from_raw)
    }
}

/// As [`signed`], of numbers that wrap: the upper half of them are those below zero.
pub(crate) mod wrapping {
    use super::*;

    /// Writes `number`.
    pub(crate) fn serialize<S: Serializer, const BITS: usize, const LIMBS: usize>(
        number: &Uint<BITS, LIMBS>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let twice: Uint<BITS, LIMBS> = *number << 1_usize;
        super::serialize(&if number.bit(BITS - 1) { !twice } else { twice }, serializer)
    }

    /// Reads what [`serialize`] wrote.
    pub(crate) fn deserialize<'de, D: Deserializer<'de>, const BITS: usize, const LIMBS: usize>(
        deserializer: D,
    ) -> Result<Uint<BITS, LIMBS>, D::Error> {
        let folded: Uint<BITS, LIMBS> = super::deserialize(deserializer)?;
        let half: Uint<BITS, LIMBS> = folded >> 1_usize;
        Ok(if folded.bit(0) { !half } else { half })
    }
}

struct Bytes<const BITS: usize, const LIMBS: usize>;

impl<const BITS: usize, const LIMBS: usize> Visitor<'_> for Bytes<BITS, LIMBS> {
    type Value = Uint<BITS, LIMBS>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "at most {BITS} bits")
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Self::Value, E> {
        Uint::try_from_be_slice(bytes).ok_or_else(|| E::invalid_length(bytes.len(), &self))
    }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::{I256, U256};

    use crate::unit::{Amount, SignedAmount, SqrtPriceX96};

    #[test]
    fn numbers_come_back_and_take_their_own_length() {
        let cases = [
            (U256::ZERO, 1),
            (U256::from(1), 2),
            (U256::from(255), 2),
            (U256::from(256), 3),
            (U256::from(u128::MAX), 17),
            (U256::MAX >> 1, 33),
            (U256::MAX, 33),
        ];
        for (number, length) in cases {
            for bytes in
                [postcard::to_allocvec(&Amount(number)), postcard::to_allocvec(&SqrtPriceX96(number))]
            {
                let bytes = bytes.unwrap();
                assert_eq!(bytes.len(), length, "{number}");
                assert_eq!(postcard::from_bytes::<Amount>(&bytes), Ok(Amount(number)));
            }
        }
    }

    #[test]
    fn numbers_below_zero_come_back() {
        let whole: [(I256, usize); 8] = [
            (I256::ZERO, 1),
            (I256::ONE, 2),
            (I256::MINUS_ONE, 2),
            (I256::try_from(-128).unwrap(), 2),
            (I256::try_from(128).unwrap(), 3),
            (I256::try_from(-129).unwrap(), 3),
            (I256::MAX, 33),
            (I256::MIN, 33),
        ];
        for (number, length) in whole {
            let bytes = postcard::to_allocvec(&SignedAmount(number)).unwrap();
            assert_eq!(bytes.len(), length, "{number}");
            assert_eq!(postcard::from_bytes::<SignedAmount>(&bytes), Ok(SignedAmount(number)));
        }
    }

    #[test]
    fn more_than_32_bytes_are_refused() {
        let mut bytes = vec![33];
        bytes.extend([0; 33]);
        assert!(postcard::from_bytes::<Amount>(&bytes).is_err());
    }
}
