//! Which stakes a campaign's minimum of value leaves out.
//!
//! The one place in which positions are visited, once a run, and only where a campaign asks for it.

use std::collections::BTreeSet;

use crate::apr::{TokenPrice, holdings_of, worth};
use crate::campaign::ValueMin;
use crate::ledger::PositionIndex;
use crate::ownership::{Stake, StakeIndex};
use crate::price::{Quotes, usd};
use crate::tracker::PoolTracker;
use crate::unit::{Liquidity, UnixSeconds};

/// The stakes with liquidity that are worth less than the minimum at `at`, by the state of the tracker; nobody while a
/// price of the pool's tokens is not known.
pub(crate) fn below(tracker: &PoolTracker, minimum: &ValueMin, at: UnixSeconds) -> BTreeSet<StakeIndex> {
    let Some(prices) = prices(tracker, minimum, at) else { return BTreeSet::new() };
    let stakes = (0..).map(StakeIndex).zip(tracker.ownership().stakes());
    let small = stakes
        .filter(|(_, stake)| stake.liquidity > Liquidity(0) && is_below(tracker, stake, minimum, &prices));
    small.map(|(index, _)| index).collect()
}

/// Whether each stake of a position that has liquidity is worth less than the minimum; no while a price is not known.
pub(crate) fn is_position_below(
    tracker: &PoolTracker,
    minimum: &ValueMin,
    position: PositionIndex,
    at: UnixSeconds,
) -> bool {
    let Some(prices) = prices(tracker, minimum, at) else { return false };
    let stakes = tracker.ownership().stakes().iter();
    let mut own =
        stakes.filter(|stake| stake.position == position && stake.liquidity > Liquidity(0)).peekable();
    own.peek().is_some() && own.all(|stake| is_below(tracker, stake, minimum, &prices))
}

fn prices(tracker: &PoolTracker, minimum: &ValueMin, at: UnixSeconds) -> Option<Vec<TokenPrice>> {
    let quotes = Quotes::of([tracker], &minimum.sources, at);
    let facts = &tracker.pool().facts;
    let price = |(index, token)| {
        let decimals = facts.decimals.get(index).copied().flatten()?;
        let quote = usd(token, &minimum.sources, &quotes, at).ok()?;
        Some(Some((decimals, quote.usd)))
    };
    let known: Option<Vec<TokenPrice>> = facts.tokens.iter().copied().enumerate().map(price).collect();
    known.filter(|prices| !prices.is_empty())
}

fn is_below(tracker: &PoolTracker, stake: &Stake, minimum: &ValueMin, prices: &[TokenPrice]) -> bool {
    let range = tracker.ledger().positions()[stake.position.as_usize()].range;
    let held = holdings_of(tracker.ledger(), range, stake.liquidity);
    let value = worth(&held, prices).and_then(|value| value.to_decimal(6));
    value.is_some_and(|value| value < minimum.usd)
}
