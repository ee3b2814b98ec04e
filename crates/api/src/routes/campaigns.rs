//! `GET /v1/campaigns`, `GET /v1/campaigns/{id}`: what is promised, and what was paid so far.

use accrual_rewards::apr::{AprUnknown, Usd, is_estimate, reward_percent};
use accrual_rewards::campaign::{Campaign, Weights};
use accrual_rewards::unit::{Amount, UnixSeconds};
use axum::Json;
use axum::extract::{Path, State};
use axum::response::Response;
use rust_decimal::Decimal;
use serde::Serialize;
use utoipa::ToSchema;

use super::paging::Page;
use super::{TokenView, campaign, rates};
use crate::announced::AnnouncedView;
use crate::app::Api;
use crate::book::{FiguresUnknown, PoolState, State as BookState};
use crate::error::ApiError;
use crate::params::Params;
use crate::prices::{NoValue, PriceView, Prices, USD_PLACES, source_of};
use crate::view::{AsOf, Eip55, One, Rfc3339, SumsView};

/// All campaigns
///
/// In the order of the configuration, each with its sums, TVL and APR.
#[utoipa::path(
    get,
    path = "/v1/campaigns",
    tag = "campaigns",
    operation_id = "list_campaigns",
    params(
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 500, description = "The most rows of the page; 50 unless told otherwise."),
        ("cursor" = Option<String>, Query, description = "Where the page before ended.")
    ),
    responses((status = 200, description = "The campaigns.", body = crate::view::List<CampaignView>))
)]
pub(crate) async fn list(State(api): State<Api>, mut params: Params) -> Result<Response, ApiError> {
    let page = Page::read(&mut params, "campaigns".to_owned());
    params.done()?;
    let pinned = page.pinned(&api).await?;
    Ok(page.of(&api, &pinned, views(&api, &pinned.state)?, "/v1/campaigns"))
}

pub(super) fn views(api: &Api, state: &BookState) -> Result<Vec<CampaignView>, ApiError> {
    api.book().campaigns().iter().map(|one| CampaignView::of(api, state, one)).collect()
}

/// One campaign
///
/// What is promised, what was paid so far, and the yearly rate with its parts.
#[utoipa::path(
    get,
    path = "/v1/campaigns/{id}",
    tag = "campaigns",
    operation_id = "get_campaign",
    params(
        ("id" = String, Path, description = "The campaign's id."),
        ("window" = Option<crate::document::shape::WindowName>, Query, description = "How long back fees are counted; 24h unless told otherwise.")
    ),
    responses((status = 200, description = "The campaign.", body = One<CampaignView>))
)]
pub(crate) async fn one(
    State(api): State<Api>,
    Path(id): Path<String>,
    mut params: Params,
) -> Result<Json<One<CampaignView>>, ApiError> {
    let window_seconds = params.take("window", rates::window).unwrap_or(rates::WINDOW_DEFAULT_SECONDS);
    params.done()?;
    let campaign = campaign(&api, &id)?;
    let state = api.book().state();
    let mut data = CampaignView::of(&api, &state, campaign)?;
    if let Some(pool) = state.pool(&campaign.pool) {
        let fees = rates::fees(&api, pool, window_seconds).await?;
        data.apr.window_seconds = window_seconds;
        data.apr.base_percent = fees.ok();
        data.apr.base_reason = fees.err().map(AprUnknown::as_str);
    }
    let moment = state.pool(&campaign.pool).map(|pool| pool.moment);
    let meta = api.meta(&state, moment, None);
    Ok(Json(One { data, meta }))
}

/// A campaign with its sums; where these are null, `sums_reason` says why.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CampaignView {
    /// The campaign's id.
    id: String,
    /// Its pool's id.
    pool: String,
    /// Merkl's own id of it, if it is one of theirs.
    merkl_campaign_id: Option<String>,
    /// What it pays in.
    reward_token: TokenView,
    /// When it begins.
    starts_at: Rfc3339,
    /// When it ends, excluded.
    ends_at: Rfc3339,
    /// `scheduled`, `running` or `ended`, at the block of `as_of`.
    status: &'static str,
    /// How an interval's emission is split: `per_block`, `time_weighted` or `swap_weighted`.
    scoring: &'static str,
    /// The length of a run in seconds, for scorings by run; null otherwise.
    run_seconds: Option<u32>,
    /// The parts of the emission, out of their sum.
    weights: Weights,
    /// Whether positions out of range have a share of the token parts.
    out_of_range: bool,
    /// Accounts that are excluded.
    blacklist: Vec<Eip55>,
    /// The only accounts that are paid; empty for all.
    whitelist: Vec<Eip55>,
    /// What the campaign's creator paid on top as a fee, in millionths of the budget.
    fee_ppm: u32,
    /// What is handed out in all.
    budget_units: Amount,
    /// What time has set free so far, rounded down.
    emitted_units: Option<Amount>,
    /// What accounts earned of it.
    earned_units: Option<Amount>,
    /// What nobody earned of it: emitted less earned.
    undistributed_units: Option<Amount>,
    /// The parts of what nobody earned.
    undistributed: Option<UndistributedView>,
    /// How many accounts have earned.
    accounts_count: Option<usize>,
    /// `not_indexed` before the pool's first checkpoint; `fees_unknown` when it is paid by fees that cannot be known.
    sums_reason: Option<&'static str>,
    /// What one whole reward token is worth.
    reward_token_price_usd: Option<Decimal>,
    /// The same, with the way to it.
    reward_token_price: PriceView,
    /// What the eligible positions hold.
    tvl_usd: Option<Decimal>,
    /// Whose holdings count as TVL: always `eligible_positions`.
    tvl_method: &'static str,
    /// Why there is no TVL; null where there is one.
    tvl_reason: Option<&'static str>,
    /// What it pays a year.
    apr: AprView,
    /// What was announced of it, held against itself; null where nothing is configured. Nothing is paid by it.
    announced: Option<AnnouncedView>,
    /// The block at which this is true; null before the pool's first checkpoint.
    as_of: Option<AsOf>,
}

/// Why some of the emission was earned by nobody.
#[derive(Debug, Serialize, ToSchema)]
struct UndistributedView {
    /// Set free while nobody was eligible for it.
    nobody_eligible_units: Amount,
    /// What rounding each account's figure down leaves.
    rounding_units: Amount,
}

/// The yearly rate with its parts; `reason` says why `reward_percent` is null.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AprView {
    /// What the campaign pays a year on what eligible positions hold, by the rate of this block.
    reward_percent: Option<Decimal>,
    /// What trades pay on the mean of what all positions held; lists do not read the stored hours for it.
    base_percent: Option<Decimal>,
    /// Why there is no `base_percent`; null where there is one.
    base_reason: Option<&'static str>,
    /// How long back fees are counted; the campaign's part is that of the block itself.
    window_seconds: u64,
    /// In a campaign's first 24 hours the rate is our own estimate: nothing was measured for so long.
    estimate: bool,
    /// What the eligible positions hold.
    tvl_usd: Option<Decimal>,
    /// Where the reward token's price comes from.
    price_source: Option<String>,
    /// How the rate is worked out.
    method: &'static str,
    /// Why `reward_percent` is null; null where it is not.
    reason: Option<&'static str>,
}

impl CampaignView {
    fn of(api: &Api, state: &BookState, campaign: &Campaign) -> Result<Self, ApiError> {
        let pool = state.pool(&campaign.pool).map(AsRef::as_ref);
        let known = match pool {
            Some(pool) => pool.known(&campaign.id)?.map_err(FiguresUnknown::as_str),
            None => Err("not_indexed"),
        };
        let report = known.ok();
        let sums = report.map(|report| SumsView::of(&report.figures));
        let now = pool.map(|pool| pool.moment.at);
        let prices = Prices::now(api, state, now.unwrap_or_else(|| api.settings().clock.now()));
        let eligible = pool.map(|pool| pool.eligible(&campaign.id)).transpose()?;
        let eligible = eligible.map(|held| prices.worth(&campaign.pool, held));
        let undistributed = report.map(|report| UndistributedView {
            nobody_eligible_units: report.figures.undistributed.nobody_eligible,
            rounding_units: report.figures.undistributed.rounding,
        });
        Ok(Self {
            id: campaign.id.to_string(),
            pool: campaign.pool.to_string(),
            merkl_campaign_id: campaign.merkl_campaign_id.map(|id| id.to_string()),
            reward_token: TokenView::of(api, campaign.reward_token),
            starts_at: Rfc3339(campaign.window.starts_at),
            ends_at: Rfc3339(campaign.window.ends_at),
            status: status(campaign, now.unwrap_or_else(|| api.settings().clock.now())),
            scoring: campaign.scoring.as_str(),
            run_seconds: campaign.run_seconds,
            weights: campaign.weights,
            out_of_range: campaign.out_of_range,
            blacklist: campaign.blacklist.iter().copied().map(Eip55).collect(),
            whitelist: campaign.whitelist.iter().copied().map(Eip55).collect(),
            fee_ppm: campaign.fee_ppm,
            budget_units: campaign.budget,
            emitted_units: sums.map(|sums| sums.emitted_units),
            earned_units: sums.map(|sums| sums.earned_units),
            undistributed_units: sums.map(|sums| sums.undistributed_units),
            undistributed,
            accounts_count: report.map(|report| report.accounts_count()),
            sums_reason: known.err(),
            reward_token_price_usd: prices.usd(campaign.reward_token).ok().map(|quote| quote.usd),
            reward_token_price: PriceView::of(&prices, campaign.reward_token),
            tvl_usd: eligible.as_ref().and_then(|worth| worth.as_ref().ok()?.to_decimal(USD_PLACES)),
            tvl_method: "eligible_positions",
            tvl_reason: eligible.as_ref().and_then(|worth| worth.as_ref().err().map(NoValue::as_str)),
            apr: AprView::of(&prices, campaign, eligible.as_ref(), pool),
            announced: AnnouncedView::told(api, campaign),
            as_of: pool.map(|pool| api.as_of(pool.moment)),
        })
    }
}

/// A campaign's rate with its parts, by the pools of `state`.
pub(crate) fn apr_of(api: &Api, state: &BookState, campaign: &Campaign) -> Result<AprView, ApiError> {
    let pool = state.pool(&campaign.pool).map(AsRef::as_ref);
    let at = pool.map_or_else(|| api.settings().clock.now(), |pool| pool.moment.at);
    let prices = Prices::now(api, state, at);
    let eligible = pool.map(|pool| pool.eligible(&campaign.id)).transpose()?;
    let eligible = eligible.map(|held| prices.worth(&campaign.pool, held));
    Ok(AprView::of(&prices, campaign, eligible.as_ref(), pool))
}

impl AprView {
    fn of(
        prices: &Prices<'_>,
        campaign: &Campaign,
        eligible: Option<&Result<Usd, NoValue>>,
        pool: Option<&PoolState>,
    ) -> Self {
        let reward = prices.priced(campaign.reward_token);
        let eligible = eligible.and_then(|worth| worth.as_ref().ok().copied());
        let told = match pool {
            Some(pool) => reward_percent(campaign, reward.as_ref().ok().copied(), eligible, pool.moment.at)
                .map_err(AprUnknown::as_str),
            None => Err("not_indexed"),
        };
        Self {
            reward_percent: told.ok(),
            base_percent: None,
            base_reason: Some("not_in_lists").filter(|_| pool.is_some()),
            window_seconds: 0,
            estimate: told.is_ok() && pool.is_some_and(|pool| is_estimate(campaign, pool.moment.at)),
            tvl_usd: eligible.and_then(|usd| usd.to_decimal(USD_PLACES)),
            price_source: reward.ok().and(eligible).and(source_of(prices, campaign.reward_token)),
            method: "emission_of_a_year_over_eligible_tvl",
            reason: told.err(),
        }
    }
}

fn status(campaign: &Campaign, at: UnixSeconds) -> &'static str {
    if at < campaign.window.starts_at {
        "scheduled"
    } else if at < campaign.window.ends_at {
        "running"
    } else {
        "ended"
    }
}
