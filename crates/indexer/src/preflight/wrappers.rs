//! What gauges and vaults must answer, and which of their events say whose their shares are.
//!
//! Balancer's gauges and vaults are tokens: their `Transfer` counts. Aerodrome's gauges are none: their `Deposit` and
//! `Withdraw` count. Reward pools such as Aura's say `Staked` and `Withdrawn`; some of them have the views of a token
//! and no transfers, so that what only they have, `pid()` beside `operator()`, is asked first.

use std::collections::BTreeSet;

use accrual_rewards::pool::{ToldBy, Wrapper, WrapperFacts, WrapperKind};
use alloy::primitives::Address;
use alloy::sol;

use super::pools::totalSupplyCall;
use super::views::Views;
use crate::error::IndexError;

sol! {
    function pool() external view returns (address);
    function nft() external view returns (address);
    function pid() external view returns (uint256);
    function operator() external view returns (address);
    function rewardsDistribution() external view returns (address);
    function lp_token() external view returns (address);
    function stakingToken() external view returns (address);
}

/// The pool's wrappers, in the order of the configuration; `remap` emits nothing.
pub(super) async fn ask(views: &Views<'_>) -> Result<Vec<WrapperFacts>, IndexError> {
    let mut found = Vec::with_capacity(views.pool.wrappers.len());
    let mut seen = BTreeSet::from([views.pool.address]);
    for wrapper in views.pool.wrappers.iter().filter(|wrapper| wrapper.kind != WrapperKind::Remap) {
        if !seen.insert(wrapper.address) {
            return Err(refused(views, wrapper, "its address is the pool's or another wrapper's"));
        }
        let told_by = match wrapper.kind {
            WrapperKind::ClGauge => nft_gauge(views, wrapper).await?,
            _ => shares(views, wrapper).await?,
        };
        found.push(WrapperFacts { address: wrapper.address, told_by });
    }
    Ok(found)
}

async fn nft_gauge(views: &Views<'_>, wrapper: &Wrapper) -> Result<ToldBy, IndexError> {
    if !views.pool.venue.is_concentrated() || views.pool.position_manager.is_none() {
        return Err(refused(views, wrapper, "the pool has no position manager whose NFTs it could take"));
    }
    let pool = views.ask(wrapper.address, poolCall {}).await?;
    let manager = views.ask(wrapper.address, nftCall {}).await?;
    match (pool, manager) {
        (Some(pool), _) if pool != views.pool.address => {
            Err(refused(views, wrapper, format!("its pool() is {pool}")))
        }
        (_, Some(manager)) if Some(manager) != views.pool.position_manager => {
            Err(refused(views, wrapper, format!("its nft() is {manager}, not pools.position_manager")))
        }
        (None, None) => Err(refused(views, wrapper, "it answers neither pool() nor nft()")),
        _ => Ok(ToldBy::Nfts),
    }
}

async fn shares(views: &Views<'_>, wrapper: &Wrapper) -> Result<ToldBy, IndexError> {
    check_stake(views, wrapper).await?;
    let address = wrapper.address;
    let has_pid = views.ask(address, pidCall {}).await?.is_some();
    if has_pid && views.ask(address, operatorCall {}).await?.is_some() {
        return Ok(ToldBy::Stakes);
    }
    if crate::tokens::decimals_of(views.source, address).await.is_some() {
        return Ok(ToldBy::Transfers);
    }
    if views.ask(address, rewardsDistributionCall {}).await?.is_some() {
        return Ok(ToldBy::Stakes);
    }
    let counts = views.ask(address, totalSupplyCall {}).await?.is_some();
    match wrapper.kind {
        WrapperKind::Erc20Gauge if counts => Ok(ToldBy::Deposits),
        WrapperKind::Erc20Gauge => Err(refused(views, wrapper, "it does not answer totalSupply()")),
        _ => Err(refused(views, wrapper, "it is no token: it does not answer decimals()")),
    }
}

/// What a gauge takes must be the pool's shares, or those of another wrapper, unless somebody else holds for it.
async fn check_stake(views: &Views<'_>, wrapper: &Wrapper) -> Result<(), IndexError> {
    if wrapper.kind != WrapperKind::Erc20Gauge || wrapper.holder != wrapper.address {
        return Ok(());
    }
    let lp_token = views.ask(wrapper.address, lp_tokenCall {}).await?;
    let takes = match lp_token {
        Some(token) => Some(token),
        None => views.ask(wrapper.address, stakingTokenCall {}).await?,
    };
    let fits = |token: Address| {
        token == views.pool.address || views.pool.wrappers.iter().any(|other| other.address == token)
    };
    match takes {
        Some(token) if !fits(token) => {
            Err(refused(views, wrapper, format!("it takes {token}, which is neither the pool nor a wrapper")))
        }
        _ => Ok(()),
    }
}

fn refused(views: &Views<'_>, wrapper: &Wrapper, what: impl Into<String>) -> IndexError {
    let (pool, kind) = (views.pool.id.clone(), wrapper.kind.as_str());
    IndexError::NotAWrapper { pool, wrapper: wrapper.address, kind, what: what.into() }
}
