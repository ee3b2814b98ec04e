//! All routes, on one page.

use std::any::Any;
use std::time::Duration;

use axum::Router;
use axum::http::{HeaderName, Method, StatusCode, header};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::{Any as AnyOrigin, CorsLayer};
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::timeout::TimeoutLayer;

use crate::answer::{self, NOTICE};
use crate::app::Api;
use crate::auth::{self, Needs};
use crate::error::ApiError;
use crate::limits::Cost;
use crate::routes::{
    accounts, accruals, audit, campaigns, health, history, keys, liquidity, page, pools, rotation, sign_in,
    simulate, treasury, usage, webhooks,
};
use accrual_access::scope::Scope;

const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
const BODY_BYTES_MAX: usize = 64 * 1024;
const DAY: Duration = Duration::from_secs(86_400);

/// The whole service.
pub fn router(api: &Api) -> Router {
    let public = Router::new()
        .route("/v1/campaigns", get(campaigns::list))
        .route("/v1/campaigns/{id}", get(campaigns::one))
        .route("/v1/campaigns/{id}/accruals", get(accruals::list))
        .route("/v1/campaigns/{id}/history", get(history::campaign))
        .route("/v1/campaigns/{id}/treasury", get(treasury::one))
        .route("/v1/treasury", get(treasury::of_token))
        .route("/v1/simulate", get(simulate::list))
        .route("/v1/pools", get(pools::list))
        .route("/v1/pools/{id}", get(pools::one))
        .route("/v1/pools/{id}/history", get(history::pool))
        .route("/v1/pools/{id}/liquidity", get(liquidity::one));
    let wallet = Router::new()
        .route("/v1/accounts/{address}/positions", get(accounts::positions))
        .route("/v1/accounts/{address}/history", get(history::account))
        .route("/v1/accounts/{address}/rewards", get(accounts::rewards));
    let own = Router::new()
        .route("/v1/keys/self", get(keys::own))
        .route("/v1/usage", get(usage::own))
        .route("/v1/usage/invoice", get(usage::invoice_lines));
    let own_rotation = Router::new().route("/v1/keys/self/rotation", post(rotation::open_own));
    let admin = Router::new()
        .route("/v1/keys", get(keys::list).post(keys::create))
        .route("/v1/keys/{id}", get(keys::one).patch(keys::edit))
        .route("/v1/keys/{id}/pause", post(keys::pause))
        .route("/v1/keys/{id}/resume", post(keys::resume))
        .route("/v1/keys/{id}/revoke", post(keys::revoke))
        .route("/v1/keys/{id}/rotation", get(rotation::one).post(rotation::open))
        .route("/v1/keys/{id}/rotation/preview", get(rotation::preview))
        .route("/v1/keys/{id}/rotation/{step}", post(rotation::step))
        .route("/v1/clients/{id}/emergency_rotation", post(rotation::emergency))
        .route("/v1/audit", get(audit::list));
    let webhooks = Router::new()
        .route("/v1/webhooks", get(webhooks::list).post(webhooks::create))
        .route("/v1/webhooks/{id}", get(webhooks::one).patch(webhooks::edit).delete(webhooks::delete))
        .route("/v1/webhooks/{id}/rotate_secret", post(webhooks::rotate_secret))
        .route("/v1/webhooks/{id}/test", post(webhooks::test))
        .route("/v1/webhooks/{id}/deliveries", get(webhooks::deliveries));
    let open = Router::new()
        .route("/", get(page::index))
        .route("/assets/{file}", get(page::asset))
        .route("/problems/{code}", get(page::problem))
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready));
    let data = guarded(api, Some(Scope::ReadPublic), Cost::Counts, public)
        .merge(guarded(api, Some(Scope::ReadWallet), Cost::Counts, wallet))
        .merge(guarded(api, None, Cost::Free, own));
    // No other site's script may manage keys, or decide by a webhook what leaves the house: no CORS headers here.
    let managed = guarded(api, Some(Scope::RotateSelf), Cost::Free, own_rotation)
        .merge(guarded(api, Some(Scope::Admin), Cost::Free, admin))
        .merge(guarded(api, Some(Scope::Webhooks), Cost::Free, webhooks));
    dressed(api, data.layer(cors()).merge(managed).merge(open).merge(sign_in::routes(api)))
}

/// Lets through only keys that have `scope`; every key where there is none.
fn guarded(api: &Api, scope: Option<Scope>, cost: Cost, routes: Router<Api>) -> Router<Api> {
    let api = api.clone();
    routes.route_layer(from_fn(move |request, next| {
        auth::guard(api.clone(), Needs { scope, cost }, request, next)
    }))
}

/// Any site may read data with a key that its user brings; cookies are never involved.
fn cors() -> CorsLayer {
    let allowed = ["x-api-key", "authorization", "x-request-id", "accept", "if-none-match"];
    let exposed = [
        "ratelimit",
        "ratelimit-policy",
        "retry-after",
        "etag",
        "link",
        "deprecation",
        "sunset",
        "accrual-key-id",
        "accrual-key-state",
        "accrual-key-ends",
        "x-request-id",
    ];
    let exposed = exposed.map(HeaderName::from_static).into_iter().chain([NOTICE, header::WWW_AUTHENTICATE]);
    CorsLayer::new()
        .allow_origin(AnyOrigin)
        .allow_methods([Method::GET, Method::HEAD])
        .allow_headers(allowed.map(HeaderName::from_static))
        .expose_headers(exposed.collect::<Vec<_>>())
        .vary([])
        .max_age(DAY)
}

/// What surrounds every route, the outermost last.
fn dressed(api: &Api, routes: Router<Api>) -> Router {
    routes
        .layer(RequestBodyLimitLayer::new(BODY_BYTES_MAX))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, REQUEST_TIMEOUT))
        .layer(from_fn_with_state(api.clone(), answer::finish))
        .with_state(api.clone())
}

fn panicked(_: Box<dyn Any + Send>) -> Response {
    tracing::error!("a request handler panicked");
    ApiError::Internal.into_response()
}

#[cfg(test)]
mod tests;
