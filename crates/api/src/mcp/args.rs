//! Arguments that several tools take.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

use super::answer::ROWS_MAX;

/// How long back fees are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub(super) enum Window {
    #[serde(rename = "1h")]
    Hour,
    #[serde(rename = "24h")]
    Day,
    #[serde(rename = "7d")]
    Week,
}

/// Time from row to row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub(super) enum Interval {
    #[serde(rename = "1h")]
    Hour,
    #[serde(rename = "1d")]
    Day,
}

/// Where a campaign stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Status {
    Scheduled,
    Running,
    Ended,
}

/// Rows of a page, 1 to 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "u64")]
pub(super) struct Limit(u64);

impl JsonSchema for Limit {
    fn schema_name() -> Cow<'static, str> {
        Cow::Borrowed("Limit")
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": 1, "maximum": ROWS_MAX })
    }
}

impl TryFrom<u64> for Limit {
    type Error = String;

    fn try_from(rows: u64) -> Result<Self, String> {
        if usize::try_from(rows).is_ok_and(|rows| (1..=ROWS_MAX).contains(&rows)) {
            Ok(Self(rows))
        } else {
            Err(format!("must be between 1 and {ROWS_MAX}"))
        }
    }
}

impl Limit {
    /// The rows that are asked for.
    pub(super) fn or(limit: Option<Self>, default: usize) -> usize {
        limit.and_then(|limit| usize::try_from(limit.0).ok()).unwrap_or(default)
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Hour => "1h",
            Self::Day => "24h",
            Self::Week => "7d",
        })
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Hour => "1h",
            Self::Day => "1d",
        })
    }
}

impl Status {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Running => "running",
            Self::Ended => "ended",
        }
    }
}
