//! Amounts as the API sends them: decimal strings of a token's smallest unit, of any length.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A count of a token's smallest units. Kept as its digits, so that nothing is lost whatever the reader's numbers hold:
/// [`Units::parse`] gives it as any number type that reads decimal digits, `u128` or a `U256`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Units(String);

/// A text that is no count of units.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no count of units: those are decimal digits without a sign, a point or leading zeros")]
pub struct NotUnits(String);

impl Units {
    /// Its decimal digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The count as a number.
    ///
    /// # Errors
    /// The number type's own, when the count is larger than it holds: for `u128` from about 3.4e38 on.
    pub fn parse<T: FromStr>(&self) -> Result<T, T::Err> {
        self.0.parse()
    }
}

impl TryFrom<String> for Units {
    type Error = NotUnits;

    fn try_from(text: String) -> Result<Self, NotUnits> {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if digits && (text == "0" || !text.starts_with('0')) {
            return Ok(Self(text));
        }
        Err(NotUnits(text.chars().take(80).collect()))
    }
}

impl From<Units> for String {
    fn from(units: Units) -> Self {
        units.0
    }
}

impl fmt::Display for Units {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_and_nothing_else() {
        for good in ["0", "7", "340282366920938463463374607431768211456"] {
            let units: Units = serde_json::from_str(&format!("{good:?}")).unwrap();
            assert_eq!((units.as_str(), units.to_string().as_str()), (good, good));
            assert_eq!(serde_json::to_string(&units).unwrap(), format!("{good:?}"));
        }
        for bad in
            ["\"\"", "\"01\"", "\"-1\"", "\"+1\"", "\"1.0\"", "\"1e3\"", "\"0x1\"", "\" 1\"", "1", "null"]
        {
            assert!(serde_json::from_str::<Units>(bad).is_err(), "{bad}");
        }
        let large = Units::try_from(u128::MAX.to_string()).unwrap();
        assert_eq!(large.parse::<u128>(), Ok(u128::MAX));
        assert!(large.parse::<u64>().is_err(), "what does not fit is an error, never a smaller number");
    }
}
