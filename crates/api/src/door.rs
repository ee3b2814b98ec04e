//! The door: whoever asks for an answer that is finished already has it here, from memory.
//!
//! Between a connection and a handler lie the router and a dozen layers, each with a future and a copy of all within it:
//! most of the time of a short answer. Lists of the newest block are asked for over and over, and for these nothing of it
//! is needed but the guard's work, which is done here with the guard's own functions: the key, the limits, the count. What
//! is not found in memory, and whatever is to be refused, goes the whole way: a refusal has one place.

mod sent;

use std::convert::Infallible;
use std::future::{Ready as Now, ready};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll};

use accrual_rewards::unit::UnixSeconds;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, Request};
use axum::http::request::Parts;
use axum::http::{self, Method, header};
use axum::response::Response;
use futures::future::{Either, MapOk, TryFutureExt};
use hyper::body::{Body as _, Incoming};
use tokio::time::Instant;
use tower::Service;

pub(crate) use sent::Sent;

use crate::answer::{self, Asked};
use crate::app::Api;
use crate::auth::{self, ActiveKey, Caller, Ends, Noted};
use crate::finished::Ready;
use crate::marketplace;
use crate::usage;

/// The door before all routes.
#[derive(Debug, Clone)]
pub(crate) struct Door {
    api: Api,
    house: Router,
    /// Data routes by a shorter way, and the house for all others: for calls without a body whose key is known.
    rooms: Router,
}

/// Who is at the other end of a connection.
#[derive(Debug, Clone)]
pub(crate) struct Visitor {
    peer: SocketAddr,
    /// The network that its calls are told by, unless a proxy says otherwise.
    network: Arc<str>,
}

type FromHouse = <Router as Service<Request>>::Future;
type Settled<B> = Now<Result<http::Response<B>, Infallible>>;
/// Settled already, or what the house answers, to be sent.
type Sending = Either<Settled<Sent>, MapOk<FromHouse, fn(Response) -> http::Response<Sent>>>;

impl Visitor {
    pub(crate) fn new(peer: SocketAddr) -> Self {
        Self { peer, network: usage::network(Some(peer.ip())) }
    }
}

impl Door {
    pub(crate) fn new(api: Api, house: Router, rooms: Router) -> Self {
        Self { api, house, rooms }
    }

    /// Answers a call that comes by a connection.
    pub(crate) fn open(&self, visitor: &Visitor, request: http::Request<Incoming>) -> Sending {
        let (mut parts, body) = request.into_parts();
        match answered(&self.api, &mut parts, Some(visitor)) {
            Some(response) => Either::Left(ready(Ok(response.map(Sent::Whole)))),
            None => {
                parts.extensions.insert(ConnectInfo(visitor.peer));
                let sent: fn(Response) -> http::Response<Sent> = |response| response.map(Sent::House);
                Either::Right(self.enter(parts, Body::new(body)).map_ok(sent))
            }
        }
    }

    fn enter(&self, parts: Parts, body: Body) -> FromHouse {
        let is_known = parts.extensions.get::<ActiveKey>().is_some();
        let is_whole = body.is_end_stream() && !parts.headers.contains_key(header::CONTENT_LENGTH);
        let routes = if is_known && is_whole { &self.rooms } else { &self.house };
        routes.clone().call(Request::from_parts(parts, body))
    }
}

impl Service<Request> for Door {
    type Response = Response;
    type Error = Infallible;
    type Future = Either<Settled<Body>, FromHouse>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // A router is always ready.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let (mut parts, body) = request.into_parts();
        match answered(&self.api, &mut parts, None) {
            Some(response) => Either::Left(ready(Ok(response.map(Body::from)))),
            None => Either::Right(self.enter(parts, body)),
        }
    }
}

/// The finished answer, where it is there for this caller. Else the key and its caller go in with the request, so that
/// neither is looked at twice. Without a visitor the request itself knows whence it comes.
pub(crate) fn answered(
    api: &Api,
    parts: &mut Parts,
    visitor: Option<&Visitor>,
) -> Option<http::Response<Bytes>> {
    let begun = Instant::now();
    let is_plain = parts.method == Method::GET && !marketplace::is_named(&parts.headers);
    if !is_plain || auth::refuse_key_in_url(&parts.uri).is_err() {
        return None;
    }
    let now_ms = api.settings().clock.now_ms();
    let caller = caller(api, parts, visitor);
    let key = ActiveKey::known(&parts.headers, api, caller.address)?;
    let response = given(api, parts, (&key, &caller), now_ms, begun);
    if response.is_none() {
        parts.extensions.insert(key);
        parts.extensions.insert(caller);
    }
    response
}

/// Who calls: a proxy that is trusted speaks for others, and whoever else is who it is.
fn caller(api: &Api, parts: &Parts, visitor: Option<&Visitor>) -> Caller {
    let trusted = &api.settings().trusted_proxies;
    let peer: Option<IpAddr> = visitor.map(|visitor| visitor.peer.ip()).or_else(|| auth::peer(parts));
    let address = auth::behind(peer, &parts.headers, trusted);
    let known = visitor.filter(|_| address == peer).map(|visitor| Arc::clone(&visitor.network));
    Caller { address, network: known.unwrap_or_else(|| usage::network(address)) }
}

fn given(
    api: &Api,
    parts: &Parts,
    (key, caller): (&ActiveKey, &Caller),
    now_ms: u64,
    begun: Instant,
) -> Option<http::Response<Bytes>> {
    let now = UnixSeconds(now_ms / 1_000);
    let plan = key.plan(api, now)?;
    let ready = Ready::of(api, parts, plan.history.starts_at(now), now)?;
    let terms = ready.terms();
    let may = |scope| key.scopes.contains(scope) && plan.features.contains(scope);
    if !terms.needs.scope.is_none_or(may) {
        return None;
    }
    let mut response = ready.answer(api, &parts.headers);
    let (cost, limits) = (terms.needs.cost, api.limits());
    // The last that can fail: from here on the call is served.
    let figures = limits.admit_at_once(api.keys(), &key.client, plan, cost, key.month, now_ms)?;
    let endpoint = ready.endpoint();
    Noted::new(key, (endpoint, Arc::clone(&caller.network)), &parts.headers, now_ms).count(
        api,
        cost,
        response.status(),
    );
    let headers = response.headers_mut();
    auth::tell_limits(&figures, headers);
    if let Some(ends) = Ends::of(key) {
        ends.tell(headers);
    }
    let request_id = answer::request_id(api, &parts.headers);
    let (method, uri) = (&parts.method, &parts.uri);
    let asked = Asked { method, uri, request_id: &request_id, begun };
    asked.note(ready.answers(), response.status(), Some(&plan.name));
    asked.name(response.headers_mut());
    Some(response)
}
