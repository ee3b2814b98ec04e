//! `GET /v1/accounts/{address}/positions` and `/rewards`: what an account holds, and what it has earned.

use accrual_rewards::apr::position_holdings;
use accrual_rewards::ledger::PositionIndex;
use accrual_rewards::ledger::concentrated::{Position, Price};
use accrual_rewards::unit::{Amount, Liquidity, Tick};
use alloy_primitives::Address;
use axum::Json;
use axum::extract::{Path, State};
use serde::Serialize;

use super::TokenView;
use crate::app::Api;
use crate::book::PoolState;
use crate::error::ApiError;
use crate::params::{self, Params};
use crate::view::{AccountView, AsOf, Eip55, List};

/// The account's positions that have liquidity, pool by pool.
pub(crate) async fn positions(
    State(api): State<Api>,
    Path(address): Path<String>,
    params: Params,
) -> Result<Json<List<PositionView>>, ApiError> {
    params.done()?;
    let account = params::address(&address)?;
    let state = api.book().state();
    let pools = api.book().pools().iter().filter_map(|info| state.pool(&info.pool.id));
    let data = pools.flat_map(|pool| held_by(&api, pool, account)).collect();
    Ok(Json(List { data, meta: api.meta(&state, state.lowest(), None) }))
}

/// What the account has earned, campaign by campaign; campaigns in which it earned nothing are left out.
pub(crate) async fn rewards(
    State(api): State<Api>,
    Path(address): Path<String>,
    params: Params,
) -> Result<Json<List<RewardView>>, ApiError> {
    params.done()?;
    let account = params::address(&address)?;
    let state = api.book().state();
    let mut data = Vec::new();
    for campaign in api.book().campaigns() {
        let Some(pool) = state.pool(&campaign.pool) else { continue };
        let accounts = &pool.report(&campaign.id)?.accounts;
        let Some(row) = accounts.iter().find(|row| row.account == account) else { continue };
        data.push(RewardView {
            campaign: campaign.id.to_string(),
            pool: campaign.pool.to_string(),
            token: TokenView::of(&api, campaign.reward_token),
            earned: AccountView::of(&pool.tracker, row),
            as_of: api.as_of(pool.moment),
        });
    }
    Ok(Json(List { data, meta: api.meta(&state, state.lowest(), None) }))
}

/// One position as it stands.
#[derive(Debug, Serialize)]
pub(crate) struct PositionView {
    position: String,
    pool: String,
    holder: Eip55,
    tick_lower: Tick,
    tick_upper: Tick,
    /// As the pool counts it.
    liquidity: String,
    in_range: bool,
    /// What the pool would pay out for it, rounded down, without fees owed.
    token0_units: Amount,
    token1_units: Amount,
    token0: Option<TokenView>,
    token1: Option<TokenView>,
    as_of: AsOf,
}

/// What an account earned in one campaign.
#[derive(Debug, Serialize)]
pub(crate) struct RewardView {
    campaign: String,
    pool: String,
    token: TokenView,
    #[serde(flatten)]
    earned: AccountView,
    as_of: AsOf,
}

fn held_by(api: &Api, pool: &PoolState, account: Address) -> Vec<PositionView> {
    let ledger = pool.tracker.ledger();
    let Some(price) = ledger.price() else { return Vec::new() };
    let positions = (0..).map(PositionIndex).zip(ledger.positions());
    positions
        .filter(|(_, position)| position.holder == account && position.liquidity > Liquidity(0))
        .map(|(index, position)| PositionView::of(api, pool, index, position, price))
        .collect()
}

impl PositionView {
    fn of(api: &Api, pool: &PoolState, index: PositionIndex, position: &Position, price: Price) -> Self {
        let held = position_holdings(position, price);
        let pair = api.pair(&pool.info.pool.id);
        let token = |address: Option<Address>| address.map(|address| TokenView::of(api, address));
        Self {
            position: pool.tracker.key(index).to_string(),
            pool: pool.info.pool.id.to_string(),
            holder: Eip55(position.holder),
            tick_lower: position.range.lower,
            tick_upper: position.range.upper,
            liquidity: position.liquidity.to_string(),
            in_range: position.range.contains(price.tick),
            token0_units: held.token0,
            token1_units: held.token1,
            token0: token(pair.token0),
            token1: token(pair.token1),
            as_of: api.as_of(pool.moment),
        }
    }
}
