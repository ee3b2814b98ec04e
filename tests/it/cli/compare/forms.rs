//! One comparison in every form: table, CSV, JSON, and the page for one account.

use std::collections::BTreeMap;

use alloy::primitives::{Address, U256};
use serde_json::Value;

use super::stand_in::StandIn;
use super::{MERKL_ID, Stage, address, compare, report, rows};

/// A line of CSV whose last cell is quoted.
fn cells(line: &str) -> Vec<String> {
    let (plain, quoted) = line.split_once(",\"").unwrap();
    let quoted = quoted.strip_suffix('"').unwrap().replace("\"\"", "\"");
    plain.split(',').map(str::to_owned).chain([quoted]).collect()
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Whole tokens of 18 decimals, cut after four, with commas between thousands; what is less is said to be less.
fn cut(units: &str) -> String {
    let (sign, digits) = units.strip_prefix('-').map_or(("+", units), |digits| ("-", digits));
    if digits != "0" && digits.len() <= 14 {
        return if sign == "+" { "<+0.0001".to_owned() } else { ">-0.0001".to_owned() };
    }
    let digits = format!("{digits:0>19}");
    let (whole, fraction) = digits.split_at(digits.len() - 18);
    let grouped: Vec<&str> =
        whole.as_bytes().rchunks(3).rev().map(|three| std::str::from_utf8(three).unwrap()).collect();
    format!("{sign}{}.{}", grouped.join(","), &fraction[..4])
}

#[tokio::test]
async fn every_form_says_the_same() {
    let stage = Stage::set().await;
    let at = stage.time(7);
    let now = report(&stage.config, at).await;
    let mut theirs = rows(&now);
    let large = *theirs.iter().max_by_key(|(_, units)| **units).unwrap().0;
    *theirs.get_mut(&large).unwrap() -= U256::from(123_456_789_012_345_678_901_u128);
    theirs.insert(Address::repeat_byte(0x57), U256::from(77));
    let stand_in = StandIn::serve(MERKL_ID, &now, at).await;
    stand_in.say(at, theirs, &[]);
    let first = compare(&stage.config, &stand_in.url, &["--format", "json"]).await;
    let json: Value = serde_json::from_str(&first.stdout).unwrap();
    let kept = format!("kept:{}", json["reading"].as_str().unwrap());
    let form = async |format: &str| {
        let ended = compare(&stage.config, &kept, &["--format", format]).await;
        assert_eq!(ended.code, first.code, "{format}: {}", ended.stderr);
        ended.stdout
    };

    let csv = form("csv").await;
    let mut lines = csv.lines();
    let head: Vec<&str> = lines.next().unwrap().split(',').collect();
    let data = json["data"].as_array().unwrap();
    let told: Vec<BTreeMap<&str, String>> =
        lines.map(|line| head.iter().copied().zip(cells(line)).collect()).collect();
    assert_eq!(told.len(), data.len());
    for (row, line) in data.iter().zip(&told) {
        let of = |place: &str| text(row.pointer(place).unwrap_or(&Value::Null));
        let best = json["best_scoring"].as_str().unwrap();
        let ours = of(&format!("/ours/{best}"));
        for (cell, value) in [
            ("account", of("/account")),
            ("theirs_units", of("/theirs/computed_units")),
            ("amount_units", of("/theirs/amount_units")),
            ("pending_units", of("/theirs/pending_units")),
            ("claimed_units", of("/theirs/claimed_units")),
            ("ours_units", ours),
            ("difference_units", of("/difference_units")),
            ("difference_ppm", of("/difference_ppm")),
            ("best_scoring", of("/best_scoring")),
            ("reason", of("/reason")),
            ("evidence", of("/evidence/text")),
        ] {
            assert_eq!(line[cell], value, "{cell} of {row}");
        }
    }

    let table = form("table").await;
    for name in ["budget", "expected", "paid", "remainder", "ours", "difference"] {
        let value = cut(json[format!("{name}_units")].as_str().unwrap());
        let line = table.lines().find(|line| line.starts_with(name)).unwrap();
        assert_eq!(line.split_whitespace().nth(1), Some(&*value.replace('+', "")), "{line}");
    }
    let differing = data.iter().filter(|row| row["difference_units"] != "0");
    for row in differing {
        let account = address(&row["account"]).to_checksum(None);
        let line = table.lines().find(|line| line.starts_with(&account)).unwrap();
        assert!(line.contains(&cut(row["difference_units"].as_str().unwrap())), "{line}");
        assert!(line.contains(row["reason"].as_str().unwrap()), "{line}");
    }

    let account = large.to_checksum(None);
    let page = compare(&stage.config, &kept, &["--format", "html", "--account", &account]).await.stdout;
    let row = data.iter().find(|row| address(&row["account"]) == large).unwrap();
    for place in ["/theirs/computed_units", "/difference_units"] {
        let units = row.pointer(place).unwrap().as_str().unwrap();
        assert!(page.contains(&format!("{units} units")), "{place} is {units} in\n{page}");
    }
    assert!(page.contains("<svg class=\"line\"") && page.contains("unexplained"), "{page}");
    if let Some(folder) = std::env::var_os("ACCRUAL_EVIDENCE_TO") {
        let folder = std::path::PathBuf::from(folder);
        std::fs::write(folder.join("account.html"), &page).unwrap();
        std::fs::write(folder.join("all.html"), form("html").await).unwrap();
    }
}
