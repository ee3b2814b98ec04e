//! A log by its form.

use alloy::primitives::Address;

use super::{Item, Rest, once};
use crate::source::RawLog;

impl Item for RawLog {
    fn read(rest: &mut Rest<'_>) -> Option<Self> {
        let (mut address, mut topics, mut data) = (None, None, None);
        let (mut block_number, mut block_hash, mut block_timestamp) = (None, None, None);
        let (mut transaction_hash, mut transaction_index, mut log_index) = (None, None, None);
        let mut removed = None;
        rest.object(|rest, key| match key {
            "address" => once(&mut address, rest.fixed()?),
            "topics" => once(&mut topics, rest.fixed_list(4)?),
            "data" => once(&mut data, rest.bytes()?),
            "blockNumber" => once(&mut block_number, rest.number()?),
            "blockHash" => once(&mut block_hash, rest.fixed()?),
            "blockTimestamp" => once(&mut block_timestamp, rest.number()?),
            "transactionHash" => once(&mut transaction_hash, rest.fixed()?),
            "transactionIndex" => once(&mut transaction_index, rest.number()?),
            "logIndex" => once(&mut log_index, rest.number()?),
            "removed" => once(&mut removed, rest.truth()?),
            _ => None,
        })?;
        Some(RawLog {
            address: Address(address?),
            topics: topics?,
            data: data?,
            block_number: block_number?,
            block_hash: block_hash?,
            block_timestamp,
            transaction_hash: transaction_hash?,
            log_index: log_index?,
            removed: removed.unwrap_or_default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::rpc::plain::item;
    use crate::rpc::plain::tests::{by_serde, changed, changes};

    const PLAIN: &str = concat!(
        r#"{"address":"0xd0b53D9277642d899DF5c87A3966A349A798F224","topics":["#,
        r#""0xc42079f94a6350d7e6235f29174924f928cc2ac818eb64fed8004e115fbcca67","#,
        r#""0x000000000000000000000000556ee6e2102fa51beb826385e5495991c95c598b"],"data":"0x00ff","#,
        r#""blockNumber":"0x989681","#,
        r#""transactionHash":"0x6ed464328a1c375c486731192a428d50363593e5e051e93122c907241078eb8e","#,
        r#""transactionIndex":"0x0","#,
        r#""blockHash":"0xe13affe4260cb396f1b4f284b458d3385fd267c120cb09669486ca23eb119a0c","#,
        r#""blockTimestamp":"0x6553f102","logIndex":"0x1f","removed":false}"#,
    );

    fn log(text: &str) -> Option<(RawLog, usize)> {
        item(text)
    }

    #[test]
    fn what_nodes_write_is_read_plainly() {
        let without = |field: &str| PLAIN.replace(field, "");
        let cases = [
            PLAIN.to_owned(),
            format!("{PLAIN},{PLAIN}"),
            without(r#""blockTimestamp":"0x6553f102","#),
            without(r#","removed":false"#),
            without(r#""transactionIndex":"0x0","#),
            PLAIN.replace("false", "true"),
            PLAIN.replace("0x00ff", "0x"),
            PLAIN.replace("0x1f", "0x001F"),
        ];
        for text in cases {
            assert!(log(&text).is_some(), "{text}");
            assert_eq!(log(&text), by_serde(&text), "{text}");
        }
    }

    #[test]
    fn all_else_is_left_alone() {
        let cases = [
            ("topics", r#""topics":["#, r#""topics":"#),
            ("topics without an end", r#"598b"],"#, r#"598b","#),
            ("a space", r#","data""#, r#", "data""#),
            ("a key twice", r#","removed":false"#, r#","removed":false,"removed":false"#),
            ("another key", r#""removed":false"#, r#""removed":false,"type":"0x1""#),
            ("a field too few", r#""logIndex":"0x1f","#, ""),
            ("null", r#""0x6553f102""#, "null"),
            ("a number", r#""0x1f""#, "31"),
            ("a sign", "0x1f", "0x+1"),
            ("no digits", "0x1f", "0x"),
            ("too great", "0x1f", "0x10000000000000000"),
            ("an escape", "0x00ff", r"0x00\u0066f"),
            ("half a byte", "0x00ff", "0x00f"),
            ("no digit", "0x6ed4", "0x6eg4"),
            ("a letter of two bytes", "0x6ed4", "0xé4"),
            ("0x twice", "0x00ff", "0x0x00ff"),
            ("a long hash", "0x6ed4", "0x006ed4"),
            ("a short hash", "0x6ed4", "0xd4"),
            ("no end", "false}", "false"),
            ("another end", "false}", "false]"),
        ];
        for (what, from, to) in cases {
            let text = PLAIN.replace(from, to);
            assert_ne!(text, PLAIN, "{what}");
            assert_eq!(log(&text), None, "{what}: {text}");
        }
        for bytes in 0..PLAIN.len() {
            assert_eq!(log(&PLAIN[..bytes]), None, "the first {bytes} bytes");
        }
    }

    proptest! {
        /// Letters that mean something to a reader, put anywhere.
        #[test]
        fn nothing_is_read_otherwise_than_by_serde(changes in changes(PLAIN.len())) {
            let text = changed(PLAIN, changes);
            if let Some(read) = log(&text) {
                prop_assert_eq!(Some(read), by_serde(&text), "{}", text);
            }
        }
    }
}
