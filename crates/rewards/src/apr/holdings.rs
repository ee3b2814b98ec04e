//! What each position of a pool holds, counted once for all the sums over them.

use super::{Held, holdings_of};
use crate::accrue::CampaignAccrual;
use crate::ledger::Ledger;
use crate::ledger::concentrated::{ConcentratedLedger, Position, Price};
use crate::math::amounts::{Rounding, ends, holdings_between};
use crate::math::memo::RangeMemo;
use crate::tracker::PoolTracker;
use crate::unit::{Amount, Liquidity};

/// What the positions of one pool hold now, each rounded down as the pool pays it out.
#[derive(Debug)]
pub struct Holdings<'a> {
    ledger: &'a Ledger,
    /// Of a concentrated pool with a price: token0 and token1 of each position that has liquidity, by its index.
    positions: Vec<Option<Pair>>,
    price: Option<Price>,
}

/// So much of token0 and of token1.
type Pair = (Amount, Amount);

impl<'a> Holdings<'a> {
    /// Counts them. Costs a step per position.
    pub fn of(ledger: &'a Ledger) -> Self {
        let positions = ledger.concentrated().map(each).unwrap_or_default();
        Self { ledger, positions, price: ledger.price() }
    }

    /// What all positions hold, without fees owed to them; of a pool with shares, its reserves.
    pub fn all(&self) -> Held {
        self.among(|_| true)
    }

    /// What the positions in range hold; of a pool with shares, its reserves.
    pub fn in_range(&self) -> Held {
        self.among(|position| self.is_in_range(position))
    }

    /// What the eligible stakes of a campaign hold: admitted, and in range unless the campaign pays out of range too.
    pub fn eligible(&self, tracker: &PoolTracker, accrual: &CampaignAccrual) -> Held {
        self.staked(tracker, accrual, accrual.campaign().out_of_range)
    }

    /// What the admitted stakes of a campaign hold, in range or not.
    pub fn admitted(&self, tracker: &PoolTracker, accrual: &CampaignAccrual) -> Held {
        self.staked(tracker, accrual, true)
    }

    fn among(&self, counts: impl Fn(usize) -> bool) -> Held {
        match self.ledger {
            Ledger::Pooled(pooled) => Held(pooled.reserves().to_vec()),
            Ledger::Concentrated(_) => {
                let counted = self.positions.iter().enumerate().filter(|(position, _)| counts(*position));
                held(counted.filter_map(|(_, pair)| *pair).reduce(plus))
            }
        }
    }

    fn staked(&self, tracker: &PoolTracker, accrual: &CampaignAccrual, everywhere: bool) -> Held {
        let stakes = tracker.ownership().stakes();
        let mut whole: Option<Pair> = None;
        let mut parts = Held::default();
        for (stake, liquidity) in accrual.eligible() {
            let index = stakes[stake.as_usize()].position.as_usize();
            let position = &self.ledger.positions()[index];
            if !everywhere && !self.is_in_range(index) {
                continue;
            }
            match self.positions.get(index) {
                Some(Some(pair)) if position.liquidity == liquidity => {
                    whole = Some(whole.map_or(*pair, |sum| plus(sum, *pair)));
                }
                _ => parts = parts.plus(holdings_of(self.ledger, position.range, liquidity)),
            }
        }
        held(whole).plus(parts)
    }

    /// A position without a price is in range, as one with shares always is.
    fn is_in_range(&self, position: usize) -> bool {
        self.price.is_none_or(|price| self.ledger.positions()[position].range.contains(price.tick))
    }
}

/// Of each position, by its index. Most share their range with others.
fn each(ledger: &ConcentratedLedger) -> Vec<Option<Pair>> {
    let Some(price) = ledger.price() else { return Vec::new() };
    let mut known = RangeMemo::new();
    let amounts = |position: &Position| {
        if position.liquidity == Liquidity(0) {
            return None;
        }
        let range = position.range;
        let ends = known.get(range, || ends(range));
        let held = ends.and_then(|ends| {
            let (tick, price) = (price.tick, price.sqrt_price_x96);
            holdings_between(position.liquidity, range, ends, tick, price, Rounding::Down)
        });
        Some(held.expect(
            "the ledger refuses ranges that do not exist, and 128 bits of liquidity hold below 2^256 units",
        ))
    };
    ledger.positions().iter().map(amounts).collect()
}

fn plus(a: Pair, b: Pair) -> Pair {
    let sum = |a: Amount, b: Amount| a.checked_add(b).expect("a pool's balance fits 256 bits");
    (sum(a.0, b.0), sum(a.1, b.1))
}

/// Where nobody holds anything, no token is listed.
fn held(sum: Option<Pair>) -> Held {
    sum.map_or_else(Held::default, |(token0, token1)| Held(vec![token0, token1]))
}
