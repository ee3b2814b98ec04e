//! Decodes the answers of price feeds (Chainlink's `AggregatorInterface`).
//!
//! The log is emitted by the aggregator behind a feed, never by the feed's proxy, so who reads it must know whose
//! aggregator that is.

use accrual_rewards::event::PoolEvent;
use accrual_rewards::unit::{SignedAmount, UnixSeconds};
use alloy::primitives::Address;
use alloy::sol_types::SolEvent;

use crate::decode::{DecodeError, Told, parse};
use crate::source::RawLog;

/// The events of an aggregator.
#[allow(missing_docs, reason = "generated from the ABI")]
pub mod aggregator {
    alloy::sol! {
        event AnswerUpdated(int256 indexed current, uint256 indexed roundId, uint256 updatedAt);
    }
}

/// Reads an aggregator's log as an answer of `feed`; `None` for another one.
///
/// # Errors
/// A known topic with content that does not parse, or with a time that is none.
pub fn feed_event(feed: Address, log: &RawLog) -> Told {
    if log.topics.first() != Some(&aggregator::AnswerUpdated::SIGNATURE_HASH) {
        return Ok(None);
    }
    let event = parse::<aggregator::AnswerUpdated>(log, "AnswerUpdated")?;
    let updated_at = u64::try_from(event.updatedAt)
        .map_err(|_| DecodeError::new(log, "AnswerUpdated", "its time passes 64 bits"))?;
    let (answer, updated_at) = (SignedAmount(event.current), UnixSeconds(updated_at));
    Ok(Some(PoolEvent::PriceAnswered { feed, answer, updated_at }))
}
