//! What everything in a simulation shares: the clock, the steps to the outside, and whether the process lives.
//!
//! Each question, each answer and each step of the database is counted here. At a count that was drawn before, the
//! process ends: the step is not taken, or its outcome reaches nobody, and whatever was running is dropped.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use accrual_store::steps::{Fate, Step, Steps};
use tokio::time::Instant;

use crate::chain::{Chain, View};
use crate::machines::Lag;
use crate::waits::Waits;
use crate::weather::Weather;

/// The simulated world around one process after the other.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) chain: std::sync::Arc<Chain>,
    begun: Instant,
    /// Whether nodes see the whole trunk at once, whatever the time.
    is_told_at_once: bool,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    weather: Weather,
    waits: Waits,
    steps_left: Option<u64>,
    is_dead: bool,
    steps: u64,
    faults: BTreeMap<&'static str, u64>,
    trace: DefaultHasher,
    database_is_busy: bool,
    hold: Option<Hold>,
}

/// While it is there, the simulated clock stands: the database works in threads of its own, in real time.
#[derive(Debug)]
struct Hold {
    _until_dropped: Sender<()>,
}

impl Hold {
    fn new() -> Self {
        let (sender, receiver) = channel::<()>();
        // Tokio's paused clock does not run ahead while a blocking task lasts.
        tokio::task::spawn_blocking(move || receiver.recv().is_err());
        Self { _until_dropped: sender }
    }
}

/// How a life ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End<T> {
    /// It died between two steps.
    Died,
    /// Its time was over.
    TimeUp,
    /// It ended by itself.
    Ended(T),
}

impl Stage {
    /// In weather, with a chain that grows and waits.
    pub(crate) fn new(chain: std::sync::Arc<Chain>, weather: Weather, waits: Waits) -> Self {
        Self::of(chain, weather, waits, false)
    }

    /// Nothing goes wrong, and the whole chain is there.
    pub(crate) fn calm(chain: std::sync::Arc<Chain>) -> Self {
        Self::of(chain, Weather::calm(), Waits::default(), true)
    }

    fn of(chain: std::sync::Arc<Chain>, weather: Weather, waits: Waits, is_told_at_once: bool) -> Self {
        let state = State {
            weather,
            waits,
            steps_left: None,
            is_dead: false,
            steps: 0,
            faults: BTreeMap::new(),
            trace: DefaultHasher::new(),
            database_is_busy: false,
            hold: None,
        };
        Self { chain, begun: Instant::now(), is_told_at_once, state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Since the simulation began.
    pub(crate) fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    /// How much of the chain's time has passed.
    pub(crate) fn chain_elapsed(&self) -> Duration {
        let now = self.elapsed();
        let mut state = self.state();
        let steps = state.steps;
        state.waits.passed(now, steps)
    }

    fn chain_seconds(&self) -> u64 {
        self.chain.begins_seconds() + self.chain_elapsed().as_secs()
    }

    /// A process has stored a block.
    pub(crate) fn stored(&self, block: u64) {
        let fork = self.chain.view(self.chain_seconds(), 0).fork;
        self.state().waits.stored(block, fork);
    }

    /// What both machines of a node see now.
    pub(crate) fn views(&self, node: usize, behind_seconds: u64) -> [View; 2] {
        if self.is_told_at_once {
            return [self.chain.whole(); 2];
        }
        let (seconds, node) = (self.chain_seconds(), self.state().weather.nodes[node]);
        let view =
            |lag: Lag| self.chain.view(seconds - behind_seconds - lag.behind_seconds, lag.late_seconds);
        node.machines.lags(node.late_seconds).map(view)
    }

    pub(crate) fn weather<T>(&self, with: impl FnOnce(&mut Weather) -> T) -> T {
        with(&mut self.state().weather)
    }

    /// Notes something that happened, so that two runs can be compared.
    pub(crate) fn note(&self, what: impl Hash) {
        let millis = self.elapsed().as_millis();
        let mut state = self.state();
        (millis, what).hash(&mut state.trace);
    }

    /// Notes and counts a fault.
    pub(crate) fn fault(&self, name: &'static str) {
        self.note(name);
        *self.state().faults.entry(name).or_default() += 1;
    }

    /// A step to the outside; does not return when the process ends here.
    pub(crate) async fn step(&self, what: impl Hash) {
        if self.is_last_step(what) {
            std::future::pending().await
        }
    }

    fn is_last_step(&self, what: impl Hash) -> bool {
        self.note(what);
        let mut state = self.state();
        state.steps += 1;
        if let Some(left) = &mut state.steps_left {
            match left.checked_sub(1) {
                Some(fewer) => *left = fewer,
                None => state.is_dead = true,
            }
        }
        state.is_dead
    }

    /// Lets `life` go on until it ends, or dies after `steps`, or its time is over.
    pub(crate) async fn live<T>(
        &self,
        life: impl Future<Output = T>,
        steps: Option<u64>,
        time: Duration,
    ) -> End<T> {
        {
            let mut state = self.state();
            state.steps_left = steps;
            state.is_dead = false;
        }
        let life = async {
            let mut life = std::pin::pin!(life);
            std::future::poll_fn(|context| {
                let polled = life.as_mut().poll(context);
                let mut state = self.state();
                if polled.is_pending() && !state.database_is_busy {
                    state.hold = None;
                }
                // All steps are taken while the life is polled, so death is seen here, whatever else has happened.
                if state.is_dead { Poll::Ready(End::Died) } else { polled.map(End::Ended) }
            })
            .await
        };
        let end = tokio::select! {
            biased;
            end = life => end,
            () = tokio::time::sleep(time) => End::TimeUp,
        };
        let mut state = self.state();
        state.steps_left = None;
        state.database_is_busy = false;
        state.hold = None;
        end
    }

    /// Lets the clock stand while `work` is done outside of the simulation.
    pub(crate) async fn held<T>(&self, work: impl Future<Output = T>) -> T {
        let _hold = Hold::new();
        work.await
    }

    /// Steps taken, faults by name, and the trace so far.
    pub(crate) fn sums(&self) -> (u64, BTreeMap<&'static str, u64>, u64) {
        let state = self.state();
        (state.steps, state.faults.clone(), state.trace.finish())
    }
}

impl Steps for Stage {
    fn before(&self, step: Step) -> Fate {
        {
            let mut state = self.state();
            state.database_is_busy = true;
            if state.hold.is_none() {
                state.hold = Some(Hold::new());
            }
        }
        let fate = self.database(
            step,
            match step {
                Step::Read => "database: a read fails",
                Step::Begin => "database: a transaction does not begin",
                Step::Statement => "database: a statement fails",
                Step::Commit => "database: a commit fails",
            },
        );
        if fate != Fate::GoOn {
            self.state().database_is_busy = false;
        }
        fate
    }

    fn after(&self, step: Step) -> Fate {
        self.state().database_is_busy = false;
        self.database(
            step,
            match step {
                Step::Read => "database: a read's answer is lost",
                Step::Begin => "database: a beginning is lost",
                Step::Statement => "database: a statement's answer is lost",
                Step::Commit => "database: a commit is done, and said to have failed",
            },
        )
    }
}

impl Stage {
    fn database(&self, step: Step, name: &'static str) -> Fate {
        if self.is_last_step((step, name)) {
            return Fate::Never;
        }
        let now = self.elapsed();
        if self.weather(|weather| weather.database_fails(step, now)) {
            self.fault(name);
            return Fate::Fail;
        }
        Fate::GoOn
    }
}
