//! Peppers: what turns a key's secret into what is stored of it, so that a stolen table opens nothing.
//!
//! Several are known at a time, so that one can be exchanged for another while keys go on working: the first makes new
//! MACs, each checks those that were made with it.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretSlice};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::key::ApiKey;

const BYTES_MIN: usize = 32;

/// What turns a secret into what is stored. Comes from the environment or a file, never from the database.
#[derive(Clone)]
pub struct Pepper {
    version: u32,
    /// HMAC with the pepper's two blocks hashed already: half of the work of a short message, done once.
    keyed: Hmac<Sha256>,
}

/// A pepper that protects nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the pepper has {found} bytes and needs at least 32: make one with `openssl rand -hex 32`")]
pub struct ShortPepper {
    found: usize,
}

impl Pepper {
    /// The pepper that is called `version` in the database.
    ///
    /// # Errors
    /// Fewer than 32 bytes.
    pub fn new(version: u32, bytes: Vec<u8>) -> Result<Self, ShortPepper> {
        let found = bytes.len();
        if found < BYTES_MIN {
            return Err(ShortPepper { found });
        }
        // Wiped when it is dropped; what is kept of it lives as long as the process.
        let bytes = SecretSlice::from(bytes);
        let keyed = Hmac::new_from_slice(bytes.expose_secret()).expect("HMAC takes any length");
        Ok(Self { version, keyed })
    }

    /// Its name in the database.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// What is stored of a key: HMAC-SHA-256 of its secret, as 64 lower-case hex digits.
    pub fn secret_mac(&self, key: &ApiKey) -> String {
        alloy_primitives::hex::encode(self.secret_mac_bytes(key))
    }

    /// The same as 32 bytes.
    pub fn secret_mac_bytes(&self, key: &ApiKey) -> [u8; 32] {
        self.mac(key.secret())
    }

    /// Whether `stored` is the MAC of `key`. Takes as long for any two texts of one length.
    pub fn admits(&self, key: &ApiKey, stored: &str) -> bool {
        self.secret_mac(key).as_bytes().ct_eq(stored.as_bytes()).into()
    }

    /// HMAC-SHA-256 of any message, for what else the server signs.
    pub fn mac(&self, message: &[u8]) -> [u8; 32] {
        let mut mac = self.keyed.clone();
        mac.update(message);
        mac.finalize().into_bytes().into()
    }
}

/// The peppers that are known: the newest makes new MACs, all of them check old ones.
#[derive(Debug, Clone)]
pub struct Peppers(Vec<Pepper>);

impl Peppers {
    /// The peppers of a text: a line each, `VERSION:SECRET`, the current one first; a single line without a version is
    /// version 1.
    ///
    /// # Errors
    /// [`BadPeppers`], which never shows a secret.
    pub fn parse(text: &str) -> Result<Self, BadPeppers> {
        let lines = text.split(['\n', ',']).map(str::trim).filter(|line| !line.is_empty());
        let parse = |(index, line): (usize, &str)| {
            let (version, secret) = match line.split_once(':') {
                Some((version, secret)) => {
                    (version.parse().map_err(|_| BadPeppers::Version(index + 1))?, secret)
                }
                None => (1, line),
            };
            Pepper::new(version, secret.as_bytes().to_vec())
                .map_err(|short| BadPeppers::Short(index + 1, short))
        };
        let peppers: Vec<Pepper> = lines.enumerate().map(parse).collect::<Result<_, _>>()?;
        let mut versions: Vec<u32> = peppers.iter().map(|pepper| pepper.version).collect();
        versions.sort_unstable();
        if peppers.is_empty() {
            return Err(BadPeppers::None);
        }
        if versions.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(BadPeppers::Twice);
        }
        Ok(Self(peppers))
    }

    /// The one that new MACs are made with.
    pub fn current(&self) -> &Pepper {
        &self.0[0]
    }

    /// Which are known, the current one first.
    pub fn versions(&self) -> impl Iterator<Item = u32> {
        self.0.iter().map(Pepper::version)
    }

    /// The one of that version.
    pub fn version(&self, version: u32) -> Option<&Pepper> {
        self.0.iter().find(|pepper| pepper.version == version)
    }
}

impl From<Pepper> for Peppers {
    fn from(pepper: Pepper) -> Self {
        Self(vec![pepper])
    }
}

/// A text that holds no peppers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "each variant's sentence names its fields")]
pub enum BadPeppers {
    #[error("there is no pepper: make one with `openssl rand -hex 32`")]
    None,
    #[error("line {0} has no version before its colon: write it as 2:SECRET, the current pepper first")]
    Version(usize),
    #[error("line {0}: {1}")]
    Short(usize, ShortPepper),
    #[error("two peppers have the same version: give the new one the next number")]
    Twice,
}

impl fmt::Debug for Pepper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pepper {{ version: {}, keyed: *** }}", self.version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::KeyEnv;

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
    fn a_mac_needs_the_secret_and_the_pepper() {
        let mut random = counting();
        let (key, other) =
            (ApiKey::generate(KeyEnv::Live, &mut random), ApiKey::generate(KeyEnv::Live, &mut random));
        let (pepper, salt) = (Pepper::new(1, vec![7; 32]).unwrap(), Pepper::new(1, vec![8; 32]).unwrap());
        let stored = pepper.secret_mac(&key);
        assert_eq!(stored.len(), 64);
        assert!(pepper.admits(&key, &stored));
        assert!(!pepper.admits(&other, &stored));
        assert!(!salt.admits(&key, &stored));
        assert_eq!(format!("{pepper:?}"), "Pepper { version: 1, keyed: *** }");
        assert_eq!(Pepper::new(1, vec![7; 31]).err(), Some(ShortPepper { found: 31 }));
    }

    /// Case 6 of RFC 4231; twice, since the keyed state is kept.
    #[test]
    fn a_mac_is_hmac_sha_256_as_published() {
        let pepper = Pepper::new(1, vec![0xaa; 131]).unwrap();
        for _ in 0..2 {
            let mac = pepper.mac(b"Test Using Larger Than Block-Size Key - Hash Key First");
            let expected = "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54";
            assert_eq!(alloy_primitives::hex::encode(mac), expected);
        }
    }

    #[test]
    fn peppers_have_versions() {
        let (old, new) = ("a".repeat(32), "b".repeat(32));
        let one = Peppers::parse(&format!("{old}\n")).unwrap();
        assert_eq!((one.current().version(), one.version(2).is_none()), (1, true));
        let two = Peppers::parse(&format!("2:{new}\n1:{old}")).unwrap();
        assert_eq!((two.current().version(), two.versions().collect::<Vec<_>>()), (2, vec![2, 1]));
        let key = ApiKey::generate(KeyEnv::Live, &mut counting());
        let stored = one.current().secret_mac(&key);
        assert!(two.version(1).unwrap().admits(&key, &stored) && !two.current().admits(&key, &stored));
        let cases = [
            (String::new(), BadPeppers::None),
            (format!("x:{old}"), BadPeppers::Version(1)),
            (format!("{old},short"), BadPeppers::Short(2, ShortPepper { found: 5 })),
            (format!("1:{old},1:{new}"), BadPeppers::Twice),
        ];
        for (text, expected) in cases {
            assert_eq!(Peppers::parse(&text).unwrap_err(), expected);
        }
        assert!(!format!("{two:?}").contains(&old));
        assert_eq!(Peppers::from(Pepper::new(7, vec![1; 32]).unwrap()).current().version(), 7);
    }
}
