//! What surrounds the routes, on a route made to break.

use axum::body::{Body, to_bytes};
use axum::http::Request;
use tower::ServiceExt;

use super::*;
use crate::door;
use crate::key::Pepper;
use crate::keys::{Asker, NewKey};
use crate::{Clock, KeyEnv, Settings};
use accrual_access::change::Purpose;
use accrual_rewards::unit::UnixSeconds;
use accrual_store::{Db, Mode};
use secrecy::ExposeSecret;

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
        announced: Default::default(),
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

#[tokio::test]
async fn a_body_that_never_ends_is_a_problem() {
    async fn takes(_: axum::body::Bytes) {}
    let api = api().await;
    tokio::time::pause();
    let router = dressed(&api, Router::new().route("/slow", axum::routing::post(takes)));
    let first = futures::stream::iter([Ok::<_, std::io::Error>("{")]);
    let drip = futures::StreamExt::chain(first, futures::stream::pending());
    let request = Request::post("/slow").body(Body::from_stream(drip)).unwrap();
    let begun = tokio::time::Instant::now();
    let answer = router.oneshot(request).await.unwrap();
    assert_eq!(answer.status(), 503);
    assert_eq!(begun.elapsed().as_secs(), REQUEST_TIMEOUT.as_secs());
}

/// As many as may be served without a key wait for ever; the next is sent away, while a key and a probe are served.
#[tokio::test]
async fn a_crowd_without_keys_keeps_nobody_else_out() {
    async fn at_once() {}
    let crowd = Crowd::of(2);
    let hang = Router::new().route("/open", axum::routing::get(std::future::pending::<()>));
    let with_keys = Router::new().route("/keyed", axum::routing::get(at_once));
    let api = api().await;
    let router = dressed(&api, crowded(&crowd, hang).merge(with_keys));
    let ask = |path| router.clone().oneshot(Request::get(path).body(Body::empty()).unwrap());
    let waiting = [tokio::spawn(ask("/open")), tokio::spawn(ask("/open"))];
    tokio::task::yield_now().await;
    let refused = ask("/open").await.unwrap();
    assert_eq!((refused.status().as_u16(), &refused.headers()["retry-after"]), (503, &"2".parse().unwrap()));
    assert_eq!(ask("/keyed").await.unwrap().status(), 200);
    for one in waiting {
        one.abort();
        assert!(one.await.unwrap_err().is_cancelled());
    }
    assert!(ask("/keyed").await.is_ok());
}

/// Who is in the crowd: every route without a key but the probes.
#[test]
fn only_probes_are_served_to_any_number() {
    let vital = groups().into_iter().filter(|group| group.is_vital);
    let paths: Vec<&str> =
        vital.flat_map(|group| group.routes.places().to_vec()).map(|place| place.path).collect();
    assert_eq!(paths, ["/health/live", "/health/ready"]);
}

/// What the door gives out it has from memory, in the second and block in which it was made, to whoever may have it.
#[tokio::test]
async fn the_door_has_what_was_asked_before() {
    let api = api().await;
    api.db().migrate().await.unwrap();
    api.keys().refresh().await.unwrap();
    let key = |scopes: &[Scope]| {
        let purpose = Purpose {
            scopes: scopes.iter().copied().collect(),
            networks: Default::default(),
            expires_at: None,
            note: String::new(),
        };
        NewKey { client: "desk".to_owned(), plan: None, purpose, env: KeyEnv::Live }
    };
    let issue = async |scopes: &[Scope]| {
        let issued = api.keys().create(key(scopes), &Asker::default()).await.unwrap();
        issued.key.unwrap().reveal().expose_secret().to_owned()
    };
    let (reader, wallet) = (issue(&[Scope::ReadPublic]).await, issue(&[Scope::ReadWallet]).await);
    let asked =
        |path: &str, key: &str| Request::get(path).header("x-api-key", key).body(Body::empty()).unwrap();
    let has = |request: Request<Body>| door::answered(&api, &mut request.into_parts().0, None).is_some();
    assert!(!has(asked("/v1/campaigns", &reader)), "nobody has asked yet");
    let answer = router(&api).oneshot(asked("/v1/campaigns", &reader)).await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(has(asked("/v1/campaigns", &reader)));
    let unknown = reader.replace("acr_live_", "acr_test_");
    let cases = [
        ("another question", asked("/v1/campaigns?limit=1", &reader)),
        ("another scope", asked("/v1/campaigns", &wallet)),
        ("no such key", asked("/v1/campaigns", &unknown)),
        ("a key in the address", asked(&format!("/v1/campaigns?key={reader}"), &reader)),
        ("a marketplace's user", {
            let mut request = asked("/v1/campaigns", &reader);
            request.headers_mut().insert("x-rapidapi-user", "somebody".parse().unwrap());
            request
        }),
        ("another method", {
            let mut request = asked("/v1/campaigns", &reader);
            *request.method_mut() = Method::DELETE;
            request
        }),
    ];
    for (name, request) in cases {
        assert!(!has(request), "{name}");
    }
}
