//! A line of parts that are made one after the other here, and that each of some items takes up in their order. Helpers begin
//! with what there is while the next part is made; whoever makes them takes a turn too once enough of them wait.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rayon_core::{Scope, ThreadPool};

/// With so many parts waiting, to take one up is better than to make one more: more would have left the processor's cache before
/// their turn.
const WAITING_ENOUGH: usize = 8;

/// Has each of `items` take up all of `parts`, in order. Where one item is all there is to do, all parts may come to wait for it.
///
/// # Errors
/// The first of `parts` that is one; the parts before it are taken up.
pub(crate) fn feed<T: Send, P: Send + Sync, E>(
    items: &mut [T],
    take_up: impl Fn(&mut T, &P) + Sync,
    parts: impl Iterator<Item = Result<P, E>>,
) -> Result<(), E> {
    feed_by(super::helpers(), items, take_up, parts)
}

fn feed_by<T: Send, P: Send + Sync, E>(
    helpers: Option<&ThreadPool>,
    items: &mut [T],
    take_up: impl Fn(&mut T, &P) + Sync,
    parts: impl Iterator<Item = Result<P, E>>,
) -> Result<(), E> {
    let line = Line { state: Mutex::new(State::of(items)), take_up };
    let Some(helpers) = helpers else { return line.make(parts, || ()) };
    let wanted = line.lock().places.len().min(helpers.current_num_threads());
    helpers.in_place_scope(|scope: &Scope<'_>| {
        let call = || {
            if line.lock().call_one(wanted) {
                scope.spawn(|_| line.help());
            }
        };
        line.make(parts, call)
    })
}

struct Line<'a, T, P, F> {
    state: Mutex<State<'a, T, P>>,
    take_up: F,
}

struct State<'a, T, P> {
    /// Those that some item has yet to take up, the oldest first.
    parts: VecDeque<Arc<P>>,
    /// How many there were before them.
    done: usize,
    places: Vec<Place<'a, T>>,
    /// Helpers at work.
    helping: usize,
}

struct Place<'a, T> {
    /// `None` while somebody works on it.
    item: Option<&'a mut T>,
    /// How many parts it has taken up.
    taken: usize,
}

/// A part that an item takes up.
struct Turn<'a, T, P> {
    place: usize,
    item: &'a mut T,
    part: Arc<P>,
}

impl<'a, T, P, F: Fn(&mut T, &P)> Line<'a, T, P, F> {
    fn lock(&self) -> MutexGuard<'_, State<'a, T, P>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes all parts, calling for help at each, and takes turns until there are none.
    fn make<E>(&self, mut parts: impl Iterator<Item = Result<P, E>>, call: impl Fn()) -> Result<(), E> {
        let made = parts.try_for_each(|part| {
            self.lock().parts.push_back(Arc::new(part?));
            call();
            while self.lock().parts.len() >= WAITING_ENOUGH && self.take_turn() {}
            Ok(())
        });
        while self.take_turn() {}
        made
    }

    /// Takes turns until there are none. What is made later finds a helper gone, and calls the next.
    fn help(&self) {
        loop {
            while self.take_turn() {}
            let mut state = self.lock();
            if state.next().is_none() {
                state.helping -= 1;
                return;
            }
        }
    }

    /// Whether there was one.
    fn take_turn(&self) -> bool {
        let Some(turn) = self.lock().begin() else { return false };
        (self.take_up)(turn.item, &turn.part);
        self.lock().end(turn.place, turn.item);
        true
    }
}

impl<'a, T, P> State<'a, T, P> {
    fn of(items: &'a mut [T]) -> Self {
        let places = items.iter_mut().map(|item| Place { item: Some(item), taken: 0 });
        Self { parts: VecDeque::new(), done: 0, places: places.collect(), helping: 0 }
    }

    /// Whether one more of `wanted` helpers is to come.
    fn call_one(&mut self, wanted: usize) -> bool {
        let is_called = self.helping < wanted && self.next().is_some();
        self.helping += usize::from(is_called);
        is_called
    }

    /// Whose turn it is: of those that nobody works on and that have a part to take up, who is furthest behind.
    fn next(&self) -> Option<usize> {
        let made = self.done + self.parts.len();
        let places = self.places.iter().enumerate();
        let idle = places.filter(|(_, place)| place.item.is_some() && place.taken < made);
        idle.min_by_key(|(_, place)| place.taken).map(|(number, _)| number)
    }

    fn begin(&mut self) -> Option<Turn<'a, T, P>> {
        let place = self.next()?;
        let Place { item, taken } = &mut self.places[place];
        let part = Arc::clone(&self.parts[*taken - self.done]);
        item.take().map(|item| Turn { place, item, part })
    }

    fn end(&mut self, place: usize, item: &'a mut T) {
        self.places[place].item = Some(item);
        self.places[place].taken += 1;
        let by_all = self.places.iter().map(|place| place.taken).min().unwrap_or(self.done);
        self.parts.drain(..by_all - self.done);
        self.done = by_all;
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;
    use crate::helpers::helpers;

    fn parts<E>(count: u32) -> impl Iterator<Item = Result<u32, E>> {
        (0..count).map(Ok)
    }

    #[test]
    fn each_item_takes_up_all_parts_in_order() {
        for (items, count) in [(0, 5), (1, 0), (1, 1), (1, 100), (3, 1_000), (20, 40)] {
            // As on one processor, too.
            for helpers in [helpers(), None] {
                let mut taken = vec![Vec::new(); items];
                let fed =
                    feed_by(helpers, &mut taken, |taken, part| taken.push(*part), parts::<Infallible>(count));
                assert_eq!(fed, Ok(()));
                assert_eq!(
                    taken,
                    vec![(0..count).collect::<Vec<_>>(); items],
                    "{items} items, {count} parts"
                );
            }
        }
    }

    #[test]
    fn an_error_ends_the_line() {
        let mut taken = [0, 0];
        let nothing_after = std::iter::from_fn(|| panic!("nothing is made after an error"));
        let some = parts(50).chain([Err("the fifty-first")]).chain(nothing_after);
        assert_eq!(feed(&mut taken, |taken, _| *taken += 1, some), Err("the fifty-first"));
        assert_eq!(taken, [50, 50]);
    }

    #[test]
    #[should_panic(expected = "one of them")]
    fn a_panic_of_an_item_is_not_lost() {
        let refuses = |item: &mut u32, part: &u32| assert!(*item == 0 || *part < 20, "one of them");
        let _ = feed(&mut [0, 1], refuses, parts::<Infallible>(1_000));
    }

    #[test]
    #[should_panic(expected = "the maker")]
    fn a_panic_of_the_maker_is_not_lost() {
        let some = parts::<Infallible>(20).chain(std::iter::from_fn(|| panic!("the maker")));
        let _ = feed(&mut [0, 1], |_, _| (), some);
    }
}
