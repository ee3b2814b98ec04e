//! The two sides of a comparison.

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::{Address, U256};
use serde::{Deserialize, Serialize};

use crate::accrue::FiguresError;
use crate::id::{CampaignId, PositionKey};
use crate::tracker::PoolTracker;
use crate::unit::{Amount, UnixSeconds};

/// One line of what Merkl says: an account, for what, and how much.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TheirRow {
    /// Who is credited.
    pub account: Address,
    /// For what: a protocol's, a vault's or a forwarder's name.
    pub reason: String,
    /// In the newest root.
    pub amount: Amount,
    /// Drawn already; `None` where the source does not say.
    pub claimed: Option<Amount>,
    /// Computed since that root.
    pub pending: Amount,
}

/// Who tells their side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Teller {
    /// Merkl's API.
    Merkl,
    /// A reward file that Merkl published.
    File,
    /// Another accrual in Merkl's shapes: what it earned by its own count, not what Merkl credited.
    Accrual,
}

impl Teller {
    /// Every teller.
    pub const ALL: [Self; 3] = [Self::Merkl, Self::File, Self::Accrual];

    /// The name used in tables and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Merkl => "merkl",
            Self::File => "file",
            Self::Accrual => "accrual",
        }
    }
}

impl std::str::FromStr for Teller {
    type Err = crate::unit::ParseUnitError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|teller| teller.as_str() == text);
        found.ok_or_else(|| crate::unit::ParseUnitError::new(text, "a teller of figures"))
    }
}

/// Merkl's side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Theirs {
    /// Up to when it was computed.
    pub computed_until: UnixSeconds,
    /// The budget that they name, if they do.
    pub budget: Option<Amount>,
    /// Whom they leave out, as far as they say.
    pub blacklist: BTreeSet<Address>,
    /// When not empty: whom alone they pay.
    pub whitelist: BTreeSet<Address>,
    /// What each account was credited; see [`Theirs::new`].
    pub accounts: BTreeMap<Address, TheirAccount>,
    /// The sum over all accounts.
    pub paid: Amount,
}

/// What Merkl says of an account, all its lines together.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TheirAccount {
    /// In the newest root.
    pub amount: Amount,
    /// Drawn already; `None` unless all its lines say.
    pub claimed: Option<Amount>,
    /// Computed since.
    pub pending: Amount,
    /// `amount` and `pending` together: what compares with ours.
    pub computed: Amount,
    /// For what, each once.
    pub reasons: BTreeSet<String>,
}

/// Lines that cannot be added up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "what they credit to {account} comes to 2^192 units or more: no token has so many, so it is no reward"
)]
pub struct TheirsError {
    account: Address,
}

impl Theirs {
    /// Adds up the lines of a source.
    ///
    /// # Errors
    /// A sum past what any token has.
    pub fn new(
        computed_until: UnixSeconds,
        rows: impl IntoIterator<Item = TheirRow>,
    ) -> Result<Self, TheirsError> {
        let mut accounts: BTreeMap<Address, TheirAccount> = BTreeMap::new();
        let mut paid = Amount::ZERO;
        for row in rows {
            let error = TheirsError { account: row.account };
            let sum = |one: Amount, other: Amount| {
                one.checked_add(other).filter(|sum| sum.0 < (U256::ONE << 192)).ok_or(error)
            };
            let first = !accounts.contains_key(&row.account);
            let account = accounts.entry(row.account).or_default();
            let computed = sum(row.amount, row.pending)?;
            account.amount = sum(account.amount, row.amount)?;
            account.pending = sum(account.pending, row.pending)?;
            account.computed = sum(account.computed, computed)?;
            paid = sum(paid, computed)?;
            account.claimed = match (account.claimed, row.claimed) {
                (_, Some(claimed)) if first => Some(claimed),
                (Some(before), Some(claimed)) => Some(sum(before, claimed)?),
                _ => None,
            };
            account.reasons.insert(row.reason);
        }
        accounts.retain(|_, account| account.computed > Amount::ZERO);
        let (blacklist, whitelist) = (BTreeSet::new(), BTreeSet::new());
        Ok(Self { computed_until, budget: None, blacklist, whitelist, accounts, paid })
    }

    /// What an account was credited, nothing included.
    pub fn computed(&self, account: Address) -> Amount {
        self.accounts.get(&account).map_or(Amount::ZERO, |account| account.computed)
    }

    /// Whether they say that they pay an account nothing.
    pub(super) fn excludes(&self, account: Address) -> bool {
        if self.whitelist.is_empty() {
            self.blacklist.contains(&account)
        } else {
            !self.whitelist.contains(&account)
        }
    }
}

/// Our side under one scoring.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ours {
    /// As of when.
    pub at: UnixSeconds,
    /// What the campaign had set free by then.
    pub emitted: Amount,
    /// What each account earned.
    pub accounts: BTreeMap<Address, OurAccount>,
}

/// What an account earned by us.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OurAccount {
    /// All of it.
    pub earned: Amount,
    /// The same, position by position.
    pub parts: Vec<OurPart>,
}

/// What an account earned with one position.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OurPart {
    /// The position.
    pub position: PositionKey,
    /// The wrappers between its holder and the account, the holder's first.
    pub via: Vec<Address>,
    /// How much.
    pub earned: Amount,
}

impl Ours {
    /// What `campaign` of `tracker` comes to at `at`; `None` when it is not one of the tracker's.
    ///
    /// # Errors
    /// As [`PoolTracker::figures`].
    pub fn of(
        tracker: &PoolTracker,
        campaign: &CampaignId,
        at: UnixSeconds,
    ) -> Option<Result<Self, FiguresError>> {
        let figures = match tracker.figures(campaign, at)? {
            Ok(figures) => figures,
            Err(error) => return Some(Err(error)),
        };
        let mut accounts: BTreeMap<Address, OurAccount> = BTreeMap::new();
        for row in &figures.rows {
            let account = accounts.entry(row.account).or_default();
            account.earned =
                account.earned.checked_add(row.earned).expect("an account earns no more than the budget");
            let (position, via) = (tracker.stake_key(row.stake), tracker.via(row));
            account.parts.push(OurPart { position, via, earned: row.earned });
        }
        Some(Ok(Self { at, emitted: figures.emitted, accounts }))
    }

    /// What an account earned, nothing included.
    pub fn earned(&self, account: Address) -> Amount {
        self.accounts.get(&account).map_or(Amount::ZERO, |account| account.earned)
    }

    /// The sum over all accounts.
    pub fn total(&self) -> Amount {
        let mut accounts = self.accounts.values();
        accounts
            .try_fold(Amount::ZERO, |sum, account| sum.checked_add(account.earned))
            .expect("together they earn no more than the budget")
    }
}
