//! `GET /v1/usage`: what a client has called, what is left of its plan, and what the month would cost if it ended now.

use std::collections::BTreeMap;

use accrual_access::invoice::{Invoice, Terms};
use accrual_access::month::{month_start, next_month};
use accrual_access::plan::Plan;
use accrual_access::record::ClientRecord;
use accrual_access::scope::Scope;
use accrual_rewards::unit::UnixSeconds;
use accrual_store::usage::{self, HourRow};
use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::Api;
use crate::auth::ActiveKey;
use crate::csv::{self, CsvRow, Format};
use crate::error::ApiError;
use crate::params::{self, Params};
use crate::view::Rfc3339;

/// What a client has called.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = UsageAnswer)]
struct Answer {
    /// The client, its plan, its month and its calls.
    data: UsageView,
}

/// A client's usage.
#[derive(Debug, Serialize, ToSchema)]
struct UsageView {
    /// The client's name.
    client: String,
    /// The plan's terms of today.
    plan: PlanView,
    /// What was called in this calendar month, UTC.
    month: MonthView,
    /// What the month would cost if it ended now.
    invoice: InvoiceView,
    /// The first instant of `rows`, included.
    #[schema(example = "2026-06-01T00:00:00Z")]
    from: Rfc3339,
    /// The last instant of `rows`, excluded.
    #[schema(example = "2026-06-12T09:30:01Z")]
    to: Rfc3339,
    /// The calls, by what was asked for.
    rows: Vec<UsageRow>,
}

/// A plan's terms.
#[derive(Debug, Serialize, ToSchema)]
struct PlanView {
    /// The plan's name.
    name: String,
    /// From when on these terms hold.
    #[schema(example = "2025-01-01T00:00:00Z")]
    valid_from: Rfc3339,
    /// How many calls a calendar month has.
    calls_per_month: u64,
    /// How many calls any 60 seconds have.
    calls_per_minute: u32,
    /// How far back answers reach; null for all the way.
    history_starts_at: Option<Rfc3339>,
    /// What a call beyond the month's costs; null where there is none beyond.
    overage_microusd: Option<u64>,
}

/// A calendar month, UTC.
#[derive(Debug, Serialize, ToSchema)]
struct MonthView {
    /// Its first instant.
    starts_at: Rfc3339,
    /// The next one's first instant.
    ends_at: Rfc3339,
    /// Calls that count, as far as servers have written them: they do so each second.
    calls: u64,
    /// How many calls the plan includes.
    calls_included: u64,
    /// How many of them are left.
    calls_left: u64,
}

/// A month's bill.
#[derive(Debug, Serialize, ToSchema)]
struct InvoiceView {
    /// The plan's name.
    plan: String,
    /// From when on the terms hold that it is made by.
    #[schema(example = "2025-01-01T00:00:00Z")]
    plan_valid_from: Rfc3339,
    /// How many calls count.
    calls: u64,
    /// How many calls the plan includes.
    included_calls: u64,
    /// How many calls there were beyond.
    overage_calls: u64,
    /// What a call beyond costs.
    overage_microusd: u64,
    /// What all calls beyond cost, before discounts.
    gross_microusd: u64,
    /// The whole discount: both parts added up.
    discount_percent: u32,
    /// The part of it for paying in TMAI.
    tmai_percent: u32,
    /// The part of it for staking.
    rebate_percent: u32,
    /// What the discount takes off.
    discount_microusd: u64,
    /// What is to be paid.
    due_microusd: u64,
    /// Where the client wants to be stopped.
    spend_cap_microusd: u64,
}

/// Calls, by whatever was asked for; what was not is null.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
struct UsageRow {
    /// The day's first instant, UTC.
    day: Option<Rfc3339>,
    /// The hour's first instant.
    hour: Option<Rfc3339>,
    /// The key's id.
    #[schema(example = "7Q2mZx9KpL4t")]
    key: Option<String>,
    /// Method and path.
    endpoint: Option<String>,
    /// The answer's HTTP status.
    #[schema(example = 200)]
    status: Option<u64>,
    /// How many calls there were.
    calls: u64,
    /// How many of them count against the month.
    counted: u64,
}

#[derive(Debug, Clone, Copy, Default)]
struct By {
    day: bool,
    hour: bool,
    key: bool,
    endpoint: bool,
    status: bool,
}

/// One line of the month's bill.
#[derive(Debug)]
struct InvoiceLine {
    item: &'static str,
    quantity: u64,
    unit_microusd: u64,
    amount_microusd: String,
    plan: String,
    plan_valid_from: Rfc3339,
}

/// What a client has called
///
/// And what is left of its plan, and what the month would cost if it ended now. Calls are written down each second.
#[utoipa::path(
    get,
    path = "/v1/usage",
    tag = "usage",
    operation_id = "get_usage",
    params(
        ("from" = Option<Rfc3339>, Query, description = "The first instant, included; the month's first unless told otherwise."),
        ("to" = Option<Rfc3339>, Query, description = "The last instant, excluded; now unless told otherwise."),
        ("by" = Option<String>, Query, description = "What calls are counted by: some of day, hour, key, endpoint and status, with commas; day unless told otherwise.", example = "day,key"),
        ("client" = Option<String>, Query, description = "Another client, by name or id: only for keys with the scope admin.", example = "dashboard"),
        ("format" = Option<crate::document::shape::FormatName>, Query, description = "The form of the answer; otherwise the Accept header decides.")
    ),
    responses(
        (status = 200, description = "The usage; as CSV its rows alone.", content((Answer = "application/json"), (String = "text/csv"))),
        (status = 404, description = "not_found: there is no such client.")
    )
)]
pub(crate) async fn own(
    State(api): State<Api>,
    key: ActiveKey,
    headers: HeaderMap,
    mut params: Params,
) -> Result<Response, ApiError> {
    let now = api.settings().clock.now();
    let month_at = month_start(now);
    let from = params.take("from", params::instant).unwrap_or(month_at);
    let to = params.take("to", params::instant).unwrap_or(UnixSeconds(now.0 + 1));
    let by = params.take("by", By::parse).unwrap_or(By { day: true, ..By::default() });
    let other = params.take("client", |text| Ok(text.to_owned()));
    let format = params.take("format", Format::parse);
    params.done()?;
    let client = client(&api, &key, other).await?;
    let rows = grouped(usage::hours(api.db(), &client.client_id, from, to).await?, by);
    if Format::of(format, &headers) == Format::Csv {
        return Ok(csv::answer(&rows));
    }
    let plan = plan(&api, &client, now)?;
    let invoice = invoice(&api, &client, plan, now).await?;
    let month = MonthView {
        starts_at: Rfc3339(month_at),
        ends_at: Rfc3339(next_month(now)),
        calls: invoice.calls,
        calls_included: plan.calls_per_month,
        calls_left: plan.calls_per_month.saturating_sub(invoice.calls),
    };
    let plan = PlanView {
        name: plan.name.clone(),
        valid_from: Rfc3339(plan.valid_from),
        calls_per_month: plan.calls_per_month,
        calls_per_minute: plan.calls_per_minute,
        history_starts_at: plan.history.starts_at(now).map(Rfc3339),
        overage_microusd: plan.overage_microusd,
    };
    let data = UsageView {
        client: client.name.clone(),
        plan,
        month,
        invoice: InvoiceView::of(&invoice),
        from: Rfc3339(from),
        to: Rfc3339(to),
        rows,
    };
    Ok(Json(Answer { data }).into_response())
}

/// The month's bill
///
/// If it ended now, as lines for a spreadsheet.
#[utoipa::path(
    get,
    path = "/v1/usage/invoice",
    tag = "usage",
    operation_id = "get_invoice",
    params(
        ("client" = Option<String>, Query, description = "Another client, by name or id: only for keys with the scope admin.", example = "dashboard"),
        ("format" = Option<crate::document::shape::FormatName>, Query, description = "Whatever it says, the answer is CSV.")
    ),
    responses(
        (status = 200, description = "The lines.", body = String, content_type = "text/csv"),
        (status = 404, description = "not_found: there is no such client.")
    )
)]
pub(crate) async fn invoice_lines(
    State(api): State<Api>,
    key: ActiveKey,
    mut params: Params,
) -> Result<Response, ApiError> {
    let other = params.take("client", |text| Ok(text.to_owned()));
    params.take("format", Format::parse);
    params.done()?;
    let client = client(&api, &key, other).await?;
    let now = api.settings().clock.now();
    let invoice = invoice(&api, &client, plan(&api, &client, now)?, now).await?;
    let line = |item, quantity, unit_microusd, amount_microusd: String| InvoiceLine {
        item,
        quantity,
        unit_microusd,
        amount_microusd,
        plan: invoice.plan.clone(),
        plan_valid_from: Rfc3339(invoice.plan_valid_from),
    };
    let percent = u64::from(invoice.discount.percent);
    Ok(csv::answer(&[
        line("included calls", invoice.calls.min(invoice.included_calls), 0, "0".to_owned()),
        line(
            "calls beyond",
            invoice.overage_calls,
            invoice.overage_microusd,
            invoice.gross_microusd.to_string(),
        ),
        line("discount, per cent", percent, 0, format!("-{}", invoice.discount_microusd)),
        line("due", 1, invoice.due_microusd, invoice.due_microusd.to_string()),
    ]))
}

/// The caller, or, for whoever manages keys, the client that was named.
async fn client(api: &Api, key: &ActiveKey, other: Option<String>) -> Result<ClientRecord, ApiError> {
    match other {
        None => Ok(ClientRecord::clone(&key.client)),
        Some(name) if key.scopes.contains(Scope::Admin) => Ok(api.keys().client(&name).await?),
        Some(_) => Err(ApiError::ScopeMissing(Scope::Admin.as_str())),
    }
}

fn plan<'a>(api: &'a Api, client: &ClientRecord, now: UnixSeconds) -> Result<&'a Plan, ApiError> {
    let found = api.settings().access.plans.at(&client.plan, now);
    found.ok_or_else(|| ApiError::PlanFeature(client.plan.clone()))
}

async fn invoice(
    api: &Api,
    client: &ClientRecord,
    plan: &Plan,
    now: UnixSeconds,
) -> Result<Invoice, ApiError> {
    let hours = usage::hours(api.db(), &client.client_id, month_start(now), next_month(now)).await?;
    let calls = hours.iter().map(|row| row.counted).sum();
    let terms = Terms {
        spend_cap_microusd: client.spend_cap_microusd,
        pays_in_tmai: client.pays_in_tmai,
        stake_tier: client.stake_tier.clone(),
    };
    Ok(api.limits().billing().invoice(plan, &terms, calls))
}

fn grouped(hours: Vec<HourRow>, by: By) -> Vec<UsageRow> {
    let mut sums: BTreeMap<_, (u64, u64)> = BTreeMap::new();
    for row in hours {
        let place = (
            by.day.then_some(row.at.0 / 86_400 * 86_400),
            by.hour.then_some(row.at.0),
            by.key.then_some(row.key_id),
            by.endpoint.then_some(row.endpoint),
            by.status.then_some(row.status),
        );
        let sum = sums.entry(place).or_default();
        (sum.0, sum.1) = (sum.0 + row.calls, sum.1 + row.counted);
    }
    let time = |at: Option<u64>| at.map(|at| Rfc3339(UnixSeconds(at)));
    let row = |((day, hour, key, endpoint, status), (calls, counted))| UsageRow {
        day: time(day),
        hour: time(hour),
        key,
        endpoint,
        status,
        calls,
        counted,
    };
    sums.into_iter().map(row).collect()
}

impl By {
    fn parse(text: &str) -> Result<Self, String> {
        let mut by = Self::default();
        for name in text.split(',') {
            let part = match name {
                "day" => &mut by.day,
                "hour" => &mut by.hour,
                "key" => &mut by.key,
                "endpoint" => &mut by.endpoint,
                "status" => &mut by.status,
                _ => {
                    return Err("must be some of day, hour, key, endpoint and status, with commas".to_owned());
                }
            };
            *part = true;
        }
        Ok(by)
    }
}

impl InvoiceView {
    fn of(invoice: &Invoice) -> Self {
        Self {
            plan: invoice.plan.clone(),
            plan_valid_from: Rfc3339(invoice.plan_valid_from),
            calls: invoice.calls,
            included_calls: invoice.included_calls,
            overage_calls: invoice.overage_calls,
            overage_microusd: invoice.overage_microusd,
            gross_microusd: invoice.gross_microusd,
            discount_percent: invoice.discount.percent,
            tmai_percent: invoice.discount.tmai_percent,
            rebate_percent: invoice.discount.rebate_percent,
            discount_microusd: invoice.discount_microusd,
            due_microusd: invoice.due_microusd,
            spend_cap_microusd: invoice.spend_cap_microusd,
        }
    }
}

impl CsvRow for UsageRow {
    const HEADER: &'static [&'static str] = &["day", "hour", "key", "endpoint", "status", "calls", "counted"];

    fn cells(&self) -> Vec<String> {
        vec![
            csv::cell(self.day),
            csv::cell(self.hour),
            csv::cell(self.key.as_ref()),
            csv::cell(self.endpoint.as_ref()),
            csv::cell(self.status),
            self.calls.to_string(),
            self.counted.to_string(),
        ]
    }
}

impl CsvRow for InvoiceLine {
    const HEADER: &'static [&'static str] =
        &["item", "quantity", "unit_microusd", "amount_microusd", "plan", "plan_valid_from"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.item.to_owned(),
            self.quantity.to_string(),
            self.unit_microusd.to_string(),
            self.amount_microusd.clone(),
            self.plan.clone(),
            self.plan_valid_from.to_string(),
        ]
    }
}
