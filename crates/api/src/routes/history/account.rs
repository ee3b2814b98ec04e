//! `GET /v1/accounts/{address}/history`: what an account earned, interval by interval.

use accrual_rewards::campaign::Campaign;
use accrual_rewards::unit::{Amount, UnixSeconds};
use accrual_store::series::{self, Hours};
use alloy_primitives::Address;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Serialize;

use super::campaign::window;
use super::{Asked, Page, Span, respond};
use crate::app::Api;
use crate::book::PoolState;
use crate::csv::CsvRow;
use crate::error::{ApiError, FieldError};
use crate::horizon::Horizon;
use crate::params::{self, Params};
use crate::routes::{campaign as campaign_of, pool_of};
use crate::view::Rfc3339;

/// One campaign's intervals; `campaign=` may be left out where there is only one.
pub(crate) async fn account(
    State(api): State<Api>,
    Path(address): Path<String>,
    headers: HeaderMap,
    horizon: Horizon,
    mut params: Params,
) -> Result<Response, ApiError> {
    let asked = Asked::read(&mut params, horizon);
    let id = params.take("campaign", |text| Ok(text.to_owned()));
    params.done()?;
    let account = params::address(&address)?;
    let campaign = chosen(&api, id.as_deref())?;
    let pool = api.book().newest(pool_of(&api, &campaign.pool)?)?;
    // Hours whose figures could not be known are not stored, and would pass for hours in which nothing was earned.
    pool.report(&campaign.id)?;
    let what = format!("account/{account:#x}/{}", campaign.id);
    let span = asked.span(&api, &pool, &what, window(campaign, asked.interval.seconds()))?;
    let page = page(&api, campaign, account, &pool, &span).await?;
    respond(&api, &headers, &asked, span, &pool, page, [].into()).await
}

fn chosen<'a>(api: &'a Api, id: Option<&str>) -> Result<&'a Campaign, ApiError> {
    match (id, api.book().campaigns()) {
        (Some(id), _) => campaign_of(api, id),
        (None, [only]) => Ok(only),
        (None, campaigns) => {
            let ids: Vec<&str> = campaigns.iter().map(|campaign| campaign.id.as_str()).collect();
            let detail = format!("is needed: one of {}", ids.join(", "));
            Err(ApiError::BadParameter(vec![FieldError { parameter: "campaign".to_owned(), detail }]))
        }
    }
}

/// What an account earned in an interval, and up to its end.
#[derive(Debug, Serialize)]
pub(crate) struct AccountHistoryRow {
    at: Rfc3339,
    campaign: String,
    interval_seconds: u64,
    /// Whether the interval is over.
    complete: bool,
    earned_units: Amount,
    earned_total_units: Amount,
    /// Whether it held liquidity at the end, in range or not.
    has_stake: bool,
}

/// Stored rows tell only hours in which something changed, so the others are filled in between them.
async fn page(
    api: &Api,
    campaign: &Campaign,
    account: Address,
    pool: &PoolState,
    span: &Span,
) -> Result<Page<AccountHistoryRow>, ApiError> {
    let recorded = series::get(api.db(), &campaign.pool).await?.and_then(|row| row.at);
    let last = recorded.unwrap_or_default().min(span.to);
    let opens = campaign.window.starts_at.0.div_ceil(span.step).saturating_mul(span.step);
    let first = UnixSeconds(span.first.0.max(opens));
    let before = series::account_before(api.db(), &campaign.id, account, first).await?;
    let stored = series::account_points(api.db(), &campaign.id, account, Hours { from: first, to: last });
    let stored = stored.await?;
    let (mut total, mut has_stake) = before.map_or((Amount::ZERO, false), |row| (row.earned, row.has_stake));
    let (mut rows, mut next, mut seen, mut at) = (Vec::new(), None, 0, first);
    while at <= last {
        if rows.len() == span.limit {
            next = Some(at);
            break;
        }
        let passed = total;
        while let Some(row) = stored.get(seen).filter(|row| row.at <= at) {
            (total, has_stake, seen) = (row.earned, row.has_stake, seen + 1);
        }
        let flow = Earned { passed, total, has_stake };
        rows.push(row(campaign, at, span.step, flow, true)?);
        at = UnixSeconds(at.0.saturating_add(span.step));
    }
    let begun = campaign.window.starts_at <= pool.moment.at;
    let ended = UnixSeconds(last.0.max(span.first.0.saturating_sub(span.step)));
    if next.is_none() && begun && span.has_running(Some(ended), pool.moment.at) {
        if rows.len() == span.limit {
            return Ok(Page { rows, next: Some(at) });
        }
        let report = pool.report(&campaign.id)?;
        let now = report.accounts.iter().find(|row| row.account == account);
        let flow = Earned {
            passed: total,
            total: now.map_or(Amount::ZERO, |row| row.earned),
            has_stake: series_has_stake(pool, account),
        };
        let seconds = pool.moment.at.since(ended);
        rows.push(row(campaign, pool.moment.at, seconds, flow, false)?);
    }
    Ok(Page { rows, next })
}

fn series_has_stake(pool: &PoolState, account: Address) -> bool {
    accrual_rewards::series::accounts_with_stake(&pool.tracker).contains(&account)
}

/// What had been earned before and at the end of an interval.
struct Earned {
    passed: Amount,
    total: Amount,
    has_stake: bool,
}

fn row(
    campaign: &Campaign,
    at: UnixSeconds,
    interval_seconds: u64,
    flow: Earned,
    complete: bool,
) -> Result<AccountHistoryRow, ApiError> {
    // What is stored only grows; if it did not, rows and state are of two histories.
    let earned = flow.total.checked_sub(flow.passed).ok_or_else(|| {
        tracing::error!(campaign = %campaign.id, %at, "stored hours fall: run `accrual replay`");
        ApiError::Internal
    })?;
    Ok(AccountHistoryRow {
        at: Rfc3339(at),
        campaign: campaign.id.to_string(),
        interval_seconds,
        complete,
        earned_units: earned,
        earned_total_units: flow.total,
        has_stake: flow.has_stake,
    })
}

impl CsvRow for AccountHistoryRow {
    const HEADER: &'static [&'static str] = &[
        "at",
        "campaign",
        "interval_seconds",
        "complete",
        "earned_units",
        "earned_total_units",
        "has_stake",
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            self.at.to_string(),
            self.campaign.clone(),
            self.interval_seconds.to_string(),
            self.complete.to_string(),
            self.earned_units.to_string(),
            self.earned_total_units.to_string(),
            self.has_stake.to_string(),
        ]
    }
}
