//! The chain that benches index: by each way of proving a range complete, the report is the same and its sums hold.

use accrual_tests::binary::{self, text};
use accrual_tests::config;
use accrual_tests::quiet::Served;
use serde_json::Value;

#[tokio::test(flavor = "multi_thread")]
async fn however_it_is_proved_complete_the_quiet_chain_gives_one_report() {
    let served = Served::start(600).await;
    assert!(served.download().await.logs > 100);
    let mut reports = Vec::new();
    for verify in ["off", "bloom", "receipts"] {
        let folder = tempfile::tempdir().unwrap();
        let database = format!("sqlite://{}", folder.path().join("quiet.db").display());
        let path = config::write_text(folder.path(), &served.configuration(&database, verify));
        let calls = served.quiet.calls();
        for command in [
            &["index", "--to", "head", "--progress", "off"][..],
            &["report", "--campaign", "bench", "--format", "json"],
        ] {
            let ended = binary::run(&[command, &["--config", text(&path)]].concat()).await;
            assert_eq!(ended.code, 0, "{verify}: {}", ended.stderr);
            if command[0] == "report" {
                reports.push(serde_json::from_str::<Value>(&ended.stdout).unwrap());
            }
        }
        assert_eq!(served.quiet.calls() - calls > 600, verify != "off", "{verify}: each header is a call");
    }
    assert!(reports.iter().all(|report| *report == reports[0]), "{reports:#?}");
    let units = |name: &str| reports[0][name].as_str().unwrap().parse::<u128>().unwrap();
    assert!(units("earned_units") > 0);
    assert_eq!(units("earned_units") + units("undistributed_units"), units("emitted_units"));
}
