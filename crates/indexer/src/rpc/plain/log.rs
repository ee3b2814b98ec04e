//! A log by its form.

use alloy::primitives::{Address, B256, Bytes, FixedBytes};

use super::{Field, Item, Rest};
use crate::source::RawLog;

#[derive(Default)]
struct Read {
    address: Option<FixedBytes<20>>,
    topics: Option<Vec<B256>>,
    data: Option<Bytes>,
    block_number: Option<u64>,
    transaction_hash: Option<B256>,
    transaction_index: Option<u64>,
    block_hash: Option<B256>,
    block_timestamp: Option<u64>,
    log_index: Option<u64>,
    removed: Option<bool>,
}

const FIELDS: [Field<Read>; 10] = [
    |log, rest| rest.field(r#""address":"#, &mut log.address, Rest::fixed),
    |log, rest| rest.field(r#""topics":"#, &mut log.topics, |rest| rest.fixed_list(4)),
    |log, rest| rest.field(r#""data":"#, &mut log.data, Rest::words),
    |log, rest| rest.field(r#""blockNumber":"#, &mut log.block_number, Rest::number),
    |log, rest| rest.field(r#""transactionHash":"#, &mut log.transaction_hash, Rest::fixed),
    |log, rest| rest.field(r#""transactionIndex":"#, &mut log.transaction_index, Rest::number),
    |log, rest| rest.field(r#""blockHash":"#, &mut log.block_hash, Rest::fixed),
    |log, rest| rest.field(r#""blockTimestamp":"#, &mut log.block_timestamp, Rest::number),
    |log, rest| rest.field(r#""logIndex":"#, &mut log.log_index, Rest::number),
    |log, rest| rest.field(r#""removed":"#, &mut log.removed, Rest::truth),
];

impl Item for RawLog {
    fn read(rest: &mut Rest<'_>) -> Option<Self> {
        let mut read = Read::default();
        rest.object(&FIELDS, &mut read)?;
        Some(RawLog {
            address: Address(read.address?),
            topics: read.topics?,
            data: read.data?,
            block_number: read.block_number?,
            block_hash: read.block_hash?,
            block_timestamp: read.block_timestamp,
            transaction_hash: read.transaction_hash?,
            log_index: read.log_index?,
            removed: read.removed.unwrap_or_default(),
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
        r#""0x000000000000000000000000556ee6e2102fa51beb826385e5495991c95c598b"],"#,
        r#""data":"0x00ff000000000000000000000000000000000000000000000000000000000000","#,
        r#""blockNumber":"0x989681","#,
        r#""transactionHash":"0x6ed464328a1c375c486731192a428d50363593e5e051e93122c907241078eb8e","#,
        r#""transactionIndex":"0x0","#,
        r#""blockHash":"0xe13affe4260cb396f1b4f284b458d3385fd267c120cb09669486ca23eb119a0c","#,
        r#""blockTimestamp":"0x6553f102","logIndex":"0x1f","removed":false}"#,
    );

    const DATA: &str = "0x00ff000000000000000000000000000000000000000000000000000000000000";

    fn log(text: &str) -> Option<(RawLog, usize)> {
        item(text.as_bytes())
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
            without(&DATA[2..]),
            PLAIN.replace(DATA, &format!("{DATA}{}", &DATA[2..])),
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
            ("less than a word", "0x00ff", "0x"),
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
