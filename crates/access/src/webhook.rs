//! Signing what is sent to others, after Standard Webhooks; when a failed delivery is tried again; and what an answer
//! means.
//!
//! The signed text is `id.timestamp.body`, the header a list of `v1,<base64 HMAC-SHA-256>`, one for each secret that
//! lives: while a secret rotates there are two, so that a receiver may change over at any time in between. No secret is
//! stored: each is made from the pepper, the webhook's name and the secret's generation.

use std::fmt;
use std::str::FromStr;

use accrual_rewards::unit::UnixSeconds;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::key::Pepper;

/// The header with the message's name, which is the same each time it is tried.
pub const ID_HEADER: &str = "webhook-id";
/// The header with the time of this try, in Unix seconds.
pub const TIMESTAMP_HEADER: &str = "webhook-timestamp";
/// The header with the signatures.
pub const SIGNATURE_HEADER: &str = "webhook-signature";
/// How far a receiver's clock may be from the sender's.
pub const TOLERANCE_SECONDS: u64 = 300;
/// How long the receiver has for its answer.
pub const TIMEOUT_SECONDS: u64 = 15;
/// How long both secrets live where nobody says otherwise: as with keys.
pub const OVERLAP_DEFAULT_SECONDS: u64 = 86_400;
/// The longest time that both may live.
pub const OVERLAP_MAX_SECONDS: u64 = 30 * 86_400;

const SECRET_PREFIX: &str = "whsec_";
const SECRET_BYTES_MIN: usize = 24;
const VERSION: &str = "v1,";

/// What a webhook is signed with. Neither `Debug` nor anything else but [`SigningSecret::reveal`] shows it.
#[derive(Clone)]
pub struct SigningSecret(SecretSlice<u8>);

/// One message, as it goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message<'a> {
    /// Its name.
    pub id: &'a str,
    /// When it is sent.
    pub at: UnixSeconds,
    /// What it says.
    pub body: &'a [u8],
}

/// A text that is no signing secret. Says nothing about the text, which may well be one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a signing secret is whsec_ and the base64 of at least 24 bytes: copy it again")]
pub struct MalformedSecret;

/// Why a message is not taken for the sender's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// Old messages could be sent again by whoever saw them.
    #[error("the message is signed for a time more than 5 minutes from now: check the clock")]
    Time,
    /// The body was changed, or the secret is another.
    #[error("none of the signatures is right: check the secret, and that the body is taken as it was sent")]
    Signature,
}

/// What one try came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is there.
    Delivered,
    /// The receiver never wants any more.
    Gone,
    /// Not there; worth another try.
    Failed,
}

impl SigningSecret {
    /// The secret of that generation of the webhook (or other receiver) called `name`.
    pub fn derive(pepper: &Pepper, name: &str, generation: u64) -> Self {
        let mac = pepper.mac(format!("webhook:{name}:{generation}").as_bytes());
        Self(SecretSlice::from(mac.to_vec()))
    }

    /// The text for its receiver, to be shown once.
    pub fn reveal(&self) -> SecretString {
        format!("{SECRET_PREFIX}{}", STANDARD.encode(self.0.expose_secret())).into()
    }

    fn mac(&self, message: &Message<'_>) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.expose_secret()).expect("HMAC takes any length");
        mac.update(format!("{}.{}.", message.id, message.at.0).as_bytes());
        mac.update(message.body);
        mac
    }
}

impl FromStr for SigningSecret {
    type Err = MalformedSecret;

    fn from_str(text: &str) -> Result<Self, MalformedSecret> {
        let bytes = text.strip_prefix(SECRET_PREFIX).and_then(|text| STANDARD.decode(text).ok());
        let bytes = bytes.filter(|bytes| bytes.len() >= SECRET_BYTES_MIN).ok_or(MalformedSecret)?;
        Ok(Self(SecretSlice::from(bytes)))
    }
}

impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("whsec_***")
    }
}

/// The header of signatures: one by each secret, in their order.
pub fn sign(message: &Message<'_>, secrets: &[SigningSecret]) -> String {
    let signature = |secret: &SigningSecret| {
        format!("{VERSION}{}", STANDARD.encode(secret.mac(message).finalize().into_bytes()))
    };
    secrets.iter().map(signature).collect::<Vec<_>>().join(" ")
}

/// Whether one of the signatures in `header` is of `secret`, and the message of about `now`.
///
/// # Errors
/// It is not.
pub fn verify(
    message: &Message<'_>,
    header: &str,
    secret: &SigningSecret,
    now: UnixSeconds,
) -> Result<(), VerifyError> {
    if message.at.0.abs_diff(now.0) > TOLERANCE_SECONDS {
        return Err(VerifyError::Time);
    }
    let right = secret.mac(message).finalize().into_bytes();
    let stated = header.split(' ').filter_map(|part| STANDARD.decode(part.strip_prefix(VERSION)?).ok());
    // Each is looked at: how long this takes says nothing about which one was right.
    let found = stated.fold(false, |found, stated| found | bool::from(right.as_slice().ct_eq(&stated)));
    if found { Ok(()) } else { Err(VerifyError::Signature) }
}

/// Seconds from one try to the next: ten tries over three days. The first are soon, for a receiver that restarts; the
/// last are far apart, for one that is mended after a weekend.
const DELAYS_SECONDS: [u64; 9] = [5, 60, 300, 1_800, 7_200, 18_000, 36_000, 79_200, 115_200];

/// How often a message is tried.
pub const ATTEMPTS_MAX: u32 = 10;
const _: () = assert!(DELAYS_SECONDS.len() + 1 == ATTEMPTS_MAX as usize, "a delay between any two tries");

/// How long to wait after the try number `attempts`, the first being 1; `None` when it was the last. `random` moves it
/// by up to a tenth either way, so that receivers that failed together are not tried together.
pub fn retry_after_seconds(attempts: u32, random: u64) -> Option<u64> {
    let index = usize::try_from(attempts.checked_sub(1)?).ok()?;
    let delay = DELAYS_SECONDS.get(index)?;
    Some((delay * (900 + random % 201)).div_ceil(1000))
}

/// What an answer's status means. A redirect is a failure: following it would take a message, and a look at the
/// network, where its owner did not say.
pub fn verdict(status: u16) -> Verdict {
    match status {
        200..=299 => Verdict::Delivered,
        410 => Verdict::Gone,
        _ => Verdict::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] = br#"{"type":"key.rotation.started"}"#;
    const NOW: UnixSeconds = UnixSeconds(1_780_678_800);

    fn published() -> (SigningSecret, Message<'static>) {
        let secret = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=".parse().unwrap();
        (secret, Message { id: "msg_0001", at: NOW, body: BODY })
    }

    #[test]
    fn signs_as_published() {
        let (secret, message) = published();
        let header = sign(&message, std::slice::from_ref(&secret));
        assert_eq!(header, "v1,0E4VpcMXFKTCfNRDvOnRNvUGmreUfXs/rYxJDeAS71U=");
        assert_eq!(verify(&message, &header, &secret, NOW), Ok(()));
        assert_eq!(secret.reveal().expose_secret(), "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=");
        assert_eq!(format!("{secret:?}"), "whsec_***");
    }

    #[test]
    fn what_is_not_taken() {
        let (secret, message) = published();
        let right = sign(&message, std::slice::from_ref(&secret));
        let other = SigningSecret::derive(&Pepper::new(1, vec![1; 32]).unwrap(), "wh_1", 1);
        let (changed, renamed) = (Message { body: b"{}", ..message }, Message { id: "msg_0002", ..message });
        let later = Message { at: UnixSeconds(NOW.0 + 1), ..message };
        let cases = [
            ("another body", changed, right.as_str(), &secret, NOW.0, Err(VerifyError::Signature)),
            ("another name", renamed, &right, &secret, NOW.0, Err(VerifyError::Signature)),
            ("another time", later, &right, &secret, NOW.0, Err(VerifyError::Signature)),
            ("another secret", message, &right, &other, NOW.0, Err(VerifyError::Signature)),
            ("no signature", message, "", &secret, NOW.0, Err(VerifyError::Signature)),
            (
                "another scheme",
                message,
                &right.replace("v1,", "v2,"),
                &secret,
                NOW.0,
                Err(VerifyError::Signature),
            ),
            ("not base64", message, "v1,é", &secret, NOW.0, Err(VerifyError::Signature)),
            ("five minutes late", message, &right, &secret, NOW.0 + 300, Ok(())),
            ("later", message, &right, &secret, NOW.0 + 301, Err(VerifyError::Time)),
            ("five minutes early", message, &right, &secret, NOW.0 - 300, Ok(())),
            ("earlier", message, &right, &secret, NOW.0 - 301, Err(VerifyError::Time)),
        ];
        for (name, message, header, secret, now, expected) in cases {
            assert_eq!(verify(&message, header, secret, UnixSeconds(now)), expected, "{name}");
        }
    }

    #[test]
    fn each_webhook_and_generation_has_its_own_secret_and_two_may_sign() {
        let (pepper, salt) = (Pepper::new(1, vec![1; 32]).unwrap(), Pepper::new(2, vec![2; 32]).unwrap());
        let secrets = [
            SigningSecret::derive(&pepper, "wh_1", 1),
            SigningSecret::derive(&pepper, "wh_1", 2),
            SigningSecret::derive(&pepper, "wh_2", 1),
            SigningSecret::derive(&salt, "wh_1", 1),
        ];
        let (_, message) = published();
        let both = sign(&message, &secrets[..2]);
        assert_eq!(both.split(' ').count(), 2);
        let taken: Vec<bool> = secrets.iter().map(|one| verify(&message, &both, one, NOW).is_ok()).collect();
        assert_eq!(taken, [true, true, false, false]);
        let again = SigningSecret::derive(&pepper, "wh_1", 1).reveal();
        assert_eq!(again.expose_secret(), secrets[0].reveal().expose_secret());
        let read: SigningSecret = again.expose_secret().parse().unwrap();
        assert_eq!(verify(&message, &both, &read, NOW), Ok(()));
    }

    #[test]
    fn what_is_no_secret() {
        for text in ["", "whsec_", "whsec_AAAA", "whsec_é", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="] {
            assert_eq!(text.parse::<SigningSecret>().err(), Some(MalformedSecret), "{text}");
        }
    }

    #[test]
    fn ten_tries_over_three_days() {
        let waits = |random| -> Vec<u64> {
            (1..ATTEMPTS_MAX).map(|attempts| retry_after_seconds(attempts, random).unwrap()).collect()
        };
        let (least, plain, most) = (waits(0), waits(100), waits(200));
        assert_eq!(plain, DELAYS_SECONDS);
        assert!(plain.is_sorted_by(|a, b| a < b), "each wait is longer");
        let days = |waits: &[u64]| waits.iter().sum::<u64>() * 10 / 86_400;
        assert_eq!((days(&least), days(&plain), days(&most)), (26, 29, 32), "tenths of a day");
        for ((least, plain), most) in least.iter().zip(&plain).zip(&most) {
            assert_eq!((*least, *most), ((plain * 9).div_ceil(10), (plain * 11).div_ceil(10)));
        }
        assert_eq!(retry_after_seconds(ATTEMPTS_MAX, 0), None);
        assert_eq!(retry_after_seconds(0, 0), None);
    }

    #[test]
    fn what_an_answer_means() {
        let cases = [
            (200, Verdict::Delivered),
            (204, Verdict::Delivered),
            (299, Verdict::Delivered),
            (199, Verdict::Failed),
            (301, Verdict::Failed),
            (307, Verdict::Failed),
            (400, Verdict::Failed),
            (404, Verdict::Failed),
            (410, Verdict::Gone),
            (429, Verdict::Failed),
            (500, Verdict::Failed),
        ];
        for (status, expected) in cases {
            assert_eq!(verdict(status), expected, "{status}");
        }
    }
}
