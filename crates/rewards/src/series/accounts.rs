//! Who has a stake in a pool now.

use alloy_primitives::Address;

use crate::ownership::Owner;
use crate::tracker::PoolTracker;

/// The accounts that have a stake now, behind all wrappers, in range or not; ascending.
pub fn accounts_with_stake(tracker: &PoolTracker) -> Vec<Address> {
    let ownership = tracker.ownership();
    // Most own their stakes themselves, and are told in this order.
    let themselves = ownership.owners().filter_map(|owner| match owner {
        Owner::Account(account) => (!account.is_zero()).then_some(account),
        Owner::Vault(_) => None,
    });
    let mut accounts: Vec<Address> = themselves.collect();
    let alone = accounts.len();
    for vault in ownership.owners().filter(|owner| matches!(owner, Owner::Vault(_))) {
        accounts.extend(ownership.accounts(vault));
    }
    if accounts.len() > alone {
        accounts.sort_unstable();
        accounts.dedup();
    }
    accounts
}
