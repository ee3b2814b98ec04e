//! Ownership as a campaign sees it, and a short way to write down what happens.

use std::collections::BTreeMap;

use accrual_rewards::event::PoolEvent;
use accrual_rewards::id::Holding;
use accrual_rewards::ledger::{Change, Fault, PositionIndex, StakeChange};
use accrual_rewards::ownership::{Move, Owner, Ownership, StakeIndex, VaultIndex};
use accrual_rewards::pool::{Wrapper, WrapperKind};
use accrual_rewards::unit::{Amount, BlockNumber, Liquidity, Tick, TickRange};
use alloy_primitives::{Address, U256, address};

pub(crate) const NOBODY: Address = Address::ZERO;
pub(crate) const ANN: Address = address!("00000000000000000000000000000000000000aa");
pub(crate) const BOB: Address = address!("00000000000000000000000000000000000000bb");
pub(crate) const CAT: Address = address!("00000000000000000000000000000000000000cc");
pub(crate) const GAUGE: Address = address!("0000000000000000000000000000000000000061");
pub(crate) const FARM: Address = address!("0000000000000000000000000000000000000062");
pub(crate) const PROXY: Address = address!("0000000000000000000000000000000000000071");
pub(crate) const VAULT: Address = address!("0000000000000000000000000000000000000081");
pub(crate) const OUTER: Address = address!("0000000000000000000000000000000000000082");
pub(crate) const MANAGER: Address = address!("00000000000000000000000000000000000000ff");

pub(crate) const RANGE: TickRange = TickRange { lower: Tick(-60), upper: Tick(60) };

pub(crate) fn wrapper(kind: WrapperKind, address: Address) -> Wrapper {
    Wrapper { kind, address, holder: address, to: None }
}

pub(crate) fn nft_gauge() -> Wrapper {
    wrapper(WrapperKind::ClGauge, GAUGE)
}

pub(crate) fn nft_farm() -> Wrapper {
    wrapper(WrapperKind::ClGauge, FARM)
}

pub(crate) fn share_gauge() -> Wrapper {
    wrapper(WrapperKind::Erc20Gauge, GAUGE)
}

pub(crate) fn vault() -> Wrapper {
    wrapper(WrapperKind::Erc20Vault, VAULT)
}

pub(crate) fn outer() -> Wrapper {
    wrapper(WrapperKind::Erc20Vault, OUTER)
}

/// A vault whose liquidity is held by [`PROXY`].
pub(crate) fn proxied() -> Wrapper {
    Wrapper { holder: PROXY, ..vault() }
}

pub(crate) fn remap(from: Address, to: Address) -> Wrapper {
    Wrapper { to: Some(to), ..wrapper(WrapperKind::Remap, from) }
}

/// What happens.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Step {
    /// The ledger says that a position has this holder and liquidity.
    Hold(u32, Address, u128),
    /// A gauge says that it took a position's NFT from somebody.
    Stake(Address, u32, Address),
    /// A gauge says that it gave a position's NFT back to somebody.
    Unstake(Address, u32, Address),
    /// A wrapper says that its shares moved.
    Move(Address, Address, Address, u128),
    /// The next block begins.
    Block,
}
use Step::{Block, Hold, Move as Shares, Stake, Unstake};

/// Ownership as a campaign sees it: by the moves alone.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) ownership: Ownership,
    block: u64,
    stakes: BTreeMap<StakeIndex, (Owner, u128)>,
    members: BTreeMap<VaultIndex, BTreeMap<Owner, u128>>,
}

/// An account has of a position so much, by this way.
pub(crate) type Row = (u32, Address, u128, Vec<Address>);

impl Seen {
    fn new(wrappers: &[Wrapper]) -> Self {
        Self { ownership: Ownership::new(wrappers.to_vec()), ..Self::default() }
    }

    pub(crate) fn play(wrappers: &[Wrapper], steps: &[Step]) -> Result<Self, Fault> {
        let mut seen = Self::new(wrappers);
        steps.iter().try_for_each(|step| seen.step(*step))?;
        Ok(seen)
    }

    pub(crate) fn step(&mut self, step: Step) -> Result<(), Fault> {
        let find = |holding: &Holding| match holding {
            Holding::Nft { id, .. } => Some(PositionIndex(u32::try_from(*id).expect("a small id"))),
            _ => None,
        };
        self.ownership.begin(BlockNumber(self.block))?;
        let mut moves = Vec::new();
        match step {
            Hold(position, holder, liquidity) => {
                let (position, liquidity) = (PositionIndex(position), Liquidity(liquidity));
                let change = StakeChange { position, range: RANGE, liquidity, holder };
                self.ownership.follow(Change::Stakes(vec![change]), &mut moves)?;
            }
            Stake(wrapper, id, depositor) => {
                let event = PoolEvent::NftStaked { wrapper, holding: nft(id), depositor };
                self.ownership.apply(&event, find, &mut moves)?;
            }
            Unstake(wrapper, id, depositor) => {
                let event = PoolEvent::NftUnstaked { wrapper, holding: nft(id), depositor };
                self.ownership.apply(&event, find, &mut moves)?;
            }
            Shares(wrapper, from, to, shares) => {
                let shares = Amount(U256::from(shares));
                let event = PoolEvent::WrapperSharesMoved { wrapper, from, to, shares };
                self.ownership.apply(&event, find, &mut moves)?;
            }
            Block => {
                self.block += 1;
                self.ownership.begin(BlockNumber(self.block))?;
            }
        }
        moves.into_iter().for_each(|one| self.fold(one));
        Ok(())
    }

    fn fold(&mut self, one: Move) {
        match one {
            Move::Pool(change) => panic!("{change:?} was never given"),
            Move::Stake { stake, range, liquidity, owner } => {
                assert_eq!(range, RANGE);
                self.stakes.insert(stake, (owner, liquidity.0));
            }
            Move::Shares { vault, member, shares } => {
                self.members.entry(vault).or_default().insert(member, shares.0);
            }
        }
    }

    fn rows(&self) -> Vec<Row> {
        let mut rows = Vec::new();
        for (stake, (owner, liquidity)) in &self.stakes {
            self.expand(*stake, None, *owner, *liquidity, &mut rows);
        }
        rows.sort();
        rows
    }

    fn expand(
        &self,
        stake: StakeIndex,
        through: Option<VaultIndex>,
        owner: Owner,
        part: u128,
        rows: &mut Vec<Row>,
    ) {
        if part == 0 {
            return;
        }
        match owner {
            Owner::Account(account) => {
                let position = self.ownership.stakes()[stake.as_usize()].position.0;
                rows.push((position, account, part, self.ownership.via(stake, through, account)));
            }
            Owner::Vault(vault) => {
                let none = BTreeMap::new();
                let members = self.members.get(&vault).unwrap_or(&none);
                let supply: u128 = members.values().sum();
                for (member, shares) in members {
                    self.expand(stake, Some(vault), *member, part * shares / supply, rows);
                }
            }
        }
    }
}

pub(crate) fn nft(id: u32) -> Holding {
    Holding::Nft { manager: MANAGER, id: U256::from(id) }
}

pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) wrappers: Vec<Wrapper>,
    pub(crate) steps: Vec<Step>,
    pub(crate) owners: Vec<(u32, Address, u128, &'static [Address])>,
}

pub(crate) fn check(cases: Vec<Case>) {
    for Case { name, wrappers, steps, owners } in cases {
        let seen = Seen::play(&wrappers, &steps).unwrap_or_else(|fault| panic!("{name}: {fault}"));
        let rows: Vec<_> = seen.rows();
        let expected: Vec<Row> = owners
            .into_iter()
            .map(|(position, owner, part, via)| (position, owner, part, via.to_vec()))
            .collect();
        assert_eq!(rows, expected, "{name}");
        assert_kept_and_read_again(&seen.ownership, name);
    }
}

pub(crate) fn assert_kept_and_read_again(ownership: &Ownership, name: &str) {
    let bytes = postcard::to_allocvec(ownership).expect("it can be written");
    let again: Ownership = postcard::from_bytes(&bytes).expect("it can be read");
    assert_eq!(&again, ownership, "{name}: read back");
    assert_eq!(postcard::to_allocvec(&again).expect("it can be written"), bytes, "{name}: written again");
}
