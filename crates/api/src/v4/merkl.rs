//! What Merkl itself has said, as far as it is stored here. All other modules ask this one, so that whoever stores more
//! has one place to tell it from.
//!
//! What the Distributor's logs tell is known where they are read: roots, the window of disputes, and what was claimed. What each
//! account was credited is known where Merkl itself, by its API or a published file, told it for a comparison: the newest of
//! these counts. What another accrual told is its own count and no credit of Merkl's, so that it is never given out here.

use std::collections::BTreeMap;

use accrual_rewards::campaign::Campaign;
use accrual_rewards::distributor::{TreeEvent, Trees};
use accrual_rewards::reconcile::TheirAccount;
use accrual_rewards::unit::{Amount, BlockNumber, UnixSeconds};
use accrual_store::comparisons::{self, Kept};
use accrual_store::distributor;
use alloy_primitives::{Address, B256};
use serde::Serialize;

use crate::app::Api;
use crate::error::ApiError;

/// Why what Merkl credited is null.
pub(super) const NOT_STORED: &str = "merkl_not_stored";

/// What Merkl has credited to an account; null for what is not known. Amounts are cumulative, in smallest units.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Credited {
    /// The root that holds it.
    pub(super) root: Option<B256>,
    /// The proof against that root, from the leaf up.
    pub(super) proofs: Vec<B256>,
    /// In the root, with what was claimed of it.
    pub(super) amount: Option<Amount>,
    /// Claimed on chain.
    pub(super) claimed: Option<Amount>,
    /// Computed since, and in no root yet.
    pub(super) pending: Option<Amount>,
}

/// A root that was live.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Root {
    pub(super) root: B256,
    #[serde(rename = "chainId")]
    pub(super) chain_id: u64,
    /// The hour's number since 1970.
    pub(super) epoch: u64,
    pub(super) timestamp: super::own::SecondsText,
    #[serde(rename = "isLatest")]
    pub(super) is_latest: bool,
}

/// The Distributor's state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Live {
    /// Null while the logs that are read do not tell.
    pub(super) live: Option<B256>,
    pub(super) tree: B256,
    pub(super) last_tree: Option<B256>,
    pub(super) end_of_dispute_period: Option<UnixSeconds>,
}

/// How far the Distributor is read.
struct Read {
    through: BlockNumber,
    at: UnixSeconds,
    /// Whose claims are kept.
    tokens: std::collections::BTreeSet<Address>,
}

impl Read {
    /// `None` when it is not read, or nothing of it yet.
    async fn of(api: &Api) -> Result<Option<Self>, ApiError> {
        let Some(stand) = distributor::get(api.db(), api.settings().chain_id).await? else { return Ok(None) };
        let place = stand.through.zip(stand.at);
        Ok(place.map(|(through, at)| Self { through: through.number, at, tokens: stand.followed.tokens }))
    }

    async fn trees(&self, api: &Api) -> Result<Trees, ApiError> {
        Ok(distributor::trees_at(api.db(), api.settings().chain_id, self.through).await?)
    }
}

/// What each of `accounts` was credited of `token`, over all campaigns, as far as logs tell: the live root, and what was
/// claimed since the first block that is read. An account that is not in the answer is not known.
pub(super) async fn of_token(
    api: &Api,
    token: Address,
    accounts: &[Address],
) -> Result<BTreeMap<Address, Credited>, ApiError> {
    let mut credited = BTreeMap::new();
    let Some(read) = Read::of(api).await? else { return Ok(credited) };
    let root = read.trees(api).await?.live(read.at);
    for account in accounts {
        let claimed = match read.tokens.contains(&token) {
            true => {
                let chain_id = api.settings().chain_id;
                Some(distributor::claimed(api.db(), chain_id, *account, token, read.through).await?)
            }
            false => None,
        };
        credited.insert(*account, Credited { root, claimed, ..Credited::default() });
    }
    Ok(credited)
}

/// The newest comparison of a campaign in which Merkl told its side; `None` when there is none.
async fn newest(api: &Api, campaign: &Campaign) -> Result<Option<Kept>, ApiError> {
    if campaign.merkl_campaign_id.is_none() {
        return Ok(None);
    }
    Ok(comparisons::newest_of_merkl(api.db(), &campaign.id).await?)
}

/// Up to when Merkl had computed a campaign when it was last asked; `None` when it never was.
pub(super) async fn computed_until(api: &Api, campaign: &Campaign) -> Result<Option<UnixSeconds>, ApiError> {
    Ok(newest(api, campaign).await?.map(|kept| kept.comparison.computed_until))
}

/// What each of `accounts` was credited in one campaign when Merkl was last asked; one that Merkl did not name then was
/// credited nothing. An account that is not in the answer is not known.
pub(super) async fn of_campaign(
    api: &Api,
    campaign: &Campaign,
    accounts: &[Address],
) -> Result<BTreeMap<Address, Credited>, ApiError> {
    let Some(kept) = newest(api, campaign).await? else { return Ok(BTreeMap::new()) };
    let theirs = comparisons::theirs(api.db(), &kept.comparison_id, accounts).await?;
    let credited = |account: &Address| {
        let one = theirs
            .get(account)
            .cloned()
            .unwrap_or(TheirAccount { claimed: Some(Amount::ZERO), ..TheirAccount::default() });
        let TheirAccount { amount, claimed, pending, .. } = one;
        (*account, Credited { amount: Some(amount), claimed, pending: Some(pending), ..Credited::default() })
    };
    Ok(accounts.iter().map(credited).collect())
}

/// All that was credited in one campaign when Merkl was last asked, roots and pending together; `None` when it never was.
pub(super) async fn total(api: &Api, campaign: &Campaign) -> Result<Option<Amount>, ApiError> {
    Ok(newest(api, campaign).await?.map(|kept| kept.comparison.money.paid))
}

/// The roots of a time, newest first.
pub(super) async fn roots(api: &Api, from: UnixSeconds, to: UnixSeconds) -> Result<Vec<Root>, ApiError> {
    const HOUR: u64 = 3_600;
    let Some(read) = Read::of(api).await? else { return Ok(Vec::new()) };
    let chain_id = api.settings().chain_id;
    let events = distributor::tree_events(api.db(), chain_id, read.through).await?;
    let mut roots: Vec<Root> = Vec::new();
    for placed in events.into_iter().rev() {
        let TreeEvent::Updated { root, .. } = placed.event else { continue };
        let (at, is_latest) = (placed.block_at, roots.is_empty());
        roots.push(Root {
            root,
            chain_id,
            epoch: at.0 / HOUR,
            timestamp: super::own::SecondsText(at),
            is_latest,
        });
    }
    roots.retain(|root| from <= root.timestamp.0 && root.timestamp.0 <= to);
    Ok(roots)
}

/// The Distributor as its logs tell; `None` when it is not read, or had no tree yet.
pub(super) async fn live(api: &Api) -> Result<Option<Live>, ApiError> {
    let Some(read) = Read::of(api).await? else { return Ok(None) };
    let trees = read.trees(api).await?;
    Ok(trees.tree().map(|tree| Live {
        live: trees.live(read.at),
        tree,
        last_tree: trees.last_tree(),
        end_of_dispute_period: trees.dispute_ends_at(),
    }))
}
