//! One page that can be sent on: a comparison, or one account of it, with positions, stretches and blocks.
//!
//! Everything is in the one file: no script, no picture, nothing from elsewhere. What others wrote is escaped. [`page`] puts
//! it together, [`parts`] has its pieces; here is what goes into it.

mod page;
mod parts;

use accrual_rewards::campaign::Campaign;
use accrual_rewards::event::PlacedEvent;
use accrual_rewards::explain::{Timeline, explain};
use accrual_rewards::reconcile::Ours;
use accrual_rewards::tracker::Pool;
use accrual_rewards::unit::{Amount, UnixSeconds};
use accrual_store::{Db, checkpoints, events, rebuild};
use alloy_primitives::Address;
use anyhow::anyhow;

use crate::failure::Failure;

pub(crate) use page::{Subject, html};

/// More positions of an account are named, but not explained: each is a walk over the pool's events.
const POSITIONS_MAX: usize = 20;

/// A position of the account with its time in the campaign.
pub(crate) struct Explained {
    position: String,
    via: Vec<Address>,
    earned: Amount,
    timeline: Option<Timeline>,
}

/// The positions by which `account` earned, each with its stretches up to `until`, from the stored events.
pub(crate) async fn explained(
    db: &Db,
    pool: &Pool,
    campaign: &Campaign,
    ours: &Ours,
    account: Address,
    until: UnixSeconds,
) -> Result<Vec<Explained>, Failure> {
    let Some(own) = ours.accounts.get(&account) else { return Ok(Vec::new()) };
    let pool = rebuild::with_facts(db, pool).await?;
    let checkpoint = checkpoints::get(db, &pool.id).await?;
    let through = checkpoint.ok_or_else(|| anyhow!("pool {} was never read", pool.id))?.number;
    let mut all: Vec<PlacedEvent> = Vec::new();
    let mut after = None;
    loop {
        let page = events::page(db, &pool.id, after, through, events::PAGE_PACKS).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.block_number);
        let over = last.block_at > until;
        all.extend(page.into_iter().filter(|event| event.block_at <= until));
        if over {
            break;
        }
    }
    let mut told = Vec::new();
    for (place, part) in own.parts.iter().enumerate() {
        let timeline = (place < POSITIONS_MAX)
            .then(|| explain(pool.clone(), campaign.clone(), &part.position, all.iter().cloned(), until))
            .transpose()?;
        told.push(Explained {
            position: part.position.to_string(),
            via: part.via.clone(),
            earned: part.earned,
            timeline,
        });
    }
    Ok(told)
}
