//! All routes, on one page.

mod visited;

use std::any::Any;
use std::sync::LazyLock;
use std::time::Duration;

use axum::Router;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::{Any as AnyOrigin, CorsLayer};
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::timeout::TimeoutLayer;

use crate::answer::{self, NOTICE};
use crate::app::Api;
use crate::auth::{self, Needs};
use crate::crowd::Crowd;
use crate::door::Door;
use crate::error::ApiError;
use crate::finished::{self, Keep, Terms};
use crate::limits::Cost;
use crate::listed::{Access, Group, Routes, get, post};
use crate::mcp;
use crate::routes::{
    accounts, accruals, audit, campaigns, docs, health, history, keys, liquidity, overview, page, payouts,
    pools, proofs, reconciliation, rotation, sign_in, simulate, status, stream, treasury, usage, webhooks,
};
use crate::v4;
use accrual_access::scope::Scope;
use visited::visited;

const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
const BODY_BYTES_MAX: usize = 64 * 1024;
const DAY: Duration = Duration::from_secs(86_400);

/// The whole service, as a router of its own.
pub fn router(api: &Api) -> Router {
    Router::new().fallback_service(door(api))
}

/// The whole service: what is finished is given out at the door. It keeps the house whole, so that a call does not copy all
/// its layers.
pub(crate) fn door(api: &Api) -> Door {
    let on = groups().into_iter().filter(|group| (group.is_on)(api.settings()));
    let crowd = Crowd::default();
    let mut rooms = Router::new();
    let routes = on.fold(Router::new(), |whole, group| {
        let routes = group.routes.into_router();
        let routes = match (group.access, group.keep) {
            (Access::Key(needs), Some(keep)) => {
                let terms = Terms { keep, needs, is_shared: group.is_shared };
                rooms = std::mem::take(&mut rooms).merge(visited(api, terms, routes.clone()));
                guarded(api, needs, finished(api, terms, routes))
            }
            (Access::Key(needs), None) => guarded(api, needs, routes),
            (Access::Open, _) if group.is_vital => routes,
            (Access::Open, _) => crowded(&crowd, routes),
        };
        whole.merge(if group.is_shared { routes.layer(cors()) } else { routes })
    });
    let house = dressed(api, routes.merge(mcp::routes(api)));
    let rooms = rooms.with_state(api.clone()).fallback_service(house.clone());
    Door::new(api.clone(), house, rooms)
}

/// All routes but `/mcp`, which has a door of its own, by who may call them. The document is held against this list.
pub(crate) fn groups() -> Vec<Group> {
    let public = Routes::new()
        .route("/v1/overview", get(overview::overview))
        .route("/v1/campaigns", get(campaigns::list))
        .route("/v1/campaigns/{id}", get(campaigns::one))
        .route("/v1/campaigns/{id}/accruals", get(accruals::list))
        .route("/v1/campaigns/{id}/proofs/{account}", get(proofs::one))
        .route("/v1/campaigns/{id}/history", get(history::campaign))
        .route("/v1/campaigns/{id}/treasury", get(treasury::one))
        .route("/v1/treasury", get(treasury::of_token))
        .route("/v1/payouts", get(payouts::get))
        .route("/v1/simulate", get(simulate::list))
        .route("/v1/pools", get(pools::list))
        .route("/v1/pools/{id}", get(pools::one))
        .route("/v1/pools/{id}/history", get(history::pool))
        .route("/v1/pools/{id}/liquidity", get(liquidity::one));
    let reconciliation = Routes::new().route("/v1/campaigns/{id}/reconciliation", get(reconciliation::one));
    let wallet = Routes::new()
        .route("/v1/accounts/{address}/positions", get(accounts::positions))
        .route("/v1/accounts/{address}/history", get(history::account))
        .route("/v1/accounts/{address}/rewards", get(accounts::rewards));
    let their_public = Routes::new()
        .route("/v4/campaigns", get(v4::campaigns::list))
        .route("/v4/campaigns/count", get(v4::campaigns::count))
        .route("/v4/campaigns/{id}", get(v4::campaigns::one))
        .route("/v4/campaigns/{id}/metrics", get(v4::metrics::one))
        .route("/v4/opportunities", get(v4::opportunities::list))
        .route("/v4/opportunities/{id}", get(v4::opportunities::one))
        .route("/v4/rewards", get(v4::rewards::list))
        .route("/v4/rewards/total", get(v4::rewards::total))
        .route("/v4/rewards/count", get(v4::rewards::count))
        .route("/v4/roots", get(v4::roots::list))
        .route("/v4/roots/live", get(v4::roots::live))
        .route("/v4/tokens", get(v4::reference::tokens))
        .route("/v4/chains", get(v4::reference::chains));
    let their_wallet = Routes::new()
        .route("/v4/users/{address}/rewards", get(v4::users::rewards))
        .route("/v4/users/{address}/rewards/breakdowns", get(v4::users::breakdowns));
    let streams = Routes::new().route("/v1/stream", get(stream::open));
    let own = Routes::new()
        .route("/v1/keys/self", get(keys::own))
        .route("/v1/usage", get(usage::own))
        .route("/v1/usage/invoice", get(usage::invoice_lines));
    let own_rotation = Routes::new().route("/v1/keys/self/rotation", post(rotation::open_own));
    let admin = Routes::new()
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
    let webhooks = Routes::new()
        .route("/v1/webhooks", get(webhooks::list).post(webhooks::create))
        .route("/v1/webhooks/{id}", get(webhooks::one).patch(webhooks::edit).delete(webhooks::delete))
        .route("/v1/webhooks/{id}/rotate_secret", post(webhooks::rotate_secret))
        .route("/v1/webhooks/{id}/test", post(webhooks::test))
        .route("/v1/webhooks/{id}/deliveries", get(webhooks::deliveries));
    let open = Routes::new()
        .route("/", get(page::index))
        .route("/assets/{file}", get(page::asset))
        .route("/problems/{code}", get(page::problem))
        .route("/assets/status.css", get(status::style))
        .route("/status", get(status::html))
        .route("/status.json", get(status::json))
        .route("/metrics", get(status::prometheus))
        .route("/openapi.json", get(docs::openapi))
        .route("/docs", get(docs::reference))
        .route("/docs/reference.js", get(docs::script))
        .route("/docs/snippets.js", get(docs::snippets))
        .route("/docs/reference.css", get(docs::style))
        .route("/docs/keys", get(docs::keys))
        .route("/llms.txt", get(docs::llms))
        .route("/.well-known/api-catalog", get(docs::catalog))
        .route("/.well-known/security.txt", get(docs::security));
    let probes =
        Routes::new().route("/health/live", get(health::live)).route("/health/ready", get(health::ready));
    let signing_in = Routes::new()
        .route("/v1/sign_in/nonce", get(sign_in::nonce).post(sign_in::nonce))
        .route("/v1/sign_in", post(sign_in::sign_in));
    let counted = |scope| Access::Key(Needs { scope: Some(scope), cost: Cost::Counts });
    let free = |scope| Access::Key(Needs { scope, cost: Cost::Free });
    // No other site's script may manage keys, or decide by a webhook what leaves the house: they are not shared.
    vec![
        Group::shared(counted(Scope::ReadPublic), public).kept(Keep::ForABlock),
        Group::shared(counted(Scope::ReadWallet), wallet).kept(Keep::Ask),
        Group::shared(counted(Scope::ReadPublic), their_public).kept(Keep::ForABlock),
        Group::shared(counted(Scope::ReadWallet), their_wallet).kept(Keep::Ask),
        Group::shared(counted(Scope::ReadReconciliation), reconciliation),
        Group::shared(counted(Scope::Stream), streams),
        Group::shared(free(None), own),
        Group::new(free(Some(Scope::RotateSelf)), own_rotation),
        Group::new(free(Some(Scope::Admin)), admin),
        Group::new(free(Some(Scope::Webhooks)), webhooks),
        Group::new(Access::Open, open),
        Group::new(Access::Open, probes).vital(),
        Group::new(Access::Open, signing_in).when(|settings| settings.sign_in.is_some()),
    ]
}

/// Answers of the chain's data, as finished bytes.
fn finished(api: &Api, terms: Terms, routes: Router<Api>) -> Router<Api> {
    let api = api.clone();
    routes.route_layer(from_fn(move |request, next| finished::finish(api.clone(), terms, request, next)))
}

/// Serves so many callers without a key at a time.
fn crowded(crowd: &Crowd, routes: Router<Api>) -> Router<Api> {
    let crowd = crowd.clone();
    routes.route_layer(from_fn(move |request, next| crowd.clone().admit(request, next)))
}

/// Lets through only keys that are good for these routes.
fn guarded(api: &Api, needs: Needs, routes: Router<Api>) -> Router<Api> {
    let api = api.clone();
    routes.route_layer(from_fn(move |request, next| auth::guard(api.clone(), needs, request, next)))
}

/// Any site may read data with a key that its user brings; cookies are never involved.
fn cors() -> CorsLayer {
    let allowed = ["x-api-key", "authorization", "x-request-id", "accept", "if-none-match", "last-event-id"];
    CorsLayer::new()
        .allow_origin(AnyOrigin)
        .allow_methods([Method::GET, Method::HEAD])
        .allow_headers(allowed.map(HeaderName::from_static))
        .expose_headers(exposed().collect::<Vec<_>>())
        .vary([])
        .max_age(DAY)
}

/// The headers of an answer that other sites' scripts may read beside its body.
fn exposed() -> impl Iterator<Item = HeaderName> {
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
    exposed.map(HeaderName::from_static).into_iter().chain([NOTICE, header::WWW_AUTHENTICATE])
}

/// What [`cors`] says to a call that is no preflight.
pub(crate) fn share(headers: &mut HeaderMap) {
    static EXPOSED: LazyLock<HeaderValue> = LazyLock::new(|| {
        let names = exposed().map(|name| name.to_string()).collect::<Vec<_>>().join(",");
        HeaderValue::try_from(names).expect("names of headers")
    });
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED.clone());
}

/// What surrounds every route, the outermost last. What is added here is added to `visited.rs` too, unless a call without a body does
/// not meet it.
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
