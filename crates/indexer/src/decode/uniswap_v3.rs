//! Decodes the logs of a Uniswap v3 pool and of its position manager.
//!
//! A log that carries a known topic but does not parse is an error, never skipped: a silent gap would pay the wrong
//! people. Logs with topics that mean nothing to liquidity or price are left out.

use accrual_rewards::unit::{Amount, Liquidity, SignedAmount, SqrtPriceX96, Tick, TickRange};
use alloy::primitives::{Address, B256, U256};
use alloy::sol;
use alloy::sol_types::SolEvent;

use crate::decode::{DecodeError, parse};
use crate::source::RawLog;

/// The events of a pool (v3-core `IUniswapV3PoolEvents`).
#[allow(missing_docs, reason = "generated from the ABI")]
pub mod pool {
    super::sol! {
        event Initialize(uint160 sqrtPriceX96, int24 tick);
        event Mint(address sender, address indexed owner, int24 indexed tickLower, int24 indexed tickUpper, uint128 amount, uint256 amount0, uint256 amount1);
        event Burn(address indexed owner, int24 indexed tickLower, int24 indexed tickUpper, uint128 amount, uint256 amount0, uint256 amount1);
        event Swap(address indexed sender, address indexed recipient, int256 amount0, int256 amount1, uint160 sqrtPriceX96, uint128 liquidity, int24 tick);
        event Collect(address indexed owner, address recipient, int24 indexed tickLower, int24 indexed tickUpper, uint128 amount0, uint128 amount1);
        event Flash(address indexed sender, address indexed recipient, uint256 amount0, uint256 amount1, uint256 paid0, uint256 paid1);
        event SetFeeProtocol(uint8 feeProtocol0Old, uint8 feeProtocol1Old, uint8 feeProtocol0New, uint8 feeProtocol1New);
        event CollectProtocol(address indexed sender, address indexed recipient, uint128 amount0, uint128 amount1);
    }
}

/// The events of the position manager (v3-periphery `INonfungiblePositionManager`).
#[allow(missing_docs, reason = "generated from the ABI")]
pub mod manager {
    super::sol! {
        event Transfer(address indexed from, address indexed to, uint256 indexed tokenId);
        event IncreaseLiquidity(uint256 indexed tokenId, uint128 liquidity, uint256 amount0, uint256 amount1);
        event DecreaseLiquidity(uint256 indexed tokenId, uint128 liquidity, uint256 amount0, uint256 amount1);
        event Collect(uint256 indexed tokenId, address recipient, uint256 amount0, uint256 amount1);
    }
}

/// What a pool's log says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are those of the ABI")]
pub enum PoolLog {
    Initialize {
        sqrt_price_x96: SqrtPriceX96,
        tick: Tick,
    },
    Mint {
        sender: Address,
        owner: Address,
        range: TickRange,
        flow: Flow,
    },
    Burn {
        owner: Address,
        range: TickRange,
        flow: Flow,
    },
    Swap {
        amount0: SignedAmount,
        amount1: SignedAmount,
        sqrt_price_x96: SqrtPriceX96,
        liquidity: Liquidity,
        tick: Tick,
    },
    Collect {
        owner: Address,
        range: TickRange,
        amount0: Amount,
        amount1: Amount,
    },
    Flash {
        paid0: Amount,
        paid1: Amount,
    },
    SetFeeProtocol {
        denominator0: u8,
        denominator1: u8,
    },
    CollectProtocol {
        amount0: Amount,
        amount1: Amount,
    },
}

/// The signatures that [`pool_log`] reads.
pub const POOL_TOPICS: [B256; 8] = [
    pool::Initialize::SIGNATURE_HASH,
    pool::Mint::SIGNATURE_HASH,
    pool::Burn::SIGNATURE_HASH,
    pool::Swap::SIGNATURE_HASH,
    pool::Collect::SIGNATURE_HASH,
    pool::Flash::SIGNATURE_HASH,
    pool::SetFeeProtocol::SIGNATURE_HASH,
    pool::CollectProtocol::SIGNATURE_HASH,
];

/// The signatures that [`manager_log`] reads.
pub const MANAGER_TOPICS: [B256; 4] = [
    manager::Transfer::SIGNATURE_HASH,
    manager::IncreaseLiquidity::SIGNATURE_HASH,
    manager::DecreaseLiquidity::SIGNATURE_HASH,
    manager::Collect::SIGNATURE_HASH,
];

/// What the position manager's log says of one NFT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are those of the ABI")]
pub enum ManagerLog {
    Transfer { id: U256, from: Address, to: Address },
    Increase { id: U256, flow: Flow },
    Decrease { id: U256, flow: Flow },
    Collect { id: U256, amount0: Amount, amount1: Amount },
}

impl ManagerLog {
    /// The NFT that it speaks of.
    pub fn id(&self) -> U256 {
        match self {
            Self::Transfer { id, .. }
            | Self::Increase { id, .. }
            | Self::Decrease { id, .. }
            | Self::Collect { id, .. } => *id,
        }
    }
}

/// Liquidity with the tokens that went in or out for it; the same three numbers in a pool's log and in the
/// position manager's beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flow {
    /// Liquidity added or removed.
    pub liquidity: Liquidity,
    /// token0 for it.
    pub amount0: Amount,
    /// token1 for it.
    pub amount1: Amount,
}

/// Reads a pool's log; `None` for one that changes neither liquidity nor price.
///
/// # Errors
/// A known topic with content that does not parse.
pub fn pool_log(log: &RawLog) -> Result<Option<PoolLog>, DecodeError> {
    let Some(topic0) = log.topics.first().copied() else { return Ok(None) };
    Ok(Some(match topic0 {
        pool::Swap::SIGNATURE_HASH => {
            let event = parse::<pool::Swap>(log, "Swap")?;
            PoolLog::Swap {
                amount0: SignedAmount(event.amount0),
                amount1: SignedAmount(event.amount1),
                sqrt_price_x96: SqrtPriceX96(U256::from(event.sqrtPriceX96)),
                liquidity: Liquidity(event.liquidity),
                tick: Tick(event.tick.as_i32()),
            }
        }
        pool::Mint::SIGNATURE_HASH => {
            let event = parse::<pool::Mint>(log, "Mint")?;
            PoolLog::Mint {
                sender: event.sender,
                owner: event.owner,
                range: range(event.tickLower.as_i32(), event.tickUpper.as_i32()),
                flow: flow(event.amount, event.amount0, event.amount1),
            }
        }
        pool::Burn::SIGNATURE_HASH => {
            let event = parse::<pool::Burn>(log, "Burn")?;
            PoolLog::Burn {
                owner: event.owner,
                range: range(event.tickLower.as_i32(), event.tickUpper.as_i32()),
                flow: flow(event.amount, event.amount0, event.amount1),
            }
        }
        pool::Collect::SIGNATURE_HASH => {
            let event = parse::<pool::Collect>(log, "Collect")?;
            PoolLog::Collect {
                owner: event.owner,
                range: range(event.tickLower.as_i32(), event.tickUpper.as_i32()),
                amount0: Amount(U256::from(event.amount0)),
                amount1: Amount(U256::from(event.amount1)),
            }
        }
        pool::Initialize::SIGNATURE_HASH => {
            let event = parse::<pool::Initialize>(log, "Initialize")?;
            PoolLog::Initialize {
                sqrt_price_x96: SqrtPriceX96(U256::from(event.sqrtPriceX96)),
                tick: Tick(event.tick.as_i32()),
            }
        }
        pool::Flash::SIGNATURE_HASH => {
            let event = parse::<pool::Flash>(log, "Flash")?;
            PoolLog::Flash { paid0: Amount(event.paid0), paid1: Amount(event.paid1) }
        }
        pool::SetFeeProtocol::SIGNATURE_HASH => {
            let event = parse::<pool::SetFeeProtocol>(log, "SetFeeProtocol")?;
            PoolLog::SetFeeProtocol {
                denominator0: event.feeProtocol0New,
                denominator1: event.feeProtocol1New,
            }
        }
        pool::CollectProtocol::SIGNATURE_HASH => {
            let event = parse::<pool::CollectProtocol>(log, "CollectProtocol")?;
            PoolLog::CollectProtocol {
                amount0: Amount(U256::from(event.amount0)),
                amount1: Amount(U256::from(event.amount1)),
            }
        }
        _ => return Ok(None),
    }))
}

/// Reads a position manager's log; `None` for one that says nothing of liquidity or its holder.
///
/// # Errors
/// A known topic with content that does not parse.
pub fn manager_log(log: &RawLog) -> Result<Option<ManagerLog>, DecodeError> {
    let Some(topic0) = log.topics.first().copied() else { return Ok(None) };
    Ok(Some(match topic0 {
        manager::Transfer::SIGNATURE_HASH => {
            let event = parse::<manager::Transfer>(log, "Transfer of an NFT")?;
            ManagerLog::Transfer { id: event.tokenId, from: event.from, to: event.to }
        }
        manager::IncreaseLiquidity::SIGNATURE_HASH => {
            let event = parse::<manager::IncreaseLiquidity>(log, "IncreaseLiquidity")?;
            ManagerLog::Increase {
                id: event.tokenId,
                flow: flow(event.liquidity, event.amount0, event.amount1),
            }
        }
        manager::DecreaseLiquidity::SIGNATURE_HASH => {
            let event = parse::<manager::DecreaseLiquidity>(log, "DecreaseLiquidity")?;
            ManagerLog::Decrease {
                id: event.tokenId,
                flow: flow(event.liquidity, event.amount0, event.amount1),
            }
        }
        manager::Collect::SIGNATURE_HASH => {
            let event = parse::<manager::Collect>(log, "Collect of an NFT")?;
            ManagerLog::Collect {
                id: event.tokenId,
                amount0: Amount(event.amount0),
                amount1: Amount(event.amount1),
            }
        }
        _ => return Ok(None),
    }))
}

fn range(lower: i32, upper: i32) -> TickRange {
    TickRange { lower: Tick(lower), upper: Tick(upper) }
}

fn flow(liquidity: u128, amount0: U256, amount1: U256) -> Flow {
    Flow { liquidity: Liquidity(liquidity), amount0: Amount(amount0), amount1: Amount(amount1) }
}
