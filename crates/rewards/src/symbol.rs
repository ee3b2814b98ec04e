//! What a token calls itself, made harmless: the one place that does it.
//!
//! A symbol is a stranger's choice and goes into terminals, pages, tables and logs. It is kept as at most 32 characters of
//! ASCII, Latin and Greek letters and currency signs. Each other character, be it a control character, one that turns the
//! direction of writing or one that markup is made of, becomes `?`.

/// The most characters of a symbol.
pub const SYMBOL_CHARS_MAX: usize = 32;

/// What is shown of a symbol that says `said`; `None` where that is nothing.
pub fn harmless(said: &str) -> Option<String> {
    let shown = |c: char| if is_harmless(c) { c } else { '?' };
    let text: String = said.trim().chars().take(SYMBOL_CHARS_MAX).map(shown).collect();
    (!text.is_empty()).then_some(text)
}

/// Printable, one column wide, written from left to right, nothing that joins its neighbours and nothing of markup.
fn is_harmless(c: char) -> bool {
    let latin_or_greek = matches!(c, '\u{c0}'..='\u{24f}' | '\u{370}'..='\u{3ff}') && c.is_alphabetic();
    let is_markup = matches!(c, '<' | '>' | '&' | '"' | '\'' | '`' | '\\');
    c == ' '
        || c.is_ascii_graphic() && !is_markup
        || latin_or_greek
        || matches!(c, '\u{a2}'..='\u{a5}' | '\u{20a0}'..='\u{20c0}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_choices() {
        let long = "A".repeat(10_240);
        let cases = [
            ("TMAI", Some("TMAI")),
            ("USD\u{20ae}0", Some("USD\u{20ae}0")),
            ("\u{39e} \u{110} \u{b5}", Some("\u{39e} \u{110} ?")),
            (long.as_str(), Some("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")),
            ("A\x1b[2J\x07B\0C", Some("A?[2J?B?C")),
            ("US\u{202e}CD\u{200f}", Some("US?CD?")),
            ("\u{5d0}B", Some("?B")),
            ("e\u{301}\u{200d}", Some("e??")),
            ("<img src=x onerror=\"a\">", Some("?img src=x onerror=?a??")),
            ("a'&`\\b", Some("a????b")),
            ("=1+1", Some("=1+1")),
            (" \n USDC \t", Some("USDC")),
            ("", None),
            ("   ", None),
        ];
        for (said, shown) in cases {
            assert_eq!(harmless(said).as_deref(), shown, "{said:?}");
        }
    }
}
