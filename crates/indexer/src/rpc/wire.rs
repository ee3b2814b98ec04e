//! The JSON that goes to a node and comes from it, as far as alloy's own types are not used.

use accrual_rewards::unit::{BlockNumber, UnixSeconds};
use accrual_store::Header;
use alloy::primitives::B256;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::source::LogQuery;

/// A header as far as we read it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LightHeader {
    #[serde(with = "alloy::serde::quantity")]
    number: u64,
    hash: B256,
    parent_hash: B256,
    #[serde(with = "alloy::serde::quantity")]
    timestamp: u64,
}

impl From<LightHeader> for Header {
    fn from(header: LightHeader) -> Self {
        let LightHeader { number, hash, parent_hash, timestamp } = header;
        Self { number: BlockNumber(number), hash, parent_hash, at: UnixSeconds(timestamp) }
    }
}

/// The filter of `eth_getLogs`.
pub(super) fn filter(query: &LogQuery) -> Value {
    let used = query.topics.iter().rposition(|topic| !topic.is_empty()).map_or(0, |last| last + 1);
    let topic = |values: &Vec<B256>| if values.is_empty() { Value::Null } else { json!(values) };
    let topics: Vec<Value> = query.topics[..used].iter().map(topic).collect();
    json!({
        "fromBlock": quantity(query.blocks.first),
        "toBlock": quantity(query.blocks.last),
        "address": query.addresses,
        "topics": topics,
    })
}

/// A block number as nodes write it.
pub(super) fn quantity(number: BlockNumber) -> String {
    format!("{:#x}", number.0)
}
