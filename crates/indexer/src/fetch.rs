//! Fetches ranges of blocks, several at a time, and hands their events out in chain order.
//!
//! A range takes two passes, because the position manager serves every pool of the chain and must never be read whole:
//!
//! 1. the logs of the pools themselves and of all that speak of them, and beside their mints through a manager its
//!    `IncreaseLiquidity` logs: these show which NFTs stand for positions in our pools;
//! 2. the manager's other logs of exactly those NFTs, by indexed topic, and the headers that are needed.
//!
//! Where the manager says little of other pools, all its logs are asked for at once ([`crate::density`]). What comes is
//! held against what the headers commit to, as far as that is asked for ([`crate::complete`]). First passes run ahead in
//! parallel; second passes start in order, each knowing every NFT that came up before it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use accrual_rewards::event::PlacedEvent;
use accrual_rewards::tracker::Pool;
use accrual_rewards::unit::{BlockNumber, UnixSeconds};
use accrual_store::Header;
use alloy::primitives::{Address, B256, U256};
use alloy::sol_types::SolEvent;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt, TryStreamExt};

use crate::ahead::{driven, task};
use crate::complete::{Completeness, Evidence, says_the_same};
use crate::decode::interest;
use crate::decode::join::{self, KnownIds};
use crate::decode::route::{ReadLog, Routes};
use crate::decode::uniswap_v3::{ManagerLog, PoolLog, manager};
use crate::density::Density;
use crate::error::IndexError;
use crate::plan::Planner;
use crate::source::{Answered, BlockRange, LogQuery, LogSource, RawLog, SourceError};

/// A range of blocks with all that happened to the pools in it.
#[derive(Debug)]
pub struct Fetched {
    /// The blocks.
    pub blocks: BlockRange,
    /// The header of the last one.
    pub through: Header,
    /// Headers to keep: of the blocks that may still leave the chain, ascending and linked, and the last one.
    pub headers: Vec<Header>,
    /// The events of each pool, in the order of the pools asked for.
    pub events: Vec<Vec<PlacedEvent>>,
}

/// What is fetched for whom.
pub struct Fetcher {
    source: Arc<dyn LogSource>,
    routes: Routes,
    planner: Arc<Mutex<Planner>>,
    known: Mutex<KnownIds>,
    densities: Mutex<BTreeMap<Address, Density>>,
    final_block: BlockNumber,
    block_seconds: Option<u64>,
    ranges_in_flight_max: usize,
    completeness: Completeness,
}

/// NFT ids in one question; providers cap the parameters of a filter at some thousands.
const IDS_PER_QUERY_MAX: usize = 500;
/// So many batches of ids are asked for without a thought.
const FEW_BATCHES: usize = 4;

/// A range after its first pass.
struct FirstPass {
    blocks: BlockRange,
    logs: Vec<ReadLog>,
    shown: Shown,
    learnt: Vec<(Address, U256, usize)>,
    /// Managers whose logs are all among these.
    whole: BTreeSet<Address>,
}

/// What was shown of a range's blocks beside their logs.
struct Shown {
    /// What their headers commit to, where that is asked for.
    evidence: Option<Evidence>,
    /// The last blocks of the parts in which logs were asked for, each from the node that gave the logs.
    ends: Vec<Header>,
}

impl FirstPass {
    /// Whether at least half of the manager's `IncreaseLiquidity` logs in this range belong to our pools.
    fn is_mostly_ours(&self, manager: Address) -> bool {
        let ours = self.learnt.iter().filter(|(address, _, _)| *address == manager).count();
        ours > 0
            && 2 * ours
                >= self
                    .logs
                    .iter()
                    .filter(|read| read.manager.is_some() && read.log.address == manager)
                    .count()
    }
}

/// A range's headers: those that are known, and of these the ones to store.
struct Headers {
    known: BTreeMap<u64, Header>,
    kept: Vec<Header>,
}

/// How a range of blocks is fetched.
#[derive(Debug, Clone, Copy)]
pub struct FetchOptions {
    /// Blocks above it may leave the chain.
    pub final_block: BlockNumber,
    /// The chain's fixed time between blocks, if it has one.
    pub block_seconds: Option<u64>,
    /// Ranges asked for at the same time.
    pub ranges_in_flight_max: usize,
    /// How it is shown that no log is missing.
    pub completeness: Completeness,
}

impl Fetcher {
    /// A fetcher for `pools`, of which `known` NFTs are known.
    pub fn new(
        source: Arc<dyn LogSource>,
        pools: &[Pool],
        planner: Arc<Mutex<Planner>>,
        known: KnownIds,
        options: FetchOptions,
    ) -> Self {
        let FetchOptions { final_block, block_seconds, ranges_in_flight_max, completeness } = options;
        Self {
            source,
            routes: Routes::new(pools),
            planner,
            known: Mutex::new(known),
            densities: Mutex::default(),
            final_block,
            block_seconds,
            ranges_in_flight_max,
            completeness,
        }
    }

    /// Everything in `blocks`, range by range, in chain order. Each range is a task of its own, so that one is read while
    /// another is folded.
    pub fn ranges(self: &Arc<Self>, blocks: BlockRange) -> BoxStream<'static, Result<Fetched, IndexError>> {
        let (first, second) = (self.clone(), self.clone());
        let ranges = self
            .clone()
            .planned(blocks)
            .map(move |range| {
                let fetcher = first.clone();
                task(async move { fetcher.first_pass(range).await })
            })
            .buffered(self.ranges_in_flight_max)
            .map_ok(move |pass| {
                let (fetcher, queries) = (second.clone(), second.second_pass(&pass));
                task(async move { fetcher.complete(pass, queries).await })
            })
            .try_buffered(self.ranges_in_flight_max);
        driven(ranges)
    }

    /// Cuts `blocks` by the width that holds when each range is begun.
    fn planned(self: Arc<Self>, blocks: BlockRange) -> impl Stream<Item = BlockRange> {
        futures::stream::unfold(Some(blocks), move |rest| {
            let next = rest.map(|rest| {
                let part = self.planner().first_part(rest);
                (part, after(part, rest))
            });
            std::future::ready(next)
        })
    }

    async fn first_pass(&self, blocks: BlockRange) -> Result<FirstPass, IndexError> {
        let evidence = match self.completeness {
            Completeness::Off => None,
            mode => Some(Evidence::gather(&*self.source, mode, blocks).await?),
        };
        let mut shown = Shown { evidence, ends: Vec::new() };
        let whole = self.sparse_managers(blocks.width());
        let mut logs = Vec::new();
        for query in interest::questions(self.pools(), &whole, blocks) {
            logs.extend(self.read_logs(query, &mut shown).await?);
        }
        for (manager, mints) in self.mints(&logs) {
            if whole.contains(&manager) {
                self.learn_density(manager, &logs, mints.values().sum(), blocks.width());
            } else {
                logs.extend(self.additions(manager, &mints, &mut shown).await?);
            }
        }
        in_chain_order(&mut logs)?;
        let learnt = join::learn(&self.routes, &logs);
        Ok(FirstPass { blocks, logs, shown, learnt, whole })
    }

    /// The managers that are read like a pool, since little of what they say is about other pools.
    fn sparse_managers(&self, width: u64) -> BTreeSet<Address> {
        let densities = self.densities();
        let is_sparse =
            |manager: &Address| densities.get(manager).is_some_and(|known| known.is_sparse(width));
        self.managers().filter(is_sparse).collect()
    }

    /// What a manager said of liquidity added in the blocks of `mints`, in as many questions as its density asks for.
    async fn additions(
        &self,
        manager: Address,
        mints: &Mints,
        shown: &mut Shown,
    ) -> Result<Vec<ReadLog>, IndexError> {
        let topics = [vec![manager::IncreaseLiquidity::SIGNATURE_HASH], vec![], vec![], vec![]];
        let mut logs = Vec::new();
        let mut rest = mints.iter().peekable();
        while let Some((first, mut ours)) = rest.next().map(|(first, ours)| (*first, *ours)) {
            let gap = self.densities().entry(manager).or_default().gap_blocks_max();
            let mut last = first;
            while let Some((next, more)) = rest.next_if(|(next, _)| **next - last <= gap) {
                (last, ours) = (*next, ours + more);
            }
            let blocks = BlockRange { first: BlockNumber(first), last: BlockNumber(last) };
            let query = LogQuery { addresses: vec![manager], topics: topics.clone(), blocks };
            let found = self.read_logs(query, shown).await?;
            self.learn_density(manager, &found, ours, blocks.width());
            logs.extend(found);
        }
        Ok(logs)
    }

    /// Takes from `logs` how many of a manager's additions are not among our pools' `mints`.
    fn learn_density(&self, manager: Address, logs: &[ReadLog], mints: u64, blocks: u64) {
        let is_addition = |read: &&ReadLog| {
            read.log.address == manager
                && matches!(read.manager.as_deref(), Some(ManagerLog::Increase { .. }))
        };
        let additions = u64::try_from(logs.iter().filter(is_addition).count()).unwrap_or(u64::MAX);
        let foreign = additions.saturating_sub(mints);
        self.densities().entry(manager).or_default().learn(foreign, blocks);
    }

    /// By manager and block: how often our pools minted for its NFTs, or for those that are staked.
    fn mints(&self, logs: &[ReadLog]) -> BTreeMap<Address, Mints> {
        let mut mints: BTreeMap<Address, Mints> = BTreeMap::new();
        for read in logs {
            let Some(PoolLog::Mint { sender, .. }) = read.pool else { continue };
            if self.managers().any(|manager| manager == sender) {
                *mints.entry(sender).or_default().entry(read.log.block_number).or_default() += 1;
            }
        }
        mints
    }

    fn managers(&self) -> impl Iterator<Item = Address> + '_ {
        self.pools().iter().filter_map(|pool| pool.position_manager)
    }

    fn pools(&self) -> &[Pool] {
        self.routes.pools()
    }

    /// Begun in chain order: what the first pass learnt is known before any later range's second pass begins.
    fn second_pass(&self, pass: &FirstPass) -> Vec<LogQuery> {
        let mut known = self.known();
        for (manager, id, pool) in &pass.learnt {
            known.insert(*manager, *id, *pool);
        }
        self.manager_queries(&known, pass)
    }

    async fn complete(&self, pass: FirstPass, queries: Vec<LogQuery>) -> Result<Fetched, IndexError> {
        let FirstPass { blocks, mut logs, mut shown, .. } = pass;
        for query in queries {
            logs.extend(self.read_logs(query, &mut shown).await?);
        }
        in_chain_order(&mut logs)?;
        let headers = self.headers(blocks, &logs, shown.evidence.as_ref()).await?;
        check_hashes(blocks, &logs, &headers.known)?;
        check_ends(blocks, &shown.ends, &headers.known)?;
        let time = |log: &RawLog| block_time(log, &headers.known);
        let events = join::events(&self.routes, &self.known(), &logs, time)?;
        let through = headers.known[&blocks.last.0];
        Ok(Fetched { blocks, through, headers: headers.kept, events })
    }

    /// One manager's logs of the NFTs we know: their ids by topic, in batches. The manager's logs without ids only
    /// where that is plainly less to read: when the batches outnumber the blocks, or when the range's first pass has
    /// shown that most of what the manager says is about our pools.
    fn manager_queries(&self, known: &KnownIds, pass: &FirstPass) -> Vec<LogQuery> {
        let blocks = pass.blocks;
        let managers: BTreeSet<Address> = self.managers().collect();
        let flows = vec![manager::DecreaseLiquidity::SIGNATURE_HASH, manager::Collect::SIGNATURE_HASH];
        let transfer = vec![manager::Transfer::SIGNATURE_HASH];
        let mut queries = Vec::new();
        for manager in managers.difference(&pass.whole).copied() {
            let query = |topics| LogQuery { addresses: vec![manager], topics, blocks };
            let batches = known.count(manager).div_ceil(IDS_PER_QUERY_MAX);
            let outnumber =
                batches > 1 && u64::try_from(batches).is_ok_and(|batches| batches > blocks.width());
            if outnumber || (batches > FEW_BATCHES && pass.is_mostly_ours(manager)) {
                let all = [flows.clone(), transfer.clone()].concat();
                queries.push(query([all, vec![], vec![], vec![]]));
                continue;
            }
            let ids: Vec<B256> = known.of(manager).into_iter().map(B256::from).collect();
            for ids in ids.chunks(IDS_PER_QUERY_MAX) {
                queries.push(query([flows.clone(), ids.to_vec(), vec![], vec![]]));
                queries.push(query([transfer.clone(), vec![], vec![], ids.to_vec()]));
            }
        }
        queries
    }

    /// The headers that are needed: of both ends, of every block that may still leave the chain, of blocks whose logs
    /// carry no time, and of every block where the chain's pace is not even, since nobody could tell their times.
    async fn headers(
        &self,
        blocks: BlockRange,
        logs: &[ReadLog],
        evidence: Option<&Evidence>,
    ) -> Result<Headers, IndexError> {
        let (first, last) = (blocks.first.0, blocks.last.0);
        // The final block itself too, so that a change below it is told from one above it.
        let unsettled = first.max(self.final_block.0)..=last;
        let logs = logs.iter().map(|read| &read.log);
        let timeless = logs.filter(|log| log.block_timestamp.is_none()).map(|log| log.block_number);
        let wanted: BTreeSet<u64> = unsettled.clone().chain(timeless).chain([first, last]).collect();
        let mut known = evidence.map(Evidence::headers).unwrap_or_default();
        let wanted = wanted.into_iter().filter(|number| !known.contains_key(number)).collect();
        self.learn_headers(&mut known, wanted).await?;
        let even = self.block_seconds.is_some_and(|seconds| {
            known[&last].at.since(known[&first].at) == (last - first).saturating_mul(seconds)
        });
        if !even {
            let missing = (first..=last).filter(|number| !known.contains_key(number)).collect();
            self.learn_headers(&mut known, missing).await?;
        }
        let keep = |number: u64| !even || number == first || number == last || unsettled.contains(&number);
        let kept: Vec<Header> =
            known.iter().filter(|(number, _)| keep(**number)).map(|(_, header)| *header).collect();
        let linked = kept
            .windows(2)
            .all(|pair| pair[1].number != pair[0].number.next() || pair[1].parent_hash == pair[0].hash);
        if linked { Ok(Headers { known, kept }) } else { Err(unsteady(blocks)) }
    }

    async fn learn_headers(
        &self,
        known: &mut BTreeMap<u64, Header>,
        numbers: BTreeSet<u64>,
    ) -> Result<(), IndexError> {
        let numbers: Vec<BlockNumber> = numbers.into_iter().map(BlockNumber).collect();
        let headers = self.source.headers(&numbers).await?;
        for (number, header) in numbers.into_iter().zip(headers) {
            let header = header.ok_or(IndexError::MissingBlock { number })?;
            known.insert(number.0, header);
        }
        Ok(())
    }

    /// Each log is read when it comes, and once.
    async fn read_logs(&self, query: LogQuery, shown: &mut Shown) -> Result<Vec<ReadLog>, IndexError> {
        Ok(self.routes.read_all(self.logs(query, shown).await?)?)
    }

    /// Logs of any range, asked for in parts that the node takes, each shown to be whole.
    async fn logs(&self, query: LogQuery, shown: &mut Shown) -> Result<Vec<RawLog>, IndexError> {
        let mut logs = Vec::new();
        let mut rest = Some(query.blocks);
        while let Some(blocks) = rest {
            let part = self.planner().first_part(blocks);
            let asked = LogQuery { blocks: part, ..query.clone() };
            match self.source.logs_with_end(&asked).await {
                Ok(answered) => {
                    check_within(&asked, &answered)?;
                    self.planner().answered(part.width());
                    shown.ends.extend(answered.end);
                    logs.extend(match &shown.evidence {
                        None => answered.logs,
                        Some(evidence) => evidence.complete(&*self.source, &asked, answered).await?,
                    });
                    rest = after(part, blocks);
                }
                Err(SourceError::TooWide { url, message, suggestion }) => {
                    tracing::debug!(%url, message, width = part.width(), "narrowing");
                    if !self.planner().refused(part.width(), suggestion) {
                        return Err(SourceError::TooWide { url, message, suggestion }.into());
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(logs)
    }

    fn planner(&self) -> MutexGuard<'_, Planner> {
        self.planner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn densities(&self) -> MutexGuard<'_, BTreeMap<Address, Density>> {
        self.densities.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn known(&self) -> MutexGuard<'_, KnownIds> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known after everything fetched so far.
    pub fn to_known(&self) -> KnownIds {
        self.known().clone()
    }
}

fn after(part: BlockRange, whole: BlockRange) -> Option<BlockRange> {
    (part.last < whole.last).then(|| BlockRange { first: part.last.next(), last: whole.last })
}

/// How often something happened, by block.
type Mints = BTreeMap<u64, u64>;

/// Sorts by place, and drops what a node sent twice.
fn in_chain_order(logs: &mut Vec<ReadLog>) -> Result<(), IndexError> {
    let place = |read: &ReadLog| (read.log.block_number, read.log.log_index);
    logs.sort_by_key(place);
    logs.dedup_by(|a, b| place(a) == place(b) && says_the_same(&a.log, &b.log) && a.means_the_same(b));
    match logs.windows(2).find(|pair| place(&pair[0]) == place(&pair[1])) {
        None => Ok(()),
        Some(pair) => {
            let block = BlockNumber(pair[0].log.block_number);
            Err(IndexError::Unsteady { first: block, last: block })
        }
    }
}

fn check_within(query: &LogQuery, answered: &Answered) -> Result<(), IndexError> {
    let stray = answered.logs.iter().find(|log| {
        let block = BlockNumber(log.block_number);
        let is_outside = block < query.blocks.first || query.blocks.last < block;
        log.removed || is_outside || !query.addresses.contains(&log.address)
    });
    match stray {
        None => Ok(()),
        Some(log) => Err(SourceError::BadAnswer {
            url: if answered.node.is_empty() { "the node".to_owned() } else { answered.node.clone() },
            method: "eth_getLogs",
            what: format!("log {} of block {} was not asked for", log.log_index, log.block_number),
        }
        .into()),
    }
}

/// A node that gave logs must have had the blocks that are stored, and not others of the same height.
fn check_ends(
    blocks: BlockRange,
    ends: &[Header],
    headers: &BTreeMap<u64, Header>,
) -> Result<(), IndexError> {
    let differs = |end: &Header| headers.get(&end.number.0).is_some_and(|header| header.hash != end.hash);
    if ends.iter().any(differs) { Err(unsteady(blocks)) } else { Ok(()) }
}

/// A log and its block's header must be of the same chain.
fn check_hashes(
    blocks: BlockRange,
    logs: &[ReadLog],
    headers: &BTreeMap<u64, Header>,
) -> Result<(), IndexError> {
    let differs = |read: &ReadLog| {
        let log = &read.log;
        headers.get(&log.block_number).is_some_and(|header| {
            header.hash != log.block_hash || log.block_timestamp.is_some_and(|at| at != header.at.0)
        })
    };
    if logs.iter().any(differs) {
        return Err(unsteady(blocks));
    }
    Ok(())
}

fn unsteady(blocks: BlockRange) -> IndexError {
    IndexError::Unsteady { first: blocks.first, last: blocks.last }
}

fn block_time(log: &RawLog, headers: &BTreeMap<u64, Header>) -> UnixSeconds {
    match log.block_timestamp {
        Some(at) => UnixSeconds(at),
        None => headers[&log.block_number].at,
    }
}
