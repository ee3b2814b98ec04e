//! What a running service counts, and that the dashboard asks for nothing else.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use accrual_recording::NodeOptions;
use accrual_rewards::campaign::Scoring;
use accrual_rewards::reconcile::{Alarm, Comparison, Fit, Money, Teller};
use accrual_rewards::unit::{Amount, BlockNumber, UnixSeconds};
use accrual_store::comparisons::{self, Kept};
use accrual_store::verifications::{self, Verification};
use accrual_store::{Db, Mode};
use accrual_tests::binary::{self, command};
use accrual_tests::config;
use accrual_tests::played::play;
use alloy::primitives::{B256, U256};
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
    let line = "id = \"rehearsal-usd-tkn\"\n";
    let text = text.replace(line, &format!("{line}merkl_campaign_id = \"{}\"\n", B256::repeat_byte(0xca)));
    let path = config::write_text(folder.path(), &text);
    let config = ["--config", binary::text(&path)];
    let migrated = binary::run(&[&["migrate"], &config[..]].concat()).await;
    assert_eq!(migrated.code, 0, "{}", migrated.stderr);
    compared_and_verified(&super::sqlite_url(folder.path())).await;
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
    let campaign = "{campaign=\"rehearsal-usd-tkn\"}";
    for (name, value) in
        [("difference_ppm", "1234"), ("unpaid_ppm", "20000"), ("beyond", "1"), ("alarms", "1")]
    {
        assert!(
            of(&format!("accrual_merkl_{name}{campaign} ")).ends_with(&format!(" {value}")),
            "{name}: {told}"
        );
    }
    assert!(of("accrual_verified_differences{pool=\"rusd-rtkn\"} ").ends_with(" 2"), "{told}");
    // A service that has just started may also have been refused or cut off once.
    let mut requests =
        told.lines().filter(|line| line.starts_with("accrual_rpc_requests_total{host=\"http://127.0.0.1:"));
    assert!(requests.any(|line| line.contains("outcome=\"answered\"")), "{told}");
    assert!(!of("accrual_index_events_total ").ends_with(" 0"), "the follower of this process counts here");
    assert!(!told.contains(&made.stdout.trim()[9..21]), "no key is told of");
    let ended = service.terminate().await;
    assert_eq!(ended.code, 0, "{}", ended.stderr);
}

/// As if it had compared with Merkl and verified a pool before.
async fn compared_and_verified(url: &str) {
    let db = Db::open(&url.parse().unwrap(), Mode::Write).await.unwrap();
    let fit = Fit {
        scoring: Scoring::PerBlock,
        equal_count: 1,
        difference: Amount(U256::from(5)),
        difference_ppm: 1_234,
    };
    let units = |units: u64| Amount(U256::from(units));
    let kept = Kept {
        comparison_id: "cmp".to_owned(),
        campaign: "rehearsal-usd-tkn".parse().unwrap(),
        reading_id: None,
        source: "https://api.example".to_owned(),
        told_by: Some(Teller::Merkl),
        at: UnixSeconds(1_749_200_000),
        comparison: Comparison {
            computed_until: UnixSeconds(1_749_200_000),
            scoring: Scoring::PerBlock,
            fits: vec![fit],
            money: Money {
                budget: units(100),
                expected: units(50),
                paid: units(49),
                remainder: units(1),
                ours: units(49),
                catch_up_ppm: None,
            },
            runs: Vec::new(),
            gaps: Vec::new(),
            alarms: vec![Alarm::BudgetDiffers { theirs: units(1), ours: units(2) }],
            checks: Default::default(),
            tolerance_ppm: 1_000,
            is_beyond: true,
            rows: Vec::new(),
        },
    };
    comparisons::keep(&db, &kept).await.unwrap();
    let verification = Verification {
        block_number: BlockNumber(31_100_000),
        verified_at: UnixSeconds(1_749_200_000),
        compared: 7,
        differences: 2,
        first_difference: Some("liquidity".to_owned()),
    };
    verifications::record(&db, &"rusd-rtkn".parse().unwrap(), &verification).await.unwrap();
    db.close().await;
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
