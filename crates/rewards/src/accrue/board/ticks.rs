//! The ticks that ranges end at. A small tree says where each is kept: what is kept of one is large, and stays where it is.

use std::collections::BTreeMap;
use std::ops::{Index, IndexMut};

use serde::{Deserialize, Serialize};

use super::BoardTick;
use crate::aside::Aside;
use crate::ledger::concentrated::between;
use crate::unit::Tick;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ticks {
    places: BTreeMap<Tick, Place>,
    kept: Vec<BoardTick>,
    /// Places whose ticks are closed.
    free: Vec<Place>,
    /// By place: how often the price crossed what is kept there, since whoever holds this began. Apart from the ticks, since all of
    /// these are looked at.
    #[serde(skip)]
    crossings: Aside<Vec<u32>>,
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
    pub(super) fn cross(&mut self, low: Tick, high: Tick, mut act: impl FnMut(&mut BoardTick)) {
        let Self { places, kept, crossings: Aside(crossings), .. } = self;
        crossings.resize(kept.len(), 0);
        for place in places.range(between(low, high)).map(|(_, place)| place.as_usize()) {
            crossings[place] = crossings[place].wrapping_add(1);
            act(&mut kept[place]);
        }
    }

    /// How often the price crossed the tick that is kept there, or one before it.
    pub(super) fn crossings(&self, place: Place) -> u32 {
        self.crossings.0.get(place.as_usize()).copied().unwrap_or_default()
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
    use alloy_primitives::U256;

    use super::*;

    #[test]
    fn a_place_is_taken_again_and_remembers_nothing() {
        let mut ticks = Ticks::default();
        let used = BoardTick { sqrt: U256::ONE, ..BoardTick::default() };
        let (first, second) = (ticks.open(Tick(10), used), ticks.open(Tick(-10), BoardTick::default()));
        ticks.close(Tick(10));
        assert_eq!((ticks.find(Tick(10)), ticks.find(Tick(-10))), (None, Some(second)));
        assert_eq!(ticks.open(Tick(20), BoardTick::default()), first);
        assert_eq!(ticks[first], BoardTick::default(), "nothing is left of the one before");
        assert_eq!(ticks.iter().map(|(tick, _)| tick).collect::<Vec<_>>(), [Tick(-10), Tick(20)]);
    }

    #[test]
    fn what_is_crossed_is_counted_where_it_is_kept() {
        let mut ticks = Ticks::default();
        let places = [Tick(-10), Tick(20), Tick(30)].map(|tick| ticks.open(tick, BoardTick::default()));
        let counted = |ticks: &Ticks| places.map(|place| ticks.crossings(place));
        assert_eq!(counted(&ticks), [0; 3]);
        let mut crossed = 0;
        ticks.cross(Tick(-10), Tick(20), |_| crossed += 1);
        ticks.cross(Tick(-11), Tick(25), |_| crossed += 1);
        assert_eq!((counted(&ticks), crossed), ([1, 2, 0], 3), "the lower end is not crossed");
        let stored: Ticks = postcard::from_bytes(&postcard::to_allocvec(&ticks).unwrap()).unwrap();
        assert_eq!((counted(&stored), stored == ticks), ([0; 3], true), "it is no part of what is kept");
    }
}
