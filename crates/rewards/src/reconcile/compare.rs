//! The comparison itself: which scoring fits, what each account differs by, and why.

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::{Address, B256, U256};
use serde::{Deserialize, Serialize};

use super::beside::{self, Beside, ChainRoots, Checks};
use super::by_run::AccountRun;
use super::judge::Judge;
use super::reason::{Evidence, Reason};
use super::schedule::{self, Gap, Run, Seen};
use super::side::{Ours, TheirAccount, Theirs};
use super::wanted::Answer;
use super::{Margins, apart, ppm_up};
use crate::campaign::{Campaign, Scoring};
use crate::pool::Wrapper;
use crate::unit::{Amount, BlockNumber, SignedAmount, UnixSeconds};

/// How close a scoring comes to theirs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fit {
    /// The scoring.
    pub scoring: Scoring,
    /// Accounts that are equal to within rounding.
    pub equal_count: u64,
    /// All accounts' differences, added up without their signs.
    pub difference: Amount,
    /// The same in millionths of what was paid, theirs or ours, whichever is more; rounded up.
    pub difference_ppm: u64,
}

/// What is compared.
#[derive(Debug, Clone)]
pub struct Question<'a> {
    /// The campaign as it is configured.
    pub campaign: &'a Campaign,
    /// The wrappers of its pool.
    pub wrappers: &'a [Wrapper],
    /// Addresses that are known to have code.
    pub contracts: &'a BTreeSet<Address>,
    /// Their side.
    pub theirs: &'a Theirs,
    /// Ours, under each scoring that could be computed.
    pub ours: &'a [(Scoring, Ours)],
    /// What [`mod@super::wanted`] asked for, under each scoring that comes into question: the one that explains most accounts is
    /// taken, and of several the one that fits best.
    pub answers: &'a [(Scoring, Vec<Answer>)],
    /// What was paid in all at earlier instants, and now, as far as it was seen.
    pub seen: &'a [Seen],
    /// What each account had in an earlier root.
    pub earlier: &'a BTreeMap<Address, Amount>,
    /// What they say of themselves beside the campaign.
    pub beside: &'a Beside,
    /// The Distributor, where its logs are read.
    pub chain: Option<&'a ChainRoots>,
    /// What counts as the same.
    pub margins: Margins,
    /// From how many millionths on the difference is too large.
    pub tolerance_ppm: u64,
}

/// Ours against theirs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comparison {
    /// As of when: up to when they computed.
    pub computed_until: UnixSeconds,
    /// The scoring that fits best; the rows' differences are by it.
    pub scoring: Scoring,
    /// Every scoring, the best first.
    pub fits: Vec<Fit>,
    /// The sums.
    pub money: Money,
    /// The runs whose bounds are known.
    pub runs: Vec<Run>,
    /// Times in which nothing was paid.
    pub gaps: Vec<Gap>,
    /// What must not be.
    pub alarms: Vec<Alarm>,
    /// What was looked at beside the figures.
    #[serde(default)]
    pub checks: Checks,
    /// From how many millionths on it is too much.
    pub tolerance_ppm: u64,
    /// Whether it is: by more than the tolerance, or with an alarm.
    pub is_beyond: bool,
    /// Every account of either side, the largest difference first.
    pub rows: Vec<AccountRow>,
}

/// A campaign's sums.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Money {
    /// What it hands out in all.
    pub budget: Amount,
    /// What time has set free.
    pub expected: Amount,
    /// What they paid, roots and pending together.
    pub paid: Amount,
    /// What they have yet to pay for that time; nothing when they paid more.
    pub remainder: Amount,
    /// What we come to, by the scoring that fits best.
    pub ours: Amount,
    /// Their newest run against its own time, in millionths, where its bounds are known.
    pub catch_up_ppm: Option<u64>,
}

/// One account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountRow {
    /// The account.
    pub account: Address,
    /// Ours under each scoring, in the order of the configuration's rules.
    pub ours: Vec<(Scoring, Amount)>,
    /// Theirs; `None` where they do not know it.
    pub theirs: Option<TheirAccount>,
    /// Theirs less ours.
    pub difference: SignedAmount,
    /// The same without its sign in millionths of ours, rounded up; `None` where ours is nothing.
    pub difference_ppm: Option<u64>,
    /// The scoring by which this account comes closest.
    pub best_scoring: Scoring,
    /// Why they differ; `None` when they do not.
    pub reason: Option<Reason>,
    /// What shows it.
    pub evidence: Option<Evidence>,
    /// In which runs it came to differ, where their bounds are known; they add up to the difference.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub runs: Vec<AccountRun>,
}

/// What must not be, whatever the reasons.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Alarm {
    /// More was paid than time has set free.
    AboveSchedule {
        /// What was paid.
        paid: Amount,
        /// What time has set free.
        expected: Amount,
    },
    /// What an account has in the root fell.
    LeafFell {
        /// The account.
        account: Address,
        /// What it had.
        before: Amount,
        /// What it has.
        after: Amount,
    },
    /// They name another budget.
    BudgetDiffers {
        /// Theirs.
        theirs: Amount,
        /// Ours.
        ours: Amount,
    },
    /// An account's own page says something else of the campaign than the campaign's list.
    UserRowDiffers {
        /// The account.
        account: Address,
        /// What the list says.
        listed: Amount,
        /// What its page says.
        told: Amount,
    },
    /// What an account has of a token is not what its campaigns add up to.
    UserTotalDiffers {
        /// The account.
        account: Address,
        /// The token; `None` where they do not name it.
        token: Option<Address>,
        /// In all, as they say.
        total: Amount,
        /// Its campaigns, added up.
        parts: Amount,
    },
    /// They tell another root than the Distributor pays by.
    LiveRootDiffers {
        /// Theirs.
        theirs: B256,
        /// The Distributor's; `None` where its logs do not tell.
        on_chain: Option<B256>,
        /// As of which block of it.
        block: BlockNumber,
    },
    /// They tell a root that the Distributor was never given.
    RootNotOnChain {
        /// The root.
        root: B256,
        /// Up to which block it was looked for.
        block: BlockNumber,
    },
}

impl Alarm {
    /// The name used in answers.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::AboveSchedule { .. } => "above_schedule",
            Self::LeafFell { .. } => "leaf_fell",
            Self::BudgetDiffers { .. } => "budget_differs",
            Self::UserRowDiffers { .. } => "user_row_differs",
            Self::UserTotalDiffers { .. } => "user_total_differs",
            Self::LiveRootDiffers { .. } => "live_root_differs",
            Self::RootNotOnChain { .. } => "root_not_on_chain",
        }
    }
}

impl std::fmt::Display for Alarm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::AboveSchedule { paid, expected } => {
                write!(f, "they paid {paid} units, but time has set free only {expected}")
            }
            Self::LeafFell { account, before, after } => {
                write!(f, "what {account} has in their root fell from {before} to {after} units")
            }
            Self::BudgetDiffers { theirs, ours } => {
                write!(f, "they name a budget of {theirs} units, the configuration {ours}")
            }
            Self::UserRowDiffers { account, listed, told } => write!(
                f,
                "the campaign's list credits {account} with {listed} units, its own page with {told}"
            ),
            Self::UserTotalDiffers { account, token, total, parts } => {
                let token = token.map_or("a token".to_owned(), |token| token.to_string());
                write!(
                    f,
                    "they credit {account} with {total} units of {token} in all, and its campaigns add up to {parts}"
                )
            }
            Self::LiveRootDiffers { theirs, on_chain: Some(on_chain), block } => {
                write!(
                    f,
                    "they say that claims are paid by root {theirs}, the Distributor pays by {on_chain} (block {block})"
                )
            }
            Self::LiveRootDiffers { theirs, on_chain: None, block } => {
                write!(
                    f,
                    "they say that claims are paid by root {theirs}, which is not the Distributor's (block {block})"
                )
            }
            Self::RootNotOnChain { root, block } => {
                write!(f, "they name root {root}, which the Distributor was not given up to block {block}")
            }
        }
    }
}

/// The scorings worth asking about: the best alone when all accounts are equal by it, else all of them.
pub fn in_question(fits: &[Fit], accounts_count: usize) -> Vec<Scoring> {
    let all_equal = |fit: &Fit| usize::try_from(fit.equal_count) == Ok(accounts_count);
    let count = if fits.first().is_some_and(all_equal) { 1 } else { fits.len() };
    fits.iter().take(count).map(|fit| fit.scoring).collect()
}

/// How close each scoring comes, the best first: by accounts that are equal, then by what is left, then `configured`.
///
/// # Panics
/// Without any scoring.
pub fn fit(theirs: &Theirs, ours: &[(Scoring, Ours)], margins: Margins, configured: Scoring) -> Vec<Fit> {
    assert!(!ours.is_empty(), "at least the configured scoring is computed");
    let mut fits: Vec<Fit> =
        ours.iter().map(|(scoring, ours)| fit_of(*scoring, theirs, ours, margins)).collect();
    fits.sort_by(|a, b| {
        let equal = b.equal_count.cmp(&a.equal_count).then(a.difference.cmp(&b.difference));
        equal.then((a.scoring != configured).cmp(&(b.scoring != configured)))
    });
    fits
}

fn fit_of(scoring: Scoring, theirs: &Theirs, ours: &Ours, margins: Margins) -> Fit {
    let rounding = margins.rounding(ours.emitted);
    let mut fit = Fit { scoring, equal_count: 0, difference: Amount::ZERO, difference_ppm: 0 };
    for account in accounts(theirs, ours) {
        let apart = apart(theirs.computed(account), ours.earned(account));
        fit.equal_count += u64::from(apart <= rounding);
        fit.difference = fit.difference.checked_add(apart).expect("both sides are held below 2^193");
    }
    let whole = theirs.paid.max(ours.total());
    fit.difference_ppm = ppm_up(fit.difference, whole).unwrap_or_default();
    fit
}

pub(super) fn accounts(theirs: &Theirs, ours: &Ours) -> BTreeSet<Address> {
    theirs.accounts.keys().chain(ours.accounts.keys()).copied().collect()
}

/// Compares.
///
/// # Panics
/// Without any scoring that has answers.
pub fn compare(question: &Question<'_>) -> Comparison {
    let Question { campaign, theirs, .. } = *question;
    let fits = fit(theirs, question.ours, question.margins, campaign.scoring);
    let judged = fits.iter().filter_map(|fit| judged(question, fit.scoring));
    let (scoring, ours, mut rows) = judged
        .min_by_key(|(.., rows)| rows.iter().filter(|row| row.reason == Some(Reason::Unexplained)).count())
        .expect("at least one scoring has its answers");
    let (taken, others): (Vec<Fit>, Vec<Fit>) = fits.into_iter().partition(|fit| fit.scoring == scoring);
    let fits: Vec<Fit> = taken.into_iter().chain(others).collect();
    let best = fits[0];
    let size = |row: &AccountRow| row.difference.magnitude();
    rows.sort_by(|a, b| size(b).cmp(&size(a)).then(a.account.cmp(&b.account)));
    let runs = schedule::runs(campaign, question.seen);
    let (checks, besides) = beside::check(theirs, question.beside, question.chain);
    let alarms: Vec<Alarm> = alarms(question).into_iter().chain(besides).collect();
    let whole = theirs.paid.max(ours.total());
    let tolerated = whole.mul_div(U256::from(question.tolerance_ppm), U256::from(1_000_000_u32));
    let is_beyond = !alarms.is_empty() || tolerated.is_some_and(|tolerated| best.difference > tolerated);
    let expected = campaign.emitted(theirs.computed_until);
    Comparison {
        computed_until: theirs.computed_until,
        scoring,
        money: Money {
            budget: campaign.budget,
            expected,
            paid: theirs.paid,
            remainder: expected.checked_sub(theirs.paid).unwrap_or_default(),
            ours: ours.total(),
            catch_up_ppm: runs.last().and_then(Run::catch_up_ppm),
        },
        fits,
        gaps: schedule::gaps(&runs),
        runs,
        alarms,
        checks,
        tolerance_ppm: question.tolerance_ppm,
        is_beyond,
        rows,
    }
}

/// Every account's row under one scoring; `None` for one that was not asked about.
fn judged<'a>(question: &'a Question<'a>, scoring: Scoring) -> Option<(Scoring, &'a Ours, Vec<AccountRow>)> {
    let (_, ours) = question.ours.iter().find(|(one, _)| *one == scoring)?;
    let (_, answers) = question.answers.iter().find(|(one, _)| *one == scoring)?;
    let judge = Judge::new(question, ours, answers, scoring);
    let rows = accounts(question.theirs, ours).into_iter().map(|account| judge.row(account)).collect();
    Some((scoring, ours, rows))
}

fn alarms(question: &Question<'_>) -> Vec<Alarm> {
    let Question { campaign, theirs, .. } = *question;
    let mut alarms = Vec::new();
    let expected = campaign.emitted(theirs.computed_until);
    let over = theirs.paid.checked_sub(expected).unwrap_or_default();
    if over > schedule::slack(campaign) {
        alarms.push(Alarm::AboveSchedule { paid: theirs.paid, expected });
    }
    if let Some(budget) = theirs.budget.filter(|budget| *budget != campaign.budget) {
        alarms.push(Alarm::BudgetDiffers { theirs: budget, ours: campaign.budget });
    }
    for (account, before) in question.earlier {
        let after = theirs.accounts.get(account).map_or(Amount::ZERO, |account| account.amount);
        if after < *before {
            alarms.push(Alarm::LeafFell { account: *account, before: *before, after });
        }
    }
    alarms
}
