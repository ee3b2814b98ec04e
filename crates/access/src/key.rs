//! The form of an API key: `acr_<env>_<id>_<secret><check>`, 71 characters.
//!
//! `id` is the key's public name. `secret` is 256 random bits, of which only a MAC is ever stored. `check` is a
//! CRC-32 of all before it: it catches typos without a look at the database, and proves nothing.

use std::fmt;
use std::str::FromStr;

use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;

pub use crate::pepper::{BadPeppers, Pepper, Peppers, ShortPepper};

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const ID_CHARS: usize = 12;
const SECRET_CHARS: usize = 43;
const CHECK_CHARS: usize = 6;

/// What a key is good for: the real thing, or trying things out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyEnv {
    /// Real data and a real quota.
    Live,
    /// For tests and rehearsals.
    Test,
}

/// A key's public name: 12 of `0-9A-Za-z`. Safe to log. Held in place, since a million of them are looked through.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; ID_CHARS]);

/// A whole key, secret included. `Debug` shows the public part only; there is no `Display`.
#[derive(Clone)]
pub struct ApiKey {
    env: KeyEnv,
    id: KeyId,
    secret: SecretString,
}

/// A text that is no key: wrong pattern or wrong check. Says nothing about the text, which may hold a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the key is not of the form acr_live_... or acr_test_... with 71 characters and a right check: copy it again"
)]
pub struct MalformedKey;

/// A text that is no key's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a key's id is the 12 letters and digits after acr_live_ or acr_test_: `accrual keys list` shows them"
)]
pub struct MalformedKeyId;

impl ApiKey {
    /// A new key from `random`, which fills a buffer with bytes of the operating system's generator.
    pub fn generate(env: KeyEnv, random: &mut dyn FnMut(&mut [u8])) -> Self {
        let id = KeyId::read(&base62(ID_CHARS, random)).expect("it is of an id's characters");
        let secret = base62(SECRET_CHARS, random).into();
        Self { env, id, secret }
    }

    /// The environment.
    pub fn env(&self) -> KeyEnv {
        self.env
    }

    /// The public name.
    pub fn id(&self) -> &KeyId {
        &self.id
    }

    /// The text to hand to its owner, once.
    pub fn reveal(&self) -> SecretString {
        let mut text = format!("{}_{}_{}", self.env.prefix(), self.id, self.secret.expose_secret());
        text.extend(check(&text).map(char::from));
        text.into()
    }

    /// The part that is to be kept from everybody.
    pub(crate) fn secret(&self) -> &[u8] {
        self.secret.expose_secret().as_bytes()
    }

    /// Whether this is the same key. Takes as long for any two keys.
    pub fn is_same(&self, other: &Self) -> bool {
        self.reveal().expose_secret().as_bytes().ct_eq(other.reveal().expose_secret().as_bytes()).into()
    }

    fn parse(text: &str) -> Option<Self> {
        let (env, rest) = KeyEnv::strip(text)?;
        let (id, rest) = rest.split_once('_')?;
        let id = KeyId::read(id)?;
        if rest.len() != SECRET_CHARS + CHECK_CHARS || !is_base62(rest) {
            return None;
        }
        let (body, stated) = text.split_at(text.len() - CHECK_CHARS);
        let secret = &rest[..SECRET_CHARS];
        (check(body) == stated.as_bytes()).then(|| Self { env, id, secret: secret.into() })
    }
}

impl FromStr for ApiKey {
    type Err = MalformedKey;

    fn from_str(text: &str) -> Result<Self, MalformedKey> {
        Self::parse(text).ok_or(MalformedKey)
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}_***", self.env.prefix(), self.id)
    }
}

/// `count` characters of base62. A byte's six low bits are taken if they name a character, else thrown away, so that
/// each character is as likely as any other.
fn base62(count: usize, random: &mut dyn FnMut(&mut [u8])) -> String {
    let mut text = String::with_capacity(count);
    let mut bytes = [0_u8; 64];
    while text.len() < count {
        random(&mut bytes);
        let drawn = bytes.iter().filter_map(|byte| ALPHABET.get(usize::from(byte & 0x3f)));
        text.extend(drawn.take(count - text.len()).map(|byte| char::from(*byte)));
    }
    text
}

fn is_base62(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// CRC-32 (IEEE) of `body` as six characters of base62, the first the most significant.
fn check(body: &str) -> [u8; CHECK_CHARS] {
    let mut rest = crc32fast::hash(body.as_bytes());
    let mut digits = [b'0'; CHECK_CHARS];
    for digit in digits.iter_mut().rev() {
        let index = usize::try_from(rest % 62).expect("below 62");
        *digit = ALPHABET[index];
        rest /= 62;
    }
    digits
}

/// `text` with the secret part of anything that looks like a key replaced by `***`: what may be echoed or logged.
pub fn redact(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) =
        [KeyEnv::Live, KeyEnv::Test].iter().filter_map(|env| rest.find(env.prefix())).min()
    {
        let (before, key) = rest.split_at(start);
        let shown = (KeyEnv::Live.prefix().len() + 1 + ID_CHARS).min(key.len());
        let shown = (0..=shown).rev().find(|at| key.is_char_boundary(*at)).unwrap_or(0);
        let end = key.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(key.len());
        clean.extend([before, &key[..shown.min(end)]]);
        clean.push_str(if end > shown { "_***" } else { "" });
        rest = &key[end..];
    }
    clean + rest
}

/// Whether `text` holds anything that looks like a key.
pub fn holds_key(text: &str) -> bool {
    [KeyEnv::Live, KeyEnv::Test].iter().any(|env| text.contains(env.prefix()))
}

impl KeyEnv {
    /// The name in a key and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Test => "test",
        }
    }

    fn prefix(self) -> &'static str {
        match self {
            Self::Live => "acr_live",
            Self::Test => "acr_test",
        }
    }

    fn strip(text: &str) -> Option<(Self, &str)> {
        [Self::Live, Self::Test]
            .into_iter()
            .find_map(|env| Some((env, text.strip_prefix(env.prefix())?.strip_prefix('_')?)))
    }
}

/// A text that names no environment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no environment of a key: live and test are")]
pub struct UnknownEnv(String);

impl FromStr for KeyEnv {
    type Err = UnknownEnv;

    fn from_str(text: &str) -> Result<Self, UnknownEnv> {
        let found = [Self::Live, Self::Test].into_iter().find(|env| env.as_str() == text);
        found.ok_or_else(|| UnknownEnv(text.chars().take(80).collect()))
    }
}

impl KeyId {
    /// The text itself.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("letters and digits")
    }

    fn read(text: &str) -> Option<Self> {
        text.as_bytes().try_into().ok().filter(|_| is_base62(text)).map(Self)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for KeyId {
    type Err = MalformedKeyId;

    fn from_str(text: &str) -> Result<Self, MalformedKeyId> {
        Self::read(text).ok_or(MalformedKeyId)
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same bytes each run, without a short period.
    fn counting() -> impl FnMut(&mut [u8]) {
        let mut next = 1_u32;
        move |buffer| {
            for byte in buffer {
                next = next.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                *byte = next.to_be_bytes()[0];
            }
        }
    }

    #[test]
    fn the_check_is_as_published() {
        let cases = [
            (format!("acr_live_000000000000_{}", "0".repeat(43)), "3oHJE4"),
            ("acr_test_7Q2mZx9KpL4t_5VnR8sT1uW3xY6zA0bC2dE4fG7hJ9kL1mN3pQ5rS8tU".to_owned(), "2czvZh"),
            (format!("acr_live_zzzzzzzzzzzz_{}", "z".repeat(43)), "1QI5u8"),
        ];
        for (body, expected) in cases {
            assert_eq!(check(&body), expected.as_bytes(), "{body}");
            let key: ApiKey = format!("{body}{expected}").parse().unwrap();
            assert_eq!(key.reveal().expose_secret(), &format!("{body}{expected}"));
        }
    }

    #[test]
    fn what_is_no_key() {
        let good = "acr_test_7Q2mZx9KpL4t_5VnR8sT1uW3xY6zA0bC2dE4fG7hJ9kL1mN3pQ5rS8tU2czvZh";
        assert!(good.parse::<ApiKey>().is_ok());
        let cases = [
            String::new(),
            "hello".to_owned(),
            good.replace("2czvZh", "2czvZi"),
            good.replace("5VnR", "5VnS"),
            good.replace("acr_test", "acr_live"),
            good.replace("acr_test", "acr_prod"),
            format!("{good}0"),
            good[..70].to_owned(),
            format!(" {good}"),
            good.replace("5VnR8", "5Vn_8"),
            good.replace("5VnR8", "5Vñ8"),
        ];
        for text in cases {
            assert_eq!(text.parse::<ApiKey>().err(), Some(MalformedKey), "{text}");
        }
    }

    #[test]
    fn a_new_key_reads_back_and_hides_its_secret() {
        let mut random = counting();
        let key = ApiKey::generate(KeyEnv::Test, &mut random);
        let other = ApiKey::generate(KeyEnv::Test, &mut random);
        let text = key.reveal();
        let text = text.expose_secret();
        assert_eq!(text.len(), 71);
        assert!(key.is_same(&text.parse().unwrap()));
        assert!(!key.is_same(&other));
        assert_eq!(format!("{key:?}"), format!("acr_test_{}_***", key.id()));
        let shown = format!("/v1/{text}/x?k={text}");
        assert_eq!(redact(&shown), format!("/v1/{key:?}/x?k={key:?}"));
        for harmless in ["/v1/pools", "acr_live", "acr_test_é", "x acr_live_abc y"] {
            assert_eq!(redact(harmless), harmless);
        }
        assert!(holds_key(&shown) && holds_key("acr_live") && !holds_key("/v1/pools?acr=live"));
        assert_eq!(format!("{:?}", key.id()), key.id().to_string());
    }

    /// A draw may give fewer characters than are wanted, and the next one more.
    #[test]
    fn a_key_is_as_long_whatever_is_drawn() {
        for few in [0, 1, 11, 12, 42, 43] {
            let mut draws = 0;
            let mut random = |bytes: &mut [u8]| {
                draws += 1;
                // 63 names no character, 0 to 61 do.
                let good = if draws % 2 == 1 { few } else { bytes.len() };
                bytes.fill(0x3f);
                bytes[..good].iter_mut().zip(0..62).for_each(|(byte, drawn)| *byte = drawn);
            };
            let key = ApiKey::generate(KeyEnv::Live, &mut random);
            assert_eq!(key.reveal().expose_secret().len(), 71, "{few} at first");
        }
    }

    /// Else some characters would be drawn more often than others, or most bytes thrown away.
    #[test]
    fn only_a_bytes_six_low_bits_are_drawn_with() {
        for high in [0x00, 0x40, 0x80, 0xc0] {
            for (low, expected) in (0..62).zip(ALPHABET) {
                let key = ApiKey::generate(KeyEnv::Live, &mut |bytes| bytes.fill(high | low));
                assert_eq!(key.id().as_str().as_bytes(), [*expected; 12], "{:#x}", high | low);
            }
        }
    }

    #[test]
    fn environments_have_names() {
        for env in [KeyEnv::Live, KeyEnv::Test] {
            assert_eq!(env.as_str().parse(), Ok(env));
        }
        assert!("prod".parse::<KeyEnv>().is_err());
    }
}
