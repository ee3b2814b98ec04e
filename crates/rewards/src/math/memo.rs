//! What was counted for a range of ticks, kept while many positions share few ranges.

use crate::unit::TickRange;

const SLOTS_MAX: usize = 4096;

/// Answers by range, each in the one slot that its ends point to: two ranges that meet there put each other out, and what
/// is not there is counted again.
#[derive(Debug, Clone)]
pub(crate) struct RangeMemo<T> {
    /// As many as a power of two.
    slots: Vec<Option<(TickRange, T)>>,
}

impl<T> RangeMemo<T> {
    /// With room for what so many positions ask.
    pub(crate) fn of(positions: usize) -> Self {
        let slots = positions.min(SLOTS_MAX).next_power_of_two();
        Self { slots: std::iter::repeat_with(|| None).take(slots).collect() }
    }

    /// The answer for `range`, by `count` unless it is known.
    pub(crate) fn get(&mut self, range: TickRange, count: impl FnOnce() -> T) -> &T {
        let place = place(range) & (self.slots.len() - 1);
        let slot = &mut self.slots[place];
        if slot.as_ref().is_none_or(|(known, _)| *known != range) {
            *slot = Some((range, count()));
        }
        slot.as_ref().map(|(_, answer)| answer).expect("it was put there")
    }
}

/// Ends lie on a grid, so their low bits are alike: the product brings all bits to the top.
fn place(range: TickRange) -> usize {
    let ends = u64::from(range.lower.0.cast_unsigned()) << 32 | u64::from(range.upper.0.cast_unsigned());
    let mixed = (ends ^ ends >> 29).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    usize::try_from(mixed >> 52).expect("12 bits")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unit::Tick;

    #[test]
    fn an_answer_is_always_its_own_ranges() {
        let mut memo = RangeMemo::of(100_000);
        let mut counted = 0_u32;
        for round in 0..2 {
            for lower in (-60_000..60_000).step_by(60) {
                for width in [60, 600, 6_000] {
                    let range = TickRange { lower: Tick(lower), upper: Tick(lower + width) };
                    let told = *memo.get(range, || {
                        counted += 1;
                        (lower, width)
                    });
                    assert_eq!(told, (lower, width), "round {round}");
                }
            }
        }
        assert!(counted >= 6_000, "more ranges than slots put each other out");
        let range = TickRange { lower: Tick(0), upper: Tick(60) };
        let mut memo = RangeMemo::of(0);
        memo.get(range, || (1, 1));
        assert_eq!(*memo.get(range, || unreachable!("it is known")), (1, 1));
    }
}
