//! What stands behind a node's address: one machine, or two that do not see the chain alike for a while.
//!
//! Both are honest, and the second is late: it stays on a branch that ended. What comes from both does not go together
//! then: logs of one branch with headers of another, or headers that do not follow one another.

use accrual_indexer::complete::Completeness;

use crate::chance::Chance;

/// The machines of one node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Machines {
    /// One answers everything.
    One,
    /// What is asked in one request with logs comes to the second, everything else to the first.
    LogsApart,
    /// Each question comes to either, also within one request: to the second so many times of a thousand.
    Either(u64),
}

/// What a machine sees less than one that is up to date.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lag {
    /// How far behind it is.
    pub(crate) behind_seconds: u64,
    /// For how long it stays on a branch that ended.
    pub(crate) late_seconds: u64,
}

impl Machines {
    /// Where nothing but the node's word says that logs are all, the block that stands for them must be seen by the very
    /// machine that gave them: an empty answer of another branch is not told from a true one else, by anybody.
    pub(crate) fn of(chance: &mut Chance, completeness: Completeness) -> Self {
        match completeness {
            Completeness::Off => chance.pick(&[Self::One, Self::LogsApart]),
            _ => chance.pick(&[Self::One, Self::LogsApart, Self::Either(150), Self::Either(500)]),
        }
    }

    /// How both see the chain, at a node that is late by so much together.
    pub(crate) fn lags(self, late_seconds: u64) -> [Lag; 2] {
        let up_to_date = Lag { behind_seconds: 0, late_seconds: 0 };
        let late = Lag { behind_seconds: 0, late_seconds };
        match self {
            Self::One => [late, late],
            Self::LogsApart => [up_to_date, late],
            Self::Either(_) => {
                let behind_seconds = late_seconds / 2;
                [up_to_date, Lag { behind_seconds, late_seconds: late_seconds - behind_seconds }]
            }
        }
    }

    /// Which of both gets a question; `is_with_logs` when logs are asked for in the same request of several.
    pub(crate) fn asked(self, is_with_logs: bool, chance: &mut Chance) -> usize {
        match self {
            Self::One => 0,
            Self::LogsApart => usize::from(is_with_logs),
            Self::Either(times) => usize::from(chance.permille(times)),
        }
    }
}
