//! A swap's fees, step by step, from its log and the state before it.
//!
//! The log says where the price stopped and what came in altogether. The ticks say where the pool's steps ended, and
//! each step's fee follows; the last step has what is left. All must fit, or a log is missing.

use std::collections::BTreeMap;

use alloy_primitives::U256;

use crate::ledger::Fault;
use crate::ledger::concentrated::{Price, TickLiquidity};
use crate::ledger::growth::Input;
use crate::math::bitmap::{Neighbours, next_tick};
use crate::math::swap::{amount_in, comes_to, fee_of_net};
use crate::math::tick::{Stand, sqrt_ratio};
use crate::unit::{Liquidity, SignedAmount, SqrtPriceX96, Tick};

/// How far around the estimate a fee is searched that a pool does not tell, in parts of a million.
const FEE_SEARCH_PPM: u32 = 4;

/// A swap's log and the state before it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Swap {
    pub from: Price,
    pub to: Price,
    /// Where that price stands at its tick.
    pub stand: Stand,
    /// In range before it.
    pub liquidity: Liquidity,
    /// Whether token0 comes in, and the price falls.
    pub falls: bool,
    /// All that came in, the fee included.
    pub input: U256,
    /// Positive.
    pub spacing: i32,
    /// Those of the price before it.
    pub neighbours: Neighbours,
}

/// One step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Segment {
    /// The price before it.
    from: SqrtPriceX96,
    /// The price after it.
    to: SqrtPriceX96,
    /// What came in, without the fee.
    amount_in: U256,
    /// The fee, the protocol's part included.
    pub fee: U256,
    /// The liquidity that earned it.
    pub liquidity: Liquidity,
    /// The tick after it.
    pub tick: Tick,
    /// The initialised tick at its end that was crossed.
    pub crosses: Option<Tick>,
    /// Whether it went as far as a step can.
    is_full: bool,
    /// The liquidity in range after it.
    after: Liquidity,
}

/// Whether the price falls, and how much came in.
///
/// # Errors
/// Both tokens came in or both went out, or the price went against them.
pub(crate) fn direction(
    amounts: (SignedAmount, SignedAmount),
    from: SqrtPriceX96,
    to: SqrtPriceX96,
) -> Result<(bool, U256), Fault> {
    let sign = |amount: SignedAmount| i8::from(amount.0.is_positive()) - i8::from(amount.0.is_negative());
    let falls = match sign(amounts.0) - sign(amounts.1) {
        1 | 2 => true,
        -1 | -2 => false,
        _ => to < from,
    };
    let against = if falls { to > from } else { to < from };
    if against || sign(amounts.0) * sign(amounts.1) > 0 {
        return Err(Fault::StateMismatch {
            what: "the direction of a swap",
            stated: format!("{} token0 and {} token1 at the price {to}", amounts.0.0, amounts.1.0),
            counted: format!("the price {from} before it"),
        });
    }
    let input = if falls { amounts.0 } else { amounts.1 };
    Ok((falls, if input.0.is_positive() { input.magnitude().0 } else { U256::ZERO }))
}

/// What came in, where nothing else of the swap is looked at.
pub(crate) fn input_of(amounts: (SignedAmount, SignedAmount)) -> (Input, U256) {
    if amounts.0.0.is_positive() {
        (Input::Token0, amounts.0.magnitude().0)
    } else if amounts.1.0.is_positive() {
        (Input::Token1, amounts.1.magnitude().0)
    } else {
        (Input::Token0, U256::ZERO)
    }
}

/// The swap's steps with their fees; `None` when the fee is not known and none fits.
///
/// # Errors
/// What came in, the price and the tick do not fit the state.
pub(crate) fn replay(
    swap: &Swap,
    ticks: &BTreeMap<Tick, TickLiquidity>,
    fee_ppm: Option<u32>,
) -> Result<Option<Vec<Segment>>, Fault> {
    let segments = walk(swap, ticks)?;
    let net = segments.iter().try_fold(U256::ZERO, |sum, segment| sum.checked_add(segment.amount_in));
    let net = net.ok_or(Fault::LiquidityOverflow)?;
    let Some(all_fees) = swap.input.checked_sub(net) else {
        return Err(input_mismatch(swap, net));
    };
    if let Some(fee_ppm) = fee_ppm {
        let charged = charge(swap, segments, all_fees, fee_ppm);
        return charged.map(Some).ok_or_else(|| input_mismatch(swap, net));
    }
    if let [only] = segments.as_slice()
        && only.crosses.is_none()
    {
        return Ok(Some(vec![Segment { fee: all_fees, ..*only }]));
    }
    Ok(infer(swap, &segments, all_fees))
}

/// The steps from the price before to the price after, without their fees.
fn walk(swap: &Swap, ticks: &BTreeMap<Tick, TickLiquidity>) -> Result<Vec<Segment>, Fault> {
    let mut segments = Vec::with_capacity(1);
    let Price { sqrt_price_x96: mut price, mut tick } = swap.from;
    let mut liquidity = swap.liquidity;
    loop {
        let next = if segments.is_empty() {
            swap.neighbours.next_tick(tick, swap.spacing, swap.falls)
        } else {
            next_tick(ticks, tick, swap.spacing, swap.falls)
        };
        let reached = reached(swap, next.tick)?;
        let to = reached.unwrap_or(swap.to.sqrt_price_x96);
        let amount_in = amount_in(liquidity, price, to).ok_or(Fault::LiquidityOverflow)?;
        let before = (price, tick);
        tick = match reached {
            Some(_) if swap.falls => Tick(next.tick.0 - 1),
            Some(_) => next.tick,
            None => swap.to.tick,
        };
        let crosses = reached.filter(|_| next.is_initialized).map(|_| next.tick);
        let net = crosses.and_then(|tick| ticks.get(&tick)).map_or(0, |tick| tick.net);
        let after = cross(liquidity, net, swap.falls).ok_or(Fault::LiquidityOverflow)?;
        let is_full = reached.is_some();
        let fee = U256::ZERO;
        segments.push(Segment { from: price, to, amount_in, fee, liquidity, tick, crosses, is_full, after });
        liquidity = after;
        price = to;
        if to == swap.to.sqrt_price_x96 {
            return check_tick(swap, tick, reached.is_none().then_some(before)).map(|()| segments);
        }
    }
}

fn cross(liquidity: Liquidity, net: i128, falls: bool) -> Option<Liquidity> {
    let after = if falls { liquidity.0.checked_sub_signed(net) } else { liquidity.0.checked_add_signed(net) };
    after.map(Liquidity)
}

/// The price of `next` when the swap came as far; most swaps did not, which the ticks alone tell.
fn reached(swap: &Swap, next: Tick) -> Result<Option<SqrtPriceX96>, Fault> {
    let stopped_short =
        if swap.falls { swap.to.tick > next } else { i64::from(swap.to.tick.0) + 1 < i64::from(next.0) };
    if stopped_short {
        return Ok(None);
    }
    let ratio = sqrt_ratio(next)
        .ok_or(Fault::PriceOffTick { sqrt_price_x96: swap.to.sqrt_price_x96, tick: swap.to.tick })?;
    let is_past = if swap.falls { ratio < swap.to.sqrt_price_x96 } else { ratio > swap.to.sqrt_price_x96 };
    Ok((!is_past).then_some(ratio))
}

/// The stated tick must be the one that the last step leads to: the end's when it was reached, the same as before
/// when the price did not move, and otherwise the one whose ratio is not above the price.
fn check_tick(swap: &Swap, tick: Tick, within: Option<(SqrtPriceX96, Tick)>) -> Result<(), Fault> {
    let Price { sqrt_price_x96, tick: stated } = swap.to;
    let counted = match within {
        None => tick,
        Some((price, tick)) if price == sqrt_price_x96 => tick,
        Some(_) if swap.stand == Stand::OnNext => Tick(stated.0 + 1),
        Some(_) => stated,
    };
    if counted == stated {
        return Ok(());
    }
    Err(Fault::StateMismatch {
        what: "the tick after a swap",
        stated: stated.to_string(),
        counted: counted.to_string(),
    })
}

/// Gives every step its fee at `fee_ppm`; `None` when they do not add up to `all_fees` as the pool would have it.
fn charge(swap: &Swap, mut segments: Vec<Segment>, all_fees: U256, fee_ppm: u32) -> Option<Vec<Segment>> {
    let (last, earlier) = segments.split_last_mut()?;
    let mut left = all_fees;
    for segment in earlier {
        segment.fee = fee_of_net(segment.amount_in, fee_ppm)?;
        left = left.checked_sub(segment.fee)?;
    }
    let at_least = fee_of_net(last.amount_in, fee_ppm)?;
    if left == at_least {
        last.fee = left;
        return Some(segments);
    }
    let surplus = left.checked_sub(at_least)?;
    if last.is_full {
        // An exact amount in that had something left on the tick: a further step took it without moving the price.
        last.fee = at_least;
        let (from, liquidity) = (last.to, last.after);
        let beyond = Segment {
            from,
            amount_in: U256::ZERO,
            fee: surplus,
            liquidity,
            crosses: None,
            is_full: false,
            ..*last
        };
        segments.push(beyond);
        return comes_to(from, from, liquidity, surplus, fee_ppm, swap.falls).then_some(segments);
    }
    // All that was left of an exact amount in went into this step.
    last.fee = left;
    let gross = last.amount_in.checked_add(left)?;
    comes_to(last.to, last.from, last.liquidity, gross, fee_ppm, swap.falls).then_some(segments)
}

/// The steps at the fee nearest to what the amounts say with which all of them fit; dynamic fees are not logged.
fn infer(swap: &Swap, segments: &[Segment], all_fees: U256) -> Option<Vec<Segment>> {
    let million = U256::from(1_000_000_u32);
    let doubled = all_fees.checked_mul(million)?.checked_mul(U256::from(2))?;
    let rounded = doubled.checked_add(swap.input)?.checked_div(swap.input.checked_mul(U256::from(2))?)?;
    let estimate = u32::try_from(rounded).ok()?;
    let around = (0..=FEE_SEARCH_PPM).flat_map(|by| [estimate.checked_add(by), estimate.checked_sub(by)]);
    around.flatten().find_map(|fee_ppm| charge(swap, segments.to_vec(), all_fees, fee_ppm))
}

fn input_mismatch(swap: &Swap, net: U256) -> Fault {
    Fault::StateMismatch {
        what: "what a swap took in",
        stated: swap.input.to_string(),
        counted: format!("{net} and its fee, from the liquidity between the two prices"),
    }
}
