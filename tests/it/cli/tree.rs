//! `accrual tree`: a tree of our own figures, and the roots of files recomputed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use accrual_recording::NodeOptions;
use accrual_rewards::tree::{Claim, Tree};
use accrual_rewards::unit::Amount;
use accrual_tests::binary::{self, Ended};
use accrual_tests::config;
use accrual_tests::played::play;
use alloy::primitives::{Address, B256, U256};
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;

const CAMPAIGN: &str = "rehearsal-usd-tkn";

async fn check(file: &Path) -> Ended {
    binary::run(&["tree", "check", binary::text(file)]).await
}

fn address(value: &Value) -> Address {
    value.as_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn the_tree_holds_what_the_report_says_and_proves_it() {
    let folder = tempfile::tempdir().unwrap();
    let played = play(NodeOptions::default()).await;
    let path = super::indexed(folder.path(), &played).await;
    let config = binary::text(&path);
    let middle = played.recording.blocks[played.recording.blocks.len() / 2].header.number.to_string();
    let mut roots = Vec::new();
    for at in [None, Some(middle.as_str())] {
        let out = folder.path().join("tree.json");
        let at: Vec<&str> = at.iter().flat_map(|at| ["--at", at]).collect();
        let arguments = ["tree", "--config", config, "--campaign", CAMPAIGN, "--out", binary::text(&out)];
        let made = binary::run(&[&arguments[..], &at].concat()).await;
        assert_eq!(made.code, 0, "{}", made.stderr);
        let report = ["report", "--config", config, "--campaign", CAMPAIGN, "--format", "json"];
        let report: Value =
            serde_json::from_str(&binary::run(&[&report[..], &at].concat()).await.stdout).unwrap();
        let tree: Value = serde_json::from_str(&std::fs::read_to_string(&out).unwrap()).unwrap();
        let root: B256 = tree["root"].as_str().unwrap().parse().unwrap();
        assert!(made.stdout.starts_with(&format!("root {root}\n")), "{}", made.stdout);
        assert_eq!(tree["as_of"]["block_number"], report["as_of"]["block_number"]);
        assert_eq!(tree["campaigns"], json!([CAMPAIGN]));
        let mut claimed = BTreeMap::new();
        for row in tree["claims"].as_array().unwrap() {
            let amount: Amount = row["amount"].as_str().unwrap().parse().unwrap();
            let claim = Claim { account: address(&row["user"]), token: address(&row["token"]), amount };
            let proof: Vec<B256> = serde_json::from_value(row["proof"].clone()).unwrap();
            assert!(claim.is_proved_by(&proof, root), "{row}");
            assert_eq!(row["user"], claim.account.to_checksum(None));
            claimed.insert(row["user"].clone().to_string(), row["amount"].clone());
        }
        let earned = report["data"].as_array().unwrap().iter();
        let earned = earned.map(|row| (row["account"].to_string(), row["earned_units"].clone()));
        assert_eq!(claimed, earned.collect());
        let checked = check(&out).await;
        assert_eq!(checked.code, 0, "{}", checked.stderr);
        assert!(
            checked.stdout.contains(&format!("root {root}\n")) && checked.stdout.contains("the same root")
        );
        roots.push(root);
    }
    assert_ne!(roots[0], roots[1]);
    let left: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().ends_with(".part")), "{left:?}");

    // The recording has no Distributor, and that is said.
    let out = folder.path().join("tree.json");
    let asked = binary::run(&["tree", "check", binary::text(&out), "--config", config]).await;
    assert_eq!(asked.code, 0, "{}", asked.stderr);
    assert!(asked.stdout.contains("live: unknown"), "{}", asked.stdout);
}

#[tokio::test]
async fn what_was_changed_in_a_file_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tree.json");
    let claim = |byte, units: u64| Claim {
        account: Address::repeat_byte(byte),
        token: Address::repeat_byte(7),
        amount: Amount(U256::from(units)),
    };
    let tree = Tree::new([claim(1, 10), claim(2, 20), claim(3, 30)]).unwrap();
    let rows: Vec<Value> = tree
        .proofs()
        .map(|proof| json!({ "user": proof.claim.account, "token": proof.claim.token, "amount": proof.claim.amount, "proof": proof.path }))
        .collect();
    let whole = json!({ "root": tree.root(), "claims": rows });
    let with = |change: &dyn Fn(&mut Value)| {
        let mut changed = whole.clone();
        change(&mut changed);
        changed
    };
    let rows_of_leaves = json!([{ "recipient": Address::repeat_byte(1), "rewardToken": Address::repeat_byte(7), "amount": "10",
        "campaignId": "0x01", "reason": "UniswapV3" }]);
    let one = claim(1, 10).leaf().to_string();
    let root = tree.root().unwrap().to_string();
    let cases = [
        ("as it was made", whole.clone(), 0, "the same root"),
        ("more for one", with(&|file| file["claims"][0]["amount"] = json!("11")), 4, "it states the root"),
        (
            "one left out",
            with(&|file| drop(file["claims"].as_array_mut().unwrap().pop())),
            4,
            "it states the root",
        ),
        ("another root", with(&|file| file["root"] = json!(B256::ZERO)), 4, "it states the root"),
        (
            "another proof",
            with(&|file| file["claims"][1]["proof"][0] = json!(B256::ZERO)),
            4,
            "does not lead to its root",
        ),
        (
            "no proofs",
            with(&|file| {
                file["claims"]
                    .as_array_mut()
                    .unwrap()
                    .iter_mut()
                    .for_each(|row| drop(row.as_object_mut().unwrap().remove("proof")))
            }),
            0,
            root.as_str(),
        ),
        ("no root", with(&|file| file["root"] = Value::Null), 0, "states no root"),
        ("nobody", json!({ "root": null, "claims": [] }), 0, "there is no claim"),
        ("leaves", rows_of_leaves, 0, one.as_str()),
        ("neither", json!({ "root": B256::ZERO }), 1, "neither"),
        (
            "an amount that is none",
            with(&|file| file["claims"][0]["amount"] = json!("1.5")),
            1,
            "smallest units",
        ),
    ];
    for (name, content, code, words) in cases {
        std::fs::write(&file, content.to_string()).unwrap();
        let ended = check(&file).await;
        assert_eq!(ended.code, code, "{name}: {}{}", ended.stdout, ended.stderr);
        assert!((ended.stdout + &ended.stderr).contains(words), "{name}");
    }
    std::fs::write(&file, "{").unwrap();
    super::assert_fails("half a file", &check(&file).await, 1, &["tree.json", "EOF"]);
    super::assert_fails("no file", &check(&folder.path().join("none")).await, 1, &["none", "cannot be read"]);
    let wrong = binary::run(&["tree", "--config", "none.toml"]).await;
    assert_eq!(wrong.code, 2, "{}", wrong.stderr);
    assert!(wrong.stderr.contains("--campaign") && wrong.stderr.contains("--out"), "{}", wrong.stderr);
}

/// Merkl's own files lie beside the project, not in it.
#[tokio::test]
async fn each_published_root_is_recomputed() {
    let Some(folder) = recorded() else {
        eprintln!(
            "skipped: the reward files are not there; they come with the workplace, not with the project"
        );
        return;
    };
    let mut checked = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let stated: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let ended = check(&path).await;
        assert_eq!(ended.code, 0, "{}: {}", path.display(), ended.stderr);
        let root = format!("root {}\n", stated["merklRoot"].as_str().unwrap());
        assert!(ended.stdout.starts_with(&root), "{}", ended.stdout);
        checked += 1;
    }
    assert_eq!(checked, 7);
}

fn recorded() -> Option<PathBuf> {
    let above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().map(|folder| folder.join("shared"));
    let folders = std::env::var_os("ACCRUAL_SHARED").map(PathBuf::from).into_iter().chain(above);
    folders.map(|folder| folder.join("data/merkl_rewards/100")).find(|folder| folder.exists())
}

/// A node of a chain with a Distributor that pays by `root`.
async fn node(root: B256) -> String {
    let answer = move |Json(asked): Json<Value>| async move {
        let one = |asked: &Value| {
            let result = match asked["method"].as_str() {
                Some("eth_chainId") => json!("0x2105"),
                Some("eth_call") => json!(root),
                _ => Value::Null,
            };
            json!({ "jsonrpc": "2.0", "id": asked["id"], "result": result })
        };
        Json(match asked.as_array() {
            Some(all) => all.iter().map(one).collect(),
            None => one(&asked),
        })
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await.unwrap() });
    url
}

#[tokio::test]
async fn a_files_root_is_held_against_the_one_that_the_chain_pays_by() {
    let folder = tempfile::tempdir().unwrap();
    let (account, token) = (Address::repeat_byte(1), Address::repeat_byte(2));
    let claim = Claim { account, token, amount: Amount(U256::from(7)) };
    let root = Tree::new([claim]).unwrap().root().unwrap();
    let row = json!({ "user": account, "token": token, "amount": "7", "proof": [] });
    let file = folder.path().join("tree.json");
    std::fs::write(&file, json!({ "root": root, "claims": [row] }).to_string()).unwrap();
    let other = B256::repeat_byte(9);
    for (live, says) in [(root, "live: yes, "), (other, "live: no, ")] {
        let config = config::head(&super::sqlite_url(folder.path()), 8453, &node(live).await);
        let config = config::write_text(folder.path(), &config);
        let asked =
            binary::run(&["tree", "check", binary::text(&file), "--config", binary::text(&config)]).await;
        assert_eq!(asked.code, 0, "{}", asked.stderr);
        assert!(asked.stdout.contains(says), "{}", asked.stdout);
        assert!(live != other || asked.stdout.contains(&other.to_string()), "{}", asked.stdout);
    }
}
