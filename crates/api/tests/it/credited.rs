//! What Merkl credited, as far as a comparison kept it: in Merkl's own shapes, beside ours and never mixed with it.

use accrual_rewards::campaign::Scoring;
use accrual_rewards::reconcile::{AccountRow, Comparison, Fit, Money, Teller, TheirAccount, difference};
use accrual_rewards::unit::{Amount, UnixSeconds};
use accrual_store::comparisons::{self, Kept};
use alloy_primitives::U256;
use serde_json::{Value, json};

use crate::rig::{CHAIN, FIRST_BLOCK, Rig, START, address, time};

const MERKL_ID: &str = "0xabababababababababababababababababababababababababababababababab";

fn units(units: u64) -> Amount {
    Amount(U256::from(units))
}

async fn rig() -> Rig {
    let rig = Rig::told(|settings| {
        settings.campaigns[0].merkl_campaign_id = Some(MERKL_ID.parse().unwrap());
    })
    .await;
    rig.fill(3).await;
    rig
}

/// A comparison in which one account was credited 70 in the root, 5 of it drawn, and 7 since.
fn kept(name: &str, told_by: Option<Teller>, computed_until: u64) -> Kept {
    let theirs = TheirAccount {
        amount: units(70),
        claimed: Some(units(5)),
        pending: units(7),
        computed: units(77),
        reasons: ["UniswapV3".to_owned()].into(),
    };
    let row = AccountRow {
        account: address(1),
        ours: vec![(Scoring::PerBlock, units(80))],
        theirs: Some(theirs),
        difference: difference(units(77), units(80)),
        difference_ppm: Some(37_500),
        best_scoring: Scoring::PerBlock,
        reason: None,
        evidence: None,
        runs: Vec::new(),
    };
    let fit =
        Fit { scoring: Scoring::PerBlock, equal_count: 0, difference: units(3), difference_ppm: 37_500 };
    let money = Money {
        budget: units(1_000_000_000),
        expected: units(100),
        paid: units(77),
        remainder: units(23),
        ours: units(80),
        catch_up_ppm: None,
    };
    Kept {
        comparison_id: name.to_owned(),
        campaign: "first".parse().unwrap(),
        reading_id: None,
        source: "https://api.example".to_owned(),
        told_by,
        at: UnixSeconds(START + 50),
        comparison: Comparison {
            computed_until: UnixSeconds(computed_until),
            scoring: Scoring::PerBlock,
            fits: vec![fit],
            money,
            runs: Vec::new(),
            gaps: Vec::new(),
            alarms: Vec::new(),
            checks: Default::default(),
            tolerance_ppm: 1_000,
            is_beyond: true,
            rows: vec![row],
        },
    }
}

async fn row_of(rig: &Rig, account: alloy_primitives::Address) -> Value {
    let rows = rig.get(&format!("/v4/rewards?chainId={CHAIN}&campaignId={MERKL_ID}")).await.json();
    let rows = rows.as_array().unwrap().clone();
    rows.into_iter().find(|row| row["recipient"] == account.to_checksum(None)).unwrap()
}

#[tokio::test]
async fn what_merkl_credited_stands_beside_ours_and_is_null_where_unknown() {
    let rig = rig().await;
    let ours = row_of(&rig, address(1)).await["accrual"]["earned_units"].clone();
    // Another accrual's count and an unknown teller's word are no credit of Merkl's.
    for (name, told_by) in [("other", Some(Teller::Accrual)), ("unsaid", None)] {
        comparisons::keep(&rig.db, &kept(name, told_by, START + 40)).await.unwrap();
    }
    let row = row_of(&rig, address(1)).await;
    assert_eq!((&row["amount"], &row["accrual"]["merkl_reason"]), (&Value::Null, &json!("merkl_not_stored")));
    let campaign = rig.get("/v4/campaigns/first").await.json();
    assert_eq!(campaign["campaignStatus"]["computedUntil"], Value::Null);

    comparisons::keep(&rig.db, &kept("theirs", Some(Teller::Merkl), START + 30)).await.unwrap();
    // A new block, so that no answer of before is given.
    rig.extend(Some((FIRST_BLOCK + 1, 0)), FIRST_BLOCK + 2, 0, &[]).await;
    rig.api.book().refresh().await.unwrap();
    let row = row_of(&rig, address(1)).await;
    assert_eq!((&row["amount"], &row["claimed"], &row["pending"]), (&json!("70"), &json!("5"), &json!("7")));
    assert_eq!(row["accrual"].get("merkl_reason"), None);
    assert_ne!(row["accrual"]["earned_units"], json!("77"));
    assert!(ours.is_string());
    let unnamed = row_of(&rig, address(2)).await;
    assert_eq!((&unnamed["amount"], &unnamed["pending"]), (&json!("0"), &json!("0")), "they did not name it");

    let user = rig.get(&format!("/v4/users/{}/rewards?chainId={CHAIN}", address(1))).await.json();
    let reward = &user[0]["rewards"][0];
    assert_eq!(reward["amount"], Value::Null, "of the token in all nothing is known");
    assert_eq!(reward["breakdowns"][0]["amount"], "70");
    let total = rig.get(&format!("/v4/rewards/total?chainId={CHAIN}&campaignId=first")).await.json();
    assert_eq!(total["amount"], "77", "roots and pending together");
    let campaign = rig.get("/v4/campaigns/first").await.json();
    assert_eq!(campaign["campaignStatus"]["computedUntil"], START + 30);
    assert_eq!(
        campaign["accrual"]["as_of"]["timestamp"],
        time(FIRST_BLOCK + 2),
        "ours is as of its own block"
    );
}

#[tokio::test]
async fn what_was_announced_stands_beside_what_is() {
    let rig = Rig::told(|settings| {
        let announced = accrual_rewards::announced::Announced {
            budget: Some(units(2_000_000_000)),
            budget_usd: Some("11000".parse().unwrap()),
            apr_percent: Some("150".parse().unwrap()),
            tvl_usd: Some("86400".parse().unwrap()),
            price_usd: None,
            source: Some("https://example.org/announcement".to_owned()),
        };
        settings.announced.campaigns.insert("first".parse().unwrap(), announced);
    })
    .await;
    rig.fill(2).await;
    let one = rig.get("/v1/campaigns/first").await.json();
    let announced = &one["announced"];
    assert_eq!(announced["budget_units"], "2000000000");
    assert_eq!(announced["apr_percent"], "150");
    assert_eq!(announced["budget_differs"], true, "1,000,000,000 are handed out: {announced}");
    assert_eq!((&announced["price_usd"], &announced["together"]), (&Value::Null, &Value::Null));
    assert!(announced["implied_apr_percent"].is_string(), "{announced}");
    assert_eq!(one["budget_units"], "1000000000", "the real one stays as it is");
    let listed = rig.get("/v1/campaigns").await.json();
    assert_eq!(&listed["data"][0]["announced"], announced);

    let unsaid = Rig::new(1).await.get("/v1/campaigns/first").await.json();
    assert_eq!(unsaid.get("announced"), Some(&Value::Null), "there, and nothing");
}
