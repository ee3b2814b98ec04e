//! `get_api_usage`, `get_status`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::Desk;
use crate::error::ApiError;
use crate::mcp::answer::{Answer, fitting};
use crate::mcp::rest::{Caller, Page, Question, read};
use crate::mcp::views::{PoolReach, Reason, Status, Usage};

/// Nothing.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::mcp) struct NoArgs {}

pub(super) async fn usage(desk: &Desk, NoArgs {}: NoArgs) -> Result<Answer<Usage>, ApiError> {
    if matches!(desk.caller, Caller::Local) {
        let what = "This server reads the database itself, without a key: nothing is counted and nothing is limited.";
        return Err(ApiError::NotFound(what.to_owned()));
    }
    let question = Question::new(["v1", "usage"]).with("by", Some("endpoint"));
    let mut body = desk.rest.get(&desk.caller, question).await?;
    let mut usage: Usage = read(body["data"].take())?;
    usage.rows.truncate(fitting(&usage.rows));
    let month = &usage.month;
    let summary = format!(
        "Plan {}: {} of this month's {} calls are used, {} are left until {}; {} a minute at most.",
        usage.plan.name,
        month.calls,
        month.calls_included,
        month.calls_left,
        month.ends_at,
        usage.plan.calls_per_minute
    );
    Ok(Answer { summary, data: usage, next_cursor: None, meta: None })
}

pub(super) async fn status(desk: &Desk, NoArgs {}: NoArgs) -> Result<Answer<Status>, ApiError> {
    let mut health = desk.rest.get(&desk.caller, Question::new(["health", "ready"])).await?;
    let (status, reasons): (String, Vec<Reason>) =
        (read(health["status"].take())?, read(health["reasons"].take())?);
    let Page { rows: mut pools, meta, .. } =
        desk.rest.all::<PoolReach>(&desk.caller, Question::new(["v1", "pools"])).await?;
    pools.truncate(fitting(&pools));
    let newest = meta.as_of.as_ref().map_or("no block yet".to_owned(), |as_of| {
        format!(
            "block {} of {}, {} seconds ago",
            as_of.block_number,
            as_of.at,
            meta.age_seconds.unwrap_or_default()
        )
    });
    let why: Vec<&str> = reasons.iter().map(|reason| reason.code.as_str()).collect();
    let state = if why.is_empty() {
        "The service is ready".to_owned()
    } else {
        format!("The service is not ready ({})", why.join(", "))
    };
    let summary = format!("{state}. All pools are read up to {newest}.");
    let version = env!("CARGO_PKG_VERSION").to_owned();
    let data = Status { status, reasons, version, pools };
    Ok(Answer { summary, data, next_cursor: None, meta: Some(meta) })
}
