//! Keys that are exchanged while everybody calls: three servers on one database, real time, real sockets.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use accrual_access::key::KeyId;
use accrual_access::rotation::{Kind, Terms};
use accrual_api::keys::{Asker, KeyEdit};
use accrual_client::{Client, KeySource};
use accrual_rewards::unit::UnixSeconds;
use accrual_store::{Engine, replicas};
use accrual_tests::db::fresh;
use tokio::task::JoinHandle;

use crate::servers::{Server, key, now_ms, status, text};

/// Enough for every pair of steps to meet; as many as two cores answer in a few seconds over real sockets.
const CALLS: u64 = 200_000;
const CLIENTS: usize = 8;
const SERVERS: usize = 3;
const OVERLAP_SECONDS: u64 = 20;
/// `propagation_seconds_max`.
const BOUND: Duration = Duration::from_secs(5);

/// Numbers that are the same in every run.
struct Seeded(u64);

impl Seeded {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_notices_a_rotation_in_the_middle_of_the_day() {
    let Some(fresh) = fresh(Engine::Postgres).await else { return };
    let mut servers = Vec::new();
    for _ in 0..SERVERS {
        servers.push(Server::start(&fresh.url).await);
    }
    let servers = Arc::new(servers);
    let (served, begun) = (Arc::new(AtomicU64::new(0)), Instant::now());
    let mut clients = Vec::new();
    for number in 0..CLIENTS {
        clients.push(tokio::spawn(customer(number, Arc::clone(&servers), Arc::clone(&served))));
    }
    for client in clients {
        client.await.unwrap();
    }
    let (calls, took) = (served.load(Ordering::Relaxed), begun.elapsed());
    assert!(calls >= CALLS, "{calls} calls");
    println!("{calls} calls on {SERVERS} servers in {took:?}, none of them answered wrong");
    for server in Arc::into_inner(servers).unwrap() {
        server.stop().await;
    }
    fresh.remove().await;
}

/// Calls random servers, and somewhere in the overlap goes over to the new key; then the old one must die everywhere.
async fn customer(number: usize, servers: Arc<Vec<Server>>, served: Arc<AtomicU64>) {
    let mut random = Seeded(u64::try_from(number).unwrap() + 1);
    let http = reqwest::Client::new();
    let share = CALLS / u64::try_from(CLIENTS).unwrap();
    let urls: Vec<String> = servers.iter().map(|server| server.url("/v1/campaigns")).collect();
    let any = |random: &mut Seeded| usize::try_from(random.below(u64::try_from(SERVERS).unwrap())).unwrap();
    let manager = any(&mut random);
    let old = key(&servers[manager], &format!("customer-{number}")).await;
    let mut holds = text(&old);
    let (rotate_at, mut swap) = (share / 10 + random.below(share / 10), None);
    let mut ends_at_ms = 0;
    for call in 0..share {
        if call == rotate_at {
            let terms = Terms { overlap_seconds: OVERLAP_SECONDS, ..Terms::new(Kind::Normal) };
            let (asker, manager) = (Asker::default(), any(&mut random));
            let issued = servers[manager].api.keys().rotate(old.id(), &terms, &asker).await.unwrap();
            ends_at_ms = issued.made.ends_at.unwrap().0 * 1_000;
            let at = now_ms() + random.below(OVERLAP_SECONDS * 1_000 / 2);
            swap = Some((at, text(&issued.key.unwrap())));
        }
        if swap.as_ref().is_some_and(|(at, _)| now_ms() >= *at || call == share - 1)
            && let Some((_, new)) = swap.take()
        {
            holds = new;
        }
        let url = &urls[any(&mut random)];
        let answer = status(&http, url, &holds).await;
        assert_eq!(answer, 200, "call {call} of customer {number}");
        served.fetch_add(1, Ordering::Relaxed);
    }
    let old = text(&old);
    loop {
        let asked = now_ms();
        for url in &urls {
            let answer = status(&http, url, &old).await;
            let done = now_ms();
            assert!(answer == 200 || done >= ends_at_ms, "refused before its end");
            assert!(answer == 401 || asked < ends_at_ms, "served after its end");
            assert_eq!(status(&http, url, &holds).await, 200);
        }
        if asked >= ends_at_ms {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoke_is_everywhere_within_the_bound() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let Some(fresh) = fresh(engine).await else { continue };
        let mut servers = Vec::new();
        for _ in 0..SERVERS {
            servers.push(Server::start(&fresh.url).await);
        }
        let http = reqwest::Client::new();
        let (revoked, kept) = (key(&servers[0], "a").await, key(&servers[0], "b").await);
        for server in &servers {
            assert_eq!(status(&http, &server.url("/v1/campaigns"), &text(&revoked)).await, 200);
        }
        let begun = Instant::now();
        servers[0].api.keys().edit(revoked.id(), &KeyEdit::Revoke, &Asker::default()).await.unwrap();
        let epoch = replicas::epoch(&fresh.db).await.unwrap();
        assert_eq!(
            status(&http, &servers[0].url("/v1/campaigns"), &text(&revoked)).await,
            401,
            "at once here"
        );
        for server in &servers {
            while status(&http, &server.url("/v1/campaigns"), &text(&revoked)).await != 401 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            assert_eq!(status(&http, &server.url("/v1/campaigns"), &text(&kept)).await, 200);
        }
        let took = begun.elapsed();
        println!("{engine}: a revoke was on {SERVERS} servers after {took:?}");
        assert!(took < BOUND, "{took:?}");
        // The emergency form: each key of the client is replaced in one call, on whatever server.
        let leaked = [key(&servers[1], "c").await, key(&servers[1], "c").await];
        let begun = Instant::now();
        let replaced = servers[1].api.keys().emergency("c", &Asker::default()).await.unwrap();
        assert_eq!(replaced.len(), leaked.len());
        for server in &servers {
            for leaked in &leaked {
                while status(&http, &server.url("/v1/campaigns"), &text(leaked)).await != 401 {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            }
            for (_, fresh) in &replaced {
                assert_eq!(status(&http, &server.url("/v1/campaigns"), &text(fresh)).await, 200);
            }
        }
        let took = begun.elapsed();
        println!("{engine}: an emergency was on {SERVERS} servers after {took:?}");
        assert!(took < BOUND, "{took:?}");
        let everywhere = async {
            loop {
                match replicas::key_change(&fresh.db, epoch).await.unwrap() {
                    Some(change) if change.everywhere_at_ms.is_some() => return change,
                    _ => tokio::time::sleep(Duration::from_millis(20)).await,
                }
            }
        };
        let change =
            tokio::time::timeout(BOUND, everywhere).await.expect("it is written down within the bound");
        assert!(change.everywhere_at_ms.unwrap() >= change.made_at_ms);
        // Whoever notices it tells it, at its next look.
        let told = async {
            while !is_propagation_told(&http, &servers).await {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(BOUND, told).await.expect("the metric says how long changes take");
        for server in servers {
            server.stop().await;
        }
        assert!(
            replicas::list(&fresh.db).await.unwrap().iter().all(|row| row.seen_at_ms == 0),
            "all have left"
        );
        fresh.remove().await;
    }
}

/// Whether the servers' metrics have the time of a change's arrival, both here and everywhere.
async fn is_propagation_told(http: &reqwest::Client, servers: &[Server]) -> bool {
    let mut told = String::new();
    for server in servers {
        told += &http.get(server.url("/metrics")).send().await.unwrap().text().await.unwrap();
    }
    ["here", "everywhere"].into_iter().all(|place| {
        let counted = format!("accrual_key_propagation_seconds_count{{place=\"{place}\"}} ");
        told.lines().filter_map(|line| line.strip_prefix(&counted)).any(|count| count != "0")
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn the_client_crate_goes_through_a_live_rotation() {
    let Some(fresh) = fresh(Engine::Sqlite).await else { return };
    let server = Server::start(&fresh.url).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("service.key");
    let old = key(&server, "service").await;
    std::fs::write(&file, text(&old)).unwrap();
    let client = Client::builder(&format!("http://{}", server.address), KeySource::File(file.clone()));
    let client = Arc::new(client.build().unwrap());
    let stop = Arc::new(AtomicBool::new(false));
    let calls: Vec<JoinHandle<u64>> = (0..4)
        .map(|_| {
            let (client, stop) = (Arc::clone(&client), Arc::clone(&stop));
            tokio::spawn(async move {
                let mut calls = 0;
                while !stop.load(Ordering::Relaxed) {
                    client.campaigns().await.expect("no call fails");
                    calls += 1;
                }
                calls
            })
        })
        .collect();
    let terms = Terms { overlap_seconds: 2, ..Terms::new(Kind::Normal) };
    let issued = server.api.keys().rotate(old.id(), &terms, &Asker::default()).await.unwrap();
    let next = folder.path().join("next");
    std::fs::write(&next, text(&issued.key.unwrap())).unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    std::fs::rename(&next, &file).unwrap();
    tokio::time::sleep(Duration::from_secs(3)).await;
    stop.store(true, Ordering::Relaxed);
    let mut all = 0;
    for task in calls {
        all += task.await.unwrap();
    }
    println!("{all} calls, none failed");
    assert!(all > 100);
    let id: &KeyId = old.id();
    assert_eq!(
        server.api.keys().get(id).await.unwrap().standing(UnixSeconds(now_ms() / 1_000)).name(),
        "ended"
    );
    server.stop().await;
    fresh.remove().await;
}
