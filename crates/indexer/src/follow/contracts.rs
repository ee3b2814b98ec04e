//! Which earners are contracts: one that is no wrapper we know may hold for others, and is told as a probable miss.

use accrual_rewards::report::by_account;
use accrual_rewards::tracker::PoolTracker;
use accrual_rewards::unit::UnixSeconds;
use accrual_store::{Db, accounts};
use alloy::primitives::Address;

use crate::error::IndexError;
use crate::source::{LogSource, SourceError};

/// So often is asked at most, and for so many accounts at once.
pub(super) const PAUSE_SECONDS: u64 = 60;
const ASKED_MAX: usize = 20;

/// Asks for the largest earners that nothing is known of yet. A node that will not say is asked again later.
pub(super) async fn learn(
    source: &dyn LogSource,
    db: &Db,
    chain_id: u64,
    trackers: impl Iterator<Item = (&PoolTracker, UnixSeconds)>,
) -> Result<(), IndexError> {
    let known = accounts::all(db, chain_id).await?;
    let mut earners: Vec<Address> = trackers.flat_map(|(tracker, at)| largest(tracker, at)).collect();
    earners.retain(|account| !known.contains_key(account));
    for account in earners.into_iter().take(ASKED_MAX) {
        match source.has_code(account).await {
            Ok(has_code) => accounts::learn(db, chain_id, account, has_code).await?,
            Err(SourceError::Refused { message, .. }) => {
                tracing::debug!(%message, "the node does not tell which accounts are contracts");
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// The accounts of a pool's campaigns, the largest first within each.
fn largest(tracker: &PoolTracker, at: UnixSeconds) -> Vec<Address> {
    let figures = tracker.campaigns().iter().filter_map(|accrual| accrual.figures(at).ok());
    figures.flat_map(|figures| by_account(&figures)).map(|row| row.account).collect()
}
