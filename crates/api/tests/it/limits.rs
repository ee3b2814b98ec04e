//! Plans as callers meet them: the minute, the month, the money, the history, the marketplace.

use accrual_access::plan::{History, Plan, Plans};
use accrual_api::Settings;
use accrual_api::keys::{Asker, KeyRules, Keys};
use accrual_api::scope::Scope;
use accrual_rewards::unit::UnixSeconds;
use accrual_store::allowances;
use axum::http::Method;
use secrecy::ExposeSecret;
use serde_json::json;

use crate::rig::{Answer, Rig, START};

/// 2025-06-04T01:20:12Z is the rig's first second.
pub(crate) const MONTH_AT: u64 = 1_748_736_000;
pub(crate) const NEXT_MONTH_AT: u64 = 1_751_328_000;
const SECRET: &str = "the gateway's own secret";

pub(crate) fn plan(month: u64, minute: u32, overage: Option<u64>) -> Plans {
    let row = |name: &str| Plan {
        name: name.to_owned(),
        valid_from: UnixSeconds(0),
        valid_until: None,
        calls_per_month: month,
        calls_per_minute: minute,
        history: History::Days(30),
        overage_microusd: overage,
        spend_cap_microusd: 10_000,
        marketplace_name: (name == "vip").then(|| "MEGA".to_owned()),
        features: [Scope::ReadPublic, Scope::Admin].into_iter().collect(),
    };
    Plans::new(vec![row("vip"), row("other")]).unwrap()
}

pub(crate) async fn rig(month: u64, minute: u32, overage: Option<u64>) -> Rig {
    told(month, minute, overage, |_| {}).await
}

async fn told(month: u64, minute: u32, overage: Option<u64>, tell: impl FnOnce(&mut Settings)) -> Rig {
    let rig = Rig::told(|settings| {
        settings.access.plans = plan(month, minute, overage);
        tell(settings);
    })
    .await;
    rig.fill(1).await;
    rig
}

async fn call(rig: &Rig, key: &str, path: &str) -> Answer {
    rig.get_with(path, &[("x-api-key", key)]).await
}

fn header<'a>(answer: &'a Answer, name: &str) -> &'a str {
    answer.headers.get(name).map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn a_minute_is_the_clients_and_slides() {
    let rig = rig(1_000, 3, None).await;
    let (first, second) =
        (rig.issue("desk", &[Scope::ReadPublic]).await, rig.issue("desk", &[Scope::ReadPublic]).await);
    let (first, second) = (first.reveal(), second.reveal());
    let keys = [first.expose_secret(), second.expose_secret(), first.expose_secret()];
    for (index, key) in keys.into_iter().enumerate() {
        rig.set_now(START + 12 + 10 * u64::try_from(index).unwrap());
        let answer = call(&rig, key, "/v1/campaigns").await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(header(&answer, "ratelimit-policy"), r#""minute";q=3;w=60, "month";q=1000"#);
        let seconds = NEXT_MONTH_AT - (START + 12 + 10 * u64::try_from(index).unwrap());
        let wait = 60 - 10 * index;
        let expected = format!(r#""minute";r={};t={wait}, "month";r={};t={seconds}"#, 2 - index, 999 - index);
        assert_eq!(header(&answer, "ratelimit"), expected);
    }
    let refused = call(&rig, keys[1], "/v1/campaigns").await;
    assert_eq!((refused.status.as_u16(), refused.code().as_str()), (429, "rate_limited"));
    assert_eq!(header(&refused, "retry-after"), "40");
    let body = refused.json();
    assert_eq!(body["type"], "https://iana.org/assignments/http-problem-types#quota-exceeded");
    assert_eq!(body["violated-policies"], json!(["minute"]));
    assert!(header(&refused, "ratelimit").starts_with(r#""minute";r=0;t=40"#));
    rig.set_now(START + 12 + 59);
    assert_eq!(call(&rig, keys[0], "/v1/campaigns").await.status, 429);
    rig.set_now(START + 12 + 60);
    assert_eq!(call(&rig, keys[0], "/v1/campaigns").await.status, 200, "the first call is a minute old");
    assert_eq!(call(&rig, keys[0], "/v1/campaigns").await.status, 429, "the second is not");
}

#[tokio::test]
async fn a_rotation_changes_neither_minute_nor_month() {
    let rig = rig(1_000, 5, None).await;
    let key = rig.issue("desk", &[Scope::ReadPublic, Scope::RotateSelf]).await;
    let old = key.reveal();
    for _ in 0..3 {
        call(&rig, old.expose_secret(), "/v1/campaigns").await;
    }
    let terms = accrual_access::rotation::Terms::new(accrual_access::rotation::Kind::Normal);
    let issued = rig.api.keys().rotate(key.id(), &terms, &Asker::default()).await.unwrap();
    let new = issued.key.unwrap().reveal();
    let answer = call(&rig, new.expose_secret(), "/v1/campaigns").await;
    assert!(
        header(&answer, "ratelimit").starts_with(r#""minute";r=1;t=60, "month";r=996;"#),
        "{:?}",
        answer.headers
    );
    assert_eq!(call(&rig, old.expose_secret(), "/v1/campaigns").await.status, 200);
    assert_eq!(call(&rig, new.expose_secret(), "/v1/campaigns").await.code(), "rate_limited");
}

#[tokio::test]
async fn what_counts_against_the_month() {
    let rig = rig(10, 1_000, None).await;
    let key = rig.new_key(&[Scope::ReadPublic]).await;
    let left = |answer: &Answer| {
        let text = header(answer, "ratelimit").to_owned();
        text.split("\"month\";r=").nth(1).unwrap().split(';').next().unwrap().parse::<u64>().unwrap()
    };
    let cases = [
        ("/v1/campaigns", 200, 9),
        ("/v1/campaigns/nothing", 404, 8),
        ("/v1/campaigns?typo=1", 400, 7),
        ("/v1/accounts/0x0101010101010101010101010101010101010101/rewards", 403, 6),
        ("/v1/keys/self", 200, 6),
        ("/v1/usage", 200, 6),
    ];
    for (path, status, expected) in cases {
        let answer = call(&rig, &key, path).await;
        assert_eq!((answer.status.as_u16(), left(&answer)), (status, expected), "{path}: {}", answer.text);
    }
    for _ in 0..6 {
        assert_eq!(call(&rig, &key, "/v1/campaigns").await.status, 200);
    }
    let refused = call(&rig, &key, "/v1/campaigns").await;
    assert_eq!((refused.status.as_u16(), refused.code().as_str()), (429, "quota_exceeded"));
    assert_eq!(refused.json()["violated-policies"], json!(["month"]));
    assert_eq!(header(&refused, "retry-after"), (NEXT_MONTH_AT - START - 12).to_string());
    assert_eq!(call(&rig, &key, "/v1/keys/self").await.status, 200, "what costs nothing goes on");
    rig.set_now(NEXT_MONTH_AT - 1);
    assert_eq!(call(&rig, &key, "/v1/campaigns").await.code(), "quota_exceeded");
    rig.set_now(NEXT_MONTH_AT);
    assert_eq!(call(&rig, &key, "/v1/campaigns").await.status, 200, "a new month");
}

#[tokio::test]
async fn servers_share_a_month_and_never_serve_too_much() {
    let rig = rig(50, 10, None).await;
    let key = rig.issue("desk", &[Scope::ReadPublic]).await;
    let client = rig.api.keys().client("desk").await.unwrap();
    let other = Keys::new(
        rig.db.clone(),
        rig.api.settings().peppers.clone(),
        KeyRules::default(),
        rig.api.settings().clock.clone(),
    );
    let other = other.unwrap();
    let limits = accrual_api::limits::Limits::new(rig.db.clone(), rig.api.settings().access.billing.clone());
    let plans = plan(50, 10, None);
    let plan = plans.at("vip", UnixSeconds(START)).unwrap();
    let (mut here, mut there) = (0, 0);
    for minute in 0..10 {
        let now = START + 12 + 61 * minute;
        rig.set_now(now);
        for keys in [rig.api.keys(), &other] {
            keys.beat().await.unwrap();
        }
        rig.api.limits().tidy_once(rig.api.keys(), now * 1_000).await;
        limits.tidy_once(&other, now * 1_000).await;
        for _ in 0..10 {
            here += u32::from(call(&rig, key.reveal().expose_secret(), "/v1/campaigns").await.status == 200);
            let cost = accrual_api::limits::Cost::Counts;
            let month = accrual_api::limits::Month::Ours;
            let admitted = limits.admit(&other, &client, plan, cost, month, now * 1_000).await;
            there += u32::from(admitted.is_ok());
        }
    }
    assert_eq!(here + there, 50, "{here} here and {there} there: each call once");
    let reserved = allowances::reserved(&rig.db, &client.client_id, UnixSeconds(MONTH_AT)).await.unwrap();
    assert_eq!(reserved, 50);
}

#[tokio::test]
async fn beyond_the_month_until_the_cap_and_what_it_costs() {
    let rig = rig(3, 1_000, Some(5_000)).await;
    let key = rig.issue("desk", &[Scope::ReadPublic]).await;
    let key = key.reveal();
    for _ in 0..5 {
        assert_eq!(call(&rig, key.expose_secret(), "/v1/campaigns").await.status, 200);
    }
    assert_eq!(
        call(&rig, key.expose_secret(), "/v1/campaigns").await.code(),
        "quota_exceeded",
        "10,000 buy two calls"
    );
    rig.write_uses().await;
    let usage = call(&rig, key.expose_secret(), "/v1/usage?by=endpoint,status").await.json();
    let bill = &usage["data"]["invoice"];
    let numbers: Vec<u64> = ["calls", "included_calls", "overage_calls", "gross_microusd", "due_microusd"]
        .iter()
        .map(|name| bill[name].as_u64().unwrap())
        .collect();
    assert_eq!(numbers, [5, 3, 2, 10_000, 10_000]);
    let rows = usage["data"]["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 2, "{rows:?}");
    assert_eq!(
        rows[0],
        json!({ "day": null, "hour": null, "key": null, "endpoint": "GET /v1/campaigns", "status": 200, "calls": 5, "counted": 5 })
    );
    assert_eq!((rows[1]["status"].as_u64(), rows[1]["counted"].as_u64()), (Some(429), Some(0)));
    let paid = rig
        .api
        .keys()
        .edit_client("desk", &Asker::default(), |client| client.pays_in_tmai = true)
        .await
        .unwrap();
    assert!(paid.pays_in_tmai);
    let usage = call(&rig, key.expose_secret(), "/v1/usage").await.json();
    assert_eq!(
        (&usage["data"]["invoice"]["discount_percent"], &usage["data"]["invoice"]["due_microusd"]),
        (&json!(10), &json!(9_000))
    );
    let csv = call(&rig, key.expose_secret(), "/v1/usage/invoice").await;
    assert_eq!(header(&csv, "content-type"), "text/csv; charset=utf-8");
    assert!(csv.text.contains("calls beyond,2,5000,10000,vip,1970-01-01T00:00:00Z\r\n"), "{}", csv.text);
    assert!(csv.text.contains("\"discount, per cent\",10,0,-1000,"), "{}", csv.text);
    let told = accrual_store::dump::table(&rig.db, "notices").await.unwrap();
    let kinds: Vec<&str> =
        told.iter().map(|row| row[1].as_str()).filter(|kind| kind.starts_with("usage.")).collect();
    assert_eq!(kinds, ["usage.100"], "once");
    let stranger = rig.new_key(&[Scope::ReadPublic]).await;
    assert_eq!(call(&rig, &stranger, "/v1/usage?client=desk").await.code(), "scope_missing");
    let admin = rig.new_key(&[Scope::Admin]).await;
    assert_eq!(call(&rig, &admin, "/v1/usage?client=desk").await.json()["data"]["client"], "desk");
    assert_eq!(call(&rig, &admin, "/v1/usage?by=week").await.code(), "bad_parameter");
}

#[tokio::test]
async fn history_is_cut_where_the_plan_begins() {
    let rig = rig(1_000, 1_000, None).await;
    let key = rig.new_key(&[Scope::ReadPublic]).await;
    rig.set_now(START + 40 * 86_400);
    let day = |days: u64| {
        let at = START + days * 86_400;
        accrual_api::view::Rfc3339(UnixSeconds(at)).to_string()
    };
    let cut = call(&rig, &key, &format!("/v1/pools/usdc-tmai/history?from={}&to={}", day(5), day(39))).await;
    assert_eq!(cut.status, 200, "{}", cut.text);
    let meta = &cut.json()["meta"];
    assert_eq!((&meta["history_cut_by_plan"], &meta["history_starts_at"]), (&json!(true), &json!(day(10))));
    let whole =
        call(&rig, &key, &format!("/v1/pools/usdc-tmai/history?from={}&to={}", day(11), day(39))).await;
    assert!(whole.json()["meta"].get("history_cut_by_plan").is_none());
    let outside =
        call(&rig, &key, &format!("/v1/pools/usdc-tmai/history?from={}&to={}", day(1), day(9))).await;
    assert_eq!((outside.status.as_u16(), outside.code().as_str()), (403, "plan_history"));
    let past = call(&rig, &key, "/v1/campaigns/first/accruals?at=100").await;
    assert_eq!(past.code(), "plan_history");
    assert_eq!(
        call(&rig, &key, "/v1/campaigns/first/accruals").await.status,
        200,
        "the newest block is always told"
    );
}

#[tokio::test]
async fn a_plan_bounds_what_its_keys_may_do() {
    let rig = rig(1_000, 1_000, None).await;
    let key = rig.new_key(&[Scope::ReadPublic, Scope::ReadWallet]).await;
    let path = "/v1/accounts/0x0101010101010101010101010101010101010101/rewards";
    let refused = call(&rig, &key, path).await;
    assert_eq!((refused.status.as_u16(), refused.code().as_str()), (403, "plan_feature"));
    let mut gone = crate::rig::new_key("gone", &[Scope::ReadPublic]);
    gone.plan = Some("vintage".to_owned());
    let gone = rig.api.keys().create(gone, &Asker::default()).await.unwrap().key.unwrap().reveal();
    assert_eq!(
        call(&rig, gone.expose_secret(), "/v1/campaigns").await.code(),
        "plan_feature",
        "no terms for today"
    );
}

#[tokio::test]
async fn a_gateway_vouches_for_its_users_and_nobody_else_can() {
    let secrets = || vec![SECRET.to_owned().into(), "the secret of last month".to_owned().into()];
    let rig = told(2, 3, None, |settings| settings.access.marketplace_secrets = secrets()).await;
    let ask = async |secret: &str, user: &str| {
        let headers = [
            ("x-rapidapi-proxy-secret", secret),
            ("x-rapidapi-user", user),
            ("x-rapidapi-subscription", "MEGA"),
            ("x-rapidapi-key", "what the user pays for"),
        ];
        rig.get_with("/v1/campaigns", &headers).await
    };
    for secret in [SECRET, "the secret of last month", SECRET] {
        let served = ask(secret, "ann").await;
        assert_eq!(served.status, 200, "{}", served.text);
        assert_eq!(
            header(&served, "ratelimit-policy"),
            r#""minute";q=3;w=60"#,
            "the gateway meters the month"
        );
    }
    assert_eq!(
        ask(SECRET, "ann").await.code(),
        "rate_limited",
        "the minute is ours, though the month of two is not"
    );
    assert_eq!(ask(SECRET, "bob").await.status, 200, "each user has a minute");
    for (secret, user) in [("a guess at the secret", "ann"), ("", "ann"), (SECRET, ""), (SECRET, "a/b")] {
        assert_eq!(ask(secret, user).await.code(), "key_missing", "{user}: as if nothing had been sent");
    }
    let forged =
        [("x-rapidapi-user", "ann"), ("x-rapidapi-subscription", "MEGA"), ("x-api-key", rig.key.as_str())];
    assert_eq!(rig.get_with("/v1/campaigns", &forged).await.status, 200, "a key of ours is a key of ours");
    rig.write_uses().await;
    let rows = accrual_store::dump::table(&rig.db, "month_quota").await.unwrap();
    let ann = rows.iter().find(|row| row[0] == "rapidapi:ann").unwrap();
    assert_eq!(ann[2], "0", "nothing is charged twice");
}

#[tokio::test]
async fn every_use_is_counted_and_callers_are_named() {
    let rig = rig(1_000, 1_000, None).await;
    let admin = rig.new_key(&[Scope::Admin]).await;
    let key = rig.issue("desk", &[Scope::ReadPublic]).await;
    let text = key.reveal();
    let agent = [("x-api-key", text.expose_secret()), ("user-agent", "grafana/11")];
    for second in 0..5 {
        rig.set_now(START + 12 + second);
        rig.get_with("/v1/campaigns", &agent).await;
    }
    rig.get_from("/v1/pools", text.expose_secret(), "203.0.113.77", None).await;
    rig.write_uses().await;
    rig.write_uses().await;
    let path = format!("/v1/keys/{}", key.id());
    let seen = call(&rig, &admin, &path).await.json();
    assert_eq!(seen["data"]["calls_24h"], 6);
    assert_eq!(seen["data"]["first_used_at"], "2025-06-04T01:20:12Z");
    assert_eq!(seen["data"]["last_used_at"], "2025-06-04T01:20:16Z");
    assert_eq!(
        (&seen["data"]["last_used_network"], &seen["data"]["last_used_agent"]),
        (&json!("203.0.113.0/24"), &json!("none"))
    );
    let callers = call(&rig, &admin, &format!("{path}/rotation/preview")).await.json();
    let callers = callers["data"].as_array().unwrap();
    assert_eq!(callers.len(), 2);
    let grafana = callers.iter().find(|row| row["agent"] == "grafana/11").unwrap();
    assert_eq!(
        (&grafana["endpoint"], &grafana["calls"], &grafana["network"]),
        (&json!("GET /v1/campaigns"), &json!(5), &json!("unknown"))
    );
    let opened =
        rig.send(Method::POST, &format!("{path}/rotation"), &[("x-api-key", &admin)], Some(&json!({}))).await;
    assert_eq!(opened.json()["data"]["calls"]["old"], json!([{ "at": "2025-06-04T01:00:00Z", "calls": 6 }]));
}

#[tokio::test]
async fn twenty_wrong_keys_are_told_once() {
    let rig = rig(1_000, 1_000, None).await;
    let bursts = async || {
        let told = accrual_store::dump::table(&rig.db, "notices").await.unwrap();
        told.iter().filter(|row| row[1] == "key.auth_failures").count()
    };
    for _ in 0..19 {
        call(&rig, "acr_live_nonsense", "/v1/campaigns").await;
    }
    rig.write_uses().await;
    assert_eq!(bursts().await, 0);
    for _ in 0..2 {
        call(&rig, "acr_live_nonsense", "/v1/campaigns").await;
        rig.write_uses().await;
    }
    assert_eq!(bursts().await, 1, "one event, not one a call");
}

#[tokio::test]
async fn a_key_that_does_what_it_never_did_is_told() {
    let rig = rig(1_000, 1_000, None).await;
    let key = rig.issue("desk", &[Scope::ReadPublic]).await.reveal();
    let unusual = async || {
        rig.write_uses().await;
        rig.api.keys().upkeep().await.unwrap();
        let told = accrual_store::dump::table(&rig.db, "notices").await.unwrap();
        told.iter().filter(|row| row[1] == "key.unusual").count()
    };
    rig.get_from("/v1/campaigns", key.expose_secret(), "203.0.113.7", None).await;
    assert_eq!(unusual().await, 0, "a first call is no surprise");
    rig.set_now(START + 8 * 86_400);
    rig.get_from("/v1/campaigns", key.expose_secret(), "203.0.113.9", None).await;
    assert_eq!(unusual().await, 0, "the same network");
    rig.get_from("/v1/campaigns", key.expose_secret(), "198.51.100.7", None).await;
    assert_eq!((unusual().await, unusual().await), (1, 1), "another network, told once");
    for _ in 0..100 {
        rig.get_from("/v1/campaigns", key.expose_secret(), "203.0.113.9", None).await;
    }
    assert_eq!((unusual().await, unusual().await), (2, 2), "a hundred calls in an hour, told once");
    // A deploy that asks for what is not there: half of the next hour's calls are refused.
    rig.set_now(START + 8 * 86_400 + 3_600);
    for _ in 0..49 {
        rig.get_from("/v1/pools/none", key.expose_secret(), "203.0.113.9", None).await;
        rig.get_from("/v1/campaigns", key.expose_secret(), "203.0.113.9", None).await;
    }
    assert_eq!(unusual().await, 2, "49 are not many");
    rig.get_from("/v1/pools/none", key.expose_secret(), "203.0.113.9", None).await;
    assert_eq!((unusual().await, unusual().await), (3, 3), "50 of 99, told once");
}

#[tokio::test]
async fn a_changed_plan_holds_at_once() {
    use accrual_api::limits::{Cost, Exceeded, Limits, Month};
    let rig = rig(1_000, 10, None).await;
    rig.issue("desk", &[Scope::ReadPublic]).await;
    let client = rig.api.keys().client("desk").await.unwrap();
    let limits = Limits::new(rig.db.clone(), rig.api.settings().access.billing.clone());
    let (wide, narrow, short) = (plan(1_000, 10, None), plan(1_000, 4, None), plan(5, 10, None));
    let call = async |plans: &Plans, second: u64| {
        let plan = plans.at("vip", UnixSeconds(START)).unwrap();
        let now_ms = (START + second) * 1_000;
        limits.admit(rig.api.keys(), &client, plan, Cost::Counts, Month::Ours, now_ms).await
    };
    for _ in 0..4 {
        call(&wide, 0).await.unwrap();
    }
    assert!(matches!(call(&narrow, 1).await, Err(Exceeded::Minute { retry_after_seconds: 59, .. })));
    for _ in 0..6 {
        call(&wide, 1).await.unwrap();
    }
    assert!(matches!(call(&wide, 1).await, Err(Exceeded::Minute { .. })));
    // A month of five is used up with what was reserved of the longer one, and goes on when the plan does.
    let mut served = 0;
    while call(&short, 70 + 61 * served).await.is_ok() {
        served += 1;
    }
    assert!(matches!(call(&short, 70 + 61 * served).await, Err(Exceeded::Month { .. })));
    assert!(call(&wide, 71 + 61 * served).await.is_ok());
}

#[tokio::test]
async fn calls_are_reserved_ahead_so_that_a_minute_without_the_database_stops_nobody() {
    let rig = rig(1_000, 5, None).await;
    let key = rig.issue("desk", &[Scope::ReadPublic]).await;
    let client = rig.api.keys().client("desk").await.unwrap();
    let reserved =
        async || allowances::reserved(&rig.db, &client.client_id, UnixSeconds(MONTH_AT)).await.unwrap();
    for call_number in 0..5 {
        call(&rig, key.reveal().expose_secret(), "/v1/campaigns").await;
        assert_eq!(reserved().await, 10, "call {call_number}");
    }
    rig.api.limits().tidy_once(rig.api.keys(), (START + 13) * 1_000).await;
    assert_eq!(reserved().await, 10, "five are left, a minute's worth");
    rig.set_now(START + 80);
    call(&rig, key.reveal().expose_secret(), "/v1/campaigns").await;
    rig.api.limits().tidy_once(rig.api.keys(), (START + 81) * 1_000).await;
    assert_eq!(reserved().await, 20, "four were left");
}

#[tokio::test]
async fn a_servers_slots_outlive_it_by_their_minute() {
    use accrual_api::limits::{Cost, Limits, Month};
    let rig = rig(10_000, 10, None).await;
    rig.issue("desk", &[Scope::ReadPublic]).await;
    let client = rig.api.keys().client("desk").await.unwrap();
    let plans = plan(10_000, 10, None);
    let plan = plans.at("vip", UnixSeconds(START)).unwrap();
    let server = || {
        let settings = rig.api.settings();
        let keys =
            Keys::new(rig.db.clone(), settings.peppers.clone(), KeyRules::default(), settings.clock.clone());
        (keys.unwrap(), Limits::new(rig.db.clone(), settings.access.billing.clone()))
    };
    let mut served: Vec<u64> = Vec::new();
    // A server takes the other's place every 26 seconds, six after it was killed or stopped in order.
    for turn in 0..15 {
        let (keys, limits) = server();
        for second in (6..26).step_by(2) {
            let now = START + 12 + 26 * turn + second;
            rig.set_now(now);
            keys.beat().await.unwrap();
            if limits.admit(&keys, &client, plan, Cost::Counts, Month::Ours, now * 1_000).await.is_ok() {
                served.push(now);
            }
        }
        if turn % 3 == 0 {
            let stopped = tokio_util::sync::CancellationToken::new();
            stopped.cancel();
            limits.tidy(&keys, &rig.api.settings().clock, stopped).await;
        }
    }
    let fullest =
        served.iter().map(|first| served.iter().filter(|at| (*first..first + 60).contains(*at)).count());
    assert!(fullest.max().unwrap() <= 10, "{served:?}");
    assert!(served.len() > 10, "{served:?}");
}

#[tokio::test]
async fn a_key_that_is_used_after_its_end_is_told_with_its_name() {
    let rig = rig(1_000, 1_000, None).await;
    let key = rig.issue("desk", &[Scope::ReadPublic]).await;
    let edit = accrual_api::keys::KeyEdit::Revoke;
    rig.api.keys().edit(key.id(), &edit, &Asker::default()).await.unwrap();
    for _ in 0..20 {
        let answer = call(&rig, key.reveal().expose_secret(), "/v1/campaigns").await;
        assert_eq!(answer.code(), "key_revoked");
    }
    rig.write_uses().await;
    let told = accrual_store::dump::table(&rig.db, "notices").await.unwrap();
    let told: Vec<_> = told.iter().filter(|row| row[1] == "key.auth_failures").collect();
    assert_eq!(told.len(), 1, "{told:?}");
    let body = told[0].join(" ");
    for word in [key.id().as_str(), "key_revoked", "\"calls\":20"] {
        assert!(body.contains(word), "{word} in {body}");
    }
}
