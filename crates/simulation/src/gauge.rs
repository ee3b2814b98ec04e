//! Slipstream's gauge: it takes positions' NFTs, and the pool then knows them by its name.

use accrual_indexer::decode::wrapper::nft_gauge;
use accrual_rewards::event::PoolEvent;
use alloy::primitives::{Address, U256};
use alloy::sol_types::SolEvent;

use crate::chance::Chance;
use crate::concentrated::{Concentrated, moved, nft};
use crate::world::{GAUGE, Transaction};

impl Concentrated {
    /// An NFT goes into the gauge, comes back out of it, or gives up a part of its liquidity there.
    pub(crate) fn stake(&mut self, chance: &mut Chance) -> Option<Transaction> {
        let is_put_in = self.staked.is_empty() || chance.permille(500);
        if is_put_in {
            return self.put_in(chance);
        }
        let place = chance.index(self.staked.len());
        if chance.permille(300) { self.take_part(place) } else { Some(self.take_out(place)) }
    }

    fn put_in(&mut self, chance: &mut Chance) -> Option<Transaction> {
        let (id, _, held, owner) = self.some_nft(chance)?;
        if held == 0 {
            return None;
        }
        self.ids.retain(|kept| *kept != id);
        self.staked.push((id, owner));
        let said = nft_gauge::Deposit { user: owner, tokenId: U256::from(id), liquidityToStake: held };
        Some(vec![self.hand(id, owner, GAUGE), (GAUGE, said.encode_log_data())])
    }

    fn take_out(&mut self, place: usize) -> Transaction {
        let (id, owner) = self.staked.swap_remove(place);
        self.ids.push(id);
        let (_, held, _) = self.position(id);
        let said = nft_gauge::Withdraw { user: owner, tokenId: U256::from(id), liquidityToStake: held };
        vec![self.hand(id, GAUGE, owner), (GAUGE, said.encode_log_data())]
    }

    fn take_part(&mut self, place: usize) -> Option<Transaction> {
        let (id, _) = self.staked[place];
        let (range, held, _) = self.position(id);
        let part = held / 4;
        (part > 0).then(|| self.remove(GAUGE, id, range, part))
    }

    fn hand(&mut self, id: u64, from: Address, to: Address) -> (Address, alloy::primitives::LogData) {
        self.fold(&PoolEvent::HolderChanged { holding: nft(id), from, to });
        moved(from, to, id)
    }
}
