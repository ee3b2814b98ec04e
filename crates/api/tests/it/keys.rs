//! The life of keys over HTTP: what is answered, what is told to an ending key's holder, what is never told.

use accrual_api::ApiKey;
use accrual_api::keys::{Asker, KeyEdit, KeyRules, Keys};
use accrual_api::scope::Scope;
use axum::http::Method;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::rig::{Answer, Rig, START};

const RECENT: u64 = 3_600;

/// An administrator's key beside the client's.
struct Office {
    rig: Rig,
    admin: String,
}

impl Office {
    async fn new() -> Self {
        Self::told(|_| {}).await
    }

    async fn told(tell: impl FnOnce(&mut accrual_api::Settings)) -> Self {
        let rig = Rig::told(tell).await;
        let admin = rig.new_key(&[Scope::Admin]).await;
        Self { rig, admin }
    }

    async fn post(&self, path: &str, body: Value) -> Answer {
        self.post_with(path, body, &[]).await
    }

    async fn post_with(&self, path: &str, body: Value, headers: &[(&str, &str)]) -> Answer {
        let headers: Vec<(&str, &str)> =
            [("x-api-key", self.admin.as_str())].iter().chain(headers).copied().collect();
        self.rig.send(Method::POST, path, &headers, Some(&body)).await
    }

    async fn get(&self, path: &str) -> Answer {
        self.rig.get_with(path, &[("x-api-key", &self.admin)]).await
    }

    /// A new key of client `desk`: its text and its id.
    async fn key(&self) -> (String, String) {
        let answer = self.post("/v1/keys", json!({ "client": "desk", "env": "test" })).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        let key = answer.json()["key"].as_str().unwrap().to_owned();
        let id = answer.json()["data"]["id"].as_str().unwrap().to_owned();
        (key, id)
    }

    async fn call(&self, key: &str) -> Answer {
        self.rig.get_with("/v1/campaigns", &[("x-api-key", key)]).await
    }
}

fn texts(value: &Value) -> Vec<&str> {
    value.as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_key_is_shown_once_and_works_at_once() {
    let office = Office::new().await;
    let body = json!({
        "client": "desk", "plan": "premium", "scopes": ["read:public"], "note": "for the wall", "env": "test",
        "allowed_networks": [], "expires_at": "2030-01-01T00:00:00Z", "reason": "asked for by Ann",
    });
    let answer = office.post("/v1/keys", body).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    assert_eq!(answer.headers["cache-control"], "no-store");
    let made = answer.json();
    let key = made["key"].as_str().unwrap();
    let data = &made["data"];
    assert_eq!((data["client"].as_str(), data["plan"].as_str()), (Some("desk"), Some("premium")));
    assert_eq!(texts(&data["scopes"]), ["read:public"]);
    assert_eq!((data["state"].as_str(), data["generation"].as_u64()), (Some("active"), Some(0)));
    assert_eq!(data["expires_at"], "2030-01-01T00:00:00Z");
    for missing in ["replaces", "replaced_by", "overlap_ends_at", "revoked_at", "first_used_at"] {
        assert!(data[missing].is_null(), "{missing}");
    }
    assert_eq!(office.call(key).await.status, 200);
    let id = data["id"].as_str().unwrap();
    for path in ["/v1/keys".to_owned(), format!("/v1/keys/{id}"), "/v1/audit".to_owned()] {
        let again = office.get(&path).await;
        assert_eq!(again.status, 200);
        assert!(again.text.contains(id) && !again.text.contains(&key[22..65]), "{path} shows no secret");
    }
    let own = office.rig.get_with("/v1/keys/self", &[("x-api-key", key)]).await;
    assert_eq!((own.json()["data"]["id"].as_str(), &own.json()["rotation"]), (Some(id), &Value::Null));
}

#[tokio::test]
async fn bodies_that_are_wrong_are_told_where() {
    let office = Office::new().await;
    let cases = [
        (json!({}), "body", "client"),
        (json!({ "client": "desk", "scope": ["export"] }), "scope", "unknown field"),
        (json!({ "client": "desk", "scopes": ["reads"] }), "scopes", "is no scope"),
        (json!({ "client": "desk", "scopes": [] }), "scopes", "at least one"),
        (json!({ "client": "a b" }), "client", "no name for a client"),
        (json!({ "client": "desk", "env": "prod" }), "env", "live and test"),
        (
            json!({ "client": "desk", "allowed_networks": ["203.0.113.7/24"] }),
            "allowed_networks",
            "is no network",
        ),
        (json!({ "client": "desk", "expires_at": "tomorrow" }), "expires_at", "RFC 3339"),
        (json!({ "client": "desk", "expires_at": "2020-01-01T00:00:00Z" }), "expires_at", "in the past"),
        (json!({ "client": "desk", "note": "two\nlines" }), "note", "one line"),
        (json!({ "client": "desk", "note": office.admin }), "note", "looks like a key"),
        (json!({ "client": 5 }), "client", "expected a string"),
    ];
    for (body, parameter, detail) in cases {
        let answer = office.post("/v1/keys", body.clone()).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (400, "bad_body"), "{body}");
        let error = &answer.json()["errors"][0];
        assert_eq!(error["parameter"], parameter, "{body} {error}");
        assert!(error["detail"].as_str().unwrap().contains(detail), "{error}");
        assert!(!answer.text.contains(&office.admin[22..65]));
    }
    let kind = [("x-api-key", office.admin.as_str()), ("content-type", "text/plain")];
    let answer = office.rig.send(Method::POST, "/v1/keys", &kind, Some(&json!({}))).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (415, "unsupported_media_type"));
    assert_eq!(office.get("/v1/keys/self?x=1").await.code(), "bad_parameter");
    assert_eq!(office.get("/v1/keys/000000000000").await.code(), "not_found");
    assert_eq!(office.get("/v1/keys/nobody").await.code(), "not_found");
    assert_eq!(office.get("/v1/keys?client=nobody").await.code(), "not_found");
}

#[tokio::test]
async fn a_rotation_from_start_to_end() {
    let office = Office::new().await;
    let (old, old_id) = office.key().await;
    let path = format!("/v1/keys/{old_id}/rotation");
    let answer = office.post(&path, json!({ "overlap_seconds": 3600, "reason": "yearly" })).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    assert_eq!(answer.headers["cache-control"], "no-store");
    let made = answer.json();
    let new = made["key"].as_str().unwrap();
    assert_eq!(
        (made["data"]["state"].as_str(), made["secret_shown"].as_bool()),
        (Some("overlap"), Some(false))
    );
    assert_eq!(made["data"]["new_key"]["replaces"].as_str(), Some(old_id.as_str()));

    let ends = START + 12 + 3600;
    let answer = office.call(&old).await;
    assert_eq!(answer.status, 200);
    for (name, expected) in [
        ("accrual-key-id", old_id.as_str()),
        ("accrual-key-state", "ending"),
        ("accrual-key-ends", "2025-06-04T02:20:12Z"),
        ("deprecation", "@1749003612"),
        ("sunset", "Wed, 04 Jun 2025 02:20:12 GMT"),
        ("link", r#"</docs/keys#rotate>; rel="deprecation"; type="text/html""#),
    ] {
        assert_eq!(answer.headers[name], expected, "{name}");
    }
    let refused = office.rig.get_with("/v1/campaigns?x=1", &[("x-api-key", &old)]).await;
    assert_eq!(
        (refused.status.as_u16(), &refused.headers["accrual-key-state"]),
        (400, &"ending".parse().unwrap())
    );
    let fresh = office.call(new).await;
    assert!(fresh.status == 200 && fresh.headers.get("accrual-key-state").is_none());
    let own = office.rig.get_with("/v1/keys/self", &[("x-api-key", &old)]).await.json();
    assert_eq!(
        (own["data"]["state"].as_str(), own["rotation"]["state"].as_str()),
        (Some("ending"), Some("overlap"))
    );

    for (now, status) in [(ends - 1, 200), (ends, 401), (ends + 1, 401)] {
        office.rig.set_now(now);
        office.rig.api.keys().refresh().await.unwrap();
        let answer = office.call(&old).await;
        assert_eq!(answer.status, status, "at {now}");
        assert_eq!(office.call(new).await.status, 200);
        if status == 401 {
            let successor = &new[9..21];
            let detail = format!("Key {old_id} ended at 2025-06-04T02:20:12Z; its successor is {successor}.");
            assert_eq!(
                (answer.code().as_str(), answer.json()["detail"].as_str()),
                ("key_ended", Some(detail.as_str()))
            );
        }
    }
    let state = office.get(&path).await.json();
    assert_eq!(state["data"]["state"], "done", "though nobody wrote it down yet");
    assert_eq!(office.rig.api.keys().upkeep().await.unwrap(), 1);
    assert_eq!(office.rig.api.keys().upkeep().await.unwrap(), 0, "once");
    assert_eq!(office.get(&path).await.json()["data"]["state"], "done");
}

#[tokio::test]
async fn each_step_and_each_refusal() {
    let office = Office::new().await;
    let (old, id) = office.key().await;
    let path = |step: &str| format!("/v1/keys/{id}/rotation{step}");
    let steps = ["/finish", "/extend", "/roll_back", "/cancel", "/brownout", "/start"];
    for step in steps {
        let body =
            if step == "/extend" { json!({ "overlap_ends_at": "2025-06-05T00:00:00Z" }) } else { json!({}) };
        let answer = office.post(&path(step), body).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (409, "rotation_not_open"), "{step}");
    }
    assert_eq!(office.get(&path("")).await.code(), "rotation_not_open");
    let staged = office.post(&path(""), json!({ "start": "staged" })).await.json();
    assert_eq!(staged["data"]["state"], "staged");
    let new = staged["key"].as_str().unwrap().to_owned();
    assert_eq!(office.call(&new).await.status, 200, "accepted before the overlap begins");
    assert!(office.call(&old).await.headers.get("accrual-key-state").is_none());
    let again = office.post(&path(""), json!({})).await;
    assert_eq!((again.status.as_u16(), again.code().as_str()), (409, "rotation_open"));
    let third = office.post("/v1/keys", json!({ "client": "desk", "env": "test" })).await;
    assert_eq!((third.status.as_u16(), third.code().as_str()), (409, "key_limit"));
    assert_eq!(office.post(&path("/finish"), json!({})).await.code(), "key_state");
    assert_eq!(office.post(&path("/sideways"), json!({})).await.code(), "not_found");
    let started = office.post(&path("/start"), json!({ "overlap_seconds": 7200 })).await.json();
    assert_eq!(started["data"]["overlap_ends_at"], "2025-06-04T03:20:12Z");
    let extended = office.post(&path("/extend"), json!({ "overlap_ends_at": "2025-06-04T04:00:00Z" })).await;
    assert_eq!(extended.json()["data"]["overlap_ends_at"], "2025-06-04T04:00:00Z");
    let wrong = [
        ("/extend", json!({ "overlap_ends_at": "2025-06-04T03:00:00Z" })),
        ("/extend", json!({})),
        ("/extend", json!({ "force": true })),
        ("/finish", json!({ "seconds": 5 })),
        ("/brownout", json!({ "seconds": 61 })),
        ("/brownout", json!({ "at": "2025-06-05T00:00:00Z" })),
        ("/roll_back", json!({ "force": true })),
    ];
    for (step, body) in wrong {
        assert_eq!(office.post(&path(step), body.clone()).await.code(), "bad_body", "{step} {body}");
    }
    let browned = office.post(&path("/brownout"), json!({ "seconds": 30 })).await.json();
    assert_eq!(browned["data"]["brownout"]["ends_at"], "2025-06-04T01:20:42Z");
    office.rig.set_now(START + 20);
    let refused = office.call(&old).await;
    assert_eq!(
        (refused.code().as_str(), &refused.headers["retry-after"]),
        ("key_brownout", &"22".parse().unwrap())
    );
    assert_eq!(refused.headers["www-authenticate"], r#"Bearer realm="accrual", error="invalid_token""#);
    office.rig.set_now(START + 42);
    office.rig.api.keys().refresh().await.unwrap();
    assert_eq!(office.call(&old).await.status, 200, "and back");
    let back = office.post(&path("/roll_back"), json!({ "reason": "the deploy failed" })).await.json();
    assert_eq!(back["data"]["state"], "rolled_back");
    assert!(office.call(&old).await.headers.get("accrual-key-state").is_none(), "without an end");
    assert_eq!(office.call(&new).await.code(), "key_revoked");
    assert_eq!(office.post(&path("/roll_back"), json!({})).await.code(), "rotation_not_open");
    let audit = office.get("/v1/audit?client=desk").await.json();
    let of_key = office.get(&format!("/v1/audit?key_id={id}")).await.json();
    let rows = of_key["data"].as_array().unwrap();
    assert!(!rows.is_empty() && rows.iter().all(|row| row["key_id"] == id.as_str()), "{of_key}");
    let actor = rows[0]["actor"].as_str().unwrap();
    let by_actor = office.get(&format!("/v1/audit?actor={actor}&key_id={id}")).await.json();
    assert_eq!(by_actor["data"], of_key["data"]);
    assert_eq!(office.get("/v1/audit?actor=nobody").await.json()["data"], json!([]));
    assert_eq!(office.get("/v1/audit?key_id=zzzzzzzzzzzz").await.code(), "not_found");
    for wrong in ["key_id=no-id", "key_id=", "actor="] {
        assert_eq!(office.get(&format!("/v1/audit?{wrong}")).await.code(), "bad_parameter", "{wrong}");
    }
    let last =
        audit["data"].as_array().unwrap().iter().find(|row| row["action"] == "rotation.roll_back").unwrap();
    assert_eq!(last["reason"], "the deploy failed");
    assert!(last["actor"].as_str().unwrap().starts_with("key:"));
    assert_eq!(
        (last["before"]["state"].as_str(), last["after"]["state"].as_str()),
        (Some("ending"), Some("active"))
    );
}

#[tokio::test]
async fn a_key_in_use_is_not_finished_without_force() {
    let office = Office::new().await;
    let (old, id) = office.key().await;
    office.post(&format!("/v1/keys/{id}/rotation"), json!({})).await;
    office.call(&old).await;
    office.rig.write_uses().await;
    office.rig.set_now(START + 12 + RECENT - 1);
    let finish = format!("/v1/keys/{id}/rotation/finish");
    let answer = office.post(&finish, json!({})).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (409, "key_in_use"));
    let forced = office.post(&finish, json!({ "force": true })).await;
    assert_eq!(forced.json()["data"]["state"], "done", "{}", forced.text);
    assert_eq!(office.call(&old).await.code(), "key_ended", "at once on the server that made the change");
}

#[tokio::test]
async fn the_same_request_twice_makes_one_key_and_shows_it_once() {
    let office = Office::new().await;
    let (_, id) = office.key().await;
    let path = format!("/v1/keys/{id}/rotation");
    let repeat = [("idempotency-key", "deploy-17")];
    let first = office.post_with(&path, json!({ "overlap_seconds": 600 }), &repeat).await;
    let again = office.post_with(&path, json!({ "overlap_seconds": 600 }), &repeat).await;
    assert_eq!((first.status.as_u16(), again.status.as_u16()), (201, 200));
    let (first, again) = (first.json(), again.json());
    assert_eq!((again.get("key"), again["secret_shown"].as_bool()), (None, Some(true)));
    assert_eq!(first["data"]["id"], again["data"]["id"]);
    let other = office.post_with(&path, json!({ "overlap_seconds": 601 }), &repeat).await;
    assert_eq!((other.status.as_u16(), other.code().as_str()), (409, "idempotency_conflict"));
    let bad = office.post_with(&path, json!({}), &[("idempotency-key", "two words")]).await;
    assert_eq!(bad.code(), "bad_body");
    let create = json!({ "client": "other", "env": "test" });
    let first = office.post_with("/v1/keys", create.clone(), &[("idempotency-key", "k")]).await;
    let again = office.post_with("/v1/keys", create, &[("idempotency-key", "k")]).await;
    assert_eq!(first.json()["data"]["id"], again.json()["data"]["id"]);
    assert!(again.json().get("key").is_none());
}

#[tokio::test]
async fn a_key_exchanges_itself_but_cannot_lock_its_owner_out() {
    let office = Office::new().await;
    let (key, id) = office.key().await;
    let own = async |key: &str, body: Value| {
        office.rig.send(Method::POST, "/v1/keys/self/rotation", &[("x-api-key", key)], Some(&body)).await
    };
    let wider = own(&key, json!({ "scopes": ["admin"] })).await;
    assert_eq!(wider.code(), "bad_body", "nothing wider goes in");
    assert_eq!(own(&key, json!({ "overlap_seconds": 3599 })).await.code(), "bad_body");
    let made = own(&key, json!({ "overlap_seconds": 3600 })).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let (made, new) = (made.json(), made.json()["key"].as_str().unwrap().to_owned());
    assert_eq!(
        (made["data"]["kind"].as_str(), made["data"]["state"].as_str()),
        (Some("self"), Some("overlap"))
    );
    assert_eq!(made["data"]["old_key"]["scopes"], made["data"]["new_key"]["scopes"]);
    let told = accrual_store::dump::table(&office.rig.db, "notices").await.unwrap();
    assert!(told.iter().any(|row| row[1] == "key.rotation.started"), "its owner is told");
    for key in [&id, &new[9..21].to_owned()] {
        assert_eq!(office.post(&format!("/v1/keys/{key}/revoke"), json!({})).await.status, 200);
    }
    assert_eq!(
        (office.call(&key).await.code(), office.call(&new).await.code()),
        ("key_revoked".into(), "key_revoked".into())
    );
    let reader = office.rig.new_key(&[Scope::ReadPublic]).await;
    assert_eq!(own(&reader, json!({})).await.code(), "scope_missing");
}

#[tokio::test]
async fn an_emergency_ends_every_key_of_a_client() {
    let office = Office::new().await;
    let (first, id) = office.key().await;
    let (second, _) = office.key().await;
    let path = "/v1/clients/desk/emergency_rotation";
    let answer = office.post(path, json!({ "reason": "found on a forum" })).await;
    assert_eq!(
        (answer.status.as_u16(), &answer.headers["cache-control"]),
        (200, &"no-store".parse().unwrap())
    );
    let replaced = answer.json();
    let fresh: Vec<String> = replaced["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["key"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(fresh.len(), 2);
    for old in [&first, &second] {
        assert_eq!(office.call(old).await.code(), "key_ended");
    }
    for new in &fresh {
        assert_eq!(office.call(new).await.status, 200);
    }
    let back = office.post(&format!("/v1/keys/{id}/rotation/roll_back"), json!({})).await;
    assert_eq!(back.code(), "rotation_not_open", "there is no way back to a leaked key");
    assert_eq!(office.post("/v1/clients/nobody/emergency_rotation", json!({})).await.code(), "not_found");
}

#[tokio::test]
async fn paused_edited_and_bound_to_a_network() {
    let office = Office::new().await;
    let (key, id) = office.key().await;
    let path = |step: &str| format!("/v1/keys/{id}{step}");
    assert_eq!(office.post(&path("/pause"), json!({})).await.json()["data"]["state"], "paused");
    assert_eq!(office.call(&key).await.code(), "key_paused");
    assert_eq!(office.post(&path("/pause"), json!({})).await.code(), "key_state");
    office.post(&path("/resume"), json!({})).await;
    assert_eq!(office.call(&key).await.status, 200);
    let patch = async |body: Value| {
        office.rig.send(Method::PATCH, &path(""), &[("x-api-key", &office.admin)], Some(&body)).await
    };
    let edited =
        patch(json!({ "allowed_networks": ["203.0.113.0/24"], "expires_at": null, "note": "n" })).await;
    assert_eq!(texts(&edited.json()["data"]["allowed_networks"]), ["203.0.113.0/24"]);
    let from = async |peer: &str| office.rig.get_from("/v1/campaigns", &key, peer, None).await;
    assert_eq!(from("203.0.113.9").await.status, 200);
    let refused = from("198.51.100.7").await;
    assert_eq!((refused.status.as_u16(), refused.code().as_str()), (403, "network_not_allowed"));
    assert!(refused.text.contains("198.51.100.0/24"));
    assert_eq!(office.call(&key).await.code(), "network_not_allowed", "an unknown address is none of them");
    let forged = office.rig.get_from("/v1/campaigns", &key, "198.51.100.7", Some("203.0.113.9")).await;
    assert_eq!(forged.code(), "network_not_allowed", "nobody is believed who is no proxy of ours");
    assert_eq!(patch(json!({ "scopes": ["export"], "allowed_networks": [] })).await.status, 200);
    assert_eq!(office.call(&key).await.code(), "scope_missing", "without a new secret, at once");
}

#[tokio::test]
async fn a_proxy_of_ours_is_believed() {
    let office = Office::told(|settings| settings.trusted_proxies = "10.0.0.0/8".parse().unwrap()).await;
    let (key, id) = office.key().await;
    let body = json!({ "allowed_networks": ["203.0.113.0/24"] });
    let path = format!("/v1/keys/{id}");
    office.rig.send(Method::PATCH, &path, &[("x-api-key", &office.admin)], Some(&body)).await;
    let cases = [
        ("10.0.0.1", Some("203.0.113.9"), 200),
        ("10.0.0.1", Some("198.51.100.7, 203.0.113.9"), 200),
        ("10.0.0.1", Some("203.0.113.9, 198.51.100.7"), 403),
        ("10.0.0.1", Some("203.0.113.9, 10.0.0.2"), 200),
        ("10.0.0.1", None, 403),
        ("198.51.100.7", Some("203.0.113.9"), 403),
    ];
    for (peer, forwarded, status) in cases {
        let answer = office.rig.get_from("/v1/campaigns", &key, peer, forwarded).await;
        assert_eq!(answer.status, status, "{peer} {forwarded:?}");
    }
}

#[tokio::test]
async fn keys_of_another_environment_are_refused() {
    let live = |settings: &mut accrual_api::Settings| {
        settings.key_rules.env = Some(accrual_api::KeyEnv::Live);
    };
    let rig = Rig::told(live).await;
    let answer = rig.get("/v1/campaigns").await;
    assert_eq!(
        (answer.status.as_u16(), answer.code().as_str()),
        (401, "key_wrong_env"),
        "a test key on a live server"
    );
}

#[tokio::test]
async fn a_key_of_another_server_works_at_once_and_its_end_within_the_bound() {
    let office = Office::new().await;
    let other = Keys::new(
        office.rig.db.clone(),
        office.rig.api.settings().peppers.clone(),
        KeyRules::default(),
        office.rig.api.settings().clock.clone(),
    )
    .unwrap();
    let issued =
        other.create(crate::rig::new_key("desk", &[Scope::ReadPublic]), &Asker::default()).await.unwrap();
    let key: ApiKey = issued.key.unwrap();
    let text = key.reveal().expose_secret().to_owned();
    assert_eq!(office.call(&text).await.status, 200, "its first use is not refused");
    other.edit(key.id(), &KeyEdit::Revoke, &Asker::default()).await.unwrap();
    assert_eq!(office.call(&text).await.status, 200, "not known here yet");
    assert!(office.rig.api.keys().refresh().await.unwrap());
    assert_eq!(office.call(&text).await.code(), "key_revoked");
    assert!(!office.rig.api.keys().refresh().await.unwrap(), "nothing new");
}

#[tokio::test]
async fn without_the_database_known_keys_work_and_ending_ones_within_the_bound() {
    for (refuse_all, after) in [(false, 200), (true, 503)] {
        let office =
            Office::told(|settings| settings.key_rules.refuse_all_when_unconfirmed = refuse_all).await;
        let (old, id) = office.key().await;
        let staged = office.post(&format!("/v1/keys/{id}/rotation"), json!({})).await.json();
        let new = staged["key"].as_str().unwrap();
        office.rig.api.keys().refresh().await.unwrap();
        office.rig.set_now(START + 12 + 5);
        assert_eq!(
            (office.call(&old).await.status.as_u16(), office.call(new).await.status.as_u16()),
            (200, 200)
        );
        office.rig.set_now(START + 12 + 6);
        let refused = office.call(&old).await;
        assert_eq!((refused.status.as_u16(), refused.code().as_str()), (503, "reduced_capacity"));
        assert_eq!(refused.headers["retry-after"], "2");
        assert_eq!(office.call(new).await.status, after);
    }
}

#[tokio::test]
async fn managing_is_for_the_same_origin_and_for_its_scope() {
    let office = Office::new().await;
    let (_, id) = office.key().await;
    let origin = [("origin", "https://elsewhere.example"), ("x-api-key", office.admin.as_str())];
    let managed = office.rig.get_with("/v1/keys", &origin).await;
    assert_eq!((managed.status.as_u16(), managed.headers.get("access-control-allow-origin")), (200, None));
    let reader = office.rig.new_key(&[Scope::ReadPublic, Scope::ReadWallet, Scope::RotateSelf]).await;
    let posts = ["", "/rotation", "/rotation/finish", "/pause", "/resume", "/revoke"];
    for path in posts.iter().map(|step| format!("/v1/keys/{id}{step}")).chain([
        "/v1/keys".to_owned(),
        "/v1/audit".to_owned(),
        "/v1/clients/desk/emergency_rotation".to_owned(),
    ]) {
        for method in [Method::GET, Method::POST, Method::PATCH] {
            let answer = office.rig.send(method.clone(), &path, &[("x-api-key", &reader)], None).await;
            assert!(matches!(answer.status.as_u16(), 403 | 405), "{method} {path}: {}", answer.status);
            let nobody = office.rig.send(method.clone(), &path, &[], None).await;
            assert!(matches!(nobody.status.as_u16(), 401 | 405), "{method} {path}: {}", nobody.status);
        }
    }
}
