//! What is asked, what is read, and how patiently.

use std::time::Duration;

use accrual_client::{Client, ClientError, HistoryQuery, Interval, KeySource, Retry, SimulateQuery};
use serde_json::json;

use crate::service::{Service, empty_list, key};

const ACCOUNT: &str = "0x52908400098527886E0F7030069857D2E4169EE7";

/// A status, and the headers with it.
type Refusal = (u16, &'static [(&'static str, &'static str)]);

/// The requests that it took, or the status in the end as well.
type Taken = Result<usize, (u16, usize)>;

async fn service() -> (Service, Client) {
    let service = Service::start().await;
    service.set('a', "active");
    let client = service.client(KeySource::Fixed(key('a').into()));
    (service, client)
}

#[tokio::test]
async fn each_call_asks_for_its_path() {
    let (service, client) = service().await;
    let query = HistoryQuery {
        interval: Interval::Day,
        from: Some("2026-06-01T00:00:00Z".parse().unwrap()),
        to: Some("2026-06-02T00:00:00+02:00".parse().unwrap()),
    };
    let days = "interval=1d&from=2026-06-01T00%3A00%3A00Z&to=2026-06-01T22%3A00%3A00Z";
    let simulate = "/v1/simulate?pool=p&amount_usd=1000.50&tick_lower=-600&tick_upper=60";
    for path in [
        "/v1/campaigns".to_owned(),
        "/v1/campaigns/c/accruals".to_owned(),
        "/v1/pools".to_owned(),
        format!("/v1/pools/p/history?{days}"),
        "/v1/pools/p/history?interval=1h".to_owned(),
        format!("/v1/accounts/{ACCOUNT}/positions"),
        format!("/v1/accounts/{ACCOUNT}/rewards"),
        format!("/v1/accounts/{ACCOUNT}/history?{days}"),
        simulate.to_owned(),
    ] {
        service.page(&path, empty_list());
    }
    let token = json!({ "chain_id": 8453, "address": ACCOUNT, "symbol": "TMAI", "decimals": 18 });
    let campaign = json!({
        "id": "c", "pool": "p", "reward_token": token, "starts_at": "2025-06-05T17:00:00Z",
        "ends_at": "2025-06-19T17:00:00Z", "status": "ended", "scoring": "per_block",
        "budget_units": "14920000000000000000000000", "emitted_units": null, "apr": { "method": "m" }, "meta": {},
    });
    service.page("/v1/campaigns/c", campaign.clone());
    let pool =
        json!({ "id": "p/1 %?", "venue": "uniswap_v3", "address": ACCOUNT, "tvl_usd": "1.5", "tick": 3 });
    service.page("/v1/pools/p%2F1%20%25%3F", pool);
    service.page("/v1/usage", json!({ "data": { "calls": 5 } }));

    let mut first = campaign.clone();
    first["apr"] = json!({ "reward_percent": "1.5", "estimate": true, "reason": null, "method": "m" });
    first["top"] =
        json!([{ "account": ACCOUNT, "earned_units": "7", "share_ppm": 1_000_000, "positions": [] }]);
    service.page("/v1/overview?top=5", json!({ "campaigns": [first], "pools": [], "meta": {} }));
    let part = json!({ "component": "source", "title": "Chain nodes", "state": "down", "reason": "r", "lag_blocks": null,
        "lag_seconds": 9, "days": [] });
    service.page(
        "/status.json",
        json!({ "status": "degraded", "at": "2025-06-06T03:00:00Z", "components": [part] }),
    );

    let overview = client.overview(5).await.unwrap();
    let first = &overview.campaigns[0];
    assert_eq!((first.campaign.id.as_str(), first.top[0].earned_units.as_str()), ("c", "7"));
    let apr = first.apr.as_ref().unwrap();
    assert_eq!((apr.reward_percent.as_deref(), apr.estimate), (Some("1.5"), true));
    assert_eq!(
        (&first.campaign.emitted_units, first.accounts_count),
        (&None, None),
        "what is unknown is none"
    );
    let status = client.status().await.unwrap();
    assert_eq!((status.components[0].state.as_str(), status.components[0].lag_seconds), ("down", Some(9)));
    assert!(client.campaigns().await.unwrap().data.is_empty());
    let campaign = client.campaign("c").await.unwrap();
    assert_eq!(campaign.budget_units.parse::<u128>(), Ok(14_920_000_000_000_000_000_000_000));
    assert_eq!((campaign.emitted_units, campaign.more["apr"]["method"].as_str()), (None, Some("m")));
    assert_eq!(client.accruals("c").all().await.unwrap(), []);
    assert!(client.pools().await.unwrap().data.is_empty());
    let pool = client.pool("p/1 %?").await.unwrap();
    assert_eq!((pool.tvl_usd.as_deref(), pool.more["tick"].as_i64()), (Some("1.5"), Some(3)));
    assert!(client.pool_history("p", &query).all().await.unwrap().is_empty());
    assert!(client.pool_history("p", &HistoryQuery::default()).all().await.unwrap().is_empty());
    assert!(client.positions(ACCOUNT).await.unwrap().data.is_empty());
    assert!(client.rewards(ACCOUNT).await.unwrap().data.is_empty());
    assert!(client.account_history(ACCOUNT, &query).all().await.unwrap().is_empty());
    let asked =
        SimulateQuery { pool: "p".to_owned(), amount_usd: "1000.50".to_owned(), ticks: Some((-600, 60)) };
    assert!(client.simulate(&asked).await.unwrap().data.is_empty());
    assert_eq!(client.usage().await.unwrap()["data"]["calls"], 5);
    assert_eq!(client.key_self().await.unwrap().id, "aaaaaaaaaaaa");
    let rotated = client.rotate_self(Duration::from_secs(7_200)).await.unwrap();
    assert_eq!((rotated.rotation.new_key.as_str(), rotated.key.is_some()), ("bbbbbbbbbbbb", true));
    assert!(!format!("{rotated:?}").contains(&key('b')));
    assert!(service.asked().iter().all(|asked| asked.key == key('a')));
}

#[tokio::test]
async fn pages_are_read_as_rows_are_asked_for() {
    let (service, client) = service().await;
    let row = |n: u64| json!({ "account": ACCOUNT, "earned_units": n.to_string(), "share_ppm": n, "positions": [] });
    let path = "/v1/campaigns/c/accruals";
    let meta = |next| json!({ "next_cursor": next, "stale": true });
    service.page(path, json!({ "data": [row(1), row(2)], "meta": meta(Some("a+b/c=")) }));
    service.page(&format!("{path}?cursor=a%2Bb%2Fc%3D"), json!({ "data": [], "meta": meta(Some("last")) }));
    service.page(&format!("{path}?cursor=last"), json!({ "data": [row(3)], "meta": meta(None) }));
    let mut rows = client.accruals("c");
    assert!(rows.meta().is_none() && service.asked().is_empty(), "nothing is asked before a row is");
    let mut earned = Vec::new();
    for asked in [1, 0, 2] {
        earned.push(rows.next().await.unwrap().unwrap().earned_units.to_string());
        assert_eq!(service.asked().len(), asked);
    }
    assert!(rows.next().await.unwrap().is_none() && rows.next().await.unwrap().is_none());
    assert_eq!((earned, service.asked().len()), (vec!["1".to_owned(), "2".to_owned(), "3".to_owned()], 0));
    assert!(rows.meta().unwrap().stale);
    // A page that failed is asked for again.
    service.can(400, &[], r#"{"status": 400, "code": "bad_cursor", "detail": "Start again."}"#);
    let mut rows = client.accruals("c");
    assert_eq!(rows.next().await.unwrap_err().code(), Some("bad_cursor"));
    assert!(rows.next().await.unwrap().is_some());
}

#[tokio::test]
async fn what_passes_is_tried_again_and_nothing_else() {
    let (service, client) = service().await;
    service.page("/v1/pools", empty_list());
    let body = r#"{"status": 1, "code": "x", "detail": "d", "request_id": "r-1"}"#;
    let later: &'static [(&str, &str)] = &[("retry-after", "0")];
    let cases: &[(&[Refusal], Taken)] = &[
        // answers before the good one; the requests that it took, or the status in the end
        (&[(429, later)], Ok(2)),
        (&[(503, &[]), (429, later)], Ok(3)),
        (&[(503, &[]), (503, &[]), (503, &[])], Err((503, 3))),
        (&[(429, &[("retry-after", "3")])], Err((429, 1))),
        (&[(429, &[("retry-after", "1209600")])], Err((429, 1))),
        (&[(400, &[])], Err((400, 1))),
        (&[(403, later)], Err((403, 1))),
        (&[(404, &[])], Err((404, 1))),
        (&[(500, later)], Err((500, 1))),
        (&[(502, &[])], Err((502, 1))),
    ];
    for (answers, expected) in cases {
        for (status, headers) in *answers {
            service.can(*status, headers, body);
        }
        let got = client.pools().await;
        let asked = service.asked().len();
        match (got, expected) {
            (Ok(_), Ok(count)) => assert_eq!(asked, *count, "{answers:?}"),
            (Err(ClientError::Problem(problem)), Err((status, count))) => {
                assert_eq!((problem.status, asked), (*status, *count), "{answers:?}");
                let told = answers.last().unwrap().1.first().map(|(_, value)| value.parse().unwrap());
                assert_eq!(problem.retry_after, told.map(Duration::from_secs), "{answers:?}");
            }
            (got, _) => panic!("{answers:?}: {got:?}"),
        }
    }
    // What the server asks for is waited for.
    service.can(429, &[("retry-after", "1")], body);
    let before = tokio::time::Instant::now();
    client.pools().await.unwrap();
    assert!(before.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn problems_say_what_the_service_said() {
    let (service, client) = service().await;
    let errors = r#"[{"parameter": "limit", "detail": "must be between 1 and 500"}]"#;
    let body = format!(
        r#"{{"type": "/problems/bad_parameter", "title": "T", "status": 400, "code": "bad_parameter",
        "detail": "limit must be between 1 and 500", "request_id": "r-9", "errors": {errors}}}"#
    );
    service.can(400, &[], &body);
    let error = client.pools().await.unwrap_err();
    assert_eq!(error.to_string(), "400 bad_parameter: limit must be between 1 and 500 (request r-9)");
    let ClientError::Problem(problem) = error else { panic!("{error}") };
    assert_eq!((problem.errors[0].parameter.as_str(), problem.title.as_str()), ("limit", "T"));
    service.can(502, &[("x-request-id", "p-1")], "<html>bad gateway</html>");
    let error = client.pools().await.unwrap_err();
    assert_eq!(error.code(), Some("http_502"));
    assert!(error.to_string().contains("request p-1"), "{error}");
    service.can(200, &[("x-request-id", "p-2")], &format!(r#"{{"data": "{}"}}"#, key('a')));
    let error = client.pools().await.unwrap_err();
    assert!(matches!(&error, ClientError::Unreadable { request_id, .. } if request_id == "p-2"), "{error}");
    assert!(!error.to_string().contains("aaaaa"), "{error}");
}

#[tokio::test]
async fn a_service_that_is_gone_is_a_sentence_after_some_tries() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let retry = Retry { attempts_max: 3, pause: Duration::from_millis(40), ..Retry::default() };
    let client = Client::builder(&url, KeySource::Fixed(key('a').into())).retry(retry).build().unwrap();
    let before = tokio::time::Instant::now();
    let error = client.pools().await.unwrap_err();
    assert!(matches!(error, ClientError::Network(_)), "{error}");
    assert!(before.elapsed() >= Duration::from_millis(20 + 40), "two pauses, each half of it at least");
}

#[tokio::test]
async fn a_key_goes_nowhere_else() {
    let (service, client) = service().await;
    let elsewhere = Service::start().await;
    service.can(307, &[("location", &format!("{}/v1/pools", elsewhere.url))], "");
    assert_eq!(client.pools().await.unwrap_err().code(), Some("http_307"));
    assert!(elsewhere.asked().is_empty(), "a redirect is not followed");
    let cases = [
        ("https://api.example", true),
        ("https://api.example/behind/a/path/", true),
        ("http://127.0.0.1:8080", true),
        ("http://[::1]:8080", true),
        ("http://localhost", true),
        ("http://api.example", false),
        ("http://127.0.0.1.example", false),
        ("ftp://api.example", false),
        ("https://user@api.example", false),
        ("https://api.example?key=x", false),
        ("api.example", false),
        ("", false),
    ];
    for (url, good) in cases {
        let client = Client::new(url, KeySource::Fixed(key('a').into()));
        assert_eq!(client.is_ok(), good, "{url}: {client:?}");
        assert!(!format!("{client:?}").contains("aaaaaaa"));
    }
    let plain = Client::builder("http://api.example", KeySource::Fixed(key('a').into())).allow_plain_http();
    assert!(plain.build().is_ok());
    assert!(!format!("{:?}", KeySource::Fixed(key('a').into())).contains("aaaaaaa"));
}

#[tokio::test]
async fn behind_a_path() {
    let (service, _) = service().await;
    service.page("/base/v1/pools", empty_list());
    let client = Client::new(&format!("{}/base", service.url), KeySource::Fixed(key('a').into())).unwrap();
    client.pools().await.unwrap();
}
