//! `cargo xtask bench`: measures what BENCHMARKS.md tells, and writes its tables anew.
//!
//! | Option | Does |
//! |---|---|
//! | `--workload DIR` | adds the workload that peers were measured on: the folder `bench/canned-rpc` of the shared facts |
//! | `--postgres URL` | adds the rows with PostgreSQL; without it a server of our own is started |
//! | `--runs N` | repeats what is noisy so often, five times unless told otherwise |
//! | `--only WORD` | leaves out the sections whose title does not hold the word, which stay as they are in the file |
//!
//! Everything is built into a folder of its own below cargo's, which is emptied first where the build is measured too. Then
//! comes one bench after the other (`sections.rs`), each of which prints a table that is in the file at once, so that who stops
//! after an hour has what was measured until then. What was found and changed is written by people, below the tables, and stays.
//! Nothing else should run meanwhile.

mod build;
mod page;
mod sections;
mod workload;

use std::process::{Command, Stdio};

use crate::machine;
use crate::page as dashboard;
use crate::postgres::{Server, Sync};
use crate::shell::{Failed, root, run_command, target};
use sections::SECTIONS;

/// What is asked for.
pub(super) struct Options {
    /// The folder of the shared workload.
    pub(super) workload: Option<String>,
    postgres: Option<String>,
    pub(super) runs: usize,
    only: Option<String>,
}

/// Measures, and writes BENCHMARKS.md.
pub(crate) fn bench(arguments: &[String]) -> Result<(), Failed> {
    let options = read(arguments)?;
    let server = match options.postgres {
        Some(_) => None,
        None => Some(Server::start(machine::need_postgres()?, Sync::On)?),
    };
    let url = options.postgres.clone().or_else(|| server.as_ref().map(Server::url));
    machine::need_c_compiler_and_perl()?;
    dashboard::build()?;
    let titles: Vec<&str> = [build::TITLE]
        .into_iter()
        .chain(SECTIONS.iter().map(|section| section.title))
        .chain([workload::TITLE])
        .collect();
    let mut failures = Vec::new();
    // What one section cannot measure costs none of the others their hour; what the file says of it stays.
    let mut take = |title, about: &str, measured: Result<String, Failed>| {
        let written = measured.and_then(|text| {
            page::write(&page::Table { title, about: about.to_owned(), text }, &titles, arguments)
        });
        if let Err(Failed(why)) = written {
            failures.push(format!("{title}: {why}"));
        }
    };
    if options.wants(build::TITLE) {
        take(build::TITLE, build::ABOUT, build::measure());
    } else {
        run_command(cargo(&["build", "--locked", "--release", "--package", "accrual"]))?;
    }
    for section in SECTIONS.iter().filter(|section| options.wants(section.title)) {
        take(section.title, section.about, table(section.command, url.as_deref()));
    }
    if let Some(folder) = options.workload.as_ref().filter(|_| options.wants(workload::TITLE)) {
        let measured = workload::measure(folder, options.runs, url.as_deref());
        take(workload::TITLE, workload::ABOUT, measured);
    }
    if failures.is_empty() { Ok(()) } else { Err(Failed(failures.join("; "))) }
}

impl Options {
    fn wants(&self, title: &str) -> bool {
        self.only.as_ref().is_none_or(|word| title.to_lowercase().contains(&word.to_lowercase()))
    }
}

fn read(arguments: &[String]) -> Result<Options, Failed> {
    let mut options = Options { workload: None, postgres: None, runs: 5, only: None };
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        let mut value =
            || words.next().cloned().ok_or_else(|| Failed(format!("{word} needs a value after it")));
        match word.as_str() {
            "--workload" => options.workload = Some(value()?),
            "--postgres" => options.postgres = Some(value()?),
            "--only" => options.only = Some(value()?),
            "--runs" => {
                let number = value()?;
                options.runs =
                    number.parse().map_err(|_| Failed(format!("--runs {number}: not a number")))?;
            }
            other => return Err(Failed(format!("bench has no option {other}"))),
        }
    }
    Ok(options)
}

/// The binary that is measured.
fn binary() -> String {
    target("bench/release/accrual")
}

/// cargo, building into the folder for benches.
fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    command.args(arguments).current_dir(root());
    command.env("CARGO_TARGET_DIR", target("bench")).env("CARGO_INCREMENTAL", "0");
    command
}

/// Runs a bench and answers what it prints, which is shown as well.
fn table(arguments: &[&str], postgres: Option<&str>) -> Result<String, Failed> {
    let mut command = cargo(arguments);
    command.env("ACCRUAL_BINARY", binary()).stderr(Stdio::inherit());
    if let Some(url) = postgres {
        command.env("ACCRUAL_TEST_POSTGRES_URL", url);
    }
    let line = format!("cargo {}", arguments.join(" "));
    eprintln!("$ {line}");
    let output = command.output().map_err(|error| Failed(format!("{line}: cannot be started ({error})")))?;
    let text = String::from_utf8_lossy(&output.stdout).trim_end().to_owned();
    println!("{text}");
    output
        .status
        .success()
        .then_some(text)
        .ok_or_else(|| Failed(format!("{line}: failed ({})", output.status)))
}
