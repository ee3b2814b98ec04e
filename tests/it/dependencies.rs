//! Every dependency has a licence that `deny.toml` allows, comes from the one registry, and is not one of those that we do
//! without. Read from `cargo metadata`, so that it needs no network; advisories do, and are not looked at here.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;
use toml_edit::DocumentMut;

use crate::layers::metadata;

fn rules() -> DocumentMut {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("deny.toml");
    std::fs::read_to_string(path).unwrap().parse().unwrap()
}

/// The packages of others: name, version and the whole entry.
fn others(metadata: &Value) -> Vec<(String, &Value)> {
    let packages = metadata["packages"].as_array().unwrap();
    let others: Vec<(String, &Value)> = packages
        .iter()
        .filter(|package| !package["source"].is_null())
        .map(|package| (format!("{} {}", package["name"], package["version"]), package))
        .collect();
    assert!(others.len() > 100, "{} packages of others", others.len());
    others
}

#[test]
fn every_licence_is_allowed() {
    let (metadata, rules) = (metadata(), rules());
    let allowed = rules["licenses"]["allow"].as_array().unwrap().iter();
    let allowed: BTreeSet<&str> = allowed.map(|name| name.as_str().unwrap()).collect();
    let mut used = BTreeSet::new();
    for (name, package) in others(&metadata) {
        let licence = package["license"].as_str().unwrap_or_default();
        assert!(
            is_allowed(licence, &allowed, &mut used),
            "{name} is under {licence:?}, which deny.toml does not allow"
        );
    }
    let unused: Vec<_> = allowed.difference(&used).collect();
    assert!(unused.is_empty(), "deny.toml allows {unused:?}, which nothing needs");
}

#[test]
fn everything_comes_from_one_registry() {
    let metadata = metadata();
    let sources: BTreeSet<&str> =
        others(&metadata).iter().map(|(_, package)| package["source"].as_str().unwrap()).collect();
    assert_eq!(sources.len(), 1, "{sources:?}");
    assert!(sources.iter().all(|source| source.starts_with("registry+")), "{sources:?}");
    let rules = rules();
    for kind in ["unknown-registry", "unknown-git"] {
        assert_eq!(rules["sources"][kind].as_str(), Some("deny"), "{kind}");
    }
}

#[test]
fn nothing_that_is_banned_is_there() {
    let (metadata, rules) = (metadata(), rules());
    let banned = rules["bans"]["deny"].as_array().unwrap().iter();
    let banned: Vec<&str> =
        banned.map(|rule| rule.as_inline_table().unwrap()["crate"].as_str().unwrap()).collect();
    assert!(!banned.is_empty());
    for (name, package) in others(&metadata) {
        assert!(!banned.contains(&package["name"].as_str().unwrap()), "{name} is banned by deny.toml");
    }
}

/// Whether one may live by `licence`, an SPDX expression (or the older `A/B` for `A OR B`): of an OR one side, of an AND
/// both. Notes which names it went by.
fn is_allowed<'a>(licence: &'a str, allowed: &BTreeSet<&'a str>, used: &mut BTreeSet<&'a str>) -> bool {
    let licence = licence.trim();
    // OR binds least, so it is taken apart first.
    if let Some((left, right)) = split(licence, " OR ").or_else(|| split(licence, "/")) {
        return is_allowed(left, allowed, used) | is_allowed(right, allowed, used);
    }
    if let Some((left, right)) = split(licence, " AND ") {
        return is_allowed(left, allowed, used) & is_allowed(right, allowed, used);
    }
    if let Some(inner) = licence.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) {
        return is_allowed(inner, allowed, used);
    }
    let found = allowed.get(licence);
    used.extend(found);
    found.is_some()
}

/// What stands left and right of the first `word` that is in no brackets.
fn split<'a>(text: &'a str, word: &str) -> Option<(&'a str, &'a str)> {
    let outside = |at: &usize| text[..*at].matches('(').count() == text[..*at].matches(')').count();
    let at = text.match_indices(word).map(|(at, _)| at).find(outside)?;
    Some((&text[..at], &text[at + word.len()..]))
}

#[test]
fn expressions_are_read_as_spdx_means_them() {
    let allowed = BTreeSet::from(["MIT", "ISC", "Apache-2.0 WITH LLVM-exception"]);
    let cases = [
        ("MIT", true),
        ("GPL-3.0", false),
        ("", false),
        ("GPL-3.0 OR MIT", true),
        ("GPL-3.0/MIT", true),
        ("GPL-3.0 AND MIT", false),
        ("MIT AND (GPL-3.0 OR ISC)", true),
        ("(GPL-3.0 OR MIT) AND ISC", true),
        ("(GPL-3.0 OR BSD) AND ISC", false),
        ("MIT OR GPL-3.0 AND BSD", true),
        ("GPL-3.0 OR MIT AND BSD", false),
        ("Apache-2.0 WITH LLVM-exception", true),
        ("Apache-2.0", false),
    ];
    for (licence, expected) in cases {
        assert_eq!(is_allowed(licence, &allowed, &mut BTreeSet::new()), expected, "{licence}");
    }
}
