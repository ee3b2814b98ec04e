//! The ledger of a concentrated pool: Uniswap v3, Aerodrome Slipstream.
//!
//! It keeps the price, each tick's liquidity, and each position's range, liquidity and holder. What an event states
//! is checked: a swap's liquidity and tick against the ticks it crossed, a mint's and a burn's amounts against the
//! pool's own arithmetic, a hand-over against the holder.

mod trades;

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use alloy_primitives::{Address, U256};
use serde::{Deserialize, Serialize};

use crate::aside::Aside;
use crate::event::PoolEvent;
use crate::id::Holding;
use crate::ledger::growth::FeeBook;
use crate::ledger::index::Index;
use crate::ledger::{Change, Fault, PositionIndex, PriceChange, StakeChange, Totals, square};
use crate::math::amounts::{Rounding, holdings};
use crate::math::bitmap::Neighbours;
use crate::math::tick::{range_exists, stand};
use crate::pool::PoolFacts;
use crate::unit::{Amount, Liquidity, SqrtPriceX96, Tick, TickRange};

/// A concentrated pool's state after some event.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Stored")]
pub struct ConcentratedLedger {
    price: Option<Price>,
    liquidity: u128,
    /// Of all positions, wherever the price is; the accrual's numbers are sized for it.
    liquidity_of_all: u128,
    ticks: BTreeMap<Tick, TickLiquidity>,
    /// The neighbours of some tick, as long as no tick came or went.
    #[serde(skip_serializing)]
    near: Aside<Option<Neighbours>>,
    positions: Vec<Position>,
    /// By position: a number that is another one whenever its liquidity has changed, for who brings something up to date by it.
    /// Apart from the positions, since all of these are looked at. Zero is for those that never changed, as far as whoever begins
    /// to look knows: a ledger that was stored begins above it.
    #[serde(skip_serializing)]
    changes: Aside<Vec<u32>>,
    #[serde(skip_serializing)]
    index: Index,
    facts: PoolFacts,
    fees: FeeBook,
    totals: Totals,
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
    /// Fee growth of token0 on the other side of the tick than the price, as the pool keeps it, modulo 2^256.
    #[serde(default)]
    pub outside0_x128: U256,
    /// The same of token1.
    #[serde(default)]
    pub outside1_x128: U256,
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

/// What is kept of a ledger, in the order of its fields: all but the index, which follows from the positions, and what follows
/// from the ticks, or from how it came to be.
#[derive(Deserialize)]
struct Stored {
    price: Option<Price>,
    liquidity: u128,
    liquidity_of_all: u128,
    ticks: BTreeMap<Tick, TickLiquidity>,
    positions: Vec<Position>,
    facts: PoolFacts,
    fees: FeeBook,
    totals: Totals,
}

impl ConcentratedLedger {
    /// Before the first event.
    pub fn new(facts: &PoolFacts) -> Self {
        Self { facts: facts.clone(), totals: Totals::of(2), ..Self::default() }
    }

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
            PoolEvent::Swapped { amount0, amount1, sqrt_price_x96, liquidity, tick } => {
                let to = Price { sqrt_price_x96: *sqrt_price_x96, tick: *tick };
                self.swap((*amount0, *amount1), to, *liquidity)
            }
            PoolEvent::Flashed { paid0, paid1 } => self.flash(*paid0, *paid1),
            PoolEvent::ProtocolFeeChanged { denominator0, denominator1 } => {
                self.fees.set_protocol(*denominator0, *denominator1);
                Ok(Change::None)
            }
            PoolEvent::ProtocolFeesCollected { amount0, amount1 } => {
                self.fees.collect_protocol(*amount0, *amount1).map(|()| Change::None)
            }
            PoolEvent::HolderChanged { holding, from, to } => self.hand_over(*holding, *from, *to),
            PoolEvent::Collected { .. }
            | PoolEvent::NftStaked { .. }
            | PoolEvent::NftUnstaked { .. }
            | PoolEvent::WrapperSharesMoved { .. }
            | PoolEvent::PriceAnswered { .. } => Ok(Change::None),
            _ => Err(Fault::NotOfThisVenue),
        }
    }

    /// What trades have moved so far.
    pub fn totals(&self) -> &Totals {
        &self.totals
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

    /// By position: a number that is another one whenever its liquidity has changed, and zero only before the first time.
    pub(crate) fn changes(&self) -> &[u32] {
        &self.changes.0
    }

    /// The position that `holding` names.
    pub fn find(&self, holding: &Holding) -> Option<(PositionIndex, &Position)> {
        self.index.find(holding, &self.positions).map(|index| (index, &self.positions[index.as_usize()]))
    }

    fn initialize(&mut self, sqrt_price_x96: SqrtPriceX96, tick: Tick) -> Result<Change, Fault> {
        if self.price.is_some() {
            return Err(Fault::InitializedTwice);
        }
        if stand(sqrt_price_x96, tick).is_none() {
            return Err(Fault::PriceOffTick { sqrt_price_x96, tick });
        }
        self.price = Some(Price { sqrt_price_x96, tick });
        Ok(Change::Price(Arc::new(price_change(None, tick, sqrt_price_x96))))
    }

    /// Liquidity in range once the ticks between `from` and `to` are crossed, in the order of crossing: in another
    /// one the sum could fall below zero on the way.
    fn liquidity_at(&self, from: Tick, to: Tick, neighbours: Neighbours) -> Option<u128> {
        if neighbours.surround(to) {
            return Some(self.liquidity);
        }
        let mut crossed = self.ticks.range(between(from.min(to), from.max(to))).map(|(_, tick)| tick.net);
        if from <= to {
            crossed.try_fold(self.liquidity, u128::checked_add_signed)
        } else {
            crossed.rev().try_fold(self.liquidity, u128::checked_sub_signed)
        }
    }

    /// The ticks next to `tick`. Most trades end between those of the trade before.
    fn neighbours(&mut self, tick: Tick) -> Neighbours {
        match self.near.0.filter(|known| known.surround(tick)) {
            Some(known) => known,
            None => *self.near.0.insert(Neighbours::of(&self.ticks, tick)),
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
        let is_on_grid =
            |tick: Tick| self.facts.tick_spacing.is_none_or(|spacing| tick.0.checked_rem(spacing) == Some(0));
        if !range_exists(range) || !is_on_grid(range.lower) || !is_on_grid(range.upper) {
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
        let known = self.index.find(&holding, &self.positions);
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
        let index = self.index.find(&holding, &self.positions).ok_or(Fault::UnknownPosition { holding })?;
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
            Holding::Own { owner, .. } | Holding::Share { owner } => owner,
        };
        self.positions.push(Position { holding, range, liquidity: Liquidity(0), holder });
        self.changes.0.push(0);
        self.index.insert(PositionIndex(count), &self.positions);
        PositionIndex(count)
    }

    fn set_liquidity(&mut self, index: PositionIndex, liquidity: Liquidity) -> Change {
        let position = &mut self.positions[index.as_usize()];
        position.liquidity = liquidity;
        let changes = &mut self.changes.0[index.as_usize()];
        *changes = changes.checked_add(1).unwrap_or(1);
        stake(index, position)
    }

    fn hand_over(&mut self, holding: Holding, from: Address, to: Address) -> Result<Change, Fault> {
        let index = self.index.find(&holding, &self.positions).ok_or(Fault::UnknownPosition { holding })?;
        let position = &mut self.positions[index.as_usize()];
        if position.holder != from {
            return Err(Fault::HolderMismatch { holding, held: position.holder, stated: from });
        }
        position.holder = to;
        Ok(stake(index, position))
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
        let held = self.ticks.get(&tick).copied().unwrap_or_else(|| self.fresh_tick(tick));
        let gross = held.gross.checked_add_signed(gross).ok_or(Fault::LiquidityOverflow)?;
        let net = held.net.checked_add(net).ok_or(Fault::LiquidityOverflow)?;
        Ok(TickLiquidity { gross, net, ..held })
    }

    /// A tick at its first position: the pool takes all growth so far to have happened below it.
    fn fresh_tick(&self, tick: Tick) -> TickLiquidity {
        let below = self.price.is_some_and(|price| tick <= price.tick);
        let growth = self.fees.growth_global_x128().filter(|_| below).unwrap_or_default();
        TickLiquidity { outside0_x128: growth.0, outside1_x128: growth.1, ..TickLiquidity::default() }
    }

    fn put_tick(&mut self, tick: Tick, liquidity: TickLiquidity) {
        let is_there = liquidity.gross > 0;
        let before = if is_there { self.ticks.insert(tick, liquidity) } else { self.ticks.remove(&tick) };
        if before.is_some() != is_there {
            self.near = Aside::default();
        }
    }
}

/// The ticks that a price moving from `low` up to `high`, or back, crosses: `low < tick <= high`.
pub(crate) fn between(low: Tick, high: Tick) -> (Bound<Tick>, Bound<Tick>) {
    (Bound::Excluded(low), Bound::Included(high))
}

fn price_change(from: Option<Tick>, to: Tick, sqrt_price_x96: SqrtPriceX96) -> PriceChange {
    PriceChange::new(from, to, sqrt_price_x96, Some(square(sqrt_price_x96)))
}

fn stake(position: PositionIndex, held: &Position) -> Change {
    let Position { range, liquidity, holder, .. } = *held;
    Change::Stakes(vec![StakeChange { position, range, liquidity, holder }])
}

fn same_range(position: &Position, stated: TickRange) -> Result<(), Fault> {
    if position.range == stated {
        return Ok(());
    }
    Err(Fault::RangeMoved { holding: position.holding, held: position.range, stated })
}

impl From<Stored> for ConcentratedLedger {
    fn from(stored: Stored) -> Self {
        let Stored { price, liquidity, liquidity_of_all, ticks, positions, facts, fees, totals } = stored;
        Self {
            price,
            liquidity,
            liquidity_of_all,
            ticks,
            near: Aside::default(),
            index: Index::of(&positions),
            changes: Aside(vec![1; positions.len()]),
            positions,
            facts,
            fees,
            totals,
        }
    }
}
