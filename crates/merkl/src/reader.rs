//! The questions, and what the answers come to.

use std::collections::BTreeSet;

use accrual_rewards::reconcile::beside::Beside;
use accrual_rewards::reconcile::{Teller, TheirRow, Theirs};
use accrual_rewards::unit::{Amount, UnixSeconds};
use alloy_primitives::{Address, B256};
use serde::de::DeserializeOwned;

use crate::source::{MerklError, Source};
use crate::wire::{AccrualReward, Breakdown, Campaign, LiveRoots, Reward, Root, UserChain};

mod beside;

/// Rows of a page.
const PAGE_ITEMS: usize = 100;
/// A campaign's leaderboard.
const LIST: &str = "/v4/rewards";
/// More rows of a campaign are not read.
const ROWS_MAX: usize = 1_000_000;

/// Asks a source.
#[derive(Debug)]
pub struct Reader<S> {
    source: S,
    chain_id: u64,
}

/// A campaign as they see it.
#[derive(Debug, Clone)]
pub struct Read {
    /// What they say of it.
    pub campaign: Campaign,
    /// Whom they credit.
    pub theirs: Theirs,
    /// What else they said.
    pub beside: Beside,
}

/// What is asked beside a campaign's list.
#[derive(Debug, Clone, Copy)]
pub struct Also<'a> {
    /// How many of the accounts that are credited most have their own page read.
    pub users_max: usize,
    /// Whose pages are read whatever they are credited.
    pub accounts: &'a [Address],
    /// Whether the roots are asked for.
    pub roots: bool,
}

impl Read {
    /// Who told it.
    pub fn teller(&self) -> Teller {
        if self.campaign.accrual.is_some() { Teller::Accrual } else { Teller::Merkl }
    }
}

impl<S: Source> Reader<S> {
    /// Asks `source` about one chain.
    pub fn new(source: S, chain_id: u64) -> Self {
        Self { source, chain_id }
    }

    /// What they credit to whom for a campaign, as of one instant: its leaderboard, all pages, read between two looks
    /// at how far they have computed.
    ///
    /// # Errors
    /// They do not answer, do not know it, have computed nothing, or computed it anew meanwhile.
    pub async fn read(&self, campaign: B256) -> Result<Read, MerklError> {
        self.read_also(campaign, Also { users_max: 0, accounts: &[], roots: false }).await
    }

    /// The same, with what they say of themselves beside it, all between the same two looks. What of that is refused is told
    /// in [`Beside::not_told`] and fails nothing.
    ///
    /// # Errors
    /// As [`Reader::read`].
    pub async fn read_also(&self, campaign: B256, also: Also<'_>) -> Result<Read, MerklError> {
        let before = self.campaign(campaign).await?;
        let told_until = computed_until(&before)?;
        let lines = self.lines(campaign).await?;
        let moved = || MerklError::Moved { campaign: campaign.to_string() };
        // Another accrual moves with every block: each of its lines says as of which, and its pages add nothing to them.
        let is_accrual = before.accrual.is_some();
        let computed_until = match as_of(&lines).filter(|_| is_accrual) {
            Some(instants) if instants.len() > 1 => return Err(moved()),
            Some(instants) => instants.into_iter().next().unwrap_or_default(),
            None => told_until,
        };
        let rows = rows(lines)?;
        let also = if is_accrual { Also { users_max: 0, accounts: &[], ..also } } else { also };
        let beside = self.beside(campaign, &rows, computed_until, also).await?;
        let after: Campaign = self.ask(&format!("/v4/campaigns/{}", before.id)).await?;
        let mut seen = BTreeSet::new();
        let twice = rows.iter().any(|row| !seen.insert((row.account, row.reason.clone())));
        let is_later = !is_accrual && after.computed_until() != Some(computed_until);
        if after.campaign_id != campaign || is_later || twice {
            return Err(moved());
        }
        let theirs = Theirs::new(UnixSeconds(computed_until), rows)
            .map_err(|error| MerklError::Malformed { path: LIST.to_owned(), why: error.to_string() })?;
        let theirs = Theirs {
            budget: Some(before.amount),
            blacklist: before.params.blacklist.iter().copied().collect(),
            whitelist: before.params.whitelist.iter().copied().collect(),
            ..theirs
        };
        Ok(Read { campaign: before, theirs, beside })
    }

    /// What they say of a campaign, by the chain's id for it.
    ///
    /// # Errors
    /// They do not answer, or do not know it.
    pub async fn campaign(&self, campaign: B256) -> Result<Campaign, MerklError> {
        let path = format!("/v4/campaigns?chainId={}&campaignId={campaign}&items=10&page=0", self.chain_id);
        let found: Vec<Campaign> = self.ask(&path).await?;
        let found = found.into_iter().find(|one| one.campaign_id == campaign);
        found
            .ok_or_else(|| MerklError::NoCampaign { campaign: campaign.to_string(), chain_id: self.chain_id })
    }

    /// The campaigns that pay a token, or all.
    ///
    /// # Errors
    /// They do not answer.
    pub async fn campaigns(&self, reward_token: Option<Address>) -> Result<Vec<Campaign>, MerklError> {
        let token = reward_token.map_or(String::new(), |token| format!("&tokenAddress={token}"));
        let found: Vec<Campaign> =
            self.pages(&format!("/v4/campaigns?chainId={}{token}", self.chain_id)).await?;
        let pays = |one: &Campaign| reward_token.is_none_or(|token| one.reward_token.address == token);
        Ok(found.into_iter().filter(pays).collect())
    }

    /// A campaign's leaderboard.
    ///
    /// # Errors
    /// They do not answer.
    pub async fn rewards(&self, campaign: B256) -> Result<Vec<TheirRow>, MerklError> {
        rows(self.lines(campaign).await?)
    }

    async fn lines(&self, campaign: B256) -> Result<Vec<Reward>, MerklError> {
        self.pages(&format!("{LIST}?chainId={}&campaignId={campaign}", self.chain_id)).await
    }

    /// What one account has of a campaign, as its owner sees it.
    ///
    /// # Errors
    /// They do not answer.
    pub async fn user(&self, account: Address, campaign: B256) -> Result<Vec<TheirRow>, MerklError> {
        let path = self.user_path(account, 0);
        let chains: Vec<UserChain> = self.ask(&path).await?;
        let all = chains.into_iter().flat_map(|chain| chain.rewards).flat_map(|reward| reward.breakdowns);
        let own = all.filter(|breakdown| breakdown.campaign_id == campaign);
        let rows: Result<_, _> = own.map(|breakdown| breakdown.row(account)).collect();
        rows.map_err(|why| MerklError::Malformed { path, why })
    }

    /// An account's own page; their answers are kept for a while unless the chain is named once more.
    fn user_path(&self, account: Address, page: usize) -> String {
        let chain = self.chain_id;
        format!("/v4/users/{account}/rewards?chainId={chain}&reloadChainId={chain}&breakdownPage={page}")
    }

    /// The newest roots of a time, the newest first.
    ///
    /// # Errors
    /// They do not answer.
    pub async fn roots(&self, from: UnixSeconds, to: UnixSeconds) -> Result<Vec<Root>, MerklError> {
        let chain = self.chain_id;
        self.ask(&format!("/v4/roots?chainId={chain}&fromTimestamp={from}&toTimestamp={to}&page=0&items=100"))
            .await
    }

    /// The roots that count now; `None` when the chain has none.
    ///
    /// # Errors
    /// They do not answer.
    pub async fn live_roots(&self) -> Result<Option<LiveRoots>, MerklError> {
        let mut all: std::collections::BTreeMap<String, LiveRoots> = self.ask("/v4/roots/live").await?;
        Ok(all.remove(&self.chain_id.to_string()))
    }

    /// All pages of a list: they end with one that is not full.
    async fn pages<T: DeserializeOwned>(&self, path: &str) -> Result<Vec<T>, MerklError> {
        let mut all = Vec::new();
        for page in 0.. {
            let path = format!("{path}&items={PAGE_ITEMS}&page={page}");
            let rows: Vec<T> = self.ask(&path).await?;
            let last = rows.len() < PAGE_ITEMS;
            all.extend(rows);
            if all.len() > ROWS_MAX {
                let why = format!("there are more than {ROWS_MAX} rows");
                return Err(MerklError::Malformed { path, why });
            }
            if last {
                break;
            }
        }
        Ok(all)
    }

    async fn ask<T: DeserializeOwned>(&self, path: &str) -> Result<T, MerklError> {
        let body = self.source.get(path).await?.body(path)?;
        serde_json::from_str(&body)
            .map_err(|error| MerklError::Malformed { path: path.to_owned(), why: error.to_string() })
    }
}

/// The instants that the lines of another accrual are as of, each once; `None` where none says.
fn as_of(lines: &[Reward]) -> Option<BTreeSet<u64>> {
    let instants = lines.iter().filter_map(|line| Some(line.accrual.as_ref()?.as_of.as_ref()?.timestamp));
    Some(instants.collect()).filter(|instants: &BTreeSet<u64>| !instants.is_empty())
}

fn rows(lines: Vec<Reward>) -> Result<Vec<TheirRow>, MerklError> {
    let rows: Result<_, _> = lines.into_iter().map(TheirRow::try_from).collect();
    rows.map_err(|why| MerklError::Malformed { path: LIST.to_owned(), why })
}

fn computed_until(campaign: &Campaign) -> Result<u64, MerklError> {
    let until = campaign.computed_until();
    until.ok_or_else(|| MerklError::NotComputed { campaign: campaign.campaign_id.to_string() })
}

impl TryFrom<Reward> for TheirRow {
    type Error = String;

    fn try_from(reward: Reward) -> Result<Self, String> {
        let Reward { recipient, reason, amount, claimed, pending, accrual } = reward;
        row(recipient, reason, amount, claimed, pending, accrual)
    }
}

impl Breakdown {
    fn row(self, account: Address) -> Result<TheirRow, String> {
        let Self { reason, amount, claimed, pending, accrual, .. } = self;
        row(account, reason, amount, claimed, pending, accrual)
    }
}

/// Another accrual says what was earned in all; what of it is not in a root counts as pending.
fn row(
    account: Address,
    reason: String,
    amount: Option<Amount>,
    claimed: Option<Amount>,
    pending: Option<Amount>,
    accrual: Option<AccrualReward>,
) -> Result<TheirRow, String> {
    let (amount, pending) = match accrual {
        None => {
            let amount = amount.ok_or_else(|| format!("{account} has no amount"))?;
            (amount, pending.unwrap_or_default())
        }
        Some(accrual) => {
            let earned =
                accrual.earned_units.ok_or_else(|| format!("{account}: it cannot tell what was earned"))?;
            let amount = amount.unwrap_or_default().min(earned);
            (amount, earned.checked_sub(amount).unwrap_or_default())
        }
    };
    Ok(TheirRow { account, reason, amount, claimed, pending })
}
