//! Bands of liquidity, held against the positions that they are made of.

use accrual_rewards::apr::position_holdings;
use accrual_rewards::depth::bands;
use alloy_primitives::U256;

use crate::small::{ALICE, BOB, CAROL, Small, range};

#[test]
fn bands_are_where_positions_overlap() {
    let mut small = Small::new(Vec::new(), Vec::new(), 1000, 5);
    small.add(ALICE, range(-600, 600), 7_000_000).add(BOB, range(0, 1200), 5_000_000);
    small.add(CAROL, range(1200, 1800), 5_000_000).add(BOB, range(3000, 3060), 1_000_000);
    let ledger = small.tracker.ledger();
    let told = bands(ledger).unwrap();
    let shape: Vec<_> =
        told.iter().map(|band| (band.range.lower.0, band.range.upper.0, band.liquidity.0)).collect();
    // Bob goes at 1200 as Carol comes, so nothing changes there; between 1800 and 3000 there is nothing.
    let expected =
        [(-600, 0, 7_000_000), (0, 600, 12_000_000), (600, 1800, 5_000_000), (3000, 3060, 1_000_000)];
    assert_eq!(shape, expected);
    let at_price = told.iter().find(|band| band.range.contains(ledger.price().unwrap().tick)).unwrap();
    assert_eq!(at_price.liquidity, ledger.liquidity(), "the band at the price is what the pool counts");
    // Each way rounds down: no more than a unit for each band or position apart.
    for token in 0..2 {
        let by_band = told.iter().fold(U256::ZERO, |sum, band| sum + band.held.units(token).0);
        let positions = ledger.positions().iter().map(|position| position_holdings(ledger, position));
        let by_position = positions.fold(U256::ZERO, |sum, held| sum + held.units(token).0);
        let off = by_band.max(by_position) - by_band.min(by_position);
        assert!(off <= U256::from(4), "token{token}: {by_band} in bands, {by_position} in positions");
    }
}
