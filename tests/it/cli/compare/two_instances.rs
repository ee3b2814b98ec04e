//! Two accrual instances against each other: each indexes the same chain into a database of its own, one serves, the other
//! compares. Nothing is in between but the API in Merkl's shapes.

use std::path::{Path, PathBuf};

use accrual_recording::NodeOptions;
use accrual_tests::binary::{self, Running, command};
use accrual_tests::config;
use accrual_tests::db::on_each_engine;
use accrual_tests::played::{Played, play};
use alloy::primitives::U256;
use serde_json::Value;

use super::{Told, address, by_hand, rows, told, units};

/// One campaign of each scoring, with the id that Merkl's contract would give it.
const CAMPAIGNS: [(&str, &str); 3] = [
    ("rehearsal-usd-tkn", "per_block"),
    ("rehearsal-usd-tkn-time", "time_weighted"),
    ("rehearsal-usd-tkn-swaps", "swap_weighted"),
];

/// A configuration over `database` in which each of the campaigns names an id of Merkl's.
fn configured(folder: &Path, database: &str, played: &Played) -> PathBuf {
    let mut text = config::text(database, played);
    for (place, (campaign, _)) in CAMPAIGNS.iter().enumerate() {
        let line = format!("id = \"{campaign}\"\n");
        assert_eq!(text.matches(&line).count(), 1);
        let id = format!("0x{:064x}", place + 1);
        text = text.replace(&line, &format!("{line}merkl_campaign_id = \"{id}\"\n"));
    }
    config::write_text(folder, &text)
}

async fn index(config: &Path) {
    let ended = binary::run(&["index", "--config", binary::text(config), "--to", "head"]).await;
    assert_eq!(ended.code, 0, "{}", ended.stderr);
}

/// A server over `config`, its base URL, and a key that may read everything. It answers from its first second on.
async fn serve(config: &Path) -> (Running, String, String) {
    let with = ["--config", binary::text(config)];
    let scopes = ["--scopes", "read:public,read:wallet"];
    let client = ["keys", "create", "--client", "other", "--plan", "vip"];
    let made = binary::run(&[&client[..], &scopes, &with].concat()).await;
    assert_eq!(made.code, 0, "{}", made.stderr);
    let mut server = binary::start(command(&[&["serve"], &with[..]].concat()));
    let line = server.line_with("API and page: ").await;
    let base = line.split_once("page: ").unwrap().1.trim_end_matches('/').to_owned();
    (server, base, made.stdout.trim().to_owned())
}

/// What `accrual compare` of one instance says of another: its code, and its JSON.
async fn against(config: &Path, campaign: &str, base: &str, key: &str) -> (i32, Value) {
    let mut compare = command(&[
        "compare",
        "--config",
        binary::text(config),
        "--campaign",
        campaign,
        "--merkl",
        base,
        "--format",
        "json",
        "--tolerance-ppm",
        "0",
    ]);
    compare.env("ACCRUAL_MERKL_API_KEY", key);
    let ended = binary::ended(compare).await;
    assert!(matches!(ended.code, 0 | 3), "{campaign}: {}", ended.stderr);
    (ended.code, serde_json::from_str(&ended.stdout).unwrap())
}

async fn report(config: &Path, campaign: &str) -> Value {
    let arguments = ["report", "--config", binary::text(config), "--campaign", campaign, "--format", "json"];
    let ended = binary::run(&arguments).await;
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    serde_json::from_str(&ended.stdout).unwrap()
}

/// The same file with `account` left out of the first campaign.
fn without(config: &Path, account: &str) -> PathBuf {
    let text = std::fs::read_to_string(config).unwrap();
    let rules = "out_of_range = false\n";
    assert_eq!(text.matches(rules).count(), 1);
    let folder = config.parent().unwrap().join("without");
    std::fs::create_dir_all(&folder).unwrap();
    config::write_text(&folder, &text.replace(rules, &format!("{rules}blacklist = [\"{account}\"]\n")))
}

#[tokio::test(flavor = "multi_thread")]
async fn two_instances_differ_in_nothing_unless_one_is_told_something_else() {
    let folder = tempfile::tempdir().unwrap();
    let played = play(NodeOptions::default()).await;
    let one = configured(folder.path(), &super::super::sqlite_url(folder.path()), &played);
    index(&one).await;
    let (server, base, key) = serve(&one).await;
    on_each_engine(async |fresh| {
        let folder = tempfile::tempdir().unwrap();
        let other = configured(folder.path(), &fresh.url_text, &played);
        index(&other).await;
        for (campaign, scoring) in CAMPAIGNS {
            let (code, comparison) = against(&other, campaign, &base, &key).await;
            assert_eq!((code, told(&comparison)), (0, Told::new()), "{campaign}");
            assert_eq!(comparison["difference_units"], "0", "{campaign}");
            assert_eq!(comparison["best_scoring"], scoring);
            assert_eq!(comparison["alarms"], Value::Array(Vec::new()), "{campaign}");
            let own = report(&other, campaign).await;
            assert_eq!(comparison["paid_units"], own["earned_units"], "{campaign}");
            assert_eq!(comparison["data"].as_array().unwrap().len(), rows(&own).len(), "{campaign}");
        }
    })
    .await;
    assert_eq!(server.terminate().await.code, 0);

    // One is told to leave an account out, the other is not.
    let (campaign, _) = CAMPAIGNS[0];
    let all = report(&one, campaign).await;
    let account = all["data"][1]["account"].as_str().unwrap().to_owned();
    let disturbed = without(&one, &account);
    let (server, base, key) = serve(&disturbed).await;
    let (code, comparison) = against(&one, campaign, &base, &key).await;
    let left = report(&disturbed, campaign).await;
    assert_eq!(code, 3, "a second of all accounts is far beyond a tolerance of nothing");
    let (ours, theirs) = (rows(&all), rows(&left));
    let shown = told(&comparison);
    let rounding = units(&all["emitted_units"]) / U256::from(1_000_000_000_u64);
    let hand = by_hand(&ours, &theirs, "excluded", &[]);
    assert!(shown.len() > 10 && shown.len() == hand.len());
    for (account, (difference, reason)) in hand {
        let (measured, named) = &shown[&account];
        assert_eq!(*measured, difference, "{account}: to the unit");
        let reason = if difference.unsigned_abs() <= rounding { "rounding".to_owned() } else { reason };
        assert_eq!(*named, reason, "{account}");
    }
    let data = comparison["data"].as_array().unwrap();
    let row = data.iter().find(|row| row["account"] == account.as_str()).unwrap();
    assert_eq!(row["evidence"]["kind"], "left_out_by_them");
    let other = data.iter().find(|row| address(&row["account"]) != address(&account.clone().into())).unwrap();
    assert_eq!(other["evidence"]["accounts"], Value::Array(vec![account.into()]), "{other}");

    // Without a key that may read it, there is a sentence and no difference.
    let with = ["--config", binary::text(&one), "--campaign", campaign, "--merkl", &base];
    let refused = binary::run(&[&["compare"], &with[..]].concat()).await;
    super::super::assert_fails("no key", &refused, 1, &["/v4/campaigns?chainId=8453", "status 401"]);
    assert_eq!(server.terminate().await.code, 0);
}
