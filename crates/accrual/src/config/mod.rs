//! The configuration: read, checked against itself, and turned into the types that everything else trusts.
//!
//! Nothing here asks a node or a database, so `accrual check config` needs neither.

mod check;
#[cfg(test)]
mod damaged;
mod file;
pub(crate) mod instant;
mod load;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use accrual_access::invoice::Billing;
use accrual_access::network::Networks;
use accrual_access::plan::Plans;
use accrual_api::app::SecurityContact;
use accrual_api::keys::KeyRules;
use accrual_api::webhooks::WebhookSettings;
use accrual_api::{ConnectionLimits, McpSettings, StreamLimits};
use accrual_indexer::complete::Completeness;
use accrual_indexer::follow::Finality;
use accrual_rewards::announced::{Announced, Announcement};
use accrual_rewards::campaign::Campaign;
use accrual_rewards::id::CampaignId;
use accrual_rewards::price::Sources;
use accrual_rewards::tracker::Pool;
use accrual_rewards::unit::BlockNumber;
use accrual_store::DbUrl;
use accrual_store::distributor::Followed;
use alloy_primitives::Address;

use crate::reconcile::Terms;
pub(crate) use load::ConfigError;

/// A configuration that can be used.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    pub(crate) database: DbUrl,
    pub(crate) standby: Option<Standby>,
    pub(crate) chain: Chain,
    pub(crate) server: Server,
    pub(crate) keys: Keys,
    pub(crate) plans: Plans,
    pub(crate) billing: Billing,
    pub(crate) proxy_secrets_file: Option<PathBuf>,
    pub(crate) ranges_in_flight_max: usize,
    pub(crate) commit_events_max: usize,
    pub(crate) snapshot_events: u64,
    pub(crate) verify_every_blocks: Option<u64>,
    pub(crate) lease: Duration,
    pub(crate) retention: Retention,
    pub(crate) sign_in: Option<SignIn>,
    pub(crate) tokens: Vec<Token>,
    pub(crate) pools: Vec<PoolEntry>,
    pub(crate) campaigns: Vec<Campaign>,
    pub(crate) prices: Sources,
    pub(crate) distribution_creator: Address,
    pub(crate) merkl: Merkl,
    pub(crate) announced: BTreeMap<CampaignId, Announced>,
    pub(crate) announcement: Option<Announcement>,
    pub(crate) distributor: Option<Distributor>,
    pub(crate) webhooks: WebhookSettings,
    pub(crate) mcp: McpSettings,
}

/// What is not kept for ever; `None` keeps all.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Retention {
    /// Hours of accounts in campaigns that are older become days.
    pub(crate) account_hours_days: Option<u32>,
    /// Hours of pools and campaigns that are older become days.
    pub(crate) pool_hours_days: Option<u32>,
    /// Hours of calls that are older become days.
    pub(crate) usage_hours_days: Option<u32>,
    /// So many of the newest snapshots stay.
    pub(crate) snapshots_per_pool: Option<u32>,
}

/// A standby of the database that the API reads from.
#[derive(Debug, Clone)]
pub(crate) struct Standby {
    pub(crate) url: DbUrl,
    pub(crate) lag_max: Duration,
}

#[derive(Debug, Clone)]
pub(crate) struct Chain {
    pub(crate) id: u64,
    pub(crate) rpc_urls: Vec<String>,
    pub(crate) finality: Finality,
    pub(crate) log_range_blocks_max: u32,
    pub(crate) poll_interval: Duration,
    pub(crate) block_seconds: Option<u64>,
    pub(crate) completeness: Completeness,
    pub(crate) behind_blocks_max: u64,
}

#[derive(Debug, Clone)]
pub(crate) struct Server {
    pub(crate) listen: SocketAddr,
    pub(crate) notice: Option<String>,
    pub(crate) stale_after_seconds: u64,
    pub(crate) trusted_proxies: Networks,
    pub(crate) connections: ConnectionLimits,
    pub(crate) streams: StreamLimits,
    pub(crate) security: Option<SecurityContact>,
}

#[derive(Debug, Clone)]
pub(crate) struct Keys {
    pub(crate) pepper_file: Option<PathBuf>,
    pub(crate) rules: KeyRules,
}

/// How our figures are held against Merkl's.
#[derive(Debug, Clone)]
pub(crate) struct Merkl {
    /// Their API; `None` asks nobody by itself.
    pub(crate) url: Option<String>,
    pub(crate) every_seconds: u64,
    pub(crate) terms: Terms,
    pub(crate) requests_per_second: u32,
    /// 0 for ever.
    pub(crate) keep_answers_days: u32,
    /// Of how many accounts their own pages are held against a campaign's list.
    pub(crate) users_max: usize,
}

/// Signing in with a wallet, where it is switched on.
#[derive(Debug, Clone)]
pub(crate) struct SignIn {
    pub(crate) domain: String,
    pub(crate) chain_ids: Vec<u64>,
}

/// Merkl's contract that pays, where it is to be read.
#[derive(Debug, Clone)]
pub(crate) struct Distributor {
    pub(crate) address: Address,
    pub(crate) from_block: BlockNumber,
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

    /// What is read of the Distributor, if any is: the trees, and the claims of the tokens that the campaigns pay.
    pub(crate) fn distributor(&self) -> Option<Followed> {
        let Distributor { address, from_block } = self.distributor.clone()?;
        let tokens = self.campaigns.iter().map(|campaign| campaign.reward_token).collect();
        Some(Followed { chain_id: self.chain.id, address, first_block: from_block, tokens })
    }

    /// The Distributor to ask on this chain: the configured one, or the chain's own.
    pub(crate) fn distributor_to_ask(&self) -> Option<Address> {
        let configured = self.distributor.as_ref().map(|distributor| distributor.address);
        configured.or_else(|| check::known_distributor(self.chain.id))
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
