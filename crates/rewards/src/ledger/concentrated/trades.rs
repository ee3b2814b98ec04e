//! What trades do to a concentrated pool: its price, and what its fees come to.

use std::sync::Arc;

use alloy_primitives::U256;

use super::{ConcentratedLedger, Price, price_change};
use crate::ledger::growth::{FeeBook, Input};
use crate::ledger::replay::{self, Swap};
use crate::ledger::{Change, Fault, FeeStep, PriceChange, Trade};
use crate::math::bitmap::Neighbours;
use crate::math::tick::{Stand, stand};
use crate::unit::{Amount, Liquidity, SignedAmount, TickRange};

/// Bits of the amounts that a swap can move: `L (b - a) / 2^96` with `L` below 2^128 and prices from 2^32 to 2^160 is below
/// 2^192, and so is `L 2^96 (1/a - 1/b)`. What accrual counts by trades rests on it.
const AMOUNT_BITS: usize = 192;

impl ConcentratedLedger {
    pub(super) fn swap(
        &mut self,
        amounts: (SignedAmount, SignedAmount),
        to: Price,
        stated: Liquidity,
    ) -> Result<Change, Fault> {
        let from = self.price.ok_or(Fault::NotInitialized)?;
        let stand = stand(to.sqrt_price_x96, to.tick)
            .ok_or(Fault::PriceOffTick { sqrt_price_x96: to.sqrt_price_x96, tick: to.tick })?;
        let neighbours = self.neighbours(from.tick);
        let counted = self.liquidity_at(from.tick, to.tick, neighbours).ok_or(Fault::LiquidityOverflow)?;
        if counted != stated.0 {
            return Err(Fault::LiquidityMismatch { stated, counted: Liquidity(counted) });
        }
        let (amount0, amount1) = (amounts.0.magnitude(), amounts.1.magnitude());
        if amount0.0.bit_len().max(amount1.0.bit_len()) > AMOUNT_BITS {
            return Err(Fault::StateMismatch {
                what: "what a swap moved",
                stated: format!("{} token0 and {} token1", amounts.0.0, amounts.1.0),
                counted: format!("less than 2^{AMOUNT_BITS} of either, as no pool holds more"),
            });
        }
        let steps = self.earn(amounts, (from, to, stand), neighbours)?;
        self.liquidity = counted;
        self.price = Some(to);
        let crosses = !neighbours.surround(to.tick);
        let price = PriceChange { crosses, ..price_change(Some(from.tick), to.tick, to.sqrt_price_x96) };
        Ok(Change::Trade(Arc::new(Trade { price, amount0, amount1, steps })))
    }

    /// Replays a swap's fees; `None` where the pool's facts do not say how it counts.
    fn earn(
        &mut self,
        amounts: (SignedAmount, SignedAmount),
        (from, to, stand): (Price, Price, Stand),
        neighbours: Neighbours,
    ) -> Result<Option<Vec<FeeStep>>, Fault> {
        let spacing = self.facts.tick_spacing.filter(|spacing| *spacing > 0);
        let Some(spacing) = spacing else {
            self.fees.lose();
            self.totals.trade(replay::input_of(amounts), None);
            return Ok(None);
        };
        let (falls, input) = replay::direction(amounts, from.sqrt_price_x96, to.sqrt_price_x96)?;
        let liquidity = Liquidity(self.liquidity);
        let swap = Swap { from, to, stand, liquidity, falls, input, spacing, neighbours };
        let segments = replay::replay(&swap, &self.ticks, self.facts.fee_ppm)?;
        let side = if falls { Input::Token0 } else { Input::Token1 };
        let Some(segments) = segments else {
            self.fees.lose();
            self.totals.trade((side, input), None);
            return Ok(None);
        };
        let (steps, earned) = self.fees.earn(&segments, side, &mut self.ticks)?;
        self.totals.trade((side, input), Some(earned));
        Ok(Some(steps))
    }

    pub(super) fn flash(&mut self, paid0: Amount, paid1: Amount) -> Result<Change, Fault> {
        if self.liquidity == 0 {
            return Ok(Change::None);
        }
        let (growth0_x128, growth1_x128) = self.fees.flash(paid0, paid1, Liquidity(self.liquidity))?;
        Ok(Change::Fees { growth0_x128, growth1_x128 })
    }

    /// Fee growth since the pool began and the protocol's part; see [`FeeBook`].
    pub fn fees(&self) -> &FeeBook {
        &self.fees
    }

    /// What one unit of liquidity in `range` has earned, by token, in 2^-128 units modulo 2^256: only differences
    /// between two moments mean anything. `None` when an end is not initialised, before the first price, and once a
    /// fee could not be known.
    pub fn fee_growth_inside(&self, range: TickRange) -> Option<(U256, U256)> {
        let tick = self.price?.tick;
        let global = self.fees.growth_global_x128()?;
        let (lower, upper) = (self.ticks.get(&range.lower)?, self.ticks.get(&range.upper)?);
        let inside = |global: U256, lower: U256, upper: U256| {
            let below = if tick >= range.lower { lower } else { global.wrapping_sub(lower) };
            let above = if tick < range.upper { upper } else { global.wrapping_sub(upper) };
            global.wrapping_sub(below).wrapping_sub(above)
        };
        Some((
            inside(global.0, lower.outside0_x128, upper.outside0_x128),
            inside(global.1, lower.outside1_x128, upper.outside1_x128),
        ))
    }
}
