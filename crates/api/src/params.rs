//! What a caller may put into a path or a query, parsed at the door.

use std::collections::BTreeMap;

use accrual_rewards::unit::{BlockNumber, UnixSeconds};
use accrual_store::moment::Asked;
use alloy_primitives::Address;
use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;

use crate::app::Api;
use crate::error::{ApiError, FieldError};

/// The most rows of one page.
pub const LIMIT_MAX: usize = 500;
/// The rows of a page when the caller does not say.
pub const LIMIT_DEFAULT: usize = 50;

/// A query's parameters. Take those that the call knows, then ask [`Params::done`]: what is left, or did not parse, is
/// an error that names each field.
#[derive(Debug)]
pub struct Params {
    left: BTreeMap<String, String>,
    known: Vec<&'static str>,
    errors: Vec<FieldError>,
    /// Of a call that tells of the chain.
    age: Option<NewestAge>,
}

/// Marks a call that tells of the chain: every such call takes `max_age_seconds`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OfChain;

/// How old the newest block is; `None` before the first.
#[derive(Debug, Clone, Copy)]
struct NewestAge(Option<u64>);

impl FromRequestParts<Api> for Params {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, ApiError> {
        let pairs: Result<Query<Vec<(String, String)>>, _> = Query::from_request_parts(parts, api).await;
        let Ok(Query(pairs)) = pairs else {
            return Err(ApiError::BadParameter(vec![field(
                "query",
                "is not of the form name=value&name=value",
            )]));
        };
        let age = parts.extensions.get::<OfChain>().map(|_| NewestAge(api.newest_age_seconds()));
        let mut params = Self { left: BTreeMap::new(), known: Vec::new(), errors: Vec::new(), age };
        for (name, value) in pairs {
            if params.left.insert(name.clone(), value).is_some() {
                params.errors.push(field(&name, "is given more than once"));
            }
        }
        Ok(params)
    }
}

impl Params {
    /// The parameter `name`, parsed; `None` when it is absent or, until [`Params::done`], wrong. `parse` says what would
    /// be right.
    pub fn take<T>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        self.known.push(name);
        let text = self.left.remove(name)?;
        parse(&text).map_err(|detail| self.errors.push(field(name, &detail))).ok()
    }

    /// Whether all that was given is known and parsed, and the newest block young enough for whoever says how old it may
    /// be.
    ///
    /// # Errors
    /// [`ApiError::BadParameter`] with a line for each that is not; [`ApiError::BehindChain`].
    pub fn done(mut self) -> Result<(), ApiError> {
        let age = self.age;
        let max = age.and_then(|_| self.take("max_age_seconds", age_max));
        for name in self.left.keys() {
            let takes = match self.known.as_slice() {
                [] => "this call takes none".to_owned(),
                known => format!("this call takes {}", known.join(", ")),
            };
            let name: String = name.chars().take(80).collect();
            self.errors.push(field(&name, &format!("is not known here: {takes}")));
        }
        if !self.errors.is_empty() {
            return Err(ApiError::BadParameter(self.errors));
        }
        match (max, age) {
            (Some(max), Some(NewestAge(age))) if age.is_none_or(|age| age > max) => Err(too_old(age, max)),
            _ => Ok(()),
        }
    }
}

fn too_old(age: Option<u64>, max: u64) -> ApiError {
    let newest = age.map_or("Nothing has been indexed yet".to_owned(), |age| {
        format!("The newest block is {age} seconds old")
    });
    ApiError::BehindChain(format!(
        "{newest}, and max_age_seconds allows {max}: try again shortly, or allow more."
    ))
}

/// `max_age_seconds=`: how old the newest block may be.
fn age_max(text: &str) -> Result<u64, String> {
    whole(text).ok_or("must be a number of seconds".to_owned())
}

/// A whole number that a database and every JSON reader can hold.
pub(crate) fn whole(text: &str) -> Option<u64> {
    text.parse().ok().filter(|number| i64::try_from(*number).is_ok())
}

fn field(parameter: &str, detail: &str) -> FieldError {
    FieldError { parameter: parameter.to_owned(), detail: detail.to_owned() }
}

/// `limit=`: 1 to 500.
pub(crate) fn limit(text: &str) -> Result<usize, String> {
    let limit: Option<usize> = text.parse().ok().filter(|limit| (1..=LIMIT_MAX).contains(limit));
    limit.ok_or_else(|| format!("must be between 1 and {LIMIT_MAX}"))
}

/// `at=`: a block's number, or an instant in RFC 3339.
pub(crate) fn asked(text: &str) -> Result<Asked, String> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        let block = text.parse().ok().filter(|number| i64::try_from(*number).is_ok());
        return block
            .map(|number| Asked::Block(BlockNumber(number)))
            .ok_or("is past any block's number".to_owned());
    }
    let instant: Option<jiff::Timestamp> = text.parse().ok();
    let seconds = instant.and_then(|instant| u64::try_from(instant.as_second()).ok());
    let wanted = || "must be a block number or an RFC 3339 time such as 2025-06-06T03:00:00Z".to_owned();
    seconds.map(|seconds| Asked::Time(UnixSeconds(seconds))).ok_or_else(wanted)
}

/// `from=`, `to=`: an instant in RFC 3339.
pub(crate) fn instant(text: &str) -> Result<UnixSeconds, String> {
    match asked(text) {
        Ok(Asked::Time(at)) => Ok(at),
        _ => Err("must be an RFC 3339 time such as 2025-06-06T03:00:00Z".to_owned()),
    }
}

/// An address in lower case, upper case or EIP-55.
///
/// # Errors
/// [`ApiError::BadAddress`] for anything else, a wrong mix of cases included.
pub fn address(text: &str) -> Result<Address, ApiError> {
    let error = || ApiError::BadAddress(crate::key::redact(text).chars().take(80).collect());
    let digits = text.strip_prefix("0x").filter(|digits| digits.len() == 40).ok_or_else(error)?;
    let address: Address = text.parse().map_err(|_| error())?;
    let one_case =
        !digits.bytes().any(|b| b.is_ascii_lowercase()) || !digits.bytes().any(|b| b.is_ascii_uppercase());
    if one_case || address.to_checksum(None) == text { Ok(address) } else { Err(error()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let right = "0x52908400098527886E0F7030069857D2E4169EE7";
        let mixed = "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359";
        let cases = [
            (right.to_owned(), true),
            (mixed.to_owned(), true),
            (mixed.to_lowercase(), true),
            (mixed.to_uppercase().replace("0X", "0x"), true),
            (mixed.replace("fB69", "fb69"), false),
            (mixed[2..].to_owned(), false),
            (mixed[..41].to_owned(), false),
            (format!("{mixed}0"), false),
            ("0xzz16095ca1df60bb79ce92ce3ea74c37c5d35900".to_owned(), false),
            (String::new(), false),
        ];
        for (text, good) in cases {
            assert_eq!(address(&text).is_ok(), good, "{text}");
        }
    }

    #[test]
    fn moments() {
        let block = |number| Some(Asked::Block(BlockNumber(number)));
        let time = |seconds| Some(Asked::Time(UnixSeconds(seconds)));
        let cases = [
            ("0", block(0)),
            ("31200000", block(31_200_000)),
            ("99999999999999999999", None),
            ("18446744073709551615", None),
            ("1970-01-01T00:00:10Z", time(10)),
            ("1970-01-01T02:00:10.9+02:00", time(10)),
            ("1969-12-31T23:59:50Z", None),
            ("2025-06-06", None),
            ("latest", None),
            ("-1", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(asked(text).ok(), expected, "{text}");
        }
    }
}
