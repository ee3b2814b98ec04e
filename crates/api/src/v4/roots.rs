//! `GET /v4/roots`, `GET /v4/roots/live`: the roots that Merkl's Distributor had and has, as far as they are stored here.

use std::collections::BTreeMap;

use accrual_rewards::unit::UnixSeconds;
use axum::Json;
use axum::extract::State;

use super::Answer;
use super::filters::Filters;
use super::invalid::Invalid;
use super::merkl::{self, Live, Root};
use crate::app::Api;

/// Roots of Merkl's Distributor
///
/// Of a time, newest first. Those that are not stored here are absent.
#[utoipa::path(
    get,
    path = "/v4/roots",
    tag = "merkl",
    operation_id = "merkl_list_roots",
    params(
        ("chainId" = u64, Query, description = "The chain."),
        ("fromTimestamp" = u64, Query, description = "From when on, in seconds since 1970."),
        ("toTimestamp" = u64, Query, description = "Up to when, in seconds since 1970."),
        ("page" = Option<u64>, Query, description = "Which page, from 0."),
        ("items" = Option<u32>, Query, minimum = 1, maximum = 500, description = "Rows of a page; 20 unless told otherwise.")
    ),
    responses(
        (status = 200, description = "The roots.", body = Vec<Root>),
        (status = 422, description = "What was asked does not fit.", body = Invalid)
    )
)]
pub(crate) async fn list(State(api): State<Api>, filters: Filters) -> Answer<Vec<Root>> {
    let page = filters.page()?;
    let chain_id = filters.required("chainId", filters.number("chainId")?)?;
    let from = filters.required("fromTimestamp", filters.number("fromTimestamp")?)?;
    let to = filters.required("toTimestamp", filters.number("toTimestamp")?)?;
    if chain_id != api.settings().chain_id {
        return Ok(Json(Vec::new()));
    }
    let roots = merkl::roots(&api, UnixSeconds(from), UnixSeconds(to)).await?;
    Ok(Json(page.of(roots)))
}

/// Merkl's Distributor as it is
///
/// By chain; one whose Distributor was not read is absent.
#[utoipa::path(
    get,
    path = "/v4/roots/live",
    tag = "merkl",
    operation_id = "merkl_get_live_roots",
    responses(
        (status = 200, description = "The roots, by chain.", body = BTreeMap<String, Live>),
        (status = 422, description = "What was asked does not fit.", body = Invalid)
    )
)]
pub(crate) async fn live(State(api): State<Api>) -> Answer<BTreeMap<u64, Live>> {
    let live = merkl::live(&api).await?;
    Ok(Json(live.map(|live| (api.settings().chain_id, live)).into_iter().collect()))
}
