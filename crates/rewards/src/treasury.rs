//! What a campaign bought: cost per retained dollar of TVL and per dollar of volume, and who stayed after the end.
//!
//! ```text
//! cost per retained dollar = paid / (TVL so many days after the end - TVL before the start)
//! cost per dollar of volume = paid / volume of the campaign's window
//! ```
//!
//! From stored hours: "before the start" is the last full hour up to it, "the end" the first full hour from it on.
//! Each is rounded down to 10^-6 USD. What cannot be known is told with its reason, never as zero.

use std::collections::BTreeSet;

use alloy_primitives::Address;
use rust_decimal::Decimal;

use crate::apr::{Held, Usd};
use crate::campaign::{Campaign, Window};
use crate::series::{AccountPoint, CampaignPoint, HOUR_SECONDS, PoolPoint, Timed};
use crate::unit::{Amount, UnixSeconds};

/// Decimals of a dollar in which costs are told.
const COST_PLACES: u32 = 6;

const DAY_SECONDS: u64 = 86_400;

/// The stored hours that the view is made of, each list in order of time.
#[derive(Debug, Clone, Copy)]
pub struct Hours<'a> {
    /// The pool's.
    pub pool: &'a [PoolPoint],
    /// The campaign's.
    pub campaign: &'a [CampaignPoint],
    /// Its accounts'.
    pub accounts: &'a [AccountPoint],
}

/// What a campaign bought, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Treasury {
    /// What it paid, each hour's by the price of its end.
    pub paid_usd: Result<Usd, TreasuryUnknown>,
    /// What the pool held before the start.
    pub tvl_before_usd: Result<Usd, TreasuryUnknown>,
    /// What the pool held so many days after the end.
    pub tvl_after_usd: Result<Usd, TreasuryUnknown>,
    /// What traders paid in while it ran, each hour's by the prices of its end, fees included.
    pub volume_usd: Result<Usd, TreasuryUnknown>,
    /// USD paid for each dollar of TVL that stayed.
    pub cost_per_retained_usd: Result<Decimal, TreasuryUnknown>,
    /// USD paid for each dollar of volume.
    pub cost_per_volume_usd: Result<Decimal, TreasuryUnknown>,
    /// Accounts with a share and a stake at the end.
    pub wallets_at_end: Result<u64, TreasuryUnknown>,
    /// Those of them that had a stake so many days after it.
    pub wallets_stayed: Result<u64, TreasuryUnknown>,
}

/// Why a figure is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TreasuryUnknown {
    /// The stored hours do not reach back to before the start: the pool is younger, or is not followed for so long.
    NoHourBefore,
    /// The time has not come, or its hour is not stored.
    NoHourAfter,
    /// Hours of the campaign are missing in between.
    HoursMissing,
    /// A token has no price at one of the hours.
    NoPrice,
    /// No more was held after it than before: nothing was retained that the cost could be told by.
    NothingRetained,
    /// Nobody traded.
    NoVolume,
    /// A figure has more digits than the answer can hold.
    OutOfBounds,
}

impl TreasuryUnknown {
    /// The name used in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoHourBefore => "no_hour_before",
            Self::NoHourAfter => "no_hour_after",
            Self::HoursMissing => "hours_missing",
            Self::NoPrice => "no_price",
            Self::NothingRetained => "nothing_retained",
            Self::NoVolume => "no_volume",
            Self::OutOfBounds => "out_of_bounds",
        }
    }
}

/// What a campaign of this window bought, looked at `days_after` its end. `worth` values tokens of a pool's row,
/// `reward_worth` units of the reward token at an hour; both `None` where a price is unknown.
pub fn treasury(
    window: Window,
    days_after: u16,
    hours: Hours<'_>,
    worth: impl Fn(&PoolPoint, &Held) -> Option<Usd>,
    reward_worth: impl Fn(UnixSeconds, Amount) -> Option<Usd>,
) -> Treasury {
    let view = View { hours, bounds: Bounds::of(window, days_after) };
    let tvl = |row: &PoolPoint| worth(row, &row.held).ok_or(TreasuryUnknown::NoPrice);
    let paid_usd = view.paid(reward_worth);
    let tvl_before_usd = view.before().and_then(tvl);
    let tvl_after_usd = view.pool_at(view.bounds.after).and_then(tvl);
    let volume_usd = view.volume(&worth);
    Treasury {
        cost_per_retained_usd: cost_per_retained(paid_usd, tvl_before_usd, tvl_after_usd),
        cost_per_volume_usd: cost_per_volume(paid_usd, volume_usd),
        wallets_at_end: view.staked(view.bounds.end).map(|accounts| count(accounts.len())),
        wallets_stayed: view.stayed(),
        paid_usd,
        tvl_before_usd,
        tvl_after_usd,
        volume_usd,
    }
}

/// What these campaigns hand out together of one token, in its smallest units: to be held against what was announced.
/// `None` past 256 bits.
pub fn budget_sum<'a>(campaigns: impl IntoIterator<Item = &'a Campaign>, token: Address) -> Option<Amount> {
    let mut own = campaigns.into_iter().filter(|campaign| campaign.reward_token == token);
    own.try_fold(Amount::ZERO, |sum, campaign| sum.checked_add(campaign.budget))
}

/// The full hours that matter.
struct Bounds {
    before: UnixSeconds,
    end: UnixSeconds,
    after: UnixSeconds,
}

struct View<'a> {
    hours: Hours<'a>,
    bounds: Bounds,
}

impl Bounds {
    fn of(window: Window, days_after: u16) -> Self {
        let before = window.starts_at.0 / HOUR_SECONDS * HOUR_SECONDS;
        let end = window.ends_at.0.div_ceil(HOUR_SECONDS).saturating_mul(HOUR_SECONDS);
        let after = end.saturating_add(u64::from(days_after) * DAY_SECONDS);
        Self { before: UnixSeconds(before), end: UnixSeconds(end), after: UnixSeconds(after) }
    }

    fn hours(&self) -> usize {
        usize::try_from(self.end.since(self.before) / HOUR_SECONDS).unwrap_or(usize::MAX)
    }
}

impl View<'_> {
    fn before(&self) -> Result<&PoolPoint, TreasuryUnknown> {
        row_at(self.hours.pool, self.bounds.before).ok_or(TreasuryUnknown::NoHourBefore)
    }

    fn pool_at(&self, at: UnixSeconds) -> Result<&PoolPoint, TreasuryUnknown> {
        row_at(self.hours.pool, at).ok_or(TreasuryUnknown::NoHourAfter)
    }

    /// The hour before the start may have no row of the campaign: it has paid nothing then.
    fn paid(&self, worth: impl Fn(UnixSeconds, Amount) -> Option<Usd>) -> Result<Usd, TreasuryUnknown> {
        let rows = between(self.hours.campaign, self.bounds.before, self.bounds.end);
        let rows = rows.strip_prefix_at(self.bounds.before);
        if rows.last().is_none_or(|row| row.at != self.bounds.end) {
            return Err(TreasuryUnknown::NoHourAfter);
        }
        if rows.len() != self.bounds.hours() {
            return Err(TreasuryUnknown::HoursMissing);
        }
        let mut before = Amount::ZERO;
        rows.iter().try_fold(Usd::default(), |sum, row| {
            let earned = row.earned.checked_sub(before).ok_or(TreasuryUnknown::HoursMissing)?;
            before = row.earned;
            let usd = worth(row.at, earned).ok_or(TreasuryUnknown::NoPrice)?;
            sum.checked_add(usd).ok_or(TreasuryUnknown::OutOfBounds)
        })
    }

    fn volume(&self, worth: impl Fn(&PoolPoint, &Held) -> Option<Usd>) -> Result<Usd, TreasuryUnknown> {
        self.before()?;
        self.pool_at(self.bounds.end)?;
        let rows = between(self.hours.pool, self.bounds.before, self.bounds.end);
        if rows.len() != self.bounds.hours() + 1 {
            return Err(TreasuryUnknown::HoursMissing);
        }
        rows.windows(2).try_fold(Usd::default(), |sum, pair| {
            let hour = pair[1].since(&pair[0]).map_err(|_| TreasuryUnknown::HoursMissing)?;
            let usd = worth(&pair[1], &Held(hour.volume_in)).ok_or(TreasuryUnknown::NoPrice)?;
            sum.checked_add(usd).ok_or(TreasuryUnknown::OutOfBounds)
        })
    }

    /// The accounts with a stake at an hour whose row of the campaign is stored.
    fn staked(&self, at: UnixSeconds) -> Result<BTreeSet<Address>, TreasuryUnknown> {
        row_at(self.hours.campaign, at).ok_or(TreasuryUnknown::NoHourAfter)?;
        let rows = between(self.hours.accounts, at, at).iter();
        Ok(rows.filter(|row| row.has_stake).map(|row| row.account).collect())
    }

    fn stayed(&self) -> Result<u64, TreasuryUnknown> {
        let (at_end, after) = (self.staked(self.bounds.end)?, self.staked(self.bounds.after)?);
        Ok(count(at_end.intersection(&after).count()))
    }
}

fn cost_per_retained(
    paid: Result<Usd, TreasuryUnknown>,
    before: Result<Usd, TreasuryUnknown>,
    after: Result<Usd, TreasuryUnknown>,
) -> Result<Decimal, TreasuryUnknown> {
    let retained = after?.checked_sub(before?).filter(|retained| !retained.is_zero());
    let retained = retained.ok_or(TreasuryUnknown::NothingRetained)?;
    paid?.ratio(retained, COST_PLACES).ok_or(TreasuryUnknown::OutOfBounds)
}

fn cost_per_volume(
    paid: Result<Usd, TreasuryUnknown>,
    volume: Result<Usd, TreasuryUnknown>,
) -> Result<Decimal, TreasuryUnknown> {
    let volume = volume?;
    if volume.is_zero() {
        return Err(TreasuryUnknown::NoVolume);
    }
    paid?.ratio(volume, COST_PLACES).ok_or(TreasuryUnknown::OutOfBounds)
}

fn row_at<Row: Timed>(rows: &[Row], at: UnixSeconds) -> Option<&Row> {
    rows.get(rows.partition_point(|row| row.at() < at)).filter(|row| row.at() == at)
}

/// The rows from `from` to `to`, both included.
fn between<Row: Timed>(rows: &[Row], from: UnixSeconds, to: UnixSeconds) -> &[Row] {
    let first = rows.partition_point(|row| row.at() < from);
    let end = rows.partition_point(|row| row.at() <= to);
    &rows[first..end.max(first)]
}

/// A list without its first row when that is of an instant.
trait StripPrefix {
    fn strip_prefix_at(&self, at: UnixSeconds) -> &Self;
}

impl<Row: Timed> StripPrefix for [Row] {
    fn strip_prefix_at(&self, at: UnixSeconds) -> &Self {
        match self {
            [first, rest @ ..] if first.at() == at => rest,
            rows => rows,
        }
    }
}

fn count(many: usize) -> u64 {
    u64::try_from(many).expect("a usize has 64 bits or fewer")
}
