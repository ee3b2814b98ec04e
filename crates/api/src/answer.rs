//! What every answer has in common: a request id, the notice, the body of a problem, a line in the log.

use axum::Json;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use tokio::time::Instant;
use utoipa::ToSchema;

use crate::Api;
use crate::auth;
use crate::error::{ApiError, FieldError};
use crate::key;
use crate::marketplace;
use crate::metrics::{Answers, PlanName};
use crate::v4;

pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The header that repeats the server's notice, e.g. that all data is a rehearsal's.
pub(crate) const NOTICE: HeaderName = HeaderName::from_static("accrual-notice");
/// What every exceeded limit is called, here and elsewhere.
const QUOTA_EXCEEDED: &str = "https://iana.org/assignments/http-problem-types#quota-exceeded";
const REQUEST_ID_CHARS_MAX: usize = 64;

/// A request's name, for whoever answers it.
#[derive(Debug, Clone)]
pub(crate) struct RequestId(pub(crate) String);

/// The outermost layer: what it answers is what the caller sees.
pub(crate) async fn finish(State(api): State<Api>, request: Request, next: Next) -> Response {
    finished(&api, request, |request| next.run(request)).await
}

/// The same around whatever answers.
pub(crate) async fn finished<F: Future<Output = Response>>(
    api: &Api,
    mut request: Request,
    next: impl FnOnce(Request) -> F,
) -> Response {
    let begun = Instant::now();
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let answers = Answers::of(request.extensions().get::<MatchedPath>().map_or("other", MatchedPath::as_str));
    let request_id = request_id(api, request.headers());
    marketplace::admit(&mut request, &api.settings().access.marketplace_secrets);
    request.extensions_mut().insert(RequestId(request_id.clone()));
    let response = match auth::refuse_key_in_url(&uri) {
        Ok(()) => next(request).await,
        Err(error) => error.into_response(),
    };
    let mut response = with_problem_body(response, &uri, &request_id);
    let asked = Asked { method: &method, uri: &uri, request_id: &request_id, begun };
    let plan = response.extensions_mut().remove::<PlanName>();
    asked.note(&answers, response.status(), plan.as_ref().map(|PlanName(name)| name.as_str()));
    tell_everyone(api, response.headers_mut());
    asked.name(response.headers_mut());
    response
}

/// What was asked, for what every answer says and for what is said of it.
#[derive(Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) method: &'a Method,
    pub(crate) uri: &'a Uri,
    pub(crate) request_id: &'a str,
    pub(crate) begun: Instant,
}

impl Asked<'_> {
    /// Logs and counts what was answered.
    pub(crate) fn note(&self, answers: &Answers, status: StatusCode, plan: Option<&str>) {
        let Self { method, uri, request_id, begun } = self;
        let status = status.as_u16();
        tracing::info!(%method, path = key::redact(uri.path()), status, request_id, "answered");
        answers.count(status, plan, begun.elapsed());
    }

    /// Says in the answer what the request is called.
    pub(crate) fn name(&self, headers: &mut HeaderMap) {
        let name = HeaderValue::from_str(self.request_id).expect("an id is of safe characters");
        headers.insert(REQUEST_ID, name);
    }
}

/// What all answers say.
pub(crate) fn tell_everyone(api: &Api, headers: &mut HeaderMap) {
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Some(notice) = api.notice_header() {
        headers.insert(NOTICE, notice);
    }
}

/// The caller's own name for its request, or one of ours.
pub(crate) fn request_id(api: &Api, headers: &HeaderMap) -> String {
    accepted_id(headers).unwrap_or_else(|| api.next_request_id())
}

/// The caller's own id when it is at most 64 safe characters.
fn accepted_id(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(REQUEST_ID)?.to_str().ok()?;
    let safe = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let good =
        (1..=REQUEST_ID_CHARS_MAX).contains(&text.len()) && text.bytes().all(safe) && !key::holds_key(text);
    good.then(|| text.to_owned())
}

/// Writes the body of a problem: of an [`ApiError`], or of a bare status from routing and its layers.
fn with_problem_body(mut response: Response, uri: &Uri, request_id: &str) -> Response {
    if is_bare(&response) {
        let headers = std::mem::take(response.headers_mut());
        response = ApiError::of_status(response.status()).into_response();
        response.headers_mut().extend(headers);
    }
    let Some(error) = response.extensions_mut().remove::<ApiError>() else { return response };
    let body = ProblemBody::of(&error, uri, request_id);
    let mut headers = std::mem::take(response.headers_mut());
    headers.remove(header::CONTENT_LENGTH);
    // What was written for Merkl's API reads nothing else than plain JSON.
    let kind = if v4::is_asked(uri) { "application/json" } else { "application/problem+json" };
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    let mut answer = (error.problem().status, Json(body)).into_response();
    answer.headers_mut().extend(headers);
    answer
}

/// Whether this is a failure that none of our handlers has put into words.
fn is_bare(response: &Response) -> bool {
    let json = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
    let status: StatusCode = response.status();
    let failed = status.is_client_error() || status.is_server_error();
    failed && !json && response.extensions().get::<ApiError>().is_none()
}

/// RFC 9457, with our `code`, `request_id` and `errors`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemBody<'a> {
    /// Where to read about it: a page of ours, or for limits the name that all APIs share.
    r#type: String,
    /// What it means, the same for every problem of this code.
    title: &'static str,
    /// The HTTP status, again.
    status: u16,
    /// The stable name to decide by.
    #[schema(value_type = crate::document::shape::ProblemCode)]
    code: &'static str,
    /// What went wrong here, and what to do.
    detail: String,
    /// The path that was asked for.
    instance: String,
    /// The request's name, as in X-Request-Id: our log has it.
    request_id: &'a str,
    /// Which fields of the request are wrong; empty where it is not the fields.
    errors: &'a [FieldError],
    /// The limits that were exceeded: `minute` or `month`; absent where none was.
    #[serde(rename = "violated-policies", skip_serializing_if = "<[_]>::is_empty")]
    violated_policies: &'a [&'static str],
}

impl<'a> ProblemBody<'a> {
    fn of(error: &'a ApiError, uri: &Uri, request_id: &'a str) -> Self {
        let problem = error.problem();
        Self {
            r#type: match error.violated_policies() {
                [] => format!("/problems/{}", problem.code),
                _ => QUOTA_EXCEEDED.to_owned(),
            },
            title: problem.title,
            status: problem.status.as_u16(),
            code: problem.code,
            detail: key::redact(&error.to_string()),
            instance: key::redact(uri.path()),
            request_id,
            errors: error.fields(),
            violated_policies: error.violated_policies(),
        }
    }
}
