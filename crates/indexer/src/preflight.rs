//! What must hold before a block is read: the right chain, pools where the configuration says they are, and contracts
//! that are what they are taken for.
//!
//! Each pool is asked for what it says of itself once and for ever ([`PoolFacts`]). An answer that contradicts the venue
//! is refused with a sentence. A view that does not answer is refused where the pool cannot be read without it, and
//! passed over where it only confirms.

mod feeds;
mod pools;
mod views;
mod wrappers;

use accrual_rewards::id::Venue;
use accrual_rewards::pool::{Pool, PoolFacts};
use futures::future::join_all;
use futures::{StreamExt, TryStreamExt, join};

use crate::error::IndexError;
use crate::source::LogSource;
use views::Views;

/// So many pools are asked at the same time, each some questions.
const POOLS_AT_ONCE: usize = 4;

/// The nodes must be on the chain that the configuration means.
///
/// # Errors
/// They are on another one, or do not answer.
pub async fn check_chain(source: &dyn LogSource, expected: u64) -> Result<(), IndexError> {
    let found = source.chain_id().await?;
    if found == expected { Ok(()) } else { Err(IndexError::WrongChain { expected, found }) }
}

/// Every address must answer as its venue's pools do, every wrapper and feed as what it is; the answer is what each pool
/// says of itself, in the order of `pools`. What only an old block tells is not asked again where `pools` know it.
///
/// # Errors
/// One does not, or no node answers.
pub async fn check_pools(source: &dyn LogSource, pools: &[Pool]) -> Result<Vec<PoolFacts>, IndexError> {
    let asked: Vec<_> = pools.iter().map(|pool| check_pool(Views { source, pool })).collect();
    futures::stream::iter(asked).buffered(POOLS_AT_ONCE).try_collect().await
}

async fn check_pool(views: Views<'_>) -> Result<PoolFacts, IndexError> {
    let views = &views;
    let facts = match views.pool.venue {
        Venue::UniswapV3 => pools::uniswap_v3(views).await?,
        Venue::AerodromeCl => pools::aerodrome_cl(views).await?,
        Venue::AerodromeBasic => pools::aerodrome_basic(views).await?,
        Venue::BalancerV2 => pools::balancer_v2(views).await?,
        Venue::BalancerV3 => pools::balancer_v3(views).await?,
        Venue::Erc20 => pools::erc20(views).await?,
    };
    let decimals: Vec<_> =
        facts.tokens.iter().map(|token| crate::tokens::decimals_of(views.source, *token)).collect();
    let (decimals, feeds, wrappers) = join!(join_all(decimals), feeds::ask(views), wrappers::ask(views));
    Ok(PoolFacts { decimals, feeds: feeds?, wrappers: wrappers?, ..facts })
}
