//! Asks JSON-RPC nodes, by alloy's client over HTTP or a websocket.
//!
//! Alloy's own retry layer is left out on purpose: it takes code -32005 for a rate limit and would ask a refused range
//! for ever. Here a refusal is read by [`crate::refusal`]; what is busy or unreachable rests and gives way to the next
//! node, and what is too wide goes back to be narrowed.
//!
//! - `ask`: one question, node after node; `question`: what it is, and what it means when it is not answered.
//! - `batch`: many headers in one request; `logs`: logs, with what shows that the node has the blocks; `direct`: both over
//!   HTTP, without a copy between; `incoming`: a long list of logs, while it comes in; `plain`: logs and headers that are
//!   written as nodes write them.
//! - `node`: one node's record; `health`: how well it serves; `pace`: how often it may be asked.
//! - `roll`: of several nodes, which can be believed.

mod ask;
mod batch;
mod bodies;
mod direct;
mod heads;
mod health;
mod incoming;
mod logs;
mod node;
mod pace;
mod plain;
mod question;
mod random;
mod roll;
mod wire;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use accrual_rewards::unit::BlockNumber;
use accrual_store::nodes::NodeRow;
use accrual_store::{BlockRef, Header};
use alloy::primitives::{Address, Bytes};
use alloy::pubsub::Subscription;
use alloy::rpc::client::RpcClient;
use async_trait::async_trait;
use futures::{StreamExt, TryStreamExt};
use serde_json::json;
use tokio::time::{Instant, timeout};

use crate::complete::receipts::{self, Receipt};
use crate::source::{
    Answered, Heads, LogQuery, LogReader, LogSource, RawLog, Reading, SealedHeader, SourceError,
};
use batch::Readable;
use health::Standing;
use node::Node;
use question::{Question, Trouble, parse};
use wire::{LightHeader, WholeHeader, quantity};

/// How nodes are asked.
#[derive(Debug, Clone)]
pub struct RpcOptions {
    /// The chain that they must be on; `None` asks nobody.
    pub chain_id: Option<u64>,
    /// Give up when no node has answered for so long; `None` waits for ever.
    pub patience: Option<Duration>,
    /// Longest wait for one answer.
    pub request_timeout: Duration,
    /// How often to look for a new block where no subscription tells.
    pub poll_interval: Duration,
    /// Most headers in one batch.
    pub batch_max: usize,
    /// Of several nodes one is behind when its newest block is more than so many below the newest that was seen.
    pub behind_blocks_max: u64,
}

impl Default for RpcOptions {
    fn default() -> Self {
        Self {
            chain_id: None,
            patience: None,
            request_timeout: Duration::from_secs(10),
            poll_interval: Duration::from_secs(1),
            batch_max: 100,
            behind_blocks_max: 10,
        }
    }
}

/// Nodes and what a process has seen of them; clones share it, so that each source knows what the others learnt.
#[derive(Clone)]
pub struct RpcNodes(Arc<Vec<Node>>);

impl RpcNodes {
    /// Nodes by their URLs.
    ///
    /// # Panics
    /// When `urls` is empty: the configuration has refused that.
    pub fn new(urls: &[String]) -> Self {
        assert!(!urls.is_empty(), "chain.rpc_urls has at least one URL");
        Self(Arc::new(Node::list(urls)))
    }

    /// Nodes by clients that are connected already, each with its name, and what takes the place of chance in how long they
    /// are left alone, from 0 to 1000: a simulation's way in.
    ///
    /// # Panics
    /// When there is none.
    pub fn connected(clients: Vec<(String, RpcClient)>, permille: fn() -> u32) -> Self {
        assert!(!clients.is_empty(), "there is at least one client");
        let node = |(name, client)| Node::connected(name, client, permille);
        Self(Arc::new(clients.into_iter().map(node).collect()))
    }
}

/// One or several nodes of the same chain; each question goes to the best of those that can have the answer.
pub struct RpcSource {
    nodes: Arc<Vec<Node>>,
    current: AtomicUsize,
    options: RpcOptions,
    answered_at: Mutex<Instant>,
    stored: Mutex<Option<BlockRef>>,
    roll_called_at: tokio::sync::Mutex<Option<Instant>>,
    heads: tokio::sync::Mutex<Option<Subscription<alloy::rpc::types::Header>>>,
}

const BATCHES_IN_FLIGHT: usize = 4;

impl RpcSource {
    /// A source over `urls`; of equals the first is asked. Nothing is asked yet.
    ///
    /// # Panics
    /// When `urls` is empty: the configuration has refused that.
    pub fn new(urls: &[String], options: RpcOptions) -> Self {
        Self::over(RpcNodes::new(urls), options)
    }

    /// A source over nodes that others may ask too.
    pub fn over(nodes: RpcNodes, options: RpcOptions) -> Self {
        Self {
            nodes: nodes.0,
            current: AtomicUsize::new(0),
            options,
            answered_at: Mutex::new(Instant::now()),
            stored: Mutex::default(),
            roll_called_at: tokio::sync::Mutex::default(),
            heads: tokio::sync::Mutex::new(None),
        }
    }

    /// Takes up the limits that nodes were found to have before this process began.
    pub fn remember(&self, rows: &[NodeRow]) {
        for node in self.nodes.iter() {
            if let Some(row) = rows.iter().find(|row| row.name == node.name) {
                node.remember(row);
            }
        }
    }

    fn node(&self) -> &Node {
        &self.nodes[self.current.load(Ordering::Relaxed) % self.nodes.len()]
    }

    fn stored(&self) -> Option<BlockRef> {
        *self.stored.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The newest block that any node that is believed has shown.
    fn newest_shown(&self) -> u64 {
        let believed = |node: &&Node| matches!(node.record().health.standing, Standing::Good);
        self.nodes.iter().filter(believed).filter_map(Node::head).map(|head| head.0).max().unwrap_or(0)
    }

    /// Headers of `numbers` as `T`, some batches at a time.
    async fn headers_of<T: Readable, H: From<T>>(
        &self,
        numbers: &[BlockNumber],
        number_of: impl Fn(&H) -> BlockNumber,
    ) -> Result<Vec<Option<H>>, SourceError> {
        let tags: Vec<_> = numbers.iter().map(|number| json!(quantity(*number))).collect();
        let batches: Vec<_> =
            tags.chunks(self.options.batch_max.max(1)).map(|batch| self.header_tags::<T>(batch)).collect();
        let found: Vec<Vec<Option<T>>> =
            futures::stream::iter(batches).buffered(BATCHES_IN_FLIGHT).try_collect().await?;
        let mut headers = Vec::with_capacity(numbers.len());
        for ((header, number), tag) in found.into_iter().flatten().zip(numbers).zip(&tags) {
            let may_be_elsewhere = self.nodes.len() > 1 && number.0 <= self.newest_shown();
            let header = match header {
                None if may_be_elsewhere => self.header_elsewhere::<T>(tag).await?,
                header => header,
            };
            let header = header.map(H::from);
            if header.as_ref().is_some_and(|header| number_of(header) != *number) {
                return Err(SourceError::BadAnswer {
                    url: self.node().name.clone(),
                    method: "eth_getBlockByNumber",
                    what: format!("asked for block {number}, another came"),
                });
            }
            headers.push(header);
        }
        Ok(headers)
    }

    /// The next head that a websocket node tells of; never where there is none.
    async fn next_head(&self) {
        let node = self.node();
        let mut heads = self.heads.lock().await;
        if heads.is_none() && node.url.starts_with("ws") {
            *heads = node.subscribe().await;
            if heads.is_some() {
                // A block may have come before the subscription stood: look once more.
                return;
            }
        }
        match heads.as_mut() {
            Some(subscription) => {
                if subscription.recv().await.is_err() {
                    *heads = None;
                }
            }
            None => std::future::pending().await,
        }
    }

    /// Tells the metrics of each node.
    fn tell(&self) {
        let newest = self.newest_shown();
        self.nodes.iter().for_each(|node| node.tell(newest));
    }
}

#[async_trait]
impl LogSource for RpcSource {
    async fn chain_id(&self) -> Result<u64, SourceError> {
        let question = Question::new("eth_chainId", json!([]));
        let once = async |place: usize| self.ask_chain_id(&self.nodes[place]).await;
        let Some(expected) = self.options.chain_id.filter(|_| self.nodes.len() > 1) else {
            return self.ask_with(&question, &once).await.map(|(_, found)| found);
        };
        // Of several nodes one of another chain is left alone, as long as there is another.
        let mut found = None;
        for (place, node) in self.nodes.iter().enumerate() {
            match self.introduce(place, &Question::header(&json!("latest"))).await {
                Ok(true) => return Ok(expected),
                Ok(false) => found = node.record().health.chain_id,
                Err(_) => {}
            }
        }
        match found {
            Some(found) => Ok(found),
            None => self.ask_with(&question, once).await.map(|(_, found)| found),
        }
    }

    async fn heads(&self) -> Result<Heads, SourceError> {
        self.call_roll().await;
        let heads = self.heads_of_the_best().await;
        self.tell();
        heads
    }

    async fn headers(&self, numbers: &[BlockNumber]) -> Result<Vec<Option<Header>>, SourceError> {
        self.headers_of::<LightHeader, Header>(numbers, |header| header.number).await
    }

    async fn sealed_headers(
        &self,
        numbers: &[BlockNumber],
    ) -> Result<Vec<Option<SealedHeader>>, SourceError> {
        self.headers_of::<WholeHeader, SealedHeader>(numbers, |sealed| sealed.header.number).await
    }

    async fn block_logs(&self, block: &SealedHeader) -> Result<Vec<RawLog>, SourceError> {
        let question = Question::receipts(block.header.number);
        let once = async |place: usize| {
            let answer = self.ask_once(&self.nodes[place], &question).await?;
            let receipts = parse::<Option<Vec<Receipt>>>(&answer)?.ok_or(Trouble::Absent)?;
            receipts::logs_of(block, receipts).map_err(|what| Trouble::Wrong { what })
        };
        self.ask_with(&question, once).await.map(|(_, logs)| logs)
    }

    async fn logs(&self, query: &LogQuery) -> Result<Vec<RawLog>, SourceError> {
        self.logs_with_end(query).await.map(|answered| answered.logs)
    }

    async fn logs_with_end(&self, query: &LogQuery) -> Result<Answered, SourceError> {
        let once = |place| self.logs_once(place, query, Some);
        self.ask_with(&Question::logs(query), once).await.map(|(_, answered)| answered)
    }

    async fn read_logs(
        &self,
        query: &LogQuery,
        read: LogReader<'_>,
    ) -> Result<Answered<Reading>, SourceError> {
        let once = |place| self.logs_once(place, query, read);
        self.ask_with(&Question::logs(query), once).await.map(|(_, answered)| answered)
    }

    async fn second_opinion(&self, query: &LogQuery, than: &str) -> Result<Option<Answered>, SourceError> {
        let passed = self.nodes.iter().position(|node| node.name == than);
        if self.nodes.len() == 1 || passed.is_none() {
            return Ok(None);
        }
        let once = |place| self.logs_once(place, query, Some);
        match self.ask_past(&Question::logs(query), passed.into_iter().collect(), once).await {
            Ok((_, answered)) => Ok(Some(answered)),
            Err(SourceError::Unreachable { url, reason, seconds }) => {
                Err(SourceError::Unreachable { url, reason, seconds })
            }
            Err(error) => {
                tracing::debug!(%error, "no second node can say whether the logs are all");
                Ok(None)
            }
        }
    }

    fn distrust(&self, node: &str, what: &str) {
        if let Some(node) = self.nodes.iter().find(|known| known.name == node) {
            node.count("incomplete");
            node.failed(what);
        }
    }

    fn note_stored(&self, newest: BlockRef) {
        *self.stored.lock().unwrap_or_else(PoisonError::into_inner) = Some(newest);
    }

    fn nodes(&self) -> Vec<NodeRow> {
        let newest = self.newest_shown();
        self.nodes.iter().map(|node| node.row(newest)).collect()
    }

    async fn call(
        &self,
        to: Address,
        input: Bytes,
        at: Option<BlockNumber>,
    ) -> Result<Option<Bytes>, SourceError> {
        let call = json!({ "to": to, "data": input });
        let question = match at {
            None => Question::of_head("eth_call", json!([call, "latest"])),
            Some(at) => Question::of_state("eth_call", json!([call, quantity(at)]), at.0),
        };
        match self.ask::<Bytes>(&question).await {
            Ok(output) if output.is_empty() => Ok(None),
            Ok(output) => Ok(Some(output)),
            Err(SourceError::Refused { .. } | SourceError::Pruned { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn has_code(&self, address: Address) -> Result<bool, SourceError> {
        const DELEGATION: [u8; 3] = [0xef, 0x01, 0x00];
        let question = Question::of_head("eth_getCode", json!([address, "latest"]));
        let code: Bytes = self.ask(&question).await?;
        Ok(!code.is_empty() && !code.starts_with(&DELEGATION))
    }

    async fn wait_for_block(&self) {
        let _ = timeout(self.options.poll_interval, self.next_head()).await;
    }
}
