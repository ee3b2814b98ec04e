//! The status as a page: plain HTML with a style of ours, so that it is read where no script runs.

use std::fmt::Write;

use axum::response::Response;

use super::{BudgetView, ComponentView, DayView, IncidentView, NodeView, StatusView};
use crate::routes::page::{REVALIDATED, escaped, file};
use crate::view::Rfc3339;

const HEAD: &str = "<!doctype html>
<html lang=\"en\">
<head>
<meta charset=\"utf-8\">
<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">
<meta name=\"color-scheme\" content=\"light dark\">
<title>accrual: status</title>
<link rel=\"stylesheet\" href=\"/assets/status.css\">
</head>
<body>
";
const FOOT: &str = "<footer><p>The same as data: <a href=\"/status.json\">/status.json</a>. For probes: \
    <a href=\"/health/ready\">/health/ready</a>. For Prometheus: <a href=\"/metrics\">/metrics</a>.</p></footer>
</body>
</html>
";

/// So many marks stand in a row, the newest day's last; days that nobody looked at are empty.
const DAYS: usize = 90;

/// The page.
pub(super) fn answer(view: &StatusView) -> Response {
    file("text/html; charset=utf-8", REVALIDATED, html(view))
}

/// Its style.
pub(super) fn style() -> Response {
    file("text/css; charset=utf-8", REVALIDATED, include_str!("status.css"))
}

fn html(view: &StatusView) -> String {
    let mut text = HEAD.to_owned();
    if let Some(notice) = &view.notice {
        let _ = writeln!(text, "<aside class=\"notice\" aria-label=\"Notice\">{}</aside>", escaped(notice));
    }
    let _ = writeln!(
        text,
        "<header><h1>Status</h1><p class=\"state {0}\"><strong>{0}</strong> at {1}</p></header>\n<main>",
        view.status, view.at
    );
    let _ = writeln!(text, "{}", budget(view.error_budget.as_ref()));
    text.push_str("<section><h2>Parts</h2>\n");
    for component in &view.components {
        part(&mut text, component);
    }
    if !view.nodes.is_empty() {
        text.push_str("</section>\n<section><h2>Chain nodes one by one</h2>\n");
        view.nodes.iter().for_each(|node| one_node(&mut text, node));
    }
    text.push_str("</section>\n<section><h2>Incidents of 90 days</h2>\n");
    incidents(&mut text, &view.incidents);
    let since = view.history_since_at.map(|since| format!("Counted since {since}. "));
    let _ = writeln!(
        text,
        "</section>\n<p class=\"quiet\">{}A day's mark says the worst that was seen in it; seconds in which nobody \
         looked count as down for the answers to calls, and for no other part.</p>\n</main>",
        since.unwrap_or_default()
    );
    text.push_str(FOOT);
    text
}

fn budget(budget: Option<&BudgetView>) -> String {
    let Some(budget) = budget else {
        return "<section><h2>Error budget</h2><p>Not known while the database does not answer.</p></section>"
            .to_owned();
    };
    let left = match u64::try_from(budget.left_ms) {
        Ok(left) => format!("{} left", duration(left)),
        Err(_) => format!("overdrawn by {}", duration(budget.left_ms.unsigned_abs())),
    };
    format!(
        "<section><h2>Error budget</h2><p><strong>{left}</strong> of {} in {} days, by the promise of 99.99 %; \
         {} were down.</p></section>",
        duration(budget.allowed_ms),
        budget.window_days,
        duration(budget.spent_ms)
    )
}

fn part(text: &mut String, component: &ComponentView) {
    let lag = match (component.lag_blocks, component.lag_seconds) {
        (Some(blocks), Some(seconds)) => format!("{blocks} blocks, {} behind", age(seconds)),
        (None, Some(seconds)) => format!("{} behind", age(seconds)),
        _ => String::new(),
    };
    let _ = writeln!(
        text,
        "<article><h3>{} <span class=\"chip {1}\">{1}</span></h3><p class=\"quiet\">{lag}</p>",
        component.title, component.state
    );
    if let Some(reason) = &component.reason {
        let _ = writeln!(text, "<p class=\"reason\">{}</p>", escaped(reason));
    }
    text.push_str("<ol class=\"days\">");
    for _ in component.days.len()..DAYS {
        text.push_str("<li class=\"none\" aria-hidden=\"true\"></li>");
    }
    for day in &component.days {
        let (mark, told) = mark(day);
        let _ = write!(text, "<li class=\"{mark}\" title=\"{told}\"><span>{told}</span></li>");
    }
    text.push_str("</ol></article>\n");
}

fn one_node(text: &mut String, node: &NodeView) {
    let chip = if node.state == "good" { "operational" } else { "degraded" };
    let lag = node.lag_blocks.map_or(String::new(), |blocks| format!("{blocks} blocks behind, "));
    let _ = writeln!(
        text,
        "<article><h3>{} <span class=\"chip {chip}\">{}</span></h3><p class=\"quiet\">{lag}seen at {}</p>",
        escaped(&node.node),
        node.state,
        node.seen_at
    );
    if let Some(reason) = &node.reason {
        let _ = writeln!(text, "<p class=\"reason\">{}</p>", escaped(reason));
    }
    text.push_str("</article>\n");
}

fn mark(day: &DayView) -> (&'static str, String) {
    let date: String = day.day_at.to_string().chars().take_while(|c| *c != 'T').collect();
    match (day.down_seconds, day.degraded_seconds) {
        (0, 0) => ("operational", format!("{date}: operational")),
        (0, degraded) => ("degraded", format!("{date}: degraded for {degraded} s")),
        (down, degraded) => ("down", format!("{date}: down for {down} s, degraded for {degraded} s")),
    }
}

fn incidents(text: &mut String, incidents: &[IncidentView]) {
    if incidents.is_empty() {
        text.push_str("<p>None.</p>\n");
        return;
    }
    text.push_str("<table><thead><tr><th>Part</th><th>State</th><th>From</th><th>To</th><th>Why</th></tr></thead><tbody>\n");
    for incident in incidents {
        let to = incident.ended_at.map_or("now".to_owned(), |ended: Rfc3339| ended.to_string());
        let _ = writeln!(
            text,
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{to}</td><td>{}</td></tr>",
            escaped(&incident.component),
            escaped(&incident.state),
            incident.began_at,
            escaped(&incident.reason)
        );
    }
    text.push_str("</tbody></table>\n");
}

/// An age in the largest unit of which it has two or more, e.g. `12 min`.
fn age(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// Minutes, seconds and what is left of one, e.g. `4 min 19.2 s`.
fn duration(ms: u64) -> String {
    let (minutes, seconds, tenths) = (ms / 60_000, ms / 1_000 % 60, ms % 1_000 / 100);
    match minutes {
        0 => format!("{seconds}.{tenths} s"),
        _ => format!("{minutes} min {seconds}.{tenths} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages() {
        let cases = [
            (0, "0 s"),
            (119, "119 s"),
            (120, "2 min"),
            (7_200, "2 h"),
            (172_799, "47 h"),
            (45_338_443, "524 d"),
        ];
        for (seconds, expected) in cases {
            assert_eq!(age(seconds), expected);
        }
    }

    #[test]
    fn durations() {
        let cases =
            [(0, "0.0 s"), (259_200, "4 min 19.2 s"), (258_999, "4 min 18.9 s"), (60_000, "1 min 0.0 s")];
        for (ms, expected) in cases {
            assert_eq!(duration(ms), expected);
        }
    }
}
