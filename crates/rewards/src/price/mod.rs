//! USD for a token: where each price comes from, and the way from a token to dollars.
//!
//! # Exactness
//!
//! Prices are [`Decimal`]s for people, never an input of a payment. Each leg is rounded down to 28 decimals or 96 bits,
//! whichever is fewer: by less than 10^-27 of a price of 1 or more, and by less than 10^-28 USD of a smaller one. A
//! leg through a pool is low by up to 6.3 * 10^-13 more, the step of [`LogPrice`].

mod log;
mod quotes;
mod reason;

pub use log::{LogPrice, MeanUnknown, PriceLog, WINDOW_SECONDS_MAX};
pub use reason::PriceUnknown;

use std::collections::BTreeMap;

use alloy_primitives::{Address, U256, U512, Uint};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::id::PoolId;
use crate::math;
use crate::unit::{SignedAmount, UnixSeconds};

/// Where a token's price comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "source", rename_all = "snake_case")]
pub enum Source {
    /// Told by the operator: USD for one whole token.
    Fixed {
        /// The price.
        usd: Decimal,
    },
    /// A Chainlink feed of the token in USD.
    Chainlink {
        /// The feed, as the configuration names it: its proxy.
        feed: Address,
        /// An answer older than this is no price.
        stale_after_seconds: u64,
        /// The feed that says whether the chain's sequencer is up (0) or down (1), if one is asked.
        sequencer_feed: Option<Address>,
        /// So long after the sequencer came up again, no answer is a price.
        sequencer_grace_seconds: u64,
    },
    /// A followed pool's own price of the token in its other token, which needs a price itself; the mean over a window
    /// of time, so that one swap cannot move it.
    Pool {
        /// The pool.
        pool: PoolId,
        /// The window.
        window_seconds: u32,
    },
}

/// Where each token's price comes from.
pub type Sources = BTreeMap<Address, Source>;

/// What prices are made of at an instant.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quotes {
    /// The newest answer of each feed.
    pub feeds: BTreeMap<Address, FeedAnswer>,
    /// The means of each pool.
    pub pools: BTreeMap<PoolId, PoolQuote>,
}

/// What a price feed answered last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedAnswer {
    /// Its answer, with `decimals` decimals.
    pub answer: SignedAmount,
    /// Decimals of its answers; `None` where the pool's facts do not say.
    pub decimals: Option<u8>,
    /// When it was observed; of a sequencer's feed: when the sequencer went up or down.
    pub updated_at: UnixSeconds,
}

/// A pool's price of its first token in its second, over windows that end at the instant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolQuote {
    /// The token that is priced.
    pub token0: Address,
    /// The token that it is priced in.
    pub token1: Address,
    /// Decimals of token0; `None` where it does not say.
    pub decimals0: Option<u8>,
    /// Decimals of token1; `None` where it does not say.
    pub decimals1: Option<u8>,
    /// The mean, by the window's seconds. A window that is not here is not covered.
    pub means: BTreeMap<u32, Result<LogPrice, MeanUnknown>>,
}

/// USD for one whole token, and how it is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quote {
    /// USD for one whole token, above zero.
    pub usd: Decimal,
    /// The way from the token to dollars, the token's own source first; never empty.
    pub route: Vec<Leg>,
    /// The oldest of the instants at which a leg was observed; of fixed prices and pools, the instant asked for.
    pub observed_at: UnixSeconds,
}

/// A step from a token to dollars.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "source", rename_all = "snake_case")]
pub enum Leg {
    /// The operator says so.
    Fixed {
        /// What is priced.
        token: Address,
        /// USD for one.
        usd: Decimal,
    },
    /// A feed says so.
    Chainlink {
        /// What is priced.
        token: Address,
        /// The feed.
        feed: Address,
        /// USD for one.
        usd: Decimal,
        /// When it was observed.
        updated_at: UnixSeconds,
    },
    /// A pool trades it so.
    Pool {
        /// What is priced.
        token: Address,
        /// The pool.
        pool: PoolId,
        /// The mean's window.
        window_seconds: u32,
        /// What it is priced in; the next leg prices that.
        in_token: Address,
        /// How much of that for one.
        price: Decimal,
    },
}

/// USD for one whole `token` at `at`, with the way to it.
///
/// # Errors
/// Which part of the way is missing, and why.
pub fn usd(
    token: Address,
    sources: &Sources,
    quotes: &Quotes,
    at: UnixSeconds,
) -> Result<Quote, PriceUnknown> {
    let asked = Asked { sources, quotes, at };
    let mut quote = Quote { usd: Decimal::ONE, route: Vec::new(), observed_at: at };
    let mut next = Some(token);
    let mut passed = Vec::new();
    while let Some(token) = next {
        if passed.contains(&token) {
            return Err(PriceUnknown::Loop { token });
        }
        passed.push(token);
        let leg = asked.leg(token)?;
        quote.usd = times(quote.usd, leg.factor()).ok_or(PriceUnknown::OutOfBounds { token })?;
        next = leg.in_token();
        quote.observed_at = quote.observed_at.min(leg.observed_at(at));
        quote.route.push(leg);
    }
    Ok(quote)
}

struct Asked<'a> {
    sources: &'a Sources,
    quotes: &'a Quotes,
    at: UnixSeconds,
}

impl Asked<'_> {
    fn leg(&self, token: Address) -> Result<Leg, PriceUnknown> {
        match self.sources.get(&token).ok_or(PriceUnknown::NoSource { token })? {
            Source::Fixed { usd } if *usd > Decimal::ZERO => Ok(Leg::Fixed { token, usd: *usd }),
            Source::Fixed { .. } => Err(PriceUnknown::NotPositive { token }),
            Source::Chainlink { feed, stale_after_seconds, sequencer_feed, sequencer_grace_seconds } => {
                if let Some(sequencer) = sequencer_feed {
                    self.check_sequencer(token, *sequencer, *sequencer_grace_seconds)?;
                }
                self.feed_leg(token, *feed, *stale_after_seconds)
            }
            Source::Pool { pool, window_seconds } => self.pool_leg(token, pool, *window_seconds),
        }
    }

    /// An answer of the feed that was there at the instant.
    fn answer(&self, token: Address, feed: Address) -> Result<&FeedAnswer, PriceUnknown> {
        let answer = self.quotes.feeds.get(&feed).filter(|answer| answer.updated_at <= self.at);
        answer.ok_or(PriceUnknown::NoAnswer { token, feed })
    }

    fn check_sequencer(&self, token: Address, feed: Address, grace_seconds: u64) -> Result<(), PriceUnknown> {
        let answer = self.answer(token, feed)?;
        if answer.answer != SignedAmount::default() {
            return Err(PriceUnknown::SequencerDown { token, feed });
        }
        if self.at.since(answer.updated_at) < grace_seconds {
            return Err(PriceUnknown::SequencerGrace { token, feed, up_since: answer.updated_at });
        }
        Ok(())
    }

    fn feed_leg(&self, token: Address, feed: Address, stale_after: u64) -> Result<Leg, PriceUnknown> {
        let FeedAnswer { answer, decimals, updated_at } = *self.answer(token, feed)?;
        if answer.0.is_negative() || answer.0.is_zero() {
            return Err(PriceUnknown::NotPositive { token });
        }
        if self.at.since(updated_at) > stale_after {
            return Err(PriceUnknown::Stale { token, feed, updated_at });
        }
        let decimals = decimals.ok_or(PriceUnknown::NoDecimals { token })?;
        let told = power_of_ten(decimals)
            .and_then(|one| fraction(Wide::from(answer.magnitude().0), one))
            .ok_or(PriceUnknown::OutOfBounds { token })?;
        Ok(Leg::Chainlink { token, feed, usd: told, updated_at })
    }

    fn pool_leg(&self, token: Address, pool: &PoolId, window_seconds: u32) -> Result<Leg, PriceUnknown> {
        let no_price = || PriceUnknown::PoolHasNoPrice { token, pool: pool.clone() };
        let quote = self.quotes.pools.get(pool).ok_or_else(no_price)?;
        let mean = match quote.means.get(&window_seconds) {
            Some(Ok(mean)) => *mean,
            Some(Err(MeanUnknown::NoPrice)) => return Err(no_price()),
            Some(Err(MeanUnknown::WindowNotCovered)) | None => {
                return Err(PriceUnknown::WindowNotCovered { token, pool: pool.clone(), window_seconds });
            }
        };
        let in_token = match token {
            token if token == quote.token0 => quote.token1,
            token if token == quote.token1 => quote.token0,
            _ => return Err(no_price()),
        };
        let (decimals0, decimals1) =
            quote.decimals0.zip(quote.decimals1).ok_or(PriceUnknown::NoDecimals { token })?;
        let price = if token == quote.token0 {
            price0(mean, decimals0, decimals1)
        } else {
            price1(mean, decimals0, decimals1)
        };
        let price = price.ok_or(PriceUnknown::OutOfBounds { token })?;
        Ok(Leg::Pool { token, pool: pool.clone(), window_seconds, in_token, price })
    }
}

impl Leg {
    fn factor(&self) -> Decimal {
        match self {
            Self::Fixed { usd, .. } | Self::Chainlink { usd, .. } => *usd,
            Self::Pool { price, .. } => *price,
        }
    }

    fn in_token(&self) -> Option<Address> {
        match self {
            Self::Pool { in_token, .. } => Some(*in_token),
            _ => None,
        }
    }

    fn observed_at(&self, at: UnixSeconds) -> UnixSeconds {
        match self {
            Self::Chainlink { updated_at, .. } => *updated_at,
            _ => at,
        }
    }
}

/// Wide enough for a price of 512 bits with the decimals of two tokens.
type Wide = Uint<1024, 16>;

/// Past this many decimals no token is priced.
const DECIMALS_MAX: u8 = 60;

/// One whole token0 in whole token1, rounded down; `None` where a [`Decimal`] cannot hold it, or it comes to nothing.
pub fn price0(price: LogPrice, decimals0: u8, decimals1: u8) -> Option<Decimal> {
    let (numerator, denominator) = parts(price, decimals0, decimals1)?;
    fraction(numerator, denominator)
}

/// One whole token1 in whole token0, likewise.
pub fn price1(price: LogPrice, decimals0: u8, decimals1: u8) -> Option<Decimal> {
    let (numerator, denominator) = parts(price, decimals0, decimals1)?;
    fraction(denominator, numerator)
}

/// The same as [`price0`] of a price times 2^192, without the step of a [`LogPrice`].
pub fn spot0(price_x192: U512, decimals0: u8, decimals1: u8) -> Option<Decimal> {
    let numerator = Wide::from(price_x192).checked_mul(power_of_ten(decimals0)?)?;
    fraction(numerator, power_of_ten(decimals1)? << 192_usize)
}

/// The price of token0 in token1 as a fraction.
fn parts(price: LogPrice, decimals0: u8, decimals1: u8) -> Option<(Wide, Wide)> {
    let (mantissa_x128, exponent) = price.to_price();
    let shift = usize::try_from(exponent.unsigned_abs()).ok().filter(|shift| *shift <= 320)?;
    let (up, down) = if exponent >= 0 { (shift, 0) } else { (0, shift) };
    let numerator = (Wide::from(mantissa_x128) << up).checked_mul(power_of_ten(decimals0)?)?;
    let denominator = (Wide::ONE << (128 + down)).checked_mul(power_of_ten(decimals1)?)?;
    Some((numerator, denominator))
}

fn power_of_ten(decimals: u8) -> Option<Wide> {
    (decimals <= DECIMALS_MAX).then(|| math::power_of_ten(u32::from(decimals)))
}

/// `numerator / denominator` with as many decimals as a [`Decimal`] holds, rounded down; `None` past its bounds and
/// of nothing.
fn fraction(numerator: Wide, denominator: Wide) -> Option<Decimal> {
    if denominator.is_zero() {
        return None;
    }
    (0..=Decimal::MAX_SCALE).rev().find_map(|places| {
        let scaled = numerator.checked_mul(Wide::from(10).pow(Wide::from(places)))? / denominator;
        let mantissa = i128::try_from(u128::try_from(scaled).ok()?).ok()?;
        let told = Decimal::try_from_i128_with_scale(mantissa, places).ok()?;
        Some(told.normalize()).filter(|told| !told.is_zero())
    })
}

/// The product, rounded down to what a [`Decimal`] holds; `None` past its bounds and of nothing.
fn times(a: Decimal, b: Decimal) -> Option<Decimal> {
    let mantissa = |x: Decimal| u128::try_from(x.mantissa()).ok().map(U256::from).map(Wide::from);
    let product = mantissa(a)? * mantissa(b)?;
    fraction(product, Wide::from(10).pow(Wide::from(a.scale() + b.scale())))
}
