//! What stakes have counted in a run that is not paid yet; only of those that changed in it.
//!
//! A stake of weight `w` whose range has counted `C` so far, part by part, has `sum over its weights of w (C then - C before)`
//! for its owner, which is `w C - begun` where each change of its weight by `d` adds `d C` to `begun`. So a stake is looked at
//! when it changes and when the run is paid: growth then pays `w C` like anybody's, and `begun` is taken off.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Earner, Holders};
use crate::accrue::growth::{Count, Units};
use crate::accrue::tally::{Parts, Worth};
use crate::ownership::{Owner, StakeIndex};

/// Of a run, since it began. What has not changed is not here: it is paid by the growth of its range.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Unpaid {
    /// Of what the range of a stake has counted for its weight, what is not its owner's. Wraps.
    begun: BTreeMap<StakeIndex, Box<Parts<Count>>>,
    /// What was counted for those who own a stake no longer.
    left: BTreeMap<Earner, Box<Parts<Count>>>,
}

impl Unpaid {
    /// A stake's weight changed by so much of what its range has counted.
    pub(super) fn weigh(&mut self, index: StakeIndex, by: &Parts<Count>) {
        let begun = self.begun.entry(index).or_default();
        **begun = begun.plus(by);
    }

    /// A stake is its owner's no longer; with a weight, its range has counted so much for it.
    pub(super) fn hand_over(&mut self, owner: Earner, counted: Option<Parts<Count>>) {
        let begun = self.begun.remove(&owner.stake).unwrap_or_default();
        let has_left = counted.unwrap_or_default().less(&begun);
        if has_left != Parts::default() {
            let left = self.left.entry(owner).or_default();
            **left = left.plus(&has_left);
        }
        if let Some(counted) = counted {
            self.begun.insert(owner.stake, Box::new(counted));
        }
    }
}

impl Holders {
    /// Pays what the run has counted, and begins the next.
    pub(in crate::accrue) fn pay_run(&mut self, worth: &Worth) {
        self.board.pay_run(worth);
        let Some(unpaid) = self.unpaid.replace(Unpaid::default()) else { return };
        for (index, begun) in unpaid.begun {
            let stake = &mut self.stakes[index.as_usize()];
            self.changes[index.as_usize()] += 1;
            stake.base = stake.base.wrapping_add(worth.units(&Parts::default().less(&begun)));
        }
        for (earner, counted) in unpaid.left {
            self.give(earner, worth.units(&counted));
        }
    }

    /// Begins the next run without paying this one.
    pub(in crate::accrue) fn drop_run(&mut self) {
        self.board.drop_run();
        self.unpaid = Some(Unpaid::default());
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
