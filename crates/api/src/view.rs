//! The JSON that callers see. The CLI's `report --format json` uses the same shapes.
//!
//! Amounts are decimal strings of smallest units, addresses EIP-55, times RFC 3339 in UTC; what is not known is null.

use std::collections::BTreeSet;
use std::fmt;

use accrual_rewards::accrue::{Earned, Figures};
use accrual_rewards::campaign::Campaign;
use accrual_rewards::checksum::Checksummed;
use accrual_rewards::report::{AccountEarned, by_account, share_ppm};
use accrual_rewards::tracker::{Pool, PoolTracker};
use accrual_rewards::unit::{Amount, BlockNumber, UnixSeconds};
use alloy_primitives::{Address, B256};
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

/// An address as EIP-55 writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Eip55(pub Address);

/// An instant as RFC 3339 writes it, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rfc3339(pub UnixSeconds);

/// The block at which an answer is true.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct AsOf {
    /// The chain's id (EIP-155).
    pub chain_id: u64,
    /// The block's number.
    pub block_number: BlockNumber,
    /// The block's hash; null for a block between two stored ones.
    pub block_hash: Option<B256>,
    /// The block's time.
    pub at: Rfc3339,
}

/// How sure the chain is of a block: `latest` may still be replaced, `safe` has its data on the layer below, `finalized`
/// stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Finality {
    /// It may still be replaced.
    Latest,
    /// Its data is on the layer below.
    Safe,
    /// It stays.
    Finalized,
}

/// What goes with every answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Meta {
    /// The block at which the answer is true: the lowest, when it speaks of several pools; null before the first.
    pub as_of: Option<AsOf>,
    /// How sure the chain is of that block; null before the first.
    pub finality: Option<Finality>,
    /// Seconds between that block's time and now; null before the first.
    pub age_seconds: Option<u64>,
    /// Whether our newest block is older than promised.
    pub stale: bool,
    /// Where the data comes from: always `chain`, that is the chain's own events.
    pub source: &'static str,
    /// What to give as `cursor` for the next page; null on the last.
    pub next_cursor: Option<String>,
    /// What the operator wants every reader to know, e.g. that all data is a rehearsal's; absent where there is nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub notice: Option<String>,
}

/// A list.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct List<T> {
    /// The rows.
    pub data: Vec<T>,
    /// What is true of all rows: the block, its age, the next page.
    pub meta: Meta,
}

/// One thing: its own fields, with `meta` beside them.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct One<T> {
    /// The thing.
    #[serde(flatten)]
    pub data: T,
    /// What is true of all fields: the block and its age.
    pub meta: Meta,
}

/// A campaign's figures at a block: `accrual report --format json`.
#[derive(Debug, Clone, Serialize)]
pub struct ReportView {
    /// The campaign.
    pub campaign: String,
    /// How an interval's emission is split.
    pub scoring: &'static str,
    /// The block.
    pub as_of: ReportAsOf,
    /// The campaign's sums.
    #[serde(flatten)]
    pub sums: SumsView,
    /// What was announced of it, held against itself; told only where something was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub announced: Option<crate::announced::AnnouncedView>,
    /// Who earned what, largest first.
    pub data: Vec<EarnedRow>,
    /// What the operator wants every reader to know, e.g. that all data is a rehearsal's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notice: Option<String>,
}

/// [`AsOf`] with its finality inside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReportAsOf {
    /// The block.
    #[serde(flatten)]
    pub as_of: AsOf,
    /// How sure the chain is of it.
    pub finality: Finality,
}

/// The four sums: `earned + undistributed == emitted`, to the unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct SumsView {
    /// What is handed out in all.
    pub budget_units: Amount,
    /// What time has set free so far.
    pub emitted_units: Amount,
    /// What accounts earned of it.
    pub earned_units: Amount,
    /// What nobody earned.
    pub undistributed_units: Amount,
}

/// What a row stands for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum By {
    /// An account, with its positions inside.
    #[default]
    Account,
    /// A position of an account.
    Position,
}

/// One row of who earned what: an account with its positions inside, or with `by=position` a position.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(untagged)]
pub enum EarnedRow {
    /// With [`By::Account`].
    Account(AccountView),
    /// With [`By::Position`].
    Position(PositionRow),
}

/// What one account earned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct AccountView {
    /// The account behind all wrappers.
    pub account: Eip55,
    /// What it earned: the sum over its positions.
    pub earned_units: Amount,
    /// Its part of all that was earned, in millionths, rounded down.
    pub share_ppm: u32,
    /// Position by position, largest first.
    pub positions: Vec<PositionEarned>,
    /// `contract`: there is code at the account and no wrapper is known there, so it may well hold for others; absent
    /// where there is no flag.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<&'static str>,
    /// Whether it is flagged as a `contract`, so that a wrapper was probably missed; told only where it is so.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub probable_miss: bool,
}

/// What one position earned for an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PositionEarned {
    /// The position's key: venue, pool, and who or what holds it.
    pub position: String,
    /// What it earned for the account.
    pub earned_units: Amount,
    /// The wrappers between the position and the account, outermost first.
    pub via: Vec<Eip55>,
}

/// [`PositionEarned`] as a row of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PositionRow {
    /// Whom it earned for.
    pub account: Eip55,
    /// The position and what it earned.
    #[serde(flatten)]
    pub earned: PositionEarned,
    /// Its part of all that was earned, in millionths, rounded down.
    pub share_ppm: u32,
    /// `contract`: there is code at the account and no wrapper is known there, so it may well hold for others; absent
    /// where there is no flag.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<&'static str>,
    /// Whether it is flagged as a `contract`, so that a wrapper was probably missed; told only where it is so.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub probable_miss: bool,
}

impl ReportView {
    /// The report of `campaign`, one of `tracker`'s, from its `figures` at the block of `as_of`.
    pub fn new(
        tracker: &PoolTracker,
        campaign: &Campaign,
        figures: &Figures,
        as_of: ReportAsOf,
        by: By,
    ) -> Self {
        Self {
            campaign: campaign.id.to_string(),
            scoring: campaign.scoring.as_str(),
            as_of,
            sums: SumsView::of(figures),
            announced: None,
            data: earned_rows(tracker, figures, by),
            notice: None,
        }
    }
}

impl By {
    /// Its name in queries.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Position => "position",
        }
    }

    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let found = [Self::Account, Self::Position].into_iter().find(|by| by.as_str() == text);
        found.ok_or_else(|| "must be account or position".to_owned())
    }
}

impl SumsView {
    /// The sums of `figures`.
    pub fn of(figures: &Figures) -> Self {
        Self {
            budget_units: figures.budget,
            emitted_units: figures.emitted,
            earned_units: figures.earned,
            undistributed_units: figures.undistributed.total,
        }
    }
}

/// The rows of `figures`, largest first; equal ones by account, then position.
pub fn earned_rows(tracker: &PoolTracker, figures: &Figures, by: By) -> Vec<EarnedRow> {
    match by {
        By::Account => by_account(figures).iter().map(|row| EarnedRow::account(tracker, row)).collect(),
        By::Position => {
            by_position(figures).iter().map(|row| EarnedRow::position(tracker, row, figures.earned)).collect()
        }
    }
}

/// The figures by position, largest first; equal ones by account, then position.
pub fn by_position(figures: &Figures) -> Vec<Earned> {
    let mut rows = figures.rows.clone();
    let order = |row: &Earned| (std::cmp::Reverse(row.earned), row.account, row.stake, row.through);
    rows.sort_unstable_by_key(order);
    rows
}

impl EarnedRow {
    /// One account's row.
    pub fn account(tracker: &PoolTracker, row: &AccountEarned) -> Self {
        Self::Account(AccountView::of(tracker, row))
    }

    /// One position's row; `whole` is what all earned.
    pub fn position(tracker: &PoolTracker, row: &Earned, whole: Amount) -> Self {
        Self::Position(PositionRow::of(tracker, row, whole))
    }
}

impl AccountView {
    /// One account's row.
    pub fn of(tracker: &PoolTracker, row: &AccountEarned) -> Self {
        Self {
            account: Eip55(row.account),
            earned_units: row.earned,
            share_ppm: row.share_ppm,
            positions: row.positions.iter().map(|earned| PositionEarned::of(tracker, earned)).collect(),
            flags: Vec::new(),
            probable_miss: false,
        }
    }
}

impl EarnedRow {
    /// Flags the row when its account is one of `contracts` and no wrapper of `pool`.
    pub fn flag(&mut self, pool: &Pool, contracts: &BTreeSet<Address>) {
        let (account, flags, probable_miss) = match self {
            Self::Account(row) => (row.account.0, &mut row.flags, &mut row.probable_miss),
            Self::Position(row) => (row.account.0, &mut row.flags, &mut row.probable_miss),
        };
        let is_known = pool.wrappers.iter().any(|one| one.address == account || one.holder == account);
        if contracts.contains(&account) && !is_known {
            flags.push("contract");
            *probable_miss = true;
        }
    }
}

impl PositionEarned {
    fn of(tracker: &PoolTracker, earned: &Earned) -> Self {
        Self {
            position: tracker.stake_key(earned.stake).to_string(),
            earned_units: earned.earned,
            via: tracker.via(earned).into_iter().map(Eip55).collect(),
        }
    }
}

impl PositionRow {
    fn of(tracker: &PoolTracker, earned: &Earned, whole: Amount) -> Self {
        Self {
            account: Eip55(earned.account),
            earned: PositionEarned::of(tracker, earned),
            share_ppm: share_ppm(earned.earned, whole),
            flags: Vec::new(),
            probable_miss: false,
        }
    }
}

impl fmt::Display for Eip55 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Checksummed(self.0).fmt(f)
    }
}

impl fmt::Display for Rfc3339 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let instant =
            i64::try_from(self.0.0).ok().and_then(|second| jiff::Timestamp::from_second(second).ok());
        instant.unwrap_or(jiff::Timestamp::MAX).fmt(f)
    }
}

impl Serialize for Eip55 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Serialize for Rfc3339 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
