//! `GET /`: the page, over the public API, embedded, with nothing from elsewhere. And the pages that problems point to.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};

use super::docs::text_page;
use crate::app::Api;
use crate::error::{ApiError, Problem};

/// A file that the page is made of, and the same compressed.
struct Embedded {
    /// With a hash of what is in it.
    name: &'static str,
    plain: &'static [u8],
    brotli: &'static [u8],
    gzip: &'static [u8],
}

/// `INDEX` and `FILES`, from `page/dist`.
mod built {
    use super::Embedded;
    include!(concat!(env!("OUT_DIR"), "/page.rs"));
}

const NOTICE_PLACE: &str = "<!-- notice -->";
const BODY_PLACE: &str = "<body>";
/// Nothing but our own files, no inline script or style, no frame around it, no form that goes elsewhere.
const CONTENT_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
    img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
pub(super) const REVALIDATED: &str = "no-cache";
const FOR_EVER: &str = "public, max-age=31536000, immutable";

/// The page
///
/// A view of the public API for a browser. Its body says where wallets may sign in.
#[utoipa::path(
    get,
    path = "/",
    tag = "pages",
    operation_id = "get_page",
    responses((status = 200, description = "HTML.", body = String, content_type = "text/html"))
)]
pub(crate) async fn index(State(api): State<Api>) -> Response {
    let notice = api
        .settings()
        .notice
        .as_deref()
        .map(|text| format!(r#"<aside class="notice" aria-label="Notice">{}</aside>"#, escaped(text)));
    let mut html = built::INDEX.replace(NOTICE_PLACE, &notice.unwrap_or_default());
    if api.settings().sign_in.is_some() {
        html = html.replace(BODY_PLACE, r#"<body data-sign-in="offered">"#);
    }
    file("text/html; charset=utf-8", REVALIDATED, html)
}

/// A file of the page
///
/// Its script, its style, and the terms of others' work in them: as the caller takes them, compressed if it may be. A
/// name is of one content, so that it is kept for ever.
#[utoipa::path(
    get,
    path = "/assets/{file}",
    tag = "pages",
    operation_id = "get_page_file",
    params(("file" = String, Path, description = "The file's name, as the page has it.", example = "page-0f1e2d3c.js")),
    responses((status = 200, description = "The file.", content(
        (String = "text/javascript"), (String = "text/css"), (String = "text/plain")
    )))
)]
pub(crate) async fn asset(Path(name): Path<String>, headers: HeaderMap) -> Result<Response, ApiError> {
    let found = built::FILES.iter().find(|file| file.name == name);
    let found = found.ok_or_else(|| ApiError::no_such("file", &name))?;
    let kind = match name.rsplit('.').next() {
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        _ => "text/plain; charset=utf-8",
    };
    let (coding, bytes) = found.taken_by(&headers);
    let mut response = file(kind, FOR_EVER, bytes);
    if let Some(coding) = coding {
        response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding));
    }
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    Ok(response)
}

impl Embedded {
    /// The smallest form that the caller takes, and the name of its coding.
    fn taken_by(&self, headers: &HeaderMap) -> (Option<&'static str>, &'static [u8]) {
        let accepted = headers.get_all(header::ACCEPT_ENCODING);
        let codings: Vec<&str> = accepted
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .collect();
        let takes = |name: &str| {
            codings.iter().any(|coding| {
                let (coding, weight) = coding.split_once(';').unwrap_or((coding, ""));
                let refused =
                    matches!(weight.trim().trim_start_matches("q=").trim_end_matches(['0', '.']), "")
                        && !weight.is_empty();
                coding.trim().eq_ignore_ascii_case(name) && !refused
            })
        };
        if takes("br") {
            (Some("br"), self.brotli)
        } else if takes("gzip") {
            (Some("gzip"), self.gzip)
        } else {
            (None, self.plain)
        }
    }
}

/// What a problem means
///
/// Where the `type` of a problem points to.
#[utoipa::path(
    get,
    path = "/problems/{code}",
    tag = "pages",
    operation_id = "get_problem",
    params(("code" = crate::document::shape::ProblemCode, Path, description = "The problem's code.")),
    responses((status = 200, description = "A word on it.", body = String, content_type = "text/html"))
)]
pub(crate) async fn problem(Path(code): Path<String>) -> Result<Response, ApiError> {
    let found = Problem::ALL.iter().find(|problem| problem.code == code);
    let Problem { code, status, title } = found.ok_or_else(|| ApiError::no_such("problem", &code))?;
    let text = format!(
        "<h1>{title}</h1>\n<p>Code <code>{code}</code>, status {status}.</p>\n\
         <p>The answer's <code>detail</code> says what was wrong and what to do; with its <code>request_id</code> our log \
         finds it.</p>\n"
    );
    Ok(file("text/html; charset=utf-8", REVALIDATED, text_page(title, &text)))
}

pub(super) fn file(kind: &'static str, kept: &'static str, body: impl IntoResponse) -> Response {
    let headers: [(HeaderName, HeaderValue); 4] = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CONTENT_POLICY)),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (header::CACHE_CONTROL, HeaderValue::from_static(kept)),
    ];
    (headers, body).into_response()
}

pub(super) fn escaped(text: &str) -> String {
    let escape = |c: char| match c {
        '&' => "&amp;".to_owned(),
        '<' => "&lt;".to_owned(),
        '>' => "&gt;".to_owned(),
        '"' => "&quot;".to_owned(),
        c => c.to_string(),
    };
    text.chars().map(escape).collect()
}
