//! What is asked of position managers, which serve every pool of the chain and must never be read whole.

use std::collections::{BTreeMap, BTreeSet};

use accrual_rewards::unit::BlockNumber;
use alloy::primitives::{Address, B256};
use alloy::sol_types::SolEvent;

use super::reading::Read;
use super::{Fetcher, FirstPass};
use crate::complete::Evidence;
use crate::decode::join::KnownIds;
use crate::decode::route::ReadLog;
use crate::decode::uniswap_v3::{ManagerLog, PoolLog, manager};
use crate::error::IndexError;
use crate::source::{BlockRange, LogQuery};

/// NFT ids in one question; providers cap the parameters of a filter at some thousands.
const IDS_PER_QUERY_MAX: usize = 500;
/// So many batches of ids are asked for without a thought.
const FEW_BATCHES: usize = 4;

/// How often something happened, by block.
type Mints = BTreeMap<u64, u64>;

impl FirstPass {
    /// Whether at least half of the manager's `IncreaseLiquidity` logs in this range belong to our pools.
    fn is_mostly_ours(&self, manager: Address) -> bool {
        let ours = self.learnt.iter().filter(|(address, _, _)| *address == manager).count();
        ours > 0
            && 2 * ours
                >= self
                    .read
                    .logs
                    .iter()
                    .filter(|read| read.manager.is_some() && read.log.address == manager)
                    .count()
    }
}

impl Fetcher {
    /// The managers that are read like a pool, since little of what they say is about other pools.
    pub(super) fn sparse_managers(&self, width: u64) -> BTreeSet<Address> {
        let densities = self.densities();
        let is_sparse =
            |manager: &Address| densities.get(manager).is_some_and(|known| known.is_sparse(width));
        self.managers().filter(is_sparse).collect()
    }

    /// What a manager said of liquidity added in the blocks of `mints`, in as many questions as its density asks for.
    pub(super) async fn additions(
        &self,
        manager: Address,
        mints: &Mints,
        evidence: Option<&Evidence>,
    ) -> Result<Read, IndexError> {
        let topics = [vec![manager::IncreaseLiquidity::SIGNATURE_HASH], vec![], vec![], vec![]];
        let mut read = Read::default();
        let mut rest = mints.iter().peekable();
        while let Some((first, mut ours)) = rest.next().map(|(first, ours)| (*first, *ours)) {
            let gap = self.densities().entry(manager).or_default().gap_blocks_max();
            let mut last = first;
            while let Some((next, more)) = rest.next_if(|(next, _)| **next - last <= gap) {
                (last, ours) = (*next, ours + more);
            }
            let blocks = BlockRange { first: BlockNumber(first), last: BlockNumber(last) };
            let query = LogQuery { addresses: vec![manager], topics: topics.clone(), blocks };
            let found = self.read_logs(query, evidence).await?;
            self.learn_density(manager, &found.logs, ours, blocks.width());
            read.extend(found);
        }
        Ok(read)
    }

    /// Takes from `logs` how many of a manager's additions are not among our pools' `mints`.
    pub(super) fn learn_density(&self, manager: Address, logs: &[ReadLog], mints: u64, blocks: u64) {
        let is_addition = |read: &&ReadLog| {
            read.log.address == manager
                && matches!(read.manager.as_deref(), Some(ManagerLog::Increase { .. }))
        };
        let additions = u64::try_from(logs.iter().filter(is_addition).count()).unwrap_or(u64::MAX);
        let foreign = additions.saturating_sub(mints);
        self.densities().entry(manager).or_default().learn(foreign, blocks);
    }

    /// By manager and block: how often our pools minted for its NFTs, or for those that are staked.
    pub(super) fn mints(&self, logs: &[ReadLog]) -> BTreeMap<Address, Mints> {
        let mut mints: BTreeMap<Address, Mints> = BTreeMap::new();
        for read in logs {
            let Some(PoolLog::Mint { sender, .. }) = read.pool else { continue };
            if self.managers().any(|manager| manager == sender) {
                *mints.entry(sender).or_default().entry(read.log.block_number).or_default() += 1;
            }
        }
        mints
    }

    fn managers(&self) -> impl Iterator<Item = Address> + '_ {
        self.pools().iter().filter_map(|pool| pool.position_manager)
    }

    /// One manager's logs of the NFTs we know: their ids by topic, in batches. The manager's logs without ids only
    /// where that is plainly less to read: when the batches outnumber the blocks, or when the range's first pass has
    /// shown that most of what the manager says is about our pools.
    pub(super) fn manager_queries(&self, known: &KnownIds, pass: &FirstPass) -> Vec<LogQuery> {
        let blocks = pass.blocks;
        let managers: BTreeSet<Address> = self.managers().collect();
        let flows = vec![manager::DecreaseLiquidity::SIGNATURE_HASH, manager::Collect::SIGNATURE_HASH];
        let transfer = vec![manager::Transfer::SIGNATURE_HASH];
        let mut queries = Vec::new();
        for manager in managers.difference(&pass.whole).copied() {
            let query = |topics| LogQuery { addresses: vec![manager], topics, blocks };
            let batches = known.count(manager).div_ceil(IDS_PER_QUERY_MAX);
            let outnumber =
                batches > 1 && u64::try_from(batches).is_ok_and(|batches| batches > blocks.width());
            if outnumber || (batches > FEW_BATCHES && pass.is_mostly_ours(manager)) {
                let all = [flows.clone(), transfer.clone()].concat();
                queries.push(query([all, vec![], vec![], vec![]]));
                continue;
            }
            let ids: Vec<B256> = known.of(manager).into_iter().map(B256::from).collect();
            for ids in ids.chunks(IDS_PER_QUERY_MAX) {
                queries.push(query([flows.clone(), ids.to_vec(), vec![], vec![]]));
                queries.push(query([transfer.clone(), vec![], vec![], ids.to_vec()]));
            }
        }
        queries
    }
}
