//! What a pool's events add up to: price, liquidity and positions.
//!
//! A ledger checks itself at every event against what the event states, and stops with a sentence when a log must
//! be missing: a hole in the events never becomes a wrong payment.

pub mod concentrated;
pub mod growth;
mod index;
pub mod pooled;
mod replay;

use std::sync::Arc;

use alloy_primitives::{Address, U256, U512};

use crate::event::{PlacedEvent, PoolEvent};
use crate::id::{Holding, PoolId};
use crate::math::inverse::inverse_x512;
use crate::pool::Pool;
use crate::unit::{Amount, BlockNumber, Liquidity, SqrtPriceX96, Tick, TickRange};
use concentrated::{ConcentratedLedger, Position, Price};
use pooled::PooledLedger;

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
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Change {
    /// Nothing that earns.
    None,
    /// The price moved without a trade, or came to be.
    Price(Arc<PriceChange>),
    /// A trade; shared, since some campaigns keep it for a while.
    Trade(Arc<Trade>),
    /// Fees came in without a trade, at the price that holds: a flash loan's.
    Fees {
        /// Per unit of liquidity in range, in 2^-128 units of token0, rounded down.
        growth0_x128: U256,
        /// The same of token1.
        growth1_x128: U256,
    },
    /// Positions' liquidity or holders changed.
    Stakes(Vec<StakeChange>),
}

/// A price from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct PriceChange {
    /// The tick before it; `None` at the first price. Pools with shares stand at tick 0 for ever.
    pub from: Option<Tick>,
    /// The tick now.
    pub to: Tick,
    /// The square root of the price that ranges are held against; pools with shares have 2^96 for ever.
    pub sqrt_price_x96: SqrtPriceX96,
    /// One over it, as [`inverse_x512`] has it; zero for a price of zero, which no pool has.
    pub inverse_x512: U512,
    /// token0 in token1, in smallest units, times 2^192, rounded down; `None` where there is none.
    pub price_x192: Option<U512>,
    /// Whether a tick that positions begin or end at may lie on its way.
    pub crosses: bool,
}

impl PriceChange {
    /// Where nothing is known of the ticks between, some may lie there.
    pub fn new(from: Option<Tick>, to: Tick, sqrt_price_x96: SqrtPriceX96, price_x192: Option<U512>) -> Self {
        let inverse_x512 = inverse_x512(sqrt_price_x96.0).unwrap_or_default();
        let crosses = from.is_some_and(|from| from != to);
        Self { from, to, sqrt_price_x96, inverse_x512, price_x192, crosses }
    }
}

/// What a trade did.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Trade {
    /// The price after it.
    pub price: PriceChange,
    /// token0 in or out, without its sign; the second of the two tokens where a pool has more is what went out.
    pub amount0: Amount,
    /// token1 in or out, without its sign.
    pub amount1: Amount,
    /// Its fees, in the order of the ticks that it crossed; `None` where a fact is missing that they follow from.
    pub steps: Option<Vec<FeeStep>>,
}

/// The part of a trade between two ticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct FeeStep {
    /// Per unit of liquidity in range, in 2^-128 units of token0, rounded down, without the protocol's part.
    pub growth0_x128: U256,
    /// The same of token1.
    pub growth1_x128: U256,
    /// The tick after it.
    pub tick: Tick,
}

/// A position from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct StakeChange {
    /// The position.
    pub position: PositionIndex,
    /// Its range; of a pool with shares, all that exist.
    pub range: TickRange,
    /// Its liquidity now, or its shares.
    pub liquidity: Liquidity,
    /// Its holder now; the zero address while unknown or burnt.
    pub holder: Address,
}

/// What trades have moved since the pool's first event, by token, in smallest units.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Totals {
    /// Trades.
    pub trades: u64,
    /// What came in with trades, by token, fees included.
    pub volume_in: Vec<Amount>,
    /// What liquidity providers earned of it, by token, rounded down trade by trade; `None` once a fee could not be
    /// known.
    pub fees: Option<Vec<Amount>>,
}

impl Totals {
    /// Of a pool with `tokens` tokens, before its first trade.
    pub(crate) fn of(tokens: usize) -> Self {
        Self { trades: 0, volume_in: vec![Amount::ZERO; tokens], fees: Some(vec![Amount::ZERO; tokens]) }
    }

    /// Counts a trade: how much of which token came in, and what providers earned of it. A sum past 256 bits stays
    /// at the largest number: no token has as many units.
    pub(crate) fn trade(&mut self, (token, input): (growth::Input, U256), earned: Option<U256>) {
        self.trades += 1;
        let token = token.as_usize();
        add(&mut self.volume_in, token, input);
        match (&mut self.fees, earned) {
            (Some(fees), Some(earned)) => add(fees, token, earned),
            _ => self.fees = None,
        }
    }
}

impl Totals {
    /// Counts a trade that may take in both tokens.
    pub(crate) fn pair(&mut self, sides: impl Iterator<Item = (growth::Input, U256, U256)>) {
        let before = self.trades;
        sides.for_each(|(token, input, earned)| self.trade((token, input), Some(earned)));
        self.trades = before + 1;
    }
}

fn add(sums: &mut Vec<Amount>, token: usize, amount: U256) {
    if sums.len() <= token {
        sums.resize(token + 1, Amount::ZERO);
    }
    sums[token] = Amount(sums[token].0.saturating_add(amount));
}

/// A pool's ledger, of either shape.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Ledger {
    /// Ranges of ticks.
    Concentrated(Box<ConcentratedLedger>),
    /// Shares of the whole.
    Pooled(Box<PooledLedger>),
}

impl Ledger {
    /// The ledger of a pool before its first event.
    pub fn new(pool: &Pool) -> Self {
        if pool.venue.is_concentrated() {
            Self::Concentrated(Box::new(ConcentratedLedger::new(&pool.facts)))
        } else {
            Self::Pooled(Box::new(PooledLedger::new(pool.venue, &pool.facts)))
        }
    }

    /// Folds one event in.
    ///
    /// # Errors
    /// The event contradicts the state; the state is then unchanged, and must not be used for later events.
    pub fn apply(&mut self, event: &PoolEvent) -> Result<Change, Fault> {
        match self {
            Self::Concentrated(ledger) => ledger.apply(event),
            Self::Pooled(ledger) => ledger.apply(event),
        }
    }

    /// The same as a concentrated pool's.
    pub fn concentrated(&self) -> Option<&ConcentratedLedger> {
        match self {
            Self::Concentrated(ledger) => Some(ledger),
            Self::Pooled(_) => None,
        }
    }

    /// The same as that of a pool with shares.
    pub fn pooled(&self) -> Option<&PooledLedger> {
        match self {
            Self::Concentrated(_) => None,
            Self::Pooled(ledger) => Some(ledger),
        }
    }

    /// Every position ever seen, by [`PositionIndex`].
    pub fn positions(&self) -> &[Position] {
        match self {
            Self::Concentrated(ledger) => ledger.positions(),
            Self::Pooled(ledger) => ledger.positions(),
        }
    }

    /// Liquidity in range, or all shares.
    pub fn liquidity(&self) -> Liquidity {
        match self {
            Self::Concentrated(ledger) => ledger.liquidity(),
            Self::Pooled(ledger) => ledger.supply(),
        }
    }

    /// The price of a concentrated pool; `None` before it got its first, and for others.
    pub fn price(&self) -> Option<Price> {
        self.concentrated().and_then(ConcentratedLedger::price)
    }

    /// token0 in token1, in smallest units, times 2^192, rounded down; `None` while there is none.
    pub fn price_x192(&self) -> Option<U512> {
        match self {
            Self::Concentrated(ledger) => ledger.price().map(|price| square(price.sqrt_price_x96)),
            Self::Pooled(ledger) => ledger.price_x192(),
        }
    }

    /// What trades have moved so far.
    pub fn totals(&self) -> &Totals {
        match self {
            Self::Concentrated(ledger) => ledger.totals(),
            Self::Pooled(ledger) => ledger.totals(),
        }
    }
}

/// The price whose square root is given, times 2^192: exact.
pub(crate) fn square(sqrt_price_x96: SqrtPriceX96) -> U512 {
    sqrt_price_x96.0.widening_mul(sqrt_price_x96.0)
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
    #[error("this kind of event does not belong to a pool of its venue")]
    NotOfThisVenue,
    #[error("{from} gives away {asked} shares but holds {held}")]
    SharesExceedBalance { from: Address, asked: Amount, held: Amount },
    #[error("{what}: the event states {stated}, our count is {counted}")]
    StateMismatch { what: &'static str, stated: String, counted: String },
    #[error("{holding:?} is staked in gauge {gauge} for the second time, {depositor} has it there already")]
    StakedTwice { holding: Holding, gauge: Address, depositor: Address },
    #[error("{holding:?} is staked in gauge {gauge}, but {holder} holds it")]
    StakedElsewhere { holding: Holding, gauge: Address, holder: Address },
    #[error("{holding:?} is taken back from gauge {gauge}, but is not staked there")]
    NotStaked { holding: Holding, gauge: Address },
    #[error("a gauge says that {stated} deposited {holding:?}, but it had it from {counted}")]
    DepositorMismatch { holding: Holding, counted: Address, stated: Address },
    #[error(
        "{deposits} shares are deposited in gauge {gauge}, but it held {holding} when its last block ended"
    )]
    DepositsExceedHolding { gauge: Address, deposits: Liquidity, holding: Liquidity },
    #[error("{from} gives away {asked} shares of {wrapper} but holds {held}")]
    WrapperSharesExceedBalance { wrapper: Address, from: Address, asked: Amount, held: Amount },
    #[error(
        "the shares of {wrapper} pass 128 bits, more than any real token has: take it out of the pool's wrappers"
    )]
    WrapperSharesOverflow { wrapper: Address },
}
