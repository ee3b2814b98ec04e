//! What is stored of a pool against what its contracts say of themselves at the same block.
//!
//! - `questions`: which views are asked, and which word of an answer must be which number.
//! - `ask`: many views at once, through Multicall3 where the chain has it, else one by one.
//!
//! It reads the chain and changes nothing. A difference is told, never mended: either a node lies or a row does, and a
//! person must say which.

mod ask;
mod questions;

use std::fmt;

use accrual_rewards::id::PoolId;
use accrual_rewards::tracker::PoolTracker;
use accrual_rewards::unit::BlockNumber;
use alloy::primitives::{B256, U256};

use crate::error::IndexError;
use crate::source::LogSource;
use questions::{Check, Expected, Questions};

/// What came of comparing one pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The pool.
    pub pool: PoolId,
    /// The block.
    pub block: BlockNumber,
    /// How many values were compared.
    pub compared: usize,
    /// Those that differ, in the order of the questions.
    pub differences: Vec<Difference>,
}

/// One value that is not stored as the chain has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Which one.
    pub what: String,
    /// As it is stored.
    pub stored: String,
    /// As the contract says; none where it does not answer.
    pub on_chain: Option<String>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let on_chain = self.on_chain.as_deref().unwrap_or("no answer");
        write!(f, "{}: stored {}, on chain {on_chain}", self.what, self.stored)
    }
}

/// Holds the pool of `tracker`, which stands at the end of block `at`, against its contracts at that block. The node's
/// block must have the hash `hash`, where one is known.
///
/// # Errors
/// The node is on another chain than the stored one, has no state as old as that, or does not answer.
pub async fn verify(
    source: &dyn LogSource,
    tracker: &PoolTracker,
    at: BlockNumber,
    hash: Option<B256>,
) -> Result<Verified, IndexError> {
    check_block(source, at, hash).await?;
    let Questions { asked, checks } = Questions::of(tracker);
    let answers = ask::all(source, &asked, at).await?;
    if !answers.is_empty() && answers.iter().all(Option::is_none) {
        return Err(IndexError::NoState { block: at });
    }
    let differences = checks.iter().filter_map(|check| difference(check, &answers)).collect();
    check_block(source, at, hash).await?;
    Ok(Verified { pool: tracker.pool().id.clone(), block: at, compared: checks.len(), differences })
}

async fn check_block(source: &dyn LogSource, at: BlockNumber, hash: Option<B256>) -> Result<(), IndexError> {
    let found =
        source.headers(&[at]).await?.pop().flatten().ok_or(IndexError::MissingBlock { number: at })?;
    match hash {
        Some(stored) if stored != found.hash => {
            Err(IndexError::OtherBlock { number: at, stored, found: found.hash })
        }
        _ => Ok(()),
    }
}

/// `None` when the answers are what they should be.
fn difference(check: &Check, answers: &[Option<Vec<U256>>]) -> Option<Difference> {
    let word = |(question, word): &(usize, usize)| answers[*question].as_ref()?.get(*word).copied();
    let words: Option<Vec<U256>> = check.parts.iter().map(word).collect();
    let sum = words.map(|words| words.into_iter().fold(U256::ZERO, U256::wrapping_add));
    let (fits, stored) = match &check.expected {
        Expected::Number(number) => (sum == Some(*number), check.shown(*number)),
        Expected::IfAnswered(number) => (sum.is_none_or(|sum| sum == *number), check.shown(*number)),
        Expected::NoAnswer => (sum.is_none(), "burnt".to_owned()),
    };
    let on_chain = || sum.map(|sum| check.shown(sum));
    (!fits).then(|| Difference { what: check.what.clone(), stored, on_chain: on_chain() })
}
