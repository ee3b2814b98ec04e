//! `accrual demo`: from nothing to figures, as somebody new to it meets it.

use std::path::Path;
use std::time::{Duration, Instant};

use accrual_tests::binary::{self, Ended, command, ended};
use reqwest::StatusCode;
use serde_json::Value;
use tokio::time::sleep;

#[tokio::test]
async fn once_shows_the_figures_and_says_where_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let mut demo = command(&["demo", "--once"]);
    demo.env("TMPDIR", folder.path());
    let Ended { code, stdout, stderr } = ended(demo).await;
    assert_eq!(code, 0, "{stderr}");
    assert!(
        stdout.starts_with("REHEARSAL"),
        "the first word is that it is none of anybody's money: {stdout}"
    );
    for word in
        ["campaign       rehearsal-usd-tkn ", "earned ", "undistributed ", "ACCOUNT", "   1  0x", "and "]
    {
        assert!(stdout.contains(word), "no {word:?} in\n{stdout}");
    }
    for moment in ["first day", "half time", "last hour"] {
        let line = stdout.lines().find(|line| line.trim_start().starts_with(moment)).unwrap();
        assert!(line.contains(" %   at block ") || line.contains("nobody in range"), "{line}");
    }

    let config = stdout.lines().find_map(|line| line.strip_prefix("configuration  ")).unwrap();
    assert!(Path::new(config).starts_with(folder.path()), "{config}");
    // The node is gone; what was stored stays, and every other command can be given the same file.
    let report =
        binary::run(&["report", "--config", config, "--campaign", "rehearsal-usd-tkn", "--format", "json"])
            .await;
    assert_eq!(report.code, 0, "{}", report.stderr);
    let report: Value = serde_json::from_str(&report.stdout).unwrap();
    assert_eq!(report["emitted_units"], report["budget_units"], "the campaign is over");
}

#[tokio::test]
async fn serves_what_it_has_shown_until_it_is_told_to_stop() {
    let folder = tempfile::tempdir().unwrap();
    let db = super::sqlite_url(folder.path());
    let mut demo = binary::start(command(&["demo", "--listen", "127.0.0.1:0", "--db", &db]));
    let line = demo.line_with("key            ").await;
    let key = line.split_whitespace().nth(1).unwrap().to_owned();
    let line = demo.line_with("page           ").await;
    let page = line.split_whitespace().nth(1).unwrap().split_once("/#").unwrap().0.to_owned();
    ready(&format!("{page}/health/ready")).await;

    let rows = get(&format!("{page}/v1/campaigns/rehearsal-usd-tkn/accruals?limit=3"), Some(&key)).await;
    assert_eq!(rows.0, StatusCode::OK, "{}", rows.1);
    let rows: Value = serde_json::from_str(&rows.1).unwrap();
    assert_eq!(rows["data"].as_array().map(Vec::len), Some(3));
    assert!(rows["meta"]["notice"].as_str().unwrap().starts_with("REHEARSAL"), "{rows}");

    let campaigns = format!("{page}/v1/campaigns");
    assert_eq!(get(&campaigns, None).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(get(&campaigns, Some("acr_live_nonsense")).await.0, StatusCode::UNAUTHORIZED);
    let (status, html) = get(&format!("{page}/"), None).await;
    assert_eq!(status, StatusCode::OK);
    assert!(html.contains("<html") && html.contains("/assets/page-"), "{html}");

    let ended = demo.terminate().await;
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(!ended.stderr.contains(&key), "a key is never logged");
}

/// The API tells nothing before it has folded what is stored.
pub(super) async fn ready(url: &str) {
    let begun = Instant::now();
    while get(url, None).await.0 != StatusCode::OK {
        assert!(begun.elapsed() < Duration::from_secs(30), "it is ready within 30 s");
        sleep(Duration::from_millis(20)).await;
    }
}

pub(super) async fn get(url: &str, key: Option<&str>) -> (StatusCode, String) {
    let mut request = reqwest::Client::new().get(url);
    if let Some(key) = key {
        request = request.header("X-API-Key", key);
    }
    let response = request.send().await.unwrap();
    (response.status(), response.text().await.unwrap())
}
