//! Takes a fresh key to where its owner keeps secrets: a file, a program, or a URL.
//!
//! # A delivery that fails must not lose the key
//!
//! A key is shown once. So whoever rotates makes a *staged* rotation first, which leaves the old key without an end,
//! delivers, and starts the overlap only when [`Deliver::deliver`] has returned `Ok`. When it fails, the rotation is
//! cancelled and tried again later, and nobody has noticed; when the process dies in between, a staged rotation is left
//! that everybody can see and that harms nobody. A delivery may happen twice, with two keys: the last one counts.
//!
//! A key that is created (not rotated) has no old one beside it: when its delivery fails, revoke it and make another.
//!
//! The key goes through standard input, a file that only its owner may read, or TLS. It is never an argument, never in
//! the environment and never in an error.

mod exec;
mod file;

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use accrual_access::webhook::{Message, SigningSecret, Verdict, verdict};
use accrual_rewards::unit::UnixSeconds;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;

use crate::key::{ApiKey, KeyId, Pepper, redact};
use crate::view::Rfc3339;
use crate::webhooks::courier::{Courier, CourierError};

/// Where fresh keys go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deliver {
    /// `file:PATH`: the key and a line end, replaced in one step, readable by its owner alone.
    File(PathBuf),
    /// `exec:PROGRAM [ARGS]`: started anew for each key, which it reads as JSON on its standard input.
    Exec(Program),
    /// `https://URL`: a POST of the same JSON, signed after Standard Webhooks.
    Url(String),
}

/// A program with its arguments, as they stood between blanks: no shell is involved, so quotes mean nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// Its path, or its name to be found in `PATH`.
    pub path: String,
    /// What it is given.
    pub arguments: Vec<String>,
}

/// Why a key is delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliverEvent {
    /// It is the first of its line.
    Created,
    /// It succeeds another key.
    Rotated,
}

/// A key that nobody has seen yet.
#[derive(Debug)]
pub struct Fresh<'a> {
    /// Whose it is.
    pub client: &'a str,
    /// The key.
    pub key: &'a ApiKey,
    /// How many keys came before it in its line.
    pub generation: u64,
    /// When the key before it is refused; `None` when there is none, or while the rotation is staged and no end is set.
    pub overlap_ends_at: Option<UnixSeconds>,
    /// Why it is delivered.
    pub event: DeliverEvent,
}

/// A text that says not where to deliver.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no place to deliver a key to: write file:PATH, exec:PROGRAM ARGUMENTS or https://URL")]
pub struct MalformedDeliver(String);

/// Why a key was not delivered. Never holds the key.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "each variant's sentence names its fields")]
pub enum DeliverError {
    #[error(
        "the key cannot be written to {path} ({error}): check that its folder is there and may be written to"
    )]
    File { path: PathBuf, error: std::io::Error },
    #[error("{program} cannot be started ({error}): check its path and that it may be executed")]
    Start { program: String, error: std::io::Error },
    #[error("{program} failed ({status}): {first_line}")]
    Failed { program: String, status: String, first_line: String },
    #[error("{program} did not end within 30 seconds and was stopped")]
    Timeout { program: String },
    #[error("the key was not delivered: {0}")]
    Courier(#[from] CourierError),
    #[error("the receiver answered {status}, and only 200 to 299 says that it has the key")]
    Answered { status: u16 },
}

/// What programs and servers are given.
#[derive(Serialize)]
struct Payload<'a> {
    client: &'a str,
    key_id: &'a str,
    key: &'a str,
    generation: u64,
    overlap_ends_at: Option<Rfc3339>,
    event: &'static str,
}

impl Deliver {
    /// Delivers a key; `Ok` means that the receiver has it. `now` is signed by, for a URL.
    ///
    /// # Errors
    /// It was not, or nobody can say: see the module on what to do then.
    pub async fn deliver(
        &self,
        fresh: &Fresh<'_>,
        courier: &Courier,
        pepper: &Pepper,
        now: UnixSeconds,
    ) -> Result<(), DeliverError> {
        match self {
            Self::File(path) => file::write(path, &fresh.key.reveal()).await,
            Self::Exec(program) => exec::run(program, &fresh.payload()).await,
            Self::Url(url) => {
                let secret = secret_of(url, pepper);
                let (id, body) = (format!("key.delivery:{}", fresh.key.id()), fresh.payload());
                let message = Message { id: &id, at: now, body: body.expose_secret().as_bytes() };
                let status = courier.post(url, &message, &[secret]).await?;
                match verdict(status) {
                    Verdict::Delivered => Ok(()),
                    Verdict::Gone | Verdict::Failed => Err(DeliverError::Answered { status }),
                }
            }
        }
    }

    /// What deliveries to a URL are signed with, for its receiver to check them; `None` for files and programs. Made
    /// from the pepper and the URL, so it is the same for each delivery.
    pub fn signing_secret(&self, pepper: &Pepper) -> Option<SigningSecret> {
        match self {
            Self::Url(url) => Some(secret_of(url, pepper)),
            Self::File(_) | Self::Exec(_) => None,
        }
    }
}

fn secret_of(url: &str, pepper: &Pepper) -> SigningSecret {
    SigningSecret::derive(pepper, &format!("deliver:{url}"), 1)
}

impl Fresh<'_> {
    /// The JSON, which holds the key.
    fn payload(&self) -> SecretString {
        let (key, id): (SecretString, &KeyId) = (self.key.reveal(), self.key.id());
        let payload = Payload {
            client: self.client,
            key_id: id.as_str(),
            key: key.expose_secret(),
            generation: self.generation,
            overlap_ends_at: self.overlap_ends_at.map(Rfc3339),
            event: self.event.as_str(),
        };
        serde_json::to_string(&payload).expect("a payload is plain data").into()
    }
}

impl DeliverEvent {
    /// Its name in the JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "key.created",
            Self::Rotated => "key.rotated",
        }
    }
}

impl FromStr for Deliver {
    type Err = MalformedDeliver;

    fn from_str(text: &str) -> Result<Self, MalformedDeliver> {
        let error = || MalformedDeliver(redact(text).chars().take(80).collect());
        if let Some(path) = text.strip_prefix("file:").filter(|path| !path.is_empty()) {
            return Ok(Self::File(path.into()));
        }
        if let Some(line) = text.strip_prefix("exec:") {
            let mut words = line.split_whitespace().map(str::to_owned);
            let path = words.next().ok_or_else(error)?;
            return Ok(Self::Exec(Program { path, arguments: words.collect() }));
        }
        // Whether http is allowed there, the courier's guard says.
        let is_url = text.starts_with("https://") || text.starts_with("http://");
        if is_url { Ok(Self::Url(text.to_owned())) } else { Err(error()) }
    }
}

impl fmt::Display for Deliver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "file:{}", path.display()),
            Self::Exec(program) => {
                write!(f, "exec:{}", program.path)?;
                program.arguments.iter().try_for_each(|argument| write!(f, " {argument}"))
            }
            Self::Url(url) => f.write_str(url),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places() {
        let exec = |path: &str, arguments: &[&str]| {
            let arguments = arguments.iter().map(|one| (*one).to_owned()).collect();
            Some(Deliver::Exec(Program { path: path.to_owned(), arguments }))
        };
        let cases = [
            ("file:/run/secrets/key", Some(Deliver::File("/run/secrets/key".into()))),
            ("file:key", Some(Deliver::File("key".into()))),
            ("exec:/bin/put", exec("/bin/put", &[])),
            (
                "exec:vault kv put  -mount=secret accrual key=-",
                exec("vault", &["kv", "put", "-mount=secret", "accrual", "key=-"]),
            ),
            ("https://vault.internal/x", Some(Deliver::Url("https://vault.internal/x".to_owned()))),
            ("http://127.0.0.1/x", Some(Deliver::Url("http://127.0.0.1/x".to_owned()))),
            ("file:", None),
            ("exec:", None),
            ("exec:  ", None),
            ("ftp://x", None),
            ("/run/key", None),
            ("", None),
        ];
        for (text, expected) in cases {
            let read: Option<Deliver> = text.parse().ok();
            assert_eq!(read, expected, "{text}");
            if let Some(read) = read {
                assert_eq!(read.to_string().parse(), Ok(read), "{text}");
            }
        }
    }
}
