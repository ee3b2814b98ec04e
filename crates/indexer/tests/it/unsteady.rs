//! Answers that do not go together: each such is seen where it is read, and nothing of its range is taken.

use std::sync::{Arc, Mutex};

use accrual_indexer::IndexError;
use accrual_indexer::complete::Completeness;
use accrual_indexer::decode::join::KnownIds;
use accrual_indexer::fetch::{FetchOptions, Fetched, Fetcher};
use accrual_indexer::plan::Planner;
use accrual_indexer::source::{
    Answered, BlockRange, Heads, LogQuery, LogSource, RawLog, SealedHeader, SourceError,
};
use accrual_rewards::event::PlacedEvent;
use accrual_rewards::id::Venue;
use accrual_rewards::unit::{BlockNumber, UnixSeconds};
use accrual_store::Header;
use alloy::primitives::{Address, B256, Bytes};
use async_trait::async_trait;
use futures::TryStreamExt;

use crate::orders::mint;
use crate::rig::*;

const LAST: u64 = 10;
const OTHER: B256 = B256::repeat_byte(0xee);

/// Ten blocks, and what a node says of them.
#[derive(Clone)]
struct Node {
    logs: Vec<RawLog>,
    end: Option<Header>,
    headers: Vec<Header>,
}

/// An honest one: liquidity is added in blocks 5 and 7.
fn node() -> Node {
    let added = |block: u64, log_index: u64| RawLog {
        block_number: block,
        block_hash: hash(block),
        block_timestamp: Some(2 * block),
        transaction_hash: hash(block),
        log_index,
        ..mint(ANN, ANN)
    };
    Node { logs: vec![added(5, 0), added(7, 3)], end: None, headers: (1..=LAST).map(header).collect() }
}

fn hash(block: u64) -> B256 {
    B256::from(u(block))
}

fn header(block: u64) -> Header {
    let (number, at) = (BlockNumber(block), UnixSeconds(2 * block));
    Header { number, hash: hash(block), parent_hash: hash(block - 1), at }
}

impl Node {
    fn header(&self, number: BlockNumber) -> Option<Header> {
        self.headers.iter().copied().find(|header| header.number == number)
    }
}

#[async_trait]
impl LogSource for Node {
    async fn chain_id(&self) -> Result<u64, SourceError> {
        unreachable!("only logs and headers are asked for")
    }
    async fn heads(&self) -> Result<Heads, SourceError> {
        unreachable!("only logs and headers are asked for")
    }
    async fn headers(&self, numbers: &[BlockNumber]) -> Result<Vec<Option<Header>>, SourceError> {
        Ok(numbers.iter().map(|number| self.header(*number)).collect())
    }
    async fn sealed_headers(
        &self,
        numbers: &[BlockNumber],
    ) -> Result<Vec<Option<SealedHeader>>, SourceError> {
        let seal = |header| SealedHeader { header, logs_bloom: None, receipts_root: B256::ZERO };
        Ok(numbers.iter().map(|number| self.header(*number).map(seal)).collect())
    }
    async fn logs(&self, query: &LogQuery) -> Result<Vec<RawLog>, SourceError> {
        self.logs_with_end(query).await.map(|answered| answered.logs)
    }
    async fn logs_with_end(&self, query: &LogQuery) -> Result<Answered, SourceError> {
        let logs = if query.addresses.contains(&POOL) { self.logs.clone() } else { Vec::new() };
        Ok(Answered { logs, end: self.end, node: String::new() })
    }
    async fn call(&self, _: Address, _: Bytes, _: Option<BlockNumber>) -> Result<Option<Bytes>, SourceError> {
        unreachable!("only logs and headers are asked for")
    }
    async fn has_code(&self, _: Address) -> Result<bool, SourceError> {
        unreachable!("only a follower asks who has code")
    }
    async fn wait_for_block(&self) {}
}

/// The ten blocks in one range, of which those above `final_block` may leave the chain.
async fn fetch(
    node: Node,
    final_block: u64,
    block_seconds: Option<u64>,
    completeness: Completeness,
) -> Result<Fetched, IndexError> {
    let options = FetchOptions {
        final_block: BlockNumber(final_block),
        block_seconds,
        ranges_in_flight_max: 1,
        completeness,
    };
    let planner = Arc::new(Mutex::new(Planner::new(1000)));
    let pools = [pool(Venue::AerodromeCl)];
    let fetcher = Arc::new(Fetcher::new(Arc::new(node), &pools, planner, KnownIds::default(), options));
    let blocks = BlockRange { first: BlockNumber(1), last: BlockNumber(LAST) };
    let mut ranges: Vec<Fetched> = fetcher.ranges(blocks).try_collect().await?;
    assert_eq!(ranges.len(), 1, "all blocks are asked for at once");
    Ok(ranges.remove(0))
}

async fn events(node: Node) -> Result<Vec<PlacedEvent>, IndexError> {
    let mut fetched = fetch(node, 0, Some(2), Completeness::Off).await?;
    Ok(fetched.events.remove(0))
}

#[tokio::test]
async fn a_log_that_comes_twice_counts_once() {
    let honest = events(node()).await.unwrap();
    assert_eq!(honest.len(), 2);
    let mut twice = node();
    twice.logs.extend(twice.logs.clone());
    assert!(events(twice).await.unwrap() == honest, "the same two");
}

#[tokio::test]
async fn logs_and_headers_of_two_branches_are_not_taken() {
    type Spoil = fn(&mut Node);
    let cases: [(&str, Spoil); 4] = [
        ("another log at the same place", |node| {
            let other = RawLog { log_index: 0, ..node.logs[1].clone() };
            node.logs.push(RawLog {
                block_number: 5,
                block_hash: hash(5),
                block_timestamp: Some(10),
                ..other
            });
            node.logs[2].block_hash = OTHER;
        }),
        ("a log of another block of that height", |node| node.logs[0].block_hash = OTHER),
        ("no logs, of another last block", |node| {
            node.logs.clear();
            node.end = Some(Header { hash: OTHER, ..header(LAST) });
        }),
        ("headers that do not follow one another", |node| {
            node.logs.clear();
            node.headers[5].parent_hash = OTHER;
        }),
    ];
    for (name, spoil) in cases {
        let mut node = node();
        spoil(&mut node);
        let error = events(node).await.unwrap_err();
        assert!(matches!(error, IndexError::Unsteady { .. }), "{name}: {error}");
    }
}

/// Below finality few headers are kept, so that only here are all of them seen.
#[tokio::test]
async fn headers_that_stand_for_their_logs_follow_one_another() {
    let mut node = node();
    node.logs.clear();
    assert!(fetch(node.clone(), LAST, Some(2), Completeness::Bloom).await.is_ok());
    node.headers[5].parent_hash = OTHER;
    let error = fetch(node, LAST, Some(2), Completeness::Bloom).await.unwrap_err();
    assert!(matches!(error, IndexError::Unsteady { .. }), "{error}");
}

#[tokio::test]
async fn logs_that_were_not_asked_for_are_not_taken() {
    type Spoil = fn(&mut RawLog);
    let cases: [(&str, Spoil); 4] = [
        ("of the block below", |log| log.block_number = 0),
        ("of the block above", |log| log.block_number = LAST + 1),
        ("of another contract", |log| log.address = Address::repeat_byte(0x99)),
        ("that was taken back", |log| log.removed = true),
    ];
    for (name, spoil) in cases {
        let mut node = node();
        spoil(&mut node.logs[1]);
        let error = events(node).await.unwrap_err().to_string();
        assert!(error.contains("was not asked for"), "{name}: {error}");
    }
}

/// Between two headers that are kept the times of blocks are told by the pace, so where it is not even all are kept.
#[tokio::test]
async fn where_the_pace_is_uneven_every_header_is_kept() {
    for (block_seconds, kept) in [(Some(2), 2), (Some(3), 10), (None, 10)] {
        let fetched = fetch(node(), LAST, block_seconds, Completeness::Off).await.unwrap();
        assert_eq!(fetched.headers.len(), kept, "a pace of {block_seconds:?} s");
    }
}
