//! Lines on standard error for those who collect them.

use accrual_recording::NodeOptions;
use accrual_tests::played::play;
use accrual_tests::{binary, config};
use serde_json::Value;

#[tokio::test]
async fn where_log_lines_are_json_so_is_progress() {
    let folder = tempfile::tempdir().unwrap();
    let played = play(NodeOptions::default()).await;
    let path = config::write(folder.path(), &super::sqlite_url(folder.path()), &played);
    let arguments = ["index", "--config", binary::text(&path), "--to", "head", "--log-format", "json"];
    let ended = binary::run(&arguments).await;
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let read = |line: &str| serde_json::from_str::<Value>(line).unwrap_or_else(|_| panic!("{line}"));
    let lines: Vec<Value> = ended.stderr.lines().map(read).collect();
    // The first batch is told of at once, later ones every two seconds.
    let told = lines.iter().map(|line| &line["fields"]).find(|fields| fields["message"] == "indexing");
    let told = told.unwrap_or_else(|| panic!("{lines:?}"));
    let number = |field: &str| told[field].as_u64().unwrap_or_else(|| panic!("{field} of {told}"));
    assert!(number("block") <= number("target_block"), "{told}");
    for field in ["events", "blocks_per_second", "seconds_left"] {
        number(field);
    }
}
