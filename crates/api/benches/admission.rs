//! What it costs the processor to admit a call: the key read from the headers and checked, the plan, a place in the minute
//! and a call of the month, what the answer says of them, and the count behind the answer. The database is not asked. And how long
//! it takes until a new key is there to be used, on SQLite in a file.
//!
//! `cargo bench -p accrual-api --bench admission`

use std::hint::black_box;
use std::time::Instant;

use accrual_access::change::Purpose;
use accrual_access::plan::{History, Plan, Plans};
use accrual_access::rate_headers::Figures;
use accrual_api::app::{AccessSettings, POLL_INTERVAL};
use accrual_api::auth::ActiveKey;
use accrual_api::keys::{Asker, NewKey};
use accrual_api::limits::{Cost, Month};
use accrual_api::scope::Scope;
use accrual_api::usage::Call;
use accrual_api::{Api, Clock, KeyEnv, Pepper, Settings};
use accrual_rewards::unit::UnixSeconds;
use accrual_store::{Db, Mode};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderValue, Request};
use secrecy::ExposeSecret;

const NOW_MS: u64 = 1_780_678_800_000;
const NOW: UnixSeconds = UnixSeconds(NOW_MS / 1_000);
const CLIENTS: usize = 200;
const CALLS: u64 = 200_000;
const ROUNDS: usize = 5;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let folder = tempfile::tempdir().expect("a folder");
    let url = format!("sqlite://{}", folder.path().join("b.db").display()).parse().expect("an address");
    let db = Db::open(&url, Mode::Write).await.expect("it opens");
    db.migrate().await.expect("it migrates");
    let api = Api::new(db, settings()).expect("an API");
    let (mut requests, mut issued) = (Vec::new(), Vec::new());
    for client in 0..CLIENTS {
        let begun = Instant::now();
        requests.push(request(&key(&api, &format!("client-{client}")).await));
        issued.push(begun.elapsed());
    }
    issued.sort_unstable();
    println!("a new key: median {:?}, slowest {:?}", issued[CLIENTS / 2], issued[CLIENTS - 1]);
    api.keys().refresh().await.expect("the keys are read");
    let mut keys = Vec::new();
    for request in &mut requests {
        keys.push(ActiveKey::from_request_parts(request, &api).await.expect("the key is accepted"));
    }
    let mut figures = Vec::new();
    for key in &keys {
        // The first call of a client asks the database; the others are served from what it gave.
        figures.push(admit(&api, key).await);
    }
    let mut parts: [Vec<u64>; 4] = Default::default();
    for _ in 0..ROUNDS {
        parts[0].push(
            per_call(async |at| {
                black_box(
                    ActiveKey::from_request_parts(&mut requests[at], &api).await.expect("it is accepted"),
                );
            })
            .await,
        );
        let admitted = per_call(async |at| {
            black_box(admit(&api, &keys[at]).await);
        });
        parts[1].push(admitted.await);
        parts[2].push(per_call(async |at| write_headers(&figures[at])).await);
        parts[3].push(per_call(async |at| count(&api, &keys[at])).await);
    }
    let names = ["key", "plan, minute and month", "headers", "count"];
    let medians = parts.map(|mut all| {
        all.sort_unstable();
        all[all.len() / 2]
    });
    for (name, median) in names.iter().zip(medians) {
        println!("{name}: {median} ns of CPU");
    }
    println!("all: {} ns of CPU", medians.iter().sum::<u64>());
}

/// What a call of `part` takes of the processor, with the clients in turn.
async fn per_call(mut part: impl AsyncFnMut(usize)) -> u64 {
    let worked = worked_ns();
    for call in 0..CALLS {
        part(usize::try_from(call).expect("a small number") % CLIENTS).await;
    }
    (worked_ns() - worked) / CALLS
}

/// For how many nanoseconds this thread had a processor, as Linux tells it.
fn worked_ns() -> u64 {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    told.split(' ').next().and_then(|text| text.parse().ok()).unwrap_or(0)
}

async fn admit(api: &Api, key: &ActiveKey) -> Figures {
    let plan = api.settings().access.plans.at(&key.client.plan, NOW).expect("a plan");
    let admitted = api.limits().admit(api.keys(), &key.client, plan, Cost::Counts, Month::Ours, NOW_MS).await;
    admitted.expect("there are calls left")
}

fn write_headers(figures: &Figures) {
    for text in [figures.policy(), figures.rest()] {
        black_box(HeaderValue::from_str(&text).expect("plain text"));
    }
}

fn count(api: &Api, key: &ActiveKey) {
    api.usage().count(Call {
        key: key.id.clone(),
        client_id: key.client.client_id.clone(),
        endpoint: "GET /v1/campaigns".into(),
        status: 200,
        is_counted: true,
        network: "203.0.113.0/24".into(),
        agent: "bench".to_owned(),
        at: NOW,
    });
}

fn request(key: &str) -> Parts {
    Request::get("/v1/campaigns").header("x-api-key", key).body(()).expect("a request").into_parts().0
}

async fn key(api: &Api, client: &str) -> String {
    let purpose = Purpose {
        scopes: Scope::ALL.into_iter().collect(),
        networks: Default::default(),
        expires_at: None,
        note: String::new(),
    };
    let new = NewKey { client: client.to_owned(), plan: Some("load".to_owned()), purpose, env: KeyEnv::Live };
    let issued = api.keys().create(new, &Asker::default()).await.expect("a key");
    issued.key.expect("a secret").reveal().expose_secret().to_owned()
}

fn settings() -> Settings {
    let plan = Plan {
        name: "load".to_owned(),
        valid_from: UnixSeconds(0),
        valid_until: None,
        calls_per_month: 1_000_000_000,
        calls_per_minute: 1_000_000,
        history: History::Unlimited,
        overage_microusd: None,
        spend_cap_microusd: 0,
        marketplace_name: None,
        features: Scope::ALL.into_iter().collect(),
    };
    let plans = Plans::new(vec![plan]).expect("a table of plans");
    Settings {
        chain_id: 8453,
        block_seconds: Some(2),
        pools: Vec::new(),
        campaigns: Vec::new(),
        tokens: Vec::new(),
        prices: Default::default(),
        peppers: Pepper::new(1, vec![9; 32]).expect("a pepper").into(),
        key_rules: Default::default(),
        access: AccessSettings { plans, ..AccessSettings::default() },
        trusted_proxies: Default::default(),
        clock: Clock::of_ms(|| NOW_MS),
        notice: None,
        poll_interval: POLL_INTERVAL,
        stale_after_seconds: 60,
        webhooks: Default::default(),
        mcp: Default::default(),
        sign_in: None,
        security: None,
        announced: Default::default(),
        merkl: None,
    }
}
