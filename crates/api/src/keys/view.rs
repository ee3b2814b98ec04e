//! Keys and rotations as callers see them: everything but the secret.

use accrual_access::key::KeyId;
use accrual_access::network::Network;
use accrual_access::record::KeyRecord;
use accrual_access::rotation::Rotation;
use accrual_access::scope::Scope;
use accrual_access::upkeep::exchanged_at;
use accrual_rewards::unit::UnixSeconds;
use accrual_store::usage;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Keys, KeysError};
use crate::view::Rfc3339;

const HOUR_SECONDS: u64 = 3_600;
const DAY_SECONDS: u64 = 86_400;

/// A key.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct KeyView {
    /// The key's public name: safe to log.
    #[schema(example = "7Q2mZx9KpL4t")]
    pub id: String,
    /// Whose it is, by name.
    pub client: String,
    /// The client's plan.
    pub plan: String,
    /// `live` or `test`.
    pub env: &'static str,
    /// `active`, `ending`, `ended`, `revoked`, `expired` or `paused`, now.
    pub state: &'static str,
    /// What it may do.
    #[schema(value_type = Vec<crate::document::shape::ScopeName>)]
    pub scopes: Vec<&'static str>,
    /// From where it may be used, as CIDR; empty for anywhere.
    pub allowed_networks: Vec<String>,
    /// How many keys came before it in its line, and one.
    pub generation: u64,
    /// When it was made.
    pub created_at: Rfc3339,
    /// When it ends by itself; null for never.
    pub expires_at: Option<Rfc3339>,
    /// When its age has it exchanged; null where no age is set, or for a key that is not active.
    pub exchange_due_at: Option<Rfc3339>,
    /// When it ends because it is being exchanged; null while it is not.
    pub overlap_ends_at: Option<Rfc3339>,
    /// When it was revoked.
    pub revoked_at: Option<Rfc3339>,
    /// The key that it replaces, by id.
    pub replaces: Option<String>,
    /// The key that replaces it, by id.
    pub replaced_by: Option<String>,
    /// When it was first used.
    pub first_used_at: Option<Rfc3339>,
    /// When it was last used.
    pub last_used_at: Option<Rfc3339>,
    /// From where it was last used: a /24 of IPv4, a /48 of IPv6.
    pub last_used_network: Option<String>,
    /// What the User-Agent header said then.
    pub last_used_agent: Option<String>,
    /// How many calls it made in the last 24 hours.
    pub calls_24h: u64,
    /// Which pepper its secret is stored under.
    pub pepper_version: u32,
    /// A word for people.
    pub note: String,
}

/// A rotation.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RotationView {
    /// The rotation's id.
    #[schema(example = "rot_4Jx0cV2bN8mK")]
    pub id: String,
    /// `normal`, `self`, `policy` or `emergency`: what it was begun for.
    pub kind: &'static str,
    /// `staged`, `overlap`, `drained`, `done` or `rolled_back`.
    #[schema(example = "overlap")]
    pub state: &'static str,
    /// The key that ends.
    pub old_key: KeyView,
    /// Its successor.
    pub new_key: KeyView,
    /// When the successor was made.
    pub created_at: Rfc3339,
    /// When the overlap began; null while it is staged.
    pub started_at: Option<Rfc3339>,
    /// When the old key ends; null while it is staged.
    pub overlap_ends_at: Option<Rfc3339>,
    /// When it was finished, rolled back or cancelled; null before.
    pub closed_at: Option<Rfc3339>,
    /// Whether it finishes itself once the old key is drained.
    pub auto_finish: bool,
    /// How long the old key must be unused to count as drained.
    pub quiet_seconds: u64,
    /// Whether the old key is used no more, so that finishing breaks nobody.
    pub safe_to_finish: bool,
    /// When the old key is refused for a moment; null where no such time is planned.
    pub brownout: Option<BrownoutView>,
    /// The calls on both keys.
    pub calls: CallsView,
    /// When every live server had taken in the newest change, to the millisecond; null before.
    pub effective_everywhere_at: Option<String>,
}

/// Calls on both keys, hour by hour, since the rotation began; the last seven days at most.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CallsView {
    /// On the old key, hour by hour.
    pub old: Vec<HourView>,
    /// On the new key, hour by hour.
    pub new: Vec<HourView>,
}

/// Calls of one hour.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub struct HourView {
    /// The hour's beginning.
    pub at: Rfc3339,
    /// How many calls there were.
    pub calls: u64,
}

/// A short time in which the old key is refused.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub struct BrownoutView {
    /// When it begins.
    pub at: Rfc3339,
    /// When it ends, excluded.
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
        let due_at = exchanged_at(key, self.0.rules.policy_of(&client.name), self.0.clock.now());
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
            exchange_due_at: time(due_at),
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
