//! A small pool with a campaign, indexed by hand, and an API over it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use accrual_access::change::Purpose;
use accrual_api::app::POLL_INTERVAL;
use accrual_api::keys::{Asker, KeyRules, NewKey};
use accrual_api::scope::Scope;
use accrual_api::{Api, ApiKey, Clock, KeyEnv, Pepper, PoolInfo, Settings, TokenInfo, router};
use accrual_rewards::campaign::{Campaign, Scoring, Weights, Window};
use accrual_rewards::event::{PlacedEvent, PoolEvent};
use accrual_rewards::id::{Holding, PoolId, Venue};
use accrual_rewards::math::amounts::{Rounding, holdings};
use accrual_rewards::math::tick::sqrt_ratio;
use accrual_rewards::price::Source;
use accrual_rewards::tracker::Pool;
use accrual_rewards::unit::{BlockNumber, Liquidity, Tick, TickRange, UnixSeconds};
use accrual_store::Pack;
use accrual_store::commit::{self, Extension, PoolExtension};
use accrual_store::{BlockRef, ChainRow, Db, Header, Mode, PoolRow, chain, pools};
use alloy_primitives::{Address, B256};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use secrecy::ExposeSecret;
use serde_json::Value;
use tower::ServiceExt;

pub(crate) const CHAIN: u64 = 8453;
pub(crate) const START: u64 = 1_749_000_000;
pub(crate) const FIRST_BLOCK: u64 = 100;

/// Everything that a test holds on to.
pub(crate) struct Rig {
    pub(crate) api: Api,
    pub(crate) db: Db,
    pub(crate) router: Router,
    pub(crate) now: Arc<AtomicU64>,
    pub(crate) key: String,
    clients: AtomicU64,
    _folder: Option<tempfile::TempDir>,
}

/// An answer, read to its end.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub(crate) fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }
}

impl Rig {
    /// Blocks 100 and 101 are stored: a price, and `accounts` positions of rising liquidity.
    pub(crate) async fn new(accounts: u8) -> Self {
        let rig = Self::empty(None).await;
        rig.fill(accounts).await;
        rig
    }

    /// Stores blocks 100 and 101 as [`Rig::new`] has them.
    pub(crate) async fn fill(&self, accounts: u8) {
        let liquidity =
            (1..=accounts).map(|n| event(FIRST_BLOCK, n.into(), added(n, 1_000_000_000 * u128::from(n))));
        let tick = Tick(10);
        let price = PoolEvent::Initialized { sqrt_price_x96: sqrt_ratio(tick).unwrap(), tick };
        let events: Vec<PlacedEvent> =
            std::iter::once(event(FIRST_BLOCK, 0, price)).chain(liquidity).collect();
        self.extend(None, FIRST_BLOCK, 0, &events).await;
        self.extend(Some((FIRST_BLOCK, 0)), FIRST_BLOCK + 1, 0, &[]).await;
        self.api.book().refresh().await.unwrap();
    }

    pub(crate) async fn empty(notice: Option<&str>) -> Self {
        Self::told(|settings| settings.notice = notice.map(str::to_owned)).await
    }

    /// Nothing is stored, and the server is told what `tell` makes of its settings.
    pub(crate) async fn told(tell: impl FnOnce(&mut Settings)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("t.db").display()).parse().unwrap();
        let db = Db::open(&url, Mode::Write).await.unwrap();
        db.migrate().await.unwrap();
        Self { _folder: Some(folder), ..Self::over(db, tell).await }
    }

    /// The same over a fresh database of whatever engine.
    pub(crate) async fn over(db: Db, tell: impl FnOnce(&mut Settings)) -> Self {
        let pool = pool();
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
        pools::register(&db, &row).await.unwrap();
        let now = Arc::new(AtomicU64::new(START + 12));
        let mut settings = settings(Arc::clone(&now));
        tell(&mut settings);
        let api = Api::new(db.clone(), settings).unwrap();
        let router = router(&api);
        let mut rig =
            Self { api, db, router, now, key: String::new(), clients: AtomicU64::new(0), _folder: None };
        rig.api.keys().refresh().await.unwrap();
        rig.key = rig.new_key(&Scope::ALL).await;
        rig
    }

    /// A key of a client of its own.
    pub(crate) async fn new_key(&self, scopes: &[Scope]) -> String {
        let number = self.clients.fetch_add(1, Ordering::SeqCst);
        let issued = self.issue(&format!("tests-{number}"), scopes).await;
        issued.reveal().expose_secret().to_owned()
    }

    /// A key of that client.
    pub(crate) async fn issue(&self, client: &str, scopes: &[Scope]) -> ApiKey {
        let new = new_key(client, scopes);
        self.api.keys().create(new, &Asker::default()).await.unwrap().key.unwrap()
    }

    /// Stores one more block of the branch `fork`.
    pub(crate) async fn extend(
        &self,
        after: Option<(u64, u8)>,
        number: u64,
        fork: u8,
        events: &[PlacedEvent],
    ) {
        let pool = pool().id;
        let after =
            after.map(|(number, fork)| BlockRef { number: BlockNumber(number), hash: hash(number, fork) });
        let part =
            PoolExtension { pool: &pool, after, packs: &Pack::of(events), snapshots: &[], series: None };
        let through = header(number, fork);
        let extension = Extension { chain_id: CHAIN, through, headers: &[], pools: &[part] };
        commit::extend(&self.db, &extension).await.unwrap();
    }

    pub(crate) async fn rewind(&self, to: u64, fork: u8) {
        commit::rewind(&self.db, CHAIN, &[pool().id], &header(to, fork)).await.unwrap();
    }

    pub(crate) async fn finalize(&self, safe: u64, finalized: u64) {
        let row = ChainRow {
            chain_id: CHAIN,
            latest_number: BlockNumber(FIRST_BLOCK + 1),
            latest_hash: hash(FIRST_BLOCK + 1, 0),
            latest_at: UnixSeconds(START),
            safe_number: Some(BlockNumber(safe)),
            finalized_number: Some(BlockNumber(finalized)),
            seen_at: UnixSeconds(START),
        };
        chain::record(&self.db, &row).await.unwrap();
        self.api.book().refresh().await.unwrap();
    }

    pub(crate) fn set_now(&self, seconds: u64) {
        self.now.store(seconds, Ordering::SeqCst);
    }

    /// `GET path` with the rig's key.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask(Request::get(path).header("x-api-key", &self.key).body(Body::empty()).unwrap()).await
    }

    /// `GET path` with these headers and no other.
    pub(crate) async fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        let request =
            headers.iter().fold(Request::get(path), |request, (name, value)| request.header(*name, *value));
        self.ask(request.body(Body::empty()).unwrap()).await
    }

    /// A call with a body, if there is one.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Answer {
        let request = Request::builder().method(method).uri(path);
        let mut request =
            headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let says = headers.iter().any(|(name, _)| *name == "content-type");
        if body.is_some() && !says {
            request = request.header("content-type", "application/json");
        }
        let body = body.map_or(Body::empty(), |body| Body::from(body.to_string()));
        self.ask(request.body(body).unwrap()).await
    }

    /// `GET path` with `key`, from `peer`, which may say that it speaks for somebody else.
    pub(crate) async fn get_from(
        &self,
        path: &str,
        key: &str,
        peer: &str,
        forwarded: Option<&str>,
    ) -> Answer {
        let peer: SocketAddr = format!("{peer}:4711").parse().unwrap();
        let mut request = Request::get(path).header("x-api-key", key).extension(ConnectInfo(peer));
        if let Some(forwarded) = forwarded {
            request = request.header("x-forwarded-for", forwarded);
        }
        self.ask(request.body(Body::empty()).unwrap()).await
    }

    /// Writes down which keys were used.
    pub(crate) async fn write_uses(&self) {
        let now = UnixSeconds(self.now.load(Ordering::SeqCst));
        self.api.usage().write(&self.db, self.api.keys().replica_id(), now).await.unwrap();
    }

    pub(crate) async fn ask(&self, request: Request<Body>) -> Answer {
        let answer = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = answer.into_parts();
        let text = String::from_utf8_lossy(&to_bytes(body, usize::MAX).await.unwrap()).into_owned();
        Answer { status: parts.status, headers: parts.headers, text }
    }
}

/// A key to make.
pub(crate) fn new_key(client: &str, scopes: &[Scope]) -> NewKey {
    NewKey {
        client: client.to_owned(),
        plan: Some("vip".to_owned()),
        purpose: Purpose {
            scopes: scopes.iter().copied().collect(),
            networks: Default::default(),
            expires_at: None,
            note: String::new(),
        },
        env: KeyEnv::Test,
    }
}

pub(crate) fn settings(now: Arc<AtomicU64>) -> Settings {
    let token = |byte, symbol: &str, decimals| TokenInfo {
        address: address(byte),
        symbol: symbol.to_owned(),
        decimals,
    };
    Settings {
        chain_id: CHAIN,
        block_seconds: Some(2),
        pools: vec![PoolInfo { pool: pool(), token0: Some(address(0xa0)), token1: Some(address(0xa1)) }],
        campaigns: vec![campaign()],
        tokens: vec![token(0xa0, "USDC", 6), token(0xa1, "TMAI", 6)],
        prices: BTreeMap::from([
            (address(0xa0), Source::Fixed { usd: "1".parse().unwrap() }),
            (address(0xa1), Source::Fixed { usd: "1".parse().unwrap() }),
        ]),
        peppers: Pepper::new(1, vec![9; 32]).unwrap().into(),
        key_rules: KeyRules::default(),
        access: Default::default(),
        trusted_proxies: Default::default(),
        clock: Clock::new(move || UnixSeconds(now.load(Ordering::SeqCst))),
        notice: None,
        poll_interval: POLL_INTERVAL,
        stale_after_seconds: 60,
        webhooks: Default::default(),
        mcp: Default::default(),
        sign_in: None,
        announced: Default::default(),
        security: None,
        merkl: None,
    }
}

pub(crate) fn pool() -> Pool {
    Pool {
        id: PoolId::try_from("usdc-tmai".to_owned()).unwrap(),
        venue: Venue::UniswapV3,
        address: address(0xee),
        position_manager: None,
        created_block: BlockNumber(FIRST_BLOCK),
        vault: None,
        feeds: Vec::new(),
        wrappers: Vec::new(),
        facts: Default::default(),
    }
}

pub(crate) fn campaign() -> Campaign {
    let campaign = Campaign {
        id: "first".parse().unwrap(),
        pool: pool().id,
        merkl_campaign_id: None,
        reward_token: address(0xa1),
        budget: "1000000000".parse().unwrap(),
        fee_ppm: 30_000,
        window: Window { starts_at: UnixSeconds(START), ends_at: UnixSeconds(START + 1000) },
        scoring: Scoring::PerBlock,
        run_seconds: None,
        weights: Weights { fees: 4000, token0: 3000, token1: 3000 },
        out_of_range: false,
        blacklist: BTreeSet::new(),
        whitelist: BTreeSet::new(),
        value_min_usd: None,
        versions: Vec::new(),
    };
    campaign.checked().unwrap()
}

/// Two seconds a block, as on Base.
pub(crate) fn time(block: u64) -> u64 {
    START + 2 * (block - FIRST_BLOCK)
}

pub(crate) fn event(block: u64, log_index: u32, event: PoolEvent) -> PlacedEvent {
    let (block_number, block_at) = (BlockNumber(block), UnixSeconds(time(block)));
    PlacedEvent { block_number, block_at, log_index, event }
}

/// Liquidity around the price for the account of `byte`.
pub(crate) fn added(byte: u8, liquidity: u128) -> PoolEvent {
    let (range, liquidity) = (TickRange { lower: Tick(-600), upper: Tick(600) }, Liquidity(liquidity));
    let tick = Tick(10);
    let (amount0, amount1) =
        holdings(liquidity, range, tick, sqrt_ratio(tick).unwrap(), Rounding::Up).unwrap();
    let holding = Holding::Own { owner: address(byte), range };
    PoolEvent::LiquidityAdded { holding, range, liquidity, amount0, amount1 }
}

pub(crate) fn address(byte: u8) -> Address {
    Address::repeat_byte(byte)
}

pub(crate) fn header(number: u64, fork: u8) -> Header {
    let parent_hash = hash(number - 1, 0);
    Header {
        number: BlockNumber(number),
        hash: hash(number, fork),
        parent_hash,
        at: UnixSeconds(time(number)),
    }
}

pub(crate) fn hash(number: u64, fork: u8) -> B256 {
    let mut hash = B256::repeat_byte(fork);
    hash[24..].copy_from_slice(&number.to_be_bytes());
    hash
}
