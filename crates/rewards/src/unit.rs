//! The numbers of the field, each with a type of its own, so that a block is never added to a tick.

use std::fmt;

use alloy_primitives::{I256, U256, U512};
use serde::{Deserialize, Serialize};

use crate::compact;

/// A count of a token's smallest units, e.g. wei. Never scaled, never fractional.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Amount(pub U256);

/// A change of a token balance in smallest units: positive into the pool, negative out of it.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SignedAmount(pub I256);

/// Liquidity as the pool counts it: `sqrt(amount0 * amount1)` of a full-range position, no unit of a token.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Liquidity(pub u128);

/// A price step of one basis point: `price = 1.0001^tick`.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Tick(pub i32);

/// `sqrt(token1 / token0) * 2^96`, in smallest units of both tokens.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SqrtPriceX96(#[serde(with = "crate::compact")] pub U256);

/// A block's height.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BlockNumber(pub u64);

/// Seconds since 1970-01-01T00:00:00Z, as a block's header carries them.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnixSeconds(pub u64);

/// Ticks from `lower`, included, to `upper`, excluded, as the pool itself counts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TickRange {
    /// The first tick inside.
    pub lower: Tick,
    /// The first tick above.
    pub upper: Tick,
}

/// A piece of text that is not the number it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not {expected}")]
pub struct ParseUnitError {
    text: String,
    expected: &'static str,
}

impl ParseUnitError {
    pub(crate) fn new(text: &str, expected: &'static str) -> Self {
        Self { text: text.chars().take(80).collect(), expected }
    }
}

impl Amount {
    /// No units at all.
    pub const ZERO: Self = Self(U256::ZERO);

    /// `self * part / whole`, rounded down; `None` when `whole` is zero or the result does not fit 256 bits.
    pub fn mul_div(self, part: U256, whole: U256) -> Option<Self> {
        if whole.is_zero() {
            return None;
        }
        let product: U512 = self.0.widening_mul(part);
        U256::checked_from_limbs_slice((product / U512::from(whole)).as_limbs()).map(Self)
    }

    /// The sum, or `None` past 256 bits.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// The difference, or `None` below zero.
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }
}

impl SignedAmount {
    /// The absolute value.
    pub fn magnitude(self) -> Amount {
        Amount(self.0.unsigned_abs())
    }
}

impl TickRange {
    /// Whether liquidity in this range is active at `tick`: `lower <= tick < upper`.
    pub fn contains(self, tick: Tick) -> bool {
        self.lower <= tick && tick < self.upper
    }
}

impl BlockNumber {
    /// The block after this one.
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// The block before this one; block 0 has none and answers itself.
    pub fn previous(self) -> Self {
        Self(self.0.saturating_sub(1))
    }
}

impl UnixSeconds {
    /// Seconds from `earlier` to `self`; zero when `earlier` is not earlier.
    pub fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

macro_rules! display_inner {
    ($($name:ident)*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}
display_inner!(Amount SignedAmount Liquidity Tick SqrtPriceX96 BlockNumber UnixSeconds);

impl fmt::Display for TickRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}, {})", self.lower, self.upper)
    }
}

impl std::str::FromStr for Amount {
    type Err = ParseUnitError;

    /// Decimal digits only: no sign, no point, no exponent, no leading or trailing blank.
    fn from_str(text: &str) -> Result<Self, ParseUnitError> {
        let error = || ParseUnitError::new(text, "a whole number of smallest units that fits 256 bits");
        if text.is_empty() || text.len() > 78 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(error());
        }
        U256::from_str_radix(text, 10).map(Self).map_err(|_| error())
    }
}

impl TryFrom<String> for Amount {
    type Error = ParseUnitError;

    fn try_from(text: String) -> Result<Self, ParseUnitError> {
        text.parse()
    }
}

impl std::str::FromStr for SignedAmount {
    type Err = ParseUnitError;

    /// As [`Amount`], with an optional `-` before the digits.
    fn from_str(text: &str) -> Result<Self, ParseUnitError> {
        let error =
            || ParseUnitError::new(text, "a whole number of smallest units that fits 255 bits and a sign");
        let digits: Amount = text.strip_prefix('-').unwrap_or(text).parse().map_err(|_| error())?;
        let magnitude = I256::try_from(digits.0).map_err(|_| error())?;
        Ok(Self(if text.starts_with('-') { -magnitude } else { magnitude }))
    }
}

impl std::str::FromStr for Liquidity {
    type Err = ParseUnitError;

    /// Decimal digits only.
    fn from_str(text: &str) -> Result<Self, ParseUnitError> {
        let error = || ParseUnitError::new(text, "a whole number of liquidity that fits 128 bits");
        if !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(error());
        }
        text.parse().map(Self).map_err(|_| error())
    }
}

/// Amounts cross JSON as decimal strings, and binary formats as integers, in the form given.
macro_rules! serde_decimal {
    ($($name:ident by $form:ident $(:: $more:ident)*),*) => {$(
        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() {
                    serializer.collect_str(self)
                } else {
                    $form $(:: $more)*::serialize(&self.0, serializer)
                }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                if deserializer.is_human_readable() {
                    let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                    text.parse().map_err(serde::de::Error::custom)
                } else {
                    $form $(:: $more)*::deserialize(deserializer).map(Self)
                }
            }
        }
    )*};
}
serde_decimal!(Amount by compact, SignedAmount by compact::signed, Liquidity by u128);
