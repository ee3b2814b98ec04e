//! A weighted pool's balances in Balancer's Vault, second and third.
//!
//! Balances are the sums of what events say. A swap is held against the weighted curve, so that a missing join or
//! exit shows; the third Vault also states the supply.

use std::sync::Arc;

use alloy_primitives::{I256, U256, U512};
use serde::{Deserialize, Serialize};

use super::{fee_step, price_change};
use crate::event::PoolEvent;
use crate::ledger::growth::Input;
use crate::ledger::{Change, Fault, Totals, Trade};
use crate::math::weighted::{WeightedTrade, keeps_to_curve};
use crate::pool::PoolFacts;
use crate::unit::{Amount, Liquidity, SignedAmount};

const ONE_E18: U256 = U256::from_limbs([1_000_000_000_000_000_000, 0, 0, 0]);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Vault {
    is_third: bool,
    weights_e18: Vec<Amount>,
    balances: Vec<Amount>,
    swap_fee_e18: Option<Amount>,
    /// The protocol's and the creator's part of a fee, which leaves the pool; `None` while unknown.
    aggregate_fee_e18: Option<Amount>,
    is_recovering: bool,
    /// A part of a fee left the pool that could not be known; the balances are not either.
    is_lost: bool,
    /// A supply that was stated and not yet met: its transfers may be logged before or after it.
    stated_supply: Option<Amount>,
}

/// A swap, its tokens as indices.
#[derive(Clone, Copy)]
struct Swapped {
    token_in: usize,
    token_out: usize,
    amount_in: Amount,
    amount_out: Amount,
    fee: Option<Amount>,
}

impl Vault {
    pub(super) fn second(facts: &PoolFacts) -> Self {
        Self {
            is_third: false,
            weights_e18: facts.weights_e18.clone(),
            balances: vec![Amount::ZERO; facts.tokens.len()],
            swap_fee_e18: None,
            aggregate_fee_e18: Some(Amount::ZERO),
            is_recovering: false,
            is_lost: false,
            stated_supply: None,
        }
    }

    pub(super) fn third(facts: &PoolFacts) -> Self {
        Self { is_third: true, aggregate_fee_e18: facts.aggregate_fee_e18, ..Self::second(facts) }
    }

    pub(super) fn balances(&self) -> &[Amount] {
        if self.is_lost { &[] } else { &self.balances }
    }

    /// Shares came to be or ended.
    pub(super) fn note(&mut self, supply: Liquidity) {
        self.stated_supply = self.stated_supply.filter(|stated| stated.0 != U256::from(supply.0));
    }

    pub(super) fn apply(
        &mut self,
        event: &PoolEvent,
        supply: Liquidity,
        totals: &mut Totals,
    ) -> Result<Change, Fault> {
        if let Some(stated) = self.stated_supply {
            let (stated, counted) = (stated.to_string(), supply.to_string());
            return Err(Fault::StateMismatch { what: "all shares", stated, counted });
        }
        match event {
            PoolEvent::BalancesChanged { deltas, fees, total_supply } => {
                self.change(deltas, fees)?;
                self.stated_supply = total_supply.filter(|stated| stated.0 != U256::from(supply.0));
                Ok(Change::Price(Arc::new(price_change(self.price_x192()))))
            }
            PoolEvent::TokenSwapped { token_in, token_out, amount_in, amount_out, fee } => {
                let (token_in, token_out) = (usize::from(*token_in), usize::from(*token_out));
                let (amount_in, amount_out, fee) = (*amount_in, *amount_out, *fee);
                self.swap(Swapped { token_in, token_out, amount_in, amount_out, fee }, supply, totals)
            }
            PoolEvent::SwapFeeSet { fraction_e18 } => {
                self.swap_fee_e18 = Some(fraction(*fraction_e18)?);
                Ok(Change::None)
            }
            PoolEvent::AggregateFeeSet { fraction_e18 } if self.is_third => {
                self.aggregate_fee_e18 = Some(fraction(*fraction_e18)?);
                Ok(Change::None)
            }
            PoolEvent::RecoveryModeSet { on } => {
                self.is_recovering = *on;
                Ok(Change::None)
            }
            _ => Err(Fault::NotOfThisVenue),
        }
    }

    /// A join or an exit: what it says, less the protocol's part of the fees that it paid.
    fn change(&mut self, deltas: &[SignedAmount], fees: &[Amount]) -> Result<(), Fault> {
        let is_whole = deltas.len() == self.balances.len() && (fees.is_empty() || fees.len() == deltas.len());
        if !is_whole {
            return Err(mismatch("tokens of the pool", deltas.len(), self.balances.len()));
        }
        let mut is_lost = self.is_lost;
        let mut balances = Vec::with_capacity(deltas.len());
        for (index, (held, delta)) in self.balances.iter().zip(deltas).enumerate() {
            let taken = self.taken(fees.get(index).copied().unwrap_or_default());
            is_lost |= taken.is_none();
            let after = signed_sum(*held, *delta)
                .and_then(|sum| sum.checked_sub(taken.unwrap_or_default()))
                .or_else(|| is_lost.then_some(Amount::ZERO));
            balances.push(after.ok_or_else(|| mismatch("a balance", delta.0, held))?);
        }
        (self.balances, self.is_lost) = (balances, is_lost);
        Ok(())
    }

    fn swap(&mut self, swapped: Swapped, supply: Liquidity, totals: &mut Totals) -> Result<Change, Fault> {
        let Swapped { token_in, token_out, amount_in, amount_out, .. } = swapped;
        let (Some(held_in), Some(held_out)) = (self.balances.get(token_in), self.balances.get(token_out))
        else {
            return Err(mismatch("tokens of the pool", token_in.max(token_out) + 1, self.balances.len()));
        };
        let fee = self.fee(&swapped)?;
        let taken = fee.and_then(|fee| self.taken(fee));
        let is_lost = self.is_lost || (self.is_third && taken.is_none());
        if !is_lost {
            self.check_curve(&swapped, fee)?;
        }
        let after_in = held_in
            .checked_add(amount_in)
            .and_then(|sum| sum.checked_sub(taken.unwrap_or_default()))
            .ok_or(Fault::LiquidityOverflow)?;
        let after_out = held_out.checked_sub(amount_out).or_else(|| is_lost.then_some(Amount::ZERO));
        let after_out = after_out.ok_or_else(|| mismatch("a swap's output", amount_out, held_out))?;
        let earned = fee.zip(taken).and_then(|(fee, taken)| fee.checked_sub(taken));
        let steps = self.step(token_in, earned, supply)?.map(|step| vec![step]);
        (self.balances[token_in], self.balances[token_out]) = (after_in, after_out);
        self.is_lost = is_lost;
        let index = u8::try_from(token_in).expect("it came from as many bits");
        totals.trade((Input::of(index), amount_in.0), earned.map(|earned| earned.0));
        let (amount0, amount1) =
            if (token_in, token_out) == (1, 0) { (amount_out, amount_in) } else { (amount_in, amount_out) };
        let price = price_change(self.price_x192());
        Ok(Change::Trade(Arc::new(Trade { price, amount0, amount1, steps })))
    }

    /// The fee: as stated, or `ceil(in * fee / 10^18)`. The second Vault does not say whether the output was given; then
    /// what came in was `ceil(net * 10^18 / (10^18 - fee))`, and this is the fee or one unit more.
    fn fee(&self, swapped: &Swapped) -> Result<Option<Amount>, Fault> {
        let fee = match (swapped.fee, self.swap_fee_e18) {
            (Some(stated), _) => Some(stated),
            (None, Some(fraction)) => {
                let product: U512 = swapped.amount_in.0.widening_mul(fraction.0);
                let fee = product.div_ceil(U512::from(ONE_E18));
                Some(Amount(U256::checked_from_limbs_slice(fee.as_limbs()).ok_or(Fault::LiquidityOverflow)?))
            }
            (None, None) => None,
        };
        if fee.is_some_and(|fee| fee > swapped.amount_in) {
            return Err(mismatch("a swap's fee", fee.unwrap_or_default(), swapped.amount_in));
        }
        Ok(fee)
    }

    /// What of a fee leaves the pool at once, rounded down; `None` while the part is unknown.
    fn taken(&self, fee: Amount) -> Option<Amount> {
        if self.is_recovering || fee == Amount::ZERO {
            return Some(Amount::ZERO);
        }
        fee.mul_div(self.aggregate_fee_e18?.0, ONE_E18)
    }

    fn check_curve(&self, swapped: &Swapped, fee: Option<Amount>) -> Result<(), Fault> {
        let weight = |token: usize| self.weights_e18.get(token).copied();
        let (Some(weight_in_e18), Some(weight_out_e18)) =
            (weight(swapped.token_in), weight(swapped.token_out))
        else {
            return Ok(());
        };
        let Some(net_in) = fee.and_then(|fee| swapped.amount_in.checked_sub(fee)) else { return Ok(()) };
        let (balance_in, balance_out) = (self.balances[swapped.token_in], self.balances[swapped.token_out]);
        let out = swapped.amount_out;
        let trade = WeightedTrade { balance_in, weight_in_e18, net_in, balance_out, weight_out_e18, out };
        if keeps_to_curve(&trade) == Some(true) {
            return Ok(());
        }
        Err(Fault::StateMismatch {
            what: "a swap on the pool's curve",
            stated: format!("{net_in} in without the fee, {out} out"),
            counted: format!("balances of {balance_in} and {balance_out} before it"),
        })
    }

    fn step(
        &self,
        token_in: usize,
        earned: Option<Amount>,
        supply: Liquidity,
    ) -> Result<Option<crate::ledger::FeeStep>, Fault> {
        let Some(earned) = earned.filter(|_| self.balances.len() == 2) else { return Ok(None) };
        let (fee0, fee1) = if token_in == 0 { (earned, Amount::ZERO) } else { (Amount::ZERO, earned) };
        fee_step(fee0, fee1, supply).map(Some)
    }

    /// `(B1 / w1) / (B0 / w0)` of the first two tokens.
    pub(super) fn price_x192(&self) -> Option<U512> {
        let ([balance0, balance1, ..], [weight0, weight1, ..]) =
            (self.balances(), self.weights_e18.as_slice())
        else {
            return None;
        };
        if weight0.0.bit_len() > 64 || weight1.0.bit_len() > 64 {
            return None;
        }
        let above: U512 = balance1.0.widening_mul(weight0.0);
        let below: U512 = balance0.0.widening_mul(weight1.0);
        if above.is_zero() {
            return None;
        }
        let above: U512 = above << 192;
        above.checked_div(below)
    }
}

fn fraction(fraction_e18: Amount) -> Result<Amount, Fault> {
    if fraction_e18.0 <= ONE_E18 {
        return Ok(fraction_e18);
    }
    Err(mismatch("a fee as parts of 10^18", fraction_e18, ONE_E18))
}

fn signed_sum(held: Amount, delta: SignedAmount) -> Option<Amount> {
    let magnitude = delta.magnitude();
    if delta.0 < I256::ZERO { held.checked_sub(magnitude) } else { held.checked_add(magnitude) }
}

fn mismatch(what: &'static str, stated: impl ToString, counted: impl ToString) -> Fault {
    Fault::StateMismatch { what, stated: stated.to_string(), counted: counted.to_string() }
}
