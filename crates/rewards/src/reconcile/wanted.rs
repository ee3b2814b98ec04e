//! What else has to be computed to tell why accounts differ: the campaign as it would be if a reason were at work.

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::Address;
use rust_decimal::Decimal;

use super::reason::{Evidence, Reason, Whose};
use super::schedule;
use super::side::{Ours, Theirs};
use crate::campaign::{Campaign, ValueMin, Version};
use crate::price::Sources;
use crate::unit::{Amount, UnixSeconds};

/// A campaign that would explain a difference, and as of when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The reason that would be at work.
    pub reason: Reason,
    /// What would show it.
    pub evidence: Evidence,
    /// The campaign as it would be.
    pub campaign: Campaign,
    /// As of when.
    pub at: UnixSeconds,
}

/// What it comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The reason.
    pub reason: Reason,
    /// What shows it.
    pub evidence: Evidence,
    /// What each account would have.
    pub accounts: BTreeMap<Address, Amount>,
}

impl Wanted {
    /// The answer, once `ours` was computed as it says.
    pub fn answered(self, ours: &Ours) -> Answer {
        let accounts = ours.accounts.iter().map(|(account, one)| (*account, one.earned)).collect();
        Answer { reason: self.reason, evidence: self.evidence, accounts }
    }
}

/// What is known beside the two sides.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// The newest trade up to their instant.
    pub last_trade_at: Option<UnixSeconds>,
    /// The length of their runs.
    pub run_seconds: u32,
    /// Where prices come from.
    pub prices: &'a Sources,
}

/// The value in US dollars below which Merkl says that a position has no share.
pub const VALUE_MINIMUM_USD: Decimal = Decimal::TEN;

/// What is worth computing beside `ours`, which is of `campaign` with the scoring that fits best, as of their instant.
pub fn wanted(campaign: &Campaign, theirs: &Theirs, ours: &Ours, known: Known<'_>) -> Vec<Wanted> {
    // The first that fits counts: a published rule before guessing whom they leave out.
    let mut all = vec![other_minimum(campaign, ours.at, known)];
    all.extend(other_terms(campaign, theirs, ours));
    all.extend(earlier_versions(campaign, ours.at));
    all.extend(other_instants(campaign, theirs, ours, known));
    all
}

/// With the minimum that they publish where none is configured, and without one where one is.
fn other_minimum(campaign: &Campaign, at: UnixSeconds, known: Known<'_>) -> Wanted {
    let (evidence, value_min_usd) = match &campaign.value_min_usd {
        Some(minimum) => (Evidence::WithoutMinimum { minimum_usd: minimum.usd }, None),
        None => {
            let minimum = ValueMin { usd: VALUE_MINIMUM_USD, sources: known.prices.clone() };
            (Evidence::BelowValue { minimum_usd: minimum.usd }, Some(minimum))
        }
    };
    let run_seconds = campaign.run_seconds.or(Some(known.run_seconds));
    let campaign = Campaign { value_min_usd, run_seconds, ..campaign.clone() };
    Wanted { reason: Reason::DustFilter, evidence, campaign, at }
}

/// Leaving out whom they say that they leave out, and paying whom only they pay; then also leaving out all whom they do not pay.
fn other_terms(campaign: &Campaign, theirs: &Theirs, ours: &Ours) -> Vec<Wanted> {
    let said = |account: &Address| theirs.excludes(*account);
    let unpaid = |account: &Address| !theirs.accounts.contains_key(account);
    let left_out: BTreeSet<Address> =
        ours.accounts.keys().copied().filter(|account| said(account) && unpaid(account)).collect();
    let silent: BTreeSet<Address> = ours.accounts.keys().copied().filter(|account| unpaid(account)).collect();
    let let_in: BTreeSet<Address> =
        theirs.accounts.keys().copied().filter(|account| !admits_now(campaign, *account, ours.at)).collect();
    let mut all = Vec::new();
    if !left_out.is_empty() || !let_in.is_empty() {
        all.push(terms(campaign, &left_out, &let_in, ours.at));
    }
    if silent != left_out {
        all.push(terms(campaign, &silent, &let_in, ours.at));
    }
    all
}

fn terms(
    campaign: &Campaign,
    left_out: &BTreeSet<Address>,
    let_in: &BTreeSet<Address>,
    at: UnixSeconds,
) -> Wanted {
    let change = |blacklist: &BTreeSet<Address>, whitelist: &BTreeSet<Address>| {
        if whitelist.is_empty() {
            (
                blacklist.union(left_out).copied().filter(|one| !let_in.contains(one)).collect(),
                whitelist.clone(),
            )
        } else {
            let whitelist: BTreeSet<Address> =
                whitelist.union(let_in).copied().filter(|one| !left_out.contains(one)).collect();
            (blacklist.clone(), whitelist)
        }
    };
    let (blacklist, whitelist) = change(&campaign.blacklist, &campaign.whitelist);
    let versions = campaign.versions.iter().map(|version| {
        let (blacklist, whitelist) = change(&version.blacklist, &version.whitelist);
        Version { blacklist, whitelist, ..version.clone() }
    });
    let accounts = left_out.union(let_in).copied().collect();
    Wanted {
        reason: Reason::Excluded,
        evidence: Evidence::OthersLeftOut { accounts },
        campaign: Campaign { blacklist, whitelist, versions: versions.collect(), ..campaign.clone() },
        at,
    }
}

/// Whether an account has a share by the terms that hold at `at`.
pub(super) fn admits_now(campaign: &Campaign, account: Address, at: UnixSeconds) -> bool {
    let stretches = campaign.stretches();
    let holds = stretches.iter().rev().find(|stretch| stretch.window.starts_at <= at);
    holds.or(stretches.first()).is_none_or(|stretch| stretch.admits(account))
}

/// Who leaves an account out that one side does not pay; `None` when nobody says so.
pub(super) fn left_out_by(
    campaign: &Campaign,
    theirs: &Theirs,
    account: Address,
    at: UnixSeconds,
) -> Option<Whose> {
    if theirs.accounts.contains_key(&account) {
        (!admits_now(campaign, account, at)).then_some(Whose::Ours)
    } else {
        theirs.excludes(account).then_some(Whose::Theirs)
    }
}

/// The campaign without its newest overrides, from one of them on.
fn earlier_versions(campaign: &Campaign, at: UnixSeconds) -> Vec<Wanted> {
    let places = campaign.versions.iter().enumerate().rev();
    let counted = places.filter(|(_, version)| version.since < at);
    let without = counted.map(|(place, version)| Wanted {
        reason: Reason::OverrideInWindow,
        evidence: Evidence::WithoutOverride { since: version.since },
        campaign: Campaign { versions: campaign.versions[..place].to_vec(), ..campaign.clone() },
        at,
    });
    without.collect()
}

/// The instant that their sum speaks of, and the edges of the runs around theirs.
fn other_instants(campaign: &Campaign, theirs: &Theirs, ours: &Ours, known: Known<'_>) -> Vec<Wanted> {
    let Known { last_trade_at, run_seconds, .. } = known;
    let at = ours.at;
    let run = u64::from(run_seconds.max(1));
    let floor = at.0 / run * run;
    let edges = [floor, floor.saturating_sub(run), floor + run].map(UnixSeconds);
    // What nobody earned by us is not in their sum either.
    let nobody = ours.emitted.checked_sub(ours.total()).unwrap_or_default();
    let set_free = theirs.paid.checked_add(nobody).unwrap_or(theirs.paid);
    let by_sum = schedule::paid_until(campaign, set_free);
    let mut instants: Vec<UnixSeconds> = by_sum.into_iter().chain(edges).collect();
    let window = campaign.window;
    instants.retain(|one| *one != at && window.starts_at < *one && *one <= window.ends_at);
    let mut seen = BTreeSet::new();
    instants.retain(|one| seen.insert(*one));
    let wanted = instants.into_iter().map(|paid_until| {
        let quiet = paid_until < at && last_trade_at.is_none_or(|trade| trade <= paid_until);
        let (reason, evidence) = if quiet {
            (Reason::IdleGap, Evidence::NoTrade { paid_until, last_trade_at })
        } else {
            (Reason::RunEdge, Evidence::AsOf { paid_until, computed_until: theirs.computed_until })
        };
        Wanted { reason, evidence, campaign: campaign.clone(), at: paid_until }
    });
    wanted.collect()
}
