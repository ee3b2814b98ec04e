//! API servers in this process, on real sockets and in real time, over a database that they share.

use std::net::SocketAddr;

use accrual_access::change::Purpose;
use accrual_access::key::{ApiKey, KeyEnv, Pepper};
use accrual_access::plan::{History, Plan, Plans};
use accrual_access::scope::Scope;
use accrual_api::app::{AccessSettings, POLL_INTERVAL};
use accrual_api::keys::{Asker, KeyRules, NewKey};
use accrual_api::{Api, Clock, Settings, serve};
use accrual_rewards::unit::UnixSeconds;
use accrual_store::{Db, DbUrl, Mode};
use secrecy::ExposeSecret;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// A server of its own on a shared database.
pub(crate) struct Server {
    pub(crate) api: Api,
    pub(crate) address: SocketAddr,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Server {
    pub(crate) async fn start(url: &DbUrl) -> Self {
        let db = Db::open(url, Mode::Write).await.unwrap();
        let api = Api::new(db, settings()).unwrap();
        api.keys().refresh().await.unwrap();
        api.keys().beat().await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
        let serving = serve::serve(api.clone(), listener, stop.clone());
        let task = tokio::spawn(async move { serving.await.unwrap() });
        Self { api, address, stop, task }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) async fn stop(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }
}

#[expect(clippy::disallowed_methods, reason = "real servers tell real time")]
pub(crate) fn now_ms() -> u64 {
    u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap()
}

fn settings() -> Settings {
    let plan = Plan {
        name: "load".to_owned(),
        valid_from: UnixSeconds(0),
        valid_until: None,
        calls_per_month: 100_000_000,
        calls_per_minute: 3_000_000,
        history: History::Unlimited,
        overage_microusd: None,
        spend_cap_microusd: 0,
        marketplace_name: None,
        features: Scope::ALL.into_iter().collect(),
    };
    let access = AccessSettings { plans: Plans::new(vec![plan]).unwrap(), ..AccessSettings::default() };
    Settings {
        chain_id: 8453,
        block_seconds: Some(2),
        pools: Vec::new(),
        campaigns: Vec::new(),
        tokens: Vec::new(),
        prices: Default::default(),
        peppers: Pepper::new(1, vec![5; 32]).unwrap().into(),
        key_rules: KeyRules::default(),
        access,
        trusted_proxies: Default::default(),
        clock: Clock::of_ms(now_ms),
        notice: None,
        poll_interval: POLL_INTERVAL,
        stale_after_seconds: 60,
        webhooks: Default::default(),
        sign_in: None,
        announced: Default::default(),
        security: None,
        mcp: Default::default(),
        merkl: None,
    }
}

/// A reader's key.
pub(crate) async fn key(server: &Server, client: &str) -> ApiKey {
    key_with(server, client, &[Scope::ReadPublic, Scope::RotateSelf]).await
}

pub(crate) async fn key_with(server: &Server, client: &str, scopes: &[Scope]) -> ApiKey {
    let purpose = Purpose {
        scopes: scopes.iter().copied().collect(),
        networks: Default::default(),
        expires_at: None,
        note: String::new(),
    };
    let new = NewKey { client: client.to_owned(), plan: Some("load".to_owned()), purpose, env: KeyEnv::Live };
    server.api.keys().create(new, &Asker::default()).await.unwrap().key.unwrap()
}

pub(crate) fn text(key: &ApiKey) -> String {
    key.reveal().expose_secret().to_owned()
}

pub(crate) async fn status(http: &reqwest::Client, url: &str, key: &str) -> u16 {
    http.get(url).header("x-api-key", key).send().await.unwrap().status().as_u16()
}
