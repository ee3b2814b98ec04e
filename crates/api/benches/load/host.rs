//! When the machine under a virtual machine took its processors away: what is measured then tells of others' work.
//!
//! Linux counts it in hundredths of a second (`steal` in `/proc/stat`). Where nothing is counted nothing is left out.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::Instant;

/// How often the count is looked at.
const LOOK: Duration = Duration::from_millis(5);
/// A theft is counted up to so much later.
const LATE: Duration = Duration::from_millis(20);
/// What waited meanwhile is served within that.
const DRAINED: Duration = Duration::from_millis(100);

/// Watches until it is dropped.
pub(crate) struct Watch {
    seen: Arc<Mutex<Vec<Instant>>>,
    watching: JoinHandle<()>,
}

impl Watch {
    pub(crate) fn begin() -> Self {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let own = Arc::clone(&seen);
        let watching = tokio::spawn(async move {
            let mut before = stolen();
            loop {
                tokio::time::sleep(LOOK).await;
                let now = stolen();
                if now != before {
                    own.lock().unwrap_or_else(PoisonError::into_inner).push(Instant::now());
                    before = now;
                }
            }
        });
        Self { seen, watching }
    }

    /// Whether nothing was taken between the two instants, nor shortly before.
    pub(crate) fn was_ours(&self, from: Instant, to: Instant) -> bool {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let next = seen.partition_point(|at| *at + DRAINED < from);
        seen.get(next).is_none_or(|at| to + LATE < *at)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.watching.abort();
    }
}

/// What was taken since the machine began, in hundredths of a second.
fn stolen() -> u64 {
    let text = std::fs::read_to_string("/proc/stat").unwrap_or_default();
    text.split_ascii_whitespace().nth(8).and_then(|ticks| ticks.parse().ok()).unwrap_or(0)
}
