//! The grammar line by line, messages of all shapes, and signatures by a key that everybody knows.

use accrual_rewards::unit::UnixSeconds;
use alloy_primitives::{Address, Signature, eip191_hash_message, hex};
use k256::ecdsa::SigningKey;
use proptest::prelude::*;

use super::*;

const NOW: u64 = 1_780_315_200;
const FULL: &str = "https://app.example:8443 wants you to sign in with your Ethereum account:
ADDRESS

Give me a free key: it's for (reading) only & costs nothing.

URI: https://app.example:8443/sign-in?from=docs#free
Version: 1
Chain ID: 8453
Nonce: 32891756AbCdEf09
Issued At: 2026-06-01T12:00:00.000Z
Expiration Time: 2026-06-01T14:05:00+02:00
Not Before: 2026-06-01T12:00:00Z
Request ID: a%20b:c@d
Resources:
- ipfs://bafybeiemxf5abjwjbikoz4mc3a3dla6ual3jsgpdr4cjr3oz3evfyavhwq/
- urn:isbn:0451450523";
const BARE: &str = "app.example wants you to sign in with your Ethereum account:
ADDRESS


URI: https://app.example
Version: 1
Chain ID: 1
Nonce: 12345678
Issued At: 2026-06-01T12:00:00Z";

fn key(byte: u8) -> SigningKey {
    SigningKey::from_slice(&[byte; 32]).unwrap()
}

fn address(key: &SigningKey) -> Address {
    Address::from_public_key(key.verifying_key())
}

/// `template` with the address of our key in it.
fn message(template: &str) -> String {
    template.replace("ADDRESS", &address(&key(7)).to_checksum(None))
}

fn signature(message: &str, by: &SigningKey) -> Signature {
    let (signature, recovery) = by.sign_prehash_recoverable(eip191_hash_message(message).as_slice()).unwrap();
    Signature::from_signature_and_parity(signature, recovery.is_y_odd())
}

fn sign(message: &str, by: &SigningKey) -> String {
    hex::encode_prefixed(signature(message, by).as_bytes())
}

fn expected() -> Expected<'static> {
    Expected {
        domain: "app.example",
        origin: "https://app.example",
        chain_ids: &[1, 8453],
        now: UnixSeconds(NOW),
        window_seconds: 600,
    }
}

#[test]
fn both_ends_of_the_grammar() {
    let full: Message = message(FULL).parse().unwrap();
    assert_eq!(full.to_string(), message(FULL));
    assert_eq!((full.scheme.as_deref(), full.domain.as_str()), (Some("https"), "app.example:8443"));
    assert_eq!(full.address, address(&key(7)));
    assert_eq!((full.chain_id, full.nonce.as_str()), (8453, "32891756AbCdEf09"));
    assert_eq!(full.issued_at.at().as_second(), i64::try_from(NOW).unwrap());
    assert_eq!(full.expiration_time.as_ref().unwrap().at().as_second(), i64::try_from(NOW + 300).unwrap());
    assert_eq!(full.resources.as_ref().unwrap().len(), 2);
    let bare: Message = message(BARE).parse().unwrap();
    assert_eq!(bare.to_string(), message(BARE));
    assert_eq!((bare.scheme, bare.statement, bare.request_id, bare.resources), (None, None, None, None));
}

/// Each case replaces one text of a good message; none of them may be read, and the line is named.
#[test]
fn each_line_is_held_to_its_form() {
    let upper = address(&key(7)).to_checksum(None).to_uppercase().replace("0X", "0x");
    let cases: &[(&str, &str, usize)] = &[
        ("https://app.example:8443 wants", " wants", 1),
        ("https://app.example:8443 wants", "1ttps://app.example wants", 1),
        ("https://app.example:8443 wants", "https:// wants", 1),
        ("https://app.example:8443 wants", "app.example/path wants", 1),
        ("https://app.example:8443 wants", "app.example:port wants", 1),
        ("https://app.example:8443 wants", "app example wants", 1),
        ("https://app.example:8443 wants", "[::1 wants", 1),
        ("https://app.example:8443 wants", "[1.2.3.4] wants", 1),
        ("your Ethereum account:", "your Ethereum account: ", 1),
        ("ADDRESS", "0x12", 2),
        ("ADDRESS", &upper, 2),
        ("ADDRESS\n\n", "ADDRESS\nx\n", 3),
        ("it's for", "it\u{2019}s for", 4),
        ("it's for", "it \"is\" for", 4),
        ("it's for", "100% for", 4),
        ("nothing.\n\n", "nothing.\n\n\n", 6),
        ("nothing.\n\n", "nothing.\nsecond line\n", 5),
        ("URI: https", "URI:https", 6),
        ("URI: https://app.example:8443/sign-in?from=docs#free", "URI: /sign-in", 6),
        ("URI: https://app.example:8443/sign-in?from=docs#free", "URI: https://a b/", 6),
        ("URI: https://app.example:8443/sign-in?from=docs#free", "URI: https://a/%2", 6),
        ("URI: https://app.example:8443/sign-in?from=docs#free", "URI: https://a/#b#c", 6),
        ("Version: 1", "Version: 2", 7),
        ("Chain ID: 8453", "Chain ID: 08453", 8),
        ("Chain ID: 8453", "Chain ID: ", 8),
        ("Chain ID: 8453", "Chain ID: 0x1", 8),
        ("Chain ID: 8453", "Chain ID: 99999999999999999999", 8),
        ("Nonce: 32891756AbCdEf09", "Nonce: 1234567", 9),
        ("Nonce: 32891756AbCdEf09", "Nonce: 1234-5678", 9),
        ("Issued At: 2026-06-01T12:00:00.000Z", "Issued At: 2026-06-01 12:00:00Z", 10),
        ("Issued At: 2026-06-01T12:00:00.000Z", "Issued At: 2026-06-01T12:00:00.Z", 10),
        ("Issued At: 2026-06-01T12:00:00.000Z", "Issued At: 2026-06-01T12:00:00", 10),
        ("Issued At: 2026-06-01T12:00:00.000Z", "Issued At: 2026-13-01T12:00:00Z", 10),
        ("Issued At: 2026-06-01T12:00:00.000Z", "Issued At: 2026-06-01T25:00:00Z", 10),
        ("Issued At: 2026-06-01T12:00:00.000Z\n", "", 10),
        ("Expiration Time: 2026-06-01T14:05:00+02:00", "Expiration Time: tomorrow", 11),
        ("Expiration Time: 2026-06-01T14:05:00+02:00", "Expiration Time: 2026-06-01T14:05:00+0200", 11),
        ("Expiration Time", "Expires", 11),
        ("Not Before: 2026-06-01T12:00:00Z", "Not Before: never", 12),
        ("Request ID: a%20b:c@d", "Request ID: a b", 13),
        ("Request ID: a%20b:c@d", "Request ID: a%2", 13),
        ("Request ID: a%20b:c@d", "Request ID: a/b", 13),
        ("Resources:", "Resources: ", 14),
        ("- ipfs://", "-ipfs://", 15),
        ("- urn:isbn:0451450523", "- urn", 16),
        ("urn:isbn:0451450523", "urn:isbn:0451450523\n", 17),
    ];
    for (from, to, line) in cases {
        assert!(FULL.contains(from), "{from:?} stands in the message");
        let text = message(&FULL.replacen(from, to, 1));
        match text.parse::<Message>() {
            Err(MessageError::Line { line: found, .. }) => assert_eq!(found, *line, "{from:?} -> {to:?}"),
            other => panic!("{from:?} -> {to:?}: {other:?}"),
        }
    }
    let swapped = message(FULL).replace("Expiration Time", "x").replace("Not Before", "Expiration Time");
    assert!(swapped.replace("x: 2026", "Not Before: 2026").parse::<Message>().is_err(), "the order is fixed");
    assert!("".parse::<Message>().is_err());
    assert!(message(FULL).replace('\n', "\r\n").parse::<Message>().is_err());
    let long = message(FULL) + &"x".repeat(MESSAGE_BYTES_MAX);
    assert!(matches!(long.parse::<Message>(), Err(MessageError::TooLong(_))));
    let error = message(FULL).replace("Version: 1", "Version: 2").parse::<Message>().unwrap_err();
    assert_eq!(error.to_string(), "line 7 of the message must be `Version: 1`");
}

#[test]
fn domains_and_uris() {
    for good in ["a", "a.b:1", "a:", "[::1]:80", "[v1.x]", "u:p@h", "127.0.0.1", "xn--p1ai"] {
        assert!(grammar::is_domain(good), "{good}");
    }
    for bad in ["", ":80", "u@", "a:b:c", "[::1]x", "[::g]", "[v.x]", "[v1.]", "a/b", "a b", "\u{e9}"] {
        assert!(!grammar::is_domain(bad), "{bad}");
    }
    for good in
        ["a:", "a:b", "a:/b//c", "file:///x", "http://h", "http://h?q=/?#f/?", "did:key:z6Mk", "a://[::1]/"]
    {
        assert!(grammar::is_uri(good), "{good}");
    }
    for bad in
        ["", ":", "a", "/a", "1a:b", "a:[b]", "http://h:p/", "http://a@b@c/", "a:%zz", "a:b c", "a:\"b\""]
    {
        assert!(!grammar::is_uri(bad), "{bad}");
    }
}

#[test]
fn a_right_signature_for_us_and_now() {
    let text = message(BARE);
    let signed = SignedIn { address: address(&key(7)), nonce: "12345678".to_owned() };
    assert_eq!(check(&text, &sign(&text, &key(7)), &expected()), Ok(signed.clone()));
    // Wallets write the last byte in two ways.
    let mut bytes = signature(&text, &key(7)).as_bytes();
    bytes[64] -= 27;
    assert_eq!(check(&text, &hex::encode_prefixed(bytes), &expected()), Ok(signed.clone()));
    let under = text.replace("URI: https://app.example", "URI: https://app.example/x?y#z");
    assert_eq!(check(&under, &sign(&under, &key(7)), &expected()), Ok(signed));
}

#[test]
fn whatever_is_not_for_us_and_now_is_refused_though_rightly_signed() {
    type Is = fn(&SignInError) -> bool;
    let cases: &[(&str, &str, &str, Is)] = &[
        ("domain", "app.example wants", "app.exampl wants", |e| matches!(e, SignInError::OtherDomain { .. })),
        ("port", "app.example wants", "app.example:1 wants", |e| {
            matches!(e, SignInError::OtherDomain { .. })
        }),
        ("scheme", "app.example wants", "http://app.example wants", |e| {
            matches!(e, SignInError::OtherOrigin { .. })
        }),
        ("URI", "URI: https://app.example", "URI: https://app.example.evil", |e| {
            matches!(e, SignInError::OtherOrigin { .. })
        }),
        ("URI's user", "URI: https://app.example", "URI: https://app.example@evil", |e| {
            matches!(e, SignInError::OtherOrigin { .. })
        }),
        ("chain", "Chain ID: 1", "Chain ID: 10", |e| matches!(e, SignInError::OtherChain { found: 10, .. })),
        ("old", "At: 2026-06-01T12:00:00Z", "At: 2026-06-01T11:49:59Z", |e| {
            matches!(e, SignInError::NotOfNow { .. })
        }),
        ("far", "At: 2026-06-01T12:00:00Z", "At: 2026-06-01T12:10:01Z", |e| {
            matches!(e, SignInError::NotOfNow { .. })
        }),
        ("at its end", "12:00:00Z", "12:00:00Z\nExpiration Time: 2026-06-01T12:00:00Z", |e| {
            matches!(e, SignInError::Expired(_))
        }),
        ("too early", "12:00:00Z", "12:00:00Z\nNot Before: 2026-06-01T12:00:00.1Z", |e| {
            matches!(e, SignInError::NotYet(_))
        }),
        ("form", "Version: 1", "Version: 2", |e| matches!(e, SignInError::Message(_))),
    ];
    for (name, from, to, is) in cases {
        let text = message(&BARE.replacen(from, to, 1));
        let error = check(&text, &sign(&text, &key(7)), &expected()).unwrap_err();
        assert!(is(&error), "{name}: {error}");
    }
    let edges = [
        ("12:00:00Z", "11:50:00Z"),
        ("12:00:00Z", "12:10:00Z"),
        ("12:00:00Z", "12:00:00Z\nExpiration Time: 2026-06-01T12:00:01Z\nNot Before: 2026-06-01T12:00:00Z"),
    ];
    for (from, to) in edges {
        let text = message(&BARE.replacen(from, to, 1));
        assert!(check(&text, &sign(&text, &key(7)), &expected()).is_ok(), "{to}");
    }
}

#[test]
fn signatures_that_prove_nothing() {
    let text = message(BARE);
    let right = sign(&text, &key(7));
    let is = |given: &str| check(&text, given, &expected()).unwrap_err();
    assert_eq!(is(&sign(&text, &key(8))), SignInError::OtherSigner(address(&key(7))));
    assert_eq!(is(&sign(&(text.clone() + " "), &key(7))), SignInError::OtherSigner(address(&key(7))));
    for malformed in
        ["", "0x", &right[2..], "0xzz", "0x123", &format!("0x{right}"), &(right[..130].to_owned() + "1d")]
    {
        assert_eq!(is(malformed), SignInError::MalformedSignature, "{malformed}");
    }
    // ERC-1271 leaves a contract's signatures any length, ERC-6492 wraps them.
    for contracts in [&right[..130], &(right.clone() + "00"), "0x00"] {
        let error = is(contracts);
        assert_eq!(error, SignInError::ContractWallet, "{contracts}");
        assert!(error.to_string().contains("never asks the chain"), "{error}");
    }
    let low = signature(&text, &key(7));
    let order: alloy_primitives::U256 =
        "0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141".parse().unwrap();
    let high = Signature::new(low.r(), order - low.s(), !low.v());
    assert_eq!(is(&hex::encode_prefixed(high.as_bytes())), SignInError::HighS);
    for (r, s) in [(0_u8, 1_u8), (1, 0), (0, 0)] {
        let none = Signature::new(alloy_primitives::U256::from(r), alloy_primitives::U256::from(s), false);
        assert_eq!(is(&hex::encode_prefixed(none.as_bytes())), SignInError::OtherSigner(address(&key(7))));
    }
}

/// A message of any shape that the grammar has.
fn any_message() -> impl Strategy<Value = String> {
    let who = (
        proptest::option::of("[a-z][a-z0-9+.-]{0,5}://"),
        "[a-zA-Z0-9._~-]{1,12}(:[0-9]{0,5})?",
        any::<[u8; 20]>(),
    );
    let statement = proptest::option::of("[A-Za-z0-9 :/?#@!$&'()*+,;=._~\\[\\]-]{1,40}");
    let what = (
        "[a-z]{1,5}:(//[a-z.]{0,9}(:[0-9]{1,3})?)?(/[a-z0-9%A-F]{0,0}[a-z0-9]{0,5})?(\\?[a-z=]{0,5})?",
        any::<u64>(),
        "[0-9A-Za-z]{8,20}",
    );
    let time = || "20[0-9]{2}-0[1-9]-[12][0-8]T[01][0-9]:[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,9})?(Z|z|[+-]0[0-9]:[0-5][0-9])";
    let when = (time(), proptest::option::of(time()), proptest::option::of(time()));
    let id = proptest::option::of("([a-z0-9:@]|%[0-9A-F]{2}){0,9}");
    let resources = proptest::option::of(proptest::collection::vec("[a-z]{1,5}:[a-z/.]{0,9}", 0..4));
    (who, statement, what, when, id, resources).prop_map(|(who, statement, what, when, id, resources)| {
        let line = |label: &str, value: Option<String>| value.map_or(String::new(), |value| format!("\n{label}: {value}"));
        let resources = resources.map_or(String::new(), |list| {
            format!("\nResources:{}", list.iter().map(|uri| format!("\n- {uri}")).collect::<String>())
        });
        format!(
            "{}{}{HEADER}\n{}\n\n{}\nURI: {}\nVersion: 1\nChain ID: {}\nNonce: {}\nIssued At: {}{}{}{}{resources}",
            who.0.unwrap_or_default(),
            who.1,
            Address::from(who.2).to_checksum(None),
            statement.map_or(String::new(), |text| text + "\n"),
            what.0,
            what.1,
            what.2,
            when.0,
            line("Expiration Time", when.1),
            line("Not Before", when.2),
            line("Request ID", id),
        )
    })
}

proptest! {
    #[test]
    fn what_is_read_is_written_again(text in any_message()) {
        let parsed: Message = text.parse().map_err(|error| TestCaseError::fail(format!("{error}: {text}")))?;
        prop_assert_eq!(parsed.to_string(), text);
    }

    /// One character put in, taken out or exchanged anywhere: no panic, and if it is still a message, it is that text.
    #[test]
    fn no_change_of_a_message_is_overlooked(
        text in any_message(), at in any::<proptest::sample::Index>(), put in proptest::option::of(any::<char>()), take: bool,
    ) {
        let mut characters: Vec<char> = text.chars().collect();
        let at = at.index(characters.len());
        if take { characters.remove(at); }
        if let Some(put) = put { characters.insert(at, put); }
        let changed: String = characters.into_iter().collect();
        if let Ok(parsed) = changed.parse::<Message>() {
            prop_assert_eq!(parsed.to_string(), changed);
        }
    }

    #[test]
    fn rubbish_never_panics(text in "(?s).{0,200}", signature in "(0x)?[0-9a-f]{0,140}") {
        prop_assert!(text.parse::<Message>().is_err());
        prop_assert!(check(&text, &signature, &expected()).is_err());
        let right = message(BARE);
        prop_assert!(check(&right, &signature, &expected()).is_err());
    }
}
