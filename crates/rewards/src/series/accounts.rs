//! Who has a stake in a pool now.

use std::collections::{BTreeSet, HashSet};

use alloy_primitives::Address;

use crate::ownership::Owner;
use crate::tracker::PoolTracker;
use crate::unit::Liquidity;

/// The accounts that have a stake now, behind all wrappers, in range or not.
pub fn accounts_with_stake(tracker: &PoolTracker) -> BTreeSet<Address> {
    let ownership = tracker.ownership();
    let staked = ownership.stakes().iter().filter(|stake| stake.liquidity > Liquidity(0));
    let owners: HashSet<Owner> = staked.map(|stake| stake.owner).collect();
    owners.into_iter().flat_map(|owner| ownership.accounts(owner)).collect()
}
