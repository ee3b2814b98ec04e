//! `GET /v1/stream`, on both engines.

use std::time::Duration;

use accrual_api::keys::{Asker, KeyEdit};
use accrual_api::scope::Scope;
use accrual_api::{Api, Settings, StreamLimits, router};
use accrual_rewards::unit::UnixSeconds;
use axum::Router;
use axum::body::{Body, BodyDataStream};
use axum::http::{HeaderMap, Request, StatusCode};
use futures::StreamExt;
use serde_json::{Value, json};
use tokio::time::timeout;
use tower::ServiceExt;

use crate::db;
use crate::rig::{FIRST_BLOCK, Rig, START, added, address, event, hash, settings};

/// Longer than any event takes on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(30);

struct Listener {
    body: BodyDataStream,
    read: String,
    headers: HeaderMap,
}

#[derive(Debug)]
struct Event {
    name: String,
    id: String,
    data: Value,
}

async fn ask(router: &Router, path: &str, headers: &[(&str, &str)]) -> axum::response::Response {
    let request =
        headers.iter().fold(Request::get(path), |request, (name, value)| request.header(*name, *value));
    router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
}

impl Listener {
    async fn open(router: &Router, path: &str, headers: &[(&str, &str)]) -> Self {
        let (parts, body) = ask(router, path, headers).await.into_parts();
        assert_eq!(parts.status, StatusCode::OK);
        Self { body: body.into_data_stream(), read: String::new(), headers: parts.headers }
    }

    async fn of(rig: &Rig, path: &str) -> Self {
        Self::open(&rig.router, path, &[("x-api-key", &rig.key)]).await
    }

    async fn resumed(rig: &Rig, id: &str) -> Self {
        Self::open(&rig.router, "/v1/stream", &[("x-api-key", &rig.key), ("last-event-id", id)]).await
    }

    /// The next block of lines; `None` at the end.
    async fn lines(&mut self) -> Option<String> {
        loop {
            if let Some((lines, rest)) = self.read.split_once("\n\n") {
                let (lines, rest) = (lines.to_owned(), rest.to_owned());
                self.read = rest;
                return Some(lines);
            }
            let more = timeout(PATIENCE, self.body.next()).await.expect("something comes in time")?.unwrap();
            self.read.push_str(std::str::from_utf8(&more).unwrap());
        }
    }

    async fn next(&mut self) -> Option<Event> {
        loop {
            let lines = self.lines().await?;
            let field = |name: &str| {
                let line = lines.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
                line.map(str::to_owned)
            };
            let (Some(name), Some(data)) = (field("event"), field("data")) else { continue };
            let data = serde_json::from_str(&data).unwrap();
            return Some(Event { name, id: field("id").unwrap_or_default(), data });
        }
    }

    /// All events up to a block's end, and that.
    async fn block(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        loop {
            events.push(self.next().await.expect("the stream goes on"));
            if events.last().unwrap().name == "head" {
                return events;
            }
        }
    }
}

fn names(events: &[Event]) -> Vec<&str> {
    events.iter().map(|event| event.name.as_str()).collect()
}

/// Runs `test` with a rig of so many accounts over each engine.
async fn on_each_engine(accounts: u8, tell: impl Fn(&mut Settings), test: impl AsyncFn(&Rig)) {
    db::on_each_engine(async |fresh| {
        let rig = Rig::over(fresh.db.clone(), &tell).await;
        if accounts > 0 {
            rig.fill(accounts).await;
        }
        test(&rig).await;
    })
    .await;
}

/// One more block, in which somebody adds liquidity.
async fn extend(rig: &Rig, number: u64, fork: u8, after: (u64, u8)) {
    let added = event(number, 0, added(50 + fork, 7_000_000_000));
    rig.extend(Some(after), number, fork, &[added]).await;
    rig.api.book().refresh().await.unwrap();
}

#[tokio::test]
async fn it_begins_with_all_that_is_true_and_tells_each_block() {
    on_each_engine(
        12,
        |_| {},
        async |rig| {
            rig.finalize(FIRST_BLOCK + 1, FIRST_BLOCK).await;
            let mut listener = Listener::of(rig, "/v1/stream").await;
            for (name, value) in [
                ("content-type", "text/event-stream"),
                ("x-accel-buffering", "no"),
                ("cache-control", "no-store"),
                ("access-control-allow-origin", "*"),
            ] {
                assert_eq!(listener.headers[name], value);
            }
            assert!(listener.headers.contains_key("ratelimit") && !listener.headers.contains_key("etag"));
            assert_eq!(listener.lines().await.unwrap(), "retry: 3000");
            let now = listener.block().await;
            assert_eq!(names(&now), ["accruals", "apr", "head"]);
            let told = rig.get("/v1/campaigns/first/accruals?limit=10").await.json();
            let campaign = rig.get("/v1/campaigns").await.json()["data"][0].clone();
            let accruals = &now[0].data;
            assert_eq!((&accruals["data"], &accruals["as_of"]), (&told["data"], &told["meta"]["as_of"]));
            for field in
                ["budget_units", "emitted_units", "earned_units", "undistributed_units", "accounts_count"]
            {
                assert_eq!(accruals[field], campaign[field], "{field}");
            }
            assert_eq!((&now[1].data["apr"], &now[1].data["campaign"]), (&campaign["apr"], &json!("first")));
            assert_eq!(now[2].data["as_of"], told["meta"]["as_of"]);
            assert_eq!(
                (&now[2].data["finality"], &now[2].data["finalized_block_number"]),
                (&json!("safe"), &json!(100))
            );
            extend(rig, FIRST_BLOCK + 2, 0, (FIRST_BLOCK + 1, 0)).await;
            let next = listener.block().await;
            assert_eq!(names(&next), ["accruals", "apr", "head"]);
            assert_eq!(next[2].data["as_of"]["block_number"], FIRST_BLOCK + 2);
            let told = rig.get("/v1/campaigns/first/accruals?limit=10").await.json();
            assert_eq!(next[0].data["data"], told["data"]);
            // What does not change is not told again: nobody moves, and the rate stays.
            rig.extend(Some((FIRST_BLOCK + 2, 0)), FIRST_BLOCK + 3, 0, &[]).await;
            rig.api.book().refresh().await.unwrap();
            assert_eq!(names(&listener.block().await), ["accruals", "head"]);
        },
    )
    .await;
}

#[tokio::test]
async fn who_comes_back_is_told_what_was_missed() {
    on_each_engine(
        3,
        |_| {},
        async |rig| {
            let mut listener = Listener::of(rig, "/v1/stream").await;
            let now = listener.block().await;
            let (part, whole) = (now[0].id.clone(), now[2].id.clone());
            assert!(part.ends_with(".part") && part.starts_with(&whole), "{part} {whole}");
            drop(listener);
            // All of the block is there: nothing is told before the next.
            let mut up_to_date = Listener::resumed(rig, &whole).await;
            let mut cut_off = Listener::resumed(rig, &part).await;
            assert_eq!(names(&cut_off.block().await), ["accruals", "apr", "head"]);
            extend(rig, FIRST_BLOCK + 2, 0, (FIRST_BLOCK + 1, 0)).await;
            let next = up_to_date.block().await;
            assert_eq!(
                (names(&next), &next[2].data["as_of"]["block_number"]),
                (vec!["accruals", "apr", "head"], &json!(102))
            );
            let mut late = Listener::resumed(rig, &whole).await;
            assert_eq!(
                late.block().await[2].id,
                next[2].id,
                "one that missed a block is brought to the newest"
            );
            let unknown =
                rig.get_with("/v1/stream", &[("x-api-key", &rig.key), ("last-event-id", "7")]).await;
            assert_eq!(unknown.code(), "bad_cursor");
        },
    )
    .await;
}

/// Another server over the same database, which has read all of it.
async fn another(rig: &Rig) -> Router {
    let now = std::sync::Arc::clone(&rig.now);
    let api = Api::new(rig.db.clone(), settings(now)).unwrap();
    api.keys().refresh().await.unwrap();
    api.book().refresh().await.unwrap();
    router(&api)
}

#[tokio::test]
async fn blocks_that_leave_the_chain_are_taken_back() {
    on_each_engine(
        3,
        |_| {},
        async |rig| {
            rig.finalize(FIRST_BLOCK, FIRST_BLOCK).await;
            let mut listener = Listener::of(rig, "/v1/stream").await;
            let kept = listener.block().await[2].id.clone();
            extend(rig, FIRST_BLOCK + 2, 0, (FIRST_BLOCK + 1, 0)).await;
            let gone = listener.block().await[2].id.clone();
            rig.rewind(FIRST_BLOCK + 1, 0).await;
            extend(rig, FIRST_BLOCK + 2, 1, (FIRST_BLOCK + 1, 0)).await;
            let events = listener.block().await;
            assert_eq!(names(&events), ["rewind", "accruals", "apr", "head"]);
            assert_eq!(events[0].data["block_number"], FIRST_BLOCK + 1);
            assert_eq!(events[0].data["block_hash"], json!(hash(FIRST_BLOCK + 1, 0).to_string()));
            assert_eq!(events[3].data["as_of"]["block_hash"], json!(hash(FIRST_BLOCK + 2, 1).to_string()));
            // The same for whoever comes back: by what this server saw, and by what another finds in the database.
            let others = another(rig).await;
            for (server, returns_to) in [(&rig.router, FIRST_BLOCK + 1), (&others, FIRST_BLOCK)] {
                let headers = |id| [("x-api-key", rig.key.as_str()), ("last-event-id", id)];
                let mut left = Listener::open(server, "/v1/stream", &headers(&gone)).await;
                let events = left.block().await;
                assert_eq!(names(&events), ["rewind", "accruals", "apr", "head"]);
                assert_eq!(events[0].data["block_number"], returns_to);
                let mut stayed = Listener::open(server, "/v1/stream", &headers(&kept)).await;
                assert_eq!(
                    names(&stayed.block().await),
                    ["accruals", "apr", "head"],
                    "its block is still there"
                );
            }
        },
    )
    .await;
}

#[tokio::test]
async fn a_server_that_is_behind_goes_back_for_nobody() {
    on_each_engine(
        3,
        |_| {},
        async |rig| {
            let behind = another(rig).await;
            extend(rig, FIRST_BLOCK + 2, 0, (FIRST_BLOCK + 1, 0)).await;
            let id = Listener::of(rig, "/v1/stream").await.block().await[2].id.clone();
            let mut listener =
                Listener::open(&behind, "/v1/stream", &[("x-api-key", &rig.key), ("last-event-id", &id)])
                    .await;
            assert_eq!(listener.lines().await.unwrap(), "retry: 3000");
            let quiet = timeout(Duration::from_millis(100), listener.next()).await;
            assert!(quiet.is_err(), "{quiet:?}");
        },
    )
    .await;
}

#[tokio::test]
async fn it_ends_with_its_key() {
    on_each_engine(
        1,
        |_| {},
        async |rig| {
            let issued = rig.issue("ends", &[Scope::Stream]).await;
            let secret = secrecy::ExposeSecret::expose_secret(&issued.reveal()).to_owned();
            let mut listener = Listener::open(&rig.router, "/v1/stream", &[("x-api-key", &secret)]).await;
            listener.block().await;
            rig.api.keys().edit(issued.id(), &KeyEdit::Revoke, &Asker::default()).await.unwrap();
            // Also while blocks come, nothing more is told.
            extend(rig, FIRST_BLOCK + 2, 0, (FIRST_BLOCK + 1, 0)).await;
            let last = listener.next().await.unwrap();
            assert_eq!((last.name.as_str(), &last.data["code"]), ("end", &json!("key_revoked")));
            assert!(listener.next().await.is_none());
            assert!(!last.data.to_string().contains(&secret[22..40]));
        },
    )
    .await;
}

#[tokio::test]
async fn a_key_that_expires_ends_a_quiet_stream() {
    on_each_engine(
        1,
        |_| {},
        async |rig| {
            let mut new = crate::rig::new_key("expires", &[Scope::Stream]);
            new.purpose.expires_at = Some(UnixSeconds(START + 3_600));
            let issued = rig.api.keys().create(new, &Asker::default()).await.unwrap().key.unwrap();
            let secret = secrecy::ExposeSecret::expose_secret(&issued.reveal()).to_owned();
            let mut listener = Listener::open(&rig.router, "/v1/stream", &[("x-api-key", &secret)]).await;
            listener.block().await;
            rig.set_now(START + 3_600);
            rig.api.keys().refresh().await.unwrap();
            assert_eq!(listener.next().await.unwrap().data["code"], "key_expired");
            assert!(listener.next().await.is_none());
        },
    )
    .await;
}

#[tokio::test]
async fn what_is_told_can_be_chosen() {
    let second = |settings: &mut Settings| {
        let mut more = settings.campaigns[0].clone();
        more.id = "second".parse().unwrap();
        settings.campaigns.push(more);
    };
    on_each_engine(3, second, async |rig| {
        let mut all = Listener::of(rig, "/v1/stream").await;
        assert_eq!(names(&all.block().await), ["accruals", "apr", "accruals", "apr", "head"]);
        let path =
            format!("/v1/stream?campaign=second&events=accruals&account={:#x},{:#x}", address(2), address(9));
        let events = Listener::of(rig, &path).await.block().await;
        assert_eq!(names(&events), ["accruals", "head"]);
        assert_eq!(events[0].data["campaign"], "second");
        let rows = events[0].data["data"].as_array().unwrap();
        let accounts: Vec<_> =
            rows.iter().map(|row| (row["account"].clone(), row["earned_units"].clone())).collect();
        let own = rig.get(&format!("/v1/accounts/{:#x}/rewards", address(2))).await.json();
        let name = |byte| json!(address(byte).to_checksum(None));
        assert_eq!(accounts, [(name(2), own["data"][1]["earned_units"].clone()), (name(9), json!("0"))]);
        let public = rig.new_key(&[Scope::Stream]).await;
        let refused = rig.get_with(&path, &[("x-api-key", &public)]).await;
        assert_eq!(refused.code(), "scope_missing");
        let reader = rig.new_key(&[Scope::ReadPublic]).await;
        assert_eq!(rig.get_with("/v1/stream", &[("x-api-key", &reader)]).await.code(), "scope_missing");
    })
    .await;
}

#[tokio::test]
async fn as_many_as_a_client_may_have() {
    let limits = StreamLimits { per_client_max: 1, all_max: 2 };
    on_each_engine(
        1,
        |settings| settings.access.streams = limits,
        async |rig| {
            let (first, second, third) =
                (rig.key.clone(), rig.new_key(&[Scope::Stream]).await, rig.new_key(&[Scope::Stream]).await);
            let open = async |key: &str| ask(&rig.router, "/v1/stream", &[("x-api-key", key)]).await;
            let held = open(&first).await;
            assert_eq!(held.status(), 200);
            assert_eq!(open(&first).await.status(), 429);
            let other = open(&second).await;
            assert_eq!((other.status().as_u16(), open(&third).await.status().as_u16()), (200, 503));
            drop(held);
            assert_eq!(open(&first).await.status(), 200, "a stream that is over gives its place back");
        },
    )
    .await;
}

#[tokio::test]
async fn before_the_first_block_it_waits() {
    on_each_engine(
        0,
        |_| {},
        async |rig| {
            let mut listener = Listener::of(rig, "/v1/stream").await;
            assert_eq!(listener.lines().await.unwrap(), "retry: 3000");
            rig.fill(2).await;
            assert_eq!(names(&listener.block().await), ["accruals", "apr", "head"]);
        },
    )
    .await;
}
