//! Figures by account, as people read them.

use std::collections::BTreeMap;

use alloy_primitives::{Address, U256};

use crate::accrue::{Earned, Figures};
use crate::unit::Amount;

/// What one account earned in a campaign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountEarned {
    /// The account.
    pub account: Address,
    /// The sum over its positions.
    pub earned: Amount,
    /// Its part of all that was earned, in millionths, rounded down.
    pub share_ppm: u32,
    /// Position by position, largest first.
    pub positions: Vec<Earned>,
}

/// Groups a campaign's figures by account, largest first; equal ones by address.
pub fn by_account(figures: &Figures) -> Vec<AccountEarned> {
    let mut rows: BTreeMap<Address, Vec<Earned>> = BTreeMap::new();
    for row in &figures.rows {
        rows.entry(row.account).or_default().push(*row);
    }
    let mut accounts: Vec<AccountEarned> =
        rows.into_iter().map(|(account, positions)| total(account, positions, figures.earned)).collect();
    accounts.sort_by(|a, b| b.earned.cmp(&a.earned).then(a.account.cmp(&b.account)));
    accounts
}

fn total(account: Address, mut positions: Vec<Earned>, whole: Amount) -> AccountEarned {
    positions.sort_by(|a, b| b.earned.cmp(&a.earned).then(a.stake.cmp(&b.stake)));
    let earned = positions
        .iter()
        .try_fold(Amount::ZERO, |sum, row| sum.checked_add(row.earned))
        .expect("an account earns no more than the budget");
    AccountEarned { account, earned, share_ppm: share_ppm(earned, whole), positions }
}

/// `part / whole` in millionths, rounded down; zero of nothing.
pub fn share_ppm(part: Amount, whole: Amount) -> u32 {
    let scaled = part.mul_div(U256::from(1_000_000_u32), whole.0).unwrap_or_default();
    u32::try_from(scaled.0).unwrap_or(1_000_000)
}
