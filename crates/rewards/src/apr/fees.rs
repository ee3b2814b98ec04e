//! What trades pay liquidity providers a year.

use rust_decimal::Decimal;

use crate::apr::{AprUnknown, Held, Usd, yearly_percent};
use crate::series::{HOUR_SECONDS, PoolPoint};
use crate::unit::UnixSeconds;

/// The yearly rate in per cent that trades paid over the `window_seconds` (full hours) up to the full hour before
/// `at`, from hourly rows in order of time. Each hour's fees are valued by the prices of its end, and so is what the
/// pool held; the rate is on the mean of what it held at the ends of the hours. `worth` values a row's tokens.
///
/// # Errors
/// An hour of the window has no row, a fee or a price is unknown, or nothing was held.
pub fn fee_percent(
    rows: &[PoolPoint],
    at: UnixSeconds,
    window_seconds: u64,
    worth: impl Fn(&PoolPoint, &Held) -> Option<Usd>,
) -> Result<Decimal, AprUnknown> {
    let hours = window_seconds / HOUR_SECONDS;
    let rows = window(rows, at, hours).ok_or(AprUnknown::WindowNotCovered)?;
    let (mut fees, mut held) = (Usd::default(), Usd::default());
    for (before, row) in rows.iter().zip(&rows[1..]) {
        let hour = row.since(before).map_err(|_| AprUnknown::WindowNotCovered)?;
        let paid = Held(hour.fees.ok_or(AprUnknown::FeesUnknown)?);
        let told = worth(row, &paid).zip(worth(row, &row.held)).ok_or(AprUnknown::NoPrice)?;
        let sums = fees.checked_add(told.0).zip(held.checked_add(told.1));
        (fees, held) = sums.ok_or(AprUnknown::OutOfBounds)?;
    }
    let mean = held.mul_div(1, u128::from(hours)).ok_or(AprUnknown::OutOfBounds)?;
    yearly_percent(fees, hours * HOUR_SECONDS, mean)
}

/// The rows of `hours` full hours up to the one before `at`, with the row at their beginning; `None` when one is
/// missing.
fn window(rows: &[PoolPoint], at: UnixSeconds, hours: u64) -> Option<&[PoolPoint]> {
    let to = at.0 / HOUR_SECONDS * HOUR_SECONDS;
    let from = to.checked_sub(hours.checked_mul(HOUR_SECONDS)?)?;
    let first = rows.partition_point(|row| row.at.0 < from);
    let count = usize::try_from(hours).ok()?.checked_add(1)?;
    let rows = rows.get(first..first.checked_add(count)?)?;
    let in_step =
        (from..).step_by(usize::try_from(HOUR_SECONDS).ok()?).zip(rows).all(|(at, row)| row.at.0 == at);
    (hours > 0 && in_step).then_some(rows)
}
