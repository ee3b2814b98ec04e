//! `GET /v4/campaigns`, `/v4/campaigns/count`, `/v4/campaigns/{id}`: what is promised, to whom, and what it yields.

mod filter;
mod params;

use accrual_rewards::apr::{AprUnknown, emission_over, reward_percent};
use accrual_rewards::campaign::{Campaign, Window};
use accrual_rewards::id::Venue;
use accrual_rewards::unit::{Amount, UnixSeconds};
use axum::Json;
use axum::extract::{Path, State};
use rust_decimal::Decimal;
use serde::Serialize;
use utoipa::ToSchema;

use super::filters::Filters;
use super::invalid::Invalid;
use super::merkl;
use super::opportunities::{self, Opportunity};
use super::own::{Number, Sums};
use super::reference::{Chain, Token};
use super::{Answer, Refused};
use crate::app::Api;
use crate::book::State as Book;
use crate::error::ApiError;
use crate::prices::{Prices, USD_PLACES};
use filter::CampaignFilter;
use params::Params;

/// Seconds of what they call daily.
pub(super) const DAY_SECONDS: u64 = 86_400;

/// A campaign as they tell of it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = MerklCampaign)]
pub(crate) struct CampaignShape {
    /// Our own name for it: theirs is a hash of a kind that they do not publish.
    id: String,
    /// The number of the chain that is counted.
    #[schema(example = 8453)]
    compute_chain_id: u64,
    /// The number of the chain that pays.
    #[schema(example = 8453)]
    distribution_chain_id: u64,
    /// What Merkl's contract calls it; our own name where it is not told to be one of theirs.
    #[schema(example = "0x1f2e3d4c5b6a79880f1e2d3c4b5a69780f1e2d3c4b5a69780f1e2d3c4b5a6978")]
    campaign_id: String,
    /// `CLAMM` for concentrated liquidity, `ERC20LOGPROCESSOR` for what pays by balance.
    #[schema(example = "CLAMM")]
    r#type: &'static str,
    /// Their finer kind: not known here.
    #[schema(example = json!(null))]
    sub_type: Option<u64>,
    /// Always `DUTCH_AUCTION`: a fixed budget is shared.
    #[schema(example = "DUTCH_AUCTION")]
    distribution_type: &'static str,
    /// What is handed out in all, net of the fee, in the reward token's smallest units.
    amount: Amount,
    /// When it begins, in seconds since 1970.
    #[schema(example = 1_749_142_800)]
    start_timestamp: UnixSeconds,
    /// When it ends, in seconds since 1970.
    #[schema(example = 1_750_352_400)]
    end_timestamp: UnixSeconds,
    /// Who made it: not known here.
    #[schema(example = json!(null))]
    creator_address: Option<String>,
    /// Per cent a year; absent while it is not known, 0 while nothing is handed out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    apr: Option<Number>,
    /// US dollars a day, by the exact pace: theirs divides by whole days and so tells up to twice as much. Absent while
    /// there is no price.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    daily_rewards: Option<Number>,
    /// What it was made with.
    params: Params,
    /// The chain that is counted.
    chain: Chain,
    /// The chain that pays.
    distribution_chain: Chain,
    /// The reward token's `id`.
    #[schema(example = "8453-0x52908400098527886E0F7030069857D2E4169EE7")]
    reward_token_id: String,
    /// What is paid.
    reward_token: Token,
    /// The pool's `id`.
    #[schema(example = "usdc-tmai")]
    opportunity_id: String,
    /// The pool; absent where it is not asked for.
    #[serde(rename = "Opportunity", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    opportunity: Option<Opportunity>,
    /// How far Merkl's own engine has come.
    campaign_status: EngineStatus,
    /// When it was made: not known here.
    #[schema(example = json!(null))]
    created_at: Option<String>,
    /// The campaign that this is a part of: there are none here.
    #[schema(example = json!(null))]
    root_campaign_id: Option<String>,
    /// The campaign above this one: there are none here.
    #[schema(example = json!(null))]
    parent_campaign_id: Option<String>,
    /// Whether its settings were changed while it ran.
    has_overrides: bool,
    /// Whether Merkl hides it: not known here.
    #[schema(example = json!(null))]
    is_private: Option<bool>,
    /// Our own sums.
    accrual: Sums,
}

/// How far Merkl's own engine had come when it was last asked, as far as that is known here: ours is in `accrual`.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = MerklEngineStatus)]
struct EngineStatus {
    /// What Merkl's contract calls the campaign; our own name where it is not told to be one of theirs.
    #[schema(example = "0x1f2e3d4c5b6a79880f1e2d3c4b5a69780f1e2d3c4b5a69780f1e2d3c4b5a6978")]
    campaign_id: String,
    /// Up to when, in seconds since 1970: not known here.
    #[schema(example = json!(null))]
    computed_until: Option<UnixSeconds>,
    /// Since when, in seconds since 1970: not known here.
    #[schema(example = json!(null))]
    processing_started: Option<UnixSeconds>,
    /// What it is at: not known here.
    #[schema(example = json!(null))]
    status: Option<String>,
    /// Since when it prepares, in seconds since 1970: not known here.
    #[schema(example = json!(null))]
    pre_compute_processing_started: Option<UnixSeconds>,
    /// What its preparing is at: not known here.
    #[schema(example = json!(null))]
    pre_compute_status: Option<String>,
}

/// Whether a campaign hands out now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum Status {
    Soon,
    Live,
    Past,
}

/// What a campaign yields now; `None` for what is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Yield {
    /// Per cent a year.
    pub(super) apr: Option<Decimal>,
    /// Handed out a day, in smallest units.
    pub(super) daily_units: Option<Amount>,
    /// The same in dollars.
    pub(super) daily_usd: Option<Decimal>,
}

/// Campaigns in Merkl's shape
///
/// In the order of the configuration; `accrual` has our sums.
#[utoipa::path(
    get,
    path = "/v4/campaigns",
    tag = "merkl",
    operation_id = "merkl_list_campaigns",
    params(
        ("page" = Option<u64>, Query, description = "Which page, from 0."),
        ("items" = Option<u32>, Query, minimum = 1, maximum = 500, description = "Rows of a page; 20 unless told otherwise."),
        ("chainId" = Option<String>, Query, description = "Chains: repeated, or with commas between."),
        ("status" = Option<String>, Query, description = "LIVE, PAST or SOON: repeated, or with commas between."),
        ("search" = Option<String>, Query, description = "A part of a name or symbol. All other filters of theirs are taken too; those by creator are refused."),
        ("withOpportunity" = Option<bool>, Query, description = "Each with its pool.")
    ),
    responses(
        (status = 200, description = "The campaigns.", body = Vec<CampaignShape>),
        (status = 422, description = "What was asked does not fit.", body = Invalid)
    )
)]
pub(crate) async fn list(State(api): State<Api>, filters: Filters) -> Answer<Vec<CampaignShape>> {
    let (page, filter) = (filters.page()?, CampaignFilter::read(&filters)?);
    let with_opportunity = filters.flag("withOpportunity")?.unwrap_or(false);
    let state = api.book().state();
    let wanted = api.book().campaigns().iter().filter(|campaign| filter.admits(&api, &state, campaign));
    let mut shapes = Vec::new();
    for campaign in page.of(wanted) {
        shapes.push(CampaignShape::of(&api, &state, campaign, with_opportunity).await?);
    }
    Ok(Json(shapes))
}

/// How many campaigns there are
///
/// On all pages of the list, with the same filters.
#[utoipa::path(
    get,
    path = "/v4/campaigns/count",
    tag = "merkl",
    operation_id = "merkl_count_campaigns",
    params(
        ("chainId" = Option<String>, Query, description = "Chains: repeated, or with commas between."),
        ("status" = Option<String>, Query, description = "LIVE, PAST or SOON: repeated, or with commas between."),
        ("search" = Option<String>, Query, description = "A part of a name or symbol. All other filters of theirs are taken too; those by creator are refused.")
    ),
    responses(
        (status = 200, description = "How many.", body = u64, content_type = "application/json"),
        (status = 422, description = "What was asked does not fit.", body = Invalid)
    )
)]
pub(crate) async fn count(State(api): State<Api>, filters: Filters) -> Answer<usize> {
    filters.page()?;
    let filter = CampaignFilter::read(&filters)?;
    let state = api.book().state();
    Ok(Json(api.book().campaigns().iter().filter(|campaign| filter.admits(&api, &state, campaign)).count()))
}

/// A campaign in Merkl's shape
///
/// By its id here or on Merkl's contract.
#[utoipa::path(
    get,
    path = "/v4/campaigns/{id}",
    tag = "merkl",
    operation_id = "merkl_get_campaign",
    params(
        ("id" = String, Path, description = "The campaign's id.")
    ),
    responses(
        (status = 200, description = "The campaign.", body = CampaignShape),
        (status = 422, description = "What was asked does not fit.", body = Invalid)
    )
)]
pub(crate) async fn one(State(api): State<Api>, Path(id): Path<String>) -> Answer<CampaignShape> {
    let campaign = find(&api, &id)?;
    let state = api.book().state();
    Ok(Json(CampaignShape::of(&api, &state, campaign, true).await?))
}

/// The campaign that is called `id`, here or on Merkl's contract.
pub(super) fn find<'a>(api: &'a Api, id: &str) -> Result<&'a Campaign, Refused> {
    let found = api.book().campaigns().iter().find(|campaign| is_called(campaign, id));
    found.ok_or_else(|| ApiError::no_such("campaign", id).into())
}

/// Whether `id` means this campaign.
pub(super) fn is_called(campaign: &Campaign, id: &str) -> bool {
    campaign.id.as_str() == id || merkl_name(campaign).eq_ignore_ascii_case(id)
}

/// What Merkl's contract calls it; a campaign that is not told to be one of theirs goes by our name, so that answers
/// can be joined all the same.
pub(super) fn merkl_name(campaign: &Campaign) -> String {
    campaign.merkl_campaign_id.map_or_else(|| campaign.id.to_string(), |id| id.to_string())
}

/// How a venue's campaigns are called. Merkl has two kinds that pay by balance, 1 and 18: this is the current one, which finds
/// forwarders by itself, as we do.
pub(super) fn kind(venue: Venue) -> &'static str {
    if venue.is_concentrated() { "CLAMM" } else { "ERC20LOGPROCESSOR" }
}

/// The window of the newest version.
pub(super) fn window(campaign: &Campaign) -> Window {
    campaign.versions.last().map_or(campaign.window, |version| version.window)
}

/// Whether the campaign hands out at its pool's newest block.
pub(super) fn status(api: &Api, state: &Book, campaign: &Campaign) -> Status {
    let at = now(api, state, campaign);
    let Window { starts_at, ends_at } = window(campaign);
    if at < starts_at {
        Status::Soon
    } else if at < ends_at {
        Status::Live
    } else {
        Status::Past
    }
}

/// The time of the pool's newest block; the clock's before its first.
fn now(api: &Api, state: &Book, campaign: &Campaign) -> UnixSeconds {
    let pool = state.pool(&campaign.pool);
    pool.map_or_else(|| api.settings().clock.now(), |pool| pool.moment.at)
}

impl Status {
    /// Their word for it.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Soon => "SOON",
            Self::Live => "LIVE",
            Self::Past => "PAST",
        }
    }
}

impl Yield {
    pub(super) fn of(
        prices: &Prices<'_>,
        api: &Api,
        state: &Book,
        campaign: &Campaign,
    ) -> Result<Self, ApiError> {
        let nothing = Self {
            apr: Some(Decimal::ZERO),
            daily_units: Some(Amount::ZERO),
            daily_usd: Some(Decimal::ZERO),
        };
        if status(api, state, campaign) != Status::Live {
            return Ok(nothing);
        }
        let token = campaign.reward_token;
        let daily_units = emission_over(campaign, DAY_SECONDS);
        let daily_usd = daily_units.and_then(|units| prices.worth_of(token, units).ok());
        let Some(pool) = state.pool(&campaign.pool) else {
            let daily_usd = daily_usd.and_then(|usd| usd.to_decimal(USD_PLACES));
            return Ok(Self { apr: None, daily_units, daily_usd });
        };
        let eligible = prices.worth(&campaign.pool, pool.eligible(&campaign.id)?).ok();
        let apr = match reward_percent(campaign, prices.priced(token).ok(), eligible, pool.moment.at) {
            Err(AprUnknown::NotRunning) => Some(Decimal::ZERO),
            told => told.ok(),
        };
        Ok(Self { apr, daily_units, daily_usd: daily_usd.and_then(|usd| usd.to_decimal(USD_PLACES)) })
    }
}

impl CampaignShape {
    pub(super) async fn of(
        api: &Api,
        state: &Book,
        campaign: &Campaign,
        with_opportunity: bool,
    ) -> Result<Self, ApiError> {
        let info = crate::routes::pool_of(api, &campaign.pool)?;
        let prices = Prices::now(api, state, now(api, state, campaign));
        let yields = Yield::of(&prices, api, state, campaign)?;
        let (chain, chain_id) = (Chain::of(api, state).await?, api.settings().chain_id);
        let reward_token = Token::of(api, &prices, campaign.reward_token);
        let Window { starts_at, ends_at } = window(campaign);
        let computed_until = merkl::computed_until(api, campaign).await?;
        let opportunity = match with_opportunity {
            true => Some(Opportunity::of(api, state, info).await?),
            false => None,
        };
        Ok(Self {
            id: campaign.id.to_string(),
            compute_chain_id: chain_id,
            distribution_chain_id: chain_id,
            campaign_id: merkl_name(campaign),
            r#type: kind(info.pool.venue),
            sub_type: None,
            distribution_type: "DUTCH_AUCTION",
            amount: campaign.budget,
            start_timestamp: starts_at,
            end_timestamp: ends_at,
            creator_address: None,
            apr: yields.apr.map(Number),
            daily_rewards: yields.daily_usd.map(Number),
            params: Params::of(api, campaign, info),
            distribution_chain: chain.clone(),
            chain,
            reward_token_id: reward_token.id.clone(),
            reward_token,
            opportunity_id: opportunities::id(info),
            opportunity,
            campaign_status: EngineStatus::of(campaign, computed_until),
            created_at: None,
            root_campaign_id: None,
            parent_campaign_id: None,
            has_overrides: !campaign.versions.is_empty(),
            is_private: None,
            accrual: Sums::of(api, state, campaign)?,
        })
    }
}

impl EngineStatus {
    fn of(campaign: &Campaign, computed_until: Option<UnixSeconds>) -> Self {
        Self {
            campaign_id: merkl_name(campaign),
            computed_until,
            processing_started: None,
            status: None,
            pre_compute_processing_started: None,
            pre_compute_status: None,
        }
    }
}
