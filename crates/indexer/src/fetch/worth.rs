//! How wide a range is worth asking for.
//!
//! All that is asked for and not folded yet lies in memory. A wide range saves round trips, and where a node answers at once
//! there is little to save: then a range is as wide as brings some thousand logs.

use std::collections::VecDeque;
use std::time::Duration;

/// A range of so many logs costs a near node and ourselves much more than the round trip.
const LOGS: u64 = 3_000;
/// Answers that take longer even at their quickest come from far away.
const NEAR: Duration = Duration::from_millis(50);
/// So many answers tell.
const ANSWERS: usize = 8;
/// What is asked for at once before anything is known.
const BLOCKS_AT_FIRST: u64 = 2_000;

/// The last answers to questions for whole ranges.
#[derive(Debug, Default)]
pub(super) struct Worth(VecDeque<Answer>);

#[derive(Debug)]
struct Answer {
    blocks: u64,
    logs: u64,
    took: Duration,
}

impl Worth {
    /// A range of `blocks` blocks was answered with so many logs, all of them by one round of questions.
    pub(super) fn answered(&mut self, blocks: u64, logs: usize, took: Duration) {
        self.0.truncate(ANSWERS - 1);
        self.0.push_front(Answer { blocks, logs: u64::try_from(logs).unwrap_or(u64::MAX), took });
    }

    /// A range took a second round, of questions that are as many however narrow it is.
    pub(super) fn asked_again(&mut self) {
        self.0.clear();
        self.answered(0, 0, Duration::MAX);
    }

    /// Whether the node answers at once, as far as is known.
    pub(super) fn is_near(&self) -> bool {
        self.0.iter().any(|answer| answer.took < NEAR)
    }

    /// The most blocks that are worth asking for at once.
    pub(super) fn blocks_max(&self) -> u64 {
        if self.0.is_empty() {
            return BLOCKS_AT_FIRST;
        }
        let sum = |of: fn(&Answer) -> u64| self.0.iter().map(of).fold(0, u64::saturating_add);
        let (blocks, logs) = (sum(|answer| answer.blocks), sum(|answer| answer.logs));
        if !self.is_near() || logs == 0 {
            return u64::MAX;
        }
        (blocks.saturating_mul(LOGS) / logs).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUICK: Duration = Duration::from_millis(5);
    const LATE: Duration = Duration::from_millis(105);

    #[test]
    fn a_near_node_is_asked_for_some_thousand_logs() {
        let mut worth = Worth::default();
        assert_eq!(worth.blocks_max(), BLOCKS_AT_FIRST, "nothing is known yet");
        worth.answered(1_000, 1_600, QUICK);
        assert_eq!(worth.blocks_max(), 1_875);
        worth.answered(3_000, 0, QUICK);
        assert_eq!(worth.blocks_max(), 7_500, "a quiet stretch counts");
    }

    #[test]
    fn a_far_node_is_asked_for_as_much_as_it_gives() {
        let mut worth = Worth::default();
        for _ in 0..ANSWERS {
            worth.answered(1_000, 1_600, LATE);
        }
        assert_eq!(worth.blocks_max(), u64::MAX);
        worth.answered(1_000, 1_600, QUICK);
        assert_eq!(worth.blocks_max(), 1_875, "it was busy, and is near");
        for _ in 0..ANSWERS {
            worth.answered(1_000, 1_600, LATE);
        }
        assert_eq!(worth.blocks_max(), u64::MAX, "what was long ago counts no more");
    }

    #[test]
    fn where_a_range_takes_a_second_round_it_is_wide() {
        let mut worth = Worth::default();
        worth.answered(1_000, 1_600, QUICK);
        worth.asked_again();
        assert_eq!(worth.blocks_max(), u64::MAX);
    }

    #[test]
    fn without_logs_there_is_nothing_to_hold() {
        let mut worth = Worth::default();
        worth.answered(1_000, 0, QUICK);
        assert_eq!(worth.blocks_max(), u64::MAX);
        worth.answered(1, usize::MAX, QUICK);
        assert_eq!(worth.blocks_max(), 1);
    }
}
