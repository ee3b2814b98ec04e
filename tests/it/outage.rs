//! The database goes away for a minute while everybody calls, and comes back.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use accrual_access::rotation::{Kind, Terms};
use accrual_access::scope::Scope;
use accrual_api::keys::Asker;
use accrual_store::{Engine, dump};
use accrual_tests::db::{Fresh, fresh};
use accrual_tests::proxy::Proxy;

use crate::servers::{Server, key, key_with, status, text};

const OUTAGE: Duration = Duration::from_secs(60);
/// `propagation_seconds_max`.
const BOUND: Duration = Duration::from_secs(5);
/// What a server may take to notice, and a busy machine to answer.
const SLACK: Duration = Duration::from_secs(3);

/// The same database, by way of `proxy`.
pub(crate) fn by_way_of(fresh: &Fresh, proxy: SocketAddr) -> String {
    let (head, tail) = fresh.url_text.split_once('@').expect("a user");
    let (_, name) = tail.split_once('/').expect("a database");
    format!("{head}@{proxy}/{name}")
}

pub(crate) fn server_of(fresh: &Fresh) -> SocketAddr {
    let (_, tail) = fresh.url_text.split_once('@').expect("a user");
    tail.split('/').next().and_then(|place| place.parse().ok()).expect("an address and a port")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_minute_without_the_database_stops_nobody_and_loses_no_count() {
    let Some(fresh) = fresh(Engine::Postgres).await else { return };
    let proxy = Proxy::to(server_of(&fresh)).await;
    let server = Server::start(&by_way_of(&fresh, proxy.address).parse().unwrap()).await;
    let http = reqwest::Client::new();
    let url = server.url("/v1/campaigns");
    let steady = key(&server, "steady").await;
    let admin = key_with(&server, "admin", &[Scope::Admin]).await;
    let old = key(&server, "moving").await;
    let terms = Terms { overlap_seconds: 3_600, ..Terms::new(Kind::Normal) };
    server.api.keys().rotate(old.id(), &terms, &Asker::default()).await.unwrap();
    let (steady_text, admin, old) = (text(&steady), text(&admin), text(&old));
    let mut calls = 0_u64;
    for _ in 0..20 {
        assert_eq!(status(&http, &url, &steady_text).await, 200);
        assert_eq!(status(&http, &url, &old).await, 200);
        calls += 1;
    }

    proxy.cut();
    let cut = Instant::now();
    let mut change = None;
    while cut.elapsed() < OUTAGE {
        assert_eq!(status(&http, &url, &steady_text).await, 200, "after {:?}", cut.elapsed());
        calls += 1;
        let asked = Instant::now();
        let ending = status(&http, &url, &old).await;
        let since = asked.duration_since(cut);
        assert!(ending == 200 || ending == 503, "{ending}");
        assert!(ending == 503 || since < BOUND + SLACK, "an ending key is served {since:?} after the cut");
        if change.is_none() {
            change = Some(tokio::spawn(make_key(http.clone(), server.url("/v1/keys"), admin.clone())));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let (refused, retry_after) = change.unwrap().await.unwrap();
    assert_eq!(refused, 503, "what cannot be written down is not done");
    assert!(retry_after.is_some_and(|seconds| seconds.parse::<u64>().is_ok()), "and says when to ask again");

    proxy.mend();
    let back = async {
        // One key is enough: a client may not have many, and the ending key may be served a moment later.
        let mut is_made = false;
        loop {
            is_made |=
                !is_made && make_key(http.clone(), server.url("/v1/keys"), admin.clone()).await.0 == 201;
            if is_made && status(&http, &url, &old).await == 200 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), back).await.expect("all is as before once it is back");
    let counted = async {
        while counted(&fresh, steady.id().as_str()).await != calls {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    let in_time = tokio::time::timeout(Duration::from_secs(20), counted).await;
    assert!(in_time.is_ok(), "{calls} calls, {} counted", self::counted(&fresh, steady.id().as_str()).await);
    println!(
        "{calls} calls in {:?}, {OUTAGE:?} of it without the database: none refused, all counted",
        cut.elapsed()
    );
    server.stop().await;
    fresh.remove().await;
}

async fn make_key(http: reqwest::Client, url: String, admin: String) -> (u16, Option<String>) {
    let request = http.post(url).header("x-api-key", admin).header("content-type", "application/json");
    let answer = request.body(r#"{"client": "new"}"#).send().await.unwrap();
    let retry_after = answer.headers().get("retry-after").map(|value| value.to_str().unwrap().to_owned());
    (answer.status().as_u16(), retry_after)
}

/// Calls of a key as they are stored.
async fn counted(fresh: &Fresh, key_id: &str) -> u64 {
    let rows = dump::table(&fresh.db, "usage_hours").await.unwrap();
    rows.iter().filter(|row| row[0] == key_id).map(|row| row[5].parse::<u64>().unwrap()).sum()
}
