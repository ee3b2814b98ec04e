//! What is known of a key and of whose it is, and whether the key is accepted at an instant.
//!
//! A key's state is never flipped by a clock: [`Validity::standing`] compares the record's own instants with the
//! time of the request, so that a key is refused at the very instant of its end whether or not anybody tidied up.

use std::fmt;
use std::str::FromStr;

use accrual_rewards::unit::UnixSeconds;

use crate::key::{KeyEnv, KeyId};
use crate::network::Networks;
use crate::scope::Scopes;

/// A client: who calls, on which plan. Limits and quota are a client's, never a key's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientRecord {
    /// Its id.
    pub client_id: String,
    /// Its name, which no other client has.
    pub name: String,
    /// The name of its plan.
    pub plan: String,
    /// When it was made.
    pub created_at: UnixSeconds,
    /// The most that a month may cost beyond the plan, in micro-dollars; the plan's own where there is none.
    pub spend_cap_microusd: Option<u64>,
    /// Whether it pays in TMAI.
    pub pays_in_tmai: bool,
    /// The name of its stake tier; empty for none.
    pub stake_tier: String,
    /// The change that wrote this last.
    pub epoch: u64,
}

/// All that is known of a key; the secret is not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRecord {
    /// Its public name.
    pub id: KeyId,
    /// Whose it is.
    pub client_id: String,
    /// Live or test.
    pub env: KeyEnv,
    /// The MAC of its secret under a pepper, in hexadecimal.
    pub secret_mac: String,
    /// Which pepper.
    pub pepper_version: u32,
    /// What it may do.
    pub scopes: Scopes,
    /// Whence it may be used.
    pub networks: Networks,
    /// When it was made.
    pub created_at: UnixSeconds,
    /// What decides whether it is accepted.
    pub validity: Validity,
    /// When it was revoked.
    pub revoked_at: Option<UnixSeconds>,
    /// The key that it succeeds.
    pub replaces: Option<KeyId>,
    /// The key that succeeds it.
    pub replaced_by: Option<KeyId>,
    /// How many keys came before it in its line.
    pub generation: u64,
    /// When it was first accepted.
    pub first_used_at: Option<UnixSeconds>,
    /// When it was last accepted.
    pub last_used_at: Option<UnixSeconds>,
    /// Whence it was last accepted: a /24 or a /48.
    pub last_used_network: Option<String>,
    /// What called itself its user last.
    pub last_used_agent: Option<String>,
    /// Of its life, the percentage that its owner was reminded of.
    pub noticed_percent: u8,
    /// What its owner wants to remember.
    pub note: String,
    /// The change that wrote this last.
    pub epoch: u64,
}

/// What is stored of a key's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyState {
    /// Accepted.
    Active,
    /// Accepted beside its successor, until an instant.
    Ending,
    /// Its successor has taken over.
    Ended,
    /// Refused until it is resumed.
    Paused,
    /// Refused for ever.
    Revoked,
}

/// A text that names no state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no state of a key")]
pub struct UnknownState(String);

/// What decides whether a key is accepted at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Validity {
    /// What was done with it last.
    pub state: KeyState,
    /// When it ends by itself, if ever.
    pub expires_at: Option<UnixSeconds>,
    /// When it stops being accepted beside its successor.
    pub overlap_ends_at: Option<UnixSeconds>,
    /// When it is refused for a moment, so that forgotten callers are noticed.
    pub brownout: Option<Brownout>,
}

/// A short time in which a key that is ending is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Brownout {
    /// Its first second.
    pub at: UnixSeconds,
    /// The first second after it.
    pub ends_at: UnixSeconds,
}

/// Whether a key is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It is.
    Accepted,
    /// It is, until `ends_at`.
    Ending {
        /// The first second in which it is refused.
        ends_at: UnixSeconds,
    },
    /// It is not.
    Refused(Refusal),
}

/// Why a key is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Its successor has taken over.
    Ended {
        /// When.
        at: Option<UnixSeconds>,
    },
    /// It was revoked.
    Revoked,
    /// Its own end has come.
    Expired {
        /// When.
        at: UnixSeconds,
    },
    /// Somebody paused it.
    Paused,
    /// It is ending, and is refused for a moment.
    Brownout {
        /// The first second in which it is accepted again.
        until: UnixSeconds,
    },
}

impl Validity {
    /// Of a key that is new.
    pub fn new(expires_at: Option<UnixSeconds>) -> Self {
        Self { state: KeyState::Active, expires_at, overlap_ends_at: None, brownout: None }
    }

    /// Whether the key is accepted at `now`. What a person did for ever comes first, then the key's own end, then what
    /// passes.
    pub fn standing(&self, now: UnixSeconds) -> Standing {
        let expired = self.expires_at.filter(|at| *at <= now);
        match (self.state, expired) {
            (KeyState::Revoked, _) => Standing::Refused(Refusal::Revoked),
            (KeyState::Ended, _) => Standing::Refused(Refusal::Ended { at: self.overlap_ends_at }),
            (_, Some(at)) => Standing::Refused(Refusal::Expired { at }),
            (KeyState::Paused, _) => Standing::Refused(Refusal::Paused),
            (KeyState::Active, _) => Standing::Accepted,
            (KeyState::Ending, _) => self.ending(now),
        }
    }

    fn ending(&self, now: UnixSeconds) -> Standing {
        // An ending key without an end would live for ever: it counts as ended.
        let Some(ends_at) = self.overlap_ends_at.filter(|ends_at| now < *ends_at) else {
            return Standing::Refused(Refusal::Ended { at: self.overlap_ends_at });
        };
        match self.brownout.filter(|brownout| brownout.at <= now && now < brownout.ends_at) {
            Some(brownout) => Standing::Refused(Refusal::Brownout { until: brownout.ends_at }),
            None => Standing::Ending { ends_at },
        }
    }
}

impl Standing {
    /// Whether a call with the key is served.
    pub fn is_served(self) -> bool {
        !matches!(self, Self::Refused(_))
    }

    /// The state as callers see it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Accepted => "active",
            Self::Ending { .. } | Self::Refused(Refusal::Brownout { .. }) => "ending",
            Self::Refused(Refusal::Ended { .. }) => "ended",
            Self::Refused(Refusal::Revoked) => "revoked",
            Self::Refused(Refusal::Expired { .. }) => "expired",
            Self::Refused(Refusal::Paused) => "paused",
        }
    }
}

impl KeyRecord {
    /// Whether the key is accepted at `now`.
    pub fn standing(&self, now: UnixSeconds) -> Standing {
        self.validity.standing(now)
    }

    /// Whether the key takes one of its client's places: it is accepted, or could be again.
    pub fn holds_place(&self, now: UnixSeconds) -> bool {
        match self.standing(now) {
            Standing::Refused(Refusal::Paused | Refusal::Brownout { .. }) => true,
            standing => standing.is_served(),
        }
    }
}

impl KeyState {
    const ALL: [Self; 5] = [Self::Active, Self::Ending, Self::Ended, Self::Paused, Self::Revoked];

    /// Its name in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Ending => "ending",
            Self::Ended => "ended",
            Self::Paused => "paused",
            Self::Revoked => "revoked",
        }
    }
}

impl FromStr for KeyState {
    type Err = UnknownState;

    fn from_str(text: &str) -> Result<Self, UnknownState> {
        let found = Self::ALL.into_iter().find(|state| state.as_str() == text);
        found.ok_or_else(|| UnknownState(text.to_owned()))
    }
}

impl fmt::Display for KeyState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: u64) -> UnixSeconds {
        UnixSeconds(seconds)
    }

    #[test]
    fn the_exact_instant() {
        use Refusal::{Brownout as Browned, Ended, Expired, Paused, Revoked};
        use Standing::{Accepted, Ending, Refused};
        let active = Validity::new(Some(at(100)));
        let ending = Validity {
            state: KeyState::Ending,
            overlap_ends_at: Some(at(50)),
            brownout: Some(Brownout { at: at(20), ends_at: at(30) }),
            ..active
        };
        let of = |state, validity: Validity| Validity { state, ..validity };
        let cases = [
            ("before its end", active, 99, Accepted),
            ("at its end", active, 100, Refused(Expired { at: at(100) })),
            ("without an end", Validity::new(None), u64::MAX, Accepted),
            ("before the brown-out", ending, 19, Ending { ends_at: at(50) }),
            ("in it", ending, 20, Refused(Browned { until: at(30) })),
            ("in its last second", ending, 29, Refused(Browned { until: at(30) })),
            ("after it", ending, 30, Ending { ends_at: at(50) }),
            ("the overlap's last second", ending, 49, Ending { ends_at: at(50) }),
            ("the overlap's end", ending, 50, Refused(Ended { at: Some(at(50)) })),
            ("expired while ending", ending, 100, Refused(Expired { at: at(100) })),
            ("ending without an end", of(KeyState::Ending, active), 1, Refused(Ended { at: None })),
            ("paused", of(KeyState::Paused, active), 1, Refused(Paused)),
            ("paused and expired", of(KeyState::Paused, active), 100, Refused(Expired { at: at(100) })),
            ("revoked and expired", of(KeyState::Revoked, active), 100, Refused(Revoked)),
            ("ended and expired", of(KeyState::Ended, ending), 100, Refused(Ended { at: Some(at(50)) })),
        ];
        for (name, validity, now, expected) in cases {
            assert_eq!(validity.standing(at(now)), expected, "{name}");
        }
    }

    #[test]
    fn names() {
        for state in KeyState::ALL {
            assert_eq!(state.to_string().parse(), Ok(state));
        }
        assert!("gone".parse::<KeyState>().is_err());
        let names = [
            (Standing::Accepted, "active", true),
            (Standing::Ending { ends_at: at(1) }, "ending", true),
            (Standing::Refused(Refusal::Brownout { until: at(1) }), "ending", false),
            (Standing::Refused(Refusal::Ended { at: None }), "ended", false),
            (Standing::Refused(Refusal::Revoked), "revoked", false),
            (Standing::Refused(Refusal::Expired { at: at(1) }), "expired", false),
            (Standing::Refused(Refusal::Paused), "paused", false),
        ];
        for (standing, name, served) in names {
            assert_eq!((standing.name(), standing.is_served()), (name, served));
        }
    }
}
