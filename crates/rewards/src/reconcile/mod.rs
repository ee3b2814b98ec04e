//! Our figures against Merkl's: who is paid something else, how much, and why.
//!
//! What Merkl says comes in as [`Theirs`], what we compute as [`Ours`], both as of the instant up to which Merkl says that it
//! has computed. [`fit`] finds the scoring that comes closest; [`mod@wanted`] says what else should be computed to tell why
//! accounts differ (the campaign without its override, at the run's edge, with their exclusions..); [`mod@compare`] takes the
//! answers and gives every account that differs a [`Reason`] from a closed list, with its evidence. [`schedule`] holds
//! what was paid in all against time, run by run; [`fn@by_run`] does so account by account. [`files`] reads the reward files that
//! Merkl publishes, and [`beside`] holds what Merkl says against itself and against its contract.
//!
//! An account's difference has a reason when what would be ours, were that reason at work, is theirs to within rounding.
//! Two reasons at work on one account at once are therefore `unexplained`, and so is anything else.

pub mod beside;
mod by_run;
mod compare;
pub mod files;
mod judge;
mod reason;
pub mod schedule;
mod side;
mod wanted;

pub use by_run::{AccountRun, Bound, by_run};
pub use compare::{AccountRow, Alarm, Comparison, Fit, Money, Question, compare, fit, in_question};
pub use reason::{Evidence, Reason, Whose};
pub use side::{OurAccount, OurPart, Ours, Teller, TheirAccount, TheirRow, Theirs, TheirsError};
pub use wanted::{Answer, Known, VALUE_MINIMUM_USD, Wanted, wanted};

use alloy_primitives::U256;
use serde::{Deserialize, Serialize};

use crate::unit::{Amount, SignedAmount};

/// What counts as the same, and as too small.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Margins {
    /// By how many billionths of what was emitted an account may differ through Merkl's rounding alone: its figures have
    /// about ten decimals.
    pub rounding_ppb: u32,
    /// Up to which share of what was emitted, in billionths, an account may be left out as dust. Merkl publishes three
    /// figures (1, 10 and 100); the largest is asked.
    pub dust_ppb: u32,
}

impl Default for Margins {
    fn default() -> Self {
        Self { rounding_ppb: 1, dust_ppb: 100 }
    }
}

impl Margins {
    /// By how much an account may differ through rounding; one unit at the least.
    pub fn rounding(self, emitted: Amount) -> Amount {
        parts_of_a_billion(emitted, self.rounding_ppb).max(Amount(U256::ONE))
    }

    /// Up to how much is dust.
    pub fn dust(self, emitted: Amount) -> Amount {
        parts_of_a_billion(emitted, self.dust_ppb)
    }
}

/// So many billionths of `whole`, rounded down.
fn parts_of_a_billion(whole: Amount, parts: u32) -> Amount {
    whole.mul_div(U256::from(parts.min(1_000_000_000)), U256::from(1_000_000_000_u32)).unwrap_or(whole)
}

/// `theirs - ours`.
///
/// # Panics
/// From 2^255 on: [`Theirs`] takes no such amounts, and budgets are below 2^128.
pub fn difference(theirs: Amount, ours: Amount) -> SignedAmount {
    let signed = |amount: Amount| {
        alloy_primitives::I256::try_from(amount.0).expect("amounts are held below 2^255 where they come in")
    };
    SignedAmount(signed(theirs) - signed(ours))
}

/// How far apart two amounts are.
fn apart(one: Amount, other: Amount) -> Amount {
    Amount(one.0.abs_diff(other.0))
}

/// `part / whole` in millionths, rounded up, so that zero means none at all; `None` of nothing, and past 64 bits.
pub fn ppm_up(part: Amount, whole: Amount) -> Option<u64> {
    let scaled = part.mul_div(U256::from(1_000_000_u32), whole.0)?;
    let exact = scaled.0.checked_mul(whole.0) == part.0.checked_mul(U256::from(1_000_000_u32));
    let ppm = u64::try_from(scaled.0).ok()?;
    if exact { Some(ppm) } else { ppm.checked_add(1) }
}
