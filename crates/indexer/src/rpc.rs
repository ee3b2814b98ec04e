//! Asks JSON-RPC nodes, by alloy's client over HTTP or a websocket.
//!
//! Alloy's own retry layer is left out on purpose: it takes code -32005 for a rate limit and would ask a refused range
//! for ever. Here a refusal is read by [`crate::refusal`]; what is busy is asked again after a pause, what is
//! unreachable gives way to the next URL, and what is too wide goes back to be narrowed.

mod question;
mod wire;

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use accrual_rewards::unit::BlockNumber;
use accrual_store::Header;
use alloy::primitives::{Address, Bytes};
use alloy::providers::{Provider, ProviderBuilder};
use alloy::pubsub::Subscription;
use alloy::rpc::client::{ClientBuilder, RpcClient};
use alloy::transports::{RpcError, TransportError, TransportErrorKind};
use futures::{StreamExt, TryStreamExt};
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tokio::sync::OnceCell;
use tokio::time::{Instant, sleep, timeout};

use crate::source::{Heads, LogQuery, LogSource, RawLog, SourceError};
use question::{Question, Trouble};
use wire::{LightHeader, filter, quantity};

/// How nodes are asked.
#[derive(Debug, Clone)]
pub struct RpcOptions {
    /// Give up when no node has answered for so long; `None` waits for ever.
    pub patience: Option<Duration>,
    /// Longest wait for one answer.
    pub request_timeout: Duration,
    /// How often to look for a new block where no subscription tells.
    pub poll_interval: Duration,
    /// Most headers in one batch.
    pub batch_max: usize,
}

impl Default for RpcOptions {
    fn default() -> Self {
        Self {
            patience: None,
            request_timeout: Duration::from_secs(10),
            poll_interval: Duration::from_secs(1),
            batch_max: 100,
        }
    }
}

/// One or several nodes of the same chain; the first that answers is asked until it does not.
pub struct RpcSource {
    nodes: Vec<Node>,
    preferred: AtomicUsize,
    /// Headers in one batch: narrowed to what the node takes.
    batch_max: AtomicUsize,
    options: RpcOptions,
    answered_at: Mutex<Instant>,
    heads: tokio::sync::Mutex<Option<Subscription<alloy::rpc::types::Header>>>,
}

struct Node {
    url: String,
    /// The URL without credentials, query or path, which may hold a provider's key.
    name: String,
    client: OnceCell<RpcClient>,
}

const BATCHES_IN_FLIGHT: usize = 4;
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(5);
const ATTEMPTS_WHILE_BEHIND: u32 = 5;

impl RpcSource {
    /// A source over `urls`, tried in that order. Nothing is asked yet.
    ///
    /// # Panics
    /// When `urls` is empty: the configuration has refused that.
    pub fn new(urls: &[String], options: RpcOptions) -> Self {
        assert!(!urls.is_empty(), "chain.rpc_urls has at least one URL");
        let node = |url: &String| Node { url: url.clone(), name: name(url), client: OnceCell::new() };
        Self::of(urls.iter().map(node).collect(), options)
    }

    /// A source over clients that are connected already, each with its name, tried in that order: a simulation's way in.
    ///
    /// # Panics
    /// When there is none.
    pub fn connected(clients: Vec<(String, RpcClient)>, options: RpcOptions) -> Self {
        assert!(!clients.is_empty(), "there is at least one client");
        let node = |(name, client): (String, RpcClient)| Node {
            url: name.clone(),
            name,
            client: OnceCell::new_with(Some(client)),
        };
        Self::of(clients.into_iter().map(node).collect(), options)
    }

    fn of(nodes: Vec<Node>, options: RpcOptions) -> Self {
        Self {
            nodes,
            preferred: AtomicUsize::new(0),
            batch_max: AtomicUsize::new(options.batch_max.max(1)),
            options,
            answered_at: Mutex::new(Instant::now()),
            heads: tokio::sync::Mutex::new(None),
        }
    }

    async fn ask<T: DeserializeOwned>(&self, question: &Question) -> Result<T, SourceError> {
        let mut pause = PAUSE_MIN;
        let mut behind = 0;
        loop {
            let (index, node) = self.node();
            let asked = self.ask_once(node, question).await;
            node.count(asked.as_ref().map_or_else(Trouble::as_str, |_| "answered"));
            let trouble = match asked {
                Ok(answer) => return parse(node, question.method, &answer),
                Err(trouble) => trouble,
            };
            match trouble {
                Trouble::TooWide { message, suggestion } => {
                    return Err(SourceError::TooWide { url: node.name.clone(), message, suggestion });
                }
                Trouble::Refused { code, message } => {
                    let (url, method) = (node.name.clone(), question.method);
                    return Err(SourceError::Refused { url, method, code, message });
                }
                Trouble::Behind { message } => {
                    behind += 1;
                    if behind > ATTEMPTS_WHILE_BEHIND {
                        let (url, method) = (node.name.clone(), question.method);
                        return Err(SourceError::Refused { url, method, code: -32000, message });
                    }
                    self.try_another(index);
                }
                Trouble::Busy { wait } => {
                    self.try_another(index);
                    pause = wait.filter(|_| self.nodes.len() == 1).unwrap_or(pause);
                }
                Trouble::Unreachable { reason } => {
                    self.check_patience(node, &reason)?;
                    tracing::debug!(node = node.name, reason, "no answer");
                    self.try_another(index);
                }
            }
            sleep(pause).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    async fn ask_once(&self, node: &Node, question: &Question) -> Result<Box<RawValue>, Trouble> {
        let limit = self.options.request_timeout;
        let answer = async {
            let client = node.client().await?;
            client.request::<_, Box<RawValue>>(question.method, question.params.clone()).await
        };
        let result = match timeout(limit, answer).await {
            Ok(result) => result,
            Err(_) => return Err(question.timed_out(limit)),
        };
        if matches!(result, Ok(_) | Err(RpcError::ErrorResp(_) | RpcError::NullResp)) {
            *self.answered_at.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Instant::now();
        }
        match result {
            Ok(answer) => Ok(answer),
            Err(RpcError::NullResp) => Ok(RawValue::NULL.to_owned()),
            Err(error) => Err(question.trouble(error)),
        }
    }

    fn node(&self) -> (usize, &Node) {
        let index = self.preferred.load(Ordering::Relaxed) % self.nodes.len();
        (index, &self.nodes[index])
    }

    fn try_another(&self, failed: usize) {
        let next = (failed + 1) % self.nodes.len();
        // Another question may have moved on already; then its choice stands.
        let _ = self.preferred.compare_exchange(failed, next, Ordering::Relaxed, Ordering::Relaxed);
    }

    fn check_patience(&self, node: &Node, reason: &str) -> Result<(), SourceError> {
        let Some(patience) = self.options.patience else { return Ok(()) };
        let answered_at = *self.answered_at.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if answered_at.elapsed() < patience {
            return Ok(());
        }
        let (url, reason) = (node.name.clone(), reason.to_owned());
        Err(SourceError::Unreachable { url, reason, seconds: patience.as_secs() })
    }

    /// Headers by number or tag, in batches. A node that refuses a batch is asked for smaller ones, in the end one by
    /// one, and from then on as it likes.
    async fn header_tags(&self, tags: Vec<Value>) -> Result<Vec<Option<Header>>, SourceError> {
        let mut headers = Vec::with_capacity(tags.len());
        while headers.len() < tags.len() {
            let rest = &tags[headers.len()..];
            let size = self.batch_max.load(Ordering::Relaxed).min(rest.len());
            let refused = size > 1
                && match self.try_batch(&rest[..size]).await {
                    Ok(found) => {
                        headers.extend(found);
                        continue;
                    }
                    Err(refused) => refused,
                };
            if refused {
                self.batch_max.store(size / 2, Ordering::Relaxed);
            }
            // This waits until the node is back, or says that it is gone.
            let question = Question::new("eth_getBlockByNumber", json!([rest[0], false]));
            headers.push(self.ask::<Option<LightHeader>>(&question).await?.map(Header::from));
        }
        Ok(headers)
    }

    /// One batch; on failure, whether the node refused it, and did not just fail to answer.
    async fn try_batch(&self, tags: &[Value]) -> Result<Vec<Option<Header>>, bool> {
        let (_, node) = self.node();
        let refuses = |error: TransportError| match error {
            RpcError::Transport(TransportErrorKind::HttpError(error)) => {
                (400..500).contains(&error.status) && error.status != 429
            }
            RpcError::Transport(TransportErrorKind::MissingBatchResponse(_)) => true,
            RpcError::Transport(_) => false,
            _ => true,
        };
        let client = node.client().await.map_err(refuses)?;
        let mut batch = client.new_batch();
        let ask = |tag| batch.add_call::<_, Option<LightHeader>>("eth_getBlockByNumber", &(tag, false));
        let waiters: Vec<_> = tags.iter().map(ask).collect::<Result<_, _>>().map_err(refuses)?;
        let answers = async {
            batch.send().await?;
            futures::future::try_join_all(waiters).await
        };
        let answered = timeout(self.options.request_timeout, answers).await.map_err(|_| true);
        let headers = answered.and_then(|answer| answer.map_err(refuses));
        node.count(match &headers {
            Ok(_) => "answered",
            Err(true) => "refused",
            Err(false) => "unreachable",
        });
        let headers = headers?;
        *self.answered_at.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Instant::now();
        Ok(headers.into_iter().map(|header| header.map(Header::from)).collect())
    }

    /// The next head that a websocket node tells of; never where there is none.
    async fn next_head(&self) {
        let (_, node) = self.node();
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
}

impl LogSource for RpcSource {
    async fn chain_id(&self) -> Result<u64, SourceError> {
        let id: String = self.ask(&Question::new("eth_chainId", json!([]))).await?;
        u64::from_str_radix(id.trim_start_matches("0x"), 16).map_err(|_| SourceError::BadAnswer {
            url: self.node().1.name.clone(),
            method: "eth_chainId",
            what: format!("{id:?} is no number"),
        })
    }

    async fn heads(&self) -> Result<Heads, SourceError> {
        let tags = ["latest", "safe", "finalized"].map(|tag| json!(tag)).to_vec();
        let mut headers = match self.try_batch(&tags).await {
            Ok(headers) => headers.into_iter(),
            // A node that knows no "safe" refuses the whole batch: the newest block alone then.
            Err(_) => self.header_tags(vec![json!("latest")]).await?.into_iter(),
        };
        let latest = headers.next().flatten().ok_or_else(|| SourceError::BadAnswer {
            url: self.node().1.name.clone(),
            method: "eth_getBlockByNumber",
            what: "it knows no newest block".to_owned(),
        })?;
        let mut number = || headers.next().flatten().map(|header| header.number);
        Ok(Heads { latest, safe: number(), finalized: number() })
    }

    async fn headers(&self, numbers: &[BlockNumber]) -> Result<Vec<Option<Header>>, SourceError> {
        let tags = |numbers: &[BlockNumber]| numbers.iter().map(|number| json!(quantity(*number))).collect();
        let batches = numbers.chunks(self.options.batch_max).map(|batch| self.header_tags(tags(batch)));
        let batches: Vec<_> = batches.collect();
        let headers: Vec<Vec<Option<Header>>> =
            futures::stream::iter(batches).buffered(BATCHES_IN_FLIGHT).try_collect().await?;
        let headers: Vec<Option<Header>> = headers.into_iter().flatten().collect();
        for (number, header) in numbers.iter().zip(&headers) {
            if header.as_ref().is_some_and(|header| header.number != *number) {
                return Err(SourceError::BadAnswer {
                    url: self.node().1.name.clone(),
                    method: "eth_getBlockByNumber",
                    what: format!("asked for block {number}, another came"),
                });
            }
        }
        Ok(headers)
    }

    async fn logs(&self, query: &LogQuery) -> Result<Vec<RawLog>, SourceError> {
        let question = Question {
            method: "eth_getLogs",
            params: json!([filter(query)]),
            blocks: Some((query.blocks.first.0, query.blocks.width())),
        };
        self.ask(&question).await
    }

    async fn call(
        &self,
        to: Address,
        input: Bytes,
        at: Option<BlockNumber>,
    ) -> Result<Option<Bytes>, SourceError> {
        let block = at.map_or(json!("latest"), |number| json!(quantity(number)));
        let question = Question::new("eth_call", json!([{ "to": to, "data": input }, block]));
        match self.ask::<Bytes>(&question).await {
            Ok(output) if output.is_empty() => Ok(None),
            Ok(output) => Ok(Some(output)),
            Err(SourceError::Refused { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn has_code(&self, address: Address) -> Result<bool, SourceError> {
        const DELEGATION: [u8; 3] = [0xef, 0x01, 0x00];
        let code: Bytes = self.ask(&Question::new("eth_getCode", json!([address, "latest"]))).await?;
        Ok(!code.is_empty() && !code.starts_with(&DELEGATION))
    }

    async fn wait_for_block(&self) {
        let _ = timeout(self.options.poll_interval, self.next_head()).await;
    }
}

impl Node {
    /// Counts a question by what came of it. The name has no path, which may hold a provider's key.
    fn count(&self, outcome: &'static str) {
        metrics::counter!("accrual_rpc_requests_total", "host" => self.name.clone(), "outcome" => outcome)
            .increment(1);
    }

    async fn client(&self) -> Result<&RpcClient, TransportError> {
        self.client.get_or_try_init(|| ClientBuilder::default().connect(&self.url)).await
    }

    async fn subscribe(&self) -> Option<Subscription<alloy::rpc::types::Header>> {
        let client = self.client().await.ok()?.clone();
        let provider = ProviderBuilder::new().disable_recommended_fillers().connect_client(client);
        match provider.subscribe_blocks().await {
            Ok(subscription) => Some(subscription),
            Err(error) => {
                tracing::debug!(node = self.name, %error, "no subscription: polling");
                None
            }
        }
    }
}

fn parse<T: DeserializeOwned>(
    node: &Node,
    method: &'static str,
    answer: &RawValue,
) -> Result<T, SourceError> {
    serde_json::from_str(answer.get()).map_err(|error| SourceError::BadAnswer {
        url: node.name.clone(),
        method,
        what: error.to_string(),
    })
}

fn name(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let host = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    let host = host.rsplit('@').next().unwrap_or(host);
    format!("{scheme}://{host}")
}
