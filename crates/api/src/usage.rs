//! Who calls what: counted in memory by requests, added to the database each second by a task of its own. No request waits
//! for it; while the database is away the counts are kept.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use accrual_access::network::Network;
use accrual_access::notice::{Happening, Notice};
use accrual_rewards::unit::UnixSeconds;
use accrual_store::usage::{self, Batch, CallerRow, HourRow, UseRow};
use accrual_store::{Db, StoreError, notices};
use axum::http::HeaderMap;
use axum::http::header::USER_AGENT;
use tokio_util::sync::CancellationToken;

use crate::key::{self, KeyId};

const WRITE_INTERVAL: Duration = Duration::from_secs(1);
/// How long the last counts may take when the server stops.
const LAST_WRITE: Duration = Duration::from_secs(1);
const AGENT_CHARS_MAX: usize = 120;
/// How many different callers of one key are kept apart a day by one server; whoever comes after them is `other`. A caller
/// may call itself by another name each time, and the database must not grow with that.
const CALLERS_MAX: usize = 200;
/// Whoever is not kept apart.
const OTHER: &str = "other";
/// So many refused calls of one kind within an hour are told.
const BURST: u64 = 20;
const HOUR: u64 = 3_600;
const DAY: u64 = 86_400;

/// What was counted and is not written yet.
#[derive(Debug, Default)]
pub struct Usage {
    counts: Mutex<Counts>,
    /// A batch whose answer was lost, or the next one.
    sending: tokio::sync::Mutex<Sending>,
}

#[derive(Debug, Default)]
struct Counts {
    calls: HashMap<CallOf, CallCount>,
    /// Who was kept apart since the day began that is told with it.
    known: HashMap<KeyId, (u64, BTreeSet<Who>)>,
    failures: HashMap<(u64, &'static str, String), u64>,
    /// Counts up with each call, so that of two in one second the later is known.
    turn: u64,
}

/// What calls have in common that are counted as one until they are written.
#[derive(Debug, PartialEq, Eq, Hash)]
struct CallOf {
    key: KeyId,
    client_id: String,
    endpoint: Arc<str>,
    network: Arc<str>,
    agent: String,
    status: u16,
    is_counted: bool,
    /// The minute's first second.
    minute: u64,
}

#[derive(Debug)]
struct CallCount {
    first: u64,
    last: u64,
    calls: u64,
    /// Of the last one.
    turn: u64,
    /// Of callers who are not kept apart: the last one's network and agent.
    stranger: Option<(Arc<str>, String)>,
}

/// Network, agent, endpoint.
type Who = (Arc<str>, String, Arc<str>);

#[derive(Debug, Default)]
struct Sending {
    number: u64,
    batch: Option<Batch>,
    pruned_at: u64,
}

/// A call that was answered.
#[derive(Debug, Clone)]
pub struct Call {
    /// The key.
    pub key: KeyId,
    /// Whose it is.
    pub client_id: String,
    /// The route, not the path.
    pub endpoint: Arc<str>,
    /// The answer's status.
    pub status: u16,
    /// Whether it counts against the month.
    pub is_counted: bool,
    /// Whence it came.
    pub network: Arc<str>,
    /// What called itself the caller.
    pub agent: String,
    /// When.
    pub at: UnixSeconds,
}

impl Usage {
    /// Counts a call.
    pub fn count(&self, call: Call) {
        let now = call.at.0;
        let mut of = CallOf::of(call);
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.turn += 1;
        let turn = counts.turn;
        if let Some(count) = counts.calls.get_mut(&of) {
            count.add(now, turn);
            return;
        }
        let mut stranger = None;
        if !counts.keeps_apart(&of) {
            stranger = Some((
                std::mem::replace(&mut of.network, OTHER.into()),
                std::mem::replace(&mut of.agent, OTHER.to_owned()),
            ));
        }
        let none = CallCount { first: now, last: now, calls: 0, turn, stranger: None };
        let count = counts.calls.entry(of).or_insert(none);
        count.add(now, turn);
        count.stranger = stranger;
    }

    /// Counts a call that was refused before anybody was served.
    pub fn refused(&self, code: &'static str, key: Option<&KeyId>, at: UnixSeconds) {
        let key = key.map(|key| key.as_str().to_owned()).unwrap_or_default();
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        // Ids that nobody has are as many as callers like.
        let key = if counts.failures.len() < 1_000 { key } else { String::new() };
        *counts.failures.entry((at.0 / HOUR * HOUR, code, key)).or_default() += 1;
    }

    /// Writes what was counted until `shutdown`, and then what is left. A failure is logged once until it ends; what was
    /// counted stays.
    pub(crate) async fn follow(
        &self,
        db: &Db,
        replica_id: &str,
        now: impl Fn() -> UnixSeconds,
        shutdown: CancellationToken,
    ) {
        let mut told = false;
        while !shutdown.is_cancelled() {
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = tokio::time::sleep(WRITE_INTERVAL) => match self.write(db, replica_id, now()).await {
                    Ok(_) => told = false,
                    Err(error) => {
                        if !told {
                            tracing::warn!(%error, "calls are counted in memory until the database can be written");
                        }
                        told = true;
                    }
                },
            }
        }
        // Whatever fails now was logged; the counts of a second are lost with the process.
        let _ = tokio::time::timeout(LAST_WRITE, self.write(db, replica_id, now())).await;
    }

    /// Writes what was counted; whether there was anything.
    ///
    /// # Errors
    /// The database's own. The batch is kept and sent again under its number.
    pub async fn write(&self, db: &Db, replica_id: &str, now: UnixSeconds) -> Result<bool, StoreError> {
        let mut sending = self.sending.lock().await;
        if sending.batch.is_none() {
            let batch = self.take();
            if batch == Batch::default() {
                return Ok(false);
            }
            (sending.number, sending.batch) = (sending.number + 1, Some(batch));
        }
        if let Some(batch) = &sending.batch {
            usage::add(db, replica_id, sending.number, batch).await?;
            if !batch.failures.is_empty() {
                tell_bursts(db, now).await?;
            }
        }
        sending.batch = None;
        if now.0.saturating_sub(sending.pruned_at) >= HOUR {
            sending.pruned_at = now.0;
            let before = |seconds| UnixSeconds(now.0.saturating_sub(seconds));
            usage::prune(db, before(2 * DAY), before(90 * DAY)).await?;
        }
        Ok(true)
    }

    fn take(&self) -> Batch {
        // Requests count on while this is put in order.
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner).take();
        counts.batch()
    }
}

impl CallOf {
    fn of(call: Call) -> Self {
        let Call { key, client_id, endpoint, status, is_counted, network, agent, at } = call;
        Self { key, client_id, endpoint, network, agent, status, is_counted, minute: at.0 / 60 * 60 }
    }
}

impl CallCount {
    fn add(&mut self, now: u64, turn: u64) {
        (self.last, self.calls, self.turn) = (now.max(self.last), self.calls + 1, turn);
    }
}

impl Counts {
    /// All that was counted. Who is known stays.
    fn take(&mut self) -> Self {
        let known = std::mem::take(&mut self.known);
        std::mem::replace(self, Self { known, ..Self::default() })
    }

    /// Whether a caller is told by its own name.
    fn keeps_apart(&mut self, of: &CallOf) -> bool {
        let who = (of.network.clone(), of.agent.clone(), of.endpoint.clone());
        let today = of.minute / DAY;
        let (day, known) = self.known.entry(of.key.clone()).or_default();
        if *day != today {
            (*day, *known) = (today, BTreeSet::new());
        }
        if known.contains(&who) {
            return true;
        }
        let has_room = known.len() < CALLERS_MAX;
        if has_room {
            known.insert(who);
        }
        has_room
    }

    /// What is to be written, each kind in order.
    fn batch(self) -> Batch {
        let mut minutes: BTreeMap<(KeyId, u64), u64> = BTreeMap::new();
        let mut hours: BTreeMap<(KeyId, u64, Arc<str>, u16), HourRow> = BTreeMap::new();
        let mut callers: BTreeMap<(KeyId, Who), CallerRow> = BTreeMap::new();
        let mut uses: BTreeMap<KeyId, UseRow> = BTreeMap::new();
        let mut calls: Vec<(CallOf, CallCount)> = self.calls.into_iter().collect();
        calls.sort_unstable_by_key(|(_, count)| count.turn);
        for (of, count) in calls {
            let CallCount { first, last, calls, stranger, .. } = count;
            let key_id = of.key.as_str().to_owned();
            *minutes.entry((of.key.clone(), of.minute)).or_default() += calls;
            let hour = of.minute / HOUR * HOUR;
            let row = hours.entry((of.key.clone(), hour, of.endpoint.clone(), of.status));
            let row = row.or_insert_with(|| HourRow {
                key_id: key_id.clone(),
                client_id: of.client_id,
                at: UnixSeconds(hour),
                endpoint: of.endpoint.to_string(),
                status: u64::from(of.status),
                calls: 0,
                counted: 0,
            });
            (row.calls, row.counted) = (row.calls + calls, row.counted + calls * u64::from(of.is_counted));
            let endpoint = if stranger.is_some() { OTHER.into() } else { of.endpoint };
            let row =
                callers.entry((of.key.clone(), (of.network.clone(), of.agent.clone(), endpoint.clone())));
            let row = row.or_insert_with(|| CallerRow {
                key_id: key_id.clone(),
                network: of.network.to_string(),
                agent: of.agent.clone(),
                endpoint: endpoint.to_string(),
                first_at: UnixSeconds(first),
                last_at: UnixSeconds(last),
                calls: 0,
            });
            row.first_at = row.first_at.min(UnixSeconds(first));
            row.last_at = row.last_at.max(UnixSeconds(last));
            row.calls += calls;
            let (network, agent) = stranger.unwrap_or((of.network, of.agent));
            let network = network.to_string();
            let used =
                UseRow { key_id, first_at: UnixSeconds(first), last_at: UnixSeconds(last), network, agent };
            match uses.entry(of.key) {
                Entry::Vacant(place) => {
                    place.insert(used);
                }
                Entry::Occupied(mut place) => join(place.get_mut(), used),
            }
        }
        let text = |key: KeyId| key.as_str().to_owned();
        let minute = |((key, at), calls)| (text(key), UnixSeconds(at), calls);
        let failure = |((at, code, key), calls): ((u64, &str, String), u64)| {
            (UnixSeconds(at), code.to_owned(), key, calls)
        };
        Batch {
            minutes: minutes.into_iter().map(minute).collect(),
            hours: hours.into_values().collect(),
            callers: callers.into_values().collect(),
            failures: BTreeMap::from_iter(self.failures).into_iter().map(failure).collect(),
            uses: uses.into_values().collect(),
        }
    }
}

/// One use of a key and another: the network and agent are the later one's.
fn join(used: &mut UseRow, other: UseRow) {
    let first_at = used.first_at.min(other.first_at);
    if used.last_at <= other.last_at {
        *used = other;
    }
    used.first_at = first_at;
}

/// Tells of each kind of refusal that came twenty times within this hour: once an hour, whichever server sees it.
async fn tell_bursts(db: &Db, now: UnixSeconds) -> Result<(), StoreError> {
    let since_at = UnixSeconds(now.0 / HOUR * HOUR);
    let bursts = usage::failures(db, since_at).await?.into_iter().filter(|(.., calls)| *calls >= BURST);
    let mut rows = Vec::new();
    for (reason, key_id, calls) in bursts {
        let key_id = Some(key_id).filter(|id| !id.is_empty());
        let client = match &key_id {
            Some(id) => accrual_store::keys::by_id(db, id).await?.map(|key| key.client_id),
            None => None,
        };
        let happening = Happening::AuthFailures { client, key_id, reason, calls, since_at };
        rows.push(Notice::new(&happening, now).into());
    }
    notices::post_now(db, &rows).await.map(|_| ())
}

/// The network that a call is told as.
pub(crate) fn network(address: Option<IpAddr>) -> Arc<str> {
    address.map_or("unknown".into(), |address| Network::around(address).to_string().into())
}

/// What the caller calls itself, as far as it is harmless to keep.
pub(crate) fn agent(headers: &HeaderMap) -> String {
    let text = headers.get(USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or("none");
    // A header's text is of printable ASCII and tabs.
    if text.len() <= AGENT_CHARS_MAX && !text.contains('\t') && !key::holds_key(text) {
        return text.to_owned();
    }
    key::redact(text).chars().filter(|c| !c.is_control()).take(AGENT_CHARS_MAX).collect()
}
