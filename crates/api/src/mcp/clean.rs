//! What strangers chose, made harmless: a token's symbol may hold anything, and a model reads it.

use serde_json::Value;

/// No name is longer, and no reason or route either.
const TEXT_CHARS_MAX: usize = 256;
/// No honest symbol is longer.
const SYMBOL_CHARS_MAX: usize = 32;

/// Takes out of every text what cannot be seen, and cuts it short. Cursors are ours, and go through as they are.
pub(super) fn clean(value: &mut Value) {
    match value {
        Value::String(text) => *text = harmless(text, TEXT_CHARS_MAX),
        Value::Array(values) => values.iter_mut().for_each(clean),
        Value::Object(fields) => {
            for (name, value) in fields {
                match (name.as_str(), value) {
                    ("next_cursor", _) => {}
                    ("symbol", Value::String(text)) => *text = harmless(text, SYMBOL_CHARS_MAX),
                    (_, value) => clean(value),
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn harmless(text: &str, chars_max: usize) -> String {
    let seen = text.chars().filter(|c| !is_hidden(*c));
    let mut kept: String = seen.clone().take(chars_max).collect();
    if seen.clone().nth(chars_max).is_some() {
        kept.push('…');
    }
    kept
}

/// Controls, marks that turn the direction of writing, and characters without width: what a person does not see and a
/// model reads all the same.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_of_strangers_come_out_harmless() {
        let long = "A".repeat(10_000);
        let cases = [
            ("TMAI", "TMAI"),
            ("США€", "США€"),
            ("a\u{1b}[31mb\0\r\nc", "a[31mbc"),
            ("safe\u{202e}lived", "safelived"),
            ("x\u{200b}y\u{feff}z", "xyz"),
            ("tag\u{e0049}\u{e0067}", "tag"),
        ];
        for (name, expected) in cases {
            let mut value = json!({ "token": [{ "symbol": name, "other": name, "next_cursor": name }] });
            clean(&mut value);
            let row = &value["token"][0];
            assert_eq!((&row["symbol"], &row["other"]), (&json!(expected), &json!(expected)), "{name:?}");
            assert_eq!(row["next_cursor"], name);
        }
        let mut value = json!({ "symbol": long, "reason": long, "next_cursor": long });
        clean(&mut value);
        let chars = |name: &str| value[name].as_str().unwrap().chars().count();
        assert_eq!((chars("symbol"), chars("reason"), chars("next_cursor")), (33, 257, 10_000));
    }
}
