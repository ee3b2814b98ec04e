//! Something that costs a walk over all positions, counted once; and whether callers still ask for it.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, Ordering};

/// At so many blocks more it is counted ahead after a call.
const BLOCKS_AHEAD: u8 = 5;

/// What is counted when it is first asked for.
#[derive(Debug)]
pub(super) struct Counted<T> {
    value: OnceLock<T>,
    /// At how many blocks more it is counted ahead.
    blocks_ahead: AtomicU8,
}

impl<T> Default for Counted<T> {
    fn default() -> Self {
        Self { value: OnceLock::new(), blocks_ahead: AtomicU8::new(0) }
    }
}

impl<T> Counted<T> {
    /// It, for a caller.
    pub(super) fn get(&self, count: impl FnOnce() -> T) -> &T {
        self.blocks_ahead.store(BLOCKS_AHEAD, Ordering::Relaxed);
        self.value.get_or_init(count)
    }

    /// It, for whoever comes seldom and can wait: nothing is counted ahead for that.
    pub(super) fn get_seldom(&self, count: impl FnOnce() -> T) -> &T {
        self.value.get_or_init(count)
    }

    /// It, if it was counted.
    pub(super) fn known(&self) -> Option<&T> {
        self.value.get()
    }

    /// Counts it for callers that are yet to come, where some came at this block or at one of the last few before it.
    pub(super) fn count_ahead(&self, before: &Self, count: impl FnOnce() -> T) {
        let blocks = before.blocks_ahead.load(Ordering::Relaxed);
        if blocks > 0 {
            self.blocks_ahead.store(blocks - 1, Ordering::Relaxed);
            self.value.get_or_init(count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_asks_for_is_counted_no_longer() {
        let mut now = Counted::default();
        assert_eq!(*now.get(|| 0), 0);
        for block in 1..=BLOCKS_AHEAD {
            let next = Counted::default();
            next.count_ahead(&now, || block);
            assert_eq!(next.value.get(), Some(&block));
            now = next;
        }
        let next = Counted::default();
        next.count_ahead(&now, || 0);
        assert_eq!(next.value.get(), None);
        assert_eq!(*now.get_seldom(|| 0), BLOCKS_AHEAD, "it is there still");
        next.count_ahead(&now, || 0);
        assert_eq!(next.value.get(), None, "who comes seldom is not waited for");
        assert_eq!(*next.get(|| 7), 7, "and again when somebody does");
        let after = Counted::default();
        after.count_ahead(&next, || 8);
        assert_eq!(after.value.get(), Some(&8));
    }
}
