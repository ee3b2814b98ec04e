//! Threads that help whoever folds or counts. They stay, since one that begins takes fresh memory, and who asks for help works
//! himself meanwhile; on one processor, or where no thread can be had, he does it all.

use std::sync::{LazyLock, Mutex, PoisonError};
use std::thread::available_parallelism;

use rayon_core::{Scope, ThreadPool, ThreadPoolBuilder};

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

/// Does `work` for each of `items` by helpers, and `meanwhile` here, which then takes up items as well.
pub(crate) fn each<T: Send, A>(
    items: &mut [T],
    work: impl Fn(&mut T) + Sync,
    meanwhile: impl FnOnce() -> A,
) -> A {
    each_by(helpers(), items, work, meanwhile)
}

fn each_by<T: Send, A>(
    helpers: Option<&ThreadPool>,
    items: &mut [T],
    work: impl Fn(&mut T) + Sync,
    meanwhile: impl FnOnce() -> A,
) -> A {
    let wanted = items.len();
    let left = Mutex::new(items.iter_mut());
    let next = || left.lock().unwrap_or_else(PoisonError::into_inner).next();
    let take_up = || {
        while let Some(item) = next() {
            work(item);
        }
    };
    let Some(helpers) = helpers else {
        let done = meanwhile();
        take_up();
        return done;
    };
    helpers.in_place_scope(|scope: &Scope<'_>| {
        for _ in 0..wanted.min(helpers.current_num_threads()) {
            scope.spawn(|_| take_up());
        }
        let done = meanwhile();
        take_up();
        done
    })
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

    #[test]
    fn each_is_worked_on_once() {
        for count in [0, 1, 2, 100] {
            // As on one processor, too.
            for helpers in [helpers(), None] {
                let mut items = vec![0; count];
                let done = each_by(helpers, &mut items, |item| *item += 1, || "meanwhile");
                assert_eq!((done, items), ("meanwhile", vec![1; count]));
            }
        }
    }

    #[test]
    #[should_panic(expected = "one of them")]
    fn a_panic_of_one_is_not_lost() {
        each(&mut [0, 1], |item| assert!(*item == 0, "one of them"), || ());
    }
}
