//! Our own figures beside Merkl's, and the forms in which numbers and texts go out.

use accrual_rewards::campaign::Campaign;
use accrual_rewards::unit::{Amount, UnixSeconds};
use accrual_store::moment::Moment;
use alloy_primitives::B256;
use rust_decimal::Decimal;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::app::Api;
use crate::book::{PoolState, State};
use crate::error::ApiError;

/// A JSON number with every digit of the decimal: nothing passes through a float on the way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Number(pub(super) Decimal);

/// Seconds since 1970 as text, where theirs has 64 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SecondsText(pub(super) UnixSeconds);

/// The block at which our figure is true. As all times here in seconds: their client makes dates of RFC 3339.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = MerklAsOf)]
pub(super) struct AsOf {
    /// The chain's number.
    chain_id: u64,
    /// The block's height.
    block_number: u64,
    /// Its hash; null where it was not stored.
    block_hash: Option<B256>,
    /// Its time, in seconds since 1970.
    #[schema(example = 1_749_178_800)]
    timestamp: UnixSeconds,
}

/// What an account earned by our own count, where theirs stand beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = MerklAccrual)]
pub(super) struct Accrual {
    /// The campaign's name here; absent where it is a sum over several.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(super) campaign: Option<String>,
    /// Earned so far; null when it cannot be known.
    pub(super) earned_units: Option<Amount>,
    /// Why it is null; absent where it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "fees_unknown")]
    pub(super) reason: Option<&'static str>,
    /// Why Merkl's own figures beside it are null; absent where they are not.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "merkl_not_stored")]
    pub(super) merkl_reason: Option<&'static str>,
    /// Where it is true; of a sum the lowest block.
    pub(super) as_of: Option<AsOf>,
}

/// A campaign's own sums: `earned + undistributed == emitted`, to the unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = MerklSums)]
pub(super) struct Sums {
    /// The campaign's name here.
    campaign: String,
    /// How an interval's emission is split.
    scoring: &'static str,
    /// What time has set free so far.
    emitted_units: Option<Amount>,
    /// What accounts earned of it.
    earned_units: Option<Amount>,
    /// What nobody earned.
    undistributed_units: Option<Amount>,
    /// Accounts that earned.
    accounts_count: Option<usize>,
    /// Why they are null; absent where they are not.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "fees_unknown")]
    reason: Option<&'static str>,
    /// Where they are true; null before the pool's first block.
    as_of: Option<AsOf>,
}

impl Sums {
    pub(super) fn of(api: &Api, state: &State, campaign: &Campaign) -> Result<Self, ApiError> {
        let pool = state.pool(&campaign.pool).map(AsRef::as_ref);
        let known = match pool {
            Some(pool) => pool.known(&campaign.id)?.map_err(|unknown| unknown.as_str()),
            None => Err("not_indexed"),
        };
        let figures = known.map(|report| &report.figures);
        Ok(Self {
            campaign: campaign.id.to_string(),
            scoring: campaign.scoring.as_str(),
            emitted_units: figures.map(|figures| figures.emitted).ok(),
            earned_units: figures.map(|figures| figures.earned).ok(),
            undistributed_units: figures.map(|figures| figures.undistributed.total).ok(),
            accounts_count: known.map(|report| report.accounts_count()).ok(),
            reason: known.err(),
            as_of: pool.map(|pool| AsOf::of(api, pool)),
        })
    }
}

impl AsOf {
    pub(super) fn of(api: &Api, pool: &PoolState) -> Self {
        let Moment { number, hash, at } = pool.moment;
        let chain_id = api.settings().chain_id;
        Self { chain_id, block_number: number.0, block_hash: hash, timestamp: at }
    }

    /// The earlier of two.
    pub(super) fn lower(self, other: Self) -> Self {
        if other.block_number < self.block_number { other } else { self }
    }
}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // A decimal's text is a JSON number: digits, at most one point, no exponent.
        let raw = RawValue::from_string(self.0.normalize().to_string());
        raw.map_err(serde::ser::Error::custom)?.serialize(serializer)
    }
}

impl Serialize for SecondsText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// A stranger's text. Their client makes a `Date` of any string that looks like one: such a one gets a `~` before it, with
/// which it is none.
pub(super) fn undated(text: &str) -> String {
    let parts: Vec<&str> = text.trim_matches('"').split(['-', '/', ' ', 'T']).collect();
    let digits = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let is_dated = parts.windows(3).any(|three| three.iter().all(digits));
    if is_dated { format!("~{text}") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_their_digits() {
        let cases = [
            ("0", "0"),
            ("0.00", "0"),
            ("1500", "1500"),
            ("-2.50", "-2.5"),
            ("0.000660", "0.00066"),
            ("79228162514264337593543950335", "79228162514264337593543950335"),
            ("0.0000000000000000000000000001", "0.0000000000000000000000000001"),
        ];
        for (text, expected) in cases {
            assert_eq!(serde_json::to_string(&Number(text.parse().unwrap())).unwrap(), expected);
        }
    }

    #[test]
    fn no_text_looks_like_a_date() {
        let cases = [
            ("TMAI", "TMAI"),
            ("usdc-tmai-2025-06", "usdc-tmai-2025-06"),
            ("2025-06-05", "~2025-06-05"),
            ("05/06/2025", "~05/06/2025"),
            ("5 6 2025", "~5 6 2025"),
            ("2025-06-05T17:00Z", "~2025-06-05T17:00Z"),
            ("\"2025-06-05\"", "~\"2025-06-05\""),
            ("1-2", "1-2"),
            ("", ""),
        ];
        for (text, expected) in cases {
            assert_eq!(undated(text), expected);
        }
    }
}
