//! The audit: entries that are only ever added, each bound to the one before it by a hash.
//!
//! `hash = SHA-256(prev_hash || canonical JSON)`, hexadecimal; the canonical JSON has sorted keys and no spaces. Whoever
//! changes or removes a row breaks the chain at that row, and [`check`] names it.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde_json::Value;
use sha2::{Digest, Sha256};

/// What the first entry is bound to.
pub const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// One entry as it is kept. `before` and `after` are JSON texts; there is no secret in them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRow {
    /// Its place, from 1 on without a gap.
    pub seq: u64,
    /// When, in Unix seconds.
    pub at: u64,
    /// Who: `cli:<user>`, `key:<id>`, `wallet:<address>` or `accrual` itself.
    pub actor: String,
    /// What was done.
    pub action: String,
    /// Whose keys.
    pub client_id: Option<String>,
    /// Which key.
    pub key_id: Option<String>,
    /// The row before, as JSON.
    pub before_json: String,
    /// The row after, as JSON.
    pub after_json: String,
    /// What was given as the reason; may be empty.
    pub reason: String,
    /// The request that asked for it.
    pub request_id: String,
    /// The hash of the entry before.
    pub prev_hash: String,
    /// The hash of this one.
    pub hash: String,
}

/// Where the chain breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "each variant's sentence names its fields")]
pub enum Broken {
    #[error(
        "the audit breaks at entry {expected}: the next row there is entry {found}, so {expected} was removed"
    )]
    Gap { expected: u64, found: u64 },
    #[error("the audit breaks at entry {seq}: it is not bound to the entry before it")]
    Unbound { seq: u64 },
    #[error("the audit breaks at entry {seq}: its content is not what it was when it was written")]
    Changed { seq: u64 },
    #[error("the audit was written anew: entry {seq} is not the one whose hash was noted at {at}")]
    Rewritten { seq: u64, at: String },
    #[error("the audit was cut off: it ends at entry {last}, and entry {noted} was noted at {at}")]
    Cut { last: u64, noted: u64, at: String },
}

impl AuditRow {
    /// Binds the entry to the one before it.
    #[must_use]
    pub fn bound_to(mut self, prev_hash: &str) -> Self {
        self.prev_hash = prev_hash.to_owned();
        self.hash = self.computed();
        self
    }

    fn computed(&self) -> String {
        let mut hasher = Sha256::new();
        hasher.update(self.prev_hash.as_bytes());
        hasher.update(self.canonical().as_bytes());
        alloy_primitives::hex::encode(hasher.finalize())
    }
}

impl AuditRow {
    /// The entry as JSON with its keys sorted: the order of fields in this file must not matter.
    fn canonical(&self) -> String {
        let fields: BTreeMap<&str, Value> = [
            ("seq", self.seq.into()),
            ("at", self.at.into()),
            ("actor", self.actor.as_str().into()),
            ("action", self.action.as_str().into()),
            ("client_id", self.client_id.as_deref().into()),
            ("key_id", self.key_id.as_deref().into()),
            ("before", self.before_json.as_str().into()),
            ("after", self.after_json.as_str().into()),
            ("reason", self.reason.as_str().into()),
            ("request_id", self.request_id.as_str().into()),
        ]
        .into();
        serde_json::to_string(&fields).expect("numbers and texts only")
    }
}

/// The newest entry at some time, noted outside the database: `2026-06-19T17:00:00Z 42 HASH`. Whoever can write to the
/// database can write the whole chain anew or cut off its end, and only such notes show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// When it was noted, as RFC 3339; nothing is reckoned with it.
    pub at: String,
    /// The entry's place.
    pub seq: u64,
    /// The entry's hash.
    pub hash: String,
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.at, self.seq, self.hash)
    }
}

/// A line that is no note of a head.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no noted head of the audit: a line has a time, a number and a hash of 64 hexadecimal digits"
)]
pub struct MalformedHead(String);

impl FromStr for Head {
    type Err = MalformedHead;

    fn from_str(line: &str) -> Result<Self, MalformedHead> {
        let error = || MalformedHead(line.chars().take(120).collect());
        let [at, seq, hash] = line.split_whitespace().collect::<Vec<_>>()[..] else { return Err(error()) };
        let is_hash = hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
        let seq = seq.parse().ok().filter(|_| is_hash).ok_or_else(error)?;
        Ok(Self { at: at.to_owned(), seq, hash: hash.to_ascii_lowercase() })
    }
}

/// Holds noted heads against the chain while it is walked.
#[derive(Debug, Clone, Default)]
pub struct Notes(BTreeMap<u64, Vec<Head>>);

impl Notes {
    /// Holds the row against what was noted of its place.
    ///
    /// # Errors
    /// [`Broken::Rewritten`].
    pub fn step(&mut self, row: &AuditRow) -> Result<(), Broken> {
        let noted = self.0.remove(&row.seq).unwrap_or_default();
        match noted.into_iter().find(|head| head.hash != row.hash) {
            Some(head) => Err(Broken::Rewritten { seq: row.seq, at: head.at }),
            None => Ok(()),
        }
    }

    /// After the last row, whose place is `last`: nothing that was noted may be left.
    ///
    /// # Errors
    /// [`Broken::Cut`].
    pub fn end(self, last: u64) -> Result<(), Broken> {
        match self.0.into_values().flatten().find(|head| head.seq > last) {
            Some(head) => Err(Broken::Cut { last, noted: head.seq, at: head.at }),
            None => Ok(()),
        }
    }
}

impl FromIterator<Head> for Notes {
    fn from_iter<I: IntoIterator<Item = Head>>(heads: I) -> Self {
        let mut notes = Self::default();
        for head in heads {
            notes.0.entry(head.seq).or_default().push(head);
        }
        notes
    }
}

/// Follows the chain, entry by entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Walk {
    seq: u64,
    hash: String,
}

impl Walk {
    /// Before the first entry.
    pub fn new() -> Self {
        Self { seq: 0, hash: GENESIS.to_owned() }
    }

    /// Takes the next entry.
    ///
    /// # Errors
    /// The chain breaks here.
    pub fn step(&mut self, row: &AuditRow) -> Result<(), Broken> {
        let expected = self.seq + 1;
        if row.seq != expected {
            return Err(Broken::Gap { expected, found: row.seq });
        }
        if row.prev_hash != self.hash {
            return Err(Broken::Unbound { seq: row.seq });
        }
        if row.hash != row.computed() {
            return Err(Broken::Changed { seq: row.seq });
        }
        (self.seq, self.hash) = (row.seq, row.hash.clone());
        Ok(())
    }

    /// The newest entry's place and hash.
    pub fn head(&self) -> (u64, &str) {
        (self.seq, &self.hash)
    }
}

impl Default for Walk {
    fn default() -> Self {
        Self::new()
    }
}

/// Walks `rows` from the first entry on and answers the head.
///
/// # Errors
/// The first break.
pub fn check<'a>(rows: impl IntoIterator<Item = &'a AuditRow>) -> Result<(u64, String), Broken> {
    let mut walk = Walk::new();
    rows.into_iter().try_for_each(|row| walk.step(row))?;
    Ok((walk.seq, walk.hash))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(count: u64) -> Vec<AuditRow> {
        let mut prev = GENESIS.to_owned();
        let bind = |seq| {
            let row = AuditRow {
                seq,
                at: 100 + seq,
                actor: "cli:test".to_owned(),
                action: "key.create".to_owned(),
                client_id: Some("c".to_owned()),
                key_id: None,
                before_json: "null".to_owned(),
                after_json: format!("{{\"n\":{seq}}}"),
                reason: String::new(),
                request_id: "r".to_owned(),
                prev_hash: String::new(),
                hash: String::new(),
            };
            let row = row.bound_to(&prev);
            prev.clone_from(&row.hash);
            row
        };
        (1..=count).map(bind).collect()
    }

    #[test]
    fn an_unbroken_chain_has_a_head() {
        let rows = chain(3);
        assert_eq!(check(&rows), Ok((3, rows[2].hash.clone())));
        assert_eq!(check([]), Ok((0, GENESIS.to_owned())));
        // SHA-256 of the genesis and the entry's canonical JSON, worked out apart with sha256sum.
        let canonical = r#"{"action":"key.create","actor":"cli:test","after":"{\"n\":1}","at":101,"before":"null","client_id":"c","key_id":null,"reason":"","request_id":"r","seq":1}"#;
        assert_eq!(rows[0].canonical(), canonical);
        assert_eq!(rows[0].hash, HASH_OF_THE_FIRST);
    }

    const HASH_OF_THE_FIRST: &str = "2e58442eb9c131b02f6bb9b0afa7c9c73c7bc43d3a3f18ca3e42fd059b7fb154";

    #[test]
    fn the_first_break_is_named() {
        type Spoil = fn(&mut Vec<AuditRow>);
        let cases: [(&str, Spoil, Broken); 12] = [
            ("removed", |rows| drop(rows.remove(1)), Broken::Gap { expected: 2, found: 3 }),
            ("the first removed", |rows| drop(rows.remove(0)), Broken::Gap { expected: 1, found: 2 }),
            ("swapped", |rows| rows.swap(0, 1), Broken::Gap { expected: 1, found: 2 }),
            ("unbound", |rows| rows[1].prev_hash = "00".repeat(32), Broken::Unbound { seq: 2 }),
            ("another time", |rows| rows[2].at = 1, Broken::Changed { seq: 3 }),
            ("another actor", |rows| rows[1].actor.push('x'), Broken::Changed { seq: 2 }),
            ("another action", |rows| rows[1].action.push('x'), Broken::Changed { seq: 2 }),
            ("another key", |rows| rows[1].key_id = Some("k".to_owned()), Broken::Changed { seq: 2 }),
            ("another client", |rows| rows[1].client_id = None, Broken::Changed { seq: 2 }),
            ("another state", |rows| rows[1].after_json = "{}".to_owned(), Broken::Changed { seq: 2 }),
            ("another reason", |rows| rows[1].reason = "x".to_owned(), Broken::Changed { seq: 2 }),
            (
                "written anew from there on, but not after",
                |rows| {
                    rows[1].before_json = "{}".to_owned();
                    rows[1] = rows[1].clone().bound_to(&rows[0].hash.clone());
                },
                Broken::Unbound { seq: 3 },
            ),
        ];
        for (name, spoil, expected) in cases {
            let mut rows = chain(4);
            spoil(&mut rows);
            assert_eq!(check(&rows), Err(expected), "{name}");
        }
    }

    #[test]
    fn what_was_noted_shows_a_chain_that_was_written_anew_or_cut_off() {
        let (rows, anew) = (chain(4), chain(5));
        let noted = |row: &AuditRow, at: &str| Head { at: at.into(), seq: row.seq, hash: row.hash.clone() };
        let mut other = rows[2].clone();
        other.reason = "x".to_owned();
        let other = other.bound_to(&rows[1].hash.clone());
        let walked = |rows: &[AuditRow], heads: Vec<Head>| {
            let mut notes: Notes = heads.into_iter().collect();
            rows.iter().try_for_each(|row| notes.step(row))?;
            notes.end(rows.last().map_or(0, |row| row.seq))
        };
        let at = || "then".to_owned();
        let genesis = Head { at: at(), seq: 0, hash: GENESIS.to_owned() };
        let cases = [
            (vec![], Ok(())),
            (
                vec![genesis, noted(&rows[1], "then"), noted(&rows[1], "later"), noted(&rows[3], "then")],
                Ok(()),
            ),
            (vec![noted(&other, "then")], Err(Broken::Rewritten { seq: 3, at: at() })),
            (vec![noted(&anew[4], "then")], Err(Broken::Cut { last: 4, noted: 5, at: at() })),
        ];
        for (heads, expected) in cases {
            assert_eq!(walked(&rows, heads.clone()), expected, "{heads:?}");
        }
        let line = noted(&rows[0], "2026-06-19T17:00:00Z").to_string();
        assert_eq!(line.parse(), Ok(noted(&rows[0], "2026-06-19T17:00:00Z")));
        for rubbish in ["", "x", "2026 1 ab", "2026-06-19T17:00:00Z -1 00", &format!("{line} more")] {
            assert!(rubbish.parse::<Head>().is_err(), "{rubbish:?}");
        }
    }
}
