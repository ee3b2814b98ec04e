//! Pools of every venue, and logs built from their ABI.

use accrual_indexer::decode::DecodeError;
use accrual_indexer::decode::join::{self, KnownIds};
use accrual_indexer::decode::route::Routes;
use accrual_indexer::source::RawLog;
use accrual_rewards::event::PoolEvent;
use accrual_rewards::id::Venue;
use accrual_rewards::pool::{FeedFacts, Pool, PoolFacts, ToldBy, Wrapper, WrapperFacts, WrapperKind};
use accrual_rewards::unit::{Amount, BlockNumber, SignedAmount, UnixSeconds};
use alloy::primitives::{Address, B256, I256, U256};
use alloy::sol_types::SolEvent;

pub(crate) const POOL: Address = Address::repeat_byte(0x10);
pub(crate) const MANAGER: Address = Address::repeat_byte(0x20);
pub(crate) const VAULT: Address = Address::repeat_byte(0x30);
pub(crate) const GAUGE: Address = Address::repeat_byte(0x40);
pub(crate) const FEED: Address = Address::repeat_byte(0x50);
pub(crate) const AGGREGATOR: Address = Address::repeat_byte(0x51);
pub(crate) const TOKEN0: Address = Address::repeat_byte(0x61);
pub(crate) const TOKEN1: Address = Address::repeat_byte(0x62);
pub(crate) const ANN: Address = Address::repeat_byte(0xa1);
pub(crate) const BOB: Address = Address::repeat_byte(0xb1);
pub(crate) const POOL_ID: B256 = B256::repeat_byte(0x77);

/// A pool at [`POOL`] whose facts are known.
pub(crate) fn pool(venue: Venue) -> Pool {
    let tokens = if venue == Venue::Erc20 { Vec::new() } else { vec![TOKEN0, TOKEN1] };
    Pool {
        id: venue.as_str().parse().unwrap(),
        venue,
        address: POOL,
        position_manager: venue.is_concentrated().then_some(MANAGER),
        created_block: BlockNumber(1),
        vault: matches!(venue, Venue::BalancerV2 | Venue::BalancerV3).then_some(VAULT),
        feeds: Vec::new(),
        wrappers: Vec::new(),
        facts: PoolFacts {
            tokens,
            balancer_pool_id: (venue == Venue::BalancerV2).then_some(POOL_ID),
            ..PoolFacts::default()
        },
    }
}

/// The same with a wrapper at [`GAUGE`].
pub(crate) fn wrapped(venue: Venue, kind: WrapperKind, told_by: ToldBy) -> Pool {
    let mut pool = pool(venue);
    pool.wrappers.push(Wrapper { kind, address: GAUGE, holder: GAUGE, to: None });
    pool.facts.wrappers.push(WrapperFacts { address: GAUGE, told_by });
    pool
}

/// The same with a feed at [`FEED`] whose answers [`AGGREGATOR`] emits.
pub(crate) fn with_feed(mut pool: Pool) -> Pool {
    pool.feeds.push(FEED);
    pool.facts.feeds.push(FeedFacts { feed: FEED, aggregators: vec![AGGREGATOR], decimals: 8 });
    pool
}

pub(crate) fn log(address: Address, event: &impl SolEvent) -> RawLog {
    let data = event.encode_log_data();
    raw(address, data.topics().to_vec(), data.data.to_vec())
}

pub(crate) fn raw(address: Address, topics: Vec<B256>, data: Vec<u8>) -> RawLog {
    RawLog {
        address,
        topics,
        data: data.into(),
        block_number: 7,
        block_hash: B256::ZERO,
        block_timestamp: Some(1),
        transaction_hash: B256::ZERO,
        log_index: 0,
        removed: false,
    }
}

/// The events of each pool when these logs follow each other in one transaction.
pub(crate) fn read(pools: &[Pool], logs: Vec<RawLog>) -> Result<Vec<Vec<PoolEvent>>, DecodeError> {
    let mut logs = logs;
    logs.iter_mut().zip(0..).for_each(|(log, index)| log.log_index = index);
    let routes = Routes::new(pools);
    let logs = routes.read_all(logs)?;
    let mut known = KnownIds::default();
    for (manager, id, place) in join::learn(&routes, &logs) {
        known.insert(manager, id, place);
    }
    let events = join::events(&routes, &known, &logs, |_| UnixSeconds(1))?;
    for events in &events {
        assert!(events.is_sorted_by(|a, b| a.log_index < b.log_index), "one event a log, in chain order");
    }
    Ok(events.into_iter().map(|events| events.into_iter().map(|placed| placed.event).collect()).collect())
}

/// The same for a single pool.
pub(crate) fn read_one(pool: Pool, logs: Vec<RawLog>) -> Result<Vec<PoolEvent>, DecodeError> {
    read(&[pool], logs).map(|mut events| events.remove(0))
}

pub(crate) fn u(value: u64) -> U256 {
    U256::from(value)
}

pub(crate) fn i(value: i64) -> I256 {
    I256::try_from(value).unwrap()
}

pub(crate) fn amount(value: u64) -> Amount {
    Amount(u(value))
}

pub(crate) fn signed(value: i64) -> SignedAmount {
    SignedAmount(i(value))
}
