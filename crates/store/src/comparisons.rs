//! Tables `comparisons` and `comparison_rows`: our figures against Merkl's, each comparison with its history.

use std::collections::BTreeMap;

use accrual_rewards::id::CampaignId;
use accrual_rewards::reconcile::schedule::Seen;
use accrual_rewards::reconcile::{AccountRow, Bound, Comparison, Teller, TheirAccount};
use accrual_rewards::unit::{Amount, UnixSeconds};
use alloy_primitives::Address;

use crate::bulk::Bulk;
use crate::cell::{Row, bigint, bound};
use crate::db::{on, within};
use crate::{Db, StoreError};

/// A comparison and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Its name.
    pub comparison_id: String,
    /// The campaign.
    pub campaign: CampaignId,
    /// The reading that it was made from; `None` for files.
    pub reading_id: Option<String>,
    /// Where their figures came from.
    pub source: String,
    /// Who told them; `None` of a comparison from before that was kept.
    pub told_by: Option<Teller>,
    /// When it was made.
    pub at: UnixSeconds,
    /// What came of it. In lists, and where they are asked for apart, its rows are left out.
    pub comparison: Comparison,
}

const INSERT: &str = "
    insert into comparisons (comparison_id, campaign_id, reading_id, source, at, computed_until, expected_units,
        paid_units, ours_units, difference_units, difference_ppm, tolerance_ppm, is_beyond, body, told_by)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)";

static INSERT_ROWS: Bulk = Bulk::new(
    "insert into comparison_rows (comparison_id, place, account, amount_units, difference_units, reason, body) values",
    7,
    "",
);

/// Keeps a comparison with all its rows.
///
/// # Errors
/// The database's own, also when there is one of that name.
pub async fn keep(db: &Db, kept: &Kept) -> Result<(), StoreError> {
    let Comparison { money, fits, .. } = &kept.comparison;
    let best = fits.first();
    let (at, computed_until) =
        (bigint("time", kept.at.0)?, bigint("time", kept.comparison.computed_until.0)?);
    let head = Comparison { rows: Vec::new(), ..kept.comparison.clone() };
    let body = serde_json::to_string(&head).expect("a comparison is made of texts and numbers");
    let mut tx = db.begin().await?;
    within!(&mut tx, conn => sqlx::query(INSERT)
        .bind(kept.comparison_id.as_str())
        .bind(kept.campaign.as_str())
        .bind(kept.reading_id.as_deref())
        .bind(kept.source.as_str())
        .bind(at)
        .bind(computed_until)
        .bind(money.expected.to_string())
        .bind(money.paid.to_string())
        .bind(money.ours.to_string())
        .bind(best.map_or(Amount::ZERO, |fit| fit.difference).to_string())
        .bind(bound(best.map_or(0, |fit| fit.difference_ppm)))
        .bind(bound(kept.comparison.tolerance_ppm))
        .bind(kept.comparison.is_beyond)
        .bind(body.as_str())
        .bind(kept.told_by.map(Teller::as_str))
        .execute(conn).await.map(|_| ()))?;
    let rows: Vec<(i64, &AccountRow)> = (0..).zip(&kept.comparison.rows).collect();
    for (text, rows) in INSERT_ROWS.statements(db.engine(), &rows) {
        within!(&mut tx, conn => {
            let mut query = sqlx::query(text);
            for (place, row) in rows {
                let amount = row.theirs.as_ref().map_or(Amount::ZERO, |theirs| theirs.amount);
                let body = serde_json::to_string(row).expect("a row is made of texts and numbers");
                query = query
                    .bind(kept.comparison_id.as_str())
                    .bind(*place)
                    .bind(format!("{:#x}", row.account))
                    .bind(amount.to_string())
                    .bind(row.difference.to_string())
                    .bind(row.reason.map(accrual_rewards::reconcile::Reason::as_str))
                    .bind(body);
            }
            query.execute(conn).await.map(|_| ())
        })?;
    }
    tx.commit().await
}

type Cells = (String, String, Option<String>, String, Option<String>, i64, String);

const LIST: &str = "
    select comparison_id, campaign_id, reading_id, source, told_by, at, body from comparisons
    where campaign_id = $1 and at <= $2 order by at desc, comparison_id desc limit $3";

/// The newest comparisons of a campaign up to `until`, the newest first, `limit` at most, without their rows.
///
/// # Errors
/// [`StoreError::Damaged`], or the database's own.
pub async fn list(
    db: &Db,
    campaign: &CampaignId,
    until: UnixSeconds,
    limit: u32,
) -> Result<Vec<Kept>, StoreError> {
    let rows: Vec<Cells> = on!(db, pool => sqlx::query_as(LIST)
        .bind(campaign.as_str()).bind(bound(until.0)).bind(i64::from(limit)).fetch_all(pool).await)?;
    rows.into_iter().map(|cells| kept(db, cells)).collect()
}

const OF_MERKL: &str = "
    select comparison_id, campaign_id, reading_id, source, told_by, at, body from comparisons
    where campaign_id = $1 and told_by in ('merkl', 'file')
    order by computed_until desc, at desc, comparison_id desc limit 1";

/// The comparison of a campaign that is as of the latest instant of all in which Merkl itself told the other side, without its
/// rows: the newest of what Merkl credited that is known here.
///
/// # Errors
/// [`StoreError::Damaged`], or the database's own.
pub async fn newest_of_merkl(db: &Db, campaign: &CampaignId) -> Result<Option<Kept>, StoreError> {
    let row: Option<Cells> = on!(db, pool => sqlx::query_as(OF_MERKL)
        .bind(campaign.as_str()).fetch_optional(pool).await)?;
    row.map(|cells| kept(db, cells)).transpose()
}

const ROWS: &str = "
    select place, body from comparison_rows where comparison_id = $1 and place >= $2 order by place limit $3";

/// Rows of a comparison from the place `from` on, the largest difference first.
///
/// # Errors
/// [`StoreError::Damaged`], or the database's own.
pub async fn rows(
    db: &Db,
    comparison_id: &str,
    from: u64,
    limit: u32,
) -> Result<Vec<AccountRow>, StoreError> {
    let rows: Vec<(i64, String)> = on!(db, pool => sqlx::query_as(ROWS)
        .bind(comparison_id).bind(bound(from)).bind(i64::from(limit)).fetch_all(pool).await)?;
    rows.into_iter().map(|(_, body)| parsed(db, "comparison_rows", comparison_id, &body)).collect()
}

const ROW: &str = "select body from comparison_rows where comparison_id = $1 and account = $2";

/// One account's row of a comparison.
///
/// # Errors
/// [`StoreError::Damaged`], or the database's own.
pub async fn row(db: &Db, comparison_id: &str, account: Address) -> Result<Option<AccountRow>, StoreError> {
    let body: Option<String> = on!(db, pool => sqlx::query_scalar(ROW)
        .bind(comparison_id).bind(format!("{account:#x}")).fetch_optional(pool).await)?;
    body.map(|body| parsed(db, "comparison_rows", comparison_id, &body)).transpose()
}

/// Accounts asked about in one statement.
const ASKED: usize = 100;

/// What the other side said of each of `accounts` in a comparison; those that it did not name are left out.
///
/// # Errors
/// [`StoreError::Damaged`], or the database's own.
pub async fn theirs(
    db: &Db,
    comparison_id: &str,
    accounts: &[Address],
) -> Result<BTreeMap<Address, TheirAccount>, StoreError> {
    let mut told = BTreeMap::new();
    for some in accounts.chunks(ASKED) {
        let parameters: Vec<String> = (2..some.len() + 2).map(|number| format!("${number}")).collect();
        let text = format!(
            "select body from comparison_rows where comparison_id = $1 and account in ({})",
            parameters.join(", ")
        );
        // Safe: made of constants and numbers alone.
        let bodies: Vec<String> = on!(db, pool => {
            let mut query = sqlx::query_scalar(sqlx::AssertSqlSafe(text)).bind(comparison_id);
            for account in some {
                query = query.bind(format!("{account:#x}"));
            }
            query.fetch_all(pool).await
        })?;
        for body in bodies {
            let row: AccountRow = parsed(db, "comparison_rows", comparison_id, &body)?;
            told.extend(row.theirs.map(|theirs| (row.account, theirs)));
        }
    }
    Ok(told)
}

const SEEN: &str = "
    select at, computed_until, paid_units from comparisons where campaign_id = $1 and source = $2 order by at";

/// What was paid in all at each instant up to which a source had computed, as far as it was compared, the oldest first.
///
/// # Errors
/// [`StoreError::Damaged`], or the database's own.
pub async fn seen(db: &Db, campaign: &CampaignId, source: &str) -> Result<Vec<Seen>, StoreError> {
    let rows: Vec<(i64, i64, String)> = on!(db, pool => sqlx::query_as(SEEN)
        .bind(campaign.as_str()).bind(source).fetch_all(pool).await)?;
    let seen = |(_, until, paid): (i64, i64, String)| {
        let row = Row { db, table: "comparisons", key: campaign };
        Ok(Seen {
            until: UnixSeconds(row.number("computed_until", until)?),
            paid: row.text("paid_units", &paid)?,
        })
    };
    rows.into_iter().map(seen).collect()
}

const BOUNDS: &str = "
    select comparison_id, computed_until from comparisons
    where campaign_id = $1 and source = $2 and computed_until < $3
    order by computed_until desc, at desc, comparison_id desc limit $4";

/// What each account had been credited, roots and pending together, at the newest instants before `before` as of which a
/// source was compared, `limit` of them at most, the oldest first; of several comparisons as of one instant the newest counts.
///
/// # Errors
/// [`StoreError::Damaged`], or the database's own.
pub async fn bounds(
    db: &Db,
    campaign: &CampaignId,
    source: &str,
    before: UnixSeconds,
    limit: u32,
) -> Result<Vec<Bound>, StoreError> {
    // Several comparisons may be as of one instant, so that more are looked at than are given.
    let looked_at = limit.saturating_mul(4);
    let heads: Vec<(String, i64)> = on!(db, pool => sqlx::query_as(BOUNDS)
        .bind(campaign.as_str()).bind(source).bind(bound(before.0)).bind(i64::from(looked_at))
        .fetch_all(pool).await)?;
    let mut bounds: Vec<Bound> = Vec::new();
    for (comparison_id, until) in heads {
        let row = Row { db, table: "comparisons", key: &comparison_id };
        let until = UnixSeconds(row.number("computed_until", until)?);
        if bounds.last().is_some_and(|last| last.until == until) {
            continue;
        }
        if u32::try_from(bounds.len()).is_ok_and(|count| count == limit) {
            break;
        }
        let rows = rows(db, &comparison_id, 0, u32::MAX).await?;
        let credited = rows.into_iter().filter_map(|row| Some((row.account, row.theirs?.computed)));
        bounds.push(Bound { until, accounts: credited.collect() });
    }
    bounds.reverse();
    Ok(bounds)
}

const AMOUNTS: &str = "
    select account, amount_units from comparison_rows where amount_units <> '0' and comparison_id = (
        select comparison_id from comparisons where campaign_id = $1 and source = $2 and computed_until <= $3
        order by computed_until desc, at desc, comparison_id desc limit 1)";

/// What each account had in the root at the newest comparison with a source as of `until` or before.
///
/// # Errors
/// [`StoreError::Damaged`], or the database's own.
pub async fn amounts(
    db: &Db,
    campaign: &CampaignId,
    source: &str,
    until: UnixSeconds,
) -> Result<BTreeMap<Address, Amount>, StoreError> {
    let rows: Vec<(String, String)> = on!(db, pool => sqlx::query_as(AMOUNTS)
        .bind(campaign.as_str()).bind(source).bind(bound(until.0)).fetch_all(pool).await)?;
    let amount = |(account, amount): (String, String)| {
        let row = Row { db, table: "comparison_rows", key: &account };
        Ok((row.text("account", &account)?, row.text("amount_units", &amount)?))
    };
    rows.into_iter().map(amount).collect()
}

fn kept(
    db: &Db,
    (comparison_id, campaign, reading_id, source, told_by, at, body): Cells,
) -> Result<Kept, StoreError> {
    let row = Row { db, table: "comparisons", key: &comparison_id };
    let at = UnixSeconds(row.number("at", at)?);
    let campaign = row.text("campaign_id", &campaign)?;
    let told_by = told_by.map(|text| row.text("told_by", &text)).transpose()?;
    let comparison = parsed(db, "comparisons", &comparison_id, &body)?;
    Ok(Kept { campaign, reading_id, source, told_by, at, comparison, comparison_id })
}

fn parsed<T: serde::de::DeserializeOwned>(
    db: &Db,
    table: &'static str,
    key: &str,
    body: &str,
) -> Result<T, StoreError> {
    let row = Row { db, table, key };
    serde_json::from_str(body).map_err(|error| row.damaged(format!("body is no comparison ({error})")))
}
