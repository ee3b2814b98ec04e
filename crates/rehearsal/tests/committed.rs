//! The recording that is committed: what the story promises is in it. Needs no node.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::BTreeSet;

use accrual_recording::{Block, Log, REHEARSAL, Recording, Transaction};
use accrual_rehearsal::abi;
use alloy::primitives::{Address, I256};
use alloy::sol_types::SolEvent;

const START_UNIX: u64 = 1_749_142_800;
const END_UNIX: u64 = START_UNIX + 14 * 86_400;

#[test]
fn the_story_is_as_long_as_promised() {
    let blocks = Recording::read(REHEARSAL).unwrap().blocks;
    assert!(REHEARSAL.len() < 3_000_000, "{} bytes", REHEARSAL.len());
    assert!((4000..=6000).contains(&blocks.len()), "{} blocks", blocks.len());
    let (first, last) = (blocks[0].header.timestamp, blocks.last().unwrap().header.timestamp);
    assert!(first < START_UNIX - 80_000 && last > END_UNIX + 86_400, "from {first} to {last}");
    assert!(blocks.iter().all(|block| block.header.timestamp % 2 == 1), "Base's blocks come at odd seconds");
    let longest = blocks.windows(2).map(|pair| pair[1].header.timestamp - pair[0].header.timestamp).max();
    assert!(longest > Some(3600), "the longest quiet is {longest:?} s");
}

#[test]
fn everything_that_may_happen_does() {
    let blocks = Recording::read(REHEARSAL).unwrap().blocks;
    let swaps = events::<abi::Pool::Swap>(&blocks);
    let mints = events::<abi::Pool::Mint>(&blocks);
    let burns = events::<abi::Pool::Burn>(&blocks);
    let transfers = events::<abi::Manager::Transfer>(&blocks);
    let manager = manager(&blocks);
    let owners: BTreeSet<_> = transfers.iter().map(|transfer| transfer.to).collect();
    let fewest = [
        ("swaps", 3000, swaps.len()),
        ("swaps up", 1000, swaps.iter().filter(|swap| swap.amount1 > I256::ZERO).count()),
        ("swaps down", 1000, swaps.iter().filter(|swap| swap.amount0 > I256::ZERO).count()),
        (
            "moves through nothing",
            2,
            swaps.iter().filter(|swap| swap.amount0.is_zero() && swap.amount1.is_zero()).count(),
        ),
        ("swaps that leave everybody's range", 2, swaps.iter().filter(|swap| swap.liquidity == 0).count()),
        ("owners of NFTs", 40, owners.len()),
        ("NFTs minted", 100, transfers.iter().filter(|transfer| transfer.from.is_zero()).count()),
        ("NFTs burned", 5, transfers.iter().filter(|transfer| transfer.to.is_zero()).count()),
        ("NFTs sent to oneself", 1, transfers.iter().filter(|transfer| transfer.from == transfer.to).count()),
        ("positions without NFT", 4, mints.iter().filter(|mint| mint.owner != manager).count()),
        (
            "gifts to the manager",
            1,
            mints.iter().filter(|mint| mint.owner == manager && mint.sender != manager).count(),
        ),
        ("pokes", 20, burns.iter().filter(|burn| burn.amount == 0).count()),
        ("flashes", 3, events::<abi::Pool::Flash>(&blocks).len()),
        ("changes of the protocol fee", 3, events::<abi::Pool::SetFeeProtocol>(&blocks).len()),
        ("collects of it", 1, events::<abi::Pool::CollectProtocol>(&blocks).len()),
        ("decreases", 50, events::<abi::Manager::DecreaseLiquidity>(&blocks).len()),
        ("increases", 100, events::<abi::Manager::IncreaseLiquidity>(&blocks).len()),
        ("pools", 2, events::<abi::Factory::PoolCreated>(&blocks).len()),
        (
            "transactions with several mints",
            1,
            transactions(&blocks).filter(|each| mints_in(each) > 1).count(),
        ),
        ("transactions that failed", 10, transactions(&blocks).filter(|each| !each.succeeded).count()),
    ];
    for (what, at_least, found) in fewest {
        assert!(found >= at_least, "{what}: {found}, fewer than {at_least}");
    }
}

fn manager(blocks: &[Block]) -> Address {
    let mut logs = transactions(blocks).flat_map(|transaction| &transaction.logs);
    let log = logs.find(|log| decode::<abi::Manager::IncreaseLiquidity>(log).is_some());
    log.expect("the story has positions").address
}

fn mints_in(transaction: &Transaction) -> usize {
    transaction.logs.iter().filter(|log| decode::<abi::Pool::Mint>(log).is_some()).count()
}

fn events<E: SolEvent>(blocks: &[Block]) -> Vec<E> {
    transactions(blocks).flat_map(|transaction| &transaction.logs).filter_map(decode::<E>).collect()
}

fn transactions(blocks: &[Block]) -> impl Iterator<Item = &Transaction> {
    blocks.iter().flat_map(|block| &block.transactions)
}

fn decode<E: SolEvent>(log: &Log) -> Option<E> {
    E::decode_raw_log(log.topics.iter().copied(), &log.data).ok()
}
