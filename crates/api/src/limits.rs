//! How often a client may call: an exact sliding minute and a calendar month, both of the client and never of a key.
//!
//! A server serves from what it holds: slots of the minute and calls of the month that it has reserved in the database
//! (`accrual-access`'s `window` and `quota`). A task asks for more while there still is a minute's worth, so that a call
//! waits for the database only when it is the first of its client here. While the database is away, what is held is
//! served, for [`allowances::LEASE_MS`] at most since others may take it then, and after that 503 is answered: nobody is
//! served on trust.
//!
//! Whatever changes how many slots a server holds, here and in the database, is done in the client's turn: one at a time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use accrual_access::invoice::{Billing, Terms};
use accrual_access::month::{month_start, next_month};
use accrual_access::notice::{Happening, Notice, UsageTold};
use accrual_access::plan::Plan;
use accrual_access::rate_headers::Figures;
use accrual_access::record::ClientRecord;
use accrual_access::window::{MINUTE_MS, Window};
use accrual_rewards::unit::UnixSeconds;
use accrual_store::allowances::{self, Grant, LEASE_MS, Leaving, Want};
use accrual_store::{Db, StoreError, notices};
use tokio::sync::Mutex as Turn;
use tokio_util::sync::CancellationToken;

use crate::keys::Keys;

const TIDY_INTERVAL: Duration = Duration::from_secs(1);
/// A client who was not heard of for so long is forgotten, and what was reserved for it is given back.
const FORGET_MS: u64 = 10 * 60_000;
/// How often, and in what steps, a client's first call here waits for slots that another server still holds idle: it gives
/// them back within about a second of hearing of this one.
const WAITS_MAX: u64 = 16;
const WAIT: Duration = Duration::from_millis(250);

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
    /// With so many allowed, the month is reserved to its end, as the database said. Another plan or another cap allows
    /// another number, and is asked for anew.
    all_reserved_of: Option<u64>,
    /// Slots that nobody had when the database was last asked.
    slots_free: u32,
    slots_asked_ms: u64,
    /// When the database was reached last.
    confirmed_ms: u64,
    has_waited: bool,
    /// What to ask for again without being asked.
    refill: Option<Refill>,
    seen_ms: u64,
}

/// The month's part of a question, as a call last put it.
#[derive(Debug, Clone, Copy)]
struct Refill {
    allowed: u64,
    included: u64,
    calls_per_minute: u32,
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
        if let Some(figures) = held.serve_at_once(keys, &asked) {
            return Ok(figures);
        }
        // On the heap: what asks a database is large, and lies within each call that need not ask it.
        Box::pin(self.admit_in_turn(keys, &held, &asked)).await
    }

    async fn admit_in_turn(
        &self,
        keys: &Keys,
        held: &Client,
        asked: &Asked<'_>,
    ) -> Result<Figures, Exceeded> {
        let client_id = &asked.client.client_id;
        let _turn = held.turn.lock().await;
        // Whoever had the turn before may have asked for enough.
        if let Some(figures) = held.serve(asked) {
            return Ok(figures);
        }
        let refill = self.refill(asked);
        if held.may_ask(asked, refill) {
            let mut took = self.take(keys, held, client_id, refill, asked).await;
            let mut waits = 0;
            while took.is_ok() && keys.live_replicas() > 1 && held.waits_for_slots(waits) {
                tokio::time::sleep(WAIT).await;
                waits += 1;
                took = self.take(keys, held, client_id, refill, asked).await;
            }
            if let Err(error) = took {
                tracing::warn!(%error, "a client's limits cannot be read");
                if !held.is_minute_full(asked) {
                    return Err(Exceeded::Unknown);
                }
            }
        }
        match held.serve(asked) {
            Some(figures) => Ok(figures),
            None => Err(held.exceeded(asked)),
        }
    }

    /// Serves a call from what is held; `None` when the database must be asked, or the call will be refused.
    pub(crate) fn admit_at_once(
        &self,
        keys: &Keys,
        client: &ClientRecord,
        plan: &Plan,
        cost: Cost,
        month: Month,
        now_ms: u64,
    ) -> Option<Figures> {
        let asked = Asked { client, plan, cost, month, now_ms };
        self.client(&client.client_id).serve_at_once(keys, &asked)
    }

    /// Gives back a call that was admitted at `now_ms` and whose answer does not count. After the end of its month there
    /// is nothing to give it back to.
    pub fn settle(&self, client_id: &str, now_ms: u64) {
        let held = self.client(client_id);
        let mut held = held.lock();
        if held.month_at == month_start(UnixSeconds(now_ms / 1_000)) {
            held.calls += 1;
        }
    }

    fn refill(&self, asked: &Asked<'_>) -> Option<Refill> {
        let terms = Terms {
            spend_cap_microusd: asked.client.spend_cap_microusd,
            pays_in_tmai: asked.client.pays_in_tmai,
            stake_tier: asked.client.stake_tier.clone(),
        };
        (asked.month == Month::Ours).then(|| Refill {
            allowed: self.billing.calls_max(asked.plan, &terms),
            included: asked.plan.calls_per_month,
            calls_per_minute: asked.plan.calls_per_minute,
        })
    }

    /// Asks for slots, and for calls where there is not a minute's worth left. In the client's turn.
    async fn take(
        &self,
        keys: &Keys,
        held: &Client,
        client_id: &str,
        refill: Option<Refill>,
        asked: &Asked<'_>,
    ) -> Result<(), StoreError> {
        let want = {
            let mut held = held.lock();
            held.refill = refill;
            Want {
                client_id,
                replica_id: keys.replica_id(),
                month_at: asked.month_at(),
                calls_allowed: refill.filter(|refill| held.is_low(*refill)).map(|refill| refill.allowed),
                calls_per_minute: asked.plan.calls_per_minute,
                slots_held: held.window.slots(),
                live_since_ms: live_since_ms(keys, asked.now_ms),
                now_ms: asked.now_ms,
            }
        };
        self.taken(held, &want, refill, |held, grant| held.take(grant, &want)).await
    }

    /// Asks for calls alone, before a call needs them. In the client's turn.
    async fn take_calls(
        &self,
        keys: &Keys,
        held: &Client,
        client_id: &str,
        refill: Refill,
        now_ms: u64,
    ) -> Result<(), StoreError> {
        let want = {
            let held = held.lock();
            Want {
                client_id,
                replica_id: keys.replica_id(),
                month_at: held.month_at,
                calls_allowed: Some(refill.allowed),
                calls_per_minute: refill.calls_per_minute,
                slots_held: held.window.slots(),
                live_since_ms: live_since_ms(keys, now_ms),
                now_ms,
            }
        };
        self.taken(held, &want, Some(refill), |held, grant| held.take(grant, &want)).await
    }

    async fn taken(
        &self,
        held: &Client,
        want: &Want<'_>,
        refill: Option<Refill>,
        take: impl FnOnce(&mut Held, &Grant),
    ) -> Result<(), StoreError> {
        let grant = allowances::take(&self.db, want).await?;
        take(&mut held.lock(), &grant);
        if let Some(refill) = refill {
            self.notice(want, refill.included, grant.reserved).await;
        }
        Ok(())
    }

    /// Tells of a month that is used to four fifths, and to its end: once each, whichever server sees it first.
    async fn notice(&self, want: &Want<'_>, included: u64, used: u64) {
        let percent = match used.saturating_mul(100).checked_div(included) {
            Some(100..) => 100,
            Some(80..) => 80,
            _ => return,
        };
        let (client, month_at) = (want.client_id.to_owned(), want.month_at);
        let told = UsageTold { client: client.clone(), month_at, calls: used, calls_included: included };
        let happening = if percent == 100 { Happening::Usage100(told) } else { Happening::Usage80(told) };
        let posted = async {
            if allowances::notice_once(&self.db, &client, month_at, percent).await? {
                let at = UnixSeconds(want.now_ms / 1_000);
                notices::post_now(&self.db, &[Notice::new(&happening, at).into()]).await?;
            }
            Ok::<_, StoreError>(())
        };
        if let Err(error) = posted.await {
            tracing::warn!(%error, "nobody is told how much of a month is used");
        }
    }

    /// Gives idle slots back, reserves more calls where few are left and forgets who is gone, until `drained`: when the last
    /// request is answered. Then gives all back.
    pub async fn tidy(&self, keys: &Keys, clock: &crate::clock::Clock, drained: CancellationToken) {
        while !drained.is_cancelled() {
            tokio::select! {
                () = drained.cancelled() => {}
                () = tokio::time::sleep(TIDY_INTERVAL) => self.tidy_once(keys, clock.now_ms()).await,
            }
        }
        let returned = self.give_back(keys, self.forget(u64::MAX), clock.now_ms());
        // If this fails, what was reserved counts as used: never too little.
        let _ = tokio::time::timeout(TIDY_INTERVAL, returned).await;
    }

    /// One round of [`Limits::tidy`]. What fails is done in a later one.
    pub async fn tidy_once(&self, keys: &Keys, now_ms: u64) {
        self.give_back(keys, self.forget(now_ms.saturating_sub(FORGET_MS)), now_ms).await;
        let is_alone = keys.live_replicas() < 2;
        for (client, held) in self.all() {
            // Whoever has the turn asks for slots just now.
            let Ok(_turn) = held.turn.try_lock() else { continue };
            let keep = held.lock().idle(now_ms, is_alone);
            if let Some(keep) = keep {
                // When this fails the database counts more than is held, until it is asked the next time.
                let _ = allowances::keep_slots(&self.db, &client, keys.replica_id(), keep).await;
            }
            let refill = held.lock().due(now_ms);
            if let Some(refill) = refill
                && let Err(error) = self.take_calls(keys, &held, &client, refill, now_ms).await
            {
                tracing::debug!(%error, "no calls were reserved ahead; what is held is served");
            }
        }
    }

    async fn give_back(&self, keys: &Keys, all: Vec<(String, Arc<Client>)>, now_ms: u64) {
        for (client_id, held) in all {
            let leaving = {
                let mut held = held.lock();
                let slots_used = held.window.needed(now_ms);
                // A request that still holds on to this finds nothing in it.
                held.window.set_slots(0);
                Leaving {
                    client_id: &client_id,
                    replica_id: keys.replica_id(),
                    month_at: held.month_at,
                    calls: std::mem::take(&mut held.calls),
                    slots_used,
                    now_ms,
                }
            };
            let _ = allowances::give_back(&self.db, &leaving).await;
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

fn live_since_ms(keys: &Keys, now_ms: u64) -> u64 {
    now_ms.saturating_sub(keys.rules().propagation_seconds_max.saturating_mul(1_000))
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

    fn serve_at_once(&self, keys: &Keys, asked: &Asked<'_>) -> Option<Figures> {
        if let Some(confirmed) = keys.table().confirmed() {
            self.confirm(confirmed.asked_at_ms);
        }
        self.serve(asked)
    }

    fn serve(&self, asked: &Asked<'_>) -> Option<Figures> {
        let mut held = self.lock();
        held.seen_ms = asked.now_ms;
        held.roll(asked.month_at());
        if held.is_unconfirmed(asked.now_ms) {
            return None;
        }
        // A plan that shrank holds from now on, whatever the database has of it.
        if held.window.slots() > asked.plan.calls_per_minute {
            held.window.set_slots(asked.plan.calls_per_minute);
        }
        if asked.is_counted() && held.calls == 0 {
            return None;
        }
        held.window.admit(asked.now_ms).ok()?;
        held.calls -= u64::from(asked.is_counted());
        Some(held.figures(asked))
    }

    fn confirm(&self, at_ms: u64) {
        let mut held = self.lock();
        held.confirmed_ms = held.confirmed_ms.max(at_ms);
    }

    /// Whether the database may have more for the client, or must be asked whether what is held still is. It is not asked
    /// for slots twice within a second when it had none, nor for more than the plan has.
    fn may_ask(&self, asked: &Asked<'_>, refill: Option<Refill>) -> bool {
        let mut held = self.lock();
        let is_all = refill.is_some_and(|refill| held.all_reserved_of == Some(refill.allowed));
        let calls = asked.is_counted() && held.calls == 0 && !is_all;
        let slots = held.window.slots() < asked.plan.calls_per_minute
            && held.window.remaining(asked.now_ms).0 == 0
            && (held.slots_free > 0 || asked.now_ms.saturating_sub(held.slots_asked_ms) >= 1_000);
        if slots {
            held.slots_asked_ms = asked.now_ms;
        }
        calls || slots || held.is_unconfirmed(asked.now_ms)
    }

    /// Whether to wait for another server to give slots back: only once a client, while none is held here.
    fn waits_for_slots(&self, waits: u64) -> bool {
        let mut held = self.lock();
        let waits_on = held.window.slots() == 0 && !held.has_waited && waits < WAITS_MAX;
        held.has_waited |= !waits_on;
        waits_on
    }

    fn is_minute_full(&self, asked: &Asked<'_>) -> bool {
        let mut held = self.lock();
        held.window.slots() > 0 && held.window.remaining(asked.now_ms).0 == 0
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
            (self.month_at, self.calls, self.reserved, self.all_reserved_of) = (month_at, 0, 0, None);
        }
    }

    fn take(&mut self, grant: &Grant, want: &Want<'_>) {
        // The month may have ended while the database was asked.
        if self.month_at == want.month_at {
            self.calls += grant.calls;
            self.reserved = grant.reserved;
            if let Some(allowed) = want.calls_allowed {
                self.all_reserved_of = (grant.reserved >= allowed).then_some(allowed);
            }
        }
        self.window.set_slots(grant.slots);
        self.slots_free = grant.slots_free;
        self.confirmed_ms = self.confirmed_ms.max(want.now_ms);
    }

    /// Whether others may have taken what is held here.
    fn is_unconfirmed(&self, now_ms: u64) -> bool {
        now_ms.saturating_sub(self.confirmed_ms) > LEASE_MS
    }

    /// Whether there is not a minute's worth of calls left.
    fn is_low(&self, refill: Refill) -> bool {
        self.calls < u64::from(refill.calls_per_minute)
    }

    /// What to reserve ahead, if anything: for who was heard of within a minute, in the month that runs.
    fn due(&mut self, now_ms: u64) -> Option<Refill> {
        let runs = self.month_at == month_start(UnixSeconds(now_ms / 1_000));
        let asks = runs && now_ms.saturating_sub(self.seen_ms) < MINUTE_MS;
        let refill = self.refill.filter(|refill| self.all_reserved_of != Some(refill.allowed));
        refill.filter(|refill| asks && self.is_low(*refill) && self.window.slots() > 0)
    }

    fn figures(&mut self, asked: &Asked<'_>) -> Figures {
        let (remaining, wait_ms) = self.window.remaining(asked.now_ms);
        let included = asked.plan.calls_per_month;
        let used = self.reserved.saturating_sub(self.calls);
        let month = (included, included.saturating_sub(used), asked.month_seconds());
        Figures {
            minute_quota: asked.plan.calls_per_minute,
            // What others have not is to be had.
            minute_remaining: remaining
                .saturating_add(self.slots_free)
                .min(asked.plan.calls_per_minute.saturating_sub(self.window.needed(asked.now_ms))),
            minute_seconds: wait_ms.div_ceil(1_000),
            month: (asked.month == Month::Ours).then_some(month),
        }
    }

    /// The slots to keep when some are idle, if that is fewer than are held: those in use and a half more. Alone, at least
    /// half of all: a server that is killed takes what it holds with it for two minutes.
    fn idle(&mut self, now_ms: u64, is_alone: bool) -> Option<u32> {
        let needed = self.window.needed(now_ms);
        let busy = needed.saturating_add(needed.div_ceil(2)).max(1);
        let half = self.refill.map_or(u32::MAX, |refill| refill.calls_per_minute.div_ceil(2));
        let keep = if is_alone { busy.max(half) } else { busy };
        let given = self.window.slots().checked_sub(keep).filter(|given| *given > 0)?;
        self.window.set_slots(keep);
        self.slots_free = self.slots_free.saturating_add(given);
        Some(keep)
    }
}
