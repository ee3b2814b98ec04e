//! `GET /v1/campaigns/{id}/accruals`: who earned what, largest first.

mod lines;

use accrual_rewards::campaign::Campaign;
use accrual_store::moment::Asked;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};

use super::paging::linked;
use super::{campaign, pool_of};
use crate::app::Api;
use crate::book::{PoolState, Report, State as BookState};
use crate::csv::Format;
use crate::cursor::Cursor;
use crate::error::{ApiError, FieldError};
use crate::horizon::Horizon;
use crate::params::{self, LIMIT_DEFAULT, Params};
use crate::view::{By, EarnedRow, List};

/// What the caller asks for.
struct Page {
    by: By,
    limit: usize,
    at: Option<Asked>,
    cursor: Option<String>,
    format: Option<Format>,
}

/// Who earned what, largest first
///
/// At the newest block, at a block or at a time. The cursor of a page pins its block, so that new blocks and forks neither
/// repeat nor skip a row.
#[utoipa::path(
    get,
    path = "/v1/campaigns/{id}/accruals",
    tag = "campaigns",
    operation_id = "list_accruals",
    params(
        ("id" = String, Path, description = "The campaign's id."),
        ("by" = Option<crate::document::shape::By>, Query, description = "What a row stands for; `account` unless told otherwise."),
        ("limit" = Option<u32>, Query, description = "The most rows of the page; 50 unless told otherwise.", minimum = 1, maximum = 500),
        ("at" = Option<String>, Query, description = "A block's number or a time in RFC 3339; the newest block unless told otherwise.", example = "2025-06-06T03:00:00Z"),
        ("cursor" = Option<String>, Query, description = "`meta.next_cursor` of the page before."),
        ("format" = Option<crate::document::shape::FormatName>, Query, description = "The form of the answer; otherwise the Accept header decides.")
    ),
    responses(
        (status = 200, description = "One page.", headers(("Link" = String, description = "The next page, as rel=\"next\"; absent on the last.")),
            content((List<EarnedRow> = "application/json"), (String = "text/csv"))),
        (status = 409, description = "figures_unknown: what is stored does not tell this campaign's figures.")
    )
)]
pub(crate) async fn list(
    State(api): State<Api>,
    Path(id): Path<String>,
    headers: HeaderMap,
    horizon: Horizon,
    params: Params,
) -> Result<Response, ApiError> {
    let page = Page::read(params)?;
    let campaign = campaign(&api, &id)?;
    let info = pool_of(&api, &campaign.pool)?;
    let list = format!("accruals/{}/{}", campaign.id, page.by.as_str());
    let cursor = page
        .cursor
        .as_deref()
        .map(|text| Cursor::decode(text, &list, api.settings().peppers.current()))
        .transpose()?;
    let pool = match (&cursor, page.at) {
        (None, None) => api.book().newest(info)?,
        (None, Some(asked)) => api.book().at(info, asked).await?,
        (Some(cursor), None) => api.book().pinned(info, cursor).await?,
        (Some(cursor), Some(asked)) => {
            let pool = api.book().pinned(info, cursor).await?;
            same_block(&pool, &*api.book().at(info, asked).await?)?;
            pool
        }
    };
    // The newest block is always told, however old it is.
    if page.at.is_some() {
        horizon.admit(pool.moment.at)?;
    }
    let offset = cursor.map_or(0, |cursor| cursor.offset);
    let state = api.book().state();
    answer(&api, &pool, campaign, &page, &headers, (list, offset), &state)
}

impl Page {
    fn read(mut params: Params) -> Result<Self, ApiError> {
        let page = Self {
            by: params.take("by", By::parse).unwrap_or_default(),
            limit: params.take("limit", params::limit).unwrap_or(LIMIT_DEFAULT),
            at: params.take("at", params::asked),
            cursor: params.take("cursor", |text| Ok(text.to_owned())),
            format: params.take("format", Format::parse),
        };
        params.done().map(|()| page)
    }
}

fn same_block(pinned: &PoolState, asked: &PoolState) -> Result<(), ApiError> {
    if pinned.moment.number == asked.moment.number {
        return Ok(());
    }
    let detail = format!("is not block {}, which the cursor pins: leave it out", pinned.moment.number);
    Err(ApiError::BadParameter(vec![FieldError { parameter: "at".to_owned(), detail }]))
}

/// A page of `list` from its `offset` on.
fn answer(
    api: &Api,
    pool: &PoolState,
    campaign: &Campaign,
    page: &Page,
    headers: &HeaderMap,
    (list, offset): (String, usize),
    state: &BookState,
) -> Result<Response, ApiError> {
    let (mut data, total) = rows(pool, pool.report(&campaign.id)?, page, offset);
    data.iter_mut().for_each(|row| row.flag(&pool.info.pool, state.contracts()));
    let end = offset + data.len();
    let next = (end < total).then(|| next_cursor(api, pool, list, end));
    let link = next.as_ref().map(|cursor| {
        let (id, by, limit) = (&campaign.id, page.by.as_str(), page.limit);
        let format = page.format.map_or("", |format| match format {
            Format::Csv => "&format=csv",
            Format::Json => "&format=json",
        });
        format!("</v1/campaigns/{id}/accruals?by={by}&limit={limit}{format}&cursor={cursor}>; rel=\"next\"")
    });
    let response = match Format::of(page.format, headers) {
        Format::Csv => lines::answer(&data, page.by, api.token(campaign.reward_token).decimals),
        Format::Json => {
            let meta = api.meta(state, Some(pool.moment), next);
            Json(List { data, meta }).into_response()
        }
    };
    Ok(linked(response, link))
}

/// The rows of one page, and how many there are on all.
fn rows(pool: &PoolState, report: &Report, page: &Page, offset: usize) -> (Vec<EarnedRow>, usize) {
    match page.by {
        By::Account => {
            let rows = report.largest().skip(offset).take(page.limit);
            (rows.map(|row| EarnedRow::account(&pool.tracker, &row)).collect(), report.accounts_count())
        }
        By::Position => {
            let (positions, whole) = (report.positions(), report.figures.earned);
            let rows = positions.iter().skip(offset).take(page.limit);
            (rows.map(|row| EarnedRow::position(&pool.tracker, row, whole)).collect(), positions.len())
        }
    }
}

fn next_cursor(api: &Api, pool: &PoolState, list: String, offset: usize) -> String {
    let PoolState { moment, rewinds, .. } = *pool;
    let (block, hash, at) = (moment.number, moment.hash, moment.at);
    Cursor { list, block, hash, at, rewinds, offset }.encode(api.settings().peppers.current())
}
