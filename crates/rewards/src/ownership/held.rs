//! What the ledger said last of each position.

use std::ops::Index;

use alloy_primitives::Address;
use serde::{Deserialize, Serialize};

use super::StakeIndex;
use crate::ledger::PositionIndex;
use crate::unit::{Liquidity, TickRange};

/// A position as a pool holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Held {
    /// The stake of the holder itself, or of the one depositor who stands behind the whole.
    pub(super) stake: StakeIndex,
    pub(super) range: TickRange,
    pub(super) liquidity: Liquidity,
    pub(super) holder: Address,
    /// The last holder but one; the zero address while there was none.
    pub(super) holder_before: Address,
}

/// All positions, by their index: a pool counts them without gaps.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Positions(Vec<Option<Held>>);

impl Positions {
    /// `None` before the ledger has told of it.
    pub(super) fn get(&self, position: PositionIndex) -> Option<&Held> {
        self.0.get(position.as_usize())?.as_ref()
    }

    pub(super) fn put(&mut self, position: PositionIndex, held: Held) {
        let index = position.as_usize();
        if self.0.len() <= index {
            self.0.resize(index + 1, None);
        }
        self.0[index] = Some(held);
    }
}

impl Index<PositionIndex> for Positions {
    type Output = Held;

    /// # Panics
    /// Before the ledger has told of it.
    fn index(&self, position: PositionIndex) -> &Held {
        self.get(position).expect("the ledger tells of a position before anybody stands behind it")
    }
}
