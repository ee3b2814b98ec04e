//! A small honest pool: plays steps into the events that a real one would write, and notes the rare cases it met.

mod edge;
pub(crate) mod history;

pub(crate) use edge::Edge;

use std::collections::{BTreeMap, BTreeSet};

use accrual_rewards::event::{PlacedEvent, PoolEvent};
use accrual_rewards::id::Holding;
use accrual_rewards::math::tick::{TICK_MAX, TICK_MIN, sqrt_ratio};
use accrual_rewards::unit::{
    Amount, BlockNumber, Liquidity, SignedAmount, SqrtPriceX96, Tick, TickRange, UnixSeconds,
};
use alloy_primitives::{Address, U256};
use num_bigint::BigInt;
use num_integer::Integer;

use crate::reference::big;

/// Where a swap goes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Target {
    /// Into a tick, by thousandths of it.
    Inside { tick: i32, thousandths: u32 },
    /// Exactly onto a tick, which leaves the tick one lower when it came from above.
    Onto(i32),
    /// The last price below a tick.
    JustBelow(i32),
    /// The first price above a tick's own.
    JustAbove(i32),
    /// The lowest price of any pool.
    Min,
    /// The highest price of any pool.
    Max,
}

/// One thing that somebody does to the pool; what is impossible at the time is left out.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    Swap(Target),
    /// Adds to the position in a slot, opening it if need be; an NFT then goes to `to`, if that is known.
    Add {
        slot: usize,
        range: TickRange,
        liquidity: u128,
        to: Option<Address>,
    },
    /// Takes out so many thousandths; 1000 is all of it.
    Remove {
        slot: usize,
        thousandths: u32,
    },
    /// Adds and takes out again in the same block.
    Flicker {
        slot: usize,
        range: TickRange,
        liquidity: u128,
    },
    Poke {
        slot: usize,
    },
    Give {
        slot: usize,
        to: Address,
    },
    /// Takes all out and burns the NFT; the slot begins anew.
    Destroy {
        slot: usize,
    },
    /// Something that does not change a stake.
    Aside(u8),
}

/// The pool's state, and what it has written so far.
pub(crate) struct Pool {
    block: u64,
    at_seconds: u64,
    log_index: u32,
    price: (U256, i32),
    slots: Vec<Slot>,
    positions: BTreeMap<Holding, Held>,
    past_holders: BTreeSet<(Holding, Address)>,
    excluded: Vec<Address>,
    pub(crate) events: Vec<PlacedEvent>,
    pub(crate) edges: BTreeSet<Edge>,
}

/// What a slot's position is called: the n-th NFT of it, or the owner's own.
pub(crate) enum Slot {
    Nft { generation: u64 },
    Own { owner: Address },
}

#[derive(Clone, Copy)]
struct Held {
    range: TickRange,
    liquidity: u128,
    holder: Address,
}

pub(crate) const MANAGER: Address = Address::repeat_byte(0xee);

impl Pool {
    pub(crate) fn new(at_seconds: u64, first: Target, slots: Vec<Slot>, excluded: Vec<Address>) -> Self {
        let mut pool = Self {
            block: 100,
            at_seconds,
            log_index: 0,
            price: (U256::ZERO, 0),
            slots,
            positions: BTreeMap::new(),
            past_holders: BTreeSet::new(),
            excluded,
            events: Vec::new(),
            edges: BTreeSet::new(),
        };
        pool.price = pool.resolve(first);
        let (sqrt, tick) = pool.price;
        pool.write(PoolEvent::Initialized { sqrt_price_x96: SqrtPriceX96(sqrt), tick: Tick(tick) });
        pool
    }

    pub(crate) fn at_seconds(&self) -> u64 {
        self.at_seconds
    }

    /// Goes on to the next block, `seconds` later.
    pub(crate) fn next_block(&mut self, seconds: u64) {
        let unknown = |held: &Held| held.liquidity > 0 && held.holder.is_zero();
        self.note(Edge::HolderUnknownForAWhile, seconds > 0 && self.positions.values().any(unknown));
        self.note(Edge::EverybodyLeft, seconds > 0 && self.held_at_all() && self.active() == 0);
        self.note(Edge::FeesButNoToken0, seconds > 0 && self.fees_but_no_token0());
        self.note(Edge::BlocksOfEqualTime, seconds == 0);
        self.note(Edge::IdleForLong, seconds >= 1000);
        self.block += 1;
        self.at_seconds += seconds;
        self.log_index = 0;
    }

    pub(crate) fn play(&mut self, step: &Step) {
        match *step {
            Step::Swap(target) => self.swap(target),
            Step::Add { slot, range, liquidity, to } => self.add(slot, range, liquidity, to),
            Step::Remove { slot, thousandths } => self.remove(slot, thousandths),
            Step::Flicker { slot, range, liquidity } => {
                let fresh = self.liquidity_in(slot) == 0;
                self.add(slot, range, liquidity, None);
                self.remove(slot, 1000);
                self.note(Edge::BornAndGoneInABlock, fresh);
            }
            Step::Poke { slot } => self.poke(slot),
            Step::Give { slot, to } => self.give(slot, to),
            Step::Destroy { slot } => self.destroy(slot),
            Step::Aside(kind) => self.aside(kind),
        }
    }

    fn swap(&mut self, target: Target) {
        let (sqrt, tick) = self.resolve(target);
        let (low, high) = (self.price.1.min(tick), self.price.1.max(tick));
        let ends = |held: &Held| [held.range.lower.0, held.range.upper.0];
        let crossed: BTreeSet<i32> =
            self.positions.values().filter(|held| held.liquidity > 0).flat_map(ends).collect();
        self.note(Edge::ManyTicksCrossed, crossed.iter().filter(|t| low < **t && **t <= high).count() >= 3);
        self.note(Edge::PriceNearMin, tick < -887_000);
        self.note(Edge::PriceNearMax, tick > 887_000);
        self.note(Edge::PriceOnTickFromAbove, ratio(tick + 1) == sqrt);
        self.note(Edge::PriceOneBelowTick, ratio(tick + 1) == sqrt + U256::ONE);
        self.price = (sqrt, tick);
        self.write(PoolEvent::Swapped {
            amount0: SignedAmount::default(),
            amount1: SignedAmount::default(),
            sqrt_price_x96: SqrtPriceX96(sqrt),
            liquidity: Liquidity(self.active()),
            tick: Tick(tick),
        });
    }

    /// The price and tick after a swap that stops at `target`.
    fn resolve(&self, target: Target) -> (U256, i32) {
        let clamp = |tick: i32| tick.clamp(TICK_MIN.0 + 1, TICK_MAX.0 - 1);
        match target {
            Target::Inside { tick, thousandths } => {
                let tick = clamp(tick);
                let width = ratio(tick + 1) - ratio(tick);
                (ratio(tick) + width * U256::from(thousandths.min(999)) / U256::from(1000), tick)
            }
            Target::Onto(tick) => {
                let (tick, sqrt) = (clamp(tick), ratio(clamp(tick)));
                match sqrt.cmp(&self.price.0) {
                    std::cmp::Ordering::Less => (sqrt, tick - 1),
                    std::cmp::Ordering::Equal => self.price,
                    std::cmp::Ordering::Greater => (sqrt, tick),
                }
            }
            Target::JustBelow(tick) => (ratio(clamp(tick)) - U256::ONE, clamp(tick) - 1),
            Target::JustAbove(tick) => (ratio(clamp(tick)) + U256::ONE, clamp(tick)),
            Target::Min => (ratio(TICK_MIN.0) + U256::ONE, TICK_MIN.0),
            Target::Max => (ratio(TICK_MAX.0) - U256::ONE, TICK_MAX.0 - 1),
        }
    }

    fn add(&mut self, slot: usize, range: TickRange, liquidity: u128, to: Option<Address>) {
        let holding = self.holding(slot, range);
        let holder = match holding {
            Holding::Own { owner, .. } => owner,
            _ => Address::ZERO,
        };
        let known = self.positions.get(&holding).copied();
        let mut held = known.unwrap_or(Held { range, liquidity: 0, holder });
        let shared = self.positions.values().any(|other| other.liquidity > 0 && other.range == held.range);
        self.note(Edge::SharedRange, known.is_none() && shared);
        self.note(Edge::RefillAfterNothing, known.is_some() && held.liquidity == 0);
        self.note(Edge::HeldInThePool, matches!(holding, Holding::Own { .. }));
        self.note(Edge::LiquidityOfOne, liquidity == 1);
        self.note(Edge::LiquidityOf2Pow99, liquidity >= 1 << 99);
        let (amount0, amount1) = self.amounts(held.range, liquidity, true);
        held.liquidity += liquidity;
        self.positions.insert(holding, held);
        let (range, liquidity) = (held.range, Liquidity(liquidity));
        self.write(PoolEvent::LiquidityAdded { holding, range, liquidity, amount0, amount1 });
        if let (Holding::Nft { .. }, true, Some(to)) = (holding, held.holder.is_zero(), to) {
            self.give(slot, to);
        }
    }

    fn remove(&mut self, slot: usize, thousandths: u32) {
        let Some((holding, held)) = self.held(slot) else { return };
        let whole = held.liquidity;
        let part = if thousandths >= 1000 { whole } else { whole / 1000 * u128::from(thousandths) };
        if part == 0 {
            return;
        }
        self.note(Edge::BurnInPart, part < whole);
        self.note(Edge::BurnToNothing, part == whole);
        self.take(holding, held, part);
    }

    /// Only a position with liquidity can be poked; the pool refuses others.
    fn poke(&mut self, slot: usize) {
        let Some((holding, held)) = self.held(slot).filter(|(_, held)| held.liquidity > 0) else { return };
        self.note(Edge::Poke, true);
        self.take(holding, held, 0);
    }

    fn take(&mut self, holding: Holding, held: Held, part: u128) {
        let (amount0, amount1) = self.amounts(held.range, part, false);
        self.positions.insert(holding, Held { liquidity: held.liquidity - part, ..held });
        let (range, liquidity) = (held.range, Liquidity(part));
        self.write(PoolEvent::LiquidityRemoved { holding, range, liquidity, amount0, amount1 });
    }

    fn give(&mut self, slot: usize, to: Address) {
        let Some((holding @ Holding::Nft { .. }, held)) = self.held(slot) else { return };
        let from = held.holder;
        self.note(Edge::HandedToSelf, from == to && held.liquidity > 0);
        self.note(Edge::HandedToOther, from != to && !from.is_zero() && held.liquidity > 0);
        self.note(Edge::HandedToExcluded, self.excluded.contains(&to) && !self.excluded.contains(&from));
        self.note(Edge::HandedBack, from != to && self.past_holders.contains(&(holding, to)));
        self.past_holders.insert((holding, from));
        self.positions.insert(holding, Held { holder: to, ..held });
        self.write(PoolEvent::HolderChanged { holding, from, to });
    }

    fn destroy(&mut self, slot: usize) {
        self.remove(slot, 1000);
        self.give(slot, Address::ZERO);
        if let Slot::Nft { generation } = &mut self.slots[slot] {
            *generation += 1;
        }
    }

    fn aside(&mut self, kind: u8) {
        let (one, two) = (Amount(U256::from(1)), Amount(U256::from(2)));
        let event = match (kind % 3, self.held(usize::from(kind) % self.slots.len())) {
            (0, Some((holding, _))) => PoolEvent::Collected { holding, amount0: one, amount1: two },
            (1, _) => PoolEvent::ProtocolFeeChanged { denominator0: 4, denominator1: 10 },
            _ => PoolEvent::Flashed { paid0: one, paid1: two },
        };
        self.write(event);
    }

    fn write(&mut self, event: PoolEvent) {
        self.note(Edge::SeveralInABlock, self.log_index > 0);
        let (block_number, block_at) = (BlockNumber(self.block), UnixSeconds(self.at_seconds));
        self.events.push(PlacedEvent { block_number, block_at, log_index: self.log_index, event });
        self.log_index += 3;
    }

    pub(crate) fn note(&mut self, edge: Edge, met: bool) {
        if met {
            self.edges.insert(edge);
        }
    }

    fn holding(&self, slot: usize, range: TickRange) -> Holding {
        match self.slots[slot] {
            Slot::Nft { generation } => {
                Holding::Nft { manager: MANAGER, id: U256::from(slot) + U256::from(100 * generation) }
            }
            Slot::Own { owner } => Holding::Own { owner, range },
        }
    }

    /// The slot's position; of an owner's own, the first in order of ranges that has liquidity.
    fn held(&self, slot: usize) -> Option<(Holding, Held)> {
        let found = |(holding, held): (&Holding, &Held)| (*holding, *held);
        match self.slots[slot] {
            Slot::Nft { .. } => {
                let holding = self.holding(slot, TickRange::default());
                self.positions.get_key_value(&holding).map(found)
            }
            Slot::Own { owner: own } => self
                .positions
                .iter()
                .find(|(holding, held)| {
                    matches!(holding, Holding::Own { owner, .. } if *owner == own) && held.liquidity > 0
                })
                .map(found),
        }
    }

    fn liquidity_in(&self, slot: usize) -> u128 {
        self.held(slot).map_or(0, |(_, held)| held.liquidity)
    }

    /// Liquidity in range, position by position.
    fn active(&self) -> u128 {
        self.in_range().map(|held| held.liquidity).sum()
    }

    fn in_range(&self) -> impl Iterator<Item = &Held> {
        let tick = self.price.1;
        self.positions.values().filter(move |held| held.range.lower.0 <= tick && tick < held.range.upper.0)
    }

    fn held_at_all(&self) -> bool {
        self.positions.values().any(|held| held.liquidity > 0)
    }

    fn fees_but_no_token0(&self) -> bool {
        self.active() > 0
            && self.in_range().all(|held| held.liquidity == 0 || ratio(held.range.upper.0) == self.price.0)
    }

    /// What the pool asks for liquidity (rounding up) or gives for it.
    fn amounts(&self, range: TickRange, liquidity: u128, up: bool) -> (Amount, Amount) {
        let (a, b) = (big(ratio(range.lower.0)), big(ratio(range.upper.0)));
        let (sqrt, tick) = self.price;
        let s = if tick < range.lower.0 {
            a.clone()
        } else if tick < range.upper.0 {
            big(sqrt)
        } else {
            b.clone()
        };
        let liquidity = BigInt::from(liquidity);
        let divide = |n: BigInt, d: &BigInt| if up { Integer::div_ceil(&n, d) } else { n.div_floor(d) };
        let amount0 = divide(divide((&liquidity << 96_u32) * (&b - &s), &b), &s);
        let amount1 = divide(liquidity * (s - a), &(BigInt::from(1) << 96_u32));
        (amount(&amount0), amount(&amount1))
    }
}

fn amount(number: &BigInt) -> Amount {
    number.to_string().parse().expect("an amount of a pool fits 256 bits")
}

pub(crate) fn ratio(tick: i32) -> U256 {
    sqrt_ratio(Tick(tick)).expect("targets are clamped to the ticks that exist").0
}
