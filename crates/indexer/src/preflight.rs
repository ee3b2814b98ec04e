//! What must hold before a block is read: the right chain, and pools where the configuration says they are.

use accrual_rewards::tracker::Pool;
use alloy::primitives::{Address, B256, Bytes};
use alloy::sol;
use alloy::sol_types::SolCall;

use crate::error::IndexError;
use crate::source::LogSource;

sol! {
    function token0() external view returns (address);
    function token1() external view returns (address);
    function tickSpacing() external view returns (int24);
}

/// The nodes must be on the chain that the configuration means.
///
/// # Errors
/// They are on another one, or do not answer.
pub async fn check_chain(source: &impl LogSource, expected: u64) -> Result<(), IndexError> {
    let found = source.chain_id().await?;
    if found == expected { Ok(()) } else { Err(IndexError::WrongChain { expected, found }) }
}

/// The tokens of a pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pair {
    /// The token that the price is told of.
    pub token0: Address,
    /// The token that the price is told in.
    pub token1: Address,
}

/// Every address must answer as a concentrated pool does; the answer is each pool's tokens.
///
/// # Errors
/// One does not, or no node answers.
pub async fn check_pools(source: &impl LogSource, pools: &[Pool]) -> Result<Vec<Pair>, IndexError> {
    let mut pairs = Vec::with_capacity(pools.len());
    for pool in pools {
        let token0 = word(source, pool, "token0()", token0Call {}.abi_encode()).await?;
        let token1 = word(source, pool, "token1()", token1Call {}.abi_encode()).await?;
        word(source, pool, "tickSpacing()", tickSpacingCall {}.abi_encode()).await?;
        pairs.push(Pair { token0: Address::from_word(token0), token1: Address::from_word(token1) });
    }
    Ok(pairs)
}

/// The one word that a view of the pool answers.
async fn word(
    source: &impl LogSource,
    pool: &Pool,
    name: &'static str,
    input: Vec<u8>,
) -> Result<B256, IndexError> {
    let output = source.call(pool.address, Bytes::from(input)).await?;
    output.and_then(|output| B256::try_from(output.as_ref()).ok()).ok_or_else(|| IndexError::NotAPool {
        pool: pool.id.clone(),
        address: pool.address,
        venue: pool.venue.to_string(),
        what: format!("it does not answer {name}"),
    })
}
