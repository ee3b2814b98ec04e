//! What rewinds took back: to which block whoever was told of more has to return.

use std::collections::VecDeque;

use accrual_rewards::unit::BlockNumber;
use accrual_store::moment::Moment;
use accrual_store::{Header, blocks};

use crate::app::Api;
use crate::book::State;
use crate::error::ApiError;
use crate::live::EventId;

/// Blocks that were told last; a chain whose last blocks are not final goes back by a few of them.
const TOLD_MAX: usize = 256;
const LOG_MAX: usize = 64;

/// A rewind that was noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rewound {
    /// The count before it.
    before: u64,
    /// The count after it.
    after: u64,
    /// The highest block that was told and is still on the chain; `None` where none is known to be.
    to: Option<Moment>,
}

/// The blocks that were told, and the rewinds that were noticed.
#[derive(Debug, Default)]
pub(super) struct Rewinds {
    told: VecDeque<Moment>,
    log: VecDeque<Rewound>,
    count: Option<u64>,
}

impl Rewinds {
    /// Notes that `moment` is told next.
    pub(super) async fn note(&mut self, api: &Api, state: &State, moment: Moment) -> Result<(), ApiError> {
        let count = state.rewinds();
        if let Some(before) = self.count.filter(|before| *before < count) {
            let to = self.last_on_chain(api, state).await?;
            self.log.push_back(Rewound { before, after: count, to });
            shorten(&mut self.log, LOG_MAX);
        }
        self.count = Some(count);
        if self.told.back() != Some(&moment) {
            self.told.push_back(moment);
            shorten(&mut self.told, TOLD_MAX);
        }
        Ok(())
    }

    pub(super) fn log(&self) -> Vec<Rewound> {
        self.log.iter().copied().collect()
    }

    /// Forgets what was told of blocks that have left the chain.
    async fn last_on_chain(&mut self, api: &Api, state: &State) -> Result<Option<Moment>, ApiError> {
        while let Some(moment) = self.told.back() {
            if is_on_chain(api, state, moment.number, |header| Some(header.hash) == moment.hash).await? {
                return Ok(Some(*moment));
            }
            self.told.pop_back();
        }
        last_final(api, state).await
    }
}

/// What is taken back from whoever was told up to `last`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TakenBack {
    /// Nothing.
    Nothing,
    /// All above this block; all there is where it is `None`.
    Above(Option<Moment>),
}

/// Looks into the log of this server, and where that does not reach back so far, into the database.
pub(super) async fn taken_back(
    api: &Api,
    state: &State,
    log: &[Rewound],
    last: &EventId,
) -> Result<TakenBack, ApiError> {
    if last.rewinds >= state.rewinds() {
        return Ok(TakenBack::Nothing);
    }
    let since: Vec<&Rewound> = log.iter().filter(|one| one.after > last.rewinds).collect();
    if since.first().is_some_and(|first| first.before <= last.rewinds) {
        let to = since.iter().map(|one| one.to).min_by_key(|to| to.map(|moment| moment.number)).flatten();
        let is_below = to.is_some_and(|to| last.block <= to.number);
        return Ok(if is_below { TakenBack::Nothing } else { TakenBack::Above(to) });
    }
    if is_on_chain(api, state, last.block, |header| last.is_of(header.hash)).await? {
        return Ok(TakenBack::Nothing);
    }
    Ok(TakenBack::Above(last_final(api, state).await?))
}

/// Whether a block is final, or stored and the same.
async fn is_on_chain(
    api: &Api,
    state: &State,
    number: BlockNumber,
    is_it: impl Fn(&Header) -> bool,
) -> Result<bool, ApiError> {
    if state.sure_of().1.is_some_and(|last| number <= last) {
        return Ok(true);
    }
    let stored = blocks::get(api.db(), api.settings().chain_id, number).await?;
    Ok(stored.is_some_and(|header| is_it(&header)))
}

async fn last_final(api: &Api, state: &State) -> Result<Option<Moment>, ApiError> {
    let Some(number) = state.sure_of().1 else { return Ok(None) };
    let stored = blocks::at_or_before(api.db(), api.settings().chain_id, number).await?;
    Ok(stored.map(|header| Moment { number: header.number, hash: Some(header.hash), at: header.at }))
}

/// Drops what is oldest beyond `max`.
fn shorten<T>(kept: &mut VecDeque<T>, max: usize) {
    while kept.len() > max {
        kept.pop_front();
    }
}
