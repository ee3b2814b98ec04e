//! Takes what is due and sends it: each delivery by one server at a time, again and again over three days.

use std::collections::HashMap;
use std::time::Duration;

use accrual_access::webhook::{Message, Verdict, retry_after_seconds, verdict};
use accrual_rewards::unit::UnixSeconds;
use accrual_store::deliveries::{self, DueRow, Tried};
use accrual_store::{StoreError, notices, webhooks};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::Generations;
use super::courier::Courier;
use crate::app::Api;

const INTERVAL: Duration = Duration::from_secs(1);
/// How long a delivery is another server's business: longer than any try takes.
const LEASE_SECONDS: u64 = 60;
const FAN_OUT_MAX: u32 = 100;
const IN_FLIGHT_MAX: usize = 32;
/// Of one webhook, so that a slow receiver keeps no other waiting.
const IN_FLIGHT_EACH_MAX: u32 = 2;
/// What is told is kept so long, for those who ask what was sent.
const KEPT_SECONDS: u64 = 30 * 86_400;
const FORGET_EVERY_SECONDS: u64 = 3_600;

/// Sends what is due.
#[derive(Debug)]
pub struct Sender {
    api: Api,
    courier: Courier,
    flights: JoinSet<String>,
    in_flight: HashMap<String, u32>,
    forgot_at: UnixSeconds,
}

impl Sender {
    /// A sender that has sent nothing yet.
    pub fn new(api: Api, courier: Courier) -> Self {
        let (flights, in_flight, forgot_at) = (JoinSet::new(), HashMap::new(), UnixSeconds(0));
        Self { api, courier, flights, in_flight, forgot_at }
    }

    /// Sends until `shutdown`. A failure of the database is logged once until it ends.
    pub(crate) async fn follow(mut self, shutdown: CancellationToken) {
        let mut told = false;
        loop {
            match self.round().await {
                Ok(_) => told = false,
                Err(error) if !told => {
                    tracing::warn!(%error, "webhooks wait for the database");
                    told = true;
                }
                Err(_) => {}
            }
            tokio::select! {
                // What is on its way is given up: it is due again when its lease is over.
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(INTERVAL) => {}
            }
        }
    }

    /// Hands out what was posted, and starts what is due; how many messages were started.
    ///
    /// # Errors
    /// The database's own.
    pub async fn round(&mut self) -> Result<usize, StoreError> {
        while let Some(landed) = self.flights.try_join_next() {
            self.land(landed);
        }
        let (db, now) = (self.api.db().clone(), self.api.settings().clock.now());
        notices::fan_out(&db, now, FAN_OUT_MAX).await?;
        self.forget(now).await?;
        let mut started = 0;
        for due in deliveries::due(&db, now, IN_FLIGHT_EACH_MAX, FAN_OUT_MAX).await? {
            let of_webhook = self.in_flight.get(&due.webhook_id).copied().unwrap_or_default();
            if self.flights.len() >= IN_FLIGHT_MAX || of_webhook >= IN_FLIGHT_EACH_MAX {
                continue;
            }
            let until = UnixSeconds(now.0.saturating_add(LEASE_SECONDS));
            if deliveries::claim(&db, &due, until).await? {
                *self.in_flight.entry(due.webhook_id.clone()).or_default() += 1;
                self.flights.spawn(fly(self.api.clone(), self.courier.clone(), due, until));
                started += 1;
            }
        }
        Ok(started)
    }

    /// Waits for all that was started.
    pub async fn settle(&mut self) {
        while let Some(landed) = self.flights.join_next().await {
            self.land(landed);
        }
    }

    fn land(&mut self, landed: Result<String, tokio::task::JoinError>) {
        match landed {
            Ok(webhook_id) => {
                if let Some(count) = self.in_flight.get_mut(&webhook_id) {
                    *count = count.saturating_sub(1);
                }
                self.in_flight.retain(|_, count| *count > 0);
            }
            Err(error) => {
                tracing::error!(%error, "a delivery panicked; it is tried again");
                // Whose it was is not known any more; counts that are too low only let one more start.
                self.in_flight.clear();
            }
        }
    }

    async fn forget(&mut self, now: UnixSeconds) -> Result<(), StoreError> {
        if now.since(self.forgot_at) >= FORGET_EVERY_SECONDS {
            notices::forget(self.api.db(), UnixSeconds(now.0.saturating_sub(KEPT_SECONDS))).await?;
            self.forgot_at = now;
        }
        Ok(())
    }
}

/// One try; the webhook that it was for.
async fn fly(api: Api, courier: Courier, due: DueRow, until: UnixSeconds) -> String {
    let tried = attempt(&api, &courier, &due).await;
    let gone = tried.state == "dropped";
    let noted = async {
        deliveries::settle(api.db(), &due, until, &tried).await?;
        if gone {
            webhooks::disable(api.db(), &due.webhook_id).await?;
        }
        Ok::<_, StoreError>(())
    };
    if let Err(error) = noted.await {
        tracing::warn!(%error, webhook = due.webhook_id, "what a delivery came to is not kept; it is tried again");
    }
    due.webhook_id
}

async fn attempt(api: &Api, courier: &Courier, due: &DueRow) -> Tried {
    let sent_at = api.settings().clock.now();
    let generations = Generations {
        webhook_id: &due.webhook_id,
        newest: due.secret_generation,
        pepper_version: due.pepper_version,
        previous_ends_at: due.previous_ends_at,
        previous_pepper_version: due.previous_pepper_version,
    };
    let message = Message { id: &due.notice_id, at: sent_at, body: due.body.as_bytes() };
    let answer = match generations.secrets(api, sent_at) {
        Some(secrets) => courier.post(&due.url, &message, &secrets).await.map_err(|error| error.to_string()),
        None => {
            Err("the pepper that its secret is made from is not on this server: rotate the secret".to_owned())
        }
    };
    let at = api.settings().clock.now();
    tried(due, at, answer)
}

fn tried(due: &DueRow, at: UnixSeconds, answer: Result<u16, String>) -> Tried {
    let status = answer.as_ref().ok().copied();
    let (state, next_at, error) = match (answer.map(|status| (status, verdict(status))), random()) {
        (Ok((_, Verdict::Delivered)), _) => ("delivered", at, None),
        (Ok((_, Verdict::Gone)), _) => ("dropped", at, Some("answered 410: it wants no more".to_owned())),
        (failed, random) => {
            let error = match failed {
                Ok((status @ 300..=399, _)) => format!("answered {status}, and redirects are not followed"),
                Ok((status, _)) => format!("answered {status}"),
                Err(error) => error,
            };
            let attempts = u32::try_from(due.attempts).unwrap_or(u32::MAX).saturating_add(1);
            match retry_after_seconds(attempts, random) {
                Some(wait) => ("pending", UnixSeconds(at.0.saturating_add(wait)), Some(error)),
                None => ("failed", at, Some(error)),
            }
        }
    };
    Tried { state, next_at, at, status, error }
}

/// Without random numbers the waits are the shortest.
fn random() -> u64 {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map(|()| u64::from_be_bytes(bytes)).unwrap_or_default()
}
