//! The state of each part of the service, as this server sees it now.

use accrual_rewards::unit::UnixSeconds;
use accrual_store::deliveries::Waiting;
use accrual_store::{StoreError, chain, checkpoints, deliveries, replicas};

use super::account::LEASE_SECONDS;
use super::merkl;
use crate::app::Api;
use crate::keys::Freshness;

/// A message that waits longer than this to be sent is late.
const MESSAGE_LATE_SECONDS: u64 = 300;

const STANDBY_BEHIND: &str =
    "the standby that is read from is behind, or does not answer: everything is read from the primary";

/// A part of the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Component {
    /// The service itself: calls are answered.
    Api,
    /// What is stored.
    Database,
    /// The chain's nodes, as the database was told last.
    Source,
    /// What follows the chain into the database.
    Indexer,
    /// What is answered from.
    Book,
    /// Who may ask.
    Keys,
    /// Who is told.
    Webhooks,
    /// Whose figures ours are held against.
    Merkl,
}

/// How a part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum State {
    /// As it should be.
    Operational,
    /// Late, or in part.
    Degraded,
    /// Not at all.
    Down,
}

/// One part at one look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    /// The part.
    pub(crate) component: Component,
    /// How it is.
    pub(crate) state: State,
    /// Why it is not operational.
    pub(crate) reason: Option<String>,
    /// Blocks behind what it follows.
    pub(crate) lag_blocks: Option<u64>,
    /// Seconds behind.
    pub(crate) lag_seconds: Option<u64>,
    /// When it last did what it should.
    pub(crate) last_success_at: Option<UnixSeconds>,
}

/// All parts at one look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Look {
    /// When.
    pub(crate) at: UnixSeconds,
    /// Each part once.
    pub(crate) components: Vec<Seen>,
    /// Messages that wait to be sent; `None` while the database does not answer.
    pub(crate) webhooks_pending: Option<u64>,
}

impl Component {
    /// Its name in answers and in the database.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Database => "database",
            Self::Source => "source",
            Self::Indexer => "indexer",
            Self::Book => "book",
            Self::Keys => "keys",
            Self::Webhooks => "webhooks",
            Self::Merkl => "merkl",
        }
    }

    /// What it is, for people.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Api => "Answers to calls",
            Self::Database => "Database",
            Self::Source => "Chain nodes",
            Self::Indexer => "Following the chain",
            Self::Book => "Figures in memory",
            Self::Keys => "API keys",
            Self::Webhooks => "Webhooks",
            Self::Merkl => "Merkl's API",
        }
    }
}

impl State {
    /// Its name in answers and in the database.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Operational => "operational",
            Self::Degraded => "degraded",
            Self::Down => "down",
        }
    }
}

impl Seen {
    pub(crate) fn new(component: Component, state: State) -> Self {
        Self { component, state, reason: None, lag_blocks: None, lag_seconds: None, last_success_at: None }
    }

    fn well(component: Component, at: UnixSeconds) -> Self {
        Self { last_success_at: Some(at), ..Self::new(component, State::Operational) }
    }

    fn ill(component: Component, state: State, reason: String) -> Self {
        Self { reason: Some(reason), ..Self::new(component, state) }
    }

    /// A part of which the database knows, which does not answer.
    pub(super) fn unknown(component: Component) -> Self {
        let reason = "the database, which knows of it, does not answer".to_owned();
        Self::ill(component, State::Degraded, reason)
    }
}

impl Look {
    /// Looks at everything at `now`. It cannot fail: what does not answer is down.
    pub(crate) async fn at(api: &Api, now: UnixSeconds) -> Self {
        let database = database(api, now).await;
        let mut parts = vec![database];
        parts.extend(chain_parts(api, now).await);
        parts.push(keys(api, now).await);
        let waiting = deliveries::waiting(api.db()).await.ok();
        parts.push(webhooks(waiting, now));
        parts.extend(merkl::seen(api, now).await);
        let away_seconds = api.looker().failing_since().map_or(0, |since| now.since(since));
        parts.insert(0, service(&parts, now, away_seconds));
        Self { at: now, components: parts, webhooks_pending: waiting.map(|waiting| waiting.pending) }
    }

    /// The worst of all parts that are ours; the service's own state when that is worse.
    pub(crate) fn worst(&self) -> State {
        let states = self.components.iter().map(|seen| match (seen.component, seen.state) {
            (Component::Api, state) => state,
            (_, State::Operational) | (Component::Merkl, _) => State::Operational,
            // A part that is down leaves a service that still answers.
            _ => State::Degraded,
        });
        states.max().unwrap_or(State::Operational)
    }
}

/// Calls are refused for want of what they are checked with; anything else leaves answers, if old ones. Without the
/// database they go on for as long as servers may serve from what they hold.
fn service(parts: &[Seen], now: UnixSeconds, away_seconds: u64) -> Seen {
    let of = |component| parts.iter().find(|seen| seen.component == component);
    let keys_down = of(Component::Keys).filter(|seen| seen.state == State::Down);
    if let Some(keys) = keys_down {
        return Seen::ill(Component::Api, State::Down, keys.reason.clone().unwrap_or_default());
    }
    let is_out = of(Component::Database).is_some_and(|seen| seen.state == State::Down);
    if is_out && away_seconds > LEASE_SECONDS {
        let reason = format!("the database has not answered for {away_seconds} s");
        return Seen::ill(Component::Api, State::Down, reason);
    }
    let ill = [Component::Database, Component::Book].into_iter().filter_map(of);
    match ill.filter(|seen| seen.state != State::Operational).find_map(|seen| seen.reason.clone()) {
        Some(reason) => Seen::ill(Component::Api, State::Degraded, reason),
        None => Seen::well(Component::Api, now),
    }
}

/// Answers, and has our schema.
async fn database(api: &Api, now: UnixSeconds) -> Seen {
    let down = |reason| Seen::ill(Component::Database, State::Down, reason);
    match api.db().check_schema().await {
        Ok(()) => match api.book().reading().lag() {
            Some(lag) if !lag.is_used => Seen {
                lag_seconds: lag.behind.map(|behind| behind.as_secs()),
                last_success_at: Some(now),
                ..Seen::ill(Component::Database, State::Degraded, STANDBY_BEHIND.to_owned())
            },
            _ => Seen::well(Component::Database, now),
        },
        Err(StoreError::NotMigrated { found, known, .. } | StoreError::NewerSchema { found, known, .. }) => {
            down(format!("the database has schema {found}, this release needs {known}"))
        }
        Err(_) => down("the database does not answer".to_owned()),
    }
}

/// The nodes, the follower and the book.
async fn chain_parts(api: &Api, now: UnixSeconds) -> [Seen; 3] {
    let chain = chain::get(api.db(), api.settings().chain_id).await;
    let stored = checkpoints::all(api.db()).await;
    let (Ok(chain), Ok(stored)) = (chain, stored) else {
        return [Component::Source, Component::Indexer, Component::Book].map(Seen::unknown);
    };
    let bound = api.settings().stale_after_seconds;
    let source = match chain {
        None => {
            let reason = "no node has told of a block yet".to_owned();
            Seen::ill(Component::Source, State::Down, reason)
        }
        Some(chain) => {
            let age = now.since(chain.seen_at);
            let reason = format!("no node has told of a new block for {age} s, {bound} s are promised");
            let is_late = age > bound;
            let state = if is_late { State::Down } else { State::Operational };
            Seen {
                reason: is_late.then_some(reason),
                lag_seconds: Some(age),
                last_success_at: Some(chain.seen_at),
                ..Seen::new(Component::Source, state)
            }
        }
    };
    let ours = |pool: &accrual_rewards::id::PoolId| api.pool(pool).is_some();
    let lowest = stored.iter().filter(|checkpoint| ours(&checkpoint.pool)).min_by_key(|one| one.number);
    let indexer = match lowest {
        None => Seen::ill(Component::Indexer, State::Degraded, "nothing has been indexed yet".to_owned()),
        Some(checkpoint) => {
            let age = now.since(checkpoint.at);
            let blocks = chain.map(|chain| chain.latest_number.0.saturating_sub(checkpoint.number.0));
            behind(Component::Indexer, age, bound, blocks, checkpoint.at)
        }
    };
    let held = api.book().state().lowest();
    let missing = api.book().pools().iter().find(|info| api.book().state().pool(&info.pool.id).is_none());
    let book = match (missing, held) {
        (Some(info), _) => {
            let reason = format!("pool {} has not been indexed up to any block yet", info.pool.id);
            Seen::ill(Component::Book, State::Degraded, reason)
        }
        (None, None) => Seen::well(Component::Book, now),
        (None, Some(held)) => {
            let blocks = lowest.map(|stored| stored.number.0.saturating_sub(held.number.0));
            behind(Component::Book, now.since(held.at), bound, blocks, held.at)
        }
    };
    [source, indexer, book]
}

/// A part that stands at a block of the time `at`.
fn behind(component: Component, age: u64, bound: u64, blocks: Option<u64>, at: UnixSeconds) -> Seen {
    let is_late = age > bound;
    let state = if is_late { State::Degraded } else { State::Operational };
    Seen {
        reason: is_late.then(|| format!("its newest block is {age} s old, {bound} s are promised")),
        lag_blocks: blocks,
        lag_seconds: Some(age),
        last_success_at: Some(at),
        ..Seen::new(component, state)
    }
}

/// Whether this server may believe its table of keys, and how far the slowest server has read.
async fn keys(api: &Api, now: UnixSeconds) -> Seen {
    let confirmed = api.keys().table().confirmed();
    let at = confirmed.map(|confirmed| UnixSeconds(confirmed.asked_at_ms / 1_000));
    let seen = match api.keys().freshness(api.settings().clock.now_ms()) {
        Freshness::Confirmed => Seen::well(Component::Keys, now),
        Freshness::Late => {
            let reason = "changes to keys cannot be read: keys that are ending are refused".to_owned();
            Seen::ill(Component::Keys, State::Degraded, reason)
        }
        Freshness::Refused => {
            let reason = "changes to keys cannot be read: all keys are refused".to_owned();
            Seen::ill(Component::Keys, State::Down, reason)
        }
    };
    let lag_seconds = match replicas::oldest_unsettled(api.db()).await {
        Ok(made_at_ms) => made_at_ms.map(|made| now.since(UnixSeconds(made / 1_000))).or(Some(0)),
        Err(_) => None,
    };
    Seen { lag_seconds, last_success_at: at, ..seen }
}

/// Whether messages go out in time.
fn webhooks(waiting: Option<Waiting>, now: UnixSeconds) -> Seen {
    let Some(waiting) = waiting else { return Seen::unknown(Component::Webhooks) };
    let late = waiting.due_since.map_or(0, |due| now.since(due));
    if late > MESSAGE_LATE_SECONDS {
        let reason = format!("a message is due for {late} s");
        return Seen { lag_seconds: Some(late), ..Seen::ill(Component::Webhooks, State::Degraded, reason) };
    }
    Seen { lag_seconds: Some(late), ..Seen::well(Component::Webhooks, now) }
}
