//! Why a token has no price, as sentences.

use alloy_primitives::Address;

use crate::id::PoolId;
use crate::unit::UnixSeconds;

/// Why a token has no price at an instant. `token` is the one on the way whose own price is missing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "each variant's sentence names its fields")]
pub enum PriceUnknown {
    #[error("no price source names token {token}: add one under [[prices]]")]
    NoSource { token: Address },
    #[error("feed {feed}, which prices token {token}, has not answered by then: wait for its next answer")]
    NoAnswer { token: Address, feed: Address },
    #[error("token {token} is quoted at zero or less, which is no price: check its source")]
    NotPositive { token: Address },
    #[error(
        "feed {feed} of token {token} answered last at {updated_at} (Unix seconds), longer ago than stale_after_seconds allows: the price is left out until it answers again"
    )]
    Stale { token: Address, feed: Address, updated_at: UnixSeconds },
    #[error(
        "feed {feed} says that the chain's sequencer is down, so feeds are not trusted for token {token}"
    )]
    SequencerDown { token: Address, feed: Address },
    #[error(
        "feed {feed} says that the sequencer is up since {up_since} (Unix seconds), within the grace period, so feeds are not trusted yet for token {token}"
    )]
    SequencerGrace { token: Address, feed: Address, up_since: UnixSeconds },
    #[error("pool {pool} has no price of token {token}: check that it trades it and is followed")]
    PoolHasNoPrice { token: Address, pool: PoolId },
    #[error(
        "pool {pool}, which prices token {token}, is not known for {window_seconds} seconds back: wait, or choose a shorter window (at most a day; stored hours keep {kept:?} seconds)",
        kept = crate::series::MEAN_WINDOWS_SECONDS
    )]
    WindowNotCovered { token: Address, pool: PoolId, window_seconds: u32 },
    #[error("the decimals of token {token}, of its feed or of what it trades for are not known")]
    NoDecimals { token: Address },
    #[error("the price of token {token} leads back to itself: one token on the way needs another source")]
    Loop { token: Address },
    #[error("the price of token {token} has more digits than an answer can hold")]
    OutOfBounds { token: Address },
}

impl PriceUnknown {
    /// The name used in answers.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::NoSource { .. } => "no_price_source",
            Self::NoAnswer { .. } => "no_answer_yet",
            Self::NotPositive { .. } => "answer_not_positive",
            Self::Stale { .. } => "answer_stale",
            Self::SequencerDown { .. } => "sequencer_down",
            Self::SequencerGrace { .. } => "sequencer_in_grace",
            Self::PoolHasNoPrice { .. } => "pool_has_no_price",
            Self::WindowNotCovered { .. } => "window_not_covered",
            Self::NoDecimals { .. } => "decimals_unknown",
            Self::Loop { .. } => "price_route_loops",
            Self::OutOfBounds { .. } => "out_of_bounds",
        }
    }
}
