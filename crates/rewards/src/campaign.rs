//! What a campaign promises: how much, when, to whom and by which rule.

use std::collections::BTreeSet;

use alloy_primitives::{Address, B256, U256};
use serde::{Deserialize, Serialize};

use crate::id::{CampaignId, PoolId};
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
}

impl Scoring {
    /// The name used in configuration and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PerBlock => "per_block",
        }
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
        } else {
            return Ok(self);
        };
        Err(CampaignError::OutOfBounds { id: self.id, what })
    }

    /// Whether `account` has a share: on the whitelist if there is one, else not on the blacklist. Nobody holds
    /// for the zero address.
    pub fn admits(&self, account: Address) -> bool {
        if account.is_zero() {
            return false;
        }
        if self.whitelist.is_empty() {
            !self.blacklist.contains(&account)
        } else {
            self.whitelist.contains(&account)
        }
    }

    /// `budget * elapsed / duration`, rounded down, where elapsed is the paid time up to `at`.
    pub fn emitted(&self, at: UnixSeconds) -> Amount {
        let elapsed = U256::from(self.window.elapsed_seconds(at));
        let duration = U256::from(self.window.duration_seconds());
        self.budget
            .mul_div(elapsed, duration)
            .expect("a checked campaign has a duration, and elapsed <= duration")
    }
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
