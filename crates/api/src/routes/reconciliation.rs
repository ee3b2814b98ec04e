//! `GET /v1/campaigns/{id}/reconciliation`: the newest comparison with Merkl, and those before it.

use accrual_rewards::unit::UnixSeconds;
use accrual_store::comparisons;
use axum::Json;
use axum::extract::{Path, State};
use serde::Serialize;
use utoipa::ToSchema;

use super::campaign;
use crate::app::Api;
use crate::cursor::Cursor;
use crate::error::ApiError;
use crate::horizon::Horizon;
use crate::params::{self, LIMIT_DEFAULT, Params};
use crate::reconciliation::{ComparisonView, PastView, RowView};
use crate::view::{Eip55, Meta};

/// How many earlier comparisons are listed.
const HISTORY: u32 = 100;

/// A comparison with a page of its rows, the largest difference first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReconciliationView {
    #[serde(flatten)]
    comparison: ComparisonView,
    /// The accounts, the largest difference first.
    data: Vec<RowView>,
    /// Comparisons up to this one, the newest first.
    history: Vec<PastView>,
    /// What goes with every answer.
    meta: Meta,
}

/// Our figures against Merkl's
///
/// The newest comparison, or the newest up to `at`. A cursor pins the comparison that it belongs to.
#[utoipa::path(
    get,
    path = "/v1/campaigns/{id}/reconciliation",
    tag = "campaigns",
    operation_id = "get_reconciliation",
    params(
        ("id" = String, Path, description = "The campaign's id."),
        ("at" = Option<String>, Query, description = "The newest comparison made up to this instant, in RFC 3339."),
        ("account" = Option<Eip55>, Query, description = "Only this account's row."),
        ("limit" = Option<u32>, Query, description = "The most rows of the page; 50 unless told otherwise.", minimum = 1, maximum = 500),
        ("cursor" = Option<String>, Query, description = "`meta.next_cursor` of the page before.")
    ),
    responses((status = 200, description = "The comparison.", body = ReconciliationView))
)]
pub(crate) async fn one(
    State(api): State<Api>,
    Path(id): Path<String>,
    horizon: Horizon,
    mut params: Params,
) -> Result<Json<ReconciliationView>, ApiError> {
    let limit = params.take("limit", params::limit).unwrap_or(LIMIT_DEFAULT);
    let until = params.take("at", params::instant);
    let account =
        params.take("account", |text| params::address(text).map_err(|_| "must be an address".to_owned()));
    let cursor = params.take("cursor", |text| Ok(text.to_owned()));
    params.done()?;
    if let Some(until) = until {
        horizon.admit(until)?;
    }
    let campaign = campaign(&api, &id)?;
    let list = format!("reconciliation/{}", campaign.id);
    let pepper = api.settings().peppers.current();
    let cursor = cursor.map(|text| Cursor::decode(&text, &list, pepper)).transpose()?;
    let pinned = cursor.as_ref().map(|cursor| cursor.at);
    let newest = pinned.or(until).unwrap_or(UnixSeconds(u64::MAX));
    let kept = comparisons::list(api.db(), &campaign.id, newest, HISTORY).await?;
    let Some(first) = kept.first() else {
        return Err(ApiError::no_such("comparison of campaign", campaign.id.as_str()));
    };
    let offset = cursor.map_or(0, |cursor| cursor.offset);
    let (rows, next) = match account {
        Some(account) => {
            let row = comparisons::row(api.db(), &first.comparison_id, account).await?;
            (row.into_iter().collect(), None)
        }
        None => page(&api, &first.comparison_id, offset, limit).await?,
    };
    let state = api.book().state();
    let moment = state.pool(&campaign.pool).map(|pool| pool.moment);
    let next = next.zip(moment).map(|(offset, moment)| {
        let (block, hash) = (moment.number, moment.hash);
        Cursor { list, block, hash, at: first.at, rewinds: 0, offset }.encode(pepper)
    });
    Ok(Json(ReconciliationView {
        comparison: ComparisonView::of(campaign, first),
        data: rows.iter().map(RowView::of).collect(),
        history: kept.iter().map(PastView::of).collect(),
        meta: Meta { source: "chain and merkl", ..api.meta(&state, moment, next) },
    }))
}

/// Rows from `offset` on, and where the next page begins.
async fn page(
    api: &Api,
    comparison: &str,
    offset: usize,
    limit: usize,
) -> Result<(Vec<accrual_rewards::reconcile::AccountRow>, Option<usize>), ApiError> {
    let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    let asked = u32::try_from(limit + 1).unwrap_or(u32::MAX);
    let mut rows = comparisons::rows(api.db(), comparison, number(offset), asked).await?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    Ok((rows, more.then_some(offset + limit)))
}
