//! What makes an answer the same as another: a hash of all but its age.

use std::ops::Range;

use axum::http::HeaderValue;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::accept::Packing;

const AGE_FIELD: &[u8] = br#""age_seconds":"#;

/// What an ETag says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tag {
    /// Of all but the age.
    pub(super) hash: String,
    pub(super) age_seconds: Option<u64>,
    pub(super) packing: Packing,
}

impl Tag {
    pub(super) fn header(&self) -> HeaderValue {
        let age = self.age_seconds.map(|age| format!(".{age}")).unwrap_or_default();
        let packing = self.packing.as_str().map(|name| format!(".{name}")).unwrap_or_default();
        HeaderValue::try_from(format!("\"{}{age}{packing}\"", self.hash)).expect("base64, digits and letters")
    }

    /// The ETag of what the caller holds, when that differs from this in nothing but its age.
    pub(super) fn is_held(&self, given: &str) -> Option<HeaderValue> {
        if given == "*" {
            return Some(self.header());
        }
        let quoted = given.strip_prefix("W/").unwrap_or(given);
        let mut parts = quoted.strip_prefix('"')?.strip_suffix('"')?.split('.').peekable();
        let hash = parts.next()?.to_owned();
        let age_seconds: Option<u64> = parts.peek().and_then(|part| part.parse().ok());
        if age_seconds.is_some() {
            parts.next();
        }
        let same_packing = parts.next() == self.packing.as_str() && parts.next().is_none();
        let same = hash == self.hash && age_seconds.is_some() == self.age_seconds.is_some() && same_packing;
        same.then(|| Self { hash, age_seconds, packing: self.packing }.header())
    }
}

/// A hash of a body without the digits of its age, the age, and where its digits stand. The name of the field can be nothing
/// else: within a text its quotes would be escaped.
pub(super) fn fingerprint(body: &[u8]) -> (String, Option<u64>, Range<usize>) {
    let found = body.windows(AGE_FIELD.len()).rposition(|window| window == AGE_FIELD);
    let from = found.map_or(body.len(), |at| at + AGE_FIELD.len());
    let digits = from..from + body[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let age = std::str::from_utf8(&body[digits.clone()]).ok().and_then(|text| text.parse().ok());
    let mut hasher = Sha256::new();
    hasher.update(&body[..digits.start]);
    hasher.update(&body[digits.end..]);
    (URL_SAFE_NO_PAD.encode(&hasher.finalize()[..16]), age, digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_of_all_but_the_age() {
        let young = fingerprint(br#"{"data":[],"meta":{"age_seconds":9,"stale":false}}"#);
        let old = fingerprint(br#"{"data":[],"meta":{"age_seconds":1000,"stale":false}}"#);
        let stale = fingerprint(br#"{"data":[],"meta":{"age_seconds":1000,"stale":true}}"#);
        assert_eq!((young.1, old.1, &young.0), (Some(9), Some(1000), &old.0));
        assert_ne!(old.0, stale.0);
        let unknown = fingerprint(br#"{"meta":{"age_seconds":null}}"#);
        assert_eq!(unknown.1, None);
        assert_eq!(fingerprint(b"a,b\r\n").1, None);
        let text = fingerprint(br#"{"symbol":"\"age_seconds\":7"}"#);
        assert_eq!(text.1, None, "a text is no field");
    }

    #[test]
    fn what_is_held_is_told_by_its_own_tag() {
        let tag = |age_seconds, packing| Tag { hash: "aZ-_".to_owned(), age_seconds, packing };
        let cases = [
            (tag(Some(5), Packing::Plain), "\"aZ-_.5\"", Some("\"aZ-_.5\"")),
            (tag(Some(5), Packing::Plain), "W/\"aZ-_.3\"", Some("\"aZ-_.3\"")),
            (tag(Some(5), Packing::Gzip), "\"aZ-_.3.gzip\"", Some("\"aZ-_.3.gzip\"")),
            (tag(Some(5), Packing::Gzip), "\"aZ-_.3\"", None),
            (tag(Some(5), Packing::Plain), "\"aZ-_.3.br\"", None),
            (tag(None, Packing::Brotli), "\"aZ-_.br\"", Some("\"aZ-_.br\"")),
            (tag(None, Packing::Plain), "\"aZ-_.3\"", None),
            (tag(Some(5), Packing::Plain), "*", Some("\"aZ-_.5\"")),
            (tag(Some(5), Packing::Plain), "\"other.5\"", None),
            (tag(Some(5), Packing::Plain), "aZ-_.5", None),
            (tag(Some(5), Packing::Plain), "", None),
        ];
        for (tag, given, expected) in cases {
            let held = tag.is_held(given);
            assert_eq!(held.as_ref().map(|value| value.to_str().unwrap()), expected, "{given}");
        }
    }
}
