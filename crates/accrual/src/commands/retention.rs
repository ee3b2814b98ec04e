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
            Ok((hours, snapshots)) => tracing::info!(hours, snapshots, "rolled up and thinned out"),
            Err(error) => tracing::warn!(%error, "what is old is kept for another hour"),
        }
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

/// Rows that went: hours of calls, and snapshots.
async fn once(config: &Config, db: &Db, now: UnixSeconds) -> Result<(u64, u64), StoreError> {
    let Retention { usage_hours_days, snapshots_per_pool } = config.retention;
    let (mut hours, mut snapshots) = (0, 0);
    if let Some(days) = usage_hours_days {
        let before = UnixSeconds(now.0.saturating_sub(u64::from(days) * DAY_SECONDS));
        hours = retention::roll_up_usage(db, before).await?;
    }
    if let Some(kept) = snapshots_per_pool {
        for entry in &config.pools {
            snapshots += retention::thin_snapshots(db, &entry.pool.id, kept).await?;
        }
    }
    Ok((hours, snapshots))
}
