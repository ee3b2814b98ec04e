//! A pool's and a campaign's row from what they are made of, for whoever has counted that already.

use alloy_primitives::Address;

use super::{CampaignPoint, MEAN_WINDOWS_SECONDS, PoolPoint, campaign_point, count};
use crate::accrue::{CampaignAccrual, Figures};
use crate::apr::Held;
use crate::tracker::PoolTracker;
use crate::unit::UnixSeconds;

/// What all positions of a pool come to.
#[derive(Debug, Clone, Copy)]
pub struct Standing<'a> {
    /// What all of them hold.
    pub held: &'a Held,
    /// What those in range hold.
    pub held_in_range: &'a Held,
    /// How many have liquidity.
    pub positions: usize,
    /// Who has a stake, behind all wrappers; each once.
    pub staked: &'a [Address],
}

/// The pool's row at `at`, as [`super::points`] has it.
pub fn running_pool(tracker: &PoolTracker, at: UnixSeconds, standing: Standing<'_>) -> Option<PoolPoint> {
    let ledger = tracker.ledger();
    let mean = |window| tracker.prices().mean(at, window).ok().map(|mean| (window, mean));
    Some(PoolPoint {
        at,
        block_number: tracker.last_block()?,
        price_x192: ledger.price_x192(),
        tick: ledger.price().map(|price| price.tick),
        liquidity: ledger.liquidity(),
        held: standing.held.clone(),
        held_in_range: standing.held_in_range.clone(),
        totals: ledger.totals().clone(),
        positions: count(standing.positions),
        wallets: count(standing.staked.len()),
        feeds: tracker.feeds().clone(),
        means: MEAN_WINDOWS_SECONDS.into_iter().filter_map(mean).collect(),
    })
}

/// A campaign's row, as [`super::points`] has it: from its figures, what its eligible positions hold, how many accounts earned
/// and whether one did. `None` for a campaign that has not begun.
pub fn running_campaign(
    accrual: &CampaignAccrual,
    figures: &Figures,
    eligible: &Held,
    standing: Standing<'_>,
    (accounts, has_earned): (usize, impl Fn(Address) -> bool),
) -> Option<CampaignPoint> {
    let campaign = accrual.campaign();
    let counts = |account: &&Address| campaign.admits(**account) || has_earned(**account);
    (campaign.window.starts_at <= figures.at).then(|| {
        let counts = (accounts, standing.staked.iter().filter(counts).count());
        campaign_point(accrual, figures.at, figures.sums(), eligible.clone(), counts)
    })
}
