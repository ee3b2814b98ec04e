//! Finds a position by what it is.

use std::fmt;
use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

use super::PositionIndex;
use super::concentrated::Position;
use crate::id::Holding;

/// Numbers of positions by their holdings, which are looked at where they lie: a map that has them too takes more than a
/// hundred bytes a position. It follows from the positions, so it makes no two ledgers differ.
#[derive(Clone, Default)]
pub(super) struct Index {
    numbers: HashTable<PositionIndex>,
    /// Keyed at random, since anybody may open a position.
    hasher: DefaultHashBuilder,
}

impl Index {
    /// Of all positions, none of them twice.
    pub(super) fn of(positions: &[Position]) -> Self {
        let mut index = Self { numbers: HashTable::with_capacity(positions.len()), ..Self::default() };
        (0..).map(PositionIndex).take(positions.len()).for_each(|number| index.insert(number, positions));
        index
    }

    /// The number of what is among `positions` under this name.
    pub(super) fn find(&self, holding: &Holding, positions: &[Position]) -> Option<PositionIndex> {
        let is_it = |number: &PositionIndex| positions[number.as_usize()].holding == *holding;
        self.numbers.find(self.hasher.hash_one(holding), is_it).copied()
    }

    /// Takes up one of `positions` that is not known yet.
    pub(super) fn insert(&mut self, number: PositionIndex, positions: &[Position]) {
        let Self { numbers, hasher } = self;
        let hash = |number: &PositionIndex| hasher.hash_one(positions[number.as_usize()].holding);
        numbers.insert_unique(hash(&number), number, hash);
    }
}

impl PartialEq for Index {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Index {}

impl fmt::Debug for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} positions", self.numbers.len())
    }
}
