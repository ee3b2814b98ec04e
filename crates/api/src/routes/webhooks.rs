//! `/v1/webhooks`: who is told of what. A client sees its own and no other's.

use accrual_access::notice::{Happening, Notice};
use accrual_access::scope::Scope;
use accrual_access::webhook::SigningSecret;
use accrual_store::{DeliveryRow, WebhookRow, deliveries as store, notices, webhooks};
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Extension, Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use secrecy::ExposeSecret;
use serde::Serialize;
use serde::de::DeserializeOwned;
use utoipa::ToSchema;

use crate::app::Api;
use crate::auth::ActiveKey;
use crate::error::{ApiError, FieldError};
use crate::params::{self, LIMIT_DEFAULT, Params};
use crate::view::{List, Rfc3339};
use crate::webhooks::life;

/// A webhook, without its secret.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WebhookView {
    /// Its id.
    #[schema(example = "wh_0f1e2d3c4b5a69788796")]
    id: String,
    /// Whose it is, by the client's id.
    client: String,
    /// Where messages go.
    url: String,
    /// What it is told of.
    #[schema(value_type = Vec<crate::document::shape::EventName>)]
    events: Vec<String>,
    /// `active`, `paused` by its owner, or `disabled` by a receiver that answered 410.
    #[schema(example = "active")]
    state: String,
    /// When it was made.
    created_at: Rfc3339,
    /// How many secrets it has had.
    secret_generation: u64,
    /// Until when the secret before signs too; null when it does not.
    previous_secret_ends_at: Option<Rfc3339>,
    /// Whether it is told of every client.
    is_operator: bool,
    /// A word for people.
    note: String,
}

/// Something of webhooks.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Told<T> {
    /// What was asked for.
    data: T,
}

/// A webhook with its secret.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookShown)]
struct Shown<'a> {
    /// The webhook.
    data: WebhookView,
    /// What its messages are signed with (Standard Webhooks), this once.
    secret: &'a str,
}

/// A message to a webhook, and how far it got.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeliveryView {
    /// What receivers see as `webhook-id`.
    #[schema(example = "key.revoked:7Q2mZx9KpL4t")]
    id: String,
    /// What happened.
    #[schema(value_type = crate::document::shape::EventName)]
    r#type: String,
    /// When it happened.
    at: Rfc3339,
    /// `pending`, `delivered`, `failed` after the last try, or `dropped` because the receiver wants no more.
    #[schema(example = "delivered")]
    state: String,
    /// How often it was tried.
    attempts: u64,
    /// When it is tried next; null unless it is pending.
    next_attempt_at: Option<Rfc3339>,
    /// When it was last tried.
    last_attempt_at: Option<Rfc3339>,
    /// The HTTP status that the receiver answered last.
    last_status: Option<u64>,
    /// What went wrong last.
    last_error: Option<String>,
}

/// All webhooks
///
/// The caller's own, oldest first.
#[utoipa::path(
    get,
    path = "/v1/webhooks",
    tag = "webhooks",
    operation_id = "list_webhooks",
    responses((status = 200, description = "The webhooks.", body = List<WebhookView>))
)]
pub(crate) async fn list(
    State(api): State<Api>,
    Extension(key): Extension<ActiveKey>,
    params: Params,
) -> Result<Json<List<WebhookView>>, ApiError> {
    params.done()?;
    let rows = webhooks::list(api.db(), Some(&key.client.client_id)).await?;
    let data = rows.into_iter().map(|row| view(&api, row)).collect();
    Ok(Json(listed(&api, data)))
}

/// Make a webhook
///
/// The answer holds its secret, this once.
#[utoipa::path(
    post,
    path = "/v1/webhooks",
    tag = "webhooks",
    operation_id = "create_webhook",
    request_body = life::NewWebhook,
    responses((status = 201, description = "It was made.", body = Shown,
        headers(("ETag" = String, description = "Its version, for If-Match."), ("Location" = String, description = "Where it is."))))
)]
pub(crate) async fn create(
    State(api): State<Api>,
    Extension(key): Extension<ActiveKey>,
    params: Params,
    body: Bytes,
) -> Result<Response, ApiError> {
    params.done()?;
    let is_operator = key.scopes.contains(Scope::Admin);
    let (row, secret) = life::create(&api, &key.client.client_id, is_operator, parsed(&body)?).await?;
    let place = format!("/v1/webhooks/{}", row.webhook_id);
    let mut response = (StatusCode::CREATED, shown(&api, row, &secret)).into_response();
    let place = HeaderValue::try_from(place).expect("an id is of safe characters");
    response.headers_mut().insert(header::LOCATION, place);
    Ok(response)
}

/// One webhook
///
/// Of the caller's own.
#[utoipa::path(
    get,
    path = "/v1/webhooks/{id}",
    tag = "webhooks",
    operation_id = "get_webhook",
    params(("id" = String, Path, description = "The webhook's id.", example = "wh_0f1e2d3c4b5a69788796")),
    responses((status = 200, description = "The webhook.", body = Told<WebhookView>, headers(("ETag" = String, description = "Its version, for If-Match."))))
)]
pub(crate) async fn one(
    State(api): State<Api>,
    Extension(key): Extension<ActiveKey>,
    Path(id): Path<String>,
    params: Params,
) -> Result<Response, ApiError> {
    params.done()?;
    let row = own(&api, &key, &id).await?;
    Ok(told(&api, row))
}

/// Change a webhook
///
/// What the body leaves out stays.
#[utoipa::path(
    patch,
    path = "/v1/webhooks/{id}",
    tag = "webhooks",
    operation_id = "edit_webhook",
    params(("id" = String, Path, description = "The webhook's id.", example = "wh_0f1e2d3c4b5a69788796"), ("If-Match" = Option<String>, Header, description = "The ETag that it was read with: if it was changed since, nothing is done.", example = "\"3\"")),
    request_body = life::Edit,
    responses(
        (status = 200, description = "The webhook as it is now.", body = Told<WebhookView>, headers(("ETag" = String, description = "Its version, for If-Match."))),
        (status = 412, description = "precondition_failed: it was changed meanwhile.")
    )
)]
pub(crate) async fn edit(
    State(api): State<Api>,
    Extension(key): Extension<ActiveKey>,
    Path(id): Path<String>,
    params: Params,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, ApiError> {
    params.done()?;
    let row = own(&api, &key, &id).await?;
    // What is wrong with the call itself is said first.
    let edited = life::edited(&api, row.clone(), parsed(&body)?)?;
    unchanged(row, &headers)?;
    let row = life::change(&api, edited).await?;
    Ok(told(&api, row))
}

/// Delete a webhook
///
/// With what was still to be sent to it.
#[utoipa::path(
    delete,
    path = "/v1/webhooks/{id}",
    tag = "webhooks",
    operation_id = "delete_webhook",
    params(("id" = String, Path, description = "The webhook's id.", example = "wh_0f1e2d3c4b5a69788796"), ("If-Match" = Option<String>, Header, description = "The ETag that it was read with: if it was changed since, nothing is done.", example = "\"3\"")),
    responses(
        (status = 204, description = "It is gone."),
        (status = 412, description = "precondition_failed: it was changed meanwhile.")
    )
)]
pub(crate) async fn delete(
    State(api): State<Api>,
    Extension(key): Extension<ActiveKey>,
    Path(id): Path<String>,
    params: Params,
    headers: HeaderMap,
) -> Result<StatusCode, ApiError> {
    params.done()?;
    let row = unchanged(own(&api, &key, &id).await?, &headers)?;
    let deleted = webhooks::delete(api.db(), &row.webhook_id, row.version).await?;
    if deleted { Ok(StatusCode::NO_CONTENT) } else { Err(ApiError::PreconditionFailed) }
}

/// Exchange a webhook's secret
///
/// The answer holds the new one, this once; the one before goes on signing beside it until the overlap ends.
#[utoipa::path(
    post,
    path = "/v1/webhooks/{id}/rotate_secret",
    tag = "webhooks",
    operation_id = "rotate_webhook_secret",
    params(("id" = String, Path, description = "The webhook's id.", example = "wh_0f1e2d3c4b5a69788796"), ("If-Match" = Option<String>, Header, description = "The ETag that it was read with: if it was changed since, nothing is done.", example = "\"3\"")),
    request_body = Option<life::RotateSecret>,
    responses(
        (status = 200, description = "The webhook, with its new secret.", body = Shown, headers(("ETag" = String, description = "Its version, for If-Match."))),
        (status = 409, description = "rotation_open: the secret before still signs."),
        (status = 412, description = "precondition_failed: it was changed meanwhile.")
    )
)]
pub(crate) async fn rotate_secret(
    State(api): State<Api>,
    Extension(key): Extension<ActiveKey>,
    Path(id): Path<String>,
    params: Params,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, ApiError> {
    params.done()?;
    let rotate = if body.is_empty() { life::RotateSecret::default() } else { parsed(&body)? };
    rotate.overlap_seconds()?;
    let row = unchanged(own(&api, &key, &id).await?, &headers)?;
    let (row, secret) = life::rotate_secret(&api, row, &rotate).await?;
    Ok(shown(&api, row, &secret))
}

/// Test a webhook
///
/// Sends a message that says nothing, the usual way: its delivery tells what came of it.
#[utoipa::path(
    post,
    path = "/v1/webhooks/{id}/test",
    tag = "webhooks",
    operation_id = "test_webhook",
    params(("id" = String, Path, description = "The webhook's id.", example = "wh_0f1e2d3c4b5a69788796")),
    responses((status = 202, description = "The message is on its way.", body = Told<DeliveryView>))
)]
pub(crate) async fn test(
    State(api): State<Api>,
    Extension(key): Extension<ActiveKey>,
    Path(id): Path<String>,
    params: Params,
) -> Result<(StatusCode, Json<Told<DeliveryView>>), ApiError> {
    params.done()?;
    let row = own(&api, &key, &id).await?;
    let happening = Happening::Test { webhook: row.webhook_id.clone() };
    let notice = Notice::new(&happening, api.settings().clock.now()).into();
    notices::post_to(api.db(), &notice, &row.webhook_id).await?;
    let found = store::one(api.db(), &row.webhook_id, &notice.notice_id).await?;
    let delivery = found.ok_or_else(|| ApiError::no_such("webhook", &id))?;
    Ok((StatusCode::ACCEPTED, Json(Told { data: DeliveryView::of(delivery) })))
}

/// What a webhook was sent
///
/// Newest first: 30 days are kept.
#[utoipa::path(
    get,
    path = "/v1/webhooks/{id}/deliveries",
    tag = "webhooks",
    operation_id = "list_deliveries",
    params(
        ("id" = String, Path, description = "The webhook's id.", example = "wh_0f1e2d3c4b5a69788796"),
        ("limit" = Option<u32>, Query, description = "The most rows; 50 unless told otherwise.", minimum = 1, maximum = 500)
    ),
    responses((status = 200, description = "The messages.", body = List<DeliveryView>))
)]
pub(crate) async fn deliveries(
    State(api): State<Api>,
    Extension(key): Extension<ActiveKey>,
    Path(id): Path<String>,
    mut params: Params,
) -> Result<Json<List<DeliveryView>>, ApiError> {
    let limit = params.take("limit", params::limit).unwrap_or(LIMIT_DEFAULT);
    params.done()?;
    let row = own(&api, &key, &id).await?;
    let limit = u32::try_from(limit).unwrap_or(u32::MAX);
    let rows = store::history(api.db(), &row.webhook_id, limit).await?;
    Ok(Json(listed(&api, rows.into_iter().map(DeliveryView::of).collect())))
}

/// The caller's webhook of that id. Another client's is not there, as far as the caller can tell; and one that is told
/// of every client is only for keys that may know of every client.
async fn own(api: &Api, key: &ActiveKey, id: &str) -> Result<WebhookRow, ApiError> {
    let row = webhooks::by_id(api.db(), id).await?;
    let row = row.filter(|row| row.client_id == key.client.client_id);
    match row.ok_or_else(|| ApiError::no_such("webhook", id))? {
        row if row.is_operator && !key.scopes.contains(Scope::Admin) => {
            Err(ApiError::ScopeMissing(Scope::Admin.as_str()))
        }
        row => Ok(row),
    }
}

/// The row, if it is the one that `If-Match` names.
fn unchanged(row: WebhookRow, headers: &HeaderMap) -> Result<WebhookRow, ApiError> {
    let Some(wanted) = headers.get(header::IF_MATCH) else { return Ok(row) };
    let mut tags = wanted.to_str().unwrap_or_default().split(',').map(str::trim);
    if tags.any(|one| one == "*" || one == tag(&row)) { Ok(row) } else { Err(ApiError::PreconditionFailed) }
}

fn tag(row: &WebhookRow) -> String {
    format!("\"{}\"", row.version)
}

fn parsed<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    serde_json::from_slice(body).map_err(|error| {
        // The sentence may repeat what was sent.
        let detail = crate::key::redact(&format!("is not what this call takes: {error}"));
        ApiError::BadBody(vec![FieldError { parameter: "body".to_owned(), detail }])
    })
}

fn told(api: &Api, row: WebhookRow) -> Response {
    let tag = tag(&row);
    tagged(tag, Json(Told { data: view(api, row) }).into_response())
}

fn shown(api: &Api, row: WebhookRow, secret: &SigningSecret) -> Response {
    let (tag, secret) = (tag(&row), secret.reveal());
    let body = Json(Shown { data: view(api, row), secret: secret.expose_secret() });
    let mut response = tagged(tag, body.into_response());
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn tagged(tag: String, mut response: Response) -> Response {
    let tag = HeaderValue::try_from(tag).expect("a number in quotes is a header's value");
    response.headers_mut().insert(header::ETAG, tag);
    response
}

fn listed<T>(api: &Api, data: Vec<T>) -> List<T> {
    let state = api.book().state();
    List { data, meta: api.meta(&state, state.lowest(), None) }
}

fn view(api: &Api, row: WebhookRow) -> WebhookView {
    let now = api.settings().clock.now();
    WebhookView {
        previous_secret_ends_at: row.previous_ends_at.filter(|ends_at| now < *ends_at).map(Rfc3339),
        id: row.webhook_id,
        client: row.client_id,
        url: row.url,
        events: row.events.split(',').map(str::to_owned).collect(),
        state: row.state,
        created_at: Rfc3339(row.created_at),
        secret_generation: row.secret_generation,
        is_operator: row.is_operator,
        note: row.note,
    }
}

impl DeliveryView {
    fn of(row: DeliveryRow) -> Self {
        Self {
            next_attempt_at: (row.state == "pending").then_some(Rfc3339(row.next_at)),
            id: row.notice_id,
            r#type: row.kind,
            at: Rfc3339(row.at),
            state: row.state,
            attempts: row.attempts,
            last_attempt_at: row.last_at.map(Rfc3339),
            last_status: row.last_status,
            last_error: row.last_error,
        }
    }
}
