//! The server that is measured: a process of its own, so that its memory and its time are its own. It serves the API on one
//! port and bare handlers with the same bytes on another, and while it is told so, a block comes every two seconds.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use accrual_api::{Api, Clock, router};
use accrual_rewards::campaign::Window;
use accrual_rewards::unit::UnixSeconds;
use accrual_store::{Db, Mode};
use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::http::{Request, header};
use axum::routing::get;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::db::Fresh;
use crate::world::{World, account, days, key};

const STORED_TO: u64 = 1_750_352_400;
const BLOCK_SECONDS: u64 = 2;
/// How many clients share the calls.
const CLIENTS: usize = 16;
/// The accounts that are asked for in turn.
pub(crate) const ACCOUNTS_ASKED: u32 = 1_000;
/// The route of each call that is measured, and the path that stands for it.
pub(crate) const CALLS: [(&str, &str); 4] = [
    ("/v1/campaigns/c1/accruals", "/v1/campaigns/c1/accruals"),
    ("/v1/accounts/{address}/rewards", "/v1/accounts/0x0000000000000000000000000000000000000007/rewards"),
    ("/v1/pools/p1/history", "/v1/pools/p1/history"),
    ("/v1/pools", "/v1/pools"),
];

/// What the server says once it can be asked.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Ready {
    pub(crate) api: SocketAddr,
    pub(crate) bare: SocketAddr,
    pub(crate) keys: Vec<String>,
}

/// A server that runs.
pub(crate) struct Server {
    child: Child,
    told: ChildStdin,
    pub(crate) ready: Ready,
}

impl Server {
    /// Starts one over a fresh database and waits until it can be asked.
    pub(crate) fn start(what: &str, fresh: &Fresh) -> Self {
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        command.args(["serve", what, &fresh.url_text]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        let told = child.stdin.take().expect("it listens");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("it speaks")).read_line(&mut line).expect("a line");
        let ready = serde_json::from_str(&line).expect("it is ready");
        Self { child, told, ready }
    }

    /// Whether blocks come.
    pub(crate) fn set_blocks(&mut self, come: bool) {
        writeln!(self.told, "{}", if come { "blocks" } else { "no blocks" }).expect("it listens");
    }

    /// The processor's time that it has used.
    pub(crate) fn busy(&self) -> Duration {
        // utime and stime of proc(5), in hundredths of a second.
        let text = self.proc("stat");
        let fields = text.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(2);
        Duration::from_millis(fields.filter_map(|field| field.parse::<u64>().ok()).sum::<u64>() * 10)
    }

    /// Its memory in kilobytes: `VmRSS` now, `VmHWM` at most until now.
    pub(crate) fn memory_kb(&self, what: &str) -> u64 {
        let text = self.proc("status");
        let line = text.lines().find_map(|line| line.strip_prefix(what)?.strip_prefix(':'));
        let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        number.expect("the system tells of its processes")
    }

    fn proc(&self, file: &str) -> String {
        std::fs::read_to_string(format!("/proc/{}/{file}", self.child.id())).expect("it runs")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The process itself.
pub(crate) fn serve(what: &str, url: &str) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(run(&world(what), url));
}

fn world(what: &str) -> World {
    let stored_to = UnixSeconds(STORED_TO);
    let starts_at = UnixSeconds(STORED_TO - 3 * 3_600);
    World {
        accounts: match what {
            "calls" => vec![100_000, 1_000, 1_000],
            _ => vec![1_000; 3],
        },
        window: Window { starts_at, ends_at: UnixSeconds(starts_at.0 + days(14)) },
        begins_at: UnixSeconds(STORED_TO - days(14)),
        stored_to,
    }
}

async fn run(world: &World, url: &str) {
    let db = Db::open(&url.parse().expect("an address"), Mode::Write).await.expect("it opens");
    world.store(&db).await;
    let begun = Instant::now();
    let clock = Clock::of_ms(move || {
        STORED_TO * 1_000 + u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    });
    let api = Api::new(db.clone(), world.settings(clock)).expect("an API");
    api.book().refresh().await.expect("a book");
    let mut keys = Vec::new();
    for n in 0..CLIENTS {
        keys.push(key(&api, &format!("bench-{n}")).await);
    }
    let bare = bare(&api, &keys[0]).await;
    let listen = || TcpListener::bind("127.0.0.1:0");
    let (api_listener, bare_listener) = (listen().await.expect("a port"), listen().await.expect("a port"));
    let address = |listener: &TcpListener| listener.local_addr().expect("an address");
    let ready = Ready { api: address(&api_listener), bare: address(&bare_listener), keys };
    tokio::spawn(accrual_api::serve(api, api_listener, CancellationToken::new()));
    tokio::spawn(async { axum::serve(bare_listener, bare).await });
    println!("{}", serde_json::to_string(&ready).expect("plain data"));
    let come = Arc::new(AtomicBool::new(false));
    std::thread::spawn({
        let come = Arc::clone(&come);
        move || {
            for line in std::io::stdin().lines().map_while(Result::ok) {
                come.store(line == "blocks", Ordering::Relaxed);
            }
            // Whoever started this is gone.
            std::process::exit(0);
        }
    });
    let mut ticks = tokio::time::interval(Duration::from_secs(BLOCK_SECONDS));
    let mut number = 2;
    loop {
        ticks.tick().await;
        let seconds = begun.elapsed().as_secs();
        if come.load(Ordering::Relaxed) && seconds > 0 {
            number += 1;
            world.next_block(&db, number, seconds).await;
        }
    }
}

/// Handlers that answer with the API's own bytes, and do nothing else.
async fn bare(api: &Api, key: &str) -> Router {
    let router = router(api);
    let mut bare = Router::new();
    for (route, path) in CALLS {
        let request = Request::get(path).header("x-api-key", key).body(Body::empty()).expect("a request");
        let answer = router.clone().oneshot(request).await.expect("an answer");
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        let body: Bytes = to_bytes(answer.into_body(), usize::MAX).await.expect("its body");
        let handler = move || async move { ([(header::CONTENT_TYPE, "application/json")], body) };
        bare = bare.route(route, get(handler));
    }
    bare
}

/// What is asked in turn of a route.
pub(crate) fn paths(route: &str, path: &str) -> Vec<String> {
    if !route.contains("{address}") {
        return vec![path.to_owned()];
    }
    (1..=ACCOUNTS_ASKED).map(|n| format!("/v1/accounts/{:#x}/rewards", account(n * 97))).collect()
}
