//! Over the network, at a pace that is never exceeded.

use std::time::Duration;

use reqwest::{StatusCode, Url};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::source::{Answer, MerklError, Source};

/// The longest answer that is taken.
const BODY_BYTES_MAX: usize = 8 << 20;
const TIMEOUT: Duration = Duration::from_secs(30);
const SAID_CHARS_MAX: usize = 200;

/// How fast and how often it is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Requests a second, attempts included. Merkl allows 10.
    pub requests_per_second: u32,
    /// Attempts in all for one question.
    pub attempts_max: u32,
    /// The pause before the second attempt; doubled for each further one.
    pub pause: Duration,
    /// No pause is longer; a server that asks for more is left alone.
    pub pause_max: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            requests_per_second: 10,
            attempts_max: 5,
            pause: Duration::from_millis(500),
            pause_max: Duration::from_secs(60),
        }
    }
}

/// Merkl's API, or another's in its shapes.
#[derive(Debug)]
pub struct Http {
    base: String,
    key: Option<String>,
    pace: Pace,
    client: reqwest::Client,
    /// When the next request may go out.
    next: Mutex<Option<Instant>>,
}

/// What one attempt met.
enum Met {
    Answer(Answer),
    /// Worth another attempt, after as long as the server asks.
    Again {
        why: String,
        after: Option<Duration>,
    },
    TooLong,
}

impl Http {
    /// Asks below `base`, e.g. `https://api.merkl.xyz`; `key` goes with each request as `X-API-Key`.
    ///
    /// # Errors
    /// [`MerklError::BadUrl`].
    pub fn new(base: &str, key: Option<String>, pace: Pace) -> Result<Self, MerklError> {
        let bad = |why: String| MerklError::BadUrl { url: base.to_owned(), why };
        let url: Url = base.parse().map_err(|error| bad(format!("{error}")))?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(bad("it begins with http:// or https://".to_owned()));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(bad("it ends before any ? or #".to_owned()));
        }
        let client = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .user_agent(concat!("accrual/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| bad(format!("no client can be made: {error}")))?;
        let base = base.trim_end_matches('/');
        let base = base.strip_suffix("/v4").unwrap_or(base).to_owned();
        Ok(Self { base, key, pace, client, next: Mutex::new(None) })
    }

    /// Waits until a request may go out: they start at even distances, however many ask at once.
    async fn turn(&self) {
        let distance = Duration::from_secs(1) / self.pace.requests_per_second.max(1);
        let mut next = self.next.lock().await;
        if let Some(at) = *next {
            tokio::time::sleep_until(at).await;
        }
        *next = Some(Instant::now() + distance);
    }

    async fn attempt(&self, path: &str) -> Met {
        self.turn().await;
        let mut request = self.client.get(format!("{}{path}", self.base));
        if let Some(key) = &self.key {
            request = request.header("x-api-key", key);
        }
        let again = |error: reqwest::Error| Met::Again { why: told(&error), after: None };
        let mut response = match request.send().await {
            Ok(response) => response,
            Err(error) => return again(error),
        };
        let status = response.status();
        if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() {
            let after = response.headers().get("retry-after").and_then(|value| value.to_str().ok());
            let after = after.and_then(|text| text.trim().parse().ok()).map(Duration::from_secs);
            return Met::Again { why: format!("status {}", status.as_u16()), after };
        }
        let mut body = Vec::new();
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) if body.len() + chunk.len() > BODY_BYTES_MAX => return Met::TooLong,
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Ok(None) => break,
                Err(error) => return again(error),
            }
        }
        Met::Answer(Answer { status: status.as_u16(), body: String::from_utf8_lossy(&body).into_owned() })
    }
}

impl Source for Http {
    async fn get(&self, path: &str) -> Result<Answer, MerklError> {
        let attempts_max = self.pace.attempts_max.max(1);
        let mut pause = self.pace.pause;
        let mut attempt = 1;
        loop {
            let (why, after) = match self.attempt(path).await {
                Met::Answer(answer) => return Ok(answer),
                Met::TooLong => {
                    return Err(MerklError::TooLong { path: path.to_owned(), bytes_max: BODY_BYTES_MAX });
                }
                Met::Again { why, after } => (why, after),
            };
            let too_long = after.is_some_and(|after| after > self.pace.pause_max);
            if attempt == attempts_max || too_long {
                let why = match after {
                    Some(after) if too_long => format!("{why}, come back in {} s", after.as_secs()),
                    _ => why,
                };
                return Err(MerklError::NoAnswer { path: path.to_owned(), attempts: attempt, why });
            }
            tokio::time::sleep(after.unwrap_or(pause.min(self.pace.pause_max))).await;
            pause = pause.saturating_mul(2);
            attempt += 1;
        }
    }
}

impl Answer {
    /// Its text when it is an answer at all.
    pub(crate) fn body(self, path: &str) -> Result<String, MerklError> {
        if (200..300).contains(&self.status) {
            return Ok(self.body);
        }
        let said = self.body.chars().filter(|c| !c.is_control()).take(SAID_CHARS_MAX).collect();
        Err(MerklError::Refused { path: path.to_owned(), status: self.status, said })
    }
}

/// The innermost cause says what happened; the outer ones repeat the URL.
fn told(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
