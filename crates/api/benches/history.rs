//! How long a chart of 14 days takes, made and from memory: three pools, each with a campaign of 1000 accounts, hours stored
//! for all.
//!
//! `cargo bench -p accrual-api --bench history`

#[expect(dead_code, reason = "each bench uses a part of it")]
mod world;

use std::hint::black_box;
use std::time::Instant;

use accrual_api::{Api, Clock, router};
use accrual_rewards::campaign::Window;
use accrual_rewards::unit::UnixSeconds;
use accrual_store::{Db, Mode};
use axum::body::{Body, to_bytes};
use axum::http::Request;
use tower::ServiceExt;
use world::{World, account, days};

const START: u64 = 1_749_142_800;
const END: UnixSeconds = UnixSeconds(START + days(14));
const ROUNDS: u32 = 20;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let folder = tempfile::tempdir().expect("a folder");
    let url = format!("sqlite://{}", folder.path().join("b.db").display()).parse().expect("an address");
    let db = Db::open(&url, Mode::Write).await.expect("it opens");
    let world = World {
        accounts: vec![1_000; 3],
        window: Window { starts_at: UnixSeconds(START), ends_at: END },
        begins_at: UnixSeconds(START - 7_200),
        stored_to: END,
    };
    world.store(&db).await;
    let api = Api::new(db.clone(), world.settings(Clock::new(|| END))).expect("an API");
    api.book().refresh().await.expect("a book");
    let key = world::key(&api, "bench").await;
    let router = router(&api);
    println!("| chart | made for the first call, us | from memory, median, us | bytes |");
    println!("|---|---|---|---|");
    for path in [
        "/v1/pools/p1/history".to_owned(),
        "/v1/campaigns/c1/history".to_owned(),
        format!("/v1/accounts/{:#x}/history?campaign=c1", account(500)),
        "/v1/pools/p1?window=7d".to_owned(),
    ] {
        let (mut took, mut bytes) = (Vec::new(), 0);
        for _ in 0..ROUNDS {
            let request =
                Request::get(&path).header("x-api-key", &key).body(Body::empty()).expect("a request");
            let begun = Instant::now();
            let answer = router.clone().oneshot(request).await.expect("an answer");
            let (parts, body) = answer.into_parts();
            let text = to_bytes(body, usize::MAX).await.expect("its body");
            took.push(begun.elapsed());
            assert!(parts.status.is_success(), "{path}: {text:?}");
            bytes = black_box(text).len();
        }
        let made = took.remove(0);
        took.sort_unstable();
        let kept = took[took.len() / 2];
        println!("| `{path}` | {} | {} | {bytes} |", made.as_micros(), kept.as_micros());
    }
}
