//! The query strings of Merkl's API: a name may be repeated, and a list may also be written with commas.

use std::str::FromStr;

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use rust_decimal::Decimal;
use serde_json::{Map, Value};

use super::invalid::Invalid;
use crate::key;

/// Rows of a page when the caller does not say, as theirs.
const ITEMS_DEFAULT: usize = 20;
/// The most rows of a page: as many as the rest of this API gives.
const ITEMS_MAX: usize = crate::params::LIMIT_MAX;
/// How much of what was given a refusal repeats.
const FOUND_CHARS_MAX: usize = 80;

/// What a query asks for. A name that a call does not take is left alone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Filters(Vec<(String, String)>);

/// Which rows of a list are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Page {
    page: usize,
    items: usize,
}

impl<S: Send + Sync> FromRequestParts<S> for Filters {
    type Rejection = Invalid;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Invalid> {
        let pairs = Query::<Vec<(String, String)>>::from_request_parts(parts, state).await;
        pairs.map(|Query(pairs)| Self(pairs)).map_err(|_| {
            let (name, expected) = ("", "of the form name=value&name=value");
            Invalid::query(name, expected, format!("Expected the query to be {expected}"), Value::Null)
        })
    }
}

impl Filters {
    /// The values of `name`, apart at commas; `None` when it is not given.
    pub(super) fn list(&self, name: &str) -> Option<Vec<&str>> {
        let given: Vec<&str> = self.values(name).collect();
        let apart = given.iter().flat_map(|value| value.split(',')).map(str::trim);
        (!given.is_empty()).then(|| apart.filter(|value| !value.is_empty()).collect())
    }

    /// The values of any of `names` together.
    pub(super) fn any_list(&self, names: &[&str]) -> Option<Vec<&str>> {
        let lists: Vec<Vec<&str>> = names.iter().filter_map(|name| self.list(name)).collect();
        (!lists.is_empty()).then(|| lists.concat())
    }

    /// Whole numbers, repeated or apart at commas.
    pub(super) fn numbers(&self, name: &str) -> Result<Option<Vec<u64>>, Invalid> {
        let Some(list) = self.list(name) else { return Ok(None) };
        let numbers: Result<Vec<u64>, _> = list.iter().map(|value| value.parse()).collect();
        let numbers = numbers.ok().filter(|numbers| !numbers.is_empty());
        numbers.map(Some).ok_or_else(|| self.invalid(name, "numeric"))
    }

    /// A text that stands alone: commas are part of it, and of several the last counts, as in theirs.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.values(name).last()
    }

    /// `true` or `false`.
    pub(super) fn flag(&self, name: &str) -> Result<Option<bool>, Invalid> {
        self.parsed(name, "boolean")
    }

    /// A whole number, below 2^63 as the document has it.
    pub(super) fn number(&self, name: &str) -> Result<Option<u64>, Invalid> {
        let number: Option<i64> = self.parsed(name, "numeric")?;
        match number.map(u64::try_from).transpose() {
            Ok(number) => Ok(number),
            Err(_) => Err(Invalid::query(
                name,
                "numeric",
                format!("Property '{name}' should be numeric"),
                self.found(),
            )),
        }
    }

    /// A number with decimals.
    pub(super) fn decimal(&self, name: &str) -> Result<Option<Decimal>, Invalid> {
        self.parsed(name, "numeric")
    }

    /// One of a closed list of words.
    fn words(&self, name: &str, known: &[&str]) -> Result<Option<Vec<&str>>, Invalid> {
        let Some(list) = self.list(name) else { return Ok(None) };
        if list.is_empty() || list.iter().any(|word| !known.contains(word)) {
            return Err(self.invalid(name, &format!("one of {}", known.join(", "))));
        }
        Ok(Some(list))
    }

    /// How budgets are shared.
    pub(super) fn distribution_types(&self) -> Result<Option<Vec<&str>>, Invalid> {
        self.words("distributionTypes", &["DUTCH_AUCTION", "FIX_REWARD", "MAX_REWARD"])
    }

    /// What kind of token is paid.
    pub(super) fn token_types(&self, name: &str) -> Result<Option<Vec<&str>>, Invalid> {
        self.words(name, &["TOKEN", "PRETGE", "POINT"])
    }

    /// Whether something is handed out.
    pub(super) fn statuses(&self) -> Result<Option<Vec<&str>>, Invalid> {
        self.words("status", &["LIVE", "PAST", "SOON", "NONE"])
    }

    /// Refuses `name` where it is not given.
    pub(super) fn required<T>(&self, name: &str, value: Option<T>) -> Result<T, Invalid> {
        value.ok_or_else(|| {
            Invalid::query(name, "given", format!("Property '{name}' is missing"), self.found())
        })
    }

    /// Refuses what theirs can filter by and this server does not know.
    pub(super) fn refuse_unknowable(&self, names: &[&str]) -> Result<(), Invalid> {
        let Some(name) = names.iter().find(|name| self.values(name).next().is_some()) else { return Ok(()) };
        let expected = "left out: what it filters by is not known to this server";
        Err(Invalid::query(name, expected, format!("Property '{name}' should be {expected}"), self.found()))
    }

    /// `page` from 0, and `items`.
    pub(super) fn page(&self) -> Result<Page, Invalid> {
        let page = self.number("page")?.unwrap_or(0);
        let items = self.number("items")?.map_or(Some(ITEMS_DEFAULT), |items| usize::try_from(items).ok());
        let items = items.filter(|items| (1..=ITEMS_MAX).contains(items));
        let items = items.ok_or_else(|| self.invalid("items", &format!("between 1 and {ITEMS_MAX}")))?;
        // Past the end of any list, whatever the machine's width.
        Ok(Page { page: usize::try_from(page).unwrap_or(usize::MAX), items })
    }

    /// Says that what was given for `name` is not `expected`.
    pub(super) fn invalid(&self, name: &str, expected: &str) -> Invalid {
        let given = self.text(name).map(shown).unwrap_or_default();
        let message = format!("Expected property '{name}' to be {expected} but found: {given}");
        Invalid::query(name, expected, message, self.found())
    }

    fn parsed<T: FromStr>(&self, name: &str, expected: &str) -> Result<Option<T>, Invalid> {
        let parse = |value: &str| value.trim().parse().map_err(|_| self.invalid(name, expected));
        self.text(name).map(parse).transpose()
    }

    fn values<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        let name = name.to_owned();
        self.0.iter().filter(move |(given, _)| *given == name).map(|(_, value)| value.as_str())
    }

    /// All that was given, as theirs repeats it.
    fn found(&self) -> Value {
        let mut found = Map::new();
        for (name, value) in &self.0 {
            let value = Value::String(shown(value));
            match found.entry(shown(name)).or_insert(Value::Null) {
                Value::Array(values) => values.push(value),
                before @ Value::String(_) => *before = Value::Array(vec![before.take(), value]),
                empty => *empty = value,
            }
        }
        Value::Object(found)
    }
}

impl Page {
    /// The rows of it.
    pub(super) fn of<T>(self, rows: impl IntoIterator<Item = T>) -> Vec<T> {
        rows.into_iter().skip(self.page.saturating_mul(self.items)).take(self.items).collect()
    }
}

fn shown(text: &str) -> String {
    key::redact(text).chars().filter(|c| !c.is_control()).take(FOUND_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filters(query: &str) -> Filters {
        let uri: axum::http::Uri = format!("/?{query}").parse().unwrap();
        Filters(Query::<Vec<(String, String)>>::try_from_uri(&uri).unwrap().0)
    }

    #[test]
    fn lists_are_repeated_or_have_commas() {
        let cases: [(&str, Option<&[&str]>); 7] = [
            ("", None),
            ("chainId=1", Some(&["1"])),
            ("chainId=1&chainId=10", Some(&["1", "10"])),
            ("chainId=1,10", Some(&["1", "10"])),
            ("chainId=1,%2010&chainId=5&other=3", Some(&["1", "10", "5"])),
            ("chainId=", Some(&[])),
            ("chainId=,", Some(&[])),
        ];
        for (query, expected) in cases {
            assert_eq!(filters(query).list("chainId").as_deref(), expected, "{query}");
        }
        assert_eq!(filters("a=1&b=2,3").any_list(&["a", "b", "c"]), Some(vec!["1", "2", "3"]));
        assert_eq!(filters("x=1").any_list(&["a", "b"]), None);
        assert_eq!(filters("search=a,b&search=c,d").text("search"), Some("c,d"), "the last, commas and all");
    }

    #[test]
    fn pages() {
        let rows: Vec<usize> = (0..45).collect();
        let cases: [(&str, Option<(usize, usize)>); 12] = [
            ("", Some((0, 20))),
            ("page=2", Some((40, 45))),
            ("page=3", Some((45, 45))),
            ("page=1&items=10", Some((10, 20))),
            ("items=500", Some((0, 45))),
            ("page=9223372036854775807&items=500", Some((45, 45))),
            ("items=0", None),
            ("items=501", None),
            ("items=-1", None),
            ("page=-1", None),
            ("page=x", None),
            ("page=18446744073709551616", None),
        ];
        for (query, expected) in cases {
            let page = filters(query).page().ok().map(|page| page.of(rows.iter().copied()));
            assert_eq!(page, expected.map(|(from, to)| rows[from..to].to_vec()), "{query}");
        }
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let cases = [
            ("test=maybe", "test", "boolean"),
            ("minimumTvl=much", "minimumTvl", "numeric"),
            ("chainId=base", "chainId", "numeric"),
            ("chainId=1,x", "chainId", "numeric"),
            ("chainId=", "chainId", "numeric"),
            ("status=ALIVE", "status", "one of LIVE, PAST"),
            ("creatorTag=me", "creatorTag", "left out: what it filters by is not known to this server"),
        ];
        for (query, name, expected) in cases {
            let filters = filters(query);
            let refused = [
                filters.flag("test").err(),
                filters.decimal("minimumTvl").err(),
                filters.numbers("chainId").err(),
                filters.words("status", &["LIVE", "PAST"]).err(),
                filters.refuse_unknowable(&["creatorTag"]).err(),
            ];
            let refused: Vec<Value> =
                refused.into_iter().flatten().map(|e| serde_json::to_value(e).unwrap()).collect();
            assert_eq!(refused.len(), 1, "{query}");
            let refused = &refused[0];
            assert_eq!((&refused["type"], &refused["on"]), (&"validation".into(), &"query".into()));
            assert_eq!(refused["property"], format!("/{name}"));
            assert_eq!(refused["expected"], expected);
            assert!(refused["message"].as_str().unwrap().contains(name), "{refused}");
        }
        let missing =
            serde_json::to_value(filters("a=1&a=2").required::<u64>("chainId", None).unwrap_err()).unwrap();
        assert_eq!(missing["found"], serde_json::json!({ "a": ["1", "2"] }));
        assert_eq!(missing["message"], "Property 'chainId' is missing");
    }
}
