//! What can go wrong with a request: one error, one status, one stable code, one sentence.
//!
//! An [`ApiError`] becomes an answer in two steps. Here it gets its status and headers and rides along in the
//! answer's extensions; [`crate::answer`], which knows the request, writes the body.

use accrual_access::change::Refused;
use accrual_rewards::unit::BlockNumber;
use accrual_store::StoreError;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::key::KeyId;
use crate::keys::KeysError;
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
    #[error("Key {id} ended{when}{next}.", when = when(*.at), next = next(.successor.as_ref()))]
    KeyEnded { id: KeyId, at: Option<Rfc3339>, successor: Option<KeyId> },
    #[error("Key {0} is paused: whoever manages it can resume it.")]
    KeyPaused(KeyId),
    #[error(
        "Key {id} is ending and is refused until {until}, so that whoever still uses it notices: change to its successor."
    )]
    KeyBrownout { id: KeyId, until: Rfc3339, retry_after_seconds: u64 },
    #[error("This server takes no {0} keys.")]
    KeyWrongEnv(&'static str),
    #[error("The key may not be used from {}.", .0.as_deref().unwrap_or("an unknown address"))]
    NetworkNotAllowed(Option<String>),
    #[error("{0}")]
    RotationOpen(String),
    #[error("{0}")]
    RotationNotOpen(String),
    #[error("{0}")]
    KeyState(String),
    #[error("{0}")]
    KeyLimit(String),
    #[error("{0}")]
    KeyInUse(String),
    #[error("This Idempotency-Key came before with another request: send a new one.")]
    IdempotencyConflict,
    #[error("{}", body_summary(.0))]
    BadBody(Vec<FieldError>),
    #[error("The body must be JSON, and Content-Type must say application/json.")]
    NotJson,
    #[error(
        "The client has made as many calls within a minute as its plan allows: wait {retry_after_seconds} s."
    )]
    RateLimited { retry_after_seconds: u64 },
    #[error(
        "The client's calls of this month are used up: a larger plan or a higher spend cap gives more, and the next month begins in {retry_after_seconds} s."
    )]
    QuotaExceeded { retry_after_seconds: u64 },
    #[error("The client's plan tells nothing from before {0}.")]
    PlanHistory(Rfc3339),
    #[error("The client's plan {0:?} does not include this, or has no terms for today.")]
    PlanFeature(String),
    #[error("This call needs the scope {0}, which the key does not have.")]
    ScopeMissing(&'static str),
    #[error(
        "The {0} of this request names a site that /mcp is not for: its operator lists hosts in mcp.hosts and pages' sites in mcp.origins."
    )]
    SiteNotAllowed(&'static str),
    #[error("{0}")]
    NotFound(String),
    #[error("This path does not take this method; Allow names those that it does.")]
    MethodNotAllowed,
    #[error("Accept names no form that this answer has: application/json, and text/csv for tables.")]
    NotAcceptable,
    #[error("The body is larger than 64 KiB.")]
    BodyTooLarge,
    #[error("It was changed since that ETag was given out: read it again, and send the new one in If-Match.")]
    PreconditionFailed,
    #[error("Something broke on our side; it is in the log under this request_id.")]
    Internal,
    #[error("{0}")]
    SignInRefused(String),
    #[error("{0}")]
    WalletHasKey(String),
    #[error("Too many attempts to sign in from this network: try again in {0} seconds.")]
    TooManySignIns(u64),
    #[error("The client has {0} streams open, as many as it may: close one first.")]
    StreamLimit(usize),
    #[error("{0}")]
    FiguresUnknown(String),
    #[error("{0}")]
    BehindChain(String),
    #[error("The answer took too long, or the database is busy: try again.")]
    ReducedCapacity,
}

/// One field of a request that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// Its name, of a parameter or of a field of the body.
    pub parameter: String,
    /// What is wrong with it, and what would be right.
    pub detail: String,
}

fn summary(errors: &[FieldError]) -> String {
    let texts: Vec<String> =
        errors.iter().map(|error| format!("{} {}", error.parameter, error.detail)).collect();
    texts.join("; ")
}

fn body_summary(errors: &[FieldError]) -> String {
    if errors.is_empty() { "The body is not what this call takes.".to_owned() } else { summary(errors) }
}

fn when(at: Option<Rfc3339>) -> String {
    at.map(|at| format!(" at {at}")).unwrap_or_default()
}

fn next(successor: Option<&KeyId>) -> String {
    successor.map(|id| format!("; its successor is {id}")).unwrap_or_default()
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
    KEY_ENDED = "key_ended", UNAUTHORIZED, "This key was replaced and its overlap is over";
    KEY_PAUSED = "key_paused", UNAUTHORIZED, "This key is paused";
    KEY_BROWNOUT = "key_brownout", UNAUTHORIZED, "This key is ending and is refused for a moment";
    KEY_WRONG_ENV = "key_wrong_env", UNAUTHORIZED, "This key is for another environment";
    NETWORK_NOT_ALLOWED = "network_not_allowed", FORBIDDEN, "The key may not be used from here";
    ROTATION_OPEN = "rotation_open", CONFLICT, "A rotation is open";
    ROTATION_NOT_OPEN = "rotation_not_open", CONFLICT, "No rotation is open";
    KEY_STATE = "key_state", CONFLICT, "The key's state does not allow this";
    KEY_LIMIT = "key_limit", CONFLICT, "The client has as many accepted keys as it may";
    KEY_IN_USE = "key_in_use", CONFLICT, "The old key is still used";
    IDEMPOTENCY_CONFLICT = "idempotency_conflict", CONFLICT, "The Idempotency-Key belongs to another request";
    BAD_BODY = "bad_body", BAD_REQUEST, "The body is not what this call takes";
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type", UNSUPPORTED_MEDIA_TYPE, "The body is not JSON";
    SCOPE_MISSING = "scope_missing", FORBIDDEN, "This key may not do this";
    SITE_NOT_ALLOWED = "site_not_allowed", FORBIDDEN, "This site may not call here";
    QUOTA_EXCEEDED = "quota_exceeded", TOO_MANY_REQUESTS, "The month's calls are used up";
    PLAN_HISTORY = "plan_history", FORBIDDEN, "The plan does not reach so far back";
    PLAN_FEATURE = "plan_feature", FORBIDDEN, "The plan does not include this";
    NOT_FOUND = "not_found", NOT_FOUND, "There is nothing here";
    METHOD_NOT_ALLOWED = "method_not_allowed", METHOD_NOT_ALLOWED, "This path does not take this method";
    NOT_ACCEPTABLE = "not_acceptable", NOT_ACCEPTABLE, "The answer has no such form";
    PRECONDITION_FAILED = "precondition_failed", PRECONDITION_FAILED, "This was changed meanwhile";
    BODY_TOO_LARGE = "body_too_large", PAYLOAD_TOO_LARGE, "The body is too large";
    SIGN_IN_REFUSED = "sign_in_refused", FORBIDDEN, "This does not prove the wallet";
    WALLET_HAS_KEY = "wallet_has_key", CONFLICT, "This wallet has a key already";
    RATE_LIMITED = "rate_limited", TOO_MANY_REQUESTS, "Too many calls within a minute";
    STREAM_LIMIT = "stream_limit", TOO_MANY_REQUESTS, "Too many streams are open";
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
            Self::KeyEnded { .. } => Problem::KEY_ENDED,
            Self::KeyPaused(_) => Problem::KEY_PAUSED,
            Self::KeyBrownout { .. } => Problem::KEY_BROWNOUT,
            Self::KeyWrongEnv(_) => Problem::KEY_WRONG_ENV,
            Self::NetworkNotAllowed(_) => Problem::NETWORK_NOT_ALLOWED,
            Self::RotationOpen(_) => Problem::ROTATION_OPEN,
            Self::RotationNotOpen(_) => Problem::ROTATION_NOT_OPEN,
            Self::KeyState(_) => Problem::KEY_STATE,
            Self::KeyLimit(_) => Problem::KEY_LIMIT,
            Self::KeyInUse(_) => Problem::KEY_IN_USE,
            Self::IdempotencyConflict => Problem::IDEMPOTENCY_CONFLICT,
            Self::BadBody(_) => Problem::BAD_BODY,
            Self::NotJson => Problem::UNSUPPORTED_MEDIA_TYPE,
            Self::RateLimited { .. } => Problem::RATE_LIMITED,
            Self::QuotaExceeded { .. } => Problem::QUOTA_EXCEEDED,
            Self::PlanHistory(_) => Problem::PLAN_HISTORY,
            Self::PlanFeature(_) => Problem::PLAN_FEATURE,
            Self::ScopeMissing(_) => Problem::SCOPE_MISSING,
            Self::SiteNotAllowed(_) => Problem::SITE_NOT_ALLOWED,
            Self::NotFound(_) => Problem::NOT_FOUND,
            Self::MethodNotAllowed => Problem::METHOD_NOT_ALLOWED,
            Self::NotAcceptable => Problem::NOT_ACCEPTABLE,
            Self::BodyTooLarge => Problem::BODY_TOO_LARGE,
            Self::PreconditionFailed => Problem::PRECONDITION_FAILED,
            Self::SignInRefused(_) => Problem::SIGN_IN_REFUSED,
            Self::WalletHasKey(_) => Problem::WALLET_HAS_KEY,
            Self::TooManySignIns(_) => Problem::RATE_LIMITED,
            Self::StreamLimit(_) => Problem::STREAM_LIMIT,
            Self::Internal => Problem::INTERNAL,
            Self::FiguresUnknown(_) => Problem::FIGURES_UNKNOWN,
            Self::BehindChain(_) => Problem::BEHIND_CHAIN,
            Self::ReducedCapacity => Problem::REDUCED_CAPACITY,
        }
    }

    /// The policies of the limits that were exceeded.
    pub fn violated_policies(&self) -> &[&'static str] {
        match self {
            Self::RateLimited { .. } | Self::TooManySignIns(_) => &["minute"],
            Self::QuotaExceeded { .. } => &["month"],
            _ => &[],
        }
    }

    /// The fields that are wrong, if the request's fields are what is wrong.
    pub fn fields(&self) -> &[FieldError] {
        match self {
            Self::BadParameter(errors) | Self::BadBody(errors) => errors,
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

    fn retry_after_seconds(&self) -> Option<u64> {
        match self {
            Self::KeyBrownout { retry_after_seconds, .. }
            | Self::RateLimited { retry_after_seconds }
            | Self::QuotaExceeded { retry_after_seconds } => Some(*retry_after_seconds),
            // One of the caller's own streams has to end first, which nobody but the caller can say.
            Self::StreamLimit(_) => Some(60),
            _ => (self.problem().status == StatusCode::SERVICE_UNAVAILABLE).then_some(2),
        }
    }

    fn challenge(&self) -> Option<&'static str> {
        match self {
            Self::KeyMissing => Some(r#"Bearer realm="accrual""#),
            _ if self.problem().status == StatusCode::UNAUTHORIZED => {
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
        if let Some(seconds) = self.retry_after_seconds() {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Self::TooManySignIns(seconds) = &self {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(*seconds));
        }
        response.extensions_mut().insert(self);
        response
    }
}

impl From<KeysError> for ApiError {
    fn from(error: KeysError) -> Self {
        let text = sentence(&error.to_string());
        let field = |parameter: &str| {
            Self::BadBody(vec![FieldError { parameter: parameter.to_owned(), detail: error.to_string() }])
        };
        match &error {
            KeysError::BadClient(_) => field("client"),
            KeysError::PlanDiffers { .. } => field("plan"),
            KeysError::NoSuchKey(_) | KeysError::NoSuchClient | KeysError::BadId(_) => Self::NotFound(text),
            KeysError::IdempotencyConflict => Self::IdempotencyConflict,
            KeysError::Refused(refused) => match refused {
                Refused::NoScope => field("scopes"),
                Refused::EndsInThePast => field("expires_at"),
                Refused::OutOfBounds { what, .. } => field(what),
                Refused::BrownoutOutside => field("at"),
                Refused::NoSuchKey(_) => Self::NotFound(text),
                Refused::TooManyKeys { .. } => Self::KeyLimit(text),
                Refused::WrongState { .. } | Refused::WrongStage { .. } => Self::KeyState(text),
                Refused::RotationOpen { .. } => Self::RotationOpen(text),
                Refused::RotationNotOpen(_) => Self::RotationNotOpen(text),
                Refused::StillUsed { .. } => Self::KeyInUse(text),
            },
            KeysError::NoRandom(_) => {
                tracing::error!(%error, "a key was not made");
                Self::Internal
            }
            KeysError::Store(_) => {
                let KeysError::Store(error) = error else { return Self::Internal };
                error.into()
            }
        }
    }
}

/// A sentence of ours as an answer has it: a capital first, a full stop last.
pub(crate) fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str())
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
