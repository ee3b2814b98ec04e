//! USD for tokens: what the followed pools say now, or what their stored rows said at an hour.

use std::collections::{BTreeMap, BTreeSet};

use accrual_rewards::apr::{Held, Priced, Tvl, TvlMethod, Usd, tvl, value};
use accrual_rewards::id::PoolId;
use accrual_rewards::price::{self, Leg, PoolQuote, PriceUnknown, Quote, Quotes, Source, Sources};
use accrual_rewards::series::PoolPoint;
use accrual_rewards::unit::{Amount, UnixSeconds};
use alloy_primitives::Address;
use rust_decimal::Decimal;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::Api;
use crate::book::State;
use crate::view::{Eip55, Rfc3339};

/// Decimals of a dollar in answers.
pub(crate) const USD_PLACES: u32 = 6;

/// Prices at one instant.
pub(crate) struct Prices<'a> {
    api: &'a Api,
    /// Of each token that has a source, worked out once.
    told: BTreeMap<Address, Result<Quote, PriceUnknown>>,
}

/// Why something has no value in dollars.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NoValue {
    /// A token's price is not known.
    Price(PriceUnknown),
    /// The pool's tokens are not known yet.
    Tokens,
    /// A token's contract does not say its decimals.
    Decimals,
    /// More digits than an answer can hold.
    OutOfBounds,
}

impl NoValue {
    /// The name used in answers.
    pub(crate) fn as_str(&self) -> &'static str {
        match self {
            Self::Price(unknown) => unknown.as_str(),
            Self::Tokens => "tokens_unknown",
            Self::Decimals => "decimals_unknown",
            Self::OutOfBounds => "out_of_bounds",
        }
    }
}

impl<'a> Prices<'a> {
    /// At `at`, by the pools of `state`.
    pub(crate) fn now(api: &'a Api, state: &State, at: UnixSeconds) -> Self {
        let mut quotes = Quotes::default();
        for info in api.book().pools() {
            let Some(pool) = state.pool(&info.pool.id) else { continue };
            for (feed, answer) in pool.tracker.feeds() {
                add_feed(&mut quotes, *feed, *answer);
            }
            let mean = |window: u32| (window, pool.tracker.prices().mean(at, window));
            let means = windows(&api.settings().prices, &info.pool.id).into_iter().map(mean).collect();
            add_pool(api, &mut quotes, &info.pool.id, means);
        }
        Self::told(api, &quotes, at)
    }

    /// At `at`, by the stored rows of that hour.
    pub(crate) fn at_hour<'b>(
        api: &'a Api,
        points: impl IntoIterator<Item = (&'b PoolId, &'b PoolPoint)>,
        at: UnixSeconds,
    ) -> Self {
        let mut quotes = Quotes::default();
        for (pool, point) in points {
            for (feed, answer) in &point.feeds {
                add_feed(&mut quotes, *feed, *answer);
            }
            let means = point.means.iter().map(|(window, mean)| (*window, Ok(*mean))).collect();
            add_pool(api, &mut quotes, pool, means);
        }
        Self::told(api, &quotes, at)
    }

    fn told(api: &'a Api, quotes: &Quotes, at: UnixSeconds) -> Self {
        let sources = &api.settings().prices;
        let quote = |token: &Address| {
            let mut quote = price::usd(*token, sources, quotes, at)?;
            quote.usd = quote.usd.normalize();
            Ok(quote)
        };
        Self { api, told: sources.keys().map(|token| (*token, quote(token))).collect() }
    }

    /// USD for one whole token.
    pub(crate) fn usd(&self, token: Address) -> Result<Quote, PriceUnknown> {
        self.told.get(&token).cloned().unwrap_or(Err(PriceUnknown::NoSource { token }))
    }

    /// A token's decimals and USD for a whole one.
    pub(crate) fn priced(&self, token: Address) -> Result<(u8, Decimal), NoValue> {
        let quote = self.usd(token).map_err(NoValue::Price)?;
        Ok((self.api.token(token).decimals.ok_or(NoValue::Decimals)?, quote.usd))
    }

    /// What so many units of one token are worth.
    pub(crate) fn worth_of(&self, token: Address, units: Amount) -> Result<Usd, NoValue> {
        let (decimals, price_usd) = self.priced(token)?;
        value(Priced { units, decimals, price_usd }).ok_or(NoValue::OutOfBounds)
    }

    /// What `held` of a pool's tokens is worth; a token of which there is none needs no price.
    pub(crate) fn worth(&self, pool: &PoolId, held: &Held) -> Result<Usd, NoValue> {
        let tokens = self.api.tokens_of(pool);
        if tokens.is_empty() || tokens.len() < held.0.len() {
            return Err(NoValue::Tokens);
        }
        let mut sum = Usd::default();
        for (token, units) in tokens.iter().zip(&held.0).filter(|(_, units)| **units > Amount::ZERO) {
            sum = sum.checked_add(self.worth_of(*token, *units)?).ok_or(NoValue::OutOfBounds)?;
        }
        Ok(sum)
    }
}

impl Prices<'_> {
    /// What a pool holds, in USD, and how that is counted: of a weighted pool one priced leg is enough.
    pub(crate) fn tvl(&self, pool: &PoolId, held: &Held) -> Result<Tvl, NoValue> {
        let failed = match self.worth(pool, held) {
            Ok(usd) => return Ok(Tvl { usd, method: TvlMethod::Holdings }),
            Err(failed) => failed,
        };
        let tokens: Vec<_> = self.api.tokens_of(pool).iter().map(|token| self.priced(*token).ok()).collect();
        let facts = self.api.pool(pool).map(|info| &info.pool.facts.weights_e18);
        tvl(held, &tokens, facts.map_or(&[], Vec::as_slice)).map_err(|_| failed)
    }
}

fn add_feed(quotes: &mut Quotes, feed: Address, answer: price::FeedAnswer) {
    let newest = quotes.feeds.entry(feed).or_insert(answer);
    if newest.updated_at < answer.updated_at {
        *newest = answer;
    }
}

fn add_pool(
    api: &Api,
    quotes: &mut Quotes,
    pool: &PoolId,
    means: BTreeMap<u32, Result<price::LogPrice, price::MeanUnknown>>,
) {
    let pair = api.pair(pool);
    let Some((token0, token1)) = pair.token0.zip(pair.token1) else { return };
    let (decimals0, decimals1) = (api.token(token0).decimals, api.token(token1).decimals);
    quotes.pools.insert(pool.clone(), PoolQuote { token0, token1, decimals0, decimals1, means });
}

/// The windows over which some token is priced by `pool`.
fn windows(sources: &Sources, pool: &PoolId) -> BTreeSet<u32> {
    let window = |source: &Source| match source {
        Source::Pool { pool: by, window_seconds } if by == pool => Some(*window_seconds),
        _ => None,
    };
    sources.values().filter_map(window).collect()
}

/// The pools whose rows some price of `tokens` may be made of.
pub(crate) fn pools_behind(api: &Api, tokens: impl IntoIterator<Item = Address>) -> BTreeSet<PoolId> {
    let mut pools = BTreeSet::new();
    let mut passed = BTreeSet::new();
    let mut next: Vec<Address> = tokens.into_iter().collect();
    while let Some(token) = next.pop() {
        if !passed.insert(token) {
            continue;
        }
        match api.settings().prices.get(&token) {
            Some(Source::Pool { pool, .. }) => {
                pools.insert(pool.clone());
                next.extend(api.tokens_of(pool));
            }
            Some(Source::Chainlink { feed, sequencer_feed, .. }) => {
                let told = |pool: &&std::sync::Arc<crate::PoolInfo>| {
                    pool.pool.feeds.contains(feed)
                        || sequencer_feed.is_some_and(|feed| pool.pool.feeds.contains(&feed))
                };
                pools.extend(api.book().pools().iter().filter(told).map(|info| info.pool.id.clone()));
            }
            Some(Source::Fixed { .. }) | None => {}
        }
    }
    pools
}

/// A price with the way to it; where there is none, why.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct PriceView {
    /// The token.
    token: Eip55,
    /// What one whole token is worth, in US dollars.
    usd: Option<Decimal>,
    /// The way to it: from the token's own source to dollars.
    route: Vec<LegView>,
    /// When the oldest part of it was seen.
    observed_at: Option<Rfc3339>,
    /// Why there is no price; null where there is one.
    reason: Option<&'static str>,
    /// The same as a sentence.
    detail: Option<String>,
}

/// One step of the way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(tag = "source", rename_all = "snake_case")]
pub(crate) enum LegView {
    /// The configuration says so.
    Fixed {
        /// The token.
        token: Eip55,
        /// What one whole token is worth, in US dollars.
        usd: Decimal,
    },
    /// A feed on the chain says so.
    Chainlink {
        /// The token.
        token: Eip55,
        /// The feed's contract.
        feed: Eip55,
        /// What one whole token is worth, in US dollars.
        usd: Decimal,
        /// When the feed answered.
        updated_at: Rfc3339,
    },
    /// A pool's own price, as a mean over time.
    Pool {
        /// The token.
        token: Eip55,
        /// The pool's id.
        pool: String,
        /// How long the mean reaches back.
        window_seconds: u32,
        /// The token that the price is told in.
        in_token: Eip55,
        /// One whole token in whole tokens of the other.
        price: Decimal,
    },
}

impl PriceView {
    pub(crate) fn of(prices: &Prices<'_>, token: Address) -> Self {
        let token_view = Eip55(token);
        match prices.usd(token) {
            Ok(quote) => Self {
                token: token_view,
                usd: Some(quote.usd),
                route: quote.route.iter().map(LegView::of).collect(),
                observed_at: Some(Rfc3339(quote.observed_at)),
                reason: None,
                detail: None,
            },
            Err(unknown) => Self {
                token: token_view,
                usd: None,
                route: Vec::new(),
                observed_at: None,
                reason: Some(unknown.as_str()),
                detail: Some(unknown.to_string()),
            },
        }
    }
}

impl LegView {
    fn of(leg: &Leg) -> Self {
        match leg {
            Leg::Fixed { token, usd } => Self::Fixed { token: Eip55(*token), usd: usd.normalize() },
            Leg::Chainlink { token, feed, usd, updated_at } => Self::Chainlink {
                token: Eip55(*token),
                feed: Eip55(*feed),
                usd: usd.normalize(),
                updated_at: Rfc3339(*updated_at),
            },
            Leg::Pool { token, pool, window_seconds, in_token, price } => Self::Pool {
                token: Eip55(*token),
                pool: pool.to_string(),
                window_seconds: *window_seconds,
                in_token: Eip55(*in_token),
                price: price.normalize(),
            },
        }
    }
}

/// Where a token's prices come from, whatever the hour: the kinds of its legs, in order.
pub(crate) fn source_of(prices: &Prices<'_>, token: Address) -> Option<String> {
    let kind = |leg: &Leg| match leg {
        Leg::Fixed { .. } => "fixed".to_owned(),
        Leg::Chainlink { feed, .. } => format!("chainlink:{}", Eip55(*feed)),
        Leg::Pool { pool, window_seconds, .. } => format!("pool:{pool}:{window_seconds}s"),
    };
    let quote = prices.usd(token).ok()?;
    Some(quote.route.iter().map(kind).collect::<Vec<_>>().join(" > "))
}
