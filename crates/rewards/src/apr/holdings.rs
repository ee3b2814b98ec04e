//! What each position of a pool holds, counted once for all the sums over them, and not again while it stands still.

use std::borrow::Cow;

use super::{Held, holdings_of};
use crate::accrue::CampaignAccrual;
use crate::ledger::Ledger;
use crate::ledger::concentrated::{ConcentratedLedger, Position, Price};
use crate::math::amounts::{Inverted, InvertedRange, Rounding, UnitHoldings, holdings};
use crate::math::memo::RangeMemo;
use crate::ownership::StakeIndex;
use crate::tracker::PoolTracker;
use crate::unit::{Amount, Liquidity, Tick, TickRange};

/// What the positions of one pool hold now, each rounded down as the pool pays it out.
#[derive(Debug)]
pub struct Holdings<'a> {
    ledger: &'a Ledger,
    /// Nothing for a pool with shares, or without a price.
    counted: Cow<'a, Counted>,
}

/// What positions held when they were last counted; nothing is known at first.
///
/// It belongs to one ledger and what that grows into: one that is folded anew needs a new one.
#[derive(Debug, Clone, Default)]
pub struct Counted {
    /// By the position's index.
    positions: Vec<Known>,
    /// What each held. Apart from the rest, which is looked at of all of them.
    held: Vec<Pair>,
    /// What those hold whose range the price stands aside of.
    aside: Pair,
    /// What those in range hold; `None` where none is.
    in_range: Option<Pair>,
    /// How many have liquidity.
    open: usize,
    ranges: RangeMemo<Range>,
}

/// Of a range in which there are positions.
#[derive(Debug, Clone, Copy)]
struct Range {
    ends: Option<InvertedRange>,
    /// What a unit of liquidity in it holds, where the price was when that was counted.
    unit: Option<(Price, UnitHoldings)>,
}

/// A position as it was counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Known {
    liquidity: Liquidity,
    side: Side,
}

/// Where the price is, seen from a range. Outside of it, what a position holds does not change with the price.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Side {
    #[default]
    Below,
    Inside,
    Above,
}

const FITS: &str =
    "the ledger refuses ranges that do not exist, and 128 bits of liquidity hold below 2^256 units";

/// So much of token0 and of token1.
type Pair = (Amount, Amount);

impl<'a> Holdings<'a> {
    /// Counts them. Costs a step per position.
    pub fn of(ledger: &'a Ledger) -> Self {
        let mut counted = Counted::default();
        counted.bring_up_to_date(ledger);
        Self { ledger, counted: Cow::Owned(counted) }
    }

    /// Counts those that have changed since `counted` was last brought up to date.
    pub fn since(ledger: &'a Ledger, counted: &'a mut Counted) -> Self {
        counted.bring_up_to_date(ledger);
        Self { ledger, counted: Cow::Borrowed(counted) }
    }

    /// What all positions hold, without fees owed to them; of a pool with shares, its reserves.
    pub fn all(&self) -> Held {
        self.reserves().unwrap_or_else(|| held((self.counted.open > 0).then(|| self.counted.all())))
    }

    /// What the positions in range hold; of a pool with shares, its reserves.
    pub fn in_range(&self) -> Held {
        self.reserves().unwrap_or_else(|| held(self.counted.in_range))
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
            Ledger::Concentrated(ledger) if ledger.price().is_some() => self.counted.open,
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
        let stakes = tracker.ownership().stakes();
        let position = |stake: StakeIndex| stakes[stake.as_usize()].position.as_usize();
        let known = |index: usize| self.counted.positions.get(index);
        let counts =
            |stake| everywhere || known(position(stake)).is_none_or(|known| known.side == Side::Inside);
        let mut whole: Option<Pair> = None;
        let mut parts = Held::default();
        for (stake, liquidity) in accrual.eligible_among(counts) {
            let index = position(stake);
            if known(index).is_some_and(|known| known.liquidity == liquidity) {
                let held = self.counted.held[index];
                whole = Some(whole.map_or(held, |sum| plus(sum, held)));
            } else {
                let range = self.ledger.positions()[index].range;
                parts = parts.plus(holdings_of(self.ledger, range, liquidity));
            }
        }
        held(whole).plus(parts)
    }
}

impl Counted {
    fn bring_up_to_date(&mut self, ledger: &Ledger) {
        let Some(ledger) = ledger.concentrated() else { return };
        let Some(price) = ledger.price() else { return };
        self.positions.resize(ledger.positions().len(), Known::default());
        self.held.resize(ledger.positions().len(), Pair::default());
        self.ranges.make_room(self.positions.len());
        self.in_range = None;
        let inverted = Inverted::of(price.sqrt_price_x96);
        for index in 0..self.positions.len() {
            let (position, known) = (&ledger.positions()[index], self.positions[index]);
            if position.liquidity == Liquidity(0) && known.liquidity == Liquidity(0) {
                continue;
            }
            let now = Known { liquidity: position.liquidity, side: Side::of(position.range, price.tick) };
            if now != known || now.side == Side::Inside {
                let held = self.count(position, price, inverted.as_ref());
                self.put(index, now, held);
            }
        }
        debug_assert!(self.is_what_is_counted_whole(ledger, price), "what stands still is known");
    }

    /// What a position holds. Many share few ranges, and the price is the same for all.
    fn count(&mut self, position: &Position, price: Price, inverted: Option<&Inverted>) -> Pair {
        let (&Position { range, liquidity, .. }, Price { tick, sqrt_price_x96 }) = (position, price);
        let known = self.ranges.get(range, || Range { ends: InvertedRange::of(range), unit: None });
        if known.unit.is_none_or(|(counted_at, _)| counted_at != price) {
            let unit = known.ends.zip(inverted);
            let unit = unit.and_then(|(ends, inverted)| UnitHoldings::of(range, &ends, tick, inverted));
            known.unit = unit.map(|unit| (price, unit));
        }
        let unit = known.unit.map(|(_, unit)| unit);
        let whole = || holdings(liquidity, range, tick, sqrt_price_x96, Rounding::Down).expect(FITS);
        unit.and_then(|unit| unit.times(liquidity)).unwrap_or_else(whole)
    }

    fn put(&mut self, index: usize, now: Known, held: Pair) {
        let before = std::mem::replace(&mut self.positions[index], now);
        let held_before = std::mem::replace(&mut self.held[index], held);
        if before.side != Side::Inside {
            self.aside = less(self.aside, held_before);
        }
        if now.side != Side::Inside {
            self.aside = plus(self.aside, held);
        } else if now.liquidity > Liquidity(0) {
            self.in_range = Some(self.in_range.map_or(held, |sum| plus(sum, held)));
        }
        self.open -= usize::from(before.liquidity > Liquidity(0));
        self.open += usize::from(now.liquidity > Liquidity(0));
    }

    /// What they hold together.
    fn all(&self) -> Pair {
        self.in_range.map_or(self.aside, |in_range| plus(self.aside, in_range))
    }

    fn is_what_is_counted_whole(&self, ledger: &ConcentratedLedger, price: Price) -> bool {
        let open = ledger.positions().iter().filter(|position| position.liquidity > Liquidity(0));
        let Price { tick, sqrt_price_x96 } = price;
        let whole = |one: &Position| holdings(one.liquidity, one.range, tick, sqrt_price_x96, Rounding::Down);
        open.map(|position| whole(position).expect(FITS)).fold(Pair::default(), plus) == self.all()
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

fn plus(a: Pair, b: Pair) -> Pair {
    let sum = |a: Amount, b: Amount| a.checked_add(b).expect("a pool's balance fits 256 bits");
    (sum(a.0, b.0), sum(a.1, b.1))
}

fn less(a: Pair, b: Pair) -> Pair {
    let rest = |a: Amount, b: Amount| a.checked_sub(b).expect("what is taken away was added before");
    (rest(a.0, b.0), rest(a.1, b.1))
}

/// Where nobody holds anything, no token is listed.
fn held(sum: Option<Pair>) -> Held {
    sum.map_or_else(Held::default, |(token0, token1)| Held(vec![token0, token1]))
}
