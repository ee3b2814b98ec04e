//! `/v1/keys`: keys made, listed, edited, paused, resumed and revoked; the secret is in the answer that makes one, and
//! nowhere else.

use accrual_access::change::{Edit, Purpose};
use accrual_access::key::{KeyEnv, KeyId};
use accrual_access::network::Networks;
use accrual_access::scope::Scopes;
use accrual_rewards::unit::UnixSeconds;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use secrecy::ExposeSecret;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::asked::Asked;
use crate::app::Api;
use crate::auth::ActiveKey;
use crate::body::{Body, bad};
use crate::document::shape::ScopeName;
use crate::error::ApiError;
use crate::key::ApiKey;
use crate::keys::{KeyEdit, KeyView, NewKey, RotationView, reading_scopes};
use crate::params::{self, Params};
use crate::view::Rfc3339;

/// A key to make.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewKey)]
pub(crate) struct Create {
    /// Whose it is, by name or id; a name that is new makes a new client.
    client: String,
    /// The plan of a client that is new; of one that is there it must be its own.
    plan: Option<String>,
    /// What the key may do; reading and exchanging itself unless told otherwise.
    #[schema(value_type = Option<Vec<ScopeName>>)]
    scopes: Option<Vec<String>>,
    /// From where it may be used, as CIDR; empty for anywhere.
    #[serde(default)]
    allowed_networks: Vec<String>,
    /// When it ends by itself; never unless told otherwise.
    #[schema(value_type = Option<Rfc3339>)]
    expires_at: Option<String>,
    /// A word for people, at most 200 characters on one line.
    #[serde(default)]
    #[schema(max_length = 200)]
    note: String,
    /// `live` or `test`; what the server takes unless told otherwise.
    env: Option<String>,
    /// Why, for the audit.
    reason: Option<String>,
}

/// What to change of a key; what is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = KeyChange)]
pub(crate) struct Change {
    /// What the key may do.
    #[schema(value_type = Option<Vec<ScopeName>>)]
    scopes: Option<Vec<String>>,
    /// From where it may be used, as CIDR; empty for anywhere.
    allowed_networks: Option<Vec<String>>,
    /// When it ends by itself; null for never.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Rfc3339>)]
    expires_at: Option<Option<String>>,
    /// A word for people, at most 200 characters on one line.
    #[schema(max_length = 200)]
    note: Option<String>,
    /// Why, for the audit.
    reason: Option<String>,
}

/// A body that gives a reason, or nothing.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(as = ReasonBody)]
pub(crate) struct Reason {
    /// Why, for the audit.
    reason: Option<String>,
}

/// Something, with the secret of the key that was made with it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Shown<T> {
    /// What was made.
    pub(crate) data: T,
    /// The whole key, this once; absent when the same request had made it before.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) key: Option<String>,
    /// Whether the key was shown before, so that it is not here.
    pub(crate) secret_shown: bool,
}

/// Something of keys.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Data<T> {
    /// What was asked for.
    pub(crate) data: T,
}

/// A key that asks about itself.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OwnKey)]
pub(crate) struct Own {
    /// The key.
    data: KeyView,
    /// The rotation that it is part of; null where there is none.
    rotation: Option<RotationView>,
}

/// Make a key
///
/// The answer holds it, this once: nobody can be shown it again.
#[utoipa::path(
    post,
    path = "/v1/keys",
    tag = "keys",
    operation_id = "create_key",
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 128 printable characters: the same request with it again is answered with what the first one made, without the secret.", example = "2026-06-12-rotation-1")),
    request_body = Create,
    responses(
        (status = 201, description = "The key was made, and is shown.", body = Shown<KeyView>),
        (status = 200, description = "The same request had made it before: it is not shown again.", body = Shown<KeyView>),
        (status = 409, description = "key_limit: the client has as many accepted keys as it may; idempotency_conflict.")
    )
)]
pub(crate) async fn create(
    State(api): State<Api>,
    asked: Asked,
    params: Params,
    body: Body<Create>,
) -> Result<Response, ApiError> {
    params.done()?;
    let asker = asked.asker(body.value.reason.clone(), &body.hash);
    let body = body.value;
    let env = match &body.env {
        Some(text) => text.parse().map_err(|error: crate::key::UnknownEnv| bad("env", &error.to_string()))?,
        None => api.keys().rules().env.unwrap_or(KeyEnv::Live),
    };
    let purpose = Purpose {
        scopes: body.scopes.as_deref().map(scopes).transpose()?.unwrap_or_else(reading_scopes),
        networks: networks(&body.allowed_networks)?,
        expires_at: body.expires_at.as_deref().map(instant).transpose()?,
        note: note(&body.note)?,
    };
    let new = NewKey { client: body.client, plan: body.plan, purpose, env };
    let issued = api.keys().create(new, &asker).await?;
    let view = api.keys().view(&issued.made).await?;
    Ok(shown(view, issued.key))
}

/// All keys
///
/// Of every client, or of one.
#[utoipa::path(
    get,
    path = "/v1/keys",
    tag = "keys",
    operation_id = "list_keys",
    params(("client" = Option<String>, Query, description = "One client's only, by name or id.", example = "dashboard")),
    responses(
        (status = 200, description = "The keys.", body = Data<Vec<KeyView>>),
        (status = 404, description = "not_found: there is no such client.")
    )
)]
pub(crate) async fn list(
    State(api): State<Api>,
    mut params: Params,
) -> Result<Json<Data<Vec<KeyView>>>, ApiError> {
    let client = params.take("client", |text| Ok(text.to_owned()));
    params.done()?;
    let client = match client {
        Some(name) => Some(api.keys().client(&name).await?.client_id),
        None => None,
    };
    let mut data = Vec::new();
    for key in api.keys().list(client.as_deref()).await? {
        data.push(api.keys().view(&key).await?);
    }
    Ok(Json(Data { data }))
}

/// One key
#[utoipa::path(
    get,
    path = "/v1/keys/{id}",
    tag = "keys",
    operation_id = "get_key",
    params(("id" = String, Path, description = "The key's id: 12 letters and digits.", example = "7Q2mZx9KpL4t")),
    responses((status = 200, description = "The key.", body = Data<KeyView>))
)]
pub(crate) async fn one(
    State(api): State<Api>,
    Path(id): Path<String>,
    params: Params,
) -> Result<Json<Data<KeyView>>, ApiError> {
    params.done()?;
    let key = api.keys().get(&key_id(&id)?).await?;
    Ok(Json(Data { data: api.keys().view(&key).await? }))
}

/// The key that asks
///
/// With the rotation that it is part of.
#[utoipa::path(
    get,
    path = "/v1/keys/self",
    tag = "keys",
    operation_id = "get_own_key",
    responses((status = 200, description = "The key.", body = Own))
)]
pub(crate) async fn own(
    State(api): State<Api>,
    key: ActiveKey,
    params: Params,
) -> Result<Json<Own>, ApiError> {
    params.done()?;
    let record = api.keys().get(&key.id).await?;
    let rotation = match api.keys().rotation(&key.id).await {
        Ok(rotation) => Some(api.keys().rotation_view(&rotation).await?),
        Err(_) => None,
    };
    Ok(Json(Own { data: api.keys().view(&record).await?, rotation }))
}

/// Change a key
///
/// What the body leaves out stays.
#[utoipa::path(
    patch,
    path = "/v1/keys/{id}",
    tag = "keys",
    operation_id = "edit_key",
    params(("id" = String, Path, description = "The key's id: 12 letters and digits.", example = "7Q2mZx9KpL4t"), ("Idempotency-Key" = Option<String>, Header, description = "1 to 128 printable characters: the same request with it again is answered with what the first one made, without the secret.", example = "2026-06-12-rotation-1")),
    request_body = Change,
    responses(
        (status = 200, description = "The key as it is now.", body = Data<KeyView>),
        (status = 409, description = "key_state: the key's state does not allow this; idempotency_conflict.")
    )
)]
pub(crate) async fn edit(
    State(api): State<Api>,
    Path(id): Path<String>,
    asked: Asked,
    params: Params,
    body: Body<Change>,
) -> Result<Json<Data<KeyView>>, ApiError> {
    params.done()?;
    let asker = asked.asker(body.value.reason.clone(), &body.hash);
    let body = body.value;
    let expires_at = body.expires_at.map(|at| at.as_deref().map(instant).transpose());
    let edit = Edit {
        scopes: body.scopes.as_deref().map(scopes).transpose()?,
        networks: body.allowed_networks.as_deref().map(networks).transpose()?,
        note: body.note.as_deref().map(note).transpose()?,
        expires_at: expires_at.transpose()?,
    };
    let key = api.keys().edit(&key_id(&id)?, &KeyEdit::Edit(edit), &asker).await?;
    Ok(Json(Data { data: api.keys().view(&key).await? }))
}

macro_rules! edits {
    ($($(#[$doc:meta])* $name:ident = $edit:ident, $path:literal, $id:literal;)*) => {$(
        $(#[$doc])*
        #[utoipa::path(
            post,
            path = $path,
            tag = "keys",
            operation_id = $id,
            params(("id" = String, Path, description = "The key's id: 12 letters and digits.", example = "7Q2mZx9KpL4t"), ("Idempotency-Key" = Option<String>, Header, description = "1 to 128 printable characters: the same request with it again is answered with what the first one made, without the secret.", example = "2026-06-12-rotation-1")),
            request_body = Reason,
            responses(
                (status = 200, description = "The key as it is now.", body = Data<KeyView>),
                (status = 409, description = "key_state: the key's state does not allow this; idempotency_conflict.")
            )
        )]
        pub(crate) async fn $name(
            State(api): State<Api>,
            Path(id): Path<String>,
            asked: Asked,
            params: Params,
            body: Body<Reason>,
        ) -> Result<Json<Data<KeyView>>, ApiError> {
            params.done()?;
            let asker = asked.asker(body.value.reason.clone(), &body.hash);
            let key = api.keys().edit(&key_id(&id)?, &KeyEdit::$edit, &asker).await?;
            Ok(Json(Data { data: api.keys().view(&key).await? }))
        }
    )*};
}
edits! {
    /// Pause a key
    ///
    /// It is refused until it is resumed.
    pause = Pause, "/v1/keys/{id}/pause", "pause_key";
    /// Resume a key
    ///
    /// It is accepted again, if nothing else ended it meanwhile.
    resume = Resume, "/v1/keys/{id}/resume", "resume_key";
    /// Revoke a key
    ///
    /// It is refused from now on, for ever.
    revoke = Revoke, "/v1/keys/{id}/revoke", "revoke_key";
}

/// 201 with the secret, or 200 without it when the same request had made it before. Nobody may keep the answer.
pub(crate) fn shown<T: Serialize>(data: T, key: Option<ApiKey>) -> Response {
    let status = if key.is_some() { StatusCode::CREATED } else { StatusCode::OK };
    let secret_shown = key.is_none();
    let key = key.map(|key| key.reveal().expose_secret().to_owned());
    let mut response = (status, Json(Shown { data, key, secret_shown })).into_response();
    never_kept(&mut response);
    response
}

/// What holds a secret is kept by nobody, and never compressed, so that its length tells nothing.
pub(crate) fn never_kept(response: &mut Response) {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(HeaderName::from_static("pragma"), HeaderValue::from_static("no-cache"));
}

/// A path's key id; anything else is no key that we have.
pub(crate) fn key_id(text: &str) -> Result<KeyId, ApiError> {
    text.parse().map_err(|_| ApiError::no_such("key", text))
}

pub(crate) fn instant(text: &str) -> Result<UnixSeconds, ApiError> {
    params::instant(text).map_err(|detail| bad("expires_at", &detail))
}

fn scopes(names: &[String]) -> Result<Scopes, ApiError> {
    let scopes = names.iter().map(|name| name.parse::<accrual_access::scope::Scope>());
    scopes.collect::<Result<Scopes, _>>().map_err(|error| bad("scopes", &error.to_string()))
}

fn networks(texts: &[String]) -> Result<Networks, ApiError> {
    let networks = texts.iter().map(|text| text.parse::<accrual_access::network::Network>());
    networks.collect::<Result<Networks, _>>().map_err(|error| bad("allowed_networks", &error.to_string()))
}

fn note(text: &str) -> Result<String, ApiError> {
    if crate::key::holds_key(text) {
        return Err(bad("note", "holds what looks like a key: a note is read by many"));
    }
    let good = text.chars().count() <= 200 && !text.chars().any(char::is_control);
    if good { Ok(text.to_owned()) } else { Err(bad("note", "must be at most 200 characters on one line")) }
}

/// A field that is there, null or not; one that is absent stays `None`.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}
