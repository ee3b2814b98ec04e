//! What happened in a pool: the only vocabulary that crosses from the indexer to the ledger.

use alloy_primitives::Address;
use serde::{Deserialize, Serialize};

use crate::id::Holding;
use crate::unit::{Amount, BlockNumber, Liquidity, SignedAmount, SqrtPriceX96, Tick, TickRange, UnixSeconds};

/// One thing that happened in one pool, as stored and folded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum PoolEvent {
    /// The pool got its first price.
    Initialized {
        /// The price.
        sqrt_price_x96: SqrtPriceX96,
        /// Its tick.
        tick: Tick,
    },
    /// Liquidity was added to a position.
    LiquidityAdded {
        /// The position.
        holding: Holding,
        /// Its range.
        range: TickRange,
        /// How much.
        liquidity: Liquidity,
        /// token0 paid in, rounded up by the pool.
        amount0: Amount,
        /// token1 paid in, rounded up by the pool.
        amount1: Amount,
    },
    /// Liquidity was taken out of a position.
    LiquidityRemoved {
        /// The position.
        holding: Holding,
        /// Its range.
        range: TickRange,
        /// How much; zero is a poke that only settles fees.
        liquidity: Liquidity,
        /// token0 owed for it, rounded down by the pool.
        amount0: Amount,
        /// token1 owed for it, rounded down by the pool.
        amount1: Amount,
    },
    /// A swap moved the price.
    Swapped {
        /// token0 into (positive) or out of the pool.
        amount0: SignedAmount,
        /// token1 into (positive) or out of the pool.
        amount1: SignedAmount,
        /// The price after it.
        sqrt_price_x96: SqrtPriceX96,
        /// The liquidity in range after it.
        liquidity: Liquidity,
        /// The tick after it.
        tick: Tick,
    },
    /// A position's NFT changed hands; from zero when it is minted, to zero when it is burnt.
    HolderChanged {
        /// The position.
        holding: Holding,
        /// Who held it.
        from: Address,
        /// Who holds it now.
        to: Address,
    },
    /// Owed tokens were paid out of a position; liquidity does not change.
    Collected {
        /// The position.
        holding: Holding,
        /// token0 paid out.
        amount0: Amount,
        /// token1 paid out.
        amount1: Amount,
    },
    /// Tokens were lent within one transaction; what came back above the loan is a fee.
    Flashed {
        /// token0 paid above the loan.
        paid0: Amount,
        /// token1 paid above the loan.
        paid1: Amount,
    },
    /// The protocol's part of the fees was changed.
    ProtocolFeeChanged {
        /// Denominator for token0, 0 for none.
        denominator0: u8,
        /// Denominator for token1, 0 for none.
        denominator1: u8,
    },
}

/// A [`PoolEvent`] with its place on the chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlacedEvent {
    /// The block.
    pub block_number: BlockNumber,
    /// The block's time.
    pub block_at: UnixSeconds,
    /// The log's index in the block; the order of events within it.
    pub log_index: u32,
    /// What happened.
    pub event: PoolEvent,
}
