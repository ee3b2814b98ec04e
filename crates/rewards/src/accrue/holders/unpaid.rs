//! What stakes have counted in a run that is not paid yet; only of those that changed in it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Earner, Holders, Stake};
use crate::accrue::growth::{Growth, Units, Wide, times};
use crate::accrue::tally::{Parts, Worth};
use crate::ownership::{Owner, StakeIndex};

/// Of a run, since it began. What has not changed is not here: it is paid by the growth of its range.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Unpaid {
    /// What was counted inside a stake's range when it was last looked at.
    seen: BTreeMap<StakeIndex, Parts<Growth>>,
    /// What was counted for each earner up to then.
    counted: BTreeMap<Earner, Parts<Wide>>,
}

impl Unpaid {
    /// A stake that has a weight has had so much inside its range.
    pub(super) fn settle(&mut self, index: StakeIndex, stake: &Stake, now: Parts<Growth>) {
        let Owner::Account(account) = stake.owner else { unreachable!("what is behind vaults is walked") };
        let before = self.seen.insert(index, now);
        let since = now.since(&before.unwrap_or_default(), stake.weight);
        if since != Parts::default() {
            let counted = self.counted.entry(Earner { stake: index, through: None, account }).or_default();
            *counted = counted.plus(&since);
        }
    }

    /// A stake begins to count.
    pub(super) fn see(&mut self, index: StakeIndex, now: Parts<Growth>) {
        self.seen.insert(index, now);
    }
}

impl Holders {
    /// Pays what the run has counted, and begins the next.
    pub(in crate::accrue) fn pay_run(&mut self, worth: &Worth) {
        let changed = self.changed_in_run();
        changed.iter().for_each(|index| self.settle_stake(*index));
        let inside = |holders: &Self, index: &StakeIndex| {
            holders.board.growth_inside(holders.stakes[index.as_usize()].range)
        };
        let growths: Vec<Growth> = changed.iter().map(|index| inside(self, index)).collect();
        self.board.pay_run(worth);
        let Some(unpaid) = self.unpaid.replace(Unpaid::default()) else { return };
        for (earner, counted) in unpaid.counted {
            self.give(earner, worth.units(&counted));
        }
        // These were paid by what they counted: what their ranges grew by is not theirs.
        for (index, before) in changed.iter().zip(growths) {
            let grown = inside(self, index).wrapping_sub(before);
            let stake = &mut self.stakes[index.as_usize()];
            self.changes[index.as_usize()] += 1;
            stake.base = stake.base.wrapping_sub(times(grown.as_limbs(), stake.weight.as_limbs()));
        }
    }

    /// Begins the next run without paying this one.
    pub(in crate::accrue) fn drop_run(&mut self) {
        self.board.drop_run();
        self.unpaid = Some(Unpaid::default());
    }

    /// The stakes that have a weight and were looked at in this run.
    fn changed_in_run(&self) -> Vec<StakeIndex> {
        let seen = self.unpaid.iter().flat_map(|unpaid| unpaid.seen.keys().copied());
        seen.filter(|index| !self.stakes[index.as_usize()].weight.is_zero()).collect()
    }

    fn give(&mut self, earner: Earner, units: Units) {
        if units.is_zero() {
            return;
        }
        let stake = &mut self.stakes[earner.stake.as_usize()];
        if stake.owner == Owner::Account(earner.account) {
            self.changes[earner.stake.as_usize()] += 1;
            stake.base = stake.base.wrapping_add(units);
        } else {
            self.past.add(earner, units);
        }
    }
}
