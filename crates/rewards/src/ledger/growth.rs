//! Fee growth of a concentrated pool, and the protocol's part, as the pool's storage has them.

use std::collections::BTreeMap;

use alloy_primitives::U256;
use serde::{Deserialize, Serialize};

use crate::ledger::concentrated::TickLiquidity;
use crate::ledger::replay::Segment;
use crate::ledger::{Fault, FeeStep};
use crate::math::swap::growth_x128;
use crate::unit::{Amount, Liquidity, Tick};

/// Which token came in, as an index into the pool's tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Input {
    Token0,
    Token1,
    /// Of a pool with more tokens.
    Other(u8),
}

/// Fee growth and protocol fees of a concentrated pool. A gauge's part (Aerodrome) is not told apart: there growth
/// is the whole fee over the whole liquidity, and is not what that pool's own storage says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeeBook {
    growth0_x128: U256,
    growth1_x128: U256,
    owed0: u128,
    owed1: u128,
    denominator0: u8,
    denominator1: u8,
    is_lost: bool,
}

impl Input {
    /// The token with this index.
    pub(crate) fn of(index: u8) -> Self {
        match index {
            0 => Self::Token0,
            1 => Self::Token1,
            _ => Self::Other(index),
        }
    }

    pub(crate) fn as_usize(self) -> usize {
        match self {
            Self::Token0 => 0,
            Self::Token1 => 1,
            Self::Other(index) => usize::from(index),
        }
    }
}

impl FeeBook {
    /// `feeGrowthGlobal0X128` and `feeGrowthGlobal1X128`, modulo 2^256; `None` once a fee could not be known.
    pub fn growth_global_x128(&self) -> Option<(U256, U256)> {
        (!self.is_lost).then_some((self.growth0_x128, self.growth1_x128))
    }

    /// `protocolFees`: what the protocol may take out, in smallest units; `None` once a fee could not be known.
    pub fn protocol_owed(&self) -> Option<(Amount, Amount)> {
        (!self.is_lost).then(|| (Amount(U256::from(self.owed0)), Amount(U256::from(self.owed1))))
    }

    /// A fee could not be known: sums are unknown from here on.
    pub(crate) fn lose(&mut self) {
        self.is_lost = true;
    }

    pub(crate) fn set_protocol(&mut self, denominator0: u8, denominator1: u8) {
        (self.denominator0, self.denominator1) = (denominator0, denominator1);
    }

    pub(crate) fn collect_protocol(&mut self, amount0: Amount, amount1: Amount) -> Result<(), Fault> {
        if self.is_lost {
            return Ok(());
        }
        let left = |owed: u128, taken: Amount| {
            u128::try_from(taken.0).ok().and_then(|taken| owed.checked_sub(taken))
        };
        let (Some(left0), Some(left1)) = (left(self.owed0, amount0), left(self.owed1, amount1)) else {
            return Err(Fault::StateMismatch {
                what: "protocol fees taken out",
                stated: format!("{amount0} token0, {amount1} token1"),
                counted: format!("{} token0, {} token1 owed", self.owed0, self.owed1),
            });
        };
        (self.owed0, self.owed1) = (left0, left1);
        Ok(())
    }

    /// Books a swap's segments: growth, protocol fees, and the outside values of the ticks that were crossed.
    /// Answers the steps and what liquidity providers earned in all. On an error nothing is booked.
    pub(crate) fn earn(
        &mut self,
        segments: &[Segment],
        side: Input,
        ticks: &mut BTreeMap<Tick, TickLiquidity>,
    ) -> Result<(Vec<FeeStep>, U256), Fault> {
        let denominator = self.denominator(side);
        let mut steps = Vec::with_capacity(segments.len());
        let mut earned = U256::ZERO;
        for segment in segments {
            let left = segment.fee - cut(segment.fee, denominator);
            let growth = growth_x128(left, segment.liquidity).ok_or(Fault::LiquidityOverflow)?;
            if segment.liquidity.0 > 0 {
                earned = earned.saturating_add(left);
            }
            let (growth0_x128, growth1_x128) =
                if side == Input::Token0 { (growth, U256::ZERO) } else { (U256::ZERO, growth) };
            steps.push(FeeStep { growth0_x128, growth1_x128, tick: segment.tick });
        }
        for (segment, step) in segments.iter().zip(&steps) {
            self.owe(side, cut(segment.fee, denominator));
            self.grow(step.growth0_x128, step.growth1_x128);
            if let Some(tick) = segment.crosses.and_then(|tick| ticks.get_mut(&tick)) {
                tick.outside0_x128 = self.growth0_x128.wrapping_sub(tick.outside0_x128);
                tick.outside1_x128 = self.growth1_x128.wrapping_sub(tick.outside1_x128);
            }
        }
        Ok((steps, earned))
    }

    /// Books what a flash loan paid; answers the growth per token.
    pub(crate) fn flash(
        &mut self,
        paid0: Amount,
        paid1: Amount,
        liquidity: Liquidity,
    ) -> Result<(U256, U256), Fault> {
        let cut0 = cut(paid0.0, self.denominator0);
        let cut1 = cut(paid1.0, self.denominator1);
        let growth0 = growth_x128(paid0.0 - cut0, liquidity).ok_or(Fault::LiquidityOverflow)?;
        let growth1 = growth_x128(paid1.0 - cut1, liquidity).ok_or(Fault::LiquidityOverflow)?;
        self.owe(Input::Token0, cut0);
        self.owe(Input::Token1, cut1);
        self.grow(growth0, growth1);
        Ok((growth0, growth1))
    }

    fn denominator(&self, side: Input) -> u8 {
        if side == Input::Token0 { self.denominator0 } else { self.denominator1 }
    }

    fn grow(&mut self, growth0: U256, growth1: U256) {
        self.growth0_x128 = self.growth0_x128.wrapping_add(growth0);
        self.growth1_x128 = self.growth1_x128.wrapping_add(growth1);
    }

    /// The pool keeps the low 128 bits of the sum, and so do we.
    fn owe(&mut self, side: Input, amount: U256) {
        let amount: u128 = amount.wrapping_to();
        let owed = if side == Input::Token0 { &mut self.owed0 } else { &mut self.owed1 };
        *owed = owed.wrapping_add(amount);
    }
}

/// The protocol's part of a fee, rounded down; most pools' takes none.
fn cut(fee: U256, denominator: u8) -> U256 {
    if denominator == 0 { U256::ZERO } else { fee / U256::from(denominator) }
}
