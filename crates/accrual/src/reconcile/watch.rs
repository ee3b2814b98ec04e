//! The comparison on a schedule, beside `accrual run`.

use std::time::Duration;

use accrual_access::notice::{Happening, Notice};
use accrual_rewards::campaign::Campaign;
use accrual_rewards::reconcile::Alarm;
use accrual_rewards::unit::UnixSeconds;
use accrual_store::comparisons::Kept;
use accrual_store::{Db, NoticeRow, comparisons, notices, readings};
use tokio_util::sync::CancellationToken;

use super::theirs::Origin;
use crate::config::Config;
use crate::failure::Failure;

/// How often it is looked whether a comparison is due.
const LOOK: Duration = Duration::from_secs(5);
const DAY_SECONDS: u64 = 86_400;

/// Compares every campaign that names Merkl's id each `merkl.every_seconds`, until `shutdown`; nothing without
/// `merkl.url`. When it was compared last is read from the database, so that a restart does not ask anew; of
/// several workers the one that holds the lease on it asks.
pub(crate) async fn follow(config: &Config, db: &Db, now_ms: fn() -> u64, shutdown: CancellationToken) {
    let Some(url) = &config.merkl.url else { return };
    let from = Origin::Url(url.clone());
    let mut tried = std::collections::BTreeMap::new();
    loop {
        for campaign in config.campaigns.iter().filter(|one| one.merkl_campaign_id.is_some()) {
            let now = UnixSeconds(now_ms() / 1_000);
            let before = tried.get(&campaign.id).copied();
            match is_due(db, config, campaign, before, now).await {
                Ok(false) => continue,
                Ok(true) => {}
                Err(error) => {
                    tracing::warn!(campaign = %campaign.id, %error, "whether a comparison is due is not known");
                    continue;
                }
            }
            tried.insert(campaign.id.clone(), now);
            let compared = tokio::select! {
                compared = once(db, config, campaign, &from, now_ms) => compared,
                () = shutdown.cancelled() => return,
            };
            if let Err(error) = compared {
                tracing::warn!(campaign = %campaign.id, %error, "not compared with Merkl; it is tried again when it is due");
            }
        }
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

async fn is_due(
    db: &Db,
    config: &Config,
    campaign: &Campaign,
    tried: Option<UnixSeconds>,
    now: UnixSeconds,
) -> Result<bool, Failure> {
    let every = config.merkl.every_seconds;
    if now < campaign.window.starts_at || tried.is_some_and(|tried| now.since(tried) < every) {
        return Ok(false);
    }
    let newest = comparisons::list(db, &campaign.id, UnixSeconds(u64::MAX), 1).await?;
    Ok(newest.first().is_none_or(|newest| now.since(newest.at) >= every))
}

async fn once(
    db: &Db,
    config: &Config,
    campaign: &Campaign,
    from: &Origin,
    now_ms: fn() -> u64,
) -> Result<(), Failure> {
    let made = super::make(db, config, campaign, (from, &[]), config.merkl.terms, now_ms).await?;
    let Kept { comparison, at, .. } = &made.kept;
    let difference_ppm = comparison.fits.first().map_or(0, |fit| fit.difference_ppm);
    tracing::info!(
        campaign = %campaign.id,
        difference_ppm,
        is_beyond = comparison.is_beyond,
        alarms = comparison.alarms.len(),
        "compared with Merkl"
    );
    tell(db, &made.kept).await?;
    if config.merkl.keep_answers_days > 0 {
        let days = u64::from(config.merkl.keep_answers_days);
        readings::forget(db, UnixSeconds(at.0.saturating_sub(days * DAY_SECONDS))).await?;
    }
    Ok(())
}

/// Posts a notice when it is beyond what is tolerated; once for what they have computed.
pub(crate) async fn tell(db: &Db, kept: &Kept) -> Result<(), Failure> {
    let comparison = &kept.comparison;
    if !comparison.is_beyond {
        return Ok(());
    }
    let happening = Happening::ReconciliationBeyond {
        campaign: kept.campaign.to_string(),
        comparison: kept.comparison_id.clone(),
        computed_until: comparison.computed_until,
        difference_ppm: comparison.fits.first().map_or(0, |fit| fit.difference_ppm),
        tolerance_ppm: comparison.tolerance_ppm,
        alarms: comparison.alarms.iter().map(Alarm::as_str).map(str::to_owned).collect(),
    };
    notices::post_now(db, &[NoticeRow::from(Notice::new(&happening, kept.at))]).await?;
    Ok(())
}
