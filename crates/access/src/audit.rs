//! The audit: entries that are only ever added, each bound to the one before it by a hash.
//!
//! `hash = SHA-256(prev_hash || canonical JSON)`, hexadecimal; the canonical JSON has sorted keys and no spaces. Whoever
//! changes or removes a row breaks the chain at that row, and [`check`] names it.

use std::collections::BTreeMap;

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
}
