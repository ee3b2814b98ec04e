//! What a campaign has paid up to an instant: every figure rounded down once, and the sum that always holds.

use alloy_primitives::Address;

use crate::accrue::board::Growths;
use crate::accrue::growth::{Growth, units};
use crate::accrue::{CampaignAccrual, IdleSeconds, Stake};
use crate::ledger::PositionIndex;
use crate::unit::{Amount, UnixSeconds};

/// What a campaign has paid up to `at`. `earned + undistributed.total == emitted`, to the unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figures {
    /// The instant.
    pub at: UnixSeconds,
    /// What the campaign hands out in all.
    pub budget: Amount,
    /// `budget * elapsed / duration`, rounded down.
    pub emitted: Amount,
    /// The sum of the rows.
    pub earned: Amount,
    /// What nobody earned.
    pub undistributed: Undistributed,
    /// Who earned what with which position; rows of nothing are left out.
    pub rows: Vec<Earned>,
}

/// What one account earned with one position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Earned {
    /// The position.
    pub position: PositionIndex,
    /// The account.
    pub account: Address,
    /// The exact rational, rounded down.
    pub earned: Amount,
}

/// Emission that reached nobody, by reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Undistributed {
    /// All of it.
    pub total: Amount,
    /// Of stretches in which no eligible position was there to share a part, rounded down.
    pub nobody_eligible: Amount,
    /// What rounding each figure down left.
    pub rounding: Amount,
}

/// An instant that this accrual cannot speak of.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "asked for figures at {asked} (Unix seconds), but events up to {folded} are folded in: fold fewer of them"
)]
pub struct FiguresError {
    asked: UnixSeconds,
    folded: UnixSeconds,
}

impl CampaignAccrual {
    /// The figures at `at`, by the state that holds since the last event.
    ///
    /// # Errors
    /// `at` is before the newest event folded in.
    pub fn figures(&self, at: UnixSeconds) -> Result<Figures, FiguresError> {
        let now = Now::of(self, at)?;
        let mut rows: Vec<Earned> = self.current(&now).chain(self.before(&now)).collect();
        rows.retain(|row| row.earned > Amount::ZERO);
        rows.sort_unstable_by_key(|row| (row.position, row.account));
        let earned = rows
            .iter()
            .try_fold(Amount::ZERO, |sum, row| sum.checked_add(row.earned))
            .expect("what is earned stays below the budget");
        let emitted = self.campaign.emitted(at);
        let undistributed = now.undistributed(emitted, earned);
        Ok(Figures { at, budget: self.campaign.budget, emitted, earned, undistributed, rows })
    }

    /// What one position has earned for its present account at `at`; constant cost. `None` while it earns for nobody.
    ///
    /// # Errors
    /// `at` is before the newest event folded in.
    pub fn earned_by(
        &self,
        position: PositionIndex,
        at: UnixSeconds,
    ) -> Result<Option<Earned>, FiguresError> {
        let now = Now::of(self, at)?;
        let stake = self.stakes.get(position.as_usize()).filter(|stake| !stake.account.is_zero());
        Ok(stake.map(|stake| now.earned(self, position, stake)))
    }

    fn current<'a>(&'a self, now: &'a Now) -> impl Iterator<Item = Earned> + 'a {
        let stakes = (0..).map(PositionIndex).zip(&self.stakes);
        stakes
            .filter(|(_, stake)| !stake.account.is_zero())
            .map(|(position, stake)| now.earned(self, position, stake))
    }

    fn before<'a>(&'a self, now: &'a Now) -> impl Iterator<Item = Earned> + 'a {
        self.past.iter().map(|((position, account), earned)| Earned {
            position: *position,
            account: *account,
            earned: now.units(*earned),
        })
    }
}

/// The growth and the idle time as of the instant asked for.
struct Now {
    budget: Amount,
    weighted_seconds: u128,
    global: Growths,
    idle_weighted_seconds: u128,
}

impl Now {
    fn of(accrual: &CampaignAccrual, at: UnixSeconds) -> Result<Self, FiguresError> {
        if at < accrual.at {
            return Err(FiguresError { asked: at, folded: accrual.at });
        }
        let campaign = &accrual.campaign;
        let seconds = campaign.window.paid_seconds(accrual.at, at);
        let (global, shared) = accrual.board.grown(seconds);
        let mut idle = accrual.idle;
        idle.add(shared, seconds);
        let whole = u128::from(campaign.weights.sum()) * u128::from(campaign.window.duration_seconds());
        let idle = weighted(&idle, campaign.weights);
        Ok(Self { budget: campaign.budget, weighted_seconds: whole, global, idle_weighted_seconds: idle })
    }

    fn earned(&self, accrual: &CampaignAccrual, position: PositionIndex, stake: &Stake) -> Earned {
        let earned = if stake.liquidity.0 == 0 {
            stake.earned
        } else {
            stake.earned_at(accrual.board.growth_inside(stake.range, &self.global))
        };
        Earned { position, account: stake.account, earned: self.units(earned) }
    }

    fn units(&self, earned: Growth) -> Amount {
        units(self.budget, earned, self.weighted_seconds)
    }

    fn undistributed(&self, emitted: Amount, earned: Amount) -> Undistributed {
        let total = emitted.checked_sub(earned).expect("what is earned never exceeds what is emitted");
        let (part, whole) = (self.idle_weighted_seconds, self.weighted_seconds);
        let nobody_eligible = self
            .budget
            .mul_div(alloy_primitives::U256::from(part), alloy_primitives::U256::from(whole))
            .expect("a checked campaign has weights and a duration");
        let nobody_eligible = nobody_eligible.min(total);
        let rounding = total.checked_sub(nobody_eligible).expect("the smaller of the two was taken");
        Undistributed { total, nobody_eligible, rounding }
    }
}

fn weighted(idle: &IdleSeconds, weights: crate::campaign::Weights) -> u128 {
    let part = |seconds: u64, weight: u32| u128::from(seconds) * u128::from(weight);
    part(idle.fees, weights.fees) + part(idle.token0, weights.token0) + part(idle.token1, weights.token1)
}
