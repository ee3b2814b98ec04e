//! Whole tables as text, for tests that compare two databases row for row.

use std::cmp::Ordering;

use sqlx::{AssertSqlSafe, Row};

use crate::db::on;
use crate::{Db, StoreError, account_days, events, snapshots};

/// The tables that can be shown: name, columns with the key first, and how many of them are the key.
const TABLES: [(&str, &[&str], usize); 48] = [
    (
        "chain",
        &[
            "chain_id",
            "latest_number",
            "latest_hash",
            "latest_at",
            "safe_number",
            "finalized_number",
            "seen_at",
        ],
        1,
    ),
    (
        "pools",
        &[
            "pool_id",
            "chain_id",
            "venue",
            "address",
            "position_manager",
            "created_block",
            "token0",
            "token1",
            "facts",
        ],
        1,
    ),
    ("tokens", &["chain_id", "address", "symbol", "decimals"], 2),
    ("checkpoints", &["pool_id", "block_number", "block_hash", "block_at", "rewinds"], 1),
    ("blocks", &["chain_id", "block_number", "block_hash", "parent_hash", "block_at"], 2),
    ("events", &["pool_id", "block_number", "log_index", "block_at", "kind", "body"], 3),
    ("snapshots", &["pool_id", "fingerprint", "block_number", "part", "state"], 4),
    ("pool_points", &["pool_id", "at", "block_number", "body"], 2),
    ("campaign_points", &["pool_id", "campaign_id", "at", "body"], 3),
    ("account_points", &["campaign_id", "account", "at", "earned_units", "has_stake"], 3),
    ("series", &["pool_id", "fingerprint", "at"], 1),
    ("accounts", &["chain_id", "address", "has_code"], 2),
    (
        "distributors",
        &[
            "chain_id",
            "address",
            "first_block",
            "tokens",
            "block_number",
            "block_hash",
            "block_at",
            "rewinds",
        ],
        1,
    ),
    ("distributor_trees", &["chain_id", "block_number", "log_index", "block_at", "kind", "body"], 3),
    (
        "distributor_claims",
        &["chain_id", "account", "token", "block_number", "log_index", "block_at", "amount_units"],
        5,
    ),
    (
        "verifications",
        &["pool_id", "block_number", "verified_at", "compared", "differences", "first_difference"],
        1,
    ),
    ("workers", &["worker_id", "host", "takes_all", "started_at_ms", "seen_at_ms"], 1),
    ("rolled_up", &["campaign_id", "before_at"], 1),
    ("rolled_up_pools", &["pool_id", "before_at"], 1),
    ("leases", &["name", "worker_id", "token", "since_ms"], 1),
    (
        "nodes",
        &[
            "chain_id",
            "name",
            "standing",
            "reason",
            "head_number",
            "lag_blocks",
            "latency_ms",
            "score",
            "requests_per_second_max",
            "range_blocks_max",
            "batch_max",
            "seen_at",
        ],
        2,
    ),
    (
        "clients",
        &[
            "client_id",
            "name",
            "plan",
            "created_at",
            "spend_cap_microusd",
            "pays_in_tmai",
            "stake_tier",
            "wallet",
            "epoch",
        ],
        1,
    ),
    (
        "api_keys",
        &[
            "id",
            "client_id",
            "env",
            "secret_mac",
            "pepper_version",
            "scopes",
            "created_at",
            "expires_at",
            "state",
            "overlap_ends_at",
            "revoked_at",
            "replaces_id",
            "replaced_by_id",
            "generation",
            "last_used_at",
            "note",
            "allowed_networks",
            "first_used_at",
            "brownout_at",
            "brownout_ends_at",
            "last_used_network",
            "last_used_agent",
            "noticed_percent",
            "epoch",
        ],
        1,
    ),
    (
        "rotations",
        &[
            "rotation_id",
            "client_id",
            "env",
            "old_key_id",
            "new_key_id",
            "kind",
            "stage",
            "created_at",
            "started_at",
            "ends_at",
            "closed_at",
            "auto_finish",
            "quiet_seconds",
            "is_drained",
            "noticed_percent",
            "epoch",
        ],
        1,
    ),
    ("auth_epoch", &["one", "epoch"], 1),
    ("key_changes", &["epoch", "made_at_ms", "everywhere_at_ms"], 1),
    (
        "audit",
        &[
            "seq",
            "at",
            "actor",
            "action",
            "client_id",
            "key_id",
            "before_json",
            "after_json",
            "reason",
            "request_id",
            "prev_hash",
            "hash",
        ],
        1,
    ),
    ("idempotency", &["actor", "idempotency_key", "request_hash", "created_at", "body"], 2),
    ("notices", &["notice_id", "kind", "client_id", "at", "body", "is_fanned_out"], 1),
    ("replicas", &["replica_id", "epoch", "started_at", "seen_at_ms", "usage_batch", "peppers"], 1),
    ("usage_minutes", &["key_id", "at", "calls"], 2),
    ("usage_hours", &["key_id", "at", "endpoint", "status", "client_id", "calls", "counted"], 4),
    ("key_callers", &["key_id", "network", "agent", "endpoint", "first_at", "last_at", "calls"], 4),
    ("auth_failures", &["at", "reason", "key_id", "calls"], 3),
    ("month_quota", &["client_id", "month_at", "reserved", "noticed_percent"], 2),
    ("minute_slots", &["client_id", "replica_id", "slots", "taken_at_ms"], 2),
    (
        "webhooks",
        &[
            "webhook_id",
            "client_id",
            "url",
            "events",
            "state",
            "created_at",
            "secret_generation",
            "pepper_version",
            "previous_ends_at",
            "previous_pepper_version",
            "is_operator",
            "note",
            "version",
        ],
        1,
    ),
    (
        "deliveries",
        &["notice_id", "webhook_id", "state", "attempts", "next_at", "last_at", "last_status", "last_error"],
        2,
    ),
    ("watched", &["subject", "value"], 1),
    ("sign_in_nonces", &["nonce", "issued_at", "used_at"], 1),
    ("sign_in_wallets", &["wallet", "busy_until"], 1),
    ("readings", &["reading_id", "campaign_id", "source", "started_at", "finished_at"], 1),
    ("answers", &["reading_id", "path", "at", "status", "body"], 2),
    (
        "comparisons",
        &[
            "comparison_id",
            "campaign_id",
            "reading_id",
            "source",
            "at",
            "computed_until",
            "expected_units",
            "paid_units",
            "ours_units",
            "difference_units",
            "difference_ppm",
            "tolerance_ppm",
            "is_beyond",
            "body",
            "told_by",
        ],
        1,
    ),
    (
        "comparison_rows",
        &["comparison_id", "place", "account", "amount_units", "difference_units", "reason", "body"],
        2,
    ),
    ("status_clock", &["one", "since_at", "told_to"], 1),
    ("status_hours", &["component", "at", "operational_seconds", "degraded_seconds", "down_seconds"], 2),
    ("status_incidents", &["component", "began_at", "ended_at", "state", "reason"], 2),
];

/// The names of the tables that can be shown.
pub fn names() -> impl Iterator<Item = &'static str> {
    TABLES.iter().map(|(name, ..)| *name)
}

/// Every row of table `name` in the order of its key, each cell as text, `null` for none.
///
/// # Errors
/// [`StoreError::UnknownTable`], or the database's own.
pub async fn table(db: &Db, name: &str) -> Result<Vec<Vec<String>>, StoreError> {
    let Some((name, columns, key_columns)) = TABLES.iter().find(|(known, ..)| *known == name) else {
        let known: Vec<&str> = names().collect();
        return Err(StoreError::UnknownTable { name: name.to_owned(), known: known.join(", ") });
    };
    // Packs and days tell how rows came in, and not what was; a state is no text.
    let packed = match *name {
        "events" => Some(events::cells(db).await?),
        "snapshots" => Some(snapshots::cells(db).await?),
        "account_points" => Some(account_days::cells(db).await?),
        _ => None,
    };
    if let Some(mut rows) = packed {
        rows.sort_by(|a, b| by_key(&a[..*key_columns], &b[..*key_columns]));
        return Ok(rows);
    }
    let cells: Vec<String> = columns.iter().map(|column| as_text(column)).collect();
    // Safe: every word comes from the list above.
    let text = format!("select {} from {name}", cells.join(", "));
    let mut rows: Vec<Vec<String>> = on!(db, pool => {
        let rows = sqlx::query(AssertSqlSafe(text)).fetch_all(pool).await;
        rows.and_then(|rows| rows.iter().map(|row| (0..columns.len()).map(|i| row.try_get(i)).collect()).collect())
    })?;
    // Here and not in SQL: servers sort text by the rules of a language, each by its own.
    rows.sort_by(|a, b| by_key(&a[..*key_columns], &b[..*key_columns]));
    Ok(rows)
}

/// Each engine has its own text for what is true or false.
fn as_text(column: &str) -> String {
    if column.starts_with("has_") {
        return format!("case when {column} then 'true' else 'false' end");
    }
    format!("coalesce(cast({column} as text), 'null')")
}

/// Cell by cell; numbers by value, texts by their bytes.
fn by_key(a: &[String], b: &[String]) -> Ordering {
    let cell = |text: &String| (text.parse::<i64>().ok(), text.clone());
    a.iter().map(cell).cmp(b.iter().map(cell))
}
