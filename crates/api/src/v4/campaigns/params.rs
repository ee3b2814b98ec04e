//! What a campaign was made with.

use accrual_rewards::campaign::{Campaign, Weights};
use alloy_primitives::Address;
use serde::Serialize;

use super::super::own::undated;
use crate::app::{Api, PoolInfo};
use crate::view::Eip55;

/// Their parameters, by the kind of campaign.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Params {
    Concentrated(Box<Concentrated>),
    ByBalance(ByBalance),
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Concentrated {
    pool_address: Eip55,
    token0: Option<Eip55>,
    token1: Option<Eip55>,
    symbol_token0: Option<String>,
    symbol_token1: Option<String>,
    decimals_token0: Option<u8>,
    decimals_token1: Option<u8>,
    /// Out of the sum of the three, as the configuration has them.
    weight_fees: u32,
    weight_token0: u32,
    weight_token1: u32,
    is_out_of_range_incentivized: bool,
    whitelist: Vec<Eip55>,
    blacklist: Vec<Eip55>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ByBalance {
    target_token: Eip55,
    whitelist: Vec<Eip55>,
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
