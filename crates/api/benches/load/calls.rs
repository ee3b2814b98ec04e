//! Calls a second, beside a bare handler with the same bytes, and the time of a call at half of that: of ours, and of the bare
//! handler at the same rate, which tells what the machine adds.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::connection::{Connection, request};
use crate::db::Fresh;
use crate::server::{CALLS, Server, paths};

const RUNS: usize = 3;
const KIND: &str = "application/json";
const CONNECTIONS: usize = 64;
const CLOSED: Duration = Duration::from_secs(4);
const OPEN: Duration = Duration::from_secs(8);
/// So that what is answered first is not counted.
const WARM: Duration = Duration::from_millis(1_500);

/// What is asked, and where.
#[derive(Clone)]
struct Target {
    address: SocketAddr,
    requests: Arc<Vec<Vec<u8>>>,
}

/// As many calls as were answered.
struct Served {
    per_second: u64,
    /// The server's own time a call, in microseconds.
    busy_micros: u64,
    answer_bytes: usize,
}

/// What the calls of one run took.
#[derive(Default)]
struct Run {
    bare: Vec<Served>,
    ours: Vec<Served>,
    p50: Vec<Duration>,
    p99: Vec<Duration>,
    bare_p99: Vec<Duration>,
}

/// Prints a line for each call.
pub(crate) async fn measure(fresh: &Fresh) {
    let mut server = Server::start("calls", fresh);
    println!(
        "\n{}: 100,000 accounts in a campaign, {CONNECTIONS} connections, {RUNS} runs, a block every 2 s",
        fresh.engine
    );
    println!(
        "| call | bytes | bare, calls/s | accrual, calls/s | of bare, % | server's time a call, us: bare, accrual | at half load: p50, ms | p99, ms | p99 of bare, ms |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for (route, path) in CALLS {
        let mut run = Run::default();
        for _ in 0..RUNS {
            run.once(&mut server, &paths(route, path)).await;
        }
        run.print(route);
    }
}

impl Run {
    async fn once(&mut self, server: &mut Server, paths: &[String]) {
        let keys = &server.ready.keys;
        let pairs = paths.iter().zip(keys.iter().cycle());
        let mut requests: Vec<Vec<u8>> = pairs.map(|(path, key)| request(path, key, KIND)).collect();
        if let [path] = paths {
            requests = keys.iter().map(|key| request(path, key, KIND)).collect();
        }
        let requests = Arc::new(requests);
        let target = |address| Target { address, requests: Arc::clone(&requests) };
        let (bare, ours) = (target(server.ready.bare), target(server.ready.api));
        server.set_blocks(false);
        self.bare.push(closed(server, &bare).await);
        server.set_blocks(true);
        let served = closed(server, &ours).await;
        let took = open(&ours, served.per_second / 2).await;
        server.set_blocks(false);
        let bare_took = open(&bare, served.per_second / 2).await;
        self.ours.push(served);
        self.bare_p99.push(bare_took[bare_took.len() * 99 / 100]);
        self.p50.push(took[took.len() / 2]);
        self.p99.push(took[took.len() * 99 / 100]);
    }

    fn print(&self, route: &str) {
        let of = |all: &[Served], what: fn(&Served) -> u64| spread(all.iter().map(what).collect());
        let ratio =
            self.ours.iter().zip(&self.bare).map(|(ours, bare)| ours.per_second * 100 / bare.per_second);
        let millis = |all: &[Duration]| {
            let micros = all.iter().map(|took| u64::try_from(took.as_micros()).unwrap_or(u64::MAX)).collect();
            let (median, low, high) = spread_of(micros);
            format!("{} ({} to {})", thousandths(median), thousandths(low), thousandths(high))
        };
        println!(
            "| `{route}` | {} | {} | {} | {} | {}, {} | {} | {} | {} |",
            self.ours[0].answer_bytes,
            of(&self.bare, |one| one.per_second),
            of(&self.ours, |one| one.per_second),
            spread(ratio.collect()),
            of(&self.bare, |one| one.busy_micros),
            of(&self.ours, |one| one.busy_micros),
            millis(&self.p50),
            millis(&self.p99),
            millis(&self.bare_p99),
        );
    }
}

/// Each connection asks again as soon as it is answered.
async fn closed(server: &Server, target: &Target) -> Served {
    let (begin, mut tasks) = (Instant::now() + WARM, Vec::new());
    for number in 0..CONNECTIONS {
        let target = target.clone();
        tasks.push(tokio::spawn(async move {
            let mut connection = Connection::open(target.address).await;
            let requests = target.requests.iter().cycle().skip(number * 17 % target.requests.len());
            let (mut served, mut bytes) = (0_u64, 0);
            for request in requests {
                bytes = connection.ask(request).await;
                let now = Instant::now();
                if now >= begin + CLOSED {
                    break;
                }
                served += u64::from(now >= begin);
            }
            (served, bytes)
        }));
    }
    tokio::time::sleep_until(begin).await;
    let before = server.busy();
    tokio::time::sleep_until(begin + CLOSED).await;
    let busy = server.busy().saturating_sub(before);
    let (mut served, mut answer_bytes) = (0, 0);
    for task in tasks {
        let (own, bytes) = task.await.expect("it ends");
        (served, answer_bytes) = (served + own, bytes);
    }
    Served {
        per_second: served / CLOSED.as_secs(),
        busy_micros: u64::try_from(busy.as_micros()).unwrap_or(u64::MAX) / served.max(1),
        answer_bytes,
    }
}

/// Calls begin at fixed instants, whether those before are answered or not. What a call took counts from the instant at
/// which it should have begun, so that a server that falls behind is not spared. Quickest first.
async fn open(target: &Target, per_second: u64) -> Vec<Duration> {
    let (begin, mut tasks) = (Instant::now() + WARM, Vec::new());
    let step = move |count: u64| Duration::from_nanos(1_000_000_000 * count / per_second.max(1));
    let mut connections = Vec::new();
    for _ in 0..CONNECTIONS {
        connections.push(Connection::open(target.address).await);
    }
    for (number, mut connection) in (0..).zip(connections) {
        let target = target.clone();
        tasks.push(tokio::spawn(async move {
            let mut took = Vec::new();
            for (turn, request) in (0..).zip(target.requests.iter().cycle().skip(number)) {
                let due = step(u64::try_from(number).unwrap_or(0) + turn * 64);
                if due >= OPEN {
                    break;
                }
                tokio::time::sleep_until(begin + due).await;
                connection.ask(request).await;
                took.push((begin + due).elapsed());
            }
            took
        }));
    }
    let mut all = Vec::new();
    for task in tasks {
        all.extend(task.await.expect("it ends"));
    }
    all.sort_unstable();
    all
}

/// `median (lowest to highest)`.
fn spread(all: Vec<u64>) -> String {
    let (median, low, high) = spread_of(all);
    format!("{median} ({low} to {high})")
}

fn spread_of(mut all: Vec<u64>) -> (u64, u64, u64) {
    all.sort_unstable();
    (all[all.len() / 2], all[0], all[all.len() - 1])
}

/// Microseconds as milliseconds.
fn thousandths(micros: u64) -> String {
    format!("{}.{:02}", micros / 1_000, micros % 1_000 / 10)
}
