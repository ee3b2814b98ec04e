//! An event's id: `<block>.<rewinds>.<hash>`, with `.part` for events before the block's last one.

use std::fmt;
use std::str::FromStr;

use accrual_rewards::unit::BlockNumber;
use accrual_store::moment::Moment;
use alloy_primitives::B256;

use crate::error::ApiError;

const HASH_BYTES: usize = 4;

/// Up to where whoever got this event has been told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EventId {
    pub(crate) block: BlockNumber,
    /// How often the pools had been rewound, all together.
    pub(crate) rewinds: u64,
    /// The beginning of the block's hash.
    pub(crate) hash: [u8; HASH_BYTES],
    /// Whether all of the block has been told.
    pub(crate) whole: bool,
}

impl EventId {
    pub(crate) fn of(moment: Moment, rewinds: u64, whole: bool) -> Self {
        Self { block: moment.number, rewinds, hash: beginning(moment.hash.unwrap_or_default()), whole }
    }

    /// Whether the block of this hash can be the one that was told.
    pub(crate) fn is_of(&self, hash: B256) -> bool {
        self.hash == beginning(hash)
    }
}

fn beginning(hash: B256) -> [u8; HASH_BYTES] {
    let [a, b, c, d, ..] = hash.0;
    [a, b, c, d]
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = if self.whole { "" } else { ".part" };
        write!(f, "{}.{}.{}{part}", self.block, self.rewinds, alloy_primitives::hex::encode(self.hash))
    }
}

impl FromStr for EventId {
    type Err = ApiError;

    fn from_str(text: &str) -> Result<Self, ApiError> {
        let parsed = || {
            let mut parts = text.split('.');
            let block = BlockNumber(parts.next()?.parse().ok()?);
            let rewinds = parts.next()?.parse().ok()?;
            let hash = alloy_primitives::hex::decode_to_array(parts.next()?).ok()?;
            let whole = match parts.next() {
                None => true,
                Some("part") => false,
                Some(_) => return None,
            };
            let id = Self { block, rewinds, hash, whole };
            (id.to_string() == text && i64::try_from(block.0).is_ok()).then_some(id)
        };
        parsed().ok_or(ApiError::BadCursor("in Last-Event-ID is not one of ours"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_as_they_were_written() {
        for whole in [true, false] {
            let id = EventId { block: BlockNumber(31_200_000), rewinds: 4, hash: [0xab, 0, 1, 2], whole };
            assert_eq!(id.to_string().parse(), Ok(id), "{id}");
        }
        for text in [
            "",
            "7",
            "7.0",
            "7.0.ab",
            "7.0.ab000102.whole",
            "07.0.ab000102",
            "7.0.AB000102",
            "-7.0.ab000102",
            "18446744073709551615.0.ab000102",
        ] {
            assert!(matches!(text.parse::<EventId>(), Err(ApiError::BadCursor(_))), "{text}");
        }
    }
}
