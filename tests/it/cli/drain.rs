//! SIGTERM under load: whoever was let in is answered in full and counted; nobody is half answered.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use accrual_recording::NodeOptions;
use accrual_store::{Db, Mode, dump};
use accrual_tests::binary::{self, command};
use accrual_tests::config;
use accrual_tests::db::on_each_engine;
use accrual_tests::played::play;
use tokio::time::sleep;

const CALLERS: usize = 24;
const LOAD: Duration = Duration::from_secs(2);
const PLAN: &str = "[[plans]]\nname = \"load\"\ncalls_per_month = 100000000\ncalls_per_minute = 3000000\nhistory = \"unlimited\"\n";

/// What a caller saw of its calls.
#[derive(Default)]
struct Seen {
    answered: u64,
    turned_away: u64,
}

#[tokio::test(flavor = "multi_thread")]
async fn told_to_stop_under_load_it_answers_and_counts_everybody_it_let_in() {
    let played = play(NodeOptions::default()).await;
    on_each_engine(async |fresh| {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("pepper"), "0123456789abcdef0123456789abcdef").unwrap();
        let pepper = format!("[keys]\npepper_file = \"{}\"\n", folder.path().join("pepper").display());
        let text = config::text(&fresh.url_text, &played).replace("[index]", &format!("{pepper}[index]"));
        let path = config::write_text(folder.path(), &format!("{text}\n{PLAN}"));
        let path = ["--config", binary::text(&path)];
        let ended = binary::run(&[&["index", "--to", "head"], &path[..]].concat()).await;
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        let create = ["keys", "create", "--client", "crowd", "--plan", "load"];
        let key = binary::run(&[&create[..], &path[..]].concat()).await.stdout.trim().to_owned();
        let mut server = binary::start(command(&[&["serve"], &path[..]].concat()));
        let line = server.line_with("API and page: ").await;
        let url = format!("{}v1/campaigns/rehearsal-usd-tkn/accruals", line.split_once("page: ").unwrap().1);

        let is_over = Arc::new(AtomicBool::new(false));
        let callers: Vec<_> = (0..CALLERS)
            .map(|_| tokio::spawn(call(url.clone(), key.clone(), Arc::clone(&is_over))))
            .collect();
        sleep(LOAD).await;
        let ended = server.terminate().await;
        is_over.store(true, Ordering::Relaxed);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
        let mut seen = Seen::default();
        for caller in callers {
            let one = caller.await.unwrap();
            seen.answered += one.answered;
            seen.turned_away += one.turned_away;
        }
        assert!(seen.answered > 100, "there was a load: {}", seen.answered);
        assert!(seen.turned_away > 0, "they called on after the end");
        let db = Db::open(&fresh.url, Mode::Read).await.unwrap();
        let rows = dump::table(&db, "usage_hours").await.unwrap();
        db.close().await;
        let counted: u64 = rows.iter().map(|row| row[5].parse::<u64>().unwrap()).sum();
        assert_eq!(counted, seen.answered, "let in and counted, and answered");
        println!(
            "{}: {counted} calls answered and counted, {} turned away at the door",
            fresh.engine, seen.turned_away
        );
    })
    .await;
}

/// Calls on a new connection each time, until it is over.
async fn call(url: String, key: String, is_over: Arc<AtomicBool>) -> Seen {
    let http = reqwest::Client::builder().pool_max_idle_per_host(0).build().unwrap();
    let mut seen = Seen::default();
    while !is_over.load(Ordering::Relaxed) {
        let Ok(answer) = http.get(&url).header("x-api-key", &key).send().await else {
            seen.turned_away += 1;
            sleep(Duration::from_millis(5)).await;
            continue;
        };
        let status = answer.status();
        let body = answer.bytes().await.expect("an answer that began comes whole");
        assert!(status.is_success(), "{status}: {}", String::from_utf8_lossy(&body));
        let value: serde_json::Value = serde_json::from_slice(&body).expect("whole JSON");
        assert!(value["data"].is_array());
        seen.answered += 1;
    }
    seen
}
