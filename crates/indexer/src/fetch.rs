//! Fetches ranges of blocks, several at a time, and hands their events out in chain order.
//!
//! A range takes two passes, because the position manager serves every pool of the chain and must never be read whole:
//!
//! 1. the logs of the pools themselves and of all that speak of them, and beside their mints through a manager its
//!    `IncreaseLiquidity` logs: these show which NFTs stand for positions in our pools;
//! 2. the manager's other logs of exactly those NFTs, by indexed topic, and the headers that are needed.
//!
//! What comes is held against what the headers commit to, as far as that is asked for ([`crate::complete`]). First passes run ahead in parallel; second passes start in order, each knowing every NFT that came up before it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use accrual_rewards::event::PlacedEvent;
use accrual_rewards::tracker::Pool;
use accrual_rewards::unit::{BlockNumber, UnixSeconds};
use accrual_store::Header;
use alloy::primitives::{Address, B256, U256};
use alloy::sol_types::SolEvent;
use futures::{Stream, StreamExt, TryStreamExt};

use crate::complete::{Completeness, Evidence, says_the_same};
use crate::decode::interest;
use crate::decode::join::{self, KnownIds};
use crate::decode::route::{ReadLog, Routes};
use crate::decode::uniswap_v3::{PoolLog, manager};
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
pub struct Fetcher<'a, S> {
    source: &'a S,
    pools: &'a [Pool],
    routes: Routes<'a>,
    planner: &'a Mutex<Planner>,
    known: Mutex<KnownIds>,
    final_block: BlockNumber,
    block_seconds: Option<u64>,
    ranges_in_flight_max: usize,
    completeness: Completeness,
}

/// NFT ids in one question; providers cap the parameters of a filter at some thousands.
const IDS_PER_QUERY_MAX: usize = 500;
/// So many batches of ids are asked for without a thought.
const FEW_BATCHES: usize = 4;
/// Blocks with mints that are closer than this are asked for as one range.
const MINT_GAP_BLOCKS_MAX: u64 = 20;

/// A range after its first pass.
struct FirstPass {
    blocks: BlockRange,
    logs: Vec<ReadLog>,
    shown: Shown,
    learnt: Vec<(Address, U256, usize)>,
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

impl<'a, S: LogSource> Fetcher<'a, S> {
    /// A fetcher for `pools`, of which `known` NFTs are known.
    pub fn new(
        source: &'a S,
        pools: &'a [Pool],
        planner: &'a Mutex<Planner>,
        known: KnownIds,
        options: FetchOptions,
    ) -> Self {
        let FetchOptions { final_block, block_seconds, ranges_in_flight_max, completeness } = options;
        let known = Mutex::new(known);
        let routes = Routes::new(pools);
        Self {
            source,
            pools,
            routes,
            planner,
            known,
            final_block,
            block_seconds,
            ranges_in_flight_max,
            completeness,
        }
    }

    /// Everything in `blocks`, range by range, in chain order.
    pub fn ranges(&self, blocks: BlockRange) -> impl Stream<Item = Result<Fetched, IndexError>> {
        self.planned(blocks)
            .map(|range| self.first_pass(range))
            .buffered(self.ranges_in_flight_max)
            .map_ok(|pass| self.second_pass(pass))
            .try_buffered(self.ranges_in_flight_max)
    }

    /// Cuts `blocks` by the width that holds when each range is begun.
    fn planned(&self, blocks: BlockRange) -> impl Stream<Item = BlockRange> {
        futures::stream::unfold(Some(blocks), move |rest| async move {
            let part = self.planner().first_part(rest?);
            Some((part, after(part, rest?)))
        })
    }

    async fn first_pass(&self, blocks: BlockRange) -> Result<FirstPass, IndexError> {
        let evidence = match self.completeness {
            Completeness::Off => None,
            mode => Some(Evidence::gather(self.source, mode, blocks).await?),
        };
        let mut shown = Shown { evidence, ends: Vec::new() };
        let mut logs = Vec::new();
        for query in interest::questions(self.pools, blocks) {
            logs.extend(self.read_logs(query, &mut shown).await?);
        }
        for (manager, blocks) in self.mint_blocks(&logs) {
            let topics = [vec![manager::IncreaseLiquidity::SIGNATURE_HASH], vec![], vec![], vec![]];
            for blocks in coalesced(&blocks) {
                let query = LogQuery { addresses: vec![manager], topics: topics.clone(), blocks };
                logs.extend(self.read_logs(query, &mut shown).await?);
            }
        }
        in_chain_order(&mut logs)?;
        let learnt = join::learn(&self.routes, &logs);
        Ok(FirstPass { blocks, logs, shown, learnt })
    }

    /// The blocks in which a manager minted for its NFTs, or for those that are staked.
    fn mint_blocks(&self, logs: &[ReadLog]) -> BTreeMap<Address, BTreeSet<u64>> {
        let mut blocks: BTreeMap<Address, BTreeSet<u64>> = BTreeMap::new();
        for read in logs {
            let Some(PoolLog::Mint { sender, .. }) = read.pool else { continue };
            if self.pools.iter().any(|pool| pool.position_manager == Some(sender)) {
                blocks.entry(sender).or_default().insert(read.log.block_number);
            }
        }
        blocks
    }

    /// Begun in chain order: what the first pass learnt is known before any later range's second pass begins.
    fn second_pass(&self, pass: FirstPass) -> impl Future<Output = Result<Fetched, IndexError>> {
        let queries = {
            let mut known = self.known();
            for (manager, id, pool) in &pass.learnt {
                known.insert(*manager, *id, *pool);
            }
            self.manager_queries(&known, &pass)
        };
        self.complete(pass, queries)
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
        let managers: BTreeSet<Address> =
            self.pools.iter().filter_map(|pool| pool.position_manager).collect();
        let flows = vec![manager::DecreaseLiquidity::SIGNATURE_HASH, manager::Collect::SIGNATURE_HASH];
        let transfer = vec![manager::Transfer::SIGNATURE_HASH];
        let mut queries = Vec::new();
        for manager in managers {
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
                        Some(evidence) => evidence.complete(self.source, &asked, answered).await?,
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

    fn known(&self) -> MutexGuard<'_, KnownIds> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known after everything fetched so far.
    pub fn into_known(self) -> KnownIds {
        self.known().clone()
    }
}

fn after(part: BlockRange, whole: BlockRange) -> Option<BlockRange> {
    (part.last < whole.last).then(|| BlockRange { first: part.last.next(), last: whole.last })
}

/// Ranges over `blocks` that bridge small gaps, so that busy stretches do not take a question a block.
fn coalesced(blocks: &BTreeSet<u64>) -> Vec<BlockRange> {
    let mut ranges: Vec<BlockRange> = Vec::new();
    for block in blocks.iter().copied().map(BlockNumber) {
        match ranges.last_mut() {
            Some(range) if block.0 - range.last.0 <= MINT_GAP_BLOCKS_MAX => range.last = block,
            _ => ranges.push(BlockRange { first: block, last: block }),
        }
    }
    ranges
}

/// Sorts by place, and drops what a node sent twice.
fn in_chain_order(logs: &mut Vec<ReadLog>) -> Result<(), IndexError> {
    let place = |read: &ReadLog| (read.log.block_number, read.log.log_index);
    logs.sort_by_key(place);
    logs.dedup_by(|a, b| place(a) == place(b) && says_the_same(&a.log, &b.log));
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
    let differs = |ReadLog { log, .. }: &ReadLog| {
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
