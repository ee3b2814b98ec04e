//! `GET /v1/campaigns`, `GET /v1/campaigns/{id}`: what is promised, and what was paid so far.

use accrual_rewards::apr::{AprUnknown, Usd, is_estimate, reward_percent};
use accrual_rewards::campaign::{Campaign, Weights};
use accrual_rewards::unit::{Amount, UnixSeconds};
use axum::Json;
use axum::extract::{Path, State};
use rust_decimal::Decimal;
use serde::Serialize;

use super::{TokenView, campaign, rates};
use crate::app::Api;
use crate::book::{FiguresUnknown, PoolState, State as BookState};
use crate::error::ApiError;
use crate::params::Params;
use crate::prices::{NoValue, PriceView, Prices, USD_PLACES, source_of};
use crate::view::{AsOf, Eip55, List, One, Rfc3339, SumsView};

/// All campaigns, in the order of the configuration.
pub(crate) async fn list(
    State(api): State<Api>,
    params: Params,
) -> Result<Json<List<CampaignView>>, ApiError> {
    params.done()?;
    let state = api.book().state();
    let views: Result<_, _> =
        api.book().campaigns().iter().map(|one| CampaignView::of(&api, &state, one)).collect();
    let meta = api.meta(&state, state.lowest(), None);
    Ok(Json(List { data: views?, meta }))
}

/// One campaign.
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
#[derive(Debug, Serialize)]
pub(crate) struct CampaignView {
    id: String,
    pool: String,
    merkl_campaign_id: Option<String>,
    reward_token: TokenView,
    starts_at: Rfc3339,
    ends_at: Rfc3339,
    status: &'static str,
    scoring: &'static str,
    run_seconds: Option<u32>,
    weights: Weights,
    out_of_range: bool,
    blacklist: Vec<Eip55>,
    whitelist: Vec<Eip55>,
    fee_ppm: u32,
    budget_units: Amount,
    emitted_units: Option<Amount>,
    earned_units: Option<Amount>,
    undistributed_units: Option<Amount>,
    undistributed: Option<UndistributedView>,
    accounts_count: Option<usize>,
    /// `not_indexed` before the pool's first checkpoint; `fees_unknown` when it is paid by fees that cannot be known.
    sums_reason: Option<&'static str>,
    reward_token_price_usd: Option<Decimal>,
    /// The same, with the way to it.
    reward_token_price: PriceView,
    /// What the eligible positions hold.
    tvl_usd: Option<Decimal>,
    tvl_method: &'static str,
    tvl_reason: Option<&'static str>,
    apr: AprView,
    as_of: Option<AsOf>,
}

#[derive(Debug, Serialize)]
struct UndistributedView {
    nobody_eligible_units: Amount,
    rounding_units: Amount,
}

/// The yearly rate with its parts; `reason` says why `reward_percent` is null.
#[derive(Debug, Serialize)]
struct AprView {
    reward_percent: Option<Decimal>,
    /// What trades pay on the mean of what all positions held; lists do not read the stored hours for it.
    base_percent: Option<Decimal>,
    base_reason: Option<&'static str>,
    /// How long back fees are counted; the campaign's part is that of the block itself.
    window_seconds: u64,
    /// In a campaign's first 24 hours the rate is our own estimate: nothing was measured for so long.
    estimate: bool,
    tvl_usd: Option<Decimal>,
    price_source: Option<String>,
    method: &'static str,
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
            accounts_count: report.map(|report| report.accounts.len()),
            sums_reason: known.err(),
            reward_token_price_usd: prices.usd(campaign.reward_token).ok().map(|quote| quote.usd),
            reward_token_price: PriceView::of(&prices, campaign.reward_token),
            tvl_usd: eligible.as_ref().and_then(|worth| worth.as_ref().ok()?.to_decimal(USD_PLACES)),
            tvl_method: "eligible_positions",
            tvl_reason: eligible.as_ref().and_then(|worth| worth.as_ref().err().map(NoValue::as_str)),
            apr: AprView::of(&prices, campaign, eligible.as_ref(), pool),
            as_of: pool.map(|pool| api.as_of(pool.moment)),
        })
    }
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
