//! A comparison for a terminal, a spreadsheet and a program.

use std::fmt::Write;

use accrual_api::Token;
use accrual_api::reconciliation::{ComparisonView, RowView, by_reason};
use accrual_api::view::Rfc3339;
use accrual_rewards::reconcile::AccountRow;
use accrual_rewards::unit::{Amount, SignedAmount};
use serde::Serialize;

use crate::figures::{cut, exact};

const PLACES: usize = 4;

/// A comparison with all its rows, or one account's.
#[derive(Serialize)]
pub(crate) struct Whole<'a> {
    #[serde(flatten)]
    pub(crate) comparison: &'a ComparisonView,
    pub(crate) data: Vec<RowView>,
}

/// The sums, what was found, and the rows that differ.
pub(crate) fn table(view: &ComparisonView, rows: &[AccountRow], token: Option<&Token>) -> String {
    let decimals = token.and_then(|token| token.decimals).unwrap_or(0);
    let mut text = String::new();
    let _ = writeln!(text, "campaign       {}   scoring {}", view.campaign, view.scoring);
    let _ = writeln!(text, "theirs         {}", printable(&view.source));
    let _ = writeln!(text, "computed until {}", view.computed_until);
    let sums = [
        ("budget", view.budget_units),
        ("expected", view.expected_units),
        ("paid", view.paid_units),
        ("remainder", view.remainder_units),
        ("ours", view.ours_units),
        ("difference", view.difference_units),
    ];
    for (name, units) in sums {
        let _ = writeln!(text, "{name:<14} {:>28}", cut(units, decimals, PLACES));
    }
    if let Some(factor) = view.catch_up_ppm {
        let _ = writeln!(
            text,
            "catch-up       {:>28}",
            format!("{}.{:06}", factor / 1_000_000, factor % 1_000_000)
        );
    }
    let verdict = if view.is_beyond { "BEYOND" } else { "within" };
    let _ = writeln!(
        text,
        "\n{} ppm apart, {verdict} the tolerance of {} ppm; the scoring that fits best is {}",
        view.difference_ppm, view.tolerance_ppm, view.best_scoring
    );
    for fit in &view.fits {
        let _ = writeln!(
            text,
            "  {:<14} {:>10} ppm, {} accounts equal",
            fit.scoring, fit.difference_ppm, fit.equal_count
        );
    }
    for alarm in &view.alarms {
        let _ = writeln!(text, "ALARM {}: {}", alarm.alarm, alarm.text);
    }
    for gap in &view.gaps {
        let _ = writeln!(text, "{}", gap.text);
    }
    checks(&mut text, view);
    for (reason, sum) in by_reason(rows) {
        let units = cut(sum.difference_units, decimals, PLACES);
        let _ = writeln!(text, "{reason:<20} {:>5} accounts  {units:>24}", sum.accounts_count);
    }
    let differing: Vec<&AccountRow> =
        rows.iter().filter(|row| row.difference.magnitude() > Amount::ZERO).collect();
    if differing.is_empty() {
        let _ = writeln!(text, "\nall {} accounts are equal to the unit", rows.len());
        return text;
    }
    let _ =
        writeln!(text, "\n{:<42}  {:>22}  {:>22}  {:>22}  REASON", "ACCOUNT", "THEIRS", "OURS", "DIFFERENCE");
    for row in differing {
        let theirs =
            row.theirs.as_ref().map_or("-".to_owned(), |theirs| cut(theirs.computed, decimals, PLACES));
        let ours = ours_of(row, view).map_or("-".to_owned(), |ours| cut(ours, decimals, PLACES));
        let evidence = row.evidence.as_ref().map(ToString::to_string).unwrap_or_default();
        let _ = writeln!(
            text,
            "{:<42}  {theirs:>22}  {ours:>22}  {:>22}  {}: {evidence}",
            row.account.to_checksum(None),
            signed(row.difference, decimals),
            row.reason.map_or("", accrual_rewards::reconcile::Reason::as_str),
        );
        for run in &row.runs {
            let (from, until) = (Rfc3339(run.from), Rfc3339(run.until));
            let _ = writeln!(text, "    {from} to {until}  {}", signed(run.difference, decimals));
        }
    }
    text
}

/// What they say of themselves, as far as it was looked at.
fn checks(text: &mut String, view: &ComparisonView) {
    let checks = &view.checks;
    if checks.users_count > 0 {
        let _ = writeln!(text, "{} accounts' own pages were held against the list", checks.users_count);
    }
    if let Some(roots) = &checks.roots {
        let block = roots.block_number.map_or(String::new(), |block| format!(" as of block {block}"));
        let _ = writeln!(text, "the root that they tell against the Distributor's{block}: {}", roots.verdict);
        if roots.listed_not_given_count > 0 {
            let count = roots.listed_not_given_count;
            let _ = writeln!(
                text,
                "{count} roots of their list were not given to the Distributor{block}; they may never have been sent"
            );
        }
    }
    for what in &checks.not_told {
        let _ = writeln!(text, "not told: {}", printable(what));
    }
}

/// RFC 4180: a line an account.
pub(crate) fn csv(view: &ComparisonView, rows: &[AccountRow], token: Option<&Token>) -> String {
    let mut text = String::from(
        "account,theirs_units,amount_units,pending_units,claimed_units,ours_units,difference_units,difference_decimal,difference_ppm,best_scoring,reason,evidence\r\n",
    );
    for row in rows {
        let unit = |amount: Option<Amount>| amount.map(|amount| amount.to_string()).unwrap_or_default();
        let theirs = row.theirs.as_ref();
        let decimals = token.and_then(|token| token.decimals);
        let sign = if row.difference.0.is_negative() { "-" } else { "" };
        let decimal = decimals.map(|decimals| {
            format!("{sign}{}", exact(row.difference.magnitude(), decimals).replace(',', ""))
        });
        let evidence = row.evidence.as_ref().map(ToString::to_string).unwrap_or_default();
        let cells = [
            row.account.to_checksum(None),
            unit(theirs.map(|theirs| theirs.computed)),
            unit(theirs.map(|theirs| theirs.amount)),
            unit(theirs.map(|theirs| theirs.pending)),
            unit(theirs.and_then(|theirs| theirs.claimed)),
            unit(ours_of(row, view)),
            row.difference.to_string(),
            decimal.unwrap_or_default(),
            row.difference_ppm.map(|ppm| ppm.to_string()).unwrap_or_default(),
            row.best_scoring.as_str().to_owned(),
            row.reason.map_or("", accrual_rewards::reconcile::Reason::as_str).to_owned(),
            format!("\"{}\"", evidence.replace('"', "\"\"")),
        ];
        let _ = write!(text, "{}\r\n", cells.join(","));
    }
    text
}

/// Ours by the scoring that fits the campaign best.
pub(crate) fn ours_of(row: &AccountRow, view: &ComparisonView) -> Option<Amount> {
    row.ours.iter().find(|(scoring, _)| scoring.as_str() == view.best_scoring).map(|(_, amount)| *amount)
}

/// With its sign; `<+0.0001` and `>-0.0001` of what is not nothing and would look like it.
pub(crate) fn signed(difference: SignedAmount, decimals: u8) -> String {
    let (sign, beyond) = if difference.0.is_negative() { ('-', '>') } else { ('+', '<') };
    let size = cut(difference.magnitude(), decimals, PLACES);
    match size.strip_prefix('<') {
        Some(least) => format!("{beyond}{sign}{least}"),
        None => format!("{sign}{size}"),
    }
}

/// A source is what somebody typed: nothing of it may move the cursor.
fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}

#[cfg(test)]
mod tests {
    use alloy_primitives::I256;

    use super::*;

    #[test]
    fn a_difference_too_small_to_show_does_not_look_like_none() {
        let cases = [
            ("0", "+0.0000"),
            ("77", "<+0.0001"),
            ("-77", ">-0.0001"),
            ("100000000000000", "+0.0001"),
            ("-1500000000000000000", "-1.5000"),
        ];
        for (units, text) in cases {
            assert_eq!(signed(SignedAmount(units.parse::<I256>().unwrap()), 18), text);
        }
    }
}
