//! Notices what happens to campaigns, rates and the source, each once however many servers look.
//!
//! - `campaign.started`, `campaign.ended`: the block time of the campaign's pool has passed the instant, by a day at
//!   most; what is older is no news, e.g. when a server first starts over an old campaign.
//! - `campaign.extended`: a campaign ends later than any server had ever seen.
//! - `pool.apr_moved`: a campaign's yearly rate is, by the configured per cent of the mean, above or below the mean of
//!   its last 24 full hours, each of which must be known. Then nothing about this campaign for 24 hours: by then the
//!   mean has followed.
//! - `source.stale`: the newest block that all pools have reached is older than promised. Then nothing for an hour.
//! - `source.differs`: what is stored of a pool was held against its contracts and is not the same. Then nothing about this
//!   pool for a day.

use std::collections::BTreeMap;
use std::time::Duration;

use accrual_access::notice::{CampaignTold, Happening, Notice};
use accrual_rewards::apr::reward_percent;
use accrual_rewards::campaign::Campaign;
use accrual_rewards::id::PoolId;
use accrual_rewards::series::{CampaignPoint, HOUR_SECONDS, PoolPoint};
use accrual_rewards::unit::UnixSeconds;
use accrual_store::series::{self, Hours};
use accrual_store::{NoticeRow, StoreError, notices, verifications, watched};
use rust_decimal::Decimal;
use tokio_util::sync::CancellationToken;

use crate::app::Api;
use crate::book::{PoolState, State};
use crate::error::ApiError;
use crate::prices::{Prices, pools_behind};
use crate::routes::history::parsed;

const INTERVAL: Duration = Duration::from_secs(15);
const DAY_SECONDS: u64 = 86_400;
const STALE_QUIET_SECONDS: u64 = 3_600;
const HOURS: usize = 24;

/// Looks until `shutdown`. A failure is logged once until it ends.
pub(crate) async fn follow(api: &Api, shutdown: CancellationToken) {
    let mut told = false;
    loop {
        match look(api).await {
            Ok(_) => told = false,
            Err(error) if !told => {
                tracing::warn!(%error, "what happens to campaigns is not told by webhook for now");
                told = true;
            }
            Err(_) => {}
        }
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(INTERVAL) => {}
        }
    }
}

/// One look at everything; how many notices were new.
///
/// # Errors
/// The database's own, or a stored hour cannot be read.
pub async fn look(api: &Api) -> Result<usize, ApiError> {
    let state = api.book().state();
    let mut new = usize::from(stale(api, &state).await?) + differing(api).await?;
    for campaign in api.book().campaigns() {
        new += usize::from(extended(api, campaign).await?);
        if let Some(pool) = state.pool(&campaign.pool) {
            new += windows(api, campaign, pool).await?;
            new += usize::from(moved(api, &state, campaign, pool).await?);
        }
    }
    Ok(new)
}

async fn stale(api: &Api, state: &State) -> Result<bool, StoreError> {
    let (now, settings) = (api.settings().clock.now(), api.settings());
    let Some(newest) = state.lowest() else { return Ok(false) };
    let age_seconds = now.since(newest.at);
    if age_seconds <= settings.stale_after_seconds {
        return Ok(false);
    }
    let (chain_id, block_number) = (settings.chain_id, newest.number.0);
    let happening = Happening::SourceStale { chain_id, block_number, block_at: newest.at, age_seconds };
    let subject = format!("source.stale:{chain_id}");
    watched::post_after_quiet(api.db(), &subject, STALE_QUIET_SECONDS, &row(&happening, now)).await
}

/// Pools whose last verification found a difference.
async fn differing(api: &Api) -> Result<usize, StoreError> {
    let (now, chain_id) = (api.settings().clock.now(), api.settings().chain_id);
    let mut new = 0;
    for (pool, found) in verifications::all(api.db()).await? {
        let Some(first_difference) = found.first_difference.filter(|_| api.pool(&pool).is_some()) else {
            continue;
        };
        let happening = Happening::SourceDiffers {
            chain_id,
            pool: pool.to_string(),
            block_number: found.block_number.0,
            compared: found.compared,
            differences: found.differences,
            first_difference,
        };
        let subject = format!("source.differs:{chain_id}:{pool}");
        new += usize::from(
            watched::post_after_quiet(api.db(), &subject, DAY_SECONDS, &row(&happening, now)).await?,
        );
    }
    Ok(new)
}

/// The start and the end, by the pool's own time: an end that the pool has not reached is not told, since figures
/// would still move.
async fn windows(api: &Api, campaign: &Campaign, pool: &PoolState) -> Result<usize, StoreError> {
    let (window, now) = (current(campaign), pool.moment.at);
    let is_news = |at: UnixSeconds| at <= now && now.since(at) < DAY_SECONDS;
    let told = || campaign_told(campaign);
    let started =
        is_news(window.starts_at).then(|| row(&Happening::CampaignStarted(told()), window.starts_at));
    let ended = is_news(window.ends_at).then(|| row(&Happening::CampaignEnded(told()), window.ends_at));
    let new: Vec<NoticeRow> = started.into_iter().chain(ended).collect();
    notices::post_now(api.db(), &new).await
}

async fn extended(api: &Api, campaign: &Campaign) -> Result<bool, StoreError> {
    let (told, now) = (campaign_told(campaign), api.settings().clock.now());
    let (subject, ends_at) = (format!("campaign.extended:{}", campaign.id), told.ends_at.0);
    let notice = |previous| {
        let previous_ends_at = UnixSeconds(previous);
        row(&Happening::CampaignExtended { campaign: told, previous_ends_at }, now)
    };
    watched::post_when_raised(api.db(), &subject, ends_at, notice).await
}

async fn moved(api: &Api, state: &State, campaign: &Campaign, pool: &PoolState) -> Result<bool, ApiError> {
    let bound = Decimal::from(api.settings().webhooks.apr_moved_percent);
    let Some(now) = rate_now(api, state, campaign, pool).filter(|_| !bound.is_zero()) else {
        return Ok(false);
    };
    let Some(mean) = mean_of_a_day(api, campaign, pool.moment.at).await? else { return Ok(false) };
    let Some(moved) = moved_percent(now, mean).filter(|moved| moved.abs() >= bound) else {
        return Ok(false);
    };
    let at = pool.moment.at;
    let happening = Happening::AprMoved {
        campaign: campaign.id.to_string(),
        pool: campaign.pool.to_string(),
        reward_percent: now.to_string(),
        mean_percent: mean.round_dp(6).to_string(),
        moved_percent: moved.round_dp(2).to_string(),
        window_seconds: DAY_SECONDS,
        at,
    };
    let subject = format!("pool.apr_moved:{}", campaign.id);
    Ok(watched::post_after_quiet(api.db(), &subject, DAY_SECONDS, &row(&happening, at)).await?)
}

/// How far `now` is from `mean`, in per cent of it.
fn moved_percent(now: Decimal, mean: Decimal) -> Option<Decimal> {
    now.checked_sub(mean)?.checked_mul(Decimal::ONE_HUNDRED)?.checked_div(mean)
}

fn rate_now(api: &Api, state: &State, campaign: &Campaign, pool: &PoolState) -> Option<Decimal> {
    let prices = Prices::now(api, state, pool.moment.at);
    let eligible = prices.worth(&campaign.pool, pool.eligible_seldom(&campaign.id).ok()?).ok();
    reward_percent(campaign, prices.priced(campaign.reward_token).ok(), eligible, pool.moment.at).ok()
}

/// The mean of the rates at the last 24 full hours; `None` unless each of them is known.
async fn mean_of_a_day(api: &Api, campaign: &Campaign, at: UnixSeconds) -> Result<Option<Decimal>, ApiError> {
    let to = UnixSeconds(at.0 / HOUR_SECONDS * HOUR_SECONDS);
    let hours = Hours { from: UnixSeconds(to.0.saturating_sub(DAY_SECONDS - HOUR_SECONDS)), to };
    let rows = series::campaign_points(api.db(), &campaign.id, hours, HOUR_SECONDS, u32::MAX).await?;
    if rows.len() != HOURS {
        return Ok(None);
    }
    let tokens = api.tokens_of(&campaign.pool).into_iter().chain([campaign.reward_token]);
    let mut pools: BTreeMap<UnixSeconds, Vec<(PoolId, PoolPoint)>> = BTreeMap::new();
    for pool in pools_behind(api, tokens) {
        for row in series::pool_points(api.db(), &pool, hours, HOUR_SECONDS, u32::MAX).await? {
            pools.entry(row.at).or_default().push((pool.clone(), parsed(&row.body)?));
        }
    }
    let mut sum = Some(Decimal::ZERO);
    for row in rows {
        let point: CampaignPoint = parsed(&row.body)?;
        let behind = pools.get(&point.at).into_iter().flatten().map(|(id, point)| (id, point));
        let prices = Prices::at_hour(api, behind, point.at);
        let eligible = prices.worth(&campaign.pool, &point.eligible).ok();
        let rate = reward_percent(campaign, prices.priced(campaign.reward_token).ok(), eligible, point.at);
        sum = sum.zip(rate.ok()).and_then(|(sum, rate)| sum.checked_add(rate));
    }
    Ok(sum.and_then(|sum| sum.checked_div(Decimal::from(HOURS))))
}

fn campaign_told(campaign: &Campaign) -> CampaignTold {
    let window = current(campaign);
    CampaignTold {
        campaign: campaign.id.to_string(),
        pool: campaign.pool.to_string(),
        starts_at: window.starts_at,
        ends_at: window.ends_at,
    }
}

/// The window of the newest version.
fn current(campaign: &Campaign) -> accrual_rewards::campaign::Window {
    campaign.versions.last().map_or(campaign.window, |version| version.window)
}

fn row(happening: &Happening, at: UnixSeconds) -> NoticeRow {
    Notice::new(happening, at).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_far_a_rate_moved() {
        let cases = [
            ("30", "20", Some("50")),
            ("20", "20", Some("0")),
            ("10", "20", Some("-50")),
            ("0", "20", Some("-100")),
            ("1", "0", None),
        ];
        for (now, mean, expected) in cases {
            let moved = moved_percent(now.parse().unwrap(), mean.parse().unwrap());
            assert_eq!(moved, expected.map(|text: &str| text.parse().unwrap()), "{now} {mean}");
        }
    }
}
