//! All routes, on one page.

use std::any::Any;
use std::time::Duration;

use axum::Router;
use axum::http::{HeaderName, Method, StatusCode, header};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::{Any as AnyOrigin, CorsLayer};
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::timeout::TimeoutLayer;

use crate::answer::{self, NOTICE};
use crate::app::Api;
use crate::auth::{self, Scope};
use crate::error::ApiError;
use crate::routes::{accounts, accruals, campaigns, health, history, page, pools, simulate, treasury};

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
        .route("/v1/pools/{id}/history", get(history::pool));
    let wallet = Router::new()
        .route("/v1/accounts/{address}/positions", get(accounts::positions))
        .route("/v1/accounts/{address}/history", get(history::account))
        .route("/v1/accounts/{address}/rewards", get(accounts::rewards));
    let open = Router::new()
        .route("/", get(page::index))
        .route("/assets/page.js", get(page::script))
        .route("/assets/page.css", get(page::style))
        .route("/problems/{code}", get(page::problem))
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready));
    let data = guarded(api, Scope::ReadPublic, public).merge(guarded(api, Scope::ReadWallet, wallet));
    dressed(api, data.layer(cors()).merge(open))
}

/// Lets through only keys that have `scope`.
fn guarded(api: &Api, scope: Scope, routes: Router<Api>) -> Router<Api> {
    let api = api.clone();
    routes.route_layer(from_fn(move |request, next| auth::guard(api.clone(), scope, request, next)))
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
