//! A server that answers as Merkl's API does, with what it is told to say.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use alloy::primitives::{Address, B256, U256};
use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

/// What each account is credited.
pub(super) type Rows = BTreeMap<Address, U256>;

#[derive(Debug)]
struct Says {
    computed_until: u64,
    rows: Rows,
    blacklist: Vec<Address>,
    reason: String,
    breaks_off: bool,
    asked: usize,
    campaign_id: String,
    budget: String,
    token: String,
    pool: String,
    users: BTreeMap<Address, UserSays>,
    roots: Option<RootsSays>,
}

/// What an account's own page says, where it is told something else than the list.
#[derive(Debug, Clone, Copy)]
pub(super) struct UserSays {
    /// Of the campaign.
    pub(super) of_campaign: U256,
    /// Of the token in all.
    pub(super) total: U256,
}

/// Roots as its API tells them: the one that counts, the newest, the one before, and until when the newest may be disputed;
/// then the list, each with its time.
#[derive(Debug, Clone)]
pub(super) struct RootsSays {
    pub(super) live: [B256; 3],
    pub(super) dispute_ends_at: u64,
    pub(super) listed: Vec<(u64, B256)>,
}

/// Answers until it is dropped.
#[derive(Debug)]
pub(super) struct StandIn {
    pub(super) url: String,
    says: Arc<Mutex<Says>>,
    _stop: DropGuard,
}

impl StandIn {
    /// Says what `report` says, as of `at`.
    pub(super) async fn serve(campaign_id: &str, report: &Value, at: u64) -> Self {
        let says = Says {
            computed_until: at,
            rows: super::rows(report),
            blacklist: Vec::new(),
            reason: "UniswapV3".to_owned(),
            breaks_off: false,
            asked: 0,
            campaign_id: campaign_id.to_owned(),
            budget: report["budget_units"].as_str().unwrap().to_owned(),
            token: Address::repeat_byte(0x99).to_string(),
            pool: Address::repeat_byte(0x98).to_string(),
            users: BTreeMap::new(),
            roots: None,
        };
        let says = Arc::new(Mutex::new(says));
        let router = Router::new().fallback(answer).with_state(says.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        tokio::spawn(async move {
            let served = axum::serve(listener, router);
            let _ = served.with_graceful_shutdown(async move { stopped.cancelled().await }).await;
        });
        Self { url, says, _stop: stop.drop_guard() }
    }

    /// From now on it says this.
    pub(super) fn say(&self, computed_until: u64, rows: Rows, blacklist: &[Address]) {
        let mut says = self.says.lock().unwrap();
        (says.computed_until, says.rows, says.blacklist) = (computed_until, rows, blacklist.to_vec());
        says.reason = "UniswapV3".to_owned();
        says.users.clear();
    }

    /// An account's own page says this from now on.
    pub(super) fn page_of(&self, account: Address, says: UserSays) {
        self.says.lock().unwrap().users.insert(account, says);
    }

    /// It tells these roots from now on; before, it tells none.
    pub(super) fn roots(&self, roots: RootsSays) {
        self.says.lock().unwrap().roots = Some(roots);
    }

    /// The same, for this reason.
    pub(super) fn say_because(&self, computed_until: u64, rows: Rows, reason: &str) {
        self.say(computed_until, rows, &[]);
        self.says.lock().unwrap().reason = reason.to_owned();
    }

    /// Whether it falls silent after the rows.
    pub(super) fn break_off_before_the_end(&self, breaks_off: bool) {
        self.says.lock().unwrap().breaks_off = breaks_off;
    }

    /// Its campaign is about this pool.
    pub(super) fn is_about(&self, pool: &str) {
        self.says.lock().unwrap().pool = pool.to_owned();
    }

    /// How many questions came.
    pub(super) fn asked(&self) -> usize {
        self.says.lock().unwrap().asked
    }
}

async fn answer(State(says): State<Arc<Mutex<Says>>>, request: Request) -> Response {
    let mut says = says.lock().unwrap();
    says.asked += 1;
    let (path, query) = (request.uri().path(), request.uri().query().unwrap_or_default());
    let parameter = |name: &str| {
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.filter(|(known, _)| *known == name).map(|(_, value)| value.to_owned()).next()
    };
    let body = match path {
        "/v4/campaigns" => json!([campaign(&says)]),
        "/v4/campaigns/4711" if says.breaks_off => return StatusCode::SERVICE_UNAVAILABLE.into_response(),
        "/v4/campaigns/4711" => campaign(&says),
        "/v4/rewards" => {
            assert_eq!(parameter("campaignId").as_deref(), Some(says.campaign_id.as_str()));
            let [page, items] =
                ["page", "items"].map(|name| parameter(name).unwrap().parse::<usize>().unwrap());
            rewards(&says).into_iter().skip(page * items).take(items).collect()
        }
        "/v4/roots/live" => live_roots(&says),
        "/v4/roots" => {
            let [from, to] =
                ["fromTimestamp", "toTimestamp"].map(|name| parameter(name).unwrap().parse::<u64>().unwrap());
            listed_roots(&says, from, to)
        }
        path => match path.strip_prefix("/v4/users/").and_then(|rest| rest.strip_suffix("/rewards")) {
            Some(account) => {
                assert_eq!(parameter("reloadChainId").as_deref(), Some("8453"), "nothing old is asked for");
                user(&says, account.parse().unwrap())
            }
            None => return StatusCode::NOT_FOUND.into_response(),
        },
    };
    (StatusCode::OK, [("content-type", "application/json")], body.to_string()).into_response()
}

fn campaign(says: &Says) -> Value {
    json!({
        "id": "4711",
        "computeChainId": 8453,
        "distributionChainId": 8453,
        "campaignId": says.campaign_id,
        "type": "CLAMM",
        "distributionType": "DUTCH_AUCTION",
        "amount": says.budget,
        "startTimestamp": "1749142800",
        "endTimestamp": "1750352400",
        "creatorAddress": says.token,
        "params": { "poolAddress": says.pool, "blacklist": says.blacklist, "whitelist": [], "weightFees": 4000, "forwarders": [] },
        "rewardToken": { "id": "1", "name": "rTMAI", "chainId": 8453, "address": says.token, "decimals": 18,
            "symbol": "rTMAI", "icon": "", "verified": true, "isNative": false, "isTest": false, "type": "TOKEN" },
        "campaignStatus": { "campaignId": "4711", "computedUntil": says.computed_until.to_string(),
            "processingStarted": "0", "status": "SUCCESS", "preComputeProcessingStarted": "0", "preComputeStatus": "SUCCESS" },
        "createdAt": "1749100000",
    })
}

/// Largest first; all in the root but each account's last unit, which is pending.
fn rewards(says: &Says) -> Vec<Value> {
    let mut rows: Vec<(&Address, &U256)> = says.rows.iter().collect();
    rows.sort_by_key(|(_, units)| std::cmp::Reverse(**units));
    let row = |(account, units): (&Address, &U256)| {
        json!({
            "recipient": account.to_checksum(None),
            "campaignId": "4711",
            "reason": says.reason,
            "rewardTokenAddress": says.token,
            "amount": (*units - U256::ONE).to_string(),
            "claimed": "0",
            "pending": "1",
        })
    };
    rows.into_iter().map(row).collect()
}

/// An account's own page: this campaign, and another one that pays the same token.
fn user(says: &Says, account: Address) -> Value {
    let listed = says.rows.get(&account).copied().unwrap_or_default();
    let other = U256::from(500);
    let UserSays { of_campaign, total } =
        says.users.get(&account).copied().unwrap_or(UserSays { of_campaign: listed, total: listed + other });
    let part = |campaign: &str, units: U256| json!({ "reason": says.reason, "amount": units.to_string(), "claimed": "0", "pending": "0", "campaignId": campaign });
    json!([{ "chain": { "id": 8453 }, "rewards": [{
        "root": B256::ZERO, "recipient": account.to_checksum(None), "proofs": [],
        "token": { "address": says.token, "chainId": 8453, "symbol": "rTMAI", "decimals": 18 },
        "amount": total.to_string(), "claimed": "0", "pending": "0",
        "breakdowns": [part(&says.campaign_id, of_campaign), part(&B256::repeat_byte(7).to_string(), other)],
    }] }])
}

fn live_roots(says: &Says) -> Value {
    let Some(RootsSays { live: [live, tree, last_tree], dispute_ends_at, .. }) = &says.roots else {
        return json!({});
    };
    json!({ "8453": { "live": live, "tree": tree, "lastTree": last_tree, "endOfDisputePeriod": dispute_ends_at.to_string() } })
}

fn listed_roots(says: &Says, from: u64, to: u64) -> Value {
    let listed = says.roots.iter().flat_map(|roots| &roots.listed);
    let inside = listed.filter(|(at, _)| from <= *at && *at <= to);
    let root = |(at, root): &(u64, B256)| json!({ "root": root, "chainId": 8453, "epoch": at / 3_600, "timestamp": at.to_string(), "isLatest": false });
    inside.map(root).collect()
}
