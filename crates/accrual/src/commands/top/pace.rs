//! How fast figures grow: from what was told before, by the blocks' own times.

use std::collections::{HashMap, VecDeque};

use accrual_client::Units;
use accrual_client::types::Overview;
use accrual_rewards::unit::Amount;
use alloy_primitives::U256;

/// Growth is measured over so long, or over the last two blocks where those are further apart.
const WINDOW_SECONDS: i64 = 60;
const MINUTE_SECONDS: u64 = 60;

/// What was earned at the last few blocks.
#[derive(Debug, Default)]
pub(super) struct Pace {
    samples: VecDeque<Sample>,
}

#[derive(Debug)]
struct Sample {
    block_number: u64,
    at_seconds: i64,
    /// By campaign, and within it by account.
    earned: HashMap<String, (Option<Amount>, HashMap<String, Amount>)>,
}

impl Pace {
    /// Takes in what is told now. Whether blocks left the chain since: then what was measured on them is forgotten.
    pub(super) fn take(&mut self, overview: &Overview) -> bool {
        let Some(as_of) = &overview.meta.as_of else { return false };
        let sample = Sample {
            block_number: as_of.block_number,
            at_seconds: as_of.at.as_second(),
            earned: overview.campaigns.iter().map(earned).collect(),
        };
        let newest = self.samples.back();
        let went_back = newest.is_some_and(|newest| sample.block_number < newest.block_number);
        if went_back {
            self.samples.clear();
        } else if newest.is_some_and(|newest| sample.block_number == newest.block_number) {
            // Another block of the same height, or more figures of the same block.
            self.samples.pop_back();
        }
        self.samples.push_back(sample);
        let newest_at = as_of.at.as_second();
        // One sample from before the window stays: growth since then is known.
        while self.samples.len() > 2 && self.samples[1].at_seconds <= newest_at - WINDOW_SECONDS {
            self.samples.pop_front();
        }
        went_back
    }

    /// What the campaign's accounts earn a minute, rounded down; `None` until two blocks were seen.
    pub(super) fn of_campaign(&self, campaign: &str) -> Option<Amount> {
        self.a_minute(|sample| sample.earned.get(campaign)?.0)
    }

    /// What one account of it earns a minute.
    pub(super) fn of_account(&self, campaign: &str, account: &str) -> Option<Amount> {
        self.a_minute(|sample| sample.earned.get(campaign)?.1.get(account).copied())
    }

    fn a_minute(&self, figure: impl Fn(&Sample) -> Option<Amount>) -> Option<Amount> {
        let (first, last) = self.samples.front().zip(self.samples.back())?;
        let seconds =
            u64::try_from(last.at_seconds - first.at_seconds).ok().filter(|seconds| *seconds > 0)?;
        let grown = figure(last)?.checked_sub(figure(first)?)?;
        grown.mul_div(U256::from(MINUTE_SECONDS), U256::from(seconds))
    }
}

fn earned(
    one: &accrual_client::types::CampaignOverview,
) -> (String, (Option<Amount>, HashMap<String, Amount>)) {
    let accounts = one.top.iter().filter_map(|row| Some((row.account.clone(), amount(&row.earned_units)?)));
    let whole = one.campaign.earned_units.as_ref().and_then(amount);
    (one.campaign.id.clone(), (whole, accounts.collect()))
}

/// The figure as a number; `None` for one that no token has.
pub(super) fn amount(units: &Units) -> Option<Amount> {
    units.as_str().parse().ok()
}
