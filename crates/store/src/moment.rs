//! From a block's number or an instant to a block that an answer can be true at.
//!
//! Not every header is stored. Between two stored neighbours that lie exactly `block_seconds` apart for each block,
//! the times of those between are known although their hashes are not; anywhere else nothing is guessed.

use std::fmt;

use accrual_rewards::unit::{BlockNumber, UnixSeconds};
use alloy_primitives::B256;

use crate::{Db, Header, StoreError, blocks};

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// This block.
    Block(BlockNumber),
    /// The last block at or before this instant.
    Time(UnixSeconds),
}

/// A block and its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// The block.
    pub number: BlockNumber,
    /// Its hash; `None` when only its time is known.
    pub hash: Option<B256>,
    /// Its time.
    pub at: UnixSeconds,
}

/// Why there is no such moment.
#[derive(Debug, thiserror::Error)]
pub enum MomentError {
    /// Nothing is known of the block, or of the instant.
    #[error("{asked} is not stored; the nearest stored blocks are {}", Nearest(.before, .after))]
    NotStored {
        /// What was asked for.
        asked: Asked,
        /// The nearest stored block before it.
        before: Option<Moment>,
        /// The nearest stored block after it.
        after: Option<Moment>,
    },
    /// The database did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The moment that `asked` stands for on `chain_id`. `block_seconds` is the chain's fixed time between blocks, if it
/// has one.
///
/// # Errors
/// [`MomentError::NotStored`] when the stored headers do not say.
pub async fn resolve(
    db: &Db,
    chain_id: u64,
    block_seconds: Option<u64>,
    asked: Asked,
) -> Result<Moment, MomentError> {
    let (before, after) = match asked {
        Asked::Block(number) => (
            blocks::at_or_before(db, chain_id, number).await?,
            blocks::at_or_after(db, chain_id, number).await?,
        ),
        Asked::Time(at) => (
            blocks::newest_at_or_before_time(db, chain_id, at).await?,
            blocks::after_time(db, chain_id, at).await?,
        ),
    };
    let (before, after) = (before.map(|header| Moment::of(&header)), after.map(|header| Moment::of(&header)));
    let block_seconds = block_seconds.filter(|seconds| *seconds > 0);
    between(asked, before, after, block_seconds).ok_or(MomentError::NotStored { asked, before, after })
}

/// The moment asked for, between its stored neighbours.
fn between(
    asked: Asked,
    before: Option<Moment>,
    after: Option<Moment>,
    block_seconds: Option<u64>,
) -> Option<Moment> {
    let before = before?;
    match asked {
        Asked::Block(number) if number == before.number => Some(before),
        Asked::Block(number) => before.plus(number.0.checked_sub(before.number.0)?, &after?, block_seconds?),
        Asked::Time(at) => {
            let Some(after) = after else { return before.is_last_at(at, block_seconds).then_some(before) };
            if before.number.next() == after.number {
                return Some(before);
            }
            let block_seconds = block_seconds?;
            before.plus(at.since(before.at) / block_seconds, &after, block_seconds)
        }
    }
}

impl Moment {
    fn of(header: &Header) -> Self {
        Self { number: header.number, hash: Some(header.hash), at: header.at }
    }

    /// `blocks` further on, when every block up to `after` took exactly `block_seconds`.
    fn plus(self, blocks: u64, after: &Self, block_seconds: u64) -> Option<Self> {
        let gap = after.number.0.checked_sub(self.number.0)?;
        if gap.checked_mul(block_seconds)? != after.at.since(self.at) || blocks > gap {
            return None;
        }
        let (number, at) =
            (BlockNumber(self.number.0 + blocks), UnixSeconds(self.at.0 + blocks * block_seconds));
        Some(Self { number, hash: self.hash.filter(|_| blocks == 0), at })
    }

    /// Whether no block between this one, the newest stored, and `at` can follow.
    fn is_last_at(self, at: UnixSeconds, block_seconds: Option<u64>) -> bool {
        at == self.at || block_seconds.is_some_and(|seconds| at.since(self.at) < seconds)
    }
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Block(number) => write!(f, "block {number}"),
            Self::Time(at) => write!(f, "the block at {at} (Unix seconds)"),
        }
    }
}

/// The neighbours as a sentence's end.
struct Nearest<'a>(&'a Option<Moment>, &'a Option<Moment>);

impl fmt::Display for Nearest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut write = |name: &str, moment: &Option<Moment>| match moment {
            Some(Moment { number, at, .. }) => write!(f, "{name}{number} (time {at})"),
            None => write!(f, "{name}none"),
        };
        write("before it ", self.0)?;
        write(", after it ", self.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(number: u64, at: u64) -> Option<Moment> {
        Some(Moment { number: BlockNumber(number), hash: Some(B256::repeat_byte(1)), at: UnixSeconds(at) })
    }

    #[test]
    fn nothing_is_guessed() {
        let block = |number| Asked::Block(BlockNumber(number));
        let time = |at| Asked::Time(UnixSeconds(at));
        let (even, uneven) = (stored(110, 1020), stored(110, 1021));
        let from = stored(100, 1000);
        let known = |number, at| Some((number, at, true));
        let between_two = |number, at| Some((number, at, false));
        let cases = [
            ("a stored block", block(100), from, from, None, known(100, 1000)),
            ("between even neighbours", block(105), from, even, Some(2), between_two(105, 1010)),
            ("between uneven neighbours", block(105), from, uneven, Some(2), None),
            ("no fixed time between blocks", block(105), from, even, None, None),
            ("before the first", block(99), None, from, Some(2), None),
            ("after the last", block(101), from, None, Some(2), None),
            ("the instant of a block", time(1000), from, even, Some(2), known(100, 1000)),
            ("an instant between blocks", time(1011), from, even, Some(2), between_two(105, 1010)),
            ("just before the next stored", time(1019), from, even, Some(2), between_two(109, 1018)),
            ("an instant in an uneven gap", time(1011), from, uneven, Some(2), None),
            ("between direct neighbours", time(1004), from, stored(101, 1007), None, known(100, 1000)),
            ("the newest, to the second", time(1000), from, None, None, known(100, 1000)),
            ("the newest, before another can come", time(1001), from, None, Some(2), known(100, 1000)),
            ("another may have come", time(1002), from, None, Some(2), None),
            ("before all", time(999), None, from, Some(2), None),
        ];
        for (name, asked, before, after, block_seconds, expected) in cases {
            let found = between(asked, before, after, block_seconds);
            let found = found.map(|moment| (moment.number.0, moment.at.0, moment.hash.is_some()));
            assert_eq!(found, expected, "{name}");
        }
    }
}
