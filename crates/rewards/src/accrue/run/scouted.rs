//! A run that is walked: the scout goes ahead of the holders, one block behind the newest, and adds up what will divide.

use super::Run;
use super::wages::Sums;
use super::walk::{Point, walk};
use crate::accrue::holders::Holders;
use crate::accrue::segment::Terms;
use crate::campaign::Scoring;
use crate::unit::UnixSeconds;

impl Run {
    /// Sends the scout through the whole run once more, without the stakes that it leaves out; trades at or after `end`
    /// do not count.
    pub(super) fn scout_again(&mut self, terms: &Terms, holders: &mut Holders, end: UnixSeconds) {
        if let Some(left_out) = &self.left_out {
            holders.leave_out(left_out.clone());
        }
        let blocks = std::mem::take(&mut self.blocks);
        self.scout = Some(holders.clone());
        (self.scouted_at, self.sums, self.price_x192) =
            (self.starts_at, Sums::default(), self.first_price_x192);
        self.unknown_here = None;
        for block in blocks {
            self.scout_newest_before(terms, end);
            self.blocks.push(block);
        }
        self.scout_newest_before(terms, end);
    }

    pub(super) fn scout_newest(&mut self, terms: &Terms) {
        self.scout_newest_before(terms, UnixSeconds(u64::MAX));
    }

    /// Sends the scout through the newest block; trades at or after `end` do not count.
    fn scout_newest_before(&mut self, terms: &Terms, end: UnixSeconds) {
        let (Some(scout), Some(block)) = (&mut self.scout, self.blocks.last()) else { return };
        let sums = &mut self.sums;
        if terms.scoring == Scoring::TimeWeighted {
            let seconds = terms.stretch.paid_seconds(self.scouted_at, block.when.at);
            sums.add(&scout.board, Point::Time(seconds));
        }
        self.scouted_at = block.when.at;
        let counts = terms.counts(block.when.at) && block.when.at < end;
        let price = block.last_price().or(self.price_x192);
        let unknown = walk(scout, terms, block, price, counts, &mut |board, point| sums.add(board, point));
        self.price_x192 = price;
        if unknown && terms.scoring == Scoring::SwapWeighted {
            self.unknown_here = self.unknown_here.or(Some(block.when.block));
        }
    }
}
