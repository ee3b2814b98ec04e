//! Pools of several venues fetched together from a node that answers filters as nodes do.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use accrual_indexer::IndexError;
use accrual_indexer::complete::Completeness;
use accrual_indexer::decode::join::KnownIds;
use accrual_indexer::decode::{aerodrome, balancer, token, wrapper};
use accrual_indexer::fetch::{FetchOptions, Fetched, Fetcher};
use accrual_indexer::plan::Planner;
use accrual_indexer::source::{BlockRange, Heads, LogQuery, LogSource, RawLog, SourceError};
use accrual_rewards::event::{PlacedEvent, PoolEvent};
use accrual_rewards::id::Venue;
use accrual_rewards::pool::{Pool, ToldBy, WrapperKind};
use accrual_rewards::unit::{BlockNumber, UnixSeconds};
use accrual_store::Header;
use alloy::primitives::{Address, B256, Bytes};
use async_trait::async_trait;
use futures::TryStreamExt;
use futures::stream::BoxStream;

use crate::orders::{increase, mint, nft_moved};
use crate::rig::*;

const LAST: u64 = 40;
const BASIC: Address = Address::repeat_byte(0x12);
const WEIGHTED: Address = Address::repeat_byte(0x13);

/// A chain of logs, and the questions that were asked of it.
pub(crate) struct Node {
    logs: Vec<RawLog>,
    /// How long an answer takes.
    latency: Duration,
    asked: Mutex<Vec<LogQuery>>,
}

impl Node {
    /// Each log with its block; those of one block are of one transaction.
    pub(crate) fn new(logs: Vec<(u64, RawLog)>) -> Self {
        let placed = logs.into_iter().zip(0..).map(|((block, log), log_index)| RawLog {
            block_number: block,
            block_hash: hash(block),
            block_timestamp: Some(2 * block),
            transaction_hash: hash(block),
            log_index,
            ..log
        });
        Self { logs: placed.collect(), latency: Duration::ZERO, asked: Mutex::default() }
    }
}

fn hash(block: u64) -> B256 {
    B256::from(u(block))
}

fn header(number: BlockNumber) -> Header {
    let BlockNumber(block) = number;
    Header { number, hash: hash(block), parent_hash: hash(block - 1), at: UnixSeconds(2 * block) }
}

#[async_trait]
impl LogSource for Node {
    async fn has_code(&self, _: Address) -> Result<bool, SourceError> {
        unreachable!("only a follower asks who has code")
    }

    async fn logs(&self, query: &LogQuery) -> Result<Vec<RawLog>, SourceError> {
        self.asked.lock().unwrap().push(query.clone());
        if !self.latency.is_zero() {
            tokio::time::sleep(self.latency).await;
        }
        let matches = |log: &&RawLog| {
            let block = BlockNumber(log.block_number);
            let topics = query.topics.iter().enumerate().all(|(place, allowed)| {
                allowed.is_empty() || log.topics.get(place).is_some_and(|topic| allowed.contains(topic))
            });
            query.blocks.first <= block
                && block <= query.blocks.last
                && query.addresses.contains(&log.address)
                && topics
        };
        Ok(self.logs.iter().filter(matches).cloned().collect())
    }
    async fn headers(&self, numbers: &[BlockNumber]) -> Result<Vec<Option<Header>>, SourceError> {
        Ok(numbers.iter().map(|number| Some(header(*number))).collect())
    }
    async fn call(&self, _: Address, _: Bytes, _: Option<BlockNumber>) -> Result<Option<Bytes>, SourceError> {
        unreachable!("only logs and headers are asked for")
    }
    async fn chain_id(&self) -> Result<u64, SourceError> {
        unreachable!("only logs and headers are asked for")
    }
    async fn heads(&self) -> Result<Heads, SourceError> {
        unreachable!("only logs and headers are asked for")
    }
    async fn wait_for_block(&self) {}
}

fn pools() -> Vec<Pool> {
    let basic = wrapped(Venue::AerodromeBasic, WrapperKind::Erc20Gauge, ToldBy::Deposits);
    vec![
        wrapped(Venue::AerodromeCl, WrapperKind::ClGauge, ToldBy::Nfts),
        pool(Venue::AerodromeCl),
        Pool { address: BASIC, wrappers: Vec::new(), ..with_feed(unwrapped(basic)) },
        Pool { address: WEIGHTED, ..with_feed(pool(Venue::BalancerV2)) },
    ]
}

fn unwrapped(mut pool: Pool) -> Pool {
    pool.facts.wrappers.clear();
    pool
}

fn chain() -> Node {
    let staked = wrapper::nft_gauge::Deposit { user: ANN, tokenId: u(4), liquidityToStake: 50 };
    let answer = accrual_indexer::decode::feed::aggregator::AnswerUpdated {
        current: i(5),
        roundId: u(1),
        updatedAt: u(9),
    };
    let swap = |pool_id| balancer::v2_vault::Swap {
        poolId: pool_id,
        tokenIn: TOKEN0,
        tokenOut: TOKEN1,
        amountIn: u(9),
        amountOut: u(8),
    };
    Node::new(vec![
        (3, mint(MANAGER, MANAGER)),
        (3, nft_moved(Address::ZERO, ANN, 4)),
        (3, increase(4)),
        (5, log(BASIC, &aerodrome::pool::Sync { reserve0: u(1), reserve1: u(2) })),
        (8, log(VAULT, &swap(POOL_ID))),
        (8, log(VAULT, &swap(B256::ZERO))),
        (8, log(WEIGHTED, &token::Transfer { from: ANN, to: BOB, value: u(1) })),
        (20, log(AGGREGATOR, &answer)),
        (20, log(AGGREGATOR, &token::Transfer { from: ANN, to: BOB, value: u(1) })),
        (25, nft_moved(BOB, ANN, 9)),
        (30, nft_moved(ANN, GAUGE, 4)),
        (30, log(GAUGE, &staked)),
        // Staked liquidity grows in the gauge's name.
        (35, mint(GAUGE, MANAGER)),
        (35, increase(4)),
    ])
}

const IN_FLIGHT: usize = 4;

fn ranges(node: &Arc<Node>, last: u64, width: u32) -> BoxStream<'static, Result<Fetched, IndexError>> {
    ranges_by(node, last, width, IN_FLIGHT)
}

fn ranges_by(
    node: &Arc<Node>,
    last: u64,
    width: u32,
    ranges_in_flight_max: usize,
) -> BoxStream<'static, Result<Fetched, IndexError>> {
    let planner = Arc::new(Mutex::new(Planner::new(width)));
    let options = FetchOptions {
        final_block: BlockNumber(last),
        block_seconds: Some(2),
        ranges_in_flight_max,
        completeness: Completeness::Off,
    };
    let fetcher = Arc::new(Fetcher::new(node.clone(), &pools(), planner, KnownIds::default(), options));
    fetcher.ranges(BlockRange { first: BlockNumber(1), last: BlockNumber(last) })
}

async fn fetch(node: &Arc<Node>, width: u32) -> Vec<Vec<PlacedEvent>> {
    let ranges: Vec<_> = ranges(node, LAST, width).try_collect().await.unwrap();
    let mut events = vec![Vec::new(); pools().len()];
    for range in ranges {
        events.iter_mut().zip(range.events).for_each(|(all, part)| all.extend(part));
    }
    events
}

#[tokio::test]
async fn all_venues_come_together_however_they_are_cut() {
    let whole = fetch(&Arc::new(chain()), 1000).await;
    let count: Vec<usize> = whole.iter().map(Vec::len).collect();
    assert_eq!(count, [5, 4, 2, 3], "NFT 9 and the other pool's swap are nobody's");
    let is_staked = |placed: &PlacedEvent| matches!(placed.event, PoolEvent::NftStaked { .. });
    let without: Vec<PlacedEvent> = whole[0].iter().filter(|placed| !is_staked(placed)).cloned().collect();
    assert_eq!(without, whole[1], "two pools of one address differ by their wrappers alone");
    for width in [1, 7, 19] {
        assert!(fetch(&Arc::new(chain()), width).await == whole, "in ranges of {width}");
    }
}

#[tokio::test]
async fn the_first_ranges_are_narrow() {
    for (width, widths) in
        [(10_000, vec![1_000, 2_000, 2_000, 2_000, 10_000, 10_000, 3_000]), (400, vec![400; 75])]
    {
        let fetched: Vec<_> = ranges(&Arc::new(chain()), 30_000, width).try_collect().await.unwrap();
        assert_eq!(fetched.iter().map(|range| range.blocks.width()).collect::<Vec<_>>(), widths);
    }
}

/// Each block has a log, and no range takes a second round.
fn busy_chain(last: u64) -> Node {
    let sync = aerodrome::pool::Sync { reserve0: u(1), reserve1: u(2) };
    Node::new((1..=last).map(|block| (block, log(BASIC, &sync))).collect())
}

/// What waits takes memory, and there is no round trip to be saved.
#[tokio::test(start_paused = true)]
async fn a_near_node_is_asked_for_some_thousand_logs_and_a_far_one_for_all_that_it_gives() {
    let near = vec![1_000, 2_000, 2_000, 2_000, 3_000, 3_000, 3_000, 3_000, 3_000, 3_000, 3_000, 2_000];
    let far = vec![1_000, 2_000, 2_000, 2_000, 10_000, 10_000, 3_000];
    for (latency, widths) in [(0, near), (100, far)] {
        let node = Node { latency: Duration::from_millis(latency), ..busy_chain(30_000) };
        let fetched: Vec<_> = ranges(&Arc::new(node), 30_000, 10_000).try_collect().await.unwrap();
        assert_eq!(
            fetched.iter().map(|range| range.blocks.width()).collect::<Vec<_>>(),
            widths,
            "{latency} ms"
        );
    }
}

/// Whoever folds them may be slow: those that wait take memory.
#[tokio::test(flavor = "multi_thread")]
async fn few_ranges_are_held_that_nobody_takes() {
    let (far, near) = (Arc::new(chain()), Arc::new(busy_chain(20_000)));
    for (node, in_flight, held_max) in
        [(&far, 4, 4), (&far, 3, 3), (&far, 1, 1), (&near, 5, 3), (&near, 4, 3), (&near, 2, 2), (&near, 1, 1)]
    {
        node.asked.lock().unwrap().clear();
        let mut ranges = ranges_by(node, 20_000, 500, in_flight);
        let mut taken = 0;
        while ranges.try_next().await.unwrap().is_some() {
            taken += 1;
            tokio::time::sleep(Duration::from_millis(2)).await;
            let asked = node.asked.lock().unwrap();
            let begun = asked.iter().filter(|query| query.addresses.contains(&BASIC)).count();
            // At first nothing is known of a node.
            let held_max = if taken <= in_flight { in_flight } else { held_max };
            assert!(
                begun <= taken + held_max,
                "{begun} begun, {taken} taken of {in_flight}, {held_max} held"
            );
        }
        assert_eq!(taken, 40);
    }
}

#[tokio::test]
async fn four_pools_take_six_questions() {
    let node = Arc::new(chain());
    fetch(&node, 1000).await;
    let asked = node.asked.lock().unwrap();
    let of_manager = asked.iter().filter(|query| query.addresses == [MANAGER]).count();
    // Ours and the Vault; the manager beside mints in blocks 3 and 35, and by id for flows and for transfers.
    assert_eq!((asked.len(), of_manager), (6, 4));
}

#[tokio::test]
async fn a_manager_that_speaks_of_little_else_is_read_with_the_pools() {
    let node = Arc::new(chain());
    fetch(&node, 10).await;
    let asked = node.asked.lock().unwrap();
    // The first ranges are begun before anything is known of it; the mint in block 3 then shows how it is.
    let late: Vec<&LogQuery> = asked.iter().filter(|query| query.blocks.first.0 > 30).collect();
    assert_eq!(late.len(), 3, "{late:?}");
    let of_manager: Vec<&&LogQuery> =
        late.iter().filter(|query| query.addresses.contains(&MANAGER)).collect();
    assert!(
        of_manager.len() == 1 && of_manager[0].addresses == [MANAGER],
        "one question, and of it alone: {late:?}"
    );
    assert_eq!(of_manager[0].blocks.width(), 10, "the mint in block 35 needs none of its own");
}
