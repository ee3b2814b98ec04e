//! `GET /v1/audit`: what was done to keys, oldest first, each entry bound to the one before it.

use accrual_access::audit::AuditRow;
use accrual_access::key::KeyId;
use accrual_rewards::unit::UnixSeconds;
use accrual_store::audit::{self, Which};
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::app::Api;
use crate::error::ApiError;
use crate::params::{LIMIT_DEFAULT, Params, limit, whole};
use crate::view::Rfc3339;

/// A page of the audit.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AuditPage)]
pub(crate) struct Page {
    /// The entries, oldest first.
    data: Vec<Entry>,
    /// What to give as `after` for the next page; null on the last.
    next_after: Option<u64>,
}

/// One change of a key or client.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AuditEntry)]
struct Entry {
    /// Its place, from 1 on without a gap.
    seq: u64,
    /// When.
    at: Rfc3339,
    /// Who: `cli:<user>`, `key:<id>`, `wallet:<address>` or `accrual` itself.
    actor: String,
    /// What was done.
    action: String,
    /// Whose keys, by the client's id.
    client_id: Option<String>,
    /// Which key.
    key_id: Option<String>,
    /// The row before; null where there was none.
    #[schema(value_type = Option<Object>, example = json!({ "state": "active" }))]
    before: Option<Box<RawValue>>,
    /// The row after; null where there is none.
    #[schema(value_type = Option<Object>, example = json!({ "state": "revoked" }))]
    after: Option<Box<RawValue>>,
    /// What was given as the reason; may be empty.
    reason: String,
    /// The request that asked for it.
    request_id: String,
    /// The hash of the entry before.
    prev_hash: String,
    /// The hash of this entry, which covers the one before.
    hash: String,
}

/// The audit
///
/// What was done to keys, oldest first, each entry bound to the one before it.
#[utoipa::path(
    get,
    path = "/v1/audit",
    tag = "keys",
    operation_id = "list_audit",
    params(
        ("after" = Option<u64>, Query, description = "`next_after` of the page before.", example = 50),
        ("limit" = Option<u32>, Query, description = "The most rows of the page; 50 unless told otherwise.", minimum = 1, maximum = 500),
        ("client" = Option<String>, Query, description = "One client's only, by name or id.", example = "dashboard"),
        ("key_id" = Option<String>, Query, description = "What was done to one key, by its id of 12 letters and digits.", example = "0123456789ab"),
        ("actor" = Option<String>, Query, description = "What one actor did, as the entries name it: of a key, `key:` and its id.", min_length = 1, example = "key:0123456789ab")
    ),
    responses(
        (status = 200, description = "One page.", body = Page),
        (status = 404, description = "not_found: there is no such client or key.")
    )
)]
pub(crate) async fn list(State(api): State<Api>, mut params: Params) -> Result<Json<Page>, ApiError> {
    let after = params.take("after", |text| whole(text).ok_or("must be an entry's seq".to_owned()));
    let limit = params.take("limit", limit).unwrap_or(LIMIT_DEFAULT);
    let client = params.take("client", |text| Ok(text.to_owned()));
    let key = params.take("key_id", |text| {
        text.parse::<KeyId>().map_err(|_| "must be a key's id: 12 letters and digits".to_owned())
    });
    // Nobody is named by nothing: a script whose variable is empty does not mean everybody.
    let named = |text: &str| (!text.is_empty()).then(|| text.to_owned()).ok_or("names nobody".to_owned());
    let actor = params.take("actor", named);
    params.done()?;
    let client = match client {
        Some(name) => Some(api.keys().client(&name).await?.client_id),
        None => None,
    };
    let key = match key {
        Some(id) => Some(api.keys().get(&id).await?.id),
        None => None,
    };
    let which = Which {
        client_id: client.as_deref(),
        key_id: key.as_ref().map(KeyId::as_str),
        actor: actor.as_deref(),
    };
    let rows = audit::after(api.db(), after.unwrap_or(0), which, limit).await?;
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
