//! The key: where it comes from, when it is read anew, and who is told.
//!
//! Many tasks share one key. One at a time reads it anew or exchanges it; the others go on with what there is, or wait
//! when it was just refused. Only [`HeldKey`] has the secret, and gives it to nobody but the request.

mod file;
mod rotate;
mod source;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use tokio::time::Instant;

use crate::call::{KeyNotice, Transport};
use crate::client::Hook;
use file::Stamp;
pub use source::{KeyError, KeySource, SelfRotation};

/// A key that is ending is looked for anew no oftener than this.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// What became of the key. Carries public ids, never a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyEvent {
    /// The service says that the key is being replaced; told once a key.
    Ending {
        /// The key.
        id: String,
        /// When it stops being accepted.
        ends_at: Option<Timestamp>,
    },
    /// Another key is used from here on.
    Changed {
        /// The key before; none at the start.
        from: Option<String>,
        /// The key from here on.
        to: String,
    },
    /// This client exchanged its key, and has written the new one to its file.
    Rotated {
        /// The key that goes.
        old: String,
        /// The key that comes.
        new: String,
        /// Until when the old one is accepted.
        overlap_ends_at: Option<Timestamp>,
    },
    /// This client could not exchange its key and goes on with it; it tries again after a minute.
    RotationFailed {
        /// The key.
        id: String,
        /// Why, and what to do.
        why: String,
    },
    /// The key could not be read anew; the one that is there goes on being used.
    SourceFailed {
        /// The key that goes on being used.
        id: String,
        /// Why.
        why: String,
    },
}

/// A key as it is shown to the service.
#[derive(Clone)]
pub(crate) struct HeldKey(Arc<Shown>);

struct Shown {
    id: String,
    secret: SecretString,
}

/// The one key that all calls share.
pub(crate) struct Keys {
    source: KeySource,
    hook: Option<Hook>,
    held: RwLock<Option<Held>>,
    ending: Mutex<Option<String>>,
    /// Whoever has this reads the key anew, or exchanges it.
    renewing: tokio::sync::Mutex<Renewal>,
}

#[derive(Clone)]
struct Held {
    key: HeldKey,
    /// The file as it was when the key was read.
    stamp: Option<Stamp>,
}

/// What is remembered from one renewal to the next.
#[derive(Default)]
struct Renewal {
    looked_at: Option<Instant>,
    checked_at: Option<Instant>,
    not_before: Option<Instant>,
}

impl HeldKey {
    /// A key's text: `acr_live_` or `acr_test_`, 12 characters of its id, `_`, and 49 of its secret.
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let rest = text.strip_prefix("acr_live_").or_else(|| text.strip_prefix("acr_test_"))?;
        let (id, secret) = rest.split_once('_')?;
        let base62 =
            |part: &str, length| part.len() == length && part.bytes().all(|b| b.is_ascii_alphanumeric());
        let good = base62(id, 12) && base62(secret, 49);
        good.then(|| Self(Arc::new(Shown { id: id.to_owned(), secret: text.into() })))
    }

    pub(crate) fn id(&self) -> &str {
        &self.0.id
    }

    pub(crate) fn secret(&self) -> &SecretString {
        &self.0.secret
    }

    /// Secrets of one id differ only by a slip, and a slip is another key too.
    fn is(&self, other: &Self) -> bool {
        self.secret().expose_secret() == other.secret().expose_secret()
    }
}

impl fmt::Debug for HeldKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HeldKey({}, ***)", self.id())
    }
}

impl Keys {
    pub(crate) fn new(source: KeySource, hook: Option<Hook>) -> Self {
        Self {
            source,
            hook,
            held: RwLock::new(None),
            ending: Mutex::new(None),
            renewing: tokio::sync::Mutex::new(Renewal::default()),
        }
    }

    /// The key to show now. A file that was changed since is read first.
    pub(crate) async fn current(&self) -> Result<HeldKey, KeyError> {
        if let Some(held) = self.held().filter(|held| self.is_fresh(held)) {
            return Ok(held.key);
        }
        let _alone = self.renewing.lock().await;
        let held = self.held();
        if let Some(held) = held.as_ref().filter(|held| self.is_fresh(held)) {
            return Ok(held.key.clone());
        }
        match (self.read().await, held) {
            // Somebody is writing the file, and has not finished.
            (Err(error), Some(held)) => {
                self.tell(KeyEvent::SourceFailed { id: held.key.id().to_owned(), why: error.to_string() });
                Ok(held.key)
            }
            (read, _) => read,
        }
    }

    /// Another key than `refused`, which the service accepts no more for the reason `code`; `None` when the source has
    /// no other. Of many that were refused at once, one reads the source.
    pub(crate) async fn other_than(&self, refused: &HeldKey, code: &str) -> Option<HeldKey> {
        let _alone = self.renewing.lock().await;
        if let Some(held) = self.held().filter(|held| !held.key.is(refused)) {
            return Some(held.key);
        }
        match self.read().await {
            Ok(key) => Some(key).filter(|key| !key.is(refused)),
            Err(error) => {
                let why = format!("the service says {code}, and {error}");
                self.tell(KeyEvent::SourceFailed { id: refused.id().to_owned(), why });
                None
            }
        }
    }

    /// Takes in that the service called `key` ending.
    pub(crate) fn told_of(&self, key: &HeldKey, notice: KeyNotice) {
        // An answer that was under way while the key was exchanged tells of the old one.
        let is_ours = notice.id == key.id() && self.held().is_some_and(|held| held.key.is(key));
        let mut ending = self.ending.lock().unwrap_or_else(PoisonError::into_inner);
        if is_ours && ending.as_deref() != Some(key.id()) {
            *ending = Some(key.id().to_owned());
            drop(ending);
            self.tell(KeyEvent::Ending { id: notice.id, ends_at: notice.ends_at });
        }
    }

    /// Does what the key needs at this time, if anything, and if nobody does it already. Never fails: a key that works
    /// goes on working.
    pub(crate) async fn look_after(&self, transport: &Transport) {
        if matches!(self.source, KeySource::Fixed(_)) {
            return;
        }
        let Some(held) = self.held() else { return };
        let is_ending = self.is_ending(&held.key);
        if !is_ending && !matches!(self.source, KeySource::SelfRotating(_)) {
            return;
        }
        let Ok(mut renewal) = self.renewing.try_lock() else { return };
        match &self.source {
            KeySource::SelfRotating(rotation) => {
                self.exchange(transport, rotation, &held.key, is_ending, &mut renewal).await;
            }
            _ => self.look_again(&held.key, &mut renewal).await,
        }
    }

    /// Reads the source of a key that is ending: its successor may be there, whatever the file's stamp says.
    async fn look_again(&self, key: &HeldKey, renewal: &mut Renewal) {
        if renewal.looked_at.is_some_and(|at| at.elapsed() < LOOK_AGAIN) {
            return;
        }
        renewal.looked_at = Some(Instant::now());
        if let Err(error) = self.read().await {
            self.tell(KeyEvent::SourceFailed { id: key.id().to_owned(), why: error.to_string() });
        }
    }

    /// Reads the source and holds what it says. Whoever calls this has [`Self::renewing`].
    async fn read(&self) -> Result<HeldKey, KeyError> {
        // The stamp first: a change in between is then seen as one the next time.
        let stamp = self.source.path().and_then(Stamp::of);
        let text = self.source.read().await?;
        let key = HeldKey::parse(text.expose_secret()).ok_or_else(|| self.source.malformed())?;
        Ok(self.hold(key, stamp))
    }

    fn hold(&self, key: HeldKey, stamp: Option<Stamp>) -> HeldKey {
        let before = self.held();
        let key = before.as_ref().map(|held| &held.key).filter(|held| held.is(&key)).cloned().unwrap_or(key);
        let held = Held { key: key.clone(), stamp };
        *self.held.write().unwrap_or_else(PoisonError::into_inner) = Some(held);
        let from = before.map(|held| held.key.id().to_owned());
        if from.as_deref() != Some(key.id()) {
            self.tell(KeyEvent::Changed { from, to: key.id().to_owned() });
        }
        key
    }

    fn held(&self) -> Option<Held> {
        self.held.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether the file is as it was. One that is gone for a moment says nothing of the key.
    fn is_fresh(&self, held: &Held) -> bool {
        let now = self.source.path().and_then(Stamp::of);
        now.is_none() || now == held.stamp
    }

    fn is_ending(&self, key: &HeldKey) -> bool {
        self.ending.lock().unwrap_or_else(PoisonError::into_inner).as_deref() == Some(key.id())
    }

    fn tell(&self, event: KeyEvent) {
        if let Some(hook) = &self.hook {
            hook(&event);
        }
    }
}
