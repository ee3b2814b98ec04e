//! Answers of one route, counted. To find a counter by its labels costs more than to count, so what was found is kept.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};
use std::time::Duration;

use metrics::{Counter, Histogram, counter, histogram};

use super::{HTTP_REQUESTS, HTTP_SECONDS};

/// Where the answers of one route are counted.
pub(crate) struct Answers {
    route: String,
    seconds: Histogram,
    counters: RwLock<Vec<Of>>,
}

/// Answers with one status to callers of one plan.
struct Of {
    status: u16,
    plan: String,
    counter: Counter,
}

impl std::fmt::Debug for Answers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Answers").field(&self.route).finish()
    }
}

impl Answers {
    /// Those of `route`, one of the few that there are.
    pub(crate) fn of(route: &str) -> Arc<Self> {
        static ROUTES: LazyLock<RwLock<HashMap<String, Arc<Answers>>>> = LazyLock::new(RwLock::default);
        if let Some(found) = ROUTES.read().unwrap_or_else(PoisonError::into_inner).get(route) {
            return Arc::clone(found);
        }
        let new = || {
            let seconds = histogram!(HTTP_SECONDS, "route" => route.to_owned());
            Arc::new(Self { route: route.to_owned(), seconds, counters: RwLock::default() })
        };
        let mut routes = ROUTES.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(routes.entry(route.to_owned()).or_insert_with(new))
    }

    /// Counts one.
    pub(crate) fn count(&self, status: u16, plan: Option<&str>, took: Duration) {
        self.seconds.record(took);
        let plan = plan.unwrap_or("none");
        let is_it = |of: &&Of| of.status == status && of.plan == plan;
        if let Some(of) = self.counters.read().unwrap_or_else(PoisonError::into_inner).iter().find(is_it) {
            return of.counter.increment(1);
        }
        let counter = counter!(
            HTTP_REQUESTS, "route" => self.route.clone(), "status" => status.to_string(), "plan" => plan.to_owned()
        );
        counter.increment(1);
        // Two that come at once may both keep it: they count into the same one.
        let of = Of { status, plan: plan.to_owned(), counter };
        self.counters.write().unwrap_or_else(PoisonError::into_inner).push(of);
    }
}
