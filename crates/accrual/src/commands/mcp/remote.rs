//! Messages from standard input to a server's `/mcp`, and its answers to standard output: a line each.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use accrual_api::ApiKey;
use anyhow::Context;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode, Url};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Stdout};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::failure::{Failure, Outcome};

const KEY_VARIABLE: &str = "ACCRUAL_KEY";
const TIMEOUT: Duration = Duration::from_secs(60);
/// JSON-RPC's code for what went wrong on the way.
const FAILED: i64 = -32_000;

/// A server elsewhere.
struct Remote {
    client: Client,
    url: Url,
    key_file: Option<std::path::PathBuf>,
    /// What `initialize` agreed on, for revisions in which each later request repeats it.
    agreed: Mutex<Option<String>>,
}

pub(super) async fn pass_on(url: &str, key_file: Option<&Path>, shutdown: &CancellationToken) -> Outcome {
    let client = Client::builder().timeout(TIMEOUT).redirect(Policy::none()).build()?;
    let remote = Remote {
        client,
        url: checked(url)?,
        key_file: key_file.map(Path::to_owned),
        agreed: Mutex::default(),
    };
    // Said now, while somebody looks, and not with the first question.
    remote.key()?;
    let remote = Arc::new(remote);
    let stdout = Arc::new(tokio::sync::Mutex::new(tokio::io::stdout()));
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let mut running = JoinSet::new();
    loop {
        let line = tokio::select! {
            line = lines.next_line() => line.context("standard input")?,
            () = shutdown.cancelled() => return Ok(()),
        };
        let Some(line) = line else { break };
        if line.trim().is_empty() {
            continue;
        }
        let (remote, stdout) = (Arc::clone(&remote), Arc::clone(&stdout));
        running.spawn(async move {
            match remote.answer(&line).await {
                Some(answer) => say(&stdout, &answer).await,
                None => Ok(()),
            }
        });
        while let Some(ended) = running.try_join_next() {
            ended??;
        }
    }
    while let Some(ended) = running.join_next().await {
        ended??;
    }
    Ok(())
}

async fn say(stdout: &tokio::sync::Mutex<Stdout>, answer: &Value) -> std::io::Result<()> {
    let mut stdout = stdout.lock().await;
    stdout.write_all(format!("{answer}\n").as_bytes()).await?;
    stdout.flush().await
}

/// The server's URL. A key goes over TLS, or does not leave the machine.
fn checked(text: &str) -> Result<Url, Failure> {
    let wrong = |what: &str| Failure::usage(format!("--url {text}: {what}"));
    let url: Url = text.parse().map_err(|_| wrong("is no URL: write it as https://api.example.org/mcp"))?;
    let is_near = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_near => Ok(url),
        _ => Err(wrong("a key would go over the network in the clear: use https://")),
    }
}

impl Remote {
    /// The key as it is now: a file is read anew each time, so that an exchanged key is taken up.
    fn key(&self) -> Result<ApiKey, Failure> {
        let (place, text) = match &self.key_file {
            Some(path) => {
                let place = path.display().to_string();
                let text = std::fs::read_to_string(path).map_err(|error| {
                    Failure::usage(format!("--key-file {place}: cannot be read ({error})"))
                })?;
                (place, text)
            }
            None => {
                let text = std::env::var(KEY_VARIABLE).map_err(|_| {
                    Failure::usage(format!(
                        "there is no key: set {KEY_VARIABLE}, or name a file with --key-file"
                    ))
                })?;
                (KEY_VARIABLE.to_owned(), text)
            }
        };
        text.trim().parse().map_err(|_| {
            Failure::usage(format!(
                "{place}: is no key: acr_live_... or acr_test_..., 71 characters; copy it again"
            ))
        })
    }

    /// What goes back for a message; nothing for one that expects nothing.
    async fn answer(&self, line: &str) -> Option<Value> {
        let Ok(message) = serde_json::from_str::<Value>(line) else {
            return Some(failed(&Value::Null, -32_700, "this line is no JSON"));
        };
        let id = message["id"].clone();
        let answer = match self.send(&message, line.to_owned()).await {
            Ok(answer) => answer,
            Err(what) => Some(failed(&id, FAILED, &what)),
        };
        if id.is_null() {
            return None;
        }
        let mut answer = answer.unwrap_or_else(|| failed(&id, FAILED, "the server did not answer a request"));
        if answer.get("id").is_none_or(Value::is_null) {
            answer["id"] = id;
        }
        if let Some(version) = answer["result"]["protocolVersion"].as_str() {
            *self.agreed.lock().unwrap_or_else(PoisonError::into_inner) = Some(version.to_owned());
        }
        Some(answer)
    }

    async fn send(&self, message: &Value, line: String) -> Result<Option<Value>, String> {
        let key = self.key().map_err(|failure| failure.to_string())?;
        let mut headers = self.headers(message);
        let key = HeaderValue::from_str(key.reveal().expose_secret());
        let mut key = key.map_err(|_| "the key cannot be sent".to_owned())?;
        key.set_sensitive(true);
        headers.insert("x-api-key", key);
        let request = self.client.post(self.url.clone()).headers(headers).body(line);
        let response = request.send().await.map_err(|error| {
            format!("{} does not answer ({}): check the URL and the network", self.url, error.without_url())
        })?;
        self.read(response).await
    }

    async fn read(&self, response: Response) -> Result<Option<Value>, String> {
        let status = response.status();
        let text = response
            .text()
            .await
            .map_err(|error| format!("the answer broke off ({})", error.without_url()))?;
        if status == StatusCode::ACCEPTED || text.is_empty() {
            return Ok(None);
        }
        let body = serde_json::from_str::<Value>(&text).ok().filter(|body| body["jsonrpc"] == "2.0");
        body.map(Some)
            .ok_or_else(|| format!("{} answers {status}, and not as MCP does: check the URL", self.url))
    }

    /// What the revision of 2026-07-28 wants repeated outside the message, and the older ones of what was agreed on.
    fn headers(&self, message: &Value) -> HeaderMap {
        let params = &message["params"];
        let stated = params["_meta"]["io.modelcontextprotocol/protocolVersion"].as_str();
        let agreed = self.agreed.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(ACCEPT, HeaderValue::from_static("application/json, text/event-stream"));
        let mut add = |name: &'static str, text: Option<&str>| {
            if let Some(value) = text.and_then(|text| HeaderValue::from_str(text).ok()) {
                headers.insert(HeaderName::from_static(name), value);
            }
        };
        add("mcp-protocol-version", stated.or(agreed.as_deref()));
        if stated.is_some() {
            add("mcp-method", message["method"].as_str());
            add("mcp-name", params["name"].as_str().or(params["uri"].as_str()));
        }
        headers
    }
}

fn failed(id: &Value, code: i64, what: &str) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "error": { "code": code, "message": what } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_goes_over_tls_or_stays_here() {
        let cases = [
            ("https://api.example.org/mcp", true),
            ("http://localhost:8080/mcp", true),
            ("http://127.0.0.1:8080/mcp", true),
            ("http://[::1]:8080/mcp", true),
            ("http://api.example.org/mcp", false),
            ("http://localhost.example.org/mcp", false),
            ("ftp://localhost/mcp", false),
            ("api.example.org/mcp", false),
        ];
        for (url, expected) in cases {
            assert_eq!(checked(url).is_ok(), expected, "{url}");
        }
    }
}
