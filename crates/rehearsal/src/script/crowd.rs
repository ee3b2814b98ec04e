//! What people do by chance: swaps around a price they believe in, and the acts of liquidity providers.

use accrual_rewards::unit::{Tick, TickRange};
use alloy::primitives::Address;

use super::{CENTRE, Held, RANGES_REACH, SPACING, Story};
use crate::stage::{Swap, Transaction, range, tkn, usd};

/// No swap of the crowd leaves these ticks, so somebody is always in range but when a scene says otherwise.
const SWAPS_REACH: i32 = 3900;
const NFTS_MAX: usize = 150;
const WIDTHS: [i32; 7] = [120, 240, 600, 1200, 1200, 2400, 4800];

impl Story {
    /// One block's acts: some swaps, perhaps something else among them.
    pub(super) fn crowd_acts(&mut self, swaps: u64) -> Vec<Transaction> {
        let mut acts: Vec<_> = (0..swaps).map(|_| self.any_swap()).collect();
        if self.rng.chance(11) {
            let act = self.provider_act();
            let place = self.rng.between(0, swaps);
            acts.insert(usize::try_from(place).expect("a handful"), act);
        }
        if self.rng.chance(3) {
            let trader = *self.rng.pick(&self.traders);
            let amount = usd(self.rng.between(5, 500));
            acts.push(self.stage.swap(&self.side_pool, trader, Swap::exact_in(0, amount)).or_revert());
        }
        acts
    }

    /// Toward the believed price more often than away from it.
    fn any_swap(&mut self) -> Transaction {
        let lean = ((self.believed.0 - self.tick.0) / 15).clamp(-38, 38);
        let up = self.rng.chance(u64::try_from(50 + lean).expect("between 12 and 88"));
        let (swap, kind) = (self.swap_of_any_size(up), self.rng.between(0, 99));
        let bound = Tick(CENTRE.0 + if up { SWAPS_REACH } else { -SWAPS_REACH });
        let limit = if kind < 6 { self.next_boundary(up) } else { bound };
        let trader = *self.rng.pick(&self.traders);
        // Another swap of the same block may have passed the limit before.
        self.stage.swap(&self.pool, trader, swap.until(limit)).or_revert()
    }

    /// Up is rTKN in, down is rUSD in; a fifth of all ask for an exact output.
    fn swap_of_any_size(&mut self, up: bool) -> Swap {
        let dollars = self.rng.between(15, 40) << self.rng.between(0, 6);
        let cents = u128::from(self.rng.between(0, 999_999));
        match (up, self.rng.chance(20)) {
            (true, false) => Swap::exact_in(1, tkn(2 * dollars) + cents),
            (false, false) => Swap::exact_in(0, usd(dollars) + cents),
            (true, true) => Swap::exact_out(0, usd(dollars) + cents),
            (false, true) => Swap::exact_out(1, tkn(2 * dollars) + cents),
        }
    }

    /// The nearest tick that positions may end at, in that direction and not here.
    pub(super) fn next_boundary(&self, up: bool) -> Tick {
        let below = self.tick.0.div_euclid(SPACING) * SPACING;
        Tick(match (up, below == self.tick.0) {
            (true, _) => below + SPACING,
            (false, true) => below - SPACING,
            (false, false) => below,
        })
    }

    fn provider_act(&mut self) -> Transaction {
        let person = *self.rng.pick(&self.people);
        let (usd_units, tkn_units) = self.purse();
        let Some((id, held)) = self.any_nft() else { return self.new_position(person) };
        let owner = held.owner;
        match self.rng.between(0, 99) {
            0..30 if self.nfts.len() < NFTS_MAX => self.new_position(person),
            0..46 => self.stage.increase(owner, id, usd_units, tkn_units),
            46..58 if held.liquidity > 1 => {
                let tenths = u128::from(self.rng.between(1, 9));
                self.stage.decrease(owner, id, (held.liquidity / 10).max(1) * tenths.min(held.liquidity))
            }
            58..64 if held.liquidity > 0 => self.stage.decrease(owner, id, held.liquidity),
            46..82 => self.stage.collect(owner, id),
            82..86 => self.stage.transfer_nft(owner, person, id),
            86..91 => self.stage.increase(person, id, usd_units / 20, tkn_units / 20),
            91..96 => self.leave(id, held),
            _ => {
                let to = *self.rng.pick(&self.people);
                self.stage.send_tokens(self.stage.usd, person, to, usd_units)
            }
        }
    }

    /// Takes everything and burns the NFT, in one transaction.
    pub(super) fn leave(&self, id: u64, held: Held) -> Transaction {
        let mut acts = vec![self.stage.collect(held.owner, id), self.stage.burn_nft(held.owner, id)];
        if held.liquidity > 0 {
            acts.insert(0, self.stage.decrease(held.owner, id, held.liquidity));
        }
        self.stage.multicall(held.owner, &acts)
    }

    fn any_nft(&mut self) -> Option<(u64, Held)> {
        let ids: Vec<_> = self.nfts.keys().copied().collect();
        if ids.is_empty() {
            return None;
        }
        let id = *self.rng.pick(&ids);
        Some((id, self.nfts[&id]))
    }

    pub(super) fn new_position(&mut self, person: Address) -> Transaction {
        let range = self.any_range();
        let (usd_units, tkn_units) = self.purse();
        self.stage.mint(&self.pool, person, person, range, usd_units, tkn_units)
    }

    pub(super) fn side_position(&mut self, person: Address) -> Transaction {
        let (usd_units, tkn_units) = self.purse();
        let wide = range(CENTRE.0 - 6000, CENTRE.0 + 6000);
        self.stage.mint(&self.side_pool, person, person, wide, usd_units, tkn_units)
    }

    /// Around the price, or beside it now and then; never beyond everybody's reach.
    pub(super) fn any_range(&mut self) -> TickRange {
        let width = *self.rng.pick(&WIDTHS);
        let beside = i32::try_from(self.rng.between(0, 1200)).expect("a thousand ticks") - 600;
        let middle = self.tick.0 + if self.rng.chance(40) { beside } else { 0 };
        let lowest = CENTRE.0 - RANGES_REACH;
        let lower = (middle - width / 2).clamp(lowest, lowest + 2 * RANGES_REACH - width);
        let lower = lower.div_euclid(SPACING) * SPACING;
        range(lower, lower + width)
    }

    /// Some hundred to some ten thousand dollars' worth, of either token.
    pub(super) fn purse(&mut self) -> (u128, u128) {
        let dollars = self.rng.between(200, 500) << self.rng.between(0, 5);
        (usd(dollars), tkn(2 * dollars))
    }
}
