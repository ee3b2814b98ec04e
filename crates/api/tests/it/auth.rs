//! Keys on the wire: what is accepted, and what each refusal says and does not say.

use accrual_access::change::Purpose;
use accrual_api::keys::{Asker, KeyEdit, NewKey};
use accrual_api::scope::{Scope, Scopes};
use accrual_api::{ApiKey, KeyEnv};
use accrual_rewards::unit::UnixSeconds;
use secrecy::ExposeSecret;

use crate::rig::{Rig, START, new_key};

type Headers<'a> = &'a [(&'a str, &'a str)];

fn other_key(byte: u8) -> String {
    let mut next = u32::from(byte);
    let mut random = |bytes: &mut [u8]| {
        for byte in bytes {
            next = next.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *byte = next.to_be_bytes()[0];
        }
    };
    ApiKey::generate(KeyEnv::Test, &mut random).reveal().expose_secret().to_owned()
}

/// The stored id of `key` with another secret and a right check.
fn wrong_secret(key: &str) -> String {
    let id = &key[9..21];
    let donor: ApiKey = other_key(1).parse().unwrap();
    let body = format!("acr_test_{id}_{}", &donor.reveal().expose_secret()[22..65]);
    let alphabet = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let crc = u64::from(crc32fast::hash(body.as_bytes()));
    let digit = |place: u32| char::from(alphabet[usize::try_from(crc / 62_u64.pow(place) % 62).unwrap()]);
    let check: String = (0..6).rev().map(digit).collect();
    body + &check
}

#[tokio::test]
async fn both_headers_are_accepted() {
    let rig = Rig::new(1).await;
    let (key, bearer, lower) =
        (rig.key.clone(), format!("Bearer {}", rig.key), format!("bearer {}", rig.key));
    let cases: [Headers<'_>; 4] = [
        &[("x-api-key", &key)],
        &[("authorization", &bearer)],
        &[("authorization", &lower)],
        &[("x-api-key", &key), ("authorization", &bearer)],
    ];
    for headers in cases {
        let answer = rig.get_with("/v1/pools", headers).await;
        assert_eq!(answer.status, 200, "{headers:?} {}", answer.text);
        assert_eq!(answer.headers["cache-control"], "private, max-age=2", "a block's time");
        assert!(answer.headers["vary"].to_str().unwrap().contains("X-API-Key, Authorization"));
        let own = rig.get_with("/v1/keys/self", headers).await;
        assert_eq!(own.headers["cache-control"], "private, max-age=0, must-revalidate");
    }
}

#[tokio::test]
async fn each_refusal_has_its_code() {
    let rig = Rig::new(1).await;
    let (key, other) = (rig.key.clone(), other_key(3));
    let other_bearer = format!("Bearer {other}");
    let typo = format!("{}{}", &key[..70], if key.ends_with('0') { '1' } else { '0' });
    let cases: [(&str, &str, Headers<'_>, u16, &str); 9] = [
        ("nothing", "/v1/pools", &[], 401, "key_missing"),
        ("another scheme", "/v1/pools", &[("authorization", "Basic eDp5")], 401, "key_missing"),
        ("no key", "/v1/pools", &[("x-api-key", "hello")], 401, "key_malformed"),
        ("a typo", "/v1/pools", &[("x-api-key", &typo)], 401, "key_malformed"),
        ("unknown", "/v1/pools", &[("x-api-key", &other)], 401, "key_unknown"),
        (
            "two",
            "/v1/pools",
            &[("x-api-key", &key), ("authorization", &other_bearer)],
            400,
            "credentials_conflict",
        ),
        ("in the URL", &format!("/v1/pools?x={key}"), &[("x-api-key", &key)], 400, "credentials_in_url"),
        ("by name", "/v1/pools?api_key=x", &[], 400, "credentials_in_url"),
        ("even without need", &format!("/?q={key}"), &[], 400, "credentials_in_url"),
    ];
    for (name, path, headers, status, code) in cases {
        let answer = rig.get_with(path, headers).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (status, code),
            "{name}: {}",
            answer.text
        );
        assert!(!answer.text.contains(&key[22..65]), "{name} echoes the secret");
        let challenge = answer.headers.get("www-authenticate").map(|value| value.to_str().unwrap());
        let expected = match code {
            "key_missing" => Some(r#"Bearer realm="accrual""#),
            _ if status == 401 => Some(r#"Bearer realm="accrual", error="invalid_token""#),
            _ => None,
        };
        assert_eq!(challenge, expected, "{name}");
    }
}

#[tokio::test]
async fn a_wrong_secret_and_an_unknown_id_are_one_answer() {
    let rig = Rig::new(1).await;
    let revoked = rig.new_key(&Scope::ALL).await;
    let id = revoked.parse::<ApiKey>().unwrap().id().clone();
    rig.api.keys().edit(&id, &KeyEdit::Revoke, &Asker::default()).await.unwrap();
    let mut answers = Vec::new();
    for key in [other_key(5), wrong_secret(&rig.key), wrong_secret(&revoked)] {
        let answer = rig.get_with("/v1/pools", &[("x-api-key", &key), ("x-request-id", "same")]).await;
        answers.push((answer.status, answer.headers, answer.text));
    }
    assert_eq!(answers[0].0, 401);
    assert!(answers[0].2.contains("key_unknown"));
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0], answers[2]);
}

#[tokio::test]
async fn only_the_holder_learns_how_a_key_ended() {
    let rig = Rig::new(1).await;
    let id = rig.key.parse::<ApiKey>().unwrap().id().clone();
    rig.api.keys().edit(&id, &KeyEdit::Revoke, &Asker::default()).await.unwrap();
    assert!(rig.api.keys().edit(&id, &KeyEdit::Revoke, &Asker::default()).await.is_err(), "only once");
    let answer = rig.get("/v1/pools").await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (401, "key_revoked"));
    assert_eq!(answer.json()["detail"], format!("Key {id} was revoked."));
}

#[tokio::test]
async fn a_key_is_refused_from_the_instant_of_its_end() {
    let rig = Rig::new(1).await;
    let mut new = new_key("short", &[Scope::ReadPublic]);
    new.purpose.expires_at = Some(UnixSeconds(START + 100));
    let issued = rig.api.keys().create(new, &Asker::default()).await.unwrap();
    assert_eq!(issued.made.standing(UnixSeconds(START + 12)).name(), "active");
    let key = issued.key.unwrap();
    for (now, code) in [(START + 99, ""), (START + 100, "key_expired"), (START + 101, "key_expired")] {
        rig.set_now(now);
        let answer = rig.get_with("/v1/pools", &[("x-api-key", key.reveal().expose_secret())]).await;
        assert_eq!(answer.code(), code, "at {now}");
    }
}

#[tokio::test]
async fn a_wallet_needs_its_scope() {
    let rig = Rig::new(1).await;
    let path = "/v1/accounts/0x0101010101010101010101010101010101010101/rewards";
    let key = rig.new_key(&[Scope::ReadPublic]).await;
    let answer = rig.get_with(path, &[("x-api-key", &key)]).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (403, "scope_missing"));
    let key = rig.new_key(&[Scope::ReadWallet]).await;
    assert_eq!(rig.get_with(path, &[("x-api-key", &key)]).await.status, 200);
    assert_eq!(rig.get_with("/v1/pools", &[("x-api-key", &key)]).await.code(), "scope_missing");
}

#[tokio::test]
async fn keys_that_cannot_be_made() {
    let rig = Rig::empty(None).await;
    rig.issue("tests", &[Scope::ReadPublic]).await;
    let good = new_key("tests", &[Scope::ReadPublic]);
    let none = Purpose { scopes: Scopes::NONE, ..good.purpose.clone() };
    let past = Purpose { expires_at: Some(UnixSeconds(START)), ..good.purpose.clone() };
    let cases = [
        (NewKey { client: "a b".to_owned(), ..good.clone() }, "is no name for a client"),
        (NewKey { plan: Some("free".to_owned()), ..good.clone() }, "is on plan vip, not free"),
        (NewKey { purpose: none, ..good.clone() }, "without a scope"),
        (NewKey { purpose: past, ..good.clone() }, "the end lies in the past"),
    ];
    let before = rig.api.keys().list(None).await.unwrap();
    for (new, expected) in cases {
        let made = rig.api.keys().create(new, &Asker::default()).await;
        let text = made.map(|_| ()).unwrap_err().to_string();
        assert!(text.contains(expected), "{text}");
    }
    assert_eq!(rig.api.keys().list(None).await.unwrap(), before);
    let unknown = other_key(7).parse::<ApiKey>().unwrap().id().clone();
    assert!(rig.api.keys().edit(&unknown, &KeyEdit::Revoke, &Asker::default()).await.is_err());
}
