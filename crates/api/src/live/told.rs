//! What a block's events say, written once for all streams.

use std::sync::Arc;

use accrual_rewards::campaign::Campaign;
use accrual_rewards::id::{CampaignId, PoolId};
use accrual_rewards::report::AccountEarned;
use accrual_rewards::unit::{Amount, BlockNumber};
use accrual_store::moment::Moment;
use alloy_primitives::{Address, B256};
use axum::body::Bytes;
use serde::Serialize;

use super::rewound::{self, Rewound, TakenBack};
use crate::app::Api;
use crate::book::{FiguresUnknown, PoolState, State};
use crate::error::ApiError;
use crate::live::EventId;
use crate::routes::{AprView, apr_of};
use crate::view::{AccountView, AsOf, EarnedRow, Eip55, Finality, Rfc3339, SumsView};

/// How many of a campaign's largest earners an event names.
const EARNERS_SHOWN: usize = 10;

/// All that the book's state says to streams.
#[derive(Debug)]
pub(crate) struct Told {
    /// The book's.
    pub(super) version: u64,
    /// Up to where whoever got all of it has been told.
    pub(crate) id: EventId,
    /// Counts the blocks told by this server.
    pub(crate) number: u64,
    /// The event `head`, which ends a block's events.
    pub(crate) head: Bytes,
    pub(crate) campaigns: Vec<CampaignTold>,
    state: Arc<State>,
    log: Vec<Rewound>,
}

/// What is told of one campaign.
#[derive(Debug)]
pub(crate) struct CampaignTold {
    pub(crate) campaign: CampaignId,
    pub(crate) pool: PoolId,
    pub(crate) accruals: Part,
    pub(crate) apr: Part,
}

/// An event, and since which of the told blocks it says the same.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) event: Bytes,
    pub(crate) since: u64,
    /// What it says beside the block.
    said: String,
}

/// `event: head`: all of a block has been told.
#[derive(Debug, Serialize)]
struct HeadView {
    as_of: AsOf,
    finality: Finality,
    safe_block_number: Option<BlockNumber>,
    finalized_block_number: Option<BlockNumber>,
}

/// What each event of a campaign begins with.
#[derive(Debug, Serialize)]
struct Of<'a> {
    campaign: &'a CampaignId,
    pool: &'a PoolId,
    as_of: AsOf,
}

/// `event: accruals`: a campaign's sums, and its largest earners or the accounts that are asked for, as
/// `/v1/campaigns/{id}/accruals` has them.
#[derive(Debug, Serialize)]
struct AccrualsView {
    #[serde(flatten)]
    sums: Option<SumsView>,
    accounts_count: Option<usize>,
    /// Why there are no sums.
    sums_reason: Option<&'static str>,
    data: Vec<EarnedRow>,
}

/// `event: apr`: a campaign's rate with its parts, as `/v1/campaigns` has it.
#[derive(Debug, Serialize)]
struct RateView {
    apr: AprView,
}

/// `event: rewind`: what was told of blocks above this one no longer holds; null where no block is known to hold.
#[derive(Debug, Serialize)]
struct RewindView {
    block_number: Option<BlockNumber>,
    block_hash: Option<B256>,
    at: Option<Rfc3339>,
}

impl Told {
    /// The events of `state`, whose pools are complete up to `moment`; `before` are those that were written last.
    pub(super) fn of(
        api: &Api,
        state: Arc<State>,
        moment: Moment,
        before: Option<&Self>,
        log: Vec<Rewound>,
    ) -> Result<Self, ApiError> {
        let number = before.map_or(1, |before| before.number + 1);
        let id = EventId::of(moment, state.rewinds(), true);
        let part_id = EventId { whole: false, ..id };
        let (safe_block_number, finalized_block_number) = state.sure_of();
        let (as_of, finality) = (api.as_of(moment), state.finality(moment.number));
        let head = HeadView { as_of, finality, safe_block_number, finalized_block_number };
        let mut campaigns = Vec::new();
        for campaign in api.book().campaigns() {
            let Some(pool) = state.pool(&campaign.pool) else { continue };
            let last =
                before.and_then(|told| told.campaigns.iter().find(|told| told.campaign == campaign.id));
            let part = |name, said: String, last: Option<&Part>| {
                let since = last.filter(|last| last.said == said).map_or(number, |last| last.since);
                let event = frame(name, part_id, &joined(&of(api, campaign, pool), &said));
                Part { event, since, said }
            };
            let accruals = json(&AccrualsView::of(pool, campaign, &state, Earners::Largest)?);
            let apr = json(&RateView { apr: apr_of(api, &state, campaign)? });
            campaigns.push(CampaignTold {
                campaign: campaign.id.clone(),
                pool: campaign.pool.clone(),
                accruals: part("accruals", accruals, last.map(|last| &last.accruals)),
                apr: part("apr", apr, last.map(|last| &last.apr)),
            });
        }
        let head = frame("head", id, &json(&head));
        Ok(Self { version: state.version(), id, number, head, campaigns, state, log })
    }

    /// The event `accruals` of one of its campaigns with these accounts instead of the largest.
    pub(crate) fn accruals_of(
        &self,
        api: &Api,
        campaign: &CampaignId,
        accounts: &[Address],
    ) -> Result<Bytes, ApiError> {
        let found = api.book().campaigns().iter().find(|one| one.id == *campaign);
        let campaign = found.ok_or(ApiError::Internal)?;
        let pool = self.state.pool(&campaign.pool).ok_or(ApiError::Internal)?;
        let said = json(&AccrualsView::of(pool, campaign, &self.state, Earners::These(accounts))?);
        let id = EventId { whole: false, ..self.id };
        Ok(frame("accruals", id, &joined(&of(api, campaign, pool), &said)))
    }

    /// The event `rewind` for whoever was told up to `last`, where that was taken back.
    pub(crate) async fn rewind_of(&self, api: &Api, last: &EventId) -> Result<Option<Bytes>, ApiError> {
        let TakenBack::Above(to) = rewound::taken_back(api, &self.state, &self.log, last).await? else {
            return Ok(None);
        };
        let view = RewindView {
            block_number: to.map(|to| to.number),
            block_hash: to.and_then(|to| to.hash),
            at: to.map(|to| Rfc3339(to.at)),
        };
        let nowhere = Moment { number: BlockNumber(0), hash: None, at: Default::default() };
        let id = EventId::of(to.unwrap_or(nowhere), self.id.rewinds, false);
        Ok(Some(frame("rewind", id, &json(&view))))
    }
}

/// Whose rows an event has.
enum Earners<'a> {
    Largest,
    These(&'a [Address]),
}

impl AccrualsView {
    fn of(
        pool: &PoolState,
        campaign: &Campaign,
        state: &State,
        earners: Earners<'_>,
    ) -> Result<Self, ApiError> {
        let report = match pool.known(&campaign.id)? {
            Ok(report) => report,
            Err(unknown) => return Ok(Self::unknown(unknown)),
        };
        let mut data: Vec<EarnedRow> = match earners {
            Earners::Largest => {
                let largest = report.largest().take(EARNERS_SHOWN);
                largest.map(|row| EarnedRow::account(&pool.tracker, &row)).collect()
            }
            Earners::These(accounts) => {
                accounts.iter().map(|account| row_of(pool, report.of(*account).as_ref(), *account)).collect()
            }
        };
        data.iter_mut().for_each(|row| row.flag(&pool.info.pool, state.contracts()));
        let sums = Some(SumsView::of(&report.figures));
        Ok(Self { sums, accounts_count: Some(report.accounts_count()), sums_reason: None, data })
    }

    fn unknown(unknown: FiguresUnknown) -> Self {
        Self { sums: None, accounts_count: None, sums_reason: Some(unknown.as_str()), data: Vec::new() }
    }
}

fn row_of(pool: &PoolState, earned: Option<&AccountEarned>, account: Address) -> EarnedRow {
    let nothing = || {
        EarnedRow::Account(AccountView {
            account: Eip55(account),
            earned_units: Amount::ZERO,
            share_ppm: 0,
            positions: Vec::new(),
            flags: Vec::new(),
            probable_miss: false,
        })
    };
    earned.map_or_else(nothing, |row| EarnedRow::account(&pool.tracker, row))
}

fn of<'a>(api: &Api, campaign: &'a Campaign, pool: &PoolState) -> Of<'a> {
    Of { campaign: &campaign.id, pool: &campaign.pool, as_of: api.as_of(pool.moment) }
}

/// One event as it goes out. JSON has no line breaks of its own, so it is one line.
fn frame(event: &str, id: EventId, data: &str) -> Bytes {
    format!("event: {event}\nid: {id}\ndata: {data}\n\n").into()
}

fn json(view: &impl Serialize) -> String {
    serde_json::to_string(view).expect("a view is plain data")
}

/// The fields of two objects as one.
fn joined(first: &impl Serialize, second: &str) -> String {
    let first = json(first);
    format!("{},{}", &first[..first.len() - 1], &second[1..])
}
