//! Data answers as finished bytes: a strong `ETag`, 304 for who has them already, gzip and brotli, and the same bytes for
//! everybody who asks the same within a second of the same block.
//!
//! Two answers with one ETag are the same to the last byte. An answer's age is in its bytes and grows each second, so it
//! is in the ETag too: `"<hash of all else>.<age>"`. Whoever holds an answer that differs in nothing but its age is told
//! that it is still good (304), since `as_of` says the same in a form that does not run.
//!
//! What is kept is forgotten as soon as the book moves or the second ends; errors are never kept.

use std::collections::HashMap;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use accrual_rewards::unit::UnixSeconds;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{MatchedPath, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use tokio::sync::OnceCell;

use crate::accept::{self, Packing};
use crate::app::Api;
use crate::auth::Needs;
use crate::error::ApiError;
use crate::horizon::Horizon;
use crate::params::OfChain;

/// Shorter bodies are not worth packing.
const PACKED_BYTES_MIN: usize = 1_024;
const BROTLI_QUALITY: u32 = 4;
const BROTLI_WINDOW_BITS: u32 = 20;
/// What is kept at most, of one block and second.
const KEPT_BYTES_MAX: usize = 32 * 1_024 * 1_024;
const KEPT_ANSWERS_MAX: usize = 4_096;
const AGE_FIELD: &[u8] = br#""age_seconds":"#;

/// Who may keep an answer, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keep {
    /// The caller, for as long as a block lasts.
    ForABlock,
    /// The caller, who must ask each time whether it is still good.
    Ask,
}

/// What holds for the answers of a group of routes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms {
    /// For how long they may be kept.
    pub(crate) keep: Keep,
    /// Who may ask for them.
    pub(crate) needs: Needs,
    /// Whether other sites' scripts may read them.
    pub(crate) is_shared: bool,
}

/// The layer around data routes, inside of their guard.
pub(crate) async fn finish(api: Api, terms: Terms, mut request: Request, next: Next) -> Response {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return next.run(request).await;
    }
    // What the query says goes before the headers.
    let is_chosen = names(request.uri(), "format");
    let starts_at = Horizon::of(&api, request.extensions());
    let key = Key::of(request.uri(), request.headers(), starts_at);
    let packing = key.packing;
    let route = request.extensions().get::<MatchedPath>().cloned();
    let place = api.kept().place(&api, key, terms, route);
    let is_taken = |finished: &Finished, headers: &HeaderMap| is_chosen || finished.is_taken(headers);
    let told = |finished: &Finished, headers: &HeaderMap| match is_taken(finished, headers) {
        true => finished.answer(headers, max_age_seconds(&api, terms.keep)),
        false => ApiError::NotAcceptable.into_response(),
    };
    if let Some(finished) = place.as_ref().and_then(|place| place.cell.get()) {
        return told(finished, request.headers());
    }
    let headers = request.headers().clone();
    request.extensions_mut().insert(OfChain);
    // What answers without a body is made of the same bytes; the router leaves them out.
    *request.method_mut() = Method::GET;
    let make = || async move { Finished::of(next.run(request).await, packing).await };
    let made = match place {
        Some(place) => {
            let made = place.cell.get_or_try_init(make).await.cloned();
            if let Ok(finished) = &made {
                api.kept().weigh(&place, finished.body.len());
            }
            made
        }
        None => make().await,
    };
    match made {
        Ok(finished) => told(&finished, &headers),
        Err(other) => *other,
    }
}

/// An answer that is there for whoever may ask the same, and takes it.
pub(crate) struct Ready(Arc<Place>);

impl Ready {
    /// What somebody has asked for in this second, whose plan begins at the same instant.
    pub(crate) fn of(api: &Api, asked: &Parts, starts_at: Option<UnixSeconds>) -> Option<Self> {
        let place = api.kept().find(api, &Key::of(&asked.uri, &asked.headers, starts_at))?;
        let is_taken = names(&asked.uri, "format") || place.cell.get()?.is_taken(&asked.headers);
        is_taken.then_some(Self(place))
    }

    /// What holds for it.
    pub(crate) fn terms(&self) -> Terms {
        self.0.terms
    }

    /// The route that it is of.
    pub(crate) fn route(&self) -> &str {
        self.0.route.as_ref().map_or("other", MatchedPath::as_str)
    }

    /// The answer, without what depends on who asks.
    pub(crate) fn answer(&self, api: &Api, headers: &HeaderMap) -> Option<Response> {
        Some(self.0.cell.get()?.answer(headers, max_age_seconds(api, self.0.terms.keep)))
    }
}

/// For how long a caller may keep an answer unasked; `None` where blocks have no fixed pace.
fn max_age_seconds(api: &Api, keep: Keep) -> Option<u64> {
    api.settings().block_seconds.filter(|_| keep == Keep::ForABlock)
}

fn names(uri: &Uri, parameter: &str) -> bool {
    let pairs = uri.query().unwrap_or_default().split('&');
    pairs.map(named).any(|(name, _)| name == parameter)
}

/// What makes two requests ask for the same bytes.
#[derive(PartialEq, Eq, Hash)]
struct Key {
    path: String,
    /// Its pairs in one order.
    query: String,
    csv: bool,
    packing: Packing,
    /// Where the caller's plan begins.
    starts_at: Option<UnixSeconds>,
}

impl Key {
    fn of(uri: &Uri, headers: &HeaderMap, starts_at: Option<UnixSeconds>) -> Self {
        Self {
            path: uri.path().to_owned(),
            query: in_order(uri.query().unwrap_or_default()),
            csv: accept::prefers_csv(headers),
            packing: Packing::of(headers),
            starts_at,
        }
    }
}

/// A query's pairs by their names. Of pairs with one name the last may count, so these keep their order; and all of them do
/// where a name is written with an escape, since it may be the same as another.
fn in_order(query: &str) -> String {
    let mut pairs: Vec<(&str, &str)> = query.split('&').map(named).collect();
    if pairs.iter().all(|(name, _)| !name.contains(['%', '+'])) {
        pairs.sort_by_key(|(name, _)| *name);
    }
    pairs.into_iter().map(|(_, pair)| pair).collect::<Vec<_>>().join("&")
}

/// A pair, with its name before it.
fn named(pair: &str) -> (&str, &str) {
    (pair.split('=').next().unwrap_or_default(), pair)
}

/// The answers of the book's newest state, in the second that runs.
#[derive(Default)]
pub(crate) struct Kept(Mutex<Generation>);

#[derive(Default)]
struct Generation {
    /// The book's state, and the second.
    of: (u64, u64),
    answers: HashMap<Key, Arc<Place>>,
    bytes: usize,
}

impl Generation {
    /// What answers are of that are made now.
    fn now(api: &Api) -> (u64, u64) {
        (api.book().state().version(), api.settings().clock.now().0)
    }
}

impl std::fmt::Debug for Kept {
    /// Paths are the callers' own words, and are shown to nobody.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Kept")
    }
}

/// Where an answer is kept. Whoever comes while it is being made waits for it.
#[derive(Debug)]
struct Place {
    of: (u64, u64),
    terms: Terms,
    route: Option<MatchedPath>,
    cell: OnceCell<Arc<Finished>>,
    weighed: std::sync::atomic::AtomicBool,
}

impl Kept {
    /// The place of an answer; `None` when there is no room for more, or when a secret was sent in the path.
    fn place(&self, api: &Api, key: Key, terms: Terms, route: Option<MatchedPath>) -> Option<Arc<Place>> {
        if crate::key::holds_key(&key.path) {
            return None;
        }
        let of = Generation::now(api);
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.of != of {
            *kept = Generation { of, ..Generation::default() };
        }
        if let Some(place) = kept.answers.get(&key) {
            return Some(Arc::clone(place));
        }
        let is_full = kept.answers.len() >= KEPT_ANSWERS_MAX || kept.bytes >= KEPT_BYTES_MAX;
        if is_full {
            return None;
        }
        let place = Arc::new(Place { of, terms, route, cell: OnceCell::new(), weighed: false.into() });
        kept.answers.insert(key, Arc::clone(&place));
        Some(place)
    }

    /// The place of an answer that is made already.
    fn find(&self, api: &Api, key: &Key) -> Option<Arc<Place>> {
        let of = Generation::now(api);
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let place = kept.answers.get(key).filter(|place| kept.of == of && place.cell.initialized())?;
        Some(Arc::clone(place))
    }

    /// Counts what a place holds, once.
    fn weigh(&self, place: &Place, bytes: usize) {
        if place.weighed.swap(true, std::sync::atomic::Ordering::Relaxed) {
            return;
        }
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.of == place.of {
            kept.bytes += bytes;
        }
    }
}

/// An answer as it goes out.
#[derive(Debug)]
struct Finished {
    /// All that goes with the bytes, but for what depends on who asks.
    headers: HeaderMap,
    body: Bytes,
    tag: Tag,
}

/// What an ETag says.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Tag {
    /// Of all but the age.
    hash: String,
    age_seconds: Option<u64>,
    packing: Packing,
}

impl Finished {
    /// The answer of a handler with its bytes; anything but a 200 goes out as it is.
    async fn of(response: Response, packing: Packing) -> Result<Arc<Self>, Box<Response>> {
        if response.status() != StatusCode::OK || response.headers().contains_key(header::ETAG) {
            return Err(Box::new(response));
        }
        let (parts, body) = response.into_parts();
        let Ok(plain) = to_bytes(body, usize::MAX).await else {
            return Err(Box::new(ApiError::Internal.into_response()));
        };
        let (hash, age_seconds) = fingerprint(&plain);
        let (body, packing) = packed(plain, packing);
        let tag = Tag { hash, age_seconds, packing };
        let mut headers = parts.headers;
        headers.remove(header::CONTENT_LENGTH);
        headers.insert(header::ETAG, tag.header());
        headers.insert(header::VARY, HeaderValue::from_static("Accept, Accept-Encoding"));
        if let Some(name) = packing.as_str() {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(name));
        }
        Ok(Arc::new(Self { headers, body, tag }))
    }

    /// Whether the caller takes its kind.
    fn is_taken(&self, headers: &HeaderMap) -> bool {
        accept::admits(headers, self.kind())
    }

    /// Its kind, without parameters.
    fn kind(&self) -> &str {
        let kind = self.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        kind.unwrap_or_default().split(';').next().unwrap_or_default().trim()
    }

    fn answer(&self, asked: &HeaderMap, max_age_seconds: Option<u64>) -> Response {
        let held = asked.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
        let held = held.flat_map(|text| text.split(',')).find_map(|one| self.tag.is_held(one.trim()));
        let mut response = match held {
            Some(held) => {
                let mut response = StatusCode::NOT_MODIFIED.into_response();
                for name in [header::CACHE_CONTROL, header::VARY] {
                    if let Some(value) = self.headers.get(&name) {
                        response.headers_mut().insert(name, value.clone());
                    }
                }
                response.headers_mut().insert(header::ETAG, held);
                response
            }
            None => {
                let mut response = Response::new(Body::from(self.body.clone()));
                *response.headers_mut() = self.headers.clone();
                response
            }
        };
        if let Some(seconds) = max_age_seconds {
            let value = HeaderValue::try_from(format!("private, max-age={seconds}"));
            response.headers_mut().insert(header::CACHE_CONTROL, value.expect("digits and letters"));
        }
        response
    }
}

impl Tag {
    fn header(&self) -> HeaderValue {
        let age = self.age_seconds.map(|age| format!(".{age}")).unwrap_or_default();
        let packing = self.packing.as_str().map(|name| format!(".{name}")).unwrap_or_default();
        HeaderValue::try_from(format!("\"{}{age}{packing}\"", self.hash)).expect("base64, digits and letters")
    }

    /// The ETag of what the caller holds, when that differs from this in nothing but its age.
    fn is_held(&self, given: &str) -> Option<HeaderValue> {
        if given == "*" {
            return Some(self.header());
        }
        let quoted = given.strip_prefix("W/").unwrap_or(given);
        let mut parts = quoted.strip_prefix('"')?.strip_suffix('"')?.split('.').peekable();
        let hash = parts.next()?.to_owned();
        let age_seconds: Option<u64> = parts.peek().and_then(|part| part.parse().ok());
        if age_seconds.is_some() {
            parts.next();
        }
        let same_packing = parts.next() == self.packing.as_str() && parts.next().is_none();
        let same = hash == self.hash && age_seconds.is_some() == self.age_seconds.is_some() && same_packing;
        same.then(|| Self { hash, age_seconds, packing: self.packing }.header())
    }
}

/// A hash of a body without the digits of its age, and the age. The name of the field can be nothing else: within a text
/// its quotes would be escaped.
fn fingerprint(body: &[u8]) -> (String, Option<u64>) {
    let found = body.windows(AGE_FIELD.len()).rposition(|window| window == AGE_FIELD);
    let from = found.map_or(body.len(), |at| at + AGE_FIELD.len());
    let digits = body[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let age = std::str::from_utf8(&body[from..from + digits]).ok().and_then(|text| text.parse().ok());
    let mut hasher = Sha256::new();
    hasher.update(&body[..from]);
    hasher.update(&body[from + digits..]);
    (URL_SAFE_NO_PAD.encode(&hasher.finalize()[..16]), age)
}

fn packed(plain: Bytes, packing: Packing) -> (Bytes, Packing) {
    if plain.len() < PACKED_BYTES_MIN {
        return (plain, Packing::Plain);
    }
    let packed = match packing {
        Packing::Plain => return (plain, Packing::Plain),
        Packing::Gzip => {
            let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
            writer.write_all(&plain).and_then(|()| writer.finish())
        }
        Packing::Brotli => {
            let mut writer =
                brotli::CompressorWriter::new(Vec::new(), 4_096, BROTLI_QUALITY, BROTLI_WINDOW_BITS);
            writer.write_all(&plain).map(|()| writer.into_inner())
        }
    };
    match packed {
        Ok(packed) => (packed.into(), packing),
        // Nothing that writes to memory fails; if it did, the plain bytes are as good.
        Err(_) => (plain, Packing::Plain),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_of_all_but_the_age() {
        let young = fingerprint(br#"{"data":[],"meta":{"age_seconds":9,"stale":false}}"#);
        let old = fingerprint(br#"{"data":[],"meta":{"age_seconds":1000,"stale":false}}"#);
        let stale = fingerprint(br#"{"data":[],"meta":{"age_seconds":1000,"stale":true}}"#);
        assert_eq!((young.1, old.1, &young.0), (Some(9), Some(1000), &old.0));
        assert_ne!(old.0, stale.0);
        let unknown = fingerprint(br#"{"meta":{"age_seconds":null}}"#);
        assert_eq!(unknown.1, None);
        assert_eq!(fingerprint(b"a,b\r\n").1, None);
        let text = fingerprint(br#"{"symbol":"\"age_seconds\":7"}"#);
        assert_eq!(text.1, None, "a text is no field");
    }

    #[test]
    fn pairs_are_in_one_order_unless_that_changes_what_is_asked() {
        let cases = [
            ("", ""),
            ("b=1&a=2", "a=2&b=1"),
            ("a=2&b=1", "a=2&b=1"),
            ("b=1&a=2&b=0", "a=2&b=1&b=0"),
            ("b=0&a=2&b=1", "a=2&b=0&b=1"),
            ("b=%20&a=2", "a=2&b=%20"),
            ("%62=1&a=2&b=0", "%62=1&a=2&b=0"),
            ("b&a", "a&b"),
        ];
        for (query, expected) in cases {
            assert_eq!(in_order(query), expected, "{query}");
        }
    }

    #[test]
    fn what_is_held_is_told_by_its_own_tag() {
        let tag = |age_seconds, packing| Tag { hash: "aZ-_".to_owned(), age_seconds, packing };
        let cases = [
            (tag(Some(5), Packing::Plain), "\"aZ-_.5\"", Some("\"aZ-_.5\"")),
            (tag(Some(5), Packing::Plain), "W/\"aZ-_.3\"", Some("\"aZ-_.3\"")),
            (tag(Some(5), Packing::Gzip), "\"aZ-_.3.gzip\"", Some("\"aZ-_.3.gzip\"")),
            (tag(Some(5), Packing::Gzip), "\"aZ-_.3\"", None),
            (tag(Some(5), Packing::Plain), "\"aZ-_.3.br\"", None),
            (tag(None, Packing::Brotli), "\"aZ-_.br\"", Some("\"aZ-_.br\"")),
            (tag(None, Packing::Plain), "\"aZ-_.3\"", None),
            (tag(Some(5), Packing::Plain), "*", Some("\"aZ-_.5\"")),
            (tag(Some(5), Packing::Plain), "\"other.5\"", None),
            (tag(Some(5), Packing::Plain), "aZ-_.5", None),
            (tag(Some(5), Packing::Plain), "", None),
        ];
        for (tag, given, expected) in cases {
            let held = tag.is_held(given);
            assert_eq!(held.as_ref().map(|value| value.to_str().unwrap()), expected, "{given}");
        }
    }

    #[test]
    fn what_is_packed_can_be_unpacked() {
        use std::io::Read;
        let plain = Bytes::from("accrual ".repeat(1_000));
        let (gzip, packing) = packed(plain.clone(), Packing::Gzip);
        assert_eq!(packing, Packing::Gzip);
        let mut text = Vec::new();
        flate2::read::GzDecoder::new(&gzip[..]).read_to_end(&mut text).unwrap();
        assert_eq!(text, plain);
        let (packed_by_brotli, packing) = packed(plain.clone(), Packing::Brotli);
        assert_eq!(packing, Packing::Brotli);
        text.clear();
        brotli::Decompressor::new(&packed_by_brotli[..], 4_096).read_to_end(&mut text).unwrap();
        assert_eq!(text, plain);
        assert_eq!(packed(Bytes::from_static(b"short"), Packing::Gzip).1, Packing::Plain);
    }
}
