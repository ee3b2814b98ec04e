//! Reward trees: against vectors that were worked out elsewhere, the roots that Merkl published, and a plain reference.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use accrual_rewards::tree::{Claim, Tree, TreeError};
use accrual_rewards::unit::Amount;
use alloy_primitives::{Address, B256, U256, b256, keccak256};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use serde_json::Value;

fn claim(account: u8, token: u8, units: U256) -> Claim {
    Claim {
        account: Address::repeat_byte(account),
        token: Address::repeat_byte(token),
        amount: Amount(units),
    }
}

fn small(account: u8, token: u8, units: u64) -> Claim {
    claim(account, token, U256::from(units))
}

/// Worked out by hand, with an implementation of the hash of their own (0xee.. is the token, 0xdd.. another).
#[test]
fn vectors_from_elsewhere() {
    let claims = [
        small(1, 0xee, 10),
        small(2, 0xee, 7),
        claim(3, 0xee, U256::from(1) << 255),
        small(4, 0xee, 1),
        small(1, 0xdd, 5),
    ];
    let roots = [
        b256!("5084fbf040ad4cd7962d724da4825a6b1aaef4a48313c8af5fdf89af69bfe41a"),
        b256!("26fa68be18c32c266b4c2e42b7dc4dc291fd1097e6ee1627acecf4a6900af627"),
        b256!("7b24064f861e2415a62a335c7e5105bc00f1b6614edfe38ddc8784ecc8ed049f"),
        b256!("afe408ce085f82ff81958a9732eef09be5bb52adb59e2ca03a636c84077aab84"),
        b256!("d546581076f5dba9615817624c614e90ce7f3b324b4bd5084ffd13c2e46d65b6"),
    ];
    for (count, root) in (1..).zip(roots) {
        assert_eq!(Tree::new(claims[..count].to_vec()).unwrap().root(), Some(root), "{count} claims");
    }
    assert_eq!(claims[0].leaf(), roots[0], "one leaf is the root");
    let tree = Tree::new(claims).unwrap();
    // The last of five leaves has no neighbour until it meets the four others.
    let path_lengths: Vec<usize> = tree.proofs().map(|proof| proof.path.len()).collect();
    assert_eq!(path_lengths, [3, 3, 3, 3, 1]);
}

#[test]
fn what_is_in_a_tree() {
    let none = Tree::new([]).unwrap();
    assert_eq!((none.root(), none.claims()), (None, &[][..]));
    assert_eq!(Tree::new([small(1, 9, 0)]).unwrap(), none, "a claim of nothing is none");
    let parts = Tree::new([small(1, 9, 3), small(2, 9, 1), small(1, 9, 4), small(2, 9, 0)]).unwrap();
    assert_eq!(parts, Tree::new([small(2, 9, 1), small(1, 9, 7)]).unwrap(), "one leaf an account and token");
    assert_eq!(parts.proof(Address::repeat_byte(1), Address::repeat_byte(8)), None);
    assert_eq!(parts.totals(), BTreeMap::from([(Address::repeat_byte(9), Some(Amount(U256::from(8))))]));
    let error = Tree::new([claim(1, 9, U256::MAX), small(1, 9, 1)]).unwrap_err();
    assert!(matches!(error, TreeError::Overflow { .. }) && error.to_string().contains("256 bits"), "{error}");
    let large = Tree::new([claim(1, 9, U256::MAX), small(2, 9, 1)]).unwrap();
    assert_eq!(large.totals(), BTreeMap::from([(Address::repeat_byte(9), None)]), "no tree forbids that");
}

/// Any claims, some of them on the same account and token, some of nothing.
fn claims() -> impl Strategy<Value = Vec<Claim>> {
    let one = (0_u8..12, 0_u8..3, prop_oneof![0_u64..3, any::<u64>()]);
    prop::collection::vec(one, 0..60).prop_map(|rows| {
        rows.into_iter().map(|(account, token, units)| small(account, token, units)).collect()
    })
}

/// The definition, word for word, and slowly.
fn reference(claims: &[Claim]) -> Option<B256> {
    let mut sums: BTreeMap<(Address, Address), U256> = BTreeMap::new();
    for claim in claims {
        *sums.entry((claim.account, claim.token)).or_default() += claim.amount.0;
    }
    let word = |bytes: &[u8]| [vec![0; 32 - bytes.len()], bytes.to_vec()].concat();
    let mut level: Vec<B256> = sums
        .into_iter()
        .filter(|(_, sum)| !sum.is_zero())
        .map(|((account, token), sum)| {
            let amount: [u8; 32] = sum.to_be_bytes();
            keccak256([word(account.as_slice()), word(token.as_slice()), amount.to_vec()].concat())
        })
        .collect();
    level.sort();
    while level.len() > 1 {
        let two = |pair: &[B256]| {
            let mut pair = pair.to_vec();
            pair.sort();
            if pair.len() == 1 { pair[0] } else { keccak256(pair.concat()) }
        };
        level = level.chunks(2).map(two).collect();
    }
    level.first().copied()
}

#[test]
fn every_claim_is_proved_and_no_other() {
    check(2000, claims(), |claims| {
        let tree = Tree::new(claims.clone()).unwrap();
        assert_eq!(tree.root(), reference(&claims));
        let mut reversed = claims;
        reversed.reverse();
        assert_eq!(Tree::new(reversed).unwrap(), tree, "the order of claims changes nothing");
        for proof in tree.proofs() {
            let (root, claim) = (tree.root().unwrap(), proof.claim);
            assert_eq!(tree.proof(claim.account, claim.token).as_ref(), Some(&proof));
            assert_eq!(proof.leaf, claim.leaf());
            assert!(claim.is_proved_by(&proof.path, root));
            let more = Claim { amount: Amount(claim.amount.0 + U256::from(1)), ..claim };
            let swapped = Claim { account: claim.token, token: claim.account, ..claim };
            for wrong in [more, swapped] {
                assert!(!wrong.is_proved_by(&proof.path, root) || wrong == claim, "{wrong:?}");
            }
            assert!(!claim.is_proved_by(&proof.path, !root));
            for place in 0..proof.path.len() {
                let mut path = proof.path.clone();
                path[place] = !path[place];
                assert!(!claim.is_proved_by(&path, root), "a changed proof");
                path.remove(place);
                assert!(!claim.is_proved_by(&path, root), "a shortened proof");
            }
        }
    });
}

/// Merkl's own files (see `SOURCES.md` there) lie beside the project, not in it.
#[test]
fn every_recorded_root_is_reproduced() {
    let Some(folder) = recorded() else {
        eprintln!(
            "skipped: the reward files are not there; they come with the workplace, not with the project"
        );
        return;
    };
    let mut reproduced = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let Ok(file) = serde_json::from_str::<Value>(&std::fs::read_to_string(&path).unwrap()) else {
            continue;
        };
        let tree = Tree::new(recorded_claims(&file)).unwrap();
        assert_eq!(tree.root(), Some(text(&file["merklRoot"]).parse().unwrap()), "{}", path.display());
        assert!(tree.proofs().all(|proof| proof.claim.is_proved_by(&proof.path, tree.root().unwrap())));
        reproduced += 1;
    }
    assert_eq!(reproduced, 7);
}

fn recorded() -> Option<PathBuf> {
    let above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().map(|folder| folder.join("shared"));
    let folders = std::env::var_os("ACCRUAL_SHARED").map(PathBuf::from).into_iter().chain(above);
    folders.map(|folder| folder.join("data/merkl_rewards/100")).find(|folder| folder.exists())
}

fn recorded_claims(file: &Value) -> Vec<Claim> {
    let rewards = file["rewards"].as_object().unwrap().values();
    let of_campaign = |reward: &Value| {
        let token = text(&reward["token"]).parse().unwrap();
        let holders = reward["holders"].as_object().unwrap().clone();
        holders.into_iter().map(move |(account, held)| Claim {
            account: account.parse().unwrap(),
            token,
            amount: text(&held["amount"]).parse().unwrap(),
        })
    };
    rewards.flat_map(of_campaign).collect()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn check<S: Strategy>(cases: u32, strategy: S, property: impl Fn(S::Value)) {
    let mut config = Config { failure_persistence: None, ..Config::with_cases(cases) };
    if matches!(config.rng_seed, RngSeed::Random) {
        config.rng_seed = RngSeed::Fixed(0x000a_cc2a_a107);
    }
    let outcome = TestRunner::new(config).run(&strategy, |value| {
        property(value);
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}
