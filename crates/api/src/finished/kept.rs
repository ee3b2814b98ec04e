//! Where finished answers are kept: as long as they say what would be said now.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use accrual_rewards::unit::UnixSeconds;
use axum::http::{HeaderMap, Uri};
use tokio::sync::OnceCell;

use super::{Finished, Terms};
use crate::accept::{self, Packing};
use crate::app::Api;
use crate::metrics::Answers;

/// What is kept at most, of one block.
const BYTES_MAX: usize = 32 * 1_024 * 1_024;
const ANSWERS_MAX: usize = 4_096;
/// What is read from the database beside the book may change while no block comes: it is read again after so long.
const SECONDS_MAX: u64 = 5;

/// What makes two requests ask for the same bytes.
pub(super) struct Key<'a> {
    /// The path, and the query with its pairs in one order.
    what: Cow<'a, str>,
    pub(super) form: Form,
}

/// In what form, and from when on.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Form {
    csv: bool,
    pub(super) packing: Packing,
    /// Where the caller's plan begins.
    starts_at: Option<UnixSeconds>,
}

impl<'a> Key<'a> {
    pub(super) fn of(uri: &'a Uri, headers: &HeaderMap, starts_at: Option<UnixSeconds>) -> Self {
        let what = match uri.query() {
            None | Some("") => uri.path().into(),
            Some(query) => format!("{}?{}", uri.path(), in_order(query)).into(),
        };
        let form = Form { csv: accept::prefers_csv(headers), packing: Packing::of(headers), starts_at };
        Self { what, form }
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
pub(super) fn named(pair: &str) -> (&str, &str) {
    (pair.split('=').next().unwrap_or_default(), pair)
}

/// The answers of the book's newest state.
#[derive(Default)]
pub(crate) struct Kept(Mutex<Generation>);

/// What answers have in common that are kept together: nothing that they say but their age changes meanwhile.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Of {
    version: u64,
    is_stale: bool,
    /// Some seconds; a single one where an answer's age does not follow from another's.
    era: (bool, u64),
}

#[derive(Default)]
struct Generation {
    of: Of,
    answers: HashMap<Form, HashMap<String, Arc<Place>>>,
    count: usize,
    bytes: usize,
}

impl Of {
    /// What is said now.
    fn now(api: &Api, now: UnixSeconds) -> Self {
        let state = api.book().state();
        // Where a pool has no block yet, or one is younger than our clock, ages and more are told by the clock alone.
        let known = state.ends().filter(|(_, newest)| *newest <= now);
        let era = known.map_or((false, now.0), |_| (true, now.0 / SECONDS_MAX));
        let age_seconds = state.ends().map(|(oldest, _)| now.since(oldest));
        let is_stale = age_seconds.is_none_or(|age| age > api.settings().stale_after_seconds);
        Self { version: state.version(), is_stale, era }
    }
}

impl Generation {
    fn get(&self, key: &Key<'_>) -> Option<&Arc<Place>> {
        self.answers.get(&key.form)?.get(key.what.as_ref()).filter(|place| !place.is_spoilt())
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
pub(super) struct Place {
    of: Of,
    pub(super) terms: Terms,
    pub(super) answers: Arc<Answers>,
    /// As what a call for it is counted.
    pub(super) endpoint: Arc<str>,
    cell: OnceCell<Made>,
    is_spoilt: AtomicBool,
}

/// An answer as it was made, and as it reads in the second that was last asked for.
#[derive(Debug)]
struct Made {
    at: UnixSeconds,
    first: Arc<Finished>,
    newest: Mutex<(UnixSeconds, Arc<Finished>)>,
}

impl Place {
    fn new(of: Of, terms: Terms, route: &str) -> Self {
        let (answers, endpoint) = (Answers::of(route), format!("GET {route}").into());
        Self { of, terms, answers, endpoint, cell: OnceCell::new(), is_spoilt: false.into() }
    }

    fn is_spoilt(&self) -> bool {
        self.is_spoilt.load(Ordering::Relaxed)
    }

    /// The answer as it reads at `now`, where it is made.
    pub(super) fn finished(&self, now: UnixSeconds) -> Option<Arc<Finished>> {
        let Made { at, first, newest } = self.cell.get()?;
        let passed = now.since(*at);
        if passed == 0 || first.is_ageless() {
            return Some(Arc::clone(first));
        }
        let mut newest = newest.lock().unwrap_or_else(PoisonError::into_inner);
        if newest.0 != now {
            *newest = (now, Arc::new(first.older(passed)));
        }
        Some(Arc::clone(&newest.1))
    }

    /// The answer, made by `make` where it is not there. One that was made while a second ended is of neither.
    pub(super) async fn made<E>(
        &self,
        api: &Api,
        make: impl AsyncFnOnce() -> Result<Finished, E>,
    ) -> Result<Arc<Finished>, E> {
        let now = || api.settings().clock.now();
        let begun = now();
        if let Some(finished) = self.finished(begun) {
            return Ok(finished);
        }
        let made = self.cell.get_or_try_init(async || {
            let at = now();
            let first = Arc::new(make().await?);
            self.is_spoilt.store(now() != at, Ordering::Relaxed);
            api.kept().weigh(self, first.bytes_count());
            let newest = Mutex::new((at, Arc::clone(&first)));
            Ok(Made { at, first, newest })
        });
        let made = made.await?;
        Ok(Arc::clone(&made.first))
    }
}

impl Kept {
    fn lock(&self) -> MutexGuard<'_, Generation> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The place of an answer; `None` when there is no room for more, or when a secret was sent in the path.
    pub(super) fn place(&self, api: &Api, key: Key<'_>, terms: Terms, route: &str) -> Option<Arc<Place>> {
        if crate::key::holds_key(&key.what) {
            return None;
        }
        let of = Of::now(api, api.settings().clock.now());
        let mut kept = self.lock();
        let gone = (kept.of != of)
            .then(|| std::mem::replace(&mut *kept, Generation { of, ..Generation::default() }));
        let place = match kept.get(&key) {
            Some(place) => Some(Arc::clone(place)),
            None if kept.count >= ANSWERS_MAX || kept.bytes >= BYTES_MAX => None,
            None => {
                let place = Arc::new(Place::new(of, terms, route));
                let of_form = kept.answers.entry(key.form).or_default();
                let before = of_form.insert(key.what.into_owned(), Arc::clone(&place));
                kept.count += usize::from(before.is_none());
                Some(place)
            }
        };
        drop(kept);
        // It may be large, and nobody waits for it here.
        drop(gone);
        place
    }

    /// The place of an answer that is there already.
    pub(super) fn find(&self, api: &Api, key: &Key<'_>, now: UnixSeconds) -> Option<Arc<Place>> {
        let of = Of::now(api, now);
        let kept = self.lock();
        kept.get(key).filter(|_| kept.of == of).cloned()
    }

    /// Counts what a place holds.
    fn weigh(&self, place: &Place, bytes: usize) {
        let mut kept = self.lock();
        if kept.of == place.of {
            kept.bytes += bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
