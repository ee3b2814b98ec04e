//! Callers without a key, all together: so many are served at a time, so that a crowd of them never has the database and the
//! processor for itself. Who has a key is not among them, and neither are the probes that decide whether the server lives.

use std::sync::Arc;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::sync::Semaphore;

use crate::error::ApiError;

/// How many callers without a key are served at a time.
const SERVED_MAX: usize = 64;

/// The places for callers without a key.
#[derive(Debug, Clone)]
pub(crate) struct Crowd(Arc<Semaphore>);

impl Default for Crowd {
    fn default() -> Self {
        Self::of(SERVED_MAX)
    }
}

impl Crowd {
    pub(crate) fn of(served_max: usize) -> Self {
        Self(Arc::new(Semaphore::new(served_max)))
    }

    /// Serves a caller when there is a place; else it is asked to come again in a moment.
    pub(crate) async fn admit(self, request: Request, next: Next) -> Response {
        match self.0.try_acquire() {
            Ok(_place) => next.run(request).await,
            Err(_) => ApiError::ReducedCapacity.into_response(),
        }
    }
}
