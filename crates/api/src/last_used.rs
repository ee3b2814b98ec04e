//! When each key was last accepted, noted in memory by requests and written by a task of its own: no request ever
//! waits for it, and no key is written more than once a minute.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use accrual_rewards::unit::UnixSeconds;
use accrual_store::{Db, StoreError, keys};
use tokio_util::sync::CancellationToken;

use crate::key::KeyId;

/// A key that was written so recently is not written again.
const QUIET_SECONDS: u64 = 60;
const WRITE_INTERVAL: Duration = Duration::from_secs(1);
/// How long the last notes may take when the server stops.
const LAST_WRITE: Duration = Duration::from_secs(1);

/// The newest note of every key that was used since the start: as many as there are keys, and no more.
#[derive(Debug, Default)]
pub struct LastUsed(Mutex<HashMap<KeyId, Note>>);

#[derive(Debug, Clone, Copy)]
struct Note {
    at: UnixSeconds,
    is_written: bool,
}

impl LastUsed {
    /// Notes that a key is accepted at `now`, unless it was so within the last minute; `stored` is what its row says.
    pub(crate) fn note(&self, id: &KeyId, stored: Option<UnixSeconds>, now: UnixSeconds) {
        let mut notes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let noted = notes.get(id).map(|note| note.at);
        let is_recent = stored.max(noted).is_some_and(|last| now.since(last) < QUIET_SECONDS);
        if !is_recent {
            notes.insert(id.clone(), Note { at: now, is_written: false });
        }
    }

    /// Writes what was noted until `shutdown`, and then what is left. A failure is logged once until it ends; the
    /// key's use is noted again after a minute.
    pub(crate) async fn follow(&self, db: &Db, shutdown: CancellationToken) {
        let mut told = false;
        while !shutdown.is_cancelled() {
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = tokio::time::sleep(WRITE_INTERVAL) => match self.write(db).await {
                    Ok(count) => told &= count == 0,
                    Err(error) => {
                        if !told {
                            tracing::warn!(%error, "the time of a key's use cannot be kept; keys work all the same");
                        }
                        told = true;
                    }
                },
            }
        }
        // Whatever fails now was logged, or concerns one minute.
        let _ = tokio::time::timeout(LAST_WRITE, self.write(db)).await;
    }

    /// Writes what was noted and not written yet; how many keys that were.
    ///
    /// # Errors
    /// The database's own. The notes that were to be written count as written.
    pub async fn write(&self, db: &Db) -> Result<usize, StoreError> {
        let due = self.take_due();
        for (id, at) in &due {
            keys::touch(db, id.as_str(), *at).await?;
        }
        Ok(due.len())
    }

    fn take_due(&self) -> Vec<(KeyId, UnixSeconds)> {
        let mut notes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let due = notes.iter_mut().filter(|(_, note)| !note.is_written);
        due.map(|(id, note)| {
            note.is_written = true;
            (id.clone(), note.at)
        })
        .collect()
    }
}
