//! From logs to events, without IO and without state.
//!
//! One file a venue says what its logs mean: [`uniswap_v3`], [`slipstream`], [`aerodrome`], [`balancer`]; [`wrapper`]
//! and [`feed`] what is told beside them, [`merkl`] which campaigns there are, [`distributor`] what Merkl paid. [`route`] knows who reads which address, [`interest`] which logs to ask for,
//! and [`join`] brings the logs of pools and of their position managers together.
//!
//! Everywhere the same rule holds: a log that carries a known topic but does not parse is an error, never skipped,
//! since a silent gap would pay the wrong people; unknown topics are left out. Signatures that ERC-20 and ERC-721
//! share are told apart by the count of topics.

pub mod aerodrome;
pub mod balancer;
pub mod distributor;
pub mod feed;
pub mod interest;
pub mod join;
pub mod merkl;
pub mod route;
pub mod slipstream;
pub mod uniswap_v3;
pub mod wrapper;

use accrual_rewards::event::PoolEvent;
use accrual_rewards::unit::Amount;
use alloy::primitives::Address;
use alloy::sol_types::{SolEvent, SolType};

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

/// What a log says, as the event that everybody reads; `None` for one that says nothing of interest.
pub(crate) type Told = Result<Option<PoolEvent>, DecodeError>;

/// Events of tokens, which several venues share.
#[allow(missing_docs, reason = "generated from the ABI")]
pub mod token {
    alloy::sol! {
        event Transfer(address indexed from, address indexed to, uint256 value);
    }
}

/// A move of a pool's share token; `None` for another log, an NFT's transfer too.
pub(crate) fn shares_moved(log: &RawLog) -> Told {
    Ok(transfer(log)?.map(|Transfer { from, to, shares }| PoolEvent::SharesMoved { from, to, shares }))
}

/// A transfer of a fungible token.
pub(crate) struct Transfer {
    pub(crate) from: Address,
    pub(crate) to: Address,
    pub(crate) shares: Amount,
}

/// An NFT's transfer has one topic more, under the same signature.
pub(crate) fn transfer(log: &RawLog) -> Result<Option<Transfer>, DecodeError> {
    if log.topics.first() != Some(&token::Transfer::SIGNATURE_HASH) || log.topics.len() == 4 {
        return Ok(None);
    }
    let event = parse::<token::Transfer>(log, "Transfer")?;
    Ok(Some(Transfer { from: event.from, to: event.to, shares: Amount(event.value) }))
}

/// Reads a log by its ABI. What is left over, or encoded in another way than contracts do, is refused too.
pub(crate) fn parse<E: SolEvent>(log: &RawLog, name: &'static str) -> Result<E, DecodeError> {
    let event = E::decode_raw_log_validate(log.topics.iter().copied(), &log.data)
        .map_err(|error| DecodeError::new(log, name, error.to_string()))?;
    let is_canonical = match <E::DataTuple<'_> as SolType>::ENCODED_SIZE {
        // Each word was checked: where there are no others, they are what the fields encode to.
        Some(bytes) => log.data.len() == bytes,
        None => event.encode_data() == log.data[..],
    };
    if is_canonical {
        return Ok(event);
    }
    Err(DecodeError::new(log, name, "its data is not what its fields encode to"))
}
