//! A pool and its campaigns at the full hour: rows of what the chain says, never of dollars.
//!
//! A row is the state at the end of the last block with a time up to its own. What flows (volume, fees, emission,
//! earnings) is kept as the sum since the beginning, so that two rows tell of any stretch between them, and a day's
//! row is that of its last hour. Dollars are told when asked, by the prices of the same hour.

mod accounts;
mod hours;
mod running;
mod stretch;

pub use accounts::accounts_with_stake;
pub use hours::{AccountHour, Hours};
pub use running::{Standing, running_campaign, running_pool};
pub use stretch::{CampaignInterval, IntervalUnknown, PoolInterval, Timed, daily};

use std::collections::BTreeMap;

use alloy_primitives::{Address, U512};
use serde::{Deserialize, Serialize};

use crate::accrue::{CampaignAccrual, FiguresError, Sums};
use crate::apr::Held;
use crate::id::{CampaignId, PoolId};
use crate::ledger::Totals;
use crate::price::{FeedAnswer, LogPrice};
use crate::tracker::PoolTracker;
use crate::unit::{Amount, BlockNumber, Liquidity, Tick, UnixSeconds};

/// Seconds between rows.
pub const HOUR_SECONDS: u64 = 3_600;

/// Windows whose mean price is kept in a row, in seconds.
pub const MEAN_WINDOWS_SECONDS: [u32; 10] = [60, 300, 600, 900, 1_800, 3_600, 7_200, 21_600, 43_200, 86_400];

/// A pool at the full hour.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolPoint {
    /// The hour.
    pub at: UnixSeconds,
    /// The block of the newest event up to it.
    pub block_number: BlockNumber,
    /// token0 in token1, in smallest units, times 2^192, rounded down; decimal text. `None` while there is none.
    #[serde(with = "text")]
    pub price_x192: Option<U512>,
    /// The tick of a concentrated pool.
    pub tick: Option<Tick>,
    /// Liquidity in range, or all shares.
    pub liquidity: Liquidity,
    /// What all positions hold, by token; of a pool with shares, its reserves.
    pub held: Held,
    /// What the positions in range hold.
    pub held_in_range: Held,
    /// Trades, volume and fees since the pool's first event.
    pub totals: Totals,
    /// Positions that hold liquidity, or holders of shares.
    pub positions: u64,
    /// Accounts with a stake, behind all wrappers.
    pub wallets: u64,
    /// What the feeds answered last.
    pub feeds: BTreeMap<Address, FeedAnswer>,
    /// The mean price over each of [`MEAN_WINDOWS_SECONDS`] that is covered, by the window's seconds.
    pub means: BTreeMap<u32, LogPrice>,
}

/// A campaign at the full hour.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CampaignPoint {
    /// The campaign.
    pub campaign: CampaignId,
    /// The hour.
    pub at: UnixSeconds,
    /// Handed out so far. `emitted == earned + undistributed`.
    pub emitted: Amount,
    /// Earned so far.
    pub earned: Amount,
    /// Of no one so far.
    pub undistributed: Amount,
    /// The part of that for which nobody was eligible.
    pub nobody_eligible: Amount,
    /// The part of it that waits for a run with a trade.
    pub waiting: Amount,
    /// What eligible positions hold, by token; in range only, unless the campaign pays out of range.
    pub eligible: Held,
    /// Accounts that have earned.
    pub accounts: u64,
    /// Accounts that have a share and a stake now, in range or not.
    pub wallets: u64,
}

/// What an account has earned in a campaign at the full hour.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountPoint {
    /// The campaign.
    pub campaign: CampaignId,
    /// The hour.
    pub at: UnixSeconds,
    /// The account, behind all wrappers.
    pub account: Address,
    /// Earned so far.
    pub earned: Amount,
    /// Whether it has a stake now; after a campaign's end this says who stayed.
    pub has_stake: bool,
}

/// All rows of one pool at one hour.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Points {
    /// The pool.
    pub pool_id: PoolId,
    /// The pool's row.
    pub pool: PoolPoint,
    /// Its campaigns that have begun, in the tracker's order.
    pub campaigns: Vec<CampaignPoint>,
    /// Their accounts that have earned or have a stake, by campaign and address.
    pub accounts: Vec<AccountPoint>,
}

/// The rows at `at` of a tracker that has folded all events up to it and none later; `None` before its first event.
///
/// Costs a step per position and per account.
///
/// # Errors
/// A later event is folded in.
pub fn points(tracker: &PoolTracker, at: UnixSeconds) -> Result<Option<Points>, FiguresError> {
    Hours::default().points(tracker, at)
}

/// The full hours whose rows are due when, after an event of the time `after`, one of the time `before` comes: from
/// `after` on and strictly before `before`, since later logs may still have the hour's own time. Nothing is due
/// before the first event (`after` is `None`).
///
/// Each hour falls between two events only once, so rows depend on the chain alone and not on how it was read.
pub fn boundaries(after: Option<UnixSeconds>, before: UnixSeconds) -> impl Iterator<Item = UnixSeconds> {
    let first = after.map_or(u64::MAX, |after| after.0.div_ceil(HOUR_SECONDS).saturating_mul(HOUR_SECONDS));
    let step = usize::try_from(HOUR_SECONDS).expect("an hour's seconds fit 16 bits");
    (first..before.0).step_by(step).map(UnixSeconds)
}

/// Of so many accounts that have earned, and so many that have a share and a stake.
fn campaign_point(
    accrual: &CampaignAccrual,
    at: UnixSeconds,
    sums: Sums,
    eligible: Held,
    (accounts, wallets): (usize, usize),
) -> CampaignPoint {
    let Sums { emitted, earned, undistributed } = sums;
    CampaignPoint {
        campaign: accrual.campaign().id.clone(),
        at,
        emitted,
        earned,
        undistributed: undistributed.total,
        nobody_eligible: undistributed.nobody_eligible,
        waiting: undistributed.waiting,
        eligible,
        accounts: count(accounts),
        wallets: count(wallets),
    }
}

fn count(many: usize) -> u64 {
    u64::try_from(many).expect("a usize has 64 bits or fewer")
}

/// Numbers of 512 bits as decimal text.
mod text {
    use alloy_primitives::U512;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(number: &Option<U512>, serializer: S) -> Result<S::Ok, S::Error> {
        number.map(|number| number.to_string()).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<U512>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        let number = |text: String| U512::from_str_radix(&text, 10).map_err(serde::de::Error::custom);
        text.map(number).transpose()
    }
}
