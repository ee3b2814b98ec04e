//! `GET /status`, `GET /status.json`, `GET /metrics`: how the service is and was, for everybody.

mod page;
mod workers;

use std::collections::BTreeMap;

use accrual_rewards::unit::UnixSeconds;
use accrual_store::nodes::{self, NodeRow};
use accrual_store::status::{self, StateSeconds};
use accrual_store::{Db, StoreError, leases};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::Api;
use crate::error::ApiError;
use crate::metrics;
use crate::params::Params;
use crate::status::KEPT_DAYS;
use crate::status::budget::{Budget, OBJECTIVE_PPM, WINDOW_DAYS};
use crate::status::components::{Component, Look};
use crate::view::Rfc3339;
use workers::WorkerView;

const HOUR: u64 = 3_600;
const DAY: u64 = 86_400;
const INCIDENTS_MAX: u32 = 100;

/// How the service is, and how it was.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Status)]
pub(crate) struct StatusView {
    /// The worst of all parts: `operational`, `degraded` or `down`.
    #[schema(example = "operational")]
    status: &'static str,
    /// When it was looked at.
    at: Rfc3339,
    /// Each part once.
    components: Vec<ComponentView>,
    /// The chain's nodes, as whoever follows the chain has seen them last; empty while the database does not answer.
    nodes: Vec<NodeView>,
    /// Null while the database does not answer.
    error_budget: Option<BudgetView>,
    /// The newest first; those of 90 days.
    incidents: Vec<IncidentView>,
    /// Who follows the chain; empty while the database does not answer.
    workers: Vec<WorkerView>,
    /// Where the account begins; null before the first look, and while the database does not answer.
    history_since_at: Option<Rfc3339>,
    /// What the operator wants every reader to know; absent where there is nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    notice: Option<String>,
}

/// One part.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = StatusComponent)]
pub(crate) struct ComponentView {
    /// Its name.
    #[schema(example = "database")]
    component: &'static str,
    /// The same for people.
    #[schema(example = "Database")]
    title: &'static str,
    /// `operational`, `degraded` or `down`.
    #[schema(example = "operational")]
    state: &'static str,
    /// Why it is not operational.
    reason: Option<String>,
    /// Blocks behind what it follows; null where that says nothing.
    #[schema(example = 0)]
    lag_blocks: Option<u64>,
    /// How far behind it is; null where that says nothing.
    #[schema(example = 2)]
    lag_seconds: Option<u64>,
    /// When it last did what it should; null where that is not known.
    last_success_at: Option<Rfc3339>,
    /// Each day that was looked at, rising.
    days: Vec<DayView>,
}

/// A node of the chain.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = StatusNode)]
pub(crate) struct NodeView {
    /// Scheme and host, never a key; a number behind it tells two of one host apart.
    #[schema(example = "https://mainnet.base.org")]
    node: String,
    /// `good`, `pruned`, `behind`, `on_a_fork`, `other_chain` or `unreachable`.
    #[schema(example = "good")]
    state: String,
    /// Why it is not good.
    reason: Option<String>,
    /// The newest block that it has shown; null where it has shown none.
    #[schema(example = 31_200_000)]
    head_block_number: Option<u64>,
    /// Blocks below the newest that any node has shown; null where that is not known.
    #[schema(example = 0)]
    lag_blocks: Option<u64>,
    /// What an answer takes in the mean, in milliseconds; null before the first.
    #[schema(example = 40)]
    latency_ms: Option<u64>,
    /// By which the next node is chosen: the lower the better.
    #[schema(example = 40)]
    score: u64,
    /// Questions a second, where it was found to refuse more.
    requests_per_second_max: Option<u64>,
    /// Blocks in one question for logs, where it named a limit.
    range_blocks_max: Option<u64>,
    /// Questions in one request, where it was found to refuse more.
    batch_max: Option<u64>,
    /// When that was so.
    seen_at: Rfc3339,
}

/// A day, in UTC: how many of its seconds a part was how. What is missing was not looked at.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = StatusDay)]
pub(crate) struct DayView {
    /// Its first second.
    day_at: Rfc3339,
    /// As it should be.
    operational_seconds: u64,
    /// Late, or in part.
    #[schema(example = 0)]
    degraded_seconds: u64,
    /// Not at all.
    #[schema(example = 0)]
    down_seconds: u64,
}

/// What is left of the promise: whole milliseconds.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = ErrorBudget)]
pub(crate) struct BudgetView {
    /// The promise: 99.99 %.
    #[schema(example = 999_900)]
    objective_ppm: u64,
    /// The days that it is counted over.
    #[schema(example = 30)]
    window_days: u64,
    /// May be down within them, in milliseconds.
    #[schema(example = 259_200)]
    allowed_ms: u64,
    /// Was down, in milliseconds.
    #[schema(example = 0)]
    spent_ms: u64,
    /// What is left, in milliseconds; below zero when the promise is broken.
    #[schema(example = 259_200)]
    left_ms: i64,
    /// Seconds of the window that the account covers.
    measured_seconds: u64,
}

/// A time in which a part was not well.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Incident)]
pub(crate) struct IncidentView {
    /// Which part.
    #[schema(example = "source")]
    component: String,
    /// `degraded` or `down`.
    #[schema(example = "down")]
    state: String,
    /// What was the matter when it began.
    #[schema(example = "no server ran")]
    reason: String,
    /// Since when.
    began_at: Rfc3339,
    /// Null while it lasts.
    ended_at: Option<Rfc3339>,
    /// How long it lasted, or has lasted so far, in seconds.
    #[schema(example = 120)]
    seconds: u64,
}

/// What is kept.
#[derive(Debug, Clone, Default)]
pub(crate) struct Kept {
    since: Option<UnixSeconds>,
    days: BTreeMap<String, BTreeMap<UnixSeconds, StateSeconds>>,
    window: StateSeconds,
    incidents: Vec<status::IncidentRow>,
    nodes: Vec<NodeRow>,
    workers: Vec<WorkerView>,
}

/// How the service is and was
///
/// Each part now and for 90 days, incidents, and what is left of the promise.
#[utoipa::path(
    get,
    path = "/status.json",
    tag = "health",
    operation_id = "get_status",
    responses(
        (status = 200, description = "How it is.", body = StatusView)
    )
)]
pub(crate) async fn json(State(api): State<Api>, params: Params) -> Result<Response, ApiError> {
    params.done()?;
    Ok((fresh(), Json(view(&api).await)).into_response())
}

/// The same for people
#[utoipa::path(
    get,
    path = "/status",
    tag = "pages",
    operation_id = "get_status_page",
    responses(
        (status = 200, description = "HTML.", body = String, content_type = "text/html")
    )
)]
pub(crate) async fn html(State(api): State<Api>) -> Response {
    page::answer(&view(&api).await)
}

/// The style of the status page
#[utoipa::path(
    get,
    path = "/assets/status.css",
    tag = "pages",
    operation_id = "get_status_style",
    responses(
        (status = 200, description = "CSS.", body = String, content_type = "text/css")
    )
)]
pub(crate) async fn style() -> Response {
    page::style()
}

/// What this server counts
///
/// For Prometheus; labels are routes, states and plans, never a key or an account.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "pages",
    operation_id = "get_metrics",
    responses(
        (status = 200, description = "Metrics.", body = String, content_type = "text/plain")
    )
)]
pub(crate) async fn prometheus(State(api): State<Api>) -> Response {
    let text = metrics::text(&api, api.settings().clock.now());
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    ([(header::CONTENT_TYPE, kind)], fresh(), text).into_response()
}

fn fresh() -> [(header::HeaderName, HeaderValue); 1] {
    [(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"))]
}

/// What is now, with what is kept. One look serves everybody for a few seconds: nobody needs a key for it.
async fn view(api: &Api) -> StatusView {
    let now = api.settings().clock.now();
    if let Some(told) = api.looker().told(now) {
        return told;
    }
    let look = Look::at(api, now).await;
    // Without the database there is the present alone.
    let kept = Kept::read(api.db(), api.settings().chain_id, now).await.ok();
    let view = StatusView::of(api, &look, kept);
    api.looker().tell(now, &view);
    view
}

impl Kept {
    async fn read(db: &Db, chain_id: u64, now: UnixSeconds) -> Result<Self, StoreError> {
        let hour = now.0 / HOUR * HOUR;
        let back = |days: u64| UnixSeconds(hour.saturating_sub(days * DAY));
        Ok(Self {
            since: status::clock(db).await?.map(|clock| clock.since),
            days: status::days(db, back(KEPT_DAYS)).await?,
            window: status::sum(db, Component::Api.as_str(), back(WINDOW_DAYS)).await?,
            incidents: status::incidents(db, back(KEPT_DAYS), INCIDENTS_MAX).await?,
            nodes: nodes::all(db, chain_id).await?,
            workers: workers::views(&leases::standing(db).await?),
        })
    }
}

impl StatusView {
    fn of(api: &Api, look: &Look, kept: Option<Kept>) -> Self {
        let error_budget = kept.as_ref().map(|kept| BudgetView::of(kept.window));
        let mut kept = kept.unwrap_or_default();
        let component = |seen: &crate::status::components::Seen| ComponentView {
            component: seen.component.as_str(),
            title: seen.component.title(),
            state: seen.state.as_str(),
            reason: seen.reason.clone(),
            lag_blocks: seen.lag_blocks,
            lag_seconds: seen.lag_seconds,
            last_success_at: seen.last_success_at.map(Rfc3339),
            days: kept
                .days
                .remove(seen.component.as_str())
                .unwrap_or_default()
                .into_iter()
                .map(DayView::of)
                .collect(),
        };
        let components = look.components.iter().map(component).collect();
        Self {
            status: look.worst().as_str(),
            at: Rfc3339(look.at),
            components,
            nodes: kept.nodes.into_iter().map(NodeView::of).collect(),
            error_budget,
            incidents: kept.incidents.into_iter().map(|row| IncidentView::of(row, look.at)).collect(),
            workers: kept.workers,
            history_since_at: kept.since.map(Rfc3339),
            notice: api.settings().notice.clone(),
        }
    }
}

impl NodeView {
    fn of(row: NodeRow) -> Self {
        Self {
            node: row.name,
            state: row.standing,
            reason: row.reason,
            head_block_number: row.head.map(|head| head.0),
            lag_blocks: row.lag_blocks,
            latency_ms: row.latency_ms,
            score: row.score,
            requests_per_second_max: row.requests_per_second_max,
            range_blocks_max: row.range_blocks_max,
            batch_max: row.batch_max,
            seen_at: Rfc3339(row.seen_at),
        }
    }
}

impl DayView {
    fn of((day, seconds): (UnixSeconds, StateSeconds)) -> Self {
        let StateSeconds { operational, degraded, down } = seconds;
        Self {
            day_at: Rfc3339(day),
            operational_seconds: operational,
            degraded_seconds: degraded,
            down_seconds: down,
        }
    }
}

impl BudgetView {
    fn of(window: StateSeconds) -> Self {
        let budget = Budget::of(window);
        Self {
            objective_ppm: OBJECTIVE_PPM,
            window_days: WINDOW_DAYS,
            allowed_ms: budget.allowed_ms,
            spent_ms: budget.spent_ms,
            left_ms: budget.left_ms(),
            measured_seconds: window.operational + window.degraded + window.down,
        }
    }
}

impl IncidentView {
    fn of(row: status::IncidentRow, now: UnixSeconds) -> Self {
        Self {
            seconds: row.ended_at.unwrap_or(now).since(row.began_at),
            component: row.component,
            state: row.state,
            reason: row.reason,
            began_at: Rfc3339(row.began_at),
            ended_at: row.ended_at.map(Rfc3339),
        }
    }
}
