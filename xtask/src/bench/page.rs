//! Writes BENCHMARKS.md: the machine, the tables, and below them what people wrote.

use crate::shell::{Failed, output, root};

/// What one section shows.
pub(super) struct Table {
    pub(super) title: &'static str,
    pub(super) about: String,
    pub(super) text: String,
}

/// What stands below this line is written by people and kept.
const KEPT: &str = "<!-- Written by hand from here on: `cargo xtask bench` keeps it. -->";

pub(super) fn write(tables: &[Table], arguments: &[String]) -> Result<(), Failed> {
    let path = root().join("BENCHMARKS.md");
    let old = std::fs::read_to_string(&path).unwrap_or_default();
    let kept = old.split_once(KEPT).map_or("\n", |(_, kept)| kept);
    let command = ["cargo xtask bench"].into_iter().chain(arguments.iter().map(String::as_str));
    let command = command.collect::<Vec<_>>().join(" ");
    let mut text = format!(
        "# Benchmarks\n\nWhat was measured, where, and how to measure it again. Machines are noisy: hold figures of one run \
         against each other,\nnot against another day's.\n\n{}\n\n    {command}\n",
        machine()
    );
    for Table { title, about, text: table } in tables {
        text.push_str(&format!("\n## {title}\n\n{about}\n\n{}\n", shown(table)));
    }
    text.push_str(&format!("\n{KEPT}{kept}"));
    std::fs::write(&path, text).map_err(|error| Failed(format!("{}: {error}", path.display())))
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
    let say = |program: &str, arguments: &[&str]| {
        output(program, arguments)
            .and_then(|text| text.lines().next().map(str::to_owned))
            .unwrap_or("unknown".into())
    };
    format!(
        "Machine: {cores} cores ({}), {} of memory, Linux {}. {}, release profile (thin LTO). Revision {}, {}.",
        field(&cpus, "model name"),
        field(&memory, "MemTotal"),
        say("uname", &["-r"]),
        say("rustc", &["--version"]),
        say("git", &["rev-parse", "--short", "HEAD"]),
        say("date", &["-u", "+%Y-%m-%d"]),
    )
}
