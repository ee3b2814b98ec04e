//! The headers that a range needs.

use std::collections::{BTreeMap, BTreeSet};

use accrual_rewards::unit::{BlockNumber, UnixSeconds};
use accrual_store::Header;

use super::Fetcher;
use super::steady::unsteady;
use crate::complete::Evidence;
use crate::decode::route::ReadLog;
use crate::error::IndexError;
use crate::source::{BlockRange, RawLog};

/// A range's headers: those that are known, and of these the ones to store.
pub(super) struct Headers {
    pub(super) known: BTreeMap<u64, Header>,
    pub(super) kept: Vec<Header>,
}

impl Fetcher {
    /// The headers of both ends of a range that cannot leave the chain, to be asked for beside its logs. Nearer to the head
    /// a node that gave logs may be the only one that has their blocks yet, so headers are asked for after them.
    pub(super) async fn settled_ends(
        &self,
        blocks: BlockRange,
        evidence: Option<&Evidence>,
    ) -> Result<BTreeMap<u64, Header>, IndexError> {
        let mut known = BTreeMap::new();
        if evidence.is_none() && blocks.last <= self.final_block {
            self.learn_headers(&mut known, [blocks.first.0, blocks.last.0].into()).await?;
        }
        Ok(known)
    }

    /// The headers that are needed beside those that are `known`: of both ends, of every block that may still leave the
    /// chain, of blocks whose logs carry no time, and of every block where the chain's pace is not even, since nobody could
    /// tell their times.
    pub(super) async fn headers(
        &self,
        blocks: BlockRange,
        logs: &[ReadLog],
        mut known: BTreeMap<u64, Header>,
    ) -> Result<Headers, IndexError> {
        let (first, last) = (blocks.first.0, blocks.last.0);
        // The final block itself too, so that a change below it is told from one above it.
        let unsettled = first.max(self.final_block.0)..=last;
        let logs = logs.iter().map(|read| &read.log);
        let timeless = logs.filter(|log| log.block_timestamp.is_none()).map(|log| log.block_number);
        let wanted: BTreeSet<u64> = unsettled.clone().chain(timeless).chain([first, last]).collect();
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
}

/// When a log was.
pub(super) fn block_time(log: &RawLog, headers: &BTreeMap<u64, Header>) -> UnixSeconds {
    match log.block_timestamp {
        Some(at) => UnixSeconds(at),
        None => headers[&log.block_number].at,
    }
}
