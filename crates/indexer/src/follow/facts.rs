//! What contracts say of themselves now, held against what they said when they were first asked.
//!
//! Stored facts are used as they are. What a contract cannot change must still be so; what may grow, a feed's
//! aggregators, grows. A wrapper that is added once blocks are stored is refused, since nobody read what it did in them.

use accrual_rewards::pool::{FeedFacts, Pool, PoolFacts};
use accrual_store::{Db, checkpoints, pools, rebuild};

use crate::error::IndexError;

/// The pools with what is stored of them.
///
/// # Errors
/// The database does not answer.
pub(super) async fn stored(db: &Db, pools: Vec<Pool>) -> Result<Vec<Pool>, IndexError> {
    let mut known = Vec::with_capacity(pools.len());
    for pool in pools {
        known.push(rebuild::with_facts(db, &pool).await?);
    }
    Ok(known)
}

/// The pools with the facts to use.
///
/// # Errors
/// A contract contradicts what is stored, a wrapper came too late, or the database does not answer.
pub(super) async fn settle(
    db: &Db,
    pools: Vec<Pool>,
    found: Vec<PoolFacts>,
) -> Result<Vec<Pool>, IndexError> {
    let mut settled = Vec::with_capacity(pools.len());
    for (pool, found) in pools.into_iter().zip(found) {
        let stored = pools::facts(db, &pool).await?;
        let begun = checkpoints::get(db, &pool.id).await?.is_some();
        let facts = settled_facts(&pool, stored, found, begun)?;
        settled.push(Pool { facts, ..pool });
    }
    Ok(settled)
}

fn settled_facts(
    pool: &Pool,
    stored: Option<PoolFacts>,
    found: PoolFacts,
    begun: bool,
) -> Result<PoolFacts, IndexError> {
    let known = stored.clone().unwrap_or_default();
    let late = |address| !known.wrappers.iter().any(|wrapper| wrapper.address == address);
    if let Some(wrapper) = found.wrappers.iter().find(|wrapper| begun && late(wrapper.address)) {
        return Err(IndexError::WrapperAddedLate { pool: pool.id.clone(), wrapper: wrapper.address });
    }
    let Some(stored) = stored else { return Ok(found) };
    if let Some((what, stored, found)) = difference(&stored, &found) {
        let (pool, address) = (pool.id.clone(), pool.address);
        return Err(IndexError::FactsChanged { pool, address, what, stored, found });
    }
    let either = |(stored, found): (&Option<u8>, &Option<u8>)| stored.or(*found);
    Ok(PoolFacts {
        decimals: stored.decimals.iter().zip(&found.decimals).map(either).collect(),
        fee_ppm: stored.fee_ppm.or(found.fee_ppm),
        aggregate_fee_e18: stored.aggregate_fee_e18.or(found.aggregate_fee_e18),
        feeds: feeds(pool, &stored.feeds, found.feeds, begun),
        wrappers: found.wrappers,
        ..stored
    })
}

/// The first thing that a contract cannot change and that changed all the same.
fn difference(stored: &PoolFacts, found: &PoolFacts) -> Option<(&'static str, String, String)> {
    fn text(value: impl serde::Serialize) -> String {
        serde_json::to_string(&value).unwrap_or_else(|error| error.to_string())
    }
    let fee = |facts: &PoolFacts| found.fee_ppm.and(stored.fee_ppm).and(facts.fee_ppm);
    let told_by = |facts: &PoolFacts| -> Vec<_> {
        let both = |address| [stored, found].iter().all(|facts| told(facts, address).is_some());
        let mut told: Vec<_> = facts.wrappers.iter().filter(|wrapper| both(wrapper.address)).collect();
        told.sort_by_key(|wrapper| wrapper.address);
        told.into_iter().copied().collect()
    };
    let texts = |facts: &PoolFacts| {
        [
            ("its tokens", text(&facts.tokens)),
            ("its tick spacing", text(facts.tick_spacing)),
            ("its fee", text(fee(facts))),
            ("stable()", text(facts.is_stable)),
            ("its weights", text(&facts.weights_e18)),
            ("its pool id", text(facts.balancer_pool_id)),
            ("how its wrappers count", text(told_by(facts))),
        ]
    };
    let pairs = texts(stored).into_iter().zip(texts(found));
    pairs.into_iter().find(|(stored, found)| stored != found).map(|((what, a), (_, b))| (what, a, b))
}

fn told(facts: &PoolFacts, address: alloy::primitives::Address) -> Option<()> {
    facts.wrappers.iter().any(|wrapper| wrapper.address == address).then_some(())
}

/// Each feed with all aggregators that it ever had. What a new one said in blocks that are stored is not known.
fn feeds(pool: &Pool, stored: &[FeedFacts], found: Vec<FeedFacts>, begun: bool) -> Vec<FeedFacts> {
    let merge = |mut feed: FeedFacts| {
        let known = stored.iter().find(|known| known.feed == feed.feed);
        let mut aggregators = known.map(|known| known.aggregators.clone()).unwrap_or_default();
        for aggregator in &feed.aggregators {
            if !aggregators.contains(aggregator) {
                if begun {
                    tracing::warn!(pool = %pool.id, feed = %feed.feed, %aggregator, "what this feed's aggregator answered in blocks that are stored is not known: a pool with a new pools.id would read it");
                }
                aggregators.push(*aggregator);
            }
        }
        feed.aggregators = aggregators;
        feed
    };
    found.into_iter().map(merge).collect()
}

#[cfg(test)]
mod tests {
    use accrual_rewards::id::Venue;
    use accrual_rewards::pool::{ToldBy, WrapperFacts};
    use accrual_rewards::unit::{Amount, BlockNumber};
    use alloy::primitives::{Address, U256};

    use super::*;

    fn pool() -> Pool {
        Pool {
            id: "p".parse().unwrap(),
            venue: Venue::BalancerV2,
            address: Address::repeat_byte(1),
            position_manager: None,
            created_block: BlockNumber(1),
            vault: None,
            feeds: Vec::new(),
            wrappers: Vec::new(),
            facts: PoolFacts::default(),
        }
    }

    fn facts() -> PoolFacts {
        PoolFacts {
            tokens: vec![Address::repeat_byte(2), Address::repeat_byte(3)],
            decimals: vec![Some(6), None],
            fee_ppm: Some(3000),
            weights_e18: vec![Amount(U256::from(5)), Amount(U256::from(95))],
            aggregate_fee_e18: Some(Amount(U256::from(7))),
            wrappers: vec![wrapper(4)],
            ..PoolFacts::default()
        }
    }

    fn wrapper(byte: u8) -> WrapperFacts {
        WrapperFacts { address: Address::repeat_byte(byte), told_by: ToldBy::Transfers }
    }

    #[test]
    fn what_is_stored_stays_and_only_grows() {
        let now = PoolFacts {
            decimals: vec![None, Some(18)],
            fee_ppm: None,
            aggregate_fee_e18: Some(Amount(U256::from(9))),
            ..facts()
        };
        let settled = settled_facts(&pool(), Some(facts()), now, true).unwrap();
        assert_eq!(settled, PoolFacts { decimals: vec![Some(6), Some(18)], ..facts() });
    }

    #[test]
    fn what_cannot_change_is_refused_with_a_sentence() {
        let other_told = WrapperFacts { told_by: ToldBy::Stakes, ..wrapper(4) };
        let cases = [
            ("its tokens", PoolFacts { tokens: Vec::new(), ..facts() }),
            ("its fee", PoolFacts { fee_ppm: Some(500), ..facts() }),
            ("its weights", PoolFacts { weights_e18: Vec::new(), ..facts() }),
            ("stable()", PoolFacts { is_stable: true, ..facts() }),
            ("how its wrappers count", PoolFacts { wrappers: vec![other_told], ..facts() }),
        ];
        for (what, now) in cases {
            let error = settled_facts(&pool(), Some(facts()), now, false).unwrap_err().to_string();
            assert!(error.starts_with("pool p: ") && error.contains(what), "{error}");
        }
    }

    #[test]
    fn a_wrapper_may_leave_and_may_come_before_the_first_block() {
        let [fewer, more] =
            [vec![], vec![wrapper(4), wrapper(5)]].map(|wrappers| PoolFacts { wrappers, ..facts() });
        assert_eq!(settled_facts(&pool(), Some(facts()), fewer.clone(), true).unwrap(), fewer);
        assert_eq!(settled_facts(&pool(), Some(facts()), more.clone(), false).unwrap(), more);
        for stored in [Some(facts()), None] {
            let error = settled_facts(&pool(), stored, more.clone(), true).unwrap_err().to_string();
            assert!(error.contains("give the pool a new pools.id"), "{error}");
        }
    }

    #[test]
    fn a_feed_keeps_all_aggregators_that_it_ever_had() {
        let feed = |aggregators: &[u8]| FeedFacts {
            feed: Address::repeat_byte(9),
            aggregators: aggregators.iter().copied().map(Address::repeat_byte).collect(),
            decimals: 8,
        };
        let with = |aggregators| PoolFacts { feeds: vec![feed(aggregators)], ..facts() };
        let settled = settled_facts(&pool(), Some(with(&[1, 2])), with(&[2, 3]), true).unwrap();
        assert_eq!(settled.feeds, [feed(&[1, 2, 3])]);
    }
}
