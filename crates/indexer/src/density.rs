//! How much a position manager says of other pools, which decides how it is read.
//!
//! A manager serves every pool of its chain. Where it is busy, only blocks in which one of our pools minted are asked for
//! its new NFTs; where it is not, one wide question takes less time than many narrow ones, and in the end the manager is
//! read with the pools.

/// A question costs as much as so many logs that are of no use: about 100 ms on a far node, or 200 kB.
const QUESTION_WORTH_LOGS: u64 = 200;
/// Of one NFT's life: one log when liquidity is added, others when it is taken out, collected and handed over.
const LOGS_AN_ADDITION: u64 = 4;

/// What answers have shown of a manager's additions for others.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Density {
    foreign: u64,
    blocks: u64,
}

impl Default for Density {
    /// Before any answer the manager is taken for a busy one: ten foreign additions a block.
    fn default() -> Self {
        Self { foreign: 10, blocks: 1 }
    }
}

impl Density {
    /// An answer about `blocks` blocks held so many additions that are not ours.
    pub(crate) fn learn(&mut self, foreign: u64, blocks: u64) {
        const BLOCKS_REMEMBERED: u64 = 100_000;
        if self.blocks > BLOCKS_REMEMBERED {
            self.foreign /= 2;
            self.blocks /= 2;
        }
        self.foreign += foreign;
        self.blocks += blocks;
    }

    /// Two blocks that are this close are asked for as one range.
    pub(crate) fn gap_blocks_max(&self) -> u64 {
        QUESTION_WORTH_LOGS.saturating_mul(self.blocks) / self.foreign.max(1)
    }

    /// Whether `width` blocks are cheaper read whole than by our NFTs' ids, which takes two questions more at least.
    pub(crate) fn is_sparse(&self, width: u64) -> bool {
        LOGS_AN_ADDITION.saturating_mul(self.foreign).saturating_mul(width)
            <= (2 * QUESTION_WORTH_LOGS).saturating_mul(self.blocks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_manager_is_a_busy_one() {
        let unknown = Density::default();
        assert_eq!(unknown.gap_blocks_max(), 20);
        assert!(unknown.is_sparse(10) && !unknown.is_sparse(11));
    }

    #[test]
    fn few_logs_of_others_widen_the_questions() {
        let mut density = Density::default();
        density.learn(0, 1000);
        assert_eq!(density.gap_blocks_max(), 20_020);
        assert!(density.is_sparse(10_000) && !density.is_sparse(10_100));
        density.learn(1_000_000, 1000);
        assert!(!density.is_sparse(10_000), "and many narrow them again");
    }

    #[test]
    fn what_is_long_ago_counts_less() {
        let mut density = Density::default();
        for _ in 0..1000 {
            density.learn(100_000, 10_000);
        }
        for _ in 0..30 {
            density.learn(0, 10_000);
        }
        assert!(density.gap_blocks_max() > 100, "{density:?}");
    }
}
