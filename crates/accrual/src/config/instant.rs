//! An instant in the configuration: RFC 3339 in UTC or with an offset, quoted or as TOML's own date.

use accrual_rewards::unit::UnixSeconds;
use serde::{Deserialize, Deserializer};
use toml_edit::Datetime;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Instant(pub(crate) UnixSeconds);

#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Date(Datetime),
    Text(String),
}

impl<'de> Deserialize<'de> for Instant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = match Written::deserialize(deserializer)? {
            Written::Date(date) => date.to_string(),
            Written::Text(text) => text,
        };
        parse(&text).map(Self).map_err(serde::de::Error::custom)
    }
}

/// Whole seconds since 1970.
pub(crate) fn parse(text: &str) -> Result<UnixSeconds, String> {
    let wrong = || format!("{text:?} is no time: write it as 2025-06-05T17:00:00Z");
    let at: jiff::Timestamp = text.parse().map_err(|_| wrong())?;
    u64::try_from(at.as_second()).map(UnixSeconds).map_err(|_| format!("{text:?} lies before 1970"))
}
