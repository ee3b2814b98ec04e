//! Calendar arithmetic in UTC: where a month begins and ends, and what lies so many months back.

use accrual_rewards::unit::UnixSeconds;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

/// The first instant of the calendar month that `at` lies in.
pub fn month_start(at: UnixSeconds) -> UnixSeconds {
    instant(date(at).first_of_month())
}

/// The first instant of the calendar month after the one that `at` lies in.
pub fn next_month(at: UnixSeconds) -> UnixSeconds {
    instant(date(at).last_of_month().saturating_add(Span::new().days(1)))
}

/// So many months before `at`, at the same time of day. A day that the month lacks becomes its last one, so that
/// 31 March less one month is 28 February.
pub(crate) fn months_before(at: UnixSeconds, months: u32) -> UnixSeconds {
    let (day, seconds) = (date(at), at.0 % DAY_SECONDS);
    // No month is so far back that the year 1970 would not be nearer.
    let months = i64::from(months.min(MONTHS_MAX));
    let before = instant(day.saturating_sub(Span::new().months(months)));
    if before.0 == 0 { before } else { UnixSeconds(before.0 + seconds) }
}

const DAY_SECONDS: u64 = 86_400;
/// 9,999 years.
const MONTHS_MAX: u32 = 119_988;

fn date(at: UnixSeconds) -> Date {
    let instant = i64::try_from(at.0).ok().and_then(|second| Timestamp::from_second(second).ok());
    instant.unwrap_or(Timestamp::MAX).to_zoned(TimeZone::UTC).date()
}

/// The first instant of `day`; 1970 for any before it.
fn instant(day: Date) -> UnixSeconds {
    let midnight = TimeZone::UTC.to_timestamp(day.at(0, 0, 0, 0)).unwrap_or(Timestamp::MAX);
    UnixSeconds(u64::try_from(midnight.as_second()).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> UnixSeconds {
        let instant: Timestamp = text.parse().unwrap();
        UnixSeconds(instant.as_second().try_into().unwrap())
    }

    #[test]
    fn a_month_begins_at_its_first_instant_and_ends_at_the_next_ones() {
        let cases = [
            ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "1970-02-01T00:00:00Z"),
            ("2026-11-30T23:59:59Z", "2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z"),
            ("2026-12-01T00:00:00Z", "2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z"),
            ("2026-12-31T23:59:59Z", "2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z"),
            ("2028-02-29T12:00:00Z", "2028-02-01T00:00:00Z", "2028-03-01T00:00:00Z"),
        ];
        for (now, start, next) in cases {
            assert_eq!(month_start(at(now)), at(start), "{now}");
            assert_eq!(next_month(at(now)), at(next), "{now}");
        }
    }

    #[test]
    fn months_back_keep_the_time_of_day_and_end_with_the_month() {
        let cases = [
            ("2026-03-31T10:20:30Z", 1, "2026-02-28T10:20:30Z"),
            ("2028-03-31T10:20:30Z", 1, "2028-02-29T10:20:30Z"),
            ("2026-05-31T00:00:00Z", 3, "2026-02-28T00:00:00Z"),
            ("2026-11-23T23:59:59Z", 3, "2026-08-23T23:59:59Z"),
            ("2028-02-29T01:00:00Z", 36, "2025-02-28T01:00:00Z"),
            ("2026-11-23T01:00:00Z", 0, "2026-11-23T01:00:00Z"),
            ("1970-03-01T01:00:00Z", 3, "1970-01-01T00:00:00Z"),
            ("2026-11-23T01:00:00Z", u32::MAX, "1970-01-01T00:00:00Z"),
        ];
        for (now, months, before) in cases {
            assert_eq!(months_before(at(now), months), at(before), "{now} less {months}");
        }
    }

    #[test]
    fn no_number_of_seconds_is_too_large() {
        let far = UnixSeconds(u64::MAX);
        assert!(month_start(far) <= next_month(far));
        assert!(months_before(far, 1) < far);
    }
}
