//! Figures as people read them. What is not known is said so; what strangers chose cannot move the cursor.

use accrual_client::Units;
use accrual_client::types::Token;
use accrual_rewards::symbol;
use accrual_rewards::unit::Amount;
use rust_decimal::{Decimal, RoundingStrategy};

use super::pace::amount;
use crate::figures::cut;

pub(super) const UNKNOWN: &str = "unknown";
/// Decimals of a token's figures; `accrual report --format json` has all of them.
const PLACES: usize = 4;

/// Counts with thousands apart.
pub(super) fn count(number: u64) -> String {
    cut(Amount(alloy_primitives::U256::from(number)), 0, 0)
}

/// What a token calls itself; `units` where its figures are smallest units.
pub(super) fn symbol_of(token: &Token) -> String {
    match token.decimals {
        None => "units".to_owned(),
        Some(_) => token.symbol.as_deref().and_then(symbol::harmless).unwrap_or_else(|| "tokens".to_owned()),
    }
}

/// An amount of the token, cut after four decimals.
pub(super) fn units(units: Option<&Units>, token: &Token) -> String {
    units.and_then(amount).map_or_else(|| UNKNOWN.to_owned(), |known| tokens(known, token))
}

pub(super) fn tokens(known: Amount, token: &Token) -> String {
    cut(known, token.decimals.unwrap_or_default(), PLACES)
}

/// Dollars: whole ones from a thousand on, cents below.
pub(super) fn usd(text: Option<&str>) -> String {
    let Some(value) = text.and_then(|text| text.parse::<Decimal>().ok()) else { return UNKNOWN.to_owned() };
    apart(value, if value >= Decimal::from(1_000) { 0 } else { 2 })
}

/// Percents with two decimals, as everywhere of ours.
pub(super) fn percent(text: Option<&str>) -> String {
    let value = text.and_then(|text| text.parse::<Decimal>().ok());
    value.map_or_else(|| UNKNOWN.to_owned(), |value| format!("{} %", apart(value, 2)))
}

/// Millionths of a whole, in tenths of a percent rounded down: 100.0 is only said of all of it.
pub(super) fn part(ppm: u32) -> String {
    format!("{}.{} %", ppm / 10_000, ppm / 1_000 % 10)
}

/// `part` of `whole` in millionths, rounded down.
pub(super) fn ppm(part: Amount, whole: Amount) -> Option<u32> {
    let found = part.mul_div(alloy_primitives::U256::from(1_000_000_u32), whole.0)?;
    u32::try_from(found.0).ok()
}

/// The two largest units of a span of time.
pub(super) fn span(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min {} s", seconds % 60),
        (0, _, _) => format!("{hours} h {minutes} min"),
        _ => format!("{} d {hours} h", count(days)),
    }
}

/// A bar of `width` columns, filled as far as `ppm` says.
pub(super) fn bar(ppm: u32, width: u16) -> String {
    let eighths = u64::from(width) * 8 * u64::from(ppm.min(1_000_000)) / 1_000_000;
    let (full, rest) = (eighths / 8, eighths % 8);
    let cell = |index: u64| match index {
        _ if index < full => '█',
        _ if index == full && rest > 0 => {
            ['▏', '▎', '▍', '▌', '▋', '▊', '▉'][usize::try_from(rest - 1).unwrap_or(0)]
        }
        _ => '·',
    };
    (0..u64::from(width)).map(cell).collect()
}

/// `0x8a6F…36dC` where the whole address finds no room.
pub(super) fn short(account: &str) -> String {
    match (account.get(..6), account.get(account.len().saturating_sub(4)..)) {
        (Some(first), Some(last)) if account.len() > 12 && account.is_ascii() => format!("{first}…{last}"),
        _ => account.to_owned(),
    }
}

/// Text that others chose or that came over the network, on one line and one column a character: what could move the
/// cursor, turn the direction of writing or hide something becomes `?`.
pub(super) fn plain(text: &str) -> String {
    let shown = |c: char| if is_plain(c) { c } else { '?' };
    text.trim().chars().map(shown).collect()
}

fn is_plain(c: char) -> bool {
    c == ' '
        || c.is_ascii_graphic()
        || matches!(c, '\u{a2}'..='\u{a7}' | '\u{b0}'..='\u{b7}' | '\u{bb}' | '\u{ab}')
        || matches!(c, '\u{c0}'..='\u{24f}' | '\u{391}'..='\u{3c9}' | '\u{410}'..='\u{44f}')
        || matches!(c, '\u{2013}' | '\u{2014}' | '\u{2018}'..='\u{201e}' | '\u{2026}' | '\u{20a0}'..='\u{20c0}')
}

/// `value` with so many decimals and thousands apart; cut and never rounded, as on the page.
fn apart(value: Decimal, places: u32) -> String {
    let cut = value.round_dp_with_strategy(places, RoundingStrategy::ToZero);
    let text = format!("{:.*}", usize::try_from(places).unwrap_or(0), cut.abs());
    let (whole, rest) =
        text.split_once('.').map_or((text.as_str(), String::new()), |(w, r)| (w, format!(".{r}")));
    let sign = if cut.is_sign_negative() && !cut.is_zero() { "-" } else { "" };
    let whole = whole.parse::<u64>().map_or_else(|_| whole.to_owned(), count);
    format!("{sign}{whole}{rest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_read_well_and_unknown_is_said() {
        assert_eq!(usd(Some("1234567.891")), "1,234,567");
        assert_eq!(usd(Some("999.995")), "999.99");
        assert_eq!(usd(Some("0.5")), "0.50");
        assert_eq!(
            (usd(None), percent(None), units(None, &token(Some(18)))),
            (UNKNOWN.into(), UNKNOWN.into(), UNKNOWN.into())
        );
        assert_eq!(percent(Some("12345.678")), "12,345.67 %");
        assert_eq!(
            (part(1_000_000), part(999_999), part(12_345)),
            ("100.0 %".into(), "99.9 %".into(), "1.2 %".into())
        );
        let amount = Units::try_from("1234567890000000000000".to_owned()).unwrap();
        assert_eq!(units(Some(&amount), &token(Some(18))), "1,234.5678");
        assert_eq!(units(Some(&amount), &token(None)), "1,234,567,890,000,000,000,000");
        assert_eq!((symbol_of(&token(None)), symbol_of(&token(Some(6)))), ("units".into(), "TMAI".into()));
        let spans = [(0, "0 s"), (59, "59 s"), (61, "1 min 1 s"), (3_660, "1 h 1 min"), (90_000, "1 d 1 h")];
        assert!(spans.into_iter().all(|(seconds, text)| span(seconds) == text));
        assert_eq!(
            (bar(0, 4), bar(500_000, 4), bar(1_000_000, 4)),
            ("····".into(), "██··".into(), "████".into())
        );
        assert_eq!(bar(531_250, 4), "██▏·");
        assert_eq!(short("0x8a6Fbb0e27B51F7bA5C53Ea2b4AE86e0b38736dC"), "0x8a6F…36dC");
        assert_eq!((short("0x12"), short("ééééééééé")), ("0x12".into(), "ééééééééé".into()));
    }

    #[test]
    fn what_strangers_write_stays_on_its_line() {
        let cases = [
            ("a\u{1b}[2J\u{7}b\nc\0", "a?[2J?b?c?"),
            ("US\u{202e}CD\u{200b}", "US?CD?"),
            ("REHEARSAL: nobody's \"money\"", "REHEARSAL: nobody's \"money\""),
            ("漢字 e\u{301}", "?? e?"),
        ];
        for (text, shown) in cases {
            assert_eq!(plain(text), shown, "{text:?}");
        }
    }

    fn token(decimals: Option<u8>) -> Token {
        Token { chain_id: 1, address: "0x1".to_owned(), symbol: Some("TMAI".to_owned()), decimals }
    }
}
