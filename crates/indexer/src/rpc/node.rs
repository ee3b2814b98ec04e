//! One node: where it is, what is known of it, and what it takes.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use accrual_rewards::unit::{BlockNumber, UnixSeconds};
use accrual_store::Header;
use accrual_store::nodes::NodeRow;
use alloy::providers::{Provider, ProviderBuilder};
use alloy::pubsub::Subscription;
use alloy::rpc::client::{ClientBuilder, RpcClient};
use alloy::transports::TransportError;
use tokio::sync::OnceCell;
use tokio::time::{Instant, sleep_until};

use super::direct::Direct;
use super::health::{Health, Standing};
use super::pace::Pace;
use super::random;

/// A node and its record.
pub(super) struct Node {
    pub(super) url: String,
    /// The URL without credentials, query or path, which may hold a provider's key.
    pub(super) name: String,
    client: OnceCell<RpcClient>,
    /// Where it is asked by HTTP: the short way for long answers.
    pub(super) direct: Option<Direct>,
    permille: fn() -> u32,
    record: Mutex<Record>,
}

/// What this process has seen of a node.
#[derive(Debug, Default)]
pub(super) struct Record {
    pub(super) health: Health,
    pub(super) pace: Pace,
    /// Blocks in one `eth_getLogs`, where the node named a limit.
    pub(super) range_blocks_max: Option<u64>,
    /// Questions in one batch, where it refused more.
    pub(super) batch_max: Option<usize>,
    /// Batches of that size that it took in a row.
    batches_taken: u32,
}

/// So many batches of the learnt size later twice as many are tried again: it may only have been slow.
const BATCHES_BEFORE_GROWTH: u32 = 256;

impl Node {
    fn new(url: &str, name: String) -> Self {
        let (client, direct, permille) = (OnceCell::new(), Direct::new(url), random::permille);
        Self { url: url.to_owned(), name, client, direct, permille, record: Mutex::default() }
    }

    pub(super) fn connected(name: String, client: RpcClient, permille: fn() -> u32) -> Self {
        let client = OnceCell::new_with(Some(client));
        Self { url: name.clone(), name, client, direct: None, permille, record: Mutex::default() }
    }

    /// Nodes by their URLs; of two at one host the second is told apart by a number.
    pub(super) fn list(urls: &[String]) -> Vec<Self> {
        let mut nodes: Vec<Self> = Vec::with_capacity(urls.len());
        for url in urls {
            let name = name(url);
            let alike = nodes.iter().filter(|node| node.name.split('#').next() == Some(&name)).count();
            let name = if alike == 0 { name } else { format!("{name}#{}", alike + 1) };
            nodes.push(Self::new(url, name));
        }
        nodes
    }

    pub(super) fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a question by what came of it.
    pub(super) fn count(&self, outcome: &'static str) {
        metrics::counter!("accrual_rpc_requests_total", "host" => self.name.clone(), "outcome" => outcome)
            .increment(1);
    }

    /// Waits until the node's pace lets a question go out.
    pub(super) async fn keep_pace(&self) {
        let at = self.record().pace.book(Instant::now());
        sleep_until(at).await;
    }

    pub(super) async fn client(&self) -> Result<&RpcClient, TransportError> {
        self.client.get_or_try_init(|| ClientBuilder::default().connect(&self.url)).await
    }

    pub(super) async fn subscribe(&self) -> Option<Subscription<alloy::rpc::types::Header>> {
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

    /// Notes that it did not answer, or not with what it should.
    pub(super) fn failed(&self, trouble: &str) {
        let (was, is) = {
            let health = &mut self.record().health;
            let was = health.is_unreachable();
            health.failed(Instant::now(), trouble, (self.permille)());
            (was, health.is_unreachable())
        };
        if is && !was {
            tracing::warn!(node = self.name, trouble, "the node does not answer");
        } else {
            tracing::debug!(node = self.name, trouble, "no answer");
        }
    }

    /// Notes that it was asked too often; it says how long it wants to be left alone, or does not.
    pub(super) fn refused(&self, wait: Option<Duration>) {
        let (now, mut record) = (Instant::now(), self.record());
        record.health.refused(now, wait, (self.permille)());
        record.pace.refused(now);
    }

    /// Notes that it refused a batch of so many questions.
    pub(super) fn batch_refused(&self, size: usize) {
        let mut record = self.record();
        record.batch_max = Some((size / 2).max(1));
        record.batches_taken = 0;
    }

    /// Notes that it took a batch of so many questions, where `most` are ever put to it.
    pub(super) fn batch_answered(&self, size: usize, most: usize) {
        let mut record = self.record();
        let Some(learnt) = record.batch_max.filter(|learnt| *learnt <= size) else { return };
        record.batches_taken += 1;
        if record.batches_taken >= BATCHES_BEFORE_GROWTH {
            record.batches_taken = 0;
            record.batch_max = Some(learnt * 2).filter(|grown| *grown < most);
        }
    }

    /// Notes a header that it has shown, when it is its newest.
    pub(super) fn shown(&self, header: Header) {
        let mut record = self.record();
        if record.health.head.is_none_or(|head| head.number <= header.number) {
            record.health.head = Some(header);
        }
    }

    /// Takes up what a roll call has found, and says it when it is new.
    pub(super) fn stands(&self, standing: Standing) {
        let was = std::mem::replace(&mut self.record().health.standing, standing.clone());
        let kind = std::mem::discriminant::<Standing>;
        match (&was, &standing) {
            (was, now) if kind(was) == kind(now) => {}
            (_, Standing::Good) => tracing::info!(node = self.name, "the node can be believed again"),
            (_, now) => tracing::warn!(node = self.name, reason = %now, "the node is left alone"),
        }
    }

    /// Notes that it has nothing of blocks up to `block` any more.
    pub(super) fn pruned(&self, block: u64, is_state: bool) {
        let known = {
            let health = &mut self.record().health;
            let from = if is_state { &mut health.state_from } else { &mut health.logs_from };
            let known = *from > 0;
            *from = (*from).max(block.saturating_add(1));
            known
        };
        if !known {
            let what = if is_state { "state" } else { "logs" };
            tracing::warn!(
                node = self.name,
                block,
                what,
                "the node is pruned: it has nothing as old as that"
            );
        }
    }

    /// Takes up the limits that were learnt before this process began.
    pub(super) fn remember(&self, row: &NodeRow) {
        let mut record = self.record();
        record.pace = Pace::remembered(row.requests_per_second_max);
        record.range_blocks_max = row.range_blocks_max;
        record.batch_max = row.batch_max.and_then(|most| usize::try_from(most).ok());
    }

    /// What is known of it, where `newest` is the newest block that any node has shown.
    pub(super) fn row(&self, newest: u64) -> NodeRow {
        let record = self.record();
        let (standing, reason) = record.health.state();
        let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        NodeRow {
            name: self.name.clone(),
            standing: standing.to_owned(),
            reason,
            head: record.health.head.map(|head| head.number),
            lag_blocks: record.health.head.map(|head| newest.saturating_sub(head.number.0)),
            latency_ms: record
                .health
                .latency()
                .map(|mean| u64::try_from(mean.as_millis()).unwrap_or(u64::MAX)),
            score: record.health.score(newest),
            requests_per_second_max: record.pace.per_second_max(),
            range_blocks_max: record.range_blocks_max,
            batch_max: record.batch_max.map(count),
            seen_at: UnixSeconds(0),
        }
    }

    /// Tells the metrics what is known of it.
    pub(super) fn tell(&self, newest: u64) {
        let row = self.row(newest);
        let gauge = |name: &'static str, value: u64| {
            metrics::gauge!(name, "host" => self.name.clone()).set(double(value));
        };
        let states = ["good", "pruned", "behind", "on_a_fork", "other_chain", "unreachable"];
        for state in states {
            let is = u32::from(row.standing == state);
            metrics::gauge!("accrual_rpc_node_state", "host" => self.name.clone(), "state" => state).set(is);
        }
        gauge("accrual_rpc_node_score", row.score);
        let known = [
            ("accrual_rpc_node_head_block_number", row.head.map(|head| head.0)),
            ("accrual_rpc_node_lag_blocks", row.lag_blocks),
            ("accrual_rpc_node_latency_ms", row.latency_ms),
            ("accrual_rpc_node_requests_per_second_max", row.requests_per_second_max),
            ("accrual_rpc_node_range_blocks_max", row.range_blocks_max),
            ("accrual_rpc_node_batch_max", row.batch_max),
        ];
        for (name, value) in known {
            if let Some(value) = value {
                gauge(name, value);
            }
        }
    }

    /// Its newest block, as far as it has shown one.
    pub(super) fn head(&self) -> Option<BlockNumber> {
        self.record().health.head.map(|head| head.number)
    }
}

/// A count as a gauge takes it: exact up to 2^53, which no block's number reaches.
#[expect(clippy::cast_precision_loss, reason = "a gauge is a double, and these are small")]
fn double(number: u64) -> f64 {
    number as f64
}

/// Scheme and host of a URL.
pub(super) fn name(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let host = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    let host = host.rsplit('@').next().unwrap_or(host);
    format!("{scheme}://{host}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_batch_is_halved_and_grows_again() {
        let node = &Node::list(&["http://a".to_owned()])[0];
        node.batch_refused(100);
        node.batch_refused(50);
        assert_eq!(node.record().batch_max, Some(25));
        for (size, times, most) in
            [(25, BATCHES_BEFORE_GROWTH, Some(50)), (25, 999, Some(50)), (50, 256, None)]
        {
            (0..times).for_each(|_| node.batch_answered(size, 100));
            assert_eq!(node.record().batch_max, most, "{times} of {size}");
        }
    }

    #[test]
    fn a_name_holds_no_secret_and_stands_for_one_url() {
        let urls =
            ["https://me:secret@node.example/v2/KEY?k=1", "https://node.example/v2/OTHER", "ws://b:1#x"];
        let names: Vec<String> =
            Node::list(&urls.map(str::to_owned)).into_iter().map(|node| node.name).collect();
        assert_eq!(names, ["https://node.example", "https://node.example#2", "ws://b:1"]);
    }
}
