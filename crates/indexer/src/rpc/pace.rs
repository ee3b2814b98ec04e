//! How many questions a second a node takes, learnt from its refusals. Pure: times are arguments.
//!
//! Nothing is held back until a node says "too many". Then three quarters of what went out in the last second are the
//! rate; each further refusal takes a quarter off, and half a minute without one gives a tenth back.

use std::time::Duration;

use tokio::time::Instant;

const SECOND: Duration = Duration::from_secs(1);
const CALM: Duration = Duration::from_secs(30);

/// One node's rate.
#[derive(Debug, Clone, Default)]
pub(super) struct Pace {
    per_second_max: Option<u64>,
    next_at: Option<Instant>,
    /// When the second that is counted began, what went out in it, and in the one before.
    counted: Option<(Instant, u64, u64)>,
    refused_at: Option<Instant>,
}

impl Pace {
    /// A rate that was learnt before.
    pub(super) fn remembered(per_second_max: Option<u64>) -> Self {
        Self { per_second_max: per_second_max.map(|rate| rate.max(1)), ..Self::default() }
    }

    /// Questions a second, once it was learnt.
    pub(super) fn per_second_max(&self) -> Option<u64> {
        self.per_second_max
    }

    /// When the next question may go out; it is counted as going out then.
    pub(super) fn book(&mut self, now: Instant) -> Instant {
        self.count(now);
        let Some(rate) = self.per_second_max else { return now };
        let rate = self.grown(now, rate);
        let at = self.next_at.map_or(now, |next| next.max(now));
        let gap = SECOND / u32::try_from(rate).unwrap_or(u32::MAX).max(1);
        self.next_at = Some(at + gap);
        at
    }

    /// The node said that it was asked too often. Of many refusals at once the first counts.
    pub(super) fn refused(&mut self, now: Instant) {
        if self.refused_at.is_some_and(|at| now.duration_since(at) < SECOND) {
            return;
        }
        self.refused_at = Some(now);
        let sent = self.counted.map_or(1, |(_, now, before)| now.max(before));
        let known = self.per_second_max.unwrap_or(u64::MAX).min(sent.max(1));
        self.per_second_max = Some((known * 3 / 4).max(1));
    }

    fn count(&mut self, now: Instant) {
        self.counted = Some(match self.counted {
            Some((began, sent, before)) if now.duration_since(began) < SECOND => (began, sent + 1, before),
            Some((_, sent, _)) => (now, 1, sent),
            None => (now, 1, 0),
        });
    }

    fn grown(&mut self, now: Instant, rate: u64) -> u64 {
        if self.refused_at.is_none_or(|at| now.duration_since(at) < CALM) {
            self.refused_at.get_or_insert(now);
            return rate;
        }
        self.refused_at = Some(now);
        let grown = rate + rate.div_ceil(10);
        self.per_second_max = Some(grown);
        grown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_a_second(pace: &mut Pace, mut now: Instant) -> u64 {
        let end = now + SECOND;
        let mut sent = 0;
        while now < end && sent < 10_000 {
            now = pace.book(now);
            sent += u64::from(now < end);
        }
        sent
    }

    #[tokio::test]
    async fn a_refusal_teaches_the_rate() {
        let (now, mut pace) = (Instant::now(), Pace::default());
        for _ in 0..40 {
            assert_eq!(pace.book(now), now, "nothing is held back before a refusal");
        }
        pace.refused(now);
        pace.refused(now);
        assert_eq!(pace.per_second_max(), Some(30), "many refusals at once count as one");
        assert!((30..=31).contains(&in_a_second(&mut pace, now + SECOND)));
        pace.refused(now + 2 * SECOND);
        assert_eq!(pace.per_second_max(), Some(22));
    }

    #[tokio::test]
    async fn a_calm_time_gives_some_of_it_back() {
        let (now, mut pace) = (Instant::now(), Pace::remembered(Some(20)));
        pace.book(now);
        pace.book(now + CALM - SECOND);
        assert_eq!(pace.per_second_max(), Some(20));
        pace.book(now + CALM);
        pace.book(now + CALM + SECOND);
        assert_eq!(pace.per_second_max(), Some(22));
    }

    #[test]
    fn it_never_falls_to_nothing() {
        assert_eq!(Pace::remembered(Some(0)).per_second_max(), Some(1));
    }
}
