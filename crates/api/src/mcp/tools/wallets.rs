//! `get_wallet_rewards`, `get_wallet_history`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::Desk;
use crate::error::ApiError;
use crate::mcp::answer::{Answer, ROWS_DEFAULT, fitting, fitting_in, page, whole};
use crate::mcp::args::{Interval, Limit};
use crate::mcp::rest::{Page, Question};
use crate::mcp::views::{Holding, Reward, WalletHour, WalletRewards};

/// The most positions of one reward, and of a wallet.
const POSITIONS_MAX: usize = 20;
/// What the wallet's positions may take of an answer, and what is left for its rewards.
const POSITIONS_BYTES_MAX: usize = 8 * 1024;
const REWARDS_BYTES_MAX: usize = 16 * 1024;
/// Rewards that a summary tells of.
const SUMMED_MAX: usize = 5;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::mcp) struct RewardsArgs {
    /// The wallet: 0x and 40 hexadecimal digits.
    address: String,
    /// Campaigns of a page, 20 by default.
    #[serde(default)]
    limit: Option<Limit>,
    /// next_cursor of the page before, with all else as before.
    #[serde(default)]
    cursor: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::mcp) struct HistoryArgs {
    /// The wallet: 0x and 40 hexadecimal digits.
    address: String,
    /// The campaign's id; may be left out where there is only one.
    #[serde(default)]
    campaign: Option<String>,
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

pub(super) async fn rewards(desk: &Desk, args: RewardsArgs) -> Result<Answer<WalletRewards>, ApiError> {
    let of = |what| Question::new(["v1", "accounts", &args.address, what]);
    let Page { rows: mut rewards, meta, .. } = desk.rest.all::<Reward>(&desk.caller, of("rewards")).await?;
    let Page { rows: mut positions, .. } = desk.rest.all::<Holding>(&desk.caller, of("positions")).await?;
    rewards.iter_mut().for_each(cut);
    let (summary, positions_count) = (summary(&rewards, &positions), count(positions.len()));
    let list = format!("rewards/{}", args.address);
    let pepper = desk.api.settings().peppers.current();
    let all = rewards.len();
    let limit = Limit::or(args.limit, ROWS_DEFAULT).min(fitting_in(&rewards, REWARDS_BYTES_MAX).max(1));
    let (rewards, next_cursor) = page(rewards, &list, limit, args.cursor.as_deref(), pepper)?;
    positions.truncate(if args.cursor.is_some() { 0 } else { POSITIONS_MAX });
    positions.truncate(fitting_in(&positions, POSITIONS_BYTES_MAX));
    let summary = format!(
        "{summary} {} of {all} campaigns and {} positions are listed here.",
        rewards.len(),
        positions.len()
    );
    let data = WalletRewards { rewards, positions, positions_count };
    Ok(Answer { summary, data, next_cursor, meta: Some(meta) })
}

/// A reward with its largest positions alone, and their number where there are more.
fn cut(reward: &mut Reward) {
    let all = reward.positions.len();
    reward.positions.truncate(POSITIONS_MAX);
    reward.positions_count = (all > POSITIONS_MAX).then(|| count(all));
}

fn summary(rewards: &[Reward], positions: &[Holding]) -> String {
    let told = |reward: &Reward| {
        let Reward { campaign, token, earned_units, reason, .. } = reward;
        match earned_units {
            Some(units) => {
                format!("{} of the token {} in {campaign}", whole(units, token.decimals), token.address)
            }
            None => {
                format!("an unknown amount in {campaign} ({})", reason.as_deref().unwrap_or("no reason told"))
            }
        }
    };
    let parts: Vec<String> = rewards.iter().take(SUMMED_MAX).map(told).collect();
    let more = rewards.len() - parts.len();
    let earned = match (parts.is_empty(), more) {
        (true, _) => "nothing in any campaign".to_owned(),
        (false, 0) => parts.join(", "),
        (false, more) => format!("{}, and more in {more} others", parts.join(", ")),
    };
    let earning = positions
        .iter()
        .filter(|position| position.campaigns.iter().any(|standing| standing.earning))
        .count();
    format!("Earned so far: {earned}. Of {} positions {earning} are earning now.", positions.len())
}

pub(super) async fn history(desk: &Desk, args: HistoryArgs) -> Result<Answer<Vec<WalletHour>>, ApiError> {
    let interval = args.interval.unwrap_or(Interval::Day);
    let mut limit = Limit::or(args.limit, ROWS_DEFAULT);
    loop {
        let question = Question::new(["v1", "accounts", &args.address, "history"])
            .with("campaign", args.campaign.as_ref())
            .with("interval", Some(interval))
            .with("from", args.from.as_ref())
            .with("to", args.to.as_ref())
            .with("limit", Some(limit))
            .with("cursor", args.cursor.as_ref());
        let page: Page<WalletHour> = desk.rest.list(&desk.caller, question).await?;
        let fit = fitting(&page.rows);
        if fit < page.rows.len() {
            limit = fit;
            continue;
        }
        let more = if page.next_cursor.is_some() { "; there are more" } else { "" };
        let summary = match page.rows.first().zip(page.rows.last()) {
            Some((first, last)) => format!(
                "Campaign {}, a row for each {interval}, {} to {}{more}: {} units earned since it began, at the last row.",
                last.campaign, first.at, last.at, last.earned_total_units
            ),
            None => "No row there.".to_owned(),
        };
        let Page { rows, meta, next_cursor } = page;
        return Ok(Answer { summary, data: rows, next_cursor, meta: Some(meta) });
    }
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
