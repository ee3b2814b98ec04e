//! The loop: look at the chain's ends, rewind if our newest block left it, fetch what is new, commit it in order.

mod batch;
mod contracts;
mod facts;
mod nodes;
mod opening;
mod part;
mod recorder;
pub mod rewind;
mod state;
mod target;
mod writing;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use accrual_rewards::campaign::Campaign;
use accrual_rewards::id::PoolId;
use accrual_rewards::unit::{BlockNumber, UnixSeconds};
use accrual_store::{BlockRef, ChainRow, Db, StoreError, chain, pools};
use futures::StreamExt;
use futures::future::BoxFuture;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::complete::Completeness;
use crate::error::IndexError;
use crate::fetch::{FetchOptions, Fetcher};
use crate::plan::Planner;
use crate::source::{BlockRange, Heads, LogSource};
use batch::Batch;
use nodes::NodesKept;
use part::Part;
use state::State;
use writing::{Writer, Written};

pub use target::{Finality, Target};

/// What is followed and how.
#[derive(Debug, Clone)]
pub struct FollowOptions {
    /// The chain that the nodes must be on.
    pub chain_id: u64,
    /// Which blocks cannot leave the chain.
    pub finality: Finality,
    /// Upper bound of a range of blocks asked for at once.
    pub log_range_blocks_max: u32,
    /// The chain's fixed time between blocks, if it has one.
    pub block_seconds: Option<u64>,
    /// Ranges asked for at the same time.
    pub ranges_in_flight_max: usize,
    /// How it is shown that no log is missing.
    pub completeness: Completeness,
    /// A transaction is closed once it holds so many events.
    pub commit_events_max: usize,
    /// A snapshot of the derived state is kept each time so many more events of a pool are folded in.
    pub snapshot_events: u64,
    /// Tells the time for rows that say when something was seen.
    pub now: fn() -> UnixSeconds,
}

/// How far a sync has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// The first block of this sync.
    pub from: BlockNumber,
    /// The newest committed block.
    pub block: BlockNumber,
    /// Where this sync ends.
    pub target: BlockNumber,
    /// Events committed by this process.
    pub events: u64,
}

/// Follows one chain into one database.
pub struct Follower {
    source: Arc<dyn LogSource>,
    db: Db,
    options: FollowOptions,
    campaigns: Vec<Campaign>,
    planner: Arc<Mutex<Planner>>,
    state: State,
    part: Option<Part>,
    events: u64,
    recorded: Option<Heads>,
    contracts_asked_at: UnixSeconds,
    nodes: NodesKept,
    /// Whether what is in memory may not be what the database holds.
    is_unsure: bool,
}

impl Follower {
    /// Follows until `shutdown`; troubles are logged and tried again, since a tracker must outlive its node.
    pub fn follow<'a>(
        &'a mut self,
        shutdown: &'a CancellationToken,
        progress: &'a (dyn Fn(Progress) + Sync),
    ) -> BoxFuture<'a, ()> {
        Box::pin(self.go_on(shutdown, progress))
    }

    async fn go_on(&mut self, shutdown: &CancellationToken, progress: &(dyn Fn(Progress) + Sync)) {
        while !shutdown.is_cancelled() {
            let pause = async {
                let synced = self.sync_from_database(progress).await;
                self.keep_nodes(true).await;
                match synced {
                    Ok(_) => {
                        self.learn_contracts().await;
                        tokio::select! {
                            () = self.source.wait_for_block() => {}
                            () = part::changed(self.part.as_ref()) => {}
                        }
                    }
                    Err(error @ IndexError::PoolHeld { .. }) => {
                        tracing::warn!(%error, "this worker stands by");
                        part::changed(self.part.as_ref()).await;
                    }
                    Err(error) => {
                        match &error {
                            // Another worker has it and goes on.
                            IndexError::Store(StoreError::LeaseLost { .. }) => {
                                tracing::info!(%error, "not written");
                            }
                            _ => tracing::warn!(%error, "indexing paused"),
                        }
                        sleep(Duration::from_secs(1)).await;
                    }
                }
            };
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = pause => {}
            }
        }
    }

    /// Up to the head, from where the database stands. What is in memory when something fails may hold events that were
    /// never written, of blocks that leave the chain unseen: it is not gone on with, however often the database is asked.
    async fn sync_from_database(
        &mut self,
        progress: &(dyn Fn(Progress) + Sync),
    ) -> Result<BlockNumber, IndexError> {
        if self.is_unsure {
            self.reload().await?;
        }
        self.is_unsure = true;
        let reached = self.sync(Target::Head, progress).await?;
        self.is_unsure = false;
        Ok(reached)
    }

    /// Brings every pool up to `target`, and answers the block that was reached.
    ///
    /// # Errors
    /// Whatever stops it; what was committed before stays. Call [`Self::reload`] before going on.
    pub fn sync<'a>(
        &'a mut self,
        target: Target,
        progress: &'a (dyn Fn(Progress) + Sync),
    ) -> BoxFuture<'a, Result<BlockNumber, IndexError>> {
        Box::pin(async move {
            let reached = self.go(target, progress).await;
            self.keep_nodes(false).await;
            reached
        })
    }

    async fn go(
        &mut self,
        target: Target,
        progress: &(dyn Fn(Progress) + Sync),
    ) -> Result<BlockNumber, IndexError> {
        self.take_up_part().await?;
        if let Some(newest) = self.state.newest_checkpoint() {
            self.source.note_stored(BlockRef { number: newest.number, hash: newest.hash });
        }
        let heads = self.source.heads().await?;
        self.rewind_if_forked(&heads).await?;
        let target = self.resolve(target, &heads).await?;
        self.record(&heads).await?;
        loop {
            while let Some((pools, blocks)) = self.state.next_group(target) {
                Box::pin(self.extend(&pools, blocks, &heads, target, progress)).await?;
                if self.part_changed() {
                    break;
                }
            }
            if !self.part_changed() {
                return Ok(target);
            }
            self.take_up_part().await?;
        }
    }

    fn part_changed(&self) -> bool {
        self.part.as_ref().is_some_and(Part::has_changed)
    }

    /// Lets go of the pools that are no longer this worker's, and takes up those that are.
    async fn take_up_part(&mut self) -> Result<(), IndexError> {
        let Some(part) = &mut self.part else { return Ok(()) };
        part.take_up(&mut self.state, &self.db, &self.campaigns).await
    }

    /// Forgets what is in memory and takes up where the database stands.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn reload(&mut self) -> Result<(), IndexError> {
        if self.part.is_some() {
            self.state = State::default();
            return self.take_up_part().await;
        }
        let pools = self.state.pools();
        self.state = State::load(&self.db, pools, &self.campaigns).await?;
        Ok(())
    }

    /// At the head, and at most once a minute: which earners are contracts. Trouble with it stops nothing.
    async fn learn_contracts(&mut self) {
        let now = (self.options.now)();
        if now.since(self.contracts_asked_at) < contracts::PAUSE_SECONDS {
            return;
        }
        self.contracts_asked_at = now;
        let trackers = self.state.trackers();
        let db = self.db.under(self.state.all_leases());
        let learnt = contracts::learn(&*self.source, &db, self.options.chain_id, trackers).await;
        if let Err(error) = learnt {
            tracing::warn!(%error, "which earners are contracts is not known yet");
        }
    }

    /// Fetches `blocks` for the pools with these places and commits them, batch by batch.
    async fn extend(
        &mut self,
        pools: &[usize],
        blocks: BlockRange,
        heads: &Heads,
        target: BlockNumber,
        progress: &(dyn Fn(Progress) + Sync),
    ) -> Result<(), IndexError> {
        let db = self.db.under(self.state.leases(pools));
        let group = self.state.group(pools);
        let known = self.state.take_known(pools);
        let options = FetchOptions {
            final_block: self.final_block(heads),
            block_seconds: self.options.block_seconds,
            ranges_in_flight_max: self.options.ranges_in_flight_max,
            completeness: self.options.completeness,
        };
        let fetcher =
            Arc::new(Fetcher::new(self.source.clone(), &group, self.planner.clone(), known, options));
        let mut writer = Writer::new(&db, self.options.chain_id);
        let mut committed = blocks.first.previous();
        let mut told = |written: Written| {
            let block = written.through.number;
            self.events += written.events;
            metrics::counter!("accrual_index_events_total").increment(written.events);
            metrics::counter!("accrual_index_blocks_total").increment(block.0.saturating_sub(committed.0));
            committed = block;
            progress(Progress { from: blocks.first, block, target, events: self.events });
        };
        let read = async {
            let mut ranges = fetcher.ranges(blocks);
            let mut batch = Batch::new(pools.len(), self.options.commit_events_max);
            while let Some(fetched) = ranges.next().await {
                batch.push(fetched?, |pool, event| {
                    self.state.fold(pools[pool], event, self.options.snapshot_events)
                })?;
                if batch.is_full(writer.is_busy(), blocks.last) {
                    let closed = batch.close(pools, &mut self.state)?;
                    writer.begin(closed).await?.into_iter().for_each(&mut told);
                    if self.part.as_ref().is_some_and(Part::has_changed) {
                        // What was read ahead is read again by whoever holds the pools then.
                        return Ok(false);
                    }
                }
            }
            Ok::<bool, IndexError>(true)
        };
        let read = read.await;
        // Whatever stopped the reading, what was folded before it is kept.
        writer.finish().await?.into_iter().for_each(&mut told);
        if read? {
            self.state.put_known(pools, fetcher.to_known());
        }
        Ok(())
    }

    /// Every pool of the chain that is stored, whoever follows it.
    async fn pools_of_chain(&self) -> Result<Vec<PoolId>, IndexError> {
        let stored = pools::list(&self.db).await?;
        let ours = stored.into_iter().filter(|row| row.chain_id == self.options.chain_id);
        Ok(ours.map(|row| row.pool).collect())
    }

    /// Keeps what the node says of the chain's ends, for those who only read the database.
    async fn record(&mut self, heads: &Heads) -> Result<(), IndexError> {
        let db = match &self.part {
            None => self.db.clone(),
            Some(part) => match part.head() {
                Some(lease) => self.db.under([lease]),
                None => return Ok(()),
            },
        };
        if self.recorded.as_ref() == Some(heads) {
            return Ok(());
        }
        let row = ChainRow {
            chain_id: self.options.chain_id,
            latest_number: heads.latest.number,
            latest_hash: heads.latest.hash,
            latest_at: heads.latest.at,
            safe_number: heads.safe,
            finalized_number: heads.finalized,
            seen_at: (self.options.now)(),
        };
        chain::record(&db, &row).await?;
        self.recorded = Some(heads.clone());
        Ok(())
    }
}
