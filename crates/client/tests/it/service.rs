//! A small service: keys with states, a rotation, canned answers, and a record of what was asked.

use std::collections::{HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use accrual_client::{Builder, Client, KeyEvent, KeySource, Retry};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::Response;
use serde_json::{Value, json};

/// What the service's clock says.
pub(crate) const DATE: &str = "Fri, 19 Jun 2026 17:00:00 GMT";

/// A key's text from a letter, which makes its id and its secret.
pub(crate) fn key(letter: char) -> String {
    let times = |n| letter.to_string().repeat(n);
    format!("acr_live_{}_{}", times(12), times(49))
}

pub(crate) fn id(letter: char) -> String {
    letter.to_string().repeat(12)
}

/// One request as it came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) key: String,
    pub(crate) idempotency_key: Option<String>,
}

/// An answer in waiting.
pub(crate) struct Canned {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: String,
}

#[derive(Default)]
pub(crate) struct World {
    /// `active`, `ending`, or the code that the key is refused with.
    pub(crate) keys: HashMap<String, &'static str>,
    pub(crate) expires_at: Option<&'static str>,
    pub(crate) asked: Vec<Asked>,
    pub(crate) canned: VecDeque<Canned>,
    /// By path: what a GET is answered with.
    pub(crate) pages: HashMap<String, Value>,
    pub(crate) rotations: HashMap<String, char>,
    /// What rotations are refused with.
    pub(crate) rotation_refused: Option<(u16, &'static str)>,
    /// The answer to the next rotation is lost after it took effect.
    pub(crate) lose_rotation: bool,
    /// Must hold a new key before it is used.
    pub(crate) file: Option<PathBuf>,
    /// What is put into a file when a key is refused, before the answer goes out.
    pub(crate) replaced_when_refused: Option<(PathBuf, String)>,
}

pub(crate) struct Service {
    pub(crate) world: Arc<Mutex<World>>,
    pub(crate) url: String,
    pub(crate) events: Arc<Mutex<Vec<KeyEvent>>>,
}

impl Service {
    pub(crate) async fn start() -> Self {
        let world = Arc::new(Mutex::new(World::default()));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(answer).with_state(Arc::clone(&world));
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { world, url, events: Arc::default() }
    }

    pub(crate) fn builder(&self, source: KeySource) -> Builder {
        let events = Arc::clone(&self.events);
        let pause = Duration::from_millis(1);
        Client::builder(&self.url, source)
            .retry(Retry { attempts_max: 3, pause, pause_max: Duration::from_secs(2) })
            .on_key_event(move |event| events.lock().unwrap().push(event.clone()))
    }

    pub(crate) fn client(&self, source: KeySource) -> Client {
        self.builder(source).build().unwrap()
    }

    pub(crate) fn set(&self, letter: char, state: &'static str) {
        self.world.lock().unwrap().keys.insert(key(letter), state);
    }

    pub(crate) fn page(&self, path: &str, body: Value) {
        self.world.lock().unwrap().pages.insert(path.to_owned(), body);
    }

    pub(crate) fn can(&self, status: u16, headers: &[(&'static str, &str)], body: &str) {
        let headers = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        self.world.lock().unwrap().canned.push_back(Canned { status, headers, body: body.to_owned() });
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.world.lock().unwrap().asked)
    }

    pub(crate) fn paths(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| format!("{} {}", asked.method, asked.path)).collect()
    }

    pub(crate) fn events(&self) -> Vec<KeyEvent> {
        std::mem::take(&mut self.events.lock().unwrap())
    }
}

pub(crate) fn empty_list() -> Value {
    json!({ "data": [], "meta": { "stale": false } })
}

async fn answer(State(world): State<Arc<Mutex<World>>>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, 10_000).await.unwrap();
    let header = |name: &str| parts.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
    let mut world = world.lock().unwrap();
    let asked = Asked {
        method: parts.method.to_string(),
        path: parts.uri.to_string(),
        key: header("x-api-key").unwrap_or_default(),
        idempotency_key: header("idempotency-key"),
    };
    world.asked.push(asked.clone());
    if let Some(canned) = world.canned.pop_front() {
        let answer = Response::builder().status(canned.status);
        let answer = canned.headers.iter().fold(answer, |answer, (name, value)| answer.header(*name, value));
        return answer.body(Body::from(canned.body)).unwrap();
    }
    world.answer(&asked, &body)
}

impl World {
    fn answer(&mut self, asked: &Asked, body: &[u8]) -> Response<Body> {
        let state = self.keys.get(&asked.key).copied().unwrap_or("key_unknown");
        if state.starts_with("key_") {
            if let Some((file, text)) = self.replaced_when_refused.take() {
                let next = file.with_extension("next");
                std::fs::write(&next, text).unwrap();
                std::fs::rename(next, file).unwrap();
            }
            return problem(401, state);
        }
        let is_file_behind = |file: &PathBuf| !std::fs::read_to_string(file).unwrap().contains(&asked.key);
        if state == "active" && self.file.as_ref().is_some_and(is_file_behind) {
            return problem(500, "used_before_written");
        }
        let mut answer = Response::builder().header("date", DATE);
        let id = &asked.key[9..21];
        if state == "ending" {
            answer = answer.header("accrual-key-id", id).header("accrual-key-state", "ending");
            answer = answer.header("accrual-key-ends", "2026-06-20T17:00:00Z");
        }
        let body = match asked.path.as_str() {
            "/v1/keys/self" => self.record(id, state),
            "/v1/keys/self/rotation" => match self.rotate(asked, body) {
                Ok(body) => body,
                Err((status, code)) => return problem(status, code),
            },
            path => match self.pages.get(path) {
                Some(page) => page.clone(),
                None => return problem(404, "not_found"),
            },
        };
        answer.body(Body::from(body.to_string())).unwrap()
    }

    fn record(&self, id: &str, state: &str) -> Value {
        json!({ "data": {
            "id": id, "state": state, "scopes": ["read:public"], "created_at": "2026-01-01T00:00:00Z",
            "expires_at": self.expires_at, "client": "tests",
        } })
    }

    fn rotate(&mut self, asked: &Asked, body: &[u8]) -> Result<Value, (u16, &'static str)> {
        let body: Value = serde_json::from_slice(body).unwrap();
        assert!(body["overlap_seconds"].is_u64(), "{body}");
        if let Some(refused) = self.rotation_refused {
            return Err(refused);
        }
        let idempotency_key = asked.idempotency_key.clone().unwrap();
        let letter = asked.key.chars().last().unwrap();
        let next = char::from(u8::try_from(letter).unwrap() + 1);
        let was_there = self.rotations.insert(idempotency_key, next).is_some();
        let rotation = json!({
            "id": "r1", "kind": "self", "state": "overlap", "old_key": id(letter),
            "new_key": { "id": id(next), "state": "active" },
            "overlap_ends_at": "2026-06-20T17:00:00Z",
        });
        if was_there {
            return Ok(json!({ "data": rotation, "secret_shown": true }));
        }
        if self.rotations.len() > 1 {
            return Err((409, "rotation_open"));
        }
        self.keys.insert(asked.key.clone(), "ending");
        self.keys.insert(key(next), "active");
        if std::mem::take(&mut self.lose_rotation) {
            return Err((503, "reduced_capacity"));
        }
        Ok(json!({ "data": rotation, "key": key(next), "secret_shown": false }))
    }
}

fn problem(status: u16, code: &str) -> Response<Body> {
    let body = json!({
        "type": format!("/problems/{code}"), "title": "No", "status": status, "code": code,
        "detail": "It is so.", "instance": "/", "request_id": "r-7", "errors": [],
    });
    let answer = Response::builder().status(status).header("content-type", "application/problem+json");
    answer.body(Body::from(body.to_string())).unwrap()
}
