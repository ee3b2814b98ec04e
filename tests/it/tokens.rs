//! What tokens say of themselves, read from the rehearsal's contracts and kept.

use accrual_indexer::preflight::check_pools;
use accrual_indexer::rpc::{RpcOptions, RpcSource};
use accrual_indexer::tokens::learn;
use accrual_recording::{NodeOptions, REHEARSAL, Recording};
use accrual_rewards::id::Venue;
use accrual_rewards::tracker::Pool;
use accrual_rewards::unit::BlockNumber;
use accrual_store::{PoolRow, TokenRow, pools, tokens};
use accrual_tests::db::on_each_engine;
use accrual_tests::played::play;
use alloy::primitives::Address;

/// The value of `key` in the recording's configuration, the `nth` time that it stands there.
fn configured<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str, key: &str, nth: usize) -> T {
    let mut values = text.lines().filter_map(|line| line.strip_prefix(key)?.trim().strip_prefix('='));
    values.nth(nth).unwrap().trim().trim_matches('"').parse().unwrap()
}

fn rehearsal_pool(text: &str) -> Pool {
    Pool {
        id: "p".parse().unwrap(),
        venue: Venue::UniswapV3,
        address: configured(text.split_once("[[pools]]").unwrap().1, "address", 0),
        position_manager: None,
        created_block: BlockNumber(1),
        vault: None,
        feeds: Vec::new(),
        wrappers: Vec::new(),
        facts: Default::default(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_contracts_say_is_kept() {
    let text = Recording::read(REHEARSAL).unwrap().meta.config_toml;
    let played = play(NodeOptions::default()).await;
    let source = RpcSource::new(std::slice::from_ref(&played.url), RpcOptions::default());
    let pool = rehearsal_pool(&text);
    let facts = check_pools(&source, std::slice::from_ref(&pool)).await.unwrap();
    let [usd, tkn]: [Address; 2] = [0, 1].map(|nth| configured(&text, "address", nth));
    assert_eq!(facts[0].tokens, [usd, tkn]);
    let row = PoolRow {
        pool: pool.id.clone(),
        chain_id: 8453,
        venue: pool.venue,
        address: pool.address,
        position_manager: None,
        created_block: pool.created_block,
        token0: None,
        token1: None,
    };
    let pools_asked = [Pool { facts: facts[0].clone(), ..pool.clone() }];
    on_each_engine(async |fresh| {
        let db = &fresh.db;
        pools::register(db, &row).await.unwrap();
        // As if an earlier version of the contract had been asked: what is known stays.
        let renamed =
            TokenRow { chain_id: 8453, address: tkn, symbol: Some("OLD".to_owned()), decimals: None };
        tokens::learn(db, &[renamed]).await.unwrap();
        learn(&source, db, 8453, &pools_asked, &[]).await.unwrap();
        let stored: Vec<(Address, Option<String>, Option<u8>)> = tokens::list(db, 8453)
            .await
            .unwrap()
            .into_iter()
            .map(|token| (token.address, token.symbol, token.decimals))
            .collect();
        let mut expected = [(usd, Some("rUSD".to_owned()), Some(6)), (tkn, Some("OLD".to_owned()), Some(18))];
        expected.sort();
        assert_eq!(stored, expected);
        let told = PoolRow { token0: Some(usd), token1: Some(tkn), ..row.clone() };
        assert_eq!(pools::list(db).await.unwrap(), [told]);

        // What is known is not asked again: a source without a node behind it is not missed.
        let nobody = RpcSource::new(&["http://127.0.0.1:9".to_owned()], RpcOptions::default());
        let before = fresh.dump().await;
        let again = learn(&nobody, db, 8453, &pools_asked, &[]);
        tokio::time::timeout(std::time::Duration::from_secs(3), again).await.expect("no question").unwrap();
        assert_eq!(fresh.dump().await, before);
    })
    .await;
}
