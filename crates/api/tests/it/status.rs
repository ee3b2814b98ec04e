//! How the service is and was, for everybody.

use accrual_api::app::MerklAsked;
use accrual_rewards::unit::{BlockNumber, UnixSeconds};
use accrual_store::nodes::{self, NodeRow};
use accrual_store::readings::{self, Reading};
use serde_json::{Value, json};

use crate::rig::{FIRST_BLOCK, Rig, time};

fn part<'a>(status: &'a Value, name: &str) -> &'a Value {
    status["components"].as_array().unwrap().iter().find(|part| part["component"] == name).unwrap()
}

async fn status(rig: &Rig) -> Value {
    let answer = rig.get_with("/status.json", &[]).await;
    assert_eq!(answer.status, 200, "no key is needed: {}", answer.text);
    answer.json()
}

#[tokio::test]
async fn each_part_says_how_it_is() {
    let rig = Rig::empty(None).await;
    let now = status(&rig).await;
    assert_eq!(now["status"], "degraded");
    assert_eq!(part(&now, "source")["state"], "down");
    assert_eq!(part(&now, "book")["reason"], "pool usdc-tmai has not been indexed up to any block yet");
    assert_eq!(now["history_since_at"], Value::Null, "nobody looked yet");

    let rig = Rig::new(1).await;
    rig.finalize(FIRST_BLOCK, FIRST_BLOCK).await;
    rig.set_now(time(FIRST_BLOCK + 1) + 3);
    rig.api.keys().refresh().await.unwrap();
    let now = status(&rig).await;
    assert_eq!(now["status"], "operational", "{now}");
    let names: Vec<&str> = now["components"]
        .as_array()
        .unwrap()
        .iter()
        .map(|part| part["component"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["api", "database", "source", "indexer", "book", "keys", "webhooks"]);
    for name in ["indexer", "book"] {
        assert_eq!(
            (&part(&now, name)["lag_blocks"], &part(&now, name)["lag_seconds"]),
            (&json!(0), &json!(3))
        );
    }

    // One look serves everybody for five seconds.
    rig.set_now(time(FIRST_BLOCK + 1) + 4);
    assert_eq!(status(&rig).await, now);
    rig.set_now(time(FIRST_BLOCK + 1) + 100);
    rig.api.keys().refresh().await.unwrap();
    let late = status(&rig).await;
    assert_eq!(late["status"], "degraded");
    assert_eq!(part(&late, "book")["reason"], "its newest block is 100 s old, 60 s are promised");
    assert_eq!(part(&late, "api")["state"], "degraded");

    // Changes to keys cannot be read for longer than the bound, and then nothing at all.
    rig.set_now(time(FIRST_BLOCK + 1) + 200);
    assert_eq!(part(&status(&rig).await, "keys")["state"], "degraded");
    rig.set_now(time(FIRST_BLOCK + 1) + 300);
    rig.db.clone().close().await;
    let broken = status(&rig).await;
    assert_eq!(
        (&part(&broken, "database")["state"], &broken["error_budget"]),
        (&json!("down"), &Value::Null)
    );
    assert_eq!(part(&broken, "indexer")["reason"], "the database, which knows of it, does not answer");
}

#[tokio::test]
async fn merkl_is_a_part_where_it_is_asked_and_its_silence_is_not_ours() {
    const URL: &str = "http://127.0.0.1:9";
    let rig = Rig::told(|settings| {
        settings.merkl = Some(MerklAsked { url: URL.to_owned(), every_seconds: 600 });
        settings.campaigns[0].merkl_campaign_id = Some([0xab; 32].into());
    })
    .await;
    rig.fill(1).await;
    rig.finalize(FIRST_BLOCK, FIRST_BLOCK).await;
    let begin = time(FIRST_BLOCK + 1);
    let reading = |name: &str, at: u64, finished: bool| Reading {
        reading_id: name.to_owned(),
        campaign: crate::rig::campaign().id,
        source: URL.to_owned(),
        started_at: UnixSeconds(begin + at),
        finished_at: finished.then_some(UnixSeconds(begin + at + 2)),
    };
    let mut seen = Vec::new();
    let mut look = async |seconds: u64| {
        rig.set_now(begin + seconds);
        rig.api.keys().refresh().await.unwrap();
        let now = status(&rig).await;
        let merkl = part(&now, "merkl");
        seen.push((merkl["state"].clone(), merkl["lag_seconds"].clone(), merkl["reason"].clone()));
        now
    };
    assert_eq!(look(3).await["status"], "operational", "what they do not say makes nothing of ours wrong");
    readings::begin(&rig.db, &reading("first", 10, true)).await.unwrap();
    readings::begin(&rig.db, &reading("broken off", 20, false)).await.unwrap();
    look(30).await;
    let late = look(1_213).await;
    assert_eq!(
        part(&late, "merkl")["last_success_at"],
        json!(accrual_api::view::Rfc3339(UnixSeconds(begin + 12)))
    );
    let said = |reason: &str| json!(format!("it has not answered {reason}; it is asked each 600 s"));
    assert_eq!(
        seen,
        [
            (json!("degraded"), Value::Null, said("yet")),
            (json!("operational"), json!(18), Value::Null),
            (json!("degraded"), json!(1_201), said("for 1201 s")),
        ]
    );
    let none = status(&Rig::new(1).await).await;
    assert!(none["components"].as_array().unwrap().iter().all(|part| part["component"] != "merkl"));
}

#[tokio::test]
async fn time_is_booked_and_the_budget_shrinks_by_what_was_down() {
    let rig = Rig::new(1).await;
    rig.finalize(FIRST_BLOCK, FIRST_BLOCK).await;
    let begin = time(FIRST_BLOCK + 1);
    let look = async |seconds: u64| {
        rig.set_now(begin + seconds);
        rig.api.keys().refresh().await.unwrap();
        rig.api.look().await.unwrap()
    };
    assert!(look(0).await, "the account begins");
    assert!(look(10).await);
    assert!(!look(12).await, "another has just looked");
    assert!(look(20).await);
    assert!(look(80).await, "the head is late by now");
    let now = status(&rig).await;
    let day = &part(&now, "api")["days"][0];
    assert_eq!(
        (&day["operational_seconds"], &day["degraded_seconds"], &day["down_seconds"]),
        (&json!(20), &json!(60), &json!(0)),
        "{now}"
    );
    let budget = &now["error_budget"];
    assert_eq!((&budget["allowed_ms"], &budget["left_ms"]), (&json!(259_200), &json!(259_200)));
    assert_eq!(budget["measured_seconds"], 80);
    let incidents = now["incidents"].as_array().unwrap();
    assert_eq!(incidents.len(), 4, "the service, its source, its follower and its book: {incidents:?}");
    assert!(incidents.iter().all(|one| one["ended_at"].is_null() && one["seconds"] == 0), "{incidents:?}");

    // A server that starts after nobody ran for two minutes.
    let second = accrual_api::Api::new(rig.db.clone(), crate::rig::settings(rig.now.clone())).unwrap();
    rig.set_now(begin + 200);
    second.book().refresh().await.unwrap();
    second.keys().refresh().await.unwrap();
    assert!(second.look().await.unwrap());
    rig.api.keys().refresh().await.unwrap();
    let now = status(&rig).await;
    assert_eq!(now["error_budget"]["left_ms"], 259_200 - 120_000, "{now}");
    assert_eq!(now["error_budget"]["measured_seconds"], 200);
    assert_eq!(part(&now, "database")["days"][0]["operational_seconds"], 80, "nobody looked at that");
    let down = now["incidents"].as_array().unwrap().iter().find(|one| one["state"] == "down").unwrap();
    assert_eq!((&down["component"], &down["reason"]), (&json!("api"), &json!("no server ran")));
    assert_eq!(down["seconds"], 120);
}

#[tokio::test]
async fn the_page_needs_no_script_and_escapes() {
    let rig = Rig::empty(Some("<b>only</b> a rehearsal")).await;
    let answer = rig.get_with("/status", &[]).await;
    assert_eq!(answer.status, 200);
    assert!(answer.headers["content-type"].to_str().unwrap().starts_with("text/html"));
    assert!(answer.headers["content-security-policy"].to_str().unwrap().starts_with("default-src 'none';"));
    let page = &answer.text;
    for words in ["Error budget", "4 min 19.2 s left", "Figures in memory", "&lt;b&gt;only&lt;/b&gt;"] {
        assert!(page.contains(words), "no {words:?} in {page}");
    }
    for foreign in ["<script", "http:", "https:", "style=", "onclick", "<b>only"] {
        assert!(!page.contains(foreign), "{foreign}");
    }
    let style = rig.get_with("/assets/status.css", &[]).await;
    assert!(style.status == 200 && !style.text.contains("url("), "{}", style.text);
}

#[tokio::test]
async fn readiness_says_when_keys_are_refused() {
    let rig = Rig::told(|settings| settings.key_rules.refuse_all_when_unconfirmed = true).await;
    rig.fill(1).await;
    let codes = async || {
        let answer = rig.get_with("/health/ready", &[]).await.json();
        let reasons = answer["reasons"].as_array().unwrap();
        reasons.iter().map(|reason| reason["code"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    rig.api.keys().refresh().await.unwrap();
    assert_eq!(codes().await, Vec::<String>::new());
    rig.set_now(time(FIRST_BLOCK + 1) + 30);
    assert_eq!(codes().await, ["keys_unconfirmed"]);
}

#[tokio::test]
async fn what_is_counted_is_told_without_who_called() {
    let rig = Rig::new(2).await;
    rig.finalize(FIRST_BLOCK, FIRST_BLOCK).await;
    let account = crate::rig::address(1).to_checksum(None);
    for path in ["/v1/pools", "/v1/pools/usdc-tmai", &format!("/v1/accounts/{account}/rewards"), "/nothing"] {
        rig.get(path).await;
    }
    rig.get_with("/v1/pools", &[]).await;
    rig.api.look().await.unwrap();
    let answer = rig.get_with("/metrics", &[]).await;
    assert_eq!(
        (answer.status.as_u16(), answer.headers["content-type"].to_str().unwrap()),
        (200, "text/plain; version=0.0.4; charset=utf-8")
    );
    let text = &answer.text;
    let lines = [
        "accrual_http_requests_total{route=\"/v1/pools\",status=\"200\",plan=\"vip\"} 1",
        "accrual_http_requests_total{route=\"/v1/pools\",status=\"401\",plan=\"none\"} 1",
        "accrual_http_requests_total{route=\"/v1/pools/{id}\",status=\"200\",plan=\"vip\"} 1",
        "accrual_http_requests_total{route=\"/v1/accounts/{address}/rewards\",status=\"200\",plan=\"vip\"} 1",
        "accrual_http_requests_total{route=\"other\",status=\"404\",plan=\"none\"} 1",
        "accrual_http_request_seconds_count{route=\"/v1/pools\"} 2",
        "accrual_rate_limited_total{policy=\"minute\"} 0",
        "accrual_book_block_number 101",
        "accrual_book_lag_seconds 10",
        "accrual_book_lag_blocks 0",
        "accrual_pool_block_number{pool=\"usdc-tmai\"} 101",
        "accrual_chain_head_block_number 101",
        "accrual_component_state{component=\"database\"} 0",
        "accrual_webhooks_pending 0",
        "accrual_streams_open 0",
    ];
    for line in lines {
        assert!(text.lines().any(|told| told == line), "no {line} in\n{text}");
    }
    let (id, client) = (&rig.key[9..21], "tests-0");
    for secret in [id, client, &account, &account.to_lowercase()] {
        assert!(!text.contains(secret), "{secret} in\n{text}");
    }
}

#[tokio::test]
async fn each_node_is_told_of_by_name() {
    let rig = Rig::new(1).await;
    assert_eq!(status(&rig).await["nodes"], json!([]));
    let good = NodeRow {
        name: "https://a.example".to_owned(),
        standing: "good".to_owned(),
        reason: None,
        head: Some(BlockNumber(90)),
        lag_blocks: Some(0),
        latency_ms: Some(12),
        score: 12,
        requests_per_second_max: Some(30),
        range_blocks_max: Some(2_000),
        batch_max: None,
        seen_at: UnixSeconds(time(FIRST_BLOCK)),
    };
    let behind = NodeRow {
        name: "https://b.example".to_owned(),
        standing: "behind".to_owned(),
        reason: Some("it is behind: its newest block is 50, and block 90 was seen".to_owned()),
        head: Some(BlockNumber(50)),
        lag_blocks: Some(40),
        ..good.clone()
    };
    let chain_id = rig.api.settings().chain_id;
    nodes::record(&rig.db, chain_id, &[good.clone(), behind.clone()]).await.unwrap();
    nodes::record(&rig.db, chain_id, &[NodeRow { score: 13, ..good.clone() }]).await.unwrap();
    assert_eq!(nodes::all(&rig.db, chain_id).await.unwrap(), [NodeRow { score: 13, ..good }, behind]);
    rig.set_now(time(FIRST_BLOCK) + 60);
    let told = status(&rig).await;
    let told = told["nodes"].as_array().unwrap();
    assert_eq!((told.len(), &told[0]["state"], &told[0]["score"]), (2, &json!("good"), &json!(13)));
    assert_eq!((&told[1]["state"], &told[1]["lag_blocks"]), (&json!("behind"), &json!(40)));
    assert_eq!(told[0]["range_blocks_max"], json!(2_000));
    let page = rig.get_with("/status", &[]).await.text;
    assert!(page.contains("https://b.example") && page.contains("it is behind: its newest block is 50"));
}
