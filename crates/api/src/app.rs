//! What the API is made of, and what every request shares.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use accrual_access::invoice::Billing;
use accrual_access::network::Networks;
use accrual_access::plan::{Plans, published};
use accrual_rewards::campaign::Campaign;
use accrual_rewards::id::PoolId;
use accrual_rewards::price::Sources;
use accrual_rewards::tracker::Pool;
use accrual_rewards::unit::UnixSeconds;
use accrual_store::moment::Moment;
use accrual_store::replica::Reading;
use accrual_store::{Db, StoreError};
use alloy_primitives::Address;
use axum::http::HeaderValue;
use secrecy::SecretString;

use crate::announced::AnnouncedSettings;
use crate::book::{Book, Pair, State, Token};
use crate::clock::Clock;
use crate::finished::Kept;
use crate::key::Peppers;
use crate::keys::{KeyRules, Keys};
use crate::limits::Limits;
use crate::live::{Live, StreamLimits};
use crate::mcp::McpSettings;
use crate::metrics;
use crate::routes::history::PastHours;
use crate::sign_in::SignIn;
use crate::status::Looker;
use crate::usage::Usage;
use crate::view::{AsOf, Meta, Rfc3339};
use crate::webhooks::WebhookSettings;

/// What the server is told at its start.
#[derive(Debug)]
pub struct Settings {
    /// The chain that the database holds.
    pub chain_id: u64,
    /// The chain's fixed time between blocks, if it has one.
    pub block_seconds: Option<u64>,
    /// The pools to serve.
    pub pools: Vec<PoolInfo>,
    /// The campaigns to serve.
    pub campaigns: Vec<Campaign>,
    /// What was announced of them.
    pub announced: AnnouncedSettings,
    /// What the configuration says of tokens; the others are learnt from the database.
    pub tokens: Vec<TokenInfo>,
    /// Where each token's price comes from.
    pub prices: Sources,
    /// What turns keys' secrets into what is stored.
    pub peppers: Peppers,
    /// What is configured of keys.
    pub key_rules: KeyRules,
    /// Plans, discounts and the marketplace's secrets.
    pub access: AccessSettings,
    /// Proxies whose `X-Forwarded-For` is believed; empty for none.
    pub trusted_proxies: Networks,
    /// Tells the time.
    pub clock: Clock,
    /// What every reader is told, e.g. that all data is a rehearsal's.
    pub notice: Option<String>,
    /// How often the checkpoints are looked at; [`POLL_INTERVAL`] suits most.
    pub poll_interval: Duration,
    /// From which age on the newest block counts as old.
    pub stale_after_seconds: u64,
    /// Who may be told of what happens.
    pub webhooks: WebhookSettings,
    /// Under which names and to which sites MCP is served.
    pub mcp: McpSettings,
    /// Signing in with a wallet; `None` where it is switched off.
    pub sign_in: Option<SignIn>,
    /// Whom to tell of a weakness; `None` where the operator named nobody.
    pub security: Option<SecurityContact>,
    /// Merkl's API, where our figures are held against theirs on a schedule.
    pub merkl: Option<MerklAsked>,
}

/// Whose figures ours are held against, and how often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MerklAsked {
    /// Where they are asked for.
    pub url: String,
    /// The time from one comparison to the next.
    pub every_seconds: u64,
}

/// Whom to tell of a weakness (RFC 9116).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecurityContact {
    /// A URI: `mailto:`, `https:` or `tel:`.
    pub contact: String,
    /// Until when that is good.
    pub expires_at: UnixSeconds,
}

/// How often the checkpoints are looked at unless told otherwise.
pub const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// How much clients may ask, and who else may bring them.
#[derive(Debug, Clone)]
pub struct AccessSettings {
    /// The plans.
    pub plans: Plans,
    /// The rules of discounts.
    pub billing: Billing,
    /// What proves a marketplace's gateway: two at most, so that one can be exchanged for the other.
    pub marketplace_secrets: Vec<SecretString>,
    /// How many streams may be open.
    pub streams: StreamLimits,
}

impl Default for AccessSettings {
    fn default() -> Self {
        Self {
            plans: published().expect("the published table is a table of plans"),
            billing: Billing {
                tmai_percent: 10,
                stake_tiers: Default::default(),
                rebate_percent_max: 25,
                discount_percent_max: 35,
            },
            marketplace_secrets: Vec::new(),
            streams: StreamLimits::default(),
        }
    }
}

/// A pool with its tokens, as far as the configuration names them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolInfo {
    /// The pool.
    pub pool: Pool,
    /// The token that the price is told of.
    pub token0: Option<Address>,
    /// The token that the price is told in.
    pub token1: Option<Address>,
}

/// What the configuration says of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenInfo {
    /// Its address.
    pub address: Address,
    /// Its symbol.
    pub symbol: String,
    /// Its decimals.
    pub decimals: u8,
}

/// The API. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Api(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    db: Db,
    book: Book,
    keys: Keys,
    limits: Limits,
    usage: Usage,
    kept: Kept,
    past_hours: PastHours,
    live: Live,
    looker: Looker,
    settings: Settings,
    notice: Option<HeaderValue>,
    request_prefix: String,
    requests: AtomicU64,
}

/// The operating system gives no random numbers.
#[derive(Debug, thiserror::Error)]
#[error("the operating system gives no random numbers, so nothing can be told apart or kept secret: {0}")]
pub struct NoRandom(pub(crate) getrandom::Error);

impl Api {
    /// The API over a database; what concerns the chain may be read from a standby of it. It has nothing to tell until its book is refreshed, which serving does.
    ///
    /// # Errors
    /// The operating system gives no random numbers.
    pub fn new(reading: impl Into<Reading>, mut settings: Settings) -> Result<Self, NoRandom> {
        let reading = reading.into();
        let db = reading.primary().clone();
        // Counting begins with the process, whoever asks for it first.
        metrics::recorder();
        let pools = std::mem::take(&mut settings.pools);
        let campaigns = std::mem::take(&mut settings.campaigns);
        let tokens = std::mem::take(&mut settings.tokens);
        let (chain_id, block_seconds) = (settings.chain_id, settings.block_seconds);
        let book = Book::new(reading, chain_id, block_seconds, pools, campaigns, &tokens);
        let mut prefix = [0_u8; 5];
        getrandom::fill(&mut prefix).map_err(NoRandom)?;
        let request_prefix = alloy_primitives::hex::encode(prefix);
        let notice = settings.notice.as_deref().map(header_text);
        let rules = settings.key_rules.clone();
        let keys = Keys::new(db.clone(), settings.peppers.clone(), rules, settings.clock.clone())?;
        let limits = Limits::new(db.clone(), settings.access.billing.clone());
        let (usage, requests) = (Usage::default(), AtomicU64::new(0));
        Ok(Self(Arc::new(Inner {
            db,
            book,
            keys,
            limits,
            usage,
            kept: Kept::default(),
            past_hours: PastHours::default(),
            live: Live::default(),
            looker: Looker::default(),
            settings,
            notice,
            request_prefix,
            requests,
        })))
    }

    /// The read model.
    pub fn book(&self) -> &Book {
        &self.0.book
    }

    /// The database.
    pub fn db(&self) -> &Db {
        &self.0.db
    }

    /// The keys that are accepted.
    pub fn keys(&self) -> &Keys {
        &self.0.keys
    }

    /// How much each client may still ask.
    pub fn limits(&self) -> &Limits {
        &self.0.limits
    }

    /// Answers as finished bytes, of the newest block.
    pub(crate) fn kept(&self) -> &Kept {
        &self.0.kept
    }

    /// Rows of charts that do not change any more.
    pub(crate) fn past_hours(&self) -> &PastHours {
        &self.0.past_hours
    }

    /// What streams are told.
    pub(crate) fn live(&self) -> &Live {
        &self.0.live
    }

    /// Who called what.
    pub fn usage(&self) -> &Usage {
        &self.0.usage
    }

    /// Who looks at what the service is like.
    pub(crate) fn looker(&self) -> &Looker {
        &self.0.looker
    }

    /// Looks once at what the service is like, and books the time since the last look unless another server has. Whether it
    /// did.
    ///
    /// # Errors
    /// The database's own.
    pub async fn look(&self) -> Result<bool, StoreError> {
        self.0.looker.look(self).await
    }

    /// What the server was told, but for the pools, campaigns and tokens, which the book has.
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// A name for a request: this process's own, counted up.
    pub(crate) fn next_request_id(&self) -> String {
        let number = self.0.requests.fetch_add(1, Ordering::Relaxed);
        format!("{}-{number}", self.0.request_prefix)
    }

    pub(crate) fn notice_header(&self) -> Option<HeaderValue> {
        self.0.notice.clone()
    }

    /// What goes with an answer that is true at `moment`.
    pub(crate) fn meta(&self, state: &State, moment: Option<Moment>, next_cursor: Option<String>) -> Meta {
        let now = self.settings().clock.now();
        let age_seconds = |moment: Moment| now.since(moment.at);
        let newest_age_seconds = state.lowest().map(age_seconds);
        Meta {
            as_of: moment.map(|moment| self.as_of(moment)),
            finality: moment.map(|moment| state.finality(moment.number)),
            age_seconds: moment.map(age_seconds),
            stale: newest_age_seconds.is_none_or(|age| age > self.settings().stale_after_seconds),
            source: "chain",
            next_cursor,
            notice: self.settings().notice.clone(),
        }
    }

    /// How old the block is up to which all pools are complete; `None` before the first.
    pub(crate) fn newest_age_seconds(&self) -> Option<u64> {
        self.book().state().lowest().map(|moment| self.settings().clock.now().since(moment.at))
    }

    pub(crate) fn as_of(&self, moment: Moment) -> AsOf {
        AsOf {
            chain_id: self.settings().chain_id,
            block_number: moment.number,
            block_hash: moment.hash,
            at: Rfc3339(moment.at),
        }
    }

    /// The pool called `id`.
    pub(crate) fn pool(&self, id: &PoolId) -> Option<&Arc<PoolInfo>> {
        self.book().pools().iter().find(|info| info.pool.id == *id)
    }

    /// What is known of a token by now.
    pub(crate) fn token(&self, address: Address) -> Token {
        self.book().state().tokens().get(address).cloned().unwrap_or_default()
    }

    /// The tokens of a pool, as far as they are known by now.
    pub(crate) fn pair(&self, pool: &PoolId) -> Pair {
        self.book().state().tokens().pair(pool)
    }

    /// A pool's tokens in its own order: as its contract says, or else as far as the pair is known.
    pub(crate) fn tokens_of(&self, pool: &PoolId) -> Vec<Address> {
        let stated = self.pool(pool).map(|info| info.pool.facts.tokens.clone()).unwrap_or_default();
        if !stated.is_empty() {
            return stated;
        }
        let pair = self.pair(pool);
        pair.token0.zip(pair.token1).map(|(token0, token1)| vec![token0, token1]).unwrap_or_default()
    }
}

/// `text` as a header may carry it: what is not printable ASCII becomes `?`.
fn header_text(text: &str) -> HeaderValue {
    let printable = |c: char| if c.is_ascii_graphic() || c == ' ' { c } else { '?' };
    let text: String = text.chars().map(printable).collect();
    HeaderValue::from_str(&text).expect("printable ASCII is a header's value")
}
