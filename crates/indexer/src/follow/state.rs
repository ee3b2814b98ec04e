//! What the loop keeps in memory: each pool's tracker, how far it is, and which NFTs are its positions.

use accrual_rewards::campaign::Campaign;
use accrual_rewards::event::PlacedEvent;
use accrual_rewards::id::{Holding, PoolId};
use accrual_rewards::ledger::LedgerError;
use accrual_rewards::tracker::{Pool, PoolTracker};
use accrual_rewards::unit::{BlockNumber, UnixSeconds};
use accrual_store::record::Recorder;
use accrual_store::series::SeriesRows;
use accrual_store::{
    BlockRef, Checkpoint, Db, Header, Lease, PoolRow, Snapshot, checkpoints, pools, rebuild,
};
use alloy::primitives::{Address, U256};

use super::recorder;
use crate::decode::join::KnownIds;
use crate::decode::route;
use crate::error::IndexError;
use crate::source::BlockRange;
use crate::workers::Held;

#[derive(Default)]
pub(super) struct State {
    followed: Vec<Followed>,
}

struct Followed {
    pool: Pool,
    lease: Option<Lease>,
    tracker: PoolTracker,
    checkpoint: Option<Checkpoint>,
    fingerprint: String,
    recorder: Recorder,
    known: Option<Vec<(Address, U256)>>,
}

impl State {
    /// Every pool as the database stands, for one worker that needs no leases.
    pub(super) async fn load(db: &Db, pools: Vec<Pool>, campaigns: &[Campaign]) -> Result<Self, IndexError> {
        let mut followed = Vec::with_capacity(pools.len());
        for pool in pools {
            followed.push(Followed::load(db, pool, campaigns).await?);
        }
        Ok(Self { followed })
    }

    /// Takes up a pool that this worker holds now.
    pub(super) async fn take_up(
        &mut self,
        db: &Db,
        pool: Pool,
        campaigns: &[Campaign],
        lease: Lease,
    ) -> Result<(), IndexError> {
        let followed = Followed::load(&db.under([lease.clone()]), pool, campaigns).await?;
        self.followed.push(Followed { lease: Some(lease), ..followed });
        Ok(())
    }

    /// Lets go of the pools that are held no longer, or under another lease by now.
    pub(super) fn keep_held(&mut self, held: &Held) {
        self.followed.retain(|one| one.lease.is_some() && one.lease == held.pool(&one.pool.id));
    }

    pub(super) fn has(&self, pool: &PoolId) -> bool {
        self.followed.iter().any(|one| one.pool.id == *pool)
    }

    /// What the pools with these places are written under.
    pub(super) fn leases(&self, pools: &[usize]) -> Vec<Lease> {
        pools.iter().filter_map(|pool| self.followed[*pool].lease.clone()).collect()
    }

    /// What all pools are written under.
    pub(super) fn all_leases(&self) -> Vec<Lease> {
        self.followed.iter().filter_map(|one| one.lease.clone()).collect()
    }

    pub(super) fn pools(&self) -> Vec<Pool> {
        self.followed.iter().map(|followed| followed.pool.clone()).collect()
    }

    pub(super) fn first_block(&self) -> BlockNumber {
        self.followed.iter().map(|followed| followed.pool.created_block).min().unwrap_or_default()
    }

    pub(super) fn newest_checkpoint(&self) -> Option<&Checkpoint> {
        self.followed
            .iter()
            .filter_map(|followed| followed.checkpoint.as_ref())
            .max_by_key(|checkpoint| checkpoint.number)
    }

    /// The pools that are furthest behind, and the blocks that bring them level with the next ones or to `target`.
    pub(super) fn next_group(&self, target: BlockNumber) -> Option<(Vec<usize>, BlockRange)> {
        let next: Vec<BlockNumber> = self.followed.iter().map(Followed::next_block).collect();
        let first = *next.iter().min()?;
        if first > target {
            return None;
        }
        let level = next.iter().filter(|next| **next > first).map(|next| next.previous()).min();
        let last = level.unwrap_or(target).min(target);
        let pools = (0..next.len()).filter(|pool| next[*pool] == first).collect();
        Some((pools, BlockRange { first, last }))
    }

    pub(super) fn group(&self, pools: &[usize]) -> Vec<Pool> {
        pools.iter().map(|pool| self.followed[*pool].pool.clone()).collect()
    }

    /// The NFTs of these pools, by the pools' places in the group; of pools that stand for one contract, the first's.
    pub(super) fn take_known(&mut self, pools: &[usize]) -> KnownIds {
        let mut known = KnownIds::default();
        let leads = route::leads(&self.group(pools));
        for (pool, lead) in pools.iter().zip(leads) {
            for (manager, id) in self.followed[*pool].known_ids() {
                known.insert(manager, id, lead);
            }
        }
        known
    }

    pub(super) fn put_known(&mut self, pools: &[usize], known: KnownIds) {
        let leads = route::leads(&self.group(pools));
        for (pool, lead) in pools.iter().zip(leads) {
            self.followed[*pool].known = Some(known.in_pool(lead));
        }
    }

    /// Folds an event in; a snapshot of the state before it falls due when the event begins a new block.
    pub(super) fn fold(
        &mut self,
        pool: usize,
        event: &PlacedEvent,
        snapshot_events: u64,
    ) -> Result<Option<Snapshot>, LedgerError> {
        let followed = &mut self.followed[pool];
        let snapshot = rebuild::due_snapshot(
            &followed.tracker,
            &followed.fingerprint,
            event.block_number,
            snapshot_events,
        );
        followed.recorder.reach(&followed.tracker, event.block_at);
        followed.tracker.apply(event)?;
        Ok(snapshot)
    }

    /// The hourly rows up to the time `at` of the block that is committed, since they were last taken.
    pub(super) fn take_rows(&mut self, pool: usize, at: UnixSeconds) -> SeriesRows {
        let followed = &mut self.followed[pool];
        followed.recorder.reach(&followed.tracker, at);
        followed.recorder.take()
    }

    pub(super) fn series_fingerprint(&self, pool: usize) -> &str {
        self.followed[pool].recorder.fingerprint()
    }

    /// Each pool's tracker, with the time of its checkpoint.
    pub(super) fn trackers(&self) -> impl Iterator<Item = (&PoolTracker, UnixSeconds)> {
        let stands = |one: &Followed| one.checkpoint.as_ref().map(|checkpoint| checkpoint.at);
        self.followed.iter().filter_map(move |one| Some((&one.tracker, stands(one)?)))
    }

    pub(super) fn pool_id(&self, pool: usize) -> &PoolId {
        &self.followed[pool].pool.id
    }

    pub(super) fn checkpoint(&self, pool: usize) -> Option<BlockRef> {
        let checkpoint = self.followed[pool].checkpoint.as_ref()?;
        Some(BlockRef { number: checkpoint.number, hash: checkpoint.hash })
    }

    pub(super) fn advance(&mut self, pool: usize, through: &Header) {
        let followed = &mut self.followed[pool];
        let rewinds = followed.checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.rewinds);
        followed.checkpoint = Some(Checkpoint {
            pool: followed.pool.id.clone(),
            number: through.number,
            hash: through.hash,
            at: through.at,
            rewinds,
        });
    }
}

/// Says what is followed, and what its contract says of itself.
pub(super) async fn register(db: &Db, chain_id: u64, pool: &Pool) -> Result<(), IndexError> {
    pools::register(db, &row(chain_id, pool)).await?;
    if pools::facts(db, pool).await?.as_ref() != Some(&pool.facts) {
        pools::set_facts(db, &pool.id, &pool.facts).await?;
    }
    Ok(())
}

fn row(chain_id: u64, pool: &Pool) -> PoolRow {
    PoolRow {
        pool: pool.id.clone(),
        chain_id,
        venue: pool.venue,
        address: pool.address,
        position_manager: pool.position_manager,
        created_block: pool.created_block,
        token0: None,
        token1: None,
    }
}

impl Followed {
    async fn load(db: &Db, pool: Pool, campaigns: &[Campaign]) -> Result<Self, IndexError> {
        let checkpoint = checkpoints::get(db, &pool.id).await?;
        let tracker = match &checkpoint {
            Some(checkpoint) => rebuild::tracker_at(db, &pool, campaigns, checkpoint.number).await?,
            None => PoolTracker::new(pool.clone(), campaigns.iter().cloned()),
        };
        let fingerprint = rebuild::fingerprint(&pool, campaigns);
        let recorder = recorder::open(db, &pool, campaigns).await?;
        Ok(Self { pool, lease: None, tracker, checkpoint, fingerprint, recorder, known: None })
    }

    fn next_block(&self) -> BlockNumber {
        self.checkpoint.as_ref().map_or(self.pool.created_block, |checkpoint| checkpoint.number.next())
    }

    fn known_ids(&mut self) -> Vec<(Address, U256)> {
        self.known.take().unwrap_or_else(|| {
            let nft = |holding| match holding {
                Holding::Nft { manager, id } => Some((manager, id)),
                Holding::Own { .. } | Holding::Share { .. } => None,
            };
            self.tracker.ledger().positions().iter().filter_map(|position| nft(position.holding)).collect()
        })
    }
}
