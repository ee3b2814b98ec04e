//! The configuration: read, checked against itself, and turned into the types that everything else trusts.
//!
//! Nothing here asks a node or a database, so `accrual check config` needs neither.

mod check;
mod file;
pub(crate) mod instant;
mod load;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use accrual_access::invoice::Billing;
use accrual_access::network::Networks;
use accrual_access::plan::Plans;
use accrual_api::keys::KeyRules;
use accrual_api::webhooks::WebhookSettings;
use accrual_indexer::follow::Finality;
use accrual_rewards::campaign::Campaign;
use accrual_rewards::id::CampaignId;
use accrual_rewards::price::Sources;
use accrual_rewards::tracker::Pool;
use accrual_store::DbUrl;
use alloy_primitives::Address;

pub(crate) use load::ConfigError;

/// A configuration that can be used.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    pub(crate) database: DbUrl,
    pub(crate) chain: Chain,
    pub(crate) server: Server,
    pub(crate) keys: Keys,
    pub(crate) plans: Plans,
    pub(crate) billing: Billing,
    pub(crate) proxy_secrets_file: Option<PathBuf>,
    pub(crate) ranges_in_flight_max: usize,
    pub(crate) commit_events_max: usize,
    pub(crate) snapshot_events: u64,
    pub(crate) sign_in: Option<SignIn>,
    pub(crate) tokens: Vec<Token>,
    pub(crate) pools: Vec<PoolEntry>,
    pub(crate) campaigns: Vec<Campaign>,
    pub(crate) prices: Sources,
    pub(crate) distribution_creator: Address,
    pub(crate) webhooks: WebhookSettings,
}

#[derive(Debug, Clone)]
pub(crate) struct Chain {
    pub(crate) id: u64,
    pub(crate) rpc_urls: Vec<String>,
    pub(crate) finality: Finality,
    pub(crate) log_range_blocks_max: u32,
    pub(crate) poll_interval: Duration,
    pub(crate) block_seconds: Option<u64>,
}

#[derive(Debug, Clone)]
pub(crate) struct Server {
    pub(crate) listen: SocketAddr,
    pub(crate) notice: Option<String>,
    pub(crate) stale_after_seconds: u64,
    pub(crate) trusted_proxies: Networks,
}

#[derive(Debug, Clone)]
pub(crate) struct Keys {
    pub(crate) pepper_file: Option<PathBuf>,
    pub(crate) rules: KeyRules,
}

/// Signing in with a wallet, where it is switched on.
#[derive(Debug, Clone)]
pub(crate) struct SignIn {
    pub(crate) domain: String,
    pub(crate) chain_ids: Vec<u64>,
}

#[derive(Debug, Clone)]
pub(crate) struct Token {
    pub(crate) address: Address,
    pub(crate) symbol: String,
    pub(crate) decimals: u8,
}

/// A pool and what is known of its tokens.
#[derive(Debug, Clone)]
pub(crate) struct PoolEntry {
    pub(crate) pool: Pool,
    pub(crate) token0: Option<Address>,
    pub(crate) token1: Option<Address>,
}

impl Config {
    /// Reads `path`, with the process's `ACCRUAL__*` variables over it.
    pub(crate) fn load(path: &Path) -> Result<Self, ConfigError> {
        let environment = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        let (file, written) = load::load(path, environment)?;
        check::check(file, &written)
    }

    pub(crate) fn pools(&self) -> Vec<Pool> {
        self.pools.iter().map(|entry| entry.pool.clone()).collect()
    }

    /// The campaign of that id, or a sentence that names those there are.
    pub(crate) fn campaign(&self, id: &CampaignId) -> Result<&Campaign, String> {
        self.campaigns.iter().find(|campaign| campaign.id == *id).ok_or_else(|| {
            let ids: Vec<&str> = self.campaigns.iter().map(|campaign| campaign.id.as_str()).collect();
            let known = if ids.is_empty() { "none".to_owned() } else { ids.join(", ") };
            format!("--campaign {id}: the configuration has no such campaign (it has: {known})")
        })
    }

    /// The pool of that id; campaigns name only pools that are there.
    pub(crate) fn pool(&self, campaign: &Campaign) -> &Pool {
        let entry = self.pools.iter().find(|entry| entry.pool.id == campaign.pool);
        &entry.expect("the configuration was checked: a campaign's pool is there").pool
    }
}
