//! One seed: the chain that it makes, a run that nothing disturbs, and one in its weather; then the rows of both.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use accrual_indexer::complete::Completeness;
use accrual_indexer::follow::{FollowOptions, Target};
use accrual_indexer::rpc::RpcOptions;
use accrual_store::DbUrl;

use crate::campaigns::{campaigns, pools};
use crate::chain::{Chain, Shape};
use crate::chance::Chance;
use crate::disk::Disk;
use crate::lives::{PATIENCE, Run};
use crate::process::{open, options, rpc};
use crate::rows::Rows;
use crate::stage::{End, Stage};
use crate::waits::Waits;
use crate::weather::{Nodes, Weather};

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
