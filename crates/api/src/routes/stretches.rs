//! When an account's positions earned, when they stood idle, and why: `explain=true` and `stretches=true`.

use accrual_rewards::accrue::When;
use accrual_rewards::apr::TokenPrice;
use accrual_rewards::campaign::Campaign;
use accrual_rewards::event::PlacedEvent;
use accrual_rewards::explain::{Exposure, Timeline, explain, exposure};
use accrual_rewards::id::PositionKey;
use accrual_rewards::unit::{Amount, BlockNumber};
use accrual_store::{EventPlace, events};
use rust_decimal::Decimal;
use serde::Serialize;

use crate::app::Api;
use crate::book::PoolState;
use crate::error::ApiError;
use crate::prices::USD_PLACES;
use crate::view::Rfc3339;

/// No answer folds more events than this: a second or so.
const EVENTS_MAX: u64 = 200_000;
/// No answer explains more positions of a campaign than this.
const POSITIONS_MAX: usize = 20;
const PAGE: u32 = 20_000;

/// A position's time in a campaign, from the stored events.
#[derive(Debug, Serialize)]
pub(crate) struct TimelineView {
    campaign: String,
    position: String,
    stretches: Vec<StretchView>,
    /// What the position stands for, in the pool's order of tokens.
    held_units: Vec<Amount>,
    /// What went in for the liquidity that is in it.
    put_in_units: Vec<Amount>,
    exposure: Option<ExposureView>,
    exposure_reason: Option<&'static str>,
}

/// A time in which a position stood alike. The end is excluded, and null while it lasts.
#[derive(Debug, Serialize)]
struct StretchView {
    from_block: BlockNumber,
    from_at: Rfc3339,
    to_block: Option<BlockNumber>,
    to_at: Option<Rfc3339>,
    state: &'static str,
    reason: &'static str,
    /// Null where it is not known from the position alone, such as for a vault's members.
    earned_units: Option<Amount>,
}

/// What it is worth against holding the tokens; neither fees nor rewards count.
#[derive(Debug, Serialize)]
struct ExposureView {
    held_usd: Option<Decimal>,
    token0_percent: Option<Decimal>,
    put_in_usd: Option<Decimal>,
    /// Below zero for a gain.
    loss_percent: Option<Decimal>,
}

/// The timelines of `positions` in each of the pool's campaigns that has begun.
pub(crate) async fn timelines(
    api: &Api,
    pool: &PoolState,
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
    let own = |one: &&Campaign| one.pool == info.id;
    let begun = |one: &&Campaign| one.window.starts_at <= moment.at;
    let mut views = Vec::new();
    for campaign in api.book().campaigns().iter().filter(own).filter(begun) {
        for key in positions {
            let told = explain(info.clone(), campaign.clone(), key, events.iter().cloned(), moment.at)
                .map_err(|error| ApiError::internal_at(moment.number, &error))?;
            views.push(TimelineView::of(campaign, key, told, prices));
        }
    }
    Ok(views)
}

async fn all_events(api: &Api, pool: &PoolState) -> Result<Vec<PlacedEvent>, ApiError> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = events::page(api.db(), &pool.info.pool.id, after, pool.moment.number, PAGE).await?;
        let Some(last) = page.last() else { return Ok(all) };
        after = Some(EventPlace::from(last));
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
