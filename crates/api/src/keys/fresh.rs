//! How the table of keys follows the database, and how long it may be believed.
//!
//! Each second, or as soon as PostgreSQL tells of a change, the newest epoch is read and with it all rows that changed
//! since. While that fails the table is believed for `propagation_seconds_max`; then ending keys are refused, and by
//! configuration all of them, since nobody knows what was changed meanwhile.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use accrual_access::key::KeyId;
use accrual_store::listen::Listener;
use accrual_store::replicas::Beat;
use accrual_store::{StoreError, clients, keys, replicas};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::Keys;
use crate::metrics::{self, Arrived};

const REFRESH_INTERVAL: Duration = Duration::from_secs(1);
/// After how many refreshes without a change the database is told that this server runs.
const BEAT_EVERY: u32 = 2;

/// No change has this number.
const NOT_BEATEN: u64 = u64::MAX;

/// How many changes are told of at a time.
const CHANGES_MAX: u32 = 100;

/// How many keys are looked up at the same time.
const LOOKS_MAX: usize = 2;

/// What a server knows of its own freshness and of the others.
#[derive(Debug)]
pub(super) struct State {
    live: AtomicUsize,
    told: AtomicBool,
    /// The newest change that is known to be everywhere; [`NOT_BEATEN`] before the first beat.
    settled: AtomicU64,
    turns: Semaphore,
}

impl Default for State {
    fn default() -> Self {
        Self {
            live: AtomicUsize::new(1),
            told: AtomicBool::new(false),
            settled: AtomicU64::new(NOT_BEATEN),
            turns: Semaphore::new(LOOKS_MAX),
        }
    }
}

/// Whether what the table says can still be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// It was compared with the database within the bound.
    Confirmed,
    /// It was not: ending keys are refused.
    Late,
    /// It was not, and the configuration refuses all keys then.
    Refused,
}

impl Keys {
    /// Whether the table can be believed at `now_ms`. Before its first reading it cannot.
    pub fn freshness(&self, now_ms: u64) -> Freshness {
        let bound_ms = self.0.rules.propagation_seconds_max.saturating_mul(1_000);
        let confirmed = self.0.table.confirmed();
        match confirmed {
            Some(confirmed) if now_ms.saturating_sub(confirmed.asked_at_ms) <= bound_ms => {
                Freshness::Confirmed
            }
            Some(_) if !self.0.rules.refuse_all_when_unconfirmed => Freshness::Late,
            _ => Freshness::Refused,
        }
    }

    /// How many servers were heard of within the bound, this one included.
    pub fn live_replicas(&self) -> usize {
        self.0.fresh.live.load(Ordering::Relaxed).max(1)
    }

    /// Takes in what was changed since the last time.
    ///
    /// # Errors
    /// The database's own; the table stays as it was.
    pub async fn refresh(&self) -> Result<bool, StoreError> {
        let asked_at_ms = self.0.clock.now_ms();
        let epoch = replicas::epoch(&self.0.db).await?;
        let held = self.0.table.confirmed().map(|confirmed| confirmed.epoch);
        let is_new = held != Some(epoch);
        if is_new {
            // Keys first: a client that they need was there before them.
            let keys = keys::since(&self.0.db, held).await?;
            let clients = clients::since(&self.0.db, held).await?;
            self.0.table.apply(clients, &keys);
            if let Some(held) = held {
                self.tell_arrived(held).await?;
            }
        }
        self.0.table.confirm(epoch, asked_at_ms);
        Ok(is_new)
    }

    /// Notes how long the changes after `held` took to get here.
    async fn tell_arrived(&self, held: u64) -> Result<(), StoreError> {
        let now_ms = self.0.clock.now_ms();
        for change in replicas::changes_since(&self.0.db, held, CHANGES_MAX).await? {
            metrics::propagated(Arrived::Here, now_ms.saturating_sub(change.made_at_ms));
        }
        Ok(())
    }

    /// Notes how long changes took to be everywhere, each once on each server.
    async fn tell_settled(&self, epoch: u64) -> Result<(), StoreError> {
        let told = self.0.fresh.settled.load(Ordering::Relaxed);
        // What was made before this server ran is not its to tell.
        if told == NOT_BEATEN {
            self.0.fresh.settled.store(epoch, Ordering::Relaxed);
        }
        if told >= epoch {
            return Ok(());
        }
        for change in replicas::changes_since(&self.0.db, told, CHANGES_MAX).await? {
            let Some(everywhere_at_ms) = change.everywhere_at_ms else { break };
            metrics::propagated(Arrived::Everywhere, everywhere_at_ms.saturating_sub(change.made_at_ms));
            self.0.fresh.settled.store(change.epoch, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Looks one key up in the database: another server may have made it a moment ago. Whoever sends rubbish waits with
    /// the others who do, and never keeps the database from anybody else.
    pub(crate) async fn look_again(&self, id: &KeyId) {
        let Ok(_turn) = self.0.fresh.turns.try_acquire() else { return };
        if let Ok(Some(key)) = keys::by_id(&self.0.db, id.as_str()).await
            && let Ok(Some(client)) = clients::by_id(&self.0.db, &key.client_id).await
        {
            self.0.table.apply(vec![client], &[key]);
        }
    }

    /// Says that this server runs, and how far it has read.
    ///
    /// # Errors
    /// The database's own.
    pub async fn beat(&self) -> Result<(), StoreError> {
        let epoch = self.0.table.confirmed().map_or(0, |confirmed| confirmed.epoch);
        let now_ms = self.0.clock.now_ms();
        let live_since = now_ms.saturating_sub(self.0.rules.propagation_seconds_max.saturating_mul(1_000));
        let peppers: Vec<u32> = self.0.peppers.versions().collect();
        let beat = Beat { replica_id: &self.0.replica_id, epoch, peppers: &peppers, now_ms };
        let live = replicas::beat(&self.0.db, &beat, live_since).await?;
        self.0.fresh.live.store(live, Ordering::Relaxed);
        self.tell_settled(epoch).await
    }

    /// Follows the database until `shutdown`.
    pub async fn follow(&self, shutdown: CancellationToken) {
        let mut listener = None;
        let mut quiet = 0;
        loop {
            if listener.is_none() {
                // A server that calls nobody is looked at each second all the same.
                listener = Listener::open(&self.0.db).await.unwrap_or(None);
            }
            let changed = self.told_once(self.refresh().await).unwrap_or(false);
            quiet = if changed { BEAT_EVERY } else { quiet + 1 };
            if quiet >= BEAT_EVERY && self.told_once(self.beat().await).is_some() {
                quiet = 0;
            }
            tokio::select! {
                () = shutdown.cancelled() => break,
                () = tokio::time::sleep(REFRESH_INTERVAL) => {}
                heard = heard(&mut listener) => if !heard { listener = None },
            }
        }
        // Whoever waits for all servers need not wait for one that is gone; if this fails, it will have been silent.
        let _ = tokio::time::timeout(REFRESH_INTERVAL, replicas::leave(&self.0.db, &self.0.replica_id)).await;
    }

    /// Logs the first of a row of failures, and the end of the row.
    fn told_once<T>(&self, outcome: Result<T, StoreError>) -> Option<T> {
        let failed = outcome.is_err();
        let before = self.0.fresh.told.swap(failed, Ordering::Relaxed);
        match outcome {
            Ok(value) => {
                if before {
                    tracing::info!("changes to keys can be read again");
                }
                Some(value)
            }
            Err(error) => {
                if !before {
                    let seconds = self.0.rules.propagation_seconds_max;
                    tracing::warn!(%error, "changes to keys cannot be read; known keys work on, ending ones for {seconds} s");
                }
                None
            }
        }
    }
}

/// Waits for a call of the database's; for ever where there is nobody to call. Whether the listener can go on.
async fn heard(listener: &mut Option<Listener>) -> bool {
    match listener {
        Some(listener) => listener.heard().await.is_ok(),
        None => std::future::pending().await,
    }
}
