//! What falls due by itself, written down and told: each server looks, the database lets one of them write.

use std::time::Duration;

use accrual_access::upkeep;
use accrual_rewards::unit::UnixSeconds;
use accrual_store::access::Whose;
use accrual_store::{idempotency, replicas};
use tokio_util::sync::CancellationToken;

use super::{Asker, Family, Keys, KeysError, clients, heads, keys, rotations};
use crate::webhooks::courier::Courier;

const INTERVAL: Duration = Duration::from_secs(5);
/// How long a request may be repeated under its Idempotency-Key: a week.
const REPEAT_SECONDS: u64 = 7 * 86_400;

impl Keys {
    /// Does what is due, until `shutdown`; without a courier no key is exchanged by itself.
    pub async fn keep_up(&self, courier: Option<Courier>, shutdown: CancellationToken) {
        let (mut told, mut head_due_at) = (false, UnixSeconds(0));
        loop {
            let now = self.0.clock.now();
            if now >= head_due_at {
                self.note_head().await;
                head_due_at = UnixSeconds(now.0.saturating_add(heads::INTERVAL_SECONDS));
            }
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(INTERVAL) => {}
            }
            let done = async {
                self.renew_macs().await?;
                self.upkeep().await?;
                match &courier {
                    Some(courier) => self.exchange_aged(courier).await,
                    None => Ok(0),
                }
            };
            match done.await {
                Ok(_) => told = false,
                Err(error) => {
                    if !told {
                        tracing::warn!(%error, "what is due of keys cannot be done; their ends hold all the same");
                    }
                    told = true;
                }
            }
        }
    }

    /// Does what is due now; how many clients that concerned.
    ///
    /// # Errors
    /// The database's own.
    pub async fn upkeep(&self) -> Result<usize, KeysError> {
        let now = self.0.clock.now();
        // A key is spoken of at four fifths of its greatest age.
        let aged_at = self.0.rules.age_seconds_min().map(|max| now.0.saturating_sub(max / 5 * 4));
        let mut done = 0;
        for client_id in replicas::needing_upkeep(&self.0.db, aged_at).await? {
            let Some(family) = self.family(&client_id).await? else { continue };
            let policy = self.0.rules.policy_of(&family.client.name);
            // Looked at without a transaction first: mostly nothing is due.
            if upkeep::due(&family, policy, now)?.is_empty() {
                continue;
            }
            let asker = Asker { actor: "accrual".to_owned(), ..Asker::default() };
            let change = self.change(Whose::Client(&client_id), &asker, |family| {
                Ok((upkeep::due(family, policy, now)?, client_id.clone()))
            });
            change.await?;
            done += 1;
        }
        self.watch_habits().await?;
        let old = UnixSeconds(now.0.saturating_sub(REPEAT_SECONDS));
        if idempotency::has_older(&self.0.db, old).await? {
            idempotency::forget(&self.0.db, old).await?;
        }
        Ok(done)
    }

    /// A client's family as it is stored.
    ///
    /// # Errors
    /// The database's own.
    pub async fn family(&self, client_id: &str) -> Result<Option<Family>, KeysError> {
        let Some(client) = clients::by_id(&self.0.db, client_id).await? else { return Ok(None) };
        // In this order: a rotation that another server begins meanwhile is of keys that are then there.
        let rotations = rotations::open(&self.0.db, client_id).await?;
        let keys = keys::list(&self.0.db, Some(client_id)).await?;
        Ok(Some(Family { client, keys, rotations }))
    }
}
