//! A pool to follow: where it is, what its contract says of itself, and who stands behind its holders.

use alloy_primitives::{Address, B256};
use serde::{Deserialize, Serialize};

use crate::id::{PoolId, Venue};
use crate::unit::{Amount, BlockNumber};

/// A pool to follow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pool {
    /// Its short name.
    pub id: PoolId,
    /// What kind of contract it is.
    pub venue: Venue,
    /// Its address.
    pub address: Address,
    /// The contract whose NFTs stand for positions in it.
    pub position_manager: Option<Address>,
    /// Where its events begin.
    pub created_block: BlockNumber,
    /// Balancer: the Vault, where it is not the one that all chains have.
    pub vault: Option<Address>,
    /// Price feeds whose answers belong to the pool's events.
    pub feeds: Vec<Address>,
    /// Contracts that hold liquidity for others, in the order in which they are asked.
    pub wrappers: Vec<Wrapper>,
    /// What the contract says of itself; the default until it was asked.
    pub facts: PoolFacts,
}

/// What a pool's contract says of itself, once and for ever.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolFacts {
    /// Its tokens, in its own order: the price is that of the first in the second.
    #[serde(default)]
    pub tokens: Vec<Address>,
    /// Their decimals, in the same order; what no token says is `None`.
    #[serde(default)]
    pub decimals: Vec<Option<u8>>,
    /// Concentrated: ticks between two that a position may end at.
    #[serde(default)]
    pub tick_spacing: Option<i32>,
    /// Uniswap v3: parts of a million of what comes in. Aerodrome's fees move, so there is none.
    #[serde(default)]
    pub fee_ppm: Option<u32>,
    /// Aerodrome basic: whether its curve is the stable one.
    #[serde(default)]
    pub is_stable: bool,
    /// Balancer: the tokens' weights, in parts of 10^18.
    #[serde(default)]
    pub weights_e18: Vec<Amount>,
    /// Balancer v2: the pool's id in the Vault.
    #[serde(default)]
    pub balancer_pool_id: Option<B256>,
    /// Balancer v3: the protocol's and the creator's part of swap fees at its registration, in parts of 10^18.
    #[serde(default)]
    pub aggregate_fee_e18: Option<Amount>,
    /// The feeds that the pool follows.
    #[serde(default)]
    pub feeds: Vec<FeedFacts>,
    /// How the wrappers that the pool follows tell of their shares; `remap` has none.
    #[serde(default)]
    pub wrappers: Vec<WrapperFacts>,
}

/// What a wrapper says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrapperFacts {
    /// The wrapper.
    pub address: Address,
    /// The events that say whose its shares are.
    pub told_by: ToldBy,
}

/// Which of a wrapper's events say whose its shares are. Only these count: some contracts emit several for one change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToldBy {
    /// `Deposit` and `Withdraw` of a position's NFT.
    Nfts,
    /// `Transfer` of its own token (Balancer's gauges, vaults).
    Transfers,
    /// `Deposit` and `Withdraw` of shares (Aerodrome's gauges, which are no token).
    Deposits,
    /// `Staked` and `Withdrawn` (reward pools as Aura's).
    Stakes,
}

/// What a price feed says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedFacts {
    /// The feed, as the configuration names it.
    pub feed: Address,
    /// The contracts that emit its answers: its aggregators so far, or itself.
    pub aggregators: Vec<Address>,
    /// Decimals of its answers.
    pub decimals: u8,
}

/// A contract that holds liquidity for others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wrapper {
    /// How it keeps account of them.
    pub kind: WrapperKind,
    /// The contract whose events say who they are.
    pub address: Address,
    /// Who holds for them; the contract itself where nothing else is said.
    pub holder: Address,
    /// `remap` only: to whom the holder's share goes.
    pub to: Option<Address>,
}

/// How a wrapper keeps account of those behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WrapperKind {
    /// A gauge that takes a position's NFT and says who deposited it.
    ClGauge,
    /// A gauge that takes shares of a pool and counts them one to one: by Deposit and Withdraw, or by its own token.
    Erc20Gauge,
    /// A vault: whatever it holds belongs to the holders of its token, pro rata.
    Erc20Vault,
    /// Another name for one account, applied last.
    Remap,
}

impl WrapperKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::ClGauge, Self::Erc20Gauge, Self::Erc20Vault, Self::Remap];

    /// The name used in configuration and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ClGauge => "cl_gauge",
            Self::Erc20Gauge => "erc20_gauge",
            Self::Erc20Vault => "erc20_vault",
            Self::Remap => "remap",
        }
    }
}

impl std::str::FromStr for WrapperKind {
    type Err = crate::unit::ParseUnitError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = "a kind of wrapper (cl_gauge, erc20_gauge, erc20_vault or remap)";
        let found = Self::ALL.into_iter().find(|kind| kind.as_str() == text);
        found.ok_or_else(|| crate::unit::ParseUnitError::new(text, known))
    }
}
