//! Through a block's moves, from one point that is paid for to the next.

use alloy_primitives::{U256, U512};
use serde::{Deserialize, Serialize};

use crate::accrue::When;
use crate::accrue::board::Board;
use crate::accrue::growth::{Value, multiply};
use crate::accrue::holders::Holders;
use crate::accrue::segment::{Terms, fold};
use crate::campaign::Scoring;
use crate::ledger::{Change, Trade};
use crate::ownership::Move;
use crate::unit::UnixSeconds;

/// The moves of one block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Block {
    pub(super) when: When,
    pub(super) moves: Vec<Move>,
}

/// Bits of a trade's value: two amounts below 2^192, one of them at a price below 2^320 as X192. In a pool of ranges none is
/// larger. The ledger of a pool with shares lets more pass, which would not fit the counts.
const VALUE_BITS: usize = 513;

/// Something that a part of a run's emission is paid for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Point {
    /// So many seconds in the state that holds.
    Time(u64),
    /// Fees of this value per unit of liquidity, to the liquidity in range.
    Fees(Value),
    /// A trade of this value, after which the state is the one that holds.
    Tokens(Value),
}

/// Folds a block's moves in and calls `at` at each point that counts; whether a trade's fees are not known.
pub(super) fn walk(
    holders: &mut Holders,
    terms: &Terms,
    block: &Block,
    price_x192: Option<U512>,
    counts: bool,
    at: &mut dyn FnMut(&mut Board, Point),
) -> bool {
    let mut unknown = false;
    for what in &block.moves {
        match what {
            Move::Pool(Change::Trade(trade)) if counts => {
                unknown |= walk_trade(&mut holders.board, trade, price_x192, at).is_none();
            }
            Move::Pool(Change::Fees { growth0_x128, growth1_x128 }) if counts => {
                match value(price_x192, *growth0_x128, *growth1_x128) {
                    Some(value) => at(&mut holders.board, Point::Fees(value)),
                    None => unknown = true,
                }
            }
            what => fold(holders, terms, what),
        }
    }
    unknown
}

/// Goes through a trade step by step; `None` when its fees or their value cannot be known.
fn walk_trade(
    board: &mut Board,
    trade: &Trade,
    price_x192: Option<U512>,
    at: &mut dyn FnMut(&mut Board, Point),
) -> Option<()> {
    let mut from = trade.price.from.filter(|_| trade.price.crosses);
    let mut known = Some(());
    for step in trade.steps.iter().flatten() {
        match value(price_x192, step.growth0_x128, step.growth1_x128) {
            Some(value) => at(board, Point::Fees(value)),
            None => known = None,
        }
        if let Some(from) = &mut from {
            board.cross(*from, step.tick);
            *from = step.tick;
        }
    }
    if let Some(from) = from {
        board.cross(from, trade.price.to);
    }
    board.stand_at(&trade.price);
    match value(trade.price.price_x192, trade.amount0.0, trade.amount1.0) {
        Some(value) if value.bit_len() <= VALUE_BITS => at(board, Point::Tokens(value)),
        _ => known = None,
    }
    trade.steps.as_ref()?;
    known
}

/// `amount0` and `amount1` in token1, times 2^192; `None` when token0 is there and has no price.
fn value(price_x192: Option<U512>, amount0: U256, amount1: U256) -> Option<Value> {
    let mut value = [0; Value::LIMBS];
    value[3..7].copy_from_slice(amount1.as_limbs());
    match price_x192 {
        Some(price) => multiply(&mut value, price.as_limbs(), amount0.as_limbs()),
        None if amount0.is_zero() => {}
        None => return None,
    }
    Some(Value::from_limbs(value))
}

impl Block {
    /// The price after it, if it moved.
    pub(super) fn last_price(&self) -> Option<U512> {
        self.moves.iter().rev().find_map(|what| match what {
            Move::Pool(Change::Price(price)) => price.price_x192,
            Move::Pool(Change::Trade(trade)) => trade.price.price_x192,
            _ => None,
        })
    }
}

impl Terms {
    /// Whether a trade of this time belongs to a run of this stretch.
    pub(super) fn counts(&self, at: UnixSeconds) -> bool {
        self.scoring == Scoring::SwapWeighted && self.stretch.contains(at)
    }
}
