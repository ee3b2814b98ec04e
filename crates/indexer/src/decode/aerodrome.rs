//! Decodes the logs of Aerodrome's pools of two reserves, volatile and stable (`facts/protocols.md` 3.2).
//!
//! The signatures look like Uniswap v2's and are none of them: `Sync` has 256 bits, `Swap` and `Burn` order their
//! fields otherwise. The shares are the pool's own token.

use accrual_rewards::event::PoolEvent;
use accrual_rewards::unit::Amount;
use alloy::primitives::B256;
use alloy::sol_types::SolEvent;

use crate::decode::{Told, parse, shares_moved, token};
use crate::source::RawLog;

/// The events of a pool (aerodrome `IPool`).
#[allow(missing_docs, reason = "generated from the ABI")]
pub mod pool {
    alloy::sol! {
        event Mint(address indexed sender, uint256 amount0, uint256 amount1);
        event Burn(address indexed sender, address indexed to, uint256 amount0, uint256 amount1);
        event Swap(address indexed sender, address indexed to, uint256 amount0In, uint256 amount1In, uint256 amount0Out, uint256 amount1Out);
        event Sync(uint256 reserve0, uint256 reserve1);
        event Fees(address indexed sender, uint256 amount0, uint256 amount1);
    }
}

/// The signatures that [`pool_event`] reads.
pub const TOPICS: [B256; 6] = [
    token::Transfer::SIGNATURE_HASH,
    pool::Mint::SIGNATURE_HASH,
    pool::Burn::SIGNATURE_HASH,
    pool::Swap::SIGNATURE_HASH,
    pool::Sync::SIGNATURE_HASH,
    pool::Fees::SIGNATURE_HASH,
];

/// Reads a pool's log; `None` for one that moves neither shares nor reserves.
///
/// # Errors
/// A known topic with content that does not parse.
pub fn pool_event(log: &RawLog) -> Told {
    let Some(topic0) = log.topics.first().copied() else { return Ok(None) };
    Ok(Some(match topic0 {
        token::Transfer::SIGNATURE_HASH => return shares_moved(log),
        pool::Sync::SIGNATURE_HASH => {
            let event = parse::<pool::Sync>(log, "Sync")?;
            PoolEvent::ReservesStated { reserve0: Amount(event.reserve0), reserve1: Amount(event.reserve1) }
        }
        pool::Swap::SIGNATURE_HASH => {
            let event = parse::<pool::Swap>(log, "Swap")?;
            PoolEvent::PairSwapped {
                in0: Amount(event.amount0In),
                in1: Amount(event.amount1In),
                out0: Amount(event.amount0Out),
                out1: Amount(event.amount1Out),
            }
        }
        pool::Fees::SIGNATURE_HASH => {
            let event = parse::<pool::Fees>(log, "Fees")?;
            PoolEvent::FeesTaken { amount0: Amount(event.amount0), amount1: Amount(event.amount1) }
        }
        pool::Mint::SIGNATURE_HASH => {
            let event = parse::<pool::Mint>(log, "Mint")?;
            PoolEvent::ReservesAdded { amount0: Amount(event.amount0), amount1: Amount(event.amount1) }
        }
        pool::Burn::SIGNATURE_HASH => {
            let event = parse::<pool::Burn>(log, "Burn")?;
            PoolEvent::ReservesTaken { amount0: Amount(event.amount0), amount1: Amount(event.amount1) }
        }
        _ => return Ok(None),
    }))
}
