//! The chosen campaign's sums and its largest earners, who grow with the blocks.

use accrual_client::types::{Accrual, CampaignOverview};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::Text;
use ratatui::widgets::{Block, Cell, Paragraph, Row, Table, TableState};

use super::{Pen, campaigns, figure};
use crate::commands::top::paint::Role;
use crate::commands::top::state::Panel;
use crate::commands::top::words::{bar, plain, short, symbol_of, tokens, units};
use crate::figures;

/// An address takes 42 columns, its neighbours the rest.
const WITH_SHARE: u16 = 50;
const WITH_WHOLE_ADDRESS: u16 = 78;
const WITH_PACE: u16 = 98;
/// From here on there is room for each share as a part of the largest, beside figures that stay near their account.
const WITH_BAR: u16 = 136;
const BAR_COLUMNS: u16 = 24;

pub(super) fn draw(frame: &mut Frame<'_>, pen: Pen<'_>, area: Rect) {
    let Some(one) = pen.top.campaign() else {
        return frame.render_widget(pen.frame("Earners".to_owned(), Panel::Earners), area);
    };
    let total = one.accounts_count.filter(|count| *count > one.top.len() as u64);
    let of = total.map_or_else(String::new, |count| format!(", the first {} of {count}", one.top.len()));
    let block = pen.frame(format!("Earners of {}{of}", plain(&one.campaign.id)), Panel::Earners);
    let inside = block.inner(area);
    frame.render_widget(block, area);
    let [sums_area, rows_area] = Layout::vertical([Constraint::Length(2), Constraint::Fill(1)]).areas(inside);
    frame.render_widget(Paragraph::new(campaigns::sums(pen, one)), sums_area);
    list(frame, pen, one, rows_area);
}

fn list(frame: &mut Frame<'_>, pen: Pen<'_>, one: &CampaignOverview, area: Rect) {
    if one.top.is_empty() {
        let why =
            if one.sums_reason.is_some() { "Who earned what is unknown." } else { "Nobody has earned yet." };
        return frame.render_widget(Paragraph::new(format!(" {why}")).block(Block::new()), area);
    }
    let (is_whole, with_pace) = (area.width >= WITH_WHOLE_ADDRESS, area.width >= WITH_PACE);
    let (with_share, with_bar) = (area.width >= WITH_SHARE, area.width >= WITH_BAR);
    let largest = one.top.first().map_or(0, |row| row.share_ppm);
    let symbol = symbol_of(&one.campaign.reward_token);
    let mut heading = vec![figure("#"), Text::from("ACCOUNT"), figure(symbol)];
    let account_columns = Constraint::Length(if is_whole { 43 } else { 12 });
    let units_columns = if with_bar { Constraint::Length(24) } else { Constraint::Fill(1) };
    let mut widths = vec![Constraint::Length(3), account_columns, units_columns];
    if with_share {
        heading.push(figure("SHARE %"));
        widths.push(Constraint::Length(9));
    }
    if with_pace {
        heading.push(figure("A MINUTE"));
        widths.push(Constraint::Length(18));
    }
    if with_bar {
        heading.push(Text::from(""));
        widths.push(Constraint::Length(BAR_COLUMNS));
    }
    let rows = one.top.iter().enumerate().map(|(place, row)| {
        let mut cells = vec![
            figure((place + 1).to_string()),
            Text::from(account(row, is_whole)),
            figure(units(Some(&row.earned_units), &one.campaign.reward_token)),
        ];
        if with_share {
            cells.push(figure(figures::percent(row.share_ppm)));
        }
        if with_pace {
            cells.push(figure(a_minute(pen, one, row)));
        }
        if with_bar {
            cells.push(Text::from(bar(part_of(row.share_ppm, largest), BAR_COLUMNS)));
        }
        Row::new(cells.into_iter().map(Cell::from))
    });
    let table = Table::new(rows, widths)
        .header(Row::new(heading).style(pen.style(Role::Quiet)))
        .column_spacing(2)
        .highlight_symbol("▸ ")
        .row_highlight_style(pen.chosen(Panel::Earners));
    let mut state = TableState::new().with_selected(pen.top.earner_place());
    frame.render_stateful_widget(table, area, &mut state);
}

/// Millionths of the largest share.
fn part_of(share_ppm: u32, largest_ppm: u32) -> u32 {
    let part = u64::from(share_ppm) * 1_000_000 / u64::from(largest_ppm.max(1));
    u32::try_from(part).unwrap_or(u32::MAX)
}

/// The account; one that probably holds for others has a star, as in a report.
fn account(row: &Accrual, is_whole: bool) -> String {
    let shown = plain(&row.account);
    let star = if row.more.get("probable_miss").is_some_and(|miss| miss == true) { "*" } else { "" };
    if is_whole { format!("{shown}{star}") } else { format!("{}{star}", short(&shown)) }
}

pub(super) fn a_minute(pen: Pen<'_>, one: &CampaignOverview, row: &Accrual) -> String {
    let pace = pen.top.pace.of_account(&one.campaign.id, &row.account);
    pace.map_or_else(
        || campaigns::no_pace(one),
        |pace| format!("+{}", tokens(pace, &one.campaign.reward_token)),
    )
}
