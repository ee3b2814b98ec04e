//! Writes BENCHMARKS.md: the sections, and what people wrote before and below them. A section that was not measured stays as it
//! was; each says when, at what and on which machine it was measured.

use crate::shell::{Failed, output, root};

/// What one section shows.
pub(super) struct Table {
    pub(super) title: &'static str,
    pub(super) about: String,
    pub(super) text: String,
}

/// What stands below this line is written by people and kept.
const KEPT: &str = "<!-- Written by hand from here on: `cargo xtask bench` keeps it. -->";

/// How a new file begins; what people make of it is kept as well.
const HEAD: &str = "# Benchmarks\n\nWhat was measured, where, and how to measure it again. Machines are noisy: hold figures of one \
                    run against each other,\nnot against another day's.";
const SECTION: &str = "\n## ";

/// Puts a table into the file, whose sections have the order of `titles`.
pub(super) fn write(table: &Table, titles: &[&str], arguments: &[String]) -> Result<(), Failed> {
    let path = root().join("BENCHMARKS.md");
    let failed = |error: std::io::Error| Failed(format!("{}: {error}", path.display()));
    let old = match std::fs::read_to_string(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        // What people wrote in it must not be lost.
        read => read.map_err(failed)?,
    };
    let as_typed = |word: &String| if word.contains(' ') { format!("\"{word}\"") } else { word.clone() };
    let command = std::iter::once("cargo xtask bench".to_owned()).chain(arguments.iter().map(as_typed));
    let command = command.collect::<Vec<_>>().join(" ");
    let text = put(&old, Some(table), titles, &format!("{} {} By `{command}`.", when(), machine()));
    std::fs::write(&path, text).map_err(failed)
}

fn put(old: &str, table: Option<&Table>, titles: &[&str], when: &str) -> String {
    let (above, kept) = old.split_once(KEPT).unwrap_or((old, "\n"));
    // People may have sections of their own before the measured ones.
    let begins = titles.iter().filter_map(|title| above.find(&format!("{SECTION}{title}\n"))).min();
    let head = above[..begins.unwrap_or(above.len())].trim_end();
    let head = if head.is_empty() { HEAD } else { head };
    let sections = |title: &&str| {
        let fresh = table.filter(|table| table.title == *title);
        let fresh = fresh.map(|Table { about, text, .. }| format!("{about}\n\n{when}\n\n{}", shown(text)));
        let before = || above.split(SECTION).skip(1).find_map(|one| one.strip_prefix(&format!("{title}\n")));
        let text = fresh.or_else(|| before().map(|text| text.trim().to_owned()))?;
        Some(format!("{SECTION}{title}\n\n{text}\n"))
    };
    let sections: String = titles.iter().filter_map(sections).collect();
    format!("{head}\n{sections}\n{KEPT}{kept}")
}

/// A Markdown table as it is, anything else as it was printed.
fn shown(table: &str) -> String {
    if table.starts_with('|') { table.to_owned() } else { format!("```text\n{table}\n```") }
}

fn machine() -> String {
    let file = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let field = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        line.split_once(':').map_or("unknown", |(_, value)| value.trim()).to_owned()
    };
    let (cpus, memory) = (file("/proc/cpuinfo"), file("/proc/meminfo"));
    let cores = cpus.lines().filter(|line| line.starts_with("processor")).count();
    format!(
        "Machine: {cores} cores ({}), {} of memory, Linux {}. {}, release profile (thin LTO).",
        field(&cpus, "model name"),
        field(&memory, "MemTotal"),
        say("uname", &["-r"]),
        say("rustc", &["--version"]),
    )
}

fn when() -> String {
    let (date, revision) = (say("date", &["-u", "+%Y-%m-%d"]), say("git", &["rev-parse", "--short", "HEAD"]));
    format!("On {date} at {revision}.")
}

/// The first line that a program prints.
fn say(program: &str, arguments: &[&str]) -> String {
    let first = |text: String| text.lines().next().map(str::to_owned);
    output(program, arguments).and_then(first).unwrap_or_else(|| "unknown".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TITLES: [&str; 3] = ["One", "Two", "Three"];

    fn table(title: &'static str, text: &str) -> Table {
        Table { title, about: format!("What {title} is."), text: text.to_owned() }
    }

    #[test]
    fn what_was_not_measured_stays() {
        // In whatever order they come.
        let whole = [table("Three", "| c |"), table("One", "| a |"), table("Two", "plain")];
        let first =
            whole.iter().fold(String::new(), |page, one| put(&page, Some(one), &TITLES, "On Monday."));
        assert_eq!(first.matches(SECTION).count(), TITLES.len());
        let by_hand = first.replace(HEAD, &format!("{HEAD}\n\n## What holds\n\n| bar |"));
        let by_hand = format!("{by_hand}\n# Found\n\n## Two\n\nby hand\n");
        let second = put(&by_hand, Some(&table("Two", "| new |")), &TITLES, "On Tuesday.");
        let expected = by_hand
            .replace("What Two is.\n\nOn Monday.", "What Two is.\n\nOn Tuesday.")
            .replace("```text\nplain\n```", "| new |");
        assert_eq!(second, expected);
        assert_eq!(put(&second, None, &TITLES, "On Friday."), second);
    }
}
