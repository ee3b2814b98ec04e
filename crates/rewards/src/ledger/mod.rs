//! What a pool's events add up to: price, liquidity and positions.
//!
//! A ledger checks itself at every event against what the event states, and stops with a sentence when a log must
//! be missing: a hole in the events never becomes a wrong payment.

pub mod concentrated;

use alloy_primitives::Address;

use crate::event::PlacedEvent;
use crate::id::{Holding, PoolId};
use crate::unit::{BlockNumber, Liquidity, SqrtPriceX96, Tick, TickRange};

/// The number of a position within its pool's ledger, in order of first appearance; never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct PositionIndex(pub u32);

impl PositionIndex {
    /// The same as an index into a list.
    pub fn as_usize(self) -> usize {
        usize::try_from(self.0).expect("accrual runs where a usize has 32 bits or more")
    }
}

/// What an event changed, as far as rewards care.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Nothing that earns.
    None,
    /// The price moved, or came to be.
    Price {
        /// The tick before it; `None` at the first price.
        from: Option<Tick>,
        /// The tick now.
        to: Tick,
        /// The price now.
        sqrt_price_x96: SqrtPriceX96,
    },
    /// A position's liquidity or holder changed.
    Stake {
        /// The position.
        position: PositionIndex,
        /// Its range.
        range: TickRange,
        /// Its liquidity now.
        liquidity: Liquidity,
        /// Its holder now; the zero address while unknown or burnt.
        holder: Address,
    },
}

/// Where in a pool's events something is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The pool.
    pub pool: PoolId,
    /// The block.
    pub block: BlockNumber,
    /// The log in it.
    pub log_index: u32,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "pool {} at block {}, log {}", self.pool, self.block, self.log_index)
    }
}

impl Place {
    /// The place of `event` in `pool`.
    pub fn of(pool: &PoolId, event: &PlacedEvent) -> Self {
        Self { pool: pool.clone(), block: event.block_number, log_index: event.log_index }
    }
}

/// The events contradict each other: one is missing, doubled or not this pool's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{place}: {fault}; an earlier log must be missing or wrong, nothing was counted: read the pool again from its created_block, with another node if it happens again"
)]
pub struct LedgerError {
    /// Where.
    pub place: Place,
    /// What; boxed, so that an answer that is no error stays small.
    pub fault: Box<Fault>,
}

/// What contradicts what.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "each variant's sentence names its fields")]
pub enum Fault {
    #[error("the events run backwards: they follow block {block}, log {log_index}, time {at}")]
    OutOfOrder { block: BlockNumber, log_index: u32, at: crate::unit::UnixSeconds },
    #[error("the pool gets a first price for the second time")]
    InitializedTwice,
    #[error("the pool has no price yet")]
    NotInitialized,
    #[error("the price {sqrt_price_x96} does not belong to tick {tick}")]
    PriceOffTick { sqrt_price_x96: SqrtPriceX96, tick: Tick },
    #[error("the range {range} does not exist")]
    NoSuchRange { range: TickRange },
    #[error("{holding:?} had the range {held} and now {stated}")]
    RangeMoved { holding: Holding, held: TickRange, stated: TickRange },
    #[error("{holding:?} is not known")]
    UnknownPosition { holding: Holding },
    #[error("{holding:?} gives up {asked} of liquidity but holds {held}")]
    BurnExceedsLiquidity { holding: Holding, asked: Liquidity, held: Liquidity },
    #[error("liquidity passes 128 bits")]
    LiquidityOverflow,
    #[error("the event states {stated} of liquidity in range, our count is {counted}")]
    LiquidityMismatch { stated: Liquidity, counted: Liquidity },
    #[error("{liquidity} of liquidity in {range} stands for ({counted}), the event states ({stated})")]
    AmountsMismatch { liquidity: Liquidity, range: TickRange, counted: String, stated: String },
    #[error("{holding:?} is handed over by {stated}, but {held} holds it")]
    HolderMismatch { holding: Holding, held: Address, stated: Address },
}
