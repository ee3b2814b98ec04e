//! What was announced of a campaign, and what its own figures come to when they are held against each other.
//!
//! Announced figures are somebody's words: nothing is paid by them. A rate that was announced need not follow from the
//! budget and the TVL that were announced with it, and the budgets of several campaigns need not add up to the total
//! that was; the differences are computed here, so that a report can say them.

use alloy_primitives::{Address, U256};
use rust_decimal::{Decimal, RoundingStrategy};

use crate::campaign::Window;
use crate::unit::Amount;

const YEAR_SECONDS: u64 = 365 * 86_400;
const PERCENT_PLACES: u32 = 2;
const PRICE_SIGNIFICANT: u32 = 3;

/// What was announced of one campaign.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Announced {
    /// What it was to hand out.
    pub budget: Option<Amount>,
    /// What that was said to be worth.
    pub budget_usd: Option<Decimal>,
    /// The yearly rate at its start, in per cent.
    pub apr_percent: Option<Decimal>,
    /// What the pool held then.
    pub tvl_usd: Option<Decimal>,
    /// The price of one whole reward token, where it was told.
    pub price_usd: Option<Decimal>,
    /// Where it was said.
    pub source: Option<String>,
}

/// What was announced of several campaigns together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announcement {
    /// The token that they pay.
    pub reward_token: Address,
    /// The total that was named.
    pub total: Option<Amount>,
    /// What Merkl keeps of each deposit, in millionths of the deposit.
    pub fee_of_deposit_ppm: u32,
    /// Where it was said.
    pub source: Option<String>,
    /// Campaigns that were announced and cannot be followed: too little is known of their pools.
    pub others: Vec<Other>,
}

/// A campaign that was announced and cannot be followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Other {
    /// How people call it.
    pub name: String,
    /// When it was to pay.
    pub window: Window,
    /// What was announced of it.
    pub announced: Announced,
}

/// What the announced budgets come to together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Together {
    /// Their sum.
    pub sum: Amount,
    /// What has to be deposited so that this is left after the fee, rounded down.
    pub deposit: Amount,
}

impl Announced {
    /// The yearly rate that the announced budget over the announced TVL is, over `window`, in per cent with two decimals.
    pub fn implied_apr_percent(&self, window: Window) -> Option<Decimal> {
        let (budget, tvl) = (self.budget_usd?, self.tvl_usd.filter(|tvl| !tvl.is_zero())?);
        let seconds = Decimal::from(window.duration_seconds());
        let yearly = budget.checked_mul(Decimal::from(YEAR_SECONDS))?.checked_mul(Decimal::ONE_HUNDRED)?;
        let percent = yearly.checked_div(tvl.checked_mul(seconds)?)?;
        Some(percent.round_dp_with_strategy(PERCENT_PLACES, RoundingStrategy::MidpointAwayFromZero))
    }

    /// The price of a whole token that the announced budget and its worth make, with three digits.
    pub fn implied_price_usd(&self, decimals: u8) -> Option<Decimal> {
        let budget = self.budget.filter(|budget| *budget > Amount::ZERO)?;
        let units = i128::try_from(budget.0).ok()?;
        let whole = Decimal::try_from_i128_with_scale(units, u32::from(decimals)).ok()?;
        let price = self.budget_usd?.checked_div(whole)?;
        price.round_sf_with_strategy(PRICE_SIGNIFICANT, RoundingStrategy::MidpointAwayFromZero)
    }
}

/// What these budgets come to together, and what has to be deposited for them; `None` without any, and past 256 bits.
pub fn together(budgets: impl IntoIterator<Item = Amount>, fee_of_deposit_ppm: u32) -> Option<Together> {
    let mut budgets = budgets.into_iter().peekable();
    budgets.peek()?;
    let sum = budgets.try_fold(Amount::ZERO, |sum, budget| sum.checked_add(budget))?;
    let left = 1_000_000_u32.checked_sub(fee_of_deposit_ppm)?;
    let deposit = sum.mul_div(U256::from(1_000_000_u32), U256::from(left))?;
    Some(Together { sum, deposit })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unit::UnixSeconds;

    /// 5 to 19 June 2025, 17:00 UTC.
    const WINDOW: Window =
        Window { starts_at: UnixSeconds(1_749_142_800), ends_at: UnixSeconds(1_750_352_400) };

    fn tokens(whole: u64) -> Amount {
        Amount(U256::from(whole) * U256::from(10).pow(U256::from(18)))
    }

    /// The three pools: budget, its worth, TVL, and what these come to.
    const JUNE: [(u64, u64, u64, &str, &str); 3] = [
        (16_790_000, 11_000, 86_400, "331.93", "0.000655"),
        (14_920_000, 9_800, 19_900, "1283.92", "0.000657"),
        (5_600_000, 3_700, 9_500, "1015.41", "0.000661"),
    ];

    #[test]
    fn the_announced_rates_do_not_follow_from_the_announced_budgets() {
        for (budget, usd, tvl, percent, price) in JUNE {
            let announced = Announced {
                budget: Some(tokens(budget)),
                budget_usd: Some(usd.into()),
                tvl_usd: Some(tvl.into()),
                ..Announced::default()
            };
            assert_eq!(announced.implied_apr_percent(WINDOW), Some(percent.parse().unwrap()));
            assert_eq!(announced.implied_price_usd(18), Some(price.parse().unwrap()));
        }
        assert_eq!(Announced::default().implied_apr_percent(WINDOW), None);
        let empty = Announced { budget_usd: Some(1.into()), tvl_usd: Some(0.into()), ..Announced::default() };
        assert_eq!(empty.implied_apr_percent(WINDOW), None);
    }

    #[test]
    fn the_budgets_are_the_total_less_the_fee() {
        let together = together(JUNE.map(|(budget, ..)| tokens(budget)), 30_000).unwrap();
        assert_eq!(together.sum, tokens(37_310_000));
        let million = tokens(1_000_000).0;
        assert_eq!(together.deposit.0 / million, U256::from(38));
        assert_eq!(together.deposit.0 * U256::from(100) / million, U256::from(3_846), "38.46 million");
        assert_eq!(super::together([], 30_000), None);
        assert_eq!(super::together([tokens(1)], 1_000_000), None, "nothing would be left");
    }
}
