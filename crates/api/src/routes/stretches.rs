//! When an account's positions earned, when they stood idle, and why: `explain=true` and `stretches=true`.

use accrual_rewards::accrue::When;
use accrual_rewards::apr::TokenPrice;
use accrual_rewards::campaign::Campaign;
use accrual_rewards::event::PlacedEvent;
use accrual_rewards::explain::{Exposure, Timeline, explain, exposure};
use accrual_rewards::id::PositionKey;
use accrual_rewards::unit::{Amount, BlockNumber};
use accrual_store::events;
use alloy_primitives::Address;
use rust_decimal::Decimal;
use serde::Serialize;
use utoipa::ToSchema;

use super::accounts::ever_held_by;
use crate::app::Api;
use crate::book::PoolState;
use crate::error::ApiError;
use crate::prices::{Prices, USD_PLACES};
use crate::view::Rfc3339;

/// No answer folds more events than this: a second or so.
const EVENTS_MAX: u64 = 200_000;
/// No answer explains more positions of a campaign than this.
const POSITIONS_MAX: usize = 20;

/// A position's time in a campaign, from the stored events.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TimelineView {
    /// The campaign's id.
    campaign: String,
    /// The position's key.
    position: String,
    /// The times in which it stood alike, oldest first.
    stretches: Vec<StretchView>,
    /// What the position stands for, in the pool's order of tokens.
    held_units: Vec<Amount>,
    /// What went in for the liquidity that is in it.
    put_in_units: Vec<Amount>,
    /// What it is worth against holding the tokens; null where a price is not known.
    exposure: Option<ExposureView>,
    /// Why there is no `exposure`; null where there is one.
    exposure_reason: Option<&'static str>,
}

/// A time in which a position stood alike. The end is excluded, and null while it lasts.
#[derive(Debug, Serialize, ToSchema)]
struct StretchView {
    /// The block in which it began.
    from_block: BlockNumber,
    /// When it began.
    from_at: Rfc3339,
    /// The block in which it ended; null while it lasts.
    to_block: Option<BlockNumber>,
    /// When it ended, excluded; null while it lasts.
    to_at: Option<Rfc3339>,
    /// `earning` or `idle`.
    #[schema(example = "idle")]
    state: &'static str,
    /// Why it was idle; `earning` when it was not.
    reason: &'static str,
    /// What was earned in it. Null where it is not known from the position alone, such as for a vault's members.
    earned_units: Option<Amount>,
}

/// An account's positions over time.
#[derive(Debug)]
pub(crate) struct Explained {
    pub(crate) timelines: Vec<TimelineView>,
    /// Older positions that were too many.
    pub(crate) left_out: usize,
}

/// What it is worth against holding the tokens; neither fees nor rewards count.
#[derive(Debug, Serialize, ToSchema)]
struct ExposureView {
    /// What the position stands for now.
    held_usd: Option<Decimal>,
    /// The first token's part of that.
    token0_percent: Option<Decimal>,
    /// What the tokens that went in would be worth now.
    put_in_usd: Option<Decimal>,
    /// What the position lost against holding those tokens; below zero for a gain.
    loss_percent: Option<Decimal>,
}

/// The timelines of `positions` in each of the pool's campaigns that has begun.
pub(crate) async fn timelines(
    api: &Api,
    pool: &PoolState,
    positions: &[PositionKey],
    prices: &[TokenPrice],
) -> Result<Vec<TimelineView>, ApiError> {
    let own = |one: &&Campaign| one.pool == pool.info.pool.id;
    timelines_in(api, pool, api.book().campaigns().iter().filter(own), positions, prices).await
}

/// The timelines in one campaign of the positions that the account has or had, whether they earned or not: of the newest
/// twenty, and how many older ones are left out.
pub(crate) async fn of_account(
    api: &Api,
    pool: &PoolState,
    campaign: &Campaign,
    account: Address,
) -> Result<Explained, ApiError> {
    let state = api.book().state();
    let prices = Prices::now(api, &state, pool.moment.at);
    let tokens = api.tokens_of(&pool.info.pool.id);
    let prices: Vec<_> = tokens.iter().map(|token| prices.priced(*token).ok()).collect();
    let keys: Vec<_> = ever_held_by(pool, account)?.keys().map(|index| pool.tracker.key(*index)).collect();
    let left_out = keys.len().saturating_sub(POSITIONS_MAX);
    let timelines = timelines_in(api, pool, [campaign], &keys[left_out..], &prices).await?;
    Ok(Explained { timelines, left_out })
}

async fn timelines_in<'a>(
    api: &Api,
    pool: &PoolState,
    campaigns: impl IntoIterator<Item = &'a Campaign>,
    positions: &[PositionKey],
    prices: &[TokenPrice],
) -> Result<Vec<TimelineView>, ApiError> {
    if positions.is_empty() {
        return Ok(Vec::new());
    }
    if positions.len() > POSITIONS_MAX || pool.tracker.events() > EVENTS_MAX {
        return Err(ApiError::ReducedCapacity);
    }
    let events = all_events(api, pool).await?;
    let (info, moment) = (&pool.info.pool, pool.moment);
    let begun = |one: &&Campaign| one.window.starts_at <= moment.at;
    let mut views = Vec::new();
    for campaign in campaigns.into_iter().filter(begun) {
        for key in positions {
            let told = explain(info.clone(), campaign.clone(), key, events.iter().cloned(), moment.at)
                .map_err(|error| ApiError::internal_at(moment.number, &error))?;
            views.push(TimelineView::of(campaign, key, told, prices));
        }
    }
    Ok(views)
}

async fn all_events(api: &Api, pool: &PoolState) -> Result<Vec<PlacedEvent>, ApiError> {
    let db = api.book().covering(pool).await?;
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page =
            events::page(db, &pool.info.pool.id, after, pool.moment.number, events::PAGE_PACKS).await?;
        let Some(last) = page.last() else { return Ok(all) };
        after = Some(last.block_number);
        all.extend(page);
    }
}

impl TimelineView {
    /// Whether it is that of the position of this name.
    pub(crate) fn is_of(&self, position: &str) -> bool {
        self.position == position
    }

    fn of(campaign: &Campaign, key: &PositionKey, told: Timeline, prices: &[TokenPrice]) -> Self {
        let exposure = exposure(&told.held, &told.put_in, prices);
        let stretch = |one: accrual_rewards::explain::Stretch| StretchView {
            from_block: one.from.block,
            from_at: at(one.from),
            to_block: one.to.map(|to| to.block),
            to_at: one.to.map(at),
            state: if one.standing.is_earning() { "earning" } else { "idle" },
            reason: one.standing.as_str(),
            earned_units: one.earned,
        };
        Self {
            campaign: campaign.id.to_string(),
            position: key.to_string(),
            stretches: told.stretches.into_iter().map(stretch).collect(),
            held_units: told.held.0,
            put_in_units: told.put_in.0,
            exposure_reason: exposure.as_ref().err().map(|unknown| unknown.as_str()),
            exposure: exposure.ok().map(ExposureView::of),
        }
    }
}

impl ExposureView {
    fn of(told: Exposure) -> Self {
        Self {
            held_usd: told.held_usd.to_decimal(USD_PLACES),
            token0_percent: told.token0_percent,
            put_in_usd: told.put_in_usd.to_decimal(USD_PLACES),
            loss_percent: told.loss_percent,
        }
    }
}

fn at(when: When) -> Rfc3339 {
    Rfc3339(when.at)
}

/// `explain=`, `stretches=`: `true` or `false`.
pub(crate) fn flag(text: &str) -> Result<bool, String> {
    text.parse().map_err(|_| "must be true or false".to_owned())
}
