//! Who stands behind whom, resolved afresh from plain balances: of a token, a gauge that takes it, a vault in a vault,
//! and one account's other name.

use std::collections::BTreeMap;

use accrual_rewards::event::PoolEvent;
use accrual_rewards::ledger::pooled::WHOLE;
use accrual_rewards::ledger::{Change, PositionIndex, StakeChange};
use accrual_rewards::ownership::{Move, Ownership};
use accrual_rewards::pool::{Wrapper, WrapperKind};
use accrual_rewards::unit::{Amount, BlockNumber, Liquidity};
use alloy_primitives::{Address, U256};
use num_bigint::BigInt;
use num_rational::BigRational;
use proptest::collection::vec;
use proptest::prelude::*;

use super::exact::whole;

const GAUGE: u8 = 0x61;
/// A vault whose own liquidity is held by [`PROXY`]; the other vault may be one of its shareholders.
const OUTER: u8 = 0x71;
const PROXY: u8 = 0x72;
const INNER: u8 = 0x73;
/// Another name of account 1.
const OTHER_NAME: u8 = 4;

fn address(number: u8) -> Address {
    Address::with_last_byte(number)
}

pub(crate) fn wrappers() -> Vec<Wrapper> {
    let wrapper = |kind, contract, holder, to: Option<u8>| Wrapper {
        kind,
        address: address(contract),
        holder: address(holder),
        to: to.map(address),
    };
    vec![
        wrapper(WrapperKind::Erc20Vault, OUTER, PROXY, None),
        wrapper(WrapperKind::Erc20Gauge, GAUGE, GAUGE, None),
        wrapper(WrapperKind::Erc20Vault, INNER, INNER, None),
        wrapper(WrapperKind::Remap, OTHER_NAME, OTHER_NAME, Some(1)),
    ]
}

/// One thing that is done, if whoever does it has that much.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Act {
    /// Time passes, in seconds.
    Wait(u64),
    /// Shares of the pool move; from zero they come to be.
    Give(u8, u8, u64),
    /// Shares of the pool go into the gauge, for somebody.
    Deposit(u8, u8, u64),
    /// Shares of the pool come out of the gauge.
    Withdraw(u8, u64),
    /// Shares of a wrapper move; of the gauge, deposits change hands.
    Wrapper(u8, u8, u8, u64),
}

pub(crate) fn acts() -> impl Strategy<Value = Vec<Act>> {
    let person = || prop_oneof![4 => 1_u8..6, 1 => Just(PROXY), 1 => Just(INNER), 1 => Just(OUTER)];
    let anybody = || prop_oneof![3 => person(), 1 => Just(0), 1 => Just(GAUGE)];
    let shares = || prop_oneof![Just(0_u64), 1_u64..30, 1..u64::MAX / 100];
    // The outer vault's token must not come to the inner vault's shareholders' side: no circles here.
    let outer = (Just(OUTER), anybody(), anybody());
    let inner = (Just(INNER), prop_oneof![Just(0), 1_u8..6], prop_oneof![Just(0), 1_u8..6, Just(INNER)]);
    let gauge = (Just(GAUGE), person(), person());
    let act = prop_oneof![
        3 => (0_u64..30).prop_map(Act::Wait),
        4 => (anybody(), anybody(), shares()).prop_map(|(from, to, shares)| Act::Give(from, to, shares)),
        3 => (person(), person(), shares()).prop_map(|(from, to, shares)| Act::Deposit(from, to, shares)),
        2 => (person(), shares()).prop_map(|(who, shares)| Act::Withdraw(who, shares)),
        5 => (prop_oneof![outer, inner, gauge], shares())
            .prop_map(|((wrapper, from, to), shares)| Act::Wrapper(wrapper, from, to, shares)),
    ];
    vec(act, 1..40)
}

/// Balances of one token, by account.
type Balances = BTreeMap<u8, u64>;

/// All balances, with what the library was told of them.
pub(crate) struct World {
    pub(crate) ownership: Ownership,
    pub(crate) seconds: u64,
    block: u64,
    pool: Balances,
    wrappers: BTreeMap<u8, Balances>,
    positions: BTreeMap<u8, PositionIndex>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self {
            ownership: Ownership::new(wrappers()),
            seconds: 0,
            block: 1,
            pool: Balances::new(),
            wrappers: BTreeMap::new(),
            positions: BTreeMap::new(),
        }
    }

    pub(crate) fn block(&self) -> BlockNumber {
        BlockNumber(self.block)
    }

    /// Does one thing, and answers with the moves that the library makes of it. What cannot be is not done: a gauge's
    /// own deposits must stay what it holds, so it gives nothing away but by withdrawals.
    pub(crate) fn act(&mut self, act: Act) -> Vec<Move> {
        match act {
            Act::Wait(seconds) => {
                self.block += 1;
                self.seconds += seconds;
                Vec::new()
            }
            Act::Give(GAUGE, ..) => Vec::new(),
            Act::Give(from, to, shares) => self.give(from, to, shares),
            Act::Deposit(from, to, shares) if self.has(from, shares) => {
                [self.give(from, GAUGE, shares), self.tell(GAUGE, 0, to, shares)].concat()
            }
            Act::Withdraw(who, shares) if of(self.wrappers.get(&GAUGE), who) >= shares => {
                [self.give(GAUGE, who, shares), self.tell(GAUGE, who, 0, shares)].concat()
            }
            Act::Deposit(..) | Act::Withdraw(..) => Vec::new(),
            Act::Wrapper(wrapper, from, to, shares) => self.tell(wrapper, from, to, shares),
        }
    }

    fn has(&self, who: u8, shares: u64) -> bool {
        self.pool.get(&who).is_some_and(|held| *held >= shares)
    }

    fn give(&mut self, from: u8, to: u8, shares: u64) -> Vec<Move> {
        if !transfer(&mut self.pool, from, to, shares) {
            return Vec::new();
        }
        let moved: Vec<u8> = [from, to].into_iter().filter(|who| *who != 0).collect();
        let changes = moved.into_iter().map(|who| self.stake(who)).collect();
        self.ownership.begin(self.block()).expect("a block before this one was whole");
        let mut moves = Vec::new();
        self.ownership.follow(Change::Stakes(changes), &mut moves).expect("balances are small");
        moves
    }

    fn stake(&mut self, who: u8) -> StakeChange {
        let next = PositionIndex(u32::try_from(self.positions.len()).expect("few"));
        let position = *self.positions.entry(who).or_insert(next);
        let liquidity = Liquidity(u128::from(self.pool[&who]));
        StakeChange { position, range: WHOLE, liquidity, holder: address(who) }
    }

    fn tell(&mut self, wrapper: u8, from: u8, to: u8, shares: u64) -> Vec<Move> {
        if !transfer(self.wrappers.entry(wrapper).or_default(), from, to, shares) {
            return Vec::new();
        }
        let event = PoolEvent::WrapperSharesMoved {
            wrapper: address(wrapper),
            from: address(from),
            to: address(to),
            shares: Amount(U256::from(shares)),
        };
        self.ownership.begin(self.block()).expect("a block before this one was whole");
        let mut moves = Vec::new();
        self.ownership.apply(&event, |_| None, &mut moves).expect("nobody gives what it has not");
        moves
    }

    /// What each account stands behind, in shares of the pool.
    pub(crate) fn owned(&self) -> BTreeMap<Address, BigRational> {
        let mut owned = BTreeMap::new();
        for (holder, shares) in &self.pool {
            if *holder == GAUGE {
                let deposits = self.wrappers.get(&GAUGE).cloned().unwrap_or_default();
                let own = shares - deposits.values().sum::<u64>();
                self.add(GAUGE, &whole(own), &mut owned);
                deposits.iter().for_each(|(who, shares)| self.add(*who, &whole(*shares), &mut owned));
            } else {
                self.add(*holder, &whole(*shares), &mut owned);
            }
        }
        owned
    }

    fn add(&self, account: u8, part: &BigRational, owned: &mut BTreeMap<Address, BigRational>) {
        let vault = match account {
            PROXY => OUTER,
            INNER => INNER,
            _ => 0,
        };
        if vault == 0 {
            let name = if account == OTHER_NAME { 1 } else { account };
            *owned.entry(address(name)).or_insert_with(|| whole(0)) += part;
            return;
        }
        let members = self.wrappers.get(&vault).cloned().unwrap_or_default();
        let supply: BigInt = members.values().map(|shares| BigInt::from(*shares)).sum();
        for (member, shares) in members.iter().filter(|(_, shares)| **shares > 0) {
            let part = part * BigRational::new(BigInt::from(*shares), supply.clone());
            let own = *member == account;
            if own {
                *owned.entry(address(account)).or_insert_with(|| whole(0)) += part;
            } else {
                self.add(*member, &part, owned);
            }
        }
    }
}

fn of(balances: Option<&Balances>, who: u8) -> u64 {
    balances.and_then(|balances| balances.get(&who)).copied().unwrap_or(0)
}

fn transfer(balances: &mut Balances, from: u8, to: u8, shares: u64) -> bool {
    let held = of(Some(balances), from);
    if from == 0 && to == 0 || from != 0 && held < shares {
        return false;
    }
    if from != 0 {
        balances.insert(from, held - shares);
    }
    if to != 0 {
        let sum = of(Some(balances), to).saturating_add(shares);
        balances.insert(to, sum);
    }
    true
}
