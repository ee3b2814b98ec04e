//! The ticks that ranges end at. A small tree says where each is kept: what is kept of one is large, and stays where it is.

use std::collections::BTreeMap;
use std::ops::{Index, IndexMut};

use serde::{Deserialize, Serialize};

use super::BoardTick;
use crate::ledger::concentrated::between;
use crate::unit::Tick;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ticks {
    places: BTreeMap<Tick, Place>,
    kept: Vec<BoardTick>,
    /// Places whose ticks are closed.
    free: Vec<Place>,
}

/// Where a tick is kept, as long as it is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place(u32);

impl Ticks {
    pub(super) fn find(&self, tick: Tick) -> Option<Place> {
        self.places.get(&tick).copied()
    }

    /// Opens a tick that is not open.
    pub(super) fn open(&mut self, tick: Tick, fresh: BoardTick) -> Place {
        let place = self.free.pop().unwrap_or_else(|| {
            self.kept.push(BoardTick::default());
            Place(u32::try_from(self.kept.len() - 1).expect("there are fewer than 2^21 ticks"))
        });
        self[place] = fresh;
        let before = self.places.insert(tick, place);
        debug_assert_eq!(before, None, "it was closed");
        place
    }

    /// Closes a tick that is open.
    pub(super) fn close(&mut self, tick: Tick) {
        let place = self.places.remove(&tick).expect("what closes a tick has its place, so it is open");
        self[place] = BoardTick::default();
        self.free.push(place);
    }

    /// Does something to each tick that a price moving between these crosses.
    pub(super) fn each_between(&mut self, low: Tick, high: Tick, mut act: impl FnMut(&mut BoardTick)) {
        for (_, place) in self.places.range(between(low, high)) {
            act(&mut self.kept[place.as_usize()]);
        }
    }

    /// All that are open.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Tick, &BoardTick)> {
        self.places.iter().map(|(tick, place)| (*tick, &self[*place]))
    }

    /// All that are open, and empty ones.
    pub(super) fn kept_mut(&mut self) -> impl Iterator<Item = &mut BoardTick> {
        self.kept.iter_mut()
    }
}

impl Place {
    fn as_usize(self) -> usize {
        usize::try_from(self.0).expect("accrual runs where a usize has 32 bits or more")
    }
}

impl Index<Place> for Ticks {
    type Output = BoardTick;

    fn index(&self, place: Place) -> &BoardTick {
        &self.kept[place.as_usize()]
    }
}

impl IndexMut<Place> for Ticks {
    fn index_mut(&mut self, place: Place) -> &mut BoardTick {
        &mut self.kept[place.as_usize()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_taken_again_and_remembers_nothing() {
        let mut ticks = Ticks::default();
        let crossed = BoardTick { crossings: 3, ..BoardTick::default() };
        let (first, second) = (ticks.open(Tick(10), crossed), ticks.open(Tick(-10), BoardTick::default()));
        ticks.close(Tick(10));
        assert_eq!((ticks.find(Tick(10)), ticks.find(Tick(-10))), (None, Some(second)));
        assert_eq!(ticks.open(Tick(20), BoardTick::default()), first);
        let mut between = Vec::new();
        ticks.each_between(Tick(-10), Tick(20), |tick| between.push(tick.crossings));
        assert_eq!(between, [0], "the lower end is not crossed, and nothing is left of the one before");
        assert_eq!(ticks.iter().map(|(tick, _)| tick).collect::<Vec<_>>(), [Tick(-10), Tick(20)]);
    }
}
