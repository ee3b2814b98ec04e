//! `[[pools]]` with their wrappers.

use std::collections::BTreeSet;

use accrual_rewards::id::{PoolId, Venue};
use accrual_rewards::pool::{PoolFacts, Wrapper, WrapperKind};
use accrual_rewards::tracker::Pool;
use accrual_rewards::unit::BlockNumber;
use alloy_primitives::{Address, address};

use super::{Checked, address_at, parse_at};
use crate::config::PoolEntry;
use crate::config::file;
use crate::config::load::Written;

pub(super) fn pools(file: &[file::Pool], chain_id: u64, written: &Written) -> Checked<Vec<PoolEntry>> {
    let mut ids = BTreeSet::new();
    let mut pools: Vec<PoolEntry> = Vec::with_capacity(file.len());
    for (index, entry) in file.iter().enumerate() {
        let key = |name: &str| format!("pools[{index}].{name}");
        let pool = pool(index, entry, chain_id, written)?;
        if !ids.insert(pool.pool.id.clone()) {
            let what = format!("{} is the id of two pools: ids are unique", pool.pool.id);
            return Err(written.error(&key("id"), what));
        }
        let same = |other: &&PoolEntry| {
            (other.pool.address, &other.pool.wrappers) == (pool.pool.address, &pool.pool.wrappers)
        };
        if let Some(other) = pools.iter().find(same) {
            let what = format!(
                "is that of pool {} too, with the same wrappers: two pools may share an address only to look behind it differently",
                other.pool.id
            );
            return Err(written.error(&key("address"), what));
        }
        pools.push(pool);
    }
    Ok(pools)
}

fn pool(index: usize, entry: &file::Pool, chain_id: u64, written: &Written) -> Checked<PoolEntry> {
    let key = |name: &str| format!("pools[{index}].{name}");
    let optional = |name: &str, text: &Option<String>| {
        text.as_ref().map(|text| address_at(&key(name), text, written)).transpose()
    };
    let id: PoolId = parse_at(&key("id"), &entry.id, written)?;
    let venue: Venue = parse_at(&key("venue"), &entry.venue, written)?;
    let position_manager = optional("position_manager", &entry.position_manager)?;
    let vault = optional("vault", &entry.vault)?;
    if position_manager.is_some() && !venue.is_concentrated() {
        let what = format!(
            "is for uniswap_v3 and aerodrome_cl: a position of {venue} is a share, held by an address"
        );
        return Err(written.error(&key("position_manager"), what));
    }
    if vault.is_some() && !matches!(venue, Venue::BalancerV2 | Venue::BalancerV3) {
        let what = format!("is for balancer_v2 and balancer_v3: {venue} has no Vault");
        return Err(written.error(&key("vault"), what));
    }
    Ok(PoolEntry {
        pool: Pool {
            id,
            venue,
            address: address_at(&key("address"), &entry.address, written)?,
            position_manager: position_manager.or(known_position_manager(chain_id, venue)),
            created_block: BlockNumber(entry.created_block),
            vault,
            feeds: Vec::new(),
            wrappers: wrappers(index, &entry.wrappers, venue, written)?,
            facts: PoolFacts::default(),
        },
        token0: optional("token0", &entry.token0)?,
        token1: optional("token1", &entry.token1)?,
    })
}

/// Where it is not configured: Uniswap v3's on the chains it was published for, and that of Slipstream's first
/// generation on Base (`facts/protocols.md` 1.1, 2.1).
fn known_position_manager(chain_id: u64, venue: Venue) -> Option<Address> {
    match (venue, chain_id) {
        (Venue::UniswapV3, 1 | 10 | 137 | 42161) => {
            Some(address!("C36442b4a4522E871399CD717aBDD847Ab11FE88"))
        }
        (Venue::UniswapV3, 8453) => Some(address!("03a520b32C04BF3bEEf7BEb72E919cf822Ed34f1")),
        (Venue::AerodromeCl, 8453) => Some(address!("827922686190790b37229fd06084350E74485b72")),
        _ => None,
    }
}

fn wrappers(pool: usize, file: &[file::Wrapper], venue: Venue, written: &Written) -> Checked<Vec<Wrapper>> {
    let mut wrappers: Vec<Wrapper> = Vec::with_capacity(file.len());
    for (index, entry) in file.iter().enumerate() {
        let key = |name: &str| format!("pools[{pool}].wrappers[{index}].{name}");
        let wrapper = wrapper(&key, entry, venue, written)?;
        if wrappers.contains(&wrapper) {
            return Err(written.error(&key("address"), format!("{} is there twice", wrapper.address)));
        }
        wrappers.push(wrapper);
    }
    Ok(wrappers)
}

fn wrapper(
    key: &dyn Fn(&str) -> String,
    entry: &file::Wrapper,
    venue: Venue,
    written: &Written,
) -> Checked<Wrapper> {
    let kind: WrapperKind = parse_at(&key("kind"), &entry.kind, written)?;
    let address = address_at(&key("address"), &entry.address, written)?;
    let optional = |name: &str, text: &Option<String>| {
        text.as_ref().map(|text| address_at(&key(name), text, written)).transpose()
    };
    let (holder, to) = (optional("holder", &entry.holder)?, optional("to", &entry.to)?);
    let fault = match kind {
        WrapperKind::ClGauge if !venue.is_concentrated() => {
            Some(("kind", "is for concentrated pools, whose positions are NFTs"))
        }
        WrapperKind::Erc20Gauge if venue.is_concentrated() => {
            Some(("kind", "is for pools whose shares are a token"))
        }
        WrapperKind::Remap if to.is_none() => {
            Some(("to", "is missing: remap says whose the share of `address` is"))
        }
        WrapperKind::Remap if to == Some(address) => Some(("to", "is the address itself")),
        WrapperKind::Remap if holder.is_some() => {
            Some(("holder", "is for gauges and vaults: a remap's holder is its address"))
        }
        WrapperKind::ClGauge | WrapperKind::Erc20Gauge | WrapperKind::Erc20Vault if to.is_some() => {
            Some(("to", "is for kind remap alone"))
        }
        _ => None,
    };
    match fault {
        Some((name, what)) => Err(written.error(&key(name), what)),
        None => Ok(Wrapper { kind, address, holder: holder.unwrap_or(address), to }),
    }
}
