//! The published shapes (`facts/merkl.md` 4.3), as far as they are used; what else is in them is passed over.

use accrual_rewards::unit::Amount;
use alloy_primitives::{Address, B256};
use serde::{Deserialize, Deserializer};

/// A campaign.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Campaign {
    /// Their own number for it.
    #[serde(deserialize_with = "text")]
    pub id: String,
    /// The chain's id for it.
    pub campaign_id: B256,
    /// Its kind by name, e.g. `CLAMM`.
    #[serde(rename = "type", default, deserialize_with = "maybe_text")]
    pub kind: Option<String>,
    /// Net of their fee.
    pub amount: Amount,
    /// Unix seconds.
    #[serde(deserialize_with = "seconds")]
    pub start_timestamp: u64,
    /// Unix seconds.
    #[serde(deserialize_with = "seconds")]
    pub end_timestamp: u64,
    /// What it pays.
    pub reward_token: Token,
    /// Its terms.
    #[serde(default)]
    pub params: Params,
    /// How far it is computed.
    #[serde(default)]
    pub campaign_status: Option<Status>,
    /// Another accrual's own sums.
    #[serde(default)]
    pub accrual: Option<AccrualCampaign>,
}

/// What another accrual adds to a campaign.
#[derive(Debug, Clone, Deserialize)]
pub struct AccrualCampaign {
    /// Where its figures are true; null before it has read a block.
    pub as_of: Option<AccrualAsOf>,
}

/// A block of another accrual's.
#[derive(Debug, Clone, Deserialize)]
pub struct AccrualAsOf {
    /// Its time, Unix seconds.
    pub timestamp: u64,
}

impl Campaign {
    /// Up to when it is computed: as they say; of another accrual, where its own figures are true, since what it says of
    /// Merkl's engine beside them is Merkl's.
    pub fn computed_until(&self) -> Option<u64> {
        let until = match &self.accrual {
            Some(own) => own.as_of.as_ref().map(|as_of| as_of.timestamp),
            None => self.campaign_status.as_ref().and_then(|status| status.computed_until),
        };
        until.filter(|until| *until > 0)
    }
}

/// A token.
#[derive(Debug, Clone, Deserialize)]
pub struct Token {
    /// Its contract.
    pub address: Address,
    /// Its symbol.
    #[serde(default)]
    pub symbol: Option<String>,
    /// Its decimals.
    #[serde(default)]
    pub decimals: Option<u8>,
}

/// A campaign's terms.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Params {
    /// The pool, of a campaign on concentrated liquidity.
    #[serde(deserialize_with = "maybe_address")]
    pub pool_address: Option<Address>,
    /// The token, of a campaign by balance.
    #[serde(deserialize_with = "maybe_address")]
    pub target_token: Option<Address>,
    /// Its parts, of 10,000.
    pub weight_fees: Option<u32>,
    /// Its parts, of 10,000.
    pub weight_token0: Option<u32>,
    /// Its parts, of 10,000.
    pub weight_token1: Option<u32>,
    /// Whether liquidity out of range counts.
    pub is_out_of_range_incentivized: Option<bool>,
    /// Whom it leaves out.
    #[serde(deserialize_with = "addresses")]
    pub blacklist: Vec<Address>,
    /// When not empty, whom alone it pays.
    #[serde(deserialize_with = "addresses")]
    pub whitelist: Vec<Address>,
}

/// How far a campaign is computed.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// Unix seconds.
    #[serde(default, deserialize_with = "maybe_seconds")]
    pub computed_until: Option<u64>,
    /// `PROCESSING`, `SUCCESS`, `FAILED` or `SKIPPED`.
    #[serde(default)]
    pub status: Option<String>,
}

/// A line of a campaign's leaderboard.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reward {
    /// Who is credited.
    pub recipient: Address,
    /// For what.
    #[serde(default)]
    pub reason: String,
    /// In the newest root; another accrual may not know it.
    #[serde(default)]
    pub amount: Option<Amount>,
    /// Drawn already.
    #[serde(default)]
    pub claimed: Option<Amount>,
    /// Computed since.
    #[serde(default)]
    pub pending: Option<Amount>,
    /// Another accrual's own figure: all that was earned, root or not.
    #[serde(default)]
    pub accrual: Option<AccrualReward>,
}

/// What another accrual adds to a line.
#[derive(Debug, Clone, Deserialize)]
pub struct AccrualReward {
    /// All that the account earned by it; null when it cannot know.
    pub earned_units: Option<Amount>,
    /// Where that is true; null before it has read a block.
    #[serde(default)]
    pub as_of: Option<AccrualAsOf>,
}

/// A root.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Root {
    /// It.
    pub root: B256,
    /// The hour's number.
    #[serde(deserialize_with = "seconds")]
    pub epoch: u64,
    /// Unix seconds.
    #[serde(deserialize_with = "seconds")]
    pub timestamp: u64,
}

/// The roots of one chain, as `/v4/roots/live` tells them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LiveRoots {
    /// What claims are proved against.
    pub live: B256,
    /// The newest.
    pub tree: B256,
    /// The one before.
    pub last_tree: B256,
    /// Unix seconds.
    #[serde(deserialize_with = "seconds")]
    pub end_of_dispute_period: u64,
}

/// What one user has on a chain.
#[derive(Debug, Clone, Deserialize)]
pub struct UserChain {
    /// By token and root.
    pub rewards: Vec<UserReward>,
}

/// What one user has of one token.
#[derive(Debug, Clone, Deserialize)]
pub struct UserReward {
    /// Of which token.
    #[serde(default)]
    pub token: UserToken,
    /// In which root; one token may be in several.
    #[serde(default)]
    pub root: Option<String>,
    /// In the newest root, over all campaigns; another accrual may not know it.
    #[serde(default)]
    pub amount: Option<Amount>,
    /// Computed since.
    #[serde(default)]
    pub pending: Option<Amount>,
    /// Another accrual's own figure.
    #[serde(default)]
    pub accrual: Option<AccrualReward>,
    /// Campaign by campaign, a page of them.
    #[serde(default)]
    pub breakdowns: Vec<Breakdown>,
}

/// A token as a user's page names it.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct UserToken {
    /// Its contract.
    #[serde(default)]
    pub address: Option<Address>,
}

/// What one user has of one campaign.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Breakdown {
    /// For what.
    #[serde(default)]
    pub reason: String,
    /// In the newest root; another accrual may not know it.
    #[serde(default)]
    pub amount: Option<Amount>,
    /// Drawn already.
    #[serde(default)]
    pub claimed: Option<Amount>,
    /// Computed since.
    #[serde(default)]
    pub pending: Option<Amount>,
    /// Of which campaign.
    pub campaign_id: B256,
    /// Another accrual's own figure.
    #[serde(default)]
    pub accrual: Option<AccrualReward>,
}

/// Their numbers of 64 bits come as text, smaller ones as numbers.
#[derive(Deserialize)]
#[serde(untagged)]
enum NumberOrText {
    Number(u64),
    Text(String),
}

fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    number(NumberOrText::deserialize(deserializer)?)
}

fn maybe_seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    Option::<NumberOrText>::deserialize(deserializer)?.map(number).transpose()
}

fn number<E: serde::de::Error>(value: NumberOrText) -> Result<u64, E> {
    match value {
        NumberOrText::Number(number) => Ok(number),
        NumberOrText::Text(text) => {
            text.parse().map_err(|_| E::custom(format!("{text:?} is no whole number of seconds")))
        }
    }
}

fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(match NumberOrText::deserialize(deserializer)? {
        NumberOrText::Number(number) => number.to_string(),
        NumberOrText::Text(text) => text,
    })
}

fn maybe_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(Option::<NumberOrText>::deserialize(deserializer)?.map(|value| match value {
        NumberOrText::Number(number) => number.to_string(),
        NumberOrText::Text(text) => text,
    }))
}

/// Empty texts stand for none.
fn maybe_address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Address>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?.filter(|text| !text.is_empty());
    text.map(|text| text.parse().map_err(serde::de::Error::custom)).transpose()
}

/// A list, or null for none.
fn addresses<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Address>, D::Error> {
    Ok(Option::<Vec<Address>>::deserialize(deserializer)?.unwrap_or_default())
}
