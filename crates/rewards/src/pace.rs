//! How often the Distributor was given a root, and so when the next is to be expected.
//!
//! Nobody has promised when a root comes. What can be told is how they have come: the newest intervals, of which the middle
//! one is called usual. A root counts once its window of disputes is over; until then claims go by the one before.

use crate::unit::UnixSeconds;

/// So many of the newest intervals are looked at: about four days of roots every eight hours.
const INTERVALS_MAX: usize = 12;

/// How roots have come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// How many intervals that is by.
    pub intervals_count: usize,
    /// The middle one; of two in the middle the shorter.
    pub usual_seconds: u64,
    /// The longest.
    pub longest_seconds: u64,
}

impl Pace {
    /// Of roots that were given at these instants, in their order; `None` where there are not two of them.
    pub fn of(given_at: &[UnixSeconds]) -> Option<Self> {
        let intervals = given_at.windows(2).map(|pair| pair[1].since(pair[0])).rev().take(INTERVALS_MAX);
        let mut intervals: Vec<u64> = intervals.collect();
        intervals.sort_unstable();
        let longest_seconds = *intervals.last()?;
        let usual_seconds = intervals[(intervals.len() - 1) / 2];
        Some(Self { intervals_count: intervals.len(), usual_seconds, longest_seconds })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_and_the_longest_of_the_newest_intervals() {
        let at = |hours: &[u64]| hours.iter().map(|hour| UnixSeconds(hour * 3_600)).collect::<Vec<_>>();
        let hours = |intervals_count, usual: u64, longest: u64| {
            Some(Pace { intervals_count, usual_seconds: usual * 3_600, longest_seconds: longest * 3_600 })
        };
        let cases: [(&str, &[u64], Option<Pace>); 6] = [
            ("none", &[], None),
            ("one tells nothing", &[5], None),
            ("two", &[5, 13], hours(1, 8, 8)),
            ("of two the shorter", &[0, 4, 12], hours(2, 4, 8)),
            ("one late among many", &[0, 8, 16, 40, 48], hours(4, 8, 24)),
            (
                "what is long ago",
                &[0, 90, 98, 106, 114, 122, 130, 138, 146, 154, 162, 170, 178, 186],
                hours(12, 8, 8),
            ),
        ];
        for (name, given, expected) in cases {
            assert_eq!(Pace::of(&at(given)), expected, "{name}");
        }
    }
}
