//! `GET /v4/opportunities`, `/v4/opportunities/{id}`: a pool with the campaigns that pay for its liquidity.

mod filter;
mod paid;

use std::sync::Arc;

use accrual_rewards::campaign::Campaign;
use accrual_rewards::id::Venue;
use accrual_rewards::unit::UnixSeconds;
use axum::Json;
use axum::extract::{Path, State};
use serde::Serialize;
use utoipa::ToSchema;

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
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = MerklOpportunity)]
pub(crate) struct Opportunity {
    /// Our own name for the pool: theirs is a hash of a kind that they do not publish.
    #[schema(example = "usdc-tmai")]
    pub(super) id: String,
    /// The number of its chain.
    #[schema(example = 8453)]
    pub(super) chain_id: u64,
    /// `CLAMM` for concentrated liquidity, `ERC20LOGPROCESSOR` for what pays by balance.
    #[schema(example = "CLAMM")]
    pub(super) r#type: &'static str,
    /// The pool's contract.
    pub(super) identifier: Eip55,
    /// What its tokens call themselves, with the venue.
    #[schema(example = "USDC-TMAI (uniswap_v3)")]
    pub(super) name: String,
    /// A sentence of ours.
    #[schema(example = "Liquidity of the pool usdc-tmai (uniswap_v3), counted by accrual.")]
    pub(super) description: String,
    /// How to take part: not known here.
    #[schema(value_type = Vec<String>, example = json!([]))]
    how_to_steps: [String; 0],
    /// `LIVE` while a campaign hands out, `SOON` while one is still to begin, else `PAST`.
    #[schema(example = "LIVE")]
    pub(super) status: &'static str,
    /// `POOL`, or `HOLD` where a token is all that has to be held.
    #[schema(example = "POOL")]
    pub(super) action: &'static str,
    /// Merkl's tags: none are kept here.
    #[schema(value_type = Vec<String>, example = json!([]))]
    tags: [String; 0],
    /// The protocol's `id`; absent for a bare token.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "uniswap")]
    pub(super) main_protocol: Option<&'static str>,
    /// The pool's contract, for explorers.
    explorer_address: Eip55,
    /// US dollars in all positions of the pool; null while a price is missing.
    pub(super) tvl: Option<Number>,
    /// Per cent a year of all running campaigns together, each on what its eligible positions hold.
    pub(super) apr: Option<Number>,
    /// US dollars a day of all running campaigns together; null while a price is missing.
    pub(super) daily_rewards: Option<Number>,
    /// How many of its campaigns hand out now.
    #[schema(example = 1)]
    live_campaigns: usize,
    /// When its newest campaign was made: not known here.
    #[schema(example = json!(null))]
    last_campaign_created_at: Option<UnixSeconds>,
    /// When its first campaign begins.
    earliest_campaign_start: Option<SecondsText>,
    /// When its last campaign begins.
    latest_campaign_start: Option<SecondsText>,
    /// When the first of its campaigns ends.
    earliest_campaign_end: Option<SecondsText>,
    /// When the last of its campaigns ends.
    latest_campaign_end: Option<SecondsText>,
    /// What it holds.
    pub(super) tokens: Vec<Token>,
    /// Where it is.
    pub(super) chain: Chain,
    /// Whose contracts it is made of; null for a bare token.
    pub(super) protocol: Option<Protocol>,
    /// Merkl's programs: none are kept here.
    #[schema(value_type = Vec<String>, example = json!([]))]
    active_programs: [String; 0],
    /// The yearly rate, campaign by campaign; absent while a part is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    apr_record: Option<AprRecord>,
    /// What it holds, by value; absent while a price is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    tvl_record: Option<TvlRecord>,
    /// What is handed out a day, campaign by campaign; absent while a part is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    rewards_record: Option<RewardsRecord>,
    /// Its campaigns; absent where they are not asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, no_recursion)]
    campaigns: Option<Vec<CampaignShape>>,
    /// What it is called here.
    accrual: PoolNamed,
}

/// What the pool is called here, and where the figures are true.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MerklPoolNamed)]
struct PoolNamed {
    /// The pool's id.
    pool: String,
    /// What it trades on.
    venue: &'static str,
    /// Where the figures are true; null before the pool's first block.
    as_of: Option<AsOf>,
}

/// What a pool holds, by value.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MerklTvlRecord)]
struct TvlRecord {
    /// US dollars in all positions.
    total: Number,
    /// When that is so.
    timestamp: SecondsText,
    /// Its parts: not told here.
    #[schema(value_type = Vec<String>, example = json!([]))]
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
        (status = 200, description = "The pools.", body = Vec<Opportunity>),
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
        (status = 200, description = "The pool.", body = Opportunity),
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
        let held = pool.map(|pool| &pool.standing().held);
        let tvl = held.and_then(|held| prices.tvl(&info.pool.id, held).ok()?.usd.to_decimal(USD_PLACES));
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
