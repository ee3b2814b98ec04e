//! The simulated chain: a trunk, and branches that nodes take for the chain for a while.
//!
//! Headers are real ones: each names its parent by the hash of all its fields, with the bloom of its logs and the root
//! of its receipts. A branch leaves the trunk above everything that was final when it ended.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use alloy::consensus::proofs::calculate_receipt_root;
use alloy::consensus::{Eip658Value, Header, Receipt, ReceiptEnvelope, ReceiptWithBloom, TxReceipt};
use alloy::primitives::{Address, B256, Bloom, Log, keccak256};

use crate::chance::Chance;
use crate::world::{GAUGE, MANAGER, POOLS, STAKED, Transaction, World};

/// The height of the first block.
pub(crate) const FIRST: u64 = 1000;
/// The full hour that comes while the simulation goes on, so that branches are left on both sides of it.
pub(crate) const HOUR_SECONDS: u64 = 1_749_999_600;
/// Between two blocks where that varies, the least and the most.
const VARIED_SECONDS: (u64, u64) = (8, 40);

/// How a chain is made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    /// Blocks that are there when the simulation begins.
    pub(crate) before: u64,
    /// Blocks that come while it goes on.
    pub(crate) after: u64,
    /// The fixed time between blocks; `None` lets it vary.
    pub(crate) block_seconds: Option<u64>,
    /// How many blocks below the newest are not final.
    pub(crate) finality_blocks: u64,
    /// How many branches there are at most.
    pub(crate) forks: u64,
}

impl Shape {
    /// The usual time between blocks.
    pub(crate) fn pace_seconds(&self) -> u64 {
        self.block_seconds.unwrap_or(VARIED_SECONDS.0.midpoint(VARIED_SECONDS.1))
    }
}

/// A block with everything that nodes say of it.
#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) header: Header,
    pub(crate) hash: B256,
    pub(crate) transactions: Vec<(B256, Transaction)>,
    /// Its forms in JSON, made when they are first asked for.
    pub(crate) header_json: OnceLock<String>,
    pub(crate) logs_json: OnceLock<Vec<String>>,
}

/// A branch that is taken for the chain.
#[derive(Debug)]
pub(crate) struct Fork {
    /// The newest block that it shares with the trunk.
    pub(crate) at_block: u64,
    /// When it becomes the chain, and when it ends, in seconds of Unix time.
    pub(crate) from_seconds: u64,
    pub(crate) until_seconds: u64,
    blocks: Vec<Block>,
}

/// All blocks that there ever are.
#[derive(Debug)]
pub(crate) struct Chain {
    trunk: Vec<Block>,
    pub(crate) forks: Vec<Fork>,
    /// For how long some nodes stay on a branch after it ended.
    pub(crate) late_seconds_max: u64,
    finality_blocks: u64,
    before: u64,
    /// Whether each block comes so long after the one before.
    pub(crate) is_even: bool,
}

/// What a node takes for the chain at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct View {
    pub(crate) head: u64,
    pub(crate) fork: Option<usize>,
    pub(crate) finalized: u64,
}

/// What happens on a branch.
#[derive(Debug, Clone, Copy)]
enum Branch {
    /// Something of its own.
    Own,
    /// For so many blocks what happens on the trunk, partly in another order.
    Alike(u64),
    /// Nothing.
    Empty,
}

/// Where a branch begins and ends, by height.
struct Planned {
    at_block: u64,
    from: u64,
    until: u64,
}

impl Chain {
    pub(crate) fn new(seed: u64, shape: Shape) -> Self {
        let mut chance = Chance::new(seed, 1);
        let last = FIRST + shape.before + shape.after - 1;
        let times = times(&mut chance, shape);
        let late = (shape.finality_blocks / 4).max(1);
        let planned = plan_forks(&mut chance, shape, last, late);
        let mut forks = Vec::new();
        let mut trunk: Vec<Block> = Vec::new();
        let mut world = World::new();
        let at = |number: u64| times[index(number)];
        for number in FIRST..=last {
            let transactions = play(&mut world, number, &mut chance);
            let block = Block::new(trunk.last(), number, at(number), 0, transactions);
            trunk.push(block);
            for (salt, fork) in (1..).zip(&planned).filter(|(_, fork)| fork.at_block == number) {
                let later = u64::from(shape.block_seconds.is_none());
                let mut as_on_trunk = chance.clone();
                let mut chance = Chance::new(seed, 1000 + salt);
                let mut world = world.clone();
                let manner = chance.pick(&[
                    Branch::Own,
                    Branch::Own,
                    Branch::Alike(2),
                    Branch::Alike(6),
                    Branch::Empty,
                ]);
                let mut blocks: Vec<Block> = Vec::new();
                let at_block = number;
                for number in at_block + 1..=(fork.until + late).min(last) {
                    let transactions = match manner {
                        Branch::Empty => Vec::new(),
                        Branch::Alike(blocks) if number <= at_block + blocks => {
                            in_another_order(play(&mut world, number, &mut as_on_trunk))
                        }
                        Branch::Own | Branch::Alike(_) => play(&mut world, number, &mut chance),
                    };
                    let parent = blocks.last().or(trunk.last());
                    let block = Block::new(parent, number, at(number) + later, salt, transactions);
                    blocks.push(block);
                }
                let (from_seconds, until_seconds) = (at(fork.from), at(fork.until));
                forks.push(Fork { at_block, from_seconds, until_seconds, blocks });
            }
        }
        forks.sort_by_key(|fork| fork.from_seconds);
        let late_seconds_max = late.saturating_sub(1) * shape.block_seconds.unwrap_or(VARIED_SECONDS.0);
        let (finality_blocks, before) = (shape.finality_blocks, shape.before);
        let is_even = shape.block_seconds.is_some();
        Self { trunk, forks, late_seconds_max, finality_blocks, before, is_even }
    }

    /// The trunk's last block.
    pub(crate) fn last(&self) -> &Block {
        self.trunk.last().expect("a chain has blocks")
    }

    /// The time of the last block that is there from the beginning.
    pub(crate) fn begins_seconds(&self) -> u64 {
        self.trunk[index(FIRST + self.before - 1)].header.timestamp
    }

    /// What a node sees at `seconds` that stays `late_seconds` on a branch after it ended.
    pub(crate) fn view(&self, seconds: u64, late_seconds: u64) -> View {
        let known = |blocks: &[Block]| blocks.partition_point(|block| block.header.timestamp <= seconds);
        let trunk_head = FIRST + number_of(known(&self.trunk)).max(1) - 1;
        let finalized = trunk_head.saturating_sub(self.finality_blocks).max(FIRST);
        let active =
            |fork: &Fork| fork.from_seconds <= seconds && seconds < fork.until_seconds + late_seconds;
        let fork = self.forks.iter().rposition(active);
        let head = fork.map_or(trunk_head, |place| {
            let fork = &self.forks[place];
            fork.at_block + number_of(known(&fork.blocks))
        });
        View { head, fork, finalized: finalized.min(head) }
    }

    /// The trunk in whole.
    pub(crate) fn whole(&self) -> View {
        let head = self.last().header.number;
        View { head, fork: None, finalized: head.saturating_sub(self.finality_blocks).max(FIRST) }
    }

    /// The block at a height, as somebody with that view knows it.
    pub(crate) fn block(&self, view: View, number: u64) -> Option<&Block> {
        if number < FIRST || number > view.head {
            return None;
        }
        match view.fork.map(|place| &self.forks[place]) {
            Some(fork) if number > fork.at_block => fork.blocks.get(place_of(number - fork.at_block - 1)),
            _ => self.trunk.get(index(number)),
        }
    }

    /// The trunk's block at a height.
    pub(crate) fn settled(&self, number: u64) -> Option<&Block> {
        number.checked_sub(FIRST).and_then(|place| self.trunk.get(place_of(place)))
    }
}

impl Block {
    fn new(
        parent: Option<&Self>,
        number: u64,
        at_seconds: u64,
        salt: u64,
        transactions: Vec<Transaction>,
    ) -> Self {
        let receipts: Vec<ReceiptEnvelope> = transactions.iter().map(receipt).collect();
        let mut header = Header {
            parent_hash: parent.map_or(B256::ZERO, |parent| parent.hash),
            number,
            timestamp: at_seconds,
            logs_bloom: receipts.iter().fold(Bloom::ZERO, |sum, receipt| sum | *receipt.logs_bloom()),
            gas_limit: 30_000_000,
            gas_used: 21_000 * number_of(transactions.len()),
            base_fee_per_gas: Some(7),
            extra_data: salt.to_be_bytes().to_vec().into(),
            ..Header::default()
        };
        if !receipts.is_empty() {
            header.receipts_root = calculate_receipt_root(&receipts);
        }
        let hash = header.hash_slow();
        let named = |(place, logs): (u64, Transaction)| {
            (keccak256([hash.as_slice(), &place.to_be_bytes()].concat()), logs)
        };
        let transactions = (0..).zip(transactions).map(named).collect();
        Self { header, hash, transactions, header_json: OnceLock::new(), logs_json: OnceLock::new() }
    }
}

/// A transaction's receipt, with the gas that each is taken to cost.
pub(crate) fn receipt(logs: &Transaction) -> ReceiptEnvelope {
    let log = |(address, data): &(_, _)| Log { address: *address, data: Clone::clone(data) };
    let receipt = Receipt {
        status: Eip658Value::Eip658(true),
        cumulative_gas_used: 21_000,
        logs: logs.iter().map(log).collect(),
    };
    ReceiptEnvelope::Eip1559(ReceiptWithBloom { logs_bloom: receipt.bloom(), receipt })
}

/// What happens in a block. Each pool begins at a height of its own.
fn play(world: &mut World, number: u64, chance: &mut Chance) -> Vec<Transaction> {
    let born = |pool: usize| number == born_at(pool);
    let mut transactions: Vec<Transaction> =
        (0..POOLS.len()).filter(|pool| born(*pool)).map(|pool| world.initialize(pool, 0)).collect();
    if chance.permille(700) {
        for _ in 0..chance.between(1, 3) {
            transactions.extend(world.act(chance));
        }
    }
    transactions
}

/// The same transactions, where none can see what another does: a branch mostly holds what the trunk does, elsewhere.
fn in_another_order(mut transactions: Vec<Transaction>) -> Vec<Transaction> {
    let of_contract = |transaction: &Transaction| {
        let emitter = transaction.iter().map(|(emitter, _)| *emitter).find(|emitter| *emitter != MANAGER);
        emitter.map(|emitter| if emitter == GAUGE { POOLS[STAKED] } else { emitter })
    };
    let contracts: Option<BTreeSet<Address>> = transactions.iter().map(of_contract).collect();
    if contracts.is_some_and(|contracts| contracts.len() == transactions.len()) {
        transactions.reverse();
    }
    transactions
}

/// The block in which a pool gets its first price.
pub(crate) fn born_at(pool: usize) -> u64 {
    FIRST + 1 + 23 * number_of(pool % 2)
}

/// When each block comes: the full hour is in the first half of those that come while the simulation goes on.
fn times(chance: &mut Chance, shape: Shape) -> Vec<u64> {
    let (least, most) = VARIED_SECONDS;
    let mut times = vec![0];
    for number in 1..shape.before + shape.after {
        let pause = match shape.block_seconds {
            Some(seconds) => seconds,
            None if number < shape.before && chance.permille(30) => chance.between(600, 4000),
            None => chance.between(least, most),
        };
        times.push(times.last().map_or(0, |at| at + pause));
    }
    let block = shape.before + chance.between(0, shape.after / 2);
    let passed = times[place_of(block)] + chance.between(0, shape.pace_seconds());
    times.into_iter().map(|at| HOUR_SECONDS - passed + at).collect()
}

/// Branches one after the other, most of them while the simulation goes on.
fn plan_forks(chance: &mut Chance, shape: Shape, last: u64, late: u64) -> Vec<Planned> {
    let third = (shape.finality_blocks / 3).max(1);
    let mut planned = Vec::new();
    let mut from = FIRST + shape.before - 1;
    for _ in 0..shape.forks {
        from += if chance.permille(200) { 0 } else { chance.between(0, third) };
        // Most last for as long as they may: there is time to store them.
        let least = if chance.permille(700) { third.div_ceil(2) } else { 1 };
        let until = from + chance.between(least, third);
        if until + late >= last {
            break;
        }
        // A block of its own is there at once: one that lasts for a block only would have none.
        let at_block = (from - chance.between(1, third)).max(FIRST + 30);
        planned.push(Planned { at_block, from, until });
        from = until;
    }
    planned
}

fn index(number: u64) -> usize {
    place_of(number - FIRST)
}

fn place_of(number: u64) -> usize {
    usize::try_from(number).expect("a chain is short")
}

fn number_of(place: usize) -> u64 {
    u64::try_from(place).expect("a place fits 64 bits")
}
