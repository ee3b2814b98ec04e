//! The forms of data answers: tags, packing, kinds, ages and pages.

use std::io::Read;
use std::sync::atomic::Ordering;

use accrual_access::rotation::{Kind, Terms};
use accrual_api::keys::Asker;
use accrual_api::scope::Scope;
use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, StatusCode};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::rig::{Answer, CHAIN, FIRST_BLOCK, Rig, added, address, event, time};

const LISTS: [&str; 4] =
    ["/v1/campaigns", "/v1/pools", "/v1/campaigns/first/accruals", "/v1/pools/usdc-tmai/history"];

async fn get(rig: &Rig, path: &str, headers: &[(&str, &str)]) -> Answer {
    let headers = [&[("x-api-key", rig.key.as_str())], headers].concat();
    rig.get_with(path, &headers).await
}

fn tag(answer: &Answer) -> String {
    answer.headers["etag"].to_str().unwrap().to_owned()
}

async fn next_block(rig: &Rig) {
    let event = event(FIRST_BLOCK + 2, 0, added(9, 5_000_000_000));
    rig.extend(Some((FIRST_BLOCK + 1, 0)), FIRST_BLOCK + 2, 0, &[event]).await;
    rig.api.book().refresh().await.unwrap();
}

#[tokio::test]
async fn who_has_an_answer_is_told_so() {
    let rig = Rig::new(3).await;
    let wallet = format!("/v1/accounts/{:#x}/rewards", address(2));
    for path in LISTS.into_iter().chain([wallet.as_str()]) {
        rig.set_now(time(FIRST_BLOCK + 1) + 10);
        let first = get(&rig, path, &[]).await;
        assert_eq!(first.status, 200, "{path}: {}", first.text);
        assert!(tag(&first).starts_with('"') && tag(&first).ends_with('"'), "a strong tag: {}", tag(&first));
        let again = get(&rig, path, &[]).await;
        assert_eq!((tag(&again), &again.text), (tag(&first), &first.text), "{path}");
        let held = get(&rig, path, &[("if-none-match", &tag(&first))]).await;
        assert_eq!((held.status.as_u16(), held.text.as_str()), (304, ""), "{path}");
        assert_eq!(tag(&held), tag(&first));
        for name in ["cache-control", "vary", "ratelimit", "x-request-id"] {
            assert!(held.headers.contains_key(name), "{path}: {name} of a 304");
        }
        // The bytes have another age now, and so another tag; what is held is as good as before.
        rig.set_now(time(FIRST_BLOCK + 1) + 11);
        let older = get(&rig, path, &[]).await;
        assert!(older.text != first.text && tag(&older) != tag(&first), "{path}");
        let held = get(&rig, path, &[("if-none-match", &format!("\"other\", W/{}", tag(&first)))]).await;
        assert_eq!((held.status.as_u16(), tag(&held)), (304, tag(&first)), "{path}");
        // Once the block is older than promised the answer says so, and is another one.
        rig.set_now(time(FIRST_BLOCK + 1) + 61);
        let stale = get(&rig, path, &[("if-none-match", &tag(&first))]).await;
        assert_eq!(stale.status, 200, "{path}");
    }
    rig.set_now(time(FIRST_BLOCK + 1) + 10);
    let before = tag(&get(&rig, "/v1/campaigns", &[]).await);
    next_block(&rig).await;
    assert_eq!(get(&rig, "/v1/campaigns", &[("if-none-match", &before)]).await.status, 200, "a new block");
}

#[tokio::test]
async fn answers_in_merkls_shape_are_finished_too() {
    let rig = Rig::new(30).await;
    let of_campaign = format!("/v4/rewards?chainId={CHAIN}&campaignId=first");
    let of_account = format!("/v4/users/{:#x}/rewards?chainId={CHAIN}", address(2));
    let paths = ["/v4/campaigns", "/v4/opportunities?campaigns=true", &of_campaign, &of_account];
    let (mut before, mut packed) = (Vec::new(), 0);
    for path in paths {
        let first = get(&rig, path, &[]).await;
        assert_eq!(first.status, 200, "{path}: {}", first.text);
        let held = get(&rig, path, &[("if-none-match", &tag(&first))]).await;
        assert_eq!((held.status.as_u16(), held.text.as_str()), (304, ""), "{path}");
        let request = Request::get(path).header("x-api-key", &rig.key).header("accept-encoding", "gzip");
        let (_, headers, body) = bytes(&rig, request.body(Body::empty()).unwrap()).await;
        // Shorter answers are not worth packing.
        match headers.get("content-encoding") {
            Some(packing) => {
                assert_eq!((packing.to_str().unwrap(), unpacked("gzip", &body)), ("gzip", first.text));
                packed += 1;
            }
            None => assert!(first.text.len() < 1_024 && body == first.text.as_bytes(), "{path}"),
        }
        before.push(held.headers["etag"].to_str().unwrap().to_owned());
    }
    assert!(packed >= 2, "{packed} of these are long");
    let refused = get(&rig, "/v4/campaigns", &[("accept", "text/csv")]).await;
    assert_eq!((refused.status.as_u16(), refused.code().as_str()), (406, "not_acceptable"));
    assert_eq!(refused.headers["content-type"], "application/json", "all that their client reads");
    next_block(&rig).await;
    for (path, before) in paths.into_iter().zip(&before) {
        let after = get(&rig, path, &[("if-none-match", before)]).await;
        assert_eq!(after.status, 200, "{path}: a new block is told at once");
    }
}

#[tokio::test]
async fn of_a_name_that_comes_twice_each_order_is_a_question_of_its_own() {
    let rig = Rig::new(1).await;
    let found = async |query: &str| {
        get(&rig, &format!("/v4/campaigns?{query}"), &[]).await.json().as_array().unwrap().len()
    };
    for (query, expected) in [
        ("search=first&search=none", 0),
        ("search=none&search=first", 1),
        ("search=first&se%61rch=none", 0),
        ("se%61rch=none&search=first", 1),
        ("items=5&search=first", 1),
        ("search=first&items=5", 1),
    ] {
        assert_eq!(found(query).await, expected, "{query}");
    }
}

#[tokio::test]
async fn a_304_counts_as_a_call() {
    let rig = Rig::new(1).await;
    let left = |answer: &Answer| -> u64 {
        let text = answer.headers["ratelimit"].to_str().unwrap().to_owned();
        let month = text.split("\"month\";r=").nth(1).unwrap().split(';').next().unwrap().to_owned();
        month.parse().unwrap()
    };
    let first = get(&rig, "/v1/pools", &[]).await;
    let held = get(&rig, "/v1/pools", &[("if-none-match", &tag(&first))]).await;
    assert_eq!((held.status.as_u16(), left(&held)), (304, left(&first) - 1));
}

async fn bytes(rig: &Rig, request: Request<Body>) -> (StatusCode, axum::http::HeaderMap, Vec<u8>) {
    let (parts, body) = rig.router.clone().oneshot(request).await.unwrap().into_parts();
    (parts.status, parts.headers, to_bytes(body, usize::MAX).await.unwrap().to_vec())
}

fn unpacked(encoding: &str, packed: &[u8]) -> String {
    let mut text = String::new();
    match encoding {
        "gzip" => flate2::read::GzDecoder::new(packed).read_to_string(&mut text).unwrap(),
        _ => brotli::Decompressor::new(packed, 4_096).read_to_string(&mut text).unwrap(),
    };
    text
}

#[tokio::test]
async fn packed_on_request_and_never_with_a_secret() {
    let rig = Rig::new(30).await;
    let path = "/v1/campaigns/first/accruals";
    let plain = get(&rig, path, &[]).await;
    let mut tags = vec![tag(&plain)];
    for (asked, packed) in [("gzip", "gzip"), ("gzip, br", "br"), ("br;q=0.1, gzip;q=0.5", "gzip")] {
        let request = Request::get(path).header("x-api-key", &rig.key).header("accept-encoding", asked);
        let (status, headers, body) = bytes(&rig, request.body(Body::empty()).unwrap()).await;
        assert_eq!(
            (status.as_u16(), &headers["content-encoding"]),
            (200, &packed.parse().unwrap()),
            "{asked}"
        );
        assert!(headers["vary"].to_str().unwrap().contains("Accept-Encoding"));
        assert!(body.len() * 2 < plain.text.len(), "{asked}: {} of {}", body.len(), plain.text.len());
        assert_eq!(unpacked(packed, &body), plain.text, "{asked}");
        let own = headers["etag"].to_str().unwrap().to_owned();
        let held = get(&rig, path, &[("accept-encoding", asked), ("if-none-match", &own)]).await;
        assert_eq!(held.status, 304, "{asked}");
        tags.push(own);
    }
    assert!(tags[0] != tags[1] && tags[1] != tags[2], "other bytes, another tag: {tags:?}");
    let body = json!({ "client": "packed", "plan": "vip", "note": "x".repeat(1_500) });
    let request = Request::post("/v1/keys")
        .header("x-api-key", &rig.key)
        .header("accept-encoding", "gzip, br")
        .header("content-type", "application/json");
    let (_, headers, body) = bytes(&rig, request.body(Body::from(body.to_string())).unwrap()).await;
    assert!(!headers.contains_key("content-encoding"), "{headers:?}");
    assert!(serde_json::from_slice::<Value>(&body).is_ok(), "in plain bytes");
}

#[tokio::test]
async fn kinds_that_an_answer_does_not_have() {
    let rig = Rig::new(2).await;
    let cases = [
        ("/v1/pools", "application/xml", 406),
        ("/v1/pools", "text/csv", 406),
        ("/v1/pools", "text/csv, application/json;q=0.1", 200),
        ("/v1/pools", "application/*", 200),
        ("/v1/campaigns/first/accruals", "text/csv", 200),
        ("/v1/campaigns/first/accruals", "image/png", 406),
        ("/v1/campaigns/first/accruals?format=csv", "application/json", 200),
        ("/v1/stream", "application/json", 406),
    ];
    for (path, accept, status) in cases {
        let answer = get(&rig, path, &[("accept", accept)]).await;
        assert_eq!(answer.status.as_u16(), status, "{path} as {accept}: {}", answer.text);
        if status == 406 {
            assert_eq!(answer.code(), "not_acceptable");
        }
    }
}

#[tokio::test]
async fn no_older_than_the_caller_allows() {
    let rig = Rig::new(2).await;
    rig.set_now(time(FIRST_BLOCK + 1) + 10);
    for path in LISTS {
        assert_eq!(get(&rig, &format!("{path}?max_age_seconds=10"), &[]).await.status, 200, "{path}");
        let old = get(&rig, &format!("{path}?max_age_seconds=9"), &[]).await;
        assert_eq!((old.status.as_u16(), old.code().as_str()), (503, "behind_chain"), "{path}");
        assert!(old.headers.contains_key("retry-after") && old.text.contains("10 seconds"), "{}", old.text);
        let wrong = get(&rig, &format!("{path}?max_age_seconds=9&limt=1"), &[]).await;
        assert_eq!(wrong.code(), "bad_parameter", "what the caller can mend comes first");
    }
    let empty = Rig::empty(None).await;
    assert_eq!(get(&empty, "/v1/pools?max_age_seconds=9", &[]).await.code(), "behind_chain");
}

#[tokio::test]
async fn without_a_body_the_same_headers() {
    let rig = Rig::new(2).await;
    let head = Request::head("/v1/pools").header("x-api-key", &rig.key).body(Body::empty()).unwrap();
    let head = rig.ask(head).await;
    let whole = get(&rig, "/v1/pools", &[]).await;
    assert_eq!((head.status.as_u16(), head.text.as_str()), (200, ""));
    assert_eq!(tag(&head), tag(&whole));
    assert!(!whole.text.is_empty(), "what was kept for HEAD is whole");
}

/// Three campaigns of one pool.
async fn campaigns() -> Rig {
    let rig = Rig::told(|settings| {
        for id in ["second", "third"] {
            let mut more = settings.campaigns[0].clone();
            more.id = id.parse().unwrap();
            settings.campaigns.push(more);
        }
    })
    .await;
    rig.fill(3).await;
    rig
}

#[tokio::test]
async fn lists_over_all_pools_have_pages_too() {
    let rig = campaigns().await;
    let account = format!("/v1/accounts/{:#x}/rewards", address(2));
    for path in ["/v1/campaigns", account.as_str()] {
        let whole = rig.get(path).await.json()["data"].clone();
        assert_eq!(whole.as_array().unwrap().len(), 3, "{path}");
        let (mut next, mut rows) = (Some(format!("{path}?limit=1")), Vec::new());
        while let Some(path) = next {
            let page = rig.get(&path).await;
            assert_eq!(page.status, 200, "{path}: {}", page.text);
            rows.extend(page.json()["data"].as_array().unwrap().clone());
            let link = page.headers.get("link").map(|link| link.to_str().unwrap().to_owned());
            assert_eq!(link.is_some(), page.json()["meta"]["next_cursor"].is_string());
            next = link.map(|link| link.trim_start_matches('<').split('>').next().unwrap().to_owned());
            if rows.len() == 1 && path.starts_with("/v1/campaigns") {
                next_block(&rig).await;
            }
        }
        assert_eq!(json!(rows), whole, "{path}: all of one block");
    }
    let first = rig.get("/v1/campaigns?limit=1").await.json();
    let cursor = first["meta"]["next_cursor"].as_str().unwrap().to_owned();
    rig.rewind(FIRST_BLOCK + 1, 0).await;
    rig.extend(Some((FIRST_BLOCK + 1, 0)), FIRST_BLOCK + 2, 1, &[]).await;
    rig.api.book().refresh().await.unwrap();
    let gone = rig.get(&format!("/v1/campaigns?limit=1&cursor={cursor}")).await;
    assert_eq!(gone.code(), "bad_cursor");
    assert!(gone.text.contains("start again"), "{}", gone.text);
    let other = rig.get(&format!("/v1/pools?cursor={cursor}")).await;
    assert_eq!(other.code(), "bad_cursor", "of another list");
}

#[tokio::test]
async fn rewards_as_a_table() {
    let rig = Rig::new(3).await;
    let path = format!("/v1/accounts/{:#x}/rewards", address(2));
    let told = rig.get(&path).await.json()["data"][0].clone();
    let table = rig.get(&format!("{path}?format=csv")).await;
    assert_eq!(table.headers["content-type"], "text/csv; charset=utf-8");
    let lines: Vec<Vec<&str>> =
        table.text.split_terminator("\r\n").map(|line| line.split(',').collect()).collect();
    assert_eq!(lines.len(), 2);
    let cell = |name: &str| lines[1][lines[0].iter().position(|head| *head == name).unwrap()];
    assert_eq!(json!(cell("earned_units")), told["earned_units"]);
    assert_eq!(json!(cell("campaign")), told["campaign"]);
    assert_eq!(json!(cell("symbol")), told["token"]["symbol"]);
    let tokens: rust_decimal::Decimal = cell("earned_decimal").parse().unwrap();
    assert_eq!(
        (tokens * rust_decimal::Decimal::from(1_000_000)).normalize().to_string(),
        cell("earned_units")
    );
}

/// The first is made behind all layers, the next are given out at the door.
#[tokio::test]
async fn the_second_answer_says_all_that_the_first_said() {
    let rig = Rig::empty(Some("a rehearsal")).await;
    rig.fill(3).await;
    let key = rig.issue("moving", &Scope::ALL).await;
    let terms = Terms { overlap_seconds: 3_600, ..Terms::new(Kind::Normal) };
    rig.api.keys().rotate(key.id(), &terms, &Asker::default()).await.unwrap();
    let (ending, wallet) = (key.reveal(), format!("/v1/accounts/{:#x}/rewards", address(2)));
    let left = |answer: &Answer| {
        let text = answer.headers["ratelimit"].to_str().unwrap();
        let month = text.split("\"month\";r=").nth(1).and_then(|rest| rest.split(';').next());
        month.unwrap().parse::<u64>().unwrap()
    };
    for path in LISTS.into_iter().chain(["/v4/campaigns", wallet.as_str()]) {
        for key in [rig.key.as_str(), ending.expose_secret()] {
            for (kind, held, status) in
                [("*/*", "", 200), ("*/*", "*", 304), ("text/csv, */*;q=0.5", "", 200)]
            {
                // Each turn begins with an answer that is not there yet.
                rig.set_now(rig.now.load(Ordering::SeqCst) + 1);
                rig.api.keys().refresh().await.unwrap();
                let headers = [("x-api-key", key), ("accept", kind), ("if-none-match", held)];
                let mut first = rig.get_with(path, &headers).await;
                let mut again = rig.get_with(path, &headers).await;
                assert_eq!((first.status.as_u16(), again.status), (status, first.status), "{path} {kind}");
                assert_eq!(again.text, first.text, "{path} {kind}");
                assert_eq!(left(&again) + 1, left(&first), "{path}: each is a call");
                for answer in [&mut first, &mut again] {
                    answer.headers.remove("x-request-id").unwrap();
                    answer.headers.remove("ratelimit").unwrap();
                }
                assert_eq!(again.headers, first.headers, "{path} {kind}");
            }
        }
    }
    let mine = [("x-api-key", rig.key.as_str()), ("x-request-id", "mine")];
    assert_eq!(rig.get_with(LISTS[0], &mine).await.headers["x-request-id"], "mine");
    let none = get(&rig, LISTS[0], &[("accept", "image/png")]).await;
    assert_eq!((none.status.as_u16(), none.code().as_str()), (406, "not_acceptable"));
}

/// An answer that is kept says in each later second what one that is made then would say: nothing but its age runs on, until
/// it is too old.
#[tokio::test]
async fn what_is_kept_grows_old_second_by_second() {
    let rig = Rig::new(3).await;
    let begun = time(FIRST_BLOCK + 1) + 2;
    for path in LISTS {
        let mut youngest = None;
        for passed in [0, 1, 2, 3, 7, 8, 55, 58, 59, 60, 120] {
            rig.set_now(begun + passed);
            rig.api.keys().refresh().await.unwrap();
            let plain = get(&rig, path, &[]).await;
            let age_seconds = 2 + passed;
            let mut expected = youngest.get_or_insert_with(|| plain.json()).clone();
            expected["meta"]["age_seconds"] = age_seconds.into();
            expected["meta"]["stale"] = (age_seconds > 60).into();
            assert_eq!(plain.json(), expected, "{path} after {passed} s");
            assert!(tag(&plain).ends_with(&format!(".{age_seconds}\"")), "{path} after {passed} s");
            let packed = get(&rig, path, &[("accept-encoding", "gzip")]).await;
            assert!(tag(&packed).contains(&format!(".{age_seconds}")), "{path} after {passed} s");
            let held = [("if-none-match", "\"none\"")];
            assert_eq!(get(&rig, path, &held).await.text, plain.text, "{path} after {passed} s");
        }
    }
}

#[tokio::test]
async fn what_is_kept_is_of_this_block_and_for_whoever_may_see_it() {
    let rig = Rig::new(3).await;
    let path = "/v1/campaigns/first/accruals";
    let first = rig.get(path).await;
    let other = rig.new_key(&[Scope::ReadPublic]).await;
    let theirs = rig.get_with(path, &[("x-api-key", &other)]).await;
    assert_eq!(theirs.text, first.text);
    assert_ne!(theirs.headers["x-request-id"], first.headers["x-request-id"]);
    let stranger = rig.new_key(&[Scope::ReadWallet]).await;
    assert_eq!(rig.get_with(path, &[("x-api-key", &stranger)]).await.code(), "scope_missing");
    assert_eq!(rig.get_with(path, &[]).await.code(), "key_missing");
    next_block(&rig).await;
    let newer = rig.get(path).await.json();
    assert_eq!(newer["meta"]["as_of"]["block_number"], FIRST_BLOCK + 2);
    rig.rewind(FIRST_BLOCK + 1, 0).await;
    rig.api.book().refresh().await.unwrap();
    let older = rig.get(path).await.json();
    assert_eq!(
        older["meta"]["as_of"]["block_number"],
        FIRST_BLOCK + 1,
        "a block that left is not told again"
    );
    assert_eq!(older, first.json());
    let method = rig.send(Method::POST, path, &[("x-api-key", &rig.key)], None).await;
    assert_eq!((method.status.as_u16(), &method.headers["allow"]), (405, &"GET,HEAD".parse().unwrap()));
}
