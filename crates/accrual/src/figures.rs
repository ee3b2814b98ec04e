//! Amounts as people read them: exact decimals, thousands apart.

use accrual_rewards::unit::Amount;

/// `units` with a decimal point before the last `decimals` digits and commas between thousands, all digits kept
/// but trailing zeros.
pub(crate) fn exact(units: Amount, decimals: u8) -> String {
    let (whole, fraction) = split(units, decimals);
    let fraction = fraction.trim_end_matches('0');
    let whole = thousands(&whole);
    if fraction.is_empty() { whole } else { format!("{whole}.{fraction}") }
}

/// As [`exact`], cut (not rounded) after `places` decimals; `<0.0001` of what is not nothing and would look like it.
pub(crate) fn cut(units: Amount, decimals: u8, places: usize) -> String {
    let (whole, fraction) = split(units, decimals);
    let kept = &fraction[..places.min(fraction.len())];
    let looks_like_nothing = whole == "0" && kept.bytes().all(|digit| digit == b'0');
    match (kept, looks_like_nothing && units > Amount::ZERO) {
        ("", true) => "<1".to_owned(),
        (kept, true) => format!("<0.{:0>width$}", 1, width = kept.len()),
        ("", false) => thousands(&whole),
        (kept, false) => format!("{}.{kept}", thousands(&whole)),
    }
}

/// `share_ppm` as percent with four decimals.
pub(crate) fn percent(share_ppm: u32) -> String {
    format!("{}.{:04}", share_ppm / 10_000, share_ppm % 10_000)
}

fn split(units: Amount, decimals: u8) -> (String, String) {
    let decimals = usize::from(decimals);
    let digits = format!("{units:0>width$}", units = units.to_string(), width = decimals + 1);
    let (whole, fraction) = digits.split_at(digits.len() - decimals);
    (whole.to_owned(), fraction.to_owned())
}

fn thousands(digits: &str) -> String {
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_keep_every_digit() {
        let cases = [
            ("0", 18, "0", "0.0000"),
            ("1", 18, "0.000000000000000001", "<0.0001"),
            ("99999999999999", 18, "0.000099999999999999", "<0.0001"),
            ("100000000000000", 18, "0.0001", "0.0001"),
            ("1", 2, "0.01", "0.01"),
            ("1234567", 6, "1.234567", "1.2345"),
            ("1234567000000", 6, "1,234,567", "1,234,567.0000"),
            ("999", 0, "999", "999"),
            ("14920000000000000000000000", 18, "14,920,000", "14,920,000.0000"),
        ];
        for (units, decimals, whole, short) in cases {
            let units: Amount = units.parse().unwrap();
            assert_eq!(exact(units, decimals), whole);
            assert_eq!(cut(units, decimals, 4), short);
        }
        let of_one = |units: &str| cut(units.parse().unwrap(), 6, 0);
        assert_eq!((of_one("0"), of_one("999999"), of_one("1000000")), ("0".into(), "<1".into(), "1".into()));
    }

    #[test]
    fn shares_are_percent() {
        assert_eq!(percent(1_000_000), "100.0000");
        assert_eq!(percent(123_456), "12.3456");
        assert_eq!(percent(1), "0.0001");
    }
}
