//! `list_campaigns`, `get_campaign`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Desk;
use crate::error::ApiError;
use crate::mcp::answer::{Answer, ROWS_DEFAULT, ROWS_MAX, fitting, page, percent, whole};
use crate::mcp::args::{Limit, Status, Window};
use crate::mcp::rest::{Page, Question};
use crate::mcp::views::{Campaign, CampaignRow, Earner, Meta};

/// How often a campaign and its earners are asked for when a block comes between.
const TRIES: usize = 4;
const EARNERS_DEFAULT: usize = 5;

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(in crate::mcp) struct ListArgs {
    /// Only campaigns of this status.
    status: Option<Status>,
    /// Only campaigns of this pool, by its id.
    pool: Option<String>,
    /// Rows of a page, 20 by default.
    limit: Option<Limit>,
    /// next_cursor of the page before, with all else as before.
    cursor: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::mcp) struct OneArgs {
    /// The campaign's id, as list_campaigns tells it.
    campaign: String,
    /// How long back fees are counted, 24h by default.
    #[serde(default)]
    window: Option<Window>,
    /// How many of those that earned most to list, 5 by default.
    #[serde(default)]
    earners: Option<Limit>,
    /// next_cursor of the page before: goes on with the earners.
    #[serde(default)]
    cursor: Option<String>,
}

/// A campaign and those that earned most.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(in crate::mcp) struct Described {
    campaign: Campaign,
    /// Largest first; empty where it is not known who earned what (see the campaign's sums_reason).
    earners: Vec<Earner>,
}

pub(super) async fn list(desk: &Desk, args: ListArgs) -> Result<Answer<Vec<CampaignRow>>, ApiError> {
    let Page { mut rows, meta, .. } =
        desk.rest.all::<CampaignRow>(&desk.caller, Question::new(["v1", "campaigns"])).await?;
    rows.retain(|row| {
        args.status.is_none_or(|status| status.as_str() == row.status)
            && args.pool.as_ref().is_none_or(|pool| *pool == row.pool)
    });
    let (all, running) = (rows.len(), rows.iter().filter(|row| row.status == "running").count());
    let list = format!("campaigns/{:?}/{:?}", args.status, args.pool);
    let pepper = desk.api.settings().peppers.current();
    let limit = Limit::or(args.limit, ROWS_DEFAULT);
    let (data, next_cursor) = page(rows, &list, limit, args.cursor.as_deref(), pepper)?;
    let summary = format!("{all} campaigns, {running} of them running; {} are listed here.", data.len());
    Ok(Answer { summary, data, next_cursor, meta: Some(meta) })
}

pub(super) async fn one(desk: &Desk, args: OneArgs) -> Result<Answer<Described>, ApiError> {
    let mut earners = Limit::or(args.earners, EARNERS_DEFAULT).min(ROWS_MAX);
    // A page of earners is pinned to its first page's block: its campaign is told as it stands now.
    let mut tries = if args.cursor.is_some() { 1 } else { TRIES };
    loop {
        let (campaign, meta): (Campaign, Meta) = desk.rest.one(&desk.caller, campaign(&args)).await?;
        let page = match desk.rest.list(&desk.caller, accruals(&args, earners)).await {
            Ok(page) => page,
            Err(ApiError::FiguresUnknown(_)) => {
                Page { rows: Vec::new(), meta: meta.clone(), next_cursor: None }
            }
            Err(error) => return Err(error),
        };
        let fit = fitting(&page.rows);
        if fit < page.rows.len() {
            earners = fit;
            continue;
        }
        tries -= 1;
        if meta.as_of != page.meta.as_of && tries > 0 {
            continue;
        }
        let summary = summary(&campaign);
        let Page { rows, next_cursor, .. } = page;
        return Ok(Answer {
            summary,
            data: Described { campaign, earners: rows },
            next_cursor,
            meta: Some(meta),
        });
    }
}

fn campaign(args: &OneArgs) -> Question {
    Question::new(["v1", "campaigns", &args.campaign]).with("window", args.window)
}

fn accruals(args: &OneArgs, limit: usize) -> Question {
    Question::new(["v1", "campaigns", &args.campaign, "accruals"])
        .with("limit", Some(limit))
        .with("cursor", args.cursor.as_ref())
}

fn summary(campaign: &Campaign) -> String {
    let Campaign { id, status, reward_token, starts_at, ends_at, apr, .. } = campaign;
    let tokens = |units: &str| whole(units, reward_token.decimals);
    let earned = match (&campaign.earned_units, campaign.accounts_count) {
        (Some(units), Some(accounts)) => format!("{accounts} accounts earned {} of it so far", tokens(units)),
        _ => format!(
            "what was earned is unknown ({})",
            campaign.sums_reason.as_deref().unwrap_or("no reason told")
        ),
    };
    format!(
        "Campaign {id} is {status} ({starts_at} to {ends_at}). It hands out {} of the token {}; {earned}. Its yearly rate \
         on eligible positions: {}{}.",
        tokens(&campaign.budget_units),
        reward_token.address,
        percent(apr.reward_percent.as_deref(), apr.reason.as_deref()),
        if apr.estimate { ", an estimate in its first 24 hours" } else { "" },
    )
}
