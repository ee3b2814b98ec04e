//! `GET /v1/accounts/{address}/history`: what an account earned, interval by interval.

use accrual_rewards::campaign::Campaign;
use accrual_rewards::unit::{Amount, UnixSeconds};
use accrual_store::series::{self, Hours};
use accrual_store::{account_days, retention};
use alloy_primitives::Address;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::campaign::window;
use super::{Asked, HistoryList, Page, Span, respond};
use crate::app::Api;
use crate::book::PoolState;
use crate::csv::{CsvRow, in_tokens};
use crate::error::{ApiError, FieldError};
use crate::horizon::Horizon;
use crate::params::{self, Params};
use crate::routes::{campaign as campaign_of, pool_of, stretches};
use crate::view::{Eip55, Rfc3339};

/// An account's history
///
/// What it earned in one campaign, by the hour or day, and one row more for the hour that runs.
#[utoipa::path(
    get,
    path = "/v1/accounts/{address}/history",
    tag = "accounts",
    operation_id = "list_account_history",
    params(
        ("address" = Eip55, Path, description = "The account: lower case, upper case, or mixed as EIP-55 has it."),
        ("campaign" = Option<String>, Query, description = "The campaign's id; may be left out where there is only one.", example = "usdc-tmai-2025-06"),
        ("stretches" = Option<bool>, Query, description = "Whether to add when the account's positions earned, when they stood idle, and why."),
        ("interval" = Option<crate::document::shape::IntervalName>, Query, description = "Time from row to row; 1h unless told otherwise."),
        ("from" = Option<Rfc3339>, Query, description = "The first instant that is asked for, included."),
        ("to" = Option<Rfc3339>, Query, description = "The last instant that is asked for, included."),
        ("limit" = Option<u32>, Query, description = "The most rows of the page; 500 unless told otherwise.", minimum = 1, maximum = 500),
        ("cursor" = Option<String>, Query, description = "`meta.next_cursor` of the page before."),
        ("format" = Option<crate::document::shape::FormatName>, Query, description = "The form of the answer; otherwise the Accept header decides.")
    ),
    responses(
        (status = 200, description = "One page, oldest first.", headers(("Link" = String, description = "The next page, as rel=\"next\"; absent on the last.")),
            content((HistoryList<AccountHistoryRow> = "application/json"), (String = "text/csv"))),
        (status = 409, description = "figures_unknown: what is stored does not tell this campaign's figures.")
    )
)]
pub(crate) async fn account(
    State(api): State<Api>,
    Path(address): Path<String>,
    headers: HeaderMap,
    horizon: Horizon,
    mut params: Params,
) -> Result<Response, ApiError> {
    let asked = Asked::read(&mut params, horizon);
    let id = params.take("campaign", |text| Ok(text.to_owned()));
    let explain = params.take("stretches", stretches::flag).unwrap_or(false);
    params.done()?;
    let account = params::address(&address)?;
    let campaign = chosen(&api, id.as_deref())?;
    let pool = api.book().newest(pool_of(&api, &campaign.pool)?)?;
    // Hours whose figures could not be known are not stored, and would pass for hours in which nothing was earned.
    pool.report(&campaign.id)?;
    let what = format!("account/{account:#x}/{}", campaign.id);
    let mut span = asked.span(&api, &pool, &what, window(campaign, asked.interval.seconds()))?;
    span.skip_days(retention::accounts_by_day_before(api.db(), &campaign.id).await?);
    let mut page = page(&api, campaign, account, &pool, &span).await?;
    if explain {
        page.stretches = Some(stretches::of_account(&api, &pool, campaign, account).await?);
    }
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
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AccountHistoryRow {
    /// The interval's end.
    at: Rfc3339,
    /// The campaign's id.
    campaign: String,
    /// The interval's length; shorter for the one that runs and for the first.
    interval_seconds: u64,
    /// Whether the interval is over.
    complete: bool,
    /// What the account earned in the interval.
    earned_units: Amount,
    /// What it has earned up to the end.
    earned_total_units: Amount,
    /// Whether it held liquidity at the end, in range or not.
    has_stake: bool,
    /// Of the reward token, for tables.
    #[serde(skip)]
    decimals: Option<u8>,
}

/// Stored rows tell only hours in which something changed, so the others are filled in between them.
async fn page(
    api: &Api,
    campaign: &Campaign,
    account: Address,
    pool: &PoolState,
    span: &Span,
) -> Result<Page<AccountHistoryRow>, ApiError> {
    let decimals = api.token(campaign.reward_token).decimals;
    let db = api.book().covering(pool).await?;
    let recorded = series::get(db, &campaign.pool).await?.and_then(|row| row.at);
    let last = recorded.unwrap_or_default().min(span.to);
    let opens = campaign.window.starts_at.0.div_ceil(span.step).saturating_mul(span.step);
    let first = UnixSeconds(span.first.0.max(opens));
    // A day begins a day before its row: what was earned in the hours between is its own.
    let begins = UnixSeconds(first.0.saturating_sub(span.step).saturating_add(1));
    let before = account_days::before(db, &campaign.id, account, begins).await?;
    let stored = account_days::between(db, &campaign.id, account, Hours { from: begins, to: last });
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
        rows.push(row(campaign, at, span.step, flow, (true, decimals))?);
        at = UnixSeconds(at.0.saturating_add(span.step));
    }
    let begun = campaign.window.starts_at <= pool.moment.at;
    let ended = UnixSeconds(last.0.max(span.first.0.saturating_sub(span.step)));
    if next.is_none() && begun && span.has_running(Some(ended), pool.moment.at) {
        if rows.len() == span.limit {
            return Ok(Page { rows, next: Some(at), stretches: None });
        }
        let report = pool.report(&campaign.id)?;
        let now = report.of(account);
        let flow = Earned {
            passed: total,
            total: now.map_or(Amount::ZERO, |row| row.earned),
            has_stake: pool.standing().has_stake(account),
        };
        let seconds = pool.moment.at.since(ended);
        rows.push(row(campaign, pool.moment.at, seconds, flow, (false, decimals))?);
    }
    Ok(Page { rows, next, stretches: None })
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
    (complete, decimals): (bool, Option<u8>),
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
        decimals,
    })
}

impl CsvRow for AccountHistoryRow {
    const HEADER: &'static [&'static str] = &[
        "at",
        "campaign",
        "interval_seconds",
        "complete",
        "earned_units",
        "earned_decimal",
        "earned_total_units",
        "earned_total_decimal",
        "has_stake",
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            self.at.to_string(),
            self.campaign.clone(),
            self.interval_seconds.to_string(),
            self.complete.to_string(),
            self.earned_units.to_string(),
            in_tokens(self.earned_units, self.decimals),
            self.earned_total_units.to_string(),
            in_tokens(self.earned_total_units, self.decimals),
            self.has_stake.to_string(),
        ]
    }
}
