//! `GET|POST /v1/sign_in/nonce`, `POST /v1/sign_in`: a wallet asks for a nonce, signs, and gets a Free key.

use axum::extract::{FromRequest, Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};

use super::keys::shown;
use crate::answer::RequestId;
use crate::app::Api;
use crate::auth::client_address;
use crate::body::Body;
use crate::error::{ApiError, sentence};
use crate::params::Params;
use crate::sign_in::{SignIn, give_key};
use crate::view::Rfc3339;

/// What holds a nonce or a key is nobody's to keep.
const NO_STORE: [(HeaderName, HeaderValue); 1] =
    [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];

type Fresh<T> = (StatusCode, [(HeaderName, HeaderValue); 1], Json<T>);

#[derive(Debug, Serialize)]
struct Data<T> {
    data: T,
}

#[derive(Debug, Serialize)]
struct NonceView {
    nonce: String,
    domain: String,
    uri: String,
    version: &'static str,
    chain_ids: Vec<u64>,
    statement: &'static str,
    issued_at: Rfc3339,
    expires_at: Rfc3339,
    /// The whole text to sign, once `{address}` is the account in EIP-55.
    message: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SignInBody {
    message: String,
    signature: String,
    #[serde(default)]
    replace: bool,
}

/// The routes, or none where signing in is switched off.
pub(crate) fn routes(api: &Api) -> Router<Api> {
    if api.settings().sign_in.is_none() {
        return Router::new();
    }
    Router::new().route("/v1/sign_in/nonce", get(nonce).post(nonce)).route("/v1/sign_in", post(sign_in))
}

async fn nonce(
    State(api): State<Api>,
    params: Params,
    request: Request,
) -> Result<Fresh<impl Serialize>, ApiError> {
    let (now, switch) = (api.settings().clock.now(), switch(&api)?);
    let (parts, _) = request.into_parts();
    switch.admit(client_address(&parts, &api.settings().trusted_proxies), now)?;
    params.done()?;
    let challenge = switch.challenge(api.db(), now).await?;
    let message = switch.template(&challenge);
    let view = NonceView {
        nonce: challenge.nonce,
        domain: switch.domain().to_owned(),
        uri: switch.origin().to_owned(),
        version: "1",
        chain_ids: switch.chain_ids().to_vec(),
        statement: switch.statement(),
        issued_at: Rfc3339(challenge.issued_at),
        expires_at: Rfc3339(challenge.expires_at),
        message,
    };
    Ok((StatusCode::OK, NO_STORE, Json(Data { data: view })))
}

async fn sign_in(State(api): State<Api>, params: Params, request: Request) -> Result<Response, ApiError> {
    let (now, switch) = (api.settings().clock.now(), switch(&api)?);
    let (parts, body) = request.into_parts();
    switch.admit(client_address(&parts, &api.settings().trusted_proxies), now)?;
    params.done()?;
    let request_id = parts.extensions.get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default();
    let asked = Body::<SignInBody>::from_request(Request::from_parts(parts, body), &api).await?.value;
    let signed = switch.check(&asked.message, &asked.signature, now);
    let signed = signed.map_err(|error| ApiError::SignInRefused(sentence(&error.to_string())))?;
    let given = give_key(&api, &signed, asked.replace, request_id, now).await?;
    let (client, key) = (&given.view.client, &given.view.id);
    tracing::info!(client, key, replaced = asked.replace, "a wallet signed in");
    Ok(shown(given.view, given.key))
}

fn switch(api: &Api) -> Result<&SignIn, ApiError> {
    let off = || ApiError::NotFound("There is nothing at this path.".to_owned());
    api.settings().sign_in.as_ref().ok_or_else(off)
}
