//! Where a step of a swap ends at the latest, as v3-core's `TickBitmap` looks for it: within one word of 256 ticks.

use std::collections::BTreeMap;

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
    let compressed = i64::from(tick.0).div_euclid(i64::from(spacing));
    if falls {
        let edge = edge((compressed >> 8) << 8, spacing);
        let found = if edge > tick { None } else { ticks.range(edge..=tick).next_back() };
        found.map_or_else(|| at_edge(edge), initialized)
    } else {
        let first = compressed + 1;
        let edge = edge(((first >> 8) << 8) + 255, spacing);
        let found = if edge > tick { ticks.range(above(tick)..=edge).next() } else { None };
        found.map_or_else(|| at_edge(edge), initialized)
    }
}

fn above(tick: Tick) -> Tick {
    Tick(tick.0.saturating_add(1))
}

fn edge(compressed: i64, spacing: i32) -> Tick {
    let tick = (compressed * i64::from(spacing)).clamp(i64::from(TICK_MIN.0), i64::from(TICK_MAX.0));
    Tick(i32::try_from(tick).expect("clamped to the ticks that exist"))
}

fn at_edge(tick: Tick) -> NextTick {
    NextTick { tick, is_initialized: false }
}

fn initialized<T>((tick, _): (&Tick, &T)) -> NextTick {
    NextTick { tick: *tick, is_initialized: true }
}
