//! Data routes for callers whom the door knows: all that surrounds them in one layer. Each of axum's layers copies all that
//! lies within it at each call, and of an answer that is made in a few microseconds a dozen of them is the larger part.

use std::panic::AssertUnwindSafe;

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use futures::FutureExt;

use super::{REQUEST_TIMEOUT, panicked, share};
use crate::answer;
use crate::app::Api;
use crate::auth;
use crate::finished::{self, Terms};

/// The routes with the same around them as in the house, but for what a call without a body and without a preflight does
/// not meet.
pub(super) fn visited(api: &Api, terms: Terms, routes: Router<Api>) -> Router<Api> {
    let api = api.clone();
    routes.route_layer(from_fn(move |request, next| answered(api.clone(), terms, request, next)))
}

/// In the house's order, the outermost first.
async fn answered(api: Api, terms: Terms, request: Request, next: Next) -> Response {
    let made = |request| finished::made(api.clone(), terms, request, |request| next.run(request));
    let guarded = |request| auth::guarded(api.clone(), terms.needs, request, made);
    let shared = async |request| {
        let mut response = guarded(request).await;
        if terms.is_shared {
            share(response.headers_mut());
        }
        response
    };
    // On the heap, since each that holds it would have room for it more than once.
    answer::finished(&api, request, |request| whole(Box::pin(shared(request)))).await
}

/// An answer that comes in time and does not break.
async fn whole(answer: impl Future<Output = Response>) -> Response {
    match tokio::time::timeout(REQUEST_TIMEOUT, AssertUnwindSafe(answer).catch_unwind()).await {
        Ok(Ok(response)) => response,
        Ok(Err(panic)) => panicked(panic),
        Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::header::RETRY_AFTER;

    use super::*;
    use crate::error::ApiError;

    #[tokio::test]
    async fn what_breaks_is_internal_and_tells_nothing() {
        let broken = whole(async { panic!("the password is hunter2") }).await;
        assert_eq!(broken.status(), 500);
        assert!(matches!(broken.extensions().get::<ApiError>(), Some(ApiError::Internal)));
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_ever() {
        let late = whole(std::future::pending()).await;
        assert_eq!(
            (late.status().as_u16(), late.headers().get(RETRY_AFTER)),
            (503, None),
            "it is put in words later"
        );
        assert_eq!(whole(async { "in time".into_response() }).await.status(), 200);
    }
}
