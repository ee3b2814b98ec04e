//! What comes before the loop: the node and the pools are checked, and memory takes up where the database stands.

use std::sync::{Arc, Mutex};

use accrual_rewards::campaign::Campaign;
use accrual_rewards::tracker::Pool;
use accrual_rewards::unit::UnixSeconds;
use accrual_store::Db;
use futures::future::BoxFuture;

use super::nodes::NodesKept;
use super::part::Part;
use super::state::{self, State};
use super::{FollowOptions, Follower, facts};
use crate::error::IndexError;
use crate::plan::Planner;
use crate::preflight;
use crate::source::LogSource;
use crate::tokens;
use crate::workers::Worker;

impl Follower {
    /// Checks the node and the pools, registers them, learns of their tokens, and takes up where the database stands.
    ///
    /// # Errors
    /// A node of another chain, an address that is no pool, a database that holds another pool under the same id.
    pub async fn open(
        source: impl LogSource + 'static,
        db: Db,
        pools: Vec<Pool>,
        campaigns: Vec<Campaign>,
        options: FollowOptions,
    ) -> Result<Self, IndexError> {
        Self::opened(Arc::new(source), db, pools, campaigns, options, None).await
    }

    /// As [`Self::open`], for the pools that `worker` holds, whichever those are at each moment.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub async fn open_part(
        source: impl LogSource + 'static,
        db: Db,
        pools: Vec<Pool>,
        campaigns: Vec<Campaign>,
        options: FollowOptions,
        worker: &Worker,
    ) -> Result<Self, IndexError> {
        Self::opened(Arc::new(source), db, pools, campaigns, options, Some(worker)).await
    }

    // What is async is compiled by whoever awaits it, all that it awaits with it: boxed here, it is compiled here and once.
    fn opened(
        source: Arc<dyn LogSource>,
        db: Db,
        pools: Vec<Pool>,
        campaigns: Vec<Campaign>,
        options: FollowOptions,
        worker: Option<&Worker>,
    ) -> BoxFuture<'_, Result<Self, IndexError>> {
        Box::pin(async move {
            let pools = checked(&*source, &db, pools, &campaigns, &options).await?;
            let (state, part) = match worker {
                Some(worker) => (State::default(), Some(Part::new(pools, worker))),
                None => (State::load(&db, pools, &campaigns).await?, None),
            };
            Ok(Self::with(source, db, campaigns, options, state, part))
        })
    }

    fn with(
        source: Arc<dyn LogSource>,
        db: Db,
        campaigns: Vec<Campaign>,
        options: FollowOptions,
        state: State,
        part: Option<Part>,
    ) -> Self {
        // Told as none until there is one.
        metrics::counter!("accrual_index_rewinds_total").increment(0);
        let planner = Arc::new(Mutex::new(Planner::new(options.log_range_blocks_max)));
        Self {
            source,
            db,
            options,
            campaigns,
            planner,
            state,
            part,
            events: 0,
            recorded: None,
            contracts_asked_at: UnixSeconds(0),
            nodes: NodesKept::default(),
            is_unsure: false,
        }
    }
}

/// The pools with what their contracts say, on a node of the right chain; their tokens are learnt on the way.
async fn checked(
    source: &dyn LogSource,
    db: &Db,
    pools: Vec<Pool>,
    campaigns: &[Campaign],
    options: &FollowOptions,
) -> Result<Vec<Pool>, IndexError> {
    preflight::check_chain(source, options.chain_id).await?;
    let pools = facts::stored(db, pools).await?;
    let found = preflight::check_pools(source, &pools).await?;
    let pools = facts::settle(db, pools, found).await?;
    for pool in &pools {
        state::register(db, options.chain_id, pool).await?;
    }
    tokens::learn(source, db, options.chain_id, &pools, campaigns).await?;
    Ok(pools)
}
