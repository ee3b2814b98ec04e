//! A client that exchanges its own key: when, and in which order.
//!
//! A place for the new key is made first, then the key is asked for, then it is written, and only then is it used. The
//! old key is accepted all the while, so whatever fails in between fails no call.

use std::io;

use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use tokio::time::{Duration, Instant};

use super::file::{Prepared, Stamp};
use super::{HeldKey, KeyEvent, Keys, Renewal, SelfRotation};
use crate::call::Transport;
use crate::error::ClientError;

/// After a failure.
const TRY_AGAIN: Duration = Duration::from_secs(60);

impl Keys {
    /// Exchanges `key` when it is ending, or when the service says that it soon ends by itself.
    pub(super) async fn exchange(
        &self,
        transport: &Transport,
        rotation: &SelfRotation,
        key: &HeldKey,
        is_ending: bool,
        renewal: &mut Renewal,
    ) {
        let now = Instant::now();
        if renewal.not_before.is_some_and(|at| now < at) {
            return;
        }
        if !is_ending {
            if renewal.checked_at.is_some_and(|at| at.elapsed() < rotation.check_every) {
                return;
            }
            renewal.checked_at = Some(now);
            if !self.ends_soon(transport, rotation, key).await {
                return;
            }
        }
        renewal.not_before = Some(now + TRY_AGAIN);
        match self.exchange_now(transport, rotation, key).await {
            Ok(()) => renewal.not_before = None,
            Err(why) => self.tell(KeyEvent::RotationFailed { id: key.id().to_owned(), why }),
        }
    }

    /// By the service's clock: this machine's may be wrong.
    async fn ends_soon(&self, transport: &Transport, rotation: &SelfRotation, key: &HeldKey) -> bool {
        let Ok((record, Some(now))) = transport.key_self(key).await else { return false };
        record.id == key.id() && is_soon(record.expires_at, now, rotation.before_expiry)
    }

    async fn exchange_now(
        &self,
        transport: &Transport,
        rotation: &SelfRotation,
        key: &HeldKey,
    ) -> Result<(), String> {
        let place = match Prepared::beside(&rotation.file) {
            Ok(place) => place,
            // The other program writes the new key into this file, and it is read when it is there.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => {
                return Err(format!("no new key can be kept beside {}: {error}", rotation.file.display()));
            }
        };
        // Another program may have been here while we waited for nothing.
        if self.read().await.is_ok_and(|read| !read.is(key)) {
            return Ok(());
        }
        match transport.rotate(key, rotation.overlap).await {
            Ok(rotated) => {
                let new = rotated.key.ok_or(
                    "the service made a new key, and its answer was lost on the way: ask the operator to roll back \
                     the rotation or to hand out another key",
                )?;
                self.take(rotation, key, place, &new, rotated.rotation.overlap_ends_at)
            }
            Err(error) => Err(refusal(&error)),
        }
    }

    fn take(
        &self,
        rotation: &SelfRotation,
        old: &HeldKey,
        place: Prepared,
        text: &SecretString,
        overlap_ends_at: Option<Timestamp>,
    ) -> Result<(), String> {
        let new = secrecy::ExposeSecret::expose_secret(text);
        let new = HeldKey::parse(new).ok_or("the service's new key is no key that this client knows")?;
        place.write(text).map_err(|error| {
            let (path, id) = (rotation.file.display(), new.id());
            format!(
                "the new key {id} could not be written to {path} ({error}): ask the operator to roll back"
            )
        })?;
        let id = new.id().to_owned();
        self.hold(new, Stamp::of(&rotation.file));
        self.tell(KeyEvent::Rotated { old: old.id().to_owned(), new: id, overlap_ends_at });
        Ok(())
    }
}

fn is_soon(ends_at: Option<Timestamp>, now: Timestamp, before: Duration) -> bool {
    let before = SignedDuration::try_from(before).unwrap_or(SignedDuration::MAX);
    ends_at.is_some_and(|end| end.duration_since(now) <= before)
}

fn refusal(error: &ClientError) -> String {
    match error.code() {
        Some("rotation_open") => {
            "the operator has begun to replace this key: put the successor into the file".to_owned()
        }
        Some("scope_missing") => {
            "the key has not the scope keys:rotate_self: ask the operator for it".to_owned()
        }
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn soon_is_the_time_before_and_after() {
        let at = |seconds| Timestamp::from_second(seconds).unwrap();
        let cases =
            [(None, false), (Some(1_101), false), (Some(1_100), true), (Some(1_000), true), (Some(5), true)];
        for (end, soon) in cases {
            assert_eq!(is_soon(end.map(at), at(1_000), Duration::from_secs(100)), soon, "{end:?}");
        }
        assert!(is_soon(Some(Timestamp::MAX), at(0), Duration::MAX));
    }
}
