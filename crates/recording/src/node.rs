//! The shell of the node: a listener, a clock, and bodies with one request or many.

use std::sync::Arc;

use axum::{Json, Router, body, extract::State, http::StatusCode, response::IntoResponse, routing};
use serde::Deserialize;
use serde_json::Value;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::chain::Chain;
use crate::head::HeadRule;
use crate::methods::View;
use crate::model::Recording;
use crate::rpc::{Refusal, Request, response};

/// How a served recording behaves.
#[derive(Debug, Clone, Copy)]
pub struct NodeOptions {
    /// Which blocks are shown, and when.
    pub head: HeadRule,
    /// The widest range of blocks that one `eth_getLogs` may ask for.
    pub log_range_blocks_max: u64,
    /// The most requests in one batch.
    pub batch_requests_max: usize,
    /// Whether logs carry `blockTimestamp`, as newer nodes have it.
    pub block_timestamp: bool,
}

impl Default for NodeOptions {
    fn default() -> Self {
        Self {
            head: HeadRule::Whole,
            log_range_blocks_max: 10_000,
            batch_requests_max: 1000,
            block_timestamp: true,
        }
    }
}

/// Serves a recording at `POST /` of `listener` until `shutdown`. The pace of [`HeadRule::Paced`] counts
/// from the call.
///
/// # Errors
/// When the listener breaks.
pub async fn serve(
    recording: Arc<Recording>,
    listener: tokio::net::TcpListener,
    options: NodeOptions,
    shutdown: CancellationToken,
) -> std::io::Result<()> {
    let node = Arc::new(Node { chain: Chain::new(recording), options, started: Instant::now() });
    let router = Router::new().route("/", routing::post(post)).with_state(node);
    axum::serve(listener, router).with_graceful_shutdown(shutdown.cancelled_owned()).await
}

struct Node {
    chain: Chain,
    options: NodeOptions,
    started: Instant,
}

async fn post(State(node): State<Arc<Node>>, body: body::Bytes) -> impl IntoResponse {
    let heads = node.options.head.heads(&node.chain.recording().blocks, node.started.elapsed());
    match respond(&View { chain: &node.chain, options: &node.options, heads }, &body) {
        Some(answer) => Json(answer).into_response(),
        None => StatusCode::NO_CONTENT.into_response(),
    }
}

/// The answer to a body; `None` when it holds nothing but notifications.
fn respond(view: &View<'_>, body: &[u8]) -> Option<Value> {
    let refused = |refusal| Some(response(&Value::Null, Err(refusal)));
    let batch_requests_max = view.options.batch_requests_max;
    match serde_json::from_slice(body) {
        Err(error) => refused(Refusal::parse(format!("the body is no JSON: {error}"))),
        Ok(Value::Array(requests)) if requests.is_empty() => refused(Refusal::request("the batch is empty")),
        Ok(Value::Array(requests)) if requests.len() > batch_requests_max => refused(Refusal::limit(
            format!("batch too large: {} requests, at most {batch_requests_max} are served", requests.len()),
        )),
        Ok(Value::Array(requests)) => {
            let answers: Vec<_> = requests.iter().filter_map(|request| answer(view, request)).collect();
            (!answers.is_empty()).then(|| answers.into())
        }
        Ok(request) => answer(view, &request),
    }
}

fn answer(view: &View<'_>, request: &Value) -> Option<Value> {
    match Request::deserialize(request) {
        Ok(Request { id, method, params }) => {
            let outcome = view.answer(&method, params);
            id.map(|id| response(&id, outcome))
        }
        Err(error) => {
            let refusal = Refusal::request(format!("this is no JSON-RPC request: {error}"));
            Some(response(&request["id"], Err(refusal)))
        }
    }
}

#[cfg(test)]
#[path = "node_tests.rs"]
mod tests;
