//! What each account has earned, brought up to date at the cost of what changed since.
//!
//! From one full hour to the next most stakes stand still: nobody touched them, and the price was not in their range. What
//! such a stake comes to is kept; the others are counted again. Growth is asked once a range, and not of a range that the
//! price was not in. Of those that earn, a line of numbers is kept with their range ([`Member`]), so that an hour reads
//! neither the stakes nor more digits than decide.

use std::collections::{BTreeMap, HashMap};

use alloy_primitives::Address;
use itertools::{EitherOrBoth, Itertools};

use super::upper::{Member, PerLiquidity};
use super::{Growths, Holders, Owner, Stake};
use crate::accrue::board::{Board, Ends, OpenRange, Stillness};
use crate::accrue::figures::Earned;
use crate::accrue::growth::{self, Growth};
use crate::unit::{Amount, TickRange};

/// What each account has earned as of when it was last brought up to date; nothing at first.
///
/// It belongs to one accrual and what that grows into: one that is folded anew needs a new one.
#[derive(Debug, Clone, Default)]
pub struct Earnings {
    /// What each account has that is not counted stake by stake: by those it owns no longer, or all of it where all was counted
    /// whole. Ascending, each above nothing.
    past: Vec<(Address, Amount)>,
    /// Of each stake, which change of it was counted last. Apart from what is known, since all of these are looked at.
    changes: Vec<u32>,
    stakes: Vec<Known>,
    standing: Standing,
    ranges: Ranges,
}

/// What is known of a stake.
#[derive(Debug, Clone, Copy, Default)]
struct Known {
    /// Where it earns as its range grows, if it does: the range, and the place among its members.
    earns_in: Option<(usize, usize)>,
    account: usize,
    /// What it comes to while it earns nowhere.
    earned: Amount,
}

/// What each account has by the stakes that it owns now.
#[derive(Debug, Clone, Default)]
struct Standing {
    places: HashMap<Address, usize>,
    sums: Vec<(Address, Amount)>,
    /// The places of the sums, by their accounts, ascending.
    ascending: Vec<usize>,
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
    members: Vec<Member>,
    round: u64,
    has_grown: bool,
    growth: Growth,
    /// As of that round.
    ends: Option<Ends>,
    stillness: Option<Stillness>,
}

impl Earnings {
    /// Each account that has earned, with the sum of its figures, each of which was rounded down; ascending.
    pub fn by_account(&self) -> impl Iterator<Item = (Address, Amount)> + '_ {
        let past = self.past.iter().copied();
        let both = past.merge_join_by(self.standing.ascending(), |(past, _), (now, _)| past.cmp(now));
        let sums = both.map(|one| match one {
            EitherOrBoth::Both((account, past), (_, now)) => (account, plus(past, now)),
            EitherOrBoth::Left(sum) | EitherOrBoth::Right(sum) => sum,
        });
        sums.filter(|(_, earned)| *earned > Amount::ZERO)
    }

    /// All of it.
    pub(crate) fn total(&self) -> Amount {
        let parts = self.past.iter().chain(&self.standing.sums);
        parts.fold(Amount::ZERO, |sum, (_, earned)| plus(sum, *earned))
    }

    /// Takes what was counted whole.
    pub(crate) fn take(&mut self, rows: &[Earned]) {
        let mut sums: BTreeMap<Address, Amount> = BTreeMap::new();
        for row in rows.iter().filter(|row| row.earned > Amount::ZERO) {
            let sum = sums.entry(row.account).or_default();
            *sum = plus(*sum, row.earned);
        }
        *self = Self { past: sums.into_iter().collect(), ..Self::default() };
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
                self.count_members(place, &holders.stakes);
            }
        }
        self.past.clear();
        self.past.extend(holders.past.figures().iter().map(|(account, earned)| (*account, *earned)));
        self.standing.sort();
    }

    /// A stake that was touched: it may be another's by now, in another range, or earn no longer.
    fn take_up(&mut self, index: usize, holders: &Holders, global: &Growths) {
        let stake = &holders.stakes[index];
        let before = self.stakes[index];
        let mut counted = before.earned;
        if let Some((range, place)) = before.earns_in {
            let (left, moved) = self.ranges.leave(range, place);
            counted = left.earned;
            if let Some(moved) = moved {
                self.stakes[moved].earns_in = Some((range, place));
            }
        }
        self.standing.change(before.account, counted, Amount::ZERO);
        let account = self.standing.place(stake.owner);
        let mut known = Known { earns_in: None, account, earned: Amount::ZERO };
        let earned = if stake.weight.is_zero() {
            known.earned = growth::floor(stake.base);
            known.earned
        } else {
            let range = self.ranges.place(stake.range);
            self.ranges.count(range, &holders.board, global);
            let earned = stake.comes_to(&self.ranges.known[range].growth);
            let place = self.ranges.join(range, Member::new(index, stake, account, earned));
            known.earns_in = Some((range, place));
            earned
        };
        self.standing.change(account, Amount::ZERO, earned);
        self.stakes[index] = known;
    }

    /// What those who earn in a range come to now that it has grown so far.
    fn count_members(&mut self, place: usize, stakes: &[Stake]) {
        let KnownRange { members, growth, .. } = &mut self.ranges.known[place];
        let per_liquidity = PerLiquidity::of(*growth);
        for member in members {
            let earned =
                member.comes_to(per_liquidity).unwrap_or_else(|| stakes[member.stake].comes_to(growth));
            self.standing.change(member.account, std::mem::replace(&mut member.earned, earned), earned);
        }
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

    /// Brings those that came to be among the others.
    fn sort(&mut self) {
        if self.ascending.len() < self.sums.len() {
            self.ascending.extend(self.ascending.len()..self.sums.len());
            // Stable, since that merges what is sorted already with the rest.
            self.ascending.sort_by_key(|place| self.sums[*place].0);
        }
    }

    fn ascending(&self) -> impl Iterator<Item = (Address, Amount)> + '_ {
        self.ascending.iter().map(|place| self.sums[*place])
    }

    /// One of its stakes comes to another figure.
    fn change(&mut self, place: usize, before: Amount, after: Amount) {
        if before != after {
            let (_, sum) = &mut self.sums[place];
            let others = sum.checked_sub(before).expect("what is taken away was given before");
            *sum = plus(others, after);
        }
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
    fn join(&mut self, range: usize, member: Member) -> usize {
        let members = &mut self.known[range].members;
        members.push(member);
        members.len() - 1
    }

    /// One member less; answers it, and the stake that has its place now.
    fn leave(&mut self, range: usize, place: usize) -> (Member, Option<usize>) {
        let members = &mut self.known[range].members;
        let left = members.swap_remove(place);
        (left, members.get(place).map(|moved| moved.stake))
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
            let range = match known.ends {
                Some(ends) => board.known_range(known.range, ends),
                None => board.range(known.range),
            };
            let still = range.stillness();
            if still.is_some() && still == known.stillness {
                return false;
            }
            self.count_open(place, &range, global);
        }
        self.known[place].has_grown
    }

    /// Counts a range's growth, once a round.
    fn count(&mut self, place: usize, board: &Board, global: &Growths) {
        let known = &self.known[place];
        if known.round < self.round {
            self.count_open(place, &board.range(known.range), global);
        }
    }

    fn count_open(&mut self, place: usize, range: &OpenRange<'_>, global: &Growths) {
        let known = &mut self.known[place];
        let growth = range.growth(global);
        (known.ends, known.stillness) = (Some(range.ends()), range.stillness());
        (known.round, known.has_grown, known.growth) = (self.round, growth != known.growth, growth);
    }
}

fn plus(a: Amount, b: Amount) -> Amount {
    a.checked_add(b).expect("what is earned stays below the budget")
}
