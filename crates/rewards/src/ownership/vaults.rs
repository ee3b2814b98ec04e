//! Vaults: whatever one holds belongs to the holders of its token, pro rata.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use alloy_primitives::Address;
use serde::{Deserialize, Serialize};

use super::shares::Balances;
use super::{Move, Owner, VaultIndex, other_name};
use crate::ledger::Fault;
use crate::pool::Wrapper;
use crate::unit::{Amount, Liquidity};

/// A pool's vaults, with their shareholders.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Vaults(Vec<Vault>);

/// Shares at the zero address do not exist; those that the vault's own address has are counted, and are its own.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Vault {
    address: Address,
    holder: Address,
    shares: Balances,
    /// The same shares by owner, as campaigns are told.
    members: BTreeMap<Owner, u128>,
    /// Vaults that have shares of this one for their own shareholders.
    inner: BTreeSet<VaultIndex>,
    /// Vaults that ever did.
    inner_ever: BTreeSet<VaultIndex>,
    /// The first address that an account has or had shares under, where that is another name of it.
    names: BTreeMap<Address, Address>,
}

impl Vaults {
    pub(super) fn new<'a>(wrappers: impl Iterator<Item = &'a Wrapper>) -> Self {
        let vault = |wrapper: &Wrapper| Vault {
            address: wrapper.address,
            holder: wrapper.holder,
            ..Vault::default()
        };
        Self(wrappers.map(vault).collect())
    }

    /// The vault that `account` holds for.
    pub(super) fn held_by(&self, account: Address) -> Option<VaultIndex> {
        self.0.iter().position(|vault| vault.holder == account).map(index)
    }

    /// A vault's contract.
    pub(super) fn address(&self, vault: VaultIndex) -> Address {
        self.0[vault.as_usize()].address
    }

    /// Who has shares of a vault now.
    pub(super) fn members(&self, vault: VaultIndex) -> impl Iterator<Item = Owner> + '_ {
        let members = self.0[vault.as_usize()].members.iter();
        members.filter(|(_, shares)| **shares > 0).map(|(member, _)| *member)
    }

    /// Moves shares of the vaults that `wrapper` is the token of.
    pub(super) fn move_shares(
        &mut self,
        wrapper: Address,
        (from, to): (Address, Address),
        shares: Amount,
        wrappers: &[Wrapper],
        moves: &mut Vec<Move>,
    ) -> Result<(), Fault> {
        for vault in
            (0..self.0.len()).map(index).filter(|vault| self.address(*vault) == wrapper).collect::<Vec<_>>()
        {
            let had = self.0[vault.as_usize()].shares.of(to);
            let moved = self.0[vault.as_usize()].shares.move_shares(wrapper, (from, to), shares)?;
            if moved == 0 {
                continue;
            }
            if !from.is_zero() {
                let member = self.member(vault, from, wrappers);
                self.change(vault, member, moves, |held| held - moved);
                self.leave(vault, from);
            }
            if !to.is_zero() {
                if had == 0 {
                    self.join(vault, to);
                }
                let member = self.member(vault, to, wrappers);
                self.change(vault, member, moves, |held| held + moved);
            }
        }
        Ok(())
    }

    /// The addresses of the vaults between `outer`, left out, and `inner`, included; `None` where no shares ever led
    /// from one to the other.
    pub(super) fn way(&self, outer: VaultIndex, inner: VaultIndex) -> Option<Vec<Address>> {
        let mut came_from = BTreeMap::new();
        let mut next = VecDeque::from([outer]);
        while let Some(vault) = next.pop_front() {
            if vault == inner {
                let back = std::iter::successors(Some(inner), |vault| came_from.get(vault).copied());
                let mut way: Vec<Address> =
                    back.take_while(|vault| *vault != outer).map(|vault| self.address(vault)).collect();
                way.reverse();
                return Some(way);
            }
            for member in &self.0[vault.as_usize()].inner_ever {
                if *member != outer && !came_from.contains_key(member) {
                    came_from.insert(*member, vault);
                    next.push_back(*member);
                }
            }
        }
        None
    }

    /// The address under which `account` has or had shares of a vault, where that is another name of it.
    pub(super) fn other_name(&self, vault: VaultIndex, account: Address) -> Option<Address> {
        self.0[vault.as_usize()].names.get(&account).copied()
    }

    /// A vault that gets its first shares of another has them for its shareholders, unless that would close a circle
    /// of vaults: then they stay with its holder, until it has none.
    fn join(&mut self, vault: VaultIndex, account: Address) {
        let Some(inner) = self.held_by(account) else { return };
        if !self.leads(inner, vault) {
            self.0[vault.as_usize()].inner.insert(inner);
            self.0[vault.as_usize()].inner_ever.insert(inner);
        }
    }

    fn leave(&mut self, vault: VaultIndex, account: Address) {
        if self.0[vault.as_usize()].shares.of(account) > 0 {
            return;
        }
        if let Some(inner) = self.held_by(account) {
            self.0[vault.as_usize()].inner.remove(&inner);
        }
    }

    /// Whether shares of `from` are had, in any number of steps, for shareholders of `to`.
    fn leads(&self, from: VaultIndex, to: VaultIndex) -> bool {
        from == to || self.0[from.as_usize()].inner.iter().any(|inner| self.leads(*inner, to))
    }

    fn member(&mut self, vault: VaultIndex, account: Address, wrappers: &[Wrapper]) -> Owner {
        let inner = self.held_by(account).filter(|inner| self.0[vault.as_usize()].inner.contains(inner));
        if let Some(inner) = inner {
            return Owner::Vault(inner);
        }
        let Some(named) = other_name(wrappers, account) else { return Owner::Account(account) };
        self.0[vault.as_usize()].names.entry(named).or_insert(account);
        Owner::Account(named)
    }

    fn change(&mut self, vault: VaultIndex, member: Owner, moves: &mut Vec<Move>, by: impl Fn(u128) -> u128) {
        let members = &mut self.0[vault.as_usize()].members;
        let shares = by(members.remove(&member).unwrap_or(0));
        if shares > 0 {
            members.insert(member, shares);
        }
        moves.push(Move::Shares { vault, member, shares: Liquidity(shares) });
    }
}

fn index(place: usize) -> VaultIndex {
    VaultIndex(u16::try_from(place).expect("a pool has fewer than 2^16 vaults"))
}
