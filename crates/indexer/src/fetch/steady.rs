//! Whether what came of a range is of one chain, in order, and what was asked for.

use std::collections::BTreeMap;

use accrual_rewards::unit::BlockNumber;
use accrual_store::Header;

use crate::complete::says_the_same;
use crate::decode::route::ReadLog;
use crate::error::IndexError;
use crate::source::{BlockRange, LogQuery, RawLog, SourceError};

/// Sorts by place, and drops what a node sent twice.
pub(super) fn in_chain_order(logs: &mut Vec<ReadLog>) -> Result<(), IndexError> {
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

/// Whether a log is none of those that were asked for.
pub(super) fn is_stray(query: &LogQuery, log: &RawLog) -> bool {
    let block = BlockNumber(log.block_number);
    let is_outside = block < query.blocks.first || query.blocks.last < block;
    log.removed || is_outside || !query.addresses.contains(&log.address)
}

/// What is said of a node that answered with a log that it was not asked for.
pub(super) fn stray(log: &RawLog, node: &str) -> IndexError {
    SourceError::BadAnswer {
        url: if node.is_empty() { "the node".to_owned() } else { node.to_owned() },
        method: "eth_getLogs",
        what: format!("log {} of block {} was not asked for", log.log_index, log.block_number),
    }
    .into()
}

/// A node that gave logs must have had the blocks that are stored, and not others of the same height.
pub(super) fn check_ends(
    blocks: BlockRange,
    ends: &[Header],
    headers: &BTreeMap<u64, Header>,
) -> Result<(), IndexError> {
    let differs = |end: &Header| headers.get(&end.number.0).is_some_and(|header| header.hash != end.hash);
    if ends.iter().any(differs) { Err(unsteady(blocks)) } else { Ok(()) }
}

/// A log and its block's header must be of the same chain.
pub(super) fn check_hashes(
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

pub(super) fn unsteady(blocks: BlockRange) -> IndexError {
    IndexError::Unsteady { first: blocks.first, last: blocks.last }
}
