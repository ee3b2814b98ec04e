//! What a position holds against what was put in: the loss against holding.

use alloy_primitives::U256;
use rust_decimal::Decimal;

use crate::apr::{AprUnknown, Held, TokenPrice, Usd, worth};
use crate::unit::Liquidity;

/// Decimals of a per cent that a loss keeps.
const PERCENT_PLACES: u32 = 6;

/// What a position stands for, and what the tokens put in would be worth now. Neither fees nor rewards count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exposure {
    /// What it stands for, in USD.
    pub held_usd: Usd,
    /// token0's part of that, in per cent, rounded down.
    pub token0_percent: Option<Decimal>,
    /// What the tokens put in would be worth at the same prices.
    pub put_in_usd: Usd,
    /// What it stands for less than that, in per cent of it, rounded toward zero; below zero for a gain. `None` when
    /// nothing was put in.
    pub loss_percent: Option<Decimal>,
}

/// A position's exposure at these prices.
///
/// # Errors
/// One of its tokens has no price.
pub fn exposure(held: &Held, put_in: &Held, prices: &[TokenPrice]) -> Result<Exposure, AprUnknown> {
    let held_usd = worth(held, prices).ok_or(AprUnknown::NoPrice)?;
    let put_in_usd = worth(put_in, prices).ok_or(AprUnknown::NoPrice)?;
    let token0 = Held(vec![held.token0()]);
    let token0_usd = worth(&token0, prices).ok_or(AprUnknown::NoPrice)?;
    Ok(Exposure {
        held_usd,
        token0_percent: percent(token0_usd, held_usd),
        put_in_usd,
        loss_percent: match put_in_usd.checked_sub(held_usd) {
            Some(lost) => percent(lost, put_in_usd),
            None => held_usd.checked_sub(put_in_usd).and_then(|won| percent(won, put_in_usd)).map(|won| -won),
        },
    })
}

fn percent(part: Usd, whole: Usd) -> Option<Decimal> {
    part.mul_div(100, 1)?.ratio(whole, PERCENT_PLACES)
}

/// `put_in * after / before`, rounded down, token by token.
pub(super) fn part(put_in: &Held, after: Liquidity, before: Liquidity) -> Held {
    let (after, before) = (U256::from(after.0), U256::from(before.0));
    Held(put_in.0.iter().map(|units| units.mul_div(after, before).unwrap_or_default()).collect())
}
