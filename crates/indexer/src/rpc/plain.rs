//! What nodes give in great numbers, logs and headers, read by its form.
//!
//! They are most of what a backfill reads, and nearly all are written alike: no spaces, no escapes, each field once, and of a
//! length that follows from its type. So a value is cut out where it must end, instead of looked for letter by letter; that
//! takes less than half of what a reader of any JSON takes. Whatever is written otherwise is not read here, and what is wrong
//! with it is for serde_json to say.

mod header;
mod log;

use alloy::primitives::{B256, Bytes, FixedBytes, hex};
use serde::de::DeserializeOwned;

use crate::source::quantity;

/// What can be read by its form.
pub(super) trait Item: DeserializeOwned {
    /// The one at the beginning of what is left; `None` where it is not whole, written in another way, or not known here, and
    /// serde_json is to read it.
    fn read(_rest: &mut Rest<'_>) -> Option<Self> {
        None
    }
}

/// Where it is there.
impl<T: Item> Item for Option<T> {
    fn read(rest: &mut Rest<'_>) -> Option<Self> {
        T::read(rest).map(Some)
    }
}

/// The item at the beginning of `text` and how many bytes it takes, where its form tells.
pub(super) fn item<T: Item>(text: &[u8]) -> Option<(T, usize)> {
    let mut rest = Rest(text);
    let item = T::read(&mut rest)?;
    Some((item, text.len() - rest.0.len()))
}

/// One answer of a batch: whose it is, and its result.
pub(super) type Numbered<T> = (u64, T);

/// The answers of a batch in which nothing went wrong.
pub(super) fn batch<T: Item>(text: &[u8]) -> Option<Vec<Numbered<T>>> {
    let fields: [Field<Answer<T>>; 3] = [
        |answer, rest| rest.field(r#""jsonrpc":"#, &mut answer.version, |rest| rest.take("\"2.0\"")),
        |answer, rest| rest.field(r#""id":"#, &mut answer.id, Rest::decimal),
        |answer, rest| rest.field(r#""result":"#, &mut answer.result, T::read),
    ];
    let mut rest = Rest(text);
    let mut answers = Vec::new();
    rest.list(|rest| {
        let mut answer = Answer { version: None, id: None, result: None };
        rest.object(&fields, &mut answer)?;
        answers.push((answer.id?, answer.result?));
        Some(())
    })?;
    rest.0.is_empty().then_some(answers)
}

struct Answer<T> {
    version: Option<()>,
    id: Option<u64>,
    result: Option<T>,
}

/// Reads one field of an object, as [`Rest::field`] does. Its key is told by the function and not beside it: so many letters
/// that are known are compared at once, and not one after the other.
type Field<T> = fn(&mut T, &mut Rest<'_>) -> Option<bool>;

/// What is not read yet. Letters are looked at as bytes: all that is read here is of ASCII, and whoever wants more of a text than
/// that is not served here.
pub(super) struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, expected: &str) -> Option<()> {
        self.0 = self.0.strip_prefix(expected.as_bytes())?;
        Some(())
    }

    fn take_byte(&mut self, expected: u8) -> Option<()> {
        self.0 = self.0.strip_prefix(&[expected])?;
        Some(())
    }

    /// `{"key":value,...}`, of these fields. Each is looked for from the one behind the last: nodes write them in one order,
    /// most of them in that of `fields`.
    fn object<T>(&mut self, fields: &[Field<T>], object: &mut T) -> Option<()> {
        let (mut before, mut next) = (b'{', 0);
        while self.take_byte(before).is_some() {
            let mut places = (next..fields.len()).chain(0..next);
            let place = loop {
                let place = places.next()?;
                if fields[place](object, self)? {
                    break place;
                }
            };
            (before, next) = (b',', place + 1);
        }
        self.take_byte(b'}')
    }

    /// Whether `key` stands there; its value is read then, once.
    fn field<T>(
        &mut self,
        key: &str,
        field: &mut Option<T>,
        read: impl FnOnce(&mut Self) -> Option<T>,
    ) -> Option<bool> {
        if self.take(key).is_none() {
            return Some(false);
        }
        field.replace(read(self)?).is_none().then_some(true)
    }

    /// `[item,...]`; `item` reads each.
    fn list(&mut self, mut item: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.take("[")?;
        if self.take("]").is_some() {
            return Some(());
        }
        loop {
            item(self)?;
            if self.take("]").is_some() {
                return Some(());
            }
            self.take(",")?;
        }
    }

    /// What stands before the next quote, in few letters.
    fn word(&mut self) -> Option<&'a [u8]> {
        let end = self.0.iter().position(|byte| *byte == b'"')?;
        self.up_to_quote(end)
    }

    /// So many bytes, and the quote behind them.
    fn up_to_quote(&mut self, bytes: usize) -> Option<&'a [u8]> {
        let (digits, rest) = self.0.split_at_checked(bytes)?;
        self.0 = rest.strip_prefix(b"\"")?;
        Some(digits)
    }

    fn number(&mut self) -> Option<u64> {
        self.take("\"")?;
        quantity::plain(self.word()?)
    }

    /// A number of its own, with what ends it behind it.
    fn decimal(&mut self) -> Option<u64> {
        let end = self.0.iter().position(|byte| !byte.is_ascii_digit())?;
        let (digits, rest) = self.0.split_at(end);
        self.0 = rest;
        // JSON has no other numbers that begin so.
        let goes_on = matches!(rest.first(), Some(b'.' | b'e' | b'E'));
        let is_one = digits == b"0" || !digits.starts_with(b"0") && !goes_on;
        is_one.then(|| std::str::from_utf8(digits).ok()?.parse().ok()).flatten()
    }

    fn fixed<const N: usize>(&mut self) -> Option<FixedBytes<N>> {
        self.take("\"")?;
        hex::decode_to_array(self.up_to_quote(2 + 2 * N)?).ok().map(FixedBytes)
    }

    /// Hashes, of which there are not many more than `few`.
    fn fixed_list(&mut self, few: usize) -> Option<Vec<B256>> {
        let mut items = Vec::with_capacity(few);
        self.list(|rest| {
            items.push(rest.fixed()?);
            Some(())
        })?;
        Some(items)
    }

    /// Hashes that nobody asks for, as transactions of a block.
    fn skip_hashes(&mut self) -> Option<()> {
        self.list(|rest| rest.fixed::<32>().map(drop))
    }

    fn bytes(&mut self) -> Option<Bytes> {
        self.take("\"")?;
        hex::decode(self.word()?).ok().map(Bytes::from)
    }

    /// Bytes as contracts write them, in words of 32: the end is looked for where it can be.
    fn words(&mut self) -> Option<Bytes> {
        self.take("\"")?;
        let mut ends = (2..self.0.len()).step_by(2 * 32);
        let end = ends.find(|end| self.0[*end] == b'"')?;
        hex::decode(self.up_to_quote(end)?).ok().map(Bytes::from)
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

    /// What serde_json reads at the beginning of a text, and how many bytes that are.
    pub(super) fn by_serde<T: DeserializeOwned>(text: &str) -> Option<(T, usize)> {
        let mut values = serde_json::Deserializer::from_str(text).into_iter();
        let item = values.next()?.ok()?;
        Some((item, values.byte_offset()))
    }

    /// Where letters are put, which, and how many are cut off.
    type Change = (usize, String, usize);

    /// A few letters that mean something to a reader, anywhere in a text of so many bytes.
    pub(super) fn changes(bytes: usize) -> impl Strategy<Value = Vec<Change>> {
        prop::collection::vec((0..bytes, "[0-9a-fx{}\\[\\],:\"\\\\ +-]{0,2}", 0..3_usize), 1..4)
    }

    pub(super) fn changed(text: &str, changes: Vec<Change>) -> String {
        let mut text = text.to_owned();
        for (at, put, cut) in changes {
            let at = at.min(text.len());
            text.replace_range(at..(at + cut).min(text.len()), &put);
        }
        text
    }

    impl Item for bool {
        fn read(rest: &mut Rest<'_>) -> Option<Self> {
            rest.take("true").map(|()| true)
        }
    }

    #[test]
    fn a_batch() {
        let cases = [
            (r#"[{"jsonrpc":"2.0","id":0,"result":true},{"id":17,"result":true}]"#, Some(vec![0, 17])),
            ("[]", Some(vec![])),
            (r#"[{"id":0,"result":false}]"#, None),
            (r#"[{"id":0,"result":true}"#, None),
            (r#"[{"id":0,"result":true}] "#, None),
            (r#"[{"id":0,"result":true},]"#, None),
            (r#"[{"id":0}]"#, None),
            (r#"[{"result":true}]"#, None),
            (r#"[{"id":00,"result":true}]"#, None),
            (r#"[{"id":1e1,"result":true}]"#, None),
            (r#"[{"id":1.0,"result":true}]"#, None),
            (r#"[{"id":-1,"result":true}]"#, None),
            (r#"[{"id":"0","result":true}]"#, None),
            (r#"[{"id":,"result":true}]"#, None),
            (r#"[{"id":0,"error":{"code":1,"message":"no"}}]"#, None),
            (r#"[{"id":0,"id":0,"result":true}]"#, None),
            (r#"[{"jsonrpc":"1.0","id":0,"result":true}]"#, None),
            (r#"{"id":0,"result":true}"#, None),
        ];
        for (text, ids) in cases {
            let told =
                batch::<bool>(text.as_bytes()).map(|answers| answers.iter().map(|(id, _)| *id).collect());
            assert_eq!(told, ids, "{text}");
        }
    }
}
