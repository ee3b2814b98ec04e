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
//! parallel; second passes start in order, each knowing every NFT that came up before it. Within a pass, what does not depend
//! on another answer is asked for at the same time.

mod headers;
mod managers;
mod reading;
mod steady;
mod worth;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use accrual_rewards::event::PlacedEvent;
use accrual_rewards::tracker::Pool;
use accrual_rewards::unit::BlockNumber;
use accrual_store::Header;
use alloy::primitives::{Address, U256};
use futures::stream::BoxStream;
use futures::{Stream, StreamExt, TryStreamExt, try_join};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::ahead::{driven, task};
use crate::complete::{Completeness, Evidence};
use crate::decode::interest;
use crate::decode::join::{self, KnownIds};
use crate::decode::route::Routes;
use crate::density::Density;
use crate::error::IndexError;
use crate::plan::Planner;
use crate::source::{BlockRange, LogQuery, LogSource, RawLog};
use headers::block_time;
use reading::Read;
use steady::{check_ends, check_hashes, in_chain_order};
use worth::Worth;

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

/// The first range has at most so many blocks, each after it at most twice as many.
const FIRST_RANGE_BLOCKS_MAX: u64 = 1_000;

/// So many ranges of a near node lie in memory, asked for or waiting for their turn: one is read while
/// one is folded, and one waits, so that neither stands still where the other takes longer for once.
const RANGES_OF_NEAR_MAX: usize = 3;

/// What is fetched for whom.
pub struct Fetcher {
    source: Arc<dyn LogSource>,
    routes: Routes,
    planner: Arc<Mutex<Planner>>,
    known: Mutex<KnownIds>,
    densities: Mutex<BTreeMap<Address, Density>>,
    worth: Mutex<Worth>,
    final_block: BlockNumber,
    block_seconds: Option<u64>,
    ranges_in_flight_max: usize,
    completeness: Completeness,
}

/// Blocks to be fetched, and the place that they take among the ranges that lie in memory until they are handed out.
struct Planned {
    blocks: BlockRange,
    place: OwnedSemaphorePermit,
}

/// A range after its first pass.
struct FirstPass {
    blocks: BlockRange,
    read: Read,
    /// How long the answers took.
    took: Duration,
    /// Headers that were asked for beside the logs.
    headers: BTreeMap<u64, Header>,
    /// What the headers commit to, where that is asked for.
    evidence: Option<Evidence>,
    learnt: Vec<(Address, U256, usize)>,
    /// Managers whose logs are all among these.
    whole: BTreeSet<Address>,
}

/// How a range of blocks is fetched.
#[derive(Debug, Clone, Copy)]
pub struct FetchOptions {
    /// Blocks above it may leave the chain.
    pub final_block: BlockNumber,
    /// The chain's fixed time between blocks, if it has one.
    pub block_seconds: Option<u64>,
    /// Ranges asked for at the same time, or waiting for their turn.
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
            worth: Mutex::default(),
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
            .map(move |Planned { blocks, place }| {
                let fetcher = first.clone();
                task(async move { Ok((fetcher.first_pass(blocks).await?, place)) })
            })
            .buffered(self.ranges_in_flight_max)
            .map_ok(move |(pass, place)| {
                let (fetcher, queries) = (second.clone(), second.second_pass(&pass));
                task(async move { Ok((fetcher.complete(pass, queries).await?, place)) })
            })
            .try_buffered(self.ranges_in_flight_max);
        driven(ranges).map_ok(|(fetched, _given_back)| fetched).boxed()
    }

    /// Cuts `blocks` by the width that holds when each range is begun, and that is worth it. The first ranges are narrow: they come
    /// soon, so that folding begins, and they show how managers are best read before much is asked of them.
    fn planned(self: Arc<Self>, blocks: BlockRange) -> impl Stream<Item = Planned> {
        let places = Arc::new(Semaphore::new(self.ranges_in_flight_max * RANGES_OF_NEAR_MAX));
        futures::stream::unfold((Some(blocks), FIRST_RANGE_BLOCKS_MAX), move |(rest, width_max)| {
            let (fetcher, places) = (self.clone(), places.clone());
            async move {
                let rest = rest?;
                let place = places.acquire_many_owned(fetcher.places_of_a_range()).await;
                let place = place.expect("nobody closes it");
                let width = width_max.min(fetcher.worth().blocks_max());
                let last = rest.first.0.saturating_add(width - 1).min(rest.last.0);
                let part = fetcher.planner().first_part(BlockRange { last: BlockNumber(last), ..rest });
                let planned = Planned { blocks: part, place };
                Some((planned, (after(part, rest), width_max.saturating_mul(2))))
            }
        })
    }

    /// How many places a range takes: so many that few ranges of a near node fill them all; fewer where it takes several rounds of
    /// questions, or long ones, so that as many as may be are asked for meanwhile.
    fn places_of_a_range(&self) -> u32 {
        let is_quick = self.completeness == Completeness::Off && self.worth().is_near();
        let places = if is_quick { self.ranges_in_flight_max } else { 0 };
        u32::try_from(places.max(RANGES_OF_NEAR_MAX)).unwrap_or(u32::MAX)
    }

    async fn first_pass(&self, blocks: BlockRange) -> Result<FirstPass, IndexError> {
        let evidence = match self.completeness {
            Completeness::Off => None,
            mode => Some(Evidence::gather(&*self.source, mode, blocks).await?),
        };
        let whole = self.sparse_managers(blocks.width());
        let questions = interest::questions(self.pools(), &whole, blocks);
        let asked_at = Instant::now();
        let (mut read, headers) = try_join!(
            self.read_each(questions, evidence.as_ref()),
            self.settled_ends(blocks, evidence.as_ref())
        )?;
        let took = asked_at.elapsed();
        for (manager, mints) in self.mints(&read.logs) {
            if whole.contains(&manager) {
                self.learn_density(manager, &read.logs, mints.values().sum(), blocks.width());
            } else {
                read.extend(self.additions(manager, &mints, evidence.as_ref()).await?);
            }
        }
        in_chain_order(&mut read.logs)?;
        let learnt = join::learn(&self.routes, &read.logs);
        Ok(FirstPass { blocks, read, took, headers, evidence, learnt, whole })
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
        let FirstPass { blocks, mut read, took, headers, evidence, .. } = pass;
        if queries.is_empty() {
            self.worth().answered(blocks.width(), read.logs.len(), took);
        } else {
            self.worth().asked_again();
            read.extend(self.read_each(queries, evidence.as_ref()).await?);
            in_chain_order(&mut read.logs)?;
        }
        let Read { logs, ends } = read;
        let known = evidence.as_ref().map_or(headers, Evidence::headers);
        let headers = self.headers(blocks, &logs, known).await?;
        check_hashes(blocks, &logs, &headers.known)?;
        check_ends(blocks, &ends, &headers.known)?;
        let time = |log: &RawLog| block_time(log, &headers.known);
        let events = join::events(&self.routes, &self.known(), &logs, time)?;
        let through = headers.known[&blocks.last.0];
        Ok(Fetched { blocks, through, headers: headers.kept, events })
    }

    fn planner(&self) -> MutexGuard<'_, Planner> {
        self.planner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn densities(&self) -> MutexGuard<'_, BTreeMap<Address, Density>> {
        self.densities.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn worth(&self) -> MutexGuard<'_, Worth> {
        self.worth.lock().unwrap_or_else(PoisonError::into_inner)
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
