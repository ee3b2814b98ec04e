//! Routes of prices that lead back to where they began: no price on them could ever be told.

use std::collections::BTreeSet;

use accrual_rewards::id::PoolId;
use accrual_rewards::price::{Source, Sources};
use alloy_primitives::Address;

use crate::config::PoolEntry;

/// A token that is priced through a pool, in the pool's other token.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Step<'a> {
    pub(super) token: Address,
    pub(super) pool: &'a PoolId,
    pub(super) other: Address,
}

/// The first route, in the order of `tokens`, that leads back to its beginning; each of its steps, from there on.
pub(super) fn looped<'a>(
    tokens: &[Address],
    prices: &'a Sources,
    pools: &[PoolEntry],
) -> Option<Vec<Step<'a>>> {
    tokens.iter().find_map(|first| {
        let mut steps: Vec<Step<'_>> = Vec::new();
        let mut token = *first;
        while !steps.iter().any(|passed| passed.token == token) {
            let step = step(token, prices, pools)?;
            token = step.other;
            steps.push(step);
        }
        // A route may also run into a loop that it is no part of; then it is found from one of the loop's tokens.
        (token == *first).then_some(steps)
    })
}

fn step<'a>(token: Address, prices: &'a Sources, pools: &[PoolEntry]) -> Option<Step<'a>> {
    let Some(Source::Pool { pool, .. }) = prices.get(&token) else { return None };
    let other = other(token, pool, prices, pools)?;
    Some(Step { token, pool, other })
}

/// The pool's other token: as the file says, or as another price through the same pool gives away, since a pool that
/// tells prices has two tokens. `None` where only the chain knows.
fn other(token: Address, pool: &PoolId, prices: &Sources, pools: &[PoolEntry]) -> Option<Address> {
    let entry = pools.iter().find(|entry| entry.pool.id == *pool)?;
    let through = |source: &Source| matches!(source, Source::Pool { pool: one, .. } if one == pool);
    let priced = prices.iter().filter(|(_, source)| through(source)).map(|(token, _)| *token);
    let mut others: BTreeSet<Address> = entry.token0.into_iter().chain(entry.token1).chain(priced).collect();
    others.remove(&token);
    if others.len() == 1 { others.pop_first() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use accrual_rewards::id::Venue;
    use accrual_rewards::tracker::Pool;
    use accrual_rewards::unit::BlockNumber;

    fn token(byte: u8) -> Address {
        Address::repeat_byte(byte)
    }

    fn pool(id: &str, tokens: [Option<u8>; 2]) -> PoolEntry {
        let pool = Pool {
            id: id.to_owned().try_into().unwrap(),
            venue: Venue::UniswapV3,
            address: Address::ZERO,
            position_manager: None,
            created_block: BlockNumber(1),
            vault: None,
            feeds: Vec::new(),
            wrappers: Vec::new(),
            facts: Default::default(),
        };
        let [token0, token1] = tokens.map(|byte| byte.map(token));
        PoolEntry { pool, token0, token1 }
    }

    struct Case {
        name: &'static str,
        pools: &'static [(&'static str, [Option<u8>; 2])],
        /// Token, and the pool that it is priced through; none for one that is fixed.
        prices: &'static [(u8, Option<&'static str>)],
        looped: Option<&'static [(u8, &'static str, u8)]>,
    }

    const AB: (&str, [Option<u8>; 2]) = ("ab", [Some(1), Some(2)]);
    const BC: (&str, [Option<u8>; 2]) = ("bc", [Some(2), Some(3)]);
    const CA: (&str, [Option<u8>; 2]) = ("ca", [Some(1), Some(3)]);
    const XY: (&str, [Option<u8>; 2]) = ("xy", [None, None]);

    const CASES: [Case; 8] = [
        Case { name: "nothing", pools: &[], prices: &[], looped: None },
        Case {
            name: "ends at a dollar",
            pools: &[AB, BC],
            prices: &[(1, Some("ab")), (2, Some("bc")), (3, None)],
            looped: None,
        },
        Case { name: "ends where there is no price", pools: &[AB], prices: &[(1, Some("ab"))], looped: None },
        Case {
            name: "there and back through one pool",
            pools: &[AB],
            prices: &[(2, Some("ab")), (1, Some("ab"))],
            looped: Some(&[(2, "ab", 1), (1, "ab", 2)]),
        },
        Case {
            name: "around three",
            pools: &[AB, BC, CA],
            prices: &[(1, Some("ab")), (2, Some("bc")), (3, Some("ca"))],
            looped: Some(&[(1, "ab", 2), (2, "bc", 3), (3, "ca", 1)]),
        },
        Case {
            name: "into a loop from beside it",
            pools: &[CA, AB],
            prices: &[(3, Some("ca")), (1, Some("ab")), (2, Some("ab"))],
            looped: Some(&[(1, "ab", 2), (2, "ab", 1)]),
        },
        Case {
            name: "tokens that only the prices give away",
            pools: &[XY],
            prices: &[(1, Some("xy")), (2, Some("xy"))],
            looped: Some(&[(1, "xy", 2), (2, "xy", 1)]),
        },
        Case {
            name: "tokens that only the chain knows",
            pools: &[XY, AB],
            prices: &[(1, Some("xy")), (2, Some("ab"))],
            looped: None,
        },
    ];

    #[test]
    fn routes_that_lead_back_are_found_and_no_others() {
        for case in CASES {
            let pools: Vec<PoolEntry> = case.pools.iter().map(|(id, tokens)| pool(id, *tokens)).collect();
            let source = |through: Option<&str>| match through {
                Some(id) => Source::Pool { pool: id.to_owned().try_into().unwrap(), window_seconds: 60 },
                None => Source::Fixed { usd: "1".parse().unwrap() },
            };
            let prices: Sources =
                case.prices.iter().map(|(byte, through)| (token(*byte), source(*through))).collect();
            let tokens: Vec<Address> = case.prices.iter().map(|(byte, _)| token(*byte)).collect();
            let steps = looped(&tokens, &prices, &pools).map(|steps| {
                steps.iter().map(|step| (step.token, step.pool.as_str(), step.other)).collect::<Vec<_>>()
            });
            let expected = case.looped.map(|steps| {
                steps.iter().map(|(from, pool, to)| (token(*from), *pool, token(*to))).collect::<Vec<_>>()
            });
            assert_eq!(steps, expected, "{}", case.name);
        }
    }
}
