//! Why an account differs, found account by account.

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::{Address, U256};

use super::compare::{AccountRow, Question};
use super::reason::{Evidence, Reason, Whose};
use super::side::Ours;
use super::wanted::{Answer, left_out_by};
use super::{apart, difference, ppm_up};
use crate::campaign::Scoring;
use crate::pool::WrapperKind;
use crate::unit::Amount;

/// The minimum shares that Merkl publishes, in billionths; no document says which is in force.
const MINIMUMS_PPB: [u64; 3] = [1, 10, 100];

/// Finds reasons, account by account.
pub(super) struct Judge<'a> {
    question: &'a Question<'a>,
    /// By the scoring that fits best.
    ours: &'a Ours,
    scoring: Scoring,
    answers: &'a [Answer],
    rounding: Amount,
    /// Wrappers that are paid themselves, with what those behind each earned through it, and how many they are.
    paid_wrappers: BTreeMap<Address, (WrapperKind, Amount, u64)>,
    /// Whether their figures are those of leaving out all whom they do not pay.
    shares_silent: bool,
}

impl<'a> Judge<'a> {
    pub(super) fn new(
        question: &'a Question<'a>,
        ours: &'a Ours,
        answers: &'a [Answer],
        scoring: Scoring,
    ) -> Self {
        let rounding = question.margins.rounding(ours.emitted);
        let paid_wrappers = paid_wrappers(question, ours);
        let mut judge =
            Self { question, ours, scoring, answers, rounding, paid_wrappers, shares_silent: false };
        judge.shares_silent = judge.silent_shares();
        judge
    }

    pub(super) fn row(&self, account: Address) -> AccountRow {
        let theirs = self.question.theirs.computed(account);
        let ours = self.ours.earned(account);
        let by_scoring: Vec<(Scoring, Amount)> =
            self.question.ours.iter().map(|(scoring, ours)| (*scoring, ours.earned(account))).collect();
        let (reason, evidence) = self.reason(account, theirs, ours).unzip();
        AccountRow {
            account,
            theirs: self.question.theirs.accounts.get(&account).cloned(),
            difference: difference(theirs, ours),
            difference_ppm: ppm_up(apart(theirs, ours), ours),
            best_scoring: self.closest(&by_scoring, theirs, ours),
            ours: by_scoring,
            reason,
            evidence,
            runs: Vec::new(),
        }
    }

    /// The scoring that comes closest; where several do, the one that fits the campaign best.
    fn closest(&self, by_scoring: &[(Scoring, Amount)], theirs: Amount, ours: Amount) -> Scoring {
        let nearer = by_scoring.iter().filter(|(_, amount)| apart(theirs, *amount) < apart(theirs, ours));
        nearer.min_by_key(|(_, amount)| apart(theirs, *amount)).map_or(self.scoring, |(scoring, _)| *scoring)
    }

    fn reason(&self, account: Address, theirs: Amount, ours: Amount) -> Option<(Reason, Evidence)> {
        if theirs == ours {
            return None;
        }
        let is_theirs = self.question.theirs.accounts.contains_key(&account);
        let is_ours = self.ours.accounts.contains_key(&account);
        if let Some(found) = self.forwarder(account, theirs, ours) {
            return Some(found);
        }
        if !is_theirs || !is_ours {
            return Some(self.absent(account, is_theirs, ours));
        }
        if apart(theirs, ours) <= self.rounding {
            return Some((Reason::Rounding, Evidence::AtMost { units: self.rounding }));
        }
        Some(self.fitting(account, theirs, ours))
    }

    /// Wrappers that are paid themselves, and those behind them.
    fn forwarder(&self, account: Address, theirs: Amount, ours: Amount) -> Option<(Reason, Evidence)> {
        if let Some((wrapper, owed, owners_count)) = self.paid_wrappers.get(&account) {
            let evidence =
                Evidence::IsWrapper { wrapper: *wrapper, owners_count: *owners_count, owed_units: *owed };
            return Some((Reason::ForwarderMissed, evidence));
        }
        let (wrappers, units) = self.behind(account);
        let left = ours.checked_sub(units)?;
        let explains = units > Amount::ZERO && apart(theirs, left) <= self.rounding;
        explains.then_some((Reason::ForwarderMissed, Evidence::BehindWrappers { wrappers, units }))
    }

    /// What an account earned through wrappers that are paid themselves.
    fn behind(&self, account: Address) -> (Vec<Address>, Amount) {
        let mut wrappers = BTreeSet::new();
        let mut units = Amount::ZERO;
        let parts =
            self.ours.accounts.get(&account).map(|account| account.parts.as_slice()).unwrap_or_default();
        for part in parts {
            if let Some(paid) = part.via.iter().find(|one| self.paid_wrappers.contains_key(*one)) {
                wrappers.insert(*paid);
                units = units.checked_add(part.earned).expect("parts of an account add up to its own figure");
            }
        }
        (wrappers.into_iter().collect(), units)
    }

    fn absent(&self, account: Address, is_theirs: bool, ours: Amount) -> (Reason, Evidence) {
        let Question { campaign, theirs, contracts, margins, .. } = *self.question;
        if let Some(by) = left_out_by(campaign, theirs, account, self.ours.at) {
            return (Reason::Excluded, Evidence::LeftOut { by });
        }
        if is_theirs {
            let computed = theirs.computed(account);
            if let Some(found) = self.as_answered(account, computed, |reason| reason != Reason::Excluded) {
                return found;
            }
            let evidence =
                if contracts.contains(&account) { Evidence::AbsentContract } else { Evidence::Absent };
            return (Reason::MissingInOurs, evidence);
        }
        if let Some(found) = self.as_answered(account, Amount::ZERO, |reason| reason != Reason::Excluded) {
            return found;
        }
        if ours <= margins.dust(self.ours.emitted) {
            return (Reason::DustFilter, self.below_minimum(ours));
        }
        if self.shares_silent {
            return (Reason::Excluded, Evidence::LeftOut { by: Whose::TheirsUnsaid });
        }
        (Reason::MissingInTheirs, Evidence::Absent)
    }

    fn below_minimum(&self, ours: Amount) -> Evidence {
        let scaled = Amount(ours.0.saturating_mul(U256::from(1_000_u32)));
        let share_ppb = ppm_up(scaled, self.ours.emitted).unwrap_or(u64::MAX);
        let dust = u64::from(self.question.margins.dust_ppb);
        let minimum_ppb = MINIMUMS_PPB.into_iter().find(|minimum| share_ppb <= *minimum).unwrap_or(dust);
        Evidence::BelowMinimum { share_ppb, minimum_ppb }
    }

    fn fitting(&self, account: Address, theirs: Amount, ours: Amount) -> (Reason, Evidence) {
        if let Some(found) = self.as_answered(account, theirs, |_| true) {
            return found;
        }
        let left = |answer: &Answer| apart(theirs, of(answer, account));
        let nearest = self.answers.iter().min_by_key(|answer| left(answer));
        let nearest = nearest.filter(|answer| left(answer) < apart(theirs, ours));
        let evidence = Evidence::Nothing {
            nearest: nearest.map(|answer| answer.reason),
            left_units: nearest.map_or(apart(theirs, ours), left),
        };
        (Reason::Unexplained, evidence)
    }

    /// The first answer that gives an account what they give it, and that is not simply what we give it.
    fn as_answered(
        &self,
        account: Address,
        theirs: Amount,
        counts: impl Fn(Reason) -> bool,
    ) -> Option<(Reason, Evidence)> {
        let mut answers = self.answers.iter().filter(|answer| counts(answer.reason));
        let ours = apart(theirs, self.ours.earned(account));
        let found = answers.find(|answer| {
            let left = apart(theirs, of(answer, account));
            left <= self.rounding && left < ours
        })?;
        Some((found.reason, found.evidence.clone()))
    }

    /// Whether the accounts that both sides pay have what they would have if those that only we pay were left out, and
    /// not what they would have otherwise.
    fn silent_shares(&self) -> bool {
        let Some(answer) = self.answers.iter().rfind(|one| one.reason == Reason::Excluded) else {
            return false;
        };
        let theirs = self.question.theirs;
        let mut both =
            theirs.accounts.keys().filter(|account| self.ours.accounts.contains_key(*account)).peekable();
        if both.peek().is_none() {
            return false;
        }
        let (mut moved, mut fitting, mut all) = (false, 0_u64, 0_u64);
        for account in both {
            let computed = theirs.computed(*account);
            all += 1;
            moved |= apart(computed, self.ours.earned(*account)) > self.rounding;
            fitting += u64::from(apart(computed, of(answer, *account)) <= self.rounding);
        }
        moved && 2 * fitting > all
    }
}

/// What an account would have.
fn of(answer: &Answer, account: Address) -> Amount {
    answer.accounts.get(&account).copied().unwrap_or_default()
}

/// The configured wrappers that are paid themselves and are no owner of their own by us.
fn paid_wrappers(question: &Question<'_>, ours: &Ours) -> BTreeMap<Address, (WrapperKind, Amount, u64)> {
    let paid = |address: &Address| {
        question.theirs.accounts.contains_key(address) && !ours.accounts.contains_key(address)
    };
    let mut found = BTreeMap::new();
    for wrapper in question.wrappers {
        for address in [wrapper.address, wrapper.holder].iter().filter(|address| paid(address)) {
            let (mut owed, mut owners) = (Amount::ZERO, 0);
            for account in ours.accounts.values() {
                let through = account.parts.iter().filter(|part| part.via.contains(address));
                let before = owed;
                for part in through {
                    owed = owed.checked_add(part.earned).expect("parts add up to less than the budget");
                }
                owners += u64::from(owed > before);
            }
            found.insert(*address, (wrapper.kind, owed, owners));
        }
    }
    found
}
