//! Charts, simulation, explanations and the treasury's view, over a few stored hours.

use accrual_rewards::apr::Held;
use accrual_rewards::event::PoolEvent;
use accrual_rewards::math::tick::sqrt_ratio;
use accrual_rewards::unit::{BlockNumber, Liquidity, SignedAmount, Tick, UnixSeconds};
use accrual_store::rebuild::tracker_at;
use accrual_store::record;
use alloy_primitives::{I256, U256};
use serde_json::{Value, json};

use crate::rig::{FIRST_BLOCK, Rig, START, address, event, pool, time};

/// 20 minutes into its hour the pool begins; the hours that follow are blocks 1300, 3100, 4900 and so on.
const FIRST_HOUR: u64 = START + 2_400;
const HOUR_BLOCKS: u64 = 1_800;

/// Three accounts, a trade in the second hour, and five full hours with half of a sixth.
async fn rig() -> Rig {
    told(|_| {}).await
}

async fn told(tell: impl FnOnce(&mut accrual_api::Settings)) -> Rig {
    let rig = Rig::told(|settings| {
        settings.campaigns[0].window.ends_at = UnixSeconds(START + 86_400);
        tell(settings);
    })
    .await;
    let campaigns = rig.api.book().campaigns().to_vec();
    rig.fill(3).await;
    let trade = FIRST_BLOCK + 1_300;
    rig.extend(Some((FIRST_BLOCK + 1, 0)), trade, 0, &[event(trade, 0, trade_to(Tick(20)))]).await;
    rig.extend(Some((trade, 0)), FIRST_BLOCK + 1_200 + 4 * HOUR_BLOCKS + 900, 0, &[]).await;
    record::rewrite(&rig.db, &pool(), &campaigns).await.unwrap();
    rig.api.book().refresh().await.unwrap();
    rig.set_now(time(FIRST_BLOCK + 1_200 + 4 * HOUR_BLOCKS + 900));
    rig
}

pub(crate) fn trade_to(tick: Tick) -> PoolEvent {
    let signed = |units: i64| SignedAmount(I256::try_from(units).unwrap());
    PoolEvent::Swapped {
        amount0: signed(-2_900_000),
        amount1: signed(3_000_000),
        sqrt_price_x96: sqrt_ratio(tick).unwrap(),
        liquidity: Liquidity(6_000_000_000),
        tick,
    }
}

fn rows(answer: &Value) -> Vec<Value> {
    answer["data"].as_array().unwrap_or_else(|| panic!("{answer}")).clone()
}

fn units(value: &Value) -> u128 {
    value.as_str().unwrap_or_else(|| panic!("{value}")).parse().unwrap()
}

#[tokio::test]
async fn a_pool_by_the_hour() {
    let rig = rig().await;
    let answer = rig.get("/v1/pools/usdc-tmai/history").await.json();
    let hours = rows(&answer);
    assert_eq!(hours.len(), 6, "{answer}");
    let seen: Vec<_> = hours.iter().map(|row| (row["at"].clone(), row["complete"].clone())).collect();
    assert_eq!(seen[0], (json!("2025-06-04T02:00:00Z"), json!(true)));
    assert_eq!(seen[5], (json!("2025-06-04T06:30:00Z"), json!(false)), "the running hour");
    assert_eq!(hours[5]["interval_seconds"], 1_800);
    // The trade falls 200 seconds into the second interval; the ledger says what it was.
    let tracker = tracker_at(&rig.db, &pool(), &[], BlockNumber(u64::MAX / 4)).await.unwrap();
    let totals = tracker.ledger().totals();
    let trades: Vec<_> = hours.iter().map(|row| row["trades_count"].as_u64().unwrap()).collect();
    assert_eq!(trades, [0, totals.trades, 0, 0, 0, 0]);
    assert_eq!(
        hours[1]["volume_units"],
        json!(totals.volume_in.iter().map(ToString::to_string).collect::<Vec<_>>())
    );
    assert_eq!((&hours[0]["tick"], &hours[1]["tick"]), (&json!(10), &json!(20)));
    assert_eq!(hours[1]["price"].as_str().unwrap()[..7], *"1.00200");
    // The pool's fee is a fact that was never learnt.
    assert!(hours[1]["fees_usd"].is_null() && hours[1]["fees_units"].is_null());
    assert_eq!(hours[1]["reasons"]["fees_usd"], "fees_unknown");
    assert_eq!(hours[1]["reasons"]["fee_percent"], "fees_unknown");
    assert!(hours[1]["reward_percent"].is_string() && hours[1]["tvl_usd"].is_string());
    assert_eq!(hours[1]["wallets_count"], 3);
    assert!(hours.iter().all(|row| row.get("price_sources").is_none()));
    assert_eq!(answer["meta"]["price_sources"][address(0xa0).to_checksum(None)], "fixed");
    assert_eq!(answer["meta"]["recorded_to_at"], "2025-06-04T06:00:00Z");
    let held: Held = accrual_rewards::apr::all_holdings(tracker.ledger());
    let sum = held.0.iter().fold(U256::ZERO, |sum, units| sum + units.0);
    // Both tokens have six decimals and cost a dollar.
    assert_eq!(hours[4]["tvl_usd"].as_str().unwrap().replace('.', ""), sum.to_string());
    let days = rig.get("/v1/pools/usdc-tmai/history?interval=1d").await.json();
    assert_eq!(rows(&days).len(), 1, "no day is over: {days}");
    assert_eq!(rows(&days)[0]["trades_count"], totals.trades);
}

/// Hours that are over are told once and kept: not past what they were made of.
#[tokio::test]
async fn hours_that_are_made_anew_are_told_anew() {
    let rig = rig().await;
    let campaigns = rig.api.book().campaigns().to_vec();
    let (trade, newest) = (FIRST_BLOCK + 1_300, FIRST_BLOCK + 1_200 + 4 * HOUR_BLOCKS + 900);
    let path = "/v1/pools/usdc-tmai/history";
    let before = rows(&rig.get(path).await.json());
    assert_eq!(before[1]["tick"], 20, "{}", before[1]);
    // Another block, and the hours stay.
    rig.extend(Some((newest, 0)), newest + 1, 0, &[]).await;
    rig.api.book().refresh().await.unwrap();
    let later = rows(&rig.get(path).await.json());
    assert_eq!(later[..5], before[..5]);
    assert_ne!(later[5], before[5], "the hour that runs");
    // The trade leaves the chain for one to another price, and as many hours are stored as before.
    rig.rewind(FIRST_BLOCK + 1, 0).await;
    rig.extend(Some((FIRST_BLOCK + 1, 0)), trade, 1, &[event(trade, 0, trade_to(Tick(30)))]).await;
    rig.extend(Some((trade, 1)), newest + 1, 1, &[]).await;
    record::rewrite(&rig.db, &pool(), &campaigns).await.unwrap();
    rig.api.book().refresh().await.unwrap();
    let after = rows(&rig.get(path).await.json());
    assert_eq!(after.len(), before.len());
    assert_eq!(after[1]["tick"], 30, "{}", after[1]);
    // More than was kept, and less.
    let two = rows(&rig.get(&format!("{path}?limit=2")).await.json());
    assert_eq!(two, after[..2]);
    let until = rows(&rig.get(&format!("{path}?to=2025-06-04T03:00:00Z")).await.json());
    assert_eq!(until, after[..2]);
}

#[tokio::test]
async fn pages_make_up_the_whole() {
    let rig = rig().await;
    for path in [
        "/v1/pools/usdc-tmai/history".to_owned(),
        "/v1/campaigns/first/history".to_owned(),
        format!("/v1/accounts/{:#x}/history", address(2)),
    ] {
        let whole = rows(&rig.get(&path).await.json());
        for limit in [1, 2, 5, 6] {
            let (mut got, mut query) = (Vec::new(), format!("?limit={limit}"));
            loop {
                let page = rig.get(&format!("{path}{query}")).await.json();
                assert!(rows(&page).len() <= limit, "{path} {limit}");
                got.extend(rows(&page));
                let Some(next) = page["meta"]["next_cursor"].as_str() else { break };
                query = format!("?limit={limit}&cursor={next}");
            }
            assert_eq!(got, whole, "{path} by {limit}");
        }
    }
}

#[tokio::test]
async fn a_campaign_by_the_hour_is_the_trackers() {
    let rig = rig().await;
    let hours = rows(&rig.get("/v1/campaigns/first/history").await.json());
    assert_eq!(hours.len(), 6);
    let campaigns = rig.api.book().campaigns().to_vec();
    let (mut emitted, mut earned) = (0, 0);
    for (row, hour) in hours.iter().zip(0..) {
        (emitted, earned) = (emitted + units(&row["emitted_units"]), earned + units(&row["earned_units"]));
        assert_eq!(
            (units(&row["emitted_total_units"]), units(&row["earned_total_units"])),
            (emitted, earned)
        );
        let total = units(&row["earned_total_units"]) + units(&row["undistributed_total_units"]);
        assert_eq!(total, emitted, "nothing is lost");
        if row["complete"] == true {
            let at = UnixSeconds(FIRST_HOUR + hour * 3_600);
            let block = BlockNumber(FIRST_BLOCK + 1_200 + hour * HOUR_BLOCKS);
            let tracker = tracker_at(&rig.db, &pool(), &campaigns, block).await.unwrap();
            let figures = tracker.figures(&campaigns[0].id, at).unwrap().unwrap();
            assert_eq!(row["earned_total_units"], json!(figures.earned.to_string()), "{at}");
        }
        assert_eq!((&row["accounts_count"], &row["wallets_count"]), (&json!(3), &json!(3)));
    }
}

#[tokio::test]
async fn an_account_by_the_hour() {
    let rig = rig().await;
    let path = format!("/v1/accounts/{:#x}/history", address(2));
    let hours = rows(&rig.get(&path).await.json());
    assert_eq!(hours.len(), 6);
    let sum: u128 = hours.iter().map(|row| units(&row["earned_units"])).sum();
    let rewards = rig.get(&format!("/v1/accounts/{:#x}/rewards", address(2))).await.json();
    assert_eq!(sum, units(&rewards["data"][0]["earned_units"]));
    assert_eq!(sum, units(&hours[5]["earned_total_units"]));
    let from =
        rows(&rig.get(&format!("{path}?from=2025-06-04T04:00:00Z&to=2025-06-04T05:30:00Z")).await.json());
    assert_eq!(from, hours[2..4]);
    let stranger = rows(&rig.get(&format!("/v1/accounts/{:#x}/history", address(9))).await.json());
    assert!(stranger.iter().all(|row| row["earned_total_units"] == "0" && row["has_stake"] == false));
}

#[tokio::test]
async fn an_account_by_the_day_and_when_it_stood_idle() {
    let rig = rig().await;
    let path = format!("/v1/accounts/{:#x}/history", address(2));
    let plain = rig.get(&path).await.json();
    assert!(plain.get("stretches").is_none(), "only when asked for");
    let told = rig.get(&format!("{path}?stretches=true")).await.json();
    let timeline = &told["stretches"][0];
    assert_eq!((told["stretches"].as_array().unwrap().len(), &timeline["campaign"]), (1, &json!("first")));
    assert_eq!(
        (&timeline["stretches"][0]["state"], &timeline["stretches"][0]["reason"]),
        (&json!("earning"), &json!("earning"))
    );
    assert_eq!(told["data"], plain["data"]);
    let days = rig.get(&format!("{path}?interval=1d&format=csv")).await;
    let lines: Vec<Vec<&str>> =
        days.text.split_terminator("\r\n").map(|line| line.split(',').collect()).collect();
    assert_eq!(lines.len(), 2, "the day that runs: {}", days.text);
    let cell = |name: &str| lines[1][lines[0].iter().position(|head| *head == name).unwrap()];
    let rewards = rig.get(&format!("/v1/accounts/{:#x}/rewards", address(2))).await.json();
    assert_eq!(json!(cell("earned_total_units")), rewards["data"][0]["earned_units"]);
    let tokens: rust_decimal::Decimal = cell("earned_total_decimal").parse().unwrap();
    let units = (tokens * rust_decimal::Decimal::from(1_000_000)).normalize().to_string();
    assert_eq!(units, cell("earned_total_units"));
}

#[tokio::test]
async fn as_tables() {
    let rig = rig().await;
    let path = "/v1/pools/usdc-tmai/history?to=2025-06-04T03:30:00Z";
    let asked = rig.get(&format!("{path}&format=csv")).await;
    assert_eq!(asked.headers["content-type"], "text/csv; charset=utf-8");
    let accepted = rig.get_with(path, &[("x-api-key", &rig.key), ("accept", "text/csv")]).await;
    assert_eq!(asked.text, accepted.text);
    let lines: Vec<&str> = asked.text.split_terminator("\r\n").collect();
    assert_eq!(lines.len(), 3, "{}", asked.text);
    assert!(lines[0].starts_with("at,interval_seconds,complete,block_number,price,"), "{}", lines[0]);
    assert!(lines[1].starts_with("2025-06-04T02:00:00Z,3600,true,100,"), "{}", lines[1]);
    assert!(lines[2].ends_with("fee_percent=fees_unknown fees_usd=fees_unknown"), "{}", lines[2]);
    let count = |line: &str| line.split(',').count();
    assert!(lines.iter().all(|line| count(line) == count(lines[0])));
}

#[tokio::test]
async fn what_is_not_known_has_its_reason() {
    let rig = told(|settings| {
        settings.prices.remove(&address(0xa1));
    })
    .await;
    let hours = rows(&rig.get("/v1/pools/usdc-tmai/history").await.json());
    for row in &hours {
        for field in ["tvl_usd", "tvl_in_range_usd"] {
            assert!(row[field].is_null(), "{row}");
            assert_eq!(row["reasons"][field], "no_price_source", "{row}");
        }
        assert!(row["token0_price_usd"].is_string() && row["token1_price_usd"].is_null());
        assert_eq!(row["reasons"]["reward_percent"], "no_price");
    }
    let pool = rig.get("/v1/pools/usdc-tmai").await.json();
    assert_eq!((&pool["tvl_usd"], &pool["tvl_reason"]), (&Value::Null, &json!("no_price_source")));
    assert_eq!(pool["prices"][0]["route"][0]["source"], "fixed");
    assert_eq!(pool["prices"][1]["reason"], "no_price_source");
    let campaign = rig.get("/v1/campaigns/first").await.json();
    assert_eq!(campaign["apr"]["reason"], "no_price");
    assert_eq!(campaign["reward_token_price"]["reason"], "no_price_source");
}

#[tokio::test]
async fn rates_over_windows() {
    let rig = rig().await;
    for (window, seconds, reason) in [
        ("", 86_400, "window_not_covered"),
        ("?window=1h", 3_600, "fees_unknown"),
        ("?window=7d", 604_800, "window_not_covered"),
    ] {
        let pool = rig.get(&format!("/v1/pools/usdc-tmai{window}")).await.json();
        assert_eq!(pool["apr"]["window_seconds"], seconds);
        assert_eq!(pool["apr"]["base_reason"], reason, "{window}");
        assert_eq!(
            (&pool["apr"]["base_percent"], &pool["apr"]["total_percent"]),
            (&Value::Null, &Value::Null)
        );
        assert!(pool["apr"]["reward_percent"].is_string());
        assert_eq!(pool["apr"]["estimate"], true, "within a day of the start");
        let campaign = rig.get(&format!("/v1/campaigns/first{window}")).await.json();
        assert_eq!(campaign["apr"]["reward_percent"], pool["apr"]["reward_percent"], "it is the only one");
        assert_eq!(campaign["apr"]["base_reason"], reason);
    }
    assert_eq!(rig.get("/v1/pools/usdc-tmai").await.json()["price"].as_str().unwrap()[..7], *"1.00200");
}

#[tokio::test]
async fn a_position_that_is_thought_of() {
    let rig = rig().await;
    let path = "/v1/simulate?pool=usdc-tmai&amount_usd=100&tick_lower=-600&tick_upper=600";
    let told = rig.get(path).await.json();
    let one = &told["data"][0];
    assert_eq!((&one["campaign"], &one["in_range"]), (&json!("first"), &json!(true)), "{told}");
    let put_in = one["put_in_usd"].as_str().unwrap();
    assert!(put_in.starts_with("99.99") || put_in.starts_with("100.00"), "{put_in}");
    let factors: Vec<_> =
        one["dilution"].as_array().unwrap().iter().map(|row| row["tvl_factor"].clone()).collect();
    assert_eq!(json!(factors), json!(["0.5", "1", "2", "5", "10"]));
    assert_eq!(one["dilution"][1]["reward_percent"], one["reward_percent"]);
    let units: Vec<_> =
        one["dilution"].as_array().unwrap().iter().map(|row| units(&row["reward_units_per_day"])).collect();
    assert!(units.is_sorted_by(|a, b| a > b), "{units:?}");
    assert_eq!(one["base_reason"], "window_not_covered");
    let out = rig.get("/v1/simulate?pool=usdc-tmai&amount_usd=100&tick_lower=60&tick_upper=600").await.json();
    assert_eq!(
        (&out["data"][0]["in_range"], &out["data"][0]["reward_units_per_day"]),
        (&json!(false), &json!("0"))
    );
}

#[tokio::test]
async fn a_position_and_its_part_of_the_campaign() {
    let rig = rig().await;
    let (mut shares_ppm, mut first) = (0, None);
    for byte in 1..=3 {
        let told = rig.get(&format!("/v1/accounts/{:#x}/positions", address(byte))).await.json();
        for position in rows(&told) {
            let standing = &position["campaigns"][0];
            assert_eq!((&standing["earning"], &standing["reward_reason"]), (&json!(true), &Value::Null));
            assert!(standing["reward_percent"].is_string() && units(&standing["reward_units_per_day"]) > 0);
            assert_eq!(position["base_reason"], "window_not_covered");
            shares_ppm += standing["share_ppm"].as_u64().unwrap();
            first.get_or_insert(position["position"].as_str().unwrap().to_owned());
        }
    }
    assert!((999_990..=1_000_000).contains(&shares_ppm), "all together have all of it: {shares_ppm}");
    let path = "/v1/simulate?pool=usdc-tmai&amount_usd=100&tick_lower=-600&tick_upper=600";
    let beside = rig.get(path).await.json();
    let instead = rig.get(&format!("{path}&leaving={}", first.unwrap())).await.json();
    let a_day = |told: &Value| units(&told["data"][0]["reward_units_per_day"]);
    assert!(a_day(&instead) > a_day(&beside), "{instead} instead of {beside}");
    let nobody = rig.get(&format!("{path}&leaving=uniswap_v3:nobody")).await;
    assert!(nobody.status == 400 && nobody.text.contains("leaving"), "{}", nobody.text);
}

#[tokio::test]
async fn where_liquidity_lies() {
    let rig = rig().await;
    let (pool, told) =
        (rig.get("/v1/pools/usdc-tmai").await.json(), rig.get("/v1/pools/usdc-tmai/liquidity").await.json());
    assert_eq!((&told["price"], &told["reason"]), (&pool["price"], &Value::Null));
    let tick = told["tick"].as_i64().unwrap();
    let bands = told["bands"].as_array().unwrap();
    let holds =
        |band: &&Value| band["tick_lower"].as_i64() <= Some(tick) && Some(tick) < band["tick_upper"].as_i64();
    let here = bands.iter().find(holds).expect("the price is in a band");
    assert_eq!(here["liquidity"], pool["liquidity"], "as the pool counts it");
    assert!(bands.iter().all(|band| band["value_usd"].is_string()), "{told}");
    assert_eq!(rig.get("/v1/pools/nope/liquidity").await.status, 404);
}

#[tokio::test]
async fn what_a_campaign_bought() {
    let rig = told(|settings| settings.campaigns[0].window.ends_at = UnixSeconds(FIRST_HOUR + 5_000)).await;
    let told = rig.get("/v1/campaigns/first/treasury?days_after=0").await.json();
    let reasons = &told["reasons"];
    assert_eq!(reasons["tvl_before_usd"], "no_hour_before", "the pool is younger: {told}");
    assert_eq!(reasons["cost_per_retained_usd"], "no_hour_before");
    assert_eq!((&told["wallets_at_end"], &told["wallets_stayed"]), (&json!(3), &json!(3)));
    assert!(told["paid_usd"].is_string(), "{told}");
    let later = rig.get("/v1/campaigns/first/treasury").await.json();
    assert_eq!(
        (&later["days_after"], &later["reasons"]["wallets_stayed"]),
        (&json!(7), &json!("no_hour_after"))
    );
    let all = rig.get(&format!("/v1/treasury?token={:#x}&days_after=0", address(0xa1))).await.json();
    assert_eq!((&all["paid_usd"], &all["earned_units"]), (&told["paid_usd"], &told["earned_units"]));
    assert_eq!(rig.get(&format!("/v1/treasury?token={:#x}", address(0xa0))).await.status, 404);
}

#[tokio::test]
async fn why_a_position_stood_idle() {
    let rig = rig().await;
    let last = FIRST_BLOCK + 1_200 + 4 * HOUR_BLOCKS + 900;
    rig.extend(Some((last, 0)), last + 10, 0, &[event(last + 10, 0, trade_to(Tick(20)))]).await;
    rig.api.book().refresh().await.unwrap();
    let path = format!("/v1/accounts/{:#x}/positions", address(2));
    let plain = &rig.get(&path).await.json()["data"][0];
    assert!(plain.get("timelines").is_none(), "only when asked for");
    let standing = &plain["campaigns"][0];
    assert_eq!((&standing["campaign"], &standing["reason"]), (&json!("first"), &json!("earning")));
    assert_eq!(
        (&standing["earning"], &standing["share_ppm"]),
        (&json!(true), &json!(333_333)),
        "of three alike"
    );
    assert_eq!((&plain["via"], &plain["shared"]), (&json!([]), &json!(false)));
    assert!(plain["value_usd"].is_string());
    let told = rig.get(&format!("{path}?explain=true")).await.json();
    let timeline = &told["data"][0]["timelines"][0];
    assert_eq!(timeline["stretches"][0]["reason"], "earning", "{told}");
    assert_eq!(timeline["stretches"][0]["from_block"], FIRST_BLOCK);
    assert!(timeline["stretches"][0]["to_at"].is_null(), "it lasts");
    assert!(timeline["exposure"]["loss_percent"].is_string(), "{timeline}");
}

#[tokio::test]
async fn wrong_parameters_are_named() {
    let rig = rig().await;
    let account = format!("/v1/accounts/{:#x}", address(2));
    let cases = [
        ("/v1/pools/usdc-tmai/history?interval=2h".to_owned(), 400, "interval"),
        ("/v1/pools/usdc-tmai/history?from=123".to_owned(), 400, "from"),
        (
            "/v1/pools/usdc-tmai/history?from=2025-06-05T00:00:00Z&to=2025-06-04T00:00:00Z".to_owned(),
            400,
            "to",
        ),
        ("/v1/pools/usdc-tmai/history?format=xml".to_owned(), 400, "format"),
        ("/v1/pools/usdc-tmai/history?limit=501".to_owned(), 400, "limit"),
        ("/v1/pools/usdc-tmai/history?cursor=x".to_owned(), 400, "cursor"),
        ("/v1/pools/usdc-tmai/history?form=csv".to_owned(), 400, "form"),
        ("/v1/pools/nope/history".to_owned(), 404, "nope"),
        ("/v1/pools/usdc-tmai?window=2d".to_owned(), 400, "window"),
        ("/v1/campaigns/nope/history".to_owned(), 404, "nope"),
        ("/v1/campaigns/first/treasury?days_after=366".to_owned(), 400, "days_after"),
        ("/v1/treasury".to_owned(), 400, "token"),
        (
            "/v1/simulate?pool=usdc-tmai&amount_usd=0&tick_lower=-60&tick_upper=60".to_owned(),
            400,
            "amount_usd",
        ),
        ("/v1/simulate?pool=usdc-tmai&amount_usd=5".to_owned(), 400, "tick_lower"),
        (
            "/v1/simulate?pool=usdc-tmai&amount_usd=5&tick_lower=60&tick_upper=-60".to_owned(),
            400,
            "tick_lower",
        ),
        ("/v1/simulate?amount_usd=5".to_owned(), 400, "pool"),
        (format!("{account}/positions?explain=maybe"), 400, "explain"),
        (format!("{account}/history?campaign=nope"), 404, "nope"),
    ];
    for (path, status, word) in cases {
        let answer = rig.get(&path).await;
        assert_eq!(answer.status.as_u16(), status, "{path}: {}", answer.text);
        assert!(answer.text.contains(word), "{path}: {}", answer.text);
    }
}

#[tokio::test]
async fn a_contract_that_is_no_known_wrapper_is_flagged() {
    let rig = rig().await;
    for (byte, has_code) in [(1, true), (2, false)] {
        accrual_store::accounts::learn(&rig.db, crate::rig::CHAIN, address(byte), has_code).await.unwrap();
    }
    // The next block brings it.
    let last = FIRST_BLOCK + 1_200 + 4 * HOUR_BLOCKS + 900;
    rig.extend(Some((last, 0)), last + 10, 0, &[]).await;
    rig.api.book().refresh().await.unwrap();
    for by in ["account", "position"] {
        let told = rows(&rig.get(&format!("/v1/campaigns/first/accruals?by={by}")).await.json());
        let flags: Vec<_> = told.iter().map(|row| (row["account"].clone(), row["flags"].clone())).collect();
        let name = |byte| json!(address(byte).to_checksum(None));
        let expected = [(name(3), Value::Null), (name(2), Value::Null), (name(1), json!(["contract"]))];
        assert_eq!(flags, expected, "{by}");
        let missed: Vec<_> = told.iter().map(|row| row.get("probable_miss")).collect();
        assert_eq!(missed, [None, None, Some(&json!(true))], "told only where it is so");
    }
}
