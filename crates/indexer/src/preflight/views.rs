//! Views of contracts, asked on behalf of one pool.

use accrual_rewards::pool::Pool;
use accrual_rewards::unit::BlockNumber;
use alloy::primitives::{Address, Bytes};
use alloy::sol_types::SolCall;

use crate::error::IndexError;
use crate::source::LogSource;

/// Asks a node about one pool.
pub(super) struct Views<'a> {
    pub(super) source: &'a dyn LogSource,
    pub(super) pool: &'a Pool,
}

impl Views<'_> {
    /// What a view of `to` answers now; `None` where there is no such view, or its answer is of another form.
    pub(super) async fn ask<C: SolCall>(
        &self,
        to: Address,
        call: C,
    ) -> Result<Option<C::Return>, IndexError> {
        self.ask_at(to, call, None).await
    }

    /// The same at the end of a block.
    pub(super) async fn ask_at<C: SolCall>(
        &self,
        to: Address,
        call: C,
        at: Option<BlockNumber>,
    ) -> Result<Option<C::Return>, IndexError> {
        let output = self.source.call(to, Bytes::from(call.abi_encode()), at).await?;
        Ok(output.and_then(|output| C::abi_decode_returns_validate(&output).ok()))
    }

    /// What a view of the pool answers, without which it is none.
    pub(super) async fn need<C: SolCall>(&self, call: C) -> Result<C::Return, IndexError> {
        let answer = self.ask(self.pool.address, call).await?;
        answer.ok_or_else(|| self.refused(format!("it does not answer {}", C::SIGNATURE)))
    }

    /// How many words a view of the pool answers; `None` where it does not.
    pub(super) async fn words<C: SolCall>(&self, call: C) -> Result<Option<usize>, IndexError> {
        let output = self.source.call(self.pool.address, Bytes::from(call.abi_encode()), None).await?;
        Ok(output.map(|output| output.len() / 32))
    }

    /// The pool is not what the configuration says.
    pub(super) fn refused(&self, what: impl Into<String>) -> IndexError {
        let Pool { id, address, venue, .. } = self.pool;
        let (pool, venue) = (id.clone(), venue.to_string());
        IndexError::NotAPool { pool, address: *address, venue, what: what.into() }
    }
}
