//! `GET /v4/users/{address}/rewards` and `/rewards/breakdowns`: what an account is paid, token by token.

use accrual_rewards::campaign::Campaign;
use accrual_rewards::unit::Amount;
use alloy_primitives::{Address, B256};
use axum::Json;
use axum::extract::{Path, State};
use serde::Serialize;
use utoipa::ToSchema;

use super::campaigns::merkl_name;
use super::filters::Filters;
use super::invalid::Invalid;
use super::merkl::{self, Credited, NOT_STORED};
use super::opportunities::Opportunity;
use super::own::{Accrual, AsOf};
use super::reference::{Chain, Protocol, Token, TokenName};
use super::rewards::{earned, recipient};
use super::{Answer, Refused};
use crate::app::Api;
use crate::book::State as Book;
use crate::prices::Prices;
use crate::view::Eip55;

/// Breakdowns of one token on a page.
const BREAKDOWNS_MAX: usize = 100;

/// What an account is paid on one chain.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MerklChainRewards)]
pub(crate) struct ChainRewards {
    /// The chain.
    chain: Chain,
    /// Token by token, largest first by our count.
    rewards: Vec<TokenReward>,
}

/// The same with all that each part belongs to.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MerklFullChainRewards)]
pub(crate) struct FullChainRewards {
    /// The chain.
    chain: Chain,
    /// Token by token, largest first by our count.
    rewards: Vec<FullTokenReward>,
}

/// What it is paid of one token.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = MerklCredit)]
struct Credit {
    /// The live root, which holds `amount`; null where the Distributor is not read.
    root: Option<B256>,
    /// The number of the chain that pays.
    #[schema(example = 8453)]
    distribution_chain_id: u64,
    /// The account.
    recipient: Eip55,
    /// The proof against the root, from the leaf up; empty where it is not stored here.
    #[schema(example = json!([]))]
    proofs: Vec<B256>,
    /// What Merkl credited, in smallest units, with what was claimed of it; null where that is not stored here.
    amount: Option<Amount>,
    /// What was claimed on chain, in smallest units; null where that is not stored here.
    claimed: Option<Amount>,
    /// What Merkl counted since and is in no root yet, in smallest units; null where that is not stored here.
    pending: Option<Amount>,
    /// Our own figure, over all campaigns.
    accrual: Accrual,
}

/// The same with each campaign's part.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MerklTokenReward)]
pub(crate) struct TokenReward {
    #[serde(flatten)]
    credit: Credit,
    /// What is paid.
    token: TokenName,
    /// Campaign by campaign.
    breakdowns: Vec<Breakdown>,
}

/// The same with all that each part belongs to.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MerklFullTokenReward)]
pub(crate) struct FullTokenReward {
    #[serde(flatten)]
    credit: Credit,
    /// What is paid.
    token: Token,
    /// Campaign by campaign.
    breakdowns: Vec<FullBreakdown>,
}

/// A campaign's part of it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = MerklBreakdown)]
pub(crate) struct Breakdown {
    /// By what the account has a share: the venue, since all is counted behind its wrappers.
    #[schema(example = "uniswap_v3")]
    reason: &'static str,
    /// What Merkl credited, in smallest units, with what was claimed of it; null where that is not stored here.
    amount: Option<Amount>,
    /// What was claimed, in smallest units; null where that is not stored here.
    claimed: Option<Amount>,
    /// What Merkl counted since and is in no root yet, in smallest units; null where that is not stored here.
    pending: Option<Amount>,
    /// What Merkl's contract calls the campaign; our own name where it is not told to be one of theirs.
    #[schema(example = "0x1f2e3d4c5b6a79880f1e2d3c4b5a69780f1e2d3c4b5a69780f1e2d3c4b5a6978")]
    campaign_id: String,
    /// Our own figure.
    accrual: Accrual,
}

/// The same with all that it belongs to.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = MerklFullBreakdown)]
pub(crate) struct FullBreakdown {
    /// The root that holds `amount`; null where that is not stored here.
    root: Option<B256>,
    /// The number of the chain that pays.
    #[schema(example = 8453)]
    distribution_chain_id: u64,
    #[serde(flatten)]
    part: Breakdown,
    /// The pool.
    opportunity: Opportunity,
    /// Whose contracts it is made of; null for a bare token.
    protocol: Option<Protocol>,
}

/// What an account is paid
///
/// Token by token, with each campaign's part; our count stands in `accrual`.
#[utoipa::path(
    get,
    path = "/v4/users/{address}/rewards",
    tag = "merkl",
    operation_id = "merkl_get_user_rewards",
    params(
        ("address" = String, Path, description = "The account."),
        ("chainId" = String, Query, description = "Chains: repeated, or with commas between."),
        ("breakdownPage" = Option<u64>, Query, description = "Which hundred of a token's campaigns, from 0."),
        ("claimableOnly" = Option<bool>, Query, description = "Only what is known to be claimable.")
    ),
    responses(
        (status = 200, description = "The rewards, by chain.", body = Vec<ChainRewards>),
        (status = 422, description = "What was asked does not fit.", body = Invalid)
    )
)]
pub(crate) async fn rewards(
    State(api): State<Api>,
    Path(address): Path<String>,
    filters: Filters,
) -> Answer<Vec<ChainRewards>> {
    let account = recipient(&address)?;
    let chains = filters.required("chainId", filters.numbers("chainId")?)?;
    let page = usize::try_from(filters.number("breakdownPage")?.unwrap_or(0)).unwrap_or(usize::MAX);
    let kinds = filters.token_types("type")?;
    if kinds.is_some_and(|kinds| !kinds.contains(&"TOKEN")) {
        return Ok(Json(Vec::new()));
    }
    let state = api.book().state();
    let Some((chain, paid)) = paid(&api, &state, &filters, chains, account).await? else {
        return Ok(Json(Vec::new()));
    };
    let reward = |paid: Paid<'_>| {
        let token = TokenName::of(&api, paid.token);
        let parts: Vec<Part<'_>> = paid
            .parts
            .iter()
            .skip(page.saturating_mul(BREAKDOWNS_MAX))
            .take(BREAKDOWNS_MAX)
            .cloned()
            .collect();
        let breakdowns = parts.into_iter().map(|part| part.told(&api, &state)).collect();
        TokenReward { credit: paid.told(&api), token, breakdowns }
    };
    Ok(Json(vec![ChainRewards { chain, rewards: paid.into_iter().map(reward).collect() }]))
}

/// What an account is paid, with pools and protocols
#[utoipa::path(
    get,
    path = "/v4/users/{address}/rewards/breakdowns",
    tag = "merkl",
    operation_id = "merkl_get_user_breakdowns",
    params(
        ("address" = String, Path, description = "The account."),
        ("chainIds" = Option<String>, Query, description = "Chains: repeated, or with commas between.")
    ),
    responses(
        (status = 200, description = "The rewards, by chain.", body = Vec<FullChainRewards>),
        (status = 422, description = "What was asked does not fit.", body = Invalid)
    )
)]
pub(crate) async fn breakdowns(
    State(api): State<Api>,
    Path(address): Path<String>,
    filters: Filters,
) -> Answer<Vec<FullChainRewards>> {
    let account = recipient(&address)?;
    let chain_id = api.settings().chain_id;
    let chains = filters.numbers("chainIds")?.unwrap_or_else(|| vec![chain_id]);
    // Tags are of opportunities, and none are kept here.
    if filters.list("tags").is_some() {
        return Ok(Json(Vec::new()));
    }
    let state = api.book().state();
    let Some((chain, paid)) = paid(&api, &state, &filters, chains, account).await? else {
        return Ok(Json(Vec::new()));
    };
    let at = state.lowest().map_or_else(|| api.settings().clock.now(), |moment| moment.at);
    let prices = Prices::now(&api, &state, at);
    let mut rewards = Vec::new();
    for paid in paid {
        let mut parts = Vec::new();
        for part in &paid.parts {
            let info = crate::routes::pool_of(&api, &part.campaign.pool)?;
            parts.push(FullBreakdown {
                root: part.credited.as_ref().and_then(|credited| credited.root),
                distribution_chain_id: chain_id,
                part: part.clone().told(&api, &state),
                opportunity: Opportunity::of(&api, &state, info).await?,
                protocol: Protocol::of(info.pool.venue),
            });
        }
        let token = Token::of(&api, &prices, paid.token);
        rewards.push(FullTokenReward { credit: paid.told(&api), token, breakdowns: parts });
    }
    Ok(Json(vec![FullChainRewards { chain, rewards }]))
}

/// An account's rewards in one token.
struct Paid<'a> {
    token: Address,
    account: Address,
    credited: Option<Credited>,
    /// In the order of the configuration; never empty.
    parts: Vec<Part<'a>>,
    as_of: Option<AsOf>,
}

#[derive(Clone)]
struct Part<'a> {
    campaign: &'a Campaign,
    earned: Result<Amount, &'static str>,
    credited: Option<Credited>,
}

/// What `account` is paid, largest first; `None` where that is nothing or on chains that are not followed here.
async fn paid<'a>(
    api: &'a Api,
    state: &Book,
    filters: &Filters,
    chains: Vec<u64>,
    account: Address,
) -> Result<Option<(Chain, Vec<Paid<'a>>)>, Refused> {
    filters.number("reloadChainId")?;
    filters.flag("test")?;
    let claimable_only = filters.flag("claimableOnly")?.unwrap_or(false);
    if !chains.contains(&api.settings().chain_id) {
        return Ok(None);
    }
    let mut all: Vec<Paid<'a>> = Vec::new();
    for campaign in api.book().campaigns() {
        let Some(earned) = earned(state, campaign, account)? else { continue };
        let credited = merkl::of_campaign(api, campaign, &[account]).await?.remove(&account);
        let part = Part { campaign, earned: earned.map_err(|unknown| unknown.as_str()), credited };
        let as_of = state.pool(&campaign.pool).map(|pool| AsOf::of(api, pool));
        match all.iter_mut().find(|paid| paid.token == campaign.reward_token) {
            Some(paid) => paid.add(part, as_of),
            None => {
                let token = campaign.reward_token;
                let credited = merkl::of_token(api, token, &[account]).await?.remove(&account);
                all.push(Paid { token, account, credited, parts: vec![part], as_of });
            }
        }
    }
    // What may be claimed is known only where Merkl's own figures are.
    all.retain(|paid| !claimable_only || paid.is_claimable());
    all.sort_by_key(|paid| std::cmp::Reverse(paid.earned().ok()));
    if all.is_empty() { Ok(None) } else { Ok(Some((Chain::of(api, state).await?, all))) }
}

impl<'a> Paid<'a> {
    fn add(&mut self, part: Part<'a>, as_of: Option<AsOf>) {
        self.parts.push(part);
        self.as_of = match (self.as_of.take(), as_of) {
            (Some(a), Some(b)) => Some(a.lower(b)),
            (a, b) => a.or(b),
        };
    }

    /// The sum over its campaigns, or why one of them is unknown.
    fn earned(&self) -> Result<Amount, &'static str> {
        self.parts.iter().try_fold(Amount::ZERO, |sum, part| {
            part.earned.and_then(|earned| sum.checked_add(earned).ok_or("out_of_bounds"))
        })
    }

    fn is_claimable(&self) -> bool {
        let amounts = self.credited.as_ref().and_then(|credited| credited.amount.zip(credited.claimed));
        amounts.is_some_and(|(amount, claimed)| claimed < amount)
    }

    fn told(self, api: &Api) -> Credit {
        let earned = self.earned();
        let Credited { root, proofs, amount, claimed, pending } = self.credited.unwrap_or_default();
        let merkl_reason = amount.is_none().then_some(NOT_STORED);
        Credit {
            root,
            distribution_chain_id: api.settings().chain_id,
            recipient: Eip55(self.account),
            proofs,
            amount,
            claimed,
            pending,
            accrual: Accrual {
                campaign: None,
                earned_units: earned.ok(),
                reason: earned.err(),
                merkl_reason,
                as_of: self.as_of,
            },
        }
    }
}

impl Part<'_> {
    fn told(self, api: &Api, state: &Book) -> Breakdown {
        let Credited { amount, claimed, pending, .. } = self.credited.unwrap_or_default();
        let merkl_reason = amount.is_none().then_some(NOT_STORED);
        let pool = state.pool(&self.campaign.pool);
        Breakdown {
            reason: api.pool(&self.campaign.pool).map_or("", |info| info.pool.venue.as_str()),
            amount,
            claimed,
            pending,
            campaign_id: merkl_name(self.campaign),
            accrual: Accrual {
                campaign: Some(self.campaign.id.to_string()),
                earned_units: self.earned.ok(),
                reason: self.earned.err(),
                merkl_reason,
                as_of: pool.map(|pool| AsOf::of(api, pool)),
            },
        }
    }
}
