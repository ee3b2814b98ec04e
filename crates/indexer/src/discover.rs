//! Campaigns that Merkl's DistributionCreator announced, and what pools they are about.
//!
//! - [`scan`]: the logs of a range of blocks, asked for in parts that the node takes.
//! - [`pools`]: what is at an address, and where a token's pools are.
//!
//! What an address is, its preflight says ([`crate::preflight`]): the venue whose questions it answers is its venue.
//! Nothing is made up: what cannot be found is left out and said.

pub mod pools;
mod scan;

use std::collections::{BTreeMap, BTreeSet};

use accrual_rewards::unit::{BlockNumber, UnixSeconds};
use alloy::primitives::{Address, B256};

use crate::decode::merkl::{self, CampaignData, CampaignParameters, DataError};
use crate::error::IndexError;
use crate::source::{BlockRange, LogQuery, LogSource, RawLog};
use crate::tokens;

pub use pools::{FoundPool, JOINS_LOOKED_AT, PoolsOf, at_address, pools_of};
pub use scan::Scanner;

/// A campaign as the chain announced it.
#[derive(Debug, Clone)]
pub struct Announcement {
    /// Its terms; the amount is net of Merkl's fee.
    pub campaign: CampaignParameters,
    /// What it pays for, or why that cannot be read.
    pub data: Result<CampaignData, DataError>,
    /// Where it was announced.
    pub place: Place,
    /// Whether its id is the one that its terms come to.
    pub id_fits: bool,
    /// Later terms, in order.
    pub overrides: Vec<Override>,
}

/// Other terms of a campaign from a block on.
#[derive(Debug, Clone)]
pub struct Override {
    /// The terms.
    pub campaign: CampaignParameters,
    /// What it pays for then.
    pub data: Result<CampaignData, DataError>,
    /// Where it was announced.
    pub place: Place,
    /// The block's time.
    pub since: UnixSeconds,
}

/// Where on the chain something was said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The block.
    pub block: BlockNumber,
    /// The transaction.
    pub transaction: B256,
}

/// What was announced in a range of blocks.
#[derive(Debug, Clone, Default)]
pub struct Announced {
    /// The campaigns, in the order of their announcement.
    pub campaigns: Vec<Announcement>,
    /// How many overrides speak of campaigns that were not announced in the range, and so are left out.
    pub overrides_left_out: usize,
}

/// The campaigns announced in `blocks`; only those that pay `reward_token`, if one is given.
///
/// # Errors
/// No node answers, or a log is not what its topic says.
pub async fn campaigns(
    scanner: &Scanner<'_>,
    creator: Address,
    reward_token: Option<Address>,
    blocks: BlockRange,
) -> Result<Announced, IndexError> {
    let chain_id = scanner.source.chain_id().await?;
    let topics = [merkl::TOPICS.to_vec(), vec![], vec![], vec![]];
    let logs = scanner.logs(LogQuery { addresses: vec![creator], topics, blocks }).await?;
    let is_asked_for =
        |campaign: &CampaignParameters| reward_token.is_none_or(|token| token == campaign.rewardToken);
    let mut found = Announced::default();
    let mut places: BTreeMap<B256, usize> = BTreeMap::new();
    let mut others: BTreeSet<B256> = BTreeSet::new();
    for log in &logs {
        match merkl::announced(log)? {
            Some(merkl::Announced::New(campaign)) if is_asked_for(&campaign) => {
                places.insert(campaign.campaignId, found.campaigns.len());
                found.campaigns.push(announcement(chain_id, campaign, log));
            }
            Some(merkl::Announced::New(campaign)) => {
                others.insert(campaign.campaignId);
            }
            Some(merkl::Announced::Override(id, campaign)) => match places.get(&id) {
                Some(place) => {
                    let since = scanner.time(log).await?;
                    let data = merkl::campaign_data(campaign.campaignType, &campaign.campaignData);
                    let later = Override { campaign, data, place: place_of(log), since };
                    found.campaigns[*place].overrides.push(later);
                }
                // An override keeps the reward token, so one of another token is of a campaign that nobody asked for.
                None if is_asked_for(&campaign) && !others.contains(&id) => found.overrides_left_out += 1,
                None => {}
            },
            None => {}
        }
    }
    Ok(found)
}

/// What a token says of itself: its symbol, made harmless, and its decimals.
pub async fn token_says(source: &dyn LogSource, token: Address) -> (Option<String>, Option<u8>) {
    tokio::join!(tokens::symbol_of(source, token), tokens::decimals_of(source, token))
}

fn announcement(chain_id: u64, campaign: CampaignParameters, log: &RawLog) -> Announcement {
    Announcement {
        data: merkl::campaign_data(campaign.campaignType, &campaign.campaignData),
        id_fits: merkl::campaign_id(chain_id, &campaign) == campaign.campaignId,
        campaign,
        place: place_of(log),
        overrides: Vec::new(),
    }
}

fn place_of(log: &RawLog) -> Place {
    Place { block: BlockNumber(log.block_number), transaction: log.transaction_hash }
}
