//! One module per resource.

pub(crate) mod accounts;
pub(crate) mod accruals;
pub(crate) mod asked;
pub(crate) mod audit;
pub(crate) mod campaigns;
pub(crate) mod docs;
pub(crate) mod health;
pub(crate) mod history;
pub(crate) mod keys;
pub(crate) mod liquidity;
pub(crate) mod overview;
pub(crate) mod page;
mod paging;
pub(crate) mod payouts;
pub(crate) mod pools;
pub(crate) mod proofs;
pub(crate) mod rates;
pub(crate) mod reconciliation;
pub(crate) mod rotation;
pub(crate) mod sign_in;
pub(crate) mod simulate;
pub(crate) mod status;
pub(crate) mod stream;
pub(crate) mod stretches;
pub(crate) mod treasury;
pub(crate) mod usage;
pub(crate) mod webhooks;

pub(crate) use campaigns::{AprView, apr_of};

use accrual_rewards::campaign::Campaign;
use accrual_rewards::id::PoolId;
use alloy_primitives::Address;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::Api;
use crate::book::Token;
use crate::error::ApiError;
use crate::view::Eip55;

/// A token as answers name it; what its contract says is null where it is not known.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct TokenView {
    /// The chain's id (EIP-155).
    chain_id: u64,
    /// The token's contract.
    address: Eip55,
    /// Its symbol, as its contract or the configuration says. Anybody can give a token any symbol.
    symbol: Option<String>,
    /// How many decimal places a whole token has: amounts in `*_units` are to be divided by ten to this power.
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
pub(crate) fn pool_of<'a>(
    api: &'a Api,
    id: &PoolId,
) -> Result<&'a std::sync::Arc<crate::app::PoolInfo>, ApiError> {
    api.pool(id).ok_or_else(|| ApiError::no_such("pool", id.as_str()))
}
