//! How well one node serves, as far as this process has seen, and which node is asked next. Pure: times are arguments.

use std::fmt;
use std::time::Duration;

use accrual_store::Header;
use alloy::primitives::B256;
use tokio::time::Instant;

/// Whether a node can be believed, as the last roll call found it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum Standing {
    /// Nothing speaks against it.
    #[default]
    Good,
    /// Its newest block is older than what was seen elsewhere.
    Behind { head: u64, newest: u64 },
    /// It has another block than the others have.
    OnAFork { number: u64, has: B256, others: B256 },
    /// It serves another chain.
    OtherChain { found: u64, expected: u64 },
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Good => f.write_str("good"),
            Self::Behind { head, newest } => {
                write!(f, "it is behind: its newest block is {head}, and block {newest} was seen")
            }
            Self::OnAFork { number, has, others } => {
                write!(f, "it is on a fork: block {number} is {has} there, and {others} elsewhere")
            }
            Self::OtherChain { found, expected } => {
                write!(f, "it is of another chain: {found}, and chain.id is {expected}")
            }
        }
    }
}

/// What a question needs of the node that it is put to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Need {
    /// Logs from this block to that one.
    pub(super) logs: Option<(u64, u64)>,
    /// The state at the end of this block.
    pub(super) state_at: Option<u64>,
    /// The newest blocks.
    pub(super) head: bool,
}

/// Whether a node can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fit {
    Now,
    /// It takes a rest until then.
    At(Instant),
    /// It cannot have the answer.
    Never,
}

/// One node's record.
#[derive(Debug, Clone, Default)]
pub(super) struct Health {
    pub(super) standing: Standing,
    /// What it says its chain is; `None` before it was asked.
    pub(super) chain_id: Option<u64>,
    /// The newest block that it has shown.
    pub(super) head: Option<Header>,
    /// It has no logs below this block; 0 where nothing is known to be missing.
    pub(super) logs_from: u64,
    /// It has no state below this block; 0 where nothing is known to be missing.
    pub(super) state_from: u64,
    /// The last trouble with it.
    pub(super) trouble: Option<String>,
    latency: Option<Duration>,
    failing_permille: u64,
    failures: u32,
    /// Refusals in a row for having asked too often.
    refusals: u32,
    resting_until: Option<Instant>,
}

const REST_MIN: Duration = Duration::from_millis(100);
const REST_MAX: Duration = Duration::from_secs(5);
/// What an answer is expected to take before there was one.
const LATENCY_UNKNOWN: Duration = Duration::from_millis(100);
/// From so many failures in a row on a node is called unreachable.
const UNREACHABLE_FAILURES: u32 = 3;

impl Health {
    /// It answered after so long.
    pub(super) fn answered(&mut self, took: Duration) {
        self.latency = Some(self.latency.map_or(took, |mean| (mean * 7 + took) / 8));
        self.failing_permille -= self.failing_permille.div_ceil(8).min(self.failing_permille);
        (self.failures, self.refusals) = (0, 0);
    }

    /// It did not answer, or not with what it should: it rests, for longer each time. Of that a part that
    /// `jitter_permille` (0 to 1000) picks, so that many clients do not come back together.
    pub(super) fn failed(&mut self, now: Instant, trouble: &str, jitter_permille: u32) {
        self.trouble = Some(trouble.to_owned());
        // Of many questions that fail together the first counts.
        if !self.is_resting(now) {
            self.failures = self.failures.saturating_add(1);
            self.rest(now, jittered(doubled(self.failures), jitter_permille));
        }
    }

    /// It was asked too often: it rests for as long as it says, or for longer each time.
    pub(super) fn refused(&mut self, now: Instant, wait: Option<Duration>, jitter_permille: u32) {
        if !self.is_resting(now) {
            self.refusals = self.refusals.saturating_add(1);
            self.rest(now, jittered(doubled(self.refusals), jitter_permille));
        }
        if let Some(wait) = wait {
            self.resting_until = self.resting_until.max(Some(now + wait));
        }
    }

    fn rest(&mut self, now: Instant, rest: Duration) {
        self.failing_permille = (self.failing_permille + (1000 - self.failing_permille) / 8 + 1).min(1000);
        self.resting_until = Some(now + rest);
    }

    fn is_resting(&self, now: Instant) -> bool {
        self.resting_until.is_some_and(|until| until > now)
    }

    /// The lower the better: milliseconds that an answer takes, more for failures and for blocks behind `newest`.
    pub(super) fn score(&self, newest: u64) -> u64 {
        let latency = self.latency.unwrap_or(LATENCY_UNKNOWN);
        let millis = u64::try_from(latency.as_millis()).unwrap_or(u64::MAX);
        let lag = self.head.map_or(0, |head| newest.saturating_sub(head.number.0));
        millis.saturating_add(self.failing_permille.saturating_mul(20)).saturating_add(lag.saturating_mul(20))
    }

    /// Whether it can be asked for `need` at `now`.
    pub(super) fn fit(&self, need: &Need, now: Instant) -> Fit {
        let has = match (&self.standing, need.logs) {
            (Standing::OtherChain { .. } | Standing::OnAFork { .. }, _) => false,
            (Standing::Behind { head, .. }, Some((_, last))) if last > *head => false,
            (Standing::Behind { head, .. }, None) if need.head || need.state_at > Some(*head) => false,
            _ => {
                need.logs.is_none_or(|(first, _)| first >= self.logs_from)
                    && need.state_at.is_none_or(|at| at >= self.state_from)
            }
        };
        match self.resting_until {
            _ if !has => Fit::Never,
            Some(until) if until > now => Fit::At(until),
            _ => Fit::Now,
        }
    }

    pub(super) fn is_unreachable(&self) -> bool {
        self.failures >= UNREACHABLE_FAILURES
    }

    pub(super) fn latency(&self) -> Option<Duration> {
        self.latency
    }

    /// One word for it, and why it is not "good".
    pub(super) fn state(&self) -> (&'static str, Option<String>) {
        let pruned = self.logs_from.max(self.state_from);
        match &self.standing {
            Standing::OtherChain { .. } => ("other_chain", Some(self.standing.to_string())),
            Standing::OnAFork { .. } => ("on_a_fork", Some(self.standing.to_string())),
            _ if self.is_unreachable() => ("unreachable", self.trouble.clone()),
            Standing::Behind { .. } => ("behind", Some(self.standing.to_string())),
            Standing::Good if pruned > 0 => {
                let what = if self.logs_from > 0 { "logs" } else { "state" };
                ("pruned", Some(format!("it is pruned: it has no {what} of blocks below {pruned}")))
            }
            Standing::Good => ("good", None),
        }
    }
}

/// The rest after so many troubles in a row.
fn doubled(times: u32) -> Duration {
    (REST_MIN * 2_u32.pow(times.saturating_sub(1).min(10))).min(REST_MAX)
}

/// Between half of `rest` and all of it.
fn jittered(rest: Duration, jitter_permille: u32) -> Duration {
    rest / 2 + rest / 2 * jitter_permille.min(1000) / 1000
}

/// Which node is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Choice {
    /// The node with this place.
    Ask(usize),
    /// All that could answer rest until then.
    Wait(Instant),
    /// None can have the answer.
    Nobody,
}

/// Of `candidates` (place, fit, score) the best; the current one as long as it is not plainly worse, since an answer is
/// best continued where it began.
pub(super) fn choose(candidates: &[(usize, Fit, u64)], current: usize) -> Choice {
    let ready = || candidates.iter().filter(|(_, fit, _)| *fit == Fit::Now);
    let Some((best, _, best_score)) = ready().min_by_key(|(_, _, score)| *score) else {
        let soonest = candidates.iter().filter_map(|(_, fit, _)| match fit {
            Fit::At(until) => Some(*until),
            Fit::Now | Fit::Never => None,
        });
        return soonest.min().map_or(Choice::Nobody, Choice::Wait);
    };
    let enough = best_score.saturating_mul(2).saturating_add(100);
    let stays = ready().any(|(place, _, score)| *place == current && *score <= enough);
    Choice::Ask(if stays { current } else { *best })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOGS: Need = Need { logs: Some((100, 200)), state_at: None, head: false };
    const HEAD: Need = Need { logs: None, state_at: None, head: true };

    #[tokio::test]
    async fn a_node_is_asked_for_what_it_can_have() {
        let now = Instant::now();
        let behind = |head| Standing::Behind { head, newest: 300 };
        let fork = Standing::OnAFork { number: 1, has: B256::ZERO, others: B256::ZERO };
        let cases = [
            ("good", Health::default(), Fit::Now, Fit::Now),
            (
                "behind the range",
                Health { standing: behind(150), ..Health::default() },
                Fit::Never,
                Fit::Never,
            ),
            (
                "behind, but past it",
                Health { standing: behind(200), ..Health::default() },
                Fit::Now,
                Fit::Never,
            ),
            ("on a fork", Health { standing: fork, ..Health::default() }, Fit::Never, Fit::Never),
            (
                "of another chain",
                Health { standing: Standing::OtherChain { found: 1, expected: 2 }, ..Health::default() },
                Fit::Never,
                Fit::Never,
            ),
            ("pruned above it", Health { logs_from: 101, ..Health::default() }, Fit::Never, Fit::Now),
            ("pruned below it", Health { logs_from: 100, ..Health::default() }, Fit::Now, Fit::Now),
        ];
        for (name, health, logs, head) in cases {
            assert_eq!((health.fit(&LOGS, now), health.fit(&HEAD, now)), (logs, head), "{name}");
        }
    }

    #[tokio::test]
    async fn a_node_that_fails_rests_longer_each_time_and_is_forgiven() {
        let (mut now, mut health) = (Instant::now(), Health::default());
        for rest in [100, 200, 400, 800, 1600, 3200, 5000, 5000] {
            let until = now + Duration::from_millis(rest);
            (0..5).for_each(|_| health.failed(now, "down", 1000));
            assert_eq!((health.fit(&LOGS, now), health.fit(&LOGS, until)), (Fit::At(until), Fit::Now));
            now = until;
        }
        assert_eq!(health.state(), ("unreachable", Some("down".to_owned())));
        let worst = health.score(0);
        health.answered(Duration::from_millis(10));
        assert_eq!((health.fit(&LOGS, now), health.state().0), (Fit::Now, "good"));
        (0..80).for_each(|_| health.answered(Duration::from_millis(10)));
        assert!(health.score(0) < 20 && worst > 10_000, "{} {worst}", health.score(0));
    }

    #[tokio::test]
    async fn a_node_that_names_a_time_is_left_alone_until_then() {
        let (now, mut health) = (Instant::now(), Health::default());
        health.refused(now, None, 1000);
        assert_eq!(health.fit(&HEAD, now), Fit::At(now + REST_MIN));
        health.refused(now, Some(Duration::from_secs(7)), 1000);
        assert_eq!(health.fit(&HEAD, now), Fit::At(now + Duration::from_secs(7)));
        assert_eq!(health.state().0, "good", "a node that is busy is there");
    }

    #[test]
    fn a_rest_is_between_half_and_all_of_it() {
        let second = Duration::from_secs(1);
        assert_eq!(jittered(second, 0), second / 2);
        assert_eq!(jittered(second, 1000), second);
        assert_eq!(jittered(second, 500), second * 3 / 4);
    }

    #[tokio::test]
    async fn the_best_is_chosen_and_kept() {
        let (now, later) = (Instant::now(), Instant::now() + REST_MAX);
        type Case<'a> = (&'a str, &'a [(usize, Fit, u64)], Choice);
        let cases: [Case<'_>; 6] = [
            ("the best", &[(0, Fit::Now, 900), (1, Fit::Now, 10)], Choice::Ask(1)),
            ("the current, a little worse", &[(0, Fit::Now, 110), (1, Fit::Now, 10)], Choice::Ask(0)),
            ("not one that rests", &[(0, Fit::At(later), 1), (1, Fit::Now, 9000)], Choice::Ask(1)),
            ("all rest", &[(0, Fit::At(later), 1), (1, Fit::At(now), 1)], Choice::Wait(now)),
            ("none has it", &[(0, Fit::Never, 1), (1, Fit::Never, 1)], Choice::Nobody),
            ("none is left", &[], Choice::Nobody),
        ];
        for (name, candidates, expected) in cases {
            assert_eq!(choose(candidates, 0), expected, "{name}");
        }
    }
}
