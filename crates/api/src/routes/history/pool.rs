//! `GET /v1/pools/{id}/history`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use accrual_rewards::apr::{AprUnknown, Held, Usd, reward_percent, yearly_percent};
use accrual_rewards::campaign::Campaign;
use accrual_rewards::id::PoolId;
use accrual_rewards::series::{CampaignPoint, PoolPoint, Timed};
use accrual_rewards::unit::{Amount, Tick, UnixSeconds};
use accrual_store::series::{self, Hours};
use accrual_store::{Db, retention};
use alloy_primitives::Address;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use rust_decimal::Decimal;
use serde::Serialize;
use utoipa::ToSchema;

use super::past::{Chart, Past};
use super::{Asked, HistoryList, Reasons, Span, last_weeks, parsed, respond};
use crate::app::Api;
use crate::book::{self, PoolState};
use crate::csv::{CsvRow, cell, in_tokens};
use crate::error::ApiError;
use crate::horizon::Horizon;
use crate::params::Params;
use crate::prices::{NoValue, Prices, USD_PLACES, pools_behind, source_of};
use crate::routes::pools::spot;
use crate::view::Rfc3339;

/// A pool's history
///
/// By the hour or day, and one row more for the hour that runs. A row of `at` tells the state at `at`, and what flowed in
/// the interval that ends there.
#[utoipa::path(
    get,
    path = "/v1/pools/{id}/history",
    tag = "pools",
    operation_id = "list_pool_history",
    params(
        ("id" = String, Path, description = "The pool's id."),
        ("interval" = Option<crate::document::shape::IntervalName>, Query, description = "Time from row to row; 1h unless told otherwise."),
        ("from" = Option<Rfc3339>, Query, description = "The first instant that is asked for, included."),
        ("to" = Option<Rfc3339>, Query, description = "The last instant that is asked for, included."),
        ("limit" = Option<u32>, Query, description = "The most rows of the page; 500 unless told otherwise.", minimum = 1, maximum = 500),
        ("cursor" = Option<String>, Query, description = "`meta.next_cursor` of the page before."),
        ("format" = Option<crate::document::shape::FormatName>, Query, description = "The form of the answer; otherwise the Accept header decides.")
    ),
    responses(
        (status = 200, description = "One page, oldest first.", headers(("Link" = String, description = "The next page, as rel=\"next\"; absent on the last.")),
            content((HistoryList<PoolHistoryRow> = "application/json"), (String = "text/csv")))
    )
)]
pub(crate) async fn pool(
    State(api): State<Api>,
    Path(id): Path<String>,
    headers: HeaderMap,
    horizon: Horizon,
    mut params: Params,
) -> Result<Response, ApiError> {
    let asked = Asked::read(&mut params, horizon);
    params.done()?;
    let found = api.book().pools().iter().find(|info| info.pool.id.as_str() == id);
    let info = found.ok_or_else(|| ApiError::no_such("pool", &id))?;
    let pool = api.book().newest(info)?;
    let mut span = asked.span(&api, &pool, &format!("pool/{id}"), last_weeks(pool.moment.at))?;
    span.skip_days(retention::pool_by_day_before(api.db(), &info.pool.id).await?);
    let book = api.book().state();
    let told = Told::by(&api, &pool, &book);
    let past = told.past(&span).await?;
    let running = told.running(past.last.as_ref(), span.step)?;
    let page = span.page(&past.rows, running.as_ref(), |_, row, _| Ok(row.clone()))?;
    respond(&api, &headers, &asked, span, &pool, page, told.newest).await
}

/// A pool at the end of an interval, and what flowed in it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PoolHistoryRow {
    /// The interval's end.
    at: Rfc3339,
    /// The interval's length; shorter for the one that runs and for the first.
    interval_seconds: u64,
    /// Whether the interval is over.
    complete: bool,
    /// The newest block at or before `at`.
    block_number: u64,
    /// One whole token0 in whole token1, at the end.
    price: Option<Decimal>,
    /// What one whole token0 is worth at the end.
    token0_price_usd: Option<Decimal>,
    /// What one whole token1 is worth at the end.
    token1_price_usd: Option<Decimal>,
    /// The tick of the price; 0 for pools with shares.
    tick: Option<Tick>,
    /// The liquidity in range at the end, as the pool counts it.
    liquidity: String,
    /// What all positions hold at the end, without fees owed to them.
    tvl_usd: Option<Decimal>,
    /// What the positions in range hold at the end.
    tvl_in_range_usd: Option<Decimal>,
    /// How many trades there were in the interval.
    trades_count: u64,
    /// What traders paid in, of each token in the pool's order.
    volume_units: Vec<Amount>,
    /// What traders paid in, by the prices of the end.
    volume_usd: Option<Decimal>,
    /// What liquidity earned in fees, of each token in the pool's order; null where it cannot be known.
    fees_units: Option<Vec<Amount>>,
    /// What liquidity earned in fees, by the prices of the end.
    fees_usd: Option<Decimal>,
    /// What the pool's campaigns pay a year together, in per cent.
    reward_percent: Option<Decimal>,
    /// What trades paid in the interval, as a year's rate on the TVL at its end.
    fee_percent: Option<Decimal>,
    /// How many positions have liquidity at the end.
    positions_count: u64,
    /// How many accounts have a stake at the end, behind all wrappers.
    wallets_count: u64,
    /// Why each null of the row is null, by the field's name.
    #[schema(value_type = std::collections::BTreeMap<String, String>, example = json!({ "fees_usd": "fees_unknown" }))]
    reasons: Reasons,
    /// Of the pool's tokens, for tables.
    #[serde(skip)]
    decimals: Vec<Option<u8>>,
    /// Where each token's price comes from, by the token's address; absent where that is as in `meta`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, value_type = Option<std::collections::BTreeMap<String, Option<String>>>, example = json!({ "0x52908400098527886E0F7030069857D2E4169EE7": "fixed" }))]
    price_sources: Option<Sources>,
}

pub(super) type Sources = BTreeMap<String, Option<String>>;

/// A row that many answers may be made of.
#[derive(Debug, Clone)]
pub(super) struct Shared(Arc<PoolHistoryRow>);

impl Serialize for Shared {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl CsvRow for Shared {
    const HEADER: &'static [&'static str] = PoolHistoryRow::HEADER;

    fn cells(&self) -> Vec<String> {
        self.0.cells()
    }
}

impl Timed for Shared {
    fn at(&self) -> UnixSeconds {
        self.0.at.0
    }
}

/// What all rows of an answer have in common.
struct Told<'a> {
    api: &'a Api,
    pool: &'a PoolState,
    book: &'a book::State,
    /// The pool's own campaigns.
    campaigns: Vec<&'a Campaign>,
    tokens: Vec<Address>,
    /// The tokens whose sources are told, as texts.
    sourced: Vec<(Address, String)>,
    newest: Sources,
}

/// The state at a row's time, beside the pool's own.
struct Around<'a> {
    prices: Prices<'a>,
    /// Of each campaign that has begun.
    campaigns: Vec<(&'a Campaign, &'a CampaignPoint)>,
    complete: bool,
}

impl<'a> Told<'a> {
    fn by(api: &'a Api, pool: &'a PoolState, book: &'a book::State) -> Self {
        let id = &pool.info.pool.id;
        let tokens = api.tokens_of(id);
        let campaigns: Vec<&Campaign> =
            api.book().campaigns().iter().filter(|campaign| campaign.pool == *id).collect();
        let rewards = campaigns.iter().map(|campaign| campaign.reward_token);
        let sourced: BTreeSet<Address> = tokens.iter().copied().chain(rewards).collect();
        let sourced: Vec<_> = sourced.into_iter().map(|token| (token, token.to_checksum(None))).collect();
        let newest = sources(&sourced, &Prices::now(api, book, pool.moment.at));
        Self { api, pool, book, campaigns, tokens, sourced, newest }
    }

    /// The rows of hours that are over: as they were told before, where nothing has changed since.
    async fn past(&self, span: &Span) -> Result<Arc<Past>, ApiError> {
        let id = &self.pool.info.pool.id;
        let db = self.api.book().covering(self.pool).await?;
        let mut others = pools_behind(self.api, self.sourced.iter().map(|(token, _)| *token));
        others.remove(id);
        let with = || (self.book.shared_tokens(), self.newest.clone());
        let chart = Chart::of(db, id, &others, span, with()).await?;
        let kept = self.api.past_hours();
        if let Some(past) = chart.as_ref().and_then(|chart| kept.get(chart)) {
            return Ok(past);
        }
        let past = Arc::new(self.read(db, &others, span).await?);
        // Hours may have been made again while they were read.
        let after = Chart::of(db, id, &others, span, with()).await?;
        if let Some(chart) = chart.filter(|chart| after.as_ref() == Some(chart)) {
            kept.put(chart, &past);
        }
        Ok(past)
    }

    async fn read(&self, db: &Db, others: &BTreeSet<PoolId>, span: &Span) -> Result<Past, ApiError> {
        let id = &self.pool.info.pool.id;
        let points = stored(db, id, span).await?;
        let read = Hours { from: span.hours().from, to: points.last().map_or(span.to, |row| row.at) };
        let mut campaigns: BTreeMap<UnixSeconds, Vec<(&Campaign, CampaignPoint)>> = BTreeMap::new();
        for campaign in &self.campaigns {
            for row in series::campaign_points(db, &campaign.id, read, span.step, span.rows_max()).await? {
                campaigns.entry(row.at).or_default().push((campaign, parsed(&row.body)?));
            }
        }
        let mut quotes: BTreeMap<UnixSeconds, Vec<(&PoolId, PoolPoint)>> = BTreeMap::new();
        for other in others {
            for point in stored(db, other, span).await? {
                quotes.entry(point.at).or_default().push((other, point));
            }
        }
        let (mut rows, mut before) = (Vec::new(), None);
        for point in &points {
            if point.at >= span.first {
                let others = quotes.get(&point.at).into_iter().flatten().map(|(id, point)| (*id, point));
                let prices = Prices::at_hour(self.api, std::iter::once((id, point)).chain(others), point.at);
                let begun = campaigns.get(&point.at).into_iter().flatten();
                let campaigns = begun.map(|(campaign, point)| (*campaign, point)).collect();
                let around = Around { prices, campaigns, complete: true };
                rows.push(Shared(Arc::new(self.row(before, point, span.step, &around)?)));
            }
            before = Some(point);
        }
        Ok(Past { rows, last: before.cloned() })
    }

    /// The running hour, from the book.
    fn running(&self, before: Option<&PoolPoint>, step: u64) -> Result<Option<Shared>, ApiError> {
        let Some(now) = self.pool.running()? else { return Ok(None) };
        let begun = self.campaigns.iter().filter_map(|campaign| Some((*campaign, now.campaign(campaign)?)));
        let prices = Prices::now(self.api, self.book, now.pool.at);
        let around = Around { prices, campaigns: begun.collect(), complete: false };
        Ok(Some(Shared(Arc::new(self.row(before, &now.pool, step, &around)?))))
    }

    fn row(
        &self,
        before: Option<&PoolPoint>,
        point: &PoolPoint,
        step: u64,
        around: &Around<'_>,
    ) -> Result<PoolHistoryRow, ApiError> {
        let id = &self.pool.info.pool.id;
        let Around { prices, complete, .. } = around;
        let mut reasons = Reasons::new();
        let flow = Flow::between(before, point)
            .map_err(|error| ApiError::internal_at(point.block_number, &error))?;
        let seconds = before.map_or(step.min(point.at.0), |before| point.at.since(before.at));
        let tvl = prices.tvl(id, &point.held).map(|tvl| tvl.usd);
        let volume = prices.worth(id, &Held(flow.volume.clone()));
        let fees = flow.fees.clone().map(|fees| prices.worth(id, &Held(fees)));
        let fee_percent = match (&fees, &tvl) {
            (Some(Ok(fees)), Ok(tvl)) => yearly_percent(*fees, seconds, *tvl).map_err(AprUnknown::as_str),
            (Some(Err(none)), _) | (Some(Ok(_)), Err(none)) => Err(none.as_str()),
            (None, _) => Err("fees_unknown"),
        };
        let sources = sources(&self.sourced, prices);
        let token_usd = |place: usize| prices.usd(*self.tokens.get(place)?).ok().map(|quote| quote.usd);
        Ok(PoolHistoryRow {
            at: Rfc3339(point.at),
            interval_seconds: seconds,
            complete: *complete,
            block_number: point.block_number.0,
            price: point.price_x192.and_then(|price| spot(self.api, id, price)),
            token0_price_usd: token_usd(0),
            token1_price_usd: token_usd(1),
            tick: point.tick,
            liquidity: point.liquidity.to_string(),
            tvl_usd: dollars(&mut reasons, "tvl_usd", tvl),
            tvl_in_range_usd: dollars(
                &mut reasons,
                "tvl_in_range_usd",
                prices.tvl(id, &point.held_in_range).map(|tvl| tvl.usd),
            ),
            trades_count: flow.trades,
            volume_units: flow.volume,
            volume_usd: dollars(&mut reasons, "volume_usd", volume),
            fees_usd: match fees {
                Some(fees) => dollars(&mut reasons, "fees_usd", fees),
                None => known(&mut reasons, "fees_usd", Err("fees_unknown")),
            },
            fees_units: flow.fees,
            reward_percent: known(&mut reasons, "reward_percent", around.reward_percent(point.at)),
            fee_percent: known(&mut reasons, "fee_percent", fee_percent),
            positions_count: point.positions,
            wallets_count: point.wallets,
            reasons,
            decimals: self.tokens.iter().map(|token| self.api.token(*token).decimals).collect(),
            price_sources: Some(sources).filter(|sources| *sources != self.newest),
        })
    }
}

impl Around<'_> {
    /// The rates of the campaigns that run at `at`, added up.
    fn reward_percent(&self, at: UnixSeconds) -> Result<Decimal, &'static str> {
        let mut sum = None;
        for (campaign, point) in &self.campaigns {
            let reward = self.prices.priced(campaign.reward_token).ok();
            let eligible = self.prices.worth(&campaign.pool, &point.eligible).ok();
            match reward_percent(campaign, reward, eligible, at) {
                Ok(percent) => sum = Some(sum.unwrap_or(Decimal::ZERO) + percent),
                Err(AprUnknown::NotRunning) => {}
                Err(unknown) => return Err(unknown.as_str()),
            }
        }
        sum.ok_or("no_campaign_running")
    }
}

/// Where each of these tokens' prices comes from.
fn sources(tokens: &[(Address, String)], prices: &Prices<'_>) -> Sources {
    tokens.iter().map(|(token, text)| (text.clone(), source_of(prices, *token))).collect()
}

async fn stored(db: &Db, pool: &PoolId, span: &Span) -> Result<Vec<PoolPoint>, ApiError> {
    let rows = series::pool_points(db, pool, span.hours(), span.step, span.rows_max()).await?;
    rows.iter().map(|row| parsed(&row.body)).collect()
}

/// What flowed in an interval; since the pool's beginning where there is no row before.
struct Flow {
    trades: u64,
    volume: Vec<Amount>,
    fees: Option<Vec<Amount>>,
}

impl Flow {
    fn between(
        before: Option<&PoolPoint>,
        point: &PoolPoint,
    ) -> Result<Self, accrual_rewards::series::IntervalUnknown> {
        let Some(before) = before else {
            let totals = point.totals.clone();
            return Ok(Self { trades: totals.trades, volume: totals.volume_in, fees: totals.fees });
        };
        let flow = point.since(before)?;
        Ok(Self { trades: flow.trades, volume: flow.volume_in, fees: flow.fees })
    }
}

/// Dollars for people; where there are none, the reason is noted.
pub(super) fn dollars(
    reasons: &mut Reasons,
    field: &'static str,
    worth: Result<Usd, NoValue>,
) -> Option<Decimal> {
    dollars_of(reasons, field, worth.map_err(|none| none.as_str()))
}

/// The same where the reason has its name already.
pub(crate) fn dollars_of(
    reasons: &mut Reasons,
    field: &'static str,
    told: Result<Usd, &'static str>,
) -> Option<Decimal> {
    known(reasons, field, told.and_then(|usd| usd.to_decimal(USD_PLACES).ok_or("out_of_bounds")))
}

/// The figure; where there is none, the reason is noted.
pub(super) fn known<T>(
    reasons: &mut Reasons,
    field: &'static str,
    told: Result<T, &'static str>,
) -> Option<T> {
    told.map_err(|reason| reasons.insert(field, reason)).ok()
}

/// Reasons as one cell: `field=reason` with blanks between.
pub(super) fn reasons_cell(reasons: &Reasons) -> String {
    reasons.iter().map(|(field, reason)| format!("{field}={reason}")).collect::<Vec<_>>().join(" ")
}

impl CsvRow for PoolHistoryRow {
    const HEADER: &'static [&'static str] = &[
        "at",
        "interval_seconds",
        "complete",
        "block_number",
        "price",
        "token0_price_usd",
        "token1_price_usd",
        "tick",
        "liquidity",
        "tvl_usd",
        "tvl_in_range_usd",
        "trades_count",
        "volume0_units",
        "volume0_decimal",
        "volume1_units",
        "volume1_decimal",
        "volume_usd",
        "fees0_units",
        "fees0_decimal",
        "fees1_units",
        "fees1_decimal",
        "fees_usd",
        "reward_percent",
        "fee_percent",
        "positions_count",
        "wallets_count",
        "reasons",
    ];

    fn cells(&self) -> Vec<String> {
        let fees = |place: usize| self.fees_units.as_ref().and_then(|fees| fees.get(place));
        let whole = |units: Option<&Amount>, place: usize| {
            let decimals = self.decimals.get(place).copied().flatten();
            units.map(|units| in_tokens(*units, decimals)).unwrap_or_default()
        };
        vec![
            self.at.to_string(),
            self.interval_seconds.to_string(),
            self.complete.to_string(),
            self.block_number.to_string(),
            cell(self.price),
            cell(self.token0_price_usd),
            cell(self.token1_price_usd),
            cell(self.tick),
            self.liquidity.clone(),
            cell(self.tvl_usd),
            cell(self.tvl_in_range_usd),
            self.trades_count.to_string(),
            cell(self.volume_units.first()),
            whole(self.volume_units.first(), 0),
            cell(self.volume_units.get(1)),
            whole(self.volume_units.get(1), 1),
            cell(self.volume_usd),
            cell(fees(0)),
            whole(fees(0), 0),
            cell(fees(1)),
            whole(fees(1), 1),
            cell(self.fees_usd),
            cell(self.reward_percent),
            cell(self.fee_percent),
            self.positions_count.to_string(),
            self.wallets_count.to_string(),
            reasons_cell(&self.reasons),
        ]
    }
}
