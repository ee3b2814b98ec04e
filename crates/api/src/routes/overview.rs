//! `GET /v1/overview`: all that a dashboard shows first, in one call.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::campaigns::{self, CampaignView};
use super::pools::{self, PoolView};
use crate::app::Api;
use crate::book::State as BookState;
use crate::error::ApiError;
use crate::params::Params;
use crate::view::{EarnedRow, Meta};

const TOP_DEFAULT: usize = 10;
const TOP_MAX: usize = 50;

/// A dashboard's first paint
///
/// All campaigns with their largest earners, and all pools, of one block.
#[utoipa::path(
    get,
    path = "/v1/overview",
    tag = "campaigns",
    operation_id = "get_overview",
    params(("top" = Option<u32>, Query, description = "How many earners of each campaign; 10 unless told otherwise.", minimum = 0, maximum = 50)),
    responses((status = 200, description = "The overview.", body = OverviewView))
)]
pub(crate) async fn overview(
    State(api): State<Api>,
    mut params: Params,
) -> Result<Json<OverviewView>, ApiError> {
    let top = params.take("top", top).unwrap_or(TOP_DEFAULT);
    params.done()?;
    let state = api.book().state();
    let views = campaigns::views(&api, &state)?;
    let earners = api.book().campaigns().iter().map(|campaign| earners(&state, campaign, top));
    let campaigns = views.into_iter().zip(earners.collect::<Result<Vec<_>, ApiError>>()?);
    Ok(Json(OverviewView {
        campaigns: campaigns.map(|(campaign, top)| CampaignOverview { campaign, top }).collect(),
        pools: pools::views(&api, &state),
        meta: api.meta(&state, state.lowest(), None),
    }))
}

/// What a dashboard shows first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OverviewView {
    /// As `/v1/campaigns` has them.
    campaigns: Vec<CampaignOverview>,
    /// As `/v1/pools` has them.
    pools: Vec<PoolView>,
    /// What goes with them.
    meta: Meta,
}

/// A campaign and its largest earners.
#[derive(Debug, Serialize, ToSchema)]
struct CampaignOverview {
    #[serde(flatten)]
    campaign: CampaignView,
    /// As `/v1/campaigns/{id}/accruals` begins; empty where the campaign's figures are not known.
    top: Vec<EarnedRow>,
}

fn earners(
    state: &BookState,
    campaign: &accrual_rewards::campaign::Campaign,
    top: usize,
) -> Result<Vec<EarnedRow>, ApiError> {
    let Some(pool) = state.pool(&campaign.pool) else { return Ok(Vec::new()) };
    let Ok(report) = pool.known(&campaign.id)? else { return Ok(Vec::new()) };
    let largest = report.largest().take(top);
    let mut rows: Vec<EarnedRow> = largest.map(|row| EarnedRow::account(&pool.tracker, &row)).collect();
    rows.iter_mut().for_each(|row| row.flag(&pool.info.pool, state.contracts()));
    Ok(rows)
}

/// `top=`: how many earners of each campaign.
fn top(text: &str) -> Result<usize, String> {
    let top: Option<usize> = text.parse().ok().filter(|top| *top <= TOP_MAX);
    top.ok_or_else(|| format!("must be between 0 and {TOP_MAX}"))
}
