//! A request's body: JSON of exactly the fields that the call takes, or a problem that names each that is wrong.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, header};
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use crate::app::Api;
use crate::error::{ApiError, FieldError};
use crate::key;

/// A body of type `T`; an empty one stands for `{}`.
#[derive(Debug)]
pub(crate) struct Body<T> {
    /// What it says.
    pub(crate) value: T,
    /// A hash of its bytes.
    pub(crate) hash: [u8; 32],
}

impl<T: DeserializeOwned> FromRequest<Api> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, api: &Api) -> Result<Self, ApiError> {
        let is_json = says_json(request.headers());
        // The only way to fail here is the size, which the router's layer bounds.
        let bytes = Bytes::from_request(request, api).await.map_err(|_| ApiError::BodyTooLarge)?;
        let text: &[u8] = if bytes.is_empty() { b"{}" } else { &bytes };
        if !bytes.is_empty() && !is_json {
            return Err(ApiError::NotJson);
        }
        let mut reader = serde_json::Deserializer::from_slice(text);
        let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
            // A field's name is the caller's own text, and may be a key.
            let path: String = key::redact(&error.path().to_string()).chars().take(80).collect();
            let parameter = if path == "." { "body".to_owned() } else { path };
            let detail = key::redact(&error.inner().to_string()).chars().take(200).collect();
            ApiError::BadBody(vec![FieldError { parameter, detail }])
        })?;
        reader.end().map_err(|_| bad("body", "has something after its end"))?;
        Ok(Self { value, hash: Sha256::digest(&bytes).into() })
    }
}

/// One field of a body that is wrong.
pub(crate) fn bad(parameter: &str, detail: &str) -> ApiError {
    ApiError::BadBody(vec![FieldError { parameter: parameter.to_owned(), detail: detail.to_owned() }])
}

fn says_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}
