//! How long a chart of 14 days takes: three pools, each with a campaign of 1000 accounts, hours stored for all.
//!
//! `cargo bench -p accrual-api`

use std::collections::{BTreeMap, BTreeSet};
use std::hint::black_box;
use std::time::Instant;

use accrual_access::change::Purpose;
use accrual_api::app::POLL_INTERVAL;
use accrual_api::keys::{Asker, NewKey};
use accrual_api::scope::Scope;
use accrual_api::{Api, Clock, KeyEnv, Pepper, PoolInfo, Settings, TokenInfo, router};
use accrual_rewards::campaign::{Campaign, Scoring, Weights, Window};
use accrual_rewards::event::{PlacedEvent, PoolEvent};
use accrual_rewards::id::{Holding, Venue};
use accrual_rewards::math::amounts::{Rounding, holdings};
use accrual_rewards::math::tick::sqrt_ratio;
use accrual_rewards::price::Source;
use accrual_rewards::tracker::Pool;
use accrual_rewards::unit::{BlockNumber, Liquidity, Tick, TickRange, UnixSeconds};
use accrual_store::commit::{self, Extension, PoolExtension};
use accrual_store::{BlockRef, Db, Header, Mode, PoolRow, pools, record};
use alloy_primitives::{Address, B256, U256};
use axum::body::{Body, to_bytes};
use axum::http::Request;
use secrecy::ExposeSecret;
use tower::ServiceExt;

const CHAIN: u64 = 8453;
const START: u64 = 1_749_142_800;
const DAYS: u64 = 14;
const ACCOUNTS: u16 = 1000;
const ROUNDS: u32 = 20;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let folder = tempfile::tempdir().expect("a folder");
    let url = format!("sqlite://{}", folder.path().join("b.db").display()).parse().expect("an address");
    let db = Db::open(&url, Mode::Write).await.expect("it opens");
    db.migrate().await.expect("it migrates");
    let campaigns: Vec<Campaign> = (1..=3).map(campaign).collect();
    for n in 1..=3 {
        fill(&db, n, &campaigns).await;
    }
    let settings = settings(campaigns);
    let api = Api::new(db.clone(), settings).expect("an API");
    api.book().refresh().await.expect("a book");
    let key = key(&api).await;
    let router = router(&api);
    for path in [
        "/v1/pools/p1/history".to_owned(),
        "/v1/campaigns/c1/history".to_owned(),
        format!("/v1/accounts/{:#x}/history?campaign=c1", account(500)),
        "/v1/pools/p1?window=7d".to_owned(),
    ] {
        let mut took = Vec::new();
        for _ in 0..ROUNDS {
            let request =
                Request::get(&path).header("x-api-key", &key).body(Body::empty()).expect("a request");
            let begun = Instant::now();
            let answer = router.clone().oneshot(request).await.expect("an answer");
            let (parts, body) = answer.into_parts();
            let text = to_bytes(body, usize::MAX).await.expect("its body");
            took.push(begun.elapsed());
            assert!(parts.status.is_success(), "{path}: {text:?}");
            black_box(text);
        }
        took.sort_unstable();
        println!("{path}: median {:?}, slowest {:?}", took[took.len() / 2], took[took.len() - 1]);
    }
}

async fn key(api: &Api) -> String {
    let purpose = Purpose {
        scopes: Scope::ALL.into_iter().collect(),
        networks: Default::default(),
        expires_at: None,
        note: String::new(),
    };
    let new = NewKey { client: "bench".to_owned(), plan: Some("vip".to_owned()), purpose, env: KeyEnv::Test };
    let issued = api.keys().create(new, &Asker::default()).await.expect("a key");
    api.keys().refresh().await.expect("the keys");
    issued.key.expect("a secret").reveal().expose_secret().to_owned()
}

fn settings(campaigns: Vec<Campaign>) -> Settings {
    let token = |byte, symbol: &str| TokenInfo {
        address: Address::repeat_byte(byte),
        symbol: symbol.to_owned(),
        decimals: 6,
    };
    let price = || Source::Fixed { usd: 1.into() };
    let (token0, token1) = (Address::repeat_byte(0xa0), Address::repeat_byte(0xa1));
    let info = |n| PoolInfo { pool: pool(n), token0: Some(token0), token1: Some(token1) };
    let by_pool = Source::Pool { pool: pool(2).id, window_seconds: 1_800 };
    Settings {
        chain_id: CHAIN,
        block_seconds: Some(2),
        pools: (1..=3).map(info).collect(),
        campaigns,
        tokens: vec![token(0xa0, "USDC"), token(0xa1, "TMAI")],
        prices: BTreeMap::from([(token0, price()), (token1, by_pool)]),
        peppers: Pepper::new(1, vec![9; 32]).expect("a pepper").into(),
        key_rules: Default::default(),
        access: Default::default(),
        trusted_proxies: Default::default(),
        clock: Clock::new(|| UnixSeconds(START + DAYS * 86_400)),
        notice: None,
        poll_interval: POLL_INTERVAL,
        stale_after_seconds: 60,
        webhooks: Default::default(),
        mcp: Default::default(),
        sign_in: None,
        announced: Default::default(),
        security: None,
    }
}

fn account(n: u16) -> Address {
    Address::left_padding_from(&n.to_be_bytes())
}

fn pool(n: u8) -> Pool {
    Pool {
        id: format!("p{n}").parse().expect("an id"),
        venue: Venue::UniswapV3,
        address: Address::repeat_byte(n),
        position_manager: None,
        created_block: BlockNumber(1),
        vault: None,
        feeds: Vec::new(),
        wrappers: Vec::new(),
        facts: Default::default(),
    }
}

fn campaign(n: u8) -> Campaign {
    let campaign = Campaign {
        id: format!("c{n}").parse().expect("an id"),
        pool: pool(n).id,
        merkl_campaign_id: None,
        reward_token: Address::repeat_byte(0xa1),
        budget: "14920000000000000000000000".parse().expect("a number"),
        fee_ppm: 0,
        window: Window { starts_at: UnixSeconds(START), ends_at: UnixSeconds(START + DAYS * 86_400) },
        scoring: Scoring::PerBlock,
        run_seconds: None,
        weights: Weights { fees: 4000, token0: 3000, token1: 3000 },
        out_of_range: false,
        blacklist: BTreeSet::new(),
        whitelist: BTreeSet::new(),
        value_min_usd: None,
        versions: Vec::new(),
    };
    campaign.checked().expect("a campaign that can be paid")
}

/// A price and 1000 positions at the start, and hours up to the end.
async fn fill(db: &Db, n: u8, campaigns: &[Campaign]) {
    let pool = pool(n);
    let row = PoolRow {
        pool: pool.id.clone(),
        chain_id: CHAIN,
        venue: pool.venue,
        address: pool.address,
        position_manager: None,
        created_block: pool.created_block,
        token0: None,
        token1: None,
    };
    pools::register(db, &row).await.expect("a pool");
    let tick = Tick(10);
    let price = PoolEvent::Initialized { sqrt_price_x96: sqrt_ratio(tick).expect("a tick"), tick };
    let events: Vec<PlacedEvent> = std::iter::once(price)
        .chain((1..=ACCOUNTS).map(|n| added(n, tick)))
        .zip(0..)
        .map(|(event, log_index)| PlacedEvent {
            block_number: BlockNumber(1),
            block_at: UnixSeconds(START - 7_200),
            log_index,
            event,
        })
        .collect();
    let (first, last) = (header(1, START - 7_200), header(2, START + DAYS * 86_400));
    let after = BlockRef { number: first.number, hash: first.hash };
    for (after, through, events) in [(None, first, &events[..]), (Some(after), last, &[])] {
        let part = PoolExtension { pool: &pool.id, after, events, snapshots: &[], series: None };
        let extension = Extension { chain_id: CHAIN, through, headers: &[], pools: &[part] };
        commit::extend(db, &extension).await.expect("it is stored");
    }
    record::rewrite(db, &pool, campaigns).await.expect("hours are stored");
}

fn added(n: u16, tick: Tick) -> PoolEvent {
    let (range, liquidity) =
        (TickRange { lower: Tick(-600), upper: Tick(600) }, Liquidity(1_000_000_000 + u128::from(n)));
    let held = holdings(liquidity, range, tick, sqrt_ratio(tick).expect("a tick"), Rounding::Up);
    let (amount0, amount1) = held.expect("it fits");
    PoolEvent::LiquidityAdded {
        holding: Holding::Own { owner: account(n), range },
        range,
        liquidity,
        amount0,
        amount1,
    }
}

fn header(number: u64, at: u64) -> Header {
    let hash = |number: u64| B256::from(U256::from(number));
    Header {
        number: BlockNumber(number),
        hash: hash(number),
        parent_hash: hash(number - 1),
        at: UnixSeconds(at),
    }
}
