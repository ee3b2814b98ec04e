//! `GET /v1/pools`, `GET /v1/pools/{id}`: where a pool stands.

use accrual_rewards::apr::all_holdings;
use accrual_rewards::unit::{Liquidity, Tick};
use axum::Json;
use axum::extract::{Path, State};
use rust_decimal::Decimal;
use serde::Serialize;

use super::TokenView;
use crate::app::{Api, PoolInfo};
use crate::book::PoolState;
use crate::error::ApiError;
use crate::params::Params;
use crate::view::{AsOf, Eip55, List, One};

/// Decimals of a dollar in answers.
const USD_PLACES: u32 = 6;

/// All pools, in the order of the configuration.
pub(crate) async fn list(State(api): State<Api>, params: Params) -> Result<Json<List<PoolView>>, ApiError> {
    params.done()?;
    let state = api.book().state();
    let pools = api.book().pools().iter();
    let data =
        pools.map(|info| PoolView::of(&api, info, state.pool(&info.pool.id).map(AsRef::as_ref))).collect();
    let meta = api.meta(&state, state.lowest(), None);
    Ok(Json(List { data, meta }))
}

/// One pool.
pub(crate) async fn one(
    State(api): State<Api>,
    Path(id): Path<String>,
    params: Params,
) -> Result<Json<One<PoolView>>, ApiError> {
    params.done()?;
    let found = api.book().pools().iter().find(|info| info.pool.id.as_str() == id);
    let info = found.ok_or_else(|| ApiError::no_such("pool", &id))?;
    let state = api.book().state();
    let pool = state.pool(&info.pool.id).map(AsRef::as_ref);
    let meta = api.meta(&state, pool.map(|pool| pool.moment), None);
    Ok(Json(One { data: PoolView::of(&api, info, pool), meta }))
}

/// A pool and its state; the state is null before the first checkpoint, the price before the pool has one.
#[derive(Debug, Serialize)]
pub(crate) struct PoolView {
    id: String,
    chain_id: u64,
    venue: &'static str,
    address: Eip55,
    position_manager: Option<Eip55>,
    created_block: u64,
    token0: Option<TokenView>,
    token1: Option<TokenView>,
    sqrt_price_x96: Option<String>,
    tick: Option<Tick>,
    /// In range, as the pool counts it.
    liquidity: Option<String>,
    /// With liquidity.
    positions_count: Option<usize>,
    /// What all positions hold, without fees owed to them.
    tvl_usd: Option<Decimal>,
    as_of: Option<AsOf>,
}

impl PoolView {
    fn of(api: &Api, info: &PoolInfo, state: Option<&PoolState>) -> Self {
        let ledger = state.map(|state| state.tracker.ledger());
        let price = ledger.and_then(|ledger| ledger.price());
        let held = |liquidity: Liquidity| liquidity > Liquidity(0);
        let pair = api.pair(&info.pool.id);
        let usd = ledger.and_then(|ledger| api.worth(&info.pool.id, all_holdings(ledger)));
        Self {
            id: info.pool.id.to_string(),
            chain_id: api.settings().chain_id,
            venue: info.pool.venue.as_str(),
            address: Eip55(info.pool.address),
            position_manager: info.pool.position_manager.map(Eip55),
            created_block: info.pool.created_block.0,
            token0: pair.token0.map(|token| TokenView::of(api, token)),
            token1: pair.token1.map(|token| TokenView::of(api, token)),
            sqrt_price_x96: price.map(|price| price.sqrt_price_x96.to_string()),
            tick: price.map(|price| price.tick),
            liquidity: ledger.map(|ledger| ledger.liquidity().to_string()),
            positions_count: ledger
                .map(|ledger| ledger.positions().iter().filter(|one| held(one.liquidity)).count()),
            tvl_usd: usd.and_then(|usd| usd.to_decimal(USD_PLACES)),
            as_of: state.map(|state| api.as_of(state.moment)),
        }
    }
}
