//! From logs to events, without IO and without state.

pub mod join;
pub mod uniswap_v3;

use alloy::primitives::Address;

use crate::source::RawLog;

/// A log that carries a signature we know and does not parse, or does not fit its neighbours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "log {log_index} of block {block_number}, by {address}, is no {event}: {what}; nothing of its range was stored, ask another node"
)]
pub struct DecodeError {
    /// Its block.
    pub block_number: u64,
    /// Its place in the block.
    pub log_index: u64,
    /// Who emitted it.
    pub address: Address,
    /// What it should have been.
    pub event: &'static str,
    /// What is wrong with it.
    pub what: String,
}

impl DecodeError {
    pub(crate) fn new(log: &RawLog, event: &'static str, what: impl Into<String>) -> Self {
        Self {
            block_number: log.block_number,
            log_index: log.log_index,
            address: log.address,
            event,
            what: what.into(),
        }
    }
}
