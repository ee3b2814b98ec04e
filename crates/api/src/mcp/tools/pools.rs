//! `list_pools`, `compare_pools`, `get_pool_history`, `explain_apr`.

use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::Deserialize;

use super::Desk;
use crate::error::ApiError;
use crate::mcp::answer::{Answer, ROWS_DEFAULT, fitting, page, percent, wrong};
use crate::mcp::args::{Interval, Limit, Window};
use crate::mcp::rest::{Page, Question};
use crate::mcp::views::{AprExplained, Campaign, CampaignPart, Meta, Pool, PoolHour, PoolRow};

/// The most pools that are compared at once.
const COMPARED_MAX: usize = 10;

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(in crate::mcp) struct ListArgs {
    /// Rows of a page, 20 by default.
    limit: Option<Limit>,
    /// next_cursor of the page before, with all else as before.
    cursor: Option<String>,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(in crate::mcp) struct CompareArgs {
    /// Ids of pools, as list_pools tells them, 10 at most. All pools by default, if there are no more than 10.
    #[schemars(length(max = 10))]
    pools: Vec<String>,
    /// How long back fees are counted, 24h by default.
    window: Option<Window>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::mcp) struct HistoryArgs {
    /// The pool's id, as list_pools tells it.
    pool: String,
    /// Time from row to row, 1d by default.
    #[serde(default)]
    interval: Option<Interval>,
    /// The first instant, RFC 3339, e.g. 2025-06-06T00:00:00Z.
    #[serde(default)]
    from: Option<String>,
    /// The last instant, RFC 3339.
    #[serde(default)]
    to: Option<String>,
    /// Rows of a page, 20 by default.
    #[serde(default)]
    limit: Option<Limit>,
    /// next_cursor of the page before, with all else as before.
    #[serde(default)]
    cursor: Option<String>,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(in crate::mcp) struct ExplainArgs {
    /// The pool's id: its rate with the parts of all its campaigns.
    pool: Option<String>,
    /// A campaign's id instead: the rate of its pool with this campaign's part.
    campaign: Option<String>,
    /// How long back fees are counted, 24h by default.
    window: Option<Window>,
}

pub(super) async fn list(desk: &Desk, args: ListArgs) -> Result<Answer<Vec<PoolRow>>, ApiError> {
    let Page { rows, meta, .. } = desk.rest.all(&desk.caller, Question::new(["v1", "pools"])).await?;
    let all = rows.len();
    let pepper = desk.api.settings().peppers.current();
    let limit = Limit::or(args.limit, ROWS_DEFAULT);
    let (data, next_cursor) = page(rows, "pools", limit, args.cursor.as_deref(), pepper)?;
    let summary = format!("{all} pools; {} are listed here.", data.len());
    Ok(Answer { summary, data, next_cursor, meta: Some(meta) })
}

pub(super) async fn compare(desk: &Desk, args: CompareArgs) -> Result<Answer<Vec<Pool>>, ApiError> {
    let known = desk.api.book().pools();
    let ids: Vec<String> = match args.pools.len() {
        0 => known.iter().map(|info| info.pool.id.to_string()).collect(),
        _ => args.pools,
    };
    if ids.len() > COMPARED_MAX {
        let detail =
            format!("would be {}: name {COMPARED_MAX} at most, of those that list_pools tells", ids.len());
        return Err(wrong("pools", detail));
    }
    let (mut data, mut oldest) = (Vec::new(), None::<Meta>);
    for id in &ids {
        let (pool, meta) = one(desk, id, args.window).await?;
        let block = |meta: &Meta| meta.as_of.as_ref().map(|as_of| as_of.block_number);
        oldest = Some(oldest.filter(|oldest| block(oldest) <= block(&meta)).unwrap_or(meta));
        data.push(pool);
    }
    let summary = best(&data);
    Ok(Answer { summary, data, next_cursor: None, meta: oldest })
}

/// Which pool pays most, as far as it is known.
fn best(pools: &[Pool]) -> String {
    let total = |pool: &Pool| pool.apr.as_ref()?.total_percent.as_ref()?.parse::<Decimal>().ok();
    let known: Vec<(&str, Decimal)> =
        pools.iter().filter_map(|pool| Some((pool.row.id.as_str(), total(pool)?))).collect();
    let unknown = pools.len() - known.len();
    let count = pools.len();
    match known.iter().max_by_key(|(_, percent)| *percent) {
        Some((id, percent)) => format!(
            "Of {count} pools {id} pays most: {percent} % a year from trades and campaigns together. The whole rate of \
             {unknown} is not known."
        ),
        None => format!(
            "{count} pools; the whole rate of none is known: their base_reason and reward_reason say why."
        ),
    }
}

pub(super) async fn history(desk: &Desk, args: HistoryArgs) -> Result<Answer<Vec<PoolHour>>, ApiError> {
    let interval = args.interval.unwrap_or(Interval::Day);
    let mut limit = Limit::or(args.limit, ROWS_DEFAULT);
    loop {
        let question = Question::new(["v1", "pools", &args.pool, "history"])
            .with("interval", Some(interval))
            .with("from", args.from.as_ref())
            .with("to", args.to.as_ref())
            .with("limit", Some(limit))
            .with("cursor", args.cursor.as_ref());
        let page: Page<PoolHour> = desk.rest.list(&desk.caller, question).await?;
        let fit = fitting(&page.rows);
        if fit < page.rows.len() {
            limit = fit;
            continue;
        }
        let ends = page.rows.first().zip(page.rows.last());
        let span =
            ends.map_or("no row there".to_owned(), |(first, last)| format!("{} to {}", first.at, last.at));
        let more = if page.next_cursor.is_some() { "; there are more" } else { "" };
        let summary = format!("Pool {}, a row for each {interval}: {span}{more}.", args.pool);
        let Page { rows, meta, next_cursor } = page;
        return Ok(Answer { summary, data: rows, next_cursor, meta: Some(meta) });
    }
}

pub(super) async fn explain(desk: &Desk, args: ExplainArgs) -> Result<Answer<AprExplained>, ApiError> {
    let campaigns = desk.api.book().campaigns();
    let (pool, only) = match (args.pool, args.campaign) {
        (Some(pool), None) => (pool, None),
        (None, Some(id)) => {
            let found = campaigns.iter().find(|campaign| campaign.id.as_str() == id);
            let found = found.ok_or_else(|| ApiError::no_such("campaign", &id))?;
            (found.pool.to_string(), Some(id))
        }
        _ => return Err(wrong("pool", "or campaign is needed, and one of them only")),
    };
    let (told, meta) = one(desk, &pool, args.window).await?;
    let mut parts: Vec<CampaignPart> = Vec::new();
    let asked = |id: &str| only.as_ref().is_none_or(|only| only == id);
    for campaign in
        campaigns.iter().filter(|one| one.pool.as_str() == pool && asked(one.id.as_str())).take(ROWS_DEFAULT)
    {
        let question = Question::new(["v1", "campaigns", campaign.id.as_str()]).with("window", args.window);
        let (campaign, _): (Campaign, Meta) = desk.rest.one(&desk.caller, question).await?;
        parts.push(part(campaign));
    }
    // Of very many campaigns those that the list names first.
    parts.truncate(fitting(&parts));
    let PoolRow { id: pool, tvl_usd, tvl_in_range_usd, tvl_reason, .. } = told.row;
    let explained =
        AprExplained { pool, tvl_usd, tvl_in_range_usd, tvl_reason, apr: told.apr, campaigns: parts };
    Ok(Answer { summary: sentence(&explained), data: explained, next_cursor: None, meta: Some(meta) })
}

fn part(campaign: Campaign) -> CampaignPart {
    let Campaign {
        id,
        status,
        starts_at,
        ends_at,
        budget_units,
        reward_token,
        reward_token_price_usd,
        apr,
        ..
    } = campaign;
    CampaignPart { id, status, starts_at, ends_at, budget_units, reward_token, reward_token_price_usd, apr }
}

fn sentence(told: &AprExplained) -> String {
    let AprExplained { pool, apr, campaigns, .. } = told;
    let Some(apr) = apr else { return format!("Pool {pool} has not been read up to any block yet.") };
    let base = percent(apr.base_percent.as_deref(), apr.base_reason.as_deref());
    let reward = percent(apr.reward_percent.as_deref(), apr.reward_reason.as_deref());
    let total = percent(apr.total_percent.as_deref(), Some("a part is unknown"));
    let parts: Vec<String> = campaigns
        .iter()
        .take(5)
        .map(|one| {
            let told = percent(one.apr.reward_percent.as_deref(), one.apr.reason.as_deref());
            let estimate = if one.apr.estimate { ", an estimate" } else { "" };
            format!("{} ({}): {told}{estimate}", one.id, one.status)
        })
        .collect();
    let parts = if parts.is_empty() { "it has no campaign".to_owned() } else { parts.join("; ") };
    format!(
        "Pool {pool} a year: trades pay {base} of what all positions hold, by the fees of the last {} hours; campaigns pay \
         {reward} of what their eligible positions hold; together {total}. Its campaigns: {parts}.",
        apr.window_seconds / 3_600
    )
}

/// One pool with its rate.
async fn one(desk: &Desk, id: &str, window: Option<Window>) -> Result<(Pool, Meta), ApiError> {
    desk.rest.one(&desk.caller, Question::new(["v1", "pools", id]).with("window", window)).await
}
