//! Where a sync ends, and which blocks cannot leave the chain.

use accrual_rewards::unit::{BlockNumber, UnixSeconds};
use accrual_store::Header;

use super::Follower;
use crate::error::IndexError;
use crate::source::Heads;

/// Which blocks cannot leave the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finality {
    /// As the node's `finalized` tag says.
    Finalized,
    /// As the node's `safe` tag says.
    Safe,
    /// So many blocks below the newest.
    Confirmations(u64),
}

impl Finality {
    /// The newest block that cannot leave the chain; block 0 when the node does not say.
    pub(super) fn block(
        self,
        latest: BlockNumber,
        safe: Option<BlockNumber>,
        finalized: Option<BlockNumber>,
    ) -> BlockNumber {
        let number = match self {
            Self::Finalized => finalized,
            Self::Safe => safe,
            Self::Confirmations(depth) => Some(BlockNumber(latest.0.saturating_sub(depth))),
        };
        number.unwrap_or_default().min(latest)
    }
}

/// Where to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// The newest block.
    Head,
    /// The newest block that cannot leave the chain.
    Finalized,
    /// This block.
    Block(BlockNumber),
    /// The last block at or before this instant.
    Time(UnixSeconds),
}

impl Follower {
    pub(super) fn final_block(&self, heads: &Heads) -> BlockNumber {
        self.options.finality.block(heads.latest.number, heads.safe, heads.finalized)
    }

    pub(super) async fn resolve(&self, target: Target, heads: &Heads) -> Result<BlockNumber, IndexError> {
        let head = heads.latest.number;
        match target {
            Target::Head => Ok(head),
            Target::Finalized => Ok(self.final_block(heads)),
            Target::Block(number) if number <= head => Ok(number),
            Target::Block(number) => Err(IndexError::MissingBlock { number }),
            Target::Time(at) => self.last_block_at_or_before(at, &heads.latest).await,
        }
    }

    async fn last_block_at_or_before(
        &self,
        at: UnixSeconds,
        head: &Header,
    ) -> Result<BlockNumber, IndexError> {
        if head.at <= at {
            return Ok(head.number);
        }
        let first = self.state.first_block();
        if self.header(first).await?.at > at {
            return Ok(first.previous());
        }
        let (mut low, mut high) = (first, head.number);
        while low.next() < high {
            let middle = BlockNumber(low.0 + (high.0 - low.0) / 2);
            if self.header(middle).await?.at <= at { low = middle } else { high = middle }
        }
        Ok(low)
    }

    async fn header(&self, number: BlockNumber) -> Result<Header, IndexError> {
        let mut headers = self.source.headers(&[number]).await?;
        headers.pop().flatten().ok_or(IndexError::MissingBlock { number })
    }
}
