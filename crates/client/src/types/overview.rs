//! What a dashboard shows first: campaigns with their largest earners, pools, and how the service is.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Accrual, Campaign, Meta, Pool};

/// All campaigns with their largest earners, and all pools, of one block.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Overview {
    /// In the order of the service's configuration.
    pub campaigns: Vec<CampaignOverview>,
    /// Likewise.
    pub pools: Vec<Pool>,
    /// What goes with them.
    #[serde(default)]
    pub meta: Meta,
}

/// A campaign with its rate and its largest earners.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct CampaignOverview {
    /// The campaign.
    #[serde(flatten)]
    pub campaign: Campaign,
    /// What it pays a year.
    #[serde(default)]
    pub apr: Option<Apr>,
    /// How many accounts have earned; none where the sums are unknown.
    #[serde(default)]
    pub accounts_count: Option<u64>,
    /// Why the sums are unknown.
    #[serde(default)]
    pub sums_reason: Option<String>,
    /// Why there is no TVL.
    #[serde(default)]
    pub tvl_reason: Option<String>,
    /// Largest first.
    #[serde(default)]
    pub top: Vec<Accrual>,
}

/// A campaign's yearly rate.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Apr {
    /// What the campaign pays a year on what eligible positions hold, in percent.
    pub reward_percent: Option<String>,
    /// Whether it is an estimate, as in a campaign's first day.
    #[serde(default)]
    pub estimate: bool,
    /// Why it is unknown.
    #[serde(default)]
    pub reason: Option<String>,
    /// Everything else.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// How the service is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Status {
    /// The worst of all parts: `operational`, `degraded` or `down`.
    pub status: String,
    /// When it was looked at.
    pub at: Timestamp,
    /// Each part once.
    pub components: Vec<Component>,
    /// Everything else: incidents, and what is left of the promise.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// A part of the service.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Component {
    /// Its name, e.g. `source` for the chain's nodes.
    pub component: String,
    /// The same for people.
    pub title: String,
    /// `operational`, `degraded` or `down`.
    pub state: String,
    /// Why it is not operational.
    pub reason: Option<String>,
    /// Blocks behind what it follows; none where that says nothing.
    pub lag_blocks: Option<u64>,
    /// Seconds behind; none where that says nothing.
    pub lag_seconds: Option<u64>,
    /// Everything else: each day of its past.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}
