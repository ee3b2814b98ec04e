//! The chain's own clock: it stands at times, so that a process can store what will leave the chain.
//!
//! How long a process takes to come to the head is up to the weather, and branches would mostly come and go unseen. So the
//! chain begins to grow, and most branches end, only once somebody has stored them, or has failed to for long enough.
//! Right after such an end it stands for some steps too, so that somebody reads what late machines say.

use std::collections::VecDeque;
use std::time::Duration;

use crate::chain::Chain;
use crate::chance::Chance;

/// At an instant of the chain's time: it goes on once a block is stored, or after so many steps of the processes.
#[derive(Debug)]
struct Wait {
    at: Duration,
    /// The lowest block that it waits for, and on which branch; on any when `None`.
    block: u64,
    fork: Option<usize>,
    is_stored: bool,
    steps_max: u64,
    /// At which step it began.
    began: Option<u64>,
}

/// What the chain waits for, in order of time, and for how long it has stood.
#[derive(Debug, Default)]
pub(crate) struct Waits {
    waits: VecDeque<Wait>,
    stood: Duration,
}

impl Waits {
    pub(crate) fn of(chain: &Chain, chance: &mut Chance) -> Self {
        let begins = chain.begins_seconds();
        let mut wait = |at: u64, block: u64, fork: Option<usize>, steps: (u64, u64)| {
            let steps_max = if chance.permille(850) { chance.between(steps.0, steps.1) } else { 0 };
            Wait { at: Duration::from_secs(at), block, fork, is_stored: false, steps_max, began: None }
        };
        let beginning = wait(0, chain.view(begins, 0).head, None, (500, 2000));
        let mut waits = VecDeque::from([beginning]);
        for (place, fork) in chain.forks.iter().enumerate() {
            // The last second in which it is the chain.
            if let Some(at) = fork.until_seconds.checked_sub(begins + 1) {
                waits.push_back(wait(at, fork.at_block + 1, Some(place), (100, 600)));
                // The first second in which it is not, while some machines are on it still: nothing ends this wait early.
                waits.push_back(wait(at + 1, u64::MAX, None, (20, 70)));
            }
        }
        Self { waits, stood: Duration::ZERO }
    }

    /// How much of the chain's time has passed at `now`, the processes' time, when so many steps were taken.
    pub(crate) fn passed(&mut self, now: Duration, steps: u64) -> Duration {
        loop {
            let passed = now - self.stood;
            let Some(wait) = self.waits.front_mut().filter(|wait| wait.at <= passed) else { return passed };
            let has_begun = wait.began.is_some();
            let began = *wait.began.get_or_insert(steps);
            if !wait.is_stored && steps - began < wait.steps_max {
                return wait.at;
            }
            if has_begun {
                self.stood = now - wait.at;
            }
            self.waits.pop_front();
        }
    }

    /// A process has stored `block` while `fork` was the chain.
    pub(crate) fn stored(&mut self, block: u64, fork: Option<usize>) {
        let is_it = |wait: &&mut Wait| block >= wait.block && (wait.fork.is_none() || wait.fork == fork);
        self.waits.iter_mut().filter(is_it).for_each(|wait| wait.is_stored = true);
    }
}
