//! The reserves of an Aerodrome basic pool, volatile or stable.
//!
//! Every operation states its reserves (`Sync`) just before it says what it was (`Swap`, `Mint`, `Burn`): so each of
//! these is checked against the reserves before that `Sync`, and against the fees and shares told of since the last
//! one. A `Sync` alone is trusted: a donation, `skim` or `sync()`.

use std::sync::Arc;

use alloy_primitives::{U256, U512, Uint};
use serde::{Deserialize, Serialize};

use super::shares::Moved;
use super::{fee_step, price_change};
use crate::event::PoolEvent;
use crate::ledger::growth::Input;
use crate::ledger::{Change, Fault, Totals, Trade};
use crate::pool::PoolFacts;
use crate::unit::{Amount, Liquidity};

/// Wide enough for reserves below 2^128 and decimals no more than 36 apart.
type Wide = Uint<1536, 24>;

const DECIMALS_APART_MAX: u8 = 36;
/// Shares that the first mint gives to nobody.
const LOCKED_SHARES: u128 = 1000;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Pair {
    is_stable: bool,
    decimals: Option<(u8, u8)>,
    reserves: [Amount; 2],
    /// The reserves before the last `Sync`, until the event comes that explains it.
    before: Option<[Amount; 2]>,
    /// Told of since the last operation was explained.
    fees: [Amount; 2],
    minted: u128,
    burnt: u128,
}

impl Pair {
    pub(super) fn new(facts: &PoolFacts) -> Self {
        let decimals = match facts.decimals.as_slice() {
            [Some(first), Some(second)] => Some((*first, *second)),
            _ => None,
        };
        let none = [Amount::ZERO; 2];
        Self {
            is_stable: facts.is_stable,
            decimals,
            reserves: none,
            before: None,
            fees: none,
            minted: 0,
            burnt: 0,
        }
    }

    pub(super) fn reserves(&self) -> &[Amount] {
        &self.reserves
    }

    /// Shares that came to be or ended: the operation that they belong to has yet to be told.
    pub(super) fn note(&mut self, moved: Moved) -> Result<(), Fault> {
        if moved.is_mint || moved.is_burn {
            self.begin()?;
        }
        let sum = |sum: u128, counts: bool| {
            let more = if counts { moved.shares } else { 0 };
            sum.checked_add(more).ok_or(Fault::LiquidityOverflow)
        };
        (self.minted, self.burnt) = (sum(self.minted, moved.is_mint)?, sum(self.burnt, moved.is_burn)?);
        Ok(())
    }

    pub(super) fn apply(
        &mut self,
        event: &PoolEvent,
        supply: Liquidity,
        totals: &mut Totals,
    ) -> Result<Change, Fault> {
        match event {
            PoolEvent::FeesTaken { amount0, amount1 } => {
                self.begin()?;
                self.fees = [sum(self.fees[0], *amount0)?, sum(self.fees[1], *amount1)?];
                Ok(Change::None)
            }
            PoolEvent::ReservesStated { reserve0, reserve1 } => self.state([*reserve0, *reserve1]),
            PoolEvent::ReservesAdded { amount0, amount1 } => self.mint([*amount0, *amount1], supply),
            PoolEvent::ReservesTaken { amount0, amount1 } => self.burn([*amount0, *amount1], supply),
            PoolEvent::PairSwapped { in0, in1, out0, out1 } => {
                self.swap([*in0, *in1], [*out0, *out1], supply, totals)
            }
            _ => Err(Fault::NotOfThisVenue),
        }
    }

    /// An operation begins: a `Sync` that nothing explained until now stood alone.
    fn begin(&mut self) -> Result<(), Fault> {
        if self.before.is_some() && !self.is_explained() {
            return Err(self.unexplained("an operation begins"));
        }
        self.before = None;
        Ok(())
    }

    /// A `Sync`. One that nothing explains is a donation, unless fees or shares were told of: then its `Swap`, `Mint`
    /// or `Burn` is missing.
    fn state(&mut self, reserves: [Amount; 2]) -> Result<Change, Fault> {
        if self.before.is_some() && !self.is_explained() {
            return Err(self.unexplained("reserves are stated again"));
        }
        self.before = Some(self.reserves);
        self.reserves = reserves;
        Ok(Change::Price(Arc::new(price_change(self.price_x192()))))
    }

    fn swap(
        &mut self,
        ins: [Amount; 2],
        outs: [Amount; 2],
        supply: Liquidity,
        totals: &mut Totals,
    ) -> Result<Change, Fault> {
        if self.minted != 0 || self.burnt != 0 {
            return Err(self.unexplained("a swap"));
        }
        let before = self.before("a swap")?;
        for token in 0..2 {
            let counted = sum(before[token], ins[token])?
                .checked_sub(outs[token])
                .and_then(|left| left.checked_sub(self.fees[token]));
            same("reserve after a swap", Some(self.reserves[token]), counted)?;
        }
        let step = fee_step(self.fees[0], self.fees[1], supply)?;
        let sides = [Input::Token0, Input::Token1].into_iter().zip(ins.into_iter().zip(self.fees));
        totals.pair(sides.map(|(side, (input, fee))| (side, input.0, fee.0)));
        self.explain();
        let net = |token: usize| Amount(ins[token].0.abs_diff(outs[token].0));
        let price = price_change(self.price_x192());
        Ok(Change::Trade(Arc::new(Trade {
            price,
            amount0: net(0),
            amount1: net(1),
            steps: Some(vec![step]),
        })))
    }

    fn mint(&mut self, amounts: [Amount; 2], supply: Liquidity) -> Result<Change, Fault> {
        if self.burnt != 0 || self.fees != [Amount::ZERO; 2] {
            return Err(self.unexplained("a mint"));
        }
        let before = self.before("a mint")?;
        for token in 0..2 {
            let counted = before[token].checked_add(amounts[token]);
            same("reserve after a mint", Some(self.reserves[token]), counted)?;
        }
        let supply_before = supply.0.checked_sub(self.minted).ok_or(Fault::LiquidityOverflow)?;
        let expected = if supply_before == 0 {
            first_shares(amounts)
        } else {
            let share = |token: usize| amounts[token].mul_div(U256::from(supply_before), before[token].0);
            share(0).zip(share(1)).map(|(first, second)| first.min(second))
        };
        same("shares minted", Some(Amount(U256::from(self.minted))), expected)?;
        self.explain();
        Ok(Change::None)
    }

    /// What goes out is the burnt shares' part of what the pool held, donations included.
    fn burn(&mut self, amounts: [Amount; 2], supply: Liquidity) -> Result<Change, Fault> {
        if self.minted != 0 || self.fees != [Amount::ZERO; 2] {
            return Err(self.unexplained("a burn"));
        }
        let before = self.before("a burn")?;
        let supply_before = supply.0.checked_add(self.burnt).ok_or(Fault::LiquidityOverflow)?;
        for token in 0..2 {
            let held = sum(self.reserves[token], amounts[token])?;
            if held < before[token] {
                return same("held before a burn", Some(held), Some(before[token])).map(|()| Change::None);
            }
            let expected = held.mul_div(U256::from(self.burnt), U256::from(supply_before));
            same("amount paid for burnt shares", Some(amounts[token]), expected)?;
        }
        self.explain();
        Ok(Change::None)
    }

    fn before(&self, what: &'static str) -> Result<[Amount; 2], Fault> {
        let stated = "the reserves are not stated before it".to_owned();
        self.before.ok_or(Fault::StateMismatch { what, stated, counted: "one statement each".to_owned() })
    }

    fn is_explained(&self) -> bool {
        self.minted == 0 && self.burnt == 0 && self.fees == [Amount::ZERO; 2]
    }

    fn explain(&mut self) {
        (self.before, self.fees, self.minted, self.burnt) = (None, [Amount::ZERO; 2], 0, 0);
    }

    fn unexplained(&self, what: &'static str) -> Fault {
        let [fee0, fee1] = self.fees;
        Fault::StateMismatch {
            what,
            stated: "no shares or fees of another operation".to_owned(),
            counted: format!(
                "{} shares minted, {} burnt, fees of {fee0} token0 and {fee1} token1 that nothing explains",
                self.minted, self.burnt
            ),
        }
    }

    pub(super) fn price_x192(&self) -> Option<U512> {
        let [reserve0, reserve1] = self.reserves;
        if reserve0 == Amount::ZERO || reserve1 == Amount::ZERO {
            return None;
        }
        if self.is_stable {
            return stable_price_x192(reserve0, reserve1, self.decimals?);
        }
        Some((U512::from(reserve1.0) << 192) / U512::from(reserve0.0))
    }
}

/// What `x^3 y + y^3 x` gives at the margin for reserves brought to the same decimals: `(3 x^2 y + y^3) /
/// (x^3 + 3 x y^2)` of token1 for a token0, brought back to smallest units, times 2^192, rounded down. One common
/// factor in both reserves changes nothing, so they are scaled to the larger number of decimals.
fn stable_price_x192(reserve0: Amount, reserve1: Amount, decimals: (u8, u8)) -> Option<U512> {
    let too_wide = reserve0.0.bit_len() > 128 || reserve1.0.bit_len() > 128;
    if too_wide || decimals.0.abs_diff(decimals.1) > DECIMALS_APART_MAX {
        return None;
    }
    let most = decimals.0.max(decimals.1);
    let scale = |decimals: u8| Wide::from(10).pow(Wide::from(most - decimals));
    let (scale0, scale1) = (scale(decimals.0), scale(decimals.1));
    let (x, y) = (Wide::from(reserve0.0) * scale0, Wide::from(reserve1.0) * scale1);
    let three = Wide::from(3);
    let gained: Wide = (three * x * x * y + y * y * y) * scale0;
    let given: Wide = (x * x * x + three * x * y * y) * scale1;
    let price: Wide = (gained << 192) / given;
    U512::checked_from_limbs_slice(price.as_limbs())
}

/// `sqrt(a0 * a1)`, of which 1000 go to nobody: there are none when there are not more.
fn first_shares([amount0, amount1]: [Amount; 2]) -> Option<Amount> {
    let product: U512 = amount0.0.widening_mul(amount1.0);
    let root = U256::checked_from_limbs_slice(product.root(2).as_limbs())?;
    (root > U256::from(LOCKED_SHARES)).then_some(Amount(root))
}

fn sum(left: Amount, right: Amount) -> Result<Amount, Fault> {
    left.checked_add(right).ok_or(Fault::LiquidityOverflow)
}

fn same(what: &'static str, stated: Option<Amount>, counted: Option<Amount>) -> Result<(), Fault> {
    if stated == counted {
        return Ok(());
    }
    let text =
        |amount: Option<Amount>| amount.map_or_else(|| "no amount".to_owned(), |amount| amount.to_string());
    Err(Fault::StateMismatch { what, stated: text(stated), counted: text(counted) })
}
