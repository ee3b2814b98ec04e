//! What a running service counts, and that the dashboard asks for nothing else.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use accrual_recording::NodeOptions;
use accrual_tests::binary::{self, command};
use accrual_tests::config;
use accrual_tests::played::play;
use serde_json::Value;

use super::demo::{get, ready};

const DASHBOARD: &str = "../config/grafana-dashboard.json";

#[tokio::test(flavor = "multi_thread")]
async fn the_dashboard_shows_what_a_running_service_exports() {
    let folder = tempfile::tempdir().unwrap();
    let played = play(NodeOptions::default()).await;
    let text = config::text(&super::sqlite_url(folder.path()), &played);
    // A recording is always old.
    let text = text.replace("[server]\n", "[server]\nstale_after_seconds = 4294967295\n");
    let path = config::write_text(folder.path(), &text);
    let config = ["--config", binary::text(&path)];
    let mut service = binary::start(command(&[&["run"], &config[..]].concat()));
    let line = service.line_with("API and page: ").await;
    let base = line.split_once("page: ").unwrap().1.trim_end_matches('/').to_owned();
    ready(&format!("{base}/health/ready")).await;
    // A key that another process makes has to arrive here.
    let made =
        binary::run(&[&["keys", "create", "--client", "ann", "--plan", "vip"], &config[..]].concat()).await;
    assert_eq!(made.code, 0, "{}", made.stderr);
    assert_eq!(get(&format!("{base}/v1/pools"), Some(made.stdout.trim())).await.0, 200);

    let asked = asked_for();
    assert!(asked.len() > 15, "{asked:?}");
    let exported = async || -> String { get(&format!("{base}/metrics"), None).await.1 };
    let complete = async {
        loop {
            let told = exported().await;
            let missing: Vec<&String> = asked.iter().filter(|name| !has(&told, name)).collect();
            // The arrival of the key everywhere is noted with the next beat.
            if missing.is_empty() && told.contains("place=\"everywhere\"") {
                return told;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    let Ok(told) = tokio::time::timeout(Duration::from_secs(60), complete).await else {
        let told = exported().await;
        let missing: Vec<&String> = asked.iter().filter(|name| !has(&told, name)).collect();
        panic!("the dashboard asks for {missing:?}, which are not in\n{told}");
    };
    let of = |word: &str| {
        told.lines().find(|line| line.starts_with(word)).unwrap_or_else(|| panic!("{word}: {told}"))
    };
    // A service that has just started may also have been refused or cut off once.
    let mut requests =
        told.lines().filter(|line| line.starts_with("accrual_rpc_requests_total{host=\"http://127.0.0.1:"));
    assert!(requests.any(|line| line.contains("outcome=\"answered\"")), "{told}");
    assert!(!of("accrual_index_events_total ").ends_with(" 0"), "the follower of this process counts here");
    assert!(!told.contains(&made.stdout.trim()[9..21]), "no key is told of");
    let ended = service.terminate().await;
    assert_eq!(ended.code, 0, "{}", ended.stderr);
}

/// Whether a metric of that name has a value.
fn has(told: &str, name: &str) -> bool {
    told.lines().any(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with([' ', '{'])))
}

/// Every metric that some expression of the dashboard names.
fn asked_for() -> BTreeSet<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(DASHBOARD);
    let dashboard: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let mut names = BTreeSet::new();
    texts(&dashboard, &mut |text| {
        let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        names.extend(words.filter(|word| word.starts_with("accrual_")).map(str::to_owned));
    });
    names
}

fn texts(value: &Value, see: &mut impl FnMut(&str)) {
    match value {
        Value::String(text) => see(text),
        Value::Array(values) => values.iter().for_each(|value| texts(value, see)),
        Value::Object(fields) => fields.values().for_each(|value| texts(value, see)),
        _ => {}
    }
}
