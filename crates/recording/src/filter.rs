//! The filter of `eth_getLogs`: parsing it, and finding its logs without a scan.

use std::ops::Range;

use alloy_primitives::{Address, B256};
use serde_json::Value;

use crate::chain::Chain;
use crate::model::Log;
use crate::rpc::{Refusal, address, hash};

const TOPICS_MAX: usize = 4;

/// Which logs are asked for: all conditions must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogFilter {
    /// Any of these contracts; `None` for every contract.
    addresses: Option<Vec<Address>>,
    /// By position: any of these topics; `None` for every topic, but there must be one.
    topics: Vec<Option<Vec<B256>>>,
}

impl LogFilter {
    /// The conditions of a filter object; its blocks are the caller's business.
    pub(crate) fn parse(filter: &Value) -> Result<Self, Refusal> {
        let addresses = one_or_many(&filter["address"], |value| address(value, "address"))?;
        let topics = match &filter["topics"] {
            Value::Null => Vec::new(),
            Value::Array(positions) if positions.len() <= TOPICS_MAX => {
                let position = |value| one_or_many(value, |topic| hash(topic, "a topic"));
                positions.iter().map(position).collect::<Result<_, _>>()?
            }
            _ => return Err(Refusal::params(format!("topics must be a list of at most {TOPICS_MAX}"))),
        };
        Ok(Self { addresses, topics })
    }

    /// The ids, ascending, of those among `ids` that the filter asks for.
    pub(crate) fn find(&self, chain: &Chain, ids: Range<usize>) -> Vec<usize> {
        let mut found = match (&self.addresses, self.topics.first()) {
            (Some(addresses), _) => gather(addresses, &ids, |address| chain.logs_of(address)),
            (None, Some(Some(topics))) => gather(topics, &ids, |topic| chain.logs_with_topic0(topic)),
            (None, _) => ids.collect(),
        };
        found.retain(|id| self.matches(chain.log(chain.place(*id))));
        found
    }

    fn matches(&self, log: &Log) -> bool {
        let from = self.addresses.as_ref().is_none_or(|addresses| addresses.contains(&log.address));
        from && self.topics.len() <= log.topics.len()
            && self
                .topics
                .iter()
                .zip(&log.topics)
                .all(|(asked, topic)| asked.as_ref().is_none_or(|topics| topics.contains(topic)))
    }
}

/// `null` and an empty list ask for anything, one value for itself, a list for any of its values.
fn one_or_many<T>(
    value: &Value,
    read: impl Fn(&Value) -> Result<T, Refusal>,
) -> Result<Option<Vec<T>>, Refusal> {
    match value {
        Value::Null => Ok(None),
        Value::Array(values) if values.is_empty() => Ok(None),
        Value::Array(values) => values.iter().map(read).collect::<Result<_, _>>().map(Some),
        value => read(value).map(|one| Some(vec![one])),
    }
}

/// The ids within a range of every key's list, ascending and once each.
fn gather<'a, K>(keys: &[K], ids: &Range<usize>, list: impl Fn(&K) -> &'a [usize]) -> Vec<usize> {
    let within = |all: &'a [usize]| {
        let start = all.partition_point(|id| *id < ids.start);
        let end = all.partition_point(|id| *id < ids.end);
        &all[start..end]
    };
    let mut gathered: Vec<usize> = keys.iter().flat_map(|key| within(list(key))).copied().collect();
    gathered.sort_unstable();
    gathered.dedup();
    gathered
}
