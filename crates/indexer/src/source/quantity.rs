//! The numbers of a log. alloy's reader goes by an integer of any width, which took a twelfth of the time that a log takes; what is
//! written as nodes write it is read straight, and all else by alloy's.

use alloy::primitives::U64;
use serde::{Deserialize, Deserializer, de};

/// Reads `0x` and hexadecimal digits, or whatever else alloy takes for a number.
pub(super) fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    deserializer.deserialize_any(Reader)
}

/// What `0x` and hexadecimal digits say, and nothing else.
pub(crate) fn plain(text: &[u8]) -> Option<u64> {
    // Of its own the standard library's reader takes a sign, too.
    let digits = text.strip_prefix(b"0x").filter(|digits| !digits.starts_with(b"+"))?;
    u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

/// As [`read`], or `null`.
pub(super) fn read_if_there<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    let number = Option::<Number>::deserialize(deserializer)?;
    Ok(number.map(|Number(number)| number))
}

struct Number(u64);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read(deserializer).map(Self)
    }
}

struct Reader;

impl de::Visitor<'_> for Reader {
    type Value = u64;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a number of 64 bits, as 0x and hexadecimal digits")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<u64, E> {
        match plain(text.as_bytes()) {
            Some(number) => Ok(number),
            None => text.parse::<U64>().map(|number| number.to()).map_err(E::custom),
        }
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<u64, E> {
        Ok(number)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[derive(Debug, PartialEq, Eq, Deserialize)]
    struct Ours {
        #[serde(deserialize_with = "read")]
        number: u64,
        #[serde(default, deserialize_with = "read_if_there")]
        perhaps: Option<u64>,
    }

    #[derive(Debug, PartialEq, Eq, Deserialize)]
    struct Alloys {
        #[serde(with = "alloy::serde::quantity")]
        number: u64,
        #[serde(default, with = "alloy::serde::quantity::opt")]
        perhaps: Option<u64>,
    }

    #[test]
    fn what_alloy_takes_is_taken_and_nothing_else() {
        let numbers = [
            r#""0x0""#,
            r#""0x00ff""#,
            r#""0xDeadBeef""#,
            r#""0xffffffffffffffff""#,
            r#""0x10000000000000000""#,
            r#""0x000000000000000001f""#,
            r#""0x""#,
            r#""""#,
            r#""17""#,
            r#""0b101""#,
            r#""0x+1""#,
            r#""0x-1""#,
            r#""-1""#,
            r#""0x1_000""#,
            r#""0xg""#,
            r#""ff""#,
            r#""0X1f""#,
            "17",
            "18446744073709551615",
            "18446744073709551616",
            "-1",
            "1.5",
            "null",
            "true",
            "[]",
            "{}",
        ];
        for number in numbers {
            for text in
                [format!(r#"{{"number":{number}}}"#), format!(r#"{{"number":"0x1","perhaps":{number}}}"#)]
            {
                let ours: Option<Ours> = serde_json::from_str(&text).ok();
                let alloys: Option<Alloys> = serde_json::from_str(&text).ok();
                let told = |number, perhaps| Ours { number, perhaps };
                assert_eq!(ours, alloys.map(|one| told(one.number, one.perhaps)), "{text}");
                let tree: Option<Value> = serde_json::from_str(&text).ok();
                let by_value = tree.and_then(|value| serde_json::from_value(value).ok());
                assert_eq!(ours, by_value, "{text}");
            }
        }
    }
}
