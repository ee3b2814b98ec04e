//! A long list in an answer, read while it comes in, so that no answer is held whole as text.
//!
//! Only the list itself is read so: each item once its last byte is there, and whoever asked says at once what is kept of it.
//! What stands before it and behind it is kept and read as
//! one envelope with an empty list, by the one reader that all answers go through. An answer whose result is no list, or comes
//! before the rest in a form that is not looked for here, is kept whole.

use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::{Deserializer, Error};

use super::plain::{self, Item};

/// An envelope is shorter than that before its result.
const HEAD_BYTES_MAX: usize = 1024;

/// So much is put behind what was cut, at once: most items end within it.
const PIECE_BYTES: usize = 2 * 1024;

/// An answer of which the beginning has come in.
#[derive(Debug)]
pub(super) struct Incoming<K> {
    place: Place,
    /// What came in and is not read, as it was cut. All else is read where it lies.
    cut: Vec<u8>,
    /// How far what is being read is read.
    read: usize,
    /// An item that was not whole is tried again when so much of it is there: at twice as much, so that a long one that comes
    /// in many parts is not read anew with each.
    worth_trying: usize,
    /// What stands around the list.
    envelope: Vec<u8>,
    /// What is kept of the items.
    kept: Vec<K>,
    /// How long the answer will be, as far as that is believed.
    bytes: usize,
    bytes_read: usize,
}

/// How far it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Before the list.
    Head,
    /// In the list, behind its bracket or a comma.
    Item { is_first: bool },
    /// In the list, behind an item.
    Separator,
    /// Behind the list, or in an answer without one: kept as it is.
    Rest,
}

/// Where the list of an envelope begins.
#[derive(Debug, PartialEq, Eq)]
enum Head {
    /// Its bracket is at this place.
    List(usize),
    /// It cannot be told yet.
    Open,
    /// Nowhere that is looked for.
    Other,
}

impl<K> Incoming<K> {
    /// Nothing yet, of an answer that will have so many bytes; zero where that is not known.
    pub(super) fn new(bytes: usize) -> Self {
        Self {
            place: Place::Head,
            cut: Vec::new(),
            read: 0,
            worth_trying: 0,
            envelope: Vec::new(),
            kept: Vec::new(),
            bytes,
            bytes_read: 0,
        }
    }

    /// Reads on as far as what has come in goes, and keeps what `keep` makes of each item.
    ///
    /// # Errors
    /// An item is none, the list is not well formed, or this is no text.
    pub(super) fn take<T: Item>(
        &mut self,
        mut part: &[u8],
        keep: impl Fn(T) -> Option<K>,
    ) -> Result<(), Error> {
        while !self.cut.is_empty() && !part.is_empty() {
            let before = self.cut.len();
            let (piece, later) = part.split_at(part.len().min(PIECE_BYTES));
            self.cut.extend_from_slice(piece);
            if self.cut.len() >= self.worth_trying {
                let text = std::mem::take(&mut self.cut);
                self.read_on(&text, &keep)?;
                self.cut = text;
                if let Some(of_part) = self.read.checked_sub(before) {
                    self.cut.clear();
                    part = &part[of_part..];
                    break;
                }
                self.cut.drain(..self.read);
            }
            part = later;
        }
        self.read_on(part, &keep)?;
        self.cut.extend_from_slice(&part[self.read..]);
        Ok(())
    }

    /// Reads as far as `text` goes, which nothing stands before that is not read.
    fn read_on<T: Item>(&mut self, text: &[u8], keep: &impl Fn(T) -> Option<K>) -> Result<(), Error> {
        self.read = 0;
        let done = loop {
            match self.step(text, keep) {
                Ok(true) => {}
                Ok(false) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        if done.is_err() {
            text[self.read..].clone_into(&mut self.cut);
        }
        done
    }

    /// The beginning of what is not read, for who is told what is wrong with it.
    pub(super) fn unread(&self) -> String {
        String::from_utf8_lossy(&self.cut[..self.cut.len().min(200)]).into_owned()
    }

    /// The envelope with an empty list, if it had one, and what was kept of the list's items.
    ///
    /// # Errors
    /// The answer ends within its list.
    pub(super) fn finish<T: Item>(
        mut self,
        keep: impl Fn(T) -> Option<K>,
    ) -> Result<(Vec<u8>, Vec<K>), Error> {
        let text = std::mem::take(&mut self.cut);
        self.read_on(&text, &keep)?;
        match self.place {
            Place::Head | Place::Rest => {
                self.envelope.extend_from_slice(&text[self.read..]);
                Ok((self.envelope, self.kept))
            }
            // The reader says so in its own words.
            Place::Item { .. } | Place::Separator => {
                Err(serde_json::from_str::<Vec<IgnoredAny>>("[").expect_err("a list has an end"))
            }
        }
    }

    /// Reads one thing; whether there may be more to read.
    fn step<T: Item>(&mut self, text: &[u8], keep: &impl Fn(T) -> Option<K>) -> Result<bool, Error> {
        match self.place {
            Place::Head => {
                let rest = &text[self.read..];
                let (bytes, place) = match head(rest) {
                    Head::List(at) => (at + 1, Place::Item { is_first: true }),
                    Head::Other => (0, Place::Rest),
                    Head::Open if rest.len() > HEAD_BYTES_MAX => (0, Place::Rest),
                    Head::Open => return Ok(false),
                };
                self.envelope.extend_from_slice(&rest[..bytes]);
                self.go(bytes, place);
            }
            Place::Item { is_first } => match self.next_byte(text) {
                None => return Ok(false),
                Some(b']') if is_first => self.go(0, Place::Rest),
                Some(_) => return self.item(text, keep),
            },
            Place::Separator => match self.next_byte(text) {
                None => return Ok(false),
                Some(b']') => self.go(0, Place::Rest),
                Some(b',') => self.go(1, Place::Item { is_first: false }),
                Some(_) => return Err(ill_formed(&text[self.read..])),
            },
            Place::Rest => {
                self.envelope.extend_from_slice(&text[self.read..]);
                self.go(text.len() - self.read, Place::Rest);
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn item<T: Item>(&mut self, text: &[u8], keep: &impl Fn(T) -> Option<K>) -> Result<bool, Error> {
        let rest = &text[self.read..];
        let read = match plain::item(rest) {
            // It is cut, and would be read to there for nothing.
            None if rest.starts_with(b"{") && !rest.contains(&b'}') => None,
            None => value(rest)?,
            read => read,
        };
        // A number at the end may go on.
        let Some((item, bytes)) = read.filter(|(_, bytes)| *bytes < rest.len()) else {
            self.worth_trying = 2 * rest.len();
            return Ok(false);
        };
        self.worth_trying = 0;
        self.go(bytes, Place::Separator);
        let Some(item) = keep(item) else { return Ok(true) };
        if self.kept.len() == self.kept.capacity() {
            let left = self.bytes.saturating_sub(self.bytes_read);
            let expected = (left * self.kept.len()).checked_div(self.bytes_read).unwrap_or_default();
            // Items are not all of one length.
            self.kept.reserve(expected + expected / 16 + 1);
        }
        self.kept.push(item);
        Ok(true)
    }

    fn next_byte(&mut self, text: &[u8]) -> Option<u8> {
        let mut at = self.read;
        let next = skip_space(text, &mut at);
        self.go(at - self.read, self.place);
        next
    }

    fn go(&mut self, bytes: usize, place: Place) {
        (self.read, self.bytes_read, self.place) = (self.read + bytes, self.bytes_read + bytes, place);
    }
}

/// What the reader says of a list that goes on like this behind an item.
fn ill_formed(rest: &[u8]) -> Error {
    let list = [&b"[0 "[..], &rest[..rest.len().min(100)]].concat();
    serde_json::from_slice::<Vec<IgnoredAny>>(&list).expect_err("there is neither a comma nor the end")
}

/// The value at the beginning of `text` and its length; `None` where it is not whole yet.
fn value<T: DeserializeOwned>(text: &[u8]) -> Result<Option<(T, usize)>, Error> {
    let mut values = Deserializer::from_slice(text).into_iter();
    match values.next().transpose() {
        Ok(value) => Ok(value.map(|value| (value, values.byte_offset()))),
        Err(error) if error.is_eof() => Ok(None),
        Err(error) => Err(error),
    }
}

/// Looks for the list in `{"jsonrpc": "2.0", "id": 0, "result": [`, whatever stands before the result.
fn head(text: &[u8]) -> Head {
    let mut at = 0;
    let mut is_first = true;
    loop {
        let Some(byte) = skip_space(text, &mut at) else { return Head::Open };
        match (byte, is_first) {
            (b'{', true) | (b',', false) => at += 1,
            _ => return Head::Other,
        }
        is_first = false;
        let key: String = match skip(text, &mut at) {
            Ok(key) => key,
            Err(head) => return head,
        };
        match skip_space(text, &mut at) {
            None => return Head::Open,
            Some(b':') => at += 1,
            Some(_) => return Head::Other,
        }
        match skip_space(text, &mut at) {
            None => return Head::Open,
            Some(b'[') if key == "result" => return Head::List(at),
            Some(_) if key == "result" => return Head::Other,
            Some(_) => {}
        }
        if let Err(head) = skip::<IgnoredAny>(text, &mut at) {
            return head;
        }
    }
}

/// Reads a value that does not end with the text.
fn skip<T: DeserializeOwned>(text: &[u8], at: &mut usize) -> Result<T, Head> {
    match value(&text[*at..]) {
        Ok(Some((value, bytes))) if *at + bytes < text.len() => {
            *at += bytes;
            Ok(value)
        }
        Ok(_) => Err(Head::Open),
        Err(_) => Err(Head::Other),
    }
}

/// The next byte that is no space.
fn skip_space(text: &[u8], at: &mut usize) -> Option<u8> {
    let is_space = |byte: &&u8| matches!(byte, b' ' | b'\n' | b'\r' | b'\t');
    *at += text[*at..].iter().take_while(is_space).count();
    text.get(*at).copied()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    impl Item for Value {}
    impl Item for String {}
    impl Item for u8 {}

    /// What is told of an answer that comes in pieces of so many bytes.
    fn told(answer: &str, piece: usize) -> Result<(String, Vec<Value>), Error> {
        let mut incoming = Incoming::new(answer.len());
        for part in answer.as_bytes().chunks(piece) {
            incoming.take(part, Some)?;
        }
        let (envelope, items) = incoming.finish(Some::<Value>)?;
        Ok((String::from_utf8(envelope).unwrap(), items))
    }

    #[test]
    fn a_list_is_read_however_it_is_cut() {
        let nested = r#"{"a":["]",{"b":"\"}]"}],"é":1.5e3}"#;
        let cases = [
            (r#"{"jsonrpc":"2.0","id":0,"result":[]}"#, "", r#"{"jsonrpc":"2.0","id":0,"result":[]}"#),
            (r#"{"result":[1,22,"é"],"id":0}"#, r#"1,22,"é""#, r#"{"result":[],"id":0}"#),
            (
                r#" { "id" : [{"result":[7]}] , "result" : [ true , null ] } "#,
                "true,null",
                r#" { "id" : [{"result":[7]}] , "result" : [] } "#,
            ),
            (
                &format!(r#"{{"result":[{nested},{nested}]}}"#),
                &format!("{nested},{nested}"),
                r#"{"result":[]}"#,
            ),
            (
                r#"{"error":{"code":1,"message":"no"},"result":[]}"#,
                "",
                r#"{"error":{"code":1,"message":"no"},"result":[]}"#,
            ),
            // Without a list that is looked for: all of it is the envelope.
            (r#"{"result":null}"#, "", r#"{"result":null}"#),
            (r#"{"result":{"result":[1]}}"#, "", r#"{"result":{"result":[1]}}"#),
            (r#"{"error":{"result":[1]}}"#, "", r#"{"error":{"result":[1]}}"#),
            ("[1,2]", "", "[1,2]"),
            ("<html>", "", "<html>"),
            (r#"{"id":0"#, "", r#"{"id":0"#),
            ("", "", ""),
        ];
        for (answer, items, envelope) in cases {
            let items: Vec<Value> = serde_json::from_str(&format!("[{items}]")).unwrap();
            for piece in 1..=answer.len().max(1) {
                let (told_envelope, told_items) = told(answer, piece).unwrap();
                assert_eq!((told_envelope.as_str(), &told_items), (envelope, &items), "{answer} by {piece}");
            }
        }
    }

    #[test]
    fn a_long_item_is_not_read_anew_with_each_part() {
        let item = format!("\"{}\"", "x".repeat(100_000));
        let mut incoming = Incoming::<String>::new(0);
        incoming.take(br#"{"result":["#, Some).unwrap();
        let (mut tries, mut tried_at) = (0, 0);
        for part in item.as_bytes().chunks(10) {
            incoming.take(part, Some).unwrap();
            tries += u32::from(std::mem::replace(&mut tried_at, incoming.worth_trying) != tried_at);
        }
        assert!((10..20).contains(&tries), "{tries} tries");
        // Less has come since than was waited for.
        incoming.take(b"]}", Some).unwrap();
        let (envelope, items) = incoming.finish(Some).unwrap();
        assert_eq!((envelope.as_slice(), items.len()), (&br#"{"result":[]}"#[..], 1));
    }

    #[test]
    fn items_longer_than_a_piece_are_read_however_they_are_cut() {
        let items: Vec<String> = (1..8).map(|kilobytes| "x".repeat(kilobytes * 999)).collect();
        let answer = format!(r#"{{"result":{},"id":0}}"#, serde_json::to_string(&items).unwrap());
        for part in [1, 100, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 5_000, 17_000, answer.len()] {
            for first in [1, 1_500, 12_345] {
                let mut incoming = Incoming::<String>::new(0);
                let (begun, rest) = answer.as_bytes().split_at(first);
                incoming.take(begun, Some).unwrap();
                rest.chunks(part).for_each(|part| incoming.take(part, Some).unwrap());
                let (envelope, told) = incoming.finish(Some).unwrap();
                assert_eq!(envelope, br#"{"result":[],"id":0}"#, "by {part}, after {first}");
                assert!(told == items, "by {part}, after {first}");
            }
        }
    }

    #[test]
    fn only_what_is_wanted_is_kept() {
        let mut incoming = Incoming::new(0);
        let keep = |item: u8| (item > 1).then(|| item.to_string());
        incoming.take(br#"{"result":[1,2,1,3]}"#, keep).unwrap();
        assert_eq!(incoming.finish(keep).unwrap().1, ["2", "3"]);
    }

    #[test]
    fn a_long_head_is_no_head() {
        let answer = format!(r#"{{"id":"{}","result":[1]}}"#, "x".repeat(2 * HEAD_BYTES_MAX));
        assert_eq!(told(&answer, 100).unwrap(), (answer, vec![]));
    }

    #[test]
    fn an_ill_formed_list_is_an_error_however_it_is_cut() {
        let cases = [
            (r#"{"result":[1 2]}"#, "syntax"),
            (r#"{"result":[1,]}"#, "syntax"),
            (r#"{"result":[,1]}"#, "syntax"),
            (r#"{"result":[1}"#, "syntax"),
            (r#"{"result":[tru]}"#, "syntax"),
            (r#"{"result":[1,2"#, "eof"),
            (r#"{"result":["#, "eof"),
            (r#"{"result":["cut"#, "eof"),
            (r#"{"result":[{"cut":1"#, "eof"),
            (r#"{"result":[{"cut" 1}]}"#, "syntax"),
        ];
        for (answer, expected) in cases {
            for piece in 1..=answer.len() {
                let error = told(answer, piece).unwrap_err();
                let kind = if error.is_eof() {
                    "eof"
                } else if error.is_syntax() {
                    "syntax"
                } else {
                    "data"
                };
                assert_eq!(kind, expected, "{answer} by {piece}: {error}");
            }
        }
        let mut incoming = Incoming::<u8>::new(0);
        assert!(
            incoming.take(br#"{"result":["text"]}"#, Some).unwrap_err().is_data(),
            "an item of another kind"
        );
        let mut incoming = Incoming::<String>::new(0);
        assert!(incoming.take(b"{\"result\":[\"\xff\"]}", Some).is_err(), "what is no text");
        let mut incoming = Incoming::<u8>::new(0);
        incoming.take(br#"{"result":[1,2<html>]}"#, Some).unwrap_err();
        assert_eq!(incoming.unread(), "2<html>]}");
    }
}
