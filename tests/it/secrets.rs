//! What a whole run leaves behind: its log with every line switched on, and every row of every table, hold no secret. And a
//! server that is killed between the commit and the answer leaves no key that nobody can find.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use accrual_rehearsal::Rng;
use accrual_tests::binary::{self, Running, command};
use accrual_tests::config;
use accrual_tests::db::{Fresh, dump, on_each_engine};
use reqwest::Method;
use serde_json::{Value, json};

/// A running `accrual serve` with an administrator's key.
struct Office {
    running: Running,
    url: String,
    admin: String,
    http: reqwest::Client,
}

impl Office {
    async fn open(config: &Path, admin: &str) -> Self {
        let mut running = binary::start(command(&["serve", "--config", binary::text(config), "-vv"]));
        let line = running.line_with("API and page: ").await;
        let url = line.split_once("page: ").unwrap().1.trim_end_matches('/').to_owned();
        Self { running, url, admin: admin.to_owned(), http: reqwest::Client::new() }
    }

    fn request(&self, method: Method, path: &str, body: Option<&Value>) -> reqwest::RequestBuilder {
        let request =
            self.http.request(method, format!("{}{path}", self.url)).header("x-api-key", &self.admin);
        match body {
            Some(body) => request.header("content-type", "application/json").body(body.to_string()),
            None => request,
        }
    }

    async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Value {
        let answer = self.request(method, path, body).send().await.unwrap();
        let text = answer.text().await.unwrap();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}: {text}"))
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        self.ask(Method::POST, path, Some(&body)).await
    }

    async fn call(&self, key: &str) -> u16 {
        let request = self.http.get(format!("{}/v1/campaigns", self.url)).header("x-api-key", key);
        request.send().await.unwrap().status().as_u16()
    }
}

/// A configuration over a fresh database, and an administrator's key in it.
async fn prepared(fresh: &Fresh, folder: &Path) -> (PathBuf, String) {
    let head = config::head(&fresh.url_text, 8453, "http://127.0.0.1:1");
    let pepper = folder.join("pepper");
    std::fs::write(&pepper, format!("1:{}\n", "5e".repeat(32))).unwrap();
    let text = format!(
        "{head}[keys]\npepper_file = \"{}\"\naudit_heads_file = \"{}\"\n",
        pepper.display(),
        folder.join("heads").display()
    );
    let path = config::write_text(folder, &text);
    let admin = admin(&path, "office").await;
    (path, admin)
}

async fn admin(config: &Path, client: &str) -> String {
    let scopes = "admin,webhooks,read:public,read:wallet";
    let arguments = ["keys", "create", "--client", client, "--plan", "vip", "--scopes", scopes];
    let made = binary::run(&[&arguments[..], &["--config", binary::text(config)]].concat()).await;
    assert_eq!(made.code, 0, "{}", made.stderr);
    made.stdout.trim().to_owned()
}

/// Every text below `value` that is a key or a signing secret.
fn secrets(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::String(text) if text.starts_with("acr_") && text.len() == 71 => {
            found.insert(text[22..65].to_owned());
        }
        Value::String(text) if text.starts_with("whsec_") => {
            found.insert(text["whsec_".len()..].to_owned());
        }
        Value::Array(values) => values.iter().for_each(|value| secrets(value, found)),
        Value::Object(fields) => fields.values().for_each(|value| secrets(value, found)),
        _ => {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_run_leaves_no_secret_in_its_log_nor_in_any_table() {
    on_each_engine(async |fresh| {
        let folder = tempfile::tempdir().unwrap();
        let (config, admin) = prepared(fresh, folder.path()).await;
        let office = Office::open(&config, &admin).await;
        let mut found = BTreeSet::from([admin[22..65].to_owned()]);
        let mut posts = Vec::new();
        let scopes = json!(["read:public", "keys:rotate_self"]);
        posts.push(office.post("/v1/keys", json!({ "client": "desk", "scopes": scopes })).await);
        let key = posts[0]["key"].as_str().unwrap().to_owned();
        let id = posts[0]["data"]["id"].as_str().unwrap().to_owned();
        assert_eq!(office.call(&key).await, 200);
        // Where people put keys by mistake.
        let note = json!({ "client": "other", "note": format!("like {key}"), "reason": key });
        posts.push(office.post("/v1/keys", note).await);
        for path in [format!("/v1/pools?key={key}"), format!("/v1/pools/{key}"), format!("/{key}")] {
            office.ask(Method::GET, &path, None).await;
        }
        office.post("/v1/keys", json!({ "client": "desk", key.as_str(): 1 })).await;
        office.post(&format!("/v1/keys/{key}/revoke"), json!({ "reason": key })).await;
        let own = office.http.post(format!("{}/v1/keys/self/rotation", office.url)).header("x-api-key", &key);
        let own = own.header("content-type", "application/json").header("user-agent", &key);
        let own: Value = own.body("{}").send().await.unwrap().json().await.unwrap();
        posts.push(own);
        posts.push(office.post(&format!("/v1/keys/{id}/rotation/roll_back"), json!({})).await);
        posts.push(office.post("/v1/clients/desk/emergency_rotation", json!({ "reason": "found" })).await);
        let hook = json!({ "url": "https://example.invalid/hook", "events": ["key.revoked"] });
        posts.push(office.post("/v1/webhooks", hook).await);
        posts.iter().for_each(|answer| secrets(answer, &mut found));
        assert!(found.len() >= 5, "keys and a signing secret were made: {posts:?}");
        for path in ["/v1/keys", "/v1/audit", "/v1/usage", "/v1/webhooks"] {
            let shown = office.ask(Method::GET, path, None).await;
            assert!(shown["data"].is_array() || shown.is_object(), "{shown}");
            clean(path, &shown.to_string(), &found);
        }
        // What is counted behind the answers is written each second.
        tokio::time::sleep(Duration::from_secs(2)).await;
        let ended = office.running.terminate().await;
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        assert!(ended.stderr.lines().count() > 12, "the log was switched on: {}", ended.stderr);
        clean("the log", &ended.stderr, &found);
        let mut rows = 0;
        for (table, table_rows) in dump(&fresh.db).await {
            rows += table_rows.len();
            clean(table, &format!("{table_rows:?}"), &found);
        }
        assert!(rows > 30, "{rows} rows were searched");
    })
    .await;
}

fn clean(place: &str, text: &str, secrets: &BTreeSet<String>) {
    for secret in secrets {
        assert!(!text.contains(secret), "a secret stands in {place}");
    }
}

const KILLS: u64 = 10;

#[tokio::test(flavor = "multi_thread")]
async fn killed_before_it_could_answer_the_same_request_finds_what_was_made() {
    on_each_engine(async |fresh| {
        let folder = tempfile::tempdir().unwrap();
        let (config, admin) = prepared(fresh, folder.path()).await;
        let mut rng = Rng::new(7);
        let (mut office, mut unanswered) = (Office::open(&config, &admin).await, 0);
        for round in 0..KILLS {
            // A server that is killed takes its part of its callers' minute with it: each round has a caller of its own.
            office.admin = self::admin(&config, &format!("office-{round}")).await;
            let made = office.post("/v1/keys", json!({ "client": format!("desk-{round}") })).await;
            let id = made["data"]["id"].as_str().unwrap().to_owned();
            let rotation = format!("/v1/keys/{id}/rotation");
            let repeated = |office: &Office| {
                let request = office.request(Method::POST, &rotation, Some(&json!({})));
                request.header("idempotency-key", format!("round-{round}")).send()
            };
            let first = tokio::spawn(repeated(&office));
            tokio::time::sleep(Duration::from_millis(rng.between(0, 25))).await;
            office.running.kill().await;
            let first = match first.await.unwrap() {
                Ok(answer) => answer.json::<Value>().await.ok(),
                Err(_) => None,
            };
            unanswered += u64::from(first.is_none());

            office = Office::open(&config, &office.admin).await;
            let again = repeated(&office).await.unwrap().json::<Value>().await.unwrap();
            let (old, new) = (&again["data"]["old_key"]["id"], &again["data"]["new_key"]["id"]);
            assert_eq!(old, &json!(id), "{again}");
            if let Some(first) = &first {
                assert_eq!(
                    new, &first["data"]["new_key"]["id"],
                    "one rotation, however often it is asked for"
                );
            }
            assert_eq!(again["key"].is_string(), again["secret_shown"] != json!(true), "{again}");
            let shown = again["key"].as_str().or(first.as_ref().and_then(|first| first["key"].as_str()));
            if let Some(key) = shown {
                assert_eq!(office.call(key).await, 200);
            }
            // Whether or not anybody was shown it, it is listed and can be ended.
            let listed = office.ask(Method::GET, &format!("/v1/keys?client=desk-{round}"), None).await;
            let accepted = listed["data"].as_array().unwrap();
            assert_eq!(accepted.len(), 2, "{listed}");
            assert!(accepted.iter().any(|key| key["id"] == *new), "{listed}");
            let revoked = office.post(&format!("/v1/keys/{}/revoke", new.as_str().unwrap()), json!({})).await;
            assert_eq!(revoked["data"]["state"], "revoked", "{revoked}");
            if let Some(key) = shown {
                assert_eq!(office.call(key).await, 401);
            }
        }
        println!("{}: {unanswered} of {KILLS} requests got no answer", fresh.engine);
        let ended = office.running.terminate().await;
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        the_audit_is_held_against_its_notes(fresh, &config, &folder.path().join("heads")).await;
    })
    .await;
}

/// Each start of a server notes the audit's newest entry. A chain that lost its end is unbroken, and only the notes show it.
async fn the_audit_is_held_against_its_notes(fresh: &Fresh, config: &Path, heads: &Path) {
    let config = ["--config", binary::text(config)];
    let plain = [&["check", "audit"], &config[..]].concat();
    let noted = [&["check", "audit", "--heads", binary::text(heads)], &config[..]].concat();
    for arguments in [&plain, &noted] {
        let checked = binary::run(arguments).await;
        assert_eq!(checked.code, 0, "{}", checked.stderr);
    }
    fresh.raw("delete from audit where seq >= (select max(seq) - 20 from audit)").await;
    assert_eq!(binary::run(&plain).await.code, 0, "what is left is a chain");
    let checked = binary::run(&noted).await;
    assert_eq!(checked.code, 1, "{}", checked.stdout);
    assert!(checked.stderr.contains("the audit was cut off: it ends at entry "), "{}", checked.stderr);

    // One row that somebody changed is named, and so is the gap that a row leaves.
    let breaks = [
        ("update audit set reason = 'nothing' where seq = 5", "the audit breaks at entry 5: its content"),
        ("delete from audit where seq = 3", "the audit breaks at entry 3: the next row there is entry 4"),
    ];
    for (statement, words) in breaks {
        fresh.raw(statement).await;
        let checked = binary::run(&plain).await;
        assert_eq!(checked.code, 1, "{}", checked.stdout);
        assert!(checked.stderr.contains(words), "{statement}: {}", checked.stderr);
    }
}
