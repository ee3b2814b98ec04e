//! The first lines: where figures come from, the block and its age, what every reader is told, and how each part is.

use accrual_client::types::Component;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::Pen;
use crate::commands::top::paint::Role;
use crate::commands::top::words::{UNKNOWN, count, plain, span};

/// A notice or a trouble takes no more lines than this.
const SAID_LINES_MAX: usize = 3;

/// In fewer rows than this each one is needed for figures: parts that are all well are told of in one line.
const ROWS_MANY: u16 = 30;

pub(super) fn lines(pen: Pen<'_>, width: u16, rows: u16) -> Vec<Line<'static>> {
    let width = usize::from(width);
    let mut lines = vec![title(pen, width), block(pen, width)];
    let notice = pen.top.meta().and_then(|meta| meta.notice.as_deref());
    lines.extend(notice.into_iter().flat_map(|notice| said(notice, width, pen.style(Role::Notice))));
    let trouble = pen.top.trouble(pen.now);
    lines.extend(trouble.iter().flat_map(|what| said(what, width, pen.style(Role::Bad))));
    let parts = parts(pen, width);
    lines.extend(match all_well(pen) {
        Some(well) if parts.len() > 1 && rows < ROWS_MANY => vec![well],
        _ => parts,
    });
    lines
}

/// That all parts are as they should be; nothing where one is not.
fn all_well(pen: Pen<'_>) -> Option<Line<'static>> {
    let parts = &pen.top.look.as_ref()?.status.components;
    if parts.iter().any(|part| part.state != "operational" || part.reason.is_some()) {
        return None;
    }
    let text = format!(" {} all {} parts operational", mark("operational"), parts.len());
    Some(Line::from(Span::styled(text, pen.style(Role::Quiet))))
}

/// `accrual top`, the source, and at the right how the service is.
fn title(pen: Pen<'_>, width: usize) -> Line<'static> {
    let state = match &pen.top.look {
        _ if pen.top.is_gone() => "gone".to_owned(),
        Some(look) => plain(&look.status.status),
        None => UNKNOWN.to_owned(),
    };
    let role = match state.as_str() {
        "operational" => Role::Good,
        "degraded" => Role::Warning,
        _ => Role::Bad,
    };
    let room = width.saturating_sub(" accrual top  ".len() + state.len() + 5);
    let source: String = fitted(&plain(&pen.top.source), room);
    let gap = width.saturating_sub(" accrual top  ".len() + source.chars().count() + state.len() + 3);
    Line::from(vec![
        Span::styled(" accrual top  ", pen.style(Role::Title)),
        Span::styled(source, pen.style(Role::Quiet)),
        Span::raw(" ".repeat(gap)),
        Span::styled(format!("{} {state} ", mark(&state)), pen.style(role)),
    ])
}

/// The block that all figures are of, how sure the chain is of it, and its age.
fn block(pen: Pen<'_>, width: usize) -> Line<'static> {
    let Some((meta, as_of)) = pen.top.meta().and_then(|meta| Some((meta, meta.as_of.as_ref()?))) else {
        return Line::from(Span::styled(" block unknown: nothing is read yet", pen.style(Role::Quiet)));
    };
    let finality = match meta.finality.as_deref() {
        Some("finalized") => "final",
        Some("safe") => "safe, not final yet",
        Some("latest") => "not final yet",
        _ => "finality unknown",
    };
    let age = pen
        .top
        .age_seconds(pen.now)
        .map_or_else(|| "age unknown".to_owned(), |age| format!("{} old", span(age)));
    let age_role = if meta.stale || pen.top.is_gone() { Role::Warning } else { Role::Good };
    let mut spans = vec![
        Span::raw(" block "),
        Span::styled(count(as_of.block_number), pen.style(Role::Figure)),
        Span::raw(format!("  {finality}  ")),
        Span::styled(age, pen.style(age_role)),
    ];
    let lag = lag_blocks(pen)
        .map_or_else(|| format!("  lag {UNKNOWN}"), |lag| format!("  {} behind the head", blocks(lag)));
    spans.push(Span::raw(lag));
    let at = format!("  {} UTC", as_of.at.strftime("%Y-%m-%d %H:%M:%S"));
    if spans.iter().map(Span::width).sum::<usize>() + at.len() <= width {
        spans.push(Span::styled(at, pen.style(Role::Quiet)));
    }
    Line::from(spans)
}

/// How far what is stored is behind the newest block that a node told of.
fn lag_blocks(pen: Pen<'_>) -> Option<u64> {
    let parts = &pen.top.look.as_ref()?.status.components;
    parts.iter().find(|part| part.component == "indexer")?.lag_blocks
}

fn blocks(number: u64) -> String {
    if number == 1 { "1 block".to_owned() } else { format!("{} blocks", count(number)) }
}

/// Each part of the service with a mark that differs by shape, as many in a line as fit; what is wrong has its reason.
fn parts(pen: Pen<'_>, width: usize) -> Vec<Line<'static>> {
    let parts = pen.top.look.iter().flat_map(|look| &look.status.components);
    let mut lines: Vec<Line<'static>> = Vec::new();
    let mut room = 0;
    for (text, role) in parts.filter(|part| part.component != "api").map(told) {
        let text = fitted(&text, width.saturating_sub(2));
        let needs = text.chars().count() + 2;
        if needs > room {
            lines.push(Line::default());
            room = width;
        }
        room -= needs.min(room);
        let spans = [Span::styled(format!(" {text} "), pen.style(role))];
        lines.last_mut().into_iter().for_each(|line| line.spans.extend(spans.clone()));
    }
    lines
}

fn told(part: &Component) -> (String, Role) {
    let role = match part.state.as_str() {
        "operational" => Role::Quiet,
        "degraded" => Role::Warning,
        _ => Role::Bad,
    };
    let (mark, title) = (mark(&part.state), plain(&part.title));
    let more = match (&part.reason, part.component.as_str(), part.lag_blocks, part.lag_seconds) {
        (Some(reason), ..) => format!(": {}", plain(reason)),
        (None, "source", _, Some(seconds)) => format!(" {} ago", span(seconds)),
        (None, "indexer" | "book", Some(behind), _) => format!(" {} behind", blocks(behind)),
        _ => String::new(),
    };
    (format!("{mark} {title}{more}"), role)
}

fn mark(state: &str) -> char {
    match state {
        "operational" => '●',
        "degraded" => '▲',
        _ => '✗',
    }
}

/// A sentence over as many lines as it needs, broken between words; whole lines, so that its background is whole too.
fn said(text: &str, width: usize, style: Style) -> Vec<Line<'static>> {
    let room = width.saturating_sub(2).max(1);
    let mut lines: Vec<String> = Vec::new();
    for word in plain(text).split_whitespace() {
        let word = fitted(word, room);
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= room => {
                line.push(' ');
                line.push_str(&word);
            }
            _ => lines.push(word),
        }
    }
    if lines.len() > SAID_LINES_MAX {
        lines.truncate(SAID_LINES_MAX);
        let last = &mut lines[SAID_LINES_MAX - 1];
        *last = fitted(&format!("{last} …"), room);
    }
    lines.into_iter().map(|line| Line::from(Span::styled(format!(" {line:<room$} "), style))).collect()
}

/// At most so many columns of it.
pub(super) fn fitted(text: &str, columns: usize) -> String {
    if text.chars().count() <= columns {
        return text.to_owned();
    }
    text.chars().take(columns.saturating_sub(1)).chain(['…']).collect()
}
