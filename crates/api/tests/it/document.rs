//! The document, the reference over it, and what points to both.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use accrual_api::app::SecurityContact;
use accrual_api::scope::Scope;
use accrual_api::serve;
use accrual_rewards::unit::UnixSeconds;
use axum::http::Method;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::rig::{Rig, address};

async fn document(rig: &Rig) -> Value {
    rig.get_with("/openapi.json", &[]).await.json()
}

/// Each path, method and operation.
fn operations(document: &Value) -> Vec<(&str, &str, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    let methods = paths.iter().flat_map(|(path, item)| {
        item.as_object().unwrap().iter().map(move |(method, one)| (path.as_str(), method.as_str(), one))
    });
    methods.collect()
}

#[tokio::test]
async fn the_document_needs_no_key_and_is_sent_once() {
    let rig = Rig::new(1).await;
    let answer = rig.get_with("/openapi.json", &[]).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers["content-type"], "application/json");
    assert!(answer.json()["openapi"].as_str().unwrap().starts_with("3.1."));
    assert_eq!(answer.text, accrual_api::document::text());
    let etag = answer.headers["etag"].to_str().unwrap();
    let again = rig.get_with("/openapi.json", &[("if-none-match", etag)]).await;
    assert_eq!(
        (again.status.as_u16(), again.text.as_str(), &again.headers["etag"]),
        (304, "", &answer.headers["etag"])
    );
    assert_eq!(rig.get_with("/openapi.json", &[("if-none-match", "\"other\"")]).await.status, 200);
}

/// Where there is something behind a parameter of a path.
fn filled(path: &str) -> String {
    let id = if path.starts_with("/v1/campaigns") { "first" } else { "usdc-tmai" };
    path.replace("{id}", id)
        .replace("{address}", &address(1).to_checksum(None))
        .replace("{account}", &address(1).to_checksum(None))
        .replace("{code}", "internal")
        .replace("{file}", "none.js")
}

#[tokio::test]
async fn calls_take_the_parameters_that_are_described_and_no_other() {
    let rig = Rig::new(1).await;
    let document = document(&rig).await;
    let mut probed = 0;
    for (path, _, operation) in operations(&document).into_iter().filter(|(_, method, _)| *method == "get") {
        // Merkl's API leaves alone what it does not know, and so does ours in its place.
        if ["pages", "merkl"].iter().any(|tag| operation["tags"][0] == *tag)
            || path.starts_with("/v1/sign_in")
        {
            continue;
        }
        let answer = rig.get(&format!("{}?nonsense=1", filled(path))).await;
        assert_eq!(answer.code(), "bad_parameter", "{path}: {}", answer.text);
        let errors = answer.json();
        let detail = errors["errors"].as_array().unwrap().iter().find(|one| one["parameter"] == "nonsense");
        let detail = detail.unwrap()["detail"].as_str().unwrap().to_owned();
        let taken: BTreeSet<&str> = match detail.split_once("this call takes ").unwrap().1 {
            "none" => BTreeSet::new(),
            names => names.split(", ").collect(),
        };
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let described: BTreeSet<&str> =
            parameters.filter(|one| one["in"] == "query").map(|one| one["name"].as_str().unwrap()).collect();
        assert_eq!(taken, described, "{path}");
        probed += 1;
    }
    assert!(probed > 20, "{probed}");
}

#[tokio::test]
async fn a_path_takes_the_methods_that_are_described_and_no_other() {
    let rig = Rig::new(1).await;
    let document = document(&rig).await;
    for (path, item) in document["paths"].as_object().unwrap() {
        if path.starts_with("/v1/sign_in") {
            continue;
        }
        let answer = rig.send(Method::PUT, &filled(path), &[("x-api-key", &rig.key)], None).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (405, "method_not_allowed"),
            "PUT {path}"
        );
        let allowed: BTreeSet<String> = answer.headers["allow"]
            .to_str()
            .unwrap()
            .split(',')
            .map(|name| name.trim().to_lowercase())
            .collect();
        let mut described: BTreeSet<String> = item.as_object().unwrap().keys().cloned().collect();
        if described.contains("get") {
            described.insert("head".to_owned());
        }
        assert_eq!(allowed, described, "{path}");
    }
}

/// Every answer that the rig can give is held against its schema: no field is missing, none is there that is not described.
#[tokio::test]
async fn answers_are_as_described() {
    let rig = Rig::new(3).await;
    let document = document(&rig).await;
    let queries = [
        ("/v1/simulate", "?pool=usdc-tmai&amount_usd=1000&tick_lower=-600&tick_upper=600"),
        ("/v1/treasury", "?token=0xa1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1"),
        ("/v1/accounts/{address}/positions", "?explain=true"),
    ];
    let mut held = 0;
    for (path, _, operation) in operations(&document).into_iter().filter(|(_, method, _)| *method == "get") {
        let schema = &operation["responses"]["200"]["content"]["application/json"]["schema"];
        if schema.is_null() || path.starts_with("/v1/sign_in") || path.contains("/v1/webhooks/") {
            continue;
        }
        if path.contains("/v1/keys/{id}") || path == "/openapi.json" || operation["tags"][0] == "merkl" {
            continue;
        }
        // Nothing was ever compared with Merkl here.
        if path.ends_with("/reconciliation") {
            continue;
        }
        let query = queries.iter().find(|(one, _)| *one == path).map_or("", |(_, query)| query);
        let answer = rig.get(&format!("{}{query}", filled(path))).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        let mut faults = Vec::new();
        hold(&document, schema, &answer.json(), path, &mut faults);
        assert!(faults.is_empty(), "{path}: {faults:#?}\n{}", answer.text);
        held += 1;
    }
    assert!(held > 15, "{held}");
}

fn hold(document: &Value, schema: &Value, value: &Value, place: &str, faults: &mut Vec<String>) {
    if let Some(reference) = schema["$ref"].as_str() {
        return hold(document, document.pointer(&reference[1..]).unwrap(), value, place, faults);
    }
    let forms = schema["oneOf"].as_array().or(schema["anyOf"].as_array());
    if let Some(forms) = forms {
        let tries: Vec<Vec<String>> = forms
            .iter()
            .map(|form| {
                let mut faults = Vec::new();
                hold(document, form, value, place, &mut faults);
                faults
            })
            .collect();
        if tries.iter().all(|faults| !faults.is_empty()) {
            faults.push(format!("{place} is none of its forms: {value}: {tries:?}"));
        }
        return;
    }
    let types: Vec<&str> = match &schema["type"] {
        Value::Array(types) => types.iter().map(|one| one.as_str().unwrap()).collect(),
        Value::String(one) => vec![one],
        _ => Vec::new(),
    };
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_i64() || number.is_u64() => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    if !types.is_empty() && !types.contains(&kind) {
        faults.push(format!("{place} is {kind}, not {types:?}"));
        return;
    }
    if let Some(items) = value.as_array() {
        items.iter().for_each(|item| hold(document, &schema["items"], item, &format!("{place}[]"), faults));
    }
    let Some(found) = value.as_object() else { return };
    let (mut fields, mut required) = (Vec::new(), BTreeSet::new());
    members(document, schema, value, &mut fields, &mut required);
    if fields.is_empty() {
        return;
    }
    for (name, value) in found {
        match fields.iter().find(|(field, _)| field == name) {
            Some((_, field)) => hold(document, field, value, &format!("{place}.{name}"), faults),
            None => faults.push(format!("{place}.{name} is not described")),
        }
    }
    for name in required.iter().filter(|name| !found.contains_key(**name)) {
        faults.push(format!("{place}.{name} is missing"));
    }
}

/// The fields of an object, those of its parts too; of parts with several forms, those of the form that fits.
fn members<'a>(
    document: &'a Value,
    schema: &'a Value,
    value: &Value,
    fields: &mut Vec<(&'a str, &'a Value)>,
    required: &mut BTreeSet<&'a str>,
) {
    if let Some(reference) = schema["$ref"].as_str() {
        return members(document, document.pointer(&reference[1..]).unwrap(), value, fields, required);
    }
    fields.extend(
        schema["properties"].as_object().into_iter().flatten().map(|(name, field)| (name.as_str(), field)),
    );
    required.extend(schema["required"].as_array().into_iter().flatten().map(|name| name.as_str().unwrap()));
    for part in schema["allOf"].as_array().into_iter().flatten() {
        members(document, part, value, fields, required);
    }
    for form in schema["oneOf"].as_array().into_iter().flatten() {
        let (mut own, mut needs) = (Vec::new(), BTreeSet::new());
        members(document, form, value, &mut own, &mut needs);
        if needs.iter().all(|name| value.get(name).is_some()) {
            fields.extend(own);
            required.extend(needs);
            return;
        }
    }
}

#[tokio::test]
async fn the_reference_loads_nothing_from_elsewhere() {
    let rig = Rig::new(1).await;
    for (path, kind) in [
        ("/docs", "text/html"),
        ("/docs/reference.js", "text/javascript"),
        ("/docs/snippets.js", "text/javascript"),
        ("/docs/reference.css", "text/css"),
        ("/docs/keys", "text/html"),
        ("/problems/key_ended", "text/html"),
    ] {
        let answer = rig.get_with(path, &[]).await;
        assert_eq!(answer.status, 200, "{path}");
        assert!(answer.headers["content-type"].to_str().unwrap().starts_with(kind), "{path}");
        let policy = answer.headers["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none';") && !policy.contains("unsafe"), "{policy}");
        for foreign in [
            "src=\"http",
            "href=\"http",
            "//cdn",
            "src=\"//",
            "@import",
            "url(",
            "innerHTML",
            "style=\"",
            "onclick=\"",
        ] {
            assert!(!answer.text.contains(foreign), "{path} has {foreign}");
        }
    }
}

#[tokio::test]
async fn the_link_of_an_ending_key_leads_to_its_words() {
    let rig = Rig::new(1).await;
    let page = rig.get_with("/docs/keys", &[]).await.text;
    assert!(page.contains("id=\"rotate\"") && page.contains("id=\"the-normal-rotation\""), "{page}");
    assert!(page.contains("<table>") && page.contains("accrual keys rotate"), "the guide is there");
    assert!(!page.contains(".md\""), "no link leads into the repository");
}

#[tokio::test]
async fn what_points_to_the_document() {
    let rig = Rig::new(1).await;
    let document = document(&rig).await;
    let llms = rig.get_with("/llms.txt", &[]).await.text;
    assert!(llms.starts_with("# accrual\n\n> "), "{llms}");
    assert!(
        llms.contains(&format!("\n{} calls. ", operations(&document).len())),
        "the count is the document's"
    );
    for (path, method, operation) in operations(&document) {
        let id = operation["operationId"].as_str().unwrap();
        let line = format!("- [{} {path}](/docs#{id}): ", method.to_uppercase());
        assert!(llms.contains(&line), "{line} is not in {llms}");
    }
    let catalog = rig.get_with("/.well-known/api-catalog", &[]).await;
    assert!(catalog.headers["content-type"].to_str().unwrap().starts_with("application/linkset+json;"));
    let links = &catalog.json()["linkset"][0];
    for (relation, targets) in links.as_object().unwrap().iter().filter(|(name, _)| *name != "anchor") {
        for target in targets.as_array().unwrap() {
            let answer = rig.get_with(target["href"].as_str().unwrap(), &[]).await;
            let kind = answer.headers["content-type"].to_str().unwrap();
            assert!(
                answer.status == 200 && kind.starts_with(target["type"].as_str().unwrap()),
                "{relation} {target}"
            );
        }
    }
}

#[tokio::test]
async fn weaknesses_are_told_to_whom_the_operator_names_or_to_nobody() {
    let answer = Rig::empty(None).await.get_with("/.well-known/security.txt", &[]).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (404, "not_found"));
    let contact = SecurityContact {
        contact: "mailto:security@rewards.example".to_owned(),
        expires_at: UnixSeconds(1_780_000_000),
    };
    let rig = Rig::told(|settings| settings.security = Some(contact)).await;
    let answer = rig.get_with("/.well-known/security.txt", &[]).await;
    assert_eq!(answer.headers["content-type"], "text/plain; charset=utf-8");
    assert_eq!(answer.text, "Contact: mailto:security@rewards.example\nExpires: 2026-05-28T20:26:40Z\n");
}

const WRITER: &str = r#"
import { call, languages } from "./snippets.mjs";
let text = "";
for await (const part of process.stdin) text += part;
const { document, origin, cases } = JSON.parse(text);
const written = cases.map(({ path, method, values, body }) => {
  const asked = call(origin, path, method, document.paths[path][method], values, body);
  return Object.fromEntries(Object.entries(languages).map(([name, { write }]) => [name, write(asked)]));
});
console.log(JSON.stringify(written));
"#;

/// What the reference writes for each case, by language.
fn written(document: &Value, origin: &str, cases: &Value) -> Vec<Value> {
    let folder = tempfile::tempdir().unwrap();
    let source = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/docs/snippets.js");
    std::fs::copy(source, folder.path().join("snippets.mjs")).unwrap();
    let writer = folder.path().join("writer.mjs");
    std::fs::write(&writer, WRITER).unwrap();
    let input = json!({ "document": document, "origin": origin, "cases": cases }).to_string();
    let output = run(Command::new("node").arg(writer), &input);
    serde_json::from_str(&output).unwrap()
}

/// What a program says, given `input`.
fn run(command: &mut Command, input: &str) -> String {
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = child.unwrap_or_else(|error| panic!("{command:?}: {error}"));
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Snippets are run as their readers would run them. Rust's is compiled as `examples/snippet.rs`, which must be what the
/// reference writes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn snippets_do_what_they_say() {
    let rig = Rig::new(2).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let shutdown = CancellationToken::new();
    let server = tokio::spawn(serve(rig.api.clone(), listener, shutdown.clone()));
    let document = document(&rig).await;
    let cases = json!([
        { "path": "/v1/campaigns/{id}/accruals", "method": "get", "values": { "id": "first", "limit": "1" }, "body": "" },
        { "path": "/v1/pools/{id}", "method": "get", "values": { "id": "it's \"none\"" }, "body": "" },
        { "path": "/health/live", "method": "get", "values": {}, "body": "" },
        { "path": "/v1/keys", "method": "post", "values": { "Idempotency-Key": "snippets" },
          "body": "{\n  \"client\": \"it's one \\\"desk\\\"\",\n  \"env\": \"test\"\n}" },
    ]);
    let key = rig.key.clone();
    let texts = tokio::task::spawn_blocking(move || {
        let snippets = written(&document, &origin, &cases);
        let told = |program: &str, arguments: &[&str], snippet: &str| {
            run(Command::new(program).args(arguments).env("ACCRUAL_KEY", &key), snippet)
        };
        let mut texts: Vec<Vec<(String, String)>> = Vec::new();
        for snippet in &snippets {
            let text = |name: &str| snippet[name].as_str().unwrap().to_owned();
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("main.go");
            std::fs::write(&file, text("go")).unwrap();
            texts.push(vec![
                ("curl".to_owned(), told("sh", &["-s"], &text("curl"))),
                ("python".to_owned(), told("python3", &["-"], &text("python"))),
                ("javascript".to_owned(), told("node", &["-"], &text("javascript"))),
                ("go".to_owned(), told("go", &["run", file.to_str().unwrap()], "")),
            ]);
        }
        texts
    })
    .await
    .unwrap();
    for answers in texts {
        let mut first: Option<Value> = None;
        for (name, text) in answers {
            let mut answer: Value =
                serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}: {text}"));
            // What differs from call to call: the request's name, and whether the key is shown for the first time.
            for field in ["request_id", "key", "secret_shown"] {
                answer.as_object_mut().unwrap().remove(field);
            }
            assert_eq!(*first.get_or_insert_with(|| answer.clone()), answer, "{name}");
        }
    }
    shutdown.cancel();
    server.await.unwrap().unwrap();
}

#[tokio::test]
async fn the_snippet_in_rust_compiles() {
    let document = document(&Rig::new(1).await).await;
    let cases = json!([{ "path": "/v1/keys", "method": "post", "values": { "Idempotency-Key": "snippets" },
        "body": "{\"client\": \"desk\"}" }]);
    let snippet = written(&document, "http://127.0.0.1:8080", &cases)[0]["rust"].as_str().unwrap().to_owned();
    let example = include_str!("../../examples/snippet.rs");
    let (_, code) = example.split_once("\n\n").unwrap();
    assert_eq!(code, snippet, "examples/snippet.rs is what the reference writes");
}

/// What may be called without a scope: one's own key and bill, with any key.
const WITH_ANY_KEY: [&str; 3] = ["/v1/keys/self", "/v1/usage", "/v1/usage/invoice"];

/// Every call takes the scope that is described and no other will do; what needs none is named here.
#[tokio::test]
async fn each_call_has_its_scope() {
    let rig = Rig::new(1).await;
    let document = document(&rig).await;
    let mut keys = Vec::new();
    for scope in Scope::ALL {
        let others: Vec<Scope> = Scope::ALL.into_iter().filter(|one| *one != scope).collect();
        keys.push((scope.as_str(), rig.new_key(&[scope]).await, rig.new_key(&others).await));
    }
    let (mut held, mut with_any) = (BTreeSet::new(), BTreeSet::new());
    for (path, method, operation) in operations(&document) {
        if operation["security"] == json!([]) {
            let start =
                ["/v1/sign_in", "/v1/", "/v4/", "/mcp"].into_iter().find(|start| path.starts_with(start));
            assert!(matches!(start, None | Some("/v1/sign_in")), "{method} {path} is open to all");
            continue;
        }
        let method: Method = method.to_uppercase().parse().unwrap();
        let ask =
            async |key: &str| rig.send(method.clone(), &filled(path), &[("x-api-key", key)], None).await;
        let nobody = rig.send(method.clone(), &filled(path), &[], None).await;
        assert_eq!(nobody.status, 401, "{method} {path}: {}", nobody.text);
        let Some(scope) = operation["x-scope"].as_str() else {
            with_any.insert(path);
            continue;
        };
        let (_, only, others) = keys.iter().find(|(name, ..)| *name == scope).unwrap();
        let refused = ask(others).await;
        assert_eq!(refused.status, 403, "{method} {path} without {scope}: {}", refused.text);
        // A stream's answer has no end.
        if path != "/v1/stream" {
            let served = ask(only).await;
            assert!(![401, 403, 405].contains(&served.status.as_u16()), "{method} {path}: {}", served.text);
        }
        held.insert(scope);
    }
    assert_eq!(with_any, BTreeSet::from(WITH_ANY_KEY));
    let unused: Vec<&str> =
        Scope::ALL.map(Scope::as_str).into_iter().filter(|name| !held.contains(name)).collect();
    assert_eq!(unused, ["export"], "no call needs it yet");
}

/// Documents that tell which call to make.
const GUIDES: [&str; 4] =
    ["docs/keys.md", "docs/secret-managers.md", "docs/runbooks/key-leak.md", "examples/clients/README.md"];

/// Each `/v1/..` of a text, with the method that stands before it.
fn told_calls(text: &str) -> Vec<(Option<String>, String)> {
    let calls = text.match_indices("/v1/").map(|(at, _)| {
        let is_path = |c: char| c.is_ascii_alphanumeric() || "/_{}$".contains(c);
        let path: String = text[at..].chars().take_while(|c| is_path(*c)).collect();
        let before = text[..at].trim_end_matches(['`', ' ']).rsplit([' ', '`', '\n', '|', '(']).next();
        let methods = ["GET", "POST", "PATCH", "DELETE"];
        let method = before.filter(|word| methods.contains(word)).map(str::to_lowercase);
        (method, path.trim_end_matches('/').to_owned())
    });
    calls.collect()
}

/// Whether `path` is one of the form `form`, whose steps are `steps`.
fn has_form(path: &str, form: &str, steps: &[&str]) -> bool {
    let (path, form) = (path.split('/').collect::<Vec<_>>(), form.split('/').collect::<Vec<_>>());
    path.len() == form.len()
        && path.iter().zip(form).all(|(part, place)| match place {
            "{step}" => steps.contains(part),
            _ => place.starts_with('{') || *part == place,
        })
}

#[tokio::test]
async fn the_guides_tell_of_calls_that_there_are() {
    let document = document(&Rig::new(1).await).await;
    let steps = document["components"]["schemas"]["Step"]["enum"].as_array().unwrap();
    let steps: Vec<&str> = steps.iter().map(|step| step.as_str().unwrap()).collect();
    let mut held = 0;
    for guide in GUIDES {
        let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").join(guide);
        let text = std::fs::read_to_string(file).unwrap();
        for (method, path) in told_calls(&text) {
            let is_there = operations(&document).into_iter().any(|(form, one, _)| {
                has_form(&path, form, &steps) && method.as_ref().is_none_or(|method| method == one)
            });
            assert!(is_there, "{guide} tells of {method:?} {path}");
            held += 1;
        }
        // `POST .../rotation/cancel` is short for a path that was written in full before.
        for (at, _) in text.match_indices(".../") {
            let part: String =
                text[at + 4..].chars().take_while(|c| c.is_ascii_lowercase() || "/_".contains(*c)).collect();
            let path = format!("/v1/keys/x/{part}");
            let is_there = operations(&document).into_iter().any(|(form, ..)| has_form(&path, form, &steps));
            assert!(is_there, "{guide} tells of .../{part}");
        }
    }
    assert!(held > 15, "{held}");
}
