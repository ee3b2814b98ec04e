//! A header by its form.

use alloy::consensus::Header;
use alloy::primitives::{Address, Bloom, U256};

use super::{Item, Rest, once};
use crate::rpc::wire::WholeHeader;

impl Item for WholeHeader {
    /// Only if it hashes to what is said beside it.
    fn read(rest: &mut Rest<'_>) -> Option<Self> {
        let (mut hash, mut parent_hash, mut ommers_hash, mut beneficiary) = (None, None, None, None);
        let (mut state_root, mut transactions_root, mut receipts_root) = (None, None, None);
        let (mut logs_bloom, mut extra_data, mut mix_hash, mut nonce) = (None, None, None, None);
        let (mut difficulty, mut number, mut timestamp) = (None, None, None);
        let (mut gas_limit, mut gas_used, mut base_fee_per_gas) = (None, None, None);
        let (mut withdrawals_root, mut blob_gas_used, mut excess_blob_gas) = (None, None, None);
        let (mut parent_beacon_block_root, mut requests_hash) = (None, None);
        // What stands beside a header's own fields.
        let (mut size, mut total_difficulty) = (None, None);
        let (mut uncles, mut transactions, mut withdrawals) = (None, None, None);
        rest.object(|rest, key| match key {
            "hash" => once(&mut hash, rest.fixed()?),
            "parentHash" => once(&mut parent_hash, rest.fixed()?),
            "sha3Uncles" => once(&mut ommers_hash, rest.fixed()?),
            "miner" => once(&mut beneficiary, rest.fixed()?),
            "stateRoot" => once(&mut state_root, rest.fixed()?),
            "transactionsRoot" => once(&mut transactions_root, rest.fixed()?),
            "receiptsRoot" => once(&mut receipts_root, rest.fixed()?),
            "logsBloom" => once(&mut logs_bloom, rest.fixed()?),
            "difficulty" => once(&mut difficulty, rest.number()?),
            "number" => once(&mut number, rest.number()?),
            "gasLimit" => once(&mut gas_limit, rest.number()?),
            "gasUsed" => once(&mut gas_used, rest.number()?),
            "timestamp" => once(&mut timestamp, rest.number()?),
            "extraData" => once(&mut extra_data, rest.bytes()?),
            "mixHash" => once(&mut mix_hash, rest.fixed()?),
            "nonce" => once(&mut nonce, rest.fixed()?),
            "baseFeePerGas" => once(&mut base_fee_per_gas, rest.number()?),
            "withdrawalsRoot" => once(&mut withdrawals_root, rest.fixed()?),
            "blobGasUsed" => once(&mut blob_gas_used, rest.number()?),
            "excessBlobGas" => once(&mut excess_blob_gas, rest.number()?),
            "parentBeaconBlockRoot" => once(&mut parent_beacon_block_root, rest.fixed()?),
            "requestsHash" => once(&mut requests_hash, rest.fixed()?),
            "size" => once(&mut size, rest.number()?),
            "totalDifficulty" => once(&mut total_difficulty, rest.number()?),
            "uncles" => once(&mut uncles, rest.skip_hashes()?),
            "transactions" => once(&mut transactions, rest.skip_hashes()?),
            "withdrawals" => once(&mut withdrawals, rest.skip_hashes()?),
            _ => None,
        })?;
        let fields = Header {
            parent_hash: parent_hash?,
            ommers_hash: ommers_hash?,
            beneficiary: Address(beneficiary?),
            state_root: state_root?,
            transactions_root: transactions_root?,
            receipts_root: receipts_root?,
            logs_bloom: Bloom(logs_bloom?),
            difficulty: U256::from(difficulty?),
            number: number?,
            gas_limit: gas_limit?,
            gas_used: gas_used?,
            timestamp: timestamp?,
            extra_data: extra_data?,
            mix_hash: mix_hash?,
            nonce: nonce?,
            base_fee_per_gas,
            withdrawals_root,
            blob_gas_used,
            excess_blob_gas,
            parent_beacon_block_root,
            requests_hash,
            ..Header::default()
        };
        WholeHeader::of(&fields, hash?)
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
            let read = item::<WholeHeader>(&text);
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
            assert_eq!(item::<WholeHeader>(&text), None, "{what}: {text}");
        }
        for bytes in 0..block.len() {
            assert_eq!(item::<WholeHeader>(&block[..bytes]), None, "the first {bytes} bytes");
        }
    }

    proptest! {
        #[test]
        fn nothing_is_read_otherwise_than_by_serde(changes in changes(2_000)) {
            let text = changed(&block(), changes);
            if let Some(read) = item::<WholeHeader>(&text) {
                prop_assert_eq!(Some(read), by_serde(&text), "{}", text);
            }
        }
    }
}
