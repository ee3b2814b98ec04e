//! The read model: every pool folded up to its checkpoint, in memory, for requests to read without waiting.
//!
//! A state is never changed once published: [`Book::follow`] builds the next one beside it and swaps the two, so a
//! request sees one block from beginning to end. What nobody looks at any more becomes the next but one: its events are folded
//! twice, which costs less than to copy it. A rewind (the checkpoint's `rewinds` moved) rebuilds the pool from what
//! is stored.

mod aside;
mod counted;
mod history;
mod pool;
mod report;
mod spare;
mod tokens;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use accrual_rewards::campaign::Campaign;
use accrual_rewards::id::PoolId;
use accrual_rewards::unit::{BlockNumber, UnixSeconds};
use accrual_store::moment::Moment;
use accrual_store::rebuild::{self, RebuildError};
use accrual_store::replica::{self, Reading};
use accrual_store::{ChainRow, Checkpoint, Db, StoreError, accounts, chain, checkpoints};
use alloy_primitives::Address;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::app::{PoolInfo, TokenInfo};
use crate::error::ApiError;
use crate::view::Finality;
use aside::Aside;
use history::History;
use spare::Spares;

pub use pool::{FiguresUnknown, Known, PoolState, Running, Standing};
pub use report::Report;
pub use tokens::{Pair, Token, Tokens};

/// How long to wait after a failure before the database is asked again.
const RETRY: Duration = Duration::from_secs(1);
/// How often it is asked which accounts are contracts while no block comes; each new block asks too.
const CONTRACTS_INTERVAL: Duration = Duration::from_secs(10);

/// What the book reads, and the newest state it has published.
#[derive(Debug)]
pub struct Book {
    reading: Reading,
    chain_id: u64,
    block_seconds: Option<u64>,
    pools: Vec<Arc<PoolInfo>>,
    campaigns: Vec<Campaign>,
    state: watch::Sender<Arc<State>>,
    history: History,
    spares: Spares,
    aside: Aside,
}

/// All pools at their checkpoints, and what is known of tokens and accounts.
#[derive(Debug, Default)]
pub struct State {
    /// Counts the states that answer differently from those before them.
    version: u64,
    pools: BTreeMap<PoolId, Arc<PoolState>>,
    /// The times of the oldest and of the newest of their blocks, once each pool has one.
    ends: Option<(UnixSeconds, UnixSeconds)>,
    chain: Option<ChainRow>,
    tokens: Arc<Tokens>,
    contracts: Arc<Contracts>,
}

/// Which accounts are contracts, and when that was asked.
#[derive(Debug, Default)]
struct Contracts {
    addresses: BTreeSet<Address>,
    asked_at: Option<Instant>,
}

/// Why the book could not be brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum BookError {
    /// The database did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The stored events do not fold.
    #[error(transparent)]
    Rebuild(#[from] RebuildError),
    /// The database was rewound while it was read.
    #[error("the chain was rewound while the stored events were read; they are read again")]
    Moved,
}

impl Book {
    /// An empty book; [`Book::refresh`] fills it.
    pub fn new(
        reading: impl Into<Reading>,
        chain_id: u64,
        block_seconds: Option<u64>,
        pools: Vec<PoolInfo>,
        campaigns: Vec<Campaign>,
        tokens: &[TokenInfo],
    ) -> Self {
        let tokens = Arc::new(Tokens::new(&pools, tokens));
        let pools = pools.into_iter().map(Arc::new).collect();
        let (state, _) = watch::channel(Arc::new(State { tokens, ..State::default() }));
        let reading = reading.into();
        let (history, spares, aside) = (History::default(), Spares::default(), Aside::default());
        Self { reading, chain_id, block_seconds, pools, campaigns, state, history, spares, aside }
    }

    /// Follows the checkpoints until `shutdown`: at once where this process moves them, else by looking each `poll_interval`. Failures
    /// are logged once each, and tried again.
    pub async fn follow(&self, poll_interval: Duration, shutdown: CancellationToken) {
        let mut told = None;
        loop {
            let (wait, is_well) = match self.refresh().await {
                Ok(()) => {
                    told = None;
                    (poll_interval, true)
                }
                Err(BookError::Moved) => (poll_interval, false),
                Err(error) => {
                    let text = error.to_string();
                    if told.as_ref() != Some(&text) {
                        tracing::warn!(error = %text, "the API serves its last state");
                    }
                    told = Some(text);
                    (RETRY, false)
                }
            };
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = self.reading.db().moved(), if is_well => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// Looks again and again how far the standby is, where there is one, until `shutdown`.
    pub async fn watch_standby(&self, shutdown: CancellationToken) {
        while self.reading.has_standby() {
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(replica::LOOK) => {}
            }
            self.reading.look().await;
        }
    }

    /// Brings every pool to its checkpoint and publishes the whole at once.
    ///
    /// # Errors
    /// The database does not answer, its events do not fold, or it was rewound meanwhile. The last state stays.
    pub async fn refresh(&self) -> Result<(), BookError> {
        let db = self.reading.db();
        let chain = chain::get(db, self.chain_id).await?;
        let checkpoints = checkpoints::all(db).await?;
        let old = self.state();
        let mut pools = BTreeMap::new();
        for info in &self.pools {
            let Some(checkpoint) = checkpoints.iter().find(|checkpoint| checkpoint.pool == info.pool.id)
            else {
                continue;
            };
            let pool = self.advance(db, info, old.pools.get(&info.pool.id), checkpoint).await?;
            pools.insert(info.pool.id.clone(), pool);
        }
        let unchanged = |(id, pool): (&PoolId, &Arc<PoolState>)| {
            old.pools.get(id).is_some_and(|before| Arc::ptr_eq(before, pool))
        };
        let moved = pools.len() != old.pools.len() || !pools.iter().all(unchanged);
        if moved {
            self.check_rewinds(db, &checkpoints).await?;
        }
        let tokens = self.learn_tokens(db, &old.tokens).await?;
        let contracts = self.learn_contracts(db, &old.contracts, moved).await?;
        let ends = self.ends(&pools);
        let mut next = State { version: old.version, pools, ends, chain, tokens, contracts };
        let answers_alike = !moved
            && next.sure_of() == old.sure_of()
            && next.tokens == old.tokens
            && next.contracts.addresses == old.contracts.addresses;
        if !answers_alike {
            next.version += 1;
        }
        self.state.send_if_modified(|state| {
            *state = Arc::new(next);
            // Whoever watches is not woken for what changes no answer.
            !answers_alike
        });
        // What is given up here is large, and is dropped where nobody waits for it.
        let dropped = self.spares.retire(&old, &self.state());
        self.aside.later(move || drop((old, dropped)));
        Ok(())
    }

    /// The times of the oldest and of the newest block of `pools`, where none is missing.
    fn ends(&self, pools: &BTreeMap<PoolId, Arc<PoolState>>) -> Option<(UnixSeconds, UnixSeconds)> {
        let times = || pools.values().map(|pool| pool.moment.at);
        let is_whole = self.pools.iter().all(|info| pools.contains_key(&info.pool.id));
        times().min().zip(times().max()).filter(|_| is_whole)
    }

    async fn learn_contracts(
        &self,
        db: &Db,
        old: &Arc<Contracts>,
        moved: bool,
    ) -> Result<Arc<Contracts>, BookError> {
        let is_fresh = old.asked_at.is_some_and(|at| at.elapsed() < CONTRACTS_INTERVAL);
        if is_fresh && !moved {
            return Ok(Arc::clone(old));
        }
        let asked_at = Some(Instant::now());
        let addresses = accounts::contracts(db, self.chain_id).await?;
        Ok(Arc::new(Contracts { addresses, asked_at }))
    }

    /// Asks the database for tokens only while one is missing: the indexer may store it at any time.
    async fn learn_tokens(&self, db: &Db, old: &Arc<Tokens>) -> Result<Arc<Tokens>, BookError> {
        if old.are_complete(&self.campaigns) {
            return Ok(Arc::clone(old));
        }
        let mut tokens = Tokens::clone(old);
        tokens.learn(db, self.chain_id).await?;
        Ok(if tokens == **old { Arc::clone(old) } else { Arc::new(tokens) })
    }

    async fn advance(
        &self,
        db: &Db,
        info: &Arc<PoolInfo>,
        old: Option<&Arc<PoolState>>,
        checkpoint: &Checkpoint,
    ) -> Result<Arc<PoolState>, BookError> {
        let moment = Moment { number: checkpoint.number, hash: Some(checkpoint.hash), at: checkpoint.at };
        if let Some(old) = old.filter(|old| self.reading.has_standby() && is_ahead(old, checkpoint)) {
            // A standby that is not as far yet as what was answered already.
            return Ok(Arc::clone(old));
        }
        let old = old.filter(|old| old.rewinds == checkpoint.rewinds && old.moment.number <= moment.number);
        let tracker = match old {
            Some(old) if old.moment == moment => return Ok(Arc::clone(old)),
            Some(old) => {
                let mut tracker = match self.spares.take(old) {
                    Some(spare) => self.aside.run(move || spare.into_tracker()).await,
                    None => {
                        let old = Arc::clone(old);
                        self.aside.run(move || old.tracker.clone()).await
                    }
                };
                rebuild::extend(db, &mut tracker, moment.number).await?;
                tracker
            }
            None => rebuild::tracker_at(db, &info.pool, &self.campaigns, moment.number).await?,
        };
        let state = PoolState::new(Arc::clone(info), moment, checkpoint.rewinds, tracker);
        let old = old.cloned();
        // What callers ask for at each block is counted before they see the block, so that none of them waits for it.
        let count_ahead = move || {
            if let Some(old) = old {
                state.count_ahead(&old);
            }
            Arc::new(state)
        };
        Ok(self.aside.run(count_ahead).await)
    }

    /// A rewind between reading a checkpoint and reading its events would mix two chains.
    async fn check_rewinds(&self, db: &Db, read: &[Checkpoint]) -> Result<(), BookError> {
        let now = checkpoints::all(db).await?;
        let same = |before: &Checkpoint| {
            now.iter().any(|after| after.pool == before.pool && after.rewinds == before.rewinds)
        };
        if read.iter().all(same) { Ok(()) } else { Err(BookError::Moved) }
    }

    /// A database that holds everything that `state` was made of: a standby that is not as far yet is passed over.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn covering(&self, state: &PoolState) -> Result<&Db, ApiError> {
        let db = self.reading.db();
        if !self.reading.has_standby() {
            return Ok(db);
        }
        let stored = checkpoints::get(db, &state.info.pool.id).await?;
        let is_there = stored.is_some_and(|stored| !is_ahead(state, &stored));
        Ok(if is_there { db } else { self.reading.primary() })
    }

    /// Where it reads from.
    pub fn reading(&self) -> &Reading {
        &self.reading
    }

    /// The newest published state.
    pub fn state(&self) -> Arc<State> {
        Arc::clone(&self.state.borrow())
    }

    /// That of the newest published state: states of one version answer alike.
    pub fn version(&self) -> u64 {
        self.state.borrow().version
    }

    /// Told of each state that is published from now on and answers differently from the one before.
    pub fn watch(&self) -> watch::Receiver<Arc<State>> {
        self.state.subscribe()
    }

    /// The pools that are followed.
    pub fn pools(&self) -> &[Arc<PoolInfo>] {
        &self.pools
    }

    /// The campaigns that are followed.
    pub fn campaigns(&self) -> &[Campaign] {
        &self.campaigns
    }
}

/// Whether a state is newer than what a database holds.
fn is_ahead(state: &PoolState, stored: &Checkpoint) -> bool {
    (state.rewinds, state.moment.number) > (stored.rewinds, stored.number)
}

impl State {
    /// Whether each of `pools` has a state.
    pub fn is_whole(&self, pools: &[Arc<PoolInfo>]) -> bool {
        pools.iter().all(|info| self.pools.contains_key(&info.pool.id))
    }

    /// States of one version answer alike.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The same with pools of earlier blocks.
    fn with_pools(&self, pools: BTreeMap<PoolId, Arc<PoolState>>) -> Self {
        let (tokens, contracts) = (Arc::clone(&self.tokens), Arc::clone(&self.contracts));
        Self { version: self.version, pools, ends: self.ends, chain: self.chain, tokens, contracts }
    }

    /// The times of the oldest and of the newest of the pools' blocks; `None` until each has one.
    pub(crate) fn ends(&self) -> Option<(UnixSeconds, UnixSeconds)> {
        self.ends
    }

    /// How often the pools had been rewound, all together: rises with each rewind of the chain.
    pub fn rewinds(&self) -> u64 {
        self.pools.values().map(|pool| pool.rewinds).sum()
    }

    /// The accounts that are known to be contracts.
    pub fn contracts(&self) -> &BTreeSet<Address> {
        &self.contracts.addresses
    }

    /// The blocks up to which the chain is sure, as far as its node has said: safe and final.
    pub fn sure_of(&self) -> (Option<BlockNumber>, Option<BlockNumber>) {
        let chain = self.chain.as_ref();
        (chain.and_then(|chain| chain.safe_number), chain.and_then(|chain| chain.finalized_number))
    }

    /// A pool at its checkpoint; `None` before its first.
    pub fn pool(&self, id: &PoolId) -> Option<&Arc<PoolState>> {
        self.pools.get(id)
    }

    /// What is known of tokens.
    pub fn tokens(&self) -> &Tokens {
        &self.tokens
    }

    /// The same, to be kept.
    pub(crate) fn shared_tokens(&self) -> Arc<Tokens> {
        Arc::clone(&self.tokens)
    }

    /// The lowest checkpoint: the block up to which all indexed pools are complete.
    pub fn lowest(&self) -> Option<Moment> {
        self.pools.values().map(|pool| pool.moment).min_by_key(|moment| moment.number)
    }

    /// What the chain's node said last, as far as it was stored.
    pub fn chain(&self) -> Option<&ChainRow> {
        self.chain.as_ref()
    }

    /// How sure the chain is of `block`, as far as its node has said.
    pub fn finality(&self, block: BlockNumber) -> Finality {
        let reaches = |number: Option<BlockNumber>| number.is_some_and(|number| block <= number);
        match &self.chain {
            Some(chain) if reaches(chain.finalized_number) => Finality::Finalized,
            Some(chain) if reaches(chain.safe_number) => Finality::Safe,
            _ => Finality::Latest,
        }
    }
}
