//! A block's receipts, and the root that they must add up to.
//!
//! A receipt is encoded as its transaction's type wants it: a legacy one as a bare list, others behind their type's byte.
//! The deposits of an OP chain (type 0x7e, the first transaction of each block of Base) carry two more fields since the
//! Canyon upgrade, and none before Regolith; they are part of the encoding exactly where the node sends the version.

use alloy::consensus::proofs::ordered_trie_root_encoded;
use alloy::primitives::{B256, Bloom};
use alloy::rlp::{Encodable, Header as ListHeader};
use serde::Deserialize;

use crate::source::{RawLog, SealedHeader};

const LEGACY: u8 = 0;
const DEPOSIT: u8 = 0x7e;

/// A receipt as far as its root needs it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Receipt {
    #[serde(default, rename = "type", with = "alloy::serde::quantity::opt")]
    kind: Option<u8>,
    #[serde(with = "alloy::serde::quantity")]
    status: u8,
    #[serde(with = "alloy::serde::quantity")]
    cumulative_gas_used: u64,
    logs: Vec<RawLog>,
    #[serde(default, with = "alloy::serde::quantity::opt")]
    deposit_nonce: Option<u64>,
    #[serde(default, with = "alloy::serde::quantity::opt")]
    deposit_receipt_version: Option<u64>,
}

/// All logs of `block`, when `receipts` are its own.
///
/// # Errors
/// A sentence, when their root is not the header's.
pub(crate) fn logs_of(block: &SealedHeader, receipts: Vec<Receipt>) -> Result<Vec<RawLog>, String> {
    let root = root(&receipts);
    if root != block.receipts_root {
        return Err(format!(
            "the receipts of block {} add up to the root {root}, its header says {}",
            block.header.number, block.receipts_root
        ));
    }
    let logs = receipts.into_iter().flat_map(|receipt| receipt.logs).zip(0_u64..);
    // A log's place is not in the receipt: it follows from the order.
    let placed = logs.map(|(log, log_index)| RawLog {
        block_number: block.header.number.0,
        block_hash: block.header.hash,
        log_index,
        removed: false,
        ..log
    });
    Ok(placed.collect())
}

fn root(receipts: &[Receipt]) -> B256 {
    let encoded: Vec<Vec<u8>> = receipts.iter().map(Receipt::encoded).collect();
    ordered_trie_root_encoded(&encoded)
}

impl Receipt {
    fn encoded(&self) -> Vec<u8> {
        let kind = self.kind.unwrap_or(LEGACY);
        let mut fields = Vec::new();
        (self.status != 0).encode(&mut fields);
        self.cumulative_gas_used.encode(&mut fields);
        self.bloom().encode(&mut fields);
        let logs: Vec<u8> = self.logs.iter().flat_map(encoded_log).collect();
        fields.extend(list(&logs));
        if let (DEPOSIT, Some(nonce), Some(version)) =
            (kind, self.deposit_nonce, self.deposit_receipt_version)
        {
            nonce.encode(&mut fields);
            version.encode(&mut fields);
        }
        let receipt = list(&fields);
        if kind == LEGACY { receipt } else { [vec![kind], receipt].concat() }
    }

    /// Made from the logs, not taken from the node, so that it says what they say.
    fn bloom(&self) -> Bloom {
        let mut bloom = Bloom::ZERO;
        self.logs.iter().for_each(|log| bloom.accrue_raw_log(log.address, &log.topics));
        bloom
    }
}

fn encoded_log(log: &RawLog) -> Vec<u8> {
    let mut fields = Vec::new();
    log.address.encode(&mut fields);
    log.topics.encode(&mut fields);
    log.data.encode(&mut fields);
    list(&fields)
}

fn list(payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(payload.len() + 9);
    ListHeader { list: true, payload_length: payload.len() }.encode(&mut out);
    out.extend_from_slice(payload);
    out
}

#[cfg(test)]
mod tests {
    use alloy::consensus::proofs::calculate_receipt_root;
    use alloy::consensus::{Eip658Value, Receipt as ConsensusReceipt, ReceiptEnvelope};
    use alloy::primitives::{Address, Log, hex};
    use serde_json::json;

    use super::*;

    fn log(topics: usize, data: usize) -> Log {
        let topics = (0..topics).map(|place| B256::repeat_byte(u8::try_from(place).unwrap())).collect();
        Log::new_unchecked(Address::repeat_byte(7), topics, vec![0xab; data].into())
    }

    fn wire(kind: u8, succeeded: bool, gas: u64, logs: &[Log]) -> Receipt {
        let logs = logs.iter().map(|log| {
            json!({ "address": log.address, "topics": log.data.topics(), "data": log.data.data,
                "blockNumber": "0x1", "blockHash": B256::ZERO, "transactionHash": B256::ZERO, "logIndex": "0x0" })
        });
        let receipt = json!({ "type": format!("{kind:#x}"), "status": if succeeded { "0x1" } else { "0x0" },
            "cumulativeGasUsed": format!("{gas:#x}"), "logs": logs.collect::<Vec<_>>() });
        serde_json::from_value(receipt).unwrap()
    }

    #[test]
    fn the_root_is_what_alloy_makes_of_the_same_receipts() {
        let several = [log(0, 0), log(1, 32), log(4, 700)];
        let cases: [(u8, bool, u64, &[Log]); 6] = [
            (0, true, 21_000, &[]),
            (1, false, 50_000, &[]),
            (2, true, 1_000_000, &several[..1]),
            (3, true, 2_000_000, &several),
            (4, true, 0x7fff_ffff_ffff, &several[2..]),
            (0, true, 0x7fff_ffff_ffff, &several[1..]),
        ];
        let ours: Vec<Receipt> =
            cases.iter().map(|(kind, ok, gas, logs)| wire(*kind, *ok, *gas, logs)).collect();
        let theirs: Vec<ReceiptEnvelope> = cases
            .iter()
            .map(|(kind, ok, gas, logs)| {
                let receipt = ConsensusReceipt {
                    status: Eip658Value::Eip658(*ok),
                    cumulative_gas_used: *gas,
                    logs: logs.to_vec(),
                };
                let bloom = receipt.with_bloom();
                match kind {
                    0 => ReceiptEnvelope::Legacy(bloom),
                    1 => ReceiptEnvelope::Eip2930(bloom),
                    2 => ReceiptEnvelope::Eip1559(bloom),
                    3 => ReceiptEnvelope::Eip4844(bloom),
                    _ => ReceiptEnvelope::Eip7702(bloom),
                }
            })
            .collect();
        for count in 0..=cases.len() {
            assert_eq!(root(&ours[..count]), calculate_receipt_root(&theirs[..count]), "{count} receipts");
        }
    }

    /// The encodings of a deposit without its two fields, and with them. Each was put together by hand from the OP
    /// specification's list of fields.
    #[test]
    fn a_deposit_carries_its_nonce_since_canyon() {
        let plain = wire(DEPOSIT, true, 0xb3f0, &[]);
        let canyon =
            Receipt { deposit_nonce: Some(0x1_0203), deposit_receipt_version: Some(1), ..plain.clone() };
        let regolith = Receipt { deposit_nonce: Some(0x1_0203), ..plain.clone() };
        let bloom = "00".repeat(256);
        let before = hex::decode(format!("7ef90108 01 82b3f0 b90100{bloom} c0").replace(' ', "")).unwrap();
        let after =
            hex::decode(format!("7ef9010d 01 82b3f0 b90100{bloom} c0 83010203 01").replace(' ', "")).unwrap();
        assert_eq!(plain.encoded(), before);
        assert_eq!(regolith.encoded(), before, "the nonce alone was only told, never hashed");
        assert_eq!(canyon.encoded(), after);
    }
}
