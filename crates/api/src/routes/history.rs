//! `GET /v1/.../history`: charts from stored rows, an hour or a day each, and one more for the hour that runs.
//!
//! A row of `at` tells the state at `at`, and what flowed in the interval that ends there.

pub(crate) mod account;
pub(crate) mod campaign;
mod past;
pub(crate) mod pool;

pub(crate) use account::account;
pub(crate) use campaign::campaign;
pub(crate) use past::PastHours;
pub(crate) use pool::{dollars_of, pool};

use std::collections::BTreeMap;

use accrual_rewards::series::Timed;
use accrual_rewards::unit::UnixSeconds;
use accrual_store::moment::Moment;
use accrual_store::series::{self, Hours};
use axum::Json;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::paging::linked;
use super::stretches::{Explained, TimelineView};
use crate::app::Api;
use crate::book::PoolState;
use crate::csv::{self, CsvRow, Format};
use crate::cursor::Cursor;
use crate::error::{ApiError, FieldError};
use crate::horizon::Horizon;
use crate::params::{self, LIMIT_MAX, Params};
use crate::view::{Meta, Rfc3339};

/// What is told when neither end of the range nor a campaign says otherwise.
const DEFAULT_SECONDS: u64 = 14 * 86_400;

/// Why each null of a row is null, by the field's name.
pub(crate) type Reasons = BTreeMap<&'static str, &'static str>;

/// Time from row to row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Interval {
    Hour,
    Day,
}

/// What the caller asks for.
struct Asked {
    interval: Interval,
    from: Option<UnixSeconds>,
    to: Option<UnixSeconds>,
    limit: usize,
    cursor: Option<String>,
    format: Option<Format>,
    horizon: Horizon,
}

/// The stretch of a list that one answer tells.
struct Span {
    step: u64,
    /// The first row's time.
    first: UnixSeconds,
    /// The last instant that is asked for.
    to: UnixSeconds,
    limit: usize,
    list: String,
    /// Where the plan begins, when that cut the stretch.
    cut_at: Option<UnixSeconds>,
    /// The first hour that is kept, when older ones became days.
    hours_since: Option<UnixSeconds>,
}

/// Rows, and where the next ones begin.
struct Page<Row> {
    rows: Vec<Row>,
    next: Option<UnixSeconds>,
    stretches: Option<Explained>,
}

/// A chart's rows.
#[derive(Debug, Serialize, ToSchema)]
struct HistoryList<Row> {
    /// The rows, oldest first.
    data: Vec<Row>,
    /// When each of the account's positions earned, when it stood idle, and why; of an account, where it is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    stretches: Option<Vec<TimelineView>>,
    /// What is true of all rows.
    meta: HistoryMeta,
}

/// What is true of a chart's rows.
#[derive(Debug, Serialize, ToSchema)]
struct HistoryMeta {
    #[serde(flatten)]
    meta: Meta,
    /// Time from row to row: `1h` or `1d`.
    interval: &'static str,
    /// Up to here hours are stored; null while they are being made.
    recorded_to_at: Option<Rfc3339>,
    /// Where each token's price comes from, by the token's address, unless a row says otherwise.
    #[schema(example = json!({ "0x52908400098527886E0F7030069857D2E4169EE7": "fixed" }))]
    price_sources: BTreeMap<String, Option<String>>,
    /// Where the caller's plan begins; absent where that is not later than what was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    history_starts_at: Option<Rfc3339>,
    /// Whether the plan has cut the range; absent where it has not.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    history_cut_by_plan: bool,
    /// The first hour that is kept; older ones became days (`interval=1d`). Absent where none of what was asked for did.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    hours_since_at: Option<Rfc3339>,
    /// How many of the account's older positions `stretches` does not tell of.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = 0)]
    stretches_left_out: Option<usize>,
}

impl Interval {
    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "1h" => Ok(Self::Hour),
            "1d" => Ok(Self::Day),
            _ => Err("must be 1h or 1d".to_owned()),
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Hour => "1h",
            Self::Day => "1d",
        }
    }

    fn seconds(self) -> u64 {
        match self {
            Self::Hour => 3_600,
            Self::Day => 86_400,
        }
    }
}

impl Asked {
    fn read(params: &mut Params, horizon: Horizon) -> Self {
        Self {
            interval: params.take("interval", Interval::parse).unwrap_or(Interval::Hour),
            from: params.take("from", params::instant),
            to: params.take("to", params::instant),
            limit: params.take("limit", params::limit).unwrap_or(LIMIT_MAX),
            cursor: params.take("cursor", |text| Ok(text.to_owned())),
            format: params.take("format", Format::parse),
            horizon,
        }
    }

    /// The stretch to tell; `default` is the range where the caller gives none.
    fn span(&self, api: &Api, pool: &PoolState, what: &str, default: Hours) -> Result<Span, ApiError> {
        let (from, to) = (self.from.unwrap_or(default.from), self.to.unwrap_or(default.to));
        if to < from {
            let detail = "is before from".to_owned();
            return Err(ApiError::BadParameter(vec![FieldError { parameter: "to".to_owned(), detail }]));
        }
        let step = self.interval.seconds();
        let list = format!("history/{what}/{}/{from}/{to}", self.interval.as_str());
        let cursor =
            self.cursor.as_deref().map(|text| Cursor::decode(text, &list, api.settings().peppers.current()));
        let (begins, is_cut) = self.horizon.cut(from, to)?;
        let first = match cursor.transpose()? {
            Some(cursor) if cursor.rewinds != pool.rewinds => {
                return Err(ApiError::BadCursor("is of a time before the chain was rewound"));
            }
            Some(cursor) => cursor.at,
            None => UnixSeconds(begins.0.div_ceil(step).saturating_mul(step)),
        };
        Ok(Span {
            step,
            first,
            to,
            limit: self.limit,
            list,
            cut_at: is_cut.then_some(begins),
            hours_since: None,
        })
    }
}

impl Span {
    /// The stored hours to read: one before the first row, for what flowed since, and one after the last, to know
    /// whether there is more.
    fn hours(&self) -> Hours {
        Hours { from: UnixSeconds(self.first.0.saturating_sub(self.step)), to: self.to }
    }

    fn rows_max(&self) -> u32 {
        u32::try_from(self.limit).expect("a limit is below 501") + 2
    }

    /// Begins with the first hour whose row and the one before it are kept, where older ones became days before `by_day`.
    fn skip_days(&mut self, by_day: Option<UnixSeconds>) {
        let since = by_day.map(|before| UnixSeconds(before.0.saturating_add(self.step)));
        if let Some(since) = since.filter(|since| self.step < Interval::Day.seconds() && self.first < *since)
        {
            self.first = since;
            self.hours_since = Some(since);
        }
    }

    /// The page of stored rows and, after the last of them, of the hour that runs. `row` tells one, with the row before it
    /// and whether its interval is over.
    fn page<Point: Timed, Row>(
        &self,
        stored: &[Point],
        running: Option<&Point>,
        row: impl Fn(Option<&Point>, &Point, bool) -> Result<Row, ApiError>,
    ) -> Result<Page<Row>, ApiError> {
        let from = stored.partition_point(|point| point.at() < self.first);
        let mut before = from.checked_sub(1).map(|index| &stored[index]);
        let (mut rows, mut next) = (Vec::new(), None);
        for point in &stored[from..] {
            if rows.len() == self.limit {
                next = Some(point.at());
                break;
            }
            rows.push(row(before, point, true)?);
            before = Some(point);
        }
        let last = before.map(Timed::at);
        let running = running.filter(|_| next.is_none());
        if let Some(running) = running.filter(|running| self.has_running(last, running.at())) {
            // The page may be full to its last row: what runs is then a page of its own.
            if rows.len() < self.limit {
                rows.push(row(before, running, false)?);
            } else {
                next = last.map(|last| UnixSeconds(last.0 + self.step));
            }
        }
        Ok(Page { rows, next, stretches: None })
    }

    /// Whether the row of the running hour at `at` belongs to a page that ends with `last`.
    fn has_running(&self, last: Option<UnixSeconds>, at: UnixSeconds) -> bool {
        last.is_none_or(|last| last < at) && self.first.0.saturating_sub(self.step) < at.0 && at <= self.to
    }
}

/// The last two weeks up to `now`.
fn last_weeks(now: UnixSeconds) -> Hours {
    Hours { from: UnixSeconds(now.0.saturating_sub(DEFAULT_SECONDS)), to: now }
}

/// The answer in the form that is asked for; in JSON with the sources of prices, in CSV with the rows alone.
async fn respond<Row: Serialize + CsvRow>(
    api: &Api,
    headers: &HeaderMap,
    asked: &Asked,
    span: Span,
    pool: &PoolState,
    page: Page<Row>,
    price_sources: BTreeMap<String, Option<String>>,
) -> Result<Response, ApiError> {
    let next = page.next.map(|at| next_cursor(api, pool, span.list, at));
    let link = next.as_ref().map(|cursor| {
        let (interval, limit) = (asked.interval.as_str(), asked.limit);
        let ends = [("from", asked.from), ("to", asked.to)];
        let ends: String =
            ends.iter().filter_map(|(name, at)| at.map(|at| format!("&{name}={}", Rfc3339(at)))).collect();
        format!("<?interval={interval}&limit={limit}{ends}&cursor={cursor}>; rel=\"next\"")
    });
    let response = match Format::of(asked.format, headers) {
        Format::Csv => csv::answer(&page.rows),
        Format::Json => {
            let recorded = series::get(api.book().covering(pool).await?, &pool.info.pool.id).await?;
            let meta = HistoryMeta {
                meta: api.meta(&api.book().state(), Some(pool.moment), next),
                interval: asked.interval.as_str(),
                recorded_to_at: recorded.and_then(|row| row.at).map(Rfc3339),
                price_sources,
                history_starts_at: span.cut_at.map(Rfc3339),
                history_cut_by_plan: span.cut_at.is_some(),
                hours_since_at: span.hours_since.map(Rfc3339),
                stretches_left_out: page.stretches.as_ref().map(|one| one.left_out),
            };
            Json(HistoryList { data: page.rows, stretches: page.stretches.map(|one| one.timelines), meta })
                .into_response()
        }
    };
    Ok(linked(response, link))
}

fn next_cursor(api: &Api, pool: &PoolState, list: String, at: UnixSeconds) -> String {
    let Moment { number: block, hash, .. } = pool.moment;
    Cursor { list, block, hash, at, rewinds: pool.rewinds, offset: 0 }
        .encode(api.settings().peppers.current())
}

/// A row's body as it was written.
pub(crate) fn parsed<Point: serde::de::DeserializeOwned>(body: &str) -> Result<Point, ApiError> {
    serde_json::from_str(body).map_err(|error| {
        tracing::error!(%error, "a stored hour cannot be read: run `accrual replay`");
        ApiError::Internal
    })
}
