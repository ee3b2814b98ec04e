//! Our figures against Merkl's, as callers see them: `GET /v1/campaigns/{id}/reconciliation` and `accrual compare`.

use std::collections::BTreeMap;

use accrual_rewards::campaign::Campaign;
use accrual_rewards::reconcile::beside::{Checks, RootsCheck};
use accrual_rewards::reconcile::schedule::{Gap, Run};
use accrual_rewards::reconcile::{
    AccountRow, AccountRun, Alarm, Comparison, Evidence, Fit, Reason, Teller, TheirAccount, ppm_up,
};
use accrual_rewards::unit::{Amount, SignedAmount, UnixSeconds};
use accrual_store::StoreError;
use accrual_store::comparisons::{self, Kept};
use alloy_primitives::Address;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::Api;
use crate::view::{Eip55, Rfc3339};

/// A comparison's sums and findings.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ComparisonView {
    /// Its name.
    pub comparison: String,
    /// The campaign.
    pub campaign: String,
    /// Merkl's id for it.
    pub merkl_campaign_id: Option<String>,
    /// Where their figures came from.
    pub source: String,
    /// Who told them: `merkl`, `file` (published by Merkl) or `accrual` (another one's own count); null where it was not kept.
    pub told_by: Option<&'static str>,
    /// The kept answers that it was made from; null for files.
    pub reading: Option<String>,
    /// When it was made.
    pub compared_at: Rfc3339,
    /// As of when: up to when they had computed.
    pub computed_until: Rfc3339,
    /// The scoring that is configured.
    pub scoring: &'static str,
    /// The scoring that fits best; differences are by it.
    pub best_scoring: &'static str,
    /// What is handed out in all.
    pub budget_units: Amount,
    /// What time has set free.
    pub expected_units: Amount,
    /// What they paid, roots and pending together.
    pub paid_units: Amount,
    /// What they have yet to pay for that time.
    pub remainder_units: Amount,
    /// What we come to.
    pub ours_units: Amount,
    /// Their newest run against its own time, in millionths; null while its bounds are not known.
    pub catch_up_ppm: Option<u64>,
    /// All accounts' differences without their signs.
    pub difference_units: Amount,
    /// The same in millionths, rounded up.
    pub difference_ppm: u64,
    /// From where on it is too much.
    pub tolerance_ppm: u64,
    /// Whether it is, or an alarm is raised.
    pub is_beyond: bool,
    /// Every scoring, the best first.
    pub fits: Vec<FitView>,
    /// Their runs, where the bounds are known.
    pub runs: Vec<RunView>,
    /// Times in which nothing was paid.
    pub gaps: Vec<GapView>,
    /// What must not be.
    pub alarms: Vec<AlarmView>,
    /// What was looked at beside the figures.
    pub checks: ChecksView,
}

/// What they say of themselves, as far as it was looked at.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ChecksView {
    /// Accounts whose own pages were held against the campaign's list.
    pub users_count: u64,
    /// The roots that they tell against the Distributor's; null where they were not told.
    pub roots: Option<RootsView>,
    /// What was asked and not told, each as a sentence.
    pub not_told: Vec<String>,
}

/// The root that they tell against the one that the Distributor pays by.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RootsView {
    /// `same`; `behind` or `ahead` of the block that is read here; `differ`; `unread` where the Distributor is not read.
    pub verdict: &'static str,
    /// Theirs.
    pub theirs: String,
    /// The Distributor's; null where its logs do not tell.
    pub on_chain: Option<String>,
    /// As of which block; null where it is not read.
    pub block_number: Option<u64>,
    /// Roots of their list that the Distributor had not been given by then. Merkl may list what it never sent, so this alone
    /// is no alarm.
    #[schema(example = 0)]
    pub listed_not_given_count: u64,
}

/// How close a scoring comes.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct FitView {
    /// The scoring.
    pub scoring: &'static str,
    /// Accounts that are equal to within rounding.
    pub equal_count: u64,
    /// What is left between both sides.
    pub difference_units: Amount,
    /// The same in millionths, rounded up.
    pub difference_ppm: u64,
}

/// One of their runs.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RunView {
    /// When it begins.
    from: Rfc3339,
    /// When it ends.
    until: Rfc3339,
    /// `on_time`, `stood_still` (nothing was paid), `caught_up`, `short`, `above` or `fell`.
    kind: &'static str,
    /// What time sets free in it.
    expected_units: Amount,
    /// What they paid for it.
    paid_units: Amount,
    /// What they owe for it still.
    owed_units: Amount,
    /// What they paid against what its own time sets free; null where that is nothing.
    catch_up_ppm: Option<u64>,
}

/// A time in which nothing was paid.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct GapView {
    /// When it begins.
    from: Rfc3339,
    /// When it ends.
    until: Rfc3339,
    /// What time set free meanwhile.
    waited_units: Amount,
    /// When it was paid later; null while it was not.
    paid_at: Option<Rfc3339>,
    /// What was paid then against that run's own time; null while nothing was.
    catch_up_ppm: Option<u64>,
    /// The same as a sentence.
    pub text: String,
}

/// Something that must not be.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct AlarmView {
    /// Its name.
    pub alarm: &'static str,
    /// The same as a sentence.
    pub text: String,
}

/// One account of a comparison.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RowView {
    /// The account.
    pub account: Eip55,
    /// What they say; null where they do not know it.
    pub theirs: Option<TheirsView>,
    /// Ours, by scoring.
    #[schema(value_type = std::collections::BTreeMap<String, String>, example = json!({ "per_block": "14920000000000000000000000" }))]
    pub ours: BTreeMap<&'static str, Amount>,
    /// Theirs less ours.
    #[schema(value_type = String, example = "-1200")]
    pub difference_units: SignedAmount,
    /// The same without its sign in millionths of ours, rounded up; null where ours is nothing.
    pub difference_ppm: Option<u64>,
    /// The scoring by which the account comes closest.
    pub best_scoring: &'static str,
    /// Why they differ; null when they do not.
    pub reason: Option<&'static str>,
    /// What shows it.
    pub evidence: Option<EvidenceView>,
    /// In which of their runs it came to differ; empty where the ends of earlier runs are not known.
    pub runs: Vec<AccountRunView>,
}

/// One account in one of their runs.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct AccountRunView {
    /// When it begins; of the first that is known, when the campaign does.
    pub from: Rfc3339,
    /// When it ends.
    pub until: Rfc3339,
    /// What they credited in it.
    #[schema(value_type = String, example = "-1200")]
    pub theirs_units: SignedAmount,
    /// What the account earned in it by us.
    #[schema(value_type = String, example = "-1200")]
    pub ours_units: SignedAmount,
    /// Theirs less ours.
    #[schema(value_type = String, example = "-1200")]
    pub difference_units: SignedAmount,
}

/// What they say of an account.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TheirsView {
    /// In the newest root.
    pub amount_units: Amount,
    /// Drawn already; null where they do not say.
    pub claimed_units: Option<Amount>,
    /// In the root and not drawn.
    pub claimable_units: Option<Amount>,
    /// Computed since the root.
    pub pending_units: Amount,
    /// All of it.
    pub computed_units: Amount,
    /// For what.
    pub reasons: Vec<String>,
}

/// What shows a reason: a sentence, and its parts as far as this kind has them.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct EvidenceView {
    /// Its kind.
    pub kind: &'static str,
    /// As a sentence.
    pub text: String,
    /// The accounts or wrappers that it speaks of.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub accounts: Vec<Eip55>,
    /// How many accounts it concerns.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub accounts_count: Option<u64>,
    /// How much it speaks of.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub units: Option<Amount>,
    /// The instant that they pay as of, or from which on they do not count something.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub since: Option<Rfc3339>,
    /// The newest trade.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub last_trade_at: Option<Rfc3339>,
    /// A share, in billionths.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub share_ppb: Option<u64>,
    /// The minimum that it is held against.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub minimum_ppb: Option<u64>,
    /// The value in US dollars below which positions have no share.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub minimum_usd: Option<rust_decimal::Decimal>,
}

/// A comparison in a list of them.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PastView {
    /// Its name.
    comparison: String,
    /// Where their figures came from.
    source: String,
    /// When it was made.
    compared_at: Rfc3339,
    /// Up to when they had computed.
    computed_until: Rfc3339,
    /// What time had set free.
    expected_units: Amount,
    /// What they had paid, roots and pending together.
    paid_units: Amount,
    /// What we came to.
    ours_units: Amount,
    /// All accounts' differences in millionths, rounded up.
    difference_ppm: Option<u64>,
    /// Whether that was too much, or an alarm was raised.
    is_beyond: bool,
}

/// How much one reason accounts for.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct ReasonSum {
    /// Accounts.
    pub accounts_count: u64,
    /// Their differences without their signs.
    pub difference_units: Amount,
}

impl ComparisonView {
    /// The view of what was kept.
    pub fn of(campaign: &Campaign, kept: &Kept) -> Self {
        let comparison = &kept.comparison;
        let (money, best) = (comparison.money, comparison.fits.first());
        Self {
            comparison: kept.comparison_id.clone(),
            campaign: campaign.id.to_string(),
            merkl_campaign_id: campaign.merkl_campaign_id.map(|id| id.to_string()),
            source: kept.source.clone(),
            told_by: kept.told_by.map(Teller::as_str),
            reading: kept.reading_id.clone(),
            compared_at: Rfc3339(kept.at),
            computed_until: Rfc3339(comparison.computed_until),
            scoring: campaign.scoring.as_str(),
            best_scoring: comparison.scoring.as_str(),
            budget_units: money.budget,
            expected_units: money.expected,
            paid_units: money.paid,
            remainder_units: money.remainder,
            ours_units: money.ours,
            catch_up_ppm: money.catch_up_ppm,
            difference_units: best.map_or(Amount::ZERO, |fit| fit.difference),
            difference_ppm: best.map_or(0, |fit| fit.difference_ppm),
            tolerance_ppm: comparison.tolerance_ppm,
            is_beyond: comparison.is_beyond,
            fits: comparison.fits.iter().map(FitView::of).collect(),
            runs: comparison.runs.iter().map(RunView::of).collect(),
            gaps: comparison.gaps.iter().map(GapView::of).collect(),
            alarms: comparison.alarms.iter().map(AlarmView::of).collect(),
            checks: ChecksView::of(&comparison.checks),
        }
    }
}

impl ChecksView {
    fn of(checks: &Checks) -> Self {
        Self {
            users_count: checks.users_count,
            roots: checks.roots.as_ref().map(RootsView::of),
            not_told: checks.not_told.clone(),
        }
    }
}

impl RootsView {
    fn of(check: &RootsCheck) -> Self {
        Self {
            verdict: check.verdict.as_str(),
            theirs: check.theirs.to_string(),
            on_chain: check.on_chain.map(|root| root.to_string()),
            block_number: check.block.map(|block| block.0),
            listed_not_given_count: check.listed_not_given,
        }
    }
}

impl FitView {
    fn of(fit: &Fit) -> Self {
        let Fit { scoring, equal_count, difference, difference_ppm } = *fit;
        Self { scoring: scoring.as_str(), equal_count, difference_units: difference, difference_ppm }
    }
}

impl RunView {
    fn of(run: &Run) -> Self {
        Self {
            from: Rfc3339(run.from),
            until: Rfc3339(run.until),
            kind: run.kind.as_str(),
            expected_units: run.expected,
            paid_units: run.paid,
            owed_units: run.owed,
            catch_up_ppm: run.catch_up_ppm(),
        }
    }
}

impl GapView {
    fn of(gap: &Gap) -> Self {
        let (from, until) = (Rfc3339(gap.from), Rfc3339(gap.until));
        let paid_at = gap.paid_at.map(Rfc3339);
        let later = match paid_at {
            Some(at) => format!("the run up to {at} paid it"),
            None => "no run has paid it yet".to_owned(),
        };
        let text =
            format!("idle gap: nothing was paid from {from} to {until} ({} units); {later}", gap.waited);
        Self { from, until, waited_units: gap.waited, paid_at, catch_up_ppm: gap.catch_up_ppm, text }
    }
}

impl AlarmView {
    fn of(alarm: &Alarm) -> Self {
        Self { alarm: alarm.as_str(), text: alarm.to_string() }
    }
}

impl RowView {
    /// The view of a row.
    pub fn of(row: &AccountRow) -> Self {
        Self {
            account: Eip55(row.account),
            theirs: row.theirs.as_ref().map(TheirsView::of),
            ours: row.ours.iter().map(|(scoring, amount)| (scoring.as_str(), *amount)).collect(),
            difference_units: row.difference,
            difference_ppm: row.difference_ppm,
            best_scoring: row.best_scoring.as_str(),
            reason: row.reason.map(Reason::as_str),
            evidence: row.evidence.as_ref().map(EvidenceView::of),
            runs: row.runs.iter().map(AccountRunView::of).collect(),
        }
    }
}

impl AccountRunView {
    fn of(run: &AccountRun) -> Self {
        Self {
            from: Rfc3339(run.from),
            until: Rfc3339(run.until),
            theirs_units: run.theirs,
            ours_units: run.ours,
            difference_units: run.difference,
        }
    }
}

impl TheirsView {
    fn of(theirs: &TheirAccount) -> Self {
        let TheirAccount { amount, claimed, pending, computed, reasons } = theirs;
        Self {
            amount_units: *amount,
            claimed_units: *claimed,
            claimable_units: claimed.and_then(|claimed| amount.checked_sub(claimed)),
            pending_units: *pending,
            computed_units: *computed,
            reasons: reasons.iter().cloned().collect(),
        }
    }
}

impl EvidenceView {
    fn of(evidence: &Evidence) -> Self {
        let base = Self { kind: evidence.as_str(), text: evidence.to_string(), ..Self::default() };
        let listed = |accounts: &[Address]| accounts.iter().copied().map(Eip55).collect();
        match evidence {
            Evidence::IsWrapper { owners_count, owed_units, .. } => {
                Self { accounts_count: Some(*owners_count), units: Some(*owed_units), ..base }
            }
            Evidence::BehindWrappers { wrappers, units } => {
                Self { accounts: listed(wrappers), units: Some(*units), ..base }
            }
            Evidence::OthersLeftOut { accounts } => Self { accounts: listed(accounts), ..base },
            Evidence::BelowMinimum { share_ppb, minimum_ppb } => {
                Self { share_ppb: Some(*share_ppb), minimum_ppb: Some(*minimum_ppb), ..base }
            }
            Evidence::BelowValue { minimum_usd } | Evidence::WithoutMinimum { minimum_usd } => {
                Self { minimum_usd: Some(*minimum_usd), ..base }
            }
            Evidence::NoTrade { paid_until, last_trade_at } => {
                Self { since: Some(Rfc3339(*paid_until)), last_trade_at: last_trade_at.map(Rfc3339), ..base }
            }
            Evidence::WithoutOverride { since } => Self { since: Some(Rfc3339(*since)), ..base },
            Evidence::AsOf { paid_until, .. } => Self { since: Some(Rfc3339(*paid_until)), ..base },
            Evidence::AtMost { units } => Self { units: Some(*units), ..base },
            Evidence::Nothing { left_units, .. } => Self { units: Some(*left_units), ..base },
            Evidence::Absent | Evidence::AbsentContract | Evidence::LeftOut { .. } => base,
        }
    }
}

impl PastView {
    /// The view of what was kept.
    pub fn of(kept: &Kept) -> Self {
        let comparison = &kept.comparison;
        Self {
            comparison: kept.comparison_id.clone(),
            source: kept.source.clone(),
            compared_at: Rfc3339(kept.at),
            computed_until: Rfc3339(comparison.computed_until),
            expected_units: comparison.money.expected,
            paid_units: comparison.money.paid,
            ours_units: comparison.money.ours,
            difference_ppm: comparison.fits.first().map(|fit| fit.difference_ppm),
            is_beyond: comparison.is_beyond,
        }
    }
}

/// The rows' differences by reason.
pub fn by_reason(rows: &[AccountRow]) -> BTreeMap<&'static str, ReasonSum> {
    let mut sums: BTreeMap<&'static str, ReasonSum> = BTreeMap::new();
    for row in rows {
        let Some(reason) = row.reason else { continue };
        let sum = sums.entry(reason.as_str()).or_default();
        sum.accounts_count += 1;
        let more = sum.difference_units.checked_add(row.difference.magnitude());
        sum.difference_units = more.unwrap_or(sum.difference_units);
    }
    sums
}

/// How far apart a campaign's newest comparison is, for metrics: `accrual_merkl_difference_ppm` and its like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gauge {
    /// The campaign.
    pub campaign: String,
    /// All accounts' differences in millionths, rounded up.
    pub difference_ppm: u64,
    /// Whether that is beyond what is tolerated, or an alarm is raised.
    pub is_beyond: bool,
    /// Alarms.
    pub alarms_count: usize,
    /// What time had set free and they had not paid, in millionths of it, rounded up.
    pub unpaid_ppm: u64,
    /// Seconds between the instant that it is as of and now.
    pub age_seconds: u64,
}

/// The newest comparison of each campaign that has one.
///
/// # Errors
/// The database's own.
pub async fn gauges(api: &Api) -> Result<Vec<Gauge>, StoreError> {
    let now = api.settings().clock.now();
    let mut gauges = Vec::new();
    let compared = api.book().campaigns().iter().filter(|one| one.merkl_campaign_id.is_some());
    for campaign in compared {
        let newest = comparisons::list(api.db(), &campaign.id, UnixSeconds(u64::MAX), 1).await?;
        gauges.extend(newest.first().map(|kept| Gauge {
            campaign: campaign.id.to_string(),
            difference_ppm: kept.comparison.fits.first().map_or(0, |fit| fit.difference_ppm),
            is_beyond: kept.comparison.is_beyond,
            alarms_count: kept.comparison.alarms.len(),
            unpaid_ppm: unpaid_ppm(&kept.comparison),
            age_seconds: now.since(kept.comparison.computed_until),
        }));
    }
    Ok(gauges)
}

fn unpaid_ppm(comparison: &Comparison) -> u64 {
    ppm_up(comparison.money.remainder, comparison.money.expected).unwrap_or_default()
}
