//! The exact sliding minute: in no 60 seconds are more calls served than the window has slots.
//!
//! A span is half open: a call exactly 60,000 ms after another is outside its minute. Several servers share a client's
//! minute by sharing its slots. That keeps the sum exact: a server that gives slots back has served no more than it keeps
//! in the 60 seconds before, so any 60 seconds around that moment hold at most what it keeps; whoever gets the slots starts
//! to use them afterwards.

use std::collections::VecDeque;

/// The length of a minute.
pub const MINUTE_MS: u64 = 60_000;

/// The calls of the last minute, and how many there may be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Window {
    calls: VecDeque<u64>,
    slots: u32,
}

impl Window {
    /// Serves a call at `now_ms`, or says in how many milliseconds there will be a place; `None` without any slot. A clock
    /// that steps back stands still here.
    ///
    /// # Errors
    /// Each slot was used within the minute.
    pub fn admit(&mut self, now_ms: u64) -> Result<(), Option<u64>> {
        let now_ms = self.forget(now_ms);
        if self.used() < self.slots {
            self.calls.push_back(now_ms);
            return Ok(());
        }
        Err(self.wait_ms(now_ms))
    }

    /// How many calls would be served at `now_ms`, and in how many milliseconds there will be one more.
    pub fn remaining(&mut self, now_ms: u64) -> (u32, u64) {
        let now_ms = self.forget(now_ms);
        let oldest = self.calls.front().map_or(0, |oldest| oldest + MINUTE_MS - now_ms);
        (self.slots.saturating_sub(self.used()), oldest)
    }

    /// How many calls there may be in a minute.
    pub fn slots(&self) -> u32 {
        self.slots
    }

    /// Sets how many there may be. With fewer slots than calls in the last minute, none is served until enough are old.
    pub fn set_slots(&mut self, slots: u32) {
        self.slots = slots;
    }

    /// The fewest slots that could be kept at `now_ms` without anybody having been served too much.
    pub fn needed(&mut self, now_ms: u64) -> u32 {
        self.forget(now_ms);
        self.used()
    }

    fn used(&self) -> u32 {
        u32::try_from(self.calls.len()).unwrap_or(u32::MAX)
    }

    /// When the calls that are too many now, and one more, will be old.
    fn wait_ms(&self, now_ms: u64) -> Option<u64> {
        let index = self.calls.len().checked_sub(usize::try_from(self.slots).ok()?)?;
        self.calls.get(index).map(|call| call + MINUTE_MS - now_ms)
    }

    fn forget(&mut self, now_ms: u64) -> u64 {
        let now_ms = self.calls.back().map_or(now_ms, |newest| now_ms.max(*newest));
        while self.calls.front().is_some_and(|oldest| oldest + MINUTE_MS <= now_ms) {
            self.calls.pop_front();
        }
        now_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn window(slots: u32) -> Window {
        Window { slots, ..Window::default() }
    }

    #[test]
    fn sixty_seconds_any_sixty() {
        let mut window = window(2);
        let cases = [
            (1_000, Ok(())),
            (1_500, Ok(())),
            (1_500, Err(Some(59_500))),
            (60_999, Err(Some(1))),
            (61_000, Ok(())),
            (61_000, Err(Some(500))),
            (500, Err(Some(500))),
            (61_500, Ok(())),
        ];
        for (now, expected) in cases {
            assert_eq!(window.admit(now), expected, "at {now}");
        }
        assert_eq!(window.remaining(61_500), (0, 59_500));
        assert_eq!(window.remaining(121_000), (1, 500));
        assert_eq!(window.remaining(121_500), (2, 0));
    }

    #[test]
    fn slots_come_and_go() {
        let mut window = window(0);
        assert_eq!(window.admit(0), Err(None));
        window.set_slots(3);
        assert_eq!(window.slots(), 3);
        for now in [0, 10, 20] {
            window.admit(now).unwrap();
        }
        assert_eq!(window.needed(20), 3);
        window.set_slots(1);
        assert_eq!(window.admit(20), Err(Some(60_000)), "two too many, and the third must be old as well");
        assert_eq!(window.admit(60_010), Err(Some(10)));
        assert_eq!((window.needed(60_010), window.remaining(60_010)), (1, (0, 10)));
        assert_eq!(window.admit(60_020), Ok(()));
    }

    proptest! {
        /// Three servers pass slots between them; calls come at random.
        #[test]
        fn no_minute_holds_more_than_the_plan(
            steps in proptest::collection::vec((0_usize..3, 0_u64..9_000, 0_u8..8), 1..300),
        ) {
            const PLAN: u32 = 7;
            let mut servers = [window(PLAN), window(0), window(0)];
            let (mut now, mut free, mut served) = (100_000_u64, 0, Vec::new());
            for (server, wait, what) in steps {
                now += wait;
                match what {
                    0 => {
                        let keep = servers[server].needed(now);
                        free += servers[server].slots().saturating_sub(keep);
                        let kept = servers[server].slots().min(keep);
                        servers[server].set_slots(kept);
                    }
                    1 => {
                        let slots = servers[server].slots();
                        servers[server].set_slots(slots + free);
                        free = 0;
                    }
                    _ => drop(servers[server].admit(now).map(|()| served.push(now))),
                }
                let total = servers.iter().map(Window::slots).sum::<u32>() + free;
                prop_assert_eq!(total, PLAN);
            }
            for (index, first) in served.iter().enumerate() {
                let within = served[index..].iter().take_while(|call| **call < first + MINUTE_MS).count();
                prop_assert!(within <= 7, "{} calls in the minute from {}", within, first);
            }
        }
    }
}
