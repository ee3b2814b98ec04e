//! Whose wallet signed a message, and whether it was for us, here and now.

use accrual_rewards::unit::UnixSeconds;
use alloy_primitives::{Address, Signature, hex};
use jiff::Timestamp;

use super::{Message, MessageError, Stamp};

/// What a message has to say to be for us.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// Host and perhaps port of the site that people sign in to.
    pub domain: &'a str,
    /// What the message's URI has to begin with: scheme and domain, without a path.
    pub origin: &'a str,
    /// The chains whose accounts may sign in.
    pub chain_ids: &'a [u64],
    /// The present second.
    pub now: UnixSeconds,
    /// How far from now, either way, the message may say that it was made.
    pub window_seconds: u64,
}

/// Who signed in. The nonce is still to be used up: until then the signature is good for as many times as it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedIn {
    /// Whose wallet signed.
    pub address: Address,
    /// What makes the signature good for one use.
    pub nonce: String,
}

/// Why nobody is signed in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "each variant's sentence names its fields")]
pub enum SignInError {
    #[error(transparent)]
    Message(#[from] MessageError),
    #[error("the message is for {found}, and this is {expected}: sign the one that this site asks for")]
    OtherDomain { found: String, expected: String },
    #[error("the message's URI is not under {expected}: sign the one that this site asks for")]
    OtherOrigin { expected: String },
    #[error("the message is for chain {found}, and this site takes {expected}: switch the wallet's network")]
    OtherChain { found: u64, expected: String },
    #[error(
        "the message says it was made at {issued_at}, more than {window_seconds} seconds from now: ask for a new nonce, and check the clock"
    )]
    NotOfNow { issued_at: String, window_seconds: u64 },
    #[error("the message is good until {0} only: ask for a new nonce and sign again")]
    Expired(String),
    #[error("the message is not good before {0}")]
    NotYet(String),
    #[error("the signature must be 0x and 130 hex digits, as a wallet's personal_sign gives it")]
    MalformedSignature,
    #[error(
        "the signature's s is in the upper half, where each signature has a second form: wallets give the lower"
    )]
    HighS,
    #[error(
        "this is a contract wallet's signature (ERC-1271), which only the chain can check, and this API never asks the \
         chain: sign with an account that has a key of its own"
    )]
    ContractWallet,
    #[error(
        "the signature is not that of {0}: sign this very text with that account. A contract wallet (ERC-1271) cannot \
         sign in here, since only the chain can check it and this API never asks the chain"
    )]
    OtherSigner(Address),
}

/// Who signed `message`, when it is for the site, the chains and the time of `expected`. `signature` is hexadecimal.
///
/// # Errors
/// Anything that is not exactly so; which, is said.
pub fn check(message: &str, signature: &str, expected: &Expected<'_>) -> Result<SignedIn, SignInError> {
    let parsed: Message = message.parse()?;
    for_us(&parsed, expected)?;
    for_now(&parsed, expected)?;
    let signature = read_signature(signature)?;
    let other = SignInError::OtherSigner(parsed.address);
    match signature.recover_address_from_msg(message) {
        Ok(signer) if signer == parsed.address => {
            Ok(SignedIn { address: parsed.address, nonce: parsed.nonce })
        }
        Ok(_) | Err(_) => Err(other),
    }
}

fn for_us(message: &Message, expected: &Expected<'_>) -> Result<(), SignInError> {
    if message.domain != expected.domain {
        let found: String = message.domain.chars().take(80).collect();
        return Err(SignInError::OtherDomain { found, expected: expected.domain.to_owned() });
    }
    let scheme_fits = message
        .scheme
        .as_ref()
        .is_none_or(|scheme| expected.origin.split_once("://").is_some_and(|(ours, _)| ours == scheme));
    if !scheme_fits || !is_under(&message.uri, expected.origin) {
        return Err(SignInError::OtherOrigin { expected: expected.origin.to_owned() });
    }
    if !expected.chain_ids.contains(&message.chain_id) {
        let ids: Vec<String> = expected.chain_ids.iter().map(u64::to_string).collect();
        return Err(SignInError::OtherChain { found: message.chain_id, expected: ids.join(", ") });
    }
    Ok(())
}

/// `https://app.example.evil` begins with `https://app.example` too.
fn is_under(uri: &str, origin: &str) -> bool {
    uri.strip_prefix(origin).is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?', '#']))
}

fn for_now(message: &Message, expected: &Expected<'_>) -> Result<(), SignInError> {
    let now = i64::try_from(expected.now.0).ok().and_then(|now| Timestamp::from_second(now).ok());
    let now = now.unwrap_or(Timestamp::MAX);
    let distance = now.as_second().abs_diff(message.issued_at.at().as_second());
    if distance > expected.window_seconds {
        let issued_at = message.issued_at.to_string();
        return Err(SignInError::NotOfNow { issued_at, window_seconds: expected.window_seconds });
    }
    let expired = |end: &&Stamp| end.at() <= now;
    if let Some(end) = message.expiration_time.as_ref().filter(expired) {
        return Err(SignInError::Expired(end.to_string()));
    }
    let early = |start: &&Stamp| start.at() > now;
    match message.not_before.as_ref().filter(early) {
        Some(start) => Err(SignInError::NotYet(start.to_string())),
        None => Ok(()),
    }
}

fn read_signature(text: &str) -> Result<Signature, SignInError> {
    let hexadecimal =
        |digits: &&str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let digits = text.strip_prefix("0x").filter(hexadecimal).ok_or(SignInError::MalformedSignature)?;
    let bytes = hex::decode(digits).map_err(|_| SignInError::MalformedSignature)?;
    // r, s and a last byte; whatever else there is comes from a contract.
    let bytes: [u8; 65] = bytes.try_into().map_err(|_| SignInError::ContractWallet)?;
    if ![0, 1, 27, 28].contains(&bytes[64]) {
        return Err(SignInError::MalformedSignature);
    }
    let signature = Signature::from_raw_array(&bytes).map_err(|_| SignInError::MalformedSignature)?;
    // The library would quietly take the other form.
    if signature.normalize_s().is_some() { Err(SignInError::HighS) } else { Ok(signature) }
}
