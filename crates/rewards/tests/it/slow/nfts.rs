//! NFTs that go in and out of a gauge, resolved afresh from who holds what and who deposited what.

use std::collections::BTreeMap;

use accrual_rewards::event::PoolEvent;
use accrual_rewards::id::Holding;
use accrual_rewards::ledger::pooled::WHOLE;
use accrual_rewards::ledger::{Change, PositionIndex, StakeChange};
use accrual_rewards::ownership::{Move, Ownership};
use accrual_rewards::pool::{Wrapper, WrapperKind};
use accrual_rewards::unit::{BlockNumber, Liquidity};
use alloy_primitives::{Address, U256};
use num_rational::BigRational;
use proptest::collection::vec;
use proptest::prelude::*;

use super::exact::whole;

const GAUGE: u8 = 0x61;

fn address(number: u8) -> Address {
    Address::with_last_byte(number)
}

/// One thing that is done to an NFT, if it can be.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Act {
    /// Liquidity is set, by whoever may.
    Set(u32, u64),
    /// It is handed over by its holder, who is no gauge; to a gauge, without a deposit.
    Give(u32, u8),
    /// Its holder deposits it.
    Stake(u32),
    /// Its depositor takes it back; in the order that gauges have, or in the other.
    Unstake(u32, bool),
    /// A block ends.
    Block,
}

pub(crate) fn acts() -> impl Strategy<Value = Vec<Act>> {
    let holder = prop_oneof![6 => 1_u8..5, 1 => Just(GAUGE)];
    let act = prop_oneof![
        (0_u32..4, 0_u64..100).prop_map(|(id, liquidity)| Act::Set(id, liquidity)),
        (0_u32..4, holder).prop_map(|(id, to)| Act::Give(id, to)),
        (0_u32..4).prop_map(Act::Stake),
        (0_u32..4, any::<bool>()).prop_map(|(id, transfer_first)| Act::Unstake(id, transfer_first)),
        Just(Act::Block),
    ];
    vec(act, 1..40)
}

/// An NFT: its liquidity, its holder, and who deposited it where it is staked.
#[derive(Debug, Clone, Copy, Default)]
struct Nft {
    liquidity: u64,
    holder: u8,
    depositor: Option<u8>,
}

/// All NFTs, with what the library was told of them.
pub(crate) struct World {
    ownership: Ownership,
    block: u64,
    nfts: BTreeMap<u32, Nft>,
}

impl World {
    pub(crate) fn new() -> Self {
        let (kind, address) = (WrapperKind::ClGauge, address(GAUGE));
        let gauge = Wrapper { kind, address, holder: address, to: None };
        Self { ownership: Ownership::new(vec![gauge]), block: 1, nfts: BTreeMap::new() }
    }

    /// Does one thing, and answers with the moves that the library makes of it.
    pub(crate) fn act(&mut self, act: Act) -> Vec<Move> {
        match act {
            Act::Set(id, liquidity) => {
                self.nfts.entry(id).or_default().liquidity = liquidity;
                self.hold(id)
            }
            Act::Give(id, to) if self.free(id) => self.give(id, to),
            Act::Stake(id) if self.free(id) && self.nfts[&id].holder != 0 => {
                let depositor = self.nfts[&id].holder;
                let moves = self.give(id, GAUGE);
                [moves, self.tell(id, Some(depositor))].concat()
            }
            Act::Unstake(id, transfer_first) => match self.nfts.get(&id).and_then(|nft| nft.depositor) {
                Some(depositor) if transfer_first => [self.give(id, depositor), self.tell(id, None)].concat(),
                Some(depositor) => [self.tell(id, None), self.give(id, depositor)].concat(),
                None => Vec::new(),
            },
            Act::Block => {
                self.block += 1;
                Vec::new()
            }
            Act::Give(..) | Act::Stake(_) => Vec::new(),
        }
    }

    fn free(&self, id: u32) -> bool {
        self.nfts.get(&id).is_some_and(|nft| nft.holder != GAUGE)
    }

    fn give(&mut self, id: u32, to: u8) -> Vec<Move> {
        self.nfts.get_mut(&id).expect("it is there").holder = to;
        self.hold(id)
    }

    fn hold(&mut self, id: u32) -> Vec<Move> {
        let Nft { liquidity, holder, .. } = self.nfts[&id];
        let change = StakeChange {
            position: PositionIndex(id),
            range: WHOLE,
            liquidity: Liquidity(u128::from(liquidity)),
            holder: address(holder),
        };
        self.begin();
        let mut moves = Vec::new();
        self.ownership.follow(Change::Stakes(vec![change]), &mut moves).expect("liquidity is small");
        moves
    }

    fn tell(&mut self, id: u32, depositor: Option<u8>) -> Vec<Move> {
        let nft = self.nfts.get_mut(&id).expect("it is there");
        let before = std::mem::replace(&mut nft.depositor, depositor);
        let (wrapper, holding) =
            (address(GAUGE), Holding::Nft { manager: address(0xff), id: U256::from(id) });
        let event = match (before, depositor) {
            (None, Some(depositor)) => {
                PoolEvent::NftStaked { wrapper, holding, depositor: address(depositor) }
            }
            (Some(depositor), None) => {
                PoolEvent::NftUnstaked { wrapper, holding, depositor: address(depositor) }
            }
            _ => unreachable!("it is staked or not"),
        };
        self.begin();
        let mut moves = Vec::new();
        self.ownership.apply(&event, |_| Some(PositionIndex(id)), &mut moves).expect("an honest gauge");
        moves
    }

    fn begin(&mut self) {
        self.ownership.begin(BlockNumber(self.block)).expect("a block before this one was whole");
    }

    /// What each account stands behind, in liquidity.
    pub(crate) fn owned(&self) -> BTreeMap<Address, BigRational> {
        let mut owned = BTreeMap::new();
        for nft in self.nfts.values().filter(|nft| nft.liquidity > 0) {
            let owner = nft.depositor.unwrap_or(nft.holder);
            *owned.entry(address(owner)).or_insert_with(|| whole(0)) += whole(nft.liquidity);
        }
        owned
    }
}
