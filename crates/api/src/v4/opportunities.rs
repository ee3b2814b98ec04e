//! `GET /v4/opportunities`, `/v4/opportunities/{id}`: a pool with the campaigns that pay for its liquidity.

mod filter;
mod paid;

use std::sync::Arc;

use accrual_rewards::apr::all_holdings;
use accrual_rewards::campaign::Campaign;
use accrual_rewards::id::Venue;
use accrual_rewards::unit::UnixSeconds;
use axum::Json;
use axum::extract::{Path, State};
use serde::Serialize;

use super::Answer;
use super::campaigns::{self, CampaignShape};
use super::filters::Filters;
use super::invalid::Invalid;
use super::own::{AsOf, Number, SecondsText, undated};
use super::reference::{Chain, Protocol, Token};
use crate::app::{Api, PoolInfo};
use crate::book::State as Book;
use crate::error::ApiError;
use crate::prices::{Prices, USD_PLACES};
use crate::view::Eip55;
use filter::OpportunityFilter;
use paid::{AprRecord, Paid, RewardsRecord};

/// A pool and what is paid for its liquidity, as they tell of it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Opportunity {
    /// Our own name for the pool: theirs is a hash of a kind that they do not publish.
    pub(super) id: String,
    pub(super) chain_id: u64,
    pub(super) r#type: &'static str,
    pub(super) identifier: Eip55,
    pub(super) name: String,
    pub(super) description: String,
    how_to_steps: [String; 0],
    pub(super) status: &'static str,
    pub(super) action: &'static str,
    tags: [String; 0],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) main_protocol: Option<&'static str>,
    explorer_address: Eip55,
    /// Dollars in all positions of the pool; null while a price is missing.
    pub(super) tvl: Option<Number>,
    /// Per cent a year of all running campaigns together, each on what its eligible positions hold.
    pub(super) apr: Option<Number>,
    pub(super) daily_rewards: Option<Number>,
    live_campaigns: usize,
    last_campaign_created_at: Option<UnixSeconds>,
    earliest_campaign_start: Option<SecondsText>,
    latest_campaign_start: Option<SecondsText>,
    earliest_campaign_end: Option<SecondsText>,
    latest_campaign_end: Option<SecondsText>,
    pub(super) tokens: Vec<Token>,
    pub(super) chain: Chain,
    pub(super) protocol: Option<Protocol>,
    active_programs: [String; 0],
    #[serde(skip_serializing_if = "Option::is_none")]
    apr_record: Option<AprRecord>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tvl_record: Option<TvlRecord>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rewards_record: Option<RewardsRecord>,
    #[serde(skip_serializing_if = "Option::is_none")]
    campaigns: Option<Vec<CampaignShape>>,
    accrual: PoolNamed,
}

/// What the pool is called here, and where the figures are true.
#[derive(Debug, Serialize)]
struct PoolNamed {
    pool: String,
    venue: &'static str,
    as_of: Option<AsOf>,
}

#[derive(Debug, Serialize)]
struct TvlRecord {
    total: Number,
    timestamp: SecondsText,
    breakdowns: [String; 0],
}

/// Pools that campaigns pay for
///
/// In the order of the configuration unless `sort` says otherwise.
#[utoipa::path(
    get,
    path = "/v4/opportunities",
    tag = "merkl",
    operation_id = "merkl_list_opportunities",
    params(
        ("page" = Option<u64>, Query, description = "Which page, from 0."),
        ("items" = Option<u32>, Query, minimum = 1, maximum = 500, description = "Rows of a page; 20 unless told otherwise."),
        ("chainId" = Option<String>, Query, description = "Chains: repeated, or with commas between."),
        ("status" = Option<String>, Query, description = "LIVE, PAST or SOON: repeated, or with commas between."),
        ("search" = Option<String>, Query, description = "A part of a name or symbol. All other filters of theirs are taken too; those by creator are refused."),
        ("sort" = Option<String>, Query, description = "apr, tvl or rewards; with order=asc the smallest first."),
        ("campaigns" = Option<bool>, Query, description = "Each with its campaigns.")
    ),
    responses(
        (status = 200, description = "The pools.", body = Vec<crate::document::shape::Theirs>),
        (status = 422, description = "What was asked does not fit.", body = Invalid)
    )
)]
pub(crate) async fn list(State(api): State<Api>, filters: Filters) -> Answer<Vec<Opportunity>> {
    let (page, filter) = (filters.page()?, OpportunityFilter::read(&filters)?);
    let state = api.book().state();
    let mut found = Vec::new();
    for info in paid_for(&api) {
        let opportunity = Opportunity::of(&api, &state, info).await?;
        if filter.admits(&api, info, &opportunity) {
            found.push((info, opportunity));
        }
    }
    filter.sort(&mut found);
    let mut answer = Vec::new();
    for (info, mut opportunity) in page.of(found) {
        if filter.with_campaigns {
            opportunity.campaigns = Some(campaign_shapes(&api, &state, info).await?);
        }
        answer.push(opportunity);
    }
    Ok(Json(answer))
}

/// A pool that campaigns pay for
///
/// By its id here or its address.
#[utoipa::path(
    get,
    path = "/v4/opportunities/{id}",
    tag = "merkl",
    operation_id = "merkl_get_opportunity",
    params(
        ("id" = String, Path, description = "The pool's id."),
        ("campaigns" = Option<bool>, Query, description = "With its campaigns.")
    ),
    responses(
        (status = 200, description = "The pool.", body = crate::document::shape::Theirs),
        (status = 422, description = "What was asked does not fit.", body = Invalid)
    )
)]
pub(crate) async fn one(
    State(api): State<Api>,
    Path(asked): Path<String>,
    filters: Filters,
) -> Answer<Opportunity> {
    for flag in ["test", "point", "excludeSubCampaigns"] {
        filters.flag(flag)?;
    }
    let with_campaigns = filters.flag("campaigns")?.unwrap_or(false);
    let is_it = |info: &&Arc<PoolInfo>| {
        id(info) == asked || Eip55(info.pool.address).to_string().eq_ignore_ascii_case(&asked)
    };
    let info = paid_for(&api).find(is_it).ok_or_else(|| ApiError::no_such("opportunity", &asked))?;
    let state = api.book().state();
    let mut opportunity = Opportunity::of(&api, &state, info).await?;
    if with_campaigns {
        opportunity.campaigns = Some(campaign_shapes(&api, &state, info).await?);
    }
    Ok(Json(opportunity))
}

/// The pools that some campaign pays for.
fn paid_for(api: &Api) -> impl Iterator<Item = &Arc<PoolInfo>> {
    api.book().pools().iter().filter(|info| campaigns_of(api, info).next().is_some())
}

fn campaigns_of<'a>(api: &'a Api, info: &'a PoolInfo) -> impl Iterator<Item = &'a Campaign> {
    api.book().campaigns().iter().filter(|campaign| campaign.pool == info.pool.id)
}

/// What a pool is called.
pub(super) fn id(info: &PoolInfo) -> String {
    info.pool.id.to_string()
}

async fn campaign_shapes(api: &Api, state: &Book, info: &PoolInfo) -> Result<Vec<CampaignShape>, ApiError> {
    let mut shapes = Vec::new();
    for campaign in campaigns_of(api, info) {
        shapes.push(CampaignShape::of(api, state, campaign, false).await?);
    }
    Ok(shapes)
}

impl Opportunity {
    pub(super) async fn of(api: &Api, state: &Book, info: &PoolInfo) -> Result<Self, ApiError> {
        let pool = state.pool(&info.pool.id).map(AsRef::as_ref);
        let at = pool.map_or_else(|| api.settings().clock.now(), |pool| pool.moment.at);
        let prices = Prices::now(api, state, at);
        let held = pool.map(|pool| all_holdings(pool.tracker.ledger()));
        let tvl = held.and_then(|held| prices.tvl(&info.pool.id, &held).ok()?.usd.to_decimal(USD_PLACES));
        let mut paid = Paid::of(api, state, &prices, info, SecondsText(at))?;
        let venue = info.pool.venue;
        Ok(Self {
            id: id(info),
            chain_id: api.settings().chain_id,
            r#type: campaigns::kind(venue),
            identifier: Eip55(info.pool.address),
            name: name(api, info),
            description: format!("Liquidity of the pool {} ({venue}), counted by accrual.", info.pool.id),
            how_to_steps: [],
            status: paid.status.as_str(),
            action: if venue == Venue::Erc20 { "HOLD" } else { "POOL" },
            tags: [],
            main_protocol: Protocol::of(venue).map(|protocol| protocol.id),
            explorer_address: Eip55(info.pool.address),
            tvl: tvl.map(Number),
            apr: paid.apr.map(Number),
            daily_rewards: paid.daily_usd.map(Number),
            live_campaigns: paid.live,
            last_campaign_created_at: None,
            earliest_campaign_start: paid.starts.first().copied().map(SecondsText),
            latest_campaign_start: paid.starts.last().copied().map(SecondsText),
            earliest_campaign_end: paid.ends.first().copied().map(SecondsText),
            latest_campaign_end: paid.ends.last().copied().map(SecondsText),
            tokens: api
                .tokens_of(&info.pool.id)
                .iter()
                .map(|token| Token::of(api, &prices, *token))
                .collect(),
            chain: Chain::of(api, state).await?,
            protocol: Protocol::of(venue),
            active_programs: [],
            apr_record: paid.apr_record(SecondsText(at)),
            tvl_record: tvl.map(|tvl| TvlRecord {
                total: Number(tvl),
                timestamp: SecondsText(at),
                breakdowns: [],
            }),
            rewards_record: paid.rewards_record(SecondsText(at)),
            campaigns: None,
            accrual: PoolNamed {
                pool: info.pool.id.to_string(),
                venue: venue.as_str(),
                as_of: pool.map(|pool| AsOf::of(api, pool)),
            },
        })
    }
}

/// The pool's name here with what its tokens call themselves, which is theirs to choose.
fn name(api: &Api, info: &PoolInfo) -> String {
    let symbols = api.tokens_of(&info.pool.id).into_iter().map(|token| api.token(token).symbol);
    let symbols: Option<Vec<String>> = symbols.collect();
    let pair = symbols.filter(|symbols| !symbols.is_empty()).map(|symbols| symbols.join("-"));
    undated(&pair.map_or_else(|| info.pool.id.to_string(), |pair| format!("{pair} ({})", info.pool.venue)))
}
