//! The list of campaigns: state, rate, TVL, how much of the budget is out, and how long it lasts.

use accrual_client::types::CampaignOverview;
use jiff::Timestamp;
use ratatui::Frame;
use ratatui::layout::{Constraint, Rect};
use ratatui::text::{Line, Span, Text};
use ratatui::widgets::{Cell, Paragraph, Row, Table, TableState};

use super::{Pen, figure, inner};
use crate::commands::top::pace::amount;
use crate::commands::top::paint::Role;
use crate::commands::top::state::Panel;
use crate::commands::top::words::{UNKNOWN, bar, count, part, percent, plain, ppm, span, symbol_of, tokens, units, usd};

const BAR_COLUMNS: u16 = 10;
/// From these widths on there is room for more columns.
const WITH_TVL: u16 = 60;
const WITH_TIME: u16 = 74;
const WITH_EARNED: u16 = 108;
const WITH_PACE: u16 = 132;
const WITH_POOL: u16 = 150;

/// A column: from which width on it is shown, its name, its own width, and what stands in it.
struct Column {
    from: u16,
    name: &'static str,
    width: Constraint,
    is_figure: bool,
    cell: fn(Pen<'_>, &CampaignOverview) -> String,
}

const COLUMNS: [Column; 10] = [
    Column { from: 0, name: "CAMPAIGN", width: Constraint::Fill(1), is_figure: false, cell: |_, one| plain(&one.campaign.id) },
    Column { from: WITH_POOL, name: "POOL", width: Constraint::Length(18), is_figure: false, cell: |_, one| plain(&one.campaign.pool) },
    Column { from: WITH_TVL, name: "STATE", width: Constraint::Length(9), is_figure: false, cell: |_, one| plain(&one.campaign.status) },
    Column { from: 0, name: "APR", width: Constraint::Length(12), is_figure: true, cell: |_, one| apr(one) },
    Column { from: WITH_TVL, name: "TVL USD", width: Constraint::Length(11), is_figure: true, cell: |_, one| usd(one.campaign.tvl_usd.as_deref()) },
    Column { from: WITH_EARNED, name: "EARNED", width: Constraint::Length(24), is_figure: true, cell: |_, one| earned(one) },
    Column { from: WITH_PACE, name: "A MINUTE", width: Constraint::Length(16), is_figure: true, cell: a_minute },
    Column { from: WITH_EARNED, name: "EARNERS", width: Constraint::Length(8), is_figure: true, cell: |_, one| one.accounts_count.map_or_else(|| UNKNOWN.to_owned(), count) },
    Column { from: 0, name: "EMITTED", width: Constraint::Length(18), is_figure: false, cell: |_, one| emitted(one) },
    Column { from: WITH_TIME, name: "ENDS", width: Constraint::Length(10), is_figure: true, cell: |pen, one| ends(pen, one) },
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
        Row::new(shown.iter().map(|column| Cell::from(cell(column, (column.cell)(pen, one)))))
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
    let of = |units: &accrual_client::Units| amount(units);
    let left = of(&one.campaign.budget_units)
        .zip(one.campaign.emitted_units.as_ref().and_then(of))
        .and_then(|(budget, emitted)| budget.checked_sub(emitted));
    left.map_or_else(|| UNKNOWN.to_owned(), |left| tokens(left, &one.campaign.reward_token))
}

pub(super) fn apr(one: &CampaignOverview) -> String {
    let Some(apr) = &one.apr else { return UNKNOWN.to_owned() };
    let about = if apr.estimate && apr.reward_percent.is_some() { "~" } else { "" };
    format!("{about}{}", percent(apr.reward_percent.as_deref()))
}

pub(super) fn a_minute(pen: Pen<'_>, one: &CampaignOverview) -> String {
    let pace = pen.top.pace.of_campaign(&one.campaign.id);
    pace.map_or_else(|| UNKNOWN.to_owned(), |pace| format!("+{}", tokens(pace, &one.campaign.reward_token)))
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
fn ends(pen: Pen<'_>, one: &CampaignOverview) -> String {
    let Some(as_of) = pen.top.meta().and_then(|meta| meta.as_of.as_ref()) else { return UNKNOWN.to_owned() };
    let until = |at: Timestamp| u64::try_from(at.as_second() - as_of.at.as_second()).ok().filter(|left| *left > 0);
    match until(one.campaign.ends_at) {
        Some(left) => format!("in {}", shortest(left)),
        None => "over".to_owned(),
    }
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
