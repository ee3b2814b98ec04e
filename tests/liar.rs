//! A node that lies: it passes questions on to a real one, and spoils some of the answers as bad nodes do.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Json, Router, routing};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

/// What is wrong with the node; nothing by default.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    /// Leaves every so many-th log out of `eth_getLogs`.
    pub omit_every: Option<u64>,
    /// Leaves all logs of each block out whose number is a multiple of this.
    pub omit_blocks: Option<u64>,
    /// Changes the data of the first log of each answer.
    pub invent: bool,
    /// Shows no block above this one, and answers for logs above it that there are none.
    pub head: Option<u64>,
    /// As `head`, but for logs only: headers come from another machine behind the same address.
    pub logs_head: Option<u64>,
    /// Says that it is of this chain.
    pub chain_id: Option<u64>,
    /// Has other hashes from this block on.
    pub fork_from: Option<u64>,
    /// Answers 429 to more requests than this in a second.
    pub per_second_max: Option<u64>,
    /// Refuses logs of blocks below this as pruned.
    pub pruned_below: Option<u64>,
    /// Refuses wider ranges, and names the limit.
    pub range_max: Option<u64>,
    /// Knows no such methods.
    pub without: Vec<&'static str>,
    /// Breaks headers: a field is not what was hashed.
    pub break_headers: bool,
    /// Answers with the header before the one that it is asked for.
    pub earlier_headers: bool,
    /// Answers nothing but 502.
    pub is_down: bool,
}

/// A node with faults, on loopback, until it is dropped.
#[derive(Debug)]
pub struct Liar {
    /// Where it listens.
    pub url: String,
    inside: Arc<Inside>,
    _stop: DropGuard,
}

#[derive(Debug)]
struct Inside {
    behind: String,
    http: reqwest::Client,
    faults: Mutex<Faults>,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    methods: Vec<String>,
    logs: u64,
    refused: u64,
    too_wide: u64,
    second: Option<(Instant, u64)>,
}

impl Liar {
    /// A node with `faults` before the real one at `url`.
    ///
    /// # Panics
    /// When nothing can be listened on.
    pub async fn before(url: &str, faults: Faults) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
        let address: SocketAddr = listener.local_addr().expect("it listens");
        let inside = Arc::new(Inside {
            behind: url.to_owned(),
            http: reqwest::Client::new(),
            faults: Mutex::new(faults),
            seen: Mutex::default(),
        });
        let router = Router::new().route("/", routing::post(post)).with_state(inside.clone());
        let stop = CancellationToken::new();
        let stopped = stop.clone().cancelled_owned();
        tokio::spawn(async move { axum::serve(listener, router).with_graceful_shutdown(stopped).await });
        Self { url: format!("http://{address}"), inside, _stop: stop.drop_guard() }
    }

    /// From now on it has these faults.
    pub fn set(&self, faults: Faults) {
        *self.inside.faults.lock().unwrap_or_else(PoisonError::into_inner) = faults;
    }

    /// Answers one question, as it does by HTTP.
    pub async fn tell(&self, question: Value) -> Value {
        let faults = self.inside.faults.lock().unwrap_or_else(PoisonError::into_inner).clone();
        self.inside.answer(&faults, question).await
    }

    /// How often it was asked by this method.
    pub fn asked(&self, method: &str) -> usize {
        self.inside.seen().methods.iter().filter(|asked| *asked == method).count()
    }

    /// How many questions it refused for being about too many blocks.
    pub fn too_wide(&self) -> u64 {
        self.inside.seen().too_wide
    }

    /// How many requests it refused for coming too fast.
    pub fn refused(&self) -> u64 {
        self.inside.seen().refused
    }
}

async fn post(State(node): State<Arc<Inside>>, body: Bytes) -> Response {
    let faults = node.faults.lock().unwrap_or_else(PoisonError::into_inner).clone();
    if faults.is_down {
        return StatusCode::BAD_GATEWAY.into_response();
    }
    if node.is_too_fast(&faults) {
        return (StatusCode::TOO_MANY_REQUESTS, "slow down").into_response();
    }
    let Ok(asked) = serde_json::from_slice::<Value>(&body) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    match asked {
        Value::Array(asked) => {
            let mut answers = Vec::new();
            for one in asked {
                answers.push(node.answer(&faults, one).await);
            }
            Json(Value::Array(answers)).into_response()
        }
        one => Json(node.answer(&faults, one).await).into_response(),
    }
}

impl Inside {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_too_fast(&self, faults: &Faults) -> bool {
        let Some(most) = faults.per_second_max else { return false };
        let mut seen = self.seen();
        let (began, count) = match seen.second {
            Some((began, count)) if began.elapsed().as_secs() == 0 => (began, count + 1),
            _ => (Instant::now(), 1),
        };
        seen.second = Some((began, count));
        let refused = count > most;
        seen.refused += u64::from(refused);
        refused
    }

    async fn answer(&self, faults: &Faults, mut asked: Value) -> Value {
        let method = asked["method"].as_str().unwrap_or_default().to_owned();
        self.seen().methods.push(method.clone());
        let id = asked["id"].clone();
        let refuse = |code: i64, message: String| json!({ "jsonrpc": "2.0", "id": id, "error": { "code": code, "message": message } });
        let give = |result: Value| json!({ "jsonrpc": "2.0", "id": id, "result": result });
        if faults.without.contains(&method.as_str()) {
            return refuse(-32601, format!("the method {method} does not exist"));
        }
        match method.as_str() {
            "eth_chainId" if faults.chain_id.is_some() => {
                return give(json!(format!("{:#x}", faults.chain_id.unwrap_or_default())));
            }
            "eth_getBlockByNumber" => {
                let tag = &mut asked["params"][0];
                if let Some(asked) = number(tag).filter(|_| faults.earlier_headers) {
                    *tag = json!(format!("{:#x}", asked.saturating_sub(1)));
                }
                if let Some(head) = faults.head {
                    match number(tag) {
                        Some(number) if number > head => return give(Value::Null),
                        Some(_) => {}
                        None => *tag = json!(format!("{head:#x}")),
                    }
                }
            }
            "eth_getLogs" => {
                let filter = &mut asked["params"][0];
                let (from, to) = (number(&filter["fromBlock"]), number(&filter["toBlock"]));
                let (Some(from), Some(to)) = (from, to) else { return refuse(-32602, "no range".to_owned()) };
                if let Some(most) = faults.range_max.filter(|most| to - from + 1 > *most) {
                    self.seen().too_wide += 1;
                    return refuse(-32602, format!("query exceeds max block range {most}"));
                }
                if faults.pruned_below.is_some_and(|below| from < below) {
                    return refuse(4444, "pruned history unavailable".to_owned());
                }
                if let Some(head) = faults.head.or(faults.logs_head) {
                    if from > head {
                        return give(json!([]));
                    }
                    filter["toBlock"] = json!(format!("{:#x}", to.min(head)));
                }
            }
            _ => {}
        }
        let sent = self.http.post(&self.behind).json(&asked).send().await;
        let mut answer: Value = match sent {
            Ok(response) => response.json().await.unwrap_or(Value::Null),
            Err(error) => return refuse(-32603, error.to_string()),
        };
        if let Some(result) = answer.get_mut("result") {
            self.spoil(faults, &method, result);
        }
        answer
    }

    fn spoil(&self, faults: &Faults, method: &str, result: &mut Value) {
        match (method, result) {
            ("eth_getLogs", Value::Array(logs)) => {
                let mut seen = self.seen();
                logs.retain(|log| {
                    seen.logs += 1;
                    let block = number(&log["blockNumber"]).unwrap_or_default();
                    let is_omitted = faults.omit_every.is_some_and(|every| seen.logs.is_multiple_of(every))
                        || faults.omit_blocks.is_some_and(|every| block.is_multiple_of(every));
                    !is_omitted
                });
                if let Some(log) = logs.first_mut().filter(|_| faults.invent) {
                    log["data"] = json!(format!("{}00", log["data"].as_str().unwrap_or("0x")));
                }
            }
            ("eth_getBlockByNumber", block @ Value::Object(_)) => {
                if faults.break_headers {
                    block["gasUsed"] = json!("0x7");
                }
                if faults.fork_from.is_some_and(|from| number(&block["number"]) >= Some(from)) {
                    let hash = block["hash"].as_str().unwrap_or_default().to_owned();
                    block["hash"] = json!(format!("0xff{}", hash.get(4..).unwrap_or_default()));
                }
            }
            _ => {}
        }
    }
}

fn number(quantity: &Value) -> Option<u64> {
    u64::from_str_radix(quantity.as_str()?.strip_prefix("0x")?, 16).ok()
}
