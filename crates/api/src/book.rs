//! The read model: every pool folded up to its checkpoint, in memory, for requests to read without waiting.
//!
//! A state is never changed once published: [`Book::follow`] builds the next one beside it and swaps the two, so a
//! request sees one block from beginning to end. A rewind (the checkpoint's `rewinds` moved) rebuilds the pool from what
//! is stored.

mod history;
mod tokens;

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use accrual_rewards::accrue::{CampaignAccrual, Earned, Figures, FiguresError};
use accrual_rewards::apr::{Held, eligible_holdings};
use accrual_rewards::campaign::Campaign;
use accrual_rewards::id::{CampaignId, PoolId};
use accrual_rewards::report::{AccountEarned, by_account};
use accrual_rewards::tracker::PoolTracker;
use accrual_rewards::unit::BlockNumber;
use accrual_store::moment::Moment;
use accrual_store::rebuild::{self, RebuildError};
use accrual_store::{ChainRow, Checkpoint, Db, StoreError, chain, checkpoints};
use tokio_util::sync::CancellationToken;

use crate::app::{PoolInfo, TokenInfo};
use crate::error::ApiError;
use crate::view::{Finality, by_position};
use history::History;

pub use tokens::{Pair, Token, Tokens};

/// How long to wait after a failure before the database is asked again.
const RETRY: Duration = Duration::from_secs(1);

/// What the book reads, and the newest state it has published.
#[derive(Debug)]
pub struct Book {
    db: Db,
    chain_id: u64,
    block_seconds: Option<u64>,
    pools: Vec<Arc<PoolInfo>>,
    campaigns: Vec<Campaign>,
    state: RwLock<Arc<State>>,
    history: History,
}

/// All pools at their checkpoints, and what is known of tokens.
#[derive(Debug, Default)]
pub struct State {
    pools: BTreeMap<PoolId, Arc<PoolState>>,
    chain: Option<ChainRow>,
    tokens: Arc<Tokens>,
}

/// One pool at one block.
#[derive(Debug)]
pub struct PoolState {
    /// The pool.
    pub info: Arc<PoolInfo>,
    /// The block.
    pub moment: Moment,
    /// How often the pool had been rewound.
    pub rewinds: u64,
    /// Its ledger and campaigns.
    pub tracker: PoolTracker,
    told: BTreeMap<CampaignId, Told>,
}

/// What a campaign comes to at a block, each counted when it is first asked for.
#[derive(Debug, Default)]
struct Told {
    report: OnceLock<Result<Report, FiguresError>>,
    eligible: OnceLock<Held>,
}

/// A campaign's figures at a block, counted once and in the orders that lists need.
#[derive(Debug)]
pub struct Report {
    /// The figures.
    pub figures: Figures,
    /// By account, largest first.
    pub accounts: Vec<AccountEarned>,
    /// By position, largest first.
    pub positions: Vec<Earned>,
}

/// A campaign's report, or why its figures cannot be known while all else can.
pub type Known<'a> = Result<&'a Report, FiguresUnknown>;

/// Why a campaign's figures cannot be known at a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FiguresUnknown {
    /// They rest on fees, and those of a trade in this block do not follow from what is stored.
    FeesUnknown(BlockNumber),
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
        db: Db,
        chain_id: u64,
        block_seconds: Option<u64>,
        pools: Vec<PoolInfo>,
        campaigns: Vec<Campaign>,
        tokens: &[TokenInfo],
    ) -> Self {
        let tokens = Arc::new(Tokens::new(&pools, tokens));
        let pools = pools.into_iter().map(Arc::new).collect();
        let state = RwLock::new(Arc::new(State { tokens, ..State::default() }));
        Self { db, chain_id, block_seconds, pools, campaigns, state, history: History::default() }
    }

    /// Follows the checkpoints until `shutdown`. Failures are logged once each, and tried again.
    pub async fn follow(&self, poll_interval: Duration, shutdown: CancellationToken) {
        let mut told = None;
        loop {
            let wait = match self.refresh().await {
                Ok(()) => {
                    told = None;
                    poll_interval
                }
                Err(BookError::Moved) => poll_interval,
                Err(error) => {
                    let text = error.to_string();
                    if told.as_ref() != Some(&text) {
                        tracing::warn!(error = %text, "the API serves its last state");
                    }
                    told = Some(text);
                    RETRY
                }
            };
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// Brings every pool to its checkpoint and publishes the whole at once.
    ///
    /// # Errors
    /// The database does not answer, its events do not fold, or it was rewound meanwhile. The last state stays.
    pub async fn refresh(&self) -> Result<(), BookError> {
        let chain = chain::get(&self.db, self.chain_id).await?;
        let checkpoints = checkpoints::all(&self.db).await?;
        let old = self.state();
        let mut pools = BTreeMap::new();
        for info in &self.pools {
            let Some(checkpoint) = checkpoints.iter().find(|checkpoint| checkpoint.pool == info.pool.id)
            else {
                continue;
            };
            let pool = self.advance(info, old.pools.get(&info.pool.id), checkpoint).await?;
            pools.insert(info.pool.id.clone(), pool);
        }
        let unchanged = |(id, pool): (&PoolId, &Arc<PoolState>)| {
            old.pools.get(id).is_some_and(|before| Arc::ptr_eq(before, pool))
        };
        if !pools.iter().all(unchanged) {
            self.check_rewinds(&checkpoints).await?;
        }
        let tokens = self.learn_tokens(&old.tokens).await?;
        *self.state.write().unwrap_or_else(PoisonError::into_inner) =
            Arc::new(State { pools, chain, tokens });
        Ok(())
    }

    /// Asks the database for tokens only while one is missing: the indexer may store it at any time.
    async fn learn_tokens(&self, old: &Arc<Tokens>) -> Result<Arc<Tokens>, BookError> {
        if old.are_complete(&self.campaigns) {
            return Ok(Arc::clone(old));
        }
        let mut tokens = Tokens::clone(old);
        tokens.learn(&self.db, self.chain_id).await?;
        Ok(Arc::new(tokens))
    }

    async fn advance(
        &self,
        info: &Arc<PoolInfo>,
        old: Option<&Arc<PoolState>>,
        checkpoint: &Checkpoint,
    ) -> Result<Arc<PoolState>, BookError> {
        let moment = Moment { number: checkpoint.number, hash: Some(checkpoint.hash), at: checkpoint.at };
        let old = old.filter(|old| old.rewinds == checkpoint.rewinds && old.moment.number <= moment.number);
        let tracker = match old {
            Some(old) if old.moment == moment => return Ok(Arc::clone(old)),
            Some(old) => {
                let mut tracker = old.tracker.clone();
                rebuild::extend(&self.db, &mut tracker, moment.number).await?;
                tracker
            }
            None => rebuild::tracker_at(&self.db, &info.pool, &self.campaigns, moment.number).await?,
        };
        Ok(Arc::new(PoolState::new(Arc::clone(info), moment, checkpoint.rewinds, tracker)))
    }

    /// A rewind between reading a checkpoint and reading its events would mix two chains.
    async fn check_rewinds(&self, read: &[Checkpoint]) -> Result<(), BookError> {
        let now = checkpoints::all(&self.db).await?;
        let same = |before: &Checkpoint| {
            now.iter().any(|after| after.pool == before.pool && after.rewinds == before.rewinds)
        };
        if read.iter().all(same) { Ok(()) } else { Err(BookError::Moved) }
    }

    /// The newest published state.
    pub fn state(&self) -> Arc<State> {
        Arc::clone(&self.state.read().unwrap_or_else(PoisonError::into_inner))
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

impl State {
    /// A pool at its checkpoint; `None` before its first.
    pub fn pool(&self, id: &PoolId) -> Option<&Arc<PoolState>> {
        self.pools.get(id)
    }

    /// What is known of tokens.
    pub fn tokens(&self) -> &Tokens {
        &self.tokens
    }

    /// The lowest checkpoint: the block up to which all indexed pools are complete.
    pub fn lowest(&self) -> Option<Moment> {
        self.pools.values().map(|pool| pool.moment).min_by_key(|moment| moment.number)
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

impl PoolState {
    fn new(info: Arc<PoolInfo>, moment: Moment, rewinds: u64, tracker: PoolTracker) -> Self {
        let ids = tracker.campaigns().iter().map(|accrual| accrual.campaign().id.clone());
        let told = ids.map(|id| (id, Told::default())).collect();
        Self { info, moment, rewinds, tracker, told }
    }

    /// A campaign's report at this block, for calls that cannot answer without.
    ///
    /// # Errors
    /// As [`PoolState::known`]; `figures_unknown` when its figures cannot be known.
    pub fn report(&self, id: &CampaignId) -> Result<&Report, ApiError> {
        self.known(id)?.map_err(|unknown| unknown.refused(id))
    }

    /// A campaign's report at this block, or why there is none, for lists that go on without.
    ///
    /// # Errors
    /// `not_found` when the pool does not have the campaign; `internal` when an event is younger than the block.
    pub fn known(&self, id: &CampaignId) -> Result<Known<'_>, ApiError> {
        match self.told(id)?.report.get_or_init(|| self.count(id)) {
            Ok(report) => Ok(Ok(report)),
            Err(FiguresError::FeesUnknown { block }) => Ok(Err(FiguresUnknown::FeesUnknown(*block))),
            Err(error @ FiguresError::Past { .. }) => Err(ApiError::internal_at(self.moment.number, error)),
        }
    }

    /// What the campaign's eligible positions hold, which is known even where its figures are not.
    ///
    /// # Errors
    /// `not_found` when the pool does not have the campaign.
    pub fn eligible(&self, id: &CampaignId) -> Result<&Held, ApiError> {
        let held = || eligible_holdings(&self.tracker, self.accrual(id));
        Ok(self.told(id)?.eligible.get_or_init(held))
    }

    fn told(&self, id: &CampaignId) -> Result<&Told, ApiError> {
        self.told.get(id).ok_or_else(|| ApiError::no_such("campaign", id.as_str()))
    }

    fn accrual(&self, id: &CampaignId) -> &CampaignAccrual {
        self.tracker.campaign(id).expect("what is told is kept for each of the tracker's campaigns")
    }

    fn count(&self, id: &CampaignId) -> Result<Report, FiguresError> {
        let figures =
            self.tracker.figures(id, self.moment.at).expect("it is one of the tracker's campaigns")?;
        let (accounts, positions) = (by_account(&figures), by_position(&figures));
        Ok(Report { figures, accounts, positions })
    }
}

impl FiguresUnknown {
    /// The name used in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FeesUnknown(_) => "fees_unknown",
        }
    }

    /// What a call for one campaign is answered with.
    fn refused(self, id: &CampaignId) -> ApiError {
        let Self::FeesUnknown(block) = self;
        ApiError::FiguresUnknown(format!(
            "Campaign {id} is paid by fees, and those of a trade in block {block} cannot be known: ask for a block before it with at=. Its operator can index the pool again with a node that answers for its fee, tick spacing and decimals, or choose another scoring."
        ))
    }
}
