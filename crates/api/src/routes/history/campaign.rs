//! `GET /v1/campaigns/{id}/history`.

use std::collections::BTreeMap;

use accrual_rewards::apr::{AprUnknown, reward_percent};
use accrual_rewards::campaign::Campaign;
use accrual_rewards::id::PoolId;
use accrual_rewards::series::{CampaignPoint, PoolPoint};
use accrual_rewards::unit::{Amount, UnixSeconds};
use accrual_store::retention;
use accrual_store::series::{self, Hours};
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use rust_decimal::Decimal;
use serde::Serialize;
use utoipa::ToSchema;

use super::pool::{dollars, known, reasons_cell};
use super::{Asked, HistoryList, Page, Reasons, Span, parsed, respond};
use crate::app::Api;
use crate::book::PoolState;
use crate::csv::{CsvRow, cell, in_tokens};
use crate::error::ApiError;
use crate::horizon::Horizon;
use crate::params::Params;
use crate::prices::{Prices, pools_behind, source_of};
use crate::routes::{campaign as campaign_of, pool_of};
use crate::view::Rfc3339;

/// A campaign's history
///
/// What it paid by the hour or day, and one row more for the hour that runs.
#[utoipa::path(
    get,
    path = "/v1/campaigns/{id}/history",
    tag = "campaigns",
    operation_id = "list_campaign_history",
    params(
        ("id" = String, Path, description = "The campaign's id."),
        ("interval" = Option<crate::document::shape::IntervalName>, Query, description = "Time from row to row; 1h unless told otherwise."),
        ("from" = Option<Rfc3339>, Query, description = "The first instant that is asked for, included."),
        ("to" = Option<Rfc3339>, Query, description = "The last instant that is asked for, included."),
        ("limit" = Option<u32>, Query, description = "The most rows of the page; 500 unless told otherwise.", minimum = 1, maximum = 500),
        ("cursor" = Option<String>, Query, description = "`meta.next_cursor` of the page before."),
        ("format" = Option<crate::document::shape::FormatName>, Query, description = "The form of the answer; otherwise the Accept header decides.")
    ),
    responses(
        (status = 200, description = "One page, oldest first.", headers(("Link" = String, description = "The next page, as rel=\"next\"; absent on the last.")),
            content((HistoryList<CampaignHistoryRow> = "application/json"), (String = "text/csv"))),
        (status = 409, description = "figures_unknown: what is stored does not tell this campaign's figures.")
    )
)]
pub(crate) async fn campaign(
    State(api): State<Api>,
    Path(id): Path<String>,
    headers: HeaderMap,
    horizon: Horizon,
    mut params: Params,
) -> Result<Response, ApiError> {
    let asked = Asked::read(&mut params, horizon);
    params.done()?;
    let campaign = campaign_of(&api, &id)?;
    let pool = api.book().newest(pool_of(&api, &campaign.pool)?)?;
    // Hours whose figures could not be known are not stored, and would pass for hours in which nothing was earned.
    pool.report(&campaign.id)?;
    let mut span =
        asked.span(&api, &pool, &format!("campaign/{id}"), window(campaign, asked.interval.seconds()))?;
    span.skip_days(retention::pool_by_day_before(api.db(), &campaign.pool).await?);
    let told = Told::read(&api, campaign, &pool, &span).await?;
    let page = told.page(&span)?;
    let sources = told.newest.clone();
    respond(&api, &headers, &asked, span, &pool, page, sources).await
}

/// The campaign's window, up to the row that holds its end.
pub(super) fn window(campaign: &Campaign, step: u64) -> Hours {
    let ends_at = campaign.window.ends_at.0.div_ceil(step).saturating_mul(step);
    Hours { from: campaign.window.starts_at, to: UnixSeconds(ends_at) }
}

/// A campaign at the end of an interval, and what it paid in it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CampaignHistoryRow {
    /// The interval's end.
    at: Rfc3339,
    /// The interval's length; shorter for the one that runs and for the first.
    interval_seconds: u64,
    /// Whether the interval is over.
    complete: bool,
    /// What time set free in the interval.
    emitted_units: Amount,
    /// What accounts earned in the interval.
    earned_units: Amount,
    /// What time has set free since the beginning.
    emitted_total_units: Amount,
    /// What accounts have earned since the beginning.
    earned_total_units: Amount,
    /// What nobody has earned since the beginning.
    undistributed_total_units: Amount,
    /// The part of that for which nobody was eligible.
    nobody_eligible_total_units: Amount,
    /// The interval's emission in dollars, by the prices of its end.
    emitted_usd: Option<Decimal>,
    /// What eligible positions hold at the end.
    tvl_usd: Option<Decimal>,
    /// What one whole reward token is worth at the end.
    reward_token_price_usd: Option<Decimal>,
    /// What the campaign pays a year on what eligible positions hold at the end.
    reward_percent: Option<Decimal>,
    /// How many accounts have earned.
    accounts_count: u64,
    /// How many accounts have a share at the end.
    wallets_count: u64,
    /// Why each null of the row is null, by the field's name.
    #[schema(value_type = std::collections::BTreeMap<String, String>, example = json!({ "emitted_usd": "no_price_source" }))]
    reasons: Reasons,
    /// Of the reward token, for tables.
    #[serde(skip)]
    decimals: Option<u8>,
    /// Where each token's price comes from, by the token's address; absent where that is as in `meta`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, value_type = Option<std::collections::BTreeMap<String, Option<String>>>, example = json!({ "0x52908400098527886E0F7030069857D2E4169EE7": "fixed" }))]
    price_sources: Option<Sources>,
}

type Sources = BTreeMap<String, Option<String>>;

struct Told<'a> {
    api: &'a Api,
    campaign: &'a Campaign,
    pool: &'a PoolState,
    rows: Vec<CampaignPoint>,
    running: Option<CampaignPoint>,
    /// Pools that prices are made of, by hour.
    pools: BTreeMap<UnixSeconds, Vec<(PoolId, PoolPoint)>>,
    newest: Sources,
}

impl<'a> Told<'a> {
    async fn read(
        api: &'a Api,
        campaign: &'a Campaign,
        pool: &'a PoolState,
        span: &Span,
    ) -> Result<Self, ApiError> {
        let (hours, max) = (span.hours(), span.rows_max());
        let db = api.book().covering(pool).await?;
        let found = series::campaign_points(db, &campaign.id, hours, span.step, max).await?;
        let rows = found.iter().map(|row| parsed(&row.body)).collect::<Result<Vec<CampaignPoint>, _>>()?;
        let tokens = api.tokens_of(&campaign.pool).into_iter().chain([campaign.reward_token]);
        let mut pools: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for other in pools_behind(api, tokens) {
            for row in series::pool_points(db, &other, hours, span.step, max).await? {
                pools.entry(row.at).or_default().push((other.clone(), parsed(&row.body)?));
            }
        }
        let running = pool.running()?.and_then(|now| now.campaign(campaign).cloned());
        let mut told = Self { api, campaign, pool, rows, running, pools, newest: [].into() };
        told.newest = told.newest_sources();
        Ok(told)
    }

    fn page(&self, span: &Span) -> Result<Page<CampaignHistoryRow>, ApiError> {
        span.page(&self.rows, self.running.as_ref(), |before, point, complete| {
            self.row(before, point, span.step, complete)
        })
    }

    fn prices(&self, at: UnixSeconds, complete: bool) -> Prices<'_> {
        if !complete {
            return Prices::now(self.api, &self.api.book().state(), at);
        }
        let pools = self.pools.get(&at).into_iter().flatten().map(|(id, point)| (id, point));
        Prices::at_hour(self.api, pools, at)
    }

    fn row(
        &self,
        before: Option<&CampaignPoint>,
        point: &CampaignPoint,
        step: u64,
        complete: bool,
    ) -> Result<CampaignHistoryRow, ApiError> {
        let token = self.campaign.reward_token;
        let prices = self.prices(point.at, complete);
        let mut reasons = Reasons::new();
        let (emitted, earned) = match before {
            Some(before) => {
                let flow = point.since(before);
                let flow = flow.map_err(|error| ApiError::internal_at(self.pool.moment.number, &error))?;
                (flow.emitted, flow.earned)
            }
            None => (point.emitted, point.earned),
        };
        let priced = prices.priced(token);
        let emitted_usd = prices.worth_of(token, emitted);
        let tvl = prices.worth(&self.campaign.pool, &point.eligible);
        let percent = reward_percent(
            self.campaign,
            priced.as_ref().ok().copied(),
            tvl.as_ref().ok().copied(),
            point.at,
        );
        let sources = self.sources(&prices);
        Ok(CampaignHistoryRow {
            at: Rfc3339(point.at),
            interval_seconds: before.map_or(step.min(point.at.0), |before| point.at.since(before.at)),
            complete,
            emitted_units: emitted,
            earned_units: earned,
            emitted_total_units: point.emitted,
            earned_total_units: point.earned,
            undistributed_total_units: point.undistributed,
            nobody_eligible_total_units: point.nobody_eligible,
            emitted_usd: dollars(&mut reasons, "emitted_usd", emitted_usd),
            tvl_usd: dollars(&mut reasons, "tvl_usd", tvl),
            reward_token_price_usd: known(
                &mut reasons,
                "reward_token_price_usd",
                prices.usd(token).map(|quote| quote.usd).map_err(|unknown| unknown.as_str()),
            ),
            reward_percent: known(&mut reasons, "reward_percent", percent.map_err(AprUnknown::as_str)),
            accounts_count: point.accounts,
            wallets_count: point.wallets,
            reasons,
            decimals: self.api.token(token).decimals,
            price_sources: Some(sources).filter(|sources| *sources != self.newest),
        })
    }

    fn sources(&self, prices: &Prices<'_>) -> Sources {
        let tokens = self.api.tokens_of(&self.campaign.pool).into_iter().chain([self.campaign.reward_token]);
        tokens.map(|token| (token.to_checksum(None), source_of(prices, token))).collect()
    }

    /// Those that most rows share: the newest.
    fn newest_sources(&self) -> Sources {
        self.sources(&Prices::now(self.api, &self.api.book().state(), self.pool.moment.at))
    }
}

impl CsvRow for CampaignHistoryRow {
    const HEADER: &'static [&'static str] = &[
        "at",
        "interval_seconds",
        "complete",
        "emitted_units",
        "emitted_decimal",
        "earned_units",
        "earned_decimal",
        "emitted_total_units",
        "emitted_total_decimal",
        "earned_total_units",
        "earned_total_decimal",
        "undistributed_total_units",
        "undistributed_total_decimal",
        "nobody_eligible_total_units",
        "nobody_eligible_total_decimal",
        "emitted_usd",
        "tvl_usd",
        "reward_token_price_usd",
        "reward_percent",
        "accounts_count",
        "wallets_count",
        "reasons",
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            self.at.to_string(),
            self.interval_seconds.to_string(),
            self.complete.to_string(),
            self.emitted_units.to_string(),
            in_tokens(self.emitted_units, self.decimals),
            self.earned_units.to_string(),
            in_tokens(self.earned_units, self.decimals),
            self.emitted_total_units.to_string(),
            in_tokens(self.emitted_total_units, self.decimals),
            self.earned_total_units.to_string(),
            in_tokens(self.earned_total_units, self.decimals),
            self.undistributed_total_units.to_string(),
            in_tokens(self.undistributed_total_units, self.decimals),
            self.nobody_eligible_total_units.to_string(),
            in_tokens(self.nobody_eligible_total_units, self.decimals),
            cell(self.emitted_usd),
            cell(self.tvl_usd),
            cell(self.reward_token_price_usd),
            cell(self.reward_percent),
            self.accounts_count.to_string(),
            self.wallets_count.to_string(),
            reasons_cell(&self.reasons),
        ]
    }
}
