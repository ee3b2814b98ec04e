//! Bodies, cursors, questions and headers of any form: each is answered or refused, and never with a fault of the server.

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Map, Value};

use crate::rig::Rig;

/// Each call that takes a body.
static CALLS: [(Method, &str); 12] = [
    (Method::POST, "/v1/keys"),
    (Method::PATCH, "/v1/keys/000000000000"),
    (Method::POST, "/v1/keys/000000000000/pause"),
    (Method::POST, "/v1/keys/000000000000/revoke"),
    (Method::POST, "/v1/keys/000000000000/rotation"),
    (Method::POST, "/v1/keys/000000000000/rotation/finish"),
    (Method::POST, "/v1/clients/c/emergency_rotation"),
    (Method::POST, "/v1/webhooks"),
    (Method::PATCH, "/v1/webhooks/wh_1"),
    (Method::POST, "/v1/sign_in/nonce"),
    (Method::POST, "/v1/sign_in"),
    (Method::POST, "/mcp"),
];
const LISTS: [&str; 6] = [
    "/v1/campaigns/first/accruals",
    "/v1/pools/usdc-tmai/history",
    "/v1/accounts/0x0101010101010101010101010101010101010101/positions",
    "/v1/audit",
    "/v1/keys",
    "/v4/campaigns",
];
/// Names that our own bodies have, so that the values behind them are reached.
const NAMES: [&str; 16] = [
    "client",
    "plan",
    "scopes",
    "note",
    "networks",
    "expires_at",
    "overlap_seconds",
    "url",
    "events",
    "message",
    "signature",
    "jsonrpc",
    "method",
    "params",
    "id",
    "env",
];
const CASES: usize = 400;

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        select(vec![
            "",
            "0x",
            "-1",
            "1e999",
            "9999-12-31T23:59:60Z",
            "tools/call",
            "2.0",
            "read:public",
            "https://["
        ])
        .prop_map(str::to_owned),
        "[a-z0-9:/._-]{0,300}",
    ]
}

fn body() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 6, |inner| {
        let name = prop_oneof![4 => select(NAMES.to_vec()).prop_map(str::to_owned), 1 => text()];
        prop_oneof![
            1 => vec(inner.clone(), 0..6).prop_map(Value::from),
            3 => vec((name, inner), 0..6).prop_map(|pairs| Value::from(pairs.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

fn drawn<T: std::fmt::Debug>(strategy: &impl Strategy<Value = T>, runner: &mut TestRunner) -> T {
    strategy.new_tree(runner).expect("nothing is filtered out").current()
}

/// Data that is not there yet is answered with 503; that is no fault.
fn is_fault(status: StatusCode) -> bool {
    status.is_server_error() && status != StatusCode::SERVICE_UNAVAILABLE
}

#[tokio::test]
async fn no_body_is_a_fault_of_the_server() {
    let rig = Rig::new(2).await;
    let mut runner = TestRunner::deterministic();
    let bytes = vec(any::<u8>(), 0..200);
    let mut read = 0;
    for case in 0..CASES {
        let (method, path) = &CALLS[case % CALLS.len()];
        let body = match case % 4 {
            0 => drawn(&bytes, &mut runner),
            1 => {
                let mut text = drawn(&body(), &mut runner).to_string().into_bytes();
                text.truncate(case % 97);
                text
            }
            _ => drawn(&body(), &mut runner).to_string().into_bytes(),
        };
        let shown = String::from_utf8_lossy(&body).into_owned();
        let request = Request::builder().method(method).uri(*path).header("x-api-key", &rig.key);
        let request = request.header("content-type", "application/json");
        let request = request.header("accept", "application/json, text/event-stream");
        let answer = rig.ask(request.body(Body::from(body)).unwrap()).await;
        assert!(!is_fault(answer.status), "{method} {path} {shown}\n{}", answer.text);
        read += usize::from(answer.status != StatusCode::TOO_MANY_REQUESTS);
    }
    assert_eq!(read, CASES, "none was turned away unread");
}

/// Brackets without end would take a stack's depth each.
#[tokio::test]
async fn deep_and_long_bodies_are_refused() {
    let rig = Rig::new(1).await;
    for (method, path) in &CALLS {
        for body in ["[".repeat(50_000), format!("{{\"note\":\"{}\"}}", "x".repeat(5 << 20))] {
            let request = Request::builder().method(method).uri(*path).header("x-api-key", &rig.key);
            let request = request.header("content-type", "application/json");
            let answer = rig.ask(request.body(Body::from(body)).unwrap()).await;
            assert!(
                !answer.status.is_success() && !is_fault(answer.status),
                "{method} {path}: {}",
                answer.status
            );
        }
    }
}

#[tokio::test]
async fn no_cursor_or_question_is_a_fault_of_the_server() {
    let rig = Rig::new(2).await;
    let mut runner = TestRunner::deterministic();
    let names = select(vec![
        "cursor", "at", "limit", "from", "to", "interval", "format", "by", "page", "items", "chainId",
    ]);
    let value =
        prop_oneof![text(), "[A-Za-z0-9_-]{0,200}", any::<u64>().prop_map(|number| number.to_string())];
    for case in 0..CASES {
        let path = LISTS[case % LISTS.len()];
        let pairs = drawn(&vec((names.clone(), &value), 0..4), &mut runner);
        let encode = |text: &str| text.bytes().map(|byte| format!("%{byte:02x}")).collect::<String>();
        let query: Vec<String> =
            pairs.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
        let answer = rig.get(&format!("{path}?{}", query.join("&"))).await;
        assert!(!is_fault(answer.status), "{path} {pairs:?}\n{}", answer.text);
    }
}

/// One of ours with a byte changed is none of ours.
#[tokio::test]
async fn a_changed_cursor_is_refused() {
    let rig = Rig::new(5).await;
    let path = "/v1/campaigns/first/accruals?limit=2";
    let first = rig.get(path).await.json();
    let cursor = first["meta"]["next_cursor"].as_str().expect("there is a second page").to_owned();
    assert!(rig.get(&format!("{path}&cursor={cursor}")).await.status.is_success());
    for at in 0..cursor.len() {
        let mut changed = cursor.clone().into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).unwrap();
        let answer = rig.get(&format!("{path}&cursor={changed}")).await;
        assert!(answer.status.is_client_error(), "{at}: {changed}");
    }
    println!("{} changed cursors were refused", cursor.len());
}

#[tokio::test]
async fn no_header_is_a_fault_of_the_server() {
    let rig = Rig::new(1).await;
    let mut runner = TestRunner::deterministic();
    let names = select(vec![
        "x-api-key",
        "authorization",
        "if-none-match",
        "accept",
        "accept-encoding",
        "last-event-id",
    ]);
    for _ in 0..CASES {
        let (name, value) = drawn(&(names.clone(), vec(any::<u8>(), 0..120)), &mut runner);
        let Ok(value) = axum::http::HeaderValue::from_bytes(&value) else { continue };
        let request = Request::get("/v1/campaigns").header(name, value);
        let answer = rig.ask(request.body(Body::empty()).unwrap()).await;
        assert!(!is_fault(answer.status), "{name}: {}", answer.text);
    }
    let refused = rig.get_with("/v1/campaigns", &[]).await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED, "{}", refused.text);
}
