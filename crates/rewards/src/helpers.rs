//! Threads that help whoever folds or counts. They stay, since one that begins takes fresh memory, and who asks for help works
//! himself meanwhile; on one processor, or where no thread can be had, he does it all.

mod line;

use std::sync::LazyLock;
use std::thread::available_parallelism;

use rayon_core::{ThreadPool, ThreadPoolBuilder};

pub(crate) use line::feed;

/// More do not help: a pool has few campaigns.
const HELPERS_MAX: usize = 7;

/// Both, `other` by a helper where that is worth it.
pub(crate) fn both<A, B: Send>(
    is_worth_it: bool,
    one: impl FnOnce() -> A,
    other: impl FnOnce() -> B + Send,
) -> (A, B) {
    let Some(helpers) = is_worth_it.then(helpers).flatten() else { return (one(), other()) };
    let mut others = None;
    let one = helpers.in_place_scope(|scope| {
        scope.spawn(|_| others = Some(other()));
        one()
    });
    (one, others.expect("a scope ends when all in it is done"))
}

/// One less than there are processors; `None` where that is none.
fn helpers() -> Option<&'static ThreadPool> {
    static HELPERS: LazyLock<Option<ThreadPool>> = LazyLock::new(|| {
        let processors = available_parallelism().map_or(1, usize::from);
        let count = processors.saturating_sub(1).min(HELPERS_MAX);
        let named = ThreadPoolBuilder::new().num_threads(count).thread_name(|_| "engine".to_owned());
        (count > 0).then(|| named.build().ok()).flatten()
    });
    HELPERS.as_ref()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_are_done() {
        for is_worth_it in [false, true] {
            let mut done = (0, 0);
            let (one, other) = both(is_worth_it, || std::mem::replace(&mut done.0, 1), || done.1 = 2);
            assert_eq!((one, other, done), (0, (), (1, 2)), "by a helper: {is_worth_it}");
        }
    }

    #[test]
    #[should_panic(expected = "the other")]
    fn a_panic_of_the_other_is_not_lost() {
        both(true, || (), || panic!("the other"));
    }
}
