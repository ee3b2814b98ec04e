//! The kinds of notices, by the names that webhooks ask for them with, and whom each concerns.

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
