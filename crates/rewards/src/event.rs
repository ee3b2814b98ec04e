//! What happened in a pool: the only vocabulary that crosses from the indexer to the ledger.

use alloy_primitives::Address;
use serde::{Deserialize, Serialize};

use crate::id::Holding;
use crate::unit::{Amount, BlockNumber, Liquidity, SignedAmount, SqrtPriceX96, Tick, TickRange, UnixSeconds};

/// One thing that happened in one pool, as stored and folded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
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
    /// The protocol took its part of the fees out of the pool.
    ProtocolFeesCollected {
        /// token0 paid out.
        amount0: Amount,
        /// token1 paid out.
        amount1: Amount,
    },
    /// Shares of the pool changed hands; from zero when they are minted, to zero when they are burnt.
    SharesMoved {
        /// Who held them.
        from: Address,
        /// Who holds them now.
        to: Address,
        /// How many.
        shares: Amount,
    },
    /// The pool stated its reserves (Aerodrome's `Sync`).
    ReservesStated {
        /// token0 that is the pool's.
        reserve0: Amount,
        /// token1 that is the pool's.
        reserve1: Amount,
    },
    /// Liquidity came in at both reserves (Aerodrome's `Mint`).
    ReservesAdded {
        /// token0 paid in.
        amount0: Amount,
        /// token1 paid in.
        amount1: Amount,
    },
    /// Liquidity went out of both reserves (Aerodrome's `Burn`).
    ReservesTaken {
        /// token0 paid out.
        amount0: Amount,
        /// token1 paid out.
        amount1: Amount,
    },
    /// A trade with both reserves (Aerodrome's `Swap`); what came in counts before the fee.
    PairSwapped {
        /// token0 paid in.
        in0: Amount,
        /// token1 paid in.
        in1: Amount,
        /// token0 paid out.
        out0: Amount,
        /// token1 paid out.
        out1: Amount,
    },
    /// Fees were set aside, out of the reserves (Aerodrome's `Fees`).
    FeesTaken {
        /// In token0.
        amount0: Amount,
        /// In token1.
        amount1: Amount,
    },
    /// Balances changed by a join or an exit (Balancer).
    BalancesChanged {
        /// By token, in the pool's order: positive into the pool.
        deltas: Vec<SignedAmount>,
        /// Swap fees that the change itself paid, by token, in smallest units; empty where the event does not say.
        fees: Vec<Amount>,
        /// All shares after it, where the event says so.
        total_supply: Option<Amount>,
    },
    /// One token was traded for another (Balancer).
    TokenSwapped {
        /// What came in, as an index into the pool's tokens.
        token_in: u8,
        /// What went out.
        token_out: u8,
        /// What came in, with the fee.
        amount_in: Amount,
        /// What went out.
        amount_out: Amount,
        /// The fee in `token_in`, where the event says it.
        fee: Option<Amount>,
    },
    /// The swap fee was set (Balancer).
    SwapFeeSet {
        /// Parts of 10^18 of what comes in.
        fraction_e18: Amount,
    },
    /// The protocol's and the creator's part of swap fees was set (Balancer's third Vault).
    AggregateFeeSet {
        /// Parts of 10^18 of the fee.
        fraction_e18: Amount,
    },
    /// Recovery mode, in which no protocol fee is taken, was switched (Balancer).
    RecoveryModeSet {
        /// Whether it is on.
        on: bool,
    },
    /// A position's NFT was staked in a gauge that says for whom.
    NftStaked {
        /// The gauge.
        wrapper: Address,
        /// The position.
        holding: Holding,
        /// Who staked it.
        depositor: Address,
    },
    /// A staked NFT was taken back.
    NftUnstaked {
        /// The gauge.
        wrapper: Address,
        /// The position.
        holding: Holding,
        /// Who had staked it.
        depositor: Address,
    },
    /// A wrapper's shares changed hands: a gauge's deposits, a vault's token. From zero when they come to be, to zero
    /// when they end.
    WrapperSharesMoved {
        /// The wrapper.
        wrapper: Address,
        /// Who held them.
        from: Address,
        /// Who holds them now.
        to: Address,
        /// How many.
        shares: Amount,
    },
    /// A price feed answered anew.
    PriceAnswered {
        /// The feed, as the configuration names it.
        feed: Address,
        /// Its answer, with the feed's own decimals.
        answer: SignedAmount,
        /// When the feed says that it was observed.
        updated_at: UnixSeconds,
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
