//! A pool at one block, and what it comes to there: each counted when it is first asked for, and once.
//!
//! What was asked for at one block is counted ahead at the next, so that nobody waits for a walk over all positions.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, OnceLock};

use accrual_rewards::accrue::{CampaignAccrual, Earned, Figures, FiguresError};
use accrual_rewards::apr::{Held, all_holdings, eligible_holdings, holdings_in_range};
use accrual_rewards::campaign::Campaign;
use accrual_rewards::id::CampaignId;
use accrual_rewards::report::{AccountEarned, by_account};
use accrual_rewards::series::{CampaignPoint, PoolPoint, accounts_with_stake, points};
use accrual_rewards::tracker::PoolTracker;
use accrual_rewards::tree::{Claim, Tree};
use accrual_rewards::unit::{BlockNumber, Liquidity};
use accrual_store::moment::Moment;
use alloy_primitives::Address;

use crate::app::PoolInfo;
use crate::error::ApiError;
use crate::view::by_position;

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
    standing: OnceLock<Standing>,
    running: OnceLock<Result<Option<Running>, FiguresError>>,
    told: BTreeMap<CampaignId, Told>,
}

/// What a campaign comes to at a block.
#[derive(Debug, Default)]
struct Told {
    report: OnceLock<Result<Report, FiguresError>>,
    eligible: OnceLock<Held>,
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
    /// Who has a stake, behind all wrappers.
    pub staked: BTreeSet<Address>,
}

/// The rows of the hour that runs, as far as it has come.
#[derive(Debug)]
pub struct Running {
    /// The pool's.
    pub pool: PoolPoint,
    /// Its campaigns'.
    pub campaigns: Vec<CampaignPoint>,
}

/// A campaign's figures at a block, counted once and in the orders that lists need.
#[derive(Debug)]
pub struct Report {
    /// The figures.
    pub figures: Figures,
    /// By account, largest first.
    pub accounts: Vec<AccountEarned>,
    /// By position, largest first.
    pub positions: Vec<Earned>,
    /// The place of each account among the accounts.
    places: HashMap<Address, usize>,
}

/// A campaign's report, or why its figures cannot be known while all else can.
pub type Known<'a> = Result<&'a Report, FiguresUnknown>;

/// Why a campaign's figures cannot be known at a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FiguresUnknown {
    /// They rest on fees, and those of a trade in this block do not follow from what is stored.
    FeesUnknown(BlockNumber),
}

/// What was asked for of a pool at a block.
#[derive(Debug, Default)]
pub(super) struct Asked {
    standing: bool,
    running: bool,
    reports: Vec<CampaignId>,
    eligible: Vec<CampaignId>,
}

impl PoolState {
    pub(super) fn new(info: Arc<PoolInfo>, moment: Moment, rewinds: u64, tracker: PoolTracker) -> Self {
        let ids = tracker.campaigns().iter().map(|accrual| accrual.campaign().id.clone());
        let told = ids.map(|id| (id, Told::default())).collect();
        let (standing, running) = (OnceLock::new(), OnceLock::new());
        Self { info, moment, rewinds, tracker, standing, running, told }
    }

    /// What all its positions come to.
    pub fn standing(&self) -> &Standing {
        self.standing.get_or_init(|| Standing::of(&self.tracker))
    }

    /// The rows of the hour that runs; `None` before its first event.
    ///
    /// # Errors
    /// `internal` when an event is younger than the block.
    pub fn running(&self) -> Result<Option<&Running>, ApiError> {
        let running = || {
            let points = points(&self.tracker, self.moment.at)?;
            Ok(points.map(|points| Running { pool: points.pool, campaigns: points.campaigns }))
        };
        match self.running.get_or_init(running) {
            Ok(running) => Ok(running.as_ref()),
            Err(error) => Err(ApiError::internal_at(self.moment.number, error)),
        }
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
        match self.told(id)?.report.get_or_init(|| self.count(id)) {
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
        let held = || eligible_holdings(&self.tracker, self.accrual(id));
        Ok(self.told(id)?.eligible.get_or_init(held))
    }

    /// The tree of what each account has earned in the campaign, as Merkl's Distributor would check it.
    ///
    /// # Errors
    /// As [`PoolState::report`].
    pub fn tree(&self, id: &CampaignId) -> Result<&Tree, ApiError> {
        let report = self.report(id)?;
        let token = self.accrual(id).campaign().reward_token;
        let claim = |row: &AccountEarned| Claim { account: row.account, token, amount: row.earned };
        // Sums of a budget fit what the budget fits, and accounts are fewer than positions.
        let tree = || Tree::new(report.accounts.iter().map(claim)).expect("a campaign's accounts fit a tree");
        Ok(self.told(id)?.tree.get_or_init(tree))
    }

    /// What was asked for by now.
    pub(super) fn asked(&self) -> Asked {
        let among = |was: fn(&Told) -> bool| {
            self.told.iter().filter(|(_, told)| was(told)).map(|(id, _)| id.clone()).collect()
        };
        Asked {
            standing: self.standing.get().is_some(),
            running: self.running.get().is_some(),
            reports: among(|told| told.report.get().is_some()),
            eligible: among(|told| told.eligible.get().is_some()),
        }
    }

    /// Counts what was asked for at the block before. Whoever asks is told what is wrong.
    pub(super) fn count_ahead(&self, asked: &Asked) {
        for campaign in &asked.reports {
            let _ = self.known(campaign);
        }
        for campaign in &asked.eligible {
            let _ = self.eligible(campaign);
        }
        if asked.standing {
            self.standing();
        }
        if asked.running {
            let _ = self.running();
        }
    }

    fn told(&self, id: &CampaignId) -> Result<&Told, ApiError> {
        self.told.get(id).ok_or_else(|| ApiError::no_such("campaign", id.as_str()))
    }

    fn accrual(&self, id: &CampaignId) -> &CampaignAccrual {
        self.tracker.campaign(id).expect("what is told is kept for each of the tracker's campaigns")
    }

    fn count(&self, id: &CampaignId) -> Result<Report, FiguresError> {
        let figures =
            self.tracker.figures(id, self.moment.at).expect("it is one of the tracker's campaigns")?;
        let (accounts, positions) = (by_account(&figures), by_position(&figures));
        let places = accounts.iter().enumerate().map(|(place, row)| (row.account, place)).collect();
        Ok(Report { figures, accounts, positions, places })
    }
}

impl Standing {
    fn of(tracker: &PoolTracker) -> Self {
        let ledger = tracker.ledger();
        Self {
            held: all_holdings(ledger),
            held_in_range: holdings_in_range(ledger),
            positions: ledger.positions().iter().filter(|one| one.liquidity > Liquidity(0)).count(),
            staked: accounts_with_stake(tracker),
        }
    }
}

impl Running {
    /// A campaign's row; `None` for one that has not begun, or whose figures nobody can know.
    pub fn campaign(&self, campaign: &Campaign) -> Option<&CampaignPoint> {
        self.campaigns.iter().find(|point| point.campaign == campaign.id)
    }
}

impl Report {
    /// What an account earned; `None` for one that earned nothing.
    pub fn of(&self, account: Address) -> Option<&AccountEarned> {
        self.accounts.get(*self.places.get(&account)?)
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
