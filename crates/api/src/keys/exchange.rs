//! Keys that have reached their greatest age are exchanged by themselves, where their client has a rule that says where the
//! new key goes.
//!
//! The new key is staged, delivered, and only then gets the old one an end: whatever fails or dies in between, the old key
//! works on. A delivery that failed takes the staged key back and is tried again an hour later. Where the server died on the
//! way, `accrual_access::upkeep` goes on: a new key that is used has arrived and is never taken back. Several servers may look at the same time: the database lets one of them begin.

use accrual_access::change::Refused;
use accrual_access::key::{ApiKey, KeyId};
use accrual_access::notice::{Happening, Notice, RotationTold};
use accrual_access::rotation::{Kind, Rotation, Terms};
use accrual_access::upkeep;
use accrual_store::notices;

use super::{Asker, ClientRule, Issued, Keys, KeysError, Step};
use crate::deliver::{DeliverEvent, Fresh};
use crate::webhooks::courier::Courier;

impl Keys {
    /// Exchanges the keys that are due; how many were. A key whose delivery fails stays, and the log and a notice say so.
    ///
    /// # Errors
    /// The database's own.
    pub async fn exchange_aged(&self, courier: &Courier) -> Result<usize, KeysError> {
        let mut exchanged = 0;
        for rule in &self.0.rules.rotate {
            let client = match self.client(&rule.client).await {
                Err(KeysError::NoSuchClient) => continue,
                found => found?,
            };
            let Some(family) = self.family(&client.client_id).await? else { continue };
            let now = self.0.clock.now();
            let aged: Vec<KeyId> = upkeep::aged(&family, rule.policy, now).cloned().collect();
            for key in aged {
                exchanged += usize::from(self.exchange(rule, &key, courier).await?);
            }
        }
        Ok(exchanged)
    }

    async fn exchange(&self, rule: &ClientRule, key: &KeyId, courier: &Courier) -> Result<bool, KeysError> {
        let last = match self.rotation(key).await {
            Ok(rotation) => Some(rotation),
            Err(KeysError::Refused(Refused::RotationNotOpen(_))) => None,
            Err(error) => return Err(error),
        };
        if !upkeep::may_try(last.as_ref(), self.0.clock.now()) {
            return Ok(false);
        }
        let asker = Asker {
            actor: "accrual".to_owned(),
            reason: "its greatest age is reached".to_owned(),
            ..Asker::default()
        };
        let terms = Terms {
            is_staged: true,
            auto_finish: true,
            overlap_seconds: rule.policy.overlap_seconds,
            ..Terms::new(Kind::Policy)
        };
        let Issued { made, key: fresh } = match self.rotate(key, &terms, &asker).await {
            // Another server has begun, or somebody uses the places that a successor needs; `keys calendar` shows it.
            Err(KeysError::Refused(refused)) => {
                tracing::debug!(%key, %refused, "a key of full age is not exchanged now");
                return Ok(false);
            }
            begun => begun?,
        };
        let Some(fresh) = fresh else { return Ok(false) };
        match self.hand_over(rule, &made, &fresh, courier).await {
            Ok(()) => {
                let start = Step::Start { overlap_seconds: rule.policy.overlap_seconds };
                self.step(key, start, &asker).await?;
                tracing::info!(%key, successor = %made.new, client = rule.client, "exchanged a key of full age");
                Ok(true)
            }
            Err(reason) => {
                tracing::warn!(%key, client = rule.client, reason, "a key of full age stays: its successor was not delivered");
                self.step(key, Step::Cancel, &asker).await?;
                self.tell_undelivered(&made, reason).await?;
                Ok(false)
            }
        }
    }

    /// Delivers the new key of a staged rotation; the reason when nobody can say that it arrived.
    async fn hand_over(
        &self,
        rule: &ClientRule,
        rotation: &Rotation,
        fresh: &ApiKey,
        courier: &Courier,
    ) -> Result<(), String> {
        let record = self.get(&rotation.new).await.map_err(|error| error.to_string())?;
        let fresh = Fresh {
            client: &rule.client,
            key: fresh,
            generation: record.generation,
            overlap_ends_at: None,
            event: DeliverEvent::Rotated,
        };
        let (pepper, now) = (self.0.peppers.current(), self.0.clock.now());
        let delivered = rule.deliver.deliver(&fresh, courier, pepper, now).await;
        delivered.map_err(|error| error.to_string())
    }

    async fn tell_undelivered(&self, rotation: &Rotation, reason: String) -> Result<(), KeysError> {
        let told = Happening::RotationUndelivered { rotation: RotationTold::of(rotation), reason };
        notices::post_now(&self.0.db, &[Notice::new(&told, self.0.clock.now()).into()]).await?;
        Ok(())
    }
}
