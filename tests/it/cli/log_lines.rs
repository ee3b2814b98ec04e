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
    for progress in ["auto", "plain"] {
        let config = binary::text(&path);
        let arguments = ["index", "--config", config, "--to", "head", "--log-format", "json"];
        let ended = binary::run(&[&arguments[..], &["--progress", progress]].concat()).await;
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        let read = |line: &str| serde_json::from_str::<Value>(line).unwrap_or_else(|_| panic!("{line}"));
        let lines: Vec<Value> = ended.stderr.lines().map(read).collect();
        let told = lines.iter().map(|line| &line["fields"]).rfind(|fields| fields["message"] == "indexing");
        let reached = told.map(|fields| (&fields["block"], &fields["target_block"]));
        // The second time there is nothing left to read.
        assert!(reached.is_none_or(|(block, target)| block.is_u64() && block == target), "{lines:?}");
        assert_eq!(reached.is_some(), progress == "auto", "{lines:?}");
    }
}
