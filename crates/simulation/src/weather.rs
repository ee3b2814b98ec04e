//! What goes wrong under a seed, where and when: for each question to a node and each step of the database.
//!
//! Every seed has weather of its own: some kinds of faults and not others, rarely or often, and storms that last.

use std::time::Duration;

use accrual_indexer::complete::Completeness;
use accrual_store::steps::Step;

use crate::chance::Chance;
use crate::machines::Machines;
use crate::node::Manner;

/// What a node does wrong with one question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Fault {
    /// The connection is refused or breaks.
    Unreachable,
    /// It never answers.
    Silent,
    /// It answers when nobody waits any more.
    Late,
    /// HTTP 429, sometimes with the time to wait.
    TooManyRequests,
    /// HTTP 502.
    BadGateway,
    /// HTTP 503.
    Unavailable,
    /// HTTP 413.
    TooLarge,
    /// HTTP 504.
    GatewayTimeout,
    /// Code -32005, without a word of which limit.
    LimitExceeded,
    /// Code -32603.
    InternalError,
    /// It does not have the block yet.
    HeaderNotFound,
    /// The answer breaks off.
    CutBody,
    /// Of a batch, some answers are missing.
    BatchMissing,
    /// Of a batch, answers come twice.
    BatchTwice,
    /// Of a batch, answers come in another order.
    BatchShuffled,
    /// Logs come twice.
    LogsTwice,
    /// Logs come in another order.
    LogsShuffled,
    /// Logs that were not asked for: of blocks beside, of another kind, or of a branch that is gone.
    LogsStray,
    /// Another block's header.
    OtherBlock,
    /// No header where there is one.
    NoBlock,
    /// JSON of another form.
    Nonsense,
    /// Another chain's id.
    OtherChain,
    /// A log is left out, and nothing says so.
    LogsMissing,
}

use Fault::*;

/// Whether nodes say what is not so, beside not answering.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nodes {
    /// What they answer is of the chain as they see it.
    Honest,
    /// They leave out logs, and answer for blocks that they do not have yet as if nothing happened in them.
    Lying,
}

const ALL: [Fault; 22] = [
    Unreachable,
    Silent,
    Late,
    TooManyRequests,
    BadGateway,
    Unavailable,
    TooLarge,
    GatewayTimeout,
    LimitExceeded,
    InternalError,
    HeaderNotFound,
    CutBody,
    BatchMissing,
    BatchTwice,
    BatchShuffled,
    LogsTwice,
    LogsShuffled,
    LogsStray,
    OtherBlock,
    NoBlock,
    Nonsense,
    OtherChain,
];

/// What an answer has wrong in it that is read as an answer.
const IN_CONTENT: [Fault; 7] =
    [BatchMissing, BatchTwice, BatchShuffled, LogsTwice, LogsShuffled, LogsStray, OtherBlock];

impl Fault {
    /// Its name in reports.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Unreachable => "node: unreachable",
            Silent => "node: never answers",
            Late => "node: answers too late",
            TooManyRequests => "node: HTTP 429",
            BadGateway => "node: HTTP 502",
            Unavailable => "node: HTTP 503",
            TooLarge => "node: HTTP 413",
            GatewayTimeout => "node: HTTP 504",
            LimitExceeded => "node: -32005",
            InternalError => "node: -32603",
            HeaderNotFound => "node: header not found",
            CutBody => "answer: cut",
            BatchMissing => "batch: answers missing",
            BatchTwice => "batch: answers twice",
            BatchShuffled => "batch: answers reordered",
            LogsTwice => "logs: twice",
            LogsShuffled => "logs: reordered",
            LogsStray => "logs: not asked for",
            OtherBlock => "header: of another block",
            NoBlock => "header: missing",
            Nonsense => "answer: of another form",
            OtherChain => "node: of another chain",
            LogsMissing => "logs: one left out",
        }
    }
}

/// In calm weather; views of tokens are not waited for longer than some seconds.
const CALM_LATENCY_MAX: Duration = Duration::from_millis(60);

/// A time in which a node does the same wrong with every question.
#[derive(Debug, Clone, Copy)]
struct Storm {
    node: usize,
    from: Duration,
    until: Duration,
    fault: Fault,
}

/// A time in which a node stands behind.
#[derive(Debug, Clone, Copy)]
struct Behind {
    node: usize,
    from: Duration,
    until: Duration,
    seconds: u64,
}

/// A node for as long as the simulation lasts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Character {
    pub(crate) manner: Manner,
    /// What stands behind its address.
    pub(crate) machines: Machines,
    /// For how long it stays on a branch that ended.
    pub(crate) late_seconds: u64,
    latency_max: Duration,
}

/// What goes wrong, decided question by question.
#[derive(Debug)]
pub(crate) struct Weather {
    chance: Chance,
    pub(crate) nodes: Vec<Character>,
    faults: Vec<Fault>,
    fault_permille: u64,
    storms: Vec<Storm>,
    behind: Vec<Behind>,
    db_permille: u64,
    db_away: Option<(Duration, Duration)>,
    is_calm: bool,
}

/// What happens to a question.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Passage {
    /// Until the node has it, and from there until the answer is back.
    pub(crate) latency: [Duration; 2],
    pub(crate) fault: Option<Fault>,
    /// How many seconds behind the node stands.
    pub(crate) behind_seconds: u64,
}

impl Weather {
    /// The weather of `seed` until `end`; nodes stay on a dead branch or behind for `late_seconds_max` together.
    pub(crate) fn new(
        seed: u64,
        end: Duration,
        late_seconds_max: u64,
        which: Nodes,
        completeness: Completeness,
    ) -> Self {
        let mut chance = Chance::new(seed, 2);
        let count = chance.pick(&[1, 1, 2, 3]);
        let mut nodes: Vec<Character> =
            (0..count).map(|_| character(&mut chance, late_seconds_max)).collect();
        let share = chance.pick(&[100, 400, 900]);
        let mut faults: Vec<Fault> = ALL.into_iter().filter(|_| chance.permille(share)).collect();
        // Most questions are for headers one by one, and loud faults bring the same question again: these would be rare.
        let in_content: Vec<Fault> =
            faults.iter().copied().filter(|fault| IN_CONTENT.contains(fault)).collect();
        faults.extend(in_content.repeat(4));
        if which == Nodes::Lying {
            faults.extend([LogsMissing; 12]);
            nodes.iter_mut().for_each(|node| node.manner.empty_beyond_head = chance.permille(500));
        }
        let fault_permille =
            chance.pick(&[0, 10, 50, 150, 300]).max(if which == Nodes::Lying { 50 } else { 0 });
        let storms = (0..chance.between(0, 4)).map(|_| storm(&mut chance, count, end)).collect();
        let behind: Vec<Behind> = (0..chance.between(0, 3))
            .map(|_| {
                let (from, until) = stretch(&mut chance, end);
                let seconds = chance.between(0, late_seconds_max / 2);
                Behind { node: chance.index(count), from, until, seconds }
            })
            .collect();
        let mut habits = Chance::new(seed, 6);
        for (place, node) in nodes.iter_mut().enumerate() {
            node.manner.repeats_logs = habits.permille(100);
            node.machines = Machines::of(&mut habits, completeness);
            if node.machines != Machines::One {
                let of_node = behind.iter().filter(|behind| behind.node == place);
                node.late_seconds =
                    late_seconds_max - of_node.map(|behind| behind.seconds).max().unwrap_or(0);
            }
        }
        let db_permille = chance.pick(&[0, 0, 2, 10, 40]);
        let db_away = chance.permille(200).then(|| stretch(&mut chance, end));
        Self { chance, nodes, faults, fault_permille, storms, behind, db_permille, db_away, is_calm: false }
    }

    /// Nothing goes wrong, ever: one node that answers at once.
    pub(crate) fn calm() -> Self {
        let manner = Manner::quiet();
        let (machines, latency_max) = (Machines::One, Duration::from_millis(1));
        Self {
            chance: Chance::new(0, 2),
            nodes: vec![Character { manner, machines, late_seconds: 0, latency_max }],
            faults: Vec::new(),
            fault_permille: 0,
            storms: Vec::new(),
            behind: Vec::new(),
            db_permille: 0,
            db_away: None,
            is_calm: true,
        }
    }

    /// From now on nothing goes wrong; what is a node's habit stays.
    pub(crate) fn clear_up(&mut self) {
        self.is_calm = true;
        self.nodes.iter_mut().for_each(|node| node.machines = Machines::One);
    }

    /// What happens to a question that is put to a node `now`.
    pub(crate) fn passage(&mut self, node: usize, now: Duration) -> Passage {
        let slow = self.nodes[node].latency_max;
        let latency_max = if self.is_calm { slow.min(CALM_LATENCY_MAX) } else { slow };
        let mut latency = || {
            let millis = u64::try_from(latency_max.as_millis()).expect("latencies are short");
            Duration::from_millis(self.chance.between(1, millis))
        };
        let latency = [latency(), latency()];
        if self.is_calm {
            return Passage { latency, fault: None, behind_seconds: 0 };
        }
        let rages = |storm: &&Storm| storm.node == node && storm.from <= now && now < storm.until;
        let stormy = self.storms.iter().find(rages).map(|storm| storm.fault);
        let own = !self.faults.is_empty() && self.chance.permille(self.fault_permille);
        let own = own.then(|| self.chance.pick(&self.faults));
        let stands = |behind: &&Behind| behind.node == node && behind.from <= now && now < behind.until;
        let behind_seconds = self.behind.iter().find(stands).map_or(0, |behind| behind.seconds);
        Passage { latency, fault: stormy.or(own), behind_seconds }
    }

    /// Whether the database fails at this step, of which there are two: before and after.
    pub(crate) fn database_fails(&mut self, _: Step, now: Duration) -> bool {
        if self.is_calm {
            return false;
        }
        let is_away = self.db_away.is_some_and(|(from, until)| from <= now && now < until);
        is_away || (self.db_permille > 0 && self.chance.permille(self.db_permille))
    }

    /// Chance for how a fault looks in detail.
    pub(crate) fn chance(&mut self) -> &mut Chance {
        &mut self.chance
    }
}

fn character(chance: &mut Chance, late_seconds_max: u64) -> Character {
    Character {
        manner: Manner {
            block_timestamp: chance.permille(600),
            finality: chance.permille(850),
            range_blocks_max: chance.pick(&[10_000, 500, 60, 7, 1]),
            logs_max: chance.pick(&[100_000, 200, 20, 3]),
            empty_beyond_head: false,
            repeats_logs: false,
        },
        machines: Machines::One,
        late_seconds: chance.between(0, late_seconds_max / 2),
        latency_max: Duration::from_millis(chance.pick(&[2, 60, 400, 3000])),
    }
}

fn storm(chance: &mut Chance, nodes: usize, end: Duration) -> Storm {
    let (from, until) = stretch(chance, end);
    let fault =
        chance.pick(&[TooManyRequests, Unreachable, Silent, Unavailable, BadGateway, LimitExceeded, CutBody]);
    Storm { node: chance.index(nodes), from, until, fault }
}

/// Some time before `end`.
fn stretch(chance: &mut Chance, end: Duration) -> (Duration, Duration) {
    let from = chance.between(0, end.as_secs());
    // From a moment to all that is left.
    let lasts = (end.as_secs() / chance.pick(&[60, 20, 6, 1])).max(1);
    (Duration::from_secs(from), Duration::from_secs((from + chance.between(1, lasts)).min(end.as_secs())))
}
