//! The JSON that goes to a node and comes from it, as far as alloy's own types are not used.

use accrual_rewards::unit::{BlockNumber, UnixSeconds};
use accrual_store::Header;
use alloy::consensus::Header as ConsensusHeader;
use alloy::primitives::B256;
use serde::{Deserialize, Deserializer, de};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::source::{LogQuery, SealedHeader};

/// A header as far as we read it.
#[derive(Debug, Clone, Copy, Deserialize)]
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

/// A header with all its fields, taken only when they hash to what the node says.
#[derive(Debug)]
pub(super) struct WholeHeader(SealedHeader);

impl<'de> Deserialize<'de> for WholeHeader {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Hash {
            hash: B256,
        }
        // Twice over the same text: to flatten one into the other would cost more.
        let text = Box::<RawValue>::deserialize(deserializer)?;
        let Hash { hash } = serde_json::from_str(text.get()).map_err(de::Error::custom)?;
        let fields: ConsensusHeader = serde_json::from_str(text.get()).map_err(de::Error::custom)?;
        if fields.hash_slow() != hash {
            let number = fields.number;
            return Err(de::Error::custom(format!(
                "the fields of block {number} do not hash to {hash}: the node leaves one out or changed one; on a chain that hashes its headers otherwise, set chain.verify = \"off\""
            )));
        }
        let header = Header {
            number: BlockNumber(fields.number),
            hash,
            parent_hash: fields.parent_hash,
            at: UnixSeconds(fields.timestamp),
        };
        let logs_bloom = (!fields.logs_bloom.is_zero()).then(|| Box::new(fields.logs_bloom));
        Ok(Self(SealedHeader { header, logs_bloom, receipts_root: fields.receipts_root }))
    }
}

impl From<WholeHeader> for SealedHeader {
    fn from(WholeHeader(sealed): WholeHeader) -> Self {
        sealed
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
