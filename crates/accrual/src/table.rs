//! A report for a terminal and for a spreadsheet.

mod said;

use std::fmt::Write;

use accrual_api::Token;
use accrual_api::view::{EarnedRow, Finality, ReportView};
use accrual_rewards::unit::Amount;

use crate::figures::{cut, exact, percent};

/// Decimals of a token shown in a table; all of them stand in JSON and CSV.
const PLACES: usize = 4;

/// Stands behind an account that probably holds for others.
const MISS: char = '*';

/// The sums and the first `rows_max` rows, aligned.
pub(crate) fn report(view: &ReportView, token: Option<&Token>, rows_max: usize) -> String {
    let (decimals, symbol) = scale(token);
    let mut text = String::new();
    if let Some(notice) = &view.notice {
        let _ = writeln!(text, "{notice}\n");
    }
    let as_of = &view.as_of.as_of;
    let _ = writeln!(text, "campaign       {}   scoring {}", view.campaign, view.scoring);
    let _ = writeln!(
        text,
        "as of          block {}, {}, {}",
        as_of.block_number,
        as_of.at,
        finality(view.as_of.finality)
    );
    let sums = [
        ("budget", view.sums.budget_units),
        ("emitted", view.sums.emitted_units),
        ("earned", view.sums.earned_units),
        ("undistributed", view.sums.undistributed_units),
    ];
    for (name, units) in sums {
        let _ = writeln!(text, "{name:<14} {:>28} {symbol}", cut(units, decimals, PLACES));
    }
    if let Some(announced) = &view.announced {
        text.push_str(&said::said(announced, decimals, &symbol));
    }
    let _ = writeln!(text);
    let rows: Vec<Row> = view.data.iter().map(Row::of).collect();
    let _ = writeln!(text, "{:>4}  {:<42}  {:>24}  {:>9}  POSITIONS", "#", "ACCOUNT", symbol, "SHARE %");
    for (place, row) in rows.iter().take(rows_max).enumerate() {
        let _ = writeln!(
            text,
            "{:>4}  {:<42}{} {:>24}  {:>9}  {}",
            place + 1,
            row.account,
            if row.probable_miss { MISS } else { ' ' },
            cut(row.earned, decimals, PLACES),
            percent(row.share_ppm),
            row.positions
        );
    }
    if rows.len() > rows_max {
        let _ = writeln!(text, "      and {} more", rows.len() - rows_max);
    }
    if rows.iter().take(rows_max).any(|row| row.probable_miss) {
        let _ = writeln!(
            text,
            "\n{MISS} a contract, and no wrapper that is named: it may hold for others. If so, name it in [[pools.wrappers]]."
        );
    }
    text
}

/// Decimals and the name of what is counted; the smallest units where the token's decimals are not known.
fn scale(token: Option<&Token>) -> (u8, String) {
    match token {
        Some(Token { decimals: Some(decimals), symbol }) => {
            (*decimals, symbol.as_deref().map_or("tokens".to_owned(), printable))
        }
        _ => (0, "units".to_owned()),
    }
}

fn finality(finality: Finality) -> &'static str {
    match finality {
        Finality::Latest => "not final yet",
        Finality::Safe => "safe, not final yet",
        Finality::Finalized => "final",
    }
}

/// RFC 4180, with units and decimals.
pub(crate) fn csv(view: &ReportView, token: Option<&Token>) -> String {
    let mut text = String::from("account,position,earned_units,earned_decimal,share_ppm,probable_miss\r\n");
    for row in view.data.iter().map(Row::of) {
        let decimals = token.and_then(|token| token.decimals);
        let decimal = decimals.map_or(String::new(), |decimals| exact(row.earned, decimals).replace(',', ""));
        let position = row.position.unwrap_or_default();
        let Row { account, earned, share_ppm, probable_miss, .. } = row;
        let _ = write!(text, "{account},{position},{earned},{decimal},{share_ppm},{probable_miss}\r\n");
    }
    text
}

struct Row {
    account: String,
    position: Option<String>,
    earned: Amount,
    share_ppm: u32,
    positions: String,
    probable_miss: bool,
}

impl Row {
    fn of(row: &EarnedRow) -> Self {
        match row {
            EarnedRow::Account(row) => Self {
                account: row.account.to_string(),
                position: None,
                earned: row.earned_units,
                share_ppm: row.share_ppm,
                positions: row.positions.len().to_string(),
                probable_miss: row.probable_miss,
            },
            EarnedRow::Position(row) => Self {
                account: row.account.to_string(),
                position: Some(row.earned.position.clone()),
                earned: row.earned.earned_units,
                share_ppm: row.share_ppm,
                positions: row.earned.position.clone(),
                probable_miss: row.probable_miss,
            },
        }
    }
}

/// A symbol is a stranger's choice: what could move the cursor or hide text is left out.
fn printable(symbol: &str) -> String {
    let shown = accrual_rewards::symbol::harmless(symbol).unwrap_or_default();
    shown.chars().filter(|c| c.is_ascii_graphic()).take(12).collect()
}
