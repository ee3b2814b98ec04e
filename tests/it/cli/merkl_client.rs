//! Merkl's own published client, pointed at us: the demo's figures, to the unit.

use accrual_tests::binary::{self, command};
use accrual_tests::js;
use serde_json::{Value, json};

use super::demo::{get, ready};

const CAMPAIGN: &str = "rehearsal-usd-tkn";

#[tokio::test]
async fn merkls_published_client_gets_the_demos_figures() {
    let js = js::ensure();
    let folder = tempfile::tempdir().unwrap();
    let db = super::sqlite_url(folder.path());
    let mut demo = binary::start(command(&["demo", "--listen", "127.0.0.1:0", "--db", &db]));
    let line = demo.line_with("key            ").await;
    let key = line.split_whitespace().nth(1).unwrap().to_owned();
    let line = demo.line_with("page           ").await;
    let base = line.split_whitespace().nth(1).unwrap().split_once("/#").unwrap().0.to_owned();
    ready(&format!("{base}/health/ready")).await;
    let rest = async |path: &str| -> Value {
        let (status, text) = get(&format!("{base}{path}"), Some(&key)).await;
        assert_eq!(status, 200, "{path}: {text}");
        serde_json::from_str(&text).unwrap()
    };

    let ours = rest(&format!("/v1/campaigns/{CAMPAIGN}/accruals?limit=500")).await;
    let ours = ours["data"].as_array().unwrap();
    let account = ours[0]["account"].as_str().unwrap();
    let chain_id = rest("/v1/pools").await["data"][0]["chain_id"].to_string();
    let ended =
        js.script("merkl.mjs").args([&base, &key, &chain_id, CAMPAIGN, account]).output().await.unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    let told: Value = serde_json::from_slice(&ended.stdout).unwrap();

    for (name, answer) in told.as_object().unwrap().iter().filter(|(name, _)| *name != "leaderboard") {
        let status = match name.as_str() {
            "refused" => 422,
            "missing" => 404,
            "keyless" => 401,
            _ => 200,
        };
        assert_eq!(answer["status"], status, "{name}: {answer}");
        assert_eq!(
            (&answer["dates"], &answer["parsed"]),
            (&json!([]), &json!(true)),
            "{name}: read as JSON, no dates"
        );
    }
    assert_eq!(told["refused"]["error"]["property"], "/campaignId");
    assert_eq!(told["missing"]["error"]["code"], "not_found");
    assert_eq!(told["keyless"]["error"]["code"], "key_missing");

    // Who earned what: every account, page by page, in our order.
    let board = told["leaderboard"].as_array().unwrap();
    let rows = |rows: &[Value], name: &str, earned: &str| -> Vec<(Value, Value)> {
        rows.iter().map(|row| (row[name].clone(), row.pointer(earned).unwrap().clone())).collect()
    };
    assert!(board.len() > 10, "{}", board.len());
    assert_eq!(rows(board, "recipient", "/accrual/earned_units"), rows(ours, "account", "/earned_units"));
    assert!(
        board.iter().all(|row| row["amount"].is_null() && row["claimed"].is_null()),
        "none of that is Merkl's"
    );
    assert_eq!(told["count"]["data"]["count"], board.len());
    let campaign = rest(&format!("/v1/campaigns/{CAMPAIGN}")).await;
    for sum in ["earned_units", "emitted_units", "undistributed_units"] {
        assert_eq!(told["total"]["data"]["accrual"][sum], campaign[sum], "{sum}");
    }

    // One account, campaign by campaign.
    let mine = rest(&format!("/v1/accounts/{account}/rewards")).await;
    let mine = rows(mine["data"].as_array().unwrap(), "campaign", "/earned_units");
    for of in ["user", "breakdowns"] {
        let reward = &told[of]["data"][0]["rewards"][0];
        let parts = reward["breakdowns"].as_array().unwrap();
        assert_eq!(rows(parts, "campaignId", "/accrual/earned_units"), mine, "{of}");
        let sum: u128 = mine.iter().map(|(_, units)| units.as_str().unwrap().parse::<u128>().unwrap()).sum();
        assert_eq!(reward["accrual"]["earned_units"], sum.to_string(), "{of}");
        assert_eq!((&reward["token"]["symbol"], &reward["amount"]), (&json!("rTMAI"), &Value::Null), "{of}");
    }

    // What is promised, and what it yielded hour by hour.
    let theirs = &told["campaign"]["data"];
    assert_eq!(theirs["amount"], campaign["budget_units"]);
    assert_eq!(
        (&theirs["startTimestamp"], &theirs["endTimestamp"]),
        (&json!(1_749_142_800), &json!(1_750_352_400))
    );
    assert_eq!(told["campaigns"]["data"].as_array().unwrap().len(), 6);
    assert_eq!(told["campaignCount"]["data"], 6);
    assert_eq!(told["opportunities"]["data"].as_array().unwrap().len(), 3);
    let pool = rest("/v1/pools/rusd-rtkn").await;
    assert_eq!(told["opportunity"]["data"]["tvl"].to_string(), plain(&pool["tvl_usd"]));
    let hours = rest(&format!("/v1/campaigns/{CAMPAIGN}/history?interval=1h&limit=500")).await;
    let complete = hours["data"].as_array().unwrap().iter().rev().filter(|hour| hour["complete"] == true);
    let newest = complete.clone().next().unwrap();
    // Hours of which the value is not known are left out.
    let hours: Vec<&Value> = complete.filter(|hour| !hour["tvl_usd"].is_null()).collect();
    assert!(hours.len() > 300, "{}", hours.len());
    let metrics = &told["metrics"]["data"];
    let tvl = metrics["tvlRecords"].as_array().unwrap();
    assert_eq!(tvl.len(), hours.len(), "each hour");
    for (hour, record) in hours.iter().zip(tvl) {
        let at: u64 = record["timestamp"].as_str().unwrap().parse().unwrap();
        assert_eq!(
            hour["at"],
            accrual_api::view::Rfc3339(accrual_rewards::unit::UnixSeconds(at)).to_string()
        );
        assert_eq!(record["total"].to_string(), plain(&hour["tvl_usd"]), "{hour}");
    }
    assert_eq!(metrics["aprRecords"].as_array().unwrap().len(), 10);
    assert_eq!(metrics["walletCount"][0]["walletCount"], newest["wallets_count"]);
    assert_eq!((&told["roots"]["data"], &told["live"]["data"]), (&json!([]), &json!({})));
    let symbols: Vec<&str> = told["tokens"]["data"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|token| token["symbol"].as_str())
        .collect();
    assert!(["rUSD", "rTKN", "rTMAI", "rWETH"].iter().all(|symbol| symbols.contains(symbol)), "{symbols:?}");
    assert_eq!(demo.terminate().await.code, 0);
}

/// A decimal as JavaScript writes the number, for such as a double holds.
fn plain(decimal: &Value) -> String {
    let number: f64 = decimal.as_str().unwrap().parse().unwrap();
    serde_json::Number::from_f64(number)
        .map(|number| number.to_string().trim_end_matches(".0").to_owned())
        .unwrap()
}
