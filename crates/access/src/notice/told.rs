//! What notices speak of, as they speak of it: public names, counts and times, and no field for a secret.

use accrual_rewards::unit::UnixSeconds;
use serde::{Serialize, Serializer};

use crate::key::{KeyEnv, KeyId};
use crate::record::KeyRecord;
use crate::rotation::Rotation;

/// A key, as notices speak of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeyTold {
    /// Its public name.
    #[serde(serialize_with = "as_text")]
    pub key_id: KeyId,
    /// Whose it is, by the client's id.
    pub client: String,
    /// What it is good for.
    #[serde(serialize_with = "env")]
    pub env: KeyEnv,
    /// How many keys came before it in its line.
    pub generation: u64,
}

/// A rotation, as notices speak of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RotationTold {
    /// Its id.
    pub rotation: String,
    /// Whose keys, by the client's id.
    pub client: String,
    /// The old key's public name.
    #[serde(serialize_with = "as_text")]
    pub old_key_id: KeyId,
    /// Its successor's.
    #[serde(serialize_with = "as_text")]
    pub new_key_id: KeyId,
    /// When the old key is refused.
    #[serde(serialize_with = "maybe_time")]
    pub overlap_ends_at: Option<UnixSeconds>,
}

impl KeyTold {
    /// A stored key.
    pub fn of(key: &KeyRecord) -> Self {
        Self {
            key_id: key.id.clone(),
            client: key.client_id.clone(),
            env: key.env,
            generation: key.generation,
        }
    }
}

impl RotationTold {
    /// A stored rotation.
    pub fn of(rotation: &Rotation) -> Self {
        Self {
            rotation: rotation.id.clone(),
            client: rotation.client_id.clone(),
            old_key_id: rotation.old.clone(),
            new_key_id: rotation.new.clone(),
            overlap_ends_at: rotation.ends_at,
        }
    }
}

/// A campaign, as notices speak of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CampaignTold {
    /// Its id.
    pub campaign: String,
    /// Its pool's id.
    pub pool: String,
    /// When it begins.
    #[serde(serialize_with = "time")]
    pub starts_at: UnixSeconds,
    /// When it ends.
    #[serde(serialize_with = "time")]
    pub ends_at: UnixSeconds,
}

/// How much of a month a client has used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UsageTold {
    /// The client's id.
    pub client: String,
    /// The month's first instant.
    #[serde(serialize_with = "time")]
    pub month_at: UnixSeconds,
    /// Calls so far.
    pub calls: u64,
    /// Calls that the plan includes.
    pub calls_included: u64,
}

pub(super) fn as_text<S: Serializer>(value: &KeyId, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(value.as_str())
}

pub(super) fn env<S: Serializer>(value: &KeyEnv, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(value.as_str())
}

pub(super) fn time<S: Serializer>(at: &UnixSeconds, serializer: S) -> Result<S::Ok, S::Error> {
    let instant = i64::try_from(at.0).ok().and_then(|at| jiff::Timestamp::from_second(at).ok());
    serializer.serialize_str(&instant.unwrap_or(jiff::Timestamp::MAX).to_string())
}

pub(super) fn maybe_time<S: Serializer>(at: &Option<UnixSeconds>, serializer: S) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => time(at, serializer),
        None => serializer.serialize_none(),
    }
}
