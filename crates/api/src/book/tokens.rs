//! What is known of tokens: the configuration's word, and where it has none, what the indexer learnt from the chain.

use std::collections::BTreeMap;

use accrual_rewards::campaign::Campaign;
use accrual_rewards::id::PoolId;
use accrual_rewards::symbol::harmless;
use accrual_store::{Db, StoreError, pools, tokens};
use alloy_primitives::Address;

use crate::app::{PoolInfo, TokenInfo};

/// The pools' tokens and what each token says of itself. It only ever grows: nothing known is forgotten or changed.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Tokens {
    pairs: BTreeMap<PoolId, Pair>,
    known: BTreeMap<Address, Token>,
}

/// The tokens of a pool, as far as they are known.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Pair {
    /// The token that the price is told of.
    pub token0: Option<Address>,
    /// The token that the price is told in.
    pub token1: Option<Address>,
}

/// What is known of a token.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Token {
    /// Its symbol: a stranger's choice, made harmless.
    pub symbol: Option<String>,
    /// Its decimals.
    pub decimals: Option<u8>,
}

impl Tokens {
    /// What the configuration says.
    pub fn new<'a>(pools: impl IntoIterator<Item = &'a PoolInfo>, tokens: &[TokenInfo]) -> Self {
        let pair = |info: &PoolInfo| Pair { token0: info.token0, token1: info.token1 };
        let token =
            |info: &TokenInfo| Token { symbol: harmless(&info.symbol), decimals: Some(info.decimals) };
        Self {
            pairs: pools.into_iter().map(|info| (info.pool.id.clone(), pair(info))).collect(),
            known: tokens.iter().map(|info| (info.address, token(info))).collect(),
        }
    }

    /// Adds what the database knows and was not known yet.
    ///
    /// # Errors
    /// The database's own.
    pub async fn learn(&mut self, db: &Db, chain_id: u64) -> Result<(), StoreError> {
        for row in pools::list(db).await? {
            if let Some(pair) = self.pairs.get_mut(&row.pool) {
                pair.token0 = pair.token0.or(row.token0);
                pair.token1 = pair.token1.or(row.token1);
            }
        }
        for row in tokens::list(db, chain_id).await? {
            let token = self.known.entry(row.address).or_default();
            // Whoever wrote the row may have been an older release, or another program.
            token.symbol = token.symbol.take().or_else(|| harmless(&row.symbol?));
            token.decimals = token.decimals.or(row.decimals);
        }
        Ok(())
    }

    /// Whether all is known that pools and `campaigns` need.
    pub fn are_complete(&self, campaigns: &[Campaign]) -> bool {
        let of_pools = self.pairs.values().flat_map(|pair| [pair.token0, pair.token1]);
        let rewards = campaigns.iter().map(|campaign| Some(campaign.reward_token));
        of_pools.chain(rewards).all(|address| {
            let token = address.and_then(|address| self.known.get(&address));
            token.is_some_and(|token| token.symbol.is_some() && token.decimals.is_some())
        })
    }

    /// The tokens of a pool.
    pub fn pair(&self, pool: &PoolId) -> Pair {
        self.pairs.get(pool).copied().unwrap_or_default()
    }

    /// What is known of a token.
    pub fn get(&self, address: Address) -> Option<&Token> {
        self.known.get(&address)
    }
}
