//! `GET /v1/campaigns/{id}/proofs/{account}`: what proves that an account earned what it earned.

use accrual_rewards::unit::Amount;
use alloy_primitives::B256;
use axum::Json;
use axum::extract::{Path, State};
use serde::Serialize;
use utoipa::ToSchema;

use super::{campaign, pool_of};
use crate::app::Api;
use crate::error::ApiError;
use crate::horizon::Horizon;
use crate::params::{self, Params};
use crate::view::{Eip55, One, Rfc3339};

/// What proves an account's claim
///
/// Its leaf in the tree of the campaign's figures, in the form that Merkl's Distributor checks, with the way to the root. The
/// tree is made once for each block.
#[utoipa::path(
    get,
    path = "/v1/campaigns/{id}/proofs/{account}",
    tag = "campaigns",
    operation_id = "get_campaign_proof",
    params(
        ("id" = String, Path, description = "The campaign's id."),
        ("account" = Eip55, Path, description = "The account: lower case, upper case, or mixed as EIP-55 has it."),
        ("at" = Option<String>, Query, description = "A block's number or a time in RFC 3339; the newest block unless told otherwise.", example = "2025-06-06T03:00:00Z")
    ),
    responses((status = 200, description = "The claim and its proof.", body = One<ProofView>))
)]
pub(crate) async fn one(
    State(api): State<Api>,
    Path((id, account)): Path<(String, String)>,
    horizon: Horizon,
    mut params: Params,
) -> Result<Json<One<ProofView>>, ApiError> {
    let at = params.take("at", params::asked);
    params.done()?;
    let campaign = campaign(&api, &id)?;
    let account = params::address(&account)?;
    let info = pool_of(&api, &campaign.pool)?;
    let pool = match at {
        None => api.book().newest(info)?,
        Some(asked) => api.book().at(info, asked).await?,
    };
    // The newest block is always told, however old it is.
    if at.is_some() {
        horizon.admit(pool.moment.at)?;
    }
    let tree = pool.tree(&campaign.id)?;
    let proved = tree.root().zip(tree.proof(account, campaign.reward_token));
    let (root, proof) = proved.ok_or_else(|| {
        let (block, at) = (pool.moment.number, Rfc3339(pool.moment.at));
        let account = Eip55(account).0;
        ApiError::NotFound(format!(
            "{account} has earned nothing in campaign {id} up to block {block} ({at}): there is nothing to prove."
        ))
    })?;
    let data = ProofView {
        campaign: campaign.id.to_string(),
        account: Eip55(account),
        token: Eip55(campaign.reward_token),
        amount_units: proof.claim.amount,
        root,
        leaf: proof.leaf,
        proof: proof.path,
    };
    Ok(Json(One { data, meta: api.meta(&api.book().state(), Some(pool.moment), None) }))
}

/// A claim as Merkl's Distributor takes it: `claim([account], [token], [amount_units], [proof])`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProofView {
    /// The campaign's id.
    campaign: String,
    /// Whose claim it is.
    account: Eip55,
    /// The token that is claimed.
    token: Eip55,
    /// How much in all, what was claimed before included.
    amount_units: Amount,
    /// The tree's root at this block.
    root: B256,
    /// `keccak256(abi.encode(account, token, amount_units))`.
    leaf: B256,
    /// From the leaf to the root; of two hashes the lower comes first.
    proof: Vec<B256>,
}
