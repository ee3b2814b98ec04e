//! The 422 that Merkl's framework answers what does not fit.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

/// One thing that does not fit; as theirs, the first that is found. Small, since every answer may be one.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = MerklInvalid)]
pub(crate) struct Invalid {
    /// Always `validation`.
    #[schema(example = "validation")]
    r#type: &'static str,
    /// Where it stands: `query` or `params`.
    #[schema(example = "query")]
    on: &'static str,
    /// What is wrong, and what would be right.
    #[schema(value_type = String, example = "Property 'chainId' is missing")]
    summary: Box<str>,
    /// The same.
    #[schema(value_type = String, example = "Property 'chainId' is missing")]
    message: Box<str>,
    /// All that was given there.
    #[schema(value_type = Object, example = json!({ "items": "20" }))]
    found: Box<Value>,
    /// Which one it is, as a JSON pointer.
    #[schema(value_type = String, example = "/chainId")]
    property: Box<str>,
    /// What would be right.
    #[schema(value_type = String, example = "given")]
    expected: Box<str>,
}

impl Invalid {
    /// A parameter of the query.
    pub(super) fn query(name: &str, expected: &str, message: String, found: Value) -> Self {
        Self::new("query", name, expected, message, found)
    }

    /// A part of the path.
    pub(super) fn path(name: &str, expected: &str, given: &str) -> Self {
        let given: String = crate::key::redact(given).chars().take(80).collect();
        let message = format!("Expected {name:?} to be {expected} but found: {given}");
        Self::new("params", name, expected, message, json!({ name: given }))
    }

    fn new(on: &'static str, name: &str, expected: &str, message: String, found: Value) -> Self {
        Self {
            r#type: "validation",
            on,
            summary: message.as_str().into(),
            message: message.into(),
            found: found.into(),
            property: format!("/{name}").into(),
            expected: expected.into(),
        }
    }
}

impl IntoResponse for Invalid {
    fn into_response(self) -> Response {
        let kept_nowhere = [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
        (StatusCode::UNPROCESSABLE_ENTITY, kept_nowhere, Json(self)).into_response()
    }
}
