//! Where a step of a swap ends at the latest, as v3-core's `TickBitmap` looks for it: within one word of 256 ticks.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::ops::Bound;

use crate::math::tick::{TICK_MAX, TICK_MIN};
use crate::unit::Tick;

/// The end of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NextTick {
    /// The tick.
    pub tick: Tick,
    /// Whether positions begin or end there; if not, it is the edge of a word.
    pub is_initialized: bool,
}

/// The next tick from `tick` downward, itself included, or upward, itself excluded, that is a key of `ticks` or the
/// last of its word. `spacing` is positive.
pub fn next_tick<T>(ticks: &BTreeMap<Tick, T>, tick: Tick, spacing: i32, falls: bool) -> NextTick {
    let edge = edge_of_word(tick, spacing, falls);
    let found = match (falls, edge.cmp(&tick)) {
        (true, Ordering::Greater) | (false, Ordering::Less) => None,
        (true, _) => ticks.range(edge..=tick).next_back(),
        (false, _) => ticks.range((Bound::Excluded(tick), Bound::Included(edge))).next(),
    };
    found.map_or_else(|| at_edge(edge), |(tick, _)| initialized(*tick))
}

/// The ticks that positions begin or end at next to a price: at its tick or below, and above. `None` where there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Neighbours {
    below: Option<Tick>,
    above: Option<Tick>,
}

impl Neighbours {
    /// Those of `tick`.
    pub fn of<T>(ticks: &BTreeMap<Tick, T>, tick: Tick) -> Self {
        let below = ticks.range(..=tick).next_back().map(|(tick, _)| *tick);
        let above = ticks.range((Bound::Excluded(tick), Bound::Unbounded)).next().map(|(tick, _)| *tick);
        Self { below, above }
    }

    /// Whether they are those of `tick` too: from one to the other nothing is crossed.
    pub fn surround(&self, tick: Tick) -> bool {
        self.below.is_none_or(|below| below <= tick) && self.above.is_none_or(|above| tick < above)
    }

    /// As [`next_tick`] from a tick that they surround.
    pub fn next_tick(&self, tick: Tick, spacing: i32, falls: bool) -> NextTick {
        let edge = edge_of_word(tick, spacing, falls);
        let found = if falls {
            self.below.filter(|below| edge <= *below)
        } else {
            self.above.filter(|above| *above <= edge)
        };
        found.map_or_else(|| at_edge(edge), initialized)
    }
}

/// The last tick of the word in which `tick`, or the one after it upward, is looked for.
fn edge_of_word(tick: Tick, spacing: i32, falls: bool) -> Tick {
    let compressed = i64::from(tick.0).div_euclid(i64::from(spacing));
    if falls {
        edge((compressed >> 8) << 8, spacing)
    } else {
        edge((((compressed + 1) >> 8) << 8) + 255, spacing)
    }
}

fn edge(compressed: i64, spacing: i32) -> Tick {
    let tick = (compressed * i64::from(spacing)).clamp(i64::from(TICK_MIN.0), i64::from(TICK_MAX.0));
    Tick(i32::try_from(tick).expect("clamped to the ticks that exist"))
}

fn at_edge(tick: Tick) -> NextTick {
    NextTick { tick, is_initialized: false }
}

fn initialized(tick: Tick) -> NextTick {
    NextTick { tick, is_initialized: true }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_know_the_next_tick_of_all_that_they_surround() {
        let spacing = 10;
        let set = [-5_130, -2_560, -2_550, -10, 0, 10, 2_550, 2_560, 7_000, TICK_MAX.0 / 10 * 10];
        let some: BTreeMap<Tick, ()> = set.map(|tick| (Tick(tick), ())).into();
        for ticks in [some, BTreeMap::new()] {
            for tick in (-8_000..8_000).chain([TICK_MIN.0, TICK_MAX.0 - 1, TICK_MAX.0]).map(Tick) {
                let known = Neighbours::of(&ticks, tick);
                for other in [tick.0 - 2_570, tick.0 - 1, tick.0, tick.0 + 1, tick.0 + 2_570].map(Tick) {
                    let (low, high) = (tick.min(other), tick.max(other));
                    let crosses = ticks.range((Bound::Excluded(low), Bound::Included(high))).next().is_some();
                    assert_eq!(known.surround(other), !crosses, "from {tick} to {other}");
                    for falls in [true, false].into_iter().filter(|_| !crosses) {
                        let next = next_tick(&ticks, other, spacing, falls);
                        assert_eq!(known.next_tick(other, spacing, falls), next, "{other}, falls: {falls}");
                    }
                }
            }
        }
    }
}
