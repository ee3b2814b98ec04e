//! A log as nodes write it, read by its form.
//!
//! Logs are most of what a backfill reads, and nearly all are written alike: no spaces, no escapes, each field once, and of a
//! length that follows from its type. So a value is cut out where it must end, instead of looked for letter by letter; that
//! takes a quarter of what a reader of any JSON takes. Whatever is written otherwise is not read here, and what is wrong with it is
//! for serde_json to say.

use alloy::primitives::{Address, B256, Bytes, FixedBytes, hex};

use super::incoming::Item;
use crate::source::{RawLog, quantity};

impl Item for RawLog {
    fn plain(text: &str) -> Option<(Self, usize)> {
        log(text)
    }
}

/// The log at the beginning of `text` and how many bytes it takes; `None` where it is not whole, or written in another way.
fn log(text: &str) -> Option<(RawLog, usize)> {
    let mut rest = Rest(text);
    let (mut address, mut topics, mut data) = (None, None, None);
    let (mut block_number, mut block_hash, mut block_timestamp) = (None, None, None);
    let (mut transaction_hash, mut transaction_index, mut log_index) = (None, None, None);
    let mut removed = None;
    let mut before = "{\"";
    while rest.take(before).is_some() {
        match rest.key()? {
            "address" => once(&mut address, rest.fixed()?)?,
            "topics" => once(&mut topics, rest.topics()?)?,
            "data" => once(&mut data, rest.bytes()?)?,
            "blockNumber" => once(&mut block_number, rest.number()?)?,
            "blockHash" => once(&mut block_hash, rest.fixed()?)?,
            "blockTimestamp" => once(&mut block_timestamp, rest.number()?)?,
            "transactionHash" => once(&mut transaction_hash, rest.fixed()?)?,
            "transactionIndex" => once(&mut transaction_index, rest.number()?)?,
            "logIndex" => once(&mut log_index, rest.number()?)?,
            "removed" => once(&mut removed, rest.truth()?)?,
            _ => return None,
        }
        before = ",\"";
    }
    rest.take("}")?;
    let log = RawLog {
        address: Address(address?),
        topics: topics?,
        data: data?,
        block_number: block_number?,
        block_hash: block_hash?,
        block_timestamp,
        transaction_hash: transaction_hash?,
        log_index: log_index?,
        removed: removed.unwrap_or_default(),
    };
    Some((log, text.len() - rest.0.len()))
}

/// Each field stands there once.
fn once<T>(field: &mut Option<T>, value: T) -> Option<()> {
    field.replace(value).is_none().then_some(())
}

/// What is not read yet.
struct Rest<'a>(&'a str);

impl<'a> Rest<'a> {
    fn take(&mut self, expected: &str) -> Option<()> {
        self.0 = self.0.strip_prefix(expected)?;
        Some(())
    }

    /// A key behind its first quote, and the colon behind it.
    fn key(&mut self) -> Option<&'a str> {
        let key = self.word()?;
        self.take(":")?;
        Some(key)
    }

    /// What stands before the next quote, in few letters.
    fn word(&mut self) -> Option<&'a str> {
        let end = self.0.bytes().position(|byte| byte == b'"')?;
        let (word, rest) = self.0.split_at(end);
        self.0 = &rest[1..];
        Some(word)
    }

    fn number(&mut self) -> Option<u64> {
        self.take("\"")?;
        quantity::plain(self.word()?)
    }

    fn fixed<const N: usize>(&mut self) -> Option<FixedBytes<N>> {
        self.take("\"")?;
        let (digits, rest) = self.0.split_at_checked(2 + 2 * N)?;
        self.0 = rest;
        self.take("\"")?;
        hex::decode_to_array(digits).ok().map(FixedBytes)
    }

    fn bytes(&mut self) -> Option<Bytes> {
        self.take("\"")?;
        let (digits, rest) = self.0.split_once('"')?;
        self.0 = rest;
        hex::decode(digits).ok().map(Bytes::from)
    }

    fn topics(&mut self) -> Option<Vec<B256>> {
        self.take("[")?;
        let mut topics = Vec::with_capacity(4);
        loop {
            topics.push(self.fixed()?);
            if self.take("]").is_some() {
                return Some(topics);
            }
            self.take(",")?;
        }
    }

    fn truth(&mut self) -> Option<bool> {
        if self.take("false").is_some() {
            return Some(false);
        }
        self.take("true").map(|()| true)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

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

    /// What serde_json reads at the beginning of a text, and how many bytes that are.
    fn by_serde(text: &str) -> Option<(RawLog, usize)> {
        let mut values = serde_json::Deserializer::from_str(text).into_iter();
        let log = values.next()?.ok()?;
        Some((log, values.byte_offset()))
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
            ("no topics", r#""0xc42079"#, r#""0x"],"x":["0xc42079"#),
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
        fn nothing_is_read_otherwise_than_by_serde(
            changes in prop::collection::vec((0..PLAIN.len(), "[0-9a-fx{}\\[\\],:\"\\\\ +-]{0,2}", 0..3_usize), 1..4),
        ) {
            let mut text = PLAIN.to_owned();
            for (at, put, cut) in changes {
                let at = at.min(text.len());
                let end = (at + cut).min(text.len());
                text.replace_range(at..end, &put);
            }
            if let Some(read) = log(&text) {
                prop_assert_eq!(Some(read), by_serde(&text), "{}", text);
            }
        }
    }
}
