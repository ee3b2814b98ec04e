//! Headers, many in one request.

use std::fmt::Debug;

use alloy::transports::TransportError;
use serde_json::Value;
use tokio::time::{Instant, timeout};

use super::RpcSource;
use super::ask::is_refused;
use super::health::Choice;
use super::plain::Item;
use super::question::{Question, Trouble, parse};
use crate::source::SourceError;

/// What can be read out of a batch.
pub(super) trait Readable: Item + Debug + Send + Sync + Unpin + 'static {}
impl<T: Item + Debug + Send + Sync + Unpin + 'static> Readable for T {}

impl RpcSource {
    /// Headers by number or tag, in batches. A node that refuses a batch is asked for smaller ones, in the end one by
    /// one, and from then on as it likes.
    pub(super) async fn header_tags<T: Readable>(
        &self,
        tags: &[Value],
    ) -> Result<Vec<Option<T>>, SourceError> {
        let mut headers = Vec::with_capacity(tags.len());
        while headers.len() < tags.len() {
            let rest = &tags[headers.len()..];
            let question = Question::header(&rest[0]);
            if let Choice::Ask(place) = self.choose(&question, &[]) {
                let size = self.batch_max(place).min(rest.len());
                if size > 1 {
                    match self.try_batch(place, &rest[..size]).await {
                        Ok(found) => {
                            headers.extend(found);
                            continue;
                        }
                        Err(true) => self.nodes[place].batch_refused(size),
                        Err(false) => {}
                    }
                }
            }
            // This waits until a node is back, or says that all are gone.
            headers.push(self.ask::<Option<T>>(&question).await?);
        }
        Ok(headers)
    }

    fn batch_max(&self, place: usize) -> usize {
        let learnt = self.nodes[place].record().batch_max.unwrap_or(usize::MAX);
        learnt.min(self.options.batch_max).max(1)
    }

    /// One batch at one node; on failure, whether the node refused it, and did not just fail to answer.
    pub(super) async fn try_batch<T: Readable>(
        &self,
        place: usize,
        tags: &[Value],
    ) -> Result<Vec<Option<T>>, bool> {
        let node = &self.nodes[place];
        node.keep_pace().await;
        let begun = Instant::now();
        let right = self.introduce(place, &Question::header(&tags[0])).await;
        if !matches!(right, Ok(true)) {
            return Err(false);
        }
        let refused = |error: TransportError| {
            let refused = is_refused(&error);
            if let Trouble::Busy { wait } = Question::header(&tags[0]).trouble(error) {
                node.refused(wait);
            }
            refused
        };
        let asked = timeout(self.options.request_timeout, self.batch(place, tags)).await;
        let headers = asked.map_err(|_| true).and_then(|answer| answer.map_err(refused));
        node.count(match &headers {
            Ok(_) => "answered",
            Err(true) => "refused",
            Err(false) => "unreachable",
        });
        let headers = headers?;
        node.record().health.answered(begun.elapsed());
        node.batch_answered(tags.len(), self.options.batch_max);
        self.note_answer();
        Ok(headers)
    }

    async fn batch<T: Readable>(
        &self,
        place: usize,
        tags: &[Value],
    ) -> Result<Vec<Option<T>>, TransportError> {
        const METHOD: &str = "eth_getBlockByNumber";
        let node = &self.nodes[place];
        if let Some(direct) = &node.direct {
            let params: Vec<_> = tags.iter().map(|tag| (tag, false)).collect();
            return direct.ask_all(METHOD, &params).await;
        }
        let mut batch = node.client().await?.new_batch();
        let ask = |tag| batch.add_call::<_, Option<T>>(METHOD, &(tag, false));
        let waiters: Vec<_> = tags.iter().map(ask).collect::<Result<_, _>>()?;
        batch.send().await?;
        futures::future::try_join_all(waiters).await
    }

    /// A header that one of several nodes did not have: another may.
    pub(super) async fn header_elsewhere<T: Readable>(&self, tag: &Value) -> Result<Option<T>, SourceError> {
        let question = Question::header(tag);
        let once = async |place: usize| {
            let answer = self.ask_once(&self.nodes[place], &question).await?;
            parse::<Option<T>>(&answer)?.ok_or(Trouble::Absent)
        };
        match self.ask_with(&question, once).await {
            Ok((_, header)) => Ok(Some(header)),
            Err(SourceError::Refused { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
