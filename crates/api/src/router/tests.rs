//! What surrounds the routes, on a route made to break.

use axum::body::{Body, to_bytes};
use axum::http::Request;
use tower::ServiceExt;

use super::*;
use crate::key::Pepper;
use crate::{Clock, Settings};
use accrual_rewards::unit::UnixSeconds;
use accrual_store::{Db, Mode};

async fn api() -> Api {
    let db = Db::open(&"sqlite::memory:".parse().unwrap(), Mode::Write).await.unwrap();
    let settings = Settings {
        chain_id: 1,
        block_seconds: None,
        pools: Vec::new(),
        campaigns: Vec::new(),
        tokens: Vec::new(),
        prices: Default::default(),
        peppers: Pepper::new(1, vec![1; 32]).unwrap().into(),
        key_rules: Default::default(),
        access: Default::default(),
        trusted_proxies: Default::default(),
        clock: Clock::new(|| UnixSeconds(0)),
        notice: None,
        poll_interval: crate::app::POLL_INTERVAL,
        stale_after_seconds: 60,
        webhooks: Default::default(),
        mcp: Default::default(),
        sign_in: None,
        security: None,
        merkl: None,
    };
    Api::new(db, settings).unwrap()
}

async fn panics() -> &'static str {
    panic!("the password is hunter2")
}

#[tokio::test]
async fn a_panic_is_a_problem_without_internals() {
    let router = dressed(&api().await, Router::new().route("/boom", axum::routing::get(panics)));
    let request = Request::get("/boom").header("x-request-id", "mine").body(Body::empty()).unwrap();
    let answer = router.oneshot(request).await.unwrap();
    assert_eq!(answer.status(), 500);
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
    let body = to_bytes(answer.into_body(), usize::MAX).await.unwrap();
    let text = std::str::from_utf8(&body).unwrap();
    assert!(text.contains(r#""code":"internal""#) && text.contains(r#""request_id":"mine""#), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_a_problem() {
    let api = api().await;
    tokio::time::pause();
    let router = dressed(&api, Router::new().route("/slow", axum::routing::get(std::future::pending::<()>)));
    let request = Request::get("/slow").body(Body::empty()).unwrap();
    let answer = router.oneshot(request).await.unwrap();
    assert_eq!(answer.status(), 503);
    assert_eq!(answer.headers()["retry-after"], "2");
    let body = to_bytes(answer.into_body(), usize::MAX).await.unwrap();
    assert!(std::str::from_utf8(&body).unwrap().contains(r#""code":"reduced_capacity""#));
}
