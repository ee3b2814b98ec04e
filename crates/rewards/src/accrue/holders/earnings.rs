//! What each account has earned, brought up to date at the cost of what changed since.
//!
//! From one full hour to the next most stakes stand still: nobody touched them, and the price was not in their range. What
//! such a stake comes to is kept; the others are counted again. Growth is asked once a range.

use std::collections::{BTreeMap, HashMap};

use alloy_primitives::Address;

use super::{Growths, Holders, Owner, Stake};
use crate::accrue::figures::Earned;
use crate::accrue::growth::{self, Growth};
use crate::unit::{Amount, TickRange};

/// What each account has earned as of when it was last brought up to date; nothing at first.
///
/// It belongs to one accrual and what that grows into: one that is folded anew needs a new one.
#[derive(Debug, Clone, Default)]
pub struct Earnings {
    by_account: BTreeMap<Address, Amount>,
    stakes: Vec<Known>,
    standing: Standing,
    ranges: Ranges,
}

/// What a stake came to when it was last counted.
#[derive(Debug, Clone, Copy, Default)]
struct Known {
    changes: u32,
    /// Whether it earns when its range grows.
    earns: bool,
    range: usize,
    account: usize,
    earned: Amount,
}

/// What each account has by the stakes that it owns now.
#[derive(Debug, Clone, Default)]
struct Standing {
    places: HashMap<Address, usize>,
    sums: Vec<(Address, Amount)>,
}

/// Growth inside of ranges, each counted once a round.
#[derive(Debug, Clone, Default)]
struct Ranges {
    places: HashMap<TickRange, usize>,
    known: Vec<KnownRange>,
    round: u64,
}

#[derive(Debug, Clone, Default)]
struct KnownRange {
    round: u64,
    has_grown: bool,
    growth: Growth,
}

impl Earnings {
    /// Each account that has earned, with the sum of its figures, each of which was rounded down.
    pub fn by_account(&self) -> &BTreeMap<Address, Amount> {
        &self.by_account
    }

    /// All of it.
    pub(crate) fn total(&self) -> Amount {
        self.by_account.values().fold(Amount::ZERO, |sum, earned| plus(sum, *earned))
    }

    /// Takes what was counted whole.
    pub(crate) fn take(&mut self, rows: &[Earned]) {
        *self = Self {
            by_account: by_account(rows.iter().map(|row| (row.account, row.earned))),
            ..Self::default()
        };
    }

    /// What `holders` have earned once so much has grown in all.
    pub(in crate::accrue) fn bring_up_to_date(&mut self, holders: &Holders, global: &Growths) {
        assert!(holders.vaults.is_empty(), "what is behind vaults is counted whole");
        self.ranges.round += 1;
        self.stakes.resize(holders.stakes.len(), Known::default());
        for (stake, known) in holders.stakes.iter().zip(&mut self.stakes) {
            let inside = || holders.board.growth_inside_by(stake.range, global);
            let is_untouched = known.changes == stake.changes;
            if is_untouched && !(known.earns && self.ranges.has_grown(known.range, inside)) {
                continue;
            }
            let earns = !stake.weight.is_zero();
            let range = if is_untouched { known.range } else { self.ranges.place(stake.range) };
            let growth = earns.then(|| self.ranges.growth(range, inside));
            let earned = stake.comes_to(growth);
            let account = if is_untouched { known.account } else { self.standing.place(stake.owner) };
            let now = Known { changes: stake.changes, earns, range, account, earned };
            let before = std::mem::replace(known, now);
            self.standing.take(before.account, before.earned);
            self.standing.give(account, earned);
        }
        let past = holders.past.figures().iter().map(|(account, earned)| (*account, *earned));
        self.by_account = by_account(past.chain(self.standing.sums.iter().copied()));
    }
}

impl Stake {
    /// What it comes to, now that so much has grown inside its range, or nothing more for it.
    fn comes_to(&self, growth: Option<&Growth>) -> Amount {
        let since = growth.map(|growth| self.since(growth)).unwrap_or_default();
        growth::floor(self.earned.wrapping_add(since))
    }
}

impl Standing {
    fn place(&mut self, owner: Owner) -> usize {
        let Owner::Account(account) = owner else { unreachable!("without vaults, accounts own all stakes") };
        let next = self.sums.len();
        let place = *self.places.entry(account).or_insert(next);
        if place == next {
            self.sums.push((account, Amount::ZERO));
        }
        place
    }

    fn take(&mut self, place: usize, earned: Amount) {
        if earned > Amount::ZERO {
            let (_, sum) = &mut self.sums[place];
            *sum = sum.checked_sub(earned).expect("what is taken away was given before");
        }
    }

    fn give(&mut self, place: usize, earned: Amount) {
        let (_, sum) = &mut self.sums[place];
        *sum = plus(*sum, earned);
    }
}

impl Ranges {
    fn place(&mut self, range: TickRange) -> usize {
        let next = self.known.len();
        let place = *self.places.entry(range).or_insert(next);
        if place == next {
            self.known.push(KnownRange::default());
        }
        place
    }

    fn growth(&mut self, place: usize, count: impl FnOnce() -> Growth) -> &Growth {
        &self.look(place, count).growth
    }

    fn has_grown(&mut self, place: usize, count: impl FnOnce() -> Growth) -> bool {
        self.look(place, count).has_grown
    }

    fn look(&mut self, place: usize, count: impl FnOnce() -> Growth) -> &KnownRange {
        let known = &mut self.known[place];
        if known.round < self.round {
            let growth = count();
            *known = KnownRange { round: self.round, has_grown: growth != known.growth, growth };
        }
        known
    }
}

fn by_account(parts: impl Iterator<Item = (Address, Amount)>) -> BTreeMap<Address, Amount> {
    let mut sums: BTreeMap<Address, Amount> = BTreeMap::new();
    for (account, earned) in parts.filter(|(_, earned)| *earned > Amount::ZERO) {
        let sum = sums.entry(account).or_default();
        *sum = plus(*sum, earned);
    }
    sums
}

fn plus(a: Amount, b: Amount) -> Amount {
    a.checked_add(b).expect("what is earned stays below the budget")
}
