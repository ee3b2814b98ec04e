//! What a position that is there earns now, by the state of this block, held for a day.

use rust_decimal::Decimal;

use super::{Newcomer, Stakes};
use crate::accrue::CampaignAccrual;
use crate::apr::{AprUnknown, TokenPrice, Usd, emission_over, holdings_of, worth, yearly_percent};
use crate::ledger::PositionIndex;
use crate::tracker::PoolTracker;
use crate::unit::{Amount, Liquidity, UnixSeconds};

const DAY_SECONDS: u64 = 86_400;
const MILLION: u64 = 1_000_000;

/// A campaign's stakes at the newest block, added up once for however many positions are asked for.
pub struct Present<'a> {
    tracker: &'a PoolTracker,
    accrual: &'a CampaignAccrual,
    all: Stakes,
}

/// A position's part of a campaign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rate {
    /// Reward units a day.
    pub reward_units_per_day: Amount,
    /// Its part of what the campaign sets free, in millionths, rounded down.
    pub share_ppm: u32,
    /// What the campaign pays it a year on what it holds, in per cent.
    pub reward_percent: Result<Decimal, AprUnknown>,
}

impl<'a> Present<'a> {
    /// The stakes of a campaign of this pool.
    pub fn of(tracker: &'a PoolTracker, accrual: &'a CampaignAccrual) -> Self {
        Self { tracker, accrual, all: Stakes::of(tracker, accrual, |_| true) }
    }

    /// What the eligible part of `position` earns, by the pool's prices and the reward token's.
    ///
    /// # Errors
    /// The campaign does not run at `at`, or a number is beyond what can be told.
    pub fn rate(
        &self,
        position: PositionIndex,
        prices: &[TokenPrice],
        reward: TokenPrice,
        at: UnixSeconds,
    ) -> Result<Rate, AprUnknown> {
        let campaign = self.accrual.campaign();
        let own = Stakes::of(self.tracker, self.accrual, |index| index == position);
        let others = self.all.without(&own);
        let liquidity = u128::try_from(own.liquidity.0).map_err(|_| AprUnknown::OutOfBounds)?;
        let newcomer = Newcomer {
            liquidity: Liquidity(liquidity),
            held: own.held,
            in_range: liquidity > 0,
            by_shares: !self.tracker.pool().venue.is_concentrated(),
        };
        let held_usd = self.worth(position, prices).ok_or(AprUnknown::NoPrice);
        let (units, percent) =
            newcomer.earns(self.accrual, &others, held_usd.unwrap_or_default(), reward, at);
        if percent == Err(AprUnknown::NotRunning) || percent == Err(AprUnknown::OutOfBounds) {
            return Err(percent.expect_err("it was just compared"));
        }
        let units = units.ok_or(AprUnknown::OutOfBounds)?;
        let emission = emission_over(campaign, DAY_SECONDS).ok_or(AprUnknown::OutOfBounds)?;
        let share = Amount(alloy_primitives::U256::from(MILLION)).mul_div(units.0, emission.0);
        let share_ppm = share.and_then(|ppm| u32::try_from(ppm.0).ok()).ok_or(AprUnknown::OutOfBounds)?;
        Ok(Rate { reward_units_per_day: units, share_ppm, reward_percent: held_usd.and(percent) })
    }

    /// What trades pay the position a year, if they pay all liquidity in range so much a day.
    ///
    /// # Errors
    /// What trades pay is not known, or what it holds has no price.
    pub fn fee_percent(
        tracker: &PoolTracker,
        position: PositionIndex,
        prices: &[TokenPrice],
        pool_fees_per_day: Result<Usd, AprUnknown>,
    ) -> Result<Decimal, AprUnknown> {
        let ledger = tracker.ledger();
        let position = &ledger.positions()[position.as_usize()];
        let in_range = ledger.price().is_none_or(|price| position.range.contains(price.tick));
        let fees = match pool_fees_per_day? {
            all if in_range => all.mul_div(position.liquidity.0, ledger.liquidity().0),
            _ => Some(Usd::default()),
        };
        let fees = fees.ok_or(AprUnknown::OutOfBounds)?;
        let held = holdings_of(ledger, position.range, position.liquidity);
        yearly_percent(fees, DAY_SECONDS, worth(&held, prices).ok_or(AprUnknown::NoPrice)?)
    }

    /// What the eligible part of a position is worth, in range or not; the whole, where nothing is eligible.
    fn worth(&self, position: PositionIndex, prices: &[TokenPrice]) -> Option<Usd> {
        let stakes = self.tracker.ownership().stakes();
        let own = self.accrual.eligible().filter(|(stake, _)| stakes[stake.as_usize()].position == position);
        let eligible = own.map(|(_, liquidity)| liquidity.0).sum::<u128>();
        let held = &self.tracker.ledger().positions()[position.as_usize()];
        let counted = if eligible == 0 { held.liquidity } else { Liquidity(eligible) };
        worth(&holdings_of(self.tracker.ledger(), held.range, counted), prices)
    }
}

impl Stakes {
    /// These without `part`, which is some of them.
    fn without(&self, part: &Self) -> Self {
        let less = |all: Amount, part: Amount| all.checked_sub(part).expect("a part is not above the whole");
        let held = (0..self.held.0.len()).map(|token| less(self.held.units(token), part.held.units(token)));
        Self { liquidity: less(self.liquidity, part.liquidity), held: crate::apr::Held(held.collect()) }
    }
}
