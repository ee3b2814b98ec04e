//! The door: whoever asks for an answer that is finished already has it here, from memory.
//!
//! Between a connection and a handler lie the router and a dozen layers, each with a future and a copy of all within it:
//! most of the time of a short answer. Lists of the newest block are asked for over and over, and for these nothing of it
//! is needed but the guard's work, which is done here with the guard's own functions: the key, the limits, the count. What
//! is not found in memory, and whatever is to be refused, goes the whole way: a refusal has one place.

use std::convert::Infallible;
use std::future::{Ready as Now, ready};
use std::task::{Context, Poll};

use accrual_rewards::unit::UnixSeconds;
use axum::Router;
use axum::body::HttpBody;
use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::{Method, header};
use axum::response::Response;
use futures::future::Either;
use tokio::time::Instant;
use tower::Service;

use crate::answer::{self, Asked};
use crate::app::Api;
use crate::auth::{self, ActiveKey, Ends, Noted};
use crate::finished::Ready;
use crate::marketplace;
use crate::metrics::PlanName;
use crate::router;

/// The door before all routes.
#[derive(Debug, Clone)]
pub(crate) struct Door {
    api: Api,
    house: Router,
}

impl Door {
    pub(crate) fn new(api: Api, house: Router) -> Self {
        Self { api, house }
    }
}

impl Service<Request> for Door {
    type Response = Response;
    type Error = Infallible;
    type Future = Either<Now<Result<Response, Infallible>>, <Router as Service<Request>>::Future>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // A router is always ready.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let (mut parts, body) = request.into_parts();
        match answered(&self.api, &mut parts) {
            Some(response) => Either::Left(ready(Ok(response))),
            None => Either::Right(self.house.call(Request::from_parts(parts, body))),
        }
    }
}

/// The finished answer, where it is there for this caller. Else the key goes in with the request, so that it is not checked
/// twice.
pub(crate) fn answered(api: &Api, parts: &mut Parts) -> Option<Response> {
    let begun = Instant::now();
    let is_plain = parts.method == Method::GET && !marketplace::is_named(&parts.headers);
    if !is_plain || auth::refuse_key_in_url(&parts.uri).is_err() {
        return None;
    }
    let now_ms = api.settings().clock.now_ms();
    let key = ActiveKey::known(parts, api)?;
    let response = given(api, parts, &key, now_ms, begun);
    if response.is_none() {
        parts.extensions.insert(key);
    }
    response
}

fn given(api: &Api, parts: &Parts, key: &ActiveKey, now_ms: u64, begun: Instant) -> Option<Response> {
    let now = UnixSeconds(now_ms / 1_000);
    let plan = key.plan(api, now)?;
    let ready = Ready::of(api, parts, plan.history.starts_at(now))?;
    let terms = ready.terms();
    let may = |scope| key.scopes.contains(scope) && plan.features.contains(scope);
    if !terms.needs.scope.is_none_or(may) {
        return None;
    }
    let mut response = ready.answer(api, &parts.headers)?;
    let (cost, limits) = (terms.needs.cost, api.limits());
    // The last that can fail: from here on the call is served.
    let figures = limits.admit_at_once(api.keys(), &key.client, plan, cost, key.month, now_ms)?;
    Noted::of(parts, ready.route(), api, key, now_ms).count(api, cost, response.status());
    response.extensions_mut().insert(PlanName(plan.name.clone()));
    let length = response.body().size_hint().exact();
    let headers = response.headers_mut();
    auth::tell_limits(&figures, headers);
    if let Some(ends) = Ends::of(key) {
        ends.tell(headers);
    }
    auth::keep_private(headers);
    if terms.is_shared {
        router::share(headers);
    }
    // As the router does it.
    if let Some(length) = length {
        headers.insert(header::CONTENT_LENGTH, length.into());
    }
    let request_id = answer::request_id(api, &parts.headers);
    let (method, uri) = (&parts.method, &parts.uri);
    Some(Asked { method, uri, route: ready.route(), request_id: &request_id, begun }.told(api, response))
}
