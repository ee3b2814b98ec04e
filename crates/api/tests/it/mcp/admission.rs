//! Who may come in: keys, scopes, limits, plans, and which hosts and pages.

use accrual_access::plan::{History, Plan, Plans};
use accrual_api::McpSettings;
use accrual_api::scope::Scope;
use accrual_rewards::unit::UnixSeconds;
use axum::http::Method;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::request;
use crate::rig::{Answer, Rig, address};

fn plans(month: u64, minute: u32) -> Plans {
    let plan = Plan {
        name: "vip".to_owned(),
        valid_from: UnixSeconds(0),
        valid_until: None,
        calls_per_month: month,
        calls_per_minute: minute,
        history: History::Days(30),
        overage_microusd: None,
        spend_cap_microusd: 0,
        marketplace_name: None,
        features: [Scope::ReadPublic].into_iter().collect(),
    };
    Plans::new(vec![plan]).unwrap()
}

async fn limited(month: u64, minute: u32) -> Rig {
    let rig = Rig::told(|settings| settings.access.plans = plans(month, minute)).await;
    rig.fill(1).await;
    rig
}

fn header<'a>(answer: &'a Answer, name: &str) -> &'a str {
    answer.headers.get(name).map_or("", |value| value.to_str().unwrap())
}

fn tool(name: &str) -> Value {
    let arguments = match name {
        "get_wallet_rewards" => json!({ "address": address(1).to_checksum(None) }),
        _ => json!({}),
    };
    json!({ "name": name, "arguments": arguments })
}

#[tokio::test]
async fn a_key_is_needed_and_may_come_in_either_header() {
    let rig = Rig::new(1).await;
    let bearer = format!("Bearer {}", rig.key);
    let revoked = "acr_live_000000000000_00000000000000000000000000000000000000000003oHJE4";
    type Sent<'a> = &'a [(&'a str, &'a str)];
    let cases: [(Sent<'_>, u16, &str); 5] = [
        (&[("x-api-key", &rig.key)], 200, ""),
        (&[("authorization", &bearer)], 200, ""),
        (&[], 401, "key_missing"),
        (&[("x-api-key", "acr_live_nonsense")], 401, "key_malformed"),
        (&[("x-api-key", revoked)], 401, "key_unknown"),
    ];
    for (headers, status, code) in cases {
        for method in ["tools/list", "server/discover"] {
            let answer = request(&rig, headers, method, json!({})).await;
            assert_eq!(answer.status, status, "{headers:?}: {}", answer.text);
            if status == 401 {
                let body = answer.json();
                assert_eq!((&body["jsonrpc"], &body["id"]), (&json!("2.0"), &json!(7)), "{body}");
                assert_eq!(body["error"]["data"]["code"], code, "{body}");
                assert!(header(&answer, "www-authenticate").starts_with("Bearer realm=\"accrual\""));
                assert_eq!(header(&answer, "content-type"), "application/json");
            }
        }
    }
    let answer = request(&rig, &[("x-api-key", &rig.key)], "tools/list", json!({})).await;
    assert!(header(&answer, "ratelimit").starts_with("\"minute\";r="), "{:?}", answer.headers);
    assert!(header(&answer, "cache-control").starts_with("private"), "{:?}", answer.headers);
}

#[tokio::test]
async fn tools_ask_for_the_scopes_of_rest() {
    let rig = Rig::new(1).await;
    let public = rig.new_key(&[Scope::ReadPublic]).await;
    let wallet = rig.new_key(&[Scope::ReadWallet]).await;
    let nothing = rig.new_key(&[Scope::Stream]).await;
    let cases = [
        (&public, "list_campaigns", None),
        (&public, "get_wallet_rewards", Some("read:wallet")),
        (&wallet, "get_wallet_rewards", None),
        (&wallet, "list_pools", Some("read:public")),
        (&nothing, "get_status", None),
        (&nothing, "get_api_usage", None),
        (&nothing, "list_campaigns", Some("read:public")),
    ];
    for (key, name, missing) in cases {
        let answer = request(&rig, &[("x-api-key", key)], "tools/call", tool(name)).await;
        let Some(scope) = missing else {
            assert_eq!(answer.status, 200, "{name}: {}", answer.text);
            continue;
        };
        assert_eq!(answer.status, 403, "{name}: {}", answer.text);
        assert_eq!(answer.json()["error"]["data"]["code"], "scope_missing");
        let challenge = header(&answer, "www-authenticate");
        assert!(challenge.contains("insufficient_scope") && challenge.contains(scope), "{challenge}");
    }
    let uri = json!({ "uri": "accrual://campaign/first" });
    let answer = request(&rig, &[("x-api-key", &wallet)], "resources/read", uri).await;
    assert_eq!(answer.status, 403, "{}", answer.text);
}

#[tokio::test]
async fn minute_and_month_are_shared_with_rest() {
    let rig = limited(1_000, 3).await;
    let key = rig.issue("desk", &[Scope::ReadPublic]).await.reveal();
    let key = [("x-api-key", key.expose_secret())];
    assert_eq!(rig.get_with("/v1/pools", &key).await.status, 200);
    let second = request(&rig, &key, "tools/list", json!({})).await;
    assert!(header(&second, "ratelimit").starts_with("\"minute\";r=1;"), "{:?}", second.headers);
    assert_eq!(request(&rig, &key, "tools/call", tool("list_pools")).await.status, 200);
    let refused = request(&rig, &key, "tools/call", tool("list_pools")).await;
    assert_eq!((refused.status.as_u16(), header(&refused, "retry-after")), (429, "60"), "{}", refused.text);
    assert_eq!(refused.json()["error"]["data"]["code"], "rate_limited");
    assert_eq!(rig.get_with("/v1/pools", &key).await.status, 429, "REST is out of calls too");

    let rig = limited(3, 1_000).await;
    let key = rig.issue("desk", &[Scope::ReadPublic]).await.reveal();
    let key = [("x-api-key", key.expose_secret())];
    let left = |answer: &Answer| {
        header(answer, "ratelimit").split("\"month\";r=").nth(1).map(|rest| rest[..1].to_owned())
    };
    let resource = json!({ "uri": "accrual://glossary" });
    let cases = [
        ("tools/list", json!({}), 200, "3"),
        ("resources/list", json!({}), 200, "3"),
        ("prompts/list", json!({}), 200, "3"),
        ("server/discover", json!({}), 200, "3"),
        ("tools/call", tool("get_status"), 200, "3"),
        ("tools/call", tool("get_api_usage"), 200, "3"),
        ("tools/call", tool("list_campaigns"), 200, "2"),
        ("resources/read", resource.clone(), 200, "1"),
    ];
    for (method, params, status, month) in cases {
        let answer = request(&rig, &key, method, params.clone()).await;
        assert_eq!(
            (answer.status.as_u16(), left(&answer).as_deref()),
            (status, Some(month)),
            "{method} {params}"
        );
    }
    assert_eq!(rig.get_with("/v1/pools", &key).await.status, 200, "the last of the month, by REST");
    for (method, params) in [("tools/call", tool("list_campaigns")), ("resources/read", resource)] {
        let refused = request(&rig, &key, method, params).await;
        assert_eq!(
            (refused.status.as_u16(), &refused.json()["error"]["data"]["code"]),
            (429, &json!("quota_exceeded"))
        );
    }
    assert_eq!(request(&rig, &key, "tools/list", json!({})).await.status, 200, "what costs nothing goes on");
    rig.write_uses().await;
    let usage = rig.get_with("/v1/usage?by=endpoint", &key).await.json();
    let rows = usage["data"]["rows"].as_array().unwrap();
    let row = rows.iter().find(|row| row["endpoint"] == "MCP list_campaigns").unwrap();
    assert_eq!((&row["calls"], &row["counted"]), (&json!(2), &json!(1)), "{rows:?}");
}

#[tokio::test]
async fn history_is_cut_where_the_plan_begins() {
    let rig = limited(1_000, 1_000).await;
    let key = rig.issue("desk", &[Scope::ReadPublic]).await.reveal();
    let key = [("x-api-key", key.expose_secret())];
    let ask = |arguments: Value| {
        let params = json!({ "name": "get_pool_history", "arguments": arguments });
        let (rig, key) = (&rig, &key);
        async move { request(rig, key, "tools/call", params).await.json()["result"].clone() }
    };
    let cut = ask(json!({ "pool": "usdc-tmai", "from": "2025-01-01T00:00:00Z" })).await;
    let meta = &cut["structuredContent"]["meta"];
    assert_eq!(meta["history_cut_by_plan"], true, "{cut}");
    assert!(meta["history_starts_at"].is_string(), "{cut}");
    let outside =
        ask(json!({ "pool": "usdc-tmai", "from": "2025-01-01T00:00:00Z", "to": "2025-02-01T00:00:00Z" }))
            .await;
    assert_eq!(outside["isError"], true, "{outside}");
    assert!(outside["content"][0]["text"].as_str().unwrap().contains("(plan_history)"), "{outside}");
}

#[tokio::test]
async fn other_hosts_and_other_sites_pages_are_kept_out() {
    let texts = |text: &str| vec![text.to_owned()];
    let rig = Rig::told(|settings| {
        settings.mcp =
            McpSettings::new(&texts("api.example.org"), &texts("https://app.example.org")).unwrap();
    })
    .await;
    rig.fill(1).await;
    let key = rig.key.clone();
    let cases = [
        ("localhost:8080", None, true, 200),
        ("api.example.org", None, true, 200),
        ("api.example.org", Some("https://app.example.org"), true, 200),
        ("api.example.org", Some("https://evil.example"), true, 403),
        // Before the key is looked at.
        ("api.example.org", Some("https://evil.example"), false, 403),
        ("evil.example", None, true, 403),
        ("evil.example", Some("http://evil.example"), true, 403),
    ];
    for (host, origin, has_key, status) in cases {
        let mut headers = vec![("host", host)];
        headers.extend(origin.map(|origin| ("origin", origin)));
        headers.extend(has_key.then_some(("x-api-key", key.as_str())));
        let answer = request(&rig, &headers, "tools/list", json!({})).await;
        assert_eq!(answer.status, status, "{headers:?}: {}", answer.text);
        if status == 403 {
            assert_eq!(answer.json()["error"]["data"]["code"], "site_not_allowed");
        }
    }
    let preflight = [
        ("host", "api.example.org"),
        ("origin", "https://app.example.org"),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "x-api-key,mcp-method"),
    ];
    let answer = rig.send(Method::OPTIONS, "/mcp", &preflight, None).await;
    assert_eq!(
        header(&answer, "access-control-allow-origin"),
        "https://app.example.org",
        "{:?}",
        answer.headers
    );
    assert!(header(&answer, "access-control-allow-headers").contains("x-api-key"));
    let large = json!({ "filler": "x".repeat(70_000) });
    let answer = request(&rig, &[("x-api-key", &key)], "tools/list", large).await;
    assert_eq!(answer.status, 413, "{}", answer.text);
}
