//! What a tool answers with: a summary, the data, where the next page begins, and how far the data reaches. No answer is
//! larger than an assistant can take.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::views::Meta;
use crate::cursor::Cursor;
use crate::error::{ApiError, FieldError};
use crate::key::Pepper;

/// No answer's text is larger.
pub(crate) const ANSWER_BYTES_MAX: usize = 32 * 1024;
/// What rows may take of it; the rest is for the summary, the cursor and `meta`.
const ROWS_BYTES_MAX: usize = ANSWER_BYTES_MAX - 8 * 1024;
/// The rows of a page when the caller does not say.
pub(super) const ROWS_DEFAULT: usize = 20;
/// The most rows of one page.
pub(super) const ROWS_MAX: usize = 100;

/// A tool's answer.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(super) struct Answer<T> {
    /// What the data says, in a sentence or two.
    pub(super) summary: String,
    pub(super) data: T,
    /// Where the next page begins: send it as `cursor`, with everything else as before. Null on the last page.
    pub(super) next_cursor: Option<String>,
    /// How far the data reaches; null where it is not of the chain.
    pub(super) meta: Option<Meta>,
}

/// An answer in the two forms that it goes out in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Told {
    /// As text, the summary first.
    pub(super) text: String,
    /// The same as data.
    pub(super) structured: Value,
}

impl<T: Serialize> Answer<T> {
    /// Both forms.
    ///
    /// # Errors
    /// It is larger than an answer may be, which is our mistake.
    pub(super) fn told(&self) -> Result<Told, ApiError> {
        let text = serde_json::to_string(self).expect("an answer is plain data");
        if text.len() > ANSWER_BYTES_MAX {
            tracing::error!(bytes = text.len(), "an MCP answer grew too large");
            return Err(ApiError::Internal);
        }
        let structured = serde_json::to_value(self).expect("an answer is plain data");
        Ok(Told { text, structured })
    }
}

/// How many of `rows`, from the first on, an answer can hold: at least one.
pub(super) fn fitting<T: Serialize>(rows: &[T]) -> usize {
    fitting_in(rows, ROWS_BYTES_MAX)
}

/// The same for rows that share an answer with others.
pub(super) fn fitting_in<T: Serialize>(rows: &[T], bytes_max: usize) -> usize {
    let bytes = |row| serde_json::to_vec(row).expect("a row is plain data").len() + 1;
    let sums = rows.iter().scan(0, |sum, row| {
        *sum += bytes(row);
        Some(*sum)
    });
    sums.take_while(|sum| *sum <= bytes_max).count().max(1).min(rows.len())
}

/// The page of `rows` that begins where `cursor` says, and the cursor of the next. For lists that REST tells whole.
///
/// # Errors
/// The cursor is not one of this list's.
pub(super) fn page<T: Serialize>(
    mut rows: Vec<T>,
    list: &str,
    limit: usize,
    cursor: Option<&str>,
    pepper: &Pepper,
) -> Result<(Vec<T>, Option<String>), ApiError> {
    let list = format!("mcp/{list}");
    let offset = cursor.map(|text| Cursor::decode(text, &list, pepper)).transpose()?;
    let offset = offset.map_or(0, |cursor| cursor.offset).min(rows.len());
    let all = rows.len();
    rows.drain(..offset);
    rows.truncate(limit);
    rows.truncate(fitting(&rows));
    let end = offset + rows.len();
    // Such lists are in the order of the configuration, whatever the block.
    let next = Cursor {
        list,
        block: Default::default(),
        hash: None,
        at: Default::default(),
        rewinds: 0,
        offset: end,
    };
    Ok((rows, (end < all).then(|| next.encode(pepper))))
}

/// An argument that is wrong, and what would be right.
pub(super) fn wrong(argument: &str, detail: impl Into<String>) -> ApiError {
    ApiError::BadParameter(vec![FieldError { parameter: argument.to_owned(), detail: detail.into() }])
}

/// `units` in whole tokens, exactly; in units where the decimals are not known.
pub(super) fn whole(units: &str, decimals: Option<u8>) -> String {
    let Some(decimals) = decimals.map(usize::from) else { return format!("{units} units") };
    let padded = format!("{units:0>width$}", width = decimals + 1);
    let (whole, part) = padded.split_at(padded.len() - decimals);
    let part = part.trim_end_matches('0');
    if part.is_empty() { whole.to_owned() } else { format!("{whole}.{part}") }
}

/// A percentage for people, or that it is unknown and why.
pub(super) fn percent(told: Option<&str>, reason: Option<&str>) -> String {
    match told {
        Some(percent) => format!("{percent} %"),
        None => format!("unknown ({})", reason.unwrap_or("no reason told")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_tokens_are_exact() {
        let cases = [
            ("0", Some(18), "0"),
            ("1", Some(18), "0.000000000000000001"),
            ("14920000000000000000000000", Some(18), "14920000"),
            ("1500", Some(3), "1.5"),
            ("1500", Some(0), "1500"),
            ("1500", None, "1500 units"),
        ];
        for (units, decimals, expected) in cases {
            assert_eq!(whole(units, decimals), expected);
        }
    }

    #[test]
    fn a_page_ends_where_it_is_full_and_the_next_begins_there() {
        let pepper = Pepper::new(1, vec![1; 32]).unwrap();
        let rows: Vec<String> = (0..90).map(|n| format!("{n:01000}")).collect();
        let (mut cursor, mut seen): (Option<String>, Vec<String>) = (None, Vec::new());
        for _ in 0..10 {
            let (page, next) = page(rows.clone(), "a", 60, cursor.as_deref(), &pepper).unwrap();
            assert!(page.iter().map(String::len).sum::<usize>() <= ROWS_BYTES_MAX, "{}", page.len());
            seen.extend(page);
            cursor = next;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(seen, rows, "each row once");
        let (_, next) = page(rows.clone(), "a", 5, None, &pepper).unwrap();
        assert!(page(rows, "b", 5, next.as_deref(), &pepper).is_err(), "another list's cursor");
        assert_eq!(fitting(&["x".repeat(40_000)]), 1, "one row goes out, or the list would never end");
        assert_eq!(fitting(&[] as &[String]), 0);
    }
}
