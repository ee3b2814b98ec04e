//! Webhooks end to end: registered over the API, told by a sender, received by a real server on loopback.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use accrual_access::address_guard::AddressGuard;
use accrual_access::notice::{CampaignTold, Happening, Notice};
use accrual_api::Api;
use accrual_api::scope::Scope;
use accrual_api::webhooks::courier::{Courier, CourierError, Lookup};
use accrual_api::webhooks::sender::Sender;
use accrual_api::webhooks::watcher;
use accrual_rewards::unit::UnixSeconds;
use accrual_store::{NoticeRow, notices, record};
use axum::body::Body;
use axum::http::{Method, Request};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::receiver::Receiver;
use crate::rig::{Answer, Rig, START, added, campaign, event, time};

const PRIVATE: &str = "127.0.0.0/8";

async fn rig() -> Rig {
    let rig = Rig::told(|settings| settings.webhooks.guard = PRIVATE.parse().unwrap()).await;
    rig.fill(2).await;
    rig
}

async fn call(rig: &Rig, method: Method, path: &str, body: Option<Value>) -> Answer {
    call_with(rig, &rig.key, method, path, &[], body).await
}

async fn call_with(
    rig: &Rig,
    key: &str,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: Option<Value>,
) -> Answer {
    let mut request = Request::builder().method(method).uri(path).header("x-api-key", key);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
    rig.ask(request.body(body).unwrap()).await
}

/// Registers `url` for `events`: its path and its secret.
async fn register(rig: &Rig, url: &str, events: &[&str]) -> (String, String) {
    let answer = call(rig, Method::POST, "/v1/webhooks", Some(json!({"url": url, "events": events}))).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    assert_eq!(answer.headers["cache-control"], "no-store");
    let body = answer.json();
    let path = format!("/v1/webhooks/{}", body["data"]["id"].as_str().unwrap());
    assert_eq!(answer.headers["location"], path);
    (path, body["secret"].as_str().unwrap().to_owned())
}

fn sender(api: &Api) -> Sender {
    Sender::new(api.clone(), Courier::new(PRIVATE.parse().unwrap()).unwrap())
}

async fn send(sender: &mut Sender) -> usize {
    let started = sender.round().await.unwrap();
    sender.settle().await;
    started
}

fn ended(campaign: &str, at: u64) -> NoticeRow {
    let (starts_at, ends_at) = (UnixSeconds(START), UnixSeconds(at));
    let told = CampaignTold { campaign: campaign.into(), pool: "p".into(), starts_at, ends_at };
    Notice::new(&Happening::CampaignEnded(told), ends_at).into()
}

/// A key of another client.
async fn stranger(rig: &Rig) -> String {
    rig.issue("stranger", &[Scope::Webhooks]).await.reveal().expose_secret().to_owned()
}

#[tokio::test]
async fn a_message_arrives_signed_and_its_history_says_so() {
    let (rig, receiver) = (rig().await, Receiver::start(&[]).await);
    let (path, secret) = register(&rig, &receiver.url(), &["campaign.ended"]).await;
    notices::post_now(&rig.db, &[ended("first", START + 10)]).await.unwrap();
    let mut sender = sender(&rig.api);
    assert_eq!((send(&mut sender).await, send(&mut sender).await), (1, 0));

    let received = receiver.received();
    assert_eq!(received.len(), 1);
    let message = &received[0];
    assert_eq!(message.header("webhook-id"), format!("campaign.ended:first:{}", START + 10));
    assert_eq!(message.header("webhook-timestamp"), (START + 12).to_string());
    assert_eq!(message.header("content-type"), "application/json");
    assert_eq!(message.signed_by(&[&secret]), 1);
    assert_eq!(message.json()["type"], "campaign.ended");
    assert_eq!(message.json()["data"]["campaign"], "first");

    let history = call(&rig, Method::GET, &format!("{path}/deliveries"), None).await.json();
    let row = &history["data"][0];
    assert_eq!((row["state"].as_str(), row["attempts"].as_u64()), (Some("delivered"), Some(1)));
    assert_eq!((row["last_status"].as_u64(), &row["next_attempt_at"]), (Some(204), &Value::Null));
    assert_eq!(row["type"], "campaign.ended");
}

#[tokio::test]
async fn several_servers_send_each_message_once() {
    let (rig, receiver) = (rig().await, Receiver::start(&[]).await);
    register(&rig, &receiver.url(), &["campaign.ended"]).await;
    let many: Vec<NoticeRow> = (0..6).map(|n| ended(&format!("c{n}"), START + n)).collect();
    notices::post_now(&rig.db, &many).await.unwrap();
    let (mut a, mut b, mut c) = (sender(&rig.api), sender(&rig.api), sender(&rig.api));
    let mut started = 0;
    for _ in 0..6 {
        let (one, two, three) = tokio::join!(send(&mut a), send(&mut b), send(&mut c));
        started += one + two + three;
    }
    let mut ids: Vec<String> =
        receiver.received().iter().map(|message| message.header("webhook-id").to_owned()).collect();
    ids.sort();
    ids.dedup();
    assert_eq!((started, ids.len(), receiver.received().len()), (6, 6, 6));
}

#[tokio::test]
async fn what_fails_is_tried_again_later_under_the_same_name() {
    let (rig, receiver) = (rig().await, Receiver::start(&[500, 302]).await);
    let (path, secret) = register(&rig, &receiver.url(), &["campaign.ended"]).await;
    notices::post_now(&rig.db, &[ended("first", START + 10)]).await.unwrap();
    let mut sender = sender(&rig.api);
    let last = async || {
        let history = call(&rig, Method::GET, &format!("{path}/deliveries"), None).await.json();
        let row = &history["data"][0];
        (row["state"].as_str().unwrap().to_owned(), row["last_error"].as_str().map(str::to_owned))
    };
    let pending = |error: &str| ("pending".to_owned(), Some(error.to_owned()));
    assert_eq!(send(&mut sender).await, 1);
    assert_eq!(last().await, pending("answered 500"));
    rig.set_now(START + 15);
    assert_eq!(send(&mut sender).await, 0, "five seconds, a tenth less at most, are not over");
    rig.set_now(START + 18);
    assert_eq!(send(&mut sender).await, 1);
    assert_eq!(last().await, pending("answered 302, and redirects are not followed"));
    assert_eq!(receiver.received().len(), 2, "nobody went elsewhere");
    rig.set_now(START + 18 + 67);
    assert_eq!(send(&mut sender).await, 1);
    assert_eq!(last().await, ("delivered".to_owned(), None));

    let received = receiver.received();
    let ids: Vec<&str> = received.iter().map(|message| message.header("webhook-id")).collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    let times: Vec<&str> = received.iter().map(|message| message.header("webhook-timestamp")).collect();
    assert_eq!(times, [START + 12, START + 18, START + 85].map(|at| at.to_string()));
    assert!(received.iter().all(|message| message.signed_by(&[&secret]) == 1));
}

#[tokio::test]
async fn after_ten_tries_in_three_days_it_is_given_up() {
    let (rig, receiver) = (rig().await, Receiver::start(&[503; 20]).await);
    let (path, _) = register(&rig, &receiver.url(), &["campaign.ended"]).await;
    notices::post_now(&rig.db, &[ended("first", START + 10)]).await.unwrap();
    let mut sender = sender(&rig.api);
    let mut now = START + 12;
    while now < START + 4 * 86_400 {
        rig.set_now(now);
        send(&mut sender).await;
        now += if now < START + 1_000 { 1 } else { 600 };
    }
    assert_eq!(receiver.received().len(), 10);
    let history = call(&rig, Method::GET, &format!("{path}/deliveries"), None).await.json();
    let row = &history["data"][0];
    assert_eq!((row["state"].as_str(), row["attempts"].as_u64()), (Some("failed"), Some(10)));
    assert_eq!(row["last_status"], 503);
}

#[tokio::test]
async fn gone_is_taken_at_its_word() {
    let (rig, receiver) = (rig().await, Receiver::start(&[410]).await);
    let (path, _) = register(&rig, &receiver.url(), &["campaign.ended"]).await;
    notices::post_now(&rig.db, &[ended("first", START + 10)]).await.unwrap();
    let mut sender = sender(&rig.api);
    assert_eq!(send(&mut sender).await, 1);
    assert_eq!(call(&rig, Method::GET, &path, None).await.json()["data"]["state"], "disabled");
    notices::post_now(&rig.db, &[ended("second", START + 11)]).await.unwrap();
    assert_eq!(send(&mut sender).await, 0);
    let back = call(&rig, Method::PATCH, &path, Some(json!({"state": "active"}))).await;
    assert_eq!(back.json()["data"]["state"], "active", "{}", back.text);
    notices::post_now(&rig.db, &[ended("third", START + 12)]).await.unwrap();
    assert_eq!(send(&mut sender).await, 1);
    assert_eq!(receiver.received().len(), 2);
}

#[tokio::test]
async fn a_secret_rotates_with_both_signing_in_between() {
    let (rig, receiver) = (rig().await, Receiver::start(&[]).await);
    let (path, first) = register(&rig, &receiver.url(), &["campaign.ended"]).await;
    let rotate = format!("{path}/rotate_secret");
    let mut sender = sender(&rig.api);
    let mut next = 0;
    let mut signatures = async |at: u64, secrets: &[&str]| {
        rig.set_now(at);
        next += 1;
        notices::post_now(&rig.db, &[ended(&format!("c{next}"), at)]).await.unwrap();
        assert_eq!(send(&mut sender).await, 1);
        let message = receiver.received().pop().unwrap();
        (message.header("webhook-signature").split(' ').count(), message.signed_by(secrets))
    };
    let start = START + 20;
    assert_eq!(signatures(start, &[&first]).await, (1, 1));
    let answer = call(&rig, Method::POST, &rotate, None).await;
    assert_eq!(
        (answer.status.as_u16(), &answer.headers["cache-control"]),
        (200, &"no-store".parse().unwrap())
    );
    let body = answer.json();
    let second = body["secret"].as_str().unwrap().to_owned();
    assert_eq!(body["data"]["previous_secret_ends_at"], "2025-06-05T01:20:20Z", "24 hours");
    assert_eq!(signatures(start + 86_399, &[&first, &second]).await, (2, 2));
    let again = call(&rig, Method::POST, &rotate, Some(json!({"overlap_seconds": 60}))).await;
    assert_eq!((again.status.as_u16(), again.code().as_str()), (409, "rotation_open"));
    assert_eq!(signatures(start + 86_400, &[&first]).await, (1, 0), "the old one ended to the second");
    assert_eq!(signatures(start + 86_401, &[&second]).await, (1, 1));

    call(&rig, Method::POST, &rotate, Some(json!({"overlap_seconds": 60}))).await;
    let leaked = call(&rig, Method::POST, &rotate, Some(json!({"overlap_seconds": 0}))).await.json();
    let third = leaked["secret"].as_str().unwrap().to_owned();
    assert_eq!(leaked["data"]["secret_generation"], 4);
    assert_eq!(signatures(start + 86_402, &[&first, &second, &third]).await, (1, 1), "only the newest");
    let long = call(&rig, Method::POST, &rotate, Some(json!({"overlap_seconds": 2_592_001}))).await;
    assert_eq!((long.status.as_u16(), long.code().as_str()), (400, "bad_body"));
}

#[tokio::test]
async fn no_secret_is_stored() {
    let rig = rig().await;
    let (path, secret) = register(&rig, "https://hooks.example/", &["campaign.ended"]).await;
    let shown = call(&rig, Method::GET, &path, None).await.text;
    let row = accrual_store::webhooks::list(&rig.db, None).await.unwrap();
    for text in [shown, format!("{row:?}")] {
        assert!(!text.contains("whsec_") && !text.contains(&secret[6..]), "{text}");
    }
}

#[tokio::test]
async fn each_client_has_its_own_and_edits_notice_each_other() {
    let rig = rig().await;
    let (path, _) = register(&rig, "https://hooks.example/a", &["campaign.ended", "usage.80"]).await;
    let other = stranger(&rig).await;
    let cases = [
        (Method::GET, ""),
        (Method::PATCH, ""),
        (Method::DELETE, ""),
        (Method::POST, "/rotate_secret"),
        (Method::POST, "/test"),
        (Method::GET, "/deliveries"),
    ];
    for (method, rest) in cases.clone() {
        let answer =
            call_with(&rig, &other, method.clone(), &format!("{path}{rest}"), &[], Some(json!({}))).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (404, "not_found"), "{method} {rest}");
    }
    let listed = call_with(&rig, &other, Method::GET, "/v1/webhooks", &[], None).await.json();
    assert_eq!(listed["data"], json!([]));
    let less = rig.issue("tests-0", &[Scope::Webhooks]).await.reveal().expose_secret().to_owned();
    for (method, rest) in cases {
        let path = format!("{path}{rest}");
        let answer = call_with(&rig, &less, method.clone(), &path, &[], Some(json!({}))).await;
        assert_eq!(answer.code(), "scope_missing", "{method} {rest}: it tells of every client");
    }
    let reader = rig.new_key(&[Scope::ReadPublic, Scope::Admin]).await;
    assert_eq!(call_with(&rig, &reader, Method::GET, "/v1/webhooks", &[], None).await.status, 403);

    let seen = call(&rig, Method::GET, &path, None).await;
    assert_eq!(seen.headers["etag"], "\"1\"");
    let edit = async |tag: &str, body| {
        call_with(&rig, &rig.key, Method::PATCH, &path, &[("if-match", tag)], Some(body)).await
    };
    let edited = edit("\"1\"", json!({"note": "pager", "events": ["usage.100"]})).await;
    assert_eq!((edited.status.as_u16(), &edited.headers["etag"]), (200, &"\"2\"".parse().unwrap()));
    assert_eq!(edited.json()["data"]["events"], json!(["usage.100"]));
    let late = edit("\"1\"", json!({"note": "late"})).await;
    assert_eq!((late.status.as_u16(), late.code().as_str()), (412, "precondition_failed"));
    assert_eq!(edit("*", json!({"state": "paused"})).await.status, 200);
    assert_eq!(edit("\"9\", \"3\"", json!({"state": "active"})).await.status, 200);
    let delete = async |tag: &str| {
        call_with(&rig, &rig.key, Method::DELETE, &path, &[("if-match", tag)], None).await.status
    };
    assert_eq!((delete("\"1\"").await.as_u16(), delete("\"4\"").await.as_u16()), (412, 204));
    assert_eq!(call(&rig, Method::GET, &path, None).await.status, 404);
}

#[tokio::test]
async fn what_cannot_be_registered() {
    let rig = rig().await;
    let events = json!(["usage.80"]);
    let cases = [
        (json!({"url": "https://10.0.0.1/", "events": events}), "url"),
        (json!({"url": "https://169.254.169.254/", "events": events}), "url"),
        (json!({"url": "http://hooks.example/", "events": events}), "url"),
        (json!({"url": "https://me:pw@hooks.example/", "events": events}), "url"),
        (json!({"url": "https://hooks.example/", "events": []}), "events"),
        (json!({"url": "https://hooks.example/", "events": ["key.made"]}), "events"),
        (json!({"url": "https://hooks.example/", "events": ["webhook.test"]}), "events"),
        (json!({"url": "https://hooks.example/", "events": events, "note": rig.key}), "note"),
        (json!({"url": "https://hooks.example/", "events": events, "note": "a".repeat(501)}), "note"),
        (json!({"url": "https://hooks.example/", "events": events, "secret": "mine"}), "body"),
        (json!({"events": events}), "body"),
        (json!([]), "body"),
    ];
    for (body, field) in cases {
        let answer = call(&rig, Method::POST, "/v1/webhooks", Some(body.clone())).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (400, "bad_body"), "{body}");
        assert_eq!(answer.json()["errors"][0]["parameter"], field, "{body}: {}", answer.text);
        assert!(!answer.text.contains(&rig.key[22..]), "{}", answer.text);
    }
    for _ in 0..20 {
        register(&rig, "https://hooks.example/", &["usage.80"]).await;
    }
    let body = json!({"url": "https://hooks.example/", "events": events});
    let answer = call(&rig, Method::POST, "/v1/webhooks", Some(body)).await;
    assert!(answer.text.contains("at most 20"), "{}", answer.text);
}

#[tokio::test]
async fn a_trial_goes_to_one_webhook_only() {
    let (rig, receiver) = (rig().await, Receiver::start(&[]).await);
    let (path, secret) = register(&rig, &receiver.url(), &["usage.80"]).await;
    register(&rig, &receiver.url(), &["usage.80"]).await;
    let answer = call(&rig, Method::POST, &format!("{path}/test"), None).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["data"]["state"]), (202, &json!("pending")));
    assert_eq!(send(&mut sender(&rig.api)).await, 1);
    let received = receiver.received();
    assert_eq!(received.len(), 1);
    assert_eq!(received[0].json()["type"], "webhook.test");
    assert_eq!(received[0].signed_by(&[&secret]), 1);
}

#[tokio::test]
async fn a_name_that_leads_inside_is_refused_each_time_it_does() {
    let rig = Rig::told(|settings| settings.webhooks.guard = "8.8.8.8".parse().unwrap()).await;
    rig.fill(1).await;
    let receiver = Receiver::start(&[]).await;
    let url = format!("https://rebinds.example:{}/hook", receiver.port);
    let (path, _) = register(&rig, &url, &["campaign.ended"]).await;
    notices::post_now(&rig.db, &[ended("first", START + 10)]).await.unwrap();
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let lookup: Lookup = Arc::new(move |_| {
        let count = Arc::clone(&count);
        Box::pin(async move {
            count.fetch_add(1, Ordering::SeqCst);
            // One good address beside a bad one helps nobody.
            Ok(["8.8.8.8", "127.0.0.1"].map(|text| text.parse::<IpAddr>().unwrap()).to_vec())
        })
    });
    let courier = Courier::resolving_by(AddressGuard::default(), lookup).unwrap();
    let mut sender = Sender::new(rig.api.clone(), courier);
    for (tries, now) in [(1, START + 12), (2, START + 30)] {
        rig.set_now(now);
        assert_eq!(send(&mut sender).await, 1);
        assert_eq!(asked.load(Ordering::SeqCst), tries, "the name is asked for anew");
        let history = call(&rig, Method::GET, &format!("{path}/deliveries"), None).await.json();
        let error = history["data"][0]["last_error"].as_str().unwrap().to_owned();
        assert!(error.starts_with("the name resolves to 127.0.0.1 is this machine itself"), "{error}");
    }
    assert!(receiver.received().is_empty());
}

#[tokio::test]
async fn the_address_that_was_checked_is_the_one_connected_to() {
    let (rig, receiver) = (rig().await, Receiver::start(&[]).await);
    // The system knows no such name: only our own resolver can have led there.
    let guard: AddressGuard = "hooks.accrual.invalid".parse().unwrap();
    let lookup: Lookup = Arc::new(|_| Box::pin(async { Ok(vec!["127.0.0.1".parse().unwrap()]) }));
    let courier = Courier::resolving_by(guard, lookup).unwrap();
    let url = format!("http://hooks.accrual.invalid:{}/hook", receiver.port);
    let message =
        accrual_access::webhook::Message { id: "m", at: rig.api.settings().clock.now(), body: b"{}" };
    assert_eq!(courier.post(&url, &message, &[]).await, Ok(204));
    assert_eq!(receiver.received()[0].header("host"), format!("hooks.accrual.invalid:{}", receiver.port));
}

#[tokio::test]
async fn campaigns_and_the_source_are_watched() {
    let rig = rig().await;
    let look = async || watcher::look(&rig.api).await.unwrap();
    // Block 101 is two seconds after the campaign's start; it is 10 seconds old.
    assert_eq!(look().await, 1, "it has started");
    assert_eq!(look().await, 0, "once");
    rig.set_now(START + 2 + 61);
    assert_eq!(look().await, 1, "the newest block is older than promised");
    rig.set_now(START + 3_000);
    assert_eq!(look().await, 0, "not again within an hour");
    assert!(campaign().window.ends_at.0 < START + 3_000);
    rig.extend(Some((101, 0)), 100 + 500, 0, &[]).await;
    rig.api.book().refresh().await.unwrap();
    rig.set_now(START + 1_001);
    assert_eq!(look().await, 1, "the pool has reached the campaign's end");
    assert_eq!(look().await, 0);
}

#[tokio::test]
async fn an_extension_is_noticed_by_the_first_server_that_reads_it() {
    let (rig, receiver) = (rig().await, Receiver::start(&[]).await);
    register(&rig, &receiver.url(), &["campaign.extended"]).await;
    watcher::look(&rig.api).await.unwrap();
    let with_end = |ends_at: u64| {
        let mut settings = crate::rig::settings(Arc::clone(&rig.now));
        settings.campaigns[0].window.ends_at = UnixSeconds(ends_at);
        Api::new(rig.db.clone(), settings).unwrap()
    };
    let (a, b) = (with_end(START + 2_000), with_end(START + 2_000));
    let (one, two) = tokio::join!(watcher::look(&a), watcher::look(&b));
    assert_eq!(one.unwrap() + two.unwrap(), 1, "two servers, one notice");
    assert_eq!(watcher::look(&rig.api).await.unwrap(), 0, "a server with the old file says nothing");
    assert_eq!(watcher::look(&a).await.unwrap(), 0);
    send(&mut sender(&rig.api)).await;
    let data = receiver.received()[0].json()["data"].clone();
    assert_eq!(data["previous_ends_at"], "2025-06-04T01:36:40Z");
    assert_eq!(data["ends_at"], "2025-06-04T01:53:20Z");
}

#[tokio::test]
async fn a_rate_far_from_its_mean_is_told_once_a_day() {
    let cases = [(25, true), (60, false), (0, false)];
    for (apr_moved_percent, is_told) in cases {
        let rig = Rig::told(|settings| {
            settings.campaigns[0].window.ends_at = UnixSeconds(START + 5 * 86_400);
            settings.webhooks.guard = PRIVATE.parse().unwrap();
            settings.webhooks.apr_moved_percent = apr_moved_percent;
            settings.stale_after_seconds = 86_400;
        })
        .await;
        rig.fill(2).await;
        let receiver = Receiver::start(&[]).await;
        register(&rig, &receiver.url(), &["pool.apr_moved"]).await;
        let campaigns = rig.api.book().campaigns().to_vec();
        // A block is two seconds: 30 hours later, half an hour into one.
        let last = 100 + 1_800 * 30;
        let mut stands = 101;
        let mut grow = async |by: u64, events: &[accrual_rewards::event::PlacedEvent]| {
            rig.extend(Some((stands, 0)), stands + by, 0, events).await;
            stands += by;
            record::rewrite(&rig.db, &crate::rig::pool(), &campaigns).await.unwrap();
            rig.api.book().refresh().await.unwrap();
            rig.set_now(time(stands));
        };
        grow(22 * 1_800, &[]).await;
        assert_eq!(watcher::look(&rig.api).await.unwrap(), 1, "it started, and no day is known");
        grow(last - 101 - 22 * 1_800, &[]).await;
        assert_eq!(watcher::look(&rig.api).await.unwrap(), 0, "it has not moved");
        // As much liquidity again: half the rate.
        grow(5, &[event(last + 5, 0, added(9, 3_000_000_000))]).await;
        assert_eq!(watcher::look(&rig.api).await.unwrap(), usize::from(is_told), "{apr_moved_percent}");
        grow(1_800, &[]).await;
        assert_eq!(watcher::look(&rig.api).await.unwrap(), 0, "not again within a day");
        send(&mut sender(&rig.api)).await;
        let told: Vec<Value> = receiver.received().iter().map(|one| one.json()["data"].clone()).collect();
        assert_eq!(told.len(), usize::from(is_told));
        if is_told {
            assert_eq!(told[0]["moved_percent"].as_str().unwrap()[..3], *"-50", "{told:?}");
            assert_eq!((&told[0]["campaign"], &told[0]["window_seconds"]), (&json!("first"), &json!(86_400)));
        }
    }
}

#[tokio::test]
async fn a_receiver_has_fifteen_seconds() {
    let rig = rig().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let courier = Courier::new(PRIVATE.parse().unwrap()).unwrap();
    let at = rig.api.settings().clock.now();
    let posting = tokio::spawn(async move {
        let message = accrual_access::webhook::Message { id: "m", at, body: b"{}" };
        courier.post(&url, &message, &[]).await
    });
    // Taken, and never answered.
    let (_held, _) = listener.accept().await.unwrap();
    tokio::time::pause();
    tokio::time::advance(std::time::Duration::from_millis(14_500)).await;
    assert!(!posting.is_finished());
    tokio::time::advance(std::time::Duration::from_millis(600)).await;
    assert_eq!(posting.await.unwrap(), Err(CourierError::Timeout));
}

#[tokio::test]
async fn nobody_listens() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/token-in-the-path", listener.local_addr().unwrap());
    drop(listener);
    let courier = Courier::new(PRIVATE.parse().unwrap()).unwrap();
    let message = accrual_access::webhook::Message { id: "m", at: UnixSeconds(START), body: b"{}" };
    let error = courier.post(&url, &message, &[]).await.unwrap_err();
    assert_eq!(error, CourierError::Connect);
    assert!(!error.to_string().contains("token"), "{error}");
}
