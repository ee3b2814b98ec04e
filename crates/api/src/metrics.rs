//! `GET /metrics`: what this process counts, as Prometheus text.
//!
//! Every crate counts by the `metrics` facade; the recorder behind it is one a process, made with the first [`crate::Api`]. In
//! `accrual run` the follower counts into the same one. Labels are routes, states and plans; never a key, a client or an
//! address, since whoever reads metrics need not know who calls.

mod answers;

pub(crate) use answers::Answers;

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::Duration;

use accrual_rewards::id::PoolId;
use accrual_rewards::unit::UnixSeconds;
use accrual_store::verifications::Verification;
use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use crate::app::Api;
use crate::reconciliation::Gauge;
use crate::status::components::{Look, State};

const HTTP_REQUESTS: &str = "accrual_http_requests_total";
const HTTP_SECONDS: &str = "accrual_http_request_seconds";
const RATE_LIMITED: &str = "accrual_rate_limited_total";
const KEY_PROPAGATION: &str = "accrual_key_propagation_seconds";
const STREAMS_OPEN: &str = "accrual_streams_open";
const WEBHOOKS_PENDING: &str = "accrual_webhooks_pending";
const BOOK_BLOCK: &str = "accrual_book_block_number";
const BOOK_LAG: &str = "accrual_book_lag_seconds";
const BOOK_LAG_BLOCKS: &str = "accrual_book_lag_blocks";
const POOL_BLOCK: &str = "accrual_pool_block_number";
const HEAD_BLOCK: &str = "accrual_chain_head_block_number";
const FINAL_BLOCK: &str = "accrual_chain_finalized_block_number";
const COMPONENT_STATE: &str = "accrual_component_state";
const COMPONENT_LAG: &str = "accrual_component_lag_seconds";
const COMPONENT_LAG_BLOCKS: &str = "accrual_component_lag_blocks";
const REPLICAS: &str = "accrual_replicas_live";
const MERKL_DIFFERENCE: &str = "accrual_merkl_difference_ppm";
const MERKL_UNPAID: &str = "accrual_merkl_unpaid_ppm";
const MERKL_BEYOND: &str = "accrual_merkl_beyond";
const MERKL_ALARMS: &str = "accrual_merkl_alarms";
const MERKL_AGE: &str = "accrual_merkl_age_seconds";
const VERIFIED_BLOCK: &str = "accrual_verified_block_number";
const VERIFIED_AGE: &str = "accrual_verified_age_seconds";
const VERIFIED_DIFFERENCES: &str = "accrual_verified_differences";
/// Counted by the store and the follower; described here, since here they are told.
const ELSEWHERE: [(&str, &str); 7] = [
    ("accrual_db_errors_total", "Statements that the database refused or did not answer, by engine."),
    ("accrual_rpc_requests_total", "Questions to chain nodes, by host and outcome."),
    ("accrual_index_blocks_total", "Blocks that this process has committed."),
    ("accrual_index_events_total", "Events that this process has committed."),
    ("accrual_index_rewinds_total", "How often this process has gone back because the chain changed."),
    (
        "accrual_complete_blocks_total",
        "Blocks of each question for logs, by how they were shown to hold no other; or left open.",
    ),
    ("accrual_logs_left_out_total", "Logs of ours that a node left out and that were found, by host."),
];
/// The same for what goes up and down.
const GAUGES_ELSEWHERE: [(&str, &str); 8] = [
    ("accrual_rpc_node_state", "1 for the state that a node is in, 0 for the others, by host."),
    ("accrual_rpc_node_score", "By which the next node is chosen: the lower the better."),
    ("accrual_rpc_node_head_block_number", "The newest block that a node has shown."),
    ("accrual_rpc_node_lag_blocks", "Blocks from it to the newest that any node has shown."),
    ("accrual_rpc_node_latency_ms", "What a node's answer takes in the mean."),
    (
        "accrual_rpc_node_requests_per_second_max",
        "Questions a second, where a node was found to refuse more.",
    ),
    ("accrual_rpc_node_range_blocks_max", "Blocks in one question for logs, where a node named a limit."),
    ("accrual_rpc_node_batch_max", "Questions in one request, where a node was found to refuse more."),
];

/// From a memory's answer to the longest a call may take.
const SECONDS: [f64; 14] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0];
/// Around the promised bound of five seconds.
const PROPAGATION_SECONDS: [f64; 10] = [0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0];

/// Where a change to keys has arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arrived {
    /// On this server.
    Here,
    /// On the last of all servers.
    Everywhere,
}

/// The plan of whoever was answered, for the count of answers.
#[derive(Debug, Clone)]
pub(crate) struct PlanName(pub(crate) String);

/// The process's recorder; made when it is first asked for. A program that has another one keeps it, and has nothing here.
pub(crate) fn recorder() -> &'static PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE.get_or_init(|| {
        let builder = PrometheusBuilder::new();
        let buckets = |builder: PrometheusBuilder, name: &str, bounds: &[f64]| {
            builder.set_buckets_for_metric(Matcher::Full(name.to_owned()), bounds).expect("there are buckets")
        };
        let builder = buckets(builder, HTTP_SECONDS, &SECONDS);
        let recorder = buckets(builder, KEY_PROPAGATION, &PROPAGATION_SECONDS).build_recorder();
        let handle = recorder.handle();
        if metrics::set_global_recorder(recorder).is_ok() {
            describe();
        }
        handle
    })
}

fn describe() {
    describe_counter!(HTTP_REQUESTS, "Answers, by route, status and plan.");
    describe_histogram!(HTTP_SECONDS, "Time to an answer's headers, by route.");
    describe_counter!(RATE_LIMITED, "Calls that a limit refused, by policy.");
    describe_histogram!(KEY_PROPAGATION, "From a change to keys to its arrival, here or everywhere.");
    describe_gauge!(STREAMS_OPEN, "Streams of events that are open.");
    describe_gauge!(WEBHOOKS_PENDING, "Messages that wait to be sent, in all.");
    describe_gauge!(BOOK_BLOCK, "The block up to which all pools are in memory.");
    describe_gauge!(BOOK_LAG, "Seconds from that block's time to now.");
    describe_gauge!(BOOK_LAG_BLOCKS, "Blocks from it to the chain's newest that a node told of.");
    describe_gauge!(POOL_BLOCK, "The block up to which a pool is in memory.");
    describe_gauge!(HEAD_BLOCK, "The chain's newest block that a node told of.");
    describe_gauge!(FINAL_BLOCK, "The newest block that stays, as a node told.");
    describe_gauge!(COMPONENT_STATE, "0 operational, 1 degraded, 2 down.");
    describe_gauge!(COMPONENT_LAG, "Seconds that a part is behind.");
    describe_gauge!(COMPONENT_LAG_BLOCKS, "Blocks that a part is behind.");
    describe_gauge!(REPLICAS, "Servers that were heard of within the bound.");
    describe_gauge!(
        MERKL_DIFFERENCE,
        "All accounts' differences from Merkl, in millionths of what was paid."
    );
    describe_gauge!(MERKL_UNPAID, "What time has set free and Merkl has not paid, in millionths of it.");
    describe_gauge!(MERKL_BEYOND, "1 when the newest comparison is beyond its tolerance or has an alarm.");
    describe_gauge!(MERKL_ALARMS, "Alarms of the newest comparison with Merkl.");
    describe_gauge!(MERKL_AGE, "Seconds since the instant that the newest comparison is as of.");
    describe_gauge!(VERIFIED_BLOCK, "The block at which a pool was last held against its contracts.");
    describe_gauge!(VERIFIED_AGE, "Seconds since a pool was last held against its contracts.");
    describe_gauge!(VERIFIED_DIFFERENCES, "Values that differed from the pool's contracts then.");
    for (name, text) in ELSEWHERE {
        describe_counter!(name, text);
    }
    for (name, text) in GAUGES_ELSEWHERE {
        describe_gauge!(name, text);
    }
    // What has not happened yet is told as 0, so that a rate over it is known from the start.
    for policy in ["minute", "month"] {
        counter!(RATE_LIMITED, "policy" => policy).absolute(0);
    }
    gauge!(STREAMS_OPEN).set(0);
    for engine in ["SQLite", "PostgreSQL"] {
        counter!("accrual_db_errors_total", "engine" => engine).absolute(0);
    }
}

/// Counts a call that a limit refused.
pub(crate) fn limited(policy: &'static str) {
    counter!(RATE_LIMITED, "policy" => policy).increment(1);
}

/// Notes how long a change to keys took.
pub(crate) fn propagated(arrived: Arrived, took_ms: u64) {
    let place = match arrived {
        Arrived::Here => "here",
        Arrived::Everywhere => "everywhere",
    };
    histogram!(KEY_PROPAGATION, "place" => place).record(Duration::from_millis(took_ms));
}

/// Tells what a look has seen, and does the recorder's own housekeeping.
pub(crate) fn tell(api: &Api, look: &Look) {
    for seen in &look.components {
        let component = seen.component.as_str();
        let state: u32 = match seen.state {
            State::Operational => 0,
            State::Degraded => 1,
            State::Down => 2,
        };
        gauge!(COMPONENT_STATE, "component" => component).set(state);
        if let Some(seconds) = seen.lag_seconds {
            gauge!(COMPONENT_LAG, "component" => component).set(Duration::from_secs(seconds));
        }
        if let Some(blocks) = seen.lag_blocks {
            gauge!(COMPONENT_LAG_BLOCKS, "component" => component).set(count(blocks));
        }
    }
    if let Some(pending) = look.webhooks_pending {
        gauge!(WEBHOOKS_PENDING).set(count(pending));
    }
    gauge!(REPLICAS).set(count(u64::try_from(api.keys().live_replicas()).unwrap_or(u64::MAX)));
    recorder().run_upkeep();
}

/// Tells what came of comparing with Merkl last, campaign by campaign.
pub(crate) fn compared(gauges: &[Gauge]) {
    for one in gauges {
        let of = |name: &'static str| gauge!(name, "campaign" => one.campaign.clone());
        of(MERKL_DIFFERENCE).set(count(one.difference_ppm));
        of(MERKL_UNPAID).set(count(one.unpaid_ppm));
        of(MERKL_BEYOND).set(u32::from(one.is_beyond));
        of(MERKL_ALARMS).set(count(u64::try_from(one.alarms_count).unwrap_or(u64::MAX)));
        of(MERKL_AGE).set(Duration::from_secs(one.age_seconds));
    }
}

/// Tells what came of verifying each pool last.
pub(crate) fn verified(verifications: &BTreeMap<PoolId, Verification>, now: UnixSeconds) {
    for (pool, last) in verifications {
        let of = |name: &'static str| gauge!(name, "pool" => pool.to_string());
        of(VERIFIED_BLOCK).set(count(last.block_number.0));
        of(VERIFIED_AGE).set(Duration::from_secs(now.since(last.verified_at)));
        of(VERIFIED_DIFFERENCES).set(count(last.differences));
    }
}

/// All that is counted, as text; what memory knows as it is now.
pub(crate) fn text(api: &Api, now: UnixSeconds) -> String {
    let state = api.book().state();
    let chain = state.chain();
    if let Some(lowest) = state.lowest() {
        gauge!(BOOK_BLOCK).set(count(lowest.number.0));
        gauge!(BOOK_LAG).set(Duration::from_secs(now.since(lowest.at)));
        if let Some(chain) = chain {
            gauge!(BOOK_LAG_BLOCKS).set(count(chain.latest_number.0.saturating_sub(lowest.number.0)));
        }
    }
    for info in api.book().pools() {
        if let Some(pool) = state.pool(&info.pool.id) {
            gauge!(POOL_BLOCK, "pool" => info.pool.id.to_string()).set(count(pool.moment.number.0));
        }
    }
    let streams = api.live().open_count();
    gauge!(STREAMS_OPEN).set(count(u64::try_from(streams).unwrap_or(u64::MAX)));
    if let Some(chain) = chain {
        gauge!(HEAD_BLOCK).set(count(chain.latest_number.0));
        if let Some(number) = chain.finalized_number {
            gauge!(FINAL_BLOCK).set(count(number.0));
        }
    }
    recorder().render()
}

/// A count as a gauge takes it: exact up to 2^53, which no block's number reaches.
#[expect(clippy::cast_precision_loss, reason = "a gauge is a double, and these are small")]
fn count(number: u64) -> f64 {
    number as f64
}
