//! The recorded events against the contracts' own state: a recording that does not add up is not written.

use std::collections::BTreeMap;

use accrual_recording::{Block, Log};
use accrual_rewards::unit::TickRange;
use alloy::primitives::{Address, I256};

use super::questions::{decode, range_of};
use crate::contracts::abi;
use crate::error::RehearsalError;
use crate::stage::{Pool, Stage, position_key};

/// Every position's liquidity, and what is active, must be what the events add up to.
pub(super) async fn check(stage: &Stage, pools: &[Pool], blocks: &[Block]) -> Result<(), RehearsalError> {
    let logs: Vec<_> = blocks
        .iter()
        .flat_map(|block| &block.transactions)
        .flat_map(|transaction| &transaction.logs)
        .collect();
    for pool in pools {
        let liquidity = liquidity_by_position(pool, &logs);
        let tick = stage.tick(pool).await?;
        let in_range = liquidity.iter().filter(|((_, range), _)| range.lower <= tick && tick < range.upper);
        let active: I256 = in_range.map(|(_, liquidity)| *liquidity).fold(I256::ZERO, |sum, one| sum + one);
        let held = stage.read(pool.address, &abi::Pool::liquidityCall {}).await?;
        equal(format!("the active liquidity of {}", pool.address), active, held)?;
        for ((owner, range), sum) in liquidity {
            let key = position_key(owner, range);
            let held = stage.read(pool.address, &abi::Pool::positionsCall { key }).await?.liquidity;
            equal(format!("the liquidity of {owner} in {range:?}"), sum, held)?;
        }
    }
    Ok(())
}

fn liquidity_by_position(pool: &Pool, logs: &[&Log]) -> BTreeMap<(Address, TickRange), I256> {
    let mut liquidity = BTreeMap::new();
    let mut add =
        |owner, range, change: I256| *liquidity.entry((owner, range)).or_insert(I256::ZERO) += change;
    for log in logs.iter().filter(|log| log.address == pool.address) {
        if let Some(mint) = decode::<abi::Pool::Mint>(log) {
            add(mint.owner, range_of(mint.tickLower, mint.tickUpper), signed(mint.amount));
        }
        if let Some(burn) = decode::<abi::Pool::Burn>(log) {
            add(burn.owner, range_of(burn.tickLower, burn.tickUpper), -signed(burn.amount));
        }
    }
    liquidity
}

fn equal(what: String, by_events: I256, held: u128) -> Result<(), RehearsalError> {
    if by_events == signed(held) {
        return Ok(());
    }
    let reason = format!("{what} is {held} in the contract and {by_events} by the events");
    Err(RehearsalError::Insane { reason })
}

fn signed(liquidity: u128) -> I256 {
    I256::try_from(liquidity).expect("128 bits fit 256 with a sign")
}
