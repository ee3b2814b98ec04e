//! A chain whose blooms are full, so that a hit says nothing: receipts are not spent without end.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use accrual_indexer::complete::Completeness;
use accrual_indexer::decode::join::KnownIds;
use accrual_indexer::fetch::{FetchOptions, Fetcher};
use accrual_indexer::plan::Planner;
use accrual_indexer::source::{
    Answered, BlockRange, Heads, LogQuery, LogSource, RawLog, SealedHeader, SourceError,
};
use accrual_rewards::id::Venue;
use accrual_rewards::unit::{BlockNumber, UnixSeconds};
use accrual_store::Header;
use alloy::primitives::{Address, B256, Bloom, Bytes};
use async_trait::async_trait;
use futures::TryStreamExt;

use crate::rig::*;

const LAST: u64 = 1_000;
/// 64 and a twentieth of the blocks, with what is under way when that is reached.
const SPENT_MAX: usize = 64 + 50 + 4;

/// Every bit of every bloom is set; nothing ever happens but one transfer in the last block, which the first node leaves
/// out.
struct Full {
    second: Option<Vec<RawLog>>,
    receipts: AtomicUsize,
}

fn hash(block: u64) -> B256 {
    B256::from(u(block))
}

fn header(number: BlockNumber) -> Header {
    let BlockNumber(block) = number;
    Header { number, hash: hash(block), parent_hash: hash(block - 1), at: UnixSeconds(2 * block) }
}

fn transfer() -> RawLog {
    let moved = accrual_indexer::decode::token::Transfer { from: ANN, to: BOB, value: u(1) };
    RawLog {
        block_number: LAST,
        block_hash: hash(LAST),
        block_timestamp: Some(2 * LAST),
        ..log(POOL, &moved)
    }
}

#[async_trait]
impl LogSource for Full {
    async fn chain_id(&self) -> Result<u64, SourceError> {
        unreachable!("only logs and headers are asked for")
    }
    async fn heads(&self) -> Result<Heads, SourceError> {
        unreachable!("only logs and headers are asked for")
    }
    async fn headers(&self, numbers: &[BlockNumber]) -> Result<Vec<Option<Header>>, SourceError> {
        Ok(numbers.iter().map(|number| Some(header(*number))).collect())
    }
    async fn logs(&self, _: &LogQuery) -> Result<Vec<RawLog>, SourceError> {
        Ok(Vec::new())
    }
    async fn sealed_headers(
        &self,
        numbers: &[BlockNumber],
    ) -> Result<Vec<Option<SealedHeader>>, SourceError> {
        let sealed = |number: &BlockNumber| SealedHeader {
            header: header(*number),
            logs_bloom: Some(Box::new(Bloom::repeat_byte(0xff))),
            receipts_root: B256::ZERO,
        };
        Ok(numbers.iter().map(|number| Some(sealed(number))).collect())
    }
    async fn block_logs(&self, block: &SealedHeader) -> Result<Vec<RawLog>, SourceError> {
        self.receipts.fetch_add(1, Ordering::SeqCst);
        Ok(if block.header.number.0 == LAST { vec![transfer()] } else { Vec::new() })
    }
    async fn second_opinion(&self, query: &LogQuery, _: &str) -> Result<Option<Answered>, SourceError> {
        let matching = |logs: &Vec<RawLog>| logs.iter().filter(|log| query.matches(log)).cloned().collect();
        Ok(self.second.as_ref().map(|logs| Answered { logs: matching(logs), ..Answered::default() }))
    }
    async fn call(&self, _: Address, _: Bytes, _: Option<BlockNumber>) -> Result<Option<Bytes>, SourceError> {
        unreachable!("only logs and headers are asked for")
    }
    async fn has_code(&self, _: Address) -> Result<bool, SourceError> {
        unreachable!("only logs and headers are asked for")
    }
    async fn wait_for_block(&self) {}
}

/// How many events came, and of how many blocks the receipts were read.
async fn fetch(second: Option<Vec<RawLog>>, completeness: Completeness) -> (usize, usize) {
    let source = Arc::new(Full { second, receipts: AtomicUsize::new(0) });
    let (pools, planner) = (vec![pool(Venue::Erc20)], Arc::new(Mutex::new(Planner::new(10_000))));
    let options = FetchOptions {
        final_block: BlockNumber(LAST),
        block_seconds: Some(2),
        ranges_in_flight_max: 1,
        completeness,
    };
    let fetcher = Arc::new(Fetcher::new(source.clone(), &pools, planner, KnownIds::default(), options));
    let blocks = BlockRange { first: BlockNumber(1), last: BlockNumber(LAST) };
    let ranges: Vec<_> = fetcher.ranges(blocks).try_collect().await.unwrap();
    (ranges.iter().map(|range| range.events[0].len()).sum(), source.receipts.load(Ordering::SeqCst))
}

#[tokio::test]
async fn receipts_are_not_spent_without_end_on_full_blooms() {
    let (events, receipts) = fetch(None, Completeness::Bloom).await;
    assert!(events == 0 && receipts <= SPENT_MAX, "one node: what is left is open: {events} {receipts}");
    println!("bloom, one node: receipts of {receipts} of 1,000 blocks");
    let (events, receipts) = fetch(Some(Vec::new()), Completeness::Bloom).await;
    assert!(events == 0 && receipts <= SPENT_MAX, "two that agree: {events} {receipts}");
    println!("bloom, two nodes that agree: {receipts}");
    let (events, receipts) = fetch(Some(vec![transfer()]), Completeness::Bloom).await;
    assert!(
        events == 1 && receipts <= SPENT_MAX + 1,
        "two that differ: the receipts decide: {events} {receipts}"
    );
    println!("bloom, two nodes that differ in a block: {receipts}");
    let (events, receipts) = fetch(None, Completeness::Receipts).await;
    assert_eq!((events, receipts), (1, 1_000), "receipts settle every block");
}
