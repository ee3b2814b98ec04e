//! What positions hold, what it is worth, and what it earns a year in per cent: for people to read.
//!
//! A rate has two parts, what a campaign pays ([`reward_percent`]) and what trades pay ([`fees::fee_percent`]).
//!
//! ```text
//! reward_percent = 100 * value(emission of a year) / value(what eligible positions hold)
//! emission of a year = budget * 31,536,000 / duration_seconds      365 days, simple, nothing compounded
//! value(units) = units * price_usd / 10^decimals
//! fee_percent = 100 * fees of a window in USD * 31,536,000 / window_seconds / mean TVL of the window
//! ```
//!
//! All is counted in integers of [`USD_PLACES`] decimals of a dollar. The yearly emission is rounded down to a unit,
//! each value down to 10^-18 USD, the answer down to 10^-6 per cent: a rate for people, never an input of a payment.

mod counted;
mod fees;
mod holdings;
mod tvl;

pub use counted::Counted;
pub use fees::fee_percent;
pub use holdings::Holdings;
pub use tvl::{TokenPrice, Tvl, TvlMethod, tvl, worth};

use alloy_primitives::{U256, U512};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::accrue::CampaignAccrual;
use crate::campaign::{Campaign, Window};
use crate::ledger::Ledger;
use crate::ledger::concentrated::Position;
use crate::math::amounts::{Rounding, holdings};
use crate::math::power_of_ten;
use crate::tracker::PoolTracker;
use crate::unit::{Amount, Liquidity, TickRange, UnixSeconds};

/// Seconds of the year that a rate is told for: 365 days.
pub const YEAR_SECONDS: u64 = 31_536_000;

/// Decimals of a dollar that a [`Usd`] keeps.
pub const USD_PLACES: u32 = 18;

/// So long after its start a campaign's rate is our own estimate.
const ESTIMATE_SECONDS: u64 = 86_400;

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

/// The tokens that some positions stand for, in the pool's order and in smallest units, each position rounded down as
/// the pool pays it out. Tokens that are not in the list are not held.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Held(pub Vec<Amount>);

/// Why there is no rate to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AprUnknown {
    /// The campaign has not begun, or is over.
    NotRunning,
    /// No price, or no count of decimals, for the reward token or one of the pool's.
    NoPrice,
    /// No eligible position holds anything that has a value.
    NobodyEligible,
    /// The pool holds nothing that has a value.
    NothingHeld,
    /// The stored hours do not reach back so far, or one of them is missing.
    WindowNotCovered,
    /// A fee in the window could not be known from its log.
    FeesUnknown,
    /// The rate has more digits than the answer can hold.
    OutOfBounds,
}

/// A yearly rate in its parts, in per cent; each with its reason where it is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AprParts {
    /// What the campaign pays.
    pub reward: Result<Decimal, AprUnknown>,
    /// What trades pay.
    pub fees: Result<Decimal, AprUnknown>,
    /// Whether the campaign's part is our own estimate, since others tell none yet: in its first 24 hours.
    pub estimate: bool,
}

impl AprUnknown {
    /// The name used in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotRunning => "campaign_not_running",
            Self::NoPrice => "no_price",
            Self::NobodyEligible => "nobody_eligible",
            Self::NothingHeld => "nothing_held",
            Self::WindowNotCovered => "window_not_covered",
            Self::FeesUnknown => "fees_unknown",
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
    let units = emission_over(campaign, YEAR_SECONDS).ok_or(AprUnknown::OutOfBounds)?;
    let yearly = value(Priced { units, decimals, price_usd }).ok_or(AprUnknown::OutOfBounds)?;
    yearly_percent(yearly, YEAR_SECONDS, eligible)
}

/// The yearly rate in per cent of `earned` in so many seconds on `held`: simple, of 365 days, rounded down to 10^-6.
///
/// # Errors
/// `held` is nothing, `seconds` is zero, or the rate is past the bounds.
pub fn yearly_percent(earned: Usd, seconds: u64, held: Usd) -> Result<Decimal, AprUnknown> {
    if held.0.is_zero() {
        return Err(AprUnknown::NothingHeld);
    }
    let factor = U512::from(100) * power_of_ten(PERCENT_PLACES) * U512::from(YEAR_SECONDS);
    let percent = earned.0.checked_mul(factor).zip(held.0.checked_mul(U512::from(seconds)));
    let percent = percent.filter(|(_, whole)| !whole.is_zero()).map(|(part, whole)| part / whole);
    percent.and_then(|percent| decimal(percent, PERCENT_PLACES)).ok_or(AprUnknown::OutOfBounds)
}

/// What the campaign hands out in so many seconds at its own pace, rounded down to a unit; `None` past 256 bits.
pub fn emission_over(campaign: &Campaign, seconds: u64) -> Option<Amount> {
    campaign.budget.mul_div(U256::from(seconds), U256::from(campaign.window.duration_seconds()))
}

/// Whether `at` is in the first 24 hours that the campaign pays, in which a rate is our own estimate.
pub fn is_estimate(campaign: &Campaign, at: UnixSeconds) -> bool {
    campaign.window.starts_at <= at && at.since(campaign.window.starts_at) < ESTIMATE_SECONDS
}

impl AprParts {
    /// Both parts together. A campaign that does not run pays nothing, which is known.
    ///
    /// # Errors
    /// Why one of them is unknown, the campaign's first.
    pub fn total(&self) -> Result<Decimal, AprUnknown> {
        let reward = match self.reward {
            Err(AprUnknown::NotRunning) => Decimal::ZERO,
            reward => reward?,
        };
        reward.checked_add(self.fees?).ok_or(AprUnknown::OutOfBounds)
    }
}

/// What the eligible stakes of a campaign hold: admitted, and in range unless the campaign pays out of range too.
pub fn eligible_holdings(tracker: &PoolTracker, accrual: &CampaignAccrual) -> Held {
    Holdings::of(tracker.ledger()).eligible(tracker, accrual)
}

/// What the admitted stakes of a campaign hold, in range or not: what Merkl divides its rate by.
pub fn admitted_holdings(tracker: &PoolTracker, accrual: &CampaignAccrual) -> Held {
    Holdings::of(tracker.ledger()).admitted(tracker, accrual)
}

/// What all positions of a pool hold, without fees owed to them; of a pool with shares, its reserves.
pub fn all_holdings(ledger: &Ledger) -> Held {
    Holdings::of(ledger).all()
}

/// What the positions in range hold; of a pool with shares, its reserves.
pub fn holdings_in_range(ledger: &Ledger) -> Held {
    Holdings::of(ledger).in_range()
}

/// What one position stands for, rounded down.
pub fn position_holdings(ledger: &Ledger, position: &Position) -> Held {
    holdings_of(ledger, position.range, position.liquidity)
}

/// What `liquidity` in `range`, or so many shares, stands for now, rounded down; nothing while there is no price.
pub fn holdings_of(ledger: &Ledger, range: TickRange, liquidity: Liquidity) -> Held {
    match ledger {
        Ledger::Concentrated(ledger) => {
            let Some(price) = ledger.price() else { return Held::default() };
            let held = holdings(liquidity, range, price.tick, price.sqrt_price_x96, Rounding::Down);
            let (token0, token1) = held.expect(
                "the ledger refuses ranges that do not exist, and 128 bits of liquidity hold below 2^256 units",
            );
            Held(vec![token0, token1])
        }
        Ledger::Pooled(ledger) => {
            let (shares, supply) = (U256::from(liquidity.0), U256::from(ledger.supply().0));
            let part = |reserve: &Amount| reserve.mul_div(shares, supply).unwrap_or_default();
            Held(ledger.reserves().iter().map(part).collect())
        }
    }
}

impl Held {
    /// Of the pool's first token.
    pub fn token0(&self) -> Amount {
        self.units(0)
    }

    /// Of the pool's second token.
    pub fn token1(&self) -> Amount {
        self.units(1)
    }

    /// Of one of the pool's tokens, by its place.
    pub fn units(&self, token: usize) -> Amount {
        self.0.get(token).copied().unwrap_or_default()
    }

    /// Both together.
    ///
    /// # Panics
    /// Past 256 bits, which no pool's balance is.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        let tokens = self.0.len().max(other.0.len());
        let sum = |token| self.units(token).checked_add(other.units(token));
        Self((0..tokens).map(|token| sum(token).expect("a pool's balance fits 256 bits")).collect())
    }
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

impl Usd {
    /// The sum; `None` past 512 bits.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// `self * part / whole`, rounded down; `None` when `whole` is zero or past the bounds.
    pub fn mul_div(self, part: u128, whole: u128) -> Option<Self> {
        self.0.checked_mul(U512::from(part))?.checked_div(U512::from(whole)).map(Self)
    }

    /// The difference, or `None` below zero.
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }

    /// Whole dollars and their decimals, rounded down to 10^-18; `None` below zero.
    pub fn from_decimal(dollars: Decimal) -> Option<Self> {
        value(Priced { units: Amount(U256::ONE), decimals: 0, price_usd: dollars })
    }

    /// `self / other`, rounded down to `places` decimals; `None` when `other` is nothing or past the bounds.
    pub fn ratio(self, other: Self, places: u32) -> Option<Decimal> {
        let scaled = self.0.checked_mul(power_of_ten(places))?.checked_div(other.0)?;
        decimal(scaled, places)
    }

    /// Whether it is nothing.
    pub fn is_zero(self) -> bool {
        self.0.is_zero()
    }

    /// The sum in units of 10^-18 USD.
    pub(crate) fn units_e18(self) -> U512 {
        self.0
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
mod tests;
