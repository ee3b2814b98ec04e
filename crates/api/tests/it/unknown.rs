//! A campaign whose figures nobody can know: it says so, and takes nothing else down with it.

use accrual_rewards::campaign::{Campaign, Scoring};
use accrual_rewards::id::CampaignId;
use accrual_rewards::unit::Tick;
use accrual_store::record;
use serde_json::{Value, json};

use crate::history::trade_to;
use crate::rig::{FIRST_BLOCK, Rig, address, campaign, event, pool, time};

const TRADE: u64 = FIRST_BLOCK + 10;

/// Beside the campaign that is known, `byfees`, which is paid by fees of a pool whose fee was never learnt.
pub(crate) async fn rig() -> Rig {
    let rig = Rig::told(|settings| {
        let id: CampaignId = "byfees".parse().unwrap();
        let by_fees = Campaign { id, scoring: Scoring::SwapWeighted, run_seconds: Some(100), ..campaign() };
        settings.campaigns.insert(0, by_fees.checked().unwrap());
    })
    .await;
    rig.fill(3).await;
    rig.extend(Some((FIRST_BLOCK + 1, 0)), TRADE, 0, &[event(TRADE, 0, trade_to(Tick(20)))]).await;
    rig.extend(Some((TRADE, 0)), TRADE + 90, 0, &[]).await;
    record::rewrite(&rig.db, &pool(), rig.api.book().campaigns()).await.unwrap();
    rig.api.book().refresh().await.unwrap();
    rig.set_now(time(TRADE + 90));
    rig
}

async fn told(rig: &Rig, path: &str) -> Value {
    let answer = rig.get(path).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.text);
    answer.json()
}

#[tokio::test]
async fn a_list_says_which_sums_are_unknown_and_serves_the_others() {
    let rig = rig().await;
    let list = told(&rig, "/v1/campaigns").await;
    let (unknown, known) = (&list["data"][0], &list["data"][1]);
    for field in ["emitted_units", "earned_units", "undistributed_units", "undistributed", "accounts_count"] {
        assert!(unknown[field].is_null() && !known[field].is_null(), "{field}: {list}");
    }
    assert_eq!((&unknown["sums_reason"], &known["sums_reason"]), (&json!("fees_unknown"), &Value::Null));
    assert_eq!(unknown["budget_units"], "1000000000");
    // What eligible positions hold rests on no fee, and so does the rate.
    assert_eq!(unknown["tvl_usd"], known["tvl_usd"]);
    assert!(unknown["tvl_usd"].is_string() && unknown["apr"]["reward_percent"].is_string(), "{unknown}");
    let one = told(&rig, "/v1/campaigns/byfees").await;
    assert_eq!((&one["earned_units"], &one["sums_reason"]), (&Value::Null, &json!("fees_unknown")));
    let pool = told(&rig, "/v1/pools/usdc-tmai").await;
    assert!(pool["apr"]["reward_percent"].is_string(), "{pool}");
}

#[tokio::test]
async fn an_account_is_told_what_is_known_of_it() {
    let rig = rig().await;
    let rewards = told(&rig, &format!("/v1/accounts/{:#x}/rewards", address(2))).await;
    let (unknown, known) = (&rewards["data"][0], &rewards["data"][1]);
    assert_eq!(unknown["campaign"], "byfees");
    assert_eq!(unknown["account"], known["account"]);
    assert_eq!((&unknown["earned_units"], &unknown["share_ppm"]), (&Value::Null, &Value::Null));
    assert_eq!((&unknown["reason"], &unknown["positions"]), (&json!("fees_unknown"), &json!([])));
    assert!(known["earned_units"].is_string() && known.get("reason").is_none(), "{known}");
    let held = told(&rig, &format!("/v1/accounts/{:#x}/positions", address(2))).await;
    assert_eq!(held["data"][0]["liquidity"], "2000000000");
}

#[tokio::test]
async fn a_treasury_says_why_what_was_earned_is_unknown() {
    let rig = rig().await;
    let one = told(&rig, "/v1/campaigns/byfees/treasury").await;
    assert_eq!(
        (&one["earned_units"], &one["reasons"]["earned_units"]),
        (&Value::Null, &json!("fees_unknown"))
    );
    let both = told(&rig, &format!("/v1/treasury?token={:#x}", address(0xa1))).await;
    assert!(both["earned_units"].is_null(), "a sum with an unknown part: {both}");
    assert!(both["data"][1]["earned_units"].is_string(), "{both}");
}

#[tokio::test]
async fn calls_that_need_the_figures_say_from_which_block_on_they_are_unknown() {
    let rig = rig().await;
    let account = format!("/v1/accounts/{:#x}/history?campaign=", address(2));
    for path in
        ["/v1/campaigns/{}/accruals".to_owned(), "/v1/campaigns/{}/history".to_owned(), account + "{}"]
    {
        told(&rig, &path.replace("{}", "first")).await;
        let refused = rig.get(&path.replace("{}", "byfees")).await;
        assert_eq!((refused.status.as_u16(), refused.code().as_str()), (409, "figures_unknown"), "{path}");
        assert!(!refused.headers.contains_key("retry-after"), "trying again does not help");
        let detail = refused.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(&format!("block {TRADE}")) && detail.contains("byfees"), "{detail}");
    }
    assert_eq!(rig.get("/problems/figures_unknown").await.status, 200);
    let before = told(&rig, &format!("/v1/campaigns/byfees/accruals?at={}", TRADE - 1)).await;
    assert_eq!(before["meta"]["as_of"]["block_number"], TRADE - 1, "before the trade all is known");
}

/// Wrapped positions are found by who stands behind them: figures to look them up in may be unknown, or not be there yet.
#[tokio::test]
async fn what_a_wrapper_holds_is_found_without_figures() {
    use accrual_rewards::pool::{Wrapper, WrapperKind};
    let (holder, behind) = (address(1), address(9));
    let rig = Rig::told(|settings| {
        let wrapper = Wrapper { kind: WrapperKind::Remap, address: holder, holder, to: Some(behind) };
        settings.pools[0].pool.wrappers = vec![wrapper];
        settings.campaigns[0].scoring = Scoring::SwapWeighted;
        settings.campaigns[0].run_seconds = Some(100);
    })
    .await;
    rig.fill(3).await;
    let check = async |reason: Value| {
        assert_eq!(told(&rig, "/v1/campaigns").await["data"][0]["sums_reason"], reason);
        let held = told(&rig, &format!("/v1/accounts/{behind:#x}/positions")).await;
        assert_eq!(held["data"][0]["liquidity"], "1000000000", "{held}");
        assert_eq!(held["data"][0]["via"], json!([holder.to_checksum(None)]));
    };
    check(Value::Null).await;
    rig.extend(Some((FIRST_BLOCK + 1, 0)), TRADE, 0, &[event(TRADE, 0, trade_to(Tick(20)))]).await;
    rig.extend(Some((TRADE, 0)), TRADE + 90, 0, &[]).await;
    rig.api.book().refresh().await.unwrap();
    check(json!("fees_unknown")).await;
    let others = told(&rig, &format!("/v1/accounts/{:#x}/positions", address(8))).await;
    assert_eq!(others["data"], json!([]));
}
