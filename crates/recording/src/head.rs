//! How much of the recorded chain is shown, and what is safe and final.

use std::time::Duration;

use crate::model::Block;

/// Seconds until Base calls a block safe: its batch is then on layer 1.
const SAFE_LAG_SECONDS: u64 = 120;
/// Seconds until Base calls a block final: layer 1 has then finalized its batch.
const FINALIZED_LAG_SECONDS: u64 = 1200;

/// Which blocks a node shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HeadRule {
    /// All at once, and the last is final.
    #[default]
    Whole,
    /// The first quarter at the start, then the rest at `speed` times the chain's own pace. A block is safe
    /// two minutes of the chain's time after it was made, and final after twenty, as on Base.
    Paced {
        /// Seconds of the chain's time for each second of ours.
        speed: u32,
    },
}

/// Positions in the recording's blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Heads {
    pub(crate) latest: usize,
    pub(crate) safe: usize,
    pub(crate) finalized: usize,
}

impl HeadRule {
    /// What is shown when `elapsed` has passed since the node started. `blocks` are not empty.
    pub(crate) fn heads(self, blocks: &[Block], elapsed: Duration) -> Heads {
        let whole = blocks.len() - 1;
        match self {
            Self::Whole => Heads { latest: whole, safe: whole, finalized: whole },
            Self::Paced { speed } => {
                let milliseconds = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
                paced(blocks, milliseconds.saturating_mul(u64::from(speed)) / 1000)
            }
        }
    }
}

fn paced(blocks: &[Block], chain_seconds: u64) -> Heads {
    let first_shown = blocks.len() / 4;
    let now = blocks[first_shown].header.timestamp.saturating_add(chain_seconds);
    let newest_made_by =
        |time: u64| blocks.partition_point(|block| block.header.timestamp <= time).saturating_sub(1);
    Heads {
        latest: newest_made_by(now),
        safe: newest_made_by(now.saturating_sub(SAFE_LAG_SECONDS)),
        finalized: newest_made_by(now.saturating_sub(FINALIZED_LAG_SECONDS)),
    }
}
