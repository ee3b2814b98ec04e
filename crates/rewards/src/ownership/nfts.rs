//! Gauges that take a position's NFT: who deposited which.

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::Address;
use serde::{Deserialize, Serialize};

use super::held::{Held, Positions};
use crate::id::Holding;
use crate::ledger::{Fault, PositionIndex};
use crate::pool::Wrapper;

/// A pool's gauges for NFTs, with their open deposits.
///
/// A deposit counts while the gauge holds the NFT. On the way in the NFT's transfer comes just before the gauge's own
/// log, on the way out too: in between, the NFT belongs to whoever the transfer names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct NftGauges {
    gauges: Vec<Gauge>,
    deposits: BTreeMap<(PositionIndex, usize), Deposit>,
    /// Positions with a deposit that moved since the block began.
    unsettled: BTreeSet<PositionIndex>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Gauge {
    address: Address,
    holder: Address,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Deposit {
    holding: Holding,
    depositor: Address,
}

impl NftGauges {
    pub(super) fn new<'a>(wrappers: impl Iterator<Item = &'a Wrapper>) -> Self {
        let gauge = |wrapper: &Wrapper| Gauge { address: wrapper.address, holder: wrapper.holder };
        Self { gauges: wrappers.map(gauge).collect(), ..Self::default() }
    }

    /// Opens a deposit; nothing for a contract that is no gauge of ours.
    pub(super) fn stake(
        &mut self,
        gauge: Address,
        holding: Holding,
        depositor: Address,
        (position, held): (PositionIndex, &Held),
    ) -> Result<(), Fault> {
        let Some(index) = self.at(gauge) else { return Ok(()) };
        if let Some(open) = self.deposits.get(&(position, index)) {
            return Err(Fault::StakedTwice { holding, gauge, depositor: open.depositor });
        }
        let (holder, _) = self.behind(position, held.holder);
        if holder != self.gauges[index].holder {
            return Err(Fault::StakedElsewhere { holding, gauge, holder });
        }
        let came_from = if held.holder == holder { held.holder_before } else { Address::ZERO };
        if !came_from.is_zero() && came_from != depositor {
            return Err(Fault::DepositorMismatch { holding, counted: came_from, stated: depositor });
        }
        self.deposits.insert((position, index), Deposit { holding, depositor });
        Ok(())
    }

    /// Closes a deposit; nothing for a contract that is no gauge of ours.
    pub(super) fn unstake(
        &mut self,
        gauge: Address,
        holding: Holding,
        depositor: Address,
        position: PositionIndex,
    ) -> Result<(), Fault> {
        let Some(index) = self.at(gauge) else { return Ok(()) };
        let open = self.deposits.remove(&(position, index)).ok_or(Fault::NotStaked { holding, gauge })?;
        if open.depositor != depositor {
            let (counted, stated) = (open.depositor, depositor);
            return Err(Fault::DepositorMismatch { holding, counted, stated });
        }
        Ok(())
    }

    /// Notes that a position's holder may have changed.
    pub(super) fn touch(&mut self, position: PositionIndex) {
        if self.of(position).next().is_some() {
            self.unsettled.insert(position);
        }
    }

    /// The account that `holder` holds a position for, and the gauges on the way to it.
    pub(super) fn behind(&self, position: PositionIndex, holder: Address) -> (Address, Vec<Address>) {
        let (mut account, mut passed) = (holder, Vec::new());
        let next = |account, passed: &[usize]| {
            let mut open = self.of(position);
            open.find(|(index, _)| self.gauges[*index].holder == account && !passed.contains(index))
        };
        while let Some((index, deposit)) = next(account, &passed) {
            account = deposit.depositor;
            passed.push(index);
        }
        (account, passed.into_iter().map(|index| self.gauges[index].address).collect())
    }

    /// Looks back at a block that ended: whatever is deposited in a gauge must be there.
    pub(super) fn settle(&mut self, held: &Positions) -> Result<(), Fault> {
        for position in std::mem::take(&mut self.unsettled) {
            let holder = held[position].holder;
            let (_, passed) = self.behind(position, holder);
            let gone = self.of(position).find(|(index, _)| !passed.contains(&self.gauges[*index].address));
            if let Some((index, deposit)) = gone {
                let gauge = self.gauges[index].address;
                return Err(Fault::StakedElsewhere { holding: deposit.holding, gauge, holder });
            }
        }
        Ok(())
    }

    fn at(&self, address: Address) -> Option<usize> {
        self.gauges.iter().position(|gauge| gauge.address == address)
    }

    fn of(&self, position: PositionIndex) -> impl Iterator<Item = (usize, &Deposit)> {
        let all = self.deposits.range((position, 0)..=(position, usize::MAX));
        all.map(|((_, index), deposit)| (*index, deposit))
    }
}
