//! `GET /v1/pools/{id}/liquidity`: where a pool's liquidity lies, from the lowest tick to the highest.

use accrual_rewards::depth::{Band, bands};
use accrual_rewards::unit::{Amount, Tick};
use axum::Json;
use axum::extract::{Path, State};
use rust_decimal::Decimal;
use serde::Serialize;
use utoipa::ToSchema;

use super::TokenView;
use super::pools::spot;
use crate::app::Api;
use crate::error::ApiError;
use crate::params::Params;
use crate::prices::{NoValue, Prices, USD_PLACES};
use crate::view::One;

/// A pool's bands: neighbouring ticks with the same liquidity. Ticks with none are left out.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LiquidityView {
    /// The pool's id.
    pool: String,
    /// Its first token; null while it is not known.
    token0: Option<TokenView>,
    /// Its second token; null while it is not known.
    token1: Option<TokenView>,
    /// The tick of the price.
    tick: Option<Tick>,
    /// One whole token0 in whole token1, now.
    price: Option<Decimal>,
    /// The bands, the lowest first; empty where shares have no range.
    bands: Vec<BandView>,
    /// `no_ranges` for a pool whose shares have none.
    reason: Option<&'static str>,
}

/// Neighbouring ticks with the same liquidity.
#[derive(Debug, Serialize, ToSchema)]
struct BandView {
    /// The lowest tick, included.
    tick_lower: Tick,
    /// The highest tick, excluded.
    tick_upper: Tick,
    /// The liquidity of each tick of it, as the pool counts it.
    liquidity: String,
    /// What the pool holds there at its price, by token, rounded down.
    held_units: Vec<Amount>,
    /// What that is worth.
    value_usd: Option<Decimal>,
    /// Why there is no value; null where there is one.
    value_reason: Option<&'static str>,
}

/// Where a pool's liquidity lies
///
/// From the lowest tick to the highest, at the pool's newest block.
#[utoipa::path(
    get,
    path = "/v1/pools/{id}/liquidity",
    tag = "pools",
    operation_id = "get_pool_liquidity",
    params(("id" = String, Path, description = "The pool's id.")),
    responses((status = 200, description = "The bands.", body = One<LiquidityView>))
)]
pub(crate) async fn one(
    State(api): State<Api>,
    Path(id): Path<String>,
    params: Params,
) -> Result<Json<One<LiquidityView>>, ApiError> {
    params.done()?;
    let found = api.book().pools().iter().find(|info| info.pool.id.as_str() == id);
    let info = found.ok_or_else(|| ApiError::no_such("pool", &id))?;
    let pool = api.book().newest(info)?;
    let state = api.book().state();
    let (ledger, prices) = (pool.tracker.ledger(), Prices::now(&api, &state, pool.moment.at));
    let told = bands(ledger);
    let reason = if told.is_none() { Some("no_ranges") } else { None };
    let pair = api.pair(&info.pool.id);
    let data = LiquidityView {
        pool: id,
        token0: pair.token0.map(|token| TokenView::of(&api, token)),
        token1: pair.token1.map(|token| TokenView::of(&api, token)),
        tick: ledger.price().map(|price| price.tick),
        price: ledger.price_x192().and_then(|price| spot(&api, &info.pool.id, price)),
        bands: told.into_iter().flatten().map(|band| BandView::of(band, info, &prices)).collect(),
        reason,
    };
    Ok(Json(One { data, meta: api.meta(&state, Some(pool.moment), None) }))
}

impl BandView {
    fn of(band: Band, info: &crate::app::PoolInfo, prices: &Prices<'_>) -> Self {
        let value = prices.worth(&info.pool.id, &band.held);
        Self {
            tick_lower: band.range.lower,
            tick_upper: band.range.upper,
            liquidity: band.liquidity.to_string(),
            value_usd: value.as_ref().ok().and_then(|value| value.to_decimal(USD_PLACES)),
            value_reason: value.as_ref().err().map(NoValue::as_str),
            held_units: band.held.0,
        }
    }
}
