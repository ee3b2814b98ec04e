//! What others are told by webhook: one notice a happening, `{type, timestamp, data}`.
//!
//! A notice's name is made of what happened ([`Happening::id`]), so that however many servers notice it, and however
//! often, it is posted once. Its data are public names, counts and times: there is no field that a key or a secret
//! could be put into, and texts that people wrote are searched for them.

use accrual_rewards::unit::UnixSeconds;
use serde::{Serialize, Serializer};

use crate::key::{KeyEnv, KeyId, redact};
use crate::record::KeyRecord;
use crate::rotation::Rotation;

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        /// The kinds of notices, by the names that webhooks ask for them with.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum NoticeKind { $($(#[$doc])* $name),* }

        impl NoticeKind {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// Its name.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text),* }
            }
        }
    };
}
kinds! {
    /// A key was made.
    KeyCreated = "key.created";
    /// A key and its successor are both accepted from now on.
    RotationStarted = "key.rotation.started";
    /// Much of the overlap is over, and somebody still uses the old key.
    OldKeyStillUsed = "key.rotation.old_key_still_used";
    /// Nobody has used the old key for a while: it can be ended.
    RotationDrained = "key.rotation.drained";
    /// The old key has ended.
    RotationDone = "key.rotation.done";
    /// The old key stays, its successor is revoked.
    RotationRolledBack = "key.rotation.rolled_back";
    /// A key of full age stays, since its successor could not be delivered.
    RotationUndelivered = "key.rotation.undelivered";
    /// A key was revoked.
    KeyRevoked = "key.revoked";
    /// A key ends by itself before long.
    KeyExpiring = "key.expiring";
    /// Many calls were refused.
    AuthFailures = "key.auth_failures";
    /// A key does what it never did.
    KeyUnusual = "key.unusual";
    /// Four fifths of the month's calls are used.
    Usage80 = "usage.80";
    /// All of the month's calls are used.
    Usage100 = "usage.100";
    /// A campaign has begun.
    CampaignStarted = "campaign.started";
    /// A campaign ends later than it was to.
    CampaignExtended = "campaign.extended";
    /// A campaign is over.
    CampaignEnded = "campaign.ended";
    /// A pool's yearly rate is far from its mean of a day.
    AprMoved = "pool.apr_moved";
    /// The newest block is older than promised.
    SourceStale = "source.stale";
    /// Our figures and Merkl's are further apart than is tolerated, or something is wrong whatever the distance.
    ReconciliationBeyond = "reconciliation.beyond";
    /// What is stored of a pool is not what its contracts say.
    SourceDiffers = "source.differs";
    /// Nothing happened: somebody tries a webhook out.
    Test = "webhook.test";
}

impl NoticeKind {
    /// Whether it concerns everybody: campaigns, pools and sources. The others are for the client that they speak of
    /// and for operators; when they speak of none, for operators alone.
    pub fn is_public(self) -> bool {
        let scope = self.as_str().split('.').next();
        matches!(scope, Some("campaign" | "pool" | "source"))
    }
}

/// A text that names no kind of notice.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no event; events are {names}", names = names())]
pub struct UnknownEvent(String);

fn names() -> String {
    asked_for().map(NoticeKind::as_str).collect::<Vec<_>>().join(", ")
}

/// The kinds that a webhook may ask for; a trial comes unasked.
fn asked_for() -> impl Iterator<Item = NoticeKind> {
    NoticeKind::ALL.iter().copied().filter(|kind| *kind != NoticeKind::Test)
}

impl std::str::FromStr for NoticeKind {
    type Err = UnknownEvent;

    fn from_str(text: &str) -> Result<Self, UnknownEvent> {
        let found = asked_for().find(|kind| kind.as_str() == text);
        found.ok_or_else(|| UnknownEvent(text.chars().take(80).collect()))
    }
}

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

/// A notice, ready to be stored and sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Its name, the same for the same happening.
    pub id: String,
    /// Its kind.
    pub kind: NoticeKind,
    /// The client that it speaks of, by id.
    pub client: Option<String>,
    /// When it happened.
    pub at: UnixSeconds,
    /// The JSON that is sent.
    pub body: String,
}

#[derive(Serialize)]
struct Body<'a> {
    r#type: &'static str,
    #[serde(serialize_with = "time")]
    timestamp: UnixSeconds,
    data: &'a Happening,
}

impl Notice {
    /// The notice of what happened at `at`.
    pub fn new(happening: &Happening, at: UnixSeconds) -> Self {
        let kind = happening.kind();
        let body = Body { r#type: kind.as_str(), timestamp: at, data: happening };
        let body = serde_json::to_string(&body).expect("a notice is plain data");
        // A note or a reason is written by people, who may paste anything.
        let client = happening.client().map(str::to_owned);
        Self { id: happening.id(at), kind, client, at, body: redact(&body) }
    }
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

fn as_text<S: Serializer>(value: &KeyId, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(value.as_str())
}

fn env<S: Serializer>(value: &KeyEnv, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(value.as_str())
}

fn time<S: Serializer>(at: &UnixSeconds, serializer: S) -> Result<S::Ok, S::Error> {
    let instant = i64::try_from(at.0).ok().and_then(|at| jiff::Timestamp::from_second(at).ok());
    serializer.serialize_str(&instant.unwrap_or(jiff::Timestamp::MAX).to_string())
}

fn maybe_time<S: Serializer>(at: &Option<UnixSeconds>, serializer: S) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => time(at, serializer),
        None => serializer.serialize_none(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::{Value, json};

    use super::*;

    const AT: UnixSeconds = UnixSeconds(1_780_678_800);

    fn key() -> KeyTold {
        KeyTold {
            key_id: "7Q2mZx9KpL4t".parse().unwrap(),
            client: "c1".into(),
            env: KeyEnv::Live,
            generation: 2,
        }
    }

    fn rotation() -> RotationTold {
        RotationTold {
            rotation: "rot_1".into(),
            client: "c1".into(),
            old_key_id: "7Q2mZx9KpL4t".parse().unwrap(),
            new_key_id: "000000000000".parse().unwrap(),
            overlap_ends_at: Some(UnixSeconds(AT.0 + 86_400)),
        }
    }

    fn campaign() -> CampaignTold {
        CampaignTold { campaign: "first".into(), pool: "usdc-tmai".into(), starts_at: AT, ends_at: AT }
    }

    /// One of each kind, with its name.
    fn each() -> Vec<(Happening, &'static str)> {
        let usage = || UsageTold { client: "c1".into(), month_at: AT, calls: 8, calls_included: 10 };
        let failures = |client: Option<&str>| Happening::AuthFailures {
            client: client.map(str::to_owned),
            key_id: None,
            reason: "key_unknown".into(),
            calls: 9,
            since_at: AT,
        };
        vec![
            (Happening::KeyCreated(key()), "key.created:7Q2mZx9KpL4t"),
            (Happening::RotationStarted(rotation()), "key.rotation.started:rot_1"),
            (
                Happening::OldKeyStillUsed {
                    rotation: rotation(),
                    overlap_percent: 80,
                    last_used_at: Some(AT),
                    last_used_network: Some("203.0.113.0/24".into()),
                },
                "key.rotation.old_key_still_used:rot_1:1780765200:80",
            ),
            (Happening::RotationDrained(rotation()), "key.rotation.drained:rot_1:1780678800"),
            (Happening::RotationDone(rotation()), "key.rotation.done:rot_1"),
            (Happening::RotationRolledBack(rotation()), "key.rotation.rolled_back:rot_1"),
            (
                Happening::RotationUndelivered { rotation: rotation(), reason: "no such folder".into() },
                "key.rotation.undelivered:rot_1",
            ),
            (Happening::KeyRevoked { key: key(), reason: "leaked".into() }, "key.revoked:7Q2mZx9KpL4t"),
            (
                Happening::KeyExpiring { key: key(), expires_at: AT, life_percent: 95 },
                "key.expiring:7Q2mZx9KpL4t:1780678800:95",
            ),
            (failures(None), "key.auth_failures:-:-:key_unknown:1780678800"),
            (
                Happening::KeyUnusual {
                    client: "c1".into(),
                    key_id: "7Q2mZx9KpL4t".into(),
                    rule: "rate".into(),
                    detail: "700 calls this hour".into(),
                    since_at: AT,
                },
                "key.unusual:7Q2mZx9KpL4t:rate:1780678800",
            ),
            (Happening::Usage80(usage()), "usage.80:c1:1780678800"),
            (Happening::Usage100(usage()), "usage.100:c1:1780678800"),
            (Happening::CampaignStarted(campaign()), "campaign.started:first:1780678800"),
            (
                Happening::CampaignExtended { campaign: campaign(), previous_ends_at: UnixSeconds(1) },
                "campaign.extended:first:1780678800",
            ),
            (Happening::CampaignEnded(campaign()), "campaign.ended:first:1780678800"),
            (
                Happening::AprMoved {
                    campaign: "first".into(),
                    pool: "usdc-tmai".into(),
                    reward_percent: "30".into(),
                    mean_percent: "20".into(),
                    moved_percent: "50".into(),
                    window_seconds: 86_400,
                    at: AT,
                },
                "pool.apr_moved:first:1780678800",
            ),
            (
                Happening::SourceStale { chain_id: 8453, block_number: 7, block_at: AT, age_seconds: 90 },
                "source.stale:8453:7",
            ),
            (
                Happening::ReconciliationBeyond {
                    campaign: "first".into(),
                    comparison: "cmp_1".into(),
                    computed_until: AT,
                    difference_ppm: 1_200,
                    tolerance_ppm: 1_000,
                    alarms: vec!["leaf_fell".into()],
                },
                "reconciliation.beyond:first:1780678800",
            ),
            (
                Happening::SourceDiffers {
                    chain_id: 8453,
                    pool: "usdc-tmai".into(),
                    block_number: 7,
                    compared: 90,
                    differences: 1,
                    first_difference: "tick: stored 1, on chain 2".into(),
                },
                "source.differs:8453:usdc-tmai:7",
            ),
            (Happening::Test { webhook: "wh_1".into() }, "webhook.test:wh_1:1780678800"),
        ]
    }

    #[test]
    fn each_has_its_name_and_shape() {
        let mut seen = BTreeSet::new();
        for (happening, id) in each() {
            let notice = Notice::new(&happening, AT);
            assert_eq!(notice.id, id);
            assert!(id.starts_with(notice.kind.as_str()) && seen.insert(notice.kind));
            let body: Value = serde_json::from_str(&notice.body).unwrap();
            let fields: Vec<&str> = body.as_object().unwrap().keys().map(String::as_str).collect();
            assert_eq!(fields, ["data", "timestamp", "type"], "{body}");
            assert_eq!(body["type"], notice.kind.as_str());
            assert_eq!(body["timestamp"], "2026-06-05T17:00:00Z");
            assert_eq!(body["data"]["client"].as_str(), notice.client.as_deref(), "{body}");
        }
        assert_eq!(seen.into_iter().collect::<Vec<_>>(), NoticeKind::ALL, "every kind is shown");
    }

    #[test]
    fn as_it_is_sent() {
        let body: Value =
            serde_json::from_str(&Notice::new(&Happening::RotationStarted(rotation()), AT).body).unwrap();
        let expected = json!({
            "type": "key.rotation.started",
            "timestamp": "2026-06-05T17:00:00Z",
            "data": {
                "rotation": "rot_1",
                "client": "c1",
                "old_key_id": "7Q2mZx9KpL4t",
                "new_key_id": "000000000000",
                "overlap_ends_at": "2026-06-06T17:00:00Z",
            },
        });
        assert_eq!(body, expected);
    }

    #[test]
    fn no_key_is_told_even_where_somebody_wrote_one() {
        let text = "acr_test_7Q2mZx9KpL4t_5VnR8sT1uW3xY6zA0bC2dE4fG7hJ9kL1mN3pQ5rS8tU2czvZh";
        let happening = Happening::KeyRevoked { key: key(), reason: format!("found {text} in a log") };
        let body = Notice::new(&happening, AT).body;
        assert!(body.contains("found acr_test_7Q2mZx9KpL4t_*** in a log"), "{body}");
        assert!(!body.contains("5VnR8sT1"), "{body}");
        serde_json::from_str::<Value>(&body).unwrap();
    }

    #[test]
    fn names_and_audiences() {
        for kind in NoticeKind::ALL {
            let read = kind.as_str().parse::<NoticeKind>().ok();
            assert_eq!(read, Some(*kind).filter(|kind| *kind != NoticeKind::Test), "{kind:?}");
        }
        let public: Vec<&str> =
            NoticeKind::ALL.iter().filter(|kind| kind.is_public()).map(|kind| kind.as_str()).collect();
        let expected = [
            "campaign.started",
            "campaign.extended",
            "campaign.ended",
            "pool.apr_moved",
            "source.stale",
            "source.differs",
        ];
        assert_eq!(public, expected);
        let error = "key.made".parse::<NoticeKind>().unwrap_err().to_string();
        assert!(error.starts_with("\"key.made\" is no event; events are key.created, "), "{error}");
        assert!(!error.contains("webhook.test"), "{error}");
    }
}
