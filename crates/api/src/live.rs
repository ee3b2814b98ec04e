//! What each block changes, for whoever listens: `GET /v1/stream`.
//!
//! An event tells a state and not a difference, so that whoever missed some is whole again after the next: a stream keeps
//! no list of what is to be sent, and one that reads slowly is simply told of the newest block when it reads on. What a
//! block's events say is written once, by the first stream that notices the block, and sent to all.
//!
//! An event's id names a block and how often the chain was rewound by then. Any server can tell from it whether the block
//! is still on the chain, and what was taken back where it is not.

mod id;
mod rewound;
mod told;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio_util::sync::CancellationToken;

use crate::app::Api;
use crate::error::ApiError;
pub(crate) use id::EventId;
use rewound::Rewinds;
pub(crate) use told::Told;

/// How many streams may be open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamLimits {
    /// Of one client.
    pub per_client_max: usize,
    /// Of all.
    pub all_max: usize,
}

impl Default for StreamLimits {
    fn default() -> Self {
        Self { per_client_max: 20, all_max: 5_000 }
    }
}

/// What all streams share.
#[derive(Debug, Default)]
pub(crate) struct Live {
    newest: tokio::sync::Mutex<Newest>,
    open: Arc<Mutex<HashMap<String, usize>>>,
    closing: CancellationToken,
}

#[derive(Debug, Default)]
struct Newest {
    told: Option<Arc<Told>>,
    rewinds: Rewinds,
}

/// A stream's place among those that may be open; it is free again when this is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    open: Arc<Mutex<HashMap<String, usize>>>,
    client_id: String,
}

impl Live {
    /// How many streams are open here.
    pub(crate) fn open_count(&self) -> usize {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).values().sum()
    }

    /// What the book's newest state says; `None` before every pool has its first block.
    ///
    /// # Errors
    /// The database's, or figures that contradict each other.
    pub(crate) async fn told(&self, api: &Api) -> Result<Option<Arc<Told>>, ApiError> {
        let mut newest = self.newest.lock().await;
        let state = api.book().state();
        if let Some(told) = newest.told.as_ref().filter(|told| told.version == state.version()) {
            return Ok(Some(Arc::clone(told)));
        }
        let Some(moment) = state.lowest().filter(|_| state.is_whole(api.book().pools())) else {
            return Ok(None);
        };
        newest.rewinds.note(api, &state, moment).await?;
        let told = Arc::new(Told::of(api, state, moment, newest.told.as_deref(), newest.rewinds.log())?);
        newest.told = Some(Arc::clone(&told));
        Ok(Some(told))
    }

    /// A place for one more stream of a client.
    ///
    /// # Errors
    /// `stream_limit` when the client has as many as it may, `reduced_capacity` when the server has.
    pub(crate) fn enter(&self, client_id: &str, limits: StreamLimits) -> Result<Place, ApiError> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let own = open.get(client_id).copied().unwrap_or_default();
        if own >= limits.per_client_max {
            return Err(ApiError::StreamLimit(limits.per_client_max));
        }
        if open.values().sum::<usize>() >= limits.all_max {
            return Err(ApiError::ReducedCapacity);
        }
        open.insert(client_id.to_owned(), own + 1);
        Ok(Place { open: Arc::clone(&self.open), client_id: client_id.to_owned() })
    }

    /// Ends all streams, as a server does that stops.
    pub(crate) fn close(&self) {
        self.closing.cancel();
    }

    /// Until all streams are ended.
    pub(crate) fn closing(&self) -> CancellationToken {
        self.closing.clone()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        match open.get_mut(&self.client_id) {
            Some(own) if *own > 1 => *own -= 1,
            _ => drop(open.remove(&self.client_id)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_given_back() {
        let (live, limits) = (Live::default(), StreamLimits { per_client_max: 2, all_max: 3 });
        let first = live.enter("a", limits).unwrap();
        let _second = live.enter("a", limits).unwrap();
        assert_eq!(live.enter("a", limits).unwrap_err(), ApiError::StreamLimit(2));
        let _other = live.enter("b", limits).unwrap();
        assert_eq!(live.enter("c", limits).unwrap_err(), ApiError::ReducedCapacity);
        drop(first);
        assert!(live.enter("a", limits).is_ok());
        assert_eq!(live.open.lock().unwrap().len(), 2, "what was given back is forgotten");
    }
}
