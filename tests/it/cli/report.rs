//! `accrual report`: stored figures in every form, and the same after a replay.

use accrual_recording::NodeOptions;
use accrual_store::{Db, Mode, accounts};
use accrual_tests::binary;
use accrual_tests::played::play;
use alloy::primitives::{Address, U256};
use serde_json::Value;

const CAMPAIGN: &str = "rehearsal-usd-tkn";

/// Runs `report` over a configuration and answers what it prints.
async fn report(config: &str, options: &[&str]) -> String {
    let arguments = [&["report", "--config", config, "--campaign", CAMPAIGN], options].concat();
    let ended = binary::run(&arguments).await;
    assert_eq!(ended.code, 0, "{options:?}: {}", ended.stderr);
    ended.stdout
}

async fn json(config: &str, options: &[&str]) -> Value {
    serde_json::from_str(&report(config, &[options, &["--format", "json"]].concat()).await).unwrap()
}

#[tokio::test]
async fn every_form_says_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let played = play(NodeOptions::default()).await;
    let path = super::indexed(folder.path(), &played).await;
    let config = binary::text(&path);

    let by_account = json(config, &[]).await;
    assert_shape(&by_account);
    let rows = by_account["data"].as_array().unwrap();
    assert!(rows.len() > 20, "{}", rows.len());
    assert!(rows.is_sorted_by_key(|row| std::cmp::Reverse(units(&row["earned_units"]))), "largest first");
    for row in rows {
        assert_eq!(sum(&row["positions"]), units(&row["earned_units"]), "{row}");
    }

    let by_position = json(config, &["--by", "position"]).await;
    assert_sums(&by_position);
    assert_eq!(by_position["earned_units"], by_account["earned_units"]);
    assert!(by_position["data"].as_array().unwrap().len() > rows.len());

    let csv = report(config, &["--format", "csv"]).await;
    let (head, lines) = csv.split_once("\r\n").unwrap();
    assert_eq!(head, "account,position,earned_units,earned_decimal,share_ppm,probable_miss");
    let in_csv: Vec<(&str, &str)> = lines.lines().map(|line| (cell(line, 0), cell(line, 2))).collect();
    let in_json: Vec<(&str, &str)> = rows
        .iter()
        .map(|row| (row["account"].as_str().unwrap(), row["earned_units"].as_str().unwrap()))
        .collect();
    assert_eq!(in_csv, in_json);

    let table = report(config, &[]).await;
    assert!(table.contains(in_json[0].0) && table.contains(in_json.last().unwrap().0), "{table}");
}

/// An earner with code that is no wrapper of the pool stands out in every form; the others say nothing.
#[tokio::test]
async fn a_wrapper_that_was_probably_missed_is_marked() {
    let folder = tempfile::tempdir().unwrap();
    let played = play(NodeOptions::default()).await;
    let path = super::indexed(folder.path(), &played).await;
    let config = binary::text(&path);
    let rows = json(config, &[]).await["data"].as_array().unwrap().clone();
    assert!(rows.iter().all(|row| row.get("probable_miss").is_none()), "{rows:?}");
    assert!(!report(config, &[]).await.contains("[[pools.wrappers]]"));

    let missed: Address = rows[1]["account"].as_str().unwrap().parse().unwrap();
    let db = Db::open(&super::sqlite_url(folder.path()).parse().unwrap(), Mode::Write).await.unwrap();
    accounts::learn(&db, played.recording.meta.chain_id, missed, true).await.unwrap();
    db.close().await;

    let rows = json(config, &[]).await["data"].as_array().unwrap().clone();
    let marked: Vec<usize> = (0..rows.len()).filter(|at| rows[*at]["probable_miss"] == true).collect();
    assert_eq!(marked, [1]);
    let by_position = json(config, &["--by", "position"]).await;
    for row in by_position["data"].as_array().unwrap() {
        assert_eq!(row.get("probable_miss").is_some(), row["account"] == rows[1]["account"], "{row}");
    }
    let csv = report(config, &["--format", "csv"]).await;
    let cells: Vec<&str> = csv.lines().skip(1).map(|line| cell(line, 5)).collect();
    assert_eq!(cells[..3], ["false", "true", "false"]);
    let table = report(config, &[]).await;
    assert!(table.contains(&format!("{}* ", missed.to_checksum(None))), "{table}");
    assert!(table.contains("\n* a contract"), "{table}");
    assert_eq!(table.matches('*').count(), 2, "{table}");
}

#[tokio::test]
async fn as_of_any_block_or_time_and_the_same_after_a_replay() {
    let folder = tempfile::tempdir().unwrap();
    let played = play(NodeOptions::default()).await;
    let path = super::indexed(folder.path(), &played).await;
    let config = binary::text(&path);
    let blocks = &played.recording.blocks;
    let mut before = Vec::new();
    for part in [3, 5, 7] {
        let header = &blocks[blocks.len() * part / 10].header;
        let number = header.number.to_string();
        let at_block = json(config, &["--at", &number]).await;
        assert_shape(&at_block);
        assert_eq!(at_block["as_of"]["block_number"], header.number);
        let at = at_block["as_of"]["at"].as_str().unwrap().to_owned();
        let at_time = json(config, &["--at", &at]).await;
        assert_eq!(at_time, at_block, "the block of an instant is the last one up to it");
        before.push((number, at_block));
    }
    let emitted: Vec<U256> = before.iter().map(|(_, report)| units(&report["emitted_units"])).collect();
    assert!(emitted.is_sorted() && emitted[0] < emitted[2], "{emitted:?}");

    let stored = json(config, &[]).await;
    let replayed = binary::run(&["replay", "--config", config]).await;
    assert_eq!(replayed.code, 0, "{}", replayed.stderr);
    assert!(replayed.stdout.contains("events up to block"), "{}", replayed.stdout);
    assert_eq!(json(config, &[]).await, stored);
    for (number, report) in before {
        assert_eq!(json(config, &["--at", &number]).await, report);
    }
}

/// As `interface.md` promises it: every field, every amount a text of digits, every address EIP-55.
fn assert_shape(report: &Value) {
    let as_of = &report["as_of"];
    assert_eq!(as_of["chain_id"], 8453);
    assert!(as_of["block_number"].is_u64() && as_of["finality"] == "finalized", "{as_of}");
    assert!(as_of["block_hash"].is_null() || as_of["block_hash"].as_str().unwrap().len() == 66, "{as_of}");
    assert!(as_of["at"].as_str().unwrap().ends_with('Z'), "{as_of}");
    assert_eq!((&report["campaign"], &report["scoring"]), (&CAMPAIGN.into(), &"per_block".into()));
    assert_sums(report);
    for row in report["data"].as_array().unwrap() {
        let account = row["account"].as_str().unwrap();
        assert_eq!(account.parse::<Address>().unwrap().to_checksum(None), account);
        assert!(row["share_ppm"].as_u64().unwrap() <= 1_000_000);
        for position in row["positions"].as_array().unwrap() {
            assert!(position["position"].as_str().unwrap().starts_with("uniswap_v3:0x"), "{position}");
            assert!(position["via"].is_array(), "{position}");
        }
    }
}

fn assert_sums(report: &Value) {
    let [budget, emitted, earned, undistributed] =
        ["budget_units", "emitted_units", "earned_units", "undistributed_units"]
            .map(|sum| units(&report[sum]));
    assert_eq!(earned + undistributed, emitted);
    assert!(emitted <= budget);
    assert_eq!(sum(&report["data"]), earned);
}

fn sum(rows: &Value) -> U256 {
    rows.as_array().unwrap().iter().map(|row| units(&row["earned_units"])).sum()
}

fn units(value: &Value) -> U256 {
    let text = value.as_str().unwrap_or_else(|| panic!("{value} is a text of digits"));
    assert!(text.bytes().all(|byte| byte.is_ascii_digit()), "{text}");
    text.parse().unwrap()
}

fn cell(line: &str, place: usize) -> &str {
    line.split(',').nth(place).unwrap()
}
