//! `GET|POST /v1/sign_in/nonce`, `POST /v1/sign_in`: a wallet asks for a nonce, signs, and gets a Free key.

use axum::Json;
use axum::extract::{FromRequest, Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::keys::{Data, Shown, shown};
use crate::answer::RequestId;
use crate::app::Api;
use crate::auth::client_address;
use crate::body::Body;
use crate::error::{ApiError, sentence};
use crate::keys::KeyView;
use crate::params::Params;
use crate::sign_in::{SignIn, give_key};
use crate::view::Rfc3339;

/// What holds a nonce or a key is nobody's to keep.
const NO_STORE: [(HeaderName, HeaderValue); 1] =
    [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];

type Fresh<T> = (StatusCode, [(HeaderName, HeaderValue); 1], Json<T>);

/// What a wallet signs (EIP-4361).
#[derive(Debug, Serialize, ToSchema)]
struct NonceView {
    /// Good for one signature.
    nonce: String,
    /// Who asks for the signature.
    domain: String,
    /// What is signed in to.
    uri: String,
    /// The message's version: always 1.
    version: &'static str,
    /// The chains of which one must be named.
    #[schema(example = json!([8453]))]
    chain_ids: Vec<u64>,
    /// What the wallet's owner agrees to.
    statement: &'static str,
    /// When it was made.
    issued_at: Rfc3339,
    /// Until when it can be used.
    expires_at: Rfc3339,
    /// The whole text to sign, once `{address}` is the account in EIP-55.
    message: String,
}

/// A signed message.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SignInBody {
    /// The text that was signed.
    message: String,
    /// The wallet's signature of it: 0x and 130 hex digits.
    signature: String,
    /// Whether to revoke the key that this wallet has, because it was lost.
    #[serde(default)]
    replace: bool,
}

/// What to sign
///
/// A message with a fresh nonce, for an Ethereum wallet. Only where signing in is switched on; elsewhere 404.
#[utoipa::path(
    method(get, post),
    path = "/v1/sign_in/nonce",
    tag = "sign_in",
    operation_id = "get_nonce",
    responses(
        (status = 200, description = "The message.", body = Data<NonceView>),
        (status = 404, description = "not_found: signing in is switched off."),
        (status = 429, description = "rate_limited: too many attempts from this network.")
    )
)]
pub(crate) async fn nonce(
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

/// Sign in with a wallet
///
/// Gives a key on the free plan, shown this once. Only where signing in is switched on; elsewhere 404.
#[utoipa::path(
    post,
    path = "/v1/sign_in",
    tag = "sign_in",
    operation_id = "sign_in",
    request_body = SignInBody,
    responses(
        (status = 201, description = "The key was made, and is shown.", body = Shown<KeyView>),
        (status = 403, description = "sign_in_refused: this does not prove the wallet."),
        (status = 404, description = "not_found: signing in is switched off."),
        (status = 409, description = "wallet_has_key: this wallet has a key already."),
        (status = 429, description = "rate_limited: too many attempts from this network.")
    )
)]
pub(crate) async fn sign_in(
    State(api): State<Api>,
    params: Params,
    request: Request,
) -> Result<Response, ApiError> {
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
