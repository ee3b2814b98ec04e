//! What price feeds must answer, and who emits their answers.

use accrual_rewards::pool::FeedFacts;
use alloy::primitives::Address;
use alloy::sol;

use super::views::Views;
use crate::error::IndexError;

sol! {
    function aggregator() external view returns (address);
    function phaseId() external view returns (uint16);
    function phaseAggregators(uint16) external view returns (address);
}

/// A feed that has had more aggregators than this is none.
const PHASES_MAX: u16 = 1000;

/// The pool's feeds, in the order of the configuration.
pub(super) async fn ask(views: &Views<'_>) -> Result<Vec<FeedFacts>, IndexError> {
    let mut feeds: Vec<FeedFacts> = Vec::with_capacity(views.pool.feeds.len());
    for feed in &views.pool.feeds {
        if !feeds.iter().any(|known| known.feed == *feed) {
            feeds.push(ask_one(views, *feed).await?);
        }
    }
    Ok(feeds)
}

async fn ask_one(views: &Views<'_>, feed: Address) -> Result<FeedFacts, IndexError> {
    let refused = |what| IndexError::NotAFeed { pool: views.pool.id.clone(), feed, what };
    let decimals = crate::tokens::decimals_of(views.source, feed).await;
    let decimals = decimals.ok_or_else(|| refused("it does not answer decimals()".to_owned()))?;
    let aggregators = aggregators(views, feed).await?;
    if let Some(phases) = aggregators.is_empty().then_some("its phases cannot be read") {
        return Err(refused(phases.to_owned()));
    }
    Ok(FeedFacts { feed, aggregators, decimals })
}

/// The aggregators behind a proxy, the oldest first; a contract without `aggregator()` is its own.
async fn aggregators(views: &Views<'_>, feed: Address) -> Result<Vec<Address>, IndexError> {
    let Some(current) = views.ask(feed, aggregatorCall {}).await? else { return Ok(vec![feed]) };
    let phases = views.ask(feed, phaseIdCall {}).await?.unwrap_or(0);
    if phases > PHASES_MAX {
        return Ok(Vec::new());
    }
    let mut aggregators = Vec::new();
    for phase in 1..=phases {
        aggregators.extend(views.ask(feed, phaseAggregatorsCall(phase)).await?);
    }
    aggregators.push(current);
    aggregators.retain(|aggregator| !aggregator.is_zero());
    let mut seen = std::collections::BTreeSet::new();
    aggregators.retain(|aggregator| seen.insert(*aggregator));
    Ok(aggregators)
}
