//! What the API sends. Amounts are [`Units`], dollars and percents decimal strings, unknown figures `None`; `more` holds
//! each field that this release has no name for.

mod overview;

use std::fmt;

use jiff::Timestamp;
use secrecy::SecretString;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use crate::amount::Units;
pub use overview::{Apr, CampaignOverview, Component, Overview, Status};

/// The block at which an answer is true.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct AsOf {
    /// The chain.
    pub chain_id: u64,
    /// The block.
    pub block_number: u64,
    /// Its hash; none for a block between two stored ones.
    pub block_hash: Option<String>,
    /// Its time.
    pub at: Timestamp,
}

/// What goes with every answer.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct Meta {
    /// The block at which the answer is true.
    pub as_of: Option<AsOf>,
    /// `latest`, `safe` or `finalized`.
    pub finality: Option<String>,
    /// Seconds between that block's time and the answer.
    pub age_seconds: Option<u64>,
    /// Whether the service's newest block is older than promised.
    pub stale: bool,
    /// Where the next page begins; none on the last.
    pub next_cursor: Option<String>,
    /// What the operator wants every reader to know.
    pub notice: Option<String>,
    /// Everything else.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// A list, or one page of it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct List<T> {
    /// The rows.
    pub data: Vec<T>,
    /// What goes with them.
    #[serde(default)]
    pub meta: Meta,
}

/// A token.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Token {
    /// The chain that it is on.
    pub chain_id: u64,
    /// Its contract, as EIP-55 writes it.
    pub address: String,
    /// What it calls itself: chosen by strangers, to be shown with care.
    pub symbol: Option<String>,
    /// How many digits of its units are shown behind the point.
    pub decimals: Option<u8>,
}

/// A campaign with its sums: `earned + undistributed == emitted`, to the unit.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Campaign {
    /// Its id.
    pub id: String,
    /// The pool that it pays for.
    pub pool: String,
    /// What it pays in.
    pub reward_token: Token,
    /// When it begins.
    pub starts_at: Timestamp,
    /// When it is over.
    pub ends_at: Timestamp,
    /// `scheduled`, `running` or `ended`.
    pub status: String,
    /// How it splits what it pays.
    pub scoring: String,
    /// All that it pays.
    pub budget_units: Units,
    /// What time has set free; none before the pool's first block, as the two below.
    pub emitted_units: Option<Units>,
    /// What accounts earned of it.
    pub earned_units: Option<Units>,
    /// What nobody earned.
    pub undistributed_units: Option<Units>,
    /// What the eligible positions hold.
    pub tvl_usd: Option<String>,
    /// Everything else: weights, lists, prices, the rate with its parts.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// What one account earned in a campaign.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Accrual {
    /// The account behind all wrappers.
    pub account: String,
    /// What it earned.
    pub earned_units: Units,
    /// Its part of all that was earned, in millionths.
    pub share_ppm: u32,
    /// Position by position.
    #[serde(default)]
    pub positions: Vec<PositionEarned>,
    /// Everything else.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// What one position earned for an account.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct PositionEarned {
    /// The position's key.
    pub position: String,
    /// What it earned.
    pub earned_units: Units,
    /// The wrappers between the position and the account.
    #[serde(default)]
    pub via: Vec<String>,
}

/// What an account earned in one campaign.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Reward {
    /// The campaign.
    pub campaign: String,
    /// Its pool.
    pub pool: String,
    /// What it pays in.
    pub token: Token,
    /// What the account earned.
    pub earned_units: Units,
    /// Its part of all that was earned, in millionths.
    pub share_ppm: u32,
    /// Everything else.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// A pool as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Pool {
    /// Its id.
    pub id: String,
    /// The kind of its contract.
    pub venue: String,
    /// Its contract, as EIP-55 writes it.
    pub address: String,
    /// What positions hold.
    #[serde(default)]
    pub tvl_usd: Option<String>,
    /// Everything else: price, tick, tokens, the rate with its parts.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// A row of a chart: the state at `at`, and what flowed in the interval that ends there.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Point {
    /// The end of the interval.
    pub at: Timestamp,
    /// Its figures.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// A position that an account has.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Position {
    /// Its key.
    pub position: String,
    /// The pool that it is in.
    pub pool: String,
    /// Its liquidity, as the pool counts it.
    pub liquidity: String,
    /// Whether the price is in its range.
    pub in_range: bool,
    /// What it is worth.
    #[serde(default)]
    pub value_usd: Option<String>,
    /// Everything else: ticks, amounts, wrappers, how it stands in each campaign.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// What a new position would earn of one campaign.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Simulation {
    /// The campaign.
    pub campaign: String,
    /// Its pool.
    pub pool: String,
    /// What it would be paid in.
    pub reward_token: Token,
    /// What it would be paid a day, at the campaign's own pace; `None` where it cannot be known.
    pub reward_units_per_day: Option<Units>,
    /// The same as a yearly rate.
    pub reward_percent: Option<String>,
    /// Everything else: what would be put in, what trades would pay, how it is diluted.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// A key, without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Key {
    /// Its public name.
    pub id: String,
    /// `active`, `ending`, `ended`, `paused`, `revoked` or `expired`.
    pub state: String,
    /// What it may do.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends by itself, if ever.
    #[serde(default)]
    pub expires_at: Option<Timestamp>,
    /// When it stops being accepted beside its successor.
    #[serde(default)]
    pub overlap_ends_at: Option<Timestamp>,
    /// The key that succeeds it.
    #[serde(default)]
    pub replaced_by: Option<String>,
    /// Everything else.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// An exchange of an old key for a new one.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Rotation {
    /// Its id.
    pub id: String,
    /// `staged`, `overlap`, `drained`, `done` or `rolled_back`.
    pub state: String,
    /// The id of the key that goes.
    #[serde(deserialize_with = "id")]
    pub old_key: String,
    /// The id of the key that comes.
    #[serde(deserialize_with = "id")]
    pub new_key: String,
    /// Until when the old one is accepted.
    #[serde(default)]
    pub overlap_ends_at: Option<Timestamp>,
    /// Whether nobody has used the old one for so long that it can end.
    #[serde(default)]
    pub safe_to_finish: bool,
    /// Everything else.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// The id of a key that is told by its id, or with its whole record.
fn id<'de, D: Deserializer<'de>>(input: D) -> Result<String, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Told {
        Id(String),
        Record { id: String },
    }
    Told::deserialize(input).map(|told| match told {
        Told::Id(id) | Told::Record { id } => id,
    })
}

/// A rotation that was started, with the new key.
pub struct Rotated {
    /// The exchange.
    pub rotation: Rotation,
    /// The new key; none when the same rotation was asked for before: it is shown once.
    pub key: Option<SecretString>,
}

impl fmt::Debug for Rotated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rotated").field("rotation", &self.rotation).finish_non_exhaustive()
    }
}
