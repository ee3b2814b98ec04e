//! `GET /v1/stream`: server-sent events, block by block.
//!
//! `head` ends the events of a block; before it come `accruals` and `apr` of the campaigns that it changed, and before
//! those `rewind` where blocks that were told have left the chain. A stream begins with all that is true now, unless
//! `Last-Event-ID` says that the caller has it. It ends when its key does.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use accrual_access::scope::Scope;
use accrual_rewards::id::{CampaignId, PoolId};
use alloy_primitives::Address;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use tokio::sync::watch;
use tokio::time::{Interval, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::{campaign, pool_of};
use crate::accept;
use crate::app::Api;
use crate::auth::{self, ActiveKey};
use crate::book::State as BookState;
use crate::error::ApiError;
use crate::live::{EventId, Place, Told};
use crate::params::{self, Params};

const KIND: &str = "text/event-stream";
const LAST_EVENT_ID: &str = "last-event-id";
/// How long a client waits before it comes back.
const RETRY_MS: u64 = 3_000;
/// How often it is looked whether the key is still accepted while no block comes.
const TICK: Duration = Duration::from_secs(1);
/// After how many looks a comment says that the stream is alive.
const COMMENT_TICKS: u32 = 15;
const ACCOUNTS_MAX: usize = 20;

/// What each block changes, live
///
/// Server-sent events. `accruals` has a campaign's sums and its largest earners, or those of `account=`; `apr` its yearly
/// rate with its parts; `head` ends what is told of a block; `rewind` names the block to go back to where later ones have left
/// the chain, and `end` says why the stream ends, with a problem's code. Each tells a state and not a difference. A stream begins
/// with all that is true now, unless `Last-Event-ID` says that the caller has it; it ends when its key does. A comment comes every 15
/// seconds.
#[utoipa::path(
    get,
    path = "/v1/stream",
    tag = "live",
    operation_id = "open_stream",
    params(
        ("campaign" = Option<String>, Query, description = "Ids of campaigns with commas between them; all unless told otherwise.", example = "usdc-tmai-2025-06"),
        ("pool" = Option<String>, Query, description = "Ids of pools with commas between them; all unless told otherwise.", example = "usdc-tmai"),
        ("account" = Option<String>, Query, description = "At most 20 addresses with commas between them, whose rows `accruals` has instead of the largest. Needs `read:wallet` too."),
        ("events" = Option<String>, Query, description = "`accruals`, `apr` or both with a comma between them; `head` and `rewind` always come.", example = "accruals,apr"),
        ("Last-Event-ID" = Option<String>, Header, description = "The id of the last event that the caller has, of this server or of another.", example = "31138862.0.6f1c0e0f")
    ),
    responses(
        (status = 200, description = "The events, for as long as both sides like.", body = String, content_type = "text/event-stream"),
        (status = 406, description = "not_acceptable: Accept leaves out text/event-stream.")
    )
)]
pub(crate) async fn open(
    State(api): State<Api>,
    key: ActiveKey,
    headers: HeaderMap,
    params: Params,
) -> Result<Response, ApiError> {
    let filter = Filter::read(params)?;
    filter.check(&api, &key)?;
    if !accept::admits(&headers, KIND) {
        return Err(ApiError::NotAcceptable);
    }
    let last = headers.get(LAST_EVENT_ID).map(|id| id.to_str().unwrap_or("?"));
    let last: Option<EventId> = last.filter(|id| !id.is_empty()).map(str::parse).transpose()?;
    let place = api.live().enter(&key.client.client_id, api.settings().access.streams)?;
    let mut stream = Stream::new(api, key, filter, last, place);
    stream.tell().await?;
    let frames = futures::stream::unfold(stream, async |mut stream| {
        let frame = stream.next().await?;
        Some((Ok::<Bytes, Infallible>(frame), stream))
    });
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(KIND)),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no")),
    ];
    Ok((headers, Body::from_stream(frames)).into_response())
}

/// What the caller wants to be told.
#[derive(Debug, Default)]
struct Filter {
    campaigns: Option<Vec<String>>,
    pools: Option<Vec<String>>,
    accounts: Vec<Address>,
    events: Option<Vec<Kind>>,
}

/// Events that may be left out; `head` and `rewind` always come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Accruals,
    Apr,
}

impl Filter {
    fn read(mut params: Params) -> Result<Self, ApiError> {
        let filter = Self {
            campaigns: params.take("campaign", names),
            pools: params.take("pool", names),
            accounts: params.take("account", accounts).unwrap_or_default(),
            events: params.take("events", kinds),
        };
        params.done().map(|()| filter)
    }

    /// Refuses names that nothing has, and accounts for a key that may not see them.
    fn check(&self, api: &Api, key: &ActiveKey) -> Result<(), ApiError> {
        for name in self.campaigns.iter().flatten() {
            campaign(api, name)?;
        }
        for name in self.pools.iter().flatten() {
            let id: PoolId = name.parse().map_err(|_| ApiError::no_such("pool", name))?;
            pool_of(api, &id)?;
        }
        if !self.accounts.is_empty() && !key.scopes.contains(Scope::ReadWallet) {
            return Err(ApiError::ScopeMissing(Scope::ReadWallet.as_str()));
        }
        Ok(())
    }

    fn has(&self, kind: Kind) -> bool {
        self.events.as_ref().is_none_or(|kinds| kinds.contains(&kind))
    }

    fn is_of(&self, campaign: &CampaignId, pool: &PoolId) -> bool {
        let named = |names: &Option<Vec<String>>, id: &str| {
            names.as_ref().is_none_or(|names| names.iter().any(|name| name == id))
        };
        named(&self.campaigns, campaign.as_str()) && named(&self.pools, pool.as_str())
    }
}

/// An open stream.
struct Stream {
    api: Api,
    key: ActiveKey,
    filter: Filter,
    states: watch::Receiver<Arc<BookState>>,
    closing: CancellationToken,
    ticks: Interval,
    quiet_ticks: u32,
    /// Up to where the caller has been told.
    last: Option<EventId>,
    /// The newest of this server's told blocks that the caller has all of.
    has_number: Option<u64>,
    /// What goes out next: never more than the events of one block.
    frames: VecDeque<Bytes>,
    is_over: bool,
    _place: Place,
}

impl Stream {
    fn new(api: Api, key: ActiveKey, filter: Filter, last: Option<EventId>, place: Place) -> Self {
        let mut states = api.book().watch();
        states.mark_unchanged();
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks.reset();
        Self {
            closing: api.live().closing(),
            key,
            filter,
            states,
            ticks,
            quiet_ticks: 0,
            last,
            has_number: None,
            frames: [Bytes::from(format!("retry: {RETRY_MS}\n\n"))].into(),
            is_over: false,
            _place: place,
            api,
        }
    }

    /// What goes out next; `None` at the end.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(frame) = self.frames.pop_front() {
                return Some(frame);
            }
            if self.is_over {
                return None;
            }
            tokio::select! {
                () = self.closing.cancelled() => return None,
                changed = self.states.changed() => match changed {
                    Ok(()) => self.go_on(true).await,
                    Err(_) => return None,
                },
                _ = self.ticks.tick() => self.go_on(false).await,
            }
        }
    }

    /// Notes what goes out now that a block has come, or a second has passed.
    async fn go_on(&mut self, moved: bool) {
        let told = match auth::goes_on(&self.api, &self.key, Scope::Stream) {
            Ok(()) if moved => self.tell().await,
            Ok(()) => {
                self.quiet_ticks += 1;
                Ok(())
            }
            Err(error) => Err(error),
        };
        if let Err(error) = told {
            // The rest of a block is not told: the caller comes back with the id of what it has.
            self.frames.clear();
            self.frames.push_back(end(&error));
            self.is_over = true;
        } else if self.quiet_ticks >= COMMENT_TICKS {
            self.quiet_ticks = 0;
            self.frames.push_back(Bytes::from_static(b": alive\n\n"));
        }
    }

    /// Notes the events that bring the caller to the newest block.
    async fn tell(&mut self) -> Result<(), ApiError> {
        let Some(told) = self.api.live().told(&self.api).await? else { return Ok(()) };
        if self.has_number == Some(told.number) {
            return Ok(());
        }
        if let Some(last) = self.last {
            let (told_to, is_at) = ((last.rewinds, last.block), (told.id.rewinds, told.id.block));
            if told_to > is_at {
                // The caller comes from a server that has read more.
                return Ok(());
            }
            if let Some(rewind) = told.rewind_of(&self.api, &last).await? {
                self.frames.push_back(rewind);
                // Who goes back gives up what it was told of the blocks that left, and is told all there is.
                self.has_number = None;
            }
        }
        let is_known = self.last == Some(told.id) && self.has_number.is_none();
        if !is_known {
            self.tell_campaigns(&told)?;
            self.frames.push_back(told.head.clone());
        }
        (self.last, self.has_number) = (Some(told.id), Some(told.number));
        Ok(())
    }

    fn tell_campaigns(&mut self, told: &Told) -> Result<(), ApiError> {
        let has = self.has_number.unwrap_or(0);
        let wanted = told.campaigns.iter().filter(|one| self.filter.is_of(&one.campaign, &one.pool));
        for one in wanted {
            if self.filter.has(Kind::Accruals) && one.accruals.since > has {
                self.frames.push_back(match self.filter.accounts.as_slice() {
                    [] => one.accruals.event.clone(),
                    accounts => told.accruals_of(&self.api, &one.campaign, accounts)?,
                });
            }
            if self.filter.has(Kind::Apr) && one.apr.since > has {
                self.frames.push_back(one.apr.event.clone());
            }
        }
        Ok(())
    }
}

/// `event: end`: why the stream ends.
#[derive(Debug, Serialize)]
struct EndView {
    code: &'static str,
    detail: String,
}

fn end(error: &ApiError) -> Bytes {
    let view = EndView { code: error.problem().code, detail: error.to_string() };
    let data = serde_json::to_string(&view).expect("a view is plain data");
    format!("event: end\ndata: {data}\n\n").into()
}

/// Names with commas between them.
fn names(text: &str) -> Result<Vec<String>, String> {
    let names: Vec<String> = text.split(',').map(str::to_owned).collect();
    let good = names.iter().all(|name| !name.is_empty());
    if good { Ok(names) } else { Err("must be names with commas between them".to_owned()) }
}

/// Addresses with commas between them.
fn accounts(text: &str) -> Result<Vec<Address>, String> {
    let wanted = || format!("must be at most {ACCOUNTS_MAX} addresses with commas between them");
    let accounts: Result<Vec<Address>, _> = text.split(',').map(params::address).collect();
    accounts.ok().filter(|accounts| accounts.len() <= ACCOUNTS_MAX).ok_or_else(wanted)
}

fn kinds(text: &str) -> Result<Vec<Kind>, String> {
    let kind = |name: &str| match name {
        "accruals" => Ok(Kind::Accruals),
        "apr" => Ok(Kind::Apr),
        _ => Err("must be accruals or apr, or both with a comma between them".to_owned()),
    };
    text.split(',').map(kind).collect()
}
