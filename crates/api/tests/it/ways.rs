//! Two ways lead to a data answer: the short one, for a call without a body whose key the door knows, and the whole house.
//! Callers cannot tell them apart.

use accrual_api::scope::Scope;
use accrual_rewards::unit::UnixSeconds;
use accrual_store::usage::{self, HourRow};
use axum::body::Body;
use axum::http::Request;

use crate::rig::{Answer, Rig, START, address};

/// `GET path`, with a body where it shall go the whole way.
async fn ask(rig: &Rig, (path, headers): (&str, &[(&str, &str)]), key: &str, body: &'static str) -> Answer {
    let request = Request::get(path).header("x-api-key", key).header("x-request-id", "mine");
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    rig.ask(request.body(Body::from(body)).unwrap()).await
}

fn told(answer: &Answer) -> (u16, Vec<(String, String)>, &str) {
    let text = |value: &axum::http::HeaderValue| value.to_str().unwrap().to_owned();
    let mut headers: Vec<(String, String)> =
        answer.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect();
    headers.sort();
    (answer.status.as_u16(), headers, &answer.text)
}

/// What was counted of a client, but for whose it was.
async fn counted(rig: &Rig, client: &str) -> Vec<HourRow> {
    rig.write_uses().await;
    let id = rig.api.keys().client(client).await.unwrap().client_id;
    let all = usage::hours(&rig.db, &id, UnixSeconds(0), UnixSeconds(2 * START)).await.unwrap();
    let nobodys = |row| HourRow { key_id: String::new(), client_id: String::new(), ..row };
    all.into_iter().map(nobodys).collect()
}

#[tokio::test]
async fn both_ways_answer_and_count_alike() {
    let (one, other) = (Rig::new(40).await, Rig::new(40).await);
    let public = (one.new_key(&[Scope::ReadPublic]).await, other.new_key(&[Scope::ReadPublic]).await);
    let rewards = format!("/v1/accounts/{:#x}/rewards", address(2));
    let positions = format!("/v1/accounts/{:#x}/positions?explain=true", address(3));
    let theirs = format!("/v4/users/{:#x}/rewards?chainId=8453", address(2));
    let json: &[(&str, &str)] = &[("accept", "application/json"), ("origin", "https://elsewhere.example")];
    let cases: &[(&str, &[(&str, &str)])] = &[
        (&rewards, json),
        (&rewards, &[("accept", "text/csv")]),
        (&rewards, &[("accept", "image/png")]),
        (&rewards, &[("if-none-match", "*"), ("accept-encoding", "br")]),
        (&format!("{rewards}?format=csv&limit=1"), &[]),
        (&format!("{rewards}?limt=1"), json),
        ("/v1/accounts/0x12/rewards", json),
        ("/v1/accounts/%ff/rewards", json),
        (&positions, &[]),
        (&theirs, &[]),
        ("/v4/users/0x12/rewards", &[]),
        ("/v1/campaigns/first/accruals?limit=3", &[("accept-encoding", "gzip")]),
        ("/v1/campaigns/first/accruals", &[("accept-encoding", "gzip, br")]),
        ("/v1/campaigns/second", json),
        ("/v1/pools?max_age_seconds=0", &[]),
        ("/v1/overview", &[]),
        ("/v1/keys/self?limit=1", &[]),
        ("/v1/nowhere", &[]),
    ];
    for case in cases {
        let keys = [(&one.key, &other.key), (&public.0, &public.1)];
        for (key, other_key) in keys {
            let (short, whole) =
                (ask(&one, *case, key, "").await, ask(&other, *case, other_key, "a body").await);
            assert_eq!(told(&short), told(&whole), "{case:?}");
        }
    }
    for client in ["tests-0", "tests-1"] {
        let all = counted(&one, client).await;
        assert!(all.len() > 5, "{all:?}");
        assert_eq!(all, counted(&other, client).await, "{client}");
    }
}
