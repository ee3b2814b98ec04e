//! Who calls what: counted in memory by requests, added to the database each second by a task of its own. No request waits
//! for it; while the database is away the counts are kept.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
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
    minutes: HashMap<(KeyId, u64), u64>,
    hours: HashMap<HourOf, HourCount>,
    callers: HashMap<KeyId, BTreeMap<Who, CallerCount>>,
    /// Who was kept apart since the day began that is told with it.
    known: HashMap<KeyId, (u64, BTreeSet<Who>)>,
    uses: HashMap<KeyId, LastUse>,
    failures: HashMap<(u64, &'static str, String), u64>,
}

/// Key, the hour's first second, endpoint, status.
type HourOf = (KeyId, u64, String, u16);
/// The client, all calls, those that count.
type HourCount = (String, u64, u64);
/// Network, agent, endpoint.
type Who = (String, String, String);
/// The first call, the last, how many.
type CallerCount = (u64, u64, u64);
/// The first use that is not written, the last, its network and agent.
type LastUse = (u64, u64, String, String);

#[derive(Debug, Default)]
struct Sending {
    number: u64,
    batch: Option<Batch>,
    pruned_at: u64,
}

/// A call that was answered.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// The key.
    pub key: &'a KeyId,
    /// Whose it is.
    pub client_id: &'a str,
    /// The route, not the path.
    pub endpoint: &'a str,
    /// The answer's status.
    pub status: u16,
    /// Whether it counts against the month.
    pub is_counted: bool,
    /// Whence it came.
    pub network: &'a str,
    /// What called itself the caller.
    pub agent: &'a str,
    /// When.
    pub at: UnixSeconds,
}

impl Usage {
    /// Counts a call.
    pub fn count(&self, call: &Call<'_>) {
        let now = call.at.0;
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.minutes.entry((call.key.clone(), now / 60 * 60)).or_default() += 1;
        let hour = (call.key.clone(), now / HOUR * HOUR, call.endpoint.to_owned(), call.status);
        let (_, calls, counted) =
            counts.hours.entry(hour).or_insert_with(|| (call.client_id.to_owned(), 0, 0));
        (*calls, *counted) = (*calls + 1, *counted + u64::from(call.is_counted));
        let who = counts.who(call);
        let callers = counts.callers.entry(call.key.clone()).or_default();
        let (_, last, times) = callers.entry(who).or_insert((now, now, 0));
        (*last, *times) = (now.max(*last), *times + 1);
        let used = counts.uses.entry(call.key.clone());
        let used = used.or_insert_with(|| (now, now, String::new(), String::new()));
        (used.1, used.2, used.3) = (now.max(used.1), call.network.to_owned(), call.agent.to_owned());
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
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner).take();
        let text = |key: KeyId| key.as_str().to_owned();
        let caller = |(key, callers): (KeyId, BTreeMap<Who, CallerCount>)| {
            callers.into_iter().map(move |((network, agent, endpoint), (first, last, calls))| CallerRow {
                key_id: key.as_str().to_owned(),
                network,
                agent,
                endpoint,
                first_at: UnixSeconds(first),
                last_at: UnixSeconds(last),
                calls,
            })
        };
        let hour = |((key, at, endpoint, status), (client_id, calls, counted))| HourRow {
            key_id: text(key),
            client_id,
            at: UnixSeconds(at),
            endpoint,
            status: u64::from(status),
            calls,
            counted,
        };
        let one_use = |(key, (first, last, network, agent))| UseRow {
            key_id: text(key),
            first_at: UnixSeconds(first),
            last_at: UnixSeconds(last),
            network,
            agent,
        };
        let failure = |((at, code, key), calls): ((u64, &str, String), u64)| {
            (UnixSeconds(at), code.to_owned(), key, calls)
        };
        let minute = |((key, at), calls)| (text(key), UnixSeconds(at), calls);
        Batch {
            minutes: sorted(counts.minutes).map(minute).collect(),
            hours: sorted(counts.hours).map(hour).collect(),
            callers: sorted(counts.callers).flat_map(caller).collect(),
            failures: sorted(counts.failures).map(failure).collect(),
            uses: sorted(counts.uses).map(one_use).collect(),
        }
    }
}

impl Counts {
    /// All that was counted. Who is known stays.
    fn take(&mut self) -> Self {
        let known = std::mem::take(&mut self.known);
        std::mem::replace(self, Self { known, ..Self::default() })
    }

    /// As whom a caller is counted.
    fn who(&mut self, call: &Call<'_>) -> Who {
        let who = (call.network.to_owned(), call.agent.to_owned(), call.endpoint.to_owned());
        let today = call.at.0 / DAY;
        let (day, known) = self.known.entry(call.key.clone()).or_default();
        if *day != today {
            (*day, *known) = (today, BTreeSet::new());
        }
        if known.contains(&who) {
            return who;
        }
        if known.len() < CALLERS_MAX {
            known.insert(who.clone());
            return who;
        }
        ("other".to_owned(), "other".to_owned(), "other".to_owned())
    }
}

fn sorted<K: Ord, V>(counts: HashMap<K, V>) -> impl Iterator<Item = (K, V)> {
    BTreeMap::from_iter(counts).into_iter()
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
pub(crate) fn network(address: Option<IpAddr>) -> String {
    address.map_or("unknown".to_owned(), |address| Network::around(address).to_string())
}

/// What the caller calls itself, as far as it is harmless to keep.
pub(crate) fn agent(headers: &HeaderMap) -> String {
    let text = headers.get(USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or("none");
    key::redact(text).chars().filter(|c| !c.is_control()).take(AGENT_CHARS_MAX).collect()
}
