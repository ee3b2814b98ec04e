//! One tracker's rows, hour by hour. What positions hold and what accounts have earned do not depend on each other: with many
//! positions they are counted at the same time.

use std::collections::BTreeMap;

use alloy_primitives::Address;
use itertools::{EitherOrBoth, Itertools};

use super::{
    AccountPoint, CampaignPoint, Points, PoolPoint, Standing, accounts_with_stake, campaign_point,
    running_pool,
};
use crate::accrue::{Earnings, FiguresError, Sums};
use crate::apr::{Counted, Held, Holdings};
use crate::campaign::Campaign;
use crate::helpers;
use crate::id::CampaignId;
use crate::tracker::PoolTracker;
use crate::unit::{Amount, UnixSeconds};

/// With fewer positions an hour takes less time than a thread.
const POSITIONS_WORTH_A_THREAD: usize = 1_000;

/// Makes one tracker's rows hour by hour: what has not changed since the hour before is not counted again.
#[derive(Debug, Clone, Default)]
pub struct Hours {
    earnings: BTreeMap<CampaignId, Earnings>,
    counted: Counted,
}

/// What an account has earned in a campaign by an hour, and whether it has a stake then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccountHour {
    /// The account, behind all wrappers.
    pub account: Address,
    /// Earned so far.
    pub earned: Amount,
    /// Whether it has a stake.
    pub has_stake: bool,
}

impl Hours {
    /// As [`fn@super::points`], of the tracker that was asked for the hours before, with what it has folded since.
    ///
    /// # Errors
    /// As [`fn@super::points`].
    pub fn points(&mut self, tracker: &PoolTracker, at: UnixSeconds) -> Result<Option<Points>, FiguresError> {
        let mut accounts = Vec::new();
        let told = self.tell(tracker, at, |campaign, AccountHour { account, earned, has_stake }| {
            accounts.push(AccountPoint { campaign: campaign.clone(), at, account, earned, has_stake });
        })?;
        let pool_id = tracker.pool().id.clone();
        Ok(told.map(|(pool, campaigns)| Points { pool_id, pool, campaigns, accounts }))
    }

    /// The same; accounts are told one after the other, by campaign in the tracker's order and then ascending, and not kept.
    ///
    /// # Errors
    /// As [`fn@super::points`]; nothing was told then.
    pub fn tell(
        &mut self,
        tracker: &PoolTracker,
        at: UnixSeconds,
        tell: impl FnMut(&CampaignId, AccountHour),
    ) -> Result<Option<(PoolPoint, Vec<CampaignPoint>)>, FiguresError> {
        if tracker.last_block().is_none() {
            return Ok(None);
        }
        let Self { earnings, counted } = self;
        let is_long = tracker.ledger().positions().len() >= POSITIONS_WORTH_A_THREAD;
        let (earned, holdings) = helpers::both(
            is_long,
            || earned(tracker, at, earnings, tell),
            || HourHoldings::count(tracker, counted),
        );
        let Earned { staked, sums } = earned?;
        let campaigns = tracker.campaigns().iter().zip(&holdings.eligible).zip(sums);
        let campaigns = campaigns.filter_map(|((accrual, eligible), sums)| {
            let (sums, counts) = sums?;
            Some(campaign_point(accrual, at, sums, eligible.clone(), counts))
        });
        let campaigns = campaigns.collect();
        let standing = Standing {
            held: &holdings.all,
            held_in_range: &holdings.in_range,
            positions: holdings.positions,
            staked: &staked,
        };
        Ok(running_pool(tracker, at, standing).map(|pool| (pool, campaigns)))
    }
}

/// What positions hold at an hour.
struct HourHoldings {
    all: Held,
    in_range: Held,
    /// Of each campaign in the tracker's order.
    eligible: Vec<Held>,
    positions: usize,
}

impl HourHoldings {
    fn count(tracker: &PoolTracker, counted: &mut Counted) -> Self {
        let held = Holdings::since(tracker.ledger(), counted);
        Self {
            all: held.all(),
            in_range: held.in_range(),
            eligible: tracker.campaigns().iter().map(|accrual| held.eligible(tracker, accrual)).collect(),
            positions: held.positions(),
        }
    }
}

/// What was earned by an hour.
struct Earned {
    staked: Vec<Address>,
    /// Of each campaign in the tracker's order, with how many have earned, and how many have a share and a stake; `None` for
    /// one that has no row.
    sums: Vec<Option<(Sums, (usize, usize))>>,
}

fn earned(
    tracker: &PoolTracker,
    at: UnixSeconds,
    earnings: &mut BTreeMap<CampaignId, Earnings>,
    mut tell: impl FnMut(&CampaignId, AccountHour),
) -> Result<Earned, FiguresError> {
    let staked = accounts_with_stake(tracker);
    let mut sums = Vec::new();
    for accrual in tracker.campaigns() {
        let campaign = accrual.campaign();
        let known = earnings.entry(campaign.id.clone()).or_default();
        let told = match tracker.earnings(&campaign.id, at, known) {
            Some(Ok(sums)) if campaign.window.starts_at <= at => sums,
            Some(Err(error @ FiguresError::Past { .. })) => return Err(error),
            // Not begun, or nobody can say: then there is no row.
            _ => {
                sums.push(None);
                continue;
            }
        };
        let (mut have_earned, mut have_stake) = (0, 0);
        for hour in account_hours(campaign, known, &staked) {
            have_earned += usize::from(hour.earned > Amount::ZERO);
            have_stake += usize::from(hour.has_stake);
            tell(&campaign.id, hour);
        }
        sums.push(Some((told, (have_earned, have_stake))));
    }
    Ok(Earned { staked, sums })
}

/// Who has earned, and who has a share and a stake; ascending.
fn account_hours<'a>(
    campaign: &'a Campaign,
    known: &'a Earnings,
    staked: &'a [Address],
) -> impl Iterator<Item = AccountHour> + 'a {
    let both = staked.iter().merge_join_by(known.by_account(), |staked, (earner, _)| staked.cmp(&earner));
    let told = both.map(|one| match one {
        EitherOrBoth::Left(account) => (*account, Amount::ZERO, true),
        EitherOrBoth::Both(account, (_, earned)) => (*account, earned, true),
        EitherOrBoth::Right((account, earned)) => (account, earned, false),
    });
    let hours = told.map(|(account, earned, has_stake)| AccountHour { account, earned, has_stake });
    hours.filter(|hour| hour.earned > Amount::ZERO || campaign.admits(hour.account))
}
