//! `GET /v1/payouts`: how long it really takes until what was earned can be claimed.
//!
//! Nothing is locked and nothing vests, but Merkl pays by roots: what was earned counts from the root that holds it, and a
//! root counts when its window of disputes is over. All here is read from the Distributor's logs.

use accrual_rewards::distributor::{TreeEvent, Trees};
use accrual_rewards::pace::Pace;
use accrual_rewards::unit::{BlockNumber, UnixSeconds};
use accrual_store::distributor;
use alloy_primitives::B256;
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::Api;
use crate::error::ApiError;
use crate::params::Params;
use crate::view::{Eip55, One, Rfc3339};

/// Why nothing is told.
const NOT_READ: &str = "distributor_not_read";

/// When what was earned can be claimed
///
/// The newest root, from when on it counts, and when the next is to be expected by how they have come so far. Null is what
/// is not known: `reason` says why.
#[utoipa::path(
    get,
    path = "/v1/payouts",
    tag = "campaigns",
    operation_id = "get_payouts",
    responses((status = 200, description = "As the Distributor's logs tell.", body = One<PayoutsView>))
)]
pub(crate) async fn get(State(api): State<Api>, params: Params) -> Result<Json<One<PayoutsView>>, ApiError> {
    params.done()?;
    let data = PayoutsView::of(&api).await?;
    Ok(Json(One { data, meta: api.meta(&api.book().state(), None, None) }))
}

/// How Merkl's Distributor pays, as of the block up to which it is read.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct PayoutsView {
    /// Its contract.
    distributor: Option<Eip55>,
    /// The block up to which its logs are read.
    read_through_block_number: Option<BlockNumber>,
    /// That block's time: nothing here is newer.
    read_through_at: Option<Rfc3339>,
    /// The root that claims go by then.
    live_root: Option<B256>,
    /// The newest root.
    newest_root: Option<B256>,
    /// When it was given.
    newest_root_at: Option<Rfc3339>,
    /// From when on it counts, unless it is disputed: the end of its window.
    newest_root_counts_at: Option<Rfc3339>,
    /// Whether a dispute is open: until it is decided, claims go by the root before.
    is_disputed: Option<bool>,
    /// How many intervals between roots the three below are by: the newest, 12 at most.
    intervals_count: Option<usize>,
    /// The middle one of these intervals.
    usual_interval_seconds: Option<u64>,
    /// The longest of them.
    longest_interval_seconds: Option<u64>,
    /// The newest root's time and the usual interval. It may have passed: nobody has promised it.
    next_root_expected_at: Option<Rfc3339>,
    /// Why all is null: `distributor_not_read` where no Distributor is followed, or nothing of it is read yet.
    reason: Option<&'static str>,
}

impl PayoutsView {
    async fn of(api: &Api) -> Result<Self, ApiError> {
        let chain_id = api.settings().chain_id;
        let unread = Self { reason: Some(NOT_READ), ..Self::default() };
        let Some(stand) = distributor::get(api.db(), chain_id).await? else { return Ok(unread) };
        let Some((through, at)) = stand.through.zip(stand.at) else { return Ok(unread) };
        let (mut trees, mut given_at) = (Trees::default(), Vec::new());
        for placed in distributor::tree_events(api.db(), chain_id, through.number).await? {
            trees.apply(&placed.event, placed.block_at);
            if matches!(placed.event, TreeEvent::Updated { .. }) {
                given_at.push(placed.block_at);
            }
        }
        let pace = Pace::of(&given_at);
        let newest_at = given_at.last().copied();
        let next = |(newest, pace): (UnixSeconds, Pace)| newest.0.checked_add(pace.usual_seconds);
        Ok(Self {
            distributor: Some(Eip55(stand.followed.address)),
            read_through_block_number: Some(through.number),
            read_through_at: Some(Rfc3339(at)),
            live_root: trees.live(at),
            newest_root: trees.tree(),
            newest_root_at: newest_at.map(Rfc3339),
            // 0 is what the contract has after a root was taken back: then it counts already.
            newest_root_counts_at: trees.dispute_ends_at().filter(|at| at.0 > 0).or(newest_at).map(Rfc3339),
            is_disputed: Some(trees.is_disputed()),
            intervals_count: Some(pace.map_or(0, |pace| pace.intervals_count)),
            usual_interval_seconds: pace.map(|pace| pace.usual_seconds),
            longest_interval_seconds: pace.map(|pace| pace.longest_seconds),
            next_root_expected_at: newest_at.zip(pace).and_then(next).map(|at| Rfc3339(UnixSeconds(at))),
            reason: None,
        })
    }
}
