//! A frame: what is told of the block and the service, the campaigns, the chosen campaign's sums and earners, the keys.

mod campaigns;
mod earners;
mod head;
mod over;

use ratatui::Frame;
use ratatui::layout::{Alignment, Constraint, Layout, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Paragraph};
use tokio::time::Instant;

use super::paint::{Paint, Role};
use super::state::{Over, Panel, Top};

/// Below this there is no room for an account and a figure beside it.
pub(super) const COLUMNS_MIN: u16 = 40;
const ROWS_MIN: u16 = 16;
/// The list of campaigns takes no more rows than this where earners need them.
const CAMPAIGN_ROWS_MAX: u16 = 10;

/// What every part of a frame needs.
#[derive(Clone, Copy)]
struct Pen<'a> {
    top: &'a Top,
    paint: Paint,
    now: Instant,
}

pub(super) fn draw(frame: &mut Frame<'_>, top: &Top, paint: Paint, now: Instant) {
    let pen = Pen { top, paint, now };
    let area = frame.area();
    if area.width < COLUMNS_MIN || area.height < ROWS_MIN {
        let text = format!("accrual top needs {COLUMNS_MIN} columns and {ROWS_MIN} rows");
        return frame.render_widget(Paragraph::new(text).wrap(ratatui::widgets::Wrap { trim: true }), area);
    }
    let head = head::lines(pen, area.width, area.height);
    let head_rows = rows(&head).min(area.height / 3);
    let campaigns_rows = campaign_rows(top, area.height.saturating_sub(head_rows));
    let [head_area, campaigns_area, earners_area, keys_area] = Layout::vertical([
        Constraint::Length(head_rows),
        Constraint::Length(campaigns_rows),
        Constraint::Fill(1),
        Constraint::Length(1),
    ])
    .areas(area);
    frame.render_widget(Paragraph::new(head), head_area);
    campaigns::draw(frame, pen, campaigns_area);
    earners::draw(frame, pen, earners_area);
    frame.render_widget(keys(pen), keys_area);
    match top.over {
        Over::Nothing => {}
        Over::Help => over::help(frame, pen, area),
        Over::Details => over::details(frame, pen, area),
    }
}

/// A border, a heading and a row a campaign; earners keep at least a third.
fn campaign_rows(top: &Top, left: u16) -> u16 {
    let wanted = u16::try_from(top.campaigns().len()).unwrap_or(u16::MAX).clamp(1, CAMPAIGN_ROWS_MAX) + 3;
    wanted.min(left / 2).max(4)
}

fn rows(lines: &[Line<'_>]) -> u16 {
    u16::try_from(lines.len()).unwrap_or(u16::MAX)
}

fn keys(pen: Pen<'_>) -> Line<'static> {
    let keys = [("↑↓", "choose"), ("tab", "other list"), ("enter", "details"), ("?", "help"), ("q", "quit")];
    let mut spans = vec![Span::raw(" ")];
    for (key, does) in keys {
        spans.push(Span::styled(key, pen.style(Role::Figure)));
        spans.push(Span::styled(format!(" {does}   "), pen.style(Role::Quiet)));
    }
    Line::from(spans)
}

impl Pen<'_> {
    fn style(self, role: Role) -> ratatui::style::Style {
        self.paint.style(role)
    }

    /// The frame of a list, with its name; the list that keys act on has a double one.
    fn frame(self, name: String, panel: Panel) -> Block<'static> {
        let acts = self.top.panel == panel;
        let border = if acts { BorderType::Double } else { BorderType::Plain };
        let role = if acts { Role::Title } else { Role::Quiet };
        Block::bordered()
            .border_type(border)
            .border_style(self.style(if acts { Role::Good } else { Role::Quiet }))
            .title(Span::styled(format!(" {name} "), self.style(role)))
    }

    /// The style of the row that is chosen in this list.
    fn chosen(self, panel: Panel) -> ratatui::style::Style {
        self.style(if self.top.panel == panel { Role::Chosen } else { Role::Held })
    }
}

/// A figure at the right of its column.
fn figure(text: impl Into<String>) -> ratatui::text::Text<'static> {
    ratatui::text::Text::from(text.into()).alignment(Alignment::Right)
}

/// Within the frame of a list.
fn inner(area: Rect) -> u16 {
    area.width.saturating_sub(2)
}

#[cfg(test)]
mod tests;
