//! Webhooks: others are told what happens here, after Standard Webhooks.
//!
//! - [`mod@courier`]: the guarded way out. [`sender`]: takes what is due and sends it. [`watcher`]: notices what happens to
//!   campaigns, pools and the source; what happens to keys is posted by whoever changes them.
//! - [`life`]: a webhook is made, edited, its secret rotated.
//!
//! However many servers run, a happening is posted once (its name is made of what happened) and a delivery is tried by
//! one of them at a time. A receiver may still see a message twice, when an answer was lost: `webhook-id` tells.

pub mod courier;
pub(crate) mod life;
pub mod sender;
pub mod watcher;

use accrual_access::address_guard::AddressGuard;
use accrual_access::webhook::SigningSecret;
use accrual_rewards::unit::UnixSeconds;
use tokio_util::sync::CancellationToken;

use crate::app::Api;
use crate::key::Pepper;
use courier::Courier;
use sender::Sender;

/// What the server is told of webhooks at its start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookSettings {
    /// Where messages may go: the public internet, and what the operator named.
    pub guard: AddressGuard,
    /// A campaign's yearly rate that is so many per cent away from its mean of a day is told of; 0 tells of none.
    pub apr_moved_percent: u32,
}

impl Default for WebhookSettings {
    fn default() -> Self {
        Self { guard: AddressGuard::default(), apr_moved_percent: APR_MOVED_PERCENT }
    }
}

/// How far a yearly rate moves before anybody is told, where the operator does not say.
pub const APR_MOVED_PERCENT: u32 = 25;

/// The way out for messages and delivered keys; `None`, with a line in the log, where HTTPS is not to be had.
pub(crate) fn courier(api: &Api) -> Option<Courier> {
    let courier = Courier::new(api.settings().webhooks.guard.clone());
    courier
        .inspect_err(|error| tracing::error!(%error, "no webhook is sent, and no key exchanged by itself"))
        .ok()
}

/// Watches and sends until `shutdown`.
pub(crate) async fn work(api: &Api, courier: Option<Courier>, shutdown: CancellationToken) {
    let Some(courier) = courier else { return };
    let send = Sender::new(api.clone(), courier).follow(shutdown.clone());
    tokio::join!(send, watcher::follow(api, shutdown));
}

/// Which secrets of a webhook live: the newest generation, and the one before until its end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Generations<'a> {
    pub(crate) webhook_id: &'a str,
    pub(crate) newest: u64,
    pub(crate) pepper_version: u64,
    pub(crate) previous_ends_at: Option<UnixSeconds>,
    pub(crate) previous_pepper_version: Option<u64>,
}

impl Generations<'_> {
    /// The secrets that sign at `now`, the newest first; `None` when a pepper that they are made from is not here.
    pub(crate) fn secrets(&self, api: &Api, now: UnixSeconds) -> Option<Vec<SigningSecret>> {
        let derive = |version: u64, generation| {
            Some(SigningSecret::derive(pepper(api, version)?, self.webhook_id, generation))
        };
        let mut secrets = vec![derive(self.pepper_version, self.newest)?];
        if self.previous_ends_at.is_some_and(|ends_at| now < ends_at) {
            let version = self.previous_pepper_version.unwrap_or(self.pepper_version);
            secrets.push(derive(version, self.newest.checked_sub(1)?)?);
        }
        Some(secrets)
    }
}

/// The pepper that is called `version` in the database, if this server has it.
fn pepper(api: &Api, version: u64) -> Option<&Pepper> {
    api.settings().peppers.version(u32::try_from(version).ok()?)
}
