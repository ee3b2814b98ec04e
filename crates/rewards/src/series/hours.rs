//! One tracker's rows, hour by hour. What positions hold and what accounts have earned do not depend on each other: with many
//! positions they are counted at the same time.

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::Address;

use super::{AccountPoint, Points, Standing, accounts_with_stake, campaign_point, running_pool};
use crate::accrue::{CampaignAccrual, Earnings, FiguresError, Sums};
use crate::apr::{Counted, Held, Holdings};
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

impl Hours {
    /// As [`fn@super::points`], of the tracker that was asked for the hours before, with what it has folded since.
    ///
    /// # Errors
    /// As [`fn@super::points`].
    pub fn points(&mut self, tracker: &PoolTracker, at: UnixSeconds) -> Result<Option<Points>, FiguresError> {
        if tracker.last_block().is_none() {
            return Ok(None);
        }
        let Self { earnings, counted } = self;
        let is_long = tracker.ledger().positions().len() >= POSITIONS_WORTH_A_THREAD;
        let (earned, holdings) = helpers::both(
            is_long,
            || earned(tracker, at, earnings),
            || HourHoldings::count(tracker, counted),
        );
        let Earned { staked, sums, accounts } = earned?;
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
        let pool = running_pool(tracker, at, standing);
        Ok(pool.map(|pool| Points { pool_id: tracker.pool().id.clone(), pool, campaigns, accounts }))
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

/// What was earned by an hour, and by whom.
struct Earned {
    staked: Vec<Address>,
    /// Of each campaign in the tracker's order, with how many have earned, and how many have a share and a stake; `None` for
    /// one that has no row.
    sums: Vec<Option<(Sums, (usize, usize))>>,
    accounts: Vec<AccountPoint>,
}

fn earned(
    tracker: &PoolTracker,
    at: UnixSeconds,
    earnings: &mut BTreeMap<CampaignId, Earnings>,
) -> Result<Earned, FiguresError> {
    let staked = accounts_with_stake(tracker);
    let (mut sums, mut accounts) = (Vec::new(), Vec::new());
    for accrual in tracker.campaigns() {
        let id = &accrual.campaign().id;
        let known = earnings.entry(id.clone()).or_default();
        let told = match tracker.earnings(id, at, known) {
            Some(Ok(sums)) if accrual.campaign().window.starts_at <= at => sums,
            Some(Err(error @ FiguresError::Past { .. })) => return Err(error),
            // Not begun, or nobody can say: then there is no row.
            _ => {
                sums.push(None);
                continue;
            }
        };
        let rows = account_points(accrual, at, known.by_account(), &staked);
        let counts = (known.by_account().len(), rows.iter().filter(|row| row.has_stake).count());
        sums.push(Some((told, counts)));
        accounts.extend(rows);
    }
    Ok(Earned { staked: staked.into_iter().collect(), sums, accounts })
}

fn account_points(
    accrual: &CampaignAccrual,
    at: UnixSeconds,
    earned: &BTreeMap<Address, Amount>,
    staked: &BTreeSet<Address>,
) -> Vec<AccountPoint> {
    let campaign = accrual.campaign();
    let admitted = staked.iter().filter(|account| campaign.admits(**account)).map(|one| (*one, Amount::ZERO));
    let mut all: BTreeMap<Address, Amount> = admitted.collect();
    all.extend(earned);
    let point = |(account, earned)| AccountPoint {
        campaign: campaign.id.clone(),
        at,
        account,
        earned,
        has_stake: staked.contains(&account),
    };
    all.into_iter().map(point).collect()
}
