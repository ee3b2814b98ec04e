//! Decodes the logs of Aerodrome's concentrated pools, Slipstream (`facts/protocols.md` 2.2).
//!
//! Pool and position manager speak as Uniswap v3's do, signature by signature. Two things differ:
//!
//! - `CollectFees`, by which voters take their part out of the pool, is left out on purpose. No log says how that part
//!   came together, so nobody could hold it against a count as Uniswap's `CollectProtocol` is held; and it moves neither
//!   liquidity nor price.
//! - Staking moves a position inside the pool without a `Mint` or `Burn`, so pokes and collects of what is staked name
//!   the gauge as owner ([`crate::decode::join`]).

use crate::decode::DecodeError;
use crate::decode::uniswap_v3::{self, PoolLog};
use crate::source::RawLog;

/// Reads a pool's log; `None` for one that changes neither liquidity nor price.
///
/// # Errors
/// A known topic with content that does not parse.
pub fn pool_log(log: &RawLog) -> Result<Option<PoolLog>, DecodeError> {
    uniswap_v3::pool_log(log)
}
