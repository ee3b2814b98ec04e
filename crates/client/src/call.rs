//! One call: sent with the present key, tried again when that may help, and with another key when the key was at its end.

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use reqwest::header::{self, HeaderMap, HeaderValue};
use reqwest::{Method, Url};
use secrecy::ExposeSecret;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::client::RotatedBody;
use crate::error::{ApiProblem, ClientError};
use crate::keys::{HeldKey, Keys};
use crate::retry::{Retry, random};
use crate::types::{Key, Rotated};

/// What all calls share.
pub(crate) struct Transport {
    http: reqwest::Client,
    base: Url,
    keys: Keys,
    retry: Retry,
}

/// What is asked. A call without GET may be repeated only under an idempotency key.
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) body: Option<Value>,
    pub(crate) idempotency_key: Option<String>,
}

/// An answer that was read to its end.
struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
}

/// What the service says of the key that it was shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyNotice {
    pub(crate) id: String,
    pub(crate) ends_at: Option<Timestamp>,
}

impl Transport {
    pub(crate) fn new(http: reqwest::Client, base: Url, keys: Keys, retry: Retry) -> Self {
        Self { http, base, keys, retry }
    }

    pub(crate) fn base(&self) -> &Url {
        &self.base
    }

    /// `/v1/` and these segments, each escaped as it needs.
    pub(crate) fn url(&self, segments: &[&str]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().push("v1").extend(segments);
        }
        url
    }

    /// A file beside `/v1/`, which needs no key.
    pub(crate) fn open_url(&self, name: &str) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().push(name);
        }
        url
    }

    /// Makes the call, and cares for the key before and after it.
    pub(crate) async fn call<T: DeserializeOwned>(&self, call: Call) -> Result<T, ClientError> {
        self.keys.look_after(self).await;
        let answer = self.answered(&call).await?;
        self.keys.look_after(self).await;
        read(&answer)
    }

    /// The key's own record, and the service's time when it says so. Shown is `key`, whatever the source has meanwhile.
    pub(crate) async fn key_self(&self, key: &HeldKey) -> Result<(Key, Option<Timestamp>), ClientError> {
        let url = self.url(&["keys", "self"]);
        let call = Call { method: Method::GET, url, body: None, idempotency_key: None };
        let answer = self.patiently(&call, key).await?;
        let now = answer.headers.get(header::DATE).and_then(|date| rfc2822::parse(date.to_str().ok()?).ok());
        let read: crate::client::Data<Key> = read(&answer)?;
        Ok((read.data, now.map(|now| now.timestamp())))
    }

    /// Starts a rotation of the source's present key.
    pub(crate) async fn rotate_self(&self, overlap: Duration) -> Result<Rotated, ClientError> {
        let key = self.keys.current().await?;
        self.rotate(&key, overlap).await
    }

    /// Starts a rotation of `key`. Repeated, it is one rotation.
    pub(crate) async fn rotate(&self, key: &HeldKey, overlap: Duration) -> Result<Rotated, ClientError> {
        let call = Call {
            method: Method::POST,
            url: self.url(&["keys", "self", "rotation"]),
            body: Some(serde_json::json!({ "overlap_seconds": overlap.as_secs() })),
            idempotency_key: Some(format!("{:016x}{:016x}", random(), random())),
        };
        let answer = self.patiently(&call, key).await?;
        let body: RotatedBody = read(&answer)?;
        Ok(Rotated { rotation: body.data, key: body.key.map(Into::into) })
    }

    /// Tries with the source's key; once more with another one when the key was at its end and there is another.
    async fn answered(&self, call: &Call) -> Result<Answer, ClientError> {
        let key = self.keys.current().await?;
        let error = match self.patiently(call, &key).await {
            Err(ClientError::Problem(problem)) if problem.wants_another_key() => problem,
            other => return other,
        };
        match self.keys.other_than(&key, &error.code).await {
            Some(other) => self.patiently(call, &other).await,
            None => Err(ClientError::Problem(error)),
        }
    }

    /// Tries with this key until there is an answer that is none of the passing kind, or patience ends.
    async fn patiently(&self, call: &Call, key: &HeldKey) -> Result<Answer, ClientError> {
        let may_repeat = call.method == Method::GET || call.idempotency_key.is_some();
        for attempt in 1_u32.. {
            let (error, asked) = match self.once(call, key).await {
                Ok(answer) if answer.status < 300 => return Ok(answer),
                Ok(answer) => {
                    let problem = answer.problem();
                    let asked = problem.retry_after;
                    let passes = problem.may_pass();
                    let error = ClientError::Problem(Box::new(problem));
                    if !passes {
                        return Err(error);
                    }
                    (error, asked)
                }
                Err(error) => (ClientError::Network(error), None),
            };
            match self.retry.pause_after(attempt, asked, random()).filter(|_| may_repeat) {
                Some(pause) => tokio::time::sleep(pause).await,
                None => return Err(error),
            }
        }
        unreachable!("attempts are counted, and their number is bounded")
    }

    async fn once(&self, call: &Call, key: &HeldKey) -> Result<Answer, reqwest::Error> {
        let mut request = self.http.request(call.method.clone(), call.url.clone());
        if let Ok(mut value) = HeaderValue::from_str(key.secret().expose_secret()) {
            value.set_sensitive(true);
            request = request.header("x-api-key", value);
        }
        if let Some(id) = &call.idempotency_key {
            request = request.header("idempotency-key", id);
        }
        if let Some(body) = &call.body {
            request = request.json(body);
        }
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = response.bytes().await?.to_vec();
        if let Some(notice) = key_notice(&headers) {
            self.keys.told_of(key, notice);
        }
        Ok(Answer { status, headers, body })
    }
}

impl Answer {
    fn problem(&self) -> ApiProblem {
        let retry_after = self.text(header::RETRY_AFTER.as_str()).parse().ok().map(Duration::from_secs);
        ApiProblem::read(self.status, &self.body, self.text("x-request-id"), retry_after)
    }

    fn text(&self, header: &str) -> &str {
        self.headers.get(header).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

fn read<T: DeserializeOwned>(answer: &Answer) -> Result<T, ClientError> {
    serde_json::from_slice(&answer.body).map_err(|error| ClientError::Unreadable {
        // Where and not what: what stumbles the reader may be a key.
        what: format!("line {} column {}, {:?} error", error.line(), error.column(), error.classify()),
        request_id: answer.text("x-request-id").to_owned(),
    })
}

/// The key's end, when the answer tells of one.
fn key_notice(headers: &HeaderMap) -> Option<KeyNotice> {
    let text = |name: &str| headers.get(name)?.to_str().ok();
    text("accrual-key-state").filter(|state| *state == "ending")?;
    let id = text("accrual-key-id").unwrap_or_default().to_owned();
    Some(KeyNotice { id, ends_at: text("accrual-key-ends").and_then(|at| at.parse().ok()) })
}
