//! What each position of a pool holds, counted once for all the sums over them, and not again while it stands still.

use std::borrow::Cow;

use super::counted::{Counted, Pair, plus};
use super::{Held, holdings_of};
use crate::accrue::CampaignAccrual;
use crate::ledger::Ledger;
use crate::ledger::concentrated::ConcentratedLedger;
use crate::ownership::StakeIndex;
use crate::tracker::PoolTracker;
use crate::unit::Liquidity;

/// What the positions of one pool hold now, each rounded down as the pool pays it out.
#[derive(Debug)]
pub struct Holdings<'a> {
    ledger: &'a Ledger,
    /// Nothing for a pool with shares, or without a price.
    counted: Cow<'a, Counted>,
}

impl<'a> Holdings<'a> {
    /// Counts them. Costs a step per position.
    pub fn of(ledger: &'a Ledger) -> Self {
        let mut counted = Counted::default();
        bring_up_to_date(&mut counted, ledger);
        Self { ledger, counted: Cow::Owned(counted) }
    }

    /// Counts those that have changed since `counted` was last brought up to date.
    pub fn since(ledger: &'a Ledger, counted: &'a mut Counted) -> Self {
        bring_up_to_date(counted, ledger);
        Self { ledger, counted: Cow::Borrowed(counted) }
    }

    /// What all positions hold, without fees owed to them; of a pool with shares, its reserves.
    pub fn all(&self) -> Held {
        self.reserves().unwrap_or_else(|| held(self.counted.all()))
    }

    /// What the positions in range hold; of a pool with shares, its reserves.
    pub fn in_range(&self) -> Held {
        self.reserves().unwrap_or_else(|| held(self.counted.in_range()))
    }

    /// What the eligible stakes of a campaign hold: admitted, and in range unless the campaign pays out of range too.
    pub fn eligible(&self, tracker: &PoolTracker, accrual: &CampaignAccrual) -> Held {
        self.staked(tracker, accrual, accrual.campaign().out_of_range)
    }

    /// What the admitted stakes of a campaign hold, in range or not.
    pub fn admitted(&self, tracker: &PoolTracker, accrual: &CampaignAccrual) -> Held {
        self.staked(tracker, accrual, true)
    }

    /// How many positions have liquidity, or how many hold shares.
    pub fn positions(&self) -> usize {
        match self.ledger {
            Ledger::Concentrated(ledger) if ledger.price().is_some() => self.counted.open(),
            _ => self.ledger.positions().iter().filter(|one| one.liquidity > Liquidity(0)).count(),
        }
    }

    fn reserves(&self) -> Option<Held> {
        match self.ledger {
            Ledger::Pooled(pooled) => Some(Held(pooled.reserves().to_vec())),
            Ledger::Concentrated(_) => None,
        }
    }

    fn staked(&self, tracker: &PoolTracker, accrual: &CampaignAccrual, everywhere: bool) -> Held {
        if everywhere || !self.leaves_nobody_out(tracker, accrual) {
            return self.stake_by_stake(tracker, accrual, everywhere);
        }
        debug_assert_eq!(self.in_range(), self.stake_by_stake(tracker, accrual, everywhere));
        self.in_range()
    }

    /// Whether all in range is eligible, and none of it is rounded in parts.
    fn leaves_nobody_out(&self, tracker: &PoolTracker, accrual: &CampaignAccrual) -> bool {
        let in_range = self.ledger.concentrated().map(ConcentratedLedger::liquidity);
        tracker.ownership().is_unsplit() && in_range.is_some_and(|all| accrual.leaves_nobody_out(all))
    }

    fn stake_by_stake(&self, tracker: &PoolTracker, accrual: &CampaignAccrual, everywhere: bool) -> Held {
        let stakes = tracker.ownership().stakes();
        let position = |stake: StakeIndex| stakes[stake.as_usize()].position.as_usize();
        let counts = |stake| everywhere || self.counted.is_in_range(position(stake)).unwrap_or(true);
        let mut whole: Option<Pair> = None;
        let mut parts = Held::default();
        for (stake, liquidity) in accrual.eligible_among(counts) {
            let index = position(stake);
            if let Some(held) = self.counted.held_with(index, liquidity) {
                whole = Some(whole.map_or(held, |sum| plus(sum, held)));
            } else {
                let range = self.ledger.positions()[index].range;
                parts = parts.plus(holdings_of(self.ledger, range, liquidity));
            }
        }
        held(whole).plus(parts)
    }
}

/// Of a pool with shares, nothing is counted.
fn bring_up_to_date(counted: &mut Counted, ledger: &Ledger) {
    if let Some(ledger) = ledger.concentrated() {
        counted.bring_up_to_date(ledger);
    }
}

/// Where nobody holds anything, no token is listed.
fn held(sum: Option<Pair>) -> Held {
    sum.map_or_else(Held::default, |(token0, token1)| Held(vec![token0, token1]))
}
