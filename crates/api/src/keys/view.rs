//! Keys and rotations as callers see them: everything but the secret.

use accrual_access::key::KeyId;
use accrual_access::network::Network;
use accrual_access::record::KeyRecord;
use accrual_access::rotation::Rotation;
use accrual_access::scope::Scope;
use accrual_rewards::unit::UnixSeconds;
use accrual_store::usage;
use serde::Serialize;

use super::{Keys, KeysError};
use crate::view::Rfc3339;

const HOUR_SECONDS: u64 = 3_600;
const DAY_SECONDS: u64 = 86_400;

/// A key.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs, reason = "docs/keys.md has a word on each field")]
pub struct KeyView {
    pub id: String,
    pub client: String,
    pub plan: String,
    pub env: &'static str,
    pub state: &'static str,
    pub scopes: Vec<&'static str>,
    pub allowed_networks: Vec<String>,
    pub generation: u64,
    pub created_at: Rfc3339,
    pub expires_at: Option<Rfc3339>,
    pub overlap_ends_at: Option<Rfc3339>,
    pub revoked_at: Option<Rfc3339>,
    pub replaces: Option<String>,
    pub replaced_by: Option<String>,
    pub first_used_at: Option<Rfc3339>,
    pub last_used_at: Option<Rfc3339>,
    pub last_used_network: Option<String>,
    pub last_used_agent: Option<String>,
    pub calls_24h: u64,
    pub pepper_version: u32,
    pub note: String,
}

/// A rotation.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs, reason = "docs/keys.md has a word on each field")]
pub struct RotationView {
    pub id: String,
    pub kind: &'static str,
    pub state: &'static str,
    pub old_key: KeyView,
    pub new_key: KeyView,
    pub created_at: Rfc3339,
    pub started_at: Option<Rfc3339>,
    pub overlap_ends_at: Option<Rfc3339>,
    pub closed_at: Option<Rfc3339>,
    pub auto_finish: bool,
    pub quiet_seconds: u64,
    pub safe_to_finish: bool,
    pub brownout: Option<BrownoutView>,
    pub calls: CallsView,
    pub effective_everywhere_at: Option<String>,
}

/// Calls on both keys, hour by hour, since the rotation began; the last seven days at most.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs, reason = "docs/keys.md has a word on each field")]
pub struct CallsView {
    pub old: Vec<HourView>,
    pub new: Vec<HourView>,
}

/// Calls of one hour.
#[derive(Debug, Clone, Copy, Serialize)]
#[allow(missing_docs, reason = "docs/keys.md has a word on each field")]
pub struct HourView {
    pub at: Rfc3339,
    pub calls: u64,
}

/// A short time in which the old key is refused.
#[derive(Debug, Clone, Copy, Serialize)]
#[allow(missing_docs, reason = "docs/keys.md has a word on each field")]
pub struct BrownoutView {
    pub at: Rfc3339,
    pub ends_at: Rfc3339,
}

impl Keys {
    /// A key for people to read.
    ///
    /// # Errors
    /// The database's own.
    pub async fn view(&self, key: &KeyRecord) -> Result<KeyView, KeysError> {
        let client = self.client(&key.client_id).await?;
        let time = |at: Option<UnixSeconds>| at.map(Rfc3339);
        let name = |id: &Option<_>| id.as_ref().map(ToString::to_string);
        Ok(KeyView {
            id: key.id.to_string(),
            client: client.name,
            plan: client.plan,
            env: key.env.as_str(),
            state: key.standing(self.0.clock.now()).name(),
            scopes: key.scopes.iter().map(Scope::as_str).collect(),
            allowed_networks: key.networks.iter().map(|network: Network| network.to_string()).collect(),
            generation: key.generation,
            created_at: Rfc3339(key.created_at),
            expires_at: time(key.validity.expires_at),
            overlap_ends_at: time(key.validity.overlap_ends_at),
            revoked_at: time(key.revoked_at),
            replaces: name(&key.replaces),
            replaced_by: name(&key.replaced_by),
            first_used_at: time(key.first_used_at),
            last_used_at: time(key.last_used_at),
            last_used_network: key.last_used_network.clone(),
            last_used_agent: key.last_used_agent.clone(),
            calls_24h: self.calls(&key.id, DAY_SECONDS).await?.into_iter().map(|hour| hour.calls).sum(),
            pepper_version: key.pepper_version,
            note: key.note.clone(),
        })
    }

    /// A key's calls by hour in the last `seconds`.
    async fn calls(&self, id: &KeyId, seconds: u64) -> Result<Vec<HourView>, KeysError> {
        let since = UnixSeconds(self.0.clock.now().0.saturating_sub(seconds));
        let hours = usage::of_key(&self.0.db, id.as_str(), since).await?;
        Ok(hours.into_iter().map(|(at, calls)| HourView { at: Rfc3339(at), calls }).collect())
    }

    /// A rotation for people to read.
    ///
    /// # Errors
    /// The database's own.
    pub async fn rotation_view(&self, rotation: &Rotation) -> Result<RotationView, KeysError> {
        let (old, new) = (self.get(&rotation.old).await?, self.get(&rotation.new).await?);
        let now = self.0.clock.now();
        let time = |at: Option<UnixSeconds>| at.map(Rfc3339);
        let brownout = old.validity.brownout;
        let since = now.since(rotation.created_at).min(7 * DAY_SECONDS) + HOUR_SECONDS;
        let everywhere = self.everywhere_at_ms(rotation.epoch).await?;
        Ok(RotationView {
            id: rotation.id.clone(),
            kind: rotation.kind.as_str(),
            state: rotation.state(&old, &new, now),
            created_at: Rfc3339(rotation.created_at),
            started_at: time(rotation.started_at),
            overlap_ends_at: time(rotation.ends_at),
            closed_at: time(rotation.closed_at),
            auto_finish: rotation.auto_finish,
            quiet_seconds: rotation.quiet_seconds,
            safe_to_finish: rotation.is_safe_to_finish(&old, &new, now),
            brownout: brownout.map(|one| BrownoutView { at: Rfc3339(one.at), ends_at: Rfc3339(one.ends_at) }),
            calls: CallsView {
                old: self.calls(&rotation.old, since).await?,
                new: self.calls(&rotation.new, since).await?,
            },
            effective_everywhere_at: everywhere.map(milliseconds),
            old_key: self.view(&old).await?,
            new_key: self.view(&new).await?,
        })
    }
}

/// RFC 3339 with milliseconds.
fn milliseconds(at_ms: u64) -> String {
    let instant = i64::try_from(at_ms).ok().and_then(|at| jiff::Timestamp::from_millisecond(at).ok());
    instant.map(|instant| format!("{instant:.3}")).unwrap_or_default()
}
