//! `GET /v1/simulate`: what a new position of so many dollars in such a range would earn now; with `leaving=`, in the
//! place of one that is there.

use accrual_rewards::apr::AprUnknown;
use accrual_rewards::campaign::Campaign;
use accrual_rewards::ledger::PositionIndex;
use accrual_rewards::simulate::{Dilution, Proposal, Simulation, SimulationError, simulate};
use accrual_rewards::unit::{Amount, Tick, TickRange};
use axum::Json;
use axum::extract::State;
use rust_decimal::Decimal;
use serde::Serialize;
use utoipa::ToSchema;

use super::{TokenView, rates};
use crate::app::Api;
use crate::book::PoolState;
use crate::error::{ApiError, FieldError};
use crate::params::Params;
use crate::prices::{Prices, USD_PLACES};
use crate::view::List;

/// What a new position would earn
///
/// Of so many dollars in such a range, now: one row for each of the pool's campaigns that run, or for the one that is
/// named.
#[utoipa::path(
    get,
    path = "/v1/simulate",
    tag = "pools",
    operation_id = "simulate_position",
    params(
        ("pool" = String, Query, description = "The pool's id.", example = "usdc-tmai"),
        ("amount_usd" = crate::document::shape::Decimals, Query, description = "US dollars to put in, above zero.", example = "1000"),
        ("tick_lower" = Option<i32>, Query, description = "The range's lower tick, included; needed for pools with ranges.", example = json!(-600)),
        ("tick_upper" = Option<i32>, Query, description = "The range's upper tick, excluded; needed for pools with ranges.", example = json!(600)),
        ("leaving" = Option<String>, Query, description = "The key of a position that is taken out for the new one.", example = "uniswap_v3:0x50fb..1AAd:nft:0xbE1E..7210:18"),
        ("campaign" = Option<String>, Query, description = "One of the pool's campaigns, running or not.", example = "usdc-tmai-2025-06")
    ),
    responses(
        (status = 200, description = "What it would earn.", body = List<SimulationView>),
        (status = 404, description = "not_found: there is no such pool, or it has no such campaign.")
    )
)]
pub(crate) async fn list(
    State(api): State<Api>,
    mut params: Params,
) -> Result<Json<List<SimulationView>>, ApiError> {
    let pool = params.take("pool", |text| Ok(text.to_owned()));
    let amount_usd = params.take("amount_usd", amount);
    let lower = params.take("tick_lower", tick);
    let upper = params.take("tick_upper", tick);
    let campaign = params.take("campaign", |text| Ok(text.to_owned()));
    let leaving = params.take("leaving", |text| Ok(text.to_owned()));
    params.done()?;
    let pool = pool.ok_or_else(|| wrong("pool", "is needed: a pool's id"))?;
    let amount_usd = amount_usd.ok_or_else(|| wrong("amount_usd", "is needed: dollars to put in"))?;
    let found = api.book().pools().iter().find(|info| info.pool.id.as_str() == pool);
    let info = found.ok_or_else(|| ApiError::no_such("pool", &pool))?;
    let range = match (lower, upper, info.pool.venue.is_concentrated()) {
        (Some(lower), Some(upper), true) => TickRange { lower, upper },
        (None, None, false) => TickRange { lower: Tick(0), upper: Tick(0) },
        (_, _, true) => return Err(wrong("tick_lower", "and tick_upper are needed: the position's range")),
        (_, _, false) => {
            return Err(wrong("tick_lower", "and tick_upper mean nothing here: shares have no range"));
        }
    };
    let pool = api.book().newest(info)?;
    let campaigns = chosen(&api, &pool, campaign.as_deref())?;
    let leaving = leaving.map(|key| position_named(&pool, &key)).transpose()?;
    let fees = rates::fees_a_day(&api, &pool).await?;
    let state = api.book().state();
    let prices = Prices::now(&api, &state, pool.moment.at);
    let tokens: Vec<_> =
        api.tokens_of(&info.pool.id).iter().map(|token| prices.priced(*token).ok()).collect();
    let mut data = Vec::new();
    for campaign in campaigns {
        let reward = prices.priced(campaign.reward_token).ok();
        let proposal =
            Proposal { amount_usd, range, prices: &tokens, reward, pool_fees_per_day: fees, leaving };
        let accrual = pool.tracker.campaign(&campaign.id).ok_or(ApiError::Internal)?;
        let told = simulate(&pool.tracker, accrual, &proposal, pool.moment.at).map_err(refused)?;
        data.push(SimulationView::of(&api, &pool, campaign, told));
    }
    Ok(Json(List { data, meta: api.meta(&state, Some(pool.moment), None) }))
}

fn chosen<'a>(api: &'a Api, pool: &PoolState, id: Option<&str>) -> Result<Vec<&'a Campaign>, ApiError> {
    let own = || api.book().campaigns().iter().filter(|campaign| campaign.pool == pool.info.pool.id);
    if let Some(id) = id {
        let found = own().find(|campaign| campaign.id.as_str() == id);
        return Ok(vec![found.ok_or_else(|| ApiError::no_such("campaign of this pool", id))?]);
    }
    let at = pool.moment.at;
    let runs = |one: &&Campaign| one.window.starts_at <= at && at < one.window.ends_at;
    Ok(own().filter(runs).collect())
}

/// The position that is taken out for the new one.
fn position_named(pool: &PoolState, key: &str) -> Result<PositionIndex, ApiError> {
    let tracker = &pool.tracker;
    let all = (0..).map(PositionIndex).zip(tracker.ledger().positions());
    let found = all.map(|(index, _)| index).find(|index| tracker.key(*index).to_string() == key);
    found.ok_or_else(|| wrong("leaving", "is no position of this pool"))
}

fn amount(text: &str) -> Result<Decimal, String> {
    let amount: Option<Decimal> = text.parse().ok().filter(|amount| *amount > Decimal::ZERO);
    amount.ok_or_else(|| "must be dollars above zero, such as 1000 or 1000.50".to_owned())
}

fn tick(text: &str) -> Result<Tick, String> {
    text.parse().map(Tick).map_err(|_| "must be a tick, such as -600".to_owned())
}

fn wrong(parameter: &str, detail: &str) -> ApiError {
    ApiError::BadParameter(vec![FieldError { parameter: parameter.to_owned(), detail: detail.to_owned() }])
}

fn refused(error: SimulationError) -> ApiError {
    let parameter = match error {
        SimulationError::NoSuchRange(_) | SimulationError::OffSpacing { .. } => "tick_lower",
        SimulationError::NoPoolPrice | SimulationError::NoPrice => "pool",
        SimulationError::AmountOutOfBounds => "amount_usd",
    };
    wrong(parameter, &format!("cannot be simulated: {error}"))
}

/// What the position would earn of one campaign, and of trades.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SimulationView {
    /// The campaign's id.
    campaign: String,
    /// The pool's id.
    pool: String,
    /// The liquidity, or the shares, that the amount buys.
    liquidity: String,
    /// What goes in of each token, in the pool's order.
    put_in_units: Vec<Amount>,
    /// What goes in, in dollars; not above what was asked for.
    put_in_usd: Option<Decimal>,
    /// Whether the pool's price lies in the range now.
    in_range: bool,
    /// What the campaign pays in.
    reward_token: TokenView,
    /// What the campaign would pay in a day, in smallest units of the reward token; null where it cannot be known, for the reason
    /// in `reward_reason`.
    reward_units_per_day: Option<Amount>,
    /// What that is a year, on what went in.
    reward_percent: Option<Decimal>,
    /// Why there is no `reward_percent`; null where there is one.
    reward_reason: Option<&'static str>,
    /// What trades would pay a year, on what went in.
    base_percent: Option<Decimal>,
    /// Why there is no `base_percent`; null where there is one.
    base_reason: Option<&'static str>,
    /// What the campaign would pay if all others together held so many times what they hold now.
    dilution: Vec<DilutionView>,
    /// What is taken for granted.
    method: &'static str,
}

/// What the campaign would pay if others held more or less.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DilutionView {
    /// How many times what all others hold now.
    #[schema(example = "0.5")]
    tvl_factor: Decimal,
    /// What the campaign would pay in a day then, in smallest units of the reward token; null where it cannot be known.
    reward_units_per_day: Option<Amount>,
    /// What that is a year.
    reward_percent: Option<Decimal>,
    /// Why there is no `reward_percent`; null where there is one.
    reason: Option<&'static str>,
}

impl SimulationView {
    fn of(api: &Api, pool: &PoolState, campaign: &Campaign, told: Simulation) -> Self {
        Self {
            campaign: campaign.id.to_string(),
            pool: pool.info.pool.id.to_string(),
            liquidity: told.liquidity.to_string(),
            put_in_units: told.put_in.0,
            put_in_usd: told.put_in_usd.to_decimal(USD_PLACES),
            in_range: told.in_range,
            reward_token: TokenView::of(api, campaign.reward_token),
            reward_units_per_day: told.reward_units_per_day,
            reward_percent: told.reward_percent.ok(),
            reward_reason: told.reward_percent.err().map(AprUnknown::as_str),
            base_percent: told.fee_percent.ok(),
            base_reason: told.fee_percent.err().map(AprUnknown::as_str),
            dilution: told.curve.into_iter().map(DilutionView::of).collect(),
            method: "state_of_this_block_held_for_a_day",
        }
    }
}

impl DilutionView {
    fn of(one: Dilution) -> Self {
        Self {
            tvl_factor: Decimal::new(i64::from(one.others_tenths), 1).normalize(),
            reward_units_per_day: one.reward_units_per_day,
            reward_percent: one.reward_percent.ok(),
            reason: one.reward_percent.err().map(AprUnknown::as_str),
        }
    }
}
