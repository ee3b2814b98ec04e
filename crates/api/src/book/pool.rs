//! A pool at one block, and what it comes to there: each counted when it is first asked for, and once.
//!
//! What callers ask for at one block is counted ahead at the next, so that nobody waits for a walk over all positions; what
//! nobody has asked for at the last few blocks is not.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use accrual_rewards::accrue::{CampaignAccrual, FiguresError};
use accrual_rewards::apr::{Held, Holdings};
use accrual_rewards::campaign::Campaign;
use accrual_rewards::id::CampaignId;
use accrual_rewards::series::{self, CampaignPoint, PoolPoint, running_campaign, running_pool};
use accrual_rewards::tracker::PoolTracker;
use accrual_rewards::tree::{Claim, Tree};
use accrual_rewards::unit::{BlockNumber, Liquidity};
use accrual_store::moment::Moment;
use alloy_primitives::Address;

use super::Report;
use super::counted::Counted;
use crate::app::PoolInfo;
use crate::error::ApiError;

/// One pool at one block.
#[derive(Debug)]
pub struct PoolState {
    /// The pool.
    pub info: Arc<PoolInfo>,
    /// The block.
    pub moment: Moment,
    /// How often the pool had been rewound.
    pub rewinds: u64,
    /// Its ledger and campaigns.
    pub tracker: PoolTracker,
    standing: Counted<Standing>,
    told: BTreeMap<CampaignId, Told>,
}

/// What a campaign comes to at a block.
#[derive(Debug, Default)]
struct Told {
    report: Counted<Result<Report, FiguresError>>,
    tree: OnceLock<Tree>,
}

/// What all positions of a pool come to at a block.
#[derive(Debug)]
pub struct Standing {
    /// What all of them hold.
    pub held: Held,
    /// What those in range hold.
    pub held_in_range: Held,
    /// How many have liquidity.
    pub positions: usize,
    /// Who has a stake, behind all wrappers; by address, each once.
    pub staked: Vec<Address>,
    /// What the eligible positions of each campaign hold, in the tracker's order.
    eligible: Vec<Held>,
}

/// The rows of the hour that runs, as far as it has come.
#[derive(Debug)]
pub struct Running {
    /// The pool's.
    pub pool: PoolPoint,
    /// Its campaigns'.
    pub campaigns: Vec<CampaignPoint>,
}

/// A campaign's report, or why its figures cannot be known while all else can.
pub type Known<'a> = Result<&'a Report, FiguresUnknown>;

/// Why a campaign's figures cannot be known at a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FiguresUnknown {
    /// They rest on fees, and those of a trade in this block do not follow from what is stored.
    FeesUnknown(BlockNumber),
}

impl PoolState {
    pub(super) fn new(info: Arc<PoolInfo>, moment: Moment, rewinds: u64, tracker: PoolTracker) -> Self {
        let ids = tracker.campaigns().iter().map(|accrual| accrual.campaign().id.clone());
        let told = ids.map(|id| (id, Told::default())).collect();
        Self { info, moment, rewinds, tracker, standing: Counted::default(), told }
    }

    /// What is left of it for another block.
    pub(super) fn into_tracker(self) -> PoolTracker {
        self.tracker
    }

    /// What all its positions come to.
    pub fn standing(&self) -> &Standing {
        self.standing.get(|| Standing::of(&self.tracker))
    }

    /// The rows of the hour that runs; `None` before its first event.
    ///
    /// # Errors
    /// `internal` when an event is younger than the block.
    pub fn running(&self) -> Result<Option<Running>, ApiError> {
        let (standing, at) = (self.standing(), self.moment.at);
        let Some(pool) = running_pool(&self.tracker, at, standing.told()) else { return Ok(None) };
        let mut campaigns = Vec::new();
        for (accrual, eligible) in self.tracker.campaigns().iter().zip(&standing.eligible) {
            // Where nobody can say there is no row.
            let Ok(report) = self.known(&accrual.campaign().id)? else { continue };
            let earners = (report.accounts_count(), |account| report.has(account));
            campaigns.extend(running_campaign(accrual, &report.figures, eligible, standing.told(), earners));
        }
        Ok(Some(Running { pool, campaigns }))
    }

    /// A campaign's report at this block, for calls that cannot answer without.
    ///
    /// # Errors
    /// As [`PoolState::known`]; `figures_unknown` when its figures cannot be known.
    pub fn report(&self, id: &CampaignId) -> Result<&Report, ApiError> {
        self.known(id)?.map_err(|unknown| unknown.refused(id))
    }

    /// A campaign's report at this block, or why there is none, for lists that go on without.
    ///
    /// # Errors
    /// `not_found` when the pool does not have the campaign; `internal` when an event is younger than the block.
    pub fn known(&self, id: &CampaignId) -> Result<Known<'_>, ApiError> {
        match self.told(id)?.report.get(|| self.count(id, None)) {
            Ok(report) => Ok(Ok(report)),
            Err(FiguresError::FeesUnknown { block }) => Ok(Err(FiguresUnknown::FeesUnknown(*block))),
            Err(error @ FiguresError::Past { .. }) => Err(ApiError::internal_at(self.moment.number, error)),
        }
    }

    /// What the campaign's eligible positions hold, which is known even where its figures are not.
    ///
    /// # Errors
    /// `not_found` when the pool does not have the campaign.
    pub fn eligible(&self, id: &CampaignId) -> Result<&Held, ApiError> {
        let place = self.place(id)?;
        Ok(&self.standing().eligible[place])
    }

    /// The same, for whoever comes seldom and can wait.
    ///
    /// # Errors
    /// As [`PoolState::eligible`].
    pub fn eligible_seldom(&self, id: &CampaignId) -> Result<&Held, ApiError> {
        let place = self.place(id)?;
        Ok(&self.standing.get_seldom(|| Standing::of(&self.tracker)).eligible[place])
    }

    /// A campaign's place in the tracker's order.
    fn place(&self, id: &CampaignId) -> Result<usize, ApiError> {
        let place = self.tracker.campaigns().iter().position(|accrual| accrual.campaign().id == *id);
        place.ok_or_else(|| ApiError::no_such("campaign", id.as_str()))
    }

    /// The tree of what each account has earned in the campaign, as Merkl's Distributor would check it.
    ///
    /// # Errors
    /// As [`PoolState::report`].
    pub fn tree(&self, id: &CampaignId) -> Result<&Tree, ApiError> {
        let report = self.report(id)?;
        let token = self.accrual(id).campaign().reward_token;
        let claim = |(account, amount)| Claim { account, token, amount };
        // Sums of a budget fit what the budget fits, and accounts are fewer than positions.
        let tree = || Tree::new(report.sums().map(claim)).expect("a campaign's accounts fit a tree");
        Ok(self.told(id)?.tree.get_or_init(tree))
    }

    /// Counts what is still asked for, as the block before knows. Whoever asks is told what is wrong.
    pub(super) fn count_ahead(&self, before: &Self) {
        self.standing.count_ahead(&before.standing, || Standing::of(&self.tracker));
        for (id, told) in &self.told {
            if let Some(before) = before.told.get(id) {
                told.report.count_ahead(&before.report, || self.count(id, before.report.known()));
            }
        }
    }

    fn told(&self, id: &CampaignId) -> Result<&Told, ApiError> {
        self.told.get(id).ok_or_else(|| ApiError::no_such("campaign", id.as_str()))
    }

    fn accrual(&self, id: &CampaignId) -> &CampaignAccrual {
        self.tracker.campaign(id).expect("what is told is kept for each of the tracker's campaigns")
    }

    /// The report, which the one of a block before makes cheaper.
    fn count(
        &self,
        id: &CampaignId,
        before: Option<&Result<Report, FiguresError>>,
    ) -> Result<Report, FiguresError> {
        let figures = self.tracker.figures(id, self.moment.at).expect("it is one of the tracker's campaigns");
        let before = before.and_then(|before| before.as_ref().ok());
        figures.map(|figures| Report::new(figures, before))
    }
}

impl Standing {
    /// In one walk over the positions, one over the stakes, and one over each campaign's.
    fn of(tracker: &PoolTracker) -> Self {
        let ledger = tracker.ledger();
        let holdings = Holdings::of(ledger);
        let eligible = tracker.campaigns().iter().map(|accrual| holdings.eligible(tracker, accrual));
        Self {
            held: holdings.all(),
            held_in_range: holdings.in_range(),
            positions: ledger.positions().iter().filter(|one| one.liquidity > Liquidity(0)).count(),
            staked: series::accounts_with_stake(tracker),
            eligible: eligible.collect(),
        }
    }

    /// Whether an account has a stake.
    pub fn has_stake(&self, account: Address) -> bool {
        self.staked.binary_search(&account).is_ok()
    }

    fn told(&self) -> series::Standing<'_> {
        let Self { held, held_in_range, positions, staked, .. } = self;
        series::Standing { held, held_in_range, positions: *positions, staked }
    }
}

impl Running {
    /// A campaign's row; `None` for one that has not begun, or whose figures nobody can know.
    pub fn campaign(&self, campaign: &Campaign) -> Option<&CampaignPoint> {
        self.campaigns.iter().find(|point| point.campaign == campaign.id)
    }
}

impl FiguresUnknown {
    /// The name used in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FeesUnknown(_) => "fees_unknown",
        }
    }

    /// What a call for one campaign is answered with.
    fn refused(self, id: &CampaignId) -> ApiError {
        let Self::FeesUnknown(block) = self;
        ApiError::FiguresUnknown(format!(
            "Campaign {id} is paid by fees, and those of a trade in block {block} cannot be known: ask for a block before it with at=. Its operator can index the pool again with a node that answers for its fee, tick spacing and decimals, or choose another scoring."
        ))
    }
}
