//! Room for long answers, used again: memory that is new to a process is cleared page by page first, which for long answers costs
//! as much as to read them from the socket.

use std::sync::{Mutex, PoisonError};

/// So many are kept for the next answers: of those that are read at the same time most are being parsed.
const KEPT_MAX: usize = 2;

/// What answers were read into, for the next.
#[derive(Debug, Default)]
pub(super) struct Bodies(Mutex<Vec<Vec<u8>>>);

impl Bodies {
    /// An empty buffer, with room for `bytes` if that is known.
    pub(super) fn take(&self, bytes: usize) -> Vec<u8> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // The largest is last. A short answer leaves it to a long one.
        let fits = kept.pop_if(|body| bytes >= body.capacity() / 2);
        drop(kept);
        let mut body = fits.unwrap_or_default();
        body.reserve(bytes);
        body
    }

    /// Takes back what is no longer needed.
    pub(super) fn give(&self, mut body: Vec<u8>) {
        body.clear();
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push(body);
        kept.sort_unstable_by_key(Vec::capacity);
        if kept.len() > KEPT_MAX {
            kept.remove(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_given_back_is_used_again() {
        let bodies = Bodies::default();
        let mut body = bodies.take(1_000);
        body.extend_from_slice(&[7; 900]);
        let place = body.as_ptr();
        bodies.give(body);
        let cases = [("short", 10, false), ("long", 800, true), ("none is left", 800, false)];
        for (name, bytes, again) in cases {
            let body = bodies.take(bytes);
            assert!(body.is_empty() && body.capacity() >= bytes, "{name}");
            assert_eq!(body.as_ptr() == place, again, "{name}");
        }
    }

    #[test]
    fn of_many_the_largest_are_kept() {
        let bodies = Bodies::default();
        for bytes in [30, 10, 40, 20] {
            bodies.give(Vec::with_capacity(bytes));
        }
        let kept: Vec<usize> = bodies.0.lock().unwrap().iter().map(Vec::capacity).collect();
        assert_eq!(kept, [30, 40]);
    }
}
