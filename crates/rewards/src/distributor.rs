//! Merkl's Distributor, from its logs: which trees it was given, which root it goes by, and what was claimed.
//!
//! The contract keeps two trees, the newest and the one before. It pays by the newest once the time in which that may be
//! disputed is over, and by the one before until then and while a dispute is open. A dispute that was right takes the newest
//! tree back; one that was wrong begins the time anew. What came before the first log that is known is not guessed.

use alloy_primitives::{Address, B256};
use serde::{Deserialize, Serialize};

use crate::unit::{Amount, UnixSeconds};

/// Ends of dispute windows lie at multiples of this, unless the contract was told otherwise.
const EPOCH_SECONDS: u64 = 3600;

/// What one log of the Distributor says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DistributorEvent {
    /// Something about its trees.
    Tree(TreeEvent),
    /// Somebody was sent what the tree gave them beyond what they had.
    Claimed(Claimed),
}

/// A log that may change the root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum TreeEvent {
    /// A new tree; after a [`TreeEvent::Revoked`] the one before once more.
    Updated {
        /// Its root.
        root: B256,
        /// From when on it counts, unless it is disputed.
        dispute_ends_at: UnixSeconds,
    },
    /// Somebody says that the newest tree is wrong.
    Disputed {
        /// Their words.
        reason: String,
    },
    /// Whether they were right.
    DisputeResolved {
        /// True takes the newest tree back.
        is_valid: bool,
    },
    /// The newest tree was taken back.
    Revoked,
    /// Dispute windows last so many epochs from now on.
    PeriodChanged {
        /// How many.
        epochs: u64,
    },
    /// An epoch is so long from now on.
    EpochChanged {
        /// How long; 0 stands for an hour.
        seconds: u64,
    },
}

/// What was sent to whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claimed {
    /// Whose claim it was.
    pub account: Address,
    /// The token.
    pub token: Address,
    /// What was sent now, not in all.
    pub amount: Amount,
}

/// The Distributor's trees after some of its logs. Begins with nothing known.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Trees {
    tree: Option<B256>,
    last_tree: Option<B256>,
    dispute_ends_at: Option<UnixSeconds>,
    is_disputed: bool,
    epoch_seconds: Option<u64>,
    period_epochs: Option<u64>,
    is_revoked_just_now: bool,
}

impl Trees {
    /// Takes in a log of a block of the time `at`.
    pub fn apply(&mut self, event: &TreeEvent, at: UnixSeconds) {
        let was_revoked_just_now = std::mem::take(&mut self.is_revoked_just_now);
        match *event {
            TreeEvent::Updated { root, dispute_ends_at } => {
                // What follows a revocation repeats the tree before, which both are by then.
                self.last_tree = self.tree;
                self.tree = Some(root);
                if was_revoked_just_now {
                    self.last_tree = Some(root);
                } else {
                    self.dispute_ends_at = Some(dispute_ends_at);
                    self.learn_period(at, dispute_ends_at);
                }
            }
            TreeEvent::Disputed { .. } => self.is_disputed = true,
            TreeEvent::DisputeResolved { is_valid } => {
                self.is_disputed = false;
                if !is_valid {
                    self.dispute_ends_at = self.window_from(at);
                }
            }
            TreeEvent::Revoked => {
                self.tree = self.last_tree;
                self.dispute_ends_at = Some(UnixSeconds(0));
                self.is_revoked_just_now = true;
            }
            TreeEvent::PeriodChanged { epochs } => self.period_epochs = Some(epochs),
            TreeEvent::EpochChanged { seconds } => {
                self.epoch_seconds = (seconds > 0).then_some(seconds);
            }
        }
    }

    /// The root that the contract pays by at an instant not before its newest log; `None` where the logs that are known do
    /// not tell.
    pub fn live(&self, at: UnixSeconds) -> Option<B256> {
        if self.is_disputed {
            return self.last_tree;
        }
        if at >= self.dispute_ends_at? { self.tree } else { self.last_tree }
    }

    /// The newest tree's root.
    pub fn tree(&self) -> Option<B256> {
        self.tree
    }

    /// The root of the tree before.
    pub fn last_tree(&self) -> Option<B256> {
        self.last_tree
    }

    /// From when on the newest tree counts, unless it is disputed; 0 after it was taken back.
    pub fn dispute_ends_at(&self) -> Option<UnixSeconds> {
        self.dispute_ends_at
    }

    /// Whether a dispute is open.
    pub fn is_disputed(&self) -> bool {
        self.is_disputed
    }

    /// No log tells how long windows are until that changes, but each update does, by its own.
    fn learn_period(&mut self, at: UnixSeconds, ends_at: UnixSeconds) {
        let epoch = self.epoch();
        let period = (ends_at.0 / epoch).checked_sub(at.0.div_ceil(epoch));
        self.period_epochs = period.or(self.period_epochs);
    }

    /// The end of a window that begins at `at`: whole epochs from the next full one on.
    fn window_from(&self, at: UnixSeconds) -> Option<UnixSeconds> {
        let epochs = at.0.div_ceil(self.epoch()).checked_add(self.period_epochs?)?;
        epochs.checked_mul(self.epoch()).map(UnixSeconds)
    }

    fn epoch(&self) -> u64 {
        self.epoch_seconds.unwrap_or(EPOCH_SECONDS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 3600;

    fn root(byte: u8) -> Option<B256> {
        Some(B256::repeat_byte(byte))
    }

    /// A log, when it comes, and which root counts at which instants after it.
    type Step = (u64, TreeEvent, &'static [(u64, Option<u8>)]);

    fn updated(byte: u8, dispute_ends_at: u64) -> TreeEvent {
        TreeEvent::Updated { root: B256::repeat_byte(byte), dispute_ends_at: UnixSeconds(dispute_ends_at) }
    }

    fn resolved(is_valid: bool) -> TreeEvent {
        TreeEvent::DisputeResolved { is_valid }
    }

    fn check(steps: &[Step]) {
        let mut trees = Trees::default();
        assert_eq!(trees.live(UnixSeconds(u64::MAX)), None, "nothing is known");
        for (number, (at, event, expected)) in steps.iter().enumerate() {
            trees.apply(event, UnixSeconds(*at));
            for (instant, byte) in *expected {
                let live = trees.live(UnixSeconds(*instant));
                assert_eq!(live, byte.and_then(root), "step {number}, {event:?}, at {instant}");
            }
        }
    }

    #[test]
    fn a_tree_counts_when_its_window_is_over() {
        check(&[
            (2 * HOUR, updated(1, 3 * HOUR), &[(3 * HOUR - 1, None), (3 * HOUR, Some(1))]),
            (9 * HOUR, updated(2, 10 * HOUR), &[(10 * HOUR - 1, Some(1)), (10 * HOUR, Some(2))]),
        ]);
    }

    #[test]
    fn a_dispute_holds_the_tree_before_until_it_is_decided() {
        let disputed = TreeEvent::Disputed { reason: "a leaf falls".to_owned() };
        check(&[
            (HOUR, updated(1, 2 * HOUR), &[]),
            (10 * HOUR, updated(2, 11 * HOUR), &[]),
            (10 * HOUR + 5, disputed.clone(), &[(99 * HOUR, Some(1))]),
            // Wrong: the window of one epoch begins anew, from the next full hour on.
            (20 * HOUR + 1, resolved(false), &[(22 * HOUR - 1, Some(1)), (22 * HOUR, Some(2))]),
            (30 * HOUR, updated(3, 31 * HOUR), &[]),
            (30 * HOUR + 5, disputed, &[(99 * HOUR, Some(2))]),
            // Right: taken back, told again, and resolved, all in one transaction.
            (40 * HOUR, TreeEvent::Revoked, &[(40 * HOUR, Some(2))]),
            (40 * HOUR, updated(2, 40 * HOUR), &[(40 * HOUR, Some(2))]),
            (40 * HOUR, resolved(true), &[(40 * HOUR, Some(2))]),
            (50 * HOUR, updated(4, 51 * HOUR), &[(51 * HOUR - 1, Some(2)), (51 * HOUR, Some(4))]),
        ]);
    }

    #[test]
    fn windows_are_as_long_as_the_contract_was_told() {
        let disputed = TreeEvent::Disputed { reason: String::new() };
        check(&[
            (HOUR, updated(1, 2 * HOUR), &[]),
            (5 * HOUR, TreeEvent::EpochChanged { seconds: 60 }, &[]),
            (6 * HOUR, updated(2, 6 * HOUR + 120), &[]),
            (6 * HOUR + 1, disputed.clone(), &[]),
            (6 * HOUR + 61, resolved(false), &[(6 * HOUR + 239, Some(1)), (6 * HOUR + 240, Some(2))]),
            (7 * HOUR, updated(3, 7 * HOUR + 120), &[]),
            (7 * HOUR + 1, disputed, &[]),
            (7 * HOUR + 2, TreeEvent::PeriodChanged { epochs: 5 }, &[]),
            (7 * HOUR + 3, resolved(false), &[(7 * HOUR + 359, Some(2)), (7 * HOUR + 360, Some(3))]),
        ]);
    }

    #[test]
    fn a_dispute_whose_window_was_never_seen_leaves_the_root_unknown() {
        check(&[
            (HOUR, TreeEvent::Disputed { reason: String::new() }, &[(HOUR, None)]),
            (2 * HOUR, resolved(false), &[(99 * HOUR, None)]),
        ]);
    }

    #[test]
    fn a_revocation_does_not_teach_how_long_windows_are() {
        let disputed = TreeEvent::Disputed { reason: String::new() };
        check(&[
            (HOUR, updated(1, 4 * HOUR), &[]),
            (9 * HOUR, updated(2, 12 * HOUR), &[]),
            (10 * HOUR, TreeEvent::Revoked, &[]),
            (10 * HOUR, updated(1, 10 * HOUR), &[(10 * HOUR, Some(1))]),
            (20 * HOUR, disputed, &[]),
            (20 * HOUR, resolved(false), &[(20 * HOUR, Some(1)), (23 * HOUR, Some(1))]),
        ]);
    }
}
