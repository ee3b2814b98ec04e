//! What each account has earned, brought up to date at the cost of what changed since.
//!
//! From one full hour to the next most stakes stand still: nobody touched them, and the price was not in their range. What
//! such a stake comes to is kept; the others are counted again. Growth is asked once a range, and not of a range that the
//! price was not in.

use std::collections::{BTreeMap, HashMap};

use alloy_primitives::Address;

use super::{Growths, Holders, Owner, Stake};
use crate::accrue::board::{Board, Stillness};
use crate::accrue::figures::Earned;
use crate::accrue::growth::{self, Growth};
use crate::unit::{Amount, TickRange};

/// What each account has earned as of when it was last brought up to date; nothing at first.
///
/// It belongs to one accrual and what that grows into: one that is folded anew needs a new one.
#[derive(Debug, Clone, Default)]
pub struct Earnings {
    by_account: BTreeMap<Address, Amount>,
    /// Of each stake, which change of it was counted last. Apart from what is known, since all of these are looked at.
    changes: Vec<u32>,
    stakes: Vec<Known>,
    standing: Standing,
    ranges: Ranges,
}

/// What a stake came to when it was last counted.
#[derive(Debug, Clone, Copy, Default)]
struct Known {
    /// Where it earns as its range grows, if it does: the range, and the place among its members.
    earns_in: Option<(usize, usize)>,
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
    range: TickRange,
    /// The stakes that earn in it.
    members: Vec<usize>,
    round: u64,
    has_grown: bool,
    growth: Growth,
    stillness: Option<Stillness>,
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
        self.changes.resize(holders.stakes.len(), 0);
        self.stakes.resize(holders.stakes.len(), Known::default());
        for (index, changes) in holders.changes.iter().enumerate() {
            if self.changes[index] != *changes {
                self.changes[index] = *changes;
                self.take_up(index, holders, global);
            }
        }
        for place in 0..self.ranges.known.len() {
            if self.ranges.has_grown(place, &holders.board, global) {
                for member in 0..self.ranges.known[place].members.len() {
                    let index = self.ranges.known[place].members[member];
                    self.count(index, &holders.stakes[index], Some(place));
                }
            }
        }
        let past = holders.past.figures().iter().map(|(account, earned)| (*account, *earned));
        self.by_account = by_account(past.chain(self.standing.sums.iter().copied()));
    }

    /// A stake that was touched: it may be another's by now, in another range, or earn no longer.
    fn take_up(&mut self, index: usize, holders: &Holders, global: &Growths) {
        let stake = &holders.stakes[index];
        let before = self.stakes[index];
        if let Some((range, place)) = before.earns_in
            && let Some(moved) = self.ranges.leave(range, place)
        {
            self.stakes[moved].earns_in = Some((range, place));
        }
        let range = (!stake.weight.is_zero()).then(|| {
            let range = self.ranges.place(stake.range);
            self.ranges.count(range, &holders.board, global);
            range
        });
        self.stakes[index].earns_in = range.map(|range| (range, self.ranges.join(range, index)));
        let account = self.standing.place(stake.owner);
        self.standing.take(before.account, before.earned);
        (self.stakes[index].account, self.stakes[index].earned) = (account, Amount::ZERO);
        self.count(index, stake, range);
    }

    /// What a stake comes to now that its range has grown so far.
    fn count(&mut self, index: usize, stake: &Stake, range: Option<usize>) {
        let known = &mut self.stakes[index];
        let earned = stake.comes_to(range.map(|range| &self.ranges.known[range].growth));
        self.standing.take(known.account, std::mem::replace(&mut known.earned, earned));
        self.standing.give(known.account, earned);
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
            self.known.push(KnownRange { range, ..KnownRange::default() });
        }
        place
    }

    /// One more member; answers its place among them.
    fn join(&mut self, range: usize, stake: usize) -> usize {
        let members = &mut self.known[range].members;
        members.push(stake);
        members.len() - 1
    }

    /// One member less; answers the one that has its place now.
    fn leave(&mut self, range: usize, place: usize) -> Option<usize> {
        let members = &mut self.known[range].members;
        members.swap_remove(place);
        members.get(place).copied()
    }

    /// Whether a range with members has grown since the round before. Where the price stood aside all the time, nothing is
    /// counted for that.
    fn has_grown(&mut self, place: usize, board: &Board, global: &Growths) -> bool {
        let known = &self.known[place];
        if known.members.is_empty() {
            return false;
        }
        if known.round < self.round {
            // A member that is untouched has kept both ends of the range open since the round before.
            let still = board.stillness(known.range);
            if still.is_some() && still == known.stillness {
                return false;
            }
            self.count(place, board, global);
        }
        self.known[place].has_grown
    }

    /// Counts a range's growth, once a round.
    fn count(&mut self, place: usize, board: &Board, global: &Growths) {
        let known = &mut self.known[place];
        if known.round < self.round {
            let growth = board.growth_inside_by(known.range, global);
            known.stillness = board.stillness(known.range);
            (known.round, known.has_grown, known.growth) = (self.round, growth != known.growth, growth);
        }
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
