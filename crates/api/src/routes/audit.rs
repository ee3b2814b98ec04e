//! `GET /v1/audit`: what was done to keys, oldest first, each entry bound to the one before it.

use accrual_access::audit::AuditRow;
use accrual_rewards::unit::UnixSeconds;
use accrual_store::audit;
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::app::Api;
use crate::error::ApiError;
use crate::params::{LIMIT_DEFAULT, Params, limit};
use crate::view::Rfc3339;

/// A page of the audit.
#[derive(Debug, Serialize)]
pub(crate) struct Page {
    data: Vec<Entry>,
    /// What to give as `after` for the next page; null on the last.
    next_after: Option<u64>,
}

#[derive(Debug, Serialize)]
struct Entry {
    seq: u64,
    at: Rfc3339,
    actor: String,
    action: String,
    client_id: Option<String>,
    key_id: Option<String>,
    before: Option<Box<RawValue>>,
    after: Option<Box<RawValue>>,
    reason: String,
    request_id: String,
    prev_hash: String,
    hash: String,
}

pub(crate) async fn list(State(api): State<Api>, mut params: Params) -> Result<Json<Page>, ApiError> {
    let after = params.take("after", |text| text.parse().map_err(|_| "must be an entry's seq".to_owned()));
    let limit = params.take("limit", limit).unwrap_or(LIMIT_DEFAULT);
    let client = params.take("client", |text| Ok(text.to_owned()));
    params.done()?;
    let client = match client {
        Some(name) => Some(api.keys().client(&name).await?.client_id),
        None => None,
    };
    let rows = audit::after(api.db(), after.unwrap_or(0), client.as_deref(), limit).await?;
    let next_after = (rows.len() == limit).then(|| rows.last().map(|row| row.seq)).flatten();
    Ok(Json(Page { data: rows.into_iter().map(Entry::of).collect(), next_after }))
}

impl Entry {
    fn of(row: AuditRow) -> Self {
        Self {
            seq: row.seq,
            at: Rfc3339(UnixSeconds(row.at)),
            actor: row.actor,
            action: row.action,
            client_id: row.client_id,
            key_id: row.key_id,
            before: RawValue::from_string(row.before_json).ok(),
            after: RawValue::from_string(row.after_json).ok(),
            reason: row.reason,
            request_id: row.request_id,
            prev_hash: row.prev_hash,
            hash: row.hash,
        }
    }
}
