//! The published conformance suite, for both revisions. It sends no key and has no option for one, so it goes through a
//! listener that adds one and leaves everything else as it is, `Host` and `Origin` too.

use std::net::SocketAddr;
use std::time::Duration;

use accrual_tests::js;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Response};
use tokio::net::TcpListener;
use tokio::time::timeout;

use super::Demo;

/// Longest wait for a suite on a busy machine.
const PATIENCE: Duration = Duration::from_secs(400);

#[tokio::test]
async fn the_suite_of_2026_07_28_passes() {
    suite("conformance-2026", &["--requirements", "2026-07-28"], "mcp-baseline-2026-07-28.yml").await;
}

#[tokio::test]
async fn the_suite_of_2025_11_25_passes() {
    suite("conformance-2025", &[], "mcp-baseline-2025-11-25.yml").await;
}

/// Runs a suite. What the baseline lists must fail, and all else must pass; what passes and is listed fails the run.
async fn suite(package: &str, arguments: &[&str], baseline: &str) {
    let demo = Demo::start().await;
    let address = with_key(&demo).await;
    let js = js::ensure();
    let url = format!("http://localhost:{}/mcp", address.port());
    let whole = [arguments, &["--expected-failures", baseline]].concat();
    let headers = ["--scenario", "http-header-validation", "--spec-version", "2026-07-28"];
    // The suite of the requirements leaves out how headers are held against the body.
    let alone = (package == "conformance-2026").then_some(headers.as_slice());
    for arguments in [Some(whole.as_slice()), alone].into_iter().flatten() {
        let mut command = js.program(&format!("{package}/dist/index.js"));
        command.args(["server", "--url", &url]).args(arguments);
        let output = timeout(PATIENCE, command.output()).await.expect("the suite ends in time").unwrap();
        let text = [output.stdout, output.stderr].concat();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&text));
    }
    demo.stop().await;
}

#[derive(Clone)]
struct Forward {
    client: reqwest::Client,
    to: String,
    key: HeaderValue,
}

/// Listens on loopback and passes every request on with the demo's key.
async fn with_key(demo: &Demo) -> SocketAddr {
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let forward = Forward { client, to: demo.url.clone(), key: demo.key.parse().unwrap() };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new().fallback(pass_on).with_state(forward);
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    address
}

async fn pass_on(State(forward): State<Forward>, request: Request) -> Response<Body> {
    let (mut parts, body) = request.into_parts();
    parts.headers.insert("x-api-key", forward.key.clone());
    let url = format!("{}{}", forward.to, parts.uri.path_and_query().unwrap());
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let request = forward.client.request(parts.method, url).headers(parts.headers).body(body);
    let answer = request.send().await.unwrap();
    let mut response = Response::builder().status(answer.status());
    for (name, value) in answer.headers().iter().filter(|(name, _)| *name != "transfer-encoding") {
        response = response.header(name, value);
    }
    response.body(Body::from(answer.bytes().await.unwrap())).unwrap()
}
