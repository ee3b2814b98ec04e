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
    pub(crate) retention: Retention,
    #[serde(default)]
    pub(crate) keys: Keys,
    #[serde(default)]
    pub(crate) sign_in: SignIn,
    #[serde(default)]
    pub(crate) plans: Vec<Plan>,
    #[serde(default)]
    pub(crate) billing: Billing,
    #[serde(default)]
    pub(crate) marketplace: Marketplace,
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
    pub(crate) announcement: Option<Announcement>,
    #[serde(default)]
    pub(crate) webhooks: Webhooks,
    #[serde(default)]
    pub(crate) mcp: Mcp,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Database {
    pub(crate) url: String,
    pub(crate) read_url: Option<String>,
    pub(crate) read_lag_seconds_max: u32,
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
    #[serde(default = "verify")]
    pub(crate) verify: String,
    #[serde(default = "behind_blocks_max")]
    pub(crate) behind_blocks_max: u32,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Server {
    pub(crate) listen: String,
    pub(crate) notice: Option<String>,
    pub(crate) stale_after_seconds: u32,
    pub(crate) trusted_proxies: Vec<String>,
    pub(crate) connections_max: u32,
    pub(crate) streams_per_client_max: u32,
    pub(crate) streams_max: u32,
    pub(crate) security_contact: Option<String>,
    pub(crate) security_expires_at: Option<Instant>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Index {
    pub(crate) ranges_in_flight_max: u8,
    pub(crate) commit_events_max: u32,
    pub(crate) snapshot_events: u32,
    pub(crate) verify_every_blocks: u32,
    pub(crate) lease_seconds: u32,
}

/// 0 keeps all.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Retention {
    pub(crate) account_hours_days: u32,
    pub(crate) pool_hours_days: u32,
    pub(crate) usage_hours_days: u32,
    pub(crate) snapshots_per_pool: u32,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Keys {
    pub(crate) pepper_file: Option<std::path::PathBuf>,
    pub(crate) env: String,
    pub(crate) accepted_max: u8,
    pub(crate) propagation_seconds_max: u32,
    pub(crate) when_unconfirmed: String,
    pub(crate) age_days_max: Option<u32>,
    pub(crate) rotate: Vec<RotateRule>,
    pub(crate) audit_heads_file: Option<std::path::PathBuf>,
}

/// One client's keys, exchanged without anybody's hands.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RotateRule {
    pub(crate) client: String,
    pub(crate) every_days: u32,
    pub(crate) deliver: String,
    pub(crate) overlap_seconds: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct SignIn {
    pub(crate) enabled: bool,
    pub(crate) domain: Option<String>,
    pub(crate) chain_ids: Option<Vec<u64>>,
}

/// What one plan offers while the row is good.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Plan {
    pub(crate) name: String,
    pub(crate) valid_from: Option<Instant>,
    pub(crate) valid_until: Option<Instant>,
    pub(crate) calls_per_month: u64,
    pub(crate) calls_per_minute: u32,
    pub(crate) history: String,
    pub(crate) overage_microusd: Option<u64>,
    #[serde(default)]
    pub(crate) spend_cap_microusd: u64,
    pub(crate) marketplace_name: Option<String>,
    pub(crate) features: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Billing {
    pub(crate) tmai_percent: u32,
    pub(crate) stake_tiers: std::collections::BTreeMap<String, u32>,
    pub(crate) rebate_percent_max: u32,
    pub(crate) discount_percent_max: u32,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Marketplace {
    pub(crate) proxy_secrets_file: Option<std::path::PathBuf>,
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
    pub(crate) announced: Option<Announced>,
}

/// What was announced of a campaign; each figure as far as there is one.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Announced {
    pub(crate) budget_units: Option<String>,
    pub(crate) budget_usd: Option<String>,
    pub(crate) apr_percent: Option<String>,
    pub(crate) tvl_usd: Option<String>,
    pub(crate) price_usd: Option<String>,
    pub(crate) source: Option<String>,
}

/// What was announced of several campaigns together.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Announcement {
    pub(crate) reward_token: String,
    pub(crate) total_units: Option<String>,
    #[serde(default)]
    pub(crate) fee_of_deposit_ppm: u32,
    pub(crate) source: Option<String>,
    #[serde(default)]
    pub(crate) others: Vec<Other>,
}

/// A campaign that was announced and cannot be followed.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Other {
    pub(crate) name: String,
    pub(crate) starts_at: Instant,
    pub(crate) ends_at: Instant,
    pub(crate) announced: Announced,
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

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Merkl {
    pub(crate) distribution_creator: Option<String>,
    pub(crate) url: Option<String>,
    pub(crate) every_seconds: u32,
    pub(crate) tolerance_ppm: u32,
    pub(crate) run_seconds: u32,
    pub(crate) dust_ppb: u32,
    pub(crate) requests_per_second: u32,
    pub(crate) keep_answers_days: u32,
    pub(crate) users_max: u16,
    pub(crate) distributor: Option<String>,
    pub(crate) distributor_from_block: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Webhooks {
    pub(crate) allow_private: OneOrMany,
    pub(crate) apr_moved_percent: u32,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Mcp {
    pub(crate) hosts: OneOrMany,
    pub(crate) origins: OneOrMany,
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
        Self { url: "sqlite://accrual.db".to_owned(), read_url: None, read_lag_seconds_max: 5 }
    }
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8080".to_owned(),
            notice: None,
            stale_after_seconds: 60,
            trusted_proxies: Vec::new(),
            connections_max: 6_000,
            streams_per_client_max: 20,
            streams_max: 5_000,
            security_contact: None,
            security_expires_at: None,
        }
    }
}

impl Default for Keys {
    fn default() -> Self {
        Self {
            pepper_file: None,
            env: "any".to_owned(),
            accepted_max: 2,
            propagation_seconds_max: 5,
            when_unconfirmed: "refuse_ending".to_owned(),
            age_days_max: None,
            rotate: Vec::new(),
            audit_heads_file: None,
        }
    }
}

impl Default for Merkl {
    fn default() -> Self {
        Self {
            distribution_creator: None,
            url: None,
            every_seconds: 7_200,
            tolerance_ppm: 1_000,
            run_seconds: 7_200,
            dust_ppb: 100,
            requests_per_second: 10,
            keep_answers_days: 90,
            users_max: 10,
            distributor: None,
            distributor_from_block: None,
        }
    }
}

impl Default for Webhooks {
    fn default() -> Self {
        let apr_moved_percent = accrual_api::webhooks::APR_MOVED_PERCENT;
        Self { allow_private: OneOrMany::default(), apr_moved_percent }
    }
}

impl Default for Billing {
    fn default() -> Self {
        let stake_tiers = std::collections::BTreeMap::new();
        Self { tmai_percent: 10, stake_tiers, rebate_percent_max: 25, discount_percent_max: 35 }
    }
}

impl Default for Index {
    fn default() -> Self {
        Self {
            ranges_in_flight_max: 4,
            commit_events_max: 15_000,
            snapshot_events: 50_000,
            verify_every_blocks: 0,
            lease_seconds: 5,
        }
    }
}

fn log_range_blocks_max() -> u32 {
    10_000
}

fn verify() -> String {
    "bloom".to_owned()
}

fn behind_blocks_max() -> u32 {
    10
}

fn poll_interval_ms() -> u32 {
    1_000
}

fn scoring() -> String {
    "per_block".to_owned()
}
