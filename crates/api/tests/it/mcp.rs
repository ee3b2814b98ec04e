//! `/mcp` as assistants' clients meet it: the figures are REST's, and so are keys, scopes, limits and quota.

mod admission;
mod figures;
mod form;

use axum::http::Method;
use serde_json::{Value, json};

use crate::rig::{Answer, Rig};

const NEW: &str = "2026-07-28";
const OLD: &str = "2025-11-25";
const ANSWER_BYTES_MAX: usize = 32 * 1024;

/// A request as a client of 2026-07-28 sends it, with headers beside the usual ones.
async fn request(rig: &Rig, headers: &[(&str, &str)], method: &str, mut params: Value) -> Answer {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": NEW,
        "io.modelcontextprotocol/clientInfo": { "name": "tests", "version": "1" },
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let name = params["name"].as_str().or(params["uri"].as_str()).unwrap_or_default().to_owned();
    let body = json!({ "jsonrpc": "2.0", "id": 7, "method": method, "params": params });
    let mut all = vec![
        ("accept", "application/json, text/event-stream"),
        ("mcp-protocol-version", NEW),
        ("mcp-method", method),
    ];
    if !name.is_empty() {
        all.push(("mcp-name", &name));
    }
    if !headers.iter().any(|(name, _)| *name == "host") {
        all.push(("host", "localhost:8080"));
    }
    all.extend(headers);
    rig.send(Method::POST, "/mcp", &all, Some(&body)).await
}

async fn result(rig: &Rig, method: &str, params: Value) -> Value {
    let answer = request(rig, &[("x-api-key", &rig.key)], method, params).await;
    assert_eq!(answer.status, 200, "{method}: {}", answer.text);
    let body = answer.json();
    assert_eq!(body["id"], 7, "{body}");
    assert_eq!(body["result"]["resultType"], "complete", "{body}");
    body["result"].clone()
}

async fn call(rig: &Rig, tool: &str, arguments: Value) -> Value {
    result(rig, "tools/call", json!({ "name": tool, "arguments": arguments })).await
}

/// What a tool answers as data, after a look at its form.
async fn told(rig: &Rig, tool: &str, arguments: Value) -> Value {
    let result = call(rig, tool, arguments).await;
    assert_ne!(result["isError"], true, "{tool}: {result}");
    let text = result["content"][0]["text"].as_str().unwrap();
    assert!(text.len() <= ANSWER_BYTES_MAX, "{tool}: {} bytes", text.len());
    assert!(text.starts_with(r#"{"summary":""#), "{tool}: the summary is first: {text}");
    let structured = result["structuredContent"].clone();
    assert_eq!(serde_json::from_str::<Value>(text).unwrap(), structured, "{tool}: text and data are one");
    structured
}

async fn rest(rig: &Rig, path: &str) -> Value {
    let answer = rig.get(path).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.text);
    answer.json()
}

/// Each field of `mcp` is in `rest` and the same there.
fn assert_same(mcp: &Value, rest: &Value, place: &str) {
    match (mcp, rest) {
        (Value::Object(mcp), Value::Object(rest)) => {
            for (name, value) in mcp {
                let other = rest.get(name).unwrap_or(&Value::Null);
                assert!(
                    rest.contains_key(name) || value.is_null() || *value == json!(false),
                    "{place}.{name}: not REST's"
                );
                if rest.contains_key(name) {
                    assert_same(value, other, &format!("{place}.{name}"));
                }
            }
        }
        (Value::Array(mcp), Value::Array(rest)) => {
            assert!(mcp.len() <= rest.len() && (mcp.is_empty() == rest.is_empty()), "{place}");
            for (index, (mcp, rest)) in mcp.iter().zip(rest).enumerate() {
                assert_same(mcp, rest, &format!("{place}[{index}]"));
            }
        }
        (mcp, rest) => assert_eq!(mcp, rest, "{place}"),
    }
}
