//! One tracker's rows, hour by hour. What positions hold and what accounts have earned do not depend on each other: with many
//! positions they are counted at the same time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use alloy_primitives::Address;
use rayon_core::{ThreadPool, ThreadPoolBuilder};

use super::{AccountPoint, Points, Standing, accounts_with_stake, campaign_point, running_pool};
use crate::accrue::{CampaignAccrual, Earnings, FiguresError, Sums};
use crate::apr::{Counted, Held, Holdings};
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
        let (earned, holdings) =
            both(is_long, || earned(tracker, at, earnings), || HourHoldings::count(tracker, counted));
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

/// Both, at the same time where that is worth a thread: `other` on one that stays, since one that begins takes fresh memory.
fn both<A, B: Send>(is_worth_it: bool, one: impl FnOnce() -> A, other: impl FnOnce() -> B + Send) -> (A, B) {
    let Some(helper) = is_worth_it.then(helper).flatten() else { return (one(), other()) };
    let mut others = None;
    let one = helper.in_place_scope(|scope| {
        scope.spawn(|_| others = Some(other()));
        one()
    });
    (one, others.expect("a scope ends when all in it is done"))
}

/// The thread that helps whoever counts hours; `None` where none can be had.
fn helper() -> Option<&'static ThreadPool> {
    static HELPER: LazyLock<Option<ThreadPool>> = LazyLock::new(|| {
        let named = ThreadPoolBuilder::new().num_threads(1).thread_name(|_| "hours".to_owned());
        named.build().ok()
    });
    HELPER.as_ref()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_are_done_with_a_thread_and_without() {
        for is_worth_it in [false, true] {
            let mut done = (0, 0);
            let (one, other) = both(is_worth_it, || std::mem::replace(&mut done.0, 1), || done.1 = 2);
            assert_eq!((one, other, done), (0, (), (1, 2)), "a thread: {is_worth_it}");
        }
    }

    #[test]
    #[should_panic(expected = "the other")]
    fn a_panic_of_the_other_is_not_lost() {
        both(true, || (), || panic!("the other"));
    }
}
