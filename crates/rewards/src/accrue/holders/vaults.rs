//! Stakes of vaults, and the shareholders behind them.

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::U512;
use serde::{Deserialize, Serialize};

use super::{Admits, Earner, Holders};
use crate::accrue::growth::{Growth, WEIGHT_BITS, Weight, times};
use crate::ownership::{Owner, StakeIndex, VaultIndex};
use crate::unit::Liquidity;

/// A vault's shareholders and what its stakes earned for each of their shares.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Vault {
    pub(super) shares: u128,
    /// The sum of its members' weights.
    pub(super) eligible: Weight,
    pub(super) members: BTreeMap<Owner, Member>,
    pub(super) owned: BTreeSet<StakeIndex>,
    /// Earned per weight of a member, by stake.
    pub(super) per_share: BTreeMap<StakeIndex, Growth>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Member {
    pub(super) shares: u128,
    /// Its shares, or the eligible part of them when it is a vault or excluded.
    pub(super) weight: Weight,
    /// `per_share` of the vault when it was last brought up to date.
    pub(super) seen: BTreeMap<StakeIndex, Growth>,
}

/// The part of a vault that is eligible, with twice [`WEIGHT_BITS`] fractional bits.
type Fraction = U512;

const WHOLE: Fraction = U512::from_limbs([0, 0, 0, 0, 1, 0, 0, 0]);

impl Holders {
    /// A shareholder of a vault has so many shares from now on.
    pub(in crate::accrue) fn set_shares(
        &mut self,
        vault: VaultIndex,
        member: Owner,
        shares: u128,
        admits: Admits<'_>,
    ) {
        assert!(self.unpaid.is_none(), "where there are vaults, runs are walked");
        self.bring_up_to_date(vault);
        self.settle_member(vault, member);
        let before = self.fraction(vault);
        let fraction = match member {
            Owner::Account(account) if admits(account) => WHOLE,
            Owner::Account(_) => Fraction::ZERO,
            Owner::Vault(inner) => self.fraction(inner),
        };
        let held = self.vaults.entry(vault).or_default();
        let newcomer = || Member { seen: held.per_share.clone(), ..Member::default() };
        let entry = held.members.entry(member).or_insert_with(newcomer);
        held.shares = held.shares - entry.shares + shares;
        entry.shares = shares;
        self.weigh_member(vault, member, fraction, before);
    }

    /// Shares what came to a vault among its members.
    pub(super) fn share(&mut self, vault: VaultIndex, stake: StakeIndex, earned: Growth) {
        let Some(held) = self.vaults.get_mut(&vault).filter(|held| !held.eligible.is_zero()) else { return };
        let per_share = held.per_share.entry(stake).or_default();
        *per_share = per_share.wrapping_add(earned / Growth::from(held.eligible));
    }

    /// Brings a vault's `per_share` up to date: its own stakes, and what it gets as a member of others.
    pub(super) fn bring_up_to_date(&mut self, vault: VaultIndex) {
        let owned: Vec<StakeIndex> =
            self.vaults.get(&vault).into_iter().flat_map(|held| held.owned.iter().copied()).collect();
        owned.into_iter().for_each(|stake| self.settle_stake(stake));
        for above in self.above(vault) {
            self.bring_up_to_date(above);
            self.settle_member(above, Owner::Vault(vault));
        }
    }

    /// The vaults that have this one as a member.
    pub(super) fn above(&self, vault: VaultIndex) -> Vec<VaultIndex> {
        let member = Owner::Vault(vault);
        let is_above = |held: &&Vault| held.members.contains_key(&member);
        let found = self.vaults.iter().filter(|(_, held)| is_above(held));
        found.map(|(above, _)| *above).collect()
    }

    /// Gives a member what its shares have earned since it was last looked at.
    pub(super) fn settle_member(&mut self, vault: VaultIndex, member: Owner) {
        let Some(held) = self.vaults.get_mut(&vault) else { return };
        let Some(entry) = held.members.get_mut(&member) else { return };
        let mut got = Vec::new();
        for (stake, per_share) in &held.per_share {
            let seen = entry.seen.entry(*stake).or_default();
            let since = times(per_share.wrapping_sub(*seen).as_limbs(), entry.weight.as_limbs());
            *seen = *per_share;
            if !since.is_zero() {
                got.push((*stake, since));
            }
        }
        for (stake, earned) in got {
            match member {
                Owner::Account(account) => {
                    self.past.add(Earner { stake, through: Some(vault), account }, earned);
                }
                Owner::Vault(inner) => self.share(inner, stake, earned),
            }
        }
    }

    /// Weighs a member that was brought up to date, then what the vault owns, then the vault in those above it.
    /// `before` is the part of the vault that counted until now.
    pub(super) fn weigh_member(
        &mut self,
        vault: VaultIndex,
        member: Owner,
        fraction: Fraction,
        before: Fraction,
    ) {
        let held = self.vaults.get_mut(&vault).expect("a member is of a vault");
        let entry = held.members.get_mut(&member).expect("only members are weighed");
        let counts = (Fraction::from(entry.shares) * fraction) >> WEIGHT_BITS;
        let weight = Weight::from(counts);
        held.eligible = held.eligible - entry.weight + weight;
        entry.weight = weight;
        if entry.shares == 0 {
            // What it earned is in `past`; should it come back, it begins where the vault then stands.
            held.members.remove(&member);
        }
        let after = self.fraction(vault);
        if before == after {
            return;
        }
        let owned: Vec<StakeIndex> = self.vaults[&vault].owned.iter().copied().collect();
        owned.into_iter().for_each(|stake| self.weigh_anew(stake));
        for above in self.above(vault) {
            let before = self.fraction(above);
            self.weigh_member(above, Owner::Vault(vault), after, before);
        }
    }

    /// The eligible part of a vault's shares; nothing without any.
    pub(super) fn fraction(&self, vault: VaultIndex) -> Fraction {
        let Some(held) = self.vaults.get(&vault).filter(|held| held.shares > 0) else {
            return Fraction::ZERO;
        };
        (Fraction::from(held.eligible) << WEIGHT_BITS) / Fraction::from(held.shares)
    }

    /// What of a vault's liquidity counts, rounded down.
    pub(super) fn eligible_part(&self, vault: VaultIndex, liquidity: Liquidity) -> Weight {
        let Some(held) = self.vaults.get(&vault).filter(|held| held.shares > 0) else { return Weight::ZERO };
        Weight::from(
            Fraction::from(held.eligible) * Fraction::from(liquidity.0) / Fraction::from(held.shares),
        )
    }
}
