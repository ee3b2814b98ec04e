//! A campaign's figures at a block, in the orders that lists need.

use std::cmp::Reverse;
use std::sync::OnceLock;

use accrual_rewards::accrue::{Earned, Figures};
use accrual_rewards::report::{AccountEarned, share_ppm};
use accrual_rewards::unit::Amount;
use alloy_primitives::Address;

use crate::view::by_position;

/// A campaign's figures at a block, counted once. What lists are made of is kept as places in the figures' rows, since a list
/// shows a page of it and there may be a hundred thousand accounts.
#[derive(Debug)]
pub struct Report {
    /// The figures.
    pub figures: Figures,
    /// The places of the rows, account by account.
    order: Vec<u32>,
    /// The accounts, in order: alone, since they are looked for among a hundred thousand.
    addresses: Vec<Address>,
    /// What each of them has.
    accounts: Vec<Account>,
    /// The places of the accounts, those that earned most first; equal ones by address.
    largest: Vec<u32>,
    positions: OnceLock<Vec<Earned>>,
}

/// What one account earned, and where in the order of rows its own are.
#[derive(Debug)]
struct Account {
    earned: Amount,
    first: usize,
    end: usize,
}

impl Report {
    /// Puts figures in order. From one block to the next hardly anything changes its place, and what is in order already costs
    /// a step each to sort: so it begins with the order that `before` had.
    pub(super) fn new(figures: Figures, before: Option<&Self>) -> Self {
        let rows = &figures.rows;
        let mut order = places(rows.len(), before.map(|before| &before.order[..]));
        // As `by_account` has them.
        order.sort_by_key(|place| {
            let row = &rows[at(*place)];
            (row.account, Reverse(row.earned), row.stake, *place)
        });
        let mut addresses = Vec::with_capacity(order.len());
        let mut accounts: Vec<Account> = Vec::with_capacity(order.len());
        for (index, place) in order.iter().enumerate() {
            let row = &rows[at(*place)];
            match accounts.last_mut().filter(|_| addresses.last() == Some(&row.account)) {
                Some(last) => {
                    let sum = last.earned.checked_add(row.earned);
                    last.earned = sum.expect("an account earns no more than the budget");
                    last.end = index + 1;
                }
                None => {
                    addresses.push(row.account);
                    accounts.push(Account { earned: row.earned, first: index, end: index + 1 });
                }
            }
        }
        let mut largest = places(accounts.len(), before.map(|before| &before.largest[..]));
        largest.sort_by_key(|place| (Reverse(accounts[at(*place)].earned), *place));
        Self { figures, order, addresses, accounts, largest, positions: OnceLock::new() }
    }

    /// How many accounts earned.
    pub fn accounts_count(&self) -> usize {
        self.accounts.len()
    }

    /// The accounts, those that earned most first.
    pub fn largest(&self) -> impl ExactSizeIterator<Item = AccountEarned> {
        self.largest.iter().map(|place| self.whole(at(*place)))
    }

    /// What each account earned, by address.
    pub fn sums(&self) -> impl Iterator<Item = (Address, Amount)> {
        self.addresses.iter().copied().zip(self.accounts.iter().map(|one| one.earned))
    }

    /// What an account earned; `None` for one that earned nothing.
    pub fn of(&self, account: Address) -> Option<AccountEarned> {
        Some(self.whole(self.addresses.binary_search(&account).ok()?))
    }

    /// Whether an account earned anything.
    pub fn has(&self, account: Address) -> bool {
        self.addresses.binary_search(&account).is_ok()
    }

    /// By position, largest first.
    pub fn positions(&self) -> &[Earned] {
        self.positions.get_or_init(|| by_position(&self.figures))
    }

    fn whole(&self, place: usize) -> AccountEarned {
        let (account, one) = (self.addresses[place], &self.accounts[place]);
        let positions = self.order[one.first..one.end].iter().map(|place| self.figures.rows[at(*place)]);
        AccountEarned {
            account,
            earned: one.earned,
            share_ppm: share_ppm(one.earned, self.figures.earned),
            positions: positions.collect(),
        }
    }
}

/// So many places, each once: in the order of `before` as far as it goes, which has each of its own once.
fn places(count: usize, before: Option<&[u32]>) -> Vec<u32> {
    let count = u32::try_from(count).expect("stakes are counted in 32 bits, and so are rows");
    let before = before.unwrap_or_default();
    let known = u32::try_from(before.len()).expect("it was made here too");
    before.iter().copied().filter(|place| *place < count).chain(known..count).collect()
}

fn at(place: u32) -> usize {
    usize::try_from(place).expect("accrual runs where a usize has 32 bits or more")
}

#[cfg(test)]
mod tests {
    use accrual_rewards::accrue::Undistributed;
    use accrual_rewards::ownership::{StakeIndex, VaultIndex};
    use accrual_rewards::report::by_account;
    use accrual_rewards::unit::UnixSeconds;
    use alloy_primitives::U256;

    use super::*;

    /// Rows of few accounts and amounts, so that many are equal.
    fn figures(seed: u64) -> Figures {
        let mut state = seed;
        let mut next = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        let mut rows: Vec<Earned> = (0..next(60))
            .map(|_| Earned {
                stake: StakeIndex(u32::try_from(next(20)).unwrap()),
                account: Address::with_last_byte(u8::try_from(next(9)).unwrap()),
                through: (next(3) == 0).then(|| VaultIndex(u16::try_from(next(2)).unwrap())),
                earned: Amount(U256::from(1 + next(4))),
            })
            .collect();
        rows.sort_by_key(|row| (row.stake, row.through, row.account));
        let earned = rows.iter().fold(Amount::ZERO, |sum, row| sum.checked_add(row.earned).unwrap());
        let (total, nobody_eligible, waiting, rounding) = Default::default();
        let undistributed = Undistributed { total, nobody_eligible, waiting, rounding };
        Figures { at: UnixSeconds(1), budget: earned, emitted: earned, earned, undistributed, rows }
    }

    #[test]
    fn it_says_what_the_report_of_the_command_says() {
        for seed in 0..300 {
            let figures = figures(seed);
            // Whatever came before, as it is or made from another.
            let earlier = Report::new(self::figures(seed + 1), None);
            let before = [None, Some(&earlier)][usize::from(seed % 3 > 0)];
            let (accounts, report) = (by_account(&figures), Report::new(figures.clone(), before));
            assert_eq!(report.largest().collect::<Vec<_>>(), accounts, "seed {seed}");
            assert_eq!(report.accounts_count(), accounts.len());
            for account in (0..9).map(Address::with_last_byte) {
                let one = accounts.iter().find(|one| one.account == account);
                assert_eq!(report.of(account).as_ref(), one, "seed {seed}");
                assert_eq!(report.has(account), one.is_some());
            }
            let mut sums: Vec<_> = accounts.iter().map(|one| (one.account, one.earned)).collect();
            sums.sort_unstable();
            assert_eq!(report.sums().collect::<Vec<_>>(), sums, "seed {seed}");
            assert_eq!(report.positions(), by_position(&figures));
            let alone = Report::new(figures, None);
            assert_eq!((&report.order, &report.largest), (&alone.order, &alone.largest), "seed {seed}");
        }
    }
}
