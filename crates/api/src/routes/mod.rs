//! One module per resource.

pub(crate) mod accounts;
pub(crate) mod accruals;
pub(crate) mod asked;
pub(crate) mod audit;
pub(crate) mod campaigns;
pub(crate) mod health;
pub(crate) mod history;
pub(crate) mod keys;
pub(crate) mod liquidity;
pub(crate) mod page;
pub(crate) mod pools;
pub(crate) mod rates;
pub(crate) mod rotation;
pub(crate) mod sign_in;
pub(crate) mod simulate;
pub(crate) mod stretches;
pub(crate) mod treasury;
pub(crate) mod usage;
pub(crate) mod webhooks;

use accrual_rewards::campaign::Campaign;
use accrual_rewards::id::PoolId;
use alloy_primitives::Address;
use serde::Serialize;

use crate::app::Api;
use crate::book::Token;
use crate::error::ApiError;
use crate::view::Eip55;

/// A token as answers name it; what its contract says is null where it is not known.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct TokenView {
    chain_id: u64,
    address: Eip55,
    symbol: Option<String>,
    decimals: Option<u8>,
}

impl TokenView {
    fn of(api: &Api, address: Address) -> Self {
        let Token { symbol, decimals } = api.token(address);
        Self { chain_id: api.settings().chain_id, address: Eip55(address), symbol, decimals }
    }
}

fn campaign<'a>(api: &'a Api, id: &str) -> Result<&'a Campaign, ApiError> {
    let found = api.book().campaigns().iter().find(|campaign| campaign.id.as_str() == id);
    found.ok_or_else(|| ApiError::no_such("campaign", id))
}

/// The pool of a campaign, which the configuration has promised.
fn pool_of<'a>(api: &'a Api, id: &PoolId) -> Result<&'a std::sync::Arc<crate::app::PoolInfo>, ApiError> {
    api.pool(id).ok_or_else(|| ApiError::no_such("pool", id.as_str()))
}
