//! The ledger of a concentrated pool: Uniswap v3.
//!
//! It keeps the price, each tick's liquidity, and each position's range, liquidity and holder. What an event states
//! is checked: a swap's liquidity and tick against the ticks it crossed, a mint's and a burn's amounts against the
//! pool's own arithmetic, a hand-over against the holder.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;

use alloy_primitives::Address;
use serde::{Deserialize, Serialize};

use crate::event::PoolEvent;
use crate::id::Holding;
use crate::ledger::{Change, Fault, PositionIndex};
use crate::math::amounts::{Rounding, holdings};
use crate::math::tick::{price_fits_tick, range_exists};
use crate::unit::{Amount, Liquidity, SqrtPriceX96, Tick, TickRange};

/// A concentrated pool's state after some event.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Stored", into = "Stored")]
pub struct ConcentratedLedger {
    price: Option<Price>,
    liquidity: u128,
    /// Of all positions, wherever the price is; the accrual's numbers are sized for it.
    liquidity_of_all: u128,
    ticks: BTreeMap<Tick, TickLiquidity>,
    positions: Vec<Position>,
    index: HashMap<Holding, PositionIndex>,
}

/// A pool's price and the tick it stands at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Price {
    /// The price.
    pub sqrt_price_x96: SqrtPriceX96,
    /// Its tick, as the pool counts it.
    pub tick: Tick,
}

/// The liquidity of the positions that begin or end at a tick.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TickLiquidity {
    /// All of it.
    pub gross: u128,
    /// What is added when the price crosses upward.
    pub net: i128,
}

/// One position: who holds how much liquidity in which range.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// What it is.
    pub holding: Holding,
    /// Its range.
    pub range: TickRange,
    /// Its liquidity.
    pub liquidity: Liquidity,
    /// Who holds it; the zero address before an NFT's first transfer and after it is burnt.
    pub holder: Address,
}

/// What is kept of a ledger: all but the index, which follows from the positions.
#[derive(Serialize, Deserialize)]
struct Stored {
    price: Option<Price>,
    liquidity: u128,
    liquidity_of_all: u128,
    ticks: BTreeMap<Tick, TickLiquidity>,
    positions: Vec<Position>,
}

impl ConcentratedLedger {
    /// Folds one event in.
    ///
    /// # Errors
    /// The event contradicts the state; the state is then unchanged, and must not be used for later events.
    pub fn apply(&mut self, event: &PoolEvent) -> Result<Change, Fault> {
        match event {
            PoolEvent::Initialized { sqrt_price_x96, tick } => self.initialize(*sqrt_price_x96, *tick),
            PoolEvent::LiquidityAdded { holding, range, liquidity, amount0, amount1 } => {
                self.check_amounts(*liquidity, *range, (*amount0, *amount1), Rounding::Up)?;
                self.add(*holding, *range, *liquidity)
            }
            PoolEvent::LiquidityRemoved { holding, range, liquidity, amount0, amount1 } => {
                self.check_amounts(*liquidity, *range, (*amount0, *amount1), Rounding::Down)?;
                self.remove(*holding, *range, *liquidity)
            }
            PoolEvent::Swapped { sqrt_price_x96, liquidity, tick, .. } => {
                self.swap(*sqrt_price_x96, *liquidity, *tick)
            }
            PoolEvent::HolderChanged { holding, from, to } => self.hand_over(*holding, *from, *to),
            PoolEvent::Collected { .. }
            | PoolEvent::Flashed { .. }
            | PoolEvent::ProtocolFeeChanged { .. } => Ok(Change::None),
        }
    }

    /// The price; `None` before the pool got its first.
    pub fn price(&self) -> Option<Price> {
        self.price
    }

    /// Liquidity in range.
    pub fn liquidity(&self) -> Liquidity {
        Liquidity(self.liquidity)
    }

    /// Every initialised tick.
    pub fn ticks(&self) -> &BTreeMap<Tick, TickLiquidity> {
        &self.ticks
    }

    /// Every position ever seen, by [`PositionIndex`].
    pub fn positions(&self) -> &[Position] {
        &self.positions
    }

    /// The position that `holding` names.
    pub fn find(&self, holding: &Holding) -> Option<(PositionIndex, &Position)> {
        self.index.get(holding).map(|index| (*index, &self.positions[index.as_usize()]))
    }

    fn initialize(&mut self, sqrt_price_x96: SqrtPriceX96, tick: Tick) -> Result<Change, Fault> {
        if self.price.is_some() {
            return Err(Fault::InitializedTwice);
        }
        if !price_fits_tick(sqrt_price_x96, tick) {
            return Err(Fault::PriceOffTick { sqrt_price_x96, tick });
        }
        self.price = Some(Price { sqrt_price_x96, tick });
        Ok(Change::Price { from: None, to: tick, sqrt_price_x96 })
    }

    fn swap(&mut self, sqrt_price_x96: SqrtPriceX96, stated: Liquidity, to: Tick) -> Result<Change, Fault> {
        let from = self.price.ok_or(Fault::NotInitialized)?.tick;
        if !price_fits_tick(sqrt_price_x96, to) {
            return Err(Fault::PriceOffTick { sqrt_price_x96, tick: to });
        }
        let counted = self.liquidity_at(from, to).ok_or(Fault::LiquidityOverflow)?;
        if counted != stated.0 {
            return Err(Fault::LiquidityMismatch { stated, counted: Liquidity(counted) });
        }
        self.liquidity = counted;
        self.price = Some(Price { sqrt_price_x96, tick: to });
        Ok(Change::Price { from: Some(from), to, sqrt_price_x96 })
    }

    /// Liquidity in range once the ticks between `from` and `to` are crossed, in the order of crossing: in another
    /// one the sum could fall below zero on the way.
    fn liquidity_at(&self, from: Tick, to: Tick) -> Option<u128> {
        let mut crossed = self.ticks.range(between(from.min(to), from.max(to))).map(|(_, tick)| tick.net);
        if from <= to {
            crossed.try_fold(self.liquidity, u128::checked_add_signed)
        } else {
            crossed.rev().try_fold(self.liquidity, u128::checked_sub_signed)
        }
    }

    fn check_amounts(
        &self,
        liquidity: Liquidity,
        range: TickRange,
        stated: (Amount, Amount),
        rounding: Rounding,
    ) -> Result<(), Fault> {
        let price = self.price.ok_or(Fault::NotInitialized)?;
        if !range_exists(range) {
            return Err(Fault::NoSuchRange { range });
        }
        let counted = holdings(liquidity, range, price.tick, price.sqrt_price_x96, rounding);
        if counted == Some(stated) {
            return Ok(());
        }
        let text = |(amount0, amount1)| format!("{amount0} token0, {amount1} token1");
        let counted = counted.map_or_else(|| "more than 256 bits hold".to_owned(), text);
        Err(Fault::AmountsMismatch { liquidity, range, counted, stated: text(stated) })
    }

    fn add(&mut self, holding: Holding, range: TickRange, liquidity: Liquidity) -> Result<Change, Fault> {
        let known = self.index.get(&holding).copied();
        let held = match known {
            Some(index) => {
                let position = &self.positions[index.as_usize()];
                same_range(position, range)?;
                position.liquidity.0
            }
            None => 0,
        };
        let delta = i128::try_from(liquidity.0).map_err(|_| Fault::LiquidityOverflow)?;
        let sum = held.checked_add(liquidity.0).ok_or(Fault::LiquidityOverflow)?;
        let of_all = self.liquidity_of_all.checked_add(liquidity.0).ok_or(Fault::LiquidityOverflow)?;
        self.shift_range(range, delta)?;
        self.liquidity_of_all = of_all;
        let index = known.unwrap_or_else(|| self.open(holding, range));
        Ok(self.set_liquidity(index, Liquidity(sum)))
    }

    fn remove(&mut self, holding: Holding, range: TickRange, liquidity: Liquidity) -> Result<Change, Fault> {
        let index = *self.index.get(&holding).ok_or(Fault::UnknownPosition { holding })?;
        let position = &self.positions[index.as_usize()];
        same_range(position, range)?;
        let held = position.liquidity;
        let left = held.0.checked_sub(liquidity.0).ok_or(Fault::BurnExceedsLiquidity {
            holding,
            asked: liquidity,
            held,
        })?;
        if liquidity.0 == 0 {
            return Ok(Change::None);
        }
        let delta = i128::try_from(liquidity.0).map_err(|_| Fault::LiquidityOverflow)?;
        self.shift_range(range, -delta)?;
        self.liquidity_of_all -= liquidity.0;
        Ok(self.set_liquidity(index, Liquidity(left)))
    }

    fn open(&mut self, holding: Holding, range: TickRange) -> PositionIndex {
        let count = u32::try_from(self.positions.len()).expect("a pool has fewer than 2^32 positions");
        let holder = match holding {
            Holding::Nft { .. } => Address::ZERO,
            Holding::Own { owner, .. } => owner,
        };
        self.positions.push(Position { holding, range, liquidity: Liquidity(0), holder });
        self.index.insert(holding, PositionIndex(count));
        PositionIndex(count)
    }

    fn set_liquidity(&mut self, index: PositionIndex, liquidity: Liquidity) -> Change {
        let position = &mut self.positions[index.as_usize()];
        position.liquidity = liquidity;
        Change::Stake { position: index, range: position.range, liquidity, holder: position.holder }
    }

    fn hand_over(&mut self, holding: Holding, from: Address, to: Address) -> Result<Change, Fault> {
        let index = *self.index.get(&holding).ok_or(Fault::UnknownPosition { holding })?;
        let position = &mut self.positions[index.as_usize()];
        if position.holder != from {
            return Err(Fault::HolderMismatch { holding, held: position.holder, stated: from });
        }
        position.holder = to;
        Ok(Change::Stake {
            position: index,
            range: position.range,
            liquidity: position.liquidity,
            holder: to,
        })
    }

    /// Moves `delta` of liquidity in or out of both ends of `range`, and of the active liquidity if it is inside.
    fn shift_range(&mut self, range: TickRange, delta: i128) -> Result<(), Fault> {
        let price = self.price.ok_or(Fault::NotInitialized)?;
        let active = if range.contains(price.tick) {
            self.liquidity.checked_add_signed(delta).ok_or(Fault::LiquidityOverflow)?
        } else {
            self.liquidity
        };
        let lower = self.shifted(range.lower, delta, delta)?;
        let upper = self.shifted(range.upper, delta, -delta)?;
        self.liquidity = active;
        self.put_tick(range.lower, lower);
        self.put_tick(range.upper, upper);
        Ok(())
    }

    fn shifted(&self, tick: Tick, gross: i128, net: i128) -> Result<TickLiquidity, Fault> {
        let held = self.ticks.get(&tick).copied().unwrap_or_default();
        let gross = held.gross.checked_add_signed(gross).ok_or(Fault::LiquidityOverflow)?;
        let net = held.net.checked_add(net).ok_or(Fault::LiquidityOverflow)?;
        Ok(TickLiquidity { gross, net })
    }

    fn put_tick(&mut self, tick: Tick, liquidity: TickLiquidity) {
        if liquidity.gross == 0 {
            self.ticks.remove(&tick);
        } else {
            self.ticks.insert(tick, liquidity);
        }
    }
}

/// The ticks that a price moving from `low` up to `high`, or back, crosses: `low < tick <= high`.
pub(crate) fn between(low: Tick, high: Tick) -> (Bound<Tick>, Bound<Tick>) {
    (Bound::Excluded(low), Bound::Included(high))
}

fn same_range(position: &Position, stated: TickRange) -> Result<(), Fault> {
    if position.range == stated {
        return Ok(());
    }
    Err(Fault::RangeMoved { holding: position.holding, held: position.range, stated })
}

impl From<Stored> for ConcentratedLedger {
    fn from(stored: Stored) -> Self {
        let Stored { price, liquidity, liquidity_of_all, ticks, positions } = stored;
        let index =
            (0..).map(PositionIndex).zip(&positions).map(|(index, position)| (position.holding, index));
        Self { price, liquidity, liquidity_of_all, ticks, index: index.collect(), positions }
    }
}

impl From<ConcentratedLedger> for Stored {
    fn from(ledger: ConcentratedLedger) -> Self {
        let ConcentratedLedger { price, liquidity, liquidity_of_all, ticks, positions, index: _ } = ledger;
        Self { price, liquidity, liquidity_of_all, ticks, positions }
    }
}
