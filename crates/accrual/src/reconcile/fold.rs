//! Our side: a pool's stored events folded once, for any number of campaigns as of any instants.

use accrual_rewards::accrue::FiguresError;
use accrual_rewards::campaign::Campaign;
use accrual_rewards::event::PoolEvent;
use accrual_rewards::id::CampaignId;
use accrual_rewards::reconcile::Ours;
use accrual_rewards::tracker::{Pool, PoolTracker};
use accrual_rewards::unit::{BlockNumber, UnixSeconds};
use accrual_store::{Db, events, rebuild};
use anyhow::anyhow;

use crate::failure::Failure;

/// A campaign of the pool, and as of when it is asked for.
#[derive(Debug, Clone)]
pub(crate) struct Wish {
    pub(crate) campaign: Campaign,
    pub(crate) at: UnixSeconds,
}

pub(crate) struct Folded {
    /// What each wish comes to, in their order.
    pub(crate) sides: Vec<Result<Ours, FiguresError>>,
    /// The newest trade at or before the latest instant that was asked for.
    pub(crate) last_trade_at: Option<UnixSeconds>,
}

/// Folds the events up to `through`, which all wishes' instants must lie before. Snapshots are of the campaigns as they
/// are configured, so that none is of use here.
pub(crate) async fn fold(
    db: &Db,
    pool: &Pool,
    wishes: &[Wish],
    through: BlockNumber,
) -> Result<Folded, Failure> {
    let pool = rebuild::with_facts(db, pool).await?;
    let named = |(place, wish): (usize, &Wish)| Campaign { id: name(place), ..wish.campaign.clone() };
    let id = pool.id.clone();
    let mut tracker = PoolTracker::new(pool, wishes.iter().enumerate().map(named));
    let mut sides: Vec<Option<Result<Ours, FiguresError>>> = wishes.iter().map(|_| None).collect();
    let last = wishes.iter().map(|wish| wish.at).max().unwrap_or_default();
    let (mut after, mut last_trade_at) = (None, None);
    'events: loop {
        let page = events::page(db, &id, after, through, events::PAGE_PACKS).await?;
        let Some(newest) = page.last() else { break };
        after = Some(newest.block_number);
        for event in &page {
            answer(&tracker, wishes, &mut sides, |at| at < event.block_at)?;
            if event.block_at > last {
                break 'events;
            }
            if is_trade(&event.event) {
                last_trade_at = Some(event.block_at);
            }
            tracker.apply(event)?;
        }
    }
    answer(&tracker, wishes, &mut sides, |_| true)?;
    let sides = sides.into_iter().map(|side| side.expect("each was answered at the end")).collect();
    Ok(Folded { sides, last_trade_at })
}

/// Answers the wishes that are due and were not answered yet.
fn answer(
    tracker: &PoolTracker,
    wishes: &[Wish],
    sides: &mut [Option<Result<Ours, FiguresError>>],
    is_due: impl Fn(UnixSeconds) -> bool,
) -> Result<(), Failure> {
    for (place, (wish, side)) in wishes.iter().zip(sides).enumerate() {
        if side.is_none() && is_due(wish.at) {
            let ours = Ours::of(tracker, &name(place), wish.at);
            *side = Some(ours.ok_or_else(|| anyhow!("campaign {} is not of its pool", wish.campaign.id))?);
        }
    }
    Ok(())
}

/// Variants of one campaign need names of their own.
fn name(place: usize) -> CampaignId {
    format!("variant-{place}").parse().expect("letters, a dash and digits are an id")
}

fn is_trade(event: &PoolEvent) -> bool {
    matches!(
        event,
        PoolEvent::Swapped { .. } | PoolEvent::PairSwapped { .. } | PoolEvent::TokenSwapped { .. }
    )
}
