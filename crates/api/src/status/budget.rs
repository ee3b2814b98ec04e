//! The promise and what is left of it, in whole milliseconds: no rounding, no percentage of a percentage.

use accrual_store::status::StateSeconds;

/// The promise: 99.99 % of each 30 days.
pub(crate) const OBJECTIVE_PPM: u64 = 999_900;
/// The days that it is counted over.
pub(crate) const WINDOW_DAYS: u64 = 30;

/// What may go wrong within the window, and what of it has gone wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Budget {
    /// May be down: 259,200 ms of 30 days, which is 4 min 19.2 s.
    pub(crate) allowed_ms: u64,
    /// Was down.
    pub(crate) spent_ms: u64,
}

impl Budget {
    /// Of a service that was `down` for so long within the window.
    pub(crate) fn of(seconds: StateSeconds) -> Self {
        let window_ms = WINDOW_DAYS * 86_400 * 1_000;
        let allowed_ms = window_ms / 1_000_000 * (1_000_000 - OBJECTIVE_PPM);
        Self { allowed_ms, spent_ms: seconds.down.saturating_mul(1_000) }
    }

    /// What is left; below zero when the promise is broken.
    pub(crate) fn left_ms(self) -> i64 {
        let ms = |ms: u64| i64::try_from(ms).unwrap_or(i64::MAX);
        ms(self.allowed_ms).saturating_sub(ms(self.spent_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_minutes_and_nineteen_seconds() {
        let budget = |down| Budget::of(StateSeconds { operational: 1, degraded: 99_999, down });
        let cases = [(0, 259_200), (1, 258_200), (259, 200), (260, -800), (86_400, 259_200 - 86_400_000)];
        for (down, left_ms) in cases {
            assert_eq!(budget(down).left_ms(), left_ms, "{down} s");
        }
        assert_eq!(budget(0).allowed_ms, (4 * 60 + 19) * 1_000 + 200);
        assert_eq!(budget(u64::MAX).left_ms(), 259_200 - i64::MAX);
    }
}
