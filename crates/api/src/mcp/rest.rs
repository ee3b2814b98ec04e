//! Questions to our own REST routes, asked inside the process: what a tool says is what REST says, since REST says it.
//!
//! The handlers are those of the router, without its guards: whoever asks here was let in at `/mcp` already, and is not
//! counted a second time.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use axum::routing::get;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tower::ServiceExt;

use super::clean::clean;
use super::views::Meta;
use crate::app::Api;
use crate::auth::ActiveKey;
use crate::error::ApiError;
use crate::horizon::Horizon;
use crate::params::LIMIT_MAX;
use crate::routes::{accounts, accruals, campaigns, health, history, pools, usage};

/// No answer of REST is larger: its pages have at most 500 rows.
const BODY_BYTES_MAX: usize = 32 * 1024 * 1024;
/// What stands for itself in a path or a query.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The REST routes. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Rest(Router);

/// Who asks.
#[derive(Debug, Clone)]
pub(crate) enum Caller {
    /// Whoever holds this key.
    Key(ActiveKey),
    /// Whoever may read the database itself: nothing is counted and nothing is cut.
    Local,
}

/// A path with its query, made of parts that may hold anything.
#[derive(Debug, Clone)]
pub(super) struct Question(String);

/// A list as REST gives it.
#[derive(Debug)]
pub(super) struct Page<T> {
    pub(super) rows: Vec<T>,
    pub(super) meta: Meta,
    pub(super) next_cursor: Option<String>,
}

impl Rest {
    pub(super) fn new(api: &Api) -> Self {
        let routes = Router::new()
            .route("/v1/campaigns", get(campaigns::list))
            .route("/v1/campaigns/{id}", get(campaigns::one))
            .route("/v1/campaigns/{id}/accruals", get(accruals::list))
            .route("/v1/pools", get(pools::list))
            .route("/v1/pools/{id}", get(pools::one))
            .route("/v1/pools/{id}/history", get(history::pool))
            .route("/v1/accounts/{address}/positions", get(accounts::positions))
            .route("/v1/accounts/{address}/history", get(history::account))
            .route("/v1/accounts/{address}/rewards", get(accounts::rewards))
            .route("/v1/usage", get(usage::own))
            .route("/health/ready", get(health::ready));
        Self(routes.with_state(api.clone()))
    }

    /// All rows of a list that REST tells page by page. They are of one block, since a cursor pins it.
    pub(super) async fn all<T: DeserializeOwned>(
        &self,
        caller: &Caller,
        question: Question,
    ) -> Result<Page<T>, ApiError> {
        let question = question.with("limit", Some(LIMIT_MAX));
        let mut whole: Page<T> = self.list(caller, question.clone()).await?;
        while let Some(cursor) = whole.next_cursor.take() {
            let page: Page<T> = self.list(caller, question.clone().with("cursor", Some(cursor))).await?;
            whole.rows.extend(page.rows);
            whole.next_cursor = page.next_cursor;
        }
        Ok(whole)
    }

    /// A page of a list.
    pub(super) async fn list<T: DeserializeOwned>(
        &self,
        caller: &Caller,
        question: Question,
    ) -> Result<Page<T>, ApiError> {
        let mut body = self.get(caller, question).await?;
        let mut meta = body["meta"].take();
        let next_cursor = meta["next_cursor"].take();
        Ok(Page { rows: read(body["data"].take())?, meta: read(meta)?, next_cursor: read(next_cursor)? })
    }

    /// One thing, whose fields stand beside its `meta`.
    pub(super) async fn one<T: DeserializeOwned>(
        &self,
        caller: &Caller,
        question: Question,
    ) -> Result<(T, Meta), ApiError> {
        let mut body = self.get(caller, question).await?;
        let meta = body["meta"].take();
        Ok((read(body)?, read(meta)?))
    }

    /// An answer's body as it is.
    ///
    /// # Errors
    /// REST's own refusal.
    pub(super) async fn get(&self, caller: &Caller, Question(path): Question) -> Result<Value, ApiError> {
        let mut request = Request::get(path).body(Body::empty()).expect("a question's parts are escaped");
        match caller {
            Caller::Key(key) => drop(request.extensions_mut().insert(key.clone())),
            Caller::Local => drop(request.extensions_mut().insert(Horizon(None))),
        }
        let mut response = match self.0.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        };
        if let Some(error) = response.extensions_mut().remove::<ApiError>() {
            return Err(error);
        }
        let bytes = to_bytes(response.into_body(), BODY_BYTES_MAX).await.map_err(|error| broken(&error))?;
        let mut body = serde_json::from_slice(&bytes).map_err(|error| broken(&error))?;
        clean(&mut body);
        Ok(body)
    }
}

impl Question {
    /// `/v1/pools/usdc-tmai` of `["v1", "pools", "usdc-tmai"]`.
    pub(super) fn new<'a>(parts: impl IntoIterator<Item = &'a str>) -> Self {
        let escaped = parts.into_iter().map(|part| format!("/{}", utf8_percent_encode(part, ESCAPED)));
        Self(escaped.collect())
    }

    /// With a parameter, where there is a value for it.
    pub(super) fn with(mut self, name: &str, value: Option<impl std::fmt::Display>) -> Self {
        if let Some(value) = value {
            let mark = if self.0.contains('?') { '&' } else { '?' };
            let value = value.to_string();
            self.0.push_str(&format!("{mark}{name}={}", utf8_percent_encode(&value, ESCAPED)));
        }
        self
    }
}

/// A part of REST's answer in our own shape. That one does not fit the other is our mistake.
pub(super) fn read<T: DeserializeOwned>(value: Value) -> Result<T, ApiError> {
    serde_json::from_value(value).map_err(|error| broken(&error))
}

fn broken(error: &dyn std::error::Error) -> ApiError {
    tracing::error!(%error, "REST's answer is not what MCP takes it for");
    ApiError::Internal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_part_of_a_question_gets_out_of_its_place() {
        let question = Question::new(["v1", "pools", "../a?b=c&d/e#f g%2f"])
            .with("window", Some("24h&limit=5"))
            .with("cursor", None::<&str>)
            .with("limit", Some(20));
        assert_eq!(
            question.0,
            "/v1/pools/..%2Fa%3Fb%3Dc%26d%2Fe%23f%20g%252f?window=24h%26limit%3D5&limit=20"
        );
    }
}
