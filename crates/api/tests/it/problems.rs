//! What a mistake is answered with: one shape, whatever it was.

use axum::body::Body;
use axum::http::Request;

use crate::rig::{Rig, address};

#[tokio::test]
async fn every_problem_has_the_same_shape() {
    let rig = Rig::new(5).await;
    let wrong_mix = address(0xab).to_checksum(None).replacen('a', "A", 1).replacen('B', "b", 1);
    let wrong_mix = format!("/v1/accounts/{wrong_mix}/rewards");
    let accruals = "/v1/campaigns/first/accruals";
    let cases = [
        ("/v1/pools?limt=5".to_owned(), 400, "bad_parameter", Some("limt")),
        (format!("{accruals}?limit=0"), 400, "bad_parameter", Some("limit")),
        (format!("{accruals}?limit=501"), 400, "bad_parameter", Some("limit")),
        (format!("{accruals}?by=pool"), 400, "bad_parameter", Some("by")),
        (format!("{accruals}?at=yesterday"), 400, "bad_parameter", Some("at")),
        (format!("{accruals}?by=account&by=account"), 400, "bad_parameter", Some("by")),
        (format!("{accruals}?cursor=abc"), 400, "bad_cursor", None),
        (wrong_mix, 400, "bad_address", None),
        ("/v1/accounts/0x12/rewards".to_owned(), 400, "bad_address", None),
        ("/v1/campaigns/second".to_owned(), 404, "not_found", None),
        ("/v1/pools/second".to_owned(), 404, "not_found", None),
        ("/nowhere".to_owned(), 404, "not_found", None),
        ("/v1/nowhere".to_owned(), 404, "not_found", None),
        ("/problems/nothing".to_owned(), 404, "not_found", None),
    ];
    for (path, status, code, field) in cases {
        let answer = rig.get(&path).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.text);
        assert_eq!(answer.headers["content-type"], "application/problem+json", "{path}");
        let body = answer.json();
        assert_eq!(body["code"], code, "{path}: {body}");
        assert_eq!(body["type"], format!("/problems/{code}"));
        assert_eq!(body["status"], status);
        assert_eq!(body["instance"], path.split('?').next().unwrap());
        assert_eq!(body["request_id"], answer.headers["x-request-id"].to_str().unwrap());
        assert!(body["title"].is_string() && body["detail"].as_str().unwrap().len() > 5, "{body}");
        assert_eq!(body["errors"][0]["parameter"].as_str(), field, "{path}: {body}");
        let page = rig.get(body["type"].as_str().unwrap()).await;
        assert_eq!(page.status, 200, "{code} has a page");
    }
}

#[tokio::test]
async fn a_method_that_a_path_does_not_take() {
    let rig = Rig::new(1).await;
    for path in ["/v1/pools", "/", "/health/live"] {
        let request = Request::post(path).header("x-api-key", &rig.key).body(Body::empty()).unwrap();
        let answer = rig.ask(request).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (405, "method_not_allowed"), "{path}");
        assert_eq!(answer.headers["allow"], "GET,HEAD", "{path}");
    }
}

#[tokio::test]
async fn a_body_that_is_too_large() {
    let rig = Rig::new(1).await;
    let request = Request::get("/v1/pools").header("x-api-key", &rig.key).header("content-length", "65537");
    let answer = rig.ask(request.body(Body::from(vec![0; 65_537])).unwrap()).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (413, "body_too_large"));
}

#[tokio::test]
async fn request_ids() {
    let rig = Rig::new(1).await;
    let long = "a".repeat(65);
    let cases = [
        ("mine-1.2_3", true),
        (&long[..64], true),
        (&long, false),
        ("a b", false),
        ("a/b", false),
        ("", false),
    ];
    for (sent, kept) in cases {
        let answer = rig.get_with("/health/live", &[("x-request-id", sent)]).await;
        let got = answer.headers["x-request-id"].to_str().unwrap().to_owned();
        assert_eq!(got == sent, kept, "{sent:?} became {got:?}");
        assert!(!got.is_empty());
    }
}

#[tokio::test]
async fn other_sites_may_read_data_and_a_preflight_needs_no_key() {
    let rig = Rig::new(1).await;
    let preflight = Request::options("/v1/pools")
        .header("origin", "https://elsewhere.example")
        .header("access-control-request-method", "GET")
        .header("access-control-request-headers", "x-api-key");
    let answer = rig.ask(preflight.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers["access-control-allow-origin"], "*");
    assert!(answer.headers["access-control-allow-headers"].to_str().unwrap().contains("x-api-key"));
    let refused = rig.get_with("/v1/pools", &[("origin", "https://elsewhere.example")]).await;
    assert_eq!(refused.status, 401);
    assert_eq!(refused.headers["access-control-allow-origin"], "*");
    let exposed = refused.headers["access-control-expose-headers"].to_str().unwrap();
    for name in ["ratelimit", "retry-after", "link", "accrual-notice", "x-request-id"] {
        assert!(exposed.contains(name), "{name} is not in {exposed}");
    }
    assert!(!refused.headers.contains_key("access-control-allow-credentials"));
}
