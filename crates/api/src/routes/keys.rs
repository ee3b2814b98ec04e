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

use super::asked::Asked;
use crate::app::Api;
use crate::auth::ActiveKey;
use crate::body::{Body, bad};
use crate::error::ApiError;
use crate::key::ApiKey;
use crate::keys::{KeyEdit, KeyView, NewKey, RotationView, reading_scopes};
use crate::params::{self, Params};

/// `POST /v1/keys`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Create {
    client: String,
    plan: Option<String>,
    scopes: Option<Vec<String>>,
    #[serde(default)]
    allowed_networks: Vec<String>,
    expires_at: Option<String>,
    #[serde(default)]
    note: String,
    env: Option<String>,
    reason: Option<String>,
}

/// `PATCH /v1/keys/{id}`; what is left out stays.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Change {
    scopes: Option<Vec<String>>,
    allowed_networks: Option<Vec<String>>,
    #[serde(default, deserialize_with = "present")]
    expires_at: Option<Option<String>>,
    note: Option<String>,
    reason: Option<String>,
}

/// A body that gives a reason, or nothing.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Reason {
    reason: Option<String>,
}

/// Something, with the secret of the key that was made with it.
#[derive(Debug, Serialize)]
pub(crate) struct Shown<T> {
    pub(crate) data: T,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<String>,
    pub(crate) secret_shown: bool,
}

/// Something of keys.
#[derive(Debug, Serialize)]
pub(crate) struct Data<T> {
    pub(crate) data: T,
}

/// A key that asks about itself.
#[derive(Debug, Serialize)]
pub(crate) struct Own {
    data: KeyView,
    rotation: Option<RotationView>,
}

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

pub(crate) async fn one(
    State(api): State<Api>,
    Path(id): Path<String>,
    params: Params,
) -> Result<Json<Data<KeyView>>, ApiError> {
    params.done()?;
    let key = api.keys().get(&key_id(&id)?).await?;
    Ok(Json(Data { data: api.keys().view(&key).await? }))
}

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
    ($($name:ident = $edit:ident;)*) => {$(
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
edits! { pause = Pause; resume = Resume; revoke = Revoke; }

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
