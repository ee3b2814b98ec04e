//! The JSON that goes to a node and comes from it, as far as alloy's own types are not used.

use std::borrow::Cow;
use std::fmt;

use accrual_rewards::unit::{BlockNumber, UnixSeconds};
use accrual_store::Header;
use alloy::consensus::Header as ConsensusHeader;
use alloy::primitives::{B256, keccak256};
use alloy::rlp::Encodable;
use serde::{Deserialize, Deserializer, de};
use serde_json::{Value, json};

use super::plain::Item;
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

impl Item for LightHeader {}

impl From<LightHeader> for Header {
    fn from(header: LightHeader) -> Self {
        let LightHeader { number, hash, parent_hash, timestamp } = header;
        Self { number: BlockNumber(number), hash, parent_hash, at: UnixSeconds(timestamp) }
    }
}

/// A header with all its fields, taken only when they hash to what the node says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct WholeHeader(SealedHeader);

impl<'de> Deserialize<'de> for WholeHeader {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (fields, hash) = deserializer.deserialize_map(FieldsAndHash)?;
        let hash = hash.ok_or_else(|| de::Error::missing_field("hash"))?;
        Self::of(&fields, hash).ok_or_else(|| {
            let number = fields.number;
            de::Error::custom(format!(
                "the fields of block {number} do not hash to {hash}: the node leaves one out or changed one; on a chain that hashes its headers otherwise, set chain.verify = \"off\""
            ))
        })
    }
}

impl WholeHeader {
    /// `None` where these fields do not hash to `hash`.
    pub(super) fn of(fields: &ConsensusHeader, hash: B256) -> Option<Self> {
        if hash_of(fields) != hash {
            return None;
        }
        let header = Header {
            number: BlockNumber(fields.number),
            hash,
            parent_hash: fields.parent_hash,
            at: UnixSeconds(fields.timestamp),
        };
        let logs_bloom = (!fields.logs_bloom.is_zero()).then(|| Box::new(fields.logs_bloom));
        Some(Self(SealedHeader { header, logs_bloom, receipts_root: fields.receipts_root }))
    }
}

/// A header's RLP is rarely longer.
const RLP_BYTES: usize = 1024;

/// As alloy's own `hash_slow`, whose list grows byte by byte.
fn hash_of(fields: &ConsensusHeader) -> B256 {
    let mut rlp = Vec::with_capacity(RLP_BYTES);
    fields.encode(&mut rlp);
    keccak256(rlp)
}

/// Reads a header's fields as alloy knows them, and the hash beside them, in one pass.
struct FieldsAndHash;

impl<'de> de::Visitor<'de> for FieldsAndHash {
    type Value = (ConsensusHeader, Option<B256>);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a block header")
    }

    fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        let mut hash = None;
        let without_hash = WithoutHash { map, hash: &mut hash };
        let fields = ConsensusHeader::deserialize(de::value::MapAccessDeserializer::new(without_hash))?;
        Ok((fields, hash))
    }
}

/// Where the text has it, since there are twenty of them in each header: a bare `Cow` is copied always.
#[derive(Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

/// A header's entries but the hash, which is put aside.
struct WithoutHash<'a, A> {
    map: A,
    hash: &'a mut Option<B256>,
}

impl<'de, A: de::MapAccess<'de>> de::MapAccess<'de> for WithoutHash<'_, A> {
    type Error = A::Error;

    fn next_key_seed<K: de::DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        while let Some(Key(key)) = self.map.next_key()? {
            if key != "hash" {
                return seed.deserialize(de::value::CowStrDeserializer::new(key)).map(Some);
            }
            *self.hash = Some(self.map.next_value()?);
        }
        Ok(None)
    }

    fn next_value_seed<V: de::DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        self.map.next_value_seed(seed)
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
