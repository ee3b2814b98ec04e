//! What was paid in all against time: a campaign pays in proportion to time, whatever is traded.
//!
//! Merkl's runs are as long as they happen to be. Each is paid for exactly its time; where nobody traded, a run pays
//! nothing and the next one pays for both ([`RunKind::StoodStill`], [`RunKind::CaughtUp`]). More than the time is worth
//! has never been seen and is an alarm.

use serde::{Deserialize, Serialize};

use super::{parts_of_a_billion, ppm_up};
use crate::campaign::Campaign;
use crate::unit::{Amount, UnixSeconds};

/// Paid sums fall short of time by up to 3 billionths of the budget, and each run may round at either end.
const SLACK_PPB: u32 = 10;

/// How much was paid in all at some instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Seen {
    /// The end of a run.
    pub until: UnixSeconds,
    /// All that was paid up to then.
    pub paid: Amount,
}

/// What happened between two instants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Its beginning.
    pub from: UnixSeconds,
    /// Its end.
    pub until: UnixSeconds,
    /// What its time is worth.
    pub expected: Amount,
    /// What was paid.
    pub paid: Amount,
    /// What earlier runs left to pay when it began.
    pub owed: Amount,
    /// What it came to.
    pub kind: RunKind,
}

/// What a run came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunKind {
    /// It paid for its time.
    OnTime,
    /// It paid nothing: nobody traded, or it was not computed.
    StoodStill,
    /// It paid for its time and for all that earlier ones left.
    CaughtUp,
    /// It paid for less than its time.
    Short,
    /// It paid more than there was to pay: an alarm.
    Above,
    /// What was paid in all fell: an alarm.
    Fell,
}

/// A time that was not paid when it passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// Where paying stopped.
    pub from: UnixSeconds,
    /// Until when nothing was paid.
    pub until: UnixSeconds,
    /// What that time is worth.
    pub waited: Amount,
    /// The end of the run that paid it; `None` while none has.
    pub paid_at: Option<UnixSeconds>,
    /// What that run paid, in millionths of what its own time is worth.
    pub catch_up_ppm: Option<u64>,
}

impl RunKind {
    /// The name used in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OnTime => "on_time",
            Self::StoodStill => "stood_still",
            Self::CaughtUp => "caught_up",
            Self::Short => "short",
            Self::Above => "above",
            Self::Fell => "fell",
        }
    }
}

impl Run {
    /// What it paid, in millionths of what its time is worth, rounded up; `None` of a time worth nothing.
    pub fn catch_up_ppm(&self) -> Option<u64> {
        ppm_up(self.paid, self.expected)
    }
}

/// By how much a paid sum may stray from time through rounding.
pub fn slack(campaign: &Campaign) -> Amount {
    parts_of_a_billion(campaign.budget, SLACK_PPB).max(Amount(alloy_primitives::U256::ONE))
}

/// The runs between what was seen, in order of time; of two sightings of one instant the later in the list counts.
pub fn runs(campaign: &Campaign, seen: &[Seen]) -> Vec<Run> {
    let slack = slack(campaign);
    let mut sightings: Vec<Seen> = Vec::with_capacity(seen.len());
    let mut sorted = seen.to_vec();
    sorted.sort_by_key(|seen| seen.until);
    for one in sorted {
        match sightings.last_mut() {
            Some(last) if last.until == one.until => *last = one,
            _ => sightings.push(one),
        }
    }
    sightings.windows(2).map(|pair| run(campaign, pair[0], pair[1], slack)).collect()
}

fn run(campaign: &Campaign, before: Seen, after: Seen, slack: Amount) -> Run {
    let minus = |one: Amount, other: Amount| one.checked_sub(other).unwrap_or(Amount::ZERO);
    let (set_free_before, set_free_after) = (campaign.emitted(before.until), campaign.emitted(after.until));
    let expected = minus(set_free_after, set_free_before);
    let owed = minus(set_free_before, before.paid);
    let paid = minus(after.paid, before.paid);
    let due = expected.checked_add(owed).unwrap_or(expected);
    let kind = if after.paid < before.paid {
        RunKind::Fell
    } else if minus(paid, due) > slack {
        RunKind::Above
    } else if paid <= slack && expected > slack {
        RunKind::StoodStill
    } else if owed > slack && minus(due, paid) <= slack {
        RunKind::CaughtUp
    } else if minus(expected, paid) <= slack && minus(paid, expected) <= slack {
        RunKind::OnTime
    } else {
        RunKind::Short
    };
    Run { from: before.until, until: after.until, expected, paid, owed, kind }
}

/// The times in which nothing was paid, each with the run that paid it later.
pub fn gaps(runs: &[Run]) -> Vec<Gap> {
    let mut gaps: Vec<Gap> = Vec::new();
    let mut open: Option<Gap> = None;
    for run in runs {
        match (run.kind, &mut open) {
            (RunKind::StoodStill, Some(gap)) => {
                gap.until = run.until;
                gap.waited = gap.waited.checked_add(run.expected).unwrap_or(gap.waited);
            }
            (RunKind::StoodStill, None) => {
                open = Some(Gap {
                    from: run.from,
                    until: run.until,
                    waited: run.expected,
                    paid_at: None,
                    catch_up_ppm: None,
                });
            }
            (RunKind::CaughtUp, Some(_)) => {
                let gap = open.take().expect("it was just seen");
                gaps.push(Gap { paid_at: Some(run.until), catch_up_ppm: run.catch_up_ppm(), ..gap });
            }
            _ => {}
        }
    }
    gaps.extend(open);
    gaps
}

/// The instant up to which a campaign without overrides would have set `paid` free, to the nearest second; `None` with
/// overrides, and for nothing or more than the budget.
pub fn paid_until(campaign: &Campaign, paid: Amount) -> Option<UnixSeconds> {
    if !campaign.versions.is_empty() || paid == Amount::ZERO || paid > campaign.budget {
        return None;
    }
    let duration = alloy_primitives::U256::from(campaign.window.duration_seconds());
    // Half a second more, and cut: rounding left a little unpaid.
    let doubled = paid.mul_div(duration * alloy_primitives::U256::from(2), campaign.budget.0)?;
    let seconds = u64::try_from(doubled.0).ok()?.div_ceil(2);
    Some(UnixSeconds(campaign.window.starts_at.0 + seconds))
}
