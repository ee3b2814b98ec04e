//! The eligible liquidity of one campaign over the ticks, and the growth that crosses them.

mod sums;
mod ticks;

use alloy_primitives::U256;
use serde::{Deserialize, Serialize};

use crate::accrue::growth::{Count, Growth, Inverse, Weight, inverse, times};
use crate::accrue::rate::Pay;
use crate::accrue::tally::{Parts, Tallies, Tally, Worth};
use crate::ledger::PriceChange;
use crate::math::tick::sqrt_ratio;
use crate::unit::{Tick, TickRange};
use sums::Contribution;
pub(super) use sums::Sums;
use ticks::{Place, Ticks};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Board {
    out_of_range: bool,
    price: Option<BoardPrice>,
    /// What holds at the price.
    active: Sums,
    global: Growths,
    ticks: Ticks,
    /// What the run under way has counted, where a board counts whole runs.
    run: Option<Tallies>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct BoardPrice {
    tick: Tick,
    sqrt: U256,
    inverse: Inverse,
}

/// The sums `P`, `A1` and `A0`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Growths {
    pub(super) shared: Growth,
    pub(super) token1: Growth,
    pub(super) token0: Growth,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct BoardTick {
    sqrt: U256,
    inverse: Inverse,
    /// Liquidity of all that begin or end here; zero takes the tick away.
    gross: Weight,
    /// What joins the active sums when the price crosses upward.
    net: Sums,
    /// Growth on the side of the tick that the price is not on.
    outside: Growths,
    /// What the run under way has counted on that side: nothing as long as the price does not cross it.
    counted: Option<Box<Tally>>,
}

/// What has grown inside a range for each unit of weight, and what a run under way has counted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Inside {
    pub(super) growth: Growth,
    pub(super) counted: Option<Parts<Growth>>,
}

/// How sums are added up.
type AddUp = fn(&Sums, &Sums) -> Sums;

/// Where the ends of a range are kept as long as it has liquidity, so that they need not be looked for again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ends {
    lower: Place,
    upper: Place,
}

/// A range that has liquidity.
pub(super) struct OpenRange<'a> {
    board: &'a Board,
    range: TickRange,
    ends: Ends,
}

/// Of a range that the price stands aside of: what stays as long as the price has stayed on that side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stillness {
    lower_crossings: u32,
    upper_crossings: u32,
}

/// What a part's emission is divided by now: the sums `D`, `D1` and `D0`.
pub(super) type Divisors = Parts<Growth>;

/// What each part pays per weight (`fees`) or token (`token1`, `token0`) now; `None` where it pays nobody.
pub(super) type Payment<P> = Parts<Option<P>>;

impl Board {
    pub(super) fn new(out_of_range: bool) -> Self {
        let (active, global) = (Sums::default(), Growths::default());
        Self { out_of_range, price: None, active, global, ticks: Ticks::default(), run: None }
    }

    /// The same, for one who counts whole runs before they are paid.
    pub(super) fn of_runs(out_of_range: bool) -> Self {
        Self { run: Some(Tallies::default()), ..Self::new(out_of_range) }
    }

    /// What each unit of liquidity in range is divided by now.
    pub(super) fn liquidity(&self) -> Growth {
        self.price.map_or(Growth::ZERO, |_| Growth::from(self.active.liquidity))
    }

    /// What holds now; all zero before the first price.
    pub(super) fn divisors(&self) -> Divisors {
        let Some(price) = self.price else { return Divisors::default() };
        let liquidity = Growth::from(self.active.liquidity);
        let weight = self.active.liquidity.as_limbs();
        Divisors {
            fees: liquidity,
            token1: times(price.sqrt.as_limbs(), weight).wrapping_sub(self.active.lower),
            token0: times(price.inverse.as_limbs(), weight).wrapping_sub(self.active.upper),
        }
    }

    /// A weight changed by so much of what the run has counted, which stays what it was.
    pub(super) fn weigh_counted(&mut self, by: &Parts<Count>) {
        if let Some(run) = &mut self.run {
            run.weigh(by);
        }
    }

    /// Counts so much for those in range, until the run is paid.
    pub(super) fn count_fees<const N: usize>(&mut self, counted: &[u64; N]) {
        if let Some(run) = &mut self.run {
            run.global.add_fees(counted);
        }
    }

    /// Counts so much for the tokens that are held now, until the run is paid.
    pub(super) fn count_tokens<const N: usize>(&mut self, counted: &[u64; N]) {
        if let (Some(run), Some(price)) = (&mut self.run, &self.price) {
            run.global.add_tokens(counted, &price.sqrt, &price.inverse);
        }
    }

    /// What the run has counted of each part over everybody who shared: what its emission is divided by.
    pub(super) fn counted(&self) -> Parts<Count> {
        let (Some(run), Some(price)) = (&self.run, &self.price) else { return Parts::default() };
        let crossed = self.ticks.iter().filter_map(|(tick, held)| {
            let counted = held.counted.as_deref()?;
            Some((counted, &held.net, tick <= price.tick))
        });
        run.whole(&self.active, crossed)
    }

    /// Pays what the run has counted, and begins the next.
    pub(super) fn pay_run(&mut self, worth: &Worth) {
        let run = self.run.replace(Tallies::default()).expect("only a board that counts runs pays them");
        self.global = self.global.plus(&worth.growths(&run.global));
        for tick in self.ticks.kept_mut() {
            if let Some(counted) = tick.counted.take() {
                tick.outside = tick.outside.plus(&worth.growths(&counted));
            }
        }
    }

    /// Begins the next run without paying this one.
    pub(super) fn drop_run(&mut self) {
        self.run = Some(Tallies::default());
        self.ticks.kept_mut().for_each(|tick| tick.counted = None);
    }

    /// Pays those who are active now.
    pub(super) fn pay(&mut self, paid: &Payment<impl Pay>) {
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
    pub(super) fn global_after(&self, paid: &Payment<impl Pay>) -> Growths {
        let Some(price) = &self.price else { return self.global };
        let mut after = self.global;
        let add = |sum: &mut Growth, more: Growth| *sum = sum.wrapping_add(more);
        if let Some(fees) = &paid.fees {
            add(&mut after.shared, fees.once());
        }
        if let Some(token1) = &paid.token1 {
            add(&mut after.shared, token1.times(price.sqrt.as_limbs()));
            add(&mut after.token1, token1.once());
        }
        if let Some(token0) = &paid.token0 {
            add(&mut after.shared, token0.times(price.inverse.as_limbs()));
            add(&mut after.token0, token0.once());
        }
        after
    }

    /// The price from now on; every tick on the way is crossed.
    pub(super) fn move_price(&mut self, price: &PriceChange) {
        if let (true, Some(from)) = (price.crosses, price.from) {
            self.cross(from, price.to);
        }
        self.stand_at(price);
    }

    /// The price from now on, when the ticks on its way are crossed.
    pub(super) fn stand_at(&mut self, price: &PriceChange) {
        let (sqrt, inverse) = (price.sqrt_price_x96.0, price.inverse_x512);
        self.price = Some(BoardPrice { tick: price.to, sqrt, inverse });
    }

    /// Crosses the ticks on the way of a trade that goes on: only [`Board::stand_at`] ends it.
    pub(super) fn cross(&mut self, from: Tick, to: Tick) {
        if let Some(price) = &mut self.price {
            price.tick = to;
        }
        if from == to {
            return;
        }
        let (low, high) = (from.min(to), from.max(to));
        let upward = from < to;
        let Self { ticks, global, run, active, .. } = self;
        ticks.cross(low, high, |tick| {
            tick.outside = global.less(&tick.outside);
            if let Some(run) = run {
                let counted = tick.counted.get_or_insert_default();
                **counted = run.global.less(counted);
            }
            *active = if upward { active.plus(&tick.net) } else { active.less(&tick.net) };
        });
    }

    /// Brings a position's liquidity from `before` to `after`; both ends of its range stay open meanwhile.
    pub(super) fn replace(&mut self, range: TickRange, before: Weight, after: Weight) {
        if before < after {
            self.change(range, after - before, (Sums::plus, Sums::less), |gross, by| gross + by);
        } else if after < before {
            self.change(range, before - after, (Sums::less, Sums::plus), |gross, by| gross - by);
        }
    }

    fn change(
        &mut self,
        range: TickRange,
        liquidity: Weight,
        (join, leave): (AddUp, AddUp),
        count: fn(Weight, Weight) -> Weight,
    ) {
        let (lower, upper) = (self.open(range.lower), self.open(range.upper));
        let ends = (self.ticks[lower].end(), self.ticks[upper].end());
        let contribution = Contribution::of(liquidity, ends, self.out_of_range);
        let Contribution { inside, below, above } = &contribution;
        // What joins when the price crosses each upward: what counts above it, less what counts below.
        let lower = (range.lower, lower, Some(inside), below.as_ref());
        let upper = (range.upper, upper, above.as_ref(), Some(inside));
        for (tick, place, joins, leaves) in [lower, upper] {
            let held = &mut self.ticks[place];
            if let Some(sums) = joins {
                held.net = join(&held.net, sums);
            }
            if let Some(sums) = leaves {
                held.net = leave(&held.net, sums);
            }
            held.gross = count(held.gross, liquidity);
            if held.gross.is_zero() {
                self.ticks.close(tick);
            }
        }
        let price_tick = self.price.expect("liquidity comes after the first price").tick;
        if let Some(sums) = contribution.active(range, price_tick) {
            self.active = join(&self.active, sums);
        }
    }

    /// Initialises a tick, unless it is: as in v3-core, all growth so far counts as below it.
    fn open(&mut self, tick: Tick) -> Place {
        if let Some(known) = self.ticks.find(tick) {
            return known;
        }
        let price_tick = self.price.expect("liquidity comes after the first price").tick;
        let is_below = tick <= price_tick;
        let outside = if is_below { self.global } else { Growths::default() };
        let counted = self.run.as_ref().filter(|_| is_below).map(|run| Box::new(run.global));
        let sqrt = sqrt_ratio(tick).expect("the ledger refuses ranges that do not exist").0;
        let fresh = BoardTick { sqrt, inverse: inverse(sqrt), outside, counted, ..BoardTick::default() };
        self.ticks.open(tick, fresh)
    }

    fn ends(&self, range: TickRange) -> Ends {
        let end = |tick| {
            self.ticks.find(tick).expect("a tick stays while a position that ends on it has liquidity")
        };
        Ends { lower: end(range.lower), upper: end(range.upper) }
    }

    fn ticks(&self, ends: Ends) -> (&BoardTick, &BoardTick) {
        (&self.ticks[ends.lower], &self.ticks[ends.upper])
    }

    /// A range that has liquidity.
    pub(super) fn range(&self, range: TickRange) -> OpenRange<'_> {
        OpenRange { board: self, range, ends: self.ends(range) }
    }

    /// A range that has had liquidity ever since its ends were told.
    pub(super) fn known_range(&self, range: TickRange, ends: Ends) -> OpenRange<'_> {
        debug_assert_eq!(ends, self.ends(range), "an open tick stays where it is kept");
        OpenRange { board: self, range, ends }
    }

    /// Growth per weight of a stake in `range` that has liquidity: `P - a A1 - A0 / b`, and with
    /// `out_of_range` what it earned on either side.
    pub(super) fn growth_inside(&self, range: TickRange) -> Growth {
        self.range(range).growth(&self.global)
    }

    /// What has grown inside a range that has liquidity, and what the run has counted there.
    pub(super) fn so_far(&self, range: TickRange) -> Inside {
        let ends = self.ticks(self.ends(range));
        let counted = self.run.as_ref().map(|run| self.counted_between(range, ends, &run.global));
        Inside { growth: self.growth_between(range, ends, &self.global), counted }
    }

    fn growth_between(
        &self,
        range: TickRange,
        (lower, upper): (&BoardTick, &BoardTick),
        global: &Growths,
    ) -> Growth {
        let outside = (&lower.outside, &upper.outside);
        let inside = self.inside(range, global, outside, Growths::less);
        let growth = inside
            .shared
            .wrapping_sub(times(inside.token1.as_limbs(), lower.sqrt.as_limbs()))
            .wrapping_sub(times(inside.token0.as_limbs(), upper.inverse.as_limbs()));
        if !self.out_of_range {
            return growth;
        }
        let (below, above) = self.beside(range, global, outside, Growths::less);
        let (token1, token0) = held_outside(lower, upper);
        let token1 = times(above.token1.as_limbs(), token1.as_limbs());
        growth.wrapping_add(token1).wrapping_add(times(below.token0.as_limbs(), token0.as_limbs()))
    }

    /// What the run has counted per weight of a stake in `range` that has liquidity, part by part; see
    /// [`Board::growth_inside`].
    fn counted_between(
        &self,
        range: TickRange,
        (lower, upper): (&BoardTick, &BoardTick),
        global: &Tally,
    ) -> Parts<Growth> {
        let nothing = Tally::default();
        let counted = |tick: &BoardTick| tick.counted.as_deref().copied();
        let outside = (&counted(lower).unwrap_or(nothing), &counted(upper).unwrap_or(nothing));
        let inside = self.inside(range, global, outside, Tally::less);
        let tokens = inside.tokens.as_limbs();
        let token1 = inside.sqrt.wrapping_sub(times(tokens, lower.sqrt.as_limbs()));
        let token0 = inside.inverse.wrapping_sub(times(tokens, upper.inverse.as_limbs()));
        if !self.out_of_range {
            return Parts { fees: inside.fees, token1, token0 };
        }
        let (below, above) = self.beside(range, global, outside, Tally::less);
        let held = held_outside(lower, upper);
        Parts {
            fees: inside.fees,
            token1: token1.wrapping_add(times(above.tokens.as_limbs(), held.0.as_limbs())),
            token0: token0.wrapping_add(times(below.tokens.as_limbs(), held.1.as_limbs())),
        }
    }

    /// What was counted while the price was in a range: all, less what was below and above it. The ends have counted what is
    /// "of the other side", `lower` and `upper`; where the price is aside of the range most of the sums fall away.
    fn inside<T>(&self, range: TickRange, global: &T, (lower, upper): (&T, &T), less: fn(&T, &T) -> T) -> T {
        let price_tick = self.price.expect("liquidity comes after the first price").tick;
        if price_tick < range.lower {
            less(lower, upper)
        } else if price_tick < range.upper {
            less(&less(global, lower), upper)
        } else {
            less(upper, lower)
        }
    }

    /// What was counted while the price was below a range, and above it.
    fn beside<T: Copy>(
        &self,
        range: TickRange,
        global: &T,
        (lower, upper): (&T, &T),
        less: fn(&T, &T) -> T,
    ) -> (T, T) {
        let price_tick = self.price.expect("liquidity comes after the first price").tick;
        let below = if price_tick >= range.lower { *lower } else { less(global, lower) };
        let above = if price_tick < range.upper { *upper } else { less(global, upper) };
        (below, above)
    }
}

impl OpenRange<'_> {
    /// Where its ends are kept.
    pub(super) fn ends(&self) -> Ends {
        self.ends
    }

    /// Where the price stands aside of it: as long as this stays, nothing grows inside. `None` where something may grow.
    pub(super) fn stillness(&self) -> Option<Stillness> {
        let price_tick = self.board.price.expect("liquidity comes after the first price").tick;
        if self.board.out_of_range || self.range.contains(price_tick) {
            return None;
        }
        let crossings = |end| self.board.ticks.crossings(end);
        let Ends { lower, upper } = self.ends;
        Some(Stillness { lower_crossings: crossings(lower), upper_crossings: crossings(upper) })
    }

    /// As [`Board::growth_inside`], when so much has grown in all.
    pub(super) fn growth(&self, global: &Growths) -> Growth {
        self.board.growth_between(self.range, self.board.ticks(self.ends), global)
    }
}

/// What a unit of liquidity holds of token1 above its range, and of token0 below it.
fn held_outside(lower: &BoardTick, upper: &BoardTick) -> (Growth, Growth) {
    let ((a, inverse_a), (b, inverse_b)) = (lower.end(), upper.end());
    (b.wrapping_sub(a), inverse_a.wrapping_sub(inverse_b))
}

impl BoardTick {
    fn end(&self) -> (Growth, Growth) {
        (Growth::from(self.sqrt), Growth::from(self.inverse))
    }
}

impl Growths {
    fn plus(&self, other: &Self) -> Self {
        Self {
            shared: self.shared.wrapping_add(other.shared),
            token1: self.token1.wrapping_add(other.token1),
            token0: self.token0.wrapping_add(other.token0),
        }
    }

    fn less(&self, other: &Self) -> Self {
        Self {
            shared: self.shared.wrapping_sub(other.shared),
            token1: self.token1.wrapping_sub(other.token1),
            token0: self.token0.wrapping_sub(other.token0),
        }
    }
}
