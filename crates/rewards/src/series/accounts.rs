//! Who has a stake in a pool now.

use std::collections::BTreeSet;

use alloy_primitives::Address;

use crate::tracker::PoolTracker;

/// The accounts that have a stake now, behind all wrappers, in range or not.
pub fn accounts_with_stake(tracker: &PoolTracker) -> BTreeSet<Address> {
    let ownership = tracker.ownership();
    ownership.owners().flat_map(|owner| ownership.accounts(owner)).collect()
}
