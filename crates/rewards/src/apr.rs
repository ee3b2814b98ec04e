//! What a campaign pays a year on what it pays for, in per cent, for people to read.
//!
//! ```text
//! reward_percent = 100 * value(emission of a year) / value(what eligible positions hold)
//! emission of a year = budget * 31,536,000 / duration_seconds      365 days, simple, nothing compounded
//! value(units) = units * price_usd / 10^decimals
//! ```
//!
//! All is counted in integers of [`USD_PLACES`] decimals of a dollar. The yearly emission is rounded down to a unit,
//! each value down to 10^-18 USD, the answer down to 10^-6 per cent: a rate for people, never an input of a payment.

use alloy_primitives::{U256, U512};
use rust_decimal::Decimal;

use crate::campaign::{Campaign, Window};
use crate::ledger::concentrated::{ConcentratedLedger, Position, Price};
use crate::math::amounts::{Rounding, holdings};
use crate::unit::{Amount, Liquidity, UnixSeconds};

/// Seconds of the year that a rate is told for: 365 days.
pub const YEAR_SECONDS: u64 = 31_536_000;

/// Decimals of a dollar that a [`Usd`] keeps.
pub const USD_PLACES: u32 = 18;

/// Decimals of a per cent that a rate keeps.
const PERCENT_PLACES: u32 = 6;

/// More decimals than any token has; past it the arithmetic would not fit.
const DECIMALS_MAX: u8 = 60;

/// A sum of dollars, in units of 10^-18 USD.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Usd(U512);

/// A count of units with what one whole token is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Priced {
    /// How many smallest units.
    pub units: Amount,
    /// How many decimals a whole token has.
    pub decimals: u8,
    /// USD for one whole token.
    pub price_usd: Decimal,
}

/// Both tokens that some positions stand for, each position rounded down as the pool pays it out.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// token0, in its smallest units.
    pub token0: Amount,
    /// token1, in its smallest units.
    pub token1: Amount,
}

/// Why there is no rate to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AprUnknown {
    /// The campaign has not begun, or is over.
    NotRunning,
    /// No price, or no count of decimals, for the reward token or one of the pool's.
    NoPrice,
    /// No eligible position holds anything that has a value.
    NobodyEligible,
    /// The rate has more digits than the answer can hold.
    OutOfBounds,
}

impl AprUnknown {
    /// The name used in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotRunning => "campaign_not_running",
            Self::NoPrice => "no_price",
            Self::NobodyEligible => "nobody_eligible",
            Self::OutOfBounds => "out_of_bounds",
        }
    }
}

/// The yearly rate in per cent that `campaign` pays at `at`. `reward` is the reward token's decimals and the USD for
/// one whole token; `eligible` the value of what eligible positions hold; `None` for either when unknown.
///
/// # Errors
/// Which part is missing; the first that applies of not running, no price, nobody eligible, out of bounds.
pub fn reward_percent(
    campaign: &Campaign,
    reward: Option<(u8, Decimal)>,
    eligible: Option<Usd>,
    at: UnixSeconds,
) -> Result<Decimal, AprUnknown> {
    let Window { starts_at, ends_at } = campaign.window;
    if at < starts_at || ends_at <= at {
        return Err(AprUnknown::NotRunning);
    }
    let ((decimals, price_usd), eligible) = reward.zip(eligible).ok_or(AprUnknown::NoPrice)?;
    if eligible.0.is_zero() {
        return Err(AprUnknown::NobodyEligible);
    }
    let units = yearly_emission(campaign).ok_or(AprUnknown::OutOfBounds)?;
    let yearly = value(Priced { units, decimals, price_usd }).ok_or(AprUnknown::OutOfBounds)?;
    let scaled = yearly
        .0
        .checked_mul(U512::from(100) * power_of_ten(PERCENT_PLACES))
        .ok_or(AprUnknown::OutOfBounds)?;
    decimal(scaled / eligible.0, PERCENT_PLACES).ok_or(AprUnknown::OutOfBounds)
}

/// What the campaign would hand out in 365 days at its own pace, rounded down to a unit.
fn yearly_emission(campaign: &Campaign) -> Option<Amount> {
    campaign.budget.mul_div(U256::from(YEAR_SECONDS), U256::from(campaign.window.duration_seconds()))
}

/// What the eligible positions of a campaign hold: admitted, and in range unless the campaign pays out of range too.
pub fn eligible_holdings(ledger: &ConcentratedLedger, campaign: &Campaign) -> Held {
    held(ledger, |position, price| {
        campaign.admits(position.holder) && (campaign.out_of_range || position.range.contains(price.tick))
    })
}

/// What all positions of a pool hold, without fees owed to them.
pub fn all_holdings(ledger: &ConcentratedLedger) -> Held {
    held(ledger, |_, _| true)
}

fn held(ledger: &ConcentratedLedger, wanted: impl Fn(&Position, Price) -> bool) -> Held {
    let Some(price) = ledger.price() else { return Held::default() };
    let positions = ledger.positions().iter().filter(|position| position.liquidity > Liquidity(0));
    positions.filter(|position| wanted(position, price)).fold(Held::default(), |sum, position| {
        let one = position_holdings(position, price);
        Held { token0: plus(sum.token0, one.token0), token1: plus(sum.token1, one.token1) }
    })
}

/// What one position stands for at `price`, rounded down.
pub fn position_holdings(position: &Position, price: Price) -> Held {
    let Position { liquidity, range, .. } = position;
    let (token0, token1) = holdings(*liquidity, *range, price.tick, price.sqrt_price_x96, Rounding::Down)
        .expect(
            "the ledger refuses ranges that do not exist, and 128 bits of liquidity hold below 2^256 units",
        );
    Held { token0, token1 }
}

fn plus(sum: Amount, one: Amount) -> Amount {
    sum.checked_add(one).expect("a pool's balance fits 256 bits")
}

/// `units * price_usd / 10^decimals`, rounded down to 10^-18 USD; `None` for a price below zero or past the bounds.
pub fn value(priced: Priced) -> Option<Usd> {
    let Priced { units, decimals, price_usd } = priced;
    let mantissa = u128::try_from(price_usd.mantissa()).ok()?;
    if decimals > DECIMALS_MAX {
        return None;
    }
    let product: U512 = units.0.widening_mul(U256::from(mantissa));
    let scaled = product.checked_mul(power_of_ten(USD_PLACES))?;
    Some(Usd(scaled / power_of_ten(u32::from(decimals) + price_usd.scale())))
}

/// `10^places`, for up to 154 places.
fn power_of_ten(places: u32) -> U512 {
    U512::from(10).pow(U512::from(places))
}

impl Usd {
    /// The sum; `None` past 512 bits.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// The dollars with `places` decimals, rounded down; `None` when they need more than 96 bits.
    pub fn to_decimal(self, places: u32) -> Option<Decimal> {
        let places = places.min(USD_PLACES);
        decimal(self.0 / power_of_ten(USD_PLACES - places), places)
    }
}

fn decimal(scaled: U512, places: u32) -> Option<Decimal> {
    let mantissa: i128 = u128::try_from(scaled).ok()?.try_into().ok()?;
    Decimal::try_from_i128_with_scale(mantissa, places).ok()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use alloy_primitives::Address;

    use super::*;
    use crate::campaign::{Scoring, Weights};

    fn campaign(budget: &str, duration_seconds: u64) -> Campaign {
        Campaign {
            id: "c".parse().unwrap(),
            pool: "p".parse().unwrap(),
            merkl_campaign_id: None,
            reward_token: Address::ZERO,
            budget: budget.parse().unwrap(),
            fee_ppm: 0,
            window: Window { starts_at: UnixSeconds(1000), ends_at: UnixSeconds(1000 + duration_seconds) },
            scoring: Scoring::PerBlock,
            run_seconds: None,
            weights: Weights { fees: 1, token0: 0, token1: 0 },
            out_of_range: false,
            blacklist: BTreeSet::new(),
            whitelist: BTreeSet::new(),
        }
    }

    fn usd(units: &str, decimals: u8, price: &str) -> Option<Usd> {
        value(Priced { units: units.parse().unwrap(), decimals, price_usd: price.parse().unwrap() })
    }

    #[test]
    fn values_round_down() {
        let cases = [
            ("a whole token", "1000000", 6, "1.5", "1.500000"),
            ("a large balance", "14920000000000000000000000", 18, "0.0001234567", "1841.973964"),
            ("two thirds of the last place", "2", 0, "0.0000003", "0.000000"),
            ("free", "1000000", 6, "0", "0.000000"),
        ];
        for (name, units, decimals, price, expected) in cases {
            let told = usd(units, decimals, price).and_then(|usd| usd.to_decimal(6)).unwrap();
            assert_eq!(told.to_string(), expected, "{name}");
        }
        assert_eq!(usd("1", 61, "1"), None, "no token has 61 decimals");
        assert_eq!(usd("1", 18, "-1"), None, "no price is below zero");
    }

    #[test]
    fn a_year_of_emission_over_what_is_held() {
        let year = campaign("100000000", YEAR_SECONDS);
        let half = campaign("100000000", YEAR_SECONDS / 2);
        let huge = campaign("340282366920938463463374607431768211455", 1);
        let reward = |price: &str| Some((6, price.parse().unwrap()));
        let held = |dollars: &str| usd(dollars, 0, "1");
        let now = 1000;
        let cases = [
            ("100 USD a year on 1000", &year, reward("1"), held("1000"), now, Ok("10.000000")),
            ("twice the pace", &half, reward("1"), held("1000"), now, Ok("20.000000")),
            ("thirds round down", &year, reward("1"), held("3"), now, Ok("3333.333333")),
            ("a free reward", &year, reward("0"), held("3"), now, Ok("0.000000")),
            ("not begun", &year, reward("1"), held("3"), now - 1, Err(AprUnknown::NotRunning)),
            ("over", &year, reward("1"), held("3"), now + YEAR_SECONDS, Err(AprUnknown::NotRunning)),
            ("no reward price", &year, None, held("3"), now, Err(AprUnknown::NoPrice)),
            ("no pool price", &year, reward("1"), None, now, Err(AprUnknown::NoPrice)),
            ("nobody", &year, reward("1"), held("0"), now, Err(AprUnknown::NobodyEligible)),
            ("too much", &huge, reward("1"), held("1"), now, Err(AprUnknown::OutOfBounds)),
        ];
        for (name, campaign, reward, eligible, at, expected) in cases {
            let told = reward_percent(campaign, reward, eligible, UnixSeconds(at));
            assert_eq!(told.map(|percent| percent.to_string()), expected.map(str::to_owned), "{name}");
        }
    }
}
