//! Logs over any range of blocks, in parts that the node takes.

use std::sync::Mutex;

use accrual_rewards::unit::{BlockNumber, UnixSeconds};

use crate::complete::Evidence;
use crate::error::IndexError;
use crate::plan::Planner;
use crate::source::{BlockRange, LogQuery, LogSource, RawLog, SourceError, log_time};

/// Asks one source, and remembers how wide a range it takes.
pub struct Scanner<'a> {
    /// The source.
    pub source: &'a dyn LogSource,
    planner: Mutex<Planner>,
    progress: &'a (dyn Fn(BlockNumber) + Sync),
}

impl<'a> Scanner<'a> {
    /// A scanner that begins with ranges of so many blocks and tells `progress` each block that it has reached.
    pub fn new(
        source: &'a dyn LogSource,
        log_range_blocks_max: u32,
        progress: &'a (dyn Fn(BlockNumber) + Sync),
    ) -> Self {
        Self { source, planner: Mutex::new(Planner::new(log_range_blocks_max)), progress }
    }

    /// All logs that match, in chain order.
    ///
    /// # Errors
    /// No node answers, or not even for a single block.
    pub async fn logs(&self, query: LogQuery) -> Result<Vec<RawLog>, IndexError> {
        self.whole_logs(query, None).await
    }

    /// The same, shown to be all of them by what the headers of these blocks commit to.
    pub(crate) async fn whole_logs(
        &self,
        query: LogQuery,
        evidence: Option<&Evidence>,
    ) -> Result<Vec<RawLog>, IndexError> {
        let mut logs = Vec::new();
        let mut rest = Some(query.blocks);
        while let Some(blocks) = rest {
            let part = self.with_planner(|planner| planner.first_part(blocks));
            let asked = LogQuery { blocks: part, ..query.clone() };
            match self.source.logs_with_end(&asked).await {
                Ok(answered) => {
                    self.with_planner(|planner| planner.answered(part.width()));
                    (self.progress)(part.last);
                    logs.extend(match evidence {
                        None => answered.logs,
                        Some(evidence) => evidence.complete(self.source, &asked, answered).await?,
                    });
                    rest = (part.last < blocks.last)
                        .then(|| BlockRange { first: part.last.next(), last: blocks.last });
                }
                Err(SourceError::TooWide { url, message, suggestion }) => {
                    if !self.with_planner(|planner| planner.refused(part.width(), suggestion)) {
                        return Err(SourceError::TooWide { url, message, suggestion }.into());
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
        logs.sort_by_key(|log| (log.block_number, log.log_index));
        logs.dedup();
        Ok(logs)
    }

    /// The time of a log's block.
    ///
    /// # Errors
    /// No node answers, or it does not know the block.
    pub async fn time(&self, log: &RawLog) -> Result<UnixSeconds, IndexError> {
        if let Some(at) = log_time(log) {
            return Ok(at);
        }
        let number = BlockNumber(log.block_number);
        let header = self.source.headers(&[number]).await?.pop().flatten();
        header.map(|header| header.at).ok_or(IndexError::MissingBlock { number })
    }

    fn with_planner<T>(&self, act: impl FnOnce(&mut Planner) -> T) -> T {
        act(&mut self.planner.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }
}
