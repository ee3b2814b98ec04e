//! What each position of a concentrated pool held when it was last looked at, brought up to date at the cost of what changed since.
//!
//! Positions are kept with their range, as many share few ranges. Where the price stands aside of a range, what those in it
//! hold stays as it is; of the others each is counted anew, with one inverse a range.

use std::collections::HashMap;

use crate::ledger::concentrated::{ConcentratedLedger, Position, Price};
use crate::math::amounts::{Inverted, InvertedRange, Rounding, UnitHoldings, holdings};
use crate::unit::{Amount, Liquidity, Tick, TickRange};

/// What positions held when they were last counted; nothing is known at first.
///
/// It belongs to one ledger and what that grows into: one that is folded anew needs a new one.
#[derive(Debug, Clone, Default)]
pub struct Counted {
    /// By the position's index.
    positions: Vec<Known>,
    /// Of each, which change of its liquidity was counted last.
    changes: Vec<u32>,
    places: HashMap<TickRange, u32>,
    ranges: Vec<Range>,
    /// By range: where the price was when it was last looked at. Apart from what lies in them, since all of these are looked at.
    sides: Vec<(TickRange, Side)>,
    /// What those hold whose range the price stands aside of.
    aside: Pair,
    /// What those in range hold; `None` where none is.
    in_range: Option<Pair>,
    /// How many have liquidity.
    open: usize,
}

/// A position as it was counted.
#[derive(Debug, Clone, Copy, Default)]
struct Known {
    liquidity: Liquidity,
    side: Side,
    /// Its range, and its place among those in it; while it has liquidity.
    place: Option<(u32, u32)>,
}

/// A range in which there are positions, or were.
#[derive(Debug, Clone)]
struct Range {
    range: TickRange,
    ends: Option<InvertedRange>,
    /// Those with liquidity.
    members: Vec<Member>,
}

/// A position in a range. Those of one range lie beside each other, since an hour looks at all that are in range.
#[derive(Debug, Clone, Copy)]
struct Member {
    position: u32,
    liquidity: Liquidity,
    held: Pair,
}

/// Where the price is, seen from a range. Outside of it, what a position holds does not change with the price.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Side {
    #[default]
    Below,
    Inside,
    Above,
}

/// The price at which is counted.
struct Now {
    price: Price,
    inverted: Option<Inverted>,
}

/// So much of token0 and of token1.
pub(super) type Pair = (Amount, Amount);

const FITS: &str =
    "the ledger refuses ranges that do not exist, and 128 bits of liquidity hold below 2^256 units";

const FEW: &str = "a pool has fewer than 2^32 positions";

impl Counted {
    /// Counts what has changed; nothing before the first price.
    pub(super) fn bring_up_to_date(&mut self, ledger: &ConcentratedLedger) {
        let Some(price) = ledger.price() else { return };
        let now = Now { price, inverted: Inverted::of(price.sqrt_price_x96) };
        self.positions.resize(ledger.positions().len(), Known::default());
        self.changes.resize(ledger.positions().len(), 0);
        for place in 0..self.ranges.len() {
            self.look_at(place, &now);
        }
        for (index, changes) in ledger.changes().iter().enumerate() {
            if self.changes[index] != *changes {
                self.changes[index] = *changes;
                self.take_up(index, &ledger.positions()[index], &now);
            }
        }
        self.count_in_range(&now);
        debug_assert!(self.is_what_is_counted_whole(ledger, price), "what stands still is known");
    }

    /// What they hold together; `None` where none has liquidity.
    pub(super) fn all(&self) -> Option<Pair> {
        let all = self.in_range.map_or(self.aside, |in_range| plus(self.aside, in_range));
        (self.open > 0).then_some(all)
    }

    /// What those in range hold; `None` where none is.
    pub(super) fn in_range(&self) -> Option<Pair> {
        self.in_range
    }

    /// How many have liquidity.
    pub(super) fn open(&self) -> usize {
        self.open
    }

    /// Whether a position is in range, if it was counted.
    pub(super) fn is_in_range(&self, position: usize) -> Option<bool> {
        self.positions.get(position).map(|known| known.side == Side::Inside)
    }

    /// What a position holds that has so much liquidity; `None` where it was not counted, or has another.
    pub(super) fn held_with(&self, position: usize, liquidity: Liquidity) -> Option<Pair> {
        let known = self.positions.get(position).filter(|known| known.liquidity == liquidity)?;
        let member = known.place.map(|(range, place)| &self.ranges[as_usize(range)].members[as_usize(place)]);
        Some(member.map_or_else(Pair::default, |member| member.held))
    }

    /// Where the price is now, seen from a range.
    fn look_at(&mut self, place: usize, now: &Now) {
        let Self { ranges, sides, positions, aside, .. } = self;
        let (range, seen) = &mut sides[place];
        let side = Side::of(*range, now.price.tick);
        let before = std::mem::replace(seen, side);
        if before == side {
            return;
        }
        ranges[place].count(now, |member, counted| {
            positions[as_usize(member.position)].side = side;
            if before != Side::Inside {
                *aside = less(*aside, member.held);
            }
            if side != Side::Inside {
                *aside = plus(*aside, counted);
            }
        });
    }

    /// A position whose liquidity has changed.
    fn take_up(&mut self, index: usize, position: &Position, now: &Now) {
        if let Some((range, place)) = self.positions[index].place {
            self.leave(index, range, place);
        }
        let liquidity = position.liquidity;
        let side = Side::of(position.range, now.price.tick);
        let place = (liquidity > Liquidity(0)).then(|| self.join(index, position, now));
        self.positions[index] = Known { liquidity, side, place };
    }

    fn leave(&mut self, index: usize, range: u32, place: u32) {
        let Self { ranges, positions, aside, open, .. } = self;
        let members = &mut ranges[as_usize(range)].members;
        let left = members.swap_remove(as_usize(place));
        if let Some(moved) = members.get(as_usize(place)) {
            positions[as_usize(moved.position)].place = Some((range, place));
        }
        if positions[index].side != Side::Inside {
            *aside = less(*aside, left.held);
        }
        *open -= 1;
    }

    fn join(&mut self, index: usize, position: &Position, now: &Now) -> (u32, u32) {
        let Self { ranges, sides, places, aside, open, .. } = self;
        let next = u32::try_from(ranges.len()).expect(FEW);
        let place = *places.entry(position.range).or_insert(next);
        if place == next {
            ranges.push(Range::new(position.range));
            sides.push((position.range, Side::of(position.range, now.price.tick)));
        }
        let range = &mut ranges[as_usize(place)];
        let held = range.held(position.liquidity, range.unit(now), now);
        if sides[as_usize(place)].1 != Side::Inside {
            *aside = plus(*aside, held);
        }
        *open += 1;
        let among = u32::try_from(range.members.len()).expect(FEW);
        let position_index = u32::try_from(index).expect(FEW);
        range.members.push(Member { position: position_index, liquidity: position.liquidity, held });
        (place, among)
    }

    fn count_in_range(&mut self, now: &Now) {
        let mut sum: Option<Pair> = None;
        let inside = self.sides.iter().enumerate().filter(|(_, (_, side))| *side == Side::Inside);
        for (place, _) in inside {
            self.ranges[place]
                .count(now, |_, counted| sum = Some(sum.map_or(counted, |sum| plus(sum, counted))));
        }
        self.in_range = sum;
    }

    fn is_what_is_counted_whole(&self, ledger: &ConcentratedLedger, price: Price) -> bool {
        let open = ledger.positions().iter().filter(|position| position.liquidity > Liquidity(0));
        let whole = |one: &Position| held_by(one.liquidity, one.range, price);
        open.map(whole).fold(Pair::default(), plus) == self.all().unwrap_or_default()
    }
}

impl Range {
    fn new(range: TickRange) -> Self {
        Self { range, ends: InvertedRange::of(range), members: Vec::new() }
    }

    /// Counts what each of its members holds now; `take` sees each as it was, and that.
    fn count(&mut self, now: &Now, mut take: impl FnMut(&Member, Pair)) {
        let unit = if self.members.is_empty() { None } else { self.unit(now) };
        let mut members = std::mem::take(&mut self.members);
        for member in &mut members {
            let counted = self.held(member.liquidity, unit, now);
            take(member, counted);
            member.held = counted;
        }
        self.members = members;
    }

    /// What a unit of liquidity in it holds.
    fn unit(&self, now: &Now) -> Option<UnitHoldings> {
        let (ends, inverted) = self.ends.as_ref().zip(now.inverted.as_ref())?;
        UnitHoldings::of(self.range, ends, now.price.tick, inverted)
    }

    /// What so much liquidity in it holds, rounded down.
    fn held(&self, liquidity: Liquidity, unit: Option<UnitHoldings>, now: &Now) -> Pair {
        unit.and_then(|unit| unit.times(liquidity))
            .unwrap_or_else(|| held_by(liquidity, self.range, now.price))
    }
}

impl Side {
    fn of(range: TickRange, tick: Tick) -> Self {
        if tick < range.lower {
            Self::Below
        } else if tick < range.upper {
            Self::Inside
        } else {
            Self::Above
        }
    }
}

fn held_by(liquidity: Liquidity, range: TickRange, Price { sqrt_price_x96, tick }: Price) -> Pair {
    holdings(liquidity, range, tick, sqrt_price_x96, Rounding::Down).expect(FITS)
}

fn as_usize(place: u32) -> usize {
    usize::try_from(place).expect("accrual runs where a usize has 32 bits or more")
}

pub(super) fn plus(a: Pair, b: Pair) -> Pair {
    let sum = |a: Amount, b: Amount| a.checked_add(b).expect("a pool's balance fits 256 bits");
    (sum(a.0, b.0), sum(a.1, b.1))
}

fn less(a: Pair, b: Pair) -> Pair {
    let rest = |a: Amount, b: Amount| a.checked_sub(b).expect("what is taken away was added before");
    (rest(a.0, b.0), rest(a.1, b.1))
}
