//! The Model Context Protocol, for assistants: `/mcp` over HTTP and the same over standard input and output.
//!
//! - [`door`]: who may come in, what a call needs and costs, and refusals as the protocol has them.
//! - [`server`]: the protocol itself, which the `rmcp` crate speaks, in both of its current revisions and without sessions.
//! - [`tools`], [`resources`], [`prompts`]: what is offered. [`rest`] asks our own REST routes for every figure, [`views`]
//!   picks what an assistant needs of their answers, [`clean`] makes strangers' names harmless, and [`answer`] keeps all
//!   of it small.
//!
//! Keys, scopes, limits and quota are REST's: a call passes the same guard. Keys are not managed here.

mod answer;
mod args;
mod clean;
mod door;
mod prompts;
mod resources;
mod rest;
mod server;
mod site;
mod tools;
mod views;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::middleware::from_fn;
use rmcp::ServiceExt;
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService, stdio_pipes};
use tokio_util::sync::CancellationToken;
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::app::Api;
use server::Server;

pub use site::{BadSite, McpSettings};

/// No message of a client is larger.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// `/mcp`.
pub(crate) fn routes(api: &Api) -> Router<Api> {
    let server = Server::over_http(api);
    let sites = &api.settings().mcp;
    let config = StreamableHttpServerConfig::default()
        .with_legacy_session_mode(false)
        .with_json_response(true)
        .with_max_request_body_bytes(BODY_BYTES_MAX)
        // The door has looked at Host and Origin, before it looked at the key.
        .disable_allowed_hosts()
        .disable_allowed_origins();
    let service = StreamableHttpService::new(
        move || Ok(server.clone()),
        Arc::new(NeverSessionManager::default()),
        config,
    );
    let routes = Router::new().route_service("/mcp", service);
    let api = api.clone();
    let guarded = routes.route_layer(from_fn(move |request, next| door::door(api.clone(), request, next)));
    match sites.origins() {
        [] => guarded,
        origins => guarded.layer(cors(origins)),
    }
}

/// Pages of the named origins may call with a key that their user brings; cookies are never involved.
fn cors(origins: &[String]) -> CorsLayer {
    let taken =
        ["x-api-key", "mcp-protocol-version", "mcp-method", "mcp-name", "mcp-session-id", "x-request-id"];
    let taken = taken.map(HeaderName::from_static).into_iter();
    let told = ["ratelimit", "ratelimit-policy", "retry-after", "www-authenticate", "x-request-id"];
    let origins = origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok());
    CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins))
        .allow_methods([Method::POST])
        .allow_headers(
            taken.chain([header::ACCEPT, header::AUTHORIZATION, header::CONTENT_TYPE]).collect::<Vec<_>>(),
        )
        .expose_headers(told.map(HeaderName::from_static))
}

/// What ended a server on standard input and output before its time.
#[derive(Debug, thiserror::Error)]
#[error("MCP on standard input and output stopped: {0}")]
pub struct StdioError(String);

/// Serves whoever started this process, on standard input and output, until input ends or `shutdown`. There is no key: the
/// caller may read the database itself.
///
/// # Errors
/// The client does not speak the protocol, or the pipes break.
pub async fn serve_stdio(api: Api, shutdown: CancellationToken) -> Result<(), StdioError> {
    let stop = shutdown.child_token();
    let follow = api.book().follow(api.settings().poll_interval, stop.clone());
    let serve = async {
        let served = answer_until(&api, stop.clone()).await;
        stop.cancel();
        served
    };
    let ((), (), served) = tokio::join!(follow, follow_keys(&api, &stop), serve);
    served
}

/// No key is looked at here, but the status tells whether keys can be read. Unlike a server's own reading this writes nothing.
async fn follow_keys(api: &Api, stop: &CancellationToken) {
    loop {
        if let Err(error) = api.keys().refresh().await {
            tracing::debug!(%error, "changes to keys cannot be read");
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
        }
    }
}

async fn answer_until(api: &Api, stop: CancellationToken) -> Result<(), StdioError> {
    let started = Server::local(api).serve_with_ct(stdio_pipes(), stop.clone());
    let running = tokio::select! {
        started = started => started.map_err(|error| StdioError(error.to_string()))?,
        () = stop.cancelled() => return Ok(()),
    };
    running.waiting().await.map(drop).map_err(|error| StdioError(error.to_string()))
}
