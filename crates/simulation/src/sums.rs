//! Many seeds, on several cores, and what they come to.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::cores;
use crate::seed::{Outcome, run};
use crate::weather::Nodes;

/// What some seeds came to.
#[derive(Debug, Default)]
pub struct Sums {
    /// Seeds that were run.
    pub seeds: u64,
    /// Each seed that failed, with why.
    pub failures: BTreeMap<u64, String>,
    /// All their simulated time.
    pub simulated: Duration,
    /// Questions, answers and steps of the database.
    pub steps: u64,
    /// Faults, by name.
    pub faults: BTreeMap<&'static str, u64>,
    /// Processes that died.
    pub deaths: u64,
    /// Branches that left the chain.
    pub forks: u64,
    /// How often blocks that were stored left the chain and were taken back.
    pub rewinds: u64,
    /// Seeds in which that happened.
    pub rewound: u64,
    /// Events in the end.
    pub events: u64,
}

/// Runs `seeds` with such nodes on so many threads; `each` hears of every one that failed as soon as it did.
///
/// # Panics
/// When a thread cannot be started.
pub fn run_all(seeds: Range<u64>, nodes: Nodes, threads: usize, each: impl Fn(u64, &str) + Sync) -> Sums {
    let next = AtomicU64::new(seeds.start);
    let sums = Mutex::new(Sums::default());
    let work = |number: usize| {
        if threads > 1 {
            cores::stay_on_one(number);
        }
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return;
            }
            let outcome = catch_unwind(AssertUnwindSafe(|| run(seed, nodes)));
            let mut sums = sums.lock().unwrap_or_else(PoisonError::into_inner);
            let failure = match outcome {
                Ok(outcome) => sums.add(outcome),
                Err(panic) => Some(format!("it panicked: {}", words(&*panic))),
            };
            sums.seeds += 1;
            if let Some(failure) = failure {
                each(seed, &failure);
                sums.failures.insert(seed, failure);
            }
        }
    };
    std::thread::scope(|scope| {
        for number in 0..threads.max(1) {
            let work = &work;
            scope.spawn(move || work(number));
        }
    });
    sums.into_inner().unwrap_or_else(PoisonError::into_inner)
}

fn words(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
}

impl Sums {
    fn add(&mut self, outcome: Outcome) -> Option<String> {
        self.simulated += outcome.simulated;
        self.steps += outcome.steps;
        self.deaths += outcome.deaths;
        self.forks += outcome.forks;
        self.rewinds += outcome.rewinds;
        self.rewound += u64::from(outcome.rewinds > 0);
        self.events += outcome.events;
        for (name, count) in outcome.faults {
            *self.faults.entry(name).or_default() += count;
        }
        outcome.failure
    }
}

impl fmt::Display for Sums {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let faults: u64 = self.faults.values().sum();
        let minutes = self.simulated.as_secs() / 60;
        writeln!(f, "{} seeds, {} failed", self.seeds, self.failures.len())?;
        writeln!(
            f,
            "{} h {} min simulated, {} steps to the outside",
            minutes / 60,
            minutes % 60,
            self.steps
        )?;
        writeln!(
            f,
            "{faults} faults, {} deaths between two steps, {} events compared, {} branches left the chain",
            self.deaths, self.events, self.forks
        )?;
        writeln!(
            f,
            "stored blocks were taken back {} times, in {} of the seeds",
            self.rewinds, self.rewound
        )?;
        for (name, count) in &self.faults {
            writeln!(f, "{count:>10}  {name}")?;
        }
        Ok(())
    }
}
