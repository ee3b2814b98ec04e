//! Gauges that take shares of a pool, and count them one to one: who deposited how many.

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::Address;
use serde::{Deserialize, Serialize};

use super::StakeIndex;
use super::held::Positions;
use super::shares::Balances;
use crate::ledger::{Fault, PositionIndex};
use crate::pool::Wrapper;
use crate::unit::{Amount, Liquidity};

/// A pool's gauges for shares, with their deposits.
///
/// A gauge's holding is split: each depositor has what it deposited, and the gauge itself what is left, which nobody
/// deposited. A depositor that is a gauge of its own stays the owner; configure such a gauge as an `erc20_vault`.
///
/// On the way out the pool's transfer of shares comes before the gauge's own log. In between, deposits exceed the
/// holding: the gauge's own part is then zero, and the depositors keep theirs, since the next log settles it and no
/// time passes within a block. When the block has ended and they still exceed it, a log is missing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ShareGauges {
    gauges: Vec<Gauge>,
    /// Gauges whose deposits or holding moved since the block began.
    unsettled: BTreeSet<usize>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Gauge {
    address: Address,
    holder: Address,
    /// Its own holding in the pool; none before its first.
    position: Option<PositionIndex>,
    deposits: Balances,
    stakes: BTreeMap<Address, StakeIndex>,
    /// Depositors whose stakes do not yet say what they deposited.
    changed: BTreeSet<Address>,
}

impl ShareGauges {
    pub(super) fn new<'a>(wrappers: impl Iterator<Item = &'a Wrapper>) -> Self {
        let gauge = |wrapper: &Wrapper| Gauge {
            address: wrapper.address,
            holder: wrapper.holder,
            position: None,
            deposits: Balances::default(),
            stakes: BTreeMap::new(),
            changed: BTreeSet::new(),
        };
        Self { gauges: wrappers.map(gauge).collect(), unsettled: BTreeSet::new() }
    }

    /// The gauge whose holding `position` is, when `holder` is one.
    pub(super) fn receive(&mut self, holder: Address, position: PositionIndex) -> Option<usize> {
        let index = self.gauges.iter().position(|gauge| gauge.holder == holder)?;
        // Of a pool with shares a holder has one position; elsewhere only the first could be split.
        let own = *self.gauges[index].position.get_or_insert(position);
        self.unsettled.insert(index);
        (own == position).then_some(index)
    }

    /// The gauge that `address` is.
    pub(super) fn at(&self, address: Address) -> Option<usize> {
        self.gauges.iter().position(|gauge| gauge.address == address)
    }

    /// Moves deposits: from zero when they are made, to zero when they are taken back.
    pub(super) fn move_shares(
        &mut self,
        index: usize,
        (from, to): (Address, Address),
        shares: Amount,
    ) -> Result<(), Fault> {
        let gauge = &mut self.gauges[index];
        gauge.deposits.move_shares(gauge.address, (from, to), shares)?;
        gauge.changed.extend([from, to].into_iter().filter(|party| !party.is_zero()));
        self.unsettled.insert(index);
        Ok(())
    }

    /// A gauge's own holding in the pool.
    pub(super) fn position(&self, index: usize) -> Option<PositionIndex> {
        self.gauges[index].position
    }

    /// A gauge's contract, and who holds for it.
    pub(super) fn contract(&self, index: usize) -> (Address, Address) {
        (self.gauges[index].address, self.gauges[index].holder)
    }

    /// What depositors whose deposits changed have now.
    pub(super) fn take_changed(&mut self, index: usize) -> Vec<(Address, u128)> {
        let gauge = &mut self.gauges[index];
        let changed = std::mem::take(&mut gauge.changed);
        changed.into_iter().map(|depositor| (depositor, gauge.deposits.of(depositor))).collect()
    }

    /// Whether no holding was ever split.
    pub(super) fn split_nothing(&self) -> bool {
        self.gauges.iter().all(|gauge| gauge.stakes.is_empty())
    }

    /// A depositor's stake.
    pub(super) fn stake(&self, index: usize, depositor: Address) -> Option<StakeIndex> {
        self.gauges[index].stakes.get(&depositor).copied()
    }

    /// Names a depositor's stake, once.
    pub(super) fn set_stake(&mut self, index: usize, depositor: Address, stake: StakeIndex) {
        let before = self.gauges[index].stakes.insert(depositor, stake);
        assert!(before.is_none(), "a depositor's stake is never another one");
    }

    /// All deposits.
    pub(super) fn deposited(&self, index: usize) -> u128 {
        self.gauges[index].deposits.supply()
    }

    /// Looks back at a block that ended: a gauge holds whatever is deposited in it.
    pub(super) fn settle(&mut self, held: &Positions) -> Result<(), Fault> {
        for index in std::mem::take(&mut self.unsettled) {
            let gauge = &self.gauges[index];
            let holding = gauge.position.map_or(Liquidity(0), |position| held[position].liquidity);
            let deposits = Liquidity(gauge.deposits.supply());
            if deposits > holding {
                return Err(Fault::DepositsExceedHolding { gauge: gauge.address, deposits, holding });
            }
        }
        Ok(())
    }
}
