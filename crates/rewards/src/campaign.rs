//! What a campaign promises: how much, when, to whom and by which rule.

use std::collections::BTreeSet;

use alloy_primitives::{Address, B256, U256};
use serde::{Deserialize, Serialize};

use crate::accrue::growth::{self, Units};
use crate::id::{CampaignId, PoolId};
use crate::price::Sources;
use crate::unit::{Amount, UnixSeconds};

/// One campaign on one pool. Build it by [`Campaign::checked`], which holds what every other part relies on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Campaign {
    /// Its short name.
    pub id: CampaignId,
    /// The pool whose liquidity it pays for.
    pub pool: PoolId,
    /// Merkl's id for it, for comparison.
    pub merkl_campaign_id: Option<B256>,
    /// The token that is paid out.
    pub reward_token: Address,
    /// What is handed out in all, net of Merkl's fee.
    pub budget: Amount,
    /// What the creator paid on top of the budget, in millionths of it. Shown, never used.
    pub fee_ppm: u32,
    /// When it pays.
    pub window: Window,
    /// How an interval's emission is split.
    pub scoring: Scoring,
    /// Length of a run, for scorings by run.
    pub run_seconds: Option<u32>,
    /// How the emission is cut into parts.
    pub weights: Weights,
    /// Whether positions out of range keep their share of the token parts.
    pub out_of_range: bool,
    /// Accounts with no share.
    pub blacklist: BTreeSet<Address>,
    /// When not empty: the only accounts with a share, and the blacklist is not asked.
    pub whitelist: BTreeSet<Address>,
    /// Below which worth a position has no share; `None` counts all.
    pub value_min_usd: Option<ValueMin>,
    /// Later versions, as `CampaignOverride` made them, each from its block's time on; ascending.
    pub versions: Vec<Version>,
}

/// A minimum of what a position is worth, looked at when a run ends, at the prices of that instant. While one of them is
/// not known, nobody is left out. It is Merkl's $10 filter (`facts/merkl.md` 1.5), off unless asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ValueMin {
    /// The minimum.
    pub usd: rust_decimal::Decimal,
    /// Where the prices of the pool's tokens come from: feeds that the pool follows, its own price, or told outright.
    pub sources: Sources,
}

/// What an override of a campaign changed, from an instant on. Budget, reward token and id stay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// From when on it holds: its block's time.
    pub since: UnixSeconds,
    /// When it pays now.
    pub window: Window,
    /// How the emission is cut into parts now.
    pub weights: Weights,
    /// Whether positions out of range keep their share of the token parts now.
    pub out_of_range: bool,
    /// Accounts with no share now.
    pub blacklist: BTreeSet<Address>,
    /// When not empty: the only accounts with a share now.
    pub whitelist: BTreeSet<Address>,
}

/// From `starts_at`, included, to `ends_at`, excluded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// The first paid second.
    pub starts_at: UnixSeconds,
    /// The first second that is paid no more.
    pub ends_at: UnixSeconds,
}

/// How an interval's emission is split. `interface.md` defines each exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scoring {
    /// Each interval between blocks by the state that holds in it.
    PerBlock,
    /// Each run by the ratio of the time integrals over it.
    TimeWeighted,
    /// Each run by the fees earned and the tokens held at its swaps.
    SwapWeighted,
}

impl Scoring {
    /// Every scoring.
    pub const ALL: [Self; 3] = [Self::PerBlock, Self::TimeWeighted, Self::SwapWeighted];

    /// The name used in configuration and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PerBlock => "per_block",
            Self::TimeWeighted => "time_weighted",
            Self::SwapWeighted => "swap_weighted",
        }
    }

    /// Whether emission is split run by run.
    pub fn is_by_run(self) -> bool {
        self != Self::PerBlock
    }
}

impl std::str::FromStr for Scoring {
    type Err = crate::unit::ParseUnitError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = "a scoring (per_block, time_weighted or swap_weighted)";
        let found = Self::ALL.into_iter().find(|scoring| scoring.as_str() == text);
        found.ok_or_else(|| crate::unit::ParseUnitError::new(text, known))
    }
}

/// How the emission is cut: by in-range liquidity (`fees`) and by each token held. Only the ratios count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Weights {
    /// The part split by in-range liquidity.
    pub fees: u32,
    /// The part split by token0 held.
    pub token0: u32,
    /// The part split by token1 held.
    pub token1: u32,
}

/// A campaign that cannot be paid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CampaignError {
    /// The window is empty or runs backwards.
    #[error(
        "campaign {id} ends at {ends_at} but starts at {starts_at} (Unix seconds): ends_at must be later"
    )]
    EndsBeforeStart {
        /// The campaign.
        id: CampaignId,
        /// Its start.
        starts_at: UnixSeconds,
        /// Its end.
        ends_at: UnixSeconds,
    },
    /// No part gets anything.
    #[error(
        "campaign {id}: weights fees, token0 and token1 are all zero, so nobody could be paid: give at least one"
    )]
    NoWeight {
        /// The campaign.
        id: CampaignId,
    },
    /// A weight, duration or budget past what the exactness proof covers.
    #[error("campaign {id}: {what}")]
    OutOfBounds {
        /// The campaign.
        id: CampaignId,
        /// Which bound, as a sentence.
        what: &'static str,
    },
}

impl Campaign {
    /// The campaign itself when it can be paid.
    ///
    /// # Errors
    /// A window that is not forward, weights that are all zero, or a number past the bounds that the exactness of
    /// [`crate::accrue`] is proved for: weights up to 1,000,000 each, a budget below 2^128 units, a window below
    /// 2^32 seconds.
    pub fn checked(self) -> Result<Self, CampaignError> {
        let Window { starts_at, ends_at } = self.window;
        if ends_at <= starts_at {
            return Err(CampaignError::EndsBeforeStart { id: self.id, starts_at, ends_at });
        }
        if self.weights.sum() == 0 {
            return Err(CampaignError::NoWeight { id: self.id });
        }
        let Weights { fees, token0, token1 } = self.weights;
        let what = if fees.max(token0).max(token1) > 1_000_000 {
            "a weight is above 1000000: only the ratios count, so scale them down"
        } else if self.budget.0 >= (U256::ONE << 128) {
            "budget_units is 2^128 or more: no token has so many units, look for a doubled scaling"
        } else if self.budget == Amount::ZERO {
            "budget_units is 0: there is nothing to hand out"
        } else if self.window.duration_seconds() >= 1 << 32 {
            "the window is 2^32 seconds or longer (136 years)"
        } else if self.is_by_run() && self.run_seconds.is_none_or(|seconds| seconds == 0) {
            "run_seconds is missing or 0: time_weighted, swap_weighted and value_min_usd go by runs"
        } else if !self.versions.is_sorted_by(|a, b| a.since <= b.since) {
            "its versions are not in order of time: no override has an earlier `since` than the one before"
        } else if self.versions.iter().any(|version| !version.is_payable()) {
            "a version has weights that are all zero or above 1000000, or a window of 2^32 seconds or longer"
        } else {
            return Ok(self);
        };
        Err(CampaignError::OutOfBounds { id: self.id, what })
    }

    /// Whether it is looked at run by run: for its scoring, or for a minimum of value.
    pub fn is_by_run(&self) -> bool {
        self.scoring.is_by_run() || self.value_min_usd.is_some()
    }

    /// Whether `account` has a share by the campaign's first version.
    pub fn admits(&self, account: Address) -> bool {
        admits(&self.blacklist, &self.whitelist, account)
    }

    /// What has been set free up to `at`, rounded down: `budget * elapsed / duration`. After an override it is what was
    /// set free before, and of the rest of the budget the same part as of the rest of the new window.
    pub fn emitted(&self, at: UnixSeconds) -> Amount {
        let sum = self.stretches().iter().fold(Units::ZERO, |sum, stretch| sum + stretch.emitted(at));
        growth::floor(sum)
    }

    /// The campaign cut where an override changed it, in order of time: one stretch without overrides.
    pub fn stretches(&self) -> Vec<Stretch> {
        let mut stretches = vec![Stretch {
            window: self.window,
            until: None,
            weights: self.weights,
            out_of_range: self.out_of_range,
            blacklist: self.blacklist.clone(),
            whitelist: self.whitelist.clone(),
            budget: growth::whole(self.budget),
        }];
        for version in &self.versions {
            let last = stretches.last_mut().expect("the first version was put above");
            last.until = Some(version.since);
            let budget = last.budget - last.emitted(version.since);
            let starts_at = version.window.starts_at.max(version.since);
            let ends_at = version.window.ends_at.max(starts_at);
            stretches.push(Stretch {
                window: Window { starts_at, ends_at },
                until: None,
                weights: version.weights,
                out_of_range: version.out_of_range,
                blacklist: version.blacklist.clone(),
                whitelist: version.whitelist.clone(),
                budget,
            });
        }
        stretches
    }
}

impl Version {
    /// Whether it is within the bounds of [`Campaign::checked`]. Its window may be empty: then nothing more is paid.
    fn is_payable(&self) -> bool {
        let Weights { fees, token0, token1 } = self.weights;
        let most = fees.max(token0).max(token1);
        (1..=1_000_000).contains(&most) && self.window.duration_seconds() < 1 << 32
    }
}

/// A campaign between two overrides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stretch {
    /// Over which its budget would be spread if nothing changed; it may be empty.
    pub window: Window,
    /// When the next version takes over.
    pub until: Option<UnixSeconds>,
    /// How its emission is cut into parts.
    pub weights: Weights,
    /// Whether positions out of range keep their share of the token parts.
    pub out_of_range: bool,
    /// Accounts with no share.
    pub blacklist: BTreeSet<Address>,
    /// When not empty: the only accounts with a share.
    pub whitelist: BTreeSet<Address>,
    /// What is left of the campaign's budget when it begins.
    pub budget: Units,
}

impl Stretch {
    /// Paid seconds between two instants.
    pub fn paid_seconds(&self, from: UnixSeconds, to: UnixSeconds) -> u64 {
        self.window.paid_seconds(from, self.until.map_or(to, |until| to.min(until)))
    }

    /// Whether this instant is paid by it.
    pub fn contains(&self, at: UnixSeconds) -> bool {
        let Window { starts_at, ends_at } = self.window;
        starts_at <= at && at < ends_at && self.until.is_none_or(|until| at < until)
    }

    /// What it has set free up to `at`.
    pub fn emitted(&self, at: UnixSeconds) -> Units {
        let seconds = self.paid_seconds(self.window.starts_at, at);
        growth::part_of(self.budget, seconds, self.window.duration_seconds())
    }

    /// Whether `account` has a share.
    pub fn admits(&self, account: Address) -> bool {
        admits(&self.blacklist, &self.whitelist, account)
    }
}

/// On the whitelist if there is one, else not on the blacklist. Nobody holds for the zero address.
fn admits(blacklist: &BTreeSet<Address>, whitelist: &BTreeSet<Address>, account: Address) -> bool {
    if account.is_zero() {
        return false;
    }
    if whitelist.is_empty() { !blacklist.contains(&account) } else { whitelist.contains(&account) }
}

impl Window {
    /// Paid seconds in all.
    pub fn duration_seconds(self) -> u64 {
        self.ends_at.since(self.starts_at)
    }

    /// Paid seconds up to `at`.
    pub fn elapsed_seconds(self, at: UnixSeconds) -> u64 {
        self.paid_seconds(self.starts_at, at)
    }

    /// Paid seconds between two instants.
    pub fn paid_seconds(self, from: UnixSeconds, to: UnixSeconds) -> u64 {
        to.min(self.ends_at).since(from.max(self.starts_at))
    }
}

impl Weights {
    /// The whole that the weights are parts of.
    pub fn sum(self) -> u64 {
        u64::from(self.fees) + u64::from(self.token0) + u64::from(self.token1)
    }
}
