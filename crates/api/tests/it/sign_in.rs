//! Signing in with a wallet: who gets a key, and every way in which nobody does.

use accrual_access::rotation::{Kind, Terms};
use accrual_api::keys::{Asker, KeyEdit, KeyView};
use accrual_api::{SignIn, key};
use accrual_rewards::unit::UnixSeconds;
use accrual_store::clients;
use alloy_primitives::{Address, Signature, eip191_hash_message, hex};
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use k256::ecdsa::SigningKey;
use serde_json::{Value, json};
use std::net::SocketAddr;

use crate::rig::{Answer, Rig, START, new_key};

const DOMAIN: &str = "app.example";
const NOW: u64 = START + 12;

pub(crate) async fn rig() -> Rig {
    let rig =
        Rig::told(|settings| settings.sign_in = Some(SignIn::new(DOMAIN.to_owned(), vec![8453, 1]))).await;
    rig.fill(1).await;
    rig
}

pub(crate) fn wallet(byte: u8) -> SigningKey {
    SigningKey::from_slice(&[byte; 32]).unwrap()
}

fn address(wallet: &SigningKey) -> Address {
    Address::from_public_key(wallet.verifying_key())
}

fn client(wallet: &SigningKey) -> String {
    format!("wallet:{}", hex::encode_prefixed(address(wallet)))
}

fn sign(message: &str, by: &SigningKey) -> String {
    let (signature, recovery) = by.sign_prehash_recoverable(eip191_hash_message(message).as_slice()).unwrap();
    hex::encode_prefixed(Signature::from_signature_and_parity(signature, recovery.is_y_odd()).as_bytes())
}

/// Each call from a network of its own unless the test is about that.
async fn send(rig: &Rig, method: &str, path: &str, from: [u8; 4], body: Body) -> Answer {
    let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
    let mut request = request.body(body).unwrap();
    request.extensions_mut().insert(ConnectInfo(SocketAddr::from((from, 1))));
    rig.ask(request).await
}

/// The text that the service would have this wallet sign.
async fn asked(rig: &Rig, wallet: &SigningKey) -> String {
    let answer = send(rig, "GET", "/v1/sign_in/nonce", [10, wallet.to_bytes()[0], 0, 1], Body::empty()).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let message = answer.json()["data"]["message"].as_str().unwrap().to_owned();
    message.replace("{address}", &address(wallet).to_checksum(None))
}

pub(crate) async fn post(rig: &Rig, body: &Value) -> Answer {
    let network = u8::try_from(body.to_string().len() % 251).unwrap();
    send(rig, "POST", "/v1/sign_in", [11, network, 0, 1], Body::from(body.to_string())).await
}

pub(crate) async fn sign_in(rig: &Rig, wallet: &SigningKey, replace: bool) -> Answer {
    let message = asked(rig, wallet).await;
    let signature = sign(&message, wallet);
    post(rig, &json!({ "message": message, "signature": signature, "replace": replace })).await
}

async fn keys_of(rig: &Rig, wallet: &SigningKey) -> Vec<KeyView> {
    let Some(client) = clients::by_name(&rig.db, &client(wallet)).await.unwrap() else { return Vec::new() };
    let mut views = Vec::new();
    for key in rig.api.keys().list(Some(&client.client_id)).await.unwrap() {
        views.push(rig.api.keys().view(&key).await.unwrap());
    }
    views
}

async fn status_of(rig: &Rig, key: &str) -> u16 {
    rig.get_with("/v1/pools", &[("x-api-key", key)]).await.status.as_u16()
}

#[tokio::test]
async fn a_wallet_gets_a_free_key_at_once() {
    let rig = rig().await;
    for method in ["GET", "POST"] {
        let answer = send(&rig, method, "/v1/sign_in/nonce", [10, 0, 0, 1], Body::empty()).await;
        assert_eq!(answer.headers["cache-control"], "no-store");
        let data = &answer.json()["data"];
        assert_eq!((&data["domain"], &data["uri"]), (&json!(DOMAIN), &json!("https://app.example")));
        assert_eq!((&data["version"], &data["chain_ids"]), (&json!("1"), &json!([8453, 1])));
        assert_eq!(data["issued_at"], "2025-06-04T01:20:12Z");
        assert_eq!(data["expires_at"], "2025-06-04T01:30:12Z");
        assert!(data["nonce"].as_str().unwrap().len() >= 16, "{data}");
    }
    let answer = sign_in(&rig, &wallet(1), false).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    assert_eq!(answer.headers["cache-control"], "no-store");
    let body = answer.json();
    let secret = body["key"].as_str().unwrap();
    assert!(secret.starts_with("acr_live_") && secret.parse::<accrual_api::ApiKey>().is_ok());
    let data = &body["data"];
    assert_eq!((&data["client"], &data["plan"]), (&json!(client(&wallet(1))), &json!("free")));
    assert_eq!((&data["state"], &data["env"]), (&json!("active"), &json!("live")));
    assert_eq!(data["scopes"], json!(["read:public", "read:wallet", "keys:rotate_self"]));
    assert_eq!(data["created_at"], "2025-06-04T01:20:12Z");
    assert!(!data.to_string().contains(&secret[22..65]), "the secret is shown in one place");
    assert_eq!(status_of(&rig, secret).await, 200, "it works at once");
    assert_eq!(keys_of(&rig, &wallet(1)).await.len(), 1);
    // On the other chain, and another wallet.
    let message = asked(&rig, &wallet(2)).await.replace("Chain ID: 8453", "Chain ID: 1");
    let signature = sign(&message, &wallet(2));
    assert_eq!(post(&rig, &json!({ "message": message, "signature": signature })).await.status, 201);
}

#[tokio::test]
async fn a_nonce_serves_once() {
    let rig = rig().await;
    let message = asked(&rig, &wallet(1)).await;
    let body = json!({ "message": message, "signature": sign(&message, &wallet(1)), "replace": true });
    assert_eq!(post(&rig, &body).await.status, 201);
    let again = post(&rig, &body).await;
    assert_eq!((again.status.as_u16(), again.code().as_str()), (403, "sign_in_refused"));
    assert!(again.text.contains("used before"), "{}", again.text);
    assert_eq!(keys_of(&rig, &wallet(1)).await.len(), 1, "and the first key lives");
    assert_eq!(keys_of(&rig, &wallet(1)).await[0].state, "active");
    // Another wallet cannot use it either.
    let stolen =
        message.replace(&address(&wallet(1)).to_checksum(None), &address(&wallet(2)).to_checksum(None));
    let body = json!({ "message": stolen, "signature": sign(&stolen, &wallet(2)) });
    assert_eq!(post(&rig, &body).await.code(), "sign_in_refused");
}

#[tokio::test]
async fn at_once_a_nonce_serves_once_and_a_wallet_gets_one_key() {
    let rig = rig().await;
    let mut bodies = Vec::new();
    for _ in 0..4 {
        let message = asked(&rig, &wallet(1)).await;
        let body = json!({ "message": message, "signature": sign(&message, &wallet(1)) });
        bodies.extend([body.clone(), body]);
    }
    let answers = (0..8_u8)
        .zip(&bodies)
        .map(|(n, body)| send(&rig, "POST", "/v1/sign_in", [12, n, 0, 1], Body::from(body.to_string())));
    let mut created = 0;
    let answers: Vec<Answer> = {
        let tasks = answers.map(Box::pin).collect::<Vec<_>>();
        let mut done = Vec::new();
        for answer in join_all(tasks).await {
            created += usize::from(answer.status == 201);
            done.push(answer);
        }
        done
    };
    let codes: Vec<u16> = answers.iter().map(|answer| answer.status.as_u16()).collect();
    assert_eq!(created, 1, "{codes:?}");
    assert_eq!(keys_of(&rig, &wallet(1)).await.len(), 1, "{codes:?}");
}

/// All of them together, each polled in turn.
async fn join_all<F: Future + Unpin>(mut tasks: Vec<F>) -> Vec<F::Output> {
    let mut done: Vec<Option<F::Output>> = tasks.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (task, slot) in tasks.iter_mut().zip(&mut done).filter(|(_, slot)| slot.is_none()) {
            if let std::task::Poll::Ready(output) = std::pin::Pin::new(task).poll(context) {
                *slot = Some(output);
            }
        }
        if done.iter().all(Option::is_some) { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    done.into_iter().flatten().collect()
}

#[tokio::test]
async fn whoever_has_a_key_keeps_it_or_replaces_it() {
    let rig = rig().await;
    let first = sign_in(&rig, &wallet(1), false).await.json()["key"].as_str().unwrap().to_owned();
    let message = asked(&rig, &wallet(1)).await;
    let signature = sign(&message, &wallet(1));
    let refused = post(&rig, &json!({ "message": message, "signature": signature })).await;
    assert_eq!((refused.status.as_u16(), refused.code().as_str()), (409, "wallet_has_key"));
    for told in [&first[9..21], "/v1/keys/self/rotation", r#"\"replace\": true"#] {
        assert!(refused.text.contains(told), "{told}: {}", refused.text);
    }
    assert_eq!(status_of(&rig, &first).await, 200);
    // The same signature once more: nothing was used up by the question.
    let replaced = post(&rig, &json!({ "message": message, "signature": signature, "replace": true })).await;
    assert_eq!(replaced.status, 201, "{}", replaced.text);
    let second = replaced.json()["key"].as_str().unwrap().to_owned();
    assert_eq!((status_of(&rig, &first).await, status_of(&rig, &second).await), (401, 200));
    let held = keys_of(&rig, &wallet(1)).await;
    let states: Vec<&str> = held.iter().map(|key| key.state).collect();
    assert_eq!(states.iter().filter(|state| **state == "active").count(), 1, "{states:?}");
    assert_eq!(states.iter().filter(|state| **state == "revoked").count(), 1, "{states:?}");
}

#[derive(Debug, Clone, Copy)]
enum Held {
    Active,
    Expiring,
    Expired,
    Ending,
    Ended,
    Revoked,
    Paused,
}

/// The wallet's client, on a plan of its own, with a key that is so.
async fn hold(rig: &Rig, held: Held) {
    let (keys, asker) = (rig.api.keys(), Asker::default());
    let mut new = new_key(&client(&wallet(1)), &accrual_api::scope::Scope::ALL);
    new.purpose.expires_at = match held {
        Held::Expiring => Some(UnixSeconds(NOW + 2)),
        Held::Expired => Some(UnixSeconds(NOW + 1)),
        _ => None,
    };
    let id = keys.create(new, &asker).await.unwrap().made.id;
    let exchange = |overlap_seconds| Terms { overlap_seconds, ..Terms::new(Kind::Normal) };
    match held {
        Held::Active | Held::Expiring | Held::Expired => {}
        Held::Ending => drop(keys.rotate(&id, &exchange(3_600), &asker).await.unwrap()),
        Held::Ended => {
            let new = keys.rotate(&id, &exchange(0), &asker).await.unwrap().made.new;
            keys.edit(&new, &KeyEdit::Revoke, &asker).await.unwrap();
        }
        Held::Revoked => drop(keys.edit(&id, &KeyEdit::Revoke, &asker).await.unwrap()),
        Held::Paused => drop(keys.edit(&id, &KeyEdit::Pause, &asker).await.unwrap()),
    }
    rig.set_now(NOW + 1);
}

#[tokio::test]
async fn which_keys_stand_in_the_way() {
    let cases = [
        // what there is, answer without and with replace
        (Held::Active, 409, 201),
        (Held::Expiring, 409, 201),
        (Held::Expired, 201, 201),
        (Held::Ending, 409, 201),
        (Held::Ended, 201, 201),
        (Held::Revoked, 201, 201),
        // What an operator has stopped is not started by signing in.
        (Held::Paused, 409, 409),
    ];
    for (held, plain, replacing) in cases {
        for (replace, expected) in [(false, plain), (true, replacing)] {
            let rig = rig().await;
            hold(&rig, held).await;
            let answer = sign_in(&rig, &wallet(1), replace).await;
            assert_eq!(answer.status, expected, "{held:?} {replace}: {}", answer.text);
            if expected == 201 {
                assert_eq!(answer.json()["data"]["plan"], "vip", "the client's plan stays");
                let states: Vec<_> =
                    keys_of(&rig, &wallet(1)).await.into_iter().map(|key| key.state).collect();
                let accepted = states.iter().filter(|state| ["active", "ending"].contains(state)).count();
                assert_eq!(accepted, 1, "{held:?} {replace}: {states:?}");
            }
        }
    }
}

#[tokio::test]
async fn what_proves_no_wallet() {
    let rig = rig().await;
    let right = asked(&rig, &wallet(1)).await;
    let cases: &[(&str, &str, &str)] = &[
        ("app.example wants", "other.example wants", "is for other.example"),
        ("URI: https://app.example", "URI: https://other.example", "URI is not under https://app.example"),
        ("Chain ID: 8453", "Chain ID: 10", "is for chain 10, and this site takes 8453, 1"),
        ("Issued At: 2025-06-04T01:20", "Issued At: 2025-06-04T01:09", "ask for a new nonce"),
        ("Expiration Time: 2025-06-04T01:30", "Expiration Time: 2025-06-04T01:19", "ask for a new nonce"),
        ("Nonce: ", "Nonce: 0", "was not given out here"),
        ("Version: 1", "Version: 2", "Line 7 of the message must be `Version: 1`"),
    ];
    for (from, to, said) in cases {
        assert!(right.contains(from), "{from}");
        let message = right.replacen(from, to, 1);
        let body = json!({ "message": message, "signature": sign(&message, &wallet(1)) });
        let answer = post(&rig, &body).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (403, "sign_in_refused"), "{to}");
        assert!(answer.text.contains(said), "{to}: {}", answer.text);
    }
    let by_other = sign(&right, &wallet(2));
    let answer = post(&rig, &json!({ "message": right, "signature": by_other })).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (403, "sign_in_refused"));
    let contract = post(&rig, &json!({ "message": right, "signature": format!("{by_other}00") })).await;
    assert!(contract.text.contains("never asks the chain"), "{}", contract.text);
    assert!(keys_of(&rig, &wallet(1)).await.is_empty(), "nobody got a key");
    // And after all that the nonce is still good, until it is too old.
    rig.set_now(NOW + 599);
    let body = json!({ "message": right, "signature": sign(&right, &wallet(1)) });
    assert_eq!(post(&rig, &body).await.status, 201);
}

#[tokio::test]
async fn an_old_nonce_is_gone_whatever_the_message_says() {
    let rig = rig().await;
    let message = asked(&rig, &wallet(1)).await;
    rig.set_now(NOW + 600);
    let message = message.replace("01:20:12Z", "01:30:00Z").replace("01:30:12Z", "01:40:00Z");
    let answer = post(&rig, &json!({ "message": message, "signature": sign(&message, &wallet(1)) })).await;
    assert_eq!(answer.code(), "sign_in_refused");
    assert!(answer.text.contains("older than 600 seconds"), "{}", answer.text);
}

#[tokio::test]
async fn bodies_that_are_no_sign_in() {
    let rig = rig().await;
    let donor = key::holds_key(&rig.key).then(|| rig.key.clone()).unwrap();
    let bodies = [
        String::new(),
        "[]".to_owned(),
        r#"{"message": "x"}"#.to_owned(),
        r#"{"message": "x", "signature": 5}"#.to_owned(),
        r#"{"message": "x", "signature": "0x", "replaces": true}"#.to_owned(),
        format!(r#"{{"message": "x", "signature": "0x", "{donor}": true}}"#),
    ];
    for (n, body) in (0..).zip(bodies) {
        let answer = send(&rig, "POST", "/v1/sign_in", [13, n, 0, 1], Body::from(body.clone())).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (400, "bad_body"), "{body}");
        assert!(answer.json()["errors"][0]["parameter"].is_string(), "{body}");
        assert!(!answer.text.contains(&donor[22..65]), "{}", answer.text);
    }
}

#[tokio::test]
async fn a_network_tries_ten_times_a_minute() {
    let rig = rig().await;
    let nonce = async |from| send(&rig, "GET", "/v1/sign_in/nonce", from, Body::empty()).await;
    for n in 0..9 {
        assert_eq!(nonce([20, 0, 0, n]).await.status, 200);
    }
    let tenth = send(&rig, "POST", "/v1/sign_in", [20, 0, 0, 99], Body::from("not even JSON")).await;
    assert_eq!(tenth.code(), "bad_body", "every call counts");
    rig.set_now(NOW + 20);
    let refused = nonce([20, 0, 0, 100]).await;
    assert_eq!((refused.status.as_u16(), refused.code().as_str()), (429, "rate_limited"));
    assert_eq!(refused.headers["retry-after"], "40");
    assert_eq!(nonce([20, 0, 1, 1]).await.status, 200, "another network");
    rig.set_now(NOW + 60);
    assert_eq!(nonce([20, 0, 0, 100]).await.status, 200);
    // Callers whose address is not known are one network.
    for _ in 0..10 {
        assert_eq!(rig.get_with("/v1/sign_in/nonce", &[]).await.status, 200);
    }
    assert_eq!(rig.get_with("/v1/sign_in/nonce", &[]).await.status, 429);
}

#[tokio::test]
async fn switched_off_there_is_nothing() {
    let rig = Rig::new(1).await;
    for (method, path) in
        [("GET", "/v1/sign_in/nonce"), ("POST", "/v1/sign_in/nonce"), ("POST", "/v1/sign_in")]
    {
        let answer = send(&rig, method, path, [10, 0, 0, 1], Body::from("{}")).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (404, "not_found"), "{method} {path}");
    }
}
