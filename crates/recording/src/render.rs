//! JSON as nodes write it: numbers as `0x` text without leading zeros, bytes as `0x` text.

use alloy_primitives::{Bloom, U64, U256};
use serde_json::{Map, Value, json};

use crate::chain::{Chain, LogPlace};
use crate::model::{Block, Transaction};

/// A block as `eth_getBlockByNumber` gives it, its transactions as hashes.
pub(crate) fn block(block: &Block) -> Value {
    let header = &block.header;
    let bloom = block.transactions.iter().fold(Bloom::ZERO, |sum, transaction| sum | logs_bloom(transaction));
    let hashes: Vec<_> = block.transactions.iter().map(|transaction| transaction.hash).collect();
    let mut rendered = json!({
        "number": quantity(header.number),
        "hash": header.hash,
        "parentHash": header.parent_hash,
        "sha3Uncles": header.ommers_hash,
        "miner": header.beneficiary,
        "stateRoot": header.state_root,
        "transactionsRoot": header.transactions_root,
        "receiptsRoot": header.receipts_root,
        "logsBloom": bloom,
        "difficulty": header.difficulty,
        "gasLimit": quantity(header.gas_limit),
        "gasUsed": quantity(header.gas_used),
        "timestamp": quantity(header.timestamp),
        "extraData": header.extra_data,
        "mixHash": header.mix_hash,
        "nonce": header.nonce,
        "totalDifficulty": U256::ZERO,
        "size": quantity(0),
        "uncles": [],
        "transactions": hashes,
    });
    let quantities = [
        ("baseFeePerGas", header.base_fee_per_gas),
        ("blobGasUsed", header.blob_gas_used),
        ("excessBlobGas", header.excess_blob_gas),
    ];
    let hashes = [
        ("withdrawalsRoot", header.withdrawals_root),
        ("parentBeaconBlockRoot", header.parent_beacon_block_root),
        ("requestsHash", header.requests_hash),
    ];
    for (name, value) in quantities {
        if let Some(value) = value {
            rendered[name] = quantity(value);
        }
    }
    for (name, value) in hashes {
        if let Some(value) = value {
            rendered[name] = json!(value);
        }
    }
    if header.withdrawals_root.is_some() {
        rendered["withdrawals"] = json!([]);
    }
    rendered
}

/// A receipt with its logs. `transaction` is a position in the block at position `block`.
pub(crate) fn receipt(chain: &Chain, block: usize, transaction: usize, with_timestamp: bool) -> Value {
    let (header, transactions) = (&chain.block(block).header, &chain.block(block).transactions);
    let (before, receipt) = (&transactions[..transaction], &transactions[transaction]);
    // A block whose gas does not add up is refused when a recording is read.
    let gas_before: u64 = before.iter().map(|each| each.gas_used).sum();
    let logs_before: usize = before.iter().map(|each| each.logs.len()).sum();
    let places = (0..receipt.logs.len()).map(|in_transaction| LogPlace {
        block,
        transaction,
        in_transaction,
        in_block: logs_before + in_transaction,
    });
    json!({
        "transactionHash": receipt.hash,
        "transactionIndex": position(transaction),
        "blockHash": header.hash,
        "blockNumber": quantity(header.number),
        "from": receipt.from,
        "to": receipt.to,
        "contractAddress": receipt.contract_address,
        "type": quantity(u64::from(receipt.kind)),
        "status": quantity(u64::from(receipt.succeeded)),
        "gasUsed": quantity(receipt.gas_used),
        "cumulativeGasUsed": quantity(gas_before + receipt.gas_used),
        "effectiveGasPrice": quantity(receipt.effective_gas_price),
        "logsBloom": logs_bloom(receipt),
        "logs": places.map(|place| log(chain, place, with_timestamp)).collect::<Vec<_>>(),
    })
}

/// A log with its place in the chain.
pub(crate) fn log(chain: &Chain, place: LogPlace, with_timestamp: bool) -> Value {
    let (header, log) = (&chain.block(place.block).header, chain.log(place));
    let mut rendered = Map::from_iter([
        ("address".to_owned(), json!(log.address)),
        ("topics".to_owned(), json!(log.topics)),
        ("data".to_owned(), json!(log.data)),
        ("blockHash".to_owned(), json!(header.hash)),
        ("blockNumber".to_owned(), quantity(header.number)),
        ("transactionHash".to_owned(), json!(chain.transaction(place).hash)),
        ("transactionIndex".to_owned(), position(place.transaction)),
        ("logIndex".to_owned(), position(place.in_block)),
        ("removed".to_owned(), json!(false)),
    ]);
    if with_timestamp {
        rendered.insert("blockTimestamp".to_owned(), quantity(header.timestamp));
    }
    Value::Object(rendered)
}

pub(crate) fn quantity(number: u64) -> Value {
    json!(U64::from(number))
}

fn position(position: usize) -> Value {
    json!(U64::from(position))
}

fn logs_bloom(transaction: &Transaction) -> Bloom {
    let mut bloom = Bloom::ZERO;
    for log in &transaction.logs {
        bloom.accrue_raw_log(log.address, &log.topics);
    }
    bloom
}
