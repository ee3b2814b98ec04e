//! The same as CSV: a line a row, as `accrual report --format csv` has it.

use accrual_rewards::unit::Amount;
use axum::response::Response;

use crate::csv::{self, CsvRow, in_tokens};
use crate::view::{By, EarnedRow, Eip55};

/// What one account earned.
struct AccountLine(Line);

/// What one position earned for an account.
struct PositionLine(Line);

struct Line {
    account: Eip55,
    position: String,
    earned_units: Amount,
    decimals: Option<u8>,
    share_ppm: u32,
    probable_miss: bool,
}

/// `decimals` are the reward token's.
pub(super) fn answer(rows: &[EarnedRow], by: By, decimals: Option<u8>) -> Response {
    let lines = rows.iter().map(|row| Line::of(row, decimals));
    match by {
        By::Account => csv::answer(&lines.map(AccountLine).collect::<Vec<_>>()),
        By::Position => csv::answer(&lines.map(PositionLine).collect::<Vec<_>>()),
    }
}

impl Line {
    fn of(row: &EarnedRow, decimals: Option<u8>) -> Self {
        match row {
            EarnedRow::Account(row) => Self {
                account: row.account,
                position: String::new(),
                earned_units: row.earned_units,
                decimals,
                share_ppm: row.share_ppm,
                probable_miss: row.probable_miss,
            },
            EarnedRow::Position(row) => Self {
                account: row.account,
                position: row.earned.position.clone(),
                earned_units: row.earned.earned_units,
                decimals,
                share_ppm: row.share_ppm,
                probable_miss: row.probable_miss,
            },
        }
    }

    /// What both forms end with.
    fn figures(&self) -> [String; 4] {
        [
            self.earned_units.to_string(),
            in_tokens(self.earned_units, self.decimals),
            self.share_ppm.to_string(),
            self.probable_miss.to_string(),
        ]
    }
}

impl CsvRow for AccountLine {
    const HEADER: &'static [&'static str] =
        &["account", "earned_units", "earned_decimal", "share_ppm", "probable_miss"];

    fn cells(&self) -> Vec<String> {
        std::iter::once(self.0.account.to_string()).chain(self.0.figures()).collect()
    }
}

impl CsvRow for PositionLine {
    const HEADER: &'static [&'static str] =
        &["account", "position", "earned_units", "earned_decimal", "share_ppm", "probable_miss"];

    fn cells(&self) -> Vec<String> {
        [self.0.account.to_string(), self.0.position.clone()].into_iter().chain(self.0.figures()).collect()
    }
}
