//! What a build of the release binary takes from an empty folder, and what each dependency adds to it.

mod graph;
mod timings;

use std::io::ErrorKind;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::shell::{Failed, root, run_command, target};
use graph::{Graph, Package};
use timings::Spent;

pub(super) const TITLE: &str = "The build";

pub(super) const ABOUT: &str = "`cargo build --release --package accrual` from an empty folder, with all sources fetched before. \
    A crate's seconds are what cargo counts for its library, its build script and that script's run together. Crates are built \
    side by side, so that these seconds add up to more than the wall time. Optimising and linking the binary counts as ours, \
    though most of that code is others'. What only a dependency brings would not be built were it taken out \
    everywhere, also from others that use it.";

/// Dependencies below this are only named.
const SHOWN_FROM: Duration = Duration::from_millis(500);

/// One dependency that a crate of ours names.
struct Row<'a> {
    package: &'a Package,
    used_by: Vec<&'a str>,
    own: Duration,
    with_brought: Duration,
    brought: usize,
}

pub(super) fn measure() -> Result<String, Failed> {
    // Comes first since it fetches what is missing: the clock is not to count a download.
    let graph = graph()?;
    let folder = target("bench");
    let wall = build(&folder)?;
    let spent = spent(&Path::new(&folder).join("cargo-timings/cargo-timing.html"))?;
    let binary = super::binary();
    let binary_bytes = std::fs::metadata(&binary).map_err(|error| failed(Path::new(&binary), &error))?.len();
    let text =
        format!("{}\n{}", summary(wall, binary_bytes, &graph, &spent), dependencies(&rows(&graph, &spent)));
    println!("{text}");
    Ok(text)
}

/// The packages that the binary is made of, as `cargo tree` tells for this machine.
fn graph() -> Result<Graph, Failed> {
    let mut command = Command::new("cargo");
    command.args(["tree", "--locked", "--package", "accrual", "--edges", "normal,build"]);
    command.args(["--prefix", "depth", "--format", "{p}"]).current_dir(root()).stderr(Stdio::inherit());
    let output =
        command.output().map_err(|error| Failed(format!("cargo tree: cannot be started ({error})")))?;
    if !output.status.success() {
        return Err(Failed(format!("cargo tree: failed ({})", output.status)));
    }
    Graph::read(&String::from_utf8_lossy(&output.stdout))
        .ok_or_else(|| Failed("cargo tree: its text has a form that xtask does not know".to_owned()))
}

/// Empties `folder` and builds into it; answers how long that took.
fn build(folder: &str) -> Result<Duration, Failed> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(failed(Path::new(folder), &error)),
        _ => {}
    }
    let begun = Instant::now();
    run_command(super::cargo(&["build", "--locked", "--release", "--timings", "--package", "accrual"]))?;
    Ok(begun.elapsed())
}

/// What cargo's report says of each crate.
fn spent(report: &Path) -> Result<Spent, Failed> {
    let html = std::fs::read_to_string(report).map_err(|error| failed(report, &error))?;
    timings::read(&html)
        .ok_or_else(|| Failed(format!("{}: it has a form that xtask does not know", report.display())))
}

fn failed(path: &Path, error: &std::io::Error) -> Failed {
    Failed(format!("{}: {error}", path.display()))
}

fn summary(wall: Duration, binary_bytes: u64, graph: &Graph, spent: &Spent) -> String {
    let all: Duration = spent.values().sum();
    let ours: Duration =
        spent.iter().filter(|(package, _)| graph.is_ours(package)).map(|(_, took)| took).sum();
    let lines = [
        ("from an empty folder to the binary, s", seconds(wall)),
        ("crates built", spent.len().to_string()),
        ("seconds of all crates", seconds(all)),
        ("seconds of our own crates", seconds(ours)),
        ("the binary, MB", tenths(u128::from(binary_bytes / 1000))),
    ];
    let lines = lines.iter().map(|(what, value)| format!("| {what} | {value} |\n"));
    format!("| what | |\n|---|---|\n{}", lines.collect::<String>())
}

/// A row for each dependency that a crate of ours names, the one that costs most first.
fn rows<'a>(graph: &'a Graph, spent: &Spent) -> Vec<Row<'a>> {
    let took = |package: &Package| spent.get(package).copied().unwrap_or_default();
    let mut rows: Vec<Row> = graph
        .direct()
        .into_iter()
        .map(|(package, used_by)| {
            let brought = graph.only_brought_by(package);
            let with_brought = brought.iter().map(|one| took(one)).sum();
            Row { package, used_by, own: took(package), with_brought, brought: brought.len() }
        })
        .collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.with_brought));
    rows
}

fn dependencies(rows: &[Row]) -> String {
    let (shown, others): (Vec<&Row>, Vec<&Row>) = rows.iter().partition(|row| row.with_brought >= SHOWN_FROM);
    let mut text =
        "| dependency | used by | its own, s | with all that only it brings, s | crates only it brings |\n\
                    |---|---|---|---|---|\n"
            .to_owned();
    for row in shown {
        let Package { name, version } = row.package;
        let used_by: Vec<&str> =
            row.used_by.iter().map(|user| user.strip_prefix("accrual-").unwrap_or(user)).collect();
        text.push_str(&format!(
            "| {name} {version} | {} | {} | {} | {} |\n",
            used_by.join(", "),
            seconds(row.own),
            seconds(row.with_brought),
            row.brought,
        ));
    }
    if !others.is_empty() {
        let names: Vec<&str> = others.iter().map(|row| row.package.name.as_str()).collect();
        let least = seconds(SHOWN_FROM);
        text.push_str(&format!("\n{} others, each below {least} s: {}", names.len(), names.join(", ")));
    }
    text.trim_end().to_owned()
}

fn seconds(took: Duration) -> String {
    tenths(took.as_millis())
}

/// Thousandths, shown as tenths of a whole: rounded down, so that what is below half a second never looks like it.
fn tenths(thousandths: u128) -> String {
    format!("{}.{}", thousandths / 1000, thousandths % 1000 / 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TREE: &str = "0accrual v0.1.0 (/work/crates/accrual)\n1accrual-api v0.1.0 (/work/crates/api)\n\
                        2web v1.2.0\n3wire v0.3.0\n1tiny v0.1.0\n1web v1.2.0 (*)\n";

    #[test]
    fn the_tables_say_what_each_dependency_costs() {
        let graph = Graph::read(TREE).unwrap();
        let spent: Spent = [
            ("accrual", "0.1.0", 20_000),
            ("accrual-api", "0.1.0", 5_500),
            ("web", "1.2.0", 2_290),
            ("wire", "0.3.0", 1_000),
            ("tiny", "0.1.0", 499),
        ]
        .into_iter()
        .map(|(name, version, ms)| (Package::new(name, version), Duration::from_millis(ms)))
        .collect();
        assert_eq!(
            summary(Duration::from_millis(61_250), 23_456_789, &graph, &spent),
            "| what | |\n|---|---|\n| from an empty folder to the binary, s | 61.2 |\n| crates built | 5 |\n\
             | seconds of all crates | 29.2 |\n| seconds of our own crates | 25.5 |\n| the binary, MB | 23.4 |\n"
        );
        assert_eq!(
            dependencies(&rows(&graph, &spent)),
            "| dependency | used by | its own, s | with all that only it brings, s | crates only it brings |\n\
             |---|---|---|---|---|\n| web 1.2.0 | accrual, api | 2.2 | 3.2 | 2 |\n\n\
             1 others, each below 0.5 s: tiny"
        );
    }
}
