//! `GET /health/live`, `GET /health/ready`: for those who restart and route.

use accrual_store::{StoreError, checkpoints};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::Api;
use crate::error::ApiError;
use crate::keys::Freshness;
use crate::params::Params;

/// What a probe reads.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    /// `live`, `ready` or `not_ready`.
    #[schema(example = "ready")]
    status: &'static str,
    /// Why it is not ready; empty when it is.
    reasons: Vec<Reason>,
}

/// Why a server is not ready.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = HealthReason)]
struct Reason {
    /// `database`, `schema`, `not_indexed` or `behind_chain`.
    #[schema(example = "behind_chain")]
    code: &'static str,
    /// The same as a sentence.
    detail: String,
}

/// Whether the process answers
#[utoipa::path(
    get,
    path = "/health/live",
    tag = "health",
    operation_id = "get_liveness",
    responses((status = 200, description = "It does.", body = Health))
)]
pub(crate) async fn live(params: Params) -> Result<Json<Health>, ApiError> {
    params.done()?;
    Ok(Json(Health { status: "live", reasons: Vec::new() }))
}

/// Whether the process has something true to say
///
/// 200, or 503 with every reason why not.
#[utoipa::path(
    get,
    path = "/health/ready",
    tag = "health",
    operation_id = "get_readiness",
    responses(
        (status = 200, description = "It has.", body = Health),
        (status = 503, description = "It has not, or the answer took too long.",
            content((Health = "application/json"), (crate::answer::ProblemBody = "application/problem+json")))
    )
)]
pub(crate) async fn ready(
    State(api): State<Api>,
    params: Params,
) -> Result<(StatusCode, Json<Health>), ApiError> {
    params.done()?;
    let reasons: Vec<Reason> = database(&api).await.into_iter().chain(head(&api)).chain(keys(&api)).collect();
    let (status, name) = if reasons.is_empty() {
        (StatusCode::OK, "ready")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not_ready")
    };
    Ok((status, Json(Health { status: name, reasons })))
}

async fn database(api: &Api) -> Option<Reason> {
    let (code, detail) = match api.db().check_schema().await {
        Err(StoreError::NotMigrated { found, known, .. } | StoreError::NewerSchema { found, known, .. }) => {
            ("schema", format!("the database has schema {found}, this release needs {known}"))
        }
        Ok(()) if checkpoints::all(api.db()).await.is_ok() => return None,
        Ok(()) | Err(_) => ("database", "the database does not answer".to_owned()),
    };
    Some(Reason { code, detail })
}

/// A server that refuses every key should be asked nothing.
fn keys(api: &Api) -> Option<Reason> {
    let refused = api.keys().freshness(api.settings().clock.now_ms()) == Freshness::Refused;
    let detail = || "changes to keys cannot be read, so every key is refused".to_owned();
    refused.then(|| Reason { code: "keys_unconfirmed", detail: detail() })
}

fn head(api: &Api) -> Option<Reason> {
    let state = api.book().state();
    let missing = api.book().pools().iter().find(|info| state.pool(&info.pool.id).is_none());
    if let Some(info) = missing {
        let detail = format!("pool {} has not been indexed up to any block yet", info.pool.id);
        return Some(Reason { code: "not_indexed", detail });
    }
    let newest = state.lowest()?;
    let (age, bound) = (api.settings().clock.now().since(newest.at), api.settings().stale_after_seconds);
    let detail = || format!("block {} is {age} seconds old, {bound} are promised", newest.number);
    (age > bound).then(|| Reason { code: "behind_chain", detail: detail() })
}
