//! How a position stands at an instant.

use std::collections::BTreeSet;

use alloy_primitives::Address;
use serde::{Deserialize, Serialize};

use crate::accrue::CampaignAccrual;
use crate::apr::holdings_of;
use crate::ledger::PositionIndex;
use crate::ledger::concentrated::Position;
use crate::minimum;
use crate::pool::WrapperKind;
use crate::tracker::PoolTracker;
use crate::unit::{Amount, Liquidity, UnixSeconds};

/// How a position stands in a campaign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It earns.
    Earning,
    /// The campaign has not begun.
    NotStarted,
    /// The campaign is over.
    CampaignOver,
    /// It has no liquidity.
    NoLiquidity,
    /// The price is below its range.
    BelowRange,
    /// The price is above its range.
    AboveRange,
    /// The campaign leaves its account out.
    ExcludedAccount,
    /// A gauge or vault that is followed holds it, and says of nobody that it is theirs: it was sent there without a
    /// deposit. It earns for the wrapper's own address.
    HeldByWrapper,
    /// Nobody is known to hold it.
    NoHolder,
    /// What it brings is of parts to which the campaign gives no weight.
    NoWeight,
    /// It is worth less than the campaign's minimum. That is asked when a run ends: this is how it stands at this instant's
    /// prices.
    BelowMinimum,
    /// Nobody trades in this run, and the campaign pays by trades: the next run with a trade pays for this one too.
    WaitingForTrade,
}

impl Standing {
    /// The name used in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Earning => "earning",
            Self::NotStarted => "not_started",
            Self::CampaignOver => "campaign_over",
            Self::NoLiquidity => "no_liquidity",
            Self::BelowRange => "below_range",
            Self::AboveRange => "above_range",
            Self::ExcludedAccount => "excluded_account",
            Self::HeldByWrapper => "held_by_wrapper",
            Self::NoHolder => "no_holder",
            Self::NoWeight => "no_weight",
            Self::BelowMinimum => "below_minimum",
            Self::WaitingForTrade => "waiting_for_trade",
        }
    }

    /// Whether it earns.
    pub fn is_earning(self) -> bool {
        self == Self::Earning
    }
}

/// How `position` stands at `at`, by the state that the tracker has folded in. The first reason that applies is told:
/// of the campaign, of the liquidity, of the account, then of the price.
pub fn standing(
    tracker: &PoolTracker,
    accrual: &CampaignAccrual,
    position: PositionIndex,
    at: UnixSeconds,
) -> Standing {
    let campaign = accrual.campaign();
    let held = &tracker.ledger().positions()[position.as_usize()];
    if at < campaign.window.starts_at {
        return Standing::NotStarted;
    }
    if campaign.window.ends_at <= at {
        return Standing::CampaignOver;
    }
    if held.liquidity == Liquidity(0) {
        return Standing::NoLiquidity;
    }
    let accounts = accounts_behind(tracker, position);
    if accounts.is_empty() {
        return Standing::NoHolder;
    }
    if accounts.iter().all(|account| is_wrapper(tracker, *account)) {
        return Standing::HeldByWrapper;
    }
    if !accounts.iter().any(|account| campaign.admits(*account)) {
        return Standing::ExcludedAccount;
    }
    match by_price(tracker, accrual, held) {
        Standing::Earning if is_below_minimum(tracker, accrual, position, at) => Standing::BelowMinimum,
        standing => standing,
    }
}

/// Whether each part of a position that somebody could earn with is worth too little.
fn is_below_minimum(
    tracker: &PoolTracker,
    accrual: &CampaignAccrual,
    position: PositionIndex,
    at: UnixSeconds,
) -> bool {
    let Some(minimum) = &accrual.campaign().value_min_usd else { return false };
    minimum::is_position_below(tracker, minimum, position, at)
}

fn by_price(tracker: &PoolTracker, accrual: &CampaignAccrual, held: &Position) -> Standing {
    let campaign = accrual.campaign();
    let weights = campaign.weights;
    let Some(price) = tracker.ledger().price() else { return Standing::Earning };
    let tokens = holdings_of(tracker.ledger(), held.range, held.liquidity);
    let in_range = held.range.contains(price.tick);
    let by_tokens = (weights.token0 > 0 && tokens.token0() > Amount::ZERO)
        || (weights.token1 > 0 && tokens.token1() > Amount::ZERO);
    if in_range && weights.fees > 0 || by_tokens && (in_range || campaign.out_of_range) {
        Standing::Earning
    } else if in_range || campaign.out_of_range && weights.token0.max(weights.token1) > 0 {
        Standing::NoWeight
    } else if price.tick < held.range.lower {
        Standing::BelowRange
    } else {
        Standing::AboveRange
    }
}

/// The accounts that a position earns for.
fn accounts_behind(tracker: &PoolTracker, position: PositionIndex) -> BTreeSet<Address> {
    let ownership = tracker.ownership();
    let stakes = ownership.stakes().iter();
    let own = stakes.filter(|stake| stake.position == position && stake.liquidity > Liquidity(0));
    own.flat_map(|stake| ownership.accounts(stake.owner)).collect()
}

fn is_wrapper(tracker: &PoolTracker, account: Address) -> bool {
    let wrappers = tracker.ownership().wrappers().iter();
    let mut holding = wrappers.filter(|wrapper| wrapper.kind != WrapperKind::Remap);
    holding.any(|wrapper| wrapper.holder == account || wrapper.address == account)
}
