//! What the indexer asks of a chain. The network lives behind this trait, so a test can stand in for it.

pub(crate) mod quantity;

use accrual_rewards::unit::{BlockNumber, UnixSeconds};
use accrual_store::nodes::NodeRow;
use accrual_store::{BlockRef, Header};
use alloy::primitives::{Address, B256, Bloom, Bytes};
use async_trait::async_trait;
use serde::Deserialize;

use crate::decode::DecodeError;
use crate::decode::route::ReadLog;
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
    #[serde(deserialize_with = "quantity::read")]
    pub block_number: u64,
    /// Its block's hash.
    pub block_hash: B256,
    /// Its block's time; many nodes leave it out.
    #[serde(default, deserialize_with = "quantity::read_if_there")]
    pub block_timestamp: Option<u64>,
    /// Its transaction.
    pub transaction_hash: B256,
    /// Its place in the block.
    #[serde(deserialize_with = "quantity::read")]
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

impl LogQuery {
    /// Whether this is what a node gives for `log`.
    pub fn matches(&self, log: &RawLog) -> bool {
        let block = BlockNumber(log.block_number);
        let topics = self.topics.iter().enumerate().all(|(place, allowed)| {
            allowed.is_empty() || log.topics.get(place).is_some_and(|topic| allowed.contains(topic))
        });
        self.blocks.first <= block
            && block <= self.blocks.last
            && self.addresses.contains(&log.address)
            && topics
    }
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

/// A header whose hash was recomputed from its fields, so that what it commits to is the chain's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedHeader {
    /// What is kept of it.
    pub header: Header,
    /// The bits of all logs in the block; `None` when no bit is set, so that it has no logs.
    pub logs_bloom: Option<Box<Bloom>>,
    /// The root of the block's receipts.
    pub receipts_root: B256,
}

/// Makes of a log what is kept of it; `None` where that is nothing.
pub type LogReader<'a> = &'a (dyn Fn(RawLog) -> Option<Reading> + Send + Sync);

/// What was read in a log. What is wrong with one is boxed: there are many logs.
pub type Reading = Result<ReadLog, Box<Unread>>;

/// Why a log cannot be taken.
#[derive(Debug)]
pub enum Unread {
    /// It was not asked for; the log.
    Stray(RawLog),
    /// It has a known topic, and content that does not parse.
    Garbled(DecodeError),
}

/// The logs that a node gave, or what is kept of them, and what it showed of itself beside them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered<L = RawLog> {
    /// The logs, in the node's order.
    pub logs: Vec<L>,
    /// The header of the range's last block as the same node has it: without it, no logs may mean no block. `None` where
    /// the node's newest block is far above the range.
    pub end: Option<Header>,
    /// The node, without credentials; empty where there is only one.
    pub node: String,
}

impl<L> Default for Answered<L> {
    fn default() -> Self {
        Self { logs: Vec::new(), end: None, node: String::new() }
    }
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
    /// No node keeps what is as old as that.
    #[error(
        "{url} is pruned: it does not answer {method} at block {block} any more ({message}); add an archive node to chain.rpc_urls"
    )]
    Pruned {
        /// The node asked last.
        url: String,
        /// The question.
        method: &'static str,
        /// The oldest block that was asked for.
        block: u64,
        /// Its words.
        message: String,
    },
    /// There are nodes, and none can be believed or has what is asked for.
    #[error("no node can be asked for {what}: {nodes}; add another node to chain.rpc_urls")]
    NoneFits {
        /// What was to be asked.
        what: &'static str,
        /// Each node with what speaks against it.
        nodes: String,
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
#[async_trait]
pub trait LogSource: Send + Sync {
    /// The chain's id.
    async fn chain_id(&self) -> Result<u64, SourceError>;

    /// The chain's ends.
    async fn heads(&self) -> Result<Heads, SourceError>;

    /// The headers of `numbers`, in that order; `None` where the node has no such block.
    async fn headers(&self, numbers: &[BlockNumber]) -> Result<Vec<Option<Header>>, SourceError>;

    /// The logs that match, in chain order. One request; [`SourceError::TooWide`] when it must be made smaller.
    async fn logs(&self, query: &LogQuery) -> Result<Vec<RawLog>, SourceError>;

    /// The same with the header of the range's last block from the node that gave them, as far as it must be shown.
    async fn logs_with_end(&self, query: &LogQuery) -> Result<Answered, SourceError> {
        Ok(Answered { logs: self.logs(query).await?, ..Answered::default() })
    }

    /// The headers of `numbers` with what they commit to, each hash recomputed; `None` where the node has no such block.
    /// A source that has none refuses.
    async fn sealed_headers(
        &self,
        _numbers: &[BlockNumber],
    ) -> Result<Vec<Option<SealedHeader>>, SourceError> {
        Err(shows_nothing("eth_getBlockByNumber"))
    }

    /// All logs of a block from its receipts, whose root was recomputed and is the header's. A source that has none
    /// refuses.
    async fn block_logs(&self, _block: &SealedHeader) -> Result<Vec<RawLog>, SourceError> {
        Err(shows_nothing("eth_getBlockReceipts"))
    }

    /// As [`Self::logs_with_end`] for one who keeps no log as it came: `read` is given each as soon as it is there, so that a
    /// long answer is never held whole.
    async fn read_logs(
        &self,
        query: &LogQuery,
        read: LogReader<'_>,
    ) -> Result<Answered<Reading>, SourceError> {
        let Answered { logs, end, node } = self.logs_with_end(query).await?;
        Ok(Answered { logs: logs.into_iter().filter_map(read).collect(), end, node })
    }

    /// The same question put to another node than `than`; `None` where there is none that can answer it.
    async fn second_opinion(&self, _query: &LogQuery, _than: &str) -> Result<Option<Answered>, SourceError> {
        Ok(None)
    }

    /// Says that `node` gave something that was shown to be wrong or not whole, so that others are asked before it.
    fn distrust(&self, _node: &str, _what: &str) {}

    /// Says which block is stored as the newest, to hold nodes against.
    fn note_stored(&self, _newest: BlockRef) {}

    /// What is known of each node now; nothing of a source that has none.
    fn nodes(&self) -> Vec<NodeRow> {
        Vec::new()
    }

    /// Runs a view of a contract at the end of block `at`, or of the newest; `None` when there is no code or it reverts,
    /// or when the node has no state as old as that.
    async fn call(
        &self,
        to: Address,
        input: Bytes,
        at: Option<BlockNumber>,
    ) -> Result<Option<Bytes>, SourceError>;

    /// Whether there is a contract at an address now. An account that only delegates to one (EIP-7702) is none.
    async fn has_code(&self, address: Address) -> Result<bool, SourceError>;

    /// Waits until there may be a new block, at most until the poll interval is over.
    async fn wait_for_block(&self);
}

fn shows_nothing(method: &'static str) -> SourceError {
    let message = "this source cannot show that its logs are all; set chain.verify = \"off\"".to_owned();
    SourceError::Refused { url: "the source".to_owned(), method, code: -32601, message }
}

/// The time of a header, for places that have only the log.
pub fn log_time(log: &RawLog) -> Option<UnixSeconds> {
    log.block_timestamp.map(UnixSeconds)
}
