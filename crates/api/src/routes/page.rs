//! `GET /`: a page over the public API, embedded, with nothing from elsewhere. And the pages that problems point to.

use axum::extract::{Path, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};

use crate::app::Api;
use crate::error::{ApiError, Problem};

const HTML: &str = include_str!("../page/index.html");
const SCRIPT: &str = include_str!("../page/page.js");
const STYLE: &str = include_str!("../page/page.css");
const NOTICE_PLACE: &str = "<!-- notice -->";
/// Nothing but our own files, no inline script or style, no frame around it, no form that goes elsewhere.
const CONTENT_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The page.
pub(crate) async fn index(State(api): State<Api>) -> Response {
    let notice =
        api.settings().notice.as_deref().map(|text| format!(r#"<p class="notice">{}</p>"#, escaped(text)));
    file("text/html; charset=utf-8", HTML.replace(NOTICE_PLACE, &notice.unwrap_or_default()))
}

/// Its script.
pub(crate) async fn script() -> Response {
    file("text/javascript; charset=utf-8", SCRIPT)
}

/// Its style.
pub(crate) async fn style() -> Response {
    file("text/css; charset=utf-8", STYLE)
}

/// What a problem's `type` points to.
pub(crate) async fn problem(Path(code): Path<String>) -> Result<Response, ApiError> {
    let found = Problem::ALL.iter().find(|problem| problem.code == code);
    let Problem { code, status, title } = found.ok_or_else(|| ApiError::no_such("problem", &code))?;
    let text = format!("{title}.\n\nCode {code}, status {status}. The answer's `detail` says what to do.\n");
    Ok(file("text/plain; charset=utf-8", text))
}

fn file(kind: &'static str, body: impl IntoResponse) -> Response {
    let headers: [(HeaderName, HeaderValue); 4] = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CONTENT_POLICY)),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ];
    (headers, body).into_response()
}

fn escaped(text: &str) -> String {
    let escape = |c: char| match c {
        '&' => "&amp;".to_owned(),
        '<' => "&lt;".to_owned(),
        '>' => "&gt;".to_owned(),
        '"' => "&quot;".to_owned(),
        c => c.to_string(),
    };
    text.chars().map(escape).collect()
}
