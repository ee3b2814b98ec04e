//! In which run an account came to differ: what it was paid between two instants, against what it earned between them.

use std::collections::BTreeMap;

use alloy_primitives::Address;
use serde::{Deserialize, Serialize};

use super::{difference, side::Ours};
use crate::unit::{Amount, SignedAmount, UnixSeconds};

/// What each account had been credited at the end of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bound {
    /// The end of the run.
    pub until: UnixSeconds,
    /// All that each account was credited up to then, roots and pending together.
    pub accounts: BTreeMap<Address, Amount>,
}

/// One account in one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountRun {
    /// Its beginning; of the first run that is known, the campaign's.
    pub from: UnixSeconds,
    /// Its end.
    pub until: UnixSeconds,
    /// What they credited in it; below zero where what they credited before fell.
    pub theirs: SignedAmount,
    /// What the account earned in it by us.
    pub ours: SignedAmount,
    /// Theirs less ours.
    pub difference: SignedAmount,
}

/// The runs in which `account` was credited something else than it earned. `bounds` are in order of time and end with the
/// newest; `ours` has our figures as of each of them. What they say of all runs, those left out included, adds up to the
/// account's whole difference.
///
/// # Panics
/// When the two lists are not of one length: a mistake of ours.
pub fn by_run(account: Address, begins: UnixSeconds, bounds: &[Bound], ours: &[Ours]) -> Vec<AccountRun> {
    assert_eq!(bounds.len(), ours.len(), "our figures are as of each bound");
    let mut runs = Vec::new();
    let mut from = begins;
    let mut before = (Amount::ZERO, Amount::ZERO);
    for (bound, ours) in bounds.iter().zip(ours) {
        let theirs = bound.accounts.get(&account).copied().unwrap_or_default();
        let now = (theirs, ours.earned(account));
        let (theirs, ours) = (difference(now.0, before.0), difference(now.1, before.1));
        let apart = SignedAmount(theirs.0 - ours.0);
        if !apart.0.is_zero() {
            runs.push(AccountRun { from, until: bound.until, theirs, ours, difference: apart });
        }
        (from, before) = (bound.until, now);
    }
    runs
}
