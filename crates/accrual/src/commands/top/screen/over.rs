//! What lies over the screen: help, and all that is known of the row that is chosen.

use accrual_client::types::{Accrual, CampaignOverview};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Clear, Paragraph, Wrap};

use super::campaigns::{a_minute, apr, left};
use super::{Pen, earners};
use crate::commands::top::paint::Role;
use crate::commands::top::state::Panel;
use crate::commands::top::words::{UNKNOWN, count, plain, symbol_of, units, usd};
use crate::figures;

const HELP: [(&str, &str); 10] = [
    ("↑ ↓  j k", "choose a row; PgUp, PgDn, Home and End go further"),
    ("tab", "go to the other list"),
    ("enter", "all that is known of the row"),
    ("? esc", "show and close this"),
    ("q  ctrl-c", "quit"),
    ("", ""),
    ("● ▲ ✗", "as it should be, late or in part, not at all"),
    ("~", "an estimate: the campaign runs for less than a day"),
    ("*", "a contract that probably holds for others"),
    ("a minute", "measured over the last minute of blocks"),
];
const COLUMNS: u16 = 76;

pub(super) fn help(frame: &mut Frame<'_>, pen: Pen<'_>, area: Rect) {
    let lines = HELP.iter().map(|(key, does)| row(pen, key, (*does).to_owned())).collect();
    window(frame, pen, area, "Keys and signs", lines);
}

pub(super) fn details(frame: &mut Frame<'_>, pen: Pen<'_>, area: Rect) {
    let Some(one) = pen.top.campaign() else { return };
    let earner = pen.top.earner_place().map(|place| &one.top[place]);
    match (pen.top.panel, earner) {
        (Panel::Earners, Some(earner)) => {
            window(frame, pen, area, "Earner", of_earner(pen, one, earner));
        }
        _ => window(frame, pen, area, "Campaign", of_campaign(pen, one)),
    }
}

fn of_campaign(pen: Pen<'_>, one: &CampaignOverview) -> Vec<Line<'static>> {
    let (campaign, token) = (&one.campaign, &one.campaign.reward_token);
    let reason = |why: Option<&String>| why.map_or_else(String::new, |why| format!(" ({})", plain(why)));
    let apr_reason = one.apr.as_ref().and_then(|apr| apr.reason.as_ref());
    let price = campaign.more.get("reward_token_price_usd").and_then(|price| price.as_str());
    let price = price.map_or_else(|| UNKNOWN.to_owned(), |price| format!("{} USD", plain(price)));
    let time = |at: jiff::Timestamp| at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string();
    let rows = [
        ("campaign", plain(&campaign.id)),
        ("pool", plain(&campaign.pool)),
        ("state", format!("{}, scored {}", plain(&campaign.status), plain(&campaign.scoring))),
        ("from", time(campaign.starts_at)),
        ("to", time(campaign.ends_at)),
        ("pays in", format!("{} {}", symbol_of(token), plain(&token.address))),
        ("price", price),
        ("APR", format!("{}{}", apr(one), reason(apr_reason))),
        ("TVL", format!("{} USD{}", usd(campaign.tvl_usd.as_deref()), reason(one.tvl_reason.as_ref()))),
        ("budget", units(Some(&campaign.budget_units), token)),
        (
            "emitted",
            format!("{}{}", units(campaign.emitted_units.as_ref(), token), reason(one.sums_reason.as_ref())),
        ),
        ("left", left(one)),
        ("earned", units(campaign.earned_units.as_ref(), token)),
        ("nobody's", units(campaign.undistributed_units.as_ref(), token)),
        ("a minute", a_minute(pen, one)),
        ("earners", one.accounts_count.map_or_else(|| UNKNOWN.to_owned(), count)),
    ];
    rows.into_iter().map(|(name, text)| row(pen, name, text)).collect()
}

fn of_earner(pen: Pen<'_>, one: &CampaignOverview, earner: &Accrual) -> Vec<Line<'static>> {
    let token = &one.campaign.reward_token;
    let mut lines = vec![
        row(pen, "account", plain(&earner.account)),
        row(pen, "earned", format!("{} {}", units(Some(&earner.earned_units), token), symbol_of(token))),
        row(pen, "share", format!("{} %", figures::percent(earner.share_ppm))),
        row(pen, "a minute", earners::a_minute(pen, one, earner)),
        row(pen, "worth", worth(one, earner)),
        Line::default(),
    ];
    for position in &earner.positions {
        let key = plain(&position.position);
        let earned = units(Some(&position.earned_units), token);
        lines.push(row(pen, "position", format!("{}: {earned}", known_as(&key))));
        lines.extend(broken(&key).into_iter().map(|part| quiet(pen, part)));
        lines.extend(position.via.iter().map(|via| row(pen, "via", plain(via))));
    }
    lines
}

/// A position as people call it: of `venue:pool:nft:manager:number` its number, of others their range.
fn known_as(key: &str) -> String {
    match key.split(':').collect::<Vec<_>>()[..] {
        [_, _, "nft", _, number] => format!("NFT {number}"),
        [_, _, _, _, lower, upper] => format!("ticks {lower} to {upper}"),
        _ => "shares".to_owned(),
    }
}

/// A key over as many lines as it needs, broken behind its colons.
fn broken(key: &str) -> Vec<String> {
    let room = usize::from(COLUMNS) - 16;
    let mut lines = vec![String::new()];
    for part in key.split_inclusive(':') {
        let line = lines.last_mut().filter(|line| line.chars().count() + part.chars().count() <= room);
        match line {
            Some(line) => line.push_str(part),
            None => lines.push(part.to_owned()),
        }
    }
    lines
}

fn quiet(pen: Pen<'_>, text: String) -> Line<'static> {
    Line::from(Span::styled(format!("{:12}{text}", ""), pen.style(Role::Quiet)))
}

/// In dollars at the price of this block.
fn worth(one: &CampaignOverview, earner: &Accrual) -> String {
    use rust_decimal::Decimal;
    let price = one.campaign.more.get("reward_token_price_usd").and_then(|price| price.as_str());
    let decimals = one.campaign.reward_token.decimals.map(u32::from);
    let worth = price.zip(decimals).and_then(|(price, decimals)| {
        let units: i128 = earner.earned_units.parse().ok()?;
        let whole = Decimal::try_from_i128_with_scale(units, decimals).ok()?;
        whole.checked_mul(price.parse().ok()?)
    });
    worth.map_or_else(|| UNKNOWN.to_owned(), |worth| format!("{} USD", usd(Some(&worth.to_string()))))
}

fn row(pen: Pen<'_>, name: &str, text: String) -> Line<'static> {
    Line::from(vec![Span::styled(format!(" {name:<10} "), pen.style(Role::Quiet)), Span::raw(text)])
}

/// A window in the middle, no larger than it needs to be.
fn window(frame: &mut Frame<'_>, pen: Pen<'_>, area: Rect, name: &str, lines: Vec<Line<'static>>) {
    let width = COLUMNS.min(area.width);
    let inner = usize::from(width.saturating_sub(2)).max(1);
    let wanted: usize = lines.iter().map(|line| line.width().div_ceil(inner).max(1)).sum();
    let height = u16::try_from(wanted + 2).unwrap_or(u16::MAX).min(area.height);
    let [middle] =
        Layout::vertical([Constraint::Length(height)]).flex(ratatui::layout::Flex::Center).areas(area);
    let [place] =
        Layout::horizontal([Constraint::Length(width)]).flex(ratatui::layout::Flex::Center).areas(middle);
    let block = Block::bordered()
        .border_type(BorderType::Double)
        .title(Span::styled(format!(" {name} "), pen.style(Role::Title)))
        .title_bottom(Line::from(Span::styled(" enter closes ", pen.style(Role::Quiet))).right_aligned());
    frame.render_widget(Clear, place);
    frame.render_widget(Paragraph::new(lines).wrap(Wrap { trim: false }).block(block), place);
}
