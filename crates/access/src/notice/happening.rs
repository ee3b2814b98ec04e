//! What can happen, with all that is told of it, and the name that makes of however many sightings one notice.

use accrual_rewards::unit::UnixSeconds;
use serde::Serialize;

use super::NoticeKind;
use super::told::{CampaignTold, KeyTold, RotationTold, UsageTold, maybe_time, time};

/// What happened, with all that is told of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
#[allow(missing_docs, reason = "the fields are named as in the JSON, and the kinds are documented above")]
pub enum Happening {
    KeyCreated(KeyTold),
    RotationStarted(RotationTold),
    OldKeyStillUsed {
        #[serde(flatten)]
        rotation: RotationTold,
        overlap_percent: u64,
        #[serde(serialize_with = "maybe_time")]
        last_used_at: Option<UnixSeconds>,
        last_used_network: Option<String>,
    },
    RotationDrained(RotationTold),
    RotationDone(RotationTold),
    RotationRolledBack(RotationTold),
    RotationUndelivered {
        #[serde(flatten)]
        rotation: RotationTold,
        reason: String,
    },
    KeyRevoked {
        #[serde(flatten)]
        key: KeyTold,
        reason: String,
    },
    KeyExpiring {
        #[serde(flatten)]
        key: KeyTold,
        #[serde(serialize_with = "time")]
        expires_at: UnixSeconds,
        life_percent: u64,
    },
    AuthFailures {
        client: Option<String>,
        key_id: Option<String>,
        reason: String,
        calls: u64,
        #[serde(serialize_with = "time")]
        since_at: UnixSeconds,
    },
    KeyUnusual {
        client: String,
        key_id: String,
        rule: String,
        detail: String,
        #[serde(serialize_with = "time")]
        since_at: UnixSeconds,
    },
    Usage80(UsageTold),
    Usage100(UsageTold),
    CampaignStarted(CampaignTold),
    CampaignExtended {
        #[serde(flatten)]
        campaign: CampaignTold,
        #[serde(serialize_with = "time")]
        previous_ends_at: UnixSeconds,
    },
    CampaignEnded(CampaignTold),
    AprMoved {
        campaign: String,
        pool: String,
        reward_percent: String,
        mean_percent: String,
        moved_percent: String,
        window_seconds: u64,
        #[serde(serialize_with = "time")]
        at: UnixSeconds,
    },
    SourceStale {
        chain_id: u64,
        block_number: u64,
        #[serde(serialize_with = "time")]
        block_at: UnixSeconds,
        age_seconds: u64,
    },
    ReconciliationBeyond {
        campaign: String,
        comparison: String,
        #[serde(serialize_with = "time")]
        computed_until: UnixSeconds,
        difference_ppm: u64,
        tolerance_ppm: u64,
        alarms: Vec<String>,
    },
    SourceDiffers {
        chain_id: u64,
        pool: String,
        block_number: u64,
        compared: u64,
        differences: u64,
        first_difference: String,
    },
    Test {
        webhook: String,
    },
}

impl Happening {
    /// Its kind.
    pub fn kind(&self) -> NoticeKind {
        match self {
            Self::KeyCreated(_) => NoticeKind::KeyCreated,
            Self::RotationStarted(_) => NoticeKind::RotationStarted,
            Self::OldKeyStillUsed { .. } => NoticeKind::OldKeyStillUsed,
            Self::RotationDrained(_) => NoticeKind::RotationDrained,
            Self::RotationDone(_) => NoticeKind::RotationDone,
            Self::RotationRolledBack(_) => NoticeKind::RotationRolledBack,
            Self::RotationUndelivered { .. } => NoticeKind::RotationUndelivered,
            Self::KeyRevoked { .. } => NoticeKind::KeyRevoked,
            Self::KeyExpiring { .. } => NoticeKind::KeyExpiring,
            Self::AuthFailures { .. } => NoticeKind::AuthFailures,
            Self::KeyUnusual { .. } => NoticeKind::KeyUnusual,
            Self::Usage80(_) => NoticeKind::Usage80,
            Self::Usage100(_) => NoticeKind::Usage100,
            Self::CampaignStarted(_) => NoticeKind::CampaignStarted,
            Self::CampaignExtended { .. } => NoticeKind::CampaignExtended,
            Self::CampaignEnded(_) => NoticeKind::CampaignEnded,
            Self::AprMoved { .. } => NoticeKind::AprMoved,
            Self::SourceStale { .. } => NoticeKind::SourceStale,
            Self::ReconciliationBeyond { .. } => NoticeKind::ReconciliationBeyond,
            Self::SourceDiffers { .. } => NoticeKind::SourceDiffers,
            Self::Test { .. } => NoticeKind::Test,
        }
    }

    /// The client that it speaks of, by id.
    pub fn client(&self) -> Option<&str> {
        match self {
            Self::KeyCreated(key) | Self::KeyRevoked { key, .. } | Self::KeyExpiring { key, .. } => {
                Some(&key.client)
            }
            Self::RotationStarted(rotation)
            | Self::OldKeyStillUsed { rotation, .. }
            | Self::RotationDrained(rotation)
            | Self::RotationDone(rotation)
            | Self::RotationUndelivered { rotation, .. }
            | Self::RotationRolledBack(rotation) => Some(&rotation.client),
            Self::AuthFailures { client, .. } => client.as_deref(),
            Self::KeyUnusual { client, .. } => Some(client),
            Self::Usage80(usage) | Self::Usage100(usage) => Some(&usage.client),
            Self::CampaignStarted(_)
            | Self::CampaignExtended { .. }
            | Self::CampaignEnded(_)
            | Self::AprMoved { .. }
            | Self::SourceStale { .. }
            | Self::ReconciliationBeyond { .. }
            | Self::SourceDiffers { .. }
            | Self::Test { .. } => None,
        }
    }

    /// The name of the notice: made of what happened, and of `at` only where it may happen again.
    pub fn id(&self, at: UnixSeconds) -> String {
        let what = match self {
            Self::KeyCreated(key) | Self::KeyRevoked { key, .. } => key.key_id.to_string(),
            Self::KeyExpiring { key, expires_at, life_percent } => {
                format!("{}:{expires_at}:{life_percent}", key.key_id)
            }
            Self::RotationStarted(rotation)
            | Self::RotationDone(rotation)
            | Self::RotationUndelivered { rotation, .. }
            | Self::RotationRolledBack(rotation) => rotation.rotation.clone(),
            // It drains again when the old key was used once more.
            Self::RotationDrained(rotation) => format!("{}:{at}", rotation.rotation),
            Self::OldKeyStillUsed { rotation, overlap_percent, .. } => {
                // An extended overlap has its own halves.
                let ends_at = rotation.overlap_ends_at.unwrap_or_default();
                format!("{}:{ends_at}:{overlap_percent}", rotation.rotation)
            }
            Self::AuthFailures { client, key_id, reason, since_at, .. } => {
                let (client, key) = (client.as_deref().unwrap_or("-"), key_id.as_deref().unwrap_or("-"));
                format!("{client}:{key}:{reason}:{since_at}")
            }
            Self::KeyUnusual { key_id, rule, detail, since_at, .. } => {
                // A rate is told once an hour, a network once.
                let what = if rule == "new_network" { detail.clone() } else { since_at.to_string() };
                format!("{key_id}:{rule}:{what}")
            }
            Self::Usage80(usage) | Self::Usage100(usage) => format!("{}:{}", usage.client, usage.month_at),
            Self::CampaignStarted(campaign) => format!("{}:{}", campaign.campaign, campaign.starts_at),
            Self::CampaignEnded(campaign) | Self::CampaignExtended { campaign, .. } => {
                format!("{}:{}", campaign.campaign, campaign.ends_at)
            }
            Self::AprMoved { campaign, at, .. } => format!("{campaign}:{at}"),
            Self::SourceStale { chain_id, block_number, .. } => format!("{chain_id}:{block_number}"),
            // Once for what they computed, however often it is compared.
            Self::ReconciliationBeyond { campaign, computed_until, .. } => {
                format!("{campaign}:{computed_until}")
            }
            Self::SourceDiffers { chain_id, pool, block_number, .. } => {
                format!("{chain_id}:{pool}:{block_number}")
            }
            Self::Test { webhook } => format!("{webhook}:{at}"),
        };
        format!("{}:{what}", self.kind().as_str())
    }
}
