//! How often a client may call: an exact sliding minute and a calendar month, both of the client and never of a key.
//!
//! A server serves from what it holds: slots of the minute and calls of the month that it has reserved in the database
//! (`accrual-access`'s `window` and `quota`). It asks for more while it still has some, so that a call waits for the
//! database only when it is the first of its client here. While the database is away, what is held is served, and then
//! 503 is answered: nobody is served on trust.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use accrual_access::invoice::{Billing, Terms};
use accrual_access::month::{month_start, next_month};
use accrual_access::notice::{Happening, Notice, UsageTold};
use accrual_access::plan::Plan;
use accrual_access::rate_headers::Figures;
use accrual_access::record::ClientRecord;
use accrual_access::window::Window;
use accrual_rewards::unit::UnixSeconds;
use accrual_store::allowances::{self, Grant, Want};
use accrual_store::{Db, StoreError, notices};
use tokio::sync::Mutex as Turn;
use tokio_util::sync::CancellationToken;

use crate::keys::Keys;

const TIDY_INTERVAL: Duration = Duration::from_secs(1);
/// A client who was not heard of for so long is forgotten, and what was reserved for it is given back.
const FORGET_MS: u64 = 10 * 60_000;

/// What a call costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cost {
    /// One of the month's calls.
    Counts,
    /// Nothing of the month; the minute holds all the same.
    Free,
}

/// Whether somebody else counts the month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Month {
    /// We do.
    Ours,
    /// A marketplace does.
    Theirs,
}

/// Why a call is not served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exceeded {
    /// The minute is full; there is a place in so many seconds.
    Minute {
        /// Seconds, at least 1.
        retry_after_seconds: u64,
        /// What the answer's headers say.
        figures: Figures,
    },
    /// The month is over, or what may be spent on it.
    Month {
        /// Seconds until the next month.
        retry_after_seconds: u64,
        /// What the answer's headers say.
        figures: Figures,
    },
    /// The database is away, and what was reserved is used up.
    Unknown,
}

/// Every client's limits, as far as this server holds them.
#[derive(Debug)]
pub struct Limits {
    db: Db,
    billing: Billing,
    clients: Mutex<HashMap<String, Arc<Client>>>,
}

#[derive(Debug, Default)]
struct Client {
    held: Mutex<Held>,
    /// One question to the database at a time.
    turn: Turn<()>,
}

#[derive(Debug, Default)]
struct Held {
    window: Window,
    month_at: UnixSeconds,
    calls: u64,
    reserved: u64,
    /// The month is reserved to its end, as the database said.
    is_all_reserved: bool,
    slots_asked_ms: u64,
    seen_ms: u64,
}

impl Limits {
    /// Limits that are kept in `db`.
    pub fn new(db: Db, billing: Billing) -> Self {
        Self { db, billing, clients: Mutex::default() }
    }

    /// The rules of discounts.
    pub fn billing(&self) -> &Billing {
        &self.billing
    }

    /// Serves a call of the client's at `now_ms`, or says why not.
    ///
    /// # Errors
    /// [`Exceeded`].
    pub async fn admit(
        &self,
        keys: &Keys,
        client: &ClientRecord,
        plan: &Plan,
        cost: Cost,
        month: Month,
        now_ms: u64,
    ) -> Result<Figures, Exceeded> {
        let held = self.client(&client.client_id);
        let asked = Asked { client, plan, cost, month, now_ms };
        if let Some(figures) = held.serve(&asked) {
            return Ok(figures);
        }
        let _turn = held.turn.lock().await;
        // Whoever had the turn before may have asked for enough.
        if let Some(figures) = held.serve(&asked) {
            return Ok(figures);
        }
        if held.may_ask(&asked) {
            match self.take(keys, &held, &asked).await {
                Ok(()) => {}
                Err(error) => {
                    tracing::warn!(%error, "a client's limits cannot be read");
                    return Err(Exceeded::Unknown);
                }
            }
        }
        match held.serve(&asked) {
            Some(figures) => Ok(figures),
            None => Err(held.exceeded(&asked)),
        }
    }

    /// Gives a call back whose answer does not count.
    pub fn settle(&self, client_id: &str) {
        self.client(client_id).lock().calls += 1;
    }

    async fn take(&self, keys: &Keys, held: &Client, asked: &Asked<'_>) -> Result<(), StoreError> {
        let terms = Terms {
            spend_cap_microusd: asked.client.spend_cap_microusd,
            pays_in_tmai: asked.client.pays_in_tmai,
            stake_tier: asked.client.stake_tier.clone(),
        };
        let needs_calls =
            asked.month == Month::Ours && held.lock().calls < u64::from(asked.plan.calls_per_minute);
        let want = Want {
            client_id: &asked.client.client_id,
            replica_id: keys.replica_id(),
            month_at: asked.month_at(),
            calls_allowed: needs_calls.then(|| self.billing.calls_max(asked.plan, &terms)),
            calls_per_minute: asked.plan.calls_per_minute,
            slots_needed: held.lock().window.needed(asked.now_ms),
            live_since_ms: asked.now_ms.saturating_sub(keys.rules().propagation_seconds_max * 1_000),
            now_ms: asked.now_ms,
        };
        let grant = allowances::take(&self.db, &want).await?;
        held.lock().take(&grant, &want);
        self.notice(asked, &grant).await;
        Ok(())
    }

    /// Tells of a month that is used to four fifths, and to its end: once each, whichever server sees it first.
    async fn notice(&self, asked: &Asked<'_>, grant: &Grant) {
        let (included, used) = (asked.plan.calls_per_month, grant.reserved);
        let percent = match used.saturating_mul(100).checked_div(included) {
            Some(100..) => 100,
            Some(80..) => 80,
            _ => return,
        };
        let (client, month_at) = (asked.client.client_id.clone(), asked.month_at());
        let told = UsageTold { client: client.clone(), month_at, calls: used, calls_included: included };
        let happening = if percent == 100 { Happening::Usage100(told) } else { Happening::Usage80(told) };
        let posted = async {
            if allowances::notice_once(&self.db, &client, month_at, percent).await? {
                let at = UnixSeconds(asked.now_ms / 1_000);
                notices::post_now(&self.db, &[Notice::new(&happening, at).into()]).await?;
            }
            Ok::<_, StoreError>(())
        };
        if let Err(error) = posted.await {
            tracing::warn!(%error, "nobody is told how much of a month is used");
        }
    }

    /// Gives idle slots back while other servers run, forgets who is gone, and gives all back at the end.
    pub async fn tidy(&self, keys: &Keys, clock: &crate::clock::Clock, shutdown: CancellationToken) {
        while !shutdown.is_cancelled() {
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = tokio::time::sleep(TIDY_INTERVAL) => self.tidy_once(keys, clock.now_ms()).await,
            }
        }
        let all = self.forget(u64::MAX);
        let returned = async {
            for (client, held) in all {
                let (month_at, calls) = {
                    let held = held.lock();
                    (held.month_at, held.calls)
                };
                allowances::give_back(&self.db, &client, keys.replica_id(), month_at, calls).await?;
            }
            Ok::<_, StoreError>(())
        };
        // If this fails, what was reserved counts as used: never too little.
        let _ = tokio::time::timeout(TIDY_INTERVAL, returned).await;
    }

    async fn tidy_once(&self, keys: &Keys, now_ms: u64) {
        for (client, held) in self.forget(now_ms.saturating_sub(FORGET_MS)) {
            let (month_at, calls) = {
                let held = held.lock();
                (held.month_at, held.calls)
            };
            let _ = allowances::give_back(&self.db, &client, keys.replica_id(), month_at, calls).await;
        }
        if keys.live_replicas() < 2 {
            return;
        }
        for (client, held) in self.all() {
            let keep = {
                let mut held = held.lock();
                held.idle(now_ms)
            };
            if let Some(keep) = keep {
                let _ = allowances::keep_slots(&self.db, &client, keys.replica_id(), keep).await;
            }
        }
    }

    fn client(&self, id: &str) -> Arc<Client> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        match clients.get(id) {
            Some(client) => Arc::clone(client),
            None => Arc::clone(clients.entry(id.to_owned()).or_default()),
        }
    }

    fn all(&self) -> Vec<(String, Arc<Client>)> {
        let clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        clients.iter().map(|(id, client)| (id.clone(), Arc::clone(client))).collect()
    }

    /// Takes out who was not heard of since `since_ms`.
    fn forget(&self, since_ms: u64) -> Vec<(String, Arc<Client>)> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        clients.extract_if(|_, client| client.lock().seen_ms < since_ms).collect()
    }
}

/// One call.
struct Asked<'a> {
    client: &'a ClientRecord,
    plan: &'a Plan,
    cost: Cost,
    month: Month,
    now_ms: u64,
}

impl Asked<'_> {
    fn month_at(&self) -> UnixSeconds {
        month_start(UnixSeconds(self.now_ms / 1_000))
    }

    fn is_counted(&self) -> bool {
        self.cost == Cost::Counts && self.month == Month::Ours
    }

    fn month_seconds(&self) -> u64 {
        let now = UnixSeconds(self.now_ms / 1_000);
        next_month(now).since(now)
    }
}

impl Client {
    fn lock(&self) -> std::sync::MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self, asked: &Asked<'_>) -> Option<Figures> {
        let mut held = self.lock();
        held.seen_ms = asked.now_ms;
        held.roll(asked.month_at());
        if asked.is_counted() && held.calls == 0 {
            return None;
        }
        held.window.admit(asked.now_ms).ok()?;
        held.calls -= u64::from(asked.is_counted());
        Some(held.figures(asked))
    }

    /// Whether the database may have more for the client; it is not asked for slots twice within a second.
    fn may_ask(&self, asked: &Asked<'_>) -> bool {
        let mut held = self.lock();
        let calls = asked.is_counted() && held.calls == 0 && !held.is_all_reserved;
        let slots = held.window.remaining(asked.now_ms).0 == 0
            && asked.now_ms.saturating_sub(held.slots_asked_ms) >= 1_000;
        if slots {
            held.slots_asked_ms = asked.now_ms;
        }
        calls || slots
    }

    fn exceeded(&self, asked: &Asked<'_>) -> Exceeded {
        let mut held = self.lock();
        let figures = held.figures(asked);
        if asked.is_counted() && held.calls == 0 {
            return Exceeded::Month { retry_after_seconds: asked.month_seconds(), figures };
        }
        let wait_ms = held.window.admit(asked.now_ms).err().flatten().unwrap_or(1_000);
        Exceeded::Minute { retry_after_seconds: wait_ms.div_ceil(1_000).max(1), figures }
    }
}

impl Held {
    /// A new month begins with nothing reserved. What was reserved of the old one is over with it.
    fn roll(&mut self, month_at: UnixSeconds) {
        if self.month_at != month_at {
            (self.month_at, self.calls, self.reserved, self.is_all_reserved) = (month_at, 0, 0, false);
        }
    }

    fn take(&mut self, grant: &Grant, want: &Want<'_>) {
        self.calls += grant.calls;
        self.reserved = grant.reserved;
        self.is_all_reserved = want.calls_allowed.is_some_and(|allowed| grant.reserved >= allowed);
        self.window.set_slots(grant.slots);
    }

    fn figures(&mut self, asked: &Asked<'_>) -> Figures {
        let (remaining, wait_ms) = self.window.remaining(asked.now_ms);
        let included = asked.plan.calls_per_month;
        let used = self.reserved.saturating_sub(self.calls);
        let month = (included, included.saturating_sub(used), asked.month_seconds());
        Figures {
            minute_quota: asked.plan.calls_per_minute,
            minute_remaining: remaining,
            minute_seconds: wait_ms.div_ceil(1_000),
            month: (asked.month == Month::Ours).then_some(month),
        }
    }

    /// The slots to keep when some were idle for a minute: those in use and a half more.
    fn idle(&mut self, now_ms: u64) -> Option<u32> {
        let needed = self.window.needed(now_ms);
        let keep = needed.saturating_add(needed / 2).max(1);
        let gives = keep < self.window.slots();
        if gives {
            self.window.set_slots(keep);
        }
        gives.then_some(keep)
    }
}
