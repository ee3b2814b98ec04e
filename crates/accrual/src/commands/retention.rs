//! What is not kept for ever goes, once an hour, by whichever worker holds that task.

use std::time::Duration;

use accrual_rewards::unit::UnixSeconds;
use accrual_store::{Db, StoreError, retention};
use tokio_util::sync::CancellationToken;

use crate::config::{Config, Retention};

const EVERY: Duration = Duration::from_secs(3_600);
const DAY_SECONDS: u64 = 86_400;

/// Does so at once and then each hour, until `shutdown`. Trouble is logged and tried again an hour later.
pub(super) async fn follow(config: &Config, db: &Db, shutdown: CancellationToken) {
    if config.retention == Retention::default() {
        // Everything is kept.
        return;
    }
    loop {
        let done = tokio::select! {
            () = shutdown.cancelled() => return,
            done = once(config, db, super::now()) => done,
        };
        match done {
            Ok(gone) => {
                let Gone { account_hours, pool_hours, usage_hours, snapshots } = gone;
                tracing::info!(
                    account_hours,
                    pool_hours,
                    usage_hours,
                    snapshots,
                    "rolled up and thinned out"
                );
            }
            Err(error) => tracing::warn!(%error, "what is old is kept for another hour"),
        }
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

/// Rows that went.
#[derive(Default)]
struct Gone {
    account_hours: u64,
    pool_hours: u64,
    usage_hours: u64,
    snapshots: u64,
}

async fn once(config: &Config, db: &Db, now: UnixSeconds) -> Result<Gone, StoreError> {
    let Retention { account_hours_days, pool_hours_days, usage_hours_days, snapshots_per_pool } =
        config.retention;
    let before = |days: u32| UnixSeconds(now.0.saturating_sub(u64::from(days) * DAY_SECONDS));
    let mut gone = Gone::default();
    if let Some(days) = account_hours_days {
        for campaign in &config.campaigns {
            let ends_at = campaign.window.ends_at;
            gone.account_hours +=
                retention::roll_up_accounts(db, &campaign.id, ends_at, before(days)).await?;
        }
    }
    if let Some(days) = pool_hours_days {
        for entry in &config.pools {
            gone.pool_hours += retention::roll_up_pool(db, &entry.pool.id, days).await?;
        }
    }
    if let Some(days) = usage_hours_days {
        gone.usage_hours = retention::roll_up_usage(db, before(days)).await?;
    }
    if let Some(kept) = snapshots_per_pool {
        for entry in &config.pools {
            gone.snapshots += retention::thin_snapshots(db, &entry.pool.id, kept).await?;
        }
    }
    Ok(gone)
}
