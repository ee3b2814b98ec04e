//! Reading from a stand-in that speaks the published shapes: pages, pace, patience, and refusals that say what is wrong.

#![allow(clippy::unwrap_used, reason = "helpers of tests stop the test")]

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use accrual_merkl::{Also, Http, MerklError, Pace, Reader, Source};
use accrual_rewards::reconcile::Teller;
use accrual_rewards::unit::{Amount, UnixSeconds};
use alloy_primitives::{Address, B256, U256};
use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use tokio::net::TcpListener;

const CAMPAIGN: B256 = B256::repeat_byte(0xca);

/// Answers each request by a function of how many came before, and its path with query.
type Answers = Arc<dyn Fn(usize, &str) -> Response + Send + Sync>;

/// When it came, what it asked for, and with which key.
type Asked = (Instant, String, Option<String>);

#[derive(Clone)]
struct StandIn {
    answers: Answers,
    asked: Arc<Mutex<Vec<Asked>>>,
}

async fn answer(State(stand_in): State<StandIn>, request: Request) -> Response {
    let path = request.uri().to_string();
    let key = request.headers().get("x-api-key").map(|value| value.to_str().unwrap().to_owned());
    let before = {
        let mut asked = stand_in.asked.lock().unwrap();
        asked.push((Instant::now(), path.clone(), key));
        asked.len() - 1
    };
    (stand_in.answers)(before, &path)
}

/// Its base URL.
async fn serve(answers: impl Fn(usize, &str) -> Response + Send + Sync + 'static) -> (String, StandIn) {
    let stand_in = StandIn { answers: Arc::new(answers), asked: Arc::default() };
    let router = Router::new().fallback(answer).with_state(stand_in.clone());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (url, stand_in)
}

fn quick() -> Pace {
    Pace { requests_per_second: 1_000, attempts_max: 3, pause: Duration::from_millis(1), ..Pace::default() }
}

fn reader(url: &str) -> Reader<Http> {
    Reader::new(Http::new(url, None, quick()).unwrap(), 8453)
}

fn campaign(computed_until: &str) -> String {
    format!(
        r#"{{ "id": "12873", "computeChainId": 8453, "distributionChainId": 8453, "campaignId": "{CAMPAIGN}",
            "type": "CLAMM", "amount": "1000", "startTimestamp": "100", "endTimestamp": 900,
            "creatorAddress": "{zero}", "params": {{ "poolAddress": "{zero}", "blacklist": null, "whitelist": ["{one}"],
            "weightFees": 4000, "forwarders": [] }}, "rewardToken": {{ "id": "1", "name": "T", "chainId": 8453,
            "address": "{one}", "decimals": 18, "symbol": "T", "icon": "", "price": 0.5 }},
            "campaignStatus": {{ "campaignId": "1", "computedUntil": {computed_until}, "status": "SUCCESS" }},
            "chain": {{}}, "createdAt": "1" }}"#,
        zero = Address::ZERO,
        one = Address::with_last_byte(1),
    )
}

fn rewards(from: usize, to: usize) -> String {
    let row = |place: usize| {
        let account = Address::from_word(B256::from(U256::from(place + 1)));
        format!(
            r#"{{ "recipient": "{account}", "campaignId": "1", "reason": "UniswapV3", "rewardTokenAddress": "{account}",
                "amount": "{place}", "claimed": "0", "pending": "2" }}"#
        )
    };
    format!("[{}]", (from..to).map(row).collect::<Vec<_>>().join(","))
}

/// A whole campaign of `rows` rows.
fn whole(rows: usize) -> impl Fn(usize, &str) -> Response + Send + Sync + 'static {
    move |_, path| {
        let number = |name: &str| -> usize {
            let rest = path.split_once(&format!("{name}=")).unwrap().1;
            rest.split('&').next().unwrap().parse().unwrap()
        };
        if path.starts_with("/v4/campaigns?") {
            return format!("[{}]", campaign("800")).into_response();
        }
        if path == "/v4/campaigns/12873" {
            return campaign("\"800\"").into_response();
        }
        assert!(path.starts_with(&format!("/v4/rewards?chainId=8453&campaignId={CAMPAIGN}&")), "{path}");
        let (page, items) = (number("page"), number("items"));
        rewards((page * items).min(rows), ((page + 1) * items).min(rows)).into_response()
    }
}

#[tokio::test]
async fn every_page_is_read_as_of_one_instant() {
    for rows in [0, 1, 99, 100, 101, 250] {
        let (url, stand_in) = serve(whole(rows)).await;
        let read = reader(&url).read(CAMPAIGN).await.unwrap();
        assert_eq!(read.theirs.computed_until, UnixSeconds(800));
        assert_eq!(read.theirs.accounts.len(), rows);
        let sum: usize = (0..rows).map(|place| place + 2).sum();
        assert_eq!(read.theirs.paid, Amount(U256::from(sum)), "in the root and pending");
        assert_eq!(read.theirs.budget, Some(Amount(U256::from(1000))));
        assert_eq!(read.theirs.whitelist.len(), 1);
        assert_eq!(read.campaign.params.weight_fees, Some(4000));
        assert_eq!(stand_in.asked.lock().unwrap().len(), 2 + rows / 100 + 1, "{rows}");
    }
}

#[tokio::test]
async fn what_moved_meanwhile_is_not_taken() {
    let (url, _) = serve(|before, path| {
        if path.starts_with("/v4/rewards") {
            rewards(0, 3).into_response()
        } else if before == 0 {
            format!("[{}]", campaign("800")).into_response()
        } else {
            campaign("807").into_response()
        }
    })
    .await;
    let error = reader(&url).read(CAMPAIGN).await.unwrap_err();
    assert!(matches!(error, MerklError::Moved { .. }), "{error}");

    let twice = |path: &str| {
        if path.contains("page=0") { rewards(0, 100) } else { rewards(99, 120) }
    };
    let (url, _) = serve(move |_, path| {
        if path.starts_with("/v4/rewards") {
            twice(path).into_response()
        } else if path.contains('?') {
            format!("[{}]", campaign("800")).into_response()
        } else {
            campaign("800").into_response()
        }
    })
    .await;
    let error = reader(&url).read(CAMPAIGN).await.unwrap_err();
    assert!(matches!(error, MerklError::Moved { .. }), "a row that slid to the next page: {error}");
}

#[tokio::test]
async fn no_faster_than_allowed() {
    let (url, stand_in) = serve(|_, _| "[]".into_response()).await;
    let http =
        Http::new(&url, Some("secret".to_owned()), Pace { requests_per_second: 20, ..quick() }).unwrap();
    let begun = Instant::now();
    for _ in 0..6 {
        assert_eq!(http.get("/v4/x").await.unwrap().status, 200);
    }
    let asked = stand_in.asked.lock().unwrap();
    assert!(asked.iter().all(|(_, _, key)| key.as_deref() == Some("secret")));
    // However late one comes, none can be early.
    let all = asked.last().unwrap().0 - begun;
    assert!(all >= Duration::from_millis(245), "6 requests at 20 a second came within {all:?}");
}

#[tokio::test]
async fn patience_has_an_end_and_keeps_to_what_is_asked() {
    let (url, stand_in) = serve(|before, _| match before {
        0 => StatusCode::BAD_GATEWAY.into_response(),
        1 => (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "1")]).into_response(),
        _ => "[]".into_response(),
    })
    .await;
    assert_eq!(Http::new(&url, None, quick()).unwrap().get("/v4/x").await.unwrap().body, "[]");
    let asked = stand_in.asked.lock().unwrap().clone();
    assert!(asked[2].0 - asked[1].0 >= Duration::from_millis(990), "a second was asked for");

    let (url, stand_in) = serve(|_, _| StatusCode::SERVICE_UNAVAILABLE.into_response()).await;
    let error = Http::new(&url, None, quick()).unwrap().get("/v4/x").await.unwrap_err().to_string();
    assert!(error.contains("/v4/x was not answered in 3 attempts: status 503"), "{error}");
    assert_eq!(stand_in.asked.lock().unwrap().len(), 3);

    let later =
        |_: usize, _: &str| (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "3600")]).into_response();
    let (url, stand_in) = serve(later).await;
    let error = Http::new(&url, None, quick()).unwrap().get("/v4/x").await.unwrap_err().to_string();
    assert!(error.contains("come back in 3600 s"), "{error}");
    assert_eq!(stand_in.asked.lock().unwrap().len(), 1, "nobody waits for an hour");
}

#[tokio::test]
async fn each_refusal_is_a_sentence() {
    let big = "x".repeat((8 << 20) + 1);
    let cases: [(&str, Response, &str); 7] = [
        ("unknown", "[]".into_response(), "they know no campaign 0xcaca"),
        ("not found", (StatusCode::NOT_FOUND, "no\u{7}pe").into_response(), "refused with status 404: nope"),
        ("a page of HTML", "<html>".into_response(), "is not what Merkl's API says: expected value"),
        (
            "an amount that is none",
            format!("[{}]", campaign("800").replace("\"1000\"", "\"1e3\"")).into_response(),
            "whole number",
        ),
        ("not computed", format!("[{}]", campaign("null")).into_response(), "computed nothing of campaign"),
        (
            "a time that is none",
            format!("[{}]", campaign("\"soon\"")).into_response(),
            "no whole number of seconds",
        ),
        ("too long", big.into_response(), "longer than 8388608 bytes"),
    ];
    for (name, response, expected) in cases {
        let response = Mutex::new(Some(response));
        let (url, _) = serve(move |_, _| response.lock().unwrap().take().unwrap()).await;
        let error = reader(&url).read(CAMPAIGN).await.unwrap_err().to_string();
        assert!(error.contains(expected), "{name}: {error}");
    }
    for url in ["api.merkl.xyz", "ftp://a", "http://a/?x=1", "http://"] {
        let error = Http::new(url, None, Pace::default()).unwrap_err().to_string();
        assert!(error.contains("is no base URL of Merkl's API"), "{url}: {error}");
    }
}

#[tokio::test]
async fn users_roots_and_lists() {
    let root = B256::repeat_byte(9);
    let (url, _) = serve(move |_, path| {
        if path.starts_with("/v4/users/") {
            format!(
                r#"[{{ "chain": {{ "id": 8453 }}, "rewards": [{{ "root": "{root}", "recipient": "{zero}", "proofs": [],
                    "token": {{}}, "amount": "7", "claimed": "1", "pending": "2", "breakdowns": [
                    {{ "reason": "a", "amount": "5", "claimed": "1", "pending": "2", "campaignId": "{CAMPAIGN}" }},
                    {{ "reason": "b", "amount": "2", "claimed": "0", "pending": "0", "campaignId": "{root}" }} ] }}] }}]"#,
                zero = Address::ZERO
            )
        } else if path == "/v4/roots/live" {
            format!(
                r#"{{ "8453": {{ "live": "{root}", "tree": "{root}", "lastTree": "{root}", "endOfDisputePeriod": "55" }},
                    "1": {{ "live": "{root}", "tree": "{root}", "lastTree": "{root}", "endOfDisputePeriod": 5 }} }}"#
            )
        } else {
            format!(r#"[{{ "root": "{root}", "chainId": 8453, "epoch": 480000, "timestamp": "1728000000", "isLatest": true }}]"#)
        }
        .into_response()
    })
    .await;
    let reader = reader(&url);
    let user = reader.user(Address::ZERO, CAMPAIGN).await.unwrap();
    assert_eq!(user.len(), 1, "of this campaign alone");
    assert_eq!((user[0].amount, user[0].pending), (Amount(U256::from(5)), Amount(U256::from(2))));
    assert_eq!(reader.live_roots().await.unwrap().unwrap().end_of_dispute_period, 55);
    assert_eq!(reader.roots(UnixSeconds(1), UnixSeconds(2)).await.unwrap()[0].epoch, 480_000);
}

/// Another accrual of `rows` accounts, whose lines are as of what `instant` says of a page, and whose campaign is later already.
fn another(
    rows: usize,
    instant: fn(usize) -> u64,
) -> impl Fn(usize, &str) -> Response + Send + Sync + 'static {
    move |_, path| {
        let as_of = |timestamp: u64| {
            format!(r#""accrual": {{ "as_of": {{ "block_number": 1, "timestamp": {timestamp} }} }}, "chain""#)
        };
        let told = campaign("700").replacen(r#""chain""#, &as_of(999), 1);
        if path.starts_with("/v4/campaigns?") {
            return format!("[{told}]").into_response();
        }
        if path == "/v4/campaigns/12873" {
            return told.into_response();
        }
        assert!(path.starts_with("/v4/rewards?"), "{path}: no page of an account's is asked for");
        let page: usize = path.split_once("page=").unwrap().1.parse().unwrap();
        let row = |place: usize| {
            let account = Address::from_word(B256::from(U256::from(place + 1)));
            format!(
                r#"{{ "recipient": "{account}", "reason": "uniswap_v3", "amount": "3", "claimed": null, "pending": null,
                    "accrual": {{ "campaign": "x", "earned_units": "10", "as_of": {{ "timestamp": {} }} }} }}"#,
                instant(page)
            )
        };
        let rows = (page * 100).min(rows)..((page + 1) * 100).min(rows);
        format!("[{}]", rows.map(row).collect::<Vec<_>>().join(",")).into_response()
    }
}

#[tokio::test]
async fn another_accrual_is_read_as_of_the_block_that_its_lines_name() {
    let also = Also { users_max: 5, accounts: &[], roots: false };
    let (url, _) = serve(another(150, |_| 800)).await;
    let read = reader(&url).read_also(CAMPAIGN, also).await.unwrap();
    assert_eq!(read.teller(), Teller::Accrual);
    assert_eq!(
        read.theirs.computed_until,
        UnixSeconds(800),
        "not its campaign's, which moved on, nor Merkl's"
    );
    assert_eq!(read.theirs.paid, Amount(U256::from(1_500)), "its own count, whatever Merkl credited");
    let (url, _) = serve(another(150, |page| 800 + u64::try_from(page).unwrap())).await;
    let error = reader(&url).read_also(CAMPAIGN, also).await.unwrap_err();
    assert!(matches!(error, MerklError::Moved { .. }), "a block came between its pages: {error}");
}

#[tokio::test]
async fn pages_of_accounts_are_read_to_their_end_and_a_refusal_is_noted() {
    let account = Address::from_word(B256::from(U256::from(100)));
    let page = move |from: usize, to: usize| {
        let part = |place: usize| {
            let id = if place == 0 { CAMPAIGN } else { B256::from(U256::from(place)) };
            format!(
                r#"{{ "reason": "a", "amount": "1", "claimed": "0", "pending": "1", "campaignId": "{id}" }}"#
            )
        };
        let parts: Vec<String> = (from..to).map(part).collect();
        format!(
            r#"[{{ "chain": {{ "id": 8453 }}, "rewards": [{{ "root": "0x1", "token": {{ "address": "{account}" }},
                "amount": "103", "claimed": "0", "pending": "103", "breakdowns": [{}] }}] }}]"#,
            parts.join(",")
        )
    };
    let list = whole(100);
    let (url, stand_in) = serve(move |before, path| {
        if !path.starts_with("/v4/users/") {
            return if path == "/v4/roots/live" {
                StatusCode::FORBIDDEN.into_response()
            } else {
                list(before, path)
            };
        }
        assert!(path.starts_with(&format!("/v4/users/{account}/")), "the largest: {path}");
        assert!(path.contains("reloadChainId=8453"), "{path}");
        if path.ends_with("breakdownPage=0") { page(0, 100) } else { page(100, 103) }.into_response()
    })
    .await;
    let also = Also { users_max: 1, accounts: &[], roots: true };
    let read = reader(&url).read_also(CAMPAIGN, also).await.unwrap();
    let user = &read.beside.users[0];
    assert_eq!((user.account, user.of_campaign), (account, Amount(U256::from(2))));
    assert_eq!(user.tokens.len(), 1, "both pages are of one token");
    assert_eq!(
        (user.tokens[0].total, user.tokens[0].parts),
        (Amount(U256::from(206)), Amount(U256::from(206)))
    );
    assert_eq!(read.beside.roots, None);
    assert_eq!(read.beside.not_told.len(), 1, "{:?}", read.beside.not_told);
    assert!(read.beside.not_told[0].contains("/v4/roots/live was refused with status 403"));
    assert_eq!(stand_in.asked.lock().unwrap().len(), 2 + 2 + 2 + 1, "campaign, list, page, roots, campaign");
}
