//! What tells people and their tools how to use the API: its document, the reference over it, and where all that lies.

use std::fmt::Write as _;
use std::sync::LazyLock;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use pulldown_cmark::{CowStr, Event, Parser, Tag, TagEnd, html};
use serde_json::{Value, json};

use super::page::{REVALIDATED, file};
use crate::app::Api;
use crate::document::{operations, served};
use crate::error::ApiError;
use crate::params::Params;
use crate::view::Rfc3339;

const REFERENCE: &str = include_str!("../docs/reference.html");
const SCRIPT: &str = include_str!("../docs/reference.js");
const SNIPPETS: &str = include_str!("../docs/snippets.js");
const STYLE: &str = include_str!("../docs/reference.css");
const KEYS: &str = include_str!("../../../../docs/keys.md");
const CATALOG: &str = "/.well-known/api-catalog";

/// This document
///
/// OpenAPI 3.1, made from the code of this server.
#[utoipa::path(
    get,
    path = "/openapi.json",
    tag = "pages",
    operation_id = "get_openapi",
    params(("If-None-Match" = Option<String>, Header, description = "The ETag of what the caller has.", example = "\"6f1c0e0f5f0b8a4e6a1c5d3e2b4f7a90\"")),
    responses(
        (status = 200, description = "The document.", body = Object, headers(("ETag" = String, description = "Changes with the document."))),
        (status = 304, description = "The caller has it.")
    )
)]
pub(crate) async fn openapi(headers: HeaderMap, params: Params) -> Result<Response, ApiError> {
    params.done()?;
    let document = served();
    Ok(tagged(&headers, &document.etag, "application/json", document.text.as_str()))
}

/// The reference
///
/// For a browser: every call, with a form to try it and the same as code. It loads nothing from elsewhere.
#[utoipa::path(
    get,
    path = "/docs",
    tag = "pages",
    operation_id = "get_reference",
    responses((status = 200, description = "HTML.", body = String, content_type = "text/html"))
)]
pub(crate) async fn reference() -> Response {
    file("text/html; charset=utf-8", REVALIDATED, REFERENCE)
}

/// The reference's script
#[utoipa::path(
    get,
    path = "/docs/reference.js",
    tag = "pages",
    operation_id = "get_reference_script",
    responses((status = 200, description = "JavaScript.", body = String, content_type = "text/javascript"))
)]
pub(crate) async fn script() -> Response {
    file("text/javascript; charset=utf-8", REVALIDATED, SCRIPT)
}

/// What writes calls as code
#[utoipa::path(
    get,
    path = "/docs/snippets.js",
    tag = "pages",
    operation_id = "get_snippets_script",
    responses((status = 200, description = "JavaScript.", body = String, content_type = "text/javascript"))
)]
pub(crate) async fn snippets() -> Response {
    file("text/javascript; charset=utf-8", REVALIDATED, SNIPPETS)
}

/// The reference's style
#[utoipa::path(
    get,
    path = "/docs/reference.css",
    tag = "pages",
    operation_id = "get_reference_style",
    responses((status = 200, description = "CSS.", body = String, content_type = "text/css"))
)]
pub(crate) async fn style() -> Response {
    file("text/css; charset=utf-8", REVALIDATED, STYLE)
}

/// How keys are replaced
///
/// Where the Link header of an ending key points to.
#[utoipa::path(
    get,
    path = "/docs/keys",
    tag = "pages",
    operation_id = "get_keys_guide",
    responses((status = 200, description = "HTML.", body = String, content_type = "text/html"))
)]
pub(crate) async fn keys() -> Response {
    static PAGE: LazyLock<String> =
        LazyLock::new(|| text_page("Keys: how they are replaced", &rendered(KEYS)));
    file("text/html; charset=utf-8", REVALIDATED, PAGE.as_str())
}

/// What a language model should read first
///
/// The calls by name, and where the rest is.
#[utoipa::path(
    get,
    path = "/llms.txt",
    tag = "pages",
    operation_id = "get_llms_txt",
    responses((status = 200, description = "Markdown.", body = String, content_type = "text/plain"))
)]
pub(crate) async fn llms() -> Response {
    static TEXT: LazyLock<String> = LazyLock::new(|| overview(&crate::document::document()));
    file("text/plain; charset=utf-8", REVALIDATED, TEXT.as_str())
}

/// Where this API is described
///
/// A set of links (RFC 9727).
#[utoipa::path(
    get,
    path = "/.well-known/api-catalog",
    tag = "pages",
    operation_id = "get_api_catalog",
    responses((status = 200, description = "The links.", body = Object, content_type = "application/linkset+json"))
)]
pub(crate) async fn catalog() -> Response {
    let link = |href: &str, kind: &str| json!({ "href": href, "type": kind });
    let links = json!({ "linkset": [{
        "anchor": "/",
        "service-desc": [link("/openapi.json", "application/json")],
        "service-doc": [link("/docs", "text/html"), link("/llms.txt", "text/plain")],
        "status": [link("/health/ready", "application/json")],
    }] });
    let kind = "application/linkset+json; profile=\"https://www.rfc-editor.org/info/rfc9727\"";
    let mut response = file(kind, REVALIDATED, links.to_string());
    let own =
        HeaderValue::from_str(&format!("<{CATALOG}>; rel=\"api-catalog\"")).expect("a path in brackets");
    response.headers_mut().insert(header::LINK, own);
    response
}

/// Whom to tell of a weakness
///
/// As RFC 9116 has it; 404 where the operator named nobody.
#[utoipa::path(
    get,
    path = "/.well-known/security.txt",
    tag = "pages",
    operation_id = "get_security_txt",
    responses(
        (status = 200, description = "The contact, and until when it is good.", body = String, content_type = "text/plain"),
        (status = 404, description = "not_found: the operator named nobody.")
    )
)]
pub(crate) async fn security(State(api): State<Api>) -> Result<Response, ApiError> {
    let nobody =
        || ApiError::NotFound("The operator of this server named nobody to tell of weaknesses.".to_owned());
    let contact = api.settings().security.as_ref().ok_or_else(nobody)?;
    let text = format!("Contact: {}\nExpires: {}\n", contact.contact, Rfc3339(contact.expires_at));
    Ok(file("text/plain; charset=utf-8", REVALIDATED, text))
}

/// What never changes while the server runs; 304 where the caller has it.
fn tagged(headers: &HeaderMap, etag: &str, kind: &'static str, body: &'static str) -> Response {
    let known = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let has = known.flat_map(|value| value.split(',')).map(|tag| tag.trim().trim_start_matches("W/"));
    let mut has = has.filter(|tag| *tag == etag || *tag == "*");
    let tag = HeaderValue::from_str(etag).expect("hex digits in quotes are a header's value");
    let kept: [(HeaderName, HeaderValue); 2] =
        [(header::ETAG, tag), (header::CACHE_CONTROL, HeaderValue::from_static("no-cache"))];
    if has.next().is_some() {
        return (StatusCode::NOT_MODIFIED, kept).into_response();
    }
    (kept, [(header::CONTENT_TYPE, HeaderValue::from_static(kind))], body).into_response()
}

/// A page of text in the reference's style; `inside` is markup of our own.
pub(super) fn text_page(title: &str, inside: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n\
         <link rel=\"stylesheet\" href=\"/docs/reference.css\">\n</head>\n<body class=\"text\">\n\
         <main>\n<p><a href=\"/docs\">API reference</a></p>\n{inside}</main>\n</body>\n</html>\n"
    )
}

/// A guide of ours as HTML: headings can be linked to, and links that lead into the repository become plain words.
fn rendered(markdown: &str) -> String {
    let mut events: Vec<Event<'_>> =
        Parser::new_ext(markdown, pulldown_cmark::Options::ENABLE_TABLES).collect();
    events.retain(|event| match event {
        Event::Start(Tag::Link { dest_url, .. }) => dest_url.starts_with('#'),
        _ => true,
    });
    let mut open = 0_usize;
    // The ends of links that lost their beginning go too.
    let kept = events.iter().filter(|event| match event {
        Event::Start(Tag::Link { .. }) => {
            open += 1;
            true
        }
        Event::End(TagEnd::Link) => {
            let was_open = open > 0;
            open = open.saturating_sub(1);
            was_open
        }
        _ => true,
    });
    let mut kept: Vec<Event<'_>> = kept.cloned().collect();
    for index in 0..kept.len() {
        let words = heading(&kept[index..]);
        if let Event::Start(Tag::Heading { id, .. }) = &mut kept[index] {
            *id = Some(CowStr::from(anchor(&words)));
        }
    }
    let mut text = String::new();
    html::push_html(&mut text, kept.into_iter());
    text
}

/// The words of the heading that `events` begin with.
fn heading(events: &[Event<'_>]) -> String {
    let inside = events.iter().skip(1).take_while(|event| !matches!(event, Event::End(TagEnd::Heading(_))));
    let words = inside.filter_map(|event| match event {
        Event::Text(text) | Event::Code(text) => Some(text.to_string()),
        _ => None,
    });
    words.collect()
}

fn anchor(words: &str) -> String {
    let kept = words.to_lowercase();
    let kept = kept.chars().filter(|c| c.is_alphanumeric() || *c == ' ' || *c == '-');
    kept.collect::<String>().replace(' ', "-")
}

/// The calls by name, as Markdown.
fn overview(document: &Value) -> String {
    let mut text = String::from("# accrual\n\n");
    let description = document["info"]["description"].as_str().unwrap_or_default();
    let _ = writeln!(text, "> {}\n", description.replace("\n\n", "\n>\n> "));
    let _ = writeln!(
        text,
        "{} calls. Send a key in the header X-API-Key, or as Authorization: Bearer; never in a URL. Lists are {{data, meta}}; give \
         meta.next_cursor as cursor for the next page. What each call takes and answers is in [openapi.json](/openapi.json), \
         for people in [the reference](/docs); [how keys are replaced](/docs/keys).\n",
        operations(document).count()
    );
    for tag in document["tags"].as_array().into_iter().flatten() {
        let name = tag["name"].as_str().unwrap_or_default();
        let _ = writeln!(text, "## {name}\n\n{}\n", tag["description"].as_str().unwrap_or_default());
        for (path, method, operation) in operations(document).filter(|(_, _, one)| one["tags"][0] == name) {
            let (id, summary) = (operation["operationId"].as_str(), operation["summary"].as_str());
            let _ = writeln!(
                text,
                "- [{} {path}](/docs#{}): {}",
                method.to_uppercase(),
                id.unwrap_or_default(),
                summary.unwrap_or_default()
            );
        }
        text.push('\n');
    }
    text
}
