//! `GET /v4/rewards`, `/v4/rewards/total`, `/v4/rewards/count`: who is paid in one campaign, largest first.

use accrual_rewards::campaign::Campaign;
use accrual_rewards::report::AccountEarned;
use accrual_rewards::unit::Amount;
use alloy_primitives::Address;
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::campaigns::{find, merkl_name};
use super::filters::Filters;
use super::invalid::Invalid;
use super::merkl::{self, Credited, NOT_STORED};
use super::own::{Accrual, AsOf, Sums};
use super::{Answer, Refused};
use crate::app::Api;
use crate::book::{FiguresUnknown, PoolState, Report, State as Book};
use crate::error::ApiError;
use crate::view::Eip55;

/// One account in a campaign.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = MerklRewardRow)]
pub(crate) struct RewardRow {
    /// The account behind all wrappers.
    recipient: Eip55,
    /// What Merkl's contract calls the campaign; our own name where it is not told to be one of theirs.
    #[schema(example = "0x1f2e3d4c5b6a79880f1e2d3c4b5a69780f1e2d3c4b5a69780f1e2d3c4b5a6978")]
    campaign_id: String,
    /// By what the account has a share: the venue, since all is counted behind its wrappers.
    #[schema(example = "uniswap_v3")]
    reason: &'static str,
    /// What is paid.
    reward_token_address: Eip55,
    /// What Merkl credited, in smallest units, with what was claimed of it; null where that is not stored here.
    amount: Option<Amount>,
    /// What was claimed, in smallest units; null where that is not stored here.
    claimed: Option<Amount>,
    /// What Merkl counted since and is in no root yet, in smallest units; null where that is not stored here.
    pending: Option<Amount>,
    /// Our own figure.
    accrual: Accrual,
}

/// A campaign's sum.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = MerklRewardTotal)]
pub(crate) struct RewardTotal {
    /// What Merkl's contract calls the campaign; our own name where it is not told to be one of theirs.
    #[schema(example = "0x1f2e3d4c5b6a79880f1e2d3c4b5a69780f1e2d3c4b5a69780f1e2d3c4b5a6978")]
    campaign_id: String,
    /// What Merkl credited in all, in smallest units; null where that is not stored here.
    amount: Option<Amount>,
    /// Our own sums.
    accrual: Sums,
}

/// How many rows there are on all pages.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MerklRewardCount)]
pub(crate) struct RewardCount {
    /// Accounts that earned.
    count: usize,
}

/// Who is paid in a campaign
///
/// Largest first by our count, which stands in `accrual`; what Merkl credited is null where it is not stored here.
#[utoipa::path(
    get,
    path = "/v4/rewards",
    tag = "merkl",
    operation_id = "merkl_list_rewards",
    params(
        ("chainId" = u64, Query, description = "The chain."),
        ("campaignId" = String, Query, description = "The campaign, by its id here or on Merkl's contract."),
        ("page" = Option<u64>, Query, description = "Which page, from 0."),
        ("items" = Option<u32>, Query, minimum = 1, maximum = 500, description = "Rows of a page; 20 unless told otherwise.")
    ),
    responses(
        (status = 200, description = "The accounts.", body = Vec<RewardRow>),
        (status = 404, description = "not_found: there is no such campaign, or another chain is meant."),
        (status = 422, description = "What was asked does not fit.", body = Invalid)
    )
)]
pub(crate) async fn list(State(api): State<Api>, filters: Filters) -> Answer<Vec<RewardRow>> {
    let page = filters.page()?;
    let Some(campaign) = asked(&api, &filters)? else { return Ok(Json(Vec::new())) };
    let state = api.book().state();
    let (pool, report) = earners(&state, campaign)?;
    let accounts: Vec<AccountEarned> = page.of(report.largest());
    let addresses: Vec<Address> = accounts.iter().map(|row| row.account).collect();
    let credited = merkl::of_campaign(&api, campaign, &addresses).await?;
    let venue = pool.info.pool.venue.as_str();
    let row = |row: AccountEarned| {
        let theirs = credited.get(&row.account);
        let Credited { amount, claimed, pending, .. } = theirs.cloned().unwrap_or_default();
        RewardRow {
            recipient: Eip55(row.account),
            campaign_id: merkl_name(campaign),
            reason: venue,
            reward_token_address: Eip55(campaign.reward_token),
            amount,
            claimed,
            pending,
            accrual: Accrual {
                campaign: Some(campaign.id.to_string()),
                earned_units: Some(row.earned),
                reason: None,
                merkl_reason: amount.is_none().then_some(NOT_STORED),
                as_of: Some(AsOf::of(&api, pool)),
            },
        }
    };
    Ok(Json(accounts.into_iter().map(row).collect()))
}

/// What a campaign has paid
///
/// Merkl's sum is null where it is not stored here; ours stands in `accrual`.
#[utoipa::path(
    get,
    path = "/v4/rewards/total",
    tag = "merkl",
    operation_id = "merkl_get_reward_total",
    params(
        ("chainId" = u64, Query, description = "The chain."),
        ("campaignId" = String, Query, description = "The campaign, by its id here or on Merkl's contract.")
    ),
    responses(
        (status = 200, description = "The sum.", body = RewardTotal),
        (status = 404, description = "not_found: there is no such campaign, or another chain is meant."),
        (status = 422, description = "What was asked does not fit.", body = Invalid)
    )
)]
pub(crate) async fn total(State(api): State<Api>, filters: Filters) -> Answer<RewardTotal> {
    filters.page()?;
    let campaign = asked(&api, &filters)?.ok_or_else(|| elsewhere(&api))?;
    let accrual = Sums::of(&api, &api.book().state(), campaign)?;
    Ok(Json(RewardTotal {
        campaign_id: merkl_name(campaign),
        amount: merkl::total(&api, campaign).await?,
        accrual,
    }))
}

/// How many accounts are paid
///
/// On all pages of the list.
#[utoipa::path(
    get,
    path = "/v4/rewards/count",
    tag = "merkl",
    operation_id = "merkl_count_rewards",
    params(
        ("chainId" = u64, Query, description = "The chain."),
        ("campaignId" = String, Query, description = "The campaign, by its id here or on Merkl's contract.")
    ),
    responses(
        (status = 200, description = "How many.", body = RewardCount),
        (status = 404, description = "not_found: there is no such campaign, or another chain is meant."),
        (status = 422, description = "What was asked does not fit.", body = Invalid)
    )
)]
pub(crate) async fn count(State(api): State<Api>, filters: Filters) -> Answer<RewardCount> {
    filters.page()?;
    let Some(campaign) = asked(&api, &filters)? else { return Ok(Json(RewardCount { count: 0 })) };
    let count = earners(&api.book().state(), campaign)?.1.accounts_count();
    Ok(Json(RewardCount { count }))
}

/// The campaign that is asked for; `None` for one on another chain, where nobody is paid by what is followed here.
fn asked<'a>(api: &'a Api, filters: &Filters) -> Result<Option<&'a Campaign>, Refused> {
    let chain_id = filters.required("chainId", filters.number("chainId")?)?;
    let id = filters.required("campaignId", filters.text("campaignId"))?;
    filters.flag("hide")?;
    if chain_id != api.settings().chain_id {
        return Ok(None);
    }
    find(api, id).map(Some)
}

fn elsewhere(api: &Api) -> ApiError {
    ApiError::NotFound(format!("This server follows chain {} alone.", api.settings().chain_id))
}

/// The pool, and who earned.
fn earners<'a>(state: &'a Book, campaign: &Campaign) -> Result<(&'a PoolState, &'a Report), Refused> {
    let pool = state.pool(&campaign.pool).ok_or_else(|| ApiError::not_indexed(&campaign.pool))?;
    Ok((pool, pool.report(&campaign.id)?))
}

/// What `account` earned in `campaign`, or why nobody can know; `None` when it earned nothing.
pub(super) fn earned(
    state: &Book,
    campaign: &Campaign,
    account: Address,
) -> Result<Option<Result<Amount, FiguresUnknown>>, ApiError> {
    let Some(pool) = state.pool(&campaign.pool) else { return Ok(None) };
    Ok(match pool.known(&campaign.id)? {
        Ok(report) => report.of(account).map(|row| Ok(row.earned)),
        Err(unknown) => Some(Err(unknown)),
    })
}

/// An address of the path, in any case but a wrong mix.
pub(super) fn recipient(text: &str) -> Result<Address, Invalid> {
    crate::params::address(text).map_err(|_| {
        Invalid::path(
            "address",
            "an address: 0x and 40 hex digits, of one case or as EIP-55 mixes them",
            text,
        )
    })
}
