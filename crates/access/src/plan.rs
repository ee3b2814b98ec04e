//! Plans: what a client may ask for, how often, and how far back. A plan's numbers change with time, so a plan is
//! several rows of one name, each good for a stretch of time; an invoice names the row that it used.

use std::fmt;
use std::str::FromStr;

use accrual_rewards::unit::UnixSeconds;

use crate::month::months_before;
use crate::scope::Scopes;

/// What one plan offers, while the row is good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The plan's name: lower-case letters, digits, `-` and `_`.
    pub name: String,
    /// From this instant on, included.
    pub valid_from: UnixSeconds,
    /// Up to this one, excluded; none for ever.
    pub valid_until: Option<UnixSeconds>,
    /// Calls that the plan's price includes, each calendar month.
    pub calls_per_month: u64,
    /// The most calls in any 60 seconds.
    pub calls_per_minute: u32,
    /// How far back answers reach.
    pub history: History,
    /// What a call beyond the month's costs, in micro-dollars; none where there is no such call.
    pub overage_microusd: Option<u64>,
    /// What a client that has set no cap of its own spends on such calls at most, each month, in micro-dollars.
    pub spend_cap_microusd: u64,
    /// What a marketplace calls the plan.
    pub marketplace_name: Option<String>,
    /// The most that keys of the plan's clients can do, whatever their scopes say.
    pub features: Scopes,
}

/// How far back a plan's answers reach, by the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum History {
    /// So many times 24 hours.
    Days(u32),
    /// So many calendar months.
    Months(u32),
    /// So many calendar years.
    Years(u32),
    /// To the beginning.
    Unlimited,
}

/// A text that is no length of history.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no history: write it as \"30 days\", \"3 months\", \"3 years\" or \"unlimited\"")]
pub struct MalformedHistory(String);

/// Every row of every plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plans(Vec<Plan>);

/// Rows that are no table of plans. `index` counts the rows from 0.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "each variant's sentence names its fields")]
pub enum PlansError {
    #[error("{name:?} is no name for a plan: 1 to 32 of lower-case letters, digits, '-' and '_'")]
    BadName { index: usize, name: String },
    #[error("plan {name} has {what} 0: it must be at least 1")]
    Zero { index: usize, name: String, what: &'static str },
    #[error("plan {name} ends before it begins: valid_until must lie after valid_from")]
    Backwards { index: usize, name: String },
    #[error("plan {name} has two rows for {at} (Unix seconds): end the earlier one where the later begins")]
    Overlap { index: usize, name: String, at: UnixSeconds },
    #[error(
        "plan {name} has the marketplace name {marketplace_name}, which plan {other} has at the same time"
    )]
    SharedMarketplaceName { index: usize, name: String, other: String, marketplace_name: String },
}

impl Plan {
    /// Whether the row is good at `at`.
    pub fn is_valid_at(&self, at: UnixSeconds) -> bool {
        self.valid_from <= at && self.valid_until.is_none_or(|end| at < end)
    }

    /// An instant at which both rows are good, the first there is.
    fn meets(&self, other: &Self) -> Option<UnixSeconds> {
        let later = self.valid_from.max(other.valid_from);
        (self.is_valid_at(later) && other.is_valid_at(later)).then_some(later)
    }
}

impl Plans {
    /// The table of these rows.
    ///
    /// # Errors
    /// The first row that has a bad name, a zero for a limit, no time in which it is good, or shares some of that time
    /// with another row of its name or marketplace name.
    pub fn new(rows: Vec<Plan>) -> Result<Self, PlansError> {
        for (index, row) in rows.iter().enumerate() {
            check(index, row)?;
            for other in &rows[..index] {
                check_beside(index, row, other)?;
            }
        }
        Ok(Self(rows))
    }

    /// The row of the plan `name` that is good at `at`.
    pub fn at(&self, name: &str, at: UnixSeconds) -> Option<&Plan> {
        self.0.iter().find(|row| row.name == name && row.is_valid_at(at))
    }

    /// The row that a marketplace means by `name` at `at`.
    pub fn marketplace(&self, name: &str, at: UnixSeconds) -> Option<&Plan> {
        self.0.iter().find(|row| row.marketplace_name.as_deref() == Some(name) && row.is_valid_at(at))
    }

    /// Each row, as it was given.
    pub fn iter(&self) -> impl Iterator<Item = &Plan> {
        self.0.iter()
    }
}

fn check(index: usize, row: &Plan) -> Result<(), PlansError> {
    let name = row.name.clone();
    let safe = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
    if !(1..=32).contains(&name.len()) || !name.bytes().all(safe) {
        return Err(PlansError::BadName { index, name: name.chars().take(80).collect() });
    }
    let limits = [
        ("calls_per_month", row.calls_per_month == 0),
        ("calls_per_minute", row.calls_per_minute == 0),
        // A price of nothing would make the month endless.
        ("overage_microusd", row.overage_microusd == Some(0)),
        ("history", row.history.is_nothing()),
    ];
    if let Some((what, _)) = limits.into_iter().find(|(_, is_zero)| *is_zero) {
        return Err(PlansError::Zero { index, name, what });
    }
    if row.valid_until.is_some_and(|end| end <= row.valid_from) {
        return Err(PlansError::Backwards { index, name });
    }
    Ok(())
}

fn check_beside(index: usize, row: &Plan, other: &Plan) -> Result<(), PlansError> {
    let Some(at) = row.meets(other) else { return Ok(()) };
    let name = row.name.clone();
    if row.name == other.name {
        return Err(PlansError::Overlap { index, name, at });
    }
    match &row.marketplace_name {
        Some(shared) if other.marketplace_name.as_ref() == Some(shared) => {
            let (other, marketplace_name) = (other.name.clone(), shared.clone());
            Err(PlansError::SharedMarketplaceName { index, name, other, marketplace_name })
        }
        _ => Ok(()),
    }
}

impl History {
    /// The earliest instant that may be told of at `now`; `None` when all may be.
    pub fn starts_at(self, now: UnixSeconds) -> Option<UnixSeconds> {
        match self {
            Self::Days(days) => Some(UnixSeconds(now.0.saturating_sub(u64::from(days) * 86_400))),
            Self::Months(months) => Some(months_before(now, months)),
            Self::Years(years) => Some(months_before(now, years.saturating_mul(12))),
            Self::Unlimited => None,
        }
    }

    fn is_nothing(self) -> bool {
        matches!(self, Self::Days(0) | Self::Months(0) | Self::Years(0))
    }
}

impl FromStr for History {
    type Err = MalformedHistory;

    fn from_str(text: &str) -> Result<Self, MalformedHistory> {
        let error = || MalformedHistory(text.chars().take(80).collect());
        if text == "unlimited" {
            return Ok(Self::Unlimited);
        }
        let (count, unit) = text.split_once(' ').ok_or_else(error)?;
        let count: u32 = count.parse().map_err(|_| error())?;
        match unit {
            "day" | "days" => Ok(Self::Days(count)),
            "month" | "months" => Ok(Self::Months(count)),
            "year" | "years" => Ok(Self::Years(count)),
            _ => Err(error()),
        }
    }
}

impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (count, unit) = match self {
            Self::Days(count) => (count, "day"),
            Self::Months(count) => (count, "month"),
            Self::Years(count) => (count, "year"),
            Self::Unlimited => return f.write_str("unlimited"),
        };
        write!(f, "{count} {unit}{}", if *count == 1 { "" } else { "s" })
    }
}

/// The plans that are on offer unless the configuration has a table of its own (`facts/api.md` section 3).
///
/// # Errors
/// Never; the rows are checked like any others.
pub fn published() -> Result<Plans, PlansError> {
    let row = |name: &str, marketplace: &str, month, minute, history, overage| Plan {
        name: name.to_owned(),
        valid_from: UnixSeconds(0),
        valid_until: None,
        calls_per_month: month,
        calls_per_minute: minute,
        history,
        overage_microusd: overage,
        spend_cap_microusd: 100_000_000,
        marketplace_name: Some(marketplace.to_owned()),
        features: crate::scope::Scope::ALL.into_iter().collect(),
    };
    Plans::new(vec![
        row("free", "BASIC", 5_000, 20, History::Days(30), None),
        row("advanced", "PRO", 20_000, 60, History::Months(3), Some(5_000)),
        row("premium", "ULTRA", 100_000, 180, History::Years(3), Some(5_000)),
        row("vip", "MEGA", 500_000, 600, History::Unlimited, Some(5_000)),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scope::Scope;

    fn row(name: &str, from: u64, until: Option<u64>) -> Plan {
        Plan {
            name: name.to_owned(),
            valid_from: UnixSeconds(from),
            valid_until: until.map(UnixSeconds),
            calls_per_month: from + 1,
            calls_per_minute: 1,
            history: History::Days(30),
            overage_microusd: None,
            spend_cap_microusd: 0,
            marketplace_name: None,
            features: Scope::ALL.into_iter().collect(),
        }
    }

    /// Calls a month and a minute, history, the price of a call beyond, the marketplace's name: as published.
    #[test]
    fn the_published_offer() {
        let plans = published().unwrap();
        let offer = [
            ("free", 5_000, 20, History::Days(30), None, "BASIC"),
            ("advanced", 20_000, 60, History::Months(3), Some(5_000), "PRO"),
            ("premium", 100_000, 180, History::Years(3), Some(5_000), "ULTRA"),
            ("vip", 500_000, 600, History::Unlimited, Some(5_000), "MEGA"),
        ];
        let told = plans.iter().map(|row| {
            let marketplace = row.marketplace_name.as_deref().unwrap_or_default();
            let (month, minute) = (row.calls_per_month, row.calls_per_minute);
            (row.name.as_str(), month, minute, row.history, row.overage_microusd, marketplace)
        });
        let (mut told, mut offer) = (told.collect::<Vec<_>>(), offer.to_vec());
        told.sort_by_key(|row| row.1);
        offer.sort_by_key(|row| row.1);
        assert_eq!(told, offer);
    }

    #[test]
    fn a_row_is_good_from_its_first_instant_up_to_its_end() {
        let plans =
            Plans::new(vec![row("a", 10, Some(20)), row("a", 20, None), row("b", 0, Some(15))]).unwrap();
        let calls = |name, at| plans.at(name, UnixSeconds(at)).map(|row| row.calls_per_month);
        assert_eq!(
            [9, 10, 19, 20, 99].map(|at| calls("a", at)),
            [None, Some(11), Some(11), Some(21), Some(21)]
        );
        assert_eq!([0, 14, 15].map(|at| calls("b", at)), [Some(1), Some(1), None]);
        assert_eq!(calls("c", 10), None);
        assert_eq!(plans.iter().count(), 3);
    }

    #[test]
    fn rows_of_one_name_never_meet() {
        let cases = [
            (row("a", 0, Some(10)), row("a", 10, None), None),
            (row("a", 10, None), row("a", 0, Some(10)), None),
            (row("a", 0, Some(11)), row("a", 10, None), Some(10)),
            (row("a", 10, None), row("a", 0, Some(11)), Some(10)),
            (row("a", 0, None), row("a", 5, Some(6)), Some(5)),
            (row("a", 5, Some(6)), row("a", 0, None), Some(5)),
            (row("a", 5, None), row("a", 5, None), Some(5)),
            (row("a", 0, None), row("b", 0, None), None),
        ];
        for (first, second, meets) in cases {
            let found = Plans::new(vec![first.clone(), second.clone()]);
            let expected =
                meets.map(|at| PlansError::Overlap { index: 1, name: "a".to_owned(), at: UnixSeconds(at) });
            assert_eq!(found.err(), expected, "{first:?} {second:?}");
        }
    }

    #[test]
    fn what_is_no_row() {
        let name = || "a".to_owned();
        let zero = |what| PlansError::Zero { index: 0, name: name(), what };
        let cases = [
            (Plan { calls_per_month: 0, ..row("a", 0, None) }, zero("calls_per_month")),
            (Plan { calls_per_minute: 0, ..row("a", 0, None) }, zero("calls_per_minute")),
            (Plan { overage_microusd: Some(0), ..row("a", 0, None) }, zero("overage_microusd")),
            (Plan { history: History::Days(0), ..row("a", 0, None) }, zero("history")),
            (Plan { history: History::Months(0), ..row("a", 0, None) }, zero("history")),
            (Plan { history: History::Years(0), ..row("a", 0, None) }, zero("history")),
            (row("a", 5, Some(5)), PlansError::Backwards { index: 0, name: name() }),
            (row("a", 5, Some(4)), PlansError::Backwards { index: 0, name: name() }),
        ];
        for (bad, error) in cases {
            assert_eq!(Plans::new(vec![bad]), Err(error));
        }
        for bad in ["", "Free", "a b", "a.b", &"a".repeat(33)] {
            let error = PlansError::BadName { index: 0, name: bad.to_owned() };
            assert_eq!(Plans::new(vec![row(bad, 0, None)]), Err(error));
        }
        for good in ["a", "pro-2_x", &"a".repeat(32)] {
            assert!(Plans::new(vec![row(good, 0, None)]).is_ok(), "{good}");
        }
        let least = Plan {
            calls_per_month: 1,
            overage_microusd: Some(1),
            history: History::Days(1),
            ..row("a", 0, Some(1))
        };
        assert!(Plans::new(vec![least]).is_ok());
    }

    #[test]
    fn a_marketplace_means_one_plan_at_a_time() {
        let named = |row: Plan| Plan { marketplace_name: Some("PRO".to_owned()), ..row };
        let other = Plan { marketplace_name: Some("BASIC".to_owned()), ..row("d", 0, None) };
        let plans = vec![named(row("a", 0, Some(10))), named(row("b", 10, None)), row("c", 0, None), other];
        let plans = Plans::new(plans).unwrap();
        let name = |at| plans.marketplace("PRO", UnixSeconds(at)).map(|row| row.name.as_str());
        assert_eq!([0, 9, 10].map(name), [Some("a"), Some("a"), Some("b")]);
        assert_eq!(plans.marketplace("ULTRA", UnixSeconds(0)), None);
        let shared = Plans::new(vec![named(row("a", 0, Some(11))), named(row("b", 10, None))]);
        let sentence = shared.unwrap_err().to_string();
        assert_eq!(sentence, "plan b has the marketplace name PRO, which plan a has at the same time");
    }

    #[test]
    fn history_goes_by_the_calendar() {
        // 31 May 2026, 12:00 UTC.
        let now = UnixSeconds(1_780_228_800);
        let cases = [
            ("30 days", Some(now.0 - 30 * 86_400)),
            ("1 day", Some(now.0 - 86_400)),
            // 28 February 2026, 12:00 UTC: a month without a 31st ends with its last day.
            ("3 months", Some(1_772_280_000)),
            // 31 May 2023, 12:00 UTC.
            ("3 years", Some(1_685_534_400)),
            ("unlimited", None),
        ];
        for (text, starts_at) in cases {
            let history: History = text.parse().unwrap();
            assert_eq!(history.starts_at(now), starts_at.map(UnixSeconds), "{text}");
            assert_eq!(history.to_string(), text);
        }
        assert_eq!(History::Days(u32::MAX).starts_at(UnixSeconds(5)), Some(UnixSeconds(0)));
        assert_eq!("1 month".parse(), Ok(History::Months(1)));
        assert_eq!("1 year".parse(), Ok(History::Years(1)));
        for text in ["", "30", "30days", "x days", "-1 days", "3 weeks", "Unlimited"] {
            assert_eq!(text.parse::<History>(), Err(MalformedHistory(text.to_owned())));
        }
    }
}
