//! What the data routes tell, held against the tracker's own figures.

use accrual_rewards::unit::BlockNumber;
use accrual_rewards::unit::UnixSeconds;
use accrual_store::rebuild::tracker_at;
use accrual_store::{TokenRow, pools, tokens};
use alloy_primitives::Address;
use serde_json::{Value, json};

use crate::rig::{CHAIN, FIRST_BLOCK, Rig, added, address, campaign, event, hash, pool, time};

/// The accounts that a page names.
fn accounts(page: &Value) -> Vec<String> {
    let rows = page["data"].as_array().unwrap();
    rows.iter().map(|row| row["account"].as_str().unwrap().to_owned()).collect()
}

/// `path` and all pages after it, as rows; `between` runs after the first page.
async fn all_pages(rig: &Rig, path: &str, between: impl AsyncFn()) -> Vec<Value> {
    let mut rows = Vec::new();
    let mut cursor = None;
    loop {
        let page = match &cursor {
            None => rig.get(path).await.json(),
            Some(cursor) => rig.get(&format!("{path}&cursor={cursor}")).await.json(),
        };
        rows.extend(page["data"].as_array().unwrap_or_else(|| panic!("{page}")).clone());
        if cursor.is_none() {
            between().await;
        }
        match page["meta"]["next_cursor"].as_str() {
            Some(next) => cursor = Some(next.to_owned()),
            None => return rows,
        }
    }
}

#[tokio::test]
async fn a_campaign_tells_the_trackers_sums() {
    let rig = Rig::new(3).await;
    rig.finalize(FIRST_BLOCK + 1, FIRST_BLOCK).await;
    let at = time(FIRST_BLOCK + 1);
    let tracker = tracker_at(&rig.db, &pool(), &[campaign()], BlockNumber(FIRST_BLOCK + 1)).await.unwrap();
    let figures = tracker.figures(&campaign().id, UnixSeconds(at)).unwrap().unwrap();
    assert!(!figures.earned.0.is_zero());
    let one = rig.get("/v1/campaigns/first").await.json();
    for (field, expected) in [
        ("budget_units", figures.budget),
        ("emitted_units", figures.emitted),
        ("earned_units", figures.earned),
        ("undistributed_units", figures.undistributed.total),
    ] {
        assert_eq!(one[field], json!(expected.to_string()), "{field}");
    }
    assert_eq!(one["status"], "running");
    assert_eq!(one["reward_token"]["symbol"], "TMAI");
    assert_eq!(one["reward_token_price_usd"], "1");
    let percent = one["apr"]["reward_percent"].as_str().unwrap_or_else(|| panic!("{}", one["apr"]));
    assert!(percent.starts_with(|c: char| c.is_ascii_digit()) && one["apr"]["reason"].is_null(), "{percent}");
    let as_of = json!({ "chain_id": 8453, "block_number": FIRST_BLOCK + 1,
        "block_hash": hash(FIRST_BLOCK + 1, 0).to_string(), "at": "2025-06-04T01:20:02Z" });
    assert_eq!(one["meta"]["as_of"], as_of);
    assert_eq!(one["meta"]["finality"], "safe");
    assert_eq!(one["meta"]["age_seconds"], 10);
    assert_eq!(one["meta"]["stale"], false);
    let list = rig.get("/v1/campaigns").await.json();
    assert_eq!(list["data"][0]["earned_units"], one["earned_units"]);
    rig.set_now(at + 61);
    assert_eq!(rig.get("/v1/campaigns").await.json()["meta"]["stale"], true);
}

#[tokio::test]
async fn who_earned_what_is_the_trackers() {
    let rig = Rig::new(3).await;
    let tracker = tracker_at(&rig.db, &pool(), &[campaign()], BlockNumber(FIRST_BLOCK + 1)).await.unwrap();
    let figures = tracker.figures(&campaign().id, UnixSeconds(time(FIRST_BLOCK + 1))).unwrap().unwrap();
    let expected = accrual_rewards::report::by_account(&figures);
    let page = rig.get("/v1/campaigns/first/accruals").await.json();
    let rows = page["data"].as_array().unwrap();
    assert_eq!(rows.len(), 3);
    for (row, expected) in rows.iter().zip(&expected) {
        assert_eq!(row["account"], json!(expected.account.to_checksum(None)));
        assert_eq!(row["earned_units"], json!(expected.earned.to_string()));
        assert_eq!(row["share_ppm"], json!(expected.share_ppm));
        assert_eq!(
            row["positions"][0]["position"],
            json!(tracker.stake_key(expected.positions[0].stake).to_string())
        );
    }
    assert_eq!(rows[0]["account"], json!(address(3).to_checksum(None)), "the largest first");
    let by_position = rig.get("/v1/campaigns/first/accruals?by=position").await.json();
    assert_eq!(by_position["data"][0]["earned_units"], rows[0]["earned_units"]);
    assert_eq!(by_position["data"][0]["position"], rows[0]["positions"][0]["position"]);
    let rewards = rig.get(&format!("/v1/accounts/{}/rewards", address(3))).await.json();
    assert_eq!(rewards["data"][0]["earned_units"], rows[0]["earned_units"]);
    assert_eq!(rewards["data"][0]["token"]["decimals"], 6);
}

/// The lines of an answer, split into their cells.
fn cells(text: &str) -> Vec<Vec<&str>> {
    text.split_terminator("\r\n").map(|line| line.split(',').collect()).collect()
}

#[tokio::test]
async fn who_earned_what_as_a_table() {
    let rig = Rig::empty(None).await;
    let contract = accrual_store::accounts::learn(&rig.db, CHAIN, address(2), true);
    contract.await.unwrap();
    rig.fill(3).await;
    let path = "/v1/campaigns/first/accruals";
    let json = rig.get(path).await.json();
    let asked = rig.get(&format!("{path}?format=csv")).await;
    assert_eq!(asked.headers["content-type"], "text/csv; charset=utf-8");
    let accepted = rig.get_with(path, &[("x-api-key", &rig.key), ("accept", "text/csv")]).await;
    assert_eq!(asked.text, accepted.text);
    let lines = cells(&asked.text);
    assert_eq!(lines[0], ["account", "earned_units", "earned_decimal", "share_ppm", "probable_miss"]);
    assert_eq!(lines.len(), 4, "{}", asked.text);
    for (line, row) in lines[1..].iter().zip(json["data"].as_array().unwrap()) {
        assert_eq!(json!(line[0]), row["account"]);
        assert_eq!(json!(line[1]), row["earned_units"]);
        let tokens: rust_decimal::Decimal = line[2].parse().unwrap();
        assert_eq!((tokens * rust_decimal::Decimal::from(1_000_000)).normalize().to_string(), line[1]);
        assert_eq!(line[3], row["share_ppm"].to_string());
        assert_eq!(line[4], (row["account"] == address(2).to_checksum(None)).to_string());
    }
    let by_position = rig.get(&format!("{path}?format=csv&by=position")).await;
    let in_json = rig.get(&format!("{path}?by=position")).await.json();
    let lines = cells(&by_position.text);
    assert_eq!((lines[0][1], lines[0].len()), ("position", 6));
    assert_eq!(json!(lines[1][1]), in_json["data"][0]["position"]);
    // Its pages go on as the table that was asked for, or as the headers say again.
    let first = rig.get(&format!("{path}?format=csv&limit=2")).await;
    let link = first.headers["link"].to_str().unwrap();
    let next = link.strip_prefix('<').unwrap().split('>').next().unwrap();
    assert!(next.contains("format=csv"), "{link}");
    let rest = rig.get(next).await;
    let together = [&cells(&first.text)[..], &cells(&rest.text)[1..]].concat();
    assert_eq!(together, cells(&asked.text));
    assert_eq!(rig.get(&format!("{path}?format=xml")).await.code(), "bad_parameter");
}

#[tokio::test]
async fn a_pool_and_what_an_account_holds() {
    let rig = Rig::new(2).await;
    let pool = rig.get("/v1/pools/usdc-tmai").await.json();
    assert_eq!(pool["tick"], 10);
    assert_eq!(pool["liquidity"], "3000000000");
    assert_eq!(pool["positions_count"], 2);
    assert!(pool["tvl_usd"].is_string() && pool["sqrt_price_x96"].is_string(), "{pool}");
    assert_eq!(rig.get("/v1/pools").await.json()["data"][0]["address"], pool["address"]);
    let held = rig.get(&format!("/v1/accounts/{:#x}/positions", address(2))).await.json();
    let position = &held["data"][0];
    assert_eq!(position["liquidity"], "2000000000");
    assert_eq!(position["in_range"], true);
    assert_eq!((&position["tick_lower"], &position["tick_upper"]), (&json!(-600), &json!(600)));
    // L (1/s - 1/b) and L (s - a) for s = 1.0001^5, b = 1.0001^300, a = 1/b, worked out elsewhere and rounded down.
    assert_eq!(position["token0_units"], "58106321");
    assert_eq!(position["token1_units"], "60106221");
    assert_eq!(rig.get(&format!("/v1/accounts/{:#x}/positions", address(9))).await.json()["data"], json!([]));
}

#[tokio::test]
async fn tokens_appear_without_a_restart() {
    let [usdc, tmai] = [address(0xa0), address(0xa1)];
    let rig = Rig::told(|settings| {
        settings.pools[0].token0 = None;
        settings.pools[0].token1 = None;
        settings.tokens.retain(|token| token.address == usdc);
    })
    .await;
    rig.fill(2).await;
    let token = |address: Address, symbol: Value, decimals: Value| json!({ "chain_id": CHAIN, "address": address.to_checksum(None), "symbol": symbol, "decimals": decimals });
    let seen = async || {
        rig.api.book().refresh().await.unwrap();
        let pool = rig.get("/v1/pools/usdc-tmai").await.json();
        let campaign = rig.get("/v1/campaigns/first").await.json();
        let has_apr = campaign["apr"]["reward_percent"].is_string();
        assert_eq!(has_apr, pool["tvl_usd"].is_string(), "{campaign}");
        ([&pool["token0"], &pool["token1"], &campaign["reward_token"]].map(Value::clone), has_apr)
    };
    let bare = token(tmai, Value::Null, Value::Null);
    assert_eq!(seen().await, ([Value::Null, Value::Null, bare.clone()], false));

    pools::set_tokens(&rig.db, &pool().id, usdc, tmai).await.unwrap();
    // Against the configuration's word, which goes before the chain's.
    learn(&rig, usdc, Some("FAKE"), Some(18)).await;
    let configured = token(usdc, json!("USDC"), json!(6));
    assert_eq!(seen().await, ([configured.clone(), bare.clone(), bare], false));

    learn(&rig, tmai, None, Some(6)).await;
    let counted = token(tmai, Value::Null, json!(6));
    assert_eq!(seen().await, ([configured.clone(), counted.clone(), counted], true));

    learn(&rig, tmai, Some("TMAI"), None).await;
    let whole = token(tmai, json!("TMAI"), json!(6));
    assert_eq!(seen().await, ([configured, whole.clone(), whole], true));
}

async fn learn(rig: &Rig, address: Address, symbol: Option<&str>, decimals: Option<u8>) {
    let row = TokenRow { chain_id: CHAIN, address, symbol: symbol.map(str::to_owned), decimals };
    tokens::learn(&rig.db, &[row]).await.unwrap();
}

#[tokio::test]
async fn earlier_moments() {
    let rig = Rig::new(2).await;
    rig.extend(
        Some((FIRST_BLOCK + 1, 0)),
        FIRST_BLOCK + 9,
        0,
        &[event(FIRST_BLOCK + 9, 0, added(7, 5_000_000_000))],
    )
    .await;
    rig.api.book().refresh().await.unwrap();
    let cases = [
        ("100".to_owned(), 100, true),
        ("101".to_owned(), 101, true),
        ("105".to_owned(), 105, false),
        ("109".to_owned(), 109, true),
        ("2025-06-04T01:20:11Z".to_owned(), 105, false),
        ("2025-06-04T01:20:18Z".to_owned(), 109, true),
    ];
    for (at, block, has_hash) in cases {
        let page = rig.get(&format!("/v1/campaigns/first/accruals?at={at}")).await.json();
        let as_of = &page["meta"]["as_of"];
        assert_eq!(as_of["block_number"], block, "{at}: {page}");
        assert_eq!(as_of["block_hash"].is_string(), has_hash, "{at}");
        let tracker = tracker_at(&rig.db, &pool(), &[campaign()], BlockNumber(block)).await.unwrap();
        let figures = tracker.figures(&campaign().id, UnixSeconds(time(block))).unwrap().unwrap();
        let earned: u64 = page["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["earned_units"].as_str().unwrap().parse::<u64>().unwrap())
            .sum();
        assert_eq!(earned.to_string(), figures.earned.to_string(), "{at}");
    }
    for (at, word) in
        [("99", "after it 100"), ("110", "before it 109"), ("2025-06-04T01:20:20Z", "before it 109")]
    {
        let answer = rig.get(&format!("/v1/campaigns/first/accruals?at={at}")).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (404, "not_found"), "{at}");
        assert!(answer.text.contains(word), "{at}: {}", answer.text);
    }
}

#[tokio::test]
async fn pages_are_of_one_block_while_blocks_arrive() {
    for by in ["account", "position"] {
        let rig = Rig::new(7).await;
        let path = format!("/v1/campaigns/first/accruals?by={by}");
        let whole = rig.get(&path).await.json()["data"].as_array().unwrap().clone();
        let more = async || {
            let event = event(FIRST_BLOCK + 2, 0, added(99, 900_000_000_000));
            rig.extend(Some((FIRST_BLOCK + 1, 0)), FIRST_BLOCK + 2, 0, &[event]).await;
            rig.extend(Some((FIRST_BLOCK + 2, 0)), FIRST_BLOCK + 3, 0, &[]).await;
            rig.api.book().refresh().await.unwrap();
        };
        assert_eq!(all_pages(&rig, &format!("{path}&limit=2"), more).await, whole, "{by}");
        let now = rig.get(&path).await.json();
        assert_eq!(accounts(&now)[0], address(99).to_checksum(None), "a new list sees the new block");
    }
}

#[tokio::test]
async fn a_fork_ends_cursors_into_blocks_that_left() {
    let rig = Rig::new(5).await;
    rig.extend(Some((FIRST_BLOCK + 1, 0)), FIRST_BLOCK + 2, 0, &[]).await;
    rig.api.book().refresh().await.unwrap();
    let path = "/v1/campaigns/first/accruals?limit=2";
    let cursor_of = |page: Value| page["meta"]["next_cursor"].as_str().unwrap().to_owned();
    let kept = cursor_of(rig.get(&format!("{path}&at={}", FIRST_BLOCK + 1)).await.json());
    let gone = cursor_of(rig.get(path).await.json());
    rig.rewind(FIRST_BLOCK + 1, 0).await;
    rig.extend(
        Some((FIRST_BLOCK + 1, 0)),
        FIRST_BLOCK + 2,
        1,
        &[event(FIRST_BLOCK + 2, 0, added(50, 7_000_000))],
    )
    .await;
    rig.api.book().refresh().await.unwrap();
    let answer = rig.get(&format!("{path}&cursor={gone}")).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (400, "bad_cursor"));
    assert!(answer.text.contains("start again"), "{}", answer.text);
    let below = rig.get(&format!("{path}&cursor={kept}")).await;
    assert_eq!(below.status, 200, "below the fork nothing changed: {}", below.text);
    let newest = rig.get(path).await.json();
    assert_eq!(newest["meta"]["as_of"]["block_hash"], json!(hash(FIRST_BLOCK + 2, 1).to_string()));
}

#[tokio::test]
async fn before_the_first_block_nothing_is_made_up() {
    let rig = Rig::empty(Some("rehearsal: no real money")).await;
    rig.api.book().refresh().await.unwrap();
    let one = rig.get("/v1/campaigns/first").await;
    assert_eq!(one.headers["accrual-notice"], "rehearsal: no real money");
    let one = one.json();
    assert!(
        one["earned_units"].is_null() && one["as_of"].is_null() && one["meta"]["as_of"].is_null(),
        "{one}"
    );
    assert_eq!(one["apr"]["reason"], "not_indexed");
    assert_eq!(one["meta"]["stale"], true);
    assert_eq!(one["meta"]["notice"], "rehearsal: no real money");
    let answer = rig.get("/v1/campaigns/first/accruals").await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (503, "behind_chain"));
}
