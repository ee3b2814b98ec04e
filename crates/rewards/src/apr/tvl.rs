//! What tokens are worth together.

use alloy_primitives::U512;
use rust_decimal::Decimal;

use crate::apr::{AprUnknown, Held, Priced, Usd, value};
use crate::unit::Amount;

/// A token's decimals and the USD for one whole token; `None` while either is unknown.
pub type TokenPrice = Option<(u8, Decimal)>;

/// What is held, in USD, and how that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tvl {
    /// The value.
    pub usd: Usd,
    /// How it was counted.
    pub method: TvlMethod,
}

/// How a value was counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TvlMethod {
    /// Each token by its own price.
    Holdings,
    /// A weighted pool of which only some tokens are priced: their value by their weight. Traders keep each token's
    /// part of the value at its weight, so that `value = value of the priced tokens / their weights`. An error of a
    /// small leg counts as often as it fits into the whole: twenty times for a leg of 5 %.
    WeightedLeg,
}

impl TvlMethod {
    /// The name used in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Holdings => "holdings",
            Self::WeightedLeg => "weighted_leg",
        }
    }
}

/// What `held` is worth, each token by its own price; `None` when one that is held has none.
pub fn worth(held: &Held, prices: &[TokenPrice]) -> Option<Usd> {
    let mut tokens = held.0.iter().enumerate();
    tokens.try_fold(Usd::default(), |sum, (token, units)| {
        if *units == Amount::ZERO {
            return Some(sum);
        }
        sum.checked_add(worth_of(*units, prices.get(token).copied().flatten())?)
    })
}

/// What `held` of a pool's tokens is worth. `weights_e18` are a weighted pool's, in parts of 10^18; empty for others.
///
/// # Errors
/// Too few of the tokens are priced.
pub fn tvl(held: &Held, prices: &[TokenPrice], weights_e18: &[Amount]) -> Result<Tvl, AprUnknown> {
    if let Some(usd) = worth(held, prices) {
        return Ok(Tvl { usd, method: TvlMethod::Holdings });
    }
    let usd = weighted_leg(held, prices, weights_e18).ok_or(AprUnknown::NoPrice)?;
    Ok(Tvl { usd, method: TvlMethod::WeightedLeg })
}

fn weighted_leg(held: &Held, prices: &[TokenPrice], weights_e18: &[Amount]) -> Option<Usd> {
    let one_e18 = U512::from(1_000_000_000_000_000_000_u64);
    let (mut priced, mut weight) = (Usd::default(), U512::ZERO);
    for ((units, price), own) in held.0.iter().zip(prices).zip(weights_e18) {
        let Some(usd) = worth_of(*units, *price) else { continue };
        priced = priced.checked_add(usd)?;
        weight += U512::from(own.0);
    }
    let scaled = priced.units_e18().checked_mul(one_e18)?;
    scaled.checked_div(weight).map(Usd)
}

fn worth_of(units: Amount, price: TokenPrice) -> Option<Usd> {
    let (decimals, price_usd) = price?;
    value(Priced { units, decimals, price_usd })
}
