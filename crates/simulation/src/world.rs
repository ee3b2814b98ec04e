//! The contracts of the simulated chain: two pools as Uniswap's and one as Slipstream's with its gauge (`gauge.rs`), one
//! of others, their position manager, and a token.

use accrual_indexer::decode::token;
use accrual_rewards::event::PoolEvent;
use accrual_rewards::id::Holding;
use alloy::primitives::{Address, LogData, U256};
use alloy::sol_types::SolEvent;

use crate::chance::Chance;
use crate::concentrated::{Concentrated, increased, moved, nft};

/// The contract whose NFTs stand for positions in all of these pools.
pub(crate) const MANAGER: Address = Address::repeat_byte(0x20);
/// Two pools that are followed, one that is not, and one with a gauge.
pub(crate) const POOLS: [Address; 4] = [
    Address::repeat_byte(0x11),
    Address::repeat_byte(0x12),
    Address::repeat_byte(0x13),
    Address::repeat_byte(0x15),
];
/// The pool whose positions can be staked, by its place.
pub(crate) const STAKED: usize = 3;
/// Its gauge.
pub(crate) const GAUGE: Address = Address::repeat_byte(0x21);
/// A token that is paid by balance.
pub(crate) const TOKEN: Address = Address::repeat_byte(0x14);
/// What the pools hold.
pub(crate) const TOKEN0: Address = Address::repeat_byte(0x61);
pub(crate) const TOKEN1: Address = Address::repeat_byte(0x62);
/// By pool.
pub(crate) const SPACINGS: [i32; 4] = [10, 60, 10, 50];
pub(crate) const FEES_PPM: [u32; 4] = [500, 3000, 500, 400];

pub(crate) const ACCOUNTS: usize = 6;

/// Logs of one transaction, each with its emitter.
pub(crate) type Transaction = Vec<(Address, LogData)>;

/// Everything that the contracts keep.
#[derive(Debug, Clone)]
pub(crate) struct World {
    pools: Vec<Concentrated>,
    balances: [u64; ACCOUNTS],
    next_id: u64,
}

/// The n-th account.
pub(crate) fn account(number: usize) -> Address {
    Address::repeat_byte(0xa1 + u8::try_from(number).expect("there are few accounts"))
}

impl World {
    /// Before the first pool.
    pub(crate) fn new() -> Self {
        Self { pools: (0..POOLS.len()).map(Concentrated::new).collect(), balances: [0; ACCOUNTS], next_id: 1 }
    }

    /// What `pool` writes when it gets its first price.
    pub(crate) fn initialize(&mut self, pool: usize, tick: i32) -> Transaction {
        vec![self.pools[pool].initialize(tick)]
    }

    /// Something that somebody does; `None` when chance chose what is impossible now.
    pub(crate) fn act(&mut self, chance: &mut Chance) -> Option<Transaction> {
        let place = chance.index(self.pools.len());
        if !self.pools[place].has_price() {
            return None;
        }
        match chance.between(0, 99) {
            0..30 => self.pools[place].swap(chance),
            30..50 => Some(self.mint(place, chance)),
            50..58 => self.pools[place].increase(chance),
            58..70 => self.pools[place].decrease(chance),
            70..78 => self.pools[place].collect(chance),
            78..88 if place == STAKED => self.pools[place].stake(chance),
            78..88 => self.pools[place].hand_over(chance),
            _ => self.transfer(chance),
        }
    }

    /// A new NFT, or a position held straight in the pool.
    fn mint(&mut self, place: usize, chance: &mut Chance) -> Transaction {
        let pool = &mut self.pools[place];
        let (range, liquidity) = (pool.range(chance), chance.between(1, 1 << 50).into());
        let owner = account(chance.index(ACCOUNTS));
        if chance.permille(150) {
            return vec![pool.add(Holding::Own { owner, range }, owner, range, liquidity).0];
        }
        let id = self.next_id;
        self.next_id += 1;
        pool.ids.push(id);
        let holding = nft(id);
        let (mint, (paid0, paid1)) = pool.add(holding, MANAGER, range, liquidity);
        pool.fold(&PoolEvent::HolderChanged { holding, from: Address::ZERO, to: owner });
        vec![mint, moved(Address::ZERO, owner, id), increased(id, liquidity, paid0, paid1)]
    }

    fn transfer(&mut self, chance: &mut Chance) -> Option<Transaction> {
        let (from, to) = (chance.index(ACCOUNTS), chance.index(ACCOUNTS));
        let is_minted = chance.permille(400);
        let value =
            if is_minted { chance.between(1, 1 << 40) } else { self.balances[from] / chance.between(1, 3) };
        if value == 0 {
            return None;
        }
        let giver = if is_minted {
            Address::ZERO
        } else {
            self.balances[from] -= value;
            account(from)
        };
        self.balances[to] += value;
        let log = token::Transfer { from: giver, to: account(to), value: U256::from(value) };
        Some(vec![(TOKEN, log.encode_log_data())])
    }
}
