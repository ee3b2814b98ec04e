//! `GET /v1/pools`, `GET /v1/pools/{id}`: where a pool stands.

use accrual_rewards::apr::{AprParts, AprUnknown, Held, Tvl, is_estimate, reward_percent};
use accrual_rewards::id::PoolId;
use accrual_rewards::pool::PoolFacts;
use accrual_rewards::price::spot0;
use accrual_rewards::unit::{Amount, Tick};
use alloy_primitives::{Address, U512};
use axum::Json;
use axum::extract::{Path, State};
use axum::response::Response;
use rust_decimal::Decimal;
use serde::Serialize;
use utoipa::ToSchema;

use super::paging::Page;
use super::{TokenView, rates};
use crate::app::{Api, PoolInfo};
use crate::book::{PoolState, State as BookState};
use crate::error::ApiError;
use crate::params::Params;
use crate::prices::{NoValue, PriceView, Prices, USD_PLACES};
use crate::view::{AsOf, Eip55, One};

/// All pools
///
/// In the order of the configuration, each with price, liquidity and TVL.
#[utoipa::path(
    get,
    path = "/v1/pools",
    tag = "pools",
    operation_id = "list_pools",
    params(
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 500, description = "The most rows of the page; 50 unless told otherwise."),
        ("cursor" = Option<String>, Query, description = "Where the page before ended.")
    ),
    responses((status = 200, description = "The pools.", body = crate::view::List<PoolView>))
)]
pub(crate) async fn list(State(api): State<Api>, mut params: Params) -> Result<Response, ApiError> {
    let page = Page::read(&mut params, "pools".to_owned());
    params.done()?;
    let pinned = page.pinned(&api).await?;
    Ok(page.of(&api, &pinned, views(&api, &pinned.state), "/v1/pools"))
}

pub(super) fn views(api: &Api, state: &BookState) -> Vec<PoolView> {
    api.book().pools().iter().map(|info| PoolView::of(api, state, info)).collect()
}

/// One pool
///
/// Where it stands, and what its liquidity earns a year.
#[utoipa::path(
    get,
    path = "/v1/pools/{id}",
    tag = "pools",
    operation_id = "get_pool",
    params(
        ("id" = String, Path, description = "The pool's id."),
        ("window" = Option<crate::document::shape::WindowName>, Query, description = "How long back fees are counted; 24h unless told otherwise.")
    ),
    responses((status = 200, description = "The pool.", body = One<PoolView>))
)]
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
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PoolView {
    /// The pool's id.
    id: String,
    /// The chain's id (EIP-155).
    chain_id: u64,
    /// `uniswap_v3`, `aerodrome_cl`, `aerodrome_basic`, `balancer_v2`, `balancer_v3` or `erc20`.
    venue: &'static str,
    /// The pool's contract.
    address: Eip55,
    /// The contract whose NFTs are positions in it; null where there is none.
    position_manager: Option<Eip55>,
    /// The block from which on its events are read.
    created_block: u64,
    /// Its first token; null while it is not known.
    token0: Option<TokenView>,
    /// Its second token; null while it is not known.
    token1: Option<TokenView>,
    /// The square root of the price in smallest units, times 2^96, as the pool keeps it.
    sqrt_price_x96: Option<String>,
    /// The tick of the price; 0 for pools with shares.
    tick: Option<Tick>,
    /// A range's ends are multiples of it; null where shares have no range, and before the pool has told.
    tick_spacing: Option<i32>,
    /// The liquidity in range, as the pool counts it; of a pool with shares, all shares.
    liquidity: Option<String>,
    /// How many positions have liquidity.
    positions_count: Option<usize>,
    /// How many accounts have a stake, behind all wrappers.
    wallets_count: Option<usize>,
    /// One whole token0 in whole token1, now.
    price: Option<Decimal>,
    /// USD for each token, with the way to it.
    prices: Vec<PriceView>,
    /// What a pool with shares holds of each token; null for others.
    reserves_units: Option<Vec<Amount>>,
    /// A weighted pool's weights, in parts of one; null for others.
    #[schema(example = json!(["0.8", "0.2"]))]
    weights: Option<Vec<Decimal>>,
    /// What all positions hold, without fees owed to them.
    tvl_usd: Option<Decimal>,
    /// What the positions in range hold.
    tvl_in_range_usd: Option<Decimal>,
    /// `holdings`: each token by its own price; `weighted_leg`: by the priced tokens and their weights.
    tvl_method: Option<&'static str>,
    /// Why there is no TVL; null where there is one.
    tvl_reason: Option<&'static str>,
    /// What its liquidity earns a year. Of one pool alone: a list does not read the stored hours.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    apr: Option<PoolAprView>,
    /// The block at which this is true; null before the first checkpoint.
    as_of: Option<AsOf>,
}

/// What the pool's liquidity earns a year, in per cent: simple, of 365 days.
#[derive(Debug, Serialize, ToSchema)]
struct PoolAprView {
    /// How long back fees are counted.
    window_seconds: u64,
    /// What trades pay, on the mean of what all positions held.
    base_percent: Option<Decimal>,
    /// Why there is no `base_percent`; null where there is one.
    base_reason: Option<&'static str>,
    /// What running campaigns pay now, each on what its eligible positions hold.
    reward_percent: Option<Decimal>,
    /// Why there is no `reward_percent`; null where there is one.
    reward_reason: Option<&'static str>,
    /// Both together, without a running campaign the base alone; null where a part is missing.
    total_percent: Option<Decimal>,
    /// Whether a campaign is in its first 24 hours, in which its rate is our own estimate.
    estimate: bool,
    /// How the rates are worked out.
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
        // What the contract said of itself is stored with what is read; the configuration alone does not have it.
        let facts = state.map_or(&info.pool.facts, |state| &state.tracker.pool().facts);
        let pair = api.pair(&info.pool.id);
        let at = state.map_or_else(|| api.settings().clock.now(), |state| state.moment.at);
        let prices = Prices::now(api, book, at);
        let standing = state.map(PoolState::standing);
        let worth = |held: Option<&Held>| held.map(|held| prices.tvl(&info.pool.id, held));
        let told = |worth: &Option<Result<Tvl, NoValue>>| {
            worth.as_ref().and_then(|worth| worth.as_ref().ok()?.usd.to_decimal(USD_PLACES))
        };
        let all = worth(standing.map(|standing| &standing.held));
        let in_range = worth(standing.map(|standing| &standing.held_in_range));
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
            tick_spacing: facts.tick_spacing.filter(|_| info.pool.venue.is_concentrated()),
            liquidity: ledger.map(|ledger| ledger.liquidity().to_string()),
            positions_count: standing.map(|standing| standing.positions),
            wallets_count: standing.map(|standing| standing.staked.len()),
            price: ledger.and_then(|ledger| spot(api, &info.pool.id, ledger.price_x192()?)),
            prices: api.tokens_of(&info.pool.id).iter().map(|token| PriceView::of(&prices, *token)).collect(),
            reserves_units: pooled.map(|pooled| pooled.reserves().to_vec()),
            weights: weights(facts),
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
