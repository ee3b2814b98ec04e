//! The list of campaigns: state, rate, TVL, how much of the budget is out, and how long it lasts.

use accrual_client::types::CampaignOverview;
use ratatui::Frame;
use ratatui::layout::{Constraint, Rect};
use ratatui::text::{Line, Span, Text};
use ratatui::widgets::{self, Paragraph, Row, Table, TableState};

use super::{Pen, figure, inner};
use crate::commands::top::pace::amount;
use crate::commands::top::paint::Role;
use crate::commands::top::state::Panel;
use crate::commands::top::words::{
    UNKNOWN, bar, count, part, percent, plain, ppm, span, symbol_of, tokens, units, usd,
};

const BAR_COLUMNS: u16 = 6;
/// From these widths on there is room for more columns; a campaign's name keeps two dozen.
const WITH_EMITTED: u16 = 50;
const WITH_TVL: u16 = 66;
const WITH_TIME: u16 = 76;
const WITH_STATE: u16 = 90;
const WITH_EARNED: u16 = 124;
const WITH_PACE: u16 = 142;
const WITH_POOL: u16 = 162;

/// A column: from which width on it is shown, its name, its own width, and what stands in it.
struct Column {
    from: u16,
    name: &'static str,
    width: Constraint,
    is_figure: bool,
    cell: Cell,
}

type Cell = fn(Pen<'_>, &CampaignOverview) -> String;

/// A column of names.
const fn named(from: u16, name: &'static str, width: Constraint, cell: Cell) -> Column {
    Column { from, name, width, is_figure: false, cell }
}

/// A column of figures, at the right of it.
const fn counted(from: u16, name: &'static str, columns: u16, cell: Cell) -> Column {
    Column { from, name, width: Constraint::Length(columns), is_figure: true, cell }
}

static COLUMNS: [Column; 10] = [
    named(0, "CAMPAIGN", Constraint::Fill(1), |_, one| plain(&one.campaign.id)),
    named(WITH_POOL, "POOL", Constraint::Length(18), |_, one| plain(&one.campaign.pool)),
    named(WITH_STATE, "STATE", Constraint::Length(9), |_, one| plain(&one.campaign.status)),
    counted(0, "APR", 12, |_, one| apr(one)),
    counted(WITH_TVL, "TVL USD", 11, |_, one| usd(one.campaign.tvl_usd.as_deref())),
    counted(WITH_EARNED, "EARNED", 20, |_, one| earned(one)),
    counted(WITH_PACE, "A MINUTE", 16, a_minute),
    counted(WITH_EARNED, "EARNERS", 8, |_, one| one.accounts_count.map_or_else(|| UNKNOWN.to_owned(), count)),
    named(WITH_EMITTED, "EMITTED", Constraint::Length(14), |_, one| emitted(one)),
    counted(WITH_TIME, "LEFT", 7, time_left),
];

pub(super) fn draw(frame: &mut Frame<'_>, pen: Pen<'_>, area: Rect) {
    let block = pen.frame("Campaigns".to_owned(), Panel::Campaigns);
    let campaigns = pen.top.campaigns();
    if campaigns.is_empty() {
        let why = if pen.top.look.is_some() { " There is no campaign." } else { " Nothing is read yet." };
        return frame.render_widget(Paragraph::new(why).block(block), area);
    }
    let shown: Vec<&Column> = COLUMNS.iter().filter(|column| inner(area) >= column.from).collect();
    let heading = shown.iter().map(|column| cell(column, column.name.to_owned()));
    let rows = campaigns.iter().map(|one| {
        Row::new(shown.iter().map(|column| widgets::Cell::from(cell(column, (column.cell)(pen, one)))))
    });
    let table = Table::new(rows, shown.iter().map(|column| column.width))
        .header(Row::new(heading).style(pen.style(Role::Quiet)))
        .column_spacing(2)
        .highlight_symbol("▸ ")
        .row_highlight_style(pen.chosen(Panel::Campaigns))
        .block(block);
    let mut state = TableState::new().with_selected(pen.top.campaign_place());
    frame.render_stateful_widget(table, area, &mut state);
}

fn cell(column: &Column, text: String) -> Text<'static> {
    if column.is_figure { figure(text) } else { Text::from(text) }
}

/// The lines above the earners: what is out, what is left, who has it, and how fast it grows.
pub(super) fn sums(pen: Pen<'_>, one: &CampaignOverview) -> Vec<Line<'static>> {
    let (campaign, token) = (&one.campaign, &one.campaign.reward_token);
    let figure = |text: String| Span::styled(text, pen.style(Role::Figure));
    let known = |name: &'static str, text: String| [Span::styled(name, pen.style(Role::Quiet)), figure(text)];
    let mut first = vec![];
    first.extend(known(" emitted ", units(campaign.emitted_units.as_ref(), token)));
    first.extend(known(" of ", units(Some(&campaign.budget_units), token)));
    first.push(Span::raw(format!(" {}", symbol_of(token))));
    first.extend(known("  left ", left(one)));
    let mut second = vec![];
    second.extend(known(" earned ", units(campaign.earned_units.as_ref(), token)));
    second.extend(known("  nobody's ", units(campaign.undistributed_units.as_ref(), token)));
    second.extend(known("  a minute ", a_minute(pen, one)));
    if let Some(why) = &one.sums_reason {
        second.push(Span::styled(format!("  ({})", plain(why)), pen.style(Role::Warning)));
    }
    vec![Line::from(first), Line::from(second)]
}

/// What is not emitted yet.
pub(super) fn left(one: &CampaignOverview) -> String {
    let left = amount(&one.campaign.budget_units)
        .zip(one.campaign.emitted_units.as_ref().and_then(amount))
        .and_then(|(budget, emitted)| budget.checked_sub(emitted));
    left.map_or_else(|| UNKNOWN.to_owned(), |left| tokens(left, &one.campaign.reward_token))
}

pub(super) fn apr(one: &CampaignOverview) -> String {
    let Some(apr) = &one.apr else { return UNKNOWN.to_owned() };
    // Before and after its time a campaign has none: that is known, and no figure is missing.
    if apr.reward_percent.is_none() && apr.reason.as_deref() == Some("campaign_not_running") {
        return "none".to_owned();
    }
    let about = if apr.estimate && apr.reward_percent.is_some() { "~" } else { "" };
    format!("{about}{}", percent(apr.reward_percent.as_deref()))
}

pub(super) fn a_minute(pen: Pen<'_>, one: &CampaignOverview) -> String {
    let pace = pen.top.pace.of_campaign(&one.campaign.id);
    pace.map_or_else(|| no_pace(one), |pace| format!("+{}", tokens(pace, &one.campaign.reward_token)))
}

/// Out of its time a campaign has none: that is known, and no figure is missing.
pub(super) fn no_pace(one: &CampaignOverview) -> String {
    if one.campaign.status == "running" { UNKNOWN } else { "none" }.to_owned()
}

fn earned(one: &CampaignOverview) -> String {
    units(one.campaign.earned_units.as_ref(), &one.campaign.reward_token)
}

/// A bar and the part of the budget.
fn emitted(one: &CampaignOverview) -> String {
    let emitted = one.campaign.emitted_units.as_ref().and_then(amount);
    let found = emitted.zip(amount(&one.campaign.budget_units)).and_then(|(part, whole)| ppm(part, whole));
    found.map_or_else(|| UNKNOWN.to_owned(), |ppm| format!("{} {:>7}", bar(ppm, BAR_COLUMNS), part(ppm)))
}

/// How long it goes on, by the block's time.
fn time_left(pen: Pen<'_>, one: &CampaignOverview) -> String {
    if one.campaign.status == "scheduled" {
        return "to come".to_owned();
    }
    let Some(as_of) = pen.top.meta().and_then(|meta| meta.as_of.as_ref()) else { return UNKNOWN.to_owned() };
    let left = one.campaign.ends_at.as_second() - as_of.at.as_second();
    u64::try_from(left).ok().filter(|left| *left > 0).map_or_else(|| "over".to_owned(), shortest)
}

/// The larger unit alone.
fn shortest(seconds: u64) -> String {
    match seconds {
        0..60 => span(seconds),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..86_400 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", count(seconds / 86_400)),
    }
}
