//! Questions for logs, and what is read of their answers.

use accrual_store::Header;
use futures::{StreamExt, TryStreamExt};

use super::steady::{is_stray, stray};
use super::{Fetcher, after};
use crate::complete::Evidence;
use crate::decode::route::ReadLog;
use crate::error::IndexError;
use crate::source::{Answered, LogQuery, RawLog, SourceError, Unread};

/// So many questions of a range are asked at the same time: of a busy manager there may be hundreds.
const QUESTIONS_AT_ONCE: usize = 4;

/// What came of questions for logs.
#[derive(Default)]
pub(super) struct Read {
    pub(super) logs: Vec<ReadLog>,
    /// The last blocks of the parts in which logs were asked for, each from the node that gave the logs.
    pub(super) ends: Vec<Header>,
}

impl Read {
    pub(super) fn extend(&mut self, other: Self) {
        if self.logs.is_empty() {
            self.logs = other.logs;
        } else {
            self.logs.extend(other.logs);
        }
        self.ends.extend(other.ends);
    }
}

impl Fetcher {
    /// What came of several questions, some of them asked at the same time.
    pub(super) async fn read_each(
        &self,
        queries: Vec<LogQuery>,
        evidence: Option<&Evidence>,
    ) -> Result<Read, IndexError> {
        let asked: Vec<_> = queries.into_iter().map(|query| self.read_logs(query, evidence)).collect();
        let mut answers = futures::stream::iter(asked).buffered(QUESTIONS_AT_ONCE);
        let mut read = Read::default();
        while let Some(answer) = answers.try_next().await? {
            read.extend(answer);
        }
        Ok(read)
    }

    /// Each log is read when it comes, and once. They are asked for in parts that the node takes.
    pub(super) async fn read_logs(
        &self,
        query: LogQuery,
        evidence: Option<&Evidence>,
    ) -> Result<Read, IndexError> {
        let mut read = Read::default();
        let mut rest = Some(query.blocks);
        while let Some(blocks) = rest {
            let part = self.planner().first_part(blocks);
            let asked = LogQuery { blocks: part, ..query.clone() };
            let answered = match evidence {
                None => self.read_part(&asked).await,
                Some(evidence) => self.complete_part(&asked, evidence).await,
            };
            match answered {
                Ok(answered) => {
                    self.planner().answered(part.width());
                    read.extend(answered);
                    rest = after(part, blocks);
                }
                Err(IndexError::Source(SourceError::TooWide { url, message, suggestion })) => {
                    tracing::debug!(%url, message, width = part.width(), "narrowing");
                    if !self.planner().refused(part.width(), suggestion) {
                        return Err(SourceError::TooWide { url, message, suggestion }.into());
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Ok(read)
    }

    /// What is read of an answer while it comes in.
    async fn read_part(&self, asked: &LogQuery) -> Result<Read, IndexError> {
        let reader = |log: RawLog| {
            if is_stray(asked, &log) {
                return Some(Err(Box::new(Unread::Stray(log))));
            }
            self.routes.take(log).map_err(|error| Box::new(Unread::Garbled(error))).transpose()
        };
        let Answered { logs, end, node } = self.source.read_logs(asked, &reader).await?;
        let logs = logs.into_iter().collect::<Result<Vec<ReadLog>, Box<Unread>>>();
        let logs = logs.map_err(|unread| match *unread {
            Unread::Stray(log) => stray(&log, &node),
            Unread::Garbled(error) => error.into(),
        })?;
        Ok(Read { logs, ends: end.into_iter().collect() })
    }

    /// What is read of an answer once it is shown to be whole.
    async fn complete_part(&self, asked: &LogQuery, evidence: &Evidence) -> Result<Read, IndexError> {
        let answered = self.source.logs_with_end(asked).await?;
        if let Some(log) = answered.logs.iter().find(|log| is_stray(asked, log)) {
            return Err(stray(log, &answered.node));
        }
        let ends = answered.end.into_iter().collect();
        let logs = evidence.complete(&*self.source, asked, answered).await?;
        Ok(Read { logs: self.routes.read_all(logs)?, ends })
    }
}
