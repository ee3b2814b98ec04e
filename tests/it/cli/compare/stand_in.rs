//! A server that answers as Merkl's API does, with what it is told to say.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use alloy::primitives::{Address, U256};
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
        _ => return StatusCode::NOT_FOUND.into_response(),
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
