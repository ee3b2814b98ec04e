//! What others are told by webhook: one notice a happening, `{type, timestamp, data}`.
//!
//! A notice's name is made of what happened ([`Happening::id`]), so that however many servers notice it, and however
//! often, it is posted once. Its data are public names, counts and times: there is no field that a key or a secret
//! could be put into, and texts that people wrote are searched for them.

mod happening;
mod kind;
mod told;

use accrual_rewards::unit::UnixSeconds;
use serde::Serialize;

use crate::key::redact;

pub use happening::Happening;
pub use kind::{NoticeKind, UnknownEvent};
use told::time;
pub use told::{CampaignTold, KeyTold, RotationTold, UsageTold};

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

#[cfg(test)]
mod tests;
