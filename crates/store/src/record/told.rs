//! What was told last of each account of a campaign, so that only what changed becomes a row.

use accrual_rewards::series::AccountHour;

/// Ascending by account. Each hour tells accounts in the same order, so that it walks along and looks for none.
#[derive(Debug, Clone, Default)]
pub(super) struct Told {
    last: Vec<AccountHour>,
    /// How far the hour that is being told has come.
    place: usize,
    /// Those that were not there before this hour.
    new: Vec<AccountHour>,
}

impl Told {
    /// What the hour says of the next account; whether that is anything new.
    pub(super) fn note(&mut self, hour: AccountHour) -> bool {
        let passed = self.last[self.place..].iter().take_while(|last| last.account < hour.account);
        self.place += passed.count();
        match self.last.get_mut(self.place).filter(|last| last.account == hour.account) {
            Some(last) => std::mem::replace(last, hour) != hour,
            None => {
                self.new.push(hour);
                true
            }
        }
    }

    /// The next account is the first of another hour.
    pub(super) fn begin_anew(&mut self) {
        self.place = 0;
        if !self.new.is_empty() {
            self.last.append(&mut self.new);
            // Stable, since that merges what is sorted already with the rest.
            self.last.sort_by_key(|last| last.account);
        }
    }
}

#[cfg(test)]
mod tests {
    use accrual_rewards::unit::Amount;
    use alloy_primitives::{Address, U256};

    use super::*;

    fn hour(account: u8, earned: u64, has_stake: bool) -> AccountHour {
        AccountHour { account: Address::repeat_byte(account), earned: Amount(U256::from(earned)), has_stake }
    }

    #[test]
    fn what_changed_is_new_and_nothing_else() {
        let mut told = Told::default();
        let hours: [(&[AccountHour], &[bool]); 5] = [
            (&[hour(2, 5, true), hour(4, 0, true)], &[true, true]),
            (&[hour(2, 5, true), hour(4, 1, true)], &[false, true]),
            (&[hour(1, 1, true), hour(2, 5, false), hour(3, 0, true), hour(5, 7, true)], &[true; 4]),
            // The fourth is told again as it was before it was away.
            (
                &[hour(1, 1, true), hour(3, 0, true), hour(4, 1, true), hour(5, 8, true)],
                &[false, false, false, true],
            ),
            (&[], &[]),
        ];
        for (accounts, expected) in hours {
            let new: Vec<bool> = accounts.iter().map(|account| told.note(*account)).collect();
            assert_eq!(new, expected, "{accounts:?}");
            told.begin_anew();
        }
    }
}
