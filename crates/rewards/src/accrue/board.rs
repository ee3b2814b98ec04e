//! The eligible liquidity of one campaign over the ticks, and the growth that crosses them.

use std::collections::BTreeMap;

use alloy_primitives::U256;
use serde::{Deserialize, Serialize};

use crate::accrue::growth::{Growth, Inverse, Weight, inverse, times};
use crate::ledger::concentrated::between;
use crate::math::tick::sqrt_ratio;
use crate::unit::{SqrtPriceX96, Tick, TickRange};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Board {
    out_of_range: bool,
    price: Option<BoardPrice>,
    /// What holds at the price.
    active: Sums,
    global: Growths,
    ticks: BTreeMap<Tick, BoardTick>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct BoardPrice {
    tick: Tick,
    sqrt: U256,
    inverse: Inverse,
}

/// `sum L`, `sum L * a` and `sum L / b`, as the module above names them. Wrapping: with `out_of_range` the last two
/// go below zero, and the divisors made of them never do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Sums {
    liquidity: Weight,
    lower: Growth,
    upper: Growth,
}

/// The sums `P`, `A1` and `A0`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Growths {
    shared: Growth,
    token1: Growth,
    token0: Growth,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct BoardTick {
    sqrt: U256,
    inverse: Inverse,
    /// Liquidity of all that begin or end here; zero takes the tick away.
    gross: Weight,
    /// What joins the active sums when the price crosses upward.
    net: Sums,
    /// Growth on the side of the tick that the price is not on.
    outside: Growths,
    /// How often the price crossed it.
    crossings: u32,
}

/// Of a range that the price stands aside of: what stays as long as the price has stayed on that side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stillness {
    lower_crossings: u32,
    upper_crossings: u32,
}

/// What a part's emission is divided by now: the sums `D`, `D1` and `D0`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Divisors {
    pub(super) fees: Growth,
    pub(super) token1: Growth,
    pub(super) token0: Growth,
}

/// What each part pays per weight (`fees`) or token (`token1`, `token0`) now; `None` where it pays nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Payment {
    pub(super) fees: Option<Growth>,
    pub(super) token1: Option<Growth>,
    pub(super) token0: Option<Growth>,
}

impl Board {
    pub(super) fn new(out_of_range: bool) -> Self {
        let (active, global) = (Sums::default(), Growths::default());
        Self { out_of_range, price: None, active, global, ticks: BTreeMap::new() }
    }

    /// What holds now; all zero before the first price.
    pub(super) fn divisors(&self) -> Divisors {
        let Some(price) = self.price else { return Divisors::default() };
        let liquidity = Growth::from(self.active.liquidity);
        let (sqrt, inverse) = (Growth::from(price.sqrt), Growth::from(price.inverse));
        Divisors {
            fees: liquidity,
            token1: times(sqrt, liquidity).wrapping_sub(self.active.lower),
            token0: times(inverse, liquidity).wrapping_sub(self.active.upper),
        }
    }

    /// Pays those who are active now.
    pub(super) fn pay(&mut self, paid: Payment) {
        self.global = self.global_after(paid);
    }

    /// What has grown in all.
    pub(super) fn global(&self) -> Growths {
        self.global
    }

    /// So much has grown in all from now on.
    pub(super) fn grow_to(&mut self, global: Growths) {
        self.global = global;
    }

    /// What will have grown in all once those who are active now are paid.
    pub(super) fn global_after(&self, paid: Payment) -> Growths {
        let Some(price) = self.price else { return self.global };
        let (sqrt, inverse) = (Growth::from(price.sqrt), Growth::from(price.inverse));
        let before = &self.global;
        let shared = [(paid.fees, Growth::ONE), (paid.token1, sqrt), (paid.token0, inverse)]
            .into_iter()
            .filter_map(|(quotient, factor)| Some(times(quotient?, factor)))
            .fold(before.shared, Growth::wrapping_add);
        Growths {
            shared,
            token1: before.token1.wrapping_add(paid.token1.unwrap_or_default()),
            token0: before.token0.wrapping_add(paid.token0.unwrap_or_default()),
        }
    }

    /// The price from now on; every tick on the way is crossed.
    pub(super) fn move_price(&mut self, from: Option<Tick>, to: Tick, price: SqrtPriceX96) {
        if let Some(from) = from {
            self.cross(from, to);
        }
        let inverse = match self.price {
            Some(before) if before.sqrt == price.0 => before.inverse,
            _ => inverse(price.0),
        };
        self.price = Some(BoardPrice { tick: to, sqrt: price.0, inverse });
    }

    /// Crosses the ticks on the way of a trade that goes on: only [`Board::move_price`] ends it.
    pub(super) fn cross(&mut self, from: Tick, to: Tick) {
        if let Some(price) = &mut self.price {
            price.tick = to;
        }
        let (low, high) = (from.min(to), from.max(to));
        let upward = from < to;
        for (_, tick) in self.ticks.range_mut(between(low, high)) {
            tick.outside = self.global.less(&tick.outside);
            tick.crossings = tick.crossings.wrapping_add(1);
            self.active = if upward { self.active.plus(&tick.net) } else { self.active.less(&tick.net) };
        }
    }

    /// Brings a position's liquidity from `before` to `after`; both ends of its range stay open meanwhile.
    pub(super) fn replace(&mut self, range: TickRange, before: Weight, after: Weight) {
        if before < after {
            self.change(range, after - before, Sums::plus, |gross, by| gross + by);
        } else if after < before {
            self.change(range, before - after, Sums::less, |gross, by| gross - by);
        }
    }

    fn change(
        &mut self,
        range: TickRange,
        liquidity: Weight,
        join: fn(&Sums, &Sums) -> Sums,
        count: fn(Weight, Weight) -> Weight,
    ) {
        self.open(range.lower);
        self.open(range.upper);
        let ends = (self.tick(range.lower).end(), self.tick(range.upper).end());
        let contribution = Contribution::of(liquidity, ends, self.out_of_range);
        for (tick, net) in [(range.lower, contribution.at_lower), (range.upper, contribution.at_upper)] {
            let entry = self.ticks.get_mut(&tick).expect("both ends were opened above");
            entry.net = join(&entry.net, &net);
            entry.gross = count(entry.gross, liquidity);
            if entry.gross.is_zero() {
                self.ticks.remove(&tick);
            }
        }
        let price_tick = self.price.expect("liquidity comes after the first price").tick;
        self.active = join(&self.active, contribution.active(range, price_tick));
    }

    /// Initialises a tick: as in v3-core, all growth so far counts as below it.
    fn open(&mut self, tick: Tick) {
        let price_tick = self.price.expect("liquidity comes after the first price").tick;
        let outside = if tick <= price_tick { self.global } else { Growths::default() };
        self.ticks.entry(tick).or_insert_with(|| {
            let sqrt = sqrt_ratio(tick).expect("the ledger refuses ranges that do not exist").0;
            BoardTick {
                sqrt,
                inverse: inverse(sqrt),
                gross: Weight::ZERO,
                net: Sums::default(),
                outside,
                crossings: 0,
            }
        });
    }

    fn tick(&self, tick: Tick) -> &BoardTick {
        self.ticks.get(&tick).expect("a tick stays while a position that ends on it has liquidity")
    }

    /// Where the price stands aside of a range that has liquidity: as long as this stays, nothing grows inside. `None` where
    /// something may grow.
    pub(super) fn stillness(&self, range: TickRange) -> Option<Stillness> {
        let price_tick = self.price.expect("liquidity comes after the first price").tick;
        if self.out_of_range || (range.lower <= price_tick && price_tick < range.upper) {
            return None;
        }
        let crossings = |tick| self.tick(tick).crossings;
        Some(Stillness { lower_crossings: crossings(range.lower), upper_crossings: crossings(range.upper) })
    }

    /// Growth per weight of a stake in `range` that has liquidity: `P - a A1 - A0 / b`, and with
    /// `out_of_range` what it earned on either side.
    pub(super) fn growth_inside(&self, range: TickRange) -> Growth {
        self.growth_inside_by(range, &self.global)
    }

    /// As [`Board::growth_inside`], when so much has grown in all.
    pub(super) fn growth_inside_by(&self, range: TickRange, global: &Growths) -> Growth {
        let price_tick = self.price.expect("liquidity comes after the first price").tick;
        let (lower, upper) = (self.tick(range.lower), self.tick(range.upper));
        let below = if price_tick >= range.lower { lower.outside } else { global.less(&lower.outside) };
        let above = if price_tick < range.upper { upper.outside } else { global.less(&upper.outside) };
        let inside = global.less(&below).less(&above);
        let (a, b) = (Growth::from(lower.sqrt), Growth::from(upper.sqrt));
        let (inverse_a, inverse_b) = (Growth::from(lower.inverse), Growth::from(upper.inverse));
        let growth =
            inside.shared.wrapping_sub(times(inside.token1, a)).wrapping_sub(times(inside.token0, inverse_b));
        if !self.out_of_range {
            return growth;
        }
        growth
            .wrapping_add(times(above.token1, b.wrapping_sub(a)))
            .wrapping_add(times(below.token0, inverse_a.wrapping_sub(inverse_b)))
    }
}

/// What a position of some liquidity brings to the sums: when the price crosses either end upward, and where it is.
struct Contribution {
    at_lower: Sums,
    at_upper: Sums,
    below: Sums,
    inside: Sums,
    above: Sums,
}

impl Contribution {
    fn of(liquidity: Weight, ends: ((Growth, Growth), (Growth, Growth)), out_of_range: bool) -> Self {
        let ((a, inverse_a), (b, inverse_b)) = ends;
        let weighed = |x: Growth| times(x, Growth::from(liquidity));
        let nothing = Sums::default();
        let inside = Sums { liquidity, lower: weighed(a), upper: weighed(inverse_b) };
        let (below, above) = if out_of_range {
            let token0 = Sums { upper: weighed(inverse_a.wrapping_sub(inverse_b)), ..nothing };
            let token1 = Sums { lower: weighed(b.wrapping_sub(a)), ..nothing };
            (nothing.less(&token0), nothing.less(&token1))
        } else {
            (nothing, nothing)
        };
        let (at_lower, at_upper) = (inside.less(&below), above.less(&inside));
        Self { at_lower, at_upper, below, inside, above }
    }

    fn active(&self, range: TickRange, price_tick: Tick) -> &Sums {
        if price_tick < range.lower {
            &self.below
        } else if price_tick < range.upper {
            &self.inside
        } else {
            &self.above
        }
    }
}

impl BoardTick {
    fn end(&self) -> (Growth, Growth) {
        (Growth::from(self.sqrt), Growth::from(self.inverse))
    }
}

impl Sums {
    fn plus(&self, other: &Self) -> Self {
        Self {
            liquidity: self.liquidity.wrapping_add(other.liquidity),
            lower: self.lower.wrapping_add(other.lower),
            upper: self.upper.wrapping_add(other.upper),
        }
    }

    fn less(&self, other: &Self) -> Self {
        Self {
            liquidity: self.liquidity.wrapping_sub(other.liquidity),
            lower: self.lower.wrapping_sub(other.lower),
            upper: self.upper.wrapping_sub(other.upper),
        }
    }
}

impl Growths {
    fn less(&self, other: &Self) -> Self {
        Self {
            shared: self.shared.wrapping_sub(other.shared),
            token1: self.token1.wrapping_sub(other.token1),
            token0: self.token0.wrapping_sub(other.token0),
        }
    }
}
