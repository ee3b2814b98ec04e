//! The rows of a disturbed run against those of one that nothing disturbed.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash};

use accrual_rewards::campaign::Campaign;
use accrual_rewards::pool::Pool;
use accrual_rewards::unit::BlockNumber;
use accrual_store::rebuild::RebuildError;
use accrual_store::{Db, Snapshot, dump, rebuild};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::chain::Chain;

/// Tables whose rows are the same, whatever happened on the way.
const SAME: [&str; 8] = [
    "pools",
    "tokens",
    "checkpoints",
    "events",
    "pool_points",
    "campaign_points",
    "account_points",
    "series",
];

/// A state is written after so many events: small enough that each run has some.
pub(crate) const SNAPSHOT_EVENTS: u64 = 25;

/// What a run left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rows {
    same: Vec<(&'static str, Vec<Vec<String>>)>,
    blocks: Vec<Vec<String>>,
    /// States that hold for today's settings, by pool and block.
    snapshots: BTreeMap<(String, String, String), String>,
    /// Whether there are states of other settings: a contract said less of itself at an earlier start.
    has_other_snapshots: bool,
    /// How often stored blocks were taken back: how it went, and not what came of it.
    pub(crate) rewinds: u64,
}

impl Rows {
    /// Reads everything that is compared.
    ///
    /// The state that the next event of a pool would have written counts as written: an event of a branch that is gone may have
    /// done so, and it holds as well as any.
    pub(crate) async fn read(db: &Db, pools: &[Pool], campaigns: &[Campaign]) -> Result<Self, RebuildError> {
        let (mut same, mut rewinds) = (Vec::new(), 0);
        for name in SAME {
            let mut rows = dump::table(db, name).await?;
            if name == "checkpoints" {
                let counts = rows.iter_mut().filter_map(|row| row.pop()?.parse().ok());
                rewinds = counts.max().unwrap_or(0);
            }
            same.push((name, rows));
        }
        let (mut fingerprints, mut due) = (Vec::new(), Vec::new());
        for pool in pools {
            let pool = rebuild::with_facts(db, pool).await?;
            let fingerprint = rebuild::fingerprint(&pool, campaigns);
            let newest = BlockNumber(u64::MAX);
            let tracker = rebuild::tracker_at(db, &pool, campaigns, newest).await?;
            due.extend(
                rebuild::due_snapshot(&tracker, &fingerprint, newest, SNAPSHOT_EVENTS)
                    .map(|one| (pool.id, one)),
            );
            fingerprints.push(fingerprint);
        }
        let all = dump::table(db, "snapshots").await?;
        let count = all.len();
        let of_today = all.into_iter().filter(|row| fingerprints.contains(&row[1]));
        let mut snapshots: BTreeMap<_, _> =
            of_today.map(|row| ((row[0].clone(), row[2].clone(), row[3].clone()), row[4].clone())).collect();
        let has_other_snapshots = snapshots.len() < count;
        for (pool, Snapshot { block_number, state, .. }) in due {
            let place = (pool.to_string(), block_number.to_string(), "0".to_owned());
            snapshots.entry(place).or_insert_with(|| BASE64.encode(state.whole()));
        }
        Ok(Self { same, blocks: dump::table(db, "blocks").await?, snapshots, has_other_snapshots, rewinds })
    }

    /// The first thing in which these rows are not those of `undisturbed`.
    pub(crate) fn differ_from(&self, undisturbed: &Self, chain: &Chain) -> Option<String> {
        let tables = self.same.iter().zip(&undisturbed.same);
        for ((name, rows), (_, expected)) in tables {
            if let Some(difference) = first_difference(rows, expected) {
                return Some(format!("table {name}: {difference}"));
            }
        }
        self.snapshots_differ(undisturbed).or_else(|| self.blocks_differ(chain))
    }

    fn snapshots_differ(&self, undisturbed: &Self) -> Option<String> {
        for (place, state) in &self.snapshots {
            match undisturbed.snapshots.get(place) {
                Some(expected) if expected == state => {}
                Some(_) => return Some(format!("table snapshots: {place:?} is another state")),
                None => return Some(format!("table snapshots: {place:?} is in no undisturbed run")),
            }
        }
        let is_whole = self.has_other_snapshots || self.snapshots.len() == undisturbed.snapshots.len();
        (!is_whole).then(|| "table snapshots: some are missing".to_owned())
    }

    /// Which headers are kept follows the ranges; each must be the chain's, and between two of them the times must be even:
    /// nobody could tell them else.
    fn blocks_differ(&self, chain: &Chain) -> Option<String> {
        let mut number = 0;
        for row in &self.blocks {
            let before = std::mem::replace(&mut number, row[1].parse().expect("a height is a number"));
            if before > 0 && number > before + 1 && !chain.is_even {
                return Some(format!(
                    "table blocks: nobody can tell the times between {before} and {number}"
                ));
            }
            let hash = chain.settled(number).map(|block| format!("{:#x}", block.hash));
            if hash.as_ref() != Some(&row[2]) {
                return Some(format!("table blocks: {number} is {}, the chain has {hash:?}", row[2]));
            }
        }
        let head = chain.last().header.number;
        (number != head).then(|| format!("table blocks: it ends at {number}, the chain at {head}"))
    }

    pub(crate) fn hash_into(&self, hasher: &mut DefaultHasher) {
        self.same.hash(hasher);
        self.snapshots.hash(hasher);
    }

    /// How many events there are.
    pub(crate) fn events(&self) -> usize {
        self.same.iter().find(|(name, _)| *name == "events").map_or(0, |(_, rows)| rows.len())
    }
}

fn first_difference(rows: &[Vec<String>], expected: &[Vec<String>]) -> Option<String> {
    if let Some((row, other)) = rows.iter().zip(expected).find(|(row, other)| row != other) {
        return Some(format!("{row:?}, undisturbed {other:?}"));
    }
    let (count, wanted) = (rows.len(), expected.len());
    (count != wanted).then(|| format!("{count} rows, undisturbed {wanted}"))
}
