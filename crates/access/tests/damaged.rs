//! Whatever stands where a key, a network, a message or a rule of access should, it is read or refused; nothing panics,
//! and what was read is written as it stood.

use accrual_access::address_guard::AddressGuard;
use accrual_access::audit::Head;
use accrual_access::key::{ApiKey, KeyEnv, KeyId};
use accrual_access::network::{Network, Networks};
use accrual_access::plan::History;
use accrual_access::scope::Scope;
use accrual_access::siwe::Message;
use accrual_access::webhook::SigningSecret;
use proptest::prelude::*;
use secrecy::ExposeSecret;

/// A key with parts changed, cut or put in: most of it stays what a careless copy leaves.
fn almost_a_key() -> impl Strategy<Value = String> {
    let mut byte = 0_u8;
    let mut random = move |buffer: &mut [u8]| {
        for each in buffer {
            byte = byte.wrapping_mul(31).wrapping_add(7);
            *each = byte;
        }
    };
    let key = ApiKey::generate(KeyEnv::Live, &mut random).reveal().expose_secret().to_owned();
    (0..key.len(), 0..6_usize, ".{0,6}").prop_map(move |(at, cut, put)| {
        let end = (at + cut).min(key.len());
        format!("{}{put}{}", &key[..at], &key[end..])
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_a_reader_panic(text in prop_oneof![any::<String>(), "[ -~\n]{0,200}", "[0-9a-f:./,]{0,60}"]) {
        let _ = text.parse::<ApiKey>().is_ok();
        let _ = text.parse::<KeyId>().is_ok();
        let _ = text.parse::<Network>().is_ok();
        let _ = text.parse::<Networks>().is_ok();
        let _ = text.parse::<AddressGuard>().is_ok();
        let _ = text.parse::<Scope>().is_ok();
        let _ = text.parse::<History>().is_ok();
        let _ = text.parse::<Head>().is_ok();
        let _ = text.parse::<SigningSecret>().is_ok();
        let _ = text.parse::<Message>().is_ok();
    }

    #[test]
    fn a_damaged_key_is_refused_or_the_very_same(text in almost_a_key()) {
        if let Ok(key) = text.parse::<ApiKey>() {
            let shown = key.reveal();
            prop_assert_eq!(shown.expose_secret(), text.as_str());
        }
    }

    #[test]
    fn a_damaged_message_is_refused_or_read(
        cut in 0_usize..400,
        put in "[ -~\n]{0,12}",
    ) {
        let message = "example.org wants you to sign in with your Ethereum account:\n0xaAaAaAaaAaAaAaaAaAAAAAAAAaaaAaAaAaaAaaAa\n\nSign in.\n\nURI: https://example.org\nVersion: 1\nChain ID: 8453\nNonce: 0123456789abcdef\nIssued At: 2026-01-01T00:00:00Z\nExpiration Time: 2026-01-01T00:05:00Z";
        let at = cut.min(message.len());
        let _ = format!("{}{put}{}", &message[..at], &message[at..]).parse::<Message>().is_ok();
        let _ = format!("{}{put}", &message[..at]).parse::<Message>().is_ok();
    }
}
