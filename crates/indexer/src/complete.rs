//! Whether a node left logs out, shown by what a block's header commits to.
//!
//! A header's hash is recomputed from its fields, and headers are chained by it, so a header's bloom and receipts root
//! are the chain's own. Two ways follow from them:
//!
//! - **bloom**: every log sets bits in its block's bloom. A block whose bloom lacks our bits has no log of ours: that is a
//!   proof. A block whose bloom has them, and of which no such log came, is settled by its receipts. A bloom cannot show
//!   that one of several logs alike is missing.
//! - **receipts**: each block that has or may have our logs is settled by its receipts.
//!
//! Receipts prove themselves: their root must be the header's. What a node left out is taken from them.

mod bloom;
pub(crate) mod receipts;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use accrual_rewards::unit::BlockNumber;
use accrual_store::Header;
use futures::{StreamExt, TryStreamExt};
use tokio::sync::Mutex;

use crate::error::IndexError;
use crate::source::{Answered, BlockRange, LogQuery, LogSource, RawLog, SealedHeader, SourceError};
use bloom::BloomTest;

/// How it is shown that no log is missing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Completeness {
    /// It is not: the node is believed.
    Off,
    /// By the headers' blooms; receipts where a bloom and the logs do not go together.
    #[default]
    Bloom,
    /// By the receipts of each block that has or may have our logs.
    Receipts,
}

/// What the headers of a range commit to.
pub(crate) struct Evidence {
    mode: Completeness,
    headers: BTreeMap<u64, SealedHeader>,
    settled: Mutex<BTreeMap<u64, Arc<Vec<RawLog>>>>,
    in_vain: AtomicUsize,
    in_vain_max: usize,
}

/// Blocks whose receipts are asked for at the same time.
const SETTLED_AT_ONCE: usize = 4;
/// With `bloom`: so many blocks of a range, and a twentieth of its width, are settled in vain. On a chain whose blooms are
/// nearly full a hit says nothing, and the receipts of all its blocks would be read. The rest of such a range is asked of
/// another node, where there is one.
const IN_VAIN_MAX: usize = 64;

impl Evidence {
    /// The headers of `blocks`, each the child of the one before.
    ///
    /// # Errors
    /// No node has them, or the chain changed meanwhile.
    pub(crate) async fn gather(
        source: &dyn LogSource,
        mode: Completeness,
        blocks: BlockRange,
    ) -> Result<Self, IndexError> {
        let numbers: Vec<BlockNumber> = (blocks.first.0..=blocks.last.0).map(BlockNumber).collect();
        let found = source.sealed_headers(&numbers).await?;
        let mut headers = BTreeMap::new();
        let mut before: Option<Header> = None;
        for (number, sealed) in numbers.into_iter().zip(found) {
            let sealed = sealed.ok_or(IndexError::MissingBlock { number })?;
            if before.is_some_and(|before| before.hash != sealed.header.parent_hash) {
                return Err(IndexError::Unsteady { first: blocks.first, last: blocks.last });
            }
            before = Some(sealed.header);
            headers.insert(number.0, sealed);
        }
        let in_vain_max = IN_VAIN_MAX + headers.len() / 20;
        Ok(Self { mode, headers, settled: Mutex::default(), in_vain: AtomicUsize::new(0), in_vain_max })
    }

    /// The headers, by block.
    pub(crate) fn headers(&self) -> BTreeMap<u64, Header> {
        self.headers.iter().map(|(number, sealed)| (*number, sealed.header)).collect()
    }

    /// What `answered` must be for `query`, whatever the node left out. Each block of the query is among the headers.
    ///
    /// # Errors
    /// No node has the receipts of a block that must be settled, or a log came that is not on the chain.
    pub(crate) async fn complete(
        &self,
        source: &dyn LogSource,
        query: &LogQuery,
        answered: Answered,
    ) -> Result<Vec<RawLog>, IndexError> {
        let Answered { mut logs, node, .. } = answered;
        let doubtful = self.doubtful(query, &logs);
        metrics::counter!("accrual_complete_blocks_total", "outcome" => "shown_by_bloom")
            .increment(query.blocks.width().saturating_sub(count(doubtful.len())));
        let settled =
            futures::stream::iter(doubtful.into_iter().map(|number| self.settle(source, number, false)));
        let mut settled = std::pin::pin!(settled.buffered(SETTLED_AT_ONCE));
        let mut open = Vec::new();
        while let Some((number, on_chain)) = settled.try_next().await? {
            match on_chain {
                Some(on_chain) => self.compare(source, query, number, &on_chain, &node, &mut logs)?,
                None => open.push(number),
            }
        }
        self.ask_another(source, query, &open, &node, &mut logs).await?;
        logs.sort_by_key(|log| (log.block_number, log.log_index));
        Ok(logs)
    }

    /// The blocks that receipts were not spent on, by what another node says of them: where it says otherwise, the receipts
    /// decide after all.
    async fn ask_another(
        &self,
        source: &dyn LogSource,
        query: &LogQuery,
        open: &[u64],
        node: &str,
        logs: &mut Vec<RawLog>,
    ) -> Result<(), IndexError> {
        let (Some(first), Some(last)) = (open.first(), open.last()) else { return Ok(()) };
        let blocks = BlockRange { first: BlockNumber(*first), last: BlockNumber(*last) };
        let asked = LogQuery { blocks, ..query.clone() };
        let Some(other) = source.second_opinion(&asked, node).await? else {
            metrics::counter!("accrual_complete_blocks_total", "outcome" => "left_open")
                .increment(count(open.len()));
            return Ok(());
        };
        let places = |logs: &[RawLog], number: u64| -> BTreeSet<u64> {
            logs.iter().filter(|log| log.block_number == number).map(|log| log.log_index).collect()
        };
        let differ: Vec<u64> = open
            .iter()
            .copied()
            .filter(|number| places(&other.logs, *number) != places(logs, *number))
            .collect();
        metrics::counter!("accrual_complete_blocks_total", "outcome" => "agreed_by_two")
            .increment(count(open.len() - differ.len()));
        for number in differ {
            if let (_, Some(on_chain)) = self.settle(source, number, true).await? {
                self.compare(source, query, number, &on_chain, node, logs)?;
            }
        }
        Ok(())
    }

    /// The blocks whose headers do not say by themselves that `logs` are all.
    fn doubtful(&self, query: &LogQuery, logs: &[RawLog]) -> Vec<u64> {
        let test = BloomTest::of(query);
        let mut by_block: BTreeMap<u64, Vec<&RawLog>> = BTreeMap::new();
        for log in logs {
            by_block.entry(log.block_number).or_default().push(log);
        }
        let none = Vec::new();
        let of_range = self.headers.range(query.blocks.first.0..=query.blocks.last.0);
        let is_doubtful = |(number, sealed): &(&u64, &SealedHeader)| {
            let found = by_block.get(number).unwrap_or(&none);
            match (&sealed.logs_bloom, self.mode) {
                (_, Completeness::Off) => false,
                (None, _) => !found.is_empty(),
                (Some(bloom), Completeness::Bloom) => test.doubts(bloom, found),
                (Some(bloom), Completeness::Receipts) => !found.is_empty() || test.may_match(bloom),
            }
        };
        of_range.filter(is_doubtful).map(|(number, _)| *number).collect()
    }

    /// All logs of a block, by its receipts; `None` where these are spared, unless they `must` be read.
    async fn settle(
        &self,
        source: &dyn LogSource,
        number: u64,
        must: bool,
    ) -> Result<(u64, Option<Arc<Vec<RawLog>>>), IndexError> {
        if let Some(known) = self.settled.lock().await.get(&number) {
            return Ok((number, Some(known.clone())));
        }
        let is_spent = self.in_vain.load(Ordering::Relaxed) >= self.in_vain_max;
        if self.mode == Completeness::Bloom && is_spent && !must {
            return Ok((number, None));
        }
        let logs = match source.block_logs(&self.headers[&number]).await {
            Ok(logs) => logs,
            Err(error) => return Err(self.unsettled(source, number, error).await),
        };
        let logs = Arc::new(logs);
        self.settled.lock().await.insert(number, logs.clone());
        metrics::counter!("accrual_complete_blocks_total", "outcome" => "settled_by_receipts").increment(1);
        Ok((number, Some(logs)))
    }

    /// Why a block's receipts are not to be had: it may have left the chain meanwhile.
    async fn unsettled(&self, source: &dyn LogSource, number: u64, error: SourceError) -> IndexError {
        let block = BlockNumber(number);
        let hash = self.headers[&number].header.hash;
        match (error, source.headers(&[block]).await) {
            (error @ SourceError::Unreachable { .. }, _) => error.into(),
            (_, Ok(now)) if now.first().is_none_or(|now| now.is_none_or(|now| now.hash != hash)) => {
                IndexError::Unsteady { first: block, last: block }
            }
            (error, _) => IndexError::Incomplete { block, reason: error.to_string() },
        }
    }

    /// Adds to `logs` what is missing of block `number`.
    fn compare(
        &self,
        source: &dyn LogSource,
        query: &LogQuery,
        number: u64,
        on_chain: &[RawLog],
        node: &str,
        logs: &mut Vec<RawLog>,
    ) -> Result<(), IndexError> {
        let found: BTreeSet<u64> =
            logs.iter().filter(|log| log.block_number == number).map(|log| log.log_index).collect();
        let invented = logs.iter().filter(|log| log.block_number == number).find(|log| {
            !on_chain.iter().any(|real| real.log_index == log.log_index && says_the_same(real, log))
        });
        if let Some(log) = invented {
            if log.block_hash != self.headers[&number].header.hash {
                return Err(IndexError::Unsteady { first: BlockNumber(number), last: BlockNumber(number) });
            }
            let what = format!(
                "log {} of block {number} is not among the block's receipts, whose root is the header's",
                log.log_index
            );
            let error = SourceError::BadAnswer { url: node.to_owned(), method: "eth_getLogs", what };
            source.distrust(node, &error.to_string());
            return Err(error.into());
        }
        let missing: Vec<&RawLog> =
            on_chain.iter().filter(|log| query.matches(log) && !found.contains(&log.log_index)).collect();
        if missing.is_empty() {
            self.in_vain.fetch_add(usize::from(found.is_empty()), Ordering::Relaxed);
            return Ok(());
        }
        let lost = missing.len();
        let what =
            format!("it left {lost} of our logs of block {number} out; they are taken from the receipts");
        tracing::warn!(
            node,
            block = number,
            lost,
            "the node left logs out: they are taken from the block's receipts"
        );
        source.distrust(node, &what);
        metrics::counter!("accrual_logs_left_out_total", "host" => node.to_owned()).increment(count(lost));
        logs.extend(missing.into_iter().cloned());
        Ok(())
    }
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

/// The same log; nodes differ in whether they send its time.
pub(crate) fn says_the_same(a: &RawLog, b: &RawLog) -> bool {
    (a.block_hash, a.address, &a.topics, &a.data) == (b.block_hash, b.address, &b.topics, &b.data)
}
