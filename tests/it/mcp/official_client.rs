//! The official TypeScript client, as its users configure it: with the revision it prefers, and with the one that it takes
//! unless told otherwise.

use std::time::Duration;

use accrual_tests::js;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::Demo;

const PATIENCE: Duration = Duration::from_secs(120);

#[tokio::test]
async fn the_official_client_lists_and_calls_in_both_modes() {
    let demo = Demo::start().await;
    let js = js::ensure();
    for (mode, version) in [("auto", "2026-07-28"), ("default", "2025-11-25")] {
        let mut command = js.script("mcp-client.mjs");
        command.arg(format!("{}/mcp", demo.url)).arg(mode).env("ACCRUAL_KEY", &demo.key);
        let output = timeout(PATIENCE, command.output()).await.expect("it ends in time").unwrap();
        assert!(output.status.success(), "{mode}: {}", String::from_utf8_lossy(&output.stderr));
        let told: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(told["version"], version, "{mode}");
        assert_eq!(told["server"]["name"], "accrual");
        assert_eq!(told["tools"].as_array().unwrap().len(), 10);
        assert_eq!(told["answers"].as_object().unwrap().len(), 10, "each tool was called");
        assert_eq!(
            told["templates"],
            json!(["accrual://campaign/{id}", "accrual://pool/{chain_id}/{address}"])
        );
        assert_eq!(told["prompts"], json!(["campaign_brief", "wallet_week"]));
        assert!(told["wrong"].as_str().unwrap().ends_with("(not_found)"), "{}", told["wrong"]);
        assert!(told["glossary"].as_u64().unwrap() > 1_000);
        // The demo's chain stands still by now, so REST tells the same block.
        let campaigns = demo.rest("/v1/campaigns").await;
        let listed = &told["answers"]["list_campaigns"]["data"][0];
        for field in ["id", "pool", "status", "budget_units", "earned_units", "tvl_usd"] {
            assert_eq!(listed[field], campaigns["data"][0][field], "{mode}: {field}");
        }
        let id = listed["id"].as_str().unwrap();
        let accruals = demo.rest(&format!("/v1/campaigns/{id}/accruals?limit=10")).await;
        let earners = told["answers"]["get_campaign"]["data"]["earners"].as_array().unwrap();
        assert_eq!(earners.len(), 10);
        for (index, earner) in earners.iter().enumerate() {
            for field in ["account", "earned_units", "share_ppm"] {
                assert_eq!(earner[field], accruals["data"][index][field], "{mode}: {field} of {index}");
            }
        }
    }
    demo.stop().await;
}
