//! How many blocks to ask a node for at once.
//!
//! Starts at the configured bound, narrows on each refusal (to what the node suggests when that is smaller, else by
//! half), and grows slowly again. A width that the node named as its limit is never passed again; one that was only
//! refused is tried again later, and later each time.

use crate::source::BlockRange;

/// What a refusal says would be small enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suggestion {
    /// The node never takes more blocks than this.
    WidthMax(u64),
    /// This question is small enough with so many blocks; another may be with more.
    WidthNow(u64),
}

/// The width of the next range; pure state.
#[derive(Debug, Clone)]
pub struct Planner {
    width: u64,
    width_max: u64,
    successes: u32,
    successes_before_growth: u32,
}

const SUCCESSES_BEFORE_GROWTH_MIN: u32 = 4;
const SUCCESSES_BEFORE_GROWTH_MAX: u32 = 1024;

impl Planner {
    /// Never asks for more than `log_range_blocks_max` blocks.
    pub fn new(log_range_blocks_max: u32) -> Self {
        let width = u64::from(log_range_blocks_max.max(1));
        Self { width, width_max: width, successes: 0, successes_before_growth: SUCCESSES_BEFORE_GROWTH_MIN }
    }

    /// Blocks to ask for next.
    pub fn width(&self) -> u64 {
        self.width
    }

    /// The first part of `range` that is worth asking for.
    pub fn first_part(&self, range: BlockRange) -> BlockRange {
        let last = range.first.0.saturating_add(self.width - 1).min(range.last.0);
        BlockRange { first: range.first, last: accrual_rewards::unit::BlockNumber(last) }
    }

    /// `asked` blocks were answered.
    pub fn answered(&mut self, asked: u64) {
        if asked < self.width || self.width == self.width_max {
            return;
        }
        self.successes += 1;
        if self.successes >= self.successes_before_growth {
            self.successes = 0;
            self.width = (self.width + self.width.div_ceil(2)).min(self.width_max);
        }
    }

    /// `asked` blocks were refused. `false` when a single block was, so that nothing smaller is left to ask.
    pub fn refused(&mut self, asked: u64, suggestion: Option<Suggestion>) -> bool {
        if asked <= 1 {
            return false;
        }
        if asked > self.width {
            // An answer to a question from before the last narrowing teaches nothing new.
            return true;
        }
        self.width = match suggestion {
            Some(Suggestion::WidthMax(max)) if (1..=asked).contains(&max) => {
                // Some nodes count the blocks between the ends and refuse the very width they name.
                let width = max.min(asked - 1);
                self.width_max = width;
                width
            }
            Some(Suggestion::WidthNow(width)) if (1..asked).contains(&width) => width,
            _ => asked / 2,
        };
        self.successes = 0;
        self.successes_before_growth = (self.successes_before_growth * 2).min(SUCCESSES_BEFORE_GROWTH_MAX);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn narrows_to_what_the_node_takes() {
        struct Case {
            name: &'static str,
            asked: u64,
            suggestion: Option<Suggestion>,
            width: u64,
            more: bool,
        }
        let cases = [
            Case {
                name: "named limit",
                asked: 1000,
                suggestion: Some(Suggestion::WidthMax(500)),
                width: 500,
                more: true,
            },
            Case {
                name: "limit off by one",
                asked: 1000,
                suggestion: Some(Suggestion::WidthMax(1000)),
                width: 999,
                more: true,
            },
            Case {
                name: "limit that does not shrink",
                asked: 1000,
                suggestion: Some(Suggestion::WidthMax(2000)),
                width: 500,
                more: true,
            },
            Case {
                name: "suggested range",
                asked: 1000,
                suggestion: Some(Suggestion::WidthNow(37)),
                width: 37,
                more: true,
            },
            Case {
                name: "suggested range that does not shrink",
                asked: 1000,
                suggestion: Some(Suggestion::WidthNow(1000)),
                width: 500,
                more: true,
            },
            Case { name: "no words", asked: 1000, suggestion: None, width: 500, more: true },
            Case {
                name: "zero suggested",
                asked: 1000,
                suggestion: Some(Suggestion::WidthMax(0)),
                width: 500,
                more: true,
            },
            Case { name: "late answer", asked: 5000, suggestion: None, width: 1000, more: true },
            Case { name: "one block", asked: 1, suggestion: None, width: 1000, more: false },
        ];
        for case in cases {
            let mut planner = Planner::new(1000);
            assert_eq!(planner.refused(case.asked, case.suggestion), case.more, "{}", case.name);
            assert_eq!(planner.width(), case.width, "{}", case.name);
        }
    }

    #[test]
    fn grows_slowly_and_never_past_a_named_limit() {
        let mut planner = Planner::new(1000);
        planner.refused(1000, None);
        for _ in 0..8 {
            planner.answered(500);
        }
        assert_eq!(planner.width(), 750);
        planner.refused(750, Some(Suggestion::WidthMax(600)));
        for _ in 0..10_000 {
            planner.answered(planner.width());
        }
        assert_eq!(planner.width(), 600);
    }

    #[test]
    fn a_short_answer_teaches_nothing() {
        let mut planner = Planner::new(1000);
        planner.refused(1000, None);
        for _ in 0..100 {
            planner.answered(3);
        }
        assert_eq!(planner.width(), 500);
    }
}
