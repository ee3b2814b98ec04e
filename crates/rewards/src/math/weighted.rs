//! Whether a trade keeps to a weighted pool's curve, in integers.
//!
//! Balancer's weighted pools keep the product of `balance ^ weight`. Instead of powers this compares logarithms:
//! what came in raises the product by `w_in * log2(1 + net / B_in)`, what went out lowers it by
//! `w_out * log2(B_out / (B_out - out))`, and the two are equal but for rounding.

use alloy_primitives::{U256, U512};

use crate::unit::Amount;

/// Bits after the point of the logarithms here.
const FRACTION_BITS: u32 = 96;

/// A trade in a weighted pool, before it.
#[derive(Debug, Clone, Copy)]
pub struct WeightedTrade {
    /// What the pool held of the token that came in.
    pub balance_in: Amount,
    /// Its weight, in parts of 10^18.
    pub weight_in_e18: Amount,
    /// What came in, without the fee.
    pub net_in: Amount,
    /// What the pool held of the token that went out.
    pub balance_out: Amount,
    /// Its weight, in parts of 10^18.
    pub weight_out_e18: Amount,
    /// What went out.
    pub out: Amount,
}

/// Whether the trade keeps to the curve.
///
/// Tolerated, as a change of a logarithm: 10^-12 (the Vault's power is good to 10^-14), and two smallest units of
/// each token (amounts and fees are rounded to whole units). `None` when a number is beyond what is counted here.
pub fn keeps_to_curve(trade: &WeightedTrade) -> Option<bool> {
    let WeightedTrade { balance_in, net_in, balance_out, out, .. } = *trade;
    let left = balance_out.checked_sub(out)?;
    if left == Amount::ZERO || balance_in == Amount::ZERO {
        return Some(false);
    }
    let (weight_in, weight_out) = (weight(trade.weight_in_e18)?, weight(trade.weight_out_e18)?);
    let rise = log2_x96(balance_in.checked_add(net_in)?, balance_in)?.checked_mul(weight_in)?;
    let fall = log2_x96(balance_out, left)?.checked_mul(weight_out)?;
    let slack = slack_x96(balance_in)?.checked_mul(weight_in)?;
    let slack = slack.checked_add(slack_x96(left)?.checked_mul(weight_out)?)?;
    Some(rise.abs_diff(fall) <= slack)
}

fn weight(weight_e18: Amount) -> Option<U256> {
    (weight_e18.0.bit_len() <= 64).then_some(weight_e18.0)
}

/// `10^-12 + 3 / balance`: two units, times the `1.44..` between the natural logarithm and this one.
fn slack_x96(balance: Amount) -> Option<U256> {
    let one: U256 = U256::ONE << FRACTION_BITS;
    let three: U256 = U256::from(3) << FRACTION_BITS;
    let units = three.checked_div(balance.0)?;
    (one / U256::from(1_000_000_000_000_u64)).checked_add(units)
}

/// `log2(high / low)` times 2^96, rounded down; `None` when `high` is below `low` or beyond 2^120 times it.
fn log2_x96(high: Amount, low: Amount) -> Option<U256> {
    let wide: U512 = U512::from(high.0) << 127;
    let ratio = wide.checked_div(U512::from(low.0))?;
    let whole = u32::try_from(ratio.bit_len().checked_sub(128)?).ok()?;
    if whole > 120 {
        return None;
    }
    // Between 1 and 2, with 127 bits after the point.
    let shifted: U512 = ratio >> whole;
    let mut ratio = U256::from(shifted);
    let mut log = U256::from(whole);
    for _ in 0..FRACTION_BITS {
        let square: U256 = ratio * ratio;
        ratio = square >> 127;
        log <<= 1;
        if ratio.bit_len() > 128 {
            ratio >>= 1;
            log |= U256::ONE;
        }
    }
    Some(log)
}
