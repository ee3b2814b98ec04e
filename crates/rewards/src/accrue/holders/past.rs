//! What was earned for those who own a stake no longer, or own it through a vault.

use std::collections::BTreeMap;

use alloy_primitives::Address;
use serde::{Deserialize, Serialize};

use super::Earner;
use crate::accrue::growth::{self, Growth};
use crate::unit::Amount;

/// By earner, and of each account the sum of the figures, so that those of many who left cost nothing when asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Past {
    earned: BTreeMap<Earner, Growth>,
    figures: BTreeMap<Address, Amount>,
}

impl Past {
    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = (&Earner, &Growth)> {
        self.earned.iter()
    }

    /// Of each account that has a figure above nothing, the sum of its figures, each rounded down.
    pub(super) fn figures(&self) -> &BTreeMap<Address, Amount> {
        &self.figures
    }

    /// Puts aside what is all that `earner` earned.
    pub(super) fn put(&mut self, earner: Earner, earned: Growth) {
        let before = self.earned.insert(earner, earned).unwrap_or_default();
        self.change(earner.account, before, earned);
    }

    /// Adds to what `earner` earned.
    pub(super) fn add(&mut self, earner: Earner, earned: Growth) {
        let before = self.earned.get(&earner).copied().unwrap_or_default();
        self.put(earner, before.wrapping_add(earned));
    }

    /// Takes back all that `earner` earned.
    pub(super) fn take(&mut self, earner: &Earner) -> Growth {
        let before = self.earned.remove(earner).unwrap_or_default();
        self.change(earner.account, before, Growth::ZERO);
        before
    }

    fn change(&mut self, account: Address, before: Growth, after: Growth) {
        let (before, after) = (growth::floor(before), growth::floor(after));
        if before == after {
            return;
        }
        let sum = self.figures.entry(account).or_default();
        let others = sum.checked_sub(before).expect("a figure is in its account's sum");
        *sum = others.checked_add(after).expect("what is earned stays below the budget");
        if *sum == Amount::ZERO {
            self.figures.remove(&account);
        }
    }
}
