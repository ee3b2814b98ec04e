//! The page's pieces: escaped text, amounts with their units, tables, and a line of time.

use std::fmt::Write;

use accrual_api::Token;
use accrual_api::view::Rfc3339;
use accrual_rewards::explain::Timeline;
use accrual_rewards::unit::{Amount, SignedAmount, UnixSeconds};

use crate::figures::{cut, exact};

/// How amounts of the reward token are written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Money<'a> {
    pub(super) token: Option<&'a Token>,
}

impl Money<'_> {
    /// Whole tokens with every digit; smallest units where its decimals are not known.
    pub(super) fn amount(&self, units: Amount) -> String {
        match self.token.and_then(|token| token.decimals) {
            Some(decimals) => exact(units, decimals),
            None => units.to_string(),
        }
    }

    /// The same, cut after four decimals where that leaves something: for a large figure with its units below it.
    pub(super) fn brief(&self, units: Amount) -> String {
        let Some(decimals) = self.token.and_then(|token| token.decimals) else { return units.to_string() };
        let short = cut(units, decimals, 4);
        let leaves_nothing = units == Amount::ZERO || short.starts_with('<');
        if leaves_nothing { exact(units, decimals) } else { short }
    }

    /// With its sign, every digit; nothing is `0`.
    pub(super) fn signed(&self, units: SignedAmount) -> String {
        format!("{}{}", sign(units), self.amount(units.magnitude()))
    }

    /// With its sign, as [`Money::brief`].
    pub(super) fn signed_brief(&self, units: SignedAmount) -> String {
        format!("{}{}", sign(units), self.brief(units.magnitude()))
    }

    /// What an amount is of.
    pub(super) fn symbol(&self) -> String {
        let symbol =
            self.token.filter(|token| token.decimals.is_some()).and_then(|token| token.symbol.clone());
        symbol.map_or("units".to_owned(), |symbol| escaped(&symbol))
    }
}

fn sign(units: SignedAmount) -> &'static str {
    match (units.0.is_zero(), units.0.is_negative()) {
        (true, _) => "",
        (false, true) => "\u{2212}",
        (false, false) => "+",
    }
}

/// A figure with its name, its unit, and the smallest units below it.
pub(super) fn card(page: &mut String, name: &str, figure: &str, note: &str, units: Option<String>) {
    let units = units.map_or(String::new(), |units| format!("<div class=\"units\">{units} units</div>"));
    let _ = write!(
        page,
        "<div class=\"card\"><span>{name}</span><b>{figure}</b><span>{note}</span>{units}</div>"
    );
}

/// Names and values, a row each; values are escaped.
pub(super) fn facts(page: &mut String, rows: &[(&str, String)]) {
    page.push_str("<div class=\"wide\"><table><tbody>");
    for (name, value) in rows {
        let _ = write!(page, "<tr><th>{name}</th><td class=\"mono\">{}</td></tr>", escaped(value));
    }
    page.push_str("</tbody></table></div>\n");
}

/// The head of a table with these columns; those that end with `#` hold numbers.
pub(super) fn columns(page: &mut String, names: &[&str]) {
    page.push_str("<div class=\"wide\"><table><thead><tr>");
    for name in names {
        let _ = match name.strip_suffix('#') {
            Some(name) => write!(page, "<th class=\"n\">{name}</th>"),
            None => write!(page, "<th>{name}</th>"),
        };
    }
    page.push_str("</tr></thead><tbody>\n");
}

pub(super) fn end_of_table(page: &mut String) {
    page.push_str("</tbody></table></div>\n");
}

/// Two amounts as bars of one scale.
pub(super) fn bars(page: &mut String, rows: [(&str, &str, Amount); 2]) {
    let most = rows.iter().map(|(_, _, amount)| *amount).max().unwrap_or_default();
    page.push_str("<div class=\"bars\">");
    for (name, class, amount) in rows {
        let share = per_mille(amount, most);
        let _ = write!(
            page,
            "<span>{name}</span><i class=\"{class}\" style=\"width:{}.{}%\"></i>",
            share / 10,
            share % 10
        );
    }
    page.push_str("</div>\n");
}

/// When a position earned and when not, as one line from its first stretch to `until`.
pub(super) fn line(page: &mut String, timeline: &Timeline, until: UnixSeconds) {
    let Some(first) = timeline.stretches.first() else { return };
    let from = first.from.at;
    let width = until.since(from).max(1);
    page.push_str(
        "<svg class=\"line\" viewBox=\"0 0 10000 10\" preserveAspectRatio=\"none\" aria-hidden=\"true\">",
    );
    for stretch in &timeline.stretches {
        let end = stretch.to.map_or(until, |to| to.at.min(until));
        let place = |at: UnixSeconds| at.since(from).saturating_mul(10_000) / width;
        let class = if stretch.standing.is_earning() { "earning" } else { "idle" };
        let (x, to) = (place(stretch.from.at), place(end));
        let _ = write!(
            page,
            "<rect class=\"{class}\" x=\"{x}\" y=\"0\" width=\"{}\" height=\"10\"/>",
            to.saturating_sub(x).max(10)
        );
    }
    let _ = writeln!(
        page,
        "</svg><div class=\"ends\"><span>{}</span><span>{}</span></div>",
        Rfc3339(from),
        Rfc3339(until)
    );
}

fn per_mille(part: Amount, whole: Amount) -> u64 {
    let thousand = alloy_primitives::U256::from(1_000_u32);
    let share = part.mul_div(thousand, whole.0).and_then(|share| u64::try_from(share.0).ok());
    share.unwrap_or_default()
}

/// `first_words` as people write it.
pub(super) fn spoken(name: &str) -> String {
    name.replace('_', " ")
}

/// Text inside HTML, in an attribute's quotes as well.
pub(super) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c if c.is_control() => safe.push(' '),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_figure_is_cut_and_a_small_one_has_every_digit() {
        let token = Token { symbol: None, decimals: Some(6) };
        let money = Money { token: Some(&token) };
        for (units, text) in [("0", "0"), ("77", "0.000077"), ("1234567", "1.2345")] {
            assert_eq!(money.brief(units.parse().unwrap()), text);
        }
    }

    #[test]
    fn nothing_that_others_wrote_becomes_markup() {
        let cases = [
            ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
            ("a\" onload='x' & b", "a&quot; onload=&#39;x&#39; &amp; b"),
            ("plain\u{7}", "plain "),
        ];
        for (text, expected) in cases {
            assert_eq!(escaped(text), expected);
        }
    }
}
