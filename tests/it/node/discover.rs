//! Campaigns announced on a real node, for a real Uniswap pool and a pair of our own, found as configuration.

use accrual_rehearsal::{Promise, abi, account, range, tkn, usd};
use accrual_rewards::unit::Tick;
use accrual_tests::binary;
use alloy::primitives::{Address, B256, Bytes, U256};
use alloy::sol_types::{SolEvent, SolValue};

use super::venues::stage;

/// 2025-06-05T17:00:00Z, and two weeks.
const STARTS_AT: u32 = 1_749_142_800;
const DURATION_SECONDS: u32 = 1_209_600;

/// Ten head words, in range only, weights 4000/3000/3000.
fn concentrated(pool: Address, blacklist: Vec<Address>) -> Bytes {
    let none = Vec::<Address>::new();
    let number = U256::from;
    let data = (
        pool,
        number(4000),
        number(3000),
        number(3000),
        U256::ZERO,
        Address::ZERO,
        U256::ZERO,
        none,
        blacklist,
        String::new(),
    );
    data.abi_encode_params().into()
}

fn token(token: Address) -> Bytes {
    let (none, no_bytes) = (Vec::<Address>::new(), Vec::<Bytes>::new());
    (token, none.clone(), none, String::new(), no_bytes.clone(), no_bytes, Bytes::new())
        .abi_encode_params()
        .into()
}

#[tokio::test(flavor = "multi_thread")]
async fn announced_campaigns_become_configuration() {
    let mut stage = stage().await;
    let pool = stage.open_pool(3000, Tick(283_200)).await.unwrap();
    let pair = stage.open_pair(stage.usd, stage.tkn).await.unwrap();
    let creator = stage.open_creator().await.unwrap();
    let (ann, reward) = (account("ann"), stage.reward);
    stage.enroll(&[ann]).await.unwrap();
    let mint = stage.mint(&pool, ann, ann, range(282_000, 284_400), usd(500), tkn(1000));
    stage.play(&[mint]).await.unwrap();
    let promise = |campaign_type, data| Promise {
        reward_token: reward,
        gross_units: U256::from(tkn(1_000_000)),
        campaign_type,
        starts_at: STARTS_AT,
        duration_seconds: DURATION_SECONDS,
        data,
    };
    let own = promise(2, concentrated(pool.address, vec![]));
    let other_token = Promise { reward_token: stage.usd, ..own.clone() };
    let later = |starts_at| Promise { starts_at, ..own.clone() };
    let (cancelled, moved) = (later(STARTS_AT + 1), later(STARTS_AT + 2));
    let announced = stage
        .play(&[
            stage.announce(creator, ann, &own),
            stage.announce(creator, ann, &promise(1, token(pair.gauge))),
            stage.announce(creator, ann, &promise(2, B256::repeat_byte(7).to_vec().into())),
            stage.announce(creator, ann, &promise(2, vec![0xff; 400].into())),
            stage.announce(creator, ann, &other_token),
            stage.announce(creator, ann, &cancelled),
            stage.announce(creator, ann, &moved),
        ])
        .await
        .unwrap();
    let ids: Vec<B256> = announced
        .events::<abi::MerklCreator::NewCampaign>(creator)
        .iter()
        .map(|event| event.campaign.campaignId)
        .collect();
    let id = ids[0];
    let no_more = Promise { campaign_type: 99, ..cancelled };
    let elsewhere = Promise { data: concentrated(pair.address, vec![]), ..moved };
    let longer = Promise {
        duration_seconds: 2 * DURATION_SECONDS,
        data: concentrated(pool.address, vec![ann]),
        ..own
    };
    let overrides = [
        stage.announce_override(creator, ann, id, &longer),
        stage.announce_override(creator, ann, ids[5], &no_more),
        stage.announce_override(creator, ann, ids[6], &elsewhere),
    ];
    stage.play(&overrides).await.unwrap();
    assert_eq!(abi::MerklCreator::NewCampaign::SIGNATURE_HASH, accrual_indexer::decode::merkl::TOPICS[0]);

    let folder = tempfile::tempdir().unwrap();
    let head = format!(
        "[chain]\nid = 8453\nrpc_urls = [\"{}\"]\n\n[merkl]\ndistribution_creator = \"{creator}\"\n\n",
        stage.anvil.url()
    );
    let config = folder.path().join("accrual.toml");
    std::fs::write(&config, &head).unwrap();
    let (reward_token, from) = (reward.to_string(), pool.created_block.to_string());
    let discover = async |token: &str| {
        let config = binary::text(&config);
        binary::run(&["discover", "--config", config, "--reward-token", token, "--from", &from]).await
    };
    let ended = discover(&reward_token).await;
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let found = ended.stdout;
    for words in [
        "venue = \"uniswap_v3\"",
        "venue = \"aerodrome_basic\"",
        "kind = \"erc20_gauge\"",
        &format!("address = \"{}\"", pool.address),
        &format!("address = \"{}\"", pair.address),
        &format!("address = \"{}\"", pair.gauge),
        &format!("created_block = {}", pool.created_block),
        "symbol = \"rUSD\"",
        // The reward token is in neither pool.
        &format!("[[tokens]]\naddress = \"{reward}\""),
        &format!("merkl_campaign_id = \"{id}\""),
        // Net: 3 % less than what was paid.
        "budget_units = \"970000000000000000000000\"",
        "starts_at = \"2025-06-05T17:00:00Z\"",
        "ends_at = \"2025-06-19T17:00:00Z\"",
        "weights = { fees = 4000, token0 = 3000, token1 = 3000 }",
        "[[campaigns.versions]]",
        "ends_at = \"2025-07-03T17:00:00Z\"",
        &format!("blacklist = [\"{ann}\"]"),
        "is the hash of a configuration that lies with Merkl",
        "word 7 of the campaign's data",
        "accrual does not compute campaigns of this type (a campaign is cancelled that way)",
        &format!("it is about {} from there on", pair.address),
    ] {
        assert!(found.contains(words), "no {words} in\n{found}");
    }
    assert_eq!(found.matches("\n[[campaigns]]").count(), 2, "{found}");

    // What was printed is taken as it is.
    std::fs::write(&config, format!("{head}{found}")).unwrap();
    let ended = binary::run(&["check", "--config", binary::text(&config), "config"]).await;
    assert_eq!(
        (ended.code, ended.stdout.trim()),
        (0, "config: 2 pools, 2 campaigns, chain 8453"),
        "{}",
        ended.stderr
    );

    let nobody = account("a token of nobody").to_string();
    let ended = discover(&nobody).await;
    assert!(
        ended.code == 0 && ended.stderr.contains("no campaign that pays"),
        "{} {}",
        ended.stdout,
        ended.stderr
    );
}
