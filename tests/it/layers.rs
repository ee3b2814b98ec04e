//! Who may import whom. `style.md` draws the arrows; this fails when another one appears.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// Each crate with those of ours that it may use.
const ARROWS: [(&str, &[&str]); 12] = [
    ("accrual-rewards", &[]),
    ("accrual-access", &["accrual-rewards"]),
    ("accrual-client", &[]),
    ("accrual-recording", &[]),
    ("accrual-store", &["accrual-access", "accrual-rewards"]),
    ("accrual-indexer", &["accrual-rewards", "accrual-store"]),
    ("accrual-merkl", &["accrual-rewards"]),
    ("accrual-api", &["accrual-access", "accrual-rewards", "accrual-store"]),
    (
        "accrual",
        &[
            "accrual-access",
            "accrual-api",
            "accrual-client",
            "accrual-indexer",
            "accrual-merkl",
            "accrual-recording",
            "accrual-rewards",
            "accrual-store",
        ],
    ),
    ("accrual-rehearsal", &["accrual-recording", "accrual-rewards"]),
    ("accrual-simulation", &["accrual-indexer", "accrual-rewards", "accrual-store"]),
    ("xtask", &[]),
];

/// What the core must not know of, at any depth.
const NOT_IN_REWARDS: [&str; 9] =
    ["tokio", "sqlx", "sqlx-core", "axum", "hyper", "reqwest", "alloy", "alloy-provider", "alloy-rpc-client"];

/// The target that this was built on, e.g. `x86_64-unknown-linux-gnu`: packages for others were never fetched.
fn host() -> String {
    let output = Command::new("rustc").arg("-vV").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().find_map(|line| line.strip_prefix("host: ")).unwrap().to_owned()
}

pub(crate) fn metadata() -> Value {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml");
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--offline", "--manifest-path", manifest])
        .args(["--filter-platform", &host()])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Each package id with its name and the ids that it needs outside tests.
fn graph(metadata: &Value) -> BTreeMap<String, (String, Vec<String>)> {
    let names: BTreeMap<&str, &str> = metadata["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|package| (package["id"].as_str().unwrap(), package["name"].as_str().unwrap()))
        .collect();
    let normal = |dependency: &&Value| {
        dependency["dep_kinds"].as_array().unwrap().iter().any(|kind| kind["kind"].is_null())
    };
    metadata["resolve"]["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|node| {
            let id = node["id"].as_str().unwrap();
            let needs = node["deps"].as_array().unwrap().iter().filter(normal);
            let needs = needs.map(|dependency| dependency["pkg"].as_str().unwrap().to_owned()).collect();
            (id.to_owned(), (names[id].to_owned(), needs))
        })
        .collect()
}

#[test]
fn no_arrow_but_those_on_the_map() {
    let graph = graph(&metadata());
    let ours: BTreeSet<&str> = ARROWS.iter().map(|(name, _)| *name).collect();
    for (name, allowed) in ARROWS {
        let (_, needs) = graph.values().find(|(found, _)| found == name).unwrap_or_else(|| panic!("{name}"));
        for need in needs.iter().map(|id| graph[id].0.as_str()).filter(|need| ours.contains(need)) {
            assert!(allowed.contains(&need), "{name} must not import {need}");
        }
    }
}

#[test]
fn the_core_knows_no_io() {
    let graph = graph(&metadata());
    let start = graph.iter().find(|(_, (name, _))| name == "accrual-rewards").unwrap().0;
    let mut seen = BTreeSet::from([start.as_str()]);
    let mut rest = vec![start.as_str()];
    while let Some(id) = rest.pop() {
        let (name, needs) = &graph[id];
        assert!(!NOT_IN_REWARDS.contains(&name.as_str()), "accrual-rewards needs {name}");
        rest.extend(needs.iter().map(String::as_str).filter(|need| seen.insert(need)));
    }
    assert!(seen.len() > 5, "the walk went somewhere");
}
