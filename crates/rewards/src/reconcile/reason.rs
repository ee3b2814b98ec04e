//! Why an account is paid something else: a closed list, each with what shows it.

use std::fmt;

use alloy_primitives::Address;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::pool::WrapperKind;
use crate::unit::{Amount, UnixSeconds};

/// Why Merkl pays an account something else than we do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// A gauge or a vault is paid itself, and those behind it are not.
    ForwarderMissed,
    /// We pay it, they do not know it.
    MissingInTheirs,
    /// They pay it, we do not know it.
    MissingInOurs,
    /// One of the two leaves an account out that the other pays.
    Excluded,
    /// They leave out what is too small.
    DustFilter,
    /// Nobody traded for a while: they pay the time later, to those who are there then.
    IdleGap,
    /// An override of the campaign, which one side counts and the other does not.
    OverrideInWindow,
    /// They computed up to another instant than they say.
    RunEdge,
    /// Less than their figures' last digit.
    Rounding,
    /// None of these.
    Unexplained,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 10] = [
        Self::ForwarderMissed,
        Self::MissingInTheirs,
        Self::MissingInOurs,
        Self::Excluded,
        Self::DustFilter,
        Self::IdleGap,
        Self::OverrideInWindow,
        Self::RunEdge,
        Self::Rounding,
        Self::Unexplained,
    ];

    /// The name used in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ForwarderMissed => "forwarder_missed",
            Self::MissingInTheirs => "missing_in_theirs",
            Self::MissingInOurs => "missing_in_ours",
            Self::Excluded => "excluded",
            Self::DustFilter => "dust_filter",
            Self::IdleGap => "idle_gap",
            Self::OverrideInWindow => "override_in_window",
            Self::RunEdge => "run_edge",
            Self::Rounding => "rounding",
            Self::Unexplained => "unexplained",
        }
    }
}

impl std::str::FromStr for Reason {
    type Err = crate::unit::ParseUnitError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|reason| reason.as_str() == text);
        found.ok_or_else(|| crate::unit::ParseUnitError::new(text, "a reason why figures differ"))
    }
}

/// Who leaves an account out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Whose {
    /// Our configuration.
    Ours,
    /// Their campaign says so.
    Theirs,
    /// They do not say so, but what it would have got went to the others.
    TheirsUnsaid,
}

/// What shows a reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Evidence {
    /// The account is a wrapper: it is paid for those behind it.
    IsWrapper {
        /// Which kind.
        wrapper: WrapperKind,
        /// Those who own what it is paid for, by us.
        owners_count: u64,
        /// What they earned through it, by us.
        owed_units: Amount,
    },
    /// A part of what is ours comes through wrappers that are paid themselves.
    BehindWrappers {
        /// These.
        wrappers: Vec<Address>,
        /// That part.
        units: Amount,
    },
    /// Nothing of the account is known to one side, and nothing explains it.
    Absent,
    /// The account has code and no wrapper of that address is configured.
    AbsentContract,
    /// The account itself is left out.
    LeftOut {
        /// By whom.
        by: Whose,
    },
    /// Others are left out, and the account's part is larger or smaller for it.
    OthersLeftOut {
        /// These.
        accounts: Vec<Address>,
    },
    /// Its share is below one of the minimums that Merkl publishes.
    BelowMinimum {
        /// Its share of what was emitted, in billionths, rounded up.
        share_ppb: u64,
        /// The minimum, in billionths.
        minimum_ppb: u64,
    },
    /// They pay as if positions below this value had no share: its own, or others' and so its own is larger.
    BelowValue {
        /// The minimum, in US dollars.
        minimum_usd: Decimal,
    },
    /// They pay positions that we leave out, since they are below the minimum that is configured.
    WithoutMinimum {
        /// Ours, in US dollars.
        minimum_usd: Decimal,
    },
    /// They pay as of an instant after which nobody traded.
    NoTrade {
        /// Paid up to then.
        paid_until: UnixSeconds,
        /// The newest trade, if there was one.
        last_trade_at: Option<UnixSeconds>,
    },
    /// They pay as if there had been no override from this instant on.
    WithoutOverride {
        /// Its block's time.
        since: UnixSeconds,
    },
    /// They pay as of another instant.
    AsOf {
        /// That instant.
        paid_until: UnixSeconds,
        /// The one that they say.
        computed_until: UnixSeconds,
    },
    /// It is at most this.
    AtMost {
        /// The margin.
        units: Amount,
    },
    /// Nothing fits; the nearest that was tried.
    Nothing {
        /// Under which reason it would be smallest.
        nearest: Option<Reason>,
        /// How much would be left then.
        left_units: Amount,
    },
}

impl Evidence {
    /// The name of its kind, as used in answers.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::IsWrapper { .. } => "is_wrapper",
            Self::BehindWrappers { .. } => "behind_wrappers",
            Self::Absent => "absent",
            Self::AbsentContract => "absent_contract",
            Self::LeftOut { by: Whose::Ours } => "left_out_by_us",
            Self::LeftOut { by: Whose::Theirs } => "left_out_by_them",
            Self::LeftOut { by: Whose::TheirsUnsaid } => "left_out_unsaid",
            Self::OthersLeftOut { .. } => "others_left_out",
            Self::BelowMinimum { .. } => "below_minimum",
            Self::BelowValue { .. } => "below_value",
            Self::WithoutMinimum { .. } => "without_minimum",
            Self::NoTrade { .. } => "no_trade",
            Self::WithoutOverride { .. } => "without_override",
            Self::AsOf { .. } => "as_of",
            Self::AtMost { .. } => "at_most",
            Self::Nothing { .. } => "nothing",
        }
    }
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::IsWrapper { wrapper, owners_count, owed_units } => write!(
                f,
                "it is a wrapper ({}) and is paid itself; {owners_count} accounts earned {owed_units} units through it",
                wrapper.as_str()
            ),
            Self::BehindWrappers { wrappers, units } => {
                write!(f, "{units} units of ours come through {}, paid itself", listed(wrappers))
            }
            Self::Absent => f.write_str("the other side does not know it"),
            Self::AbsentContract => f.write_str(
                "the other side does not know it; it has code, so it may be a gauge or vault that is not configured",
            ),
            Self::LeftOut { by: Whose::Ours } => f.write_str("our configuration leaves it out, they pay it"),
            Self::LeftOut { by: Whose::Theirs } => f.write_str("their campaign leaves it out"),
            Self::LeftOut { by: Whose::TheirsUnsaid } => {
                f.write_str("they leave it out without saying so: its part went to the others")
            }
            Self::OthersLeftOut { accounts } => {
                write!(f, "its part follows from leaving out, or not, {}", listed(accounts))
            }
            Self::BelowMinimum { share_ppb, minimum_ppb } => {
                write!(f, "its share is {share_ppb} billionths, a published minimum is {minimum_ppb}")
            }
            Self::BelowValue { minimum_usd } => {
                write!(f, "as if positions worth less than {minimum_usd} USD had no share")
            }
            Self::WithoutMinimum { minimum_usd } => {
                write!(f, "as if positions worth less than {minimum_usd} USD, which we leave out, had a share")
            }
            Self::NoTrade { paid_until, last_trade_at } => {
                write!(f, "paid up to {paid_until}, and nobody traded after ")?;
                match last_trade_at {
                    Some(at) => write!(f, "{at} (Unix seconds)"),
                    None => f.write_str("the pool's beginning"),
                }
            }
            Self::WithoutOverride { since } => {
                write!(f, "as if the override of {since} (Unix seconds) had not been")
            }
            Self::AsOf { paid_until, computed_until } => {
                write!(f, "as of {paid_until}, where they say {computed_until} (Unix seconds)")
            }
            Self::AtMost { units } => write!(f, "at most {units} units"),
            Self::Nothing { nearest: Some(nearest), left_units } => {
                write!(f, "nothing fits; {} would leave {left_units} units", nearest.as_str())
            }
            Self::Nothing { nearest: None, left_units } => write!(f, "nothing fits: {left_units} units"),
        }
    }
}

/// The first few, and how many more.
fn listed(accounts: &[Address]) -> String {
    const SHOWN: usize = 3;
    let shown: Vec<String> = accounts.iter().take(SHOWN).map(|account| account.to_checksum(None)).collect();
    let more = accounts.len().saturating_sub(SHOWN);
    let shown = shown.join(", ");
    if more > 0 { format!("{shown} and {more} more") } else { shown }
}
