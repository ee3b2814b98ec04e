//! Who holds how many shares of a pool, from its token's transfers.

use std::collections::BTreeMap;

use alloy_primitives::Address;
use serde::{Deserialize, Serialize};

use crate::id::Holding;
use crate::ledger::concentrated::Position;
use crate::ledger::pooled::WHOLE;
use crate::ledger::{Fault, PositionIndex, StakeChange};
use crate::unit::{Amount, Liquidity};

/// Every holder and its shares.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Shares {
    supply: u128,
    positions: Vec<Position>,
    index: BTreeMap<Address, PositionIndex>,
}

/// A transfer that fits the state.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moved {
    pub shares: u128,
    pub is_mint: bool,
    pub is_burn: bool,
    pub supply_after: Liquidity,
}

impl Shares {
    /// Looks at a transfer without counting it. From zero it mints, to zero it burns; from zero to zero it mints to
    /// the zero address, which holds it for ever.
    pub(super) fn check(&self, from: Address, to: Address, shares: Amount) -> Result<Moved, Fault> {
        let is_mint = from == Address::ZERO;
        let is_burn = to == Address::ZERO && !is_mint;
        let held = self.held(from);
        let fits = u128::try_from(shares.0).ok();
        if !is_mint && fits.is_none_or(|shares| shares > held) {
            let held = Amount(alloy_primitives::U256::from(held));
            return Err(Fault::SharesExceedBalance { from, asked: shares, held });
        }
        let shares = fits.ok_or(Fault::LiquidityOverflow)?;
        let supply = if is_mint {
            self.supply.checked_add(shares).ok_or(Fault::LiquidityOverflow)?
        } else if is_burn {
            self.supply - shares
        } else {
            self.supply
        };
        Ok(Moved { shares, is_mint, is_burn, supply_after: Liquidity(supply) })
    }

    /// Counts a transfer that was looked at.
    pub(super) fn settle(&mut self, from: Address, to: Address, moved: Moved) -> Vec<StakeChange> {
        self.supply = moved.supply_after.0;
        let mut changes = Vec::with_capacity(2);
        if !moved.is_mint {
            let left = self.held(from) - moved.shares;
            changes.push(self.set(from, left));
        }
        if !moved.is_burn {
            let sum = self.held(to) + moved.shares;
            changes.push(self.set(to, sum));
        }
        changes
    }

    pub(super) fn positions(&self) -> &[Position] {
        &self.positions
    }

    pub(super) fn supply(&self) -> Liquidity {
        Liquidity(self.supply)
    }

    fn held(&self, owner: Address) -> u128 {
        self.index.get(&owner).map_or(0, |index| self.positions[index.as_usize()].liquidity.0)
    }

    fn set(&mut self, owner: Address, shares: u128) -> StakeChange {
        let next = u32::try_from(self.positions.len()).expect("a token has fewer than 2^32 holders");
        let position = *self.index.entry(owner).or_insert(PositionIndex(next));
        let liquidity = Liquidity(shares);
        if position.as_usize() == self.positions.len() {
            let holding = Holding::Share { owner };
            self.positions.push(Position { holding, range: WHOLE, liquidity, holder: owner });
        } else {
            self.positions[position.as_usize()].liquidity = liquidity;
        }
        StakeChange { position, range: WHOLE, liquidity, holder: owner }
    }
}
