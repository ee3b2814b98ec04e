//! What proves an account's claim, held against the accruals and the tree's own check.

use accrual_api::scope::Scope;
use accrual_rewards::tree::Claim;
use accrual_rewards::unit::Amount;
use alloy_primitives::{Address, B256};
use serde_json::{Value, json};

use crate::rig::{CHAIN, FIRST_BLOCK, Rig, address, hash};

fn path_of(account: Address) -> String {
    format!("/v1/campaigns/first/proofs/{account:#x}")
}

/// The claim that an answer tells of, and whether its proof leads from its leaf to its root.
fn claim(answer: &Value) -> (Claim, B256) {
    let account = answer["account"].as_str().unwrap().parse().unwrap();
    let token = answer["token"].as_str().unwrap().parse().unwrap();
    let amount: Amount = answer["amount_units"].as_str().unwrap().parse().unwrap();
    let claim = Claim { account, token, amount };
    let proof: Vec<B256> = serde_json::from_value(answer["proof"].clone()).unwrap();
    let root: B256 = answer["root"].as_str().unwrap().parse().unwrap();
    assert_eq!(answer["leaf"], json!(claim.leaf()));
    assert!(claim.is_proved_by(&proof, root), "{answer}");
    (claim, root)
}

#[tokio::test]
async fn each_earner_has_a_proof_of_what_the_accruals_say() {
    let rig = Rig::new(5).await;
    let accruals = rig.get("/v1/campaigns/first/accruals").await.json();
    let rows = accruals["data"].as_array().unwrap();
    assert_eq!(rows.len(), 5);
    let mut roots = std::collections::BTreeSet::new();
    for row in rows {
        let account: Address = row["account"].as_str().unwrap().parse().unwrap();
        let answer = rig.get(&path_of(account)).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let answer = answer.json();
        let (claim, root) = claim(&answer);
        assert_eq!((claim.account, claim.token), (account, address(0xa1)));
        assert_eq!(json!(claim.amount), row["earned_units"]);
        assert_eq!(answer["account"], row["account"], "addresses go out in EIP-55");
        assert_eq!(answer["campaign"], "first");
        assert_eq!(answer["meta"]["as_of"], accruals["meta"]["as_of"]);
        roots.insert(root);
    }
    assert_eq!(roots.len(), 1, "one tree a block");
}

#[tokio::test]
async fn a_tree_belongs_to_its_block() {
    let rig = Rig::new(3).await;
    let newest = rig.get(&path_of(address(2))).await.json();
    rig.extend(Some((FIRST_BLOCK + 1, 0)), FIRST_BLOCK + 2, 0, &[]).await;
    rig.api.book().refresh().await.unwrap();
    let later = rig.get(&path_of(address(2))).await.json();
    assert!(claim(&later).0.amount > claim(&newest).0.amount && later["root"] != newest["root"]);
    let at = rig.get(&format!("{}?at={}", path_of(address(2)), FIRST_BLOCK + 1)).await.json();
    assert_eq!(at["root"], newest["root"]);
    assert_eq!(at["proof"], newest["proof"]);
    let as_of = json!({ "chain_id": CHAIN, "block_number": FIRST_BLOCK + 1, "block_hash": hash(FIRST_BLOCK + 1, 0),
        "at": at["meta"]["as_of"]["at"] });
    assert_eq!(at["meta"]["as_of"], as_of);
}

#[tokio::test]
async fn a_refusal_says_why() {
    let rig = Rig::new(2).await;
    let known = path_of(address(2));
    let cases = [
        (path_of(address(9)), 404, "not_found", "has earned nothing in campaign first up to block 101"),
        (format!("{known}?at={FIRST_BLOCK}"), 404, "not_found", "nothing to prove"),
        (format!("{known}?at=90"), 404, "not_found", "is not stored"),
        (format!("{known}?at=soon"), 400, "bad_parameter", "block number"),
        (format!("{known}?limit=3"), 400, "bad_parameter", "limit is not known here"),
        ("/v1/campaigns/first/proofs/ann".to_owned(), 400, "bad_address", "is not an address"),
        (known.replace("first", "second"), 404, "not_found", "no campaign \\\"second\\\""),
    ];
    for (path, status, code, words) in cases {
        let answer = rig.get(&path).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (status, code),
            "{path}: {}",
            answer.text
        );
        assert!(answer.text.contains(words), "{path}: no {words} in {}", answer.text);
    }
    let other = rig.new_key(&[Scope::Webhooks]).await;
    assert_eq!(rig.get_with(&known, &[("x-api-key", &other)]).await.code(), "scope_missing");
    let empty = Rig::empty(None).await;
    assert_eq!(empty.get(&known).await.code(), "behind_chain");
}
