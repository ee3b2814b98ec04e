//! A key that is stored under an older pepper gets the MAC of the current one when it is used, so that an old pepper can
//! be taken out of the file once no key that is used needs it.
//!
//! Only a call has the secret, so a call makes the new MAC, once; the upkeep writes it, as a change like any other, so that it
//! undoes nothing. A server without the new pepper would refuse the key from then on: nothing is written while such a
//! server was heard of lately.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use accrual_access::change::{self, Minted};
use accrual_access::key::{ApiKey, KeyId};
use accrual_store::access::Whose;
use accrual_store::replicas;

use super::{Asker, Keys, KeysError, Made};

/// How many are written in a round of the upkeep. Who finds no place is noted when its key is used the next time.
const NOTED_MAX: usize = 200;
/// A server that was not heard of for so long is gone, or will read the keys anew before it answers with any.
const GONE_MS: u64 = 10 * 60_000;

/// MACs that are to be written.
#[derive(Debug, Default)]
pub(super) struct Noted(Mutex<HashMap<KeyId, Minted>>);

impl Noted {
    fn note(&self, key: &KeyId, mint: impl FnOnce() -> Minted) {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if noted.len() < NOTED_MAX {
            noted.entry(key.clone()).or_insert_with(mint);
        }
    }

    fn take(&self) -> HashMap<KeyId, Minted> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Keys {
    /// Notes that a call came with `key`, the right one, whose stored MAC is under the pepper of that version.
    pub(crate) fn used_under(&self, key: &ApiKey, pepper_version: u32) {
        let current = self.0.peppers.current();
        if pepper_version < current.version() {
            self.0.old_macs.note(key.id(), || Minted::of(key, current));
        }
    }

    /// Writes the MACs that calls have made since the last time; how many. What fails or must wait is noted again when
    /// the key is used again.
    ///
    /// # Errors
    /// The database's own.
    pub async fn renew_macs(&self) -> Result<usize, KeysError> {
        let noted = self.0.old_macs.take();
        if noted.is_empty() || !self.all_know_the_pepper().await? {
            return Ok(0);
        }
        let asker = Asker {
            actor: "accrual".to_owned(),
            reason: "used under an older pepper".to_owned(),
            ..Asker::default()
        };
        let now = self.0.clock.now();
        let mut written = 0;
        for (id, minted) in noted {
            let made = self.change(Whose::Key(&id), &asker, |family| {
                Ok((change::renew_mac(family, minted, now)?, id.to_string()))
            });
            if let Made::Now(change) = made.await? {
                written += usize::from(!change.is_empty());
            }
        }
        Ok(written)
    }

    async fn all_know_the_pepper(&self) -> Result<bool, KeysError> {
        let since_ms = self.0.clock.now_ms().saturating_sub(GONE_MS);
        Ok(replicas::all_know(&self.0.db, self.0.peppers.current().version(), since_ms).await?)
    }
}
