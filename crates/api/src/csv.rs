//! Rows as CSV (RFC 4180, UTF-8), for those who ask by `format=csv` or `Accept: text/csv`.

use accrual_rewards::unit::Amount;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};

use crate::accept;

/// What form an answer has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Json,
    Csv,
}

/// A row that can be a line of a table.
pub(crate) trait CsvRow {
    /// The names of its cells.
    const HEADER: &'static [&'static str];

    /// Its cells, in the same order; what is not known is empty.
    fn cells(&self) -> Vec<String>;
}

impl Format {
    /// `format=`: `json` or `csv`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        match text {
            "json" => Ok(Self::Json),
            "csv" => Ok(Self::Csv),
            _ => Err("must be json or csv".to_owned()),
        }
    }

    /// What the caller's headers ask for, where the query does not say.
    pub(crate) fn of(asked: Option<Self>, headers: &HeaderMap) -> Self {
        asked.unwrap_or_else(|| if accept::prefers_csv(headers) { Self::Csv } else { Self::Json })
    }
}

/// A table with a header line.
pub(crate) fn answer<Row: CsvRow>(rows: &[Row]) -> Response {
    let mut text = line(Row::HEADER.iter().map(|name| (*name).to_owned()));
    for row in rows {
        text.push_str(&line(row.cells().into_iter()));
    }
    let kind = HeaderValue::from_static("text/csv; charset=utf-8");
    ([(header::CONTENT_TYPE, kind)], text).into_response()
}

/// One cell, quoted where it must be and harmless in a spreadsheet.
pub fn safe_cell(text: &str) -> String {
    quoted(&harmless(text.to_owned()))
}

fn line(cells: impl Iterator<Item = String>) -> String {
    let cells: Vec<String> = cells.map(|cell| quoted(&harmless(cell))).collect();
    format!("{}\r\n", cells.join(","))
}

/// A cell that a spreadsheet would run as a formula gets an apostrophe, unless it is a number below zero.
fn harmless(cell: String) -> String {
    let is_number = cell.parse::<rust_decimal::Decimal>().is_ok();
    let runs = cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
    if runs && !is_number { format!("'{cell}") } else { cell }
}

fn quoted(cell: &str) -> String {
    if cell.contains([',', '"', '\r', '\n']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell.to_owned()
    }
}

/// A cell of something that may be unknown.
pub(crate) fn cell(value: Option<impl std::fmt::Display>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

/// An amount in whole tokens, every digit kept but trailing zeros; empty where the token's decimals are not known.
pub(crate) fn in_tokens(units: Amount, decimals: Option<u8>) -> String {
    let Some(decimals) = decimals.map(usize::from) else { return String::new() };
    let digits = format!("{:0>width$}", units.to_string(), width = decimals + 1);
    let (whole, fraction) = digits.split_at(digits.len() - decimals);
    match fraction.trim_end_matches('0') {
        "" => whole.to_owned(),
        fraction => format!("{whole}.{fraction}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_keep_every_digit() {
        let most = "115792089237316195423570985008687907853269984665640564039457584007913129639935";
        let cases = [
            ("0", Some(18), "0"),
            ("1", Some(18), "0.000000000000000001"),
            ("1500000", Some(6), "1.5"),
            ("20", Some(0), "20"),
            ("100", Some(1), "10"),
            (
                most,
                Some(77),
                "1.15792089237316195423570985008687907853269984665640564039457584007913129639935",
            ),
            ("7", None, ""),
        ];
        for (units, decimals, expected) in cases {
            assert_eq!(in_tokens(units.parse().unwrap(), decimals), expected, "{units} {decimals:?}");
        }
    }

    #[test]
    fn cells_are_quoted_and_run_nothing() {
        let cases = [
            ("plain", "plain"),
            ("a,b", "\"a,b\""),
            ("say \"x\"", "\"say \"\"x\"\"\""),
            ("=1+1", "'=1+1"),
            ("@sum", "'@sum"),
            ("-600", "-600"),
            ("-x", "'-x"),
            ("\tx", "'\tx"),
            ("", ""),
        ];
        for (cell, expected) in cases {
            assert_eq!(line([cell.to_owned()].into_iter()), format!("{expected}\r\n"), "{cell:?}");
        }
    }
}
