//! What a campaign was made with.

use accrual_rewards::campaign::{Campaign, Weights};
use alloy_primitives::Address;
use serde::Serialize;
use utoipa::ToSchema;

use super::super::own::undated;
use crate::app::{Api, PoolInfo};
use crate::view::Eip55;

/// Their parameters, by the kind of campaign.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = MerklParams)]
pub(super) enum Params {
    /// Of a pool with ranges.
    Concentrated(Box<Concentrated>),
    /// Of a token that is held.
    ByBalance(ByBalance),
}

/// The parameters of a campaign that pays concentrated liquidity.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = MerklConcentratedParams)]
pub(super) struct Concentrated {
    /// The pool.
    pool_address: Eip55,
    /// The token that the price is told of; null while that is not known.
    token0: Option<Eip55>,
    /// The token that the price is told in; null while that is not known.
    token1: Option<Eip55>,
    /// What the first token calls itself; null while that is not known.
    #[schema(example = "USDC")]
    symbol_token0: Option<String>,
    /// What the second token calls itself; null while that is not known.
    #[schema(example = "TMAI")]
    symbol_token1: Option<String>,
    /// How many digits of an amount stand behind the point; null while that is not known.
    #[schema(example = 6)]
    decimals_token0: Option<u8>,
    /// The same of the second token.
    #[schema(example = 18)]
    decimals_token1: Option<u8>,
    /// The part that is split by fees earned, out of the sum of the three, as the configuration has them.
    #[schema(example = 4000)]
    weight_fees: u32,
    /// The part that is split by amounts of the first token.
    #[schema(example = 3000)]
    weight_token0: u32,
    /// The part that is split by amounts of the second token.
    #[schema(example = 3000)]
    weight_token1: u32,
    /// Whether positions out of range have a share of the token parts.
    is_out_of_range_incentivized: bool,
    /// Who alone has a share; empty for everybody.
    whitelist: Vec<Eip55>,
    /// Who has none.
    blacklist: Vec<Eip55>,
}

/// The parameters of a campaign that pays by balance.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = MerklBalanceParams)]
pub(super) struct ByBalance {
    /// What has to be held.
    target_token: Eip55,
    /// Who alone has a share; empty for everybody.
    whitelist: Vec<Eip55>,
    /// Who has none.
    blacklist: Vec<Eip55>,
}

impl Params {
    /// Those of the newest version.
    pub(super) fn of(api: &Api, campaign: &Campaign, info: &PoolInfo) -> Self {
        let newest = campaign.versions.last();
        let addresses =
            |list: &std::collections::BTreeSet<Address>| list.iter().copied().map(Eip55).collect();
        let whitelist = addresses(newest.map_or(&campaign.whitelist, |version| &version.whitelist));
        let blacklist = addresses(newest.map_or(&campaign.blacklist, |version| &version.blacklist));
        if !info.pool.venue.is_concentrated() {
            return Self::ByBalance(ByBalance {
                target_token: Eip55(info.pool.address),
                whitelist,
                blacklist,
            });
        }
        let pair = api.pair(&info.pool.id);
        let token = |address: Option<Address>| address.map(|address| api.token(address)).unwrap_or_default();
        let (token0, token1) = (token(pair.token0), token(pair.token1));
        let Weights { fees, token0: weight_token0, token1: weight_token1 } =
            newest.map_or(campaign.weights, |version| version.weights);
        Self::Concentrated(Box::new(Concentrated {
            pool_address: Eip55(info.pool.address),
            token0: pair.token0.map(Eip55),
            token1: pair.token1.map(Eip55),
            symbol_token0: token0.symbol.as_deref().map(undated),
            symbol_token1: token1.symbol.as_deref().map(undated),
            decimals_token0: token0.decimals,
            decimals_token1: token1.decimals,
            weight_fees: fees,
            weight_token0,
            weight_token1,
            is_out_of_range_incentivized: newest
                .map_or(campaign.out_of_range, |version| version.out_of_range),
            whitelist,
            blacklist,
        }))
    }
}
