//! Decodes what gauges and vaults say of those behind them (`facts/protocols.md` 2.4, 3.2, 4.3).
//!
//! Each wrapper is read by one kind of event only, which [`crate::preflight`] has found by asking it ([`ToldBy`]).
//! Balancer's gauges emit `Deposit` and `Transfer` for one and the same change, Aerodrome's have no `Transfer`: to read
//! both would count twice, to guess would count nothing.

use accrual_rewards::event::PoolEvent;
use accrual_rewards::id::Holding;
use accrual_rewards::pool::{ToldBy, WrapperFacts};
use accrual_rewards::unit::Amount;
use alloy::primitives::{Address, B256, U256};
use alloy::sol_types::SolEvent;

use crate::decode::{DecodeError, Told, parse, token, transfer};
use crate::source::RawLog;

/// The events of a gauge that takes shares (aerodrome `IGauge`).
#[allow(missing_docs, reason = "generated from the ABI")]
pub mod gauge {
    alloy::sol! {
        event Deposit(address indexed from, address indexed to, uint256 amount);
        event Withdraw(address indexed from, uint256 amount);
    }
}

/// The events of a gauge that takes NFTs (aerodrome slipstream `ICLGauge`); all fields are indexed.
#[allow(missing_docs, reason = "generated from the ABI")]
pub mod nft_gauge {
    alloy::sol! {
        event Deposit(address indexed user, uint256 indexed tokenId, uint128 indexed liquidityToStake);
        event Withdraw(address indexed user, uint256 indexed tokenId, uint128 indexed liquidityToStake);
    }
}

/// The events of a reward pool (Synthetix' `StakingRewards` and all that came of it).
#[allow(missing_docs, reason = "generated from the ABI")]
pub mod reward_pool {
    alloy::sol! {
        event Staked(address indexed user, uint256 amount);
        event Withdrawn(address indexed user, uint256 amount);
    }
}

/// The signatures that a wrapper is read by.
pub fn topics(told_by: ToldBy) -> &'static [B256] {
    match told_by {
        ToldBy::Nfts => &[nft_gauge::Deposit::SIGNATURE_HASH, nft_gauge::Withdraw::SIGNATURE_HASH],
        ToldBy::Transfers => &[token::Transfer::SIGNATURE_HASH],
        ToldBy::Deposits => &[gauge::Deposit::SIGNATURE_HASH, gauge::Withdraw::SIGNATURE_HASH],
        ToldBy::Stakes => &[reward_pool::Staked::SIGNATURE_HASH, reward_pool::Withdrawn::SIGNATURE_HASH],
    }
}

/// Reads a wrapper's log; `None` for one that changes nobody's part. `manager` is whose NFTs a gauge takes.
///
/// # Errors
/// A known topic with content that does not parse.
pub fn wrapper_event(wrapper: WrapperFacts, manager: Option<Address>, log: &RawLog) -> Told {
    let moved = match wrapper.told_by {
        ToldBy::Nfts => return manager.map_or(Ok(None), |manager| nft_event(wrapper.address, manager, log)),
        ToldBy::Transfers => transfer(log)?.map(|moved| (moved.from, moved.to, moved.shares)),
        ToldBy::Deposits => deposit(log)?,
        ToldBy::Stakes => stake(log)?,
    };
    let wrapper = wrapper.address;
    Ok(moved.map(|(from, to, shares)| PoolEvent::WrapperSharesMoved { wrapper, from, to, shares }))
}

fn nft_event(wrapper: Address, manager: Address, log: &RawLog) -> Told {
    let nft = |id: U256| Holding::Nft { manager, id };
    Ok(match log.topics.first().copied() {
        Some(nft_gauge::Deposit::SIGNATURE_HASH) => {
            let event = parse::<nft_gauge::Deposit>(log, "Deposit of an NFT")?;
            Some(PoolEvent::NftStaked { wrapper, holding: nft(event.tokenId), depositor: event.user })
        }
        Some(nft_gauge::Withdraw::SIGNATURE_HASH) => {
            let event = parse::<nft_gauge::Withdraw>(log, "Withdraw of an NFT")?;
            Some(PoolEvent::NftUnstaked { wrapper, holding: nft(event.tokenId), depositor: event.user })
        }
        _ => None,
    })
}

type Moved = Option<(Address, Address, Amount)>;

/// Who deposits may do so for another: the one named second is credited.
fn deposit(log: &RawLog) -> Result<Moved, DecodeError> {
    Ok(match log.topics.first().copied() {
        Some(gauge::Deposit::SIGNATURE_HASH) => {
            let event = parse::<gauge::Deposit>(log, "Deposit")?;
            Some((Address::ZERO, event.to, Amount(event.amount)))
        }
        Some(gauge::Withdraw::SIGNATURE_HASH) => {
            let event = parse::<gauge::Withdraw>(log, "Withdraw")?;
            Some((event.from, Address::ZERO, Amount(event.amount)))
        }
        _ => None,
    })
}

fn stake(log: &RawLog) -> Result<Moved, DecodeError> {
    Ok(match log.topics.first().copied() {
        Some(reward_pool::Staked::SIGNATURE_HASH) => {
            let event = parse::<reward_pool::Staked>(log, "Staked")?;
            Some((Address::ZERO, event.user, Amount(event.amount)))
        }
        Some(reward_pool::Withdrawn::SIGNATURE_HASH) => {
            let event = parse::<reward_pool::Withdrawn>(log, "Withdrawn")?;
            Some((event.user, Address::ZERO, Amount(event.amount)))
        }
        _ => None,
    })
}
