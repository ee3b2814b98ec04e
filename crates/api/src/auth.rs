//! Who asks, and whether they may.
//!
//! An unknown id and a wrong secret are one and the same answer, reached by the same work: a look in the database and
//! one MAC. Only who holds the secret learns that a key was revoked or has expired.

use std::fmt;
use std::str::FromStr;

use accrual_rewards::unit::UnixSeconds;
use accrual_store::{KeyRow, keys};
use axum::extract::{FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::app::Api;
use crate::error::ApiError;
use crate::key::{self, ApiKey, KeyId, Pepper};
use crate::view::Rfc3339;

const KEY_HEADER: &str = "x-api-key";
/// Names under which callers of other APIs put keys into URLs.
const KEY_PARAMETERS: [&str; 6] = ["api_key", "apikey", "api-key", "x-api-key", "access_token", "key"];
/// Compared with when there is no such key, so that the answer takes as long.
const NO_MAC: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// What a key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Campaigns, accruals and pools.
    ReadPublic,
    /// What one account holds and earns.
    ReadWallet,
}

/// A key that is accepted, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActiveKey {
    /// The client's id.
    pub client: String,
    /// The key's public name.
    pub id: KeyId,
    /// What it may do.
    pub scopes: Vec<Scope>,
}

/// Lets a request through when its key is accepted and has `scope`; the handler finds the [`ActiveKey`] in the
/// request's extensions.
pub(crate) async fn guard(api: Api, scope: Scope, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let mut response = match ActiveKey::from_request_parts(&mut parts, &api).await {
        Ok(key) if key.scopes.contains(&scope) => {
            parts.extensions.insert(key);
            next.run(Request::from_parts(parts, body)).await
        }
        Ok(_) => ApiError::ScopeMissing(scope.as_str()).into_response(),
        Err(error) => error.into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, max-age=0, must-revalidate"));
    let vary = "X-API-Key, Authorization, Origin, Accept, Accept-Encoding";
    headers.insert(header::VARY, HeaderValue::from_static(vary));
    response
}

impl FromRequestParts<Api> for ActiveKey {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, ApiError> {
        let key = presented(&parts.headers)?;
        let row = keys::by_id(api.db(), key.id().as_str()).await?;
        let row = authenticated(&key, row, &api.settings().pepper)?;
        let now = api.settings().clock.now();
        standing(&key, &row, now)?;
        api.last_used().note(key.id(), row.last_used_at, now);
        Ok(Self { client: row.client_id, id: key.id().clone(), scopes: Scope::split(&row.scopes) })
    }
}

/// The one key that the headers carry.
fn presented(headers: &HeaderMap) -> Result<ApiKey, ApiError> {
    let bearer = headers.get_all(header::AUTHORIZATION).iter().filter_map(bearer);
    let texts = headers.get_all(KEY_HEADER).iter().map(HeaderValue::as_bytes).chain(bearer);
    let parse = |text| std::str::from_utf8(text).ok()?.trim().parse().ok();
    let keys: Option<Vec<ApiKey>> = texts.map(parse).collect();
    let keys = keys.ok_or(ApiError::KeyMalformed)?;
    let (first, others) = keys.split_first().ok_or(ApiError::KeyMissing)?;
    if others.iter().all(|other| first.is_same(other)) {
        Ok(first.clone())
    } else {
        Err(ApiError::CredentialsConflict)
    }
}

/// What follows `Bearer` in an `Authorization` header of that scheme.
fn bearer(value: &HeaderValue) -> Option<&[u8]> {
    let (scheme, token) = value.as_bytes().split_at_checked(b"bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"bearer ").then_some(token)
}

/// The row when it is this key's: same environment, same pepper, right secret.
fn authenticated(key: &ApiKey, row: Option<KeyRow>, pepper: &Pepper) -> Result<KeyRow, ApiError> {
    let stored = row.as_ref().map_or(NO_MAC, |row| &row.secret_mac);
    let right = pepper.admits(key, stored);
    row.filter(|row| {
        right && row.env == key.env().as_str() && row.pepper_version == u64::from(pepper.version())
    })
    .ok_or(ApiError::KeyUnknown)
}

/// Whether the key is accepted at `now`, from the row's own instants: at the very instant of its end it is refused.
fn standing(key: &ApiKey, row: &KeyRow, now: UnixSeconds) -> Result<(), ApiError> {
    if row.state != "active" || row.revoked_at.is_some() {
        return Err(ApiError::KeyRevoked(key.id().clone()));
    }
    match row.expires_at {
        Some(at) if at <= now => Err(ApiError::KeyExpired { id: key.id().clone(), at: Rfc3339(at) }),
        _ => Ok(()),
    }
}

/// Refuses a URL that carries a key, by a parameter's name or by a value's form.
pub(crate) fn refuse_key_in_url(uri: &Uri) -> Result<(), ApiError> {
    let query = uri.query().unwrap_or_default();
    let mut names = query.split('&').map(|pair| pair.split('=').next().unwrap_or_default());
    let named = names.any(|name| KEY_PARAMETERS.iter().any(|known| name.eq_ignore_ascii_case(known)));
    if named || key::holds_key(query) { Err(ApiError::CredentialsInUrl) } else { Ok(()) }
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 2] = [Self::ReadPublic, Self::ReadWallet];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ReadPublic => "read:public",
            Self::ReadWallet => "read:wallet",
        }
    }

    /// Scopes as the database keeps them.
    pub fn join(scopes: &[Self]) -> String {
        let names: Vec<&str> =
            Self::ALL.iter().filter(|one| scopes.contains(one)).map(|one| one.as_str()).collect();
        names.join(",")
    }

    /// The scopes that the database names. One that this release does not know allows nothing here.
    fn split(text: &str) -> Vec<Self> {
        text.split(',').filter_map(|name| name.parse().ok()).collect()
    }
}

/// A text that names no scope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no scope: read:public and read:wallet are")]
pub struct UnknownScope(String);

impl FromStr for Scope {
    type Err = UnknownScope;

    fn from_str(text: &str) -> Result<Self, UnknownScope> {
        let found = Self::ALL.into_iter().find(|scope| scope.as_str() == text);
        found.ok_or_else(|| UnknownScope(text.chars().take(80).collect()))
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
