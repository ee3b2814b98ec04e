//! Where a pool's liquidity lies: bands of ticks between which it does not change, and what it holds in each.

use std::collections::BTreeMap;

use crate::apr::{Held, holdings_of};
use crate::ledger::Ledger;
use crate::unit::{Liquidity, Tick, TickRange};

/// Neighbouring ticks with the same liquidity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Band {
    /// The ticks.
    pub range: TickRange,
    /// What is there for a trade that comes through.
    pub liquidity: Liquidity,
    /// What that liquidity holds at the pool's price, rounded down: token0 above the price, token1 below it.
    pub held: Held,
}

/// The bands of a pool with ranges, from the lowest; ticks without liquidity are left out. `None` for a pool with
/// shares, whose liquidity has no place.
pub fn bands(ledger: &Ledger) -> Option<Vec<Band>> {
    ledger.concentrated()?;
    let mut ends: BTreeMap<Tick, (u128, u128)> = BTreeMap::new();
    for position in ledger.positions() {
        ends.entry(position.range.lower).or_default().0 += position.liquidity.0;
        ends.entry(position.range.upper).or_default().1 += position.liquidity.0;
    }
    // Ends at which as much comes as goes part nothing.
    let ends: Vec<_> = ends.into_iter().filter(|(_, (comes, goes))| comes != goes).collect();
    let mut liquidity = 0;
    let bands = ends.windows(2).filter_map(|pair| {
        let [(lower, (comes, goes)), (upper, _)] = pair else { return None };
        liquidity = liquidity + comes - goes;
        let (range, liquidity) = (TickRange { lower: *lower, upper: *upper }, Liquidity(liquidity));
        let band = || Band { range, liquidity, held: holdings_of(ledger, range, liquidity) };
        (liquidity > Liquidity(0)).then(band)
    });
    Some(bands.collect())
}
