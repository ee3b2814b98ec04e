//! Long answers over HTTP, read once: from the body into what was asked for, a list of logs while it comes in.
//!
//! Alloy's client first copies each result as text and reads the copy. For a million logs or headers that costs as much as all
//! else together, so logs and batches of headers are asked for here. Everything else, and everything over a websocket,
//! goes through the client. What goes wrong is told as the client would tell it.

use std::sync::Arc;
use std::time::Duration;

use alloy::transports::{RpcError, TransportError, TransportErrorKind};
use alloy_json_rpc::ErrorPayload;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use tokio::sync::OnceCell;

use super::bodies::Bodies;
use super::incoming::Incoming;
use super::plain::{self, Item};

/// Longer answers are refused, as if the node had called the question too wide.
const ANSWER_BYTES_MAX: usize = 512 * 1024 * 1024;

/// So much is made room for at once, whatever length a node claims.
const ROOM_BYTES_MAX: usize = 32 * 1024 * 1024;

/// A body so long is read on a thread of its own, so that neither the next question nor a caller of the API waits.
const LONG_BYTES: usize = 64 * 1024;

/// A node that is asked by HTTP.
pub(super) struct Direct {
    url: String,
    client: OnceCell<reqwest::Client>,
    bodies: Arc<Bodies>,
}

/// One answer in its envelope.
#[derive(Debug, Deserialize)]
#[serde(bound(deserialize = "T: Deserialize<'de>"))]
struct Reply<T> {
    #[serde(default)]
    id: Value,
    /// Told apart from a result that is null.
    #[serde(default, deserialize_with = "present")]
    result: Option<T>,
    #[serde(default)]
    error: Option<ErrorPayload>,
}

/// A node answers a batch with a list, or with one error for the whole.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Whole {
    Error { error: ErrorPayload },
}

fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

impl Direct {
    /// `None` where the URL is none of HTTP.
    pub(super) fn new(url: &str) -> Option<Self> {
        let is_http = url.starts_with("http://") || url.starts_with("https://");
        is_http.then(|| Self { url: url.to_owned(), client: OnceCell::new(), bodies: Arc::default() })
    }

    /// One question whose result is a long list, read while it comes in, and what `keep` makes of its items; `None` where it is
    /// null, as beside an error of some nodes.
    ///
    /// # Errors
    /// As the client's: what cannot be read is [`RpcError::DeserError`].
    pub(super) async fn ask_list<T: Item, K>(
        &self,
        method: &str,
        params: &Value,
        keep: impl Fn(T) -> Option<K>,
    ) -> Result<Option<Vec<K>>, TransportError> {
        let mut response = self.send(&Asked::new(0, method, params)).await?;
        if !response.status().is_success() {
            return Err(self.failure(response).await);
        }
        let mut incoming = Incoming::new(room(&response));
        let mut bytes = 0;
        while let Some(part) = response.chunk().await.map_err(TransportErrorKind::custom)? {
            bytes = checked_length(bytes, &part)?;
            let read = incoming.take(&part, &keep);
            read.map_err(|error| RpcError::deser_err(error, incoming.unread()))?;
            // The next part may be there already: others come first.
            tokio::task::yield_now().await;
        }
        let (envelope, mut kept) = incoming.finish(&keep).map_err(|error| RpcError::deser_err(error, ""))?;
        let reply: Reply<Option<Vec<T>>> = parse(&envelope)?;
        // Empty, unless all of the answer is the envelope.
        let rest = reply.outcome()?;
        Ok(rest.map(|rest| {
            kept.extend(rest.into_iter().filter_map(keep));
            kept
        }))
    }

    /// The same question with each of `params` in one request; the results in that order.
    ///
    /// # Errors
    /// As [`Direct::ask_list`]; the first error where there are several, and [`TransportErrorKind::MissingBatchResponse`] where one is missing.
    pub(super) async fn ask_all<T: Item + Send + 'static>(
        &self,
        method: &str,
        params: &[impl Serialize],
    ) -> Result<Vec<T>, TransportError> {
        let questions: Vec<_> =
            (0..).zip(params).map(|(id, params)| Asked::new(id, method, params)).collect();
        let body = self.post(&questions).await?;
        if !is_list(&body) {
            let Whole::Error { error } = self.read(body, parse).await?;
            return Err(RpcError::ErrorResp(error));
        }
        let replies: Vec<Reply<T>> = self.read(body, parse_batch).await?;
        let mut results: Vec<Option<T>> = params.iter().map(|_| None).collect();
        for reply in replies {
            let place = reply.id.as_u64().and_then(|id| usize::try_from(id).ok());
            let result = reply.outcome()?;
            if let Some(slot) = place.and_then(|place| results.get_mut(place)) {
                *slot = Some(result);
            }
        }
        let missing = |id: u64| TransportErrorKind::missing_batch_response(id.into());
        (0..).zip(results).map(|(id, result)| result.ok_or_else(|| missing(id))).collect()
    }

    async fn post(&self, body: &impl Serialize) -> Result<Vec<u8>, TransportError> {
        let response = self.send(body).await?;
        if response.status().is_success() {
            return self.whole(response).await;
        }
        Err(self.failure(response).await)
    }

    async fn send(&self, body: &impl Serialize) -> Result<reqwest::Response, TransportError> {
        let built = || async { reqwest::Client::builder().build() };
        let client = self.client.get_or_try_init(built).await.map_err(TransportErrorKind::custom)?;
        client.post(&self.url).json(body).send().await.map_err(TransportErrorKind::custom)
    }

    async fn whole(&self, mut response: reqwest::Response) -> Result<Vec<u8>, TransportError> {
        let mut answer = self.bodies.take(room(&response));
        while let Some(part) = response.chunk().await.map_err(TransportErrorKind::custom)? {
            checked_length(answer.len(), &part)?;
            answer.extend_from_slice(&part);
        }
        Ok(answer)
    }

    /// What an answer says that is none.
    async fn failure(&self, response: reqwest::Response) -> TransportError {
        let status = response.status();
        let seconds =
            response.headers().get(reqwest::header::RETRY_AFTER).and_then(|value| value.to_str().ok());
        let wait = seconds.and_then(|text| text.trim().parse().ok()).map(Duration::from_secs);
        let answer = match self.whole(response).await {
            Ok(answer) => answer,
            Err(error) => return error,
        };
        // Some nodes say in the body what is wrong, whatever the status.
        match serde_json::from_slice(&answer) {
            Ok(Whole::Error { error }) => RpcError::ErrorResp(error),
            Err(_) => {
                let words = String::from_utf8_lossy(&answer).into_owned();
                TransportErrorKind::http_error_with_retry_after(status.as_u16(), words, wait)
            }
        }
    }

    async fn read<T: Send + 'static>(
        &self,
        body: Vec<u8>,
        parse: fn(&[u8]) -> Result<T, TransportError>,
    ) -> Result<T, TransportError> {
        if body.len() < LONG_BYTES {
            return parse(&body);
        }
        let bodies = self.bodies.clone();
        let parsing = tokio::task::spawn_blocking(move || {
            let parsed = parse(&body);
            if body.capacity() <= ROOM_BYTES_MAX {
                bodies.give(body);
            }
            parsed
        });
        match parsing.await {
            Ok(parsed) => parsed,
            Err(ended) => std::panic::resume_unwind(ended.into_panic()),
        }
    }
}

/// How much room an answer's length asks for, as far as that is believed.
fn room(response: &reqwest::Response) -> usize {
    let length = response.content_length().and_then(|bytes| usize::try_from(bytes).ok());
    length.unwrap_or_default().min(ROOM_BYTES_MAX)
}

/// The length of an answer once `part` has come.
fn checked_length(before: usize, part: &[u8]) -> Result<usize, TransportError> {
    let bytes = before + part.len();
    if bytes > ANSWER_BYTES_MAX {
        let message = format!("the answer is longer than {ANSWER_BYTES_MAX} bytes");
        return Err(TransportErrorKind::http_error(413, message));
    }
    Ok(bytes)
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, TransportError> {
    // Checked once as a whole, instead of each of its texts.
    let parsed = match std::str::from_utf8(body) {
        Ok(text) => serde_json::from_str(text),
        Err(_) => serde_json::from_slice(body),
    };
    parsed.map_err(|error| RpcError::deser_err(error, String::from_utf8_lossy(&body[..body.len().min(200)])))
}

/// Reads a batch's answers, by their form where they have it.
fn parse_batch<T: Item>(body: &[u8]) -> Result<Vec<Reply<T>>, TransportError> {
    match plain::batch(body) {
        Some(answers) => Ok(answers.into_iter().map(|(id, result)| Reply::of(id, result)).collect()),
        None => parse(body),
    }
}

impl<T> Reply<T> {
    fn of(id: u64, result: T) -> Self {
        Self { id: id.into(), result: Some(result), error: None }
    }

    fn outcome(self) -> Result<T, TransportError> {
        match (self.error, self.result) {
            (Some(error), _) => Err(RpcError::ErrorResp(error)),
            (None, Some(result)) => Ok(result),
            (None, None) => {
                Err(TransportErrorKind::custom_str("the answer has neither a result nor an error"))
            }
        }
    }
}

/// A question as it is sent.
#[derive(Serialize)]
struct Asked<'a, P> {
    jsonrpc: &'static str,
    id: u64,
    method: &'a str,
    params: &'a P,
}

impl<'a, P> Asked<'a, P> {
    fn new(id: u64, method: &'a str, params: &'a P) -> Self {
        Self { jsonrpc: "2.0", id, method, params }
    }
}

fn is_list(body: &[u8]) -> bool {
    body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[')
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// A server that gives one answer, whatever it is asked.
    async fn says(status: &'static str, body: String) -> Direct {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        tokio::spawn(async move {
            let (mut caller, _) = listener.accept().await.unwrap();
            let mut asked = [0; 4096];
            let _ = caller.read(&mut asked).await.unwrap();
            let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close", body.len());
            caller.write_all(format!("{head}\r\n\r\n{body}").as_bytes()).await.unwrap();
        });
        Direct::new(&url).unwrap()
    }

    #[tokio::test]
    async fn a_list() {
        let long = "x".repeat(2 * LONG_BYTES);
        let cases = [
            ("200 OK", r#"{"jsonrpc":"2.0","id":0,"result":["here"]}"#.to_owned(), "here"),
            ("200 OK", r#"{"jsonrpc":"2.0","id":0,"result":[]}"#.to_owned(), ""),
            ("200 OK", r#"{"result":["a","b"],"id":0}"#.to_owned(), "a b"),
            ("200 OK", format!(r#"{{"jsonrpc":"2.0","id":0,"result":["{long}"]}}"#), long.as_str()),
            (
                "200 OK",
                r#"{"id":0,"error":{"code":-32005,"message":"too many"}}"#.to_owned(),
                "refused -32005",
            ),
            (
                "200 OK",
                r#"{"id":0,"result":null,"error":{"code":-32000,"message":"no"}}"#.to_owned(),
                "refused -32000",
            ),
            (
                "200 OK",
                r#"{"id":0,"result":["a"],"error":{"code":-32000,"message":"no"}}"#.to_owned(),
                "refused -32000",
            ),
            ("200 OK", r#"{"id":0,"result":null,"error":null}"#.to_owned(), "null"),
            ("400 Bad", r#"{"id":null,"error":{"code":-32602,"message":"no"}}"#.to_owned(), "refused -32602"),
            ("429 Busy\r\nretry-after: 7", "wait".to_owned(), "HTTP 429 after 7"),
            ("200 OK", "<html>".to_owned(), "unreadable"),
            ("200 OK", r#"{"jsonrpc":"2.0","id":0,"result":["cut"#.to_owned(), "unreadable"),
            ("200 OK", r#"{"jsonrpc":"2.0","id":0,"result":["cut"],"#.to_owned(), "unreadable"),
            ("200 OK", r#"{"jsonrpc":"2.0","id":0,"result":["a"]} and more"#.to_owned(), "unreadable"),
            ("200 OK", r#"{"jsonrpc":"2.0","id":0,"result":["a",7]}"#.to_owned(), "unreadable"),
            ("200 OK", r#"{"jsonrpc":"2.0","id":0,"result":"a"}"#.to_owned(), "unreadable"),
            ("200 OK", r#"{"jsonrpc":"2.0","id":0}"#.to_owned(), "something else"),
        ];
        for (status, body, expected) in cases {
            let told = says(status, body.clone()).await.ask_list("eth_any", &json!([]), Some::<String>).await;
            let told = told.map(|list| list.map_or("null".to_owned(), |list| list.join(" ")));
            assert_eq!(outcome(told), expected, "{status}: {}", &body[..body.len().min(60)]);
        }
    }

    #[tokio::test]
    async fn many_answers() {
        let cases = [
            (r#" [{"id":1,"result":"b"},{"id":0,"result":"a"}]"#, "a b"),
            (r#"[{"id":0,"result":"a"},{"id":1,"result":null}]"#, "a null"),
            (r#"[{"id":0,"result":"a"}]"#, "missing"),
            (r#"[{"id":0,"result":"a"},{"id":9,"result":"b"}]"#, "missing"),
            (r#"[{"id":0,"result":"a"},{"id":1,"error":{"code":5,"message":"no"}}]"#, "refused 5"),
            (r#"{"id":null,"error":{"code":-32600,"message":"no batches"}}"#, "refused -32600"),
            ("", "unreadable"),
        ];
        for (body, expected) in cases {
            let direct = says("200 OK", body.to_owned()).await;
            let told = direct.ask_all::<Option<String>>("eth_any", &[json!([0]), json!([1])]).await;
            let words = |found: Vec<Option<String>>| {
                found.into_iter().map(|one| one.unwrap_or("null".to_owned())).collect::<Vec<_>>().join(" ")
            };
            assert_eq!(outcome(told.map(words)), expected, "{body}");
        }
    }

    fn outcome(told: Result<String, TransportError>) -> String {
        match told {
            Ok(words) => words,
            Err(RpcError::ErrorResp(error)) => format!("refused {}", error.code),
            Err(RpcError::DeserError { .. }) => "unreadable".to_owned(),
            Err(RpcError::Transport(TransportErrorKind::MissingBatchResponse(_))) => "missing".to_owned(),
            Err(RpcError::Transport(TransportErrorKind::HttpErrorWithRetryAfter { error, retry_after })) => {
                format!("HTTP {} after {}", error.status, retry_after.as_secs())
            }
            Err(_) => "something else".to_owned(),
        }
    }

    #[test]
    fn only_http_is_asked_so() {
        let cases =
            [("http://a", true), ("https://a/KEY", true), ("ws://a", false), ("node-1", false), ("", false)];
        for (url, is_http) in cases {
            assert_eq!(Direct::new(url).is_some(), is_http, "{url}");
        }
    }
}
