//! Which logs to ask for, so that nothing of the pools is missed and little else comes.
//!
//! Most emitters are ours alone, so that one question about all of them by their signatures is enough. Balancer's Vaults
//! serve every pool of the chain: they are asked by the pools' ids in the second topic.

use std::collections::BTreeSet;

use accrual_rewards::id::Venue;
use accrual_rewards::pool::Pool;
use alloy::primitives::{Address, B256};
use alloy::sol_types::SolEvent;

use crate::decode::{aerodrome, balancer, feed, token, uniswap_v3, wrapper};
use crate::source::{BlockRange, LogQuery};

/// The questions for everything about `pools` in `blocks`, and all that the position managers in `whole` say.
pub fn questions(pools: &[Pool], whole: &BTreeSet<Address>, blocks: BlockRange) -> Vec<LogQuery> {
    let mut ours = Emitters::default();
    let mut vaults = Emitters::default();
    // Apart from the pools: a bloom that holds a pool, a manager and both their signatures would else be doubted in each
    // block in which both speak ([`crate::complete`]).
    let mut managers = Emitters::default();
    whole.iter().for_each(|manager| managers.add(*manager, &uniswap_v3::MANAGER_TOPICS));
    for pool in pools {
        if let Some(topics) = own_topics(pool.venue) {
            ours.add(pool.address, &topics);
        }
        for wrapper in &pool.facts.wrappers {
            ours.add(wrapper.address, wrapper::topics(wrapper.told_by));
        }
        for aggregator in pool.facts.feeds.iter().flat_map(|feed| &feed.aggregators) {
            ours.add(*aggregator, &[feed::aggregator::AnswerUpdated::SIGNATURE_HASH]);
        }
        if let Some((id, topics)) = in_vault(pool) {
            vaults.add(vault(pool), topics);
            vaults.ids.insert(id);
        }
    }
    [ours, vaults, managers].into_iter().filter_map(|emitters| emitters.question(blocks)).collect()
}

/// The Vault that a pool of Balancer's is in.
pub fn vault(pool: &Pool) -> Address {
    pool.vault.unwrap_or(match pool.venue {
        Venue::BalancerV2 => balancer::V2_VAULT,
        _ => balancer::V3_VAULT,
    })
}

/// The signatures of a pool's own logs; none where a Vault speaks for it.
fn own_topics(venue: Venue) -> Option<Vec<B256>> {
    match venue {
        Venue::UniswapV3 | Venue::AerodromeCl => Some(uniswap_v3::POOL_TOPICS.to_vec()),
        Venue::AerodromeBasic => Some(aerodrome::TOPICS.to_vec()),
        Venue::BalancerV2 => Some(balancer::V2_POOL_TOPICS.to_vec()),
        Venue::BalancerV3 => None,
        Venue::Erc20 => Some(vec![token::Transfer::SIGNATURE_HASH]),
    }
}

/// A pool's id in its Vault, and the signatures of the Vault's logs.
fn in_vault(pool: &Pool) -> Option<(B256, &'static [B256])> {
    match pool.venue {
        Venue::BalancerV2 => Some((pool.facts.balancer_pool_id?, &balancer::V2_VAULT_TOPICS)),
        Venue::BalancerV3 => Some((pool.address.into_word(), &balancer::V3_VAULT_TOPICS)),
        _ => None,
    }
}

/// Addresses that can be asked about together. What one emits under another's signature comes too, and is not read.
#[derive(Default)]
struct Emitters {
    addresses: BTreeSet<Address>,
    signatures: BTreeSet<B256>,
    ids: BTreeSet<B256>,
}

impl Emitters {
    fn add(&mut self, address: Address, signatures: &[B256]) {
        self.addresses.insert(address);
        self.signatures.extend(signatures);
    }

    fn question(self, blocks: BlockRange) -> Option<LogQuery> {
        let list = |set: BTreeSet<B256>| set.into_iter().collect();
        let addresses: Vec<Address> = self.addresses.into_iter().collect();
        let topics = [list(self.signatures), list(self.ids), vec![], vec![]];
        (!addresses.is_empty()).then_some(LogQuery { addresses, topics, blocks })
    }
}
