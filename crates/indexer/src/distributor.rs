//! Reads Merkl's Distributor behind the pools: new trees, disputes, and claims of the tokens that our campaigns pay.
//!
//! It goes as far as every pool is stored and no further, with a source of its own, so that no pool waits for it. Which of
//! two chains the node is on is held against the pools' own blocks, before the logs are asked for and after; a rewind of the
//! pools takes its rows back too, and turns a batch away that was read before it. That no log is missing is shown as for
//! the pools: by what the headers commit to.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use accrual_rewards::distributor::DistributorEvent;
use accrual_rewards::id::PoolId;
use accrual_rewards::unit::{BlockNumber, UnixSeconds};
use accrual_store::distributor::{self, DistributorExtension, Followed, Placed};
use accrual_store::{BlockRef, Checkpoint, Db, Header, StoreError, checkpoints};
use alloy::primitives::{Address, B256, Bytes};
use alloy::sol_types::SolCall;
use futures::future::BoxFuture;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::complete::{Completeness, Evidence};
use crate::decode::distributor::{CLAIM_TOPIC, TREE_TOPICS, abi, distributor_event};
use crate::discover::Scanner;
use crate::error::IndexError;
use crate::preflight;
use crate::source::{BlockRange, LogQuery, LogSource, RawLog, log_time};

/// So many of the widest ranges are committed at once.
const RANGES_IN_BATCH: u64 = 20;
/// Between two looks at whether the pools have moved on, and after a failure.
const PAUSE: Duration = Duration::from_secs(1);

/// What is read and how.
#[derive(Debug, Clone)]
pub struct DistributorOptions {
    /// The contract, where its reading begins, and whose claims are kept.
    pub followed: Followed,
    /// The pools that it follows.
    pub pools: Vec<PoolId>,
    /// Upper bound of a range of blocks asked for at once.
    pub log_range_blocks_max: u32,
    /// How it is shown that no log is missing.
    pub completeness: Completeness,
}

/// Reads one Distributor into one database.
pub struct DistributorReader {
    source: Box<dyn LogSource>,
    db: Db,
    options: DistributorOptions,
}

/// The root that the Distributor at `address` says it pays by now; `None` where no Distributor answers.
///
/// # Errors
/// No node answers.
pub async fn live_root(source: &dyn LogSource, address: Address) -> Result<Option<B256>, IndexError> {
    let input = Bytes::from(abi::getMerkleRootCall {}.abi_encode());
    let answer = source.call(address, input, None).await?;
    Ok(answer.and_then(|answer| B256::try_from(answer.as_ref()).ok()))
}

impl DistributorReader {
    /// Checks that the chain is the right one and that a Distributor answers, and registers it.
    ///
    /// # Errors
    /// [`IndexError::NotADistributor`], a node of another chain, or none that answers.
    pub async fn open(
        source: impl LogSource + 'static,
        db: Db,
        options: DistributorOptions,
    ) -> Result<Self, IndexError> {
        let Followed { chain_id, address, .. } = options.followed;
        preflight::check_chain(&source, chain_id).await?;
        live_root(&source, address).await?.ok_or(IndexError::NotADistributor { address })?;
        let source = Box::new(source);
        distributor::register(&db, &options.followed).await?;
        Ok(Self { source, db, options })
    }

    /// Follows the pools until `shutdown`; troubles are logged and tried again.
    pub async fn follow(&self, shutdown: &CancellationToken) {
        let mut told = None;
        while !shutdown.is_cancelled() {
            let round = async {
                match self.sync().await {
                    Ok(_) => told = None,
                    // The pools are at it, or were just now.
                    Err(
                        IndexError::Store(StoreError::DistributorMoved { .. }) | IndexError::Unsteady { .. },
                    ) => {}
                    Err(error) => {
                        let text = error.to_string();
                        if told.as_ref() != Some(&text) {
                            tracing::warn!(error = %text, "reading of the Distributor paused");
                        }
                        told = Some(text);
                    }
                }
                sleep(PAUSE).await;
            };
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = round => {}
            }
        }
    }

    /// Brings what is stored to where all pools are, and answers that block; `None` while a pool has none.
    ///
    /// # Errors
    /// No node answers, a log is not what its topic says, or the chain changed meanwhile; what was committed before stays.
    pub fn sync(&self) -> BoxFuture<'_, Result<Option<BlockNumber>, IndexError>> {
        // Compiled here, not by whoever awaits it.
        Box::pin(self.go())
    }

    async fn go(&self) -> Result<Option<BlockNumber>, IndexError> {
        let chain_id = self.options.followed.chain_id;
        let pool_rewinds = distributor::pool_rewinds(&self.db, chain_id).await?;
        let Some(target) = self.pools_stand_at().await? else { return Ok(None) };
        let stand = distributor::register(&self.db, &self.options.followed).await?;
        let mut after = stand.through;
        let first = stand.followed.first_block;
        let mut next = after.map_or(first, |after| after.number.next().max(first));
        if next > target.number {
            return Ok(Some(target.number));
        }
        self.check_is_on_chain(&target).await?;
        let scanner = Scanner::new(&*self.source, self.options.log_range_blocks_max, &|_| {});
        while next <= target.number {
            let width = RANGES_IN_BATCH * u64::from(self.options.log_range_blocks_max.max(1));
            let last = BlockNumber(next.0.saturating_add(width - 1)).min(target.number);
            let events = self.read(&scanner, BlockRange { first: next, last }).await?;
            let through = self.header(last).await?;
            self.check_is_on_chain(&target).await?;
            let extension = DistributorExtension { chain_id, after, through, pool_rewinds, events: &events };
            distributor::extend(&self.db, &extension).await?;
            after = Some(BlockRef { number: through.number, hash: through.hash });
            next = last.next();
        }
        Ok(Some(target.number))
    }

    /// The lowest checkpoint of the pools; `None` while one has none.
    async fn pools_stand_at(&self) -> Result<Option<Checkpoint>, IndexError> {
        let stored = checkpoints::all(&self.db).await?;
        let ours = |pool: &PoolId| stored.iter().find(|checkpoint| checkpoint.pool == *pool).cloned();
        let ours: Option<Vec<Checkpoint>> = self.options.pools.iter().map(ours).collect();
        Ok(ours.and_then(|ours| ours.into_iter().min_by_key(|checkpoint| checkpoint.number)))
    }

    /// The node must be on the chain that the pools are stored of.
    async fn check_is_on_chain(&self, target: &Checkpoint) -> Result<(), IndexError> {
        let found = self.source.headers(&[target.number]).await?.pop().flatten();
        if found.is_some_and(|found| found.hash == target.hash) {
            return Ok(());
        }
        Err(IndexError::Unsteady { first: target.number, last: target.number })
    }

    async fn header(&self, number: BlockNumber) -> Result<Header, IndexError> {
        let header = self.source.headers(&[number]).await?.pop().flatten();
        header.ok_or(IndexError::MissingBlock { number })
    }

    async fn read(
        &self,
        scanner: &Scanner<'_>,
        blocks: BlockRange,
    ) -> Result<Vec<Placed<DistributorEvent>>, IndexError> {
        let (mut logs, mut times) = (Vec::new(), BTreeMap::new());
        for part in self.parts(blocks) {
            let evidence = match self.options.completeness {
                Completeness::Off => None,
                mode => Some(Evidence::gather(&*self.source, mode, part).await?),
            };
            let mut found = Vec::new();
            for question in self.questions(part) {
                found.extend(scanner.whole_logs(question, evidence.as_ref()).await?);
            }
            match &evidence {
                None => times.extend(self.times(&found).await?),
                Some(evidence) => times.extend(times_by(&evidence.headers(), &found)?),
            }
            logs.extend(found);
        }
        logs.sort_by_key(|log| (log.block_number, log.log_index));
        let mut events = Vec::with_capacity(logs.len());
        for log in &logs {
            let Some(event) = distributor_event(log)? else { continue };
            let block_number = BlockNumber(log.block_number);
            let log_index = u32::try_from(log.log_index)
                .map_err(|_| crate::decode::DecodeError::new(log, "log", "its index passes 32 bits"))?;
            let block_at = times.get(&block_number).copied();
            let block_at = block_at.ok_or(IndexError::MissingBlock { number: block_number })?;
            events.push(Placed { block_number, block_at, log_index, event });
        }
        Ok(events)
    }

    /// All of `blocks` at once where nodes are believed; else so many as their headers are held in memory.
    fn parts(&self, blocks: BlockRange) -> Vec<BlockRange> {
        if self.options.completeness == Completeness::Off {
            return vec![blocks];
        }
        let width = u64::from(self.options.log_range_blocks_max.max(1));
        let (mut first, mut parts) = (blocks.first, Vec::new());
        while first <= blocks.last {
            let last = BlockNumber(first.0.saturating_add(width - 1)).min(blocks.last);
            parts.push(BlockRange { first, last });
            first = last.next();
        }
        parts
    }

    /// What is asked of `blocks`: all that is said of trees, and the claims of our tokens.
    fn questions(&self, blocks: BlockRange) -> Vec<LogQuery> {
        let Followed { address, tokens, .. } = &self.options.followed;
        let none = Vec::new;
        let question = |topics| LogQuery { addresses: vec![*address], topics, blocks };
        let mut all = vec![question([TREE_TOPICS.to_vec(), none(), none(), none()])];
        if !tokens.is_empty() {
            let tokens = tokens.iter().map(|token| token.into_word()).collect();
            all.push(question([vec![CLAIM_TOPIC], none(), tokens, none()]));
        }
        all
    }

    /// The time of each log's block. The header is asked where the log does not say, and must be of the log's own block.
    async fn times(&self, logs: &[RawLog]) -> Result<BTreeMap<BlockNumber, UnixSeconds>, IndexError> {
        let told = logs.iter().filter_map(|log| Some((BlockNumber(log.block_number), log_time(log)?)));
        let mut times: BTreeMap<BlockNumber, UnixSeconds> = told.collect();
        let untold: BTreeSet<BlockNumber> = logs
            .iter()
            .map(|log| BlockNumber(log.block_number))
            .filter(|number| !times.contains_key(number))
            .collect();
        let numbers: Vec<BlockNumber> = untold.into_iter().collect();
        for (number, header) in numbers.iter().zip(self.source.headers(&numbers).await?) {
            let header = header.ok_or(IndexError::MissingBlock { number: *number })?;
            let same = |log: &&RawLog| log.block_number == number.0;
            if logs.iter().find(same).is_some_and(|log| log.block_hash != header.hash) {
                return Err(IndexError::Unsteady { first: *number, last: *number });
            }
            times.insert(*number, header.at);
        }
        Ok(times)
    }
}

/// The time of each log's block, which must be one of `headers`.
fn times_by(
    headers: &BTreeMap<u64, Header>,
    logs: &[RawLog],
) -> Result<BTreeMap<BlockNumber, UnixSeconds>, IndexError> {
    let mut times = BTreeMap::new();
    for log in logs {
        let number = BlockNumber(log.block_number);
        let header = headers.get(&log.block_number).filter(|header| header.hash == log.block_hash);
        let header = header.ok_or(IndexError::Unsteady { first: number, last: number })?;
        times.insert(number, header.at);
    }
    Ok(times)
}
