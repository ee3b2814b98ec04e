//! What the benches measure over: pools with a campaign each, stored as the indexer would, and an API's settings for them.

use std::collections::{BTreeMap, BTreeSet};

use accrual_access::change::Purpose;
use accrual_access::plan::{History, Plan, Plans};
use accrual_api::app::{AccessSettings, POLL_INTERVAL};
use accrual_api::keys::{Asker, NewKey};
use accrual_api::scope::Scope;
use accrual_api::{Api, Clock, KeyEnv, Pepper, PoolInfo, Settings, StreamLimits, TokenInfo};
use accrual_rewards::campaign::{Campaign, Scoring, Weights, Window};
use accrual_rewards::event::{PlacedEvent, PoolEvent};
use accrual_rewards::id::{Holding, Venue};
use accrual_rewards::math::amounts::{Rounding, holdings};
use accrual_rewards::math::tick::sqrt_ratio;
use accrual_rewards::price::Source;
use accrual_rewards::tracker::Pool;
use accrual_rewards::unit::{BlockNumber, Liquidity, Tick, TickRange, UnixSeconds};
use accrual_store::Pack;
use accrual_store::commit::{self, Extension, PoolExtension};
use accrual_store::{BlockRef, Db, Header, PoolRow, pools, record};
use alloy_primitives::{Address, B256, U256};
use secrecy::ExposeSecret;

const CHAIN: u64 = 8453;
const TICK: Tick = Tick(10);
const DAY: u64 = 86_400;
/// How many calls the benches' plan allows a minute: more than are made.
const CALLS_PER_MINUTE: u32 = 10_000_000;

/// The pools `p1`, `p2` and so on, with the campaigns `c1`, `c2` and so on.
#[derive(Debug, Clone)]
pub(crate) struct World {
    /// How many accounts each pool has, each with a position in range.
    pub(crate) accounts: Vec<u32>,
    /// When the campaigns begin, and for how long they last.
    pub(crate) window: Window,
    /// When the first block is: the positions are added in it.
    pub(crate) begins_at: UnixSeconds,
    /// When the last stored block is.
    pub(crate) stored_to: UnixSeconds,
}

impl World {
    /// Stores all of it: one block with the positions, one at the end, and the hours between them.
    pub(crate) async fn store(&self, db: &Db) {
        db.migrate().await.expect("it migrates");
        let campaigns = self.campaigns();
        for (n, accounts) in (1..).zip(&self.accounts) {
            self.fill(db, n, *accounts).await;
            record::rewrite(db, &pool(n), &campaigns).await.expect("hours are stored");
        }
    }

    /// The API's settings over it.
    pub(crate) fn settings(&self, clock: Clock) -> Settings {
        let token = |byte, symbol: &str| TokenInfo {
            address: Address::repeat_byte(byte),
            symbol: symbol.to_owned(),
            decimals: 6,
        };
        let (token0, token1) = (Address::repeat_byte(0xa0), Address::repeat_byte(0xa1));
        let info = |n| PoolInfo { pool: pool(n), token0: Some(token0), token1: Some(token1) };
        let by_pool = Source::Pool { pool: pool(self.newest()).id, window_seconds: 1_800 };
        Settings {
            chain_id: CHAIN,
            block_seconds: Some(2),
            pools: (1..=self.newest()).map(info).collect(),
            campaigns: self.campaigns(),
            tokens: vec![token(0xa0, "USDC"), token(0xa1, "TMAI")],
            prices: BTreeMap::from([(token0, Source::Fixed { usd: 1.into() }), (token1, by_pool)]),
            peppers: Pepper::new(1, vec![9; 32]).expect("a pepper").into(),
            key_rules: Default::default(),
            access: access(),
            trusted_proxies: Default::default(),
            clock,
            notice: None,
            poll_interval: POLL_INTERVAL,
            stale_after_seconds: 60,
            webhooks: Default::default(),
            mcp: Default::default(),
            sign_in: None,
            security: None,
            merkl: None,
            announced: Default::default(),
        }
    }

    /// The campaigns, one a pool.
    fn campaigns(&self) -> Vec<Campaign> {
        (1..=self.newest()).map(|n| campaign(n, self.window)).collect()
    }

    /// The newest pool's number.
    fn newest(&self) -> u8 {
        u8::try_from(self.accounts.len()).expect("a few pools")
    }

    async fn fill(&self, db: &Db, n: u8, accounts: u32) {
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
        let price = PoolEvent::Initialized { sqrt_price_x96: sqrt_ratio(TICK).expect("a tick"), tick: TICK };
        let first = header(1, self.begins_at);
        let events = std::iter::once(price).chain((1..=accounts).map(added));
        let events = placed(&first, events);
        let last = header(2, self.stored_to);
        for (after, through, events) in [(None, first, &events[..]), (Some(first), last, &[])] {
            extend(db, &[n], after, through, events).await;
        }
    }

    /// The block `number` that comes `seconds` after the last stored one, with an account of each pool that adds liquidity.
    pub(crate) async fn next_block(&self, db: &Db, number: u64, seconds: u64) {
        let after = header(number - 1, self.stored_to);
        let through = header(number, UnixSeconds(self.stored_to.0 + seconds));
        let one = added(u32::try_from(number % 1_000 + 1).expect("a small number"));
        let events = placed(&through, std::iter::once(one));
        let all: Vec<u8> = (1..=self.newest()).collect();
        extend(db, &all, Some(after), through, &events).await;
    }
}

/// The published plans, with one that no bench reaches the limits of.
fn access() -> AccessSettings {
    let plan = Plan {
        name: "bench".to_owned(),
        valid_from: UnixSeconds(0),
        valid_until: None,
        calls_per_month: u64::from(u32::MAX),
        calls_per_minute: CALLS_PER_MINUTE,
        history: History::Unlimited,
        overage_microusd: None,
        spend_cap_microusd: 0,
        marketplace_name: None,
        features: Scope::ALL.into_iter().collect(),
    };
    let plans = Plans::new(vec![plan]).expect("a plan");
    let streams = StreamLimits { per_client_max: 200, all_max: 5_000 };
    AccessSettings { plans, streams, ..AccessSettings::default() }
}

/// A key of a client of its own.
pub(crate) async fn key(api: &Api, client: &str) -> String {
    let purpose = Purpose {
        scopes: Scope::ALL.into_iter().collect(),
        networks: Default::default(),
        expires_at: None,
        note: String::new(),
    };
    let new =
        NewKey { client: client.to_owned(), plan: Some("bench".to_owned()), purpose, env: KeyEnv::Test };
    let issued = api.keys().create(new, &Asker::default()).await.expect("a key");
    api.keys().refresh().await.expect("the keys");
    issued.key.expect("a secret").reveal().expose_secret().to_owned()
}

/// The account of that number.
pub(crate) fn account(n: u32) -> Address {
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

fn campaign(n: u8, window: Window) -> Campaign {
    let campaign = Campaign {
        id: format!("c{n}").parse().expect("an id"),
        pool: pool(n).id,
        merkl_campaign_id: None,
        reward_token: Address::repeat_byte(0xa1),
        budget: "14920000000000000000000000".parse().expect("a number"),
        fee_ppm: 0,
        window,
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

fn added(n: u32) -> PoolEvent {
    let (range, liquidity) =
        (TickRange { lower: Tick(-600), upper: Tick(600) }, Liquidity(1_000_000_000 + u128::from(n)));
    let held = holdings(liquidity, range, TICK, sqrt_ratio(TICK).expect("a tick"), Rounding::Up);
    let (amount0, amount1) = held.expect("it fits");
    PoolEvent::LiquidityAdded {
        holding: Holding::Own { owner: account(n), range },
        range,
        liquidity,
        amount0,
        amount1,
    }
}

fn placed(block: &Header, events: impl Iterator<Item = PoolEvent>) -> Vec<PlacedEvent> {
    let place =
        |(event, log_index)| PlacedEvent { block_number: block.number, block_at: block.at, log_index, event };
    events.zip(0..).map(place).collect()
}

async fn extend(db: &Db, numbers: &[u8], after: Option<Header>, through: Header, events: &[PlacedEvent]) {
    let after = after.map(|after| BlockRef { number: after.number, hash: after.hash });
    let ids: Vec<_> = numbers.iter().map(|n| pool(*n).id).collect();
    let packs = Pack::of(events);
    let part = |id| PoolExtension { pool: id, after, packs: &packs, snapshots: &[], series: None };
    let pools: Vec<_> = ids.iter().map(part).collect();
    let extension = Extension { chain_id: CHAIN, through, headers: &[], pools: &pools };
    commit::extend(db, &extension).await.expect("it is stored");
}

fn header(number: u64, at: UnixSeconds) -> Header {
    let hash = |number: u64| B256::from(U256::from(number));
    Header { number: BlockNumber(number), hash: hash(number), parent_hash: hash(number - 1), at }
}

/// Some days, in seconds.
pub(crate) const fn days(count: u64) -> u64 {
    count * DAY
}
