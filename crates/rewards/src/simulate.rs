//! What a new position of so many dollars in such a range would earn now, and how that thins out as others join.
//!
//! The state that holds now is taken to hold for the day: the same price, the same others. A position's share of each
//! part of the emission is its own liquidity, token0 or token1 over that of all eligible ones with its own, as
//! [`crate::accrue`] splits it. Reward units are rounded down part by part, dollars to 10^-18, rates to 10^-6 per cent.

mod present;

pub use present::{Present, Rate};

use alloy_primitives::U256;
use rust_decimal::Decimal;

use crate::accrue::CampaignAccrual;
use crate::apr::{
    AprUnknown, Held, Priced, TokenPrice, Usd, emission_over, holdings_of, value, worth, yearly_percent,
};
use crate::ledger::pooled::WHOLE;
use crate::ledger::{Ledger, PositionIndex};
use crate::math::tick::range_exists;
use crate::tracker::PoolTracker;
use crate::unit::{Amount, Liquidity, TickRange, UnixSeconds};

const DAY_SECONDS: u64 = 86_400;

/// TVL of the others in the curve, in tenths of what it is now: x 0.5, 1, 2, 5 and 10.
pub const CURVE_TENTHS: [u32; 5] = [5, 10, 20, 50, 100];

/// Liquidity that a range is valued by: large enough that rounding its tokens down does not show.
const REFERENCE: Liquidity = Liquidity(1 << 100);

/// A position that somebody thinks of.
#[derive(Debug, Clone, Copy)]
pub struct Proposal<'a> {
    /// How much to put in.
    pub amount_usd: Decimal,
    /// Where; of a pool with shares it is not asked.
    pub range: TickRange,
    /// The pool's tokens.
    pub prices: &'a [TokenPrice],
    /// The reward token.
    pub reward: TokenPrice,
    /// What trades pay all liquidity in range a day.
    pub pool_fees_per_day: Result<Usd, AprUnknown>,
    /// A position that is taken out first, so that it is no longer among the others.
    pub leaving: Option<PositionIndex>,
}

/// What it would earn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Simulation {
    /// The liquidity, or the shares, that the amount buys.
    pub liquidity: Liquidity,
    /// What goes in, by token, rounded down.
    pub put_in: Held,
    /// What goes in, in USD.
    pub put_in_usd: Usd,
    /// Whether the price is in its range now.
    pub in_range: bool,
    /// Reward units a day; `None` where they pass what 256 bits hold, as [`AprUnknown::OutOfBounds`] says beside it.
    pub reward_units_per_day: Option<Amount>,
    /// What the campaign would pay it a year, in per cent.
    pub reward_percent: Result<Decimal, AprUnknown>,
    /// What trades would pay it a year, in per cent.
    pub fee_percent: Result<Decimal, AprUnknown>,
    /// The same with more or fewer others beside it.
    pub curve: Vec<Dilution>,
}

/// What the position would earn if all others together had another TVL, in the same ranges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dilution {
    /// The others' TVL, in tenths of what it is now.
    pub others_tenths: u32,
    /// Reward units a day; `None` where they pass what 256 bits hold, as [`AprUnknown::OutOfBounds`] says beside it.
    pub reward_units_per_day: Option<Amount>,
    /// What the campaign would pay a year, in per cent.
    pub reward_percent: Result<Decimal, AprUnknown>,
}

/// Why nothing can be simulated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SimulationError {
    /// No such range.
    #[error("the range {0} does not exist: give tick_lower below tick_upper, within -887272 and 887272")]
    NoSuchRange(TickRange),
    /// An end between two that the pool allows.
    #[error("the range {range} is not on the pool's ticks: both ends must be multiples of {spacing}")]
    OffSpacing {
        /// The range.
        range: TickRange,
        /// Ticks between two ends that the pool allows.
        spacing: i32,
    },
    /// The pool has no price, or nothing to buy a share of.
    #[error("the pool has no price or holds nothing yet, so nothing can be bought into it")]
    NoPoolPrice,
    /// One of the tokens that the range needs is not priced.
    #[error("a token that this range needs has no USD price: add one under [[prices]]")]
    NoPrice,
    /// The amount buys nothing, or more than a pool can hold.
    #[error("amount_usd buys no liquidity, or more than 2^128 of it: choose another amount")]
    AmountOutOfBounds,
}

/// What `proposal` would earn of one campaign at `at`.
///
/// # Errors
/// The position cannot be made, or not be valued.
pub fn simulate(
    tracker: &PoolTracker,
    accrual: &CampaignAccrual,
    proposal: &Proposal<'_>,
    at: UnixSeconds,
) -> Result<Simulation, SimulationError> {
    let range = checked_range(tracker, proposal.range)?;
    let liquidity = bought(tracker.ledger(), range, proposal)?;
    let put_in = holdings_of(tracker.ledger(), range, liquidity);
    let put_in_usd = worth(&put_in, proposal.prices).ok_or(SimulationError::NoPrice)?;
    let in_range = tracker.ledger().price().is_none_or(|price| range.contains(price.tick));
    let by_shares = !tracker.pool().venue.is_concentrated();
    let newcomer = Newcomer { liquidity, held: put_in.clone(), in_range, by_shares };
    let others = Stakes::of(tracker, accrual, |position| proposal.leaving != Some(position));
    let rate = |tenths| match others.times(tenths) {
        Some(others) => newcomer.earns(accrual, &others, put_in_usd, proposal.reward, at),
        None => (None, Err(AprUnknown::OutOfBounds)),
    };
    let (reward_units_per_day, reward_percent) = rate(10);
    let curve = CURVE_TENTHS.map(|others_tenths| {
        let (reward_units_per_day, reward_percent) = rate(others_tenths);
        Dilution { others_tenths, reward_units_per_day, reward_percent }
    });
    Ok(Simulation {
        liquidity,
        put_in,
        put_in_usd,
        in_range,
        reward_units_per_day,
        reward_percent,
        fee_percent: newcomer.fee_percent(
            staying(tracker.ledger(), proposal.leaving),
            put_in_usd,
            proposal.pool_fees_per_day,
        ),
        curve: curve.to_vec(),
    })
}

fn checked_range(tracker: &PoolTracker, range: TickRange) -> Result<TickRange, SimulationError> {
    if !tracker.pool().venue.is_concentrated() {
        return Ok(WHOLE);
    }
    if !range_exists(range) {
        return Err(SimulationError::NoSuchRange(range));
    }
    let spacing = tracker.pool().facts.tick_spacing.unwrap_or(1).max(1);
    if range.lower.0 % spacing != 0 || range.upper.0 % spacing != 0 {
        return Err(SimulationError::OffSpacing { range, spacing });
    }
    Ok(range)
}

/// The liquidity that the amount buys, split over both tokens as the range needs them, rounded down.
fn bought(ledger: &Ledger, range: TickRange, proposal: &Proposal<'_>) -> Result<Liquidity, SimulationError> {
    let (reference, held) = match ledger {
        Ledger::Concentrated(_) => (REFERENCE, holdings_of(ledger, range, REFERENCE)),
        Ledger::Pooled(pooled) => (pooled.supply(), holdings_of(ledger, range, pooled.supply())),
    };
    if held.0.iter().all(|units| *units == Amount::ZERO) {
        return Err(SimulationError::NoPoolPrice);
    }
    let price = worth(&held, proposal.prices).ok_or(SimulationError::NoPrice)?;
    let amount = Usd::from_decimal(proposal.amount_usd).ok_or(SimulationError::AmountOutOfBounds)?;
    let scaled = amount.units_e18().checked_mul(alloy_primitives::U512::from(reference.0));
    let liquidity = scaled.and_then(|scaled| scaled.checked_div(price.units_e18()));
    let liquidity = liquidity.and_then(|liquidity| u128::try_from(liquidity).ok());
    liquidity.filter(|liquidity| *liquidity > 0).map(Liquidity).ok_or(SimulationError::AmountOutOfBounds)
}

/// The position, as the split sees it.
struct Newcomer {
    liquidity: Liquidity,
    held: Held,
    in_range: bool,
    by_shares: bool,
}

/// The pool's liquidity in range without the position that leaves.
fn staying(ledger: &Ledger, leaving: Option<PositionIndex>) -> Liquidity {
    let position = leaving.map(|index| &ledger.positions()[index.as_usize()]);
    let in_range = position
        .filter(|position| ledger.price().is_none_or(|price| position.range.contains(price.tick)))
        .map_or(0, |position| position.liquidity.0);
    Liquidity(ledger.liquidity().0.saturating_sub(in_range))
}

/// What eligible stakes together have.
#[derive(Debug, Clone, Default)]
struct Stakes {
    /// In range.
    liquidity: Amount,
    /// In range, or anywhere where the campaign pays out of range too.
    held: Held,
}

impl Stakes {
    /// The stakes of the positions that count.
    fn of(tracker: &PoolTracker, accrual: &CampaignAccrual, counts: impl Fn(PositionIndex) -> bool) -> Self {
        let (stakes, ledger) = (tracker.ownership().stakes(), tracker.ledger());
        let mut all = Self::default();
        for (stake, liquidity) in accrual.eligible() {
            let index = stakes[stake.as_usize()].position;
            if counts(index) {
                let range = ledger.positions()[index.as_usize()].range;
                let in_range = ledger.price().is_none_or(|price| range.contains(price.tick));
                if in_range {
                    let sum = all.liquidity.0 + U256::from(liquidity.0);
                    all.liquidity = Amount(sum);
                }
                if in_range || accrual.campaign().out_of_range {
                    all.held = all.held.plus(holdings_of(ledger, range, liquidity));
                }
            }
        }
        all
    }

    /// `None` where it passes 256 bits: a pool of shares may state any reserves.
    fn times(&self, tenths: u32) -> Option<Self> {
        let scaled = |amount: Amount| amount.mul_div(U256::from(tenths), U256::from(10));
        let held = self.held.0.iter().copied().map(scaled).collect::<Option<Vec<Amount>>>()?;
        Some(Self { liquidity: scaled(self.liquidity)?, held: Held(held) })
    }
}

impl Newcomer {
    /// Reward units a day, and the yearly rate in per cent.
    fn earns(
        &self,
        accrual: &CampaignAccrual,
        others: &Stakes,
        put_in_usd: Usd,
        reward: TokenPrice,
        at: UnixSeconds,
    ) -> (Option<Amount>, Result<Decimal, AprUnknown>) {
        let window = accrual.campaign().window;
        if at < window.starts_at || window.ends_at <= at {
            return (Some(Amount::ZERO), Err(AprUnknown::NotRunning));
        }
        let Some(units) = self.units_per_day(accrual, others) else {
            return (None, Err(AprUnknown::OutOfBounds));
        };
        let percent = reward.ok_or(AprUnknown::NoPrice).and_then(|(decimals, price_usd)| {
            let daily = value(Priced { units, decimals, price_usd }).ok_or(AprUnknown::OutOfBounds)?;
            yearly_percent(daily, DAY_SECONDS, put_in_usd)
        });
        (Some(units), percent)
    }

    fn units_per_day(&self, accrual: &CampaignAccrual, others: &Stakes) -> Option<Amount> {
        let campaign = accrual.campaign();
        let emission = emission_over(campaign, DAY_SECONDS)?;
        let fees_of = if self.in_range { Amount(U256::from(self.liquidity.0)) } else { Amount::ZERO };
        let counts = self.in_range || campaign.out_of_range;
        let token = |units: Amount| if counts { units } else { Amount::ZERO };
        let own = if self.by_shares {
            // All shares of a pool are alike: each part is split by them, whatever tokens they stand for.
            let shares = Amount(U256::from(self.liquidity.0));
            [(shares, others.liquidity); 3]
        } else {
            [
                (fees_of, others.liquidity),
                (token(self.held.token0()), others.held.token0()),
                (token(self.held.token1()), others.held.token1()),
            ]
        };
        let whole = U256::from(campaign.weights.sum());
        let weights = [campaign.weights.fees, campaign.weights.token0, campaign.weights.token1];
        weights.into_iter().zip(own).try_fold(Amount::ZERO, |sum, (weight, (own, others))| {
            let part = emission.mul_div(U256::from(weight), whole)?;
            let all = own.checked_add(others)?;
            sum.checked_add(if own == Amount::ZERO { own } else { part.mul_div(own.0, all.0)? })
        })
    }

    fn fee_percent(
        &self,
        others: Liquidity,
        put_in_usd: Usd,
        pool_fees_per_day: Result<Usd, AprUnknown>,
    ) -> Result<Decimal, AprUnknown> {
        let all = others.0.checked_add(self.liquidity.0).ok_or(AprUnknown::OutOfBounds)?;
        let own = if self.in_range { self.liquidity.0 } else { 0 };
        let fees = pool_fees_per_day?.mul_div(own, all).ok_or(AprUnknown::OutOfBounds)?;
        yearly_percent(fees, DAY_SECONDS, put_in_usd)
    }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::Address;

    use super::*;
    use crate::accrue::Shape;
    use crate::campaign::{Campaign, Scoring, Weights, Window};

    fn campaign() -> Campaign {
        let campaign = Campaign {
            id: "c".parse().unwrap(),
            pool: "p".parse().unwrap(),
            merkl_campaign_id: None,
            reward_token: Address::repeat_byte(1),
            budget: Amount(U256::from(1_000_000)),
            fee_ppm: 0,
            window: Window { starts_at: UnixSeconds(0), ends_at: UnixSeconds(86_400) },
            scoring: Scoring::PerBlock,
            run_seconds: None,
            weights: Weights { fees: 1, token0: 0, token1: 0 },
            out_of_range: false,
            blacklist: Default::default(),
            whitelist: Default::default(),
            value_min_usd: None,
            versions: Vec::new(),
        };
        campaign.checked().unwrap()
    }

    /// A pool of shares may state any reserves, and its token may be a stranger's.
    #[test]
    fn stakes_of_more_than_256_bits_are_none() {
        let most = Amount(U256::MAX);
        let others = Stakes { liquidity: Amount::ZERO, held: Held(vec![Amount::ZERO, most]) };
        let same = others.times(10).expect("it is what it was");
        assert_eq!((same.liquidity, same.held.token1()), (Amount::ZERO, most));
        assert!(others.times(100).is_none());
    }

    #[test]
    fn a_share_of_more_than_256_bits_is_not_none_a_day() {
        let accrual = CampaignAccrual::without_vaults(campaign(), Shape::Pooled);
        let most = Amount(U256::MAX);
        let newcomer =
            Newcomer { liquidity: Liquidity(1), held: Held::default(), in_range: true, by_shares: true };
        let others = |liquidity| Stakes { liquidity, held: Held::default() };
        let at = accrual.campaign().window.starts_at;
        let earns = |others| newcomer.earns(&accrual, &others, Usd::default(), None, at);
        assert_eq!(earns(others(most)), (None, Err(AprUnknown::OutOfBounds)));
        assert!(earns(others(Amount::ZERO)).0.is_some_and(|units| units > Amount::ZERO), "all of it");
    }
}
