//! Balances of a wrapper's shares.

use std::collections::BTreeMap;

use alloy_primitives::Address;
use serde::{Deserialize, Serialize};

use crate::ledger::Fault;
use crate::unit::Amount;

/// Who has how many shares of one wrapper; the zero address has none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Balances {
    by_account: BTreeMap<Address, u128>,
    supply: u128,
}

impl Balances {
    /// Moves shares: from zero when they come to be, to zero when they end. Answers with the shares moved.
    pub(super) fn move_shares(
        &mut self,
        wrapper: Address,
        (from, to): (Address, Address),
        shares: Amount,
    ) -> Result<u128, Fault> {
        let moved = u128::try_from(shares.0).map_err(|_| Fault::WrapperSharesOverflow { wrapper })?;
        if !from.is_zero() {
            let held = self.of(from);
            let left = held.checked_sub(moved).ok_or(Fault::WrapperSharesExceedBalance {
                wrapper,
                from,
                asked: shares,
                held: Amount(alloy_primitives::U256::from(held)),
            })?;
            self.set(from, left);
            self.supply -= moved;
        }
        if !to.is_zero() {
            let supply = self.supply.checked_add(moved).ok_or(Fault::WrapperSharesOverflow { wrapper })?;
            self.set(to, self.of(to) + moved);
            self.supply = supply;
        }
        Ok(moved)
    }

    /// An account's shares.
    pub(super) fn of(&self, account: Address) -> u128 {
        self.by_account.get(&account).copied().unwrap_or(0)
    }

    /// All shares.
    pub(super) fn supply(&self) -> u128 {
        self.supply
    }

    fn set(&mut self, account: Address, shares: u128) {
        if shares == 0 {
            self.by_account.remove(&account);
        } else {
            self.by_account.insert(account, shares);
        }
    }
}
