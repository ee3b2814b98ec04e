//! What happened between two rows, and the rows of days.

use crate::series::{AccountPoint, CampaignPoint, PoolPoint};
use crate::unit::{Amount, UnixSeconds};

/// Seconds of a day, in UTC as the chain counts.
const DAY_SECONDS: u64 = 86_400;

/// A row that has a time.
pub trait Timed {
    /// The time.
    fn at(&self) -> UnixSeconds;
}

/// What flowed through a pool between two rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolInterval {
    /// Its beginning.
    pub from: UnixSeconds,
    /// Its end.
    pub to: UnixSeconds,
    /// Trades in it.
    pub trades: u64,
    /// What came in with them, by token, fees included, in smallest units.
    pub volume_in: Vec<Amount>,
    /// What liquidity providers earned of it, by token; `None` where a fee could not be known.
    pub fees: Option<Vec<Amount>>,
}

/// What a campaign paid between two rows. `emitted == earned + undistributed` but for what rounding shifts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CampaignInterval {
    /// Its beginning.
    pub from: UnixSeconds,
    /// Its end.
    pub to: UnixSeconds,
    /// Handed out in it.
    pub emitted: Amount,
    /// Earned in it.
    pub earned: Amount,
}

/// Two rows that have no interval between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the rows at {from} and {to} (Unix seconds) do not follow each other: the sums of the later are below those of the earlier, so they are of different pools or the rows are not of one history; replay them"
)]
pub struct IntervalUnknown {
    from: UnixSeconds,
    to: UnixSeconds,
}

/// Of hourly rows those at the end of a day, in UTC: each tells of the day that ends then.
pub fn daily<Row: Timed + Clone>(hours: &[Row]) -> Vec<Row> {
    hours.iter().filter(|row| row.at().0 % DAY_SECONDS == 0).cloned().collect()
}

impl PoolPoint {
    /// What flowed from `earlier` to this row.
    ///
    /// # Errors
    /// The rows are not of one history.
    pub fn since(&self, earlier: &Self) -> Result<PoolInterval, IntervalUnknown> {
        let unknown = IntervalUnknown { from: earlier.at, to: self.at };
        let (from, to) = (&earlier.totals, &self.totals);
        let fees = match (&from.fees, &to.fees) {
            (Some(from), Some(to)) => Some(less(to, from).ok_or(unknown)?),
            _ => None,
        };
        Ok(PoolInterval {
            from: earlier.at,
            to: self.at,
            trades: to.trades.checked_sub(from.trades).ok_or(unknown)?,
            volume_in: less(&to.volume_in, &from.volume_in).ok_or(unknown)?,
            fees,
        })
    }
}

impl CampaignPoint {
    /// What was paid from `earlier` to this row.
    ///
    /// # Errors
    /// The rows are not of one history.
    pub fn since(&self, earlier: &Self) -> Result<CampaignInterval, IntervalUnknown> {
        let unknown = IntervalUnknown { from: earlier.at, to: self.at };
        Ok(CampaignInterval {
            from: earlier.at,
            to: self.at,
            emitted: self.emitted.checked_sub(earlier.emitted).ok_or(unknown)?,
            earned: self.earned.checked_sub(earlier.earned).ok_or(unknown)?,
        })
    }
}

/// Token by token; a token that the earlier list does not have counts as none.
fn less(to: &[Amount], from: &[Amount]) -> Option<Vec<Amount>> {
    if from.len() > to.len() {
        return None;
    }
    let from = from.iter().copied().chain(std::iter::repeat(Amount::ZERO));
    to.iter().zip(from).map(|(to, from)| to.checked_sub(from)).collect()
}

impl Timed for PoolPoint {
    fn at(&self) -> UnixSeconds {
        self.at
    }
}

impl Timed for CampaignPoint {
    fn at(&self) -> UnixSeconds {
        self.at
    }
}

impl Timed for AccountPoint {
    fn at(&self) -> UnixSeconds {
        self.at
    }
}
