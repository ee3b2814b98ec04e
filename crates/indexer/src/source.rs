//! What the indexer asks of a chain. The network lives behind this trait, so a test can stand in for it.

use std::future::Future;

use accrual_rewards::unit::{BlockNumber, UnixSeconds};
use accrual_store::Header;
use alloy::primitives::{Address, B256, Bytes};
use serde::Deserialize;

use crate::plan::Suggestion;

/// One log as a node gives it, as far as we read it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RawLog {
    /// Who emitted it.
    pub address: Address,
    /// Its signature and indexed fields.
    pub topics: Vec<B256>,
    /// Its other fields.
    pub data: Bytes,
    /// Its block.
    #[serde(with = "alloy::serde::quantity")]
    pub block_number: u64,
    /// Its block's hash.
    pub block_hash: B256,
    /// Its block's time; many nodes leave it out.
    #[serde(default, with = "alloy::serde::quantity::opt")]
    pub block_timestamp: Option<u64>,
    /// Its transaction.
    pub transaction_hash: B256,
    /// Its place in the block.
    #[serde(with = "alloy::serde::quantity")]
    pub log_index: u64,
    /// Whether the node took it back (in subscriptions only).
    #[serde(default)]
    pub removed: bool,
}

/// Which logs are asked for: of these addresses, with these topics by position (an empty list matches all).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogQuery {
    /// The emitters.
    pub addresses: Vec<Address>,
    /// Allowed values for each topic.
    pub topics: [Vec<B256>; 4],
    /// The blocks, both ends included.
    pub blocks: BlockRange,
}

/// From `first` to `last`, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockRange {
    /// The first block.
    pub first: BlockNumber,
    /// The last block.
    pub last: BlockNumber,
}

impl BlockRange {
    /// How many blocks it holds.
    pub fn width(self) -> u64 {
        self.last.0.saturating_sub(self.first.0) + 1
    }
}

/// The chain's ends as the node sees them now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heads {
    /// The newest block.
    pub latest: Header,
    /// The newest block that the sequencer's data is posted for; `None` when the node does not say.
    pub safe: Option<BlockNumber>,
    /// The newest block that cannot leave the chain; `None` when the node does not say.
    pub finalized: Option<BlockNumber>,
}

/// Why a source did not answer with what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// The node wants a smaller question.
    #[error("{url} refuses so many blocks or logs at once: {message}")]
    TooWide {
        /// The node, without credentials.
        url: String,
        /// Its words.
        message: String,
        /// What it says would be small enough.
        suggestion: Option<Suggestion>,
    },
    /// No node has answered for as long as we wait.
    #[error(
        "no node has answered for {seconds} s; the last trouble was with {url}: {reason}; check chain.rpc_urls and that the node is up"
    )]
    Unreachable {
        /// The node asked last.
        url: String,
        /// What went wrong with it.
        reason: String,
        /// How long we waited.
        seconds: u64,
    },
    /// A node answered something that cannot be right.
    #[error("{url} gave a wrong answer to {method}: {what}; use another node in chain.rpc_urls")]
    BadAnswer {
        /// The node.
        url: String,
        /// The question.
        method: &'static str,
        /// What is wrong.
        what: String,
    },
    /// A node will not answer this, and asking again would not help.
    #[error("{url} refuses {method}: {message} (code {code})")]
    Refused {
        /// The node.
        url: String,
        /// The question.
        method: &'static str,
        /// Its error code.
        code: i64,
        /// Its words.
        message: String,
    },
}

/// A view of one chain.
pub trait LogSource: Send + Sync {
    /// The chain's id.
    fn chain_id(&self) -> impl Future<Output = Result<u64, SourceError>> + Send;

    /// The chain's ends.
    fn heads(&self) -> impl Future<Output = Result<Heads, SourceError>> + Send;

    /// The headers of `numbers`, in that order; `None` where the node has no such block.
    fn headers(
        &self,
        numbers: &[BlockNumber],
    ) -> impl Future<Output = Result<Vec<Option<Header>>, SourceError>> + Send;

    /// The logs that match, in chain order. One request; [`SourceError::TooWide`] when it must be made smaller.
    fn logs(&self, query: &LogQuery) -> impl Future<Output = Result<Vec<RawLog>, SourceError>> + Send;

    /// Runs a view of a contract at the end of block `at`, or of the newest; `None` when there is no code or it reverts,
    /// or when the node has no state as old as that.
    fn call(
        &self,
        to: Address,
        input: Bytes,
        at: Option<BlockNumber>,
    ) -> impl Future<Output = Result<Option<Bytes>, SourceError>> + Send;

    /// Whether there is a contract at an address now. An account that only delegates to one (EIP-7702) is none.
    fn has_code(&self, address: Address) -> impl Future<Output = Result<bool, SourceError>> + Send;

    /// Waits until there may be a new block, at most until the poll interval is over.
    fn wait_for_block(&self) -> impl Future<Output = ()> + Send;
}

/// The time of a header, for places that have only the log.
pub fn log_time(log: &RawLog) -> Option<UnixSeconds> {
    log.block_timestamp.map(UnixSeconds)
}
