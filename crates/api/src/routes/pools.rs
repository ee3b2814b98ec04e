//! `GET /v1/pools`, `GET /v1/pools/{id}`: where a pool stands.

use accrual_rewards::apr::{
    AprParts, AprUnknown, Held, Tvl, all_holdings, holdings_in_range, is_estimate, reward_percent,
};
use accrual_rewards::id::PoolId;
use accrual_rewards::pool::PoolFacts;
use accrual_rewards::price::spot0;
use accrual_rewards::series::accounts_with_stake;
use accrual_rewards::unit::{Amount, Liquidity, Tick};
use alloy_primitives::{Address, U512};
use axum::Json;
use axum::extract::{Path, State};
use rust_decimal::Decimal;
use serde::Serialize;

use super::{TokenView, rates};
use crate::app::{Api, PoolInfo};
use crate::book::{PoolState, State as BookState};
use crate::error::ApiError;
use crate::params::Params;
use crate::prices::{NoValue, PriceView, Prices, USD_PLACES};
use crate::view::{AsOf, Eip55, List, One};

/// All pools, in the order of the configuration.
pub(crate) async fn list(State(api): State<Api>, params: Params) -> Result<Json<List<PoolView>>, ApiError> {
    params.done()?;
    let state = api.book().state();
    let pools = api.book().pools().iter();
    let data = pools.map(|info| PoolView::of(&api, &state, info)).collect();
    let meta = api.meta(&state, state.lowest(), None);
    Ok(Json(List { data, meta }))
}

/// One pool.
pub(crate) async fn one(
    State(api): State<Api>,
    Path(id): Path<String>,
    mut params: Params,
) -> Result<Json<One<PoolView>>, ApiError> {
    let window_seconds = params.take("window", rates::window).unwrap_or(rates::WINDOW_DEFAULT_SECONDS);
    params.done()?;
    let found = api.book().pools().iter().find(|info| info.pool.id.as_str() == id);
    let info = found.ok_or_else(|| ApiError::no_such("pool", &id))?;
    let state = api.book().state();
    let meta = api.meta(&state, state.pool(&info.pool.id).map(|pool| pool.moment), None);
    let mut data = PoolView::of(&api, &state, info);
    if let Some(pool) = state.pool(&info.pool.id) {
        let fees = rates::fees(&api, pool, window_seconds).await?;
        data.apr = Some(PoolAprView::of(&api, &state, pool, window_seconds, fees)?);
    }
    Ok(Json(One { data, meta }))
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
    /// A range's ends are multiples of it; null where shares have no range, and before the pool has told.
    tick_spacing: Option<i32>,
    /// In range, as the pool counts it.
    liquidity: Option<String>,
    /// With liquidity.
    positions_count: Option<usize>,
    /// Accounts with a stake, behind all wrappers.
    wallets_count: Option<usize>,
    /// One whole token0 in whole token1, now.
    price: Option<Decimal>,
    /// USD for each token, with the way to it.
    prices: Vec<PriceView>,
    /// Of pools with shares.
    reserves_units: Option<Vec<Amount>>,
    /// Of weighted pools, in parts of one.
    weights: Option<Vec<Decimal>>,
    /// What all positions hold, without fees owed to them.
    tvl_usd: Option<Decimal>,
    /// What the positions in range hold.
    tvl_in_range_usd: Option<Decimal>,
    /// `holdings`: each token by its own price; `weighted_leg`: by the priced tokens and their weights.
    tvl_method: Option<&'static str>,
    /// Why there is no TVL.
    tvl_reason: Option<&'static str>,
    /// Of one pool alone: a list does not read the stored hours.
    #[serde(skip_serializing_if = "Option::is_none")]
    apr: Option<PoolAprView>,
    as_of: Option<AsOf>,
}

/// What the pool's liquidity earns a year, in per cent: simple, of 365 days.
#[derive(Debug, Serialize)]
struct PoolAprView {
    /// How long back fees are counted.
    window_seconds: u64,
    /// What trades pay, on the mean of what all positions held.
    base_percent: Option<Decimal>,
    base_reason: Option<&'static str>,
    /// What running campaigns pay now, each on what its eligible positions hold.
    reward_percent: Option<Decimal>,
    reward_reason: Option<&'static str>,
    total_percent: Option<Decimal>,
    /// Whether a campaign is in its first 24 hours, in which its rate is our own estimate.
    estimate: bool,
    method: &'static str,
}

impl PoolAprView {
    fn of(
        api: &Api,
        book: &BookState,
        pool: &PoolState,
        window_seconds: u64,
        fees: Result<Decimal, AprUnknown>,
    ) -> Result<Self, ApiError> {
        let at = pool.moment.at;
        let prices = Prices::now(api, book, at);
        let (mut sum, mut estimate) = (Err(AprUnknown::NotRunning), false);
        for campaign in api.book().campaigns().iter().filter(|one| one.pool == pool.info.pool.id) {
            let eligible = prices.worth(&campaign.pool, pool.eligible(&campaign.id)?).ok();
            let reward = prices.priced(campaign.reward_token).ok();
            sum = match (sum, reward_percent(campaign, reward, eligible, at)) {
                (sum, Err(AprUnknown::NotRunning)) => sum,
                (Err(AprUnknown::NotRunning), told) => told,
                (Ok(sum), Ok(percent)) => sum.checked_add(percent).ok_or(AprUnknown::OutOfBounds),
                (Err(unknown), _) | (_, Err(unknown)) => Err(unknown),
            };
            estimate |= is_estimate(campaign, at);
        }
        let total = AprParts { reward: sum, fees, estimate }.total();
        Ok(Self {
            window_seconds,
            base_percent: fees.ok(),
            base_reason: fees.err().map(AprUnknown::as_str),
            reward_percent: sum.ok(),
            reward_reason: sum.err().map(AprUnknown::as_str),
            total_percent: total.ok(),
            estimate,
            method: "fees_of_window_over_mean_tvl_and_emission_over_eligible_tvl",
        })
    }
}

impl PoolView {
    fn of(api: &Api, book: &BookState, info: &PoolInfo) -> Self {
        let state = book.pool(&info.pool.id).map(AsRef::as_ref);
        let ledger = state.map(|state| state.tracker.ledger());
        let price = ledger.and_then(|ledger| ledger.price());
        let held = |liquidity: Liquidity| liquidity > Liquidity(0);
        let pair = api.pair(&info.pool.id);
        let at = state.map_or_else(|| api.settings().clock.now(), |state| state.moment.at);
        let prices = Prices::now(api, book, at);
        let worth = |held: Option<Held>| held.map(|held| prices.tvl(&info.pool.id, &held));
        let told = |worth: &Option<Result<Tvl, NoValue>>| {
            worth.as_ref().and_then(|worth| worth.as_ref().ok()?.usd.to_decimal(USD_PLACES))
        };
        let (all, in_range) = (worth(ledger.map(all_holdings)), worth(ledger.map(holdings_in_range)));
        let pooled = ledger.and_then(|ledger| ledger.pooled());
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
            tick_spacing: info.pool.facts.tick_spacing.filter(|_| info.pool.venue.is_concentrated()),
            liquidity: ledger.map(|ledger| ledger.liquidity().to_string()),
            positions_count: ledger
                .map(|ledger| ledger.positions().iter().filter(|one| held(one.liquidity)).count()),
            wallets_count: state.map(|state| accounts_with_stake(&state.tracker).len()),
            price: ledger.and_then(|ledger| spot(api, &info.pool.id, ledger.price_x192()?)),
            prices: api.tokens_of(&info.pool.id).iter().map(|token| PriceView::of(&prices, *token)).collect(),
            reserves_units: pooled.map(|pooled| pooled.reserves().to_vec()),
            weights: weights(&info.pool.facts),
            tvl_usd: told(&all),
            tvl_in_range_usd: told(&in_range),
            tvl_method: all.as_ref().and_then(|worth| Some(worth.as_ref().ok()?.method.as_str())),
            tvl_reason: all.as_ref().and_then(|worth| worth.as_ref().err().map(NoValue::as_str)),
            apr: None,
            as_of: state.map(|state| api.as_of(state.moment)),
        }
    }
}

/// One whole token0 in whole token1 of a pool; `None` where decimals are not known.
pub(crate) fn spot(api: &Api, pool: &PoolId, price_x192: U512) -> Option<Decimal> {
    let pair = api.pair(pool);
    let decimals = |token: Option<Address>| api.token(token?).decimals;
    spot0(price_x192, decimals(pair.token0)?, decimals(pair.token1)?).map(|price| price.normalize())
}

/// A weighted pool's weights, in parts of one.
fn weights(facts: &PoolFacts) -> Option<Vec<Decimal>> {
    let part = |weight: &Amount| {
        let mantissa = i128::try_from(u128::try_from(weight.0).ok()?).ok()?;
        Decimal::try_from_i128_with_scale(mantissa, 18).ok().map(|part| part.normalize())
    };
    if facts.weights_e18.is_empty() { None } else { facts.weights_e18.iter().map(part).collect() }
}
