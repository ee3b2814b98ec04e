//! What a key does against its own habit: plain counts and a mean, no model. `docs/keys.md` explains both rules to operators.

use accrual_rewards::unit::UnixSeconds;

/// A key has a habit once it was used for so long: a week.
pub const HABIT_SECONDS: u64 = 7 * 86_400;
/// An hour is unusual from so many times the mean hour on.
const TIMES: u64 = 10;
/// Fewer calls than these are never unusual.
const CALLS_MIN: u64 = 100;
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
