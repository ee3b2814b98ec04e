//! What the service is like: looked at every ten seconds, kept for 90 days, told at `/status`.
//!
//! - [`components`]: the state of each part, as this server sees it now; [`merkl`]: of the one that is not ours.
//! - [`account`]: from looks to seconds: how the time since the last look is booked.
//! - [`budget`]: what is left of the promise.
//!
//! **Whose look counts.** Every server looks; the database lets one book each stretch of time. **What is down.** A part is
//! `down` while it does not do its work, `degraded` while it does so late or in part. The service itself is down while no
//! server ran, while keys cannot be checked, and once the database has been away for longer than servers serve without it.
//! A time at which nobody looked is booked for the service alone, and is nobody's for all other parts.

pub(crate) mod account;
pub(crate) mod budget;
pub(crate) mod components;
mod merkl;

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use accrual_rewards::unit::UnixSeconds;
use accrual_store::status::{self, StatusClock};
use accrual_store::{Db, StoreError, verifications};
use tokio_util::sync::CancellationToken;

use crate::app::Api;
use crate::metrics;
use crate::reconciliation;
use crate::routes::status::StatusView;
use account::{Between, book};
use components::Look;

/// How often a server looks.
const INTERVAL: Duration = Duration::from_secs(10);
/// How long the last look may take when the server stops.
const LAST_LOOK: Duration = Duration::from_secs(1);
/// How long one look at the database serves those who ask without a key.
const TOLD_SECONDS: u64 = 5;
const HOUR: u64 = 3_600;
const DAY: u64 = 86_400;
/// How long the account is kept.
pub(crate) const KEPT_DAYS: u64 = 90;

/// What a server remembers between its looks.
#[derive(Debug, Default)]
pub(crate) struct Looker {
    seen: Mutex<Seen>,
    told: Mutex<Option<(UnixSeconds, StatusView)>>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Seen {
    /// When this server first looked.
    alive_since: Option<UnixSeconds>,
    /// Since when the database has not answered.
    failing_since: Option<UnixSeconds>,
    /// The hour in which the old was last forgotten.
    forgotten_at: u64,
}

impl Looker {
    /// Looks until `shutdown`, and once more then, so that a restart is not counted from the look before.
    pub(crate) async fn follow(&self, api: &Api, shutdown: CancellationToken) {
        let mut told = false;
        while !shutdown.is_cancelled() {
            match self.look(api).await {
                Ok(_) => told = false,
                Err(error) => {
                    if !told {
                        tracing::warn!(%error, "the account of what the service is like cannot be written");
                    }
                    told = true;
                }
            }
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = tokio::time::sleep(INTERVAL) => {}
            }
        }
        // If it fails, the time until the next start is counted from the look before.
        let _ = tokio::time::timeout(LAST_LOOK, self.look(api)).await;
    }

    /// Looks at everything once, and books the time since the last look unless another server has. Whether it did.
    ///
    /// # Errors
    /// The database's own; the time stays unbooked until it is back.
    pub(crate) async fn look(&self, api: &Api) -> Result<bool, StoreError> {
        let now = api.settings().clock.now();
        let alive_since = {
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            *seen.alive_since.get_or_insert(now)
        };
        let look = Look::at(api, now).await;
        metrics::tell(api, &look);
        // What a database that is away cannot tell stays as it was told last; its own trouble is counted elsewhere.
        if let Ok(gauges) = reconciliation::gauges(api).await {
            metrics::compared(&gauges);
        }
        if let Ok(verified) = verifications::all(api.db()).await {
            metrics::verified(&verified, now);
        }
        let booked = self.book(api.db(), &look, alive_since, now).await;
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.failing_since = match &booked {
            Ok(_) => None,
            Err(_) => seen.failing_since.or(Some(now)),
        };
        booked
    }

    /// Since when the database has not answered, as far as this server has looked.
    pub(crate) fn failing_since(&self) -> Option<UnixSeconds> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).failing_since
    }

    /// What was told last, unless that is too long ago.
    pub(crate) fn told(&self, now: UnixSeconds) -> Option<StatusView> {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.as_ref()
            .filter(|(at, _)| *at <= now && now.since(*at) < TOLD_SECONDS)
            .map(|(_, view)| view.clone())
    }

    /// Keeps what is told now for whoever asks next.
    pub(crate) fn tell(&self, now: UnixSeconds, view: &StatusView) {
        *self.told.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, view.clone()));
    }

    async fn book(
        &self,
        db: &Db,
        look: &Look,
        alive_since: UnixSeconds,
        now: UnixSeconds,
    ) -> Result<bool, StoreError> {
        let Some(StatusClock { told_to, .. }) = status::clock(db).await? else {
            status::begin(db, now).await?;
            return Ok(true);
        };
        // Another server has just looked, or a clock went back.
        if now.since(told_to) < INTERVAL.as_secs() / 2 {
            return Ok(false);
        }
        let failing_since = self.failing_since();
        let between = Between { from: told_to, to: now, alive_since, failing_since };
        let (hours, standings) = book(&between, look);
        let booked = status::account(db, (told_to, now), &hours, &standings).await?;
        if booked {
            self.forget(db, now).await?;
        }
        Ok(booked)
    }

    /// Once an hour: what is older than is kept.
    async fn forget(&self, db: &Db, now: UnixSeconds) -> Result<(), StoreError> {
        let hour = now.0 / HOUR * HOUR;
        if self.seen.lock().unwrap_or_else(PoisonError::into_inner).forgotten_at == hour {
            return Ok(());
        }
        status::forget(db, UnixSeconds(hour.saturating_sub(KEPT_DAYS * DAY))).await?;
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).forgotten_at = hour;
        Ok(())
    }
}
