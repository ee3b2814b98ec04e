//! Gathering what prices are made of: from trackers as of now, or from a stored hour's rows.

use std::collections::BTreeSet;

use alloy_primitives::Address;

use crate::pool::Pool;
use crate::price::{FeedAnswer, PoolQuote, Quotes, Source, Sources};
use crate::series::PoolPoint;
use crate::tracker::PoolTracker;
use crate::unit::UnixSeconds;

impl Quotes {
    /// What `sources` need of these trackers at `at`.
    pub fn of<'a>(
        trackers: impl IntoIterator<Item = &'a PoolTracker>,
        sources: &Sources,
        at: UnixSeconds,
    ) -> Self {
        let mut quotes = Self::default();
        for tracker in trackers {
            quotes.add_tracker(tracker, sources, at);
        }
        quotes
    }

    /// Adds what `sources` need of a tracker at `at`.
    pub fn add_tracker(&mut self, tracker: &PoolTracker, sources: &Sources, at: UnixSeconds) {
        tracker.feeds().iter().for_each(|(feed, answer)| self.add_feed(*feed, *answer));
        let windows: BTreeSet<u32> = sources
            .values()
            .filter_map(|source| match source {
                Source::Pool { pool, window_seconds } if *pool == tracker.pool().id => Some(*window_seconds),
                _ => None,
            })
            .collect();
        let Some(mut quote) = pool_quote(tracker.pool()) else { return };
        quote.means = windows.into_iter().map(|window| (window, tracker.prices().mean(at, window))).collect();
        self.pools.insert(tracker.pool().id.clone(), quote);
    }

    /// Adds what a stored row of `pool` says.
    pub fn add_row(&mut self, pool: &Pool, row: &PoolPoint) {
        row.feeds.iter().for_each(|(feed, answer)| self.add_feed(*feed, *answer));
        let Some(mut quote) = pool_quote(pool) else { return };
        quote.means = row.means.iter().map(|(window, mean)| (*window, Ok(*mean))).collect();
        self.pools.insert(pool.id.clone(), quote);
    }

    /// Adds a feed's answer; of two, the newer holds, since pools may have read up to different blocks.
    pub fn add_feed(&mut self, feed: Address, answer: FeedAnswer) {
        let known = self.feeds.entry(feed).or_insert(answer);
        if known.updated_at <= answer.updated_at {
            *known = answer;
        }
    }
}

/// The quote without its means; `None` of a pool without two tokens.
fn pool_quote(pool: &Pool) -> Option<PoolQuote> {
    let [token0, token1, ..] = pool.facts.tokens[..] else { return None };
    let decimals = |token: usize| pool.facts.decimals.get(token).copied().flatten();
    let (decimals0, decimals1) = (decimals(0), decimals(1));
    Some(PoolQuote { token0, token1, decimals0, decimals1, means: Default::default() })
}
