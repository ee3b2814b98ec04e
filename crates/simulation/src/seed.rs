//! One seed: the chain that it makes, a run that nothing disturbs, and one in its weather; then the rows of both.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use accrual_indexer::complete::Completeness;
use accrual_indexer::follow::{Finality, FollowOptions, Follower, Target};
use accrual_indexer::rpc::{RpcNodes, RpcOptions, RpcSource};
use accrual_rewards::unit::UnixSeconds;
use accrual_store::{Db, DbUrl, checkpoints};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::campaigns::{campaigns, pools};
use crate::chain::{Chain, Shape};
use crate::chance::Chance;
use crate::disk::Disk;
use crate::node::CHAIN_ID;
use crate::rows::{Rows, SNAPSHOT_EVENTS};
use crate::stage::{End, Stage};
use crate::waits::Waits;
use crate::weather::{Nodes, Weather};
use crate::wire;

/// What came of a seed.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Why it failed; `None` when the rows are those of an undisturbed run.
    pub failure: Option<String>,
    /// A hash of all that happened: the same for the same seed.
    pub trace: u64,
    /// How long the disturbed run took by its own clock.
    pub simulated: Duration,
    /// Questions, answers and steps of the database.
    pub steps: u64,
    /// Faults, by name.
    pub faults: BTreeMap<&'static str, u64>,
    /// Processes that died between two steps.
    pub deaths: u64,
    /// Branches that left the chain.
    pub forks: u64,
    /// How often blocks that were stored left the chain and were taken back.
    pub rewinds: u64,
    /// Events in the end.
    pub events: u64,
}

/// How long the last process may take to come to the chain's end in calm weather.
const PATIENCE: Duration = Duration::from_secs(900);
/// More lives than this in one simulation is a process that dies at every start.
const LIVES_MAX: u32 = 40;

/// Everything runs in one task, whose parts lie within each other: in builds without optimisation they are deep.
const STACK_BYTES: usize = 32 << 20;

/// Runs a seed in a thread, in a runtime and on a clock of its own.
///
/// # Panics
/// When the machine has no room for a database, or the code under test panics.
pub fn run(seed: u64, nodes: Nodes) -> Outcome {
    alone(move || simulate(seed, nodes, Disk::new()))
}

/// As [`run`], but that the disturbed run has the database at `url`, which is empty and has today's tables. The rows must
/// be those that an undisturbed run leaves in SQLite.
///
/// # Panics
/// As [`run`].
pub fn run_at(seed: u64, nodes: Nodes, url: DbUrl) -> Outcome {
    alone(move || simulate(seed, nodes, Disk::at(url)))
}

fn alone<T, F>(begin: impl FnOnce() -> F + Send + 'static) -> T
where
    T: Send + 'static,
    F: Future<Output = T>,
{
    let simulation = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
        runtime.expect("a runtime").block_on(begin())
    };
    let thread = std::thread::Builder::new().stack_size(STACK_BYTES).spawn(simulation).expect("a thread");
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

async fn simulate(seed: u64, nodes: Nodes, disk: Disk) -> Outcome {
    let mut chance = Chance::new(seed, 3);
    let shape = shape(&mut chance);
    let chain = Arc::new(Chain::new(seed, shape));
    let undisturbed = undisturbed(&chain, shape).await;
    let over = chain.last().header.timestamp - chain.begins_seconds();
    let end = Duration::from_secs(over + chance.pick(&[5, 20, 120]));
    let completeness = completeness(seed, nodes);
    let weather = Weather::new(seed, end, chain.late_seconds_max, nodes, completeness);
    let waits = Waits::of(&chain, &mut Chance::new(seed, 5));
    let stage = Arc::new(Stage::new(chain.clone(), weather, waits));
    let rpc = rpc(shape, seed);
    let mut run = Run { chance, stage: stage.clone(), shape, rpc, completeness, disk, end, deaths: 0 };
    let disturbed = run.run_to_the_end().await;
    let (steps, faults, trace) = stage.sums();
    let mut hasher = DefaultHasher::new();
    (trace, stage.elapsed()).hash(&mut hasher);
    let failure = match &disturbed {
        Ok(rows) => {
            rows.hash_into(&mut hasher);
            rows.differ_from(&undisturbed, &chain)
        }
        Err(what) => Some(what.clone()),
    };
    let count = |number: usize| u64::try_from(number).expect("a count fits 64 bits");
    Outcome {
        failure,
        trace: hasher.finish(),
        simulated: stage.elapsed(),
        steps,
        faults,
        deaths: run.deaths,
        forks: count(chain.forks.len()),
        rewinds: disturbed.as_ref().map_or(0, |rows| rows.rewinds),
        events: count(undisturbed.events()),
    }
}

fn shape(chance: &mut Chance) -> Shape {
    let finality_blocks = chance.between(5, 30);
    Shape {
        before: chance.between(34, 70),
        after: chance.between(finality_blocks, 2 * finality_blocks + 12),
        // On a quick chain a process is seldom at the head; on a slow one it has the time to store what will be left.
        block_seconds: chance.pick(&[Some(2), Some(12), Some(12), Some(60), None]),
        finality_blocks,
        forks: chance.between(1, 8),
    }
}

/// What honest nodes say is right however little of it is checked; of those who lie, receipts find everything.
fn completeness(seed: u64, nodes: Nodes) -> Completeness {
    match nodes {
        Nodes::Honest => {
            let modes = [Completeness::Receipts, Completeness::Bloom, Completeness::Off];
            Chance::new(seed, 4).pick(&modes)
        }
        Nodes::Lying => Completeness::Receipts,
    }
}

/// The rows of a run that reads the whole chain at once, with nothing in its way.
async fn undisturbed(chain: &Arc<Chain>, shape: Shape) -> Rows {
    let stage = Arc::new(Stage::calm(chain.clone()));
    let disk = Disk::new();
    let db = stage.held(disk.open()).await.expect("a fresh database opens");
    let options = FollowOptions {
        log_range_blocks_max: 10_000,
        ranges_in_flight_max: 1,
        commit_events_max: 1_000_000,
        ..options(shape, Completeness::Off, &mut Chance::new(0, 0))
    };
    let life = async {
        let rpc = RpcOptions::default();
        let mut follower = open(&stage, db.clone().through(stage.clone()), options, rpc).await?;
        follower.sync(Target::Head, &|_| {}).await
    };
    match stage.live(life, None, PATIENCE).await {
        End::Ended(Ok(_)) => {}
        End::Ended(Err(error)) => panic!("a run that nothing disturbs fails: {error}"),
        End::Died | End::TimeUp => panic!("a run that nothing disturbs comes to no end"),
    }
    let rows = stage.held(Rows::read(&db, &pools(), &campaigns())).await.expect("rows can be read");
    stage.held(db.close()).await;
    rows
}

async fn open(
    stage: &Arc<Stage>,
    db: Db,
    options: FollowOptions,
    rpc: RpcOptions,
) -> Result<Follower, accrual_indexer::IndexError> {
    let source = RpcSource::over(RpcNodes::connected(wire::clients(stage), || 500), rpc);
    Follower::open(source, db, pools(), campaigns(), options).await
}

/// As many headers in a batch as a seed likes: of few, those of one range are not all asked for at the same moment.
fn rpc(shape: Shape, seed: u64) -> RpcOptions {
    RpcOptions {
        poll_interval: Duration::from_secs(shape.pace_seconds()),
        batch_max: Chance::new(seed, 7).pick(&[100, 100, 100, 7, 2]),
        ..RpcOptions::default()
    }
}

fn options(shape: Shape, completeness: Completeness, chance: &mut Chance) -> FollowOptions {
    FollowOptions {
        chain_id: CHAIN_ID,
        finality: match chance.between(0, 2) {
            0 => Finality::Confirmations(shape.finality_blocks),
            _ => Finality::Finalized,
        },
        log_range_blocks_max: chance.pick(&[1, 5, 20, 64, 10_000]),
        // A pace that the chain does not keep must do no harm.
        block_seconds: shape.block_seconds.or(chance.pick(&[None, Some(7)])),
        ranges_in_flight_max: chance.pick(&[1, 2, 4]),
        commit_events_max: chance.pick(&[1, 10, 100]),
        snapshot_events: SNAPSHOT_EVENTS,
        completeness,
        // When something was seen is compared nowhere.
        now: || UnixSeconds(1_750_000_000),
    }
}

struct Run {
    chance: Chance,
    stage: Arc<Stage>,
    shape: Shape,
    rpc: RpcOptions,
    completeness: Completeness,
    disk: Disk,
    end: Duration,
    deaths: u64,
}

impl Run {
    /// Process after process in bad weather, then the last in good; what is stored in the end.
    async fn run_to_the_end(&mut self) -> Result<Rows, String> {
        let (mut lives, pace) = (0, self.shape.pace_seconds());
        while self.stage.chain_elapsed() < self.end {
            lives += 1;
            let is_last = lives == LIVES_MAX || self.chance.permille(150);
            let steps_max = self.chance.pick(&[60, 400, 1500]);
            let steps = (!is_last).then(|| self.chance.between(1, steps_max));
            // A slow node takes minutes to tell a process all that it asks before it begins.
            let time = Duration::from_secs(if is_last { 3600 } else { self.chance.between(1, 1200) });
            self.one_life(steps, time).await?;
            if self.chance.permille(400) {
                // Nobody is there to see what happens on the chain.
                sleep(Duration::from_secs(self.chance.between(1, 12 * pace))).await;
            }
        }
        self.stage.weather(Weather::clear_up);
        self.in_calm_weather().await
    }

    /// A process that opens the database, follows until it dies or its time is over, and perhaps stops by itself.
    async fn one_life(&mut self, steps: Option<u64>, time: Duration) -> Result<(), String> {
        let db = self.stage.held(self.disk.open()).await.map_err(|error| format!("no database: {error}"))?;
        let options = options(self.shape, self.completeness, &mut self.chance);
        let stage = self.stage.clone();
        let shutdown = CancellationToken::new();
        let has_begun = Cell::new(false);
        let life = follow(&stage, &db, &options, &self.rpc, &shutdown, &has_begun);
        let end = self.end;
        let over = async {
            while stage.chain_elapsed() < end {
                sleep(Duration::from_secs(5)).await;
            }
        };
        let life = async {
            tokio::select! { biased; () = life => {}, () = over => {} }
        };
        let is_told = self.chance.permille(300);
        let ended = if is_told {
            let told = async {
                sleep(time).await;
                shutdown.cancel();
                std::future::pending::<()>().await
            };
            let life = async {
                tokio::select! { biased; () = life => {}, () = told => {} }
            };
            stage.live(life, steps, time + PATIENCE).await
        } else {
            stage.live(life, steps, time).await
        };
        stage.note(("a life ends", ended == End::Died));
        self.deaths += u64::from(ended == End::Died);
        stage.held(db.close()).await;
        match ended {
            End::TimeUp if is_told => Err("told to stop, it went on for a quarter of an hour".to_owned()),
            _ => Ok(()),
        }
    }

    /// Two processes more, which nothing disturbs: the first must come to the chain's end by itself, and the second
    /// must find nothing to do.
    async fn in_calm_weather(&mut self) -> Result<Rows, String> {
        let mut rows: Option<Rows> = None;
        for _ in 0..2 {
            let db =
                self.stage.held(self.disk.open()).await.map_err(|error| format!("no database: {error}"))?;
            let options = options(self.shape, self.completeness, &mut self.chance);
            let (stage, shutdown) = (self.stage.clone(), CancellationToken::new());
            let has_begun = Cell::new(false);
            let life = async {
                let following = follow(&stage, &db, &options, &self.rpc, &shutdown, &has_begun);
                tokio::select! { biased; () = following => {}, () = self.arrives(&db, &has_begun) => {} }
            };
            let ended = stage.live(life, None, PATIENCE).await;
            let found = stage.held(Rows::read(&db, &pools(), &campaigns())).await;
            stage.held(db.close()).await;
            if ended != End::Ended(()) {
                return Err(
                    "a quarter of an hour of calm weather, and it is not at the chain's end".to_owned()
                );
            }
            rows = Some(found.map_err(|error| format!("its rows cannot be read: {error}"))?);
        }
        Ok(rows.expect("two processes ran"))
    }

    /// Waits until a process has begun and every pool stands at the chain's last block.
    async fn arrives(&self, db: &Db, has_begun: &Cell<bool>) {
        let last = self.stage.chain.last().hash;
        loop {
            sleep(Duration::from_secs(1)).await;
            let all = self.stage.held(checkpoints::all(db)).await.unwrap_or_default();
            let is_there = all.len() == pools().len() && all.iter().all(|checkpoint| checkpoint.hash == last);
            if has_begun.get() && is_there {
                return;
            }
        }
    }
}

/// As `accrual run` does, but that it is started again when it cannot start.
async fn follow(
    stage: &Arc<Stage>,
    db: &Db,
    options: &FollowOptions,
    rpc: &RpcOptions,
    shutdown: &CancellationToken,
    has_begun: &Cell<bool>,
) {
    while !shutdown.is_cancelled() {
        let db = db.clone().through(stage.clone());
        let opened = tokio::select! {
            biased;
            () = shutdown.cancelled() => return,
            opened = open(stage, db, options.clone(), rpc.clone()) => opened,
        };
        match opened {
            Ok(mut follower) => {
                has_begun.set(true);
                follower.follow(shutdown, &|progress| stage.stored(progress.block.0)).await;
            }
            Err(_) => {
                // What it says names the database's folder, which is another one in each run.
                stage.note("it cannot begin");
                tokio::select! {
                    biased;
                    () = shutdown.cancelled() => return,
                    () = sleep(Duration::from_secs(3)) => {}
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A judge that calls everything the same would let every seed pass.
    #[test]
    fn another_chains_rows_are_seen() {
        let rows = |seed: u64| {
            alone(move || async move {
                let shape = shape(&mut Chance::new(seed, 3));
                let chain = Arc::new(Chain::new(seed, shape));
                (undisturbed(&chain, shape).await, chain)
            })
        };
        let ((one, chain), (other, _)) = (rows(1), rows(2));
        assert_eq!(one.differ_from(&one, &chain), None);
        let what = one.differ_from(&other, &chain).unwrap();
        println!("{} events against {} of another chain: {what}", one.events(), other.events());
        assert!(what.starts_with("table "));
    }
}
