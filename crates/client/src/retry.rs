//! How patient a call is: attempts, and the time between them.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// Added to what the server asks for, so that many who were told the same do not come back at the same instant.
const JITTER_MS_MAX: u64 = 250;

/// How often a call is tried, and how long between. Only calls that may be repeated are: those that read, and a rotation
/// under its `Idempotency-Key`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// Attempts in all, the first included; 1 for no patience.
    pub attempts_max: u32,
    /// The pause before the second attempt; doubled for each further one.
    pub pause: Duration,
    /// No pause is longer. A server that asks for more has its answer handed to the caller at once.
    pub pause_max: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self { attempts_max: 4, pause: Duration::from_millis(200), pause_max: Duration::from_secs(30) }
    }
}

impl Retry {
    /// The pause after attempt number `attempt`, counted from 1; `None` when there is to be no other. A server's
    /// `Retry-After` is kept to, and never undercut.
    pub(crate) fn pause_after(&self, attempt: u32, asked: Option<Duration>, random: u64) -> Option<Duration> {
        if attempt >= self.attempts_max {
            return None;
        }
        if let Some(asked) = asked {
            let pause = asked.checked_add(Duration::from_millis(random % JITTER_MS_MAX))?;
            return (asked <= self.pause_max).then_some(pause);
        }
        let doubled = self.pause.saturating_mul(1_u32.checked_shl(attempt - 1).unwrap_or(u32::MAX));
        let whole = u64::try_from(doubled.min(self.pause_max).as_millis()).unwrap_or(u64::MAX);
        // From half to the whole of it.
        Some(Duration::from_millis(whole - random % (whole / 2 + 1)))
    }
}

/// A number that no one can foresee, and no secret: the standard library's own seed for hashes.
pub(crate) fn random() -> u64 {
    RandomState::new().hash_one(0_u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end() {
        let retry = Retry {
            attempts_max: 5,
            pause: Duration::from_millis(100),
            pause_max: Duration::from_millis(350),
        };
        let ms = Duration::from_millis;
        let cases = [
            // attempt, asked for, random, pause
            (1, None, 0, Some(ms(100))),
            (1, None, 50, Some(ms(50))),
            (1, None, 51, Some(ms(100))),
            (2, None, 0, Some(ms(200))),
            (3, None, 0, Some(ms(350))),
            (4, None, 0, Some(ms(350))),
            (5, None, 0, None),
            (1, Some(ms(350)), 0, Some(ms(350))),
            (1, Some(ms(350)), 249, Some(ms(599))),
            (1, Some(ms(350)), 250, Some(ms(350))),
            (1, Some(ms(351)), 0, None),
            (1, Some(Duration::MAX), 1, None),
            (5, Some(ms(0)), 0, None),
        ];
        for (attempt, asked, random, pause) in cases {
            assert_eq!(retry.pause_after(attempt, asked, random), pause, "{attempt} {asked:?} {random}");
        }
        let long = Retry { attempts_max: u32::MAX, ..retry };
        assert_eq!(long.pause_after(4_000, None, 0), Some(ms(350)));
        assert_ne!(random(), random());
    }
}
