//! Merkl's shapes: what is asked, what comes, and whose figure it is.

use accrual_api::scope::Scope;
use accrual_rewards::distributor::{Claimed, DistributorEvent, TreeEvent};
use accrual_rewards::unit::{BlockNumber, UnixSeconds};
use accrual_store::distributor::{self, DistributorExtension, Followed, Placed};
use alloy_primitives::B256;
use serde_json::{Value, json};

use crate::rig::{CHAIN, FIRST_BLOCK, Rig, START, address, time};

const MERKL_ID: &str = "0xabababababababababababababababababababababababababababababababab";

/// The rig with a second campaign that is known to Merkl and over before the first begins.
async fn rig() -> Rig {
    let rig = Rig::told(|settings| {
        let mut second = crate::rig::campaign();
        second.id = "second".parse().unwrap();
        second.merkl_campaign_id = Some(MERKL_ID.parse().unwrap());
        second.window.ends_at.0 = START + 1;
        second.budget = "500".parse().unwrap();
        second.blacklist = [address(1)].into();
        settings.campaigns.push(second);
    })
    .await;
    rig.fill(4).await;
    rig
}

fn ids(rows: &Value) -> Vec<&str> {
    rows.as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn campaigns_are_filtered_and_paged() {
    let rig = rig().await;
    let (pool, reward) = (address(0xee), address(0xa1));
    let cases: Vec<(String, &[&str])> = vec![
        ("".into(), &["first", "second"]),
        ("items=1".into(), &["first"]),
        ("items=1&page=1".into(), &["second"]),
        ("items=1&page=2".into(), &[]),
        ("id=second".into(), &["second"]),
        (format!("campaignId={MERKL_ID}"), &["second"]),
        (
            format!("campaignIds=first&campaignIds={}", MERKL_ID.to_uppercase().replace("0X", "0x")),
            &["first", "second"],
        ),
        (format!("campaignIds=first,{MERKL_ID}"), &["first", "second"]),
        ("campaignId=none".into(), &[]),
        (format!("chainId={CHAIN}"), &["first", "second"]),
        (format!("chainId=1&chainId={CHAIN}"), &["first", "second"]),
        (format!("chainId=1,{CHAIN}"), &["first", "second"]),
        ("chainId=1".into(), &[]),
        ("distributionChainIds=10,1".into(), &[]),
        ("type=CLAMM".into(), &["first", "second"]),
        ("types=ERC20LOGPROCESSOR,ERC20".into(), &[]),
        ("status=LIVE".into(), &["first"]),
        ("status=PAST".into(), &["second"]),
        ("status=PAST,LIVE".into(), &["first", "second"]),
        ("status=SOON".into(), &[]),
        (format!("mainParameter={pool:#x}"), &["first", "second"]),
        (format!("tokenAddress={reward:#x}"), &["first", "second"]),
        ("tokenSymbol=TMAI".into(), &["first", "second"]),
        ("tokenSymbol=USDC".into(), &[]),
        ("opportunityId=usdc-tmai".into(), &["first", "second"]),
        ("mainProtocolId=uniswap".into(), &["first", "second"]),
        ("mainProtocolId=aerodrome".into(), &[]),
        ("search=SEC".into(), &["second"]),
        (format!("startTimestamp={START}&endTimestamp={}", START + 1), &["second"]),
        (format!("startTimestamp={}", START + 1), &[]),
        ("onlySubCampaigns=true".into(), &[]),
        ("excludeSubCampaigns=true&test=true&point=false".into(), &["first", "second"]),
        ("tokenTypes=POINT".into(), &[]),
        ("distributionTypes=MAX_REWARD".into(), &[]),
        ("somethingThatTheirsDoesNotKnow=1".into(), &["first", "second"]),
    ];
    for (query, expected) in cases {
        let answer = rig.get(&format!("/v4/campaigns?{query}")).await;
        assert_eq!(answer.status, 200, "{query}: {}", answer.text);
        assert_eq!(answer.headers["content-type"], "application/json");
        assert_eq!(ids(&answer.json()), expected, "{query}");
        if !query.contains("items") {
            let count = rig.get(&format!("/v4/campaigns/count?{query}")).await.json();
            assert_eq!(count, json!(expected.len()), "{query}");
        }
    }
}

#[tokio::test]
async fn what_does_not_fit_is_422_as_theirs() {
    let rig = rig().await;
    let user = format!("/v4/users/{}/rewards", address(1));
    let cases = [
        ("/v4/campaigns?items=0".to_owned(), "query", "/items"),
        ("/v4/campaigns?page=-1".to_owned(), "query", "/page"),
        ("/v4/campaigns?chainId=base".to_owned(), "query", "/chainId"),
        ("/v4/campaigns?test=perhaps".to_owned(), "query", "/test"),
        ("/v4/campaigns?status=ALIVE".to_owned(), "query", "/status"),
        ("/v4/campaigns?creatorAddress=0x1".to_owned(), "query", "/creatorAddress"),
        ("/v4/campaigns/count?createdAfter=2025".to_owned(), "query", "/createdAfter"),
        ("/v4/campaigns/first/metrics?tvl=much".to_owned(), "query", "/tvl"),
        ("/v4/campaigns/first/metrics?apr=%7B%22limit%22%3A0%7D".to_owned(), "query", "/apr"),
        ("/v4/opportunities?minimumTvl=x".to_owned(), "query", "/minimumTvl"),
        ("/v4/opportunities?sort=beauty".to_owned(), "query", "/sort"),
        ("/v4/opportunities?order=up".to_owned(), "query", "/order"),
        ("/v4/rewards".to_owned(), "query", "/chainId"),
        ("/v4/rewards/total?chainId=8453".to_owned(), "query", "/campaignId"),
        ("/v4/rewards/count?chainId=x&campaignId=first".to_owned(), "query", "/chainId"),
        ("/v4/roots?chainId=8453".to_owned(), "query", "/fromTimestamp"),
        ("/v4/tokens?isNative=1".to_owned(), "query", "/isNative"),
        ("/v4/users/0x12/rewards?chainId=8453".to_owned(), "params", "/address"),
        (user.clone(), "query", "/chainId"),
        (format!("{user}?chainId=8453&type=COIN"), "query", "/type"),
        (format!("{user}/breakdowns?chainIds=a"), "query", "/chainIds"),
    ];
    for (path, on, property) in cases {
        let answer = rig.get(&path).await;
        assert_eq!(answer.status, 422, "{path}: {}", answer.text);
        assert_eq!(answer.headers["content-type"], "application/json", "{path}");
        let body = answer.json();
        assert_eq!((&body["type"], &body["on"]), (&json!("validation"), &json!(on)), "{path}");
        assert_eq!(body["property"], property, "{path}: {body}");
        for field in ["summary", "message", "expected"] {
            assert!(!body[field].as_str().unwrap().is_empty(), "{path}: {body}");
        }
        assert!(body["found"].is_object(), "{path}: {body}");
    }
}

#[tokio::test]
async fn keys_scopes_and_problems_are_those_of_the_rest() {
    let rig = rig().await;
    let public = rig.new_key(&[Scope::ReadPublic]).await;
    let user = format!("/v4/users/{}/rewards?chainId={CHAIN}", address(1));
    let cases = [
        ("/v4/campaigns", None, 401, "key_missing"),
        ("/v4/chains", None, 401, "key_missing"),
        (user.as_str(), Some(&public), 403, "scope_missing"),
        ("/v4/campaigns/none", Some(&public), 404, "not_found"),
        ("/v4/opportunities/none", Some(&public), 404, "not_found"),
        ("/v4/rewards?chainId=8453&campaignId=none", Some(&public), 404, "not_found"),
        ("/v4/rewards/total?chainId=1&campaignId=first", Some(&public), 404, "not_found"),
        ("/v4/nothing/here", Some(&public), 404, "not_found"),
    ];
    for (path, key, status, code) in cases {
        let headers: Vec<(&str, &str)> = key.map(|key| ("x-api-key", key.as_str())).into_iter().collect();
        let answer = rig.get_with(path, &headers).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (status, code), "{path}");
        assert_eq!(
            answer.headers["content-type"], "application/json",
            "their client reads nothing else: {path}"
        );
    }
    let answer = rig.get("/v4/campaigns").await;
    assert!(answer.headers.contains_key("ratelimit"), "the same limits hold");
}

#[tokio::test]
async fn merkls_figures_are_unknown_and_ours_stand_apart() {
    let rig = rig().await;
    let ours = rig.get("/v1/campaigns/first/accruals").await.json();
    let rows = rig.get(&format!("/v4/rewards?chainId={CHAIN}&campaignId=first")).await.json();
    let rows = rows.as_array().unwrap();
    assert_eq!(rows.len(), 4);
    for (row, ours) in rows.iter().zip(ours["data"].as_array().unwrap()) {
        assert_eq!(row["recipient"], ours["account"]);
        assert_eq!(row["accrual"]["earned_units"], ours["earned_units"]);
        assert_eq!(row["accrual"]["merkl_reason"], "merkl_not_stored");
        assert_eq!(row["accrual"]["as_of"]["timestamp"], time(FIRST_BLOCK + 1));
        for theirs in ["amount", "claimed", "pending"] {
            assert_eq!(row.get(theirs), Some(&Value::Null), "there, and not known: {row}");
        }
    }
    let page = rig.get(&format!("/v4/rewards?chainId={CHAIN}&campaignId=first&items=3&page=1")).await.json();
    assert_eq!(page.as_array().unwrap(), &rows[3..]);
    let count = rig.get(&format!("/v4/rewards/count?chainId={CHAIN}&campaignId=first")).await.json();
    assert_eq!(count, json!({ "count": 4 }));
    let total = rig.get(&format!("/v4/rewards/total?chainId={CHAIN}&campaignId=first")).await.json();
    let campaign = rig.get("/v1/campaigns/first").await.json();
    assert_eq!((&total["campaignId"], &total["amount"]), (&json!("first"), &Value::Null));
    for sum in ["earned_units", "emitted_units", "undistributed_units", "accounts_count"] {
        assert_eq!(total["accrual"][sum], campaign[sum], "{sum}");
    }
    let elsewhere = rig.get("/v4/rewards?chainId=1&campaignId=first").await.json();
    assert_eq!(elsewhere, json!([]));
    assert_eq!(rig.get("/v4/rewards/count?chainId=1&campaignId=first").await.json(), json!({ "count": 0 }));

    for (path, nothing) in [
        (format!("/v4/roots?chainId={CHAIN}&fromTimestamp=0&toTimestamp={START}"), json!([])),
        ("/v4/roots/live".to_owned(), json!({})),
    ] {
        assert_eq!(rig.get(&path).await.json(), nothing, "{path}");
    }
}

#[tokio::test]
async fn what_the_distributors_logs_tell_is_known() {
    let rig = rig().await;
    let followed = Followed {
        chain_id: CHAIN,
        address: address(0xdd),
        first_block: BlockNumber(FIRST_BLOCK),
        tokens: [address(0xa1)].into(),
    };
    distributor::register(&rig.db, &followed).await.unwrap();
    let (at, root) = (UnixSeconds(time(FIRST_BLOCK + 1)), B256::repeat_byte(7));
    let placed = |log_index, event| Placed {
        block_number: BlockNumber(FIRST_BLOCK + 1),
        block_at: at,
        log_index,
        event,
    };
    let updated = TreeEvent::Updated { root, dispute_ends_at: UnixSeconds(START) };
    let claimed = Claimed { account: address(2), token: address(0xa1), amount: "42".parse().unwrap() };
    let events = [placed(0, DistributorEvent::Tree(updated)), placed(1, DistributorEvent::Claimed(claimed))];
    let through = crate::rig::header(FIRST_BLOCK + 1, 0);
    let extension =
        DistributorExtension { chain_id: CHAIN, after: None, through, pool_rewinds: 0, events: &events };
    distributor::extend(&rig.db, &extension).await.unwrap();

    let told = json!([{
        "root": root, "chainId": CHAIN, "epoch": at.0 / 3_600, "timestamp": at.to_string(), "isLatest": true
    }]);
    let roots = |from, to| format!("/v4/roots?chainId={CHAIN}&fromTimestamp={from}&toTimestamp={to}");
    assert_eq!(rig.get(&roots(0, at.0)).await.json(), told);
    assert_eq!(rig.get(&roots(at.0 + 1, u64::MAX >> 1)).await.json(), json!([]));
    let live = rig.get("/v4/roots/live").await.json();
    let expected = json!({ "live": root, "tree": root, "lastTree": null, "endOfDisputePeriod": START });
    assert_eq!(live, json!({ (CHAIN.to_string()): expected }));
    for (account, claimed) in [(address(2), "42"), (address(3), "0")] {
        let chains = rig.get(&format!("/v4/users/{account}/rewards?chainId={CHAIN}")).await.json();
        let reward = &chains[0]["rewards"][0];
        assert_eq!((&reward["claimed"], &reward["root"]), (&json!(claimed), &json!(root)), "{reward}");
        assert_eq!(
            (&reward["amount"], &reward["accrual"]["merkl_reason"]),
            (&Value::Null, &json!("merkl_not_stored"))
        );
        assert_eq!(chains[0]["chain"]["endOfDisputePeriod"], START);
    }
}

#[tokio::test]
async fn an_account_is_told_by_token_and_campaign() {
    let rig = rig().await;
    let account = address(2);
    let path = format!("/v4/users/{account:#x}/rewards");
    let ours = rig.get(&format!("/v1/accounts/{account}/rewards")).await.json();
    let earned: Vec<&Value> =
        ours["data"].as_array().unwrap().iter().map(|row| &row["earned_units"]).collect();
    assert_eq!(earned.len(), 2);
    let chains = rig.get(&format!("{path}?chainId={CHAIN}")).await.json();
    assert_eq!(chains.as_array().unwrap().len(), 1);
    assert_eq!((&chains[0]["chain"]["id"], &chains[0]["chain"]["name"]), (&json!(CHAIN), &json!("Base")));
    let reward = &chains[0]["rewards"][0];
    assert_eq!(chains[0]["rewards"].as_array().unwrap().len(), 1, "one token, one row");
    let token = json!({ "address": address(0xa1), "chainId": CHAIN, "symbol": "TMAI", "decimals": 6 });
    assert_eq!(reward["token"]["symbol"], token["symbol"]);
    assert_eq!(reward["recipient"], account.to_checksum(None));
    let sum: u64 = earned.iter().map(|units| units.as_str().unwrap().parse::<u64>().unwrap()).sum();
    assert_eq!(reward["accrual"]["earned_units"], sum.to_string());
    assert_eq!((&reward["root"], &reward["proofs"]), (&Value::Null, &json!([])));
    let parts = reward["breakdowns"].as_array().unwrap();
    let named: Vec<(&Value, &Value)> =
        parts.iter().map(|part| (&part["campaignId"], &part["accrual"]["earned_units"])).collect();
    assert_eq!(named, [(&json!("first"), earned[0]), (&json!(MERKL_ID), earned[1])]);
    for value in [reward, &parts[0]] {
        for theirs in ["amount", "claimed", "pending"] {
            assert_eq!(value.get(theirs), Some(&Value::Null), "{value}");
        }
    }

    let full = rig.get(&format!("{path}/breakdowns")).await.json();
    let part = &full[0]["rewards"][0]["breakdowns"][1];
    assert_eq!((&part["campaignId"], &part["protocol"]["id"]), (&json!(MERKL_ID), &json!("uniswap")));
    assert_eq!(part["opportunity"]["id"], "usdc-tmai");
    assert_eq!(full[0]["rewards"][0]["token"]["id"], format!("{CHAIN}-{}", address(0xa1)));

    let empty = [
        format!("{path}?chainId=1"),
        format!("{path}?chainId={CHAIN}&type=POINT"),
        format!("{path}?chainId={CHAIN}&claimableOnly=true"),
        format!("/v4/users/{}/rewards?chainId={CHAIN}", address(0x77)),
        format!("{path}/breakdowns?chainIds=1,10"),
        format!("{path}/breakdowns?tags=defi"),
    ];
    for path in empty {
        assert_eq!(rig.get(&path).await.json(), json!([]), "{path}");
    }
    let second = rig.get(&format!("{path}?chainId={CHAIN}&breakdownPage=1")).await.json();
    assert_eq!(second[0]["rewards"][0]["breakdowns"], json!([]));
    let excluded = rig.get(&format!("/v4/users/{}/rewards?chainId={CHAIN}", address(1))).await.json();
    assert_eq!(
        excluded[0]["rewards"][0]["breakdowns"].as_array().unwrap().len(),
        1,
        "not of the one without it"
    );
}

#[tokio::test]
async fn campaigns_and_pools_say_what_the_rest_says() {
    let rig = rig().await;
    let (ours, pool) =
        (rig.get("/v1/campaigns/first").await.json(), rig.get("/v1/pools/usdc-tmai").await.json());
    let theirs = rig.get("/v4/campaigns/first").await;
    let text = &theirs.text;
    let theirs = theirs.json();
    let exact =
        |value: &Value| value.as_str().unwrap().trim_end_matches('0').trim_end_matches('.').to_owned();
    assert!(text.contains(&format!("\"apr\":{},", exact(&ours["apr"]["reward_percent"]))), "{text}");
    assert_eq!(theirs["amount"], ours["budget_units"]);
    assert_eq!((&theirs["startTimestamp"], &theirs["endTimestamp"]), (&json!(START), &json!(START + 1000)));
    assert_eq!((&theirs["type"], &theirs["distributionType"]), (&json!("CLAMM"), &json!("DUTCH_AUCTION")));
    assert_eq!(theirs["params"]["weightFees"], 4000);
    assert_eq!(theirs["rewardToken"]["price"], 1);
    // 1,000 whole TMAI in 1,000 seconds at a dollar each.
    assert_eq!(theirs["dailyRewards"], 86_400);
    for unknown in ["creatorAddress", "createdAt", "isPrivate"] {
        assert_eq!(theirs.get(unknown), Some(&Value::Null), "{unknown}");
    }
    assert_eq!(theirs["campaignStatus"]["computedUntil"], Value::Null, "that is Merkl's engine");
    assert_eq!(theirs["accrual"]["as_of"]["block_number"], FIRST_BLOCK + 1);
    assert_eq!(theirs["Opportunity"]["id"], "usdc-tmai");
    let by_merkls_name = rig.get(&format!("/v4/campaigns/{MERKL_ID}")).await.json();
    assert_eq!(by_merkls_name["id"], "second");
    assert_eq!(
        (&by_merkls_name["apr"], &by_merkls_name["dailyRewards"]),
        (&json!(0), &json!(0)),
        "it is over"
    );

    let one = rig.get("/v4/opportunities/usdc-tmai?campaigns=true").await;
    assert!(one.text.contains(&format!("\"tvl\":{},", exact(&pool["tvl_usd"]))), "{}", one.text);
    let one = one.json();
    assert_eq!(one["apr"], theirs["apr"], "only the first runs");
    assert_eq!((&one["status"], &one["liveCampaigns"]), (&json!("LIVE"), &json!(1)));
    assert_eq!(
        (&one["earliestCampaignEnd"], &one["latestCampaignEnd"]),
        (&json!((START + 1).to_string()), &json!((START + 1000).to_string()))
    );
    assert_eq!(ids(&one["campaigns"]), ["first", "second"]);
    assert_eq!(one["aprRecord"]["breakdowns"][0]["identifier"], "first");
    let cases: [(&str, &[&str]); 16] = [
        ("", &["usdc-tmai"]),
        ("status=LIVE&action=POOL&type=CLAMM", &["usdc-tmai"]),
        ("status=PAST", &[]),
        ("campaignId=second", &["usdc-tmai"]),
        ("campaignId=third", &[]),
        ("rewardTokenSymbol=TMAI&tokens=usdc", &["usdc-tmai"]),
        ("tokens=WETH", &[]),
        ("minimumTvl=0.01&minimumApr=1", &["usdc-tmai"]),
        ("maximumTvl=0", &[]),
        ("minimumDailyRewards=86400&maximumDailyRewards=86400", &["usdc-tmai"]),
        ("identifier=0xeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee", &["usdc-tmai"]),
        ("search=TMAI&sort=apr&order=asc", &["usdc-tmai"]),
        ("name=weth", &[]),
        ("tags=defi", &[]),
        ("chainId=1", &[]),
        ("page=1", &[]),
    ];
    for (query, expected) in cases {
        let answer = rig.get(&format!("/v4/opportunities?{query}")).await;
        assert_eq!(ids(&answer.json()), expected, "{query}");
    }
    let tokens = rig.get("/v4/tokens").await.json();
    let symbols: Vec<&str> =
        tokens.as_array().unwrap().iter().map(|token| token["symbol"].as_str().unwrap()).collect();
    assert_eq!(symbols, ["USDC", "TMAI"]);
    assert_eq!(
        rig.get("/v4/tokens?symbol=tmai&missingPrice=false").await.json().as_array().unwrap().len(),
        1
    );
    assert_eq!(rig.get("/v4/tokens?missingPrice=true").await.json(), json!([]));
    let chains = rig.get("/v4/chains").await.json();
    assert_eq!((&chains[0]["id"], &chains[0]["liveCampaigns"]), (&json!(CHAIN), &json!(1)));
    assert_eq!(rig.get("/v4/chains?name=Ethereum").await.json(), json!([]));
}

#[tokio::test]
async fn what_is_not_known_is_null_before_anything_is_indexed() {
    let rig = Rig::told(|settings| settings.prices.clear()).await;
    let campaign = rig.get("/v4/campaigns").await.json()[0].clone();
    assert_eq!(campaign["accrual"]["reason"], "not_indexed");
    assert_eq!(campaign["accrual"]["earned_units"], Value::Null);
    assert!(campaign.get("apr").is_none() && campaign.get("dailyRewards").is_none(), "{campaign}");
    assert_eq!(campaign["rewardToken"]["price"], Value::Null);
    let pool = rig.get("/v4/opportunities").await.json()[0].clone();
    assert_eq!(
        (&pool["tvl"], &pool["apr"], &pool["dailyRewards"]),
        (&Value::Null, &Value::Null, &Value::Null)
    );
    let rewards = rig.get(&format!("/v4/rewards?chainId={CHAIN}&campaignId=first")).await;
    assert_eq!((rewards.status.as_u16(), rewards.code().as_str()), (503, "behind_chain"));
    assert_eq!(rewards.headers["content-type"], "application/json");
}

#[tokio::test]
async fn no_answer_has_text_that_their_client_makes_a_date_of() {
    let rig = Rig::told(|settings| settings.tokens[1].symbol = "2025-06-05".to_owned()).await;
    rig.fill(2).await;
    let paths = [
        "/v4/campaigns?withOpportunity=true".to_owned(),
        "/v4/opportunities?campaigns=true".to_owned(),
        format!("/v4/rewards?chainId={CHAIN}&campaignId=first"),
        format!("/v4/users/{}/rewards/breakdowns", address(1)),
        "/v4/tokens".to_owned(),
        "/v4/chains".to_owned(),
        "/v4/campaigns/first/metrics".to_owned(),
    ];
    for path in paths {
        let answer = rig.get(&path).await;
        assert_eq!(answer.status, 200, "{path}");
        let mut texts = Vec::new();
        strings(&answer.json(), &mut texts);
        for text in texts {
            let parts: Vec<&str> = text.split(['-', '/', ' ', 'T']).collect();
            let digits = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
            let dated = parts.windows(3).any(|three| three.iter().all(digits));
            assert!(!dated || text.starts_with('~'), "{path}: {text}");
        }
        assert!(!answer.text.contains("\"2025-"), "{path}: {}", answer.text);
    }
}

/// Every text of an answer.
fn strings(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::String(text) => into.push(text.clone()),
        Value::Array(values) => values.iter().for_each(|value| strings(value, into)),
        Value::Object(fields) => fields.values().for_each(|value| strings(value, into)),
        _ => {}
    }
}
