//! Runs without a trade, in which a campaign that pays by trades waits.

use std::collections::BTreeMap;

use crate::accrue::When;
use crate::campaign::{Campaign, Scoring};
use crate::explain::{Standing, Stretch};
use crate::unit::{BlockNumber, UnixSeconds};

/// When blocks with events came, and which of them had a trade.
#[derive(Default)]
pub(super) struct Runs {
    blocks: BTreeMap<UnixSeconds, (BlockNumber, bool)>,
}

impl Runs {
    /// Notes an event.
    pub(super) fn note(&mut self, when: When, is_trade: bool) {
        let (block, traded) = self.blocks.entry(when.at).or_default();
        *block = when.block;
        *traded |= is_trade;
    }

    /// The stretches with the runs that have no trade cut out of the earning ones, if the campaign pays by trades.
    pub(super) fn waiting(
        &self,
        stretches: Vec<Stretch>,
        campaign: &Campaign,
        until: UnixSeconds,
    ) -> Vec<Stretch> {
        let seconds = campaign.run_seconds.map_or(0, u64::from);
        if campaign.scoring != Scoring::SwapWeighted || seconds == 0 {
            return stretches;
        }
        let mut cut: Vec<Stretch> = Vec::new();
        for stretch in stretches {
            if !stretch.standing.is_earning() {
                cut.push(stretch);
                continue;
            }
            self.cut(&stretch, seconds, until, &mut cut);
        }
        cut
    }

    fn cut(&self, stretch: &Stretch, seconds: u64, until: UnixSeconds, cut: &mut Vec<Stretch>) {
        let end = stretch.to.map_or(until.0.saturating_add(1), |to| to.at.0);
        let first_of_stretch = cut.len();
        let mut from = stretch.from;
        while from.at.0 < end {
            let run_end = (from.at.0 / seconds + 1).saturating_mul(seconds);
            let standing = if self.has_trade(run_end - seconds, run_end) {
                Standing::Earning
            } else {
                Standing::WaitingForTrade
            };
            let next = (run_end < end).then(|| self.holding_at(UnixSeconds(run_end), from.block));
            let to = next.or(stretch.to);
            let same = cut[first_of_stretch..].last().is_some_and(|last| last.standing == standing);
            if let Some(last) = cut.last_mut().filter(|_| same) {
                last.to = to;
            } else {
                cut.push(Stretch { from, to, standing, earned: None });
            }
            let Some(next) = next else { return };
            from = next;
        }
    }

    fn has_trade(&self, from: u64, to: u64) -> bool {
        self.blocks.range(UnixSeconds(from)..UnixSeconds(to)).any(|(_, (_, traded))| *traded)
    }

    fn holding_at(&self, at: UnixSeconds, known: BlockNumber) -> When {
        let newest = self.blocks.range(..=at).next_back();
        When { block: newest.map_or(known, |(_, (block, _))| *block), at }
    }
}
