//! The configuration file as it is written: names, defaults and nothing else. `interface.md` lists the keys.

use serde::Deserialize;

use super::instant::Instant;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    #[serde(default)]
    pub(crate) database: Database,
    pub(crate) chain: Chain,
    #[serde(default)]
    pub(crate) server: Server,
    #[serde(default)]
    pub(crate) index: Index,
    #[serde(default)]
    pub(crate) keys: Keys,
    #[serde(default)]
    pub(crate) tokens: Vec<Token>,
    #[serde(default)]
    pub(crate) pools: Vec<Pool>,
    #[serde(default)]
    pub(crate) campaigns: Vec<Campaign>,
    #[serde(default)]
    pub(crate) prices: Vec<Price>,
    #[serde(default)]
    pub(crate) merkl: Merkl,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Database {
    pub(crate) url: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Chain {
    pub(crate) id: u64,
    #[serde(default)]
    pub(crate) rpc_urls: OneOrMany,
    #[serde(default)]
    pub(crate) finality: Finality,
    #[serde(default = "log_range_blocks_max")]
    pub(crate) log_range_blocks_max: u32,
    #[serde(default = "poll_interval_ms")]
    pub(crate) poll_interval_ms: u32,
    #[serde(default)]
    pub(crate) block_seconds: Option<u32>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Server {
    pub(crate) listen: String,
    pub(crate) notice: Option<String>,
    pub(crate) stale_after_seconds: u32,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Index {
    pub(crate) ranges_in_flight_max: u8,
    pub(crate) commit_events_max: u32,
    pub(crate) snapshot_events: u32,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Keys {
    pub(crate) pepper_file: Option<std::path::PathBuf>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Token {
    pub(crate) address: String,
    pub(crate) symbol: String,
    pub(crate) decimals: u8,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pool {
    pub(crate) id: String,
    pub(crate) venue: String,
    pub(crate) address: String,
    pub(crate) position_manager: Option<String>,
    pub(crate) created_block: u64,
    pub(crate) token0: Option<String>,
    pub(crate) token1: Option<String>,
    pub(crate) vault: Option<String>,
    #[serde(default)]
    pub(crate) wrappers: Vec<Wrapper>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wrapper {
    pub(crate) kind: String,
    pub(crate) address: String,
    pub(crate) holder: Option<String>,
    pub(crate) to: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Campaign {
    pub(crate) id: String,
    pub(crate) pool: String,
    pub(crate) merkl_campaign_id: Option<String>,
    pub(crate) reward_token: String,
    pub(crate) budget_units: String,
    #[serde(default)]
    pub(crate) fee_ppm: u32,
    pub(crate) starts_at: Instant,
    pub(crate) ends_at: Instant,
    #[serde(default = "scoring")]
    pub(crate) scoring: String,
    pub(crate) run_seconds: Option<u32>,
    pub(crate) weights: Option<Weights>,
    #[serde(default)]
    pub(crate) out_of_range: bool,
    #[serde(default)]
    pub(crate) blacklist: Vec<String>,
    #[serde(default)]
    pub(crate) whitelist: Vec<String>,
    pub(crate) value_min_usd: Option<String>,
    #[serde(default)]
    pub(crate) versions: Vec<Version>,
}

/// What an override changed; what is left out stays as it was.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Version {
    pub(crate) since: Instant,
    pub(crate) starts_at: Option<Instant>,
    pub(crate) ends_at: Option<Instant>,
    pub(crate) weights: Option<Weights>,
    pub(crate) out_of_range: Option<bool>,
    pub(crate) blacklist: Option<Vec<String>>,
    pub(crate) whitelist: Option<Vec<String>>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Weights {
    #[serde(default)]
    pub(crate) fees: u32,
    #[serde(default)]
    pub(crate) token0: u32,
    #[serde(default)]
    pub(crate) token1: u32,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Price {
    pub(crate) token: String,
    pub(crate) source: String,
    pub(crate) price_usd: Option<String>,
    pub(crate) feed: Option<String>,
    pub(crate) stale_after_seconds: Option<u64>,
    pub(crate) sequencer_feed: Option<String>,
    pub(crate) sequencer_grace_seconds: Option<u64>,
    pub(crate) pool: Option<String>,
    pub(crate) window_seconds: Option<u32>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Merkl {
    pub(crate) distribution_creator: Option<String>,
}

/// `"finalized"`, `"safe"` or a number of confirmations.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Finality {
    Confirmations(u64),
    Tag(String),
}

/// A list, or one text with commas: so that an environment variable can hold it.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum OneOrMany {
    Many(Vec<String>),
    One(String),
}

impl OneOrMany {
    pub(crate) fn list(&self) -> Vec<String> {
        match self {
            Self::Many(list) => list.clone(),
            Self::One(text) => text.split(',').map(|part| part.trim().to_owned()).collect(),
        }
    }
}

impl Default for OneOrMany {
    fn default() -> Self {
        Self::Many(Vec::new())
    }
}

impl Default for Finality {
    fn default() -> Self {
        Self::Tag("finalized".to_owned())
    }
}

impl Default for Database {
    fn default() -> Self {
        Self { url: "sqlite://accrual.db".to_owned() }
    }
}

impl Default for Server {
    fn default() -> Self {
        Self { listen: "127.0.0.1:8080".to_owned(), notice: None, stale_after_seconds: 60 }
    }
}

impl Default for Index {
    fn default() -> Self {
        Self { ranges_in_flight_max: 4, commit_events_max: 20_000, snapshot_events: 50_000 }
    }
}

fn log_range_blocks_max() -> u32 {
    10_000
}

fn poll_interval_ms() -> u32 {
    1_000
}

fn scoring() -> String {
    "per_block".to_owned()
}
