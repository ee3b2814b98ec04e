//! Who stands behind a holder: gauges' depositors, vaults' shareholders, other names of the same account.
//!
//! Apart from the liquidity layer: the ledger says what a holder holds in the pool, this says for whom. It turns
//! what the ledger says has changed, and what wrappers say of themselves, into [`Move`]s, the vocabulary of
//! [`crate::accrue`].
//!
//! A holder is resolved in this order: a gauge's depositor (one to one), a vault's shareholders (pro rata), then
//! `remap`, once. Each step may lead to another wrapper; none is passed twice on one way. A wrapper that is not known
//! stays what it is, the holder itself. Where one address is the holder of several wrappers of a kind, the first in
//! the configuration counts.

mod gauges;
mod held;
mod nfts;
mod shares;
mod vaults;

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::Address;
use serde::{Deserialize, Serialize};

use crate::event::PoolEvent;
use crate::id::Holding;
use crate::ledger::{Change, Fault, PositionIndex, StakeChange};
use crate::pool::{Wrapper, WrapperKind};
use crate::unit::{Amount, BlockNumber, Liquidity, TickRange};
use gauges::ShareGauges;
use held::{Held, Positions};
use nfts::NftGauges;
use vaults::Vaults;

/// The number of a stake: a part of a position that one owner has. Never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct StakeIndex(pub u32);

/// The number of a vault among a pool's wrappers: its place among those of kind `erc20_vault`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct VaultIndex(pub u16);

/// Whom a stake, or a share of a vault, belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Owner {
    /// An account, after `remap`. The zero address while nobody is known.
    Account(Address),
    /// The shareholders of a vault.
    Vault(VaultIndex),
}

/// What campaigns fold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Move {
    /// What the ledger says of price and trades; never [`Change::Stakes`].
    Pool(Change),
    /// A stake has this range, liquidity and owner from now on.
    Stake {
        /// The stake.
        stake: StakeIndex,
        /// Its range; of a pool with shares, all that exist.
        range: TickRange,
        /// Its liquidity, or its shares. Of all stakes together, never 2^128 or more.
        liquidity: Liquidity,
        /// Its owner.
        owner: Owner,
    },
    /// A shareholder of a vault has so many shares from now on. Vaults never hold each other's shares in a circle.
    Shares {
        /// The vault.
        vault: VaultIndex,
        /// The shareholder.
        member: Owner,
        /// Its shares. Of all members together, never 2^128 or more.
        shares: Liquidity,
    },
}

/// What a stake is: whose part of which position.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stake {
    /// The position that it is a part of.
    pub position: PositionIndex,
    /// The wrappers between the position's holder and the present owner, the holder's first; a vault that owns it
    /// last, or the address that the owner is another name of.
    pub via: Vec<Address>,
    /// Who owns it now.
    pub owner: Owner,
    /// Its liquidity or shares now.
    pub liquidity: Liquidity,
}

/// Stakes, gauges' depositors and vaults' shareholders after some event.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ownership {
    wrappers: Vec<Wrapper>,
    stakes: Vec<Stake>,
    /// How those came to a stake who owned it once and do so no longer; nothing for those who held it themselves.
    past_ways: BTreeMap<(StakeIndex, Owner), Vec<Address>>,
    held: Positions,
    nfts: NftGauges,
    gauges: ShareGauges,
    vaults: Vaults,
    /// How many stakes with liquidity each owner has; none is left out.
    stakes_by_owner: BTreeMap<Owner, u32>,
    /// Of all stakes.
    liquidity: u128,
    block: BlockNumber,
}

/// An owner and the way to it.
#[derive(Debug)]
struct Route {
    owner: Owner,
    via: Vec<Address>,
}

impl Ownership {
    /// Before the first event.
    pub fn new(wrappers: Vec<Wrapper>) -> Self {
        let of = |kind| wrappers.iter().filter(move |wrapper| wrapper.kind == kind);
        Self {
            nfts: NftGauges::new(of(WrapperKind::ClGauge)),
            gauges: ShareGauges::new(of(WrapperKind::Erc20Gauge)),
            vaults: Vaults::new(of(WrapperKind::Erc20Vault)),
            wrappers,
            ..Self::default()
        }
    }

    /// Says that an event of `block` comes next. Within a block a gauge's own count and what it holds may differ, since
    /// they are told by different logs; when it ends they must agree.
    ///
    /// # Errors
    /// At the end of the block before, a gauge counted more than it held.
    pub fn begin(&mut self, block: BlockNumber) -> Result<(), Fault> {
        if block == self.block {
            return Ok(());
        }
        self.block = block;
        self.nfts.settle(&self.held)?;
        self.gauges.settle(&self.held)
    }

    /// Adds to `moves` what a change of the ledger means for stakes.
    ///
    /// # Errors
    /// All stakes together pass 128 bits.
    pub fn follow(&mut self, change: Change, moves: &mut Vec<Move>) -> Result<(), Fault> {
        match change {
            Change::None => {}
            Change::Stakes(changes) => {
                changes.into_iter().try_for_each(|change| self.hold(change, moves))?;
            }
            change => moves.push(Move::Pool(change)),
        }
        Ok(())
    }

    /// Adds what a wrapper's own event means for stakes and shareholders; nothing for other events, and nothing for those
    /// of contracts that are not among the wrappers. `find` gives the ledger's number of a position.
    ///
    /// # Errors
    /// The event contradicts what was folded in before.
    pub fn apply(
        &mut self,
        event: &PoolEvent,
        find: impl Fn(&Holding) -> Option<PositionIndex>,
        moves: &mut Vec<Move>,
    ) -> Result<(), Fault> {
        match event {
            PoolEvent::NftStaked { wrapper, holding, depositor } => {
                let position = find(holding).ok_or(Fault::UnknownPosition { holding: *holding })?;
                let held = self.held.get(position).ok_or(Fault::UnknownPosition { holding: *holding })?;
                self.nfts.stake(*wrapper, *holding, *depositor, (position, held))?;
                self.place(position, moves)?;
            }
            PoolEvent::NftUnstaked { wrapper, holding, depositor } => {
                let position = find(holding).ok_or(Fault::UnknownPosition { holding: *holding })?;
                self.nfts.unstake(*wrapper, *holding, *depositor, position)?;
                self.place(position, moves)?;
            }
            PoolEvent::WrapperSharesMoved { wrapper, from, to, shares } => {
                self.move_deposits(*wrapper, (*from, *to), *shares, moves)?;
                self.vaults.move_shares(*wrapper, (*from, *to), *shares, &self.wrappers, moves)?;
            }
            _ => {}
        }
        Ok(())
    }

    /// Every stake ever seen, by [`StakeIndex`].
    pub fn stakes(&self) -> &[Stake] {
        &self.stakes
    }

    /// Whether each position is one stake, since no gauge has split what it holds among its depositors.
    pub fn is_unsplit(&self) -> bool {
        self.gauges.split_nothing()
    }

    /// Those who own a stake with liquidity now.
    pub fn owners(&self) -> impl Iterator<Item = Owner> + '_ {
        self.stakes_by_owner.keys().copied()
    }

    /// The wrappers between a stake's holder and `account`, the holder's first, which owns the stake or did so, or is
    /// a shareholder of `through`; last the address that `account` is another name of. Where it owned the stake in
    /// several ways, the newest.
    pub fn via(&self, stake: StakeIndex, through: Option<VaultIndex>, account: Address) -> Vec<Address> {
        let Some(vault) = through else {
            return self.way(stake, Owner::Account(account)).unwrap_or_default().to_vec();
        };
        let from_vault = self.vault_owners(stake).find_map(|(outer, way)| {
            let rest = self.vaults.way(outer, vault)?;
            Some(way.iter().copied().chain(rest).collect::<Vec<_>>())
        });
        let mut via = from_vault.unwrap_or_else(|| vec![self.vaults.address(vault)]);
        via.extend(self.vaults.other_name(vault, account));
        via
    }

    /// The accounts that an owner stands for now: itself, or the shareholders of the vault and of the vaults that have
    /// shares of it; nobody while nobody is known.
    pub fn accounts(&self, owner: Owner) -> BTreeSet<Address> {
        let (mut accounts, mut passed, mut next) = (BTreeSet::new(), BTreeSet::new(), vec![owner]);
        while let Some(owner) = next.pop() {
            match owner {
                Owner::Account(account) if account.is_zero() => {}
                Owner::Account(account) => {
                    accounts.insert(account);
                }
                Owner::Vault(vault) if passed.insert(vault) => next.extend(self.vaults.members(vault)),
                Owner::Vault(_) => {}
            }
        }
        accounts
    }

    /// The wrappers, in order; a [`VaultIndex`] counts its vaults.
    pub fn wrappers(&self) -> &[Wrapper] {
        &self.wrappers
    }

    fn hold(&mut self, change: StakeChange, moves: &mut Vec<Move>) -> Result<(), Fault> {
        let StakeChange { position, range, liquidity, holder } = change;
        let known = self.held.get(position).copied();
        let stake = known.map_or_else(|| self.open(position), |held| held.stake);
        let holder_before = match known {
            Some(held) if held.holder != holder => held.holder,
            Some(held) => held.holder_before,
            None => Address::ZERO,
        };
        self.held.put(position, Held { stake, range, liquidity, holder, holder_before });
        self.nfts.touch(position);
        match self.gauges.receive(holder, position) {
            Some(gauge) => self.split(gauge, moves),
            None => self.place(position, moves),
        }
    }

    fn open(&mut self, position: PositionIndex) -> StakeIndex {
        let index = u32::try_from(self.stakes.len()).expect("a pool has fewer than 2^32 stakes");
        let owner = Owner::Account(Address::ZERO);
        self.stakes.push(Stake { position, via: Vec::new(), owner, liquidity: Liquidity(0) });
        StakeIndex(index)
    }

    /// Gives a position as a whole to whom it belongs now.
    fn place(&mut self, position: PositionIndex, moves: &mut Vec<Move>) -> Result<(), Fault> {
        let held = self.held[position];
        let (account, via) = self.nfts.behind(position, held.holder);
        let route = self.route(account, via);
        self.assign(held.stake, held.range, held.liquidity, route, moves)
    }

    fn move_deposits(
        &mut self,
        wrapper: Address,
        parties: (Address, Address),
        shares: Amount,
        moves: &mut Vec<Move>,
    ) -> Result<(), Fault> {
        if let Some(gauge) = self.gauges.at(wrapper) {
            self.gauges.move_shares(gauge, parties, shares)?;
            self.split(gauge, moves)?;
        }
        Ok(())
    }

    /// Gives a gauge's holding to its depositors, and what nobody deposited to the gauge itself.
    fn split(&mut self, gauge: usize, moves: &mut Vec<Move>) -> Result<(), Fault> {
        let Some(position) = self.gauges.position(gauge) else { return Ok(()) };
        let held = self.held[position];
        let (wrapper, holder) = self.gauges.contract(gauge);
        for (depositor, shares) in self.gauges.take_changed(gauge) {
            let stake = self.gauges.stake(gauge, depositor).unwrap_or_else(|| {
                let stake = self.open(position);
                self.gauges.set_stake(gauge, depositor, stake);
                stake
            });
            let route = self.route(depositor, vec![wrapper]);
            self.assign(stake, held.range, Liquidity(shares), route, moves)?;
        }
        let rest = held.liquidity.0.saturating_sub(self.gauges.deposited(gauge));
        let route = self.route(holder, Vec::new());
        self.assign(held.stake, held.range, Liquidity(rest), route, moves)
    }

    /// From the account behind all gauges to the owner.
    fn route(&self, account: Address, mut via: Vec<Address>) -> Route {
        if let Some(vault) = self.vaults.held_by(account) {
            via.push(self.vaults.address(vault));
            return Route { owner: Owner::Vault(vault), via };
        }
        let named = other_name(&self.wrappers, account);
        via.extend(named.map(|_| account));
        Route { owner: Owner::Account(named.unwrap_or(account)), via }
    }

    fn assign(
        &mut self,
        index: StakeIndex,
        range: TickRange,
        liquidity: Liquidity,
        route: Route,
        moves: &mut Vec<Move>,
    ) -> Result<(), Fault> {
        let stake = &mut self.stakes[index.as_usize()];
        let others = self.liquidity - stake.liquidity.0;
        self.liquidity = others.checked_add(liquidity.0).ok_or(Fault::LiquidityOverflow)?;
        let before = std::mem::replace(&mut stake.owner, route.owner);
        let way = std::mem::replace(&mut stake.via, route.via);
        if before != route.owner {
            self.past_ways.remove(&(index, route.owner));
            if !way.is_empty() {
                self.past_ways.insert((index, before), way);
            }
        }
        if (before, stake.liquidity) != (route.owner, liquidity) {
            let held = std::mem::replace(&mut stake.liquidity, liquidity);
            count_stakes(&mut self.stakes_by_owner, (before, held), (route.owner, liquidity));
            moves.push(Move::Stake { stake: index, range, liquidity, owner: route.owner });
        }
        Ok(())
    }

    fn way(&self, index: StakeIndex, owner: Owner) -> Option<&[Address]> {
        let stake = &self.stakes[index.as_usize()];
        if stake.owner == owner {
            return Some(&stake.via);
        }
        self.past_ways.get(&(index, owner)).map(Vec::as_slice)
    }

    /// The vaults that own a stake or did so, the present one first.
    fn vault_owners(&self, index: StakeIndex) -> impl Iterator<Item = (VaultIndex, &[Address])> {
        let stake = &self.stakes[index.as_usize()];
        let every = (index, Owner::Vault(VaultIndex(0)))..=(index, Owner::Vault(VaultIndex(u16::MAX)));
        let past = self.past_ways.range(every).map(|((_, owner), way)| (*owner, way.as_slice()));
        let owners = std::iter::once((stake.owner, stake.via.as_slice())).chain(past);
        owners.filter_map(|(owner, way)| match owner {
            Owner::Vault(vault) => Some((vault, way)),
            Owner::Account(_) => None,
        })
    }
}

impl StakeIndex {
    /// The same as an index into a list.
    pub fn as_usize(self) -> usize {
        usize::try_from(self.0).expect("accrual runs where a usize has 32 bits or more")
    }
}

impl VaultIndex {
    /// The same as an index into a list.
    pub fn as_usize(self) -> usize {
        usize::from(self.0)
    }
}

/// A stake was one owner's with so much liquidity, and is another's with so much now.
fn count_stakes(counts: &mut BTreeMap<Owner, u32>, before: (Owner, Liquidity), after: (Owner, Liquidity)) {
    let none = Liquidity(0);
    if before.0 == after.0 && before.1 > none && after.1 > none {
        return;
    }
    if after.1 > none {
        *counts.entry(after.0).or_default() += 1;
    }
    if before.1 > none {
        let count = counts.get_mut(&before.0).expect("a stake with liquidity was counted");
        *count -= 1;
        if *count == 0 {
            counts.remove(&before.0);
        }
    }
}

/// Whose account this one is another name of, by `remap`.
fn other_name(wrappers: &[Wrapper], account: Address) -> Option<Address> {
    let same = |wrapper: &&Wrapper| wrapper.kind == WrapperKind::Remap && wrapper.holder == account;
    wrappers.iter().find(same).and_then(|wrapper| wrapper.to)
}
