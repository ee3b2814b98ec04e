//! Seeded people around two pools of one manager. What may fail is let fail: the chain says what came of it.

use std::collections::BTreeMap;

use accrual_rehearsal::{
    Anvil, AnvilOptions, Mined, Pool, Rng, Stage, Swap, Transaction, abi, account, ensure_npm, range, tkn,
    usd,
};
use accrual_rewards::unit::{Tick, TickRange};
use alloy::primitives::Address;

const CENTRE: Tick = Tick(283_200);
/// Swaps stop so far from the centre.
const REACH_TICKS: i32 = 2400;
const PEOPLE: usize = 8;
const ACTS_PER_BLOCK_MAX: u64 = 4;

/// Everything that anybody does; each block takes some of them.
const KINDS: [&str; 21] = [
    "mint",
    "twin mints",
    "mint for another",
    "increase",
    "increase by a stranger",
    "decrease",
    "decrease to zero",
    "collect",
    "leave",
    "transfer to oneself",
    "transfer",
    "mint without NFT",
    "burn without NFT",
    "poke without NFT",
    "mint for the manager",
    "mint for a person without NFT",
    "pass through",
    "swap up",
    "swap down",
    "flash",
    "protocol fee",
];

/// The people, the stage they are on, and what they remember.
pub(super) struct Crowd {
    pub(super) stage: Stage,
    pub(super) pools: [Pool; 2],
    people: Vec<Address>,
    pub(super) memory: Memory,
    /// Acts that went through, by kind.
    pub(super) done: BTreeMap<&'static str, usize>,
}

/// What a reorganization takes back.
#[derive(Clone)]
pub(super) struct Memory {
    rng: Rng,
    nfts: BTreeMap<u64, Nft>,
    held: Vec<(usize, TickRange)>,
    burnt: usize,
}

#[derive(Clone, Copy)]
struct Nft {
    owner: Address,
    liquidity: u128,
}

const HELD_LIQUIDITY: u128 = 900_000_000_000_000;

impl Crowd {
    /// A fresh node with two pools and some people; nobody has done anything yet.
    pub(super) async fn gather(seed: u64) -> Self {
        let npm = ensure_npm().unwrap();
        let anvil = Anvil::start(&npm, AnvilOptions::default()).await.unwrap();
        let mut stage = Stage::set_up(anvil.into(), &npm).await.unwrap();
        let pools =
            [stage.open_pool(3000, CENTRE).await.unwrap(), stage.open_pool(500, CENTRE).await.unwrap()];
        let people: Vec<Address> = (0..PEOPLE).map(|index| account(&format!("person {index}"))).collect();
        stage.enroll(&people).await.unwrap();
        let memory = Memory { rng: Rng::new(seed), nfts: BTreeMap::new(), held: Vec::new(), burnt: 0 };
        let mut crowd = Self { stage, pools, people, memory, done: BTreeMap::new() };
        // Somebody is always in range, so that swaps find something.
        let wide = range(CENTRE.0 - 6000, CENTRE.0 + 6000);
        let first = crowd.people[0];
        let acts: Vec<_> = crowd
            .pools
            .iter()
            .map(|pool| crowd.stage.mint(pool, first, first, wide, usd(20_000), tkn(40_000)))
            .collect();
        crowd.block(vec![("mint", acts[0].clone()), ("mint", acts[1].clone())]).await;
        crowd
    }

    /// Makes so many blocks of whatever comes to mind; some are empty.
    pub(super) async fn play(&mut self, blocks: u64) {
        for _ in 0..blocks {
            let mut acts = Vec::new();
            for _ in 0..self.memory.rng.between(0, ACTS_PER_BLOCK_MAX) {
                acts.extend(self.any_act().await);
            }
            self.block(acts).await;
        }
    }

    /// Replaces the newest `depth` blocks; `before` is what was remembered below them.
    pub(super) async fn forget(&mut self, depth: u64, before: &Memory) {
        self.stage.reorg(depth).await.unwrap();
        let mut before = before.clone();
        // Other acts than on the branch that is gone.
        before.rng = Rng::new(depth ^ self.memory.rng.any());
        self.memory = before;
    }

    /// Kinds of acts that never went through.
    pub(super) fn missing(&self) -> Vec<&'static str> {
        KINDS.into_iter().filter(|kind| !self.done.contains_key(kind)).collect()
    }

    /// NFTs that were burnt.
    pub(super) fn burnt(&self) -> usize {
        self.memory.burnt
    }

    async fn block(&mut self, acts: Vec<(&'static str, Transaction)>) {
        let sent: Vec<Transaction> = acts.iter().map(|(_, act)| act.clone().or_revert()).collect();
        let mined = self.stage.play(&sent).await.unwrap();
        for ((kind, _), receipt) in acts.iter().zip(&mined.receipts) {
            if receipt.status() {
                *self.done.entry(kind).or_default() += 1;
            }
        }
        self.remember(&mined);
    }

    /// NFTs as the block's logs say, kind by kind: within a block, only the last owner and the sums matter.
    fn remember(&mut self, mined: &Mined) {
        let manager = self.stage.manager;
        let nfts = &mut self.memory.nfts;
        for transfer in mined.events::<abi::Manager::Transfer>(manager) {
            let id: u64 = transfer.tokenId.saturating_to();
            if transfer.to.is_zero() {
                nfts.remove(&id);
                self.memory.burnt += 1;
            } else {
                nfts.entry(id).or_insert(Nft { owner: transfer.to, liquidity: 0 }).owner = transfer.to;
            }
        }
        for increase in mined.events::<abi::Manager::IncreaseLiquidity>(manager) {
            if let Some(nft) = nfts.get_mut(&increase.tokenId.saturating_to()) {
                nft.liquidity += increase.liquidity;
            }
        }
        for decrease in mined.events::<abi::Manager::DecreaseLiquidity>(manager) {
            if let Some(nft) = nfts.get_mut(&decrease.tokenId.saturating_to()) {
                nft.liquidity = nft.liquidity.saturating_sub(decrease.liquidity);
            }
        }
    }

    async fn any_act(&mut self) -> Option<(&'static str, Transaction)> {
        let place = usize::from(self.memory.rng.chance(50));
        let pool = self.pools[place].clone();
        let tick = self.stage.tick(&pool).await.unwrap();
        let stage = &self.stage;
        let rng = &mut self.memory.rng;
        let kind = *rng.pick(&KINDS);
        let (one, other) = (*rng.pick(&self.people), *rng.pick(&self.people));
        let near = near(rng, tick, pool.tick_spacing);
        let purse = purse(rng);
        let percent = u128::from(rng.between(1, 99));
        let ids: Vec<u64> = self.memory.nfts.keys().copied().collect();
        let id = if ids.is_empty() { 0 } else { *rng.pick(&ids) };
        let nft = self.memory.nfts.get(&id).copied().unwrap_or(Nft { owner: one, liquidity: 0 });
        let held = if self.memory.held.is_empty() { (place, near) } else { *rng.pick(&self.memory.held) };
        let held_pool = &self.pools[held.0];
        let part = nft.liquidity / 100 * percent;
        let act = match kind {
            "mint" => stage.mint(&pool, one, one, near, purse.0, purse.1),
            "twin mints" => {
                let mint = |to| stage.mint(&pool, one, to, near, purse.0, purse.1);
                stage.multicall(one, &[mint(one), mint(other), mint(self.people[0])])
            }
            "mint for another" => stage.mint(&pool, one, other, near, purse.0, purse.1),
            "increase" => stage.increase(nft.owner, id, purse.0, purse.1),
            "increase by a stranger" => stage.increase(other, id, purse.0 / 10, purse.1 / 10),
            "decrease" => stage.decrease(nft.owner, id, part.max(1)),
            "decrease to zero" => stage.decrease(nft.owner, id, nft.liquidity),
            "collect" => stage.collect(nft.owner, id),
            "leave" => {
                let mut acts = vec![stage.collect(nft.owner, id), stage.burn_nft(nft.owner, id)];
                if nft.liquidity > 0 {
                    acts.insert(0, stage.decrease(nft.owner, id, nft.liquidity));
                }
                stage.multicall(nft.owner, &acts)
            }
            "transfer to oneself" => stage.transfer_nft(nft.owner, nft.owner, id),
            "transfer" => stage.transfer_nft(nft.owner, other, id),
            "mint without NFT" => {
                self.memory.held.push((place, near));
                stage.pool_mint(&pool, one, stage.holder, near, HELD_LIQUIDITY)
            }
            "burn without NFT" => stage.pool_burn(held_pool, one, held.1, HELD_LIQUIDITY / 100 * percent),
            "poke without NFT" => stage.pool_burn(held_pool, one, held.1, 0),
            "mint for the manager" => stage.pool_mint(&pool, one, stage.manager, near, HELD_LIQUIDITY / 7),
            "mint for a person without NFT" => stage.pool_mint(&pool, one, other, near, HELD_LIQUIDITY / 3),
            "pass through" => stage.pass_through(&pool, one, near, HELD_LIQUIDITY),
            "swap up" => {
                let swap = if percent < 20 {
                    Swap::exact_out(0, purse.0 / 4)
                } else {
                    Swap::exact_in(1, purse.1 / 2)
                };
                stage.swap(&pool, one, swap.until(Tick(CENTRE.0 + REACH_TICKS)))
            }
            "swap down" => {
                let swap = if percent < 20 {
                    Swap::exact_out(1, purse.1 / 4)
                } else {
                    Swap::exact_in(0, purse.0 / 2)
                };
                stage.swap(&pool, one, swap.until(Tick(CENTRE.0 - REACH_TICKS)))
            }
            "flash" => stage.flash(&pool, one, usd(100), tkn(100), percent),
            "protocol fee" => stage.set_fee_protocol(&pool, if percent < 50 { 0 } else { 6 }, 4),
            _ => return None,
        };
        Some((kind, act))
    }
}

/// A range around the tick or beside it.
fn near(rng: &mut Rng, tick: Tick, spacing: i32) -> TickRange {
    let steps = |count: u64| i32::try_from(count).unwrap() * spacing;
    let lower = tick.0.div_euclid(spacing) * spacing - steps(rng.between(0, 12)) + steps(rng.between(0, 4));
    range(lower, lower + steps(rng.between(1, 16)))
}

fn purse(rng: &mut Rng) -> (u128, u128) {
    let dollars = rng.between(50, 400) << rng.between(0, 3);
    (usd(dollars), tkn(2 * dollars))
}
