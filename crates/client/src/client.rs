//! A method for each call.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::{Method, Url};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::call::{Call, Transport};
use crate::error::ClientError;
use crate::keys::{KeyEvent, KeySource, Keys};
use crate::pages::Pages;
use crate::retry::Retry;
use crate::types::{
    Accrual, Campaign, Key, List, Overview, Point, Pool, Position, Reward, Rotated, Rotation, Simulation,
    Status,
};

const TIMEOUT: Duration = Duration::from_secs(30);

/// The API at one address, asked with one source of keys. Clones share the key.
#[derive(Clone)]
pub struct Client(Arc<Transport>);

/// A client with other settings than [`Client::new`] has.
pub struct Builder {
    url: String,
    source: KeySource,
    retry: Retry,
    timeout: Duration,
    allow_plain_http: bool,
    hook: Option<Hook>,
}

pub(crate) type Hook = Arc<dyn Fn(&KeyEvent) + Send + Sync>;

/// How far apart a chart's rows are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Interval {
    /// An hour.
    #[default]
    Hour,
    /// A day.
    Day,
}

/// Which stretch of a chart.
#[derive(Debug, Clone, Copy, Default)]
pub struct HistoryQuery {
    /// How far apart rows are.
    pub interval: Interval,
    /// The first instant; the service chooses when it is not given.
    pub from: Option<Timestamp>,
    /// The last instant; now when it is not given.
    pub to: Option<Timestamp>,
}

/// A position to think about.
#[derive(Debug, Clone)]
pub struct SimulateQuery {
    /// The pool.
    pub pool: String,
    /// What would be put in, in USD, as a decimal string.
    pub amount_usd: String,
    /// The range's ticks, of a pool that has ranges.
    pub ticks: Option<(i32, i32)>,
}

impl Client {
    /// The API at `url`, e.g. `https://api.example`.
    ///
    /// # Errors
    /// [`ClientError::BadUrl`]: no address, or one that would send the key over the network in the clear.
    pub fn new(url: &str, source: KeySource) -> Result<Self, ClientError> {
        Self::builder(url, source).build()
    }

    /// The same with other settings.
    pub fn builder(url: &str, source: KeySource) -> Builder {
        Builder {
            url: url.to_owned(),
            source,
            retry: Retry::default(),
            timeout: TIMEOUT,
            allow_plain_http: false,
            hook: None,
        }
    }

    /// All campaigns with their `top` largest earners, 50 at most, and all pools: of one block.
    ///
    /// # Errors
    /// As every call.
    pub async fn overview(&self, top: u32) -> Result<Overview, ClientError> {
        let mut url = self.url(&["overview"]);
        url.query_pairs_mut().append_pair("top", &top.to_string());
        self.get(url).await
    }

    /// How each part of the service is. Costs no call of the plan.
    ///
    /// # Errors
    /// As every call.
    pub async fn status(&self) -> Result<Status, ClientError> {
        self.get(self.0.open_url("status.json")).await
    }

    /// All campaigns.
    ///
    /// # Errors
    /// As every call: [`ClientError`].
    pub async fn campaigns(&self) -> Result<List<Campaign>, ClientError> {
        self.get(self.url(&["campaigns"])).await
    }

    /// One campaign.
    ///
    /// # Errors
    /// As every call.
    pub async fn campaign(&self, id: &str) -> Result<Campaign, ClientError> {
        self.get(self.url(&["campaigns", id])).await
    }

    /// Who earned what in a campaign, largest first.
    pub fn accruals(&self, campaign: &str) -> Pages<Accrual> {
        self.pages(self.url(&["campaigns", campaign, "accruals"]))
    }

    /// All pools.
    ///
    /// # Errors
    /// As every call.
    pub async fn pools(&self) -> Result<List<Pool>, ClientError> {
        self.get(self.url(&["pools"])).await
    }

    /// One pool.
    ///
    /// # Errors
    /// As every call.
    pub async fn pool(&self, id: &str) -> Result<Pool, ClientError> {
        self.get(self.url(&["pools", id])).await
    }

    /// A pool's chart.
    pub fn pool_history(&self, id: &str, query: &HistoryQuery) -> Pages<Point> {
        self.pages(query.on(self.url(&["pools", id, "history"])))
    }

    /// The positions of an account.
    ///
    /// # Errors
    /// As every call.
    pub async fn positions(&self, account: &str) -> Result<List<Position>, ClientError> {
        self.get(self.url(&["accounts", account, "positions"])).await
    }

    /// What an account has earned, campaign by campaign.
    ///
    /// # Errors
    /// As every call.
    pub async fn rewards(&self, account: &str) -> Result<List<Reward>, ClientError> {
        self.get(self.url(&["accounts", account, "rewards"])).await
    }

    /// An account's chart.
    pub fn account_history(&self, account: &str, query: &HistoryQuery) -> Pages<Point> {
        self.pages(query.on(self.url(&["accounts", account, "history"])))
    }

    /// What a new position would earn now, campaign by campaign.
    ///
    /// # Errors
    /// As every call.
    pub async fn simulate(&self, query: &SimulateQuery) -> Result<List<Simulation>, ClientError> {
        let mut url = self.url(&["simulate"]);
        url.query_pairs_mut().append_pair("pool", &query.pool).append_pair("amount_usd", &query.amount_usd);
        if let Some((lower, upper)) = query.ticks {
            let (lower, upper) = (lower.to_string(), upper.to_string());
            url.query_pairs_mut().append_pair("tick_lower", &lower).append_pair("tick_upper", &upper);
        }
        self.get(url).await
    }

    /// The client's calls, limits and invoice, as the service words them.
    ///
    /// # Errors
    /// As every call.
    pub async fn usage(&self) -> Result<Value, ClientError> {
        self.get(self.url(&["usage"])).await
    }

    /// The key that this client shows, without its secret.
    ///
    /// # Errors
    /// As every call.
    pub async fn key_self(&self) -> Result<Key, ClientError> {
        let answer: Data<Key> = self.get(self.url(&["keys", "self"])).await?;
        Ok(answer.data)
    }

    /// Exchanges the shown key for a new one, which is the caller's to keep; the old one is accepted for `overlap` more.
    /// This client goes on with the key of its source: [`KeySource::self_rotating`] does all of it.
    ///
    /// # Errors
    /// As every call.
    pub async fn rotate_self(&self, overlap: Duration) -> Result<Rotated, ClientError> {
        self.0.rotate_self(overlap).await
    }

    /// `/v1/` and these segments, each escaped as it needs.
    fn url(&self, segments: &[&str]) -> Url {
        self.0.url(segments)
    }

    fn pages<T: DeserializeOwned>(&self, url: Url) -> Pages<T> {
        Pages::new(self.clone(), url)
    }

    pub(crate) async fn get<T: DeserializeOwned>(&self, url: Url) -> Result<T, ClientError> {
        self.0.call(Call { method: Method::GET, url, body: None, idempotency_key: None }).await
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("url", &self.0.base().as_str()).finish_non_exhaustive()
    }
}

/// One thing in an envelope.
#[derive(Debug, Deserialize)]
pub(crate) struct Data<T> {
    pub(crate) data: T,
}

/// The answer to a rotation.
#[derive(Deserialize)]
pub(crate) struct RotatedBody {
    pub(crate) data: Rotation,
    #[serde(default)]
    pub(crate) key: Option<String>,
}

impl HistoryQuery {
    fn on(&self, mut url: Url) -> Url {
        let interval = match self.interval {
            Interval::Hour => "1h",
            Interval::Day => "1d",
        };
        url.query_pairs_mut().append_pair("interval", interval);
        for (name, at) in [("from", self.from), ("to", self.to)] {
            if let Some(at) = at {
                url.query_pairs_mut().append_pair(name, &at.to_string());
            }
        }
        url
    }
}

impl Builder {
    /// How patient calls are.
    pub fn retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }

    /// How long one attempt may take; 30 seconds unless told otherwise.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sends the key over `http://` also to other machines: for networks that encrypt by themselves.
    pub fn allow_plain_http(mut self) -> Self {
        self.allow_plain_http = true;
        self
    }

    /// Is told when a key is ending and what became of it. Called between requests: it should be quick.
    pub fn on_key_event(mut self, hook: impl Fn(&KeyEvent) + Send + Sync + 'static) -> Self {
        self.hook = Some(Arc::new(hook));
        self
    }

    /// The client. The key is read at its first call.
    ///
    /// # Errors
    /// [`ClientError::BadUrl`].
    pub fn build(self) -> Result<Client, ClientError> {
        let base = self.base().map_err(|why| ClientError::BadUrl { url: self.url.clone(), why })?;
        // A redirect would carry the key to wherever it points.
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(self.timeout)
            .user_agent(concat!("accrual-client/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(ClientError::Network)?;
        let keys = Keys::new(self.source, self.hook);
        Ok(Client(Arc::new(Transport::new(http, base, keys, self.retry))))
    }

    fn base(&self) -> Result<Url, String> {
        let mut base: Url = self.url.parse().map_err(|error| format!("{error}"))?;
        let host = base.host_str().ok_or("it names no host")?.to_owned();
        let address: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
        let is_here = host == "localhost" || address.is_some_and(|address| address.is_loopback());
        match base.scheme() {
            "https" => {}
            "http" if is_here || self.allow_plain_http => {}
            "http" => return Err("over http:// anybody on the way reads the key".to_owned()),
            other => return Err(format!("{other} is neither https nor http")),
        }
        if !base.username().is_empty() || base.password().is_some() || base.query().is_some() {
            return Err("it has more in it than host, port and path".to_owned());
        }
        let path = format!("{}/", base.path().trim_end_matches('/'));
        base.set_path(&path);
        Ok(base)
    }
}
