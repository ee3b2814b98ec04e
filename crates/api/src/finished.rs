//! Data answers as finished bytes: a strong `ETag`, 304 for who has them already, gzip and brotli, and the same bytes for
//! everybody who asks the same of the same block within a second. In the next second they differ in nothing but their age.
//!
//! Two answers with one ETag are the same to the last byte. An answer's age is in its bytes and grows each second, so it
//! is in the ETag too: `"<hash of all else>.<age>"`. Whoever holds an answer that differs in nothing but its age is told
//! that it is still good (304), since `as_of` says the same in a form that does not run.
//!
//! What is kept is forgotten as soon as the book moves; errors are never kept.

mod kept;
mod tag;

pub(crate) use kept::Kept;

use std::io::Write;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use accrual_rewards::unit::UnixSeconds;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{MatchedPath, Request};
use axum::http::request::Parts;
use axum::http::{self, HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::accept::{self, Packing};
use crate::answer;
use crate::app::Api;
use crate::auth::{self, Needs};
use crate::error::ApiError;
use crate::horizon::Horizon;
use crate::metrics::Answers;
use crate::params::OfChain;
use crate::router;
use kept::{Key, Place, named};
use tag::{Tag, fingerprint};

/// Shorter bodies are not worth packing.
const PACKED_BYTES_MIN: usize = 1_024;
const BROTLI_QUALITY: u32 = 4;
const BROTLI_WINDOW_BITS: u32 = 20;

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
pub(crate) async fn finish(api: Api, terms: Terms, request: Request, next: Next) -> Response {
    made(api, terms, request, |request| next.run(request)).await
}

/// The same around whatever answers.
pub(crate) async fn made<F: Future<Output = Response>>(
    api: Api,
    terms: Terms,
    mut request: Request,
    next: impl FnOnce(Request) -> F,
) -> Response {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return next(request).await;
    }
    // What the query says goes before the headers.
    let is_chosen = names(request.uri(), "format");
    let starts_at = Horizon::of(&api, request.extensions());
    let key = Key::of(request.uri(), request.headers(), starts_at);
    let packing = key.form.packing;
    let route = request.extensions().get::<MatchedPath>().cloned();
    let place = api.kept().place(&api, key, terms, route.as_ref().map_or("other", MatchedPath::as_str));
    let is_taken = |finished: &Finished, headers: &HeaderMap| is_chosen || finished.is_taken(headers);
    let told = |finished: &Finished, headers: &HeaderMap| match is_taken(finished, headers) {
        true => finished.answer(headers, max_age_seconds(&api, terms.keep)).map(Body::from),
        false => ApiError::NotAcceptable.into_response(),
    };
    let now = api.settings().clock.now();
    if let Some(finished) = place.as_ref().and_then(|place| place.finished(now)) {
        return told(&finished, request.headers());
    }
    let headers = request.headers().clone();
    request.extensions_mut().insert(OfChain);
    // What answers without a body is made of the same bytes; the router leaves them out.
    *request.method_mut() = Method::GET;
    let make = async || Finished::of(next(request).await, packing).await;
    let made = match &place {
        Some(place) => place.made(&api, make).await,
        None => make().await.map(Arc::new),
    };
    match made {
        Ok(finished) => told(&finished, &headers),
        Err(other) => *other,
    }
}

/// An answer that is there for whoever may ask the same, and takes it.
pub(crate) struct Ready {
    place: Arc<Place>,
    finished: Arc<Finished>,
}

impl Ready {
    /// What somebody has asked for at this block, whose plan begins at the same instant.
    pub(crate) fn of(
        api: &Api,
        asked: &Parts,
        starts_at: Option<UnixSeconds>,
        now: UnixSeconds,
    ) -> Option<Self> {
        let place = api.kept().find(api, &Key::of(&asked.uri, &asked.headers, starts_at), now)?;
        let finished = place.finished(now)?;
        let is_taken = names(&asked.uri, "format") || finished.is_taken(&asked.headers);
        is_taken.then_some(Self { place, finished })
    }

    /// What holds for it.
    pub(crate) fn terms(&self) -> Terms {
        self.place.terms
    }

    /// Where its route's answers are counted.
    pub(crate) fn answers(&self) -> &Answers {
        &self.place.answers
    }

    /// As what a call for it is counted.
    pub(crate) fn endpoint(&self) -> Arc<str> {
        Arc::clone(&self.place.endpoint)
    }

    /// The answer as it goes out, with places for what depends on who asks.
    pub(crate) fn answer(&self, api: &Api, asked: &HeaderMap) -> http::Response<Bytes> {
        let (finished, terms) = (&self.finished, self.terms());
        if asked.contains_key(header::IF_NONE_MATCH) {
            let mut response = finished.answer(asked, None);
            let length = response.body().len();
            dress(api, terms, length, response.headers_mut());
            return response;
        }
        let dressed = finished.dressed.get_or_init(|| {
            let mut headers = finished.headers.clone();
            dress(api, terms, finished.body.len(), &mut headers);
            headers
        });
        let mut response = http::Response::new(finished.body.clone());
        *response.headers_mut() = dressed.clone();
        response
    }
}

/// Adds what the layers around a route say of an answer of `length` bytes, whoever asks, and places for what depends on that.
fn dress(api: &Api, terms: Terms, length: usize, headers: &mut HeaderMap) {
    if let Some(seconds) = max_age_seconds(api, terms.keep) {
        keep_for(seconds, headers);
    }
    auth::keep_private(headers);
    if terms.is_shared {
        router::share(headers);
    }
    headers.insert(header::CONTENT_LENGTH, length.into());
    answer::tell_everyone(api, headers);
    for name in [auth::RATE_POLICY, auth::RATE_REST, answer::REQUEST_ID] {
        headers.insert(name, HeaderValue::from_static(""));
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

/// For so long the caller may keep the answer unasked.
fn keep_for(seconds: u64, headers: &mut HeaderMap) {
    let value = HeaderValue::try_from(format!("private, max-age={seconds}"));
    headers.insert(header::CACHE_CONTROL, value.expect("digits and letters"));
}

/// An answer as it goes out.
#[derive(Debug)]
struct Finished {
    /// All that goes with the bytes, but for what depends on who asks.
    headers: HeaderMap,
    body: Bytes,
    tag: Tag,
    /// The body before it was packed, and where in it the digits of its age stand.
    plain: Bytes,
    digits: Range<usize>,
    /// The headers with all that goes out with the whole of it, whoever asks.
    dressed: OnceLock<HeaderMap>,
}

impl Finished {
    /// The answer of a handler with its bytes; anything but a 200 goes out as it is.
    async fn of(response: Response, packing: Packing) -> Result<Self, Box<Response>> {
        if response.status() != StatusCode::OK || response.headers().contains_key(header::ETAG) {
            return Err(Box::new(response));
        }
        let (parts, body) = response.into_parts();
        let Ok(plain) = to_bytes(body, usize::MAX).await else {
            return Err(Box::new(ApiError::Internal.into_response()));
        };
        let (hash, age_seconds, digits) = fingerprint(&plain);
        let mut headers = parts.headers;
        headers.remove(header::CONTENT_LENGTH);
        headers.insert(header::VARY, HeaderValue::from_static("Accept, Accept-Encoding"));
        Ok(Self::new(headers, (plain, digits), Tag { hash, age_seconds, packing }))
    }

    fn new(mut headers: HeaderMap, (plain, digits): (Bytes, Range<usize>), tag: Tag) -> Self {
        let (body, packing) = packed(plain.clone(), tag.packing);
        let tag = Tag { packing, ..tag };
        headers.insert(header::ETAG, tag.header());
        if let Some(name) = packing.as_str() {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(name));
        }
        Self { headers, body, tag, plain, digits, dressed: OnceLock::new() }
    }

    /// The same so many seconds later.
    fn older(&self, passed: u64) -> Self {
        let age_seconds = self.tag.age_seconds.map(|age| age + passed);
        let text = age_seconds.map(|age| age.to_string()).unwrap_or_default();
        let (before, after) = (&self.plain[..self.digits.start], &self.plain[self.digits.end..]);
        let plain = Bytes::from([before, text.as_bytes(), after].concat());
        let digits = self.digits.start..self.digits.start + text.len();
        Self::new(self.headers.clone(), (plain, digits), Tag { age_seconds, ..self.tag.clone() })
    }

    /// Whether nothing in it runs on with time.
    fn is_ageless(&self) -> bool {
        self.tag.age_seconds.is_none()
    }

    /// What it takes to keep it, with its twin of the second that runs.
    fn bytes_count(&self) -> usize {
        let packed = if self.tag.packing == Packing::Plain { 0 } else { self.body.len() };
        2 * (self.plain.len() + packed)
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

    fn answer(&self, asked: &HeaderMap, max_age_seconds: Option<u64>) -> http::Response<Bytes> {
        let held = asked.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
        let held = held.flat_map(|text| text.split(',')).find_map(|one| self.tag.is_held(one.trim()));
        let mut response = match held {
            Some(held) => {
                let mut response = http::Response::new(Bytes::new());
                *response.status_mut() = StatusCode::NOT_MODIFIED;
                for name in [header::CACHE_CONTROL, header::VARY] {
                    if let Some(value) = self.headers.get(&name) {
                        response.headers_mut().insert(name, value.clone());
                    }
                }
                response.headers_mut().insert(header::ETAG, held);
                response
            }
            None => {
                let mut response = http::Response::new(self.body.clone());
                *response.headers_mut() = self.headers.clone();
                response
            }
        };
        if let Some(seconds) = max_age_seconds {
            keep_for(seconds, response.headers_mut());
        }
        response
    }
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
