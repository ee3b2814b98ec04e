//! What a key does against its own habit: plain counts and a mean, no model. `docs/keys.md` explains each rule to operators.

use accrual_rewards::unit::UnixSeconds;

/// A key has a habit once it was used for so long: a week.
pub const HABIT_SECONDS: u64 = 7 * 86_400;
/// An hour is unusual from so many times the mean hour on.
const TIMES: u64 = 10;
/// Fewer calls than these are never unusual.
const CALLS_MIN: u64 = 100;
/// Fewer refusals than these are never unusual.
const REFUSED_MIN: u64 = 50;
const HOUR_SECONDS: u64 = 3_600;

/// Whether `calls` in one hour are far above a key's habit: at least 100, and at least ten times the mean of its last
/// week, hours without a call included. `week` holds the calls of the hours before.
pub fn is_rate_unusual(calls: u64, week: &[u64]) -> bool {
    let hours = HABIT_SECONDS / HOUR_SECONDS;
    let sum = week.iter().fold(0_u64, |sum, calls| sum.saturating_add(*calls));
    // calls >= TIMES * sum / hours, without the division.
    let above = calls.saturating_mul(hours) >= sum.saturating_mul(TIMES);
    calls >= CALLS_MIN && above
}

/// Calls of a key, and how many of them were refused for what the caller had asked: 4xx but 429.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// All calls.
    pub calls: u64,
    /// Those that were refused.
    pub refused: u64,
}

/// Whether the refusals of one hour are far above a key's habit: at least 50, at least half of the hour's calls, and of
/// the last week's calls less than a tenth were refused.
pub fn is_share_unusual(hour: Share, week: Share) -> bool {
    let is_half = hour.refused.saturating_mul(2) >= hour.calls;
    let was_rare = week.refused.saturating_mul(10) < week.calls;
    hour.refused >= REFUSED_MIN && is_half && was_rare
}

/// The networks that a key with a habit was first used from at or after `since`. `seen` holds each network with its first
/// use; `first_used_at` is the key's own.
pub fn new_networks<'a>(
    first_used_at: Option<UnixSeconds>,
    seen: impl IntoIterator<Item = (&'a str, UnixSeconds)>,
    since: UnixSeconds,
) -> Vec<&'a str> {
    if !has_habit(first_used_at, since) {
        return Vec::new();
    }
    let mut firsts: std::collections::BTreeMap<&str, UnixSeconds> = std::collections::BTreeMap::new();
    for (network, at) in seen {
        let first = firsts.entry(network).or_insert(at);
        *first = (*first).min(at);
    }
    firsts.into_iter().filter(|(_, first)| *first >= since).map(|(network, _)| network).collect()
}

/// Whether a key was in use for a week at `now`.
pub fn has_habit(first_used_at: Option<UnixSeconds>, now: UnixSeconds) -> bool {
    first_used_at.is_some_and(|first| now.since(first) >= HABIT_SECONDS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_times_the_mean_hour() {
        let cases: [(u64, &[u64], bool); 7] = [
            (100, &[], true),
            (99, &[], false),
            (100, &[1_680], true),
            (100, &[1_681], false),
            (100, &[1_000, 680], true),
            (1_000, &[16_800], true),
            (999, &[16_800], false),
        ];
        for (calls, week, expected) in cases {
            assert_eq!(is_rate_unusual(calls, week), expected, "{calls} after {week:?}");
        }
    }

    #[test]
    fn half_of_the_calls_refused_where_it_was_less_than_a_tenth() {
        let cases = [
            ("as many as it takes", (100, 50), (1_000, 99), true),
            ("one less than fifty", (98, 49), (1_000, 0), false),
            ("one less than half", (101, 50), (1_000, 0), false),
            ("all of them", (50, 50), (1, 0), true),
            ("a tenth was refused before", (100, 50), (1_000, 100), false),
            ("no call before", (100, 100), (0, 0), false),
        ];
        let share = |(calls, refused)| Share { calls, refused };
        for (name, hour, week, expected) in cases {
            assert_eq!(is_share_unusual(share(hour), share(week)), expected, "{name}");
        }
    }

    #[test]
    fn a_network_that_was_never_seen() {
        let at = UnixSeconds;
        let seen = [
            ("a", at(10)),
            ("b", at(HABIT_SECONDS + 20)),
            ("a", at(HABIT_SECONDS + 30)),
            ("c", at(HABIT_SECONDS + 19)),
        ];
        let since = at(HABIT_SECONDS + 20);
        assert_eq!(new_networks(Some(at(20)), seen, since), ["b"]);
        assert!(new_networks(Some(at(21)), seen, since).is_empty(), "no habit yet");
        assert!(new_networks(None, seen, since).is_empty());
    }
}
