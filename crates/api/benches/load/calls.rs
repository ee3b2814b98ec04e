//! Calls a second, beside a bare handler with the same bytes, and the time of a call at half of that: of ours, and of the bare
//! handler at the same rate, which tells what the machine adds. What fell into a moment in which the host had taken a processor
//! away is left out of both ([`Watch`]); how much was left is told.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use crate::connection::{Connection, request};
use crate::db::Fresh;
use crate::host::Watch;
use crate::server::{CALLS, Server, paths};

const RUNS: usize = 5;
const KIND: &str = "application/json";
const CONNECTIONS: usize = 64;
const CLOSED: Duration = Duration::from_secs(4);
const OPEN: Duration = Duration::from_secs(8);
/// So that what is answered first is not counted.
const WARM: Duration = Duration::from_millis(1_500);
/// Calls are counted by stretches of that, which are left out one by one.
const STRETCH: Duration = Duration::from_millis(50);

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

/// What calls took at a fixed rate, quickest first.
struct Took {
    /// Those that the host did not disturb.
    undisturbed: Vec<Duration>,
    all: Vec<Duration>,
}

/// What the calls of one run took.
#[derive(Default)]
struct Run {
    bare: Vec<Served>,
    ours: Vec<Served>,
    took: Vec<Took>,
    bare_took: Vec<Took>,
}

/// Prints a line for each call.
pub(crate) async fn measure(fresh: &Fresh) {
    let mut server = Server::start("calls", fresh);
    println!(
        "\n{}: 100,000 accounts in a campaign, {CONNECTIONS} connections, {RUNS} runs, a block every 2 s",
        fresh.engine
    );
    println!(
        "| call | bytes | bare, calls/s | accrual, calls/s | of bare, % | server's time a call, us: bare, accrual | at half load: p50, ms | p99, ms | p99 of bare, ms | undisturbed, % | p99 with the rest, ms: bare, accrual |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|");
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
        self.took.push(open(&ours, served.per_second / 2).await);
        server.set_blocks(false);
        self.bare_took.push(open(&bare, served.per_second / 2).await);
        self.ours.push(served);
    }

    fn print(&self, route: &str) {
        let of = |all: &[Served], what: fn(&Served) -> u64| spread(all.iter().map(what).collect());
        let ratio = self
            .ours
            .iter()
            .zip(&self.bare)
            .map(|(ours, bare)| ours.per_second * 100 / bare.per_second.max(1));
        let millis = |all: &[Took], what: fn(&Took) -> Duration| {
            let micros =
                all.iter().map(|took| u64::try_from(what(took).as_micros()).unwrap_or(u64::MAX)).collect();
            let (median, low, high) = spread_of(micros);
            format!("{} ({} to {})", thousandths(median), thousandths(low), thousandths(high))
        };
        let left = self.took.iter().chain(&self.bare_took).map(|took| {
            u64::try_from(took.undisturbed.len() * 100 / took.all.len().max(1)).unwrap_or(u64::MAX)
        });
        println!(
            "| `{route}` | {} | {} | {} | {} | {}, {} | {} | {} | {} | {} | {}, {} |",
            self.ours[0].answer_bytes,
            of(&self.bare, |one| one.per_second),
            of(&self.ours, |one| one.per_second),
            spread(ratio.collect()),
            of(&self.bare, |one| one.busy_micros),
            of(&self.ours, |one| one.busy_micros),
            millis(&self.took, |took| part(&took.undisturbed, 50)),
            millis(&self.took, |took| part(&took.undisturbed, 99)),
            millis(&self.bare_took, |took| part(&took.undisturbed, 99)),
            spread(left.collect()),
            millis(&self.bare_took, |took| part(&took.all, 99)),
            millis(&self.took, |took| part(&took.all, 99)),
        );
    }
}

/// What so many of a hundred did not exceed.
fn part(took: &[Duration], of_hundred: usize) -> Duration {
    took.get(took.len() * of_hundred / 100).copied().unwrap_or_default()
}

/// Each connection asks again as soon as it is answered.
async fn closed(server: &Server, target: &Target) -> Served {
    let (watch, begin, mut tasks) = (Watch::begin(), Instant::now() + WARM, Vec::new());
    let served: Arc<Vec<AtomicU64>> = Arc::new((0..number_of(CLOSED)).map(|_| AtomicU64::new(0)).collect());
    for number in 0..CONNECTIONS {
        let (target, served) = (target.clone(), Arc::clone(&served));
        tasks.push(tokio::spawn(async move {
            let mut connection = Connection::open(target.address).await;
            let requests = target.requests.iter().cycle().skip(number * 17 % target.requests.len());
            let mut bytes = 0;
            for request in requests {
                bytes = connection.ask(request).await;
                let Some(since) = Instant::now().checked_duration_since(begin) else { continue };
                let Some(stretch) = served.get(number_of(since)) else { break };
                stretch.fetch_add(1, Ordering::Relaxed);
            }
            bytes
        }));
    }
    tokio::time::sleep_until(begin).await;
    let before = server.busy();
    tokio::time::sleep_until(begin + CLOSED).await;
    let busy = server.busy().saturating_sub(before);
    let mut answer_bytes = 0;
    for task in tasks {
        answer_bytes = task.await.expect("it ends");
    }
    let counts: Vec<u64> = served.iter().map(|stretch| stretch.load(Ordering::Relaxed)).collect();
    let ends = (0..).map(|number| (begin + STRETCH * number, begin + STRETCH * (number + 1)));
    let undisturbed = counts.iter().zip(ends).filter(|(_, (from, to))| watch.was_ours(*from, *to));
    let mut left: Vec<u64> = undisturbed.map(|(count, _)| *count).collect();
    if left.is_empty() {
        left.clone_from(&counts);
    }
    let millis = STRETCH.as_millis() * u128::try_from(left.len()).expect("a few");
    let per_second = u128::from(left.iter().sum::<u64>()) * 1_000 / millis;
    Served {
        per_second: u64::try_from(per_second).expect("below a thousand million"),
        busy_micros: u64::try_from(busy.as_micros()).unwrap_or(u64::MAX) / counts.iter().sum::<u64>().max(1),
        answer_bytes,
    }
}

/// How many stretches a time has.
fn number_of(time: Duration) -> usize {
    usize::try_from(time.as_millis() / STRETCH.as_millis()).unwrap_or(usize::MAX)
}

/// Calls begin at fixed instants, whether those before are answered or not. What a call took counts from the instant at
/// which it should have begun, so that a server that falls behind is not spared.
async fn open(target: &Target, per_second: u64) -> Took {
    let (watch, begin, mut tasks) = (Watch::begin(), Instant::now() + WARM, Vec::new());
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
                took.push((begin + due, (begin + due).elapsed()));
            }
            took
        }));
    }
    let mut calls = Vec::new();
    for task in tasks {
        calls.extend(task.await.expect("it ends"));
    }
    // The last theft may be counted late.
    tokio::time::sleep(STRETCH).await;
    let sorted = |calls: &mut dyn Iterator<Item = Duration>| {
        let mut took: Vec<Duration> = calls.collect();
        took.sort_unstable();
        took
    };
    let is_ours = |(due, took): &&(Instant, Duration)| watch.was_ours(*due, *due + *took);
    Took {
        undisturbed: sorted(&mut calls.iter().filter(is_ours).map(|(_, took)| *took)),
        all: sorted(&mut calls.iter().map(|(_, took)| *took)),
    }
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
