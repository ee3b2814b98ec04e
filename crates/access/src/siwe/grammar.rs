//! The parts of EIP-4361's grammar that it takes from RFC 3986 (URIs) and RFC 3339 (times).

use std::fmt;

use jiff::Timestamp;

/// An instant with the text that it was written as: the text is what was signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    text: String,
    at: Timestamp,
}

impl Stamp {
    /// A `date-time` of RFC 3339; `None` for anything else, however clear.
    pub fn parse(text: &str) -> Option<Self> {
        if !is_date_time(text.as_bytes()) {
            return None;
        }
        Some(Self { text: text.to_owned(), at: text.parse().ok()? })
    }

    /// The instant.
    pub fn at(&self) -> Timestamp {
        self.at
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// `2026-06-01T12:00:00`, perhaps a fraction of the second, and `Z` or `+02:00`. Whether there is such a day and hour
/// is asked elsewhere.
fn is_date_time(text: &[u8]) -> bool {
    let Some((whole, rest)) = text.split_at_checked(19) else { return false };
    if !looks_like(whole, b"dddd-dd-ddTdd:dd:dd") {
        return false;
    }
    let zone = match rest.strip_prefix(b".") {
        Some(fraction) => {
            let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
            if digits == 0 {
                return false;
            }
            &fraction[digits..]
        }
        None => rest,
    };
    zone.eq_ignore_ascii_case(b"Z") || looks_like(zone, b"+dd:dd") || looks_like(zone, b"-dd:dd")
}

/// Whether `text` is `form`, in which `d` stands for a digit.
fn looks_like(text: &[u8], form: &[u8]) -> bool {
    let fits = |(byte, form): (&u8, &u8)| match form {
        b'd' => byte.is_ascii_digit(),
        letter => byte.eq_ignore_ascii_case(letter),
    };
    text.len() == form.len() && text.iter().zip(form).all(fits)
}

/// `scheme`: a letter, then letters, digits, `+`, `-` and `.`.
pub(super) fn is_scheme(text: &str) -> bool {
    let rest = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    text.bytes().next().is_some_and(|first| first.is_ascii_alphabetic()) && text.bytes().all(rest)
}

/// `authority` with a host in it.
pub(super) fn is_domain(text: &str) -> bool {
    is_authority(text) && !host_of(text).is_empty()
}

/// `1*( reserved / unreserved / " " )`: no line breaks, no quotation marks, nothing beyond ASCII.
pub(super) fn is_statement(text: &str) -> bool {
    let good = |byte: u8| is_unreserved(byte) || is_sub_delimiter(byte) || b":/?#[]@ ".contains(&byte);
    !text.is_empty() && text.bytes().all(good)
}

/// `*pchar`.
pub(super) fn is_path_characters(text: &str) -> bool {
    is_made_of(text, |byte| b":@".contains(&byte))
}

/// `URI`, not a relative one.
pub(super) fn is_uri(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    let (rest, fragment) = rest.split_once('#').unwrap_or((rest, ""));
    let (hierarchy, query) = rest.split_once('?').unwrap_or((rest, ""));
    let path = match hierarchy.strip_prefix("//") {
        Some(rest) => {
            let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            if !is_authority(authority) {
                return false;
            }
            path
        }
        None => hierarchy,
    };
    let tail = |part| is_made_of(part, |byte| b":@/?".contains(&byte));
    is_scheme(scheme) && is_made_of(path, |byte| b":@/".contains(&byte)) && tail(query) && tail(fragment)
}

/// `[ userinfo "@" ] host [ ":" port ]`; the host may be empty.
fn is_authority(text: &str) -> bool {
    let (user, place) = text.rsplit_once('@').map_or(("", text), |(user, place)| (user, place));
    let host = host_of(text);
    let port = place.strip_prefix(host).unwrap_or_default();
    let port = port.strip_prefix(':').unwrap_or(port);
    let host_is_good = match host.strip_prefix('[') {
        Some(literal) => literal.strip_suffix(']').is_some_and(is_ip_literal),
        None => is_made_of(host, |_| false),
    };
    is_made_of(user, |byte| byte == b':') && host_is_good && port.bytes().all(|byte| byte.is_ascii_digit())
}

/// The host within an authority.
fn host_of(authority: &str) -> &str {
    let place = authority.rsplit_once('@').map_or(authority, |(_, place)| place);
    let end = match place.find(']') {
        Some(bracket) if place.starts_with('[') => bracket + 1,
        _ => place.find(':').unwrap_or(place.len()),
    };
    &place[..end]
}

/// An address of IPv6, or one of a version to come: `v1.x`.
fn is_ip_literal(text: &str) -> bool {
    let future = || {
        let (version, rest) = text.strip_prefix(['v', 'V'])?.split_once('.')?;
        let version = !version.is_empty() && version.bytes().all(|byte| byte.is_ascii_hexdigit());
        let good = |byte: u8| is_unreserved(byte) || is_sub_delimiter(byte) || byte == b':';
        (version && !rest.is_empty() && rest.bytes().all(good)).then_some(())
    };
    text.parse::<std::net::Ipv6Addr>().is_ok() || future().is_some()
}

/// Whether `text` is of unreserved characters, sub-delimiters, `%` with two hex digits, and what `more` allows.
fn is_made_of(text: &str, more: impl Fn(u8) -> bool) -> bool {
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        rest = match tail {
            [a, b, tail @ ..] if *first == b'%' && a.is_ascii_hexdigit() && b.is_ascii_hexdigit() => tail,
            tail if is_unreserved(*first) || is_sub_delimiter(*first) || more(*first) => tail,
            _ => return false,
        };
    }
    true
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

fn is_sub_delimiter(byte: u8) -> bool {
    b"!$&'()*+,;=".contains(&byte)
}
