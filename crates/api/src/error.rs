//! What can go wrong with a request: one error, one status, one stable code, one sentence.
//!
//! An [`ApiError`] becomes an answer in two steps. Here it gets its status and headers and rides along in the
//! answer's extensions; [`crate::answer`], which knows the request, writes the body.

use accrual_rewards::unit::BlockNumber;
use accrual_store::StoreError;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::key::KeyId;
use crate::view::Rfc3339;

/// Why a request got no data. The sentence is the answer's `detail`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "each variant's sentence names its fields")]
pub enum ApiError {
    #[error("{}", summary(.0))]
    BadParameter(Vec<FieldError>),
    #[error(
        "{0:?} is not an address: 0x and 40 hex digits, all lower case, all upper case or mixed as EIP-55 has it; a wrong mix is a typo"
    )]
    BadAddress(String),
    #[error("The cursor {0}: start again without it.")]
    BadCursor(&'static str),
    #[error("X-API-Key and Authorization carry two different keys: send one.")]
    CredentialsConflict,
    #[error("A key in a URL ends up in logs: send it in X-API-Key or Authorization, and replace this one.")]
    CredentialsInUrl,
    #[error("Send a key in X-API-Key, or as Authorization: Bearer.")]
    KeyMissing,
    #[error(
        "What was sent is no key: acr_live_... or acr_test_..., 71 characters, with a right check. Copy it again."
    )]
    KeyMalformed,
    #[error("No such key.")]
    KeyUnknown,
    #[error("Key {0} was revoked.")]
    KeyRevoked(KeyId),
    #[error("Key {id} expired at {at}.")]
    KeyExpired { id: KeyId, at: Rfc3339 },
    #[error("This call needs the scope {0}, which the key does not have.")]
    ScopeMissing(&'static str),
    #[error("{0}")]
    NotFound(String),
    #[error("This path does not take this method; Allow names those that it does.")]
    MethodNotAllowed,
    #[error("The body is larger than 64 KiB.")]
    BodyTooLarge,
    #[error("Something broke on our side; it is in the log under this request_id.")]
    Internal,
    #[error("{0}")]
    FiguresUnknown(String),
    #[error("{0}")]
    BehindChain(String),
    #[error("The answer took too long, or the database is busy: try again.")]
    ReducedCapacity,
}

/// One field of a request that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// Its name.
    pub parameter: String,
    /// What is wrong with it, and what would be right.
    pub detail: String,
}

fn summary(errors: &[FieldError]) -> String {
    let texts: Vec<String> =
        errors.iter().map(|error| format!("{} {}", error.parameter, error.detail)).collect();
    texts.join("; ")
}

/// The stable names of all problems, with their status and title.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Problem {
    /// The stable name.
    pub code: &'static str,
    /// The HTTP status.
    pub status: StatusCode,
    /// What it means, for people.
    pub title: &'static str,
}

macro_rules! problems {
    ($($name:ident = $code:literal, $status:ident, $title:literal;)*) => {
        impl Problem {
            $(const $name: Self = Self { code: $code, status: StatusCode::$status, title: $title };)*
            /// Every problem that this API answers with.
            pub const ALL: &[Self] = &[$(Self::$name),*];
        }
    };
}
problems! {
    BAD_PARAMETER = "bad_parameter", BAD_REQUEST, "A parameter is unknown, repeated or out of bounds";
    BAD_ADDRESS = "bad_address", BAD_REQUEST, "This is not an address";
    BAD_CURSOR = "bad_cursor", BAD_REQUEST, "This cursor leads nowhere";
    CREDENTIALS_CONFLICT = "credentials_conflict", BAD_REQUEST, "Two different keys were sent";
    CREDENTIALS_IN_URL = "credentials_in_url", BAD_REQUEST, "A key was sent in the URL";
    KEY_MISSING = "key_missing", UNAUTHORIZED, "This call needs a key";
    KEY_MALFORMED = "key_malformed", UNAUTHORIZED, "This is not a key";
    KEY_UNKNOWN = "key_unknown", UNAUTHORIZED, "This key is not known";
    KEY_REVOKED = "key_revoked", UNAUTHORIZED, "This key was revoked";
    KEY_EXPIRED = "key_expired", UNAUTHORIZED, "This key has expired";
    SCOPE_MISSING = "scope_missing", FORBIDDEN, "This key may not do this";
    NOT_FOUND = "not_found", NOT_FOUND, "There is nothing here";
    METHOD_NOT_ALLOWED = "method_not_allowed", METHOD_NOT_ALLOWED, "This path does not take this method";
    BODY_TOO_LARGE = "body_too_large", PAYLOAD_TOO_LARGE, "The body is too large";
    INTERNAL = "internal", INTERNAL_SERVER_ERROR, "Something broke on our side";
    FIGURES_UNKNOWN = "figures_unknown", CONFLICT, "What is stored does not tell these figures";
    BEHIND_CHAIN = "behind_chain", SERVICE_UNAVAILABLE, "The data is not there yet";
    REDUCED_CAPACITY = "reduced_capacity", SERVICE_UNAVAILABLE, "The server is short of something";
}

impl ApiError {
    /// Nothing is kept under this name.
    pub(crate) fn no_such(what: &str, name: &str) -> Self {
        let name: String = crate::key::redact(name).chars().take(80).collect();
        Self::NotFound(format!("There is no {what} {name:?}."))
    }

    /// The pool was not indexed up to any block yet.
    pub(crate) fn not_indexed(pool: &accrual_rewards::id::PoolId) -> Self {
        Self::BehindChain(format!("Pool {pool} has not been indexed up to any block yet: try again shortly."))
    }

    /// What an unexpected failure at `block` becomes: logged here, told to nobody.
    pub(crate) fn internal_at(block: BlockNumber, error: &dyn std::error::Error) -> Self {
        tracing::error!(%block, %error, "a request failed");
        Self::Internal
    }

    /// Its name, status and title.
    pub fn problem(&self) -> Problem {
        match self {
            Self::BadParameter(_) => Problem::BAD_PARAMETER,
            Self::BadAddress(_) => Problem::BAD_ADDRESS,
            Self::BadCursor(_) => Problem::BAD_CURSOR,
            Self::CredentialsConflict => Problem::CREDENTIALS_CONFLICT,
            Self::CredentialsInUrl => Problem::CREDENTIALS_IN_URL,
            Self::KeyMissing => Problem::KEY_MISSING,
            Self::KeyMalformed => Problem::KEY_MALFORMED,
            Self::KeyUnknown => Problem::KEY_UNKNOWN,
            Self::KeyRevoked(_) => Problem::KEY_REVOKED,
            Self::KeyExpired { .. } => Problem::KEY_EXPIRED,
            Self::ScopeMissing(_) => Problem::SCOPE_MISSING,
            Self::NotFound(_) => Problem::NOT_FOUND,
            Self::MethodNotAllowed => Problem::METHOD_NOT_ALLOWED,
            Self::BodyTooLarge => Problem::BODY_TOO_LARGE,
            Self::Internal => Problem::INTERNAL,
            Self::FiguresUnknown(_) => Problem::FIGURES_UNKNOWN,
            Self::BehindChain(_) => Problem::BEHIND_CHAIN,
            Self::ReducedCapacity => Problem::REDUCED_CAPACITY,
        }
    }

    /// The fields that are wrong, if the request's fields are what is wrong.
    pub fn fields(&self) -> &[FieldError] {
        match self {
            Self::BadParameter(errors) => errors,
            _ => &[],
        }
    }

    /// The error that a bare status stands for, as routing and the layers around it answer.
    pub(crate) fn of_status(status: StatusCode) -> Self {
        match status {
            StatusCode::NOT_FOUND => Self::NotFound("There is nothing at this path.".to_owned()),
            StatusCode::METHOD_NOT_ALLOWED => Self::MethodNotAllowed,
            StatusCode::PAYLOAD_TOO_LARGE => Self::BodyTooLarge,
            StatusCode::SERVICE_UNAVAILABLE => Self::ReducedCapacity,
            status if status.is_client_error() => Self::BadParameter(Vec::new()),
            _ => Self::Internal,
        }
    }

    fn challenge(&self) -> Option<&'static str> {
        match self {
            Self::KeyMissing => Some(r#"Bearer realm="accrual""#),
            Self::KeyMalformed | Self::KeyUnknown | Self::KeyRevoked(_) | Self::KeyExpired { .. } => {
                Some(r#"Bearer realm="accrual", error="invalid_token""#)
            }
            _ => None,
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = self.problem().status;
        let mut response = status.into_response();
        if let Some(challenge) = self.challenge() {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("2"));
        }
        response.extensions_mut().insert(self);
        response
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "the store failed a request");
        match error {
            StoreError::Locked { .. } | StoreError::Unreachable { .. } => Self::ReducedCapacity,
            _ => Self::Internal,
        }
    }
}
