//! Logs from one node, with what shows that the node had looked into the blocks.

use accrual_rewards::unit::BlockNumber;
use accrual_store::Header;
use alloy::transports::{RpcError, TransportError};
use serde_json::json;
use serde_json::value::RawValue;
use tokio::time::timeout;

use super::RpcSource;
use super::ask::is_refused;
use super::direct::Direct;
use super::node::Node;
use super::question::{Question, Trouble, parse, parse_apart};
use super::wire::{LightHeader, quantity};
use crate::source::{Answered, LogQuery, RawLog};

/// A node whose newest block is so far above a range has all of it.
const NEAR_HEAD_BLOCKS: u64 = 64;

type Answer = Result<Box<RawValue>, TransportError>;

impl RpcSource {
    /// Logs, and near the head the header of their last block with them, from the same node and in one request: first the
    /// header, so that a node that shows it had the block before it looked for logs.
    ///
    /// Of each log, what `keep` makes of it is kept.
    pub(super) async fn logs_once<K: Send>(
        &self,
        place: usize,
        query: &LogQuery,
        keep: impl Fn(RawLog) -> Option<K> + Send + Sync,
    ) -> Result<Answered<K>, Trouble> {
        let (node, question) = (&self.nodes[place], Question::logs(query));
        let last = query.blocks.last;
        let is_far = node.head().is_some_and(|head| head.0 >= last.0.saturating_add(NEAR_HEAD_BLOCKS));
        if let (true, Some(direct)) = (is_far, &node.direct) {
            let logs = self.logs_directly(direct, &question, keep).await?;
            return Ok(Answered { logs, end: None, node: node.name.clone() });
        }
        let (end, logs) = if is_far {
            (None, self.ask_once(node, &question).await?)
        } else {
            let (end, logs) = self.end_and_logs(node, last, &question).await?;
            let message = || format!("it has no block {last} yet");
            let end =
                parse::<Option<LightHeader>>(&end)?.ok_or_else(|| Trouble::Behind { message: message() })?;
            let end = Header::from(end);
            if end.number != last {
                return Err(Trouble::Wrong { what: format!("asked for block {last}, another came") });
            }
            node.shown(end);
            (Some(end), logs)
        };
        let logs: Vec<RawLog> = parse_apart(logs).await?;
        let logs = logs.into_iter().filter_map(keep).collect();
        Ok(Answered { logs, end, node: node.name.clone() })
    }

    async fn logs_directly<K: Send>(
        &self,
        direct: &Direct,
        question: &Question,
        keep: impl Fn(RawLog) -> Option<K> + Send + Sync,
    ) -> Result<Vec<K>, Trouble> {
        let limit = self.options.request_timeout;
        let asked = direct.ask_list(question.method, &question.params, keep);
        let answer = timeout(limit, asked).await;
        let answer = answer.map_err(|_| question.timed_out(limit))?;
        if matches!(answer, Ok(_) | Err(RpcError::ErrorResp(_))) {
            self.note_answer();
        }
        match answer {
            Ok(Some(logs)) => Ok(logs),
            Ok(None) => Err(Trouble::Wrong { what: "null instead of a list of logs".to_owned() }),
            Err(RpcError::DeserError { err, .. }) if err.is_data() => {
                Err(Trouble::Wrong { what: err.to_string() })
            }
            Err(error) => Err(question.trouble(error)),
        }
    }

    async fn end_and_logs(
        &self,
        node: &Node,
        last: BlockNumber,
        question: &Question,
    ) -> Result<(Box<RawValue>, Box<RawValue>), Trouble> {
        let end = Question::header(&json!(quantity(last)));
        let takes_batches = node.record().batch_max.is_none_or(|most| most > 1);
        if takes_batches {
            let limit = self.options.request_timeout;
            match timeout(limit, pair(node, &end, question)).await {
                Err(_) => return Err(question.timed_out(limit)),
                Ok(Ok((end_answer, logs))) => {
                    return Ok((self.read(&end, end_answer)?, self.read(question, logs)?));
                }
                Ok(Err(error)) if is_refused(&error) => node.record().batch_max = Some(1),
                Ok(Err(error)) => return Err(question.trouble(error)),
            }
        }
        Ok((self.ask_once(node, &end).await?, self.ask_once(node, question).await?))
    }
}

/// Two questions in one request, each with its own answer.
async fn pair(node: &Node, first: &Question, second: &Question) -> Result<(Answer, Answer), TransportError> {
    let client = node.client().await?;
    let mut batch = client.new_batch();
    let one = batch.add_call::<_, Box<RawValue>>(first.method, &first.params)?;
    let other = batch.add_call::<_, Box<RawValue>>(second.method, &second.params)?;
    batch.send().await?;
    Ok((one.await, other.await))
}
