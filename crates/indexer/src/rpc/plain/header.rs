//! A header by its form.

use alloy::consensus::Header;
use alloy::primitives::{Address, B64, B256, Bloom, Bytes, FixedBytes, U256};

use super::{Field, Item, Rest};
use crate::rpc::wire::WholeHeader;

#[derive(Default)]
struct Read {
    hash: Option<B256>,
    parent_hash: Option<B256>,
    ommers_hash: Option<B256>,
    beneficiary: Option<FixedBytes<20>>,
    state_root: Option<B256>,
    transactions_root: Option<B256>,
    receipts_root: Option<B256>,
    logs_bloom: Option<FixedBytes<256>>,
    difficulty: Option<u64>,
    number: Option<u64>,
    gas_limit: Option<u64>,
    gas_used: Option<u64>,
    timestamp: Option<u64>,
    extra_data: Option<Bytes>,
    mix_hash: Option<B256>,
    nonce: Option<B64>,
    base_fee_per_gas: Option<u64>,
    withdrawals_root: Option<B256>,
    blob_gas_used: Option<u64>,
    excess_blob_gas: Option<u64>,
    parent_beacon_block_root: Option<B256>,
    requests_hash: Option<B256>,
    // What stands beside a header's own fields.
    size: Option<u64>,
    total_difficulty: Option<u64>,
    uncles: Option<()>,
    transactions: Option<()>,
    withdrawals: Option<()>,
}

const FIELDS: [Field<Read>; 27] = [
    |header, rest| rest.field(r#""hash":"#, &mut header.hash, Rest::fixed),
    |header, rest| rest.field(r#""parentHash":"#, &mut header.parent_hash, Rest::fixed),
    |header, rest| rest.field(r#""sha3Uncles":"#, &mut header.ommers_hash, Rest::fixed),
    |header, rest| rest.field(r#""miner":"#, &mut header.beneficiary, Rest::fixed),
    |header, rest| rest.field(r#""stateRoot":"#, &mut header.state_root, Rest::fixed),
    |header, rest| rest.field(r#""transactionsRoot":"#, &mut header.transactions_root, Rest::fixed),
    |header, rest| rest.field(r#""receiptsRoot":"#, &mut header.receipts_root, Rest::fixed),
    |header, rest| rest.field(r#""logsBloom":"#, &mut header.logs_bloom, Rest::fixed),
    |header, rest| rest.field(r#""difficulty":"#, &mut header.difficulty, Rest::number),
    |header, rest| rest.field(r#""number":"#, &mut header.number, Rest::number),
    |header, rest| rest.field(r#""gasLimit":"#, &mut header.gas_limit, Rest::number),
    |header, rest| rest.field(r#""gasUsed":"#, &mut header.gas_used, Rest::number),
    |header, rest| rest.field(r#""timestamp":"#, &mut header.timestamp, Rest::number),
    |header, rest| rest.field(r#""extraData":"#, &mut header.extra_data, Rest::bytes),
    |header, rest| rest.field(r#""mixHash":"#, &mut header.mix_hash, Rest::fixed),
    |header, rest| rest.field(r#""nonce":"#, &mut header.nonce, Rest::fixed),
    |header, rest| rest.field(r#""baseFeePerGas":"#, &mut header.base_fee_per_gas, Rest::number),
    |header, rest| rest.field(r#""withdrawalsRoot":"#, &mut header.withdrawals_root, Rest::fixed),
    |header, rest| rest.field(r#""blobGasUsed":"#, &mut header.blob_gas_used, Rest::number),
    |header, rest| rest.field(r#""excessBlobGas":"#, &mut header.excess_blob_gas, Rest::number),
    |header, rest| {
        rest.field(r#""parentBeaconBlockRoot":"#, &mut header.parent_beacon_block_root, Rest::fixed)
    },
    |header, rest| rest.field(r#""requestsHash":"#, &mut header.requests_hash, Rest::fixed),
    |header, rest| rest.field(r#""size":"#, &mut header.size, Rest::number),
    |header, rest| rest.field(r#""totalDifficulty":"#, &mut header.total_difficulty, Rest::number),
    |header, rest| rest.field(r#""uncles":"#, &mut header.uncles, Rest::skip_hashes),
    |header, rest| rest.field(r#""transactions":"#, &mut header.transactions, Rest::skip_hashes),
    |header, rest| rest.field(r#""withdrawals":"#, &mut header.withdrawals, Rest::skip_hashes),
];

impl Item for WholeHeader {
    /// Only if it hashes to what is said beside it.
    fn read(rest: &mut Rest<'_>) -> Option<Self> {
        let mut read = Read::default();
        rest.object(&FIELDS, &mut read)?;
        let fields = Header {
            parent_hash: read.parent_hash?,
            ommers_hash: read.ommers_hash?,
            beneficiary: Address(read.beneficiary?),
            state_root: read.state_root?,
            transactions_root: read.transactions_root?,
            receipts_root: read.receipts_root?,
            logs_bloom: Bloom(read.logs_bloom?),
            difficulty: U256::from(read.difficulty?),
            number: read.number?,
            gas_limit: read.gas_limit?,
            gas_used: read.gas_used?,
            timestamp: read.timestamp?,
            extra_data: read.extra_data?,
            mix_hash: read.mix_hash?,
            nonce: read.nonce?,
            base_fee_per_gas: read.base_fee_per_gas,
            withdrawals_root: read.withdrawals_root,
            blob_gas_used: read.blob_gas_used,
            excess_blob_gas: read.excess_blob_gas,
            parent_beacon_block_root: read.parent_beacon_block_root,
            requests_hash: read.requests_hash,
            ..Header::default()
        };
        WholeHeader::of(&fields, read.hash?)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::rpc::plain::item;
    use crate::rpc::plain::tests::{by_serde, changed, changes};

    /// A block as a node gives it: what its header hashes to stands first.
    fn block() -> String {
        let word = |digits: &str| format!("0x{}", digits.repeat(32));
        let bloom = format!("0x{}", "0081".repeat(128));
        let fields = [
            ("parentHash", word("a8")),
            ("sha3Uncles", word("1d")),
            ("miner", format!("0x{}", "42".repeat(20))),
            ("stateRoot", word("42")),
            ("transactionsRoot", word("3e")),
            ("receiptsRoot", word("0e")),
            ("logsBloom", bloom),
            ("difficulty", "0x0".to_owned()),
            ("number", "0x989690".to_owned()),
            ("gasLimit", "0x3938700".to_owned()),
            ("gasUsed", "0xdbba0".to_owned()),
            ("timestamp", "0x6553f120".to_owned()),
            ("extraData", "0x0001ff".to_owned()),
            ("mixHash", word("04")),
            ("nonce", "0x0000000000000001".to_owned()),
            ("baseFeePerGas", "0xf4240".to_owned()),
            ("withdrawalsRoot", word("56")),
            ("blobGasUsed", "0x0".to_owned()),
            ("excessBlobGas", "0x20000".to_owned()),
            ("parentBeaconBlockRoot", word("10")),
            ("requestsHash", word("e3")),
        ];
        let fields = fields.map(|(key, value)| format!(r#""{key}":"{value}""#)).join(",");
        let header: Header = serde_json::from_str(&format!("{{{fields}}}")).unwrap();
        let transactions = format!(r#"["{}","{}"]"#, word("54"), word("ea"));
        format!(
            r#"{{"hash":"{}",{fields},"totalDifficulty":"0x0","size":"0x5f0","uncles":[],"withdrawals":[],"transactions":{transactions}}}"#,
            header.hash_slow()
        )
    }

    #[test]
    fn what_nodes_write_is_read_plainly() {
        let block = block();
        let cases = [
            block.clone(),
            format!("{block},{block}"),
            block.replace(r#","totalDifficulty":"0x0""#, ""),
            block.replace(r#","withdrawals":[]"#, ""),
        ];
        for text in cases {
            let read = item::<WholeHeader>(text.as_bytes());
            assert!(read.is_some(), "{text}");
            assert_eq!(read, by_serde(&text), "{text}");
        }
    }

    #[test]
    fn all_else_is_left_alone() {
        let block = block();
        let cases = [
            ("another hash", r#""size""#, r#""number":"0x0","size""#),
            ("another field", "0xf4240", "0xf4241"),
            ("a field too few", r#""nonce":"0x0000000000000001","#, ""),
            ("an optional one too few", r#""blobGasUsed":"0x0","#, ""),
            ("an unknown one", r#""size":"#, r#""l1BlockNumber":"0x1","size":"#),
            ("withdrawals", r#""withdrawals":[]"#, r#""withdrawals":[{"index":"0x1"}]"#),
            ("whole transactions", r#""transactions":["#, r#""transactions":[{},"#),
            ("a great sum", r#""totalDifficulty":"0x0""#, r#""totalDifficulty":"0x10000000000000000""#),
            ("a space", r#","size""#, r#", "size""#),
        ];
        for (what, from, to) in cases {
            let text = block.replace(from, to);
            assert_ne!(text, block, "{what}");
            assert_eq!(item::<WholeHeader>(text.as_bytes()), None, "{what}: {text}");
        }
        for bytes in 0..block.len() {
            assert_eq!(item::<WholeHeader>(&block.as_bytes()[..bytes]), None, "the first {bytes} bytes");
        }
    }

    proptest! {
        #[test]
        fn nothing_is_read_otherwise_than_by_serde(changes in changes(2_000)) {
            let text = changed(&block(), changes);
            if let Some(read) = item::<WholeHeader>(text.as_bytes()) {
                prop_assert_eq!(Some(read), by_serde(&text), "{}", text);
            }
        }
    }
}
