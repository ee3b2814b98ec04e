//! The ledger of a pool whose shares are a token: Aerodrome basic, Balancer, any ERC-20.
//!
//! Shares are followed alike everywhere; what the pool holds for them is checked as strictly as a venue's events allow.

mod aerodrome;
mod balancer;
mod shares;

use alloy_primitives::{U256, U512};
use serde::{Deserialize, Serialize};

use crate::event::PoolEvent;
use crate::id::Venue;
use crate::ledger::concentrated::Position;
use crate::ledger::{Change, Fault, FeeStep, PriceChange, Totals};
use crate::math::tick::{TICK_MAX, TICK_MIN};
use crate::pool::PoolFacts;
use crate::unit::{Amount, Liquidity, SqrtPriceX96, Tick, TickRange};
use aerodrome::Pair;
use balancer::Vault;
use shares::Shares;

/// The range of a position that is a share of the whole pool.
pub const WHOLE: TickRange = TickRange { lower: TICK_MIN, upper: TICK_MAX };

/// The state of a pool with shares after some event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PooledLedger {
    shares: Shares,
    book: Book,
    totals: Totals,
}

/// What the pool holds, by venue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
enum Book {
    Aerodrome(Pair),
    Balancer(Vault),
    /// Nothing is known but the shares.
    SharesOnly,
}

impl PooledLedger {
    /// Before the first event.
    pub fn new(venue: Venue, facts: &PoolFacts) -> Self {
        let book = match venue {
            Venue::AerodromeBasic => Book::Aerodrome(Pair::new(facts)),
            Venue::BalancerV2 => Book::Balancer(Vault::second(facts)),
            Venue::BalancerV3 => Book::Balancer(Vault::third(facts)),
            _ => Book::SharesOnly,
        };
        Self { shares: Shares::default(), book, totals: Totals::of(facts.tokens.len()) }
    }

    /// Folds one event in.
    ///
    /// # Errors
    /// The event contradicts the state; the state is then unchanged, and must not be used for later events.
    pub fn apply(&mut self, event: &PoolEvent) -> Result<Change, Fault> {
        match event {
            PoolEvent::SharesMoved { from, to, shares } => {
                let moved = self.shares.check(*from, *to, *shares)?;
                match &mut self.book {
                    Book::Aerodrome(pair) => pair.note(moved)?,
                    Book::Balancer(vault) => vault.note(moved.supply_after),
                    Book::SharesOnly => {}
                }
                Ok(Change::Stakes(self.shares.settle(*from, *to, moved)))
            }
            PoolEvent::NftStaked { .. }
            | PoolEvent::NftUnstaked { .. }
            | PoolEvent::WrapperSharesMoved { .. }
            | PoolEvent::PriceAnswered { .. } => Ok(Change::None),
            _ => match &mut self.book {
                Book::Aerodrome(pair) => pair.apply(event, self.shares.supply(), &mut self.totals),
                Book::Balancer(vault) => vault.apply(event, self.shares.supply(), &mut self.totals),
                Book::SharesOnly => Err(Fault::NotOfThisVenue),
            },
        }
    }

    /// Every holder ever seen, by [`PositionIndex`](crate::ledger::PositionIndex); its shares are its liquidity. Shares
    /// minted to the zero address are the zero address's own: they count in the supply and belong to nobody.
    pub fn positions(&self) -> &[Position] {
        self.shares.positions()
    }

    /// All shares.
    pub fn supply(&self) -> Liquidity {
        self.shares.supply()
    }

    /// What the pool holds for its shares, by token; empty where it cannot be known.
    pub fn reserves(&self) -> &[Amount] {
        match &self.book {
            Book::Aerodrome(pair) => pair.reserves(),
            Book::Balancer(vault) => vault.balances(),
            Book::SharesOnly => &[],
        }
    }

    /// token0 in token1, in smallest units, times 2^192, rounded down, before fees; `None` while there is none.
    pub fn price_x192(&self) -> Option<U512> {
        match &self.book {
            Book::Aerodrome(pair) => pair.price_x192(),
            Book::Balancer(vault) => vault.price_x192(),
            Book::SharesOnly => None,
        }
    }

    /// What trades have moved so far.
    pub fn totals(&self) -> &Totals {
        &self.totals
    }
}

/// Where pools with shares stand for ever, at the price that ranges are held against.
pub(crate) const EVERYTHING: PriceChange = PriceChange {
    from: None,
    to: Tick(0),
    sqrt_price_x96: SqrtPriceX96(U256::from_limbs([0, 1 << 32, 0, 0])),
    inverse_x512: U512::from_limbs([
        u64::MAX,
        u64::MAX,
        u64::MAX,
        u64::MAX,
        u64::MAX,
        u64::MAX,
        (1 << 32) - 1,
        0,
    ]),
    price_x192: None,
    crosses: false,
};

/// A pool with shares stays at its tick; only its price in tokens moves.
fn price_change(price_x192: Option<U512>) -> PriceChange {
    PriceChange { from: Some(EVERYTHING.to), price_x192, ..EVERYTHING }
}

/// Fees in token0 and token1, per share.
fn fee_step(fee0: Amount, fee1: Amount, supply: Liquidity) -> Result<FeeStep, Fault> {
    let growth = |fee: Amount| crate::math::swap::growth_x128(fee.0, supply).ok_or(Fault::LiquidityOverflow);
    Ok(FeeStep { growth0_x128: growth(fee0)?, growth1_x128: growth(fee1)?, tick: Tick(0) })
}
