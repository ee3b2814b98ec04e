//! A run that is counted as it comes: its board knows what was counted, and is paid when the run is over.

use super::Run;
use super::walk::{Point, walk};
use crate::accrue::board::Board;
use crate::accrue::holders::Holders;
use crate::accrue::segment::Terms;
use crate::campaign::Scoring;
use crate::unit::UnixSeconds;

impl Run {
    /// Counts what waits, where the run is not walked; trades at or after `end` do not count.
    pub(super) fn count(&mut self, terms: &Terms, holders: &mut Holders, end: UnixSeconds) {
        let sums = &mut self.sums;
        let mut count = |board: &mut Board, point| match point {
            Point::Fees(value) => board.count_fees(value.as_limbs()),
            Point::Tokens(value) => {
                sums.trades += 1;
                board.count_tokens(value.as_limbs());
            }
            Point::Time(_) => {}
        };
        for block in self.blocks.drain(..) {
            let counts = terms.counts(block.when.at) && block.when.at < end;
            self.price_x192 = block.last_price().or(self.price_x192);
            let unknown = walk(holders, terms, &block, self.price_x192, counts, &mut count);
            if unknown && terms.scoring == Scoring::SwapWeighted {
                self.unknown_here = self.unknown_here.or(Some(block.when.block));
            }
        }
    }

    /// Counts the time up to `at`, where the run is not walked.
    pub(super) fn count_seconds(&mut self, terms: &Terms, holders: &mut Holders, at: UnixSeconds) {
        let seconds = terms.stretch.paid_seconds(self.scouted_at, at);
        self.scouted_at = at;
        if seconds > 0 {
            holders.board.count_fees(&[seconds]);
            holders.board.count_tokens(&[seconds]);
        }
    }
}
